"""Diagrams and other integrals contracted over a quadrature grid, for all tuples of inputs at once.

A connected component with vertices v carrying s_v legs, l_v self-loops and perhaps functions g_v of its point (coupling
functions) becomes one array over sorted s_v-tuples,

    B[t_1, t_2, ...] = sum over nodes  prod_v w(y_v) g_v(y_v) K(y_v, y_v)^(l_v) prod_(i in t_v) K(x_i, y_v)
                                       prod_lines K(y_u, y_v),

made once for each shape of component and then read off for every tuple and every leg labelling. One vertex is a matrix
product of two halves of its legs, two vertices a product of matrices in blocks of rows, more are a tensor network. A
vertex runs over the cube or over its surface. Lines at vertices are `propagator` (K or K_W), lines between two legs `free`,
always the full K: with K_W the output bias is an independent Gaussian constant on top of the interacting field.
Where kernel and grid allow, the sums are over single coordinates (see `separable`) or over the surface (see `cone`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias, final

import numpy as np

from feyn_nn.arrays import FloatArray
from feyn_nn.errors import InputError, LimitError
from feyn_nn.numeric.cone import ConeGrid
from feyn_nn.numeric.expansion import summands
from feyn_nn.numeric.forms import GaussianForm, HomogeneousForm, form_of
from feyn_nn.numeric.grids import FactorisedGrid, Place, Region
from feyn_nn.numeric.networks import check_numbers, contract
from feyn_nn.numeric.segments import correct_lines
from feyn_nn.numeric.separable import SeparableIntegrals
from feyn_nn.numeric.shapes import diagram_components, free_lines
from feyn_nn.numeric.tuples import TuplePositions, half_positions, index_table, leg_products, tuple_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import IntArray
    from feyn_nn.correlator import Correlator
    from feyn_nn.graphs import Diagram
    from feyn_nn.kernels import Kernel
    from feyn_nn.numeric.grids import Grid, PointGrid
    from feyn_nn.numeric.shapes import Component, Shape, Vertex

MAX_PAIRS: Final = 4_000_000_000
"""Pairs of nodes at which a line between two vertices may be evaluated: some minutes."""
_BLOCK_NUMBERS: Final = 20_000
"""Numbers in the arrays of one block: they should stay in the cache, and a kernel makes several of the size it returns."""
_LEAST_NODES: Final = 16
"""Nodes in a block, whatever it then holds."""
_KEPT_PAIRS: Final = 4_000_000
"""Pairs of nodes up to which a line between two vertices is kept and put right."""

PointFunction: TypeAlias = Callable[[FloatArray], FloatArray]
"""A function of points, such as a coupling lambda(y): from shape (q, d) to shape (q,)."""


@final
@dataclass(frozen=True, slots=True)
class _Site:
    """Nodes for a vertex: its place, the copy of the grid, and whether the radial integral is done in closed form."""

    place: Place
    copy: int
    radial: bool


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
        form = form_of(propagator)
        self._homogeneous = isinstance(form, HomogeneousForm)
        self._separable = (
            SeparableIntegrals(inputs, grid, form)
            if isinstance(grid, FactorisedGrid) and isinstance(form, GaussianForm)
            else None
        )
        self._nodes: dict[_Site, PointGrid] = {}
        self._legs: dict[_Site, FloatArray] = {}
        self._loops: dict[_Site, FloatArray] = {}
        self._lines: dict[tuple[_Site, _Site, int], FloatArray] = {}
        self._values: dict[tuple[str, _Site], FloatArray] = {}
        self._blocks: dict[Shape, FloatArray] = {}
        self._positions = TuplePositions(self.points)

    def coefficients(
        self, correlator: Correlator, tuples: Sequence[tuple[int, ...]], d_out: int = 1
    ) -> dict[tuple[int, ...], FloatArray]:
        """Coefficient of prod_k g_k^(p_k) in G^(n) at each multi-order of `correlator`, shape (tuples,).

        Signs and factors included: G^(n) = sum over orders of prod g^p * coefficient. With `d_out` outputs all legs are of
        the same one, so that every delta of the species tensor is 1. Raises as `integrals` does.
        """
        table = self.table(tuples, correlator.n)
        result = {check.order: np.zeros(len(table)) for check in correlator.checks}
        for each in summands(correlator, d_out):
            result[each.term.order] += each.factor * self._product(each.free, each.components, table)
        return result

    def cutoff_derivative(
        self, correlator: Correlator, tuples: Sequence[tuple[int, ...]], d_out: int = 1
    ) -> dict[tuple[int, ...], FloatArray]:
        """Derivative of `coefficients` with respect to log Lambda: Lambda times integrals over the cube's surface.

        Exact on the grid's panels, no difference of cutoffs. Raises as `integrals` does, and InputError in d > 1 for a
        grid that has no surface.
        """
        table = self.table(tuples, correlator.n)
        result = {check.order: np.zeros(len(table)) for check in correlator.checks}
        for each in summands(correlator, d_out):
            result[each.term.order] += each.factor * self._slope(each.free, each.components, table)
        return result

    def integrals(self, diagram: Diagram, tuples: Sequence[tuple[int, ...]]) -> FloatArray:
        """Integral of prod K of one labelled diagram for each tuple of input indices, in any order, shape (tuples,).

        Raises InputError for a tuple that does not fit the diagram or the inputs, LimitError for a grid that is too
        large for the diagram.
        """
        return self._product(free_lines(diagram), diagram_components(diagram), self.table(tuples, diagram.legs))

    def integral_derivatives(self, diagram: Diagram, tuples: Sequence[tuple[int, ...]]) -> FloatArray:
        """Derivative of `integrals` with respect to log Lambda, shape (tuples,); raises as `cutoff_derivative` does."""
        return self._slope(free_lines(diagram), diagram_components(diagram), self.table(tuples, diagram.legs))

    def component(self, component: Component, table: IntArray) -> FloatArray:
        """One connected integral for each row of a table of input indices (see `table`), shape (tuples,).

        Raises InputError for a function that has not been given or does not return finite numbers, or a place that the grid
        does not have; LimitError as `integrals` does.
        """
        block = self.block(component.shape)
        result: FloatArray = block[tuple(self._positions(table, legs) for legs in component.attached)]
        return result

    def block(self, shape: Shape) -> FloatArray:
        """A connected integral over sorted tuples of inputs at each vertex: one axis for each; raises as `component` does."""
        if shape not in self._blocks:
            plain = not any(vertex.functions for vertex in shape.vertices)
            if self._separable is not None and plain:
                self._blocks[shape] = self._separable.block(shape)
            elif len(shape.vertices) == 1:
                self._blocks[shape] = self._one_vertex(shape)
            elif len(shape.vertices) == 2:
                self._blocks[shape] = self._two_vertices(shape)
            else:
                self._blocks[shape] = self._network(shape)
        return self._blocks[shape]

    def table(self, tuples: Sequence[tuple[int, ...]], legs: int) -> IntArray:
        """The tuples of input indices as an array of shape (tuples, legs); raises InputError for one that does not fit."""
        return index_table(tuples, legs, self.points)

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
        if values.shape != (len(points),):
            raise InputError(
                f"the given function {name}(y) returned shape {values.shape} for points of shape {points.shape}: expected "
                f"{len(points)} finite numbers; correct the function"
            )
        if not np.all(np.isfinite(values)):
            first = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InputError(
                f"the given function {name}(y) is {values[first]} at y = {points[first].tolist()}: expected a finite number; "
                "correct the function, or choose a cutoff within which it is defined"
            )
        return values

    def _product(self, free: Sequence[tuple[int, int]], components: Sequence[Component], table: IntArray) -> FloatArray:
        value = np.ones(len(table))
        for a, b in free:
            value *= self.free[table[:, a], table[:, b]]
        for component in components:
            value *= self.component(component, table)
        return value

    def _slope(self, free: Sequence[tuple[int, int]], components: Sequence[Component], table: IntArray) -> FloatArray:
        value, slope = self._product(free, (), table), np.zeros(len(table))
        for component in components:  # the product rule
            factor = self.component(component, table)
            surface = sum(self.component(moved, table) for moved in component.on_surface())
            slope = slope * factor + value * surface * self.grid.cutoff
            value *= factor
        return slope

    def _site(self, vertex: Vertex, number: int) -> _Site:
        """The nodes of a shape's vertex with that number."""
        grid = self.grid.copy(number)
        radial = (
            self._homogeneous and isinstance(grid, ConeGrid) and vertex.place is Region.CUBE and not vertex.functions
        )
        return _Site(vertex.place, 0 if grid is self.grid.copy(0) else number, radial)

    def _nodes_of(self, site: _Site) -> PointGrid:
        if site not in self._nodes:
            self._nodes[site] = self.grid.copy(site.copy).at(Region.SURFACE if site.radial else site.place)
        return self._nodes[site]

    def _columns(self, site: _Site) -> FloatArray:
        """K(x_i, y) at the nodes of a site, shape (points, nodes)."""
        if site not in self._legs:
            nodes = self._nodes_of(site).nodes
            columns = np.empty((self.points, len(nodes)))
            for part in _parts(len(nodes), self.points):
                columns[:, part] = self.propagator(self.inputs, nodes[part])
            self._legs[site] = self._finite(columns, nodes)
        return self._legs[site]

    def _finite(self, columns: FloatArray, nodes: FloatArray) -> FloatArray:
        if not np.all(np.isfinite(columns)):
            i, j = (int(k) for k in np.argwhere(~np.isfinite(columns))[0])
            raise InputError(
                f"{self.propagator.name} is {columns[i, j]} at x = {self.inputs[i].tolist()}, y = {nodes[j].tolist()}: "
                "expected a finite number; choose a smaller cutoff or other parameters"
            )
        return columns

    def _weights(self, shape: Shape, number: int, site: _Site) -> FloatArray:
        """Quadrature weights times functions and self-loops, shape (nodes,).

        K(y, y) is asked of the kernel only when there is a self-loop.
        """
        vertex, nodes, grid = shape.vertices[number], self._nodes_of(site), self.grid.copy(number)
        weights = nodes.weights
        if site.radial and isinstance(grid, ConeGrid):
            weights = weights * grid.radial(shape.degree(number))
        for name in vertex.functions:
            if (name, site) not in self._values:
                self._values[name, site] = self.function_values(name, nodes.nodes)
            weights = weights * self._values[name, site]
        if vertex.loops:
            if site not in self._loops:
                self._loops[site] = self.propagator.diagonal(nodes.nodes)
            weights = weights * self._loops[site] ** vertex.loops
        return weights

    def _products(self, size: int, site: _Site, part: slice = slice(None)) -> FloatArray:
        """Products of legs over sorted tuples of `size` inputs at some of the nodes: shape (tuples, nodes)."""
        legs = self._columns(site)[:, part]
        check_numbers(
            tuple_count(self.points, size) * legs.shape[1],
            f"products of {size} legs on {self._nodes_of(site).size} nodes",
        )
        return leg_products(legs, size)

    def _one_vertex(self, shape: Shape) -> FloatArray:
        (vertex,) = shape.vertices
        site, half = self._site(vertex, 0), vertex.legs // 2
        weights = self._weights(shape, 0, site)
        numbers = [tuple_count(self.points, size) for size in (half, vertex.legs - half)]
        check_numbers(tuple_count(self.points, vertex.legs), f"integrals of {vertex.legs} legs")
        matrix = np.zeros(numbers)
        for part in _parts(len(weights), max(numbers)):
            left, right = self._products(half, site, part), self._products(vertex.legs - half, site, part)
            matrix += (left * weights[part]) @ right.T
        result: FloatArray = matrix[half_positions(self.points, vertex.legs)]
        return result

    def _two_vertices(self, shape: Shape) -> FloatArray:
        power = shape.lines[0][2]
        near, far = (self._site(vertex, v) for v, vertex in enumerate(shape.vertices))
        first, second = self._nodes_of(near), self._nodes_of(far)
        if first.size * second.size > MAX_PAIRS:
            raise LimitError(
                f"a line between two vertices on {first.size} nodes would take {first.size * second.size:.3g} evaluations of "
                f"the kernel, more than {MAX_PAIRS:.3g}; use a coarser grid or a lower order"
            )
        left, right = self._factors(shape)
        if first.size * second.size <= _KEPT_PAIRS:
            return contract([left, right], {(0, 1): self._line(near, far, power)})
        total = np.zeros((len(left), len(right)))
        for part in _parts(first.size, second.size):
            line = self.propagator(first.nodes[part], second.nodes) ** power
            total += left[:, part] @ (line @ right.T)
        return total

    def _network(self, shape: Shape) -> FloatArray:
        sites = [self._site(vertex, v) for v, vertex in enumerate(shape.vertices)]
        kept = {(sites[u], sites[v], number) for u, v, number in shape.lines}
        kept |= {(near, far, 1) for near, far, _ in kept}
        held = sum(self._nodes_of(near).size * self._nodes_of(far).size for near, far, _ in kept)
        check_numbers(held, f"a line between two of {len(sites)} vertices on {self._nodes_of(sites[0]).size} nodes")
        lines = {(u, v): self._line(sites[u], sites[v], number) for u, v, number in shape.lines}
        return contract(self._factors(shape), lines, held)

    def _factors(self, shape: Shape) -> list[FloatArray]:
        """Legs and weights of every vertex, each of shape (tuples, nodes)."""
        factors = []
        for v, vertex in enumerate(shape.vertices):
            site = self._site(vertex, v)
            factors.append(self._products(vertex.legs, site) * self._weights(shape, v, site))
        return factors

    def _line(self, near: _Site, far: _Site, power: int) -> FloatArray:
        """K^power between all nodes of two sites, put right where it is not smooth."""
        key = (near, far, power)
        if key not in self._lines:
            first, second = self._nodes_of(near), self._nodes_of(far)
            line = np.empty((first.size, second.size))
            for part in _parts(first.size, second.size):
                line[part] = self.propagator(first.nodes[part], second.nodes) ** power
            if first.segments is not None and second.segments is not None:
                correct_lines(line, self.propagator, power, first.segments, second.segments, first.nodes)
            self._lines[key] = line
        return self._lines[key]


def _parts(nodes: int, rows: int) -> list[slice]:
    """Cut the nodes into blocks for arrays with `rows` numbers at each."""
    step = max(_LEAST_NODES, _BLOCK_NUMBERS // max(1, rows))
    return [slice(start, start + step) for start in range(0, nodes, step)]
