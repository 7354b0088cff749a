"""What the parts of `ensembles.py` share: how long drawing takes, in turn and in threads, and how a goal is told."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from statistics import median
from typing import TYPE_CHECKING, Final, TypeAlias, final

import numpy as np

from feyn_nn.ensembles import Engine, Record, SimulationSettings, simulation
from feyn_nn.network import PRESETS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from feyn_nn.arrays import FloatArray

WIDTHS: Final = (10, 100, 1000)
POINTS: Final = 6
CORES: Final = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
COMPILED: Final = find_spec("numba") is not None and find_spec("feyn_nn.ensembles.compiled") is not None
ENGINES: Final = tuple(engine for engine in Engine if COMPILED or engine is Engine.NUMPY)
LARGEST_DEVIATION: Final = 5.0
"""In standard deviations: beyond it two tools do not draw the same networks."""


@final
@dataclass(frozen=True)
class Effort:
    """How much is measured: repetitions, neurons per timing, and what part of the talk's experiment."""

    repetitions: int
    neurons: int
    experiments: int
    networks: int
    talk: dict[Engine, int]
    memory: tuple[int, ...]


FULL: Final = Effort(5, 2**24, 100, 20_000, {Engine.NUMPY: 200, Engine.FAST32: 50}, (10**5, 10**6))
QUICK: Final = Effort(1, 2**22, 40, 5_000, {Engine.NUMPY: 5000, Engine.FAST32: 1000}, (10**4,))


@final
@dataclass(frozen=True)
class Goal:
    """What was asked for, what was measured, and whether that is enough."""

    text: str
    measured: str
    met: bool


Part: TypeAlias = tuple[list[str], list[Goal]]
"""Lines of Markdown, and what they say about the goals."""


def drawing(engine: Engine, net: str, width: int, neurons: int, threads: int = CORES) -> float:
    """Wall time per neuron, in ns, to draw outputs in chunks, as `simulate_chunk` does, but without sums."""
    settings = output_settings(engine, net, width, neurons, threads)

    def draw(thread: int) -> None:
        for chunk in range(thread, settings.chunks, threads):
            draw_outputs(settings, chunk)

    return 1e9 * seconds_in_threads(draw, threads) / (settings.nets * width)


def output_settings(engine: Engine, net: str, width: int, neurons: int, threads: int) -> SimulationSettings:
    """Networks with so many neurons in all, in chunks of about the usual size that share out evenly."""
    talk = PRESETS[net]
    make = partial(
        SimulationSettings.make, talk.architecture(), talk.points(), width, record=Record.OUTPUTS, engine=engine
    )
    usual = make(10**9, 1, 1).chunk
    parts = threads * max(1, round(neurons / width / usual / threads))
    chunk = max(1, neurons // width // parts)
    return make(parts * chunk, 1, 1, chunk)


def draw_outputs(settings: SimulationSettings, chunk: int) -> FloatArray:
    """Outputs of one chunk, shape (points, networks)."""
    sequence = np.random.SeedSequence(settings.runs[0].seed, spawn_key=(0, chunk))
    outputs = np.empty((POINTS, settings.chunk_samples(chunk), 1))
    simulation.network_sampler(settings, sequence).draw_networks(outputs, None, None)
    return outputs[:, :, 0]


def in_turn(ways: dict[str, Callable[[], float]], repetitions: int) -> dict[str, float]:
    """Medians of what each way says, all of them in turn, every second time backwards."""
    found: dict[str, list[float]] = {way: [] for way in ways}
    for repetition in range(repetitions):
        for way in list(ways)[:: -1 if repetition % 2 else 1]:
            found[way].append(ways[way]())
    return {way: median(values) for way, values in found.items()}


def seconds_in_threads(work: Callable[[int], None], threads: int) -> float:
    """Wall time of work(0), work(1), ..., each in a thread of its own."""
    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        list(pool.map(work, range(threads)))
        return time.perf_counter() - start


def nanoseconds(functions: Sequence[Callable[[], None]], items: int, least: int) -> float:
    """Time per item and core, in ns, of functions that run at once, one in each thread, for `least` items or more."""
    calls = max(2, least // items)

    def repeat(thread: int) -> None:
        for _ in range(calls):
            functions[thread]()

    return 1e9 * seconds_in_threads(repeat, len(functions)) / (calls * items)


def between(values: Sequence[float], digits: int) -> str:
    """The least and the greatest."""
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


def name(engine: Engine) -> str:
    """An engine in words."""
    return {Engine.NUMPY: "NumPy", Engine.FAST32: "fast float32", Engine.FAST64: "fast float64"}[engine]
