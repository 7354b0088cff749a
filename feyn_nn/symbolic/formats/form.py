"""A correlator as a program in the language of FORM, without SymPy.

The terms are those of the SymPy expression, as the layout says, expanded: sign, coefficient, couplings,
 int(y1,-Lambda,Lambda) for every internal point and K(a,b) for every line (conventions:
`graphs.interchange.form`). Points are not resolved into coordinates, so the program is the same for every d_in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from feyn_nn.graphs.interchange.form import form_declarations, form_product, form_symbol
from feyn_nn.symbolic.formats.layout import PLAIN, CouplingForm, tensor_summands, written_terms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from feyn_nn.correlator import Correlator
    from feyn_nn.graphs.species import Tensor
    from feyn_nn.symbolic.formats.layout import Layout, Part, Product, WrittenTerm

_NAME = "G"  # the name of no coupling


def correlator_form(correlator: Correlator, layout: Layout = PLAIN) -> str:
    """Return G^(n) as a complete program: declarations, `Local G = ...;`, `Print`, `.end`.

    Coupling functions are commuting functions lambda(y1); with several outputs the leg x1 has the index i1, and d_(i1,i2) is
    FORM's Kronecker delta. Raises as `written_terms` does.

    >>> from feyn_nn.action import Action
    >>> from feyn_nn.correlator import generate_correlator
    >>> phi4 = Action.parse("lambda f^4")
    >>> print(correlator_form(generate_correlator(2, phi4, phi4.orders(1))), end="")
    * G^(2)(x1, x2) for Delta S = int d^d y (lambda f^4), no 1/k!
    * int(y,-Lambda,Lambda) marks the integral over each coordinate of y of everything that contains y.
    Symbols lambda, x1, x2;
    CFunctions K(symmetric), int;
    Off Statistics;
    Local G =
      + K(x1,x2)
      ;
    Print +s;
    .end
    """
    legs = [f"x{leg + 1}" for leg in range(correlator.n)]
    terms = written_terms(correlator, layout)
    summands = [
        _summand(part, product, index) for part in _all_parts(terms) for index, product in enumerate(part.products)
    ]
    couplings = correlator.action.couplings if layout.couplings is CouplingForm.CONSTANT else ()
    constants = dict.fromkeys((*couplings, *(name for part in _all_parts(terms) for name, _ in part.constants)))
    functions = dict.fromkeys(
        f for part in _all_parts(terms) for product in part.products for f, _ in product.functions
    )
    internal = dict.fromkeys(point for part in _all_parts(terms) for point in part.products[0].points)
    tensors = any(part.tensors for part in _all_parts(terms))
    symbols = [form_symbol(name, _NAME) for name in constants] + (["[d_out]"] if tensors else [])
    declared = form_declarations(symbols, [*legs, *internal], list(internal))
    if functions:
        declared += f"CFunctions {', '.join(form_symbol(name, _NAME) for name in functions)};\n"
    if tensors:
        declared += f"Indices {', '.join(f'i{leg + 1}' for leg in range(correlator.n))};\n" if correlator.n else ""
    return "\n".join(
        [
            f"* G^({correlator.n})({', '.join(legs)}) for Delta S = int d^d y ({correlator.action}), no 1/k!",
            "* int(y,-Lambda,Lambda) marks the integral over each coordinate of y of everything that contains y.",
            f"{declared}Off Statistics;",
            f"Local {_NAME} =",
            *(summands or ["  + 0"]),
            "  ;",
            "Print +s;",
            ".end\n",
        ]
    )


def _all_parts(terms: Iterable[WrittenTerm]) -> list[Part]:
    return [part for written in terms for part in written.parts]


def _summand(part: Part, product: Product, index: int) -> str:
    couplings = [(form_symbol(name, _NAME), power) for name, power in part.constants]
    sign = "-" if part.number < 0 else "+"
    text = form_product(abs(part.number), couplings, product.lines, product.points)
    factors = [text, *(f"{form_symbol(name, _NAME)}({point})" for name, point in product.functions)]
    if part.tensors:
        factors.append(_tensor(part.tensors[index]))
    return f"  {sign} {'*'.join(factors)}"


def _tensor(tensor: Tensor) -> str:
    """Polynomials in d_out times d_(i1,i2), FORM's Kronecker delta."""
    parts = tensor_summands(tensor, "[d_out]", "d_(i{},i{})")
    return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"
