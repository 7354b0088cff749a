"""Kernels as SymPy expressions, dispatched on the kernel's type from outside the types.

Convention: an expression is written in the inner products xx = |x|^2, xy = x.y, yy = |y|^2 and in the
parameters d_in (a positive integer), sigma_w and sigma_b (positive; exactly 0 where the kernel's sigma_b is
0). A user's text for d_in = 1 may also use the signed scalars x and y: they stay separate real symbols
*beside* xx, xy, yy, and whoever substitutes points puts all five in at once (`SymbolicKernel.between`
does), so the two ways of writing cannot disagree. Formulas: talk, slide of the three kernels; the same
functions as in `feyn_nn.kernels`, there in a form that keeps digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import singledispatch
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import sympy

from feyn_nn.errors import InputError
from feyn_nn.kernels import (
    ErfKernel,
    ExpressionKernel,
    FreeFieldKernel,
    FunctionKernel,
    GaussKernel,
    ReluKernel,
    WeightsPropagator,
)
from feyn_nn.parsing import MAX_CONSTANT_BITS, MAX_EXPONENT, Call, Expression, Name, Number, Operation, combine

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types


@dataclass(frozen=True, slots=True)
class KernelSymbols:
    """The symbols of every symbolic kernel; `sympy_expression(symbols)` is given the one in SYMBOLS."""

    xx: Expr
    xy: Expr
    yy: Expr
    x: Expr
    y: Expr
    d_in: Expr
    sigma_w: Expr
    sigma_b: Expr

    @property
    def rr(self) -> Expr:
        """|x - y|^2 = xx - 2 xy + yy."""
        return self.xx - 2 * self.xy + self.yy


SYMBOLS: Final = KernelSymbols(
    xx=sympy.Symbol("xx", nonnegative=True),
    xy=sympy.Symbol("xy", real=True),
    yy=sympy.Symbol("yy", nonnegative=True),
    x=sympy.Symbol("x", real=True),
    y=sympy.Symbol("y", real=True),
    d_in=sympy.Symbol("d_in", integer=True, positive=True),
    sigma_w=sympy.Symbol("sigma_w", positive=True),
    sigma_b=sympy.Symbol("sigma_b", positive=True),
)

_FUNCTIONS: Final[Mapping[str, Callable[[Expr], Expr]]] = MappingProxyType(
    {
        "exp": sympy.exp,
        "log": sympy.log,
        "sqrt": sympy.sqrt,
        "sin": sympy.sin,
        "cos": sympy.cos,
        "tan": sympy.tan,
        "arcsin": sympy.asin,
        "arccos": sympy.acos,
        "arctan": sympy.atan,
        "sinh": sympy.sinh,
        "cosh": sympy.cosh,
        "tanh": sympy.tanh,
        "erf": sympy.erf,
        "abs": sympy.Abs,
    }
)


@dataclass(frozen=True, slots=True)
class SymbolicKernel:
    """A kernel's expression, the constant sigma_b^2 in it, and the numbers that its parameters stand for.

    `dimension` is the kernel's number of inputs; the expression keeps the symbol d_in. `values` gives the
    parameters' numbers, exactly as the kernel's floats are.
    """

    name: str
    expression: Expr
    bias_variance: Expr
    dimension: int
    values: tuple[tuple[Expr, Expr], ...]

    @property
    def scalars(self) -> bool:
        """Whether the expression uses the signed scalars x and y of one input."""
        return bool(self.expression.free_symbols & {SYMBOLS.x, SYMBOLS.y})

    def between(self, x: Expr, y: Expr) -> Expr:
        """Put coordinates into K(x, y): scalars for one input, sequences of d_in coordinates for any number.

        The symbol d_in becomes the number of coordinates; sigma_w and sigma_b stay symbols.
        Raises InputError if the numbers of coordinates differ from each other or from the kernel's.
        """
        a, b = (tuple(p) if isinstance(p, Sequence | sympy.Tuple) else (p,) for p in (x, y))
        if not len(a) == len(b) == self.dimension:
            raise InputError(
                f"{self.name}: points with {len(a)} and {len(b)} coordinates: expected {self.dimension} each"
            )
        products = {
            SYMBOLS.xx: sum(_coordinate(s) ** 2 for s in a),
            SYMBOLS.xy: sum(_coordinate(s) * _coordinate(t) for s, t in zip(a, b, strict=True)),
            SYMBOLS.yy: sum(_coordinate(t) ** 2 for t in b),
            SYMBOLS.d_in: sympy.Integer(self.dimension),
        }
        if self.dimension == 1:
            products |= {SYMBOLS.x: _coordinate(a[0]), SYMBOLS.y: _coordinate(b[0])}
        return self.expression.subs(products, simultaneous=True)

    def with_values(self) -> Expr:
        """Replace d_in, sigma_w and sigma_b by the kernel's own numbers, as exact rationals."""
        return self.expression.subs(dict(self.values))


def _coordinate(value: object) -> Expr:
    """Return a number or expression as SymPy's; never text, which SymPy would execute."""
    try:
        return sympy.sympify(value, strict=True)
    except sympy.SympifyError:
        raise InputError(f"coordinate {value!r}: expected a number or a SymPy expression") from None


def _rational(value: float) -> Expr:
    exact = Fraction(value)
    return sympy.Rational(exact.numerator, exact.denominator)


def _values(d_in: int, sigma_w: float, sigma_b: float) -> tuple[tuple[Expr, Expr], ...]:
    return (
        (SYMBOLS.d_in, sympy.Integer(d_in)),
        (SYMBOLS.sigma_w, _rational(sigma_w)),
        (SYMBOLS.sigma_b, _rational(sigma_b)),
    )


def _network(kernel: ErfKernel | GaussKernel | ReluKernel, build: Callable[[Expr], Expr]) -> SymbolicKernel:
    """Return a network's kernel sigma_b^2 + build(s), where s = sigma_b^2 is exactly 0 if the kernel's is."""
    s = SYMBOLS.sigma_b**2 if kernel.sigma_b > 0 else sympy.Integer(0)
    return SymbolicKernel(
        kernel.name, s + build(s), s, kernel.d_in, _values(kernel.d_in, kernel.sigma_w, kernel.sigma_b)
    )


def _covariance(s: Expr, product: Expr) -> Expr:
    return s + SYMBOLS.sigma_w**2 * product / SYMBOLS.d_in


@singledispatch
def symbolic_kernel(kernel: object) -> SymbolicKernel:
    """Return a kernel's SymPy form.

    A Python object of one's own needs a method `sympy_expression(symbols: KernelSymbols)`; without it, and
    for an expression in foreign symbols, InputError says so.
    """
    return _from_method(kernel, kernel)


@symbolic_kernel.register(ErfKernel)
def _(kernel: ErfKernel) -> SymbolicKernel:
    def build(s: Expr) -> Expr:
        norm = sympy.sqrt(1 + 2 * _covariance(s, SYMBOLS.xx)) * sympy.sqrt(1 + 2 * _covariance(s, SYMBOLS.yy))
        return SYMBOLS.sigma_w**2 * 2 / sympy.pi * sympy.asin(2 * _covariance(s, SYMBOLS.xy) / norm)

    return _network(kernel, build)


@symbolic_kernel.register(GaussKernel)
def _(kernel: GaussKernel) -> SymbolicKernel:
    w = SYMBOLS.sigma_w**2
    return _network(kernel, lambda _s: w * sympy.exp(-w * SYMBOLS.rr / (2 * SYMBOLS.d_in)))


@symbolic_kernel.register(ReluKernel)
def _(kernel: ReluKernel) -> SymbolicKernel:
    def build(s: Expr) -> Expr:
        norm = sympy.sqrt(_covariance(s, SYMBOLS.xx)) * sympy.sqrt(_covariance(s, SYMBOLS.yy))
        theta = sympy.acos(_covariance(s, SYMBOLS.xy) / norm)
        angular = sympy.sin(theta) + (sympy.pi - theta) * sympy.cos(theta)
        return SYMBOLS.sigma_w**2 / (2 * sympy.pi) * norm * angular

    return _network(kernel, build)


@symbolic_kernel.register(FreeFieldKernel)
def _(kernel: FreeFieldKernel) -> SymbolicKernel:
    mass = _rational(kernel.mass)
    expression = sympy.exp(-mass * sympy.Abs(SYMBOLS.x - SYMBOLS.y)) / (2 * mass)
    return SymbolicKernel(kernel.name, expression, sympy.Integer(0), 1, ((SYMBOLS.d_in, sympy.Integer(1)),))


@symbolic_kernel.register(WeightsPropagator)
def _(kernel: WeightsPropagator) -> SymbolicKernel:
    full = symbolic_kernel(kernel.kernel)
    return SymbolicKernel(
        kernel.name,
        full.expression - full.bias_variance,
        sympy.Integer(0),
        full.dimension,
        full.values,
    )


@symbolic_kernel.register(ExpressionKernel)
def _(kernel: ExpressionKernel) -> SymbolicKernel:
    names = {
        "xx": SYMBOLS.xx,
        "xy": SYMBOLS.xy,
        "yy": SYMBOLS.yy,
        "rr": SYMBOLS.rr,
        "x": SYMBOLS.x,
        "y": SYMBOLS.y,
        "d_in": SYMBOLS.d_in,
        "sigma_w": SYMBOLS.sigma_w,
        "sigma_b": SYMBOLS.sigma_b if kernel.sigma_b > 0 else sympy.Integer(0),
        "pi": sympy.pi,
    }
    expression = _walk(kernel.tree, names)
    named = kernel.bias_variance == kernel.sigma_b**2 and expression.has(SYMBOLS.sigma_b)
    return SymbolicKernel(
        kernel.name,
        expression,
        SYMBOLS.sigma_b**2 if named else _rational(kernel.bias_variance),
        kernel.d_in,
        _values(kernel.d_in, kernel.sigma_w, kernel.sigma_b),
    )


@symbolic_kernel.register(FunctionKernel)
def _(kernel: FunctionKernel) -> SymbolicKernel:
    return _from_method(kernel.function, kernel)


def _from_method(owner: object, kernel: object) -> SymbolicKernel:
    """Return the form that `owner` offers of `kernel`, whose name, d_in and bias_variance are used."""
    name = str(getattr(kernel, "name", type(kernel).__name__))
    method = getattr(owner, "sympy_expression", None)
    if not callable(method):
        raise InputError(
            f"{name}: no symbolic form is known for a {type(owner).__name__}; add a method "
            "sympy_expression(symbols) that returns a SymPy expression in symbols.xx, symbols.xy and "
            "symbols.yy, or give the kernel as text (parse_kernel)"
        )
    expression = method(SYMBOLS)
    d_in = int(getattr(kernel, "d_in", 1))
    allowed = {SYMBOLS.xx, SYMBOLS.xy, SYMBOLS.yy, SYMBOLS.d_in}
    if d_in == 1:
        allowed |= {SYMBOLS.x, SYMBOLS.y}
    if not isinstance(expression, sympy.Expr):
        raise InputError(
            f"{name}: sympy_expression returned a {type(expression).__name__}: expected a SymPy expression"
        )
    foreign = sorted(map(str, expression.free_symbols - allowed))
    if foreign:
        raise InputError(
            f"{name}: sympy_expression contains {', '.join(foreign)}: expected numbers and, of the symbols "
            f"that it was given, {', '.join(sorted(map(str, allowed)))}"
        )
    constant = _rational(float(getattr(kernel, "bias_variance", 0.0)))
    return SymbolicKernel(name, expression, constant, d_in, ((SYMBOLS.d_in, sympy.Integer(d_in)),))


def _walk(tree: Expression, names: Mapping[str, Expr]) -> Expr:
    match tree:
        case Number(value):
            return sympy.Rational(value.numerator, value.denominator)
        case Name(name):
            return names[name]
        case Call(function, arguments):
            argument = _walk(arguments[0], names)
            if function in ("exp", "sinh", "cosh") and _size(argument) > MAX_CONSTANT_BITS:
                raise InputError(f"{function} of the constant {sympy.N(argument, 5)}: too large to write down")
            return _FUNCTIONS[function](argument)
        case Operation(sign, left, right):
            a, b = _walk(left, names), _walk(right, names)
            return combine(sign, a, b, _power)


def _power(base: Expr, exponent: Expr) -> Expr:
    """base^exponent, refused where SymPy would write down a huge number: constants may only appear once it simplifies."""
    if _size(exponent) > MAX_EXPONENT:
        raise InputError(f"exponent {sympy.N(exponent, 5)}: expected at most {MAX_EXPONENT} in size")
    if base.is_number and exponent.is_number and base != 0:
        bits = _size(sympy.log(sympy.Abs(base), 2)) * _size(exponent)
        if bits > MAX_CONSTANT_BITS:
            raise InputError(f"constant power {sympy.N(base, 5)}^{sympy.N(exponent, 5)}: too large to write down")
    return base**exponent


def _size(value: Expr) -> float:
    """|value| of a constant, 0 for anything else."""
    return abs(complex(sympy.N(value, 15))) if value.is_number and value.is_finite else 0.0
