"""The atlas on disk: built beside its place and swapped in whole, compared byte by byte, never in anybody's way.

The index lists the files that the atlas wrote. A directory with any other file in it, or without such an index, is
refused, and only listed files are ever removed.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from feyn_nn.atlas.chapters import DOCUMENTS, PICTURES
from feyn_nn.atlas.contents import INDEX, INDEX_SCHEMA
from feyn_nn.errors import InputError
from feyn_nn.files import read_json, write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def build_atlas(out: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` (see `atlas_files`) as the directory `out`, in place of an older atlas.

    Until everything is on disk the old atlas stays as it is. Raises InputError for a place that is not a directory, is
    not an atlas, holds foreign files, or cannot be written.
    """
    place = out.absolute() if not out.is_symlink() else out.resolve()
    owned = _owned_files(place)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.", suffix=".part"))
    except OSError as problem:
        raise InputError(f"cannot write beside {out}: {problem.strerror}") from None
    try:
        fresh, former = staging / "new", staging / "old"
        _write(fresh, files)
        _swap(fresh, place, former)
        _remove(former, owned)
    except OSError as problem:
        raise InputError(f"cannot write {out}: {problem.strerror}") from None
    finally:
        shutil.rmtree(staging / "new", ignore_errors=True)
        with suppress(OSError):  # not empty only if somebody put a file into the old atlas meanwhile: it stays there
            staging.rmdir()


def differences(out: Path, files: Mapping[str, bytes]) -> list[str]:
    """What differs between the directory and `files`: `missing`, `stale` or `foreign` with the path, sorted by path.

    Raises InputError if there is no directory to compare.
    """
    if not out.is_dir():
        raise InputError(f"there is no directory {out}; write the atlas with: feyn-nn atlas build --out {out}")
    present = _present(out)
    found = []
    for path in sorted({*files, *present}):
        if path not in files:
            found.append(f"foreign {path}")
        elif path not in present:
            found.append(f"missing {path}")
        elif not (out / path).is_file() or (out / path).read_bytes() != files[path]:
            found.append(f"stale {path}")
    return found


def _present(directory: Path) -> set[str]:
    """Everything in a directory but the two folders that the atlas keeps its files in, with slashes."""
    found = set()
    for path in directory.rglob("*"):
        name = path.relative_to(directory).as_posix()
        if name not in (PICTURES, DOCUMENTS) or path.is_symlink() or not path.is_dir():
            found.add(name)
    return found


def _owned_files(place: Path) -> set[str]:
    """The files of the atlas at `place`, none if there is nothing; raise InputError for anything else."""
    if not place.exists():
        return set()
    if not place.is_dir():
        raise InputError(f"{place} exists and is not a directory; name another one with --out")
    present = _present(place)
    if not present:
        return set()
    document = read_json(place / INDEX) if (place / INDEX).is_file() else None
    listed = document.get("files") if isinstance(document, dict) else None
    schema = document.get("schema") if isinstance(document, dict) else None
    if not str(schema).startswith(INDEX_SCHEMA.rsplit("/", 1)[0] + "/") or not isinstance(listed, list):
        raise InputError(
            f"{place} is not empty and not an atlas (its {INDEX} is missing or not the atlas's); nothing was changed, "
            "name another directory with --out"
        )
    owned = {name for name in listed if isinstance(name, str)}
    foreign = sorted(present - owned)
    if foreign:
        raise InputError(
            f"{place / foreign[0]} was not written by the atlas ({len(foreign)} such files); nothing was changed, "
            "move it elsewhere first"
        )
    return owned & present


def _write(directory: Path, files: Mapping[str, bytes]) -> None:
    for folder in (directory, directory / PICTURES, directory / DOCUMENTS):
        folder.mkdir(mode=0o755)
    for path, content in files.items():
        write_bytes(directory / path, content)


def _swap(fresh: Path, place: Path, former: Path) -> None:
    """Put `fresh` in the place of `place`, which becomes `former`; on failure `place` is what it was."""
    existed = place.exists()
    if existed:
        place.rename(former)
    try:
        fresh.rename(place)
    except BaseException:
        if existed:
            former.rename(place)
        raise


def _remove(directory: Path, owned: Iterable[str]) -> None:
    """Remove the listed files of the old atlas, and its folders if nothing else is in them."""
    if not directory.exists():
        return
    for path in owned:
        (directory / path).unlink(missing_ok=True)
    for folder in (directory / PICTURES, directory / DOCUMENTS, directory):
        if folder.exists():
            folder.rmdir()
