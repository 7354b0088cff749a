"""The simple generator, oracle of the fast one: all topologies by Wick contraction of half-edges.

A partial contraction is a multiset of pieces whose vertices still have free half-edges. One half-edge after the
other (legs first) is joined to every other free one, and isomorphic partial contractions are merged, their
numbers of contractions added. So every topology comes with the exact number of Wick contractions that give it,
which must equal n! prod_k (k!)^(p_k) p_k! / |Aut(T)|: two independent ways to the same factor, compared on every
run, and their total must be the number of pairings of all half-edges.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from math import factorial, prod
from typing import TYPE_CHECKING

from feyn_nn.combinatorics import pairing_count
from feyn_nn.errors import CompletenessError
from feyn_nn.graphs.canonical import Piece, canonical_piece
from feyn_nn.graphs.topology import Node, Topology

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from feyn_nn.action import Operator

_State = tuple[int, int, tuple[Piece, ...]]
"""Lines between legs, legs not yet contracted, sorted pieces."""


def topologies(legs: int, operators: Sequence[Operator], order: Sequence[int]) -> list[tuple[Topology, int]]:
    """Every topology with `legs` legs and `order[i]` vertices of `operators[i]`, with its number of contractions.

    Sorted by multiplicity, then by structure. Empty if the number of half-edges is odd. Raises CompletenessError if
    the result does not add up.
    """
    if pairing_count(legs + sum(op.valence * p for op, p in zip(operators, order, strict=True))) == 0:
        return []
    ranked = sorted(range(len(operators)), key=operators.__getitem__)
    palette = [operators[i] for i in ranked]
    counts = [order[i] for i in ranked]
    valences = tuple(operator.valence for operator in palette)
    single = [Piece((Node(0, kind, 0),), ()) for kind, count in enumerate(counts) for _ in range(count)]
    states: dict[_State, int] = {(0, legs, tuple(sorted(single))): 1}
    complete: Counter[_State] = Counter()
    while states:
        grown: Counter[_State] = Counter()
        for state, ways in states.items():
            for following, number in _contract(state, valences):
                (grown if following is not None else complete)[following or state] += ways * number
        states = dict(grown)
    result = [(Topology.from_pieces(palette, lines, pieces), ways) for (lines, _, pieces), ways in complete.items()]
    _verify(legs, palette, counts, result)
    return sorted(result, key=lambda pair: (pair[0].multiplicity, pair[0].lines, pair[0].pieces))


def _verify(legs: int, palette: Sequence[Operator], counts: Sequence[int], found: list[tuple[Topology, int]]) -> None:
    """Compare contractions with symmetry factors for each topology, and their total with (2m-1)!!."""
    identical = prod(factorial(count) for count in counts)
    for topology, ways in found:
        if topology.multiplicity * identical != ways:
            raise CompletenessError(
                f"{topology}: {ways} contractions, but |Aut| gives {topology.multiplicity * identical}; "
                "this is a defect of the generator, please report it"
            )
    half_edges = legs + sum(op.valence * count for op, count in zip(palette, counts, strict=True))
    total = sum(ways for _, ways in found)
    if total != pairing_count(half_edges) or len({topology for topology, _ in found}) != len(found):
        raise CompletenessError(
            f"{total} contractions of {half_edges} half-edges in {len(found)} topologies: expected "
            f"{pairing_count(half_edges)}, each topology once; this is a defect of the generator, please report it"
        )


def _contract(state: _State, valences: tuple[int, ...]) -> Iterator[tuple[_State | None, int]]:
    """Join the next free half-edge to every other; yield (new state, ways), or (None, 1) if none is free."""
    lines, legs, pieces = state
    different = list(dict.fromkeys(pieces))
    if legs:
        if legs > 1:
            yield (lines + 1, legs - 2, pieces), legs - 1
        for piece in different:
            rest = _without(pieces, piece)
            for node, free in _free(piece, valences):
                grown = _with_leg(piece, node)
                yield (lines, legs - 1, tuple(sorted((*rest, grown)))), free * pieces.count(piece)
        return
    chosen = next((piece for piece in reversed(different) if _free(piece, valences)), None)
    if chosen is None:
        yield None, 1
        return
    rest = _without(pieces, chosen)
    node, free = _free(chosen, valences)[0]
    if free > 1:
        yield (lines, 0, tuple(sorted((*rest, _with_loop(chosen, node))))), free - 1
    for other, ways in _free(chosen, valences)[1:]:
        yield (lines, 0, tuple(sorted((*rest, _with_line(chosen, node, other))))), ways
    for partner in dict.fromkeys(rest):
        remaining = _without(rest, partner)
        for other, ways in _free(partner, valences):
            joined = _join(chosen, node, partner, other)
            yield (lines, 0, tuple(sorted((*remaining, joined)))), ways * rest.count(partner)


def _without(pieces: tuple[Piece, ...], piece: Piece) -> tuple[Piece, ...]:
    index = pieces.index(piece)
    return pieces[:index] + pieces[index + 1 :]


@lru_cache(maxsize=1 << 16)
def _free(piece: Piece, valences: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """(node, number of free half-edges) for each node of a piece that has any."""
    used = [node.legs + 2 * node.loops for node in piece.colours]
    for i, j, multiplicity in piece.edges:
        used[i] += multiplicity
        used[j] += multiplicity
    free = (valences[node.operator] - taken for node, taken in zip(piece.colours, used, strict=True))
    return tuple((index, number) for index, number in enumerate(free) if number)


def _recoloured(piece: Piece, index: int, node: Node) -> Piece:
    colours = (*piece.colours[:index], node, *piece.colours[index + 1 :])
    return canonical_piece(Piece(colours, piece.edges)).piece


def _with_leg(piece: Piece, index: int) -> Piece:
    node = piece.colours[index]
    return _recoloured(piece, index, node._replace(legs=node.legs + 1))


def _with_loop(piece: Piece, index: int) -> Piece:
    node = piece.colours[index]
    return _recoloured(piece, index, node._replace(loops=node.loops + 1))


def _with_line(piece: Piece, i: int, j: int) -> Piece:
    edges = {(a, b): multiplicity for a, b, multiplicity in piece.edges}
    edge = (min(i, j), max(i, j))
    edges[edge] = edges.get(edge, 0) + 1
    return canonical_piece(Piece(piece.colours, tuple(sorted((a, b, m) for (a, b), m in edges.items())))).piece


def _join(left: Piece, i: int, right: Piece, j: int) -> Piece:
    shift = len(left.colours)
    edges = [*left.edges, *((a + shift, b + shift, m) for a, b, m in right.edges), (i, j + shift, 1)]
    return canonical_piece(Piece(left.colours + right.colours, tuple(sorted(edges)))).piece
