"""E[phi(z_x) phi(z_y)] of a neuron for single pairs, by quadrature over the plane: for kinks and steps, up to correlation +-1.

With the angle psi between two pre-activations of standard deviations a and b (z_y mirrored for psi > pi/2, so that C > S >= 0),

    z_x = a (C t + S h) - c_x,   z_y = b (C t - S h) - c_y,   C = cos(psi/2),   S = sin(psi/2),

t and h independent standard Gaussians. For fixed h the places where phi is not smooth are points on the line of t: the inner
integral is cut there. As a function of h it is smooth but where a kink in z_x meets one in z_y: the outer integral is cut
there, with Gauss rules for the pieces of the Gaussian. Pairs for which last coefficients do not say that these are enough are
done again with outer panels that are halved until they are resolved. For psi = 0 there is no h.
"""

from __future__ import annotations

from math import ceil, pi, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.errors import LimitError
from feyn_nn.kernels.half_lines import REACH, half_line_rules
from feyn_nn.kernels.legendre import legendre_rule
from feyn_nn.kernels.neuron import Bounded, in_deviations

if TYPE_CHECKING:
    from feyn_nn.arrays import BoolArray, FloatArray, IntArray
    from feyn_nn.kernels.neuron import Neuron

GOAL: Final = 1e-11
"""Error of a piece of the outer integral, relative to sqrt(E[phi(z_x)^2] E[phi(z_y)^2])."""
_INNER: Final = legendre_rule(20)
_OUTER: Final = legendre_rule(24)
_PANEL: Final = 8.5
"""Standard deviations: a Gaussian's half on 20 nodes leaves 1e-14."""
_LEFT: Final = 1e-11
_ROUNDING: Final = 2e-12
"""What the ends of the window and rounding leave, relative to the same."""
_HALVINGS: Final = 40
_MOST_KINKS: Final = 4
"""With more, the places where two of them meet are left to the halving of panels."""
_MOST_WORK: Final = 2e9
_PAIRS: Final = 1 << 10
_BLOCK: Final = 1 << 15


def plane_work(neuron: Neuron, x: FloatArray, y: FloatArray, angle: FloatArray) -> float:
    """About how many values of phi the integrals for pairs of variances and their angles, of shape (pairs,), take at least."""
    variance = np.concatenate([x, y])
    panels = neuron.panels(variance, neuron.window(variance, left=_LEFT))
    outer = np.where(_parallel(angle), 1, len(_OUTER.nodes))
    return float(np.sum(outer)) * 2 * len(panels.edges) * len(_INNER.nodes)


def plane_moments(neuron: Neuron, x: FloatArray, y: FloatArray, angle: FloatArray, size: FloatArray) -> Bounded:
    """E[phi(z_x) phi(z_y)] for pairs with variances x and y and an angle psi from 0 to pi, all of shape (pairs,).

    `size` is sqrt(E[phi(z_x)^2] E[phi(z_y)^2]). Raises as `Neuron.window`, and LimitError if it would take minutes.
    """
    work = plane_work(neuron, x, y, angle)
    if work > _MOST_WORK:
        raise LimitError(
            f"activation {neuron.activation.name!r}: {len(x)} pairs of points with nearly parallel pre-activations would take "
            f"about {work:.1e} values of it, more than {_MOST_WORK:.0e}; use fewer points or a coarser grid, or give the "
            "kernel as an expression"
        )
    window = neuron.window(np.concatenate([x, y]), left=_LEFT)
    value, error = np.empty((2, len(x)))
    for start in range(0, len(x), _PAIRS):
        rows = slice(start, start + _PAIRS)
        pairs = _Pairs(neuron, window, x[rows], y[rows], angle[rows])
        found = pairs.by_gauss_rules()
        left = np.flatnonzero(found.error > GOAL * size[rows])
        if len(left):
            found.value[left], found.error[left] = pairs.by_halving(left, GOAL * size[rows])
        value[rows], error[rows] = found.value, found.error + _ROUNDING * size[rows]
    return Bounded(value, error)


def _parallel(angle: FloatArray) -> BoolArray:
    """Pairs of exactly parallel or opposite pre-activations."""
    result: BoolArray = (angle == 0) | (angle == pi)
    return result


class _Pairs:
    """Some pairs; `_lines` are the places where phi is not smooth, as C t + S h in z_x and C t - S h in z_y."""

    def __init__(self, neuron: Neuron, window: float, x: FloatArray, y: FloatArray, angle: FloatArray) -> None:
        self._neuron = neuron
        self._window = window
        self._parallel = _parallel(angle)
        mirrored = angle > pi / 2
        half = np.where(mirrored, pi - angle, angle)[:, None] / 2
        self._cosine, self._sine = np.cos(half), np.sin(half)
        self._sign = np.where(mirrored, -1.0, 1.0)[:, None]
        self._mean = neuron.mean(x)[:, None], neuron.mean(y)[:, None]
        self._deviation = np.sqrt(x)[:, None], self._sign * np.sqrt(y)[:, None]
        panels = neuron.panels(np.concatenate([x, y]), window)
        first, second = (self._lines_of(panels.edges[1:-1], place) for place in (0, 1))
        seen = np.any(np.minimum(np.abs(first), np.abs(second)) < sqrt(2) * window, axis=0)
        self._lines = np.hstack([first[:, seen], second[:, seen]])
        self._slopes = np.repeat([-1.0, 1.0], np.count_nonzero(seen))
        self._kinks = panels.breaks if len(panels.breaks) <= _MOST_KINKS else panels.breaks[:0]
        self._even = np.linspace(-window, window, 2 * ceil(window / _PANEL) + 1)

    def _lines_of(self, z: FloatArray, place: int) -> FloatArray:
        """Places z of one of the pre-activations, shape (pairs, places)."""
        sign = self._sign if place else 1.0
        return sign * in_deviations(z, self._mean[place], np.abs(self._deviation[place]))

    def _meetings(self) -> FloatArray:
        """Where a kink in z_x meets one in z_y, as h, ascending and within the window, shape (pairs, meetings)."""
        first, second = self._lines_of(self._kinks, 0), self._lines_of(self._kinks, 1)
        apart = (first[:, :, None] - second[:, None, :]).reshape(len(first), -1)
        meetings = np.divide(apart, 2 * self._sine, out=np.full_like(apart, np.inf), where=self._sine > 0)
        return np.sort(np.clip(meetings, -self._window, self._window), axis=1)

    def by_gauss_rules(self) -> Bounded:
        """The integral over h and t with Gauss rules between the meetings, shape (pairs,)."""
        value, error = np.zeros((2, len(self._parallel)))
        lines = np.flatnonzero(self._parallel)
        value[lines] = self._inner(lines, np.zeros((len(lines), 1)))[:, 0]
        meetings = self._meetings()
        inside = (np.abs(meetings) < min(self._window, REACH)) & ~self._parallel[:, None]
        lowest = np.min(meetings, axis=1, where=inside, initial=REACH)
        highest = np.max(meetings, axis=1, where=inside, initial=-REACH)
        highest[~np.any(inside, axis=1)] = REACH
        below = np.flatnonzero(~self._parallel)
        above = below[highest[below] < REACH]
        for pair, sign, cuts in ((below, -1.0, -lowest), (above, 1.0, highest)):
            rules = half_line_rules(cuts[pair])
            values = self._inner(pair, sign * rules.nodes)
            value[pair] += np.sum(rules.weights * values, axis=1)
            error[pair] += rules.error(values)
        pair, panel = np.nonzero(inside[:, :-1] & inside[:, 1:] & (np.diff(meetings, axis=1) > 0))
        sums, bounds = self._panels(pair, meetings[pair, panel], meetings[pair, panel + 1])
        np.add.at(value, pair, sums)
        np.add.at(error, pair, bounds)
        return Bounded(value, error)

    def by_halving(self, pairs: IntArray, goal: FloatArray) -> Bounded:
        """The same for some of the pairs with panels that are halved until the error of each is below a goal."""
        value, error = np.zeros((2, len(self._parallel)))
        cuts = np.hstack([self._meetings()[pairs], np.broadcast_to(self._even, (len(pairs), len(self._even)))])
        cuts.sort(axis=1)
        row, panel = np.nonzero(np.diff(cuts, axis=1) > 0)
        pair, left, right = pairs[row], cuts[row, panel], cuts[row, panel + 1]
        for halving in range(_HALVINGS + 1):
            sums, bounds = self._panels(pair, left, right)
            done = (bounds <= goal[pair]) | (halving == _HALVINGS)
            np.add.at(value, pair[done], sums[done])
            np.add.at(error, pair[done], bounds[done])
            pair, left, right = pair[~done], left[~done], right[~done]
            if not len(pair):
                break
            middle = (left + right) / 2
            pair, left, right = np.tile(pair, 2), np.concatenate([left, middle]), np.concatenate([middle, right])
        return Bounded(value[pairs], error[pairs])

    def _panels(self, pair: IntArray, left: FloatArray, right: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The integral over panels of h and its error, both of shape (panels,)."""
        length = right - left
        h = left[:, None] + length[:, None] * _OUTER.nodes
        values = self._inner(pair, h) * (np.exp(h**2 / -2) / sqrt(2 * pi))
        return length * (values @ _OUTER.weights), length * _OUTER.error(values)

    def _inner(self, pair: IntArray, h: FloatArray) -> FloatArray:
        """The integral over t for rows of pairs, at each of several h, shape (rows, nodes)."""
        result, shape = np.empty(h.size), h.shape
        pair, h = np.repeat(pair, h.shape[1]), h.reshape(-1, 1)
        step = max(1, _BLOCK // (len(_INNER.nodes) * (len(self._slopes) + len(self._even))))
        for start in range(0, len(pair), step):
            rows = pair[start : start + step]
            shift = self._sine[rows] * h[start : start + step]
            cuts = (self._lines[rows] + self._slopes * shift) / self._cosine[rows]
            cuts = np.hstack([cuts, np.broadcast_to(self._even, (len(rows), len(self._even)))])
            t, weights = _INNER.composite(np.sort(np.clip(cuts, -self._window, self._window), axis=1))
            weights *= np.exp(t**2 / -2) / sqrt(2 * pi)
            t *= self._cosine[rows]
            for mean, deviation, displaced in zip(self._mean, self._deviation, (t + shift, t - shift), strict=True):
                weights *= self._neuron.values(mean[rows] + deviation[rows] * displaced)
            result[start : start + step] = np.sum(weights, axis=1)
        return result.reshape(shape)
