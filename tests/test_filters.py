"""The standard filters against their definitions, line by line and subset by subset, and how filters compose."""

from __future__ import annotations

import random
from itertools import combinations

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feyn_nn.action import Action, Operator
from feyn_nn.errors import InputError
from feyn_nn.graphs import Diagram, Topology, diagrams_of, representative
from feyn_nn.graphs.connectivity import bridges, component_masks, cut_tree, neighbour_masks
from feyn_nn.graphs.filters import (
    ALL,
    AMPUTATED,
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

EMPTY = Topology.from_pieces((), 0, ())
FREE_LINE = Topology.from_pieces((), 1, ())
G, LAMBDA, ALPHA, KAPPA = (Operator(k, name) for k, name in ((3, "g"), (4, "lambda"), (5, "alpha"), (6, "kappa")))


def every_topology(text: str, legs: int, vertices: int) -> list[Topology]:
    action = Action.parse(text)
    return [t for order in action.orders(vertices) for t, _ in topologies(legs, action.operators, order)]


SOME = every_topology("g f^3 + lambda f^4", 2, 3)


def kept_by_definition(name: str, diagram: Diagram) -> bool:
    return DEFINITIONS[name](diagram.legs, len(diagram.vertices), diagram.edges)


@pytest.mark.parametrize(
    ("text", "vertices", "largest"),
    [
        ("lambda f^4", 4, 4),
        ("g f^3", 5, 4),
        ("g f^3 + lambda f^4", 3, 4),
        ("g f^3 + alpha f^5", 3, 3),
        ("kappa f^6", 3, 4),
    ],
)
def test_filters_agree_with_their_definitions(text: str, vertices: int, largest: int) -> None:
    seen = set()
    for legs in range(largest + 1):
        for topology in every_topology(text, legs, vertices):
            diagram = representative(topology)
            for name, each in STANDARD_FILTERS.items():
                verdict = each(topology)
                assert verdict is kept_by_definition(name, diagram), (name, diagram)
                seen.add((name, verdict))
    assert seen == {(name, verdict) for name in STANDARD_FILTERS for verdict in (True, False)}


@st.composite
def large_diagrams(draw: st.DrawFn) -> Diagram:
    """Random Wick contractions with up to seven vertices, connected or not."""
    vertices = tuple(draw(st.lists(st.sampled_from([G, LAMBDA, ALPHA]), min_size=4, max_size=7)))
    legs = draw(st.integers(0, 4).filter(lambda n: (n + sum(v.valence for v in vertices)) % 2 == 0))
    ends = [*range(legs), *(legs + i for i, v in enumerate(vertices) for _ in range(v.valence))]
    random.Random(draw(st.integers(0, 10**6))).shuffle(ends)
    return Diagram(legs, vertices, tuple((min(pair), max(pair)) for pair in zip(ends[::2], ends[1::2], strict=True)))


@settings(max_examples=150, derandomize=True, deadline=None)
@given(large_diagrams())
def test_filters_agree_with_their_definitions_on_large_diagrams(diagram: Diagram) -> None:
    for name, each in STANDARD_FILTERS.items():
        assert each(diagram.topology) is kept_by_definition(name, diagram), name


def test_filters_do_not_depend_on_labels() -> None:
    for topology in every_topology("lambda f^4", 4, 2):
        for each in STANDARD_FILTERS.values():
            assert {each(diagram.topology) for diagram in diagrams_of(topology)} == {each(topology)}


def double_scoop(legs: int) -> Diagram:
    """Legs and a double line at one vertex, the other end of the double line closed by a self-loop."""
    lines = [*((leg, legs) for leg in range(legs)), (legs, legs + 1), (legs, legs + 1), (legs + 1, legs + 1)]
    return Diagram(legs, (Operator(legs + 2, "h"), LAMBDA), tuple(lines))


@pytest.mark.parametrize(
    ("diagram", "dropped_by"),
    [
        (Diagram(2, (), ((0, 1),)), ""),
        (Diagram(0, (), ()), "connected one-pi"),
        (Diagram(4, (), ((0, 1), (2, 3))), "connected one-pi"),
        (Diagram(4, (LAMBDA,), ((0, 4), (1, 4), (2, 4), (3, 4))), ""),
        # the tree exchange is reducible, but neither line of it cuts off a single leg
        (Diagram(4, (G, G), ((0, 4), (1, 4), (2, 5), (3, 5), (4, 5))), "one-pi"),
        # a chain of two quartic self-loops
        (
            Diagram(2, (LAMBDA, LAMBDA), ((0, 2), (1, 3), (2, 2), (2, 3), (3, 3))),
            "one-pi no-self-loops no-snails no-propagator-corrections amputated",
        ),
        # a self-loop on a sextic vertex with four legs is no propagator correction, but a snail
        (Diagram(4, (KAPPA,), ((0, 4), (1, 4), (2, 4), (3, 4), (4, 4))), "no-self-loops no-snails"),
        # the one-loop tadpole: the only one-leg diagram at this order, kept by QGRAF's nosnail
        (Diagram(1, (G,), ((0, 1), (1, 1))), "no-self-loops"),
        # two self-loops at the vertex of the only leg, and a self-loop at the end of a double line
        (Diagram(1, (ALPHA,), ((0, 1), (1, 1), (1, 1))), "no-self-loops no-snails"),
        (double_scoop(1), "no-self-loops no-snails no-propagator-corrections"),
        (double_scoop(2), "no-self-loops no-snails no-propagator-corrections"),
        # a tadpole with a neck hangs on one vertex; its neck is a line that cuts off no leg
        (
            Diagram(2, (G, G), ((0, 2), (1, 2), (2, 3), (3, 3))),
            "one-pi no-self-loops no-snails no-propagator-corrections",
        ),
        # a snail without self-loop: three lines between two vertices that hang on a third
        (
            Diagram(2, (LAMBDA,) * 3, ((0, 2), (1, 2), (2, 3), (2, 4), (3, 4), (3, 4), (3, 4))),
            "no-snails no-propagator-corrections",
        ),
        # the sunset
        (Diagram(2, (LAMBDA, LAMBDA), ((0, 2), (1, 3), (2, 3), (2, 3), (2, 3))), "no-propagator-corrections"),
        # vacuum: the figure eight falls in two at its vertex, the basketball does not
        (Diagram(0, (LAMBDA,), ((0, 0), (0, 0))), "no-vacuum no-self-loops no-snails"),
        (Diagram(0, (LAMBDA, LAMBDA), ((0, 1),) * 4), "no-vacuum"),
        # a line beside a vacuum component
        (Diagram(2, (LAMBDA,), ((0, 1), (2, 2), (2, 2))), "connected one-pi no-vacuum no-self-loops no-snails"),
        # two tadpoles with one leg each: admissible components of a disconnected diagram
        (Diagram(2, (G, G), ((0, 2), (1, 3), (2, 2), (3, 3))), "connected one-pi no-self-loops"),
    ],
)
def test_known_diagrams(diagram: Diagram, dropped_by: str) -> None:
    dropped = [name for name, each in STANDARD_FILTERS.items() if not each(diagram.topology)]
    assert sorted(dropped) == sorted(dropped_by.split())


def test_numbers_of_other_generators() -> None:
    """f^3 + f^4, as FORM's generator and QGRAF count: 24 and 240 connected topologies with two legs and two or three loops
    (form-dev/form, pull request 716), 55 labelled four-leg diagrams with one loop and no snails or tadpoles, 39 of them
    without self-energies on external legs (issue 713 there).
    """
    two_legs = {loops: at_loops(2, loops) for loops in (2, 3)}
    assert {loops: sum(map(CONNECTED, found)) for loops, found in two_legs.items()} == {2: 24, 3: 240}
    four_legs = at_loops(4, 1)
    counts = [
        sum(t.labellings for t in four_legs if chosen(t))
        for chosen in (CONNECTED & NO_SNAILS, CONNECTED & NO_SNAILS & AMPUTATED)
    ]
    assert counts == [55, 39]


def at_loops(legs: int, loops: int) -> list[Topology]:
    """The topologies whose connected ones have this number of loops."""
    fixed = legs + 2 * (loops - 1)  # cubic + 2 quartic vertices
    orders = [(fixed - 2 * quartic, quartic) for quartic in range(fixed // 2 + 1)]
    return [t for order in orders for t, _ in topologies(legs, (G, LAMBDA), order)]


def test_what_follows_from_what() -> None:
    for legs in range(5):
        for topology in every_topology("g f^3 + lambda f^4", legs, 3):
            if ONE_PI(topology):
                assert CONNECTED(topology)
                assert AMPUTATED(topology)
            if NO_PROPAGATOR_CORRECTIONS(topology):
                assert AMPUTATED(topology)
            if NO_SNAILS(topology) and legs >= 2 and CONNECTED(topology):
                assert NO_SELF_LOOPS(topology)


def test_the_exact_propagator_has_no_diagrams_but_the_free_line() -> None:
    for text in ("lambda f^4 + kappa f^6", "g f^3 + lambda f^4"):
        kept = [t for t in every_topology(text, 2, 3) if (CONNECTED & NO_PROPAGATOR_CORRECTIONS)(t)]
        assert kept == [FREE_LINE]


@settings(max_examples=30, derandomize=True, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(STANDARD_FILTERS)), max_size=4),
    st.lists(st.sampled_from(sorted(STANDARD_FILTERS)), max_size=4),
)
def test_conjunction_is_that_of_the_predicates(left: list[str], right: list[str]) -> None:
    a, b = ALL, ALL
    for name in left:
        a &= STANDARD_FILTERS[name]
    for name in right:
        b &= STANDARD_FILTERS[name]
    assert a & b == b & a
    assert a & b & a == a & b
    assert hash(a & b) == hash(b & a)
    assert (a & b).standard_parts == frozenset(STANDARD_FILTERS[name] for name in left + right)
    assert (a & b).rest == ()
    for topology in SOME:
        assert (a & b)(topology) is all(STANDARD_FILTERS[name](topology) for name in left + right)
        assert (a & b).piecewise.accepts(topology) is (a & b)(topology)
        assert (a | b)(topology) is (a(topology) or b(topology))
        assert (~a)(topology) is not a(topology)


def test_a_filter_is_its_piecewise_part_and_the_rest() -> None:
    two_pieces = Filter.of("two pieces", lambda topology: len(topology.pieces) == 2)
    chosen = NO_VACUUM & two_pieces & ~NO_SELF_LOOPS
    assert chosen.name == "no-vacuum & two pieces & ~no-self-loops"
    assert [each.name for each in chosen.rest] == ["two pieces", "~no-self-loops"]
    assert chosen.standard_parts is None
    verdicts = []
    for topology in SOME:
        pieces = all(chosen.piecewise(piece) for piece in topology.pieces)
        verdicts.append(chosen(topology))
        assert verdicts[-1] is (pieces and all(each(topology) for each in chosen.rest))
    assert set(verdicts) == {True, False}
    assert not chosen.piecewise.connected
    assert (chosen & CONNECTED).piecewise.connected


def test_a_connected_filter_counts_lines_as_components() -> None:
    assert [CONNECTED(t) for t in (EMPTY, FREE_LINE, Topology.from_pieces((), 2, ()))] == [False, True, False]
    assert all(ALL(t) for t in SOME)
    assert (ALL.name, repr(ALL)) == ("all", "Filter('all': every diagram)")


def test_names_and_reprs_explain_themselves() -> None:
    assert (
        repr(CONNECTED & NO_VACUUM) == "Filter('connected & no-vacuum': one component; every component touches a leg)"
    )
    assert (~(CONNECTED & NO_VACUUM)).name == "~(connected & no-vacuum)"
    assert (CONNECTED | NO_VACUUM).name == "(connected | no-vacuum)"
    assert {name: each.name for name, each in STANDARD_FILTERS.items()} == {name: name for name in STANDARD_FILTERS}


def divides(topology: Topology) -> bool:
    return topology.lines / len(topology.pieces) > 1


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (divides, r"filter 'mine': your function divides raised ZeroDivisionError \(division by zero\)"),
        (
            lambda topology: topology.lines,
            r"filter 'mine': your function .*<lambda> returned 1 .*expected True or False",
        ),
        (lambda topology: None, r"returned None"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: ~f, lambda f: f & CONNECTED, lambda f: f | ONE_PI])
def test_a_users_function_is_blamed_by_name(function: object, complaint: str, wrap: object) -> None:
    chosen = wrap(Filter.of("mine", function))  # type: ignore[operator, arg-type]
    with pytest.raises(InputError, match=complaint):
        chosen(FREE_LINE)


def test_filters_are_read_from_a_comma_list() -> None:
    assert parse_filters("connected, no-snails") == CONNECTED & NO_SNAILS
    for names in combinations(STANDARD_FILTERS, 3):
        expected = frozenset(STANDARD_FILTERS[name] for name in names)
        assert parse_filters(",".join(names)).standard_parts == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("connected,onepi", "filter 'onepi' at position 10 of 'connected,onepi' is not known: did you mean 'one-pi'"),
        ("NO_SNAILS", "did you mean 'no-snails'"),
        ("connected, ,one-pi", "filter '' at position 11 .* expected a comma list of connected, one-pi, "),
        ("", "filter '' at position 0"),
        ("connected,", "filter '' at position 10"),
        ("zzz", "'zzz' is not known: expected a comma list"),
    ],
)
def test_an_unknown_filter_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        parse_filters(text)


@st.composite
def multigraphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int, int]]]:
    size = draw(st.integers(1, 12))
    pairs = draw(st.sets(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=16))
    return size, [(i, j, draw(st.integers(1, 3))) for i, j in sorted(pairs) if i < j]


@settings(max_examples=200, derandomize=True, deadline=None)
@given(multigraphs())
def test_bridges_and_components_agree_with_networkx(graph: tuple[int, list[tuple[int, int, int]]]) -> None:
    size, bundles = graph
    other: nx.MultiGraph[int] = nx.MultiGraph()
    other.add_nodes_from(range(size))
    other.add_edges_from((i, j) for i, j, multiplicity in bundles for _ in range(multiplicity))
    expected = set()
    for i, j in set(other.edges()):
        cut = other.copy()
        cut.remove_edge(i, j)
        if not nx.has_path(cut, i, j):
            expected.add(frozenset((i, j)))
    assert {frozenset(line) for line in bridges(size, bundles)} == expected
    masks = component_masks(neighbour_masks(size, bundles), (1 << size) - 1)
    found = {frozenset(node for node in range(size) if mask >> node & 1) for mask in masks}
    assert found == {frozenset(component) for component in nx.connected_components(other)}


@settings(max_examples=100, derandomize=True, deadline=None)
@given(multigraphs())
def test_equal_labels_are_cuts_of_two_lines(graph: tuple[int, list[tuple[int, int, int]]]) -> None:
    """Two tree lines that are not bridges have equal labels if and only if their removal disconnects the component."""
    size, bundles = graph
    tree = cut_tree(size, bundles)
    inner = [node for node in tree.order[1:] if tree.label[node]]
    for a, b in combinations(inner, 2):
        cut = {frozenset((node, tree.parent[node])) for node in (a, b)}
        rest = [(i, j, m - (frozenset((i, j)) in cut)) for i, j, m in bundles]
        neighbours = neighbour_masks(size, [bundle for bundle in rest if bundle[2]])
        reached = component_masks(neighbours, sum(1 << node for node in tree.order))
        assert (len(reached) > 1) is (tree.label[a] == tree.label[b])
