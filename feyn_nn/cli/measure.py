"""`feyn-nn measure DIR`: correlators, m_n and background of a simulated or imported ensemble."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from feyn_nn.arrays import plain
from feyn_nn.cli import options as shared
from feyn_nn.cli.wording import warning_lines
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.ensembles import load, read_outputs
from feyn_nn.errors import InputError
from feyn_nn.files import json_text
from feyn_nn.kernels import kernel_of
from feyn_nn.measure import Estimator, available_estimators, measure_correlators
from feyn_nn.network import TALK_EXPERIMENTS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles import Ensemble
    from feyn_nn.measure import MeasuredCorrelators, ResultWarning

NAMES = {2: "two_point", 4: "four_point", 6: "six_point"}


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
    shared.add_json(parser)


def add_imported(parser: argparse.ArgumentParser) -> None:
    """--outputs."""
    parser.add_argument(
        "--outputs",
        metavar="FILE",
        help="somebody's outputs, .npy of shape (networks, inputs[, d_out]); needs --inputs",
    )


def imported(outputs: str, inputs: str | None, experiments: int) -> Ensemble:
    """Read somebody's ensemble, and say on stderr what was left out."""
    if inputs is None:
        raise InputError(f"--outputs {outputs}: give the inputs at which they were taken with --inputs FILE.npy")
    ensemble = read_outputs(Path(outputs), Path(inputs), experiments)
    if ensemble.left_out:
        sys.stderr.write(
            f"feyn-nn: the last {ensemble.left_out} networks of {outputs} do not fill an experiment and are left out\n"
        )
    return ensemble


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
    """Measure with every estimator that applies and print."""
    if (options.directory is None) == (options.outputs is None):
        raise InputError("name exactly one ensemble: DIR, or --outputs FILE with --inputs FILE")
    if options.directory is not None:
        shared.refuse_unused(options, ("inputs", "experiments"), "belongs to --outputs; DIR has its own")
        ensemble = load(Path(options.directory))
    else:
        experiments = TALK_EXPERIMENTS if options.experiments is None else options.experiments
        ensemble = imported(options.outputs, options.inputs, experiments)
    kernel = None if ensemble.architecture is None else kernel_of(ensemble.architecture)
    results = [
        measure_correlators(ensemble, estimator, kernel)
        for estimator in available_estimators(ensemble, known_kernel=kernel is not None)
    ]
    if options.json:
        documents = {result.estimator.value: document(result) for result in results}
        best = {**documents[results[-1].estimator.value], "estimators": documents}
        best["provenance"] = provenance(directory=options.directory, outputs=options.outputs, inputs=options.inputs)
        sys.stdout.write(json_text(best))
    else:
        sys.stdout.write(text(results))
    return 0


def document(result: MeasuredCorrelators) -> dict[str, Any]:
    """One estimator's results as JSON types."""
    ensemble = result.ensemble
    entries: dict[str, Any] = {
        "estimator": result.estimator.value,
        "assumption": result.estimator.assumption,
        "kernel": "exact" if result.kernel is not None else "measured",
        "n_nets": ensemble.total_nets,
        "experiments": ensemble.experiments,
        "nets_per_experiment": ensemble.nets,
        "width": ensemble.width,
        "inputs": ensemble.inputs,
    }
    for n, name in NAMES.items():
        values, deltas = result.values(n), result.deltas[n]
        entry: dict[str, Any] = {
            "tuples": sorted_tuples(ensemble.points, n),
            "value": values.mean(axis=0),
            "error": _listed(result.error(values, n)),
        }
        if n > 2:
            entry |= {"delta": deltas.mean(axis=0), "delta_error": _listed(result.error(deltas, n))}
        entries[name] = entry
    entries["m"] = {str(n): result.mean_ratio(n) for n in NAMES}
    entries["background"] = {str(n): result.background(n) for n in NAMES}
    entries["warnings"] = warnings_document(result.warnings)
    converted: dict[str, Any] = plain(entries)
    return converted


def _listed(error: FloatArray | None) -> list[float] | None:
    return None if error is None else error.tolist()


_ROW = "  {:<12} {:>2}  {:>13}  {:>13}  {:>13}"


def text(results: list[MeasuredCorrelators]) -> str:
    """A table of m_n and background for each estimator, and the warnings in words."""
    ensemble = results[0].ensemble
    reference = "the exact kernel K" if results[0].kernel is not None else "the measured two-point function"
    lines = [
        f"{ensemble.experiments} experiments of {ensemble.nets} networks at {ensemble.points} inputs"
        + (f", width {ensemble.width}" if ensemble.width else "")
        + f"; Delta G^(n) relative to {reference}",
        "",
        _ROW.format("estimator", "n", "m_n", "error of m_n", "background"),
    ]
    for result in results:
        for n in NAMES:
            if n == 2 and (result.estimator is Estimator.CENTRED or result.kernel is None):
                continue
            ratios = result.ratios(n)
            means = np.nanmean(ratios, axis=1)
            refused = result.refused(n)
            error = "refused" if refused else f"{means.std(ddof=1) / np.sqrt(len(means)):.2g}"
            background = "refused" if refused else f"{result.background(n):.3g}"
            lines.append(_ROW.format(result.estimator.value, n, f"{result.mean_ratio(n):.5g}", error, background))
    lines += ["", "m_n = Delta G^(n)/G_GP^(n), mean over sorted tuples; background = its standard deviation across"]
    lines += ["experiments, averaged over tuples.", ""]
    lines += warning_lines(dict.fromkeys(warning for result in results for warning in result.warnings))
    return "\n".join(lines).rstrip() + "\n"
