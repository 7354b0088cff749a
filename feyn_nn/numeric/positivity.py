"""Whether a kernel can be a covariance: its matrix on any points has to be positive semidefinite.

The matrix is scaled to ones on its diagonal. An eigenvector with a negative eigenvalue is a sum of values of the field
whose variance would be negative; the points that it mostly consists of say where the kernel fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.errors import InputError

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels import Kernel

_TOLERANCE: Final = 1e-9
_GOLDEN: Final = (5**0.5 - 1) / 2


def spread_out(nodes: FloatArray, number: int) -> FloatArray:
    """At most so many of the nodes, from everywhere among them.

    >>> spread_out(np.arange(1000.0), 4).tolist()
    [236.0, 472.0, 618.0, 854.0]
    """
    if len(nodes) <= number:
        return nodes
    chosen = (np.arange(1, number + 1) * _GOLDEN % 1.0 * len(nodes)).astype(np.intp)
    return nodes[np.unique(chosen)]


def check_positive(kernel: Kernel, points: FloatArray) -> None:
    """Raise InputError, with the place, unless K on the points, shape (points, d), is positive semidefinite."""
    matrix = kernel(points, points)
    variances = np.diagonal(matrix)
    lowest = int(np.argmin(variances))
    if variances[lowest] < 0:
        raise InputError(
            f"{kernel.name}: K(y, y) = {variances[lowest]:.6g} at y = {points[lowest].tolist()}: expected the variance of a "
            "field, zero or more; correct the kernel"
        )
    scale = np.sqrt(np.where(variances > 0, variances, 1.0))
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    if values[0] < -_TOLERANCE * len(points):
        first, second = np.argsort(-np.abs(vectors[:, 0]))[:2]
        raise InputError(
            f"{kernel.name} is not positive semidefinite: a sum of values of the field at {len(points)} points, mostly at y = "
            f"{points[first].tolist()} and y = {points[second].tolist()}, would have a negative variance ({values[0]:.3g} for "
            "normalised values); expected a covariance; correct the kernel"
        )
