"""The kernel of Gauss-net, phi = exp(W0 x + b0) / exp(s + w |x|^2 / d_in) (talk, slide of the three kernels).

K(x, y) = s + w exp(-w |x - y|^2 / (2 d_in)), with w = sigma_w^2 and s = sigma_b^2: translation invariant.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, final

import numpy as np

from feyn_nn.kernels.closed_forms import gauss_second_moment
from feyn_nn.kernels.covariances import first_layer
from feyn_nn.kernels.geometry import check_parameters, check_shape

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray


@final
@dataclass(frozen=True, slots=True)
class GaussKernel:
    """Two-point function of Gauss-net. `sigma_w` and `sigma_b` are standard deviations."""

    d_in: int = 1
    sigma_w: float = 1.0
    sigma_b: float = 1.0

    def __post_init__(self) -> None:
        check_parameters(self.d_in, self.sigma_w, self.sigma_b)

    @property
    def name(self) -> str:
        """`Gauss-net kernel`."""
        return "Gauss-net kernel"

    @property
    def bias_variance(self) -> float:
        """sigma_b^2."""
        return self.sigma_b**2

    @property
    def length_scale(self) -> float:
        """The standard deviation sqrt(d_in) / sigma_w of the Gaussian in |x - y|."""
        return sqrt(self.d_in) / self.sigma_w

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """K between x of shape (p, d_in) and y of shape (q, d_in): shape (p, q)."""
        covariances = first_layer(x, y, self.d_in, self.sigma_w, self.sigma_b)
        return self.bias_variance + self.sigma_w**2 * gauss_second_moment(covariances)

    def diagonal(self, y: FloatArray) -> FloatArray:
        """K(y_i, y_i) = s + w, shape (q,)."""
        check_shape(y, self.d_in)
        return np.full(len(y), self.bias_variance + self.sigma_w**2)
