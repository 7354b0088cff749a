r"""A correlator in LaTeX, in the layout of the talk's (3.18), (3.19) and G_ijkl, without SymPy.

Each topology stands once, with its coefficient in front of the integral and all its labellings in one bracket:
24 \int d^{d_{in}}y \lambda [K_{1y} K_{2y} K_{3y} K_{4y} K_{56} + ...]. Brackets are \bigl[ \bigr], which may be
broken over lines; a single internal point of its letter is written without its number. Lines are broken so that they fit
the text width of the article class at 10 pt. With several outputs every labelling has a line of its own, with its
tensor behind it.
"""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from math import gcd, lcm
from typing import TYPE_CHECKING, Final

from feyn_nn.symbolic.formats.layout import PLAIN, written_terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.correlator import Correlator
    from feyn_nn.graphs.species import Pairing, Polynomial, Tensor
    from feyn_nn.symbolic.formats.folding import IntegralTable
    from feyn_nn.symbolic.formats.layout import Layout, Part, Product

_GREEK = re.compile(
    "(alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon|phi|chi|psi"
    "|omega)"
)
_INDICES: Final = "ijklmnpq"
TEXT_WIDTH: Final = 315.0
"""Points; 345 in the article class, less the alignment's own space."""
_SIGN_WIDTH: Final = 20.0
_SYMBOL = re.compile(r"\\[A-Za-z]+|\\.|[{}_^]|.")
_WIDTHS: Final = {"K": 8.5, "+": 12.8, "-": 12.8, "=": 12.8, "[": 3.3, "]": 3.3, "(": 3.9, ")": 3.9, ",": 4.5}
_COMMANDS: Final = {
    "\\int": 12.0,
    "\\bigl": 1.4,
    "\\bigr": 1.4,
    "\\quad": 10.0,
    "\\qquad": 20.0,
    "\\frac": 0.0,
    "\\,": 1.7,
    "\\tfrac": 1.0,
    "\\mathrm": 0,
}


def coupling_latex(name: str) -> str:
    r"""Return a coupling's name as LaTeX: Greek letters as such, what follows as an index, parts of split couplings.

    >>> coupling_latex("lambda"), coupling_latex("g"), coupling_latex("kappa_3"), coupling_latex("strength")
    ('\\lambda', 'g', '\\kappa_{3}', '\\mathit{strength}')
    >>> coupling_latex("lambda_bar"), coupling_latex("delta_lambda")
    ('\\bar{\\lambda}', '\\delta\\lambda')
    """
    if name.endswith("_bar") and len(name) > len("_bar"):
        return f"\\bar{{{coupling_latex(name.removesuffix('_bar'))}}}"
    if name.startswith("delta_") and name.removeprefix("delta_")[:1].isalpha():
        return f"\\delta {coupling_latex(name.removeprefix('delta_'))}".replace("\\delta \\", "\\delta\\")
    stem, *rest = re.split(r"_|(?<=[a-z])(?=\d)", name, maxsplit=1)
    index = f"_{{{rest[0].replace('_', ',')}}}" if rest and rest[0] else ""
    if _GREEK.fullmatch(stem):
        return f"\\{stem}{index}"
    return f"{stem}{index}" if len(stem) == 1 else f"\\mathit{{{stem}}}{index}"


def correlator_latex(correlator: Correlator, layout: Layout = PLAIN, table: IntegralTable | None = None) -> str:
    """Return G^(n) as an `align*` environment; with a `table` in named integrals, whose definitions follow.

    Raises LimitError if there are more than 20,000 products.
    """
    points = ", ".join(f"x_{{{leg + 1}}}" for leg in range(correlator.n))
    terms = written_terms(correlator, layout)
    head = f"G^{{({correlator.n})}}"
    if any(part.tensors for written in terms for part in written.parts):
        head += f"_{{{_INDICES[: correlator.n]}}}"
    head += f"({points})" if correlator.n else ""
    lines = [line for written in terms for part in written.parts for line in _part_lines(part, table)] or ["0"]
    rows = [head, *_equation(lines)]
    for entry in table.integrals if table else ():
        legs = ", ".join(_leg_symbol(leg) for leg in entry.legs)
        name = _name(entry.name) + (f"({legs})" if legs else "")
        numbered = _numbered(entry.product)
        value = f"= {_front(entry.product, numbered)} {_inside(entry.product, numbered)}"
        rows += [f"{name} {value}"] if formula_width(f"{name} {value}") <= TEXT_WIDTH else [name, f"\\quad {value}"]
    body = " \\\\\n".join(f"  &{row}" for row in rows)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}\n"


def _equation(lines: list[str]) -> list[str]:
    first = lines[0].removeprefix("+ ")
    return [f"= {first}", *(f"{{}}{line}" for line in lines[1:])]


def _part_lines(part: Part, table: IntegralTable | None) -> list[str]:
    sign = "-" if part.number < 0 else "+"
    size = abs(part.number)
    constants = [coupling_latex(name) + (f"^{{{power}}}" if power > 1 else "") for name, power in part.constants]
    numbered = _numbered(part.products[0])
    if table is None:
        written = [_inside(product, numbered) for product in part.products]
        before = _front(part.products[0], numbered)
    else:
        written = [_folded(product, table) for product in part.products]
        before = ""
    if part.tensors:
        tensors = [_tensor(tensor) for tensor in part.tensors]
        if not before and not constants and all(len(pieces) == 1 for _, _, pieces in tensors):
            summands = [f"{text} {pieces[0]}" for text, (_, _, pieces) in zip(written, tensors, strict=True)]
            return broken(sign, summands, bracket=False)
        lines: list[str] = []
        for text, (common, polynomial, pieces) in zip(written, tensors, strict=True):
            front = " ".join(filter(None, [_number(size * common), polynomial, before, *constants]))
            *rows, last = broken(f"{sign} {front}".strip(), [text], bracket=False)
            lines += [*rows, *broken(last, pieces, bracket=len(pieces) > 1)]
        return lines
    front = " ".join(filter(None, [_number(size), before, *constants]))
    if len(written) == 1:
        text = written[0] if written[0] != "1" or not (constants or size != 1) else ""
        return broken(f"{sign} {front}".strip(), [text], bracket=False) if text else [f"{sign} {front}"]
    return broken(f"{sign} {front}".strip(), written, bracket=bool(front))


def broken(front: str, summands: Sequence[str], *, bracket: bool, joined: bool = False) -> list[str]:
    """Front [a + b + ...] in rows that fit the text width.

    With `joined` the summands after the first have their signs already.
    """
    rows, text = [], f"{front} \\bigl[" if bracket else front
    width = formula_width(text)
    for index, summand in enumerate(summands):
        piece = f" {summand}" if index == 0 or joined else f" + {summand}"
        if width + formula_width(piece) > TEXT_WIDTH and (index or width > _SIGN_WIDTH):
            rows.append(text)
            text, width = "\\quad", formula_width("\\quad")
        text += piece
        width += formula_width(piece)
    rows.append(f"{text} \\bigr]" if bracket else text)
    return rows


def formula_width(latex: str) -> float:
    """Roughly how wide a formula is set, in points at 10 pt."""
    total, scale = 0.0, (1.0, 0.72, 0.55)
    groups: list[bool] = []  # for each open brace, whether it is an index or an exponent
    script = False  # whether the next token is one
    for symbol in _SYMBOL.findall(latex):
        if symbol in "_^":
            script = True
            continue
        if symbol == "{":
            groups.append(script)
        elif symbol == "}":
            groups.pop()
        elif symbol != " ":
            size = scale[min(2, sum(groups) + int(script))]
            total += size * _COMMANDS.get(symbol, _WIDTHS.get(symbol, 6.0 if symbol.startswith("\\") else 5.2))
        script = False
    return total


def _front(product: Product, numbered: set[str]) -> str:
    """The sign of the integral and the measure."""
    measure = [f"d^{{d_{{\\mathrm{{in}}}}}}{_point(point, numbered)}" for point in product.points]
    joined = "\\,".join(measure)
    return f"\\int {joined}\\," if measure else ""


def _inside(product: Product, numbered: set[str]) -> str:
    functions = [f"{coupling_latex(name)}({_point(point, numbered)})" for name, point in product.functions]
    lines = [
        _propagator(_index(a, numbered), _index(b, numbered), power) for (a, b), power in Counter(product.lines).items()
    ]
    return " ".join([*functions, *lines]) or "1"


def _folded(product: Product, table: IntegralTable) -> str:
    factors = [
        _propagator(_index(a, set()), _index(b, set()), power) for (a, b), power in Counter(product.outer).items()
    ]
    for component in product.components():
        entry, legs = table.of(component)
        factors.append(_name(entry.name) + (f"({', '.join(_leg_symbol(leg) for leg in legs)})" if legs else ""))
    return " ".join(factors) or "1"


def _name(name: str) -> str:
    return f"I_{{{name[1:]}}}"


def _leg_symbol(leg: str) -> str:
    return f"x_{{{leg[1:]}}}"


def _propagator(a: str, b: str, power: int) -> str:
    return f"K_{{{a}{b}}}" + (f"^{{{power}}}" if power > 1 else "")


def _numbered(product: Product) -> set[str]:
    """Letters of internal points that need their numbers."""
    return {point[0] for point in product.points if point[1:] != "1"}


def _number(value: Fraction) -> str:
    if value == 1:
        return ""
    return str(value) if value.denominator == 1 else f"\\tfrac{{{value.numerator}}}{{{value.denominator}}}"


def _point(name: str, numbered: set[str]) -> str:
    letter, number = name[0], name[1:]
    return f"{letter}_{{{number}}}" if letter in numbered else letter


def _index(name: str, numbered: set[str]) -> str:
    """Index of a propagator; a leg beyond x9 keeps its letter, so that 1 and 2 are never read as 12."""
    if name[0] != "x":
        return _point(name, numbered)
    return name[1:] if len(name) == 2 else f"x_{{{name[1:]}}}"


def _tensor(tensor: Tensor) -> tuple[Fraction, str, list[str]]:
    """The largest common number, a polynomial in d_out if all deltas share it, and the summands to be joined by +.

    Deltas with the same polynomial stand together in a bracket, the highest power of d_out first.
    """
    values = [value for polynomial in tensor.values() for value in polynomial if value]
    common = Fraction(gcd(*(value.numerator for value in values)), lcm(*(value.denominator for value in values)))
    together: dict[Polynomial, list[Pairing]] = {}
    for pairing, polynomial in tensor.items():
        together.setdefault(tuple(value / common for value in polynomial), []).append(pairing)
    shared = _polynomial(next(iter(together))) if len(together) == 1 else ""
    summands = []
    for polynomial, pairings in sorted(together.items(), key=lambda entry: -len(entry[0])):
        deltas = [" ".join(f"\\delta_{{{_INDICES[a]}{_INDICES[b]}}}" for a, b in pairing) for pairing in pairings]
        factor = "1" if shared else _polynomial(polynomial)
        if factor == "1":
            summands += deltas
        elif len(deltas) == 1:
            summands.append(f"{factor} {deltas[0]}".strip())
        else:
            # one summand for each, the bracket around them all, so that a line may be broken between any two
            summands += [f"{factor} ({deltas[0]}", *deltas[1:-1], f"{deltas[-1]})"]
    return common, "" if shared == "1" else shared, summands


def _polynomial(polynomial: Polynomial) -> str:
    """A polynomial in d_out, highest power first; in brackets if it has several terms."""
    powers = []
    for power in range(len(polynomial) - 1, -1, -1):
        value = polynomial[power]
        if value:
            base = "" if power == 0 else "d_{\\mathrm{out}}" + (f"^{{{power}}}" if power > 1 else "")
            number = _number(value) if base else str(value)
            powers.append(f"{number} {base}".strip())
    return powers[0] if len(powers) == 1 else f"({' + '.join(powers)})"
