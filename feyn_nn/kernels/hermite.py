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

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Final, final

import numpy as np

from feyn_nn.kernels.neuron import Bounded
from feyn_nn.kernels.tables import tabulated

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray, IntArray
    from feyn_nn.kernels.neuron import Neuron

_PANEL: Final = 20.0
"""Panels of this length over the root of the highest order, in standard deviations: 16 nodes resolve the polynomial."""
_LEAST_WINDOW: Final = 12.5
_NOTHING_LEFT: Final = 4e-15
_TINY: Final = 1e-300
_ROUNDING: Final = 5e-14
"""Of the coefficients and of their sum, relative to sqrt(E[phi^2] E[phi^2])."""
_CHUNK: Final = 512


@final
@dataclass(frozen=True, slots=True)
class HermiteColumns:
    """c_k / sqrt(E[phi^2]) of a neuron for k < `terms`, and log sqrt(E[phi^2]) beside them, as functions of the variance."""

    neuron: Neuron
    terms: int

    def __call__(self, variance: FloatArray) -> FloatArray:
        """The columns for variances of shape (n,), shape (n, terms + 1); raises as `Neuron.window`."""
        result = np.empty((len(variance), self.terms + 1))
        window = max(self.neuron.window(variance), _LEAST_WINDOW)
        for rows, rule in self.neuron.rules(variance, window, _PANEL / sqrt(self.terms)):
            size = np.sqrt(np.sum(rule.weights * rule.phi**2, axis=1))
            weighted = rule.weights * rule.phi / np.where(size > 0, size, 1.0)[:, None]
            before, polynomial = np.zeros_like(rule.g), np.ones_like(rule.g)
            for k in range(self.terms):
                result[rows, k] = np.einsum("ng,ng->n", weighted, polynomial)
                before, polynomial = polynomial, (rule.g * polynomial - np.sqrt(k) * before) / np.sqrt(k + 1)
            result[rows, -1] = np.log(np.maximum(size, _TINY))
        return result


def hermite_series(
    columns: HermiteColumns, x: FloatArray, y: FloatArray, correlation: FloatArray
) -> tuple[Bounded, FloatArray]:
    """E[phi(z_x) phi(z_y)] for variances x of shape (p,), y of shape (q,) and correlations of shape (p, q).

    Also the sizes sqrt(E[phi(z_x)^2] E[phi(z_y)^2]), with which the errors can be compared. Raises as `Neuron.window`.
    """
    left, right = tabulated(columns, x), tabulated(columns, y)
    terms = max(_needed(left), _needed(right))
    value = np.zeros(correlation.shape)
    for k in reversed(range(terms)):
        value *= correlation
        value += left[:, k, None] * right[:, k]
    size = np.exp(left[:, -1:] + right[:, -1])
    rest = np.sqrt(np.outer(_rest(left, terms), _rest(right, terms)))
    return _bounded(value, rest, correlation, terms, size), size


def hermite_pairs(
    columns: HermiteColumns, x: FloatArray, y: FloatArray, correlation: FloatArray, goal: float
) -> Bounded:
    """The same for pairs one by one: variances and correlations all of shape (pairs,).

    Where the bound, relative to the size, is not below `goal` the sum is not done: zero.
    """
    (left, first), (right, second) = _by_order(columns, x), _by_order(columns, y)
    rest = np.sqrt(_rest(left.T, columns.terms)[first] * _rest(right.T, columns.terms)[second])
    done = np.abs(correlation) ** columns.terms * rest + _ROUNDING < goal
    value, rho = np.zeros(len(x)), correlation[done]
    for start in reversed(range(0, columns.terms, _CHUNK)):
        part = slice(start, min(start + _CHUNK, columns.terms))
        total = value[done]
        for a, b in zip(left[part, first[done]][::-1], right[part, second[done]][::-1], strict=True):
            total *= rho
            total += a * b
        value[done] = total
    return _bounded(value, rest, correlation, columns.terms, np.exp(left[-1, first] + right[-1, second]))


def _by_order(columns: HermiteColumns, variance: FloatArray) -> tuple[FloatArray, IntArray]:
    """Columns of distinct variances, orders first, and the place of each variance among them."""
    distinct, place = np.unique(variance, return_inverse=True)
    return np.ascontiguousarray(tabulated(columns, distinct).T), place


def _bounded(value: FloatArray, rest: FloatArray, correlation: FloatArray, terms: int, size: FloatArray) -> Bounded:
    return Bounded(size * value, size * (np.abs(correlation) ** terms * rest + _ROUNDING))


def _needed(columns: FloatArray) -> int:
    """Number of terms after which, for all variances, nothing is left; all of them if there is no such number."""
    left = np.max(1 - np.cumsum(columns[:, :-1] ** 2, axis=1), axis=0, initial=0.0)
    done = np.flatnonzero(left <= _NOTHING_LEFT)
    return 1 + int(done[0]) if len(done) else len(left)


def _rest(columns: FloatArray, terms: int) -> FloatArray:
    """T / E[phi^2] after so many terms, not less than what rounding leaves, shape (n,)."""
    result: FloatArray = np.maximum(1 - np.sum(columns[:, :terms] ** 2, axis=1), _NOTHING_LEFT)
    return result
