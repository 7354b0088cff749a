"""Sums over samples of products of variables, for all sorted tuples of variables at once.

For variables v_1 .. v_m (outputs f(x_i), entries of K_hat, neurons phi(x_i)) this adds up, over samples, the products of n
variables indexed by `sorted_tuples(m, n)`. A sorted n-tuple is a sorted tuple of its first n//2 entries, the left half,
followed by one of the others, the right half, whose least entry is at least the greatest of the left half. With left
halves in colexicographic order those of equal greatest entry c are neighbours, and with right halves in lexicographic order
those that may follow are the tail from c on: the sums become a few matrix products, each of a group of left halves with a
tail of right halves, that compute little beyond what is wanted (for n = 6 and six variables 688 sums for 462 tuples, not
56 x 56).

Each matrix product is done in tiles small enough that a threaded BLAS keeps to the calling thread: results do not
depend on its number of threads, and workers do not fight over cores.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.arrays import sorted_rank
from feyn_nn.combinatorics import sorted_tuples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray, IntArray

MAX_ORDER: Final = 6
BATCH: Final = 128
"""Samples in one tile."""
_TILE: Final = (64, 32)  # times BATCH: 2^18 multiplications, up to which OpenBLAS stays on the calling thread
_BLOCK_NUMBERS: Final = 2**19
_GROUP: Final = {1: 8, 2: 2, 3: 2}
"""Greatest entries that are taken together, by the length of the left half."""


class ProductSums:
    """Running sums over samples of the products of `variables` variables, for each of the `orders` (1 to 6)."""

    def __init__(self, variables: int, orders: Sequence[int]) -> None:
        self._variables = variables
        self._orders = tuple(orders)
        longest = max(1, *(n - n // 2 for n in orders))
        sizes = {k: comb(variables + k - 1, k) for k in range(1, longest + 1)}
        rows = sizes[1] + 2 * sum(size for k, size in sizes.items() if k > 1)
        self.block = BATCH * max(1, min(32, _BLOCK_NUMBERS // rows // BATCH))
        """Samples whose products are formed at once: as many as stay in a cache."""
        single = np.zeros((variables, self.block))
        self._lexicographic = {1: single} | {k: np.zeros((sizes[k], self.block)) for k in range(2, longest + 1)}
        left = {n // 2 for n in orders if n > 3}
        self._colexicographic = {1: single} | {
            k: np.zeros((sizes[k], self.block)) for k in range(2, max(left, default=1) + 1)
        }
        self._first = np.zeros(variables)
        self._groups = {n: _groups(variables, n) for n in orders if n > 1}
        self._sums = {n: [np.zeros(group.shape) for group in groups] for n, groups in self._groups.items()}

    def add(self, values: FloatArray, weight: float = 1.0) -> None:
        """Add samples `values`, shape (variables, samples), each counted `weight` times."""
        for start in range(0, values.shape[1], self.block):
            self._add(values[:, start : start + self.block], weight)

    def _add(self, values: FloatArray, weight: float) -> None:
        size = values.shape[1]
        padded = -(-size // BATCH) * BATCH
        single = self._lexicographic[1]
        single[:, :size] = values
        single[:, size:padded] = 0.0  # samples that add nothing
        for k in range(2, len(self._lexicographic) + 1):
            _fill_lexicographic(self._lexicographic, k, padded)
        for k in range(2, len(self._colexicographic) + 1):
            _fill_colexicographic(self._colexicographic, k, padded)
        if 1 in self._orders:
            self._first += weight * single[:, :padded].sum(axis=1)
        for n, groups in self._groups.items():
            left, right = self._colexicographic[n // 2][:, :padded], self._lexicographic[n - n // 2][:, :padded]
            for total, group in zip(self._sums[n], groups, strict=True):
                _add_outer(total, left[group.start : group.stop], right[group.tail :], weight)

    def sums(self, n: int) -> FloatArray:
        """The sums of products of n variables over `sorted_tuples(variables, n)`."""
        if n == 1:
            return self._first.copy()
        flat = np.concatenate([total.ravel() for total in self._sums[n]])
        picked: FloatArray = flat[_places(self._variables, n)]
        return picked


@dataclass(frozen=True, slots=True)
class _Group:
    """Left halves `start` to `stop` in colexicographic order, with right halves from `tail` on."""

    start: int
    stop: int
    tail: int
    shape: tuple[int, int]


@lru_cache(maxsize=32)
def _groups(variables: int, n: int) -> tuple[_Group, ...]:
    left, right = n // 2, n - n // 2
    groups = []
    for first in range(0, variables, _GROUP[left]):
        last = min(first + _GROUP[left], variables)
        start, stop = (comb(c + left - 1, left) for c in (first, last))  # left halves with all entries below c
        tail = _tail(variables, right, first)
        groups.append(_Group(start, stop, tail, (stop - start, comb(variables + right - 1, right) - tail)))
    return tuple(groups)


def _tail(variables: int, length: int, c: int) -> int:
    """Number of sorted tuples of that length whose first entry is below c."""
    return comb(variables + length - 1, length) - comb(variables - c + length - 1, length)


@lru_cache(maxsize=32)
def _places(variables: int, n: int) -> IntArray:
    """Where each sorted n-tuple stands among the concatenated sums of all groups."""
    left = n // 2
    tuples = np.array(sorted_tuples(variables, n), dtype=np.intp)
    groups = _groups(variables, n)
    offsets = np.cumsum([0, *(rows * columns for rows, columns in (group.shape for group in groups))])
    number = tuples[:, left - 1] // _GROUP[left]
    starts, tails, columns = (
        np.array(column, dtype=np.intp)[number]
        for column in zip(*((group.start, group.tail, group.shape[1]) for group in groups), strict=True)
    )
    row = _colexicographic_rank(tuples[:, :left]) - starts
    column = sorted_rank(variables, tuples[:, left:]) - tails
    places: IntArray = offsets[number] + row * columns + column
    places.setflags(write=False)
    return places


def _colexicographic_rank(tuples: IntArray) -> IntArray:
    """The places of sorted tuples, shape (..., k), in the colexicographic list: sum over j of C(t_j + j, j + 1)."""
    rank = np.zeros(tuples.shape[:-1], dtype=np.intp)
    for j in range(tuples.shape[-1]):
        table = np.array([comb(value + j, j + 1) for value in range(int(tuples.max(initial=0)) + 1)], dtype=np.intp)
        rank += table[tuples[..., j]]
    return rank


def _fill_lexicographic(products: dict[int, FloatArray], k: int, size: int) -> None:
    """Products of k variables from those of k - 1: variable i times all that start at i or later."""
    start = 0
    for i, variable in enumerate(products[1]):
        rest = products[k - 1][_tail(len(products[1]), k - 1, i) :, :size]
        stop = start + len(rest)
        np.multiply(rest, variable[:size], out=products[k][start:stop, :size])
        start = stop


def _fill_colexicographic(products: dict[int, FloatArray], k: int, size: int) -> None:
    """Products of k variables from those of k - 1: variable c times all that end at c or before."""
    start = 0
    for c, variable in enumerate(products[1]):
        rest = products[k - 1][: comb(c + k - 1, k - 1), :size]
        stop = start + len(rest)
        np.multiply(rest, variable[:size], out=products[k][start:stop, :size])
        start = stop


def _add_outer(total: FloatArray, left: FloatArray, right: FloatArray, weight: float) -> None:
    """Add sum left[i] right[j] over samples, both (rows, samples), in tiles that BLAS does not thread."""
    batches = left.shape[1] // BATCH
    a = left.reshape(len(left), batches, BATCH).transpose(1, 0, 2)
    b = right.reshape(len(right), batches, BATCH).transpose(1, 2, 0)
    rows, columns = _TILE
    for i in range(0, len(left), rows):
        for j in range(0, len(right), columns):
            tile = np.matmul(a[:, i : i + rows], b[:, :, j : j + columns]).sum(axis=0)
            total[i : i + rows, j : j + columns] += tile if weight == 1.0 else weight * tile
