"""How lambda runs with the cutoff: measured, exact, and the law that is derived for large cutoffs.

Talk, "Theory vs. Experiment" for three networks and "Fixed Points". G^(4) does not know the cutoff, so that lambda(Lambda) =
mean of Delta G^(4)/A4(Lambda) follows at every cutoff from one set of correlators (`measure.cutoffs`), and so does its local
slope d log|lambda|/d log Lambda, without differences. The laws for Lambda -> infinity are derived from the kernel
(`symbolic.beta`), not looked up. With c = lambda Lambda^E, E the derived power, a plateau in c is a fixed point; below the
talk's cutoffs it is followed down to the inputs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.action import TALK_ACTION
from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.kernels import kernel_of
from feyn_nn.measure import best_estimator, measure_correlators
from feyn_nn.measure.cutoffs import cutoff_coefficients, lambda_running
from feyn_nn.network import PRESETS
from feyn_nn.render.plots import Kind, Panel, Series, plot_svg
from feyn_nn.reproduce.agreement import agreement, distance
from feyn_nn.reproduce.formulas import running_coupling
from feyn_nn.reproduce.laws import limit_slope, plateau_power
from feyn_nn.reproduce.result import Finding, Result, Statement, Subject, Verdict, versions
from feyn_nn.reproduce.table import Table, meaning, numbers
from feyn_nn.reproduce.talk import CUTOFFS, DIMENSIONS, DISPLAY, RUNNING_WIDTHS, points
from feyn_nn.reproduce.wording import listed, measured_text
from feyn_nn.symbolic.beta import beta_functions, exponent_text

if TYPE_CHECKING:
    from feyn_nn.report import Block
    from feyn_nn.reproduce.table import Excerpt
    from feyn_nn.reproduce.workshop import Workshop
    from feyn_nn.symbolic.beta import BetaFunctions

NAME: Final = "rg"
PER_DECADE: Final = 4
"""Cutoffs of the exact c below the talk's, in each factor of ten."""
INSIDE: Final = 2.0
"""The smallest of them, in units of the largest coordinate of an input."""
EXACTLY: Final = 1e-6
NEARLY: Final = 0.01
"""Distances of slopes that count as none, and as small."""
ROUNDING: Final = 1e-12
SHOWN: Final = (10.0, 100.0, 1e5)
"""Cutoffs whose slopes stand in the findings."""
LAW: Final = Statement("β(λ) = −(d_in + 4) λ for ReLU-net, −d_in λ for Erf- and Gauss-net", Subject.TALK)
RELEVANCE: Final = Statement("κ is more irrelevant than λ", Subject.TALK)
ULTRAVIOLET: Final = Statement("c = λ Λ^d_in has an ultraviolet fixed point", Subject.TALK)
INFRARED: Final = Statement("c has an infrared fixed point", Subject.TALK)


@dataclass(frozen=True, slots=True)
class Row:
    """One network, number of input dimensions, width and cutoff; measured with single neurons."""

    network: str = field(metadata=meaning("name of the preset"))
    d_in: int = field(metadata=meaning("number of input dimensions"))
    width: int = field(metadata=meaning("N"))
    cutoff: float = field(metadata=meaning("Lambda; lines are K"))
    exact: float = field(metadata=meaning("lambda from the exact G^(4), mean over sorted 4-tuples"))
    measured: float = field(metadata=meaning("the same, measured"))
    error: float | None = field(metadata=meaning("its error over experiments"))
    slope: float = field(metadata=meaning("d log|lambda|/d log Lambda at this cutoff, exact"))
    slope_measured: float = field(metadata=meaning("the same, measured"))
    slope_error: float | None = field(metadata=meaning("its jackknife error over experiments"))
    limit: float = field(metadata=meaning("that slope as Lambda -> infinity, derived from the kernel"))


@dataclass(frozen=True, slots=True)
class LineRow:
    """A straight line through log|lambda| over log Lambda."""

    network: str = field(metadata=meaning("name of the preset"))
    d_in: int = field(metadata=meaning("number of input dimensions"))
    exact: float = field(metadata=meaning("slope of the line through all cutoffs, exact"))
    measured: float = field(metadata=meaning("the same, measured"))
    error: float | None = field(metadata=meaning("its jackknife error over experiments"))
    limit: float = field(metadata=meaning("the slope as Lambda -> infinity, derived from the kernel"))
    kappa_limit: float = field(metadata=meaning("that of kappa"))
    lambda_exponent: str = field(metadata=meaning("beta(lambda)/lambda as Lambda -> infinity, coupled system, in d_in"))
    kappa_exponent: str = field(metadata=meaning("beta(kappa)/kappa as Lambda -> infinity, coupled system, in d_in"))


@dataclass(frozen=True, slots=True)
class FixedPointRow:
    """The dimensionless coupling at one cutoff, at the talk's width."""

    network: str = field(metadata=meaning("name of the preset"))
    d_in: int = field(metadata=meaning("number of input dimensions"))
    cutoff: float = field(metadata=meaning("Lambda; lines are K"))
    power: float = field(metadata=meaning("E in c = lambda Lambda^E, for Lambda -> infinity"))
    c: float = field(metadata=meaning("N lambda Lambda^E, exact: c at N = 1"))
    slope: float = field(metadata=meaning("d log|c|/d log Lambda, exact"))


@dataclass(frozen=True, slots=True)
class _Runs:
    rows: list[Row]
    lines: list[LineRow]
    fixed: list[FixedPointRow]
    betas: dict[tuple[str, int], BetaFunctions]

    def laws(self, name: str, d_in: int) -> BetaFunctions:
        """The derived laws, which are the same for every number of dimensions from two on."""
        place = name, min(d_in, 2)
        if place not in self.betas:
            self.betas[place] = beta_functions(TALK_ACTION, kernel_of(PRESETS[name].architecture(place[1])))
        return self.betas[place]

    def of(self, name: str, d_in: int) -> list[Row]:
        """The rows at the talk's width."""
        width = PRESETS[name].effective_width
        return [row for row in self.rows if (row.network, row.d_in, row.width) == (name, d_in, width)]

    def line(self, name: str, d_in: int) -> LineRow:
        return next(row for row in self.lines if (row.network, row.d_in) == (name, d_in))

    def fixed_points(self, name: str, d_in: int) -> list[FixedPointRow]:
        return [row for row in self.fixed if (row.network, row.d_in) == (name, d_in)]


def rg(workshop: Workshop) -> Result:
    """Simulate what is missing in the workshop's directory, and measure."""
    runs = _Runs([], [], [], {})
    for name in PRESETS:
        for d_in in DIMENSIONS:
            _run(workshop, name, d_in, runs)
    findings = tuple(finding for name in PRESETS for finding in _findings(name, runs, workshop.size.experiments))
    panels = [panel(name, runs) for panel in (_couplings, _slopes, _plateaus) for name in PRESETS]
    title = "The quartic coupling against the cutoff"
    caption = (
        "Above: |λ| at the talk's 21 cutoffs and three numbers of input dimensions; dashed, the derived power of Λ through the "
        "last point. Middle: the local slope. Below: c = λ Λ^E with the derived E, relative to its value at the last "
        "cutoff, from the inputs on. Points are single neurons, one measurement for all cutoffs."
    )
    return Result(
        NAME,
        title,
        "slides “Theory vs. Experiment” and “SO(d_out) Symmetry and Fixed Points”",
        caption,
        workshop.describe() | {"cutoffs": list(CUTOFFS), "propagator": "full"},
        versions(),
        findings,
        (
            Table.of(NAME, title, runs.rows),
            Table.of(f"{NAME}-lines", "Straight lines through all cutoffs, and the derived laws", runs.lines),
            Table.of(f"{NAME}-fixed-points", "The dimensionless coupling c", runs.fixed),
        ),
        plot_svg(panels, caption),
    )


def theory() -> tuple[Block, ...]:
    """How lambda runs."""
    return (running_coupling(),)


def shown(result: Result) -> tuple[Excerpt, ...]:
    """The straight lines."""
    lines = result.tables[1]
    return (lines.excerpt(("network", "d_in", "exact", "measured", "error", "limit", "kappa_limit")),)


def _run(workshop: Workshop, name: str, d_in: int, runs: _Runs) -> None:
    """Add what one network in so many dimensions says."""
    architecture, inputs = PRESETS[name].architecture(d_in), points(name, d_in)
    kernel = kernel_of(architecture)
    coefficients = cutoff_coefficients(inputs, CUTOFFS, kernel, kernel)
    four = exact_correlators(architecture, inputs, 4)
    neurons = workshop.neurons(architecture, inputs)
    betas = runs.laws(name, d_in)
    limit = limit_slope(betas["lambda"], d_in)
    for width in RUNNING_WIDTHS[name]:
        exact = lambda_running(np.atleast_2d(four.delta.at(width)), coefficients)
        correlators = measure_correlators(neurons, best_estimator(architecture), kernel, width=width)
        measured = lambda_running(correlators.delta(4), coefficients, refused=correlators.refused(4))
        for place, cutoff in enumerate(coefficients.cutoffs.tolist()):
            value, slope = measured.coupling[place], measured.slope[place]
            runs.rows.append(
                Row(
                    name, d_in, width, cutoff, exact.coupling[place].mean, value.mean, value.error,
                    exact.slope[place].mean, slope.mean, slope.error, limit,
                )
            )  # fmt: skip
        if width == PRESETS[name].effective_width:
            line = measured.straight_line
            exponents = (exponent_text(betas[coupling].exponent) for coupling in ("lambda", "kappa"))
            kappa = limit_slope(betas["kappa"], d_in)
            runs.lines.append(
                LineRow(name, d_in, exact.straight_line.mean, line.mean, line.error, limit, kappa, *exponents)
            )
    smallest = INSIDE * float(np.abs(inputs).max())
    steps = max(1, round(PER_DECADE * np.log10(CUTOFFS[0] / smallest)))
    below = np.geomspace(smallest, CUTOFFS[0], steps + 1)[:-1].tolist()
    inside = lambda_running(
        np.atleast_2d(four.delta.at(1)), cutoff_coefficients(inputs, [*below, CUTOFFS[0]], kernel, kernel)
    )
    talk = lambda_running(np.atleast_2d(four.delta.at(1)), coefficients)
    power = plateau_power(betas["lambda"], d_in)
    for running, places in ((inside, range(len(below))), (talk, range(len(CUTOFFS)))):
        for place in places:
            at = float(running.coefficients.cutoffs[place])
            c, along = running.coupling[place].mean * at**power, running.slope[place].mean + power
            runs.fixed.append(FixedPointRow(name, d_in, at, power, c, along))


def _above_rounding(error: float | None) -> float | None:
    """An error that is more than rounding: where all tuples are one measurement a slope has none."""
    return error if error and error > ROUNDING else None


def _findings(name: str, runs: _Runs, experiments: int) -> tuple[Finding, ...]:
    rows = [row for row in runs.rows if row.network == name]
    return (
        _law(name, runs, experiments),
        _relevance(name, runs),
        _ultraviolet(name, runs),
        _infrared(name, runs),
        agreement(
            "The measured λ and slopes",
            name,
            [
                each
                for row in rows
                for each in (
                    distance(row.measured, row.error, row.exact),
                    distance(row.slope_measured, _above_rounding(row.slope_error), row.slope),
                )
            ],
            experiments,
        ),
    )


def _law(name: str, runs: _Runs, experiments: int) -> Finding:
    """The talk's beta function."""
    lines = [runs.line(name, d_in) for d_in in DIMENSIONS]
    gaps = [[abs(row.slope - row.limit) for row in runs.of(name, d_in)] for d_in in DIMENSIONS]
    law = f"Derived: β(λ) → {_signed(lines[0].lambda_exponent)} λ"
    if all(max(found) < EXACTLY for found in gaps):
        return Finding(
            LAW, name, Verdict.HOLDS, f"{law}, and so it is at every cutoff, for d_in = {listed(DIMENSIONS)}."
        )
    slopes = {row.cutoff: row.slope for row in runs.of(name, 1)}
    measured = (
        measured_text(line.measured, line.error, experiments) if _above_rounding(line.error) else f"{line.measured:.4f}"
        for line in lines
    )
    return Finding(
        LAW,
        name,
        Verdict.of(all(found[-1] < NEARLY for found in gaps), limits=True),
        f"{law} in the limit. In d_in = 1 the slope is {listed(f'{slopes[at]:.3f}' for at in SHOWN)} at Λ = "
        f"{listed(f'{at:g}' for at in SHOWN)}. Straight lines through all {len(slopes)} cutoffs have the slopes "
        f"{listed(f'{line.exact:.4f}' for line in lines)} for d_in = {listed(DIMENSIONS)}, measured {listed(measured)}.",
    )


def _signed(exponent: str) -> str:
    return exponent.replace("-", "−")


def _relevance(name: str, runs: _Runs) -> Finding:
    """Whether kappa falls faster than lambda."""
    lines = [runs.line(name, d_in) for d_in in DIMENSIONS]
    faster = all(line.kappa_limit < line.limit for line in lines)
    return Finding(
        RELEVANCE,
        name,
        Verdict.of(faster),
        f"Derived: β(κ) → {_signed(lines[0].kappa_exponent)} κ, β(λ) → {_signed(lines[0].lambda_exponent)} λ"
        + ("." if faster else ": both fall alike, and κ is small by 1/N alone."),
    )


def _ultraviolet(name: str, runs: _Runs) -> Finding:
    """A plateau of c at large cutoffs, for the talk's power of Lambda or another one."""
    fixed = [runs.fixed_points(name, d_in) for d_in in DIMENSIONS]
    slope = max(abs(each[-1].slope) for each in fixed)
    power = str(runs.laws(name, 1)["lambda"].fixed_points.ultraviolet_exponent)
    power = power if power.isidentifier() else f"({power})"
    as_in_the_talk = all(each[0].power == d_in for each, d_in in zip(fixed, DIMENSIONS, strict=True))
    steepness = f"{slope:.1g} or less" if slope > EXACTLY else "zero"
    return Finding(
        ULTRAVIOLET,
        name,
        Verdict.of(slope < NEARLY, limits=not as_in_the_talk),
        f"With c = λ Λ^{power}{'' if as_in_the_talk else ', not Λ^d_in,'} the slope d log|c|/d log Λ is {steepness} at Λ = "
        f"{CUTOFFS[-1]:g}, d_in = {listed(DIMENSIONS)}.",
    )


def _infrared(name: str, runs: _Runs) -> Finding:
    """A plateau of c at cutoffs that still contain the inputs."""
    rows = runs.fixed_points(name, 1)
    steepest = max(rows, key=lambda row: abs(row.slope))
    constant, reached = abs(steepest.slope) < EXACTLY, abs(rows[0].slope) < NEARLY
    if constant:
        said = "c does not run at all: it is constant at every Λ that contains the inputs"
    else:
        said = f"d log|c|/d log Λ = {rows[0].slope:.2g} at Λ = {rows[0].cutoff:g}, {INSIDE:g} times the largest input"
        said += (
            f"; in between c runs, at most with slope {steepest.slope:.2f} at Λ = {steepest.cutoff:.2g}"
            if reached
            else ": no plateau, for the inputs are not small against the scale of the kernel"
        )
    return Finding(INFRARED, name, Verdict.of(reached or constant), f"In d_in = 1, {said}.")


def _couplings(name: str, runs: _Runs) -> Panel:
    series = []
    for d_in in DIMENSIONS:
        rows, group = runs.of(name, d_in), _group(d_in)
        x, exact = numbers(row.cutoff for row in rows), np.abs(numbers(row.exact for row in rows))
        series += [
            Series(
                "single neurons", group, Kind.MEASURED, x,
                np.abs(numbers(row.measured for row in rows)), numbers(row.error for row in rows),
            ),
            Series("exact", group, Kind.EXACT, x, exact),
            Series("derived law", group, Kind.PREDICTED, x, exact[-1] * (x / x[-1]) ** rows[-1].limit),
        ]  # fmt: skip
    return Panel(f"{DISPLAY[name]}, N = {PRESETS[name].effective_width}", "cutoff Λ", "|λ|", tuple(series))


def _slopes(name: str, runs: _Runs) -> Panel:
    series = []
    for d_in in DIMENSIONS:
        rows, group = runs.of(name, d_in), _group(d_in)
        x = numbers(row.cutoff for row in rows)
        series += [
            Series(
                "single neurons", group, Kind.MEASURED, x,
                numbers(row.slope_measured for row in rows), numbers(row.slope_error for row in rows),
            ),
            Series("exact", group, Kind.EXACT, x, numbers(row.slope for row in rows)),
            Series("derived law", group, Kind.PREDICTED, x, numbers(row.limit for row in rows)),
        ]  # fmt: skip
    return Panel(DISPLAY[name], "cutoff Λ", "d log|λ| / d log Λ", tuple(series), log_y=False)


def _plateaus(name: str, runs: _Runs) -> Panel:
    series = []
    for d_in in DIMENSIONS:
        fixed = runs.fixed_points(name, d_in)
        last = fixed[-1].c
        rows = runs.of(name, d_in)
        width, power = rows[0].width, fixed[0].power
        x = numbers(row.cutoff for row in rows)
        measured, errors = (
            numbers(getattr(row, key) for row in rows) * width * x**power / last for key in ("measured", "error")
        )
        series += [
            Series("single neurons", _group(d_in), Kind.MEASURED, x, measured, np.abs(errors)),
            Series(
                "exact", _group(d_in), Kind.EXACT,
                numbers(row.cutoff for row in fixed), numbers(row.c / last for row in fixed),
            ),
        ]  # fmt: skip
    return Panel(DISPLAY[name], "cutoff Λ", "c over its last value", tuple(series), log_y=False, marks=(1.0,))


def _group(d_in: int) -> str:
    return f"d_in = {d_in}"
