"""One-vertex integrals in closed form, exact in the cutoff.

    I = int_{[-Lambda, Lambda]^d_in} d^d_in y  prod_{i in legs} K(x_i, y)  K(y, y)^loops

is the only integral in a correlator of first order, and -dlog I/dlog Lambda is the beta function of its coupling over the
coupling, at every cutoff. `separable` splits the integrand; sigma_w, sigma_b and the coordinates (`integrals.coordinates`,
or x1[axis] where d_in is a symbol) stay symbols. No closed form is known, and None is returned, for Erf-net and for
ReLU-net with a bias or in two dimensions and more.

Nothing is returned unproved: see `verify`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import sympy

from feyn_nn.errors import FeynError, InputError
from feyn_nn.symbolic.closed_forms.separable import (
    AXIS,
    INTERNAL,
    SIZES,
    AxisFactor,
    Separable,
    Side,
    expanded,
    internal_coordinates,
    leg_on_any_axis,
    split_by_sides,
    split_gaussian,
    split_polynomial,
    surface_integral,
    total_integral,
)
from feyn_nn.symbolic.integrals import CUTOFF, CubeIntegral, K, coordinates
from feyn_nn.symbolic.kernels import SYMBOLS, SymbolicKernel, symbolic_kernel

if TYPE_CHECKING:
    from feyn_nn.kernels import Kernel

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a closed form passed, and what was compared."""

    holds: bool
    method: str


_UNCHECKED: Final = Verification(False, "not checked yet")


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """The integral over [-Lambda, Lambda]^d_in of prod K(leg, y) K(y, y)^loops; `d_in` None leaves it a symbol.

    `limit` is its value for Lambda -> oo, None where it diverges; `conditions` are sentences on where the expression
    holds; `signs` those of the legs, where it depends on them; `terms` what the integrand was split into.
    """

    kernel: SymbolicKernel
    legs: tuple[Expr, ...]
    loops: int
    d_in: int | None
    expression: Expr
    limit: Expr | None
    conditions: tuple[str, ...]
    signs: tuple[int, ...]
    terms: tuple[Separable, ...]
    verification: Verification = _UNCHECKED

    @property
    def integral(self) -> Expr:
        """What `expression` is the value of, as a `CubeIntegral` over y1 of the undefined K."""
        y = sympy.Symbol("y1")
        return CubeIntegral(sympy.prod([K(leg, y) for leg in self.legs]) * K(y, y) ** self.loops, y)

    def value(
        self, points: Sequence[Sequence[float]], cutoff: float, expression: Expr | None = None, digits: int = 15
    ) -> float:
        """The integral, or another `expression` in its symbols, for the kernel's own sigma_w and sigma_b.

        `points` has a point of d_in coordinates for each leg; the points' number of coordinates is d_in where that is a
        symbol. Raises InputError for points that do not fit.
        """
        dimension, values = self._placed(points)
        values |= {name: number for name, number in self.kernel.values if name != SYMBOLS.d_in}
        values |= {CUTOFF: _exact(cutoff), SYMBOLS.d_in: sympy.Integer(dimension)}
        result = self.expression if expression is None else expression
        if self.d_in is None:
            result = result.subs(SYMBOLS.d_in, dimension).doit()
        return float(sympy.N(result.xreplace(values), digits))

    def _placed(self, points: Sequence[Sequence[float]]) -> tuple[int, dict[Expr, Expr]]:
        """The number of coordinates, and the coordinates' symbols with their numbers."""
        sizes = {len(point) for point in points} or {self.d_in or self.kernel.dimension}
        dimension = sizes.pop()
        if len(points) != len(self.legs) or sizes or self.d_in not in (None, dimension):
            raise InputError(
                f"points {[list(point) for point in points]}: expected a point of {self.d_in or 'd_in'} coordinates "
                f"for each of the {len(self.legs)} legs"
            )
        values: dict[Expr, Expr] = {}
        for leg, sign, point in zip(self.legs, self.signs or (0,) * len(self.legs), points, strict=True):
            symbols = (
                coordinates(leg, dimension)
                if self.d_in is not None
                else [leg_on_any_axis(leg).subs(AXIS, axis + 1) for axis in range(dimension)]
            )
            for symbol, number in zip(symbols, point, strict=True):
                if values.setdefault(symbol, _exact(number)) != _exact(number):
                    raise InputError(f"leg {leg} stands at two points: give legs at different points different names")
                if sign * number < 0:
                    raise InputError(f"{leg} = {number}: this closed form holds for {'; '.join(self.conditions)}")
        return dimension, values


def star_integral(
    kernel: Kernel, legs: Sequence[Expr], loops: int = 0, d_in: int | None = None, signs: Sequence[int] | None = None
) -> ClosedForm | None:
    """The closed form of int d^d_in y prod_{legs} K(leg, y) K(y, y)^loops over the cutoff's cube, None if none is known.

    `legs` are points as symbols, repeats allowed; the kernel's formula is taken at `d_in`, and None leaves d_in a symbol.
    `signs` (+1 or -1 for each leg, +1 if not given) tell on which side the legs are; they are used for d_in = 1 and a
    kernel that depends on the side. Raises InputError for arguments that do not fit, LimitError if the integrand has more
    than `separable.MAX_PRODUCTS` products.

    >>> from feyn_nn.kernels import GaussKernel, ReluKernel, WeightsPropagator
    >>> x1, x2, x3, x4 = legs = sympy.symbols("x1:5")
    >>> star_integral(ReluKernel(), legs, d_in=1).expression
    Lambda**5*sigma_w**16*x1*x2*x3*x4/80
    >>> star_integral(WeightsPropagator(GaussKernel()), (x1, x2), d_in=1).limit
    sqrt(pi)*sigma_w**3*exp(-sigma_w**2*(x1 - x2)**2/4)
    """
    form = symbolic_kernel(kernel)
    points, sides = _checked(form, legs, loops, d_in, signs)
    if d_in is not None:
        form = replace(form, dimension=d_in)
    split = split_gaussian(form, points, loops, d_in)
    if split is None and d_in is not None:
        split = split_polynomial(form, points, loops, d_in)
    if split is None and d_in == 1:
        split = split_by_sides(form, points, loops, sides)
    if split is None:
        return None
    total = total_integral(split.terms, d_in)
    found = ClosedForm(form, points, loops, d_in, total, split.limit, split.conditions, split.signs, split.terms)
    verification = verify(found)
    if not verification.holds:
        raise FeynError(
            f"{form.name}: the closed form for {len(points)} legs and {loops} loops at d_in = {d_in or 'd_in'} failed "
            f"its check ({verification.method}); this is a defect, please report it"
        )
    return replace(found, verification=verification)


def boundary_form(closed: ClosedForm) -> Expr:
    """dI/dLambda: the integral over the cube's surface, for d_in = 1 the integrand at its two ends."""
    if closed.d_in == 1 and not closed.signs:
        integrand = _integrand(closed, [coordinates(leg, 1) for leg in closed.legs], (INTERNAL,))
        return integrand.subs(INTERNAL, CUTOFF) + integrand.subs(INTERNAL, -CUTOFF)
    return surface_integral(closed.terms, closed.d_in)


def logarithmic_derivative(closed: ClosedForm) -> Expr:
    """The slope dlog I/dlog Lambda, which is -beta(g)/g for the coupling g of f^(legs + 2 loops) with the others dropped.

    A number where I is a power of the cutoff. Raises InputError where I is zero.

    >>> from feyn_nn.kernels import ReluKernel
    >>> logarithmic_derivative(star_integral(ReluKernel(), sympy.symbols("x1:7"), d_in=1))
    7
    """
    if closed.expression == 0:
        raise InputError(f"{closed.kernel.name}: the integral is zero for {'; '.join(closed.conditions)}: no logarithm")
    if not closed.expression.is_polynomial(CUTOFF):
        return CUTOFF * boundary_form(closed) / closed.expression
    powers = sympy.Poly(closed.expression, CUTOFF).terms()
    lowest = min(power for (power,), _ in powers)
    if len(powers) == 1:
        return sympy.Integer(lowest)
    value = sympy.Add(*(factor * CUTOFF ** (power - lowest) for (power,), factor in powers))
    slope = sympy.Add(*(power * factor * CUTOFF ** (power - lowest) for (power,), factor in powers))
    return slope / value


def verify(closed: ClosedForm) -> Verification:
    """Prove that dI/dLambda is the integral over the cube's surface and that I vanishes with Lambda.

    Exactly, for the d_in of the closed form, all d_in if that is a symbol: (1) the integrand, made of the kernel's own
    expression, is the sum of the terms; (2) for every factor of one axis the derivative of its integral is the density at
    the ends; (3) that integral is 0 at Lambda = 0; (4) the expression is the sum of the products of these integrals. The
    product rule gives the rest. Each difference is multiplied out and must be 0; exponents are compared as polynomials, or
    as cancelled rational functions.
    """
    factors = _factors(closed)
    derivatives = [sympy.diff(factor.integral, CUTOFF) - factor.boundary for factor in factors]
    starts = [factor.integral.subs(CUTOFF, 0) for factor in factors]
    checks = {
        "the integrand is the sum of the terms": _integrand_is_the_sum(closed),
        "the derivative of each axis' integral is the density at its ends": all(map(_is_zero, derivatives)),
        "each axis' integral vanishes at Lambda = 0": all(map(_is_zero, starts)),
        "the expression is the sum of their products": _is_zero(
            total_integral(closed.terms, closed.d_in) - closed.expression
        ),
    }
    failed = [name for name, holds in checks.items() if not holds]
    if failed:
        return Verification(False, f"not shown: {'; '.join(failed)}")
    return Verification(True, f"exact, each difference multiplied out is 0: {'; '.join(checks)}; then the product rule")


def _checked(
    form: SymbolicKernel, legs: Sequence[Expr], loops: int, d_in: int | None, signs: Sequence[int] | None
) -> tuple[tuple[Expr, ...], tuple[int, ...]]:
    points = tuple(legs)
    sides = (1,) * len(points) if signs is None else tuple(signs)
    if any(not isinstance(point, sympy.Symbol) or point == CUTOFF for point in points):
        raise InputError(f"legs {points}: expected points as symbols, such as sympy.symbols('x1:5')")
    if loops < 0:
        raise InputError(f"{loops} loops: expected zero or more")
    if d_in is not None and d_in < 1:
        raise InputError(f"d_in = {d_in}: expected a positive integer, or None for a symbol")
    if d_in not in (None, 1) and form.scalars:
        raise InputError(f"{form.name} is written in x and y: expected d_in = 1, got d_in = {d_in}")
    if len(sides) != len(points) or any(side not in (1, -1) for side in sides):
        raise InputError(f"signs {sides}: expected +1 or -1 for each of the {len(points)} legs")
    if len(set(zip(points, sides, strict=True))) > len(set(points)):
        raise InputError(f"signs {sides} of legs {points}: a leg that is repeated has two different signs")
    return points, sides


def _exact(value: float) -> Expr:
    return sympy.Rational(*float(value).as_integer_ratio())


def _integrand(closed: ClosedForm, points: Sequence[Expr], ys: Expr) -> Expr:
    between = closed.kernel.between
    return sympy.prod([between(point, ys) for point in points]) * between(ys, ys) ** closed.loops


def _integrand_is_the_sum(closed: ClosedForm) -> bool:
    if closed.d_in is None:
        return _is_zero(_difference_in_products(closed))
    if not closed.signs:
        ys = internal_coordinates(closed.d_in)
        points = [coordinates(leg, closed.d_in) for leg in closed.legs]
        return _is_zero(_integrand(closed, points, ys) - _sum_of_densities(closed.terms, ys))
    sizes = {leg: sympy.Dummy(positive=True) for leg in closed.legs}
    placed = {leg: sign * sizes[leg] for leg, sign in zip(closed.legs, closed.signs, strict=True)}
    values = {coordinates(leg, 1)[0]: value for leg, value in placed.items()}
    for y, other in ((SIZES[1], Side.LEFT), (-SIZES[1], Side.RIGHT)):
        terms = [term for term in closed.terms if term.factors[0].side is not other]
        integrand = _integrand(closed, [placed[leg] for leg in closed.legs], y)
        if not _is_zero(integrand - _sum_of_densities(terms, (y,)).subs(values)):
            return False
    return True


def _sum_of_densities(terms: Sequence[Separable], ys: Sequence[Expr]) -> Expr:
    return sympy.Add(
        *(
            term.coefficient * sympy.prod([f.density.subs(INTERNAL, y) for f, y in zip(term.factors, ys, strict=True)])
            for term in terms
        )
    )


def _difference_in_products(closed: ClosedForm) -> Expr:
    """The integrand minus the sum of the terms for any d_in, both in the inner products of the points.

    A density's exponent is a sum of multiples of x^2, x y and y^2 of one coordinate; the product over axes adds each of
    these up to an inner product.
    """
    squares = {leg: sympy.Symbol(f"{leg}.{leg}") for leg in closed.legs}
    mixed = {leg: sympy.Symbol(f"{leg}.y") for leg in closed.legs}
    expression, yy = closed.kernel.expression, SYMBOLS.yy
    integrand = expression.subs(dict.fromkeys((SYMBOLS.xx, SYMBOLS.xy), yy)) ** closed.loops
    for leg in closed.legs:
        integrand *= expression.subs({SYMBOLS.xx: squares[leg], SYMBOLS.xy: mixed[leg]}, simultaneous=True)
    products = {INTERNAL**2: yy}
    for leg in closed.legs:
        x = leg_on_any_axis(leg)
        products |= {x**2: squares[leg], x * INTERNAL: mixed[leg]}
    total = sympy.Integer(0)
    for term in closed.terms:
        (factor,) = term.factors
        parts: list[Expr] = []
        for part in sympy.Add.make_args(sympy.expand(factor.density.exp)) if factor.density != 1 else ():
            size, monomial = part.as_independent(INTERNAL, AXIS, as_Add=False)
            parts.append(size * products.get(monomial, sympy.nan))
        total += term.coefficient * sympy.exp(sympy.Add(*parts))
    return integrand - total


def _factors(closed: ClosedForm) -> set[AxisFactor]:
    """The different factors of one axis, with the legs' coordinates renamed: what holds for these holds for all."""
    parameters = {CUTOFF, INTERNAL, SYMBOLS.d_in, SYMBOLS.sigma_w, SYMBOLS.sigma_b}
    renamed = set()
    for factor in {factor for term in closed.terms for factor in term.factors}:
        density, integral = factor.density, factor.integral
        places = sorted(density.atoms(sympy.Indexed) or density.free_symbols - parameters, key=str)
        names = {place: sympy.Symbol(f"x_{index}", real=True) for index, place in enumerate(places)}
        renamed.add(AxisFactor(density.xreplace(names), integral.xreplace(names), factor.side))
    return renamed


def _is_zero(expression: Expr) -> bool:
    """Whether an expression in exponentials is zero when multiplied out."""
    return bool(expression == 0 or expanded(expression) == 0 or expanded(expression, normal=True) == 0)
