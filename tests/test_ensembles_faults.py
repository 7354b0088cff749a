"""Kills, full disks, damage: the right numbers or a clear error. `make faults` runs the same at full counts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from feyn_nn import files
from feyn_nn.ensembles import SimulationSettings, load, resume, run
from feyn_nn.errors import FeynError, InputError
from feyn_nn.network import Architecture, register_activation
from tests.faults.__main__ import DASK, PROCESSES
from tests.faults.damage import damage
from tests.faults.disks import failing_writes
from tests.faults.jobs import TINY, bits, content, rewrite_manifest
from tests.faults.killed_runs import killed_runs
from tests.faults.killed_workers import deadly_chunk, killed_workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import FloatArray

SEED = 30
needs_proc = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at /proc")


# A process that dies


def test_runs_killed_at_random_moments(tmp_path: Path) -> None:
    assert killed_runs(20, SEED, tmp_path, finished=0.3) == []


def crash_points(place: Path, *options: str) -> list[str]:
    command = [sys.executable, "-m", "tests.faults.crash_points", str(place), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout.splitlines()


def test_a_run_killed_at_each_of_its_file_operations(tmp_path: Path) -> None:
    *problems, moments = crash_points(tmp_path)
    assert problems == []
    assert int(moments.split()[0]) > 40


def test_the_kills_find_a_writer_that_is_not_atomic(tmp_path: Path) -> None:
    """Mutation control: files written in place, in two steps."""
    problems = crash_points(tmp_path, "--careless")[:-1]
    assert len(problems) >= 2


@pytest.mark.parametrize(
    "left", ["chunk without record", "half a line", "line without chunk", "stale journal", "parts"]
)
def test_what_a_kill_leaves_is_taken_for_what_it_is(left: str, tmp_path: Path) -> None:
    run(TINY, tmp_path / "whole")
    expected = content(tmp_path / "whole")
    place = tmp_path / "a"
    shutil.copytree(tmp_path / "whole", place)
    digests = json.loads(expected["manifest.json"])["chunks"]
    for name in list(digests)[3:]:
        (place / "chunks" / f"{name}.npy").unlink()
    rewrite_manifest(place, chunks=dict(list(digests.items())[:3]))
    journal = place / "journal.sha256"
    fourth = "e001-c00000"
    digest = digests[fourth]
    if left == "chunk without record":
        (place / "chunks" / f"{fourth}.npy").write_bytes(expected[f"chunks/{fourth}.npy"])
    elif left == "half a line":
        (place / "chunks" / f"{fourth}.npy").write_bytes(expected[f"chunks/{fourth}.npy"])
        journal.write_text(f"{digest}  chunks/e001-c0"[: 64 + 10])
    elif left == "line without chunk":
        journal.write_text(f"{digest}  chunks/{fourth}.npy\n")
    elif left == "stale journal":  # killed between the last manifest and the removal of the journal
        name = "e000-c00001"
        journal.write_text(f"{digests[name]}  chunks/{name}.npy\n")
    else:
        for folder in (place, place / "chunks"):
            (folder / ".manifest.json.x1.part").write_bytes(b"{")
    seen: list[int] = []
    assert bits(run(TINY, place, resume=True, progress=lambda done, _: seen.append(done))) == bits(run(TINY))
    assert seen[0] == 3
    assert content(place) == expected


# Files that are not what was written


def test_damage_is_found_wherever_it_is(tmp_path: Path) -> None:
    assert damage(100, SEED, tmp_path) == []


def test_without_checksums_damage_would_give_wrong_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutation control: all checksums alike."""
    monkeypatch.setattr(files, "sha256", lambda _: "0" * 64)
    problems = damage(40, SEED, tmp_path)
    assert any("other statistics were loaded" in problem for problem in problems)
    assert any("other outputs were read" in problem for problem in problems)


# Disks


def test_each_write_that_fails_is_reported_and_resumed(tmp_path: Path) -> None:
    assert failing_writes(tmp_path, every=3) == []


def test_a_line_that_the_disk_takes_in_part_is_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "a"
    write: Callable[[int, bytes], int] = os.write
    lines = iter([None, None, 70])

    def short(handle: int, data: bytes) -> int:
        return write(handle, data[: next(lines, 70)] if b"chunks/" in data else data)

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(FeynError, match=r"cannot write .*journal.sha256: the disk took only a part"):
        run(TINY, place)
    monkeypatch.undo()
    assert bits(run(TINY, place, resume=True)) == bits(run(TINY))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(TINY, tmp_path / "a")
    read = Path.read_bytes

    def fail(path: Path) -> bytes:
        if path.name == "e001-c00001.npy":
            raise OSError(5, "Input/output error")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(InputError, match=r"cannot read .*e001-c00001.npy: Input/output error; compute it again"):
        load(tmp_path / "a")


# Workers that die


@needs_proc
@pytest.mark.parametrize("how", [PROCESSES, DASK], ids=["processes", "dask"])
def test_killed_workers_change_nothing(how: list[str], tmp_path: Path) -> None:
    assert killed_workers(5, SEED, tmp_path, how) == []


@needs_proc
def test_a_chunk_that_kills_its_workers_is_named(tmp_path: Path) -> None:
    assert deadly_chunk(tmp_path, PROCESSES) == []


# Numbers that are none


def _nan_now_and_then(z: FloatArray) -> FloatArray:
    return np.where(z > 2.5, np.nan, np.tanh(z))


def test_outputs_that_are_not_numbers_are_counted_and_refused(tmp_path: Path) -> None:
    """At one input, sigma_w = 0.1 and sigma_b = 1, z is N(0, 1.01); a network is lost if any of its 2 neurons is."""
    own = Architecture(register_activation("nan_now_and_then", _nan_now_and_then), sigma_w=0.1)
    settings = SimulationSettings.make(own, [1.0], 2, 2000, 2, 3, chunk=500)
    with pytest.raises(InputError, match=r"^\d+ of 4000 samples are not finite numbers") as refusal:
        run(settings, tmp_path / "a", keep_outputs=True)
    lost = int(str(refusal.value).split()[0])
    stored = np.concatenate([np.load(path) for path in sorted((tmp_path / "a" / "outputs").iterdir())])
    assert lost == np.sum(~np.isfinite(stored)) > 0
    for use in (load, resume):
        with pytest.raises(InputError, match=rf"^{lost} of 4000 samples"):
            use(tmp_path / "a")
    mean = 4000 * (1 - (1 - 0.00643) ** 2)  # P(N(0, 1.01) > 2.5)
    assert abs(lost - mean) < 5 * np.sqrt(mean)
