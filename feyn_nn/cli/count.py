"""`feyn-nn count`: how many diagrams a class has, and the exact sum of their weights."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feyn_nn.action import MAX_VALENCE, MIN_VALENCE, VERTEX_LETTERS, Operator
from feyn_nn.cli.options import add_json
from feyn_nn.cli.progress import progress
from feyn_nn.errors import InputError, LimitError
from feyn_nn.files import json_text
from feyn_nn.graphs.filters import ALL, parse_filters
from feyn_nn.graphs.generation import MAX_TOPOLOGIES, DiagramClass

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from feyn_nn.graphs.generation import ClassCount


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--legs", type=int, required=True, metavar="N", help="number of labelled legs, zero or more")
    parser.add_argument(
        "--vertices",
        default="",
        metavar="K=P,...",
        help="P vertices of valence K, such as 4=6,6=1; a valence that stands twice means two couplings",
    )
    parser.add_argument(
        "--filter",
        metavar="NAME,...",
        help="keep only diagrams that are connected, one-pi, no-vacuum, no-self-loops, no-snails, "
        "no-propagator-corrections, amputated (default: all diagrams)",
    )
    parser.add_argument("--max-seconds", type=float, metavar="S", help="stop after this time (exit code 3)")
    parser.add_argument(
        "--max-diagrams",
        type=int,
        metavar="M",
        help=f"refuse a class with more topologies to go through than this (default {MAX_TOPOLOGIES})",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Count and print."""
    operators, order = parse_vertices(options.vertices)
    limit = MAX_TOPOLOGIES if options.max_diagrams is None else options.max_diagrams
    if limit < 0:
        raise InputError(f"--max-diagrams {limit}: expected zero or more")
    if options.max_seconds is not None and not options.max_seconds > 0:
        raise InputError(f"--max-seconds {options.max_seconds}: expected a positive number of seconds")
    where = ALL if options.filter is None else parse_filters(options.filter)
    wanted = DiagramClass(options.legs, operators, order, where)
    started = time.monotonic()
    wanted.refuse_explosion(limit)
    with progress("topologies", "topology") as move:
        total = wanted.estimate() if move is not None else 0
        counted = wanted.count(_Watch(options.max_seconds, started, move, total), limit)
    if wanted.half_edges % 2:
        sys.stderr.write(
            f"note: {wanted.half_edges} half-edges, an odd number, cannot be joined in pairs: there are no diagrams\n"
        )
    sys.stdout.write(json_text(_document(counted)) if options.json else _text(wanted, counted))
    return 0


def parse_vertices(text: str) -> tuple[tuple[Operator, ...], tuple[int, ...]]:
    """Read `4=6,6=1`: operators and the number of vertices of each."""
    operators: list[Operator] = []
    order: list[int] = []
    for part in (piece.strip() for piece in text.split(",") if piece.strip()):
        valence, equals, count = part.partition("=")
        try:
            k, p = int(valence), int(count)
        except ValueError:
            raise InputError(
                f"--vertices {text!r}: {part!r} is not VALENCE=NUMBER; expected for example 4=6,6=1"
            ) from None
        if not equals or not MIN_VALENCE <= k <= MAX_VALENCE:
            raise InputError(f"--vertices {text!r}: valence {k}: expected {MIN_VALENCE} to {MAX_VALENCE}")
        if p < 0:
            raise InputError(f"--vertices {text!r}: {p} vertices of valence {k}: expected zero or more")
        operators.append(Operator(k, f"g{len(operators) + 1}"))
        order.append(p)
    if len(operators) > len(VERTEX_LETTERS):
        raise InputError(
            f"--vertices {text!r}: {len(operators)} couplings: at most {len(VERTEX_LETTERS)} are supported"
        )
    return tuple(operators), tuple(order)


@dataclass(frozen=True, slots=True)
class _Watch:
    """Moves the bar, if there is one, and stops the work when its time is over."""

    seconds: float | None
    started: float
    move: Callable[[int, int], None] | None
    total: int

    def __call__(self, found: int) -> None:
        if self.move is not None:
            self.move(found, self.total)
        if self.seconds is not None and time.monotonic() - self.started > self.seconds:
            raise LimitError(
                f"not finished after --max-seconds {self.seconds:g}, with {found} topologies found: nothing was counted; "
                "give more time, lower the order, or ask for connected diagrams"
            )


def _document(counted: ClassCount) -> dict[str, str | None]:
    return {
        "diagrams": str(counted.diagrams),
        "topologies": str(counted.topologies),
        "weight": str(counted.weight),
        "zero_dimensional": None if counted.exact is None else str(counted.exact),
    }


def _text(wanted: DiagramClass, counted: ClassCount) -> str:
    if counted.exact is None:
        proof = "the exact sum is not known for this filter; the connected pieces are proven complete"
    else:
        proof = f"complete: the zero-dimensional theory gives {counted.exact}"
    return (
        f"diagrams with labelled legs  {counted.diagrams}\n"
        f"topologies                   {counted.topologies}\n"
        f"sum of 1/|Aut|               {counted.weight}\n"
        f"filter: {wanted.where.name}; {proof}\n"
    )
