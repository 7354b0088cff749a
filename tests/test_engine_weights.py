"""The diagram engine weighed: every small class of phi^3 ... phi^6 and mixtures against sums known in closed form."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from functools import cache
from itertools import combinations, islice, product
from typing import TYPE_CHECKING, Any

import pytest

from feyn_nn.action import Operator
from feyn_nn.graphs import canonical, connected, diagram, generation, labelling, topology
from feyn_nn.graphs.burnside import diagram_count, topology_count
from feyn_nn.graphs.class_sums import exact_symmetry_sum
from feyn_nn.graphs.diagram import Diagram, labelled_diagrams
from feyn_nn.graphs.filters import (
    ALL,
    AMPUTATED,
    CONNECTED,
    NO_PROPAGATOR_CORRECTIONS,
    NO_SELF_LOOPS,
    NO_SNAILS,
    NO_VACUUM,
    ONE_PI,
    Filter,
)
from feyn_nn.graphs.generation import DiagramClass
from feyn_nn.graphs.topology import Topology
from tests.oracles import contraction
from tests.oracles.zero_dimension import ZeroDimension, pairings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VALENCES = (3, 4, 5, 6)
OPERATORS = {valence: Operator(valence, f"g{valence}") for valence in VALENCES}
MIXTURES = [chosen for size in range(5) for chosen in combinations(VALENCES, size)]
MAX_LEGS = 8
MAX_HALF_EDGES = 24
MAX_LABELLED = 20
MAX_VALUES = 14

Case = tuple[int, tuple[Operator, ...], tuple[int, ...]]


def cases(operators: tuple[Operator, ...], most: int) -> Iterator[Case]:
    """Legs and orders with every operator at least once, an even number of half-edges, and not more than `most`."""
    for order in product(*(range(1, most // operator.valence + 1) for operator in operators)):
        size = sum(operator.valence * power for operator, power in zip(operators, order, strict=True))
        for legs in range(size % 2, min(MAX_LEGS, most - size) + 1, 2):
            yield legs, operators, order


def of(mixture: tuple[int, ...]) -> tuple[Operator, ...]:
    return tuple(OPERATORS[valence] for valence in mixture)


def full(operators: tuple[Operator, ...], order: tuple[int, ...]) -> tuple[int, ...]:
    """The order in all of VALENCES."""
    powers = dict(zip(operators, order, strict=True))
    return tuple(powers.get(OPERATORS[valence], 0) for valence in VALENCES)


@cache
def sums() -> ZeroDimension:
    return ZeroDimension(VALENCES, MAX_HALF_EDGES)


def expected(legs: int, operators: tuple[Operator, ...], order: tuple[int, ...], where: Filter) -> Fraction:
    """The sum of 1/|Aut| over labelled diagrams; for the first three filters by code that shares nothing."""
    powers = full(operators, order)
    if where == ALL:
        return sums().all(legs)[powers]
    if where == NO_VACUUM:
        return sums().without_vacuum(legs)[powers] if legs or any(powers) else Fraction(1)
    if where == CONNECTED:
        return sums().connected(legs)[powers]
    exact = exact_symmetry_sum(legs, operators, order, where)
    assert exact is not None
    return exact


def weight(topologies: list[Topology]) -> Fraction:
    groups: Counter[tuple[int, int]] = Counter((each.labellings, each.internal_automorphisms) for each in topologies)
    return sum((Fraction(ways * number, order) for (ways, order), number in groups.items()), Fraction(0))


FILTERS = (
    ALL,
    NO_VACUUM,
    CONNECTED,
    NO_PROPAGATOR_CORRECTIONS,
    CONNECTED & NO_PROPAGATOR_CORRECTIONS,
    NO_VACUUM & NO_PROPAGATOR_CORRECTIONS,
    ONE_PI,
)


def weigh(case: Case) -> int:
    """Check one class: sums and labelled diagrams. Returns the number of topologies."""
    legs, operators, order = case
    chosen = DiagramClass(legs, operators, order)
    found = list(chosen.topologies())
    assert len(set(found)) == len(found), case
    for where in FILTERS:
        kept = [each for each in found if where(each)]
        assert weight(kept) == expected(legs, operators, order, where), (case, where)
    if chosen.half_edges <= MAX_LABELLED:
        labelled: Counter[int] = Counter()
        for each in found:
            ways = 0
            for one in labelled_diagrams(each):
                labelled[one.automorphisms] += 1
                ways += 1
            assert ways == each.labellings, (case, each)
        total = sum((Fraction(number, group) for group, number in labelled.items()), Fraction(0))
        assert total == expected(legs, operators, order, ALL), case
    return len(found)


@pytest.mark.parametrize("mixture", MIXTURES, ids=str)
def test_weights_are_exact_in_all_classes(mixture: tuple[int, ...]) -> None:
    for case in cases(of(mixture), MAX_HALF_EDGES):
        weigh(case)


def test_the_grid_is_what_it_says() -> None:
    """422 classes, none twice, from the free ones to 24 half-edges, and the oracle's own first numbers."""
    grid = [case for mixture in MIXTURES for case in cases(of(mixture), MAX_HALF_EDGES)]
    assert len(grid) == len(set(grid))
    assert {legs for legs, _, _ in grid} == set(range(MAX_LEGS + 1))
    assert {len(operators) for _, operators, _ in grid} == set(range(5))
    assert max(DiagramClass(*case).half_edges for case in grid) == MAX_HALF_EDGES
    for legs, operators, order in grid:
        exact = exact_symmetry_sum(legs, operators, order, CONNECTED)
        assert exact == expected(legs, operators, order, CONNECTED)  # two codes for the cumulants
    lambda2 = (0, 2, 0, 0)
    assert sums().connected(4)[lambda2] * 576 == 2016
    assert sums().without_vacuum(4)[lambda2] * 576 == 4752
    assert sums().all(4)[lambda2] * 576 * 2 == pairings(12)


@pytest.mark.parametrize("mixture", [(4,), (3, 5), (3, 4, 6)], ids=str)
def test_control_one_diagram_less_or_twice_changes_the_sum(mixture: tuple[int, ...]) -> None:
    for legs, operators, order in cases(of(mixture), 14):
        found = list(DiagramClass(legs, operators, order).topologies())
        for where in FILTERS:
            kept = [each for each in found if where(each)]
            exact = expected(legs, operators, order, where)
            for index, each in enumerate(kept):
                assert weight(kept[:index] + kept[index + 1 :]) != exact
                assert weight([*kept, each]) != exact


GENERATED = (
    *FILTERS[1:],
    NO_SELF_LOOPS,
    NO_SNAILS,
    AMPUTATED,
    CONNECTED & NO_SNAILS,
    ONE_PI & NO_SELF_LOOPS & NO_VACUUM,
    NO_VACUUM & AMPUTATED,
)


@pytest.mark.parametrize("mixture", MIXTURES, ids=str)
def test_generating_with_a_filter_is_filtering_what_was_generated(mixture: tuple[int, ...]) -> None:
    for legs, operators, order in cases(of(mixture), 18):
        found = list(DiagramClass(legs, operators, order).topologies())
        for where in GENERATED:
            kept = list(DiagramClass(legs, operators, order, where).topologies())
            assert len(set(kept)) == len(kept)
            assert set(kept) == {each for each in found if where(each)}, (legs, order, where)


@pytest.mark.parametrize("mixture", MIXTURES, ids=str)
def test_labelled_diagrams_are_different_values(mixture: tuple[int, ...]) -> None:
    for legs, operators, order in cases(of(mixture), MAX_VALUES):
        made = list(DiagramClass(legs, operators, order).diagrams())
        assert len(set(made)) == len(made) == diagram_count(legs, tuple(op.valence for op in operators), order)
        again = [Diagram(one.legs, one.vertices, one.edges) for one in made[::7]]
        assert all(left == right for left, right in zip(again, made[::7], strict=True))
        assert all(left.topology == right.topology for left, right in zip(again, made[::7], strict=True))


EQUAL = {3: (Operator(3, "g"), Operator(3, "h")), 4: (Operator(4, "lambda"), Operator(4, "mu"))}
CONTRACTED = [
    *(of(mixture) for mixture in MIXTURES),
    *EQUAL.values(),
    (*EQUAL[4], OPERATORS[6]),
    (*EQUAL[3], OPERATORS[4]),
    (*EQUAL[3], *EQUAL[4]),
]


@pytest.mark.parametrize(
    "operators", CONTRACTED, ids=lambda chosen: "+".join(operator.coupling for operator in chosen) or "free"
)
def test_the_engine_gives_what_contraction_gives(operators: tuple[Operator, ...]) -> None:
    for legs, _, order in cases(operators, 16):
        slow = dict(contraction.topologies(legs, operators, order))
        fast = list(DiagramClass(legs, operators, order).topologies())
        assert len(fast) == len(slow)
        assert set(fast) == set(slow), (legs, order)
        for each in fast:  # the groups that come with the arrays, and those found by search
            searched = Topology(each.operators, each.lines, each.pieces)
            assert searched.symmetries == each.symmetries, each


@pytest.fixture
def fresh_caches() -> Iterator[Callable[[], None]]:
    """Forget what was grown and settled, now, when called, and at the end."""

    def forget() -> None:
        connected._ROWS.clear()
        canonical.canonical_piece.cache_clear()
        topology.piece_symmetry.cache_clear()
        labelling._remembered.cache_clear()

    forget()
    yield forget
    forget()


ORDERED: list[Case] = [
    (4, of((3, 4)), (2, 2)),
    (2, of((4,)), (4,)),
    (4, of((3, 5)), (1, 1)),
    (2, EQUAL[4], (2, 1)),
    (6, of((4, 6)), (1, 1)),
]


def texts(case: Case, where: Filter = ALL) -> list[str]:
    chosen = DiagramClass(*case, where)
    return [repr(each) for each in chosen.topologies()] + [repr(one) for one in islice(chosen.diagrams(), 300)]


@pytest.mark.parametrize("case", ORDERED, ids=str)
@pytest.mark.parametrize("where", [ALL, ONE_PI], ids=repr)
def test_the_order_is_fixed(case: Case, where: Filter, fresh_caches: Callable[[], None]) -> None:
    first = texts(case, where)
    assert texts(case, where) == first  # from what was kept
    fresh_caches()
    for legs, operators, order in ORDERED[::-1]:  # other classes first
        list(DiagramClass(legs, operators, order).topologies())
    assert texts(case, where) == first
    fresh_caches()
    assert texts(case, where) == first


def test_the_order_does_not_depend_on_hashes() -> None:
    """Two interpreters with different seeds of string hashing."""
    program = (
        "from tests.test_engine_weights import ORDERED, texts\n"
        "for case in ORDERED[:4]: print(*texts(case)[:400], sep='\\n')"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    printed = [text for case in ORDERED[:4] for text in texts(case)[:400]]
    assert outputs[0] == "\n".join([*printed, ""])


def counting(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, begun: Counter[str] | None = None) -> Counter[str]:
    """Count what the generator function `owner.name` yields, under its name."""
    true = getattr(owner, name)
    seen: Counter[str] = Counter() if begun is None else begun

    def counted(*arguments: Any) -> Iterator[Any]:
        for item in true(*arguments):
            seen[name] += 1
            yield item

    monkeypatch.setattr(owner, name, counted)
    return seen


def test_the_first_diagram_does_not_exhaust_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = counting(monkeypatch, generation.DiagramClass, "_assembled")
    counting(monkeypatch, diagram, "attachments", seen)
    chosen = DiagramClass(6, of((4,)), (6,))
    assert topology_count(6, (4,), (6,)) > 3_000
    assert diagram_count(6, (4,), (6,)) > 300_000
    stream = chosen.diagrams()
    assert not seen  # nothing is done before the first is asked for
    first = next(stream)
    assert (seen["_assembled"], seen["attachments"]) == (1, 1)
    assert first.legs == 6
    some = list(islice(stream, 1000))
    assert seen["attachments"] == 1001 == 1 + len(set(some))
    assert seen["_assembled"] <= 1001


CHAIN = tuple((leg, 12 + vertex) for leg, vertex in enumerate((0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4))) + tuple(
    (12 + vertex, 13 + vertex) for vertex in range(4)
)
SIX_LINES = tuple((leg, leg + 1) for leg in range(0, 12, 2))
THREE_CONTACTS = tuple((leg, 12 + leg // 4) for leg in range(12))
TREES = {
    "chain": (OPERATORS[4], 5, CHAIN, 831_600),
    "lines": (OPERATORS[4], 0, SIX_LINES, 10_395),
    "contacts": (OPERATORS[4], 3, THREE_CONTACTS, 5_775),
    "star": (
        OPERATORS[6],
        3,
        (
            *((leg, 12) for leg in range(5)),
            *((leg, 13) for leg in range(5, 9)),
            *((leg, 14) for leg in range(9, 12)),
            *((12, 13), (13, 14), (14, 14)),
        ),
        None,
    ),
}


@pytest.mark.parametrize("name", TREES)
def test_the_first_of_many_labellings_is_immediate(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    operator, vertices, edges, number = TREES[name]
    labelling._remembered.cache_clear()
    seen = counting(monkeypatch, diagram, "attachments")
    counting(monkeypatch, labelling, "_patterns", seen)
    counting(monkeypatch, labelling, "_dealt", seen)
    shape = Diagram(12, (operator,) * vertices, edges).topology
    if number is not None:
        assert shape.labellings == number
    assert shape.labellings > 5_000
    stream = labelled_diagrams(shape)
    assert not seen
    next(stream)
    assert seen["attachments"] == 1
    assert sum(seen.values()) <= 50  # not thousands: a few calls inside each other for one labelling
    hundred = list(islice(stream, 100))
    assert len(set(hundred)) == 100
    assert seen["attachments"] == 101
