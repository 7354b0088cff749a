"""Terms of a correlator as JSON types: exact numbers are strings, orders name every coupling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from feyn_nn.graphs.interchange.naming import point_names

if TYPE_CHECKING:
    from feyn_nn.action import Action
    from feyn_nn.correlator import Term


def order_document(order: tuple[int, ...], action: Action) -> dict[str, int]:
    """The power of every coupling, in the action's order."""
    return dict(zip(action.couplings, order, strict=True))


def named_edges(term: Term, action: Action) -> list[list[str]]:
    """The lines of the labelling with the smallest edge list, as pairs of names of points."""
    edges, vertices = term.smallest_edges(action)
    names = point_names(term.topology.legs, vertices, action.operators)
    return [[names[a], names[b]] for a, b in edges]


def term_document(term: Term, action: Action) -> dict[str, Any]:
    """One topology: its order, factors and edges."""
    return {
        "order": order_document(term.order, action),
        "multiplicity": str(term.multiplicity),
        "labellings": str(term.labellings),
        "coefficient": str(term.coefficient),
        "automorphisms": str(term.topology.internal_automorphisms),
        "edges": named_edges(term, action),
    }
