"""A figure of the reproduction: how it is made, and how it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from feyn_nn.report import Block
    from feyn_nn.reproduce.result import Result
    from feyn_nn.reproduce.table import Excerpt
    from feyn_nn.reproduce.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Figure:
    """`make` simulates and measures; a page has the formulas and diagrams of `theory`, and what is `shown` of the tables."""

    make: Callable[[Workshop], Result]
    theory: Callable[[], tuple[Block, ...]]
    shown: Callable[[Result], Sequence[Excerpt]]
