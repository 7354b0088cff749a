"""The correlator G^(n) as a sum over topologies, with exact factors, and what pruning dropped, with the reason.

    G^(n) = sum over kept diagrams of  prod_k (-g_k)^(p_k) * C(D) * int prod K

(talk, (3.17)-(3.19) and its Feynman rules). A term is one topology; its multiplicity is C times the number of leg
labellings. By default rule 7 (vacuum parts) and rule 4.5 (propagator corrections) prune, each a switch. Every
generation is checked against the exact zero-dimensional sums, for all diagrams and for what was kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from feyn_nn.action import Action, order_key
from feyn_nn.errors import CompletenessError, InputError, LimitError
from feyn_nn.graphs import (
    Diagram,
    Rule,
    Topology,
    ZeroDimensionalTheory,
    check_even,
    refuse_explosion,
    smallest_edges,
    topologies,
    verify_species,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from feyn_nn.action import Operator

ALL_RULES = frozenset(Rule)
MAX_LEGS = 100


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
    rules: Collection[Rule] = ALL_RULES,
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
    if n > MAX_LEGS:
        raise LimitError(f"correlator with n = {n} legs: at most {MAX_LEGS} are supported")
    wanted = sorted(set(orders), key=order_key)
    for order in wanted:
        if len(order) != len(action.operators) or min(order) < 0:
            raise InputError(
                f"order {order}: expected {len(action.operators)} numbers of vertices, zero or more, for {action}"
            )
    active = frozenset(rules)
    refuse_explosion(n, action.operators, wanted)
    terms, discarded, checks = [], [], []
    for order in wanted:
        expected = _expected(n, action, order, active)
        everything = [Term(order, topology) for topology, _ in topologies(n, action.operators, order)]
        everything.sort(key=lambda term: (term.multiplicity, term.smallest_edges(action)[0]))
        kept = []
        for term in everything:
            reason = next((rule for rule in Rule if rule in active and rule.applies(term.topology)), None)
            if reason is None:
                kept.append(term)
            else:
                discarded.append(Dropped(term, reason))
        checks.append(_verified(n, action, order, expected, everything, kept))
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


def _expected(n: int, action: Action, order: tuple[int, ...], rules: frozenset[Rule]) -> tuple[Fraction, Fraction]:
    """Exact sums at one order, of all diagrams and of those that `rules` keep; a refusal comes before any work."""
    theory = ZeroDimensionalTheory(tuple(operator.valence for operator in action.operators), order)
    exact = theory.all_diagrams(n)
    if rules == ALL_RULES:
        pruned = theory.skeleton_moments(n)
    elif rules == {Rule.VACUUM}:
        pruned = theory.no_vacuum(n)
    elif rules == {Rule.PROPAGATOR}:
        pruned = theory.with_vacuum(theory.skeleton_moments(n))
    else:
        pruned = exact
    return exact.get(order, Fraction(0)), pruned.get(order, Fraction(0))


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
                f"G^({n}) at order {dict(zip(action.couplings, order, strict=True))}: the weights of {name} diagrams "
                f"add up to {found}, the zero-dimensional theory gives {exact}; this is a defect of the generator, "
                "please report it"
            )
    return check


def _total(terms: list[Term]) -> Fraction:
    return sum((term.multiplicity for term in terms), Fraction(0))
