"""Whether two correlators in SymPy are the same sum of products of propagators, whatever the names and the order.

An expression is read as a sum over distinct products, each times a coefficient in couplings and numbers: sums, products and
powers are multiplied out with dictionaries, and every product becomes a canonical value (see `products`). Two
products are the same if they differ only in

    the names of points that are integrated, the order of integrals and factors, K(x, y) = K(y, x),
    one integral over several points for a product of integrals, constants inside or outside the integral,

and, with `UpTo.VARIABLES_AND_LEGS`, in a permutation of the free points. Such expressions are equal once they are
symmetrised: sums over all n! orders of the legs agree, so that 24 times one labelling is the sum over labellings.

Read are `CubeIntegral`, `BoundaryIntegral`, SymPy's Integral from -Lambda to Lambda, K, functions of points (lambda(y1),
I1(x1, x2, Lambda), G4(x1, ..., x4), nothing being known of them but their arguments), and KroneckerDelta(i1, i2), where
the leg x1 carries the index i1. Nothing is integrated. A point may be one symbol or, where K has 2 d_in arguments, its
d_in coordinates x1_1, x1_2, ...; their number is not compared, so that a formula is the same for every d_in. Symbols are
told apart by their names, not by their assumptions.
"""

from __future__ import annotations

import re
from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import sympy
from sympy.core.function import AppliedUndef

from feyn_nn.errors import InputError
from feyn_nn.symbolic.comparison.polynomial import Closed, Constant, Delta, Function, Line, Polynomial
from feyn_nn.symbolic.comparison.products import (
    Key,
    Product,
    canonical_pieces,
    leg_of_index,
    without_leg_names,
    written,
)
from feyn_nn.symbolic.comparison.reading import Reader, Surroundings, symbol_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from feyn_nn.graphs.canonical import Piece

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types
Constants: TypeAlias = frozenset[tuple[Expr, int]]
"""Constants with their powers."""
Terms: TypeAlias = dict[Key, dict[Constants, Fraction]]
"""For every product the numbers in front of the monomials in constants."""

_INDEX = re.compile(r"i\d+")
_DIGITS: Final = re.compile(r"(\d+)")


class UpTo(Enum):
    """What may be renamed without making a difference."""

    VARIABLES = "variables"
    """Points that are integrated."""
    VARIABLES_AND_LEGS = "variables and legs"
    """These, and the legs among themselves with their indices: both sides are symmetrised."""


def canonical_terms(
    expression: Expr, up_to: UpTo = UpTo.VARIABLES, legs: Iterable[Expr | str] | None = None
) -> dict[Key, Expr]:
    """The expression as a sum over distinct products: the canonical key of each with its coefficient, which is not zero.

    `legs` are the points that may be exchanged (by default all free points), used with VARIABLES_AND_LEGS; the
    coefficient is then that of the whole orbit. Coefficients are exact and multiplied out, their symbols without
    assumptions; `products.written` gives the product of a key. Raises InputError for what is not a polynomial in
    K, functions of points and integrals of these, and LimitError for more than 200,000 products.

    >>> from feyn_nn.symbolic.integrals import CubeIntegral, K
    >>> x1, x2, y1, z = sympy.symbols("x1 x2 y1 z")
    >>> twice = CubeIntegral(3 * K(x1, y1) * K(y1, x2), y1) + CubeIntegral(K(z, x2) * K(z, x1), z)
    >>> list(canonical_terms(twice).values())
    [4]
    """
    (terms,), _ = _read([expression], up_to, legs)
    return _coefficients(terms)


def same(a: Expr, b: Expr, up_to: UpTo = UpTo.VARIABLES, legs: Iterable[Expr | str] | None = None) -> bool:
    """Whether two expressions are the same sum of products; raises as `canonical_terms` does.

    >>> from feyn_nn.symbolic.integrals import K
    >>> x1, x2, x3, x4 = sympy.symbols("x1:5")
    >>> one, other = K(x1, x2) * K(x3, x4), K(x3, x1) * K(x2, x4)
    >>> same(one, other), same(one, other, UpTo.VARIABLES_AND_LEGS)
    (False, True)
    """
    return not _difference(a, b, up_to, legs)[0]


def difference(a: Expr, b: Expr, up_to: UpTo = UpTo.VARIABLES, legs: Iterable[Expr | str] | None = None) -> Expr:
    """What is left of a - b, in points x1, y1, ...: zero exactly if they are the same; raises as `canonical_terms` does.

    With VARIABLES_AND_LEGS each orbit is written with one labelling.

    >>> from feyn_nn.symbolic.integrals import CubeIntegral, K
    >>> x1, x2, z = sympy.symbols("x1 x2 z")
    >>> difference(3 * CubeIntegral(K(x1, z) * K(x2, z), z), K(x1, x2))
    -K(x1, x2) + 3*CubeIntegral(K(x1, y1)*K(x2, y1), y1)
    """
    left, names = _difference(a, b, up_to, legs)
    return sympy.Add(*(value * written(key, names) for key, value in left.items()))


def _difference(
    a: Expr, b: Expr, up_to: UpTo, legs: Iterable[Expr | str] | None
) -> tuple[dict[Key, Expr], tuple[str, ...]]:
    """The coefficients of a - b, and the legs that may be exchanged."""
    (left, right), names = _read([a, b], up_to, legs)
    for key, numbers in right.items():
        _add(left, key, numbers, -1)
    return _coefficients(left), names


def _read(
    expressions: Sequence[Expr], up_to: UpTo, legs: Iterable[Expr | str] | None
) -> tuple[list[Terms], tuple[str, ...]]:
    """The terms of expressions that are read together, and the legs that may be exchanged."""
    checked = [_checked(expression) for expression in expressions]
    chosen = None if legs is None else [leg if isinstance(leg, str) else symbol_name(leg) for leg in legs]
    surroundings = [Surroundings.of(expression) for expression in checked]
    points = set(chosen or ()).union(*(each.points for each in surroundings))
    readers = [Reader(each.knowing(points)) for each in surroundings]
    terms = [_collected(reader.read(each)) for reader, each in zip(readers, checked, strict=True)]
    if up_to is UpTo.VARIABLES:
        return terms, ()
    permuted = _permuted(readers, chosen)
    return [_symmetrised(each, permuted) for each in terms], tuple(sorted(permuted, key=_natural))


def _checked(expression: Expr) -> Expr:
    if isinstance(expression, int | Fraction):
        return sympy.Rational(expression)
    if not isinstance(expression, sympy.Expr):
        raise InputError(f"{str(expression)[:80]!r} is a {type(expression).__name__}: expected a SymPy expression")
    return expression


def _collected(polynomial: Polynomial) -> Terms:
    """The coefficients of each product in canonical form."""
    terms: Terms = {}
    for monomial, number in polynomial.items():
        product = Product()
        pieces: list[Piece] = []
        constants: list[tuple[Expr, int]] = []
        for factor, power in monomial:
            match factor:
                case Constant():
                    constants.append((factor.value, power))
                case Closed():
                    pieces += [factor.piece] * power
                case Line():
                    product.lines[factor.ends] += power
                case Function():
                    product.calls[factor.name, factor.arguments] += power
                case Delta():
                    product.deltas.append(factor.indices)
        key = tuple(sorted([*pieces, *canonical_pieces(product)]))
        _add(terms, key, {frozenset(constants): number})
    return terms


def _add(terms: Terms, key: Key, numbers: dict[Constants, Fraction], sign: int = 1) -> None:
    total = terms.setdefault(key, {})
    for constants, number in numbers.items():
        total[constants] = total.get(constants, Fraction(0)) + sign * number


def _permuted(readers: Sequence[Reader], chosen: Sequence[str] | None) -> frozenset[str]:
    """The legs that may be exchanged; every index has to belong to a leg."""
    free = set().union(*(reader.legs for reader in readers))
    permuted = free if chosen is None else set(chosen)
    for index in sorted(set().union(*(reader.indices for reader in readers)), key=_natural):
        leg = leg_of_index(index)
        if not _INDEX.fullmatch(index) or (chosen is not None and leg not in permuted | free):
            raise InputError(f"index {index} belongs to no leg: expected i1, i2, ... on the legs x1, x2, ...")
        if chosen is None:
            permuted.add(leg)
    return frozenset(permuted)


def _symmetrised(terms: Terms, permuted: frozenset[str]) -> Terms:
    """The terms with the products that differ in a permutation of legs added up."""
    result: Terms = {}
    for key, numbers in terms.items():
        _add(result, without_leg_names(key, permuted), numbers)
    return result


def _coefficients(terms: Terms) -> dict[Key, Expr]:
    """The coefficients in SymPy, without those that vanish."""
    return {key: value for key, numbers in terms.items() if (value := _coefficient(numbers)) != 0}


def _coefficient(numbers: dict[Constants, Fraction]) -> Expr:
    """The sum of the monomials; in lowest terms where a constant is not a mere name."""
    present = {constants: number for constants, number in numbers.items() if number}
    value = sympy.Add(
        *(
            sympy.Mul(sympy.Rational(number), *(constant**power for constant, power in constants))
            for constants, number in present.items()
        )
    )
    named = all(constant.is_Symbol or isinstance(constant, AppliedUndef) for each in present for constant, _ in each)
    return value if named else sympy.cancel(value)


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts x2 before x10."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in _DIGITS.split(name)]
