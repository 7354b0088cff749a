"""The kernel of Erf-net, phi(z) = erf(z) (talk, slide of the three kernels; Williams 1997).

K(x, y) = s + (2 w / pi) arcsin( 2 C(x,y) / sqrt((1 + 2 C(x,x)) (1 + 2 C(y,y))) ), C = s + w x.y / d_in,
with w = sigma_w^2 and s = sigma_b^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, final

from feyn_nn.kernels.closed_forms import erf_second_moment, erf_square
from feyn_nn.kernels.covariances import first_layer
from feyn_nn.kernels.geometry import augmented, check_parameters, squared_norms

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray


@final
@dataclass(frozen=True, slots=True)
class ErfKernel:
    """Two-point function of Erf-net. `sigma_w` and `sigma_b` are standard deviations."""

    d_in: int = 1
    sigma_w: float = 1.0
    sigma_b: float = 1.0

    def __post_init__(self) -> None:
        check_parameters(self.d_in, self.sigma_w, self.sigma_b)

    @property
    def name(self) -> str:
        """`Erf-net kernel`."""
        return "Erf-net kernel"

    @property
    def bias_variance(self) -> float:
        """sigma_b^2."""
        return self.sigma_b**2

    @property
    def length_scale(self) -> float:
        """Where the pre-activation's variance from the weights reaches (1 + 2 sigma_b^2) / 2."""
        return sqrt(self.d_in * (1 + 2 * self.sigma_b**2) / 2) / self.sigma_w

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """K between x of shape (p, d_in) and y of shape (q, d_in): shape (p, q)."""
        covariances = first_layer(x, y, self.d_in, self.sigma_w, self.sigma_b)
        return self.bias_variance + self.sigma_w**2 * erf_second_moment(covariances)

    def diagonal(self, y: FloatArray) -> FloatArray:
        """K(y_i, y_i), shape (q,)."""
        variance = squared_norms(augmented(y, self.d_in, self.sigma_w, self.sigma_b))
        return self.bias_variance + self.sigma_w**2 * erf_square(variance)
