"""Random grids for many dimensions: scrambled Sobol points, independent scramblings for an error, copies for every vertex.

The points of [0, 1)^d go into the cube by y = centre + width sinh(t) along every axis, which puts more of them near the
inputs. An integral over one vertex is the mean of its values over independent scramblings, its error their standard
error (Owen 1997). With several vertices each has its own independent copy, so that no product of two points is biased
by being the same. ReLU-net's kernel without a bias needs points on the surface only (see `cone`). This module loads
scipy.stats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import numpy as np
from scipy.stats import qmc

from feyn_nn.numeric.cone import ConeGrid
from feyn_nn.numeric.forms import HomogeneousForm
from feyn_nn.numeric.grids import PointGrid, faces

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import FloatArray
    from feyn_nn.numeric.forms import Form
    from feyn_nn.numeric.grids import Grid, Place

_SEED: Final = 20080818


@final
@dataclass(frozen=True, eq=False)
class RandomGrid:
    """A grid whose copy for vertex v is `make(v)`, each independent of the others."""

    make: Callable[[int], Grid]

    @property
    def cutoff(self) -> float:
        """Lambda."""
        return self.make(0).cutoff

    @property
    def dimension(self) -> int:
        """Number of coordinates of a node."""
        return self.make(0).dimension

    @property
    def size(self) -> int:
        """Number of nodes of every copy."""
        return self.make(0).size

    @property
    def nodes(self) -> FloatArray:
        """Nodes for the first vertex."""
        return self.make(0).nodes

    @property
    def weights(self) -> FloatArray:
        """Weights for the first vertex."""
        return self.make(0).weights

    def at(self, place: Place) -> PointGrid:
        """The rule for the first vertex at `place`; raises InputError for a place that the grid does not have."""
        return self.make(0).at(place)

    def copy(self, vertex: int) -> Grid:
        """The grid of that vertex."""
        return self.make(vertex)


def scrambled_grid(
    form: Form, inputs: FloatArray, cutoff: float, exponent: int, scrambling: int, width: float
) -> RandomGrid:
    """2^exponent Sobol points, with the numbered one of all independent scramblings; `width` is that of the sinh rule."""
    made: dict[int, Grid] = {}

    def make(vertex: int) -> Grid:
        if vertex not in made:
            seed = np.random.SeedSequence(_SEED, spawn_key=(scrambling, vertex))
            made[vertex] = _scrambled(form, inputs, cutoff, exponent, seed, width)
        return made[vertex]

    return RandomGrid(make)


def _scrambled(
    form: Form, inputs: FloatArray, cutoff: float, exponent: int, seed: np.random.SeedSequence, width: float
) -> Grid:
    dimension = inputs.shape[1]
    if isinstance(form, HomogeneousForm):
        return _scrambled_cone(inputs, cutoff, max(exponent - (2 * dimension - 1).bit_length(), 0), seed)
    points = qmc.Sobol(dimension, rng=np.random.default_rng(seed)).random_base2(exponent)
    low, high = inputs.min(axis=0), inputs.max(axis=0)
    centre, widths = (low + high) / 2, width + (high - low) / 2
    start, end = (np.arcsinh((side * cutoff - centre) / widths) for side in (-1, 1))
    places = start + (end - start) * points
    nodes = centre + widths * np.sinh(places)
    weights = np.prod((end - start) * widths * np.cosh(places), axis=1) / len(points)
    return PointGrid(nodes, weights, cutoff)


def _scrambled_cone(inputs: FloatArray, cutoff: float, exponent: int, seed: np.random.SeedSequence) -> ConeGrid:
    """Cone with 2^exponent scrambled Sobol points on every face."""
    dimension = inputs.shape[1]
    nodes = []
    for face, child in zip(faces(dimension), seed.spawn(2 * dimension), strict=True):
        points = qmc.Sobol(dimension - 1, rng=np.random.default_rng(child)).random_base2(exponent)
        nodes.append(np.insert(2 * points - 1, face.axis, face.side, axis=1))
    number = 2**exponent
    weights = np.full(2 * dimension * number, (2 * cutoff) ** (dimension - 1) / number)
    rays = PointGrid(cutoff * np.concatenate(nodes), weights, cutoff)
    return ConeGrid(rays, np.repeat(np.arange(2 * dimension), number), float(np.max(np.abs(inputs))) or cutoff)
