"""lambda from G^(4) and the prediction of G^(6), from the generated correlators and an ensemble.

With the first-order coefficient A4 of lambda in G^(4) (the talk's -24 int K K K K, generated) and other couplings dropped,

    lambda_m = Delta G^(4) / A4   for each sorted 4-tuple,   lambda = mean over tuples,

and the prediction is G^(6)_EFT = G^(6)_GP + lambda A6 with A6 generated from G^(6) (talk, "EFT is Effective").
The spread of lambda_m over tuples says how constant the coupling is; its error comes from experiments alone.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.action import Action
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import InputError, LimitError
from feyn_nn.estimate import Estimate
from feyn_nn.measure.jackknife import jackknife
from feyn_nn.numeric import Contraction, with_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import BoolArray, FloatArray, IntArray
    from feyn_nn.correlator import Correlator
    from feyn_nn.kernels import Kernel
    from feyn_nn.measure.correlators import MeasuredCorrelators
    from feyn_nn.numeric import Grid

VANISHING = 1e-10
TWO_VERTEX_NODES = 12_000
"""Most nodes of grids for two vertices."""
QUARTIC = Action.parse("lambda f^4")


@dataclass(frozen=True)
class TheoryCoefficients:
    """Coefficients of lambda and lambda^2 in G^(4) and of lambda in G^(6), per sorted tuple, at one cutoff.

    `error` is the largest relative error of the first-order integrals, from a refined grid, `second_error` that of the
    second order, which is integrated on at most 12,000 nodes and None where that does not do. A tuple whose first-order
    integral vanishes to that accuracy says nothing about lambda; `determined` marks the others.
    """

    first: FloatArray
    second: FloatArray | None
    sixth: FloatArray
    error: float
    second_error: float

    @property
    def determined(self) -> BoolArray:
        """The 4-tuples from which lambda can be measured, shape (tuples,)."""
        return determined(self.first, self.error)

    @property
    def relative_second(self) -> FloatArray | None:
        """B4/A4 at the determined tuples: times lambda it is the second over the first order; None where B4 is missing."""
        known = self.determined
        return None if self.second is None else self.second[known] / self.first[known]

    def second_over_first(self, coupling: float) -> float | None:
        """Mean over tuples of the O(lambda^2) over the O(lambda) part of G^(4) at one lambda; None where B4 is missing."""
        relative = self.relative_second
        return None if relative is None else float(np.mean(coupling * relative))


def determined(coefficients: FloatArray, error: float) -> BoolArray:
    """The tuples whose coefficient does not vanish within ten times its error, or to 1e-10 of the largest."""
    size = np.abs(coefficients)
    result: BoolArray = size > max(VANISHING, 10 * error) * size.max()
    return result


def theory_coefficients(
    inputs: FloatArray, cutoff: float, propagator: Kernel, free: Kernel, d_out: int = 1
) -> TheoryCoefficients:
    """Integrate the generated diagrams: lines at vertices are `propagator` (K or K_W), lines between legs `free` (K).

    With `d_out` outputs the legs are all of one of them; at first order that changes nothing.

    Raises InputError for a cutoff that does not contain the inputs.
    """
    points = len(inputs)
    four, six = sorted_tuples(points, 4), sorted_tuples(points, 6)
    first_order, second_order = generate_correlator(4, QUARTIC, [(1,)]), generate_correlator(4, QUARTIC, [(2,)])
    sixth = generate_correlator(6, QUARTIC, [(1,)])

    def coefficients(wanted: Correlator, tuples: list[tuple[int, ...]]) -> Callable[[Grid], FloatArray]:
        (order,) = (check.order for check in wanted.checks)
        return lambda grid: Contraction(inputs, grid, propagator, free).coefficients(wanted, tuples, d_out)[order]

    first, first_error = with_error(coefficients(first_order, four), propagator, inputs, cutoff)
    predicted, sixth_error = with_error(coefficients(sixth, six), propagator, inputs, cutoff)
    second: FloatArray | None = None
    second_error = 0.0
    with suppress(LimitError):  # rough kernels take more pairs of nodes than there is time for
        second, second_error = with_error(
            coefficients(second_order, four), propagator, inputs, cutoff, most=TWO_VERTEX_NODES
        )
    theory = TheoryCoefficients(first, second, predicted, max(first_error, sixth_error), second_error)
    if not theory.determined.any():
        raise InputError(
            f"the integral of four legs vanishes for every tuple of inputs at cutoff {cutoff:g}: lambda cannot be "
            "measured there; use other inputs or a larger cutoff"
        )
    return theory


@dataclass(frozen=True)
class MeasuredCoupling:
    """lambda: its Estimate (error from experiments), its values over tuples and their standard deviation.

    Tuples that say nothing about lambda are NaN in `over_tuples` and are left out of the mean.
    """

    estimate: Estimate
    over_tuples: FloatArray

    @property
    def spread(self) -> float:
        """Standard deviation of lambda_m over tuples, absolute."""
        return float(np.nanstd(self.over_tuples))


def measure_lambda(measured: MeasuredCorrelators, theory: TheoryCoefficients) -> MeasuredCoupling:
    """lambda_m for all sorted 4-tuples and its mean; the error is refused under a heavy tail."""
    per_experiment = _lambda_over_tuples(measured, theory)
    estimate = Estimate.from_experiments(np.nanmean(per_experiment, axis=1).tolist())
    if measured.refused(4):
        estimate = _without_error(estimate)
    return MeasuredCoupling(estimate, per_experiment.mean(axis=0))


def _lambda_over_tuples(measured: MeasuredCorrelators, theory: TheoryCoefficients) -> FloatArray:
    """lambda_m per experiment and tuple, NaN where it is not determined."""
    delta = measured.delta(4)
    return np.divide(delta, theory.first, out=np.full_like(delta, np.nan), where=theory.determined)


@dataclass(frozen=True)
class SixPoint:
    """Ratios over sorted 6-tuples: G6_GP/G6 and (G6_GP + lambda term)/G6, with the range of the latter over tuples.

    `distinct` holds the same two for the first six inputs, all different, None where there are fewer. Tuples with G6 = 0
    are left out.
    """

    gp_over_g6: Estimate
    eft_over_g6: Estimate
    minimum: float
    maximum: float
    distinct: tuple[Estimate, Estimate] | None


def predict_six_point(measured: MeasuredCorrelators, theory: TheoryCoefficients) -> SixPoint:
    """Predict G^(6) with the mean lambda; errors by jackknife over experiments, refused under a heavy tail."""
    gaussian, values = measured.gaussian(6), measured.values(6)
    couplings = np.nanmean(_lambda_over_tuples(measured, theory), axis=1, keepdims=True)
    size = np.abs(values.mean(axis=0))
    visible = np.flatnonzero(size > VANISHING * size.max())  # G6 = 0 has no ratio
    refused = measured.refused(6) or measured.refused(4)

    def ratios(chosen: IntArray) -> tuple[Estimate, Estimate]:
        free, sixth, term = gaussian[:, chosen], values[:, chosen], theory.sixth[chosen]
        found = (
            jackknife(lambda gp, full: float(np.mean(gp / full)), free, sixth),
            jackknife(lambda gp, g, full: float(np.mean((gp + g * term) / full)), free, couplings, sixth),
        )
        return (_without_error(found[0]), _without_error(found[1])) if refused else found

    free, effective = ratios(visible)
    predicted = gaussian.mean(axis=0) + couplings.mean() * theory.sixth
    over_tuples = predicted[visible] / values.mean(axis=0)[visible]
    distinct = None
    place = sorted_tuples(measured.points, 6).index(tuple(range(6))) if measured.points >= 6 else -1
    if place in visible:
        distinct = ratios(np.array([place]))
    return SixPoint(free, effective, float(over_tuples.min()), float(over_tuples.max()), distinct)


def _without_error(estimate: Estimate) -> Estimate:
    return Estimate(estimate.mean, None, estimate.n)
