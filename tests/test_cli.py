"""The commands from end to end: JSON keys and types, the talk's factors, ensembles on disk, imports, reproducibility."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from fractions import Fraction
from itertools import combinations_with_replacement, permutations, product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy

from feyn_nn.cli import main
from feyn_nn.combinatorics import double_factorial
from feyn_nn.kernels import ErfKernel

if TYPE_CHECKING:
    from pathlib import Path

    from feyn_nn.arrays import FloatArray

SEED = 4
REASONS = {"vacuum", "propagator"}


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must succeed and be silent on stderr; return its stdout."""
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def refuse_constant(name: str) -> float:
    raise AssertionError(f"{name} in JSON")


def load(text: str) -> dict[str, Any]:
    """Read JSON strictly: NaN and infinities are no JSON."""
    document: dict[str, Any] = json.loads(text, parse_constant=refuse_constant)
    return document


def without_provenance(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "provenance"}


def correlator(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    return load(run(capsys, "correlator", *arguments, "--format", "json"))


def multiplicities(terms: list[dict[str, Any]], *reason: str) -> dict[tuple[int, ...], list[str]]:
    """Multiplicities by order, in the order in which they stand; with `reason` only those dropped for it."""
    result: dict[tuple[int, ...], list[str]] = {}
    for term in terms:
        if not reason or term["reason"] in reason:
            result.setdefault(tuple(term["order"].values()), []).append(term["multiplicity"])
    return result


# --- correlator -------------------------------------------------------------------------------------------------


def test_six_point_function_of_the_talk(capsys: pytest.CaptureFixture[str]) -> None:
    found = correlator(capsys, "6", "--order", "1")
    assert found["n"] == 6
    assert multiplicities(found["terms"]) == {(0, 0): ["15"], (1, 0): ["360"], (0, 1): ["720", "5400"]}
    assert multiplicities(found["discarded"], "vacuum") == {(1, 0): ["45"], (0, 1): ["225"]}
    assert multiplicities(found["discarded"], "propagator") == {(1, 0): ["540"], (0, 1): ["4050"]}
    labelled = {term["multiplicity"]: (term["labellings"], term["coefficient"]) for term in found["terms"]}
    assert labelled == {"15": ("15", "1"), "360": ("15", "24"), "720": ("1", "720"), "5400": ("15", "360")}


@pytest.mark.parametrize("n", [2, 4, 6])
def test_sums_per_order_are_the_numbers_of_contractions(n: int, capsys: pytest.CaptureFixture[str]) -> None:
    found = correlator(capsys, str(n), "--order", "2", "--keep", "vacuum,propagator")
    assert found["discarded"] == []
    totals: dict[tuple[int, int], Fraction] = {}
    for term in found["terms"]:
        order = (term["order"]["lambda"], term["order"]["kappa"])
        totals[order] = totals.get(order, Fraction(0)) + Fraction(term["multiplicity"])
    assert totals == {
        (p, q): Fraction(double_factorial(n + 4 * p + 6 * q - 1), math.factorial(p) * math.factorial(q))
        for p in range(3)
        for q in range(3 - p)
    }


ACTIONS = ["lambda f^4 + kappa f^6", "kappa f^6 + lambda f^4", "g f^3 + lambda f^4", "alpha f^5 + g f^3"]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
def test_keys_types_and_order(n: int, action: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = correlator(capsys, str(n), "--order", "2", "--action", action)
    couplings = re.findall(r"(\w+) f", action)
    assert type(found["n"]) is int
    places = []
    for name in ("terms", "discarded"):
        for term in found[name]:
            assert list(term["order"]) == couplings
            assert all(type(power) is int for power in term["order"].values())
            for key in ("multiplicity", "labellings", "coefficient", "automorphisms"):
                assert type(term[key]) is str
            assert Fraction(term["multiplicity"]) == Fraction(term["labellings"]) * Fraction(term["coefficient"])
            assert Fraction(term["labellings"]).denominator == Fraction(term["automorphisms"]).denominator == 1
            assert ("reason" in term) == (name == "discarded")
            assert term.get("reason", "vacuum") in REASONS
            assert len(term["edges"]) == (n + sum(valences(action)[g] * p for g, p in term["order"].items())) // 2
        keys = [sort_key(term, couplings) for term in found[name]]
        assert keys == sorted(keys)
        places += keys
    assert len(places) == len({str(key) for key in places})


def valences(action: str) -> dict[str, int]:
    return {name: int(power) for name, power in re.findall(r"(\w+) f\^(\d+)", action)}


def sort_key(term: dict[str, Any], couplings: list[str]) -> tuple[Any, ...]:
    """Total order, then the action's order of couplings, then multiplicity, then edges."""
    powers = [term["order"][name] for name in couplings]
    return (sum(powers), [-power for power in powers], Fraction(term["multiplicity"]), numbered(term)[0])


def numbered(term: dict[str, Any]) -> tuple[list[tuple[int, int]], list[str]]:
    """Edges as pairs of node numbers, and the nodes' names: legs, then vertices by letter and number."""
    names = {name for edge in term["edges"] for name in edge}
    nodes = sorted(names, key=lambda name: ("xyzuvw".index(name[0]), int(name[1:])))
    return [(nodes.index(a), nodes.index(b)) for a, b in term["edges"]], nodes


def renumberings(nodes: list[str], *, legs: bool) -> list[list[int]]:
    """All ways to number the nodes that keep legs first and vertices by letter (legs fixed unless `legs`)."""
    blocks: dict[str, list[int]] = {}
    for index, name in enumerate(nodes):
        blocks.setdefault(name[0], []).append(index)
    choices = [
        [tuple(block)] if letter == "x" and not legs else list(permutations(block)) for letter, block in blocks.items()
    ]
    return [[index for block in choice for index in block] for choice in product(*choices)]


def images(edges: list[tuple[int, int]], numberings: list[list[int]]) -> set[tuple[tuple[int, int], ...]]:
    return {tuple(sorted((min(new[a], new[b]), max(new[a], new[b])) for a, b in edges)) for new in numberings}


def half_edge_automorphisms(edges: list[tuple[int, int]], nodes: list[str]) -> int:
    """Permutations of vertices that keep the edge list, times those of parallel lines, times loop flips."""
    vertex = sum(images(edges, [numbering]) == {tuple(sorted(edges))} for numbering in renumberings(nodes, legs=False))
    local = 1
    for (a, b), count in Counter(edges).items():
        local *= math.factorial(count) * (2**count if a == b else 1)
    return vertex * local


BRUTE = [
    ("2", "2", "lambda f^4 + kappa f^6"),
    ("4", "2", "lambda f^4"),
    ("4", "1", "kappa f^6 + lambda f^4"),
    ("4", "2", "lambda f^4 + g f^3"),
    ("6", "1", "lambda f^4 + kappa f^6"),
    ("3", "3", "g f^3"),
]


@pytest.mark.parametrize(("n", "order", "action"), BRUTE)
def test_edges_are_the_smallest_list_and_the_counts_are_right(
    n: str, order: str, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Brute force over every permutation of legs and vertices."""
    found = correlator(capsys, n, "--order", order, "--action", action)
    letters = dict(zip("yzuvw", valences(action).items(), strict=False))
    for term in (*found["terms"], *found["discarded"]):
        edges, nodes = numbered(term)
        legs = [name for name in nodes if name[0] == "x"]
        assert legs == [f"x{leg + 1}" for leg in range(int(n))]
        assert all(a <= b for a, b in edges)
        for letter, (name, valence) in letters.items():
            at = [node for node in nodes if node[0] == letter]
            assert at == [f"{letter}{index + 1}" for index in range(term["order"][name])]
            for node in at:
                assert sum(edge.count(node) for edge in term["edges"]) == valence
        everywhere = images(edges, renumberings(nodes, legs=True))
        assert tuple(edges) == min(everywhere)
        # Labellings: edge lists that differ by more than the numbering of vertices.
        fixed = renumberings(nodes, legs=False)
        classes = {min(images(list(image), fixed)) for image in everywhere}
        assert int(term["labellings"]) == len(classes)
        automorphisms = half_edge_automorphisms(edges, nodes)
        assert int(term["automorphisms"]) == automorphisms
        numerator = math.prod(math.factorial(valence) ** term["order"][g] for g, valence in valences(action).items())
        assert Fraction(term["coefficient"]) == Fraction(numerator, automorphisms)


def test_letters_follow_the_action(capsys: pytest.CaptureFixture[str]) -> None:
    found = correlator(capsys, "4", "--action", "kappa f^6 + lambda f^4")
    letters = {
        tuple(term["order"].items()): {name[0] for edge in term["edges"] for name in edge} - {"x"}
        for term in found["terms"]
    }
    assert letters[("kappa", 1), ("lambda", 0)] == {"y"}
    assert letters[("kappa", 0), ("lambda", 1)] == {"z"}
    assert [tuple(term["order"].values()) for term in found["terms"]] == [(0, 0), (1, 0), (0, 1)]


def test_a_self_loop_is_an_edge_from_a_point_to_itself(capsys: pytest.CaptureFixture[str]) -> None:
    (tadpole,) = correlator(capsys, "2", "--action", "lambda f^4", "--keep", "propagator")["terms"][1:]
    assert tadpole["edges"] == [["x1", "y1"], ["x2", "y1"], ["y1", "y1"]]
    assert (tadpole["multiplicity"], tadpole["automorphisms"]) == ("12", "2")


def test_keep_switches_each_rule_off(capsys: pytest.CaptureFixture[str]) -> None:
    default = correlator(capsys, "4")
    everything = correlator(capsys, "4", "--keep", "vacuum,propagator")["terms"]
    for kept, lost in (("vacuum", "propagator"), ("propagator", "vacuum")):
        found = correlator(capsys, "4", "--keep", kept)
        assert {term["reason"] for term in found["discarded"]} == {lost}
        extra = [term for term in found["terms"] if term not in default["terms"]]
        assert extra == [
            {key: value for key, value in term.items() if key != "reason"}
            for term in default["discarded"]
            if term["reason"] == kept
        ]
        assert len(found["terms"]) + len(found["discarded"]) == len(everything)


def test_orders_by_name_are_maxima(capsys: pytest.CaptureFixture[str]) -> None:
    only = correlator(capsys, "4", "--order", "lambda=1,kappa=0")
    assert multiplicities(only["terms"]) == {(0, 0): ["3"], (1, 0): ["24"]}
    assert {term["order"]["kappa"] for term in only["discarded"]} == {0}
    assert correlator(capsys, "4", "--order", "lambda=1") == only
    mixed = correlator(capsys, "4", "--order", "kappa=1,lambda=2")
    assert set(multiplicities(mixed["terms"])) == {(p, q) for p in range(3) for q in range(2)}
    assert correlator(capsys, "4", "--order", "1") == correlator(capsys, "4")
    assert multiplicities(correlator(capsys, "4", "--order", "0")["terms"]) == {(0, 0): ["3"]}


@pytest.mark.parametrize(("n", "order"), [("2", "1"), ("4", "1"), ("4", "2"), ("6", "1")])
def test_sympy_output_is_read_back(n: str, order: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "correlator", n, "--order", order, "--format", "sympy")
    value = sympy.sympify(text)
    ones = value.replace(sympy.Integral, lambda inner, *_: inner).replace(sympy.Function("K"), lambda *_: 1)
    symbols = sympy.symbols("lambda kappa")
    expected = 0
    for term in correlator(capsys, n, "--order", order)["terms"]:
        powers = list(term["order"].values())
        factor = sympy.Rational(term["multiplicity"]) * (-1) ** sum(powers)
        expected += factor * symbols[0] ** powers[0] * symbols[1] ** powers[1]
    assert sympy.expand(ones - expected) == 0


def test_latex_output(capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "correlator", "6", "--format", "latex")
    assert text.startswith("\\begin{align*}")
    assert text.rstrip().endswith("\\end{align*}")
    assert text.count("{") - text.count("\\{") == text.count("}") - text.count("\\}")
    assert text.count("\\bigl[") == text.count("\\bigr]") == 2


def test_text_output_shows_factors_and_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    for n, order in (("4", "2"), ("6", "1")):
        text = run(capsys, "correlator", n, "--order", order)
        found = correlator(capsys, n, "--order", order)
        for term in found["terms"]:
            sign = "-" if sum(term["order"].values()) % 2 else "+"
            head = rf"^ *{re.escape(sign)} {term['multiplicity']} +\({term['labellings']} x {term['coefficient']}\)"
            assert re.search(head, text, flags=re.MULTILINE)
        assert len(re.findall(r"\[(?:vacuum|propagator)\]$", text, flags=re.MULTILINE)) == len(found["discarded"])


# --- ensembles --------------------------------------------------------------------------------------------------

RUN = ["erf", "--width", "5", "--nets", "300", "--experiments", "6", "--seed", str(SEED)]
INPUTS = ["--inputs", "-0.5,0.2,1"]
POINTS = np.array([[-0.5], [0.2], [1.0]])


def simulate(capsys: pytest.CaptureFixture[str], directory: Path, *extra: str) -> str:
    return run(capsys, "simulate", *RUN, *INPUTS, "--out", str(directory), *extra)


def measure(capsys: pytest.CaptureFixture[str], directory: Path) -> dict[str, Any]:
    return load(run(capsys, "measure", str(directory), "--json"))


def files(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_measuring_twice_gives_the_same_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    simulate(capsys, tmp_path / "run")
    before = files(tmp_path)
    first, second = measure(capsys, tmp_path / "run"), measure(capsys, tmp_path / "run")
    assert files(tmp_path) == before
    assert "provenance" in first
    assert without_provenance(first) == without_provenance(second)
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    assert without_provenance(measure(capsys, tmp_path / "elsewhere")) == without_provenance(first)
    assert str(tmp_path) not in json.dumps(without_provenance(first))


def test_an_ensemble_is_not_overwritten_and_a_complete_one_may_be_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    simulate(capsys, tmp_path / "run", "--resume")  # an empty directory: the run starts
    before = files(tmp_path)
    assert main(["simulate", *RUN, *INPUTS, "--out", str(tmp_path / "run")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("feyn-nn: error: ")
    assert files(tmp_path) == before
    simulate(capsys, tmp_path / "run", "--resume")
    assert files(tmp_path) == before
    simulate(capsys, tmp_path / "missing", "--resume")
    assert without_provenance(measure(capsys, tmp_path / "missing")) == without_provenance(
        measure(capsys, tmp_path / "run")
    )


def test_a_lost_chunk_is_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    simulate(capsys, tmp_path / "run")
    expected = measure(capsys, tmp_path / "run")
    chunks = [path for path in (tmp_path / "run").rglob("*") if path.is_file() and path.name != "manifest.json"]
    for path in sorted(chunks)[::2]:
        path.unlink()
    simulate(capsys, tmp_path / "run", "--resume")
    assert without_provenance(measure(capsys, tmp_path / "run")) == without_provenance(expected)


def test_numbers_depend_on_the_seed_and_on_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = []
    for name, extra in (("a", ["--workers", "1"]), ("b", ["--workers", "2"]), ("c", ["--seed", str(SEED + 1)])):
        simulate(capsys, tmp_path / name, *extra)
        results.append(without_provenance(measure(capsys, tmp_path / name)))
    assert results[0] == results[1]
    assert results[0]["two_point"]["value"] != results[2]["two_point"]["value"]
    checks = [
        without_provenance(load(run(capsys, "crosscheck", *RUN, *INPUTS, "--json", *extra)))
        for extra in (["--workers", "1"], ["--workers", "2"], ["--seed", str(SEED + 1)])
    ]
    assert checks[0] == checks[1]
    assert checks[0]["lambda"]["mean"] != checks[2]["lambda"]["mean"]


NUMBER = (int, float)


def check_measured(document: dict[str, Any], points: int, experiments: int, total: int) -> None:
    """Keys and types of `measure --json`."""
    assert {"n_nets", "experiments", "two_point", "four_point", "six_point", "m", "background", "warnings"} <= set(
        document
    )
    assert (document["n_nets"], document["experiments"]) == (total, experiments)
    for n, name in ((2, "two_point"), (4, "four_point"), (6, "six_point")):
        entry = document[name]
        assert entry["tuples"] == [list(row) for row in combinations_with_replacement(range(points), n)]
        keys = ["value", "error", *(["delta"] if n > 2 else [])]
        for key in keys:
            assert key in entry
            if entry[key] is not None:
                assert len(entry[key]) == len(entry["tuples"])
                assert all(isinstance(value, NUMBER) for value in entry[key])
    for key in ("m", "background"):
        assert list(document[key]) == ["2", "4", "6"]
    check_warnings(document)


def check_warnings(document: dict[str, Any]) -> None:
    known = {
        "heavy-tail",
        "perturbation",
        "constancy",
        "one-measurement",
        "sign-change",
        "few-experiments",
        "non-zero-mean",
    }
    for warning in document["warnings"]:
        assert warning["code"] in known
        assert isinstance(warning["message"], str)
        assert len(warning["message"]) > 20


def test_keys_of_measure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    simulate(capsys, tmp_path / "run")
    document = measure(capsys, tmp_path / "run")
    check_measured(document, 3, 6, 1800)
    for estimator in document["estimators"].values():
        check_measured(estimator, 3, 6, 1800)
    text = run(capsys, "measure", str(tmp_path / "run"))
    assert "background" in text
    for name in document["estimators"]:
        assert name in text


def test_gauss_errors_are_refused_with_a_warning_and_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """exp is log-normal in its neurons: no sample that could be drawn supports an error bar (physics notes, 4.1)."""
    settings = ["gauss", "--width", "10", "--nets", "300", "--experiments", "6"]
    run(capsys, "simulate", *settings, "--out", str(tmp_path / "run"))
    document = measure(capsys, tmp_path / "run")
    assert "heavy-tail" in {warning["code"] for warning in document["warnings"]}
    assert document["six_point"]["error"] is None
    assert document["two_point"]["error"] is not None
    averaged = [*settings, "--estimator", "conditional"]
    checked = load(run(capsys, "crosscheck", *averaged, "--json"))
    assert "heavy-tail" in {warning["code"] for warning in checked["warnings"]}
    assert checked["lambda"]["error"] is None
    assert checked["six_point"]["error"] is None
    assert "no error bar" in run(capsys, "crosscheck", *averaged)
    tilted = load(run(capsys, "crosscheck", *settings, "--json"))  # the better estimator has an honest one
    assert tilted["settings"]["estimator"] == "tilted"
    assert abs(tilted["lambda"]["mean"] - tilted["exact"]["lambda"]["mean"]) < 8 * tilted["lambda"]["error"]


def check_crosscheck(document: dict[str, Any]) -> None:
    """Keys and types of `crosscheck --json`."""
    assert {"settings", "lambda", "six_point", "second_over_first", "exact", "warnings"} <= set(document)
    assert "estimator" in document["settings"]
    assert {"mean", "error", "spread"} <= set(document["lambda"])
    assert {"gp_over_g6", "eft_over_g6", "error", "min", "max"} <= set(document["six_point"])
    for value in (document["lambda"]["mean"], document["lambda"]["spread"], document["second_over_first"]):
        assert isinstance(value, NUMBER)
    check_warnings(document)


@pytest.mark.parametrize("net", ["gauss", "erf", "relu"])
def test_keys_and_settings_of_crosscheck(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = load(run(capsys, "crosscheck", net, "--nets", "200", "--experiments", "5", "--json"))
    check_crosscheck(document)
    settings = document["settings"]
    assert settings["width"] == {"relu": 20, "gauss": 100, "erf": 5}[net]
    assert (settings["cutoff"], settings["propagator"], settings["seed"]) == (10, "full", 0)
    assert settings["experiments"] == 5
    assert len(settings["inputs"]) == 6
    tuples = document["lambda"]["tuples"]
    assert len(tuples) == 126
    assert document["lambda"]["mean"] < 0
    assert document["six_point"]["min"] <= document["six_point"]["max"]


def test_few_experiments_are_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    codes = [
        {
            warning["code"]
            for warning in load(run(capsys, "crosscheck", "erf", "--nets", "200", "--experiments", number, "--json"))[
                "warnings"
            ]
        }
        for number in ("2", "10")
    ]
    assert "few-experiments" in codes[0]
    assert "few-experiments" not in codes[1]


def test_relu_on_positive_inputs_is_one_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    """f(x) = x f(1) there, so that lambda = -25/(2 N L^5) (exact, physics notes 4.7) has no spread over tuples."""
    found = load(run(capsys, "crosscheck", "relu", "--nets", "5000", "--experiments", "10", "--seed", "1", "--json"))
    assert "one-measurement" in {warning["code"] for warning in found["warnings"]}
    assert found["lambda"]["spread"] <= 1e-9 * abs(found["lambda"]["mean"])
    gap = found["lambda"]["mean"] + 25 / (2 * 20 * 10**5)
    assert abs(gap) < 5 * found["lambda"]["error"] < 5 * 0.05 * 25 / (2 * 20 * 10**5)


def test_crosscheck_writes_its_results_and_overwrites_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["crosscheck", *RUN, *INPUTS]
    shown = run(capsys, *command, "--out", str(tmp_path / "new" / "result"))
    written = files(tmp_path / "new" / "result")
    assert set(written) == {"crosscheck.json", "report.html", "summary.txt"}
    page = written["report.html"].decode()
    assert "<script" not in page
    assert page.count("<math") == 3
    for sentence in ("Cross-check of", "What was found", "The diagrams behind it"):
        assert sentence in page
    assert written["summary.txt"].decode() == shown
    document = load(written["crosscheck.json"].decode())
    check_crosscheck(document)
    assert without_provenance(document) == without_provenance(load(run(capsys, *command, "--json")))
    assert main([*command, "--out", str(tmp_path / "new" / "result")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert files(tmp_path / "new" / "result") == written


# --- somebody else's networks ---------------------------------------------------------------------------------------


def networks(number: int, width: int, d_out: int = 1) -> FloatArray:
    """Outputs of Erf-nets at POINTS, written without the package: shape (networks, points, d_out)."""
    from scipy.special import erf

    rng = np.random.default_rng(SEED)
    hidden = erf(rng.standard_normal((number, 1, width)) * POINTS[None] + rng.standard_normal((number, 1, width)))
    weights = rng.standard_normal((number, width, d_out)) / math.sqrt(width)
    outputs: FloatArray = hidden @ weights + rng.standard_normal((number, 1, d_out))
    return outputs


def averages(outputs: FloatArray, n: int, experiments: int) -> FloatArray:
    """Means of products over networks and output components: (experiments, tuples)."""
    rows = list(combinations_with_replacement(range(outputs.shape[1]), n))
    size = len(outputs) // experiments
    return np.array(
        [
            [np.mean(np.prod(outputs[e * size : (e + 1) * size][:, row, :], axis=1)) for row in map(list, rows)]
            for e in range(experiments)
        ]
    )


def gaussian(matrix: FloatArray, row: tuple[int, ...]) -> float:
    """Isserlis: the sum over pairings of products of the two-point function."""
    if not row:
        return 1.0
    return sum(float(matrix[row[0], row[k]]) * gaussian(matrix, row[1:k] + row[k + 1 :]) for k in range(1, len(row)))


@pytest.mark.parametrize(("number", "experiments", "d_out"), [(600, 10, 1), (600, 10, 2), (607, 6, 1)])
def test_measuring_imported_outputs_is_averaging(
    number: int, experiments: int, d_out: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = networks(number, 5, d_out)
    np.save(tmp_path / "f.npy", outputs if d_out > 1 else outputs[:, :, 0])
    np.save(tmp_path / "x.npy", POINTS)
    arguments = ["--outputs", str(tmp_path / "f.npy"), "--inputs", str(tmp_path / "x.npy")]
    assert main(["measure", *arguments, "--experiments", str(experiments), "--json"]) == 0
    captured = capsys.readouterr()
    left = number % experiments
    assert captured.err.count("\n") == (1 if left else 0)
    assert not left or f"last {left} networks" in captured.err
    document = load(captured.out)
    check_measured(document, 3, experiments, number - left)
    for n, name in ((2, "two_point"), (4, "four_point"), (6, "six_point")):
        expected = averages(outputs, n, experiments)
        np.testing.assert_allclose(document[name]["value"], expected.mean(axis=0), rtol=1e-10, atol=1e-13)
        if document[name]["error"] is not None:
            error = expected.std(axis=0, ddof=1) / math.sqrt(experiments)
            np.testing.assert_allclose(document[name]["error"], error, rtol=1e-8)


def erf_kernel(x: FloatArray, y: FloatArray) -> FloatArray:
    """K of Erf-net at sigma_w = sigma_b = 1, d_in = 1, from the slide."""
    c = 1 + np.multiply.outer(x, y)
    norm = np.sqrt(np.multiply.outer(3 + 2 * x**2, 3 + 2 * y**2))
    result: FloatArray = 1 + 2 / np.pi * np.arcsin(2 * c / norm)
    return result


def test_crosscheck_of_imported_outputs_is_the_formula(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """lambda_m = (G4_GP - G4)/(24 int KKKK); G6 = G6_GP - 24 lambda sum_15 K int KKKK: both written out here."""
    experiments, cutoff = 5, 4.0
    outputs = networks(2000, 5)
    np.save(tmp_path / "f.npy", outputs)
    np.save(tmp_path / "x.npy", POINTS[:, 0])
    arguments = ["--outputs", str(tmp_path / "f.npy"), "--inputs", str(tmp_path / "x.npy")]
    found = load(run(capsys, "crosscheck", "erf", *arguments, "--cutoff", str(cutoff), "--experiments", "5", "--json"))
    check_crosscheck(found)
    assert found["settings"]["estimator"] == "plain"
    x = POINTS[:, 0]
    matrix = erf_kernel(x, x)
    np.testing.assert_allclose(matrix, ErfKernel(1, 1.0, 1.0)(POINTS, POINTS), rtol=1e-12)
    nodes, weights = np.polynomial.legendre.leggauss(400)
    legs = erf_kernel(x, cutoff * nodes)

    def contact(row: tuple[int, ...]) -> float:
        return cutoff * float(np.sum(weights * np.prod(legs[list(row)], axis=0)))

    fours = list(combinations_with_replacement(range(3), 4))
    sixes = list(combinations_with_replacement(range(3), 6))
    free = np.array([gaussian(matrix, row) for row in fours])
    integrals = np.array([contact(row) for row in fours])
    per_experiment = (free - averages(outputs, 4, experiments)) / (24 * integrals)
    over_tuples = per_experiment.mean(axis=0)
    means = per_experiment.mean(axis=1)
    coupling = float(means.mean())
    assert found["lambda"]["mean"] == pytest.approx(coupling, rel=1e-8)
    assert found["lambda"]["spread"] == pytest.approx(float(over_tuples.std()), rel=1e-8)
    if found["lambda"]["error"] is not None:
        assert found["lambda"]["error"] == pytest.approx(float(means.std(ddof=1)) / math.sqrt(experiments), rel=1e-8)
    measured = averages(outputs, 6, experiments).mean(axis=0)
    free_six = np.array([gaussian(matrix, row) for row in sixes])
    term = np.array(
        [
            sum(
                matrix[row[i], row[j]] * contact(tuple(row[k] for k in range(6) if k not in (i, j)))
                for i in range(6)
                for j in range(i)
            )
            for row in sixes
        ]
    )
    predicted = (free_six - 24 * coupling * term) / measured
    assert found["six_point"]["gp_over_g6"] == pytest.approx(float(np.mean(free_six / measured)), rel=1e-8)
    assert found["six_point"]["eft_over_g6"] == pytest.approx(float(predicted.mean()), rel=1e-8)
    assert found["six_point"]["min"] == pytest.approx(float(predicted.min()), rel=1e-8)
    assert found["six_point"]["max"] == pytest.approx(float(predicted.max()), rel=1e-8)


def test_a_users_kernel_is_the_same_as_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "f.npy", networks(500, 5)[:, :, 0])
    np.save(tmp_path / "x.npy", POINTS)
    arguments = ["--outputs", str(tmp_path / "f.npy"), "--inputs", str(tmp_path / "x.npy"), "--json"]
    text = "1 + 2/pi*arcsin(2*(1+xy)/sqrt((3+2*xx)*(3+2*yy)))"
    ours = load(run(capsys, "crosscheck", "erf", *arguments))
    own = load(run(capsys, "crosscheck", "--kernel", text, "--sigma-b", "1", *arguments))
    assert own["lambda"]["mean"] == pytest.approx(ours["lambda"]["mean"], rel=1e-8)
    assert own["six_point"]["eft_over_g6"] == pytest.approx(ours["six_point"]["eft_over_g6"], rel=1e-8)
    assert own["second_over_first"] == pytest.approx(ours["second_over_first"], rel=1e-6)


def test_estimators_agree_on_one_ensemble(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three estimators of the same correlators: they differ by less than six of the plainest one's errors."""
    simulate(capsys, tmp_path / "run", "--nets", "3000")
    estimators = measure(capsys, tmp_path / "run")["estimators"]
    assert len(estimators) > 1
    plain = estimators["plain"]
    for other in estimators.values():
        for name in ("two_point", "four_point"):
            gap = np.abs(np.array(other[name]["value"]) - np.array(plain[name]["value"]))
            assert np.all(gap < 6 * np.array(plain[name]["error"]) + 1e-12), f"seed {SEED}"


def test_crosscheck_couplings_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    job = ["crosscheck", "relu", "--nets", "20000", "--estimator", "plain", "--couplings"]
    found = load(run(capsys, *job, "--json"))["couplings"]
    assert found["lambda"]["mean"]["value"] < 0
    assert found["lambda"]["weighted"]["degrees_of_freedom"] == 0  # every tuple is the same measurement
    assert found["lambda"]["second_order"]["value"] > found["lambda"]["mean"]["value"]
    assert found["kappa"]["with_exchange"]["value"] > 0 > found["kappa"]["without_exchange"]["value"]
    for name in ("g", "alpha"):
        assert abs(found["odd"][name]["value"]) < 5 * found["odd"][name]["error"]
    text = run(capsys, *job)
    assert "Couplings in full (K on lines at vertices, cutoff 10)" in text
    assert "wrong sign" in text
    neurons = load(run(capsys, "crosscheck", "relu", "--nets", "4000", "--couplings", "--json"))["couplings"]
    assert neurons["odd"] is None
