"""`feyn-nn correlator N`: G^(n) as text, LaTeX, SymPy, FORM, Mathematica or JSON."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from feyn_nn.cli import options as shared
from feyn_nn.cli.terms import order_document, term_document
from feyn_nn.correlator import Correlator, Term, generate_correlator, verify_species_tensors
from feyn_nn.errors import InputError
from feyn_nn.files import json_text
from feyn_nn.graphs import Rule, species_tensor
from feyn_nn.graphs.interchange.naming import point_names
from feyn_nn.symbolic.formats.folding import IntegralTable
from feyn_nn.symbolic.formats.layout import CouplingForm, Labelling, Layout, Outputs

if TYPE_CHECKING:
    import argparse

    from feyn_nn.action import Action

FORMATS = ("text", "latex", "sympy", "form", "mathematica", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("n", metavar="N", type=int, help="number of legs")
    shared.add_expansion(parser)
    parser.add_argument(
        "--species",
        action="store_true",
        help="d_out outputs: the tensor of each diagram, for vertices (f.f)^k",
    )
    parser.add_argument("--connected", action="store_true", help="the connected correlator alone")
    parser.add_argument(
        "--couplings",
        choices=[form.value for form in CouplingForm],
        default="constant",
        help="constants, functions lambda(y), or both, lambda_bar + delta_lambda(y) (default constant; not in json)",
    )
    parser.add_argument(
        "--labellings",
        choices=[labelling.value for labelling in Labelling],
        default="all",
        help="write every labelling of the legs, or one times the multiplicity (text and json: always one)",
    )
    parser.add_argument(
        "--named-integrals", action="store_true", help="I1(x1, ...) with definitions, in text, LaTeX and SymPy"
    )
    parser.add_argument(
        "--d-in",
        default="1",
        metavar="D|any",
        help="input dimensions: coordinates in SymPy and Mathematica (default 1); any: points, in SymPy",
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="output format (default text)")


def run(options: argparse.Namespace) -> int:
    """Generate the correlator and print it."""
    action, orders, rules = shared.expansion(options)
    if options.connected:
        rules |= {Rule.DISCONNECTED}
    generated = generate_correlator(options.n, action, orders, rules)
    if options.species:
        verify_species_tensors(generated)
    sys.stdout.write(_written(generated, options))
    return 0


def _written(generated: Correlator, options: argparse.Namespace) -> str:
    layout = Layout(
        Labelling(options.labellings),
        CouplingForm(options.couplings),
        Outputs.SPECIES if options.species else Outputs.ONE,
    )
    if options.format == "json":
        _refuse(options, "json", couplings="constant", named_integrals=False, d_in="1")
        return json_text(document(generated, species=options.species))
    if options.format == "form":
        _refuse(options, "form", named_integrals=False, d_in="1")
        return str(import_module("feyn_nn.symbolic.formats.form").correlator_form(generated, layout))
    if options.format == "mathematica":
        _refuse(options, "mathematica", named_integrals=False)
        writer = import_module("feyn_nn.symbolic.formats.mathematica")
        return str(writer.correlator_mathematica(generated, _dimensions(options.d_in), layout))
    if options.format == "sympy":
        return _sympy(generated, layout, options)
    _refuse(options, options.format, d_in="1")
    table = IntegralTable() if options.named_integrals else None
    if options.format == "latex":
        return str(import_module("feyn_nn.symbolic.formats.latex").correlator_latex(generated, layout, table))
    return str(import_module("feyn_nn.symbolic.formats.text").correlator_text(generated, layout, table))


def _sympy(generated: Correlator, layout: Layout, options: argparse.Namespace) -> str:
    """What `srepr` prints; named integrals are followed by a line for each definition."""
    writer, sympy = import_module("feyn_nn.symbolic.expressions"), import_module("sympy")
    if not options.named_integrals:
        d_in = None if options.d_in == "any" else _dimensions(options.d_in)
        return f"{sympy.srepr(writer.expression(generated, d_in, layout))}\n"
    if options.d_in not in ("1", "any"):
        raise InputError("--named-integrals: the integrals are over points, for any number of inputs; leave --d-in out")
    folded = writer.fold(generated, layout)
    lines = [sympy.srepr(folded.expression)]
    for function, (legs, integral) in folded.definitions.items():
        call = function(*legs, writer.CUTOFF)
        lines.append(f"Eq({sympy.srepr(call)}, {sympy.srepr(integral)})")
    return "\n".join(lines) + "\n"


def _dimensions(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError(f"--d-in {text!r}: expected a number of input dimensions") from None


def _refuse(options: argparse.Namespace, form: str, **defaults: object) -> None:
    """Raise InputError for an option that the format would not use."""
    for name, default in defaults.items():
        if getattr(options, name) != default:
            raise InputError(f"--{name.replace('_', '-')}: not used by --format {form}; leave it out")


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
            {
                "order": order_document(check.order, generated.action),
                "all": str(check.everything),
                "kept": str(check.kept),
            }
            for check in generated.checks
        ],
    }


def _term(term: Term, action: Action, *, species: bool) -> dict[str, Any]:
    entry = term_document(term, action)
    if species:
        names = point_names(term.topology.legs, (), action.operators)
        entry["tensor"] = [
            {
                "deltas": [[names[a], names[b]] for a, b in pairing],
                "polynomial": [str(coefficient) for coefficient in polynomial],
            }
            for pairing, polynomial in species_tensor(term.representative(action)).items()
        ]
    return entry
