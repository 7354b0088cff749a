"""Quadrature over the cube [-Lambda, Lambda]^d for products of kernels with legs at given inputs.

The rule depends on the kernel's form (see `forms`): factors of single coordinates for Gauss, the sinh rule for Erf (see
`axes`), a cone over the surface for ReLU without a bias (see `cone`), else composite Gauss-Legendre, a product of
panels of every axis with edges at the inputs. In d > 3 all but Gauss's are scrambled Sobol points (see `sobol`). Every
rule comes in levels: each is finer than the one before, and the difference of two is the error of the coarser; of
random grids there are independent ones instead, whose spread is the error.
"""

from __future__ import annotations

from enum import Enum
from importlib import import_module
from math import inf, log2, pi
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.errors import InputError, LimitError
from feyn_nn.numeric.axes import (
    analytic_axis,
    analytic_nodes,
    gaussian_edges,
    halved,
    panel_axis,
    panel_edges,
)
from feyn_nn.numeric.cone import RADIAL_NODES, cone_grid, cone_pieces
from feyn_nn.numeric.forms import AnalyticForm, GaussianForm, GeneralForm, HomogeneousForm, form_of
from feyn_nn.numeric.grids import MAX_POINTS, FactorisedGrid, ProductGrid

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels import Kernel
    from feyn_nn.numeric.forms import Form
    from feyn_nn.numeric.grids import Grid

MAX_CUTOFF: Final = 1e30
MAX_DIMENSION: Final = 3
"""Input dimensions up to which grids are not random."""
FINER: Final = 1.25
"""Nodes of one level over those of the level before, along an axis."""
ACCURACY: Final = 1e-9
"""Relative difference of two levels at which no finer one is made."""
SCRAMBLINGS: Final = 16
"""How many independent random grids there are."""
FIRST_LEVEL: Final = {1: 0, 2: -1, 3: -2}
"""Where refinement starts: nodes are cheap in d = 1."""
LAST_LEVEL: Final = 4
"""Where it ends."""

_PANEL_NODES: Final = {1: 24, 2: 10, 3: 7}
_PANEL_GROWTH: Final = {1: 1.5, 2: 1.7, 3: 2.5}
_GAUSSIAN_NODES: Final = 14
_CONE_ORDER: Final = {1: 1, 2: 12, 3: 8}
_FEWEST: Final = 2
_SOBOL_EXPONENT: Final = 14
_EVEN: Final = 10.0
"""Width of a sinh rule that hardly differs from the identity, in cutoffs."""


class Spread(Enum):
    """How random points are spread over the cube: more of them near the inputs, or evenly."""

    INPUTS = "inputs"
    EVEN = "even"

    def width(self, form: Form, cutoff: float) -> float:
        """The width of the sinh rule along every axis."""
        if self is Spread.EVEN:
            return _EVEN * cutoff
        match form:
            case AnalyticForm(width=width) | GaussianForm(scale=width) | GeneralForm(scale=width):
                return width
            case HomogeneousForm():
                return cutoff


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

    `refined` gives the next finer level. With `most`, nodes are left out until the refined grid has no more than that; of a
    cone the nodes of its surface count, of factors those of an axis. Raises InputError for a cutoff that does not contain
    the inputs, LimitError for a grid that is too large even with the fewest nodes.
    """
    return grid_at(form_of(kernel), inputs, cutoff, int(refined), most)


def grid_at(form: Form, inputs: FloatArray, cutoff: float, level: int, most: int = MAX_POINTS) -> Grid:
    """The grid of a level, 0 for the plain one, 1 for the refined one; raises as `grid_for` does."""
    check_cutoff(cutoff, inputs)
    return _grid(form, inputs, cutoff, level, most)


def is_random(kernel: Kernel) -> bool:
    """Whether the kernel's grids are random."""
    return kernel.d_in > MAX_DIMENSION and not isinstance(form_of(kernel), GaussianForm)


def sobol_exponent(most: int) -> int:
    """Binary logarithm of the number of random points for grids of at most `most`."""
    return min(_SOBOL_EXPONENT, int(log2(max(most, 16))) - 2)


def random_grid(
    form: Form, inputs: FloatArray, cutoff: float, exponent: int, scrambling: int, spread: Spread = Spread.INPUTS
) -> Grid:
    """2^exponent scrambled Sobol points, scrambling 0, 1, ... independent of each other, in any d."""
    sobol = import_module("feyn_nn.numeric.sobol")  # loads scipy.stats
    width = spread.width(form, cutoff)
    grid: Grid = sobol.scrambled_grid(form, inputs, cutoff, exponent, scrambling, width)
    return grid


def with_error(
    function: Callable[[Grid], FloatArray],
    kernel: Kernel,
    inputs: FloatArray,
    cutoff: float,
    *,
    most: int = MAX_POINTS,
    accuracy: float = ACCURACY,
) -> tuple[FloatArray, float]:
    """Values of `function` on a refined grid, shape (tuples,), and their error from the level before.

    Levels are refined until they agree to `accuracy` or there are more than `most` nodes; where the kernel is known by its
    length scale alone there are two. The error is the largest |difference| over tuples relative to the largest |value|, so that
    a tuple whose integral vanishes does not spoil it; it is zero where everything vanishes on both grids and infinite where
    on the refined one alone. Tuples without a finite value on both grids are left out; one that has it on one grid only, or no
    tuple with a finite value at all, makes the error infinite. On random grids the values are means over scramblings, and
    the error is their largest standard error, relative in the same way. Raises as `grid_for` does.
    """
    if is_random(kernel):
        return _over_scramblings(function, kernel, inputs, cutoff, most)
    form = form_of(kernel)
    general = isinstance(form, GeneralForm)
    plain = general or isinstance(form, GaussianForm)  # whose joint grid, for functions of points, has no lower levels
    first = 0 if plain else FIRST_LEVEL[min(kernel.d_in, MAX_DIMENSION)]
    rough, values = (function(grid_at(form, inputs, cutoff, level, most)) for level in (first, first + 1))
    error = _difference(rough, values)
    if general:
        return values, error
    for level in range(first + 2, LAST_LEVEL + 1):
        if error <= accuracy:
            break
        try:
            finer = function(grid_at(form, inputs, cutoff, level, most))
        except LimitError:
            break
        values, error = finer, _difference(values, finer)
    return values, error


def _over_scramblings(
    function: Callable[[Grid], FloatArray], kernel: Kernel, inputs: FloatArray, cutoff: float, most: int
) -> tuple[FloatArray, float]:
    check_cutoff(cutoff, inputs)
    exponent = sobol_exponent(most)
    rows = np.array(
        [function(random_grid(form_of(kernel), inputs, cutoff, exponent, each)) for each in range(SCRAMBLINGS)]
    )
    finite = np.isfinite(rows)
    everywhere = finite.all(axis=0)
    values = np.where(everywhere, np.mean(np.where(finite, rows, 0.0), axis=0), np.nan)
    if np.any(finite.any(axis=0) & ~everywhere) or (everywhere.size and not everywhere.any()):
        return values, inf
    spread = rows[:, everywhere].std(axis=0, ddof=1) / np.sqrt(SCRAMBLINGS)
    return values, _relative(float(np.max(spread, initial=0.0)), values[everywhere])


def _difference(rough: FloatArray, values: FloatArray) -> float:
    finite = np.isfinite(values)
    if not np.array_equal(finite, np.isfinite(rough)) or (finite.size and not finite.any()):
        return inf
    return _relative(float(np.max(np.abs(values[finite] - rough[finite]), initial=0.0)), values[finite])


def _relative(gap: float, values: FloatArray) -> float:
    size = float(np.max(np.abs(values), initial=0.0))
    if size > 0:
        return gap / size
    return inf if gap > 0 else 0.0


def _grid(form: Form, inputs: FloatArray, cutoff: float, level: int, most: int) -> Grid:
    dimension = inputs.shape[1]
    match form:
        case GaussianForm(scale=scale):
            edges = [gaussian_edges(inputs[:, axis], cutoff, scale) for axis in range(dimension)]
            panels = max(len(each) - 1 for each in edges)
            order = _reduced(_GAUSSIAN_NODES, level, most, lambda nodes: panels * nodes)
            if order is None:
                raise _too_large(panels * _FEWEST, inputs, cutoff, most)
            axes = tuple(panel_axis(each, order) for each in edges)
            if dimension == 1:
                return ProductGrid(axes, cutoff)
            return FactorisedGrid(axes, _grid(GeneralForm(scale), inputs, cutoff, max(level, 0), most))
        case _ if dimension > MAX_DIMENSION:
            return random_grid(form, inputs, cutoff, sobol_exponent(most) + level, 0)
        case AnalyticForm():
            nodes = _reduced(analytic_nodes(form, cutoff, dimension), level, most, lambda number: number**dimension)
            if nodes is None:
                raise _too_large(_FEWEST**dimension, inputs, cutoff, most)
            return ProductGrid((analytic_axis(form, cutoff, nodes),) * dimension, cutoff)
        case HomogeneousForm():
            pieces = cone_pieces(inputs)
            order = _reduced(_CONE_ORDER[dimension], level, most, lambda nodes: pieces * nodes ** (dimension - 1))
            if order is None:
                raise _too_large(pieces * _FEWEST ** (dimension - 1), inputs, cutoff, most)
            return cone_grid(inputs, cutoff, order, _at_level(RADIAL_NODES, level))
        case GeneralForm(scale=scale):
            return _panels(scale, inputs, cutoff, level, most)


def smooth_guess(scale: float) -> AnalyticForm:
    """The form of a kernel of which nothing is known but its scale, if it is analytic; the difference of levels tells."""
    return AnalyticForm(scale, pi / 4)


def _panels(scale: float, inputs: FloatArray, cutoff: float, level: int, most: int) -> ProductGrid:
    """Panels of every axis, halved once for each level."""
    dimension = inputs.shape[1]
    growth = _PANEL_GROWTH[dimension]
    edges = [panel_edges(inputs[:, axis], cutoff, scale, growth) for axis in range(dimension)]
    # Nodes are chosen so that the refined grid fits too: both have the same order, and their difference is an error.
    nodes, refined = _PANEL_NODES[dimension], float(np.prod([2 ** max(level, 1) * (len(axis) - 1) for axis in edges]))
    while nodes > _FEWEST and refined * nodes**dimension > most:
        nodes -= 1
    size = int(np.prod([2**level * (len(axis) - 1) * nodes for axis in edges]))
    if size <= most:
        return ProductGrid(tuple(panel_axis(halved(axis, level), nodes) for axis in edges), cutoff)
    # Too many panels: nodes as for an analytic kernel, and the difference of two levels tells whether it is like one.
    form = smooth_guess(scale)
    number = _reduced(analytic_nodes(form, cutoff, dimension), level, most, lambda each: each**dimension)
    if dimension == 1 or number is None:
        raise _too_large(size, inputs, cutoff, most)
    return ProductGrid((analytic_axis(form, cutoff, number),) * dimension, cutoff)


def _reduced(nodes: int, level: int, most: int, size: Callable[[int], int]) -> int | None:
    """Nodes along an axis at a level, reduced until level 1 has a size of at most `most`; None where it cannot be."""
    while size(_at_level(nodes, 1)) > most:
        if nodes <= _FEWEST:
            return None
        nodes -= 1
    found = _at_level(nodes, level)
    return found if size(found) <= most else None


def _at_level(nodes: int, level: int) -> int:
    """So many nodes times 1.25^level, no level like the one before."""
    for _ in range(level):
        nodes = max(nodes + 1, round(FINER * nodes))
    for _ in range(-level):
        nodes = max(1, min(nodes - 1, round(nodes / FINER)))
    return nodes


def _too_large(size: int, inputs: FloatArray, cutoff: float, most: int) -> LimitError:
    return LimitError(
        f"{size} quadrature points for {len(inputs)} inputs in d_in = {inputs.shape[1]} at cutoff {cutoff:g}, more than "
        f"{most}; use fewer inputs or a smaller cutoff"
    )
