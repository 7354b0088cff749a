"""Diagrams as self-contained SVG, the same to the byte on every machine.

Legs end in their labels; a vertex is a mark whose shape tells its valence and whose filling tells couplings of the same
shape apart, so that a picture can be read without colour; a row under the diagram names the couplings. Where lines
cross there is no mark. `data-line`, `data-vertex` and `data-leg` carry the names of `Diagram.graph`.
"""

from __future__ import annotations

import re
from html import escape
from math import cos, pi, sin
from typing import TYPE_CHECKING

from feyn_nn.render.layout import draw

if TYPE_CHECKING:
    from feyn_nn.action import Operator
    from feyn_nn.graphs import Diagram
    from feyn_nn.render.layout import Drawing, Label, Mark
    from feyn_nn.render.strokes import Point, Stroke

INK = "#1a1a1a"
PAPER = "#ffffff"

_LEGEND = 24
_LETTER = 8
_SHAPES = {3: "triangle", 4: "disc", 5: "pentagon", 6: "square"}
_FILLINGS = ("solid", "open", "dotted", "barred", "crossed")
_POLYGONS = {
    "triangle": [(8.0, 90 + 120 * k) for k in range(3)],
    "pentagon": [(7.5, 90 + 72 * k) for k in range(5)],
    "square": [(8.0, 45 + 90 * k) for k in range(4)],
    "star": [(9.0 if k % 2 == 0 else 4.5, 90 + 30 * k) for k in range(12)],
}
GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "zeta": "ζ",
    "eta": "η",
    "theta": "θ",
    "iota": "ι",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "nu": "ν",
    "xi": "ξ",
    "pi": "π",
    "rho": "ρ",
    "sigma": "σ",
    "tau": "τ",
    "upsilon": "υ",
    "phi": "φ",
    "chi": "χ",
    "psi": "ψ",
    "omega": "ω",
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def diagram_svg(diagram: Diagram, title: str | None = None) -> str:
    """The SVG of a diagram, with `title` (default: its legs and couplings) for screen readers and tooltips.

    >>> from feyn_nn.action import Operator
    >>> from feyn_nn.graphs import Diagram
    >>> tadpole = Diagram(2, (Operator(4, "lambda"),), ((0, 2), (1, 2), (2, 2)))
    >>> diagram_svg(tadpole).count("data-line=")
    3
    """
    drawing = draw(diagram)
    operators = sorted(set(diagram.vertices))
    looks = _looks(operators)
    legend = _legend(operators, looks)
    width = max(drawing.width, legend[1])
    height = drawing.height + (_LEGEND if operators else 0)
    shift = (width - drawing.width) // 2
    named = _text(title if title is not None else _default_title(diagram))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="Georgia, \'Times New Roman\', serif" font-size="16">',
        f"<title>{named}</title>",
        f"<desc>{_text(_description(drawing))}</desc>",
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
        f'<g transform="translate({shift} 0)">' if shift else "<g>",
        f'<g class="lines" fill="none" stroke="{INK}" stroke-width="1.6" stroke-linecap="round">',
        *(_line(stroke) for stroke in drawing.strokes),
        "</g>",
        f'<g class="vertices" fill="{INK}" stroke="{INK}" stroke-width="1.6">',
        *(_vertex(mark, looks[mark.operator]) for mark in drawing.marks),
        "</g>",
        f'<g class="labels" fill="{INK}" text-anchor="middle">',
        *(_label(label) for label in drawing.labels),
        *(
            []
            if drawing.strokes
            else [f'<text class="one" x="{drawing.width // 2}" y="{drawing.height // 2 + 5}">1</text>']
        ),
        "</g>",
        "</g>",
    ]
    if operators:
        lines.append(f'<g class="legend" transform="translate({(width - legend[1]) // 2} {drawing.height + 4})">')
        lines += [legend[0], "</g>"]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _text(text: str) -> str:
    """Escape; characters that XML cannot hold are left out."""
    return escape(_NOT_XML.sub("", text))


def _default_title(diagram: Diagram) -> str:
    couplings = [str(vertex) for vertex in diagram.vertices]
    powers = [f"{couplings.count(name)} x {name}" for name in dict.fromkeys(couplings)]
    return f"Feynman diagram: {diagram.legs} legs, {', '.join(powers) or 'no vertices'}"


def _description(drawing: Drawing) -> str:
    vertices = ", ".join(f"{mark.name} {mark.operator}" for mark in drawing.marks)
    edges = ", ".join(f"{stroke.start}-{stroke.end}" for stroke in drawing.strokes)
    return f"Vertices: {vertices or 'none'}. Lines: {edges or 'none'}."


def _line(stroke: Stroke) -> str:
    points = [f"{x} {y}" for x, y in stroke.points]
    rest = f"L{points[1]}" if len(points) == 2 else f"C{' '.join(points[1:])}"
    return f'<path data-line="{stroke.start} {stroke.end}" d="M{points[0]}{rest}"/>'


def _label(label: Label) -> str:
    x, y = label.at
    letter, number = label.name[0], label.name[1:]
    return (
        f'<text data-leg="{label.name}" x="{x}" y="{y + 4}"><tspan font-style="italic">{letter}</tspan>'
        f'<tspan font-size="11" dy="3">{number}</tspan></text>'
    )


def _vertex(mark: Mark, look: tuple[str, str]) -> str:
    return (
        f'<g data-vertex="{mark.name}" data-coupling="{_text(mark.operator.coupling)}">'
        f"<title>{mark.name}: {_text(str(mark.operator))}</title>{_shape(mark.at, look)}</g>"
    )


def _looks(operators: list[Operator]) -> dict[Operator, tuple[str, str]]:
    """Shape by valence, filling by rank among the operators of the same shape (repeats after five)."""
    found: dict[Operator, tuple[str, str]] = {}
    for operator in operators:
        shape = _SHAPES.get(operator.valence, "star")
        rank = sum(used == shape for used, _ in found.values())
        found[operator] = shape, _FILLINGS[rank % len(_FILLINGS)]
    return found


def _shape(at: Point, look: tuple[str, str]) -> str:
    shape, filling = look
    x, y = at
    paint = "" if filling == "solid" else f' fill="{PAPER}"'
    if shape == "disc":
        body = f'<circle cx="{x}" cy="{y}" r="5.5"{paint}/>'
    else:
        corners = " ".join(
            f"{x + _tenths(radius * cos(pi * angle / 180))},{y - _tenths(radius * sin(pi * angle / 180))}"
            for radius, angle in _POLYGONS[shape]
        )
        body = f'<polygon points="{corners}"{paint}/>'
    if filling == "dotted":
        body += f'<circle cx="{x}" cy="{y}" r="1"/>'
    if filling in ("barred", "crossed"):
        body += f'<path d="M{x - 3} {y}h6"/>'
    if filling == "crossed":
        body += f'<path d="M{x} {y - 3}v6"/>'
    return body


def _tenths(value: float) -> int:
    """Corners on whole pixels, ties away from last-bit differences."""
    return int(value + 1000.5 + 1e-6) - 1000


def _legend(operators: list[Operator], looks: dict[Operator, tuple[str, str]]) -> tuple[str, int]:
    """The row that names the couplings, and its width."""
    x = 12
    parts = []
    for operator in operators:
        name = GREEK.get(operator.coupling, operator.coupling)
        parts.append(
            f"{_shape((x, 8), looks[operator])}"
            f'<text x="{x + 13}" y="13" font-size="16" font-style="italic" stroke="none">{_text(name)}</text>'
        )
        x += 13 + _LETTER * len(name) + 24
    return f'<g fill="{INK}" stroke="{INK}" stroke-width="1.6">{"".join(parts)}</g>', x
