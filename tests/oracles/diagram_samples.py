"""Diagrams to write and read: a few labellings of every topology of small classes; and a reader that may refuse."""

from __future__ import annotations

from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from feyn_nn.action import Operator
from feyn_nn.errors import InputError
from feyn_nn.graphs import Diagram, diagrams_of
from tests.oracles.contraction import topologies

if TYPE_CHECKING:
    from collections.abc import Iterable

    from feyn_nn.graphs import Topology

G, LAMBDA, MU, ALPHA, KAPPA = (
    Operator(k, name) for k, name in ((3, "g"), (4, "lambda_4"), (4, "Mu"), (5, "int"), (6, "kappa_"))
)
Class: TypeAlias = tuple[int, tuple[Operator, ...]]
"""Legs and vertices."""


def paired_classes(vertex_sets: Iterable[tuple[Operator, ...]], legs: int, half_edges: int) -> list[Class]:
    """The classes with at most so many legs and half-edges whose half-edges can be joined in pairs."""
    return [
        (n, vertices)
        for vertices in vertex_sets
        for n in range(legs + 1)
        if (size := n + sum(vertex.valence for vertex in vertices)) % 2 == 0 and size <= half_edges
    ]


CLASSES = paired_classes(
    (
        (),
        (LAMBDA,),
        (KAPPA,),
        (G, G),
        (G, LAMBDA),
        (LAMBDA, LAMBDA),
        (LAMBDA, MU),
        (G, ALPHA),
        (G, G, LAMBDA),
        (LAMBDA, LAMBDA, LAMBDA),
    ),
    5,
    14,
)
PER_TOPOLOGY = 4


def classified(legs: int, vertices: tuple[Operator, ...]) -> list[Topology]:
    operators = tuple(dict.fromkeys(vertices)) or (LAMBDA,)
    return [topology for topology, _ in topologies(legs, operators, [vertices.count(op) for op in operators])]


@cache
def examples() -> tuple[Diagram, ...]:
    """A few labellings of every topology of every class: vacuum parts, lines between legs, odd operators included."""
    return tuple(
        diagram
        for legs, vertices in CLASSES
        for topology in classified(legs, vertices)
        for diagram in islice(diagrams_of(topology), PER_TOPOLOGY)
    )


def attempt(reader: Any, *arguments: Any) -> Any:
    """What the reader returns, or the InputError that it raises."""
    try:
        return reader(*arguments)
    except InputError as problem:
        return problem
