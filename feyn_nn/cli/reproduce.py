"""`feyn-nn reproduce`: the figures of the talk made anew, with theory, exact and measured numbers side by side."""

from __future__ import annotations

import os
import sys
import textwrap
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from feyn_nn.cli import options as shared
from feyn_nn.cli.progress import progress
from feyn_nn.cli.wording import WIDTH
from feyn_nn.ensembles import Engine
from feyn_nn.errors import InputError
from feyn_nn.files import json_text, write_text
from feyn_nn.render.plots import check_plots
from feyn_nn.reproduce import DEFAULT, FIGURES, FULL, Result, Workshop, report_page

if TYPE_CHECKING:
    import argparse

DEFAULT_DIRECTORY: Final = "reproduction"
PAGE: Final = "report.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--figure", choices=tuple(FIGURES), metavar="NAME", help=f"one of {', '.join(FIGURES)} (default: all)"
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help=f"the talk's own size: {FULL.experiments} experiments of {FULL.networks:.0e} networks at each width, not of "
        f"{DEFAULT.networks}",
    )
    parser.add_argument(
        "--out",
        default=DEFAULT_DIRECTORY,
        metavar="DIR",
        help=f"directory of the results, and of a run to go on with (default: {DEFAULT_DIRECTORY})",
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
    check_plots()
    workshop = _workshop(options)
    workshop.open()
    names = tuple(FIGURES) if options.figure is None else (options.figure,)
    documents = {}
    try:
        for name in names:
            result = FIGURES[name].make(workshop)
            result.write(workshop.directory)
            write_text(workshop.directory / PAGE, report_page(_made(workshop), FIGURES))
            documents[name] = result.document()
            if not options.json:
                sys.stdout.write(_text(result))
                sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write(f"feyn-nn: stopped; the same command goes on in {workshop.directory}\n")
        raise
    if options.json:
        sys.stdout.write(json_text(documents))
    else:
        sys.stdout.write(f"All of it: {workshop.directory / PAGE}\n")
    return 0


def _workshop(options: argparse.Namespace) -> Workshop:
    workers = len(os.sched_getaffinity(0)) if options.workers is None else int(options.workers)
    if workers < 1:
        raise InputError(f"--workers {workers}: expected one or more")
    if options.seed < 0:
        raise InputError(f"--seed {options.seed}: expected an integer, 0 or more")
    directory = shared.out_directory(options.out)
    size = FULL if options.full else DEFAULT
    return Workshop(directory, size, workers, options.seed, Engine(options.engine), progress)


def _made(workshop: Workshop) -> list[Result]:
    """The figures in the directory that belong together, in their order; others are left out of the page."""
    results = []
    for name in FIGURES:
        with suppress(InputError):  # not made yet, or by another version: this run will make it, or the next
            result = Result.read(workshop.directory, name)
            if result.settings.items() >= workshop.describe().items():
                results.append(result)
    return results


def _text(result: Result) -> str:
    """A figure's findings, by statement."""
    lines = [f"{result.title} ({result.source})", ""]
    for statement in dict.fromkeys(finding.statement for finding in result.findings):
        lines.append(f"  {statement.text}")
        for finding in result.findings:
            if finding.statement == statement:
                said = f"{finding.short}. {finding.evidence}"
                lines += textwrap.wrap(
                    said, WIDTH, initial_indent="    ", subsequent_indent="      ", break_long_words=False
                )
    files = [f"{result.name}.svg", f"{result.name}.json", *(f"{table.name}.csv" for table in result.tables)]
    return "\n".join([*lines, "", f"  {', '.join(files)}", "", ""])
