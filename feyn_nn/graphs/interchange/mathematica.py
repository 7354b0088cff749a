"""Diagrams in the language of Mathematica (Wolfram Language).

Points of a diagram are strings, "x1", "y1", so that they mean nothing else in the session that reads them; numbers
are exact. In expressions a coupling is a symbol. An underscore there would be a pattern, so it becomes a dollar
sign; a name that starts with a capital letter could be one of the system's (E, Pi, D, ...), so it moves to the
context coupling`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from feyn_nn.graphs.interchange.naming import diagram_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from feyn_nn.graphs.diagram import Diagram

MATHEMATICA_CUTOFF: Final = "Lambda"


def to_mathematica(diagram: Diagram) -> str:
    """Return an association of legs, vertices (with couplings), edges, coefficient and automorphisms.

    With `d` the value, `Graph[Join[d["Legs"], Keys[d["Vertices"]]], d["Edges"]]` is the graph; parallel lines are
    repeated, a self-loop joins a point to itself. The coefficient is without the sign (-1)^vertices. Raises InputError
    for more than five different operators.

    >>> from feyn_nn.action import Operator
    >>> from feyn_nn.graphs import Diagram
    >>> print(to_mathematica(Diagram(2, (Operator(4, "lambda_4"),), ((0, 2), (1, 2), (2, 2)))), end="")
    <|
      "Legs" -> {"x1", "x2"},
      "Vertices" -> <|"y1" -> "lambda_4"|>,
      "Edges" -> {UndirectedEdge["x1", "y1"], UndirectedEdge["x2", "y1"], UndirectedEdge["y1", "y1"]},
      "Coefficient" -> 12,
      "Automorphisms" -> 2
    |>
    """
    names = diagram_names(diagram)
    legs = ", ".join(f'"{leg}"' for leg in names[: diagram.legs])
    vertices = ", ".join(
        f'"{point}" -> "{vertex.coupling}"'
        for point, vertex in zip(names[diagram.legs :], diagram.vertices, strict=True)
    )
    edges = ", ".join(f'UndirectedEdge["{names[a]}", "{names[b]}"]' for a, b in diagram.edges)
    entries = {
        "Legs": f"{{{legs}}}",
        "Vertices": f"<|{vertices}|>",
        "Edges": f"{{{edges}}}",
        "Coefficient": str(diagram.coefficient),
        "Automorphisms": str(diagram.automorphisms),
    }
    return "<|\n" + ",\n".join(f'  "{key}" -> {value}' for key, value in entries.items()) + "\n|>\n"


def mathematica_symbol(coupling: str) -> str:
    """Return a coupling as a symbol; different couplings give different symbols.

    >>> mathematica_symbol("lambda"), mathematica_symbol("g_3"), mathematica_symbol("E")
    ('lambda', 'g$3', 'coupling`E')
    """
    symbol = coupling.replace("_", "$")  # no coupling contains a dollar sign
    return f"coupling`{symbol}" if symbol[0].isupper() else symbol


def mathematica_product(lines: Iterable[tuple[str, str]], d_in: int = 1) -> str:
    """Return a product of propagators; for d_in > 1 each argument is the list of coordinates {x1[1], x1[2], ...}."""
    factors = [
        f"K[{_point(a, d_in)}, {_point(b, d_in)}]" + (f"^{power}" if power > 1 else "")
        for (a, b), power in Counter(lines).items()
    ]
    return "*".join(factors) or "1"


def mathematica_integral(
    outer: Sequence[tuple[str, str]],
    inner: Sequence[tuple[str, str]],
    points: Sequence[str],
    d_in: int = 1,
    functions: Sequence[tuple[str, str]] = (),
) -> str:
    """Return the product of the `outer` lines with the integral of the `inner` ones over all coordinates of `points`.

    `functions` are (symbol, point) of what else stands under the integral.
    """
    if not points:
        return mathematica_product([*outer, *inner], d_in)
    limits = ", ".join(
        f"{{{coordinate}, -{MATHEMATICA_CUTOFF}, {MATHEMATICA_CUTOFF}}}"
        for point in points
        for coordinate in _coordinates(point, d_in)
    )
    factors = [f"{symbol}[{_point(point, d_in)}]" for symbol, point in functions]
    integrand = "*".join([*factors, mathematica_product(inner, d_in)])
    integral = f"Inactive[Integrate][{integrand}, {limits}]"
    return f"{mathematica_product(outer, d_in)}*{integral}" if outer else integral


def _coordinates(point: str, d_in: int) -> list[str]:
    return [point] if d_in == 1 else [f"{point}[{axis + 1}]" for axis in range(d_in)]


def _point(point: str, d_in: int) -> str:
    coordinates = _coordinates(point, d_in)
    return point if d_in == 1 else f"{{{', '.join(coordinates)}}}"
