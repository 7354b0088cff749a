"""Connectivity of small multigraphs: components, bridges, cuts of two lines, parts that hang on one vertex.

A graph is a number of nodes and its bundles (i, j, multiplicity) of parallel lines, i != j, one for each pair of nodes.
Self-loops play no part in any cut and are left out.

Cuts are read off the cycle space, exactly and in one pass. Take a spanning tree and give every other line (a chord) a
bit of its own. The label of a tree line is the set of the chords whose cycles run through it, that of a chord its own
bit. A set of lines is a cut (all lines between some set of nodes and the rest) if and only if its labels add up to
zero modulo two. So a line is a bridge if its label is zero, and two lines that are not bridges form a cut if their
labels are equal (for instance J. A. Bondy, U. S. R. Murty, Graph Theory, ch. 2; D. Pritchard, R. Thurimella, ACM Trans.
Algorithms 7 (2011) 46, who draw the labels at random).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.graphs.canonical import Piece

Bundles: TypeAlias = "Sequence[tuple[int, int, int]]"
"""(i, j, multiplicity), i != j, each pair of nodes once."""


class CutTree(NamedTuple):
    """A spanning tree of the component of its root, with the labels of its lines.

    `order` lists the nodes, the root first and every parent before its children; `parent[v]` is -1 for nodes that
    the root does not reach; `label[v]` belongs to the line from v to its parent.
    """

    order: list[int]
    parent: list[int]
    label: list[int]


def cut_tree(size: int, bundles: Bundles, root: int = 0) -> CutTree:
    """Span the component of `root` breadth first and label the lines of the tree by the chords that close over them."""
    around: list[list[int]] = [[] for _ in range(size)]
    for i, j, _ in bundles:
        around[i].append(j)
        around[j].append(i)
    parent = [-1] * size
    parent[root] = root
    order = [root]
    for node in order:  # grows while it is read
        for other in around[node]:
            if parent[other] < 0:
                parent[other] = node
                order.append(other)
    label = [0] * size
    shift = 0
    for i, j, multiplicity in bundles:
        chords = multiplicity - (parent[i] == j or parent[j] == i)
        if chords:
            bits = ((1 << chords) - 1) << shift
            shift += chords
            label[i] ^= bits
            label[j] ^= bits
    for node in reversed(order):
        if node != root:
            label[parent[node]] ^= label[node]
    return CutTree(order, parent, label)


def bridges(size: int, bundles: Bundles) -> list[tuple[int, int]]:
    """Every line whose cut disconnects its component, as (node, other node); the other node's side is listed second."""
    found = []
    seen = [False] * size
    for root in range(size):
        if not seen[root]:
            tree = cut_tree(size, bundles, root)
            for node in tree.order:
                seen[node] = True
            found += [(tree.parent[node], node) for node in tree.order[1:] if not tree.label[node]]
    return found


def neighbour_masks(size: int, bundles: Bundles) -> list[int]:
    """For each node the bit mask of its neighbours."""
    masks = [0] * size
    for i, j, _ in bundles:
        masks[i] |= 1 << j
        masks[j] |= 1 << i
    return masks


def component_masks(neighbours: Sequence[int], among: int) -> list[int]:
    """Connected components, as bit masks, of the graph that the nodes of the mask `among` span."""
    found = []
    while among:
        component = frontier = among & -among
        while frontier:
            low = frontier & -frontier
            fresh = neighbours[low.bit_length() - 1] & among & ~component
            component |= fresh
            frontier = (frontier ^ low) | fresh
        found.append(component)
        among &= ~component
    return found


def components(neighbours: Sequence[int]) -> list[list[int]]:
    """Connected components, each as its sorted nodes; `neighbours` as from `neighbour_masks`."""
    size = len(neighbours)
    masks = component_masks(neighbours, (1 << size) - 1)
    return [[node for node in range(size) if mask >> node & 1] for mask in masks]


def is_bridgeless(piece: Piece) -> bool:
    """Whether no line between two vertices of a connected piece disconnects its vertices when cut."""
    if all(multiplicity > 1 for _, _, multiplicity in piece.edges):
        return True
    tree = cut_tree(len(piece.colours), piece.edges)
    return all(tree.label[node] for node in tree.order[1:])


def has_bridge_to_one_leg(piece: Piece) -> bool:
    """Whether some line between two vertices, when cut, leaves a part with exactly one leg."""
    if all(multiplicity > 1 for _, _, multiplicity in piece.edges):
        return False
    tree = cut_tree(len(piece.colours), piece.edges)
    below = [node.legs for node in piece.colours]
    total = sum(below)
    for node in reversed(tree.order[1:]):
        if not tree.label[node] and (below[node] == 1 or total - below[node] == 1):
            return True
        below[tree.parent[node]] += below[node]
    return False


def has_insertion(piece: Piece) -> bool:
    """Whether a connected set of vertices is joined to the rest of a piece with legs by exactly two lines.

    The lines of legs count: they end at one node outside, the root. Two lines of equal label that are not bridges
    leave such a set on the side without the root; two bridges do if one lies behind the other, seen from the root.
    """
    outside = len(piece.colours)
    bundles = [*piece.edges, *((i, outside, node.legs) for i, node in enumerate(piece.colours) if node.legs)]
    order, parent, label = cut_tree(outside + 1, bundles, outside)
    seen = set()
    behind_bridge = [False] * (outside + 1)
    for node in order[1:]:
        own = label[node]
        behind = behind_bridge[parent[node]]
        if own:
            if own & (own - 1) == 0 or own in seen:  # the label of a chord, or of a tree line already met
                return True
            seen.add(own)
        elif behind:
            return True
        behind_bridge[node] = behind or not own
    return False


def has_snail(piece: Piece) -> bool:
    """Whether a leg-free part hangs on the rest of the piece at a single vertex.

    Parts at a vertex v are its self-loops and the components of the piece without v. A part without legs is a
    snail unless the rest is nothing but v itself, or v and a single leg: the part is then the component itself.
    """
    colours = piece.colours
    size = len(colours)
    neighbours = neighbour_masks(size, piece.edges)
    everything = (1 << size) - 1
    with_legs = sum(1 << index for index, node in enumerate(colours) if node.legs)
    for index, node in enumerate(colours):
        parts = component_masks(neighbours, everything & ~(1 << index))
        free = node.loops + sum(not part & with_legs for part in parts)
        if free and (node.loops + len(parts) > 1 or node.legs > 1):
            return True
    return False
