"""The law of a one-vertex integral at large and at small cutoff, with its first correction, from a kernel's growth.

    I(L) = int_{[-L, L]^d_in} d^d_in y  prod_{i=1..legs} K(x_i, y) K(y, y)^loops

With K(x, r n) ~ r^a and K(z, z) ~ r^b the integrand is C r^e along each direction, e = a legs + b loops, and its next term
that survives the sum over opposite directions is r^(e - p) for L -> oo (r^(e + p) for L -> 0). With D = d_in + e:

    L -> oo:  I = C L^D / D + C1 L^(D - p) / (D - p) + B + ...     (a logarithm where D or D - p is zero)
    L -> 0:   I = C L^D / D + C1 L^(D + p) / (D + p) + ...         (D > 0)

B is the part of the integral from finite y, which no expansion at large y knows. Hence dlog I/dlog L -> max(0, D) as
L -> oo, with a correction L^(-q), q = min(p, D), times log L where p = D; and -> D as L -> 0 with a correction L^p. If K is
homogeneous there is neither a next term nor a B, and the law holds at every L.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import sympy

from feyn_nn.errors import InputError
from feyn_nn.symbolic.growth.directions import Limit
from feyn_nn.symbolic.growth.exponents import Growth, growth
from feyn_nn.symbolic.growth.integrand import amplitude_of, checked_edges, opposite_sides, sum_of_directions
from feyn_nn.symbolic.kernels import SYMBOLS, SymbolicKernel

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types


class Cause(Enum):
    """What the first correction to a power law comes from."""

    NONE = "none: the law holds at every cutoff"
    NEXT_TERM = "the next term of the kernel's expansion"
    FINITE_PART = "the part of the integral from finite y"
    BOTH = "the next term of the kernel's expansion, whose integral is a logarithm beside the part from finite y"
    TAIL = "the tail of a convergent integral"
    LOGARITHM = "an integral that grows as a logarithm"
    DIVERGES = "the integral does not converge at y = 0"
    FASTER = "nothing that is a power: it falls faster than any"
    UNKNOWN = "not determined"


@dataclass(frozen=True, slots=True)
class Approach:
    """How dlog I/dlog L tends to `exponent` in one number of dimensions: the gap is L^(-power), or L^power as L -> 0.

    `logarithm`: the gap has a factor log L. `power` is oo where there is no correction that is a power, 0 where it
    is 1/log L, None where it is not determined.
    """

    exponent: Expr
    power: Expr | None
    logarithm: bool
    cause: Cause


@dataclass(frozen=True, slots=True)
class IntegralLaw:
    """The law of one integral in one limit.

    `dimension` 1: derived for d_in = 1; 2 or more: for every d_in >= 2, which stays the symbol SYMBOLS.d_in in
    `exponent` and `correction`. `power` is e, the exponent of the integrand; `drop` is p, oo where what follows is
    smaller than every power or zero, None where not determined; `exact`: the integrand is homogeneous; `lower_bound`: narrow
    bands of directions may make the integral larger than the law. For d_in = 1 `amplitude` and `next_amplitude` are C
    and C1 in rho1, rho2, ... = |x1|, |x2|, ...
    """

    limit: Limit
    legs: int
    loops: int
    dimension: int
    power: Expr
    drop: Expr | None
    exact: bool
    lower_bound: bool
    amplitude: Expr | None
    next_amplitude: Expr | None
    assumptions: tuple[str, ...]

    @property
    def vanishes(self) -> bool:
        """Whether the integral is zero at every cutoff; there is no law then, and `exponent` is nan."""
        return self.power is sympy.nan

    @property
    def degree(self) -> Expr:
        """D = d_in + e in the symbol d_in, the superficial degree of divergence."""
        return SYMBOLS.d_in + self.power

    @property
    def exponent(self) -> Expr:
        """Limit of dlog I/dlog L: max(0, D) for L -> oo, D for L -> 0 (if D > 0); oo where faster than any power."""
        if self.limit is Limit.SMALL or self.vanishes or self.power == sympy.oo:
            return self.degree
        return sympy.Max(0, self.degree) if self.power != -sympy.oo else sympy.Integer(0)

    @property
    def correction(self) -> Expr | None:
        """The q of the correction L^(-q) (L -> oo) or L^q (L -> 0), in the symbol d_in, None if not determined.

        oo where the law is exact or approached faster than any power; 0 where the approach is 1/log L.
        """
        if self.drop is None or self.limit is Limit.SMALL or self.exact or abs(self.power) == sympy.oo:
            return self.drop
        total, drop = self.degree, self.drop
        falls = sympy.Min(drop, total)
        if sympy.Max(0, total) == total:
            return falls
        return sympy.Piecewise((-total, total < 0), (falls, True))

    @property
    def logarithm(self) -> int | None:
        """The d_in for which D = 0: there I ~ log L (L -> oo), or does not converge at y = 0 (L -> 0)."""
        return self._dimension_of(-self.power)

    @property
    def correction_logarithm(self) -> int | None:
        """The d_in for which the correction carries a factor log L: p = D, L -> oo only."""
        if self.drop is None or self.limit is Limit.SMALL or self.exact or abs(self.power) == sympy.oo:
            return None
        return self._dimension_of(self.drop - self.power)

    def _dimension_of(self, value: Expr) -> int | None:
        if self.lower_bound or not value.is_Integer or value < 1 or (self.dimension == 1) != (value == 1):
            return None
        return int(value)

    def at(self, d_in: int) -> Approach:
        """The law in `d_in` dimensions; raise InputError where it was not derived for that number."""
        if d_in < 1 or (d_in == 1) != (self.dimension == 1):
            derived = "d_in = 1" if self.dimension == 1 else "d_in >= 2"
            raise InputError(
                f"d_in = {d_in}: this law was derived for {derived}; derive it from a kernel with that d_in"
            )
        exponent = self.exponent.subs(SYMBOLS.d_in, d_in)
        if self.vanishes or self.lower_bound:
            return Approach(exponent, None, logarithm=False, cause=Cause.UNKNOWN)
        if not self._converges(self.power + d_in):
            return Approach(sympy.nan, None, logarithm=False, cause=Cause.DIVERGES)
        if self.exact:
            return Approach(exponent, sympy.oo, logarithm=False, cause=Cause.NONE)
        if abs(self.power) == sympy.oo or self.limit is Limit.SMALL:
            cause = {None: Cause.UNKNOWN, sympy.oo: Cause.FASTER}.get(self.drop, Cause.NEXT_TERM)
            return Approach(exponent, self.drop, logarithm=False, cause=cause)
        return self._large(d_in, exponent)

    def _converges(self, degree: Expr) -> bool:
        """Whether the integral exists at y = 0, where this law knows what K does there."""
        return not ((self.limit is Limit.SMALL or self.exact) and (degree <= 0) == sympy.true)

    def _large(self, d_in: int, exponent: Expr) -> Approach:
        total = self.power + d_in
        if total == 0:
            return Approach(exponent, sympy.Integer(0), logarithm=False, cause=Cause.LOGARITHM)
        if total.is_negative:
            return Approach(exponent, -total, logarithm=False, cause=Cause.TAIL)
        if self.drop is None or not total.is_positive:
            return Approach(exponent, None, logarithm=False, cause=Cause.UNKNOWN)
        if self.drop == total:
            return Approach(exponent, total, logarithm=True, cause=Cause.BOTH)
        if (self.drop < total) == sympy.true:
            return Approach(exponent, self.drop, logarithm=False, cause=Cause.NEXT_TERM)
        return Approach(exponent, total, logarithm=False, cause=Cause.FINITE_PART)

    @property
    def correction_coefficient(self) -> Expr | None:
        """For d_in = 1 the factor of L^(-q) (of log L L^(-q) with `correction_logarithm`, of L^q for L -> 0).

        0 where the law is exact; None where it needs the part of the integral from finite y, or d_in >= 2.
        """
        if self.amplitude is None or self.vanishes:
            return None
        approach = self.at(1)
        if approach.cause is Cause.NONE:
            return sympy.Integer(0)
        if self.next_amplitude is None or approach.cause not in {Cause.NEXT_TERM, Cause.BOTH}:
            return None
        ratio, total = sympy.together(self.next_amplitude / self.amplitude), 1 + self.power
        if approach.cause is Cause.BOTH:
            return -(total**2) * ratio
        shift: Expr = self.limit.sign * (self.drop or 0)
        return shift * total / (total + shift) * ratio

    @property
    def sentences(self) -> tuple[str, ...]:
        """The law, its correction and what decides, for a reader."""
        return (*_law(self), *_correction(self), *self.assumptions)


def integral_law(
    kernel: SymbolicKernel | Growth,
    legs: int,
    loops: int = 0,
    limit: Limit = Limit.LARGE,
    signs: tuple[int, ...] | None = None,
) -> IntegralLaw:
    """Return the law of int prod_{i=1..legs} K(x_i, y) K(y, y)^loops over the cube; a Growth brings its own limit.

    `signs`, for d_in = 1 only, are those of the x_i (default: all positive). Raises InputError for bad numbers of lines
    or signs, and where the growth cannot be determined.

    >>> from feyn_nn.kernels import ErfKernel
    >>> from feyn_nn.symbolic.kernels import symbolic_kernel
    >>> law = integral_law(symbolic_kernel(ErfKernel(d_in=2)), 4)
    >>> law.exponent, law.correction, law.at(3).exponent
    (d_in, 1, 3)
    """
    if legs < 0 or loops < 0 or legs + loops == 0:
        raise InputError(f"{legs} legs and {loops} loops: expected numbers of lines, at least one line")
    behaviour = kernel if isinstance(kernel, Growth) else growth(kernel, limit)
    dimension = behaviour.kernel.dimension
    if signs is not None and (dimension > 1 or len(signs) != legs or not set(signs) <= {1, -1}):
        raise InputError(f"signs {signs}: expected 1 or -1 for each of {legs} legs, and d_in = 1 (here {dimension})")
    chosen = (1,) * legs if signs is None else signs
    patterns = [chosen]
    if dimension > 1 and len({direction.exponent for direction in behaviour.directions}) > 1:
        patterns = [(1,) * k + (-1,) * (legs - k) for k in range(legs + 1)]
    sides = [opposite_sides(behaviour, pattern, loops) for pattern in patterns]
    notes = [*behaviour.assumptions]
    if signs is not None and -1 in signs:
        notes.append(f"the signs of x1, ... are {', '.join('+' if sign > 0 else '-' for sign in signs)}")
    elif dimension == 1 and len({direction.exponent for direction in behaviour.directions}) > 1:
        same = "are positive" if behaviour.kernel.scalars else "have the same sign"
        notes.append(f"all x_i {same}: else other directions decide")
    elif dimension > 1 and len(patterns) > 1:
        notes.append("the x_i lie in a common half-space, so that all legs may grow fastest together")
    power, drop, exact, terms = sum_of_directions(sides, behaviour, notes)
    lower_bound = False
    if dimension > 1 and power not in {sympy.nan, -behaviour.limit.sign * sympy.oo}:
        drop, lower_bound = checked_edges(behaviour, legs, drop, terms, notes)
        exact = exact and drop is not None
    amplitude = next_amplitude = None
    if dimension == 1 and power is not sympy.nan and abs(power) != sympy.oo:
        amplitude = amplitude_of(sides[0], behaviour.limit.sign * power, terms)
        if drop is not None and drop != sympy.oo:
            next_amplitude = amplitude_of(sides[0], behaviour.limit.sign * power + drop, terms)
    return IntegralLaw(
        behaviour.limit,
        legs,
        loops,
        dimension,
        power,
        drop,
        exact,
        lower_bound,
        amplitude,
        next_amplitude,
        tuple(dict.fromkeys(notes)),
    )


def _law(law: IntegralLaw) -> list[str]:
    """Sentences on the exponent."""
    small = law.limit is Limit.SMALL
    end = "0" if small else "infinity"
    where = "d_in = 1" if law.dimension == 1 else "d_in >= 2"
    if law.vanishes:
        return [f"the integral vanishes at every Lambda ({where}): it has no exponent"]
    if law.power == sympy.oo:
        change = "vanishes" if small else "grows"
        return [f"the integral {change} faster than any power of Lambda as Lambda -> {end} ({where})"]
    if law.power == -sympy.oo:
        if small:
            return [f"the integral does not converge at y = 0 ({where})"]
        if law.lower_bound:
            return [f"the integrand decays faster than any power of |y| in almost all directions ({where})"]
        return [f"the integral converges: dlog I/dlog Lambda -> 0 faster than any power of Lambda ({where})"]
    exponent = _shown(law.exponent, law)
    least = "" if not law.lower_bound else "at most " if small else "at least "
    said = [f"dlog I/dlog Lambda -> {least}{exponent} as Lambda -> {end} ({where})"]
    if law.lower_bound:
        return said
    if law.exact:
        said = [f"dlog I/dlog Lambda = {exponent} at every Lambda: the integrand is homogeneous ({where})"]
    if law.logarithm is not None and (small or law.exact):
        said.append(f"for d_in <= {law.logarithm} the integral does not converge at y = 0")
    elif law.logarithm is not None:
        said.append(
            f"for d_in = {law.logarithm} the integral grows as log Lambda: dlog I/dlog Lambda falls as 1/log Lambda"
        )
    return said


def _correction(law: IntegralLaw) -> list[str]:
    """Sentences on how the exponent is approached."""
    if law.vanishes or law.exact or abs(law.power) == sympy.oo:
        return []
    if law.drop is None:
        return ["how fast it is approached is not determined"]
    if law.dimension == 1:
        return _correction_in_one_dimension(law)
    if law.limit is Limit.SMALL:
        if law.drop == sympy.oo:
            return ["the gap falls faster than any power of Lambda"]
        return [f"the gap falls as {power_text(law.drop, law)}, from {Cause.NEXT_TERM.value}"]
    falls = sympy.Min(law.drop, law.degree)
    if falls == law.drop:
        cause = Cause.NEXT_TERM.value
    elif law.drop == sympy.oo:
        cause = Cause.FINITE_PART.value
    else:
        cause = f"{Cause.NEXT_TERM.value} (power {law.drop}) and {Cause.FINITE_PART.value} (power {_shown(law.degree, law)})"
    always = sympy.Max(0, law.degree) == law.degree
    where = "" if always else f"where {_shown(law.degree, law)} > 0 "
    said = [f"{where}the gap falls as {power_text(-falls, law)}, from {cause}"]
    if law.correction_logarithm is not None:
        said.append(f"the gap has a factor log Lambda for d_in = {law.correction_logarithm}")
    if not always:
        said.append(
            f"where {_shown(law.degree, law)} < 0 the integral converges, with a tail {power_text(law.degree, law)}"
        )
    return said


def _correction_in_one_dimension(law: IntegralLaw) -> list[str]:
    approach = law.at(1)
    if approach.cause in {Cause.LOGARITHM, Cause.DIVERGES}:
        return []
    if approach.power is None:
        return ["how fast it is approached is not determined"]
    if approach.power == sympy.oo:
        return ["the gap falls faster than any power of Lambda"]
    factor = "log(Lambda) " if approach.logarithm else ""
    power = -law.limit.sign * approach.power
    said = [f"the gap falls as {factor}{power_text(-power, law)}, from {approach.cause.value}"]
    if approach.cause in {Cause.FINITE_PART, Cause.TAIL}:
        said.append("its coefficient needs the integral at finite y, which is not known symbolically")
    return said


def power_text(power: Expr, law: IntegralLaw) -> str:
    """Lambda^power as text, with the number in place of d_in where the law is one for d_in = 1."""
    shown = _shown(power, law)
    if shown == "1":
        return "Lambda"
    return f"Lambda^{shown}" if shown.isalnum() or shown == "d_in" else f"Lambda^({shown})"


def _shown(value: Expr, law: IntegralLaw) -> str:
    return str(in_its_dimension(value, law)).replace("Max(", "max(").replace("Min(", "min(")


def in_its_dimension(exponent: Expr, law: IntegralLaw) -> Expr:
    """The exponent in d_in = 1 where that is what it was derived for."""
    return exponent.subs(SYMBOLS.d_in, 1) if law.dimension == 1 else exponent
