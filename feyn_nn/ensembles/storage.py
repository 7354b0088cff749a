"""Ensembles on disk: a manifest and one file of statistics per chunk, resumable after any interruption.

    DIR/manifest.json             see `manifest`; beside it, while a run is in progress, its journal and its lock
    DIR/chunks/e003-c00012.npy    statistics of chunk 12 of experiment 3 (float64, layout of `statistics`)
    DIR/outputs/e003-c00012.npy   on request its raw outputs, float64 of shape (networks, points, d_out)

Everything is written atomically. A chunk counts as finished when the manifest or the journal has its checksums, and every
file that is read is verified against its own. The sum over chunks is taken in the order of the plan: a result does
not depend on workers, order or resumption.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from feyn_nn import files
from feyn_nn.ensembles.directory import LEFTOVERS, Store, Totals, refuse_too_many_chunks
from feyn_nn.ensembles.ensemble import Ensemble, ensemble_from_settings
from feyn_nn.ensembles.execution import Progress, compute
from feyn_nn.ensembles.executors import ExecutorFactory
from feyn_nn.ensembles.locking import LOCK, locked
from feyn_nn.ensembles.manifest import (
    JOURNAL,
    MANIFEST,
    WHOLE,
    Content,
    Manifest,
    Part,
)
from feyn_nn.ensembles.settings import Chunk, SimulationSettings
from feyn_nn.errors import FeynError, InputError

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles.simulation import ChunkResult


def run(
    settings: SimulationSettings,
    directory: Path | None = None,
    *,
    resume: bool = False,
    keep_outputs: bool = False,
    workers: int = 1,
    executor: Executor | ExecutorFactory | None = None,
    progress: Progress | None = None,
) -> Ensemble:
    """Simulate an ensemble, in memory or into `directory`, and return it.

    A missing or empty directory starts the run. With `resume`, an unfinished run of the same settings goes
    on, and chunks that are missing, damaged or unknown to the manifest are computed again. `keep_outputs` stores
    the outputs of every network too; see `stored_outputs`. For `workers` and `executor` see `execution.compute`.
    `progress` is called with (finished chunks, all chunks). Raises InputError for a directory that is in use, without
    `resume` or by another process, that is not an ensemble, or whose settings differ; LimitError for more than a million
    chunks in a directory; FeynError for a chunk that keeps failing, or a disk that does.
    """
    if directory is not None:
        with _opened(_wanted(settings, WHOLE, keep_outputs=keep_outputs), directory, resume=resume) as store:
            _fill(store, workers, executor, progress)
        return store.ensemble()
    if keep_outputs:
        raise InputError("keep_outputs: outputs are kept in a directory only; name one")
    totals = Totals(settings)

    def keep(chunk: Chunk, result: ChunkResult) -> None:
        totals.add(chunk, result.vector)

    counter = _Counter(0, settings.chunks, progress)
    compute(settings, settings.plan(), keep, workers=workers, executor=executor, progress=counter)
    return ensemble_from_settings(settings, totals.totals)


def run_part(
    settings: SimulationSettings,
    part: Part,
    directory: Path,
    *,
    resume: bool = False,
    keep_outputs: bool = False,
    workers: int = 1,
    executor: Executor | ExecutorFactory | None = None,
    progress: Progress | None = None,
) -> None:
    """Compute one of several contiguous parts of an ensemble's plan into a directory of its own; `merge` joins them.

    Arguments and errors are those of `run`; an InputError also for more parts than chunks.
    """
    if part.of > settings.chunks:
        raise InputError(f"part {part}: the ensemble has {settings.chunks} chunks; use fewer parts, or a smaller chunk")
    with _opened(_wanted(settings, part, keep_outputs=keep_outputs), directory, resume=resume) as store:
        _fill(store, workers, executor, progress)


def resume(
    directory: Path,
    *,
    workers: int = 1,
    executor: Executor | ExecutorFactory | None = None,
    progress: Progress | None = None,
) -> Ensemble | None:
    """Go on with a directory, whatever its manifest says it is, and return the ensemble; None for a part.

    Arguments and errors are those of `run`.
    """
    with _opened(Manifest.read(directory), directory, resume=True) as store:
        _fill(store, workers, executor, progress)
    return store.ensemble() if store.manifest.part == WHOLE else None


def load(directory: Path) -> Ensemble:
    """Load a finished ensemble; the checksums of all statistics are verified.

    Raises InputError if the directory is not an ensemble, is unfinished or a part, or holds a damaged chunk.
    """
    return Store.read(directory).ensemble()


def load_settings(directory: Path) -> SimulationSettings:
    """Read the settings of an ensemble, finished or not; raise InputError if there is none."""
    return Manifest.read(directory).settings


def stored_outputs(directory: Path) -> Iterator[tuple[Chunk, FloatArray]]:
    """Yield the raw outputs of every stored chunk, (networks, points, d_out), each verified, in the order of the plan.

    Raises InputError for a directory that keeps none or a damaged file.
    """
    store = Store.read(directory)
    if Content.OUTPUTS not in store.manifest.digests:
        raise InputError(f"{directory} keeps no outputs; simulate with keep_outputs (--raw) into a new directory")
    for chunk in store.finished():
        yield chunk, store.load(chunk, Content.OUTPUTS)


def verify(directory: Path) -> list[str]:
    """Read every file of an ensemble and return what is wrong, one sentence each; an empty list: nothing.

    Chunks that are missing from the plan, or from the directory's part of it, count as wrong; so do files
    that the manifest does not know.
    """
    try:
        store = Store.read(directory)
    except InputError as problem:
        return [str(problem)]
    problems = []
    if missing := len(store.missing()):
        problems.append(f"{directory} is unfinished: {missing} of {store.chunks} chunks are missing")
    known = {directory / MANIFEST, directory / JOURNAL, directory / LOCK}
    for chunk in store.finished():
        for content in store.manifest.digests:
            known.add(store.path(chunk, content))
            try:
                store.load(chunk, content)
            except InputError as problem:
                problems.append(str(problem))
    unknown = [path for path in sorted(directory.rglob("*")) if path.is_file() and path not in known]
    return problems + [
        f"{path} is not in the manifest; --resume replaces a chunk, remove anything else" for path in unknown
    ]


def _wanted(settings: SimulationSettings, part: Part, *, keep_outputs: bool) -> Manifest:
    """The manifest that a new directory starts with."""
    settings.to_json()  # refuses an activation without a name before anything is created
    refuse_too_many_chunks(len(part.places(settings)), settings.chunk)
    if keep_outputs and not settings.record.of_networks:
        raise InputError(f"record {settings.record.value}: single neurons have no outputs to keep")
    contents = tuple(Content) if keep_outputs else (Content.STATISTICS,)
    return Manifest(settings, part, {content: {} for content in contents})


def _fill(store: Store, workers: int, executor: Executor | ExecutorFactory | None, progress: Progress | None) -> None:
    """Compute what is missing."""
    missing = store.missing()
    compute(
        store.manifest.settings,
        missing,
        store.keep,
        workers=workers,
        executor=executor,
        keep_outputs=Content.OUTPUTS in store.manifest.digests,
        progress=_Counter(store.chunks - len(missing), store.chunks, progress),
    )


@contextmanager
def _opened(wanted: Manifest, directory: Path, *, resume: bool) -> Iterator[Store]:
    """Hold the lock of an ensemble directory, new or resumed; on leaving the manifest is brought up to date."""
    fresh = _is_fresh(directory)
    if not fresh and not resume:
        files.claim_directory(directory)  # says why it cannot be
    if fresh:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise InputError(f"cannot create {directory}: {problem.strerror}") from None
    elif not (directory / MANIFEST).is_file():
        Manifest.read(directory)  # says that it is not an ensemble
    with locked(directory):
        if not _is_fresh(directory):  # looked at again: another process may just have started or ended here
            if not resume:
                files.claim_directory(directory)
            store = Store.resumed(wanted, directory)
        else:
            store = Store.started(wanted, directory)
        try:
            yield store
        except BaseException:
            with suppress(FeynError):  # the journal has everything
                store.settle()
            raise
        store.settle()


def _is_fresh(directory: Path) -> bool:
    """Whether a directory is missing or empty, but for what a run leaves that was killed before its first manifest."""
    if not directory.exists():
        return True
    if not directory.is_dir():
        return False
    try:
        ours = {directory / LOCK, *directory.glob(f".{MANIFEST}{LEFTOVERS[1:]}")}
        return all(path in ours for path in directory.iterdir())
    except OSError as problem:
        raise InputError(f"cannot read {directory}: {problem.strerror}") from None


class _Counter:
    """Counts finished chunks and reports them."""

    def __init__(self, done: int, total: int, progress: Progress | None) -> None:
        self.done, self.total, self.progress = done, total, progress
        if progress is not None:
            progress(done, total)

    def __call__(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)
