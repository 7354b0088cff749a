"""Kernels that factorise over coordinates: K(x, y) = c + a prod_k e(x_k, y_k), Gauss-net's.

The legs at a vertex and the bundles of lines are expanded,

    prod_(i in t) K(x_i, y) = sum over S in t  c^(|t|-|S|) a^|S| prod_k prod_(i in S) e(x_ik, y_k),
    K(y, z)^m = sum over j  binom(m, j) c^(m-j) a^j prod_k e(y_k, z_k)^j,

so that every term is a product over coordinates of one-dimensional networks, each on the nodes of its axis alone: what a
grid of the product of all axes would give, in any number of dimensions, without the grid.
"""

from __future__ import annotations

from functools import reduce
from itertools import product
from math import comb, prod
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.numeric.grids import Face, Region, faces, fixed_axis
from feyn_nn.numeric.networks import check_numbers, contract
from feyn_nn.numeric.tuples import leg_products, subtuple_counts, tuple_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray
    from feyn_nn.numeric.forms import GaussianForm
    from feyn_nn.numeric.grids import Axis, FactorisedGrid
    from feyn_nn.numeric.shapes import Line, Shape


class SeparableIntegrals:
    """Blocks of shapes (see `contraction`) for one kernel and the axes of one grid."""

    def __init__(self, inputs: FloatArray, grid: FactorisedGrid, form: GaussianForm) -> None:
        self._inputs = inputs
        self._form = form
        self._grid = grid
        self._lines: dict[tuple[int, int | None, int | None, int], FloatArray] = {}
        self._legs: dict[tuple[int, int | None, int], FloatArray] = {}

    def block(self, shape: Shape) -> FloatArray:
        """The integral over sorted tuples of inputs at each vertex, without functions of points.

        Raises LimitError if it would take too much memory.
        """
        points = len(self._inputs)
        longest = max(len(axis.nodes) for axis in self._grid.axes)
        numbers = [sum(tuple_count(points, k) for k in range(vertex.legs + 1)) for vertex in shape.vertices]
        held = max(
            max(numbers) * longest * len(self._grid.axes),
            prod(numbers) * 3,
            *(
                tuple_count(points, vertex.legs) * number
                for vertex, number in zip(shape.vertices, numbers, strict=True)
            ),
        )
        check_numbers(held, "the terms that the kernel's constant gives rise to")
        places = [
            [vertex.place] if isinstance(vertex.place, Face) else self._parts(vertex.place) for vertex in shape.vertices
        ]
        diagonal = self._form.constant + self._form.amplitude
        loops: float = prod(diagonal**vertex.loops for vertex in shape.vertices)
        total = sum(self._placed(shape, chosen) for chosen in product(*places))
        result: FloatArray = loops * np.asarray(total)
        for axis, vertex in enumerate(shape.vertices):
            expansion = self._expansion(vertex.legs)
            result = np.moveaxis(np.tensordot(expansion, result, axes=(1, axis)), 0, axis)
        return result

    def _parts(self, place: Region) -> list[Face | None]:
        return [None] if place is Region.CUBE else list(faces(len(self._grid.axes)))

    def _expansion(self, legs: int) -> FloatArray:
        """From sub-tuples, shortest first, to sorted tuples of `legs` inputs: shape (tuples, sub-tuples)."""
        c, a = self._form.constant, self._form.amplitude
        counts = subtuple_counts(len(self._inputs), legs)
        return np.concatenate([c ** (legs - k) * a**k * count for k, count in enumerate(counts)], axis=1)

    def _placed(self, shape: Shape, places: Sequence[Face | None]) -> FloatArray:
        """The sum over the powers of the Gaussian in every bundle of lines, over sub-tuples."""
        c, a = self._form.constant, self._form.amplitude
        total = np.zeros(
            [sum(tuple_count(len(self._inputs), k) for k in range(vertex.legs + 1)) for vertex in shape.vertices]
        )
        for powers in product(*(range(number + 1) for _, _, number in shape.lines)):
            factor: float = prod(
                comb(number, j) * c ** (number - j) * a**j
                for (_, _, number), j in zip(shape.lines, powers, strict=True)
            )
            if factor:
                chosen = [(u, v, j) for (u, v, _), j in zip(shape.lines, powers, strict=True) if j]
                total += factor * reduce(
                    np.multiply,
                    [self._on_axis(axis, shape, places, chosen) for axis in range(len(self._grid.axes))],
                )
        return total

    def _on_axis(self, axis: int, shape: Shape, places: Sequence[Face | None], lines: list[Line]) -> FloatArray:
        """The one-dimensional network of one coordinate."""
        sides = [place.side if place is not None and place.axis == axis else None for place in places]
        factors = [self._products(axis, side, vertex.legs) for vertex, side in zip(shape.vertices, sides, strict=True)]
        between = {(u, v): self._line(axis, sides[u], sides[v], j) for u, v, j in lines}
        return contract(factors, between, sum(line.size for line in between.values()))

    def _axis(self, axis: int, side: int | None) -> Axis:
        if side is None:
            return self._grid.axes[axis]
        return fixed_axis(side * self._grid.cutoff)

    def _products(self, axis: int, side: int | None, legs: int) -> FloatArray:
        """Products of Gaussians over all tuples of up to `legs` inputs times weights, shape (sub-tuples, nodes)."""
        key = (axis, side, legs)
        if key not in self._legs:
            rule = self._axis(axis, side)
            gaussians = self._gaussian(self._inputs[:, axis], rule.nodes)
            parts = [leg_products(gaussians, size) for size in range(legs + 1)]
            self._legs[key] = np.concatenate(parts) * rule.weights
        return self._legs[key]

    def _line(self, axis: int, near: int | None, far: int | None, power: int) -> FloatArray:
        key = (axis, near, far, power)
        if key not in self._lines:
            first, second = self._axis(axis, near).nodes, self._axis(axis, far).nodes
            check_numbers(len(first) * len(second), "a line between two vertices along an axis")
            self._lines[key] = self._gaussian(first, second) ** power
        return self._lines[key]

    def _gaussian(self, x: FloatArray, y: FloatArray) -> FloatArray:
        result: FloatArray = np.exp(-np.square(x[:, None] - y) / (2 * self._form.scale**2))
        return result
