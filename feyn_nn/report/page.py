"""One self-contained HTML page: text, formulas, pictures, tables, verdicts. No scripts, nothing loaded from anywhere.

A page is a title, a few paragraphs and sections of blocks. Everything goes through ElementTree, which escapes it: a name from a
user's file is text, whatever it contains. Pictures are inline SVG, read back as XML, their identifiers made unique on the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final, TypeAlias
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from feyn_nn.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Cell: TypeAlias = str | int | float | None

_SVG: Final = "http://www.w3.org/2000/svg"
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCE: Final = re.compile(r"(url\(#|^#(?![0-9a-fA-F]{3,8}$))")
_DROPPED: Final = {"metadata", "style", "script", "foreignObject"}

STYLE: Final = """
:root { color-scheme: light; --ink: #1a1a1a; --quiet: #5a5a5a; --rule: #d8d8d8; --warn: #8a4b00; --warn-paper: #fff6e8; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; color: var(--ink); background: #fff;
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-top: .6rem; border-top: 1px solid var(--rule); }
p { max-width: 44rem; margin: .5rem 0; }
figure { margin: 1rem 0; }
figcaption, caption { color: var(--quiet); font-size: .9rem; text-align: left; max-width: 44rem; padding: .2rem 0; }
figure svg { max-width: 100%; height: auto; stroke-linejoin: round; stroke-linecap: butt; }
.wide { overflow-x: auto; }
.wide > svg { min-width: 52rem; }
math { font-size: 1.1rem; }
.aligned mtd { text-align: left; padding: .15em 0; }
.aligned mtd:first-child { text-align: right; padding-right: .3em; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th { border-bottom-color: var(--ink); font-weight: 600; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.text, th.text { text-align: left; white-space: normal; min-width: 9rem; }
.diagrams { display: flex; flex-wrap: wrap; gap: 1rem; }
.diagrams figure { margin: 0; max-width: 16rem; }
.diagrams { align-items: flex-end; }
.warning { border-left: .25rem solid var(--warn); background: var(--warn-paper); padding: .4rem .8rem; max-width: 44rem;
  margin: .5rem 0; }
.warning strong { color: var(--warn); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; font-size: .92rem; }
dt { color: var(--quiet); } dd { margin: 0; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .3rem; } h1 { font-size: 1.4rem; } }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } h2 { break-after: avoid; }
  figure, table, .warning { break-inside: avoid; } .wide { overflow: visible; } .wide > svg { min-width: 0; } }
"""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of text."""

    text: str


@dataclass(frozen=True, slots=True)
class Caution:
    """A warning: its code and its sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Formula:
    """A `math` element, and what it says, for readers whose browser sets no formulas."""

    math: Element
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """SVG text with a caption; `wide` pictures scroll sideways on a narrow screen rather than become unreadable."""

    svg: str
    caption: str
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Gallery:
    """Small pictures beside each other."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A table; None is shown as a dash, floats in `digits` significant digits, text as it is."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    digits: int = 6


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, such as settings and provenance."""

    values: Mapping[str, object]


Block: TypeAlias = Paragraph | Caution | Formula | Picture | Gallery | Numbers | Facts


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its blocks."""

    title: str
    blocks: tuple[Block, ...]


def page(title: str, summary: Sequence[str], sections: Sequence[Section]) -> str:
    """The whole page as text. Raises InputError for a picture that is not SVG."""
    html = Element("html", {"lang": "en"})
    head = SubElement(html, "head")
    SubElement(head, "meta", {"charset": "utf-8"})
    SubElement(head, "meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"})
    SubElement(
        head,
        "meta",
        {
            "http-equiv": "Content-Security-Policy",
            "content": "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
        },
    )
    SubElement(head, "link", {"rel": "icon", "href": "data:,"})
    _text(head, "title", title)
    SubElement(head, "style").text = STYLE
    body = SubElement(html, "body")
    _text(body, "h1", title)
    for sentence in summary:
        _text(body, "p", sentence)
    pictures = _Pictures()
    for section in sections:
        _text(body, "h2", section.title)
        for block in section.blocks:
            _write(body, block, pictures)
    for element in html.iter():
        element.text = _clean(element.text)
        element.tail = _clean(element.tail)
        for name, value in element.attrib.items():
            element.set(name, _clean(value) or "")
    return "<!DOCTYPE html>\n" + tostring(html, encoding="unicode", method="html") + "\n"


class _Pictures:
    """Reads SVG, and makes it fit for a page: no namespaces, no styles that leak, identifiers of its own."""

    def __init__(self) -> None:
        self._number = 0

    def read(self, svg: str, caption: Element) -> Element:
        """The svg element, named by its caption."""
        self._number += 1
        try:
            root = fromstring(svg)  # noqa: S314 - our own pictures; expat resolves no external entities
        except SyntaxError as problem:
            raise InputError(f"a picture is not SVG ({problem}); expected an svg element") from None
        if root.tag != f"{{{_SVG}}}svg":
            raise InputError(f"a picture has the root element {root.tag!r}; expected svg")
        _tidy(root, f"p{self._number}-")
        caption.set("id", f"p{self._number}")
        root.set("role", "img")
        root.set("aria-labelledby", f"p{self._number}")
        return root


def _tidy(element: Element, prefix: str) -> None:
    for child in list(element):
        if not isinstance(child.tag, str) or _local(child.tag) in _DROPPED:
            element.remove(child)
        else:
            _tidy(child, prefix)
    element.tag = _local(element.tag)
    for name, value in list(element.attrib.items()):
        del element.attrib[name]
        plain = _local(name)
        if plain.startswith("on"):
            continue
        element.set(plain, prefix + value if plain == "id" else _REFERENCE.sub(rf"\g<1>{prefix}", value))


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _write(body: Element, block: Block, pictures: _Pictures) -> None:
    match block:
        case Paragraph(text):
            _text(body, "p", text)
        case Caution(code, message):
            paragraph = SubElement(body, "p", {"class": "warning"})
            _text(paragraph, "strong", code).tail = f": {message}"
        case Formula(math, caption):
            figure = SubElement(body, "figure")
            SubElement(figure, "div", {"class": "wide"}).append(math)
            if caption:
                _text(figure, "figcaption", caption)
        case Picture():
            _picture(body, block, pictures)
        case Gallery(shown):
            gallery = SubElement(body, "div", {"class": "diagrams"})
            for picture in shown:
                _picture(gallery, picture, pictures)
        case Numbers():
            _numbers(body, block)
        case Facts(values):
            facts = SubElement(body, "dl")
            for name, value in values.items():
                _text(facts, "dt", name)
                _text(facts, "dd", str(value))


def _picture(parent: Element, picture: Picture, pictures: _Pictures) -> None:
    figure = SubElement(parent, "figure")
    frame = SubElement(figure, "div", {"class": "wide"}) if picture.wide else figure
    caption = _text(figure, "figcaption", picture.caption)
    frame.insert(0, pictures.read(picture.svg, caption))


def _numbers(body: Element, block: Numbers) -> None:
    textual = [any(isinstance(row[k], str) for row in block.rows) for k in range(len(block.columns))]
    table = SubElement(SubElement(body, "div", {"class": "wide"}), "table")
    if block.caption:
        _text(table, "caption", block.caption)
    line = SubElement(SubElement(table, "thead"), "tr")
    for name, text in zip(block.columns, textual, strict=True):
        _text(line, "th", name).set("class", "text" if text else "number")
    rows = SubElement(table, "tbody")
    for row in block.rows:
        line = SubElement(rows, "tr")
        for cell, text in zip(row, textual, strict=True):
            _text(line, "td", shown(cell, block.digits)).set("class", "text" if text else "number")


def shown(cell: Cell, digits: int = 6) -> str:
    """A cell as text: a dash where there is no number, a true minus sign.

    >>> shown(None), shown(-0.25), shown(3), shown("erf")
    ('\u2013', '\u22120.25', '3', 'erf')
    """
    if cell is None or (isinstance(cell, float) and not isfinite(cell)):
        return "\u2013"
    text = f"{cell:.{digits}g}" if isinstance(cell, float) else str(cell)
    return text.replace("-", "\u2212") if isinstance(cell, float | int) else text


def _text(parent: Element, tag: str, text: str) -> Element:
    element = SubElement(parent, tag)
    element.text = text
    return element


def _clean(text: str | None) -> str | None:
    """Text without characters that neither XML nor HTML can hold."""
    return text and _NOT_XML.sub("\ufffd", text)
