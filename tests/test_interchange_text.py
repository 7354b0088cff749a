"""Diagrams through other programs' text formats: round trips over whole classes, real FORM and Graphviz where installed.

Every format is read back by a small parser written here (feyngen by the package as well) and must give the same diagram:
so legs, couplings, parallel lines, self-loops and factors are all in it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feyn_nn.action import VERTEX_LETTERS, Operator
from feyn_nn.errors import InputError
from feyn_nn.graphs import Diagram, diagrams_of, representative
from feyn_nn.graphs.interchange import (
    diagram_from_json,
    diagram_to_json,
    from_feyngen,
    to_dot,
    to_feyngen,
    to_form,
    to_mathematica,
)
from feyn_nn.graphs.interchange.form import form_symbol
from feyn_nn.graphs.interchange.mathematica import mathematica_symbol
from tests.oracles.diagram_samples import (
    CLASSES,
    LAMBDA,
    MU,
    PER_TOPOLOGY,
    attempt,
    classified,
    examples,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


FORM = shutil.which("form") or shutil.which("tform")
DOT = shutil.which("dot")


def rebuilt(lines: Iterable[tuple[str, str]], coupling_of: dict[str, str], legs: Sequence[str]) -> Diagram:
    """The diagram of named lines; a vertex' valence is the number of its line ends."""
    listed = list(lines)
    ends = Counter(point for line in listed for point in line)
    points = [*legs, *coupling_of]
    operators = tuple(Operator(ends[point], coupling) for point, coupling in coupling_of.items())
    assert set(ends) == set(points)
    return Diagram(len(legs), operators, tuple((points.index(a), points.index(b)) for a, b in listed))


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
