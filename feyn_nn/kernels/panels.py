"""Where a user's activation is smooth: panels of its pre-activation z, found by bisection, and the places of its kinks.

On every panel phi is a polynomial to about ten digits at Gauss-Legendre nodes, so that integrals of products of a few phi with
a Gaussian keep about twice as many. A kink or a step is closed in by bisection down to the spacing of floating-point numbers
and becomes an edge itself, hence costs no digits wherever it is. Only values are asked of the activation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil, log2
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.errors import InputError, LimitError
from feyn_nn.kernels.legendre import legendre_rule

if TYPE_CHECKING:
    from feyn_nn.arrays import BoolArray, FloatArray
    from feyn_nn.network import Activation

RULE: Final = legendre_rule(16)
"""Every panel is resolved at the nodes of this rule."""
MAX_PANELS: Final = 1000
_MOST_BISECTIONS: Final = 50_000
_RESOLVED: Final = 1e-10
_KINK: Final = 1e-7
_FINEST: Final = -24
"""Structure of phi is looked for on scales from 2^-24 on."""
_SHORT: Final = 2.0**-50
_SPACINGS: Final = 8
"""A panel may be as long as so many spacings of floating-point numbers, or `_SHORT`, without being resolved."""
_NARROW: Final = 1e-3
_STEPS: Final = 8
_SLACK: Final = 1.1
_SIMILAR: Final = 8


def activation_values(activation: Activation, z: FloatArray) -> FloatArray:
    """Phi at z, of any shape; raises InputError, and blames the activation, where it is not a finite number."""
    values = np.array(z, dtype=np.float64)
    with np.errstate(all="ignore"):
        activation.apply(values)
    wrong = ~np.isfinite(values)
    if np.any(wrong):
        place = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise InputError(
            f"activation {activation.name!r} returned {values[place]} at z = {z[place]:.6g}: expected a finite number; "
            "correct the activation, or lower sigma_w and sigma_b if it overflows"
        )
    return values


@dataclass(frozen=True, slots=True, eq=False)
class Panels:
    """`edges`, ascending, of the panels on which phi is smooth; those of `breaks` among them are kinks or steps."""

    edges: FloatArray
    breaks: FloatArray


@lru_cache(maxsize=64)
def smooth_panels(activation: Activation, reach: float) -> Panels:
    """The panels of an activation for |z| up to a reach of one or more.

    Raises InputError where phi is not a finite number, LimitError where it takes more than a thousand panels.
    """
    resolution = _Resolution(activation, reach)
    edges = resolution.bisected(resolution.octaves)
    edges = resolution.merged(resolution.bisected(np.union1d(resolution.octaves, _closed_in(edges))))
    if len(edges) > MAX_PANELS:
        raise resolution.too_rough()
    quarter = np.minimum(edges[1:-1] - edges[:-2], edges[2:] - edges[1:-1]) / 4
    kinks = ~resolution.resolved(edges[1:-1] - quarter, edges[1:-1] + quarter, _KINK)
    return Panels(edges, edges[1:-1][kinks])


def _closed_in(edges: FloatArray) -> FloatArray:
    """Places that bisection has closed in: the panels shrink towards them from both sides."""
    lengths = np.diff(edges)
    inner = lengths[1:-1]
    shortest = (inner < lengths[:-2]) & (inner <= lengths[2:]) & (inner <= _NARROW * np.abs(edges[1:-2]))
    places: FloatArray = edges[1:-2][shortest]
    return places


class _Resolution:
    """Judges panels; phi counts as resolved where its error is small against the largest |phi| nearer to zero.

    So the rounding of a tail is no structure.
    """

    def __init__(self, activation: Activation, reach: float) -> None:
        self._activation = activation
        self._reach = reach
        octaves = np.append(2.0 ** np.arange(_FINEST, log2(reach) - 0.5), reach)
        self.octaves = np.concatenate([-octaves[::-1], [0.0], octaves])
        self._distances = reach * 2.0 ** (np.arange(-_STEPS * (ceil(log2(reach)) - _FINEST), 1) / _STEPS)
        values = np.abs(activation_values(activation, np.stack([self._distances, -self._distances])))
        self._largest = np.maximum.accumulate(np.max(values, axis=0))

    def resolved(self, left: FloatArray, right: FloatArray, accuracy: float = _RESOLVED) -> BoolArray:
        """Which panels are resolved, shape (panels,)."""
        z = left[:, None] + (right - left)[:, None] * RULE.nodes
        values = activation_values(self._activation, z)
        distance = _SLACK * np.maximum(np.abs(left), np.abs(right))
        nearer = self._largest[np.maximum(np.searchsorted(self._distances, distance, side="right") - 1, 0)]
        smooth: BoolArray = RULE.last_coefficients(values) <= accuracy * np.maximum(
            np.max(np.abs(values), axis=1), nearer
        )
        return smooth

    def bisected(self, edges: FloatArray) -> FloatArray:
        """The edges with all panels halved that are neither resolved nor short."""
        left, right = edges[:-1], edges[1:]
        done = [edges]
        while len(left):
            shortest = np.maximum(_SPACINGS * np.spacing(np.maximum(np.abs(left), np.abs(right))), _SHORT)
            rest = ~self.resolved(left, right) & (right - left > shortest)
            middle = (left + right)[rest] / 2
            done.append(middle)
            left, right = np.concatenate([left[rest], middle]), np.concatenate([middle, right[rest]])
            if sum(map(len, done)) > _MOST_BISECTIONS:
                raise self.too_rough()
        return np.unique(np.concatenate(done))

    def merged(self, edges: FloatArray) -> FloatArray:
        """The edges without those between neighbours of similar length that are resolved together; zero stays."""
        zero = int(np.searchsorted(edges, 0.0))
        return np.union1d(self._outward(edges[zero:]), self._outward(edges[zero::-1]))

    def _outward(self, edges: FloatArray) -> FloatArray:
        """The same on one side, edges ordered from zero on."""
        kept = [edges[0]]
        for inner, outer in pairwise(edges[1:]):
            ratio = (outer - inner) / (inner - kept[-1])
            if not (1 / _SIMILAR <= ratio <= _SIMILAR and self.resolved(np.array([kept[-1]]), np.array([outer]))[0]):
                kept.append(inner)
        return np.array([*kept, edges[-1]])

    def too_rough(self) -> LimitError:
        """The refusal of an activation with too many panels."""
        return LimitError(
            f"activation {self._activation.name!r}: more than {MAX_PANELS} panels for |z| up to {self._reach:g} on which it is "
            "smooth; lower sigma_w, sigma_b or the cutoff, or give the kernel as an expression"
        )
