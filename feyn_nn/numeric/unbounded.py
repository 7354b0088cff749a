"""Integrals without a cutoff: the limit of growing cutoffs, where there is one.

With K falling as r^a along its directions the integral over a cube differs from its limit by a power Lambda^-q, or by
less. So the differences between cutoffs Lambda, 4 Lambda, 16 Lambda, ... become a geometric series of ratio 4^-q, whose
remainder is added and counted as an error. A ratio that comes to 1 or more says that the integral diverges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.errors import InputError
from feyn_nn.numeric.values import Values

if TYPE_CHECKING:
    from collections.abc import Callable

_STEP: Final = 4.0
_MOST_STEPS: Final = 40
_DIVERGES: Final = 0.95
"""A ratio from which on the series is taken to diverge: Lambda^-0.04."""
_PATIENCE: Final = 3
"""How many steps in a row that ratio must be seen, after as many first ones."""
_NEGLIGIBLE: Final = 1e-11
_TOO_NOISY: Final = 0.2
"""Relative error of the integrals themselves from which on nothing can be said about a limit."""


def limit(integral: Callable[[float], Values], start: float, what: str) -> Values:
    """The limit of `integral` at growing cutoffs, the first of them `start`.

    Raises InputError, naming the integral by `what`, if there is none.
    """
    values = integral(start)
    last_step, grown, cutoff = 0.0, 0, start
    for number in range(1, _MOST_STEPS + 1):
        cutoff *= _STEP
        previous, values = values, integral(cutoff)
        change = values.value - previous.value
        step, size = (float(np.max(np.abs(each), initial=0.0)) for each in (change, values.value))
        ratio = step / last_step if last_step > 0 else 0.0
        noise = max(float(np.max(values.error, initial=0.0)), _NEGLIGIBLE * size)
        settled = number > 1 and noise <= _TOO_NOISY * size
        if settled and ratio < _DIVERGES and step * max(ratio, 1 / _STEP) / (1 - ratio) <= noise:
            rest = change * ratio / (1 - ratio)
            return values + Values(rest, np.maximum(np.abs(rest), step))
        if settled and step <= noise:
            return values + Values(np.zeros_like(change), np.full_like(change, step))
        grown = grown + 1 if number > _PATIENCE and ratio >= _DIVERGES else 0
        if grown == _PATIENCE or not np.isfinite(size) or noise > _TOO_NOISY * size:
            break
        last_step = step
    raise InputError(
        f"{what} without a cutoff: it still changes by {step:.3g} between Lambda = {cutoff / _STEP:.3g} and {cutoff:.3g}, "
        "so it diverges or converges too slowly; give a cutoff, or a propagator that falls off"
    )
