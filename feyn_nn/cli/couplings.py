"""More of what an ensemble says about couplings, for `crosscheck --couplings`: fits, roots, kappa, delta', odd couplings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from feyn_nn.arrays import plain
from feyn_nn.cli.wording import wrapped
from feyn_nn.measure import Estimator
from feyn_nn.measure.coefficients import action_coefficients
from feyn_nn.measure.fits import measure_constant_lambda
from feyn_nn.measure.kappa import measure_kappa
from feyn_nn.measure.odd import bound_odd_couplings, check_odd
from feyn_nn.measure.predictions import coupling_replicates, predict_deviation

if TYPE_CHECKING:
    from feyn_nn.estimate import Estimate
    from feyn_nn.measure import CrossCheck
    from feyn_nn.measure.fits import LambdaMeasurement
    from feyn_nn.measure.kappa import KappaMeasurement
    from feyn_nn.measure.odd import OddCouplings, OddTest
    from feyn_nn.measure.predictions import Deviation


@dataclass(frozen=True, slots=True, eq=False)
class Couplings:
    """Everything that is measured: kappa and delta' are None where the exchange is too large an integral, odd couplings where
    the estimator makes odd correlators vanish by construction.
    """

    quartic: LambdaMeasurement
    sextic: KappaMeasurement | None
    deviation: Deviation | None
    odd: tuple[OddTest, OddCouplings] | None


def measure_couplings(result: CrossCheck) -> Couplings:
    """Measure at the cutoff and with the legs of a cross-check."""
    source, inputs = result.measured, result.ensemble.inputs
    coefficients = action_coefficients(
        inputs, result.kernel, result.cutoff, result.propagator, result.ensemble.d_out, result.theory
    )
    sextic = deviation = odd = None
    if coefficients.exchange is not None:
        sextic = measure_kappa(source, coefficients)
        deviation = predict_deviation(coupling_replicates(source, coefficients), source, coefficients)
    if result.estimator is Estimator.PLAIN:
        odd = (
            check_odd(source),
            bound_odd_couplings(source, inputs, result.kernel, result.cutoff, result.propagator),
        )
    return Couplings(measure_constant_lambda(source, coefficients), sextic, deviation, odd)


def document(found: Couplings) -> dict[str, Any]:
    """The couplings as JSON types."""
    quartic = found.quartic
    weighted, second = quartic.weighted, quartic.second_order
    record: dict[str, Any] = plain(
        {
            "legs": str(quartic.legs),
            "lambda": {
                "mean": _estimate(quartic.mean),
                "errors_over_tuples": quartic.errors,
                "weighted": None
                if weighted is None
                else {
                    **_estimate(weighted.coupling),
                    "chi2": weighted.test.statistic,
                    "degrees_of_freedom": weighted.test.freedom,
                    "p_value": weighted.test.p_value,
                    "spectrum": weighted.spectrum,
                },
                "no_weighted": quartic.no_weighted or None,
                "second_order": None
                if second is None
                else {
                    **_estimate(second.coupling),
                    "over_tuples": second.over_tuples,
                    "tuples_without_root": second.without_root,
                },
                "second_over_first": _estimate(quartic.second_over_first),
                "perturbation": quartic.perturbation_verdict,
                "constancy": quartic.constancy_verdict,
            },
            "kappa": None
            if found.sextic is None
            else {
                "with_exchange": _estimate(found.sextic.with_exchange),
                "without_exchange": _estimate(found.sextic.without_exchange),
                "spread": found.sextic.spread,
                "verdict": found.sextic.verdict,
            },
            "deviation": None
            if found.deviation is None
            else {
                "explained": _estimate(found.deviation.explained),
                "without_exchange": _estimate(found.deviation.without_exchange),
            },
            "odd": None
            if found.odd is None
            else {
                "p_value": found.odd[0].p_value,
                "verdict": found.odd[0].verdict,
                "g": _estimate(found.odd[1].cubic),
                "alpha": _estimate(found.odd[1].quintic),
            },
        }
    )
    return record


def sentences(found: Couplings) -> list[str]:
    """The couplings in words."""
    quartic = found.quartic
    weighted, second = quartic.weighted, quartic.second_order
    said = [
        f"weighted by the covariance over tuples: {weighted.coupling}; constancy {weighted.test}"
        if weighted is not None
        else f"no weighted fit: {quartic.no_weighted}",
        _second_order(second.coupling, second.without_root) if second is not None else "",
        quartic.perturbation_verdict,
        quartic.constancy_verdict,
        "" if found.sextic is None else found.sextic.verdict,
        ""
        if found.deviation is None
        else f"kappa and the exchange explain {found.deviation.explained} of the talk's delta' on average over tuples",
        "" if found.odd is None else f"{found.odd[0].verdict}; {found.odd[1].verdict}",
    ]
    return [sentence for sentence in said if sentence]


def text(found: Couplings) -> list[str]:
    """The couplings for a reader, line by line."""
    lines = ["", f"Couplings in full ({found.quartic.legs}):"]
    for sentence in sentences(found):
        first, *rest = wrapped(f"    {sentence}")
        lines += [first.replace("    ", "  - ", 1), *(f"    {line}" for line in rest)]
    return lines


def _second_order(coupling: Estimate | None, without_root: int) -> str:
    if coupling is None:
        return f"to second order: no real root for {without_root} tuples, so no mean over tuples"
    return f"to second order in lambda: {coupling}"


def _estimate(value: Estimate | None) -> dict[str, float | None]:
    return {"value": None if value is None else value.mean, "error": None if value is None else value.error}
