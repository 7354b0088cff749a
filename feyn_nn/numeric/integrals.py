"""Any diagram as a number with an error: a product of its connected integrals and of lines between legs."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, final

import numpy as np

from feyn_nn.arrays import as_points
from feyn_nn.errors import InputError, LimitError
from feyn_nn.numeric.forms import GeneralForm, form_of
from feyn_nn.numeric.ladder import ShapeIntegrals
from feyn_nn.numeric.positivity import check_positive, spread_out
from feyn_nn.numeric.quadrature import check_cutoff, grid_at, is_random
from feyn_nn.numeric.shapes import diagram_components, free_lines
from feyn_nn.numeric.tuples import TuplePositions, index_table
from feyn_nn.numeric.unbounded import limit
from feyn_nn.numeric.values import Values

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from feyn_nn.arrays import IntArray
    from feyn_nn.graphs import Diagram
    from feyn_nn.kernels import Kernel
    from feyn_nn.numeric.contraction import PointFunction
    from feyn_nn.numeric.shapes import Component, Shape

_TESTED_NODES: Final = 60
_TEST_POINTS: Final = 4096
_FIRST_SCALES: Final = 8.0
_FIRST_SPREAD: Final = 4.0
"""The first of the growing cutoffs, in length scales of the kernel and in the inputs' largest coordinate."""


@final
class DiagramIntegrals:
    """Integrals over [-cutoff, cutoff]^d_in with legs at `inputs`, shape (points, d_in); remembers what it has made.

    Lines at vertices are `propagator` (K or K_W), lines between two legs `free`, the full K. `functions` has the
    couplings that are functions of their point, by name: they stand under the integral. A cutoff of infinity asks for
    the limit. Refinement ends at the relative error `accuracy`, if it is given and can be reached; errors are quoted in any
    case. Raises InputError for a cutoff that does not contain the inputs and for a kernel that is not positive
    semidefinite, LimitError for no cutoff in d_in > 3 unless the kernel is Gauss-net's.

    >>> from feyn_nn.action import Operator
    >>> from feyn_nn.graphs import Diagram
    >>> from feyn_nn.kernels import ReluKernel
    >>> contact = Diagram(4, (Operator(4, "lambda"),), ((0, 4), (1, 4), (2, 4), (3, 4)))
    >>> relu = ReluKernel()
    >>> DiagramIntegrals([1.0], 2.0, relu, relu).diagram(contact, [(0, 0, 0, 0)]).value.round(9)  # int_0^2 (y/2)^4
    array([0.4])
    """

    def __init__(
        self,
        inputs: npt.ArrayLike,
        cutoff: float,
        propagator: Kernel,
        free: Kernel,
        functions: Mapping[str, PointFunction] = MappingProxyType({}),
        accuracy: float | None = None,
    ) -> None:
        self.inputs = as_points(inputs, propagator.d_in)
        self.cutoff = cutoff
        self.propagator = propagator
        self.functions = functions
        largest = float(np.max(np.abs(self.inputs)))
        self._start = max(_FIRST_SPREAD * largest, _FIRST_SCALES * propagator.length_scale)
        if accuracy is not None and not 0 < accuracy < 1:
            raise InputError(f"accuracy {accuracy:g}: expected a relative error between 0 and 1")
        if cutoff != inf:
            check_cutoff(cutoff, self.inputs)
        elif is_random(propagator):
            raise LimitError(
                f"no cutoff in d_in = {propagator.d_in}: random points do not find out whether an integral converges, so that "
                f"only Gauss-net's kernel can do without, not the {propagator.name}; give a cutoff"
            )
        if isinstance(form_of(propagator), GeneralForm):
            self._check_kernel()
        self._free = free(self.inputs, self.inputs)
        self._shapes = ShapeIntegrals(self.inputs, propagator, free, functions, accuracy)
        self._blocks: dict[Shape, Values] = {}
        self._positions = TuplePositions(len(self.inputs))

    def diagram(self, diagram: Diagram, tuples: Sequence[tuple[int, ...]]) -> Values:
        """Integral of prod K of one labelled diagram for each tuple of input indices, in any order, shape (tuples,).

        Raises InputError for tuples that do not fit and for an integral that diverges without a cutoff, LimitError for one
        that takes too much time or memory.
        """
        table = index_table(tuples, diagram.legs, len(self.inputs))
        return self.product(free_lines(diagram), diagram_components(diagram, self.functions), table)

    def product(self, free: Iterable[tuple[int, int]], components: Iterable[Component], table: IntArray) -> Values:
        """Lines between legs times connected integrals for every row of a table of input indices, shape (tuples,)."""
        lines = np.ones(len(table))
        for a, b in free:
            lines *= self._free[table[:, a], table[:, b]]
        result = Values.exactly(lines)
        for component in components:
            result = result * self.component(component, table)
        return result

    def component(self, component: Component, table: IntArray) -> Values:
        """One connected integral for every row of a table, shape (tuples,); raises as `diagram` does."""
        shape = component.shape
        if shape not in self._blocks:
            if self.cutoff == inf:
                self._blocks[shape] = limit(lambda cutoff: self._shapes.at(shape, cutoff), self._start, str(shape))
            else:
                self._blocks[shape] = self._shapes.at(shape, self.cutoff)
        return self._blocks[shape].at(tuple(self._positions(table, legs) for legs in component.attached))

    def _check_kernel(self) -> None:
        cutoff = self._start if self.cutoff == inf else self.cutoff
        nodes = grid_at(form_of(self.propagator), self.inputs, cutoff, 0, _TEST_POINTS).nodes
        points = np.concatenate([np.unique(self.inputs, axis=0), spread_out(nodes, _TESTED_NODES)])
        check_positive(self.propagator, points)
