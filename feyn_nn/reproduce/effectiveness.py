"""How well the coupling from four legs predicts six: G6_GP/G6 and (G6_GP + lambda term)/G6 against width and cutoff.

Talk, "Experimental Verification of NN = EFT". lambda is the mean of lambda_m over sorted 4-tuples; the prediction is made for
six distinct inputs and for all sorted 6-tuples, of which the mean and the range are given. (With each tuple's own lambda_m
the term in lambda is sum kappa4 K identically, and the ratio only shows kappa6: not a prediction.) The part of the distance
between G6_GP and G6 that lambda closes says more than a ratio near 1 does, for in a wide network both are near 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from feyn_nn.kernels import kernel_of
from feyn_nn.measure import best_estimator, measure_correlators
from feyn_nn.measure.couplings import predict_six_point, theory_coefficients
from feyn_nn.measure.diagnosis import PERTURBATION
from feyn_nn.measure.reference import exact_reference
from feyn_nn.network import PRESETS, TALK_CUTOFF
from feyn_nn.render.plots import Kind, Panel, Series, plot_svg
from feyn_nn.reproduce.agreement import agreement, distance
from feyn_nn.reproduce.formulas import generated
from feyn_nn.reproduce.result import Finding, Result, Statement, Subject, Verdict, versions
from feyn_nn.reproduce.table import Table, meaning, numbers
from feyn_nn.reproduce.talk import DISPLAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feyn_nn.network import Preset
    from feyn_nn.report import Block
    from feyn_nn.reproduce.table import Excerpt
    from feyn_nn.reproduce.workshop import Workshop

NAME: Final = "effectiveness"
CUTOFFS: Final = (7.0, 10.0, 30.0, 100.0, 1e3, 1e5)
CLOSED: Final = 0.5
"""The part of G6 - G6_GP that lambda has to close to be called effective."""
SAME_PREDICTION: Final = 0.01
"""Predictions closer than this count as the same."""
_FREE: Final = "G⁽⁶⁾_GP / G⁽⁶⁾"
_WITH: Final = "(G⁽⁶⁾_GP + λ term) / G⁽⁶⁾"
EFFECTIVE: Final = Statement("(G⁽⁶⁾_GP + λ term)/G⁽⁶⁾ ≈ 1 at the talk's width", Subject.TALK)
EVERY_TUPLE: Final = Statement(
    "One λ predicts every tuple better than the Gaussian process does on average", Subject.PREMISE
)
ANY_CUTOFF: Final = Statement("The effective actions of all cutoffs make the same prediction", Subject.TALK)


@dataclass(frozen=True, slots=True)
class Row:
    """One network, width and cutoff; measured with single neurons."""

    network: str = field(metadata=meaning("name of the preset"))
    width: int = field(metadata=meaning("N"))
    cutoff: float = field(metadata=meaning("Lambda; lines are K"))
    gp_distinct: float = field(metadata=meaning("G6_GP/G6 at the six distinct inputs, exact"))
    gp_distinct_measured: float = field(metadata=meaning("the same, measured"))
    gp_distinct_error: float | None = field(metadata=meaning("its jackknife error over experiments"))
    eft_distinct: float = field(
        metadata=meaning("(G6_GP + term in the mean lambda)/G6 at the six distinct inputs, exact")
    )
    eft_distinct_measured: float = field(metadata=meaning("the same, measured"))
    eft_distinct_error: float | None = field(metadata=meaning("its jackknife error over experiments"))
    gp_mean: float = field(metadata=meaning("G6_GP/G6, mean over all sorted 6-tuples, exact"))
    gp_mean_measured: float = field(metadata=meaning("the same, measured"))
    gp_mean_error: float | None = field(metadata=meaning("its jackknife error over experiments"))
    eft_mean: float = field(
        metadata=meaning("(G6_GP + term in the mean lambda)/G6, mean over all sorted 6-tuples, exact")
    )
    eft_mean_measured: float = field(metadata=meaning("the same, measured"))
    eft_mean_error: float | None = field(metadata=meaning("its jackknife error over experiments"))
    eft_smallest: float = field(metadata=meaning("smallest of these over tuples, exact"))
    eft_largest: float = field(metadata=meaning("largest of these over tuples, exact"))
    closed: float = field(
        metadata=meaning("part of G6 - G6_GP that the term in lambda closes at the six distinct inputs, exact")
    )
    second_over_first: float = field(
        metadata=meaning(
            "part of G^(4) of order lambda^2 over that of order lambda, at the exact lambda, mean over tuples"
        )
    )


def effectiveness(workshop: Workshop) -> Result:
    """Simulate what is missing in the workshop's directory, and measure."""
    rows = [row for name, preset in PRESETS.items() for row in _rows(workshop, name, preset)]
    findings = tuple(
        finding
        for name in PRESETS
        for finding in _findings(name, [row for row in rows if row.network == name], workshop.size.experiments)
    )
    panels = [
        panel(name, rows, key)
        for panel, key in ((_against_width, "distinct"), (_against_width, "mean"), (_against_cutoff, "mean"))
        for name in PRESETS
    ]
    title = "Six legs predicted from four"
    caption = (
        f"Where (G⁽⁶⁾_GP + λ term)/G⁽⁶⁾ is 1, λ explains the network. Above: at six distinct inputs, against the width, Λ = "
        f"{TALK_CUTOFF:g}. Middle: the mean over all sorted 6-tuples, and their range. Below: the same against the cutoff, "
        "at the talk's widths. Points are single neurons, one measurement for all widths and cutoffs."
    )
    return Result(
        NAME,
        title,
        "slide “Experimental Verification of NN = EFT”",
        caption,
        workshop.describe() | {"propagator": "full"},
        versions(),
        findings,
        (Table.of(NAME, title, rows),),
        plot_svg(panels, caption),
    )


def theory() -> tuple[Block, ...]:
    """What is predicted."""
    return generated(6, 1, "Six legs: the Gaussian process, and the term in λ. Everything else is κ and higher orders.")


def shown(result: Result) -> tuple[Excerpt, ...]:
    """The talk's cutoff."""
    columns = (
        "network", "width", "gp_distinct", "eft_distinct", "eft_distinct_measured", "eft_distinct_error", "closed",
    )  # fmt: skip
    return (result.tables[0].excerpt(columns, cutoff=(TALK_CUTOFF,)),)


def _rows(workshop: Workshop, name: str, preset: Preset) -> Iterator[Row]:
    architecture, inputs = preset.architecture(), preset.points()
    kernel, estimator = kernel_of(architecture), best_estimator(architecture)
    neurons = workshop.neurons(architecture, inputs)
    for cutoff in CUTOFFS:
        coefficients = theory_coefficients(inputs, cutoff, kernel, kernel)
        for width in sorted({*workshop.size.widths, preset.effective_width}):
            if cutoff != TALK_CUTOFF and width != preset.effective_width:
                continue
            exact = exact_reference(architecture, width, inputs, coefficients)
            measured = predict_six_point(measure_correlators(neurons, estimator, kernel, width=width), coefficients)
            if exact is None or exact.distinct is None or measured.distinct is None or exact.second_over_first is None:
                raise AssertionError(f"{name}: a preset has six inputs, and its correlators are known")
            (gp, eft), (measured_gp, measured_eft) = exact.distinct, measured.distinct
            yield Row(
                name, width, cutoff,
                gp, measured_gp.mean, measured_gp.error,
                eft, measured_eft.mean, measured_eft.error,
                exact.gp_over_g6, measured.gp_over_g6.mean, measured.gp_over_g6.error,
                exact.eft_over_g6, measured.eft_over_g6.mean, measured.eft_over_g6.error,
                exact.minimum, exact.maximum,
                (eft - gp) / (1 - gp), exact.second_over_first,
            )  # fmt: skip


def _findings(name: str, rows: list[Row], experiments: int) -> tuple[Finding, ...]:
    width = PRESETS[name].effective_width
    there = [row for row in rows if row.width == width]
    (talk,) = (row for row in there if row.cutoff == TALK_CUTOFF)
    return (
        _effective(talk),
        _every_tuple(talk),
        _any_cutoff(there),
        agreement(
            "The measured ratios",
            name,
            [
                distance(getattr(row, f"{key}_measured"), getattr(row, f"{key}_error"), getattr(row, key))
                for row in rows
                for key in ("gp_distinct", "eft_distinct", "gp_mean", "eft_mean")
            ],
            experiments,
        ),
    )


def _effective(row: Row) -> Finding:
    ratio = abs(row.second_over_first)
    return Finding(
        EFFECTIVE,
        row.network,
        Verdict.of(row.closed >= CLOSED, limits=ratio > PERTURBATION),
        f"N = {row.width}: {row.eft_distinct:.4g} at six distinct inputs, where the Gaussian process alone gives "
        f"{row.gp_distinct:.4g}; λ closes {100 * row.closed:.0f} % of the distance. Second over first order is {ratio:.2g}"
        f"{': λ parametrises, it is not measured' if ratio > PERTURBATION else ''}.",
    )


def _every_tuple(row: Row) -> Finding:
    """Not the six distinct inputs only."""
    worst = max(abs(1 - row.eft_smallest), abs(1 - row.eft_largest))
    return Finding(
        EVERY_TUPLE,
        row.network,
        Verdict.of(worst < abs(1 - row.gp_mean)),
        f"N = {row.width}: over all sorted 6-tuples the ratio lies between {row.eft_smallest:.4g} and "
        f"{row.eft_largest:.4g}, its mean is {row.eft_mean:.4g}; the Gaussian process alone gives {row.gp_mean:.4g} on "
        "average.",
    )


def _any_cutoff(rows: list[Row]) -> Finding:
    """One set of experiments, many effective actions."""
    found = [row.eft_mean for row in rows]
    return Finding(
        ANY_CUTOFF,
        rows[0].network,
        Verdict.of(max(found) - min(found) < SAME_PREDICTION),
        f"(G⁽⁶⁾_GP + λ term)/G⁽⁶⁾, mean over tuples, lies between {min(found):.5g} and {max(found):.5g} at cutoffs from "
        f"{min(CUTOFFS):g} to {max(CUTOFFS):g}.",
    )


def _against_width(name: str, rows: list[Row], key: str) -> Panel:
    chosen = [row for row in rows if row.network == name and row.cutoff == TALK_CUTOFF]
    title = f"{DISPLAY[name]}, {'six distinct inputs' if key == 'distinct' else 'all sorted 6-tuples'}"
    return Panel(title, "width N", "ratio to G⁽⁶⁾", _series(chosen, key, "width"), log_y=False, marks=(1.0,))


def _against_cutoff(name: str, rows: list[Row], key: str) -> Panel:
    width = PRESETS[name].effective_width
    chosen = [row for row in rows if row.network == name and row.width == width]
    title = f"{DISPLAY[name]}, N = {width}, all sorted 6-tuples"
    return Panel(title, "cutoff Λ", "ratio to G⁽⁶⁾", _series(chosen, key, "cutoff"), log_y=False, marks=(1.0,))


def _series(rows: list[Row], key: str, along: str) -> tuple[Series, ...]:
    x = numbers(getattr(row, along) for row in rows)
    series = []
    for group, way in ((_FREE, "gp"), (_WITH, "eft")):
        exact, measured, errors = (
            numbers(getattr(row, f"{way}_{key}{part}") for row in rows) for part in ("", "_measured", "_error")
        )
        series += [
            Series("single neurons", group, Kind.MEASURED, x, measured, errors),
            Series("exact", group, Kind.EXACT, x, exact),
        ]
    if key == "mean":
        low, high = (numbers(getattr(row, f"eft_{end}") for row in rows) for end in ("smallest", "largest"))
        series.append(Series("range over tuples", _WITH, Kind.RANGE, x, (low + high) / 2, (high - low) / 2))
    return tuple(series)
