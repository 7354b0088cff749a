"""Gauss rules for a standard Gaussian that is cut off: its density on the half-line from c to infinity, times smooth functions.

The nodes and weights belong to the polynomials that are orthogonal with respect to the cut Gaussian (Golub, Welsch 1969), whose
recursion coefficients come from a fine discretisation (Stieltjes). They are smooth functions of c: rules are made at Chebyshev
points of it, once, and interpolated. A rule also gives the last and the middle coefficients of a function in its polynomials.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy import special

from feyn_nn.kernels.legendre import error_from_coefficients, legendre_rule

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

REACH: Final = 8.5
"""Largest |c|: the other side of it has 1e-17 of the Gaussian."""
_NODES: Final = 14
_GROUP: Final = 3
_CUTS: Final = 96
_FINE: Final = legendre_rule(200)
_END: Final = 12.0


class HalfLineRules(NamedTuple):
    """For cuts of shape (n,): nodes and weights, both (n, nodes), and matrices from values to coefficients, (n, 3, nodes)."""

    nodes: FloatArray
    weights: FloatArray
    to_last: FloatArray
    to_middle: FloatArray

    def error(self, values: FloatArray) -> FloatArray:
        """Error of the sum of weights times values, shape (n, nodes): shape (n,)."""
        last, middle = (
            np.max(np.abs(np.einsum("nk,ngk->ng", values, matrix)), axis=1) for matrix in (self.to_last, self.to_middle)
        )
        result: FloatArray = np.sum(self.weights, axis=1) * error_from_coefficients(last, middle)
        return result


def half_line_rules(cuts: FloatArray) -> HalfLineRules:
    """Rules for the half-lines that start at cuts of shape (n,), |c| <= 8.5."""
    columns = np.cos(np.outer(np.arccos(np.clip(cuts / REACH, -1.0, 1.0)), np.arange(_CUTS))) @ _series()
    nodes, weights, groups = np.split(columns, [_NODES, 2 * _NODES], axis=1)
    last, middle = np.moveaxis(groups.reshape(len(cuts), 2, _GROUP, _NODES), 1, 0)
    return HalfLineRules(nodes, special.ndtr(-cuts)[:, None] * weights, last, middle)


@lru_cache(maxsize=1)
def _series() -> FloatArray:
    """Chebyshev coefficients in the cut of nodes, weights and groups of coefficients."""
    angle = np.pi * (np.arange(_CUTS) + 0.5) / _CUTS
    values = np.array([_columns(cut) for cut in REACH * np.cos(angle)])
    series: FloatArray = np.cos(np.outer(np.arange(_CUTS), angle)) @ values * (2 / _CUTS)
    series[0] /= 2
    return series


def _columns(cut: float) -> FloatArray:
    """Nodes, weights that add up to 1, and rows of weights times orthonormal polynomials of the last and middle degrees."""
    h = cut + (_END - cut) * _FINE.nodes
    masses = _FINE.weights * np.exp((max(cut, 0.0) ** 2 - h**2) / 2)
    masses /= np.sum(masses)
    diagonal, beside = np.empty(_NODES), np.empty(_NODES)
    before, polynomial, norm = np.zeros_like(h), np.ones_like(h), 0.0
    for k in range(_NODES):
        diagonal[k] = np.sum(masses * h * polynomial**2)
        after = (h - diagonal[k]) * polynomial - norm * before
        norm = beside[k] = np.sqrt(np.sum(masses * after**2))
        before, polynomial = polynomial, after / norm
    matrix = np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
    nodes, vectors = np.linalg.eigh(matrix)
    vectors *= np.sign(vectors[0])
    rows = vectors * vectors[0]
    middle = _NODES // 2
    return np.concatenate([nodes, vectors[0] ** 2, rows[-_GROUP:].ravel(), rows[middle - _GROUP : middle].ravel()])
