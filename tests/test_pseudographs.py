"""Random pseudographs, with parallel lines and self-loops, and very symmetric ones: canonical form and |Aut|."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from itertools import combinations
from math import factorial, prod
from typing import TYPE_CHECKING, Any

import networkx as nx
import pytest

from feyn_nn.action import Operator
from feyn_nn.graphs.diagram import Diagram
from tests.oracles import brute_force

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.oracles.brute_force import Kind, Lines

OPERATORS = {valence: Operator(valence, f"g{valence}") for valence in range(3, 13)}
NUMBER = 20_000
BATCHES = 10
RELABELLINGS = 10
MOST_EXACT = 3_000


def seeds() -> range:
    return range(NUMBER)


def random_pseudograph(seed: int) -> tuple[int, tuple[int, ...], Lines]:
    """Legs, sorted valences of up to five vertices, and sorted lines of a random pairing of all half-edges."""
    rng = random.Random(seed)
    valences = tuple(sorted(rng.choices(rng.choice(((3,), (4,), (3, 4), (4, 6), (3, 4, 5, 6))), k=rng.randint(1, 5))))
    legs = rng.choice([legs for legs in range(5) if (legs + sum(valences)) % 2 == 0])
    owners = [*range(legs), *(legs + vertex for vertex, valence in enumerate(valences) for _ in range(valence))]
    rng.shuffle(owners)
    pairs = zip(owners[::2], owners[1::2], strict=True)
    return legs, valences, tuple(sorted((min(pair), max(pair)) for pair in pairs))


def kinds_of(valences: Sequence[int]) -> list[Kind]:
    return [(valence, OPERATORS[valence].coupling) for valence in valences]


def swaps(legs: int, lines: Lines) -> int:
    """Permutations of parallel lines, exchanges and flips of self-loops."""
    return prod(
        factorial(number) * (2**number if a == b else 1)
        for (a, b), number in Counter(lines).items()
        if min(a, b) >= legs
    )


@cache
def brute(legs: int, valences: tuple[int, ...], lines: Lines) -> tuple[Lines, int]:
    """The smallest edge list and |Aut|, over all renamings of equal vertices."""
    images = [
        brute_force.renamed(lines, renaming) for renaming in brute_force.vertex_relabellings(legs, kinds_of(valences))
    ]
    return min(images), images.count(lines) * swaps(legs, lines)


def diagram(legs: int, valences: Sequence[int], lines: Sequence[tuple[int, int]]) -> Diagram:
    return Diagram(legs, tuple(OPERATORS[valence] for valence in valences), tuple(lines))


def relabelled(
    legs: int, valences: Sequence[int], lines: Sequence[tuple[int, int]], rng: random.Random
) -> tuple[list[int], list[tuple[int, int]]]:
    """Vertices renumbered at random, lines shuffled and turned round."""
    place = list(range(len(valences)))
    rng.shuffle(place)
    name = [*range(legs), *(legs + new for new in place)]
    moved = [0] * len(valences)
    for old, new in enumerate(place):
        moved[new] = valences[old]
    ends = [(name[a], name[b]) if rng.random() < 0.5 else (name[b], name[a]) for a, b in lines]
    rng.shuffle(ends)
    return moved, ends


def legs_permuted(legs: int, lines: Lines, rng: random.Random) -> list[tuple[int, int]]:
    order = list(range(legs))
    rng.shuffle(order)
    return [(order[a] if a < legs else a, order[b] if b < legs else b) for a, b in lines]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_form_and_group_of_random_pseudographs(batch: int) -> None:
    for seed in seeds()[batch::BATCHES]:
        legs, valences, lines = random_pseudograph(seed)
        smallest, group = brute(legs, valences, lines)
        found = diagram(legs, valences, lines)
        assert found.edges == smallest, (seed, lines)
        assert found.automorphisms == group, (seed, lines)
        rng = random.Random(-1 - seed)
        for _ in range(RELABELLINGS):
            again = diagram(legs, *relabelled(legs, valences, lines, rng))
            assert again == found, (seed, lines)
            assert again.topology == found.topology, (seed, lines)
        assert diagram(legs, valences, legs_permuted(legs, lines, rng)).topology == found.topology, (seed, lines)


def test_the_sample_is_rich() -> None:
    """Shares of parallel lines and self-loops, of legs and of disconnected ones, and how many differ."""
    sample = [random_pseudograph(seed) for seed in seeds()]
    parallel = loops = split = symmetric = 0
    for legs, valences, lines in sample:
        numbers = Counter(lines)
        parallel += any(number > 1 for (a, b), number in numbers.items() if a != b)
        loops += any(a == b for a, b in lines)
        split += len(brute_force.components(legs + len(valences), lines)) > 1
        symmetric += brute(legs, valences, lines)[1] > swaps(legs, lines)
    assert parallel > 0.3 * NUMBER, parallel
    assert loops > 0.3 * NUMBER, loops
    assert split > 0.05 * NUMBER, split
    assert symmetric > 0.05 * NUMBER, symmetric
    assert {legs for legs, _, _ in sample} == set(range(5))
    assert {len(valences) for _, valences, _ in sample} == set(range(1, 6))
    classes = {(legs, valences, brute(legs, valences, lines)[0]) for legs, valences, lines in sample}
    assert len(classes) > 0.15 * NUMBER


def test_groups_of_half_edges_by_search() -> None:
    """A subsample whose groups of half-edges, legs fixed and legs free, are counted element by element."""
    checked: set[tuple[int, tuple[int, ...], Lines]] = set()
    for seed in seeds():
        legs, valences, lines = random_pseudograph(seed)
        smallest, group = brute(legs, valences, lines)
        key = (legs, valences, smallest)
        topology = diagram(legs, valences, lines).topology
        if key in checked or topology.automorphisms > MOST_EXACT:
            continue
        checked.add(key)
        assert brute_force.half_edge_automorphisms(legs, kinds_of(valences), lines) == group, (seed, lines)
        assert topology.internal_automorphisms == group, (seed, lines)
        free = [*[(1, "leg")] * legs, *kinds_of(valences)]
        assert topology.automorphisms == brute_force.half_edge_automorphisms(0, free, lines), (seed, lines)
        if len(checked) == 400:
            break
    assert len(checked) == 400


def test_different_pseudographs_have_different_values() -> None:
    """As many values as brute-force classes; one exchange of line ends is noticed exactly when it matters."""
    values: dict[tuple[int, tuple[int, ...], Lines], set[Diagram]] = {}
    changed = 0
    for seed in seeds()[:3000]:
        legs, valences, lines = random_pseudograph(seed)
        values.setdefault((legs, valences, brute(legs, valences, lines)[0]), set()).add(diagram(legs, valences, lines))
        if len(lines) < 2:
            continue
        rng = random.Random(seed)
        i, j = rng.sample(range(len(lines)), 2)
        other = list(lines)
        other[i], other[j] = (lines[i][0], lines[j][1]), (lines[j][0], lines[i][1])
        exchanged: Lines = tuple(sorted((min(line), max(line)) for line in other))
        same = brute(legs, valences, exchanged)[0] == brute(legs, valences, lines)[0]
        changed += not same
        assert (diagram(legs, valences, exchanged) == diagram(legs, valences, lines)) == same, (seed, exchanged)
    assert all(len(group) == 1 for group in values.values())
    assert len(set.union(*values.values())) == len(values)
    assert 500 < changed < 2900


def regular(graph: nx.Graph[Any]) -> Diagram:
    """A regular graph without legs, its degree the valence."""
    graph = nx.convert_node_labels_to_integers(graph)
    return diagram(0, [graph.degree[node] for node in sorted(graph)], list(graph.edges()))


SYMMETRIC: dict[str, tuple[nx.Graph[Any], int]] = {
    "K_4": (nx.complete_graph(4), 24),
    "K_8": (nx.complete_graph(8), factorial(8)),
    "K_3,3": (nx.complete_bipartite_graph(3, 3), 72),
    "K_6,6": (nx.complete_bipartite_graph(6, 6), 2 * factorial(6) ** 2),
    "prism": (nx.circular_ladder_graph(3), 12),
    "cube": (nx.hypercube_graph(3), 48),
    "tesseract": (nx.hypercube_graph(4), 384),
    "Wagner": (nx.circulant_graph(8, [1, 4]), 16),
    "Petersen": (nx.petersen_graph(), 120),
    "Heawood": (nx.heawood_graph(), 336),
    "Pappus": (nx.pappus_graph(), 216),
    "Desargues": (nx.desargues_graph(), 240),
    "dodecahedron": (nx.dodecahedral_graph(), 120),
    "icosahedron": (nx.icosahedral_graph(), 120),
    "octahedron": (nx.octahedral_graph(), 48),
    "Frucht": (nx.frucht_graph(), 1),
}
SYMMETRIC["rook 4x4"] = (nx.line_graph(nx.complete_bipartite_graph(4, 4)), 2 * 24**2)


def shrikhande() -> nx.Graph[Any]:
    """Strongly regular with the parameters of the rook's graph: pair colours cannot tell the two apart."""
    graph: nx.Graph[Any] = nx.Graph()
    for i in range(4):
        for j in range(4):
            for di, dj in ((0, 1), (1, 0), (1, 1)):
                graph.add_edge((i, j), ((i + di) % 4, (j + dj) % 4))
    return graph


SYMMETRIC["Shrikhande"] = (shrikhande(), 192)


@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetric_graphs_have_their_known_groups(name: str) -> None:
    graph, order = SYMMETRIC[name]
    found = regular(graph)
    assert found.automorphisms == order
    rng = random.Random(name)
    valences = [vertex.valence for vertex in found.vertices]
    for _ in range(3):
        again = diagram(0, *relabelled(0, valences, found.edges, rng))
        assert again.topology == found.topology
        assert again == found


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("K_3,3", "prism"),
        ("cube", "Wagner"),
        ("Desargues", "dodecahedron"),
        ("rook 4x4", "Shrikhande"),
    ],
)
def test_equal_degrees_do_not_make_equal_graphs(left: str, right: str) -> None:
    first, second = (regular(SYMMETRIC[name][0]) for name in (left, right))
    assert first.vertices == second.vertices
    assert first != second
    assert first.topology != second.topology


def test_all_cubic_graphs_on_eight_nodes_are_told_apart() -> None:
    """Six simple cubic graphs of eight nodes, one of them two K_4, out of random pairings."""
    rng = random.Random(8)
    found: set[Diagram] = set()
    for _ in range(4000):
        owners = [node for node in range(8) for _ in range(3)]
        rng.shuffle(owners)
        lines = list(zip(owners[::2], owners[1::2], strict=True))
        if len({frozenset(line) for line in lines}) == 12 and all(a != b for a, b in lines):
            found.add(diagram(0, [3] * 8, lines))
    assert len(found) == 6
    networks = [nx.Graph(list(one.edges)) for one in found]
    assert not any(nx.is_isomorphic(left, right) for left, right in combinations(networks, 2))
    complete = [(a, b) for start in (0, 4) for a, b in combinations(range(start, start + 4), 2)]
    assert diagram(0, [3] * 8, complete) in found


def test_many_figure_eights() -> None:
    """25 of them: a brute-force search among 25! permutations would not end."""
    eights = diagram(0, [4] * 25, [(node, node) for node in range(25) for _ in range(2)])
    assert eights.automorphisms == factorial(25) * 8**25
    assert len(eights.topology.pieces) == 25


def test_many_equal_parts_with_and_without_legs() -> None:
    """Ten bubble chains of two, five of them with one leg on each side: those are told apart by their legs."""
    lines: list[tuple[int, int]] = []
    for part in range(10):
        a, b = 10 + 2 * part, 11 + 2 * part
        if part < 5:
            lines += [(2 * part, a), (2 * part + 1, b), *[(a, b)] * 3]
        else:
            lines += [(a, b)] * 4
    found = diagram(10, [4] * 20, lines)
    assert found.automorphisms == 6**5 * (2 * 24) ** 5 * factorial(5)
    assert found.topology.automorphisms == found.automorphisms * 2**5 * factorial(5)
    assert found.topology.labellings == factorial(10) // (2**5 * factorial(5))


def test_control_the_loops_and_the_parallel_lines_count() -> None:
    """Forgetting flips of self-loops, or parallel lines, changes the group of most of the sample."""
    flips = multiple = 0
    for seed in seeds()[:1000]:
        legs, valences, lines = random_pseudograph(seed)
        group = diagram(legs, valences, lines).automorphisms
        images = [
            brute_force.renamed(lines, renaming)
            for renaming in brute_force.vertex_relabellings(legs, kinds_of(valences))
        ]
        nodes = images.count(lines)
        flips += group != nodes * swaps(legs, tuple(line for line in lines if line[0] != line[1]))
        multiple += group != nodes * swaps(legs, tuple(line for line in lines if line[0] == line[1]))
    assert min(flips, multiple) > 300
