r"""LaTeX of SymPy expressions in the field's notation: K_{1y}, \int d^{d_in}y, I_1(x_1, ..., x_4), G^{(4)}, \lambda.

For what `correlator_latex` does not print: solved couplings, equations of the renormalization group, closed forms. Products
under an integral keep their points' numbers where two points share a letter.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

import sympy
from sympy.printing.latex import LatexPrinter

from feyn_nn.symbolic.formats.latex import TEXT_WIDTH, broken, coupling_latex, formula_width
from feyn_nn.symbolic.integrals import CUTOFF, BoundaryIntegral, CubeIntegral

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types

_POINT = re.compile(r"([xyzuvw])(\d+)")
_NUMBERED = re.compile(r"(I|G|Gc|D)(\d+)")
_COEFFICIENT = re.compile(r"A(c?)(\d+)\[(.*)\]")
_INDENT: Final = 20.0
_PLAIN: Final = {
    "Lambda": r"\Lambda",
    "d_in": r"d_{\mathrm{in}}",
    "d_out": r"d_{\mathrm{out}}",
    "sigma_w": r"\sigma_W",
    "sigma_b": r"\sigma_b",
    "delta_prime": r"\delta'",
}


class _Printer(LatexPrinter):  # type: ignore[misc]  # SymPy has no types
    """SymPy's printer with our own functions, integrals and names; SymPy fixes the names of the methods."""

    def _print_Symbol(self, symbol: Expr) -> str:  # noqa: N802
        return _name(symbol.name)

    def _print_Function(self, call: Expr, exp: str | None = None) -> str:  # noqa: N802
        if not isinstance(call, sympy.core.function.AppliedUndef):
            return str(super()._print_Function(call, exp))
        name = str(call.func)
        power = f"^{{{exp}}}" if exp else ""
        if name == "K":
            return f"K_{{{''.join(_index(str(point)) for point in call.args)}}}{power}"
        points = [_name(str(argument)) for argument in call.args if argument != CUTOFF]
        shown = f"({', '.join(points)})" if points else ""
        if exp and name.startswith("G"):
            return f"\\bigl({_name(name)}{shown}\\bigr){power}"
        return f"{_name(name)}{power}{shown}"

    def _print_KroneckerDelta(self, delta: Expr, exp: str | None = None) -> str:  # noqa: N802
        power = f"^{{{exp}}}" if exp else ""
        return f"\\delta_{{{' '.join(_name(str(index)) for index in delta.args)}}}{power}"

    def _print_CubeIntegral(self, integral: Expr) -> str:  # noqa: N802
        integrand, points = _unnumbered(integral)
        measure = r"\,".join(f"d^{{d_{{\\mathrm{{in}}}}}}{point}" for point in points)
        return f"\\int {measure}\\, {self._print(integrand)}"

    def _print_BoundaryIntegral(self, integral: Expr) -> str:  # noqa: N802
        integrand, (first, *others) = _unnumbered(integral)
        measure = f"\\oint d^{{d_{{\\mathrm{{in}}}}-1}}{first}\\,"
        if others:
            measure += " \\int " + r"\,".join(f"d^{{d_{{\\mathrm{{in}}}}}}{point}" for point in others) + r"\,"
        return f"{measure} {self._print(integrand)}"

    def _print_Derivative(self, derivative: Expr) -> str:  # noqa: N802
        return f"\\partial_\\Lambda {self._print(derivative.expr)}"

    def _needs_mul_brackets(self, expr: Expr, first: bool = False, last: bool = False) -> bool:
        if isinstance(expr, CubeIntegral | BoundaryIntegral):
            return not last
        return bool(super()._needs_mul_brackets(expr, first, last))


def formula_latex(expression: Expr) -> str:
    r"""One expression, without breaking lines.

    >>> from feyn_nn.symbolic.integrals import K
    >>> formula_latex(24 * CubeIntegral(K(*sympy.symbols("x1 y1")) ** 2, sympy.Symbol("y1")))
    '24 \\int d^{d_{\\mathrm{in}}}y\\, K_{1y}^{2}'
    """
    return str(_Printer().doprint(expression))


def equation_latex(left: Expr | str, right: Expr) -> list[str]:
    """Rows of an `align*` for left = right that fit the text width; `left` may be LaTeX already.

    A sum is broken between its terms and inside its brackets. A quotient that is too wide is written N/D, and N and D in
    rows of their own.
    """
    name = left if isinstance(left, str) else formula_latex(left)
    whole = f"&{name} = {formula_latex(right)}"
    numerator, denominator = sympy.fraction(right)
    parts = (right,) if denominator == 1 or right.is_Add else (numerator, denominator)
    if formula_width(f"{name} =") + max(formula_width(formula_latex(part)) for part in parts) <= TEXT_WIDTH:
        return [whole]
    if denominator == 1 or right.is_Add:
        return [f"&{name}", *_sum_rows(right)]
    rows = [f"&{name} = \\frac{{N}}{{D}}"]
    for letter, part in (("N", numerator), ("D", denominator)):
        rows += equation_latex(sympy.Symbol(letter), part)
    return rows


def align(rows: list[str]) -> str:
    """Rows as an `align*` environment."""
    body = " \\\\\n".join(f"  {row}" for row in rows)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}\n"


def _sum_rows(total: Expr) -> list[str]:
    """The rows of `= a + b + ...`, each term that is too wide from a new row on and broken inside its bracket."""
    rows = ["&\\quad ="]
    for index, (sign, text, term) in enumerate(_signed_terms(total)):
        piece = text if index == 0 and sign == "+" else f"{sign} {text}"
        if formula_width(f"{rows[-1]} {piece}") <= TEXT_WIDTH:
            rows[-1] += f" {piece}"
            continue
        front, bracket = _split_bracket(term)
        if front is None or formula_width(piece) <= TEXT_WIDTH - _INDENT:
            rows.append(f"&\\qquad {piece}")
            continue
        signed = [inner if k == 0 and s == "+" else f"{s} {inner}" for k, (s, inner, _) in enumerate(bracket)]
        start = rows.pop() if index == 0 else "&\\qquad"
        opening = "" if index == 0 and sign == "+" else f" {sign}"
        first, *others = broken(f"{start}{opening} {front}", signed, bracket=True, joined=True)
        rows += [first, *(f"&\\qquad{row}" for row in others)]
    return rows


def _signed_terms(total: Expr) -> list[tuple[str, str, Expr]]:
    """(sign, LaTeX without it, term) of every term, in SymPy's own order of printing."""
    printer = _Printer()
    result = []
    for term in printer._as_ordered_terms(total):
        text = str(printer.doprint(term))
        result.append(("-", text.removeprefix("-").strip(), -term) if text.startswith("-") else ("+", text, term))
    return result


def _split_bracket(term: Expr) -> tuple[str | None, list[tuple[str, str, Expr]]]:
    """A product with one sum in it as (LaTeX of the rest, terms of the sum); (None, []) if it is not one."""
    sums = [factor for factor in sympy.Mul.make_args(term) if factor.is_Add]
    if len(sums) != 1:
        return None, []
    rest = term / sums[0]
    return ("" if rest == 1 else formula_latex(rest)), _signed_terms(sums[0])


def _unnumbered(integral: Expr) -> tuple[Expr, list[str]]:
    """The integrand and the names of the points; a letter that stands alone loses its number."""
    names = [point.name for point in integral.points]
    letters = [name[0] for name in names]
    alone = {
        point: sympy.Symbol(point.name[0])
        for point in integral.points
        if letters.count(point.name[0]) == 1 and _POINT.fullmatch(point.name)
    }
    return integral.integrand.xreplace(alone), [_name(alone.get(point, point).name) for point in integral.points]


def _name(name: str) -> str:
    """A symbol's or function's name: points, indices, named integrals, correlators, couplings."""
    if name in _PLAIN:
        return _PLAIN[name]
    if found := _POINT.fullmatch(name):
        return f"{found[1]}_{{{found[2]}}}"
    if found := re.fullmatch(r"i(\d+)", name):
        return f"i_{{{found[1]}}}"
    if found := _NUMBERED.fullmatch(name):
        letter, number = found.groups()
        return f"{letter}_{{{number}}}" if letter in "ID" else f"G^{{({number})}}" + (r"_{c}" if letter == "Gc" else "")
    if found := _COEFFICIENT.fullmatch(name):
        powers = [part.partition("^") for part in found[3].split()]
        couplings = " ".join(coupling_latex(g) + (f"^{{{power}}}" if power else "") for g, _, power in powers)
        connected = ",c" if found[1] else ""
        return f"A^{{({found[2]}{connected})}}_{{{couplings or 1}}}"
    if name.startswith("beta_") and len(name) > len("beta_"):
        return f"\\beta_{{{coupling_latex(name.removeprefix('beta_'))}}}"
    return coupling_latex(name)


def _index(point: str) -> str:
    """A leg as its number, an internal point as it is; coordinates and legs from x10 on keep their letter."""
    if found := re.fullmatch(r"x(\d)", point):
        return found[1]
    return _name(point)
