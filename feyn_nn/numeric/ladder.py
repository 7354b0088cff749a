"""One shape of integral with its error, on the grids that it needs.

A shape is made on finer and finer grids until two agree (see `quadrature`), whatever other shapes take: points with
legs alone are cheap, lines between points cost the square of the nodes. In d > 3 scrambled Sobol points are doubled
until the standard error is small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np

from feyn_nn.errors import LimitError
from feyn_nn.numeric.contraction import Contraction
from feyn_nn.numeric.forms import GaussianForm, GeneralForm, HomogeneousForm, form_of
from feyn_nn.numeric.grids import MAX_POINTS, PointGrid
from feyn_nn.numeric.quadrature import (
    ACCURACY,
    FIRST_LEVEL,
    LAST_LEVEL,
    MAX_DIMENSION,
    SCRAMBLINGS,
    Spread,
    grid_at,
    random_grid,
    smooth_guess,
)
from feyn_nn.numeric.values import Values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels import Kernel
    from feyn_nn.numeric.contraction import PointFunction
    from feyn_nn.numeric.forms import Form
    from feyn_nn.numeric.shapes import Shape

_MOST_WITH_LINES: Final = 12_000
"""Nodes between which lines are laid: some seconds for a pair of vertices."""
_MOST_OF_MANY: Final = 2_000
"""The same for three vertices and more, whose networks take a higher power of the nodes."""
_LINE_LEVEL: Final = {1: 0, 2: -2, 3: -3}
"""Where refinement starts for shapes with lines."""
_LINE_ACCURACY: Final = {1: ACCURACY, 2: ACCURACY, 3: 1e-6}
"""Relative difference of two levels at which no finer one is made, for shapes with lines."""
_GUESS_ACCURACY: Final = 1e-7
"""The same for the guess that a kernel of unknown form is analytic."""
_FIRST_EXPONENT: Final = 10
_LAST_EXPONENT: Final = {1: 16, 2: 11}
_LAST_OF_MANY: Final = 10
"""Binary logarithms of the number of random points: where doubling starts, and where it ends for one, two, more vertices."""
_RANDOM_ACCURACY: Final = 1e-5
_UNRESOLVED: Final = 0.5
"""A relative error that a spread over a few scramblings may well have missed."""


@final
class ShapeIntegrals:
    """Integrals with legs at `inputs`, shape (points, d), over sorted tuples of inputs at each vertex.

    With `accuracy` refinement ends at that relative error, else where it is cheap enough for the shape.
    """

    def __init__(
        self,
        inputs: FloatArray,
        propagator: Kernel,
        free: Kernel,
        functions: Mapping[str, PointFunction],
        accuracy: float | None = None,
    ) -> None:
        self._wanted = accuracy
        self._inputs = inputs
        self._propagator = propagator
        self._free = free
        self._functions = functions
        self._form = form_of(propagator)
        self._dimension = inputs.shape[1]
        self._cutoff = 0.0
        self._contractions: dict[tuple[Form, int, int], Contraction] = {}

    def at(self, shape: Shape, cutoff: float) -> Values:
        """The integral over the cube of that cutoff: one axis of tuples for each vertex.

        Raises InputError for a function that does not fit, LimitError where even the coarsest grids take too much.
        """
        if cutoff != self._cutoff:
            self._cutoff, self._contractions = cutoff, {}
        plain = not any(vertex.functions for vertex in shape.vertices)
        form = self._form
        if isinstance(form, GaussianForm) and not plain and self._dimension > 1:
            form = GeneralForm(form.scale)  # with a function nothing factorises
        if self._dimension > MAX_DIMENSION and not isinstance(form, GaussianForm):
            if isinstance(form, HomogeneousForm) and not plain:
                form = GeneralForm(self._propagator.length_scale)
            return self._sampled(shape, form)
        if isinstance(form, GeneralForm) and self._dimension > 1:
            return self._guessed(shape, form)
        return self._refined(shape, form)

    def _guessed(self, shape: Shape, form: GeneralForm) -> Values:
        """As if the kernel were analytic; if levels do not agree, panels too, and the better of both."""
        smooth = self._refined(shape, smooth_guess(form.scale))
        if smooth.relative_error <= self._accuracy(shape, form):
            return smooth
        try:
            rough = self._refined(shape, form)
        except LimitError:
            return smooth
        return min(smooth, rough, key=lambda values: values.relative_error)

    def _refined(self, shape: Shape, form: Form) -> Values:
        lines = len(shape.vertices) > 1
        most = {1: MAX_POINTS, 2: _MOST_WITH_LINES}.get(len(shape.vertices), _MOST_OF_MANY)
        first = (_LINE_LEVEL if lines else FIRST_LEVEL)[min(self._dimension, MAX_DIMENSION)]
        last = LAST_LEVEL
        if isinstance(form, GaussianForm):  # of a single axis
            first = 0
        if isinstance(form, GeneralForm):  # refinement halves panels
            first, last = 0, 1
        accuracy = self._accuracy(shape, form)
        rough, fine = (self._block(shape, form, level, most) for level in (first, first + 1))
        values = Values.from_levels(rough, fine)
        for level in range(first + 2, last + 1):
            if values.relative_error <= accuracy:
                break
            try:
                rough, fine = fine, self._block(shape, form, level, most)
            except LimitError:
                break
            values = Values.from_levels(rough, fine)
        return values

    def _accuracy(self, shape: Shape, form: Form) -> float:
        if self._wanted is not None:
            return self._wanted
        if len(shape.vertices) == 1 or isinstance(form, GaussianForm):
            return ACCURACY
        if isinstance(form, GeneralForm):
            return _GUESS_ACCURACY
        return _LINE_ACCURACY[min(self._dimension, MAX_DIMENSION)]

    def _block(self, shape: Shape, form: Form, level: int, most: int) -> FloatArray:
        key = (form, level, most)
        if key not in self._contractions:
            grid = grid_at(form, self._inputs, self._cutoff, level, most)
            self._contractions[key] = Contraction(self._inputs, grid, self._propagator, self._free, self._functions)
        return self._contractions[key].block(shape)

    def _sampled(self, shape: Shape, form: Form) -> Values:
        last = _LAST_EXPONENT.get(len(shape.vertices), _LAST_OF_MANY)
        first = min(_FIRST_EXPONENT, last)
        spreads = [Spread.INPUTS] if isinstance(form, HomogeneousForm) else list(Spread)
        tried = {spread: self._samples(shape, form, first, spread) for spread in spreads}
        spread, values = min(tried.items(), key=lambda pair: pair[1].relative_error)
        for exponent in range(first + 1, last + 1):
            if values.relative_error <= (self._wanted or _RANDOM_ACCURACY):
                break
            values = self._samples(shape, form, exponent, spread)
        missed = not values.value.any() and self._at_inputs(shape).any()
        if missed or values.relative_error > _UNRESOLVED:
            raise LimitError(
                f"{shape} in d_in = {self._dimension} at cutoff {self._cutoff:g}: random points do not resolve it; use a "
                "smaller cutoff"
            )
        return values

    def _at_inputs(self, shape: Shape) -> FloatArray:
        """The integrand summed over the inputs as points."""
        grid = PointGrid(self._inputs, np.ones(len(self._inputs)), self._cutoff)
        return Contraction(self._inputs, grid, self._propagator, self._free, self._functions).block(shape)

    def _samples(self, shape: Shape, form: Form, exponent: int, spread: Spread) -> Values:
        """The mean over all scramblings."""
        rows = []
        for scrambling in range(SCRAMBLINGS):
            grid = random_grid(form, self._inputs, self._cutoff, exponent, scrambling, spread)
            contraction = Contraction(self._inputs, grid, self._propagator, self._free, self._functions)
            rows.append(contraction.block(shape))
        return Values.from_samples(np.array(rows))
