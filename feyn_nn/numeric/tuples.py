"""Sorted tuples of inputs as tables: products of legs over them, where they stand, their sub-tuples."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations_with_replacement
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.arrays import sorted_rank
from feyn_nn.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray, IntArray


def tuple_count(points: int, size: int) -> int:
    """How many sorted tuples of `size` inputs there are."""
    return comb(points + size - 1, size)


def index_table(tuples: Sequence[tuple[int, ...]], legs: int, points: int) -> IntArray:
    """Tuples of input indices as an array of shape (tuples, legs); raises InputError for one that does not fit."""
    if all(len(row) == legs for row in tuples):
        table = np.array(tuples, dtype=np.intp).reshape(len(tuples), legs)
        if not table.size or (table.min() >= 0 and table.max() < points):
            return table
    wrong = next(row for row in tuples if len(row) != legs or not all(0 <= index < points for index in row))
    raise InputError(
        f"tuple {tuple(wrong)}: expected {legs} indices of inputs, one for each leg, from 0 to {points - 1}"
    )


@lru_cache(maxsize=64)
def tuple_table(points: int, size: int) -> IntArray:
    """All sorted tuples in lexicographic order, shape (tuples, size)."""
    rows = list(combinations_with_replacement(range(points), size))
    table = np.array(rows, dtype=np.intp).reshape(len(rows), size)
    table.setflags(write=False)
    return table


def leg_products(legs: FloatArray, size: int) -> FloatArray:
    """Products over sorted tuples of `size` rows of `legs`, shape (points, nodes): shape (tuples, nodes)."""
    table = tuple_table(len(legs), size)
    if size == 0:
        return np.ones((1, legs.shape[1]))
    result: FloatArray = legs[table[:, 0]]
    for column in range(1, size):
        result *= legs[table[:, column]]
    return result


@lru_cache(maxsize=64)
def subtuple_counts(points: int, size: int) -> tuple[FloatArray, ...]:
    """For k = 0..size how often each sorted k-tuple is part of each sorted tuple of `size` inputs: shape (tuples, k-tuples)."""
    table = tuple_table(points, size)
    number = np.arange(2**size)
    masks = (number[:, None] >> np.arange(size)) & 1 == 1
    result = []
    for k in range(size + 1):
        counts = np.zeros((len(table), tuple_count(points, k)))
        for mask in masks[masks.sum(axis=1) == k]:
            np.add.at(counts, (np.arange(len(table)), sorted_rank(points, table[:, mask])), 1.0)
        result.append(counts)
    return tuple(result)


@lru_cache(maxsize=64)
def half_positions(points: int, size: int) -> tuple[IntArray, IntArray]:
    """Where the first size // 2 entries of each sorted tuple stand among all tuples of so many, and where the others do."""
    table, half = tuple_table(points, size), size // 2
    return sorted_rank(points, table[:, :half]), sorted_rank(points, table[:, half:])


class TuplePositions:
    """Where parts of the rows of a table stand among all sorted tuples; remembers the answers for the last table."""

    def __init__(self, points: int) -> None:
        self._points = points
        self._table: IntArray | None = None
        self._sorted = False
        self._known: dict[tuple[int, ...], IntArray] = {}

    def __call__(self, table: IntArray, legs: tuple[int, ...]) -> IntArray:
        """The position of each row's part at the columns `legs`, in any order, shape (rows,)."""
        if table is not self._table:
            self._table, self._known = table, {}
            self._sorted = bool(np.all(table[:, 1:] >= table[:, :-1]))
        key = tuple(sorted(legs))
        if key not in self._known:
            part = table[:, key]
            self._known[key] = sorted_rank(self._points, part if self._sorted else np.sort(part, axis=1))
        return self._known[key]
