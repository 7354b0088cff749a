"""Integrals over the cutoff's cube as SymPy objects, for any number of input dimensions.

A point is one symbol (x1, y1, ...) whatever its number of coordinates, K(x1, y1) the propagator between two of them.

    CubeIntegral(F, y1, z1)           int over [-Lambda, Lambda]^d_in of y1 and of z1
    BoundaryIntegral(F, y1, z1)       y1 on the surface of the cube, z1 inside

are left unevaluated, so that d_in need not be known. Every face of the cube moves outwards with Lambda, so that

    d/dLambda CubeIntegral(F, y1, ..., ym) = sum over j of BoundaryIntegral(F, yj, the others),

in d_in = 1 the two values F(Lambda) + F(-Lambda). `explicit` writes both out for a given d_in as SymPy's own integrals over
coordinates: y1 for d_in = 1, y1_1, y1_2, ... above.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, TypeAlias, final

import sympy

from feyn_nn.errors import InputError

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types

K: Final = sympy.Function("K")
CUTOFF: Final = sympy.Symbol("Lambda")


class _PointIntegral(sympy.Expr):  # type: ignore[misc]  # SymPy has no types
    """What both kinds of integral share: arguments (integrand, points), the points being bound."""

    is_commutative = True

    @property
    def integrand(self) -> Expr:
        """What is integrated."""
        return self.args[0]

    @property
    def points(self) -> tuple[Expr, ...]:
        """The points that are integrated over."""
        return tuple(self.args[1:])

    @property
    def free_symbols(self) -> set[Expr]:
        """The integrand's, without the points and with the cutoff."""
        free: set[Expr] = (self.integrand.free_symbols - set(self.points)) | {CUTOFF}
        return free

    @property
    def bound_symbols(self) -> list[Expr]:
        """The points, whose names do not matter."""
        return list(self.points)


@final
class CubeIntegral(_PointIntegral):
    """`integrand` integrated over [-Lambda, Lambda]^d_in for each of `points`; without points the integrand itself."""

    def __new__(cls, integrand: Expr, *points: Expr) -> Expr:
        """Make one; an integrand of zero gives zero."""
        if not points or integrand == 0:
            return integrand
        return super().__new__(cls, integrand, *points)

    def _eval_derivative(self, symbol: Expr) -> Expr:
        inside = CubeIntegral(sympy.diff(self.integrand, symbol), *self.points)
        if symbol != CUTOFF:
            return inside
        return inside + sympy.Add(
            *(
                BoundaryIntegral(self.integrand, point, *self.points[:index], *self.points[index + 1 :])
                for index, point in enumerate(self.points)
            )
        )

    def explicit(self, d_in: int) -> Expr:
        """SymPy's Integral over every coordinate."""
        limits = [(symbol, -CUTOFF, CUTOFF) for point in self.points for symbol in coordinates(point, d_in)]
        return sympy.Integral(explicit(self.integrand, d_in), *limits)


@final
class BoundaryIntegral(_PointIntegral):
    """`integrand` with the first point on the surface of the cube [-Lambda, Lambda]^d_in and the others inside."""

    def __new__(cls, integrand: Expr, point: Expr, *others: Expr) -> Expr:
        """Make one; an integrand of zero gives zero."""
        if integrand == 0:
            return integrand
        return super().__new__(cls, integrand, point, *others)

    @property
    def surface_point(self) -> Expr:
        """The point on the surface."""
        return self.args[1]

    def explicit(self, d_in: int) -> Expr:
        """Sum over the 2 d_in faces of SymPy's Integral over what is left to integrate."""
        integrand = explicit(self.integrand, d_in)
        inner = [symbol for point in self.points[1:] for symbol in coordinates(point, d_in)]
        surface = coordinates(self.surface_point, d_in)
        faces = []
        for axis, side in ((axis, side) for axis in range(d_in) for side in (CUTOFF, -CUTOFF)):
            limits = [(symbol, -CUTOFF, CUTOFF) for symbol in (*surface[:axis], *surface[axis + 1 :], *inner)]
            face = integrand.subs(surface[axis], side)
            faces.append(sympy.Integral(face, *limits) if limits else face)
        return sympy.Add(*faces)


def coordinates(point: Expr, d_in: int) -> tuple[Expr, ...]:
    """The coordinate symbols of a point, given as a symbol or by name: (x1,) for d_in = 1, else (x1_1, x1_2, ...)."""
    if d_in == 1:
        return (sympy.Symbol(str(point)),)
    return tuple(sympy.Symbol(f"{point}_{axis + 1}") for axis in range(d_in))


def explicit(expression: Expr, d_in: int) -> Expr:
    """Write an expression in points for a given number of input dimensions: coordinates, and SymPy's own integrals.

    Functions of points (K, coupling functions, named integrals) become functions of coordinates. Raises InputError for
    d_in < 1.

    >>> x1, y1 = sympy.symbols("x1 y1")
    >>> explicit(CubeIntegral(K(x1, y1), y1), 1)
    Integral(K(x1, y1), (y1, -Lambda, Lambda))
    >>> explicit(K(x1, y1), 2)
    K(x1_1, x1_2, y1_1, y1_2)
    """
    if d_in < 1:
        raise InputError(f"d_in = {d_in}: expected a positive integer")
    if isinstance(expression, CubeIntegral | BoundaryIntegral):
        return expression.explicit(d_in)
    if not expression.args or not expression.has(sympy.core.function.AppliedUndef, CubeIntegral, BoundaryIntegral):
        return expression
    if isinstance(expression, sympy.core.function.AppliedUndef):
        return expression.func(*_spread(expression.args, d_in))
    return expression.func(*(explicit(argument, d_in) for argument in expression.args))


def _spread(arguments: Sequence[Expr], d_in: int) -> list[Expr]:
    """The coordinates of every argument that is a point; the cutoff and numbers as they are."""
    return list(
        chain.from_iterable(
            coordinates(argument, d_in) if argument.is_Symbol and argument != CUTOFF else (argument,)
            for argument in arguments
        )
    )
