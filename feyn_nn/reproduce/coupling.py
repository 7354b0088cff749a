"""The quartic coupling against the width: lambda = mean of lambda_m over sorted 4-tuples, with lines K and one cutoff.

Talk, "EFT is Effective: Measure Couplings, Verify Predictions". Three numbers are kept apart: lambda, its statistical error
(over independent experiments), and the spread of lambda_m over tuples, which says how constant the coupling is. Beside lambda
stands the part of G^(4) of order lambda^2 over that of order lambda: where it is not small, lambda is a parametrisation. A
second table moves the inputs apart, which tells a constant coupling from inputs that lie close to each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import comb, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.kernels import kernel_of
from feyn_nn.measure import Estimator, best_estimator, measure_correlators
from feyn_nn.measure.couplings import measure_lambda, theory_coefficients
from feyn_nn.measure.diagnosis import CONSTANCY, PERTURBATION
from feyn_nn.measure.fits import lambda_over_tuples, second_over_first
from feyn_nn.measure.sources import exact_source
from feyn_nn.network import PRESETS, TALK_CUTOFF
from feyn_nn.render.plots import Kind, Panel, Series, plot_svg
from feyn_nn.reproduce.agreement import agreement, distance, fitted_power
from feyn_nn.reproduce.formulas import generated, measured_coupling
from feyn_nn.reproduce.result import Finding, Result, Statement, Subject, Verdict, versions
from feyn_nn.reproduce.table import Table, meaning, numbers
from feyn_nn.reproduce.talk import DISPLAY, SHOWN_WIDTHS
from feyn_nn.reproduce.wording import counted, measured_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels import Kernel
    from feyn_nn.network import Preset
    from feyn_nn.report import Block
    from feyn_nn.reproduce.table import Excerpt
    from feyn_nn.reproduce.workshop import Workshop

NAME: Final = "coupling"
SCALES: Final = (1.0, 3.0, 10.0, 30.0, 100.0)
"""Factors on the inputs in the table of constancy."""
VANISHING: Final = 1e-10
FALLS: Final = Statement("λ falls as 1/N", Subject.TALK)
CONSTANT: Final = Statement("The coupling is a constant", Subject.TALK)
SPREAD_IS_ERROR: Final = Statement("The spread of λ_m over tuples gives the statistical error of λ", Subject.PREMISE)
BOUNDED: Final = Statement("The action with λ f⁴ alone is bounded below", Subject.PREMISE)
PERTURBATIVE: Final = Statement("Perturbation theory holds at the talk's width", Subject.PREMISE)


@dataclass(frozen=True, slots=True)
class Row:
    """One network and width; errors are None where they are refused."""

    network: str = field(metadata=meaning("name of the preset"))
    width: int = field(metadata=meaning("N"))
    exact: float = field(metadata=meaning("lambda from the exact G^(4), mean over sorted 4-tuples, lines K"))
    width_times_exact: float = field(metadata=meaning("N lambda, exact"))
    stream: float = field(metadata=meaning("lambda from one stream of single neurons that serves all widths"))
    stream_error: float | None = field(metadata=meaning("its standard error over experiments"))
    centred: float = field(
        metadata=meaning("lambda from networks of this width, by their K_hat relative to the exact K")
    )
    centred_error: float | None = field(
        metadata=meaning("its standard error over experiments, empty where a heavy tail forbids it")
    )
    plain: float = field(metadata=meaning("lambda from plain averages of their outputs, as in the talk"))
    plain_error: float | None = field(metadata=meaning("its standard error over experiments, empty as the other"))
    spread: float = field(metadata=meaning("standard deviation of the exact lambda_m over tuples"))
    stream_spread: float = field(metadata=meaning("that of the lambda_m from single neurons"))
    second_over_first: float = field(
        metadata=meaning(
            "part of G^(4) of order lambda^2 over that of order lambda, at the exact lambda, mean over tuples"
        )
    )


@dataclass(frozen=True, slots=True)
class ScaleRow:
    """One network with its inputs multiplied by a factor."""

    network: str = field(metadata=meaning("name of the preset"))
    factor: float = field(metadata=meaning("factor on the talk's inputs"))
    largest_input: float = field(metadata=meaning("max |x|"))
    width_times_exact: float = field(metadata=meaning("N lambda, exact"))
    spread_over_mean: float = field(metadata=meaning("standard deviation of lambda_m over tuples, over |mean|"))


def coupling(workshop: Workshop) -> Result:
    """Simulate what is missing in the workshop's directory, and measure."""
    rows = [row for name, preset in PRESETS.items() for row in _rows(workshop, name, preset)]
    scales = [each for preset in PRESETS.values() for each in _scales(preset)]
    findings = tuple(
        finding
        for name in PRESETS
        for finding in _findings(
            name, _of(name, rows), [each for each in scales if each.network == name], workshop.size.experiments
        )
    )
    panels = [panel(name, rows) for panel in (_sizes, _distances, _orders) for name in PRESETS]
    title = "The quartic coupling against the width"
    caption = (
        f"λ at cutoff Λ = {TALK_CUTOFF:g} with lines K. Above: its size, and the spread of λ_m over tuples. Middle: how far "
        "measured values lie from the exact one; the value from one stream of single neurons, the same for all widths, is a "
        "shaded range of one standard error. Below: the part of G⁽⁴⁾ of order λ² over that of order λ; the line is at "
        f"{PERTURBATION:g}, above which perturbation theory fails."
    )
    return Result(
        NAME,
        title,
        "slide “EFT is Effective: Measure Couplings, Verify Predictions”",
        caption,
        workshop.describe() | {"cutoff": TALK_CUTOFF, "propagator": "full"},
        versions(),
        findings,
        (
            Table.of(NAME, title, rows),
            Table.of(f"{NAME}-inputs", "How constant λ_m is when the inputs lie apart", scales),
        ),
        plot_svg(panels, caption),
    )


def theory() -> tuple[Block, ...]:
    """How lambda is measured."""
    return measured_coupling(), *generated(
        4, 2, "Four legs to second order: the contact gives λ, the bubbles its limits."
    )


def shown(result: Result) -> tuple[Excerpt, ...]:
    """Some widths, and all inputs."""
    columns = (
        "network", "width", "exact", "stream", "stream_error", "centred", "centred_error", "plain", "plain_error",
    )  # fmt: skip
    main, inputs = result.tables
    return main.excerpt(columns, width=SHOWN_WIDTHS), inputs.excerpt(inputs.columns)


def _rows(workshop: Workshop, name: str, preset: Preset) -> Iterator[Row]:
    architecture, inputs = preset.architecture(), preset.points()
    kernel = kernel_of(architecture)
    theory = theory_coefficients(inputs, TALK_CUTOFF, kernel, kernel)
    source = exact_source(architecture, inputs, 1)
    exact, second = lambda_over_tuples(source, theory), second_over_first(source, theory)
    neurons = workshop.neurons(architecture, inputs)
    for width in workshop.size.widths:
        networks = workshop.networks(architecture, inputs, width)
        stream = measure_lambda(measure_correlators(neurons, best_estimator(architecture), kernel, width=width), theory)
        centred, plain = (
            measure_lambda(measure_correlators(networks, estimator, kernel), theory).estimate
            for estimator in (Estimator.CENTRED, Estimator.PLAIN)
        )
        yield Row(
            name,
            width,
            float(exact.mean()) / width,
            float(exact.mean()),
            stream.estimate.mean,
            stream.estimate.error,
            centred.mean,
            centred.error,
            plain.mean,
            plain.error,
            float(exact.std()) / width,
            stream.spread,
            np.nan if second is None else second.mean / width,
        )


def _scales(preset: Preset) -> Iterator[ScaleRow]:
    architecture = preset.architecture()
    kernel = kernel_of(architecture)
    for factor in SCALES:
        inputs = factor * preset.points()
        if np.abs(inputs).max() > TALK_CUTOFF / 2:
            break
        theory = theory_coefficients(inputs, TALK_CUTOFF, kernel, kernel)
        exact = lambda_over_tuples(exact_source(architecture, inputs, 1), theory)
        mean, spread = float(exact.mean()), float(exact.std())
        yield ScaleRow(preset.activation.name, factor, float(np.abs(inputs).max()), mean, spread / abs(mean))


def _of(name: str, rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.network == name]


def _findings(name: str, rows: list[Row], scales: list[ScaleRow], experiments: int) -> tuple[Finding, ...]:
    return (
        _power(name, rows, experiments),
        _constant(name, scales),
        _bounded(name, rows),
        _perturbative(name, rows),
        _two_errors(name, rows),
        agreement(
            "The measured λ",
            name,
            [
                distance(getattr(row, way), getattr(row, f"{way}_error"), row.exact)
                for row in rows
                for way in ("stream", "centred", "plain")
            ],
            experiments,
        ),
    )


def _power(name: str, rows: list[Row], experiments: int) -> Finding:
    widths, row = [row.width for row in rows], rows[-1]
    measured = fitted_power(widths, [row.centred for row in rows], [row.centred_error for row in rows])
    stream = measured_text(row.width * row.stream, row.stream_error and row.width * row.stream_error, experiments)
    networks = (
        "the networks themselves carry no error bar, for a few of them carry the averages"
        if measured is None
        else f"networks of each width on their own give the power {measured}"
    )
    constant = all(abs(each.width_times_exact / row.width_times_exact - 1) < VANISHING for each in rows)
    return Finding(
        FALLS,
        name,
        Verdict.of(constant),
        f"N λ = {row.width_times_exact:.5g} exactly, {stream} from single neurons; {networks}.",
    )


def _constant(name: str, scales: list[ScaleRow]) -> Finding:
    here, apart = scales[0], scales[-1]
    everywhere = all(row.spread_over_mean <= CONSTANCY for row in scales)
    if all(row.spread_over_mean < VANISHING for row in scales):
        said = "λ_m is the same for every tuple, however far apart the inputs"
    else:
        said = (
            f"λ_m varies over tuples by {here.spread_over_mean:.2g} of its mean on the talk's inputs (|x| up to "
            f"{here.largest_input:g}), by {apart.spread_over_mean:.2g} where they lie {apart.factor:g} times as far apart"
        )
    if _translation_invariant(kernel_of(PRESETS[name].architecture()), PRESETS[name].points()):
        said += "; the kernel is translation invariant, ΔG⁽⁴⁾ is not"
    return Finding(
        CONSTANT,
        name,
        Verdict.of(here.spread_over_mean <= CONSTANCY, limits=not everywhere),
        f"{said}.",
    )


def _translation_invariant(kernel: Kernel, inputs: FloatArray) -> bool:
    """Whether K(x + a, y + a) = K(x, y) for a shift by the cutoff, at inputs apart."""
    here = np.concatenate([inputs, inputs + 1])
    return bool(np.allclose(kernel(here, here), kernel(here + TALK_CUTOFF, here + TALK_CUTOFF), rtol=VANISHING))


def _bounded(name: str, rows: list[Row]) -> Finding:
    negative = all(row.exact < 0 for row in rows)
    return Finding(
        BOUNDED,
        name,
        Verdict.of(not negative),
        "λ < 0 at every width, for ΔG⁽⁴⁾ > 0." if negative else "λ > 0 somewhere.",
    )


def _perturbative(name: str, rows: list[Row]) -> Finding:
    talk, row = PRESETS[name].effective_width, rows[0]
    product = abs(row.second_over_first) * row.width
    good = [each.width for each in rows if abs(each.second_over_first) <= PERTURBATION]
    return Finding(
        PERTURBATIVE,
        name,
        Verdict.of(product / talk <= PERTURBATION),
        f"Second over first order is {product:.3g}/N, {product / talk:.2g} at N = {talk}; it is at most {PERTURBATION:g} "
        + (f"from N = {min(good)} on among these widths." if good else "at none of these widths."),
    )


def _two_errors(name: str, rows: list[Row]) -> Finding:
    """What the spread over tuples would make of the error of plain averages."""
    tuples = comb(len(PRESETS[name].inputs) + 3, 4)
    known = [row for row in rows if row.plain_error]
    if not known:
        return Finding(SPREAD_IS_ERROR, name, Verdict.UNDECIDED, "No error bar of plain averages is supported.")
    if all(row.spread < VANISHING * abs(row.exact) for row in known):
        said = "There is no spread, but there is an error"
    else:
        factors = [(row.plain_error or 0.0) * sqrt(tuples) / row.spread for row in known]
        said = (
            f"The error of plain averages over experiments is {counted(min(factors))} to {counted(max(factors))} times "
            f"spread/√{tuples}"
        )
    return Finding(SPREAD_IS_ERROR, name, Verdict.FAILS, f"{said}: the tuples are measured with the same networks.")


def _sizes(name: str, rows: list[Row]) -> Panel:
    chosen, widths = _of(name, rows), _widths(name, rows)
    way, label = _sharpest(chosen)
    series = (
        _points(chosen, "plain", "plain averages", "|λ|"),
        _points(chosen, way, label, "|λ|"),
        Series("exact", "|λ|", Kind.EXACT, widths, np.abs(numbers(row.exact for row in chosen))),
        Series(
            "exact",
            "spread of λ_m",
            Kind.EXACT,
            widths,
            numbers(row.spread if row.spread > VANISHING * abs(row.exact) else None for row in chosen),
        ),
    )
    return Panel(DISPLAY[name], "width N", "|λ|", series)


def _distances(name: str, rows: list[Row]) -> Panel:
    chosen, widths = _of(name, rows), _widths(name, rows)
    way, label = _sharpest(chosen)
    exact = numbers(row.exact for row in chosen)

    def relative(column: str) -> tuple[FloatArray, FloatArray]:
        values, errors = (numbers(getattr(row, key) for row in chosen) for key in (column, f"{column}_error"))
        return values / exact - 1, errors / np.abs(exact)

    series = [Series("single neurons, all widths", "|λ|", Kind.RANGE, widths, *relative("stream"))]
    if way == "centred":
        series.append(Series(label, "|λ|", Kind.MEASURED, widths, *relative(way)))
    return Panel(DISPLAY[name], "width N", "λ measured / exact − 1", tuple(series), log_y=False, marks=(0.0,))


def _orders(name: str, rows: list[Row]) -> Panel:
    chosen, widths = _of(name, rows), _widths(name, rows)
    ratio = np.abs(numbers(row.second_over_first for row in chosen))
    series = (Series("exact", "second over first order", Kind.EXACT, widths, ratio),)
    return Panel(DISPLAY[name], "width N", "order λ² over order λ", series, marks=(PERTURBATION,))


def _sharpest(rows: list[Row]) -> tuple[str, str]:
    """The columns of the best measurement that networks allow, or of single neurons."""
    if all(row.centred_error is None for row in rows):
        return "stream", "single neurons"
    return "centred", "networks, by K_hat"


def _points(rows: list[Row], way: str, label: str, group: str) -> Series:
    widths = numbers(row.width for row in rows)
    values, errors = (numbers(getattr(row, key) for row in rows) for key in (way, f"{way}_error"))
    return Series(label, group, Kind.MEASURED, widths, np.abs(values), errors)


def _widths(name: str, rows: list[Row]) -> FloatArray:
    return numbers(row.width for row in _of(name, rows))
