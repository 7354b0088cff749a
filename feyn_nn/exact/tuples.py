"""Sums over quadrature nodes for all sorted tuples of points at once, and how their error is judged.

Arrays run over the sorted n-tuples of the points, repeats allowed, in lexicographic order (`combinatorics.sorted_tuples`).
With P_k the products of k values at every node, all n-tuples come from one matrix product P_a^T diag(weights) P_b with
a + b = n: a sorted tuple is its first a and its last b entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.arrays import sorted_rank
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.exact.cumulants import relative_accuracy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from feyn_nn.arrays import FloatArray, IntArray

ROUNDING: Final = 1e-14
"""Relative error that is always allowed for in sums over nodes."""
_BLOCK: Final = 1 << 18
_BLAS_ONE_THREAD: Final = 1 << 18
"""Multiplications up to which OpenBLAS keeps a product on the calling thread; its threads wait for each other on busy cores."""


@dataclass(frozen=True, slots=True, eq=False)
class OrderMoments:
    """Moments of one order: values and bounds on their absolute errors, shape (tuples,), and the method in words."""

    values: FloatArray
    error: FloatArray
    method: str

    @property
    def accuracy(self) -> float:
        """The largest relative error of a moment that is not zero within its own bound; 0 if there is none."""
        return relative_accuracy(np.abs(self.values), self.error)


@lru_cache(maxsize=64)
def tuple_array(points: int, n: int) -> IntArray:
    """`combinatorics.sorted_tuples` as a read-only array of shape (tuples, n)."""
    array = np.array(sorted_tuples(points, n), dtype=np.intp).reshape(-1, n)
    array.setflags(write=False)
    return array


def columns(points: int, orders: Iterable[int]) -> int:
    """Number of products that `TupleSums` forms at every node."""
    return comb(points + (max(orders) + 1) // 2, points)


def work(points: int, orders: Iterable[int]) -> int:
    """Multiplications at every node that `TupleSums` needs."""
    orders = tuple(orders)
    halves = ((comb(points + (n + 1) // 2 - 1, (n + 1) // 2), comb(points + n // 2 - 1, n // 2)) for n in orders)
    return columns(points, orders) + sum(a * b for a, b in halves)


class TupleSums:
    """Sum over nodes of weight * prod of values at the points of a tuple, for all sorted tuples of some orders."""

    def __init__(self, points: int, orders: Sequence[int]) -> None:
        self._points = points
        self._longest = (max(orders) + 1) // 2
        self._sums = {n: np.zeros((self._count((n + 1) // 2), self._count(n // 2))) for n in orders}
        self.block = max(256, _BLOCK // columns(points, orders))
        """Number of nodes that one call of `add` should bring, so that memory stays small."""

    def _count(self, length: int) -> int:
        return comb(self._points + length - 1, length)

    def add(self, values: FloatArray, weights: FloatArray) -> None:
        """Add nodes: values of shape (points, nodes) and weights of shape (nodes,)."""
        products = [np.ones((1, len(weights))), values]
        for length in range(2, self._longest + 1):
            tuples = tuple_array(self._points, length)
            products.append(products[-1][sorted_rank(self._points, tuples[:, :-1])] * values[tuples[:, -1]])
        weighted = [product * weights for product in products[: self._longest + 1]]
        for n, total in self._sums.items():
            left, right = products[(n + 1) // 2], weighted[n // 2].T
            step = max(8, _BLAS_ONE_THREAD // total.size)
            for start in range(0, len(weights), step):
                total += left[:, start : start + step] @ right[start : start + step]

    def moments(self, n: int) -> FloatArray:
        """The sums for order n, shape (tuples,)."""
        tuples, first = tuple_array(self._points, n), (n + 1) // 2
        rank = sorted_rank(self._points, tuples[:, :first]), sorted_rank(self._points, tuples[:, first:])
        result: FloatArray = self._sums[n][rank]
        return result


def error_of_finest(
    coarse: FloatArray, middle: FloatArray, fine: FloatArray, scale: FloatArray, largest_gain: float = 0.02
) -> float:
    """Error of `fine` relative to `scale`, from three approximations whose errors fall by about the same factor q at each step.

    The distances e1, e2 of the two others from it give q = e2/(e1 - e2), and its own error is e2 q/(1-q). Not less than
    `largest_gain` times e2 is claimed, for e2 may be small by accident; 2 e2 for q above 2/3, and nothing below rounding.
    """
    safe = np.where(scale > 0, scale, 1.0)
    first = float(np.max(np.abs(coarse - fine) / safe, initial=0.0))
    second = float(np.max(np.abs(middle - fine) / safe, initial=0.0))
    gain = min(2.0, second / (first - 2 * second)) if first > 2 * second else 2.0
    return max(second * max(gain, largest_gain), ROUNDING)
