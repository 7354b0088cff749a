"""The first terms of a function's expansion in powers of t as t -> 0+, by exact arithmetic on truncated series.

    f(t) = c_0 t^p_0 + c_1 t^p_1 + ... + O(t^order),    p_0 < p_1 < ... rational, c_k free of t.

The expression's tree is walked from its leaves, with one rule for a sum, a product, a power and each function of the
kernels' grammar; nothing is solved, simplified or guessed. A coefficient is carried along with its values at a few
rational points of the parameters, so that a sum that vanishes is recognized by its 60-digit values (an identity among
square roots need not be proved by rewriting them), and so are the signs on which sqrt and abs depend. Pieces smaller
than every power of t, such as exp(-1/t), are dropped and noted. Where there is no such expansion (log t, sin(1/t),
exp(1/t), exponents with parameters in them) the answer is None.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any, Final, TypeAlias

import sympy

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types

VARIABLE: Final = sympy.Symbol("t", positive=True)

DIGITS: Final = 250
_COEFFICIENT_DIGITS: Final = 60
_WORKING_DIGITS: Final = 75
_ZERO: Final = sympy.Float("1e-40", _COEFFICIENT_DIGITS)
_LARGEST_EXPONENT: Final = sympy.Integer(2) ** 2000
_MOST_FACTORS: Final = 8  # a whole power up to this one is multiplied out, and stays exact
_ARGUMENT: Final = sympy.Dummy("u")
_INFINITE: Final = frozenset({sympy.nan, sympy.oo, -sympy.oo})
_ARCS: Final = frozenset({sympy.asin, sympy.acos})
_EXPONENTIALS: Final = frozenset(
    {sympy.exp, sympy.sinh, sympy.cosh, sympy.tanh, sympy.sin, sympy.cos, sympy.tan, sympy.erf}
)
_LIMITS_AT_INFINITY: Final = {sympy.tanh: sympy.Integer(1), sympy.erf: sympy.Integer(1)}
_ENTIRE: Final = frozenset({sympy.sin, sympy.cos, sympy.tan, sympy.sinh, sympy.cosh, sympy.tanh, sympy.erf, sympy.atan})


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A factor free of t, and its values at the points of the parameters."""

    expression: Expr
    values: tuple[Expr, ...]

    def times(self, other: Coefficient) -> Coefficient:
        """The product."""
        pairs = zip(self.values, other.values, strict=True)
        return Coefficient(self.expression * other.expression, tuple(a * b for a, b in pairs))

    @property
    def sign(self) -> int:
        """1 or -1 where all values agree on it, else 0."""
        signs = {1 if value > 0 else -1 for value in self.values}
        return signs.pop() if len(signs) == 1 else 0


@dataclass(frozen=True, slots=True)
class Series:
    """Sum of c t^p over `terms` (p, c), increasing in p, + O(t^order); `order` None where nothing follows.

    `hidden` says that something smaller than every power of t was dropped.
    """

    terms: tuple[tuple[Fraction, Coefficient], ...]
    order: Fraction | None = None
    hidden: bool = False

    @property
    def start(self) -> Fraction | None:
        """A power that the series is no larger than; None if it is zero or smaller than every power."""
        return self.terms[0][0] if self.terms else self.order


class _NoSeriesError(Exception):
    """No rule gives an expansion in powers of t (of this many terms)."""


def power_series(function: Expr, points: Sequence[Mapping[Expr, Expr]], terms: int) -> Series | None:
    """Expand `function` in t with `terms` terms kept at every step; None where there is no such expansion.

    `points` give each symbol but t a rational value; signs and zeros are those at all of them. Fewer terms come out
    where the function has no more (order None) or where some vanish on the way (ask again with more).

    >>> series = power_series(sympy.sqrt(1 + 1 / VARIABLE**2), [{}], 2)
    >>> [(int(power), coefficient.expression) for power, coefficient in series.terms], series.order
    ([(-1, 1), (1, 1/2)], Fraction(3, 1))
    """
    try:
        return _Expansion(points, terms).series(function)
    except _NoSeriesError:
        return None


def real_value(node: Expr, values: Mapping[Expr, Expr], digits: int = DIGITS) -> Expr:
    """Return the real value of an expression, None if it has none; `values` gives every symbol a number.

    Walks the tree itself: SymPy's own evaluation tries to write down numbers such as exp(exp(1e40)).
    """
    return _RealValue(values, digits).of(node)


class _RealValue:
    """Values of the nodes of one tree; what stands in several places is evaluated once."""

    def __init__(self, values: Mapping[Expr, Expr], digits: int) -> None:
        self.values = values
        self.digits = digits
        self.known: dict[Expr, Expr] = {}

    def of(self, node: Expr) -> Expr:
        if node not in self.known:
            self.known[node] = self.compound(node) if node.args else self.leaf(node)
        return self.known[node]

    def leaf(self, node: Expr) -> Expr:
        node = self.values.get(node, node)
        if not isinstance(node, sympy.Number | sympy.NumberSymbol) or node in _INFINITE:
            return None
        return sympy.Float(node, self.digits)

    def compound(self, node: Expr) -> Expr:
        rational_power = node.is_Pow and node.exp.is_Rational
        arguments = [self.of(part) for part in (node.args[:1] if rational_power else node.args)]
        if any(part is None for part in arguments):
            return None
        if node.is_Add:
            return sum(arguments[1:], arguments[0])
        if node.is_Mul:
            return prod(arguments[1:], start=arguments[0])
        if rational_power:
            arguments.append(node.exp)
        return self.function(node, arguments)

    def function(self, node: Expr, arguments: list[Expr]) -> Expr:
        if node.func is sympy.exp and arguments[0] < -_LARGEST_EXPONENT:
            return sympy.Float(0, self.digits)
        if node.func in _EXPONENTIALS and abs(arguments[-1]) > _LARGEST_EXPONENT:
            return None
        if node.is_Pow and not node.exp.is_Rational and abs(arguments[1]) > _LARGEST_EXPONENT:
            return None
        if node.is_Pow and arguments[0].is_zero and arguments[1] < 0:
            return None
        if node.func in _ARCS and 0 < abs(arguments[0]) - 1 < sympy.Float(10, self.digits) ** (5 - self.digits):
            arguments = [sympy.sign(arguments[0])]
        value = sympy.N(node.func(*arguments), self.digits)
        return value if value.is_Float or value.is_Rational else None


class _Expansion:
    """Rules for every kind of node, with a fixed number of terms."""

    def __init__(self, points: Sequence[Mapping[Expr, Expr]], terms: int) -> None:
        self.points = points
        self.most = terms
        self.known: dict[Expr, Series] = {}

    def series(self, node: Expr) -> Series:
        """The expansion of a node."""
        if node not in self.known:
            self.known[node] = self._series(node)
        return self.known[node]

    def _series(self, node: Expr) -> Series:
        if VARIABLE not in node.free_symbols:
            return self._constant(node)
        if node == VARIABLE:
            return Series(((Fraction(1), self._coefficient(sympy.Integer(1))),))
        if node.is_Add:
            return self._sum(self.series(argument) for argument in node.args)
        if node.is_Mul:
            return self._product(self.series(argument) for argument in node.args)
        if node.is_Pow:  # exp(u) is a class of its own
            base, exponent = node.base, node.exp
            if VARIABLE in exponent.free_symbols:
                return self._exponential(self._product([self.series(exponent), self._logarithm(self.series(base))]))
            return self._power(self.series(base), exponent)
        if len(node.args) != 1:
            raise _NoSeriesError
        return self._function(node.func, self.series(node.args[0]))

    def _function(self, function: Any, inner: Series) -> Series:
        if function is sympy.exp:
            return self._exponential(inner)
        if function is sympy.log:
            return self._logarithm(inner)
        if function is sympy.Abs:
            return self._scaled(inner, self._sign(inner))
        if function is sympy.asin:
            return self._arcsine(inner)
        if function is sympy.acos:
            return self._sum([self._constant(sympy.pi / 2), self._scaled(self._arcsine(inner), -1)])
        if function not in _ENTIRE:
            raise _NoSeriesError
        if inner.terms and inner.terms[0][0] < 0:
            if function in _LIMITS_AT_INFINITY:
                limit = self._constant(self._sign(inner) * _LIMITS_AT_INFINITY[function])
                return Series(limit.terms, None, hidden=True)
            if function is sympy.atan:
                inverse = self._taylor(sympy.atan(_ARGUMENT), self._power(inner, sympy.Integer(-1)))
                return self._sum([self._constant(self._sign(inner) * sympy.pi / 2), self._scaled(inverse, -1)])
        return self._taylor(function(_ARGUMENT), inner)

    def _coefficient(self, expression: Expr) -> Coefficient:
        values = [real_value(expression, point, _WORKING_DIGITS) for point in self.points]
        if any(value is None for value in values):
            raise _NoSeriesError
        return Coefficient(expression, tuple(sympy.Float(value, _COEFFICIENT_DIGITS) for value in values))

    def _constant(self, expression: Expr) -> Series:
        coefficient = self._coefficient(expression)
        if all(abs(value) < _ZERO for value in coefficient.values):
            return Series(())
        return Series(((Fraction(0), coefficient),))

    def _sum(self, parts: Iterable[Series]) -> Series:
        parts = list(parts)
        together: dict[Fraction, list[Coefficient]] = defaultdict(list)
        for part in parts:
            for power, coefficient in part.terms:
                together[power].append(coefficient)
        return self._cut(together, [part.order for part in parts], any(part.hidden for part in parts))

    def _product(self, parts: Iterable[Series]) -> Series:
        result = self._constant(sympy.Integer(1))
        for part in parts:
            together: dict[Fraction, list[Coefficient]] = defaultdict(list)
            for p, a in result.terms:
                for q, b in part.terms:
                    together[p + q].append(a.times(b))
            orders = [
                start + order
                for start, order in ((result.start, part.order), (part.start, result.order))
                if start is not None and order is not None
            ]
            result = self._cut(together, orders, result.hidden or part.hidden)
        return result

    def _cut(
        self, together: dict[Fraction, list[Coefficient]], orders: Iterable[Fraction | None], hidden: bool
    ) -> Series:
        """Add what stands at one power, drop what vanishes, and keep the first terms."""
        order = min((order for order in orders if order is not None), default=None)
        terms: list[tuple[Fraction, Coefficient]] = []
        for power in sorted(together):
            if order is not None and power >= order:
                break
            coefficient = _added(together[power])
            if coefficient is None:
                continue
            if len(terms) == self.most:
                order = power
                break
            terms.append((power, coefficient))
        return Series(tuple(terms), order, hidden)

    def _scaled(self, series: Series, factor: int) -> Series:
        if factor == 1:
            return series
        unit = self._coefficient(sympy.Integer(factor))
        return Series(tuple((p, unit.times(c)) for p, c in series.terms), series.order, series.hidden)

    def _sign(self, series: Series) -> int:
        """Sign at small t; it must not depend on the parameters."""
        if not series.terms or series.terms[0][1].sign == 0:
            raise _NoSeriesError
        return series.terms[0][1].sign

    def _power(self, base: Series, exponent: Expr) -> Series:
        if exponent.is_Integer and 0 < exponent <= _MOST_FACTORS:
            return self._product([base] * int(exponent))
        if not base.terms:
            raise _NoSeriesError
        start, leading = base.terms[0]
        if not exponent.is_Integer and leading.sign != 1:
            raise _NoSeriesError
        if not exponent.is_Rational and start != 0:
            raise _NoSeriesError
        scale = self._coefficient(1 / leading.expression)
        rest = tuple((p - start, scale.times(c)) for p, c in base.terms[1:])
        relative = Series(rest, None if base.order is None else base.order - start, base.hidden)
        expanded = self._composed(relative, [sympy.ff(exponent, k) / sympy.factorial(k) for k in range(self.most)])
        shift = start * Fraction(int(exponent.p), int(exponent.q)) if start != 0 else Fraction(0)
        front = self._coefficient(leading.expression**exponent)
        return self._product([Series(((shift, front),)), expanded])

    def _composed(self, small: Series, taylor: Sequence[Expr]) -> Series:
        """Sum of taylor[k] small^k for a series that vanishes at t = 0, as many powers as terms are kept."""
        start = small.start
        if start is None:
            value = self._constant(taylor[0])
            return Series(value.terms, None, small.hidden)
        if start <= 0:
            raise _NoSeriesError
        parts, power = [self._constant(taylor[0])], self._constant(sympy.Integer(1))
        for coefficient in taylor[1:]:
            power = self._product([power, small])
            parts.append(self._product([self._constant(coefficient), power]))
        return self._sum([*parts, Series((), self.most * start)])

    def _taylor(self, function: Expr, inner: Series) -> Series:
        """Function of _ARGUMENT, analytic where `inner` tends to."""
        inside, small = self._split(inner)
        derivatives = [function]
        for _ in range(self.most - 1):
            derivatives.append(sympy.diff(derivatives[-1], _ARGUMENT))
        return self._composed(
            small, [part.subs(_ARGUMENT, inside) / sympy.factorial(k) for k, part in enumerate(derivatives)]
        )

    def _split(self, series: Series) -> tuple[Expr, Series]:
        """Value at t = 0 and the rest; there must be a value."""
        if (series.terms and series.terms[0][0] < 0) or (series.order is not None and series.order <= 0):
            raise _NoSeriesError
        if series.terms and series.terms[0][0] == 0:
            return series.terms[0][1].expression, Series(series.terms[1:], series.order, series.hidden)
        return sympy.Integer(0), series

    def _exponential(self, inner: Series) -> Series:
        if inner.terms and inner.terms[0][0] < 0:
            if self._sign(inner) < 0:
                return Series((), None, hidden=True)
            raise _NoSeriesError
        inside, small = self._split(inner)
        front = self._constant(sympy.exp(inside))
        return self._product([front, self._composed(small, [1 / sympy.factorial(k) for k in range(self.most)])])

    def _logarithm(self, inner: Series) -> Series:
        if not inner.terms or inner.terms[0][0] != 0 or inner.terms[0][1].sign != 1:
            raise _NoSeriesError
        return self._taylor(sympy.log(_ARGUMENT), inner)

    def _arcsine(self, inner: Series) -> Series:
        inside = inner.terms[0] if inner.terms else None
        if inside is None or inside[0] != 0 or any(abs(abs(value) - 1) > _ZERO for value in inside[1].values):
            return self._taylor(sympy.asin(_ARGUMENT), inner)
        # asin(1 - delta) = pi/2 - 2 asin(sqrt(delta/2)): the expansion at the end of the range, where delta -> 0+
        sign = self._sign(inner)
        rest = Series(inner.terms[1:], inner.order, inner.hidden)
        edge = self._constant(sign * sympy.pi / 2)
        if rest.start is None:
            return Series(edge.terms, None, rest.hidden)
        half = self._product([self._constant(-sign * sympy.Rational(1, 2)), rest])
        angle = self._taylor(sympy.asin(_ARGUMENT), self._power(half, sympy.Rational(1, 2)))
        return self._sum([edge, self._scaled(angle, -2 * sign)])


def _added(coefficients: Sequence[Coefficient]) -> Coefficient | None:
    """The sum, None where it vanishes at every point."""
    if len(coefficients) == 1:
        return coefficients[0]
    columns = list(zip(*(coefficient.values for coefficient in coefficients), strict=True))
    values = tuple(sum(column[1:], column[0]) for column in columns)
    sizes = [sum(abs(value) for value in column) for column in columns]
    if all(abs(value) <= _ZERO * size for value, size in zip(values, sizes, strict=True)):
        return None
    return Coefficient(sympy.Add(*(coefficient.expression for coefficient in coefficients)), values)
