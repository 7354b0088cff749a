"""`feyn-nn crosscheck NET`: lambda from an ensemble, the prediction of G^(6), and what is wrong with either."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from feyn_nn.arrays import as_points, plain
from feyn_nn.cli import options as shared
from feyn_nn.cli.beta import add_propagator
from feyn_nn.cli.measure import add_imported, imported, provenance, warnings_document
from feyn_nn.cli.simulate import add_run, run_simulation, settings_of, workers_of
from feyn_nn.cli.wording import warning_lines
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.errors import InputError
from feyn_nn.files import claim_directory, json_text, write_json, write_text
from feyn_nn.kernels import Propagator
from feyn_nn.measure import CrossCheck, crosscheck
from feyn_nn.network import TALK_CUTOFF
from feyn_nn.numeric import check_cutoff

if TYPE_CHECKING:
    import argparse

    from feyn_nn.estimate import Estimate
    from feyn_nn.measure.reference import ExactReference

ROUNDING = 1e-9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_network(parser, optional=True)
    shared.add_kernel(parser)
    shared.add_inputs(parser)
    add_run(parser)
    parser.add_argument("--cutoff", type=float, default=TALK_CUTOFF, metavar="L", help="cutoff Lambda (default 10)")
    add_propagator(parser)
    add_imported(parser)
    parser.add_argument("--out", metavar="DIR", help="new directory for crosscheck.json and summary.txt")
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Simulate or import, cross-check, print."""
    kernel = shared.chosen_kernel(options)
    propagator = Propagator(options.propagator)
    directory = None if options.out is None else shared.out_directory(options.out)
    if options.outputs is not None:
        unused = [name for name in ("nets", "seed", "workers") if getattr(options, name) is not None]
        if unused:
            sys.stderr.write(f"feyn-nn: not used with --outputs: --{', --'.join(unused)}\n")
        ensemble = imported(options.outputs, options.inputs, options.experiments)
        if ensemble.inputs.shape[1] != kernel.d_in:
            raise InputError(
                f"{options.inputs}: the inputs have d_in = {ensemble.inputs.shape[1]}, the kernel d_in = {kernel.d_in}; "
                f"add --d-in {ensemble.inputs.shape[1]}"
            )
        check_cutoff(options.cutoff, ensemble.inputs)
        settings: dict[str, Any] = {"width": options.width, "seed": None}
    else:
        if options.net is None:
            raise InputError(
                "--kernel without --outputs: only gauss, erf and relu can be simulated; give --outputs FILE"
            )
        if options.experiments < 2:
            raise InputError(f"--experiments {options.experiments}: an error bar needs two or more")
        simulation = settings_of(options)
        workers_of(options)  # refused before a directory is claimed
        check_cutoff(options.cutoff, as_points(simulation.inputs, kernel.d_in))
        settings = {"width": simulation.width, "seed": simulation.runs[0].seed, "chunk": simulation.chunk}
    if directory is not None:
        claim_directory(directory)
    if options.outputs is None:
        ensemble = run_simulation(options, simulation, None)
    known = options.net is not None and options.outputs is not None and options.width is not None
    result = crosscheck(
        ensemble,
        kernel,
        options.cutoff,
        propagator,
        architecture=shared.architecture(options) if known else None,
        width=options.width if known else None,
    )
    settings = _settings(options, result) | settings
    record = document(result, settings)
    record["provenance"] = provenance(outputs=options.outputs, inputs=options.inputs if options.outputs else None)
    summary = text(result, settings)
    if directory is not None:
        write_json(directory / "crosscheck.json", record)
        write_text(directory / "summary.txt", summary)
    sys.stdout.write(json_text(record) if options.json else summary)
    return 0


def _settings(options: argparse.Namespace, result: CrossCheck) -> dict[str, Any]:
    ensemble = result.ensemble
    architecture = None if options.net is None else shared.architecture(options)
    return {
        "net": options.net,
        "kernel": result.kernel.name,
        "sigma_w": architecture.sigma_w if architecture else options.sigma_w,
        "sigma_b": architecture.sigma_b if architecture else options.sigma_b,
        "d_in": result.kernel.d_in,
        "d_out": ensemble.d_out,
        "inputs": plain(ensemble.inputs),
        "cutoff": result.cutoff,
        "propagator": result.propagator.value,
        "nets": ensemble.nets,
        "experiments": ensemble.experiments,
        "estimator": result.estimator.value,
        "source": "imported" if options.outputs else "simulated",
        "left_out": ensemble.left_out,
    }


def document(result: CrossCheck, settings: dict[str, Any]) -> dict[str, Any]:
    """The result as JSON types."""
    coupling, six = result.coupling, result.six_point
    record: dict[str, Any] = plain(
        {
            "settings": settings,
            "lambda": {
                "mean": coupling.estimate.mean,
                "error": coupling.estimate.error,
                "spread": coupling.spread,
                "tuples": sorted_tuples(result.ensemble.points, 4),
                "over_tuples": coupling.over_tuples,
            },
            "six_point": {
                "gp_over_g6": six.gp_over_g6.mean,
                "gp_over_g6_error": six.gp_over_g6.error,
                "eft_over_g6": six.eft_over_g6.mean,
                "error": six.eft_over_g6.error,
                "min": six.minimum,
                "max": six.maximum,
                "distinct": None if six.distinct is None else _distinct(*six.distinct),
            },
            "second_over_first": result.second_over_first,
            "exact": None if result.exact is None else _exact(result.exact, coupling.estimate),
            "integral_error": result.integral_error,
            "warnings": warnings_document(result.warnings),
        }
    )
    return record


def _exact(exact: ExactReference, measured: Estimate) -> dict[str, Any]:
    """The same figures without noise, and how many standard errors the measured lambda is away."""
    return {
        "width": exact.width,
        "lambda": {
            "mean": exact.mean,
            "spread": exact.spread,
            "sigmas": (measured.mean - exact.mean) / measured.error if measured.error else None,
            "over_tuples": exact.over_tuples,
        },
        "six_point": {
            "gp_over_g6": exact.gp_over_g6,
            "eft_over_g6": exact.eft_over_g6,
            "min": exact.minimum,
            "max": exact.maximum,
            "distinct": None
            if exact.distinct is None
            else {"gp_over_g6": exact.distinct[0], "eft_over_g6": exact.distinct[1]},
        },
        "second_over_first": exact.second_over_first,
        "constant_lambda": {"best": exact.best_constant, "explained": exact.explained},
        "relative_accuracy": exact.accuracy,
    }


def _distinct(free: Estimate, effective: Estimate) -> dict[str, float | None]:
    return {
        "gp_over_g6": free.mean,
        "gp_over_g6_error": free.error,
        "eft_over_g6": effective.mean,
        "error": effective.error,
    }


def text(result: CrossCheck, settings: dict[str, Any]) -> str:
    """The result for a reader."""
    coupling, six = result.coupling, result.six_point
    legs = f"{result.propagator.symbol} legs, Lambda = {result.cutoff:g}"
    tuples = len(sorted_tuples(result.ensemble.points, 6))
    width = "" if settings["width"] is None else f", width {settings['width']}"
    exact = result.exact
    lines = [
        f"{settings['net'] or settings['kernel']}{width}: {settings['experiments']} experiments of {settings['nets']} "
        f"{settings['source']} networks, {result.ensemble.points} inputs, estimator {result.estimator.value}; {legs}",
        "",
        _row("", "measured", "" if exact is None else f"exact, N = {exact.width}"),
        _row(
            "lambda",
            _shown(coupling.estimate),
            "" if exact is None else f"{exact.mean:.6g}",
            f"mean over {len(coupling.over_tuples)} tuples, error over experiments",
        ),
        _row(
            "spread over tuples",
            _spread(coupling.spread, coupling.estimate.mean),
            "" if exact is None else _spread(exact.spread, exact.mean),
        ),
        _row(
            "second over first",
            _second(result.second_over_first),
            "" if exact is None else _second(exact.second_over_first),
            "O(lambda^2) over O(lambda) in G^(4)",
        ),
        _row(
            "G6_GP / G6",
            _shown(six.gp_over_g6),
            "" if exact is None else f"{exact.gp_over_g6:.6g}",
            f"mean over {tuples} tuples",
        ),
        _row(
            "(G6_GP + lambda)/G6",
            _shown(six.eft_over_g6),
            "" if exact is None else f"{exact.eft_over_g6:.6g}",
            f"tuples from {six.minimum:.4g} to {six.maximum:.4g}",
        ),
        *_distinct_lines(result),
        _row("integrals", f"relative error {result.integral_error:.1g}", ""),
    ]
    if exact is not None:
        lines.append(f"  a constant lambda explains {100 * exact.explained:.4g} % of the exact Delta G^(4)")
    if result.warnings:
        lines.append("")
        lines += warning_lines(result.warnings)
    return "\n".join(lines) + "\n"


def _row(label: str, measured: str, exact: str, remark: str = "") -> str:
    """One line: measured and exact value beside each other, and what they are."""
    line = f"  {label:<22} {measured:<36}{exact:<26}" if exact or label == "" else f"  {label:<22} {measured:<36}"
    return f"{line}{f'({remark})' if remark else ''}".rstrip()


def _distinct_lines(result: CrossCheck) -> list[str]:
    if result.six_point.distinct is None:
        return []
    free, effective = result.six_point.distinct
    known = "" if result.exact is None or result.exact.distinct is None else f"{result.exact.distinct[1]:.6g}"
    return [_row("six distinct inputs", _shown(effective), known, f"G6_GP/G6 there: {_shown(free)}")]


def _shown(estimate: Estimate) -> str:
    return str(estimate) if estimate.error is not None else f"{estimate.mean:.3g} (unreliable, no error bar)"


def _second(ratio: float | None) -> str:
    return "not computed: too many pairs of nodes" if ratio is None else f"{ratio:.4g}"


def _spread(spread: float, mean: float) -> str:
    if spread <= ROUNDING * abs(mean):
        return "none beyond rounding"
    size = f"{spread / abs(mean):.3g} of the mean" if mean else "the mean is zero"
    return f"{spread:.4g} ({size})"
