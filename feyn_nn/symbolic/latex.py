r"""A correlator as LaTeX in the talk's layout, (3.17)-(3.19): an `align*` that compiles with amsmath alone.

Each topology stands once, with its coefficient in front of the integral and all its labellings in one bracket:
24 \int d^{d_{in}}y \lambda [K_{1y} K_{2y} K_{3y} K_{4y} K_{56} + ...]. Brackets are \bigl[ \bigr], which may be
broken over lines; a single internal point of its letter is written without its number.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from feyn_nn.symbolic.layout import check_size, couplings_of, labelled_products

if TYPE_CHECKING:
    from fractions import Fraction

    from feyn_nn.correlator import Correlator, Term
    from feyn_nn.symbolic.layout import Product

_GREEK = re.compile(
    "(alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon|phi|chi|psi"
    "|omega)"
)
_PROPAGATORS_IN_A_LINE = 14


def coupling_latex(name: str) -> str:
    r"""Return a coupling's name as LaTeX: Greek letters as such, what follows as an index.

    >>> coupling_latex("lambda"), coupling_latex("g"), coupling_latex("kappa_3"), coupling_latex("strength")
    ('\\lambda', 'g', '\\kappa_{3}', '\\mathit{strength}')
    """
    stem, *rest = re.split(r"_|(?<=[a-z])(?=\d)", name, maxsplit=1)
    index = f"_{{{rest[0].replace('_', ',')}}}" if rest and rest[0] else ""
    if _GREEK.fullmatch(stem):
        return f"\\{stem}{index}"
    return f"{stem}{index}" if len(stem) == 1 else f"\\mathit{{{stem}}}{index}"


def correlator_latex(correlator: Correlator) -> str:
    """Return G^(n) as an `align*` environment with every labelling written out.

    Raises LimitError if there are more than 20,000 of them.
    """
    check_size(correlator.terms)
    points = ", ".join(f"x_{{{leg + 1}}}" for leg in range(correlator.n))
    head = f"G^{{({correlator.n})}}({points})" if correlator.n else "G^{(0)}"
    lines = [line for term in correlator.terms for line in _term_lines(term, correlator)] or ["0"]
    lines[0] = lines[0].removeprefix("+ ")
    body = " \\\\\n".join(f"  &{'= ' if index == 0 else '{}'}{line}" for index, line in enumerate(lines))
    return f"\\begin{{align*}}\n  {head}\n{body}\n\\end{{align*}}\n"


def _term_lines(term: Term, correlator: Correlator) -> list[str]:
    products = labelled_products(term, correlator.action)
    numbered = {point[0] for point in products[0].points if point[1:] != "1"}
    factors = [
        f"{coupling_latex(name)}" + (f"^{{{power}}}" if power > 1 else "")
        for name, power in couplings_of(term, correlator)
    ]
    measure = [f"d^{{d_{{\\mathrm{{in}}}}}}{_point(point, numbered)}" for point in products[0].points]
    number = "" if term.coefficient == 1 else _fraction(term.coefficient)
    front = " ".join([number, *(["\\int", "\\,".join(measure) + "\\,"] if measure else []), *factors]).strip()
    sign = "-" if term.sign < 0 else "+"
    written = [_product(product, numbered) for product in products]
    if len(written) == 1:
        return [f"{sign} {front} {written[0]}"]
    width = sum(2 if _index(a, numbered)[1:] or _index(b, numbered)[1:] else 1 for a, b in set(products[0].lines))
    per_line = max(1, _PROPAGATORS_IN_A_LINE // max(1, width))
    lines, text = [], f"{sign} {front} \\bigl[" if front else f"{sign}"
    room = max(1, per_line - len(measure))  # the integral takes the place of some products in the first line
    for index, product in enumerate(written):
        if not room:
            lines.append(text)
            text, room = "\\quad +", per_line
        elif index:
            text += " +"
        text += f" {product}"
        room -= 1
    lines.append(f"{text} \\bigr]" if front else text)
    return lines


def _fraction(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"\\tfrac{{{value.numerator}}}{{{value.denominator}}}"


def _point(name: str, numbered: set[str]) -> str:
    letter, number = name[0], name[1:]
    return f"{letter}_{{{number}}}" if letter in numbered else letter


def _index(name: str, numbered: set[str]) -> str:
    """Index of a propagator; a leg beyond x9 keeps its letter, so that 1 and 2 are never read as 12."""
    if name[0] != "x":
        return _point(name, numbered)
    return name[1:] if len(name) == 2 else f"x_{{{name[1:]}}}"


def _product(product: Product, numbered: set[str]) -> str:
    if not product.lines:
        return "1"
    pieces = []
    for (a, b), power in Counter(product.lines).items():
        exponent = f"^{{{power}}}" if power > 1 else ""
        pieces.append(f"K_{{{_index(a, numbered)}{_index(b, numbered)}}}{exponent}")
    return " ".join(pieces)
