"""Components, cumulants, irreducible blocks, skeletons: taking apart and putting together, and the laws of the weights."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import permutations
from math import factorial, prod
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feyn_nn.action import Action, Operator
from feyn_nn.errors import InputError
from feyn_nn.graphs import Diagram, diagrams_of, representative
from feyn_nn.graphs.decomposition import (
    components_weight,
    connected_components,
    cumulant_expansion,
    exact_propagator_expansion,
    join_components,
    moment_diagrams,
    moment_expansion,
    one_pi_decomposition,
)
from feyn_nn.graphs.filters import CONNECTED, NO_VACUUM, ONE_PI, Filter
from feyn_nn.graphs.zero_dimensional import ZeroDimensionalTheory
from tests.oracles.contraction import topologies
from tests.oracles.filter_definitions import components

if TYPE_CHECKING:
    from feyn_nn.graphs.series import Series

MIXED = Action.parse("g f^3 + lambda f^4")
G, LAMBDA = MIXED.operators
ZERO = Fraction(0)


@cache
def labelled(legs: int, order: tuple[int, ...]) -> tuple[Diagram, ...]:
    return tuple(d for topology, _ in topologies(legs, MIXED.operators, order) for d in diagrams_of(topology))


@cache
def connected_diagrams(legs: int, order: tuple[int, ...]) -> tuple[Diagram, ...]:
    return tuple(diagram for diagram in labelled(legs, order) if CONNECTED(diagram.topology))


CLASSES = [(legs, order) for legs in range(5) for order in MIXED.orders(2)]


@pytest.mark.parametrize(("legs", "order"), CLASSES)
def test_components_are_those_of_the_graph_and_join_to_the_diagram(legs: int, order: tuple[int, ...]) -> None:
    for diagram in labelled(legs, order):
        parts = connected_components(diagram)
        size = legs + len(diagram.vertices)
        expected = [tuple(sorted(node for node in c if node < legs)) for c in components(size, diagram.edges)]
        assert sorted(legs for legs, _ in parts) == sorted(expected)
        assert all(CONNECTED(part.topology) for _, part in parts)
        assert join_components(parts) == join_components(reversed(parts)) == diagram
        assert components_weight(parts) == diagram.coefficient


@pytest.mark.parametrize(("legs", "order"), CLASSES)
@pytest.mark.parametrize("vacuum", [False, True])
def test_moments_are_put_together_from_connected_diagrams(legs: int, order: tuple[int, ...], vacuum: bool) -> None:
    """Every diagram once: none is missing, none comes twice."""
    made = list(moment_diagrams(legs, order, connected_diagrams, vacuum=vacuum))
    wanted = [d for d in labelled(legs, order) if vacuum or NO_VACUUM(d.topology)]
    assert len(made) == len(set(made))
    assert set(made) == set(wanted)


def test_repeated_vacuum_components_are_counted_once() -> None:
    eight = Diagram(0, (LAMBDA,), ((0, 0), (0, 0)))
    twice = join_components([((), eight), ((), eight)])
    assert twice.coefficient == eight.coefficient**2 / 2 == components_weight(connected_components(twice))
    assert list(moment_diagrams(0, (0, 2), connected_diagrams, vacuum=True)).count(twice) == 1


@pytest.mark.parametrize(
    "parts",
    [
        [((0,), Diagram(1, (G,), ((0, 1), (1, 1)))), ((0,), Diagram(1, (G,), ((0, 1), (1, 1))))],
        [((0, 2), Diagram(2, (), ((0, 1),)))],
        [((0,), Diagram(2, (), ((0, 1),)))],
    ],
)
def test_components_must_share_out_the_legs(parts: list[tuple[tuple[int, ...], Diagram]]) -> None:
    with pytest.raises(InputError, match="each once"):
        join_components(parts)


def evaluate(
    expansion: tuple[tuple[tuple[tuple[int, ...], ...], int], ...], values: dict[tuple[int, ...], Fraction]
) -> Fraction:
    return sum(
        (sign * prod((values[block] for block in blocks), start=Fraction(1)) for blocks, sign in expansion), ZERO
    )


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.integers(1, 5), st.randoms(use_true_random=False))
def test_moments_and_cumulants_are_inverse(n: int, source: object) -> None:
    """Cumulants of each subset of the fields from arbitrary moments, and the moment back from them."""
    subsets = [tuple(i for i in range(n) if mask >> i & 1) for mask in range(1, 2**n)]
    moments = {subset: Fraction(source.randint(-9, 9)) for subset in subsets}  # type: ignore[attr-defined]

    def within(subset: tuple[int, ...], values: dict[tuple[int, ...], Fraction]) -> dict[tuple[int, ...], Fraction]:
        """The values on subsets of `subset`, their fields renumbered from zero."""
        place = {field: index for index, field in enumerate(subset)}
        return {tuple(map(place.__getitem__, s)): v for s, v in values.items() if set(s) <= set(subset)}

    cumulants = {s: evaluate(cumulant_expansion(len(s)), within(s, moments)) for s in subsets}
    for s in subsets:
        assert evaluate(moment_expansion(len(s)), within(s, cumulants)) == moments[s]


def test_cumulants_of_independent_fields_vanish() -> None:
    """Signs matter: fields 0 and 1 independent of 2 and 3."""
    moment = {(0,): 2, (1,): 3, (0, 1): 11, (2,): 5, (3,): 7, (2, 3): -4}
    values = {}
    for mask in range(1, 16):
        subset = tuple(i for i in range(4) if mask >> i & 1)
        halves = [tuple(i for i in subset if i < 2), tuple(i for i in subset if i > 1)]
        values[subset] = Fraction(prod(moment[half] for half in halves if half))
    assert evaluate(cumulant_expansion(4), values) == 0
    assert evaluate(tuple((blocks, 1) for blocks, _ in cumulant_expansion(4)), values) != 0
    with pytest.raises(InputError, match="cumulant of 0 fields"):
        cumulant_expansion(0)


@pytest.mark.parametrize("n", range(1, 5))
def test_the_cumulant_of_diagrams_is_the_connected_ones(n: int) -> None:
    """Signed products of moments without vacuum parts add up, at each order, to the connected diagrams."""
    for order in MIXED.orders(2):
        total = ZERO
        for blocks, sign in cumulant_expansion(n):
            series: Series = {(0, 0): Fraction(1)}
            for block in blocks:
                moment = {p: weight(len(block), p, NO_VACUUM) for p in MIXED.orders(2)}
                series = times(series, moment)
            total += sign * series.get(order, ZERO)
        assert total == weight(n, order, CONNECTED)


def weight(legs: int, order: tuple[int, ...], chosen: Filter) -> Fraction:
    return sum((d.coefficient for d in labelled(legs, order) if chosen(d.topology)), ZERO)


def times(a: Series, b: Series) -> Series:
    result: Series = {}
    for p, left in a.items():
        for q, right in b.items():
            order = tuple(i + j for i, j in zip(p, q, strict=True))
            result[order] = result.get(order, ZERO) + left * right
    return result


def bridge_permutations(diagram: Diagram) -> int:
    """In how many ways automorphisms that fix the legs permute the ends of bridges: all permutations of vertices are tried."""
    n, size = diagram.legs, len(diagram.vertices)

    def moved(line: tuple[int, int], image: tuple[int, ...]) -> tuple[int, int]:
        a, b = (node if node < n else image[node - n] for node in line)
        return a, b

    found = set()
    bridges = [
        line
        for line in diagram.edges
        if line[0] >= n
        and diagram.edges.count(line) == 1
        and len(components(n + size, [other for other in diagram.edges if other != line])) == 2
    ]
    for image in permutations(range(n, n + size)):
        kinds = all(diagram.vertices[v] == diagram.vertices[w - n] for v, w in enumerate(image))
        if kinds and sorted(tuple(sorted(moved(line, image))) for line in diagram.edges) == sorted(diagram.edges):
            found.add(tuple(moved(line, image) for line in bridges))
    return len(found)


@pytest.mark.parametrize("legs", range(5))
def test_a_connected_diagram_is_a_tree_of_irreducible_blocks(legs: int) -> None:
    most = symmetric = 0
    for order in MIXED.orders(3 if legs > 2 else 4):
        for topology, _ in topologies(legs, MIXED.operators, order):
            if not CONNECTED(topology) or not topology.pieces:
                continue
            diagram = representative(topology)
            tree = one_pi_decomposition(diagram)
            assert all(ONE_PI(block.diagram.topology) for block in tree.blocks)
            assert (len(tree.blocks) == 1) is ONE_PI(topology)
            # a tree: connected, one bridge less than blocks
            assert len(tree.bridges) == len(tree.blocks) - 1
            assert len(components(len(tree.blocks), tree.bridges)) == 1
            # every leg in one block; every bridge in the two blocks that it joins
            assert sorted(leg for block in tree.blocks for leg in block.legs) == list(range(legs))
            for number, pair in enumerate(tree.bridges):
                assert {i for i, block in enumerate(tree.blocks) if number in block.bridges} == set(pair)
            assert tree.glue() == diagram
            weights = prod((block.diagram.coefficient for block in tree.blocks), start=Fraction(1))
            assert diagram.coefficient * bridge_permutations(diagram) == weights
            assert tree.bridge_symmetry == bridge_permutations(diagram)
            if legs and all(len(block.legs) + len(block.bridges) > 1 for block in tree.blocks):
                assert tree.bridge_symmetry == 1  # no tadpoles
            most = max(most, len(tree.blocks))
            symmetric += tree.bridge_symmetry > 1
    assert most >= 3
    assert symmetric or legs > 2


def test_two_equal_tadpoles_can_be_exchanged() -> None:
    diagram = Diagram(2, (LAMBDA, G, G), ((0, 2), (1, 2), (2, 3), (2, 4), (3, 3), (4, 4)))
    tree = one_pi_decomposition(diagram)
    assert len(tree.blocks) == 3
    assert tree.bridge_symmetry == 2
    assert prod(block.diagram.coefficient for block in tree.blocks) == factorial(4) * 3 * 3 == 2 * diagram.coefficient


@pytest.mark.parametrize(
    "diagram",
    [
        Diagram(2, (), ((0, 1),)),
        Diagram(0, (), ()),
        Diagram(2, (G, G), ((0, 2), (1, 3), (2, 2), (3, 3))),
        Diagram(2, (LAMBDA,), ((0, 1), (2, 2), (2, 2))),
    ],
)
def test_only_connected_diagrams_with_vertices_have_blocks(diagram: Diagram) -> None:
    with pytest.raises(InputError, match="expected a connected diagram with a vertex"):
        one_pi_decomposition(diagram)


def test_connected_four_point_diagrams_are_trees_of_irreducible_ones() -> None:
    """kappa_4 = kappa_2^4 (Gamma_4 + 3 Gamma_3 kappa_2 Gamma_3), the trees of irreducible diagrams, with <f> = 0."""
    theory = ZeroDimensionalTheory((4, 6), (3, 1))
    two_point = theory.connected(2)
    trees = theory.one_pi(4)
    for _ in range(4):
        trees = times(trees, two_point)
    assert all(trees[order] == value for order, value in theory.connected(4).items())


@pytest.mark.parametrize("legs", [2, 4, 6])
@pytest.mark.parametrize(("valences", "maxima"), [((4,), (5,)), ((4, 6), (3, 2)), ((6,), (3,)), ((8, 4), (1, 3))])
def test_skeletons_with_the_full_propagator_are_all_connected_diagrams(
    legs: int, valences: tuple[int, ...], maxima: tuple[int, ...]
) -> None:
    restored, connected = exact_propagator_expansion(legs, valences, maxima)
    assert restored == connected
    bare = ZeroDimensionalTheory(valences, maxima).skeleton_cumulants(legs)
    assert bare != connected  # control: with K itself on the lines something is missing


def test_overlapping_tadpoles_are_refused() -> None:
    with pytest.raises(InputError, match=r"operator f\^3: .*even operators only"):
        exact_propagator_expansion(4, (4, 3), (2, 2))


def test_blocks_of_high_valence() -> None:
    star = Diagram(
        6,
        (Operator(6, "kappa"), *(LAMBDA,) * 2),
        (*((i, 6) for i in range(4)), (6, 7), (6, 8), (4, 7), (7, 7), (5, 8), (8, 8)),
    )
    tree = one_pi_decomposition(star)
    assert sorted(len(block.diagram.vertices) for block in tree.blocks) == [1, 1, 1]
    assert sorted(block.legs for block in tree.blocks) == [(0, 1, 2, 3), (4,), (5,)]
