"""What a kernel is: the two-point function K(x, y) of a network's output at infinite width, in NumPy form.

For one hidden layer K(x, y) = sigma_b^2 + sigma_w^2 E[phi(z_x) phi(z_y)], and it is the exact two-point
function at every width. K contains the constant sigma_b^2 of the output bias; `weights.WeightsPropagator`
is K without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray


@runtime_checkable
class Kernel(Protocol):
    """A propagator: a symmetric positive semidefinite function of two points."""

    @property
    def name(self) -> str:
        """A few words for reports, such as `Erf-net kernel`."""

    @property
    def d_in(self) -> int:
        """Number of coordinates of a point."""

    @property
    def bias_variance(self) -> float:
        """The constant sigma_b^2 that the output bias adds to K, zero if K contains none."""

    @property
    def length_scale(self) -> float:
        """Distance over which K varies near the inputs; quadrature panels start from it."""

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """K between points x of shape (p, d_in) and y of shape (q, d_in): shape (p, q)."""

    def diagonal(self, y: FloatArray) -> FloatArray:
        """K(y_i, y_i) at points y of shape (q, d_in): shape (q,)."""
