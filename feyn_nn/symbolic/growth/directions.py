"""One direction in which a point goes to infinity or to the origin: the expansion of K along it, checked by numbers.

Along a direction n a kernel is a function of r alone, K(x, r n) or K(z, z) with |z| = r, and

    K = c0 r^a + c1 r^a1 + ...,    a > a1 > ... as r -> oo (Limit.LARGE),  a < a1 < ... as r -> 0 (Limit.SMALL).

Both limits are t -> 0+ with t = 1/r or t = r, and `Direction.function` is K in t. The terms come from `power_series`;
none is believed unless, at random rational parameters and in 250-digit arithmetic, what the earlier terms leave of K
agrees with it far out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from math import inf
from typing import Any, Final, TypeAlias

import sympy

from feyn_nn.symbolic.growth.power_series import DIGITS, VARIABLE, Series, power_series, real_value
from feyn_nn.symbolic.kernels import SYMBOLS

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types
Values: TypeAlias = dict[Expr, Expr]

RHO: Final = sympy.Symbol("rho", positive=True)
COSINE: Final = sympy.Symbol("c", positive=True)

NEAR: Final = (sympy.Rational(7, 3), sympy.Rational(3, 5), sympy.Rational(7, 29))
FAR: Final = (sympy.Rational(1, 10**40), sympy.Rational(1, 10**42))
TRIALS: Final = 3
_FASTER_THAN_POWERS: Final = 1000.0  # an exponent in the grammar is at most 100, and may multiply up to a few
_NOTHING: Final = sympy.Float("1e-200", DIGITS)
_ZERO: Final = sympy.Float("1e-100", DIGITS)
_SAME: Final = 1e-3
_SLOPE: Final = 0.12  # a factor log(r)^3 still changes the slope by 0.08 that far out
_SPAN: Final = 100  # of the 250 digits, those that the powers between K's first terms may use up
_NEAR_EDGE: Final = (sympy.Rational(1, 10**20), sympy.Rational(1, 10**22))


class Limit(Enum):
    """Where a point goes: r -> oo, or r -> 0."""

    LARGE = "large"
    SMALL = "small"

    @property
    def radius(self) -> Expr:
        """The distance r in t."""
        return 1 / VARIABLE if self is Limit.LARGE else VARIABLE

    @property
    def sign(self) -> int:
        """r^(sign p) = t^p."""
        return -1 if self is Limit.LARGE else 1


@dataclass(frozen=True, slots=True)
class Direction:
    """One way to the limit: its exponent (finite, oo or -oo), and K ~ coefficient * r^exponent where found.

    `function` is K along it in t = 1/r (Limit.LARGE) or t = r (Limit.SMALL).
    """

    name: str
    exponent: Expr
    coefficient: Expr | None
    function: Expr = field(repr=False)
    limit: Limit = field(repr=False)

    @property
    def next_exponent(self) -> Expr | None:
        """Exponent of K - coefficient * r^exponent; None where it cannot be determined.

        -oo (r -> oo) or oo (r -> 0) where that vanishes identically (`exact`) or faster than any power.
        """
        found = expansion(self)
        if found is None:
            return None
        if len(found.terms) > 1:
            return found.terms[1][0]
        return found.rest if abs(found.rest) == sympy.oo else None

    @property
    def next_coefficient(self) -> Expr | None:
        """Coefficient of the term with `next_exponent`; None where there is none or it is not known."""
        found = expansion(self)
        return found.terms[1][1] if found is not None and len(found.terms) > 1 else None

    @property
    def exact(self) -> bool:
        """Whether K = coefficient * r^exponent for every r > 0."""
        found = expansion(self)
        return found is not None and found.exact and len(found.terms) < 2


@dataclass(frozen=True, slots=True)
class Expansion:
    """The first `terms` (exponent, coefficient) of K in r, the leading one first.

    What follows is no larger than r^rest; an infinite `rest` means nothing (`exact`) or smaller than every power.
    """

    terms: tuple[tuple[Expr, Expr], ...]
    rest: Expr
    exact: bool


@lru_cache(maxsize=512)
def expansion(direction: Direction, terms: int = 2) -> Expansion | None:
    """Return the first terms of K along a direction, at most `terms`; None where they cannot be determined.

    >>> t = VARIABLE
    >>> expansion(Direction("", sympy.Integer(0), sympy.Integer(1), 1 / (1 + t), Limit.LARGE))
    Expansion(terms=((0, 1), (-1, -1)), rest=-2, exact=False)
    """
    sign, function = direction.limit.sign, direction.function
    if direction.exponent == sign * sympy.oo:
        return Expansion((), direction.exponent, exact=direction.coefficient == 0)
    trials = [random_values(function, trial) for trial in range(TRIALS)]
    series = series_of(function, trials, terms)
    if series is None or not series.terms or sign * _exact(series.terms[0][0]) != direction.exponent:
        return None
    found = []
    remainder = function
    start = series.terms[0][0]
    for power, coefficient in series.terms[:terms]:
        order, shown = _exact(power), sympy.together(coefficient.expression)
        if not is_coefficient(remainder, order, shown, trials, _far_enough(power - start)):
            return None
        found.append((sign * order, shown))
        remainder = remainder - shown * VARIABLE**order
    if len(series.terms) > terms:
        return Expansion(tuple(found), sign * _exact(series.terms[terms][0]), exact=False)
    if series.order is not None:
        return Expansion(tuple(found), sign * _exact(series.order), exact=False)
    if not all(_negligible(remainder, function, values, FAR[:1]) for values in trials):
        return None
    exact = all(_negligible(remainder, function, values, NEAR) for values in trials)
    return Expansion(tuple(found), sign * sympy.oo, exact)


@lru_cache(maxsize=512)
def is_uniform(direction: Direction, terms: int = 2) -> bool:
    """Whether what follows the leading term stays as small up to the edges c -> 0 and c -> 1; True without c.

    Where it does not (1 + exp(-(x.y)^2): constant towards n perpendicular to x), narrow bands of directions contribute
    corrections of their own.
    """
    found = expansion(direction, terms)
    if COSINE not in direction.function.free_symbols:
        return True
    if found is None or not found.terms:
        return found is not None and order_at_edges(direction) > _FASTER_THAN_POWERS
    sign = direction.limit.sign
    next_order = sign * (found.terms[1][0] if len(found.terms) > 1 else found.rest)
    exponent, coefficient = found.terms[0]
    remainder = direction.function - coefficient * VARIABLE ** (sign * exponent)
    for edge in (0, 1):
        values = random_values(direction.function, 0) | {COSINE: sympy.Integer(edge)}
        if _negligible(remainder, direction.function, values, FAR):
            continue
        slope = numerical_slope(remainder, values)
        if slope is None or slope < next_order - _SLOPE:
            return False
    return True


@lru_cache(maxsize=512)
def order_at_edges(direction: Direction) -> float:
    """Power of t that K is no smaller than perpendicular and parallel to x; oo where it is smaller than every power."""
    orders = []
    for edge in (0, 1):
        slope = numerical_slope(
            direction.function, random_values(direction.function, 0) | {COSINE: sympy.Integer(edge)}
        )
        orders.append(-inf if slope is None else slope)
    return min(orders)


@lru_cache(maxsize=512)
def divergence_towards_perpendicular(direction: Direction) -> float:
    """The m in coefficient ~ c^-m as the direction turns perpendicular to x (c -> 0); 0 where it stays finite."""
    coefficient = direction.coefficient
    if coefficient is None or COSINE not in coefficient.free_symbols:
        return 0.0
    slope = numerical_slope(coefficient.subs(COSINE, VARIABLE), random_values(coefficient, 0), _NEAR_EDGE)
    return 0.0 if slope is None else max(0.0, -slope)


def series_of(function: Expr, trials: list[Values], terms: int) -> Series | None:
    """Expand in t until `terms` terms are there or all that exist; more are kept in between if leading ones cancel."""
    series = None
    for most in (max(2, terms), terms + 3, 4 * terms + 6):
        series = power_series(function, trials, most)
        if series is None or len(series.terms) >= terms or series.order is None:
            return series
    return series


def random_values(function: Expr, trial: int) -> Values:
    """Rational values, the same on every run, for every symbol of `function` but t."""
    source = random.Random(1000 + trial)  # noqa: S311 (no secret)
    values = {}
    for symbol in sorted(function.free_symbols - {VARIABLE}, key=str):
        if symbol == SYMBOLS.d_in:
            values[symbol] = sympy.Integer(trial + 2)
        elif symbol == COSINE:
            values[symbol] = sympy.Rational(source.randint(20, 80), 101)
        else:
            values[symbol] = sympy.Rational(source.randint(40, 200), 97)
    return values


def vanishes(function: Expr, values: Values) -> bool:
    """Whether K is zero at every t near 1 where it is evaluated."""
    found = [real_value(function, values | {VARIABLE: argument}) for argument in NEAR]
    return all(value is not None and value.is_zero for value in found)


def agrees(function: Expr, values: Values, order: Expr) -> bool:
    """Whether the slope of log |K| over log t far out is `order`, within the tolerance for logarithms."""
    slope = numerical_slope(function, values)
    if slope is None:
        return bool(order == -sympy.oo)  # beyond what arithmetic with 2000-bit exponents can hold
    if abs(order) == sympy.oo:
        return slope > _FASTER_THAN_POWERS if order > 0 else slope < -_FASTER_THAN_POWERS
    return bool(abs(slope - float(order)) < _SLOPE)


def numerical_slope(function: Expr, values: Values, between: tuple[Expr, Expr] = FAR) -> float | None:
    """Return the slope of log |K| over log t between two t; oo if K is zero, None if not computable."""
    near, far = (real_value(function, values | {VARIABLE: argument}) for argument in between)
    if near is None or far is None:
        return None
    if near.is_zero or far.is_zero:
        return float("inf")
    change: Expr = sympy.log(abs(far)) - sympy.log(abs(near))
    return float(change / sympy.log(sympy.Float(between[1] / between[0], DIGITS)))


def is_coefficient(function: Expr, order: Expr, value: Expr, trials: list[Values], far: Expr = FAR[1]) -> bool:
    """Whether `value` is finite, not zero, and near K / t^order far out at the random parameters."""
    infinite = (sympy.nan, sympy.zoo, sympy.oo, -sympy.oo)
    if value is None or value.has(sympy.Limit, sympy.AccumBounds, *infinite, VARIABLE):
        return False
    scaled = function / VARIABLE**order
    for values in trials:
        seen, claimed = real_value(scaled, values | {VARIABLE: far}), real_value(value, values)
        if seen is None or claimed is None or abs(claimed) < _ZERO or abs(seen / claimed - 1) > _SAME:
            return False
    return True


def _negligible(part: Expr, whole: Expr, values: Values, arguments: tuple[Expr, ...]) -> bool:
    """Whether |part| < 1e-200 |whole|: zero, up to the rounding of 250 digits."""
    for argument in arguments:
        small, large = (real_value(function, values | {VARIABLE: argument}) for function in (part, whole))
        if small is None or large is None or abs(small) > _NOTHING * abs(large):
            return False
    return True


def _far_enough(span: Fraction) -> Expr:
    """A small t at which terms whose powers differ by `span` still leave digits for the next."""
    return sympy.Rational(1, 10 ** max(4, min(42, int(_SPAN / (span + 2)))))


def _exact(power: Fraction) -> Expr:
    return sympy.Rational(power.numerator, power.denominator)
