"""The falloff of m_n = Delta G^(n) / G_GP^(n) with the width, and the background of the measurement.

Talk, "Experimental Falloff to GP Predictions": three networks, ten widths, ten experiments, plain averages of products of
outputs; the background is the standard deviation of m_n over experiments, averaged over tuples. The same networks measured by
their K_hat, relative to the exact K (estimator `centred`), say what plain averages cannot: every width has networks of its
own, so that the fitted power is a measurement. One stream of neurons for all widths (`neuron`, `tilted`) is the sharpest;
there the law in 1/N is built in. Beside them stand the exact m_n, polynomials in 1/N, and how many networks plain averages
would need.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.kernels import kernel_of
from feyn_nn.measure import Estimator, best_estimator, measure_correlators
from feyn_nn.network import PRESETS
from feyn_nn.render.plots import Kind, Panel, Series, plot_svg
from feyn_nn.reproduce.agreement import agreement, distance, exact_power, fitted_power, largest, plausible
from feyn_nn.reproduce.formulas import generated, ratio_to_free
from feyn_nn.reproduce.result import Finding, Result, Statement, Subject, Verdict, versions
from feyn_nn.reproduce.sampling import PlainAverages
from feyn_nn.reproduce.table import Table, meaning, numbers, parts
from feyn_nn.reproduce.talk import DISPLAY, SHOWN_WIDTHS
from feyn_nn.reproduce.wording import counted, finite, listed

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.network import Preset
    from feyn_nn.report import Block
    from feyn_nn.reproduce.table import Excerpt
    from feyn_nn.reproduce.workshop import Workshop

NAME: Final = "falloff"
ORDERS: Final = (2, 4, 6)
ACCURACY: Final = 0.01
POWER_TOLERANCE: Final = 1e-6
"""Of the part in 1/N^2 beside that in 1/N."""
_COLOURS: Final = {2: "m₂", 4: "m₄", 6: "m₆"}
EXACT_KERNEL: Final = Statement("The kernel is the exact two-point function at all widths", Subject.TALK)
INVERSE_WIDTH: Final = {
    4: Statement("ΔG⁽⁴⁾ falls as 1/N", Subject.TALK),
    6: Statement("ΔG⁽⁶⁾ falls as 1/N", Subject.TALK),
}
VISIBLE: Final = Statement("Plain averages show the falloff", Subject.PREMISE)


@dataclass(frozen=True, slots=True)
class Row:
    """One network, width and n. Errors and backgrounds are None where they are refused."""

    network: str = field(metadata=meaning("name of the preset"))
    width: int = field(metadata=meaning("N"))
    n: int = field(metadata=meaning("number of legs"))
    exact: float = field(metadata=meaning("m_n from exact correlators at width N, mean over sorted tuples"))
    plain: float | None = field(
        metadata=meaning("m_n from plain averages of products of outputs, mean over sorted tuples and experiments")
    )
    plain_error: float | None = field(
        metadata=meaning("its standard error over experiments, empty where a heavy tail forbids it")
    )
    background: float | None = field(
        metadata=meaning("standard deviation of plain m_n over experiments, averaged over tuples; empty as the error")
    )
    centred: float | None = field(metadata=meaning("m_n of the same networks from their K_hat relative to the exact K"))
    centred_error: float | None = field(metadata=meaning("its standard error over experiments, empty as the other"))
    stream: float | None = field(
        metadata=meaning("m_n from one stream of single neurons that serves all widths, empty for n = 2")
    )
    stream_error: float | None = field(metadata=meaning("its standard error over experiments"))
    stream_estimator: str = field(metadata=meaning("how that stream is measured"))
    networks_needed: float | None = field(
        metadata=meaning("networks after which plain averages would give Delta G^(n) at the last input to 1 %, exactly")
    )


def falloff(workshop: Workshop) -> Result:
    """Simulate what is missing in the workshop's directory, and measure."""
    rows = [each for name, preset in PRESETS.items() for each in _rows(workshop, name, preset)]
    experiments = workshop.size.experiments
    findings = tuple(
        finding
        for name in PRESETS
        for finding in _findings(name, [row for row in rows if row.network == name], experiments)
    )
    panels = [_as_in_the_talk(name, rows) for name in PRESETS] + [_sharpest(name, rows) for name in PRESETS]
    title = "Falloff of the correlators to those of the Gaussian process"
    caption = (
        "Size of mₙ = ΔG⁽ⁿ⁾/G_GP⁽ⁿ⁾, mean over all sorted tuples of the six inputs, against the width. Above: plain averages "
        "of products of outputs, as in the talk, with their background; hollow points have no error bar, for a few networks "
        "carry the average. Below: the same networks measured by their K_hat, for Gauss-net single neurons of the tilted law."
    )
    return Result(
        NAME,
        title,
        "slide “Experimental Falloff to GP Predictions”",
        caption,
        workshop.describe(),
        versions(),
        findings,
        (Table.of(NAME, title, rows),),
        plot_svg(panels, caption),
    )


def theory() -> tuple[Block, ...]:
    """What is measured."""
    return ratio_to_free(), *generated(4, 0, "Four legs without interaction: the pairings of the Gaussian process.")


def shown(result: Result) -> tuple[Excerpt, ...]:
    """Four and six legs at some widths."""
    columns = ("network", "width", "n", "exact", "plain", "plain_error", "background", "centred", "centred_error")
    return (result.tables[0].excerpt(columns, n=ORDERS[1:], width=SHOWN_WIDTHS),)


def _rows(workshop: Workshop, name: str, preset: Preset) -> list[Row]:
    architecture, inputs = preset.architecture(), preset.points()
    kernel, estimator = kernel_of(architecture), best_estimator(architecture)
    neurons = workshop.neurons(architecture, inputs)
    exact = {n: exact_correlators(architecture, inputs, n).ratios for n in ORDERS}
    needed = PlainAverages(architecture, inputs[-1:], max(ORDERS))
    rows = []
    for width in workshop.size.widths:
        networks = workshop.networks(architecture, inputs, width)
        plain = measure_correlators(networks, Estimator.PLAIN, kernel)
        centred = measure_correlators(networks, Estimator.CENTRED, kernel)
        stream = measure_correlators(neurons, estimator, kernel, width=width)
        for n in ORDERS:
            powers = float(width) ** -np.arange(exact[n].shape[1])
            averaged, sharp, sharpest = (each.ratio(n) for each in (plain, centred, stream))
            above = n > 2 and sharpest is not None  # K is known: what a stream says of it is no measurement
            rows.append(
                Row(
                    name,
                    width,
                    n,
                    float(np.nanmean(exact[n] @ powers)),
                    *parts(averaged),
                    finite(plain.background(n)),
                    *parts(sharp),
                    *parts(sharpest if above else None),
                    estimator.value,
                    needed.networks_needed(n, width, ACCURACY) if n > 2 else None,
                )
            )
    return rows


def _findings(name: str, rows: list[Row], experiments: int) -> tuple[Finding, ...]:
    return (
        _two_point(name, rows, experiments),
        *(_power(name, n, [row for row in rows if row.n == n]) for n in ORDERS[1:]),
        _visible(name, [row for row in rows if row.n > 2]),
        agreement(
            "m₄ and m₆ from K_hat and from single neurons",
            name,
            [
                distance(getattr(row, way), getattr(row, f"{way}_error"), row.exact)
                for row in rows
                if row.n > 2
                for way in ("centred", "stream")
            ],
            experiments,
        ),
    )


def _two_point(name: str, rows: list[Row], experiments: int) -> Finding:
    """K is G^(2)."""
    sigmas = {
        way: [
            found
            for row in rows
            if row.n == 2
            and (found := distance(getattr(row, way), getattr(row, f"{way}_error"), row.exact)) is not None
        ]
        for way in ("plain", "centred")
    }
    if not all(sigmas.values()):
        return Finding(EXACT_KERNEL, name, Verdict.UNDECIDED, "No error bar is supported.")
    return Finding(
        EXACT_KERNEL,
        name,
        Verdict.of(all(plausible(largest(found), len(found), experiments) for found in sigmas.values())),
        f"m₂ is zero to {max(sigmas['plain']):.2g} standard errors at most for averages of outputs, "
        f"{max(sigmas['centred']):.2g} for averages of K_hat, over {len(sigmas['plain'])} widths.",
    )


def _power(name: str, n: int, rows: list[Row]) -> Finding:
    """Delta G^(n) ~ 1/N."""
    widths, exact = [row.width for row in rows], [row.exact for row in rows]
    first, second = _series(rows[0], rows[-1])
    pure = abs(second) < POWER_TOLERANCE * abs(first)
    parts = []
    for way, words in (("centred", "by K_hat"), ("plain", "by plain averages")):
        errors = [getattr(row, f"{way}_error") for row in rows]
        measured, same = (fitted_power(widths, y, errors) for y in ([getattr(row, way) for row in rows], exact))
        if measured is not None and same is not None:
            parts.append(f"N^{measured} {words} (through the exact values N^{same.mean:.4f})")
    fits = f"Weighted fits give {' and '.join(parts)}." if parts else "No error bar of networks is supported."
    law = f"{_COLOURS[n]} = {first:.5g}/N exactly"
    if not pure:
        law = (
            f"{_COLOURS[n]} = {first:.5g}/N + {second:.5g}/N² exactly; a straight line through all widths has the slope "
            f"{exact_power(widths, exact):.4f}"
        )
    return Finding(INVERSE_WIDTH[n], name, Verdict.of(True, limits=not pure), f"{law}. {fits}")


def _series(narrow: Row, wide: Row) -> tuple[float, float]:
    """A and b of the exact m = a/N + b/N^2, from two widths."""
    low, high = narrow.width * narrow.exact, wide.width * wide.exact
    second = (low - high) / (1 / narrow.width - 1 / wide.width)
    return high - second / wide.width, second


def _visible(name: str, rows: list[Row]) -> Finding:
    """Whether plain averages see the falloff."""
    refused = [row for row in rows if row.background is None]
    hidden = [row for row in rows if row.background is not None and abs(row.exact) < row.background]
    needed = [row.networks_needed for row in rows if row.networks_needed is not None]
    parts = []
    for n in ORDERS[1:]:
        lost = [row.width for row in refused if row.n == n]
        below = [row.width for row in hidden if row.n == n]
        if lost:
            parts.append(f"{_COLOURS[n]} has no error bar at N = {listed(lost)}, a few networks carry the average")
        if below:
            parts.append(f"{_COLOURS[n]} lies below its background at N = {listed(below)}")
    out = len(refused) + len(hidden)
    return Finding(
        VISIBLE,
        name,
        Verdict.of(out <= len(rows) / 2, limits=out > 0),
        f"{'; '.join(parts) if parts else 'm₄ and m₆ stand above their background at every width'}. For one per cent of ΔG "
        f"plain averages need {counted(min(needed))} to {counted(max(needed))} networks.",
    )


def _as_in_the_talk(name: str, rows: list[Row]) -> Panel:
    series = []
    for n in ORDERS:
        chosen, widths = _of(name, n, rows)
        background = numbers(row.background for row in chosen)
        series += [
            _points(chosen, "plain", "plain averages"),
            Series("background", _COLOURS[n], Kind.BACKGROUND, widths, background),
        ]
        if n > 2:
            series.append(_exact(chosen))
    return Panel(f"{DISPLAY[name]}, as in the talk", "width N", "|mₙ|", tuple(series))


def _sharpest(name: str, rows: list[Row]) -> Panel:
    series = []
    for n in ORDERS:
        chosen, _ = _of(name, n, rows)
        if n > 2 and all(row.centred_error is None for row in chosen):
            series.append(_points(chosen, "stream", "single neurons"))
        else:
            series.append(_points(chosen, "centred", "networks, by K_hat"))
        if n > 2:
            series.append(_exact(chosen))
    return Panel(f"{DISPLAY[name]}, with the least noise", "width N", "|mₙ|", tuple(series))


def _of(name: str, n: int, rows: list[Row]) -> tuple[list[Row], FloatArray]:
    chosen = [row for row in rows if row.network == name and row.n == n]
    return chosen, numbers(row.width for row in chosen)


def _points(rows: list[Row], way: str, label: str) -> Series:
    values, errors = (numbers(getattr(row, key) for row in rows) for key in (way, f"{way}_error"))
    widths = numbers(row.width for row in rows)
    return Series(label, _COLOURS[rows[0].n], Kind.MEASURED, widths, np.abs(values), errors)


def _exact(rows: list[Row]) -> Series:
    widths = numbers(row.width for row in rows)
    return Series("exact", _COLOURS[rows[0].n], Kind.EXACT, widths, np.abs(numbers(row.exact for row in rows)))
