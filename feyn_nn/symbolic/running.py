"""Running couplings: the cutoff must not be seen in the correlators (talk, (4.13), (4.14)).

With the coefficients A_n[p] of prod g^p in G^(n), functions of Lambda,

    0 = dG^(n)/dlog Lambda = sum_j (dG^(n)/dg_j) beta_j + Lambda partial_Lambda G^(n),      beta_j = dg_j/dlog Lambda,

one equation for each coupling, n the valence of its operator: a linear system for the beta functions, exact in Lambda. At
first order it is the talk's (4.13), (4.14): of gamma and rho there only the sums enter, A_n = the coefficient of the
coupling in G^(n), all its kept diagrams together. With more vertices it has their corrections too. It holds for each
tuple of legs; which lines and which cutoff the couplings belong to is theirs that are put in for K and Lambda.

At first order A(Lambda) g(Lambda) does not depend on Lambda, so that the flow is known in closed form; the connected
correlators make A triangular, since a connected diagram with one vertex has no more legs than its valence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import sympy

from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import InputError
from feyn_nn.graphs import TALK_RULES
from feyn_nn.symbolic.couplings import measured_correlator
from feyn_nn.symbolic.expressions import definitions, fold, write_out
from feyn_nn.symbolic.formats.folding import IntegralTable
from feyn_nn.symbolic.formats.printing import align, equation_latex, formula_latex
from feyn_nn.symbolic.integrals import CUTOFF

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from feyn_nn.action import Action
    from feyn_nn.correlator import Correlator
    from feyn_nn.graphs import Rule

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """dG^(n)/dlog Lambda = 0 for every coupling of an action.

    `coefficients` maps the functions A4[lambda](x1, ..., Lambda) to their values in named integrals, `definitions` these
    names to (legs, integral). `matrix` is dG^(n)/dg_j and `drift` is Lambda partial_Lambda G^(n), in the functions.
    """

    couplings: tuple[str, ...]
    correlators: tuple[Correlator, ...]
    coefficients: dict[Expr, Expr]
    definitions: dict[Expr, tuple[tuple[Expr, ...], Expr]]
    matrix: Expr
    drift: Expr

    @property
    def unknowns(self) -> tuple[Expr, ...]:
        """The symbols beta_lambda, beta_kappa, ... of the beta functions."""
        return tuple(sympy.Symbol(f"beta_{name}") for name in self.couplings)

    @property
    def equations(self) -> tuple[Expr, ...]:
        """The left-hand sides that vanish: at first order (4.13), (4.14)."""
        return tuple(self.matrix * sympy.Matrix(self.unknowns) + self.drift)

    def solve(self) -> dict[str, Expr]:
        """The beta functions, from Cramer's rule.

        Raises InputError if the system is singular: two couplings of one valence fix each other's sum only.
        """
        determinant = self.matrix.det(method="berkowitz")
        if sympy.expand(determinant) == 0:
            raise InputError(
                f"the correlators G^({', '.join(str(each.n) for each in self.correlators)}) do not tell "
                f"{', '.join(self.couplings)} apart: each coupling needs a correlator of its own; give every power of f once"
            )
        solutions = {}
        for column, name in enumerate(self.couplings):
            replaced = self.matrix.copy()
            replaced[:, column] = -self.drift
            solutions[name] = _cancelled(replaced.det(method="berkowitz"), determinant)
        return solutions

    def expanded(self, vertices: int) -> dict[str, Expr]:
        """The beta functions as a power series, to the given total number of couplings; exact in Lambda.

        The inverse of dG/dg is expanded around its first-order part, which alone is inverted.
        """
        scale = sympy.Dummy("scale")
        couplings = {sympy.Symbol(name): scale * sympy.Symbol(name) for name in self.couplings}
        matrix, drift = self.matrix.subs(couplings), self.drift.subs(couplings)
        pieces = [[_coefficient(part, scale, power) for power in range(vertices + 1)] for part in (matrix, drift)]
        first = pieces[0][0]
        if sympy.expand(first.det(method="berkowitz")) == 0:
            raise InputError("the first-order system is singular: give every power of f once")
        inverse = first.adjugate() / first.det(method="berkowitz")
        betas = [sympy.zeros(len(self.couplings), 1)]
        for power in range(1, vertices + 1):
            source = pieces[1][power]
            for lower in range(1, power):
                source += pieces[0][power - lower] * betas[lower]
            betas.append(-inverse * source)
        total = sum(betas[1:], betas[0])
        return {name: total[row] for row, name in enumerate(self.couplings)}

    def in_integrals(self, expression: Expr) -> Expr:
        """Replace the coefficients A by named integrals; derivatives with respect to Lambda are done."""
        if not expression.args:
            return expression
        if isinstance(expression, sympy.Derivative):
            return sympy.diff(self.in_integrals(expression.expr), *expression.variables)
        if expression in self.coefficients:
            return self.coefficients[expression]
        return expression.func(*(self.in_integrals(argument) for argument in expression.args))

    def written_out(self, expression: Expr) -> Expr:
        """Replace everything by integrals over the cube, and derivatives by those over its surface; for any d_in."""
        return write_out(self.in_integrals(expression), self.definitions)

    def text(self) -> list[str]:
        """The equations, their solution and what the coefficients are, a line each."""
        lines = [f"0 = {equation}" for equation in self.equations]
        lines += [f"beta_{name} = {value}" for name, value in self.solve().items()]
        lines += [f"{function} = {value}" for function, value in self.coefficients.items()]
        lines += [f"{function(*legs, CUTOFF)} = {integral}" for function, (legs, integral) in self.definitions.items()]
        return lines

    def latex(self) -> str:
        """The same as an `align*` environment."""
        rows = []
        for correlator, equation in zip(self.correlators, self.equations, strict=True):
            left = (
                f"\\frac{{\\partial {formula_latex(measured_correlator(correlator))}}}{{\\partial \\log\\Lambda}} = 0"
            )
            rows += equation_latex(left, equation)
        for symbol, value in zip(self.unknowns, self.solve().values(), strict=True):
            rows += equation_latex(symbol, value)
        for function, value in self.coefficients.items():
            rows += equation_latex(function, value)
        for function, (legs, integral) in self.definitions.items():
            rows += equation_latex(function(*legs), integral)
        return align(rows)


def running_system(
    action: Action,
    vertices: int = 1,
    rules: Collection[Rule] = TALK_RULES,
    orders: Iterable[tuple[int, ...]] | None = None,
) -> RunningSystem:
    """The system for all couplings of `action`, from G^(k) for the power k of each of its terms.

    `vertices` is the largest number of vertices, `orders` the multi-orders instead of it; with `Rule.DISCONNECTED` among
    the rules from the connected correlators. Raises as `generate_correlator` does.

    >>> from feyn_nn.action import Action
    >>> running_system(Action.parse("lambda f^4")).solve()["lambda"]
    -Lambda*lambda*Derivative(A4[lambda](x1, x2, x3, x4, Lambda), Lambda)/A4[lambda](x1, x2, x3, x4, Lambda)
    """
    wanted = list(action.orders(vertices) if orders is None else orders)
    table = IntegralTable()
    correlators, functions, values = [], [], []
    for operator in action.operators:
        correlator = generate_correlator(operator.valence, action, wanted, rules)
        coefficients = _coefficients(correlator, table)
        correlators.append(correlator)
        functions.append({order: function for order, (function, _) in coefficients.items()})
        values += list(coefficients.values())
    symbols = [sympy.Symbol(name) for name in action.couplings]
    totals = [
        sympy.Add(*(_monomial(symbols, order) * function for order, function in row.items() if any(order)))
        for row in functions
    ]
    return RunningSystem(
        action.couplings,
        tuple(correlators),
        dict(values),
        definitions(table),
        sympy.Matrix([[sympy.diff(total, symbol) for symbol in symbols] for total in totals]),
        sympy.Matrix([CUTOFF * sympy.diff(total, CUTOFF) for total in totals]),
    )


def _coefficients(correlator: Correlator, table: IntegralTable) -> dict[tuple[int, ...], tuple[Expr, Expr]]:
    """For every order with kept terms: the function A_n[order] and its value."""
    folded = fold(correlator, table=table)
    measured = measured_correlator(correlator)
    symbols = [sympy.Symbol(name) for name in correlator.action.couplings]
    result: dict[tuple[int, ...], tuple[Expr, Expr]] = {}
    for order in dict.fromkeys(term.order for term in correlator.terms):
        powers = [
            f"{name}^{power}" if power > 1 else name
            for name, power in zip(correlator.action.couplings, order, strict=True)
            if power
        ]
        if not powers:
            continue  # lines between legs do not know the cutoff
        name = f"A{str(measured.func).removeprefix('G')}[{' '.join(powers)}]"
        monomial = _monomial(symbols, order)
        value = sympy.Add(*(entry.expression / monomial for entry in folded.terms if entry.term.order == order))
        result[order] = (sympy.Function(name)(*measured.args, CUTOFF), value)
    return result


def _monomial(symbols: list[Expr], order: tuple[int, ...]) -> Expr:
    return sympy.prod([symbol**power for symbol, power in zip(symbols, order, strict=True)])


def _coefficient(matrix: Expr, scale: Expr, power: int) -> Expr:
    return matrix.applyfunc(lambda entry: sympy.expand(entry).coeff(scale, power))


def _cancelled(numerator: Expr, denominator: Expr) -> Expr:
    """The quotient of two polynomials in the coefficients and their derivatives, common factors cancelled exactly."""
    atoms = {
        *numerator.atoms(sympy.core.function.AppliedUndef, sympy.Derivative),
        *denominator.atoms(sympy.core.function.AppliedUndef, sympy.Derivative),
    }
    names = {atom: sympy.Dummy(str(atom)) for atom in sorted(atoms, key=str)}
    order = sorted(names, key=lambda atom: not isinstance(atom, sympy.Derivative))  # a derivative before its function
    forth = [(atom, names[atom]) for atom in order]
    quotient = sympy.cancel(numerator.subs(forth) / denominator.subs(forth))
    return quotient.xreplace({name: atom for atom, name in names.items()})
