"""`feyn-nn merge DIR... --out DIR`: parts of one ensemble, or ensembles of different seeds, joined."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from feyn_nn.cli import options as shared
from feyn_nn.cli.progress import progress
from feyn_nn.cli.simulate import described
from feyn_nn.ensembles import merge

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "directories", metavar="DIR", nargs="+", help="ensembles whose settings are equal, up to their seeds"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="new directory of the joined ensemble")
    parser.add_argument(
        "--activation",
        metavar="module:function",
        help="your own activation, which the ensembles name: files are never imported from",
    )


def run(options: argparse.Namespace) -> int:
    """Merge and say what was written."""
    out = shared.out_directory(options.out)
    if options.activation is not None:
        shared.own_activation(options.activation)
    with progress("merging") as move:
        merged = merge([Path(directory) for directory in options.directories], out, progress=move)
    sys.stdout.write(f"{out}: {described(merged.settings)}\n")
    if merged.missing:
        sys.stderr.write(
            f"feyn-nn: {merged.missing} of {merged.settings.chunks} chunks are in none of these; compute them with: feyn-nn "
            f"simulate --resume --out {out}\n"
        )
    return 0
