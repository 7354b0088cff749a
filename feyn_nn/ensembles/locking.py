"""One writer per directory, by a lock that the kernel drops when its holder dies: a killed run leaves nothing to clear up.

The lock is BSD's `flock` on a file that is removed on an orderly end. A file that stays behind after a kill is locked by
nobody. Where the platform or the file system has no such locks, nothing is locked.
"""

from __future__ import annotations

import os
import platform
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from feyn_nn.errors import FeynError, InputError

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK: Final = ".lock"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the lock of an existing directory; raise InputError if another process holds it."""
    path = directory / LOCK
    handle = _acquire(path)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(handle)


def _acquire(path: Path) -> int:
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as problem:
            raise FeynError(
                f"cannot write {path}: {problem.strerror}; make {path.parent} writable, or make room"
            ) from None
        if not _lock(handle):
            with os.fdopen(handle, encoding="utf-8", errors="replace") as stream:
                holder = stream.read(200).strip() or "another process"
            raise InputError(f"{path.parent} is in use by {holder}; wait for its end, or name another directory")
        if _still_named(handle, path):
            with suppress(OSError):  # the text is a courtesy: the lock does not depend on it
                os.ftruncate(handle, 0)
                os.write(handle, f"process {os.getpid()} on {platform.node()}".encode())
            return handle
        os.close(handle)  # the last holder removed the file after we had opened it


def _lock(handle: int) -> bool:
    """Try to lock an open file; False if somebody else holds it."""
    if sys.platform != "win32":
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            return True
    return True


def _still_named(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
