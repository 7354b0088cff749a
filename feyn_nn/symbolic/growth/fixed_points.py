"""Fixed points of the dimensionless coupling c = g L^E at large and at small cutoff.

The coupling in front of I must run as g ~ 1/I for the correlator not to see the cutoff (beta(g) = -g dlog I/dlog L), so that
c = g L^E with E the limit of dlog I/dlog L tends to a constant: a fixed point, ultraviolet for L -> oo, infrared for L -> 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import sympy

from feyn_nn.symbolic.growth.asymptotics import IntegralLaw, in_its_dimension, integral_law, power_text
from feyn_nn.symbolic.growth.directions import Limit
from feyn_nn.symbolic.kernels import SYMBOLS, SymbolicKernel

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types


@dataclass(frozen=True, slots=True)
class FixedPoints:
    """Whether c = g L^E tends to a constant as L -> oo (`ultraviolet`) and as L -> 0 (`infrared`), for one integral."""

    ultraviolet: IntegralLaw
    infrared: IntegralLaw

    @property
    def ultraviolet_exponent(self) -> Expr | None:
        """E for L -> oo, None where there is none: no power law, or the integral vanishes."""
        return _usable(self.ultraviolet)

    @property
    def infrared_exponent(self) -> Expr | None:
        """E for L -> 0, None where there is none."""
        return _usable(self.infrared)

    @property
    def same(self) -> bool:
        """Whether one c has both fixed points, in every d_in for which the laws were derived."""
        both = (self.ultraviolet_exponent, self.infrared_exponent)
        return None not in both and in_its_dimension(both[0], self.ultraviolet) == in_its_dimension(
            both[1], self.infrared
        )

    @property
    def exact(self) -> bool:
        """Whether c does not run at all."""
        return self.same and self.ultraviolet.exact

    @property
    def sentences(self) -> tuple[str, ...]:
        """In words."""
        where = "d_in = 1" if self.ultraviolet.dimension == 1 else "every d_in >= 2"
        upper, lower = self.ultraviolet_exponent, self.infrared_exponent
        if self.exact:
            name = power_text(upper, self.ultraviolet)
            return (f"c = g {name} is constant at every Lambda, for {where}",)
        said = []
        for exponent, law, name, end in (
            (upper, self.ultraviolet, "ultraviolet", "infinity"),
            (lower, self.infrared, "infrared", "0"),
        ):
            if exponent is None:
                said.append(f"no {name} fixed point: the integral follows no power law as Lambda -> {end}")
            elif in_its_dimension(exponent, law) == 0:
                said.append(f"{name}: g itself tends to a constant as Lambda -> {end}, up to logarithms")
            else:
                said.append(f"{name} fixed point of c = g {power_text(exponent, law)} as Lambda -> {end}")
        if lower is not None:
            said.append("Lambda -> 0 leaves the inputs outside of the region of integration")
        if self.same:
            said.append(f"the same c has both fixed points, for {where}")
        elif None not in (upper, lower):
            said.append(f"no one c has both fixed points ({where}): the exponents differ")
        return tuple(said)


def fixed_points(kernel: SymbolicKernel, legs: int, loops: int = 0) -> FixedPoints:
    """Return the fixed points of a coupling whose integral has `legs` lines to inputs and `loops` self-loops.

    Raises InputError as `integral_law` does.

    >>> from feyn_nn.kernels import GaussKernel
    >>> from feyn_nn.symbolic.kernels import symbolic_kernel
    >>> found = fixed_points(symbolic_kernel(GaussKernel(d_in=2)), 4)
    >>> found.ultraviolet_exponent, found.infrared_exponent, found.same
    (d_in, d_in, True)
    """
    return FixedPoints(integral_law(kernel, legs, loops, Limit.LARGE), integral_law(kernel, legs, loops, Limit.SMALL))


def _usable(law: IntegralLaw) -> Expr | None:
    if (
        law.vanishes
        or law.lower_bound
        or law.power == sympy.oo
        or (law.limit is Limit.SMALL and law.power == -sympy.oo)
    ):
        return None
    if law.limit is Limit.SMALL and (law.degree.subs(SYMBOLS.d_in, max(1, law.dimension)) <= 0) == sympy.true:
        return None
    return law.exponent
