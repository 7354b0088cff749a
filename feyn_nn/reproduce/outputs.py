"""Several outputs: lambda at first and at second order against d_out, and the three channels of G^(4).

Talk, "SO(d_out) Symmetry and Fixed Points": the vertex is lambda (f.f)^2 and the coefficient of lambda^2 in G^(4) knows
d_out. With all legs on one output, lambda_1 = Delta G^(4)/A4 is the coupling at first order, r the part of order lambda^2
over that of order lambda, and at second order, on the branch that starts at lambda_1,

    A4 lambda + B4 lambda^2 = Delta G^(4),    lambda_2 = 2 lambda_1 / (1 + sqrt(1 + 4 r)),

for each tuple. Contact and bubbles are SO(d_out) symmetric; what the vertex cannot give is a channel 12|34 of G^(4)_iijj that
differs from 13|24, and the exact correlators say by how much they do.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.errors import InputError
from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.kernels import kernel_of
from feyn_nn.measure import Estimator, best_estimator, measure_correlators
from feyn_nn.measure.couplings import QUARTIC, theory_coefficients
from feyn_nn.measure.diagnosis import CONSTANCY, PERTURBATION
from feyn_nn.measure.fits import mean_lambda, second_order_share, second_over_first
from feyn_nn.measure.sources import exact_source
from feyn_nn.network import PRESETS, TALK_CUTOFF
from feyn_nn.render.plots import Kind, Panel, Series, plot_svg
from feyn_nn.reproduce.agreement import agreement, distance
from feyn_nn.reproduce.formulas import generated, second_order_equation
from feyn_nn.reproduce.laws import plateau_power
from feyn_nn.reproduce.result import Finding, Result, Statement, Subject, Verdict, versions
from feyn_nn.reproduce.table import Table, meaning, numbers, parts
from feyn_nn.reproduce.talk import DISPLAY
from feyn_nn.reproduce.wording import listed, measured_text
from feyn_nn.symbolic.beta import beta_functions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feyn_nn.arrays import FloatArray
    from feyn_nn.measure.couplings import TheoryCoefficients
    from feyn_nn.measure.sources import CorrelatorSource
    from feyn_nn.report import Block
    from feyn_nn.reproduce.table import Excerpt
    from feyn_nn.reproduce.workshop import Workshop

NAME: Final = "outputs"
OUTPUTS: Final = (1, 2, 5, 10, 20, 50, 100)
SIMULATED: Final = (1, 2, 10, 100)
"""Numbers of outputs of which networks are simulated."""
WIDTHS: Final = {"gauss": 1000, "erf": 5, "relu": 100}
"""Widths among the talk's at which perturbation theory holds for one output."""
CUTOFFS: Final = (10.0, 100.0, 1e3, 1e4)
EXACTLY: Final = 1e-8
_FIRST: Final = "first order, λ₁"
_SECOND: Final = "second order, λ₂"
FIRST_ORDER: Final = Statement("At first order λ does not depend on d_out", Subject.TALK)
GROWTH: Final = Statement("Second over first order grows with d_out as (d_out + 8)/9", Subject.TALK)
SUPPRESSED: Final = Statement("More outputs make the coupling smaller", Subject.TALK)
SYMMETRIC: Final = Statement(
    "The three channels of G⁽⁴⁾ are equal, as λ (f·f)² at first order has them", Subject.PREMISE
)


@dataclass(frozen=True, slots=True)
class Row:
    """One network, number of outputs and cutoff; what is measured is None where it was not, errors where they are refused."""

    network: str = field(metadata=meaning("name of the preset"))
    width: int = field(metadata=meaning("N"))
    d_out: int = field(metadata=meaning("number of outputs"))
    cutoff: float = field(metadata=meaning("Lambda; lines are K"))
    first: float = field(metadata=meaning("lambda at first order from the exact G^(4), mean over sorted 4-tuples"))
    first_stream: float = field(metadata=meaning("the same from single neurons, which know no outputs"))
    first_stream_error: float | None = field(metadata=meaning("its error over experiments"))
    first_plain: float | None = field(
        metadata=meaning("the same from plain averages over networks with so many outputs, and over the outputs")
    )
    first_plain_error: float | None = field(metadata=meaning("its error over experiments"))
    second_over_first: float = field(
        metadata=meaning("part of G^(4) of order lambda^2 over that of order lambda, at lambda of first order, exact")
    )
    law: float = field(metadata=meaning("that at one output times (d_out + 8)/9"))
    ratio: float = field(metadata=meaning("lambda at second order over lambda at first order, exact"))
    ratio_stream: float = field(metadata=meaning("the same from single neurons"))
    ratio_stream_error: float | None = field(metadata=meaning("its jackknife error over experiments"))
    c: float = field(metadata=meaning("lambda at second order times Lambda^E, E derived for large cutoffs, exact"))


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """The three channels of the connected G^(4)_iijj, i != j, over all sorted 4-tuples."""

    network: str = field(metadata=meaning("name of the preset"))
    width: int = field(metadata=meaning("N"))
    scatter: float = field(
        metadata=meaning(
            "root mean square of the channels' distance from their mean, over that of the mean; 0 at first order"
        )
    )


def outputs(workshop: Workshop) -> Result:
    """Simulate what is missing in the workshop's directory, and measure."""
    rows = [row for name in PRESETS for row in _rows(workshop, name)]
    channels = [_channels(name) for name in PRESETS]
    findings = tuple(
        finding
        for name, row in zip(PRESETS, channels, strict=True)
        for finding in _findings([each for each in rows if each.network == name], row, workshop.size.experiments)
    )
    panels = [panel(name, rows) for panel in (_couplings, _orders, _plateaus) for name in PRESETS]
    title = "Several outputs"
    caption = (
        f"Above: λ at first and at second order over the exact λ of first order, Λ = {TALK_CUTOFF:g}. Middle: the part of "
        f"G⁽⁴⁾ of order λ² over that of order λ; dashed (d_out + 8)/9; the line is at {PERTURBATION:g}. Below: the "
        "dimensionless coupling at second order, which has a fixed point for every d_out."
    )
    return Result(
        NAME,
        title,
        "slide “SO(d_out) Symmetry and Fixed Points”",
        caption,
        workshop.describe() | {"propagator": "full"},
        versions(),
        findings,
        (Table.of(NAME, title, rows), Table.of(f"{NAME}-channels", "Channels of the connected G⁽⁴⁾", channels)),
        plot_svg(panels, caption),
    )


def theory() -> tuple[Block, ...]:
    """How lambda is had at second order."""
    return second_order_equation(), *generated(
        4, 2, "For one output. Each bubble carries d_out + 8 over nine on equal legs."
    )


def shown(result: Result) -> tuple[Excerpt, ...]:
    """The talk's cutoff, and the channels."""
    columns = (
        "network", "width", "d_out", "first", "first_plain", "first_plain_error", "second_over_first", "ratio",
        "ratio_stream", "ratio_stream_error",
    )  # fmt: skip
    main, channels = result.tables
    return main.excerpt(columns, cutoff=(TALK_CUTOFF,)), channels.excerpt(channels.columns)


def _second(theory: TheoryCoefficients) -> FloatArray:
    if theory.second is None:
        raise InputError("the second order in lambda was not integrated: d_in is too large")
    return theory.second


def _rows(workshop: Workshop, name: str) -> Iterator[Row]:
    preset, width = PRESETS[name], WIDTHS[name]
    architecture, inputs = preset.architecture(), preset.points()
    kernel = kernel_of(architecture)
    exact = exact_source(architecture, inputs, width)
    stream = measure_correlators(
        workshop.neurons(architecture, inputs), best_estimator(architecture), kernel, width=width
    )
    power = plateau_power(beta_functions(QUARTIC, kernel)["lambda"], 1)
    plain = {
        d_out: measure_correlators(
            workshop.networks(replace(architecture, d_out=d_out), inputs, width), Estimator.PLAIN, kernel
        )
        for d_out in SIMULATED
        if not architecture.activation.normalised  # a heavy tail forbids their error bars anyway
    }
    several = {d_out: theory_coefficients(inputs, TALK_CUTOFF, kernel, kernel, d_out) for d_out in OUTPUTS}
    growth = {d_out: _size(exact, theory) / _size(exact, several[1]) for d_out, theory in several.items()}
    for cutoff in CUTOFFS:
        one = several[1] if cutoff == TALK_CUTOFF else theory_coefficients(inputs, cutoff, kernel, kernel)
        for d_out in OUTPUTS if cutoff == TALK_CUTOFF else SIMULATED:
            # What the deltas give knows no cutoff.
            theory = several[d_out] if cutoff == TALK_CUTOFF else replace(one, second=growth[d_out] * _second(one))
            first, stream_first = mean_lambda(exact, theory).mean, mean_lambda(stream, theory)
            ratio, stream_ratio = second_order_share(exact, theory).mean, second_order_share(stream, theory)
            yield Row(
                name, width, d_out, cutoff, first, stream_first.mean, stream_first.error,
                *parts(mean_lambda(plain[d_out], theory) if d_out in plain else None),
                _size(exact, theory), _size(exact, one) * (d_out + 8) / 9,
                ratio, stream_ratio.mean, stream_ratio.error, ratio * first * cutoff**power,
            )  # fmt: skip


def _size(source: CorrelatorSource, theory: TheoryCoefficients) -> float:
    """The part of G^(4) of order lambda^2 over that of order lambda."""
    found = second_over_first(source, theory)
    return np.nan if found is None else found.mean


def _channels(name: str) -> ChannelRow:
    width = WIDTHS[name]
    layer = exact_correlators(PRESETS[name].architecture(), PRESETS[name].points(), 4).layer
    channels = np.asarray(layer.connected_by_pairing(4).at(width), dtype=np.float64)  # (tuples, pairings)
    mean = channels.mean(axis=1, keepdims=True)
    return ChannelRow(name, width, float(np.sqrt(np.mean((channels - mean) ** 2) / np.mean(mean**2))))


def _at(name: str, rows: list[Row], cutoff: float = TALK_CUTOFF) -> list[Row]:
    return [row for row in rows if (row.network, row.cutoff) == (name, cutoff)]


def _findings(rows: list[Row], channels: ChannelRow, experiments: int) -> tuple[Finding, ...]:
    here = [row for row in rows if row.cutoff == TALK_CUTOFF]
    return (
        _first_order(here, experiments),
        _growth(rows),
        _suppressed(here, experiments),
        _symmetric(channels),
        agreement(
            "The measured λ and λ₂/λ₁",
            channels.network,
            [
                each
                for row in rows
                for each in (
                    distance(row.first_stream, row.first_stream_error, row.first),
                    distance(row.first_plain, row.first_plain_error, row.first),
                    distance(row.ratio_stream, row.ratio_stream_error, row.ratio),
                )
            ],
            experiments,
        ),
    )


def _first_order(rows: list[Row], experiments: int) -> Finding:
    measured = [row for row in rows if row.first_plain is not None]
    largest = max(abs(row.first / rows[0].first - 1) for row in rows)
    said = f"N = {rows[0].width}: λ = {rows[0].first:.4g}"
    if measured:
        texts = listed(measured_text(row.first_plain, row.first_plain_error, experiments) for row in measured)
        said += f"; plain averages over networks with d_out = {listed(row.d_out for row in measured)} give {texts}"
    return Finding(FIRST_ORDER, rows[0].network, Verdict.of(largest < EXACTLY), f"{said}.")


def _growth(rows: list[Row]) -> Finding:
    worst = max(abs(row.second_over_first / row.law - 1) for row in rows)
    return Finding(
        GROWTH,
        rows[0].network,
        Verdict.of(worst < EXACTLY),
        f"The diagrams with their deltas summed give that, to {worst:.0e}.",
    )


def _suppressed(rows: list[Row], experiments: int) -> Finding:
    falling = all(abs(b.ratio) < abs(a.ratio) for a, b in pairwise(rows))
    shown = [row for row in rows if row.d_out in SIMULATED]
    last = shown[-1]
    beyond = [row.d_out for row in rows if abs(row.second_over_first) > PERTURBATION]
    return Finding(
        SUPPRESSED,
        last.network,
        Verdict.of(falling, limits=True),
        f"Not at first order. N = {last.width}: λ₂/λ₁ = {listed(f'{row.ratio:.3f}' for row in shown)} at d_out = "
        f"{listed(row.d_out for row in shown)}, measured "
        f"{measured_text(last.ratio_stream, last.ratio_stream_error, experiments)} at the last"
        + (f"; from d_out = {beyond[0]} on the second order is not small." if beyond else "."),
    )


def _symmetric(row: ChannelRow) -> Finding:
    return Finding(
        SYMMETRIC,
        row.network,
        Verdict.of(row.scatter <= CONSTANCY, limits=row.scatter > EXACTLY),
        "They are, for every tuple."
        if row.scatter <= EXACTLY
        else f"Over all tuples they scatter by {row.scatter:.2g} of their mean (root mean squares).",
    )


def _couplings(name: str, rows: list[Row]) -> Panel:
    chosen = _at(name, rows)
    x, first = numbers(row.d_out for row in chosen), numbers(row.first for row in chosen)
    plain, error = (numbers(getattr(row, key) for row in chosen) for key in ("first_plain", "first_plain_error"))
    stream, stream_error = (
        numbers(getattr(row, key) for row in chosen) for key in ("first_stream", "first_stream_error")
    )
    ratio, ratio_error = (
        numbers(getattr(row, key) for row in chosen) for key in ("ratio_stream", "ratio_stream_error")
    )
    simulated = np.isfinite(plain)
    series = [
        Series("exact", _FIRST, Kind.EXACT, x, np.ones_like(x)),
        Series("exact", _SECOND, Kind.EXACT, x, numbers(row.ratio for row in chosen)),
        Series("single neurons ± error", _FIRST, Kind.RANGE, x, stream / first, stream_error / np.abs(first)),
        Series("single neurons", _SECOND, Kind.MEASURED, x, ratio, ratio_error),
    ]
    if simulated.any():
        series.append(
            Series(
                "networks, plain averages", _FIRST, Kind.MEASURED, x[simulated],
                (plain / first)[simulated], (error / np.abs(first))[simulated],
            )
        )  # fmt: skip
    title = f"{DISPLAY[name]}, N = {chosen[0].width}"
    return Panel(title, "d_out", "λ over exact λ₁", tuple(series), log_y=False)


def _orders(name: str, rows: list[Row]) -> Panel:
    chosen = _at(name, rows)
    x = numbers(row.d_out for row in chosen)
    series = (
        Series("exact", _SECOND, Kind.EXACT, x, numbers(row.second_over_first for row in chosen)),
        Series("(d_out + 8)/9", _SECOND, Kind.PREDICTED, x, numbers(row.law for row in chosen)),
    )
    return Panel(DISPLAY[name], "d_out", "order λ² over order λ", series, marks=(PERTURBATION,))


def _plateaus(name: str, rows: list[Row]) -> Panel:
    series = []
    for d_out in SIMULATED:
        chosen = [row for row in rows if (row.network, row.d_out) == (name, d_out)]
        x = numbers(row.cutoff for row in chosen)
        series.append(Series("exact", f"d_out = {d_out}", Kind.EXACT, x, np.abs(numbers(row.c for row in chosen))))
    return Panel(DISPLAY[name], "cutoff Λ", "|c| at second order", tuple(series))
