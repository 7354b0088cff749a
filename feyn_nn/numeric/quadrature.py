"""Quadrature grids for integrals over [-Lambda, Lambda]^d of products of kernels with legs at the inputs.

Each axis is cut into panels of Gauss-Legendre nodes. Panels end at 0 and at every input coordinate, where ReLU's kernel
has its kinks in d = 1; between the inputs they are no longer than the kernel's length scale, outside they grow
geometrically up to the cutoff, so that a cutoff of 1e5 costs some thirty panels a side. In d = 2 and 3 the grid is the
product of the axes. For analytic kernels it converges exponentially; kinks that run across panels (ReLU in d = 2, 3)
leave an algebraic error, which the comparison with the refined grid shows.

The surface of the cube, on which the derivative of an integral with respect to Lambda lives, is the sum of its 2 d faces,
each with the rule of the other axes: in d = 1 the two points +-Lambda with weight 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import reduce
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from feyn_nn.errors import InputError, LimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels import Kernel

MAX_POINTS: Final = 4_000_000
MAX_DIMENSION: Final = 3
MAX_CUTOFF: Final = 1e30

_NODES: Final = {1: 24, 2: 10, 3: 7}
_PANEL_GROWTH: Final = {1: 1.5, 2: 1.7, 3: 2.5}
_SAME_EDGE: Final = 1e-9


class Region(Enum):
    """Where a point that is integrated over runs: in the cube [-Lambda, Lambda]^d, or on all of its surface."""

    CUBE = "cube"
    SURFACE = "surface"


@dataclass(frozen=True, slots=True)
class Face:
    """One face of the cube: coordinate `axis` (from 0) is `side` * Lambda, with `side` 1 or -1."""

    axis: int
    side: int


Place: TypeAlias = Region | Face


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Nodes of shape (nodes, d) and weights of shape (nodes,) for [-cutoff, cutoff]^d.

    `axes` has the nodes and weights of every axis where the grid is their product, and is empty where it is not.
    """

    nodes: FloatArray
    weights: FloatArray
    cutoff: float
    axes: tuple[tuple[FloatArray, FloatArray], ...] = ()

    @property
    def size(self) -> int:
        """Number of nodes."""
        return len(self.weights)

    @property
    def dimension(self) -> int:
        """Number of coordinates of a node."""
        return int(self.nodes.shape[1])

    def at(self, place: Place) -> Grid:
        """The grid for a point at `place`, with the same panels: itself for the cube, else that of one face or of all.

        Raises InputError for a face that the cube does not have, and in d > 1 for a grid without axes.

        >>> line = Grid(np.zeros((1, 1)), np.full(1, 4.0), 2.0)
        >>> line.at(Region.SURFACE).nodes.ravel().tolist(), line.at(Face(0, -1)).weights.tolist()
        ([2.0, -2.0], [1.0])
        """
        if place is Region.CUBE:
            return self
        if isinstance(place, Face):
            return self._face(place)
        faces = [self._face(Face(axis, side)) for axis in range(self.dimension) for side in (1, -1)]
        return Grid(
            np.concatenate([face.nodes for face in faces]),
            np.concatenate([face.weights for face in faces]),
            self.cutoff,
        )

    def _face(self, face: Face) -> Grid:
        if not (0 <= face.axis < self.dimension and face.side in (1, -1)):
            raise InputError(
                f"{face}: expected an axis from 0 to {self.dimension - 1} and a side of 1 or -1 in d_in = {self.dimension}"
            )
        fixed = (np.array([face.side * self.cutoff]), np.ones(1))
        if self.dimension > 1 and not self.axes:
            raise InputError(
                f"a grid of {self.size} nodes in d_in = {self.dimension} without axes has no surface; make it with grid_for"
            )
        return _product([*self.axes[: face.axis], fixed, *self.axes[face.axis + 1 :]], self.cutoff)


def check_cutoff(cutoff: float, inputs: FloatArray) -> None:
    """Raise InputError unless `cutoff` is positive and finite and [-cutoff, cutoff]^d contains the inputs."""
    largest = float(np.max(np.abs(inputs)))
    if not (cutoff > 0 and largest <= cutoff <= MAX_CUTOFF):
        raise InputError(
            f"cutoff {cutoff:g}: expected a positive number, at least {largest:g} and at most {MAX_CUTOFF:g}, so "
            "that [-Lambda, Lambda]^d_in contains the inputs"
        )


def grid_for(
    kernel: Kernel, inputs: FloatArray, cutoff: float, *, refined: bool = False, most: int = MAX_POINTS
) -> Grid:
    """Grid for products of `kernel` with legs at `inputs`, shape (points, d).

    `refined` halves every panel. With `most`, the nodes of a panel are reduced until the refined grid has no more points
    than that. Raises InputError for a cutoff that does not contain the inputs, LimitError for d > 3 or a grid that is too
    large even with two nodes a panel.
    """
    check_cutoff(cutoff, inputs)
    dimension = inputs.shape[1]
    if dimension > MAX_DIMENSION:
        raise LimitError(
            f"d_in = {dimension}: integrals over the cutoff's cube are supported up to d_in = {MAX_DIMENSION}"
        )
    edges = [_edges(inputs[:, axis], cutoff, kernel.length_scale, dimension) for axis in range(dimension)]
    # Nodes are chosen so that the refined grid fits too: both have the same order, and their difference is an error.
    nodes, refined_size = _NODES[dimension], float(np.prod([2 * (len(axis) - 1) for axis in edges]))
    while nodes > 2 and refined_size * nodes**dimension > most:
        nodes -= 1
    if refined:
        edges = [np.sort(np.concatenate([axis, (axis[1:] + axis[:-1]) / 2])) for axis in edges]
    size = int(np.prod([nodes * (len(axis) - 1) for axis in edges]))
    if size > most:
        raise LimitError(
            f"{size} quadrature points for {len(inputs)} inputs in d_in = {dimension} at cutoff {cutoff:g}, more than {most}; "
            "use fewer inputs or a smaller cutoff"
        )
    return _product([_composite(axis, nodes) for axis in edges], cutoff)


def with_error(
    function: Callable[[Grid], FloatArray], kernel: Kernel, inputs: FloatArray, cutoff: float, *, most: int = MAX_POINTS
) -> tuple[FloatArray, float]:
    """Values of `function` on the refined grid, shape (tuples,), and their error from the plain grid.

    The error is the largest |difference| over tuples relative to the largest |value|, so that a tuple whose integral
    vanishes does not spoil it; it is zero where everything vanishes on both grids and infinite where on the refined
    one alone. Tuples without a finite value on both grids are left out; one that has it on one grid only, or no tuple
    with a finite value at all, makes the error infinite. Raises as `grid_for` does.
    """
    rough, values = (
        function(grid_for(kernel, inputs, cutoff, refined=refined, most=most)) for refined in (False, True)
    )
    finite = np.isfinite(values)
    if not np.array_equal(finite, np.isfinite(rough)) or (finite.size and not finite.any()):
        return values, inf
    gap = float(np.max(np.abs(values[finite] - rough[finite]), initial=0.0))
    size = float(np.max(np.abs(values[finite]), initial=0.0))
    if size > 0:
        return values, gap / size
    return values, inf if gap > 0 else 0.0


def _edges(coordinates: FloatArray, cutoff: float, scale: float, dimension: int) -> FloatArray:
    """Panel edges of one axis."""
    fixed = np.unique(np.concatenate([coordinates, [0.0]]))
    keep = np.concatenate([[True], np.diff(fixed) > _SAME_EDGE * scale])
    fixed = fixed[keep]
    edges = [float(fixed[0])]
    for left, right in pairwise(fixed.tolist()):
        number = max(1, int(np.ceil((right - left) / scale)))
        if number > MAX_POINTS:
            raise LimitError(
                f"inputs {left:g} and {right:g} are {number:.3g} length scales of the kernel apart: too many panels; "
                "bring the inputs closer"
            )
        edges += np.linspace(left, right, number + 1)[1:].tolist()
    for side in (-1.0, 1.0):
        position, width = float(fixed[0] if side < 0 else fixed[-1]), scale
        while side * position < cutoff * (1 - _SAME_EDGE):
            rest = cutoff - side * position
            # A last panel that would leave a sliver takes it along.
            position = side * cutoff if rest < 1.5 * width else position + side * width
            edges.append(position)
            width *= _PANEL_GROWTH[dimension]
    inner = [edge for edge in edges if abs(edge) < cutoff * (1 - _SAME_EDGE)]
    return np.unique(np.array([-cutoff, *inner, cutoff]))


def _product(axes: Sequence[tuple[FloatArray, FloatArray]], cutoff: float) -> Grid:
    """The product of the rules of all axes."""
    mesh = np.meshgrid(*(points for points, _ in axes), indexing="ij")
    weights = reduce(np.multiply.outer, [weights for _, weights in axes])
    return Grid(np.stack([part.ravel() for part in mesh], axis=1), weights.ravel(), cutoff, tuple(axes))


def _composite(edges: FloatArray, nodes: int) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre nodes and weights on every panel of an axis."""
    unit, weight = np.polynomial.legendre.leggauss(nodes)
    half = np.diff(edges)[:, None] / 2
    middle = (edges[1:] + edges[:-1])[:, None] / 2
    return (middle + half * unit).ravel(), (half * weight).ravel()
