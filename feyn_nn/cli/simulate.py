"""`feyn-nn simulate NET --out DIR`: an ensemble of networks on disk."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from feyn_nn.cli import options as shared
from feyn_nn.cli.progress import progress
from feyn_nn.ensembles import (
    Engine,
    Part,
    Record,
    SimulationSettings,
    Workers,
    load_settings,
    local_cluster,
    processes,
    remote_cluster,
    resume,
    run_part,
    threads,
)
from feyn_nn.ensembles import run as simulate
from feyn_nn.errors import InputError, LimitError
from feyn_nn.network import PRESETS, TALK_EXPERIMENTS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor
    from pathlib import Path

    from feyn_nn.ensembles import Ensemble, ExecutorFactory
    from feyn_nn.network import Architecture

MAX_SECONDS: Final = 30 * 86400.0
LOCAL: Final = "local"
_SECONDS: Final = 8.0
"""Measured on 2 cores; the compiled engines are faster by a factor."""
_SECONDS_PER_NETWORK: Final = 0.7e-6
_SECONDS_PER_NEURON: Final = 0.04e-6
_SECONDS_PER_WEIGHT: Final = 0.006e-6
_SECONDS_PER_SAMPLE: Final = 0.4e-6

_OF_A_NEW_RUN: Final = {
    "experiments": TALK_EXPERIMENTS,
    "d_in": 1,
    "depth": 1,
    "d_out": 1,
    "record": Record.CONDITIONAL.value,
    "engine": Engine.NUMPY.value,
}
"""Defaults that `simulate` fills in late, to know what was given."""
_SETTINGS: Final = ("sigma_w", "sigma_b", "inputs", "width", "nets", "seed", "chunk", *_OF_A_NEW_RUN)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_network(
        parser,
        optional=True,
        nets="gauss, erf, relu, or module:function for an activation of your own, which takes and returns an array; left out "
        "with --resume: what the manifest of DIR says",
    )
    shared.add_layers(parser)
    shared.add_inputs(parser)
    add_run(parser)
    parser.add_argument(
        "--record",
        choices=[record.value for record in Record],
        help="products of outputs, these and of conditional kernels (default), or of single neurons, from the law or tilted",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="directory of the ensemble")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run in DIR")
    parser.add_argument("--raw", action="store_true", help="keep the outputs of every network too")
    parser.add_argument(
        "--part", metavar="I/K", help="compute the I-th of K parts only; feyn-nn merge joins the directories"
    )
    parser.set_defaults(**dict.fromkeys(_OF_A_NEW_RUN))


def add_run(parser: argparse.ArgumentParser) -> None:
    """What an ensemble consists of, and how it is run."""
    parser.add_argument("--width", type=int, metavar="N", help="neurons (default: relu 20, gauss 100, erf 5)")
    parser.add_argument("--nets", type=int, metavar="M", help="networks in each experiment (default: some 10 s in all)")
    parser.add_argument(
        "--experiments", type=int, default=TALK_EXPERIMENTS, metavar="E", help="independent experiments (default 10)"
    )
    parser.add_argument("--seed", type=int, help="seed of all random numbers (default 0)")
    parser.add_argument(
        "--chunk",
        type=int,
        metavar="C",
        help="networks in each task and file; numbers depend on it (default: some tenths of a second)",
    )
    parser.add_argument(
        "--engine",
        choices=[engine.value for engine in Engine],
        default=Engine.NUMPY.value,
        help="what draws the networks (default numpy; the others need the fast extra)",
    )
    parser.add_argument(
        "--workers", type=int, metavar="W", help="number of threads or processes (default: the cores available)"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--processes", action="store_true", help="processes in place of threads")
    where.add_argument(
        "--dask",
        metavar="ADDRESS|local",
        help="a Dask cluster in place of threads: its scheduler's address, or one of W processes on this machine",
    )
    parser.set_defaults(record=Record.CONDITIONAL.value, part=None)


def default_nets(architecture: Architecture, width: int | None, experiments: int) -> int:
    """Samples in each experiment that take some 10 s on 2 cores; a fixed function, not a measurement."""
    total = _SECONDS / seconds_per_sample(architecture, width)
    return max(100, int(float(f"{total / max(experiments, 1):.1e}")))


def seconds_per_sample(architecture: Architecture, width: int | None) -> float:
    """Rough time of a network, or of a single neuron where the width is None, on 2 cores."""
    if width is None:
        return _SECONDS_PER_SAMPLE
    weights = max(width, 1) * (architecture.d_out - 1) + (architecture.depth - 1) * max(width, 1) ** 2
    return _SECONDS_PER_NETWORK + _SECONDS_PER_NEURON * max(width, 1) + _SECONDS_PER_WEIGHT * weights


def settings_of(options: argparse.Namespace) -> SimulationSettings:
    """The settings that the options ask for."""
    architecture, points, record = (
        shared.simulated_architecture(options),
        shared.inputs(options),
        Record(options.record),
    )
    width = _width(options, record)
    nets = default_nets(architecture, width, options.experiments) if options.nets is None else options.nets
    settings = SimulationSettings.make(
        architecture,
        points,
        width,
        nets,
        options.experiments,
        options.seed or 0,
        options.chunk,
        record=record,
        engine=Engine(options.engine),
    )
    if options.dask in {None, LOCAL}:
        _refuse_too_long(settings, options.part)
    return settings


def _width(options: argparse.Namespace, record: Record) -> int | None:
    if not record.of_networks or options.width is not None:
        return None if options.width is None else int(options.width)
    if options.net not in PRESETS:
        raise InputError(f"{options.net}: the talk has no width for it; give --width")
    return PRESETS[options.net].effective_width


def _refuse_too_long(settings: SimulationSettings, part: str | None) -> None:
    each = seconds_per_sample(settings.architecture, settings.width)
    seconds = settings.nets * settings.experiments * each / (1 if part is None else part_of(part).of)
    if seconds > MAX_SECONDS:
        what = "neurons" if settings.width is None else f"networks of width {settings.width}"
        raise LimitError(
            f"{settings.experiments} experiments of {settings.nets} {what} take some {seconds / 86400:.3g} days on "
            f"2 cores, more than {MAX_SECONDS / 86400:g}; lower --nets, --experiments or --width"
        )


def part_of(text: str) -> Part:
    """Read `I/K`."""
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if found is None:
        raise InputError(f"--part {text!r}: expected I/K with I from 1 to K")
    return Part(int(found[1]), int(found[2]))


def workers_of(options: argparse.Namespace) -> int:
    """Number of threads or processes: as asked, or the cores available."""
    workers = len(os.sched_getaffinity(0)) if options.workers is None else int(options.workers)
    if workers < 1:
        raise InputError(f"--workers {workers}: expected one or more")
    if options.workers is not None and options.dask not in {None, LOCAL}:
        raise InputError(f"--workers {workers}: the cluster at {options.dask} has its own; leave it out")
    return workers


@contextmanager
def _chosen_workers(options: argparse.Namespace) -> Iterator[Workers]:
    workers = workers_of(options)
    if options.dask is None:
        yield Workers(processes(workers) if options.processes else threads(workers), workers)
        return
    with local_cluster(workers) if options.dask == LOCAL else remote_cluster(options.dask) as cluster:
        yield cluster


def run_simulation(
    options: argparse.Namespace, settings: SimulationSettings, directory: Path | None, *, resume: bool = False
) -> Ensemble:
    """Simulate with a progress bar and the workers asked for."""
    with _chosen_workers(options) as workers, progress("simulating") as move:
        return simulate(
            settings,
            directory,
            resume=resume,
            workers=workers.number,
            executor=workers.executor,
            progress=move,
        )


def run(options: argparse.Namespace) -> int:
    """Simulate and say what was written."""
    directory = shared.out_directory(options.out)
    work = _new_run(options, directory) if options.net is not None else _same_run(options, directory)
    try:
        with _chosen_workers(options) as workers, progress("simulating") as move:
            work(workers=workers.number, executor=workers.executor, progress=move)
    except KeyboardInterrupt:
        sys.stderr.write(f"feyn-nn: stopped; the same command with --resume goes on in {directory}\n")
        raise
    sys.stdout.write(
        f"{directory}: {described(load_settings(directory))}{'' if options.part is None else f', part {options.part}'}\n"
    )
    return 0


class _Work(Protocol):
    def __call__(
        self, *, workers: int, executor: Executor | ExecutorFactory, progress: Callable[[int, int], object] | None
    ) -> Ensemble | None: ...


def _new_run(options: argparse.Namespace, directory: Path) -> _Work:
    for name, value in _OF_A_NEW_RUN.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    settings = settings_of(options)
    if options.part is None:
        return partial(simulate, settings, directory, resume=options.resume, keep_outputs=options.raw)
    part = part_of(options.part)
    return partial(run_part, settings, part, directory, resume=options.resume, keep_outputs=options.raw)


def _same_run(options: argparse.Namespace, directory: Path) -> _Work:
    if not options.resume:
        raise InputError("NET is missing: name a network, or go on in a directory with --resume")
    shared.refuse_unused(options, (*_SETTINGS, "part"), "without NET everything is as the manifest says")
    if options.raw:
        raise InputError("--raw: without NET everything is as the manifest says; leave it out")
    return partial(resume, directory)


def described(settings: SimulationSettings) -> str:
    """What an ensemble consists of."""
    what = "single neurons"
    if settings.width is not None:
        what = f"networks of width {settings.width}"
    seeds = ", ".join(str(run.seed) for run in settings.runs)
    return (
        f"{settings.experiments} experiments of {settings.nets} {settings.architecture.activation.name} {what} at "
        f"{len(settings.inputs)} inputs, seed{'s' if len(settings.runs) > 1 else ''} {seeds}"
    )
