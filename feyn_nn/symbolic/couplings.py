"""Couplings solved for from generated correlators (talk, "EFT is Effective: Measure Couplings, Verify Predictions").

The measured correlator is a function of its legs, G4(x1, x2, x3, x4) (Gc4 for the connected one). With the other couplings
given, G^(n) generated = G^(n) measured is a polynomial equation for one coupling,

    c_0 - G + c_1 g + c_2 g^2 + ... = 0.

One vertex makes it linear: lambda_m = (K12 K34 + K13 K24 + K14 K23 - G4)/(24 I1). Two make it quadratic; the perturbative
root is the one that tends to the linear solution g_1 = (c_0 - G)/(-c_1) when c_2 -> 0,

    g = 2 g_1 / (1 + sqrt(1 + 4 g_1 r_2)),   r_2 = c_2/c_1,

and is not real where perturbation theory has broken down. From three on, or on request, g is the reversed series in g_1.
Everything comes from the diagrams: nothing is typed in. With a coupling function lambda(y) = lambda_bar + delta_lambda(y)
the unknown is lambda_bar.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import sympy

from feyn_nn.errors import InputError
from feyn_nn.graphs import Rule
from feyn_nn.symbolic.expressions import fold, write_out
from feyn_nn.symbolic.formats.layout import PLAIN, CouplingForm, bar_name
from feyn_nn.symbolic.formats.printing import align, equation_latex
from feyn_nn.symbolic.integrals import explicit

if TYPE_CHECKING:
    from collections.abc import Collection

    from feyn_nn.correlator import Correlator
    from feyn_nn.symbolic.expressions import FoldedCorrelator
    from feyn_nn.symbolic.formats.folding import IntegralTable
    from feyn_nn.symbolic.formats.layout import Layout

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types

_WRITTEN_BESIDE: Final = 4


class Method(Enum):
    """How a non-linear equation is solved."""

    ROOT = "root"
    """The exact perturbative root, for one or two vertices."""
    SERIES = "series"
    """A series in the first-order solution, truncated at the equation's degree."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A quantity derived from a correlator: `symbol` = `expression` in named integrals and the measured correlator.

    Where the equation is not linear, `short` is written in the auxiliary symbols g_1, the first-order solution, and
    r_k = c_k/c_1; `auxiliary` has their values. `note` says which lines and which cutoff the quantity belongs to.
    """

    symbol: Expr
    short: Expr
    auxiliary: tuple[tuple[Expr, Expr], ...]
    measured: Expr
    definitions: dict[Expr, tuple[tuple[Expr, ...], Expr]]
    note: str

    @property
    def expression(self) -> Expr:
        """The value in named integrals, the other couplings and the measured correlator."""
        return self.short.xreplace(dict(self.auxiliary))

    def written_out(self, d_in: int | None = None) -> Expr:
        """The expression with its integrals, over points or, for a given d_in, over coordinates."""
        written = write_out(self.expression, self.definitions)
        return written if d_in is None else explicit(written, d_in)

    def latex(self) -> str:
        """As an `align*` environment, with the definitions of the named integrals that occur."""
        rows = equation_latex(self.symbol, self.short)
        for symbol, value in self.auxiliary:
            rows += equation_latex(symbol, value)
        used = {call.func for call in self.expression.atoms(sympy.core.function.AppliedUndef)}
        for function, (legs, integral) in self.definitions.items():
            if function in used:
                rows += equation_latex(function(*legs), integral)
        return align(rows)


def measured_correlator(correlator: Correlator) -> Expr:
    """The symbol of the measured G^(n): G4(x1, x2, x3, x4), or Gc4(...) for the connected one."""
    name = f"Gc{correlator.n}" if Rule.DISCONNECTED in correlator.rules else f"G{correlator.n}"
    return sympy.Function(name)(*(sympy.Symbol(f"x{leg + 1}") for leg in range(correlator.n)))


def solve_coupling(
    correlator: Correlator,
    coupling: str,
    layout: Layout = PLAIN,
    method: Method = Method.ROOT,
    table: IntegralTable | None = None,
) -> Derived:
    """Solve G^(n) generated = G^(n) measured for one coupling, the others being given.

    Raises InputError if the action does not have the coupling, if no kept diagram has exactly one vertex of it and no
    other, if the layout leaves it inside an integral (a coupling function), or if the exact root is asked for above the
    second power.

    >>> from feyn_nn.action import Action
    >>> from feyn_nn.correlator import generate_correlator
    >>> phi4 = Action.parse("lambda f^4")
    >>> solve_coupling(generate_correlator(4, phi4, phi4.orders(1)), "lambda").expression
    (-G4(x1, x2, x3, x4) + K(x1, x2)*K(x3, x4) + K(x1, x3)*K(x2, x4) + K(x1, x4)*K(x2, x3))/(24*I1(x1, x2, x3, x4, Lambda))
    """
    _check_coupling(correlator, coupling)
    if layout.couplings is CouplingForm.FUNCTION:
        raise InputError(
            f"{coupling}(y) stands under an integral and cannot be solved for; split it: {coupling}_bar + delta_{coupling}(y)"
        )
    unknown = sympy.Symbol(bar_name(coupling) if layout.couplings is CouplingForm.SPLIT else coupling)
    folded = fold(correlator, layout, table)
    powers = _powers(folded, unknown)
    if not any(_is_first_order(entry.term.order, correlator, coupling) for entry in folded.terms):
        raise InputError(
            f"G^({correlator.n}) has no kept diagram with one vertex of {coupling} alone among its orders "
            f"{[check.order for check in correlator.checks]}: nothing fixes {coupling}; add that order or take another n"
        )
    measured = measured_correlator(correlator)
    note = _note(correlator)
    linear = _linear(powers[0], powers[1], measured, folded.definitions)
    if len(powers) == 2:
        return Derived(unknown, linear, (), measured, folded.definitions, note)
    first = sympy.Dummy(f"{unknown}_1")
    ratios = {sympy.Dummy(f"r_{k}"): _ratio(powers[k], powers[1]) for k in range(2, len(powers))}
    if method is Method.SERIES:
        short = _series(first, list(ratios))
    elif len(powers) == 3:
        short = 2 * first / (1 + sympy.sqrt(1 + 4 * first * next(iter(ratios))))
    else:
        raise InputError(
            f"{coupling} to the power {len(powers) - 1}: the exact root is known up to the second; ask for Method.SERIES"
        )
    return Derived(unknown, short, ((first, linear), *ratios.items()), measured, folded.definitions, note)


def remainder(correlator: Correlator, coupling: str, table: IntegralTable | None = None) -> tuple[Derived, Derived]:
    """What G^(n) has beyond the terms without `coupling`: measured, and predicted by the terms with it.

    For n = 6 and kappa this is the talk's delta'(x1, ..., x6) = G6 - 15 KKK + 24 lambda (...) and its value
    -kappa [720 ... + 360 ...]. (The talk's text gives the lambda term six legs at y; in (3.19), and here, it has four and
    a line.) Raises InputError for a coupling that the action does not have.
    """
    _check_coupling(correlator, coupling)
    place = correlator.action.couplings.index(coupling)
    folded = fold(correlator, PLAIN, table)
    without: list[Expr] = []
    having: list[Expr] = []
    for entry in folded.terms:
        (having if entry.term.order[place] else without).append(entry.expression)
    measured = measured_correlator(correlator)
    symbol = sympy.Function("delta_prime")(*measured.args)
    note = _note(correlator)
    return (
        Derived(symbol, measured - sympy.Add(*without), (), measured, folded.definitions, note),
        Derived(symbol, sympy.Add(*having), (), measured, folded.definitions, note),
    )


def _check_coupling(correlator: Correlator, coupling: str) -> None:
    if coupling not in correlator.action.couplings:
        raise InputError(f"no coupling {coupling!r}: the action has {', '.join(correlator.action.couplings)}")


def _is_first_order(order: tuple[int, ...], correlator: Correlator, coupling: str) -> bool:
    return sum(order) == 1 and order[correlator.action.couplings.index(coupling)] == 1


def _note(correlator: Correlator) -> str:
    kind = "connected " if Rule.DISCONNECTED in correlator.rules else ""
    return (
        f"is from the {kind}G^({correlator.n}), and belongs to the propagator that is put in for the lines at vertices "
        "(K with the output bias, or K_W without) and to the cutoff Lambda, internal points being over [-Lambda, Lambda]^d_in"
    )


def _powers(folded: FoldedCorrelator, unknown: Expr) -> list[Expr]:
    """Coefficients of 1, g, g^2, ...; every term is one power of g times something without it."""
    collected: dict[int, list[Expr]] = {}
    for entry in folded.terms:
        for summand in sympy.Add.make_args(entry.expression):
            power = summand.as_powers_dict().get(unknown, 0)
            collected.setdefault(int(power), []).append(summand / unknown**power)
    return [sympy.Add(*collected.get(power, [])) for power in range(max(collected, default=0) + 1)]


def _linear(constant: Expr, slope: Expr, measured: Expr, named: Collection[Expr]) -> Expr:
    """(c_0 - G)/(-c_1); a few integrals in c_0 stand beside it, as the talk writes lambda_bar."""
    integrals = [term for term in sympy.Add.make_args(constant) if _has_integral(term, named)]
    if slope.is_Add or len(integrals) > _WRITTEN_BESIDE:
        return (constant - measured) / -slope
    free = constant - sympy.Add(*integrals)
    return (free - measured) / -slope + sympy.Add(*(-term / slope for term in integrals))


def _ratio(numerator: Expr, denominator: Expr) -> Expr:
    """The quotient with the numbers of a common factor cancelled."""
    number, rest = numerator.as_content_primitive()
    other, below = denominator.as_content_primitive()
    return number / other * (rest / below)  # in this order SymPy leaves the number in front of the bracket


def _has_integral(term: Expr, named: Collection[Expr]) -> bool:
    return any(call.func in named for call in term.atoms(sympy.core.function.AppliedUndef))


def _series(first: Expr, higher: list[Expr]) -> Expr:
    """Reverse g_1 = g + r_2 g^2 + r_3 g^3 + ... as g = g_1 + a_2 g_1^2 + ... to the same power.

    The a_k follow one after the other from the requirement that the equation holds power by power.
    """
    ratios = [sympy.Integer(1), *higher]
    degree = len(ratios)
    series = [sympy.Integer(0), sympy.Integer(1), *([sympy.Integer(0)] * (degree - 1))]
    for target in range(2, degree + 1):
        power, total = list(series), sympy.Integer(0)
        for ratio in ratios[1:]:
            power = _product(power, series, degree)
            total += ratio * power[target]
        series[target] = sympy.expand(-total)
    return sympy.Add(*(value * first**k for k, value in enumerate(series) if value != 0))


def _product(a: list[Expr], b: list[Expr], degree: int) -> list[Expr]:
    return [sympy.Add(*(a[i] * b[k - i] for i in range(k + 1))) for k in range(degree + 1)]
