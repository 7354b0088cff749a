"""Products of kernels as sums of products over the axes, whose integrals over a cube are elementary.

The integrand prod_{legs} K(x_i, y) K(y, y)^loops is split into terms c * f_1(y_1) * ... * f_d(y_d), d = d_in, each f with its
integral from -Lambda to Lambda in closed form:

- K = c_0 + sum_j c_j exp(-alpha_j |x - y|^2), alpha_j > 0: a term for every choice of one summand for each leg. With
  A = sum alpha_i over the chosen Gaussians and m = sum alpha_i x_i / A, on each axis

      prod_i exp(-alpha_i (x_i - y)^2) = exp(-sum_{i<j} alpha_i alpha_j (x_i - x_j)^2 / A) exp(-A (y - m)^2);

- K a polynomial in the inner products: monomials;
- d_in = 1 and K a polynomial for each choice of the signs of x and y: monomials for y > 0 and others for y < 0.

With d_in = None the number of inputs is the symbol d_in: coordinates are x1[axis], and a term has one factor that stands for
every axis. Nothing here calls SymPy's integrate.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from itertools import combinations, product
from math import comb, prod
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import sympy

from feyn_nn.errors import LimitError
from feyn_nn.symbolic.integrals import CUTOFF, coordinates
from feyn_nn.symbolic.kernels import SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.symbolic.kernels import SymbolicKernel

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types

AXIS: Final = sympy.Symbol("axis", integer=True, positive=True)
"""The index of a coordinate, 1 to d_in, where d_in is a symbol."""
INTERNAL: Final = sympy.Symbol("y", real=True)
"""The coordinate that a factor of one axis is a function of."""
SIZES: Final = (sympy.Symbol("X", positive=True), sympy.Symbol("Y", positive=True))
"""|x| and |y| where K depends on the signs of x and y."""
MAX_PRODUCTS: Final = 10_000
"""Products that the integrand may have when it is multiplied out."""


class Side(Enum):
    """Which part of an axis a factor lives on: all of it, y > 0, or y < 0; the value gives the ends at the cutoff."""

    WHOLE = (1, -1)
    RIGHT = (1,)
    LEFT = (-1,)


@dataclass(frozen=True, slots=True)
class AxisFactor:
    """A function of the coordinate `INTERNAL`, and its integral over the part of [-Lambda, Lambda] that it lives on."""

    density: Expr
    integral: Expr
    side: Side = Side.WHOLE

    @property
    def boundary(self) -> Expr:
        """The density at the ends, added up: the derivative of the integral with respect to Lambda, if that is right."""
        return sympy.Add(*(self.density.subs(INTERNAL, sign * CUTOFF) for sign in self.side.value))


@dataclass(frozen=True, slots=True)
class Separable:
    """`coefficient` times a factor for each axis; with d_in a symbol one factor, which stands for all."""

    coefficient: Expr
    factors: tuple[AxisFactor, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """An integrand as a sum of terms. `limit`: its integral as Lambda -> oo, None if that diverges.

    `conditions` are sentences on where the split holds; `signs` those of the legs, where it depends on them.
    """

    terms: tuple[Separable, ...]
    limit: Expr | None
    conditions: tuple[str, ...]
    signs: tuple[int, ...] = ()


def split_gaussian(kernel: SymbolicKernel, legs: tuple[Expr, ...], loops: int, d_in: int | None) -> Split | None:
    """The split for constants and Gaussians, None if K is not of that form."""
    found = gaussian_mixture(kernel, d_in)
    if found is None:
        return None
    constant, waves = found
    options = [(constant, -1), *((size, index) for index, (size, _) in enumerate(waves))]
    _refuse_many(len(options) ** len(legs))
    loop = (constant + sympy.Add(*(size for size, _ in waves))) ** loops
    coefficients: Counter[tuple[tuple[tuple[Expr, int], int], ...]] = Counter()
    for chosen in product(options, repeat=len(legs)):
        gaussians = Counter((leg, index) for leg, (_, index) in zip(legs, chosen, strict=True) if index >= 0)
        key = tuple(sorted(gaussians.items(), key=lambda item: (str(item[0][0]), item[0][1])))
        coefficients[key] += prod((size for size, _ in chosen), start=loop)
    terms, limits, diverges = [], [], False
    for key, coefficient in coefficients.items():
        if coefficient == 0:
            continue
        factors, unbounded = [], []
        for axis in range(1 if d_in is None else d_in):
            centres = [(number * waves[index][1], _coordinate(leg, axis, d_in)) for (leg, index), number in key]
            factor, whole = _gaussian_factor(centres)
            factors.append(factor)
            unbounded.append(whole)
        terms.append(Separable(coefficient, tuple(factors)))
        diverges = diverges or not key
        limits.append(coefficient * _over_axes(unbounded, d_in))
    parameters = sorted({str(name) for _, alpha in waves for name in alpha.free_symbols} - {"d_in"})
    conditions = ("real coordinates", "Lambda > 0", *(f"{name} > 0" for name in parameters))
    return Split(tuple(terms), None if diverges else sympy.Add(*limits), conditions)


def gaussian_mixture(kernel: SymbolicKernel, d_in: int | None) -> tuple[Expr, list[tuple[Expr, Expr]]] | None:
    """(c_0, [(c_j, alpha_j)]) with K = c_0 + sum_j c_j exp(-alpha_j rr) and alpha_j > 0; None if K is not of that form."""
    expression, rr = kernel.expression, SYMBOLS.rr
    variables = [SYMBOLS.yy, SYMBOLS.xy, SYMBOLS.xx]
    if d_in is not None:
        expression = expression.subs(SYMBOLS.d_in, d_in)
    if kernel.scalars:
        if d_in is None:
            return None
        variables = [SYMBOLS.y, SYMBOLS.x]
        products = {SYMBOLS.xx: SYMBOLS.x**2, SYMBOLS.xy: SYMBOLS.x * SYMBOLS.y, SYMBOLS.yy: SYMBOLS.y**2}
        expression, rr = expression.subs(products, simultaneous=True), rr.subs(products, simultaneous=True)
    if _most_terms(expression) > MAX_PRODUCTS:
        return None
    constant = sympy.Integer(0)
    sizes: dict[Expr, Expr] = {}
    for term in sympy.Add.make_args(expanded(expression)):
        size, wave = term.as_independent(*variables, as_Add=False)
        if wave == 1:
            constant += size
            continue
        if not isinstance(wave, sympy.exp) or not wave.exp.is_polynomial(*variables):
            return None
        shift = wave.exp.subs(dict.fromkeys(variables, 0))
        alpha = -sympy.Poly(wave.exp, *variables).coeff_monomial(SYMBOLS.y**2 if kernel.scalars else SYMBOLS.yy)
        if not alpha.is_positive or sympy.expand(wave.exp - shift + alpha * rr) != 0:
            return None
        sizes[alpha] = sizes.get(alpha, sympy.Integer(0)) + size * sympy.exp(shift)
    return constant, [(size, alpha) for alpha, size in sizes.items()]


def split_polynomial(kernel: SymbolicKernel, legs: tuple[Expr, ...], loops: int, d_in: int) -> Split | None:
    """The split for a polynomial in the inner products (for d_in = 1 in x and y too), None if K is not one."""
    if not kernel.expression.is_polynomial(SYMBOLS.xx, SYMBOLS.xy, SYMBOLS.yy, SYMBOLS.x, SYMBOLS.y):
        return None
    ys = internal_coordinates(d_in)
    lines = [kernel.between(coordinates(leg, d_in), ys) for leg in legs] + [kernel.between(ys, ys)] * loops
    terms = tuple(
        Separable(coefficient, tuple(_power_factor(power, Side.WHOLE) for power in powers))
        for powers, coefficient in _multiplied(lines, ys).terms()
        if coefficient != 0
    )
    conditions = ("every value of the coordinates and the cutoff",)
    return Split(terms, None if terms else sympy.Integer(0), conditions)


def split_by_sides(kernel: SymbolicKernel, legs: tuple[Expr, ...], loops: int, signs: tuple[int, ...]) -> Split | None:
    """The split for d_in = 1 and a polynomial for each choice of the signs of x and y, None if K is not one."""
    # K(a X, b Y) with X, Y > 0; ReLU-net's angle is 0 or pi by itself there
    on = {(a, b): kernel.between(a * SIZES[0], b * SIZES[1]) for a in (1, -1) for b in (1, -1)}
    if not all(value.is_polynomial(*SIZES) for value in on.values()):
        return None
    x_size, y_size = SIZES
    terms = []
    for side, y_sign in ((Side.RIGHT, 1), (Side.LEFT, -1)):
        lines = [
            on[sign, y_sign].subs({x_size: sign * coordinates(leg, 1)[0], y_size: y_sign * INTERNAL}, simultaneous=True)
            for leg, sign in zip(legs, signs, strict=True)
        ] + [on[y_sign, y_sign].subs(dict.fromkeys(SIZES, y_sign * INTERNAL), simultaneous=True)] * loops
        terms += [
            Separable(coefficient, (_power_factor(power, side),))
            for (power,), coefficient in _multiplied(lines, (INTERNAL,)).terms()
            if coefficient != 0
        ]
    conditions = []
    for wanted, relation in ((1, ">="), (-1, "<=")):
        names = dict.fromkeys(str(leg) for leg, sign in zip(legs, signs, strict=True) if sign == wanted)
        conditions += [f"{', '.join(names)} {relation} 0"] if names else []
    return Split(tuple(terms), None if terms else sympy.Integer(0), (*conditions, "Lambda > 0"), signs)


def total_integral(terms: Sequence[Separable], d_in: int | None) -> Expr:
    """The sum of the terms' integrals over the cube."""
    return sympy.Add(
        *(term.coefficient * _over_axes([factor.integral for factor in term.factors], d_in) for term in terms)
    )


def surface_integral(terms: Sequence[Separable], d_in: int | None) -> Expr:
    """The sum of the terms' integrals over the cube's surface, every face of which is a cube with one axis less."""
    surfaces = []
    for term in terms:
        if d_in is None:
            (factor,) = term.factors
            ratios = sympy.Sum(factor.boundary / factor.integral, (AXIS, 1, SYMBOLS.d_in))
            surfaces.append(term.coefficient * _over_axes([factor.integral], None) * ratios)
            continue
        for axis, factor in enumerate(term.factors):
            others = [other.integral for place, other in enumerate(term.factors) if place != axis]
            surfaces.append(term.coefficient * factor.boundary * sympy.prod(others))
    return sympy.Add(*surfaces)


def internal_coordinates(d_in: int) -> tuple[Expr, ...]:
    """The coordinates of the point that is integrated over."""
    return (INTERNAL,) if d_in == 1 else tuple(sympy.Symbol(f"y_{axis + 1}", real=True) for axis in range(d_in))


def leg_on_any_axis(leg: Expr) -> Expr:
    """x1[axis]."""
    return sympy.IndexedBase(str(leg))[AXIS]


def expanded(expression: Expr, *, normal: bool = False) -> Expr:
    """Multiplied out, with one exponential in each term; if `normal`, its exponent as a cancelled rational function.

    SymPy leaves exp(a) exp(b) as it is, and expands exp(a + b) into it unless told not to.
    """
    sums: dict[Expr, Expr] = {}
    for term in sympy.Add.make_args(sympy.expand(expression, power_exp=False)):
        factors = sympy.Mul.make_args(term)
        exponent = sympy.Add(*(factor.exp for factor in factors if isinstance(factor, sympy.exp)))
        rest = sympy.Mul(*(factor for factor in factors if not isinstance(factor, sympy.exp)))
        if normal:
            exponent = sympy.expand(sympy.cancel(exponent))
        sums[exponent] = sums.get(exponent, sympy.Integer(0)) + rest
    return sympy.Add(*(sympy.expand(size) * sympy.exp(exponent) for exponent, size in sums.items()))


def _gaussian_factor(centres: list[tuple[Expr, Expr]]) -> tuple[AxisFactor, Expr]:
    """prod_i exp(-alpha_i (x_i - y)^2) on one axis, and its integral over the whole line (0 where there is none)."""
    if not centres:
        return AxisFactor(sympy.Integer(1), 2 * CUTOFF), sympy.Integer(0)
    density = sympy.exp(-sympy.Add(*(alpha * (x - INTERNAL) ** 2 for alpha, x in centres)))
    total = sympy.Add(*(alpha for alpha, _ in centres))
    mean = sympy.Add(*(sympy.cancel(alpha / total) * x for alpha, x in centres))
    spread = sympy.Add(*(sympy.cancel(a * b / total) * (x - y) ** 2 for (a, x), (b, y) in combinations(centres, 2)))
    root = sympy.sqrt(total)
    whole = sympy.sqrt(sympy.pi) / root * sympy.exp(-spread)
    ends = sympy.erf(root * (CUTOFF - mean)) + sympy.erf(root * (CUTOFF + mean))
    return AxisFactor(density, whole / 2 * ends), whole


def _power_factor(power: int, side: Side) -> AxisFactor:
    """y^power on one axis."""
    primitive = CUTOFF ** (power + 1) / (power + 1)
    return AxisFactor(INTERNAL**power, sympy.Add(*(sign**power * primitive for sign in side.value)), side)


def _multiplied(lines: list[Expr], ys: Sequence[Expr]) -> Expr:
    """The product of the lines as a sympy.Poly in `ys`."""
    _refuse_many(prod(_most_terms(line) for line in lines))
    result = sympy.Poly(1, *ys)
    for line in lines:
        result *= sympy.Poly(line, *ys)
    return result


def _most_terms(expression: Expr) -> int:
    """A bound on the terms of an expression when multiplied out, its functions' arguments included."""
    parts = [_most_terms(argument) for argument in expression.args]
    if expression.is_Add:
        return sum(parts)
    if expression.is_Mul:
        return prod(parts)
    if expression.is_Pow and expression.exp.is_Integer:
        power = abs(int(expression.exp))
        return comb(parts[0] + power - 1, power)
    return max(parts, default=1)


def _refuse_many(products: int) -> None:
    if products > MAX_PRODUCTS:
        raise LimitError(
            f"the integrand has {products} products when multiplied out, more than {MAX_PRODUCTS}; "
            "use fewer legs, or integrate numerically"
        )


def _coordinate(leg: Expr, axis: int, d_in: int | None) -> Expr:
    return leg_on_any_axis(leg) if d_in is None else coordinates(leg, d_in)[axis]


def _over_axes(factors: Sequence[Expr], d_in: int | None) -> Expr:
    """The product of a factor for each axis, or for d_in a symbol of the one factor over all axes."""
    if d_in is not None:
        return sympy.prod(factors)
    fixed, moving = factors[0].as_independent(AXIS, as_Add=False)
    return fixed**SYMBOLS.d_in * (1 if moving == 1 else sympy.Product(moving, (AXIS, 1, SYMBOLS.d_in)))
