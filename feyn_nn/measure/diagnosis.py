"""Warnings: what a result cannot support, in words and machine-readably.

Thresholds are those of the command line's description; each is stated where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import stats

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.ensembles import Source
from feyn_nn.measure.estimators import Estimator

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles import Ensemble

FEW_EXPERIMENTS: Final = 5
PERTURBATION: Final = 0.3
CONSTANCY: Final = 0.1
NON_ZERO_MEAN_SIGMAS: Final = 5.5
KERNEL_CHANCE: Final = 1e-7
INDEPENDENT_TUPLES: Final = 1.02
MIN_EFFECTIVE: Final = 20.0
MIN_EFFECTIVE_FRACTION: Final = {
    (Source.NEURONS, 4): 5e-3,
    (Source.NEURONS, 6): 1.5e-3,
    (Source.OUTPUTS, 4): 3e-3,
    (Source.OUTPUTS, 6): 3e-4,
}
"""Share of samples that must effectively carry a mean of order n.

(sum v)^2 / (M sum v^2) tends to <v>^2/<v^2>. It is .6 and .5 for Erf neurons and .043 and .011 for ReLU neurons at
n = 4 and 6 (Gaussian integrals), .086 and .02 for a Gaussian output; for Gauss-net at sigma_b = 1 it tends to e^-16
and e^-36, and is below 1e-3 in any sample that could be drawn.
"""


class Code(StrEnum):
    """Warning codes, fixed by the command line, and one more: the ensemble has not the kernel it is said to have."""

    HEAVY_TAIL = "heavy-tail"
    PERTURBATION = "perturbation"
    CONSTANCY = "constancy"
    ONE_MEASUREMENT = "one-measurement"
    SIGN_CHANGE = "sign-change"
    FEW_EXPERIMENTS = "few-experiments"
    NON_ZERO_MEAN = "non-zero-mean"
    KERNEL_MISMATCH = "kernel-mismatch"


@dataclass(frozen=True, slots=True)
class ResultWarning:
    """A code and the sentence for the reader."""

    code: Code
    message: str


def heavy_tail(ensemble: Ensemble, estimator: Estimator, n: int) -> ResultWarning | None:
    """Warn if a few samples carry the means that order n rests on; its error bar is then refused.

    Neurons are looked at wherever they are known: they decide Delta G^(n) whatever the estimator.
    """
    sources = [Source.NEURONS] if Source.NEURONS in ensemble.tails else []
    if estimator is Estimator.PLAIN:
        sources.append(Source.OUTPUTS)
    found = (_heavy_tail(ensemble, source, n) for source in sources)
    return next((warning for warning in found if warning is not None), None)


def _heavy_tail(ensemble: Ensemble, source: Source, n: int) -> ResultWarning | None:
    tail = ensemble.tails[source][n]
    neurons = source is Source.NEURONS
    samples = ensemble.nets * (ensemble.width or 1) if neurons else ensemble.nets
    effective = float(np.min(tail.effective))
    normalised = ensemble.architecture is not None and ensemble.architecture.activation.normalised
    if normalised and not np.all(tail.largest_share):  # exp(z) has underflowed in every neuron drawn
        effective = 0.0
    if effective >= MIN_EFFECTIVE and effective / samples >= MIN_EFFECTIVE_FRACTION[source, n]:
        return None
    what, power = ("neurons", f"phi^{n}") if neurons else ("networks", f"f^{n}")
    if normalised:
        advice = "sample the bias from a tilted law, or use the exact correlator"
    else:
        advice = "use more networks, and if this stays, the exact correlator"
    return ResultWarning(
        Code.HEAVY_TAIL,
        f"of {samples} {what} in an experiment only about {effective:.3g} carry the mean of {power} (the largest alone "
        f"{100 * float(np.max(tail.largest_share)):.2g} %): rare {what} that a sample of this size has hardly seen decide "
        f"Delta G^({n}), so its value may be far off and its error bar is refused; {advice}",
    )


def kernel_mismatch(two_point: FloatArray, kernel: FloatArray | None) -> ResultWarning | None:
    """Warn if the measured G^(2), (experiments, pairs), is not the kernel, by Student's t over experiments.

    K is the exact two-point function at every width, so that a deviation which chance gives once in 1e7 means another
    network, other variances or other inputs.
    """
    if kernel is None or len(two_point) < 3:
        return None
    mean = two_point.mean(axis=0)
    error = two_point.std(axis=0, ddof=1) / np.sqrt(len(two_point))
    gap = np.abs(mean - kernel)
    sigmas = np.divide(gap, error, out=np.where(gap > 1e-9 * np.abs(kernel).max(), np.inf, 0.0), where=error > 0)
    worst = int(np.argmax(sigmas))
    chance = 2 * float(stats.t.sf(sigmas[worst], len(two_point) - 1)) * len(kernel)
    if chance > KERNEL_CHANCE:
        return None
    return ResultWarning(
        Code.KERNEL_MISMATCH,
        f"the measured two-point function is {mean[worst]:.4g} where K is {kernel[worst]:.4g}, {sigmas[worst]:.3g} standard "
        "errors apart: the ensemble does not have this kernel, and nothing else here can be trusted; check the network, its "
        "variances and the inputs",
    )


def few_experiments(experiments: int) -> ResultWarning | None:
    """Warn if the error bar itself is poorly known: below five experiments."""
    if experiments >= FEW_EXPERIMENTS:
        return None
    relative = 100 / np.sqrt(2 * (experiments - 1))
    return ResultWarning(
        Code.FEW_EXPERIMENTS,
        f"{experiments} experiments fix an error bar only to about {relative:.0f} %; use {FEW_EXPERIMENTS} or more",
    )


def non_zero_mean(ensemble: Ensemble) -> ResultWarning | None:
    """Warn if <f(x_i)> differs from zero by more than 5.5 standard errors over networks at some input."""
    mean = ensemble.values[1].mean(axis=0)
    diagonal = [k for k, (i, j) in enumerate(sorted_tuples(ensemble.points, 2)) if i == j]
    second = ensemble.values[2].mean(axis=0)[diagonal]
    error = np.sqrt(np.maximum(second - mean**2, 0.0) / ensemble.total_nets)
    sigmas = np.divide(np.abs(mean), error, out=np.full_like(mean, np.inf), where=error > 0)
    sigmas[mean == 0] = 0.0
    worst = int(np.argmax(sigmas))
    if sigmas[worst] <= NON_ZERO_MEAN_SIGMAS:
        return None
    return ResultWarning(
        Code.NON_ZERO_MEAN,
        f"<f> = {mean[worst]:.4g} at input {worst}, {sigmas[worst]:.1f} standard errors from zero: odd correlators do "
        "not vanish, and neither formulas with K as the two-point function nor the even action apply",
    )


def perturbation(second_over_first: float) -> ResultWarning | None:
    """Warn if the second order is not small against the first: ratio above 0.3 in size."""
    if abs(second_over_first) <= PERTURBATION:
        return None
    return ResultWarning(
        Code.PERTURBATION,
        f"the O(lambda^2) part of G^(4) is {second_over_first:.3g} times the O(lambda) part: perturbation theory has "
        "broken down at this width and cutoff, and lambda at first order is a parametrisation, not a measurement",
    )


def constancy(mean: float, spread: float) -> ResultWarning | None:
    """Warn if lambda_m varies over tuples by more than a tenth of its mean."""
    if spread <= CONSTANCY * abs(mean):
        return None
    size = f"{spread / abs(mean):.3g} of its mean" if mean else "while its mean is zero"
    return ResultWarning(
        Code.CONSTANCY,
        f"lambda_m varies over tuples with standard deviation {size}: the coupling is not a constant on these inputs",
    )


def one_measurement(deltas: FloatArray) -> ResultWarning | None:
    """Warn if all tuples fluctuate together from experiment to experiment, `deltas` (experiments, tuples).

    The effective number of independent tuples is (trace C)^2 / trace C^2 with C the correlation matrix over
    experiments; below 1.02 they are one measurement. It needs three experiments to be told from chance.
    """
    fluctuation = deltas - deltas.mean(axis=0)
    size = np.sqrt(np.mean(fluctuation**2, axis=0))
    moving = size > 0
    if len(deltas) < 3 or not np.any(moving):
        return None
    unit = fluctuation[:, moving] / size[moving]
    gram = unit @ unit.T
    effective = float(np.trace(gram) ** 2 / np.sum(gram**2))
    if effective >= INDEPENDENT_TUPLES:
        return None
    return ResultWarning(
        Code.ONE_MEASUREMENT,
        f"all {deltas.shape[1]} tuples fluctuate together over experiments (effectively {effective:.4f} of them): they are one "
        "measurement, and the spread over tuples says nothing about the statistical error",
    )


def sign_change(integrals: FloatArray) -> ResultWarning | None:
    """Warn if the first-order integral changes sign over tuples."""
    negative = int(np.sum(integrals < 0))
    minority = min(negative, len(integrals) - negative)
    if not minority:
        return None
    return ResultWarning(
        Code.SIGN_CHANGE,
        f"the integral of four legs has the other sign for {minority} of {len(integrals)} tuples and passes through zero in "
        "between: lambda_m = -Delta G^(4)/(24 I4) is not measurable there, and its mean over tuples means little",
    )
