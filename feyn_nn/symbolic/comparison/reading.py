"""Reading SymPy expressions in propagators and integrals as polynomials in them (see `polynomial`).

The connected parts of integrals become canonical values as soon as nothing outside refers to their points (see
`products`). Nothing is simplified and SymPy's expand is not called. What is not such a polynomial is refused with
InputError, which names the part that was not understood.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, count
from typing import TYPE_CHECKING, Any, TypeAlias

import sympy
from sympy.core.function import AppliedUndef

from feyn_nn.errors import InputError
from feyn_nn.symbolic.comparison.polynomial import (
    ONE,
    Closed,
    Constant,
    Delta,
    Factor,
    Function,
    Line,
    Measure,
    Monomial,
    Polynomial,
    add,
    monomial_of,
    sum_of,
    times,
)
from feyn_nn.symbolic.comparison.products import PROPAGATOR, End, Internal, Kind, Product, canonical_pieces
from feyn_nn.symbolic.integrals import CUTOFF, BoundaryIntegral, CubeIntegral

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types

_LEG = re.compile(r"x\d+")
_COORDINATE = re.compile(r"[a-z]\d+_(\d+)")  # where no K says how many there are
_INTEGRALS = (CubeIntegral, BoundaryIntegral, sympy.Integral)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What symbols mean: `dimension` is the number of coordinates of a point, `points` the names of known points."""

    dimension: int
    points: frozenset[str]

    @classmethod
    def of(cls, expression: Expr) -> Surroundings:
        """Found from the arguments of K; raise InputError where these disagree."""
        sizes: dict[int, Expr] = {}
        names = set()
        axes = set()
        for call in expression.atoms(AppliedUndef):
            if _is_propagator(call):
                sizes.setdefault(len(call.args), call)
                names |= {symbol_name(argument) for argument in call.args if _is_point_symbol(argument)}
            axes |= {
                int(found[1]) for symbol in call.free_symbols if (found := _COORDINATE.fullmatch(symbol_name(symbol)))
            }
        if len(sizes) > 1:
            first, second = (sizes[size] for size in sorted(sizes)[:2])
            raise InputError(f"{first} and {second}: K has different numbers of arguments; write all points alike")
        size = next(iter(sizes), 0)
        if size % 2:
            raise InputError(f"{sizes[size]}: expected two points, so an even number of arguments")
        dimension = size // 2 or max(axes, default=1)
        return cls(dimension, frozenset(names if dimension == 1 else (_point_name(name) for name in names)))

    def knowing(self, points: Iterable[str]) -> Surroundings:
        """The same with the names of more points."""
        return Surroundings(self.dimension, self.points | frozenset(points))

    def is_point(self, name: str) -> bool:
        """Whether a symbol of this name is a point or a coordinate of one; x1, x2, ... are in any case."""
        point = _point_name(name) if self.dimension > 1 else name
        return point in self.points or bool(_LEG.fullmatch(point))


class Reader:
    """Reads expressions in given surroundings; `legs` are the free points met, `indices` the indices of deltas."""

    def __init__(self, surroundings: Surroundings) -> None:
        self.dimension = surroundings.dimension
        self._surroundings = surroundings
        self.legs: set[str] = set()
        self.indices: set[str] = set()
        self._fresh = count()
        self._constants: dict[Expr, Polynomial] = {}

    def read(self, expression: Expr, bound: dict[Expr, int] | None = None) -> Polynomial:
        """The expression as a polynomial; `bound` has the numbers of the coordinates that are integrated outside."""
        bound = bound or {}
        if expression.is_Rational:
            return {ONE: Fraction(int(expression.p), int(expression.q))} if expression else {}
        if expression.is_Add:
            return sum_of(self.read(term, bound) for term in expression.args)
        if expression.is_Mul:
            return self._product(expression, bound)
        if expression.is_Pow:
            return self._power(expression, bound)
        if isinstance(expression, AppliedUndef):
            return self._function(expression, bound)
        if isinstance(expression, sympy.KroneckerDelta):
            return self._delta(expression)
        if isinstance(expression, _INTEGRALS):
            return self._integral(expression, bound)
        if isinstance(expression, sympy.Derivative) and isinstance(expression.expr, AppliedUndef):
            return self._derivative(expression, bound)
        return self._constant(expression, bound)

    def _product(self, expression: Expr, bound: dict[Expr, int]) -> Polynomial:
        number = Fraction(1)
        powers: Counter[Factor] = Counter()
        sums = []
        for argument in expression.args:
            factor = self.read(argument, bound)
            if len(factor) == 1:
                ((monomial, coefficient),) = factor.items()
                number *= coefficient
                for each, power in monomial:
                    powers[each] += power
            else:
                sums.append(factor)
        result = {monomial_of(powers): number}
        for factor in sums:
            result = times(result, factor)
        return result

    def _power(self, expression: Expr, bound: dict[Expr, int]) -> Polynomial:
        base, exponent = expression.args
        if not exponent.is_Integer:
            return self._constant(expression, bound)
        power = int(exponent)
        if power < 0:
            self._check_constant(base, bound, f"stands in the denominator {_shown(base)}")
            return {frozenset({(Constant(_plain(base)), power)}): Fraction(1)}
        factor = self.read(base, bound)
        if len(factor) == 1 and not any(isinstance(each, Measure) for each, _ in next(iter(factor))):
            ((monomial, number),) = factor.items()
            return {frozenset((each, part * power) for each, part in monomial): number**power}
        result: Polynomial = {ONE: Fraction(1)}
        for _ in range(power):
            result = times(result, factor)
            if bound:
                factor = self.read(base, bound)  # integrals inside get points of their own each time
        return result

    def _function(self, call: Expr, bound: dict[Expr, int], name: str | None = None) -> Polynomial:
        name = name or call.func.__name__
        if name == PROPAGATOR:
            half = self.dimension
            ends = [self._end(call.args[:half], bound, call), self._end(call.args[half:], bound, call)]
            ends.sort(key=lambda end: (isinstance(end, str), end))
            return {frozenset({(Line((ends[0], ends[1])), 1)}): Fraction(1)}
        arguments: list[End] = []
        has_points = False
        rest = list(call.args)
        while rest:
            if not self._has_points(rest[0], bound):
                arguments.append(_constant_text(rest.pop(0), call))
                continue
            arguments.append(self._end(rest[: self.dimension], bound, call))
            del rest[: self.dimension]
            has_points = True
        if not has_points:
            return self._constant(call, bound)
        return {frozenset({(Function(name, tuple(arguments)), 1)}): Fraction(1)}

    def _derivative(self, derivative: Expr, bound: dict[Expr, int]) -> Polynomial:
        """A function differentiated with respect to the cutoff is another function of the same points."""
        if _is_propagator(derivative.expr) or not all(map(_is_cutoff, derivative.variables)):
            raise InputError(
                f"{_shown(derivative)}: expected derivatives of named integrals with respect to Lambda only"
            )
        times = len(derivative.variables)
        name = f"d{times if times > 1 else ''}{derivative.expr.func.__name__}/dLambda{times if times > 1 else ''}"
        return self._function(derivative.expr, bound, name)

    def _end(self, coordinates: Sequence[Expr], bound: dict[Expr, int], call: Expr) -> End:
        """The point that the coordinates say: internal, free or, where no symbol is one, fixed."""
        if len(coordinates) < self.dimension:
            raise InputError(f"{_shown(call)}: expected {self.dimension} coordinates for every point")
        if all(each in bound for each in coordinates):
            return tuple(bound[each] for each in coordinates)
        if not any(self._has_points(each, bound) for each in coordinates):
            texts = [_constant_text(each, call) for each in coordinates]
            return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
        if not all(_is_point_symbol(each) and each not in bound for each in coordinates):
            raise InputError(
                f"{_shown(call)}: {', '.join(map(str, coordinates))} is no point; expected a symbol (or d_in of them), "
                "either integrated or free"
            )
        return self._leg([symbol_name(each) for each in coordinates], call)

    def _leg(self, names: list[str], call: Expr) -> str:
        leg = names[0] if len(names) == 1 else names[0].removesuffix("_1")
        if len(names) > 1 and names != [f"{leg}_{axis + 1}" for axis in range(len(names))]:
            raise InputError(f"{_shown(call)}: {', '.join(names)} is no point; expected coordinates such as x1_1, x1_2")
        self.legs.add(leg)
        return leg

    def _delta(self, delta: Expr) -> Polynomial:
        if not all(index.is_Symbol for index in delta.args[:2]):
            raise InputError(f"{_shown(delta)}: expected two indices that are symbols, such as i1 and i2")
        first, second = sorted(symbol_name(index) for index in delta.args[:2])
        self.indices |= {first, second}
        return {frozenset({(Delta((first, second)), 1)}): Fraction(1)}

    def _integral(self, integral: Expr, bound: dict[Expr, int]) -> Polynomial:
        if isinstance(integral, sympy.Integral):
            symbols, integrand = [_integrated(limit, integral) for limit in integral.limits], integral.function
        else:
            symbols, integrand = list(integral.points), integral.integrand
            if self.dimension > 1:
                raise InputError(
                    f"{_shown(integral)} integrates over points, but points have {self.dimension} coordinates: write all alike"
                )
        if len(set(symbols)) < len(symbols) or not all(symbol.is_Symbol for symbol in symbols):
            raise InputError(f"{_shown(integral)}: expected distinct symbols to integrate over")
        numbers = {symbol: next(self._fresh) for symbol in symbols}
        surface = [numbers[integral.surface_point]] if isinstance(integral, BoundaryIntegral) else []
        measure: Monomial = frozenset(
            (Measure(number, Kind.SURFACE if number in surface else Kind.INSIDE), 1) for number in numbers.values()
        )
        inner = self.read(integrand, {**bound, **numbers})
        if bound:
            return {monomial | measure: number for monomial, number in inner.items()}
        result: Polynomial = {}
        for monomial, number in inner.items():
            add(result, self._closed(monomial | measure, integral), number)
        return result

    def _closed(self, monomial: Monomial, integral: Expr) -> Monomial:
        """Replace what refers to internal points by canonical connected parts."""
        product = Product()
        kinds: dict[int, Kind] = {}
        powers: Counter[Factor] = Counter()
        for factor, power in monomial:
            match factor:
                case Measure():
                    kinds[factor.coordinate] = factor.kind
                case Line() if isinstance(factor.ends[0], tuple):
                    product.lines[factor.ends] += power
                case Function() if not all(isinstance(argument, str) for argument in factor.arguments):
                    product.calls[factor.name, factor.arguments] += power
                case _:
                    powers[factor] += power
        used = chain.from_iterable([*product.lines, *(arguments for _, arguments in product.calls)])
        for point in dict.fromkeys(end for end in used if isinstance(end, tuple)):
            if len(set(point)) < len(point) or not all(coordinate in kinds for coordinate in point):
                raise InputError(f"{_shown(integral)}: a coordinate is used in two points, or twice in one")
            product.points[point] = max(kinds.pop(coordinate) for coordinate in point)
        left: list[tuple[Internal, Kind]] = sorted(((coordinate,), kind) for coordinate, kind in kinds.items())
        if len(left) % self.dimension:
            raise InputError(f"{_shown(integral)}: expected {self.dimension} coordinates for every point")
        product.points.update(left[:: self.dimension])
        for piece in canonical_pieces(product):
            powers[Closed(piece)] += 1
        return monomial_of(powers)

    def _constant(self, expression: Expr, bound: dict[Expr, int]) -> Polynomial:
        """Anything without points, as a factor of its own."""
        known = self._constants.get(expression)
        if known is None or bound:
            self._check_constant(expression, bound, "is neither a propagator, a function of points nor a constant")
            known = {frozenset({(Constant(_plain(expression)), 1)}): Fraction(1)}
            self._constants[expression] = known
        return known

    def _check_constant(self, expression: Expr, bound: dict[Expr, int], problem: str) -> None:
        culprit = next(
            (
                part
                for part in sympy.preorder_traversal(expression)
                if isinstance(part, (*_INTEGRALS, sympy.KroneckerDelta))
                or (isinstance(part, AppliedUndef) and self._has_points(part, bound))
                or (part.is_Symbol and self._has_points(part, bound))
            ),
            None,
        )
        if culprit is not None:
            where = "" if culprit == expression else f" in {_shown(expression)}"
            raise InputError(
                f"{_shown(culprit)}{where} {problem}: expected a polynomial in K, its integrals and couplings"
            )
        if expression.has(sympy.Float, sympy.nan, sympy.oo, -sympy.oo, sympy.zoo):
            raise InputError(f"{_shown(expression)}: expected exact finite numbers, such as 1/2 for 0.5")

    def _has_points(self, expression: Expr, bound: dict[Expr, int]) -> bool:
        if expression.is_Symbol:
            return expression in bound or self._surroundings.is_point(symbol_name(expression))
        return any(self._has_points(symbol, bound) for symbol in expression.free_symbols)


def _is_propagator(call: Expr) -> bool:
    return bool(call.func.__name__ == PROPAGATOR)


def _is_point_symbol(argument: Expr) -> bool:
    return bool(argument.is_Symbol and not _is_cutoff(argument))


def _is_cutoff(symbol: Expr) -> bool:
    return bool(symbol.name == CUTOFF.name)


def symbol_name(symbol: Expr) -> str:
    """The name; dummies of one name are different."""
    return f"{symbol.name}_{symbol.dummy_index}" if isinstance(symbol, sympy.Dummy) else str(symbol.name)


def _point_name(coordinate: str) -> str:
    """x1 for x1_2."""
    return coordinate.rpartition("_")[0] or coordinate


def _plain(expression: Expr) -> Expr:
    """The expression with symbols that have no assumptions."""
    symbols = [symbol for symbol in expression.free_symbols if not isinstance(symbol, sympy.Dummy)]
    return expression.xreplace({symbol: sympy.Symbol(symbol.name) for symbol in symbols})


def _constant_text(argument: Expr, call: Expr) -> str:
    if argument.has(sympy.Float):
        raise InputError(f"{_shown(call)}: expected exact numbers, such as 1/2 for 0.5")
    return str(argument)


def _integrated(limit: Expr, integral: Expr) -> Expr:
    if len(limit) != 3 or not limit[2].is_Symbol or not _is_cutoff(limit[2]) or limit[1] != -limit[2]:
        raise InputError(
            f"{_shown(integral)}: {limit[0]} is integrated over {tuple(limit[1:])}; expected (-Lambda, Lambda)"
        )
    return limit[0]


def _shown(expression: Expr) -> str:
    text = str(expression)
    return text if len(text) <= 80 else f"{text[:77]}..."
