"""Loops, lines and powers of the couplings of a diagram.

With V vertices, I internal lines (between vertices, self-loops included), E external lines (from a leg to a vertex),
F free lines (between two legs), n legs, p_k vertices of valence k and c components with vertices:

    L = I - V + c,    n = E + 2 F,    sum_k k p_k = 2 I + E,

so a connected diagram with a vertex has L = 1 - n/2 + sum_k (k/2 - 1) p_k, which depends on its class alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feyn_nn.errors import InputError
from feyn_nn.graphs.diagram import Diagram
from feyn_nn.graphs.topology import piece_legs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from feyn_nn.action import Operator
    from feyn_nn.graphs.topology import Topology


@dataclass(frozen=True, slots=True)
class PowerCounting:
    """The numbers that fix how a diagram scales.

    `degrees` gives the power of each coupling that occurs. `components` counts those with vertices, `vacuum_components`
    those among them without legs.
    """

    legs: int
    vertices: int
    internal_lines: int
    external_lines: int
    free_lines: int
    components: int
    vacuum_components: int
    degrees: Mapping[str, int]

    @property
    def loops(self) -> int:
        """Number of independent loops, L = I - V + c."""
        return self.internal_lines - self.vertices + self.components

    @property
    def is_tree(self) -> bool:
        """Whether there is no loop."""
        return self.loops == 0


def power_counting(diagram: Diagram | Topology) -> PowerCounting:
    """Count loops, lines and powers of the couplings.

    >>> from feyn_nn.action import Operator
    >>> bubble = Diagram(4, (Operator(4, "lambda"),) * 2, ((0, 4), (1, 4), (2, 5), (3, 5), (4, 5), (4, 5)))
    >>> counting = power_counting(bubble)
    >>> counting.loops, counting.internal_lines, counting.external_lines, dict(counting.degrees)
    (1, 2, 4, {'lambda': 2})
    """
    topology = diagram.topology if isinstance(diagram, Diagram) else diagram
    nodes = [node for piece in topology.pieces for node in piece.colours]
    lines = sum(multiplicity for piece in topology.pieces for _, _, multiplicity in piece.edges)
    return PowerCounting(
        legs=topology.legs,
        vertices=len(nodes),
        internal_lines=lines + sum(node.loops for node in nodes),
        external_lines=sum(node.legs for node in nodes),
        free_lines=topology.lines,
        components=len(topology.pieces),
        vacuum_components=sum(not piece_legs(piece) for piece in topology.pieces),
        degrees=dict(sorted(Counter(topology.operators[node.operator].coupling for node in nodes).items())),
    )


def connected_loops(legs: int, operators: Sequence[Operator], order: Sequence[int]) -> int:
    """Number of loops of every connected diagram with `order[i]` vertices of `operators[i]`; 0 for the free line.

    Raises InputError if the class has no connected diagram.

    >>> from feyn_nn.action import TALK_ACTION
    >>> [connected_loops(4, TALK_ACTION.operators, order) for order in ((1, 0), (2, 0), (0, 1), (1, 1))]
    [0, 1, 1, 2]
    """
    half_edges = legs + sum(operator.valence * power for operator, power in zip(operators, order, strict=True))
    loops = half_edges // 2 - legs - sum(order) + 1
    empty = loops < 0 if any(order) else legs != 2
    if half_edges % 2 or empty:
        raise InputError(
            f"{legs} legs and vertices {' '.join(f'{op.coupling}^{p}' for op, p in zip(operators, order, strict=True))}: "
            "this class has no connected diagram, so no number of loops"
        )
    return loops
