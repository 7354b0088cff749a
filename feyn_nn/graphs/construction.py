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

import numpy as np

from feyn_nn.graphs.colouring import Counts
from feyn_nn.graphs.rows import Rows, joined


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
    size = parents.vertices
    most = valence // 2 - free_lines
    slots, ends, is_leg = _slots(parents)
    row = np.arange(len(parents))
    attached = np.zeros((len(parents), size), dtype=np.int64)
    legs = np.full(len(parents), 2 * free_lines, dtype=np.int64)
    last = np.zeros(len(parents), dtype=np.int64)
    parts = []
    places = np.arange(slots.shape[1])
    for cut in range(1, most + 1):
        chosen, slot = np.nonzero((slots > 0) & (places >= last[:, None]))
        row, slots, attached, legs = (
            row[chosen],
            slots[chosen],
            attached[chosen] + ends[slot],
            legs[chosen] + is_leg[slot],
        )
        slots[np.arange(len(slot)), slot] -= 1
        last = slot
        parts.append(_with_vertex(parents, row, slots, attached, legs, valence, most - cut))
    return joined(parts, size + 1)


def _with_vertex(
    parents: Rows, row: Counts, slots: Counts, attached: Counts, legs: Counts, valence: int, loops: int
) -> Rows:
    size = parents.vertices
    first, second = np.triu_indices(size)
    adjacency = np.zeros((len(row), size + 1, size + 1), dtype=np.int64)
    adjacency[:, first, second] = adjacency[:, second, first] = slots[:, : len(first)]
    adjacency[:, size, :size] = adjacency[:, :size, size] = attached
    adjacency[:, size, size] = loops
    return Rows(
        np.concatenate([parents.kinds[row], np.full((len(row), 1), valence)], axis=1),
        np.concatenate([slots[:, len(first) :], legs[:, None]], axis=1),
        adjacency,
    )


def insert_line(parents: Rows) -> Rows:
    """A new line between two lines, or between two places of one; its ends are new cubic vertices."""
    size = parents.vertices
    slots, ends, is_leg = _slots(parents)
    row, slot = np.nonzero(slots)
    left = slots[row]
    left[np.arange(len(row)), slot] -= 1
    # the same line twice: its first end goes to one new vertex, its second, a vertex or a leg, to the other
    first, second = np.triu_indices(size)
    ends_of = np.zeros((2, slots.shape[1], size), dtype=np.int64)
    lines = np.arange(len(first))
    ends_of[0, lines, first] = ends_of[1, lines, second] = 1
    ends_of[0, len(first) :] = np.eye(size, dtype=np.int64)
    once = _with_cubic_pair(parents, row, left, ends_of[0, slot], ends_of[1, slot], 0 * slot, is_leg[slot], between=2)
    # another line: a later slot, or one more of the same bundle
    chosen, other = np.nonzero((left > 0) & (np.arange(slots.shape[1]) >= slot[:, None]))
    rest = left[chosen]
    rest[np.arange(len(other)), other] -= 1
    mine, theirs = slot[chosen], other
    twice = _with_cubic_pair(
        parents, row[chosen], rest, ends[mine], ends[theirs], is_leg[mine], is_leg[theirs], between=1
    )
    return joined([once, twice], size + 2)


def insert_tadpole(parents: Rows) -> Rows:
    """A line with a self-loop at its end, tied to another line; both its ends are new cubic vertices."""
    slots, ends, is_leg = _slots(parents)
    row, slot = np.nonzero(slots)
    left = slots[row]
    left[np.arange(len(row)), slot] -= 1
    none = np.zeros((len(row), parents.vertices), dtype=np.int64)
    children = _with_cubic_pair(parents, row, left, ends[slot], none, is_leg[slot], 0 * slot, between=1)
    children.adjacency[:, -1, -1] = 1
    return children


def fork_legs(parents: Rows) -> Rows:
    """A new cubic vertex with two legs at the end of a leg."""
    size = parents.vertices
    row, place = np.nonzero(parents.legs)
    here = np.arange(len(row))
    adjacency = np.zeros((len(row), size + 1, size + 1), dtype=np.int64)
    adjacency[:, :size, :size] = parents.adjacency[row]
    adjacency[here, place, size] = adjacency[here, size, place] = 1
    legs = np.concatenate([parents.legs[row], np.full((len(row), 1), 2)], axis=1)
    legs[here, place] -= 1
    return Rows(np.concatenate([parents.kinds[row], np.full((len(row), 1), 3)], axis=1), legs, adjacency)


def _slots(parents: Rows) -> tuple[Counts, Counts, Counts]:
    """Lines of each row by slot: between or at vertices, then legs; the vertices at a slot's ends; which are legs."""
    size = parents.vertices
    first, second = np.triu_indices(size)
    slots = np.concatenate([parents.adjacency[:, first, second], parents.legs], axis=1)
    ends = np.zeros((slots.shape[1], size), dtype=np.int64)
    lines = np.arange(len(first))
    np.add.at(ends, (lines, first), 1)
    np.add.at(ends, (lines, second), 1)
    ends[len(first) :] += np.eye(size, dtype=np.int64)
    return slots, ends, (np.arange(slots.shape[1]) >= len(first)).astype(np.int64)


def _with_cubic_pair(
    parents: Rows,
    row: Counts,
    slots: Counts,
    left: Counts,
    right: Counts,
    left_legs: Counts,
    right_legs: Counts,
    *,
    between: int,
) -> Rows:
    """Two more vertices of kind 3, `left` and `right` saying how many lines go to each old vertex."""
    size = parents.vertices
    first, second = np.triu_indices(size)
    adjacency = np.zeros((len(row), size + 2, size + 2), dtype=np.int64)
    adjacency[:, first, second] = adjacency[:, second, first] = slots[:, : len(first)]
    adjacency[:, size, :size] = adjacency[:, :size, size] = left
    adjacency[:, size + 1, :size] = adjacency[:, :size, size + 1] = right
    adjacency[:, size, size + 1] = adjacency[:, size + 1, size] = between
    return Rows(
        np.concatenate([parents.kinds[row], np.full((len(row), 2), 3)], axis=1),
        np.concatenate([slots[:, len(first) :], left_legs[:, None], right_legs[:, None]], axis=1),
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
