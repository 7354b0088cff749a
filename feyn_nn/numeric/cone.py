"""The cube as a cone over its surface, for kernels that are homogeneous of degree one: ReLU-net's without a bias.

With y = t z, z on the surface and 0 <= t <= 1, an integrand of degree p in y has its radial integral in closed form,

    int_cube f = Lambda / (p + d) * int_surface f,

and the same holds for every vertex of a diagram. On the surface K(x, y) is smooth but for y along x or -x, where it has
a kink (d = 2) or a point like the tip of a cone (d = 3). In d = 1 the surface is two points, so that every diagram is
exact. In d = 2 it is cut into segments at those directions. In d = 3 every face is cut into triangles with corners
there, each into six with one such corner, and collapsed onto it (Duffy 1982), after which the integrand is smooth
again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import import_module
from math import asinh
from typing import TYPE_CHECKING, Final, final

import numpy as np

from feyn_nn.errors import LimitError
from feyn_nn.numeric.grids import MAX_POINTS, Face, Place, PointGrid, Region, faces
from feyn_nn.numeric.segments import Segments, unit_rule

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray, IntArray

RADIAL_NODES: Final = 24
"""Nodes along a ray that are enough for smooth functions."""
_SAME_PLACE: Final = 1e-10
_CORNERS: Final = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])


@final
@dataclass(frozen=True, eq=False)
class ConeGrid:
    """`rays` are nodes and weights of the surface, `owners` the number of the face that each lies on, in `faces`' order.

    Along every ray there are `radial_nodes`, by the sinh rule of axes, with `width` in the same units as the cutoff.
    """

    rays: PointGrid
    owners: IntArray
    width: float
    radial_nodes: int = RADIAL_NODES

    @property
    def cutoff(self) -> float:
        """Lambda."""
        return self.rays.cutoff

    @property
    def dimension(self) -> int:
        """Number of coordinates of a node."""
        return self.rays.dimension

    @property
    def size(self) -> int:
        """Number of nodes in the cube."""
        return self.rays.size * self.radial_nodes

    @property
    def nodes(self) -> FloatArray:
        """Nodes of the cube, for integrands that are not homogeneous; raises LimitError if there are too many."""
        return self._points.nodes

    @property
    def weights(self) -> FloatArray:
        """Weights of the cube's nodes; raises LimitError if there are too many."""
        return self._points.weights

    @cached_property
    def _points(self) -> PointGrid:
        if self.size > MAX_POINTS:
            raise LimitError(
                f"{self.size} quadrature points in d_in = {self.dimension}, more than {MAX_POINTS}; use fewer inputs"
            )
        unit, mass_of_unit = unit_rule(self.radial_nodes)
        reach, width = asinh(self.cutoff / self.width), self.width / self.cutoff
        places, weights = width * np.sinh(reach * unit), reach * width * np.cosh(reach * unit) * mass_of_unit
        nodes = places[:, None, None] * self.rays.nodes
        mass = (self.cutoff * weights * places ** (self.dimension - 1))[:, None] * self.rays.weights
        return PointGrid(nodes.reshape(-1, self.dimension), mass.ravel(), self.cutoff)

    def radial(self, degree: int) -> float:
        """What the integral over the surface is multiplied with for an integrand of that degree."""
        return self.cutoff / (degree + self.dimension)

    def at(self, place: Place) -> PointGrid:
        """The cube's nodes, all rays' ends, or those on one face."""
        if place is Region.CUBE:
            return self._points
        if not isinstance(place, Face):
            return self.rays
        place.check(self.dimension)
        chosen = self.owners == faces(self.dimension).index(place)
        return PointGrid(self.rays.nodes[chosen], self.rays.weights[chosen], self.cutoff)

    def copy(self, vertex: int) -> ConeGrid:  # noqa: ARG002
        """Itself."""
        return self


def cone_grid(inputs: FloatArray, cutoff: float, order: int, radial_nodes: int = RADIAL_NODES) -> ConeGrid:
    """Cone for legs at inputs of shape (points, d), d <= 3, with `order` nodes in every direction of a piece."""
    dimension = inputs.shape[1]
    width = float(np.max(np.abs(inputs))) or cutoff
    if dimension == 1:
        ends = PointGrid(np.array([[cutoff], [-cutoff]]), np.ones(2), cutoff)
        return ConeGrid(ends, np.arange(2), width, radial_nodes)
    directions = _directions(inputs)
    if dimension == 2:
        rays, owner = _square(directions, cutoff, order)
        return ConeGrid(rays, owner, width, radial_nodes)
    nodes, weights, owners = [], [], []
    for number, (face, pieces) in enumerate(zip(faces(3), _cut_faces(directions.tobytes()), strict=True)):
        points, mass = _collapsed(pieces, order)
        nodes.append(np.insert(points, face.axis, face.side, axis=1))
        weights.append(mass)
        owners.append(np.full(len(mass), number))
    rays = PointGrid(cutoff * np.concatenate(nodes), cutoff**2 * np.concatenate(weights), cutoff)
    return ConeGrid(rays, np.concatenate(owners), width, radial_nodes)


def cone_pieces(inputs: FloatArray) -> int:
    """The number of pieces, each with order^(d - 1) nodes, that the surface is cut into."""
    dimension = inputs.shape[1]
    if dimension == 1:
        return 2
    directions = _directions(inputs)
    if dimension == 2:
        return sum(len(_edges(directions, face)) - 1 for face in faces(2))
    return sum(len(pieces) for pieces in _cut_faces(directions.tobytes()))


def _directions(inputs: FloatArray) -> FloatArray:
    """Where the rays through the inputs and opposite to them leave the cube of half-edge 1."""
    sizes = np.abs(inputs).max(axis=1, keepdims=True)
    out = inputs[sizes[:, 0] > 0] / sizes[sizes[:, 0] > 0]
    return np.concatenate([out, -out])


def _on_face(directions: FloatArray, face: Face) -> FloatArray:
    """The other coordinates of those that lie on a face, edges and corners included."""
    chosen = directions[directions[:, face.axis] * face.side > 1 - _SAME_PLACE]
    return np.delete(chosen, face.axis, axis=1)


def _square(directions: FloatArray, cutoff: float, order: int) -> tuple[PointGrid, IntArray]:
    starts, ends, owners = [], [], []
    for number, face in enumerate(faces(2)):
        edges = _edges(directions, face)
        points = np.insert(edges, face.axis, face.side, axis=1)
        starts.append(points[:-1])
        ends.append(points[1:])
        owners.append(np.full((len(points) - 1) * order, number))
    segments = Segments(cutoff * np.concatenate(starts), cutoff * np.concatenate(ends), order, signs=(1, -1))
    return PointGrid(segments.nodes(), segments.weights(), cutoff, segments), np.concatenate(owners)


def _edges(directions: FloatArray, face: Face) -> FloatArray:
    """Ends of the segments of one face of the square, shape (ends, 1)."""
    return _distinct(np.concatenate([[[-1.0], [0.0], [1.0]], _on_face(directions, face)]))


def _distinct(points: FloatArray) -> FloatArray:
    """Sorted points without those that coincide with another one up to rounding."""
    points = points[np.lexsort(points.T[::-1])]
    kept: list[int] = []
    for index, point in enumerate(points):
        if all(np.abs(points[other] - point).max() > _SAME_PLACE for other in kept):
            kept.append(index)
    return points[kept]


@lru_cache(maxsize=16)
def _cut_faces(directions: bytes) -> tuple[FloatArray, ...]:
    """Triangles of every face of the cube of half-edge 1, shape (triangles, 3, 2), the first corner of each is singular."""
    places = np.frombuffer(directions).reshape(-1, 3)
    delaunay = import_module("scipy.spatial").Delaunay  # slow to load, and only used here
    cut = []
    for face in faces(3):
        points = _distinct(np.concatenate([_CORNERS, _on_face(places, face)]))
        large = points[delaunay(points).simplices]  # (triangles, 3, 2)
        centre = np.broadcast_to(large.mean(axis=1, keepdims=True), large.shape)
        halves = [np.stack([large, (large + large[:, turn]) / 2, centre], axis=2) for turn in ([1, 2, 0], [2, 0, 1])]
        cut.append(np.concatenate(halves).reshape(-1, 3, 2))
    return tuple(cut)


def _collapsed(pieces: FloatArray, order: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights on triangles, shape (triangles, 3, 2), by squares that are collapsed onto the first corner."""
    places, weights = unit_rule(order)
    first, second = pieces[:, 1] - pieces[:, 0], pieces[:, 2] - pieces[:, 0]
    side = first[:, None] + places[:, None] * (second - first)[:, None]  # (triangles, order, 2)
    nodes = pieces[:, 0, None, None] + places[:, None, None] * side[:, None]
    areas = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    mass = areas[:, None, None] * np.outer(places * weights, weights)
    return nodes.reshape(-1, 2), mass.ravel()
