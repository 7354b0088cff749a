"""Any diagram as a number with an error: against SciPy's cubature, closed forms and laws, for every kernel and dimension."""

from __future__ import annotations

from math import gamma, inf, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest

from feyn_nn.action import TALK_ACTION, Action, Operator
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import InputError, LimitError
from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.graphs import Diagram
from feyn_nn.kernels import (
    ErfKernel,
    ExpressionKernel,
    FreeFieldKernel,
    FunctionKernel,
    GaussKernel,
    LayeredKernel,
    ReluKernel,
    WeightsPropagator,
    parse_kernel,
)
from feyn_nn.network import PRESETS, RELU, Architecture
from feyn_nn.numeric import Contraction, DiagramIntegrals, Values, grid_for, integrate_correlator
from feyn_nn.numeric import ladder as ladder_module
from feyn_nn.numeric import networks as networks_module
from feyn_nn.numeric import results as results_module
from feyn_nn.numeric.point_functions import parse_point_function
from feyn_nn.numeric.positivity import check_positive
from tests.oracles.cubature import diagram_cubature, integrand
from tests.oracles.pair_kernels import erf_pairs, gauss_pairs, relu_pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels import Kernel

SEED = 20240901
L4, L6 = Operator(4, "lambda"), Operator(6, "kappa")
QUARTIC = Action.parse("lambda f^4")
CONTACT = Diagram(4, (L4,), ((0, 4), (1, 4), (2, 4), (3, 4)))
LOOP = Diagram(4, (L6,), ((0, 4), (1, 4), (2, 4), (3, 4), (4, 4)))
BUBBLE = Diagram(4, (L4, L4), ((0, 4), (1, 4), (2, 5), (3, 5), (4, 5), (4, 5)))
EXCHANGE = Diagram(6, (L4, L4), ((0, 6), (1, 6), (2, 6), (3, 7), (4, 7), (5, 7), (6, 7)))
TRIANGLE = Diagram(4, (L4, L4, L4), ((0, 4), (2, 4), (1, 5), (3, 6), (4, 5), (4, 6), (5, 6), (5, 6)))
DIAGRAMS = {"contact": CONTACT, "loop": LOOP, "bubble": BUBBLE, "exchange": EXCHANGE}

KERNELS: dict[str, tuple[Callable[[int], Kernel], Callable[[FloatArray, FloatArray], FloatArray]]] = {
    "erf": (lambda d: ErfKernel(d, 1.2, 0.8), erf_pairs(1.44, 0.64)),
    "erf without bias": (lambda d: ErfKernel(d, 1.2, 0.0), erf_pairs(1.44, 0.0)),
    "gauss": (lambda d: GaussKernel(d, 1.2, 0.8), gauss_pairs(1.44, 0.64)),
    "relu": (lambda d: ReluKernel(d, 1.2, 0.0), relu_pairs(1.44, 0.0)),
    "relu with bias": (lambda d: ReluKernel(d, 1.2, 0.8), relu_pairs(1.44, 0.64)),
    "user's": (lambda d: FunctionKernel(GaussKernel(d, 1.2, 0.8), d), gauss_pairs(1.44, 0.64)),
}


def positive_inputs(d: int) -> FloatArray:
    return np.random.default_rng(SEED).uniform(0.2, 1.0, size=(4, d))


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_one_vertex_agrees_with_cubature(name: str, d: int) -> None:
    """Contact and self-loop; SciPy's accuracy 1e-9, 1e-7 and 1e-5 in d = 1, 2, 3, and the quoted error covers the rest."""
    make, line = KERNELS[name]
    legs = positive_inputs(d)
    integrals = DiagramIntegrals(legs, 2.0, make(d), make(d))
    accuracy = {1: 1e-9, 2: 1e-7, 3: 1e-5}[d]
    for diagram in (CONTACT, LOOP):
        found = integrals.diagram(diagram, [(0, 1, 2, 3)])
        expected, slack = diagram_cubature(diagram, list(legs), 2.0, line, accuracy)
        assert abs(found.value[0] - expected) <= found.error[0] + slack + 1e-13 * abs(expected), (
            name,
            d,
            diagram,
            SEED,
        )
        assert found.error[0] <= {1: 1e-10, 2: 1e-8, 3: 1e-6}[d] * abs(expected), (name, d, diagram, SEED)


TWO_VERTICES = [(name, d, {1: 1e-7, 2: 3e-4}[d]) for name in KERNELS for d in (1, 2)]
TWO_VERTICES += [("erf", 3, 3e-3), ("gauss", 3, 3e-3), ("relu with bias", 3, 3e-3)]


@pytest.mark.parametrize(("name", "d", "accuracy"), TWO_VERTICES)
def test_two_vertices_agree_with_cubature(name: str, d: int, accuracy: float) -> None:
    """The bubble: an integral over two, four and six coordinates."""
    make, line = KERNELS[name]
    legs = positive_inputs(d)
    found = DiagramIntegrals(legs, 2.0, make(d), make(d)).diagram(BUBBLE, [(0, 1, 2, 3)])
    expected, slack = diagram_cubature(BUBBLE, list(legs), 2.0, line, accuracy)
    assert abs(found.value[0] - expected) <= found.error[0] + slack, (name, d, SEED)
    assert found.error[0] <= 1e-6 * abs(expected), (name, d, SEED)


def test_two_vertices_agree_with_plain_sampling() -> None:
    """ReLU without a bias in d = 3, where cubature takes long: 200,000 random pairs, within 5 sigma."""
    legs = positive_inputs(3)
    kernel = ReluKernel(3, 1.2, 0.0)
    found = DiagramIntegrals(legs, 2.0, kernel, kernel).diagram(BUBBLE, [(0, 1, 2, 3)])
    points = np.random.default_rng(SEED).uniform(-2.0, 2.0, size=(200_000, 6))
    values = 4.0**6 * integrand(BUBBLE, list(legs), relu_pairs(1.44, 0.0))(points)
    sigma = float(values.std() / np.sqrt(len(values)))
    assert abs(found.value[0] - values.mean()) < 5 * sigma, SEED
    assert sigma < 0.02 * found.value[0]
    assert found.error[0] <= 1e-6 * found.value[0]


def test_cubature_tells_a_wrong_width() -> None:
    """The control: sigma_w off by 1e-4 is seen in all dimensions."""
    for d, accuracy in ((1, 1e-9), (2, 1e-7), (3, 1e-5)):
        legs = positive_inputs(d)
        wrong = ErfKernel(d, 1.2 * (1 + 1e-4), 0.8)
        found = DiagramIntegrals(legs, 2.0, wrong, wrong).diagram(CONTACT, [(0, 1, 2, 3)])
        expected, slack = diagram_cubature(CONTACT, list(legs), 2.0, erf_pairs(1.44, 0.64), accuracy)
        assert abs(found.value[0] - expected) > 3 * (found.error[0] + slack), d


# Closed forms


def test_free_field_in_closed_form() -> None:
    """m = 1, all legs at 0, no cutoff: contact 1/32, bubble 3/512 (int e^-2|z| e^-2|y-z| dz = e^-2|y| (1/2 + |y|));
    exchange of one line, three legs on each side: int e^-3|z| e^-|y-z| dz = (3 e^-|y| - e^-3|y|)/4, so 7/24 / 2^7.
    """
    kernel = FreeFieldKernel()
    integrals = DiagramIntegrals([0.0], inf, kernel, kernel)
    for diagram, exact in ((CONTACT, 1 / 32), (BUBBLE, 3 / 512), (EXCHANGE, 7 / 24 / 128)):
        found = integrals.diagram(diagram, [(0,) * diagram.legs])
        assert found.value[0] == pytest.approx(exact, rel=1e-12), diagram
        assert found.error[0] < 1e-10 * exact


def test_lines_with_kinks_need_their_correction(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without product integration the bubble of e^-|y-z| has an error, and quotes it."""
    monkeypatch.setattr("feyn_nn.numeric.contraction.correct_lines", lambda *_: None)
    kernel = FreeFieldKernel()
    found = DiagramIntegrals([0.0], 10.0, kernel, kernel).diagram(BUBBLE, [(0, 0, 0, 0)])
    assert abs(found.value[0] / (3 / 512) - 1) > 1e-7
    assert found.error[0] > 1e-6 * found.value[0]


@pytest.mark.parametrize("d", [1, 2, 4])
def test_gauss_without_cutoff_in_closed_form(d: int) -> None:
    """K_W = w exp(-w |x-y|^2 / 2d), all legs at one point: Gaussian integrals, det of the quadratic form to the power -d/2."""
    w = 1.44
    kernel = GaussKernel(d, 1.2, 0.8)
    integrals = DiagramIntegrals(np.full((1, d), 0.3), inf, WeightsPropagator(kernel), kernel)
    unit = 2 * pi * d / w
    # contact: 4 q; bubble: 2 y^2 + 2 (y-z)^2 + 2 z^2, det 12; exchange: 3 y^2 + (y-z)^2 + 3 z^2, det 15; the triangle's det
    # is that of [[2 + 2, -1, -1], [-1, 1 + 3, -2], [-1, -2, 1 + 3]]
    for diagram, power, vertices, determinant in (
        (CONTACT, 4, 1, 4.0),
        (BUBBLE, 6, 2, 12.0),
        (EXCHANGE, 7, 2, 15.0),
        *(((TRIANGLE, 8, 3, 36.0),) if d < 3 else ()),
    ):
        found = integrals.diagram(diagram, [(0,) * diagram.legs])
        exact = w**power * unit ** (vertices * d / 2) * determinant ** (-d / 2)
        assert found.value[0] == pytest.approx(exact, rel=1e-10), (diagram, d)
        assert abs(found.value[0] - exact) <= found.error[0] + 1e-13 * exact


@pytest.mark.parametrize("power", [3 / 16, 1 / 2, 1.0])
def test_algebraic_tails_without_cutoff(power: float) -> None:
    """K = (1 + |x-y|^2)^-a, legs at 0: int K^4 = sqrt(pi) Gamma(4a - 1/2) / Gamma(4a), which exists for a > 1/8."""
    kernel = parse_kernel(f"(1 + rr)^(-{power})")
    found = DiagramIntegrals([0.0], inf, kernel, kernel).diagram(CONTACT, [(0, 0, 0, 0)])
    exact = sqrt(pi) * gamma(4 * power - 0.5) / gamma(4 * power)
    assert found.value[0] == pytest.approx(exact, rel=1e-9)
    assert abs(found.value[0] - exact) <= found.error[0] + 1e-12 * exact


DIVERGENT: dict[str, Kernel] = {
    "logarithm": parse_kernel("(1 + rr)^(-1/8)"),
    "erf": WeightsPropagator(ErfKernel()),
    "gauss with the bias": GaussKernel(),
    "relu": ReluKernel(),
    "relu in three dimensions": ReluKernel(3),
}


@pytest.mark.parametrize("name", DIVERGENT)
def test_divergent_integrals_need_a_cutoff(name: str) -> None:
    kernel = DIVERGENT[name]
    inputs = np.full((1, kernel.d_in), 0.3)
    with pytest.raises(InputError, match=r"the integral over one point with 4 legs without a cutoff: .*give a cutoff"):
        DiagramIntegrals(inputs, inf, kernel, kernel).diagram(CONTACT, [(0, 0, 0, 0)])
    assert DiagramIntegrals(inputs, 5.0, kernel, kernel).diagram(CONTACT, [(0, 0, 0, 0)]).value[0] > 0  # the control


def test_relu_powers_of_the_cutoff() -> None:
    """No bias: d log I / d log Lambda = d + 4 for a contact and 2 (d + 4) for a bubble, at every cutoff, any depth."""
    for kernel in (
        ReluKernel(1),
        ReluKernel(2),
        LayeredKernel(Architecture(RELU, 2, 1.0, 0.0, depth=2)),
        ReluKernel(3),
    ):
        d = kernel.d_in
        inputs = positive_inputs(d)
        low, high = (DiagramIntegrals(inputs, cutoff, kernel, kernel) for cutoff in (2.0, 6.0))
        for diagram in (CONTACT, BUBBLE) if d < 3 else (CONTACT,):
            ratio = high.diagram(diagram, [(0, 1, 2, 3)]).value / low.diagram(diagram, [(0, 1, 2, 3)]).value
            assert ratio[0] == pytest.approx(3.0 ** (len(diagram.vertices) * (d + 4)), rel=1e-12), (kernel.name, d)


def test_a_form_that_is_not_known_gives_the_same_numbers() -> None:
    """Every rule of its own against the rule for a user's kernel; the quoted errors cover the difference."""
    for make, d in ((ReluKernel, 2), (ErfKernel, 2), (GaussKernel, 2), (ReluKernel, 1), (ErfKernel, 1)):
        kernel = make(d)
        inputs = positive_inputs(d)
        tuples = sorted_tuples(4, 4)
        for diagram in (LOOP, BUBBLE) if d == 1 else (LOOP,):
            own, other = (
                DiagramIntegrals(inputs, 10.0, each, kernel).diagram(diagram, tuples)
                for each in (kernel, FunctionKernel(kernel, d, kernel.bias_variance, kernel.length_scale))
            )
            assert np.all(np.abs(own.value - other.value) <= own.error + other.error), (kernel.name, d, diagram)
            assert other.relative_error < 1e-6


def test_couplings_of_the_talk() -> None:
    """N lambda = mean of -N kappa4 / (24 I4): physics notes, section 4, items 7 and 9, with K and K_W legs."""
    for net, cutoff, weights, expected, digits in (
        ("gauss", 10.0, False, -0.1404, 4e-4),
        ("gauss", 100.0, False, -0.02942, 4e-4),
        ("gauss", inf, True, -5.3457, 4e-5),
        ("erf", 10.0, False, -3.66e-4, 4e-3),
    ):
        architecture = PRESETS[net].architecture()
        kernel: Kernel = GaussKernel() if net == "gauss" else ErfKernel()
        line = WeightsPropagator(kernel) if weights else kernel
        inputs = PRESETS[net].points()
        connected = exact_correlators(architecture, inputs, 4).connected.coefficients[:, 1]
        found = DiagramIntegrals(inputs, cutoff, line, kernel).diagram(CONTACT, sorted_tuples(6, 4))
        assert np.mean(-connected / (24 * found.value)) == pytest.approx(expected, rel=digits), (net, cutoff)


def test_refinement_ends_at_the_accuracy_that_is_asked_for() -> None:
    """A looser one is reached earlier, with larger errors that still cover; in d = 4 with fewer random points."""
    for kernel, diagram in ((ErfKernel(2), BUBBLE), (ErfKernel(4), CONTACT)):
        inputs = positive_inputs(kernel.d_in)
        rough, fine = (
            DiagramIntegrals(inputs, 10.0, kernel, kernel, accuracy=accuracy).diagram(diagram, [(0, 1, 2, 3)])
            for accuracy in ((1e-2, 1e-8) if kernel.d_in == 2 else (3e-3, 1e-4))
        )
        assert fine.error[0] < rough.error[0] / 2
        assert abs(rough.value[0] - fine.value[0]) <= 4 * (rough.error[0] + fine.error[0])


# Laws of whole correlators


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_constant_kernel_gives_the_zero_dimensional_sums(d: int) -> None:
    """K = c: the coefficient is (-1)^p c^lines (2 Lambda)^(d p) times the sum of C, which the generator has proved."""
    kernel = FunctionKernel(lambda x, y: np.full((len(x), len(y)), 1.3), d)
    correlator = generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(2 if d < 3 else 1))
    integrals = DiagramIntegrals(np.full((1, d), 0.1), 1.5, kernel, kernel)
    result = integrate_correlator(correlator, integrals)
    for check in correlator.checks:
        vertices = sum(check.order)
        lines = (4 + 4 * check.order[0] + 6 * check.order[1]) // 2
        exact = float(check.kept) * (-(3.0**d)) ** vertices * 1.3**lines
        found = result.coefficients[check.order]
        assert abs(found.value[0] - exact) <= 4 * found.error[0] + 1e-12 * abs(exact), (d, check.order)
        assert found.error[0] <= 1e-4 * abs(exact), (d, check.order)


def test_result_agrees_with_the_contraction() -> None:
    """Coefficients are the sums of contributions, and those of one grid; integrals are those of the representative."""
    kernel = ErfKernel()
    inputs = PRESETS["erf"].points()[:4]
    correlator = generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(2))
    integrals = DiagramIntegrals(inputs, 10.0, kernel, kernel)
    result = integrate_correlator(correlator, integrals)
    assert result.tuples == tuple(sorted_tuples(4, 4))
    grid = grid_for(kernel, inputs, 10.0, refined=True)
    plain = Contraction(inputs, grid, kernel, kernel).coefficients(correlator, result.tuples)
    for order, values in result.coefficients.items():
        total = sum(each.contribution.value for each in result.terms if each.term.order == order)
        np.testing.assert_allclose(values.value, total, rtol=1e-14)
        np.testing.assert_allclose(values.value, plain[order], rtol=1e-11)
    for each in result.terms:
        np.testing.assert_array_equal(each.integral.value, integrals.diagram(each.diagram, result.tuples).value)
    assert [each.term for each in result.terms] == list(correlator.terms)


def test_coupling_functions_stand_under_the_integral() -> None:
    """lambda(y) at its own vertices only; a constant one changes nothing, y^2 is checked by cubature."""
    kernel = ErfKernel(1, 1.2, 0.8)
    inputs = positive_inputs(1)
    mixed = Diagram(4, (L4, L6), ((0, 4), (1, 4), (2, 5), (3, 5), (4, 5), (4, 5), (5, 5)))
    row = [(0, 1, 2, 3)]
    plain = DiagramIntegrals(inputs, 2.0, kernel, kernel)
    one = DiagramIntegrals(inputs, 2.0, kernel, kernel, {"lambda": lambda y: np.ones(len(y))})
    square = DiagramIntegrals(inputs, 2.0, kernel, kernel, {"lambda": parse_point_function("y^2")})
    for diagram in (CONTACT, BUBBLE, mixed):
        np.testing.assert_allclose(one.diagram(diagram, row).value, plain.diagram(diagram, row).value, rtol=1e-12)
    assert square.diagram(LOOP, row).value == plain.diagram(LOOP, row).value
    line = erf_pairs(1.44, 0.64)
    legs = list(inputs)
    # y^2 = (y * y): two more legs with the kernel x y at x = 1
    extended = Diagram(6, (L6,), tuple((leg, 6) for leg in range(6)))

    def with_square(x: FloatArray, y: FloatArray) -> FloatArray:
        result: FloatArray = np.where(x[:, 0] == 1.0, y[:, 0], line(x, y))
        return result

    expected, slack = diagram_cubature(extended, [*legs, np.ones(1), np.ones(1)], 2.0, with_square, 1e-10)
    found = square.diagram(CONTACT, row)
    assert abs(found.value[0] - expected) <= found.error[0] + slack + 1e-13 * expected
    assert abs(found.value[0] / plain.diagram(CONTACT, row).value[0] - 1) > 0.1


@pytest.mark.parametrize("d", [2, 4])
def test_coupling_functions_where_the_kernel_factorises(d: int) -> None:
    """Gauss with lambda(y) leaves its factors for panels (d = 2) or random points (d = 4): with 1 it is the same number."""
    kernel = GaussKernel(d)
    inputs = positive_inputs(d)
    row = [(0, 1, 2, 3)]
    exact = DiagramIntegrals(inputs, 3.0, kernel, kernel).diagram(CONTACT, row)
    found = DiagramIntegrals(inputs, 3.0, kernel, kernel, {"lambda": parse_point_function("1", d)}).diagram(
        CONTACT, row
    )
    assert abs(found.value[0] - exact.value[0]) <= 4 * found.error[0]
    assert found.error[0] <= {2: 1e-8, 4: 1e-4}[d] * exact.value[0]


def test_functions_of_a_homogeneous_kernel() -> None:
    """ReLU without a bias, lambda = e^(-c y^2), c = 1 and 400: int (x y/2)^4 e^(-c y^2) dy over y > 0, with errors that cover.

    In d = 2 against the rule for kernels of unknown form.
    """
    for c in (1, 400):
        kernel = ReluKernel()
        found = DiagramIntegrals(
            [0.4], 20.0, kernel, kernel, {"lambda": parse_point_function(f"exp(-{c}*yy)")}
        ).diagram(CONTACT, [(0, 0, 0, 0)])
        exact = 0.4**4 / 16 * 3 * sqrt(pi) / 8 / c**2.5
        assert abs(found.value[0] - exact) <= found.error[0] + 1e-13 * exact, c
        assert found.error[0] < 1e-3 * exact, c
    plane = ReluKernel(2)
    inputs = positive_inputs(2)
    own, other = (
        DiagramIntegrals(inputs, 3.0, kernel, plane, {"lambda": parse_point_function("exp(-yy)", 2)}).diagram(
            CONTACT, [(0, 1, 2, 3)]
        )
        for kernel in (plane, FunctionKernel(plane, 2))
    )
    assert abs(own.value[0] - other.value[0]) <= own.error[0] + other.error[0]
    assert own.error[0] < 1e-8 * own.value[0]


# What is refused


def test_cutoff_and_tuples_that_do_not_fit() -> None:
    kernel = ErfKernel()
    with pytest.raises(InputError, match=r"cutoff 0\.5: expected a positive number, at least 1"):
        DiagramIntegrals([1.0], 0.5, kernel, kernel)
    integrals = DiagramIntegrals([1.0], 1.0, kernel, kernel)
    with pytest.raises(InputError, match=r"tuple \(0, 0, 0, 1\): expected 4 indices of inputs"):
        integrals.diagram(CONTACT, [(0, 0, 0, 1)])


def test_kernels_that_are_no_covariance() -> None:
    """Indefinite, negative on the diagonal, not finite: each says where; the sum with a positive one is accepted."""
    for text, found in (
        ("1 - rr", r"is not positive semidefinite: .* mostly at y = \[.*\] and y = \[.*\]"),
        ("xy - 1/2", r"K\(y, y\) = -0\.\d+ at y = \[.*\]: expected the variance"),
        ("log(3 + xy)", r"returned nan at x = \[.*\], y = \[.*\]"),
    ):
        kernel = parse_kernel(text)
        with pytest.raises(InputError, match=found):
            DiagramIntegrals([0.3, 0.6], 2.0, kernel, kernel)
    for good in (parse_kernel("exp(-rr) + xy"), parse_kernel("x*y"), WeightsPropagator(parse_kernel("1/(1+rr)"))):
        DiagramIntegrals([0.3, 0.6], 2.0, good, good)
    check_positive(GaussKernel(), np.linspace(-5, 5, 200)[:, None])  # of low rank in floating point


def test_the_place_of_a_negative_variance_is_named() -> None:
    """Positive but for two points that are correlated more than perfectly."""
    points = np.arange(5.0)[:, None]

    def matrix(x: FloatArray, y: FloatArray) -> FloatArray:
        result: FloatArray = np.equal(x, y.T) * 1.0
        result[(x + y.T == 5) & (np.abs(x - y.T) == 1)] = 1.1  # the points 2 and 3
        return result

    with pytest.raises(InputError, match=r"mostly at y = \[[23]\.0\] and y = \[[23]\.0\]"):
        check_positive(FunctionKernel(matrix), points)


def test_too_many_values_are_refused_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = ReluKernel()
    correlator = generate_correlator(4, QUARTIC, [(1,)])
    integrals = DiagramIntegrals(np.linspace(0.1, 1, 10), 2.0, kernel, kernel)
    monkeypatch.setattr(results_module, "MAX_VALUES", 715)
    assert len(integrate_correlator(correlator, integrals).tuples) == 715  # the control
    monkeypatch.setattr(results_module, "MAX_VALUES", 714)
    with pytest.raises(LimitError, match=r"1 labelled diagrams of 1 topologies at 715 tuples of inputs"):
        integrate_correlator(correlator, integrals)


def test_random_points_that_miss_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A narrow Gaussian as a user's kernel in d = 4: fine at a small cutoff, missed at a huge one, and never without one."""
    monkeypatch.setattr(ladder_module, "_FIRST_EXPONENT", 9)
    monkeypatch.setattr(ladder_module, "_LAST_EXPONENT", {1: 12, 2: 9})
    kernel = parse_kernel("exp(-rr/2)", 4)
    inputs = np.full((1, 4), 0.1)
    exact = (pi / 2) ** 2
    found = DiagramIntegrals(inputs, 6.0, kernel, kernel).diagram(CONTACT, [(0, 0, 0, 0)])
    assert abs(found.value[0] - exact) < 5 * found.error[0] < 0.2 * exact
    for cutoff in (1e12, 1e25):
        with pytest.raises(LimitError, match=r"in d_in = 4 at cutoff 1e\+\d\d: random points do not resolve it"):
            DiagramIntegrals(inputs, cutoff, kernel, kernel).diagram(BUBBLE, [(0, 0, 0, 0)])
    with pytest.raises(LimitError, match="no cutoff in d_in = 4: random points do not find out"):
        DiagramIntegrals(inputs, inf, kernel, kernel)
    relu = ReluKernel(4)  # the control: an integral that does vanish
    assert DiagramIntegrals(np.zeros((1, 4)), 2.0, relu, relu).diagram(CONTACT, [(0, 0, 0, 0)]).value[0] == 0.0


def test_networks_that_take_too_long_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three vertices on 12 and 15 nodes each take fewer multiplications than the limit, or more."""
    kernel = ErfKernel()
    inputs = positive_inputs(1)
    found = DiagramIntegrals(inputs, 2.0, kernel, kernel).diagram(TRIANGLE, [(0, 1, 2, 3)])  # the control
    assert found.value[0] > 0
    monkeypatch.setattr(networks_module, "MAX_OPERATIONS", 1000)
    with pytest.raises(LimitError, match=r"a network of 3 vertices on \d+ nodes would take .* multiplications"):
        DiagramIntegrals(inputs, 2.0, kernel, kernel).diagram(TRIANGLE, [(0, 1, 2, 3)])


def test_four_vertices_agree_with_each_other() -> None:
    """A square of four vertices in d = 1 and 2: ReLU's closed form on the positive axis, and levels that agree."""
    square = Diagram(4, (L4,) * 4, ((0, 4), (1, 5), (2, 6), (3, 7), (4, 5), (4, 5), (4, 6), (5, 7), (6, 7), (6, 7)))
    relu = ReluKernel()
    found = DiagramIntegrals([0.5], 2.0, relu, relu).diagram(square, [(0, 0, 0, 0)])
    assert found.value[0] == pytest.approx(0.5**4 * 2.0**-10 * (2.0**5 / 5) ** 4, rel=1e-12)  # x y/2 for every line
    kernel = ErfKernel(2)
    inputs = positive_inputs(2)
    other = DiagramIntegrals(inputs, 2.0, kernel, kernel).diagram(square, [(0, 1, 2, 3), (3, 2, 1, 0)])
    assert other.value[0] == pytest.approx(other.value[1], rel=1e-12)  # a symmetry of the square
    assert np.all(other.error < 1e-6 * other.value)


# Point functions


def test_point_functions() -> None:
    points = np.array([[0.5, -2.0], [1.0, 3.0]])
    found = parse_point_function("2*exp(-yy/4) + y1*abs(y2) - erf(y2)/pi", 2)(points)
    expected = [
        2 * np.exp(-4.25 / 4) + 0.5 * 2 + 0.9953222650189527 / pi,
        2 * np.exp(-2.5) + 3 - 0.9999779095030014 / pi,
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    np.testing.assert_array_equal(parse_point_function("3")(np.zeros((2, 1))), [3.0, 3.0])
    for text, d in (("y", 2), ("x", 1), ("y3", 2), ("y+", 1)):
        with pytest.raises(InputError):
            parse_point_function(text, d)
    assert isinstance(parse_kernel("x*y"), ExpressionKernel)


# Errors


def test_errors_of_sums_and_products() -> None:
    """Deviations keep their signs: what two integrals share cancels in a difference and adds up in a square."""
    rows = np.random.default_rng(SEED).normal(5.0, 1.0, size=(16, 3))
    x = Values.from_samples(rows)
    independent = Values.from_samples(np.random.default_rng(SEED + 1).normal(5.0, 1.0, size=(16, 3)))
    np.testing.assert_allclose(x.error, rows.std(axis=0, ddof=1) / 4, rtol=1e-12)
    assert np.all((x + x.scaled(-1.0)).error < 1e-13)
    assert np.all((x + independent.scaled(-1.0)).error > 0.1)
    np.testing.assert_allclose((x * x).error, 2 * np.abs(x.value) * x.error, rtol=1e-12)
    quadrature = Values.from_levels(np.array([1.0, 2.0, 3.0]), np.array([1.1, 2.0, 2.9]))
    relative = 0.1 / 2.9
    np.testing.assert_allclose(quadrature.error, [0.1, 2.0 * relative, 0.1], rtol=1e-9)
    np.testing.assert_allclose((quadrature + quadrature).error, 2 * quadrature.error, rtol=1e-12)
    product = quadrature * x
    assert np.all(product.error >= np.abs(quadrature.value) * x.error)
    assert np.all(product.error >= np.abs(x.value) * quadrature.error)
    assert Values.exactly(np.zeros(2)).relative_error == 0.0
    assert Values.from_levels(np.zeros(2), np.zeros(2)).error.tolist() == [0.0, 0.0]
