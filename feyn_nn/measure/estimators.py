"""Estimators of Delta G^(n) = G^(n) - G_GP^(n), experiment by experiment; all unbiased.

- PLAIN: averages of products of outputs, as in the talk, minus the Gaussian sum over pairings of K.
- CONDITIONAL: given its hidden layer f is Gaussian with kernel K_hat, so G^(n) is the average over networks of the
  sum over pairings of K_hat: the output layer is integrated out exactly.
- CENTRED: the same with K_hat = K + D. The terms linear in D average to zero because E[K_hat] = K, and are dropped:
  Delta G^(4) = sum_3 <D D>, Delta G^(6) = sum_15 (<D D D> + K <D D> + 2 perms). Needs the exact K.

(physics notes, section 6). The variance of CENTRED is some 1e7 times smaller than that of PLAIN for Erf at width 100.
Arrays have shape (experiments, tuples), tuples being sorted.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.combinatorics import pairings, sorted_tuples
from feyn_nn.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from feyn_nn.arrays import FloatArray, IntArray
    from feyn_nn.ensembles import Ensemble


class Estimator(Enum):
    """A way to measure Delta G^(n); each member states what it assumes."""

    PLAIN = "plain"
    CONDITIONAL = "conditional"
    CENTRED = "centred"

    @property
    def assumption(self) -> str:
        """What the estimator rests on, in words."""
        return {
            Estimator.PLAIN: "independent networks; products of outputs averaged",
            Estimator.CONDITIONAL: "outputs are Gaussian given the hidden layer, whose kernel K_hat was recorded",
            Estimator.CENTRED: "outputs are Gaussian given the hidden layer, and K is the exact kernel of the ensemble",
        }[self]


@lru_cache(maxsize=16)
def pairing_table(points: int, n: int) -> IntArray:
    """Numbers of the pairs in every pairing of every sorted n-tuple: shape (tuples, (n-1)!!, n/2)."""
    number = {pair: index for index, pair in enumerate(sorted_tuples(points, 2))}
    table = np.array(
        [[[number[pair] for pair in pairing] for pairing in pairings(indices)] for indices in sorted_tuples(points, n)],
        dtype=np.intp,
    )
    table.setflags(write=False)
    return table


@lru_cache(maxsize=16)
def _product_table(points: int, n: int) -> IntArray:
    """Number of the sorted product of pairs in every pairing of every sorted n-tuple: shape (tuples, (n-1)!!)."""
    pairs = len(sorted_tuples(points, 2))
    number = {product: index for index, product in enumerate(sorted_tuples(pairs, n // 2))}
    rows = [[number[tuple(sorted(pairing))] for pairing in row] for row in pairing_table(points, n).tolist()]
    return np.array(rows, dtype=np.intp)


def gaussian(kernel: FloatArray, points: int, n: int) -> FloatArray:
    """Sum over pairings of prod K for every sorted n-tuple.

    `kernel` holds K on the sorted pairs, shape (..., pairs); the result has shape (..., tuples).
    """
    table = pairing_table(points, n)
    product: FloatArray = np.prod(kernel[..., table], axis=-1)
    total: FloatArray = product.sum(axis=-1)
    return total


def delta(ensemble: Ensemble, kernel: FloatArray, estimator: Estimator, n: int) -> FloatArray:
    """Delta G^(n) with respect to `kernel` on the sorted pairs, for n = 2, 4, 6: (experiments, tuples).

    PLAIN and CONDITIONAL also take one kernel for each experiment, shape (experiments, pairs). CENTRED has
    Delta G^(2) = 0 identically. Raises InputError if the ensemble has no record of K_hat.
    """
    points = ensemble.points
    if estimator is Estimator.PLAIN:
        return ensemble.values[n] - gaussian(kernel, points, n)
    if not ensemble.conditional:
        raise InputError(f"estimator {estimator.value}: imported outputs carry no hidden layer; use plain")
    first = ensemble.conditional[1]
    if estimator is Estimator.CONDITIONAL:
        if n == 2:
            return first - kernel
        total: FloatArray = ensemble.conditional[n // 2][:, _product_table(points, n)].sum(axis=-1)
        return total - gaussian(kernel, points, n)
    if n == 2:
        return np.zeros_like(first)
    centred = _centred(ensemble.conditional[2], first, kernel)
    table = pairing_table(points, n)
    if n == 4:
        result: FloatArray = centred[:, table[..., 0], table[..., 1]].sum(axis=-1)
        return result
    a, b, c = (table[..., k] for k in range(3))
    third = _third(ensemble.conditional, kernel, centred, points)
    linear = kernel[a] * centred[:, b, c] + kernel[b] * centred[:, a, c] + kernel[c] * centred[:, a, b]
    sixth: FloatArray = (third + linear).sum(axis=-1)
    return sixth


def _centred(second: FloatArray, first: FloatArray, kernel: FloatArray) -> FloatArray:
    """<D_a D_b> as a symmetric matrix over pairs, shape (experiments, pairs, pairs)."""
    pairs = len(kernel)
    i, j = np.triu_indices(pairs)
    values = second - first[:, i] * kernel[j] - kernel[i] * first[:, j] + kernel[i] * kernel[j]
    matrix = np.empty((len(second), pairs, pairs))
    matrix[:, i, j] = values
    matrix[:, j, i] = values
    return matrix


def _third(conditional: Mapping[int, FloatArray], kernel: FloatArray, centred: FloatArray, points: int) -> FloatArray:
    """<D_a D_b D_c> for every pairing of every sorted 6-tuple: shape (experiments, tuples, 15)."""
    table = pairing_table(points, 6)
    a, b, c = (table[..., k] for k in range(3))
    product = conditional[3][:, _product_table(points, 6)]
    shift = conditional[1] - kernel  # <D>, zero on average but not in the sample
    result: FloatArray = (
        product
        - kernel[a] * kernel[b] * kernel[c]
        - kernel[a] * kernel[b] * shift[:, c]
        - kernel[a] * kernel[c] * shift[:, b]
        - kernel[b] * kernel[c] * shift[:, a]
        - kernel[a] * centred[:, b, c]
        - kernel[b] * centred[:, a, c]
        - kernel[c] * centred[:, a, b]
    )
    return result
