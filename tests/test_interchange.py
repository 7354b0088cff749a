"""Diagrams through other programs' formats: round trips over whole classes, real FORM and Graphviz where installed.

Every format is read back by a small parser written here (JSON and feyngen by the package as well) and must give the
same diagram: so legs, couplings, parallel lines, self-loops and factors are all in it.
"""

from __future__ import annotations

import copy
import json
import random
import re
import shutil
import subprocess
from collections import Counter
from fractions import Fraction
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feyn_nn.action import VERTEX_LETTERS, Operator
from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs import Diagram, diagrams_of, representative
from feyn_nn.graphs.interchange import (
    diagram_from_json,
    diagram_to_json,
    diagrams_from_json,
    diagrams_to_json,
    feyngen,
    from_feyngen,
    node_link,
    read_diagrams,
    to_dot,
    to_feyngen,
    to_form,
    to_mathematica,
    write_diagrams,
)
from feyn_nn.graphs.interchange.form import form_symbol
from feyn_nn.graphs.interchange.mathematica import mathematica_symbol
from feyn_nn.graphs.interchange.reading import MAX_BYTES
from tests.oracles.contraction import topologies

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from feyn_nn.graphs import Topology

G, LAMBDA, MU, ALPHA, KAPPA = (
    Operator(k, name) for k, name in ((3, "g"), (4, "lambda_4"), (4, "Mu"), (5, "int"), (6, "kappa_"))
)
CLASSES = [
    (legs, vertices)
    for vertices in (
        (),
        (LAMBDA,),
        (KAPPA,),
        (G, G),
        (G, LAMBDA),
        (LAMBDA, LAMBDA),
        (LAMBDA, MU),
        (G, ALPHA),
        (G, G, LAMBDA),
        (LAMBDA, LAMBDA, LAMBDA),
    )
    for legs in range(6)
    if (size := legs + sum(vertex.valence for vertex in vertices)) % 2 == 0 and size <= 14
]
PER_TOPOLOGY = 4
FORM = shutil.which("form") or shutil.which("tform")
DOT = shutil.which("dot")


def classified(legs: int, vertices: tuple[Operator, ...]) -> list[Topology]:
    operators = tuple(dict.fromkeys(vertices)) or (LAMBDA,)
    return [topology for topology, _ in topologies(legs, operators, [vertices.count(op) for op in operators])]


@cache
def examples() -> tuple[Diagram, ...]:
    """A few labellings of every topology of every class: vacuum parts, lines between legs, odd operators included."""
    return tuple(
        diagram
        for legs, vertices in CLASSES
        for topology in classified(legs, vertices)
        for diagram in islice(diagrams_of(topology), PER_TOPOLOGY)
    )


def document() -> dict[str, Any]:
    """Two couplings of valence four and a cubic pair, a self-loop, a parallel pair, a line between two legs."""
    vertices = (G, G, LAMBDA, MU)
    lines = ((0, 1), (2, 4), (3, 5), (4, 5), (4, 6), (5, 6), (6, 7), (6, 7), (7, 7))
    return diagram_to_json(Diagram(4, vertices, lines))


def rebuilt(lines: Iterable[tuple[str, str]], coupling_of: dict[str, str], legs: Sequence[str]) -> Diagram:
    """The diagram of named lines; a vertex' valence is the number of its line ends."""
    listed = list(lines)
    ends = Counter(point for line in listed for point in line)
    points = [*legs, *coupling_of]
    operators = tuple(Operator(ends[point], coupling) for point, coupling in coupling_of.items())
    assert set(ends) == set(points)
    return Diagram(len(legs), operators, tuple((points.index(a), points.index(b)) for a, b in listed))


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


def attempt(reader: Any, *arguments: Any) -> Any:
    """What the reader returns, or the InputError that it raises."""
    try:
        return reader(*arguments)
    except InputError as problem:
        return problem


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


# DOT

STRING = r'"((?:[^"\\]|\\.)*)"'


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: str(found[1]), text)


def read_dot(text: str) -> tuple[str, Diagram]:
    """Name and diagram of a DOT graph: a vertex is a circle, its coupling the outer label."""
    head, *rows, end, last = text.split("\n")
    assert (end, last) == ("}", "")
    name = re.fullmatch(rf"graph {STRING} \{{", head)
    assert name is not None
    legs: list[str] = []
    couplings: dict[str, str] = {}
    lines = []
    for row in rows:
        if line := re.fullmatch(rf"  {STRING} -- {STRING};", row):
            lines.append((line[1], line[2]))
        else:
            node = re.fullmatch(rf"  {STRING} \[shape=(\w+), .*xlabel={STRING}\];", row)
            assert node is not None
            if node[2] == "point":
                assert node[1] == node[3]
                legs.append(node[1])
            else:
                couplings[node[1]] = node[3]
    return unescaped(name[1]), rebuilt(lines, couplings, legs)


def test_dot_round_trip() -> None:
    for diagram in examples():
        assert read_dot(to_dot(diagram)) == ("diagram", diagram)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.text(alphabet='ab"\\{}[];\n\r\0<>&λ/*#', max_size=12))
def test_any_name_is_escaped(name: str) -> None:
    text = to_dot(Diagram(2, (), ((0, 1),)), name)
    read, diagram = read_dot(text)
    assert read == "".join(character if character.isprintable() else " " for character in name)
    assert diagram.legs == 2


@pytest.mark.skipif(DOT is None, reason="Graphviz is not installed")
def test_graphviz_draws_every_node_and_line() -> None:
    names = ("diagram", 'a "b" \\N \\', "<b>{|}", "")
    chosen = [*examples()[::40], Diagram(0, (), ())]
    text = "".join(to_dot(diagram, names[index % len(names)]) for index, diagram in enumerate(chosen))
    done = subprocess.run([DOT or "", "-Tplain"], input=text, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    drawn = done.stdout.split("stop\n")[:-1]
    assert len(drawn) == len(chosen)
    for diagram, plain in zip(chosen, drawn, strict=True):
        kinds = Counter(line.split()[0] for line in plain.splitlines())
        assert kinds["edge"] == len(diagram.edges)
        assert kinds["node"] == diagram.legs + len(diagram.vertices)
    broken = subprocess.run(
        [DOT or "", "-Tplain"], input=text[:-3], capture_output=True, text=True, check=False, timeout=50
    )
    assert broken.returncode != 0  # control: a missing bracket is noticed


# FORM


def read_form(text: str, symbols: dict[str, str]) -> tuple[Fraction, Diagram]:
    """Coefficient and diagram of `Local diagram = ...;`; `symbols` gives the coupling of each letter of a point."""
    found = re.search(r"Local diagram = (.*);\n\Z", text)
    assert found is not None
    coefficient = Fraction(1)
    lines, points, couplings = [], [], Counter[str]()
    for factor in found[1].split("*"):
        base, _, power = factor.partition("^")
        if propagator := re.fullmatch(r"K\((\w+),(\w+)\)", base):
            lines += [(propagator[1], propagator[2])] * int(power or 1)
        elif integral := re.fullmatch(r"int\((\w+),-Lambda,Lambda\)", base):
            points.append(integral[1])
        elif re.fullmatch(r"\d+(/\d+)?", base):
            coefficient *= Fraction(base)
        else:
            couplings[base] += int(power or 1)
    legs = sorted({p for line in lines for p in line if p[0] == "x"}, key=lambda name: int(name[1:]))
    named = {point: symbols[point[0]] for point in points}
    assert couplings == Counter(form_symbol(coupling, "diagram") for coupling in named.values())
    declared = re.match(r"Symbols (.*);\n", text)
    wanted = {*couplings, *legs, *points, *(["Lambda"] if points else [])}
    assert set(declared[1].split(", ") if declared else ()) == wanted
    return coefficient, rebuilt(lines, named, legs)


def test_form_round_trip() -> None:
    for diagram in examples():
        operators = sorted(set(diagram.vertices))
        symbols = dict(zip(VERTEX_LETTERS, [operator.coupling for operator in operators], strict=False))
        assert read_form(to_form(diagram), symbols) == (diagram.coefficient, diagram)


def run_form(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    source = folder / "program.frm"
    source.write_text(program)
    return subprocess.run([FORM or "", "-q", str(source)], capture_output=True, text=True, timeout=50, check=False)


@pytest.mark.skipif(FORM is None, reason="FORM is not installed")
def test_form_computes_with_every_diagram(tmp_path: Path) -> None:
    """With every propagator and integral set to one what is left is the coefficient times the couplings."""
    chosen = examples()[::3]
    program = ".sort\n".join(to_form(diagram, f"d{number}") for number, diagram in enumerate(chosen))
    program = f"Off Statistics;\nSymbols a, b;\n{program}id K(a?,b?) = 1;\nid int(?a) = 1;\nPrint;\n.end\n"
    done = run_form(program, tmp_path)
    assert done.returncode == 0, done.stdout[-2000:]
    values = dict(re.findall(r"(d\d+) =\s+(.*?);", done.stdout, re.DOTALL))
    assert len(values) == len(chosen)
    for number, diagram in enumerate(chosen):
        left = Counter[str]()
        coefficient = Fraction(1)
        for factor in values[f"d{number}"].split("*"):
            base, _, power = factor.strip().partition("^")
            if base[0].isdigit():
                coefficient *= Fraction(base)
            else:
                left[base] += int(power or 1)
        assert coefficient == diagram.coefficient
        assert left == Counter(form_symbol(vertex.coupling, "d0") for vertex in diagram.vertices)


@pytest.mark.skipif(FORM is None, reason="FORM is not installed")
@pytest.mark.parametrize(
    "name",
    [
        "lambda",
        "Print",
        "Local",
        "end",
        "int",
        "INT",
        "e",
        "i",
        "d",
        "sum",
        "pi",
        "diagram",
        "g_",
        "a_b",
        "e_",
        "a" * 32,
    ],
)
def test_form_takes_every_name_of_a_coupling(name: str, tmp_path: Path) -> None:
    tadpole = Diagram(1, (Operator(3, name),), ((0, 1), (1, 1)))
    done = run_form(f"{to_form(tadpole)}Print;\n.end\n", tmp_path)
    assert done.returncode == 0, done.stdout
    assert re.search(r"diagram =\s+3\*", done.stdout)
    if "_" in name:  # control: bare, the name is refused
        assert run_form(f"Symbols {name};\nLocal F = {name};\n.end\n", tmp_path).returncode != 0


@pytest.mark.parametrize("name", ["", "a_b", "1a", "x1", "K", "int", "Lambda", "a;", "a\n", "a" * 33])
def test_names_that_form_cannot_take(name: str) -> None:
    with pytest.raises(InputError, match="of a FORM expression"):
        to_form(Diagram(2, (), ((0, 1),)), name)


# Mathematica


def read_association(text: str) -> Any:
    """Strings, integers, fractions, {...}, <|...|> and UndirectedEdge[a, b], as Python values."""
    tokens: list[str] = re.findall(r'"[^"\\]*"|\w+|<\||\|>|->|[^\s]', text)
    position = 0

    def take(expected: str | None = None) -> str:
        nonlocal position
        token = tokens[position]
        assert expected is None or token == expected, (token, expected)
        position += 1
        return token

    def sequence(end: str) -> list[Any]:
        items: list[Any] = []
        while tokens[position] != end:
            if items:
                take(",")
            items.append(value())
        take(end)
        return items

    def value() -> Any:
        token = take()
        result: Any
        if token == "<|":
            result = dict(sequence("|>"))
        elif token == "{":
            result = sequence("}")
        elif token == "UndirectedEdge":
            take("[")
            result = tuple(sequence("]"))
        elif token[0] == '"':
            result = token[1:-1]
        else:
            result = Fraction(int(token))
        if tokens[position : position + 1] == ["/"]:
            take("/")
            result /= int(take())
        if tokens[position : position + 1] == ["->"]:
            take("->")
            return result, value()
        return result

    read = value()
    assert position == len(tokens)
    return read


def test_mathematica_round_trip() -> None:
    for diagram in examples():
        read = read_association(to_mathematica(diagram))
        assert list(read) == ["Legs", "Vertices", "Edges", "Coefficient", "Automorphisms"]
        assert rebuilt(read["Edges"], read["Vertices"], read["Legs"]) == diagram
        assert (read["Coefficient"], read["Automorphisms"]) == (diagram.coefficient, diagram.automorphisms)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.lists(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,3}", fullmatch=True), min_size=2, max_size=2, unique=True))
def test_different_couplings_are_different_symbols(names: list[str]) -> None:
    first, second = map(mathematica_symbol, names)
    assert first != second
    assert all(re.fullmatch(r"(coupling`[A-Z]|[a-z])[A-Za-z0-9$]*", symbol) for symbol in (first, second))


@pytest.mark.parametrize("writer", [to_dot, to_form, to_mathematica])
def test_letters_are_for_five_operators(writer: Any) -> None:
    many = tuple(Operator(4, f"g{number}") for number in range(6))
    loops = tuple((node, node) for node in range(6) for _ in range(2))
    with pytest.raises(InputError, match="6 different operators"):
        writer(Diagram(0, many, loops))
    assert writer(Diagram(0, many[:5], loops[:10]))
    assert diagram_from_json(diagram_to_json(Diagram(0, many, loops))).vertices == many


# feyngen

# What `feyngen 2 -j2` prints (README of feyncop).
PRINTED = """phi4_j2_h2 :=
+G[[0,0],[0,0],[1,1],[1,1],[3,2]]/128
+G[[0,0],[1,1],[1,1],[2,0],[3,0]]/16
+G[[1,0],[1,0],[1,1],[2,0],[3,0]]/4
+G[[0,0],[1,0],[1,0],[1,1],[3,2]]/16
+G[[1,0],[1,0],[1,0],[1,0],[3,2]]/48
+G[[0,0],[1,0],[1,1],[2,0],[3,1]]/4
+G[[1,0],[1,0],[1,0],[2,0],[3,1]]/6
;
"""
QUARTIC, CUBIC, SEXTIC = Operator(4, "lambda"), Operator(3, "g"), Operator(6, "kappa")


def test_what_feyngen_prints_is_what_is_generated_here() -> None:
    read = from_feyngen(PRINTED, [QUARTIC])
    generated = [d for t in classified(2, (QUARTIC, QUARTIC)) for d in diagrams_of(t)]
    assert set(read) == set(generated)
    assert len(read) == len(generated) == 7
    # Up to the order of the sum and the choice of numbers the text comes back, symmetry factors included.
    again = to_feyngen(read, "phi4_j2_h2").splitlines()
    assert [line.rpartition("/")[2] for line in again] == [line.rpartition("/")[2] for line in PRINTED.splitlines()]
    assert again[0] == "phi4_j2_h2 :="


# feyngen's own table of sums of 1/|Aut|: valence, loops (order in hbar), legs -> fixed legs, legs without labels.
SUMS = [
    (4, 2, 0, "1/8", "1/8"),
    (4, 1, 2, "5/8", "5/16"),
    (4, 2, 2, "105/128", "105/256"),
    (4, 0, 4, "35/8", "35/192"),
    (4, 1, 4, "1155/128", "385/1024"),
]


@pytest.mark.parametrize(("valence", "loops", "legs", "fixed", "free"), SUMS)
def test_the_sums_that_feyngen_publishes(valence: int, loops: int, legs: int, fixed: str, free: str) -> None:
    vertices = (legs + 2 * (loops - 1)) // (valence - 2)
    found = classified(legs, (Operator(valence, "g"),) * vertices)
    text = to_feyngen([diagram for topology in found for diagram in diagrams_of(topology)], "sum")
    assert sum(Fraction(1, int(factor)) for factor in re.findall(r"\]/(\d+)", text)) == Fraction(fixed)
    assert sum(Fraction(1, topology.automorphisms) for topology in found) == Fraction(free)


def test_feyngen_round_trip() -> None:
    """Class by class; two couplings of one valence are refused, since the text could not tell them apart."""
    for legs, vertices in CLASSES:
        diagrams = [d for t in classified(legs, vertices) for d in islice(diagrams_of(t), PER_TOPOLOGY)]
        if {LAMBDA, MU} <= set(vertices):
            with pytest.raises(InputError, match="by its valence"):
                to_feyngen(diagrams, "both")
            continue
        text = to_feyngen(diagrams, "phi_j")
        assert from_feyngen(text, sorted(set(vertices))) == tuple(diagrams)
        for line in text.splitlines()[1:-1]:
            pairs = [(int(a), int(b)) for a, b in re.findall(r"\[(\d+),(\d+)\]", line)]
            assert all(a >= b for a, b in pairs)
            assert {node for pair in pairs for node in pair} == set(range(legs + len(vertices)))


def test_legs_without_labels() -> None:
    """The number below the stroke is then the group of the topology; under the other name it is refused."""
    for legs in (2, 4):
        found = classified(legs, (QUARTIC, QUARTIC))
        rows = []
        for topology in found:
            line = to_feyngen([representative(topology)], "one").splitlines()[1]
            rows.append(f"{line.rpartition('/')[0]}/{topology.automorphisms}")
        body = "\n".join(rows)
        for suffix in ("_nlf", "_unlab_ext_legs"):
            read = from_feyngen(f"phi4_j{legs}_h(1,2){suffix} :=\n{body}\n;\n", [QUARTIC])
            assert [diagram.topology for diagram in read] == found
        with pytest.raises(InputError, match="with fixed legs"):
            from_feyngen(f"phi4 :=\n{body}\n;\n", [QUARTIC])
        with pytest.raises(InputError, match="may be exchanged"):
            from_feyngen(to_feyngen([representative(t) for t in found], "a").replace("a :=", "a_nlf :="), [QUARTIC])


def test_the_numbers_of_the_legs_are_their_labels() -> None:
    one, two = (
        f"a := +G[[1,0],[1,0],[{a},0],[{b},0],[{c},1],[{d},1]]/2;" for a, b, c, d in ((2, 3, 4, 5), (2, 4, 3, 5))
    )
    first, second = from_feyngen(one, [QUARTIC])[0], from_feyngen(two, [QUARTIC])[0]
    assert first != second
    assert first.topology == second.topology
    # Only their order counts, wherever they stand among the vertices.
    gaps = from_feyngen("a := +G[[6,9],[9,6],[0,6],[3,6],[70,9],[8,9]]/2;", [QUARTIC])
    assert gaps == (first,)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none :=\n0;\n", 0),
        ("none := ;", 0),
        ("a:=G[[0,0],[1,0],[2,0]]/2;", 1),
        ("a := + 1/2 * G[[0,0],[1,0],[2,0]];", 1),
        ("a := +1*G[ [0,0] , [1,0],[2 ,0] ]/2\n\n ; \n", 1),
        ("empty :=\n+G[]/1\n;", 1),
    ],
)
def test_other_spellings(text: str, expected: int) -> None:
    assert len(from_feyngen(text, [QUARTIC])) == expected


BAD_TEXTS = [
    ("", "a name and :="),
    ("+G[[0,0],[1,0],[2,0]]/2;", "a name and :="),
    ("a := +G[[0,0],[1,0],[2,0]]/2", "is the end"),
    ("a := +G[[0,0],[1,0],[2,0]]/2; more", "nothing behind the ;"),
    ("a := +G[[0,0],[1,0],[2,0]]/2 0;", r"G\[\[number"),
    ("a := +G[[0,0],[1,0],[2,0]]/4;", "weight 1/4: expected 1/2"),
    ("a := +G[[0,0],[1,0],[2,0]];", "weight 1: expected 1/2"),
    ("a := + 2 * G[[0,0],[1,0],[2,0]]/2;", "weight 1: expected 1/2"),
    ("a := +G[[0,0],[1,0],[2,0]]/0;", "not zero"),
    (f"a := +{'9' * 400}*G[[0,0],[1,0],[2,0]]/2;", "weight of many digits"),
    (f"a := +G[[0,0],[1,0],[2,0]]/{'9' * 401};", "up to 400 digits"),
    ("a := -G[[0,0],[1,0],[2,0]]/2;", r"expected \+G"),
    ("a := G[]/1 G[]/1;", r"expected \+G"),
    ("a := +G[[1,0,A],[1,0,f]]/2;", "of the one scalar field"),
    ("a := +G[[0,0][1,0]]/2;", r"a comma or \]"),
    ("a := +G[[0,0],[1,0],]/2;", "a line"),
    ("a := +G[[0,0,]]/2;", "a line"),
    ("a := +G[[-1,0]]/2;", "a line"),
    ("a := +G[[1,0],[2,0],[3,0]]/1;", "vertex 0 of graph 1 has valence 3: .*lambda f.4"),
    ("a := +G[[1,0],[2,0]]/1;", "valence 2"),
    ("a := +G[[1,0]]/1 +G[[1,0]]/1;", "graph 2 is the same diagram as graph 1"),
]


@pytest.mark.parametrize(("text", "message"), BAD_TEXTS, ids=range(len(BAD_TEXTS)))
def test_texts_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        from_feyngen(text, [QUARTIC])
    assert len(str(caught.value)) < 300


@settings(max_examples=600, derandomize=True, deadline=None)
@given(st.data())
def test_one_changed_character_is_noticed(data: st.DataObject) -> None:
    """What is still read has the same topologies: a factor or a valence gives everything else away."""
    place = data.draw(st.integers(0, len(PRINTED) - 1))
    new = data.draw(st.one_of(st.sampled_from("0123456789[],;+-/*G:= \n_"), st.characters(), st.just("")))
    keep = data.draw(st.booleans())
    text = PRINTED[:place] + new + PRINTED[place + (not keep) :]
    read = attempt(from_feyngen, text, [QUARTIC])
    if isinstance(read, InputError):
        assert str(read).isprintable()
    else:
        assert [d.topology for d in read] == [d.topology for d in from_feyngen(PRINTED, [QUARTIC])]


@pytest.mark.parametrize("name", ["", "1a", "a b", "a;", "phi4_nlf", "phi4_unlab_ext_legs", "λ"])
def test_names_of_sums(name: str) -> None:
    with pytest.raises(InputError, match="of a sum of graphs"):
        to_feyngen([], name)


def test_operators_of_the_same_valence_are_refused() -> None:
    with pytest.raises(InputError, match="by its valence"):
        from_feyngen(PRINTED, [QUARTIC, Operator(4, "mu")])
    twice = from_feyngen(PRINTED, [QUARTIC])[:1] * 2
    with pytest.raises(InputError, match="graph 2 is the same"):
        to_feyngen(twice, "twice")
    assert from_feyngen(PRINTED, [QUARTIC, CUBIC, SEXTIC, QUARTIC]) == from_feyngen(PRINTED, [QUARTIC])
