"""`feyn-nn integrate NET N`: every kept diagram of G^(N) as a number with an error, for all tuples of inputs."""

from __future__ import annotations

import sys
from math import inf, isinf
from typing import TYPE_CHECKING, Any

import numpy as np

from feyn_nn.arrays import plain
from feyn_nn.cli import options as shared
from feyn_nn.cli.terms import named_edges, order_document, term_document
from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import InputError
from feyn_nn.files import json_text
from feyn_nn.kernels import Propagator
from feyn_nn.network import TALK_CUTOFF
from feyn_nn.numeric import DiagramIntegrals, integrate_correlator
from feyn_nn.numeric.point_functions import parse_point_function

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from feyn_nn.action import Action
    from feyn_nn.numeric import CorrelatorIntegrals, Values
    from feyn_nn.numeric.point_functions import PointExpression


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_network(parser, optional=True)
    parser.add_argument("n", metavar="N", type=int, help="number of legs")
    shared.add_kernel(parser)
    shared.add_inputs(parser)
    shared.add_expansion(parser)
    parser.add_argument(
        "--cutoff",
        type=float,
        default=TALK_CUTOFF,
        metavar="L|inf",
        help="integrate over [-L, L]^d_in, or over all of space where that converges (default %(default)g)",
    )
    shared.add_propagator(parser)
    parser.add_argument(
        "--coupling",
        action="append",
        default=[],
        metavar="NAME=EXPR",
        help="a coupling that is a function of its point and stands under the integral, in yy = |y|^2, y1, y2, ..., pi (and y "
        "for d_in = 1), such as 'lambda=exp(-yy/50)'; may be repeated",
    )
    parser.add_argument(
        "--accuracy",
        type=float,
        metavar="A",
        help="relative error of every integral at which refinement ends (default: what is cheap, 1e-9 for one vertex)",
    )
    parser.add_argument("--all", action="store_true", help="print the values of all tuples (JSON has them always)")
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Generate the correlator, integrate its diagrams and print them."""
    action, orders, rules = shared.expansion(options)
    kernel = shared.chosen_kernel(options)
    if options.inputs is None and options.net is None:
        raise InputError("--kernel: the talk has no inputs for it; give the legs' inputs with --inputs")
    integrals = DiagramIntegrals(
        shared.inputs(options),
        options.cutoff,
        Propagator(options.propagator).of(kernel),
        kernel,
        _functions(options.coupling, action, options.d_in),
        options.accuracy,
    )
    correlator = generate_correlator(options.n, action, orders, rules)
    result = integrate_correlator(correlator, integrals)
    if options.json:
        sys.stdout.write(json_text(document(result, integrals, Propagator(options.propagator))))
    else:
        sys.stdout.write(text(result, integrals, Propagator(options.propagator), every=options.all))
    return 0


def _functions(texts: Iterable[str], action: Action, d_in: int) -> dict[str, PointExpression]:
    functions: dict[str, PointExpression] = {}
    for each in texts:
        name, sign, expression = (part.strip() for part in each.partition("="))
        if not sign or name not in action.couplings or name in functions:
            raise InputError(
                f"--coupling {each!r}: expected NAME=EXPR with NAME one of {', '.join(action.couplings)}, each once"
            )
        functions[name] = parse_point_function(expression, d_in)
    return functions


def document(result: CorrelatorIntegrals, integrals: DiagramIntegrals, propagator: Propagator) -> dict[str, Any]:
    """The result as JSON types; every list of values follows `tuples`."""
    action = result.correlator.action
    record: dict[str, Any] = {
        "n": result.correlator.n,
        "action": str(action),
        "kernel": integrals.propagator.name,
        "propagator": propagator.value,
        "cutoff": None if isinf(integrals.cutoff) else integrals.cutoff,
        "d_in": integrals.inputs.shape[1],
        "inputs": integrals.inputs,
        "tuples": result.tuples,
        "orders": [
            {"order": order_document(order, action), "coefficient": values.value, "error": values.error}
            for order, values in result.coefficients.items()
        ],
        "terms": [
            {
                **term_document(each.term, action),
                "integral": each.integral.value,
                "integral_error": each.integral.error,
                "contribution": each.contribution.value,
                "contribution_error": each.contribution.error,
            }
            for each in result.terms
        ],
    }
    converted: dict[str, Any] = plain(record)
    return converted


def text(
    result: CorrelatorIntegrals, integrals: DiagramIntegrals, propagator: Propagator, *, every: bool = False
) -> str:
    """The result for a reader: over tuples the mean, the range and the largest error; `every` tuple's value if wanted."""
    action = result.correlator.action
    points, d_in = integrals.inputs.shape
    space = "all of space" if integrals.cutoff == inf else f"[-{integrals.cutoff:g}, {integrals.cutoff:g}]^{d_in}"
    lines = [
        f"Diagrams of G^({result.correlator.n}) integrated over {space}, {propagator.symbol} on lines at vertices, "
        f"{integrals.propagator.name}",
        f"{len(result.tuples)} sorted tuples of {points} inputs: mean (smallest to largest), largest error",
    ]
    if integrals.functions:
        lines.append(f"under the integrals: {', '.join(f'{name}(y)' for name in integrals.functions)}")
    for order, coefficient in result.coefficients.items():
        lines += ["", _power(order, action)]
        for each in result.terms:
            if each.term.order == order:
                edges = " ".join("-".join(edge) for edge in named_edges(each.term, action))
                factor = f"{each.term.multiplicity} = {each.term.labellings} x {each.term.coefficient}"
                lines += [f"  {edges}   [{factor}]", f"      integral     {_range(each.integral)}"]
                lines += _rows(result, each.integral) if every else []
        lines.append(f"  coefficient      {_range(coefficient)}")
        lines += _rows(result, coefficient) if every else []
    if not every and len(result.tuples) > 1:
        lines += ["", "(--all prints the values of all tuples, --json everything)"]
    return "\n".join(lines) + "\n"


def _power(order: tuple[int, ...], action: Action) -> str:
    parts = [
        name if power == 1 else f"{name}^{power}" for name, power in zip(action.couplings, order, strict=True) if power
    ]
    return " ".join(parts) or "no vertex"


def _range(values: Values) -> str:
    if not len(values.value):
        return "no tuples"
    value, error = values.value, float(np.max(values.error))
    if len(value) == 1:
        return f"{value[0]:.12g}  +- {error:.1g}"
    return f"{np.mean(value):.12g}  ({np.min(value):.9g} to {np.max(value):.9g})  +- {error:.1g}"


def _rows(result: CorrelatorIntegrals, values: Values) -> list[str]:
    return [
        f"        {','.join(map(str, row)):<{3 * result.correlator.n}} {value:>22.14g}  +- {error:.1g}"
        for row, value, error in zip(result.tuples, values.value, values.error, strict=True)
    ]
