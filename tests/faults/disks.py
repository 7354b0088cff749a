"""Disks that are full or fail: one sentence, and after that --resume ends with the bits of an undisturbed run."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from feyn_nn.ensembles import load, run
from feyn_nn.errors import FeynError, InputError
from tests.faults import processes
from tests.faults.jobs import COMMAND, JOB, TINY, bits, content

if TYPE_CHECKING:
    from collections.abc import Callable

_CALLS: Final[list[tuple[Any, str]]] = [
    (os, "fsync"),
    (os, "write"),
    (os, "open"),
    (Path, "replace"),
    (Path, "mkdir"),
    (tempfile, "mkstemp"),
]
_ERRORS: Final = (errno.ENOSPC, errno.EIO, errno.EACCES)


def failing_writes(place: Path, every: int = 1) -> list[str]:
    """Let each operation of a small run fail in turn, or one in `every`, for good, and return what went wrong."""
    run(TINY, place / "undisturbed", keep_outputs=True)
    expected = content(place / "undisturbed")
    problems = []
    for owner, name in _CALLS:
        for number in range(1, 100, every):
            error = _ERRORS[number // every % len(_ERRORS)]
            directory = place / f"{name}{number}"
            calls = [0]
            message = ""
            with mock.patch.object(owner, name, _failing(getattr(owner, name), number, error, calls)):
                try:
                    run(TINY, directory, keep_outputs=True)
                except FeynError as problem:
                    message = str(problem)
            if calls[0] < number:
                break
            where = f"{name} number {number}, {errno.errorcode[error]}"
            if os.strerror(error) not in message or str(directory) not in message or "\n" in message:
                problems.append(f"{where}: said {message!r}")
            run(TINY, directory, resume=True, keep_outputs=True)
            if content(directory) != expected:
                problems.append(f"{where}: --resume gave other files")
    return problems


def _failing(function: Callable[..., Any], number: int, error: int, calls: list[int]) -> Callable[..., Any]:
    """A function that fails from call number `number` on, and counts them."""

    def call(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] >= number:
            raise OSError(error, os.strerror(error))
        return function(*args, **kwargs)

    return call


def full_disk(place: Path) -> list[str]:
    """Fill a real file system of 64 kB, give it more room, and resume; needs the right to mount one."""
    disk = place / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        return [f"not tried: {mounted.stderr.decode().strip()}"]
    try:
        return _filled(disk)
    finally:
        subprocess.run(["umount", disk], check=True)


def _filled(disk: Path) -> list[str]:
    problems = []
    arguments = [*COMMAND, "--resume", "--out", str(disk / "run")]
    for attempt in ("first", "second"):
        running = processes.start(arguments)
        _, error = running.communicate(timeout=processes.SECONDS)
        if running.returncode != 1 or "No space left on device" not in error or error.count("\n") != 1:
            problems.append(f"{attempt} attempt: ended with {running.returncode}: {error}")
        try:
            load(disk / "run")
            problems.append(f"{attempt} attempt: an ensemble was loaded")
        except InputError:
            pass
    subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
    running = processes.start(arguments)
    _, error = running.communicate(timeout=processes.SECONDS)
    if running.returncode != 0 or bits(load(disk / "run")) != bits(run(JOB)):
        problems.append(f"with more room: ended with {running.returncode}: {error}")
    return problems
