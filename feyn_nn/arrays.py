"""Array types, and the checked conversion of a user's numbers into arrays of points."""

from __future__ import annotations

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
