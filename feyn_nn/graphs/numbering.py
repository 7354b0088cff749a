"""The numbering of a diagram with the smallest edge list.

Nodes are numbered legs first, then vertices grouped by operator in a given order. Among all numberings (for a
topology: of legs and vertices; for a labelled diagram: of vertices only) the one is taken whose sorted edge list
is lexicographically smallest. It is built row by row: the list of edges that start at number 0, then at 1, ...;
a beam keeps every partial numbering that ties for the smallest list so far, and drops all but one of those that
differ by a symmetry once there are many.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, TypeAlias

from feyn_nn.graphs.canonical import Piece, canonical_piece
from feyn_nn.graphs.connectivity import components

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from feyn_nn.graphs.canonical import Colour

EdgeList = list[tuple[int, int]]
_WIDE_BEAM = 12


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A diagram to be numbered.

    `ranks[v]` orders the operators of the vertices, `loops[v]` counts self-loops, `neighbours[v]` maps other
    vertices to multiplicities. Legs are either labelled, `attached[i]` being the vertex of leg i or a
    leg's number encoded as -1-j for a line from leg i to leg j, or not, `legs[v]` being their number at v.
    """

    ranks: tuple[int, ...]
    loops: tuple[int, ...]
    neighbours: tuple[dict[int, int], ...]
    lines: int
    legs: tuple[int, ...]
    attached: tuple[int, ...] | None = None

    @property
    def number_of_legs(self) -> int:
        """Number of legs, labelled or not."""
        return len(self.attached) if self.attached is not None else 2 * self.lines + sum(self.legs)

    def pieces(self, colours: Sequence[Colour]) -> list[Piece]:
        """The components with vertices, as pieces whose nodes have these colours."""
        found = []
        for component in components([sum(1 << other for other in around) for around in self.neighbours]):
            place = {vertex: index for index, vertex in enumerate(component)}
            edges = tuple(
                (place[i], place[j], self.neighbours[i][j])
                for i, j in combinations(component, 2)
                if j in self.neighbours[i]
            )
            found.append(Piece(tuple(colours[vertex] for vertex in component), edges))
        return found


_Ties: TypeAlias = tuple[tuple[int, ...], ...]
"""Vertices to be numbered next; those of one group may be numbered in any order."""


@dataclass(frozen=True, slots=True)
class _State:
    labels: tuple[int, ...]  # label of each vertex, -1 while it has none
    legs: tuple[int, ...]  # unlabelled legs still to be numbered at each vertex


def smallest_numbering(skeleton: Skeleton) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    """Return the smallest edge list and the number given to each vertex."""
    return _Numbering(skeleton).run()


class _Numbering:
    def __init__(self, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        first = skeleton.number_of_legs
        self.base = {rank: first + sum(other < rank for other in skeleton.ranks) for rank in skeleton.ranks}
        self.rank_of_label = [*([-1] * first), *sorted(skeleton.ranks)]
        self.edges: EdgeList = []

    def run(self) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
        size = len(self.skeleton.ranks)
        beam = [_State((-1,) * size, self.skeleton.legs)]
        beam = self.free_legs(beam) if self.skeleton.attached is None else self.labelled_legs(beam)
        for label in range(self.skeleton.number_of_legs, self.skeleton.number_of_legs + size):
            beam = self.extend(beam, label)
        return tuple(self.edges), beam[0].labels

    def next_label(self, labels: tuple[int, ...], vertex: int) -> int:
        """The label that `vertex` has, or would get as the next of its operator."""
        if labels[vertex] >= 0:
            return labels[vertex]
        rank = self.skeleton.ranks[vertex]
        taken = sum(1 for other, label in zip(self.skeleton.ranks, labels, strict=True) if other == rank and label >= 0)
        return self.base[rank] + taken

    def labelled_legs(self, beam: list[_State]) -> list[_State]:
        assert self.skeleton.attached is not None
        (state,) = beam
        for leg, target in enumerate(self.skeleton.attached):
            if target < 0:
                if -1 - target > leg:
                    self.edges.append((leg, -1 - target))
                continue
            label = self.next_label(state.labels, target)
            self.edges.append((leg, label))
            state = _State(_put(state.labels, target, label), state.legs)
        return [state]

    def free_legs(self, beam: list[_State]) -> list[_State]:
        self.edges += [(2 * k, 2 * k + 1) for k in range(self.skeleton.lines)]
        for leg in range(2 * self.skeleton.lines, self.skeleton.number_of_legs):
            choices = [
                (self.next_label(state.labels, vertex), vertex, state)
                for state in beam
                for vertex, free in enumerate(state.legs)
                if free
            ]
            smallest = min(label for label, _, _ in choices)
            self.edges.append((leg, smallest))
            beam = self.thin(
                [
                    _State(_put(state.labels, vertex, smallest), _put(state.legs, vertex, state.legs[vertex] - 1))
                    for label, vertex, state in choices
                    if label == smallest
                ]
            )
        return beam

    def extend(self, beam: list[_State], label: int) -> list[_State]:
        """Write the row of edges that start at `label`, in every way that makes it smallest."""
        rows = [row for state in beam for row in self.rows(state, label)]
        smallest = min(row for row, _, _ in rows)
        self.edges += smallest[:-1]
        # neighbours in a tie get their numbers one at a time, so that symmetric choices are dropped on the way
        open_states = [(state, ties) for row, state, ties in rows if row == smallest]
        while any(ties for _, ties in open_states):
            grown: dict[_State, _Ties] = {}
            for state, ties in open_states:
                for vertex in ties[0]:
                    left = tuple(other for other in ties[0] if other != vertex)
                    numbered = _put(state.labels, vertex, self.next_label(state.labels, vertex))
                    grown[_State(numbered, state.legs)] = (left, *ties[1:]) if left else ties[1:]
            open_states = [(state, grown[state]) for state in self.thin(list(grown))]
        return self.thin([state for state, _ in open_states])

    def rows(self, state: _State, label: int) -> Iterator[tuple[EdgeList, _State, _Ties]]:
        """The row of each vertex that can have this label, and its neighbours that need numbers, more lines first."""
        if label in state.labels:
            candidates = [state.labels.index(label)]
        else:
            rank = self.rank_of_label[label]
            candidates = [
                vertex for vertex, known in enumerate(state.labels) if known < 0 and self.skeleton.ranks[vertex] == rank
            ]
        for vertex in candidates:
            labels = _put(state.labels, vertex, label)
            tied: dict[tuple[int, int], list[int]] = {}
            row = [(label, label)] * self.skeleton.loops[vertex]
            for other, multiplicity in self.skeleton.neighbours[vertex].items():
                if labels[other] < 0:
                    tied.setdefault((self.skeleton.ranks[other], -multiplicity), []).append(other)
                elif labels[other] > label:
                    row += [(label, labels[other])] * multiplicity
            numbered = labels
            for (_, lines), others in sorted(tied.items()):
                for other in others:
                    number = self.next_label(numbered, other)
                    numbered = _put(numbered, other, number)
                    row += [(label, number)] * -lines
            # The end of a row compares as the start of the next one, which is larger than any edge of this.
            yield (
                [*sorted(row), (label + 1, -1)],
                _State(labels, state.legs),
                tuple(tuple(tied[key]) for key in sorted(tied)),
            )

    def thin(self, beam: list[_State]) -> list[_State]:
        """Drop duplicates, and in a wide beam all but one of the states that differ by a symmetry."""
        unique = list(dict.fromkeys(beam))
        if len(unique) <= _WIDE_BEAM:
            return unique
        return list({self.signature(state): state for state in reversed(unique)}.values())

    def signature(self, state: _State) -> tuple[Piece, ...]:
        skeleton = self.skeleton
        colours = list(zip(skeleton.ranks, skeleton.loops, state.legs, state.labels, strict=True))
        return tuple(sorted(canonical_piece(piece).piece for piece in skeleton.pieces(colours)))


def _put(values: tuple[int, ...], index: int, value: int) -> tuple[int, ...]:
    return (*values[:index], value, *values[index + 1 :])
