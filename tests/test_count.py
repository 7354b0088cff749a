"""`feyn-nn count`: its numbers against enumeration, its JSON, and every way to refuse."""

from __future__ import annotations

import json
import time
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from feyn_nn.action import Operator
from feyn_nn.cli import count, main
from feyn_nn.graphs import STANDARD_FILTERS, DiagramClass, diagrams_of, exact_symmetry_sum, parse_filters
from tests.oracles import contraction
from tests.oracles.filter_definitions import DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS = ["diagrams", "topologies", "weight", "zero_dimensional"]
CLASSES = {
    (0, ""): (),
    (4, ""): (),
    (0, "4=2"): (4, 4),
    (1, "3=3"): (3, 3, 3),
    (2, "4=3"): (4, 4, 4),
    (2, "3=2,4=1"): (3, 3, 4),
    (4, "4=1,6=1"): (4, 6),
    (4, "3=1,5=1"): (3, 5),
    (6, "4=2"): (4, 4),
}
FILTERS = ["", *STANDARD_FILTERS, "one-pi,no-snails", "no-vacuum, no-propagator-corrections"]


def counted(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[dict[str, str | None], str]:
    """The JSON that the command prints, and what it writes to stderr."""
    assert main(["count", *arguments, "--json"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert list(document) == KEYS
    assert all(isinstance(document[key], str) for key in KEYS[:3])
    return document, captured.err


def enumerated(legs: int, valences: Sequence[int], names: Sequence[str]) -> tuple[int, int, Fraction]:
    """Diagrams, topologies and the sum of 1/|Aut|, from contractions one by one and the definitions of the filters."""
    operators = [Operator(valence, f"g{valence}") for valence in dict.fromkeys(valences)]
    order = [valences.count(operator.valence) for operator in operators]
    diagrams = topologies = 0
    weight = Fraction(0)
    for topology, _ in contraction.topologies(legs, operators, order):
        labelled = diagrams_of(topology)
        lines = labelled[0].edges
        if all(DEFINITIONS[name](legs, len(valences), lines) for name in names):
            topologies += 1
            diagrams += len(labelled)
            weight += sum(Fraction(1, diagram.automorphisms) for diagram in labelled)
    return diagrams, topologies, weight


@pytest.mark.parametrize("names", FILTERS)
@pytest.mark.parametrize(("legs", "vertices"), CLASSES)
def test_the_numbers_are_those_of_enumeration(
    legs: int, vertices: str, names: str, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ["--filter", names] if names else []
    document, notes = counted(capsys, "--legs", str(legs), "--vertices", vertices, *chosen)
    assert notes == ""
    valences = CLASSES[legs, vertices]
    expected = enumerated(legs, valences, [name.strip() for name in names.split(",") if name])
    assert (document["diagrams"], document["topologies"], document["weight"]) == tuple(map(str, expected))
    assert document["zero_dimensional"] == document["weight"]


def test_a_filter_changes_the_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """Control of the test above: each filter takes something away from one of the classes."""
    for name in STANDARD_FILTERS:
        assert any(
            enumerated(legs, CLASSES[legs, v], [name]) != enumerated(legs, CLASSES[legs, v], []) for legs, v in CLASSES
        )
    bubbles, _ = counted(capsys, "--legs", "4", "--vertices", "4=2", "--filter", "one-pi")
    assert bubbles == {"diagrams": "3", "topologies": "1", "weight": "3/2", "zero_dimensional": "3/2"}


def test_an_unknown_exact_sum_is_null(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DiagramClass, "exact_weight", lambda self: None)
    document, _ = counted(capsys, "--legs", "4", "--vertices", "4=2")
    assert document == {"diagrams": "44", "topologies": "11", "weight": "1155/128", "zero_dimensional": None}
    assert main(["count", "--legs", "4", "--vertices", "4=2"]) == 0
    assert "the exact sum is not known for this filter" in capsys.readouterr().out


def test_a_valence_that_stands_twice_means_two_couplings(capsys: pytest.CaptureFixture[str]) -> None:
    """Vertices that differ have less symmetry: weights times p! add up to the same."""
    same, _ = counted(capsys, "--legs", "4", "--vertices", "4=2")
    both, _ = counted(capsys, "--legs", "4", "--vertices", "4=1,4=1")
    assert int(str(both["topologies"])) > int(str(same["topologies"]))
    assert Fraction(str(both["weight"])) == 2 * Fraction(str(same["weight"]))


def test_large_numbers_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """The class of the example in the contract, connected: an exact sum by another way than counting."""
    document, _ = counted(capsys, "--legs", "2", "--vertices", "4=5,6=1", "--filter", "one-pi")
    exact = exact_symmetry_sum(2, [Operator(4, "a"), Operator(6, "b")], [5, 1], parse_filters("one-pi"))
    assert document["weight"] == document["zero_dimensional"] == str(exact)
    assert int(str(document["diagrams"])) > int(str(document["topologies"])) > 100


@pytest.mark.parametrize(("legs", "vertices", "ends"), [("3", "4=2", 11), ("4", "3=1,4=1", 11), ("1", "", 1)])
@pytest.mark.parametrize("names", ["", "connected", "no-snails"])
def test_an_odd_number_of_half_edges_is_no_diagram_and_a_note(
    legs: str, vertices: str, ends: int, names: str, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ["--filter", names] if names else []
    document, notes = counted(capsys, "--legs", legs, "--vertices", vertices, *chosen)
    assert document == dict.fromkeys(KEYS, "0")
    assert notes == f"note: {ends} half-edges, an odd number, cannot be joined in pairs: there are no diagrams\n"


def test_text_has_the_same_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["count", "--legs", "4", "--vertices", "4=2", "--filter", "connected"]) == 0
    rows = capsys.readouterr().out.splitlines()
    document, _ = counted(capsys, "--legs", "4", "--vertices", "4=2", "--filter", "connected")
    assert [row.split()[-1] for row in rows[:3]] == [document[key] for key in KEYS[:3]]
    assert rows[3] == f"filter: connected; complete: the zero-dimensional theory gives {document['zero_dimensional']}"


def refused(capsys: pytest.CaptureFixture[str], expected: int, *arguments: str) -> str:
    """The one sentence with which the command ends."""
    try:
        code: object = main(["count", *arguments])
    except SystemExit as end:
        code = end.code
    captured = capsys.readouterr()
    assert (code, captured.out) == (expected, "")
    assert "Traceback" not in captured.err
    (line,) = captured.err.splitlines()
    assert line.startswith("feyn-nn")
    return line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "the following arguments are required: --legs"),
        ("--legs two", "argument --legs: invalid int value: 'two'"),
        ("--legs 1.5", "argument --legs: invalid int value: '1.5'"),
        ("--legs -1", "-1 legs: expected zero or more"),
        ("--legs 4 --vertices 2=1", "valence 2: expected 3 to 12"),
        ("--legs 4 --vertices 13=1", "valence 13: expected 3 to 12"),
        ("--legs 4 --vertices=-4=1", "valence -4: expected 3 to 12"),
        ("--legs 4 --vertices 4=1,6=-2", "-2 vertices of valence 6: expected zero or more"),
        ("--legs 4 --vertices 4=x", "'4=x' is not VALENCE=NUMBER; expected for example 4=6,6=1"),
        ("--legs 4 --vertices 4", "'4' is not VALENCE=NUMBER"),
        ("--legs 4 --vertices =4", "'=4' is not VALENCE=NUMBER"),
        ("--legs 4 --vertices 4=1=2", "'4=1=2' is not VALENCE=NUMBER"),
        ("--legs 4 --vertices 4=1.5", "'4=1.5' is not VALENCE=NUMBER"),
        (f"--legs 4 --vertices 4={'9' * 5000}", "is not VALENCE=NUMBER"),
        ("--legs 4 --vertices 3=1,4=1,4=1,5=1,6=1,7=1", "6 couplings: at most 5 are supported"),
        (
            "--legs 4 --vertices 4=1 --filter one-pl",
            "filter 'one-pl' at position 0 of 'one-pl' is not known: did you mean",
        ),
        ("--legs 4 --vertices 4=1 --filter connected,snails", "filter 'snails' at position 10 of 'connected,snails'"),
        ("--legs 4 --vertices 4=1 --filter=", "filter '' at position 0 of '' is not known: expected a comma list of"),
        ("--legs 4 --vertices 4=1 --filter connected,", "filter '' at position 10"),
        ("--legs 4 --vertices 4=1 --max-seconds 0", "--max-seconds 0.0: expected a positive number of seconds"),
        ("--legs 4 --vertices 4=1 --max-seconds -1", "--max-seconds -1.0: expected a positive number of seconds"),
        ("--legs 4 --vertices 4=1 --max-seconds nan", "--max-seconds nan: expected a positive number of seconds"),
        ("--legs 4 --vertices 4=1 --max-seconds soon", "invalid float value: 'soon'"),
        ("--legs 4 --vertices 4=1 --max-diagrams -1", "--max-diagrams -1: expected zero or more"),
    ],
)
def test_bad_input_is_one_sentence(arguments: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in refused(capsys, 2, *arguments.split())
    assert message in refused(capsys, 2, *arguments.split(), "--json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--legs 4 --vertices 4=12", "some 7.9e6 topologies are more than the limit of 500000; lower the order"),
        ("--legs 2 --vertices 4=12 --filter connected", "are more than the limit of 500000; lower the order"),
        (
            "--legs 4 --vertices 4=100",
            "400 half-edges at the vertices: at most 48 are supported (here some 3.5e141 topologies",
        ),
        ("--legs 101", "101 legs: at most 100 are supported"),
        ("--legs 4 --vertices 4=2 --max-diagrams 10", "11 topologies are more than the limit of 10"),
        ("--legs 4 --vertices 4=1 --max-diagrams 0", "3 topologies are more than the limit of 0"),
    ],
)
def test_an_explosion_is_refused_with_its_estimate_before_work(
    arguments: str, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*arguments: object) -> None:
        raise AssertionError("generation was started")

    monkeypatch.setattr(DiagramClass, "count", work)
    assert message in refused(capsys, 3, *arguments.split())


@pytest.mark.parametrize("names", ["no-vacuum", "connected"])
def test_the_limit_is_the_number_of_topologies_gone_through(names: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--legs", "4", "--vertices", "4=3", "--filter", names]
    number = DiagramClass(4, (Operator(4, "g1"),), (3,), parse_filters(names)).estimate()
    document, _ = counted(capsys, *arguments, "--max-diagrams", str(number))
    assert int(str(document["topologies"])) <= number
    assert f"{number} topologies" in refused(capsys, 3, *arguments, "--max-diagrams", str(number - 1))


@pytest.mark.parametrize("names", ["", "connected", "no-snails"])
def test_time_that_is_over_stops_the_work(
    names: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class that takes long; each look at the clock is a second later than the one before."""
    clock = iter(range(10**6))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    chosen = ["--filter", names] if names else []
    arguments = ["--legs", "4", "--vertices", "4=7", *chosen]
    message = refused(capsys, 3, *arguments, "--max-seconds", "3", "--json")
    assert "not finished after --max-seconds 3, with " in message
    assert "nothing was counted; give more time" in message
    assert next(clock) < 20


def test_a_class_that_is_done_in_time_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    for seconds in ("1e6", "inf"):
        document, notes = counted(capsys, "--legs", "4", "--vertices", "4=2", "--max-seconds", seconds)
        assert (document["topologies"], notes) == ("11", "")


def test_interruption(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(watch: count._Watch, found: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(count._Watch, "__call__", interrupt)
    assert refused(capsys, 130, "--legs", "4", "--vertices", "4=2") == "feyn-nn: interrupted"
