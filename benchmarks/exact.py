"""Times the exact correlators of all sorted tuples of six inputs against product quadrature; writes `exact.md`.

    python benchmarks/exact.py [--repetitions 5] [--output FILE]

The rival is the obvious way: Gauss-Hermite quadrature (NumPy's hermegauss) over a neuron's weights and bias, the same tuples.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.exact.moments import neuron_moments
from feyn_nn.network import preset

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import FloatArray
    from feyn_nn.network import Architecture

HERE: Final = Path(__file__).resolve().parent
ORDERS: Final = (2, 4, 6)
GOALS: Final = {("gauss", 1): 0.2, ("relu", 1): 0.2, ("erf", 1): 2.0} | {
    (net, 3): 5.0 for net in ("gauss", "relu", "erf")
}
NODES: Final = {1: 100, 3: 20}


def quadrature(architecture: Architecture, inputs: FloatArray, nodes: int) -> dict[int, FloatArray]:
    """M_n over all sorted tuples by a product rule with `nodes` nodes for every weight and the bias."""
    d = architecture.d_in
    line, mass = np.polynomial.hermite_e.hermegauss(nodes)
    mass = mass / mass.sum()
    mesh = np.stack(np.meshgrid(*[line] * (d + 1), indexing="ij"), axis=-1).reshape(-1, d + 1)
    weights = np.prod(np.stack(np.meshgrid(*[mass] * (d + 1), indexing="ij"), axis=-1), axis=-1).ravel()
    s, w = architecture.bias_variance, architecture.weight_variance
    z = np.sqrt(w / d) * mesh[:, :d] @ inputs.T + np.sqrt(s) * mesh[:, d:]
    values = np.asarray(architecture.activation.apply(z))
    if architecture.activation.normalised:
        values = values * np.exp(-s - w / d * np.sum(inputs**2, axis=1))
    result = {}
    for n in ORDERS:
        rows = sorted_tuples(len(inputs), n)
        result[n] = np.array([weights @ np.prod(values[:, list(row)], axis=1) for row in rows])
    return result


def timed(function: Callable[[], object], repetitions: int) -> float:
    """Median wall time of a call, in milliseconds."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1000 * median(times)


def row(net: str, d_in: int, repetitions: int) -> str:
    """One line of the table."""
    talk = preset(net)
    architecture = talk.architecture(d_in)
    inputs = talk.points() if d_in == 1 else 0.6 * np.random.default_rng(3).normal(size=(6, d_in))

    def ours() -> float:
        return max(exact_correlators(architecture, inputs, n).accuracy for n in ORDERS)

    own, theirs = timed(ours, repetitions), timed(lambda: quadrature(architecture, inputs, NODES[d_in]), repetitions)
    exact = neuron_moments(architecture, inputs, ORDERS)
    rough = quadrature(architecture, inputs, NODES[d_in])
    size = {n: np.abs(exact.values[n]).max() for n in ORDERS}
    error = max(float(np.abs(rough[n] - exact.values[n]).max() / size[n]) for n in ORDERS)
    accuracy = max(exact.accuracy[n] for n in ORDERS)
    return (
        f"| {net} | {d_in} | {own:.1f} | {1000 * GOALS[net, d_in]:g} | {accuracy:.0e} | {ours():.0e} | {theirs:.0f} "
        f"| {error:.0e} | {own / theirs:.3f} |"
    )


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--output", type=Path, default=HERE / "exact.md")
    options = parser.parse_args()
    lines = [
        "# Exact correlators",
        "",
        "Written by `exact.py`: G^(2), G^(4), G^(6) of all 21 + 126 + 462 sorted tuples of six inputs, in process; in "
        "d_in = 1 the talk's inputs.",
        "",
        "| network | d_in | feyn-nn, ms | may take, ms | accuracy of moments | of correlators | product quadrature, ms "
        "| its error | ratio |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for net, d_in in GOALS:
        lines.append(row(net, d_in, options.repetitions))
        sys.stderr.write(f"{lines[-1]}\n")
    lines += [
        "",
        f"Product quadrature: {NODES[1]} nodes for each weight and the bias in d_in = 1, {NODES[3]} in d_in = 3, moments "
        "only; its error is relative to the largest moment of an order.",
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {version('numpy')}, "
        f"median of {options.repetitions}.",
    ]
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
