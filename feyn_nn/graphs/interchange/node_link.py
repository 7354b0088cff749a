"""Diagrams as JSON and back, without loss: the node-link layout of networkx, with a schema and exact factors.

    {"schema": "feyn-nn/diagram/1", "directed": false, "multigraph": true, "graph": {},
     "nodes": [{"id": 0, "kind": "leg", "label": "x1"},
               {"id": 1, "kind": "vertex", "label": "v1", "coupling": "g", "valence": 3}, ...],
     "edges": [{"source": 0, "target": 1, "key": 0}, ...],
     "automorphisms": "2", "coefficient": "3"}

`networkx.node_link_graph(document, edges="edges")` gives `Diagram.graph` with the valences added. The two factors are
derived: written for other programs, optional on reading, and compared with what the lines give, so that a stale or
wrong one is refused. Nodes and edges may come in any order. Keys that the schema does not have are refused, since a
misspelt one would be lost without a word; only "graph", which networkx leaves to its user, is not looked into.
Several diagrams are {"schema": "feyn-nn/diagrams/1", "diagrams": [...]}, each of them once.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from feyn_nn.action import MAX_VALENCE, MIN_VALENCE, Operator
from feyn_nn.errors import InputError, LimitError
from feyn_nn.files import read_json, write_json
from feyn_nn.graphs.diagram import Diagram
from feyn_nn.graphs.interchange.reading import (
    MAX_BYTES,
    MAX_DIAGRAMS,
    MAX_EDGES,
    MAX_LEGS,
    MAX_VERTICES,
    shown,
    too_large,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

DIAGRAM_SCHEMA: Final = "feyn-nn/diagram/1"
DIAGRAMS_SCHEMA: Final = "feyn-nn/diagrams/1"

_GRAPH_KEYS = ("schema", "directed", "multigraph", "graph", "nodes", "edges")
_DERIVED_KEYS = ("automorphisms", "coefficient")
_LEG_KEYS = ("id", "kind", "label")
_VERTEX_KEYS = (*_LEG_KEYS, "coupling", "valence")
_EDGE_KEYS = ("source", "target", "key")
_LEG_LABEL = re.compile(r"x([1-9][0-9]{0,3})")
_VERTEX_LABEL = re.compile(r"v([1-9][0-9]{0,3})")


def diagram_to_json(diagram: Diagram) -> dict[str, Any]:
    """Return the document of a diagram, of JSON types only.

    Raises LimitError for a diagram that `diagram_from_json` would refuse as too large.

    >>> line = diagram_to_json(Diagram(2, (), ((0, 1),)))
    >>> line["nodes"][0], line["edges"], line["coefficient"]
    ({'id': 0, 'kind': 'leg', 'label': 'x1'}, [{'source': 0, 'target': 1, 'key': 0}], '1')
    """
    refusal = too_large(diagram.legs, [vertex.valence for vertex in diagram.vertices])
    if refusal:
        raise LimitError(f"the diagram has {refusal} by the reader; write it in another format")
    nodes: list[dict[str, Any]] = [{"id": leg, "kind": "leg", "label": f"x{leg + 1}"} for leg in range(diagram.legs)]
    nodes += [
        {
            "id": diagram.legs + index,
            "kind": "vertex",
            "label": f"v{index + 1}",
            "coupling": vertex.coupling,
            "valence": vertex.valence,
        }
        for index, vertex in enumerate(diagram.vertices)
    ]
    keys: Counter[tuple[int, int]] = Counter()
    edges = []
    for a, b in diagram.edges:
        edges.append({"source": a, "target": b, "key": keys[a, b]})
        keys[a, b] += 1
    return {
        "schema": DIAGRAM_SCHEMA,
        "directed": False,
        "multigraph": True,
        "graph": {},
        "nodes": nodes,
        "edges": edges,
        "automorphisms": str(diagram.automorphisms),
        "coefficient": str(diagram.coefficient),
    }


def diagram_from_json(document: object) -> Diagram:
    """Return the diagram of a document; raise InputError with the place of the first mistake."""
    return _diagram(document, "")


def diagrams_to_json(diagrams: Iterable[Diagram]) -> dict[str, Any]:
    """Return the document of several diagrams, in their order.

    Raises InputError if a diagram comes twice, LimitError for more than 20,000 or too large ones.
    """
    values = list(diagrams)
    if len(values) > MAX_DIAGRAMS:
        raise LimitError(f"{len(values)} diagrams: a document holds at most {MAX_DIAGRAMS}; write several")
    _refuse_twice(values)
    return {"schema": DIAGRAMS_SCHEMA, "diagrams": [diagram_to_json(diagram) for diagram in values]}


def diagrams_from_json(document: object) -> tuple[Diagram, ...]:
    """Return the diagrams of a document, in its order; raise InputError with the place of the first mistake."""
    record = _record(document, "the document", ("schema", "diagrams"))
    _check_schema(record["schema"], "schema", DIAGRAMS_SCHEMA)
    entries = _list(record["diagrams"], "diagrams", MAX_DIAGRAMS)
    diagrams = [_diagram(entry, f"diagrams[{index}]") for index, entry in enumerate(entries)]
    _refuse_twice(diagrams)
    return tuple(diagrams)


def write_diagrams(path: Path, diagrams: Iterable[Diagram]) -> None:
    """Write diagrams to a JSON file, atomically; raise InputError if the file cannot be written."""
    document = diagrams_to_json(diagrams)
    try:
        write_json(path, document)
    except OSError as problem:
        raise InputError(f"cannot write {path}: {problem.strerror}") from None


def read_diagrams(path: Path) -> tuple[Diagram, ...]:
    """Read diagrams from a JSON file; raise InputError with the file and the place of the first mistake."""
    try:
        size = path.stat().st_size
    except OSError as problem:
        raise InputError(f"cannot read {path}: {problem.strerror}") from None
    if size > MAX_BYTES:
        raise InputError(f"{path} has {size} bytes: expected at most {MAX_BYTES}; split it into several files")
    document = read_json(path)
    try:
        return diagrams_from_json(document)
    except InputError as problem:
        raise InputError(f"{path}: {problem}") from None


def _diagram(document: object, place: str) -> Diagram:
    dot = f"{place}." if place else ""
    record = _record(document, place or "the document", _GRAPH_KEYS, _DERIVED_KEYS)
    _check_schema(record["schema"], f"{dot}schema", DIAGRAM_SCHEMA)
    for key, wanted in (("directed", False), ("multigraph", True)):
        if record[key] is not wanted:
            raise _wrong(f"{dot}{key}", record[key], f"{shown(wanted)}, lines have no direction and may be parallel")
    if not isinstance(record["graph"], dict):
        raise _wrong(f"{dot}graph", record["graph"], "an object, for example {}")
    entries = _list(record["nodes"], f"{dot}nodes", MAX_LEGS + MAX_VERTICES)
    lines = _list(record["edges"], f"{dot}edges", MAX_EDGES)
    legs, vertices = _nodes(entries, f"{dot}nodes")
    refusal = too_large(len(legs), [operator.valence for operator in vertices.values()])
    if refusal:
        raise InputError(f"{dot}nodes are {refusal}; split or shrink the diagram")
    place_of = {node: index for index, node in enumerate((*legs, *vertices))}
    edges = _edges(lines, f"{dot}edges", place_of)
    _check_ends(edges, f"{dot}nodes", entries, place_of)
    diagram = Diagram(len(legs), tuple(vertices.values()), tuple(edges))
    derived = {"automorphisms": diagram.automorphisms, "coefficient": diagram.coefficient}
    for key, value in derived.items():
        if key in record and record[key] != str(value):
            expected = f'the text "{value}", which is what the lines give; correct the lines or leave {key} out'
            raise _wrong(f"{dot}{key}", record[key], expected)
    return diagram


def _nodes(entries: list[object], place: str) -> tuple[list[int], dict[int, Operator]]:
    """The ids of the legs x1, x2, ... in this order, and the operator of each vertex id."""
    identifiers: set[int] = set()
    legs: dict[int, int] = {}
    vertices: dict[int, Operator] = {}
    numbers: set[int] = set()
    for index, entry in enumerate(entries):
        here = f"{place}[{index}]"
        kind = entry.get("kind") if isinstance(entry, dict) else None
        if isinstance(entry, dict) and "kind" in entry and kind not in ("leg", "vertex"):
            raise _wrong(f"{here}.kind", kind, '"leg" or "vertex"')
        record = _record(entry, here, _VERTEX_KEYS if kind == "vertex" else _LEG_KEYS)
        node = _integer(record["id"], f"{here}.id", range(len(entries)))
        if node in identifiers:
            raise _wrong(f"{here}.id", node, "an id that no other node has")
        identifiers.add(node)
        if kind == "leg":
            legs[_number(record["label"], f"{here}.label", _LEG_LABEL, legs, "x")] = node
        else:
            numbers.add(_number(record["label"], f"{here}.label", _VERTEX_LABEL, numbers, "v"))
            vertices[node] = _operator(record, here)
    for found, letter in ((legs, "x"), (numbers, "v")):
        missing = next((number for number in range(1, len(found) + 1) if number not in found), None)
        if missing is not None:
            raise InputError(
                f"{place} has {len(found)} labels {letter}1, {letter}2, ... but none is {letter}{missing}: "
                "expected consecutive numbers from 1; number them anew"
            )
    return [legs[number] for number in sorted(legs)], vertices


def _number(label: object, place: str, pattern: re.Pattern[str], taken: Collection[int], letter: str) -> int:
    found = pattern.fullmatch(label) if isinstance(label, str) else None
    if found is None:
        raise _wrong(place, label, f"{letter}1, {letter}2, ...")
    if int(found[1]) in taken:
        raise _wrong(place, label, "a label that no other node has")
    return int(found[1])


def _operator(record: dict[str, Any], place: str) -> Operator:
    valence = _integer(record["valence"], f"{place}.valence", range(MIN_VALENCE, MAX_VALENCE + 1))
    coupling = record["coupling"]
    try:
        # The length is looked at here: the operator's own message repeats the name in full.
        if isinstance(coupling, str) and len(coupling) <= MAX_LEGS:
            return Operator(valence, coupling)
    except InputError as problem:
        raise InputError(f"{place}.coupling: {problem}") from None
    raise _wrong(f"{place}.coupling", coupling, "a name of up to 32 letters, digits and underscores")


def _edges(entries: list[object], place: str, place_of: dict[int, int]) -> list[tuple[int, int]]:
    edges = []
    taken = set()
    for index, entry in enumerate(entries):
        here = f"{place}[{index}]"
        record = _record(entry, here, _EDGE_KEYS)
        ends = [_integer(record[key], f"{here}.{key}", range(len(place_of))) for key in ("source", "target")]
        key = _integer(record["key"], f"{here}.key", range(MAX_EDGES))
        a, b = sorted(ends)
        if (a, b, key) in taken:
            raise _wrong(f"{here}.key", key, f"a number that no other line between nodes {a} and {b} has")
        taken.add((a, b, key))
        edges.append((place_of[a], place_of[b]))
    return edges


def _check_ends(edges: list[tuple[int, int]], place: str, entries: list[Any], place_of: dict[int, int]) -> None:
    ends = Counter(node for edge in edges for node in edge)
    for index, entry in enumerate(entries):
        found = ends[place_of[entry["id"]]]
        if entry["kind"] == "leg" and found != 1:
            raise InputError(
                f"{place}[{index}] is the leg {entry['label']} with {found} line ends: expected exactly one; "
                "correct the edges"
            )
        if entry["kind"] == "vertex" and found != entry["valence"]:
            raise InputError(
                f"{place}[{index}].valence is {entry['valence']}, but {found} line ends are at {entry['label']}: "
                "expected as many; correct the edges or the valence"
            )


def _refuse_twice(diagrams: list[Diagram]) -> None:
    first: dict[Diagram, int] = {}
    for index, diagram in enumerate(diagrams):
        if first.setdefault(diagram, index) != index:
            raise InputError(
                f"diagrams[{index}] is the same diagram as diagrams[{first[diagram]}]: expected each one once; "
                "leave one out"
            )


def _check_schema(value: object, place: str, wanted: str) -> None:
    if value != wanted:
        name = wanted.rpartition("/")[0]
        other = isinstance(value, str) and value.startswith(f"{name}/")
        advice = "; it was written by another version of feyn-nn" if other else ""
        raise _wrong(place, value, f'"{wanted}"{advice}')


def _record(value: object, place: str, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(place, value, f"an object with the keys {', '.join(required)}")
    for key in value:
        if key not in required and key not in optional:
            raise InputError(
                f"{place} has the unknown key {shown(key)}: expected only {', '.join((*required, *optional))}; "
                "remove or correct it"
            )
    missing = [key for key in required if key not in value]
    if missing:
        raise InputError(
            f"{place} has no {', '.join(missing)}: expected the keys {', '.join(required)}; add what is missing"
        )
    return value


def _list(value: object, place: str, limit: int) -> list[object]:
    if not isinstance(value, list):
        raise _wrong(place, value, "a list")
    if len(value) > limit:
        raise InputError(f"{place} has {len(value)} entries: expected at most {limit}; split the document")
    return value


def _integer(value: object, place: str, allowed: range) -> int:
    # bool is a kind of int in Python, not in JSON.
    if not isinstance(value, int) or isinstance(value, bool) or value not in allowed:
        expected = f"an integer from {allowed.start} to {allowed.stop - 1}" if allowed else "no node at all"
        raise _wrong(place, value, expected)
    return value


def _wrong(place: str, value: object, expected: str) -> InputError:
    return InputError(f"{place} is {shown(value)}: expected {expected}")
