"""`feyn-nn beta NET`: beta functions from the generated correlators and a kernel."""

from __future__ import annotations

import sys
import textwrap
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from feyn_nn.action import TALK_ACTION, Action
from feyn_nn.cli import options as shared
from feyn_nn.errors import InputError
from feyn_nn.files import json_text
from feyn_nn.graphs import CONNECTED_RULES, TALK_RULES
from feyn_nn.kernels import Kernel, Propagator
from feyn_nn.symbolic.beta import Beta, BetaFunctions, beta_functions, exponent_text
from feyn_nn.symbolic.closed_forms.betas import ClosedBeta, closed_beta
from feyn_nn.symbolic.integrals import CUTOFF
from feyn_nn.symbolic.running import RunningSystem, running_system

if TYPE_CHECKING:
    import argparse

    from feyn_nn.numeric.flow import Flow

_WIDTH: Final = 118


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_network(parser, optional=True)
    shared.add_kernel(parser)
    parser.add_argument("--action", default=str(TALK_ACTION), help="interaction terms (default: %(default)s)")
    shared.add_propagator(parser)
    parser.add_argument(
        "--system",
        action="store_true",
        help="also the coupled equations dG^(n)/dlog Lambda = 0 and their solution, exact for every Lambda",
    )
    parser.add_argument(
        "--vertices", type=int, default=1, metavar="K", help="largest number of vertices in --system (default 1)"
    )
    parser.add_argument("--connected", action="store_true", help="--system from the connected correlators")
    parser.add_argument(
        "--closed-form", action="store_true", help="also beta(g) as a formula in Lambda, where the integral has one"
    )
    parser.add_argument(
        "--flow",
        metavar="NAME=VALUE,...",
        help="also carry these couplings from the first of --cutoffs to the others, all correlators fixed",
    )
    parser.add_argument("--cutoffs", metavar="L0,L1,...", help="cutoffs of --flow")
    shared.add_inputs(parser)
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Derive the beta functions and print them."""
    if not (options.system or options.flow) and (options.vertices != 1 or options.connected):
        raise InputError("--vertices and --connected say what --system and --flow are: give one of these too")
    if (options.flow is None) != (options.cutoffs is None) or (options.inputs is not None and options.flow is None):
        raise InputError(
            "--flow, --cutoffs and --inputs belong together: give the first two, and inputs if you want others"
        )
    propagator = Propagator(options.propagator)
    kernel = propagator.of(shared.chosen_kernel(options))
    result = beta_functions(
        Action.parse(options.action), kernel, other_dimension=shared.other_dimension(options, propagator)
    )
    system = None
    if options.system:
        rules = CONNECTED_RULES if options.connected else TALK_RULES
        system = running_system(result.action, options.vertices, rules)
    formulas = None
    if options.closed_form:
        formulas = {
            beta.operator.coupling: closed_beta(kernel, beta.operator.coupling, beta.operator.valence, kernel.d_in)
            for beta in result.betas
        }
    flow = _flow(options, result, kernel) if options.flow is not None else None
    if options.json:
        sys.stdout.write(json_text(document(result, system, formulas, flow)))
    else:
        sys.stdout.write(text(result, system, formulas, flow))
    return 0


def _flow(options: argparse.Namespace, result: BetaFunctions, kernel: Kernel) -> Flow:
    """Integrate the flow; lines between two legs are the full kernel."""
    flows = import_module("feyn_nn.numeric.flow")
    start = {name: _number(value, "--flow") for name, _, value in (p.partition("=") for p in options.flow.split(","))}
    cutoffs = [_number(value, "--cutoffs") for value in options.cutoffs.split(",")]
    if options.inputs is None and options.net is None:
        raise InputError("--flow: give the legs' inputs with --inputs")
    rules = CONNECTED_RULES if options.connected else TALK_RULES
    equations = flows.FlowEquations(
        result.action,
        kernel,
        shared.inputs(options),
        free=shared.chosen_kernel(options),
        vertices=options.vertices,
        rules=rules,
    )
    return cast("Flow", flows.coupling_flow(equations, {name.strip(): value for name, value in start.items()}, cutoffs))


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(
            f"{option}: {text!r} is not a number; expected such as lambda=-6e-6, and 10,100,1000"
        ) from None


def document(
    result: BetaFunctions,
    system: RunningSystem | None = None,
    formulas: dict[str, ClosedBeta | None] | None = None,
    flow: Flow | None = None,
) -> dict[str, Any]:
    """The result as JSON types."""
    entries: dict[str, Any] = {beta.operator.coupling: _entry(beta) for beta in result.betas}
    entries |= {"kernel": result.kernel, "assumptions": list(result.assumptions)}
    if system is not None:
        entries["system"] = {
            "equations": [f"0 = {equation}" for equation in system.equations],
            "solution": {name: str(value) for name, value in system.solve().items()},
            "coefficients": {str(function): str(value) for function, value in system.coefficients.items()},
            "integrals": {
                str(function(*legs, CUTOFF)): str(value) for function, (legs, value) in system.definitions.items()
            },
        }
    for name, formula in (formulas or {}).items():
        entries[name]["closed_form"] = None if formula is None else str(formula.expression)
    if flow is not None:
        entries["flow"] = {
            "cutoffs": flow.cutoffs.tolist(),
            "couplings": {name: flow.values[:, k].tolist() for k, name in enumerate(flow.couplings)},
            "betas": {name: flow.betas[:, k].tolist() for k, name in enumerate(flow.couplings)},
            "legs": flow.kernel,
            "error": flow.error,
        }
    return entries


def _entry(beta: Beta) -> dict[str, Any]:
    infrared = beta.fixed_points.infrared_exponent
    return {
        "exponent": None if beta.exponent is None else exponent_text(beta.exponent),
        "law": beta.law,
        "exact": beta.exact,
        "alone": None if beta.alone is None else exponent_text(beta.alone),
        "correction": beta.correction,
        "small_cutoff": {
            "exponent": None if infrared is None else exponent_text(-infrared),
            "law": beta.small_cutoff,
        },
        "fixed_points": list(beta.dimensionless),
        "diagrams": [
            {"multiplicity": str(term.multiplicity), "diagram": text, "exponent": _size(size)}
            for term, text, size in beta.diagrams
        ],
    }


def _size(size: Any) -> str | None:
    return None if size.is_infinite else str(size).replace("Max(", "max(")


def text(
    result: BetaFunctions,
    system: RunningSystem | None = None,
    formulas: dict[str, ClosedBeta | None] | None = None,
    flow: Flow | None = None,
) -> str:
    """The result for a reader."""
    lines = [f"Beta functions, dg/dlog Lambda, for {result.kernel}", ""]
    for beta in result.betas:
        name = beta.operator.coupling
        lines += [f"  {beta.law}", *_wrapped(f"exact, alone: {beta.exact}")]
        for _, diagram, size in beta.diagrams:
            lines += _wrapped(f"{diagram} {_grows(size)}")
        lines += _wrapped(f"approach: {beta.correction}")
        lines += _wrapped("; ".join([f"small cutoff: {beta.small_cutoff}", *beta.dimensionless]))
        if formulas is not None:
            formula = formulas[name]
            closed = ["closed form: none is known"] if formula is None else formula.lines()
            lines += [line for part in closed for line in _wrapped(part)]
        lines.append("")
    if system is not None:
        lines.append("Coupled system, exact for every Lambda:")
        lines += [line for part in system.text() for line in _wrapped(part)]
        lines.append("")
    if flow is not None:
        lines += [f"Flow, correlators at the first inputs fixed; couplings belong to {flow.kernel} and their cutoff:"]
        lines.append("  " + "".join(f"{head:>16}" for head in ("Lambda", *flow.couplings)))
        for cutoff, row in zip(flow.cutoffs, flow.values, strict=True):
            lines.append("  " + f"{cutoff:>16g}" + "".join(f"{value:>16.8g}" for value in row))
        lines += [f"  the correlators change by {flow.error:.1e} of their terms along it", ""]
    lines.append("Assumptions:")
    for sentence in result.assumptions:
        lines += _wrapped(sentence, first="  - ")
    return "\n".join(lines) + "\n"


def _grows(size: Any) -> str:
    if size.is_infinite:
        return "grows faster than any power of Lambda"
    if size == 0:
        return "converges, or grows as log Lambda"
    return f"~ Lambda^({_size(size)})"


def _wrapped(sentence: str, first: str = "    ") -> list[str]:
    """Lines of at most `_WIDTH` characters; a formula without blanks is not broken."""
    return textwrap.wrap(
        sentence,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=" " * (len(first) + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
