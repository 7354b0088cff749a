"""Where the vertices of a connected part go: the best assignment to one of a few regular figures.

Diagrams are small, so every assignment of vertices to a figure's places is tried (from seven vertices on: exchanges
of pairs until none helps). What counts, in this order: lines that pass near a foreign vertex, crossings, squared
lengths, the figure's place in the list, legs far to the left and right, small leg labels on the left. All of it is
integer arithmetic on coordinates in thousandths of the distance between neighbours.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations, permutations
from math import cos, pi, sin
from typing import TYPE_CHECKING, NamedTuple

from feyn_nn.render.strokes import Point, rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

Places = tuple[Point, ...]
Cost = tuple[int, ...]

UNIT = 1000
EXHAUSTIVE = 6
"""Up to this many vertices every assignment is tried."""

_NEAR = 300
_STEP = UNIT * UNIT // 20
_HALF_ROOT3 = 866


class Frame(NamedTuple):
    """What placing needs to know of a connected part.

    `bundles` are (i, j, number of lines) with i < j; `legs` the labels at each vertex.
    """

    bundles: tuple[tuple[int, int, int], ...]
    legs: tuple[tuple[int, ...], ...]


@lru_cache(maxsize=4096)
def placements(frame: Frame) -> tuple[Places, ...]:
    """The best assignment for each figure, the best figure first: the place of each vertex."""
    size = len(frame.legs)
    best = []
    for rank, figure in enumerate(_figures(size)):
        search = _every_assignment if size <= EXHAUSTIVE else _exchanges
        cost, choice = search(frame, _tabulated(figure))
        best.append(((*cost[:3], rank, *cost[3:]), tuple(figure[place] for place in choice)))
    return tuple(places for _, places in sorted(best))


@lru_cache(maxsize=128)
def _tabulated(figure: Places) -> _Figure:
    return _Figure(figure)


def _figures(size: int) -> list[Places]:
    """Candidate figures, simplest first; neighbours are at least one unit apart."""
    if size == 1:
        return [((0, 0),)]
    figures = [_row(size), *_by_hand(size)]
    if size == 2:
        return figures
    figures += [_ring(size, 90.0), _ring(size, 180.0)]
    if size > 3:
        flat = 90.0 + 180.0 / size
        figures += [_ring(size, flat), _wheel(size, 90.0), _wheel(size, 180.0)]
    if size > 5:
        half = (size + 1) // 2
        figures.append(tuple((k % half * UNIT, k // half * UNIT) for k in range(size)))
    if size > 5 and size % 2 == 0:
        half = size // 2
        wide = rounded((_radius(half) + 1.2 * _NEAR) / cos(pi / half))
        outer = _circle(half, 90.0, max(_radius(half) + UNIT, wide))
        figures += [_ring(half, 90.0) + outer, _ring(half, 90.0 + 180.0 / half) + outer]
    return list(dict.fromkeys(_centred(figure) for figure in figures))


def _by_hand(size: int) -> list[Places]:
    """Figures from the triangular lattice: a triangle with a tail, a rhombus, and their like."""
    h, s, d = UNIT // 2, _HALF_ROOT3, UNIT
    if size == 4:
        return [((-d, 0), (0, 0), (s, -h), (s, h)), ((-s, 0), (0, -h), (0, h), (s, 0))]
    if size == 5:
        return [
            ((0, 0), (-s, -h), (-s, h), (s, -h), (s, h)),
            ((-d, 0), (0, 0), (d, 0), (-h, -s), (h, -s)),
            ((-s, 0), (0, -h), (0, h), (s, 0), (s + d, 0)),
            ((-d - h, 0), (-h, 0), (h, 0), (d + h, 0), (0, -s)),
            ((0, -2200), (-1905, 1100), (1905, 1100), (-h, 0), (h, 0)),  # K5 with one crossing
        ]
    if size == 6:
        return [
            ((-d, 0), (0, 0), (d, 0), (-h, -s), (h, -s), (0, -2 * s)),
            ((-d - h, 0), (-h, 0), (h, 0), (-d, -s), (0, -s), (d, -s)),
            ((-s - d, 0), (-s, 0), (0, -h), (0, h), (s, 0), (s + d, 0)),
        ]
    return []


def _row(size: int) -> Places:
    return tuple((k * UNIT, 0) for k in range(size))


def _radius(size: int) -> int:
    """Of a ring whose neighbours are a unit apart and whose chords stay clear of the vertices they pass."""
    if size < 3:
        return UNIT
    return max(
        rounded(UNIT / (2 * sin(pi / size))), rounded(1.1 * _NEAR / (1 - cos(2 * pi / size))), UNIT * 577 // 1000
    )


def _ring(size: int, first: float) -> Places:
    return _circle(size, first, _radius(size))


def _wheel(size: int, first: float) -> Places:
    return (*_circle(size - 1, first, max(UNIT, _radius(size - 1))), (0, 0))


def _circle(size: int, first: float, radius: int) -> Places:
    angles = [pi * (first / 180.0 + 2.0 * k / size) for k in range(size)]
    return tuple((rounded(radius * cos(angle)), rounded(-radius * sin(angle))) for angle in angles)


def _centred(figure: Places) -> Places:
    x = (min(point[0] for point in figure) + max(point[0] for point in figure)) // 2
    y = (min(point[1] for point in figure) + max(point[1] for point in figure)) // 2
    return tuple((a - x, b - y) for a, b in figure)


class _Figure:
    """A figure with what the cost needs of every pair of places: near misses, steps of squared length, crossings."""

    def __init__(self, places: Places) -> None:
        size = len(places)
        self.places = places
        pairs = [(places[a], places[b]) for a in range(size) for b in range(size)]
        self.near = [sum(_passes_near(place, a, b) for place in places) for a, b in pairs]
        self.steps = [(_squared(a, b) + _STEP // 2) // _STEP for a, b in pairs]
        self.cross = [[_cross(one, other) for other in pairs] for one in pairs]

    def cost(self, frame: Frame, choice: Sequence[int]) -> Cost:
        """(near misses, crossings, lengths, -spread of legs, -order of labels) if vertex v goes to place choice[v]."""
        size = len(choice)
        chords = [(choice[i] * size + choice[j], number) for i, j, number in frame.bundles]
        near = crossings = lengths = 0
        for index, (chord, number) in enumerate(chords):
            near += self.near[chord]
            lengths += number * self.steps[chord]
            crosses = self.cross[chord]
            for other, times in chords[:index]:
                if crosses[other]:
                    crossings += number * times
        spread = order = 0
        for place, labels in zip(choice, frame.legs, strict=True):
            if labels:
                x = self.places[place][0]
                spread += abs(x)
                order += x * sum(labels)
        return near, crossings, lengths, -spread, -order


def _every_assignment(frame: Frame, figure: _Figure) -> tuple[Cost, Sequence[int]]:
    return min((figure.cost(frame, choice), choice) for choice in permutations(range(len(figure.places))))


def _exchanges(frame: Frame, figure: _Figure) -> tuple[Cost, Sequence[int]]:
    """Exchange pairs as long as it helps, from several rotations of a walk along the lines."""
    size = len(figure.places)
    walk = _walk(frame)
    found = []
    for shift in range(0, size, max(1, size // 4)):
        choice = [0] * size
        for step, vertex in enumerate(walk):
            choice[vertex] = (step + shift) % size
        found.append(_descend(frame, figure, choice))
    return min(found)


def _descend(frame: Frame, figure: _Figure, choice: list[int]) -> tuple[Cost, Sequence[int]]:
    cost = figure.cost(frame, choice)
    improved = True
    while improved:
        improved = False
        for i, j in combinations(range(len(choice)), 2):
            choice[i], choice[j] = choice[j], choice[i]
            changed = figure.cost(frame, choice)
            if changed < cost:
                cost, improved = changed, True
            else:
                choice[i], choice[j] = choice[j], choice[i]
    return cost, tuple(choice)


def _walk(frame: Frame) -> list[int]:
    """The vertices depth first, from one with few neighbours."""
    around: list[list[int]] = [[] for _ in frame.legs]
    for i, j, _ in frame.bundles:
        around[i].append(j)
        around[j].append(i)
    start = min(range(len(around)), key=lambda vertex: (len(around[vertex]), vertex))
    seen: list[int] = []
    stack = [start]
    while stack:
        vertex = stack.pop()
        if vertex not in seen:
            seen.append(vertex)
            stack += sorted(around[vertex], reverse=True)
    return seen


def _squared(a: Point, b: Point) -> int:
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2


def _turn(a: Point, b: Point, c: Point) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _passes_near(point: Point, a: Point, b: Point) -> bool:
    """Whether the segment a-b comes closer to `point` than the limit; ends count as far away."""
    along = (point[0] - a[0]) * (b[0] - a[0]) + (point[1] - a[1]) * (b[1] - a[1])
    length = _squared(a, b)
    return 0 < along < length and _turn(a, b, point) ** 2 < _NEAR * _NEAR * length


def _cross(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    a, b = one
    c, d = other
    if {a, b} & {c, d}:
        return False
    return (_turn(a, b, c) > 0) != (_turn(a, b, d) > 0) and (_turn(c, d, a) > 0) != (_turn(c, d, b) > 0)
