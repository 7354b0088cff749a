"""A topology: a diagram whose legs have been forgotten, as a frozen canonical value.

Legs are kept as a number at each vertex, self-loops likewise, parallel lines as multiplicities; what remains is
a coloured multigraph on the vertices, one canonical `Piece` for each connected component, plus lines that join
two legs directly. Everything else is computed: with n legs and p_k vertices of valence k,

    multiplicity = C * labellings,   C = prod_k (k!)^(p_k) / |Aut(D)|,   labellings = n! |Aut(D)| / |Aut(T)|,

where Aut(D) fixes every leg and Aut(T) may permute them (half-edge automorphisms: permutations of vertices and
of parallel lines, exchanges and flips of self-loops). The talk prints multiplicities.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import factorial, prod
from typing import TYPE_CHECKING, NamedTuple

from feyn_nn.graphs.canonical import Piece, canonical_piece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.action import Operator


class Node(NamedTuple):
    """Colour of a vertex in a piece: which operator of the topology, how many legs and self-loops."""

    operator: int
    legs: int
    loops: int


@dataclass(frozen=True, slots=True)
class Topology:
    """Canonical diagram without leg labels. Equal means isomorphic.

    `operators` are those that occur, sorted; `lines` join two legs directly; `pieces` are canonical and sorted.
    Built by `from_pieces` (or by the generator), which establishes that form.
    """

    operators: tuple[Operator, ...]
    lines: int
    pieces: tuple[Piece, ...]

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
        result: int = prod(factorial(self.pieces.count(piece)) for piece in set(self.pieces) if not piece_legs(piece))
        for piece in self.pieces:
            result *= _line_factor(piece) * _node_automorphisms(piece, fix_legs=True)
        return result

    @property
    def automorphisms(self) -> int:
        """|Aut| of the topology itself: legs may be permuted."""
        result: int = 2**self.lines * factorial(self.lines)
        for piece in self.pieces:
            result *= _line_factor(piece) * _node_automorphisms(piece, fix_legs=False)
            result *= prod(factorial(node.legs) for node in piece.colours)
        return result * prod(factorial(self.pieces.count(piece)) for piece in set(self.pieces))

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
    return sum(int(node.legs) for node in piece.colours)


def _line_factor(piece: Piece) -> int:
    """Permutations of parallel lines, and exchanges and flips of self-loops."""
    loops: int = prod(2**node.loops * factorial(node.loops) for node in piece.colours)
    return loops * prod(factorial(multiplicity) for _, _, multiplicity in piece.edges)


def _node_automorphisms(piece: Piece, *, fix_legs: bool) -> int:
    if not fix_legs:
        return canonical_piece(piece).automorphisms
    marked = tuple((node, index if node.legs else -1) for index, node in enumerate(piece.colours))
    return canonical_piece(Piece(marked, piece.edges)).automorphisms
