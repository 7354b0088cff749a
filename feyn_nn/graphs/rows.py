"""Many pieces of equal size as arrays: what generation works on.

A row is a connected multigraph of vertices. `kinds` says what each vertex is (a valence, or an index of operators),
`legs` how many unlabelled legs it has, `adjacency` how many lines join two vertices, with self-loops on the diagonal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from feyn_nn.graphs.canonical import settle
from feyn_nn.graphs.colouring import fingerprints, pair_colours

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from feyn_nn.graphs.colouring import Colours, Counts


@dataclass(frozen=True, slots=True)
class Rows:
    """`kinds` and `legs`: (rows, vertices); `adjacency`: (rows, vertices, vertices). int64, or uint8 where they are kept."""

    kinds: Counts
    legs: Counts
    adjacency: Counts

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def vertices(self) -> int:
        """Number of vertices of each row."""
        return int(self.kinds.shape[1])

    @property
    def loops(self) -> Counts:
        """Self-loops: (rows, vertices)."""
        return np.diagonal(self.adjacency, axis1=1, axis2=2)

    def take(self, index: Counts | slice) -> Rows:
        """The rows with these indices."""
        return Rows(self.kinds[index], self.legs[index], self.adjacency[index])

    def narrow(self) -> Rows:
        """The same in eight bits, to be kept."""
        return Rows(self.kinds.astype(np.uint8), self.legs.astype(np.uint8), self.adjacency.astype(np.uint8))

    def wide(self) -> Rows:
        """The same in 64 bits, to be calculated with."""
        return Rows(self.kinds.astype(np.int64), self.legs.astype(np.int64), self.adjacency.astype(np.int64))

    def reordered(self, order: Counts) -> Rows:
        """Renumber the vertices of each row; `order` (rows, vertices) holds the old number at each new place."""
        row = np.arange(len(self))[:, None]
        return Rows(
            self.kinds[row, order],
            self.legs[row, order],
            self.adjacency[row[:, :, None], order[:, :, None], order[:, None, :]],
        )

    def codes(self) -> Counts:
        """One number a vertex, ordered like its (legs, kind, loops)."""
        return (self.legs << 32) + (self.kinds << 16) + self.loops

    def coloured(self) -> tuple[Counts, Colours, Colours]:
        """Rank of each vertex by its code, pair colours, and a fingerprint of each row."""
        codes = self.codes()
        ranks = (codes[:, :, None] > codes[:, None, :]).sum(axis=2)
        pairs = pair_colours(ranks, self.adjacency)
        return ranks, pairs, fingerprints(pairs, codes)


def empty_rows(vertices: int) -> Rows:
    """No rows."""
    flat = np.zeros((0, vertices), dtype=np.uint8)
    return Rows(flat, flat, np.zeros((0, vertices, vertices), dtype=np.uint8))


def joined(parts: Iterable[Rows], vertices: int) -> Rows:
    """All rows of all parts, which have equally many vertices."""
    found = [part for part in parts if len(part)]
    if not found:
        return empty_rows(vertices)
    return Rows(
        np.concatenate([part.kinds for part in found]),
        np.concatenate([part.legs for part in found]),
        np.concatenate([part.adjacency for part in found]),
    )


def canonical_rows(rows: Rows) -> tuple[Rows, list[tuple[int, int]]]:
    """Every row in canonical order, with the order of its group of vertices and of the subgroup that fixes legged ones.

    The same form as `canonical.settle` gives, found for all rows together: ties are singled out one after the other, and
    singling out any other vertex of a tie must lead to the same matrix. Where it does not, `settle` decides.
    """
    ranks, pairs, _ = rows.coloured()
    diagonal = np.arange(rows.vertices)
    order, cells = _sorted_cells(pairs[:, diagonal, diagonal], ranks)
    groups = [(1, 1)] * len(rows)
    tied = np.nonzero(_tied(cells))[0]
    single = tied
    if len(tied) > _FEW:
        settling = _Settling(rows.take(tied), pairs[tied], order[tied], cells[tied])
        order[tied] = settling.order
        for index, whole, inner in zip(tied.tolist(), settling.whole.tolist(), settling.inner.tolist(), strict=True):
            groups[index] = whole, inner
        single = tied[settling.failed]
    for index in single.tolist():
        found = settle(ranks[index].tolist(), pairs[index].tolist(), rows.adjacency[index].tolist())
        order[index] = found.order
        groups[index] = found.group_orders(rows.legs[index].tolist())
    return rows.reordered(order), groups


Flags: TypeAlias = NDArray[np.bool_]
_FEW = 16
"""Rows that are settled sooner one by one."""


def _sorted_cells(*keys: Counts | Colours | Flags) -> tuple[Counts, Counts]:
    """Sort the vertices of each row by several keys, the last first.

    Returns the order and, at each place of it, the first place with the same keys: the number of the vertex' cell.
    """
    order: Counts = np.lexsort(keys, axis=-1)
    changes = np.zeros(order.shape, dtype=bool)
    for key in keys:
        placed = np.take_along_axis(key, order, axis=1)
        changes[:, 1:] |= placed[:, 1:] != placed[:, :-1]
    places = np.arange(order.shape[1])
    return order, np.maximum.accumulate(np.where(changes, places, 0), axis=1)


class _Tie(NamedTuple):
    """The last tie of some rows: their indices, order and cells, the first place of the tie, and its length."""

    rows: Counts
    order: Counts
    cells: Counts
    start: Counts
    length: Counts


class _Settling:
    """Settles ties in many rows at once. Orders and cells are by place, as `_sorted_cells` gives them.

    `order` and the orders of the groups (`whole`; `inner`, which fixes vertices with legs) are right but in the rows that
    have `failed`.
    """

    def __init__(self, rows: Rows, pairs: Colours, order: Counts, cells: Counts) -> None:
        self.rows = rows
        self.pairs = pairs
        self.failed = np.zeros(len(rows), dtype=bool)
        self.whole = np.ones(len(rows), dtype=np.int64)
        self.inner = np.ones(len(rows), dtype=np.int64)
        self.order = order.copy()
        ties = list(self.broken_ties(np.arange(len(rows)), self.order, cells.copy()))
        expected = rows.reordered(self.order).adjacency
        for tie in ties:
            chosen = tie.order[np.arange(len(tie.rows)), tie.start]
            self.whole[tie.rows] *= tie.length
            self.inner[tie.rows] *= np.where(rows.legs[tie.rows, chosen] > 0, 1, tie.length)
            for k in range(1, int(tie.length.max())):
                here = np.nonzero((tie.length > k) & ~self.failed[tie.rows])[0]
                index = tie.rows[here]
                other = self.completed(index, tie.order[here], tie.cells[here], tie.start[here] + k)
                found = rows.take(index).reordered(other).adjacency
                self.failed[index] |= (found != expected[index]).any(axis=(1, 2))

    def broken_ties(self, index: Counts, order: Counts, cells: Counts) -> Iterator[_Tie]:
        """Single out the first vertex of the last tie until none is left, changing `order` and `cells`; yield the ties."""
        while True:
            left = np.nonzero(_tied(cells))[0]
            if not len(left):
                return
            start, length = _last_tie(cells[left])
            tie = _Tie(index[left], order[left], cells[left], start, length)
            order[left], cells[left] = self.single_out(tie.rows, tie.order, tie.cells, start)
            yield tie

    def single_out(self, index: Counts, order: Counts, cells: Counts, place: Counts) -> tuple[Counts, Counts]:
        """Put the vertex at `place` before those that tie with it, and sort the rest by their colours with it."""
        vertex = order[np.arange(len(index)), place]
        by_vertex = np.empty_like(cells)
        np.put_along_axis(by_vertex, order, cells, axis=1)
        others = np.arange(self.rows.vertices) != vertex[:, None]
        return _sorted_cells(self.pairs[index, vertex], others, by_vertex)

    def completed(self, index: Counts, order: Counts, cells: Counts, place: Counts) -> Counts:
        """The order after singling out the vertex at `place`, and then the first of every tie that is left."""
        order, cells = self.single_out(index, order, cells, place)
        for _ in self.broken_ties(index, order, cells):
            pass
        return order


def _tied(cells: Counts) -> Flags:
    flags: Flags = (cells[:, 1:] == cells[:, :-1]).any(axis=1)
    return flags


def _last_tie(cells: Counts) -> tuple[Counts, Counts]:
    """The first place of the last cell with several vertices, and their number."""
    ties = cells[:, 1:] == cells[:, :-1]
    end = ties.shape[1] - ties[:, ::-1].argmax(axis=1)
    start = cells[np.arange(len(cells)), end]
    return start, end + 1 - start


class Merger:
    """Collects rows and keeps one of each kind; the result does not depend on the order in which they arrive.

    Kinds are told apart by fingerprint, or with `exact` by canonical form.
    """

    def __init__(self, vertices: int, *, exact: bool) -> None:
        self.vertices = vertices
        self.exact = exact
        self.parts: list[Rows] = []
        self.marks = np.zeros(0, dtype=np.uint64)
        self.codes: dict[bytes, Rows] = {}

    def add(self, rows: Rows) -> None:
        """Take in those that are new."""
        if self.exact:
            canonical, _ = canonical_rows(rows)
            flat = [canonical.kinds, canonical.legs, canonical.adjacency.reshape(len(rows), rows.vertices**2)]
            for index, code in enumerate(np.concatenate(flat, axis=1)):
                self.codes.setdefault(code.tobytes(), canonical.take(slice(index, index + 1)).narrow())
            return
        _, _, marks = rows.coloured()
        fresh, first = np.unique(marks, return_index=True)
        new = ~np.isin(fresh, self.marks)
        self.parts.append(rows.take(first[new]).narrow())
        self.marks = np.concatenate([self.marks, fresh[new]])

    def rows(self) -> Rows:
        """One row of each kind, narrow."""
        if self.exact:
            return joined((self.codes[code] for code in sorted(self.codes)), self.vertices)
        return joined(self.parts, self.vertices).take(np.argsort(self.marks))
