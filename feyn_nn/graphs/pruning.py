"""The talk's rules 4.5 and 7 as predicates on topologies.

Rule 7, vacuum: a component that touches no leg. Dropping those divides by Z, exactly.
Rule 4.5, propagator corrections: K is the exact two-point function, so every self-energy insertion goes: a
connected set of vertices (no legs) joined to the rest by exactly two lines, legs' lines included. QGRAF's
`nosigma` is the same for three legs or more. Vacuum components are not examined by rule 4.5.
"""

from __future__ import annotations

from enum import Enum
from itertools import combinations
from typing import TYPE_CHECKING

from feyn_nn.graphs.topology import piece_legs

if TYPE_CHECKING:
    from feyn_nn.graphs.canonical import Piece
    from feyn_nn.graphs.topology import Topology


class Rule(Enum):
    """A pruning rule; where both apply to a diagram the reason is `VACUUM`."""

    VACUUM = "vacuum"
    PROPAGATOR = "propagator"

    def applies(self, topology: Topology) -> bool:
        """Whether this rule drops diagrams of `topology`."""
        if self is Rule.VACUUM:
            return has_vacuum_part(topology)
        return has_propagator_correction(topology)


def has_vacuum_part(topology: Topology) -> bool:
    """Whether some component touches no leg."""
    return any(not piece_legs(piece) for piece in topology.pieces)


def has_propagator_correction(topology: Topology) -> bool:
    """Whether some component with legs contains a self-energy insertion."""
    return any(piece_legs(piece) and _has_insertion(piece) for piece in topology.pieces)


def _has_insertion(piece: Piece) -> bool:
    """Cut every pair of lines and look for a leg-free part that both lines join to the rest.

    A set of vertices with exactly two lines leaving it is a connected component once those two are cut. Lines
    are grouped in bundles of parallel ones; a bundle is separated only as a whole, so the cuts to try are one
    bundle of two, or two bundles of one. The lines of legs are bundles that end at an outside node.
    """
    size = len(piece.colours)
    outside = size
    internal = [(i, j, multiplicity) for i, j, multiplicity in piece.edges]
    external = [(i, outside, 1) for i, node in enumerate(piece.colours) for _ in range(node.legs)]
    single = [bundle for bundle in internal + external if bundle[2] == 1]
    cuts: list[tuple[tuple[int, int, int], ...]] = [(bundle,) for bundle in internal if bundle[2] == 2]
    cuts += combinations(single, 2)  # by position: two legs of one vertex are two lines
    for cut in cuts:
        remaining = list(internal + external)
        for bundle in cut:
            remaining.remove(bundle)
        parts = _parts(size + 1, remaining)
        for part in set(parts[:size]) - {parts[outside]}:
            leaving = sum(m for i, j, m in cut if (parts[i] == part) != (parts[j] == part))
            if leaving == 2:
                return True
    return False


def _parts(size: int, bundles: list[tuple[int, int, int]]) -> list[int]:
    """Label the connected components of nodes 0..size-1."""
    part = list(range(size))
    for i, j, _ in bundles:
        if part[i] != part[j]:
            old, new = part[i], part[j]
            part = [new if label == old else label for label in part]
    return part
