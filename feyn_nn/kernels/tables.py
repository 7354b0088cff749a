"""Expectations of a neuron as functions of its pre-activation's variance, tabulated octave by octave.

They are smooth in log v, so that some forty Chebyshev nodes do for all variances of an octave, and the table of an octave is
kept for other calls. Where its last coefficients say that it is not smooth enough, or where it does not exist in all of the
octave, the function itself is called.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from feyn_nn.errors import FeynError

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

NODES: Final = 40
_LAST: Final = 3
_ACCURACY: Final = 1e-13
_ZERO: Final = -10_000


class Columns(Protocol):
    """A hashable function of variances within an octave, shape (n,), with columns of order one: shape (n, columns)."""

    def __call__(self, variance: FloatArray) -> FloatArray:
        """The columns, shape (n, columns)."""

    def __hash__(self) -> int:
        """Equal functions are tabulated once."""


def tabulated(columns: Columns, variance: FloatArray) -> FloatArray:
    """A function of the variance at variances of shape (n,), from the tables of their octaves: shape (n, columns).

    Raises as the function does.
    """
    exponent = np.where(variance > 0, np.frexp(variance)[1], _ZERO)
    parts = {int(each): np.flatnonzero(exponent == each) for each in np.unique(exponent)}
    found = {each: _at(columns, variance[rows], each) for each, rows in parts.items()}
    result = np.empty((len(variance), next(iter(found.values())).shape[1]))
    for each, rows in parts.items():
        result[rows] = found[each]
    return result


def _at(columns: Columns, variance: FloatArray, exponent: int) -> FloatArray:
    series = _octave(columns, exponent) if exponent != _ZERO else None
    if series is None:
        distinct, place = np.unique(variance, return_inverse=True)
        return columns(distinct)[place]
    unit = 2 * np.log2(variance) - 2 * exponent + 1
    interpolated: FloatArray = _cosines(np.arccos(np.clip(unit, -1.0, 1.0))) @ series
    return interpolated


@lru_cache(maxsize=128)
def _octave(columns: Columns, exponent: int) -> FloatArray | None:
    """Chebyshev coefficients in log v of the octave below 2^exponent, shape (NODES, columns), if it is smooth there."""
    angle = np.pi * (np.arange(NODES) + 0.5) / NODES
    try:
        values = columns(2.0 ** (exponent - (1 - np.cos(angle)) / 2))
    except FeynError:  # a moment that does not exist, or overflows, in a part of the octave
        return None
    series = _cosines(angle).T @ values * (2 / NODES)
    series[0] /= 2
    if np.max(np.abs(series[-_LAST:])) > _ACCURACY * np.max(np.abs(values)):
        return None
    return series


def _cosines(angle: FloatArray) -> FloatArray:
    """Chebyshev polynomials of cos(angle), shape (angles, NODES)."""
    result: FloatArray = np.cos(np.outer(angle, np.arange(NODES)))
    return result
