"""Covariances of two sets of pre-activations z_x and z_y, and what is made of them without loss of digits.

A network with a bias sees its inputs as the augmented points of `geometry`, whose inner products are the covariances of the
first layer; Gram determinants and distances then come from the points. In deeper layers only the covariances are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.kernels.geometry import augmented, gram_determinants, squared_distances, squared_norms

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class Covariances:
    """Var z_x of shape (p,), Var z_y of shape (q,), and Cov(z_x, z_y) of shape (p, q).

    `points` are the vectors whose inner products these are, if there are any.
    """

    xx: FloatArray
    yy: FloatArray
    xy: FloatArray
    points: tuple[FloatArray, FloatArray] | None = None

    @cached_property
    def determinant(self) -> FloatArray:
        """Var z_x Var z_y - Cov(z_x, z_y)^2 >= 0, shape (p, q)."""
        if self.points is not None:
            return gram_determinants(*self.points)
        rest: FloatArray = np.maximum(self.xx[:, None] * self.yy - self.xy**2, 0.0)
        return rest

    @cached_property
    def distance(self) -> FloatArray:
        """Var(z_x - z_y) >= 0, shape (p, q)."""
        if self.points is not None:
            return squared_distances(*self.points)
        rest: FloatArray = np.maximum(self.xx[:, None] - 2 * self.xy + self.yy, 0.0)
        return rest

    @cached_property
    def angle(self) -> FloatArray:
        """The angle between z_x and z_y, whose cosine is their correlation: 0 to pi, pi/2 without variance, shape (p, q)."""
        result: FloatArray = np.arctan2(np.sqrt(self.determinant), self.xy)
        result[self.xx == 0] = result[:, self.yy == 0] = np.pi / 2
        return result


def first_layer(x: FloatArray, y: FloatArray, d_in: int, sigma_w: float, sigma_b: float) -> Covariances:
    """Those of the first layer, C(x, y) = sigma_b^2 + sigma_w^2 x.y / d_in, for x of shape (p, d_in) and y of shape (q, d_in).

    Raises InputError for points of another shape.
    """
    u, v = augmented(x, d_in, sigma_w, sigma_b), augmented(y, d_in, sigma_w, sigma_b)
    return Covariances(squared_norms(u), squared_norms(v), u @ v.T, (u, v))
