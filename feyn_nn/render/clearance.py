"""Whether a layout is clean: how often lines, vertices and labels come too close, measured on sampled points.

Lines between vertices may cross each other where the placement says so; legs and self-loops may cross nothing.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray
    from feyn_nn.render.strokes import Point, Stroke

VERTEX_CLEARANCE = 15.0
"""Least distance between a vertex and a line that does not end there."""

LINE_CLEARANCE = 5.0
LABEL_CLEARANCE = (13.0, 11.0)
_MEETING = 24.0
_NARROWEST_LOOP = 14.0


def conflicts(
    strokes: Sequence[Stroke], vertices: Sequence[tuple[str, Point]], labels: Sequence[tuple[str, Point]]
) -> int:
    """Number of pairs that come too close; zero for a clean layout."""
    at = {name: np.array(point, dtype=np.float64) for name, point in vertices}
    sampled = [stroke.samples() for stroke in strokes]
    found = 0
    for stroke, points in zip(strokes, sampled, strict=True):
        ends = {stroke.start, stroke.end}
        found += sum(_nearest(points, at[name]) < VERTEX_CLEARANCE for name in at if name not in ends)
        found += sum(_inside(points, place) for name, place in labels)
        if stroke.start == stroke.end:
            found += float(np.ptp(points @ _across(points))) < _NARROWEST_LOOP
    for i, j in combinations(range(len(strokes)), 2):
        one, other = strokes[i], strokes[j]
        if not _local(one) and not _local(other) and not {one.start, one.end} & {other.start, other.end}:
            continue
        shared = [at[name] for name in sorted({one.start, one.end} & {other.start, other.end})]
        a, b = _away(sampled[i], shared), _away(sampled[j], shared)
        if len(a) and len(b) and _distance(a, b) < LINE_CLEARANCE:
            found += 1
    for _, place in labels:
        found += sum(_inside(point[None], place) for point in at.values())
    for (_, one_place), (_, other_place) in combinations(labels, 2):
        dx, dy = abs(one_place[0] - other_place[0]), abs(one_place[1] - other_place[1])
        found += dx < 2 * LABEL_CLEARANCE[0] - 4 and dy < 2 * LABEL_CLEARANCE[1] - 4
    return int(found)


def _local(stroke: Stroke) -> bool:
    """Whether it is a leg or a self-loop."""
    return stroke.start == stroke.end or stroke.start.startswith("x")


def _across(points: FloatArray) -> FloatArray:
    """Unit vector across a self-loop: at right angles to the way from the vertex to the tip."""
    tip = points[len(points) // 2] - points[0]
    return np.array([-tip[1], tip[0]]) / np.hypot(*tip)  # type: ignore[no-any-return]


def _nearest(points: FloatArray, place: FloatArray) -> float:
    return float(np.sqrt(((points - place) ** 2).sum(axis=1)).min())


def _distance(a: FloatArray, b: FloatArray) -> float:
    return float(np.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2)).min())


def _away(points: FloatArray, shared: Sequence[FloatArray]) -> FloatArray:
    """The points that are not close to an end which both lines share."""
    for place in shared:
        points = points[((points - place) ** 2).sum(axis=1) > _MEETING**2]
    return points


def _inside(points: FloatArray, place: Point) -> bool:
    """Whether a point lies in the box of the label at `place`."""
    offset = np.abs(points - np.array(place, dtype=np.float64))
    return bool(((offset[:, 0] < LABEL_CLEARANCE[0] - 2) & (offset[:, 1] < LABEL_CLEARANCE[1] - 2)).any())
