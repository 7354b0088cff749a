"""Moments of a Gauss-net neuron in closed form, for any number of inputs and of factors.

The neuron exp(W0.x + b0) / exp(s + (w/d)|x|^2) is log-normal, with w = sigma_w^2, s = sigma_b^2, d = d_in. The sum of n
pre-activations is W0.(x_1 + .. + x_n) + n b0, a Gaussian of variance n^2 s + (w/d)|x_1 + .. + x_n|^2, and E exp of a centred
Gaussian is exp(variance/2); the denominators are constants. Hence (physics notes, section 3)

    M_n = exp( (n^2 s + (w/d)|sum x|^2)/2 - n s - (w/d) sum |x|^2 )
        = exp( n(n-2)/2 (s + (w/d)|x_mean|^2) - (w/d) sum |x_i - x_mean|^2 ).

The second form has no differences of large terms: for n = 2 only the distance of the inputs is left, for all others the mean
stays, because the neuron is not invariant under translations.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.errors import LimitError
from feyn_nn.exact.tuples import OrderMoments, tuple_array

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.network import Architecture

_EPSILON: Final = float(np.finfo(np.float64).eps)
_LARGEST_LOGARITHM: Final = log(np.finfo(np.float64).max)


def gauss_log_moments(
    points: FloatArray, weight_variance: float, bias_variance: float
) -> tuple[FloatArray, FloatArray]:
    """Logarithms of M_n for n points each, shape (..., n, d_in), as two terms of shape (...): that of the mean, and one <= 0.

    >>> mean, distance = gauss_log_moments(np.zeros((4, 1)), 1.0, 1.0)
    >>> float(mean), abs(float(distance))
    (4.0, 0.0)
    """
    n, d_in = points.shape[-2:]
    mean = np.mean(points, axis=-2)
    apart: FloatArray = np.sum((points - mean[..., None, :]) ** 2, axis=(-2, -1))
    squared_mean: FloatArray = np.sum(mean**2, axis=-1)
    scale = weight_variance / d_in
    return n * (n - 2) / 2 * (bias_variance + scale * squared_mean), -scale * apart


def gauss_moments(architecture: Architecture, inputs: FloatArray, n: int) -> OrderMoments:
    """M_n over the sorted n-tuples of `inputs`, shape (points, d_in).

    Raises LimitError where a moment exceeds the range of floating-point numbers.
    """
    points = inputs[tuple_array(len(inputs), n)]
    mean, distance = gauss_log_moments(points, architecture.weight_variance, architecture.bias_variance)
    logarithm = mean + distance
    if np.max(logarithm) > _LARGEST_LOGARITHM:
        raise LimitError(
            f"Gauss-net's moment of order {n} reaches e^{np.max(logarithm):.4g}, beyond floating-point numbers "
            f"(e^{_LARGEST_LOGARITHM:.4g}): ask for a lower order, smaller sigma_b or smaller inputs"
        )
    values = np.exp(logarithm)
    relative = _EPSILON * (2 + (n + 4) * (np.abs(mean) + np.abs(distance)))
    return OrderMoments(values, relative * values, "closed form")
