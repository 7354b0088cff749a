"""Inner products, and Gram determinants without cancellation, for the kernels in closed form.

A network with a bias sees its input as the augmented point (sigma_b, sigma_w x / sqrt(d_in)), whose inner
product with another one is C(x, y) = sigma_b^2 + sigma_w^2 x.y / d_in, the covariance of two pre-
activations. The angle between two augmented points enters the Erf and ReLU kernels; it is taken from
atan2(sqrt(det), C), with det the Gram determinant C(x,x) C(y,y) - C(x,y)^2, because arcsin and arccos lose
half the digits where their argument is near 1. The two forms are the same function: atan2 needs no
clipping, since det >= 0 holds in floating point too.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.errors import InputError

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray


def check_parameters(d_in: int, sigma_w: float, sigma_b: float) -> None:
    """Raise InputError unless d_in >= 1, sigma_w > 0 and sigma_b >= 0, all finite."""
    if d_in < 1:
        raise InputError(f"d_in = {d_in}: expected a positive integer")
    if not (isfinite(sigma_w) and sigma_w > 0):
        raise InputError(f"sigma_w = {sigma_w}: expected a positive standard deviation")
    if not (isfinite(sigma_b) and sigma_b >= 0):
        raise InputError(f"sigma_b = {sigma_b}: expected a standard deviation, zero or more")


def check_shape(points: FloatArray, d_in: int) -> None:
    """Raise InputError unless `points` has the shape (points, d_in)."""
    if points.ndim != 2 or points.shape[1] != d_in:
        raise InputError(
            f"kernel called with points of shape {points.shape}: expected (points, {d_in}), as its d_in is {d_in}"
        )


def augmented(points: FloatArray, d_in: int, sigma_w: float, sigma_b: float) -> FloatArray:
    """Points of shape (p, d_in) as (sigma_b, sigma_w x / sqrt(d_in)), shape (p, d_in + 1).

    Without a bias the first column is left out.
    """
    check_shape(points, d_in)
    scaled: FloatArray = points * (sigma_w / np.sqrt(d_in))
    if sigma_b == 0:
        return scaled
    return np.hstack([np.full((len(points), 1), sigma_b), scaled])


def squared_norms(points: FloatArray) -> FloatArray:
    """|x|^2 for points of shape (p, d): shape (p,)."""
    squared: FloatArray = np.einsum("pd,pd->p", points, points)
    return squared


def squared_distances(x: FloatArray, y: FloatArray) -> FloatArray:
    """|x - y|^2 of shape (p, q), summed coordinate by coordinate so that near points lose no digits."""
    total = np.zeros((len(x), len(y)))
    for k in range(x.shape[1]):
        total += np.square(x[:, k, None] - y[None, :, k])
    return total


def gram_determinants(u: FloatArray, v: FloatArray) -> FloatArray:
    """|u|^2 |v|^2 - (u.v)^2 >= 0, of shape (p, q), for u of shape (p, m) and v of shape (q, m).

    Never formed as that difference: zero for m = 1, one squared minor for m = 2, otherwise |u|^2 times the
    squared distance of v from its projection on u.
    """
    if u.shape[1] == 1:
        return np.zeros((len(u), len(v)))
    if u.shape[1] == 2:
        minor: FloatArray = np.square(np.outer(u[:, 0], v[:, 1]) - np.outer(u[:, 1], v[:, 0]))
        return minor
    norms = squared_norms(u)
    safe = np.where(norms > 0, norms, 1.0)
    ratio = (u @ v.T) / safe[:, None]
    total = np.zeros(ratio.shape)
    for k in range(u.shape[1]):
        total += np.square(v[None, :, k] - ratio * u[:, k, None])
    total *= norms[:, None]
    return total
