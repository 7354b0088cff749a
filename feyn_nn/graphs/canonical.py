"""Canonical form and automorphisms of connected coloured multigraphs, on small integer tuples.

A *piece* is a connected multigraph whose nodes carry a hashable, orderable colour. What can be swapped without
changing the diagram and is not a node (parallel lines, self-loops, unlabelled legs) is kept in the colours and
in the multiplicities of the edges, and contributes factorials to |Aut| elsewhere (`topology`).

Nodes are first sorted by their colours, then by invariant ones (`colouring`). Where some tie, one of the last tie is
singled out, which splits the rest further, until none tie. Whether the tied nodes can really be exchanged is not taken
from the colours but found by search: each exchange is a permutation that maps the graph to itself. If all can be, it does
not matter which is singled out; if not, one of each orbit is tried and the smallest code wins. By the orbit-stabiliser
theorem the lengths of the orbits multiply to the order of the group, and the exchanges generate it.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from feyn_nn.graphs.colouring import pair_colours

if TYPE_CHECKING:
    from collections.abc import Sequence

Colour: TypeAlias = Any  # hashable and ordered among the colours of one piece
Edges: TypeAlias = tuple[tuple[int, int, int], ...]
"""(i, j, multiplicity) with i < j, sorted."""
Permutation: TypeAlias = tuple[int, ...]
"""The image of each node."""
Keys: TypeAlias = list[tuple[int, ...]]


class Piece(NamedTuple):
    """A connected coloured multigraph; canonical if it came out of `canonical_piece`."""

    colours: tuple[Colour, ...]
    edges: Edges


class Canonical(NamedTuple):
    """The canonical form, the old node at each new position, and the number of node automorphisms."""

    piece: Piece
    order: tuple[int, ...]
    automorphisms: int


class Settled(NamedTuple):
    """An order of the nodes that isomorphic graphs share, and the group of node automorphisms.

    `singled` are the nodes singled out, last ranks first, and `orbits` the lengths of their orbits, each under the
    automorphisms that fix those before it. The product is the order of the group.
    """

    order: tuple[int, ...]
    singled: tuple[int, ...]
    orbits: tuple[int, ...]
    generators: tuple[Permutation, ...]

    def group_orders(self, legs: Sequence[int]) -> tuple[int, int]:
        """Orders of the group, and of the subgroup that fixes every node with legs; `legs` gives each node's number.

        Nodes with legs must have higher ranks than the others: then they are singled out first.
        """
        inner = [length for node, length in zip(self.singled, self.orbits, strict=True) if not legs[node]]
        return prod(self.orbits), prod(inner)


@lru_cache(maxsize=1 << 17)
def canonical_piece(piece: Piece) -> Canonical:
    """Return the canonical form of a connected piece; equal forms mean isomorphic pieces."""
    settled = settle_piece(piece)
    order = settled.order
    place = [0] * len(order)
    for new, old in enumerate(order):
        place[old] = new
    colours = tuple(piece.colours[node] for node in order)
    return Canonical(Piece(colours, _renumbered(piece.edges, place)), order, prod(settled.orbits))


def settle_piece(piece: Piece) -> Settled:
    """Settle one piece."""
    size = len(piece.colours)
    adjacency = np.zeros((1, size, size), dtype=np.int64)
    for i, j, multiplicity in piece.edges:
        adjacency[0, i, j] = adjacency[0, j, i] = multiplicity
    first: dict[Colour, int] = {}
    for rank, colour in enumerate(sorted(piece.colours)):
        first.setdefault(colour, rank)
    ranks = [first[colour] for colour in piece.colours]
    return settle(ranks, pair_colours(np.array([ranks]), adjacency)[0].tolist(), adjacency[0].tolist())


def settle(ranks: Sequence[int], pairs: Sequence[Sequence[int]], adjacency: Sequence[Sequence[int]]) -> Settled:
    """Order the nodes by rank, then by colour, and settle ties; the order depends on nothing else.

    `ranks` are part of the graph, `pairs` its colours from `pair_colours` for these ranks as codes.
    """
    search = _Search(ranks, pairs, adjacency)
    order, singled, orbits = search.descend([(rank, pairs[node][node]) for node, rank in enumerate(ranks)])
    return Settled(order, singled, orbits, tuple(search.generators))


class _Search:
    def __init__(
        self, ranks: Sequence[int], pairs: Sequence[Sequence[int]], adjacency: Sequence[Sequence[int]]
    ) -> None:
        self.ranks = ranks
        self.pairs = pairs
        self.adjacency = adjacency
        self.generators: list[Permutation] = []

    def descend(self, keys: Keys) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """The order of the nodes, the nodes singled out, and the lengths of their orbits."""
        cells: dict[tuple[int, ...], list[int]] = {}
        for node, key in enumerate(keys):
            cells.setdefault(key, []).append(node)
        if len(cells) == len(keys):
            return tuple(sorted(range(len(keys)), key=keys.__getitem__)), (), ()
        orbits = self.orbits(keys, cells[max(key for key, cell in cells.items() if len(cell) > 1)])
        found = []
        for orbit in orbits:
            order, singled, lengths = self.descend(self.singled_out(keys, orbit[0]))
            found.append(
                (self.code(order) if len(orbits) > 1 else [], order, (orbit[0], *singled), (len(orbit), *lengths))
            )
        return min(found)[1], found[0][2], found[0][3]

    def orbits(self, keys: Keys, cell: Sequence[int]) -> list[list[int]]:
        """Orbits of a cell under the automorphisms that fix the nodes singled out, which are in cells of their own."""
        orbits: list[list[int]] = []
        for node in cell:
            for orbit in orbits:
                exchange = self.extend(self.singled_out(keys, orbit[0]), self.singled_out(keys, node))
                if exchange is not None:
                    self.generators.append(exchange)
                    orbit.append(node)
                    break
            else:
                orbits.append([node])
        return orbits

    def singled_out(self, keys: Keys, node: int) -> Keys:
        row = self.pairs[node]
        result = [(*key, row[other]) for other, key in enumerate(keys)]
        result[node] = (*keys[node], -1)
        return result

    def extend(self, sources: Keys, targets: Keys) -> Permutation | None:
        """An automorphism that maps each node to one with the same key, or None."""
        size = len(sources)
        places: dict[tuple[int, ...], list[int]] = {}
        for node, key in enumerate(targets):
            places.setdefault(key, []).append(node)
        images = [places.get(key, []) for key in sources]
        if any(not image for image in images):
            return None
        if len(places) == size:
            permutation = tuple(image[0] for image in images)
            return permutation if self.preserves(permutation) else None
        node = min((len(image), node) for node, image in enumerate(images) if len(image) > 1)[1]
        narrowed = self.singled_out(sources, node)
        for image in images[node]:
            found = self.extend(narrowed, self.singled_out(targets, image))
            if found is not None:
                return found
        return None

    def preserves(self, permutation: Permutation) -> bool:
        if len(set(permutation)) < len(permutation):
            return False
        adjacency = self.adjacency
        for node, image in enumerate(permutation):
            if self.ranks[node] != self.ranks[image]:
                return False
            row, other = adjacency[node], adjacency[image]
            if any(row[k] != other[permutation[k]] for k in range(len(permutation)) if k != node):
                return False
        return True

    def code(self, order: Sequence[int]) -> list[list[int]]:
        return [[self.adjacency[i][j] for j in order] for i in order]


def _renumbered(edges: Edges, place: Sequence[int]) -> Edges:
    return tuple(
        sorted((min(place[i], place[j]), max(place[i], place[j]), multiplicity) for i, j, multiplicity in edges)
    )
