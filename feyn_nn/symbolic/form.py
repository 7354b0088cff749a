"""A correlator as a program in the language of FORM, without SymPy.

The terms are those of the SymPy expression, every labelling of the legs written out, expanded: sign, coefficient,
couplings, int(y1,-Lambda,Lambda) for every internal point and K(a,b) for every line (conventions:
`graphs.interchange.form`). Points are not resolved into coordinates, so the program is the same for every d_in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from feyn_nn.graphs.interchange.form import form_declarations, form_product, form_symbol
from feyn_nn.symbolic.layout import check_size, couplings_of, labelled_products

if TYPE_CHECKING:
    from collections.abc import Iterable

    from feyn_nn.correlator import Correlator, Term
    from feyn_nn.symbolic.layout import Product

_NAME = "G"  # the name of no coupling


def correlator_form(correlator: Correlator) -> str:
    """Return G^(n) as a complete program: declarations, `Local G = ...;`, `Print`, `.end`.

    Raises LimitError if there are more than 20,000 products to write.

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
    check_size(correlator.terms)
    legs = [f"x{leg + 1}" for leg in range(correlator.n)]
    written = ["  + 0"] if not correlator.terms else []
    internal: dict[str, None] = {}
    for term in correlator.terms:
        products = labelled_products(term, correlator.action)
        internal |= dict.fromkeys(products[0].points)
        written += _lines(term, products, correlator)
    couplings = [form_symbol(coupling, _NAME) for coupling in correlator.action.couplings]
    return "\n".join(
        [
            f"* G^({correlator.n})({', '.join(legs)}) for Delta S = int d^d y ({correlator.action}), no 1/k!",
            "* int(y,-Lambda,Lambda) marks the integral over each coordinate of y of everything that contains y.",
            f"{form_declarations(couplings, [*legs, *internal], list(internal))}Off Statistics;",
            f"Local {_NAME} =",
            *written,
            "  ;",
            "Print +s;",
            ".end\n",
        ]
    )


def _lines(term: Term, products: Iterable[Product], correlator: Correlator) -> list[str]:
    couplings = [(form_symbol(name, _NAME), power) for name, power in couplings_of(term, correlator)]
    sign = "-" if term.sign < 0 else "+"
    return [
        f"  {sign} {form_product(term.coefficient, couplings, product.lines, product.points)}" for product in products
    ]
