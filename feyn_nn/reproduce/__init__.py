"""The figures and tables of the talk made anew: measured, exact and predicted numbers side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from feyn_nn.reproduce import coupling, effectiveness, falloff, outputs, rg
from feyn_nn.reproduce.result import Finding, Result, Verdict
from feyn_nn.reproduce.table import Table
from feyn_nn.reproduce.workshop import DEFAULT, FULL, Size, Workshop

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.report import Block

__all__ = ["DEFAULT", "FIGURES", "FULL", "Figure", "Finding", "Result", "Size", "Table", "Verdict", "Workshop"]


@dataclass(frozen=True, slots=True)
class Figure:
    """How a figure is made, and the formulas and diagrams behind it."""

    make: Callable[[Workshop], Result]
    theory: Callable[[], tuple[Block, ...]]


FIGURES: Final = {
    falloff.NAME: Figure(falloff.falloff, falloff.theory),
    coupling.NAME: Figure(coupling.coupling, coupling.theory),
    effectiveness.NAME: Figure(effectiveness.effectiveness, effectiveness.theory),
    rg.NAME: Figure(rg.rg, rg.theory),
    outputs.NAME: Figure(outputs.outputs, outputs.theory),
}
