"""Names of points and the product of propagators of one diagram, for every text form.

Legs are x1..xn; vertices take the letters y, z, u, v, w by operator, numbered. The order of the operators is the
action's for a correlator, and the sorted one for a diagram that stands alone.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from feyn_nn.action import VERTEX_LETTERS
from feyn_nn.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.action import Operator
    from feyn_nn.graphs.diagram import Diagram


def point_names(legs: int, vertices: Sequence[Operator], operators: Sequence[Operator]) -> tuple[str, ...]:
    """Names of all nodes: x1, x2, ..., then for each of `vertices` the letter of its operator with its number.

    >>> from feyn_nn.action import TALK_ACTION
    >>> point_names(2, TALK_ACTION.operators, TALK_ACTION.operators)
    ('x1', 'x2', 'y1', 'z1')
    """
    names = [f"x{leg + 1}" for leg in range(legs)]
    count: Counter[Operator] = Counter()
    for vertex in vertices:
        count[vertex] += 1
        names.append(f"{VERTEX_LETTERS[operators.index(vertex)]}{count[vertex]}")
    return tuple(names)


def diagram_names(diagram: Diagram) -> tuple[str, ...]:
    """Names of the nodes of a diagram that stands alone; raises InputError for more than five different operators."""
    operators = sorted(set(diagram.vertices))
    if len(operators) > len(VERTEX_LETTERS):
        raise InputError(
            f"a diagram with {len(operators)} different operators: names of points exist for at most "
            f"{len(VERTEX_LETTERS)}; write it as JSON"
        )
    return point_names(diagram.legs, diagram.vertices, operators)


def coupling_powers(diagram: Diagram) -> list[tuple[str, int]]:
    """(coupling, power) of a diagram, in the order of its vertices."""
    return list(Counter(vertex.coupling for vertex in diagram.vertices).items())
