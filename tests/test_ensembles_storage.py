"""Runs on disk: the same bits however they were made, resumption, and what is refused."""

from __future__ import annotations

import json
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from feyn_nn.ensembles import Ensemble, SimulationSettings, load, load_settings, run
from feyn_nn.errors import FeynError, InputError
from feyn_nn.network import PRESETS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ERF = PRESETS["erf"]
JOB = SimulationSettings.make(ERF.architecture(), ERF.points()[:3], 4, 1050, 3, 7, chunk=100)
CHUNKS = 33


@pytest.fixture(scope="module")
def reference() -> bytes:
    return bits(run(JOB))


def bits(ensemble: Ensemble) -> bytes:
    assert ensemble.conditional is not None
    parts = [*ensemble.outputs.values(), *ensemble.conditional.values()]
    for tails in ensemble.tails.values():
        for tail in tails.values():
            parts += [tail.effective, tail.largest_share]
    return b"".join(part.tobytes() for part in parts)


class Failing(Executor):
    """Runs at once, and fails the first `times` attempts at one chunk."""

    def __init__(self, chunk: tuple[int, int], times: int, error: Exception) -> None:
        self.chunk, self.times, self.error = chunk, times, error

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if args[1:] == self.chunk and self.times > 0:
            self.times -= 1
            future.set_exception(self.error)
        else:
            future.set_result(fn(*args, **kwargs))
        return future


def interrupt_after(count: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        assert total == CHUNKS
        if done == count:
            raise KeyboardInterrupt

    return progress


def test_workers_and_processes_and_disk_do_not_matter(reference: bytes, tmp_path: Path) -> None:
    assert bits(run(JOB, workers=2)) == reference
    assert bits(run(JOB, tmp_path / "a", workers=2)) == reference
    assert bits(load(tmp_path / "a")) == reference
    assert load_settings(tmp_path / "a") == JOB
    with ProcessPoolExecutor(2) as processes:
        assert bits(run(JOB, executor=processes, workers=2)) == reference
        assert bits(run(JOB, tmp_path / "b", executor=processes)) == reference


def test_seed_and_chunk_do_matter(reference: bytes) -> None:
    inputs = JOB.points()
    for seed, chunk in ((8, 100), (7, 101)):
        assert bits(run(SimulationSettings.make(ERF.architecture(), inputs, 4, 1050, 3, seed, chunk))) != reference


def test_experiments_differ_and_count_their_networks() -> None:
    ensemble = run(JOB)
    assert (ensemble.nets, ensemble.experiments, ensemble.total_nets) == (1050, 3, 3150)
    assert len({row.tobytes() for row in ensemble.outputs[2]}) == 3
    assert not ensemble.outputs[2].flags.writeable


def test_progress_counts_every_chunk(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    run(JOB, tmp_path / "a", workers=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, CHUNKS) for done in range(CHUNKS + 1)]


@pytest.mark.parametrize("workers", [1, 2])
def test_resume_after_interruption_gives_the_same_bits(reference: bytes, tmp_path: Path, workers: int) -> None:
    place = tmp_path / "a"
    with pytest.raises(KeyboardInterrupt):
        run(JOB, place, workers=workers, progress=interrupt_after(5))
    recorded = json.loads((place / "manifest.json").read_text())["chunks"]
    assert 5 <= len(recorded) < CHUNKS
    assert {f"{name}.npy" for name in recorded} == {path.name for path in (place / "chunks").iterdir()}
    with pytest.raises(InputError, match=f"unfinished: {CHUNKS - len(recorded)} of 33 chunks .* --resume"):
        load(place)
    with pytest.raises(KeyboardInterrupt):
        run(JOB, place, resume=True, workers=workers, progress=interrupt_after(20))
    assert bits(run(JOB, place, resume=True, workers=3 - workers)) == reference


def test_resume_recomputes_what_is_damaged_missing_or_unknown(reference: bytes, tmp_path: Path) -> None:
    place = tmp_path / "a"
    run(JOB, place)
    chunks = sorted((place / "chunks").iterdir())
    damaged = bytearray(chunks[0].read_bytes())
    damaged[-1] ^= 1
    chunks[0].write_bytes(damaged)
    with pytest.raises(InputError, match=r"e000-c00000.npy is missing or differs from its checksum .* --resume"):
        load(place)
    chunks[1].unlink()
    chunks[2].write_bytes(chunks[2].read_bytes()[:40])
    manifest = json.loads((place / "manifest.json").read_text())
    del manifest["chunks"][chunks[3].stem]
    (place / "manifest.json").write_text(json.dumps(manifest))
    (place / "chunks" / ".e000-c00004.npy.xyz.part").write_bytes(b"half")
    np.save(chunks[3], np.zeros(3))
    seen: list[int] = []
    assert bits(run(JOB, place, resume=True, progress=lambda done, _: seen.append(done))) == reference
    assert seen == list(range(CHUNKS - 4, CHUNKS + 1))
    assert sorted((place / "chunks").iterdir()) == chunks
    assert bits(load(place)) == reference


def test_a_finished_run_resumes_to_itself(reference: bytes, tmp_path: Path) -> None:
    place = tmp_path / "a"
    run(JOB, place, resume=True)  # a missing directory starts the run
    before = (place / "manifest.json").read_bytes()
    assert bits(run(JOB, place, resume=True)) == reference
    assert (place / "manifest.json").read_bytes() == before


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    run(JOB, tmp_path)  # empty: starts
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="not empty; nothing was overwritten"):
        run(JOB, tmp_path)
    other = SimulationSettings.make(ERF.architecture(), JOB.points(), 5, 1050, 3, 7, chunk=100)
    with pytest.raises(InputError, match="made with width = 4, not 5"):
        run(other, tmp_path, resume=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


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
    with pytest.raises(InputError, match="workers = 0"):
        run(JOB, workers=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "not the manifest of an ensemble"),
        ({"version": 99}, "schema version 99"),
        ({"settings": {}}, "settings: got"),
        ({"chunks": {"e000-c00000": 3}}, "expected an object of SHA-256"),
    ],
)
def test_bad_manifests_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    small = SimulationSettings.make(ERF.architecture(), [1.0], 1, 2, 2, 0)
    run(small, tmp_path / "a")
    path = tmp_path / "a" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=message):
        load(tmp_path / "a")
    path.write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        load(tmp_path / "a")


def test_a_chunk_is_retried_three_times(reference: bytes, tmp_path: Path) -> None:
    error = OSError("worker lost")
    assert bits(run(JOB, executor=Failing((1, 2), 3, error))) == reference
    with pytest.raises(FeynError, match="chunk 2 of experiment 1 failed 4 times, last with OSError: worker lost"):
        run(JOB, tmp_path / "a", executor=Failing((1, 2), 4, error))
    assert bits(run(JOB, tmp_path / "a", resume=True)) == reference


def test_a_refusal_is_not_retried() -> None:
    executor = Failing((0, 0), 4, InputError("no"))
    with pytest.raises(InputError, match=r"^no$"):
        run(JOB, executor=executor)
    assert executor.times == 3
