"""Correlators as SymPy expressions.

K is an undefined function of the coordinates of two points; x1, x2, ... and the internal points are plain symbols
(for d_in > 1 the symbols x1_1, x1_2, ...), Lambda is the cutoff, couplings are symbols of their own names. Every
internal coordinate is integrated from -Lambda to Lambda. Lines between two legs stand outside the integral.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import sympy

from feyn_nn.errors import InputError
from feyn_nn.symbolic.layout import check_size, couplings_of, labelled_products, representative_product

if TYPE_CHECKING:
    from feyn_nn.correlator import Correlator, Term
    from feyn_nn.symbolic.layout import Product

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types

K = sympy.Function("K")
CUTOFF = sympy.Symbol("Lambda")


@dataclass(frozen=True, slots=True)
class TermExpression:
    """A term of the correlator with its SymPy expression, sign and couplings included."""

    term: Term
    expression: Expr


def coordinates(point: str, d_in: int) -> tuple[Expr, ...]:
    """The coordinate symbols of a named point: (x1,) for d_in = 1, else (x1_1, x1_2, ...)."""
    if d_in == 1:
        return (sympy.Symbol(point),)
    return tuple(sympy.Symbol(f"{point}_{axis + 1}") for axis in range(d_in))


def term_expressions(correlator: Correlator, d_in: int = 1, *, representatives: bool = False) -> list[TermExpression]:
    """Every kept term as an expression, all labellings written out (or one, times the multiplicity).

    Raises InputError for d_in < 1, LimitError if there are more than 20,000 products to write.
    """
    if d_in < 1:
        raise InputError(f"d_in = {d_in}: expected a positive integer")
    if not representatives:
        check_size(correlator.terms)
    result = []
    for term in correlator.terms:
        factor = term.sign * sympy.prod([sympy.Symbol(name) ** power for name, power in couplings_of(term, correlator)])
        if representatives:
            number, products = term.multiplicity, [representative_product(term, correlator.action)]
        else:
            number, products = term.coefficient, labelled_products(term, correlator.action)
        total = sympy.Add(*(_integral(product, d_in) for product in products))
        exact = sympy.Rational(number.numerator, number.denominator)
        result.append(TermExpression(term, factor * exact * total))
    return result


def expression(correlator: Correlator, d_in: int = 1, *, representatives: bool = False) -> Expr:
    """G^(n) as one SymPy expression.

    >>> from feyn_nn.action import Action
    >>> from feyn_nn.correlator import generate_correlator
    >>> phi4 = Action.parse("lambda f^4")
    >>> expression(generate_correlator(2, phi4, phi4.orders(1)))
    K(x1, x2)
    """
    return sympy.Add(
        *(entry.expression for entry in term_expressions(correlator, d_in, representatives=representatives))
    )


def _integral(product: Product, d_in: int) -> Expr:
    outer = sympy.prod([_propagator(line, d_in) for line in product.outer])
    inner = sympy.prod([_propagator(line, d_in) for line in product.inner])
    limits = [(symbol, -CUTOFF, CUTOFF) for point in product.points for symbol in coordinates(point, d_in)]
    return outer * (sympy.Integral(inner, *limits) if limits else inner)


def _propagator(line: tuple[str, str], d_in: int) -> Expr:
    return K(*coordinates(line[0], d_in), *coordinates(line[1], d_in))
