"""Drawing networks with NumPy against this machine's own primitives: the second part of `ensembles.py`."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, final

import numpy as np
from ensembles_timing import CORES, POINTS, WIDTHS, Effort, Goal, Part, between, drawing, in_turn, nanoseconds

from feyn_nn.ensembles import Engine
from feyn_nn.ensembles.primitives import erf, normals, workspace
from feyn_nn.network import ERF, PRESETS, Preset

if TYPE_CHECKING:
    from collections.abc import Callable


def bounds(effort: Effort) -> Part:
    """How near drawing comes to the time of its random numbers, activations and multiply-adds alone."""
    lines = [
        "## NumPy against its own primitives",
        "",
        "What the random numbers, values of phi and multiply-adds of a neuron take alone, on arrays that stay in a cache, and "
        "what the simulation takes; ns per neuron and core.",
    ]
    goals = []
    for threads in sorted({1, CORES}):
        lines += [
            "",
            f"In {threads} thread{'s' if threads > 1 else ''}:",
            "",
            "| net | N | normals | phi | W0 x + b0 | W1 phi | sum | drawing | fraction |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]
        fractions = []
        for net in PRESETS:
            for width in WIDTHS:
                sys.stderr.write(f"bound {net} {width}\n")
                fractions.append(_bound_row(net, width, threads, effort, lines))
        goals.append(
            Goal(
                f"NumPy at 85 % of the bound or more, {threads} thread{'s' if threads > 1 else ''}",
                between([100 * fraction for fraction in fractions], 0) + " %",
                min(fractions) >= 0.85,
            )
        )
    return lines, goals


def _bound_row(net: str, width: int, threads: int, effort: Effort, lines: list[str]) -> float:
    pieces = [Pieces(PRESETS[net], width, seed) for seed in range(threads)]
    ways: dict[str, Callable[[], float]] = {
        way: partial(nanoseconds, [getattr(piece, way) for piece in pieces], pieces[0].neurons, effort.neurons // 16)
        for way in ("draw_normals", "copy", "activate", "pre_activate", "add_narrow", "add_wide")
    }
    ways["drawing"] = lambda: threads * drawing(Engine.NUMPY, net, width, effort.neurons // 4, threads)
    found = in_turn(ways, effort.repetitions)
    parts = [
        found["draw_normals"],
        found["activate"] - found["copy"],
        found["pre_activate"],
        min(found["add_narrow"], found["add_wide"]),
    ]
    fraction = sum(parts) / found["drawing"]
    shown = " | ".join(f"{part:.2f}" for part in (*parts, sum(parts), found["drawing"]))
    lines.append(f"| {net} | {width} | {shown} | {fraction:.2f} |")
    return fraction


@final
class Pieces:
    """What drawing cannot do without, one thing at a time, on neurons of some networks."""

    def __init__(self, talk: Preset, width: int, seed: int) -> None:
        self._generator = np.random.Generator(np.random.Philox(seed))
        self._work = workspace()
        self._activation = talk.activation
        architecture, points = talk.architecture(), talk.points()
        self._biases = architecture.sigma_b > 0
        columns = [architecture.sigma_w * points, np.full_like(points, architecture.sigma_b)]
        self._coefficients = np.hstack(columns if self._biases else columns[:1])
        nets = max(1, 2**13 // width)
        self.neurons = nets * width
        """Neurons that every piece handles in one call."""
        draws = self._coefficients.shape[1]
        extra = nets if self._biases else 0  # b1
        self._normals = np.empty((draws + 1) * self.neurons + extra)
        self.draw_normals()
        self._first = self._normals[: draws * self.neurons].reshape(draws, self.neurons)
        self._weights = self._normals[draws * self.neurons : (draws + 1) * self.neurons]
        self._z = np.empty((POINTS, self.neurons))
        self.pre_activate()
        self._arguments = self._z - architecture.log_normaliser(points)[:, None]
        self._narrow = np.empty((POINTS, nets)), (POINTS, width, nets), (width, nets)
        self._wide = np.empty((nets, POINTS, 1)), (POINTS, nets, width), (nets, width, 1)

    def draw_normals(self) -> None:
        """Those of W0, b0, W1 and b1."""
        normals(self._generator, self._normals, self._work)

    def pre_activate(self) -> None:
        """W0 x + b0 from normals."""
        if self._biases:
            np.matmul(self._coefficients, self._first, out=self._z)
        else:  # one column: several times as fast as a matrix product
            np.multiply(self._coefficients, self._first, out=self._z)

    def copy(self) -> None:
        """Pre-activations of the right law, to be overwritten."""
        np.copyto(self._z, self._arguments)

    def activate(self) -> None:
        """Phi of a copy of them."""
        self.copy()
        if self._activation == ERF:
            erf(self._z, self._work)
        else:
            self._activation.apply(self._z)

    def add_narrow(self) -> None:
        """Sums of W1 phi over neurons, with networks as the fast axis."""
        outputs, hidden, weights = self._narrow
        for row, values in zip(outputs, self._z.reshape(hidden), strict=True):
            np.einsum("kn,kn->n", values, self._weights.reshape(weights), out=row)

    def add_wide(self) -> None:
        """The same, by a matrix product for each network."""
        outputs, hidden, weights = self._wide
        np.matmul(self._z.reshape(hidden).transpose(1, 0, 2), self._weights.reshape(weights), out=outputs)
