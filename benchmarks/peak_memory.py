"""Prints how many megabytes a simulation needs above what is there once everything is imported.

    python benchmarks/peak_memory.py ENGINE WIDTH NETWORKS [--workers 2]

One experiment of Erf-net at the talk's inputs, all products of outputs and of conditional kernels recorded. The engines are
those of `feyn_nn.ensembles.Engine`; what a compiled one needs for compiling is part of the number.
"""

from __future__ import annotations

import argparse
import resource
import sys
from importlib import import_module
from pathlib import Path

from feyn_nn.ensembles import Engine, SimulationSettings, run
from feyn_nn.network import preset


def peak() -> float:
    """The most memory that this process has held, in megabytes.

    Linux says it in VmHWM; `getrusage` there starts from the memory of the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("engine", type=Engine)
    parser.add_argument("width", type=int)
    parser.add_argument("networks", type=int)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    erf = preset("erf")
    if given.engine is not Engine.NUMPY:
        import_module("feyn_nn.ensembles.compiled")
    before = peak()
    settings = SimulationSettings.make(
        erf.architecture(), erf.points(), given.width, given.networks, 1, seed=1, engine=given.engine
    )
    run(settings, workers=given.workers)
    print(f"{peak() - before:.1f}")  # noqa: T201


if __name__ == "__main__":
    main()
