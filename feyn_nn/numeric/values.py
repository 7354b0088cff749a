"""Integrals with their errors, carried through products and sums.

A quadrature's error is a bound, added up in size. Random grids leave deviations, one for each scrambling, the same
scramblings for all integrals: they are added up with their signs, and the error is the root of the sum of their
squares, so that what is common to two integrals cancels or adds up as it should.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, final

import numpy as np

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray, IntArray

Index: TypeAlias = "tuple[IntArray | slice, ...]"
_ROUNDING = 1e-15


@final
@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Numbers of any shape; `bound` has the same shape, `deviations` one more axis in front, of scramblings."""

    value: FloatArray
    bound: FloatArray
    deviations: FloatArray | None = None

    @classmethod
    def exactly(cls, value: FloatArray) -> Values:
        """Numbers without an error other than rounding."""
        return cls(value, _ROUNDING * np.abs(value))

    @classmethod
    def from_levels(cls, rough: FloatArray, fine: FloatArray) -> Values:
        """The finer of two approximations, with the difference for its error.

        Where the difference happens to be small, the error is what the worst of the numbers has, relative to the largest.
        """
        gap = np.abs(fine - rough)
        size = float(np.max(np.abs(fine), initial=0.0))
        relative = float(np.max(gap, initial=0.0)) / size if size > 0 else 0.0
        return cls(fine, np.maximum(gap, (relative + _ROUNDING) * np.abs(fine)))

    @classmethod
    def from_samples(cls, rows: FloatArray) -> Values:
        """The mean over independent samples, shape (samples, ...), with its standard error."""
        mean = rows.mean(axis=0)
        number = len(rows)
        return cls(mean, _ROUNDING * np.abs(mean), (rows - mean) / np.sqrt(number * (number - 1)))

    @property
    def error(self) -> FloatArray:
        """The error of every number."""
        if self.deviations is None:
            return self.bound
        result: FloatArray = self.bound + np.sqrt(np.square(self.deviations).sum(axis=0))
        return result

    @property
    def relative_error(self) -> float:
        """The largest error over the largest number, zero where all vanish."""
        size = float(np.max(np.abs(self.value), initial=0.0))
        return float(np.max(self.error, initial=0.0)) / size if size > 0 else 0.0

    def at(self, index: Index) -> Values:
        """The numbers at an index, as of an array."""
        deviations = None if self.deviations is None else self.deviations[(slice(None), *index)]
        return Values(self.value[index], self.bound[index], deviations)

    def scaled(self, factor: float) -> Values:
        """Every number times an exact factor."""
        deviations = None if self.deviations is None else factor * self.deviations
        return Values(factor * self.value, abs(factor) * self.bound, deviations)

    def __add__(self, other: Values) -> Values:
        return Values(self.value + other.value, self.bound + other.bound, _sum(self.deviations, other.deviations))

    def __mul__(self, other: Values) -> Values:
        bound = np.abs(self.value) * other.bound + self.bound * np.abs(other.value) + self.bound * other.bound
        one = None if self.deviations is None else self.deviations * other.value
        two = None if other.deviations is None else self.value * other.deviations
        return Values(self.value * other.value, bound, _sum(one, two))


def _sum(one: FloatArray | None, two: FloatArray | None) -> FloatArray | None:
    if one is None or two is None:
        return two if one is None else one
    return one + two
