"""Correlators measured from an ensemble: G^(n), Delta G^(n), m_n and the background, with errors.

m_n = Delta G^(n) / G_GP^(n) for each tuple; the background is the standard deviation of m_n across experiments,
averaged over tuples (talk, "Experimental Falloff to GP Predictions"). Errors are standard errors of the mean over
independent experiments; where a heavy tail forbids one it is None, never a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.errors import InputError
from feyn_nn.measure.diagnosis import few_experiments, heavy_tail, non_zero_mean
from feyn_nn.measure.estimators import Estimator, delta, gaussian

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles import Ensemble
    from feyn_nn.kernels import Kernel
    from feyn_nn.measure.diagnosis import ResultWarning

ORDERS = (2, 4, 6)


def available_estimators(ensemble: Ensemble, *, known_kernel: bool) -> tuple[Estimator, ...]:
    """Estimators that apply to an ensemble, from the plainest to the best."""
    if not ensemble.conditional:
        return (Estimator.PLAIN,)
    return tuple(Estimator) if known_kernel else (Estimator.PLAIN, Estimator.CONDITIONAL)


def kernel_on_pairs(kernel: Kernel, inputs: FloatArray) -> FloatArray:
    """K on the sorted pairs of inputs: shape (pairs,)."""
    matrix = kernel(inputs, inputs)
    rows = np.array(sorted_tuples(len(inputs), 2))
    result: FloatArray = matrix[rows[:, 0], rows[:, 1]]
    return result


@dataclass(frozen=True)
class MeasuredCorrelators:
    """What one estimator says of an ensemble; arrays over sorted tuples.

    `deltas[n]` has shape (experiments, tuples). `kernel` is K on the sorted pairs where it is known; otherwise each
    experiment's own two-point function stands for it, `gaussians[n]` has one row per experiment, and Delta G^(n) is the
    connected part with a bias that is small against its error by 1/sqrt(networks).
    """

    ensemble: Ensemble
    estimator: Estimator
    kernel: FloatArray | None
    gaussians: dict[int, FloatArray]
    deltas: dict[int, FloatArray]

    @property
    def two_point(self) -> FloatArray:
        """G^(2) per experiment; CENTRED, for which it would be K itself, shows the average of K_hat."""
        if self.estimator is Estimator.PLAIN or not self.ensemble.conditional:
            return self.ensemble.values[2]
        return self.ensemble.conditional[1]

    def values(self, n: int) -> FloatArray:
        """G^(n) per experiment: (experiments, tuples)."""
        return self.two_point if n == 2 else self.gaussians[n] + self.deltas[n]

    def refused(self, n: int) -> bool:
        """Whether a heavy tail forbids an error bar on G^(n)."""
        return n > 2 and heavy_tail(self.ensemble, self.estimator, n) is not None

    def error(self, samples: FloatArray, n: int) -> FloatArray | None:
        """Standard error over experiments of (experiments, tuples), None where a heavy tail forbids it."""
        if self.refused(n):
            return None
        result: FloatArray = samples.std(axis=0, ddof=1) / sqrt(len(samples))
        return result

    def ratios(self, n: int) -> FloatArray:
        """m_n per experiment and tuple; tuples with G_GP = 0 are NaN."""
        below = np.broadcast_to(self.gaussians[n], self.deltas[n].shape)
        out = np.full_like(self.deltas[n], np.nan)
        top = self.two_point - below if n == 2 else self.deltas[n]
        return np.divide(top, below, out=out, where=below != 0)

    def mean_ratio(self, n: int) -> float:
        """m_n, mean over experiments and tuples; NaN where nothing was measured."""
        ratios = self.ratios(n)
        if n == 2 and self.kernel is None:  # the two-point function measured against itself
            return float("nan")
        return float(np.nanmean(ratios)) if np.isfinite(ratios).any() else float("nan")

    def background(self, n: int) -> float:
        """Standard deviation of m_n across experiments, averaged over tuples; NaN where nothing was measured.

        Like an error bar it is refused, NaN, under a heavy tail.
        """
        if self.refused(n) or (n == 2 and self.kernel is None):
            return float("nan")
        deviations = self.ratios(n).std(axis=0, ddof=1)
        return float(np.nanmean(deviations)) if np.isfinite(deviations).any() else float("nan")

    @cached_property
    def warnings(self) -> tuple[ResultWarning, ...]:
        """Everything that the ensemble cannot support, heavy tails for n = 4 and 6 apart."""
        found = [heavy_tail(self.ensemble, self.estimator, n) for n in (4, 6)]
        found += [few_experiments(self.ensemble.experiments), non_zero_mean(self.ensemble)]
        return tuple(warning for warning in found if warning is not None)


def measure_correlators(ensemble: Ensemble, estimator: Estimator, kernel: Kernel | None = None) -> MeasuredCorrelators:
    """Measure G^(n) and Delta G^(n), n = 2, 4, 6, with one estimator.

    Raises InputError for fewer than two experiments, for an estimator that the ensemble does not support, and if
    CENTRED is asked for without the exact kernel.
    """
    if ensemble.experiments < 2:
        raise InputError(
            f"an error bar needs at least two independent experiments, got {ensemble.experiments}; "
            "simulate or split into two or more"
        )
    if estimator not in available_estimators(ensemble, known_kernel=kernel is not None):
        raise InputError(
            f"estimator {estimator.value}: needs {'the exact kernel and ' if kernel is None else ''}the record of K_hat "
            "that a simulation keeps; use plain"
        )
    if not ensemble.values[2].any():
        raise InputError("every output of the ensemble is zero: there is nothing to measure; check the outputs")
    points = ensemble.points
    if kernel is not None:
        pairs = kernel_on_pairs(kernel, ensemble.inputs)
        gaussians = {n: gaussian(pairs, points, n) for n in ORDERS}
        deltas = {n: delta(ensemble, pairs, estimator, n) for n in ORDERS}
        return MeasuredCorrelators(ensemble, estimator, pairs, gaussians, deltas)
    own = ensemble.values[2] if estimator is Estimator.PLAIN or not ensemble.conditional else ensemble.conditional[1]
    return MeasuredCorrelators(
        ensemble,
        estimator,
        None,
        {n: gaussian(own, points, n) for n in ORDERS},
        {n: delta(ensemble, own, estimator, n) for n in ORDERS},
    )
