"""Ensembles joined: parts of one plan that were computed in several places, and experiments of different seeds.

Directories of equal settings give the union of their chunks. Directories whose settings differ in their seeds alone give
one ensemble with all experiments, ordered by seed: a result does not depend on the order of the sources. Every
file is verified on the way, and the result appears as a whole or not at all.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from feyn_nn import files
from feyn_nn.ensembles.directory import Store, described, refuse_too_many_chunks
from feyn_nn.ensembles.manifest import WHOLE, Manifest, chunk_name
from feyn_nn.ensembles.settings import Chunk, Run, SimulationSettings
from feyn_nn.errors import FeynError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge has written: the settings of the result, and how many of its chunks no source had."""

    settings: SimulationSettings
    missing: int


def merge(sources: Sequence[Path], directory: Path, *, progress: Callable[[int, int], object] | None = None) -> Merged:
    """Write the union of several ensemble directories to a new one; the sources stay as they are.

    Raises InputError where settings other than the seeds differ, where a chunk is damaged or differs between two
    sources, or for a directory that is not empty; LimitError for more than a million chunks; FeynError for a disk that fails.
    """
    if not sources:
        raise InputError("nothing to merge: name one or more directories")
    for source in sources:
        if directory.resolve().is_relative_to(source.resolve()):
            raise InputError(f"{directory} lies in {source}, which stays as it is; name another directory")
    stores = [Store.read(source) for source in sources]
    settings = _joined_settings(stores)
    refuse_too_many_chunks(settings.chunks, settings.chunk)
    total = sum(1 for store in stores for _ in store.finished())
    done = 0
    with _new_directory(directory) as place:
        manifest = Manifest(
            settings, WHOLE, {content: {} for content in stores[0].manifest.digests}, _provenance(stores)
        )
        for content in manifest.digests:
            (place / content).mkdir()
        target = Store(place, manifest)
        for store in stores:
            for chunk in store.finished():
                _copy(store, chunk, target, _renumbered(chunk, store.manifest.settings, settings))
                done += 1
                if progress is not None:
                    progress(done, total)
        manifest.write(place)
        missing = len(target.missing())
    return Merged(settings, missing)


def _joined_settings(stores: Sequence[Store]) -> SimulationSettings:
    first = stores[0]
    common, free = described(first.manifest), {"runs", "part"}
    experiments: dict[int, tuple[int, Path]] = {}
    for store in stores:
        for name, value in described(store.manifest).items():
            if name not in free and value != common[name]:
                raise InputError(
                    f"{first.directory} has {name} = {common[name]}, {store.directory} has {value}: "
                    "only ensembles that differ in their seeds alone can be merged"
                )
        for seed, count in store.manifest.settings.runs:
            before, where = experiments.setdefault(seed, (count, store.directory))
            if before != count:
                raise InputError(
                    f"seed {seed} has {before} experiments in {where} and {count} in {store.directory}: only ensembles that "
                    "differ in their seeds alone can be merged"
                )
    runs = tuple(Run(seed, count) for seed, (count, _) in sorted(experiments.items()))
    return replace(first.manifest.settings, runs=runs)


def _renumbered(chunk: Chunk, source: SimulationSettings, target: SimulationSettings) -> Chunk:
    """The same chunk in the numbering of all experiments."""
    seed, number = source.stream(chunk.experiment)
    before = sum(run.experiments for run in target.runs if run.seed < seed)
    return chunk._replace(experiment=before + number)


def _copy(store: Store, chunk: Chunk, target: Store, renamed: Chunk) -> None:
    for content, digests in target.manifest.digests.items():
        digest = store.manifest.digests[content][chunk_name(chunk)]
        present = digests.setdefault(chunk_name(renamed), digest)
        if present != digest:
            raise InputError(
                f"{store.path(chunk, content)} differs from the same chunk in another source: the two were computed in "
                "environments that round differently; leave one out, or compute it again with the other's"
            )
        store.load(chunk, content)
        shutil.copyfile(store.path(chunk, content), target.path(renamed, content))


def _provenance(stores: Sequence[Store]) -> list[dict[str, str]]:
    environments: list[dict[str, str]] = []
    for store in stores:
        environments += [entry for entry in store.manifest.provenance if entry not in environments]
    return environments


@contextmanager
def _new_directory(path: Path) -> Iterator[Path]:
    """Give a directory that becomes `path` on leaving, or vanishes on an exception."""
    if path.exists():
        files.claim_directory(path)  # refuses one that is not empty
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
    except OSError as problem:
        raise InputError(f"cannot create {path}: {problem.strerror}") from None
    try:
        yield place
        place.chmod(0o755)
        if hasattr(os, "sync"):
            os.sync()
        place.replace(path)
    except OSError as problem:
        shutil.rmtree(place, ignore_errors=True)
        raise FeynError(f"cannot write {path}: {problem.strerror}; make room and merge again") from None
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
