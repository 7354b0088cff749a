"""The figures and tables of the talk made anew: measured, exact and predicted numbers side by side."""

from __future__ import annotations

from typing import Final

from feyn_nn.reproduce import coupling, effectiveness, falloff, outputs, rg
from feyn_nn.reproduce.figure import Figure
from feyn_nn.reproduce.page import report_page
from feyn_nn.reproduce.result import Finding, Result, Verdict
from feyn_nn.reproduce.table import Table
from feyn_nn.reproduce.workshop import DEFAULT, FULL, Size, Workshop

__all__ = [
    "DEFAULT",
    "FIGURES",
    "FULL",
    "Figure",
    "Finding",
    "Result",
    "Size",
    "Table",
    "Verdict",
    "Workshop",
    "report_page",
]


FIGURES: Final = {
    falloff.NAME: Figure(falloff.falloff, falloff.theory, falloff.shown),
    coupling.NAME: Figure(coupling.coupling, coupling.theory, coupling.shown),
    effectiveness.NAME: Figure(effectiveness.effectiveness, effectiveness.theory, effectiveness.shown),
    rg.NAME: Figure(rg.rg, rg.theory, rg.shown),
    outputs.NAME: Figure(outputs.outputs, outputs.theory, outputs.shown),
}
