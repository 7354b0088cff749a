"""The page of a cross-check: what was measured, the diagrams behind it, numbers with errors beside exact ones, warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.correlator import generate_correlator
from feyn_nn.measure.couplings import QUARTIC
from feyn_nn.render.plots import Kind, Panel, Series, plot_svg
from feyn_nn.report.correlators import correlator_blocks
from feyn_nn.report.mathml import formula, number, operator, over, row, sub, sup, symbol
from feyn_nn.report.page import Caution, Facts, Formula, Numbers, Paragraph, Picture, Section, page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from feyn_nn.arrays import FloatArray
    from feyn_nn.measure import CrossCheck
    from feyn_nn.report.page import Block


def crosscheck_page(
    result: CrossCheck, name: str, remarks: Sequence[str], settings: Mapping[str, Any], provenance: Mapping[str, Any]
) -> str:
    """The page; `remarks` are further sentences of the verdict. Raises InputError without matplotlib."""
    legs = f"{result.propagator.symbol} on lines at vertices, cutoff {result.cutoff:g}"
    width = "" if result.measured.width is None else f", width {result.measured.width}"
    title = f"Cross-check of {name}{width}"
    summary = [
        f"{result.ensemble.experiments} experiments of {result.ensemble.nets} samples ({result.ensemble.record.value}), "
        f"estimator {result.estimator.value}: {result.estimator.assumption}. G_GP from {result.measured.reference.statement}.",
        f"Couplings belong to {legs}. Errors are standard errors over independent experiments.",
    ]
    verdict: list[Block] = [_numbers(result)]
    verdict += [Caution(warning.code.value, warning.message) for warning in result.warnings]
    verdict += [Paragraph(f"{sentence[:1].upper()}{sentence[1:]}.") for sentence in remarks]
    sections = [
        Section("What was found", tuple(verdict)),
        Section("The coupling over tuples of inputs", (_definition(), Picture(_plot(result), _PLOT, wide=True))),
        Section("The diagrams behind it", tuple(_theory())),
        Section("Settings", (Facts(settings),)),
        Section("Provenance", (Facts(provenance),)),
    ]
    return page(title, summary, sections)


_PLOT = (
    "Left: lambda_m for every sorted tuple of four inputs, measured and exact where it is known; a constant coupling would be "
    "a straight line across. Right: the four-point function beyond the Gaussian part, Delta G^(4), which lambda_m is made of."
)


def _numbers(result: CrossCheck) -> Numbers:
    coupling, six, exact = result.coupling, result.six_point, result.exact

    rows = [
        ("\u03bb, mean over 4-tuples", str(coupling.estimate), None if exact is None else exact.mean),
        ("spread of \u03bb over tuples", f"{coupling.spread:.4g}", None if exact is None else exact.spread),
        (
            "second over first order of G\u2074",
            "not computed" if result.second_over_first is None else f"{result.second_over_first:.4g}",
            None if exact is None else exact.second_over_first,
        ),
        ("G\u2076_GP / G\u2076, mean over 6-tuples", str(six.gp_over_g6), None if exact is None else exact.gp_over_g6),
        ("(G\u2076_GP + \u03bb term) / G\u2076", str(six.eft_over_g6), None if exact is None else exact.eft_over_g6),
    ]
    if six.distinct is not None:
        free, effective = six.distinct
        known = (None, None) if exact is None or exact.distinct is None else exact.distinct
        rows += [
            ("G\u2076_GP / G\u2076, six distinct inputs", str(free), known[0]),
            ("(G\u2076_GP + \u03bb term) / G\u2076 there", str(effective), known[1]),
        ]
    caption = "Digits in parentheses are the standard error of the last digits. Exact: the correlators of that width."
    return Numbers(("", "measured", "exact"), tuple(_signed(entry) for entry in rows), caption)


def _signed(entry: tuple[str, str, float | None]) -> tuple[str, str, float | None]:
    """The line with true minus signs in its measured number."""
    label, measured, known = entry
    return label, measured.replace("-", "\u2212"), known


def _definition() -> Formula:
    lines = [sub(symbol("K"), row(number(leg), symbol("y"))) for leg in (1, 2, 3, 4)]
    integral = row(operator("\u222b"), sup(symbol("d"), sub(symbol("d"), symbol("in"))), symbol("y"), *lines)
    four = sup(symbol("G"), row(operator("("), number(4), operator(")")))
    return Formula(
        formula(
            sub(symbol("lambda"), symbol("m")),
            operator("="),
            operator("\u2212"),
            over(row(symbol("\u0394"), four), row(number(24), integral)),
        ),
        "The coupling that one tuple of inputs says, the integral over [\u2212\u039b, \u039b] in every dimension.",
    )


def _plot(result: CrossCheck) -> str:
    coupling, exact = result.coupling, result.exact
    places = np.arange(1.0, len(coupling.over_tuples) + 1)
    delta = result.measured.delta(4)
    error = _errors(result, delta)
    size = np.abs(result.theory.first)
    over_tuples = np.divide(error, size, out=np.full_like(error, np.nan), where=size > 0)
    measured = Series("measured", "measured", Kind.MEASURED, places, coupling.over_tuples, over_tuples)
    left = [measured]
    if exact is not None:
        left.append(Series("exact", "exact", Kind.EXACT, places, exact.over_tuples))
    right = [Series("measured", "measured", Kind.MEASURED, places, delta.mean(axis=0), error)]
    label = f"sorted 4-tuple, 1 to {len(sorted_tuples(result.ensemble.points, 4))}"
    panels = (
        Panel("\u03bb_m", label, "", tuple(left), log_x=False, log_y=False),
        Panel("\u0394G(4)", label, "", tuple(right), log_x=False, log_y=False),
    )
    return plot_svg(panels, _PLOT, columns=2)


def _errors(result: CrossCheck, samples: FloatArray) -> FloatArray:
    error = result.measured.error(samples, 4)
    return np.full(samples.shape[1], np.nan) if error is None else error


def _theory() -> list[Block]:
    blocks: list[Block] = []
    for legs, name in ((4, "four"), (6, "six")):
        caption = f"The pruned {name}-point function to first order."
        blocks += correlator_blocks(generate_correlator(legs, QUARTIC, [(0,), (1,)]), caption)
    blocks.append(
        Paragraph(
            "K is the exact two-point function, so that diagrams which only correct a line are left out, and vacuum parts "
            "divide out; the number of diagrams at each order was proved complete against the zero-dimensional theory."
        )
    )
    return blocks
