"""A labelled diagram: a frozen, hashable, canonical value over a multigraph.

Nodes are numbered 0..n-1 for the legs x1..xn and n, n+1, ... for the vertices, which are sorted by operator and,
within an operator, numbered so that the sorted edge list is the smallest possible. So equal means isomorphic
with legs fixed. A line is a pair of node numbers; parallel lines are repeated, a self-loop is (v, v).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import networkx as nx

from feyn_nn.errors import InputError
from feyn_nn.graphs.canonical import Piece
from feyn_nn.graphs.numbering import Skeleton, smallest_numbering
from feyn_nn.graphs.topology import Node, Topology

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from feyn_nn.action import Operator

Edge = tuple[int, int]


@dataclass(frozen=True)
class Diagram:
    """A diagram with labelled legs; the constructor checks the valences and brings it into canonical form.

    Raises InputError if a leg does not have exactly one line, or a vertex not as many as its valence.

    >>> from feyn_nn.action import Operator
    >>> contact = Diagram(4, (Operator(4, "lambda"),), ((0, 4), (1, 4), (2, 4), (3, 4)))
    >>> contact.automorphisms, contact.coefficient
    (1, Fraction(24, 1))
    """

    legs: int
    vertices: tuple[Operator, ...]
    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        degree = Counter(node for edge in self.edges for node in edge)
        wanted = [1] * self.legs + [vertex.valence for vertex in self.vertices]
        if self.legs < 0 or any(not 0 <= node < len(wanted) for node in degree):
            raise InputError(f"edges {self.edges} refer to nodes outside 0..{len(wanted) - 1}")
        for node, valence in enumerate(wanted):
            if degree[node] != valence:
                name = f"leg x{node + 1}" if node < self.legs else f"vertex {node} ({self.vertices[node - self.legs]})"
                raise InputError(f"{name} has {degree[node]} line ends in {self.edges}: expected {valence}")
        order = sorted(range(len(self.vertices)), key=self.vertices.__getitem__)
        skeleton = _skeleton(self.legs, self.vertices, self.edges, sorted(set(self.vertices)))
        edges, _ = smallest_numbering(skeleton)
        object.__setattr__(self, "vertices", tuple(self.vertices[v] for v in order))
        object.__setattr__(self, "edges", edges)

    @cached_property
    def topology(self) -> Topology:
        """The diagram with its leg labels forgotten."""
        loops, neighbours = _adjacency(self.legs, len(self.vertices), self.edges)
        at: Counter[int] = Counter()
        lines = 0
        for a, b in self.edges:
            if a < self.legs and b < self.legs:
                lines += 1
            elif a < self.legs:
                at[b - self.legs] += 1
        operators = sorted(set(self.vertices))
        pieces = []
        for component in _vertex_components(neighbours):
            place = {vertex: index for index, vertex in enumerate(component)}
            colours = tuple(Node(operators.index(self.vertices[v]), at[v], loops[v]) for v in component)
            pieces.append(Piece(colours, _piece_edges(component, place, neighbours)))
        return Topology.from_pieces(operators, lines, pieces)

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


def diagrams_of(topology: Topology) -> Iterator[Diagram]:
    """Yield every distinct labelled diagram of a topology, in the order of their edge lists."""
    bare, vertex_of_leg = _with_first_labels(topology)
    first = topology.legs
    fixed = [edge for edge in bare if edge[0] >= first]
    found = set()
    for assignment in _assignments(tuple(range(first)), topology.lines, Counter(vertex_of_leg)):
        found.add(Diagram(first, topology.vertices, (*assignment, *fixed)))
    yield from sorted(found, key=lambda diagram: diagram.edges)


def representative(topology: Topology) -> Diagram:
    """The labelling with the smallest edge list."""
    edges, _ = smallest_edges(topology, topology.operators)
    return Diagram(topology.legs, topology.vertices, edges)


def smallest_edges(topology: Topology, operators: Sequence[Operator]) -> tuple[tuple[Edge, ...], tuple[Operator, ...]]:
    """The smallest edge list over all labellings, vertices grouped in the order of `operators`.

    Returns it with the operator of each vertex in that numbering.
    """
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
    skeleton = Skeleton(tuple(ranks), tuple(loops), tuple(neighbours), topology.lines, tuple(legs))
    edges, _ = smallest_numbering(skeleton)
    return edges, tuple(operators[rank] for rank in sorted(ranks))


def _with_first_labels(topology: Topology) -> tuple[tuple[Edge, ...], list[int]]:
    """One labelling (the representative's edges) and the vertex at which each leg that has one sits."""
    edges, _ = smallest_edges(topology, topology.operators)
    first = topology.legs
    return edges, [b for a, b in edges if a < first <= b]


def _assignments(labels: tuple[int, ...], lines: int, at: Counter[int]) -> Iterator[tuple[Edge, ...]]:
    """Distribute leg labels over `lines` unordered pairs and over vertices that take `at[v]` each."""
    if not labels:
        yield ()
        return
    label, rest = labels[0], labels[1:]
    if lines:
        for index, partner in enumerate(rest):
            for tail in _assignments(rest[:index] + rest[index + 1 :], lines - 1, at):
                yield ((label, partner), *tail)
    for vertex in sorted(at):
        if at[vertex]:
            for tail in _assignments(rest, lines, at - Counter((vertex,))):
                yield ((label, vertex), *tail)


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


def _vertex_components(neighbours: Sequence[dict[int, int]]) -> list[list[int]]:
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(neighbours)))
    graph.add_edges_from((i, j) for i, around in enumerate(neighbours) for j in around)
    return [sorted(component) for component in nx.connected_components(graph)]


def _piece_edges(
    component: Sequence[int], place: dict[int, int], neighbours: Sequence[dict[int, int]]
) -> tuple[tuple[int, int, int], ...]:
    return tuple((place[i], place[j], neighbours[i][j]) for i, j in combinations(component, 2) if j in neighbours[i])


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
