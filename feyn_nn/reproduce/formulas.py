"""The formulas and diagrams behind the figures, for the report: generated from the action where they come from it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from feyn_nn.action import Action
from feyn_nn.correlator import generate_correlator
from feyn_nn.render import diagram_svg
from feyn_nn.report import Formula, Gallery, Picture
from feyn_nn.report.mathml import correlator_formula, formula, number, operator, over, row, sub, sup, symbol

if TYPE_CHECKING:
    from feyn_nn.correlator import Correlator

QUARTIC = Action.parse("lambda f^4")


def quartic_correlator(legs: int, highest: int) -> Correlator:
    """G^(n) to an order in lambda, pruned as in the talk."""
    return generate_correlator(legs, QUARTIC, [(order,) for order in range(highest + 1)])


def generated(legs: int, highest: int, caption: str) -> tuple[Formula, Gallery]:
    """A correlator as a formula, and its diagrams."""
    correlator = quartic_correlator(legs, highest)
    pictures = tuple(
        Picture(
            diagram_svg(term.representative(QUARTIC)),
            f"{'−' if term.sign < 0 else ''}{term.multiplicity}"
            + (f" = {term.labellings} × {term.coefficient}" if term.labellings > 1 else ""),
        )
        for term in correlator.terms
    )
    return Formula(correlator_formula(correlator), caption), Gallery(pictures)


def ratio_to_free() -> Formula:
    """m_n."""
    return Formula(
        formula(
            sub(symbol("m"), symbol("n")),
            operator("="),
            over(row(symbol("Δ"), _points("n")), _points("n", "GP")),
            operator("="),
            over(row(_points("n"), operator("−"), _points("n", "GP")), _points("n", "GP")),
        )
    )


def measured_coupling() -> Formula:
    """lambda_m."""
    lines = [sub(symbol("K"), row(number(leg), symbol("y"))) for leg in (1, 2, 3, 4)]
    return Formula(
        formula(
            sub(symbol("λ"), symbol("m")),
            operator("="),
            operator("−"),
            over(row(symbol("Δ"), _points("4")), row(number(24), operator("∫"), _measure("y"), *lines)),
            operator(","),
            symbol("λ"),
            operator("="),
            row(operator("⟨"), sub(symbol("λ"), symbol("m")), operator("⟩")),
        ),
        "The coupling for each tuple of four inputs; λ is its mean over all sorted tuples.",
    )


def second_order_equation() -> Formula:
    """lambda_2 from lambda_1 and r."""
    first, second = (sub(symbol("λ"), number(k)) for k in (1, 2))
    return Formula(
        formula(
            second,
            row(
                operator("("),
                number(1),
                operator("+"),
                symbol("r"),
                over(second, first),
                operator(")"),
            ),
            operator("="),
            first,
            operator(","),
            symbol("r"),
            operator("∝"),
            sub(symbol("d"), symbol("out")),
            operator("+"),
            number(8),
        ),
        "r is the part of G⁽⁴⁾ of order λ² over that of order λ, at λ = λ₁.",
    )


def running_coupling() -> Formula:
    """Beta(lambda) at every cutoff, and its limit."""
    log = row(symbol("log"), symbol("Λ"))
    integral = sub(symbol("I"), number(4))
    return Formula(
        formula(
            symbol("β"),
            row(operator("("), symbol("λ"), operator(")")),
            operator("="),
            operator("−"),
            symbol("λ"),
            over(row(symbol("d"), symbol("log"), integral), row(symbol("d"), log)),
            operator("→"),
            operator("−"),
            symbol("max"),
            operator("("),
            number(0),
            operator(","),
            row(sub(symbol("d"), symbol("in")), operator("+"), number(4), symbol("a")),
            operator(")"),
            symbol("λ"),
            operator(","),
            integral,
            operator("="),
            operator("∫"),
            _measure("y"),
            *(sub(symbol("K"), row(number(leg), symbol("y"))) for leg in (1, 2, 3, 4)),
        ),
        "Exact at every cutoff, κ dropped, and its limit for K(x, rn) ~ r^a.",
    )


def _points(n: str, index: str | None = None) -> Element:
    """G^(n), with an index."""
    base = symbol("G") if index is None else sub(symbol("G"), symbol(index))
    return sup(base, row(operator("("), number(n) if n.isdigit() else symbol(n), operator(")")))


def _measure(point: str) -> Element:
    return row(sup(symbol("d"), sub(symbol("d"), symbol("in"))), symbol(point), Element("mspace", {"width": "0.17em"}))
