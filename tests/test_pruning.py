"""The pruning rules against their definitions, subset by subset."""

from __future__ import annotations

import pytest

from feyn_nn.action import Action
from feyn_nn.graphs import (
    Diagram,
    Rule,
    Topology,
    diagrams_of,
    has_propagator_correction,
    has_vacuum_part,
    representative,
)
from feyn_nn.graphs.filters import ALL, NO_PROPAGATOR_CORRECTIONS, NO_VACUUM
from feyn_nn.graphs.pruning import TALK_RULES, kept_by
from tests.oracles import brute_force
from tests.oracles.contraction import topologies


def every_topology(text: str, legs: int, vertices: int) -> list[Topology]:
    action = Action.parse(text)
    return [t for order in action.orders(vertices) for t, _ in topologies(legs, action.operators, order)]


@pytest.mark.parametrize(
    ("text", "vertices"),
    [("lambda f^4", 4), ("lambda f^4 + kappa f^6", 4), ("g f^3 + lambda f^4", 4), ("g f^3 + alpha f^5", 3)],
)
@pytest.mark.parametrize("legs", range(5))
def test_rules_agree_with_their_definitions(text: str, vertices: int, legs: int) -> None:
    if text == "lambda f^4 + kappa f^6":
        vertices = 4 if legs <= 2 else 3
    seen = set()
    for topology in every_topology(text, legs, vertices):
        diagram = representative(topology)
        size = len(diagram.vertices)
        vacuum = brute_force.vacuum_part(legs, size, diagram.edges)
        insertion = brute_force.propagator_correction(legs, size, diagram.edges)
        assert has_vacuum_part(topology) == Rule.VACUUM.applies(topology) == vacuum, diagram
        assert has_propagator_correction(topology) == Rule.PROPAGATOR.applies(topology) == insertion, diagram
        seen.add((vacuum, insertion))
    if legs == 0:
        assert not any(insertion for _, insertion in seen)  # vacuum components are not examined
    elif legs % 2 == 0:
        assert len(seen) == (3 if "alpha" in text else 4)  # g and alpha: both together take four vertices


def test_the_rules_do_not_depend_on_labels() -> None:
    for topology in every_topology("lambda f^4", 4, 2):
        verdicts = {(has_vacuum_part(d.topology), has_propagator_correction(d.topology)) for d in diagrams_of(topology)}
        assert verdicts == {(has_vacuum_part(topology), has_propagator_correction(topology))}


def test_at_two_legs_every_diagram_with_a_vertex_goes() -> None:
    for topology in every_topology("g f^3 + lambda f^4", 2, 4):
        if topology.lines == 0 and not has_vacuum_part(topology) and len(topology.pieces) == 1:
            assert has_propagator_correction(topology)


LAMBDA, KAPPA, G = (Action.parse(text).operators[0] for text in ("lambda f^4", "kappa f^6", "g f^3"))


@pytest.mark.parametrize(
    ("diagram", "insertion"),
    [
        # a self-loop on a quartic vertex is an insertion, on a sextic vertex with four other lines it is not
        (Diagram(2, (LAMBDA,), ((0, 2), (1, 2), (2, 2))), True),
        (Diagram(4, (KAPPA,), ((0, 4), (1, 4), (2, 4), (3, 4), (4, 4))), False),
        # the bubble stays: each of its vertices has four lines leaving, the pair has four
        (Diagram(4, (LAMBDA, LAMBDA), ((0, 4), (1, 4), (2, 5), (3, 5), (4, 5), (4, 5))), False),
        # the sunset
        (Diagram(2, (LAMBDA, LAMBDA), ((0, 2), (1, 3), (2, 3), (2, 3), (2, 3))), True),
        # a tadpole is joined by one line only, which is not an insertion; with its root a pair of lines leaves
        (Diagram(1, (G,), ((0, 1), (1, 1))), False),
        (Diagram(2, (G, G), ((0, 2), (1, 2), (2, 3), (3, 3))), True),
        # two lines that leave two parts which are not connected to each other
        (Diagram(3, (G,), ((0, 3), (1, 3), (2, 3))), False),
        # a bubble in an exchanged line
        (Diagram(4, (G, G, G, G), ((0, 4), (1, 4), (2, 5), (3, 5), (4, 6), (6, 7), (6, 7), (5, 7))), True),
        (Diagram(4, (G, G), ((0, 4), (1, 4), (2, 5), (3, 5), (4, 5))), False),
        # nothing in a vacuum part counts
        (Diagram(2, (LAMBDA,), ((0, 1), (2, 2), (2, 2))), False),
    ],
)
def test_known_diagrams(diagram: Diagram, insertion: bool) -> None:
    assert has_propagator_correction(diagram.topology) is insertion


def test_vacuum_comes_first_among_the_rules() -> None:
    assert list(Rule) == [Rule.VACUUM, Rule.PROPAGATOR, Rule.DISCONNECTED]


def test_a_rule_drops_what_its_filter_does_not_keep() -> None:
    assert (kept_by(()), kept_by([Rule.VACUUM])) == (ALL, NO_VACUUM)
    both = kept_by(TALK_RULES)
    assert both == NO_VACUUM & NO_PROPAGATOR_CORRECTIONS
    verdicts = set()
    for topology in every_topology("g f^3 + lambda f^4", 2, 3):
        dropped = any(rule.applies(topology) for rule in TALK_RULES)
        assert both(topology) is not dropped
        verdicts.add(dropped)
    assert verdicts == {True, False}
