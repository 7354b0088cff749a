"""kill -9 at random moments of a `feyn-nn simulate` process; --resume must end with the bits of an undisturbed run."""

from __future__ import annotations

import random
import time
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Final

from feyn_nn.cli import main
from tests.faults import processes
from tests.faults.jobs import content

if TYPE_CHECKING:
    from pathlib import Path

_COMMAND: Final = [
    "simulate",
    "erf",
    *("--inputs=-1,1", "--width", "3", "--nets", "1600", "--chunk", "40", "--experiments", "3", "--seed", "2"),
    *("--workers", "2", "--resume"),
]
"""120 chunks, which take about half as long as the start of the process."""


def killed_runs(count: int, seed: int, place: Path, *, finished: float = 1.0) -> list[str]:
    """Kill `count` times and return what went wrong.

    After a kill the run is resumed to its end with probability `finished` and compared, else it is resumed to be killed
    again.
    """
    rng = random.Random(seed)
    begun = time.monotonic()
    running = processes.start([*_COMMAND, "--out", str(place / "undisturbed")])
    processes.until((place / "undisturbed" / "manifest.json").exists)
    first = time.monotonic() - begun
    _, error = running.communicate(timeout=processes.SECONDS)
    last = time.monotonic() - begun
    if running.returncode != 0:
        return [f"undisturbed run: {error}"]
    expected = content(place / "undisturbed")
    problems = []
    directory, kills = place / "killed0", 0
    while kills < count:
        running = processes.start([*_COMMAND, "--out", str(directory)])
        time.sleep(rng.uniform(0.9 * first, last))
        if running.poll() is None:
            kills += 1
        processes.end(running)
        if running.returncode > 0:
            problems.append(f"kill {kills}, seed {seed}: the run ended with {running.returncode}")
        if running.returncode == 0 or kills == count or rng.random() < finished:
            with redirect_stdout(StringIO()):
                code = main([*_COMMAND, "--out", str(directory)])
            if code != 0 or content(directory) != expected:
                problems.append(
                    f"kill {kills}, seed {seed}: --resume ended with {code}, and other files than undisturbed"
                )
            directory = place / f"killed{kills}"
    return problems
