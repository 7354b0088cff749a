"""Sums of products, the talk's experiment, estimators and memory: the other parts of `ensembles.py`."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from ensembles_timing import CORES, ENGINES, LARGEST_DEVIATION, POINTS, Effort, Goal, Part, in_turn, name, nanoseconds

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.ensembles import Engine, Ensemble, Record, SimulationSettings, run
from feyn_nn.ensembles.products import ProductSums
from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.kernels import kernel_of
from feyn_nn.measure.correlators import measure_correlators
from feyn_nn.measure.estimators import Estimator
from feyn_nn.network import PRESETS, TALK_EXPERIMENTS, TALK_NETS, TALK_WIDTHS, preset

if TYPE_CHECKING:
    from collections.abc import Callable

HERE: Final = Path(__file__).resolve().parent


def products(effort: Effort) -> Part:
    """Sums of products of outputs and of conditional kernels, in one thread."""
    cases = [
        ("f, n = 2, 4, 6", POINTS, (2, 4, 6)),
        ("f, n = 1 .. 6", POINTS, (1, 2, 3, 4, 5, 6)),
        ("K_hat, k = 1, 2, 3", 21, (1, 2, 3)),
    ]
    ways: dict[str, Callable[[], float]] = {}
    for title, variables, orders in cases:
        values = np.random.default_rng(5).normal(size=(variables, 2**13))
        add = partial(ProductSums(variables, orders).add, values)
        ways[title] = partial(
            nanoseconds, [add], values.shape[1], effort.neurons // (16 if variables == POINTS else 256)
        )
    found = in_turn(ways, max(3, effort.repetitions))
    lines = [
        "## Sums of products",
        "",
        "Products of six outputs f, or of the 21 entries of K_hat, over all sorted tuples; one thread.",
        "",
        "| products | tuples | µs per network |",
        "|---|--:|--:|",
    ]
    for title, variables, orders in cases:
        tuples = " + ".join(str(len(sorted_tuples(variables, n))) for n in orders)
        lines.append(f"| {title} | {tuples} | {found[title] / 1000:.3f} |")
    first = found[cases[0][0]] / 1000
    return lines, [Goal("products of f, n = 2, 4, 6, in less than 0.5 µs", f"{first:.2f} µs", first < 0.5)]


def talk(effort: Effort, *, whole: bool) -> Part:
    """Three nets at ten widths, ten experiments of 10^6 networks each: seconds of all, from a sample or in full."""
    parts = {engine: 1 if whole and engine is not Engine.NUMPY else part for engine, part in effort.talk.items()}
    taken: dict[tuple[Engine, str, int], float] = {}
    for engine, part in parts.items():
        for net in PRESETS if engine in ENGINES else ():
            for width in TALK_WIDTHS:
                sys.stderr.write(f"talk {engine.value} {net} {width}\n")
                settings = SimulationSettings.make(
                    PRESETS[net].architecture(),
                    PRESETS[net].points(),
                    width,
                    TALK_NETS if part == 1 else TALK_NETS * TALK_EXPERIMENTS // (part * CORES),
                    TALK_EXPERIMENTS if part == 1 else CORES,
                    2,
                    record=Record.OUTPUTS,
                    engine=engine,
                )
                start = time.perf_counter()
                run(settings, workers=CORES)
                taken[engine, net, width] = part * (time.perf_counter() - start)
    lines = [
        "## The talk's experiment",
        "",
        f"{TALK_EXPERIMENTS} experiments of {TALK_NETS:,} networks, products of outputs recorded (n = 1 .. 6): seconds.",
        "",
        f"| | net | {' | '.join(f'N = {width}' for width in TALK_WIDTHS)} | sum |",
        "|---|---|" + "--:|" * (len(TALK_WIDTHS) + 1),
    ]
    totals = {}
    for engine, part in parts.items():
        if engine in ENGINES:
            source = "in full" if part == 1 else f"{part} x the time of 1/{part}"
            for net in PRESETS:
                row = [taken[engine, net, width] for width in TALK_WIDTHS]
                shown = " | ".join(f"{each:.1f}" if each < 99.95 else f"{each:.0f}" for each in row)
                lines.append(f"| {name(engine)}, {source} | {net} | {shown} | {sum(row):.0f} |")
            totals[engine] = sum(taken[engine, net, width] for net in PRESETS for width in TALK_WIDTHS)
    spoken = "; ".join(f"{name(engine)} {seconds / 60:.1f} min" for engine, seconds in totals.items())
    lines += ["", f"All three nets: {spoken}."]
    if Engine.FAST32 not in totals:
        return lines, []
    minutes = totals[Engine.FAST32] / 60
    source = "in full" if whole else "scaled up"
    goal = f"the talk's whole experiment, fast float32, {CORES} threads, in less than 5 min"
    return lines, [Goal(goal, f"{minutes:.1f} min, {source}", minutes < 5)]


def equal_error(effort: Effort) -> Part:
    """Time that Delta G^(4) takes with plain averages over that with another estimator, at equal error."""
    erf_net, width, experiments = preset("erf"), 100, effort.experiments
    architecture, points = erf_net.architecture(), erf_net.points()
    stream = width * effort.networks // 2
    samples = {Record.OUTPUTS: effort.networks, Record.CONDITIONAL: effort.networks, Record.NEURONS: stream}
    ensembles = {}
    for record, nets in samples.items():
        sys.stderr.write(f"equal error {record.value}\n")
        at = width if record.of_networks else None
        ensembles[record] = costs(
            SimulationSettings.make(architecture, points, at, nets, experiments, 3, record=record)
        )
    exact = exact_correlators(architecture, points, 4).delta.at(width)
    lines = [
        "## Estimators at equal error",
        "",
        f"Delta G^(4) of Erf-net at N = {width}, {experiments} experiments each of {effort.networks:,} networks or "
        f"{stream:,} neurons, NumPy. Variances over experiments, meaned over the {len(exact)} tuples; the chi^2 error of their "
        "ratio is that of a single tuple. Speed-up: variance x time of plain averaging over that of an estimator.",
        "",
        "| estimator | record | ms per experiment | standard deviation | variance ratio | time ratio | speed-up "
        "| largest deviation from exact |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    kernel, plain = kernel_of(architecture), np.zeros(())
    best, error = 0.0, sqrt(4 / (experiments - 1))
    for estimator in (each for each in Estimator if each.record in ensembles):
        ensemble, cost = ensembles[estimator.record]
        values = measure_correlators(ensemble, estimator, kernel, width=width).delta(4)
        if estimator is Estimator.PLAIN:
            plain = values
        variance = float(values.var(axis=0, ddof=1).mean())
        gain = float(plain.var(axis=0, ddof=1).mean()) / variance
        time_ratio = ensembles[Record.OUTPUTS][1] / cost
        off = float(np.abs((values.mean(axis=0) - exact) / (values.std(axis=0, ddof=1) / sqrt(experiments))).max())
        if off > LARGEST_DEVIATION + 1:  # Student's t, the largest of 126 tuples
            sys.exit(f"estimator {estimator.value}: {off:.1f} standard errors from the exact Delta G^(4)")
        best = max(best, gain * time_ratio)
        speed = "1" if values is plain else f"{gain * time_ratio:.1e} ± {error:.0%}"
        lines.append(
            f"| {estimator.value} | {estimator.record.value} | {1000 * cost:.1f} | {sqrt(variance):.2e} | {gain:.2g} "
            f"| {time_ratio:.2f} | {speed} | {off:.1f} sigma |"
        )
    return lines, [Goal("equal-error speed-up of Delta G^(4), 1e5 or more", f"{best:.1e}", best >= 1e5)]


def costs(settings: SimulationSettings) -> tuple[Ensemble, float]:
    """An ensemble, and the wall time of one of its experiments."""
    start = time.perf_counter()
    ensemble = run(settings, workers=CORES)
    return ensemble, (time.perf_counter() - start) / settings.experiments


def memory(effort: Effort) -> Part:
    """Peak memory of fresh processes above their imports."""
    lines = [
        "## Memory",
        "",
        f"Peak of a fresh process above what it held after its imports, in MB (`peak_memory.py`): Erf-net, {CORES} threads, "
        "all products recorded; compiled engines with their compiling.",
        "",
        f"| engine | N | {' | '.join(f'{size:,} networks' for size in effort.memory)} |",
        "|---|--:|" + "--:|" * len(effort.memory),
    ]
    most = 0.0
    for engine in (each for each in ENGINES if each is not Engine.FAST64):
        for width in (2, 1000):
            sys.stderr.write(f"memory {engine.value} {width}\n")
            peaks = [peak(engine, width, size) for size in effort.memory]
            most = max(most, *peaks)
            lines.append(f"| {name(engine)} | {width} | {' | '.join(f'{each:.0f}' for each in peaks)} |")
    return lines, [
        Goal("memory above the imports below 300 MB, for any number of networks", f"{most:.0f} MB", most < 300)
    ]


def peak(engine: Engine, width: int, networks: int) -> float:
    """Megabytes that one simulation needs."""
    command = [sys.executable, str(HERE / "peak_memory.py"), engine.value, str(width), str(networks)]
    done = subprocess.run(  # noqa: S603
        [*command, "--workers", str(CORES)], check=True, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    return float(done.stdout)
