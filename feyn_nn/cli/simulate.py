"""`feyn-nn simulate NET --out DIR`: an ensemble of networks on disk."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from feyn_nn.cli import options as shared
from feyn_nn.cli.progress import progress
from feyn_nn.ensembles import SimulationSettings
from feyn_nn.ensembles import run as simulate
from feyn_nn.errors import InputError, LimitError
from feyn_nn.network import TALK_EXPERIMENTS, preset

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from feyn_nn.ensembles import Ensemble

MAX_SECONDS = 30 * 86400.0
_SECONDS = 8.0
_SECONDS_PER_NETWORK = 0.7e-6
_SECONDS_PER_NEURON = 0.08e-6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_network(parser)
    shared.add_inputs(parser)
    add_run(parser)
    parser.add_argument("--out", required=True, metavar="DIR", help="directory of the ensemble")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run in DIR")


def add_run(parser: argparse.ArgumentParser) -> None:
    """What an ensemble consists of, and how it is run."""
    parser.add_argument("--width", type=int, metavar="N", help="neurons (default: relu 20, gauss 100, erf 5)")
    parser.add_argument("--nets", type=int, metavar="M", help="networks in each experiment (default: some 10 s in all)")
    parser.add_argument(
        "--experiments", type=int, default=TALK_EXPERIMENTS, metavar="E", help="independent experiments (default 10)"
    )
    parser.add_argument("--seed", type=int, help="seed of all random numbers (default 0)")
    parser.add_argument("--workers", type=int, metavar="W", help="threads (default: the cores available)")


def default_nets(width: int, experiments: int) -> int:
    """Networks in each experiment that take some 10 s on 2 cores; a fixed function, not a measurement."""
    total = _SECONDS / (_SECONDS_PER_NETWORK + _SECONDS_PER_NEURON * max(width, 1))
    return max(100, int(float(f"{total / max(experiments, 1):.1e}")))


def settings_of(options: argparse.Namespace) -> SimulationSettings:
    """The settings that the options ask for."""
    width = preset(options.net).effective_width if options.width is None else options.width
    nets = default_nets(width, options.experiments) if options.nets is None else options.nets
    settings = SimulationSettings.make(
        shared.architecture(options), shared.inputs(options), width, nets, options.experiments, options.seed or 0
    )
    seconds = nets * options.experiments * (_SECONDS_PER_NETWORK + _SECONDS_PER_NEURON * width)
    if seconds > MAX_SECONDS:
        raise LimitError(
            f"{options.experiments} experiments of {nets} networks of width {width} take some {seconds / 86400:.3g} days on "
            f"2 cores, more than {MAX_SECONDS / 86400:g}; lower --nets, --experiments or --width"
        )
    return settings


def workers_of(options: argparse.Namespace) -> int:
    """Number of threads: as asked, or the cores available."""
    workers = len(os.sched_getaffinity(0)) if options.workers is None else int(options.workers)
    if workers < 1:
        raise InputError(f"--workers {workers}: expected one or more")
    return workers


def run_simulation(
    options: argparse.Namespace, settings: SimulationSettings, directory: Path | None, *, resume: bool = False
) -> Ensemble:
    """Simulate with a progress bar and the asked number of threads."""
    with progress("simulating") as move:
        return simulate(settings, directory, resume=resume, workers=workers_of(options), progress=move)


def run(options: argparse.Namespace) -> int:
    """Simulate and say what was written."""
    settings = settings_of(options)
    directory = shared.out_directory(options.out)
    try:
        ensemble = run_simulation(options, settings, directory, resume=options.resume)
    except KeyboardInterrupt:
        sys.stderr.write(f"feyn-nn: stopped; the same command with --resume goes on in {directory}\n")
        raise
    sys.stdout.write(
        f"{directory}: {ensemble.experiments} experiments of {ensemble.nets} {options.net} networks of width "
        f"{settings.width} at {ensemble.points} inputs, seed {settings.runs[0].seed}\n"
    )
    return 0
