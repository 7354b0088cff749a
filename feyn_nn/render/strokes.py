"""The lines of a drawing as straight segments and cubic Bezier curves with integer control points.

Lengths are in pixels, y points down, angles are in degrees, counter-clockwise, 0 to the right. Trigonometry happens
before rounding, and ties round up by a small bias, so that coordinates do not depend on the last bit of a cosine.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, floor, radians, sin, tan
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

Point = tuple[int, int]

PETAL_LENGTH = 46
MAX_PETAL = 50
"""Largest half-opening of a self-loop at its vertex, in degrees."""

_BIAS = 1e-6
_STEPS = 16


def rounded(value: float) -> int:
    """The nearest integer; ties, also those that a last bit has moved, go up."""
    return floor(value + 0.5 + _BIAS)


def towards(start: Point, angle: float, length: float) -> Point:
    """The point at `length` from `start` in the direction `angle`."""
    turn = radians(angle)
    return rounded(start[0] + length * cos(turn)), rounded(start[1] - length * sin(turn))


@dataclass(frozen=True, slots=True)
class Stroke:
    """One line of a diagram: the names of its ends and its control points.

    Two control points are a straight segment, 4 one cubic curve, 7 two curves that share the middle point.
    """

    start: str
    end: str
    points: tuple[Point, ...]

    def moved(self, dx: int, dy: int) -> Stroke:
        """The stroke shifted by (dx, dy)."""
        return Stroke(self.start, self.end, tuple((x + dx, y + dy) for x, y in self.points))

    def samples(self) -> FloatArray:
        """Points along the stroke, ends included, shape (points, 2)."""
        control = np.array(self.points, dtype=np.float64)
        t = np.linspace(0.0, 1.0, _STEPS + 1)[:, None]
        if len(control) == 2:
            return control[0] + t * (control[1] - control[0])  # type: ignore[no-any-return]
        s = 1.0 - t
        curves = [
            s * s * s * a + 3.0 * s * s * t * b + 3.0 * s * t * t * c + t * t * t * d
            for a, b, c, d in (control[i : i + 4] for i in range(0, len(control) - 1, 3))
        ]
        return np.concatenate(curves)


def bent(names: tuple[str, str], start: Point, end: Point, bend: float) -> Stroke:
    """A circular arc; `bend` is twice its height over its chord, positive to the left of start -> end.

    The control points of the arc with tangent angle phi, bend = tan(phi/2), are rational in `bend`.
    """
    if abs(bend) < _BIAS:
        return Stroke(*names, (start, end))
    ux, uy = (end[0] - start[0]) / 3.0, (end[1] - start[1]) / 3.0
    along, across = 1.0 - bend * bend, 2.0 * bend
    first = rounded(start[0] + along * ux + across * uy), rounded(start[1] + along * uy - across * ux)
    second = rounded(end[0] - along * ux + across * uy), rounded(end[1] - along * uy - across * ux)
    return Stroke(*names, (start, first, second, end))


def bundle(names: tuple[str, str], start: Point, end: Point, number: int, opening: float) -> list[Stroke]:
    """`number` parallel lines, evenly spread; the outermost leave their ends at `opening` degrees from the chord."""
    widest = tan(radians(opening) / 2.0)
    bends = [widest * (1.0 - 2.0 * k / (number - 1)) for k in range(number)] if number > 1 else [0.0]
    return [bent(names, start, end, bend) for bend in bends]


def petal(name: str, at: Point, angle: float, half: float) -> Stroke:
    """A self-loop inside the wedge `angle` +- `half`: the hull of its control points never leaves the wedge."""
    tip = towards(at, angle, PETAL_LENGTH)
    side = min(0.5, 0.95 * tan(radians(half))) * PETAL_LENGTH
    arm = 0.62 * PETAL_LENGTH / cos(radians(half))
    left, right = towards(tip, angle + 90.0, side), towards(tip, angle - 90.0, side)
    out, back = towards(at, angle + half, arm), towards(at, angle - half, arm)
    return Stroke(name, name, (at, out, left, tip, right, back, at))
