"""The coefficients of a correlator as numbers: every kept diagram's integral, and their sums at every order.

G^(n) = sum over orders of prod_k g_k^(p_k) * coefficient,   coefficient = sum over labelled diagrams (-1)^vertices C(D)
int prod K.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import numpy as np

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.errors import LimitError
from feyn_nn.numeric.expansion import summands
from feyn_nn.numeric.shapes import diagram_components, free_lines
from feyn_nn.numeric.tuples import index_table, tuple_count
from feyn_nn.numeric.values import Values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.correlator import Correlator, Term
    from feyn_nn.graphs import Diagram
    from feyn_nn.numeric.integrals import DiagramIntegrals

MAX_VALUES: Final = 20_000_000
"""Topologies times tuples that a result may have."""
MAX_PRODUCTS: Final = 2_000_000_000
"""Labelled diagrams times tuples that may be added up: some minutes."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class TermIntegrals:
    """One topology: the integral of its representative labelling, and what all labellings add to the coefficient.

    `contribution` has the sign and C(D) in it. Both have a value for each tuple.
    """

    term: Term
    diagram: Diagram
    integral: Values
    contribution: Values


@final
@dataclass(frozen=True, slots=True, eq=False)
class CorrelatorIntegrals:
    """All kept diagrams of G^(n) at given tuples of inputs, and the coefficient of prod_k g_k^(p_k) at every order."""

    correlator: Correlator
    tuples: tuple[tuple[int, ...], ...]
    terms: tuple[TermIntegrals, ...]
    coefficients: dict[tuple[int, ...], Values]


def integrate_correlator(
    correlator: Correlator,
    integrals: DiagramIntegrals,
    tuples: Sequence[tuple[int, ...]] | None = None,
    d_out: int = 1,
) -> CorrelatorIntegrals:
    """Integrate every kept diagram of a correlator for each tuple of input indices: all sorted ones if none are given.

    With `d_out` outputs all legs are of the same one. Raises LimitError beforehand for too many diagrams and tuples,
    and otherwise as `DiagramIntegrals.diagram` does.
    """
    points = len(integrals.inputs)
    _check_size(correlator, tuple_count(points, correlator.n) if tuples is None else len(tuples))
    rows = sorted_tuples(points, correlator.n) if tuples is None else [tuple(row) for row in tuples]
    table = index_table(rows, correlator.n, points)
    nothing = Values(np.zeros(len(table)), np.zeros(len(table)))
    sums = dict.fromkeys(correlator.terms, nothing)
    for each in summands(correlator, d_out, integrals.functions):
        sums[each.term] = sums[each.term] + integrals.product(each.free, each.components, table).scaled(each.factor)
    terms = []
    coefficients = {check.order: nothing for check in correlator.checks}
    for term, contribution in sums.items():
        diagram = term.representative(correlator.action)
        components = diagram_components(diagram, integrals.functions)
        integral = integrals.product(free_lines(diagram), components, table)
        terms.append(TermIntegrals(term, diagram, integral, contribution))
        coefficients[term.order] = coefficients[term.order] + contribution
    return CorrelatorIntegrals(correlator, tuple(rows), tuple(terms), coefficients)


def _check_size(correlator: Correlator, tuples: int) -> None:
    labelled = sum(term.labellings for term in correlator.terms)
    if len(correlator.terms) * tuples > MAX_VALUES or labelled * tuples > MAX_PRODUCTS:
        raise LimitError(
            f"{labelled} labelled diagrams of {len(correlator.terms)} topologies at {tuples} tuples of inputs: at most "
            f"{MAX_PRODUCTS:.0e} products and {MAX_VALUES:.0e} integrals are supported; use fewer inputs, legs or a lower order"
        )
