"""Beta functions from the generated correlators and the growth of a kernel (talk, (4.13), (4.14)).

The cutoff must not be seen in G^(k): dG^(k)/dlog Lambda = 0. At first order the coefficient of the coupling g of
f^k in G^(k) is A(Lambda) = sum over kept diagrams of C int prod K, so that with the other couplings dropped

    beta(g) = dg/dlog Lambda = -g dlog A/dlog Lambda,      exact for every Lambda.

With K(x, r n) ~ r^a and K(z, z) ~ r^b (see `growth`) a one-vertex diagram with j lines from legs and l self-loops
grows as Lambda^max(0, d_in + a j + b l), and the fastest kept diagram gives A. In the coupled system the matrix of
coefficients has these on its diagonal and they decide the exponents: a lower coupling enters the equation of a higher
correlator only with lines between legs beside a diagram that its own equation fixes, a higher one enters a lower
correlator with the loops that also appear in its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import sympy

from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import InputError
from feyn_nn.symbolic.expressions import term_expressions
from feyn_nn.symbolic.growth import growth
from feyn_nn.symbolic.integrals import CUTOFF
from feyn_nn.symbolic.kernels import SYMBOLS, symbolic_kernel
from feyn_nn.symbolic.layout import Product, labelled_products

if TYPE_CHECKING:
    from feyn_nn.action import Action, Operator
    from feyn_nn.correlator import Term
    from feyn_nn.kernels import Kernel
    from feyn_nn.symbolic.growth import Growth

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types


@dataclass(frozen=True, slots=True)
class Beta:
    """The beta function of one coupling.

    `exponent` is the large-cutoff limit of beta(g)/g, an expression in d_in, None where the integrals follow no
    power law; `expression` is beta(g) for every cutoff with the other couplings dropped; `diagrams` gives each kept
    diagram of its correlator with the exponent of its integral.
    """

    operator: Operator
    exponent: Expr | None
    expression: Expr
    diagrams: tuple[tuple[Product, Expr], ...]
    coefficients: tuple[str, ...]

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
        """Beta(g) at every cutoff as text."""
        name = self.operator.coupling
        integral = f"I{self.operator.valence}"
        return (
            f"beta({name}) = -{name} dlog {integral}/dlog Lambda, "
            f"{integral} = {' + '.join(self.coefficients)}, internal points over [-Lambda, Lambda]^d_in"
        )


@dataclass(frozen=True, slots=True)
class BetaFunctions:
    """Beta functions of all couplings of an action for one kernel, with what they rest on."""

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
    text = str(size).replace("Max(", "max(")
    return f"-({text})" if size.is_Add else f"-{text}"


def beta_functions(action: Action, kernel: Kernel, other_dimension: Kernel | None = None) -> BetaFunctions:
    """Derive the beta functions of every coupling of `action` for the propagator `kernel`.

    With `other_dimension`, the same kernel for another number of inputs (1 against 2 or more), the growth is derived
    there too and the assumptions say whether the law holds for every d_in. Raises InputError if the growth of the
    kernel cannot be determined.
    """
    symbolic = symbolic_kernel(kernel)
    behaviour = growth(symbolic)
    betas = tuple(_beta(action, operator, behaviour) for operator in action.operators)
    assumptions = [
        f"legs and loops are {kernel.name}; couplings are constants integrated over [-Lambda, Lambda]^d_in",
        "exact forms: the other couplings are dropped; exponents: the coupled linear system at first order",
        f"K(x, r n) ~ r^a with a = {behaviour.leg}, K(z, z) ~ r^b with b = {behaviour.loop} as r -> infinity",
        *behaviour.assumptions,
        *_dimensions(kernel, behaviour, other_dimension),
        *_comparison(betas),
    ]
    return BetaFunctions(kernel.name, behaviour, betas, tuple(assumptions))


def _beta(action: Action, operator: Operator, behaviour: Growth) -> Beta:
    order = tuple(int(other == operator) for other in action.operators)
    generated = generate_correlator(operator.valence, action, [order])
    written = term_expressions(generated)
    coefficient = -sympy.Add(*(entry.expression for entry in written)) / sympy.Symbol(operator.coupling)
    coupling = sympy.Symbol(operator.coupling)
    expression = -coupling * CUTOFF * sympy.Derivative(coefficient, CUTOFF) / coefficient
    diagrams = tuple(
        (product, _growth_of(product, behaviour))
        for term in generated.terms
        for product in labelled_products(term, action)
    )
    return Beta(
        operator,
        _exponent([size for _, size in diagrams]),
        expression,
        diagrams,
        tuple(_text(term, action) for term in generated.terms),
    )


def _growth_of(product: Product, behaviour: Growth) -> Expr:
    """d_in + a * (lines from legs) + b * (self-loops): the exponent of a one-vertex integral before max(0, .)."""
    loops = sum(1 for a, b in product.inner if a == b)
    legs = len(product.inner) - loops
    parts = [behaviour.leg * legs if legs else 0, behaviour.loop * loops if loops else 0]
    if sympy.oo in parts:
        return sympy.oo
    if -sympy.oo in parts:
        return -sympy.oo
    return SYMBOLS.d_in + sympy.Add(*parts)


def _exponent(sizes: list[Expr]) -> Expr | None:
    """-max(0, largest of the diagrams' exponents), None if one grows faster than any power."""
    if sympy.oo in sizes:
        return None
    finite = [size for size in sizes if size != -sympy.oo]
    if not finite:
        return sympy.Integer(0)
    shift = max(size - SYMBOLS.d_in for size in finite)
    # d_in is at least 1, so that d_in + shift is positive for every d_in exactly if shift > -1.
    largest = SYMBOLS.d_in + shift
    return -largest if shift > -1 else -sympy.Max(0, largest)


def _text(term: Term, action: Action) -> str:
    products = labelled_products(term, action)
    written = []
    for product in products:
        inner = " ".join(f"K({a},{b})" for a, b in product.inner)
        outer = " ".join(f"K({a},{b})" for a, b in product.outer)
        measure = " ".join(f"d{point}" for point in product.points)
        written.append(f"{outer} int {measure} {inner}".strip())
    more = f" + {len(written) - 1} more labellings" if len(written) > 1 else ""
    return f"{term.coefficient} ({written[0]}{more})" if more else f"{term.coefficient} {written[0]}"


def _dimensions(kernel: Kernel, behaviour: Growth, other_dimension: Kernel | None) -> list[str]:
    """Say for which d_in the exponents hold."""
    here = "d_in = 1" if kernel.d_in == 1 else "d_in >= 2"
    if other_dimension is None:
        return [f"the growth was derived for {here}"]
    there = growth(symbolic_kernel(other_dimension))
    if (there.leg, there.loop) == (behaviour.leg, behaviour.loop):
        return ["the same growth was derived for d_in = 1 and for every d_in >= 2"]
    return [f"these laws hold for {here} only: elsewhere a = {there.leg}, b = {there.loop}"]


def _comparison(betas: tuple[Beta, ...]) -> list[str]:
    """Say which coupling is more irrelevant, ties included."""
    notes = []
    for lower, higher in pairwise(betas):
        if lower.operator.valence == higher.operator.valence:
            names = f"{lower.operator.coupling} and {higher.operator.coupling}"
            notes.append(
                f"{names} stand at the same power of f: only their sum is determined, and it runs as each law says"
            )
            continue
        if lower.exponent is None or higher.exponent is None:
            continue
        difference = sympy.simplify(higher.exponent - lower.exponent)
        first, second = lower.operator.coupling, higher.operator.coupling
        if lower.exponent == 0 == higher.exponent:
            notes.append(f"neither {first} nor {second} runs at large Lambda")
        elif difference == 0:
            notes.append(
                f"{first} and {second} run alike at large Lambda: {second} is not more irrelevant than {first}; "
                "if it is small, that is because of 1/N, not because of the flow"
            )
        elif difference.is_negative:
            notes.append(f"{second} is more irrelevant than {first}: it falls faster by Lambda^({difference})")
        elif difference.is_positive:
            notes.append(f"{first} is more irrelevant than {second}: it falls faster by Lambda^({-difference})")
    return notes
