"""One neuron phi(z) of any activation, z Gaussian: expectations of powers of phi, by quadrature in one dimension.

z has the variance v and the mean -c, c being what the architecture subtracts. In standard deviations, z = sqrt(v) g - c, the
line is cut where phi is not smooth (`panels`) and into panels short enough for a Gaussian, each with Gauss-Legendre nodes; how
far it reaches is decided by how phi grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log, log2, pi, sqrt
from typing import TYPE_CHECKING, Final, NamedTuple, final

import numpy as np

from feyn_nn.errors import LimitError
from feyn_nn.kernels.panels import RULE, activation_values, smooth_panels
from feyn_nn.kernels.tables import tabulated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels.panels import Panels
    from feyn_nn.network import Activation

ROUNDING: Final = 1e-14
"""Relative error that is always allowed for in sums over nodes."""
NOTHING_LEFT: Final = 1e-28
_WINDOWS: Final = (8.5, 12.5, 17.5, 25.0, 36.0)
_TINY: Final = 1e-300
_TRIED: Final = 5
_STEPS: Final = 4
"""Panels are made for reaches of four steps an octave."""
_PANEL: Final = 1.25
"""Standard deviations; 16 nodes on it leave 1e-15 of a Gaussian."""
_BLOCK: Final = 1 << 16


class Bounded(NamedTuple):
    """Values and a bound on their absolute errors, of equal shape."""

    value: FloatArray
    error: FloatArray


class Rule(NamedTuple):
    """Nodes g in standard deviations, their weights with the Gaussian's density, and phi: each of shape (variances, nodes)."""

    g: FloatArray
    weights: FloatArray
    phi: FloatArray


@dataclass(frozen=True, slots=True)
class Neuron:
    """A neuron of one layer; `log_normaliser` is what is subtracted from z, None for Var z (Gauss-net's first layer)."""

    activation: Activation
    log_normaliser: float | None = 0.0

    def mean(self, variance: FloatArray) -> FloatArray:
        """E z = -c, shape of `variance`."""
        if self.log_normaliser is None:
            return -variance
        return np.full(variance.shape, -self.log_normaliser)

    def values(self, z: FloatArray) -> FloatArray:
        """Phi at z, of any shape; raises InputError where it is not finite."""
        return activation_values(self.activation, z)

    def panels(self, variance: FloatArray, window: float) -> Panels:
        """Where phi is smooth, as far as z with any of these variances reaches in a window of standard deviations."""
        reach = float(np.max(np.abs(self.mean(variance)) + window * np.sqrt(variance)))
        return smooth_panels(self.activation, 2.0 ** (ceil(_STEPS * log2(max(reach, 1.0))) / _STEPS))

    def window(self, variance: FloatArray, power: int = 2, left: float = NOTHING_LEFT) -> float:
        """Standard deviations at whose end |phi|^power times the Gaussian is `left` of E|phi|^power, for variances much alike.

        Raises LimitError where this moment is not known to be finite.
        """
        tried = np.quantile(variance, np.linspace(0, 1, min(_TRIED, len(variance))))
        for window in _WINDOWS:
            moment = self.sums(tried, (power,), window, 1)[1][0]
            ends = self.values(self.mean(tried) + window * np.array([[-1.0], [1.0]]) * np.sqrt(tried))
            with np.errstate(divide="ignore"):
                end = power * np.log(np.max(np.abs(ends), axis=0)) - window**2 / 2
                if np.all(end <= np.log(np.maximum(left * moment, _TINY))):
                    return window
        raise LimitError(
            f"activation {self.activation.name!r}: E|phi(z)|^{power} at Var z = {np.max(tried):.4g} is not finite, or comes "
            f"from beyond {_WINDOWS[-1]:g} standard deviations; lower sigma_w and sigma_b, or take one that grows more slowly"
        )

    def rules(self, variance: FloatArray, window: float, panel: float, pieces: int = 1) -> Iterator[tuple[slice, Rule]]:
        """Yield rows of `variance`, shape (n,), with a rule for each.

        No panel is longer than `panel` standard deviations, and each is cut into `pieces`.
        """
        deviation, mean = np.sqrt(variance)[:, None], self.mean(variance)[:, None]
        edges = self.panels(variance, window).edges
        even = np.linspace(-window, window, ceil(2 * window / panel) + 1)
        step = max(1, _BLOCK // (len(RULE.nodes) * pieces * (len(edges) + len(even))))
        for start in range(0, len(variance), step):
            rows = slice(start, start + step)
            cuts = in_deviations(edges, mean[rows], deviation[rows])
            cuts = np.hstack([cuts, np.broadcast_to(even, (len(cuts), len(even)))])
            g, weights = RULE.composite(np.sort(np.clip(cuts, -window, window), axis=1), pieces)
            weights *= np.exp(g**2 / -2) / sqrt(2 * pi)
            yield rows, Rule(g, weights, self.values(mean[rows] + deviation[rows] * g))

    def moments(self, variance: FloatArray, orders: Sequence[int]) -> list[Bounded]:
        """E phi^k for every k of `orders`, each of the shape (n,) of `variance`; errors from panels that are halved.

        Raises as `window`, and LimitError beyond the range of floating-point numbers.
        """
        columns = tabulated(_MomentColumns(self, tuple(orders)), variance)
        value, error, log_size = columns.T.reshape(3, len(orders), len(variance))
        size = np.where(log_size > log(_TINY), np.exp(log_size), 0.0)
        bound = size * (np.abs(error) + ROUNDING)
        return [Bounded(*pair) for pair in zip(size * value, bound, strict=True)]

    def sums(
        self, variance: FloatArray, orders: Sequence[int], window: float, pieces: int
    ) -> tuple[FloatArray, FloatArray]:
        """E phi^k and E|phi|^k, each of shape (orders, variances)."""
        sums = np.empty((2, len(orders), len(variance)))
        for rows, rule in self.rules(variance, window, _PANEL, pieces):
            for place, order in enumerate(orders):
                with np.errstate(over="ignore"):
                    terms = (rule.weights ** (1 / order) * rule.phi) ** order
                sums[:, place, rows] = np.sum(terms, axis=1), np.sum(np.abs(terms), axis=1)
        if not np.all(np.isfinite(sums)):
            raise LimitError(
                f"activation {self.activation.name!r}: moments of order {max(orders)} at Var z = {np.max(variance):.4g} exceed "
                "the range of floating-point numbers; lower sigma_w and sigma_b, or ask for a lower order"
            )
        return sums[0], sums[1]


@final
@dataclass(frozen=True, slots=True)
class _MomentColumns:
    """E phi^k and its error in units of E|phi|^k, and the logarithm of that, as functions of the variance."""

    neuron: Neuron
    orders: tuple[int, ...]

    def __call__(self, variance: FloatArray) -> FloatArray:
        window = max(self.neuron.window(variance, order) for order in self.orders)
        pieces = 1 if max(self.orders) <= 2 else 2
        coarse, _ = self.neuron.sums(variance, self.orders, window, pieces)
        fine, size = self.neuron.sums(variance, self.orders, window, 2 * pieces)
        unit = np.where(size > 0, size, 1.0)
        return np.concatenate([fine / unit, (fine - coarse) / unit, np.log(np.maximum(size, _TINY))]).T


def in_deviations(z: FloatArray, mean: FloatArray, deviation: FloatArray) -> FloatArray:
    """(z - mean) / deviation for z of shape (edges,) and columns (n, 1): shape (n, edges); infinite or 0 without one."""
    distance = z - mean
    far = np.where(distance == 0, 0.0, np.copysign(np.inf, distance))
    result: FloatArray = np.divide(distance, deviation, out=far, where=np.broadcast_to(deviation > 0, far.shape))
    return result
