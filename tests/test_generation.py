"""The generator against Wick's theorem by enumeration: every diagram, its factor, nothing twice, nothing missing."""

from __future__ import annotations

import random
from math import factorial, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feyn_nn.action import Operator
from feyn_nn.combinatorics import pairing_count
from feyn_nn.errors import CompletenessError, InputError, LimitError
from feyn_nn.graphs import Diagram, DiagramClass, Topology, diagrams_of, generation, smallest_edges, topologies
from tests.oracles import brute_force, contraction, wick
from tests.oracles.diagram_samples import paired_classes

G, LAMBDA, MU, ALPHA, KAPPA = (
    Operator(k, name) for k, name in ((3, "g"), (4, "lambda"), (4, "mu"), (5, "alpha"), (6, "kappa"))
)
SETS = [
    (),
    (G,),
    (LAMBDA,),
    (ALPHA,),
    (KAPPA,),
    (G, G),
    (G, LAMBDA),
    (G, ALPHA),
    (LAMBDA, LAMBDA),
    (LAMBDA, MU),
    (LAMBDA, ALPHA),
    (LAMBDA, KAPPA),
    (ALPHA, ALPHA),
    (KAPPA, KAPPA),
    (G, G, G),
    (G, G, LAMBDA),
    (G, G, KAPPA),
    (LAMBDA, LAMBDA, MU),
    (G, G, G, G),
]
CLASSES = paired_classes(SETS, 6, 12)


def kinds_of(vertices: tuple[Operator, ...]) -> list[brute_force.Kind]:
    return [(vertex.valence, vertex.coupling) for vertex in vertices]


def found(legs: int, vertices: tuple[Operator, ...]) -> list[Topology]:
    operators = tuple(dict.fromkeys(vertices)) or (LAMBDA,)
    return list(topologies(legs, operators, [vertices.count(op) for op in operators]))


@pytest.mark.parametrize(("legs", "vertices"), CLASSES, ids=lambda value: str(value) if isinstance(value, int) else "")
def test_topologies_are_the_classes_of_all_contractions(legs: int, vertices: tuple[Operator, ...]) -> None:
    kinds = kinds_of(vertices)
    contractions = wick.labelled_diagrams(legs, kinds)
    assert sum(contractions.values()) == pairing_count(legs + sum(valence for valence, _ in kinds))
    identical = prod(factorial(vertices.count(operator)) for operator in set(vertices))
    classes = {frozenset(group) for group in wick.classes_under_leg_swaps(legs, kinds, contractions)}
    generated = set()
    for topology in found(legs, vertices):
        diagrams = diagrams_of(topology)
        group = frozenset(diagram.edges for diagram in diagrams)
        assert len(group) == len(diagrams) == topology.labellings
        for diagram in diagrams:
            assert diagram.coefficient * identical == contractions[diagram.edges]
        assert topology.multiplicity * identical == sum(contractions[lines] for lines in group)
        assert smallest_edges(topology, topology.operators)[0] == min(group)
        generated.add(group)
    assert generated == classes
    assert len(generated) == len(found(legs, vertices))


@pytest.mark.parametrize(("legs", "vertices"), [c for c in CLASSES if len(set(c[1])) > 1 and c[0] <= 5])
def test_smallest_edges_with_the_operators_in_the_other_order(legs: int, vertices: tuple[Operator, ...]) -> None:
    backwards = tuple(sorted(set(vertices), reverse=True))
    for topology in found(legs, vertices):
        edges, numbered = smallest_edges(topology, backwards)
        assert numbered == tuple(sorted(vertices, reverse=True))
        some = diagrams_of(topology)[0]
        kinds, moved = brute_force.regrouped(legs, kinds_of(some.vertices), some.edges, kinds_of(backwards))
        assert edges == brute_force.smallest_lines(legs, kinds, moved)


def test_couplings_of_equal_valence_are_different_vertices() -> None:
    """lambda and mu both with f^4: the bubble with one of each has no exchange symmetry, and twice the labellings."""
    both, same = found(4, (LAMBDA, MU)), found(4, (LAMBDA, LAMBDA))
    assert len(both) > len(same)
    assert sum(t.multiplicity for t in both) == 2 * sum(t.multiplicity for t in same) == pairing_count(12)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([(LAMBDA,) * 3, (G, G, LAMBDA), (LAMBDA, LAMBDA, KAPPA)]))
def test_swapping_two_legs_changes_a_diagram_exactly_when_they_differ(
    rng: random.Random, vertices: tuple[Operator, ...]
) -> None:
    owners = wick.half_edges(4, kinds_of(vertices))
    rng.shuffle(owners)
    lines = list(zip(owners[::2], owners[1::2], strict=True))
    diagram = Diagram(4, vertices, tuple(lines))
    a, b = rng.sample(range(4), 2)
    swap = list(range(4 + len(vertices)))
    swap[a], swap[b] = b, a
    swapped = Diagram(4, vertices, tuple((swap[i], swap[j]) for i, j in lines))
    kinds = kinds_of(vertices)
    unchanged = brute_force.canonical_lines(4, kinds, lines) == brute_force.canonical_lines(
        4, kinds, brute_force.renamed(lines, swap)
    )
    assert (swapped == diagram) == unchanged
    assert swapped.topology == diagram.topology


@pytest.mark.parametrize(
    ("legs", "operators", "order"),
    [(0, [LAMBDA], [4]), (2, [LAMBDA], [4]), (6, [LAMBDA, KAPPA], [2, 1]), (5, [G, LAMBDA], [3, 1]), (3, [G], [5])],
)
def test_weights_add_up_where_enumeration_is_too_slow(legs: int, operators: list[Operator], order: list[int]) -> None:
    result = list(topologies(legs, operators, order))
    half_edges = legs + sum(op.valence * p for op, p in zip(operators, order, strict=True))
    identical = prod(factorial(p) for p in order)
    assert sum(topology.multiplicity for topology in result) * identical == pairing_count(half_edges)
    assert len(set(result)) == len(result)
    for topology in result:
        assert topology.legs == legs
        assert topology.order([op.coupling for op in operators]) == tuple(order)
        assert topology.labellings * topology.automorphisms == factorial(legs) * topology.internal_automorphisms
    contractions = dict(contraction.topologies(legs, operators, order))
    assert set(result) == set(contractions)
    assert all(topology.multiplicity * identical == contractions[topology] for topology in result)


def test_the_order_of_operators_does_not_matter() -> None:
    forth, back = list(topologies(4, [G, KAPPA], [2, 1])), list(topologies(4, [KAPPA, G], [1, 2]))
    assert forth
    assert forth == back
    assert list(topologies(4, [LAMBDA, KAPPA], [2, 0])) == list(topologies(4, [LAMBDA], [2]))


def test_the_sequence_is_the_same_every_time() -> None:
    once, again = list(topologies(4, [LAMBDA, KAPPA], [2, 1])), list(topologies(4, [LAMBDA, KAPPA], [2, 1]))
    assert len(once) > 100
    assert once == again


def test_negative_legs_and_explosions_are_refused_before_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*arguments: object) -> None:
        raise AssertionError("generation was started")

    monkeypatch.setattr(generation, "ConnectedPieces", work)
    with pytest.raises(InputError, match="-1 legs"):
        topologies(-1, [LAMBDA], [1])
    for legs, order in ((0, 12), (12, 10), (4, 20), (0, 100), (4, 5000)):
        with pytest.raises(LimitError, match="lower the order"):
            topologies(legs, [LAMBDA], [order])
    started = topologies(4, [LAMBDA], [2])
    with pytest.raises(AssertionError, match="was started"):
        next(started)


@pytest.mark.parametrize("legs", [0, 2, 4])
def test_the_estimate_is_the_number_of_topologies_and_the_limit_is_on_it(legs: int) -> None:
    for order in range(5):
        diagrams = DiagramClass(legs, (LAMBDA,), (order,))
        number = diagrams.estimate()
        assert number == len(list(diagrams.topologies(limit=number)))
        with pytest.raises(LimitError, match=f"the limit of {number - 1}"):
            diagrams.topologies(limit=number - 1)


@pytest.mark.parametrize("factor", [0, 2])
def test_the_oracle_notices_a_wrong_number_of_ways(monkeypatch: pytest.MonkeyPatch, factor: int) -> None:
    """Mutation control of the oracle: one of its moves forgotten or counted twice."""
    true_contract = contraction._contract
    broken: list[contraction._State] = []

    def contract(state: contraction._State, valences: tuple[int, ...]) -> list[tuple[contraction._State | None, int]]:
        moves = list(true_contract(state, valences))
        if not broken and len(moves) > 1:
            broken.append(state)
            moves = [*moves[1:], *([moves[0]] * factor)]
        return moves

    monkeypatch.setattr(contraction, "_contract", contract)
    with pytest.raises(CompletenessError, match="defect of the generator"):
        contraction.topologies(4, [LAMBDA], [2])
    assert broken
