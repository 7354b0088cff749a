"""Polynomials in propagators, functions of points and integrals, as dictionaries from monomials to rational numbers.

Factors of a monomial are constants, propagators K between points, functions of points, Kronecker deltas, the integration
over a point that something outside still refers to, and the connected parts of integrals, which are canonical values.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from feyn_nn.errors import LimitError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from feyn_nn.graphs.canonical import Piece
    from feyn_nn.symbolic.comparison.products import End, Kind

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types

MAX_PRODUCTS: Final = 200_000
"""Products that an expression may have when it is multiplied out."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A factor without points, its symbols without assumptions."""

    value: Expr


@dataclass(frozen=True, slots=True)
class Line:
    """K between two points, in a fixed order."""

    ends: tuple[End, End]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of points; constants among its arguments are written out."""

    name: str
    arguments: tuple[End, ...]


@dataclass(frozen=True, slots=True)
class Delta:
    """Two leg indices that are equal."""

    indices: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Measure:
    """The integration over one coordinate of an internal point."""

    coordinate: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Closed:
    """A connected part in which every internal point is integrated."""

    piece: Piece


Factor: TypeAlias = Constant | Line | Function | Delta | Measure | Closed
Monomial: TypeAlias = frozenset[tuple[Factor, int]]
"""Factors with their powers; negative ones only of constants."""
Polynomial: TypeAlias = dict[Monomial, Fraction]

ONE: Final[Monomial] = frozenset()


def sum_of(terms: Iterable[Polynomial]) -> Polynomial:
    """The sum."""
    result: Polynomial = {}
    for term in terms:
        for monomial, number in term.items():
            add(result, monomial, number)
    return result


def add(polynomial: Polynomial, monomial: Monomial, number: Fraction) -> None:
    """Add number * monomial in place; raise LimitError for more than 200,000 products."""
    total = polynomial.get(monomial, 0) + number
    if total:
        polynomial[monomial] = total
        if len(polynomial) > MAX_PRODUCTS:
            raise LimitError(
                f"the expression multiplied out has more than {MAX_PRODUCTS} products; compare it in parts"
            )
    else:
        polynomial.pop(monomial, None)


def times(left: Polynomial, right: Polynomial) -> Polynomial:
    """The product, multiplied out."""
    result: Polynomial = {}
    for first, number in left.items():
        for second, other in right.items():
            powers: Counter[Factor] = Counter(dict(first))
            for factor, power in second:
                powers[factor] += power
            add(result, monomial_of(powers), number * other)
    return result


def monomial_of(powers: Counter[Factor]) -> Monomial:
    """The factors whose power is not zero."""
    return frozenset((factor, power) for factor, power in powers.items() if power)
