"""Names for the integrals of a correlator: I1(x1, x2, x3, x4) instead of the integral written out.

One name stands for one connected integral whatever its legs: a graph of vertices, with the numbers of legs, self-loops
and lines, and the coupling functions under it. The arguments are its legs, those at the first vertex first. Interchangeable
legs stand in increasing order, so that equal integrals are written alike. A table may be shared by several
correlators: then the same integral has the same name in all of them. No SymPy here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from feyn_nn.action import Operator
from feyn_nn.graphs import Diagram, Topology, labelled_diagrams
from feyn_nn.graphs.labelling import attachments
from feyn_nn.symbolic.formats.layout import Product

if TYPE_CHECKING:
    from feyn_nn.symbolic.formats.layout import Line

_PLAIN_VERTEX = "vertex"  # the colour of a vertex without a coupling function


@dataclass(frozen=True, slots=True)
class NamedIntegral:
    """A name with its definition: a connected product whose legs are x1, x2, ... in the order of the arguments."""

    name: str
    product: Product

    @property
    def legs(self) -> tuple[str, ...]:
        """The arguments."""
        points = {point for line in self.product.inner for point in line if point[0] == "x"}
        return tuple(sorted(points, key=lambda point: int(point[1:])))


class IntegralTable:
    """Names integrals in the order in which they are first met."""

    def __init__(self) -> None:
        self._named: dict[Topology, NamedIntegral] = {}

    @property
    def integrals(self) -> tuple[NamedIntegral, ...]:
        """Every integral that has a name, in order."""
        return tuple(self._named.values())

    def of(self, component: Product) -> tuple[NamedIntegral, tuple[str, ...]]:
        """The named integral of a connected product without outer lines, and its legs as arguments."""
        diagram, legs = _diagram(component)
        topology = diagram.topology
        arguments = _arguments(topology)[diagram]
        if topology not in self._named:
            self._named[topology] = NamedIntegral(f"I{len(self._named) + 1}", _relabelled(component, legs, arguments))
        return self._named[topology], tuple(legs[argument] for argument in arguments)


def _diagram(component: Product) -> tuple[Diagram, tuple[str, ...]]:
    """The component as a diagram on legs 0, 1, ... in the order of their names, which are returned too."""
    legs = tuple(sorted({a for a, _ in component.inner if a[0] == "x"}, key=lambda point: int(point[1:])))
    valence = dict.fromkeys(component.points, 0)
    for line in component.inner:
        for point in line:
            if point in valence:
                valence[point] += 1
    colours: dict[str, str] = {point: name for name, point in component.functions}
    place = {name: index for index, name in enumerate((*legs, *component.points))}
    vertices = [Operator(valence[point], colours.get(point, _PLAIN_VERTEX)) for point in component.points]
    return Diagram(len(legs), vertices, [(place[a], place[b]) for a, b in component.inner]), legs


@lru_cache(maxsize=1024)
def _arguments(topology: Topology) -> dict[Diagram, tuple[int, ...]]:
    """For each labelling its legs, those at the first vertex first, in increasing order at each vertex."""
    return {
        diagram: tuple(sorted(range(len(attachment)), key=lambda leg: (attachment[leg], leg)))
        for diagram, attachment in zip(labelled_diagrams(topology), attachments(topology), strict=True)
    }


def _relabelled(component: Product, legs: tuple[str, ...], arguments: tuple[int, ...]) -> Product:
    """The component with its legs renamed x1, x2, ... in the order of the arguments, its points numbered from 1."""
    names = {legs[argument]: f"x{slot + 1}" for slot, argument in enumerate(arguments)}
    counts: dict[str, int] = {}
    for point in component.points:
        counts[point[0]] = counts.get(point[0], 0) + 1
        names[point] = f"{point[0]}{counts[point[0]]}"

    def line(pair: Line) -> Line:
        return names[pair[0]], names[pair[1]]

    inner = sorted((line(pair) for pair in component.inner), key=lambda pair: (pair[0][0] != "x", pair))
    return Product(
        (),
        tuple(inner),
        tuple(names[point] for point in component.points),
        tuple((name, names[point]) for name, point in component.functions),
    )
