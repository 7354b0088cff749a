"""Diagrams and other integrals contracted over a quadrature grid, for all tuples of inputs at once.

A connected component with vertices v carrying s_v legs, l_v self-loops and perhaps functions g_v of its point (coupling
functions) becomes one array over sorted s_v-tuples,

    B[t_1, t_2, ...] = sum over nodes  prod_v w(y_v) g_v(y_v) K(y_v, y_v)^(l_v) prod_(i in t_v) K(x_i, y_v)
                                       prod_lines K(y_u, y_v),

made once for each shape of component and then read off for every tuple and every leg labelling. One vertex is a matrix
product of two halves of its legs, two vertices a product of matrices in blocks of rows, more are a tensor network. A
vertex runs over the cube or over its surface. Lines at vertices are `propagator` (K or K_W), lines between two legs `free`,
always the full K: with K_W the output bias is an independent Gaussian constant on top of the interacting field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations_with_replacement
from math import comb, prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from feyn_nn.arrays import FloatArray, sorted_rank
from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs import diagrams_of, representative, species_tensor
from feyn_nn.numeric.quadrature import Place, Region
from feyn_nn.numeric.shapes import diagram_components

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import IntArray
    from feyn_nn.correlator import Correlator
    from feyn_nn.graphs import Diagram
    from feyn_nn.kernels import Kernel
    from feyn_nn.numeric.quadrature import Grid
    from feyn_nn.numeric.shapes import Component, Line, Shape, Vertex

MAX_NUMBERS: Final = 125_000_000
"""Floats that the arrays of one step may hold together: 1 GB."""
MAX_PAIRS: Final = 4_000_000_000
"""Pairs of nodes at which a line between two vertices may be evaluated: some minutes."""
_BLOCK_NUMBERS: Final = 8_000_000

PointFunction: TypeAlias = Callable[[FloatArray], FloatArray]
"""A function of points, such as a coupling lambda(y): from shape (q, d) to shape (q,)."""


class Contraction:
    """Evaluates integrals with legs at `inputs`, shape (points, d), on one grid; remembers what it has made.

    `functions` has the functions of a point that may stand under an integral, by name.
    """

    def __init__(
        self,
        inputs: FloatArray,
        grid: Grid,
        propagator: Kernel,
        free: Kernel,
        functions: Mapping[str, PointFunction] = MappingProxyType({}),
    ) -> None:
        self.inputs = inputs
        self.points = len(inputs)
        self.grid = grid
        self.propagator = propagator
        self.free = free(inputs, inputs)  # (points, points)
        self.functions = functions
        self._grids: dict[Place, Grid] = {Region.CUBE: grid}
        self._legs: dict[Place, FloatArray] = {}
        self._loops: dict[Place, FloatArray] = {}
        self._values: dict[tuple[str, Place], FloatArray] = {}
        self._blocks: dict[Shape, FloatArray] = {}

    def coefficients(
        self, correlator: Correlator, tuples: Sequence[tuple[int, ...]], d_out: int = 1
    ) -> dict[tuple[int, ...], FloatArray]:
        """Coefficient of prod_k g_k^(p_k) in G^(n) at each multi-order of `correlator`, shape (tuples,).

        Signs and factors included: G^(n) = sum over orders of prod g^p * coefficient. With `d_out` outputs all legs are of
        the same one, so that every delta of the species tensor is 1. Raises as `integrals` does.
        """
        return _summed(correlator, len(tuples), d_out, lambda diagram: self.integrals(diagram, tuples))

    def cutoff_derivative(
        self, correlator: Correlator, tuples: Sequence[tuple[int, ...]], d_out: int = 1
    ) -> dict[tuple[int, ...], FloatArray]:
        """Derivative of `coefficients` with respect to log Lambda: Lambda times integrals over the cube's surface.

        Exact on the grid's panels, no difference of cutoffs. Raises as `integrals` does, and InputError in d > 1 for a
        grid that is not a product of axes.
        """
        return _summed(correlator, len(tuples), d_out, lambda diagram: self.integral_derivatives(diagram, tuples))

    def integrals(self, diagram: Diagram, tuples: Sequence[tuple[int, ...]]) -> FloatArray:
        """Integral of prod K of one labelled diagram for each tuple of input indices, in any order, shape (tuples,).

        Raises InputError for a tuple that does not fit the diagram or the inputs, LimitError for a grid that is too
        large for the diagram.
        """
        table = self.table(tuples, diagram.legs)
        value = self._lines_between_legs(diagram, table)
        for component in diagram_components(diagram):
            value *= self.component(component, table)
        return value

    def integral_derivatives(self, diagram: Diagram, tuples: Sequence[tuple[int, ...]]) -> FloatArray:
        """Derivative of `integrals` with respect to log Lambda, shape (tuples,); raises as `cutoff_derivative` does."""
        table = self.table(tuples, diagram.legs)
        value = self._lines_between_legs(diagram, table)
        slope = np.zeros(len(table))
        for component in diagram_components(diagram):  # the product rule
            factor = self.component(component, table)
            surface = sum(self.component(moved, table) for moved in component.on_surface())
            slope = slope * factor + value * surface * self.grid.cutoff
            value *= factor
        return slope

    def component(self, component: Component, table: IntArray) -> FloatArray:
        """One connected integral for each row of a table of input indices (see `table`), shape (tuples,).

        Raises InputError for a function that has not been given or does not return finite numbers, or a place that the grid
        does not have; LimitError as `integrals` does.
        """
        block = self._block(component.shape)
        result: FloatArray = block[tuple(self._positions(table[:, list(legs)]) for legs in component.attached)]
        return result

    def table(self, tuples: Sequence[tuple[int, ...]], legs: int) -> IntArray:
        """The tuples of input indices as an array of shape (tuples, legs); raises InputError for one that does not fit."""
        for row in tuples:
            if len(row) != legs or any(not 0 <= index < self.points for index in row):
                raise InputError(
                    f"tuple {tuple(row)}: expected {legs} indices of inputs, one for each leg, from 0 to {self.points - 1}"
                )
        return np.array(tuples, dtype=np.intp).reshape(len(tuples), legs)

    def function_values(self, name: str, points: FloatArray) -> FloatArray:
        """Values of a given function at points of shape (q, d): shape (q,).

        Raises InputError if it has not been given, or returns something else than one finite number for each point.
        """
        if name not in self.functions:
            known = ", ".join(sorted(self.functions)) or "none"
            raise InputError(
                f"function {name}(y) of a point: no values for it, given are: {known}; add it to functions"
            )
        try:
            values = np.asarray(self.functions[name](points), dtype=np.float64)
        except (TypeError, ValueError) as problem:
            raise InputError(
                f"the given function {name}(y) did not return real numbers for points of shape {points.shape} ({problem}): "
                "correct the function"
            ) from None
        if values.shape != (len(points),) or not np.all(np.isfinite(values)):
            raise InputError(
                f"the given function {name}(y) returned shape {values.shape} for points of shape {points.shape}: expected "
                f"{len(points)} finite numbers; correct the function"
            )
        return values

    def _lines_between_legs(self, diagram: Diagram, table: IntArray) -> FloatArray:
        value = np.ones(len(table))
        for a, b in diagram.edges:
            if b < diagram.legs:
                value *= self.free[table[:, a], table[:, b]]
        return value

    def _grid(self, place: Place) -> Grid:
        if place not in self._grids:
            self._grids[place] = self.grid.at(place)
        return self._grids[place]

    def _columns(self, place: Place) -> FloatArray:
        """K(x_i, y) at the nodes of a place, shape (points, nodes)."""
        if place not in self._legs:
            nodes = self._grid(place).nodes
            columns = np.empty((self.points, len(nodes)))
            for part in _parts(
                len(nodes), self.points
            ):  # a kernel makes several temporary arrays of the size it returns
                columns[:, part] = self.propagator(self.inputs, nodes[part])
            self._legs[place] = columns
        return self._legs[place]

    def _weights(self, vertex: Vertex) -> FloatArray:
        """Quadrature weights times functions and self-loops, shape (nodes,).

        K(y, y) is asked of the kernel only when there is a self-loop.
        """
        grid = self._grid(vertex.place)
        weights = grid.weights
        for name in vertex.functions:
            if (name, vertex.place) not in self._values:
                self._values[name, vertex.place] = self.function_values(name, grid.nodes)
            weights = weights * self._values[name, vertex.place]
        if vertex.loops:
            if vertex.place not in self._loops:
                self._loops[vertex.place] = self.propagator.diagonal(grid.nodes)
            weights = weights * self._loops[vertex.place] ** vertex.loops
        return weights

    def _positions(self, columns: IntArray) -> IntArray:
        """Number of each row, a tuple of s indices in any order, among all sorted s-tuples."""
        return sorted_rank(self.points, np.sort(columns, axis=1))  # the legs at one vertex are interchangeable

    def _products(self, size: int, place: Place, part: slice = slice(None)) -> FloatArray:
        """Products of legs over sorted tuples of `size` inputs at some of the nodes: shape (tuples, nodes)."""
        legs = self._columns(place)[:, part]
        number = comb(self.points + size - 1, size)
        self._check(number * legs.shape[1], f"products of {size} legs")
        chosen = list(combinations_with_replacement(range(self.points), size))
        result = np.ones((number, legs.shape[1]))
        for place_in_tuple in range(size):
            result *= legs[[row[place_in_tuple] for row in chosen]]
        return result

    def _block(self, shape: Shape) -> FloatArray:
        if shape not in self._blocks:
            if len(shape.vertices) == 1:
                self._blocks[shape] = self._one_vertex(shape.vertices[0])
            elif len(shape.vertices) == 2:
                self._blocks[shape] = self._two_vertices(*shape.vertices, shape.lines[0][2])
            else:
                self._blocks[shape] = self._network(shape.vertices, shape.lines)
        return self._blocks[shape]

    def _one_vertex(self, vertex: Vertex) -> FloatArray:
        legs, place = vertex.legs, vertex.place
        half = legs // 2
        weights = self._weights(vertex)
        numbers = [comb(self.points + size - 1, size) for size in (half, legs - half)]
        matrix = np.zeros(numbers)
        for part in _parts(len(weights), max(numbers)):
            left, right = self._products(half, place, part), self._products(legs - half, place, part)
            matrix += (left * weights[part]) @ right.T
        chosen = np.array(list(combinations_with_replacement(range(self.points), legs)), dtype=np.intp)
        chosen = chosen.reshape(len(chosen), legs)
        result: FloatArray = matrix[self._positions(chosen[:, :half]), self._positions(chosen[:, half:])]
        return result

    def _two_vertices(self, first: Vertex, second: Vertex, lines: int) -> FloatArray:
        near, far = self._grid(first.place), self._grid(second.place)
        if near.size * far.size > MAX_PAIRS:
            raise LimitError(
                f"a line between two vertices on {near.size} nodes would take {near.size * far.size:.3g} evaluations of "
                f"the kernel, more than {MAX_PAIRS:.3g}; use a coarser grid or a lower order"
            )
        left = self._products(first.legs, first.place) * self._weights(first)
        right = self._products(second.legs, second.place) * self._weights(second)
        total = np.zeros((len(left), len(right)))
        for part in _parts(near.size, far.size):
            line = self.propagator(near.nodes[part], far.nodes) ** lines
            total += left[:, part] @ (line @ right.T)
        return total

    def _network(self, vertices: tuple[Vertex, ...], lines: tuple[Line, ...]) -> FloatArray:
        """Three vertices or more: node labels 0..V-1, tuple labels V..2V-1 in numpy's einsum."""
        grids = [self._grid(vertex.place) for vertex in vertices]
        sizes = {v: grid.size for v, grid in enumerate(grids)}
        sizes |= {
            len(vertices) + v: comb(self.points + vertex.legs - 1, vertex.legs) for v, vertex in enumerate(vertices)
        }
        between = {(vertices[u].place, vertices[v].place): (grids[u], grids[v]) for u, v, _ in lines}
        powers = {(vertices[u].place, vertices[v].place, number) for u, v, number in lines}
        kept = powers | {(near, far, 1) for near, far in between}
        held = sum(self._grid(near).size * self._grid(far).size for near, far, _ in kept)
        self._check(held, f"a line between two of {len(vertices)} vertices")
        bundles = {(*pair, 1): self.propagator(near.nodes, far.nodes) for pair, (near, far) in between.items()}
        bundles |= {(near, far, m): bundles[near, far, 1] ** m for near, far, m in powers if m > 1}
        operands: list[Any] = []  # arrays and their labels in turn; NumPy's types do not know this form
        for v, vertex in enumerate(vertices):
            operands += [self._products(vertex.legs, vertex.place) * self._weights(vertex), [len(vertices) + v, v]]
        for u, v, number in lines:
            operands += [bundles[vertices[u].place, vertices[v].place, number], [u, v]]
        output = [len(vertices) + v for v in range(len(vertices))]
        path, _ = np.einsum_path(*operands, output, optimize="greedy")
        subsets = [operands[k] for k in range(1, len(operands), 2)]
        largest = _largest_intermediate(path[1:], subsets, output, sizes)
        self._check(held + largest, "the lines and the largest intermediate array")
        result: FloatArray = np.einsum(*operands, output, optimize=path)
        return result

    def _check(self, numbers: int, what: str) -> None:
        if numbers > MAX_NUMBERS:
            raise LimitError(
                f"{what} on {self.grid.size} nodes would hold {numbers:.3g} numbers, more than {MAX_NUMBERS:.3g} (1 GB); "
                "use a coarser grid, fewer inputs or a lower order"
            )


def _parts(nodes: int, rows: int) -> list[slice]:
    """Cut the nodes so that an array of `rows` numbers at each stays small."""
    step = max(1, _BLOCK_NUMBERS // max(1, rows))
    return [slice(start, start + step) for start in range(0, nodes, step)]


def _summed(
    correlator: Correlator, tuples: int, d_out: int, values: Callable[[Diagram], FloatArray]
) -> dict[tuple[int, ...], FloatArray]:
    """Sum over all labelled diagrams of sign, C(D) and `values`, at each multi-order."""
    result = {check.order: np.zeros(tuples) for check in correlator.checks}
    for term in correlator.terms:
        factor = term.sign * float(term.coefficient)
        if d_out > 1:
            tensor = species_tensor(representative(term.topology))
            factor *= float(sum(c * d_out**power for p in tensor.values() for power, c in enumerate(p)))
        for diagram in diagrams_of(term.topology):
            result[term.order] += factor * values(diagram)
    return result


def _largest_intermediate(
    path: Sequence[tuple[int, ...]], subsets: Sequence[list[int]], output: list[int], sizes: dict[int, int]
) -> int:
    """Size of the largest array that a contraction path makes."""
    remaining = [set(subset) for subset in subsets]
    largest = 0
    for step in path:
        chosen = [remaining[k] for k in step]
        remaining = [labels for k, labels in enumerate(remaining) if k not in step]
        kept = set(output).union(*remaining) if remaining else set(output)
        result = set().union(*chosen) & kept
        largest = max(largest, prod(sizes[label] for label in result))
        remaining.append(result)
    return largest
