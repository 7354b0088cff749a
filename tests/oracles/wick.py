"""Wick's theorem by enumeration: every pairing of all half-edges, grouped by brute force over relabellings.

Shares nothing with the package. Nodes are legs 0..n-1, then vertices in the order given; a diagram is the sorted
tuple of its lines. Vertices with equal `kinds` are interchangeable. Feasible up to some 12 half-edges.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.oracles.brute_force import Kind, Lines, canonical_lines, renamed, vertex_relabellings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def half_edges(legs: int, kinds: Sequence[Kind]) -> list[int]:
    """The node of each half-edge."""
    owners = list(range(legs))
    for index, (valence, _) in enumerate(kinds):
        owners += [legs + index] * valence
    return owners


def all_contractions(owners: list[int]) -> Iterator[list[tuple[int, int]]]:
    """Every way to join the half-edges in pairs, as lines between their nodes, one at a time."""
    if len(owners) == 0:
        yield []
    elif len(owners) >= 2:
        last = owners[-1]
        for k in range(len(owners) - 1):
            for lines in all_contractions(owners[:k] + owners[k + 1 : -1]):
                yield [*lines, (owners[k], last)]


def labelled_diagrams(legs: int, kinds: Sequence[Kind]) -> Counter[Lines]:
    """Number of Wick contractions that give each labelled diagram."""
    if (legs + sum(valence for valence, _ in kinds)) % 2:
        return Counter()
    raw = Counter(tuple(sorted(lines)) for lines in all_contractions(half_edges(legs, kinds)))
    renamings = vertex_relabellings(legs, kinds)
    result: Counter[Lines] = Counter()
    for lines, number in raw.items():
        result[min(renamed(lines, renaming) for renaming in renamings)] += number
    return result


def classes_under_leg_swaps(legs: int, kinds: Sequence[Kind], diagrams: Counter[Lines]) -> list[set[Lines]]:
    """Group labelled diagrams that differ by a permutation of their legs: one set for each topology."""
    left = set(diagrams)
    classes = []
    while left:
        found = {left.pop()}
        fresh = set(found)
        while fresh:
            lines = fresh.pop()
            for leg in range(legs - 1):
                swap = list(range(legs + len(kinds)))
                swap[leg], swap[leg + 1] = leg + 1, leg
                image = canonical_lines(legs, kinds, renamed(lines, swap))
                if image not in found:
                    found.add(image)
                    fresh.add(image)
        left -= found
        classes.append(found)
    return classes
