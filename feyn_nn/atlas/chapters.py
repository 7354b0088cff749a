"""What the atlas shows: for each theory, number of legs and order, all topologies with their exact factors.

The generator proves on every run that the multiplicities of one order add up to (n + sum_k k p_k - 1)!! / prod_k p_k!.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from feyn_nn.action import Action
from feyn_nn.atlas.keys import topology_key
from feyn_nn.correlator import Check, Term, generate_correlator
from feyn_nn.graphs import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

PICTURES, DOCUMENTS = "svg", "json"


@dataclass(frozen=True, slots=True)
class Theory:
    """An action, and the largest total number of vertices that the atlas shows of it."""

    action: Action
    maximum: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One topology at one order, with the reason if it is pruned."""

    key: str
    term: Term
    reason: Rule | None


@dataclass(frozen=True, slots=True)
class Chapter:
    """All topologies of one theory with n legs at one order; kept ones first, then by multiplicity."""

    theory: Theory
    n: int
    check: Check
    entries: tuple[Entry, ...]


def picture_path(key: str) -> str:
    """Where the picture of a topology lies in the atlas."""
    return f"{PICTURES}/{key}.svg"


def document_path(key: str) -> str:
    """Where the JSON document of a topology lies in the atlas."""
    return f"{DOCUMENTS}/{key}.json"


def chapters(theories: Iterable[Theory], leg_numbers: Iterable[int]) -> list[Chapter]:
    """Generate everything; each correlator proves its completeness."""
    numbers = tuple(leg_numbers)
    found = []
    for theory in theories:
        for n in numbers:
            generated = generate_correlator(n, theory.action, theory.action.orders(theory.maximum))
            everything: list[tuple[Term, Rule | None]] = [(term, None) for term in generated.terms]
            everything += [(lost.term, lost.reason) for lost in generated.discarded]
            for check in generated.checks:
                entries = (
                    Entry(topology_key(term.topology), term, reason)
                    for term, reason in everything
                    if term.order == check.order
                )
                found.append(Chapter(theory, n, check, tuple(entries)))
    return found


def powers(names: Iterable[str], order: Iterable[int]) -> str:
    """`lambda^2 kappa`, or `1` without vertices."""
    parts = [name if power == 1 else f"{name}^{power}" for name, power in zip(names, order, strict=True) if power]
    return " ".join(parts) or "1"
