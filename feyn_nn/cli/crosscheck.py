"""`feyn-nn crosscheck NET`: lambda from an ensemble, the prediction of G^(6), and what is wrong with either."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from feyn_nn.arrays import as_points, plain
from feyn_nn.cli import couplings
from feyn_nn.cli import options as shared
from feyn_nn.cli.imported import add_imported, imported
from feyn_nn.cli.measure import add_estimator, provenance, warnings_document
from feyn_nn.cli.simulate import add_run, run_simulation, settings_of, workers_of
from feyn_nn.cli.wording import samples_text, warning_lines, wrapped
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.errors import InputError
from feyn_nn.files import claim_directory, json_text, write_json, write_text
from feyn_nn.kernels import Propagator, kernel_of
from feyn_nn.measure import CrossCheck, Estimator, best_estimator, crosscheck
from feyn_nn.network import PRESETS, TALK_CUTOFF, TALK_EXPERIMENTS
from feyn_nn.numeric import check_cutoff
from feyn_nn.report.crosscheck import crosscheck_page

if TYPE_CHECKING:
    from feyn_nn.ensembles import SimulationSettings
    from feyn_nn.estimate import Estimate
    from feyn_nn.measure.reference import ExactReference
    from feyn_nn.network import Architecture

ROUNDING = 1e-9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_network(parser, optional=True, nets="gauss, erf, relu, or module:function for an activation of your own")
    shared.add_layers(parser)
    shared.add_kernel(parser)
    shared.add_inputs(parser)
    add_run(parser)
    parser.add_argument("--cutoff", type=float, default=TALK_CUTOFF, metavar="L", help="cutoff Lambda (default 10)")
    shared.add_propagator(parser)
    add_estimator(
        parser,
        "default: the one with the least noise, which decides what is simulated: single neurons, of the tilted law for "
        "Gauss-net, and conditional kernels of a deep network; imported outputs are averaged plainly",
    )
    parser.add_argument(
        "--couplings",
        action="store_true",
        help="also the weighted fit, the second-order root, kappa with and without the exchange, and odd couplings",
    )
    add_imported(parser)
    parser.add_argument("--out", metavar="DIR", help="new directory for report.html, crosscheck.json and summary.txt")
    shared.add_json(parser)
    parser.set_defaults(experiments=None)


def run(options: argparse.Namespace) -> int:
    """Simulate or import, cross-check, print."""
    architecture = _architecture(options)
    kernel = shared.chosen_kernel(options) if architecture is None else kernel_of(architecture)
    propagator = Propagator(options.propagator)
    estimator = None if options.estimator is None else Estimator(options.estimator)
    directory = None if options.out is None else shared.out_directory(options.out)
    if options.outputs is not None:
        unused = [name for name in ("nets", "seed", "chunk", "workers") if getattr(options, name) is not None]
        if unused:
            sys.stderr.write(f"feyn-nn: not used with --outputs: --{', --'.join(unused)}\n")
        ensemble = imported(options)
        if ensemble.inputs.shape[1] != kernel.d_in:
            raise InputError(
                f"{options.inputs}: the inputs have d_in = {ensemble.inputs.shape[1]}, the kernel d_in = {kernel.d_in}; "
                f"add --d-in {ensemble.inputs.shape[1]}"
            )
        check_cutoff(options.cutoff, ensemble.inputs)
        width = options.width
        settings: dict[str, Any] = {"seed": None}
    else:
        if architecture is None:
            raise InputError("--kernel without --outputs: only a network can be simulated; give --outputs FILE")
        if estimator is None:
            estimator = best_estimator(architecture)
        width = _width(options)
        simulation = _simulation(options, estimator)
        workers_of(options)  # refused before a directory is claimed
        check_cutoff(options.cutoff, as_points(simulation.inputs, kernel.d_in))
        settings = {
            "seed": simulation.runs[0].seed,
            "chunk": simulation.chunk,
            "engine": simulation.engine.value,
        }
    if directory is not None:
        claim_directory(directory)
    if options.outputs is None:
        ensemble = run_simulation(options, simulation, None)
    result = crosscheck(
        ensemble,
        kernel,
        options.cutoff,
        propagator,
        estimator,
        architecture=None if width is None else architecture,
        width=width,
    )
    settings = _settings(options, architecture, result) | settings
    record = document(result, settings)
    record["provenance"] = provenance(outputs=options.outputs, inputs=options.inputs if options.outputs else None)
    summary = text(result, settings)
    remarks: list[str] = []
    if options.couplings:
        found = couplings.measure_couplings(result)
        record["couplings"] = couplings.document(found)
        remarks = couplings.sentences(found)
        summary += "\n".join(couplings.text(found)) + "\n"
    if directory is not None:
        write_json(directory / "crosscheck.json", record)
        write_text(directory / "summary.txt", summary)
        name = settings["net"] or settings["kernel"]
        write_text(directory / "report.html", crosscheck_page(result, name, remarks, settings, record["provenance"]))
    sys.stdout.write(json_text(record) if options.json else summary)
    return 0


def _architecture(options: argparse.Namespace) -> Architecture | None:
    """The network of NET; None for a kernel of the user's own."""
    if options.net is None or options.kernel is not None:
        return None
    return shared.simulated_architecture(options)


def _width(options: argparse.Namespace) -> int:
    """The width to measure at: as asked, or the talk's."""
    if options.width is None:
        if options.net not in PRESETS:
            raise InputError(f"{options.net}: the talk has no width for it; give --width")
        return PRESETS[options.net].effective_width
    if options.width < 1:
        raise InputError(f"width = {options.width}: expected a positive integer")
    return int(options.width)


def _simulation(options: argparse.Namespace, estimator: Estimator) -> SimulationSettings:
    """What to simulate for an estimator."""
    experiments = TALK_EXPERIMENTS if options.experiments is None else options.experiments
    if experiments < 2:
        raise InputError(f"--experiments {experiments}: an error bar needs two or more")
    chosen = vars(options) | {"experiments": experiments, "record": estimator.record.value}
    if estimator.at_any_width:
        chosen["width"] = None
    return settings_of(argparse.Namespace(**chosen))


def _settings(options: argparse.Namespace, architecture: Architecture | None, result: CrossCheck) -> dict[str, Any]:
    ensemble = result.ensemble
    return {
        "net": options.net,
        "kernel": result.kernel.name,
        "sigma_w": architecture.sigma_w if architecture else options.sigma_w,
        "sigma_b": architecture.sigma_b if architecture else options.sigma_b,
        "d_in": result.kernel.d_in,
        "d_out": ensemble.d_out,
        "depth": architecture.depth if architecture else None,
        "width": result.measured.width,
        "inputs": plain(ensemble.inputs),
        "cutoff": result.cutoff,
        "propagator": result.propagator.value,
        "record": ensemble.record.value,
        "nets": ensemble.nets,
        "experiments": ensemble.experiments,
        "estimator": result.estimator.value,
        "assumption": result.estimator.assumption,
        "relative_to": result.measured.reference.statement,
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
    exact = result.exact
    lines = [
        *wrapped(
            f"{settings['net'] or settings['kernel']}: {samples_text(result.measured, settings['source'] + ' ')}, estimator "
            f"{result.estimator.value}; {legs}; G_GP from {result.measured.reference.statement}"
        ),
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
    line = f"  {label:<22} {measured:<38}{exact:<26}" if exact or label == "" else f"  {label:<22} {measured:<38}"
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
