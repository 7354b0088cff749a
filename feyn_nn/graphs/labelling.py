"""The distinct ways to label the legs of a topology, one after the other.

An attachment says for every leg where it ends: at a vertex, by its number among the topology's vertices (piece after
piece), or at another leg j, written -1 - j. Two attachments are the same diagram if a symmetry of the topology maps one to
the other. Labels are dealt in order: the smallest one left goes to a line or to one of the pieces that still have no
label (equal pieces are not distinguished), together with a choice of companions. Within a piece the legs are dealt to
vertices, the first to one vertex of each orbit of the group of vertices, the next to one of each orbit of what
fixes the first, and so on; so nothing is made twice and nothing has to be remembered.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations, permutations
from math import factorial, prod
from typing import TYPE_CHECKING, TypeAlias

from feyn_nn.graphs.canonical import Permutation, settle_piece
from feyn_nn.graphs.topology import piece_legs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from feyn_nn.graphs.canonical import Piece
    from feyn_nn.graphs.topology import Symmetry, Topology

Attachment: TypeAlias = tuple[int, ...]
_REMEMBERED = 5040
"""Labellings of a piece that are kept for the next piece of the same shape."""


def attachments(topology: Topology) -> Iterator[Attachment]:
    """Yield one attachment for every distinct labelled diagram, in a fixed order."""
    shapes = [_Shape(piece, symmetry) for piece, symmetry in zip(topology.pieces, topology.symmetries, strict=True)]
    if len(shapes) == 1 and not topology.lines:
        vertices = shapes[0].legged
        for pattern in shapes[0].patterns():
            yield tuple([vertices[place] for place in pattern])
        return
    groups: list[tuple[_Shape, list[int]]] = []  # equal pieces, and the first vertex of each
    start = 0
    for index, (piece, shape) in enumerate(zip(topology.pieces, shapes, strict=True)):
        if shape.legs:
            if index and topology.pieces[index - 1] == piece:
                groups[-1][1].append(start)
            else:
                groups.append((shape, [start]))
        start += len(piece.colours)
    result = [0] * topology.legs
    yield from _dealt(tuple(range(topology.legs)), topology.lines, groups, [0] * len(groups), result)


class _Shape:
    """What the labelling of a piece depends on: legs at each legged vertex, and how symmetries permute these."""

    def __init__(self, piece: Piece, symmetry: Symmetry) -> None:
        self.legs = piece_legs(piece)
        self.legged = [index for index, node in enumerate(piece.colours) if node.legs]
        self.counts = tuple([piece.colours[index].legs for index in self.legged])
        self.group: tuple[Permutation, ...] = ()
        moved = symmetry.vertices // symmetry.inner
        if moved == factorial(len(self.legged)):  # all permutations
            self.group = tuple(permutations(range(len(self.legged))))[1:]
        elif moved > 1:
            self.group = _group_on(self.legged, settle_piece(piece).generators)

    def patterns(self) -> Sequence[Attachment] | Iterator[Attachment]:
        """Every distinct way to deal the piece's own legs 0, 1, ... to the places in `legged`."""
        if factorial(self.legs) <= _REMEMBERED * prod(factorial(count) for count in self.counts):
            return _remembered(self.counts, self.group)
        return _patterns(self.counts, self.group)


def _group_on(nodes: Sequence[int], generators: Sequence[Permutation]) -> tuple[Permutation, ...]:
    """The group that permutations of all nodes generate on some of them, by place; without the identity."""
    place = {node: index for index, node in enumerate(nodes)}
    moves = {tuple([place[generator[node]] for node in nodes]) for generator in generators}
    identity = tuple(range(len(nodes)))
    found = {identity}
    fresh = [identity]
    while fresh:
        element = fresh.pop()
        for move in moves:
            image = tuple([move[k] for k in element])
            if image not in found:
                found.add(image)
                fresh.append(image)
    return tuple(sorted(found - {identity}))


@lru_cache(maxsize=64)
def _remembered(counts: tuple[int, ...], group: tuple[Permutation, ...]) -> tuple[Attachment, ...]:
    return tuple(_patterns(counts, group))


def _patterns(counts: tuple[int, ...], group: tuple[Permutation, ...]) -> Iterator[Attachment]:
    if not any(counts):
        yield ()
        return
    for place, count in enumerate(counts):
        if not count or any(element[place] < place for element in group):
            continue
        fixing = tuple([element for element in group if element[place] == place])
        left = (*counts[:place], count - 1, *counts[place + 1 :])
        for rest in _patterns(left, fixing):
            yield (place, *rest)


def _dealt(
    labels: Attachment, lines: int, groups: list[tuple[_Shape, list[int]]], used: list[int], result: list[int]
) -> Iterator[Attachment]:
    """Deal `labels`; `used[g]` pieces of group g have theirs already, and `result` holds what is dealt."""
    if not labels:
        yield tuple(result)
        return
    first, others = labels[0], labels[1:]
    if lines:
        for index, partner in enumerate(others):
            result[first], result[partner] = -1 - partner, -1 - first
            yield from _dealt(others[:index] + others[index + 1 :], lines - 1, groups, used, result)
    for number, (shape, starts) in enumerate(groups):
        if used[number] == len(starts):
            continue
        start = starts[used[number]]
        used[number] += 1
        for companions in combinations(others, shape.legs - 1):
            chosen = (first, *companions)
            left = tuple([label for label in others if label not in companions])
            for pattern in shape.patterns():
                for label, place in zip(chosen, pattern, strict=True):
                    result[label] = start + shape.legged[place]
                yield from _dealt(left, lines, groups, used, result)
        used[number] -= 1
