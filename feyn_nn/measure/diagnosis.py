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
from feyn_nn.ensembles import Record

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles import Ensemble
    from feyn_nn.measure.tails import HeavyTail

FEW_EXPERIMENTS: Final = 5
PERTURBATION: Final = 0.3
CONSTANCY: Final = 0.1
NON_ZERO_MEAN_SIGMAS: Final = 5.5
KERNEL_CHANCE: Final = 1e-7
KERNEL_ROUNDING: Final = 1e-9
INDEPENDENT_TUPLES: Final = 1.02


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


def heavy_tail(tail: HeavyTail, ensemble: Ensemble) -> ResultWarning:
    """Say that a few samples carry the means that an order rests on, and what would be better."""
    return ResultWarning(Code.HEAVY_TAIL, f"{tail.sentence}; {_better(ensemble)}")


def _better(ensemble: Ensemble) -> str:
    """What to do about a heavy tail."""
    architecture = ensemble.architecture
    if architecture is None or architecture.depth > 1:
        return "use more networks, and if this stays, smaller variances or inputs"
    if architecture.activation.normalised and ensemble.record is not Record.TILTED:
        return (
            "sample the bias from its tilted law (simulate with --record tilted, estimator tilted), or use the exact "
            "correlator"
        )
    if ensemble.record.of_networks:
        return (
            "use more networks, or a stream of single neurons (simulate with --record neurons, estimator neuron), or the "
            "exact correlator"
        )
    return "use more neurons, or the exact correlator"


def kernel_mismatch(two_point: FloatArray, kernel: FloatArray, allowance: float = 0.0) -> ResultWarning | None:
    """Warn if the measured G^(2), (experiments, pairs), is not the kernel, by Student's t over experiments.

    With one hidden layer K is the exact two-point function at every width, so that a deviation which chance gives once in 1e7
    means another network, other variances or other inputs. `allowance`, relative to the largest K, is subtracted from
    deviations.
    """
    if len(two_point) < 3:
        return None
    mean = two_point.mean(axis=0)
    error = two_point.std(axis=0, ddof=1) / np.sqrt(len(two_point))
    scale = np.abs(kernel).max()
    gap = np.maximum(np.abs(mean - kernel) - (allowance + KERNEL_ROUNDING) * scale, 0.0)
    sigmas = np.divide(gap, error, out=np.where(gap > 0, np.inf, 0.0), where=error > 0)
    worst = int(np.argmax(sigmas))
    chance = 2 * float(stats.t.sf(sigmas[worst], len(two_point) - 1)) * len(kernel)
    if chance > KERNEL_CHANCE:
        return None
    return ResultWarning(
        Code.KERNEL_MISMATCH,
        f"the measured two-point function is {mean[worst]:.4g} where K is {kernel[worst]:.4g}, {sigmas[worst]:.3g} standard "
        f"errors {'apart' if not allowance else 'more than O(1/N) explains'}: the ensemble does not have this kernel, and "
        "nothing else here can be trusted; check the network, its variances and the inputs",
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
    """Warn if <f(x_i)> differs from zero by more than 5.5 standard errors over networks at some input.

    Single neurons stand for a network whose output weights are symmetric: nothing is measured there.
    """
    if not ensemble.record.of_networks:
        return None
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
