"""`feyn-nn measure DIR`: correlators, m_n and background of a simulated or imported ensemble."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from feyn_nn.arrays import plain
from feyn_nn.cli import options as shared
from feyn_nn.cli.imported import add_imported, imported
from feyn_nn.cli.wording import samples_text, warning_lines, wrapped
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.ensembles import load, verify
from feyn_nn.errors import FeynError, InputError
from feyn_nn.files import json_text
from feyn_nn.kernels import kernel_of
from feyn_nn.measure import Estimator, available_estimators, measure_correlators

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from feyn_nn.ensembles import Ensemble
    from feyn_nn.kernels import Kernel
    from feyn_nn.measure import MeasuredCorrelators, ResultWarning

NAMES: Final = {
    1: "one_point",
    2: "two_point",
    3: "three_point",
    4: "four_point",
    5: "five_point",
    6: "six_point",
}
EVEN: Final = (2, 4, 6)

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("directory", metavar="DIR", nargs="?", help="an ensemble written by simulate")
    add_imported(parser)
    parser.add_argument("--inputs", metavar="FILE", help="inputs of imported outputs, .npy of shape (points[, d_in])")
    parser.add_argument(
        "--experiments",
        type=int,
        metavar="E",
        help="equal parts into which imported outputs are split (default 10)",
    )
    parser.add_argument(
        "--width",
        metavar="LIST",
        help="widths N, separated by commas, at which a stream of single neurons is measured; each gives a document",
    )
    add_estimator(parser, "default: all that apply")
    parser.add_argument(
        "--activation",
        metavar="MODULE:FUNCTION",
        help="your own activation, where the ensemble of DIR was made with one",
    )
    parser.add_argument(
        "--verify", action="store_true", help="check every file of DIR first; exit code 1 if one is damaged"
    )
    shared.add_json(parser)


def add_estimator(parser: argparse.ArgumentParser, default: str) -> None:
    """--estimator."""
    parser.add_argument(
        "--estimator", choices=[estimator.value for estimator in Estimator], help=f"how to average ({default})"
    )


def provenance(**paths: str | None) -> dict[str, Any]:
    """Paths, time and machine: everything that may differ between identical measurements."""
    return {
        **{name: path for name, path in paths.items() if path is not None},
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def warnings_document(warnings: Iterable[ResultWarning]) -> list[dict[str, str]]:
    """Warnings as JSON types."""
    return [{"code": warning.code.value, "message": warning.message} for warning in warnings]


def run(options: argparse.Namespace) -> int:
    """Measure with every estimator that applies, or the one asked for, and print."""
    if (options.directory is None) == (options.outputs is None):
        raise InputError("name exactly one ensemble: DIR, or --outputs FILE with --inputs FILE")
    if options.directory is not None:
        shared.refuse_unused(options, ("inputs", "experiments"), "belongs to --outputs; DIR has its own")
    elif options.verify or options.activation is not None:
        raise InputError("--verify and --activation: they belong to an ensemble in DIR, not to --outputs")
    if options.activation is not None:
        shared.own_activation(options.activation)
    if options.verify and (problems := verify(Path(options.directory))):
        for problem in problems:
            sys.stderr.write(f"feyn-nn: {problem}\n")
        return 1
    ensemble = imported(options) if options.directory is None else load(Path(options.directory))
    widths = _widths(options.width, ensemble)
    kernel = _kernel(ensemble)
    estimators = _estimators(options.estimator, ensemble, known_kernel=kernel is not None)
    results = {
        width: [measure_correlators(ensemble, estimator, kernel, width=width) for estimator in estimators]
        for width in widths
    }
    if options.json:
        documents = {str(width): _best_document(each) for width, each in results.items()}
        whole = documents.popitem()[1] if len(widths) == 1 else {"widths": documents}
        whole["provenance"] = provenance(directory=options.directory, outputs=options.outputs, inputs=options.inputs)
        sys.stdout.write(json_text(whole))
    else:
        sys.stdout.write("\n".join(text(each) for each in results.values()))
    return 0


def _widths(given: str | None, ensemble: Ensemble) -> list[int] | list[None]:
    """The widths to measure at: asked for where samples are neurons, else those of the networks."""
    if given is None:
        if not ensemble.record.of_networks:
            raise InputError("DIR holds a stream of single neurons, which serves every width: give --width N")
        return [None]
    if ensemble.record.of_networks:
        raise InputError(f"--width {given}: only a stream of single neurons can be measured at any width; leave it out")
    try:
        widths = [int(part) for part in given.split(",")]
    except ValueError:
        raise InputError(f"--width {given!r}: expected positive integers separated by commas") from None
    if len(set(widths)) < len(widths):
        raise InputError(f"--width {given}: a width stands twice")
    return widths


def _kernel(ensemble: Ensemble) -> Kernel | None:
    """The kernel of a simulated ensemble; None where there is none, which is said on stderr."""
    if ensemble.architecture is None:
        return None
    try:
        return kernel_of(ensemble.architecture)
    except FeynError as problem:
        sys.stderr.write(f"feyn-nn: without a kernel ({problem}): the measured two-point function stands for K\n")
        return None


def _estimators(given: str | None, ensemble: Ensemble, *, known_kernel: bool) -> tuple[Estimator, ...]:
    if given is not None:
        return (Estimator(given),)
    found = available_estimators(ensemble, known_kernel=known_kernel)
    if not found:
        raise InputError(
            f"record {ensemble.record.value}: its estimator needs the exact kernel, which is not known here"
        )
    return found


def _best_document(results: list[MeasuredCorrelators]) -> dict[str, Any]:
    """The document of the best estimator, with those of all."""
    documents = {result.estimator.value: document(result) for result in results}
    return {**documents[results[-1].estimator.value], "estimators": documents}


def document(result: MeasuredCorrelators) -> dict[str, Any]:
    """One estimator's results as JSON types."""
    ensemble = result.ensemble
    entries: dict[str, Any] = {
        "estimator": result.estimator.value,
        "assumption": result.estimator.assumption,
        "kernel": result.reference.value,
        "relative_to": result.reference.statement,
        "record": ensemble.record.value,
        "n_nets": ensemble.total_nets,
        "experiments": ensemble.experiments,
        "nets_per_experiment": ensemble.nets,
        "width": result.width,
        "inputs": ensemble.inputs,
    }
    for n, name in NAMES.items():
        entries[name] = _order(result, n)
    ratios = {n: _unless_too_few(result.ratio, n) for n in EVEN}
    entries["m"] = {str(n): ratio.mean if ratio else None for n, ratio in ratios.items()}
    entries["m_error"] = {str(n): ratio.error if ratio else None for n, ratio in ratios.items()}
    entries["background"] = {str(n): _unless_too_few(result.background, n) for n in EVEN}
    entries["unreliable"] = [n for n in NAMES if result.refused(n)]
    entries["warnings"] = warnings_document(result.warnings)
    converted: dict[str, Any] = plain(entries)
    return converted


def _order(result: MeasuredCorrelators, n: int) -> dict[str, Any]:
    """G^(n), its connected part and Delta G^(n), each with its error; null where there are too few samples for it."""
    entry: dict[str, Any] = {"tuples": sorted_tuples(result.points, n)}
    quantities = {"value": result.values, "delta": result.delta, "connected": result.connected}
    for name, quantity in quantities.items():
        if name == "delta" and n <= 2:
            continue
        samples = _unless_too_few(quantity, n)
        entry[name] = None if samples is None else samples.mean(axis=0)
        entry["error" if name == "value" else f"{name}_error"] = None if samples is None else result.error(samples, n)
    return entry


def _unless_too_few(quantity: Callable[[int], T], n: int) -> T | None:
    """The quantity of order n, None where there are too few samples or experiments for an unbiased estimate."""
    try:
        return quantity(n)
    except InputError:
        return None


_ROW = "  {:<12} {:>2}  {:>13}  {:>13}  {:>13}"


def text(results: list[MeasuredCorrelators]) -> str:
    """A table of m_n and background for each estimator, and the warnings in words."""
    first = results[0]
    lines = [
        *wrapped(f"{samples_text(first)}; Delta G^(n) relative to {first.reference.statement}"),
        "",
        _ROW.format("estimator", "n", "m_n", "error of m_n", "background"),
    ]
    for result in results:
        for n in EVEN:
            ratio = _unless_too_few(result.ratio, n)
            if ratio is None:
                continue
            error = "refused" if ratio.error is None else f"{ratio.error:.2g}"
            background = "refused" if ratio.error is None else f"{result.background(n):.3g}"
            lines.append(_ROW.format(result.estimator.value, n, f"{ratio.mean:.5g}", error, background))
    lines += ["", "m_n = Delta G^(n)/G_GP^(n), mean over sorted tuples; background = its standard deviation across"]
    lines += ["experiments, averaged over tuples.", ""]
    lines += warning_lines(dict.fromkeys(warning for result in results for warning in result.warnings))
    return "\n".join(lines).rstrip() + "\n"
