"""How fast a kernel grows when a point goes to infinity: limits of its expression, never a table.

Definitions (physics notes, section 5). Leg: K(x, r n) ~ r^a as r -> oo, with a the largest over the
directions n of non-zero measure. Loop: K(z, z) ~ r^b with |z| = r. They fix how a diagram's integral
depends on the cutoff: I4 ~ L^max(0, d + 4a).

Method. With |x| = rho and c the cosine between x and n, put xx = rho^2, xy = rho r c, yy = r^2. For d_in >=
2 the cosine is generic, once in (0, 1) and once in (-1, 0), and d_in stays a symbol; for d_in = 1 it is +1
and -1. A power law is proved by its definition: the limit of K / r^a exists and is not zero; the rational a
to try is read off the slope of log |K| between r = 1e40 and 1e42 in 250-digit arithmetic. Anything else
(logarithms, exponentials, exponents that depend on parameters) goes through a = lim r K'(r) / K(r), first
with all symbols, then with random rational parameters, which must all give one exponent. SymPy's limits are
occasionally wrong without a word, so no limit is accepted against the numerical slope, and a coefficient is
compared with K / r^a far out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Any, Final, TypeAlias

import sympy

from feyn_nn.errors import InputError
from feyn_nn.symbolic.kernels import SYMBOLS, SymbolicKernel

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types

RADIUS: Final = sympy.Symbol("r", positive=True)
RHO: Final = sympy.Symbol("rho", positive=True)
COSINE: Final = sympy.Symbol("c", positive=True)
_INVERSE: Final = sympy.Symbol("t", positive=True)

_DIGITS: Final = 250
_FAR: Final = (sympy.Integer(10) ** 40, sympy.Integer(10) ** 42)
_NEAR: Final = (sympy.Rational(3, 7), sympy.Rational(5, 3), sympy.Rational(29, 7))
_SHOWN: Final = (sympy.Integer(10) ** 3, sympy.Integer(10) ** 4, sympy.Integer(10) ** 6)
_STEP: Final = sympy.Rational(101, 100)
_TOLERANCE: Final = 0.12  # a factor log(r)^3 still changes the slope by 0.08 there
_FASTER_THAN_POWERS: Final = 1000.0  # an exponent in the grammar is at most 100, and may multiply up to a few
_DENOMINATOR: Final = 100  # the grammar's largest denominator of an exponent
_SHARP: Final = 1e-9  # a power law's corrections are powers of 1e-40 there
_ZERO: Final = sympy.Float("1e-20")
_SAME: Final = 1e-3
_TRIALS: Final = 3
_LARGEST_EXPONENT: Final = sympy.Integer(2) ** 2000
_METHODS: Final = (
    "the limit of K / r^a for rational a, the limit of r K'/K with symbols, and that with rational parameters"
)


@dataclass(frozen=True, slots=True)
class Direction:
    """One way to infinity: its exponent (finite, oo or -oo), and K ~ coefficient * r^exponent where found."""

    name: str
    exponent: Expr
    coefficient: Expr | None


@dataclass(frozen=True, slots=True)
class Growth:
    """Growth exponents: `leg` a in K(x, r n) ~ r^a, `loop` b in K(z, z) ~ r^b; each may be oo or -oo.

    `directions` are those examined for the leg, `loops` those for the loop, and `assumptions` are sentences
    on what the result rests on.
    """

    leg: Expr
    loop: Expr
    directions: tuple[Direction, ...]
    loops: tuple[Direction, ...]
    assumptions: tuple[str, ...]


def growth(kernel: SymbolicKernel) -> Growth:
    """Return the growth exponents of a kernel; raise InputError if no method determines them.

    >>> from feyn_nn.kernels import ReluKernel
    >>> from feyn_nn.symbolic.kernels import symbolic_kernel
    >>> result = growth(symbolic_kernel(ReluKernel(d_in=2)))
    >>> result.leg, result.loop
    (1, 2)
    """
    expression = kernel.expression
    if kernel.dimension == 1:
        expression = expression.subs(SYMBOLS.d_in, 1)
    notes: list[str] = []
    legs = _examine(expression, _leg_substitutions(kernel), kernel, notes)
    loops = _examine(expression, _loop_substitutions(kernel), kernel, notes)
    leg, loop = _largest(legs), _largest(loops)
    if expression.has(SYMBOLS.sigma_b):
        notes += _without_bias(expression, kernel, leg, loop)
    if kernel.dimension > 1:
        notes.append("n is generic: not along x and not perpendicular to it (such n have measure zero)")
    if len({entry.exponent for entry in legs}) > 1:
        notes.append(f"a = {leg} is the largest exponent: the directions differ")
    return Growth(leg, loop, legs, loops, tuple(dict.fromkeys(notes)))


def _leg_substitutions(kernel: SymbolicKernel) -> dict[str, dict[Expr, Expr]]:
    if kernel.dimension > 1:
        return {
            name: {
                SYMBOLS.xx: RHO**2,
                SYMBOLS.xy: value * RADIUS * RHO,
                SYMBOLS.yy: RADIUS**2,
            }
            for name, value in (("c in (0, 1)", COSINE), ("c in (-1, 0)", -COSINE))
        }
    signs = (1, -1) if kernel.scalars else (1,)
    named = {}
    for x in signs:
        for y in (1, -1):
            name = f"y -> {'+' if y > 0 else '-'}oo, x {'>' if x > 0 else '<'} 0"
            named[name] = {
                SYMBOLS.xx: RHO**2,
                SYMBOLS.xy: x * y * RADIUS * RHO,
                SYMBOLS.yy: RADIUS**2,
                SYMBOLS.x: x * RHO,
                SYMBOLS.y: y * RADIUS,
            }
    return named


def _loop_substitutions(kernel: SymbolicKernel) -> dict[str, dict[Expr, Expr]]:
    squares = dict.fromkeys((SYMBOLS.xx, SYMBOLS.xy, SYMBOLS.yy), RADIUS**2)
    if not kernel.scalars:
        return {"|z| -> oo": squares}
    return {
        "z -> +oo": squares | dict.fromkeys((SYMBOLS.x, SYMBOLS.y), RADIUS),
        "z -> -oo": squares | dict.fromkeys((SYMBOLS.x, SYMBOLS.y), -RADIUS),
    }


def _examine(
    expression: Expr, ways: dict[str, dict[Expr, Expr]], kernel: SymbolicKernel, notes: list[str]
) -> tuple[Direction, ...]:
    return tuple(_direction(name, expression.subs(way), kernel, notes) for name, way in ways.items())


def _largest(directions: tuple[Direction, ...]) -> Expr:
    return sympy.Max(*(direction.exponent for direction in directions))


def _without_bias(expression: Expr, kernel: SymbolicKernel, leg: Expr, loop: Expr) -> list[str]:
    """Sentences on the exponents that the same kernel has at sigma_b = 0, where they differ."""
    bare = expression.subs(SYMBOLS.sigma_b, 0)
    sentences = []
    cases = (("a", leg, _leg_substitutions(kernel)), ("b", loop, _loop_substitutions(kernel)))
    for letter, value, ways in cases:
        try:
            other = _largest(_examine(bare, ways, kernel, []))
        except InputError:
            sentences.append(f"sigma_b > 0; {letter} at sigma_b = 0 could not be determined")
            continue
        if other != value:
            sentences.append(
                f"sigma_b > 0: the constant sigma_b^2 in K does not decay ({letter} = {value}; "
                f"with sigma_b = 0 it would be {letter} = {other})"
            )
    return sentences


def _direction(name: str, function: Expr, kernel: SymbolicKernel, notes: list[str]) -> Direction:
    """Return the growth of one function of r; append to `notes` what the exponent rests on."""
    trials = [_random_values(function, trial) for trial in range(_TRIALS)]
    if function == 0 or all(_vanishes(function.subs(values)) for values in trials):
        notes.append(f"{name}: K vanishes identically there, counted as exponent -oo")
        return Direction(name, -sympy.oo, sympy.Integer(0))
    proved = _power_law(function, trials)
    if proved is not None:
        return Direction(name, *proved)
    exponent = _limit(_logarithmic_slope(function))
    if not _is_exponent(exponent) or not all(_agrees(function.subs(v), exponent.subs(v)) for v in trials):
        exponent = _by_trials(function, trials)
        if exponent is None:
            raise _undetermined(name, function, kernel, trials[0])
        shown = ", ".join(str(symbol) for symbol in sorted(trials[0], key=str))
        notes.append(f"{name}: exponent found at {_TRIALS} random rational values of {shown}, not for all values")
    if abs(exponent) == sympy.oo:
        notes.append(f"{name}: K {'grows' if exponent > 0 else 'decays'} faster than any power of r")
        return Direction(name, exponent, None)
    coefficient = _limit(function / RADIUS**exponent)
    if _is_coefficient(function, exponent, coefficient, trials):
        return Direction(name, exponent, coefficient)
    if coefficient in {sympy.oo, -sympy.oo, sympy.Integer(0)}:
        notes.append(
            f"{name}: not a pure power law: K / r^({exponent}) tends to {coefficient}, a logarithm or "
            "another factor slower than any power remains"
        )
    return Direction(name, exponent, None)


def _power_law(function: Expr, trials: list[dict[Expr, Expr]]) -> tuple[Expr, Expr] | None:
    """Return (a, lim K / r^a) if K is a rational power at large r and the limit proves it, else None."""
    slopes = [_numerical_slope(function.subs(values), *_FAR) for values in trials]
    if any(slope is None or not isfinite(slope) for slope in slopes):
        return None
    guesses = {Fraction(slope).limit_denominator(_DENOMINATOR) for slope in slopes if slope is not None}
    if len(guesses) != 1:
        return None
    guess = guesses.pop()
    if any(slope is None or abs(slope - float(guess)) > _SHARP for slope in slopes):
        return None
    exponent = sympy.Rational(guess.numerator, guess.denominator)
    coefficient = _limit(sympy.expand_mul(function / RADIUS**exponent))
    if _is_coefficient(function, exponent, coefficient, trials):
        return exponent, coefficient
    return None


def _logarithmic_slope(function: Expr) -> Expr:
    return RADIUS * sympy.diff(function, RADIUS) / function


def _limit(function: Expr) -> Expr:
    """Return the limit r -> oo, taken as t -> 0+ with r = 1/t (SymPy cancels more that way), or None."""
    try:
        plain = function.rewrite((sympy.sinh, sympy.cosh, sympy.tanh), sympy.exp)  # else minutes for a ratio
        return sympy.limit(plain.subs(RADIUS, 1 / _INVERSE), _INVERSE, 0, "+")
    except (ArithmeticError, AttributeError, NotImplementedError, RecursionError, TypeError, ValueError):
        # all of these come out of SymPy's limit for expressions that it cannot order; no common class
        return None


def _is_exponent(value: Expr) -> bool:
    """Whether a limit is real, infinite or not, and depends on the kernel's parameters alone."""
    if value is None or value is sympy.nan or value.has(sympy.Limit, sympy.AccumBounds, sympy.zoo, _INVERSE):
        return False
    return not value.free_symbols & {RHO, COSINE}


def _is_coefficient(function: Expr, exponent: Expr, value: Expr, trials: list[dict[Expr, Expr]]) -> bool:
    """Whether a limit is finite, not zero, and near K / r^a far out at the random parameters."""
    if value is None or value.has(sympy.Limit, sympy.AccumBounds, sympy.nan, sympy.zoo, sympy.oo, -sympy.oo, _INVERSE):
        return False
    for values in trials:
        seen = _value((function / RADIUS**exponent).subs(values), _FAR[1])
        claimed = sympy.N(value.subs(values), 30)
        if seen is None or abs(claimed) < _ZERO or abs(seen / claimed - 1) > _SAME:
            return False
    return True


def _random_values(function: Expr, trial: int) -> dict[Expr, Expr]:
    """Rational values, the same on every run, for every symbol of `function` but r."""
    source = random.Random(1000 + trial)  # noqa: S311 (no secret)
    values = {}
    for symbol in sorted(function.free_symbols - {RADIUS}, key=str):
        if symbol == SYMBOLS.d_in:
            values[symbol] = sympy.Integer(trial + 2)
        elif symbol == COSINE:
            values[symbol] = sympy.Rational(source.randint(20, 80), 101)
        else:
            values[symbol] = sympy.Rational(source.randint(40, 200), 97)
    return values


def _by_trials(function: Expr, trials: list[dict[Expr, Expr]]) -> Expr:
    """Return the exponent that all random values of the parameters agree on, None if there is none."""
    exponents = set()
    for values in trials:
        special = function.subs(values)
        exponent = _limit(_logarithmic_slope(special))
        if not _is_exponent(exponent) or not _agrees(special, exponent):
            return None
        exponents.add(sympy.nsimplify(exponent))
    return exponents.pop() if len(exponents) == 1 else None


def _vanishes(function: Expr) -> bool:
    values = [_value(function, radius) for radius in _NEAR]
    return all(value is not None and value.is_zero for value in values)


def _agrees(function: Expr, exponent: Expr) -> bool:
    """Whether the numerical slope of log |K| far out is the exponent, within the tolerance for logarithms."""
    slope = _numerical_slope(function, *_FAR)
    if slope is None:
        return bool(exponent == sympy.oo)  # beyond what arithmetic with 2000-bit exponents can hold
    if abs(exponent) == sympy.oo:
        return slope > _FASTER_THAN_POWERS if exponent > 0 else slope < -_FASTER_THAN_POWERS
    return bool(abs(slope - float(exponent)) < _TOLERANCE)


def _numerical_slope(function: Expr, near: Expr, far: Expr) -> float | None:
    """Return the slope of log |K| over log r between two radii; -oo if K is zero, None if not computable."""
    values = [_value(function, radius) for radius in (near, far)]
    if any(value is None for value in values):
        return None
    if any(value.is_zero for value in values):
        return float("-inf")
    change: Expr = sympy.log(abs(values[1])) - sympy.log(abs(values[0]))
    return float(change / sympy.log(sympy.Float(far / near, _DIGITS)))


def _value(node: Expr, radius: Expr) -> Expr:
    """Return the real value of an expression in r alone at `radius`, to 250 digits; None if it has none.

    Walks the tree itself: SymPy's own evaluation tries to write down numbers such as exp(exp(1e40)).
    """
    if node == RADIUS:
        return sympy.Float(radius, _DIGITS)
    if not node.args:
        return sympy.Float(node, _DIGITS) if node.is_real else None
    if node.is_Pow and node.exp.is_Rational:
        arguments = [_value(node.base, radius), node.exp]
    else:
        arguments = [_value(argument, radius) for argument in node.args]
    if any(argument is None for argument in arguments):
        return None
    if node.func is sympy.exp and arguments[0] < -_LARGEST_EXPONENT:
        return sympy.Float(0, _DIGITS)
    if node.func in _EXPONENTIALS and abs(arguments[-1]) > _LARGEST_EXPONENT:
        return None
    if node.is_Pow and not node.exp.is_Rational and abs(arguments[1]) > _LARGEST_EXPONENT:
        return None
    if node.is_Pow and arguments[0].is_zero and arguments[1] < 0:
        return None
    value = sympy.N(node.func(*arguments), _DIGITS)
    return value if value.is_Float or value.is_Rational else None


_EXPONENTIALS: Final = {
    sympy.exp,
    sympy.sinh,
    sympy.cosh,
    sympy.tanh,
    sympy.sin,
    sympy.cos,
    sympy.tan,
    sympy.erf,
}


def _undetermined(name: str, function: Expr, kernel: SymbolicKernel, values: dict[Expr, Expr]) -> InputError:
    special = function.subs(values)
    slopes = [_numerical_slope(special, radius, radius * _STEP) for radius in _SHOWN]
    shown = ", ".join("not defined" if slope is None else f"{slope:.4g}" for slope in slopes)
    at = ", ".join(f"{symbol} = {value}" for symbol, value in values.items())
    return InputError(
        f"{kernel.name}: cannot determine the growth for {name}: tried {_METHODS}; "
        "at r = 1e3, 1e4, 1e6 the numerical "
        f"slope of log |K| is {shown}" + (f" (with {at})" if at else "") + "; give a kernel that tends to a power of r"
    )
