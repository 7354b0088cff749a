"""Processes of feyn-nn as the tests see them from outside: started, looked at, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SECONDS = 60.0


def start(arguments: Sequence[str]) -> subprocess.Popen[str]:
    """Start feyn-nn in a process group of its own, which heeds Ctrl-C."""
    return subprocess.Popen(
        [sys.executable, "-m", "feyn_nn", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_heed_interrupts,  # noqa: PLW1509  (our threads hold no locks that it needs)
    )


def _heed_interrupts() -> None:
    """Shells let their background jobs ignore Ctrl-C, and that is inherited."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def workers(pid: int) -> list[int]:
    """The processes that `pid` has started with Python's `spawn`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if int(parent) == pid and b"spawn_main" in command:
            found.append(int(entry.name))
    return sorted(found)


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition: Callable[[], bool], seconds: float = SECONDS) -> bool:
    """Wait for a condition; False if it does not come about."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.005)
    return False


def chunks(directory: Path) -> int:
    """How many chunks an ensemble directory has on disk."""
    return len(list((directory / "chunks").glob("e*.npy")))


def end(running: subprocess.Popen[str]) -> None:
    """Make sure that nothing of a process group is left."""
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.communicate(timeout=SECONDS)
