"""`feyn-nn exact NET`: correlators of a network with one hidden layer at width N, exactly, as polynomials in 1/N."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from feyn_nn.arrays import plain
from feyn_nn.cli import options as shared
from feyn_nn.errors import InputError
from feyn_nn.exact.correlators import ExactCorrelator, exact_correlators
from feyn_nn.exact.quartic import DEFAULT_CUT, QuarticCoupling, quartic_coupling
from feyn_nn.files import json_text

if TYPE_CHECKING:
    import argparse

POINTS = (2, 4, 6, 8)
_ROWS = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_network(parser)
    shared.add_inputs(parser)
    parser.add_argument("--width", type=int, required=True, metavar="N", help="neurons in the hidden layer")
    parser.add_argument(
        "--points", type=int, default=4, metavar="n", help="legs of the correlator: 2, 4, 6 or 8 (default 4)"
    )
    parser.add_argument(
        "--connected",
        action="store_true",
        help="also the connected correlator, in which the lower ones are divided out",
    )
    parser.add_argument(
        "--quartic",
        action="store_true",
        help="also the quartic coupling of the action as a function of four inputs (with --points 4)",
    )
    parser.add_argument(
        "--cut",
        type=float,
        metavar="FRACTION",
        help=f"eigenvalues of K below this fraction of the largest are left out in --quartic (default {DEFAULT_CUT:g})",
    )
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Evaluate and print."""
    if options.points not in POINTS:
        raise InputError(f"--points {options.points}: expected 2, 4, 6 or 8")
    if options.width < 1:
        raise InputError(f"--width {options.width}: expected a positive number of neurons")
    if options.quartic and options.points != 4:
        raise InputError(
            f"--quartic --points {options.points}: the quartic coupling comes from the four-point function"
        )
    if options.cut is not None and not options.quartic:
        raise InputError("--cut: only used with --quartic; give that too")
    result = exact_correlators(shared.architecture(options), shared.inputs(options), options.points)
    cut = DEFAULT_CUT if options.cut is None else options.cut
    quartic = quartic_coupling(result, options.width, cut) if options.quartic else None
    if options.json:
        sys.stdout.write(json_text(document(result, options.width, quartic, connected=options.connected)))
    else:
        sys.stdout.write(text(result, options.width, quartic))
    return 0


def document(
    result: ExactCorrelator, width: int, quartic: QuarticCoupling | None = None, *, connected: bool = False
) -> dict[str, Any]:
    """The result as JSON types: `coefficients[k]` has the coefficient of 1/N^k for every tuple."""
    record: dict[str, Any] = {
        "tuples": result.tuples,
        "coefficients": result.full.coefficients.T,
        "value": result.at(width),
        "delta": result.delta.at(width),
        "width": width,
        "points": result.n,
        "inputs": result.inputs,
        "relative_accuracy": result.accuracy,
    }
    if connected:
        record["connected"] = {
            "coefficients": result.connected.coefficients.T,
            "value": result.connected.at(width),
        }
    if quartic is not None:
        record["quartic"] = {
            "values": quartic.values,
            "spectrum": quartic.spectrum,
            "rank": quartic.rank,
            "cut": quartic.cut,
            "left_out": quartic.left_out,
            "diagonal_share": quartic.diagonal_share,
        }
    converted: dict[str, Any] = plain(record)
    return converted


def text(result: ExactCorrelator, width: int, quartic: QuarticCoupling | None = None) -> str:
    """The result for a reader: means over tuples, and the first tuples one by one."""
    activation = result.architecture.activation.name
    lines = [
        f"G^({result.n}) of {activation}-net with one hidden layer of N = {width} neurons, exact: "
        f"{len(result.tuples)} sorted tuples of {len(result.inputs)} inputs, relative accuracy {result.accuracy:.1g}",
        "",
    ]
    gaussian = result.gaussian
    if np.all(gaussian != 0) and result.n > 2:
        ratios = result.ratios[:, 1:]
        parts = [f"{np.mean(ratios[:, k]):.6g}/N" + (f"^{k + 1}" if k else "") for k in range(ratios.shape[1])]
        lines += [
            f"  Delta G^({result.n})/G_GP^({result.n})   mean over tuples {' + '.join(parts)}",
            f"  {'':{len(str(result.n)) * 2 + 20}}   tuples from {np.min(ratios[:, 0]):.6g}/N to {np.max(ratios[:, 0]):.6g}/N "
            "at first order",
            "",
        ]
    powers = ["1", *(f"1/N^{k}" if k > 1 else "1/N" for k in range(1, result.full.coefficients.shape[1]))]
    lines.append(
        "  " + f"{'tuple':<{3 * result.n + 2}}" + "".join(f"{power:>16}" for power in powers) + f"{f'N = {width}':>16}"
    )
    values = result.at(width)
    for row, coefficients, value in list(zip(result.tuples, result.full.coefficients, values, strict=True))[:_ROWS]:
        shown = "".join(f"{float(number):>16.9g}" for number in (*coefficients, value))
        lines.append("  " + f"{', '.join(map(str, row)):<{3 * result.n + 2}}{shown}")
    if len(result.tuples) > _ROWS:
        lines.append(f"  ... and {len(result.tuples) - _ROWS} more (--json has them all)")
    if quartic is not None:
        lines += [
            "",
            f"Quartic coupling Lambda_abcd of the action on these inputs (Edgeworth, order 1/N): rank {quartic.rank} of "
            f"{len(quartic.spectrum)} eigenvalues of K above {quartic.cut:g} of the largest",
            f"  spectrum of K: {', '.join(f'{value:.3g}' for value in quartic.spectrum)}",
            f"  left out with the other directions: {quartic.left_out:.2g} of the connected four-point function",
            f"  share of sum Lambda^2 on the diagonal a = b = c = d: {quartic.diagonal_share:.3g} (1 for a local coupling)",
        ]
    return "\n".join(lines) + "\n"
