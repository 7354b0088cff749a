"""Formulas as MathML, which every current browser sets without scripts: well formed, escaped, names in italics as written.

A correlator is written as the talk does (3.18): one labelling of each topology with its coefficient, "+ perms" where there
are others. Built with the standard library's ElementTree, which escapes whatever a name contains.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, SubElement

from feyn_nn.render.svg import GREEK
from feyn_nn.symbolic.formats.layout import Labelling, Layout, written_terms

if TYPE_CHECKING:
    from fractions import Fraction

    from feyn_nn.correlator import Correlator
    from feyn_nn.symbolic.formats.layout import Product

_THIN: Final = "0.17em"


def symbol(name: str) -> Element:
    """A name: Greek letters as such, what follows an underscore or a letter's number as an index."""
    stem, *rest = re.split(r"_|(?<=[A-Za-z])(?=\d)", name, maxsplit=1)
    base = _leaf("mi", GREEK.get(stem, stem))
    if not rest or not rest[0]:
        return base
    return _indexed("msub", base, _leaf("mi" if not rest[0].isdigit() else "mn", rest[0]))


def number(value: Fraction | float | str) -> Element:
    """A number; a Fraction stands as a fraction."""
    denominator = getattr(value, "denominator", 1)
    if isinstance(value, float | str) or denominator == 1:
        return _leaf("mn", str(value))
    fraction = Element("mfrac")
    fraction.append(_leaf("mn", str(getattr(value, "numerator", value))))
    fraction.append(_leaf("mn", str(denominator)))
    return fraction


def operator(text: str) -> Element:
    """An operator or a bracket."""
    return _leaf("mo", text)


def row(*parts: Element) -> Element:
    """Parts beside each other."""
    return _filled("mrow", parts)


def sub(base: Element, index: Element) -> Element:
    """A base with an index."""
    return _indexed("msub", base, index)


def sup(base: Element, power: Element) -> Element:
    """A base with an exponent."""
    return _indexed("msup", base, power)


def over(top: Element, bottom: Element) -> Element:
    """A fraction."""
    return _indexed("mfrac", top, bottom)


def formula(*parts: Element) -> Element:
    """A displayed formula."""
    math = Element("math", {"xmlns": "http://www.w3.org/1998/Math/MathML", "display": "block"})
    math.append(row(*parts))
    return math


def correlator_formula(correlator: Correlator) -> Element:
    """G^(n)(x1, .., xn) = sum over topologies, a line of an aligned table for each.

    Raises LimitError for more than 20,000 topologies.
    """
    arguments: list[Element] = []
    for leg in range(correlator.n):
        arguments += [operator(","), symbol(f"x_{leg + 1}")] if leg else [symbol("x_1")]
    power = row(operator("("), number(correlator.n), operator(")"))
    head = [sup(_leaf("mi", "G"), power), operator("("), *arguments, operator(")")]
    math = Element("math", {"xmlns": "http://www.w3.org/1998/Math/MathML", "display": "block"})
    table = SubElement(math, "mtable", {"class": "aligned"})
    lines = []
    for written in written_terms(correlator, Layout(Labelling.REPRESENTATIVE)):
        for part in written.parts:
            constants = [symbol(name) if n == 1 else sup(symbol(name), number(n)) for name, n in part.constants]
            size = abs(part.number)
            front = [] if size == 1 else [number(size)]
            perms = [operator("+"), _leaf("mtext", "perms")] if written.term.labellings > 1 else []
            body = [*_product(part.products[0]), *perms]
            if perms and front:
                front = [number(size / written.term.labellings)] if size != written.term.labellings else []
            if perms and (front or constants):
                body = [operator("["), *body, operator("]")]
            lines.append((part.number < 0, [*front, *constants, *body]))
    for index, (negative, parts) in enumerate(lines or [(False, [number(0)])]):
        sign = [operator("\u2212")] if negative else [operator("+")] if index else []
        line = SubElement(table, "mtr")
        SubElement(line, "mtd").append(row(*(head if index == 0 else []), *([operator("=")] if index == 0 else [])))
        SubElement(line, "mtd").append(row(*sign, *parts))
    return math


def _product(product: Product) -> list[Element]:
    numbered = {point[0] for point in product.points if point[1:] != "1"}

    def point(name: str) -> Element:
        if name[0] == "x":
            return number(int(name[1:])) if len(name) == 2 else symbol(f"x_{name[1:]}")
        return symbol(f"{name[0]}_{name[1:]}") if name[0] in numbered else symbol(name[0])

    parts = []
    if product.points:
        parts.append(operator("\u222b"))
    for each in product.points:
        dimension = sub(_leaf("mi", "d"), _leaf("mtext", "in"))
        parts += [row(sup(_leaf("mi", "d"), dimension), point(each)), _space()]
    parts += [row(symbol(name), operator("("), point(at), operator(")")) for name, at in product.functions]
    for (a, b), power in Counter(product.lines).items():
        line = sub(_leaf("mi", "K"), row(point(a), point(b)))
        parts.append(line if power == 1 else sup(line, number(power)))
    return parts or [number(1)]


def _space() -> Element:
    return Element("mspace", {"width": _THIN})


def _leaf(tag: str, text: str) -> Element:
    element = Element(tag)
    element.text = text
    return element


def _indexed(tag: str, base: Element, other: Element) -> Element:
    return _filled(tag, (base, other))


def _filled(tag: str, parts: tuple[Element, ...]) -> Element:
    element = Element(tag)
    element.extend(parts)
    return element
