"""Times the integrals of diagrams against SciPy's cubature and vegas, in one run, and writes the table `integrals.md`.

    python benchmarks/integrals.py [--repetitions 7] [--seconds 10] [--rows SUBSTRING] [--output FILE]

vegas is installed into `benchmarks/.venv` if it is not there. What is measured is in README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np

from feyn_nn.action import TALK_ACTION, Action
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.correlator import Correlator, generate_correlator
from feyn_nn.kernels import kernel_of
from feyn_nn.network import preset
from feyn_nn.numeric import CorrelatorIntegrals, DiagramIntegrals, integrate_correlator

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

HERE: Final = Path(__file__).resolve().parent
CUTOFF: Final = 10.0
VEGAS_VERSION: Final = "6.4.1"
ACCURACIES: Final = (1e-8, 1e-5, 1e-2)
NETS: Final = ("gauss", "erf", "relu")
THREADS: Final = "OPENBLAS_NUM_THREADS"
SHORTEST: Final = 1.0
"""Seconds that ours are repeated for at least: short times are the most easily disturbed."""
GOALS: Final = {(1, 1): 10, (2, 1): 30, (3, 1): 200, (1, 2): 50, (2, 2): 2000, (3, 2): None}
"""Milliseconds for (d_in, vertices)."""

SIGNS: Final[list[tuple[float, ...]]] = [(-1, -1, -1), (1, 1, -1), (-1, 1, 1), (1, -1, 1)]
ROWS: Final[dict[tuple[str, int], list[tuple[float, ...]]]] = {
    ("relu", 2): [(a, b) for a in (0.5, 1) for b in (0.5, 1)],
    ("relu", 3): [(0.2, 0.2, 0.2), (1, 1, 0.2), (0.2, 1, 1), (1, 0.2, 1)],
    ("erf", 2): [(a, b) for a in (-1, 1) for b in (-1, 1)],
    ("erf", 3): SIGNS,
    ("gauss", 2): [(a, b) for a in (-1, 1) for b in (-1, 1)],
    ("gauss", 3): SIGNS,
}
"""The inputs of the talk's authors in two and three dimensions, Gauss's times 0.01."""

FIRST: Final = [generate_correlator(n, TALK_ACTION, [(1, 0), (0, 1)]) for n in (4, 6)]
SECOND: Final = [generate_correlator(4, Action.parse("lambda f^4"), [(2,)])]


def points(net: str, d_in: int) -> FloatArray:
    """The talk's six inputs in d_in = 1, those of its authors' code in d_in = 2 and 3."""
    if d_in == 1:
        return preset(net).points()
    return np.array(ROWS[net, d_in], dtype=np.float64) * (0.01 if net == "gauss" else 1.0)


@final
@dataclass(frozen=True)
class Row:
    """All integrals of one order for one network."""

    net: str
    d_in: int
    vertices: int

    @property
    def title(self) -> str:
        """What is integrated."""
        number = len(points(self.net, self.d_in))
        if self.vertices == 2:
            return f"{self.net}, d = {self.d_in}, λ² bubbles, {len(sorted_tuples(number, 4))} tuples"
        four, six = (len(sorted_tuples(number, n)) for n in (4, 6))
        return f"{self.net}, d = {self.d_in}, first order, {four} + {six} tuples"

    def own(self, repetitions: int, accuracy: float | None = None) -> tuple[float, list[CorrelatorIntegrals]]:
        """The shortest of so many times or more, and the results; only the diagrams are remembered in between."""
        kernel, inputs = kernel_of(preset(self.net).architecture(self.d_in)), points(self.net, self.d_in)
        wanted = FIRST if self.vertices == 1 else SECOND
        times: list[float] = []
        while len(times) < repetitions or sum(times) < SHORTEST:
            start = time.perf_counter()
            integrals = DiagramIntegrals(inputs, CUTOFF, kernel, kernel, accuracy=accuracy)
            results = [integrate_correlator(each, integrals) for each in wanted]
            times.append(time.perf_counter() - start)
        return min(times), results

    def job(self, method: str, **limits: float) -> dict[str, Any]:
        """What the rivals are asked."""
        return {
            "method": method,
            "net": self.net,
            "inputs": points(self.net, self.d_in).tolist(),
            "cutoff": CUTOFF,
            "vertices": self.vertices,
            "legs": [4, 6] if self.vertices == 1 else [2, 2],
            "most": 10_000_000,
            **limits,
        }


def rival_python() -> Path:
    """The interpreter of the rivals' environment, which is made if it is not there."""
    folder = HERE / ".venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)  # noqa: S603
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    shown = subprocess.run([*pip, "freeze"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()  # noqa: S603
    wanted = [f"vegas=={VEGAS_VERSION}", f"scipy=={version('scipy')}", f"numpy=={version('numpy')}"]
    if not set(wanted) <= set(shown):
        subprocess.run([*pip, "install", "--quiet", *wanted], check=True)  # noqa: S603
    return python


def asked(python: Path, job: dict[str, Any], seconds: float) -> dict[str, Any] | None:
    """A rival's answer, None if it takes longer than so many seconds, start of the interpreter not counted."""
    command = [str(python), str(HERE / "rival_integrals.py")]
    try:
        done = subprocess.run(  # noqa: S603
            command, input=json.dumps(job) + "\n", stdout=subprocess.PIPE, text=True, check=True, timeout=seconds + 5
        )
    except subprocess.TimeoutExpired:
        return None
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer if answer["converged"] else None


def measured(row: Row, python: Path, repetitions: int, seconds: float) -> str:
    """One line of the table."""
    ours, results = row.own(repetitions)
    values = reference(row, results)
    error = max(each.relative_error for result in results for each in result.coefficients.values())
    goal = GOALS[row.d_in, row.vertices]
    cells = [row.title, f"{1000 * ours:.3g}", "" if goal is None else f"{goal}", f"{error:.0e}"]
    for accuracy in ACCURACIES:
        found = asked(python, row.job("cubature", accuracy=accuracy), seconds)
        if found is not None:
            gap = np.max(np.abs(np.array(found["values"]) - values)) / np.max(np.abs(values))
            cells += [f"{accuracy:.0e}", f"{gap:.0e}", *beside(row, found["seconds"], accuracy, repetitions)]
            break
    else:
        tried = ", ".join(f"{each:.0e}" for each in ACCURACIES)
        cells += [f"none of {tried}", "", f"> {1000 * seconds:.0f}", "", ""]
    found = asked(python, row.job("vegas", seconds=seconds), 4 * seconds)
    if found is None:
        return f"| {' | '.join([*cells, *[''] * 5])} |"
    theirs, sigma = np.array(found["values"]), np.array(found["errors"])
    quoted = float(np.max(sigma / np.max(np.abs(values))))
    gap = np.max(np.abs(theirs - values)) / np.max(np.abs(values))
    cells += [f"{quoted:.0e}", f"{gap:.0e}", *beside(row, found["seconds"], quoted, repetitions)]
    return f"| {' | '.join(cells)} |"


def beside(row: Row, theirs: float, accuracy: float, repetitions: int) -> list[str]:
    """A rival's milliseconds, ours to its accuracy, and their ratio."""
    ours, _ = row.own(repetitions, min(accuracy, 0.5))
    return [f"{1000 * theirs:.3g}", f"{1000 * ours:.3g}", f"{theirs / ours:.2g}"]


def reference(row: Row, results: list[CorrelatorIntegrals]) -> FloatArray:
    """Our values of the rivals' integrals: contacts of four and six legs, or the bubble for all pairs of sorted pairs."""
    if row.vertices == 1:
        contacts = [
            next(
                each
                for each in result.terms
                if each.term.labellings == 1 and _valence(result.correlator, each.term.order) == n
            )
            for result, n in zip(results, (4, 6), strict=True)
        ]
        return np.concatenate([each.integral.value for each in contacts])
    kernel, inputs = kernel_of(preset(row.net).architecture(row.d_in)), points(row.net, row.d_in)
    diagram = results[0].terms[0].diagram
    near = [leg for leg, vertex in diagram.edges if leg < 4 and vertex == 4]
    pairs = sorted_tuples(len(inputs), 2)
    rows = []
    for first in pairs:
        for second in pairs:
            places = [0] * 4
            for leg, point in zip(
                [*near, *(leg for leg in range(4) if leg not in near)], (*first, *second), strict=True
            ):
                places[leg] = point
            rows.append(tuple(places))
    return DiagramIntegrals(inputs, CUTOFF, kernel, kernel).diagram(diagram, rows).value


def _valence(correlator: Correlator, order: tuple[int, ...]) -> int:
    """The power of f of the only vertex."""
    return correlator.action.operators[order.index(1)].valence


def machine() -> str:
    """The processor and the system, in words."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        named = [line for line in information.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        model = named[0].partition(":")[2].strip() if named else model
    return f"{model}, {os.cpu_count()} cores, {platform.system()}"


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repetitions", type=int, default=7, help="least repetitions of ours (default: 7)")
    parser.add_argument("--seconds", type=float, default=10.0, help="time for a rival's try (default: 10)")
    parser.add_argument("--rows", default="", help="only rows whose title contains this, such as 'relu'")
    parser.add_argument("--output", type=Path, default=HERE / "integrals.md", help="where the table is written")
    given = parser.parse_args()
    if os.environ.get(THREADS) != "1":  # NumPy's library reads it when it is loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, THREADS: "1"})  # noqa: S606
    python = rival_python()
    lines = []
    for vertices in (1, 2):
        for d_in in (1, 2, 3):
            for net in NETS:
                row = Row(net, d_in, vertices)
                if given.rows in row.title:
                    lines.append(measured(row, python, given.repetitions, given.seconds))
                    sys.stderr.write(f"{lines[-1]}\n")
    text = [
        "# Integrals of diagrams",
        "",
        "Written by `integrals.py`; what is measured is in [README.md](README.md). All tuples of inputs, Λ = 10. Errors are",
        "relative to the largest integral. A ratio is a rival's time over feyn-nn's to the same accuracy (ms, same).",
        "",
        "| integrals | feyn-nn, ms | may take, ms | its error | cubature: asked for | off by | ms | ms, same | ratio "
        "| vegas: its error | off by | ms | ms, same | ratio |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *lines,
        "",
        f"- feyn-nn: the shortest of {given.repetitions} or more; rivals once; one thread each. vegas {VEGAS_VERSION}, "
        f"SciPy {version('scipy')}, NumPy {version('numpy')}, Python {platform.python_version()}.",
        f"- {machine()}.",
    ]
    given.output.write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
