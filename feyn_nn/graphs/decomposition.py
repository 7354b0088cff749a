"""Diagrams taken apart and put together: connected components, cumulants, one-particle irreducible blocks, skeletons.

Components. A diagram is a set partition of its legs into connected diagrams, times vacuum components. Its weight is
the product of theirs, over r! for every vacuum component that occurs r times. So moments and cumulants, as sums of
diagrams or as numbers, are each other's sums over set partitions (`moment_expansion`, `cumulant_expansion`).

Blocks. Cut the bridges of a connected diagram, lines between two vertices without which it falls apart: what is left
are one-particle irreducible blocks, joined by the bridges in a tree. A block is kept as an amputated diagram, with a leg
for each leg of the diagram and for each bridge that ends there. The weight of the diagram is the product of the blocks',
over the number of ways in which automorphisms permute ends of bridges: one, if there are legs and no tadpoles. So the
connected diagrams add up to the trees whose vertices are the irreducible ones.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations_with_replacement, product
from math import factorial, prod
from typing import TYPE_CHECKING, TypeAlias

from feyn_nn.combinatorics import set_partitions
from feyn_nn.errors import InputError
from feyn_nn.graphs.connectivity import bridges, components, neighbour_masks
from feyn_nn.graphs.diagram import Diagram, Edge
from feyn_nn.graphs.filters import CONNECTED
from feyn_nn.graphs.series import Series, Truncation
from feyn_nn.graphs.zero_dimensional import ZeroDimensionalTheory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from feyn_nn.action import Operator
    from feyn_nn.graphs.series import Order

Legs: TypeAlias = tuple[int, ...]
"""Legs of a diagram, 0-based and sorted."""
Partition: TypeAlias = tuple[Legs, ...]
"""Legs in blocks."""


def connected_components(diagram: Diagram) -> tuple[tuple[Legs, Diagram], ...]:
    """The components, each as the legs it touches and the diagram on them; vacuum components, with no legs, last.

    >>> from feyn_nn.action import Operator
    >>> loose = Diagram(2, (Operator(4, "lambda"),), ((0, 1), (2, 2), (2, 2)))
    >>> [(legs, part.edges) for legs, part in connected_components(loose)]
    [((0, 1), ((0, 1),)), ((), ((0, 0), (0, 0)))]
    """
    size = diagram.legs + len(diagram.vertices)
    found = []
    for nodes in components(neighbour_masks(size, _bundles(diagram.edges))):
        legs = tuple(node for node in nodes if node < diagram.legs)
        place = {node: index for index, node in enumerate(nodes)}
        vertices = tuple(diagram.vertices[node - diagram.legs] for node in nodes[len(legs) :])
        edges = tuple((place[a], place[b]) for a, b in diagram.edges if a in place)
        found.append((legs, Diagram(len(legs), vertices, edges)))
    return tuple(sorted(found, key=lambda part: (not part[0], part[0], part[1].vertices, part[1].edges)))


def join_components(components: Iterable[tuple[Legs, Diagram]]) -> Diagram:
    """The diagram with these components: the inverse of `connected_components`.

    Raises InputError unless the legs named are 0, 1, ..., n-1, each once, and as many as each component has.
    """
    parts = list(components)
    named = sorted(leg for legs, _ in parts for leg in legs)
    if named != list(range(len(named))) or any(len(legs) != part.legs for legs, part in parts):
        raise InputError(
            f"components on legs {[legs for legs, _ in parts]}: expected 0..{len(named) - 1}, each once, "
            "and as many as each component has"
        )
    vertices: list[Operator] = []
    edges: list[Edge] = []
    for legs, part in parts:
        nodes = [*legs, *range(len(named) + len(vertices), len(named) + len(vertices) + len(part.vertices))]
        vertices += part.vertices
        edges += [(nodes[a], nodes[b]) for a, b in part.edges]
    return Diagram(len(named), tuple(vertices), tuple(edges))


def components_weight(components: Iterable[tuple[Legs, Diagram]]) -> Fraction:
    """C of the diagram with these components: the product of their C over r! for a vacuum component that occurs r times."""
    parts = [part for _, part in components]
    repeated = Counter(part for part in parts if part.legs == 0)
    return prod((part.coefficient for part in parts), start=Fraction(1)) / prod(map(factorial, repeated.values()))


def moment_diagrams(
    legs: int, order: Order, connected: Callable[[int, Order], Sequence[Diagram]], *, vacuum: bool
) -> Iterator[Diagram]:
    """Yield every diagram of a moment once, put together from connected ones.

    `connected(n, p)` must list the connected labelled diagrams with n legs and the numbers p of vertices of each kind;
    with `vacuum`, vacuum components are included.
    """
    zero = (0,) * len(order)
    for partition in set_partitions(range(legs)):
        for share, rest in _shares(order, len(partition)):
            for vacua in _vacuum_parts(rest, connected) if vacuum else [()] if rest == zero else []:
                for parts in product(*(connected(len(block), p) for block, p in zip(partition, share, strict=True))):
                    yield join_components([*zip(partition, parts, strict=True), *(((), part) for part in vacua)])


def moment_expansion(n: int) -> tuple[tuple[Partition, int], ...]:
    """The moment <f_0 ... f_(n-1)> in cumulants: set partitions, each with coefficient one."""
    return tuple((partition, 1) for partition in set_partitions(range(n)))


def cumulant_expansion(n: int) -> tuple[tuple[Partition, int], ...]:
    """The cumulant of f_0 ... f_(n-1) in moments: partitions into b blocks, with coefficient (-1)^(b-1) (b-1)!.

    >>> cumulant_expansion(2)
    ((((0,), (1,)), -1), (((0, 1),), 1))
    """
    if n < 1:
        raise InputError(f"cumulant of {n} fields: expected one or more")
    return tuple(
        (partition, (-1) ** (len(partition) - 1) * factorial(len(partition) - 1))
        for partition in set_partitions(range(n))
    )


@dataclass(frozen=True, slots=True)
class Block:
    """An irreducible block. Its legs are first `legs` of the whole diagram, then the ends of `bridges`, in this order."""

    diagram: Diagram
    legs: Legs
    bridges: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OnePITree:
    """A connected diagram with vertices as a tree of irreducible blocks.

    Bridge number i joins the blocks `bridges[i]`; there is one less of them than of blocks.
    """

    blocks: tuple[Block, ...]
    bridges: tuple[tuple[int, int], ...]

    @property
    def bridge_symmetry(self) -> int:
        """In how many ways automorphisms that fix the legs permute ends of bridges: the product of the blocks' C over C."""
        weights = prod((block.diagram.coefficient for block in self.blocks), start=Fraction(1))
        return int(weights / self.glue().coefficient)

    def glue(self) -> Diagram:
        """The diagram, put together again."""
        legs = sum(len(block.legs) for block in self.blocks)
        vertices: list[Operator] = []
        edges: list[Edge] = []
        ends: dict[int, list[int]] = {}
        for block in self.blocks:
            inner = block.diagram
            first = legs + len(vertices)
            vertices += inner.vertices
            for a, b in inner.edges:
                if a >= inner.legs:
                    edges.append((first + a - inner.legs, first + b - inner.legs))
                elif a < len(block.legs):
                    edges.append((block.legs[a], first + b - inner.legs))
                else:
                    ends.setdefault(block.bridges[a - len(block.legs)], []).append(first + b - inner.legs)
        return Diagram(legs, tuple(vertices), (*edges, *((a, b) for a, b in ends.values())))


def one_pi_decomposition(diagram: Diagram) -> OnePITree:
    """Cut all bridges of a connected diagram with a vertex; blocks are sorted by their first vertex.

    Raises InputError if the diagram is not connected, or has no vertex.

    >>> from feyn_nn.action import Operator
    >>> exchange = Diagram(4, (Operator(3, "g"),) * 2, ((0, 4), (1, 4), (2, 5), (3, 5), (4, 5)))
    >>> tree = one_pi_decomposition(exchange)
    >>> [(block.legs, block.diagram.edges) for block in tree.blocks], tree.bridges
    ([((0, 1), ((0, 3), (1, 3), (2, 3))), ((2, 3), ((0, 3), (1, 3), (2, 3)))], ((0, 1),))
    """
    if not diagram.vertices or not CONNECTED(diagram.topology):
        raise InputError(f"{diagram}: expected a connected diagram with a vertex, to cut it in irreducible blocks")
    first, size = diagram.legs, len(diagram.vertices)
    inner = [(a - first, b - first) for a, b in diagram.edges if a >= first]
    cut = bridges(size, _bundles(inner))
    kept = [line for line in inner if line not in cut and line[::-1] not in cut]
    block_of = [0] * size
    blocks = []
    for index, block_vertices in enumerate(components(neighbour_masks(size, _bundles(kept)))):
        place = {vertex: number for number, vertex in enumerate(block_vertices)}
        for vertex in place:
            block_of[vertex] = index
        outer = [(a, b - first) for a, b in diagram.edges if a < first and b - first in place]
        ends = [(number, vertex) for number, line in enumerate(cut) for vertex in line if vertex in place]
        legs = len(outer) + len(ends)
        edges = [(i, legs + place[vertex]) for i, (_, vertex) in enumerate([*outer, *ends])]
        edges += [(legs + place[a], legs + place[b]) for a, b in kept if a in place]
        block = Diagram(legs, tuple(diagram.vertices[vertex] for vertex in place), tuple(edges))
        blocks.append(Block(block, tuple(leg for leg, _ in outer), tuple(number for number, _ in ends)))
    return OnePITree(tuple(blocks), tuple((block_of[a], block_of[b]) for a, b in cut))


def exact_propagator_expansion(legs: int, valences: tuple[int, ...], maxima: Order) -> tuple[Series, Series]:
    """Two series that must agree: the skeletons with the full two-point function for K, and all connected diagrams.

    This is what makes pruning by rule 4.5 exact, without counterterms: if K is the full two-point function G, the
    diagrams without propagator corrections are the whole correlator. In zero dimensions each of the
    (n + sum_k k p_k)/2 lines of a skeleton becomes G, and sum_p s_p g^p G^((n + sum_k k p_k)/2) = kappa_n.

    Raises InputError for odd operators: insertions can overlap in a tadpole, which then has no unique skeleton.
    """
    odd = [valence for valence in valences if valence % 2]
    if odd:
        raise InputError(
            f"operator f^{odd[0]}: skeletons with the full two-point function restore the connected diagrams of even "
            "operators only, since insertions can overlap in a tadpole"
        )
    theory = ZeroDimensionalTheory(valences, maxima)
    truncation = Truncation(list(product(*(range(maximum + 1) for maximum in maxima))))
    propagator = truncation.counts(theory.connected(2))
    restored = truncation.zero
    for order, value in theory.skeleton_cumulants(legs).items():
        lines = (legs + sum(k * power for k, power in zip(valences, order, strict=True))) // 2
        term = truncation.counts({order: value})
        for _ in range(lines):
            term = truncation.multiply(term, propagator)
        restored = truncation.add(restored, term)
    return truncation.series(restored), theory.connected(legs)


def _bundles(edges: Iterable[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Lines as bundles of parallel ones, self-loops left out."""
    counted = Counter((min(a, b), max(a, b)) for a, b in edges if a != b)
    return [(a, b, multiplicity) for (a, b), multiplicity in sorted(counted.items())]


def _shares(order: Order, blocks: int) -> Iterator[tuple[tuple[Order, ...], Order]]:
    """Every way to give each of `blocks` some of the vertices, with what is left over."""
    if blocks == 0:
        yield (), order
        return
    for taken in product(*(range(power + 1) for power in order)):
        left = tuple(a - b for a, b in zip(order, taken, strict=True))
        for share, rest in _shares(left, blocks - 1):
            yield (taken, *share), rest


def _vacuum_parts(
    order: Order, connected: Callable[[int, Order], Sequence[Diagram]], below: Order | None = None
) -> Iterator[tuple[Diagram, ...]]:
    """Every multiset of vacuum components with `order` vertices in all; those of each one at most `below`."""
    if not any(order):
        yield ()
        return
    for part in sorted(product(*(range(power + 1) for power in order)), reverse=True):
        if not any(part) or (below is not None and part >= below):
            continue
        most = min(power // taken for power, taken in zip(order, part, strict=True) if taken)
        for times in range(1, most + 1):
            rest = tuple(power - times * taken for power, taken in zip(order, part, strict=True))
            for others in _vacuum_parts(rest, connected, part):
                for chosen in combinations_with_replacement(connected(0, part), times):
                    yield (*chosen, *others)
