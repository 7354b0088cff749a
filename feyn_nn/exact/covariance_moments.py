"""Moments E[phi(z_1) ... phi(z_k)] of one neuron, k <= 4, for Gaussian pre-activations with any covariance C.

In a deep network the covariance of a layer's pre-activations is not that of augmented inputs, so it is the argument here.

Erf-net: erf(z) = E sign(z - xi) with xi ~ N(0, 1/2), so a moment is that of signs with the correlations
R_ij = 2 C_ij / sqrt((1 + 2 C_ii)(1 + 2 C_jj)) for i != j, repeated points included, and R_ii = 1 (physics notes, section 3).

ReLU-net: with z_+^0 the step function, integration by parts (Stein's lemma) of E[z_1+^{a_1} ... z_k+^{a_k}] in one factor z_i,

    E[z_i g(z)] = sum_j C_ij E[dg/dz_j],   d/dz_j of a step being a delta function: the other variables given z_j = 0,

ends in orthant probabilities. It is done on unit vectors whose inner products are the correlations: conditioning on z_j = 0
is then a projection, which keeps digits where the covariance is singular. Parallel vectors are merged, for z_i and c z_i
are one variable; opposite ones make the moment zero.

Four signs: d E[s_1 s_2 s_3 s_4] / dR_ij = (2/pi)^2 arcsin(rho_km) / sqrt(1 - R_ij^2), rho_km the correlation of the other
two given z_i = z_j = 0 (Plackett 1954), integrated along t R, 0 <= t <= 1, from independent signs.
"""

from __future__ import annotations

from itertools import combinations
from math import gamma, pi, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.errors import InputError
from feyn_nn.network import ERF, RELU, Activation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray

MAX_ORDER: Final = 4
_SAME_DIRECTION: Final = 1e-9
_NO_EIGENVALUE: Final = 1e-14
_NEGATIVE_EIGENVALUE: Final = -1e-9
_PANELS: Final = 14  # the narrowest ends at 4^-14 = 4e-9
_NODES: Final = 16


def moments_from_covariance(activation: Activation, covariance: FloatArray) -> FloatArray:
    """E[phi(z_1) ... phi(z_k)] for z ~ N(0, covariance), covariances of shape (..., k, k) with 1 <= k <= 4: shape (...).

    Rows may be equal (a repeated point) or dependent. For erf and relu, to about 1e-14 times prod sqrt(E phi(z_i)^2).
    Raises InputError for another activation or shape, and for a matrix that is not symmetric positive semidefinite.

    >>> bool(np.isclose(moments_from_covariance(RELU, np.full((4, 4), 2.0)), 3 * 2.0**2 / 2))
    True
    """
    if activation not in (ERF, RELU):
        raise InputError(f"activation {activation.name!r}: moments at a given covariance are known for erf and relu")
    matrix = np.asarray(covariance, dtype=np.float64)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2] or not 1 <= matrix.shape[-1] <= MAX_ORDER:
        raise InputError(
            f"covariance of shape {matrix.shape}: expected square matrices of 1 to {MAX_ORDER} pre-activations"
        )
    batch, k = matrix.shape[:-2], matrix.shape[-1]
    flat = matrix.reshape(-1, k, k)
    correlation, deviations = _checked_correlation(flat)
    if activation is RELU:
        moments = [_relu_moment(one, scale) for one, scale in zip(correlation, deviations, strict=True)]
        return np.array(moments, dtype=np.float64).reshape(batch)
    if k % 2:
        return np.zeros(batch)
    shrink = np.sqrt(2 * deviations**2 / (1 + 2 * deviations**2))
    if k == 2:
        two_signs: FloatArray = 2 / pi * np.arcsin(correlation[:, 0, 1] * shrink[:, 0] * shrink[:, 1])
        return two_signs.reshape(batch)
    values, vectors = np.linalg.eigh(correlation)
    common = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :] * shrink[:, :, None]
    own = np.eye(k) / np.sqrt(1 + 2 * deviations**2)[:, :, None]
    return _four_signs(np.concatenate([common, own], axis=2)).reshape(batch)


def _checked_correlation(matrices: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Correlations and standard deviations; a pre-activation without variance correlates with nothing."""
    variances = np.einsum("nii->ni", matrices)
    largest = np.max(np.abs(matrices), axis=(1, 2), initial=0.0)[:, None, None]
    symmetric = np.all(np.abs(matrices - matrices.transpose(0, 2, 1)) <= 1e-12 * largest)
    if not (np.all(np.isfinite(matrices)) and symmetric and np.all(variances >= 0)):
        raise InputError("covariance: expected finite, symmetric matrices with a diagonal of variances, zero or more")
    deviations = np.sqrt(variances)
    inverse = np.divide(1.0, deviations, out=np.zeros_like(deviations), where=deviations > 0)
    correlation: FloatArray = matrices * inverse[:, :, None] * inverse[:, None, :]
    smallest = np.linalg.eigvalsh(correlation)[:, 0]
    if np.any(smallest < _NEGATIVE_EIGENVALUE):
        raise InputError(
            f"covariance: its correlations have the eigenvalue {smallest.min():.3g}; expected a positive semidefinite matrix"
        )
    return correlation, deviations


def _relu_moment(correlation: FloatArray, deviations: FloatArray) -> float:
    if np.any(deviations == 0):
        return 0.0
    values, vectors = np.linalg.eigh(correlation)
    kept = values > _NO_EIGENVALUE * values[-1]
    rows = vectors[:, kept] * np.sqrt(values[kept])
    return float(np.prod(deviations)) * _positive_parts(list(rows), [1] * len(rows))


def _positive_parts(vectors: Sequence[FloatArray], exponents: Sequence[int]) -> float:
    """E[prod (v_i . g)_+^{a_i}] for a standard Gaussian vector g; exponent 0 is the step function."""
    factor, units, powers = _merged(vectors, exponents)
    if factor == 0.0:
        return 0.0
    if len(units) == 1:
        return factor * float(2.0 ** (powers[0] / 2 - 1)) * gamma((powers[0] + 1) / 2) / sqrt(pi)
    if not any(powers):
        return factor * _orthant(np.array(units))
    chosen = max(range(len(units)), key=powers.__getitem__)
    powers[chosen] -= 1
    total = 0.0
    for j, unit in enumerate(units):
        covariance = float(units[chosen] @ unit)
        if powers[j]:
            lower = [power - (k == j) for k, power in enumerate(powers)]
            total += covariance * powers[j] * _positive_parts(units, lower)
        else:
            others = [other - (other @ unit) * unit for k, other in enumerate(units) if k != j]
            lower = [power for k, power in enumerate(powers) if k != j]
            total += covariance / sqrt(2 * pi) * _positive_parts(others, lower)
    return factor * total


def _merged(vectors: Sequence[FloatArray], exponents: Sequence[int]) -> tuple[float, list[FloatArray], list[int]]:
    """A factor, distinct unit vectors and their exponents; the factor is 0 where the product vanishes."""
    factor = 1.0
    units: list[FloatArray] = []
    powers: list[int] = []
    for vector, power in zip(vectors, exponents, strict=True):
        norm = float(np.linalg.norm(vector))
        if norm == 0.0:
            return 0.0, units, powers
        factor *= norm**power
        unit = vector / norm
        for k, known in enumerate(units):
            if np.linalg.norm(unit + known) < _SAME_DIRECTION:
                return 0.0, units, powers
            if np.linalg.norm(unit - known) < _SAME_DIRECTION:
                powers[k] += power
                break
        else:
            units.append(unit)
            powers.append(power)
    return factor, units, powers


def _orthant(units: FloatArray) -> float:
    """The probability that 2, 3 or 4 standard Gaussians with these unit vectors are all positive."""
    pair_signs = 0.0
    for u, v in combinations(units, 2):
        # pi/2 - angle is arcsin of the correlation, without loss of digits near +-1
        angle = 2 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))
        pair_signs += 1 - 2 / pi * float(angle)
    if len(units) == MAX_ORDER:
        pair_signs += float(_four_signs(units[None])[0])
    return (1 + pair_signs) / float(2 ** len(units))


def _path() -> tuple[FloatArray, FloatArray]:
    """Nodes u and weights of dt on [0, 1], t = 1 - u^2: geometric panels, for correlations 1 - r^2 bend the integrand at r."""
    x, weight = np.polynomial.legendre.leggauss(_NODES)
    edges = np.concatenate([[0.0], 4.0 ** np.arange(-_PANELS, 1)])
    half = np.diff(edges)[:, None] / 2
    u = (edges[:-1, None] + half * (x + 1)).ravel()
    return u, (half * weight).ravel() * 2 * u


_U, _WEIGHTS = _path()


def _four_signs(units: FloatArray) -> FloatArray:
    """E[s_1 s_2 s_3 s_4] of the signs of v_i . g, for unit vectors of shape (quadruples, 4, dimensions): shape (quadruples,).

    On the path the correlations are M = t R + (1 - t) 1, whose minors are sums of the minors of R with coefficients that
    are positive; those of R are taken from the vectors, so that nothing cancels where R is nearly singular. With det_2 and
    det_4 the minors of M on {i, j} and on all four, and mixed that with rows i, j, k and columns i, j, m,

        arcsin(rho_km) = atan2(mixed, sqrt(det_2 det_4)),   1 - M_ij^2 = det_2.
    """
    small, large = _U**2, 1 - _U**2
    perpendicular = {i: _rejected(units, units[:, i]) for i in range(4)}
    area = {(i, j): _norm2(perpendicular[i][:, j]) for i in range(4) for j in range(4) if i != j}
    planes = {(i, j): _rejected(perpendicular[i], perpendicular[i][:, j]) for i, j in combinations(range(4), 2)}
    volume = {(i, j, k): area[i, j] * _norm2(planes[i, j][:, k]) for i, j, k in combinations(range(4), 3)}
    fourth = volume[0, 1, 2] * _norm2(_rejected(planes[0, 1], planes[0, 1][:, 2])[:, 3])
    areas, volumes = sum(area[pair] for pair in planes), sum(volume.values())
    det_4 = (
        np.outer(fourth, large**4)
        + np.outer(volumes, large**3 * small)
        + np.outer(areas, (large * small) ** 2)
        + (4 * large + small) * small**3
    )
    total = np.zeros(len(units))
    for i, j in planes:
        k, m = (index for index in range(4) if index not in (i, j))
        det_2 = np.outer(area[i, j], large**2) + (2 * large + small) * small
        mixed = (
            np.outer(area[i, j] * _inner(planes[i, j][:, k], planes[i, j][:, m]), large**3)
            + np.outer(
                _inner(perpendicular[i][:, k], perpendicular[i][:, m])
                + _inner(perpendicular[j][:, k], perpendicular[j][:, m]),
                large**2 * small,
            )
            + np.outer(_inner(units[:, k], units[:, m]), large * small**2)
        )
        angle = np.arctan2(mixed, np.sqrt(det_2 * det_4))
        total += _inner(units[:, i], units[:, j]) * ((angle / np.sqrt(det_2)) @ _WEIGHTS)
    result: FloatArray = (2 / pi) ** 2 * total
    return result


def _inner(a: FloatArray, b: FloatArray) -> FloatArray:
    product: FloatArray = np.einsum("nd,nd->n", a, b)
    return product


def _norm2(a: FloatArray) -> FloatArray:
    return _inner(a, a)


def _rejected(vectors: FloatArray, direction: FloatArray) -> FloatArray:
    """Every vector without its part along `direction`, of shapes (n, 4, d) and (n, d); a zero direction takes nothing."""
    norm = np.sqrt(_norm2(direction))[:, None]
    unit = np.divide(direction, norm, out=np.zeros_like(direction), where=norm > 0)
    rest: FloatArray = vectors - np.einsum("nkd,nd->nk", vectors, unit)[:, :, None] * unit[:, None, :]
    return rest
