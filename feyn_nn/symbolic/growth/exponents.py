"""How fast a kernel grows when a point goes to infinity or to the origin: from its expression, never a table.

Definitions (physics notes, section 5). Leg: K(x, r n) ~ r^a with x fixed. Loop: K(z, z) ~ r^b with |z| = r. As r -> oo
(Limit.LARGE) a is the largest over the directions n of non-zero measure, as r -> 0 (Limit.SMALL) the smallest: the one
that dominates an integral. They fix how a diagram's integral depends on the cutoff: I4 ~ L^max(0, d + 4a).

Method. With |x| = rho and c the cosine between x and n, put xx = rho^2, xy = rho r c, yy = r^2. For d_in >= 2 the
cosine is generic, once in (0, 1) and once in (-1, 0), and d_in stays a symbol; for d_in = 1 it is +1 and -1. A power
law is read off the expansion of K in powers of r (`power_series`). Where there is none, it is proved by its definition:
the limit of K / r^a exists and is not zero; the rational a to try is the slope of log |K| between two r far out in
250-digit arithmetic. Anything else (logarithms, exponentials, exponents that depend on parameters) goes through
a = lim r K'(r) / K(r), first with all symbols, then with random rational parameters, which must all give one exponent.
SymPy's limits are occasionally wrong without a word, so nothing is accepted against the numerical slope, and a
coefficient is compared with K / r^a far out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import isfinite
from typing import Any, Final, TypeAlias

import sympy

from feyn_nn.errors import InputError
from feyn_nn.symbolic.growth.directions import (
    COSINE,
    RHO,
    TRIALS,
    Direction,
    Limit,
    Values,
    agrees,
    is_coefficient,
    numerical_slope,
    random_values,
    series_of,
    vanishes,
)
from feyn_nn.symbolic.growth.power_series import VARIABLE
from feyn_nn.symbolic.kernels import SYMBOLS, SymbolicKernel

__all__ = ["COSINE", "RHO", "Direction", "Growth", "Limit", "growth"]

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types

_SHOWN: Final = {Limit.LARGE: ("1e3", "1e4", "1e6"), Limit.SMALL: ("1e-3", "1e-4", "1e-6")}
_STEP: Final = sympy.Rational(101, 100)
_DENOMINATOR: Final = 100  # the grammar's largest denominator of an exponent
_SHARP: Final = 1e-9  # a power law's corrections are powers of 1e-40 there
_METHODS: Final = (
    "the expansion in powers of r, the limit of K / r^a for rational a, the limit of r K'/K with symbols, and that with "
    "rational parameters"
)


@dataclass(frozen=True, slots=True)
class Growth:
    """Growth exponents: `leg` a in K(x, r n) ~ r^a, `loop` b in K(z, z) ~ r^b; each may be oo or -oo.

    `directions` are those examined for the leg, `loops` those for the loop, and `assumptions` are sentences
    on what the result rests on. It holds for d_in = 1 if that is the kernel's, else for every d_in >= 2.
    """

    leg: Expr
    loop: Expr
    directions: tuple[Direction, ...]
    loops: tuple[Direction, ...]
    assumptions: tuple[str, ...]
    limit: Limit
    kernel: SymbolicKernel = field(repr=False)


def growth(kernel: SymbolicKernel, limit: Limit = Limit.LARGE) -> Growth:
    """Return the growth exponents of a kernel as r -> oo or r -> 0; raise InputError if no method determines them.

    >>> from feyn_nn.kernels import ErfKernel, ReluKernel
    >>> from feyn_nn.symbolic.kernels import symbolic_kernel
    >>> result = growth(symbolic_kernel(ReluKernel(d_in=2)))
    >>> result.leg, result.loop
    (1, 2)
    >>> growth(symbolic_kernel(ErfKernel(d_in=2, sigma_b=0.0)), Limit.SMALL).leg
    1
    """
    return _growth(kernel, limit)


@lru_cache(maxsize=64)
def _growth(kernel: SymbolicKernel, limit: Limit) -> Growth:
    expression = kernel.expression
    if kernel.dimension == 1:
        expression = expression.subs(SYMBOLS.d_in, 1)
    notes: list[str] = []
    legs = _examine(expression, _leg_substitutions(kernel, limit), kernel, limit, notes)
    loops = _examine(expression, _loop_substitutions(kernel, limit), kernel, limit, notes)
    leg, loop = _dominant(legs, limit), _dominant(loops, limit)
    if expression.has(SYMBOLS.sigma_b):
        notes += _without_bias(expression, kernel, limit, leg, loop)
    if kernel.dimension > 1:
        notes.append("n is generic: not along x and not perpendicular to it (such n have measure zero)")
    if len({entry.exponent for entry in legs}) > 1:
        extreme = "largest" if limit is Limit.LARGE else "smallest"
        notes.append(f"a = {leg} is the {extreme} exponent: the directions differ")
    return Growth(leg, loop, legs, loops, tuple(dict.fromkeys(notes)), limit, kernel)


def _leg_substitutions(kernel: SymbolicKernel, limit: Limit) -> dict[str, Values]:
    radius = limit.radius
    if kernel.dimension > 1:
        return {
            name: {SYMBOLS.xx: RHO**2, SYMBOLS.xy: value * radius * RHO, SYMBOLS.yy: radius**2}
            for name, value in (("c in (0, 1)", COSINE), ("c in (-1, 0)", -COSINE))
        }
    signs = (1, -1) if kernel.scalars else (1,)
    end = "oo" if limit is Limit.LARGE else "0"
    named = {}
    for x in signs:
        for y in (1, -1):
            name = f"y -> {'+' if y > 0 else '-'}{end}, x {'>' if x > 0 else '<'} 0"
            named[name] = {
                SYMBOLS.xx: RHO**2,
                SYMBOLS.xy: x * y * radius * RHO,
                SYMBOLS.yy: radius**2,
                SYMBOLS.x: x * RHO,
                SYMBOLS.y: y * radius,
            }
    return named


def _loop_substitutions(kernel: SymbolicKernel, limit: Limit) -> dict[str, Values]:
    radius, end = limit.radius, "oo" if limit is Limit.LARGE else "0"
    squares = dict.fromkeys((SYMBOLS.xx, SYMBOLS.xy, SYMBOLS.yy), radius**2)
    if not kernel.scalars:
        return {f"|z| -> {end}": squares}
    return {
        f"z -> +{end}": squares | dict.fromkeys((SYMBOLS.x, SYMBOLS.y), radius),
        f"z -> -{end}": squares | dict.fromkeys((SYMBOLS.x, SYMBOLS.y), -radius),
    }


def _examine(
    expression: Expr, ways: dict[str, Values], kernel: SymbolicKernel, limit: Limit, notes: list[str]
) -> tuple[Direction, ...]:
    return tuple(_direction(name, expression.subs(way), kernel, limit, notes) for name, way in ways.items())


def _dominant(directions: tuple[Direction, ...], limit: Limit) -> Expr:
    choose = sympy.Max if limit is Limit.LARGE else sympy.Min
    return choose(*(direction.exponent for direction in directions))


def _without_bias(expression: Expr, kernel: SymbolicKernel, limit: Limit, leg: Expr, loop: Expr) -> list[str]:
    """Sentences on the exponents that the same kernel has at sigma_b = 0, where they differ."""
    bare = expression.subs(SYMBOLS.sigma_b, 0)
    sentences = []
    why = "the constant sigma_b^2 in K does not decay" if limit is Limit.LARGE else "K does not vanish at the origin"
    cases = (("a", leg, _leg_substitutions(kernel, limit)), ("b", loop, _loop_substitutions(kernel, limit)))
    for letter, value, ways in cases:
        try:
            other = _dominant(_examine(bare, ways, kernel, limit, []), limit)
        except InputError:
            sentences.append(f"sigma_b > 0; {letter} at sigma_b = 0 could not be determined")
            continue
        if other != value:
            sentences.append(
                f"sigma_b > 0: {why} ({letter} = {value}; with sigma_b = 0 it would be {letter} = {other})"
            )
    return sentences


def _direction(name: str, function: Expr, kernel: SymbolicKernel, limit: Limit, notes: list[str]) -> Direction:
    """Return the growth of one function of t; append to `notes` what the exponent rests on.

    Inside, `order` is the power of t: K ~ coefficient * t^order with t^order = r^exponent.
    """
    trials = [random_values(function, trial) for trial in range(TRIALS)]
    sign = limit.sign
    if function == 0 or all(vanishes(function, values) for values in trials):
        notes.append(f"{name}: K vanishes identically there, counted as exponent {sign * sympy.oo}")
        return Direction(name, sign * sympy.oo, sympy.Integer(0), function, limit)
    found = _from_series(function, trials) or _power_law(function, trials)
    if found is None:
        found = _by_limits(name, function, trials, kernel, limit, notes)
    order, coefficient = found
    if abs(order) == sympy.oo:
        towards = "grows" if order < 0 else "decays" if limit is Limit.LARGE else "vanishes"
        notes.append(f"{name}: K {towards} faster than any power of r")
    return Direction(name, sign * order, coefficient, function, limit)


def _from_series(function: Expr, trials: list[Values]) -> tuple[Expr, Expr | None] | None:
    """(order, coefficient) of the first term of the expansion in t, (oo, None) if K is smaller than every power."""
    series = series_of(function, trials, 1)
    if series is None:
        return None
    if series.terms:
        power, leading = series.terms[0]
        order, coefficient = sympy.Rational(power.numerator, power.denominator), sympy.together(leading.expression)
        return (order, coefficient) if is_coefficient(function, order, coefficient, trials) else None
    if series.order is None and all(agrees(function, values, sympy.oo) for values in trials):
        return sympy.oo, None
    return None


def _power_law(function: Expr, trials: list[Values]) -> tuple[Expr, Expr | None] | None:
    """(order, lim K / t^order) if K is a rational power at small t and the limit proves it, else None."""
    slopes = [numerical_slope(function, values) for values in trials]
    if any(slope is None or not isfinite(slope) for slope in slopes):
        return None
    guesses = {Fraction(slope).limit_denominator(_DENOMINATOR) for slope in slopes if slope is not None}
    if len(guesses) != 1:
        return None
    guess = guesses.pop()
    if any(slope is None or abs(slope - float(guess)) > _SHARP for slope in slopes):
        return None
    order = sympy.Rational(guess.numerator, guess.denominator)
    coefficient = _limit(sympy.expand_mul(function / VARIABLE**order))
    return (order, coefficient) if is_coefficient(function, order, coefficient, trials) else None


def _by_limits(
    name: str, function: Expr, trials: list[Values], kernel: SymbolicKernel, limit: Limit, notes: list[str]
) -> tuple[Expr, Expr | None]:
    """(order, coefficient or None) from the limit of t K'/K; raise InputError if that does not give it either."""
    order = _limit(_logarithmic_slope(function))
    if not _is_order(order) or not all(agrees(function, v, order.subs(v)) for v in trials):
        order = _by_trials(function, trials)
        if order is None:
            raise _undetermined(name, function, kernel, limit, trials[0])
        shown = ", ".join(str(symbol) for symbol in sorted(trials[0], key=str))
        notes.append(f"{name}: exponent found at {TRIALS} random rational values of {shown}, not for all values")
    if abs(order) == sympy.oo:
        return order, None
    coefficient = _limit(function / VARIABLE**order)
    if is_coefficient(function, order, coefficient, trials):
        return order, coefficient
    if coefficient in {sympy.oo, -sympy.oo, sympy.Integer(0)}:
        notes.append(
            f"{name}: not a pure power law: K / r^({limit.sign * order}) tends to {coefficient}, a logarithm or "
            "another factor slower than any power remains"
        )
    return order, None


def _logarithmic_slope(function: Expr) -> Expr:
    return VARIABLE * sympy.diff(function, VARIABLE) / function


def _limit(function: Expr) -> Expr:
    """Return the limit t -> 0+, or None."""
    try:
        plain = function.rewrite((sympy.sinh, sympy.cosh, sympy.tanh), sympy.exp)  # else minutes for a ratio
        return sympy.limit(plain, VARIABLE, 0, "+")
    except (ArithmeticError, AttributeError, NotImplementedError, RecursionError, TypeError, ValueError):
        # all of these come out of SymPy's limit for expressions that it cannot order; no common class
        return None


def _is_order(value: Expr) -> bool:
    """Whether a limit is real, infinite or not, and depends on the kernel's parameters alone."""
    if value is None or value is sympy.nan or value.has(sympy.Limit, sympy.AccumBounds, sympy.zoo, VARIABLE):
        return False
    return not value.free_symbols & {RHO, COSINE}


def _by_trials(function: Expr, trials: list[Values]) -> Expr:
    """Return the order that all random values of the parameters agree on, None if there is none."""
    orders = set()
    for values in trials:
        special = function.subs(values)
        order = _limit(_logarithmic_slope(special))
        if not _is_order(order) or not agrees(special, {}, order):
            return None
        orders.add(sympy.nsimplify(order))
    return orders.pop() if len(orders) == 1 else None


def _undetermined(name: str, function: Expr, kernel: SymbolicKernel, limit: Limit, values: Values) -> InputError:
    slopes = []
    for radius in _SHOWN[limit]:
        argument = sympy.Rational(radius) ** limit.sign
        slope = numerical_slope(function, values, (argument, argument * _STEP**limit.sign))
        slopes.append("not defined" if slope is None else f"{limit.sign * slope:.4g}")
    at = ", ".join(f"{symbol} = {value}" for symbol, value in values.items())
    return InputError(
        f"{kernel.name}: cannot determine the growth for {name}: tried {_METHODS}; "
        f"at r = {', '.join(_SHOWN[limit])} the numerical slope of log |K| is {', '.join(slopes)}"
        + (f" (with {at})" if at else "")
        + "; give a kernel that tends to a power of r"
    )
