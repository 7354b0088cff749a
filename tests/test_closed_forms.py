"""Closed forms of one-vertex integrals: against quadrature, their own boundary law, growth, and the figures of the talk."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy
from scipy import integrate

from feyn_nn.errors import InputError, LimitError
from feyn_nn.kernels import (
    ErfKernel,
    FreeFieldKernel,
    GaussKernel,
    Kernel,
    ReluKernel,
    WeightsPropagator,
    parse_kernel,
)
from feyn_nn.network import PRESETS
from feyn_nn.symbolic.closed_forms import (
    ClosedForm,
    boundary_form,
    logarithmic_derivative,
    star_integral,
    verify,
)
from feyn_nn.symbolic.growth import growth
from feyn_nn.symbolic.integrals import CUTOFF, K, explicit
from feyn_nn.symbolic.kernels import SYMBOLS, symbolic_kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray

LEGS = sympy.symbols("x1:9")


def label(value: object) -> str:
    """A kernel's name and number of inputs, for the names of tests."""
    return f"{value.name} {value.d_in}" if isinstance(value, Kernel) else str(value)


def closed(
    kernel: Kernel, legs: int, loops: int = 0, d_in: int | None = 1, signs: Sequence[int] | None = None
) -> ClosedForm:
    found = star_integral(kernel, LEGS[:legs], loops, d_in, signs)
    assert found is not None
    return found


def points(seed: int, count: int, d_in: int) -> FloatArray:
    return np.random.default_rng(seed).uniform(-1.1, 1.1, (count, d_in))


def integrand(kernel: Kernel, inputs: FloatArray, loops: int, y: Sequence[float]) -> float:
    """prod K(x_i, y) K(y, y)^loops with the NumPy kernel."""
    at = np.array([y])
    return float(np.prod(kernel(inputs, at)) * kernel.diagonal(at)[0] ** loops)


def by_quadrature(kernel: Kernel, inputs: FloatArray, loops: int, cutoff: float) -> float:
    """The integral over the cube, cut at 0 where ReLU's kernel has its kink."""
    limits = [(-cutoff, cutoff)] * inputs.shape[1]
    if len(limits) > 1:
        result = integrate.nquad(
            lambda *y: integrand(kernel, inputs, loops, y), limits, opts={"epsabs": 1e-10, "epsrel": 1e-9}
        )
        return float(result[0])
    halves = ((-cutoff, 0.0), (0.0, cutoff))
    return sum(float(integrate.quad(lambda y: integrand(kernel, inputs, loops, (y,)), *half)[0]) for half in halves)


def over_the_surface(kernel: Kernel, inputs: FloatArray, cutoff: float) -> float:
    """The integrand over the four sides of a square."""
    total = 0.0
    for axis in (0, 1):
        for side in (-cutoff, cutoff):

            def on_the_side(t: float, axis: int = axis, side: float = side) -> float:
                return integrand(kernel, inputs, 0, (side, t) if axis == 0 else (t, side))

            total += float(integrate.quad(on_the_side, -cutoff, cutoff, epsabs=1e-11)[0])
    return total


QUADRATURE: list[tuple[Kernel, int, int]] = [
    (GaussKernel(1, 1.3, 0.7), 4, 0),
    (GaussKernel(1, 0.8, 1.1), 6, 1),
    (GaussKernel(1, 1.2, 0.0), 3, 2),
    (GaussKernel(2, 1.4, 0.6), 4, 1),
    (GaussKernel(3, 1.7, 0.5), 2, 0),
    (WeightsPropagator(GaussKernel(1, 1.3, 0.7)), 4, 1),
    (WeightsPropagator(GaussKernel(2, 1.3, 0.7)), 4, 0),
    (parse_kernel("(1+xy)^2"), 4, 1),
    (parse_kernel("(1+xy)^2 - xx*yy/3", 2, 1.0, 1.0), 3, 1),
    (parse_kernel("sigma_w*xy/d_in + pi", 3, 1.3, 1.0), 3, 0),
    (parse_kernel("x^2*y^2 + x + y"), 3, 1),
    (parse_kernel("1/3 + 2*exp(-rr) - exp(-1-sigma_w*rr/3)/4", 1, 1.3), 3, 1),
    (parse_kernel("(2 + exp(-rr/d_in))^2", 2), 2, 1),
    (parse_kernel("exp(-(x-y)^2/2)^2 + sigma_b^2", 1, 1.0, 0.4), 4, 0),
    (parse_kernel("exp(-rr)*exp(-sigma_w*rr)", 1, 1.4), 2, 0),
]


@pytest.mark.parametrize(("kernel", "legs", "loops"), QUADRATURE, ids=label)
def test_against_quadrature(kernel: Kernel, legs: int, loops: int) -> None:
    inputs, cutoff = points(legs, legs, kernel.d_in), 1.3
    form = closed(kernel, legs, loops, kernel.d_in)
    expected = by_quadrature(kernel, inputs, loops, cutoff)
    assert form.value(inputs.tolist(), cutoff) == pytest.approx(expected, rel=1e-8)
    assert form.value(inputs.tolist(), 1.1 * cutoff) != pytest.approx(expected, rel=1e-4), "control: the cutoff"
    assert form.verification.holds


SIDED: list[tuple[Kernel, tuple[int, ...], int]] = [
    (ReluKernel(1, 1.2, 0.0), (1, 1, 1, 1), 1),
    (ReluKernel(1, 0.9, 0.0), (-1, -1), 2),
    (ReluKernel(1, 0.9, 0.0), (1, -1), 0),
    (parse_kernel("1 + abs(xy)*xx*yy"), (1, -1, 1), 1),
    (parse_kernel("(x+abs(x))*(y+abs(y)) + 1"), (1, 1, -1), 1),
]


@pytest.mark.parametrize(("kernel", "signs", "loops"), SIDED, ids=label)
def test_kernels_that_depend_on_the_side(kernel: Kernel, signs: tuple[int, ...], loops: int) -> None:
    inputs = np.abs(points(5, len(signs), 1)) * np.array(signs)[:, None]
    form = closed(kernel, len(signs), loops, 1, signs)
    expected = by_quadrature(kernel, inputs, loops, 1.3)
    assert form.value(inputs.tolist(), 1.3) == pytest.approx(expected, rel=1e-8, abs=1e-12)
    assert form.verification.holds
    assert any(">= 0" in condition or "<= 0" in condition for condition in form.conditions)
    with pytest.raises(InputError, match="this closed form holds for"):
        form.value((-inputs).tolist(), 1.3)


@pytest.mark.parametrize("kernel", [GaussKernel(1, 1.3, 0.7), WeightsPropagator(GaussKernel(1, 0.9, 0.6))], ids=label)
def test_any_number_of_inputs_in_one_formula(kernel: Kernel) -> None:
    anywhere = closed(kernel, 2, 1, None)
    surface, slope = boundary_form(anywhere), logarithmic_derivative(anywhere)
    for d_in in (1, 2, 3):
        here, inputs = closed(kernel, 2, 1, d_in), points(d_in, 2, d_in).tolist()
        for every, this in (
            (anywhere.expression, here.expression),
            (surface, boundary_form(here)),
            (slope, logarithmic_derivative(here)),
        ):
            expected = here.value(inputs, 1.4, this)
            assert anywhere.value(inputs, 1.4, every) == pytest.approx(expected, rel=1e-12)
    other = closed(kernel, 2, 1, 2).value(points(3, 2, 2).tolist(), 1.4)
    assert anywhere.value(points(3, 2, 3).tolist(), 1.4) != pytest.approx(other, rel=1e-3), "control: d_in is seen"


BOUNDARY: list[tuple[Kernel, int, int]] = [
    (GaussKernel(1, 1.3, 0.7), 3, 1),
    (parse_kernel("2 + exp(-rr) + exp(-sigma_w*rr/3)"), 2, 1),
    (parse_kernel("(1+xy)^2"), 4, 2),
]


@pytest.mark.parametrize(("kernel", "legs", "loops"), BOUNDARY, ids=label)
def test_derivative_is_the_integrand_at_both_ends(kernel: Kernel, legs: int, loops: int) -> None:
    """With the derivative of `CubeIntegral` in coordinates, to 60 digits at random rational points."""
    form, kernel_form = closed(kernel, legs, loops), symbolic_kernel(kernel)
    law = explicit(form.integral.diff(CUTOFF), 1).replace(K, kernel_form.between)
    difference = sympy.diff(form.expression, CUTOFF) - law
    shorter = difference + law - boundary_form(form)
    source = np.random.default_rng(3)
    for _ in range(2):
        symbols = sorted(difference.free_symbols, key=str)
        at = {symbol: sympy.Rational(int(source.integers(20, 200)), 97) for symbol in symbols}
        size = sympy.N(law.subs(at), 60)
        assert abs(sympy.N(difference.subs(at), 60)) < size * sympy.Float("1e-55")
        assert abs(sympy.N(shorter.subs(at), 60)) < size * sympy.Float("1e-55")
        assert abs(sympy.N((difference + law / 1000).subs(at), 60)) > size * sympy.Float("1e-5"), "control"


def test_derivative_is_the_integral_over_the_faces() -> None:
    kernel, inputs = GaussKernel(2, 1.3, 0.7), points(8, 3, 2)
    form = closed(kernel, 3, 0, 2)
    expected = over_the_surface(kernel, inputs, 1.3)
    for derivative in (boundary_form(form), sympy.diff(form.expression, CUTOFF)):
        assert form.value(inputs.tolist(), 1.3, derivative) == pytest.approx(expected, rel=1e-9)


CHANGED = [GaussKernel(), GaussKernel(2), ReluKernel(), parse_kernel("(1+xy)^2", 2)]


@pytest.mark.parametrize("kernel", CHANGED, ids=label)
def test_the_proof_sees_what_is_wrong(kernel: Kernel) -> None:
    """Mutation control: each of the four comparisons fails for a form that is wrong there alone."""
    form = closed(kernel, 2, 1, kernel.d_in)
    assert verify(form).holds
    constant, (first, *others) = sympy.Rational(1, 1000), form.terms
    factor = first.factors[0]

    def with_first(integral: Any) -> ClosedForm:
        changed = replace(first, factors=(replace(factor, integral=integral), *first.factors[1:]))
        return replace(form, terms=(changed, *others))

    wrong = {
        "sum of the terms": replace(form, terms=(replace(first, coefficient=first.coefficient + constant), *others)),
        "density at its ends": with_first(factor.integral + constant * CUTOFF**2),
        "vanishes at Lambda = 0": with_first(factor.integral + constant),
        "sum of their products": replace(form, expression=form.expression + constant),
    }
    for name, changed in wrong.items():
        result = verify(changed)
        assert not result.holds
        assert name in result.method
    everywhere = closed(GaussKernel(), 2, 1, None)
    one, two, *more = everywhere.terms
    other = replace(two, coefficient=two.coefficient + constant)
    assert not verify(replace(everywhere, terms=(one, other, *more))).holds


def test_relu_without_bias_is_a_power_of_the_cutoff() -> None:
    """d_in + a n + b loops, with a and b derived from the kernel and not from the integral."""
    behaviour = growth(symbolic_kernel(ReluKernel()))
    for legs, loops in ((4, 0), (6, 0), (2, 1), (4, 1), (4, 2), (8, 0)):
        slope = logarithmic_derivative(closed(ReluKernel(), legs, loops))
        assert slope == 1 + legs * behaviour.leg + loops * behaviour.loop
    assert logarithmic_derivative(closed(ReluKernel(), 4)) == 5
    assert logarithmic_derivative(closed(ReluKernel(), 6)) == 7
    opposite = closed(ReluKernel(), 4, 0, 1, (1, 1, -1, 1))
    assert (opposite.expression, opposite.limit) == (0, 0)
    with pytest.raises(InputError, match="the integral is zero"):
        logarithmic_derivative(opposite)


@pytest.mark.parametrize(("text", "d_in"), [("(1+xy)^2", 1), ("1+xy", 2), ("1 + xy^2 + xx + yy", 1), ("3+exp(-rr)", 2)])
def test_slopes_tend_to_the_growth_of_the_kernel(text: str, d_in: int) -> None:
    kernel = parse_kernel(text, d_in)
    behaviour = growth(symbolic_kernel(kernel))
    form, inputs = closed(kernel, 4, 1, d_in), points(4, 4, d_in).tolist()
    slope = logarithmic_derivative(form)
    expected = d_in + 4 * behaviour.leg + behaviour.loop
    assert form.value(inputs, 1e6, slope) == pytest.approx(float(expected), rel=1e-5)
    assert form.value(inputs, 1e-6, slope) == pytest.approx(d_in, rel=1e-4), "every integral starts as the volume"


def kappa4_of_gauss(inputs: Sequence[float]) -> float:
    """N kappa4 at sigma_w = sigma_b = 1, d_in = 1: 3 M4 - sum over pairings of M2 M2 (Gauss-net's exact moments)."""

    def moment(chosen: Sequence[float]) -> float:
        n, x = len(chosen), np.array(chosen)
        return float(np.exp((n**2 + np.sum(x) ** 2) / 2 - n - np.sum(x**2)))

    a, b, c, d = inputs
    pairs = ((a, b, c, d), (a, c, b, d), (a, d, b, c))
    return 3 * moment(inputs) - sum(moment(p[:2]) * moment(p[2:]) for p in pairs)


def mean_lambda(form: ClosedForm, cutoff: float, expression: Any = None) -> float:
    """N lambda, the mean over the 126 tuples of the talk's inputs of -kappa4 / (24 I4)."""
    tuples = list(combinations_with_replacement(PRESETS["gauss"].inputs, 4))
    assert len(tuples) == 126
    values = [-kappa4_of_gauss(each) / (24 * form.value([(x,) for x in each], cutoff, expression)) for each in tuples]
    return float(np.mean(values))


def test_lambda_of_gauss_net_on_the_inputs_of_the_talk() -> None:
    full, weights = closed(GaussKernel(), 4), closed(WeightsPropagator(GaussKernel()), 4)
    assert mean_lambda(full, 10.0) == pytest.approx(-0.1404, abs=5e-5)
    assert mean_lambda(full, 100.0) == pytest.approx(-0.02942, abs=5e-6)
    assert mean_lambda(weights, 1.0, weights.limit) == pytest.approx(-5.3457, abs=5e-5)


@pytest.mark.parametrize(
    ("d_in", "cutoff", "slope", "error"),
    [(1, 10, 0.42, 5e-3), (1, 100, 0.878, 5e-4), (1, 1000, 0.986, 5e-4), (2, 100, 1.995, 5e-4), (3, 100, 2.9998, 5e-5)],
)
def test_slopes_of_gauss_net(d_in: int, cutoff: float, slope: float, error: float) -> None:
    corners = [[-0.01] * d_in, [0.01] * d_in, [0.01, *[-0.01] * (d_in - 1)], [-0.01] * d_in]
    form = closed(GaussKernel(d_in), 4, 0, d_in)
    assert form.value(corners, cutoff, logarithmic_derivative(form)) == pytest.approx(slope, abs=error)


@pytest.mark.parametrize("d_in", [1, 2])
def test_limit_of_an_infinite_cutoff(d_in: int) -> None:
    inputs = points(2, 4, d_in).tolist()
    for kernel in (WeightsPropagator(GaussKernel(d_in, 1.3, 0.7)), GaussKernel(d_in, 0.8, 0.0)):
        form = closed(kernel, 4, 1, d_in)
        far = form.value(inputs, 60.0)
        assert form.value(inputs, 1.0, form.limit) == pytest.approx(far, rel=1e-14)
        anywhere = closed(kernel, 4, 1, None)
        assert anywhere.value(inputs, 1.0, anywhere.limit) == pytest.approx(far, rel=1e-14)
        assert form.value(inputs, 0.9) != pytest.approx(far, rel=1e-3), "control"
    for diverging in (GaussKernel(d_in), parse_kernel("1+xy", d_in)):
        assert closed(diverging, 4, 0, d_in).limit is None
    assert closed(WeightsPropagator(GaussKernel(d_in)), 0, 1, d_in).limit is None


def test_repeated_legs_are_legs_at_one_point() -> None:
    a, b = sympy.symbols("a b")
    kernel = GaussKernel(1, 1.2, 0.6)
    repeated, distinct = star_integral(kernel, (a, b, a, a), 1, 1), closed(kernel, 4, 1)
    assert repeated is not None
    assert len(repeated.terms) == 8 < len(distinct.terms) == 16
    inputs = [(0.4,), (-0.3,), (0.4,), (0.4,)]
    assert repeated.value(inputs, 1.5) == pytest.approx(distinct.value(inputs, 1.5), rel=1e-13)
    with pytest.raises(InputError, match="stands at two points"):
        repeated.value([(0.4,), (-0.3,), (0.5,), (0.4,)], 1.5)


def test_relu_is_derived_from_its_kernel() -> None:
    w = SYMBOLS.sigma_w**2
    x1, x2 = LEGS[:2]
    assert closed(ReluKernel(), 2).expression == w**4 * x1 * x2 * CUTOFF**3 / 12  # int_0^L (w^2/2)^2 x1 x2 y^2
    assert closed(ReluKernel(2), 2).expression == closed(ReluKernel(), 2).expression, "the formula is taken at d_in"


UNKNOWN: list[tuple[Kernel, int | None]] = [
    (ErfKernel(), 1),
    (ReluKernel(1, 1.0, 0.5), 1),
    (ReluKernel(2), 2),
    (ReluKernel(), None),
    (FreeFieldKernel(), 1),
    (parse_kernel("exp(rr)"), 1),
    (parse_kernel("exp(-rr-xy)"), 1),
    (parse_kernel("xy*exp(-rr)"), 1),
    (parse_kernel("exp(-rr^2)"), 1),
    (parse_kernel("1/(1+rr)", 2), 2),
    (parse_kernel("1+xy"), None),
    (parse_kernel("exp(-(x-y)^2)"), None),
    (parse_kernel("abs(x-y)"), 1),
]


@pytest.mark.parametrize(("kernel", "d_in"), UNKNOWN, ids=label)
def test_nothing_is_returned_where_nothing_is_known(kernel: Kernel, d_in: int | None) -> None:
    assert star_integral(kernel, LEGS[:2], 0, d_in) is None


def test_bad_arguments() -> None:
    gauss = GaussKernel()
    with pytest.raises(InputError, match="expected points as symbols"):
        star_integral(gauss, (0.5, 1), 0, 1)
    with pytest.raises(InputError, match="-1 loops: expected zero or more"):
        star_integral(gauss, LEGS[:2], -1, 1)
    with pytest.raises(InputError, match="d_in = 0: expected a positive integer"):
        star_integral(gauss, LEGS[:2], 0, 0)
    with pytest.raises(InputError, match=r"written in x and y: expected d_in = 1"):
        star_integral(parse_kernel("x*y"), LEGS[:2], 0, 2)
    with pytest.raises(InputError, match=r"signs \(1, 2\): expected \+1 or -1 for each of the 2 legs"):
        star_integral(gauss, LEGS[:2], 0, 1, (1, 2))
    with pytest.raises(InputError, match="has two different signs"):
        star_integral(gauss, (LEGS[0], LEGS[0]), 0, 1, (1, -1))
    with pytest.raises(LimitError, match="products when multiplied out"):
        star_integral(gauss, sympy.symbols("x1:21"), 0, 1)
    with pytest.raises(LimitError, match="products when multiplied out"):
        star_integral(parse_kernel("(1+xy)^20"), LEGS[:4], 0, 1)
    with pytest.raises(LimitError, match="products when multiplied out"):
        star_integral(parse_kernel("(1+xy+xx+yy+xx*yy)^100", 2), LEGS[:1], 0, 2)
    assert star_integral(parse_kernel("exp(-(1+rr+xx*yy)^100)", 2), LEGS[:1], 0, 2) is None
    with pytest.raises(InputError, match="expected a point of 1 coordinates for each of the 2 legs"):
        closed(gauss, 2).value([(0.1, 0.2), (0.3, 0.4)], 1.0)
