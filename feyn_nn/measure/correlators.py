"""Correlators measured from an ensemble: G^(n), its connected part, Delta G^(n), m_n and the background, with errors.

m_n = Delta G^(n) / G_GP^(n) for each tuple; the background is the standard deviation of m_n across experiments,
averaged over tuples (talk, "Experimental Falloff to GP Predictions"). Errors are standard errors of the mean over
independent experiments, which count equally; where a heavy tail forbids one it is None, never a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import nan, sqrt
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.errors import InputError
from feyn_nn.estimate import Estimate
from feyn_nn.measure.conditional import CentredKernels, KernelAverages, KernelCumulants, KernelSamples
from feyn_nn.measure.diagnosis import few_experiments, heavy_tail, non_zero_mean
from feyn_nn.measure.estimators import ORDERS, Estimator, Reference, available_estimators
from feyn_nn.measure.jackknife import jackknife
from feyn_nn.measure.outputs import OutputAverages
from feyn_nn.measure.pairing import tuple_rows
from feyn_nn.measure.tails import find_heavy_tail
from feyn_nn.measure.tilted import TiltedNeurons

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles import Ensemble
    from feyn_nn.kernels import Kernel
    from feyn_nn.measure.diagnosis import ResultWarning
    from feyn_nn.measure.estimators import Correlators
    from feyn_nn.measure.tails import HeavyTail


def kernel_on_pairs(kernel: Kernel, inputs: FloatArray) -> FloatArray:
    """K on the sorted pairs of inputs: shape (pairs,)."""
    matrix = kernel(inputs, inputs)
    rows = tuple_rows(len(inputs), 2)
    result: FloatArray = matrix[rows[:, 0], rows[:, 1]]
    return result


@dataclass(frozen=True, eq=False)
class MeasuredCorrelators:
    """What one estimator says of an ensemble, at `width` where that is known; arrays over sorted tuples, n = 1 .. 6.

    `kernel` is K on the sorted pairs where it is known, and `reference` says what it is to the ensemble: without one, each
    experiment's own two-point function stands for it in Delta G^(n), and for a deep network it is the limit of infinite width.
    Arrays per experiment have shape (experiments, tuples) and are unbiased for any number of samples; their mean is the
    estimate, their scatter gives its error.
    """

    ensemble: Ensemble
    estimator: Estimator
    reference: Reference
    kernel: FloatArray | None
    width: int | None
    correlators: Correlators

    @property
    def points(self) -> int:
        """Number of inputs."""
        return self.ensemble.points

    @property
    def two_point(self) -> FloatArray:
        """G^(2) per experiment, measured whatever the estimator: where it averages over K_hat, the average of K_hat."""
        return self.values(2)

    def values(self, n: int) -> FloatArray:
        """G^(n) per experiment."""
        return self.correlators.full(_order(n))

    def connected(self, n: int) -> FloatArray:
        """The connected n-point function per experiment; raises InputError for too few samples for its k-statistic."""
        return self.correlators.connected(_order(n))

    def gaussian(self, n: int) -> FloatArray:
        """G_GP^(n), the sum over pairings, per experiment; rows are equal where K is known."""
        return np.broadcast_to(self.correlators.gaussian(_order(n)), (self.ensemble.experiments, self._tuples(n)))

    def delta(self, n: int) -> FloatArray:
        """Delta G^(n) = G^(n) - G_GP^(n) per experiment."""
        return self.correlators.delta(_order(n))

    def heavy_tail(self, n: int) -> HeavyTail | None:
        """The heavy tail that forbids an error bar on G^(n), if there is one."""
        return find_heavy_tail(self.ensemble, self.estimator, _order(n), self.width)

    def refused(self, n: int) -> bool:
        """Whether a heavy tail forbids an error bar on G^(n)."""
        return self.heavy_tail(n) is not None

    def error(self, samples: FloatArray, n: int) -> FloatArray | None:
        """Standard error over experiments of (experiments, tuples), None where a heavy tail forbids it."""
        if self.refused(n):
            return None
        result: FloatArray = samples.std(axis=0, ddof=1) / sqrt(len(samples))
        return result

    def ratios(self, n: int) -> FloatArray:
        """m_n per experiment and tuple; tuples with G_GP = 0 are NaN, and all of them for odd n."""
        return _ratio(self.delta(n), self.gaussian(n))

    def ratio(self, n: int) -> Estimate | None:
        """m_n, its mean over tuples, by jackknife over experiments; None where nothing was measured."""
        if n % 2 or (n == 2 and self.kernel is None):  # no G_GP, or a two-point function measured against itself
            return None
        below = self.gaussian(n)
        known = np.all(below != 0, axis=0)
        if not known.any():
            return None
        estimate = jackknife(lambda top, bottom: float(np.mean(top / bottom)), self.delta(n)[:, known], below[:, known])
        return Estimate(estimate.mean, None, estimate.n) if self.refused(n) else estimate

    def mean_ratio(self, n: int) -> float:
        """m_n, mean over experiments and tuples; NaN where nothing was measured."""
        estimate = self.ratio(n)
        return nan if estimate is None else estimate.mean

    def background(self, n: int) -> float:
        """Standard deviation of m_n across experiments, averaged over tuples; NaN where nothing was measured.

        Like an error bar it is refused, NaN, under a heavy tail.
        """
        estimate = self.ratio(n)
        if estimate is None or estimate.error is None:
            return nan
        return float(np.nanmean(self.ratios(n).std(axis=0, ddof=1)))

    def _tuples(self, n: int) -> int:
        return len(tuple_rows(self.points, n))

    @cached_property
    def warnings(self) -> tuple[ResultWarning, ...]:
        """Everything that the ensemble cannot support, heavy tails for n = 2, 4 and 6 apart."""
        tails = (self.heavy_tail(n) for n in (2, 4, 6))
        found = [heavy_tail(tail, self.ensemble) for tail in tails if tail is not None]
        found += [
            warning
            for warning in (few_experiments(self.ensemble.experiments), non_zero_mean(self.ensemble))
            if warning is not None
        ]
        return tuple(found)


def measure_correlators(
    ensemble: Ensemble, estimator: Estimator, kernel: Kernel | None = None, *, width: int | None = None
) -> MeasuredCorrelators:
    """Measure G^(n), its connected part and Delta G^(n), n = 1 .. 6, with one estimator.

    `kernel` is K of the network that the ensemble is of: its exact two-point function for one hidden layer, its limit of
    infinite width for more. `width` is for streams of single neurons, which serve every width.

    Raises InputError for fewer than two experiments, for an estimator that the ensemble does not support or that needs the
    kernel, and for a width that is missing, below 1 or another than that of the networks.
    """
    if ensemble.experiments < 2:
        raise InputError(
            f"an error bar needs at least two independent experiments, got {ensemble.experiments}; "
            "simulate or split into two or more"
        )
    _check_estimator(ensemble, estimator, known_kernel=kernel is not None)
    width = _width(ensemble, width)
    if not ensemble.values[2].any():
        raise InputError("every output of the ensemble is zero: there is nothing to measure; check the outputs")
    pairs = None if kernel is None else kernel_on_pairs(kernel, ensemble.inputs)
    reference = _reference(ensemble, kernel)
    return MeasuredCorrelators(
        ensemble, estimator, reference, pairs, width, _correlators(ensemble, estimator, reference, pairs, width)
    )


def _order(n: int) -> int:
    if n not in ORDERS:
        raise InputError(f"n = {n}: expected 1 to {ORDERS[-1]}, the orders of which an ensemble keeps products")
    return n


def _ratio(top: FloatArray, below: FloatArray) -> FloatArray:
    return np.divide(top, below, out=np.full_like(top, np.nan), where=below != 0)


def _check_estimator(ensemble: Ensemble, estimator: Estimator, *, known_kernel: bool) -> None:
    if estimator in available_estimators(ensemble, known_kernel=known_kernel):
        return
    name = f"estimator {estimator.value}"
    supported = available_estimators(ensemble, known_kernel=True)
    advice = f"use {', '.join(other.value for other in supported)}"
    if estimator in supported:
        raise InputError(f"{name}: needs the exact kernel K of the ensemble; give it, or use another estimator")
    if ensemble.architecture is not None and ensemble.architecture.depth > 1 and estimator.one_layer_only:
        raise InputError(
            f"{name}: holds for one hidden layer, this network has {ensemble.architecture.depth}; {advice}"
        )
    raise InputError(
        f"{name}: needs record {estimator.record.value}, this ensemble has {ensemble.record.value}; {advice}"
    )


def _width(ensemble: Ensemble, width: int | None) -> int | None:
    """The width to measure at: that of the networks, or the one asked for."""
    if ensemble.record.of_networks:
        if width is not None and ensemble.width is not None and width != ensemble.width:
            raise InputError(f"width = {width}: these networks have width {ensemble.width}; leave the width out")
        return ensemble.width if width is None else width
    if width is None:
        raise InputError("a stream of single neurons serves every width: give the one to measure at")
    if width < 1:
        raise InputError(f"width = {width}: expected a positive integer")
    return width


def _reference(ensemble: Ensemble, kernel: Kernel | None) -> Reference:
    if kernel is None:
        return Reference.MEASURED
    deep = ensemble.architecture is not None and ensemble.architecture.depth > 1
    return Reference.LIMIT if deep else Reference.EXACT


def _correlators(
    ensemble: Ensemble, estimator: Estimator, reference: Reference, kernel: FloatArray | None, width: int | None
) -> Correlators:
    if estimator is Estimator.PLAIN:
        return OutputAverages(ensemble, kernel)
    if estimator.at_any_width:
        if ensemble.architecture is None or width is None:
            raise InputError(
                "a stream of single neurons without its architecture: the variances of the output layer are unknown"
            )
        if estimator is Estimator.TILTED and kernel is not None:
            return TiltedNeurons(ensemble, ensemble.architecture, kernel, width)
        return KernelCumulants(KernelSamples.of_neurons(ensemble, ensemble.architecture, width), kernel)
    samples = KernelSamples.of_networks(ensemble)
    if estimator is Estimator.CENTRED and kernel is not None:
        return CentredKernels(samples, kernel)
    if estimator is Estimator.CONDITIONAL or reference is Reference.LIMIT:
        return KernelAverages(samples, kernel)
    return KernelCumulants(samples, kernel)
