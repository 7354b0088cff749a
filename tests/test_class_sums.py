"""The exact sum of every class of diagrams against enumeration, the class picked out by the filters' definitions."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain, combinations
from math import factorial, prod
from typing import TYPE_CHECKING

import pytest

from feyn_nn.action import Action, Operator
from feyn_nn.combinatorics import pairing_count
from feyn_nn.errors import InputError
from feyn_nn.graphs import representative
from feyn_nn.graphs.class_sums import exact_symmetry_sum, exact_weight
from feyn_nn.graphs.filters import (
    ALL,
    CONNECTED,
    NO_PROPAGATOR_CORRECTIONS,
    NO_SELF_LOOPS,
    NO_SNAILS,
    NO_VACUUM,
    ONE_PI,
    STANDARD_FILTERS,
    Filter,
    parse_filters,
)
from tests.oracles.contraction import topologies
from tests.oracles.filter_definitions import DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EVERY_CHOICE = [
    choice for size in range(len(STANDARD_FILTERS) + 1) for choice in combinations(sorted(STANDARD_FILTERS), size)
]
THEORIES = [
    # text, vertices, legs; odd and even, several couplings, vertices that keep self-loops and snails when pruned
    ("a f^4", 4, 6),
    ("a f^3", 5, 4),
    ("a f^4 + b f^6", 3, 4),
    ("a f^3 + b f^4", 4, 3),
    ("a f^3 + b f^5", 3, 4),
    ("a f^5", 3, 4),
    ("a f^6", 3, 4),
    ("a f^7", 2, 3),
    ("a f^8", 2, 4),
    ("b f^5 + a f^4", 3, 2),
    ("a f^4 + b f^4", 2, 4),
    ("c f^5 + a f^3 + b f^4", 3, 2),
]


def classes(text: str, vertices: int, largest: int) -> Iterator[tuple[int, tuple[int, ...], tuple[Operator, ...]]]:
    action = Action.parse(text)
    for legs in range(largest + 1):
        for order in action.orders(vertices):
            yield legs, order, action.operators


def weights(
    legs: int, operators: Sequence[Operator], order: Sequence[int]
) -> list[tuple[frozenset[str], Fraction, Fraction]]:
    """For each topology the names of the filters that keep it by definition, the sum of C and that of 1/|Aut|."""
    result = []
    for topology, _ in topologies(legs, operators, order):
        diagram = representative(topology)
        kept = (name for name, keeps in DEFINITIONS.items() if keeps(legs, len(diagram.vertices), diagram.edges))
        inverse = Fraction(topology.labellings, diagram.automorphisms)
        result.append((frozenset(kept), topology.multiplicity, inverse))
    return result


@pytest.mark.parametrize(("text", "vertices", "largest"), THEORIES)
def test_every_conjunction_of_standard_filters_has_its_exact_sum(text: str, vertices: int, largest: int) -> None:
    wrong = []
    checked = 0
    for legs, order, operators in classes(text, vertices, largest):
        found = weights(legs, operators, order)
        for choice in EVERY_CHOICE:
            chosen = parse_filters(",".join(choice)) if choice else ALL
            kept = [(weight, inverse) for names, weight, inverse in found if names.issuperset(choice)]
            expected = tuple(sum(column, Fraction(0)) for column in zip(*kept, strict=True)) or (0, 0)
            exact = exact_weight(legs, operators, order, chosen), exact_symmetry_sum(legs, operators, order, chosen)
            if exact != expected:
                wrong.append((legs, order, choice, exact, expected))
            checked += 1
    assert not wrong, (len(wrong), wrong[:5])
    assert checked == len(EVERY_CHOICE) * len(list(classes(text, vertices, largest)))


def test_the_sums_see_a_single_missing_diagram() -> None:
    """Control: leave any one topology out, and the sum of each class that it belongs to is wrong."""
    action = Action.parse("a f^3 + b f^4")
    found = weights(2, action.operators, (2, 1))
    assert len(found) > 20
    for names, weight, _ in found:
        chosen = parse_filters(",".join(sorted(names))) if names else ALL
        total = sum((other for others, other, _ in found if others >= names), Fraction(0))
        assert total == exact_weight(2, action.operators, (2, 1), chosen) != total - weight


def test_classes_that_are_equal_and_classes_that_are_empty() -> None:
    action = Action.parse("a f^3 + b f^4")
    for legs, order, operators in classes("a f^3 + b f^4", 4, 4):
        both = exact_weight(legs, operators, order, CONNECTED & NO_VACUUM)
        assert both == (exact_weight(legs, operators, order, CONNECTED) if legs else 0)
        assert exact_weight(legs, operators, order, CONNECTED & ONE_PI) == exact_weight(legs, operators, order, ONE_PI)
    assert exact_weight(0, action.operators, (0, 0), ALL) == exact_weight(0, action.operators, (0, 0), NO_VACUUM) == 1
    assert exact_weight(0, action.operators, (0, 0), CONNECTED) == 0
    assert [exact_weight(n, action.operators, (0, 0), ONE_PI) for n in range(5)] == [0, 0, 1, 0, 0]
    assert [exact_weight(n, action.operators, (0, 0), NO_SNAILS) for n in range(8)] == list(
        map(pairing_count, range(8))
    )


def test_at_n_2_the_skeleton_is_the_free_line() -> None:
    for _, order, operators in classes("a f^3 + b f^4", 6, 0):
        skeleton = exact_weight(2, operators, order, CONNECTED & NO_PROPAGATOR_CORRECTIONS)
        assert skeleton == (not any(order))


def test_a_vertex_of_higher_valence_that_does_not_occur_changes_nothing() -> None:
    for names in chain.from_iterable(combinations(STANDARD_FILTERS, size) for size in (1, 2)):
        chosen = parse_filters(",".join(names))
        quartic = Operator(4, "lambda")
        alone = exact_weight(4, (quartic,), (3,), chosen)
        assert alone == exact_weight(4, (Operator(5, "alpha"), quartic), (0, 3), chosen)
        assert alone is not None


def test_the_symmetry_sum_is_the_weight_over_the_vertex_factors() -> None:
    action = Action.parse("a f^3 + b f^4")
    for order in action.orders(4):
        weight = exact_weight(4, action.operators, order, NO_SELF_LOOPS)
        factor = prod(factorial(op.valence) ** p for op, p in zip(action.operators, order, strict=True))
        symmetry = exact_symmetry_sum(4, action.operators, order, NO_SELF_LOOPS)
        assert weight is not None
        assert symmetry is not None
        assert weight == factor * symmetry


@pytest.mark.parametrize(
    "chosen", [~CONNECTED, CONNECTED | ONE_PI, CONNECTED & Filter.of("mine", lambda topology: True)]
)
def test_other_filters_have_no_known_sum(chosen: Filter) -> None:
    operators = (Operator(4, "lambda"),)
    assert exact_weight(4, operators, (2,), chosen) is None
    assert exact_symmetry_sum(4, operators, (2,), chosen) is None


def test_a_sum_that_is_out_of_reach_is_not_known() -> None:
    """With f^3 and f^12, pruned vertices have every valence between: too many couplings. What needs none is known."""
    operators = (Operator(3, "g"), Operator(12, "h"))
    assert exact_weight(2, operators, (2, 3), NO_SNAILS) is None
    assert exact_weight(2, operators, (2, 3), NO_PROPAGATOR_CORRECTIONS) is None
    assert exact_weight(2, operators, (2, 3), ONE_PI & NO_SELF_LOOPS) is not None
    assert exact_weight(2, operators, (2, 300), ALL) is None


@pytest.mark.parametrize(("legs", "order"), [(-1, (2,)), (2, (-1,))])
def test_negative_numbers_are_refused(legs: int, order: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="expected zero or more of each"):
        exact_weight(legs, (Operator(4, "lambda"),), order, ALL)


def test_one_leg_tadpoles_without_snails_and_self_loops() -> None:
    """f^3 at first order has one tadpole, which is a self-loop and no snail; f^5 has one, which is both."""
    for valence, snail_free in ((3, 3), (5, 0)):
        operators = (Operator(valence, "g"),)
        assert exact_weight(1, operators, (1,), CONNECTED) == valence * pairing_count(valence - 1)
        assert exact_weight(1, operators, (1,), NO_SNAILS & CONNECTED) == snail_free
        assert exact_weight(1, operators, (1,), NO_SNAILS & NO_SELF_LOOPS) == 0
