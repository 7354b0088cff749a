"""A run killed at each of its file operations in turn, and its resumption at a random one of them.

`python -m tests.faults.crash_points DIR [--careless]` prints what went wrong, one line each, and how many moments there
were. With --careless files are written in place, in two steps: the control, which must go wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
from pathlib import Path
from typing import Final

from feyn_nn import files
from feyn_nn.ensembles import run
from tests.faults.jobs import TINY, content

_OPERATIONS: Final = {"open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "os.rmdir", "os.truncate"}
"""Audit events; each comes before the operation that it announces."""


def main() -> int:
    """Go through all moments; 1 if anything went wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("place", type=Path)
    parser.add_argument("--careless", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.careless:
        files.write_bytes = _write_carelessly
    place: Path = options.place
    rng = random.Random(options.seed)
    _in_a_child(place / "undisturbed", None)
    expected = content(place / "undisturbed")
    problems, moment, last = [], 0, False
    while not last:
        moment += 1
        directory = place / f"killed{moment}"
        last = _in_a_child(directory, moment) != -signal.SIGKILL
        again = rng.randint(1, moment)
        _in_a_child(directory, again)
        code = _in_a_child(directory, None)
        if code != 0 or content(directory) != expected:
            problems.append(f"killed at operation {moment}, again at {again}: the resumed run ended with {code}")
    sys.stdout.write("\n".join([*problems, f"{moment} moments"]) + "\n")
    return 1 if problems else 0


def _in_a_child(directory: Path, moment: int | None) -> int:
    """Run and resume in a forked process that dies at its file operation number `moment`; its exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if moment is not None:
                _die_at(moment, str(directory))
            run(TINY, directory, resume=True, keep_outputs=True)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _die_at(moment: int, place: str) -> None:
    count = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        if event in _OPERATIONS and any(str(argument).startswith(place) for argument in arguments):
            if event == "open" and arguments[1] == "r":
                return
            count += 1
            if count == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _write_carelessly(path: Path, data: bytes) -> None:
    for mode, half in (("wb", data[: len(data) // 2]), ("ab", data[len(data) // 2 :])):
        with path.open(mode) as stream:
            stream.write(half)


if __name__ == "__main__":
    sys.exit(main())
