"""Automorphisms, canonical forms and pruning straight from their definitions; shares nothing with the package.

Nodes are legs 0..n-1, then vertices in the order given; a diagram is the sorted tuple of its lines.
"""

from __future__ import annotations

from itertools import combinations, permutations, product
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind: TypeAlias = tuple[int, str]
"""Valence and name of a vertex."""
Lines: TypeAlias = tuple[tuple[int, int], ...]


def vertex_relabellings(legs: int, kinds: Sequence[Kind]) -> list[list[int]]:
    """Every renaming of the nodes that fixes legs and permutes vertices of equal kind."""
    places = {kind: [legs + i for i, other in enumerate(kinds) if other == kind] for kind in kinds}
    renamings = []
    for choice in product(*(permutations(place) for place in places.values())):
        renaming = list(range(legs + len(kinds)))
        for place, images in zip(places.values(), choice, strict=True):
            for old, new in zip(place, images, strict=True):
                renaming[old] = new
        renamings.append(renaming)
    return renamings


def renamed(lines: Sequence[tuple[int, int]], renaming: Sequence[int]) -> Lines:
    """The sorted lines after a renaming of nodes."""
    moved = [(renaming[a], renaming[b]) for a, b in lines]
    return tuple(sorted((a, b) if a <= b else (b, a) for a, b in moved))


def canonical_lines(legs: int, kinds: Sequence[Kind], lines: Sequence[tuple[int, int]]) -> Lines:
    """The smallest edge list over all renamings of the vertices; `kinds` must stand in groups."""
    return min(renamed(lines, renaming) for renaming in vertex_relabellings(legs, kinds))


def half_edge_automorphisms(legs: int, kinds: Sequence[Kind], lines: Lines) -> int:
    """Count permutations of half-edges that keep lines whole, vertices whole, kinds, and every leg."""
    owner = [node for line in lines for node in line]
    kind_of = [(-1, str(leg)) for leg in range(legs)] + list(kinds)
    image = [-1] * len(owner)
    used = [False] * len(owner)
    node_image: dict[int, int] = {}

    def extend(h: int) -> int:
        if h == len(owner):
            return 1
        total = 0
        for target in range(len(owner)):
            if used[target] or kind_of[owner[target]] != kind_of[owner[h]]:
                continue
            if h % 2 and target != image[h - 1] ^ 1:  # the partner's image is the image's partner
                continue
            known = node_image.get(owner[h])
            if known is None and owner[target] in node_image.values():
                continue
            if known is not None and known != owner[target]:
                continue
            image[h], used[target] = target, True
            node_image[owner[h]] = owner[target]
            total += extend(h + 1)
            if known is None:
                del node_image[owner[h]]
            image[h], used[target] = -1, False
        return total

    return extend(0)


def smallest_lines(legs: int, kinds: Sequence[Kind], lines: Lines) -> Lines:
    """The smallest edge list over all permutations of legs and of vertices of equal kind."""
    rest = list(range(legs, legs + len(kinds)))
    renamings = vertex_relabellings(legs, kinds)
    return min(
        renamed(renamed(lines, [*order, *rest]), renaming)
        for order in permutations(range(legs))
        for renaming in renamings
    )


def regrouped(legs: int, kinds: Sequence[Kind], lines: Lines, order: Sequence[Kind]) -> tuple[tuple[Kind, ...], Lines]:
    """The same diagram with its vertices sorted by the position of their kind in `order`."""
    places = sorted(range(len(kinds)), key=lambda v: order.index(kinds[v]))
    renaming = [*range(legs), *(legs + places.index(v) for v in range(len(kinds)))]
    return tuple(kinds[v] for v in places), renamed(lines, renaming)


def reachable(start: int, nodes: set[int], lines: Lines) -> set[int]:
    """The nodes of `nodes` that lines within `nodes` connect to `start`."""
    found = {start}
    while True:
        more = {b for line in lines for a, b in (line, line[::-1]) if a in found and b in nodes and b not in found}
        if not more:
            return found
        found |= more


def components(size: int, lines: Lines) -> list[set[int]]:
    """Connected components of the nodes 0..size-1."""
    left = set(range(size))
    result = []
    while left:
        result.append(reachable(min(left), set(range(size)), lines))
        left -= result[-1]
    return result


def vacuum_part(legs: int, vertices: int, lines: Lines) -> bool:
    """Rule 7: a component without legs."""
    return any(min(component) >= legs for component in components(legs + vertices, lines))


def propagator_correction(legs: int, vertices: int, lines: Lines) -> bool:
    """Rule 4.5: in a component with legs, a connected set of vertices that exactly two lines leave."""
    for component in components(legs + vertices, lines):
        inner = sorted(node for node in component if node >= legs)
        if len(inner) == len(component):
            continue
        for size in range(1, len(inner) + 1):
            for chosen in combinations(inner, size):
                part = set(chosen)
                leaving = sum((a in part) != (b in part) for a, b in lines)
                if leaving == 2 and reachable(chosen[0], part, lines) == part:
                    return True
    return False


def connected(legs: int, vertices: int, lines: Lines) -> bool:
    """Whether the diagram is one component."""
    return len(components(legs + vertices, lines)) == 1
