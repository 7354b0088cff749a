"""A diagram without leg labels: its canonical value, its symmetry factor and its multiplicity.

A topology is a multiset of connected pieces, whose nodes carry (legs, operator, self-loops), and of lines that join
two legs directly. Everything else is computed: with n legs and p_k vertices of valence k,

    multiplicity = C * labellings,   C = prod_k (k!)^(p_k) / |Aut(D)|,   labellings = n! |Aut(D)| / |Aut(T)|,

where Aut(D) fixes every leg and Aut(T) may permute them (half-edge automorphisms: permutations of vertices and
of parallel lines, exchanges and flips of self-loops). The talk prints multiplicities.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import factorial, prod
from typing import TYPE_CHECKING, NamedTuple

from feyn_nn.graphs.canonical import Piece, canonical_piece, settle_piece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.action import Operator


class Node(NamedTuple):
    """Colour of a vertex in a piece: how many legs, which operator of the topology, how many self-loops."""

    legs: int
    operator: int
    loops: int


class Symmetry(NamedTuple):
    """Orders of the groups that act on one piece.

    `lines`: permutations of parallel lines, exchanges and flips of self-loops; `legs`: permutations of the legs of each
    vertex; `vertices`: permutations of vertices; `inner`: those of them that fix every vertex with a leg.
    """

    lines: int
    legs: int
    vertices: int
    inner: int

    @property
    def whole(self) -> int:
        """|Aut| of the piece with its legs unlabelled."""
        return self.lines * self.legs * self.vertices

    @property
    def fixing_legs(self) -> int:
        """|Aut| of the piece with every leg fixed."""
        return self.lines * self.inner


@dataclass(frozen=True, slots=True)
class Topology:
    """Canonical diagram without leg labels. Equal means isomorphic.

    `operators` are those that occur, sorted; `lines` join two legs directly; `pieces` are canonical and sorted.
    Built by `from_pieces` (or by the generator), which establishes that form.
    """

    operators: tuple[Operator, ...]
    lines: int
    pieces: tuple[Piece, ...]
    _symmetries: tuple[Symmetry, ...] | None = field(default=None, compare=False, repr=False)
    """Of each piece, where the generator has them at hand; else they are computed when needed."""

    @classmethod
    def from_pieces(cls, operators: Sequence[Operator], lines: int, pieces: Sequence[Piece]) -> Topology:
        """Canonicalise `pieces`, whose nodes refer to `operators` (any order, unused ones allowed)."""
        used = sorted({operators[node.operator] for piece in pieces for node in piece.colours})
        place = {operator: index for index, operator in enumerate(used)}
        canonical = []
        for piece in pieces:
            colours = tuple(node._replace(operator=place[operators[node.operator]]) for node in piece.colours)
            canonical.append(canonical_piece(Piece(colours, piece.edges)).piece)
        return cls(tuple(used), lines, tuple(sorted(canonical)))

    @property
    def symmetries(self) -> tuple[Symmetry, ...]:
        """The groups of each piece."""
        return self._symmetries or tuple(piece_symmetry(piece) for piece in self.pieces)

    @property
    def legs(self) -> int:
        """Number of external legs."""
        return 2 * self.lines + sum(piece_legs(piece) for piece in self.pieces)

    @property
    def vertices(self) -> tuple[Operator, ...]:
        """The operators of all vertices, sorted."""
        return tuple(sorted(self.operators[node.operator] for piece in self.pieces for node in piece.colours))

    def order(self, couplings: Sequence[str]) -> tuple[int, ...]:
        """Number of vertices of each of `couplings`."""
        names = [operator.coupling for operator in self.vertices]
        return tuple(names.count(coupling) for coupling in couplings)

    @property
    def internal_automorphisms(self) -> int:
        """|Aut| of a labelled diagram of this topology: automorphisms that fix every leg."""
        result = 1
        for symmetry in self.symmetries:
            result *= symmetry.fixing_legs
        if len(self.pieces) > 1:
            for piece, number in Counter(self.pieces).items():
                if number > 1 and not piece_legs(piece):
                    result *= factorial(number)
        return result

    @property
    def automorphisms(self) -> int:
        """|Aut| of the topology itself: legs may be permuted."""
        result: int = 2**self.lines * factorial(self.lines)
        for symmetry in self.symmetries:
            result *= symmetry.whole
        if len(self.pieces) > 1:
            result *= prod(factorial(number) for number in Counter(self.pieces).values())
        return result

    @property
    def labellings(self) -> int:
        """Number of distinct ways to label the legs."""
        return factorial(self.legs) * self.internal_automorphisms // self.automorphisms

    @property
    def coefficient(self) -> Fraction:
        """C(D) of each labelled diagram, the same for all of them."""
        return Fraction(prod(factorial(vertex.valence) for vertex in self.vertices), self.internal_automorphisms)

    @property
    def multiplicity(self) -> Fraction:
        """C(D) times the number of labellings: the factor that the talk prints."""
        return self.coefficient * self.labellings


def piece_legs(piece: Piece) -> int:
    """Number of legs attached to a piece."""
    return sum([int(node.legs) for node in piece.colours])


@lru_cache(maxsize=1 << 14)
def piece_symmetry(piece: Piece) -> Symmetry:
    """The groups of one piece, found by search."""
    lines = prod(2**node.loops * factorial(node.loops) for node in piece.colours)
    lines *= prod(factorial(multiplicity) for _, _, multiplicity in piece.edges)
    legs = [node.legs for node in piece.colours]
    return Symmetry(lines, prod(map(factorial, legs)), *settle_piece(piece).group_orders(legs))
