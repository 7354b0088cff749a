"""Exact correlators of a network with one hidden layer, at every width, without sampling.

`exact_correlators` gives G^(n), its connected part and Delta G^(n) over the sorted n-tuples of the inputs as polynomials in
1/N (`feyn_nn.exact.cumulants`), from the moments of one neuron (`feyn_nn.exact.moments`), with a bound on the error that the
moments and rounding leave. K_hat, conventions and formulas: `feyn_nn.exact.cumulants`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.arrays import FloatArray, as_points
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.errors import InputError, LimitError
from feyn_nn.exact.cumulants import LayerCumulants, WidthSeries, component
from feyn_nn.exact.moments import neuron_moments
from feyn_nn.partitions import MAX_ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.network import Architecture


@dataclass(frozen=True)
class ExactCorrelator:
    """G^(n) over the sorted n-tuples of `inputs`, as polynomials in 1/N.

    `outputs[k]` is the output of the network that leg k of every tuple belongs to: all 0 for one output. `full`, `connected`
    and `delta` are G^(n), kappa_n and G^(n) - G_GP^(n), each with coefficients of shape (tuples, powers of 1/N).
    """

    architecture: Architecture
    inputs: FloatArray
    n: int
    outputs: tuple[int, ...]
    layer: LayerCumulants
    full: WidthSeries
    connected: WidthSeries
    delta: WidthSeries

    @property
    def tuples(self) -> list[tuple[int, ...]]:
        """0-based indices into `inputs`, one tuple for every row."""
        return sorted_tuples(len(self.inputs), self.n)

    @property
    def coefficients(self) -> FloatArray:
        """Those of 1, 1/N, 1/N^2, ... in G^(n): shape (tuples, max(1, n/2))."""
        return self.full.coefficients

    @property
    def gaussian(self) -> FloatArray:
        """G_GP^(n), the limit of infinite width: shape (tuples,)."""
        limit: FloatArray = self.full.coefficients[:, 0]
        return limit

    @property
    def accuracy(self) -> float:
        """The largest relative error of a coefficient of the connected or the full correlator."""
        return max(self.full.accuracy, self.connected.accuracy)

    @property
    def ratios(self) -> FloatArray:
        """m_n = Delta G^(n) / G_GP^(n), coefficients of shape (tuples, max(1, n/2)); nan where G_GP^(n) vanishes."""
        limit = np.broadcast_to(self.gaussian[:, None], self.delta.coefficients.shape)
        ratios = np.full(limit.shape, np.nan)
        np.divide(self.delta.coefficients, limit, out=ratios, where=limit != 0)
        return ratios

    def at(self, width: float) -> FloatArray:
        """G^(n) at width N, shape (tuples,); raises InputError unless the width is a positive integer or infinite."""
        return self.full.at(width)

    def component(self, outputs: Sequence[int]) -> ExactCorrelator:
        """The correlator whose leg k, in the order of each sorted tuple, is output `outputs[k]` of a network with several.

        Raises InputError if there is not one output for each leg, LimitError for more than ten legs.
        """
        if len(outputs) != self.n:
            raise InputError(f"{len(outputs)} outputs for a correlator with {self.n} legs: expected one for each leg")
        full = component(self.layer.correlator_by_pairing(self.n), outputs)
        connected = component(self.layer.connected_by_pairing(self.n), outputs)
        return ExactCorrelator(
            self.architecture,
            self.inputs,
            self.n,
            tuple(outputs),
            self.layer,
            full,
            connected,
            full.beyond_gaussian,
        )


def exact_correlators(architecture: Architecture, inputs: FloatArray, n: int) -> ExactCorrelator:
    """Return the exact n-point correlators over the sorted tuples of `inputs`, shape (points, d_in).

    Odd n vanish, for the output weights are symmetric: zeros are returned. Raises InputError for n < 1 and inputs of
    another shape, LimitError for n > 12, and both as `moments.neuron_moments` does.

    >>> from feyn_nn.network import preset
    >>> relu = preset("relu")
    >>> exact = exact_correlators(relu.architecture(), relu.points(), 4)
    >>> exact.coefficients.shape
    (126, 2)
    >>> bool(np.allclose(exact.ratios[:, 1], 5))
    True
    """
    points = as_points(inputs, architecture.d_in)
    if n < 1:
        raise InputError(f"a correlator with {n} legs: expected one or more")
    if n > MAX_ELEMENTS:
        raise LimitError(f"a correlator with {n} legs: expected at most {MAX_ELEMENTS}")
    orders = tuple(range(2, n + 1, 2)) if n % 2 == 0 else (2,)
    moments = neuron_moments(architecture, points, orders)
    layer = LayerCumulants(
        len(points), moments.values, architecture.weight_variance, architecture.bias_variance, moments.error
    )
    full = layer.correlator(n)
    return ExactCorrelator(architecture, points, n, (0,) * n, layer, full, layer.connected(n), full.beyond_gaussian)
