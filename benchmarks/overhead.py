"""Measures what a chunk costs beside its numbers: tasks, files, manifest, traffic, memory; writes `overhead.md`.

python benchmarks/overhead.py [--tasks 1000] [--repetitions 3] [--output FILE]
"""

from __future__ import annotations

import argparse
import os
import pickle
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from feyn_nn.ensembles import (
    Part,
    Record,
    SimulationSettings,
    Workers,
    local_cluster,
    processes,
    run,
    simulate_chunk,
    threads,
)
from feyn_nn.ensembles.manifest import Content, Journal, Manifest, chunk_name
from feyn_nn.files import array_bytes, sha256
from feyn_nn.network import PRESETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

HERE: Final = Path(__file__).resolve().parent
ERF: Final = PRESETS["erf"]
EMPTY: Final = SimulationSettings.make(ERF.architecture(), [1.0], 1, 1, 1, 0, chunk=1)
"""A chunk of one network at one input: nearly all of its time is overhead."""
TALK: Final = SimulationSettings.make(ERF.architecture(), ERF.points(), 100, 10**6, 10, 0)
WORKERS: Final = 2
MANIFESTS: Final = (1_000, 10_000, 100_000, 1_000_000)


@contextmanager
def started(workers: AbstractContextManager[Workers]) -> Iterator[Workers]:
    """Workers that have computed something already: the start of their processes is not part of a task."""
    with workers as found:
        run(replace(EMPTY, nets=100), executor=found.executor, workers=found.number)
        yield found


def lent(workers: int) -> AbstractContextManager[Workers]:
    """Processes that stay from one run to the next."""

    @contextmanager
    def pool() -> Iterator[Workers]:
        with processes(workers)() as executor:
            yield Workers(executor, workers)

    return pool()


def tasks(count: int, repetitions: int) -> Iterator[str]:
    """Milliseconds per chunk: wall time, processor time of the process that submits, wall time with files."""
    settings = replace(EMPTY, nets=count)
    begun = time.perf_counter()
    for chunk in range(count):
        simulate_chunk(settings, 0, chunk)
    alone = (time.perf_counter() - begun) / count
    yield f"| the chunk alone, one after another | {1e3 * alone:.2f} | {1e3 * alone:.2f} | |"
    ways: dict[str, AbstractContextManager[Workers]] = {
        "1 thread": nullcontext(Workers(threads(1), 1)),
        "2 threads": nullcontext(Workers(threads(WORKERS), WORKERS)),
        "2 processes": lent(WORKERS),
        "Dask, 2 processes and the scheduler on this machine": local_cluster(WORKERS),
    }
    for name, workers in ways.items():
        with started(workers) as found, tempfile.TemporaryDirectory() as place:
            best = [float("inf")] * 3
            for repetition in range(repetitions):
                for column, directory in ((0, None), (2, Path(place) / str(repetition))):
                    begun, used = time.perf_counter(), time.process_time()
                    run(settings, directory, executor=found.executor, workers=found.number)
                    best[column] = min(best[column], (time.perf_counter() - begun) / count)
                    if directory is None:
                        best[1] = min(best[1], (time.process_time() - used) / count)
        yield f"| {name} | {' | '.join(f'{1e3 * seconds:.2f}' for seconds in best)} |"


def manifests() -> Iterator[str]:
    """Size and time of a manifest against the number of chunks, and of a line of the journal."""
    for count in MANIFESTS:
        settings = replace(EMPTY, nets=count)
        digests = {chunk_name(chunk): sha256(str(chunk).encode()) for chunk in Part().plan(settings)}
        manifest = Manifest(settings, Part(), {Content.STATISTICS: digests})
        with tempfile.TemporaryDirectory() as text:
            place = Path(text)
            journal = Journal(place)
            lines = min(count, 10_000)
            adding = seconds(partial(_add, journal, digests, lines))
            journal.close()
            writing = seconds(partial(manifest.write, place))
            reading = seconds(partial(Manifest.read, place))
            size = (place / "manifest.json").stat().st_size
        yield f"| {count:,} | {size / 1e6:.2f} | {writing:.3f} | {reading:.3f} | {1e6 * adding / lines:.1f} |"


def _add(journal: Journal, digests: dict[str, str], lines: int) -> None:
    for name, digest in islice(digests.items(), lines):
        journal.add(name, {Content.STATISTICS: digest})


def traffic() -> Iterator[str]:
    """Bytes that a task sends and brings back."""
    for record in (Record.CONDITIONAL, Record.OUTPUTS, Record.NEURONS):
        width = TALK.width if record.of_networks else None
        settings = replace(TALK, record=record, width=width, nets=100, chunk=100)
        vector = simulate_chunk(settings, 0, 0).vector
        out = len(pickle.dumps((simulate_chunk, settings, 0, 0)))
        yield f"| {record.value} | {out:,} | {len(pickle.dumps(vector)):,} | {len(array_bytes(vector)):,} |"


_MEMORY: Final = """
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.overhead import TALK
from benchmarks.peak_memory import peak
from feyn_nn.ensembles import run

before = peak()
with tempfile.TemporaryDirectory() as place:
    settings = replace(TALK, nets=3 * {chunk}, runs=TALK.runs[:1], chunk={chunk})
    run(settings, Path(place) / "run", keep_outputs={raw}, workers=2)
print(peak() - before)
"""


def memory() -> Iterator[str]:
    """Most memory held, in MB above that of the imports, for chunks of two sizes."""
    for chunk in (TALK.chunk, 10 * TALK.chunk):
        for name, raw in (("statistics", "False"), ("and raw outputs", "True")):
            code = _MEMORY.format(chunk=chunk, raw=raw)
            command = [sys.executable, "-c", code]
            found = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE.parent)  # noqa: S603
            yield f"| {chunk:,} | {name} | {float(found.stdout):.0f} |"


def seconds(task: Callable[[], object]) -> float:
    """Wall time of a call."""
    begun = time.perf_counter()
    task()
    return time.perf_counter() - begun


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--output", type=Path, default=HERE / "overhead.md")
    options = parser.parse_args()
    tables = {
        "A task\n\nMilliseconds for a chunk of one network at one input.\n\n"
        "| workers | in memory | processor time of the submitting process | with a file each |\n"
        "|---|--:|--:|--:|": tasks(options.tasks, options.repetitions),
        "The manifest\n\n"
        "| chunks | MB | seconds to write | to read | µs for a line of the journal |\n"
        "|--:|--:|--:|--:|--:|": manifests(),
        "Traffic\n\nBytes of a task at six inputs.\n\n"
        "| record | what goes out | what comes back | its file |\n"
        "|---|--:|--:|--:|": traffic(),
        "Memory\n\nErf-net of width 100 at six inputs, conditional kernels, two threads, MB above the imports.\n\n"
        "| networks in a chunk | what is kept | MB |\n"
        "|--:|---|--:|": memory(),
    }
    busy = os.getloadavg()[0]
    lines = [
        "# What a chunk costs",
        "",
        "Written by `overhead.py`: what a chunk costs beside its numbers. What follows from it for a large run stands in",
        "[docs/ensembles.md](../docs/ensembles.md).",
        "",
    ]
    for heading, rows in tables.items():
        lines += [*f"## {heading}".splitlines()]
        for row in rows:
            lines.append(row)
            sys.stderr.write(f"{row}\n")
        lines.append("")
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "distributed"))
    lines.append(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}, "
        f"{options.tasks} tasks, best of {options.repetitions}; load average at the start {busy:.1f}: wall times are longer "
        "on a busy machine, processor times are not."
    )
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
