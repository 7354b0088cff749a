"""Times the symbolic commands as whole processes, and the algebra against SymPy's general tools; writes `symbolic.md`.

    python benchmarks/symbolic.py [--repetitions 5] [--output FILE]

What is measured is in README.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from itertools import count
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import sympy

from feyn_nn.action import TALK_ACTION
from feyn_nn.correlator import generate_correlator
from feyn_nn.kernels import ErfKernel, GaussKernel
from feyn_nn.symbolic.closed_forms import star_integral
from feyn_nn.symbolic.comparison import UpTo, same
from feyn_nn.symbolic.expressions import expression
from feyn_nn.symbolic.growth import growth
from feyn_nn.symbolic.growth.directions import RHO
from feyn_nn.symbolic.kernels import SYMBOLS, symbolic_kernel
from feyn_nn.symbolic.running import running_system

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE: Final = Path(__file__).resolve().parent
FORMATS: Final = ("text", "latex", "sympy", "form", "mathematica", "json")
COMMANDS: Final = [
    *((f"correlator 6 --order 1 --format {form}", 1.0) for form in FORMATS),
    ("correlator 4 --order lambda=2 --species --format latex", 2.0),
    ("correlator 4 --order lambda=2 --species --format sympy", 2.0),
    *((f"correlator 4 --order lambda=3 --format {form}", 10.0) for form in ("text", "latex", "sympy")),
    *((f"beta {net}", 3.0) for net in ("relu", "erf", "gauss", "erf --d-in 2", "erf --system")),
    ("eft relu", 3.0),
]
"""Arguments of feyn-nn, and the seconds that they may take."""


def seconds(command: Sequence[str]) -> float:
    """Wall time of one process; its output is thrown away, a failure is an error."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 (our own arguments)
    return time.perf_counter() - start


def processes(repetitions: int) -> list[str]:
    """Rows of whole processes, each beside a process that only imports SymPy, in turn."""
    rows = []
    bare = [sys.executable, "-c", "import sympy"]
    for arguments, limit in COMMANDS:
        command = [sys.executable, "-m", "feyn_nn", *arguments.split()]
        pairs = [(seconds(command), seconds(bare)) for _ in range(repetitions)]
        own, floor = (median(pair[k] for pair in pairs) for k in range(2))
        rows.append(f"| `feyn-nn {arguments}` | {own:.2f} | {limit:g} | {floor:.2f} | {own / floor:.2f} |")
        sys.stderr.write(f"{rows[-1]}\n")
    return rows


def timed(function: Callable[[], Any], repetitions: int) -> float:
    """Median time of a call, every cache of SymPy emptied before it."""
    times = []
    for _ in range(repetitions):
        sympy.core.cache.clear_cache()
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return median(times)


def algebra() -> list[tuple[str, Callable[[], Any], str, Callable[[], Any]]]:
    """(what, ours, the general tool, it): each pair gives the same answer, which is checked before it is timed."""
    system = running_system(TALK_ACTION)
    unknowns = system.unknowns
    solution = sympy.solve(system.equations, unknowns, dict=True)[0]
    for name, unknown in zip(system.couplings, unknowns, strict=True):
        assert sympy.simplify(system.solve()[name] - solution[unknown]) == 0
    six = generate_correlator(6, TALK_ACTION, [(2, 0)])
    left = expression(six, None)
    names = {point: sympy.Symbol(f"{point}_") for point in sympy.symbols("y1 y2")}
    right = sympy.expand(left.xreplace(names) * 3) / 3
    assert same(left, right, UpTo.VARIABLES)
    back = {new: old for old, new in names.items()}
    assert sympy.expand(left - right.xreplace(back)) == 0
    erf = symbolic_kernel(ErfKernel(2))
    radius = sympy.Symbol("r", positive=True)
    along = erf.expression.subs({SYMBOLS.xx: RHO**2, SYMBOLS.xy: radius * RHO / 2, SYMBOLS.yy: radius**2})
    slope = radius * sympy.diff(along, radius) / along
    assert growth(erf).leg == sympy.limit(slope, radius, sympy.oo) == 0
    widths = (1 + 0.01 * k for k in count())
    gauss = GaussKernel()
    legs = sympy.symbols("x1:5", real=True)
    y = sympy.Symbol("y", real=True)
    cutoff = sympy.Symbol("Lambda", positive=True)
    form = symbolic_kernel(gauss)
    integrand = sympy.expand(sympy.prod([form.between(leg, y) for leg in legs]))
    points = sympy.symbols("x1:5")

    def integrate() -> Any:
        return sympy.integrate(integrand, (y, -cutoff, cutoff))

    closed = star_integral(gauss, points, 0, 1)
    assert closed is not None
    numbers = dict(zip((s.name for s in legs), (0.1, 0.3, -0.2, 0.5), strict=True))
    values = {SYMBOLS.sigma_w: 1.1, SYMBOLS.sigma_b: 0.7}
    theirs = integrate().subs({leg: numbers[leg.name] for leg in legs} | values | {cutoff: 2})
    ours = closed.expression.subs({leg: numbers[leg.name] for leg in points} | values | {sympy.Symbol("Lambda"): 2})
    assert abs(sympy.N(theirs - ours)) < 1e-10
    return [
        ("(4.13), (4.14) solved", system.solve, "sympy.solve", lambda: sympy.solve(system.equations, unknowns)),
        (
            "G6 at lambda^2 equal up to names",
            lambda: same(left, right, UpTo.VARIABLES),
            "sympy.expand, names given",
            lambda: sympy.expand(left - right.xreplace(back)),
        ),
        (
            "growth of Erf-net, d_in >= 2, all directions",
            lambda: growth(symbolic_kernel(ErfKernel(2, next(widths)))),  # never one that is remembered
            "sympy.limit, one direction",
            lambda: sympy.limit(slope, radius, sympy.oo),
        ),
        (
            "I4 of Gauss-net, d_in = 1, with its proof",
            lambda: star_integral(gauss, points, 0, 1),
            "sympy.integrate",
            integrate,
        ),
    ]


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--output", type=Path, default=HERE / "symbolic.md")
    options = parser.parse_args()
    rows = processes(options.repetitions)
    lines = [
        "# Symbolic commands and algebra",
        "",
        "Written by `symbolic.py`; what is measured is in [README.md](README.md).",
        "",
        "## Whole processes",
        "",
        "| command | seconds | may take | bare `import sympy`, seconds | ratio |",
        "|---|--:|--:|--:|--:|",
        *rows,
        "",
        "## Algebra in process",
        "",
        "| what | feyn-nn, ms | general tool | its time, ms | ratio |",
        "|---|--:|---|--:|--:|",
    ]
    for what, ours, tool, theirs in algebra():
        own, other = (1000 * timed(function, options.repetitions) for function in (ours, theirs))
        lines.append(f"| {what} | {own:.1f} | {tool} | {other:.1f} | {own / other:.2f} |")
        sys.stderr.write(f"{lines[-1]}\n")
    lines += [
        "",
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, SymPy {version('sympy')}, "
        f"median of {options.repetitions}.",
    ]
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
