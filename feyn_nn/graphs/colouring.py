"""Colours of ordered pairs of nodes that do not depend on how the nodes are numbered, for many graphs at once.

The two-dimensional Weisfeiler-Leman refinement in its folklore form (Cai, Fuerer, Immerman, Combinatorica 12 (1992)
389): the colour of a pair (i, j) is replaced by itself together with the multiset, over k, of the colours of (i, k)
and (k, j). Multisets are hashed as sums of products modulo 2^64, so that one round is a matrix product.

What follows from it: different colours or fingerprints mean inequivalent pairs or graphs. Equal ones only suggest
equivalence (a hash may collide, and refinement has its limits, on strongly regular graphs from 16 nodes on), so whoever
merges by them needs a proof from elsewhere; here that is the exact sum of the weights.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Colours: TypeAlias = NDArray[np.uint64]
Counts: TypeAlias = NDArray[np.integer[Any]]
"""Small integers: multiplicities, numbers of legs, kinds; also indices."""

ROUNDS: Final = 3
"""A round doubles the distance seen, so three see eight lines far."""

_ODD: Final = tuple(
    np.uint64(constant)
    for constant in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F)
)
_SHIFT: Final = np.uint64(31)


def mixed(values: Colours, which: int) -> Colours:
    """A fixed scrambling of 64-bit integers, one for each `which`."""
    scrambled: Colours = (values + _ODD[which]) * _ODD[(which + 1) % 5]
    scrambled ^= scrambled >> _SHIFT
    scrambled *= _ODD[(which + 2) % 5]
    scrambled ^= scrambled >> _SHIFT
    return scrambled


def pair_colours(codes: Counts, adjacency: Counts) -> Colours:
    """Stable colours of all ordered pairs; those of (i, i) are colours of nodes.

    `codes`: (graphs, nodes), whatever distinguishes nodes; `adjacency`: (graphs, nodes, nodes), symmetric, its diagonal
    ignored. Result: (graphs, nodes, nodes).
    """
    nodes = codes.shape[1]
    colours = mixed(adjacency.astype(np.uint64), 0)
    diagonal = np.arange(nodes)
    colours[:, diagonal, diagonal] = mixed(codes.astype(np.uint64), 3)
    for _ in range(ROUNDS if nodes > 1 else 0):
        folded = colours ^ (colours >> _SHIFT)
        colours = colours * _ODD[4] + np.matmul(folded * _ODD[1], mixed(folded, 2))
    return colours


def fingerprints(colours: Colours, codes: Counts) -> Colours:
    """One number a graph, equal for isomorphic graphs; `codes` adds what pair colours were not told."""
    nodes = codes.shape[1]
    diagonal = np.arange(nodes)
    own = mixed(colours[:, diagonal, diagonal] ^ mixed(codes.astype(np.uint64), 2), 1)
    total: Colours = mixed(own.sum(axis=1, dtype=np.uint64) + np.uint64(nodes), 4)
    return total
