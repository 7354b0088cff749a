"""Loops and lines against the graph itself and against the relations between them."""

from __future__ import annotations

import networkx as nx
import pytest

from feyn_nn.action import TALK_ACTION, Action
from feyn_nn.errors import InputError
from feyn_nn.graphs import representative
from feyn_nn.graphs.filters import CONNECTED, NO_VACUUM
from feyn_nn.graphs.power_counting import connected_loops, power_counting
from tests.oracles.contraction import topologies

TEXTS = ["lambda f^4 + kappa f^6", "g f^3 + lambda f^4"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("legs", range(5))
def test_the_numbers_are_those_of_the_graph(text: str, legs: int) -> None:
    action = Action.parse(text)
    for order in action.orders(3):
        for topology, _ in topologies(legs, action.operators, order):
            diagram = representative(topology)
            counting = power_counting(diagram)
            assert counting == power_counting(topology)
            ends = [sum(node >= legs for node in line) for line in diagram.edges]
            lines = (counting.internal_lines, counting.external_lines, counting.free_lines)
            assert lines == (ends.count(2), ends.count(1), ends.count(0))
            graph = diagram.graph
            cycles = graph.number_of_edges() - graph.number_of_nodes() + nx.number_connected_components(graph)
            assert counting.loops == cycles
            assert counting.is_tree is (cycles == 0)
            parts = list(nx.connected_components(graph))
            assert counting.components == len(parts) - counting.free_lines
            assert counting.vacuum_components == sum(min(part) >= legs for part in parts)
            assert (counting.vacuum_components == 0) is NO_VACUUM(topology)
            named = dict(zip(action.couplings, order, strict=True))
            assert dict(counting.degrees) == {name: power for name, power in named.items() if power}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("legs", range(5))
def test_relations(text: str, legs: int) -> None:
    action = Action.parse(text)
    connected = 0
    for order in action.orders(3):
        half_edges = sum(op.valence * p for op, p in zip(action.operators, order, strict=True))
        for topology, _ in topologies(legs, action.operators, order):
            counting = power_counting(topology)
            assert counting.legs == legs == counting.external_lines + 2 * counting.free_lines
            assert half_edges == 2 * counting.internal_lines + counting.external_lines
            assert counting.vertices == sum(order) == sum(counting.degrees.values())
            if CONNECTED(topology):
                connected += 1
                assert counting.loops == connected_loops(legs, action.operators, order)
    assert connected or (legs % 2 and text == TEXTS[0])


def test_a_class_without_connected_diagrams_has_no_number_of_loops() -> None:
    assert connected_loops(2, TALK_ACTION.operators, (0, 0)) == 0
    for legs, order in ((3, (1, 0)), (6, (1, 0)), (4, (0, 0)), (0, (0, 0))):
        assert not [t for t, _ in topologies(legs, TALK_ACTION.operators, order) if CONNECTED(t)]
        with pytest.raises(InputError, match="no connected diagram"):
            connected_loops(legs, TALK_ACTION.operators, order)
