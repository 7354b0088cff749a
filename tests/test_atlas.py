"""The atlas: current, complete, named by isomorphism, and never in the way of anybody's files."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from fractions import Fraction
from math import factorial, prod
from pathlib import Path
from typing import Any

import pytest

from feyn_nn.action import Action, Operator
from feyn_nn.atlas import HASH_DIGITS, Theory, atlas_files, build_atlas, chapters, differences, directory, topology_key
from feyn_nn.cli import main
from feyn_nn.combinatorics import pairing_count
from feyn_nn.errors import CompletenessError, InputError
from feyn_nn.files import write_bytes
from feyn_nn.graphs import Diagram, representative
from feyn_nn.graphs.interchange.node_link import diagram_from_json
from tests.oracles.contraction import topologies

ATLAS = Path(__file__).parents[1] / "diagrams"
HOW_TO_UPDATE = (
    "the atlas is not current; run `feyn-nn atlas build` at the top of the repository and look at the difference"
)
SMALL = atlas_files((Theory(Action.parse("lambda f^4"), 1),), (2, 4))


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return atlas_files()


@pytest.fixture(scope="module")
def index(files: Mapping[str, bytes]) -> dict[str, Any]:
    document = json.loads(files["index.json"])
    assert isinstance(document, dict)
    return document


def orders(index: Mapping[str, Any]) -> list[tuple[Action, int, dict[str, Any]]]:
    return [
        (Action.parse(theory["action"]), correlator["n"], order)
        for theory in index["theories"]
        for correlator in theory["correlators"]
        for order in correlator["orders"]
    ]


def snapshot(path: Path) -> dict[str, bytes]:
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_the_checked_in_atlas_is_current(files: Mapping[str, bytes]) -> None:
    found = differences(ATLAS, files)
    assert not found, f"{HOW_TO_UPDATE}: {len(found)} differences, first {found[:5]}"


def test_factors_add_up_to_double_factorials(index: Mapping[str, Any]) -> None:
    number = 0
    for action, n, order in orders(index):
        counts = [order["order"][name] for name in action.couplings]
        half_edges = n + sum(op.valence * count for op, count in zip(action.operators, counts, strict=True))
        exact = Fraction(pairing_count(half_edges), prod(factorial(count) for count in counts))
        multiplicities = [Fraction(entry["multiplicity"]) for entry in order["diagrams"]]
        kept = [Fraction(entry["multiplicity"]) for entry in order["diagrams"] if entry["reason"] is None]
        assert sum(multiplicities) == exact == Fraction(order["all"]), (n, order["order"])
        assert sum(kept) == Fraction(order["kept"])
        for entry in order["diagrams"]:
            c = Fraction(prod(factorial(op.valence) ** k for op, k in zip(action.operators, counts, strict=True)))
            assert Fraction(entry["coefficient"]) == c / int(entry["automorphisms"])
            assert Fraction(entry["coefficient"]) * int(entry["labellings"]) == Fraction(entry["multiplicity"])
            assert entry["reason"] in (None, "vacuum", "propagator")
        number += len(order["diagrams"])
    assert number == 397


def test_the_first_order_is_the_published_table(index: Mapping[str, Any]) -> None:
    """Kept terms of G^(2), G^(4), G^(6) at first order, with the free ones: 1; 3, 24, 360; 15, 360, 720, 5400."""
    kept: dict[int, list[str]] = {}
    for action, n, order in orders(index):
        if len(action.operators) == 2 and sum(order["order"].values()) <= 1:
            kept.setdefault(n, []).extend(e["multiplicity"] for e in order["diagrams"] if e["reason"] is None)
    assert kept == {0: ["1"], 2: ["1"], 4: ["3", "24", "360"], 6: ["15", "360", "720", "5400"]}


def test_every_diagram_without_legs_is_a_vacuum_diagram(index: Mapping[str, Any]) -> None:
    reasons = {
        e["reason"]
        for _, n, order in orders(index)
        if n == 0 and any(order["order"].values())
        for e in order["diagrams"]
    }
    assert reasons == {"vacuum"}


def test_every_diagram_has_its_picture_and_document(files: Mapping[str, bytes], index: Mapping[str, Any]) -> None:
    keys = {entry["key"] for _, _, order in orders(index) for entry in order["diagrams"]}
    named = {f"svg/{key}.svg" for key in keys} | {f"json/{key}.json" for key in keys}
    assert set(files) == named | {"index.json", "README.md"}
    assert index["files"] == sorted(files)
    assert 150 <= len(keys) <= 300
    page = files["README.md"].decode()
    assert all(f'src="svg/{key}.svg"' in page for key in keys)


def test_documents_are_what_they_say(files: Mapping[str, bytes]) -> None:
    """The edges, the node-link diagram and the picture are one diagram, with the factors and the key of its own."""
    for path, content in files.items():
        if not path.startswith("json/"):
            continue
        document = json.loads(content)
        names = [f"x{leg + 1}" for leg in range(document["legs"])] + [vertex["name"] for vertex in document["vertices"]]
        operators = tuple(Operator(vertex["valence"], vertex["coupling"]) for vertex in document["vertices"])
        edges = tuple((names.index(a), names.index(b)) for a, b in document["edges"])
        diagram = Diagram(document["legs"], operators, edges)
        assert diagram == diagram_from_json(document["diagram"])
        assert path == f"json/{topology_key(diagram.topology)}.json" == f"json/{document['key']}.json"
        factors = (str(diagram.automorphisms), str(diagram.coefficient), str(diagram.topology.multiplicity))
        assert factors == (document["automorphisms"], document["coefficient"], document["multiplicity"])
        loops = len(edges) - len(names) + parts(len(names), edges)
        assert document["loops"] == loops
        root = ET.fromstring(files[path.replace("json", "svg")])
        assert sum("data-line" in element.attrib for element in root.iter()) == len(edges)


def parts(nodes: int, edges: tuple[tuple[int, int], ...]) -> int:
    """Number of connected parts, by merging."""
    part = list(range(nodes))
    for a, b in edges:
        part = [part[a] if value == part[b] else value for value in part]
    return len(set(part))


def test_keys_are_equal_exactly_for_isomorphic_diagrams() -> None:
    """Random renumberings and leg labellings keep the key; no two topologies share one, valence and coupling count."""
    rng = random.Random(1)
    keys: dict[str, Any] = {}
    for text, order in (
        ("lambda f^4", (3,)),
        ("lambda f^6", (2,)),
        ("g f^4", (3,)),
        ("lambda f^4 + kappa f^6", (1, 1)),
    ):
        for n in (0, 2, 4):
            for topology, _ in topologies(n, Action.parse(text).operators, order):
                key = topology_key(topology)
                assert keys.setdefault(key, topology) == topology
                diagram = representative(topology)
                legs, vertices = list(range(n)), list(range(len(diagram.vertices)))
                rng.shuffle(legs)
                rng.shuffle(vertices)
                to = [*legs, *(n + v for v in vertices)]
                moved = [diagram.vertices[vertices.index(v)] for v in range(len(vertices))]
                again = Diagram(n, tuple(moved), tuple((to[a], to[b]) for a, b in diagram.edges))
                assert topology_key(again.topology) == key
    assert len(keys) > 100
    assert all(key.isascii() and key.replace("-", "").replace("_", "").isalnum() for key in keys)


def test_a_collision_of_keys_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert HASH_DIGITS >= 12
    monkeypatch.setattr(chapters, "topology_key", lambda topology: "n2-same")
    with pytest.raises(CompletenessError, match="two topologies have the key n2-same"):
        atlas_files((Theory(Action.parse("lambda f^4"), 1),), (2,))


def test_the_bytes_do_not_depend_on_the_process(files: Mapping[str, bytes]) -> None:
    script = (
        "import hashlib\nfrom feyn_nn.atlas import atlas_files\nd = hashlib.sha256()\n"
        "for path, content in atlas_files().items():\n    d.update(path.encode() + content)\nprint(d.hexdigest())"
    )
    here = hashlib.sha256(b"".join(path.encode() + content for path, content in files.items())).hexdigest()
    for seed in ("1", "99"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        finished = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True, env=environment
        )
        assert finished.stdout.strip() == here


def test_the_atlas_does_not_wait_for_sympy() -> None:
    script = "import sys, feyn_nn.cli.atlas\nassert 'sympy' not in sys.modules and 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], timeout=60, check=True)


class TestCheck:
    """Negative controls, in a copy."""

    @pytest.fixture
    def copy(self, tmp_path: Path) -> Path:
        build_atlas(tmp_path / "copy", SMALL)
        assert differences(tmp_path / "copy", SMALL) == []
        return tmp_path / "copy"

    def test_a_changed_file(self, copy: Path) -> None:
        path = next(iter(sorted((copy / "svg").iterdir())))
        path.write_bytes(path.read_bytes().replace(b"<title>", b"<title> "))
        assert differences(copy, SMALL) == [f"stale svg/{path.name}"]

    def test_a_deleted_file(self, copy: Path) -> None:
        path = next(iter(sorted((copy / "json").iterdir())))
        path.unlink()
        assert differences(copy, SMALL) == [f"missing json/{path.name}"]

    def test_an_added_file_and_folder(self, copy: Path) -> None:
        (copy / "json" / "mine.json").write_text("{}")
        (copy / "notes").mkdir()
        assert differences(copy, SMALL) == ["foreign json/mine.json", "foreign notes"]

    def test_a_folder_in_the_place_of_a_file(self, copy: Path) -> None:
        (copy / "README.md").unlink()
        (copy / "README.md").mkdir()
        assert differences(copy, SMALL) == ["stale README.md"]


class TestBuild:
    """Writing: whole or not at all, and only over what the atlas wrote itself."""

    def test_it_replaces_an_older_atlas(self, tmp_path: Path) -> None:
        out = tmp_path / "a" / "atlas"
        older = atlas_files((Theory(Action.parse("g f^3"), 1),), (1,))
        build_atlas(out, older)
        assert snapshot(out) == older
        build_atlas(out, SMALL)
        assert snapshot(out) == SMALL
        build_atlas(out, SMALL)
        assert snapshot(out) == SMALL
        assert [path.name for path in out.parent.iterdir()] == ["atlas"], "nothing is left beside it"

    def test_an_empty_directory_is_filled(self, tmp_path: Path) -> None:
        (tmp_path / "atlas").mkdir()
        build_atlas(tmp_path / "atlas", SMALL)
        assert snapshot(tmp_path / "atlas") == SMALL

    @pytest.mark.parametrize(
        "index_text", [None, "{}", "[]", '{"schema": "other/1", "files": ["index.json", "thesis.tex"]}', "not json"]
    )
    def test_a_directory_that_is_no_atlas_is_refused(self, tmp_path: Path, index_text: str | None) -> None:
        out = tmp_path / "home"
        out.mkdir()
        (out / "thesis.tex").write_text("years of work")
        if index_text is not None:
            (out / "index.json").write_text(index_text)
        before = snapshot(tmp_path)
        with pytest.raises(InputError):
            build_atlas(out, SMALL)
        assert snapshot(tmp_path) == before
        assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]

    def test_a_foreign_file_in_an_atlas_is_not_lost(self, tmp_path: Path) -> None:
        out = tmp_path / "atlas"
        build_atlas(out, SMALL)
        (out / "svg" / "mine.svg").write_text("drawn by hand")
        before = snapshot(out)
        with pytest.raises(InputError, match=r"mine\.svg was not written by the atlas"):
            build_atlas(out, SMALL)
        assert snapshot(out) == before

    def test_a_file_in_the_way_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "atlas").write_text("a file")
        with pytest.raises(InputError, match="not a directory"):
            build_atlas(tmp_path / "atlas", SMALL)
        assert (tmp_path / "atlas").read_text() == "a file"

    @pytest.mark.parametrize("where", ["writing", "swapping"])
    @pytest.mark.parametrize("problem", [KeyboardInterrupt(), OSError(28, "No space left on device")])
    def test_an_interrupted_build_leaves_the_old_atlas_whole(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, problem: BaseException
    ) -> None:
        out = tmp_path / "atlas"
        older = atlas_files((Theory(Action.parse("g f^3"), 1),), (1,))
        build_atlas(out, older)
        if where == "writing":
            calls = iter([None, None, problem])

            def failing_write(path: Path, data: bytes) -> None:
                stop = next(calls)
                if stop is not None:
                    raise stop
                write_bytes(path, data)

            monkeypatch.setattr(directory, "write_bytes", failing_write)
        else:
            rename = Path.rename

            def failing_rename(self: Path, target: Path) -> Path:
                if self.name == "new":
                    raise problem
                return rename(self, target)

            monkeypatch.setattr(Path, "rename", failing_rename)
        with pytest.raises((KeyboardInterrupt, InputError)):
            build_atlas(out, SMALL)
        assert snapshot(out) == older
        assert [path.name for path in tmp_path.iterdir()] == ["atlas"], "nothing is left beside it"

    def test_a_link_to_a_directory_stays_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
        build_atlas(tmp_path / "link", SMALL)
        assert (tmp_path / "link").is_symlink()
        assert snapshot(tmp_path / "real") == SMALL


class TestCommand:
    """`feyn-nn atlas build|check`."""

    def test_check_of_the_checked_in_atlas(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["atlas", "check", "--out", str(ATLAS)]) == 0, HOW_TO_UPDATE
        output = capsys.readouterr().out
        assert output.count("\n") == 1
        assert "is current: 282 diagrams" in output

    def test_build_then_damage_then_check(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        out = tmp_path / "diagrams"
        assert main(["atlas", "build", "--out", str(out)]) == 0
        assert "wrote 282 diagrams" in capsys.readouterr().out
        for path in sorted((out / "svg").iterdir())[:12]:
            path.unlink()
        assert main(["atlas", "check", "--out", str(out)]) == 1
        output = capsys.readouterr().out
        assert output.count("missing") == 10
        assert "and 2 more" in output
        assert f"feyn-nn atlas build --out {out}" in output

    def test_refusals_are_one_sentence(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "thesis.tex").write_text("years of work")
        for arguments in (
            ["build", "--out", str(tmp_path)],
            ["check", "--out", str(tmp_path / "nowhere")],
            ["build", "--out", ""],
        ):
            assert main(["atlas", *arguments]) == 2
            problem = capsys.readouterr().err
            assert problem.startswith("feyn-nn: error: ")
            assert problem.count("\n") == 1
        assert snapshot(tmp_path) == {"thesis.tex": b"years of work"}

    def test_the_default_is_the_checked_in_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copytree(ATLAS, tmp_path / "diagrams")
        monkeypatch.chdir(tmp_path)
        assert main(["atlas", "check"]) == 0
        assert main(["atlas", "build"]) == 0
        assert snapshot(tmp_path / "diagrams") == snapshot(ATLAS)
        capsys.readouterr()
