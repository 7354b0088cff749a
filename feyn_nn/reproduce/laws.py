"""The laws of large and small cutoffs as numbers, for a number of input dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from feyn_nn.errors import InputError
from feyn_nn.symbolic.kernels import SYMBOLS

if TYPE_CHECKING:
    from feyn_nn.symbolic.beta import Beta


def limit_slope(beta: Beta, d_in: int) -> float:
    """The slope d log|g|/d log Lambda as Lambda -> infinity, in the coupled system."""
    return _number(beta.exponent, beta, d_in)


def plateau_power(beta: Beta, d_in: int) -> float:
    """E for which c = g Lambda^E tends to a constant as Lambda -> infinity."""
    return _number(beta.fixed_points.ultraviolet_exponent, beta, d_in)


def _number(exponent: Any, beta: Beta, d_in: int) -> float:
    """An expression in d_in as a number; raises InputError where there is no power law."""
    if exponent is None:
        raise InputError(f"{beta.kernel.name}: {beta.operator.coupling} follows no power law of the cutoff")
    return float(exponent.subs(SYMBOLS.d_in, d_in))
