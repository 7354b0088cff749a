"""A generated correlator on a page: its formula, and its diagrams with their multiplicities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feyn_nn.render import diagram_svg
from feyn_nn.report.mathml import correlator_formula
from feyn_nn.report.page import Formula, Gallery, Picture

if TYPE_CHECKING:
    from feyn_nn.correlator import Correlator, Term


def correlator_blocks(correlator: Correlator, caption: str) -> tuple[Formula, Gallery]:
    """The formula, one labelling of each topology written out, and the diagrams; raises as `correlator_formula`."""
    pictures = tuple(
        Picture(diagram_svg(term.representative(correlator.action)), _number(term)) for term in correlator.terms
    )
    return Formula(correlator_formula(correlator), caption), Gallery(pictures)


def _number(term: Term) -> str:
    """The multiplicity with its sign, and what it is made of."""
    sign = "\u2212" if term.sign < 0 else ""
    made = f" = {term.labellings} \u00d7 {term.coefficient}" if term.labellings > 1 else ""
    return f"{sign}{term.multiplicity}{made}"
