"""Drawing networks with feyn-nn and with PyTorch, in turn: the first part of `ensembles.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from ensembles_timing import (
    COMPILED,
    CORES,
    ENGINES,
    LARGEST_DEVIATION,
    WIDTHS,
    Effort,
    Goal,
    Part,
    between,
    draw_outputs,
    drawing,
    in_turn,
    name,
    output_settings,
)

from feyn_nn.arrays import sorted_rank
from feyn_nn.ensembles import Engine, run
from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.kernels import kernel_of
from feyn_nn.network import PRESETS, Preset

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import FloatArray

HERE: Final = Path(__file__).resolve().parent
TORCH: Final = "2.13.0"


@final
class Torch:
    """PyTorch in a process that stays; it draws with its own threads, or in `workers` threads with one core each."""

    def __init__(self, python: Path, workers: int) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [str(python), "-W", "ignore:Failed to initialize NumPy", str(HERE / "rival_torch.py"), str(workers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._forms: dict[tuple[str, int], tuple[str, int]] = {}
        hello = self._read()
        self.version: str = hello["torch"]
        self.threads: int = hello["threads"]

    def close(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def nanoseconds(self, net: str, width: int, neurons: int, dtype: str = "float32") -> float:
        """Wall time per neuron, in the layout and batch that were fastest in a short trial of all."""
        if (net, width) not in self._forms:
            trials = [(layout, 2**k) for layout in ("network", "point") for k in (13, 15, 17, 19)]
            for form in trials:  # the first call of each also finds memory
                self._draw(net, width, form, neurons // 64)
            self._forms[net, width] = min(
                trials, key=lambda form: self._draw(net, width, form, neurons // 8)["nanoseconds"]
            )
        found: float = self._draw(net, width, self._forms[net, width], neurons, dtype)["nanoseconds"]
        return found

    def form(self, net: str, width: int) -> str:
        """The layout and the batch that were fastest."""
        layout, numbers = self._forms[net, width]
        return f"by {layout}, {max(1, numbers // width)}"

    def moments(self, net: str, width: int, networks: int) -> FloatArray:
        """Means of `moments` over networks, from both layouts, half of them each."""
        halves = [
            self._draw(net, width, (layout, 2**17), networks * width // 2, moments=True)["moments"]
            for layout in ("network", "point")
        ]
        both: FloatArray = np.mean(np.array(halves), axis=0)
        return both

    def _draw(
        self,
        net: str,
        width: int,
        form: tuple[str, int],
        neurons: int,
        dtype: str = "float32",
        *,
        moments: bool = False,
    ) -> dict[str, Any]:
        layout, batch = form
        architecture, points = PRESETS[net].architecture(), PRESETS[net].points()
        networks = max(1, batch // width)
        batches = max(2, neurons // (networks * width))
        job = {
            "batch": {
                "net": net,
                "inputs": points[:, 0].tolist(),
                "shift": architecture.log_normaliser(points).tolist(),
                "sigma_w": architecture.sigma_w,
                "sigma_b": architecture.sigma_b,
                "width": width,
                "networks": networks,
                "dtype": dtype,
            },
            "layout": layout,
            "batches": batches,
            "seed": 11 if layout == "network" else 12,
            "moments": moments,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        answer["nanoseconds"] = 1e9 * answer["seconds"] / (networks * width * batches)
        return answer

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"rival_torch.py ended without an answer (exit code {self._process.wait()}): see its error above")
        answer: dict[str, Any] = json.loads(line)
        return answer


def rival_python() -> Path:
    """The interpreter of the benchmarks' own environment, with PyTorch, which is installed if it is not there."""
    folder = HERE / ".venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)  # noqa: S603
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    shown = subprocess.run([*pip, "freeze"], check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    if not any(line.startswith(f"torch=={TORCH}") for line in shown.stdout.split()):
        subprocess.run([*pip, "install", "--quiet", f"torch=={TORCH}"], check=True)  # noqa: S603
    return python


def sampling(torch: Torch, threaded: Torch, effort: Effort) -> Part:
    """Outputs of networks, drawn and not used."""
    deviations = same_law(torch, effort)
    lines = [
        "## Drawing networks",
        "",
        "Wall time per neuron of a network at six inputs, in ns: outputs f, shape (networks, 6), are drawn and thrown away. "
        f"PyTorch in its own {torch.threads} threads, in the faster of two layouts and four batch sizes; "
        f"by thread: in {CORES} threads of Python with a generator each.",
        "",
        "| net | N | PyTorch float32 | layout, batch | float64 | by thread, float32 "
        f"| {' | '.join(name(engine) for engine in ENGINES)} | NumPy / PyTorch | PyTorch / fast float32 |",
        "|---|--:|--:|---|--:|--:|" + "--:|" * (len(ENGINES) + 2),
    ]
    with_sums = [
        "The same with the sums of products of all orders, n = 1 .. 6, as `run` keeps them (record outputs):",
        "",
        f"| net | N | {' | '.join(name(engine) for engine in ENGINES)} |",
        "|---|--:|" + "--:|" * len(ENGINES),
    ]
    slower, faster, strict = [], [], []
    for net in PRESETS:
        for width in WIDTHS:
            sys.stderr.write(f"drawing {net} {width}\n")
            ways: dict[str, Callable[[], float]] = {
                "torch": partial(torch.nanoseconds, net, width, effort.neurons),
                "double": partial(torch.nanoseconds, net, width, effort.neurons, "float64"),
                "threaded": partial(threaded.nanoseconds, net, width, effort.neurons),
            }
            for engine in ENGINES:
                neurons = effort.neurons * (1 if engine is Engine.NUMPY else 4)
                ways[engine.value] = partial(drawing, engine, net, width, neurons)
                ways[f"{engine.value} sums"] = partial(summing, engine, net, width, neurons)
            found = in_turn(ways, effort.repetitions)
            slower.append(found[Engine.NUMPY.value] / found["torch"])
            ratios = [f"{slower[-1]:.2f}", "-"]
            if COMPILED:
                faster.append(found["torch"] / found[Engine.FAST32.value])
                strict.append(found["threaded"] / found[Engine.FAST32.value])
                ratios[1] = f"{faster[-1]:.1f}"
            lines.append(
                f"| {net} | {width} | {found['torch']:.1f} | {torch.form(net, width)} | {found['double']:.1f} "
                f"| {found['threaded']:.1f} | {' | '.join(f'{found[engine.value]:.2f}' for engine in ENGINES)} "
                f"| {' | '.join(ratios)} |"
            )
            sums = " | ".join(f"{found[f'{engine.value} sums']:.2f}" for engine in ENGINES)
            with_sums.append(f"| {net} | {width} | {sums} |")
    goals = [Goal("NumPy in at most 1.5 x PyTorch's time, float32", between(slower, 2), max(slower) <= 1.5)]
    if COMPILED:
        goals.append(Goal("fast float32 5 x faster than PyTorch", between(faster, 1), min(faster) >= 5))
        with_sums += ["", f"Against PyTorch by thread, fast float32 is {between(strict, 1)} times faster."]
    return [*lines, "", *with_sums, "", *deviations], goals


def summing(engine: Engine, net: str, width: int, neurons: int) -> float:
    """Wall time per neuron, in ns, of a whole run with the sums of products of outputs."""
    settings = output_settings(engine, net, width, neurons, CORES)
    start = time.perf_counter()
    run(settings, workers=CORES)
    return 1e9 * (time.perf_counter() - start) / (settings.nets * width)


def same_law(torch: Torch, effort: Effort) -> list[str]:
    """Stop with an error unless PyTorch and every engine give <f_i f_j> = K and, at one input, the exact <f^4>."""
    tools = ["PyTorch", *(name(engine) for engine in ENGINES)]
    largest = dict.fromkeys(tools, 0.0)
    apart = 0.0
    for net in PRESETS:
        for width in WIDTHS:
            networks = effort.neurons // 4 // width
            exact, deviation = exact_moments(PRESETS[net], width)
            standard = deviation / sqrt(networks)
            found = {"PyTorch": torch.moments(net, width, networks)[: len(exact)]}
            for engine in ENGINES:
                settings = output_settings(engine, net, width, networks * width, CORES)
                means = [moments(draw_outputs(settings, chunk)) for chunk in range(settings.chunks)]
                found[name(engine)] = np.mean(means, axis=0)[: len(exact)]
            for tool, value in found.items():
                largest[tool] = max(largest[tool], float(np.abs((value - exact) / standard).max()))
                apart = max(apart, float(np.abs((value - found["PyTorch"]) / standard).max()) / sqrt(2))
    text = "; ".join(f"{tool} {value:.1f}" for tool, value in largest.items())
    if max([*largest.values(), apart]) > LARGEST_DEVIATION:
        sys.exit(f"the tools do not draw the same networks: standard deviations from the exact moments: {text}")
    return [
        f"The same law: over {len(PRESETS) * len(WIDTHS)} ensembles the largest deviation of <f_i f_j> from the exact K, and "
        f"(Erf, ReLU) of <f_i^4> from its exact value at that width, in its exact standard deviations: {text}; "
        f"between PyTorch and another, {apart:.1f}."
    ]


def moments(outputs: FloatArray) -> FloatArray:
    """Means over networks of f_i f_j, i <= j, and of f_i^4."""
    pairs = outputs @ outputs.T / outputs.shape[1]
    return np.concatenate([pairs[np.triu_indices(len(outputs))], np.mean(outputs**4, axis=1)])


def exact_moments(talk: Preset, width: int) -> tuple[FloatArray, FloatArray]:
    """The exact `moments`, and the standard deviations of one network; <f^4> only where that says something.

    Gauss-net's f^8 has a mean of which no sample of this size sees anything.
    """
    architecture, points = talk.architecture(), talk.points()
    i, j = np.triu_indices(len(points))
    mean = kernel_of(architecture)(points, points)[i, j]
    fourth = exact_correlators(architecture, points, 4).at(width)
    variance = fourth[sorted_rank(len(points), np.stack([i, i, j, j], axis=1).astype(np.intp))] - mean**2
    if not architecture.activation.normalised:
        single = [
            exact_correlators(architecture, points[k : k + 1], n).at(width)[0]
            for n in (4, 8)
            for k in range(len(points))
        ]
        quartic, eighth = np.array(single).reshape(2, -1)
        mean, variance = np.concatenate([mean, quartic]), np.concatenate([variance, eighth - quartic**2])
    return mean, np.sqrt(variance)
