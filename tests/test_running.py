"""The coupled system for the beta functions: (4.13), (4.14) by hand, and flows that keep the correlators."""

from __future__ import annotations

import random
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
import sympy

from feyn_nn.action import TALK_ACTION, Action
from feyn_nn.combinatorics import pairings
from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import InputError
from feyn_nn.graphs import CONNECTED_RULES, TALK_RULES, Rule
from feyn_nn.symbolic.expressions import fold
from feyn_nn.symbolic.formats.folding import IntegralTable
from feyn_nn.symbolic.integrals import CUTOFF, BoundaryIntegral, CubeIntegral, K, explicit
from feyn_nn.symbolic.running import RunningSystem, running_system
from tests.tex import assert_compiles_and_fits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONNECTED = CONNECTED_RULES
LAMBDA, KAPPA, G = sympy.symbols("lambda kappa g")
LEGS = sympy.symbols("x1:7")
PLACES = {leg: sympy.Rational(index + 1, 7) for index, leg in enumerate(LEGS)}
PHI4 = Action.parse("lambda f^4")
ACTIONS = ["lambda f^4 + kappa f^6", "lambda f^4", "g f^3 + lambda f^4", "kappa f^6 + lambda f^4 + rho f^8"]


def bilinear(a: Any, b: Any) -> Any:
    return 1 + a * b


def even(a: Any, b: Any) -> Any:
    return 2 + a**2 * b**2 - a * b / 3


def done(value: Any, kernel: Callable[[Any, Any], Any]) -> Any:
    """In d_in = 1 with a polynomial kernel: every integral done, legs at fixed places; exact in Lambda."""
    written = explicit(value, 1).subs(PLACES).replace(K, kernel)

    def integral(function: Any, *limits: Any) -> Any:
        return sympy.integrate(sympy.expand(function), *limits)

    return sympy.together(written.replace(sympy.Integral, integral))


def test_the_equations_are_those_of_the_talk() -> None:
    """(4.13), (4.14): gamma + rho of G4 are 24 and 360, of G6 the sums over the 15 pairs and 720."""
    system = running_system(TALK_ACTION)
    y, z = sympy.symbols("y1 z1")

    def star(legs: tuple[int, ...], point: Any, loops: int = 0) -> Any:
        return CubeIntegral(sympy.prod([K(LEGS[leg], point) for leg in legs]) * K(point, point) ** loops, point)

    def with_pairs(point: Any, loops: int) -> Any:
        every = set(range(6))
        return sympy.Add(
            *(
                K(*(LEGS[leg] for leg in sorted(every - set(legs)))) * star(legs, point, loops)
                for legs in combinations(range(6), 4)
            )
        )

    four, six = (0, 1, 2, 3), tuple(range(6))
    weights = [
        [24 * star(four, y), 360 * star(four, z, 1)],
        [24 * with_pairs(y, 0), 720 * star(six, z) + 360 * with_pairs(z, 1)],
    ]
    beta = sympy.symbols("beta_lambda beta_kappa")
    for equation, (of_lambda, of_kappa) in zip(system.equations, weights, strict=True):
        expected = beta[0] * of_lambda + LAMBDA * CUTOFF * sympy.diff(of_lambda, CUTOFF)
        expected += beta[1] * of_kappa + KAPPA * CUTOFF * sympy.diff(of_kappa, CUTOFF)
        assert sympy.expand(system.written_out(equation) + expected) == 0
    assert system.written_out(system.equations[0]).has(BoundaryIntegral)


def solved(system: RunningSystem, seed: int) -> None:
    """The solution put into the equations, every coefficient and derivative a random rational."""
    source = random.Random(seed)
    solution = system.solve()
    atoms = sorted({atom for row in (*system.matrix, *system.drift) for atom in row.atoms(sympy.Derivative)}, key=str)
    table = {atom: sympy.Rational(source.randint(-99, 99), 97) for atom in atoms}
    functions = sorted({f for row in system.matrix for f in row.atoms(sympy.core.function.AppliedUndef)}, key=str)
    table |= {atom: sympy.Rational(source.randint(1, 99), 89) for atom in functions}
    couplings = {sympy.Symbol(name): sympy.Rational(source.randint(-9, 9), 11) for name in system.couplings}
    betas = {sympy.Symbol(f"beta_{name}"): value for name, value in solution.items()}
    for equation in system.equations:
        value = equation.subs(betas)
        for atom in atoms:
            value = value.subs(atom, table[atom])
        assert value.subs(table).subs(couplings).subs(CUTOFF, sympy.Rational(13, 5)) == 0


@pytest.mark.parametrize("vertices", [1, 2])
@pytest.mark.parametrize("text", ACTIONS)
def test_the_solution_solves_the_system(text: str, vertices: int) -> None:
    if "rho" in text and vertices == 2:
        return
    solved(running_system(Action.parse(text), vertices), 5)


@pytest.mark.parametrize("rules", [TALK_RULES, CONNECTED], ids=["full", "connected"])
@pytest.mark.parametrize("kernel", [bilinear, even])
def test_along_the_flow_the_correlators_stay(kernel: Callable[[Any, Any], Any], rules: frozenset[Rule]) -> None:
    """A(Lambda) g(Lambda) = constant is solved for g; its logarithmic derivative is the beta function, exactly."""
    system = running_system(TALK_ACTION, 1, rules)
    matrix = system.matrix.applyfunc(lambda entry: done(system.written_out(entry), kernel))
    constant = sympy.Matrix([sympy.Rational(3, 5), -2])
    flow = matrix.inv() * constant
    betas = system.solve()
    for row, name in enumerate(system.couplings):
        value = done(system.written_out(betas[name]), kernel)
        along = value.subs({LAMBDA: flow[0], KAPPA: flow[1]})
        gap = along - CUTOFF * sympy.diff(flow[row], CUTOFF)
        assert [sympy.nsimplify(gap.subs(CUTOFF, sympy.Rational(place, 3))) for place in (2, 7, 40)] == [0, 0, 0]
        wrong = 2 * along - CUTOFF * sympy.diff(flow[row], CUTOFF)
        assert wrong.subs(CUTOFF, 2) != 0  # control


def test_connected_correlators_make_the_system_triangular() -> None:
    """Kappa runs with its own contact alone: beta(kappa) = -kappa dlog I6/dlog Lambda; full G6 gives the same in d = 0."""
    system = running_system(TALK_ACTION, 1, CONNECTED)
    assert system.matrix[1, 0] == 0
    beta = system.solve()["kappa"]
    contact = next(value for function, value in system.coefficients.items() if str(function).startswith("Ac6"))
    integral = contact / -720
    assert system.in_integrals(beta) == -KAPPA * CUTOFF * sympy.diff(integral, CUTOFF) / integral


def test_a_single_coupling_runs_against_its_integral() -> None:
    beta = running_system(PHI4).solve()["lambda"]
    system = running_system(PHI4)
    (integral,) = system.definitions
    I4 = integral(*LEGS[:4], CUTOFF)
    assert system.in_integrals(beta) == -LAMBDA * CUTOFF * sympy.diff(I4, CUTOFF) / I4
    d_in_one = explicit(system.written_out(beta), 1)
    surface = sympy.Add(*(sympy.prod([K(leg, place) for leg in LEGS[:4]]) for place in (CUTOFF, -CUTOFF)))
    y = sympy.Symbol("y1")
    whole = sympy.Integral(sympy.prod([K(leg, y) for leg in LEGS[:4]]), (y, -CUTOFF, CUTOFF))
    assert d_in_one == -LAMBDA * CUTOFF * surface / whole


def test_second_order_keeps_the_four_point_function() -> None:
    """G4(lambda(Lambda), Lambda) = constant to O(lambda^2), differentiated implicitly with an exact kernel."""
    system = running_system(PHI4, 2)
    table = IntegralTable()
    folded = fold(generate_correlator(4, PHI4, PHI4.orders(2)), table=table)
    total = done(folded.written_out(), bilinear)
    implicit = -CUTOFF * sympy.diff(total, CUTOFF) / sympy.diff(total, LAMBDA)
    beta = done(system.written_out(system.solve()["lambda"]), bilinear)
    values = {LAMBDA: sympy.Rational(1, 50), CUTOFF: sympy.Rational(4, 3)}
    assert beta.subs(values) == implicit.subs(values)
    first = done(system.written_out(running_system(PHI4).solve()["lambda"]), bilinear)
    assert first.subs(values) != implicit.subs(values)  # control: the correction is there


@pytest.mark.parametrize("text", ["lambda f^4", "lambda f^4 + kappa f^6"])
def test_the_expansion_is_that_of_the_solution(text: str) -> None:
    """Both couplings scaled by s: the difference of solution and expansion to order p falls as s^(p + 1)."""
    system = running_system(Action.parse(text), 2)
    solution = system.solve()
    source = random.Random(11)
    atoms = sorted({f for row in system.matrix for f in row.atoms(sympy.core.function.AppliedUndef)}, key=str)
    numbers = {atom: sympy.Rational(source.randint(50, 150), 89) for atom in atoms}
    slopes = {sympy.Derivative(atom, CUTOFF): sympy.Rational(source.randint(50, 150), 79) for atom in atoms}

    def at(value: Any, scale: Any) -> Any:
        for atom, number in slopes.items():
            value = value.subs(atom, number)
        return value.subs(numbers).subs({LAMBDA: scale, KAPPA: scale / 3}).subs(CUTOFF, 2)

    for vertices in (1, 2):
        expanded = system.expanded(vertices)
        for name, value in solution.items():
            near, far = (at(value - expanded[name], sympy.Rational(1, 10**power)) for power in (6, 5))
            assert near != 0
            assert abs(far / near / 10 ** (vertices + 1) - 1) < 1e-2


def test_couplings_of_one_valence_are_refused() -> None:
    with pytest.raises(InputError, match="tell lambda, rho apart"):
        running_system(Action.parse("lambda f^4 + rho f^4")).solve()
    with pytest.raises(InputError, match="singular"):
        running_system(Action.parse("lambda f^4 + rho f^4")).expanded(1)


def test_the_gaussian_correlators_drop_out() -> None:
    """They do not know the cutoff: without couplings nothing runs, although the folded correlators have them."""
    system = running_system(TALK_ACTION)
    nothing = dict.fromkeys((LAMBDA, KAPPA, *system.unknowns), 0)
    assert all(system.written_out(equation).subs(nothing) == 0 for equation in system.equations)
    free = sympy.Add(*(sympy.prod([K(LEGS[a], LEGS[b]) for a, b in each]) for each in pairings(range(4))))
    assert fold(system.correlators[0]).expression.subs(nothing) == free


def test_latex_and_text(tmp_path: Path) -> None:
    system = running_system(TALK_ACTION)
    text = system.text()
    assert text[0].startswith("0 = ")
    assert any(line.startswith("beta_kappa = ") for line in text)
    assert "A4[lambda](x1, x2, x3, x4, Lambda) = -24*I1(x1, x2, x3, x4, Lambda)" in text
    written = [system.latex(), running_system(PHI4, 2).latex(), running_system(TALK_ACTION, 1, CONNECTED).latex()]
    assert_compiles_and_fits(written, tmp_path)
