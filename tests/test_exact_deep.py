"""Deep networks: the recursion over layers against simulated networks, exact laws, and quadrature."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from math import pi, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from scipy import integrate, special

from feyn_nn.errors import InputError, LimitError
from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.exact.cumulants import LayerCumulants
from feyn_nn.exact.deep import DeepFourPoint, deep_four_point, layer_kernels
from feyn_nn.exact.moments import neuron_moments
from feyn_nn.exact.single_input import single_input_correlators, single_input_moments
from feyn_nn.kernels import kernel_of
from feyn_nn.network import ERF, GAUSS, RELU, Activation, Architecture, preset

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import FloatArray

SEED: Final = 731
SIGMAS: Final = 4.0
PHI: Final[dict[Activation, Callable[[FloatArray], FloatArray]]] = {
    ERF: lambda z: np.asarray(special.erf(z)),
    GAUSS: np.exp,
    RELU: lambda z: np.maximum(z, 0.0),
}
LINE = np.array([[0.3], [-1.1], [0.9]])
PLANE = np.array([[0.3, 0.5], [-1.1, 0.2], [0.9, -0.4]])


def tuples_of(points: int, n: int) -> list[tuple[int, ...]]:
    return [t for t in product(range(points), repeat=n) if list(t) == sorted(t)]


# ---- four-neuron moments at a given covariance


def moment_at(activation: Activation, covariance: FloatArray) -> float:
    """E[phi(z_1) ... phi(z_k)] at a covariance: any is that of the pre-activations x_i . g of inputs in enough dimensions."""
    order = len(covariance)
    values, vectors = np.linalg.eigh(covariance)
    kept = values > 1e-13 * values[-1]
    inputs = np.zeros((order, order))
    inputs[:, kept] = vectors[:, kept] * np.sqrt(values[kept])
    moments = neuron_moments(Architecture(activation, order, sqrt(order), 0.0), inputs, (order,))
    return float(moments.values[order][moments.tuples(order).index(tuple(range(order)))])


def one_factor(activation: Activation, loads: FloatArray, rests: FloatArray) -> float:
    """E prod phi(z_i), z_i = a_i g + b_i e_i: given g the neurons are independent, so one integral over g is left.

    E relu(m + b e) = m Phi(m/b) + b phi(m/b); E erf(m + b e) = erf(m / sqrt(1 + 2 b^2)).
    """

    def integrand(g: float) -> float:
        mean = loads * g
        if activation is ERF:
            inner = special.erf(mean / np.sqrt(1 + 2 * rests**2))
        else:
            scale = np.where(rests > 0, rests, 1.0)
            smooth = mean * special.ndtr(mean / scale) + scale * np.exp(-((mean / scale) ** 2) / 2) / sqrt(2 * pi)
            inner = np.where(rests > 0, smooth, np.maximum(mean, 0))
        return float(np.prod(inner) * np.exp(-g * g / 2) / sqrt(2 * pi))

    halves = [integrate.quad(integrand, *edges, epsabs=1e-13, epsrel=1e-12)[0] for edges in ((-12, 0), (0, 12))]
    return float(sum(halves))


@pytest.mark.parametrize("activation", [ERF, RELU], ids=["erf", "relu"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_moments_with_one_common_factor(activation: Activation, order: int) -> None:
    """Full rank, and lower ranks where some of the neurons have nothing of their own."""
    rng = np.random.default_rng(SEED + order)
    for own in range(order + 1):
        loads, rests = rng.normal(size=order), np.abs(rng.normal(size=order)) * (np.arange(order) < own)
        covariance = np.outer(loads, loads) + np.diag(rests**2)
        found = moment_at(activation, covariance)
        assert found == pytest.approx(one_factor(activation, loads, rests), abs=1e-10)


def relu_on_a_circle(vectors: FloatArray) -> float:
    """Rank two: z_i = r |v_i| cos(t - t_i), E r^4 = 8, the angle's integral split where a neuron switches."""
    angles, norms = np.arctan2(vectors[:, 1], vectors[:, 0]), np.linalg.norm(vectors, axis=1)
    edges = np.sort(np.mod(np.concatenate([angles + pi / 2, angles - pi / 2, [0.0, 2 * pi - 1e-15]]), 2 * pi))

    def integrand(t: float) -> float:
        return float(np.prod(norms * np.maximum(np.cos(t - angles), 0.0)))

    pieces = [integrate.quad(integrand, a, b, epsabs=1e-14)[0] for a, b in pairwise(edges)]
    return 8 * float(sum(pieces)) / (2 * pi)


def test_relu_moments_of_rank_two() -> None:
    rng = np.random.default_rng(SEED)
    for spread in (3.0, 0.3, 1e-2, 1e-5):  # nearly parallel ones too
        turn, size = rng.normal(size=4) * spread, 1 + rng.random(4)
        vectors = size[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        found = moment_at(RELU, vectors @ vectors.T)
        assert found == pytest.approx(relu_on_a_circle(vectors), rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_relu_moments_add_up_to_wicks_theorem(rank: int) -> None:
    """z = relu(z) - relu(-z), so the sixteen orthants' moments with signs make E[z_1 z_2 z_3 z_4] = sum_3 C C."""
    vectors = np.random.default_rng(SEED + rank).normal(size=(4, rank))
    C = vectors @ vectors.T
    total = absolute = 0.0
    for signs in product((1.0, -1.0), repeat=4):
        flip = np.array(signs)
        moment = moment_at(RELU, C * np.outer(flip, flip))
        assert moment >= -1e-14
        total += float(np.prod(flip)) * moment
        absolute += moment
    assert total == pytest.approx(C[0, 1] * C[2, 3] + C[0, 2] * C[1, 3] + C[0, 3] * C[1, 2], rel=1e-11)
    assert rank == 1 or absolute > 1.01 * abs(total)


def test_moments_of_repeated_and_of_opposite_neurons() -> None:
    # E relu(z)^4 = 3 C^2 / 2; relu(z) relu(-z) = 0; with a dead neuron, 0
    assert moment_at(RELU, np.full((4, 4), 0.7)) == pytest.approx(3 * 0.49 / 2, rel=1e-14)
    flip = np.array([1.0, 1.0, -2.0, 1.0])
    assert moment_at(RELU, np.outer(flip, flip)) == 0
    assert moment_at(RELU, np.diag([1.0, 1.0, 0.0])) == 0
    # a nearly repeated neuron is nearly a repeated one
    C = np.array([[1, 1, 0.4], [1, 1, 0.4], [0.4, 0.4, 1]])
    near = C.copy()
    near[0, 1] = near[1, 0] = 1 - 1e-7
    assert moment_at(RELU, near) == pytest.approx(moment_at(RELU, C), abs=1e-6)
    # E erf(z)^4 with variance C, by an integral over z
    root = sqrt(0.7)
    direct = integrate.quad(
        lambda g: special.erf(root * g) ** 4 * np.exp(-g * g / 2) / sqrt(2 * pi), -12, 12, epsabs=1e-13
    )
    assert moment_at(ERF, np.full((4, 4), 0.7)) == pytest.approx(direct[0], abs=1e-12)


@pytest.mark.parametrize("activation", [ERF, GAUSS, RELU], ids=["erf", "gauss", "relu"])
def test_moments_do_not_depend_on_the_order_of_neurons(activation: Activation) -> None:
    vectors = np.random.default_rng(SEED).normal(size=(4, 4))
    C = vectors @ vectors.T
    orders = [[0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 1, 0]]
    found = [moment_at(activation, C[np.ix_(order, order)]) for order in orders]
    assert found == pytest.approx([found[0]] * 3, rel=1e-12)


# ---- depth 1, and kernels


@pytest.mark.parametrize("activation", [ERF, GAUSS, RELU], ids=["erf", "gauss", "relu"])
@pytest.mark.parametrize("points", [LINE, PLANE], ids=["d_in=1", "d_in=2"])
def test_one_hidden_layer_is_the_network_of_the_talk(activation: Activation, points: FloatArray) -> None:
    architecture = Architecture(activation, points.shape[1], 1.3, 0.6)
    deep = deep_four_point(architecture, points)
    assert deep.kernel == pytest.approx(kernel_of(architecture)(points, points), rel=1e-12)
    w, s = architecture.weight_variance, architecture.bias_variance
    C = s + w / points.shape[1] * points @ points.T
    moments = {n: np.array([moment_at(activation, C[np.ix_(t, t)]) for t in tuples_of(3, n)]) for n in (2, 4)}
    layer = LayerCumulants(3, moments, w, s)
    assert deep.leading == pytest.approx(layer.connected(4).coefficients[:, 1], rel=1e-11, abs=1e-14)
    assert deep.by_pairing == pytest.approx(layer.connected_by_pairing(4).coefficients[..., 1], rel=1e-11, abs=1e-14)
    assert deep.tuples == tuples_of(3, 4)
    assert deep.at(10) == pytest.approx(deep.leading / 10)


def test_erf_kernels_layer_by_layer_by_quadrature() -> None:
    architecture = Architecture(ERF, 2, 1.4, 0.5, depth=4)
    roots, masses = np.polynomial.hermite_e.hermegauss(80)
    masses = masses / masses.sum()
    for before, after in zip(*[layer_kernels(architecture, PLANE)[k:][:4] for k in (0, 1)], strict=True):
        for x, y in ((0, 1), (1, 2), (2, 2)):
            a, b, c = before[x, x], before[y, y], before[x, y]
            u = roots[:, None] * sqrt(a)
            v = roots[:, None] * (c / sqrt(a)) + roots * sqrt(max(b - c * c / a, 0.0))
            expected = np.sum(special.erf(u) * special.erf(v) * masses[:, None] * masses)
            assert after[x, y] == pytest.approx(0.25 + 1.96 * expected, rel=1e-8)


# ---- the recursion


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_relu_without_bias_multiplies_independent_layers(depth: int) -> None:
    """On a ray K_hat^{l+1} = K_hat^l times an independent (w/N) sum of relu(g)^2, g ~ N(0, 1), whose relative variance is
    5/N: so E[K_hat^2] / E[K_hat]^2 = (1 + 5/N)^depth exactly, 1 + 5 depth / N at leading order.
    """
    chosen = preset("relu")
    points = chosen.points()[:4]
    deep = deep_four_point(replace(chosen.architecture(sigma_w=1.3), depth=depth), points)
    x = points[:, 0]
    assert deep.kernel == pytest.approx(1.69 * (1.69 / 2) ** depth * np.outer(x, x), rel=1e-12)
    for t, value in zip(deep.tuples, deep.leading, strict=True):
        one = 3 * (1.69 * (1.69 / 2) ** depth) ** 2 * float(np.prod(x[list(t)]))
        assert value == pytest.approx(5 * depth * one, rel=1e-10)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_gauss_at_one_input_is_a_recursion_of_numbers(depth: int) -> None:
    """E phi^4 = exp(4 Var z), and E phi^2 = exp(2 K - 2 Var z) passes on 2 w times a fluctuation of K."""
    architecture = Architecture(GAUSS, 1, 0.8, 0.5, depth=depth)
    w, s = architecture.weight_variance, architecture.bias_variance
    variance, expected = s + w * 0.09, 0.0
    for _ in range(depth):
        expected = w**2 * (np.exp(4 * variance) - 1) + (2 * w) ** 2 * expected
        variance = s + w
    deep = deep_four_point(architecture, LINE[:1])
    assert float(deep.covariance[0, 0]) == pytest.approx(expected, rel=1e-12)
    assert float(deep.leading[0]) == pytest.approx(3 * expected, rel=1e-12)


def simulated_kernels(architecture: Architecture, points: FloatArray, width: int, nets: int) -> FloatArray:
    """K_hat of the outputs, shape (nets, points, points), of networks whose weights are all drawn, in blocks."""
    rng = np.random.default_rng((SEED, architecture.depth, width))
    result = np.empty((nets, len(points), len(points)))
    block = max(1, 400_000 // width**2)
    for start in range(0, nets, block):
        size = min(block, nets - start)
        layer = np.broadcast_to(points, (size, *points.shape))
        for number in range(architecture.depth):
            fan_in = layer.shape[-1]
            weights = rng.standard_normal((size, fan_in, width)) * (architecture.sigma_w / sqrt(fan_in))
            bias = rng.standard_normal((size, 1, width)) * architecture.sigma_b
            shift = architecture.deep_log_normaliser if number else architecture.log_normaliser(points)[:, None]
            layer = PHI[architecture.activation](layer @ weights + bias - shift)
        squared = layer @ layer.transpose(0, 2, 1)
        result[start : start + size] = architecture.bias_variance + architecture.weight_variance / width * squared
    return result


def scaled_covariance(kernels: FloatArray, width: int) -> tuple[FloatArray, FloatArray]:
    """N Cov(K_hat, K_hat) over sorted pairs, and its standard error."""
    pairs = np.array(tuples_of(kernels.shape[1], 2))
    entries = kernels[:, pairs[:, 0], pairs[:, 1]]
    entries = entries - entries.mean(axis=0)
    products = width * entries[:, :, None] * entries[:, None, :]
    return products.mean(axis=0), products.std(axis=0) / sqrt(len(kernels))


def extrapolated(architecture: Architecture, points: FloatArray, nets: int) -> tuple[FloatArray, FloatArray]:
    """N Cov at widths 50 and 100, extrapolated to N -> infinity: N Cov = V + A/N + ..., so 2 * (100) - (50)."""
    narrow, narrow_error = scaled_covariance(simulated_kernels(architecture, points, 50, nets), 50)
    wide, wide_error = scaled_covariance(simulated_kernels(architecture, points, 100, nets), 100)
    return 2 * wide - narrow, np.sqrt(4 * wide_error**2 + narrow_error**2)


CASES = {
    "erf 1 2": (Architecture(ERF, 1, 1.5, 0.5, depth=2), LINE, 6000),
    "erf 2 3": (Architecture(ERF, 2, 1.5, 0.5, depth=3), PLANE, 3000),
    "gauss 1 2": (Architecture(GAUSS, 1, 0.45, 0.1, depth=2), 1.5 * LINE, 12000),
    "relu 1 2": (Architecture(RELU, 1, 1.2, 0.6, depth=2), LINE, 4000),
    "relu 2 3": (Architecture(RELU, 2, 1.2, 0.3, depth=3), PLANE, 4000),
}


@pytest.mark.parametrize(("architecture", "points", "nets"), CASES.values(), ids=CASES)
def test_simulated_networks(architecture: Architecture, points: FloatArray, nets: int) -> None:
    """All covariances of K_hat, hence kappa4 for any outputs; and the control: without what earlier layers pass on, no."""
    mean, error = extrapolated(architecture, points, nets)
    deep = deep_four_point(architecture, points)
    assert np.all(np.abs(mean - deep.covariance) < SIGMAS * error)
    own = own_term(deep)
    assert np.max(np.abs(mean - own) / error) > 1.25 * SIGMAS
    pairs = tuples_of(len(points), 2)
    for t, row, total in zip(deep.tuples, deep.by_pairing, deep.leading, strict=True):
        channels = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))
        entries = [[pairs.index((t[a], t[b])) for a, b in channel] for channel in channels]
        assert row == pytest.approx([deep.covariance[a, b] for a, b in entries])
        measured = sum(mean[a, b] for a, b in entries)
        assert abs(measured - total) < SIGMAS * sum(error[a, b] for a, b in entries)


def own_term(deep: DeepFourPoint) -> FloatArray:
    """The last layer's own term of the recursion, from the kernel before it."""
    architecture, points = deep.architecture, deep.inputs
    K = layer_kernels(architecture, points)[-2]
    pairs = tuples_of(len(points), 2)

    def moment(*legs: int) -> float:
        return moment_at(architecture.activation, K[np.ix_(legs, legs)])

    rows = [[moment(*p, *q) - moment(*p) * moment(*q) for q in pairs] for p in pairs]
    return architecture.weight_variance**2 * np.array(rows)


@pytest.mark.parametrize("activation", [ERF, RELU], ids=["erf", "relu"])
def test_what_a_layer_passes_on_by_finite_differences(activation: Activation) -> None:
    """V^3 - own term = J V^2 J^T, the Jacobian J from moments at shifted covariances instead of closed derivatives."""
    architecture = Architecture(activation, 2, 1.3, 0.6)
    before, after = (deep_four_point(replace(architecture, depth=depth), PLANE) for depth in (1, 2))
    pairs = tuples_of(3, 2)
    step = 1e-5

    def kernel_entries(K: FloatArray) -> FloatArray:
        return np.array([moment_at(activation, K[np.ix_(p, p)]) for p in pairs])

    columns = []
    for a, b in pairs:
        shift = np.zeros((3, 3))
        shift[a, b] = shift[b, a] = step
        columns.append((kernel_entries(before.kernel + shift) - kernel_entries(before.kernel - shift)) / (2 * step))
    jacobian = architecture.weight_variance * np.stack(columns, axis=1)
    passed_on = jacobian @ before.covariance @ jacobian.T
    assert after.covariance - own_term(after) == pytest.approx(passed_on, rel=1e-6, abs=1e-9)
    assert np.max(np.abs(passed_on)) > 0.05


def test_points_that_coincide_are_one_point() -> None:
    architecture = Architecture(RELU, 2, 1.3, 0.4, depth=3)
    deep = deep_four_point(architecture, PLANE[[0, 1, 0]])
    fewer = deep_four_point(architecture, PLANE[:2])
    known = dict(zip(fewer.tuples, fewer.leading, strict=True))
    for t, value in zip(deep.tuples, deep.leading, strict=True):
        assert value == pytest.approx(known[tuple(sorted(k % 2 for k in t))], rel=1e-6)


def test_a_dead_input_stays_dead() -> None:
    """ReLU without bias at x = 0: its neurons vanish in every layer."""
    deep = deep_four_point(Architecture(RELU, 1, 1.2, 0.0, depth=3), np.array([[0.0], [1.0]]))
    for t, value in zip(deep.tuples, deep.leading, strict=True):
        assert (value == 0) == (0 in t)


def test_kernels_of_layers_do_not_depend_on_the_layers_after_them() -> None:
    for activation in (ERF, GAUSS, RELU, Activation("tanh", lambda z: np.tanh(z, out=z))):
        architecture = Architecture(activation, 2, 1.2, 0.5, depth=3)
        layers = layer_kernels(architecture, PLANE)
        assert len(layers) == 4
        for depth in (1, 2, 3):
            kernel = kernel_of(replace(architecture, depth=depth))
            assert layers[depth] == pytest.approx(kernel(PLANE, PLANE), rel=1e-13)


def test_what_is_refused() -> None:
    architecture = Architecture(ERF, depth=2)
    with pytest.raises(InputError, match="known for erf, gauss and relu"):
        deep_four_point(Architecture(Activation("tanh", lambda z: np.tanh(z, out=z)), depth=2), LINE)
    with pytest.raises(InputError, match="does not fit d_in"):
        deep_four_point(architecture, PLANE)
    with pytest.raises(InputError, match="does not fit d_in"):
        layer_kernels(architecture, PLANE)
    with pytest.raises(LimitError, match="11 inputs"):
        deep_four_point(architecture, np.linspace(0, 1, 11)[:, None])
    with pytest.raises(InputError, match="width 0"):
        deep_four_point(architecture, LINE).at(0)
    with pytest.raises(LimitError, match="beyond floating-point numbers"):
        deep_four_point(Architecture(GAUSS, sigma_w=15.0, depth=2), LINE)


def test_moments_of_one_hidden_layer_refuse_more_and_name_what_knows_them() -> None:
    deep = Architecture(ERF, depth=2)
    for refused in (
        lambda: neuron_moments(deep, LINE, (2,)),
        lambda: exact_correlators(deep, LINE, 4),
        lambda: single_input_moments(deep, LINE, (2,)),
        lambda: single_input_correlators(deep, LINE, 10, (2,)),
    ):
        with pytest.raises(InputError, match=r"depth 2: .*deep_four_point"):
            refused()
    several = Architecture(ERF, d_out=3)  # outputs share the hidden layer: nothing here depends on their number
    assert np.array_equal(
        exact_correlators(several, LINE, 4).coefficients, exact_correlators(Architecture(ERF), LINE, 4).coefficients
    )
