"""`feyn-nn atlas build|check`: write the atlas of diagrams, or compare it with what the generator makes now."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from feyn_nn.atlas import atlas_files, build_atlas, differences
from feyn_nn.cli.options import out_directory

if TYPE_CHECKING:
    import argparse

SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "action", choices=("build", "check"), metavar="build|check", help="write the atlas, or compare it byte by byte"
    )
    parser.add_argument("--out", default="diagrams", metavar="DIR", help="the atlas's directory (default %(default)s)")


def run(options: argparse.Namespace) -> int:
    """Build or check; 1 if the directory is not what the generator makes."""
    out = out_directory(options.out)
    files = atlas_files()
    size = f"{sum(path.endswith('.svg') for path in files)} diagrams in {len(files)} files"
    if options.action == "build":
        build_atlas(out, files)
        sys.stdout.write(f"{out}: wrote {size}\n")
        return 0
    found = differences(out, files)
    if not found:
        sys.stdout.write(f"{out} is current: {size}\n")
        return 0
    lines = [f"{out} differs from what the generator makes:", *(f"  {line}" for line in found[:SHOWN])]
    if len(found) > SHOWN:
        lines.append(f"  and {len(found) - SHOWN} more")
    if any(line.startswith("foreign") for line in found):
        lines.append("move foreign files elsewhere")
    lines.append(f"to update, run: feyn-nn atlas build --out {out}; then look at the difference")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1
