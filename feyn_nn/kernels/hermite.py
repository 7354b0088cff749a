"""E[phi(z_x) phi(z_y)] of a neuron as a power series in the correlation of z_x and z_y, with a bound on what is left out.

With he_k the normalised Hermite polynomials, E[he_k(g) he_l(h)] = delta_kl rho^k for standard Gaussians with correlation rho
(Mehler 1866), so that

    E[phi(z_x) phi(z_y)] = sum over k of c_k(x) c_k(y) rho^k,   c_k = E[phi(sqrt(v) g - c) he_k(g)],   sum c_k^2 = E[phi^2].

The coefficients depend on the variance v of one pre-activation alone: their work grows with the number of points, not of pairs.
By Schwarz' inequality the terms from K on are at most |rho|^K sqrt(T(x) T(y)), with T = E[phi^2] - sum of c_k^2 for k < K. For
smooth phi the c_k fall off geometrically. For a kink or a step they fall off like a power of k, and the bound is small only for
|rho| not near 1; what is beyond that is for `plane`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.kernels.neuron import Bounded
from feyn_nn.kernels.tables import VarianceTable

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels.neuron import Neuron

MAX_TERMS: Final = 512
_PANEL: Final = 0.9
"""Standard deviations; 16 nodes on it resolve he_512."""
_LEAST_WINDOW: Final = 12.5
_NOTHING_LEFT: Final = 4e-15
_TINY: Final = 1e-300
_ROUNDING: Final = 5e-14
"""Of the coefficients and of their sum, relative to sqrt(E[phi^2] E[phi^2])."""


class HermiteCoefficients:
    """c_k and E[phi^2] of a neuron for variances of shape (n,); raises as `Neuron.window`."""

    def __init__(self, neuron: Neuron, variance: FloatArray) -> None:
        self._table = VarianceTable(lambda part: _by_quadrature(neuron, part), variance)
        self.terms = max(_needed(octave.values[:, :-1]) for octave in self._table.octaves)
        """Number of terms after which, for all variances, nothing is left, or `MAX_TERMS`."""

    def at(self, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
        """c_k / sqrt(E[phi^2]) of shape (n, terms) and sqrt(E[phi^2]) of shape (n,), at some of the variances."""
        columns = self._table.at(variance)
        return columns[:, : self.terms], np.exp(columns[:, -1])


def _needed(terms: FloatArray) -> int:
    left = np.max(1 - np.cumsum(terms**2, axis=1), axis=0)
    return 1 + int(np.argmax(left <= _NOTHING_LEFT)) if np.any(left <= _NOTHING_LEFT) else MAX_TERMS


def _by_quadrature(neuron: Neuron, variance: FloatArray) -> FloatArray:
    """c_k / sqrt(E[phi^2]) for k < `MAX_TERMS`, and log sqrt(E[phi^2]) beside them, for variances of shape (n,)."""
    result = np.empty((len(variance), MAX_TERMS + 1))
    for rows, rule in neuron.rules(variance, max(neuron.window(variance), _LEAST_WINDOW), _PANEL):
        size = np.sqrt(np.sum(rule.weights * rule.phi**2, axis=1))
        weighted = rule.weights * rule.phi / np.where(size > 0, size, 1.0)[:, None]
        before, polynomial = np.zeros_like(rule.g), np.ones_like(rule.g)
        for k in range(MAX_TERMS):
            result[rows, k] = np.einsum("ng,ng->n", weighted, polynomial)
            before, polynomial = polynomial, (rule.g * polynomial - np.sqrt(k) * before) / np.sqrt(k + 1)
        result[rows, -1] = np.log(np.maximum(size, _TINY))
    return result


def hermite_series(
    coefficients: HermiteCoefficients, x: FloatArray, y: FloatArray, correlation: FloatArray
) -> tuple[Bounded, FloatArray]:
    """E[phi(z_x) phi(z_y)] for variances x of shape (p,), y of shape (q,) and correlations of shape (p, q).

    Also the sizes sqrt(E[phi(z_x)^2] E[phi(z_y)^2]), with which the errors can be compared.
    """
    (left, left_size), (right, right_size) = coefficients.at(x), coefficients.at(y)
    value = np.zeros(correlation.shape)
    for k in reversed(range(coefficients.terms)):
        value *= correlation
        value += left[:, k, None] * right[:, k]
    rest = np.sqrt(np.outer(_rest(left), _rest(right)))
    size = np.outer(left_size, right_size)
    error = np.abs(correlation) ** coefficients.terms * rest + _ROUNDING
    return Bounded(size * value, size * error), size


def _rest(terms: FloatArray) -> FloatArray:
    """T / E[phi^2] after all terms, not less than what rounding leaves, shape (n,)."""
    result: FloatArray = np.maximum(1 - np.sum(terms**2, axis=1), _NOTHING_LEFT)
    return result
