"""Correlators as SymPy expressions.

K is an undefined function of two points, Lambda is the cutoff, couplings are symbols of their own names. With d_in = None a
point is one symbol x1, y1, ... and integrals are `CubeIntegral`s, valid in any number of input dimensions; for a given d_in
there is a symbol for every coordinate (x1 for d_in = 1, else x1_1, x1_2, ...), each internal one integrated from -Lambda
to Lambda by SymPy's own Integral. Lines between two legs stand outside the integral. With several outputs the leg x1
carries the index i1 and KroneckerDelta(i1, i2) is the delta. How much is written is said by a `Layout`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import sympy

from feyn_nn.errors import InputError
from feyn_nn.symbolic.formats.folding import IntegralTable
from feyn_nn.symbolic.formats.layout import PLAIN, written_terms
from feyn_nn.symbolic.integrals import CUTOFF, CubeIntegral, K, coordinates

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from feyn_nn.correlator import Correlator, Term
    from feyn_nn.graphs.species import Tensor
    from feyn_nn.symbolic.formats.layout import Layout, Part, Product

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types

D_OUT: Final = sympy.Symbol("d_out", integer=True, positive=True)


@dataclass(frozen=True, slots=True)
class TermExpression:
    """A term of the correlator with its SymPy expression, sign and couplings included."""

    term: Term
    expression: Expr


@dataclass(frozen=True, slots=True)
class FoldedCorrelator:
    """G^(n) in named integrals such as I1(x1, x2, x3, x4, Lambda), and what each name stands for.

    `definitions` maps each name's function to (legs, integral); points are single symbols, for any d_in.
    """

    terms: tuple[TermExpression, ...]
    definitions: dict[Expr, tuple[tuple[Expr, ...], Expr]]

    @property
    def expression(self) -> Expr:
        """The sum of the terms."""
        return sympy.Add(*(entry.expression for entry in self.terms))

    def written_out(self, expression: Expr | None = None) -> Expr:
        """Put the integrals in the places of their names, in G^(n) or any other expression in these names."""
        return write_out(self.expression if expression is None else expression, self.definitions)


def term_expressions(correlator: Correlator, d_in: int | None = 1, layout: Layout = PLAIN) -> list[TermExpression]:
    """Every kept term as an expression.

    Raises InputError for d_in < 1 and where `layout` cannot be had, LimitError if there are more than 20,000 products
    to write.
    """
    if d_in is not None and d_in < 1:
        raise InputError(f"d_in = {d_in}: expected a positive integer")
    return [
        TermExpression(
            written.term, sympy.Add(*(_part(part, lambda product: _integral(product, d_in)) for part in written.parts))
        )
        for written in written_terms(correlator, layout)
    ]


def expression(correlator: Correlator, d_in: int | None = 1, layout: Layout = PLAIN) -> Expr:
    """G^(n) as one SymPy expression; raises as `term_expressions` does.

    >>> from feyn_nn.action import Action
    >>> from feyn_nn.correlator import generate_correlator
    >>> phi4 = Action.parse("lambda f^4")
    >>> expression(generate_correlator(2, phi4, phi4.orders(1)))
    K(x1, x2)
    """
    return sympy.Add(*(entry.expression for entry in term_expressions(correlator, d_in, layout)))


def fold(correlator: Correlator, layout: Layout = PLAIN, table: IntegralTable | None = None) -> FoldedCorrelator:
    """G^(n) in named integrals; a `table` shared by several correlators gives the same integral the same name.

    Integrals over several points are products where they factorise. Raises as `term_expressions` does.

    >>> from feyn_nn.action import Action
    >>> from feyn_nn.correlator import generate_correlator
    >>> phi4 = Action.parse("lambda f^4")
    >>> folded = fold(generate_correlator(4, phi4, [(1,)]))
    >>> folded.expression
    -24*lambda*I1(x1, x2, x3, x4, Lambda)
    >>> folded.written_out()
    -24*lambda*CubeIntegral(K(x1, y1)*K(x2, y1)*K(x3, y1)*K(x4, y1), y1)
    """
    names = IntegralTable() if table is None else table

    def named(product: Product) -> Expr:
        factors = [_lines(product.outer, None)]
        for component in product.components():
            integral, legs = names.of(component)
            factors.append(sympy.Function(integral.name)(*(sympy.Symbol(leg) for leg in legs), CUTOFF))
        return sympy.prod(factors)

    terms = tuple(
        TermExpression(written.term, sympy.Add(*(_part(part, named) for part in written.parts)))
        for written in written_terms(correlator, layout)
    )
    return FoldedCorrelator(terms, definitions(names))


def definitions(table: IntegralTable) -> dict[Expr, tuple[tuple[Expr, ...], Expr]]:
    """The integrals of a table: function -> (legs, CubeIntegral)."""
    return {
        sympy.Function(entry.name): (tuple(sympy.Symbol(leg) for leg in entry.legs), _integral(entry.product, None))
        for entry in table.integrals
    }


def write_out(expression: Expr, named: dict[Expr, tuple[tuple[Expr, ...], Expr]]) -> Expr:
    """Replace names by their integrals, and do derivatives of names with respect to the cutoff.

    The derivative of an integral is a `BoundaryIntegral`.
    """
    if not expression.args:
        return expression
    if isinstance(expression, sympy.Derivative):
        return sympy.diff(write_out(expression.expr, named), *expression.variables)
    if expression.func in named:
        legs, integral = named[expression.func]
        return integral.subs(dict(zip(legs, expression.args[:-1], strict=True)), simultaneous=True)
    return expression.func(*(write_out(argument, named) for argument in expression.args))


def _part(part: Part, write: Callable[[Product], Expr]) -> Expr:
    number = _rational(part.number) * sympy.prod([sympy.Symbol(name) ** power for name, power in part.constants])
    products = [write(product) for product in part.products]
    if part.tensors:
        products = [_tensor(tensor) * value for tensor, value in zip(part.tensors, products, strict=True)]
    return number * sympy.Add(*products)


def _rational(value: Fraction) -> Expr:
    return sympy.Rational(value.numerator, value.denominator)


def _tensor(tensor: Tensor) -> Expr:
    return sympy.Add(
        *(
            sympy.Add(*(_rational(value) * D_OUT**power for power, value in enumerate(polynomial)))
            * sympy.prod([sympy.KroneckerDelta(_index(a), _index(b)) for a, b in pairing])
            for pairing, polynomial in tensor.items()
        )
    )


def _index(leg: int) -> Expr:
    return sympy.Symbol(f"i{leg + 1}")


def _integral(product: Product, d_in: int | None) -> Expr:
    inner = _lines(product.inner, d_in)
    for name, point in product.functions:
        inner *= sympy.Function(name)(*_coordinates(point, d_in))
    if not product.points:
        return _lines(product.outer, d_in) * inner
    if d_in is None:
        integral = CubeIntegral(inner, *(sympy.Symbol(point) for point in product.points))
    else:
        limits = [(symbol, -CUTOFF, CUTOFF) for point in product.points for symbol in coordinates(point, d_in)]
        integral = sympy.Integral(inner, *limits)
    return _lines(product.outer, d_in) * integral


def _lines(lines: tuple[tuple[str, str], ...], d_in: int | None) -> Expr:
    return sympy.Mul(
        *(K(*_coordinates(a, d_in), *_coordinates(b, d_in)) ** power for (a, b), power in Counter(lines).items())
    )


def _coordinates(point: str, d_in: int | None) -> tuple[Expr, ...]:
    return (sympy.Symbol(point),) if d_in is None else coordinates(point, d_in)
