"""Diagrams through JSON: round trips over whole classes, and documents that are damaged in every way.

The document must give the same diagram: so legs, couplings, parallel lines, self-loops and factors are all in it. The
text formats are in `test_interchange_text`.
"""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs import Diagram
from feyn_nn.graphs.interchange import (
    diagram_from_json,
    diagram_to_json,
    diagrams_from_json,
    diagrams_to_json,
    feyngen,
    from_feyngen,
    node_link,
    read_diagrams,
    to_feyngen,
    write_diagrams,
)
from feyn_nn.graphs.interchange.reading import MAX_BYTES
from tests.oracles.diagram_samples import (
    LAMBDA,
    MU,
    G,
    attempt,
    examples,
)

if TYPE_CHECKING:
    from pathlib import Path


def document() -> dict[str, Any]:
    """Two couplings of valence four and a cubic pair, a self-loop, a parallel pair, a line between two legs."""
    vertices = (G, G, LAMBDA, MU)
    lines = ((0, 1), (2, 4), (3, 5), (4, 5), (4, 6), (5, 6), (6, 7), (6, 7), (7, 7))
    return diagram_to_json(Diagram(4, vertices, lines))


def test_the_examples_cover_what_can_go_wrong() -> None:
    found = examples()
    assert len(found) > 300
    assert any(diagram.legs == 0 and not diagram.vertices for diagram in found)
    assert any(diagram.legs == 0 and diagram.vertices for diagram in found)
    assert any(a < diagram.legs and b < diagram.legs for diagram in found if diagram.vertices for a, b in diagram.edges)
    assert any({LAMBDA, MU} <= set(diagram.vertices) for diagram in found)
    assert any(a == b for diagram in found for a, b in diagram.edges)
    assert len({diagram.automorphisms for diagram in found}) > 10


# JSON


def test_json_round_trip_is_exact() -> None:
    for diagram in examples():
        written = diagram_to_json(diagram)
        read = diagram_from_json(json.loads(json.dumps(written)))
        assert read == diagram
        assert diagram_to_json(read) == written
        assert written["automorphisms"] == str(diagram.automorphisms)
        assert Fraction(written["coefficient"]) == diagram.coefficient


def test_networkx_reads_the_document() -> None:
    """The very graph of the diagram, and the layout that networkx itself writes."""
    for diagram in examples():
        written = diagram_to_json(diagram)
        graph = nx.node_link_graph(written, edges="edges")
        assert isinstance(graph, nx.MultiGraph)
        for leg in range(diagram.legs, len(graph)):
            assert graph.nodes[leg].pop("valence") == graph.degree[leg]
        assert nx.utils.graphs_equal(graph, diagram.graph)
        theirs = nx.node_link_data(diagram.graph, edges="edges")
        assert {key: written[key] for key in ("directed", "multigraph", "graph")} == {
            key: theirs[key] for key in ("directed", "multigraph", "graph")
        }
        assert sorted(map(sorted_items, written["edges"])) == sorted(map(sorted_items, theirs["edges"]))


def sorted_items(entry: dict[str, int]) -> tuple[tuple[int, ...], int]:
    return tuple(sorted((entry["source"], entry["target"]))), entry["key"]


@settings(max_examples=80, derandomize=True, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(range(300)))
def test_the_same_diagram_written_otherwise(rng: random.Random, index: int) -> None:
    """Ids permuted, vertex labels permuted, lists shuffled, lines turned round, keys renumbered, factors left out."""
    diagram = examples()[index]
    written = diagram_to_json(diagram)
    moved = list(range(len(written["nodes"])))
    rng.shuffle(moved)
    labels = [node["label"] for node in written["nodes"] if node["kind"] == "vertex"]
    rng.shuffle(labels)
    for node in written["nodes"]:
        node["id"] = moved[node["id"]]
        if node["kind"] == "vertex":
            node["label"] = labels.pop()
    for number, edge in enumerate(written["edges"]):
        ends = [moved[edge["source"]], moved[edge["target"]]]
        edge["source"], edge["target"] = ends if rng.random() < 0.5 else ends[::-1]
        edge["key"] = number
    rng.shuffle(written["nodes"])
    rng.shuffle(written["edges"])
    written["graph"] = {"name": "anything", "depth": [1]}
    for key in ("automorphisms", "coefficient"):
        if rng.random() < 0.5:
            del written[key]
    assert diagram_from_json(written) == diagram


def test_leg_labels_are_what_tells_legs_apart() -> None:
    """Control of the test above: exchanging the labels of two legs gives another diagram."""
    written = document()
    nodes = written["nodes"]
    nodes[0]["label"], nodes[2]["label"] = nodes[2]["label"], nodes[0]["label"]
    assert diagram_from_json(written) != diagram_from_json(document())


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(place for key in keys for place in places(value[key], (*path, key)))]


def mutated(value: Any, rng: random.Random, replacement: Any) -> tuple[Any, tuple[Any, ...]]:
    """One change anywhere: replaced, removed, repeated, exchanged with its neighbour, or a key added."""
    result = copy.deepcopy(value)
    path = rng.choice(places(result))
    if not path:
        return replacement, path
    parent = result
    for key in path[:-1]:
        parent = parent[key]
    change = rng.randrange(4)
    if change == 0:
        del parent[path[-1]]
    elif change == 1 and isinstance(parent, list):
        parent.insert(rng.randrange(len(parent) + 1), copy.deepcopy(parent[path[-1]]))
    elif change == 1:
        parent[rng.choice(["extra", "Kind", " id", 7])] = replacement
    else:
        parent[path[-1]] = replacement
    return result, path


ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.sampled_from(
        [10**30, -(10**9), 1 << 20000, 0.0, 1.0, float("nan"), float("inf"), "1e400", "24/1", "feyn-nn/diagram/2"]
    ),
    st.sampled_from(["leg", "vertex", "x1", "x2", "x5", "x01", "x١", "v1", "v9", "lambda", "\ud800", "x" * 100_000]),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.sampled_from(["id", "kind", "label", "x"]), st.integers(), max_size=3),
    st.builds(object),
)


@settings(max_examples=1500, derandomize=True, deadline=None)
@given(st.randoms(use_true_random=False), ODD_VALUES)
def test_a_mutated_document_is_the_same_diagram_or_refused(rng: random.Random, replacement: Any) -> None:
    original = document()
    diagram = diagram_from_json(original)
    changed, path = mutated(original, rng, replacement)
    read = attempt(diagram_from_json, changed)
    if isinstance(read, InputError):
        assert str(read).isprintable()
        assert len(str(read)) < 400
    elif path and path[-1] == "coupling":  # another name is another document, as valid as the first
        names = Counter(vertex.coupling for vertex in read.vertices)
        assert (names - Counter(vertex.coupling for vertex in diagram.vertices)).total() <= 1
    else:
        assert read == diagram


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.randoms(use_true_random=False), st.lists(ODD_VALUES, min_size=2, max_size=5))
def test_many_mutations_of_a_set_never_give_another_exception(rng: random.Random, replacements: list[Any]) -> None:
    changed: Any = diagrams_to_json(examples()[40:44])
    for replacement in replacements:
        changed, _ = mutated(changed, rng, replacement)
    read = attempt(diagrams_from_json, changed)
    assert isinstance(read, tuple) or str(read).isprintable()


def changed(path: str, value: Any) -> dict[str, Any]:
    """The document with what stands at `path` (like nodes.4.valence) replaced."""
    result = document()
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    parent: Any = result
    for step in way:
        parent = parent[step]
    parent[last] = value
    return result


MISTAKES: list[tuple[str, Any, str]] = [
    ("schema", "feyn-nn/diagram/2", r"schema is 'feyn-nn/diagram/2': .*another version"),
    ("schema", "qgraf", 'expected "feyn-nn/diagram/1"$'),
    ("schema", 1, "schema is 1"),
    ("directed", True, "directed is true: expected false"),
    ("directed", 0, "directed is 0: expected false"),
    ("multigraph", False, "multigraph is false: expected true"),
    ("graph", [], "graph is a list of 0: expected an object"),
    ("comment", "mine", "unknown key 'comment'"),
    ("nodes", {}, "nodes is an object with 0 keys: expected a list"),
    ("nodes.0", None, r"nodes\[0\] is null"),
    ("nodes.0.kind", "gluon", r"nodes\[0\].kind is 'gluon'"),
    ("nodes.0.id", True, r"nodes\[0\].id is true: expected an integer from 0 to 7"),
    ("nodes.0.id", 1.0, r"nodes\[0\].id is 1.0"),
    ("nodes.0.id", 8, r"nodes\[0\].id is 8"),
    ("nodes.1.id", 0, r"nodes\[1\].id is 0: expected an id that no other node has"),
    ("nodes.0.label", "x2", r"nodes\[1\].label is 'x2': expected a label that no other"),
    ("nodes.0.label", "x9", "none is x1"),
    ("nodes.0.label", "y1", r"nodes\[0\].label is 'y1': expected x1, x2, ..."),
    ("nodes.0.valence", 1, r"nodes\[0\] has the unknown key 'valence'"),
    ("nodes.4.label", "v2", r"nodes\[5\].label is 'v2'"),
    ("nodes.4.valence", 4, r"nodes\[4\].valence is 4, but 3 line ends are at v1"),
    ("nodes.4.valence", "3", r"nodes\[4\].valence is '3'"),
    ("nodes.4.valence", 2, r"nodes\[4\].valence is 2: expected an integer from 3 to 12"),
    ("nodes.4.valence", 10**5000, r"an integer of 16610 bits"),
    ("nodes.4.coupling", "x1", r"nodes\[4\].coupling: coupling 'x1'"),
    ("nodes.4.coupling", "a" * 10**6, r"nodes\[4\].coupling is 'a+'\.\.\."),
    ("nodes.4.coupling", None, r"nodes\[4\].coupling is null"),
    ("edges.0.source", "0", r"edges\[0\].source is '0'"),
    ("edges.0.target", -1, r"edges\[0\].target is -1: expected an integer from 0 to 7"),
    ("edges.0.target", 0, r"nodes\[0\] is the leg x1 with 2 line ends"),
    ("edges.0.key", False, r"edges\[0\].key is false"),
    ("edges.8.key", 0, r"edges\[8\].key is 0: expected a number that no other line between nodes 6 and 7 has"),
    ("edges.0.weight", 2, r"edges\[0\] has the unknown key 'weight'"),
    ("automorphisms", "3", "automorphisms is '3': expected the text \"4\""),
    ("automorphisms", 4, 'automorphisms is 4: expected the text "4"'),
    ("coefficient", "5184.0", "coefficient is '5184.0': expected the text \"5184\""),
    ("coefficient", None, "coefficient is null"),
]


@pytest.mark.parametrize(
    ("path", "value", "message"), MISTAKES, ids=[f"{path}-{i}" for i, (path, *_) in enumerate(MISTAKES)]
)
def test_every_mistake_names_its_place(path: str, value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        diagram_from_json(changed(path, value))
    pair = {"schema": "feyn-nn/diagrams/1", "diagrams": [diagram_to_json(examples()[0]), changed(path, value)]}
    with pytest.raises(InputError, match=r"^diagrams\[1\]"):
        diagrams_from_json(pair)


@pytest.mark.parametrize("missing", ["schema", "directed", "multigraph", "graph", "nodes", "edges"])
def test_a_missing_key_is_named(missing: str) -> None:
    written = document()
    del written[missing]
    with pytest.raises(InputError, match=f"the document has no {missing}: "):
        diagram_from_json(written)


def test_wrong_factors_are_refused_for_every_diagram() -> None:
    for diagram in examples()[::10]:
        written = diagram_to_json(diagram)
        for key in ("automorphisms", "coefficient"):
            with pytest.raises(InputError, match=f"^{key} is"):
                diagram_from_json(written | {key: str(Fraction(written[key]) * 2)})


def test_huge_documents_are_refused_before_any_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def work(*arguments: object) -> None:
        raise AssertionError("a diagram was made")

    monkeypatch.setattr(node_link, "Diagram", work)
    monkeypatch.setattr(feyngen, "Diagram", work)
    monkeypatch.setattr(node_link, "read_json", work)
    edge = {"source": 0, "target": 0, "key": 0}
    leg = {"id": 0, "kind": "leg", "label": "x1"}
    base = diagram_to_json(Diagram(0, (), ()))
    for many in ({"nodes": [leg] * 10**6}, {"edges": [edge] * 10**6}, {"nodes": [leg] * 117}, {"edges": [edge] * 75}):
        with pytest.raises(InputError, match="expected at most"):
            diagram_from_json(base | many)
    for legs, vertices, valence in ((101, 0, 3), (0, 17, 3), (0, 5, 10)):
        nodes = [{"id": i, "kind": "leg", "label": f"x{i + 1}"} for i in range(legs)]
        nodes += [
            {"id": legs + i, "kind": "vertex", "label": f"v{i + 1}", "coupling": "g", "valence": valence}
            for i in range(vertices)
        ]
        with pytest.raises(InputError, match="where at most 100, 16 and 48 are supported"):
            diagram_from_json(base | {"nodes": nodes})
    with pytest.raises(InputError, match="diagrams has 20001 entries"):
        diagrams_from_json({"schema": "feyn-nn/diagrams/1", "diagrams": [None] * 20_001})
    sparse = tmp_path / "huge.json"
    with sparse.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    with pytest.raises(InputError, match="expected at most"):
        read_diagrams(sparse)
    lines = ",".join("[0,1]" for _ in range(75))
    for text in (f"a := +G[{lines}];", f"a := +G[{','.join(f'[{i},{i}],[{i},{i}]' for i in range(17))}];"):
        with pytest.raises(InputError, match=r"more than 74 lines|at most 100, 16 and 48"):
            from_feyngen(text, [LAMBDA])
    with pytest.raises(AssertionError, match="a diagram was made"):
        diagram_from_json(document())


def test_what_cannot_be_read_is_not_written() -> None:
    large = Diagram(102, (), tuple((2 * i, 2 * i + 1) for i in range(51)))
    with pytest.raises(LimitError, match="102 legs"):
        diagram_to_json(large)
    with pytest.raises(LimitError, match="102 legs"):
        to_feyngen([large], "free")
    with pytest.raises(LimitError, match="20001 diagrams"):
        diagrams_to_json([Diagram(0, (), ())] * 20_001)


def test_sets_of_diagrams_go_through_files(tmp_path: Path) -> None:
    path = tmp_path / "diagrams.json"
    for diagrams in ((), examples()[:1], examples()[::7]):
        write_diagrams(path, diagrams)
        assert read_diagrams(path) == diagrams
    assert [entry.name for entry in tmp_path.iterdir()] == ["diagrams.json"]


def test_a_set_holds_each_diagram_once(tmp_path: Path) -> None:
    twice = [examples()[50], examples()[51], examples()[50]]
    with pytest.raises(InputError, match=r"diagrams\[2\] is the same diagram as diagrams\[0\]"):
        write_diagrams(tmp_path / "twice.json", twice)
    entries = [diagram_to_json(diagram) for diagram in twice]
    with pytest.raises(InputError, match=r"diagrams\[2\] is the same diagram as diagrams\[0\]"):
        diagrams_from_json({"schema": "feyn-nn/diagrams/1", "diagrams": entries})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('{"schema": NaN}', "not valid JSON"),
        ("[]", "the document is a list of 0"),
        ('{"schema": "feyn-nn/diagram/1", "diagrams": []}', "schema is 'feyn-nn/diagram/1'"),
        ('{"schema": "feyn-nn/diagrams/1"}', "the document has no diagrams"),
        ('{"schema": "feyn-nn/diagrams/1", "diagrams": [0]}', r"diagrams\[0\] is 0"),
    ],
)
def test_files_that_are_no_diagrams(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        read_diagrams(path)
    assert str(path) in str(caught.value)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(InputError, match="cannot read"):
            read_diagrams(path)
    with pytest.raises(InputError, match="cannot write"):
        write_diagrams(tmp_path / "no" / "such.json", [])
