"""Times the simulation of networks against PyTorch, against this machine's own primitives, and against goals.

    python benchmarks/ensembles.py [--quick] [--talk] [--torch-python PYTHON] [--output FILE]

Writes the tables `ensembles.md`. PyTorch is installed into `benchmarks/.venv` if no interpreter that has it is given. What is
measured is in README.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from ensembles_bounds import bounds
from ensembles_sums import equal_error, memory, products, talk
from ensembles_timing import COMPILED, CORES, ENGINES, FULL, QUICK
from ensembles_torch import Torch, rival_python, sampling

from feyn_nn.ensembles import Record, SimulationSettings, run
from feyn_nn.network import PRESETS

HERE: Final = Path(__file__).resolve().parent


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: small samples, one repetition")
    parser.add_argument("--talk", action="store_true", help="the talk's whole experiment, not a sample of it")
    parser.add_argument("--torch-python", type=Path, help="an interpreter that has PyTorch (default: made here)")
    parser.add_argument("--output", type=Path, default=HERE / "ensembles.md", help="where the tables are written")
    given = parser.parse_args()
    effort = QUICK if given.quick else FULL
    compiling = compile_all()
    torch = {workers: Torch(given.torch_python or rival_python(), workers) for workers in (1, CORES)}
    parts = [
        measured()
        for measured in (
            partial(sampling, torch[1], torch[CORES], effort),
            partial(bounds, effort),
            partial(products, effort),
            partial(talk, effort, whole=given.talk),
            partial(equal_error, effort),
            partial(memory, effort),
        )
    ]
    goals = [goal for _, found in parts for goal in found]
    text = [
        "# Ensembles of networks",
        "",
        "Written by `ensembles.py`" + (" --quick, a smoke test" if given.quick else "") + "; what is measured is in "
        "[README.md](README.md).",
        "",
        "| goal | measured | met |",
        "|---|---|---|",
        *(f"| {goal.text} | {goal.measured} | {'yes' if goal.met else 'no'} |" for goal in goals),
        *(line for lines, _ in parts for line in ("", *lines)),
        "",
        "## Setting",
        "",
        f"- {machine()}, {CORES} in use; {platform.system()}, Python {platform.python_version()}.",
        f"- {', '.join(f'{name} {installed(name)}' for name in ('feyn-nn', 'numpy', 'scipy', 'numba'))}; "
        f"PyTorch {torch[1].version}, {torch[1].threads} threads.",
        f"- Medians of {effort.repetitions}, tools in turn; feyn-nn in {CORES} threads where nothing else is said.",
        f"- Compiled before anything was timed, in {compiling:.1f} s."
        if COMPILED
        else "- Without the `fast` extra: rows of compiled engines are missing.",
    ]
    given.output.write_text("\n".join(text) + "\n", encoding="utf-8")
    for rival in torch.values():
        rival.close()


def compile_all() -> float:
    """Seconds until every compiled engine has drawn a network of every kind."""
    start = time.perf_counter()
    for engine in ENGINES:
        for net in PRESETS:
            for record in (Record.OUTPUTS, Record.CONDITIONAL):
                talk = PRESETS[net]
                run(
                    SimulationSettings.make(
                        talk.architecture(), talk.points(), 10, 10, 1, 1, record=record, engine=engine
                    )
                )
    return time.perf_counter() - start


def installed(package: str) -> str:
    """The version of a package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def machine() -> str:
    """The processor, in words."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        named = [line for line in information.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        model = named[0].partition(":")[2].strip() if named else model
    return f"{model}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
