"""What a reproduced figure is: a plot, a table, and what they say in words; and how it is written to a directory."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from feyn_nn import files
from feyn_nn.arrays import plain
from feyn_nn.render.plots import Panel, plot_svg

if TYPE_CHECKING:
    from pathlib import Path

Cell: TypeAlias = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of numbers under named columns; `meaning` says of each column what it holds, units and convention included."""

    meaning: dict[str, str]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.meaning)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A figure of the talk, made anew: `verdicts` are sentences, `source` the slide it stands for."""

    name: str
    title: str
    source: str
    settings: dict[str, Any]
    verdicts: tuple[str, ...]
    table: Table
    panels: tuple[Panel, ...]
    columns: int = 3

    def svg(self) -> str:
        """The plot; raises InputError without matplotlib."""
        return plot_svg(self.panels, f"{self.title}. {' '.join(self.verdicts)}", self.columns)

    def csv_text(self) -> str:
        """The table, comma-separated, with numbers in full precision and empty cells where there is none."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.table.columns)
        writer.writerows([["" if cell is None else cell for cell in plain(row)] for row in self.table.rows])
        return stream.getvalue()

    def document(self) -> dict[str, Any]:
        """The figure as JSON types."""
        content: dict[str, Any] = plain(
            {
                "figure": self.name,
                "title": self.title,
                "source": self.source,
                "settings": self.settings,
                "verdicts": self.verdicts,
                "columns": self.table.meaning,
                "rows": [dict(zip(self.table.columns, row, strict=True)) for row in self.table.rows],
            }
        )
        return content

    def write(self, directory: Path) -> None:
        """Write NAME.csv, NAME.json and NAME.svg, each atomically; raises InputError without matplotlib."""
        files.write_text(directory / f"{self.name}.svg", self.svg() + "\n")
        files.write_text(directory / f"{self.name}.csv", self.csv_text())
        files.write_json(directory / f"{self.name}.json", self.document())
