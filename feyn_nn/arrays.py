"""Array types, the checked conversion of a user's numbers into arrays of points, and where sorted tuples stand."""

from __future__ import annotations

from math import comb
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from feyn_nn.errors import InputError

FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.intp]


def as_points(values: npt.ArrayLike, d_in: int, place: str = "inputs") -> FloatArray:
    """Return `values` as a read-only array of shape (points, d_in), finite, with at least one point.

    A flat list is accepted for d_in = 1. Raises InputError with `place` in the message.
    """
    try:
        points = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as problem:
        raise InputError(f"{place}: expected real numbers of shape (points, {d_in}) ({problem})") from None
    if points.ndim == 1 and d_in == 1:
        points = points[:, None]
    if points.ndim != 2 or points.shape[1] != d_in or points.shape[0] == 0:
        raise InputError(
            f"{place}: shape {points.shape} does not fit d_in = {d_in}; expected (points, {d_in}) "
            "with at least one point"
        )
    if not np.all(np.isfinite(points)):
        row, axis = (int(k) for k in np.argwhere(~np.isfinite(points))[0])
        raise InputError(f"{place}: point {row}, coordinate {axis} is {points[row, axis]}; expected finite numbers")
    points.setflags(write=False)
    return points


def plain(value: Any) -> Any:
    """Return `value` with NumPy scalars, arrays and tuples turned into JSON types, non-finite numbers into None."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def sorted_rank(points: int, tuples: IntArray) -> IntArray:
    """The places of sorted tuples, shape (..., k), in the lexicographic list of all sorted k-tuples of `points` points.

    >>> sorted_rank(3, np.array([(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]))
    array([0, 1, 2, 3, 4, 5])
    """
    length = tuples.shape[-1]
    rank = np.zeros(tuples.shape[:-1], dtype=np.intp)
    previous = np.zeros(tuples.shape[:-1], dtype=np.intp)
    for place in range(length):
        # below[v]: tuples of the places from here on whose first entry is less than v
        left = length - place - 1
        counts = [comb(points - first + left - 1, left) for first in range(points)]
        below = np.concatenate([[0], np.cumsum(counts, dtype=np.intp)]).astype(np.intp)
        current = tuples[..., place]
        rank += below[current] - below[previous]
        previous = current
    return rank
