"""The standard filters straight from their definitions, on edge lists; shares nothing with the package.

Nodes are legs 0..legs-1, then vertices; a diagram is a sequence of lines. Lines are removed one by one, sets of
vertices are tried one by one.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from tests.oracles import brute_force

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Lines = Sequence[tuple[int, int]]
    Definition = Callable[[int, int, Lines], bool]


def components(nodes: int, lines: Lines) -> list[set[int]]:
    """The connected components."""
    found: list[set[int]] = []
    for node in range(nodes):
        touching = [part for part in found if any({node, other} in [set(line) for line in lines] for other in part)]
        found = [part for part in found if part not in touching] + [{node}.union(*touching)]
    return found


def connected(legs: int, vertices: int, lines: Lines) -> bool:
    return len(components(legs + vertices, lines)) == 1


def internal_cuts(legs: int, vertices: int, lines: Lines) -> Iterator[tuple[list[set[int]], tuple[int, int]]]:
    """The components that are left when one line between two different vertices is removed, and that line."""
    for index, (a, b) in enumerate(lines):
        if a >= legs and b >= legs and a != b:
            yield components(legs + vertices, [*lines[:index], *lines[index + 1 :]]), (a, b)


def one_pi(legs: int, vertices: int, lines: Lines) -> bool:
    cuts = internal_cuts(legs, vertices, lines)
    return connected(legs, vertices, lines) and all(len(parts) == 1 for parts, _ in cuts)


def amputated(legs: int, vertices: int, lines: Lines) -> bool:
    for parts, (a, b) in internal_cuts(legs, vertices, lines):
        sides = [part for part in parts if a in part or b in part]
        if len(sides) == 2 and any(len(side & set(range(legs))) == 1 for side in sides):
            return False
    return True


def no_vacuum(legs: int, vertices: int, lines: Lines) -> bool:
    return all(min(part) < legs for part in components(legs + vertices, lines))


def no_self_loops(legs: int, vertices: int, lines: Lines) -> bool:
    return all(a != b for a, b in lines)


def no_propagator_corrections(legs: int, vertices: int, lines: Lines) -> bool:
    return not brute_force.propagator_correction(legs, vertices, tuple(lines))


def no_snails(legs: int, vertices: int, lines: Lines) -> bool:
    """No vertex v on which some vertices and self-loops hang, free of legs and joined to nothing else, where the rest
    of the component is more than v, or v and a single leg.
    """
    for component in components(legs + vertices, lines):
        inside = [line for line in lines if line[0] in component]
        for v in (node for node in component if node >= legs):
            loops = inside.count((v, v))
            others = sorted(node for node in component if node >= legs and node != v)
            for size in range(len(others) + 1):
                for hanging in map(set, combinations(others, size)):
                    if any((a in hanging) != (b in hanging) and v not in {a, b} for a, b in inside):
                        continue
                    rest = component - hanging - {v}
                    for taken in range(loops + 1):
                        proper = len(rest) > 1 or any(node >= legs for node in rest) or taken < loops
                        if (hanging or taken) and proper:
                            return False
    return True


DEFINITIONS: Final[dict[str, Definition]] = {
    "connected": connected,
    "one-pi": one_pi,
    "no-vacuum": no_vacuum,
    "no-self-loops": no_self_loops,
    "no-snails": no_snails,
    "no-propagator-corrections": no_propagator_corrections,
    "amputated": amputated,
}
