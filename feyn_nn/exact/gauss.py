"""Moments of a Gauss-net neuron in closed form, for any number of pre-activations and of factors.

With pre-activations z_i = u_i.g, g a standard Gaussian vector, the neuron exp(z_i - Var z_i) is log-normal: z_1 + .. + z_n has
the variance |u_1 + .. + u_n|^2, and E exp of a centred Gaussian is exp(variance/2). Hence

    M_n = exp( |sum u|^2/2 - sum |u|^2 ) = exp( n(n-2)/2 |u_mean|^2 - sum |u_i - u_mean|^2 ).

The second form has no differences of large terms: for n = 2 only the distance of the inputs is left, for all others the mean
stays, because the neuron is not invariant under translations. In the first layer u = (sigma_b, sigma_w x / sqrt(d_in)), which
gives the formula of the physics notes, section 3:

    M_n = exp( (n^2 s + (w/d)|sum x|^2)/2 - n s - (w/d) sum |x|^2 ),   w = sigma_w^2, s = sigma_b^2, d = d_in.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.errors import LimitError
from feyn_nn.exact.tuples import OrderMoments, tuple_array

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

_EPSILON: Final = float(np.finfo(np.float64).eps)
_LARGEST_LOGARITHM: Final = log(np.finfo(np.float64).max)


def gauss_moments(vectors: FloatArray, n: int) -> OrderMoments:
    """M_n over the sorted n-tuples of pre-activations with the vectors u, shape (points, m).

    Raises LimitError where a moment exceeds the range of floating-point numbers.

    >>> gauss_moments(np.ones((1, 1)), 4).values.round(12) == np.exp(4.0).round(12)
    array([ True])
    """
    chosen = vectors[tuple_array(len(vectors), n)]
    mean = np.mean(chosen, axis=1)
    common = n * (n - 2) / 2 * np.sum(mean**2, axis=1)
    apart = np.sum((chosen - mean[:, None]) ** 2, axis=(1, 2))
    logarithm = common - apart
    if np.max(logarithm) > _LARGEST_LOGARITHM:
        raise LimitError(
            f"Gauss-net's moment of order {n} reaches e^{np.max(logarithm):.4g}, beyond floating-point numbers "
            f"(e^{_LARGEST_LOGARITHM:.4g}): ask for a lower order, smaller sigma_b or smaller inputs"
        )
    values = np.exp(logarithm)
    relative = _EPSILON * (2 + (n + 4) * (np.abs(common) + apart))
    return OrderMoments(values, relative * values, "closed form")
