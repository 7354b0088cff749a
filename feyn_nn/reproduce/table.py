"""Tables of numbers whose columns say what they hold.

A row is a frozen dataclass; the meaning of each of its columns stands beside the field, so that the two cannot part:

    @dataclass(frozen=True, slots=True)
    class Row:
        width: int = field(metadata=meaning("N"))
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeAlias

import numpy as np

from feyn_nn.arrays import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from dataclasses import Field

    from feyn_nn.arrays import FloatArray
    from feyn_nn.estimate import Estimate

Cell: TypeAlias = str | int | float | None
_KEY: Final = "meaning"


class Row(Protocol):
    """A dataclass with a `meaning` at every field."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def meaning(text: str) -> dict[str, str]:
    """The metadata of a field: what the column holds, units and convention included."""
    return {_KEY: text}


def numbers(values: Iterable[float | None]) -> FloatArray:
    """A column as an array, with NaN for None."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def parts(estimate: Estimate | None) -> tuple[float | None, float | None]:
    """Value and error in two columns; both None for what was not measured."""
    return (None, None) if estimate is None else (estimate.mean, estimate.error)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of numbers under named columns; `meaning` says of each column what it holds. None is no number."""

    name: str
    title: str
    meaning: dict[str, str]
    rows: tuple[tuple[Cell, ...], ...]

    @classmethod
    def of(cls, name: str, title: str, rows: Sequence[Row]) -> Table:
        """The table of one or more rows of one class; NaN becomes None."""
        columns = {each.name: str(each.metadata[_KEY]) for each in fields(rows[0])}
        return cls(name, title, columns, tuple(tuple(plain(getattr(row, key)) for key in columns) for row in rows))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.meaning)

    def excerpt(self, columns: Sequence[str], **where: Collection[Cell]) -> Excerpt:
        """Some columns, of the rows in which other columns have one of the given values.

        >>> squares = Table("squares", "Squares", {"n": "n", "square": "n^2"}, ((1, 1), (2, 4), (3, 9)))
        >>> squares.excerpt(["square"], n=[2, 3]).rows
        ((4,), (9,))
        """
        places = [self.columns.index(column) for column in columns]
        wanted = [(self.columns.index(column), values) for column, values in where.items()]
        rows = (row for row in self.rows if all(row[place] in values for place, values in wanted))
        return Excerpt(self, tuple(columns), tuple(tuple(row[place] for place in places) for row in rows))

    def csv_text(self) -> str:
        """The table, comma-separated, with numbers in full precision and empty cells where there is none."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([["" if cell is None else cell for cell in row] for row in self.rows])
        return stream.getvalue()

    def document(self) -> dict[str, Any]:
        """The table as JSON types."""
        return {
            "title": self.title,
            "columns": self.meaning,
            "rows": [dict(zip(self.columns, row, strict=True)) for row in self.rows],
        }

    @classmethod
    def from_document(cls, name: str, document: dict[str, Any]) -> Table:
        """Invert `document`; raises KeyError, TypeError or AttributeError for anything else."""
        columns = {str(key): str(text) for key, text in document["columns"].items()}
        return cls(
            name, str(document["title"]), columns, tuple(tuple(row[key] for key in columns) for row in document["rows"])
        )


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What a page shows of a table."""

    table: Table
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
