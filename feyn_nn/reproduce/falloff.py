"""The falloff of m_n = Delta G^(n) / G_GP^(n) with the width, and the background of the measurement.

Talk, "Experimental Falloff to GP Predictions": three networks, ten widths, ten experiments, plain averages of products of
outputs; the background is the standard deviation of m_n over experiments, averaged over tuples. Beside them stand the
estimator that needs the fewest samples, from one stream of neurons that serves all widths, and the exact m_n, a polynomial
in 1/N.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import curve_fit

from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.kernels import kernel_of
from feyn_nn.measure import Estimator, best_estimator, measure_correlators
from feyn_nn.network import PRESETS, TALK_WIDTHS
from feyn_nn.render.plots import Kind, Panel, Series
from feyn_nn.reproduce.result import Result, Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from feyn_nn.arrays import FloatArray
    from feyn_nn.network import Preset
    from feyn_nn.reproduce.workshop import Workshop

ORDERS: Final = (2, 4, 6)
NAME: Final = "falloff"
SOURCE: Final = 'slide "Experimental Falloff to GP Predictions"'
_MEANING: Final = {
    "network": "name of the preset",
    "width": "N",
    "n": "number of legs",
    "exact": "m_n from exact correlators at width N, mean over sorted tuples",
    "plain": "m_n from plain averages of products of outputs, mean over sorted tuples and experiments",
    "plain_error": "its standard error over experiments, empty where it is refused",
    "background": "standard deviation of m_n over experiments, averaged over tuples; empty where it is refused",
    "best": "m_n from the estimator named beside it, one stream of neurons for all widths",
    "best_error": "its standard error over experiments, empty where it is refused",
    "best_estimator": "that estimator",
}


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the table, in the order of `_MEANING`."""

    network: str
    width: int
    n: int
    exact: float
    plain: float | None
    plain_error: float | None
    background: float | None
    best: float | None
    best_error: float | None
    best_estimator: str | None

    def cells(self) -> tuple[str | int | float | None, ...]:
        return tuple(getattr(self, column) for column in _MEANING)


def falloff(workshop: Workshop) -> Result:
    """Simulate what is missing in the workshop's directory, and measure."""
    rows = [row for name, preset in PRESETS.items() for row in _network(workshop, name, preset)]
    return Result(
        NAME,
        "Falloff of m_n with the width",
        SOURCE,
        workshop.describe(),
        tuple(_verdicts(rows)),
        Table(_MEANING, tuple(row.cells() for row in rows)),
        tuple(_panel(name, [row for row in rows if row.network == name]) for name in PRESETS),
    )


def _network(workshop: Workshop, name: str, preset: Preset) -> list[_Row]:
    architecture, inputs = preset.architecture(), preset.points()
    kernel = kernel_of(architecture)
    neurons = workshop.neurons(architecture, inputs)
    estimator = best_estimator(architecture)
    exact = {n: exact_correlators(architecture, inputs, n).ratios for n in ORDERS}
    rows = []
    for width in TALK_WIDTHS:
        networks = workshop.networks(architecture, inputs, width)
        plain = measure_correlators(networks, Estimator.PLAIN, kernel)
        best = measure_correlators(neurons, estimator, kernel, width=width)
        for n in ORDERS:
            powers = float(width) ** -np.arange(exact[n].shape[1])
            averaged, sharp = plain.ratio(n), best.ratio(n) if n > 2 else None
            rows.append(
                _Row(
                    name,
                    width,
                    n,
                    float(np.nanmean(exact[n] @ powers)),
                    None if averaged is None else averaged.mean,
                    None if averaged is None else averaged.error,
                    _number(plain.background(n)),
                    None if sharp is None else sharp.mean,
                    None if sharp is None else sharp.error,
                    None if sharp is None else estimator.value,
                )
            )
    return rows


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _verdicts(rows: list[_Row]) -> list[str]:
    """What the table says, in words."""
    sentences = []
    for name in PRESETS:
        mine = [row for row in rows if row.network == name]
        sentences.append(
            f"{name}: the two-point function of the networks is the kernel at every width, to "
            f"{_deviation(mine, 2, 'plain'):.2g} standard errors at most."
        )
        sentences += [
            f"{name}, m_{n}: {_power_law(mine, n)}; {_hidden(mine, n)}; the {mine[-1].best_estimator} estimator agrees with "
            f"the exact values to {_deviation(mine, n, 'best'):.2g} standard errors."
            for n in (4, 6)
        ]
    return sentences


def _deviation(rows: list[_Row], n: int, column: str) -> float:
    """The largest distance from the exact value in standard errors."""
    found = [
        abs(getattr(row, column) - row.exact) / error
        for row in rows
        if row.n == n and (error := getattr(row, f"{column}_error"))
    ]
    return max(found, default=float("nan"))


def _power_law(rows: list[_Row], n: int) -> str:
    """The power of N of plain averages, by weighted least squares over all widths with an error bar; none is left out."""
    chosen = [row for row in rows if row.n == n and row.plain_error]
    all_widths = np.array([row.width for row in rows if row.n == n], dtype=np.float64)
    exact = np.array([row.exact for row in rows if row.n == n])
    slope = float(np.polyfit(np.log(all_widths), np.log(np.abs(exact)), 1)[0])
    expected = f"exactly N^{slope:.4f} over the ten widths"
    if len(chosen) < 3:
        return f"too few plain averages have an error bar for a power law ({expected})"
    widths, values, errors = (
        np.array([getattr(row, column) for row in chosen], dtype=np.float64)
        for column in ("width", "plain", "plain_error")
    )
    fitted, covariance = curve_fit(
        lambda width, size, power: size * (width / widths[0]) ** power,
        widths,
        values,
        p0=(values[0], -1.0),
        sigma=errors,
        absolute_sigma=True,
    )
    return f"plain averages fall as N^{fitted[1]:.3f} +- {float(np.sqrt(covariance[1, 1])):.1g} ({expected})"


def _hidden(rows: list[_Row], n: int) -> str:
    """From which width on plain averages say nothing."""
    chosen = [row for row in rows if row.n == n]
    refused = [row.width for row in chosen if row.background is None]
    if len(refused) == len(chosen):
        return "plain averages are unreliable at every width: a few networks carry them"
    below = [row.width for row in chosen if row.background is not None and abs(row.exact) < row.background]
    text = (
        f"plain averages lie below their background from N = {min(below)} on"
        if below
        else "plain averages stand above their background"
    )
    return text + (f" and are refused at N = {', '.join(map(str, refused))}" if refused else "")


def _panel(name: str, rows: list[_Row]) -> Panel:
    series = []
    for n in ORDERS:
        chosen = [row for row in rows if row.n == n]
        widths = np.array([row.width for row in chosen], dtype=np.float64)
        group = f"m_{n}"
        series.append(
            Series(
                f"|{group}| plain",
                group,
                Kind.MEASURED,
                widths,
                _size(row.plain for row in chosen),
                _errors(chosen, "plain"),
            )
        )
        background = _size(row.background for row in chosen)
        if np.isfinite(background).any():
            series.append(Series(f"background of {group}", group, Kind.BACKGROUND, widths, background))
        if n > 2:
            best = _size(row.best for row in chosen)
            series.append(
                Series(f"{group} neurons", f"{group} neurons", Kind.MEASURED, widths, best, _errors(chosen, "best"))
            )
            series.append(Series(f"{group} exact", group, Kind.EXACT, widths, _size(row.exact for row in chosen)))
    return Panel(f"{name.capitalize()}-net", "width N", "size of m_n", tuple(series))


def _size(values: Iterable[float | None]) -> FloatArray:
    return np.array([np.nan if value is None else abs(value) for value in values])


def _errors(rows: list[_Row], column: str) -> FloatArray:
    errors = [getattr(row, f"{column}_error") for row in rows]
    return np.array([np.nan if error is None else error for error in errors])
