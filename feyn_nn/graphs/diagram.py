"""A labelled diagram: a frozen, hashable, canonical value over a multigraph.

Nodes are numbered 0..n-1 for the legs x1..xn and n, n+1, ... for the vertices, which are sorted by operator and,
within an operator, numbered so that the sorted edge list is the smallest possible. So equal means isomorphic
with legs fixed. A line is a pair of node numbers; parallel lines are repeated, a self-loop is (v, v).
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING, final

import networkx as nx

from feyn_nn.errors import InputError
from feyn_nn.graphs.labelling import Attachment, attachments
from feyn_nn.graphs.numbering import Skeleton, smallest_numbering
from feyn_nn.graphs.topology import Node, Topology

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from feyn_nn.action import Operator

Edge = tuple[int, int]


@final
class Diagram:
    """A diagram with labelled legs, in canonical form.

    The constructor checks the valences; it raises InputError if a leg does not have exactly one line, or a vertex not as
    many as its valence. The canonical numbering is found when it is first asked for, by `edges` or a comparison.

    >>> from feyn_nn.action import Operator
    >>> contact = Diagram(4, (Operator(4, "lambda"),), ((0, 4), (1, 4), (2, 4), (3, 4)))
    >>> contact.automorphisms, contact.coefficient
    (1, Fraction(24, 1))
    """

    __slots__ = ("_attachment", "_edges", "_legs", "_skeleton", "_topology", "_vertices")

    _legs: int
    _vertices: tuple[Operator, ...]
    _skeleton: Skeleton | None
    _topology: Topology | None
    _attachment: Attachment
    _edges: tuple[Edge, ...] | None

    def __init__(self, legs: int, vertices: Sequence[Operator], edges: Sequence[Edge]) -> None:
        degree = Counter(node for edge in edges for node in edge)
        wanted = [1] * legs + [vertex.valence for vertex in vertices]
        if legs < 0 or any(not 0 <= node < len(wanted) for node in degree):
            raise InputError(f"edges {tuple(edges)} refer to nodes outside 0..{len(wanted) - 1}")
        for node, valence in enumerate(wanted):
            if degree[node] != valence:
                name = f"leg x{node + 1}" if node < legs else f"vertex {node} ({vertices[node - legs]})"
                raise InputError(f"{name} has {degree[node]} line ends in {tuple(edges)}: expected {valence}")
        self._legs = legs
        self._vertices = tuple(sorted(vertices))
        self._skeleton = _skeleton(legs, vertices, edges, sorted(set(vertices)))
        self._topology = None
        self._attachment = ()
        self._edges = None

    @classmethod
    def labelled(cls, topology: Topology, attachment: Attachment) -> Diagram:
        """The labelling of a topology that `attachment` says (see `labelling`), which is not checked."""
        self = cls.__new__(cls)
        self._legs = len(attachment)
        self._topology = topology
        self._attachment = attachment
        self._edges = None
        self._skeleton = None
        return self

    @property
    def legs(self) -> int:
        """Number of external legs."""
        return self._legs

    @property
    def vertices(self) -> tuple[Operator, ...]:
        """The operator of every vertex, sorted: that of node `legs`, `legs` + 1, ..."""
        if self._skeleton is None:
            return self.topology.vertices
        return self._vertices

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The smallest sorted list of lines over all numberings of equal vertices."""
        if self._edges is None:
            skeleton = self._skeleton
            if skeleton is None:
                skeleton = _topology_skeleton(self.topology, self.topology.operators, self._attachment)
            self._edges, _ = smallest_numbering(skeleton)
        return self._edges

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Diagram):
            return NotImplemented
        return self._value() == other._value()

    def __hash__(self) -> int:
        return hash(self._value())

    def _value(self) -> tuple[int, tuple[Operator, ...], tuple[Edge, ...]]:
        return self.legs, self.vertices, self.edges

    def __reduce__(self) -> tuple[type[Diagram], tuple[int, tuple[Operator, ...], tuple[Edge, ...]]]:
        return Diagram, self._value()

    def __repr__(self) -> str:
        return f"Diagram(legs={self.legs}, vertices={self.vertices}, edges={self.edges})"

    @property
    def topology(self) -> Topology:
        """The diagram with its leg labels forgotten."""
        if self._topology is None:
            assert self._skeleton is not None
            self._topology = _topology_of(self._skeleton, sorted(set(self._vertices)))
        return self._topology

    @property
    def automorphisms(self) -> int:
        """|Aut|: half-edge automorphisms that fix every leg."""
        return self.topology.internal_automorphisms

    @property
    def coefficient(self) -> Fraction:
        """C = prod_k (k!)^(p_k) / |Aut|: Wick contractions that give this diagram, over prod_k p_k!."""
        return self.topology.coefficient

    @property
    def graph(self) -> nx.MultiGraph[int]:
        """A new networkx.MultiGraph; nodes carry `kind` ("leg", "vertex"), `label`, and vertices `coupling`."""
        graph: nx.MultiGraph[int] = nx.MultiGraph()
        for leg in range(self.legs):
            graph.add_node(leg, kind="leg", label=f"x{leg + 1}")
        for index, vertex in enumerate(self.vertices):
            graph.add_node(self.legs + index, kind="vertex", label=f"v{index + 1}", coupling=vertex.coupling)
        graph.add_edges_from(self.edges)
        return graph


def labelled_diagrams(topology: Topology) -> Iterator[Diagram]:
    """Yield every distinct labelled diagram of a topology, one after the other, in a fixed order."""
    for attachment in attachments(topology):
        yield Diagram.labelled(topology, attachment)


def diagrams_of(topology: Topology) -> list[Diagram]:
    """Every distinct labelled diagram of a topology, sorted by edge lists."""
    return sorted(labelled_diagrams(topology), key=lambda diagram: diagram.edges)


def representative(topology: Topology) -> Diagram:
    """The labelling with the smallest edge list."""
    edges, _ = smallest_edges(topology, topology.operators)
    diagram = Diagram(topology.legs, topology.vertices, edges)
    diagram._topology, diagram._edges = topology, edges  # smallest over all labellings, so over those of this one
    return diagram


def smallest_edges(topology: Topology, operators: Sequence[Operator]) -> tuple[tuple[Edge, ...], tuple[Operator, ...]]:
    """The smallest edge list over all labellings, vertices grouped in the order of `operators`.

    Returns it with the operator of each vertex in that numbering.
    """
    skeleton = _topology_skeleton(topology, operators, None)
    edges, _ = smallest_numbering(skeleton)
    return edges, tuple(operators[rank] for rank in sorted(skeleton.ranks))


def _topology_skeleton(topology: Topology, operators: Sequence[Operator], attachment: Attachment | None) -> Skeleton:
    ranks: list[int] = []
    loops: list[int] = []
    legs: list[int] = []
    neighbours: list[dict[int, int]] = []
    for piece in topology.pieces:
        start = len(ranks)
        for node in piece.colours:
            ranks.append(operators.index(topology.operators[node.operator]))
            loops.append(node.loops)
            legs.append(node.legs)
            neighbours.append({})
        for i, j, multiplicity in piece.edges:
            neighbours[start + i][start + j] = neighbours[start + j][start + i] = multiplicity
    return Skeleton(tuple(ranks), tuple(loops), tuple(neighbours), topology.lines, tuple(legs), attachment)


def _topology_of(skeleton: Skeleton, operators: Sequence[Operator]) -> Topology:
    assert skeleton.attached is not None
    at = Counter(vertex for vertex in skeleton.attached if vertex >= 0)
    lines = sum(vertex < 0 for vertex in skeleton.attached) // 2
    colours = [
        Node(at[vertex], rank, loops)
        for vertex, (rank, loops) in enumerate(zip(skeleton.ranks, skeleton.loops, strict=True))
    ]
    return Topology.from_pieces(operators, lines, skeleton.pieces(colours))


def _adjacency(legs: int, vertices: int, edges: Sequence[Edge]) -> tuple[list[int], list[dict[int, int]]]:
    """Self-loops of each vertex, and its neighbours with multiplicities."""
    loops = [0] * vertices
    neighbours: list[dict[int, int]] = [{} for _ in range(vertices)]
    for a, b in edges:
        if min(a, b) < legs:
            continue
        i, j = a - legs, b - legs
        if i == j:
            loops[i] += 1
        else:
            neighbours[i][j] = neighbours[i].get(j, 0) + 1
            neighbours[j][i] = neighbours[j].get(i, 0) + 1
    return loops, neighbours


def _skeleton(
    legs: int, vertices: Sequence[Operator], edges: Sequence[Edge], operators: Sequence[Operator]
) -> Skeleton:
    loops, neighbours = _adjacency(legs, len(vertices), edges)
    attached = [0] * legs
    for a, b in (sorted(edge) for edge in edges):
        if b < legs:
            attached[a], attached[b] = -1 - b, -1 - a
        elif a < legs:
            attached[a] = b - legs
    return Skeleton(
        tuple(operators.index(vertex) for vertex in vertices),
        tuple(loops),
        tuple(neighbours),
        0,
        (0,) * len(vertices),
        tuple(attached),
    )
