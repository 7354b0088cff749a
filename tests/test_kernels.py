"""Laws of the kernels in NumPy form: the neuron's second moment, symmetric, positive, with all digits."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feyn_nn.errors import InputError
from feyn_nn.kernels import (
    ErfKernel,
    FunctionKernel,
    GaussKernel,
    Kernel,
    LayeredKernel,
    ReluKernel,
    WeightsPropagator,
    kernel_of,
    parse_kernel,
)
from feyn_nn.network import PRESETS, Activation, Architecture
from tests.oracles.neuron_quadrature import by_gauss_hermite, by_quad

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

NETS: dict[str, type[ErfKernel | GaussKernel | ReluKernel]] = {
    "erf": ErfKernel,
    "gauss": GaussKernel,
    "relu": ReluKernel,
}


def make(net: str, d_in: int = 1, sigma_w: float = 1.0, sigma_b: float = 1.0) -> Kernel:
    return NETS[net](d_in, sigma_w, sigma_b)


def points(seed: int, count: int, d_in: int, scale: float = 1.0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(count, d_in)) * scale


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize(("x", "y", "sigma_w", "sigma_b"), [(0.7, -0.4, 0.8, 0.6), (0.3, 1.1, 1.2, 0.9)])
def test_kernel_is_the_second_moment_of_a_neuron(net: str, x: float, y: float, sigma_w: float, sigma_b: float) -> None:
    value = make(net, 1, sigma_w, sigma_b)(np.array([[x]]), np.array([[y]]))[0, 0]
    expected = by_quad(net, x, y, sigma_w, sigma_b)
    assert value == pytest.approx(expected, rel=1e-6)
    wrong = make(net, 1, 1.02 * sigma_w, sigma_b)(np.array([[x]]), np.array([[y]]))[0, 0]
    assert wrong != pytest.approx(expected, rel=1e-3), "control: another sigma_w must be seen"


@pytest.mark.parametrize(
    ("net", "d_in", "nodes", "tolerance"),
    [
        ("erf", 2, 24, 1e-6),
        ("erf", 3, 14, 1e-3),
        ("gauss", 2, 24, 1e-9),
        ("gauss", 3, 14, 1e-6),
        ("relu", 2, 40, 1e-2),
        ("relu", 3, 16, 2e-2),
    ],
)
def test_kernel_is_the_second_moment_with_several_inputs(net: str, d_in: int, nodes: int, tolerance: float) -> None:
    x, y = points(11, 2, d_in, 0.7)
    value = make(net, d_in, 0.8, 0.6)(x[None], y[None])[0, 0]
    expected = by_gauss_hermite(net, x.tolist(), y.tolist(), 0.8, 0.6, nodes)
    assert value == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("net", NETS)
@given(
    d_in=st.integers(1, 5),
    sigma_w=st.floats(0.2, 3),
    sigma_b=st.sampled_from([0.0, 0.3, 1.5]),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_symmetric_positive_and_diagonal(net: str, d_in: int, sigma_w: float, sigma_b: float, seed: int) -> None:
    kernel = make(net, d_in, sigma_w, sigma_b)
    assert isinstance(kernel, Kernel)
    x = points(seed, 12, d_in, 2.0)
    for k in (kernel, WeightsPropagator(kernel)):
        matrix = k(x, x)
        np.testing.assert_allclose(matrix, matrix.T, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(np.diagonal(matrix), k.diagonal(x), rtol=1e-12)
        assert np.linalg.eigvalsh(matrix).min() > -1e-12 * np.trace(matrix)
        assert k(x[:3], x).shape == (3, 12)
    # control: the check of positivity sees a kernel that is not one
    assert np.linalg.eigvalsh(kernel(x, x) - 1.01 * kernel.diagonal(x).max()).min() < 0


def test_gauss_is_translation_invariant_and_the_others_are_not() -> None:
    for d_in in (1, 2, 3):
        x, y, shift = points(1, 5, d_in), points(2, 6, d_in), points(3, 1, d_in)
        same = {n: np.allclose(make(n, d_in)(x, y), make(n, d_in)(x + shift, y + shift), rtol=1e-12) for n in NETS}
        assert same == {"erf": False, "gauss": True, "relu": False}


def test_relu_without_bias_is_homogeneous_of_degree_one_and_with_it_is_not() -> None:
    for d_in in (1, 2, 3):
        x, y = points(1, 5, d_in), points(2, 6, d_in)
        for sigma_b, homogeneous in ((0.0, True), (0.4, False)):
            kernel = ReluKernel(d_in, 1.3, sigma_b)
            assert np.allclose(kernel(2.7 * x, y), 2.7 * kernel(x, y), rtol=1e-12, atol=0) is homogeneous


def test_relu_in_one_dimension_without_bias_is_exact() -> None:
    kernel = ReluKernel(1, 1.5, 0.0)
    x = np.array([[-2.0], [-0.5], [0.0], [0.3], [4.0]])
    expected = np.where(x * x.T > 0, 1.5**4 / 2 * x * x.T, 0.0)
    np.testing.assert_allclose(kernel(x, x), expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("d_in", [1, 2, 3])
@pytest.mark.parametrize("sigma_b", [0.0, 1.0])
def test_zero_and_extreme_points_give_no_warning(net: str, d_in: int, sigma_b: float) -> None:
    kernel = make(net, d_in, 1.0, sigma_b)
    x = np.vstack([np.zeros((1, d_in)), np.full((1, d_in), 1e-160), np.ones((1, d_in)), np.full((1, d_in), -1e60)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        matrix = kernel(x, x)
        assert np.all(np.isfinite(matrix))
        assert np.all(np.isfinite(kernel.diagonal(x)))
    if net == "relu" and sigma_b == 0:
        assert np.all(matrix[0] == 0)
        assert np.all(WeightsPropagator(ReluKernel(d_in, 1.0, 0.0))(x, x)[:, 0] == 0)


def test_functions_of_the_wrong_points_are_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(3, 2\): expected \(points, 1\)"):
        ErfKernel()(np.zeros((3, 2)), np.zeros((3, 1)))
    with pytest.raises(InputError, match="sigma_w = 0"):
        GaussKernel(1, 0.0)
    with pytest.raises(InputError, match="d_in = 0"):
        ReluKernel(0)


def test_kernel_of_knows_every_architecture() -> None:
    for name, preset in PRESETS.items():
        architecture = preset.architecture(d_in=2)
        kernel = kernel_of(architecture)
        assert type(kernel) is NETS[name]
        assert (kernel.d_in, kernel.bias_variance) == (2, preset.sigma_b**2)
        assert kernel_of(replace(architecture, depth=2)) == LayeredKernel(replace(architecture, depth=2))
    sine = Architecture(Activation("sine", lambda z: np.sin(z, out=z)))
    assert kernel_of(sine) == LayeredKernel(sine)


EXPRESSIONS = {
    "gauss": "sigma_b^2 + sigma_w^2*exp(-sigma_w^2*rr/(2*d_in))",
    "erf": "sigma_b^2 + sigma_w^2*2/pi*arcsin(2*(sigma_b^2+sigma_w^2*xy/d_in)"
    "/sqrt((1+2*(sigma_b^2+sigma_w^2*xx/d_in))*(1+2*(sigma_b^2+sigma_w^2*yy/d_in))))",
}


@pytest.mark.parametrize("net", EXPRESSIONS)
@pytest.mark.parametrize("d_in", [1, 2, 3])
def test_typed_kernels_equal_the_built_in_ones(net: str, d_in: int) -> None:
    typed = parse_kernel(EXPRESSIONS[net], d_in, 1.2, 0.7)
    x, y = points(4, 5, d_in), points(5, 6, d_in)
    np.testing.assert_allclose(typed(x, y), make(net, d_in, 1.2, 0.7)(x, y), rtol=1e-12)
    np.testing.assert_allclose(typed.diagonal(x), make(net, d_in, 1.2, 0.7).diagonal(x), rtol=1e-12)
    assert isinstance(typed, Kernel)


def test_scalars_agree_with_inner_products() -> None:
    x = points(6, 7, 1)
    np.testing.assert_allclose(parse_kernel("x*y + (x-y)^2")(x, x), parse_kernel("xy + rr")(x, x), rtol=1e-13)
    with pytest.raises(InputError, match="unknown name 'x'"):
        parse_kernel("x*y", d_in=2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exp(xx)", "not symmetric"),
        ("x - y", "not symmetric"),
        ("log(-1 - rr)", "user's kernel .* returned nan at x = "),
        ("1e999", "exceeds"),
        ("__import__", "unexpected character"),
        ("eval(x)", "unknown name 'eval'"),
    ],
)
def test_bad_text_is_refused_with_reason(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_kernel(text)


def test_user_kernels_are_checked_when_called() -> None:
    kernel = parse_kernel("1/rr")
    with pytest.raises(InputError, match=r"user's kernel '1/rr' returned inf at x = \[1.0\], y = \[1.0\]"):
        kernel(np.array([[2.0], [1.0]]), np.array([[1.0]]))
    with pytest.raises(InputError, match="user's kernel"):
        kernel.diagonal(np.array([[1.0]]))
    with pytest.raises(InputError, match=r"returned shape \(4, 1\)"):
        FunctionKernel(lambda x, y: x)
    with pytest.raises(InputError, match="not symmetric"):
        FunctionKernel(lambda x, y: x + 0 * y.T)
    with pytest.raises(InputError, match="length_scale"):
        parse_kernel("xy", length_scale=0.0)


def test_function_kernel_and_its_diagonal() -> None:
    kernel = FunctionKernel(lambda x, y: np.exp(-np.abs(x - y.T)) * (1 + x * y.T), d_in=1, bias_variance=0.25)
    y = points(8, 75, 1)
    np.testing.assert_allclose(kernel.diagonal(y), np.diagonal(kernel(y, y)))
    np.testing.assert_allclose(WeightsPropagator(kernel)(y, y), kernel(y, y) - 0.25)


def test_relu_keeps_its_digits_near_opposite_points() -> None:
    # cos theta = -1 + 1e-14: the slide's formula in double precision has no digit left of K - s ~ delta^3 / 3
    delta = 1e-7
    x, y = np.array([[1.0, 0.0]]), np.array([[-np.cos(delta), np.sin(delta)]])
    value = ReluKernel(2, np.sqrt(2.0), 0.0)(x, y)[0, 0]
    assert value == pytest.approx(2 / (2 * np.pi) * delta**3 / 3, rel=1e-8)


def test_kernels_do_not_import_sympy() -> None:
    code = "import sys, feyn_nn.kernels; sys.exit('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
