"""Moments of signs, E[s_1 ... s_n] for s_i = sign(z_i) and z Gaussian: Plackett's identity as nested integrals.

The derivative of E[s_1 .. s_n] with respect to a correlation R_1j is 4 times the density of (z_1, z_j) at zero times the moment
of the other signs given z_1 = z_j = 0 (Plackett, Biometrika 41 (1954) 351). Scale the first row, R_1j -> t R_1j: at t = 0
the first sign is independent and the moment vanishes; with t R_1j = sin(alpha) the singular density is gone,

    E_n(R) = (2/pi) sum over j > 1 of  int_0^{arcsin R_1j} d alpha  E_{n-2}( R of the others given z_1 = z_j = 0, at t ),

and E_2 = (2/pi) arcsin R_12: an integral of dimension n/2 - 1, with (n-1)!! terms. Conditioning is one rank-1 step for z_j and
one for z_1, the latter with a factor tau = t^2 / (1 - t^2 R_1j^2). The map alpha ~ 1 - (1-u)^2 with Gauss-Legendre nodes in u
meets the square roots at t = 1 of a correlation matrix that is nearly singular.

Equal variables are not repeated: a group of `multiplicity` copies has one row, whose diagonal entry is the correlation of two
copies, and the variance is separate. That saves most of the work for tuples with repeats.
"""

from __future__ import annotations

from functools import lru_cache
from math import pi
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.exact.tuples import ROUNDING, error_of_finest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray

_NODES: Final = (8, 12, 16, 20, 26, 36, 54)
_GOAL: Final = 1e-13
_MOST_WORK: Final = {4: 5e8, 6: 2e8, 8: 1.5e8}
"""Innermost evaluations above which the nodes are not refined further."""
_BLOCK: Final = 1 << 21
_NO_VARIANCE: Final = 1e-300


@lru_cache(maxsize=16)
def _unit_rule(nodes: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights on [0, 1], dense at 1."""
    x, weights = np.polynomial.legendre.leggauss(nodes)
    rest = (1 - x) / 2
    return 1 - rest**2, weights * rest


def sign_moments(correlation: FloatArray, multiplicities: Sequence[int]) -> tuple[FloatArray, float]:
    """E of the product of n = sum(multiplicities) signs, and a bound on its absolute error, the same for all.

    `correlation`, shape (groups, groups, batch), has the correlations of two groups, and on its diagonal those of two copies
    in a group (unused where there is one). n is even, 0 to 8.
    """
    n, batch = sum(multiplicities), correlation.shape[-1]
    if n == 0:
        return np.ones(batch), 0.0
    order = np.argsort(np.array(multiplicities), kind="stable")
    counts = tuple(int(multiplicities[k]) for k in order)
    arranged = _least_correlated_first(correlation[np.ix_(order, order)], counts)
    variance = np.ones(arranged.shape[1:])
    if n == 2:
        return _nested(arranged, variance, counts, 1), ROUNDING
    results = [_in_blocks(arranged, variance, counts, nodes) for nodes in _NODES[:3]]
    for nodes in (*_NODES[3:], 0):
        error = error_of_finest(results[-3], results[-2], results[-1], np.ones(batch))
        if error <= _GOAL or evaluations(counts, nodes) * batch > _MOST_WORK[n]:
            break
        if nodes:
            results.append(_in_blocks(arranged, variance, counts, nodes))
    return results[-1], error


def _least_correlated_first(correlation: FloatArray, counts: Sequence[int]) -> FloatArray:
    """Exchange the first group with the least correlated one of the same multiplicity, in every matrix of the batch."""
    alike = counts.count(counts[0])
    if alike == 1:
        return correlation
    size = np.abs(correlation)
    for k in range(len(counts) if counts[0] == 1 else 0):
        size[k, k] = 0.0
    chosen = np.argmin(np.max(size[:alike], axis=1), axis=0)
    places = np.tile(np.arange(len(counts))[:, None], (1, len(chosen)))
    places[0] = chosen
    places[chosen, np.arange(len(chosen))] = 0
    result: FloatArray = correlation[places[:, None], places[None, :], np.arange(len(chosen))]
    return result


def evaluations(counts: Sequence[int], nodes: int) -> int:
    """Arcsines that one matrix takes."""
    if sum(counts) <= 2:
        return 1
    return sum(nodes * evaluations(left, nodes) for _, _, left in _partners(counts))


def _partners(counts: Sequence[int]) -> list[tuple[int, int, tuple[int, ...]]]:
    """The groups that the first sign can be paired with, how often, and the multiplicities that are left."""
    found = []
    for partner, count in enumerate(counts):
        ways = count - (partner == 0)
        if ways:
            left = tuple(c - (k == 0) - (k == partner) for k, c in enumerate(counts))
            found.append((partner, ways, left))
    return found


def _in_blocks(correlation: FloatArray, variance: FloatArray, counts: tuple[int, ...], nodes: int) -> FloatArray:
    batch = correlation.shape[-1]
    size = max(1, _BLOCK // (len(counts) ** 2 * nodes ** max(0, sum(counts) // 2 - 1)))
    parts = [
        _nested(correlation[..., k : k + size], variance[:, k : k + size], counts, nodes) for k in range(0, batch, size)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _nested(covariance: FloatArray, variance: FloatArray, counts: tuple[int, ...], nodes: int) -> FloatArray:
    """E over groups with covariances (groups, groups, batch) and variances (groups, batch): shape (batch,)."""
    if sum(counts) == 2:
        a, b = (0, 0) if counts[0] == 2 else (0, 1)
        return 2 / pi * _arcsine(covariance[a, b], variance[a] * variance[b])
    deviation = np.sqrt(np.maximum(variance, _NO_VARIANCE))
    correlation = np.clip(covariance / (deviation[:, None] * deviation), -1.0, 1.0)
    unit, weights = _unit_rule(nodes)
    total = np.zeros(correlation.shape[-1])
    for partner, ways, left in _partners(counts):
        r = correlation[0, partner]
        end = _arcsine(r, np.ones_like(r))
        angle = unit[:, None] * end
        nonzero = np.abs(r) > _NO_VARIANCE
        t = np.where(nonzero, np.sin(angle) / np.where(nonzero, r, 1.0), unit[:, None])
        tau = (t / np.cos(angle)) ** 2
        kept = [k for k, count in enumerate(left) if count]
        with_partner = correlation[kept, partner]
        with_first = correlation[kept, 0] - r * with_partner
        inner = correlation[np.ix_(kept, kept)] - with_partner[:, None] * with_partner
        rest = 1 - with_partner**2
        inner = inner[:, :, None] - tau * (with_first[:, None] * with_first)[:, :, None]
        rest = rest[:, None] - tau * (with_first**2)[:, None]
        flat = len(kept)
        moment = _nested(
            inner.reshape(flat, flat, -1), rest.reshape(flat, -1), tuple(left[k] for k in kept), nodes
        ).reshape(angle.shape)
        total += ways * end * (weights @ moment)
    return 2 / pi * total


def _arcsine(numerator: FloatArray, squared_denominator: FloatArray) -> FloatArray:
    """Arcsin(a / sqrt(b)) with the argument clipped to [-1, 1]."""
    angle: FloatArray = np.arctan2(numerator, np.sqrt(np.maximum(squared_denominator - numerator**2, 0.0)))
    return angle
