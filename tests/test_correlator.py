"""G^(n): the talk's factors, what was dropped and why, the order of terms, and that the proof can fail."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from feyn_nn import correlator
from feyn_nn.action import TALK_ACTION, Action, order_key
from feyn_nn.combinatorics import pairing_count
from feyn_nn.correlator import Correlator, Term, generate_correlator
from feyn_nn.errors import CompletenessError, InputError, LimitError
from feyn_nn.graphs import (
    NO_VACUUM,
    TALK_RULES,
    DiagramClass,
    Rule,
    Topology,
    diagrams_of,
    exact_weight,
    kept_by,
    representative,
    topologies,
)
from tests.oracles import brute_force

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from feyn_nn.action import Operator
    from feyn_nn.graphs import Filter

RULE_SETS = [frozenset(chosen) for size in range(4) for chosen in combinations(Rule, size)]
ACTIONS = ("lambda f^4 + kappa f^6", "g f^3 + lambda f^4", "g f^3 + alpha f^5")
KEPT, VACUUM, PROPAGATOR = "kept", "vacuum", "propagator"

# Talk, its rules 1 to 7 with (3.17)-(3.19): every factor at first order, and what happens to it.
TALK = {
    2: {(1, 0): {12: PROPAGATOR, 3: VACUUM}, (0, 1): {90: PROPAGATOR, 15: VACUUM}, (0, 0): {1: KEPT}},
    4: {
        (0, 0): {3: KEPT},
        (1, 0): {24: KEPT, 72: PROPAGATOR, 9: VACUUM},
        (0, 1): {360: KEPT, 540: PROPAGATOR, 45: VACUUM},
    },
    6: {
        (0, 0): {15: KEPT},
        (1, 0): {360: KEPT, 540: PROPAGATOR, 45: VACUUM},
        (0, 1): {720: KEPT, 5400: KEPT, 4050: PROPAGATOR, 225: VACUUM},
    },
}


def verdicts(result: Correlator) -> dict[tuple[int, ...], dict[Fraction, str]]:
    every = [(term, KEPT) for term in result.terms] + [(lost.term, lost.reason.value) for lost in result.discarded]
    table: dict[tuple[int, ...], dict[Fraction, str]] = {}
    for term, verdict in every:
        assert term.multiplicity not in table.setdefault(term.order, {})
        table[term.order][term.multiplicity] = verdict
    return table


def everything(result: Correlator) -> list[Term]:
    return [*result.terms, *(lost.term for lost in result.discarded)]


@pytest.mark.parametrize("n", TALK)
def test_factors_of_the_talk_with_their_reasons(n: int) -> None:
    assert verdicts(generate_correlator(n, TALK_ACTION, TALK_ACTION.orders(1))) == TALK[n]
    for order, factors in TALK[n].items():
        half_edges = n + 4 * order[0] + 6 * order[1]
        assert sum(factors) == pairing_count(half_edges)


def test_three_bubbles_alone_survive_at_second_order() -> None:
    (term,) = generate_correlator(4, TALK_ACTION, [(2, 0)]).terms
    assert (int(term.coefficient), term.labellings, int(term.multiplicity), term.sign) == (288, 3, 864, 1)
    assert term.coefficient * term.labellings == term.multiplicity
    channels = [
        tuple(sorted([(0, 4), (a, 4), *((b, 5) for b in (1, 2, 3) if b != a), (4, 5), (4, 5)])) for a in (1, 2, 3)
    ]
    assert sorted(diagram.edges for diagram in diagrams_of(term.topology)) == sorted(channels)


def test_signs_are_those_of_minus_the_couplings() -> None:
    for term in everything(generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(2))):
        assert term.sign == (-1) ** sum(term.order)
        assert term.order == term.topology.order(TALK_ACTION.couplings)


@pytest.mark.parametrize("rules", RULE_SETS, ids=lambda rules: "+".join(sorted(r.value for r in rules)) or "none")
@pytest.mark.parametrize("text", ACTIONS)
@pytest.mark.parametrize("n", range(7))
def test_every_rule_set_keeps_what_its_definitions_say(text: str, n: int, rules: frozenset[Rule]) -> None:
    action = Action.parse(text)
    result = generate_correlator(n, action, action.orders(2), rules)
    assert (result.n, result.action, result.rules) == (n, action, rules)
    reasons: list[tuple[Term, Rule | None]] = [(term, None) for term in result.terms]
    reasons += [(lost.term, lost.reason) for lost in result.discarded]
    for term, reason in reasons:
        diagram = representative(term.topology)
        size = len(diagram.vertices)
        expected = None
        if Rule.DISCONNECTED in rules and not brute_force.connected(n, size, diagram.edges):
            expected = Rule.DISCONNECTED
        if Rule.PROPAGATOR in rules and brute_force.propagator_correction(n, size, diagram.edges):
            expected = Rule.PROPAGATOR
        if Rule.VACUUM in rules and brute_force.vacuum_part(n, size, diagram.edges):
            expected = Rule.VACUUM  # comes first where both apply
        assert reason is expected, diagram
    bare = generate_correlator(n, action, action.orders(2), ())
    assert bare.discarded == ()
    assert set(bare.terms) == set(everything(result))
    assert len(bare.terms) == len(reasons)


@pytest.mark.parametrize("rules", RULE_SETS, ids=lambda rules: "+".join(sorted(r.value for r in rules)) or "none")
def test_checks_state_the_sums_of_every_order(rules: frozenset[Rule]) -> None:
    result = generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(2), rules)
    assert [check.order for check in result.checks] == TALK_ACTION.orders(2)
    for check in result.checks:
        assert check.kept == sum(term.multiplicity for term in result.at_order(check.order))
        assert check.everything == sum(t.multiplicity for t in everything(result) if t.order == check.order)


def test_both_rules_at_once_occur_and_give_vacuum() -> None:
    both = Counter(
        lost.reason
        for lost in generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(2)).discarded
        if all(rule.applies(lost.term.topology) for rule in TALK_RULES)
    )
    assert set(both) == {Rule.VACUUM}


@pytest.mark.parametrize("text", ["lambda f^4 + kappa f^6", "kappa f^6 + lambda f^4", "g f^3 + lambda f^4"])
def test_terms_are_sorted_by_order_multiplicity_and_edges(text: str) -> None:
    action = Action.parse(text)
    orders = action.orders(2)
    result = generate_correlator(4, action, [*reversed(orders), *orders])  # any order of asking, repeats ignored
    for terms in (result.terms, tuple(lost.term for lost in result.discarded)):
        keys = [(order_key(t.order), t.multiplicity, t.smallest_edges(action)[0]) for t in terms]
        assert keys == sorted(keys)
        assert len(set(terms)) == len(terms)
    assert result == generate_correlator(4, action, orders)


def test_the_order_of_the_action_changes_numbers_of_vertices_only() -> None:
    one = generate_correlator(4, TALK_ACTION, [(1, 1)])
    two = generate_correlator(4, Action.parse("kappa f^6 + lambda f^4"), [(1, 1)])
    assert {term.topology for term in one.terms} == {term.topology for term in two.terms}
    term = one.terms[0]
    assert [op.coupling for op in term.smallest_edges(TALK_ACTION)[1]] == ["lambda", "kappa"]
    assert [op.coupling for op in term.smallest_edges(two.action)[1]] == ["kappa", "lambda"]


@pytest.mark.parametrize("n", [1, 3, 5])
@pytest.mark.parametrize("rules", [TALK_RULES, frozenset[Rule]()], ids=["all", "none"])
def test_odd_correlators_of_even_actions_are_empty(n: int, rules: frozenset[Rule]) -> None:
    result = generate_correlator(n, TALK_ACTION, TALK_ACTION.orders(2), rules)
    assert result.terms == ()
    assert result.discarded == ()
    assert [check.everything for check in result.checks] == [0] * 6


def test_no_orders_give_no_terms() -> None:
    assert generate_correlator(4, TALK_ACTION, []).terms == ()


def test_negative_legs_and_explosions_are_refused_before_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*arguments: object) -> None:
        raise AssertionError("work was started")

    monkeypatch.setattr(DiagramClass, "topologies", work)
    with pytest.raises(InputError, match="n = -1 legs: expected zero or more"):
        generate_correlator(-1, TALK_ACTION, [(0, 0)])
    with pytest.raises(LimitError, match="lower the order"):
        generate_correlator(4, TALK_ACTION, [(0, 0), (1, 0), (0, 40)])
    with pytest.raises(LimitError, match="lower the order"):
        generate_correlator(6, TALK_ACTION, TALK_ACTION.orders(12))
    with pytest.raises(AssertionError, match="was started"):
        generate_correlator(4, TALK_ACTION, [(0, 0)])


def drop(found: list[Topology], victim: int) -> list[Topology]:
    return found[:victim] + found[victim + 1 :]


def double(found: list[Topology], victim: int) -> list[Topology]:
    return [*found, found[victim]]


def replace(found: list[Topology], victim: int) -> list[Topology]:
    return [*drop(found, victim), found[victim - 1]]


@pytest.mark.parametrize("mutation", [drop, double, replace])
@pytest.mark.parametrize(("n", "order"), [(2, (1, 0)), (4, (0, 1)), (4, (2, 0)), (6, (1, 1))])
def test_a_topology_dropped_doubled_or_replaced_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
    mutation: Callable[[list[Topology], int], list[Topology]],
    n: int,
    order: tuple[int, int],
) -> None:
    """Mutation control, for each topology of the class. Replacing one by another of equal weight is left out."""
    found = list(topologies(n, TALK_ACTION.operators, order))
    tried = 0
    for victim in range(len(found)):
        changed = mutation(found, victim)
        if sum(t.multiplicity for t in changed) == sum(t.multiplicity for t in found):
            continue
        monkeypatch.setattr(DiagramClass, "topologies", lambda *_, changed=changed: iter(changed))
        with pytest.raises(CompletenessError, match=rf"G\^\({n}\) at order .*this is a defect of the generator"):
            generate_correlator(n, TALK_ACTION, [order])
        tried += 1
    assert tried >= len(found) // 2


@pytest.mark.parametrize("change", [1, -1, Fraction(1, 7)])
def test_one_altered_coefficient_is_noticed(monkeypatch: pytest.MonkeyPatch, change: Fraction) -> None:
    true_multiplicity = Topology.multiplicity.fget  # type: ignore[attr-defined]
    (bubble,) = generate_correlator(4, TALK_ACTION, [(2, 0)]).terms

    def altered(self: Topology) -> Fraction:
        value: Fraction = true_multiplicity(self)
        return value + change if self == bubble.topology else value

    monkeypatch.setattr(Topology, "multiplicity", property(altered))
    with pytest.raises(CompletenessError):
        generate_correlator(4, TALK_ACTION, [(2, 0)])


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("verdict", [True, False])
def test_a_rule_that_judges_one_diagram_wrongly_is_noticed(
    monkeypatch: pytest.MonkeyPatch, rule: Rule, verdict: bool
) -> None:
    """The sum over kept diagrams is checked too: one more or one less and the run fails."""
    true_applies = Rule.applies
    wrong: set[Topology] = set()

    def applies(self: Rule, topology: Topology) -> bool:
        honest = true_applies(self, topology)
        if honest is not verdict and not wrong:
            wrong.add(topology)
        return verdict if topology in wrong else honest

    monkeypatch.setattr(Rule, "applies", applies)
    with pytest.raises(CompletenessError, match="weights of kept diagrams"):
        generate_correlator(4, TALK_ACTION, [(2, 0)], {rule})
    assert len(wrong) == 1


def test_a_wrong_exact_sum_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(legs: int, operators: Sequence[Operator], order: Sequence[int], chosen: Filter) -> Fraction | None:
        return exact_weight(legs, operators, order, NO_VACUUM if chosen == kept_by(TALK_RULES) else chosen)

    monkeypatch.setattr(correlator, "exact_weight", wrong)
    with pytest.raises(CompletenessError, match="weights of kept diagrams add up to 24"):
        generate_correlator(4, TALK_ACTION, [(1, 0)])
