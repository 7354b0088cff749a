"""Exact correlators of Gauss-net at width N in closed form, symbolic in N, sigma_w, sigma_b and the points.

The neuron exp(W0 x + b0) / exp(s + w |x|^2 / d_in) is log-normal, so that its moments are exponentials (s = sigma_b^2,
w = sigma_w^2, d = d_in; physics notes, section 3):

    M_n(x_1 .. x_n) = exp( n (n-2) s / 2 + (w/d) (sum over i < j of x_i . x_j  -  (1/2) sum_i |x_i|^2) ),

and for every width kappa_2 = K = s + w M_2, kappa_n = w^{n/2} / N^{n/2-1} times the n-th cumulant of one neuron,
G^(n) = sum over partitions into even blocks of prod kappa (`feyn_nn.partitions`). Products of exponentials are written as one
exponential, with its argument expanded, so that equal terms are merged. n odd gives zero.

A point is given by its coordinates, as in `kernels.SymbolicKernel.between`: an expression for d_in = 1, a sequence of d_in
expressions for any number. Points may coincide and may be numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Final, TypeAlias

import sympy

from feyn_nn.errors import InputError, LimitError
from feyn_nn.partitions import Block, even_partitions, neuron_cumulant_terms
from feyn_nn.symbolic.integrals import coordinates
from feyn_nn.symbolic.kernels import SYMBOLS

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types

WIDTH: Final = sympy.Symbol("N", integer=True, positive=True)
MAX_LEGS: Final = 8
_BIAS: Final = SYMBOLS.sigma_b**2
_WEIGHTS: Final = SYMBOLS.sigma_w**2


def leg_points(n: int, d_in: int = 1) -> tuple[tuple[Expr, ...], ...]:
    """Coordinates of the legs x1 .. xn, in the symbols that `integrals.explicit` writes.

    >>> leg_points(2, 2)
    ((x1_1, x1_2), (x2_1, x2_2))
    """
    if d_in < 1:
        raise InputError(f"d_in = {d_in}: expected a positive integer")
    return tuple(coordinates(f"x{leg + 1}", d_in) for leg in range(n))


def gauss_moment(points: Sequence[Expr]) -> Expr:
    """M_n of one neuron at n points. Raises InputError for points with different numbers of coordinates.

    >>> gauss_moment(sympy.symbols("x1 x2"))
    exp(sigma_w**2*(-x1**2/2 + x1*x2 - x2**2/2))
    """
    spread = _coordinates(points)
    return _product(1, [_logarithm(spread)], len(spread[0]))


def gauss_connected(points: Sequence[Expr]) -> Expr:
    """kappa_n at n points; kappa_2 is the kernel, output bias included.

    Raises InputError for no points or different numbers of coordinates, LimitError for more than eight points.
    """
    return _Correlators(points).connected(tuple(range(len(points))))


def gauss_correlator(points: Sequence[Expr]) -> Expr:
    """G^(n) at n points, a polynomial in 1/N; raises as `gauss_connected`."""
    return _Correlators(points).sum_over_partitions(gaussian=True)


def gauss_delta(points: Sequence[Expr]) -> Expr:
    """Delta G^(n) = G^(n) - G_GP^(n) at n points; raises as `gauss_connected`."""
    return _Correlators(points).sum_over_partitions(gaussian=False)


class _Correlators:
    """Cumulants of the legs' subsets, kept by subset."""

    def __init__(self, points: Sequence[Expr]) -> None:
        if len(points) > MAX_LEGS:
            raise LimitError(f"a symbolic correlator of {len(points)} points: expected at most {MAX_LEGS}")
        self._points = _coordinates(points)
        self._d_in = len(self._points[0])
        self._known: dict[Block, Expr] = {}
        self._logarithms: dict[Block, tuple[Expr, Expr]] = {}

    def connected(self, legs: Block) -> Expr:
        """Kappa at the points of some legs."""
        if legs not in self._known:
            order = len(legs) // 2
            terms = [
                _product(number, [self._logarithm(tuple(legs[k] for k in block)) for block in partition], self._d_in)
                for number, partition in neuron_cumulant_terms(len(legs))
            ]
            value = _WEIGHTS**order / WIDTH ** (order - 1) * sympy.Add(*terms) if terms else sympy.Integer(0)
            self._known[legs] = value + _BIAS if len(legs) == 2 else value
        return self._known[legs]

    def _logarithm(self, legs: Block) -> tuple[Expr, Expr]:
        if legs not in self._logarithms:
            self._logarithms[legs] = _logarithm([self._points[leg] for leg in legs])
        return self._logarithms[legs]

    def sum_over_partitions(self, *, gaussian: bool) -> Expr:
        """The sum of products of cumulants, with or without the pairings."""
        n = len(self._points)
        return sympy.Add(
            *(
                sympy.Mul(*(self.connected(block) for block in partition))
                for partition in even_partitions(n)
                if gaussian or 2 * len(partition) < n
            )
        )


def _coordinates(points: Sequence[Expr]) -> list[tuple[Expr, ...]]:
    """Coordinates of every point, as SymPy's; never text, which SymPy would execute."""
    if not points:
        raise InputError("a moment or correlator of no points: expected one or more")
    spread = [tuple(p) if isinstance(p, Sequence | sympy.Tuple) and not isinstance(p, str) else (p,) for p in points]
    if len({len(point) for point in spread}) > 1 or any(not point for point in spread):
        raise InputError(
            f"points with {', '.join(str(len(point)) for point in spread)} coordinates: expected the same number, d_in, for "
            "every point"
        )
    try:
        return [tuple(sympy.sympify(value, strict=True) for value in point) for point in spread]
    except sympy.SympifyError as problem:
        raise InputError(f"coordinate {problem.expr!r}: expected a number or a SymPy expression") from None


def _logarithm(points: Sequence[tuple[Expr, ...]]) -> tuple[Expr, Expr]:
    """Log M_n as the factor of s and the factor of w/d, the latter expanded in the coordinates."""
    n = len(points)
    products = [a * b for x, y in combinations(points, 2) for a, b in zip(x, y, strict=True)]
    squares = [a**2 / 2 for x in points for a in x]
    return sympy.Rational(n * (n - 2), 2), sympy.expand(sympy.Add(*products) - sympy.Add(*squares))


def _product(number: int, logarithms: Sequence[tuple[Expr, Expr]], d_in: int) -> Expr:
    """Number times a product of moments, as one exponential."""
    bias, weights = (sympy.Add(*parts) for parts in zip(*logarithms, strict=True))
    return number * sympy.exp(bias * _BIAS + _WEIGHTS * weights / d_in)
