"""How many diagrams there are: Burnside's lemma, generation and enumeration agree; limits, and stopping on the way."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import product
from math import factorial
from typing import TYPE_CHECKING, Any

import pytest

from feyn_nn.action import Operator
from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs import burnside as burnside_module
from feyn_nn.graphs import connected, generation
from feyn_nn.graphs.burnside import connected_topology_count, diagram_count, topology_count
from feyn_nn.graphs.filters import ALL, CONNECTED, NO_VACUUM, ONE_PI, Filter
from feyn_nn.graphs.generation import MAX_HALF_EDGES, MAX_LEGS, MAX_TOPOLOGIES, ClassCount, DiagramClass
from tests.oracles import wick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from feyn_nn.graphs.topology import Topology

G, H, LAMBDA, MU, NU, ALPHA, KAPPA = (
    Operator(valence, name)
    for valence, name in (
        (3, "g"),
        (3, "h"),
        (4, "lambda"),
        (4, "mu"),
        (4, "nu"),
        (5, "alpha"),
        (6, "kappa"),
    )
)
ACTIONS = [
    (),
    (G,),
    (LAMBDA,),
    (ALPHA,),
    (KAPPA,),
    (Operator(7, "c7"), Operator(9, "c9")),
    (Operator(8, "c8"),),
    (G, LAMBDA),
    (G, ALPHA),
    (LAMBDA, KAPPA),
    (G, KAPPA),
    (LAMBDA, ALPHA),
    (G, H),
    (LAMBDA, MU),
    (LAMBDA, MU, NU),
    (G, LAMBDA, ALPHA),
]


def name_of(operators: tuple[Operator, ...]) -> str:
    return "+".join(operator.coupling for operator in operators) or "free"


def grid(operators: tuple[Operator, ...], most: int, legs: int = 6) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Legs and orders of up to `most` half-edges, odd numbers of them too."""
    for order in product(*(range(most // operator.valence + 1) for operator in operators)):
        size = sum(operator.valence * power for operator, power in zip(operators, order, strict=True))
        for n in range(legs + 1):
            if n + size <= most:
                yield n, order


def burnside(legs: int, operators: tuple[Operator, ...], order: tuple[int, ...]) -> tuple[int, int, int]:
    valences = tuple(operator.valence for operator in operators)
    return (
        topology_count(legs, valences, order),
        connected_topology_count(legs, valences, order),
        diagram_count(legs, valences, order),
    )


@pytest.fixture
def fresh_rows() -> Iterator[None]:
    connected._ROWS.clear()
    yield
    connected._ROWS.clear()


@pytest.mark.parametrize("operators", ACTIONS, ids=name_of)
def test_as_many_are_generated_as_are_counted(operators: tuple[Operator, ...]) -> None:
    checked = odd = 0
    for legs, order in grid(operators, 18):
        every = DiagramClass(legs, operators, order)
        counted = every.count()
        joined = DiagramClass(legs, operators, order, CONNECTED)
        assert (counted.topologies, joined.count().topologies, counted.diagrams) == burnside(legs, operators, order)
        assert every.estimate() == counted.topologies
        assert joined.estimate() == joined.count().topologies
        assert DiagramClass(legs, operators, order, ONE_PI).estimate() == joined.estimate()
        assert DiagramClass(legs, operators, order, NO_VACUUM).estimate() == every.estimate()
        checked += 1
        odd += every.half_edges % 2
        assert bool(counted.topologies) == (every.half_edges % 2 == 0)
    assert checked > odd >= 3


def test_the_counts_do_not_depend_on_how_operators_are_listed() -> None:
    """Order of the list, absent operators, and one valence written as two that are told apart or not."""
    for legs in range(0, 7, 2):
        forth, back = burnside(legs, (LAMBDA, KAPPA), (2, 1)), burnside(legs, (KAPPA, LAMBDA), (1, 2))
        assert forth == back == burnside(legs, (G, LAMBDA, ALPHA, KAPPA), (0, 2, 0, 1))
        assert burnside(legs, (LAMBDA, MU), (2, 0)) == burnside(legs, (LAMBDA,), (2,))
        for more, less in zip(burnside(legs, (LAMBDA, MU), (2, 1)), burnside(legs, (LAMBDA,), (3,)), strict=True):
            assert less < more <= 3 * less


WICK = [
    (legs, vertices)
    for vertices in (
        (),
        (G,),
        (LAMBDA,),
        (ALPHA,),
        (KAPPA,),
        (G, G),
        (G, H),
        (G, LAMBDA),
        (LAMBDA, LAMBDA),
        (LAMBDA, MU),
        (G, ALPHA),
        (G, G, LAMBDA),
        (G, G, H),
        (LAMBDA, KAPPA),
    )
    for legs in range(7)
    if legs + sum(vertex.valence for vertex in vertices) <= 11
]


@pytest.mark.parametrize(
    ("legs", "vertices"), WICK, ids=lambda value: str(value) if isinstance(value, int) else name_of(value)
)
def test_enumeration_of_all_contractions_gives_the_same_numbers(legs: int, vertices: tuple[Operator, ...]) -> None:
    kinds = [(vertex.valence, vertex.coupling) for vertex in vertices]
    enumerated = wick.labelled_diagrams(legs, kinds)
    operators = tuple(dict.fromkeys(vertices))
    order = tuple(vertices.count(operator) for operator in operators)
    every, _, labelled = burnside(legs, operators, order)
    assert labelled == len(enumerated)
    assert every == len(wick.classes_under_leg_swaps(legs, kinds, enumerated))
    made = list(DiagramClass(legs, operators, order).diagrams())
    assert {diagram.edges for diagram in made} == set(enumerated)
    assert len(made) == labelled


def test_known_sequences() -> None:
    """OEIS A129427 (multigraphs of degree four with loops), A005967 (connected cubic ones) without legs."""
    assert [topology_count(0, (4,), (order,)) for order in range(1, 8)] == [1, 3, 7, 20, 56, 187, 654]
    assert [connected_topology_count(0, (3,), (order,)) for order in range(2, 13, 2)] == [2, 5, 17, 71, 388, 2592]
    assert [diagram_count(legs, (), ()) for legs in range(0, 9, 2)] == [1, 1, 3, 15, 105]
    assert [topology_count(legs, (), ()) for legs in range(5)] == [1, 0, 1, 0, 1]
    assert [connected_topology_count(legs, (), ()) for legs in range(5)] == [0, 0, 1, 0, 0]


# --- estimates and limits ----------------------------------------------------------------------------------------


class StartedError(Exception):
    """Growing was begun."""


@pytest.fixture
def nothing_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*arguments: object) -> None:
        raise StartedError

    monkeypatch.setattr(generation, "ConnectedPieces", started)


HUGE = [
    (0, (LAMBDA,), (12,)),
    (4, (LAMBDA,), (12,)),
    (30, (LAMBDA,), (11,)),
    (2, (KAPPA,), (8,)),
    (4, (G,), (16,)),
    (8, (LAMBDA, KAPPA), (6, 4)),
    (100, (LAMBDA,), (12,)),
]


@pytest.mark.usefixtures("nothing_grows")
@pytest.mark.parametrize(("legs", "operators", "order"), HUGE, ids=str)
def test_an_explosion_is_refused_before_anything_grows(
    legs: int, operators: tuple[Operator, ...], order: tuple[int, ...]
) -> None:
    chosen = DiagramClass(legs, operators, order)
    assert chosen.estimate() > MAX_TOPOLOGIES
    calls: tuple[Callable[[], object], ...] = (
        chosen.topologies,
        chosen.diagrams,
        chosen.count,
        chosen.refuse_explosion,
        lambda: generation.topologies(legs, operators, order),
        lambda: generation.diagrams(legs, operators, order),
    )
    for call in calls:
        with pytest.raises(LimitError) as caught:
            call()
        message = str(caught.value)
        assert f"{legs} legs with {order[0]} of {operators[0]}" in message
        assert f"the limit of {MAX_TOPOLOGIES}" in message
        assert "some " in message
        assert "e" in message.partition("some ")[2].partition(" topologies")[0]
        assert "lower the order or the number of legs" in message


@pytest.mark.usefixtures("nothing_grows")
def test_the_callers_limit_is_exact() -> None:
    cases: list[tuple[int, tuple[Operator, ...], tuple[int, ...]]] = [
        (4, (LAMBDA,), (4,)),
        (2, (G, LAMBDA), (4, 1)),
        (0, (KAPPA,), (3,)),
        (6, (LAMBDA, MU), (1, 2)),
    ]
    for legs, operators, order in cases:
        for where in (ALL, CONNECTED):
            chosen = DiagramClass(legs, operators, order, where)
            number = chosen.estimate()
            with pytest.raises(LimitError, match=f"{number} topologies are more than the limit of {number - 1};"):
                chosen.count(limit=number - 1)
            with pytest.raises(StartedError):  # control: not refused
                chosen.count(limit=number)


def test_a_small_class_is_not_refused_and_a_limit_of_ones_own_lets_pass() -> None:
    chosen = DiagramClass(2, (LAMBDA,), (4,))
    assert chosen.count(limit=74) == chosen.count()
    assert len(list(chosen.topologies(limit=10**9))) == 74
    with pytest.raises(LimitError, match="74 topologies are more than the limit of 73"):
        chosen.topologies(limit=73)


def test_connected_classes_are_estimated_on_their_own() -> None:
    """Where all diagrams are too many, connected ones may be few."""
    chosen = (12, (LAMBDA,), (5,))
    every, joined = DiagramClass(*chosen), DiagramClass(*chosen, CONNECTED)
    assert joined.estimate() < every.estimate()
    joined.refuse_explosion(joined.estimate())
    with pytest.raises(LimitError):
        every.refuse_explosion(joined.estimate())
    assert joined.count().topologies == joined.estimate()


def test_the_estimate_never_understates_a_limit() -> None:
    """A bound is given only where it exceeds the limit; else the number is exact."""
    for legs, order in grid((LAMBDA, KAPPA), 28, 6):
        chosen = DiagramClass(legs, (LAMBDA, KAPPA), order)
        exact = topology_count(legs, (4, 6), order)
        estimate = chosen.estimate()
        assert estimate <= exact
        assert estimate == exact or estimate > MAX_TOPOLOGIES
        if exact > MAX_TOPOLOGIES:
            with pytest.raises(LimitError):
                chosen.refuse_explosion()
        else:
            chosen.refuse_explosion()


@pytest.mark.parametrize("limit", [1, 10, 1000, 10**5])
@pytest.mark.parametrize("operators", [(G,), (LAMBDA,), (KAPPA,), (G, LAMBDA), (LAMBDA, MU)], ids=name_of)
def test_the_shortcut_of_the_refusal_lets_nothing_pass(operators: tuple[Operator, ...], limit: int) -> None:
    for legs, order in grid(operators, 20, 6):
        for where in (ALL, CONNECTED):
            chosen = DiagramClass(legs, operators, order, where)
            try:
                chosen.refuse_explosion(limit)
            except LimitError:
                assert chosen.estimate() > limit
            else:
                assert chosen.estimate() <= limit


@pytest.mark.parametrize(
    ("legs", "operators", "order", "error", "message"),
    [
        (-1, (LAMBDA,), (1,), InputError, "-1 legs: expected zero or more"),
        (2, (LAMBDA,), (-1,), InputError, r"order \(-1,\): expected 1 numbers of vertices, zero or more"),
        (2, (LAMBDA,), (), InputError, r"order \(\): expected 1 numbers"),
        (2, (LAMBDA, KAPPA), (1,), InputError, r"order \(1,\): expected 2 numbers .* one for each operator"),
        (2, (), (1,), InputError, "expected 0 numbers"),
        (2, (LAMBDA, LAMBDA), (1, 1), InputError, r"lambda f\^4, lambda f\^4: each must stand there once"),
        (MAX_LEGS + 1, (), (), LimitError, f"{MAX_LEGS + 1} legs: at most {MAX_LEGS}"),
        (
            0,
            (LAMBDA,),
            (13,),
            LimitError,
            f"52 half-edges at the vertices: at most {MAX_HALF_EDGES} .* lower the order",
        ),
        (0, (LAMBDA,), (10**9,), LimitError, "lower the order"),
    ],
)
def test_wrong_classes_are_refused(
    legs: int,
    operators: tuple[Operator, ...],
    order: tuple[int, ...],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        DiagramClass(legs, operators, order)
    with pytest.raises(error, match=message):
        generation.topologies(legs, operators, order)


def test_the_largest_allowed_classes_are_accepted() -> None:
    assert DiagramClass(MAX_LEGS, (LAMBDA,), (0,)).count().topologies == 1
    assert DiagramClass(MAX_LEGS - 1, (LAMBDA,), (0,)).count() == ClassCount(0, 0, Fraction(0), Fraction(0))
    assert DiagramClass(0, (LAMBDA,), (MAX_HALF_EDGES // 4,)).half_edges == MAX_HALF_EDGES


@pytest.mark.parametrize(("legs", "order"), [(MAX_LEGS, 0), (MAX_LEGS, 1), (MAX_LEGS, 5), (70, 3)])
def test_legs_that_can_only_be_joined_to_each_other_cost_nothing(
    legs: int, order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permutations of 100 legs have 190 million cycle types, but more legs than half-edges add only lines."""
    true, made = burnside_module._partitions, [0]

    def few(size: int, largest: int) -> Iterator[tuple[tuple[int, int], ...]]:
        for each in true(size, largest):
            made[0] += 1
            assert made[0] < 200_000, "estimating goes through too many cycle types"
            yield each

    monkeypatch.setattr(burnside_module, "_partitions", few)
    number = topology_count(4 * order, (4,), (order,))
    assert DiagramClass(legs, (LAMBDA,), (order,)).estimate() == number


# --- watching ----------------------------------------------------------------------------------------------------

WATCHED: list[tuple[int, tuple[Operator, ...], tuple[int, ...], Filter]] = [
    (4, (LAMBDA,), (4,), ALL),
    (2, (LAMBDA,), (5,), ONE_PI),
    (4, (G, LAMBDA), (2, 2), ALL),
    (2, (LAMBDA, MU), (2, 2), NO_VACUUM),
    (4, (G,), (6,), CONNECTED),
    (4, (LAMBDA,), (4,), Filter.of("any", lambda topology: True)),
]


@pytest.mark.usefixtures("fresh_rows")
@pytest.mark.parametrize("case", WATCHED, ids=str)
def test_the_watch_is_called_from_the_beginning_to_the_end(
    case: tuple[int, tuple[Operator, ...], tuple[int, ...], Filter],
) -> None:
    calls: list[int] = []
    for _ in DiagramClass(*case).topologies(calls.append):
        assert calls
    assert len(calls) > 5
    later = [found for found in calls if found]  # growing pieces meanwhile reports 0
    assert later == sorted(set(later))
    assert calls[0] == 0
    total = DiagramClass(*case[:3], ALL if not case[3].piecewise.connected else CONNECTED).estimate()
    assert max(calls) <= total
    if case[3] == ALL:
        assert max(calls) == (total - 1) // 256 * 256


@pytest.mark.usefixtures("fresh_rows")
@pytest.mark.parametrize("case", WATCHED, ids=str)
@pytest.mark.parametrize("error", [LimitError, KeyboardInterrupt, InputError])
def test_a_watch_may_stop_the_work_at_any_time(
    case: tuple[int, tuple[Operator, ...], tuple[int, ...], Filter], error: type[BaseException]
) -> None:
    """What is left after a stop, at every third of the places where it can come, does not spoil the next run."""
    chosen = DiagramClass(*case)
    calls: list[int] = []
    whole = list(chosen.topologies(calls.append))
    count = chosen.count()
    for stop in range(0, len(calls), max(1, len(calls) // 40)):
        connected._ROWS.clear()
        left = [stop]

        def watch(found: int, left: list[int] = left) -> None:
            if not left[0]:
                raise error("enough")
            left[0] -= 1

        before: list[Topology] = []
        with pytest.raises(error, match="enough"):
            before.extend(chosen.topologies(watch))
        assert before == whole[: len(before)]
        assert list(chosen.topologies()) == whole
    assert chosen.count() == count


def test_stopping_while_counting_and_labelling() -> None:
    chosen = DiagramClass(4, (LAMBDA,), (6,))

    def watch(found: int) -> None:
        if found >= 256:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        chosen.count(watch)
    made: list[object] = []
    with pytest.raises(KeyboardInterrupt):
        made.extend(chosen.diagrams(watch))
    assert len(made) == sum(each.labellings for _, each in zip(range(256), chosen.topologies(), strict=False))
    assert chosen.count().topologies == chosen.estimate() > 256


def test_a_stream_that_is_dropped_leaves_no_trace() -> None:
    chosen = DiagramClass(2, (LAMBDA,), (4,))
    whole = list(chosen.topologies())
    stream = chosen.topologies()
    assert next(stream) == whole[0]
    stream.close()  # type: ignore[attr-defined]
    both: list[Any] = list(zip(chosen.topologies(), chosen.topologies(), strict=True))  # two at a time
    assert both == list(zip(whole, whole, strict=True))
    assert Counter(whole) == Counter(chosen.topologies())
    assert sum(each.labellings for each in whole) <= factorial(2) * len(whole)
