"""The propagator of the free scalar field on a line (the other column of the talk's dictionary).

The Euclidean action S = (1/2) int dt [(d phi)^2 + m^2 phi^2] has the two-point function, in one dimension,

    K(x, y) = exp(-m |x - y|) / (2 m):

the ground state of a harmonic oscillator of frequency m, or a Gaussian process of Ornstein and Uhlenbeck. With the 1/2;
the talk's slide lacks it and has the other signature. In two dimensions and more K(z, z) diverges: such a field has no values
at points, and its diagrams with self-loops need a regulator.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, final

import numpy as np

from feyn_nn.errors import InputError
from feyn_nn.kernels.geometry import check_shape

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray


@final
@dataclass(frozen=True, slots=True)
class FreeFieldKernel:
    """Two-point function of the free scalar field of mass `mass` in one dimension.

    Raises InputError for d_in other than 1 and for a mass that is not positive.
    """

    mass: float = 1.0
    d_in: int = 1

    def __post_init__(self) -> None:
        if not (isfinite(self.mass) and self.mass > 0):
            raise InputError(f"mass = {self.mass}: expected a positive number")
        if self.d_in < 1:
            raise InputError(f"d_in = {self.d_in}: expected a positive integer")
        if self.d_in > 1:
            raise InputError(
                f"free scalar field in d_in = {self.d_in}: expected d_in = 1, for K(z, z) diverges in two dimensions and more; "
                "give a regularised propagator as an expression"
            )

    @property
    def name(self) -> str:
        """`free scalar field`."""
        return "free scalar field"

    @property
    def bias_variance(self) -> float:
        """Zero."""
        return 0.0

    @property
    def length_scale(self) -> float:
        """The correlation length 1/m."""
        return 1 / self.mass

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """K between x of shape (p, 1) and y of shape (q, 1): shape (p, q)."""
        check_shape(x, self.d_in)
        check_shape(y, self.d_in)
        decay: FloatArray = np.exp(-self.mass * np.abs(x - y.T))
        return decay / (2 * self.mass)

    def diagonal(self, y: FloatArray) -> FloatArray:
        """K(y_i, y_i) = 1/(2 m), shape (q,)."""
        check_shape(y, self.d_in)
        return np.full(len(y), 1 / (2 * self.mass))
