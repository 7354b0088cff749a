"""A correlator as plain text: one line per topology, with its factors, and the proof below.

One representative labelling is written, whatever the layout says. No SymPy here, so that the command starts fast.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from feyn_nn.graphs import Rule
from feyn_nn.symbolic.formats.layout import PLAIN, Labelling, written_terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from feyn_nn.correlator import Correlator, Term
    from feyn_nn.graphs.species import Tensor
    from feyn_nn.symbolic.formats.folding import IntegralTable
    from feyn_nn.symbolic.formats.layout import Layout, Line, Part, Product

_REASONS: Final = {
    Rule.VACUUM: "vacuum: a component touches no leg; it divides out with Z (rule 7)",
    Rule.PROPAGATOR: "propagator: it corrects a line, and K is the exact two-point function (rule 4.5)",
    Rule.DISCONNECTED: "disconnected: its legs are not all in one component; the connected correlator is wanted",
}


def correlator_text(correlator: Correlator, layout: Layout = PLAIN, table: IntegralTable | None = None) -> str:
    """Return G^(n), what was dropped, and the sums that prove completeness; with a `table` in named integrals.

    Raises as `written_terms` does.
    """
    layout = replace(layout, labelling=Labelling.REPRESENTATIVE)
    points = ", ".join(f"x{leg + 1}" for leg in range(correlator.n))
    name = "G_c" if Rule.DISCONNECTED in correlator.rules else "G"
    lines = [f"{name}^({correlator.n})({points})  for Delta S = int d^d y ({correlator.action}), no 1/k!", ""]
    lines.append("factor = multiplicity (labellings x coefficient), then one representative labelling:")
    if not correlator.terms:
        lines.append("  nothing: no diagram is left at these orders")
    lines += [f"  {line}" for line in _lines(correlator, correlator.terms, layout, table)]
    if table is not None and table.integrals:
        lines += ["", *(f"  {_definition(entry.name, entry.legs, entry.product)}" for entry in table.integrals)]
    if correlator.discarded:
        lines += ["", "dropped:"]
        for lost in correlator.discarded:
            lines += [
                f"  {line}   [{lost.reason.value}]"
                for line in _lines(correlator, [lost.term], replace(layout, outputs=PLAIN.outputs), None)
            ]
        lines += ["", *(_REASONS[rule] for rule in Rule if any(lost.reason is rule for lost in correlator.discarded))]
    lines += ["", "complete: sums of multiplicities, equal to the exact values of the zero-dimensional theory"]
    for check in correlator.checks:
        order = " ".join(f"{g}^{p}" for g, p in zip(correlator.action.couplings, check.order, strict=True) if p)
        lines.append(f"  order {order or '1':<20} all {check.everything}, kept {check.kept}")
    return "\n".join(lines) + "\n"


def _lines(correlator: Correlator, terms: Iterable[Term], layout: Layout, table: IntegralTable | None) -> Iterator[str]:
    for written in written_terms(replace(correlator, terms=tuple(terms)), layout):
        for part in written.parts:
            yield _line(written.term, part, table)
            for tensor in part.tensors:
                yield f"         times {_tensor(tensor)}"


def _line(term: Term, part: Part, table: IntegralTable | None) -> str:
    (product,) = part.products
    couplings = " ".join(name if power == 1 else f"{name}^{power}" for name, power in part.constants)
    sign = "-" if part.number < 0 else "+"
    factor = f"{sign} {abs(part.number)}"
    body = " ".join(filter(None, [couplings, _propagators(product.outer), _integrals(product, table)]))
    return f"{factor:<8} ({term.labellings} x {term.coefficient})  {body or '1'}"


def _integrals(product: Product, table: IntegralTable | None) -> str:
    if table is None:
        return _integral(product)
    named = [table.of(component) for component in product.components()]
    return " ".join(_call(entry.name, legs) for entry, legs in named)


def _integral(product: Product) -> str:
    measure = " ".join(f"d{point}" for point in product.points)
    functions = " ".join(f"{name}({point})" for name, point in product.functions)
    return " ".join(filter(None, ["int" if measure else "", measure, functions, _propagators(product.inner)]))


def _definition(name: str, legs: tuple[str, ...], product: Product) -> str:
    return f"{_call(name, legs)} = {_integral(product)}, over [-Lambda, Lambda]^d_in"


def _call(name: str, legs: tuple[str, ...]) -> str:
    return f"{name}({', '.join(legs)})" if legs else name


def _tensor(tensor: Tensor) -> str:
    parts = []
    for pairing, polynomial in tensor.items():
        powers = [
            f"{value} {f'd_out^{power}' if power > 1 else 'd_out' if power else ''}".strip()
            for power, value in enumerate(polynomial)
            if value
        ]
        deltas = " ".join(f"delta(x{a + 1},x{b + 1})" for a, b in pairing)
        parts.append(f"({' + '.join(powers)}) {deltas}".strip())
    return " + ".join(parts)


def _propagators(lines: tuple[Line, ...]) -> str:
    return " ".join(f"K({a},{b})" + (f"^{power}" if power > 1 else "") for (a, b), power in Counter(lines).items())
