"""Sums over pairings of the legs of every sorted tuple, by place in sorted lists.

Arrays over n legs run over `sorted_tuples(points, n)`. An entry of a symmetric matrix over the points, such as K, has the
number of its sorted pair in `sorted_tuples(points, 2)`, and a product of k entries the place of its sorted k-tuple of these
numbers in `sorted_tuples(pairs, k)`.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.arrays import sorted_rank
from feyn_nn.combinatorics import pairings, sorted_tuples

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray, IntArray


def pair_count(points: int) -> int:
    """Number of entries of a symmetric matrix over the points."""
    return comb(points + 1, 2)


@lru_cache(maxsize=16)
def tuple_rows(size: int, n: int) -> IntArray:
    """`sorted_tuples(size, n)` as a read-only array of shape (tuples, n)."""
    rows = np.array(sorted_tuples(size, n), dtype=np.intp).reshape(-1, n)
    rows.setflags(write=False)
    return rows


@lru_cache(maxsize=16)
def pairing_table(points: int, n: int) -> IntArray:
    """Numbers of the pairs in every pairing of every sorted n-tuple, ascending: shape (tuples, (n-1)!!, n/2)."""
    legs = np.array([list(pairing) for pairing in pairings(range(n))], dtype=np.intp)
    table: IntArray = np.sort(sorted_rank(points, tuple_rows(points, n)[:, legs]), axis=-1)
    table.setflags(write=False)
    return table


@lru_cache(maxsize=16)
def _product_table(points: int, n: int) -> IntArray:
    """Place of the product of the pairs in every pairing of every sorted n-tuple: shape (tuples, (n-1)!!)."""
    table = sorted_rank(pair_count(points), pairing_table(points, n))
    table.setflags(write=False)
    return table


def over_pairings(products: FloatArray, points: int, n: int) -> FloatArray:
    """Sum over pairings of `products` of n/2 entries, shape (..., products): shape (..., tuples)."""
    table = _product_table(points, n)
    total = products[..., table[:, 0]].copy()
    for column in table.T[1:]:
        total += products[..., column]
    return total


def gaussian(kernel: FloatArray, points: int, n: int) -> FloatArray:
    """Sum over pairings of prod K for every sorted n-tuple; zero for odd n.

    `kernel` holds K on the sorted pairs, shape (..., pairs); the result has shape (..., tuples).
    """
    if n % 2:
        return np.zeros((*kernel.shape[:-1], len(tuple_rows(points, n))))
    rows = tuple_rows(pair_count(points), n // 2)
    return over_pairings(np.prod(kernel[..., rows], axis=-1), points, n)
