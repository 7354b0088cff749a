"""A correlator as an expression of Mathematica, without SymPy.

The terms are those of the SymPy expression, as the layout says: sign, coefficient and couplings in front, lines between
two legs outside the integral, Inactive[Integrate] over every internal coordinate from -Lambda to Lambda. For d_in > 1 a
point is the list of its coordinates, {x1[1], x1[2]}. How couplings become symbols is said in
`graphs.interchange.mathematica`, and in a comment of the output where a name changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs.interchange.mathematica import mathematica_integral, mathematica_symbol
from feyn_nn.symbolic.formats.layout import PLAIN, tensor_summands, written_terms

if TYPE_CHECKING:
    from feyn_nn.correlator import Correlator
    from feyn_nn.symbolic.formats.layout import Layout, Part

MAX_DIMENSIONS: Final = 100


def correlator_mathematica(correlator: Correlator, d_in: int = 1, layout: Layout = PLAIN) -> str:
    """Return G^(n) as one expression, which `Get` reads from a file and `ToExpression` from a string.

    Coupling functions are lambda[y1]; with several outputs the leg x1 has the index i1, and d$out is their number.
    Raises InputError for d_in < 1, LimitError for d_in > 100, and as `written_terms` does.

    >>> from feyn_nn.action import Action
    >>> from feyn_nn.correlator import generate_correlator
    >>> cubic = Action.parse("g_3 f^3")
    >>> print(correlator_mathematica(generate_correlator(1, cubic, cubic.orders(1))), end="")
    (* G^(1)(x1) for Delta S = int d^d y (g_3 f^3), no 1/k! *)
    (* K is protected in Mathematica: put yours in with % /. K -> kernel, then integrate with Activate. *)
    (* g$3 is the coupling g_3: an underscore would be a pattern. *)
    Plus[
      -3*g$3*Inactive[Integrate][K[x1, y1]*K[y1, y1], {y1, -Lambda, Lambda}]
    ]
    """
    if d_in < 1:
        raise InputError(f"d_in = {d_in}: expected a positive integer")
    if d_in > MAX_DIMENSIONS:
        raise LimitError(
            f"d_in = {d_in}: at most {MAX_DIMENSIONS} coordinates are written out; use form, which needs none"
        )
    written = written_terms(correlator, layout)
    points = ", ".join(f"x{leg + 1}" for leg in range(correlator.n))
    comments = [
        f"G^({correlator.n})({points}) for Delta S = int d^d y ({correlator.action}), no 1/k!",
        "K is protected in Mathematica: put yours in with % /. K -> kernel, then integrate with Activate.",
        *(_renamed(name) for name in correlator.action.couplings if mathematica_symbol(name) != name),
    ]
    head = "".join(f"(* {comment} *)\n" for comment in comments)
    terms = ",\n".join(f"  {_part(part, d_in)}" for term in written for part in term.parts)
    return f"{head}Plus[\n{terms}\n]\n" if terms else f"{head}Plus[]\n"


def _renamed(name: str) -> str:
    reasons = ["an underscore would be a pattern"] if "_" in name else []
    reasons += ["a capital letter could begin a name of the system"] if name[0].isupper() else []
    return f"{mathematica_symbol(name)} is the coupling {name}: {' and '.join(reasons)}."


def _part(part: Part, d_in: int) -> str:
    products = []
    for index, product in enumerate(part.products):
        functions = [(mathematica_symbol(name), point) for name, point in product.functions]
        integral = mathematica_integral(product.outer, product.inner, product.points, d_in, functions)
        if part.tensors:
            tensor = " + ".join(tensor_summands(part.tensors[index], "d$out", "KroneckerDelta[i{}, i{}]"))
            integral = f"({tensor})*{integral}"
        products.append(integral)
    factors = [
        *([] if part.number == 1 else [f"{part.number}"]),
        *(mathematica_symbol(name) + (f"^{power}" if power > 1 else "") for name, power in part.constants),
    ]
    if not factors:
        return "\n  + ".join(products)
    total = products[0] if len(products) == 1 else "(\n    " + "\n    + ".join(products) + "\n  )"
    return f"{'*'.join(factors)}*{total}"
