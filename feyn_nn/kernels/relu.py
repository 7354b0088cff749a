"""The kernel of ReLU-net, phi(z) = max(z, 0) (talk, slide of the three kernels; Cho, Saul 2009).

K(x, y) = s + w / (2 pi) sqrt(C(x,x) C(y,y)) (sin theta + (pi - theta) cos theta),
cos theta = C(x,y) / sqrt(C(x,x) C(y,y)), C = s + w x.y / d_in, with w = sigma_w^2 and s = sigma_b^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial, pi, sqrt
from typing import TYPE_CHECKING, Final, final

import numpy as np

from feyn_nn.kernels.geometry import augmented, check_parameters, gram_determinants, squared_norms

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

_SERIES_BELOW: Final = 0.3
_SERIES: Final = tuple((-1) ** (k + 1) * 2 * k / factorial(2 * k + 1) for k in range(1, 8))


def _sine_minus_angle_cosine(delta: FloatArray) -> FloatArray:
    """Sin(delta) - delta cos(delta) = delta^3/3 - ..., to full relative accuracy on [0, pi]."""
    small = np.minimum(delta, _SERIES_BELOW)
    series = np.zeros_like(delta)
    for coefficient in reversed(_SERIES):
        series = coefficient + small**2 * series
    result: FloatArray = np.where(delta < _SERIES_BELOW, small**3 * series, np.sin(delta) - delta * np.cos(delta))
    return result


@final
@dataclass(frozen=True, slots=True)
class ReluKernel:
    """Two-point function of ReLU-net. `sigma_w` and `sigma_b` are standard deviations."""

    d_in: int = 1
    sigma_w: float = 1.0
    sigma_b: float = 0.0

    def __post_init__(self) -> None:
        check_parameters(self.d_in, self.sigma_w, self.sigma_b)

    @property
    def name(self) -> str:
        """`ReLU-net kernel`."""
        return "ReLU-net kernel"

    @property
    def bias_variance(self) -> float:
        """sigma_b^2."""
        return self.sigma_b**2

    @property
    def length_scale(self) -> float:
        """Where weights and bias contribute equally; 1 without a bias, when K has no scale."""
        return sqrt(self.d_in) * self.sigma_b / self.sigma_w if self.sigma_b > 0 else 1.0

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """K between x of shape (p, d_in) and y of shape (q, d_in): shape (p, q).

        Exactly s where C(x,x) or C(y,y) vanishes.
        """
        u = augmented(x, self.d_in, self.sigma_w, self.sigma_b)
        v = augmented(y, self.d_in, self.sigma_w, self.sigma_b)
        # delta = pi - theta is small where u and v are opposite: there sin theta
        # and (pi - theta) cos theta cancel
        delta: FloatArray = np.arctan2(np.sqrt(gram_determinants(u, v)), -(u @ v.T))
        norms = np.outer(np.sqrt(squared_norms(u)), np.sqrt(squared_norms(v)))
        return self.bias_variance + self.sigma_w**2 / (2 * pi) * norms * _sine_minus_angle_cosine(delta)

    def diagonal(self, y: FloatArray) -> FloatArray:
        """K(y_i, y_i) = s + w C(y_i, y_i) / 2, shape (q,)."""
        variance = squared_norms(augmented(y, self.d_in, self.sigma_w, self.sigma_b))
        return self.bias_variance + self.sigma_w**2 / 2 * variance
