"""In which directions lines, legs and self-loops leave one vertex: wedges that do not overlap.

The lines to other vertices have their directions from the placement. Legs and self-loops share the gaps between
them so that the tightest place is as wide as it can be; in a gap, loops stand on both sides of the legs. A leg opposite
to a single line continues it straight, and an only loop then stands above.
"""

from __future__ import annotations

from fractions import Fraction
from math import radians, sin
from typing import TYPE_CHECKING, NamedTuple

from feyn_nn.render.strokes import MAX_PETAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OPENINGS = (0, 0, 50, 60, 66, 74, 80, 84)
"""Degrees between the chord and the outermost of 0, 1, 2, ... parallel lines."""

_PETAL, _LEG, _LITTLE = 100, 45, 24
_CLEAR = 12
_BUSY = 50


class Wedge(NamedTuple):
    """Bisector and half-width in degrees."""

    angle: float
    half: float


class Gap(NamedTuple):
    """From `start` counter-clockwise over `width` degrees; `open` if it faces away from the other vertices."""

    start: int
    width: int
    open: bool


def opening(number: int, apart: Sequence[tuple[int, int]], items: int) -> int:
    """Half-opening of a bundle of `number` lines at one vertex.

    `apart` holds the angle to each of the two neighbouring bundles with their number of lines; `items` says how many
    legs and loops want room too.
    """
    widest = OPENINGS[min(number, len(OPENINGS) - 1)]
    for angle, other in apart:
        widest = min(widest, (angle - _CLEAR) // 2 if other > 1 else (angle - _CLEAR) * 2 // 3)
    return min(widest, _BUSY) if items and apart else widest


def around_single(legs: int, loops: int) -> tuple[list[Wedge], list[Wedge]]:
    """Wedges of the legs and of the loops at a vertex that has no other lines."""
    left, right, top, bottom = (legs + 1) // 2, legs // 2, (loops + 1) // 2, loops // 2
    missing = (top - bottom) * (_PETAL if max(left, right) <= 1 else _LITTLE) if legs > 1 else 0
    side = Fraction(missing, 2)
    widths = [Fraction(_PETAL)] * top + [Fraction(_LEG)] * left
    widths += [side, *[Fraction(_PETAL)] * bottom, side, *[Fraction(_LEG)] * right]
    scale = 360 / sum(widths)
    centres = [scale * (sum(widths[:k]) + width / 2) for k, width in enumerate(widths)]
    if legs == 1:
        turn = 180 - centres[top]
    elif loops:
        turn = 90 - scale * _PETAL * top / 2
    else:
        turn = -scale * (360 / scale - Fraction(_LEG * right, 2))
    wedges = [
        Wedge(float((centre + turn) % 360), float(scale * width / 2))
        for centre, width in zip(centres, widths, strict=True)
    ]
    second = top + left + 1
    petals = wedges[:top] + wedges[second : second + bottom]
    return wedges[top : top + left] + wedges[len(wedges) - right :], [_petal(wedge) for wedge in petals]


def in_gaps(gaps: Sequence[Gap], legs: int, loops: int) -> tuple[list[Wedge], list[Wedge]]:
    """Wedges of the legs and of the loops in the gaps between the bundles at a vertex."""
    best = max(_shares(len(gaps), legs, loops), key=lambda share: _merit(gaps, share))
    leg_wedges: list[Wedge] = []
    petals: list[Wedge] = []
    for gap, (p, e) in zip(gaps, best, strict=True):
        if not p + e:
            continue
        odd = p % 2 == 1 and e > 0
        sequence = [_PETAL] * ((p + 1) // 2) + [_LEG] * e + [_PETAL] * (p // 2)
        if odd and len(gaps) == 1:
            sequence.append(-_PETAL if e <= 2 else -_LITTLE)
        if odd and _height(gap, 0.75) > _height(gap, 0.25) + 1e-6:
            sequence.reverse()
        # a lone line takes as much room as a leg, so that three legs and the line make a cross
        ends = max(0, _LEG - 360 + gap.width) if len(gaps) == 1 else 0
        scale = Fraction(gap.width, sum(abs(width) for width in sequence) + ends)
        reached = gap.start + scale * Fraction(ends, 2)
        for width in sequence:
            step = scale * abs(width)
            wedge = Wedge(float((reached + step / 2) % 360), float(step / 2))
            reached += step
            if width == _PETAL:
                petals.append(_petal(wedge))
            elif width == _LEG:
                leg_wedges.append(wedge)
    return leg_wedges, petals


def _petal(wedge: Wedge) -> Wedge:
    return Wedge(wedge.angle, min(float(MAX_PETAL), wedge.half - 4.0))


def _height(gap: Gap, part: float) -> float:
    return sin(radians(gap.start + part * gap.width))


def _shares(gaps: int, legs: int, loops: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """All ways to share loops and legs out: (loops, legs) for each gap."""
    if gaps == 1:
        yield ((loops, legs),)
        return
    for p in range(loops, -1, -1):
        for e in range(legs, -1, -1):
            for rest in _shares(gaps - 1, legs - e, loops - p):
                yield ((p, e), *rest)


def _merit(gaps: Sequence[Gap], share: Sequence[tuple[int, int]]) -> tuple[Fraction, int, int]:
    """The tightest place; then as much as possible in open gaps, then above."""
    tightest = Fraction(100)
    outside = above = 0
    for gap, (p, e) in zip(gaps, share, strict=True):
        if not p + e:
            continue
        room = Fraction(gap.width * (5 if gap.open else 2), 5)
        tightest = min(tightest, room / (_PETAL * p + _LEG * e))
        outside += (p + e) * gap.open
        above -= (4 * p + e) * abs((gap.start + gap.width // 2) % 360 - 90)
    return tightest, outside, above
