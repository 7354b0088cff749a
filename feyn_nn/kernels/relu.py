"""The kernel of ReLU-net, phi(z) = max(z, 0) (talk, slide of the three kernels; Cho, Saul 2009).

K(x, y) = s + w / (2 pi) sqrt(C(x,x) C(y,y)) (sin theta + (pi - theta) cos theta),
cos theta = C(x,y) / sqrt(C(x,x) C(y,y)), C = s + w x.y / d_in, with w = sigma_w^2 and s = sigma_b^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, final

from feyn_nn.kernels.closed_forms import relu_second_moment, relu_square
from feyn_nn.kernels.covariances import first_layer
from feyn_nn.kernels.geometry import augmented, check_parameters, squared_norms

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray


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
        covariances = first_layer(x, y, self.d_in, self.sigma_w, self.sigma_b)
        return self.bias_variance + self.sigma_w**2 * relu_second_moment(covariances)

    def diagonal(self, y: FloatArray) -> FloatArray:
        """K(y_i, y_i) = s + w C(y_i, y_i) / 2, shape (q,)."""
        variance = squared_norms(augmented(y, self.d_in, self.sigma_w, self.sigma_b))
        return self.bias_variance + self.sigma_w**2 * relu_square(variance)
