"""The layout of one diagram: coordinates of everything in the picture, as integers in pixels.

Connected parts stand side by side, those with small leg labels first, vacuum parts last; lines between two legs form
one column. A part gets the first placement, at the smallest distance between vertices, in which nothing touches:
no line near a foreign vertex, no label on a line, no self-loop or leg across another line. Where there is none (a dozen
lines at every one of many vertices) it gets the one in which the fewest things touch.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from math import atan2, cos, degrees, radians, sin
from typing import TYPE_CHECKING, NamedTuple

import networkx as nx

from feyn_nn.render.clearance import conflicts
from feyn_nn.render.directions import Gap, Wedge, around_single, in_gaps, opening
from feyn_nn.render.placement import UNIT, Frame, Places, placements
from feyn_nn.render.strokes import Point, Stroke, bundle, petal, rounded, towards

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.action import Operator
    from feyn_nn.graphs import Diagram

DISTANCES = (96, 120, 150, 190, 240, 320)
"""Distances between neighbouring vertices, tried in this order."""

LEG_LENGTH = 44
LABEL_HALF = (11, 9)
"""Half-width and half-height that the text of a label may fill."""

_BESIDE, _ABOVE = 13, 11
_FREE_LENGTH = 84
_ROW = 34
_GAP = 34
_MARGIN = 12


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertex: its name and operator, and where it is."""

    name: str
    operator: Operator
    at: Point


@dataclass(frozen=True, slots=True)
class Label:
    """The name of a leg, centred at a point beyond the leg's end."""

    name: str
    at: Point


@dataclass(frozen=True, slots=True)
class Drawing:
    """A laid-out diagram inside 0 <= x <= width, 0 <= y <= height."""

    width: int
    height: int
    strokes: tuple[Stroke, ...]
    marks: tuple[Mark, ...]
    labels: tuple[Label, ...]


class _Part(NamedTuple):
    """A piece of the picture in its own coordinates."""

    strokes: list[Stroke]
    marks: list[Mark]
    labels: list[Label]

    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom."""
        points = [point for stroke in self.strokes for point in stroke.points]
        points += [mark.at for mark in self.marks]
        dx, dy = LABEL_HALF
        points += [
            (x + sx, y + sy) for x, y in (label.at for label in self.labels) for sx, sy in ((-dx, -dy), (dx, dy))
        ]
        return (
            min(point[0] for point in points),
            min(point[1] for point in points),
            max(point[0] for point in points),
            max(point[1] for point in points),
        )

    def moved(self, dx: int, dy: int) -> _Part:
        return _Part(
            [stroke.moved(dx, dy) for stroke in self.strokes],
            [Mark(mark.name, mark.operator, (mark.at[0] + dx, mark.at[1] + dy)) for mark in self.marks],
            [Label(label.name, (label.at[0] + dx, label.at[1] + dy)) for label in self.labels],
        )


class _Component(NamedTuple):
    """A connected part: its vertices (names, operators), leg labels and self-loops at each, and the frame."""

    names: list[str]
    operators: list[Operator]
    loops: list[int]
    frame: Frame


def draw(diagram: Diagram) -> Drawing:
    """Lay out a diagram; names are those of `Diagram.graph`: x1, x2, ... and v1, v2, ..."""
    free = [edge for edge in diagram.edges if max(edge) < diagram.legs]
    parts: list[tuple[int, int, _Part]] = []
    if free:
        parts.append((min(min(edge) for edge in free), 0, _free_lines(sorted(free))))
    for index, component in enumerate(_components(diagram)):
        labels = [label for labels in component.frame.legs for label in labels]
        parts.append((min(labels, default=diagram.legs), index, _component(component)))
    parts.sort(key=lambda entry: entry[:2])
    return _side_by_side([part for _, _, part in parts])


def _components(diagram: Diagram) -> list[_Component]:
    first = diagram.legs
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(first, first + len(diagram.vertices)))
    graph.add_edges_from(edge for edge in diagram.edges if min(edge) >= first)
    lines = Counter((min(edge), max(edge)) for edge in diagram.edges)
    found = []
    for nodes in sorted(sorted(component) for component in nx.connected_components(graph)):
        bundles = tuple((i, j, lines[a, b]) for (i, a), (j, b) in combinations(enumerate(nodes), 2) if lines[a, b])
        legs = tuple(tuple(leg for leg in range(first) if lines[leg, node]) for node in nodes)
        found.append(
            _Component(
                [f"v{node - first + 1}" for node in nodes],
                [diagram.vertices[node - first] for node in nodes],
                [lines[node, node] for node in nodes],
                Frame(bundles, legs),
            )
        )
    return found


def _free_lines(edges: Sequence[tuple[int, int]]) -> _Part:
    strokes, labels = [], []
    for row, edge in enumerate(edges):
        a, b = (f"x{leg + 1}" for leg in sorted(edge))
        y = row * _ROW
        strokes.append(Stroke(a, b, ((0, y), (_FREE_LENGTH, y))))
        labels += [Label(a, (-_BESIDE, y)), Label(b, (_FREE_LENGTH + _BESIDE, y))]
    return _Part(strokes, [], labels)


def _component(component: _Component) -> _Part:
    best = None
    for places in placements(component.frame):
        for distance in DISTANCES:
            part = _drawn(component, places, distance)
            wrong = conflicts(part.strokes, [(m.name, m.at) for m in part.marks], [(x.name, x.at) for x in part.labels])
            if not wrong:
                return part
            if best is None or wrong < best[0]:
                best = wrong, part
            if len(component.names) == 1:
                break
    assert best is not None
    return best[1]


def _drawn(component: _Component, places: Places, distance: int) -> _Part:
    at = [(rounded(x * distance / UNIT), rounded(y * distance / UNIT)) for x, y in places]
    directions = _bundle_directions(component, places)
    openings = _openings(component, directions)
    strokes = []
    for i, j, number in component.frame.bundles:
        names = component.names[i], component.names[j]
        strokes += bundle(names, at[i], at[j], number, openings[i, j])
    labels = []
    for vertex, name in enumerate(component.names):
        legs, petals = _items(component, vertex, places, directions[vertex], openings)
        strokes += [petal(name, at[vertex], wedge.angle, wedge.half) for wedge in petals]
        ends = [_leg_end(at[vertex], wedge.angle) for wedge in legs]
        ends.sort(key=lambda end, x=at[vertex][0]: (_side(end[0][0] - x), end[0][1], end[0][0]))  # type: ignore[misc]
        for leg, (end, text) in zip(component.frame.legs[vertex], ends, strict=True):
            strokes.append(Stroke(f"x{leg + 1}", name, (end, at[vertex])))
            labels.append(Label(f"x{leg + 1}", text))
    marks = [Mark(name, op, point) for name, op, point in zip(component.names, component.operators, at, strict=True)]
    return _Part(strokes, marks, labels)


def _leg_end(at: Point, angle: float) -> tuple[Point, Point]:
    """Where a leg ends, and the centre of its label: just so far beyond that the line does not touch the text."""
    turn = radians(angle)
    beyond = min(_BESIDE / max(abs(cos(turn)), 0.1), _ABOVE / max(abs(sin(turn)), 0.1))
    return towards(at, angle, LEG_LENGTH), towards(at, angle, LEG_LENGTH + beyond)


def _side(dx: int) -> int:
    """Left, middle or right: labels count from the left."""
    return (dx > 6) - (dx < -6)


def _bundle_directions(component: _Component, places: Places) -> list[list[tuple[int, int, int]]]:
    """For each vertex (direction in whole degrees, other vertex, number of lines), sorted."""
    result: list[list[tuple[int, int, int]]] = [[] for _ in places]
    for i, j, number in component.frame.bundles:
        angle = rounded(degrees(atan2(places[i][1] - places[j][1], places[j][0] - places[i][0]))) % 360
        result[i].append((angle, j, number))
        result[j].append(((angle + 180) % 360, i, number))
    return [sorted(directions) for directions in result]


def _openings(component: _Component, directions: Sequence[list[tuple[int, int, int]]]) -> dict[tuple[int, int], int]:
    """The opening of each bundle: what both of its ends allow."""
    found: dict[tuple[int, int], int] = {}
    for vertex, around in enumerate(directions):
        items = len(component.frame.legs[vertex]) + component.loops[vertex]
        for index, (angle, other, number) in enumerate(around):
            apart: list[tuple[int, int]] = []
            if len(around) > 1:
                before, after = around[index - 1], around[(index + 1) % len(around)]
                apart = [((angle - before[0]) % 360, before[2]), ((after[0] - angle) % 360, after[2])]
            edge = (min(vertex, other), max(vertex, other))
            found[edge] = min(found.get(edge, 90), opening(number, apart, items))
    return found


def _items(
    component: _Component,
    vertex: int,
    places: Places,
    around: Sequence[tuple[int, int, int]],
    openings: dict[tuple[int, int], int],
) -> tuple[list[Wedge], list[Wedge]]:
    """Wedges of the legs and of the self-loops of a vertex."""
    legs, loops = len(component.frame.legs[vertex]), component.loops[vertex]
    if not legs + loops:
        return [], []
    if not around:
        return around_single(legs, loops)
    x, y = places[vertex]
    count = len(places)
    cx, cy = sum(place[0] for place in places), sum(place[1] for place in places)
    away = None
    if count > 2 and (count * x - cx, count * y - cy) != (0, 0):
        away = rounded(degrees(atan2(cy - count * y, count * x - cx))) % 360
    gaps = []
    for index, (angle, other, _) in enumerate(around):
        following, beyond, _ = around[(index + 1) % len(around)]
        before = openings[min(vertex, other), max(vertex, other)]
        after = openings[min(vertex, beyond), max(vertex, beyond)]
        turn = (following - angle) % 360 or 360
        facing = away is None or 0 < (away - angle) % 360 < turn
        gaps.append((angle + before, max(1, turn - before - after), facing))
    if not any(facing for _, _, facing in gaps):
        gaps = [(start, width, True) for start, width, _ in gaps]
    return in_gaps([Gap(*gap) for gap in gaps], legs, loops)


def _side_by_side(parts: Sequence[_Part]) -> Drawing:
    strokes: list[Stroke] = []
    marks: list[Mark] = []
    labels: list[Label] = []
    boxes = [part.box() for part in parts]
    height = max((bottom - top for _, top, _, bottom in boxes), default=0)
    x = _MARGIN
    for part, (left, top, right, bottom) in zip(parts, boxes, strict=True):
        placed = part.moved(x - left, _MARGIN + (height - (bottom - top)) // 2 - top)
        strokes += placed.strokes
        marks += placed.marks
        labels += placed.labels
        x += right - left + _GAP
    width = x - _GAP + _MARGIN if parts else 2 * _MARGIN
    marks.sort(key=lambda mark: int(mark.name[1:]))
    labels.sort(key=lambda label: int(label.name[1:]))
    return Drawing(width, height + 2 * _MARGIN, tuple(strokes), tuple(marks), tuple(labels))
