"""How a term of a correlator is written down: names of points, lines as pairs of names, who is integrated.

Legs are x1..xn, internal points take the letters y, z, u, v, w by coupling in the action's order, numbered.
Shared by text, LaTeX, SymPy, FORM and Mathematica, so that all of them print the same diagrams in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from feyn_nn.action import VERTEX_LETTERS
from feyn_nn.errors import LimitError
from feyn_nn.graphs import diagrams_of
from feyn_nn.graphs.interchange.naming import point_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from feyn_nn.action import Action, Operator
    from feyn_nn.correlator import Correlator, Term
    from feyn_nn.graphs import Diagram

MAX_WRITTEN_DIAGRAMS = 20_000

Line = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Product:
    """One labelled diagram as a product of propagators: lines between legs, lines at vertices, internal points."""

    outer: tuple[Line, ...]
    inner: tuple[Line, ...]
    points: tuple[str, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines, those between legs first."""
        return self.outer + self.inner


def representative_product(term: Term, action: Action) -> Product:
    """The labelling with the smallest edge list."""
    edges, vertices = term.smallest_edges(action)
    return _product(term.topology.legs, vertices, edges, action)


def labelled_products(term: Term, action: Action) -> list[Product]:
    """Every leg labelling of a term, in the order of their edge lists."""
    return [_diagram_product(diagram, action) for diagram in diagrams_of(term.topology)]


def check_size(terms: Iterable[Term]) -> None:
    """Raise LimitError if writing out every labelling would take more than 20,000 products."""
    number = sum(term.labellings for term in terms)
    if number > MAX_WRITTEN_DIAGRAMS:
        raise LimitError(
            f"{number} labelled diagrams to write out, more than the limit of {MAX_WRITTEN_DIAGRAMS}; "
            "ask for json or text, which show one representative of each topology, or lower the order"
        )


def _diagram_product(diagram: Diagram, action: Action) -> Product:
    return _product(diagram.legs, diagram.vertices, diagram.edges, action)


def _product(legs: int, vertices: Sequence[Operator], edges: Iterable[tuple[int, int]], action: Action) -> Product:
    names = point_names(legs, vertices, action.operators)
    lines = list(edges)
    return Product(
        tuple((names[a], names[b]) for a, b in lines if b < legs),
        tuple((names[a], names[b]) for a, b in lines if b >= legs),
        tuple(sorted(names[legs:], key=lambda name: (VERTEX_LETTERS.index(name[0]), int(name[1:])))),
    )


def couplings_of(term: Term, correlator: Correlator) -> list[tuple[str, int]]:
    """(coupling, power) for each coupling that the term has."""
    return [(name, power) for name, power in zip(correlator.action.couplings, term.order, strict=True) if power]
