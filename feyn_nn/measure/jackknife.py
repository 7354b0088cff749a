"""Errors of non-linear quantities from independent experiments, by leaving one out at a time."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.errors import InputError
from feyn_nn.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import FloatArray


def jackknife(quantity: Callable[..., float], *samples: FloatArray) -> Estimate:
    """Evaluate `quantity` on the means over experiments (axis 0) of `samples`, with its jackknife error.

    For a linear quantity this is the standard error of the mean over experiments exactly. Raises InputError
    for fewer than two experiments.
    """
    experiments = len(samples[0])
    if experiments < 2:
        raise InputError(f"an error bar needs at least two independent experiments, got {experiments}")
    totals = [sample.sum(axis=0) for sample in samples]
    value = quantity(*(total / experiments for total in totals))
    without = np.array(
        [
            quantity(*((total - sample[e]) / (experiments - 1) for total, sample in zip(totals, samples, strict=True)))
            for e in range(experiments)
        ]
    )
    variance = (experiments - 1) / experiments * float(np.sum((without - without.mean()) ** 2))
    return Estimate(value, sqrt(variance), experiments)
