"""A measured number: mean, standard error, and the number of independent experiments behind it."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, isfinite, log10, sqrt
from typing import TYPE_CHECKING

from feyn_nn.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROUNDING = 1e-15


@dataclass(frozen=True, slots=True)
class Estimate:
    """Mean and standard error from `n` independent experiments; `error` is None where none is supported.

    >>> print(Estimate(0.31502, 0.0072, 10))
    0.3150(72)
    >>> print(Estimate(-1.25e-7, 3e-10, 10))
    -1.2500(30)e-07
    >>> print(Estimate(0.3, None, 10))
    0.3(no error bar)
    """

    mean: float
    error: float | None
    n: int

    @classmethod
    def from_experiments(cls, values: Sequence[float]) -> Estimate:
        """Mean of independent, equally weighted experiments and its standard error.

        Raises InputError for fewer than two experiments: one number carries no error bar.
        """
        n = len(values)
        if n < 2:
            raise InputError(f"an error bar needs at least two independent experiments, got {n}")
        mean = sum(values) / n
        variance = sum((value - mean) ** 2 for value in values) / (n - 1)
        return cls(mean, sqrt(variance / n), n)

    def __str__(self) -> str:
        """Write the value with the error's two leading digits in parentheses."""
        if self.error is None or not isfinite(self.error) or not isfinite(self.mean):
            return f"{self.mean:.4g}(no error bar)"
        if self.error <= abs(self.mean) * _ROUNDING:
            return f"{self.mean:.6g}(0)"
        scale = floor(log10(max(abs(self.mean), self.error)))
        if -3 <= scale < 6:
            return _parenthesised(self.mean, self.error)
        return f"{_parenthesised(self.mean / 10.0**scale, self.error / 10.0**scale)}e{scale:+03d}"


def _parenthesised(mean: float, error: float) -> str:
    decimals = 1 - floor(log10(error))
    digits = round(error * 10.0**decimals)
    if digits >= 100:  # rounding made .0995 into .10
        decimals -= 1
        digits = round(error * 10.0**decimals)
    if decimals <= 0:
        return f"{round(mean, decimals) + 0.0:.0f}({digits * 10 ** (-decimals)})"
    return f"{round(mean, decimals) + 0.0:.{decimals}f}({digits})"  # + 0.0 turns -0.0 into 0.0
