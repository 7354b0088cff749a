"""Every fault at full counts; 1 if a wrong number came out anywhere, or an error that does not say what to do."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.damage import damage
from tests.faults.disks import failing_writes, full_disk
from tests.faults.killed_runs import killed_runs
from tests.faults.killed_workers import deadly_chunk, killed_workers

if TYPE_CHECKING:
    from collections.abc import Callable

PROCESSES = ["--processes", "--workers", "2"]
DASK = ["--dask", "local", "--workers", "2"]


def crash_points(place: Path) -> list[str]:
    """A run killed at each of its file operations, in a process that can fork."""
    command = [sys.executable, "-m", "tests.faults.crash_points", str(place)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    return [] if finished.returncode == 0 else [*finished.stdout.splitlines(), finished.stderr]


def main() -> int:
    """Run what is asked for and report it line by line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="runs that are killed (default 200)")
    parser.add_argument("--workers", type=int, default=50, help="workers that are killed, each way (default 50)")
    parser.add_argument("--damages", type=int, default=3000, help="files that are damaged (default 3000)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    runs, workers, damages, seed = options.runs, options.workers, options.damages, options.seed
    tasks: dict[str, Callable[[Path], list[str]]] = {
        f"{runs} runs killed at random moments": lambda place: killed_runs(runs, seed, place),
        "a run killed at each of its file operations": crash_points,
        f"{damages} damaged files": lambda place: damage(damages, seed, place),
        "each write failing in turn": failing_writes,
        "a full disk": full_disk,
        f"{workers} killed workers, processes": lambda place: killed_workers(workers, seed, place, PROCESSES),
        f"{workers} killed workers, Dask": lambda place: killed_workers(workers, seed, place, DASK),
        "a chunk that kills its workers, processes": lambda place: deadly_chunk(place, PROCESSES),
        "a chunk that kills its workers, Dask": lambda place: deadly_chunk(place, DASK),
    }
    failed = False
    for name, task in tasks.items():
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as place:
            problems = task(Path(place))
        print(f"{'failed' if problems else 'passed'}: {name} ({time.monotonic() - begun:.0f} s)", flush=True)
        for problem in problems:
            print(f"  {problem}", flush=True)
        failed = failed or bool(problems)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
