"""lambda as a constant, three ways, and what speaks against it.

From Delta G^(4) over sorted 4-tuples, per experiment or exact, with A4 and B4 of `measure.coefficients`:

- *mean*: lambda_m = Delta G^(4)/A4 for each tuple, and its mean over tuples (the talk's definition);
- *weighted*: least squares of Delta G^(4) = lambda A4 with the covariance between tuples that the experiments show, cut as in
  `measure.scores`; its chi^2 is the T^2 of the contrasts lambda_m - mean over tuples, the test that lambda is constant;
- *second order*: the root of Delta G^(4) = lambda A4 + lambda^2 B4 that tends to lambda_m for small couplings,

      lambda = 2 lambda_m / (1 + sqrt(1 + 4 r)),   r = lambda_m B4/A4,

  tuple by tuple, then the mean; there is no real root for r < -1/4.

Errors come from experiments, the spread over tuples is another statement: how constant lambda is. It and the ratio of the
second to the first order need no error to be meaningful.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.errors import InputError
from feyn_nn.measure.diagnosis import CONSTANCY, PERTURBATION, perturbation
from feyn_nn.measure.scores import leading_scores
from feyn_nn.measure.sources import estimate

if TYPE_CHECKING:
    from feyn_nn.arrays import BoolArray, FloatArray
    from feyn_nn.estimate import Estimate
    from feyn_nn.measure.coefficients import ActionCoefficients, Legs
    from feyn_nn.measure.couplings import TheoryCoefficients
    from feyn_nn.measure.scores import Hotelling
    from feyn_nn.measure.sources import CorrelatorSource

SIGNIFICANT: Final = 0.01
"""Chance below which a test's verdict is said to exclude its hypothesis."""


@dataclass(frozen=True, slots=True, eq=False)
class WeightedFit:
    """Least squares with the estimated covariance: lambda, the chi^2 test of constancy, the spectrum that was cut.

    The error has E-1-q degrees of freedom (Student's t). `spectrum`: eigenvalues of the second moments of the contrasts of
    lambda_m, descending, of which `test.freedom` are kept.
    """

    coupling: Estimate
    test: Hotelling
    spectrum: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class SecondOrder:
    """lambda to second order: `over_tuples` with NaN where there is no real root or A4 vanishes.

    `coupling` is the mean over tuples, None if a tuple has no real root; `without_root` counts these.
    """

    coupling: Estimate | None
    over_tuples: FloatArray
    without_root: int


@dataclass(frozen=True, slots=True, eq=False)
class LambdaMeasurement:
    """lambda as a constant. `over_tuples` is lambda_m, NaN where it is not determined; `errors` its errors from experiments.

    `weighted` is None for exact correlators, under a heavy tail and where the data do not support it, `no_weighted` says why.
    `second_order` and `second_over_first` are None where B4 is too large an integral.
    """

    legs: Legs
    mean: Estimate
    over_tuples: FloatArray
    errors: FloatArray | None
    weighted: WeightedFit | None
    no_weighted: str
    second_order: SecondOrder | None
    second_over_first: Estimate | None

    @property
    def spread(self) -> float:
        """Standard deviation of lambda_m over tuples."""
        return float(np.nanstd(self.over_tuples))

    @property
    def relative_spread(self) -> float:
        """The standard deviation over tuples in units of |mean|."""
        return self.spread / abs(self.mean.mean) if self.mean.mean else float("nan")

    @property
    def perturbative(self) -> bool | None:
        """Whether the second order is at most 0.3 of the first; None where that is not known."""
        return None if self.second_over_first is None else abs(self.second_over_first.mean) <= PERTURBATION

    @property
    def perturbation_verdict(self) -> str:
        """Whether perturbation theory holds, in a sentence."""
        if self.second_over_first is None:
            return "the O(lambda^2) integrals are too large here: whether perturbation theory holds is not known"
        warning = perturbation(self.second_over_first.mean)
        if warning is not None:
            return warning.message
        return (
            f"the O(lambda^2) part of G^(4) is {self.second_over_first.mean:.3g} times the O(lambda) part, within "
            f"{PERTURBATION}: perturbation theory holds at this width and cutoff"
        )

    @property
    def constancy_verdict(self) -> str:
        """How constant lambda is, in a sentence: the spread over tuples, and whether noise explains it."""
        size = f"std/|mean| of lambda_m over tuples is {self.relative_spread:.3g}"
        size += ", constant" if self.relative_spread <= CONSTANCY else ", not a constant on these inputs"
        if self.weighted is None:
            return f"{size}; {self.no_weighted}"
        chance = self.weighted.test.p_value
        if chance is None:
            return f"{size}; the tuples do not differ beyond rounding: nothing to test"
        found = "noise does not explain the differences" if chance < SIGNIFICANT else "noise explains the differences"
        return f"{size}; {found} ({self.weighted.test})"


def measure_constant_lambda(source: CorrelatorSource, coefficients: ActionCoefficients) -> LambdaMeasurement:
    """Measure lambda in all three ways; a way that the data do not support is None, with the reason."""
    theory = coefficients.quartic
    per_experiment = lambda_over_tuples(source, theory)
    rows = len(per_experiment)
    errors = None
    if rows > 1 and not source.refused(4):
        errors = scattered(per_experiment.std(axis=0, ddof=1) / np.sqrt(rows), theory.determined)
    weighted, reason = None, ""
    try:
        weighted = weighted_lambda(source, theory)
    except InputError as refusal:
        reason = str(refusal)
    return LambdaMeasurement(
        coefficients.legs,
        mean_lambda(source, theory),
        scattered(per_experiment.mean(axis=0), theory.determined),
        errors,
        weighted,
        reason,
        None if theory.second is None else second_order_lambda(source, theory),
        second_over_first(source, theory),
    )


def lambda_over_tuples(source: CorrelatorSource, theory: TheoryCoefficients) -> FloatArray:
    """lambda_m at the tuples that determine it: shape (experiments, determined tuples)."""
    result: FloatArray = source.delta(4)[:, theory.determined] / theory.first[theory.determined]
    return result


def mean_lambda(source: CorrelatorSource, theory: TheoryCoefficients) -> Estimate:
    """The mean of lambda_m over the tuples that determine it."""
    return estimate(lambda found: float(np.mean(found)), source, (4,), lambda_over_tuples(source, theory))


def scattered(values: FloatArray, places: BoolArray) -> FloatArray:
    """Values at the places that are true, NaN elsewhere."""
    result = np.full(len(places), np.nan)
    result[places] = values
    return result


def weighted_lambda(source: CorrelatorSource, theory: TheoryCoefficients) -> WeightedFit:
    """Least squares of Delta G^(4) = lambda A4 with the covariance that the experiments show.

    Raises InputError for exact correlators and fewer than four experiments, under a heavy tail, and where the data exclude a
    constant so clearly that nothing is left to fit.
    """
    return weighted_fit(lambda_over_tuples(source, theory), theory.error, refused=source.refused(4))


def weighted_fit(per_experiment: FloatArray, accuracy: float, *, refused: bool = False) -> WeightedFit:
    """The same from a coupling per experiment and tuple, whose relative error from integration is `accuracy`.

    Contrasts smaller than that are not looked at: they are no statement about the data.
    """
    if len(per_experiment) == 1:
        raise InputError(
            "exact correlators have no covariance: the mean over tuples and its spread are all there is to say"
        )
    if refused:
        raise InputError("a heavy tail forbids error bars, and with them a covariance between tuples")
    middle = per_experiment.mean(axis=1)
    scale = float(np.abs(per_experiment).max()) * np.sqrt(per_experiment.shape[1])
    scores = leading_scores(per_experiment - middle[:, None], noise=max(1e-10, accuracy) * scale)
    return WeightedFit(scores.intercept(middle), scores.test(), scores.spectrum)


def second_order_root(first: FloatArray, ratio: FloatArray) -> FloatArray:
    """The coupling from lambda_m and r = lambda_m B4/A4, on the branch that tends to lambda_m; NaN where no root is real."""
    inside = 1 + 4 * ratio
    return np.where(inside >= 0, 2 * first / (1 + np.sqrt(np.maximum(inside, 0.0))), np.nan)


def second_order_lambda(source: CorrelatorSource, theory: TheoryCoefficients) -> SecondOrder:
    """Solve Delta G^(4) = lambda A4 + lambda^2 B4 for every tuple; raises InputError where B4 is missing."""
    slope = _relative_second(theory)
    per_experiment = lambda_over_tuples(source, theory)
    pooled = per_experiment.mean(axis=0)
    roots = second_order_root(pooled, pooled * slope)
    missing = int(np.sum(np.isnan(roots)))
    coupling = None
    if not missing:
        coupling = estimate(
            lambda first: float(np.mean(second_order_root(first, first * slope))), source, (4,), per_experiment
        )
    return SecondOrder(coupling, scattered(roots, theory.determined), missing)


def second_over_first(source: CorrelatorSource, theory: TheoryCoefficients) -> Estimate | None:
    """Mean over tuples of the O(lambda^2) over the O(lambda) part of G^(4) at the mean lambda; None where B4 is missing."""
    slope = theory.second_over_first(1.0)
    if slope is None:
        return None
    return estimate(lambda found: float(np.mean(found)) * slope, source, (4,), lambda_over_tuples(source, theory))


def second_order_share(source: CorrelatorSource, theory: TheoryCoefficients) -> Estimate:
    """Lambda to second order over lambda to first order, means over tuples; raises InputError where B4 is missing."""
    slope = _relative_second(theory)

    def share(found: FloatArray) -> float:
        return float(np.mean(second_order_root(found, found * slope)) / np.mean(found))

    return estimate(share, source, (4,), lambda_over_tuples(source, theory))


def _relative_second(theory: TheoryCoefficients) -> FloatArray:
    relative = theory.relative_second
    if relative is None:
        raise InputError(
            "the O(lambda^2) integrals are too large here: use a smaller cutoff, fewer inputs, or the first order"
        )
    return relative
