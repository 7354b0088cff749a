"""Functions of a pre-activation's variance, tabulated octave by octave where they are wanted at many variances.

What a neuron's expectations need is smooth in log v, so that in an octave some forty Chebyshev nodes do for any number of
variances. Where the last coefficients say that it is not, and for few variances, the function itself is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import FloatArray, IntArray

ColumnFunction: TypeAlias = "Callable[[FloatArray], FloatArray]"
"""From variances of shape (n,), ascending and less than a factor 2 apart, to columns of order one, shape (n, columns)."""

NODES: Final = 40
_LAST: Final = 3
_ACCURACY: Final = 1e-13


class VarianceTable:
    """A function at variances of shape (n,), to be asked for any part of them."""

    def __init__(self, function: ColumnFunction, variance: FloatArray) -> None:
        distinct = np.unique(variance)
        self.octaves = [_Octave(function, distinct[rows]) for rows in _octaves(distinct)]
        self._lowest = np.array([octave.variance[0] for octave in self.octaves])

    def at(self, variance: FloatArray) -> FloatArray:
        """Columns at variances of shape (n,) among those that the table is for: shape (n, columns)."""
        octave = np.searchsorted(self._lowest, variance, side="right") - 1
        result = np.empty((len(variance), self.octaves[0].values.shape[1]))
        for k in np.unique(octave):
            rows = octave == k
            result[rows] = self.octaves[k].at(variance[rows])
        return result


class _Octave:
    """`values` at nodes or, where `series` is None, at the variances themselves."""

    def __init__(self, function: ColumnFunction, variance: FloatArray) -> None:
        self.variance = variance
        self.series: FloatArray | None = None
        if len(variance) > NODES:
            angle = np.pi * (np.arange(NODES) + 0.5) / NODES
            self.values = function(variance[0] * (variance[-1] / variance[0]) ** ((1 - np.cos(angle)) / 2))
            series = _cosines(np.pi - angle).T @ self.values * (2 / NODES)
            series[0] /= 2
            if np.max(np.abs(series[-_LAST:])) <= _ACCURACY * np.max(np.abs(self.values)):
                self.series = series
        if self.series is None:
            self.values = function(variance)

    def at(self, variance: FloatArray) -> FloatArray:
        if self.series is None:
            known: FloatArray = self.values[np.searchsorted(self.variance, variance)]
            return known
        fraction = np.log(variance / self.variance[0]) / np.log(self.variance[-1] / self.variance[0])
        interpolated: FloatArray = _cosines(np.arccos(np.clip(2 * fraction - 1, -1.0, 1.0))) @ self.series
        return interpolated


def _cosines(angle: FloatArray) -> FloatArray:
    """Chebyshev polynomials of cos(angle), shape (angles, NODES)."""
    result: FloatArray = np.cos(np.outer(angle, np.arange(NODES)))
    return result


def _octaves(variance: FloatArray) -> list[IntArray]:
    """Places of variances that differ by less than a factor 2; zeros are together too."""
    exponent = np.where(variance > 0, np.frexp(variance)[1], np.iinfo(np.intc).min)
    return [np.flatnonzero(exponent == each) for each in np.unique(exponent)]
