"""A diagram in Graphviz' DOT language.

The layout is Graphviz' (https://graphviz.org/doc/info/lang.html): an undirected `graph`, nodes first, then one
`--` for every line, so that parallel lines are repeated and a self-loop joins a node to itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from feyn_nn.graphs.interchange.naming import diagram_names

if TYPE_CHECKING:
    from feyn_nn.graphs.diagram import Diagram

_LEG = 'shape=point, width="0.03", xlabel={label}'
_VERTEX = 'shape=circle, style=filled, fillcolor=black, width="0.12", fixedsize=true, label="", xlabel={label}'


def to_dot(diagram: Diagram, name: str = "diagram") -> str:
    r"""Return `diagram` as a DOT graph called `name`: legs are small points, vertices filled dots with their coupling.

    Nodes are x1, x2, ... and y1, z1, ... (letters by operator, sorted). Raises InputError for more than five
    different operators.

    >>> from feyn_nn.graphs import Diagram
    >>> print(to_dot(Diagram(2, (), ((0, 1),)), 'a "line"'), end="")
    graph "a \"line\"" {
      "x1" [shape=point, width="0.03", xlabel="x1"];
      "x2" [shape=point, width="0.03", xlabel="x2"];
      "x1" -- "x2";
    }
    """
    names = diagram_names(diagram)
    lines = [f"graph {_quoted(name)} {{"]
    lines += [f"  {_quoted(leg)} [{_LEG.format(label=_quoted(leg))}];" for leg in names[: diagram.legs]]
    lines += [
        f"  {_quoted(point)} [{_VERTEX.format(label=_quoted(vertex.coupling))}];"
        for point, vertex in zip(names[diagram.legs :], diagram.vertices, strict=True)
    ]
    lines += [f"  {_quoted(names[a])} -- {_quoted(names[b])};" for a, b in diagram.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    """A DOT string; a backslash is doubled, since Graphviz expands escapes in labels, such as the one of N."""
    safe = "".join(character if character.isprintable() else " " for character in text)
    escaped = safe.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
