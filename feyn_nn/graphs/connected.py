"""Every connected piece with given legs and vertices, grown from smaller ones, and the proof that none is missing.

How a class is grown depends on its valences (`construction` has the steps):

- cubic vertices only: a line that is not a bridge can be taken out and its ends smoothed away; if there is none, the piece
  is a tree with self-loops at some of its ends, and one end can be taken off;
- other odd operators: a vertex of the smallest odd valence a has a neighbour, of valence b; contracting a line between
  them gives a piece with one vertex less. So splitting every vertex of valence a + b - 2, for every b, gives all;
- even operators, two legs: joining the legs of a connected piece gives one without legs;
- even operators and as many legs as some vertex has lines: tying the legs to a vertex of that kind gives one without
  legs;
- even operators otherwise: a vertex of the smallest valence that can be taken out without disconnecting the rest (there
  always is one) leaves an even number of ends, which are joined in pairs; two legs joined are a free line, left out.

Pieces are merged by fingerprint. Pieces with different fingerprints are different, so nothing is there twice; that
nothing is missing follows from the sum of 1/|Aut|, with each |Aut| found by search, which must equal the exact connected
sum of the zero-dimensional theory. If it falls short, two different pieces had the same fingerprint: the class
is grown again, merging by canonical form.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import permutations
from math import comb, factorial, prod
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from feyn_nn.errors import CompletenessError
from feyn_nn.graphs.canonical import Piece
from feyn_nn.graphs.construction import (
    cut_lines,
    fork_legs,
    insert_line,
    insert_tadpole,
    insert_vertex,
    remove_vertices,
    split_vertices,
)
from feyn_nn.graphs.rows import Merger, Rows, canonical_rows, empty_rows, joined
from feyn_nn.graphs.topology import Node, Symmetry
from feyn_nn.graphs.zero_dimensional import ZeroDimensionalTheory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from feyn_nn.graphs.colouring import Counts

    Watch: TypeAlias = Callable[[int], None]
    """Called now and then with the number of topologies yielded so far; it may raise to stop the work."""

Valences: TypeAlias = tuple[int, ...]
"""Of all vertices, sorted."""

BLOCK: Final = 1 << 20
"""Matrix elements handled at a time."""
CHUNK: Final = 2048
"""Pieces made at a time."""


@final
class ConnectedPieces:
    """All connected pieces of one class with their symmetries, proven complete.

    Kept as arrays; iteration makes the pieces a block at a time. The operator of a node is its index in the palette.
    Raises CompletenessError if the weights do not add up.
    """

    def __init__(self, legs: int, counts: tuple[int, ...], palette: tuple[int, ...], watch: Watch) -> None:
        valences = tuple(valence for valence, count in zip(palette, counts, strict=True) for _ in range(count))
        missing = Fraction(0)
        for exact in (False, True):
            rows = connected_rows(legs, valences, exact=exact, watch=watch)
            self._rows, self._symmetries = _settled(_with_operators(rows, counts, palette, exact=exact), watch)
            missing = self._missing(legs, counts, palette)
            if not missing:
                return
        raise CompletenessError(
            f"connected diagrams with {legs} legs and {counts} vertices of valences {palette}: the sum of 1/|Aut| misses "
            f"the exact value by {missing}; this is a defect of the generator, please report it"
        )

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[tuple[Piece, Symmetry]]:
        for start in range(0, len(self), CHUNK):
            block = self._rows.take(slice(start, start + CHUNK))
            yield from zip(_pieces(block), self._symmetries[start : start + CHUNK], strict=True)

    def _missing(self, legs: int, counts: tuple[int, ...], palette: tuple[int, ...]) -> Fraction:
        """The exact sum of 1/|Aut| over unlabelled connected pieces, less that of the pieces found."""
        total = inverse_sum(Counter(symmetry.whole for symmetry in self._symmetries))
        exact = ZeroDimensionalTheory(palette, counts).connected(legs).get(counts, Fraction(0))
        valences = prod(factorial(valence) ** count for valence, count in zip(palette, counts, strict=True))
        return Fraction(exact, valences * factorial(legs)) - total


def inverse_sum(groups: Mapping[int, int]) -> Fraction:
    """The sum of 1/|Aut| over groups, given how many there are of each order."""
    return sum((Fraction(number, order) for order, number in groups.items()), Fraction(0))


_ROWS: dict[tuple[int, Valences, bool], Rows] = {}
_MAX_KEPT_ROWS: Final = 200_000


def connected_rows(legs: int, valences: Valences, *, exact: bool, watch: Watch) -> Rows:
    """One row for each connected piece; `kinds` are valences. `exact`: merge by canonical form, not by fingerprint.

    Classes are remembered, the last used ones, up to 200,000 rows.
    """
    key = (legs, valences, exact)
    rows = _ROWS.pop(key, None)
    if rows is None:
        rows = _grown(legs, valences, exact=exact, watch=watch)
    _ROWS[key] = rows
    while len(_ROWS) > 1 and sum(map(len, _ROWS.values())) > _MAX_KEPT_ROWS:
        del _ROWS[next(iter(_ROWS))]
    return rows


def _grown(legs: int, valences: Valences, *, exact: bool, watch: Watch) -> Rows:
    if (legs + sum(valences)) % 2:
        return empty_rows(len(valences))
    if len(valences) == 1:
        (valence,) = valences
        if legs > valence:
            return empty_rows(1)
        one = np.ones((1, 1), dtype=np.uint8)
        return Rows(valence * one, legs * one, ((valence - legs) // 2) * one[:, :, None])
    merger = Merger(len(valences), exact=exact)
    for candidates in _candidates(legs, valences, exact=exact, watch=watch):
        merger.add(candidates)
        watch(0)
    return merger.rows()


def _candidates(legs: int, valences: Valences, *, exact: bool, watch: Watch) -> Iterator[Rows]:
    """Blocks of candidates that contain every connected piece of the class."""
    size = len(valences)
    odd = [valence for valence in valences if valence % 2]
    if set(valences) == {3} and size > 2:
        for parents in _blocks(connected_rows(legs, valences[2:], exact=exact, watch=watch), 16 * size**4):
            yield insert_line(parents)
            yield insert_tadpole(parents.take(_loop_trees(parents)))
        if legs:
            for parents in _blocks(connected_rows(legs - 1, valences[1:], exact=exact, watch=watch), size**3):
                yield fork_legs(parents.take(_loop_trees(parents)))
    elif odd:
        small = odd[0]
        rest = _without(valences, small)
        for large in sorted(set(rest)):
            merged = tuple(sorted((*_without(rest, large), small + large - 2)))
            for parents in _blocks(connected_rows(legs, merged, exact=exact, watch=watch), size**2 << size):
                yield split_vertices(parents, small, large)
    elif legs == 2:
        for parents in _blocks(connected_rows(0, valences, exact=exact, watch=watch), size**4):
            yield cut_lines(parents)
    elif legs in valences:
        for parents in _blocks(connected_rows(0, tuple(sorted((*valences, legs))), exact=exact, watch=watch), size**3):
            yield remove_vertices(parents, legs)
    else:
        valence = valences[0]
        for free in range(min(legs, valence - 1) // 2 + 1):
            remaining = legs - 2 * free
            most = valence // 2 - free
            lines = (sum(valences[1:]) + remaining) // 2
            for parents in _blocks(
                connected_rows(remaining, valences[1:], exact=exact, watch=watch), comb(lines + most, most) * size**2
            ):
                yield insert_vertex(parents, valence, free)


def _blocks(rows: Rows, cost: int) -> Iterator[Rows]:
    """Few rows at a time; `cost` is an upper estimate of the matrix elements that one row makes."""
    step = max(1, BLOCK // cost)
    for start in range(0, len(rows), step):
        yield rows.take(slice(start, start + step)).wide()


def _loop_trees(rows: Rows) -> Counts:
    """The rows that are trees but for self-loops."""
    return np.nonzero(_upper(rows).sum(axis=(1, 2)) == rows.vertices - 1)[0]


def _without(valences: Valences, valence: int) -> Valences:
    place = valences.index(valence)
    return valences[:place] + valences[place + 1 :]


def _with_operators(rows: Rows, counts: tuple[int, ...], palette: tuple[int, ...], *, exact: bool) -> Rows:
    """Write operators for valences as kinds; operators of equal valence are distributed in every way."""
    if len(set(palette)) == len(palette):
        return Rows(np.searchsorted(np.array(palette, dtype=np.int64), rows.kinds), rows.legs, rows.adjacency)
    rows = rows.wide()
    kinds = np.zeros_like(rows.kinds)
    for valence in sorted(set(palette)):
        names = [index for index, other in enumerate(palette) if other == valence for _ in range(counts[index])]
        words = np.array(sorted(set(permutations(names))), dtype=np.int64)
        again = np.repeat(np.arange(len(rows)), len(words))
        kinds, spread = kinds[again], rows.take(again)
        kinds[spread.kinds == valence] = np.tile(words, (len(rows), 1)).ravel()
        rows = spread
    merger = Merger(rows.vertices, exact=exact)
    merger.add(Rows(kinds, rows.legs, rows.adjacency))
    return merger.rows()


def _settled(rows: Rows, watch: Watch) -> tuple[Rows, list[Symmetry]]:
    """Rows in canonical order, narrow, and their symmetries."""
    parts: list[Rows] = []
    symmetries: list[Symmetry] = []
    for start in range(0, len(rows), CHUNK):
        canonical, groups = canonical_rows(rows.take(slice(start, start + CHUNK)).wide())
        lines = _factorials(canonical.loops, 2) * _factorials(
            _upper(canonical).reshape(len(canonical), rows.vertices**2), 1
        )
        legs = _factorials(canonical.legs, 1)
        symmetries += map(Symmetry, lines.tolist(), legs.tolist(), *zip(*groups, strict=True))
        parts.append(canonical.narrow())
        watch(0)
    return joined(parts, rows.vertices), symmetries


def _pieces(rows: Rows) -> list[Piece]:
    """Canonical rows as pieces, which share equal parts."""
    codes = rows.wide().codes()
    palettes: dict[bytes, tuple[Node, ...]] = {}
    colours = []
    for palette in codes:
        key = palette.tobytes()
        if key not in palettes:
            palettes[key] = tuple([Node(code >> 32, code >> 16 & 0xFFFF, code & 0xFFFF) for code in palette.tolist()])
        colours.append(palettes[key])
    row, i, j = np.nonzero(_upper(rows))
    kinds, kind_of = np.unique((i << 16) + (j << 8) + rows.adjacency[row, i, j], return_inverse=True)
    shared = [(kind >> 16, kind >> 8 & 0xFF, kind & 0xFF) for kind in kinds.tolist()]
    edges = [shared[kind] for kind in kind_of.tolist()]
    ends = np.searchsorted(row, np.arange(len(rows) + 1)).tolist()
    return [Piece(own, tuple(edges[start:end])) for own, start, end in zip(colours, ends, ends[1:], strict=False)]


def _upper(rows: Rows) -> Counts:
    """Lines between different vertices, each pair once."""
    return np.triu(rows.adjacency, 1)


def _factorials(numbers: Counts, base: int) -> NDArray[Any]:
    """The product of base^k k! over each row, as Python integers where they could be large."""
    table = [base**k * factorial(k) for k in range(int(numbers.max(initial=0)) + 1)]
    bits = np.log2(np.array(table, dtype=np.float64))[numbers].sum(axis=1).max(initial=0.0)
    products: NDArray[Any] = np.array(table, dtype=np.int64 if bits < 62 else object)[numbers].prod(axis=1)
    return products
