"""Growth exponents and next terms against known ones and against the NumPy kernels far out and near the origin."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
import sympy

from feyn_nn.errors import InputError
from feyn_nn.kernels import ErfKernel, GaussKernel, Kernel, ReluKernel, WeightsPropagator, parse_kernel
from feyn_nn.symbolic.growth import Growth, Limit, growth
from feyn_nn.symbolic.growth.directions import Direction, expansion, is_uniform
from feyn_nn.symbolic.kernels import SYMBOLS, symbolic_kernel

oo = sympy.oo


def of(kernel: Kernel, limit: Limit = Limit.LARGE) -> Growth:
    return growth(symbolic_kernel(kernel), limit)


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


def small_slopes(kernel: Kernel, near: float = 1e-3, far: float = 1e-5) -> tuple[float, float]:
    """Smallest leg slope over random directions, and the loop slope, of the NumPy form towards the origin."""
    source = np.random.default_rng(6)
    n = source.normal(size=(40, kernel.d_in))
    n /= np.linalg.norm(n, axis=1)[:, None]
    x = source.normal(size=(1, kernel.d_in))
    with np.errstate(divide="ignore", invalid="ignore"):
        leg = np.log(np.abs(kernel(x, far * n) / kernel(x, near * n)))[0]
        loop = np.log(np.abs(kernel.diagonal(far * n) / kernel.diagonal(near * n)))
    return float(np.nanmin(leg / math.log(far / near))), float(np.nanmin(loop / math.log(far / near)))


# As r -> 0 every kernel with K(x, 0) != 0 has a = 0; without the bias ReLU is homogeneous and Erf odd in y.
SMALL: list[tuple[Kernel, int, int]] = [
    *((kind(d_in, 1.2, 0.0), 1, 2) for kind in (ReluKernel, ErfKernel) for d_in in (1, 2, 3)),
    *((kind(d_in, 0.9, 0.7), 0, 0) for kind in (ReluKernel, ErfKernel, GaussKernel) for d_in in (1, 2, 3)),
    (GaussKernel(2, 1.0, 0.0), 0, 0),
    (WeightsPropagator(ErfKernel(2)), 0, 0),
]


@pytest.mark.parametrize(("kernel", "leg", "loop"), SMALL, ids=repr)
def test_networks_near_the_origin(kernel: Kernel, leg: int, loop: int) -> None:
    result = of(kernel, Limit.SMALL)
    assert (result.leg, result.loop) == (leg, loop)
    seen = small_slopes(kernel)
    assert seen[0] == pytest.approx(leg, abs=1e-2)
    assert seen[1] == pytest.approx(loop, abs=1e-2)


def test_control_slopes_near_the_origin_tell_exponents_apart() -> None:
    assert small_slopes(ErfKernel(2, 1.0, 0.0))[0] != pytest.approx(float(of(ErfKernel(2), Limit.SMALL).leg), abs=0.5)
    assert of(ErfKernel(2, 1.0, 0.0), Limit.SMALL).leg != of(ErfKernel(2, 1.0, 0.0)).leg


SMALL_TEXTS = {
    "xy^2": (2, 4),
    "exp(-rr/2)": (0, 0),
    "log(2+rr)": (0, 0),
    "(xx*yy)^(1/3)": (sympy.Rational(2, 3), sympy.Rational(4, 3)),
    "xy^2 + sqrt(xx*yy)": (1, 2),
    "sqrt(1+xx*yy) - 1": (2, 4),
    "exp(-1/xx-1/yy)": (oo, oo),
    "xx*yy*log(xx*yy)^2": (2, 4),
    "(xx*yy)^sigma_w": (2 * SYMBOLS.sigma_w, 4 * SYMBOLS.sigma_w),
    "1/sqrt(xx*yy) + 1": (-1, -2),
}


@pytest.mark.parametrize("text", SMALL_TEXTS)
@pytest.mark.parametrize("d_in", [1, 2])
def test_typed_kernels_near_the_origin(text: str, d_in: int) -> None:
    result = of(parse_kernel(text, d_in, 1.2, 0.7), Limit.SMALL)
    assert (result.leg, result.loop) == SMALL_TEXTS[text]


def test_the_smallest_exponent_decides_near_the_origin() -> None:
    """max(0, x) max(0, y): y^1 on one side, nothing on the other; the integral is dominated by the first."""
    result = of(parse_kernel("(x+abs(x))*(y+abs(y))"), Limit.SMALL)
    assert [d.exponent for d in result.directions] == [1, oo, oo, oo]
    assert (result.leg, result.loop) == (1, 2)
    assert any("smallest" in sentence for sentence in result.assumptions)


def test_bias_decides_near_the_origin() -> None:
    assert any("a = 0; with sigma_b = 0 it would be a = 1" in text for text in of(ErfKernel(), Limit.SMALL).assumptions)


NEXT: dict[str, tuple[object, object, object]] = {
    # leg towards y -> +oo with x > 0: exponent, next exponent, next coefficient in rho = |x|; d_in = 1
    "(1+xy)^2": (2, 1, "2*rho"),
    "1/(1+rr)": (-2, -3, "2*rho"),
    "sqrt(1+xx)*sqrt(1+yy)": (1, -1, "sqrt(rho**2 + 1)/2"),
    "sqrt(1+abs(xy))": (sympy.Rational(1, 2), sympy.Rational(-1, 2), "1/(2*sqrt(rho))"),
    "arctan(xy)": (0, -1, "-1/rho"),
    "abs(1-xy)": (1, 0, "-1"),
    "3 + exp(-rr)": (0, -oo, None),
    "3 + tanh(xy)": (0, -oo, None),
    "xy^2": (2, -oo, None),
    "log(2+rr)": (0, None, None),
    "(1+rr)^(-sigma_w)": (-2 * SYMBOLS.sigma_w, None, None),
    "exp(-rr)": (-oo, None, None),
}


def first(text: str, limit: Limit = Limit.LARGE) -> Direction:
    return of(parse_kernel(text, 1, 1.2, 0.7), limit).directions[0]


@pytest.mark.parametrize("text", NEXT)
def test_next_terms_of_typed_kernels(text: str) -> None:
    direction = first(text)
    exponent, following, coefficient = NEXT[text]
    if exponent == -oo:
        assert direction.exponent == -oo
        return
    assert (direction.exponent, direction.next_exponent) == (exponent, following)
    if coefficient is None:
        assert direction.next_coefficient is None
    else:
        rho = sympy.Symbol("rho", positive=True)
        assert sympy.simplify(direction.next_coefficient - sympy.sympify(str(coefficient), locals={"rho": rho})) == 0


def test_nothing_left_is_told_from_faster_than_any_power() -> None:
    exact, faster = first("xy^2"), first("3 + exp(-rr)")
    assert exact.next_exponent == faster.next_exponent == -oo
    assert (exact.exact, faster.exact) == (True, False)
    assert first("(x+abs(x))*(y+abs(y))").exact
    for limit in Limit:
        assert all(d.exact for d in of(ReluKernel(2), limit).directions)
        assert not any(d.exact for d in of(ReluKernel(2, 1.0, 0.3), limit).directions)
    assert first("xy^2", Limit.SMALL).next_exponent == oo


@pytest.mark.parametrize("kind", [ErfKernel, ReluKernel, GaussKernel])
@pytest.mark.parametrize("d_in", [1, 2, 3])
@pytest.mark.parametrize("limit", Limit)
def test_next_terms_are_those_of_the_numpy_form(
    kind: type[ErfKernel | GaussKernel | ReluKernel], d_in: int, limit: Limit
) -> None:
    """(K - c0 r^a)/r^a1 at r = 1e3 (1e-3) is c1, in every direction; sigma_w, sigma_b and d_in stay symbols."""
    kernel = kind(d_in, 0.9, 0.7)
    radius = 1e3 if limit is Limit.LARGE else 1e-3
    for direction, sign in zip(of(kernel, limit).directions, (1, -1), strict=True):
        if kind is GaussKernel and limit is Limit.LARGE:
            assert (direction.next_exponent, direction.exact) == (-oo, False)
            continue
        numbers = {"rho": 1.3, "c": 0.6, "d_in": d_in, "sigma_w": 0.9, "sigma_b": 0.7}
        leading: Any = direction.coefficient
        following: Any = direction.next_coefficient
        exponent: Any = direction.next_exponent
        first_value, next_value = (
            float(value.subs({symbol: numbers[symbol.name] for symbol in value.free_symbols}))
            for value in (leading, following)
        )
        assert following.has(SYMBOLS.sigma_w)
        assert kind is GaussKernel or following.has(SYMBOLS.sigma_b)
        cosine = 0.6 if d_in > 1 else 1.0
        n = np.array([[sign * cosine, (1 - cosine**2) ** 0.5, 0.0][:d_in]])
        seen = kernel(np.array([[1.3, 0.0, 0.0][:d_in]]), radius * n)[0, 0]
        gap = seen - first_value * radius ** float(direction.exponent)
        scaled = gap / radius ** float(exponent)
        assert scaled == pytest.approx(next_value, rel=2e-2)
        assert scaled * radius**limit.sign != pytest.approx(next_value, rel=0.5), "control: another exponent"


def test_more_terms_on_request() -> None:
    direction = first("(1+xy)^2")
    found = expansion(direction, 5)
    assert found is not None
    assert [exponent for exponent, _ in found.terms] == [2, 1, 0]
    assert found.exact
    rough = expansion(direction, 1)
    assert rough is not None
    assert (len(rough.terms), rough.rest, rough.exact) == (1, 1, False)


def test_bands_of_directions_in_which_the_expansion_fails() -> None:
    """exp(-(x.y)^2) does not decay perpendicular to x, a Gaussian in |x - y| does everywhere."""
    for text, uniform in (("1+exp(-xy^2)", False), ("1+1/(1+xy^2)", False), ("1+exp(-rr)", True), ("1+xy", True)):
        assert all(is_uniform(direction) is uniform for direction in of(parse_kernel(text, 2)).directions)


@pytest.mark.parametrize(("text", "limit"), [("cos(1/(xx*yy))", Limit.SMALL), ("2 + cos(xy)", Limit.LARGE)])
def test_oscillation_is_refused_in_both_limits(text: str, limit: Limit) -> None:
    radii = "1e3, 1e4, 1e6" if limit is Limit.LARGE else "1e-3, 1e-4, 1e-6"
    with pytest.raises(
        InputError, match=rf"cannot determine the growth .* tried .* at r = {radii} the numerical slope"
    ):
        of(parse_kernel(text), limit)
    other = Limit.SMALL if limit is Limit.LARGE else Limit.LARGE
    assert of(parse_kernel(text), other).leg == 0
