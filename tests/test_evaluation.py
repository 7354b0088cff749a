"""SymPy expressions as numbers: against contractions of diagrams, SciPy's integrals, closed forms and differences."""

from __future__ import annotations

from math import asin, erf, exp, log, pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy
from scipy import integrate

from feyn_nn.action import TALK_ACTION, Action
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import InputError, LimitError
from feyn_nn.evaluation import Evaluator, evaluate, evaluate_with_error
from feyn_nn.evaluation import reading as reading_module
from feyn_nn.graphs import TALK_RULES, Rule
from feyn_nn.kernels import ErfKernel, FunctionKernel, GaussKernel, Propagator, ReluKernel, parse_kernel
from feyn_nn.numeric import Contraction, grid_for
from feyn_nn.symbolic.couplings import Method, solve_coupling
from feyn_nn.symbolic.expressions import expression
from feyn_nn.symbolic.formats.layout import CouplingForm, Layout, Outputs
from feyn_nn.symbolic.integrals import CUTOFF, BoundaryIntegral, CubeIntegral, K, explicit
from feyn_nn.symbolic.running import running_system

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import numpy.typing as npt

    from feyn_nn.arrays import FloatArray, IntArray
    from feyn_nn.kernels import Kernel

Expr = Any
QUARTIC = Action.parse("lambda f^4")
ODD = Action.parse("g f^3 + lambda f^4 + alpha f^5")
COUPLINGS = {"g": 0.7, "lambda": -0.3, "alpha": 0.2, "kappa": 0.45}
POINTS = {1: np.array([[0.3], [-0.8], [1.1]]), 2: np.array([[0.3, -0.2], [-0.8, 0.5], [1.1, 0.9]])}
x1, x2, x3, x4, x5, y1, y2 = sympy.symbols("x1 x2 x3 x4 x5 y1 y2")
lam = sympy.Symbol("lambda")


def user_kernel(d_in: int) -> Kernel:
    return parse_kernel("0.5 + exp(-rr/3)*(2 + xy)", d_in, bias_variance=0.5)


KERNELS: dict[str, Callable[[int], Kernel]] = {
    "erf": lambda d_in: ErfKernel(d_in, 1.1, 0.7),
    "gauss": lambda d_in: GaussKernel(d_in, 1.2, 0.6),
    "relu": lambda d_in: ReluKernel(d_in, 1.3, 0.4),
    "user's": user_kernel,
}


def summed(correlator: Any, contraction: Contraction, tuples: list[tuple[int, ...]], d_out: int = 1) -> FloatArray:
    """Sum over orders of the couplings' powers times the contraction's coefficients."""
    total = np.zeros(len(tuples))
    for order, values in contraction.coefficients(correlator, tuples, d_out).items():
        factor = [COUPLINGS[name] ** power for name, power in zip(correlator.action.couplings, order, strict=True)]
        total += np.prod(factor) * values
    return total


CASES = [
    pytest.param(TALK_ACTION, 2, 2, (), id="n=2 with all corrections"),
    pytest.param(TALK_ACTION, 4, 1, (), id="n=4 with all corrections"),
    pytest.param(TALK_ACTION, 4, 2, TALK_RULES, id="n=4"),
    pytest.param(TALK_ACTION, 6, 1, TALK_RULES, id="n=6"),
    pytest.param(QUARTIC, 6, 2, TALK_RULES, id="n=6 second order"),
    pytest.param(ODD, 1, 2, TALK_RULES, id="odd n=1"),
    pytest.param(ODD, 3, 2, TALK_RULES, id="odd n=3"),
    pytest.param(ODD, 2, 2, (Rule.VACUUM,), id="odd n=2"),
]


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("d_in", [1, 2])
@pytest.mark.parametrize("propagator", list(Propagator))
@pytest.mark.parametrize(("action", "n", "orders", "rules"), CASES)
def test_expression_and_diagrams_have_the_same_value(
    name: str, d_in: int, propagator: Propagator, action: Action, n: int, orders: int, rules: Collection[Rule]
) -> None:
    """Points and coordinates alike: the tree of the expression, and the list of diagrams, each with its own sum."""
    kernel = KERNELS[name](d_in)
    line = propagator.of(kernel)
    points, tuples = POINTS[d_in], sorted_tuples(3, n)
    correlator = generate_correlator(n, action, action.orders(orders), rules)
    contraction = Contraction(points, grid_for(line, points, 2.5, most=700), line, kernel)
    expected = summed(correlator, contraction, tuples)
    for dimension in (None, d_in):
        found = evaluate(
            expression(correlator, dimension), points, tuples, line, kernel, 2.5, values=COUPLINGS, most=700
        )
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


def test_lines_between_legs_are_not_those_at_vertices() -> None:
    """The control of K and K_W: exchanged, the value is another one, and so is that of unsorted legs of one diagram."""
    kernel = ErfKernel()
    weights = Propagator.WEIGHTS.of(kernel)
    both = K(x1, x2) * CubeIntegral(K(x3, y1) * K(x4, y1), y1)
    straight = evaluate(both, POINTS[1], [(0, 1, 2, 2)], weights, kernel, 2.0)[0]
    crossed = evaluate(both, POINTS[1], [(0, 1, 2, 2)], kernel, weights, 2.0)[0]
    assert abs(straight / crossed - 1) > 1e-2
    assert abs(evaluate(both, POINTS[1], [(0, 2, 1, 1)], weights, kernel, 2.0)[0] / straight - 1) > 1e-2


def test_several_outputs() -> None:
    """Equal outputs give the contraction's species sum; contact with outputs 0, 0, 1, 1 is 8 lambda, not 24 (d_out = 3)."""
    kernel, points, tuples = ErfKernel(), POINTS[1], sorted_tuples(3, 4)
    correlator = generate_correlator(4, QUARTIC, QUARTIC.orders(2))
    written = expression(correlator, None, Layout(outputs=Outputs.SPECIES))
    contraction = Contraction(points, grid_for(kernel, points, 2.5), kernel, kernel)
    values = COUPLINGS | {"d_out": 3}
    found = Evaluator(contraction, tuples, values, outputs=[2, 2, 2, 2])(written)
    np.testing.assert_allclose(found, summed(correlator, contraction, tuples, d_out=3), rtol=1e-12)
    contact = expression(generate_correlator(4, QUARTIC, [(1,)]), None, Layout(outputs=Outputs.SPECIES))
    plain = expression(generate_correlator(4, QUARTIC, [(1,)]), None)
    rows = np.array([[0, 0, 1, 1], [0, 1, 2, 0], [1, 1, 1, 1]])
    found = Evaluator(contraction, [(0, 1, 2, 2)] * 3, values, outputs=rows)(contact)
    alike = Evaluator(contraction, [(0, 1, 2, 2)], values)(plain)[0]
    np.testing.assert_allclose(found, alike * np.array([8, 0, 24]) / 24, rtol=1e-12)


# Integrals by SciPy, from the formulas of the kernels


def gauss(a: Sequence[float], b: Sequence[float], w: float = 1.44, s: float = 0.36) -> float:
    distance = sum((p - q) ** 2 for p, q in zip(a, b, strict=True))
    return s + w * exp(-w * distance / (2 * len(a)))


def arcsine(a: Sequence[float], b: Sequence[float], w: float = 1.21, s: float = 0.49) -> float:
    def c(p: Sequence[float], q: Sequence[float]) -> float:
        return s + w * sum(u * v for u, v in zip(p, q, strict=True)) / len(p)

    return s + w * 2 / pi * asin(2 * c(a, b) / sqrt((1 + 2 * c(a, a)) * (1 + 2 * c(b, b))))


LINES = {"gauss": gauss, "erf": arcsine}
CUT = 1.5


def quad(function: Callable[..., float], dimension: int) -> float:
    """Over [-CUT, CUT]^dimension, kinks at zero allowed for."""
    boxes = [(-CUT, 0.0), (0.0, CUT)]
    if dimension == 1:
        return float(sum(integrate.quad(function, *box, epsabs=1e-11, epsrel=1e-10)[0] for box in boxes))
    pairs = [(*box, *other) for box in boxes for other in boxes]
    return float(sum(integrate.dblquad(function, *pair, epsabs=1e-11, epsrel=1e-10)[0] for pair in pairs))


def steep(points: FloatArray) -> FloatArray:
    """A coupling function without symmetry: 1 + y + 2 y^2 of the last coordinate, times exp(first / 2)."""
    last, first = points[:, -1], points[:, 0]
    result: FloatArray = (1 + last + 2 * last**2) * np.exp(first / 2)
    return result


def steep_number(*y: float) -> float:
    return (1 + y[-1] + 2 * y[-1] ** 2) * exp(y[0] / 2)


@pytest.mark.parametrize("name", LINES)
def test_coupling_functions_against_scipy(name: str) -> None:
    """Order 1 of G^(4) in d = 1 and 2, and the bubble with a function at both vertices, in d = 1."""
    line = LINES[name]
    rows = [(0, 1, 2, 2), (2, 0, 1, 0)]
    layout = Layout(couplings=CouplingForm.FUNCTION)
    contact = generate_correlator(4, QUARTIC, [(1,)])
    for d_in in (1, 2):
        kernel = KERNELS[name](d_in)
        points = POINTS[d_in]
        for dimension in (None, d_in):
            found = evaluate(
                expression(contact, dimension, layout), points, rows, kernel, kernel, CUT, functions={"lambda": steep}
            )
            for value, row in zip(found, rows, strict=True):

                def integrand(*y: float, legs: FloatArray = points[list(row)]) -> float:
                    return steep_number(*y) * float(np.prod([line(leg.tolist(), y) for leg in legs]))

                assert value == pytest.approx(-24 * quad(integrand, d_in), rel=1e-9), (d_in, dimension, row)
    a, b, c, d = (POINTS[1][i].tolist() for i in rows[0])

    def bubble(u: float, v: float) -> float:
        sides = line(a, [u]) * line(b, [u]) * line(c, [v]) * line(d, [v])
        return steep_number(u) * steep_number(v) * sides * line([u], [v]) ** 2

    weighted = sympy.Function("lambda")(y1) * sympy.Function("lambda")(y2)
    lines = K(x1, y1) * K(x2, y1) * K(x3, y2) * K(x4, y2) * K(y1, y2) ** 2
    kernel = KERNELS[name](1)
    found = evaluate(
        CubeIntegral(weighted * lines, y1, y2), POINTS[1], rows[:1], kernel, kernel, CUT, functions={"lambda": steep}
    )
    assert found[0] == pytest.approx(quad(bubble, 2), rel=1e-8)
    unweighted = evaluate(CubeIntegral(lines, y1, y2), POINTS[1], rows[:1], kernel, kernel, CUT)
    assert abs(unweighted[0] / found[0] - 1) > 0.1  # the control: the functions are in there


def test_split_couplings_add_up() -> None:
    """lambda(y) = bar + delta(y): with delta = steep - 2 and bar = 2 the sum is that of lambda = steep; to second order."""
    kernel, points, tuples = ErfKernel(), POINTS[1], sorted_tuples(3, 4)
    correlator = generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(2))
    whole = evaluate(
        expression(correlator, 1, Layout(couplings=CouplingForm.FUNCTION)),
        points, tuples, kernel, kernel, 2.0, functions={"lambda": steep, "kappa": steep},
    )  # fmt: skip
    split = expression(correlator, 1, Layout(couplings=CouplingForm.SPLIT))
    rest = {f"delta_{name}": lambda y: steep(y) - 2 for name in ("lambda", "kappa")}
    bars: dict[str, npt.ArrayLike] = {"lambda_bar": 2, "kappa_bar": np.full(len(tuples), 2.0)}
    found = evaluate(split, points, tuples, kernel, kernel, 2.0, values=bars, functions=rest)
    np.testing.assert_allclose(found, whole, rtol=1e-10)


@pytest.mark.parametrize("name", LINES)
def test_boundary_integrals_against_scipy(name: str) -> None:
    """d = 1: two values, with another point inside one integral each; d = 2: four edges."""
    line, kernel = LINES[name], KERNELS[name](1)
    a, b, c = (POINTS[1][i].tolist() for i in (0, 1, 2))
    one = BoundaryIntegral(K(x1, y1) * K(x2, y1) ** 2 * sympy.Function("lambda")(y1), y1)
    expected = sum(line(a, [y]) * line(b, [y]) ** 2 * steep_number(y) for y in (-CUT, CUT))
    two = BoundaryIntegral(K(x1, y1) * K(x2, y2) * K(x3, y2) * K(y1, y2), y1, y2)
    inside = sum(
        quad(lambda u, y=y: line(a, [y]) * line(b, [u]) * line(c, [u]) * line([y], [u]), 1) for y in (-CUT, CUT)
    )
    for pair in ((one, two), (explicit(one, 1), explicit(two, 1))):
        found = [
            evaluate(each, POINTS[1], [(0, 1, 2)], kernel, kernel, CUT, functions={"lambda": steep})[0] for each in pair
        ]
        assert found == pytest.approx([expected, inside], rel=1e-9)
    kernel = KERNELS[name](2)
    legs = [POINTS[2][i].tolist() for i in (0, 1)]

    def value(*y: float) -> float:
        return line(legs[0], y) * line(legs[1], y) ** 2 * steep_number(*y)

    edges = [quad(lambda u, y=y: value(y, u), 1) + quad(lambda u, y=y: value(u, y), 1) for y in (-CUT, CUT)]
    for each in (one, explicit(one, 2)):
        found_there = evaluate(each, POINTS[2], [(0, 1)], kernel, kernel, CUT, functions={"lambda": steep})[0]
        assert found_there == pytest.approx(sum(edges), rel=1e-9)


def test_points_at_the_cutoff() -> None:
    """What differentiating SymPy's integrals leaves for d_in = 1: K and functions of Lambda and -Lambda."""
    kernel = KERNELS["gauss"](1)
    function = sympy.Function("lambda")
    cases = {
        K(x1, CUTOFF): gauss([0.3], [CUT]),
        K(-CUTOFF, x1): gauss([0.3], [-CUT]),
        K(CUTOFF, -CUTOFF): gauss([CUT], [-CUT]),
        K(CUTOFF, CUTOFF): gauss([CUT], [CUT]),
        function(-CUTOFF): steep_number(-CUT),
        function(CUTOFF): steep_number(CUT),
        function(x1): steep_number(0.3),
        sympy.Integral(K(y1, -CUTOFF) * K(x1, CUTOFF), (y1, -CUTOFF, CUTOFF)): gauss([0.3], [CUT])
        * quad(lambda y: gauss([y], [-CUT]), 1),
    }
    for each, value in cases.items():
        found = evaluate(each, POINTS[1], [(0,)], kernel, kernel, CUT, functions={"lambda": steep})[0]
        assert found == pytest.approx(value, rel=1e-10), each


# Derivatives with respect to the cutoff


def order_two(function: Callable[[float], FloatArray], slope: FloatArray, step: float) -> bool:
    """Whether central differences tend to `slope` with the square of the step."""
    errors = [
        float(np.max(np.abs((function(CUT + h) - function(CUT - h)) / (2 * h) - slope))) for h in (step, step / 2)
    ]
    return bool(3.7 < errors[0] / errors[1] < 4.3)


@pytest.mark.parametrize(("name", "d_in"), [("erf", 1), ("gauss", 1), ("relu", 1), ("user's", 1), ("gauss", 2)])
def test_sympy_derivatives_are_limits_of_differences(name: str, d_in: int) -> None:
    """diff of the expression in points, of the one in coordinates, and an unevaluated Derivative."""
    kernel, points, tuples = KERNELS[name](d_in), POINTS[d_in], sorted_tuples(3, 4)
    layout = Layout(couplings=CouplingForm.FUNCTION)
    correlator = generate_correlator(4, QUARTIC, QUARTIC.orders(2))
    written = expression(correlator, None, layout)

    def value(each: Expr, cutoff: float) -> FloatArray:
        return evaluate(each, points, tuples, kernel, kernel, cutoff, functions={"lambda": steep}, most=2000)

    slope = value(sympy.diff(written, CUTOFF), CUT)
    assert order_two(lambda cutoff: value(written, cutoff), slope, 0.04)
    coordinates = explicit(written, d_in)
    for other in (
        sympy.Derivative(written, CUTOFF),
        sympy.Derivative(coordinates, CUTOFF),
        explicit(written.diff(CUTOFF), d_in),
    ):
        np.testing.assert_allclose(value(other, CUT), slope, rtol=1e-10)


def test_a_dropped_surface_term_is_seen() -> None:
    """The control: the bubble's derivative with one of its two points on the surface only."""
    kernel, tuples = KERNELS["erf"](1), sorted_tuples(3, 4)
    bubble = CubeIntegral(K(x1, y1) * K(x2, y1) * K(x3, y2) * K(x4, y2) * K(y1, y2) ** 2, y1, y2)

    def value(each: Expr, cutoff: float) -> FloatArray:
        return evaluate(each, POINTS[1], tuples, kernel, kernel, cutoff)

    terms = sympy.diff(bubble, CUTOFF).args
    assert len(terms) == 2
    assert order_two(lambda cutoff: value(bubble, cutoff), value(sympy.Add(*terms), CUT), 0.04)
    assert not order_two(lambda cutoff: value(bubble, cutoff), value(terms[0], CUT), 0.04)


def test_contraction_and_sympy_agree_on_the_derivative() -> None:
    """Lambda d/dLambda of G^(4) to second order: `cutoff_derivative`, and SymPy's derivative evaluated."""
    kernel, points, tuples = KERNELS["erf"](1), POINTS[1], sorted_tuples(3, 4)
    correlator = generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(2))
    contraction = Contraction(points, grid_for(kernel, points, CUT), kernel, kernel)
    expected = np.zeros(len(tuples))
    for order, values in contraction.cutoff_derivative(correlator, tuples).items():
        expected += np.prod([COUPLINGS[name] ** p for name, p in zip(("lambda", "kappa"), order, strict=True)]) * values
    derived = CUTOFF * sympy.diff(expression(correlator, None), CUTOFF)
    np.testing.assert_allclose(Evaluator(contraction, tuples, COUPLINGS)(derived), expected, rtol=1e-12)


@pytest.mark.parametrize(("name", "d_in"), [("erf", 1), ("relu", 1), ("gauss", 2)])
def test_running_coupling_keeps_the_correlator(name: str, d_in: int) -> None:
    """beta from the generated system at second order: G^(4) does not change along it, and does without it."""
    kernel, points, tuples = KERNELS[name](d_in), POINTS[d_in], sorted_tuples(3, 4)
    system = running_system(QUARTIC, 2)
    beta = system.written_out(system.solve()["lambda"])
    correlator = expression(generate_correlator(4, QUARTIC, QUARTIC.orders(2)), None)

    def value(each: Expr, logarithm: float, coupling: npt.ArrayLike) -> FloatArray:
        return evaluate(
            each, points, tuples, kernel, kernel, CUT * exp(logarithm), values={"lambda": coupling}, most=2000
        )

    start = 0.01
    slope = value(beta, 0.0, start)

    def along(step: float) -> float:
        ends = [value(correlator, sign * step, start + sign * step * slope) for sign in (1, -1)]
        return float(np.max(np.abs(ends[0] - ends[1])) / (2 * step))

    def fixed(step: float) -> float:
        ends = [value(correlator, sign * step, start) for sign in (1, -1)]
        return float(np.max(np.abs(ends[0] - ends[1])) / (2 * step))

    assert along(0.02) < 0.05 * fixed(0.02)
    assert 3.5 < along(0.02) / along(0.01) < 4.5  # what is left is the difference's own error
    np.testing.assert_allclose(value(explicit(beta, d_in), 0.0, start), slope, rtol=1e-9)


# Couplings solved for


@pytest.mark.parametrize("method", list(Method))
def test_solved_coupling_returns_what_was_put_in(method: Method) -> None:
    """G4 from a coupling, and the coupling from G4: exact for the root, up to the fourth power for the series."""
    kernel, points, tuples = KERNELS["erf"](1), POINTS[1], sorted_tuples(3, 4)
    correlator = generate_correlator(4, QUARTIC, QUARTIC.orders(2))
    derived = solve_coupling(correlator, "lambda", method=method)
    contraction = Contraction(points, grid_for(kernel, points, CUT), kernel, kernel)
    errors = []
    for coupling in (2e-4, 1e-4):
        measured = Evaluator(contraction, tuples, {"lambda": coupling})(expression(correlator, None))
        for written in (derived.written_out(), derived.written_out(1)):
            found = Evaluator(contraction, tuples, leg_functions={"G4": measured})(written)
            errors.append(float(np.max(np.abs(found / coupling - 1))))
    if method is Method.ROOT:
        assert max(errors) < 1e-9
    else:
        assert errors[0] == pytest.approx(4 * errors[2], rel=0.1)  # lambda^3 is dropped: relative error ~ lambda^2
        assert errors[0] > 1e-9


def test_no_real_root_is_not_a_number_there() -> None:
    """A measured G4 beyond the parabola's top has no coupling; its tuple is NaN, the others are not disturbed."""
    kernel = KERNELS["erf"](1)
    tuples = sorted_tuples(3, 4)
    derived = solve_coupling(generate_correlator(4, QUARTIC, QUARTIC.orders(2)), "lambda").written_out()
    free = expression(generate_correlator(4, QUARTIC, [(0,)]), None)
    measured: FloatArray = evaluate(free, POINTS[1], tuples, kernel, kernel, CUT)
    measured[3] -= 1e3
    found = evaluate(derived, POINTS[1], tuples, kernel, kernel, CUT, leg_functions={"G4": measured})
    assert np.flatnonzero(np.isnan(found)).tolist() == [3]
    np.testing.assert_allclose(np.delete(found, 3), 0, atol=1e-12)


def test_functions_of_some_legs_are_looked_up() -> None:
    """G(x2, x1) of a callable is asked for the inputs at x2 and x1, and an array refuses to guess."""

    def ordered(indices: IntArray) -> FloatArray:
        return np.array(10 * indices[:, 0] + indices[:, -1], dtype=np.float64)

    kernel, rows = ErfKernel(), [(0, 1, 2), (2, 2, 1)]
    g = sympy.Function("G")
    for call, expected in ((g(x2, x1), [10.0, 22.0]), (g(x1, x2, x3), [2.0, 21.0]), (g(x3, CUTOFF), [22.0, 11.0])):
        found = evaluate(call, POINTS[1], rows, kernel, kernel, 2.0, leg_functions={"G": ordered})
        assert found.tolist() == expected
    flat = sympy.Symbol("x2_1"), sympy.Symbol("x2_2"), sympy.Symbol("x1_1"), sympy.Symbol("x1_2")
    found = evaluate(g(*flat), POINTS[2], rows, ErfKernel(2), ErfKernel(2), 2.0, leg_functions={"G": ordered})
    assert found.tolist() == [10.0, 22.0]
    given = {"G": np.array([1.0, 2.0])}
    assert evaluate(g(x1, x2, x3), POINTS[1], rows, kernel, kernel, 2.0, leg_functions=given).tolist() == [1.0, 2.0]
    with pytest.raises(InputError, match=r"G\(x2, x1\): its values are given for the legs x1 to x3 in order"):
        evaluate(g(x2, x1), POINTS[1], rows, kernel, kernel, 2.0, leg_functions=given)


# The walk itself


def test_elementary_functions_and_numbers() -> None:
    a, b = sympy.symbols("a b")
    values: dict[str, npt.ArrayLike] = {"a": 0.7, "b": [1.5, -0.25]}
    cases: dict[Expr, Callable[[float, float], float]] = {
        sympy.Rational(2, 3) * a + sympy.pi - b**3: lambda a, b: 2 / 3 * a + pi - b**3,
        sympy.sqrt(a) / b**2 + a ** sympy.Rational(-3, 2): lambda a, b: sqrt(a) / b**2 + a**-1.5,
        sympy.exp(b) * sympy.log(a) - sympy.erf(a * b): lambda a, b: exp(b) * log(a) - erf(a * b),
        sympy.Max(a, b, 1) + 10 * sympy.Min(a, b) + 100 * sympy.Abs(b): lambda a, b: (
            max(a, b, 1) + 10 * min(a, b) + 100 * abs(b)
        ),
        2**a * (a + sympy.Float(0.5)) ** b + sympy.E: lambda a, b: 2**a * (a + 0.5) ** b + exp(1),
        CUTOFF * a + sympy.Symbol("d_in", integer=True, positive=True) + x1: lambda a, b: 3 * a + 1 + 1.1,
        sympy.Integer(4): lambda a, b: 4.0,
    }
    for each, function in cases.items():
        found = evaluate(each, [1.1], [(0,), (0,)], ErfKernel(), ErfKernel(), 3.0, values=values)
        assert found.tolist() == pytest.approx([function(0.7, b) for b in (1.5, -0.25)], rel=1e-14), each


def test_integrands_are_multiplied_out() -> None:
    """(a K + lambda(y))^2 b under an integral, a leg twice, a volume, factors that do not know the point."""
    kernel = KERNELS["gauss"](1)
    a, function = sympy.Symbol("a"), sympy.Function("lambda")
    integrand = (a * K(x1, y1) + function(y1)) ** 2 * K(x1, x2) / a
    found = evaluate(
        CubeIntegral(integrand, y1),
        POINTS[1],
        [(0, 1)],
        kernel,
        kernel,
        CUT,
        values={"a": 3},
        functions={"lambda": steep},
    )
    expected = quad(lambda y: (3 * gauss([0.3], [y]) + steep_number(y)) ** 2, 1) * gauss([0.3], [-0.8]) / 3
    assert found[0] == pytest.approx(expected, rel=1e-9)
    four = evaluate(CubeIntegral(K(x1, y1) ** 4, y1), POINTS[1], [(0,), (2,)], kernel, kernel, CUT)
    other = CubeIntegral(K(x1, y1) * K(x2, y1) * K(x3, y1) * K(x4, y1), y1)
    same = evaluate(other, POINTS[1], [(0, 0, 0, 0), (2, 2, 2, 2)], kernel, kernel, CUT)
    np.testing.assert_allclose(four, same, rtol=1e-13)
    for d_in in (1, 2):
        k = ErfKernel(d_in)
        volume = CubeIntegral(sympy.Integer(1), y1) * BoundaryIntegral(sympy.Integer(1), y1)
        area = evaluate(volume, POINTS[d_in], [(0,)], k, k, 2.0)[0]
        assert area == pytest.approx(4.0**d_in * 2 * d_in * 4.0 ** (d_in - 1), rel=1e-12)


def test_integrals_under_integrals() -> None:
    """Nested ones are read as one; the same name twice is refused, unless the inner one does not see the outer point."""
    kernel = KERNELS["gauss"](1)

    def value(each: Expr) -> float:
        return float(evaluate(each, POINTS[1], [(0, 1)], kernel, kernel, CUT)[0])

    flat = value(CubeIntegral(K(x1, y1) * K(x2, y2) ** 2 * K(y1, y2), y1, y2))
    inner = CubeIntegral(K(x2, y2) ** 2 * K(y1, y2), y2)
    assert value(CubeIntegral(K(x1, y1) * inner, y1)) == pytest.approx(flat, rel=1e-13)
    assert value(sympy.Integral(K(x1, y1) * inner, (y1, -CUTOFF, CUTOFF))) == pytest.approx(flat, rel=1e-13)
    apart = CubeIntegral(K(x2, y1), y1)
    assert value(CubeIntegral(K(x1, y1) * apart, y1)) == pytest.approx(
        value(CubeIntegral(K(x1, y1), y1)) * value(apart)
    )
    with pytest.raises(InputError, match="two of the integrals in it are over the same points"):
        value(CubeIntegral(inner**2, y1))
    with pytest.raises(InputError, match="stands under another integral over the same points"):
        value(CubeIntegral(K(x1, y1) * CubeIntegral(K(y1, y2), y1), y2, y1))


def test_the_error_covers_what_a_finer_grid_changes() -> None:
    """Rules fit the kernels of networks to rounding in d = 2; a kernel known by its length scale alone leaves an error."""
    contact = expression(generate_correlator(4, QUARTIC, [(1,)]), None)
    tuples = sorted_tuples(3, 4)
    unknown = parse_kernel("exp(-(rr^2+1/1000)^(1/8))", 2, 1.0, 0.0)
    cases: list[tuple[Kernel, float, float]] = [
        (ReluKernel(2), 0.0, 1e-11),
        (GaussKernel(2), 0.0, 1e-11),
        (unknown, 1e-9, 1e-1),
    ]
    for kernel, low, high in cases:
        values, error = evaluate_with_error(contact, POINTS[2], tuples, kernel, kernel, CUT, values=COUPLINGS)
        rough = evaluate(contact, POINTS[2], tuples, kernel, kernel, CUT, values=COUPLINGS)
        assert np.max(np.abs(values - rough)) <= (1.01 * error + 1e-14) * np.max(np.abs(values))
        assert low <= error < high


def test_repeated_parts_are_asked_for_once() -> None:
    """The kernel is evaluated on the grid once, however many integrals of however many labellings there are."""
    asked: list[int] = []

    def counted(x: FloatArray, y: FloatArray) -> FloatArray:
        asked.append(len(y))
        result: FloatArray = np.exp(-np.square(x - y.T)) + 1
        return result

    kernel = FunctionKernel(counted)
    correlator = expression(generate_correlator(6, QUARTIC, [(0,), (1,)]), None)
    grid = grid_for(kernel, POINTS[1], 2.0)
    asked.clear()
    evaluator = Evaluator(Contraction(POINTS[1], grid, kernel, kernel), sorted_tuples(3, 6), COUPLINGS)
    first = evaluator(correlator)
    assert sorted(asked) == [3, grid.size]
    np.testing.assert_array_equal(evaluator(2 * correlator + lam), 2 * first + COUPLINGS["lambda"])
    assert sorted(asked) == [3, grid.size]


# Refusals


def refused(
    each: Expr,
    match: str,
    d_in: int = 1,
    rows: Sequence[tuple[int, ...]] = ((0, 1, 2, 2),),
    cutoff: float = 2.0,
    values: Mapping[str, npt.ArrayLike] | None = None,
    **given: Any,
) -> None:
    kernel = ErfKernel(d_in)
    with pytest.raises(InputError, match=match):
        evaluate(each, POINTS[d_in], rows, kernel, kernel, cutoff, values=values or {}, **given)


def test_what_has_no_value_is_named() -> None:
    function, g = sympy.Function("lambda"), sympy.Function("G4")
    refused(lam * K(x1, x2), r"symbol lambda: no value for it, given are: Lambda, d_in; add it to values")
    refused(
        CubeIntegral(function(y1) * K(x1, y1), y1),
        r"function lambda\(y\) of a point: no values for it, given are: none",
    )
    refused(g(x1, x2, x3, x4), r"function G4\(x1, x2, x3, x4\): no values for G4; add it to leg_functions")
    refused(
        sympy.Function("I1")(x1, x2, CUTOFF), "no values for I1; .* or write named integrals and coefficients out first"
    )
    refused(K(x1, y1), r"K\(x1, y1\): \(y1\) is neither a leg x1, x2, ... nor a point that is integrated over")
    refused(y1 + 1, "symbol y1: no value for it")
    refused(sympy.KroneckerDelta(*sympy.symbols("i1 i2")), "no outputs are given")
    refused(sympy.KroneckerDelta(*sympy.symbols("i1 i5")), "expected an index i1 to i4", outputs=[0, 0, 0, 0])
    refused(sympy.zeta(lam), r"zeta\(lambda\): a zeta cannot be evaluated", values={"lambda": 2.0})
    refused(sympy.I * lam, "I: expected a real number", values={"lambda": 2.0})
    refused(sympy.Derivative(g(x1, CUTOFF), CUTOFF), "has to be written out before it can be differentiated")
    refused("lambda", "expected a SymPy expression, not a str")


def test_integrals_that_cannot_be_read_are_named() -> None:
    def over(integrand: Expr, *limits: Any) -> Expr:
        return sympy.Integral(integrand, *limits)

    refused(CubeIntegral(sympy.exp(K(x1, y1)), y1), r"exp\(K\(x1, y1\)\) under an integral: expected sums and products")
    refused(CubeIntegral(1 / K(x1, y1), y1), "under an integral: expected sums and products")
    refused(CubeIntegral(y1**2, y1), "under an integral: expected sums and products")
    refused(CubeIntegral(sympy.Function("F")(x1, y1), y1), r"F\(x1, y1\) under an integral: expected a function of one")
    refused(over(K(x1, y1), (y1, 0, CUTOFF)), r"limits .* of an integral: expected \(y, -Lambda, Lambda\)")
    refused(over(K(x1, y1), y1), r"limits .* of an integral")
    refused(K(x1, x2, y1), r"is neither a leg")
    cut = (sympy.Symbol("y1_1"), -CUTOFF, CUTOFF), (sympy.Symbol("y1_2"), -CUTOFF, CUTOFF)
    legs = sympy.Symbol("x1_1"), sympy.Symbol("x1_2")
    refused(over(1, cut[0]) + 1, "nothing under it says on which face", d_in=2)
    refused(over(K(*legs, cut[0][0], 0), cut[0]), r"\(y1_1, 0\) is neither a leg", d_in=2)
    refused(over(K(*legs, cut[1][0], cut[0][0]), *cut), r"\(y1_2, y1_1\) is neither a leg", d_in=2)
    mixed = K(*legs, cut[0][0], CUTOFF) * K(*legs, cut[0][0], -CUTOFF)
    refused(over(mixed, cut[0]), "y1 is on another face of the cube elsewhere", d_in=2)


def test_too_many_products_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = ErfKernel()
    each = CubeIntegral((K(x1, y1) + K(x2, y1)) ** 4, y1)
    assert evaluate(each, POINTS[1], [(0, 1)], kernel, kernel, 2.0).shape == (1,)
    monkeypatch.setattr(reading_module, "MAX_PRODUCTS", 15)
    with pytest.raises(LimitError, match="16 products under an integral, more than the limit of 15"):
        evaluate(each, POINTS[1], [(0, 1)], kernel, kernel, 2.0)
    with pytest.raises(LimitError, match="power 1000000000 under an integral, more than the limit of 100"):
        evaluate(CubeIntegral(K(x1, y1) ** 10**9, y1), POINTS[1], [(0, 1)], kernel, kernel, 2.0)


def test_numbers_of_inputs_that_do_not_fit() -> None:
    quartic = generate_correlator(4, QUARTIC, [(1,)])
    values = {"lambda": 1.0}
    refused(K(x1, x5), "leg x5 of .*: the tuples have 4 inputs", values=values)
    refused(K(x1, x2), r"tuple \(0, 3\): expected 2 indices of inputs, .* from 0 to 2", rows=[(0, 3)])
    refused(K(x1, x2), r"tuple \(0, 1, 2\): expected 2 indices", rows=[(0, 1), (0, 1, 2)])
    refused(K(x1, x2), "no tuples of inputs", rows=[])
    refused(
        expression(quartic, 1), "coordinate y1 in .* d_in = 2, so that expected are y1_1 to y1_2", d_in=2, values=values
    )
    refused(expression(quartic, 2), "is neither a leg .* in d_in = 1", values=values)
    refused(expression(quartic, 3), "y1_3 in .*: the inputs have d_in = 2", d_in=2, values=values)
    refused(expression(quartic, None), "cutoff 1: expected a positive number, at least 1.1", cutoff=1.0, values=values)
    with pytest.raises(InputError, match=r"inputs: shape \(3, 2\) does not fit d_in = 1"):
        evaluate(K(x1, x2), POINTS[2], [(0, 1)], ErfKernel(), ErfKernel(), 2.0)
    assert evaluate(
        expression(quartic, 2), POINTS[2], [(0, 1, 2, 2)], ErfKernel(2), ErfKernel(2), 2.0, values=values
    ).shape


def test_values_that_do_not_fit() -> None:
    refused(
        lam, r"value of lambda of shape \(2,\): expected one number for each of 1 tuples", values={"lambda": [1, 2]}
    )
    refused(lam, "value of lambda: expected real numbers", values={"lambda": "many"})
    refused(lam, "value of Lambda: it is the cutoff and must not be given once more", values={"Lambda": 3})
    g = sympy.Function("G4")(x1, x2, x3, x4)
    refused(g, r"value of G4 of shape \(3,\)", leg_functions={"G4": np.ones(3)})
    refused(g, r"value of G4 of shape \(\)", leg_functions={"G4": lambda indices: np.float64(1.0)})
    refused(g * 0 + lam, r"outputs of shape \(2,\): expected integers", outputs=[0, 1])
    refused(lam, "outputs of shape .*: expected integers", outputs=[0.5, 1.0, 0.0, 0.0])
    integral = CubeIntegral(sympy.Function("lambda")(y1), y1)
    refused(integral, r"the given function lambda\(y\) returned shape \(\)", functions={"lambda": lambda y: 1.0})
    refused(integral, r"the given function lambda\(y\) is nan at y", functions={"lambda": lambda y: y[:, 0] / 0.0 * 0})
    refused(integral, r"function lambda\(y\) did not return real numbers", functions={"lambda": lambda y: "text"})
    kernel = ErfKernel()
    constant = evaluate(
        integral, POINTS[1], [(0,)], kernel, kernel, 2.0, functions={"lambda": lambda y: np.ones(len(y))}
    )
    assert constant[0] == pytest.approx(4.0)  # the control
