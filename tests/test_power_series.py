"""Truncated series against the functions themselves: what is left falls as the stated order."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import sympy

from feyn_nn.symbolic.growth.power_series import VARIABLE, Series, power_series, real_value

t = VARIABLE
a = sympy.Symbol("a", positive=True)
POINTS = [{a: sympy.Rational(3, 7)}, {a: sympy.Rational(8, 5)}]
FUNCTIONS = {
    "sum": 1 / t + a * sympy.sqrt(t) + 3,
    "root": sympy.sqrt(1 + a / t**2),
    "third root": (t + a * t**2) ** sympy.Rational(1, 3),
    "whole power": (1 + a * t) ** 12,
    "negative": 1 / (a + t + t**3),
    "exponential": sympy.exp(a + t),
    "cosine": sympy.cos(sympy.sqrt(t)) / t,
    "arcsine": sympy.asin(t / (1 + t) + sympy.Rational(1, 3)),
    "arcsine at its end": sympy.asin(1 / (1 + a * t**2)),
    "arcsine at its other end": sympy.asin(-1 / (1 + a * t)),
    "arccosine at its end": sympy.acos(1 / sympy.sqrt(1 + t**2)),
    "arctangent far out": sympy.atan(a / t),
    "arctangent far out, negative": sympy.atan(t - a / t**2),
    "logarithm": sympy.log(a + t) * t,
    "modulus": sympy.Abs(-1 / t + a),
    "hyperbolic": sympy.sinh(t) + sympy.cosh(a * t),
    "power of a power": (1 + t) ** (a + t),
    "cancellation": sympy.sqrt(1 + 1 / t**4) - 1 / t**2,
    "deep cancellation": sympy.sin(t) - t + t**3 / 6,
}


def partial_sum(series: Series, point: dict[Any, Any], argument: Any) -> Any:
    return sum(
        real_value(coefficient.expression, point) * sympy.Float(argument, 250) ** sympy.Rational(str(power))
        for power, coefficient in series.terms
    )


def falls_with(function: Any, series: Series, shift: Fraction = Fraction(0)) -> float:
    """Smallest slope of log |f - partial sum| over log t, less the stated order."""
    slopes = []
    assert series.order is not None
    for point in POINTS:
        gaps = []
        for argument in (sympy.Rational(1, 10**6), sympy.Rational(1, 10**8)):
            exact = real_value(function, point | {t: argument})
            gaps.append(abs(exact - partial_sum(series, point, argument)))
        slopes.append(float(sympy.log(gaps[0] / gaps[1]) / sympy.log(100)))
    return min(slopes) - float(series.order + shift)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("terms", [2, 4, 6])
def test_what_is_left_falls_as_the_order(name: str, terms: int) -> None:
    series = power_series(FUNCTIONS[name], POINTS, terms)
    assert series is not None
    assert len(series.terms) <= terms
    assert [power for power, _ in series.terms] == sorted({power for power, _ in series.terms})
    if series.order is None:
        for point in POINTS:
            exact = real_value(FUNCTIONS[name], point | {t: sympy.Rational(1, 3)})
            assert abs(exact - partial_sum(series, point, sympy.Rational(1, 3))) < sympy.Float("1e-200", 250)
    else:
        assert falls_with(FUNCTIONS[name], series) > -0.01


def test_control_a_wrong_coefficient_is_seen() -> None:
    function = FUNCTIONS["root"]
    series = power_series(function, POINTS, 3)
    assert series is not None
    wrong = Series(series.terms[:1] + series.terms[2:], series.order)
    assert falls_with(function, wrong) < -0.5


def test_known_coefficients() -> None:
    series = power_series(sympy.acos(1 - t**2), [{}], 4)
    assert series is not None
    found = [(power, coefficient.expression) for power, coefficient in series.terms[:2]]
    assert [power for power, _ in found] == [1, 3]
    assert found[0][1] == sympy.sqrt(2)
    assert sympy.simplify(found[1][1] - sympy.sqrt(2) / 12) == 0


@pytest.mark.parametrize("function", [sympy.exp(-1 / t), 1 - sympy.tanh(1 / t), 1 - sympy.erf(a / t)])
def test_pieces_beyond_all_powers_are_noted(function: Any) -> None:
    series = power_series(function, POINTS, 3)
    assert series == Series((), None, hidden=True)


@pytest.mark.parametrize(
    "function",
    [
        sympy.log(t),
        sympy.sin(1 / t),
        sympy.exp(1 / t),
        t**a,
        sympy.sqrt(a - 1 + t),  # the sign of a - 1 differs between the points
        sympy.Abs(a - 1 + t),
        sympy.gamma(t),
        sympy.asin(2 + t),
    ],
)
def test_no_expansion_is_none(function: Any) -> None:
    assert power_series(function, POINTS, 3) is None
