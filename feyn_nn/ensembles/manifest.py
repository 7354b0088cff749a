"""What an ensemble directory says of itself: a manifest, and the journal of the run in progress.

    DIR/manifest.json    format, version, settings, plan, part, SHA-256 of every file, provenance, checksum of all these
    DIR/journal.sha256   SHA-256 of the files finished since the manifest was written, as `sha256sum --check` reads it

The manifest is written when a run starts and at its orderly end. In between a finished chunk costs one line at the end of
the journal, however many chunks there are, and a killed run loses nothing that it had finished. A line that a kill has
torn does not match and is no line: its chunk is computed again.
"""

from __future__ import annotations

import os
import platform
import re
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from feyn_nn import files
from feyn_nn.ensembles.settings import Chunk, SimulationSettings
from feyn_nn.errors import FeynError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT: Final = "feyn-nn ensemble"
VERSION: Final = 2
MANIFEST: Final = "manifest.json"
JOURNAL: Final = "journal.sha256"


class Content(StrEnum):
    """What is stored of a chunk; the value is the name of the folder, and of the manifest's entry."""

    STATISTICS = "chunks"
    OUTPUTS = "outputs"


Digests: TypeAlias = dict[Content, dict[str, str]]
"""SHA-256 by name of the chunk, for each kind of content that is kept."""

_LINE: Final = re.compile(rf"([0-9a-f]{{64}})  ({'|'.join(Content)})/(e\d{{3,}}-c\d{{5,}})\.npy")


@dataclass(frozen=True, slots=True)
class Part:
    """Part `number` of `of` contiguous parts of a plan, whose sizes differ by one chunk at most."""

    number: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        for value in (self.number, self.of):
            if type(value) is not int:
                raise InputError(f"part {self.number!r}/{self.of!r}: expected two integers")
        if not 1 <= self.number <= self.of:
            raise InputError(f"part {self}: expected I/K with I from 1 to K")

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def places(self, settings: SimulationSettings) -> range:
        """Places of the part's chunks in the plan."""
        return range((self.number - 1) * settings.chunks // self.of, self.number * settings.chunks // self.of)

    def plan(self, settings: SimulationSettings) -> Iterator[Chunk]:
        """Yield the part's chunks in the order of the plan."""
        for place in self.places(settings):
            experiment, chunk = divmod(place, settings.chunks_per_experiment)
            yield Chunk(experiment, chunk, settings.chunk_samples(chunk))


WHOLE: Final = Part()


@dataclass(frozen=True, slots=True, eq=False)
class Manifest:
    """The contents of a manifest: `digests` has a key for every kind of content that is kept.

    `provenance` lists the environments in which chunks were computed: versions and the kind of machine.
    """

    settings: SimulationSettings
    part: Part
    digests: Digests
    provenance: list[dict[str, str]] = field(default_factory=list)

    def write(self, directory: Path) -> None:
        """Write the manifest, then drop the journal, whose lines it contains."""
        write(directory / MANIFEST, files.json_text(_sealed(self._to_json())).encode())
        with suppress(OSError):  # a journal that stays says nothing that the manifest does not
            (directory / JOURNAL).unlink()

    def _to_json(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "format": FORMAT,
            "version": VERSION,
            "settings": settings.to_json(),
            "plan": {
                "chunks_per_experiment": settings.chunks_per_experiment,
                "samples_in_last_chunk": settings.chunk_samples(settings.chunks_per_experiment - 1),
                "numbers_per_chunk": settings.layout.size,
            },
            "part": {"number": self.part.number, "of": self.part.of},
            **{
                content.value: dict(sorted(self.digests[content].items())) if content in self.digests else None
                for content in Content
            },
            "provenance": self.provenance,
        }

    @classmethod
    def read(cls, directory: Path) -> Manifest:
        """Read the manifest of `directory` and its journal; raise InputError where there is none, or a damaged one."""
        path = directory / MANIFEST
        if not path.is_file():
            raise InputError(f"{directory} is not an ensemble: it has no {MANIFEST}; name a directory made by simulate")
        finished = list(_journal(directory / JOURNAL))  # first: a run that ends now moves it into the manifest
        manifest = files.read_json(path)
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise InputError(f"{path} is not the manifest of an ensemble: expected format {FORMAT!r}")
        if manifest.get("version") != VERSION:
            raise InputError(
                f"{path} has schema version {manifest.get('version')!r}, this package reads {VERSION}; "
                "use the version of feyn-nn named under provenance"
            )
        if not _is_sealed(manifest):
            raise InputError(
                f"{path} differs from its own checksum: it was damaged or edited; restore it, or simulate into a new directory"
            )
        settings = SimulationSettings.from_json(manifest.get("settings"), f"{path}, settings")
        part = manifest.get("part")
        if not isinstance(part, dict) or set(part) != {"number", "of"}:
            raise InputError(f"{path}, part: expected an object with the keys number and of")
        digests = {
            content: _digests(manifest.get(content.value), f"{path}, {content.value}")
            for content in Content
            if content is Content.STATISTICS or manifest.get(content.value) is not None
        }
        for digest, content, name in finished:
            if content in digests:
                digests[content][name] = digest
        return cls(settings, Part(**part), digests, _environments(manifest.get("provenance"), f"{path}, provenance"))


class Journal:
    """Appends to the journal of a directory, which exists from the first line on."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / JOURNAL
        self._handle: int | None = None

    def add(self, name: str, digests: dict[Content, str]) -> None:
        """Note that all files of a chunk are on disk."""
        lines = "".join(f"{digest}  {content.value}/{name}.npy\n" for content, digest in digests.items())
        try:
            if self._handle is None:
                self._handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            written = os.write(self._handle, lines.encode())
        except OSError as problem:
            raise unwritable(self._path, problem) from None
        if written < len(lines):
            raise unwritable(self._path, OSError(0, "the disk took only a part of a line"))

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def write(path: Path, data: bytes) -> None:
    """Write atomically; raise FeynError where the disk is full or refuses."""
    try:
        files.write_bytes(path, data)
    except OSError as problem:
        raise unwritable(path, problem) from None


def unwritable(path: Path, problem: OSError) -> FeynError:
    """The error of a write that failed."""
    return FeynError(f"cannot write {path}: {problem.strerror}; make room and continue with --resume")


def chunk_name(chunk: Chunk) -> str:
    """The name of a chunk in the manifest and, with `.npy`, of its files."""
    return f"e{chunk.experiment:03d}-c{chunk.chunk:05d}"


def environment() -> dict[str, str]:
    """What computes chunks here: bits may differ from one environment to another."""
    try:
        package = version("feyn-nn")
    except PackageNotFoundError:
        package = "unknown"
    return {
        "feyn_nn": package,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with the checksum of all its other entries."""
    rest = {key: value for key, value in manifest.items() if key != "checksum"}
    return {**rest, "checksum": files.sha256(files.json_text(rest).encode())}


def _is_sealed(manifest: dict[str, Any]) -> bool:
    try:
        return bool(manifest.get("checksum") == _sealed(manifest)["checksum"])
    except (ValueError, RecursionError):  # numbers and depths that json reads, and refuses to write
        return False


def _journal(path: Path) -> Iterator[tuple[str, Content, str]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    except OSError as problem:
        raise InputError(f"cannot read {path}: {problem.strerror}") from None
    for line in text.split("\n"):
        if found := _LINE.fullmatch(line):
            digest, content, name = found.groups()
            yield digest, Content(content), name


def _digests(value: object, place: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(digest, str) for digest in value.values()):
        raise InputError(f"{place}: expected an object of SHA-256 digests by chunk name")
    return dict(value)


def _environments(value: object, place: str) -> list[dict[str, str]]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise InputError(f"{place}: expected a list of objects")
    return value
