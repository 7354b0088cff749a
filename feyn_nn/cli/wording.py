"""What text output says of ensembles and warnings, and how it is broken into lines."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from feyn_nn.measure import MeasuredCorrelators, ResultWarning

WIDTH = 110


def warning_lines(warnings: Iterable[ResultWarning], prefix: str = "warning") -> list[str]:
    """Each warning as wrapped lines that start with `prefix` and its code."""
    lines = []
    for warning in warnings:
        sentence = f"{prefix}: {warning.code.value}: {warning.message}"
        lines += textwrap.wrap(sentence, WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False)
    return lines


def samples_text(measured: MeasuredCorrelators, adjective: str = "") -> str:
    """How many samples of what were measured, where, and at which width."""
    ensemble = measured.ensemble
    kind = "networks" if ensemble.record.of_networks else "single neurons"
    inputs = f"{ensemble.points} input{'' if ensemble.points == 1 else 's'}"
    number = f"{ensemble.experiments} experiments of {ensemble.nets} {adjective}{kind}"
    if not ensemble.record.of_networks:
        return f"{number} at {inputs}, measured at width {measured.width}"
    width = "" if measured.width is None else f" of width {measured.width}"
    return f"{number}{width} at {inputs}"


def wrapped(sentence: str) -> list[str]:
    """A sentence broken into lines."""
    return textwrap.wrap(sentence, WIDTH, break_long_words=False)
