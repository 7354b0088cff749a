"""An ensemble directory: what is stored, what is missing, and the sum of it all.

Files are written atomically and verified whenever they are read; layout and manifest: see `storage` and `manifest`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn import files
from feyn_nn.ensembles.ensemble import Ensemble, ensemble_from_settings
from feyn_nn.ensembles.manifest import (
    JOURNAL,
    MANIFEST,
    WHOLE,
    Content,
    Digests,
    Journal,
    Manifest,
    chunk_name,
    environment,
    write,
)
from feyn_nn.errors import FeynError, InputError, LimitError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles.settings import Chunk, SimulationSettings
    from feyn_nn.ensembles.simulation import ChunkResult

MAX_CHUNKS: Final = 1_000_000
LEFTOVERS: Final = ".*.part"
"""Names of files that a killed process was writing."""


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
        _remove_leftovers(directory)
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
            _remove_leftovers(folder)
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
        totals = Totals(settings)
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


class Totals:
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


def refuse_too_many_chunks(chunks: int, samples: int) -> None:
    """Raise LimitError for more chunks than one directory should hold."""
    if chunks > MAX_CHUNKS:
        raise LimitError(
            f"{chunks} chunks of {samples} samples are more files than {MAX_CHUNKS}; use larger chunks (--chunk), or parts "
            "(--part I/K)"
        )


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


def _remove_leftovers(folder: Path) -> None:
    for leftover in folder.glob(LEFTOVERS):
        with suppress(OSError):  # harmless where it stays
            leftover.unlink()
