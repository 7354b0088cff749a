"""`feyn-nn beta NET`: beta functions from the generated correlators and a kernel."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from feyn_nn.action import TALK_ACTION, Action
from feyn_nn.cli import options as shared
from feyn_nn.files import json_text
from feyn_nn.kernels import Kernel, Propagator, kernel_of
from feyn_nn.symbolic.beta import Beta, BetaFunctions, beta_functions, exponent_text

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_network(parser, optional=True)
    shared.add_kernel(parser)
    parser.add_argument("--action", default=str(TALK_ACTION), help="interaction terms (default: %(default)s)")
    add_propagator(parser)
    shared.add_json(parser)


def add_propagator(parser: argparse.ArgumentParser) -> None:
    """--propagator."""
    parser.add_argument(
        "--propagator",
        choices=[kind.value for kind in Propagator],
        default="full",
        help="lines at vertices: K with the output bias, or K_W = K - sigma_b^2 (default full)",
    )


def run(options: argparse.Namespace) -> int:
    """Derive the beta functions and print them."""
    propagator = Propagator(options.propagator)
    kernel = shared.chosen_kernel(options)
    result = beta_functions(
        Action.parse(options.action), propagator.of(kernel), other_dimension=_other(options, propagator)
    )
    sys.stdout.write(json_text(document(result)) if options.json else text(result))
    return 0


def _other(options: argparse.Namespace, propagator: Propagator) -> Kernel | None:
    """The same network in another number of dimensions, so that the law is known to hold for any."""
    if options.net is None:
        return None
    architecture = shared.architecture(options)
    return propagator.of(kernel_of(replace(architecture, d_in=2 if architecture.d_in == 1 else 1)))


def document(result: BetaFunctions) -> dict[str, Any]:
    """The result as JSON types."""
    entries: dict[str, Any] = {beta.operator.coupling: _entry(beta) for beta in result.betas}
    return entries | {"kernel": result.kernel, "assumptions": list(result.assumptions)}


def _entry(beta: Beta) -> dict[str, Any]:
    return {
        "exponent": None if beta.exponent is None else exponent_text(beta.exponent),
        "law": beta.law,
        "exact": beta.exact,
    }


def text(result: BetaFunctions) -> str:
    """The result for a reader."""
    lines = [f"Beta functions, dg/dlog Lambda, for {result.kernel}", ""]
    for beta in result.betas:
        lines += [f"  {beta.law}", f"    exact: {beta.exact}", ""]
    lines += ["Assumptions:", *(f"  - {sentence}" for sentence in result.assumptions)]
    return "\n".join(lines) + "\n"
