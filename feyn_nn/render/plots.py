"""Plots of measured, exact and predicted numbers as SVG, drawn with matplotlib (the `plot` extra).

A figure is a grid of panels, a panel a few series; each series says what it is (`Kind`), so that measured, exact and
predicted numbers look the same in every figure: points with error bars, lines, dashed lines. Values whose error bar was
refused are drawn hollow. The SVG is the same to the byte for the same numbers and the same matplotlib: no date, no random
identifiers; text is text, to be found and read aloud.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from feyn_nn.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray


class Kind(Enum):
    """What a series is, and so how it is drawn."""

    MEASURED = "measured"
    EXACT = "exact"
    PREDICTED = "predicted"
    BACKGROUND = "background"


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Numbers y at x, shape (k,) each, with standard errors where they have any.

    `error` has NaN where an error bar was refused: such points are hollow. NaN in y leaves a gap. Series of one `group`
    share a colour, in the order in which groups first occur in the figure. One legend serves all panels: equal labels mean
    the same thing in each.
    """

    label: str
    group: str
    kind: Kind
    x: FloatArray
    y: FloatArray
    error: FloatArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One set of axes; logarithmic axes show the size of numbers, so give positive ones there."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = True
    log_y: bool = True


# Okabe and Ito's colours, told apart by all readers (jfly.uni-koeln.de/color), without the yellow that vanishes on white.
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000", "#E69F00")
_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
_PANEL_INCHES: Final = (4.2, 3.4)
_STYLE: Final = {
    "svg.hashsalt": "feyn-nn",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "text.usetex": False,
}


def plot_svg(panels: Sequence[Panel], description: str, columns: int = 3) -> str:
    """Draw panels in rows of `columns`, with `description` as the text for readers who cannot see it.

    Raises InputError without matplotlib and for a figure without panels.
    """
    if not panels:
        raise InputError("a figure without panels: expected one or more")
    matplotlib, figures, agg = _matplotlib()
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    colours: dict[str, int] = {}
    with matplotlib.rc_context(_STYLE):
        figure = figures.Figure(figsize=(_PANEL_INCHES[0] * columns, _PANEL_INCHES[1] * rows), layout="constrained")
        agg(figure)
        handles: dict[str, Any] = {}
        for number, panel in enumerate(panels, 1):
            axes = figure.add_subplot(rows, columns, number)
            _draw(axes, panel, colours)
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        if len(handles) > 1:
            figure.legend(
                handles.values(), handles.keys(), loc="outside lower center", ncols=min(len(handles), 3 * columns)
            )
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Description": description})
    text = stream.getvalue()
    return text[text.index("<svg") :]


def _matplotlib() -> tuple[Any, Any, Any]:
    try:
        return (
            import_module("matplotlib"),
            import_module("matplotlib.figure"),
            import_module("matplotlib.backends.backend_svg").FigureCanvasSVG,
        )
    except ImportError:
        raise InputError("plots need matplotlib: install it with pip install 'feyn-nn[plot]'") from None


def _draw(axes: Any, panel: Panel, colours: dict[str, int]) -> None:
    for series in panel.series:
        number = colours.setdefault(series.group, len(colours)) % len(_COLOURS)
        _draw_series(axes, series, _COLOURS[number], _MARKERS[number])
    axes.set_title(panel.title, fontsize=10)
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    if panel.log_x:
        axes.set_xscale("log")
    if panel.log_y:
        axes.set_yscale("log", nonpositive="clip")


def _draw_series(axes: Any, series: Series, colour: str, marker: str) -> None:
    line = {"color": colour, "label": series.label}
    if series.kind is Kind.EXACT:
        axes.plot(series.x, series.y, linewidth=1.4, **line)
    elif series.kind is Kind.PREDICTED:
        axes.plot(series.x, series.y, linewidth=1.2, linestyle="--", **line)
    elif series.kind is Kind.BACKGROUND:
        axes.plot(series.x, series.y, linewidth=0.9, linestyle=":", **line)
    else:
        refused = np.zeros(len(series.x), dtype=np.bool_) if series.error is None else np.isnan(series.error)
        sure = ~refused
        axes.errorbar(
            series.x[sure],
            series.y[sure],
            None if series.error is None else series.error[sure],
            linestyle="none",
            marker=marker,
            markersize=4,
            elinewidth=0.9,
            capsize=2,
            **line,
        )
        axes.plot(
            series.x[refused], series.y[refused], linestyle="none", marker=marker, markersize=4.5, color=colour,
            markerfacecolor="none",
        )  # fmt: skip
