"""Diagrams contracted over a quadrature grid, for all tuples of inputs at once.

A connected component with vertices v carrying s_v legs and l_v self-loops becomes one array over sorted s_v-tuples,

    B[t_1, t_2, ...] = sum over nodes  prod_v w(y_v) K(y_v, y_v)^(l_v) prod_(i in t_v) K(x_i, y_v)  prod_lines K(y_u, y_v),

made once for each shape of component and then read off for every tuple and every leg labelling. One vertex is a matrix
product of two halves of its legs, two vertices a product of matrices in blocks of rows, more are a tensor network. Lines
at vertices are `propagator` (K or K_W), lines between two legs `free`, always the full K: with K_W the output bias is an
independent Gaussian constant on top of the interacting field.
"""

from __future__ import annotations

from functools import cached_property
from itertools import combinations_with_replacement
from math import comb, prod
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs import diagrams_of, representative, species_tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray, IntArray
    from feyn_nn.correlator import Correlator
    from feyn_nn.graphs import Diagram
    from feyn_nn.kernels import Kernel
    from feyn_nn.numeric.quadrature import Grid

MAX_NUMBERS: Final = 125_000_000
"""Floats that the arrays of one step may hold together: 1 GB."""
MAX_PAIRS: Final = 4_000_000_000
"""Pairs of nodes at which a line between two vertices may be evaluated: some minutes."""
_BLOCK_NUMBERS: Final = 8_000_000

Shape: TypeAlias = tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int, int], ...]]
"""((legs, self-loops) of each vertex, (u, v, lines) between vertices)."""


class Contraction:
    """Evaluates diagrams with legs at `inputs`, shape (points, d), on one grid; remembers what it has made."""

    def __init__(self, inputs: FloatArray, grid: Grid, propagator: Kernel, free: Kernel) -> None:
        self.points = len(inputs)
        self.grid = grid
        self.propagator = propagator
        self.legs = np.empty((self.points, grid.size))
        for part in self._parts(self.points):  # a kernel makes several temporary arrays of the size it returns
            self.legs[:, part] = propagator(inputs, grid.nodes[part])
        self.free = free(inputs, inputs)  # (points, points)
        self._blocks: dict[Shape, FloatArray] = {}

    @cached_property
    def loops(self) -> FloatArray:
        """K(y, y) at the nodes, shape (nodes,); asked of the kernel only when a diagram has a self-loop."""
        return self.propagator.diagonal(self.grid.nodes)

    def coefficients(
        self, correlator: Correlator, tuples: Sequence[tuple[int, ...]], d_out: int = 1
    ) -> dict[tuple[int, ...], FloatArray]:
        """Coefficient of prod_k g_k^(p_k) in G^(n) at each multi-order of `correlator`, shape (tuples,).

        Signs and factors included: G^(n) = sum over orders of prod g^p * coefficient. With `d_out` outputs all legs are of
        the same one, so that every delta of the species tensor is 1. Raises as `integrals` does.
        """
        result = {check.order: np.zeros(len(tuples)) for check in correlator.checks}
        for term in correlator.terms:
            factor = term.sign * float(term.coefficient)
            if d_out > 1:
                tensor = species_tensor(representative(term.topology))
                factor *= float(sum(c * d_out**power for p in tensor.values() for power, c in enumerate(p)))
            for diagram in diagrams_of(term.topology):
                result[term.order] += factor * self.integrals(diagram, tuples)
        return result

    def integrals(self, diagram: Diagram, tuples: Sequence[tuple[int, ...]]) -> FloatArray:
        """Integral of prod K of one labelled diagram for each tuple of input indices, in any order, shape (tuples,).

        Raises InputError for a tuple that does not fit the diagram or the inputs, LimitError for a grid that is too
        large for the diagram.
        """
        table = self._table(tuples, diagram.legs)
        value = np.ones(len(tuples))
        for a, b in diagram.edges:
            if b < diagram.legs:
                value *= self.free[table[:, a], table[:, b]]
        for shape, attached in _components(diagram):
            block = self._block(shape)
            value *= block[tuple(self._positions(table[:, legs]) for legs in attached)]
        return value

    def _table(self, tuples: Sequence[tuple[int, ...]], legs: int) -> IntArray:
        for row in tuples:
            if len(row) != legs or any(not 0 <= index < self.points for index in row):
                raise InputError(
                    f"tuple {tuple(row)}: expected {legs} indices of inputs, one for each leg, from 0 to {self.points - 1}"
                )
        return np.array(tuples, dtype=np.intp).reshape(len(tuples), legs)

    def _parts(self, rows: int) -> list[slice]:
        """Cut the nodes so that an array of `rows` numbers at each stays small."""
        step = max(1, _BLOCK_NUMBERS // max(1, rows))
        return [slice(start, start + step) for start in range(0, self.grid.size, step)]

    def _positions(self, columns: IntArray) -> IntArray:
        """Number of each row, a tuple of s indices in any order, among all sorted s-tuples."""
        columns = np.sort(columns, axis=1)  # the legs at one vertex are interchangeable
        size = columns.shape[1]
        rank = np.zeros(len(columns), dtype=np.intp)
        previous = np.zeros(len(columns), dtype=np.intp)
        for place in range(size):
            left = size - place - 1
            before = np.concatenate(
                [[0], np.cumsum([comb(self.points - index - 1 + left, left) for index in range(self.points)])]
            )
            rank += before[columns[:, place]] - before[previous]
            previous = columns[:, place]
        return rank

    def _products(self, size: int, part: slice = slice(None)) -> FloatArray:
        """Products of legs over sorted tuples of `size` inputs at some of the nodes: shape (tuples, nodes)."""
        legs = self.legs[:, part]
        number = comb(self.points + size - 1, size)
        self._check(number * legs.shape[1], f"products of {size} legs")
        chosen = list(combinations_with_replacement(range(self.points), size))
        result = np.ones((number, legs.shape[1]))
        for place in range(size):
            result *= legs[[row[place] for row in chosen]]
        return result

    def _weights(self, loops: int) -> FloatArray:
        return self.grid.weights * self.loops**loops if loops else self.grid.weights

    def _block(self, shape: Shape) -> FloatArray:
        if shape not in self._blocks:
            vertices, lines = shape
            if len(vertices) == 1:
                self._blocks[shape] = self._one_vertex(*vertices[0])
            elif len(vertices) == 2:
                self._blocks[shape] = self._two_vertices(vertices, lines[0][2])
            else:
                self._blocks[shape] = self._network(vertices, lines)
        return self._blocks[shape]

    def _one_vertex(self, legs: int, loops: int) -> FloatArray:
        half = legs // 2
        weights = self._weights(loops)
        numbers = [comb(self.points + size - 1, size) for size in (half, legs - half)]
        matrix = np.zeros(numbers)
        for part in self._parts(max(numbers)):
            matrix += (self._products(half, part) * weights[part]) @ self._products(legs - half, part).T
        chosen = np.array(list(combinations_with_replacement(range(self.points), legs)), dtype=np.intp)
        chosen = chosen.reshape(len(chosen), legs)
        result: FloatArray = matrix[self._positions(chosen[:, :half]), self._positions(chosen[:, half:])]
        return result

    def _two_vertices(self, vertices: tuple[tuple[int, int], ...], lines: int) -> FloatArray:
        (legs, loops), (other_legs, other_loops) = vertices
        if self.grid.size**2 > MAX_PAIRS:
            raise LimitError(
                f"a line between two vertices on {self.grid.size} nodes would take {self.grid.size**2:.3g} evaluations of "
                f"the kernel, more than {MAX_PAIRS:.3g}; use a coarser grid or a lower order"
            )
        left = self._products(legs) * self._weights(loops)
        right = self._products(other_legs) * self._weights(other_loops)
        total = np.zeros((len(left), len(right)))
        for part in self._parts(self.grid.size):
            line = self.propagator(self.grid.nodes[part], self.grid.nodes) ** lines
            total += left[:, part] @ (line @ right.T)
        return total

    def _network(self, vertices: tuple[tuple[int, int], ...], lines: tuple[tuple[int, int, int], ...]) -> FloatArray:
        """Three vertices or more: node labels 0..V-1, tuple labels V..2V-1 in numpy's einsum."""
        nodes = self.grid.size
        sizes = dict.fromkeys(range(len(vertices)), nodes)
        sizes |= {len(vertices) + v: comb(self.points + legs - 1, legs) for v, (legs, _) in enumerate(vertices)}
        powers = {number for _, _, number in lines}
        held = nodes**2 * len(powers | {1})
        self._check(held, f"a line between two of {len(vertices)} vertices")
        line = self.propagator(self.grid.nodes, self.grid.nodes)
        bundles = {number: line if number == 1 else line**number for number in powers}
        operands: list[Any] = []  # arrays and their labels in turn; NumPy's types do not know this form
        for v, (legs, loops) in enumerate(vertices):
            operands += [self._products(legs) * self._weights(loops), [len(vertices) + v, v]]
        for u, v, number in lines:
            operands += [bundles[number], [u, v]]
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


def _components(diagram: Diagram) -> list[tuple[Shape, list[list[int]]]]:
    """Each connected component that has vertices: its shape, and the legs at each of its vertices."""
    first = diagram.legs
    component = list(range(len(diagram.vertices)))
    for a, b in diagram.edges:
        if a >= first and component[a - first] != component[b - first]:
            old, new = component[b - first], component[a - first]
            component = [new if label == old else label for label in component]
    result = []
    for label in sorted(set(component)):
        members = [v for v, other in enumerate(component) if other == label]
        legs: list[list[int]] = [[a for a, b in diagram.edges if a < first and b == first + v] for v in members]
        loops = [sum(edge == (first + v, first + v) for edge in diagram.edges) for v in members]
        lines: dict[tuple[int, int], int] = {}
        for a, b in diagram.edges:
            if a >= first and a != b and a - first in members:
                line = (members.index(a - first), members.index(b - first))
                lines[line] = lines.get(line, 0) + 1
        vertices = tuple((len(at), count) for at, count in zip(legs, loops, strict=True))
        result.append(((vertices, tuple((u, v, m) for (u, v), m in sorted(lines.items()))), legs))
    return result
