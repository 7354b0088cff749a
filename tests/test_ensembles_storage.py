"""Runs on disk: the same bits however they were made, resumption, raw outputs, parts, merging, what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from feyn_nn.cli import main
from feyn_nn.ensembles import (
    Ensemble,
    Part,
    Record,
    Run,
    SimulationSettings,
    from_outputs,
    load,
    load_settings,
    merge,
    resume,
    run,
    run_part,
    stored_outputs,
    verify,
)
from feyn_nn.ensembles.locking import LOCK, locked
from feyn_nn.errors import InputError, LimitError
from feyn_nn.files import sha256
from tests.faults.jobs import CHUNKS, ERF, JOB, TINY, bits, content, rewrite_manifest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def reference() -> bytes:
    return bits(run(JOB))


def interrupt_after(count: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        assert total == CHUNKS
        if done == count:
            raise KeyboardInterrupt

    return progress


def recorded(place: Path) -> dict[str, str]:
    chunks: dict[str, str] = json.loads((place / "manifest.json").read_text())["chunks"]
    return chunks


def test_the_disk_does_not_matter(reference: bytes, tmp_path: Path) -> None:
    assert bits(run(JOB, workers=2)) == reference
    assert bits(run(JOB, tmp_path / "a", workers=2)) == reference
    assert bits(load(tmp_path / "a")) == reference
    assert load_settings(tmp_path / "a") == JOB
    assert verify(tmp_path / "a") == []
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"manifest.json", "chunks"}


def test_seed_and_chunk_do_matter(reference: bytes) -> None:
    inputs = JOB.points()
    for seed, chunk in ((8, 100), (7, 101)):
        assert bits(run(SimulationSettings.make(ERF.architecture(), inputs, 4, 1050, 3, seed, chunk))) != reference


def test_experiments_differ_and_count_their_networks() -> None:
    ensemble = run(JOB)
    assert (ensemble.nets, ensemble.experiments, ensemble.total_nets) == (1050, 3, 3150)
    assert len({row.tobytes() for row in ensemble.values[2]}) == 3
    assert not ensemble.values[2].flags.writeable


def test_progress_counts_every_chunk(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    run(JOB, tmp_path / "a", workers=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, CHUNKS) for done in range(CHUNKS + 1)]


# Resuming


@pytest.mark.parametrize("workers", [1, 2])
def test_resume_after_interruption_gives_the_same_bits(reference: bytes, tmp_path: Path, workers: int) -> None:
    place = tmp_path / "a"
    with pytest.raises(KeyboardInterrupt):
        run(JOB, place, workers=workers, progress=interrupt_after(5))
    kept = recorded(place)
    assert 5 <= len(kept) < CHUNKS
    assert {f"{name}.npy" for name in kept} == {path.name for path in (place / "chunks").iterdir()}
    with pytest.raises(InputError, match=f"unfinished: {CHUNKS - len(kept)} of 33 chunks .* --resume"):
        load(place)
    assert verify(place) == [f"{place} is unfinished: {CHUNKS - len(kept)} of 33 chunks are missing"]
    with pytest.raises(KeyboardInterrupt):
        run(JOB, place, resume=True, workers=workers, progress=interrupt_after(20))
    assert bits(run(JOB, place, resume=True, workers=3 - workers)) == reference


def test_a_run_is_resumed_without_repeating_its_settings(reference: bytes, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(JOB, tmp_path / "a", progress=interrupt_after(5))
    ensemble = resume(tmp_path / "a", workers=2)
    assert ensemble is not None
    assert bits(ensemble) == reference
    with pytest.raises(InputError, match="is not an ensemble"):
        resume(tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_resume_recomputes_what_is_damaged_missing_or_unknown(reference: bytes, tmp_path: Path) -> None:
    place = tmp_path / "a"
    run(JOB, place)
    chunks = sorted((place / "chunks").iterdir())
    damaged = bytearray(chunks[0].read_bytes())
    damaged[-1] ^= 1
    chunks[0].write_bytes(damaged)
    with pytest.raises(InputError, match=r"e000-c00000.npy differs from its checksum .* --resume"):
        load(place)
    chunks[1].unlink()
    chunks[2].write_bytes(chunks[2].read_bytes()[:40])
    others = recorded(place)
    del others[chunks[3].stem]
    rewrite_manifest(place, chunks=others)
    (place / "chunks" / ".e000-c00004.npy.xyz.part").write_bytes(b"half")
    np.save(chunks[3], np.zeros(3))
    assert [problem.split(":")[0].split(";")[0].replace(f"{place}/", "") for problem in verify(place)] == [
        f"{place} is unfinished",
        "chunks/e000-c00000.npy differs from its checksum in manifest.json",
        "chunks/e000-c00001.npy is missing",
        "chunks/e000-c00002.npy differs from its checksum in manifest.json",
        "chunks/.e000-c00004.npy.xyz.part is not in the manifest",
        "chunks/e000-c00003.npy is not in the manifest",
    ]
    seen: list[int] = []
    assert bits(run(JOB, place, resume=True, progress=lambda done, _: seen.append(done))) == reference
    assert seen == list(range(CHUNKS - 4, CHUNKS + 1))
    assert sorted((place / "chunks").iterdir()) == chunks
    assert bits(load(place)) == reference


def test_a_finished_run_resumes_to_itself(reference: bytes, tmp_path: Path) -> None:
    place = tmp_path / "a"
    run(JOB, place, resume=True)  # a missing directory starts the run
    before = content(place)
    assert bits(run(JOB, place, resume=True)) == reference
    assert content(place) == before


def test_the_journal_is_what_sha256sum_reads(tmp_path: Path) -> None:
    """A finished chunk is on record at once, before the manifest is written again."""
    place = tmp_path / "a"
    lines: list[list[str]] = []

    def look(done: int, _: int) -> None:
        if done:
            lines.append((place / "journal.sha256").read_text().splitlines())

    run(JOB, place, keep_outputs=True, progress=look)
    assert [len(entries) for entries in lines] == [2 * done for done in range(1, CHUNKS + 1)]
    assert not (place / "journal.sha256").exists()
    (place / "sums").write_text("\n".join(lines[-1]) + "\n")
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "sums"], cwd=place, timeout=60, check=True)
    assert dict(line.split("  ")[::-1] for line in lines[-1] if "/outputs/" not in line and "chunks" in line) == {
        f"chunks/{name}.npy": digest for name, digest in recorded(place).items()
    }


# Raw outputs


@pytest.mark.parametrize("record", [Record.OUTPUTS, Record.CONDITIONAL])
def test_raw_outputs_are_kept_beside_the_same_statistics(record: Record, tmp_path: Path) -> None:
    two_outputs = replace(JOB.architecture, d_out=2)
    settings = SimulationSettings.make(two_outputs, JOB.points(), 4, 250, 2, 7, chunk=100, record=record)
    without = run(settings, tmp_path / "without")
    assert bits(run(settings, tmp_path / "with", keep_outputs=True)) == bits(without)
    statistics = {name: data for name, data in content(tmp_path / "with").items() if name.startswith("chunks")}
    assert statistics == {
        name: data for name, data in content(tmp_path / "without").items() if name.startswith("chunks")
    }
    stored = list(stored_outputs(tmp_path / "with"))
    assert [chunk for chunk, _ in stored] == list(settings.plan())
    assert {array.shape for _, array in stored} == {(100, 3, 2), (50, 3, 2)}
    imported = from_outputs(np.concatenate([array for _, array in stored]), settings.points(), 2)
    for n, values in imported.values.items():
        np.testing.assert_allclose(values, without.values[n], rtol=1e-10, atol=1e-13)


def test_raw_outputs_are_verified_and_resumed(reference: bytes, tmp_path: Path) -> None:
    place = tmp_path / "a"
    with pytest.raises(KeyboardInterrupt):
        run(JOB, place, keep_outputs=True, progress=interrupt_after(5))
    with pytest.raises(InputError, match="was made with raw outputs = kept, not not kept"):
        run(JOB, place, resume=True)
    assert bits(run(JOB, place, resume=True, keep_outputs=True)) == reference
    before = content(place)
    lost, damaged = sorted((place / "outputs").iterdir())[:2]
    lost.unlink()
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    assert len(verify(place)) == 2
    assert bits(load(place)) == reference  # statistics do not need the outputs
    with pytest.raises(InputError, match=r"outputs/e000-c00000.npy is missing; compute it again with --resume"):
        list(stored_outputs(place))
    run(JOB, place, resume=True, keep_outputs=True)
    assert content(place) == before
    run(JOB, tmp_path / "b")
    with pytest.raises(InputError, match="keeps no outputs"):
        list(stored_outputs(tmp_path / "b"))


def test_outputs_that_cannot_be_kept_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="in a directory only"):
        run(JOB, keep_outputs=True)
    neurons = SimulationSettings.make(ERF.architecture(), [1.0], None, 2, 2, 0, record=Record.NEURONS)
    with pytest.raises(InputError, match="single neurons have no outputs"):
        run(neurons, tmp_path / "a", keep_outputs=True)
    assert not (tmp_path / "a").exists()


# Parts and merging


def parts(settings: SimulationSettings, count: int, place: Path, **options: Any) -> list[Path]:
    directories = [place / f"part{number}" for number in range(1, count + 1)]
    for number, directory in enumerate(directories, 1):
        run_part(settings, Part(number, count), directory, **options)
    return directories


@pytest.mark.parametrize("count", [1, 3, 7])
@pytest.mark.parametrize("keep_outputs", [False, True])
def test_parts_merge_to_the_whole(reference: bytes, tmp_path: Path, count: int, keep_outputs: bool) -> None:
    directories = parts(JOB, count, tmp_path, keep_outputs=keep_outputs)
    sizes = [len(recorded(directory)) for directory in directories]
    assert sum(sizes) == CHUNKS
    assert max(sizes) - min(sizes) <= 1
    before = content(tmp_path)
    merged = merge(directories[::-1], tmp_path / "joined")
    assert (merged.settings, merged.missing) == (JOB, 0)
    assert bits(load(tmp_path / "joined")) == reference
    assert verify(tmp_path / "joined") == []
    run(JOB, tmp_path / "whole", keep_outputs=keep_outputs)
    assert content(tmp_path / "joined") == content(tmp_path / "whole")
    assert {name: data for name, data in content(tmp_path).items() if name in before} == before


def test_a_part_is_no_ensemble(tmp_path: Path) -> None:
    first, second, third = parts(JOB, 3, tmp_path)
    assert verify(first) == []
    with pytest.raises(InputError, match=r"is part 1/3 of an ensemble: 22 of 33 chunks are missing; join"):
        load(first)
    assert resume(first) is None
    with pytest.raises(InputError, match="was made with part = 1/3, not 1/1"):
        run(JOB, first, resume=True)
    with pytest.raises(InputError, match="was made with part = 2/3, not 1/3"):
        run_part(JOB, Part(1, 3), second, resume=True)
    (third / "chunks" / "e002-c00009.npy").unlink()
    run_part(JOB, Part(3, 3), third, resume=True)
    assert verify(third) == []
    for bad in ((0, 3), (4, 3), (1, 0), (-1, -1)):
        with pytest.raises(InputError, match="expected I/K"):
            Part(*bad)
    with pytest.raises(InputError, match="33 chunks; use fewer parts"):
        run_part(JOB, Part(1, 34), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_merge_with_a_hole_is_resumed(reference: bytes, tmp_path: Path) -> None:
    first, _, third = parts(JOB, 3, tmp_path)
    assert merge([third, first], tmp_path / "joined").missing == 11
    with pytest.raises(InputError, match="unfinished: 11 of 33 chunks"):
        load(tmp_path / "joined")
    seen: list[int] = []
    ensemble = run(JOB, tmp_path / "joined", resume=True, progress=lambda done, _: seen.append(done))
    assert bits(ensemble) == reference
    assert seen == list(range(22, CHUNKS + 1))


def experiments_of(ensemble: Ensemble, chosen: slice) -> list[bytes]:
    parts = [*ensemble.values.values(), *ensemble.conditional.values()]
    return [part[chosen].tobytes() for part in parts]


def test_seeds_add_up_in_any_order(tmp_path: Path) -> None:
    """Experiments of three seeds in one ensemble, each with the bits that it has alone, whatever is merged first."""
    singles = {}
    for seed, experiments in ((9, 2), (3, 1), (5, 3)):
        settings = replace(TINY, runs=(Run(seed, experiments),))
        singles[seed] = run(settings, tmp_path / str(seed), keep_outputs=True)
    results = []
    for number, order in enumerate(permutations(singles)):
        merged = merge([tmp_path / str(seed) for seed in order], tmp_path / f"all{number}")
        results.append(content(tmp_path / f"all{number}"))
        assert merged.settings.runs == (Run(3, 1), Run(5, 3), Run(9, 2))
    assert len({str(sorted(result.items())) for result in results}) == 1
    whole = load(tmp_path / "all0")
    assert (whole.experiments, whole.nets) == (6, 25)
    for seed, chosen in ((3, slice(0, 1)), (5, slice(1, 4)), (9, slice(4, 6))):
        assert experiments_of(whole, chosen) == experiments_of(singles[seed], slice(None))
    merge([tmp_path / "9", tmp_path / "3"], tmp_path / "two")
    merge([tmp_path / "5", tmp_path / "two"], tmp_path / "again")
    assert content(tmp_path / "again") == results[0]
    merge([tmp_path / "two", tmp_path / "9", tmp_path / "5"], tmp_path / "overlap")  # equal chunks are one chunk
    assert content(tmp_path / "overlap") == results[0]
    (tmp_path / "all0" / "chunks" / "e004-c00001.npy").unlink()
    again = resume(tmp_path / "all0")
    assert again is not None
    assert bits(again) == bits(whole)
    assert content(tmp_path / "all0") == results[0]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (replace(TINY, runs=(Run(1, 2),), width=3), "has width = 2, .* has 3"),
        (replace(TINY, runs=(Run(1, 2),), nets=26), "has nets = 25, .* has 26"),
        (replace(TINY, runs=(Run(1, 2),), chunk=11), "has chunk = 10, .* has 11"),
        (replace(TINY, runs=(Run(1, 2),), record=Record.OUTPUTS), "has record = conditional, .* has outputs"),
        (replace(TINY, runs=(Run(1, 2),), inputs=((0.4,),)), "has inputs = "),
        (replace(TINY, runs=(Run(5, 3),)), "seed 5 has 2 experiments .* and 3"),
    ],
)
def test_different_ensembles_are_not_merged(tmp_path: Path, other: SimulationSettings, message: str) -> None:
    run(TINY, tmp_path / "a")
    run(other, tmp_path / "b")
    with pytest.raises(InputError, match=message):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "joined")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_merge_is_whole_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(TINY, tmp_path / "a")
    run(TINY, tmp_path / "b")
    run(replace(TINY, runs=(Run(1, 2),)), tmp_path / "raw", keep_outputs=True)
    other = tmp_path / "b" / "chunks" / "e001-c00002.npy"
    original = other.read_bytes()
    other.write_bytes(original[:-1] + b"x")
    with pytest.raises(InputError, match=r"b/chunks/e001-c00002.npy differs from its checksum"):
        merge([tmp_path / "b", tmp_path / "a"], tmp_path / "joined")
    # A chunk that was computed with another rounding has a valid checksum of its own.
    changed = np.load(other.with_name("e001-c00001.npy"))
    changed[3] = np.nextafter(changed[3], 1.0)
    np.save(other.with_name("e001-c00001.npy"), changed)
    other.write_bytes(original)
    digest = sha256(other.with_name("e001-c00001.npy").read_bytes())
    rewrite_manifest(tmp_path / "b", chunks=recorded(tmp_path / "b") | {"e001-c00001": digest})
    assert verify(tmp_path / "b") == []
    with pytest.raises(InputError, match=r"b/chunks/e001-c00001.npy differs from the same chunk in another source"):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "joined")
    with pytest.raises(InputError, match=r"has raw outputs = not kept, .* has kept"):
        merge([tmp_path / "a", tmp_path / "raw"], tmp_path / "joined")
    with pytest.raises(InputError, match="which stays as it is"):
        merge([tmp_path / "a"], tmp_path / "a" / "new")
    with pytest.raises(InputError, match="not empty; nothing was overwritten"):
        merge([tmp_path / "a"], tmp_path)
    with pytest.raises(InputError, match="nothing to merge"):
        merge([], tmp_path / "joined")
    monkeypatch.setattr("feyn_nn.ensembles.directory.MAX_CHUNKS", 5)
    with pytest.raises(LimitError, match="6 chunks of 10 samples are more files than 5"):
        merge([tmp_path / "a"], tmp_path / "joined")
    with pytest.raises(LimitError, match="more files than 5"):
        run(TINY, tmp_path / "joined")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "raw"]


# The lock


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    run(TINY, tmp_path / "a")
    before = content(tmp_path / "a")
    script = f"from pathlib import Path; from feyn_nn.ensembles import resume; resume(Path({str(tmp_path / 'a')!r}))"
    with locked(tmp_path / "a"):
        with pytest.raises(InputError, match=r"is in use by process \d+ on .*; wait"):
            run(TINY, tmp_path / "a", resume=True)
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
        assert other.returncode != 0
        assert "is in use by process" in other.stderr
        assert bits(load(tmp_path / "a")) == bits(run(TINY))  # reading needs no lock
        assert verify(tmp_path / "a") == []
    assert content(tmp_path / "a") == before
    run(TINY, tmp_path / "a", resume=True)


def test_a_lock_file_without_a_holder_is_no_lock(tmp_path: Path) -> None:
    """As a killed run leaves it: in a directory of chunks, and before its first manifest."""
    run(TINY, tmp_path / "a")
    (tmp_path / "a" / LOCK).write_text("process 1 on elsewhere")
    run(TINY, tmp_path / "a", resume=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / LOCK).write_text("process 1 on elsewhere")
    (tmp_path / "b" / ".manifest.json.abc.part").write_text("{")
    run(TINY, tmp_path / "b")
    assert content(tmp_path / "a") == content(tmp_path / "b")


# What is refused


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    run(JOB, tmp_path)  # empty: starts
    before = content(tmp_path)
    with pytest.raises(InputError, match="not empty; nothing was overwritten"):
        run(JOB, tmp_path)
    other = SimulationSettings.make(ERF.architecture(), JOB.points(), 5, 1050, 3, 7, chunk=100)
    with pytest.raises(InputError, match="made with width = 4, not 5"):
        run(other, tmp_path, resume=True)
    with pytest.raises(InputError, match=r"made with runs = \[\{'seed': 7, 'experiments': 3\}\], not \[\{'seed': 8"):
        run(replace(JOB, runs=(Run(8, 3),)), tmp_path, resume=True)
    assert content(tmp_path) == before


def test_other_directories_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is not an ensemble"):
        run(JOB, tmp_path, resume=True)
    with pytest.raises(InputError, match="is not an ensemble"):
        load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="not a directory"):
        run(JOB, tmp_path / "file")
    with pytest.raises(InputError, match="is not an ensemble"):
        run(JOB, tmp_path / "file", resume=True)
    assert verify(tmp_path / "file") == [
        f"{tmp_path / 'file'} is not an ensemble: it has no manifest.json; name a directory made by simulate"
    ]
    with pytest.raises(InputError, match="workers = 0"):
        run(JOB, workers=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "notes.txt"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "not the manifest of an ensemble"),
        ({"version": 99}, "schema version 99"),
        ({"version": None}, "schema version None"),
        ({"settings": {}}, "settings: got"),
        ({"settings": None}, "settings: got NoneType"),
        ({"part": 3}, "part: expected an object"),
        ({"part": {"number": "1", "of": 1}}, "expected two integers"),
        ({"part": {"number": 2, "of": 1}}, "expected I/K"),
        ({"chunks": {"e000-c00000": 3}}, "expected an object of SHA-256"),
        ({"chunks": None}, "expected an object of SHA-256"),
        ({"outputs": [1]}, "outputs: expected an object of SHA-256"),
        ({"provenance": "here"}, "provenance: expected a list"),
    ],
)
def test_bad_manifests_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    run(TINY, tmp_path / "a")
    rewrite_manifest(tmp_path / "a", **change)
    for use in (load, load_settings, resume):
        with pytest.raises(InputError, match=message):
            use(tmp_path / "a")
    (problem,) = verify(tmp_path / "a")
    assert "manifest.json" in problem or "part" in problem


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1e999", '{"format": "feyn-nn ensemble", "version": 2}', "\0"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    run(TINY, tmp_path / "a")
    (tmp_path / "a" / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json"):
        load(tmp_path / "a")


def test_an_edited_manifest_is_refused(tmp_path: Path) -> None:
    """Else the same numbers would pass for those of another width. Control: with its checksum renewed it is read."""
    run(TINY, tmp_path / "a")
    path = tmp_path / "a" / "manifest.json"
    path.write_text(path.read_text().replace('"width": 2', '"width": 3'))
    with pytest.raises(InputError, match="differs from its own checksum"):
        load(tmp_path / "a")
    rewrite_manifest(tmp_path / "a")
    assert load(tmp_path / "a").width == 3


# The commands

SMALL = ["erf", "--width", "2", "--inputs", "0.3", "--nets", "25", "--chunk", "10", "--experiments", "2", "--seed", "5"]


def out(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    assert main(list(arguments)) == code
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_commands_make_parts_and_join_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(TINY, tmp_path / "library", keep_outputs=True)
    said, _ = out(capsys, "simulate", *SMALL, "--raw", "--out", "whole")
    assert said == "whole: 2 experiments of 25 erf networks of width 2 at 1 inputs, seed 5\n"
    for number in ("1", "2", "3"):
        said, _ = out(capsys, "simulate", *SMALL, "--raw", "--part", f"{number}/3", "--out", f"part{number}")
        assert said.endswith(f", part {number}/3\n")
    said, note = out(capsys, "merge", "part3", "part1", "--out", "two")
    assert said == "two: 2 experiments of 25 erf networks of width 2 at 1 inputs, seed 5\n"
    assert "2 of 6 chunks are in none of these" in note
    assert "simulate --resume --out two" in note
    out(capsys, "simulate", "--resume", "--out", "two")
    out(capsys, "merge", "part3", "part2", "part1", "--out", "joined")
    for name in ("whole", "two", "joined"):
        assert content(tmp_path / name) == content(tmp_path / "library")
    out(capsys, "simulate", *SMALL[:-1], "6", "--raw", "--out", "other")
    said, _ = out(capsys, "merge", "joined", "other", "--out", "both")
    assert said == "both: 4 experiments of 25 erf networks of width 2 at 1 inputs, seeds 5, 6\n"
    _, error = out(capsys, "merge", "joined", "missing", "--out", "new", code=2)
    assert "missing is not an ensemble" in error
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        ([*SMALL, "--part", "4/3"], "part 4/3: expected I/K", 2),
        ([*SMALL, "--part", "0/3"], "part 0/3: expected I/K", 2),
        ([*SMALL, "--part", "x"], "--part 'x': expected I/K", 2),
        ([*SMALL, "--part", "1/99"], "the ensemble has 6 chunks", 2),
        ([], "name a network", 2),
        (["--resume", "--width", "3"], "--width: without NET", 2),
        (["--resume", "--d-out", "1"], "--d-out: without NET", 2),
        (["--resume", "--raw"], "--raw: without NET", 2),
        (["--resume"], "is not an ensemble", 2),
        ([*SMALL, "--chunk", "0"], "chunk = 0", 2),
        ([*SMALL, "--record", "neurons"], "leave it out", 2),
        ([*SMALL, "--dask", "nowhere"], "expected its address and port", 2),
        ([*SMALL, "--dask", "127.0.0.1:1", "--workers", "2"], "has its own; leave it out", 2),
        (["numpy:tanh", "--width", "2"], "give --inputs", 2),
        (["numpy:tanh", "--inputs", "1"], "give --width", 2),
        (["numpy:nothing", "--inputs", "1", "--width", "2"], "cannot be imported", 2),
        (["erf", "--nets", "40000000", "--chunk", "1"], "more files than 1000000", 3),
        (["erf", "--nets", "100000000000000"], "days on 2 cores", 3),
    ],
)
def test_commands_refuse(
    arguments: list[str],
    message: str,
    code: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    said, error = out(capsys, "simulate", *arguments, "--out", "new", code=code)
    assert said == ""
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        ["erf", "--record", "outputs", "--depth", "2", "--d-out", "3", "--width", "4"],
        ["gauss", "--record", "tilted"],
        ["relu", "--record", "neurons"],
        ["own_phi:squared", "--inputs", "0,1", "--width", "3"],
    ],
)
def test_commands_simulate_other_networks(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_phi.py").write_text("def squared(z):\n    return z * z\n")
    out(capsys, "simulate", *options, "--nets", "300", "--experiments", "2", "--out", "run")
    settings = load_settings(tmp_path / "run")
    assert settings.architecture.activation.name == options[0]
    assert (settings.nets, settings.experiments) == (300, 2)
    assert settings.record.value == (options[2] if options[1] == "--record" else "conditional")
    assert load(tmp_path / "run").total_nets == 600
    assert settings.architecture.depth == (2 if "--depth" in options else 1)
    assert settings.architecture.d_out == (3 if "--d-out" in options else 1)
    assert (settings.width is None) == (not settings.record.of_networks)
