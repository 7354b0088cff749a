"""The free field on a line: its propagator, its diagrams as exact rationals, and the oscillator's energy without diagrams."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from itertools import pairwise, permutations
from math import log, prod
from typing import TYPE_CHECKING

import numpy as np
import pytest
import sympy
from scipy import integrate

from feyn_nn.action import Action, Operator
from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs import CONNECTED, ONE_PI, Diagram, DiagramClass
from feyn_nn.kernels import FreeFieldKernel, Kernel, WeightsPropagator
from feyn_nn.symbolic.free_field import (
    EnergyTerm,
    ground_state_energy,
    time_ordered_integral,
    vacuum_diagrams,
)
from feyn_nn.symbolic.growth import growth
from feyn_nn.symbolic.kernels import symbolic_kernel
from tests.oracles.anharmonic import energy, lowest_eigenvalue

if TYPE_CHECKING:
    from collections.abc import Sequence

QUARTIC = Action.parse("lambda f^4")


def between(kernel: Kernel, a: float, b: float) -> float:
    return float(kernel(np.array([[a]]), np.array([[b]]))[0, 0])


# --- the propagator


@pytest.mark.parametrize("mass", [0.4, 1.0, 2.5])
def test_propagator_inverts_the_action(mass: float) -> None:
    """Its Fourier transform is 1/(k^2 + m^2): the inverse of the quadratic form in (1/2) int [(d phi)^2 + m^2 phi^2]."""
    kernel = FreeFieldKernel(mass)
    for k in (0.3, 1.7):
        half = integrate.quad(lambda t: between(kernel, 0.0, t), 0, np.inf, weight="cos", wvar=k)[0]
        assert 2 * half == pytest.approx(1 / (k**2 + mass**2), rel=1e-7)
        assert 2 * half != pytest.approx(1 / (k**2 + 1.1 * mass**2), rel=1e-3), "control: another mass"


@pytest.mark.parametrize("mass", [0.4, 1.0, 2.5])
def test_propagator_is_a_kernel(mass: float) -> None:
    kernel = FreeFieldKernel(mass)
    assert isinstance(kernel, Kernel)
    assert (kernel.name, kernel.d_in, kernel.bias_variance) == ("free scalar field", 1, 0.0)
    x = np.random.default_rng(4).normal(size=(12, 1)) * 3
    matrix = kernel(x, x)
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_allclose(np.diagonal(matrix), kernel.diagonal(x), rtol=1e-15)
    assert np.linalg.eigvalsh(matrix).min() > 0
    np.testing.assert_array_equal(WeightsPropagator(kernel)(x, x), matrix)
    assert between(kernel, 0.0, kernel.length_scale) == pytest.approx(between(kernel, 0.0, 0.0) / np.e)
    form = symbolic_kernel(kernel)
    for a, b in ((-0.7, 1.1), (2.0, 0.3)):
        exact = form.between(sympy.Rational(str(a)), sympy.Rational(str(b)))
        assert float(exact.evalf(25)) == pytest.approx(between(kernel, a, b), rel=1e-13)
    assert form.with_values().free_symbols == {sympy.Symbol("x", real=True), sympy.Symbol("y", real=True)}


def test_propagator_decays_faster_than_any_power() -> None:
    result = growth(symbolic_kernel(FreeFieldKernel(0.7)))
    assert (result.leg, result.loop) == (-sympy.oo, 0)


def test_bad_propagators() -> None:
    with pytest.raises(InputError, match="d_in = 2: expected d_in = 1, for K"):
        FreeFieldKernel(1.0, d_in=2)
    with pytest.raises(InputError, match=r"d_in = 0"):
        FreeFieldKernel(1.0, d_in=0)
    for mass in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(InputError, match=r"mass = .*: expected a positive number"):
            FreeFieldKernel(mass)
    with pytest.raises(InputError, match=r"points of shape \(1, 2\)"):
        FreeFieldKernel()(np.zeros((1, 2)), np.zeros((1, 1)))


# --- integrals


def diagrams_of(text: str, order: tuple[int, ...]) -> list[Diagram]:
    return list(DiagramClass(0, Action.parse(text).operators, order, CONNECTED).diagrams())


def by_orders(diagram: Diagram) -> Fraction:
    """The sum over all p! orders, gap by gap, as it is derived."""
    vertices = len(diagram.vertices)
    total = Fraction(0)
    for order in permutations(range(vertices)):
        place = {vertex: position for position, vertex in enumerate(order)}
        ends = [sorted((place[a], place[b])) for a, b in diagram.edges]
        total += Fraction(1, prod(sum(a < gap <= b for a, b in ends) for gap in range(1, vertices)))
    return total * Fraction(1, 2 ** len(diagram.edges))


def by_quadrature(diagram: Diagram, mass: float) -> float:
    """All times but the first integrated with the NumPy propagator, up to three vertices, split where times meet."""
    kernel = FreeFieldKernel(mass)
    far = 45 / mass

    def integrand(times: Sequence[float]) -> float:
        return prod(between(kernel, times[a], times[b]) for a, b in diagram.edges)

    def over_the_next(times: tuple[float, ...]) -> float:
        if len(times) == len(diagram.vertices):
            return integrand(times)
        edges = sorted({-far, *times, far})
        pieces = [(a, b) for a, b in pairwise(edges) if b - a > 1e-9]
        return sum(
            float(integrate.quad(lambda t: over_the_next((*times, t)), a, b, epsabs=1e-10, epsrel=1e-7)[0])
            for a, b in pieces
        )

    return over_the_next((0.0,))


QUADRATURE = [
    *diagrams_of("lambda f^4", (2,)),
    *diagrams_of("g f^3", (2,)),
    *diagrams_of("kappa f^6", (2,)),
    *diagrams_of("g f^3 + lambda f^4", (2, 1))[:3],
]


@pytest.mark.parametrize("diagram", QUADRATURE, ids=lambda diagram: str(diagram.edges))
def test_integrals_against_quadrature(diagram: Diagram) -> None:
    mass = 1.3
    power = len(diagram.edges) + len(diagram.vertices) - 1
    expected = by_quadrature(diagram, mass) * mass**power
    assert float(time_ordered_integral(diagram)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "order"),
    [("lambda f^4", (4,)), ("kappa f^6", (3,)), ("g f^3", (4,)), ("g f^3 + lambda f^4", (2, 2)), ("a f^5", (4,))],
)
def test_sets_of_first_vertices_do_what_orders_do(text: str, order: tuple[int, ...]) -> None:
    found = diagrams_of(text, order)
    assert len(found) > 1
    for diagram in found:
        assert time_ordered_integral(diagram) == by_orders(diagram)


def test_only_connected_vacuum_diagrams_have_an_integral() -> None:
    operator = Operator(4, "lambda")
    with pytest.raises(InputError, match="4 legs and 1 components with vertices; expected a connected vacuum diagram"):
        time_ordered_integral(Diagram(4, [operator], [(0, 4), (1, 4), (2, 4), (3, 4)]))
    with pytest.raises(InputError, match="0 legs and 2 components"):
        time_ordered_integral(Diagram(0, [operator] * 2, [(0, 0), (0, 0), (1, 1), (1, 1)]))
    with pytest.raises(InputError, match="0 legs and 0 components"):
        time_ordered_integral(Diagram(0, [], []))
    ring = [(i, (i + 1) % 17) for i in range(17)]
    with pytest.raises(LimitError, match="a diagram with 17 vertices"):
        time_ordered_integral(Diagram(0, [operator] * 17, [*ring, *ring]))


# --- the ground-state energy


@pytest.mark.parametrize(
    ("text", "maximum"),
    [
        ("lambda f^4", 6),
        ("kappa f^6", 4),
        ("g f^3", 6),
        ("a f^5", 4),
        ("g f^3 + lambda f^4", 5),
        ("lambda f^4 + kappa f^6", 4),
        ("g f^3 + lambda f^4 + a f^5", 4),
    ],
)
def test_energy_is_that_of_perturbation_theory(text: str, maximum: int) -> None:
    action = Action.parse(text)
    valences = [operator.valence for operator in action.operators]
    terms = ground_state_energy(action, action.orders(maximum))
    wrong = [term for term in terms if term.coefficient != energy(valences, term.order)]
    assert not wrong, f"{len(wrong)} of {len(terms)} multi-orders differ: {wrong[:3]}"
    assert [term.order for term in terms] == action.orders(maximum)


def test_quartic_oscillator_has_the_series_of_bender_and_wu() -> None:
    known = ["1/2", "3/4", "-21/8", "333/16", "-30885/128", "916731/256"]  # Phys. Rev. 184 (1969) 1231
    terms = ground_state_energy(QUARTIC, QUARTIC.orders(5))
    assert [str(term.coefficient) for term in terms] == known
    assert [term.diagrams for term in terms] == [0, 1, 2, 4, 10, 28]


@pytest.mark.parametrize(("text", "order"), [("lambda f^4", (3,)), ("g f^3", (4,)), ("g f^3 + lambda f^4", (2, 1))])
def test_control_every_diagram_is_needed(text: str, order: tuple[int, ...]) -> None:
    action = Action.parse(text)
    every = list(vacuum_diagrams(action, order))
    exact = energy([operator.valence for operator in action.operators], order)
    assert sum((each.contribution for each in every), Fraction(0)) == exact
    for left_out in range(len(every)):
        rest = [each.contribution for index, each in enumerate(every) if index != left_out]
        assert sum(rest, Fraction(0)) != exact


def test_tadpoles_belong_to_the_energy() -> None:
    """Without the diagrams that one cut separates, the cubic oscillator's second order is -1/4 instead of -11/8."""
    cubic = Action.parse("g f^3")
    irreducible = list(DiagramClass(0, cubic.operators, (2,), ONE_PI).diagrams())
    assert len(irreducible) == 1
    assert -irreducible[0].coefficient * time_ordered_integral(irreducible[0]) == Fraction(-1, 4)
    assert energy([3], (2,)) == Fraction(-11, 8)


@pytest.mark.parametrize(("text", "couplings"), [("lambda f^4", (1.0,)), ("g f^3 + lambda f^4", (1.0, 2.0))])
def test_partial_sums_converge_to_the_eigenvalue_at_their_order(text: str, couplings: tuple[float, ...]) -> None:
    """H with couplings (g t, lambda t): the error of the sum to order 4 falls as t^5."""
    action = Action.parse(text)
    valences = [operator.valence for operator in action.operators]
    terms = ground_state_energy(action, action.orders(4))

    def error(t: float) -> float:
        strengths = [coupling * t for coupling in couplings]
        series = sum(
            float(term.coefficient) * prod(g**power for g, power in zip(strengths, term.order, strict=True))
            for term in terms
        )
        return abs(lowest_eigenvalue(dict(zip(valences, strengths, strict=True)), 80) - series)

    coarse, fine = error(0.008), error(0.004)
    assert log(coarse / fine, 2) == pytest.approx(5, abs=0.4)


def test_powers_of_the_mass() -> None:
    """x -> x / sqrt(m) turns H into m times H at m = 1 with g_k -> g_k m^(-k/2 - 1)."""
    action = Action.parse("g f^3 + lambda f^4 + kappa f^6")
    for term in ground_state_energy(action, action.orders(3)):
        half = sum(power * (op.valence + 2) for op, power in zip(action.operators, term.order, strict=True))
        assert term.coefficient == 0 or 2 * (1 - term.mass_power) == half
    term = ground_state_energy(QUARTIC, [(2,)])[0]
    assert term == EnergyTerm((2,), Fraction(-21, 8), -5, 2)


def test_large_orders_are_refused_beforehand() -> None:
    with pytest.raises(LimitError, match=r"order \(10,\) of lambda f\^4: .* diagrams of 10240 steps are too many"):
        ground_state_energy(QUARTIC, [(10,)])
    with pytest.raises(LimitError, match="too many"):
        vacuum_diagrams(Action.parse("g f^3"), (16,))
    with pytest.raises(LimitError, match="half-edges"):
        vacuum_diagrams(QUARTIC, (13,))
    with pytest.raises(InputError, match=r"order \(1, 1\)"):
        ground_state_energy(QUARTIC, [(1, 1)])


def test_exact_integrals_need_no_sympy() -> None:
    code = (
        "import sys; from feyn_nn.action import Action; from feyn_nn.symbolic.free_field import ground_state_energy; "
        "a = Action.parse('lambda f^4'); ground_state_energy(a, a.orders(2)); print('sympy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
