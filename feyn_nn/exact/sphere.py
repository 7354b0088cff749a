"""Quadrature over the unit sphere for functions that are smooth on each side of given hyperplanes through the centre.

The hyperplanes u.y = 0 cut the sphere S^{r-1} into cells on which prod (u_i.y)_+ is a polynomial in y. Every cell is divided
into simplicial cones: first those of r independent hyperplanes, given ones as far as there are so many, with
edges at wide angles halved; then each further hyperplane cuts the cones that it crosses, edge by edge. In a cone with the
unit rays v_1 .. v_r the points are y = V tau / |V tau| with tau in the simplex tau_1 + .. + tau_r = 1, and

    d(area of the sphere) = |det V| |V tau|^{-r} d tau.

The simplex has a product rule of Gauss-Jacobi nodes in collapsed coordinates. All weights are positive, and a factor u_i.y
is a sum of non-negative terms wherever it is not cut off, so that no digits are lost. r = 1 is two points, r = 2 arcs.
"""

from __future__ import annotations

from itertools import product
from math import gamma, pi
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feyn_nn.arrays import FloatArray

_NO_DIRECTION: Final = 1e-14
_ON_PLANE: Final = 1e-13
_INDEPENDENT: Final = 1e-6
_NARROW_COSINE: Final = {1: 0.0, 2: 0.5, 3: 0.5, 4: 0.3}
"""Edges at wider angles are halved: fewer nodes a cone against more cones."""


def spanned(vectors: FloatArray) -> FloatArray:
    """Coordinates of vectors, shape (points, m), in an orthonormal basis of what they span: shape (points, r).

    The vectors as they are if they span everything, and zero stays zero, so that exact opposites and zeros survive.
    """
    left, values, _ = np.linalg.svd(vectors, full_matrices=False)
    kept = values > _NO_DIRECTION * values[0]
    if np.count_nonzero(kept) == vectors.shape[1]:
        return vectors
    coordinates: FloatArray = left[:, kept] * values[kept]
    coordinates[~np.any(vectors, axis=1)] = 0.0
    return coordinates


def cones(vectors: FloatArray) -> FloatArray:
    """Simplicial cones that fill R^r and that no hyperplane u.y = 0 crosses: their unit rays, shape (cones, r rays, r).

    `vectors` has the u, shape (points, r); zero vectors are ignored.
    """
    dimension = vectors.shape[1]
    norms = np.linalg.norm(vectors, axis=1)
    units = vectors[norms > 0] / norms[norms > 0, None]
    basis, others = _independent(units)
    dual = np.linalg.inv(basis).T
    dual /= np.linalg.norm(dual, axis=1)[:, None]
    signs = np.array(list(product((1.0, -1.0), repeat=dimension)))
    rays = _halved(signs[:, :, None] * dual, _NARROW_COSINE.get(dimension, 0.0))
    for unit in others:
        rays = _cut(rays, unit)
    return rays


def _independent(units: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
    """A basis of R^r from some of the vectors, completed by orthogonal ones, and the vectors that were left."""
    dimension = units.shape[1]
    left = list(units)
    chosen: list[FloatArray] = []
    frame = np.zeros((0, dimension))
    while left and len(chosen) < dimension:
        residual = np.array(left) - (np.array(left) @ frame.T) @ frame
        size = np.linalg.norm(residual, axis=1)
        best = int(np.argmax(size))
        if size[best] < _INDEPENDENT:
            break
        chosen.append(left.pop(best))
        frame = np.vstack([frame, residual[best] / size[best]])
    complement = np.linalg.svd(np.vstack([frame, np.zeros((dimension, dimension))]))[2][len(frame) :]
    return np.array([*chosen, *complement]), left


def _halved(rays: FloatArray, cosine: float) -> FloatArray:
    """Halve the widest edge of every cone that has one with a smaller cosine, until there is none."""
    a, b = np.triu_indices(rays.shape[1], 1)
    done = []
    while len(rays) and len(a):
        cosines = np.einsum("spx,spx->sp", rays[:, a], rays[:, b])
        wide = np.min(cosines, axis=1) < cosine
        done.append(rays[~wide])
        widest = np.argmin(cosines[wide], axis=1)
        rays = rays[wide]
        ends = a[widest], b[widest]
        rays = _split(rays, ends, sum(rays[np.arange(len(rays)), end] for end in ends))
    return np.concatenate([*done, rays])


def _cut(rays: FloatArray, unit: FloatArray) -> FloatArray:
    """Split the cones that the hyperplane unit.y = 0 crosses, edge by edge, until it crosses none."""
    done = []
    while len(rays):
        heights = rays @ unit
        heights[np.abs(heights) < _ON_PLANE] = 0.0
        high, low = np.argmax(heights, axis=1), np.argmin(heights, axis=1)
        each = np.arange(len(rays))
        crossed = (heights[each, high] > 0) & (heights[each, low] < 0)
        done.append(rays[~crossed])
        rays, heights, high, low = rays[crossed], heights[crossed], high[crossed], low[crossed]
        each = np.arange(len(rays))
        between = rays[each, low] * heights[each, high, None] - rays[each, high] * heights[each, low, None]
        between -= (between @ unit)[:, None] * unit
        rays = _split(rays, (high, low), between)
    return np.concatenate(done)


def _split(rays: FloatArray, ends: tuple[FloatArray, FloatArray], between: FloatArray) -> FloatArray:
    """Both halves of every cone, cut by a ray on the edge between two of its rays."""
    between = between / np.linalg.norm(between, axis=1)[:, None]
    halves = []
    for end in ends:
        half = rays.copy()
        half[np.arange(len(rays)), end] = between
        halves.append(half)
    return np.concatenate(halves)


def sphere_rules(rays: FloatArray, nodes: int, block: int) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield unit vectors (points, r) and weights (points,) of the mean over the sphere, about `block` points at a time.

    `nodes` for each of the r - 1 coordinates of every cone; the weights of all blocks together add up to 1.
    """
    dimension = rays.shape[1]
    simplex, simplex_weights = _simplex_rule(dimension - 1, nodes)
    volumes = np.abs(np.linalg.det(rays)) * (gamma(dimension / 2) / (2 * pi ** (dimension / 2)))
    size = max(1, block // len(simplex))
    for start in range(0, len(rays), size):
        points = np.einsum("tk,skx->stx", simplex, rays[start : start + size], optimize=True)
        norms = np.linalg.norm(points, axis=2)
        weights = volumes[start : start + size, None] * simplex_weights / norms**dimension
        yield (points / norms[:, :, None]).reshape(-1, dimension), weights.ravel()


def _simplex_rule(dimension: int, nodes: int) -> tuple[FloatArray, FloatArray]:
    """Barycentric coordinates (points, dimension + 1) and weights, which add up to 1/dimension!."""
    coordinates, weights, left = np.zeros((1, 0)), np.ones(1), np.ones(1)
    for axis in range(dimension):
        power = dimension - 1 - axis
        x, masses = special.roots_jacobi(nodes, power, 0)
        x, masses = (1 + x) / 2, masses / 2 ** (power + 1)
        coordinates = np.hstack([np.repeat(coordinates, nodes, axis=0), (left[:, None] * x).reshape(-1, 1)])
        weights = (weights[:, None] * masses).ravel()
        left = (left[:, None] * (1 - x)).ravel()
    return np.hstack([coordinates, left[:, None]]), weights
