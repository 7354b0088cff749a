"""Worker processes killed at random: the run goes on, and ends with the bits of an undisturbed one."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from feyn_nn.ensembles import SimulationSettings, load, run
from feyn_nn.network import Architecture, import_activation
from tests.faults import processes
from tests.faults.jobs import fatal, slow_tanh

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from pathlib import Path

_CHUNKS_PER_KILL = 20


def killed_workers(count: int, seed: int, place: Path, how: Sequence[str]) -> list[str]:
    """Kill a worker process `count` times, each time after some progress; `how` are the options that start workers."""
    rng = random.Random(seed)
    slow = f"{slow_tanh.__module__}:{slow_tanh.__name__}"
    chunks = _CHUNKS_PER_KILL * (count + 1)
    running = processes.start(_command(slow, chunks, how, place / "killed"))
    kills = 0
    try:
        while kills < count and running.poll() is None:
            if not _progress(running, place / "killed"):
                return [f"no progress after kill {kills} of {count}, seed {seed}"]
            time.sleep(rng.uniform(0, 0.1))
            if alive := [pid for pid in processes.workers(running.pid) if processes.alive(pid)]:
                os.kill(rng.choice(alive), signal.SIGKILL)
                kills += 1
        _, error = running.communicate(timeout=processes.SECONDS)
    finally:
        processes.end(running)
    if kills < count or running.returncode != 0:
        return [f"the run ended with {running.returncode} after {kills} of {count} kills, seed {seed}: {error}"]
    import_activation(slow)
    found, expected = load(place / "killed"), run(_settings("numpy:tanh", chunks))
    if any(found.values[n].tobytes() != expected.values[n].tobytes() for n in expected.values):
        return [f"after {kills} kills, seed {seed}, the statistics are others"]
    return [] if found.total_nets == expected.total_nets else [f"after {kills} kills, seed {seed}, networks are lost"]


def _progress(running: subprocess.Popen[str], directory: Path) -> bool:
    """Wait for another chunk, or for the end of the run."""
    before = processes.chunks(directory)
    return processes.until(lambda: processes.chunks(directory) > before or running.poll() is not None)


def deadly_chunk(place: Path, how: Sequence[str]) -> list[str]:
    """The only chunk of a run kills every worker it meets: it is named, and the run ends."""
    running = processes.start(_command(f"{fatal.__module__}:{fatal.__name__}", 1, how, place / "deadly"))
    try:
        _, error = running.communicate(timeout=2 * processes.SECONDS)
    finally:
        processes.end(running)
    named = "chunk 0 of experiment 0" in error and error.count("\n") == 1
    return [] if running.returncode == 1 and named else [f"ended with {running.returncode}: {error}"]


def _command(net: str, chunks: int, how: Sequence[str], directory: Path) -> list[str]:
    settings = _settings("numpy:tanh", chunks)
    numbers = {
        "--width": settings.width,
        "--nets": settings.nets,
        "--chunk": settings.chunk,
        "--experiments": settings.experiments,
        "--seed": settings.runs[0].seed,
    }
    options = [str(part) for option in numbers.items() for part in option]
    return ["simulate", net, "--inputs=-1,1", *options, *how, "--out", str(directory)]


def _settings(net: str, chunks: int) -> SimulationSettings:
    tanh = Architecture(import_activation(net))
    return replace(SimulationSettings.make(tanh, [-1.0, 1.0], 3, 10 * chunks, 1, 4, chunk=10))
