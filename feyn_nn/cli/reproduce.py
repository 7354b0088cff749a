"""`feyn-nn reproduce`: the figures of the talk made anew, with theory, exact and measured numbers side by side."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from feyn_nn.cli import options as shared
from feyn_nn.cli.progress import progress
from feyn_nn.ensembles import Engine
from feyn_nn.errors import InputError
from feyn_nn.files import json_text
from feyn_nn.reproduce import FIGURES, Size, Workshop

if TYPE_CHECKING:
    import argparse

DEFAULT_DIRECTORY: Final = "reproduction"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--figure", choices=tuple(FIGURES), metavar="NAME", help=f"one of {', '.join(FIGURES)} (default: all)"
    )
    parser.add_argument("--full", action="store_true", help="the talk's own size: 10 experiments of 10^6 networks")
    parser.add_argument(
        "--out",
        default=DEFAULT_DIRECTORY,
        metavar="DIR",
        help=f"directory of the results (default: {DEFAULT_DIRECTORY})",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default 0)")
    parser.add_argument("--workers", type=int, metavar="W", help="threads (default: the cores available)")
    parser.add_argument(
        "--engine",
        choices=[engine.value for engine in Engine],
        default=Engine.NUMPY.value,
        help="what draws the networks (default numpy; the others need the fast extra)",
    )
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Make the figures; ensembles that are there already are used again, so a stopped run goes on where it was."""
    workers = len(os.sched_getaffinity(0)) if options.workers is None else int(options.workers)
    if workers < 1:
        raise InputError(f"--workers {workers}: expected one or more")
    directory = shared.out_directory(options.out)
    if directory.exists() and not directory.is_dir():
        raise InputError(f"--out {directory}: is a file; name a directory")
    directory.mkdir(parents=True, exist_ok=True)
    workshop = Workshop(
        directory,
        Size.FULL if options.full else Size.DEFAULT,
        workers,
        options.seed,
        Engine(options.engine),
        progress,
    )
    names = tuple(FIGURES) if options.figure is None else (options.figure,)
    documents = {}
    try:
        for name in names:
            result = FIGURES[name](workshop)
            result.write(directory)
            documents[name] = result.document()
            if not options.json:
                sys.stdout.write(f"{result.title} ({result.source})\n")
                sys.stdout.writelines(f"  {sentence}\n" for sentence in result.verdicts)
                sys.stdout.write(f"  {directory / name}.svg, .csv, .json\n\n")
                sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write(f"feyn-nn: stopped; the same command goes on in {directory}\n")
        raise
    if options.json:
        sys.stdout.write(json_text(documents))
    return 0
