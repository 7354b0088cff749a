"""A correlator as plain text: one line per topology, with its factors, and the proof below.

No SymPy here, so that the command starts fast.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from feyn_nn.graphs import Rule, species_tensor
from feyn_nn.symbolic.layout import couplings_of, representative_product

if TYPE_CHECKING:
    from feyn_nn.correlator import Correlator, Term
    from feyn_nn.symbolic.layout import Line

_REASONS: Final = {
    Rule.VACUUM: "vacuum: a component touches no leg; it divides out with Z (rule 7)",
    Rule.PROPAGATOR: "propagator: it corrects a line, and K is the exact two-point function (rule 4.5)",
}


def correlator_text(correlator: Correlator, *, species: bool = False) -> str:
    """Return G^(n), what was dropped, and the sums that prove completeness; with the tensors of species on request."""
    points = ", ".join(f"x{leg + 1}" for leg in range(correlator.n))
    lines = [f"G^({correlator.n})({points})  for Delta S = int d^d y ({correlator.action}), no 1/k!", ""]
    lines.append("factor = multiplicity (labellings x coefficient), then one representative labelling:")
    if not correlator.terms:
        lines.append("  nothing: no diagram is left at these orders")
    for term in correlator.terms:
        lines.append(f"  {_line(term, correlator)}")
        if species:
            lines.append(f"           times {_tensor(term, correlator)}")
    if correlator.discarded:
        lines += ["", "dropped:"]
        lines += [f"  {_line(lost.term, correlator)}   [{lost.reason.value}]" for lost in correlator.discarded]
        lines += ["", *(_REASONS[rule] for rule in Rule if any(lost.reason is rule for lost in correlator.discarded))]
    lines += ["", "complete: sums of multiplicities, equal to the exact values of the zero-dimensional theory"]
    for check in correlator.checks:
        order = " ".join(f"{g}^{p}" for g, p in zip(correlator.action.couplings, check.order, strict=True) if p)
        lines.append(f"  order {order or '1':<20} all {check.everything}, kept {check.kept}")
    return "\n".join(lines) + "\n"


def _line(term: Term, correlator: Correlator) -> str:
    product = representative_product(term, correlator.action)
    couplings = " ".join(name if power == 1 else f"{name}^{power}" for name, power in couplings_of(term, correlator))
    measure = " ".join(f"d{point}" for point in product.points)
    integral = f"int {measure} " if measure else ""
    outer, inner = _propagators(product.outer), _propagators(product.inner)
    sign = "-" if term.sign < 0 else "+"
    factor = f"{sign} {term.multiplicity}"
    body = " ".join(part for part in (couplings, outer, f"{integral}{inner}") if part)
    return f"{factor:<8} ({term.labellings} x {term.coefficient})  {body or '1'}"


def _tensor(term: Term, correlator: Correlator) -> str:
    parts = []
    for pairing, polynomial in species_tensor(term.representative(correlator.action)).items():
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
