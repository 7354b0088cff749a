"""`feyn-nn correlator N`: G^(n) as text, LaTeX, SymPy, FORM, Mathematica or JSON."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from feyn_nn.action import TALK_ACTION, Action
from feyn_nn.cli.options import parse_order
from feyn_nn.correlator import ALL_RULES, Correlator, Term, generate_correlator, verify_species_tensors
from feyn_nn.errors import InputError
from feyn_nn.files import json_text
from feyn_nn.graphs import Rule, species_tensor
from feyn_nn.graphs.interchange.naming import point_names

if TYPE_CHECKING:
    import argparse

FORMATS = ("text", "latex", "sympy", "form", "mathematica", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("n", metavar="N", type=int, help="number of legs")
    parser.add_argument("--action", default=str(TALK_ACTION), help="interaction terms (default: %(default)s)")
    parser.add_argument(
        "--order",
        default="1",
        metavar="K|NAME=P,...",
        help="largest total number of vertices, or the largest number for each coupling (default 1)",
    )
    parser.add_argument(
        "--keep", default="", metavar="KINDS", help="what not to prune: vacuum, propagator, or both with a comma"
    )
    parser.add_argument(
        "--species",
        action="store_true",
        help="d_out outputs: the tensor of each diagram, for vertices (f.f)^k (text and json)",
    )
    parser.add_argument(
        "--d-in", type=int, default=1, metavar="D", help="input dimensions in SymPy and Mathematica (default 1)"
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="output format (default text)")


def run(options: argparse.Namespace) -> int:
    """Generate the correlator and print it."""
    action = Action.parse(options.action)
    order = parse_order(options.order)
    orders = action.orders(order) if isinstance(order, int) else action.orders_within(order)
    generated = generate_correlator(options.n, action, orders, ALL_RULES - _kept(options.keep))
    if options.species:
        if options.format not in ("text", "json"):
            raise InputError(f"--species --format {options.format}: tensors are written as text or json")
        verify_species_tensors(generated)
    sys.stdout.write(_written(generated, options))
    return 0


def _kept(text: str) -> set[Rule]:
    try:
        return {Rule(name.strip()) for name in text.split(",") if name.strip()}
    except ValueError:
        raise InputError(f"--keep {text!r}: expected vacuum, propagator, or vacuum,propagator") from None


def _written(generated: Correlator, options: argparse.Namespace) -> str:
    if options.format == "json":
        return json_text(document(generated, species=options.species))
    if options.format == "latex":
        return str(import_module("feyn_nn.symbolic.latex").correlator_latex(generated))
    if options.format == "sympy":
        expression = import_module("feyn_nn.symbolic.expressions").expression(generated, options.d_in)
        return f"{import_module('sympy').srepr(expression)}\n"
    if options.format == "form":
        return str(import_module("feyn_nn.symbolic.form").correlator_form(generated))
    if options.format == "mathematica":
        return str(import_module("feyn_nn.symbolic.mathematica").correlator_mathematica(generated, options.d_in))
    return str(import_module("feyn_nn.symbolic.text").correlator_text(generated, species=options.species))


def document(generated: Correlator, *, species: bool = False) -> dict[str, Any]:
    """The correlator as JSON types, with the tensors of d_out species on request."""
    return {
        "n": generated.n,
        "action": str(generated.action),
        "terms": [_term(term, generated.action, species=species) for term in generated.terms],
        "discarded": [
            _term(lost.term, generated.action, species=species) | {"reason": lost.reason.value}
            for lost in generated.discarded
        ],
        "checks": [
            {"order": _order(check.order, generated.action), "all": str(check.everything), "kept": str(check.kept)}
            for check in generated.checks
        ],
    }


def _order(order: tuple[int, ...], action: Action) -> dict[str, int]:
    return dict(zip(action.couplings, order, strict=True))


def _term(term: Term, action: Action, *, species: bool) -> dict[str, Any]:
    edges, vertices = term.smallest_edges(action)
    names = point_names(term.topology.legs, vertices, action.operators)
    entry: dict[str, Any] = {
        "order": _order(term.order, action),
        "multiplicity": str(term.multiplicity),
        "labellings": str(term.labellings),
        "coefficient": str(term.coefficient),
        "automorphisms": str(term.topology.internal_automorphisms),
        "edges": [[names[a], names[b]] for a, b in edges],
    }
    if species:
        entry["tensor"] = [
            {
                "deltas": [[names[a], names[b]] for a, b in pairing],
                "polynomial": [str(coefficient) for coefficient in polynomial],
            }
            for pairing, polynomial in species_tensor(term.representative(action)).items()
        ]
    return entry
