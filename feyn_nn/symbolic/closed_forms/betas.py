"""Beta functions as formulas in Lambda, for kernels whose one-vertex integrals have closed forms.

With the other couplings dropped beta(g) = -g dlog I/dlog Lambda, I the contact integral of the coupling's own connected
correlator. In the coupled system every named integral and its derivative is replaced by its closed form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import sympy

from feyn_nn.errors import InputError
from feyn_nn.graphs import CONNECTED_RULES
from feyn_nn.symbolic.closed_forms.star import ClosedForm, boundary_form, logarithmic_derivative, star_integral
from feyn_nn.symbolic.integrals import CUTOFF, K
from feyn_nn.symbolic.running import running_system

if TYPE_CHECKING:
    from feyn_nn.action import Action
    from feyn_nn.kernels import Kernel

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types


@dataclass(frozen=True, slots=True)
class ClosedBeta:
    """Beta(g) of one coupling with the others dropped: `expression` in Lambda, sigma_w, sigma_b and the legs' coordinates."""

    coupling: str
    integral: ClosedForm
    expression: Expr

    def lines(self) -> list[str]:
        """The formula, where it holds, and how it was shown."""
        proof = self.integral.verification
        return [
            f"closed form, {self.coupling} alone: beta({self.coupling}) = {self.expression}",
            *(f"for {condition}" for condition in self.integral.conditions),
            *([f"shown: {proof.method}"] if proof else []),
        ]


def closed_beta(kernel: Kernel, coupling: str, valence: int, d_in: int | None = None) -> ClosedBeta | None:
    """Beta(g) as a formula for the coupling of f^valence alone, None if its integral has no known closed form.

    `d_in` is a number of input dimensions, None for the symbol.

    >>> from feyn_nn.kernels import ReluKernel
    >>> closed_beta(ReluKernel(), "lambda", 4, 1).expression
    -5*lambda
    """
    found = star_integral(kernel, sympy.symbols(f"x1:{valence + 1}"), 0, d_in)
    if found is None or found.expression == 0:
        return None
    return ClosedBeta(coupling, found, -sympy.Symbol(coupling) * logarithmic_derivative(found))


def coupled_closed_betas(action: Action, kernel: Kernel, d_in: int | None = None) -> dict[str, Expr]:
    """The beta functions of the coupled system (connected correlators, first order) as formulas in Lambda.

    Raises InputError if an integral has no known closed form, or vanishes.
    """
    system = running_system(action, 1, CONNECTED_RULES)
    known: dict[Expr, ClosedForm] = {}
    for function, (legs, integral) in system.definitions.items():
        (point,) = integral.points
        loops = int(integral.integrand.as_powers_dict().get(K(point, point), 0))
        found = star_integral(kernel, legs, loops, d_in)
        if found is None or found.expression == 0:
            raise InputError(
                f"{kernel.name}: no closed form is known for {integral}"
                + (" other than zero" if found is not None else "")
                + "; its beta functions exist as integrals only"
            )
        known[function] = found
    solved = {}
    for name, value in system.solve().items():
        written = system.in_integrals(value)
        derivatives = {
            each: boundary_form(known[each.expr.func]) for each in written.atoms(sympy.Derivative) if each.has(CUTOFF)
        }
        written = written.xreplace(derivatives)
        solved[name] = written.xreplace(
            {call: known[call.func].expression for call in written.atoms(sympy.core.function.AppliedUndef)}
        )
    return solved
