"""Plots of measured, exact and predicted numbers as SVG, drawn with matplotlib (the `plot` extra).

A figure is a grid of panels, a panel a few series. What a series is of (`group`) is its colour, how it was had (`label`,
`kind`) its style: points with error bars, lines, dashed lines, shaded ranges; one legend lists both, for all panels. Points
whose error bar was refused are hollow. The SVG is the same to the byte for the same numbers and the same matplotlib: no date,
no random identifiers; text is text, to be found and read aloud.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from feyn_nn.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from feyn_nn.arrays import FloatArray


class Kind(Enum):
    """What a series is, and so how it is drawn; in the order of the legend."""

    MEASURED = "measured"
    EXACT = "exact"
    PREDICTED = "predicted"
    BACKGROUND = "background"
    RANGE = "range"


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Numbers y at x, shape (k,) each, with standard errors where they have any.

    `error` has NaN where an error bar was refused: such points are hollow. A RANGE is shaded from y - error to y + error. NaN
    in y leaves a gap. Series of one `group` share a colour, points of one `label` a shape, in the order in which they first
    occur in the figure: equal groups and labels mean the same thing in each panel.
    """

    label: str
    group: str
    kind: Kind
    x: FloatArray
    y: FloatArray
    error: FloatArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One set of axes; logarithmic axes show the size of numbers, so give positive ones there.

    `marks` are levels to compare with: thin horizontal lines. A panel without series is left empty.
    """

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = True
    log_y: bool = True
    marks: tuple[float, ...] = ()


# Okabe and Ito's colours, told apart by all readers (jfly.uni-koeln.de/color), without the yellow that vanishes on white.
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000", "#E69F00")
_INK: Final = "#444444"
_SHAPES: Final = ("o", "D", "s", "^", "v", "P", "X")
_PANEL_INCHES: Final = (4.2, 3.3)
_MARGINS: Final = {"left": 0.9, "right": 0.1, "bottom": 0.55, "top": 0.35}
"""Inches of every panel around its axes: room for labels, whatever they are, so that nothing has to be measured."""
_LEGEND_INCHES: Final = 0.28
_LEGEND_CHARACTERS: Final = 48
"""That fit under one panel."""
_HANDLE_CHARACTERS: Final = 8
_STYLE: Final = {
    "svg.hashsalt": "feyn-nn",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.formatter.useoffset": False,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "text.usetex": False,
}
_LINES: Final[dict[Kind, dict[str, Any]]] = {
    Kind.EXACT: {"linewidth": 1.4},
    Kind.PREDICTED: {"linewidth": 1.2, "linestyle": (0, (3, 3)), "color": _INK, "zorder": 3},
    Kind.BACKGROUND: {"linewidth": 1.1, "linestyle": ":"},
}


def check_plots() -> None:
    """Raise InputError where plots cannot be drawn, before anything else is done for them."""
    if find_spec("matplotlib") is None:
        raise InputError("plots need matplotlib: install it with pip install 'feyn-nn[plot]'")


def plot_svg(panels: Sequence[Panel], description: str, columns: int = 3) -> str:
    """Draw panels in rows of `columns`, with `description` as the text for readers who cannot see it.

    Raises InputError without matplotlib and for a figure without panels.
    """
    if not panels:
        raise InputError("a figure without panels: expected one or more")
    check_plots()
    matplotlib = import_module("matplotlib")
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    with matplotlib.rc_context(_STYLE):
        look = _Look(panels)
        key = look.legend()
        in_line = _in_line(list(key), columns * _LEGEND_CHARACTERS)
        lines = -(-len(key) // in_line)
        size = _PANEL_INCHES[0] * columns, _PANEL_INCHES[1] * rows + _LEGEND_INCHES * (lines + 0.5) * (len(key) > 1)
        figure = import_module("matplotlib.figure").Figure(figsize=size)
        import_module("matplotlib.backends.backend_svg").FigureCanvasSVG(figure)
        for number, panel in enumerate(panels):
            if panel.series:
                look.draw(figure.add_axes(_box(number % columns, number // columns, size)), panel)
        if len(key) > 1:
            names = _by_lines(list(key), in_line)
            figure.legend([key[name] for name in names], names, loc="lower center", ncols=min(len(key), in_line))
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Description": description})
    text = stream.getvalue()
    return text[text.index("<svg") :]


def _box(column: int, row: int, size: tuple[float, float]) -> tuple[float, float, float, float]:
    """Where the axes of a panel are: left, bottom, width, height in units of the figure."""
    left = _PANEL_INCHES[0] * column + _MARGINS["left"]
    bottom = size[1] - _PANEL_INCHES[1] * (row + 1) + _MARGINS["bottom"]
    width = _PANEL_INCHES[0] - _MARGINS["left"] - _MARGINS["right"]
    height = _PANEL_INCHES[1] - _MARGINS["bottom"] - _MARGINS["top"]
    return left / size[0], bottom / size[1], width / size[0], height / size[1]


def _in_line(names: list[str], room: int) -> int:
    """How many entries of a legend stand in one line of so many characters."""
    widths = [_HANDLE_CHARACTERS + len(name) for name in names]
    return len(names) if sum(widths) <= room else max(1, room // max(widths))


def _by_lines(names: list[str], in_line: int) -> list[str]:
    """Put in the order of a legend that fills columns, so that it reads line by line."""
    lines = -(-len(names) // in_line)
    if lines == 1:
        return names
    full = len(names) % in_line or in_line  # columns of full length come first
    ordered = []
    for column in range(in_line):
        ordered += [names[line * in_line + column] for line in range(lines if column < full else lines - 1)]
    return ordered


class _Look:
    """Colours of groups and shapes of points, the same in all panels."""

    def __init__(self, panels: Sequence[Panel]) -> None:
        everything = [series for panel in panels for series in panel.series]
        self._series = everything
        self._colours = _numbered(series.group for series in everything)
        self._shapes = _numbered(series.label for series in everything if series.kind is Kind.MEASURED)

    def legend(self) -> dict[str, Any]:
        """Handles by name: groups, if there are several, then labels in the order of `Kind`."""
        lines, patches = import_module("matplotlib.lines"), import_module("matplotlib.patches")
        key: dict[str, Any] = {}
        if len(self._colours) > 1:
            key = {group: patches.Patch(color=self._colour(group)) for group in self._colours}
        ink = _INK if len(self._colours) > 1 else _COLOURS[0]
        for kind in Kind:
            for series in self._series:
                if series.kind is not kind or series.label in key:
                    continue
                if kind is Kind.RANGE:
                    key[series.label] = patches.Patch(color=ink, alpha=0.2, linewidth=0)
                elif kind is Kind.MEASURED:
                    key[series.label] = lines.Line2D(
                        [], [], color=ink, linestyle="none", marker=self._shape(series.label), markersize=4
                    )
                else:
                    key[series.label] = lines.Line2D([], [], **{"color": ink} | _LINES[kind])
        return key

    def draw(self, axes: Any, panel: Panel) -> None:
        """Draw a panel."""
        if panel.log_x:
            axes.set_xscale("log")
        if panel.log_y:
            axes.set_yscale("log", nonpositive="clip")
        for level in panel.marks:
            axes.axhline(level, color=_INK, linewidth=0.7, zorder=1)
        for series in panel.series:
            self._draw_series(axes, series)
        axes.set_title(panel.title, fontsize=12)
        axes.set_xlabel(panel.x_label)
        axes.set_ylabel(panel.y_label)

    def _draw_series(self, axes: Any, series: Series) -> None:
        colour = self._colour(series.group)
        if series.kind is Kind.MEASURED:
            self._draw_points(axes, series, colour)
        elif series.kind is Kind.RANGE:
            half = np.zeros_like(series.y) if series.error is None else series.error
            axes.fill_between(series.x, series.y - half, series.y + half, color=colour, alpha=0.2, linewidth=0)
        else:
            axes.plot(series.x, series.y, **{"color": colour} | _LINES[series.kind])

    def _draw_points(self, axes: Any, series: Series, colour: str) -> None:
        refused = np.zeros(len(series.x), dtype=np.bool_) if series.error is None else np.isnan(series.error)
        sure, shape = ~refused, self._shape(series.label)
        axes.errorbar(
            series.x[sure],
            series.y[sure],
            None if series.error is None else series.error[sure],
            color=colour,
            linestyle="none",
            marker=shape,
            markersize=4,
            elinewidth=0.9,
            capsize=2,
        )
        axes.plot(
            series.x[refused],
            series.y[refused],
            color=colour,
            linestyle="none",
            marker=shape,
            markersize=4.5,
            markerfacecolor="none",
        )

    def _colour(self, group: str) -> str:
        return _COLOURS[self._colours[group] % len(_COLOURS)]

    def _shape(self, label: str) -> str:
        return _SHAPES[self._shapes[label] % len(_SHAPES)]


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(dict.fromkeys(names))}
