"""The figures and tables of the talk made anew: measured, exact and predicted numbers side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from feyn_nn.reproduce import falloff
from feyn_nn.reproduce.result import Result, Table
from feyn_nn.reproduce.workshop import Size, Workshop

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FIGURES", "Result", "Size", "Table", "Workshop"]

FIGURES: Final[dict[str, Callable[[Workshop], Result]]] = {falloff.NAME: falloff.falloff}
