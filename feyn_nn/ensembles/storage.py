"""Ensembles on disk: a manifest and one file of statistics per chunk, resumable after any interruption.

    DIR/manifest.json            format, version, settings, plan, SHA-256 of each finished chunk, provenance
    DIR/chunks/e003-c00012.npy   statistics of chunk 12 of experiment 3 (float64, layout of `statistics`)

Everything is written atomically. A chunk counts as finished when the manifest has its checksum; the manifest
is brought up to date every few seconds and on every orderly end, so a killed run loses seconds. The sum over
chunks is taken in the order of the plan: a result does not depend on workers, order or resumption.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from feyn_nn import files
from feyn_nn.ensembles.ensemble import Ensemble, ensemble_from_settings
from feyn_nn.ensembles.execution import Progress, compute
from feyn_nn.ensembles.settings import Chunk, SimulationSettings
from feyn_nn.errors import FeynError, InputError

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

    from feyn_nn.arrays import FloatArray

FORMAT: Final = "feyn-nn ensemble"
VERSION: Final = 2
MANIFEST: Final = "manifest.json"

_SECONDS_BETWEEN_MANIFESTS: Final = 2.0


def run(
    settings: SimulationSettings,
    directory: Path | None = None,
    *,
    resume: bool = False,
    workers: int = 1,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Ensemble:
    """Simulate an ensemble, in memory or into `directory`, and return it.

    A missing or empty directory starts the run. With `resume`, an unfinished run of the same settings goes
    on, and chunks that are missing, damaged or unknown to the manifest are computed again. `progress` is
    called with (finished chunks, all chunks). Raises InputError for a directory that is in use without
    `resume`, that is not an ensemble, or whose settings differ; FeynError for a chunk that keeps failing.
    """
    if directory is None:
        return _run_in_memory(settings, workers, executor, progress)
    store = _Store.open(directory, settings) if resume else _Store.create(directory, settings)
    missing = store.missing()
    counter = _Counter(settings.chunks - len(missing), settings.chunks, progress)
    try:
        compute(settings, missing, store.keep, workers=workers, executor=executor, progress=counter)
    finally:
        store.write_manifest()
    return store.ensemble()


def load(directory: Path) -> Ensemble:
    """Load a finished ensemble; every checksum is verified.

    Raises InputError if the directory is not an ensemble, is unfinished, or holds a damaged chunk.
    """
    return _Store.read(directory).ensemble()


def load_settings(directory: Path) -> SimulationSettings:
    """Read the settings of an ensemble, finished or not; raise InputError if there is none."""
    return _Store.read(directory).settings


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

    def keep(self, chunk: Chunk, vector: FloatArray) -> None:
        """Take one chunk's statistics."""
        self._early[chunk] = vector
        while self._next is not None and self._next in self._early:
            with np.errstate(over="ignore", invalid="ignore"):  # refused when all is added up
                self.settings.layout.combine(self.totals[self._next.experiment], self._early.pop(self._next))
            self._next = next(self._plan, None)


def _run_in_memory(
    settings: SimulationSettings, workers: int, executor: Executor | None, progress: Progress | None
) -> Ensemble:
    totals = _Totals(settings)
    counter = _Counter(0, settings.chunks, progress)
    compute(settings, settings.plan(), totals.keep, workers=workers, executor=executor, progress=counter)
    return ensemble_from_settings(settings, totals.totals)


class _Store:
    """An ensemble directory and its manifest."""

    def __init__(
        self,
        directory: Path,
        settings: SimulationSettings,
        digests: dict[str, str],
        provenance: dict[str, Any],
    ) -> None:
        self.directory = directory
        self.settings = settings
        self.digests = digests
        self.provenance = provenance
        self._written = monotonic()

    @classmethod
    def create(cls, directory: Path, settings: SimulationSettings) -> _Store:
        """Start a new ensemble in a missing or empty directory."""
        settings.to_json()  # refuses an activation without a name before anything is created
        files.claim_directory(directory)
        store = cls(directory, settings, {}, {"feyn_nn": _package_version(), "numpy": np.__version__})
        store.write_manifest()
        (directory / "chunks").mkdir(exist_ok=True)
        return store

    @classmethod
    def open(cls, directory: Path, settings: SimulationSettings) -> _Store:
        """Go on with an ensemble of the same settings, or start one in a missing or empty directory."""
        if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
            return cls.create(directory, settings)
        store = cls.read(directory)
        stored, wanted = store.settings.to_json(), settings.to_json()
        for name, value in stored.items():
            if value != wanted[name]:
                raise InputError(
                    f"{directory} was made with {name} = {value}, not {wanted[name]}; "
                    "resume with the settings of its manifest or name a new directory"
                )
        chunks = directory / "chunks"
        chunks.mkdir(exist_ok=True)
        for leftover in chunks.glob(".e*-c*.npy.*.part"):  # of a run that was killed while writing
            leftover.unlink(missing_ok=True)
        plan = {_name(chunk): chunk for chunk in settings.plan()}
        store.digests = {
            name: digest
            for name, digest in store.digests.items()
            if name in plan and store._read(plan[name]) is not None
        }
        return store

    @classmethod
    def read(cls, directory: Path) -> _Store:
        """Read the manifest of `directory`."""
        path = directory / MANIFEST
        if not path.is_file():
            raise InputError(f"{directory} is not an ensemble: it has no {MANIFEST}; name a directory made by simulate")
        manifest = files.read_json(path)
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise InputError(f"{path} is not the manifest of an ensemble: expected format {FORMAT!r}")
        if manifest.get("version") != VERSION:
            raise InputError(
                f"{path} has schema version {manifest.get('version')!r}, this package reads {VERSION}; "
                "use the version of feyn-nn named under provenance"
            )
        settings = SimulationSettings.from_json(manifest.get("settings"), f"{path}, settings")
        digests, provenance = manifest.get("chunks"), manifest.get("provenance")
        if not isinstance(digests, dict) or not all(isinstance(digest, str) for digest in digests.values()):
            raise InputError(f"{path}, chunks: expected an object of SHA-256 digests by chunk name")
        return cls(directory, settings, digests, provenance if isinstance(provenance, dict) else {})

    def write_manifest(self) -> None:
        """Write what is finished."""
        settings = self.settings
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "settings": settings.to_json(),
            "plan": {
                "chunks_per_experiment": settings.chunks_per_experiment,
                "samples_in_last_chunk": settings.chunk_samples(settings.chunks_per_experiment - 1),
                "numbers_per_chunk": settings.layout.size,
            },
            "chunks": dict(sorted(self.digests.items())),
            "provenance": self.provenance,
        }
        self._write(self.directory / MANIFEST, files.json_text(manifest).encode())
        self._written = monotonic()

    def keep(self, chunk: Chunk, vector: FloatArray) -> None:
        """Write one chunk's statistics and note its checksum."""
        data = files.array_bytes(vector)
        self._write(self._path(chunk), data)
        self.digests[_name(chunk)] = files.sha256(data)
        if monotonic() - self._written > _SECONDS_BETWEEN_MANIFESTS:
            self.write_manifest()

    def missing(self) -> list[Chunk]:
        """Return the chunks that are not finished, in the order of the plan."""
        return [chunk for chunk in self.settings.plan() if _name(chunk) not in self.digests]

    def ensemble(self) -> Ensemble:
        """Add up all chunks, each verified against its checksum."""
        missing = self.missing()
        if missing:
            raise InputError(
                f"{self.directory} is unfinished: {len(missing)} of {self.settings.chunks} chunks "
                "are missing; continue it with --resume"
            )
        totals = _Totals(self.settings)
        for chunk in self.settings.plan():
            vector = self._read(chunk)
            if vector is None:
                raise InputError(
                    f"{self._path(chunk)} is missing or differs from its checksum in {MANIFEST}; "
                    "compute it again with --resume"
                )
            totals.keep(chunk, vector)
        return ensemble_from_settings(self.settings, totals.totals)

    def _read(self, chunk: Chunk) -> FloatArray | None:
        """Read the statistics of one chunk, None if its file is missing, damaged or not in the plan."""
        path = self._path(chunk)
        try:
            if files.sha256(path.read_bytes()) != self.digests[_name(chunk)]:
                return None
            vector = files.read_array(path)
        except (OSError, InputError):
            return None
        if vector.shape != (self.settings.layout.size,) or vector[0] != chunk.samples:
            return None
        return vector

    def _path(self, chunk: Chunk) -> Path:
        return self.directory / "chunks" / f"{_name(chunk)}.npy"

    def _write(self, path: Path, data: bytes) -> None:
        try:
            files.write_bytes(path, data)
        except OSError as problem:
            raise FeynError(f"cannot write {path}: {problem.strerror}; make room and continue with --resume") from None


def _name(chunk: Chunk) -> str:
    return f"e{chunk.experiment:03d}-c{chunk.chunk:05d}"


def _package_version() -> str:
    try:
        return version("feyn-nn")
    except PackageNotFoundError:
        return "unknown"
