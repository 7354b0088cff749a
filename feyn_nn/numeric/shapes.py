"""What a contraction evaluates: connected integrals of products of lines over internal points.

A `Shape` is one without its labels: at every internal point the number of legs, self-loops, functions of the point under
the integral (coupling functions, by name), and where it runs; and the lines between points. Diagrams of an action are
shapes whose points all run over the cube; in the derivative with respect to the cutoff one point is on its surface. A
`Component` is a shape with the legs that are attached to each of its points. Vertices are put in a standard order, so
that equal integrals are computed once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain, groupby, permutations, product
from math import factorial, prod
from typing import TYPE_CHECKING, Final, TypeAlias

from feyn_nn.numeric.grids import Face, Place, Region

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from feyn_nn.graphs import Diagram

_MOST_ORDERS: Final = 5040

Line: TypeAlias = tuple[int, int, int]
"""(u, v, number of lines) between two points, u < v."""


@dataclass(frozen=True, slots=True)
class Vertex:
    """An internal point: how many legs and self-loops it has, the functions of it under the integral, its place."""

    legs: int
    loops: int = 0
    functions: tuple[str, ...] = ()
    place: Place = Region.CUBE

    @property
    def key(self) -> tuple[int, int, tuple[str, ...], tuple[int, int, int]]:
        """Sorts points: those with most legs first, so that the last ones have the smallest arrays."""
        place = (2, self.place.axis, self.place.side) if isinstance(self.place, Face) else (0, 0, 0)
        if self.place is Region.SURFACE:
            place = (1, 0, 0)
        return -self.legs, self.loops, self.functions, place


@dataclass(frozen=True, slots=True)
class Shape:
    """A connected integral without its labels."""

    vertices: tuple[Vertex, ...]
    lines: tuple[Line, ...] = ()

    def __str__(self) -> str:
        """Such as `the integral over 2 points with 2, 2 legs and 2 lines between them`."""
        legs = ", ".join(str(vertex.legs) for vertex in self.vertices)
        loops = sum(vertex.loops for vertex in self.vertices)
        lines = sum(number for _, _, number in self.lines)
        points = "one point" if len(self.vertices) == 1 else f"{len(self.vertices)} points"
        between = f", {lines} line{'s' * (lines > 1)} between them" if lines else ""
        around = f", {loops} self-loop{'s' * (loops > 1)}" if loops else ""
        return f"the integral over {points} with {legs} legs{between}{around}"

    def degree(self, vertex: int) -> int:
        """How many ends of lines there are at a vertex."""
        ends = sum(number for u, v, number in self.lines if vertex in (u, v))
        return self.vertices[vertex].legs + 2 * self.vertices[vertex].loops + ends


@dataclass(frozen=True, slots=True)
class Component:
    """A connected integral: `attached` has the legs at each vertex of `shape`, numbered from 0; a leg may stand twice."""

    shape: Shape
    attached: tuple[tuple[int, ...], ...]

    def on_surface(self) -> Iterator[Component]:
        """Yield the integrals that add up to the derivative with respect to Lambda: each point in turn on the surface.

        Points that are on the surface already are left there.
        """
        vertices = self.shape.vertices
        for v, vertex in enumerate(vertices):
            if vertex.place is Region.CUBE:
                moved = (*vertices[:v], replace(vertex, place=Region.SURFACE), *vertices[v + 1 :])
                yield _ordered(moved, self.shape.lines, self.attached)


def connected_components(
    attached: Sequence[Sequence[int]],
    lines: Iterable[tuple[int, int]],
    functions: Sequence[Sequence[str]] | None = None,
    places: Sequence[Place] | None = None,
) -> list[Component]:
    """Split an integral over len(attached) points into its connected factors.

    `attached` has the legs at every point, `lines` pairs of points (equal ones for a self-loop, repeated ones for parallel
    lines), `functions` the names of the functions of every point, `places` where it runs.
    """
    number = len(attached)
    joined = Counter((min(a, b), max(a, b)) for a, b in lines)
    group = list(range(number))
    for a, b in joined:
        if group[a] != group[b]:
            old, new = group[b], group[a]
            group = [new if label == old else label for label in group]
    result = []
    for label in sorted(set(group)):
        members = [v for v, other in enumerate(group) if other == label]
        vertices = tuple(
            Vertex(
                len(attached[v]),
                joined[v, v],
                () if functions is None else tuple(sorted(functions[v])),
                Region.CUBE if places is None else places[v],
            )
            for v in members
        )
        between = tuple(
            (members.index(a), members.index(b), count) for (a, b), count in joined.items() if a != b and a in members
        )
        result.append(_ordered(vertices, between, tuple(tuple(attached[v]) for v in members)))
    return result


def diagram_components(diagram: Diagram, functions: Collection[str] = ()) -> list[Component]:
    """Every connected component of a diagram that has vertices; couplings named in `functions` are functions of their point."""
    first = diagram.legs
    attached: list[list[int]] = [[] for _ in diagram.vertices]
    lines = []
    for a, b in diagram.edges:
        if a >= first:
            lines.append((a - first, b - first))
        elif b >= first:
            attached[b - first].append(a)
    names = [(vertex.coupling,) if vertex.coupling in functions else () for vertex in diagram.vertices]
    return connected_components(attached, lines, names)


def free_lines(diagram: Diagram) -> tuple[tuple[int, int], ...]:
    """The lines between two legs."""
    return tuple((a, b) for a, b in diagram.edges if b < diagram.legs)


def _ordered(vertices: tuple[Vertex, ...], lines: tuple[Line, ...], attached: tuple[tuple[int, ...], ...]) -> Component:
    """The component with its vertices sorted, equal ones so that the list of lines is smallest."""
    ranked = sorted(range(len(vertices)), key=lambda v: vertices[v].key)
    best, chosen = _renumbered(lines, ranked), ranked
    ties = [list(group) for _, group in groupby(ranked, key=lambda v: vertices[v].key)]
    if len(vertices) > 2 and 1 < prod(factorial(len(tie)) for tie in ties) <= _MOST_ORDERS:
        for choice in product(*(permutations(tie) for tie in ties)):
            order = list(chain.from_iterable(choice))
            trial = _renumbered(lines, order)
            if trial < best:
                best, chosen = trial, order
    return Component(Shape(tuple(vertices[v] for v in chosen), best), tuple(attached[v] for v in chosen))


def _renumbered(lines: tuple[Line, ...], order: Sequence[int]) -> tuple[Line, ...]:
    place = {v: index for index, v in enumerate(order)}
    return tuple(sorted((min(place[u], place[v]), max(place[u], place[v]), m) for u, v, m in lines))
