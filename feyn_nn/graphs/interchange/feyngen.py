"""The text format of feyngen and feyncop (M. Borinsky, arXiv:1402.2613, https://github.com/michibo/feyncop).

A sum of graphs has a name and ends with a semicolon; an empty one is `0;`:

    phi4_j2_h1 :=
    +G[[0,0],[1,0],[2,0]]/2
    ;

Numbers are nodes, pairs are lines (repeated when parallel, equal for a self-loop), and what stands below the stroke
is the order of the automorphism group. A node with one line is a leg, and legs are told apart by their numbers: the
smallest is our x1. feyngen's graphs "without leg labels" have a name that ends in `_nlf` (in older versions
`_unlab_ext_legs`); there the number counts permutations of legs too. Couplings are not part of the format: a
vertex is known by its valence alone, so two couplings of the same valence cannot be written. Lines that carry
a type, as in `[1,0,f]`, belong to QED and Yang-Mills graphs and are refused.

What is written here has the order of feyngen (vertices before legs, larger number first, lines at legs last), but
another choice of numbers among equivalent ones: feyngen takes nauty's.
"""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs.diagram import Diagram
from feyn_nn.graphs.interchange.reading import MAX_BYTES, MAX_DIAGRAMS, MAX_EDGES, shown, too_large

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from feyn_nn.action import Operator

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_(),]{0,99}")
_HEAD = re.compile(r"\s*([A-Za-z][A-Za-z0-9_(),]{0,99})\s*:=\s*")
_GRAPH = re.compile(r"\s*([+-]?)\s*(?:([0-9]{1,400})(?:/([0-9]{1,400}))?\s*\*\s*)?G\[\s*")
_EDGE = re.compile(r"\[\s*([0-9]{1,6})\s*,\s*([0-9]{1,6})\s*\]\s*")
_COMMA = re.compile(r",\s*")
_CLOSE = re.compile(r"\](?:\s*/\s*([0-9]{1,400})(?![0-9]))?\s*")
_EMPTY = re.compile(r"(?:0\s*)?;\s*")
_END = re.compile(r";\s*")
_WITHOUT_LABELS = ("_nlf", "_unlab_ext_legs")


def to_feyngen(diagrams: Iterable[Diagram], name: str) -> str:
    """Return the sum of `diagrams`, legs fixed, each divided by its automorphisms.

    Raises InputError for a name that is none or promises legs without labels, for a diagram that comes twice, and for
    two couplings of the same valence; LimitError for more than 20,000 diagrams or too large ones.

    >>> from feyn_nn.action import Operator
    >>> tadpole = Diagram(2, (Operator(4, "lambda"),), ((0, 2), (1, 2), (2, 2)))
    >>> print(to_feyngen([tadpole], "phi4_j2_h1"), end="")
    phi4_j2_h1 :=
    +G[[0,0],[1,0],[2,0]]/2
    ;
    """
    if not _NAME.fullmatch(name) or name.endswith(_WITHOUT_LABELS):
        raise InputError(
            f"name {shown(name)} of a sum of graphs: expected a letter and up to 99 letters, digits, underscores or "
            f"brackets, without {' or '.join(_WITHOUT_LABELS)} at the end"
        )
    values = list(diagrams)
    if len(values) > MAX_DIAGRAMS:
        raise LimitError(f"{len(values)} diagrams: a sum holds at most {MAX_DIAGRAMS}; write several")
    for diagram in values:
        refusal = too_large(diagram.legs, [vertex.valence for vertex in diagram.vertices])
        if refusal:
            raise LimitError(f"a diagram has {refusal} by the reader; leave it out")
    _by_valence(sorted({vertex for diagram in values for vertex in diagram.vertices}))
    _refuse_twice(values)
    lines = [f"{name} :=", *(f"+{_graph(diagram)}/{diagram.automorphisms}" for diagram in values)]
    return "\n".join([*lines, ";" if values else "0;"]) + "\n"


def from_feyngen(text: str, operators: Sequence[Operator]) -> tuple[Diagram, ...]:
    """Return the diagrams of one sum, in its order; `operators` names the coupling of every valence.

    The symmetry factor of each graph is compared with the one that its lines have. Graphs without leg labels
    (`_nlf`) come back as one of their labellings each. Raises InputError, with the number of the graph or the
    position in the text, for anything that is not such a sum, a valence without operator, two operators of the same
    valence, a wrong factor, or a graph that comes twice.

    >>> from feyn_nn.action import Operator
    >>> read = from_feyngen("phi4_j2_h1 := +G[[0,0],[1,0],[2,0]]/2 ;", [Operator(4, "lambda")])
    >>> read[0].edges, str(read[0].coefficient)
    (((0, 2), (1, 2), (2, 2)), '12')
    """
    if len(text) > MAX_BYTES:
        raise InputError(f"a text of {len(text)} characters: expected at most {MAX_BYTES}; split it")
    operator_of = _by_valence(operators)
    head = _HEAD.match(text)
    if head is None:
        raise _unreadable(text, 0, "a name and := at the beginning")
    with_labels = not head[1].endswith(_WITHOUT_LABELS)
    position = head.end()
    diagrams: list[Diagram] = []
    end = _EMPTY.match(text, position)
    while end is None:
        number = len(diagrams) + 1
        if number > MAX_DIAGRAMS:
            raise InputError(f"a sum of more than {MAX_DIAGRAMS} graphs: split it into several")
        weight, edges, position = _read_graph(text, position, first=number == 1)
        diagram = _diagram(edges, operator_of, number)
        factor = diagram.automorphisms if with_labels else diagram.topology.automorphisms
        if weight != Fraction(1, factor):
            group = "with fixed legs" if with_labels else "with legs that may be exchanged"
            raise InputError(
                f"graph {number} has the weight {_short(weight)}: expected 1/{factor}, the inverse of the number of its "
                f"automorphisms {group}; correct the text"
            )
        diagrams.append(diagram)
        end = _END.match(text, position)
    if end.end() != len(text):
        raise _unreadable(text, end.end(), "nothing behind the ; of one sum of graphs")
    _refuse_twice(diagrams)
    return tuple(diagrams)


def _graph(diagram: Diagram) -> str:
    """Vertices first, then legs; lines between vertices first, the larger number of each line first."""
    count = len(diagram.vertices)
    moved = [*range(count, count + diagram.legs), *range(count)]
    lines = sorted((max(moved[a], moved[b]), min(moved[a], moved[b])) for a, b in diagram.edges)
    lines.sort(key=lambda line: line[0] >= count)
    return f"G[{','.join(f'[{a},{b}]' for a, b in lines)}]"


def _read_graph(text: str, position: int, *, first: bool) -> tuple[Fraction, list[tuple[int, int]], int]:
    """Weight, lines, and the position behind one summand."""
    opening = _GRAPH.match(text, position)
    if opening is None or opening[1] == "-" or not (opening[1] or first):
        raise _unreadable(text, position, "+G[[number,number],...]/number or ;")
    edges: list[tuple[int, int]] = []
    position = opening.end()
    while not text.startswith("]", position):
        if edges:
            comma = _COMMA.match(text, position)
            if comma is None:
                raise _unreadable(text, position, "a comma or ]")
            position = comma.end()
        edge = _EDGE.match(text, position)
        if edge is None:
            raise _unreadable(text, position, "a line [number,number] of the one scalar field")
        if len(edges) == MAX_EDGES:
            raise InputError(f"a graph with more than {MAX_EDGES} lines at character {position}: too large to be read")
        edges.append((int(edge[1]), int(edge[2])))
        position = edge.end()
    closing = _CLOSE.match(text, position)
    if closing is None or text.startswith("/", closing.end()):
        raise _unreadable(text, position, "] and / with a number of up to 400 digits")
    parts = [int(part) if part is not None else 1 for part in (opening[2], opening[3], closing[1])]
    if not all(parts):
        raise _unreadable(text, opening.start(), "a factor that is not zero")
    return Fraction(parts[0], parts[1] * parts[2]), edges, closing.end()


def _diagram(edges: list[tuple[int, int]], operator_of: dict[int, Operator], number: int) -> Diagram:
    valence = Counter(node for edge in edges for node in edge)
    legs = sorted(node for node in valence if valence[node] == 1)
    vertices = sorted(node for node in valence if valence[node] > 1)
    refusal = too_large(len(legs), [valence[node] for node in vertices])
    if refusal:
        raise InputError(f"graph {number} has {refusal}; leave it out")
    for node in vertices:
        if valence[node] not in operator_of:
            known = ", ".join(str(operator) for operator in operator_of.values()) or "none"
            raise InputError(
                f"vertex {node} of graph {number} has valence {valence[node]}: expected that of an operator given "
                f"({known}); add one or correct the lines"
            )
    place = {node: index for index, node in enumerate((*legs, *vertices))}
    operators = tuple(operator_of[valence[node]] for node in vertices)
    return Diagram(len(legs), operators, tuple((place[a], place[b]) for a, b in edges))


def _by_valence(operators: Sequence[Operator]) -> dict[int, Operator]:
    result: dict[int, Operator] = {}
    for operator in operators:
        if result.setdefault(operator.valence, operator) != operator:
            raise InputError(
                f"operators {result[operator.valence]} and {operator}: feyngen's format knows a vertex by its valence "
                "alone; keep one of them, or use JSON"
            )
    return result


def _refuse_twice(diagrams: list[Diagram]) -> None:
    first: dict[Diagram, int] = {}
    for number, diagram in enumerate(diagrams, 1):
        if first.setdefault(diagram, number) != number:
            raise InputError(
                f"graph {number} is the same diagram as graph {first[diagram]}: expected each one once; leave one out"
            )


def _short(weight: Fraction) -> str:
    return str(weight) if weight.denominator.bit_length() + weight.numerator.bit_length() < 400 else "of many digits"


def _unreadable(text: str, position: int, expected: str) -> InputError:
    found = shown(text[position : position + 40]) if position < len(text) else "the end"
    return InputError(f"character {position} of the sum of graphs is {found}: expected {expected}")
