"""Labelling the legs of a topology: as many labellings as there should be, all different, in a fixed order."""

from __future__ import annotations

from itertools import islice, permutations
from math import factorial
from typing import TYPE_CHECKING

import pytest

from feyn_nn.action import Operator
from feyn_nn.graphs import labelling
from feyn_nn.graphs.diagram import Diagram, diagrams_of, labelled_diagrams, representative
from feyn_nn.graphs.generation import DiagramClass
from feyn_nn.graphs.labelling import attachments
from tests.oracles import brute_force

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.graphs.labelling import Attachment
    from feyn_nn.graphs.topology import Topology
    from tests.oracles.brute_force import Lines

G, LAMBDA, MU, ALPHA, KAPPA = (
    Operator(valence, name) for valence, name in ((3, "g"), (4, "lambda"), (4, "mu"), (5, "alpha"), (6, "kappa"))
)
CLASSES: list[tuple[int, tuple[Operator, ...], tuple[int, ...]]] = [
    *((legs, (), ()) for legs in (0, 2, 4, 6)),
    *((legs, (LAMBDA,), (2,)) for legs in (0, 2, 4, 6)),
    *((legs, (LAMBDA,), (3,)) for legs in (2, 4)),
    *((legs, (G,), (2,)) for legs in (0, 2, 4, 6)),
    *((legs, (G,), (3,)) for legs in (1, 3, 5)),
    (4, (G,), (4,)),
    (4, (LAMBDA, MU), (1, 1)),
    (4, (G, ALPHA), (1, 1)),
    (6, (LAMBDA, KAPPA), (1, 1)),
    (5, (G, LAMBDA), (1, 1)),
]


def every_topology(legs: int, operators: tuple[Operator, ...], order: tuple[int, ...]) -> list[Topology]:
    return list(DiagramClass(legs, operators, order).topologies())


def lines_of(topology: Topology, attachment: Attachment) -> Lines:
    """The lines that an attachment describes: legs first, vertices piece after piece."""
    legs = len(attachment)
    lines = [
        (leg, legs + end if end >= 0 else -1 - end) for leg, end in enumerate(attachment) if -1 - end < leg or end >= 0
    ]
    start = legs
    for piece in topology.pieces:
        for index, node in enumerate(piece.colours):
            lines += [(start + index, start + index)] * node.loops
        for i, j, multiplicity in piece.edges:
            lines += [(start + i, start + j)] * multiplicity
        start += len(piece.colours)
    return tuple(sorted((min(line), max(line)) for line in lines))


def kinds_of(topology: Topology) -> list[brute_force.Kind]:
    """Kinds in the order of the attachment's numbers."""
    operators = [topology.operators[node.operator] for piece in topology.pieces for node in piece.colours]
    return [(operator.valence, operator.coupling) for operator in operators]


def by_brute_force(topology: Topology) -> set[Lines]:
    """Every assignment of labels to the legs, modulo renamings of vertices."""
    legs, kinds = topology.legs, kinds_of(topology)
    first = lines_of(topology, next(iter(attachments(topology))))
    renamings = brute_force.vertex_relabellings(legs, kinds)
    rest = range(legs, legs + len(kinds))
    return {
        min(brute_force.renamed(moved, renaming) for renaming in renamings)
        for order in permutations(range(legs))
        for moved in [brute_force.renamed(first, [*order, *rest])]
    }


def modulo_symmetry(topology: Topology, dealt: Sequence[Attachment]) -> list[Lines]:
    kinds = kinds_of(topology)
    renamings = brute_force.vertex_relabellings(topology.legs, kinds)
    return [min(brute_force.renamed(lines_of(topology, each), renaming) for renaming in renamings) for each in dealt]


@pytest.mark.parametrize("case", CLASSES, ids=str)
def test_attachments_are_all_assignments_modulo_symmetry(
    case: tuple[int, tuple[Operator, ...], tuple[int, ...]],
) -> None:
    for topology in every_topology(*case):
        dealt = list(attachments(topology))
        assert len(dealt) == len(set(dealt)) == topology.labellings
        found = modulo_symmetry(topology, dealt)
        assert len(set(found)) == len(found), topology  # none twice
        assert set(found) == by_brute_force(topology), topology  # none missing


@pytest.mark.parametrize("case", CLASSES, ids=str)
def test_each_attachment_deals_every_leg_once(case: tuple[int, tuple[Operator, ...], tuple[int, ...]]) -> None:
    for topology in every_topology(*case):
        nodes = [node for piece in topology.pieces for node in piece.colours]
        for attachment in attachments(topology):
            assert len(attachment) == topology.legs
            ends = [end for end in attachment if end >= 0]
            assert [ends.count(vertex) for vertex in range(len(nodes))] == [node.legs for node in nodes]
            for leg, end in enumerate(attachment):
                if end < 0:
                    assert attachment[-1 - end] == -1 - leg
            assert sum(end < 0 for end in attachment) == 2 * topology.lines


@pytest.mark.parametrize("case", CLASSES, ids=str)
def test_labelled_diagrams_have_the_topology_and_its_group(
    case: tuple[int, tuple[Operator, ...], tuple[int, ...]],
) -> None:
    for topology in every_topology(*case):
        made = list(labelled_diagrams(topology))
        assert len(set(made)) == len(made) == topology.labellings
        assert sorted(each.edges for each in made) == [each.edges for each in diagrams_of(topology)]
        assert representative(topology) == diagrams_of(topology)[0]
        for each, attachment in zip(made, attachments(topology), strict=True):
            again = Diagram(
                topology.legs,
                [topology.operators[node.operator] for piece in topology.pieces for node in piece.colours],
                lines_of(topology, attachment),
            )
            assert again == each
            assert again.topology == topology
            assert again.automorphisms == each.automorphisms == topology.internal_automorphisms


def test_control_without_symmetries_labellings_come_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the exchange of the two ends of a bubble is forgotten, each channel comes twice."""
    bubble = Diagram(4, (LAMBDA,) * 2, ((0, 4), (1, 4), (2, 5), (3, 5), (4, 5), (4, 5))).topology
    assert len(modulo_symmetry(bubble, list(attachments(bubble)))) == 3
    true = labelling._patterns

    monkeypatch.setattr(labelling, "_patterns", lambda counts, group: true(counts, ()))
    labelling._remembered.cache_clear()
    try:
        found = modulo_symmetry(bubble, list(attachments(bubble)))
    finally:
        labelling._remembered.cache_clear()
    assert (len(found), len(set(found))) == (6, 3)


def ring(vertices: int, legs_each: int) -> Topology:
    """A ring of vertices with equal numbers of legs: a dihedral group."""
    legs = vertices * legs_each
    lines = [(leg, legs + leg // legs_each) for leg in range(legs)]
    lines += [(legs + vertex, legs + (vertex + 1) % vertices) for vertex in range(vertices)]
    return Diagram(legs, (Operator(2 + legs_each, "g"),) * vertices, lines).topology


@pytest.mark.parametrize(("vertices", "legs_each"), [(3, 1), (4, 1), (5, 1), (6, 1), (7, 1), (8, 1), (3, 2), (4, 2)])
def test_rings(vertices: int, legs_each: int) -> None:
    """n!/(2 v) orders round the ring, over the exchanges at each vertex."""
    topology = ring(vertices, legs_each)
    legs = vertices * legs_each
    number = factorial(legs) // (2 * vertices * factorial(legs_each) ** vertices)
    assert topology.labellings == number
    made = list(attachments(topology))
    assert len(set(made)) == len(made) == number
    assert len(set(labelled_diagrams(topology))) == number


def cube() -> Topology:
    """Quartic vertices at the corners, a leg at each: 48 symmetries."""
    lines = [(8 + a, 8 + (a ^ 1 << axis)) for a in range(8) for axis in range(3) if not a >> axis & 1]
    return Diagram(8, (LAMBDA,) * 8, [*((leg, 8 + leg) for leg in range(8)), *lines]).topology


def star(arms: int) -> Topology:
    """A vertex with cubic ones around it, two legs at each: all permutations of the arms."""
    lines = [(leg, 2 * arms + leg // 2) for leg in range(2 * arms)]
    lines += [(2 * arms + arm, 3 * arms) for arm in range(arms)]
    return Diagram(2 * arms, (*[G] * arms, Operator(arms, "hub")), lines).topology


@pytest.mark.parametrize(
    ("topology", "number"),
    [
        (cube(), factorial(8) // 48),
        (star(4), factorial(8) // (2**4 * 24)),
        (star(5), factorial(10) // (2**5 * 120)),
    ],
    ids=["cube", "star 4", "star 5"],
)
def test_symmetric_pieces(topology: Topology, number: int) -> None:
    made = list(labelled_diagrams(topology))
    assert len(made) == topology.labellings == number
    assert len(set(made)) == number


def copies(parts: int, each: Sequence[tuple[int, int]], legs: int, vertices: int, lines: int = 0) -> Topology:
    """Equal pieces: `each` numbers its legs 0 ..., then its vertices; and lines between two legs."""
    every = parts * legs + 2 * lines
    edges = [(parts * legs + 2 * line, parts * legs + 2 * line + 1) for line in range(lines)]
    for part in range(parts):
        name = [*(part * legs + leg for leg in range(legs)), *(every + part * vertices + v for v in range(vertices))]
        edges += [(name[a], name[b]) for a, b in each]
    return Diagram(every, (LAMBDA,) * (parts * vertices), edges).topology


TADPOLE = ((0, 2), (1, 2), (2, 2))
CONTACT = ((0, 4), (1, 4), (2, 4), (3, 4))
BUBBLE = ((0, 4), (1, 4), (2, 5), (3, 5), (4, 5), (4, 5))
SUNSET = ((0, 2), (1, 3), (2, 3), (2, 3), (2, 3))


@pytest.mark.parametrize(
    ("topology", "number"),
    [
        *((copies(0, (), 0, 0, lines), factorial(2 * lines) // (2**lines * factorial(lines))) for lines in range(6)),
        *((copies(n, TADPOLE, 2, 1), factorial(2 * n) // (2**n * factorial(n))) for n in (1, 2, 3, 4)),
        *((copies(n, SUNSET, 2, 2), factorial(2 * n) // (2**n * factorial(n))) for n in (1, 2, 3)),
        *((copies(n, CONTACT, 4, 1), factorial(4 * n) // (24**n * factorial(n))) for n in (1, 2, 3)),
        (copies(2, BUBBLE, 4, 2), factorial(8) // (8**2 * 2)),
        (copies(2, CONTACT, 4, 1, 1), factorial(10) // (24**2 * 2 * 2)),
        (copies(2, TADPOLE, 2, 1, 2), factorial(8) // (4 * 2 * 4 * 2)),
        (copies(1, BUBBLE, 4, 2, 2), factorial(8) // (8 * 4 * 2)),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
def test_equal_pieces_and_lines(topology: Topology, number: int) -> None:
    made = list(attachments(topology))
    assert len(set(made)) == len(made) == topology.labellings == number
    diagrams = list(islice(labelled_diagrams(topology), 3000))
    assert len(set(diagrams)) == len(diagrams)


def test_pieces_that_differ_only_in_their_coupling_are_told_apart() -> None:
    edges = [(leg, 8 + leg // 4) for leg in range(8)]
    assert len(list(attachments(Diagram(8, (LAMBDA, LAMBDA), edges).topology))) == 35
    assert len(list(attachments(Diagram(8, (LAMBDA, MU), edges).topology))) == 70


@pytest.mark.parametrize("case", CLASSES, ids=str)
def test_the_order_is_fixed(case: tuple[int, tuple[Operator, ...], tuple[int, ...]]) -> None:
    for topology in every_topology(*case):
        first = list(attachments(topology))
        labelling._remembered.cache_clear()
        assert list(attachments(topology)) == first
        assert [each.edges for each in labelled_diagrams(topology)] == [
            Diagram.labelled(topology, attachment).edges for attachment in first
        ]


@pytest.mark.parametrize("kept", [0, 1, 10**9])
def test_what_is_remembered_changes_nothing(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = [ring(5, 1), star(4), copies(2, CONTACT, 4, 1), copies(1, BUBBLE, 4, 2, 2), cube()]
    before = [list(attachments(topology)) for topology in shapes]
    monkeypatch.setattr(labelling, "_REMEMBERED", kept)
    assert [list(attachments(topology)) for topology in shapes] == before


def test_two_streams_of_one_topology_do_not_disturb_each_other() -> None:
    topology = copies(2, TADPOLE, 2, 1, 2)
    left, right = attachments(topology), attachments(topology)
    next(right)
    whole = list(attachments(topology))
    assert list(left) == whole
    assert list(right) == whole[1:]
