"""Couplings solved for: the talk's formulas written out here, the equation put back in, and the zero-dimensional theory."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING, Any

import pytest
import sympy

from feyn_nn.action import TALK_ACTION, Action
from feyn_nn.combinatorics import double_factorial, pairings
from feyn_nn.correlator import Correlator, generate_correlator
from feyn_nn.errors import InputError
from feyn_nn.graphs import CONNECTED_RULES
from feyn_nn.symbolic.couplings import Derived, Method, remainder, solve_coupling
from feyn_nn.symbolic.expressions import fold
from feyn_nn.symbolic.formats.layout import CouplingForm, Layout
from feyn_nn.symbolic.integrals import CUTOFF, CubeIntegral, K
from tests.tex import assert_compiles_and_fits

if TYPE_CHECKING:
    from pathlib import Path

PHI4 = Action.parse("lambda f^4")
CONNECTED = CONNECTED_RULES
SPLIT = Layout(couplings=CouplingForm.SPLIT)
LAMBDA, KAPPA = sympy.symbols("lambda kappa")
LEGS = sympy.symbols("x1:7")
Y, Z = sympy.symbols("y1 z1")


def lines(legs: tuple[int, ...]) -> Any:
    """The Gaussian correlator of some legs."""
    return sympy.Add(*(sympy.prod([K(LEGS[a], LEGS[b]) for a, b in each]) for each in pairings(legs)))


def star(legs: tuple[int, ...], point: Any, loops: int = 0, weight: Any = 1) -> Any:
    """The integral with these legs at one point."""
    return CubeIntegral(weight * sympy.prod([K(LEGS[leg], point) for leg in legs]) * K(point, point) ** loops, point)


def measured(name: str, n: int) -> Any:
    return sympy.Function(name)(*LEGS[:n])


def with_pairs(part: Any) -> Any:
    """Sum over the 15 choices of four legs at a vertex, the other two joined by a line."""
    every = set(range(6))
    return sympy.Add(*(lines(tuple(sorted(every - set(legs)))) * part(legs) for legs in combinations(range(6), 4)))


def numeric(value: Any, seed: int = 3) -> Any:
    """Every K, integral and measured correlator as a random rational of its own: exact, for identities."""
    source = random.Random(seed)
    atoms = sorted(value.atoms(sympy.core.function.AppliedUndef, CubeIntegral), key=str)
    outer = [atom for atom in atoms if isinstance(atom, CubeIntegral)]
    rest = [atom for atom in atoms if not isinstance(atom, CubeIntegral)]
    table = {atom: sympy.Rational(source.randint(50, 150), 97) for atom in (*outer, *rest)}
    return value.xreplace({atom: table[atom] for atom in outer}).xreplace({atom: table[atom] for atom in rest})


def test_lambda_m_is_that_of_the_talk() -> None:
    found = solve_coupling(generate_correlator(4, PHI4, PHI4.orders(1)), "lambda")
    legs = (0, 1, 2, 3)
    expected = (lines(legs) - measured("G4", 4)) / (24 * star(legs, Y))
    assert found.symbol == LAMBDA
    assert found.written_out() == expected
    explicit = found.written_out(1)
    assert explicit.has(sympy.Integral)
    assert not explicit.has(CubeIntegral)


def test_lambda_bar_has_the_term_of_the_coupling_function() -> None:
    found = solve_coupling(generate_correlator(4, PHI4, PHI4.orders(1)), "lambda", SPLIT)
    legs, delta = (0, 1, 2, 3), sympy.Function("delta_lambda")(Y)
    expected = (lines(legs) - measured("G4", 4)) / (24 * star(legs, Y)) - star(legs, Y, weight=delta) / star(legs, Y)
    assert found.symbol == sympy.Symbol("lambda_bar")
    assert found.written_out() == expected


def test_kappa_without_the_exchange() -> None:
    """From (3.19): what is left of G6 after the lines and lambda, over 720 + 360 * 15."""
    found = solve_coupling(generate_correlator(6, TALK_ACTION, TALK_ACTION.orders(1)), "kappa")
    every = tuple(range(6))
    known = lines(every) - 24 * LAMBDA * with_pairs(lambda legs: star(legs, Y))
    weight = 720 * star(every, Z) + 360 * with_pairs(lambda legs: star(legs, Z, 1))
    expected = (known - measured("G6", 6)) / weight
    assert numeric(found.written_out() - expected).subs(LAMBDA, sympy.Rational(2, 7)) == 0


def test_kappa_with_the_exchange_of_two_lambda() -> None:
    """Connected, O(lambda^2): ten ways to share the legs, 24^2 each; and nothing else is connected with six legs."""
    orders = [(0, 0), (1, 0), (0, 1), (2, 0)]
    found = solve_coupling(generate_correlator(6, TALK_ACTION, orders, CONNECTED), "kappa")
    first, second = sympy.symbols("y1 y2")
    exchange = 0
    for near in combinations(range(1, 6), 2):
        left = (0, *near)
        right = tuple(leg for leg in range(6) if leg not in left)
        ends = [K(LEGS[leg], first) for leg in left] + [K(LEGS[leg], second) for leg in right]
        exchange += CubeIntegral(sympy.prod(ends) * K(first, second), first, second)
    expected = (576 * LAMBDA**2 * exchange - measured("Gc6", 6)) / (720 * star(tuple(range(6)), Z))
    assert numeric(found.written_out() - expected).subs(LAMBDA, sympy.Rational(2, 7)) == 0
    without = solve_coupling(generate_correlator(6, TALK_ACTION, orders[:3], CONNECTED), "kappa")
    assert without.written_out() == -measured("Gc6", 6) / (720 * star(tuple(range(6)), Z))
    assert numeric(found.written_out() - without.written_out()) != 0


def test_delta_prime_is_that_of_the_talk() -> None:
    """With four legs at y and a line in the term with lambda, as in (3.19)."""
    seen, predicted = remainder(generate_correlator(6, TALK_ACTION, TALK_ACTION.orders(1)), "kappa")
    every = tuple(range(6))
    assert seen.symbol == sympy.Function("delta_prime")(*LEGS)
    left = measured("G6", 6) - lines(every) + 24 * LAMBDA * with_pairs(lambda legs: star(legs, Y))
    right = -KAPPA * (720 * star(every, Z) + 360 * with_pairs(lambda legs: star(legs, Z, 1)))
    assert sympy.expand(seen.written_out() - left) == 0
    assert sympy.expand(predicted.written_out() - right) == 0
    with pytest.raises(InputError, match="no coupling 'g'"):
        remainder(generate_correlator(6, TALK_ACTION, TALK_ACTION.orders(1)), "g")


def equation_at(correlator: Correlator, found: Derived, seed: int) -> Any:
    """G generated - G measured with the solution put in, at random rational values of everything else."""
    folded = fold(correlator).expression
    left = folded.subs(found.symbol, found.expression) - found.measured
    values = {sympy.Symbol(name): sympy.Rational(1, 11) for name in correlator.action.couplings}
    return numeric(left.subs(values), seed)


@pytest.mark.parametrize("seed", range(3))
def test_the_root_solves_the_quadratic_and_is_the_perturbative_one(seed: int) -> None:
    correlator = generate_correlator(4, PHI4, PHI4.orders(2))
    found = solve_coupling(correlator, "lambda")
    assert abs(sympy.N(equation_at(correlator, found, seed), 40)) < 1e-30
    # Bubbles scaled by s: the root tends to lambda_m as s, the other one would go to infinity.
    bubble = sympy.Function("I2")
    first = solve_coupling(generate_correlator(4, PHI4, PHI4.orders(1)), "lambda")
    gaps = []
    for scale in (sympy.Rational(1, 10**3), sympy.Rational(1, 10**6)):
        weak = found.expression.replace(bubble, lambda *legs, s=scale: s * sympy.Function("I2_")(*legs))
        gaps.append(sympy.N(numeric(weak - first.expression, seed), 40))
    assert gaps[0] != 0
    assert abs(gaps[1] / gaps[0] - sympy.Rational(1, 1000)) < 1e-4


def test_the_series_is_the_expansion_of_the_root() -> None:
    """g = g_1 - r_2 g_1^2 + O(g_1^3): three couplings of lambda_1 decide; the third order changes what follows."""
    correlator = generate_correlator(4, PHI4, PHI4.orders(2))
    root, series = (solve_coupling(correlator, "lambda", method=method) for method in Method)
    first, ratio = (symbol for symbol, _ in series.auxiliary)
    translated = root.short.xreplace({a: b for (a, _), (b, _) in zip(root.auxiliary, series.auxiliary, strict=True)})
    gap = sympy.series(translated - series.short, first, 0, 4).removeO()
    assert sympy.expand(gap - 2 * ratio**2 * first**3) == 0
    third = generate_correlator(4, PHI4, PHI4.orders(3))
    with pytest.raises(InputError, match=r"Method\.SERIES"):
        solve_coupling(third, "lambda")
    longer = solve_coupling(third, "lambda", method=Method.SERIES)
    (g1, _), (r2, _), (r3, _) = longer.auxiliary
    assert sympy.expand(longer.short - (g1 - r2 * g1**2 + (2 * r2**2 - r3) * g1**3)) == 0


@pytest.mark.parametrize("vertices", [1, 2, 3, 4])
def test_the_exact_zero_dimensional_coupling_is_recovered(vertices: int) -> None:
    """K = 1: G4 of the ordinary integral, its self-energy divided out, is put in; lambda comes back up to the next order."""
    g = sympy.Symbol("g")
    order = vertices + 1

    def moment(n: int) -> Any:
        return sympy.Add(
            *((-g) ** k * sympy.Rational(double_factorial(n + 4 * k - 1), factorial(k)) for k in range(order + 1))
        )

    def truncated(value: Any) -> Any:
        return sympy.series(value, g, 0, order + 1).removeO()

    two, four = (truncated(moment(n) / moment(0)) for n in (2, 4))
    # K is the exact two-point function: fields in its unit, lambda in the unit of its square.
    connected = truncated((four - 3 * two**2) / two**2)
    coupling = truncated(g * two**2)
    correlator = generate_correlator(4, PHI4, PHI4.orders(vertices), CONNECTED)
    found = solve_coupling(correlator, "lambda", method=Method.SERIES)
    value = found.expression.replace(sympy.Function("Gc4"), lambda *_: connected)
    for name in (str(function) for function in found.definitions):
        value = value.replace(sympy.Function(name), lambda *_: sympy.Integer(1))
    gap = sympy.series(sympy.expand(value) - coupling, g, 0, order + 1).removeO()
    assert sympy.expand(gap).coeff(g, order) != 0
    assert all(sympy.expand(gap).coeff(g, power) == 0 for power in range(order))


def test_weights_of_the_first_orders_in_zero_dimensions() -> None:
    """The numbers that solving uses: 24, 864 for lambda, 37440 for lambda kappa, from the checks of the correlator."""
    correlator = generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(2), CONNECTED)
    kept = {check.order: check.kept for check in correlator.checks}
    assert [kept[order] for order in ((1, 0), (2, 0), (0, 1), (1, 1))] == [
        Fraction(value) for value in (24, 864, 360, 37440)
    ]


def test_refusals() -> None:
    four = generate_correlator(4, PHI4, PHI4.orders(1))
    with pytest.raises(InputError, match="no coupling 'kappa': the action has lambda"):
        solve_coupling(four, "kappa")
    with pytest.raises(InputError, match="split it"):
        solve_coupling(four, "lambda", Layout(couplings=CouplingForm.FUNCTION))
    with pytest.raises(InputError, match="nothing fixes lambda"):
        solve_coupling(generate_correlator(2, PHI4, PHI4.orders(1)), "lambda")
    with pytest.raises(InputError, match="nothing fixes lambda"):
        solve_coupling(generate_correlator(4, PHI4, [(0,), (2,)]), "lambda")


def test_what_a_coupling_belongs_to_is_said() -> None:
    note = solve_coupling(generate_correlator(4, PHI4, PHI4.orders(1)), "lambda").note
    assert "K_W" in note
    assert "Lambda" in note


def test_latex_compiles_and_fits(tmp_path: Path) -> None:
    six = generate_correlator(6, TALK_ACTION, TALK_ACTION.orders(1))
    found = [
        solve_coupling(generate_correlator(4, PHI4, PHI4.orders(1)), "lambda"),
        solve_coupling(generate_correlator(4, PHI4, PHI4.orders(1)), "lambda", SPLIT),
        solve_coupling(generate_correlator(4, PHI4, PHI4.orders(2)), "lambda"),
        solve_coupling(generate_correlator(4, PHI4, PHI4.orders(3)), "lambda", method=Method.SERIES),
        solve_coupling(six, "kappa"),
        *remainder(six, "kappa"),
    ]
    formulas = [each.latex() for each in found]
    assert "\\bar{\\lambda}" in formulas[1]
    assert "\\delta'" in formulas[-1]
    assert_compiles_and_fits(formulas, tmp_path)


def test_cutoff_is_an_argument_of_every_named_integral() -> None:
    found = solve_coupling(generate_correlator(4, PHI4, PHI4.orders(1)), "lambda")
    assert sympy.diff(found.expression, CUTOFF) != 0
