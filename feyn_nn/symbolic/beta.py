"""Beta functions from the generated correlators and the growth of a kernel (talk, (4.13), (4.14)).

`running` has the coupled linear system, exact for every Lambda. Here is what it says for a given kernel: its limits, how
they are approached, and which diagrams decide.

One vertex with k legs and l self-loops is an integral that grows as Lambda^E(k, l), E(k, l) = max(0, d_in + k a + l b), with
K(x, r n) ~ r^a and K(z, z) ~ r^b (`growth`, `asymptotics`). If G^(k) does not depend on Lambda for any legs, nor do the
connected correlators, and in these one vertex f^m appears with k <= m legs and (m - k)/2 loops only: the system is
triangular. From the highest power down,

    Lambda^E(k, 0) g_k = const + sum over m > k of Lambda^E(k, (m-k)/2) g_m,

so g_k ~ Lambda^x_k with x_k = max(0, max_m (E(k, (m-k)/2) + x_m)) - E(k, 0), logarithms not counted and the constants in
general position. The lines beside a vertex that (4.14) has on top cancel between the two equations. Where the integral of a
self-loop grows faster than that of two legs (b > 2a) a higher coupling drags the lower one along: f^m with a loop acts as
f^(m-2). Each coupling alone, the others dropped, falls as Lambda^-E(k, 0): these are the eigenvalues of the flow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import sympy

from feyn_nn.action import Action
from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import InputError
from feyn_nn.symbolic.formats.layout import representative_product
from feyn_nn.symbolic.growth import Limit, growth
from feyn_nn.symbolic.growth.asymptotics import IntegralLaw, integral_law
from feyn_nn.symbolic.growth.fixed_points import FixedPoints
from feyn_nn.symbolic.growth.relevance import relevance
from feyn_nn.symbolic.integrals import explicit
from feyn_nn.symbolic.kernels import SYMBOLS, SymbolicKernel, symbolic_kernel
from feyn_nn.symbolic.running import RunningSystem, running_system

if TYPE_CHECKING:
    from feyn_nn.action import Operator
    from feyn_nn.correlator import Term
    from feyn_nn.kernels import Kernel
    from feyn_nn.symbolic.growth import Growth

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types

_DIMENSIONS: Final = tuple(range(1, 61))
"""The d_in at which a piecewise linear exponent is compared with a simpler one; its corners lie far below the end."""


@dataclass(frozen=True)
class Beta:
    """The beta function of one coupling.

    `exponent` is the large-cutoff limit of beta(g)/g in the coupled system, an expression in d_in, `alone` that with the other
    couplings dropped; None where the integrals follow no power law. `diagrams` are the kept first-order terms of its
    correlator with the exponents of their integrals.
    """

    operator: Operator
    kernel: SymbolicKernel
    exponent: Expr | None
    alone: Expr | None
    large: IntegralLaw
    diagrams: tuple[tuple[Term, str, Expr], ...]

    @property
    def law(self) -> str:
        """The large-cutoff law as text."""
        name = self.operator.coupling
        if self.exponent is None:
            return f"no power law: the integral behind {name} grows faster than any power of Lambda"
        if self.exponent == 0:
            return f"beta({name}) -> 0: the integral behind {name} converges, up to logarithms, as Lambda -> infinity"
        return f"beta({name}) -> {exponent_text(self.exponent)} {name}"

    @property
    def exact(self) -> str:
        """Beta(g) at every cutoff, the other couplings dropped, as text."""
        name = self.operator.coupling
        integral = f"I{self.operator.valence}"
        terms = " + ".join(text for _, text, _ in self.diagrams)
        return (
            f"beta({name}) = -{name} dlog {integral}/dlog Lambda, "
            f"{integral} = {terms}, internal points over [-Lambda, Lambda]^d_in"
        )

    @cached_property
    def fixed_points(self) -> FixedPoints:
        """Where the dimensionless coupling c = g Lambda^E tends to a constant, the other couplings dropped."""
        small = integral_law(self.kernel, self.operator.valence, limit=Limit.SMALL)
        return FixedPoints(self.large, small)

    @property
    def small(self) -> IntegralLaw:
        """The law of the contact integral as Lambda -> 0."""
        return self.fixed_points.infrared

    @property
    def small_cutoff(self) -> str:
        """The small-cutoff law as text."""
        name, exponent = self.operator.coupling, self.fixed_points.infrared_exponent
        if exponent is None:
            return f"no power law for {name} as Lambda -> 0"
        return f"beta({name}) -> {exponent_text(-exponent)} {name} as Lambda -> 0"

    @property
    def correction(self) -> str:
        """How the large-cutoff law is approached, the other couplings dropped."""
        said = [sentence for sentence in self.large.sentences if sentence not in self.large.assumptions]
        return "; ".join(said)

    @property
    def dimensionless(self) -> tuple[str, ...]:
        """The fixed points in words."""
        name = self.operator.coupling
        return tuple(
            sentence.replace("c = g Lambda", f"c = {name} Lambda").replace(" g itself", f" {name} itself")
            for sentence in self.fixed_points.sentences
        )

    def fixed_value(self, limit: Limit = Limit.LARGE) -> Expr | None:
        """The constant to which c = g Lambda^E tends, the other couplings dropped; None where it is not known.

        In d_in = 1 and for legs of one sign: with I ~ C Lambda^E/E it is -Gc E/(k! C), Gc being the connected correlator
        and rho1, ... = |x1|, ... in C; -k! g I is all of it at first order.
        """
        law = self.large if limit is Limit.LARGE else self.small
        if law.amplitude is None:
            return None
        exponent, k = law.exponent.subs(SYMBOLS.d_in, 1), self.operator.valence
        if not exponent.is_positive or law.amplitude == 0:
            return None
        measured = sympy.Function(f"Gc{k}")(*(sympy.Symbol(f"x{leg + 1}") for leg in range(k)))
        return -measured * exponent / (sympy.factorial(k) * law.amplitude)

    @cached_property
    def system(self) -> RunningSystem:
        """The one equation for this coupling, the others dropped."""
        return running_system(Action((self.operator,)))

    def expression(self, d_in: int | None = None) -> Expr:
        """Beta(g) for every cutoff, the other couplings dropped: surface integrals over integrals, for any or a given d_in."""
        written = self.system.written_out(self.system.solve()[self.operator.coupling])
        return written if d_in is None else explicit(written, d_in)


@dataclass(frozen=True)
class BetaFunctions:
    """Beta functions of all couplings of an action for one kernel, with what they rest on."""

    action: Action
    kernel: str
    growth: Growth
    betas: tuple[Beta, ...]
    assumptions: tuple[str, ...]

    def __getitem__(self, coupling: str) -> Beta:
        """The beta function of a coupling; raise InputError if the action does not have it."""
        for beta in self.betas:
            if beta.operator.coupling == coupling:
                return beta
        known = ", ".join(beta.operator.coupling for beta in self.betas)
        raise InputError(f"no coupling {coupling!r}: the action has {known}")


def exponent_text(exponent: Expr) -> str:
    """An exponent as text in d_in.

    >>> from feyn_nn.symbolic.kernels import SYMBOLS
    >>> [exponent_text(-SYMBOLS.d_in - 4), exponent_text(-SYMBOLS.d_in), exponent_text(SYMBOLS.d_in * 0)]
    ['-(d_in + 4)', '-d_in', '0']
    """
    if exponent == 0:
        return "0"
    size = -exponent
    text = str(size).replace("Max(", "max(").replace("Min(", "min(")
    return f"-({text})" if size.is_Add else f"-{text}"


def beta_functions(action: Action, kernel: Kernel, other_dimension: Kernel | None = None) -> BetaFunctions:
    """Derive the beta functions of every coupling of `action` for the propagator `kernel`.

    With `other_dimension`, the same kernel for another number of inputs (1 against 2 or more), the growth is derived
    there too and the assumptions say whether the law holds for every d_in. Raises InputError if the growth of the
    kernel cannot be determined.
    """
    symbolic = symbolic_kernel(kernel)
    behaviour = growth(symbolic)
    coupled = coupled_exponents(action, behaviour)
    betas = tuple(_beta(action, operator, behaviour, symbolic, coupled[operator]) for operator in action.operators)
    assumptions = [
        f"legs and loops are {kernel.name}; couplings are constants integrated over [-Lambda, Lambda]^d_in",
        "exact forms: the other couplings are dropped; exponents: the coupled linear system at first order",
        f"K(x, r n) ~ r^a with a = {behaviour.leg}, K(z, z) ~ r^b with b = {behaviour.loop} as r -> infinity",
        *behaviour.assumptions,
        *_dimensions(kernel, behaviour, other_dimension),
        *_dragged(betas),
        *_comparison(action, behaviour),
    ]
    return BetaFunctions(action, kernel.name, behaviour, betas, tuple(dict.fromkeys(assumptions)))


def coupled_exponents(action: Action, behaviour: Growth) -> dict[Operator, Expr | None]:
    """x_k in g_k ~ Lambda^x_k for the coupled system at first order, in d_in; None where there is no power law.

    A loop of an odd difference of valences does not exist: odd and even couplings do not mix.
    """
    result: dict[Operator, Expr | None] = {}
    for operator in sorted(action.operators, key=lambda each: -each.valence):
        k = operator.valence
        own = _size(behaviour, k, 0)
        pulls: list[Expr] = [
            (_size(behaviour, k, (higher.valence - k) // 2), exponent)
            for higher, exponent in result.items()
            if higher.valence > k and (higher.valence - k) % 2 == 0
        ]
        if own is None or any(None in pull for pull in pulls):
            result[operator] = None
            continue
        result[operator] = _simplest(sympy.Max(0, *(size + exponent for size, exponent in pulls)) - own)
    return result


def _beta(action: Action, operator: Operator, behaviour: Growth, kernel: SymbolicKernel, exponent: Expr | None) -> Beta:
    order = tuple(int(other == operator) for other in action.operators)
    generated = generate_correlator(operator.valence, action, [order])
    diagrams = []
    for term in generated.terms:
        product = representative_product(term, action)
        loops = sum(1 for a, b in product.inner if a == b)
        size = _size(behaviour, len(product.inner) - loops, loops)
        diagrams.append((term, _text(term, action), sympy.oo if size is None else _simplest(size)))
    alone = _size(behaviour, operator.valence, 0)
    law = integral_law(behaviour, operator.valence)
    return Beta(operator, kernel, exponent, None if alone is None else _simplest(-alone), law, tuple(diagrams))


def _size(behaviour: Growth, legs: int, loops: int) -> Expr | None:
    """max(0, d_in + a legs + b loops), None if infinite."""
    parts = [behaviour.leg * legs if legs else 0, behaviour.loop * loops if loops else 0]
    if sympy.oo in parts:
        return None
    if -sympy.oo in parts:
        return sympy.Integer(0)
    return sympy.Max(0, SYMBOLS.d_in + sympy.Add(*parts))


def _simplest(exponent: Expr) -> Expr:
    """An exponent without Max where one linear form holds for every d_in >= 1, else with one Max where that is enough.

    Two piecewise linear functions of d_in whose corners lie below the largest number tried agree everywhere if they
    agree at all these numbers.
    """
    d_in = SYMBOLS.d_in
    if exponent.free_symbols - {d_in} or not exponent.has(sympy.Max):
        return exponent
    values = [exponent.subs(d_in, number) for number in _DIMENSIONS]
    slope = values[-1] - values[-2]
    line = values[-1] + slope * (d_in - _DIMENSIONS[-1])
    for candidate in (sympy.expand(line), -sympy.Max(0, sympy.expand(-line)), sympy.Max(0, sympy.expand(line))):
        if all(candidate.subs(d_in, number) == value for number, value in zip(_DIMENSIONS, values, strict=True)):
            return candidate
    return exponent


def _text(term: Term, action: Action) -> str:
    product = representative_product(term, action)
    inner = " ".join(f"K({a},{b})" for a, b in product.inner)
    outer = " ".join(f"K({a},{b})" for a, b in product.outer)
    measure = " ".join(f"d{point}" for point in product.points)
    written = f"{outer} int {measure} {inner}".strip()
    if term.labellings == 1:
        return f"{term.coefficient} {written}"
    return f"{term.coefficient} ({written} + {term.labellings - 1} more labellings)"


def _dimensions(kernel: Kernel, behaviour: Growth, other_dimension: Kernel | None) -> list[str]:
    """Say for which d_in the exponents hold."""
    here = "d_in = 1" if kernel.d_in == 1 else "d_in >= 2"
    if other_dimension is None:
        return [f"the growth was derived for {here}"]
    there = growth(symbolic_kernel(other_dimension))
    if (there.leg, there.loop) == (behaviour.leg, behaviour.loop):
        return ["the same growth was derived for d_in = 1 and for every d_in >= 2"]
    return [f"these laws hold for {here} only: elsewhere a = {there.leg}, b = {there.loop}"]


def _dragged(betas: tuple[Beta, ...]) -> list[str]:
    """Say where a coupling does not follow its own integral."""
    return [
        f"alone, with the other couplings dropped, {beta.operator.coupling} would run with the exponent "
        f"{exponent_text(beta.alone)}; a higher coupling drags it along: with a self-loop it acts as a term of lower power"
        for beta in betas
        if beta.exponent is not None and beta.alone is not None and beta.exponent != beta.alone
    ]


def _comparison(action: Action, behaviour: Growth) -> list[str]:
    """Say which coupling is more irrelevant, ties included."""
    try:
        comparisons = relevance(action, behaviour).comparisons
    except InputError as problem:
        return [f"which coupling is more irrelevant is not known: {problem}"]
    return [f"{each.statement}: {each.reason}" for each in comparisons]
