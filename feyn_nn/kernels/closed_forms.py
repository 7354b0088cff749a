"""Second moments E[phi(z_x) phi(z_y)] of one neuron in closed form, for Gaussian pre-activations with any covariances.

With C the covariances, det = C_xx C_yy - C_xy^2, and theta the angle (`covariances`), cos theta = C_xy / sqrt(C_xx C_yy):

- Erf-net (Williams 1997): (2/pi) arcsin( 2 C_xy / sqrt((1 + 2 C_xx)(1 + 2 C_yy)) );
- ReLU-net (Cho, Saul 2009): sqrt(C_xx C_yy) (sin theta + (pi - theta) cos theta) / (2 pi);
- Gauss-net, phi = exp(z - Var z): exp( -Var(z_x - z_y) / 2 ).

Taken from atan2 of the root of det, or of the sum of non-negative terms that 1 - sin^2 is, because arcsin and arccos lose half
the digits where their argument is near 1. det >= 0 holds in floating point too, so that nothing is clipped.
"""

from __future__ import annotations

from math import factorial, pi
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.network import ERF, GAUSS, RELU, Activation

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels.covariances import Covariances

_SERIES_BELOW: Final = 0.3
_SERIES: Final = tuple((-1) ** (k + 1) * 2 * k / factorial(2 * k + 1) for k in range(1, 8))


def erf_second_moment(covariances: Covariances) -> FloatArray:
    """That of erf, shape (p, q)."""
    rest = 1 + 2 * covariances.xx[:, None] + 2 * covariances.yy + 4 * covariances.determinant
    angle: FloatArray = np.arctan2(2 * covariances.xy, np.sqrt(rest))
    return 2 / pi * angle


def relu_second_moment(covariances: Covariances) -> FloatArray:
    """That of max(z, 0), shape (p, q): exactly zero where a variance vanishes."""
    # pi - theta is small where z_x and z_y are opposite: there sin theta and (pi - theta) cos theta cancel
    opposite: FloatArray = np.arctan2(np.sqrt(covariances.determinant), -covariances.xy)
    norms = np.outer(np.sqrt(covariances.xx), np.sqrt(covariances.yy))
    return norms / (2 * pi) * _sine_minus_angle_cosine(opposite)


def gauss_second_moment(covariances: Covariances) -> FloatArray:
    """That of exp(z - Var z), shape (p, q)."""
    result: FloatArray = np.exp(covariances.distance / -2)
    return result


def erf_square(variance: FloatArray) -> FloatArray:
    """E[erf(z)^2], shape of `variance`."""
    angle: FloatArray = np.arctan2(2 * variance, np.sqrt(1 + 4 * variance))
    return 2 / pi * angle


def relu_square(variance: FloatArray) -> FloatArray:
    """E[max(z, 0)^2] = Var z / 2, shape of `variance`."""
    return variance / 2


def gauss_square(variance: FloatArray) -> FloatArray:
    """E[exp(z - Var z)^2] = 1, shape of `variance`."""
    return np.ones_like(variance)


def _sine_minus_angle_cosine(delta: FloatArray) -> FloatArray:
    """Sin(delta) - delta cos(delta) = delta^3/3 - ..., to full relative accuracy on [0, pi]."""
    small = np.minimum(delta, _SERIES_BELOW)
    series = np.zeros_like(delta)
    for coefficient in reversed(_SERIES):
        series = coefficient + small**2 * series
    result: FloatArray = np.where(delta < _SERIES_BELOW, small**3 * series, np.sin(delta) - delta * np.cos(delta))
    return result


SECOND_MOMENTS: Final[dict[Activation, Callable[[Covariances], FloatArray]]] = {
    ERF: erf_second_moment,
    GAUSS: gauss_second_moment,
    RELU: relu_second_moment,
}
SQUARES: Final[dict[Activation, Callable[[FloatArray], FloatArray]]] = {
    ERF: erf_square,
    GAUSS: gauss_square,
    RELU: relu_square,
}
