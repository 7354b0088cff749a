"""The integrand of a one-vertex integral far out or near the origin: its leading power and the next that survives.

The integrand is prod_i K(x_i, y) K(y, y)^l with y = r n, the product of its lines' expansions in r, and the cube is
symmetric, so that only its sum over the opposite directions n and -n matters: odd terms cancel. What cancels is decided by
numbers, with the product formed at random parameters and random |x_i| and cosines; the coefficients for d_in = 1, where n
and -n are all directions that there are, are formed symbolically. Powers are those of t = 1/r (r -> oo) or t = r (r -> 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Any, Final, TypeAlias

import sympy

from feyn_nn.errors import InputError
from feyn_nn.symbolic.growth.directions import (
    COSINE,
    RHO,
    Direction,
    Limit,
    divergence_towards_perpendicular,
    expansion,
    is_uniform,
    order_at_edges,
    random_values,
)
from feyn_nn.symbolic.growth.exponents import Growth
from feyn_nn.symbolic.growth.power_series import VARIABLE, real_value
from feyn_nn.symbolic.kernels import SYMBOLS

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types
Terms: TypeAlias = dict[Expr, tuple[float, float]]  # power of t: (coefficient, sum of the sizes of what was added)

_MOST_TERMS: Final = 6  # of a kernel's expansion, where earlier ones cancel
_CANCELS: Final = 1e-9
_DIGITS: Final = 40
_SLOPE: Final = 0.1
_RADII: Final = (sympy.Rational(7, 3), sympy.Rational(3, 5))


@dataclass(frozen=True, slots=True)
class Side:
    """The integrand in one direction: one Direction for each line, the legs first."""

    lines: tuple[Direction, ...]
    legs: int

    @property
    def exponent(self) -> Expr:
        """Of the product; nan where an infinite growth meets an infinite decay."""
        if self.is_zero:
            return self.lines[0].limit.sign * sympy.oo
        return sympy.Add(*(line.exponent for line in self.lines))

    @property
    def is_zero(self) -> bool:
        """Whether a line vanishes identically."""
        return any(line.coefficient == 0 for line in self.lines)


def opposite_sides(behaviour: Growth, signs: tuple[int, ...], loops: int) -> tuple[Side, Side]:
    """The direction in which leg i has the sign signs[i], and the opposite one."""
    both = []
    for y in (1, -1):
        lines = [_leg(behaviour, sign, y) for sign in signs]
        loop = behaviour.loops[0 if y > 0 else -1]
        both.append(Side((*lines, *[loop] * loops), len(signs)))
    return both[0], both[1]


def _leg(behaviour: Growth, x: int, y: int) -> Direction:
    if behaviour.kernel.scalars:
        return behaviour.directions[(0 if x > 0 else 2) + (0 if y > 0 else 1)]
    return behaviour.directions[0 if x * y > 0 else 1]


def sum_of_directions(
    patterns: list[tuple[Side, Side]], behaviour: Growth, notes: list[str]
) -> tuple[Expr, Expr | None, bool, int]:
    """(e, p, exact, terms used) of the integrand summed over opposite directions; e is nan where it vanishes."""
    sign = behaviour.limit.sign
    exponents = [side.exponent for pair in patterns for side in pair]
    if -sign * sympy.oo in exponents:
        return -sign * sympy.oo, sympy.oo, False, 1
    if sympy.nan in exponents:
        raise InputError(
            f"{behaviour.kernel.name}: K(x, y) and K(y, y) grow and decay faster than any power at once, which no "
            "positive semidefinite kernel does: correct the kernel"
        )
    leading = (sympy.Max if sign < 0 else sympy.Min)(*exponents)
    if abs(leading) == sympy.oo:
        zero = all(side.is_zero for pair in patterns for side in pair)
        return (sympy.nan, None, False, 1) if zero else (leading, sympy.oo, False, 1)
    if not leading.is_Rational:
        notes.append("the next term is not determined: the exponents depend on parameters")
        return leading, None, False, 1
    for terms in range(2 if behaviour.limit is Limit.LARGE else 3, _MOST_TERMS + 1):
        totals = [_pair_series(pair, terms) for pair in patterns]
        if any(total is None for total in totals):
            break
        order = min(total[1] for total in totals if total is not None)
        exact = all(total[2] for total in totals if total is not None)
        powers = sorted({power for total in totals if total is not None for power in total[0] if power < order})
        if (not powers or sign * powers[0] != leading) and all(_is_zero(pair) for pair in patterns):
            notes.append("opposite directions cancel: the integral vanishes at every cutoff")
            return sympy.nan, None, False, 1
        if not powers:
            continue
        if sign * powers[0] != leading:
            notes.append(
                f"the leading terms of opposite directions cancel: the integrand counts as r^({sign * powers[0]}), "
                f"not r^({leading})"
            )
        if len(powers) > 1:
            return sign * powers[0], powers[1] - powers[0], False, terms
        if order == sympy.oo:
            return sign * powers[0], sympy.oo, exact, terms
    notes.append("the next term of the expansion is not determined")
    return leading, None, False, 1


def _pair_series(pair: tuple[Side, Side], terms: int) -> tuple[set[Expr], Expr, bool] | None:
    """Powers of t in the sum of two opposite directions, the power up to which they are known, whether exactly.

    At random parameters and |x_i|: what cancels there cancels for all. None where an expansion is missing.
    """
    total: Terms = {}
    order: Expr = sympy.oo
    exact = True
    for side in pair:
        result = _side_series(side, terms)
        if result is None:
            return None
        for power, (value, size) in result[0].items():
            _add(total, power, value, size)
        order, exact = min(order, result[1]), exact and result[2]
    return {power for power, (value, size) in total.items() if abs(value) > _CANCELS * size}, order, exact


def _side_series(side: Side, terms: int) -> tuple[Terms, Expr, bool] | None:
    sign = side.lines[0].limit.sign
    result: Terms = {sympy.Integer(0): (1.0, 1.0)}
    order: Expr = sympy.oo
    exact = True
    if side.exponent == sign * sympy.oo:
        return {}, sympy.oo, side.is_zero
    for index, line in enumerate(side.lines):
        found, factors = expansion(line, terms), _numbers(line, index if index < side.legs else None, terms)
        if found is None or factors is None:
            return None
        start, rest = min(result), sign * found.rest
        longer: Terms = {}
        for power, (value, size) in result.items():
            for other, number in factors:
                _add(longer, power + other, value * number, size * abs(number))
        order, exact = min(order + factors[0][0], start + rest), exact and found.exact
        result = {power: pair for power, pair in longer.items() if power < order}
    return result, order, exact


@lru_cache(maxsize=512)
def _numbers(line: Direction, leg: int | None, terms: int) -> tuple[tuple[Expr, float], ...] | None:
    """The terms (power of t, coefficient) of a line at random parameters; None where they are not known."""
    found = expansion(line, terms)
    if found is None:
        return None
    values = _parameters(line, leg)
    numbers = [(line.limit.sign * power, _number(coefficient, values)) for power, coefficient in found.terms]
    known = tuple((power, number) for power, number in numbers if number is not None)
    return known if len(known) == len(numbers) else None


def _add(total: Terms, power: Expr, value: float, size: float) -> None:
    before = total.get(power, (0.0, 0.0))
    total[power] = before[0] + value, before[1] + size


def _number(coefficient: Expr, values: dict[Expr, Expr]) -> float | None:
    value = real_value(coefficient, values, _DIGITS)
    return None if value is None else float(value)


def _parameters(line: Direction, leg: int | None) -> dict[Expr, Expr]:
    """Random parameters, the same for all lines, and a distance and a cosine of each leg's own."""
    shared = random_values(sum(symbol for symbol in (SYMBOLS.d_in, SYMBOLS.sigma_w, SYMBOLS.sigma_b)), 0)
    own = random_values(line.function, 10 + leg) if leg is not None else {}
    return own | shared


def _is_zero(pair: tuple[Side, Side]) -> bool:
    """Whether the integrand, summed over the two directions, is zero at two distances and random parameters."""
    for radius in _RADII:
        total = size = 0.0
        for side in pair:
            value = 1.0
            for index, line in enumerate(side.lines):
                values = _parameters(line, index if index < side.legs else None)
                number = _number(line.function, values | {VARIABLE: radius})
                if number is None:
                    return False
                value *= number
            total, size = total + value, size + abs(value)
        if abs(total) > _CANCELS * size:
            return False
    return True


def amplitude_of(pair: tuple[Side, Side], power: Expr, terms: int) -> Expr | None:
    """Coefficient of t^power in the sum of the two directions of d_in = 1; None where it is not known."""
    found = [_coefficient(side, power, terms) for side in pair]
    return None if None in found else sympy.Add(*found)


def _coefficient(side: Side, power: Expr, terms: int) -> Expr | None:
    """Coefficient of t^power in the product of the lines, leg i at the distance rho_i."""
    sign = side.lines[0].limit.sign
    if side.exponent == sign * sympy.oo:
        return sympy.Integer(0)
    products: dict[Expr, list[Expr]] = {sympy.Integer(0): [sympy.Integer(1)]}
    left = sign * side.exponent  # the lowest power that the lines still to come can have
    for index, line in enumerate(side.lines):
        factors = _line_terms(line, terms)
        if any(coefficient is None for _, coefficient in factors):
            return None
        distance = sympy.Symbol(f"rho{index + 1}", positive=True)
        left -= sign * line.exponent
        longer: dict[Expr, list[Expr]] = {}
        for start, parts in products.items():
            for exponent, coefficient in factors:
                reached = start + sign * exponent
                if (reached + left > power) != sympy.true:
                    factor = coefficient.subs(RHO, distance)
                    longer.setdefault(reached, []).extend(part * factor for part in parts)
        products = longer
    return sympy.Add(*products.get(power, []))


def _line_terms(line: Direction, terms: int) -> tuple[tuple[Expr, Expr], ...]:
    """The expansion's terms, or the leading one alone."""
    found = expansion(line, terms) if terms > 1 else None
    return ((line.exponent, line.coefficient),) if found is None else found.terms


def checked_edges(
    behaviour: Growth, legs: int, drop: Expr | None, terms: int, notes: list[str]
) -> tuple[Expr | None, bool]:
    """The next power p for d_in >= 2, and whether the law is only a lower bound for the integral.

    Narrow bands of directions, perpendicular to an input or along it, may contribute a correction of their own (p is None
    then), or even the leading power.
    """
    lines = [line for line in behaviour.directions if line.coefficient != 0] if legs else []
    diverging = any(divergence_towards_perpendicular(line) * legs >= 1 for line in lines)
    if diverging or any(_is_larger_at_edges(line) for line in lines):
        notes.append(
            "K is larger in narrow bands of directions, perpendicular to or along an input, than the power law there: "
            "the bands may decide, and the integral is at least as large as this law"
        )
        return None, True
    if drop is not None and not all(is_uniform(line, max(2, terms)) for line in lines):
        notes.append(
            "the correction is not determined: K differs from its power law in narrow bands of directions, perpendicular "
            "to or along an input"
        )
        return None, False
    return drop, False


def _is_larger_at_edges(line: Direction) -> bool:
    """Whether K falls more slowly perpendicular or parallel to x, where its coefficient stays finite."""
    if COSINE not in line.function.free_symbols or divergence_towards_perpendicular(line) > 0:
        return False
    order = line.limit.sign * line.exponent.subs(random_values(line.function, 0))
    edges = order_at_edges(line)
    if abs(order) == sympy.oo:
        return bool(order > 0) and edges != inf and not is_uniform(line)
    return edges < float(order) - _SLOPE
