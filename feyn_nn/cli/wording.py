"""How text output is broken into lines."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from feyn_nn.measure import ResultWarning

WIDTH = 110


def warning_lines(warnings: Iterable[ResultWarning], prefix: str = "warning") -> list[str]:
    """Each warning as wrapped lines that start with `prefix` and its code."""
    lines = []
    for warning in warnings:
        sentence = f"{prefix}: {warning.code.value}: {warning.message}"
        lines += textwrap.wrap(sentence, WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False)
    return lines
