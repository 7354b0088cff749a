"""Grids: nodes and weights for a point that runs over the cube [-Lambda, Lambda]^d, over one of its faces or its surface.

Nodes of a product of axes are made only where somebody asks for them. Other kinds have a structure that a contraction
uses: axes for integrands that factorise (see `separable`), cones over the surface (see `cone`), and random grids, which
have another, independent copy for every vertex (see `sobol`). The surface of the cube, on which the derivative of an
integral with respect to Lambda lives, is the sum of its 2 d faces, each with the rule of the other axes: in d = 1 the
two points +-Lambda with weight 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property, reduce
from math import prod
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, final

import numpy as np

from feyn_nn.errors import InputError, LimitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray
    from feyn_nn.numeric.segments import Segments

MAX_POINTS: Final = 4_000_000


class Region(Enum):
    """Where a point that is integrated over runs: in the cube [-Lambda, Lambda]^d, or on all of its surface."""

    CUBE = "cube"
    SURFACE = "surface"


@dataclass(frozen=True, slots=True)
class Face:
    """One face of the cube: coordinate `axis` (from 0) is `side` * Lambda, with `side` 1 or -1."""

    axis: int
    side: int

    def check(self, dimension: int) -> None:
        """Raise InputError for a face that a cube in so many dimensions does not have."""
        if not (0 <= self.axis < dimension and self.side in (1, -1)):
            raise InputError(
                f"{self}: expected an axis from 0 to {dimension - 1} and a side of 1 or -1 in d_in = {dimension}"
            )


Place: TypeAlias = Region | Face


def faces(dimension: int) -> list[Face]:
    """All faces of the cube."""
    return [Face(axis, side) for axis in range(dimension) for side in (1, -1)]


class Grid(Protocol):
    """A quadrature rule for the cube."""

    @property
    def cutoff(self) -> float:
        """Lambda, half of the cube's edge."""

    @property
    def dimension(self) -> int:
        """Number of coordinates of a node."""

    @property
    def size(self) -> int:
        """Number of nodes."""

    @property
    def nodes(self) -> FloatArray:
        """The nodes, shape (nodes, d)."""

    @property
    def weights(self) -> FloatArray:
        """The weights, shape (nodes,)."""

    def at(self, place: Place) -> PointGrid:
        """The rule for a point at `place`; raises InputError for a place that the grid does not have."""

    def copy(self, vertex: int) -> Grid:
        """The grid for the vertex with that number: an independent one where the grid is random, else itself."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class PointGrid:
    """Nodes of shape (nodes, d) and weights of shape (nodes,), with the segments that they lie on, if they do.

    >>> line = PointGrid(np.zeros((1, 1)), np.full(1, 4.0), 2.0)
    >>> line.at(Region.SURFACE).nodes.ravel().tolist(), line.at(Face(0, -1)).weights.tolist()
    ([2.0, -2.0], [1.0])
    """

    nodes: FloatArray
    weights: FloatArray
    cutoff: float
    segments: Segments | None = None

    @property
    def size(self) -> int:
        """Number of nodes."""
        return len(self.weights)

    @property
    def dimension(self) -> int:
        """Number of coordinates of a node."""
        return int(self.nodes.shape[1])

    def at(self, place: Place) -> PointGrid:
        """Itself for the cube, in d = 1 the ends of the line; raises InputError for other places."""
        if place is Region.CUBE:
            return self
        chosen = [place] if isinstance(place, Face) else faces(self.dimension)
        for face in chosen:
            face.check(self.dimension)
        if self.dimension > 1:
            raise InputError(
                f"a grid of {self.size} nodes in d_in = {self.dimension} without axes has no surface; make it with grid_for"
            )
        ends = np.array([[face.side * self.cutoff] for face in chosen])
        return PointGrid(ends, np.ones(len(ends)), self.cutoff)

    def copy(self, vertex: int) -> PointGrid:  # noqa: ARG002
        """Itself."""
        return self


@final
@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """Nodes and weights of one coordinate, each of shape (nodes,), with the panels that they lie on, if they do."""

    nodes: FloatArray
    weights: FloatArray
    segments: Segments | None = None


def fixed_axis(coordinate: float) -> Axis:
    """The axis of a point that does not move along it."""
    return Axis(np.array([coordinate]), np.ones(1))


@final
@dataclass(frozen=True, eq=False)
class ProductGrid:
    """The product of the rules of all axes."""

    axes: tuple[Axis, ...]
    cutoff: float

    @property
    def size(self) -> int:
        """Number of nodes."""
        return prod(len(axis.weights) for axis in self.axes)

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.axes)

    @property
    def nodes(self) -> FloatArray:
        """The nodes, shape (nodes, d); raises LimitError if there are too many."""
        return self._points.nodes

    @property
    def weights(self) -> FloatArray:
        """The weights, shape (nodes,); raises LimitError if there are too many."""
        return self._points.weights

    @cached_property
    def _points(self) -> PointGrid:
        return _product(self.axes, self.cutoff)

    def at(self, place: Place) -> PointGrid:
        """The rule of the cube, of one face, or of all faces one after the other."""
        if place is Region.CUBE:
            return self._points
        if isinstance(place, Face):
            return self._face(place)
        parts = [self._face(face) for face in faces(self.dimension)]
        return PointGrid(
            np.concatenate([part.nodes for part in parts]),
            np.concatenate([part.weights for part in parts]),
            self.cutoff,
        )

    def _face(self, place: Face) -> PointGrid:
        place.check(self.dimension)
        fixed = fixed_axis(place.side * self.cutoff)
        return _product([*self.axes[: place.axis], fixed, *self.axes[place.axis + 1 :]], self.cutoff)

    def copy(self, vertex: int) -> ProductGrid:  # noqa: ARG002
        """Itself."""
        return self


@final
@dataclass(frozen=True, slots=True, eq=False)
class FactorisedGrid:
    """For integrands that are sums of products over coordinates: `axes`, never multiplied; `joint` for all others."""

    axes: tuple[Axis, ...]
    joint: Grid

    @property
    def cutoff(self) -> float:
        """Lambda."""
        return self.joint.cutoff

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.axes)

    @property
    def size(self) -> int:
        """Number of nodes of the joint grid."""
        return self.joint.size

    @property
    def nodes(self) -> FloatArray:
        """Nodes of the joint grid."""
        return self.joint.nodes

    @property
    def weights(self) -> FloatArray:
        """Weights of the joint grid."""
        return self.joint.weights

    def at(self, place: Place) -> PointGrid:
        """The joint grid's rule at `place`."""
        return self.joint.at(place)

    def copy(self, vertex: int) -> Grid:
        """The joint grid's copy, which alone can be random."""
        return self.joint.copy(vertex)


def _product(axes: Sequence[Axis], cutoff: float) -> PointGrid:
    size = prod(len(axis.weights) for axis in axes)
    if size > MAX_POINTS:
        raise LimitError(
            f"{size} quadrature points in d_in = {len(axes)} at cutoff {cutoff:g}, more than {MAX_POINTS}; use fewer "
            "inputs or a smaller cutoff"
        )
    mesh = np.meshgrid(*(axis.nodes for axis in axes), indexing="ij")
    weights = reduce(np.multiply.outer, [axis.weights for axis in axes])
    segments = axes[0].segments if len(axes) == 1 else None
    return PointGrid(np.stack([part.ravel() for part in mesh], axis=1), weights.ravel(), cutoff, segments)
