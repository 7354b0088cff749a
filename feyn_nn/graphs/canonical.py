"""Canonical form and automorphisms of connected coloured multigraphs, on small integer tuples.

A *piece* is a connected multigraph whose nodes carry a hashable, orderable colour. What can be swapped without
changing the diagram and is not a node (parallel lines, self-loops, unlabelled legs) is kept in the colours and
in the multiplicities of the edges, and contributes factorials to |Aut| elsewhere (`topology`).

The form is found by colour refinement and individualisation: the search tree is invariant under relabelling, so
its leaves with the smallest code are one orbit of the automorphism group, which acts freely on them. Their
number is the order of the group of node permutations.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

Colour: TypeAlias = Any  # hashable and ordered among the colours of one piece
Edges: TypeAlias = tuple[tuple[int, int, int], ...]
"""(i, j, multiplicity) with i < j, sorted."""


class Piece(NamedTuple):
    """A connected coloured multigraph; canonical if it came out of `canonical_piece`."""

    colours: tuple[Colour, ...]
    edges: Edges


class Canonical(NamedTuple):
    """The canonical form, the old node at each new position, and the number of node automorphisms."""

    piece: Piece
    order: tuple[int, ...]
    automorphisms: int


@lru_cache(maxsize=1 << 17)
def canonical_piece(piece: Piece) -> Canonical:
    """Return the canonical form of a connected piece; equal forms mean isomorphic pieces."""
    size = len(piece.colours)
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(size)]
    for i, j, multiplicity in piece.edges:
        neighbours[i].append((j, multiplicity))
        neighbours[j].append((i, multiplicity))
    ranks = {colour: rank for rank, colour in enumerate(sorted(set(piece.colours)))}
    search = _Search(piece, neighbours)
    search.descend([ranks[colour] for colour in piece.colours])
    order = search.best_order
    colours = tuple(piece.colours[node] for node in order)
    return Canonical(Piece(colours, search.best_code), tuple(order), search.count)


class _Search:
    """Depth-first walk over the individualisation tree, keeping the smallest code."""

    def __init__(self, piece: Piece, neighbours: list[list[tuple[int, int]]]) -> None:
        self.piece = piece
        self.neighbours = neighbours
        self.best_code: Edges = ()
        self.best_order: list[int] = []
        self.count = 0

    def descend(self, cells: list[int]) -> None:
        cells = self.refine(cells)
        members: dict[int, list[int]] = {}
        for node, cell in enumerate(cells):
            members.setdefault(cell, []).append(node)
        open_cells = [(len(nodes), cell) for cell, nodes in members.items() if len(nodes) > 1]
        if not open_cells:
            self.leaf(cells)
            return
        _, chosen = min(open_cells)
        for node in members[chosen]:
            split = [2 * cell + 1 for cell in cells]
            split[node] -= 1
            self.descend(split)

    def refine(self, cells: list[int]) -> list[int]:
        """Split cells by the coloured, weighted neighbourhoods of their nodes until nothing changes."""
        number = len(set(cells))
        while True:
            keys = [
                (cell, tuple(sorted((cells[other], multiplicity) for other, multiplicity in around)))
                for cell, around in zip(cells, self.neighbours, strict=True)
            ]
            ranks = {key: rank for rank, key in enumerate(sorted(set(keys)))}
            cells = [ranks[key] for key in keys]
            if len(ranks) == number:
                return cells
            number = len(ranks)

    def leaf(self, position: list[int]) -> None:
        code = tuple(
            sorted(
                (min(position[i], position[j]), max(position[i], position[j]), multiplicity)
                for i, j, multiplicity in self.piece.edges
            )
        )
        if not self.count or code < self.best_code:
            self.best_code = code
            self.best_order = sorted(range(len(position)), key=position.__getitem__)
            self.count = 1
        elif code == self.best_code:
            self.count += 1
