"""Moments of a neuron with any activation, by quadrature over its weights and bias, with an error from refinement.

Pre-activations are z_i = u_i.g - c_i with g a standard Gaussian vector in the space of dimension r that the vectors u_i span,
in the first layer r <= d_in + 1 (c_i: what the architecture subtracts). Two rules, the better one is kept:

- lattice: equidistant points in a ball, displaced from the origin. For a Gaussian times an analytic function the error falls
  like exp(-const/spacing^2); every refinement also widens the ball, for activations that grow.
- cells: for activations with a kink or a step at z = 0. The sphere is divided where a pre-activation changes sign
  (`feyn_nn.exact.sphere`), and the length of g has panels of Gauss-Legendre nodes: in each cell the integrand is smooth.

Errors are relative to the Hoelder bound prod_i (E|phi_i|^n)^{1/n} of a moment, for a moment itself may vanish.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product
from math import gamma, inf, pi
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from feyn_nn.arrays import sorted_rank
from feyn_nn.errors import LimitError
from feyn_nn.exact.sphere import cones, spanned, sphere_rules
from feyn_nn.exact.tuples import OrderMoments, TupleSums, error_of_finest, tuple_array, work
from feyn_nn.kernels.geometry import squared_norms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels.neuron import Neuron

Approximation: TypeAlias = "dict[int, tuple[FloatArray, FloatArray]]"
"""By order, the moments and their Hoelder bounds."""

MAX_DIMENSION: Final = 4
WORST: Final = 1e-3
"""Moments with a larger relative error are refused."""
_GOAL: Final = 1e-12
_MOST_WORK: Final = 3e10
_ACTIVATION_WORK: Final = 250
"""Multiplications in matrix products that take as long as one value of an activation."""
_SPACINGS: Final = tuple(0.9 / 2 ** (k / 2) for k in range(14))
_RADII: Final = tuple(5.5 + 0.75 * k for k in range(14))
_SLOW: Final = 0.2
_CONVERGING: Final = 1e-2
_PATIENCE: Final = 2
"""Refinements that may gain less than a factor 5 each, before the other rule is tried."""
_GOOD: Final = 1e-9
"""If neither rule is better, the lattice is refined as far as can be afforded."""
_GAIN: Final = {"lattice": 1e-3, "cells": 0.02}
"""What is claimed at most for one more refinement: the lattice converges faster than geometrically."""
_DISPLACEMENT: Final = (0.381966, 0.267949, 0.414214, 0.302776)
"""Irrational parts of a spacing, so that no point meets a kink at z = 0."""
_CELL_NODES: Final = (4, 6, 8, 11, 15, 20)
_PANEL: Final = 2.0


def quadrature_moments(neuron: Neuron, vectors: FloatArray, orders: Sequence[int]) -> dict[int, OrderMoments]:
    """M_n over the sorted n-tuples of pre-activations with the vectors u, shape (points, m), for every n of `orders`.

    Raises LimitError where the vectors span more than four dimensions and n > 4, or where no refinement that can be afforded
    reaches three digits; InputError where the activation returns what is not a finite number.
    """
    vectors = spanned(vectors)
    if vectors.shape[1] > MAX_DIMENSION:
        return {n: _by_subsets(neuron, vectors, n) for n in orders}
    return _NeuronAt(neuron, vectors).moments(orders)


def _by_subsets(neuron: Neuron, vectors: FloatArray, n: int) -> OrderMoments:
    """Moments of n factors from each set of n inputs on its own, which spans at most n dimensions."""
    points, dimension = vectors.shape
    if n > MAX_DIMENSION:
        raise LimitError(
            f"moments of order {n} of activation {neuron.activation.name!r}: the inputs span {dimension} dimensions, and "
            f"a grid with 40 points an axis would have {40.0**dimension:.0e}; expected at most {MAX_DIMENSION}"
        )
    size = len(tuple_array(points, n))
    values, error, methods = np.zeros(size), np.zeros(size), set()
    for subset in combinations(range(points), n):
        found = quadrature_moments(neuron, vectors[list(subset)], (n,))[n]
        places = sorted_rank(points, np.array(subset, dtype=np.intp)[tuple_array(n, n)])
        values[places], error[places] = found.values, found.error
        methods.add(found.method)
    return OrderMoments(values, error, " or ".join(sorted(methods)))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The largest error relative to the Hoelder bounds, and the moments: infinite and none if there is no estimate.

    `given_up`: because of slow convergence.
    """

    worst: float
    moments: dict[int, OrderMoments]
    given_up: bool


class _NeuronAt:
    """phi(u_i.g - c_i) as a function of g."""

    def __init__(self, neuron: Neuron, vectors: FloatArray) -> None:
        self._neuron = neuron
        self._vectors = vectors
        self._means = neuron.mean(squared_norms(vectors))

    def moments(self, orders: Sequence[int]) -> dict[int, OrderMoments]:
        """By the lattice, and if that leaves digits to be gained, by cells."""
        points, dimension = self._vectors.shape
        most_nodes = _MOST_WORK / (work(points, orders) + _ACTIVATION_WORK * points)
        ball = pi ** (dimension / 2) / gamma(dimension / 2 + 1)

        def lattice(patience: float) -> _Attempt:
            rules = (
                (self._lattice(spacing, radius), ball * (radius / spacing) ** dimension)
                for spacing, radius in zip(_SPACINGS, _RADII, strict=True)
            )
            return self._refined(rules, orders, most_nodes, "lattice", patience)

        candidates = [lattice(_PATIENCE)]
        if candidates[0].worst > _GOAL and dimension and not np.any(self._means):
            rays = cones(self._vectors)
            cells = (
                (self._cells(rays, nodes), len(rays) * nodes ** (dimension - 1) * _length_rule(nodes)[0].size)
                for nodes in _CELL_NODES
            )
            candidates.append(self._refined(cells, orders, most_nodes, "cells", _PATIENCE))
        if candidates[0].given_up and min(each.worst for each in candidates) > _GOOD:
            candidates.append(lattice(inf))
        best = min(candidates, key=lambda each: each.worst)
        if best.worst > WORST:
            reached = "allow no estimate" if best.worst == inf else f"leave a relative error of {best.worst:.1e}"
            raise LimitError(
                f"moments of order {max(orders)} of activation {self._neuron.activation.name!r} at {points} inputs that span "
                f"{dimension} dimensions: {most_nodes:.0e} nodes {reached}, expected {WORST:g}; ask for less"
            )
        return best.moments

    def _refined(
        self,
        rules: Iterator[tuple[Iterator[tuple[FloatArray, FloatArray]], float]],
        orders: Sequence[int],
        most_nodes: float,
        kind: str,
        patience: float,
    ) -> _Attempt:
        """Refine until the goal, slow convergence or too many nodes."""
        found: list[Approximation] = []
        errors: dict[int, float] = {}
        worst, slow = inf, 0
        for rule, nodes in rules:
            if nodes > most_nodes or worst <= _GOAL or slow >= patience:
                break
            found.append(self._approximation(rule, orders))
            if len(found) < 3:
                continue
            errors = {n: _error(found, n, _GAIN[kind]) for n in orders}
            now = max(errors.values())
            slow = slow + 1 if _SLOW * worst < now < _CONVERGING else 0
            worst = now
        method = f"{kind} in {self._vectors.shape[1]} dimensions, refined {len(found) - 1} times"
        moments = {n: OrderMoments(found[-1][n][0], error * found[-1][n][1], method) for n, error in errors.items()}
        return _Attempt(worst, moments, slow >= patience)

    def _approximation(self, rule: Iterator[tuple[FloatArray, FloatArray]], orders: Sequence[int]) -> Approximation:
        points = len(self._vectors)
        sums = TupleSums(points, orders)
        absolute = {n: np.zeros(points) for n in orders}
        for nodes, weights in rule:
            for start in range(0, len(weights), sums.block):
                part = slice(start, start + sums.block)
                values = self._values(nodes[part])
                sums.add(values, weights[part])
                for n, total in absolute.items():
                    total += np.abs(values) ** n @ weights[part]
        return {n: (sums.moments(n), np.prod(absolute[n][tuple_array(points, n)] ** (1 / n), axis=1)) for n in orders}

    def _values(self, nodes: FloatArray) -> FloatArray:
        """Phi at nodes of shape (nodes, r): shape (points, nodes)."""
        return self._neuron.values(self._vectors @ nodes.T + self._means[:, None])

    def _lattice(self, spacing: float, radius: float) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yield points of the ball and weights, plane by plane."""
        dimension = self._vectors.shape[1]
        if dimension == 0:
            yield np.zeros((1, 0)), np.ones(1)
            return
        count = int(radius / spacing) + 1
        steps = np.arange(-count, count + 1)
        axes = [spacing * (steps + _DISPLACEMENT[axis]) for axis in range(dimension)]
        inner = np.stack(np.meshgrid(*axes[-2:], indexing="ij"), axis=-1).reshape(-1, min(2, dimension))
        squares = np.sum(inner**2, axis=1)
        for outer in product(*axes[:-2]):
            fixed = sum(value**2 for value in outer)
            kept = squares + fixed <= radius**2
            nodes = np.hstack([np.broadcast_to(np.array(outer), (int(kept.sum()), len(outer))), inner[kept]])
            density = np.exp(-(squares[kept] + fixed) / 2) * (spacing / np.sqrt(2 * pi)) ** dimension
            yield nodes, density

    def _cells(self, rays: FloatArray, nodes: int) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yield points and weights of the product of a rule for the direction and one for the length of g."""
        dimension = rays.shape[1]
        lengths, masses = _length_rule(nodes)
        masses = masses * lengths ** (dimension - 1) * np.exp(-(lengths**2) / 2)
        masses *= 2 ** (1 - dimension / 2) / gamma(dimension / 2)
        for directions, weights in sphere_rules(rays, nodes, 1 << 12):
            points = lengths[:, None, None] * directions
            yield points.reshape(-1, dimension), np.outer(masses, weights).ravel()


def _length_rule(nodes: int) -> tuple[FloatArray, FloatArray]:
    """Panels of Gauss-Legendre nodes on an interval that grows with their number."""
    panels = 4 + nodes // 3
    x, weights = np.polynomial.legendre.leggauss(nodes)
    left = _PANEL * np.arange(panels)[:, None]
    return (left + _PANEL * (1 + x) / 2).ravel(), np.tile(weights * _PANEL / 2, panels)


def _error(found: Sequence[Approximation], n: int, largest_gain: float) -> float:
    """That of the last approximation, relative to the Hoelder bounds."""
    coarse, middle, fine = (each[n][0] for each in found[-3:])
    return error_of_finest(coarse, middle, fine, found[-1][n][1], largest_gain)
