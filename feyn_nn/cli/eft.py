"""`feyn-nn eft [NET]`: the operators that the symmetries allow, and which couplings are more irrelevant."""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from feyn_nn.action import (
    TRANSLATION,
    Action,
    Excluded,
    Symmetry,
    allowed_action,
    allowed_powers,
    check_allowed,
    excluded_powers,
    monomial,
    parse_symmetries,
)
from feyn_nn.cli import options as shared
from feyn_nn.cli.wording import WIDTH
from feyn_nn.errors import InputError
from feyn_nn.files import json_text
from feyn_nn.kernels import Kernel, Propagator
from feyn_nn.symbolic.beta import exponent_text
from feyn_nn.symbolic.growth.relevance import (
    Comparison,
    CouplingScaling,
    Relevance,
    kernel_relevance,
    translation_invariant,
)

if TYPE_CHECKING:
    import argparse

DIMENSION: Final = 6
SYMMETRIES: Final = "z2,translation"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_network(parser, optional=True)
    shared.add_kernel(parser)
    parser.add_argument(
        "--symmetries",
        default=SYMMETRIES,
        metavar="LIST",
        help="z2, translation, shift, so(n), o(n) separated by commas, or none (default: %(default)s)",
    )
    parser.add_argument(
        "--dimension",
        type=int,
        metavar="K",
        help=f"largest power of f (default {DIMENSION}; with --action no bound)",
    )
    parser.add_argument(
        "--d-out", type=int, metavar="D", help="number of outputs (default: the n of so(n) or o(n), else 1)"
    )
    parser.add_argument("--action", help="check this action against the symmetries and the bound instead")
    shared.add_propagator(parser)
    shared.add_json(parser)


@dataclass(frozen=True, slots=True)
class _Report:
    """What is printed; `missing` are the allowed powers that a given action lacks, None for a derived one."""

    action: Action
    symmetries: tuple[Symmetry, ...]
    dimension: int | None
    d_out: int
    excluded: tuple[Excluded, ...] | None
    missing: tuple[int, ...] | None
    kernel: Kernel | None
    relevance: Relevance | None
    invariant: bool | None


def run(options: argparse.Namespace) -> int:
    """Find or check the action, count powers, print."""
    report = _report(options)
    sys.stdout.write(json_text(document(report)) if options.json else text(report, options.d_in))
    return 0


def _report(options: argparse.Namespace) -> _Report:
    symmetries = parse_symmetries(options.symmetries)
    d_out = _outputs(options.d_out, symmetries)
    dimension = options.dimension
    missing: tuple[int, ...] | None = None
    if options.action is None:
        dimension = DIMENSION if dimension is None else dimension
        action = allowed_action(symmetries, dimension, d_out).action
    else:
        action = Action.parse(options.action)
        check_allowed(action, symmetries, dimension, d_out)
        if dimension is not None:
            present = {operator.valence for operator in action.operators}
            missing = tuple(k for k in allowed_powers(symmetries, dimension, d_out) if k not in present)
    excluded = None if dimension is None else excluded_powers(symmetries, dimension, d_out)
    kernel, found, invariant = None, None, None
    if options.net is None and options.kernel is None:
        _refuse_kernel_options(options)
    else:
        propagator = Propagator(options.propagator)
        kernel = propagator.of(shared.chosen_kernel(options))
        found = kernel_relevance(action, kernel, shared.other_dimension(options, propagator))
        invariant = translation_invariant(kernel)
    return _Report(action, symmetries, dimension, d_out, excluded, missing, kernel, found, invariant)


def _outputs(given: int | None, symmetries: tuple[Symmetry, ...]) -> int:
    if given is not None:
        return given
    return next((symmetry.outputs for symmetry in symmetries if symmetry.outputs is not None), 1)


def _refuse_kernel_options(options: argparse.Namespace) -> None:
    unused = {
        "--sigma-w": options.sigma_w is not None,
        "--sigma-b": options.sigma_b is not None,
        "--d-in": options.d_in != 1,
        "--propagator": Propagator(options.propagator) is not Propagator.FULL,
    }
    for name, given in unused.items():
        if given:
            raise InputError(
                f"{name}: only the power counting of a kernel needs it; name NET or --kernel, or leave it out"
            )


def document(report: _Report) -> dict[str, Any]:
    """The result as JSON types; null for what was not asked for or does not exist."""
    found = report.relevance
    return {
        "action": str(report.action),
        "symmetries": [str(symmetry) for symmetry in report.symmetries],
        "dimension": report.dimension,
        "d_out": report.d_out,
        "couplings": "constants" if TRANSLATION in report.symmetries else "functions",
        "operators": [
            {
                "coupling": operator.coupling,
                "power": operator.valence,
                "monomial": monomial(operator.valence, report.d_out),
            }
            for operator in report.action.operators
        ],
        "excluded": None
        if report.excluded is None
        else [
            {"power": entry.power, "forbidden_by": [str(symmetry) for symmetry in entry.symmetries], "why": str(entry)}
            for entry in report.excluded
        ],
        "missing": None if report.missing is None else list(report.missing),
        "kernel": None if report.kernel is None else report.kernel.name,
        "translation_invariant_kernel": report.invariant,
        "growth": None if found is None else {"leg": str(found.growth.leg), "loop": str(found.growth.loop)},
        "power_counting": None if found is None else [_scaling(entry) for entry in found.couplings],
        "comparisons": None if found is None else [_comparison(entry) for entry in found.comparisons],
        "assumptions": None if found is None else list(found.assumptions),
    }


def _scaling(entry: CouplingScaling) -> dict[str, Any]:
    return {
        "coupling": entry.operator.coupling,
        "exponent": None if entry.exponent is None else exponent_text(entry.exponent),
        "dimension": None if entry.dimension is None else exponent_text(entry.dimension),
        "running": entry.running.value,
    }


def _comparison(entry: Comparison) -> dict[str, Any]:
    return {
        "first": entry.first.coupling,
        "second": entry.second.coupling,
        "relation": None if entry.relation is None else entry.relation.value,
        "cases": [
            {
                "d_in": case.condition or "all",
                "relation": case.relation.value,
                "difference": None if case.difference is None else str(case.difference),
            }
            for case in entry.cases
        ],
        "statement": entry.statement,
        "reason": entry.reason,
    }


def text(report: _Report, d_in: int) -> str:
    """The result for a reader."""
    terms = " + ".join(f"{op.coupling} {monomial(op.valence, report.d_out)}" for op in report.action.operators)
    declared = ", ".join(map(str, report.symmetries)) or "none"
    bound = "no bound on the dimension" if report.dimension is None else f"dimension at most {report.dimension}"
    lines = [
        f"Symmetries: {declared}; {bound}, in units of the field; d_out = {report.d_out}",
        "",
        f"  Delta S = int d^d_in y [{terms}]",
        "",
        *_wrapped(_couplings_sentence(report), ""),
    ]
    if report.missing is not None:
        lines += _wrapped(_missing_sentence(report.missing, report.d_out), "")
    if report.excluded:
        lines += ["", "Excluded:"]
        for entry in report.excluded:
            lines += _wrapped(str(entry), "  - ")
    if report.relevance is not None and report.kernel is not None:
        lines += _counting_lines(report.relevance, report.kernel.name, d_in)
        lines += ["", "Notes:"]
        for sentence in (_invariance_sentence(report), *report.relevance.assumptions):
            lines += _wrapped(sentence, "  - ")
    return "\n".join(lines) + "\n"


def _counting_lines(found: Relevance, kernel: str, d_in: int) -> list[str]:
    rows = [("coupling", "power", "exponent", f"d_in = {d_in}", "at large Lambda")]
    for entry in found.couplings:
        size = "none" if entry.exponent is None else exponent_text(entry.exponent)
        here = "none" if entry.exponent is None else exponent_text(entry.exponent_at(d_in))
        rows.append((entry.operator.coupling, f"f^{entry.operator.valence}", size, here, entry.running.value))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["", f"Power counting for {kernel}: coupling ~ Lambda^exponent, correlators fixed", ""]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append(f"  {'  '.join(cells)}".rstrip())
    neighbours = set(pairwise(entry.operator for entry in found.couplings))
    shown = [entry for entry in found.comparisons if (entry.first, entry.second) in neighbours]
    if shown:
        # the others follow from these; JSON has them all
        lines += ["", "Comparisons:" if len(shown) == len(found.comparisons) else "Comparisons of neighbours:"]
        for comparison in shown:
            lines += _wrapped(f"{comparison.statement}: {comparison.reason}", "  - ")
    return lines


def _couplings_sentence(report: _Report) -> str:
    if TRANSLATION in report.symmetries:
        return "Couplings are constants (translation x -> x + c is declared)."
    name = report.action.couplings[0]
    return (
        f"Couplings are functions of the input, {name}(x) = {name}_bar + delta {name}(x): translation is not declared."
    )


def _missing_sentence(missing: tuple[int, ...], d_out: int) -> str:
    if not missing:
        return "The action contains every operator that the symmetries and the bound allow."
    absent = ", ".join(monomial(power, d_out) for power in missing)
    return f"The symmetries and the bound also allow {absent}, which this action leaves out."


def _invariance_sentence(report: _Report) -> str:
    if report.invariant:
        return (
            "K is invariant under translations, for which the talk conjectures constant couplings; the four-point "
            "function need not be invariant (Gauss-net's is not), so measure how constant lambda is (feyn-nn crosscheck)"
        )
    return (
        "K is not invariant under translations: by the talk's conjecture the couplings are functions of the input"
        + (", although translation is declared" if TRANSLATION in report.symmetries else "")
    )


def _wrapped(sentence: str, prefix: str) -> list[str]:
    return textwrap.wrap(
        sentence, WIDTH, initial_indent=prefix, subsequent_indent=" " * len(prefix), break_long_words=False
    )
