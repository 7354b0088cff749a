"""Kernels by the recursion over layers: closed forms, user's activations by quadrature, and what is said of their errors."""

from __future__ import annotations

from itertools import pairwise
from math import acos, asin, cos, exp, pi, sin, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from scipy import integrate, special

from feyn_nn.errors import InputError, LimitError
from feyn_nn.kernels import (
    ErfKernel,
    GaussKernel,
    Kernel,
    LayeredKernel,
    ReluKernel,
    WeightsPropagator,
    kernel_of,
    plane,
)
from feyn_nn.kernels.covariances import Covariances
from feyn_nn.kernels.half_lines import half_line_rules
from feyn_nn.kernels.layered import layer_covariances
from feyn_nn.kernels.neuron import Neuron
from feyn_nn.kernels.panels import smooth_panels
from feyn_nn.kernels.second_moments import second_moments
from feyn_nn.kernels.tables import NODES, tabulated
from feyn_nn.network import ERF, GAUSS, RELU, Activation, Architecture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from feyn_nn.arrays import FloatArray

SEED: Final = 915
CLOSED: Final[dict[str, tuple[Activation, type[ErfKernel | GaussKernel | ReluKernel]]]] = {
    "erf": (ERF, ErfKernel),
    "gauss": (GAUSS, GaussKernel),
    "relu": (RELU, ReluKernel),
}


def own(name: str, function: Callable[[FloatArray], FloatArray], *, normalised: bool = False) -> Activation:
    """An activation of one's own."""

    def apply(z: FloatArray) -> None:
        z[...] = function(z)

    return Activation(name, apply, normalised)


FUNCTIONS: Final[dict[str, Callable[[FloatArray], FloatArray]]] = {
    "cos": np.cos,
    "tanh": np.tanh,
    "steep": lambda z: np.tanh(20 * z),
    "step": lambda z: np.where(z > 0, 1.0, 0.0),
    "step at 0.3": lambda z: np.where(z > 0.3, 1.0, 0.0),
    "leaky": lambda z: np.where(z > 0, z, 0.1 * z),
    "shifted": lambda z: np.maximum(z - 0.3, 0.0),
    "hard": lambda z: np.clip(z, -1.0, 1.0),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0.0))),
    "stairs": np.floor,
}
OWN: Final = {name: own(name, function) for name, function in FUNCTIONS.items()}
DISGUISED: Final = {
    "erf": own("user's erf", special.erf),
    "gauss": own("user's exp", np.exp, normalised=True),
    "relu": own("user's relu", lambda z: np.maximum(z, 0.0)),
}


def some_points(d_in: int, count: int = 6) -> FloatArray:
    """Random points, with zero, one nearly repeated, one opposite to another."""
    points = np.random.default_rng(SEED + d_in).normal(size=(count, d_in))
    points[0] = 0.0
    points[2] = points[1] * (1 + 1e-7)
    points[3] = -points[1]
    return points


def pair(x: float, y: float, angle: float) -> Covariances:
    """Two pre-activations with variances x and y at an angle."""
    return Covariances(np.array([x]), np.array([y]), np.array([[sqrt(x * y) * cos(angle)]]))


# ---- closed forms


@pytest.mark.parametrize("net", CLOSED)
@pytest.mark.parametrize(("d_in", "sigma_w", "sigma_b"), [(1, 1.0, 1.0), (1, 1.3, 0.0), (2, 0.7, 0.4), (5, 2.0, 1.5)])
def test_one_hidden_layer_is_the_closed_kernel(net: str, d_in: int, sigma_w: float, sigma_b: float) -> None:
    activation, kernel = CLOSED[net]
    known, x = kernel(d_in, sigma_w, sigma_b), some_points(d_in)
    layered = LayeredKernel(Architecture(activation, d_in, sigma_w, sigma_b))
    assert isinstance(layered, Kernel)
    np.testing.assert_allclose(layered(x[:4], x), known(x[:4], x), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(layered.diagonal(x), known.diagonal(x), rtol=1e-14, atol=0)
    assert (layered.bias_variance, layered.length_scale) == (known.bias_variance, known.length_scale)
    np.testing.assert_allclose(WeightsPropagator(layered)(x, x), known(x, x) - sigma_b**2, rtol=1e-14, atol=1e-15)


def by_the_book(net: str, w: float, s: float, depth: int, xx: float, yy: float, xy: float) -> float:
    """K^{depth+1}(x, y) from the first layer's covariances, with the slide's arcsin, arccos and exp."""
    for _ in range(depth):
        if net == "erf":
            new = [
                2 / pi * asin(2 * c / sqrt((1 + 2 * a) * (1 + 2 * b)))
                for a, b, c in ((xx,) * 3, (yy,) * 3, (xx, yy, xy))
            ]
        elif net == "gauss":
            new = [exp(-(a + b - 2 * c) / 2) for a, b, c in ((xx,) * 3, (yy,) * 3, (xx, yy, xy))]
        else:
            theta = acos(xy / sqrt(xx * yy))
            new = [xx / 2, yy / 2, sqrt(xx * yy) / (2 * pi) * (sin(theta) + (pi - theta) * cos(theta))]
        xx, yy, xy = (s + w * moment for moment in new)
    return xy


@pytest.mark.parametrize("net", CLOSED)
@pytest.mark.parametrize("depth", [2, 3, 6])
def test_deep_kernels_are_the_closed_forms_iterated(net: str, depth: int) -> None:
    w, s = 1.3**2, 0.6**2
    kernel = kernel_of(Architecture(CLOSED[net][0], 2, 1.3, 0.6, depth))
    x = np.random.default_rng(SEED).normal(size=(5, 2))
    C = s + w / 2 * x @ x.T
    expected = [[by_the_book(net, w, s, depth, C[i, i], C[j, j], C[i, j]) for j in range(5)] for i in range(5) if i < 2]
    off = ~np.eye(5, dtype=bool)[:2]
    np.testing.assert_allclose(kernel(x[:2], x)[off], np.array(expected)[off], rtol=1e-12)
    shallower = kernel_of(Architecture(CLOSED[net][0], 2, 1.3, 0.6, depth - 1))
    assert np.max(np.abs(shallower(x[:2], x) - kernel(x[:2], x))) > 1e-3, "control: a layer more must be seen"
    np.testing.assert_allclose(np.diagonal(kernel(x, x)), kernel.diagonal(x), rtol=1e-14)


def test_near_and_far_points_in_many_layers() -> None:
    """Erf and ReLU at fixed points of the variance: K approaches a constant or keeps its ratios; nothing is lost on the way."""
    relu = LayeredKernel(Architecture(RELU, 1, sqrt(2.0), 0.0, depth=40))
    x = np.array([[0.5], [1.0], [-2.0]])
    np.testing.assert_allclose(relu.diagonal(x), 2 * x[:, 0] ** 2, rtol=1e-12)  # sigma_w^2 = 2 keeps K(x, x) = 2 x^2
    assert relu(x, x)[0, 1] == pytest.approx(2 * 0.5, rel=1e-12)  # one direction: parallel stays parallel
    assert 0.9 < relu(x, x)[1, 2] / 4 < 1  # opposite ones, independent after a layer, come together slowly
    gauss = LayeredKernel(Architecture(GAUSS, 1, 0.5, 0.3, depth=30))
    assert gauss(x, x) == pytest.approx(np.full((3, 3), 0.25 + 0.09), rel=1e-9)


# ---- quadrature


@pytest.mark.parametrize("net", CLOSED)
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize(("d_in", "sigma_w", "sigma_b"), [(1, 1.3, 0.0), (2, 1.2, 0.4), (3, 1.6, 1.0)])
def test_closed_forms_in_disguise_to_the_stated_error(
    net: str, depth: int, d_in: int, sigma_w: float, sigma_b: float
) -> None:
    x = some_points(d_in) * (0.5 if net == "gauss" else 1.0)
    known = LayeredKernel(Architecture(CLOSED[net][0], d_in, sigma_w, sigma_b, depth))
    layered = kernel_of(Architecture(DISGUISED[net], d_in, sigma_w, sigma_b, depth))
    assert isinstance(layered, LayeredKernel)
    error = layered.error(x[:4], x)
    difference = np.abs(layered(x[:4], x) - known(x[:4], x))
    assert np.all(difference <= error + 1e-15)
    assert np.max(error) < 1e-7 * np.max(known.diagonal(x))
    assert np.median(error) < 1e-9
    np.testing.assert_allclose(layered.diagonal(x), known.diagonal(x), rtol=1e-12, atol=1e-15)
    other = LayeredKernel(Architecture(CLOSED[net][0], d_in, sigma_w * (1 + 1e-6), sigma_b, depth))
    assert np.any(np.abs(layered(x[:4], x) - other(x[:4], x)) > 10 * error), "control: one part in a million is seen"


def exact_moment(name: str, x: float, y: float, angle: float) -> float:
    """E[phi(z_x) phi(z_y)] in closed form."""
    size, rho = sqrt(x * y), cos(angle)

    def positive(theta: float) -> float:
        return size / (2 * pi) * (sin(theta) + (pi - theta) * cos(theta))

    if name == "step":
        return (pi - angle) / (2 * pi)
    if name == "cos":
        return exp(-(x + y) / 2) * float(np.cosh(size * rho))
    return (1 + 0.01) * positive(angle) - 0.2 * positive(pi - angle)


@pytest.mark.parametrize("name", ["step", "leaky", "cos"])
def test_exact_moments_up_to_parallel_and_opposite(name: str) -> None:
    rng = np.random.default_rng(SEED)
    angles = [0.0, 1e-9, 1e-4, 0.01, 0.1, 0.25, *rng.uniform(0.3, 2.8, 6), pi - 0.1, pi - 1e-6, pi]
    for angle in angles:
        x, y = rng.uniform(0.1, 5.0, 2)
        z = pair(x, y, angle)
        z.__dict__["angle"] = np.array([[angle]])  # the angle itself: a covariance does not hold small ones
        found = second_moments(Neuron(OWN[name]), z)
        expected = exact_moment(name, x, y, angle)
        assert abs(found.value[0, 0] - expected) <= found.error[0, 0]
        assert found.error[0, 0] < 1e-10 * (1 + sqrt(x * y))


def nested(phi: Callable[[float], float], kinks: Sequence[float], x: float, y: float, angle: float) -> float:
    """E[phi(z_x) E[phi(z_y) | z_x]] by adaptive quadrature, split where phi and the inner integral have kinks."""
    slope, rest = sqrt(y) * cos(angle), sqrt(y) * sin(angle)

    def weight(t: float) -> float:
        return exp(-t * t / 2) / sqrt(2 * pi)

    def inner(g: float) -> float:
        edges = sorted({-9.0, 9.0, *(e for k in kinks if -9 < (e := (k - slope * g) / rest) < 9)})
        pieces = pairwise(edges)
        return sum(
            float(integrate.quad(lambda h: phi(slope * g + rest * h) * weight(h), *p, epsabs=1e-11, epsrel=1e-9)[0])
            for p in pieces
        )

    bends = [k / slope + shift * rest / abs(slope) for k in kinks for shift in (-3.0, 0.0, 3.0)]
    edges = sorted({-9.0, 0.0, 9.0, *(e for e in (*bends, *(k / sqrt(x) for k in kinks)) if -9 < e < 9)})
    return sum(
        float(integrate.quad(lambda g: phi(sqrt(x) * g) * inner(g) * weight(g), *p, epsabs=1e-10, epsrel=1e-8)[0])
        for p in pairwise(edges)
    )


@pytest.mark.parametrize(
    ("name", "phi", "kinks"),
    [
        ("shifted", lambda z: max(z - 0.3, 0.0), [0.3]),
        ("step at 0.3", lambda z: float(z > 0.3), [0.3]),
        ("hard", lambda z: min(max(z, -1.0), 1.0), [-1.0, 1.0]),
        ("elu", lambda z: z if z > 0 else float(np.expm1(z)), [0.0]),
        ("steep", lambda z: float(np.tanh(20 * z)), [0.0]),
    ],
)
@pytest.mark.parametrize(("x", "y", "angle"), [(1.3, 0.8, 0.2), (0.9, 1.1, 2.9)])
def test_kinks_and_steps_by_nested_adaptive_quadrature(
    name: str, phi: Callable[[float], float], kinks: Sequence[float], x: float, y: float, angle: float
) -> None:
    found = second_moments(Neuron(OWN[name]), pair(x, y, angle))
    expected = nested(phi, kinks, x, y, angle)
    assert found.value[0, 0] == pytest.approx(expected, abs=3e-9)
    assert second_moments(Neuron(OWN[name]), pair(x, y, angle * 1.001)).value[0, 0] != pytest.approx(expected, abs=1e-7)


def test_stairs_are_a_sum_of_steps() -> None:
    """E[floor(u) floor(v)] with 31 steps, from E[floor(v) | u] in closed form."""
    x, y, angle = 3.0, 0.5, 1.2
    slope, rest = sqrt(y / x) * cos(angle), sqrt(y) * sin(angle)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    expected = 0.0
    for stair in range(-20, 20):
        u = stair + (1 + nodes) / 2
        mass = weights / 2 * np.exp(-(u**2) / (2 * x)) / sqrt(2 * pi * x)
        above = sum(special.ndtr((slope * u - k) / rest) for k in range(1, 12))
        below = sum(special.ndtr((k - slope * u) / rest) for k in range(-11, 1))
        expected += stair * float(mass @ (above - below))
    found = second_moments(Neuron(OWN["stairs"]), pair(x, y, angle))
    assert abs(found.value[0, 0] - expected) <= found.error[0, 0] < 1e-12


@pytest.mark.parametrize("name", ["tanh", "step", "hard", "elu"])
@pytest.mark.parametrize("depth", [1, 2])
def test_symmetric_positive_and_one_point_is_one_point(name: str, depth: int) -> None:
    kernel = kernel_of(Architecture(OWN[name], 2, 1.4, 0.3, depth))
    x = some_points(2, 12)
    matrix = kernel(x, x)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-10, atol=1e-10)
    assert np.array_equal(np.diagonal(matrix), kernel.diagonal(x))
    assert np.linalg.eigvalsh(matrix).min() > -1e-10 * np.trace(matrix)
    assert np.linalg.eigvalsh(matrix - 1.01 * np.diag(np.diagonal(matrix))).min() < 0, "control"
    np.testing.assert_allclose(WeightsPropagator(kernel)(x[:3], x), matrix[:3] - 0.09, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["tanh", "shifted"])
def test_a_grid_is_its_points_one_by_one(name: str) -> None:
    """On a grid coefficients are interpolated in the variance; for a few points they are not."""
    kernel = LayeredKernel(Architecture(OWN[name], 1, 1.0, 0.7))
    grid, inputs = np.linspace(-12, 12, 601)[:, None], np.array([[-1.0], [0.2], [1.2]])
    chosen = slice(None, None, 97)
    error = kernel.error(grid[chosen], inputs)
    assert np.all(np.abs(kernel(grid, inputs)[chosen] - kernel(grid[chosen], inputs)) <= 2 * error)
    np.testing.assert_allclose(kernel.diagonal(grid)[chosen], kernel.diagonal(grid[chosen]), rtol=1e-12)
    assert kernel(grid, inputs) == pytest.approx(kernel(inputs, grid).T, rel=1e-9, abs=1e-10)


class Power:
    """|v - 1.4|^power as a column, and for how many variances it is called."""

    def __init__(self, power: int, least: float = 0.0) -> None:
        self.power, self.least, self.calls = power, least, list[int]()

    def __call__(self, variance: FloatArray) -> FloatArray:
        self.calls.append(len(variance))
        if np.min(variance) < self.least:
            raise LimitError("not known there")
        return np.abs(variance[:, None] - 1.4) ** self.power


def test_tables_are_made_once_for_an_octave_and_only_where_they_are_smooth() -> None:
    variance = np.linspace(1.0, 1.9, 200)
    smooth, rough, partly = Power(2), Power(1), Power(2, least=1.1)
    for _ in range(2):
        assert tabulated(smooth, variance) == pytest.approx(Power(2)(variance), rel=0, abs=1e-13)
        assert np.array_equal(tabulated(rough, variance[::5]), Power(1)(variance[::5]))
    assert smooth.calls == [NODES]
    assert rough.calls == [NODES, 40, 40]
    assert np.array_equal(tabulated(partly, variance[100:]), Power(2)(variance[100:]))
    with pytest.raises(LimitError, match="not known there"):
        tabulated(partly, variance)
    zeros = tabulated(smooth, np.array([0.0, 1.4, 0.0]))
    assert zeros[[0, 2]].tolist() == [[1.4**2]] * 2


@pytest.mark.parametrize("cut", [-8.5, -2.3, 0.0, 0.41, 4.0, 8.4])
def test_half_line_rules_integrate_polynomials(cut: float) -> None:
    """Moments of a cut Gaussian: I_k = (k-1) I_{k-2} + cut^{k-1} density(cut)."""
    rules = half_line_rules(np.array([cut, 0.1]))
    density = exp(-(cut**2) / 2) / sqrt(2 * pi)
    moments = [float(special.ndtr(-cut)), density]
    for k in range(2, 12):
        moments.append((k - 1) * moments[k - 2] + cut ** (k - 1) * density)
        found = float(np.sum(rules.weights[0] * rules.nodes[0] ** k))
        scale = float(np.sum(rules.weights[0] * np.abs(rules.nodes[0]) ** k))
        assert found == pytest.approx(moments[k], abs=1e-9 * scale)
    kinked = np.abs(rules.nodes - rules.nodes[:, 5:6])
    smooth = np.cos(0.3 * rules.nodes)
    assert np.all(rules.error(smooth) < 1e-9)
    assert rules.error(kinked)[0] > 1e-3 * moments[0], "control: a kink is noticed"


def test_panels_end_at_kinks() -> None:
    for reach in (2.5, 1e6):
        assert smooth_panels(OWN["tanh"], reach).breaks.size == 0
        assert smooth_panels(OWN["step"], reach).edges.tolist() == [-reach, 0.0, reach]
        assert smooth_panels(OWN["hard"], reach).breaks.tolist() == [-1.0, 1.0]
        (place,) = smooth_panels(OWN["step at 0.3"], reach).breaks
        assert place == pytest.approx(0.3, abs=1e-14)
        (place,) = smooth_panels(OWN["shifted"], reach).breaks
        assert place == pytest.approx(0.3, abs=1e-7)  # error of an integral: its square


# ---- what is said and refused


def test_length_scales_shrink_where_layers_draw_points_apart() -> None:
    for activation, deep_is_shorter in ((GAUSS, True), (RELU, False), (OWN["tanh"], True)):
        one, three = (LayeredKernel(Architecture(activation, 1, 5.0, 0.3, depth)).length_scale for depth in (1, 3))
        assert (three < 0.8 * one) is deep_is_shorter
    assert LayeredKernel(Architecture(RELU, 1, 1.0, 0.0, depth=3)).length_scale == ReluKernel().length_scale


def test_names_and_layers() -> None:
    kernel = kernel_of(Architecture(OWN["tanh"], 3, depth=2, d_out=4))
    assert (kernel.name, kernel.d_in, kernel.bias_variance) == ("tanh kernel of 2 hidden layers", 3, 1.0)
    layers = layer_covariances(Architecture(ERF, depth=2), np.ones((2, 1)), np.zeros((3, 1)))
    assert [layer.xy.shape for layer in layers] == [(2, 3)] * 3


def test_activations_without_a_kernel_are_refused() -> None:
    x = np.array([[0.4], [1.0]])

    def kernel(function: Callable[[FloatArray], FloatArray]) -> LayeredKernel:
        return LayeredKernel(Architecture(own("mine", function)))

    with pytest.raises(InputError, match="'mine' returned nan at z = -"):
        kernel(np.sqrt)(x, x)
    with pytest.raises(LimitError, match=r"'mine': E\|phi\(z\)\|\^2 at Var z = .* is not finite"):
        kernel(lambda z: np.exp(0.15 * z**2))(x, 1.2 * x)  # finite for Var z < 5/3
    with pytest.raises(LimitError, match="'mine': more than 1000 panels"):
        kernel(lambda z: np.floor(200 * z))(x, x)
    with pytest.raises(InputError, match=r"shape \(2, 1\): expected \(points, 3\)"):
        LayeredKernel(Architecture(ERF, 3))(x, x)


def test_work_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = LayeredKernel(Architecture(OWN["step"]))
    x = np.array([[0.4], [0.5], [0.6]])
    kernel(x, x)
    monkeypatch.setattr(plane, "_MOST_WORK", 1e4)
    with pytest.raises(LimitError, match="nearly parallel pre-activations"):
        kernel(x, x)
