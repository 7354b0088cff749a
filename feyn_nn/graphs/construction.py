"""Larger connected pieces from smaller ones: the steps by which generation grows them.

- `cut_lines`: a line between vertices is cut, its ends become two legs.
- `remove_vertices`: a vertex is taken out, its lines become legs.
- `insert_vertex`: r lines are cut and their 2r ends tied to a new vertex, whose other half-edges are self-loops; some of
  the lines may be free ones, of two legs each.
- `insert_line`: two lines, or one in two places, are joined by a new line between new vertices of valence 3.
- `insert_tadpole`: a new vertex of valence 3 on a line carries a line to another one with a self-loop.
- `fork_legs`: a leg becomes a vertex of valence 3 with two legs.
- `split_vertices`: a vertex of valence a + b - 2 becomes a line between vertices of valence a and b.

Each returns every piece that the step can give, usually many times over: equal ones are merged afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from feyn_nn.graphs.colouring import Counts
from feyn_nn.graphs.rows import Rows, joined

if TYPE_CHECKING:
    from collections.abc import Sequence


def cut_lines(parents: Rows) -> Rows:
    """Two legs in place of one line, for every row and pair of joined vertices."""
    upper = np.triu(parents.adjacency)
    row, i, j = np.nonzero(upper)
    children = parents.take(row)
    here = np.arange(len(row))
    np.subtract.at(children.adjacency, (here, i, j), 1)
    off = i != j
    children.adjacency[here[off], j[off], i[off]] -= 1
    np.add.at(children.legs, (here, i), 1)
    np.add.at(children.legs, (here, j), 1)
    return children


def remove_vertices(parents: Rows, valence: int) -> Rows:
    """One vertex of kind `valence` without self-loops less, its lines being legs, where that leaves a connected piece."""
    row, out = np.nonzero((parents.kinds == valence) & (parents.loops == 0))
    size = parents.vertices
    rest = np.array([[k for k in range(size) if k != v] for v in range(size)], dtype=np.int64).reshape(size, size - 1)
    kept = rest[out]
    kinds = parents.kinds[row[:, None], kept]
    legs = parents.adjacency[row[:, None], out[:, None], kept]
    adjacency = parents.adjacency[row[:, None, None], kept[:, :, None], kept[:, None, :]]
    connected = are_connected(adjacency)
    return Rows(kinds, legs, adjacency).take(np.nonzero(connected)[0])


def are_connected(adjacency: Counts) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether each graph is connected."""
    size = adjacency.shape[1]
    reached = np.zeros((len(adjacency), size, 1), dtype=np.float32)
    reached[:, 0] = 1
    steps = (adjacency > 0).astype(np.float32) + np.eye(size, dtype=np.float32)
    for _ in range(size - 1):
        reached = np.minimum(np.matmul(steps, reached), 1)
    result: np.ndarray[tuple[int], np.dtype[np.bool_]] = reached.min(axis=(1, 2)) > 0
    return result


def insert_vertex(parents: Rows, valence: int, free_lines: int) -> Rows:
    """A new vertex of kind `valence` that cuts r lines of the piece and `free_lines` free lines.

    r runs from 1 to valence/2 - free_lines; the half-edges that no line takes form self-loops at the new vertex.
    """
    most = valence // 2 - free_lines
    lines = _Lines.of(parents)
    attached = np.zeros((len(parents), parents.vertices), dtype=np.int64)
    legs = np.full(len(parents), 2 * free_lines, dtype=np.int64)
    last: Counts = np.zeros(len(parents), dtype=np.int64)
    parts = []
    for cut in range(1, most + 1):
        lines, chosen, last = lines.cut(last)
        attached, legs = attached[chosen] + lines.ends[last], legs[chosen] + lines.is_leg[last]
        parts.append(_with_vertices(parents, lines, [attached], [legs], [[most - cut]], valence))
    return joined(parts, parents.vertices + 1)


def insert_line(parents: Rows) -> Rows:
    """A new line between two lines, or between two places of one; its ends are new cubic vertices."""
    start = np.zeros(len(parents), dtype=np.int64)
    lines, _, slot = _Lines.of(parents).cut(start)
    # the same line twice: its first end goes to one new vertex, its second, a vertex or a leg, to the other
    ends, legs = [lines.first[slot], lines.second[slot]], [0 * slot, lines.is_leg[slot]]
    once = _with_vertices(parents, lines, ends, legs, [[0, 2], [2, 0]], 3)
    # another line: a later slot, or one more of the same bundle
    both, chosen, other = lines.cut(slot)
    slots = slot[chosen], other
    ends, legs = [lines.ends[each] for each in slots], [lines.is_leg[each] for each in slots]
    twice = _with_vertices(parents, both, ends, legs, [[0, 1], [1, 0]], 3)
    return joined([once, twice], parents.vertices + 2)


def insert_tadpole(parents: Rows) -> Rows:
    """A line with a self-loop at its end, tied to another line; both its ends are new cubic vertices."""
    lines, _, slot = _Lines.of(parents).cut(np.zeros(len(parents), dtype=np.int64))
    ends = lines.ends[slot]
    return _with_vertices(parents, lines, [ends, 0 * ends], [lines.is_leg[slot], 0 * slot], [[0, 1], [1, 1]], 3)


def fork_legs(parents: Rows) -> Rows:
    """A new cubic vertex with two legs at the end of a leg."""
    lines = _Lines.of(parents)
    lines, _, slot = lines.cut(np.full(len(parents), int(np.argmax(lines.is_leg))))
    return _with_vertices(parents, lines, [lines.ends[slot]], [lines.is_leg[slot] + 1], [[0]], 3)


class _Lines(NamedTuple):
    """The lines of some rows that can be cut, by slot: between or at vertices, then at legs.

    `row` is the parent of each, `left` the number of lines in each slot. `first` and `second` have a one for the vertex
    at the respective end of a slot's lines; a leg's second end has none, and `is_leg` has a one.
    """

    row: Counts
    left: Counts
    first: Counts
    second: Counts
    is_leg: Counts

    @classmethod
    def of(cls, parents: Rows) -> _Lines:
        """All lines of all parents."""
        size = parents.vertices
        first, second = np.triu_indices(size)
        one = np.eye(size, dtype=np.int64)
        return cls(
            np.arange(len(parents)),
            np.concatenate([parents.adjacency[:, first, second], parents.legs], axis=1),
            np.concatenate([one[first], one]),
            np.concatenate([one[second], 0 * one]),
            np.repeat([0, 1], [len(first), size]),
        )

    @property
    def ends(self) -> Counts:
        """How many ends of a slot's lines each vertex is."""
        return self.first + self.second

    def cut(self, earliest: Counts) -> tuple[_Lines, Counts, Counts]:
        """Take one line out, in every way, of slots from `earliest` on: what is left, the row each came from, the slot."""
        chosen, slot = np.nonzero((self.left > 0) & (np.arange(self.left.shape[1]) >= earliest[:, None]))
        left = self.left[chosen]
        left[np.arange(len(slot)), slot] -= 1
        return self._replace(row=self.row[chosen], left=left), chosen, slot


def _with_vertices(
    parents: Rows,
    lines: _Lines,
    attached: Sequence[Counts],
    legs: Sequence[Counts],
    among: Sequence[Sequence[int]],
    valence: int,
) -> Rows:
    """What is left of the lines with new vertices of kind `valence`.

    For each of them, `attached` says how many lines go to each old vertex, `legs` how many legs it has, and `among` how
    many lines join it to the new ones, with self-loops on the diagonal.
    """
    size, new = parents.vertices, len(among)
    first, second = np.triu_indices(size)
    adjacency = np.zeros((len(lines.row), size + new, size + new), dtype=np.int64)
    adjacency[:, first, second] = adjacency[:, second, first] = lines.left[:, : len(first)]
    for index, ends in enumerate(attached):
        adjacency[:, size + index, :size] = adjacency[:, :size, size + index] = ends
    adjacency[:, size:, size:] = among
    return Rows(
        np.concatenate([parents.kinds[lines.row], np.full((len(lines.row), new), valence)], axis=1),
        np.concatenate([lines.left[:, len(first) :], np.stack(legs, axis=1)], axis=1),
        adjacency,
    )


def split_vertices(parents: Rows, small: int, large: int) -> Rows:
    """Every vertex of kind small + large - 2 becomes two, of kinds `small` and `large`, joined by a new line.

    The half-edges of the old vertex go to either of the two in every way; a self-loop may become another line between.
    """
    size = parents.vertices
    row, place = np.nonzero(parents.kinds == small + large - 2)
    everywhere = np.arange(len(row))
    lines = parents.adjacency[row, place]
    loops = lines[everywhere, place]
    lines[everywhere, place] = 0
    # what can move to the new vertex, and how many half-edges each takes: lines, legs, whole loops, ends of loops
    available = np.concatenate([lines, parents.legs[row, place][:, None], loops[:, None], loops[:, None]], axis=1)
    moved = np.zeros_like(available)
    need = np.full(len(row), small - 1, dtype=np.int64)
    state = everywhere
    for column in range(size + 3):
        weight = 2 if column == size + 1 else 1
        limit = np.minimum(available[state, column], need // weight)
        if column == size + 2:
            limit = np.minimum(limit, available[state, column] - moved[:, size + 1])
        counts = limit + 1
        again = np.repeat(np.arange(len(state)), counts)
        number = np.arange(len(again)) - np.repeat(np.cumsum(counts) - counts, counts)
        state, moved, need = state[again], moved[again], need[again] - weight * number
        moved[:, column] = number
    done = need == 0
    state, moved = state[done], moved[done]
    row, place = row[state], place[state]
    here = np.arange(len(row))
    adjacency = np.zeros((len(row), size + 1, size + 1), dtype=np.int64)
    adjacency[:, :size, :size] = parents.adjacency[row]
    taken = moved[:, :size]
    adjacency[here, place, :size] -= taken
    adjacency[here, :size, place] -= taken
    adjacency[:, size, :size] = adjacency[:, :size, size] = taken
    adjacency[here, place, place] = loops[state] - moved[:, size + 1] - moved[:, size + 2]
    adjacency[:, size, size] = moved[:, size + 1]
    between = 1 + moved[:, size + 2]
    adjacency[here, place, size] = adjacency[here, size, place] = between
    legs = np.concatenate([parents.legs[row], moved[:, size][:, None]], axis=1)
    legs[here, place] -= moved[:, size]
    kinds = np.concatenate([parents.kinds[row], np.full((len(row), 1), small, dtype=np.int64)], axis=1)
    kinds[here, place] = large
    return Rows(kinds, legs, adjacency)
