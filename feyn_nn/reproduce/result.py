"""What a reproduced figure is: findings in words, a plot and tables; and how it is written to a directory and read back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from platform import python_version
from typing import TYPE_CHECKING, Any

from feyn_nn import files
from feyn_nn.arrays import plain
from feyn_nn.errors import InputError
from feyn_nn.reproduce.table import Table
from feyn_nn.reproduce.talk import DISPLAY

if TYPE_CHECKING:
    from pathlib import Path


class Verdict(StrEnum):
    """What the numbers say of a statement."""

    HOLDS = "holds"
    LIMITED = "holds within limits"
    FAILS = "does not hold"
    UNDECIDED = "not decided by this sample"

    @classmethod
    def of(cls, holds: bool, *, limits: bool = False) -> Verdict:
        """FAILS, HOLDS, or with `limits` LIMITED."""
        return cls.FAILS if not holds else cls.LIMITED if limits else cls.HOLDS


class Subject(StrEnum):
    """Whose statement it is."""

    TALK = "What the talk says"
    PREMISE = "What its experiments take for granted"
    MEASUREMENT = "Whether these measurements can be trusted"


@dataclass(frozen=True, slots=True)
class Statement:
    """Something that numbers can decide."""

    text: str
    subject: Subject


@dataclass(frozen=True, slots=True)
class Finding:
    """A statement, what the numbers of one network say of it, and the numbers."""

    statement: Statement
    network: str
    verdict: Verdict
    evidence: str

    @property
    def short(self) -> str:
        """The verdict without its reasons."""
        return f"{DISPLAY[self.network]}: {self.verdict}"


@dataclass(frozen=True, slots=True)
class Result:
    """A figure of the talk, made anew: `source` names its slide, `caption` says what is drawn, `svg` is the plot.

    The first table has the numbers of the plot. `settings` are those of the ensembles, `provenance` the versions.
    """

    name: str
    title: str
    source: str
    caption: str
    settings: dict[str, Any]
    provenance: dict[str, str]
    findings: tuple[Finding, ...]
    tables: tuple[Table, ...]
    svg: str

    def document(self) -> dict[str, Any]:
        """The figure as JSON types; the plot stands in its own file."""
        content: dict[str, Any] = plain(
            {
                "figure": self.name,
                "title": self.title,
                "source": self.source,
                "caption": self.caption,
                "settings": self.settings,
                "findings": [
                    {
                        "statement": each.statement.text,
                        "subject": each.statement.subject.value,
                        "network": each.network,
                        "verdict": each.verdict.value,
                        "evidence": each.evidence,
                    }
                    for each in self.findings
                ],
                "tables": {table.name: table.document() for table in self.tables},
                "provenance": self.provenance,
            }
        )
        return content

    def write(self, directory: Path) -> None:
        """Write NAME.svg, a CSV file for each table, and NAME.json last, each atomically."""
        files.write_text(directory / f"{self.name}.svg", self.svg + "\n")
        for table in self.tables:
            files.write_text(directory / f"{table.name}.csv", table.csv_text())
        files.write_json(directory / f"{self.name}.json", self.document())

    @classmethod
    def read(cls, directory: Path, name: str) -> Result:
        """Read what `write` has written; raises InputError for anything else."""
        path = directory / f"{name}.json"
        document = files.read_json(path)
        try:
            return cls(
                name,
                str(document["title"]),
                str(document["source"]),
                str(document["caption"]),
                document["settings"],
                document["provenance"],
                tuple(
                    Finding(
                        Statement(str(each["statement"]), Subject(each["subject"])),
                        each["network"],
                        Verdict(each["verdict"]),
                        str(each["evidence"]),
                    )
                    for each in document["findings"]
                ),
                tuple(Table.from_document(table, content) for table, content in document["tables"].items()),
                (directory / f"{name}.svg").read_text(encoding="utf-8").removesuffix("\n"),
            )
        except (KeyError, TypeError, AttributeError, ValueError, OSError) as problem:
            raise InputError(f"{path} is not a figure of feyn-nn reproduce ({problem}); make it again") from None


def versions() -> dict[str, str]:
    """Versions of what makes the numbers."""
    names = ("feyn-nn", "numpy", "scipy", "sympy", "matplotlib")
    return {name: metadata.version(name) for name in names} | {"python": python_version()}
