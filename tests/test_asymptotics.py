"""Laws of integrals at large and small cutoff against slopes of quadratures: exponent, order of the correction, coefficient."""

from __future__ import annotations

from itertools import pairwise
from math import log, pi
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy

from feyn_nn.errors import InputError
from feyn_nn.kernels import ErfKernel, FunctionKernel, GaussKernel, Kernel, ReluKernel, WeightsPropagator, parse_kernel
from feyn_nn.numeric import grid_for
from feyn_nn.symbolic.growth import growth
from feyn_nn.symbolic.growth.asymptotics import Cause, IntegralLaw, integral_law
from feyn_nn.symbolic.growth.directions import Limit
from feyn_nn.symbolic.growth.fixed_points import FixedPoints, fixed_points
from feyn_nn.symbolic.kernels import SYMBOLS, KernelSymbols, symbolic_kernel

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

oo = sympy.oo
D = SYMBOLS.d_in
POINTS = np.array(
    [[0.3, 0.2, -0.4], [0.7, -0.5, 0.1], [0.4, 0.6, 0.3], [0.9, 0.1, 0.2], [0.2, 0.8, 0.5], [0.5, 0.3, 0.7]]
)


def law(kernel: Kernel, legs: int, loops: int = 0, limit: Limit = Limit.LARGE, **options: Any) -> IntegralLaw:
    return integral_law(symbolic_kernel(kernel), legs, loops, limit, **options)


def correction(found: IntegralLaw, d_in: int) -> Any:
    power: Any = found.correction
    return power.subs(D, d_in)


def integrand(kernel: Kernel, inputs: FloatArray, loops: int, nodes: FloatArray) -> FloatArray:
    values: FloatArray = kernel(inputs, nodes).prod(axis=0)
    return values * kernel.diagonal(nodes) ** loops


def integral(kernel: Kernel, inputs: FloatArray, loops: int, cutoff: float) -> float:
    """Over the cube: the package's grid outside of the inputs, Gauss-Legendre on both sides of 0 within."""
    if cutoff >= np.abs(inputs).max():
        grid = grid_for(kernel, inputs, cutoff, refined=kernel.d_in == 1)
        return float(grid.weights @ integrand(kernel, inputs, loops, grid.nodes))
    unit, weight = np.polynomial.legendre.leggauss(12)
    axis, weights = np.concatenate([unit - 1, unit + 1]) * cutoff / 2, np.concatenate([weight, weight]) * cutoff / 2
    nodes = np.stack([part.ravel() for part in np.meshgrid(*[axis] * kernel.d_in)], axis=1)
    volume = np.prod(np.stack([part.ravel() for part in np.meshgrid(*[weights] * kernel.d_in)]), axis=0)
    return float(volume @ integrand(kernel, inputs, loops, nodes))


def slope(kernel: Kernel, inputs: FloatArray, loops: int, cutoff: float) -> float:
    """dlog I/dlog L: the boundary for d_in = 1, else a symmetric difference, which keeps powers of L powers of L."""
    if kernel.d_in == 1:
        ends = np.array([[cutoff], [-cutoff]])
        return cutoff * float(integrand(kernel, inputs, loops, ends).sum()) / integral(kernel, inputs, loops, cutoff)
    upper, lower = (integral(kernel, inputs, loops, cutoff * factor) for factor in (1.05, 1 / 1.05))
    return log(upper / lower) / (2 * log(1.05))


def gaps(
    kernel: Kernel, found: IntegralLaw, cutoffs: tuple[float, ...], inputs: FloatArray | None = None
) -> list[float]:
    points = POINTS[: found.legs, : kernel.d_in] if inputs is None else inputs
    limit = float(found.at(kernel.d_in).exponent)
    return [slope(kernel, points, found.loops, cutoff) - limit for cutoff in cutoffs]


class Bounded:
    """K(x, y) = 2 + x.y / sqrt((1 + |x|^2)(1 + |y|^2)), a kernel that the package does not know."""

    __name__ = "bounded"

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        norms = np.sqrt(1 + (x**2).sum(axis=1))[:, None] * np.sqrt(1 + (y**2).sum(axis=1))[None, :]
        result: FloatArray = 2 + x @ y.T / norms
        return result

    def sympy_expression(self, symbols: KernelSymbols) -> Any:
        return 2 + symbols.xy / sympy.sqrt((1 + symbols.xx) * (1 + symbols.yy))


# (kernel, legs, loops): E and q of L^-q, derived by hand from K's first terms. E = D = d + a n + b l unless D < 0;
# q = min(p, D), p the next power that is even under y -> -y.
ORDERS: list[tuple[Kernel, int, int, Any, Any]] = [
    (GaussKernel(1, 1.0, 1.0), 4, 0, 1, 1),  # constant + Gaussian: only the finite part
    (GaussKernel(2, 1.0, 0.8), 4, 0, 2, 2),
    (ErfKernel(1, 1.0, 0.0), 4, 0, 1, 1),  # p = 2 without bias, so that the finite part is larger
    (ErfKernel(2, 1.0, 0.7), 4, 0, 2, 1),  # p = 1 from sigma_b^2/(sigma_w rho r)
    (ErfKernel(2, 1.0, 0.7), 2, 1, 2, 1),
    (ReluKernel(1, 1.0, 0.5), 4, 0, 5, 1),
    (ReluKernel(2, 1.0, 0.5), 4, 0, 6, 1),
    (ReluKernel(1, 1.0, 0.5), 2, 1, 5, 1),
    (parse_kernel("sqrt(1+xx)*sqrt(1+yy)", 2), 4, 0, 6, 2),
    (parse_kernel("(1+xy)^2", 1), 3, 0, 7, 2),  # r^5 is odd
    (parse_kernel("(1+xy)^2", 2), 3, 0, 8, 2),
    (parse_kernel("1+xy", 2), 3, 0, 4, 2),  # r^3 is odd: not d + 3
    (parse_kernel("1/(1+rr)^(1/16)", 1), 4, 0, sympy.Rational(1, 2), sympy.Rational(1, 2)),
    (parse_kernel("1/(1+rr)^(1/16)", 2), 4, 0, sympy.Rational(3, 2), sympy.Rational(3, 2)),
    (parse_kernel("1/(1+rr)", 1), 1, 0, 0, 1),  # converges, with a tail 1/L
    (parse_kernel("1/(1+rr)", 1), 1, 1, 0, 1),
    (FunctionKernel(Bounded(), 1), 4, 0, 1, 1),
]


@pytest.mark.parametrize(("kernel", "legs", "loops", "exponent", "power"), ORDERS, ids=lambda value: repr(value)[:60])
def test_order_of_the_correction(kernel: Kernel, legs: int, loops: int, exponent: Any, power: Any) -> None:
    """A decade in L divides the distance from the exponent by 10^q."""
    found = law(kernel, legs, loops)
    approach = found.at(kernel.d_in)
    assert (approach.exponent, approach.power, approach.logarithm) == (exponent, power, False)
    assert found.exponent.subs(D, kernel.d_in) == exponent
    assert correction(found, kernel.d_in) == power
    cutoffs = (1e4, 1e5, 1e6) if kernel.d_in == 1 else (1e2, 1e3)
    distances = [abs(gap) for gap in gaps(kernel, found, cutoffs)]
    for near, far in pairwise(distances):
        assert near / far == pytest.approx(10 ** float(power), rel=0.1)
        assert near / far != pytest.approx(10 ** float(power + sympy.Rational(1, 2)), rel=0.3), "control"


@pytest.mark.parametrize(
    ("kernel", "legs", "loops", "signs", "power"),
    [
        (ErfKernel(1, 1.0, 1.0), 4, 0, None, 1),
        (ErfKernel(1, 1.3, 0.6), 3, 1, None, 1),
        (ErfKernel(1, 1.3, 0.6), 4, 0, (1, -1, 1, -1), 1),
        (parse_kernel("sqrt(1+xx)*sqrt(1+yy)"), 1, 0, None, 2),
    ],
    ids=["erf", "erf with a loop", "erf with signs", "root"],
)
def test_logarithm_over_the_cutoff(
    kernel: Kernel, legs: int, loops: int, signs: tuple[int, ...] | None, power: int
) -> None:
    """p = D: I = C L^D/D + C1 log L + B, so that L^D times the gap is linear in log L with the slope that is claimed."""
    found = law(kernel, legs, loops, signs=signs)
    approach = found.at(1)
    assert (approach.exponent, approach.power, approach.logarithm, approach.cause) == (power, power, True, Cause.BOTH)
    assert found.correction_logarithm == 1
    inputs = POINTS[:legs, :1] * np.array(signs or (1,) * legs)[:, None]
    cutoffs = (1e6, 1e7, 1e8) if power == 1 else (1e3, 1e4, 1e5)
    scaled = [gap * cutoff**power for gap, cutoff in zip(gaps(kernel, found, cutoffs, inputs), cutoffs, strict=True)]
    claimed = number(found.correction_coefficient, kernel, inputs)
    for before, after in pairwise(scaled):
        assert (after - before) / log(10) == pytest.approx(claimed, rel=1e-3)
    assert abs(scaled[0] - claimed * log(cutoffs[0])) > 1e-3 * abs(claimed), "control: B is there beside the logarithm"


def number(expression: Any, kernel: Kernel, inputs: FloatArray) -> float:
    values = dict(symbolic_kernel(kernel).values)
    values |= {sympy.Symbol(f"rho{k + 1}", positive=True): abs(float(x)) for k, x in enumerate(inputs[:, 0])}
    return float(expression.subs(values).evalf(30))


NEXT_TERMS: list[tuple[Kernel, int, int]] = [
    (ReluKernel(1, 1.1, 0.5), 4, 0),
    (ReluKernel(1, 1.1, 0.5), 2, 1),
    (parse_kernel("(1+xy)^2", 1), 4, 0),
    (parse_kernel("1+xy", 1), 3, 0),
    (parse_kernel("sqrt(1+xx)*sqrt(1+yy)", 1), 3, 1),
]


@pytest.mark.parametrize(("kernel", "legs", "loops"), NEXT_TERMS, ids=lambda value: repr(value)[:50])
def test_coefficients_at_large_cutoff(kernel: Kernel, legs: int, loops: int) -> None:
    found = law(kernel, legs, loops)
    approach = found.at(1)
    assert approach.cause is Cause.NEXT_TERM
    inputs, cutoff = POINTS[:legs, :1], 1e4
    exponent, power = float(approach.exponent), float(approach.power or 0)
    claimed = number(found.correction_coefficient, kernel, inputs)
    assert gaps(kernel, found, (cutoff,))[0] * cutoff**power == pytest.approx(claimed, rel=1e-2)
    amplitude = number(found.amplitude, kernel, inputs)
    value = integral(kernel, inputs, loops, 1e7)
    assert value * exponent / 1e7**exponent == pytest.approx(amplitude, rel=1e-5)
    assert value * exponent / 1e7**exponent != pytest.approx(2 * amplitude, rel=0.1), (
        "control: both directions count once"
    )


def test_polynomials_exactly() -> None:
    """K = 1 + x y, three legs: I = 2 L + 2 (x1 x2 + ...) L^3/3, hence 3 - 2 * 3/(x1 x2 + ...) L^-2 + ..."""
    found = law(parse_kernel("1+xy", 1), 3)
    rho = sympy.symbols("rho1:4", positive=True)
    pairs = rho[0] * rho[1] + rho[0] * rho[2] + rho[1] * rho[2]
    assert sympy.expand(found.amplitude - 2 * pairs) == 0
    assert found.next_amplitude == 2
    assert sympy.simplify(found.correction_coefficient + 6 / pairs) == 0
    assert any("cancel" in sentence for sentence in found.assumptions)
    single = law(parse_kernel("1+xy", 1), 1)
    assert (single.exponent, single.exact, single.amplitude) == (D, True, 2)


def test_gauss_has_an_amplitude_but_no_known_correction() -> None:
    found = law(GaussKernel(1, 1.0, 0.8), 4)
    assert found.amplitude == 2 * SYMBOLS.sigma_b**8
    assert found.at(1).cause is Cause.FINITE_PART
    assert found.correction_coefficient is None
    assert any("not known symbolically" in sentence for sentence in found.sentences)
    assert any("sigma_b > 0" in sentence for sentence in found.sentences)


# Homogeneous kernels: positive inputs, or any for d_in >= 2; the integral is an exact power of the cutoff.
@pytest.mark.parametrize(("d_in", "tolerance"), [(1, 1e-11), (2, 1e-4), (3, 0.03)])
@pytest.mark.parametrize(("legs", "loops"), [(4, 0), (2, 1), (3, 0)])
def test_relu_without_bias_is_exact(d_in: int, tolerance: float, legs: int, loops: int) -> None:
    kernel = ReluKernel(d_in, 1.2, 0.0)
    for limit in Limit:
        found = law(kernel, legs, loops, limit)
        assert found.exponent == D + legs + 2 * loops
        assert found.exact
        assert (found.correction, found.at(d_in).cause) == (oo, Cause.NONE)
    cutoffs = (1e-3, 0.1, 3.0, 50.0) if d_in < 3 else (1e-3, 0.1, 3.0)
    assert np.abs(gaps(kernel, found, cutoffs)).max() < tolerance
    biased = ReluKernel(d_in, 1.2, 0.5)
    assert not law(biased, legs, loops).exact
    assert abs(gaps(biased, law(biased, legs, loops), (3.0,))[0]) > max(tolerance, 0.02), "control"


SMALL: list[tuple[Kernel, int, int, int, int]] = [
    *((kind(d_in, 1.1, 0.6), 4, 0, d_in, 2) for kind in (ErfKernel, GaussKernel, ReluKernel) for d_in in (1, 2)),
    (ErfKernel(3, 1.1, 0.6), 2, 1, 3, 2),
    *((ErfKernel(d_in, 1.1, 0.0), 4, 0, d_in + 4, 2) for d_in in (1, 2)),
    (ErfKernel(2, 1.1, 0.0), 2, 1, 6, 2),
    (WeightsPropagator(GaussKernel(1)), 4, 0, 1, 2),
    (parse_kernel("1/(1+rr)^(1/16)", 2), 4, 0, 2, 2),
    (parse_kernel("(1+xy)^2", 1), 3, 0, 1, 2),
    (parse_kernel("1+abs(xy)", 1), 4, 0, 1, 1),  # not analytic at the origin: the odd power does not cancel
    (FunctionKernel(Bounded(), 2), 4, 0, 2, 2),
]


@pytest.mark.parametrize(("kernel", "legs", "loops", "exponent", "power"), SMALL, ids=lambda value: repr(value)[:60])
def test_small_cutoff(kernel: Kernel, legs: int, loops: int, exponent: int, power: int) -> None:
    found = law(kernel, legs, loops, Limit.SMALL)
    approach = found.at(kernel.d_in)
    assert (approach.exponent, approach.power, approach.logarithm) == (exponent, power, False)
    cutoffs = (1e-1, 1e-2, 1e-3) if power == 1 else (1e-1, 1e-2)
    distances = gaps(kernel, found, cutoffs)
    for near, far in pairwise(distances):
        assert near / far == pytest.approx(10**power, rel=0.1)
    if kernel.d_in == 1:
        claimed = number(found.correction_coefficient, kernel, POINTS[:legs, :1])
        assert distances[-1] / cutoffs[-1] ** power == pytest.approx(claimed, rel=1e-2)


def test_a_logarithmic_integral() -> None:
    """d + a n = 0: I ~ log L, so that dlog I/dlog L is 1/log L."""
    kernel = parse_kernel("1/(1+rr)^(1/8)", 1)
    found = law(kernel, 4)
    assert (found.exponent.subs(D, 1), found.logarithm, correction(found, 1)) == (0, 1, 0)
    assert found.at(1).cause is Cause.LOGARITHM
    first, second = (1 / gap for gap in gaps(kernel, found, (1e6, 1e9)))
    assert second - first == pytest.approx(log(1e3), rel=1e-3)
    elsewhere = law(parse_kernel("1/(1+rr)^(1/8)", 2), 4)
    assert (elsewhere.exponent, elsewhere.logarithm) == (D - 1, None)
    assert law(parse_kernel("1/(1+rr)^(3/8)", 2), 4).logarithm == 3


def test_the_tail_of_a_convergent_integral() -> None:
    """int 1/(1 + (x - y)^2) = pi - 2/L + ...: the gap is (2/pi)/L, and pi is not known to the law."""
    kernel = parse_kernel("1/(1+rr)", 1)
    found = law(kernel, 1)
    assert (found.exponent.subs(D, 1), found.at(1).cause, found.correction_coefficient) == (0, Cause.TAIL, None)
    assert gaps(kernel, found, (1e6,))[0] * 1e6 == pytest.approx(2 / pi, rel=1e-4)
    assert found.amplitude == 2


def test_the_sign_of_the_exponent_depends_on_the_dimension() -> None:
    found = law(parse_kernel("1/(1+rr)^(3/8)", 2), 4)
    assert found.exponent == sympy.Max(0, D - 3)
    assert [found.exponent.subs(D, d) for d in (2, 3, 4)] == [0, 0, 1]
    assert [correction(found, d) for d in (2, 3, 4, 5, 7)] == [1, 0, 1, 2, 2]
    assert [found.at(d).logarithm for d in (2, 3, 4, 5, 7)] == [False, False, False, True, False]
    assert found.correction_logarithm == 5
    assert [found.at(d).cause for d in (2, 3, 4, 5, 7)] == [
        Cause.TAIL,
        Cause.LOGARITHM,
        Cause.FINITE_PART,
        Cause.BOTH,
        Cause.NEXT_TERM,
    ]


def test_dimension_and_parameters_stay_symbols() -> None:
    assert law(ErfKernel(2, 1.0, 0.0), 4).correction == sympy.Min(2, D)
    assert law(GaussKernel(2), 4).correction == D
    assert law(ErfKernel(2), 4).correction == 1
    erf: Any = law(ErfKernel(1), 4).correction_coefficient
    assert {SYMBOLS.sigma_w, SYMBOLS.sigma_b} <= erf.free_symbols
    power = law(parse_kernel("(1+rr)^(-sigma_w)", 2, 0.1), 4)
    assert power.exponent == sympy.Max(0, D - 8 * SYMBOLS.sigma_w)
    assert (power.drop, power.correction) == (None, None)
    assert power.at(2).cause is Cause.UNKNOWN


def test_logarithm_in_two_dimensions() -> None:
    """Erf without bias, d = 2: p = 2 = D, so that L^2 times the gap is linear in log L."""
    kernel = ErfKernel(2, 1.0, 0.0)
    found = law(kernel, 4)
    assert (found.correction_logarithm, found.at(2).logarithm, found.at(3).logarithm) == (2, True, False)
    cutoffs = (20.0, 60.0, 180.0)
    first, second, third = (gap * L**2 for gap, L in zip(gaps(kernel, found, cutoffs), cutoffs, strict=True))
    assert (third - second) / (second - first) == pytest.approx(1, rel=0.1)
    assert abs(third - second) > 0.1 * abs(first), "control: without the logarithm they would be equal"


def test_faster_than_any_power() -> None:
    for kernel in (GaussKernel(1, 1.0, 0.0), WeightsPropagator(GaussKernel(2))):
        found = law(kernel, 4)
        assert (found.exponent, found.correction, found.at(kernel.d_in).cause) == (0, oo, Cause.FASTER)
        assert law(kernel, 0, 1).exponent == D
    assert law(parse_kernel("exp(xy)"), 4).exponent == oo
    assert law(parse_kernel("exp(-1/xx-1/yy)"), 4, 0, Limit.SMALL).exponent == oo


def test_integrals_that_vanish() -> None:
    """An odd kernel and an odd number of legs; ReLU without bias and inputs of both signs."""
    for kernel in (ErfKernel(1, 1.0, 0.0), ErfKernel(2, 1.0, 0.0), parse_kernel("xy", 1)):
        for limit in Limit:
            odd = law(kernel, 3, 0, limit)
            assert odd.vanishes
            assert odd.exponent is sympy.nan
            assert not law(kernel, 4, 0, limit).vanishes
    relu = law(ReluKernel(1, 1.0, 0.0), 4, signs=(1, 1, -1, 1))
    assert relu.vanishes
    assert integral(ReluKernel(1, 1.0, 0.0), POINTS[:4, :1] * [[1], [1], [-1], [1]], 0, 100.0) == 0
    negative = law(ReluKernel(1, 1.0, 0.0), 4, signs=(-1, -1, -1, -1))
    assert (negative.exponent, negative.exact) == (D + 4, True)
    assert any("same sign" in sentence for sentence in law(ReluKernel(1, 1.0, 0.0), 4).assumptions)


def test_signed_scalars() -> None:
    """max(0, x) max(0, y) as text: only y > 0 with x > 0 counts."""
    kernel = parse_kernel("(x+abs(x))*(y+abs(y))/4 + 1")
    found = law(kernel, 3)
    rho = sympy.symbols("rho1:4", positive=True)
    assert found.exponent == D + 3
    assert found.amplitude == rho[0] * rho[1] * rho[2]
    assert found.next_amplitude == rho[0] * rho[1] + rho[0] * rho[2] + rho[1] * rho[2]
    mixed = law(kernel, 3, signs=(1, -1, 1))
    assert (mixed.exponent, mixed.amplitude) == (D + 2, rho[0] * rho[2])


def test_narrow_bands_of_directions() -> None:
    """1 + exp(-(x.y)^2) is 2 on a strip of fixed width: the gap falls as 1/L, not as the finite part's 1/L^2."""
    kernel = parse_kernel("1+exp(-xy^2)", 2)
    found = law(kernel, 1)
    assert found.exponent == D
    assert found.drop is None
    assert found.correction is None
    assert any("narrow bands" in sentence for sentence in found.sentences)
    near, far = gaps(kernel, found, (30.0, 300.0), np.array([[0.6, 0.0]]))
    assert near / far == pytest.approx(10, rel=0.1)
    assert law(parse_kernel("1+exp(-rr)", 2), 1).correction == D


def test_bands_of_directions_that_decide() -> None:
    """exp(-(x.y)^2) decays in almost every direction, but its integral over the square grows as the strip's length."""
    kernel = parse_kernel("exp(-xy^2)", 2)
    found = law(kernel, 1)
    assert (found.exponent, found.lower_bound, found.correction, found.at(2).cause) == (0, True, None, Cause.UNKNOWN)
    assert slope(kernel, np.array([[0.6, 0.0]]), 0, 300.0) == pytest.approx(1, abs=1e-3)
    for text, legs in (("1/(1+xy^2)", 4), ("exp(-xy^2) + 1/(1+rr)", 1)):
        bounded = law(parse_kernel(text, 2), legs)
        assert bounded.lower_bound
        assert "at least" in bounded.sentences[0]
        assert bounded.logarithm is None
        assert fixed_points(symbolic_kernel(parse_kernel(text, 2)), legs).ultraviolet_exponent is None
    integrable = law(parse_kernel("1/(1+xy^2)^(1/4)", 2), 1)
    assert (integrable.exponent, integrable.lower_bound, integrable.drop) == (D - sympy.Rational(1, 2), False, None)
    for net in (GaussKernel(2), GaussKernel(2, 1.0, 0.0), ErfKernel(2, 1.0, 0.0), ReluKernel(2)):
        assert not any(law(net, 4, 0, limit).lower_bound for limit in Limit)


def test_opposite_growth_and_decay() -> None:
    """exp(x y) grows on one side and decays on the other, faster than any power: the growth decides, also of a loop."""
    for d_in in (1, 2):
        for loops in (0, 1):
            found = law(parse_kernel("exp(xy)", d_in), 4, loops)
            assert (found.exponent, found.lower_bound) == (oo, False)


def test_a_growth_brings_its_limit() -> None:
    form = symbolic_kernel(ErfKernel(2, 1.0, 0.0))
    for limit in Limit:
        assert integral_law(growth(form, limit), 4) == integral_law(form, 4, 0, limit)
    assert integral_law(growth(form, Limit.SMALL), 4).limit is Limit.SMALL


def test_refusals() -> None:
    form = symbolic_kernel(ErfKernel(1))
    with pytest.raises(InputError, match="0 legs and 0 loops: expected"):
        integral_law(form, 0)
    with pytest.raises(InputError, match="-1 legs"):
        integral_law(form, -1, 2)
    for signs in ((1, 1), (1, 2, 1, 1)):
        with pytest.raises(InputError, match="expected 1 or -1 for each of 4 legs"):
            integral_law(form, 4, signs=signs)
    with pytest.raises(InputError, match=r"d_in = 1 \(here 2\)"):
        integral_law(symbolic_kernel(ErfKernel(2)), 4, signs=(1, 1, 1, 1))
    with pytest.raises(InputError, match="derived for d_in >= 2"):
        integral_law(symbolic_kernel(ErfKernel(2)), 4).at(1)
    with pytest.raises(InputError, match="derived for d_in = 1"):
        integral_law(form, 4).at(2)
    with pytest.raises(InputError, match="cannot determine the growth"):
        law(parse_kernel("2+cos(xy)"), 4)
    with pytest.raises(InputError, match="no positive semidefinite kernel"):
        law(parse_kernel("exp(rr^3 - xx*yy)"), 4, 1)


def test_sentences() -> None:
    text = " | ".join(law(ErfKernel(1), 4).sentences)
    assert "dlog I/dlog Lambda -> 1 as Lambda -> infinity (d_in = 1)" in text
    assert "the gap falls as log(Lambda) Lambda^(-1)" in text
    text = " | ".join(law(ErfKernel(2, 1.0, 0.0), 4).sentences)
    assert "dlog I/dlog Lambda -> d_in" in text
    assert "Lambda^(-min(2, d_in))" in text
    assert "factor log Lambda for d_in = 2" in text
    text = " | ".join(law(parse_kernel("1/(1+rr)^(3/8)", 2), 4).sentences)
    assert "where d_in - 3 < 0 the integral converges, with a tail Lambda^(d_in - 3)" in text
    assert "for d_in = 3 the integral grows as log Lambda" in text
    assert "= d_in + 4 at every Lambda" in law(ReluKernel(2), 4).sentences[0]
    assert "vanishes at every Lambda" in law(ErfKernel(2, 1.0, 0.0), 3).sentences[0]
    assert "falls as Lambda^2, from" in " | ".join(law(GaussKernel(1), 4, 0, Limit.SMALL).sentences)


FIXED: list[tuple[Kernel, Any, Any, bool]] = [
    (ReluKernel(1, 1.0, 0.0), D + 4, D + 4, True),
    (ReluKernel(2, 1.0, 0.0), D + 4, D + 4, True),
    (ReluKernel(2, 1.0, 0.5), D + 4, D, False),
    (ErfKernel(1), D, D, True),
    (ErfKernel(2), D, D, True),
    (ErfKernel(2, 1.0, 0.0), D, D + 4, False),
    (GaussKernel(2), D, D, True),
    (GaussKernel(2, 1.0, 0.0), sympy.Integer(0), D, False),
    (parse_kernel("exp(xy)"), None, D, False),
    (parse_kernel("1/(1+rr)^(1/16)", 2), D - sympy.Rational(1, 2), D, False),
]


@pytest.mark.parametrize(("kernel", "ultraviolet", "infrared", "same"), FIXED, ids=lambda value: repr(value)[:40])
def test_fixed_points(kernel: Kernel, ultraviolet: Any, infrared: Any, same: bool) -> None:
    found = fixed_points(symbolic_kernel(kernel), 4)
    assert (found.ultraviolet_exponent, found.infrared_exponent, found.same) == (ultraviolet, infrared, same)
    assert any("both fixed points" in text for text in found.sentences) or found.exact or ultraviolet is None
    assert found.exact == (isinstance(kernel, ReluKernel) and kernel.sigma_b == 0)


def test_the_dimensionless_coupling_is_constant_at_both_ends() -> None:
    """c = g L^E with g = 1/I: Erf's is flat at 1e-3 and at 1e7, and not in between."""
    kernel = ErfKernel(1)
    found: FixedPoints = fixed_points(symbolic_kernel(kernel), 4)
    claimed: Any = found.ultraviolet_exponent
    exponent = float(claimed.subs(D, 1))

    def running(cutoff: float) -> float:
        return exponent - slope(kernel, POINTS[:4, :1], 0, cutoff)

    assert abs(running(1e-3)) < 1e-5
    assert abs(running(1e7)) < 1e-5
    assert abs(running(3.0)) > 0.05
