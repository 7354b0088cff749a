"""Growth exponents against known ones and against log-log slopes of the NumPy kernels far out."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import sympy

from feyn_nn.errors import InputError
from feyn_nn.kernels import ErfKernel, GaussKernel, Kernel, ReluKernel, WeightsPropagator, parse_kernel
from feyn_nn.symbolic.growth import Growth, growth
from feyn_nn.symbolic.kernels import SYMBOLS, symbolic_kernel

oo = sympy.oo


def of(kernel: Kernel) -> Growth:
    return growth(symbolic_kernel(kernel))


def slopes(kernel: Kernel, near: float = 1e5, far: float = 1e7) -> tuple[float, float]:
    """Largest leg slope over random directions, and the loop slope, of the NumPy form."""
    source = np.random.default_rng(5)
    n = source.normal(size=(40, kernel.d_in))
    n /= np.linalg.norm(n, axis=1)[:, None]
    x = source.normal(size=(1, kernel.d_in))
    with np.errstate(divide="ignore", invalid="ignore"):
        leg = np.log(np.abs(kernel(x, far * n) / kernel(x, near * n)))[0]
        loop = np.log(np.abs(kernel.diagonal(far * n) / kernel.diagonal(near * n)))
    return float(np.nanmax(leg)) / math.log(far / near), float(np.nanmax(loop)) / math.log(far / near)


NETS: list[tuple[Kernel, int, int]] = [
    (kind(d_in, sigma_w, sigma_b), a, b)
    for kind, a, b in ((ReluKernel, 1, 2), (ErfKernel, 0, 0))
    for d_in in (1, 2, 3)
    for sigma_w, sigma_b in ((1.2, 0.0), (0.9, 0.7))
] + [(GaussKernel(d_in, 1.0, 0.7), 0, 0) for d_in in (1, 2, 3)]


@pytest.mark.parametrize(("kernel", "leg", "loop"), NETS, ids=repr)
def test_networks(kernel: Kernel, leg: int, loop: int) -> None:
    result = of(kernel)
    assert (result.leg, result.loop) == (leg, loop)
    seen = slopes(kernel)
    assert seen[0] == pytest.approx(leg, abs=1e-3)
    assert seen[1] == pytest.approx(loop, abs=1e-3)


@pytest.mark.parametrize("kind", [ErfKernel, GaussKernel, ReluKernel])
@pytest.mark.parametrize("d_in", [1, 2])
def test_coefficients_are_those_of_the_numpy_form(kind: type[ErfKernel | GaussKernel | ReluKernel], d_in: int) -> None:
    """K(x, r n) / r^a at r = 1e9 equals the coefficient; d_in stays a symbol from two inputs on."""
    kernel = kind(d_in, 0.9, 0.7)
    result = of(kernel)
    rho, cosine = 1.3, 0.6 if d_in > 1 else 1.0
    for direction, sign in zip(result.directions, (1, -1), strict=True):
        assert direction.coefficient is not None
        assert d_in == 1 or kind is GaussKernel or direction.coefficient.has(SYMBOLS.d_in)
        value = direction.coefficient.subs(dict(symbolic_kernel(kernel).values)).subs(
            {
                symbol: rho if symbol.name == "rho" else cosine
                for symbol in direction.coefficient.free_symbols
                if symbol.name in ("rho", "c")
            }
        )
        n = np.array([[sign * cosine, 0.8][:d_in]])
        x = np.array([[rho, 0.0][:d_in]])
        seen = kernel(x, 1e9 * n)[0, 0] / 1e9 ** float(direction.exponent)
        assert seen == pytest.approx(float(value), rel=1e-6)


def test_control_slopes_tell_exponents_apart() -> None:
    """Near the inputs, or of another kernel, the slope is not the exponent: the comparison above can fail."""
    assert slopes(ErfKernel(2), 0.5, 1.0)[1] > 0.01
    assert slopes(ReluKernel(2))[0] != pytest.approx(float(of(ErfKernel(2)).leg), abs=0.5)


def test_relu_vanishes_on_one_side_in_one_dimension() -> None:
    right, left = of(ReluKernel(1, 1.0, 0.0)).directions
    assert (right.exponent, left.exponent, left.coefficient) == (1, -oo, 0)
    assert [d.exponent for d in of(ReluKernel(1, 1.0, 0.5)).directions] == [1, 1]


def test_gauss_needs_its_bias() -> None:
    with_bias = of(GaussKernel())
    assert any("sigma_b > 0" in sentence and "a = -oo" in sentence for sentence in with_bias.assumptions)
    for kernel in (
        GaussKernel(1, 1.0, 0.0),
        WeightsPropagator(GaussKernel()),
        WeightsPropagator(GaussKernel(3)),
    ):
        result = of(kernel)
        assert (result.leg, result.loop) == (-oo, 0)
        assert not any("sigma_b" in sentence for sentence in result.assumptions)
    for other in (ErfKernel(), ReluKernel(2, 1.0, 1.0)):
        assert not any("sigma_b" in sentence for sentence in of(other).assumptions)


TEXTS = {
    "xy^2": (2, 4),
    "xy*yy*xx": (3, 6),
    "1/(1+rr)": (-2, 0),
    "exp(-rr/2)": (-oo, 0),
    "sqrt(1+rr)": (1, 0),
    "log(2+rr)": (0, 0),
    "exp(xy)": (oo, oo),
    "exp(-sqrt(rr))/2": (-oo, 0),
    "(1+rr)^(-3/7)": (sympy.Rational(-6, 7), 0),
    "(1+rr)^(-sigma_w)": (-2 * SYMBOLS.sigma_w, 0),
    "abs(xy)": (1, 2),
    "1/((1+xx)*(1+yy))": (-2, -4),
    "sqrt(1+xx*yy) - sqrt(xx*yy)": (-1, -2),
    "1 - tanh(rr)": (-oo, 0),
    "exp(-exp(rr))": (-oo, 0),
    "cosh(xy)/exp(xx+yy)": (-oo, -oo),
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("d_in", [1, 2])
def test_typed_kernels(text: str, d_in: int) -> None:
    result = of(parse_kernel(text, d_in, 1.2, 0.7))
    assert (result.leg, result.loop) == TEXTS[text]


@pytest.mark.parametrize("text", ["xy^2", "1/(1+rr)", "sqrt(1+rr)", "(1+rr)^(-3/7)", "abs(xy)"])
def test_typed_kernels_have_the_numerical_slope(text: str) -> None:
    for d_in in (1, 2, 3):
        kernel = parse_kernel(text, d_in)
        result = of(kernel)
        leg, loop = slopes(kernel)
        assert leg == pytest.approx(float(result.leg), abs=1e-3)
        assert loop == pytest.approx(float(result.loop), abs=1e-3)


def test_scalars_have_four_legs() -> None:
    result = of(parse_kernel("(x+abs(x))*(y+abs(y))"))
    assert [d.exponent for d in result.directions] == [1, -oo, -oo, -oo]
    assert [d.exponent for d in result.loops] == [2, -oo]


def test_a_logarithm_is_said() -> None:
    assert any("not a pure power law" in sentence for sentence in of(parse_kernel("log(2+rr)")).assumptions)
    assert not any("power law" in sentence for sentence in of(parse_kernel("sqrt(2+rr)")).assumptions)


@pytest.mark.parametrize("text", ["cos(sqrt(rr))", "2 + cos(xy)"])
def test_oscillation_is_refused_with_the_slopes(text: str) -> None:
    with pytest.raises(InputError, match=r"cannot determine the growth .* tried .* at r = 1e3, 1e4, 1e6"):
        of(parse_kernel(text))


@pytest.mark.parametrize("kernel", [ErfKernel(2), GaussKernel(2), ReluKernel(2), ReluKernel(2, 1.0, 1.0)], ids=repr)
def test_growth_is_quick(kernel: Kernel) -> None:
    start = time.process_time()
    of(kernel)
    assert time.process_time() - start < 5.0  # about 0.5 s; the margin is for a busy machine
