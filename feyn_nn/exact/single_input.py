"""Moments of one neuron and of the network's output at single inputs, to high order and cheaply in any number of dimensions.

At one input z is one Gaussian of variance v = s + w |x|^2 / d_in (w = sigma_w^2, s = sigma_b^2), and M_k = E[phi(z)^k] is in
closed form or an integral in one dimension:

- Gauss-net: exp(k (k-2) v / 2);
- ReLU-net: 2^{k/2-1} Gamma((k+1)/2) / sqrt(pi) v^{k/2}, for even k (k-1)!! v^{k/2} / 2;
- Erf-net (0 for odd k) and any other activation: quadrature (`feyn_nn.kernels.neuron`).

Given the hidden layer the output is Gaussian with variance K_hat = s + (w/N) sum of phi(z_i)^2 over N independent neurons, so
that with A(t) = sum over k of M_2k t^k / k!

    G^(2k)(x, .., x) = (2k-1)!! E[K_hat^k] = (2k-1)!! k! [t^k] e^{s t} A(w t / N)^N,

power series with positive terms only: nothing cancels.
"""

from __future__ import annotations

from math import factorial, gamma, isinf, pi, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.arrays import as_points
from feyn_nn.combinatorics import double_factorial
from feyn_nn.errors import InputError, LimitError
from feyn_nn.exact.moments import check_one_hidden_layer
from feyn_nn.kernels.geometry import augmented, squared_norms
from feyn_nn.kernels.layered import hidden_neurons
from feyn_nn.network import ERF, GAUSS, RELU

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels.neuron import Neuron
    from feyn_nn.network import Architecture

MAX_ORDER: Final = 24


def single_input_moments(
    architecture: Architecture, inputs: FloatArray, orders: Sequence[int]
) -> dict[int, FloatArray]:
    """M_k = E[phi(z(x))^k] of one neuron by order k, each of shape (points,) for inputs of shape (points, d_in).

    To about twelve digits. Raises InputError for more than one hidden layer, an order below 1 and inputs of another shape,
    LimitError for an order above 24, and where a moment is beyond floating-point numbers or not finite.

    >>> from feyn_nn.network import preset
    >>> single_input_moments(preset("relu").architecture(), np.array([[1.0], [2.0]]), (2, 4))
    {2: array([0.5, 2. ]), 4: array([ 1.5, 24. ])}
    """
    points = as_points(inputs, architecture.d_in)
    check_one_hidden_layer(architecture)
    wanted = _checked(orders)
    variance = squared_norms(augmented(points, architecture.d_in, architecture.sigma_w, architecture.sigma_b))
    with np.errstate(over="ignore"):
        found = _moments(next(hidden_neurons(architecture)), variance, wanted)
    return _finite(architecture, found)


def single_input_correlators(
    architecture: Architecture, inputs: FloatArray, width: float, orders: Sequence[int]
) -> dict[int, FloatArray]:
    """G^(n)(x, .., x) of one output at width N by order n, each of shape (points,) for inputs of shape (points, d_in).

    Zero for odd n; `math.inf` as width gives the Gaussian process. Raises as `single_input_moments`, and InputError unless the
    width is a positive integer or infinite.

    >>> from feyn_nn.network import preset
    >>> found = single_input_correlators(preset("relu").architecture(), np.array([[1.0]]), 10, (2, 4))
    >>> [round(float(values[0]), 12) for values in found.values()]  # K and 3 K^2 (1 + 5/N)
    [0.5, 1.125]
    """
    if not width >= 1 or not (isinf(width) or int(width) == width):
        raise InputError(f"width {width}: expected a positive integer, or infinity for the Gaussian process")
    wanted = _checked(orders)
    half = max(wanted, default=0) // 2
    moments = single_input_moments(architecture, inputs, range(2, 2 * half + 1, 2))
    w, s = architecture.weight_variance, architecture.bias_variance
    ones = np.ones(len(inputs))
    with np.errstate(over="ignore", invalid="ignore"):
        if isinf(width):
            series = [(s + w * moments.get(2, ones)) ** k / factorial(k) for k in range(half + 1)]
        else:
            neuron = [ones, *((w / width) ** k * moments[2 * k] / factorial(k) for k in range(1, half + 1))]
            bias = [ones * s**k / factorial(k) for k in range(half + 1)]
            series = _product(_power(neuron, int(width)), bias)
        found = {n: double_factorial(n - 1) * factorial(n // 2) * series[n // 2] for n in wanted if n % 2 == 0}
    return _finite(architecture, {n: found.get(n, np.zeros(len(inputs))) for n in wanted})


def _checked(orders: Sequence[int]) -> list[int]:
    """The orders in ascending order, without repeats."""
    wanted = sorted(set(orders))
    for order in wanted:
        if order < 1:
            raise InputError(f"order {order} at single inputs: expected one factor or more")
        if order > MAX_ORDER:
            raise LimitError(f"order {order} at single inputs: expected at most {MAX_ORDER}")
    return wanted


def _finite(architecture: Architecture, found: dict[int, FloatArray]) -> dict[int, FloatArray]:
    for order, values in found.items():
        if not np.all(np.isfinite(values)):
            raise LimitError(
                f"order {order} at single inputs of a network with {architecture.activation.name} exceeds the range of "
                "floating-point numbers: ask for a lower order, smaller sigma_w and sigma_b or smaller inputs"
            )
    return found


def _moments(neuron: Neuron, variance: FloatArray, orders: Sequence[int]) -> dict[int, FloatArray]:
    """By order, for pre-activations of these variances, shape (points,)."""
    if neuron.activation == GAUSS:
        return {k: np.exp(k * (k - 2) / 2 * variance) for k in orders}
    if neuron.activation == RELU:
        return {k: 2 ** (k / 2 - 1) * gamma((k + 1) / 2) / sqrt(pi) * variance ** (k / 2) for k in orders}
    zero = [k for k in orders if neuron.activation == ERF and k % 2]
    others = [k for k in orders if k not in zero]
    known = dict(zip(others, neuron.moments(variance, others), strict=True)) if others else {}
    return {k: known[k].value if k in known else np.zeros(len(variance)) for k in orders}


def _product(first: Sequence[FloatArray], second: Sequence[FloatArray]) -> list[FloatArray]:
    """Of two power series, cut off where they are."""
    return [sum((first[k] * second[n - k] for k in range(1, n + 1)), first[0] * second[n]) for n in range(len(first))]


def _power(series: Sequence[FloatArray], exponent: int) -> list[FloatArray]:
    """A power series to a positive integer power, by squaring."""
    result = [np.ones_like(series[0]), *(np.zeros_like(term) for term in series[1:])]
    square = list(series)
    while exponent:
        if exponent % 2:
            result = _product(result, square)
        square = _product(square, square)
        exponent //= 2
    return result
