"""Moments of an Erf-net neuron for any number of pre-activations: signs of noisy pre-activations.

erf(z) = E sign(z - xi) over xi ~ N(0, 1/2), so that with an independent xi for every factor M_n is the moment of n signs of
Gaussians with the correlations (C: the covariances of the pre-activations, C = sigma_b^2 + sigma_w^2 x.y / d_in in the first
layer; physics notes, section 3)

    R_ij = 2 C_ij / sqrt((1 + 2 C_ii)(1 + 2 C_jj)) for i != j, repeated inputs included,   R_ii = 1.

Odd moments vanish exactly. n = 2 is the arcsine of the kernel, without loss of digits at large variances.
"""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.errors import LimitError
from feyn_nn.exact.signs import evaluations, sign_moments
from feyn_nn.exact.tuples import ROUNDING, OrderMoments, tuple_array
from feyn_nn.kernels.closed_forms import erf_second_moment
from feyn_nn.kernels.covariances import Covariances
from feyn_nn.kernels.geometry import squared_norms

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray, IntArray

MAX_ORDER: Final = 8
_MOST_WORK: Final = 2e9


def erf_moments(vectors: FloatArray, n: int) -> OrderMoments:
    """M_n over the sorted n-tuples of pre-activations z = u.g with the vectors u, shape (points, r), for n from 1 to 8.

    Raises LimitError for n > 8, and for n = 8 with so many inputs that it would take minutes.
    """
    points = len(vectors)
    if n % 2:
        zeros = np.zeros(comb(points + n - 1, n))
        return OrderMoments(zeros, zeros.copy(), "zero by symmetry")
    if n > MAX_ORDER:
        raise LimitError(
            f"Erf-net's moment of order {n}: integrals are nested up to order {MAX_ORDER}; ask for no more"
        )
    variance = squared_norms(vectors)
    if n == 2:
        first, second = tuple_array(points, 2).T
        pairs = Covariances(variance, variance, vectors @ vectors.T, (vectors, vectors))
        values = erf_second_moment(pairs)[first, second]
        return OrderMoments(values, ROUNDING * np.abs(values), "closed form")
    tuples = tuple_array(points, n)
    cost = len(tuples) * evaluations((1,) * n, 8)
    if cost > _MOST_WORK:
        raise LimitError(
            f"Erf-net's moments of order {n} at {points} inputs: {len(tuples)} tuples would take about {cost:.1e} arcsines, "
            f"more than {_MOST_WORK:.0e}; ask for fewer inputs or a lower order"
        )
    noisy = np.sqrt(1 + 2 * variance)
    correlation = 2 * (vectors @ vectors.T) / np.outer(noisy, noisy)
    values, error = np.empty(len(tuples)), np.empty(len(tuples))
    for counts, (rows, groups) in _by_multiplicities(tuples).items():
        values[rows], error[rows] = sign_moments(correlation[groups[:, None], groups], counts)
    return OrderMoments(values, error, f"sign orthants, {n // 2 - 1}-dimensional integral")


def _by_multiplicities(tuples: IntArray) -> dict[tuple[int, ...], tuple[list[int], IntArray]]:
    """Rows of the tuples, and their distinct points of shape (groups, rows), by multiplicities in ascending order."""
    found: dict[tuple[int, ...], tuple[list[int], list[list[int]]]] = {}
    for row, entries in enumerate(tuples.tolist()):
        groups = sorted({point: entries.count(point) for point in entries}.items(), key=lambda pair: (pair[1], pair[0]))
        rows, points = found.setdefault(tuple(count for _, count in groups), ([], []))
        rows.append(row)
        points.append([point for point, _ in groups])
    return {counts: (rows, np.array(points, dtype=np.intp).T) for counts, (rows, points) in found.items()}
