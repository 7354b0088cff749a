"""Times the generation of diagrams by feyn-nn and by feyngraph, side by side, and writes the table `generation.md`.

    python benchmarks/generation.py [--repetitions 7] [--rows SUBSTRING] [--output FILE]

feyngraph is installed into `benchmarks/.venv` if it is not there. What is measured is in README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE: Final = Path(__file__).resolve().parent
RIVAL: Final = "feyngraph"
RIVAL_VERSION: Final = "0.1.0b4"
PROCESS_REPETITIONS: Final = 3


@final
@dataclass(frozen=True)
class Row:
    """A class of diagrams: `order` holds (valence, vertices) pairs, `where` is connected, one-pi or all."""

    title: str
    legs: int
    order: tuple[tuple[int, int], ...]
    where: str

    def job(self, *, edges: bool) -> str:
        """What the workers are asked, in one line."""
        return json.dumps({**asdict(self), "edges": edges})


def phi4(title: str, legs: int, loops: Sequence[int], where: str) -> list[Row]:
    """Rows of phi^4 with so many loops: a connected diagram with n legs has loops + n/2 - 1 vertices."""
    return [Row(f"φ⁴ {title}, {each} loops", legs, ((4, each + legs // 2 - 1),), where) for each in loops]


COMPARED: Final = [
    *phi4("2-point, connected", 2, range(4, 8), "connected"),
    *phi4("2-point, 1PI", 2, range(4, 8), "one-pi"),
    *phi4("4-point, 1PI", 4, range(2, 7), "one-pi"),
    *phi4("vacuum, connected", 0, range(4, 9), "connected"),
    Row("φ⁴ + φ⁶ 2-point, connected, λ² κ²", 2, ((4, 2), (6, 2)), "connected"),
    Row("φ⁴ + φ⁶ 2-point, connected, λ³ κ²", 2, ((4, 3), (6, 2)), "connected"),
    *(Row(f"φ⁴ 6-point, connected, λ{'⁰¹²³⁴⁵'[each]}", 6, ((4, each),), "connected") for each in range(2, 6)),
]
OURS_ONLY: Final = [
    Row("φ⁴ 6-point, all, λ²", 6, ((4, 2),), "all"),
    Row("φ⁴ 6-point, all, λ³", 6, ((4, 3),), "all"),
    *(Row(f"φ⁴ 2-point, all, λ{'⁰¹²³⁴⁵⁶⁷'[each]}", 2, ((4, each),), "all") for each in range(4, 8)),
    Row("φ⁴ + φ⁶ 2-point, all, λ² κ²", 2, ((4, 2), (6, 2)), "all"),
]


@final
@dataclass
class Measured:
    """What a tool did with a row: how often each |Aut| occurs, and the seconds of every repetition in every way."""

    factors: Counter[int]
    inside: list[float]
    lines: list[float]
    process: list[float]

    @property
    def weight(self) -> Fraction:
        """The sum of 1/|Aut|."""
        return sum((Fraction(count, order) for order, count in self.factors.items()), Fraction(0))


@final
class Tool:
    """One of the two programs: a worker that stays, and processes for one job each."""

    def __init__(self, name: str, python: Path, script: str) -> None:
        self.name = name
        self._command = [str(python), str(HERE / script)]
        self._worker = subprocess.Popen(  # noqa: S603
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self.python: str = self._read()["python"]

    def close(self) -> None:
        """Let the worker end."""
        assert self._worker.stdin is not None
        self._worker.stdin.close()
        self._worker.wait()

    def inside(self, row: Row, *, edges: bool) -> tuple[float, Counter[int]]:
        """Seconds that the worker needed for a row, by its own clock, and what it found."""
        assert self._worker.stdin is not None
        self._worker.stdin.write(row.job(edges=edges) + "\n")
        self._worker.stdin.flush()
        found = self._read()
        return found["seconds"], _factors(found)

    def process(self, row: Row) -> tuple[float, Counter[int]]:
        """Seconds from the start to the exit of a process that does one row, and what it found."""
        start = time.perf_counter()
        done = subprocess.run(  # noqa: S603
            [*self._command, row.job(edges=False)], stdout=subprocess.PIPE, text=True, encoding="utf-8", check=True
        )
        seconds = time.perf_counter() - start
        return seconds, _factors(json.loads(done.stdout))

    def _read(self) -> dict[str, Any]:
        assert self._worker.stdout is not None
        line = self._worker.stdout.readline()
        if not line:
            sys.exit(
                f"{self._command[1]} ended without an answer (exit code {self._worker.wait()}): see its error above"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer


def _factors(answer: Mapping[str, Any]) -> Counter[int]:
    return Counter({int(order): count for order, count in answer["factors"].items()})


def rival_python() -> Path:
    """The interpreter of feyngraph's environment, which is made if it is not there."""
    folder = HERE / ".venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)  # noqa: S603
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    shown = subprocess.run([*pip, "freeze"], check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    if f"{RIVAL}=={RIVAL_VERSION}" not in shown.stdout.split():
        subprocess.run([*pip, "install", "--quiet", f"{RIVAL}=={RIVAL_VERSION}"], check=True)  # noqa: S603
    return python


def measure(row: Row, tools: Sequence[Tool], repetitions: int) -> list[Measured]:
    """Time the tools in turn, the first one changing; stop with an error where they do not find the same."""
    results = [Measured(Counter(), [], [], []) for _ in tools]
    for repetition in range(repetitions):
        in_turn = list(zip(tools, results, strict=True))[:: -1 if repetition % 2 else 1]
        for edges in (False, True):
            for tool, result in in_turn:
                seconds, factors = tool.inside(row, edges=edges)
                (result.lines if edges else result.inside).append(seconds)
                _remember(row, tool, result, factors)
        if repetition < PROCESS_REPETITIONS:
            for tool, result in in_turn:
                seconds, factors = tool.process(row)
                result.process.append(seconds)
                _remember(row, tool, result, factors)
    if any(result.factors != results[0].factors for result in results):
        found = "; ".join(
            f"{tool.name}: {result.factors.total()} diagrams, sum of 1/|Aut| {result.weight}"
            for tool, result in zip(tools, results, strict=True)
        )
        sys.exit(f"{row.title}: the tools disagree ({found})")
    return results


def _remember(row: Row, tool: Tool, result: Measured, factors: Counter[int]) -> None:
    if result.factors and factors != result.factors:
        sys.exit(f"{row.title}: {tool.name} does not find the same diagrams every time; it must")
    result.factors = factors


def milliseconds(seconds: Sequence[float]) -> str:
    """The median, to three digits."""
    value = 1000 * median(seconds)
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Our median over theirs."""
    return median(ours) / median(theirs)


def compared_table(rows: Sequence[tuple[Row, Measured, Measured]]) -> list[str]:
    """The rows that both tools have, and how many of them are not slower."""
    lines = [
        "| class | diagrams | sum of 1/\\|Aut\\| | feyngraph, ms | feyn-nn, ms | ratio "
        "| lines read: ratio | process: feyngraph, ms | feyn-nn, ms | ratio |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    inside, read, process = [], [], []
    for row, theirs, ours in rows:
        inside.append(ratio(ours.inside, theirs.inside))
        read.append(ratio(ours.lines, theirs.lines))
        process.append(ratio(ours.process, theirs.process))
        lines.append(
            f"| {row.title} | {ours.factors.total()} | {ours.weight} | {milliseconds(theirs.inside)} "
            f"| {milliseconds(ours.inside)} | {inside[-1]:.2f} | {read[-1]:.2f} | {milliseconds(theirs.process)} "
            f"| {milliseconds(ours.process)} | {process[-1]:.2f} |"
        )
    for name, ratios in (("In process", inside), ("In process, lines read", read), ("Whole processes", process)):
        level = sum(each <= 1 for each in ratios)
        lines += ["", f"{name}: feyn-nn is at or below feyngraph's time in {level} of {len(ratios)} rows; "]
        lines[-1] += f"the ratio goes from {min(ratios):.2f} to {max(ratios):.2f}, median {median(ratios):.2f}."
    return lines


def own_table(rows: Sequence[tuple[Row, Measured]]) -> list[str]:
    """The rows that only feyn-nn has."""
    lines = [
        "| class | diagrams | sum of 1/\\|Aut\\| | feyn-nn, ms | diagrams per second | lines read, ms | process, ms |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row, ours in rows:
        speed = ours.factors.total() / median(ours.inside)
        lines.append(
            f"| {row.title} | {ours.factors.total()} | {ours.weight} | {milliseconds(ours.inside)} "
            f"| {float(f'{speed:.2g}'):,.0f} | {milliseconds(ours.lines)} | {milliseconds(ours.process)} |"
        )
    return lines


def machine() -> str:
    """The processor and the system, in words."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        named = [line for line in information.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        model = named[0].partition(":")[2].strip() if named else model
    return f"{model}, {os.cpu_count()} cores, {platform.system()}"


def pinned() -> str:
    """Keep this process, and so those that it starts, on one core; say whether that was possible."""
    if not hasattr(os, "sched_setaffinity"):
        return "processes not pinned to a core"
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return "every process pinned to one core, the same for both tools"


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repetitions", type=int, default=7, help="in-process repetitions of every row (default: 7)")
    parser.add_argument("--rows", default="", help="only rows whose title contains this, such as '1PI'")
    parser.add_argument("--output", type=Path, default=HERE / "generation.md", help="where the table is written")
    given = parser.parse_args()
    if given.repetitions < 1:
        parser.error(f"--repetitions {given.repetitions}: expected one or more")
    both = [row for row in COMPARED if given.rows in row.title]
    alone = [row for row in OURS_ONLY if given.rows in row.title]
    if not both and not alone:
        parser.error(f"--rows {given.rows!r}: no title contains it; leave it out to see all of them in the table")
    one_core = pinned()
    ours = Tool(f"feyn-nn {version('feyn-nn')}", Path(sys.executable), "own_feyn_nn.py")
    theirs = Tool(f"{RIVAL} {RIVAL_VERSION}", rival_python(), "rival_feyngraph.py")
    compared = []
    for row in both:
        sys.stderr.write(f"{row.title}\n")
        rival, own = measure(row, (theirs, ours), given.repetitions)
        compared.append((row, rival, own))
    own_rows = []
    for row in alone:
        sys.stderr.write(f"{row.title}\n")
        (own,) = measure(row, (ours,), given.repetitions)
        own_rows.append((row, own))
    processes = min(given.repetitions, PROCESS_REPETITIONS)
    text = [
        "# Generation of diagrams",
        "",
        "Written by `generation.py`; what is measured is in [README.md](README.md). A ratio is feyn-nn's time over",
        "feyngraph's, so below 1 feyn-nn is faster. λ counts vertices of φ⁴ and κ those of φ⁶. The two tools found the",
        "same numbers of diagrams of every |Aut| in each row of the first table.",
        "",
        *(["## Both", "", *compared_table(compared), ""] if compared else []),
        *(["## Disconnected diagrams included: feyn-nn alone", "", *own_table(own_rows), ""] if own_rows else []),
        "## Setting",
        "",
        f"- {ours.name} on Python {ours.python}; {theirs.name} on Python {theirs.python}, one thread.",
        f"- {machine()}; {one_core}.",
        f"- In process: medians of {given.repetitions}; whole processes: medians of {processes}.",
        '- Of every diagram |Aut| is read, and for the column "lines read" also its list of lines.',
    ]
    given.output.write_text("\n".join(text) + "\n", encoding="utf-8")
    ours.close()
    theirs.close()


if __name__ == "__main__":
    main()
