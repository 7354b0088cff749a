"""K_W = K - sigma_b^2: the two-point function of what the output weights carry.

The output bias is an independent Gaussian constant, so exact connected correlators of more than two points
contain only K_W legs. The talk's formulas and beta functions use K; both are offered and every result names
the one it used.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels.base import Kernel


@final
@dataclass(frozen=True, slots=True)
class WeightsPropagator:
    """A kernel without the output bias' constant: again a kernel, whose own `bias_variance` is zero."""

    kernel: Kernel

    @property
    def name(self) -> str:
        """The kernel's name, and that the output bias is left out."""
        return f"{self.kernel.name} without the output bias"

    @property
    def d_in(self) -> int:
        """Number of coordinates of a point."""
        return self.kernel.d_in

    @property
    def bias_variance(self) -> float:
        """Zero."""
        return 0.0

    @property
    def length_scale(self) -> float:
        """That of the full kernel."""
        return self.kernel.length_scale

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """K_W between x of shape (p, d_in) and y of shape (q, d_in): shape (p, q)."""
        return self.kernel(x, y) - self.kernel.bias_variance

    def diagonal(self, y: FloatArray) -> FloatArray:
        """K_W(y_i, y_i), shape (q,)."""
        return self.kernel.diagonal(y) - self.kernel.bias_variance


class Propagator(Enum):
    """What stands on the lines at vertices: K with the output bias, or K_W = K - sigma_b^2 without it."""

    FULL = "full"
    WEIGHTS = "weights"

    @property
    def symbol(self) -> str:
        """K or K_W."""
        return "K" if self is Propagator.FULL else "K_W"

    def of(self, kernel: Kernel) -> Kernel:
        """Take the propagator of a kernel."""
        return kernel if self is Propagator.FULL else WeightsPropagator(kernel)
