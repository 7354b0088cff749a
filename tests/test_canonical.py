"""Canonical pieces: equal exactly when isomorphic, and the order of the group of node permutations."""

from __future__ import annotations

import random
from itertools import permutations, product

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feyn_nn.graphs.canonical import Piece, canonical_piece


def relabelled(piece: Piece, place: list[int]) -> Piece:
    """The same piece with node v called place[v]."""
    colours = [piece.colours[place.index(new)] for new in range(len(place))]
    edges = sorted((*sorted((place[i], place[j])), m) for i, j, m in piece.edges)
    return Piece(tuple(colours), tuple((i, j, m) for i, j, m in edges))


def random_piece(rng: random.Random, size: int, colours: int) -> Piece:
    """A random tree with random extra lines: connected, few colours, so symmetric ones are common."""
    pairs = {(rng.randrange(j), j) for j in range(1, size)}
    pairs |= {(i, j) for j in range(size) for i in range(j) if rng.random() < 0.3}
    edges = tuple((i, j, rng.choice((1, 1, 1, 2))) for i, j in sorted(pairs))
    return Piece(tuple(rng.randrange(colours) for _ in range(size)), edges)


def network(piece: Piece) -> nx.Graph[int]:
    graph: nx.Graph[int] = nx.Graph()
    for node, colour in enumerate(piece.colours):
        graph.add_node(node, colour=colour)
    for i, j, multiplicity in piece.edges:
        graph.add_edge(i, j, multiplicity=multiplicity)
    return graph


def isomorphic(left: Piece, right: Piece) -> bool:
    return nx.is_isomorphic(network(left), network(right), lambda a, b: a == b, lambda a, b: a == b)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 6), st.integers(1, 3))
def test_form_is_invariant_and_the_group_is_counted(rng: random.Random, size: int, colours: int) -> None:
    piece = random_piece(rng, size, colours)
    place = list(range(size))
    rng.shuffle(place)
    found, again = canonical_piece(piece), canonical_piece(relabelled(piece, place))
    assert found.piece == again.piece
    assert found.automorphisms == again.automorphisms
    assert found.automorphisms == sum(relabelled(piece, list(p)) == piece for p in permutations(range(size)))
    assert canonical_piece(found.piece).piece == found.piece
    new_place = [found.order.index(node) for node in range(size)]
    assert relabelled(piece, new_place) == found.piece  # `order` is the witness


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 5))
def test_equal_forms_mean_isomorphic(rng: random.Random, size: int) -> None:
    left, right = random_piece(rng, size, 2), random_piece(rng, size, 2)
    assert (canonical_piece(left).piece == canonical_piece(right).piece) == isomorphic(left, right)


def test_all_coloured_multigraphs_on_three_nodes_fall_into_their_classes() -> None:
    """Every piece with two colours and up to two parallel lines: as many forms as Burnside's lemma counts."""
    pieces = []
    for colours in product((0, 1), repeat=3):
        for lines in product((0, 1, 2), repeat=3):
            if sum(m > 0 for m in lines) >= 2:  # connected
                edges = zip(((0, 1), (0, 2), (1, 2)), lines, strict=True)
                pieces.append(Piece(colours, tuple((i, j, m) for (i, j), m in edges if m)))
    fixed = sum(relabelled(piece, list(p)) == piece for piece in pieces for p in permutations(range(3)))
    assert len({canonical_piece(piece).piece for piece in pieces}) * 6 == fixed


def regular(edges: list[tuple[int, int]]) -> Piece:
    return Piece((0,) * (1 + max(j for _, j in edges)), tuple(sorted((i, j, 1) for i, j in edges)))


@pytest.mark.parametrize("seed", range(5))
def test_graphs_that_refinement_cannot_split_are_told_apart(seed: int) -> None:
    """The prism and K_3,3 are both cubic on six nodes, so colour refinement alone sees no difference."""
    prism = regular([(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5), (0, 3), (1, 4), (2, 5)])
    utility = regular([(i, j) for i in range(3) for j in range(3, 6)])
    petersen = regular([(min(edge), max(edge)) for edge in nx.petersen_graph().edges()])
    place = list(range(6))
    random.Random(seed).shuffle(place)
    assert canonical_piece(relabelled(prism, place)).piece == canonical_piece(prism).piece
    assert canonical_piece(prism).piece != canonical_piece(utility).piece
    orders = [canonical_piece(piece).automorphisms for piece in (prism, utility, petersen)]
    assert orders == [12, 72, 120]
