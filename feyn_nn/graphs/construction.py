"""Larger connected pieces from smaller ones: the steps by which generation grows them.

- `cut_lines`: a line between vertices is cut, its ends become two legs.
- `remove_vertices`: a vertex is taken out, its lines become legs.
- `insert_vertex`: r lines are cut and their 2r ends tied to a new vertex, whose other half-edges are self-loops; some of
  the lines may be free ones, of two legs each.
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
    first, second = np.triu_indices(size)
    # slots: lines between or at vertices, then legs
    slots = np.concatenate([parents.adjacency[:, first, second], parents.legs], axis=1)
    ends = np.zeros((slots.shape[1], size), dtype=np.int64)
    np.add.at(ends, (np.arange(len(first)), first), 1)
    np.add.at(ends, (np.arange(len(first)), second), 1)
    ends[len(first) :] += np.eye(size, dtype=np.int64)
    is_leg = (np.arange(slots.shape[1]) >= len(first)).astype(np.int64)
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
