"""Moments of one neuron: two independent methods, sampling of neurons, limits and symmetries.

Expected values come from quadrature over weights and bias written here, from importance-sampled neurons, and from laws that
moments obey; none of the formulas under test is repeated.
"""

from __future__ import annotations

from itertools import permutations
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import special

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.errors import InputError, LimitError
from feyn_nn.exact.moments import neuron_moments
from feyn_nn.kernels import kernel_of
from feyn_nn.network import Activation, Architecture, preset

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

NETS = ("gauss", "erf", "relu")


def inputs_of(d_in: int, points: int, seed: int = 4) -> FloatArray:
    return np.random.default_rng(seed + d_in).normal(size=(points, d_in)) * 0.8 + 0.15


def neurons(
    architecture: Architecture, inputs: FloatArray, n: int, count: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """phi(z) of drawn neurons, shape (count, points), and their importance weights for moments of order n.

    For Gauss-net b0 is drawn around n s, which tames the log-normal; the weight is the ratio of densities.
    """
    rng = np.random.default_rng(seed)
    s, w, d = architecture.bias_variance, architecture.weight_variance, architecture.d_in
    shift = n * s if architecture.activation.name == "gauss" else 0.0
    bias = rng.normal(size=count) * sqrt(s) + shift
    weights = rng.normal(size=(count, d)) * sqrt(w / d)
    z = weights @ inputs.T + bias[:, None]
    if architecture.activation.name == "erf":
        values = special.erf(z)
    elif architecture.activation.name == "relu":
        values = np.maximum(z, 0)
    else:
        values = np.exp(z - s - w / d * np.sum(inputs**2, axis=1))
    ratio = np.exp((shift**2 - 2 * shift * bias) / (2 * s)) if shift else np.ones(count)
    return values, ratio


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("d_in", [1, 2, 3])
@pytest.mark.parametrize("net", NETS)
def test_moments_are_those_of_sampled_neurons(net: str, d_in: int, n: int) -> None:
    """At random parameters and inputs without symmetry; within 4 standard errors for every tuple."""
    seed = 1000 * d_in + n
    sigma_w, sigma_b = np.random.default_rng(seed + len(net)).uniform(0.3, 0.9, size=2).tolist()
    architecture = preset(net).architecture(d_in, sigma_w, sigma_b)
    inputs = inputs_of(d_in, 3) * (0.3 if net == "gauss" else 1.0)  # W0 is not tilted
    values, ratio = neurons(architecture, inputs, n, 400_000, seed)
    exact = neuron_moments(architecture, inputs, [n])
    for row, expected in zip(exact.tuples(n), exact.values[n], strict=True):
        products = np.prod(values[:, list(row)], axis=1) * ratio
        error = products.std() / sqrt(len(products))
        assert abs(products.mean() - expected) < 4 * error, (net, d_in, row, seed)
        assert abs(products.mean() - 1.5 * expected - 0.1) > 4 * error  # control


def by_quadrature(net: str, inputs: FloatArray, row: tuple[int, ...], sigma_w: float, sigma_b: float) -> float:
    """E prod phi by Gauss-Hermite quadrature over all weights and the bias; for smooth activations."""
    d = inputs.shape[1]
    nodes, masses = np.polynomial.hermite_e.hermegauss(80)
    masses = masses / masses.sum()
    mesh = np.stack(np.meshgrid(*[nodes] * (d + 1), indexing="ij"), axis=-1).reshape(-1, d + 1)
    weights = np.prod(np.stack(np.meshgrid(*[masses] * (d + 1), indexing="ij"), axis=-1), axis=-1).ravel()
    z = sigma_w / sqrt(d) * mesh[:, :d] @ inputs.T + sigma_b * mesh[:, d:]
    log_norm = sigma_b**2 + sigma_w**2 / d * np.sum(inputs**2, axis=1)
    values = special.erf(z) if net == "erf" else np.exp(z - log_norm)
    return float(np.sum(weights * np.prod(values[:, list(row)], axis=1)))


@pytest.mark.parametrize("d_in", [1, 2])
@pytest.mark.parametrize("net", ["erf", "gauss"])
def test_smooth_activations_agree_with_quadrature(net: str, d_in: int) -> None:
    """Small variances, where a product rule converges to all digits."""
    inputs = inputs_of(d_in, 3)
    moments = neuron_moments(preset(net).architecture(d_in, 0.5, 0.3), inputs, [2, 4, 6, 8])
    for n in (2, 4, 6, 8):
        for row, found in list(zip(moments.tuples(n), moments.values[n], strict=True))[::4]:
            expected = by_quadrature(net, inputs, row, 0.5, 0.3)
            assert found == pytest.approx(expected, rel=1e-9), (n, row)


@pytest.mark.parametrize("d_in", [1, 2])
@pytest.mark.parametrize("net", NETS)
def test_special_methods_agree_with_the_general_one(net: str, d_in: int) -> None:
    """The same activation under another name goes through quadrature, with kinks found by cells."""
    talk = preset(net).architecture(d_in, 0.8, 0.5)
    inputs = inputs_of(d_in, 4)
    special_one = neuron_moments(talk, inputs, [2, 4])
    stranger = Activation("stranger", talk.activation.apply, talk.activation.normalised)
    general = neuron_moments(Architecture(stranger, d_in, 0.8, 0.5), inputs, [2, 4])
    assert general.methods[4] != special_one.methods[4]
    for n in (2, 4):
        gap = np.abs(general.values[n] - special_one.values[n])
        bound = general.error[n] + special_one.error[n] + 1e-9 * np.abs(special_one.values[n])
        assert np.all(gap <= bound), (n, gap.max())


@pytest.mark.parametrize("d_in", [1, 2, 3])
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("bias", [0.0, 0.7])
def test_two_factors_are_the_kernel(net: str, d_in: int, bias: float) -> None:
    architecture = preset(net).architecture(d_in, 1.1, bias)
    inputs = inputs_of(d_in, 6)
    second = neuron_moments(architecture, inputs, [2]).values[2]
    kernel = kernel_of(architecture)(inputs, inputs)
    expected = [kernel[i, j] for i, j in sorted_tuples(6, 2)]
    assert bias**2 + 1.21 * second == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("net", NETS)
def test_repeated_inputs_and_orders_of_inputs_change_nothing(net: str) -> None:
    """Singular covariances: six inputs of which two are equal, more than d_in + 1; permuted inputs, permuted tuples."""
    architecture = preset(net).architecture(2, 0.9, 0.4)
    base = inputs_of(2, 3)
    few = neuron_moments(architecture, base, [4])
    known = dict(zip(few.tuples(4), few.values[4], strict=True))
    order = [2, 0, 1, 0, 2, 1]
    many = neuron_moments(architecture, base[order], [4])
    for row, value in zip(many.tuples(4), many.values[4], strict=True):
        assert value == pytest.approx(known[tuple(sorted(order[k] for k in row))], rel=1e-8), row


def test_relu_is_homogeneous_in_the_variances() -> None:
    """phi(c z) = c phi(z): both deviations times c multiply M_n by c^n; odd n too."""
    inputs = inputs_of(3, 4)
    for n in (1, 3, 4, 6):
        one = neuron_moments(preset("relu").architecture(3, 0.7, 0.3), inputs, [n])
        two = neuron_moments(preset("relu").architecture(3, 1.4, 0.6), inputs, [n])
        assert two.values[n] == pytest.approx(2.0**n * one.values[n], rel=1e-9)


def test_relu_splits_into_odd_and_even_parts() -> None:
    """relu(z) - relu(-z) = z: sums of moments over reflected inputs (no bias) are Gaussian moments, by Isserlis."""
    architecture = preset("relu").architecture(2, 1.0, 0.0)
    x = inputs_of(2, 4)
    both = np.concatenate([x, -x])
    moments = neuron_moments(architecture, both, [4])
    table = dict(zip(moments.tuples(4), moments.values[4], strict=True))
    total = 0.0
    for signs in np.ndindex(2, 2, 2, 2):
        row = tuple(sorted(k + 4 * sign for k, sign in enumerate(signs)))
        total += (-1) ** sum(signs) * table[row]
    covariance = x @ x.T / 2
    pairs = [((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))]
    assert total == pytest.approx(sum(covariance[a] * covariance[b] for a, b in pairs), rel=1e-9)


def test_one_point_of_gauss_net_is_log_normal() -> None:
    """Physics notes, section 4: M4 = e^4, M6 = e^12 and an eighth moment e^24 at sigma_b = 1."""
    moments = neuron_moments(preset("gauss").architecture(), np.zeros((1, 1)), [4, 6, 8])
    logarithms = [float(np.log(moments.values[n][0])) for n in (4, 6, 8)]
    assert logarithms == pytest.approx([4, 12, 24], rel=1e-13)


def test_odd_moments_of_erf_vanish_and_those_of_relu_do_not() -> None:
    inputs = inputs_of(2, 3)
    assert np.all(neuron_moments(preset("erf").architecture(2), inputs, [3]).values[3] == 0)
    assert np.all(neuron_moments(preset("relu").architecture(2, 1.0, 0.5), inputs, [3]).values[3] > 0)


def test_accuracy_is_stated_and_true() -> None:
    """ReLU in d_in = 3 with six inputs, a singular covariance, to 1e-8; relabelled inputs are another computation."""
    architecture = preset("relu").architecture(3, 1.0, 0.6)
    inputs = inputs_of(3, 6)
    moments = neuron_moments(architecture, inputs, [6])
    assert moments.accuracy[6] < 1e-8
    order = np.array([5, 3, 0, 4, 1, 2])
    other = neuron_moments(architecture, inputs[order], [6])
    place = {row: k for k, row in enumerate(moments.tuples(6))}
    mapped = np.array([moments.values[6][place[tuple(sorted(order[list(row)]))]] for row in other.tuples(6)])
    assert other.values[6] == pytest.approx(mapped, rel=1e-8)
    for n in (2, 4, 6):
        assert neuron_moments(preset("erf").architecture(), preset("erf").points(), [n]).accuracy[n] < 1e-10
    assert "relative accuracy" in str(moments)


def test_every_order_of_a_tuple_is_the_same_moment() -> None:
    """Control of the sampling above: products commute, so the estimate does not depend on the order of factors."""
    values, ratio = neurons(preset("erf").architecture(1, 0.9, 0.4), inputs_of(1, 3), 3, 1000, 1)
    means: Any = {float(np.mean(np.prod(values[:, list(row)], axis=1) * ratio)) for row in permutations((0, 1, 2))}
    assert max(means) - min(means) < 1e-15


def test_refusals() -> None:
    erf = preset("erf")
    with pytest.raises(InputError, match="order 0"):
        neuron_moments(erf.architecture(), erf.points(), [0])
    with pytest.raises(LimitError, match="tuples"):
        neuron_moments(erf.architecture(), np.linspace(-1, 1, 200)[:, None], [4])
    with pytest.raises(LimitError, match="floating-point"):
        neuron_moments(preset("gauss").architecture(1, 1.0, 9.0), np.zeros((1, 1)), [8])
    assert neuron_moments(erf.architecture(), erf.points(), []).values == {}
