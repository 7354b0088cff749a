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
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn import files
from feyn_nn.ensembles.ensemble import Ensemble, ensemble_from_settings
from feyn_nn.ensembles.execution import Progress, compute
from feyn_nn.ensembles.executors import ExecutorFactory
from feyn_nn.ensembles.locking import LOCK, locked
from feyn_nn.ensembles.manifest import (
    JOURNAL,
    MANIFEST,
    WHOLE,
    Content,
    Digests,
    Journal,
    Manifest,
    Part,
    chunk_name,
    environment,
    write,
)
from feyn_nn.ensembles.settings import Chunk, SimulationSettings
from feyn_nn.errors import FeynError, InputError, LimitError

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles.simulation import ChunkResult

MAX_CHUNKS: Final = 1_000_000
_LEFTOVERS: Final = ".*.part"
"""Names of files that a killed process was writing."""


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
    totals = _Totals(settings)

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


def refuse_too_many_chunks(chunks: int, samples: int) -> None:
    """Raise LimitError for more chunks than one directory should hold."""
    if chunks > MAX_CHUNKS:
        raise LimitError(
            f"{chunks} chunks of {samples} samples are more files than {MAX_CHUNKS}; use larger chunks (--chunk), or parts "
            "(--part I/K)"
        )


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
    ours = {directory / LOCK, *directory.glob(f".{MANIFEST}{_LEFTOVERS[1:]}")}
    return all(path in ours for path in directory.iterdir())


class Store:
    """An ensemble directory and its manifest."""

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        self.directory = directory
        self.manifest = manifest
        self._journal = Journal(directory)
        self._unsettled = False

    @classmethod
    def started(cls, manifest: Manifest, directory: Path) -> Store:
        """Start a new ensemble in an empty directory."""
        for leftover in directory.glob(_LEFTOVERS):
            leftover.unlink(missing_ok=True)
        manifest.provenance.append(environment())
        manifest.write(directory)
        store = cls(directory, manifest)
        store._make_folders()
        return store

    @classmethod
    def resumed(cls, wanted: Manifest, directory: Path) -> Store:
        """Go on with an ensemble; raise InputError if it is not the one that is `wanted`."""
        store = cls.read(directory)
        _refuse_other(directory, store.manifest, wanted)
        store._make_folders()
        for folder in (directory, *(directory / content for content in store.manifest.digests)):
            for leftover in folder.glob(_LEFTOVERS):
                leftover.unlink(missing_ok=True)
        store._forget_damaged()
        if store.missing():
            if environment() not in store.manifest.provenance:
                store.manifest.provenance.append(environment())
            store._unsettled = True
        return store

    @classmethod
    def read(cls, directory: Path) -> Store:
        """Read the manifest of `directory`."""
        return cls(directory, Manifest.read(directory))

    @property
    def chunks(self) -> int:
        """Number of chunks in the plan, or in the directory's part of it."""
        return len(self.manifest.part.places(self.manifest.settings))

    def finished(self) -> Iterator[Chunk]:
        """Yield the chunks that are stored, in the order of the plan."""
        for chunk in self.manifest.part.plan(self.manifest.settings):
            if self._is_stored(chunk):
                yield chunk

    def missing(self) -> list[Chunk]:
        """Return the chunks that are not stored, in the order of the plan."""
        plan = self.manifest.part.plan(self.manifest.settings)
        return [chunk for chunk in plan if not self._is_stored(chunk)]

    def keep(self, chunk: Chunk, result: ChunkResult) -> None:
        """Write a chunk and note its checksums."""
        name, arrays = chunk_name(chunk), {Content.STATISTICS: result.vector, Content.OUTPUTS: result.outputs}
        noted = {}
        for content in self.manifest.digests:
            array = arrays[content]
            if array is None:
                raise AssertionError("outputs that are kept are asked for")
            data = files.array_bytes(array)
            write(self.path(chunk, content), data)
            noted[content] = files.sha256(data)
        self._unsettled = True
        self._journal.add(name, noted)
        for content, digest in noted.items():
            self.manifest.digests[content][name] = digest

    def settle(self) -> None:
        """Bring the manifest up to date."""
        self._journal.close()
        if self._unsettled or (self.directory / JOURNAL).exists():
            self.manifest.write(self.directory)
            self._unsettled = False

    def ensemble(self) -> Ensemble:
        """Add up all chunks, each verified against its checksum."""
        settings, part = self.manifest.settings, self.manifest.part
        missing = settings.chunks - sum(1 for _ in self.finished())
        if missing:
            raise InputError(
                f"{self.directory} is unfinished: {missing} of {settings.chunks} chunks are missing; "
                "continue it with --resume"
                if part == WHOLE
                else f"{self.directory} is part {part} of an ensemble: {missing} of {settings.chunks} chunks are missing; "
                "join all parts with feyn-nn merge"
            )
        totals = _Totals(settings)
        for chunk in settings.plan():
            totals.add(chunk, self.load(chunk, Content.STATISTICS))
        return ensemble_from_settings(settings, totals.totals)

    def load(self, chunk: Chunk, content: Content) -> FloatArray:
        """Read a file of a chunk; raise InputError if it is missing, damaged, or not what the settings say."""
        path, settings = self.path(chunk, content), self.manifest.settings
        try:
            damaged = files.sha256(path.read_bytes()) != self.manifest.digests[content][chunk_name(chunk)]
        except FileNotFoundError:
            raise InputError(f"{path} is missing; compute it again with --resume") from None
        except OSError as problem:
            raise InputError(f"cannot read {path}: {problem.strerror}; compute it again with --resume") from None
        if damaged:
            raise InputError(f"{path} differs from its checksum in {MANIFEST}; compute it again with --resume")
        array = files.read_array(path)
        if content is Content.OUTPUTS:
            shape: tuple[int, ...] = (chunk.samples, len(settings.inputs), settings.architecture.d_out)
        else:
            shape = (settings.layout.size,)
        if array.shape != shape or (content is Content.STATISTICS and array[0] != chunk.samples):
            raise InputError(
                f"{path} is not of {chunk.samples} samples and shape {shape}; compute it again with --resume"
            )
        return array

    def path(self, chunk: Chunk, content: Content) -> Path:
        """The file of a chunk."""
        return self.directory / content / f"{chunk_name(chunk)}.npy"

    def _is_stored(self, chunk: Chunk) -> bool:
        name = chunk_name(chunk)
        return all(name in digests for digests in self.manifest.digests.values())

    def _make_folders(self) -> None:
        for content in self.manifest.digests:
            try:
                (self.directory / content).mkdir(exist_ok=True)
            except OSError as problem:
                raise FeynError(f"cannot create {self.directory / content}: {problem.strerror}") from None

    def _forget_damaged(self) -> None:
        """Keep the checksums of files that are there and whole, in place."""
        sound: Digests = {content: {} for content in self.manifest.digests}
        for chunk in self.finished():
            name = chunk_name(chunk)
            with suppress(InputError):
                for content in sound:
                    self.load(chunk, content)
                for content in sound:
                    sound[content][name] = self.manifest.digests[content][name]
        for content, digests in sound.items():
            self.manifest.digests[content] = digests


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


class _Totals:
    """Sum over chunks in the order of the plan, from results in any order."""

    def __init__(self, settings: SimulationSettings) -> None:
        self.settings = settings
        self.totals = np.zeros((settings.experiments, settings.layout.size))
        self._early: dict[Chunk, FloatArray] = {}
        self._plan = settings.plan()
        self._next = next(self._plan, None)

    def add(self, chunk: Chunk, vector: FloatArray) -> None:
        """Take one chunk's statistics."""
        self._early[chunk] = vector
        while self._next is not None and self._next in self._early:
            with np.errstate(over="ignore", invalid="ignore"):  # refused when all is added up
                self.settings.layout.combine(self.totals[self._next.experiment], self._early.pop(self._next))
            self._next = next(self._plan, None)


def _refuse_other(directory: Path, stored: Manifest, wanted: Manifest) -> None:
    """Raise InputError if two manifests are of different ensembles, and name the setting."""
    before, now = described(stored), described(wanted)
    for name, value in before.items():
        if value != now[name]:
            raise InputError(
                f"{directory} was made with {name} = {value}, not {now[name]}; "
                "resume with the settings of its manifest or name a new directory"
            )


def described(manifest: Manifest) -> dict[str, object]:
    """Everything that two directories of one ensemble, or two runs into one directory, have in common."""
    return {
        **manifest.settings.to_json(),
        "part": str(manifest.part),
        "raw outputs": "kept" if Content.OUTPUTS in manifest.digests else "not kept",
    }
