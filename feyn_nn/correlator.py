"""The correlator G^(n) as a sum over topologies, with exact factors, and what pruning dropped, with the reason.

    G^(n) = sum over kept diagrams of  prod_k (-g_k)^(p_k) * C(D) * int prod K

(talk, (3.17)-(3.19) and its Feynman rules). A term is one topology; its multiplicity is C times the number of leg
labellings. By default rule 7 (vacuum parts) and rule 4.5 (propagator corrections) prune, each a switch; with
`Rule.DISCONNECTED` as well the connected correlator is left. Every generation is checked against the exact
zero-dimensional sums, for all diagrams and for what was kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from feyn_nn.action import Action, order_key
from feyn_nn.errors import CompletenessError, InputError, LimitError
from feyn_nn.graphs import (
    ALL,
    TALK_RULES,
    Diagram,
    DiagramClass,
    Rule,
    Topology,
    check_even,
    exact_weight,
    kept_by,
    smallest_edges,
    verify_species,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from feyn_nn.action import Operator

MAX_TERMS: Final = 20_000
"""Topologies of all orders together, dropped ones included."""
_SURELY_SMALL: Final = 20
"""Half-edges at vertices below which a class cannot make a difference to the limit."""


@dataclass(frozen=True, slots=True)
class Term:
    """One topology in G^(n). `order` counts the vertices of each coupling of the action."""

    order: tuple[int, ...]
    topology: Topology

    @property
    def sign(self) -> int:
        """(-1)^vertices, from the minus sign of every -g_k."""
        return -1 if sum(self.order) % 2 else 1

    @property
    def multiplicity(self) -> Fraction:
        """C(D) times the number of leg labellings."""
        return self.topology.multiplicity

    @property
    def labellings(self) -> int:
        """Number of distinct leg labellings."""
        return self.topology.labellings

    @property
    def coefficient(self) -> Fraction:
        """C(D), the same for each labelling."""
        return self.topology.coefficient

    def smallest_edges(self, action: Action) -> tuple[tuple[tuple[int, int], ...], tuple[Operator, ...]]:
        """Smallest edge list over all labellings, vertices numbered by coupling in the action's order."""
        return smallest_edges(self.topology, action.operators)

    def representative(self, action: Action) -> Diagram:
        """The labelling that `smallest_edges` gives, as a diagram."""
        edges, vertices = self.smallest_edges(action)
        return Diagram(self.topology.legs, vertices, edges)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A term that a rule removed."""

    term: Term
    reason: Rule


@dataclass(frozen=True, slots=True)
class Check:
    """Proof of completeness at one order: sums over the generated diagrams equal to exact values.

    `everything` is the sum of C over all labelled diagrams, `kept` that over the kept ones; both have been found
    equal to the zero-dimensional theory's.
    """

    order: tuple[int, ...]
    everything: Fraction
    kept: Fraction


@dataclass(frozen=True, slots=True)
class Correlator:
    """G^(n) to the given orders. `terms` and `discarded` are sorted by order, multiplicity, edges."""

    n: int
    action: Action
    rules: frozenset[Rule]
    terms: tuple[Term, ...]
    discarded: tuple[Dropped, ...]
    checks: tuple[Check, ...]

    def at_order(self, order: Iterable[int]) -> tuple[Term, ...]:
        """The kept terms with exactly these numbers of vertices."""
        wanted = tuple(order)
        return tuple(term for term in self.terms if term.order == wanted)


def generate_correlator(
    n: int,
    action: Action,
    orders: Iterable[tuple[int, ...]],
    rules: Collection[Rule] = TALK_RULES,
) -> Correlator:
    """Generate G^(n) at the multi-orders `orders` (see `Action.orders`), pruned by `rules`.

    Raises InputError for negative n, LimitError before starting if the class is too large, CompletenessError if
    the generated diagrams do not add up to the exact zero-dimensional values.

    >>> from feyn_nn.action import TALK_ACTION
    >>> g4 = generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(1))
    >>> [str(term.multiplicity) for term in g4.terms], [str(lost.term.multiplicity) for lost in g4.discarded]
    (['3', '24', '360'], ['9', '72', '45', '540'])
    """
    if n < 0:
        raise InputError(f"correlator with n = {n} legs: expected zero or more")
    wanted = sorted(set(orders), key=order_key)
    for order in wanted:
        if len(order) != len(action.operators) or min(order) < 0:
            raise InputError(
                f"order {order}: expected {len(action.operators)} numbers of vertices, zero or more, for {action}"
            )
    active = frozenset(rules)
    classes = [DiagramClass(n, action.operators, order) for order in wanted]
    expected = [_expected(each, active) for each in classes]
    _refuse_explosion(classes, action)
    terms, discarded, checks = [], [], []
    for each, exact in zip(classes, expected, strict=True):
        order = each.order
        everything = [Term(order, topology) for topology in each.topologies()]
        everything.sort(key=lambda term: (term.multiplicity, term.smallest_edges(action)[0]))
        kept = []
        for term in everything:
            reason = next((rule for rule in Rule if rule in active and rule.applies(term.topology)), None)
            if reason is None:
                kept.append(term)
            else:
                discarded.append(Dropped(term, reason))
        checks.append(_verified(n, action, order, exact, everything, kept))
        terms += kept
    return Correlator(n, action, active, tuple(terms), tuple(discarded), tuple(checks))


def verify_species_tensors(generated: Correlator) -> None:
    """Check the species tensors of all diagrams, order by order, against the exact moments of (f.f).

    Raises InputError for an action with odd operators, LimitError for more than eight legs, CompletenessError if the
    tensors do not add up.
    """
    check_even(generated.action.operators)
    valences = [operator.valence for operator in generated.action.operators]
    everything = [*generated.terms, *(lost.term for lost in generated.discarded)]
    for check in generated.checks:
        terms = [
            (term.representative(generated.action), term.multiplicity)
            for term in everything
            if term.order == check.order
        ]
        verify_species(generated.n, check.order, valences, terms)


def _refuse_explosion(classes: list[DiagramClass], action: Action) -> None:
    """Raise LimitError, before anything is generated, if there are more than `MAX_TERMS` topologies."""
    total = 0
    for each in classes:
        each.refuse_explosion(MAX_TERMS)
        total += each.estimate() if each.half_edges - each.legs > _SURELY_SMALL else 0
        if total > MAX_TERMS:
            raise LimitError(
                f"{each.legs} legs up to order {_order_text(each.order, action)}: {total} topologies are more than the "
                f"limit of {MAX_TERMS}; lower the order or the number of legs"
            )


def _expected(diagrams: DiagramClass, rules: frozenset[Rule]) -> tuple[Fraction, Fraction]:
    """Exact sums at one order, of all diagrams and of those that `rules` keep; a refusal comes before any work."""
    sums = []
    for kept in (ALL, kept_by(rules)):
        exact = exact_weight(diagrams.legs, diagrams.operators, diagrams.order, kept)
        if exact is None:
            raise LimitError(
                f"order {diagrams.order} of {', '.join(map(str, diagrams.operators))}: the proof of completeness would need "
                f"too many multi-orders; lower the order, or keep propagator corrections"
            )
        sums.append(exact)
    return sums[0], sums[1]


def _verified(
    n: int,
    action: Action,
    order: tuple[int, ...],
    expected: tuple[Fraction, Fraction],
    everything: list[Term],
    kept: list[Term],
) -> Check:
    check = Check(order, _total(everything), _total(kept))
    for name, found, exact in zip(("all", "kept"), (check.everything, check.kept), expected, strict=True):
        if found != exact:
            raise CompletenessError(
                f"G^({n}) at order {_order_text(order, action)}: the weights of {name} diagrams "
                f"add up to {found}, the zero-dimensional theory gives {exact}; this is a defect of the generator, "
                "please report it"
            )
    return check


def _order_text(order: tuple[int, ...], action: Action) -> str:
    return " ".join(f"{name}^{power}" for name, power in zip(action.couplings, order, strict=True) if power) or "0"


def _total(terms: list[Term]) -> Fraction:
    return sum((term.multiplicity for term in terms), Fraction(0))
