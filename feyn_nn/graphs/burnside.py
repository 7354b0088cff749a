"""How many diagrams there are, exactly, without making any: Burnside's lemma for pairings of half-edges.

A diagram is an orbit of pairings of half-edges under the permutations of the half-edges of each vertex and of equal
vertices (and, for topologies, of legs). A permutation with c_l cycles of length l leaves

    prod_l f(l, c_l),   f(l, c) = (c - 1)!! l^(c/2) for odd l (0 for odd c),   sum_j binom(c, 2j) (2j - 1)!! l^j for even l

pairings fixed (Read, J. London Math. Soc. 34 (1959) 417), so the average over all cycle types is the number of orbits.
Connected topologies follow from all: a topology is a multiset of connected ones.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import comb, factorial
from typing import TYPE_CHECKING, TypeAlias

from feyn_nn.combinatorics import pairing_count

if TYPE_CHECKING:
    from collections.abc import Iterator

CycleType: TypeAlias = int
"""How many cycles there are of each length l, as digit l of a number to the base 256; so types add up."""
CycleIndex: TypeAlias = dict[CycleType, int]
"""The number of elements of a group that have each cycle type."""

_BITS = 8
_QUICK = 200_000
"""Pairs of cycle types, of legs and of vertices."""


@lru_cache(maxsize=1024)
def topology_count(legs: int, valences: tuple[int, ...], counts: tuple[int, ...]) -> int:
    """The number of topologies with `counts[i]` vertices of an operator of valence `valences[i]`, connected or not.

    >>> [topology_count(2, (4,), (order,)) for order in range(8)]
    [1, 2, 7, 21, 74, 269, 1115, 5071]
    """
    attached = _attached(legs, valences, counts)
    return _orbits(_product(_symmetric(attached), _vertices(valences, counts))) if attached >= 0 else 0


def is_quick(legs: int, valences: tuple[int, ...], counts: tuple[int, ...]) -> bool:
    """Whether `topology_count`, and `connected_topology_count`, take well below a second."""
    return _partition_count(max(_attached(legs, valences, counts), 0)) * len(_vertices(valences, counts)) < _QUICK


def _attached(legs: int, valences: tuple[int, ...], counts: tuple[int, ...]) -> int:
    """How many legs can end at vertices; the others can only be joined in pairs. Negative if that leaves one over."""
    half_edges = sum(valence * count for valence, count in zip(valences, counts, strict=True))
    return min(legs, half_edges - (half_edges - legs) % 2)


def diagram_count(legs: int, valences: tuple[int, ...], counts: tuple[int, ...]) -> int:
    """The number of labelled diagrams, connected or not.

    >>> diagram_count(4, (4,), (1,)), diagram_count(6, (4, 6), (1, 1))
    (10, 927)
    """
    return _orbits(_product({_cycles(1, legs): 1}, _vertices(valences, counts)))


@lru_cache(maxsize=1024)
def connected_topology_count(legs: int, valences: tuple[int, ...], counts: tuple[int, ...]) -> int:
    """The number of connected topologies with a vertex or two legs at least.

    Sizes m count legs and vertices. With a(m) the number of all topologies, c(m) of connected ones, and w(m) the first
    entry of m that is not zero for the size in question, counting pieces by what they add to that entry gives

        w(m) a(m) = sum_(k m' <= m) w(m') c(m') a(m - k m').

    >>> [connected_topology_count(0, (4,), (order,)) for order in range(1, 9)]
    [1, 2, 4, 10, 28, 97, 359, 1635]
    """
    size = (legs, *counts)
    if not any(size):
        return 0
    total = 0
    axis = next(index for index, entry in enumerate(size) if entry)
    for smaller in product(*(range(entry + 1) for entry in size)):
        if smaller[axis] == 0 or smaller == size:
            continue
        number = connected_topology_count(smaller[0], valences, smaller[1:])
        multiple = 1
        while number and all(multiple * part <= entry for part, entry in zip(smaller, size, strict=True)):
            rest = tuple([entry - multiple * part for part, entry in zip(smaller, size, strict=True)])
            total += smaller[axis] * number * topology_count(rest[0], valences, rest[1:])
            multiple += 1
    weighted = size[axis] * topology_count(legs, valences, counts) - total
    return weighted // size[axis]


@lru_cache(maxsize=4096)
def _fixed(length: int, number: int) -> int:
    """Pairings that a permutation with this many cycles of one length leaves as they are."""
    if length % 2:
        return pairing_count(number) * int(length ** (number // 2))
    return sum(comb(number, 2 * j) * pairing_count(2 * j) * length**j for j in range(number // 2 + 1))


def _orbits(index: CycleIndex) -> int:
    total = 0
    for cycles, elements in index.items():
        fixed = elements
        for length, number in _digits(cycles):
            fixed *= _fixed(length, number)
            if not fixed:
                break
        total += fixed
    return total // sum(index.values())


def _cycles(length: int, number: int) -> CycleType:
    return number << (_BITS * length)


def _digits(cycles: CycleType) -> Iterator[tuple[int, int]]:
    """(length, number of cycles)."""
    length = 0
    while cycles:
        number = cycles & ((1 << _BITS) - 1)
        if number:
            yield length, number
        cycles >>= _BITS
        length += 1


@lru_cache(maxsize=64)
def _symmetric(size: int) -> CycleIndex:
    """All permutations of `size` objects."""
    result: CycleIndex = {}
    for cycles in _partitions(size, size):
        order = 1
        for length, number in cycles:
            order *= length**number * factorial(number)
        result[sum(_cycles(length, number) for length, number in cycles)] = factorial(size) // order
    return result


@lru_cache(maxsize=256)
def _partition_count(size: int) -> int:
    numbers = [1] + [0] * size
    for part in range(1, size + 1):
        for total in range(part, size + 1):
            numbers[total] += numbers[total - part]
    return numbers[size]


def _partitions(size: int, largest: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """Partitions as (part, how often)."""
    if size == 0:
        yield ()
        return
    for part in range(min(size, largest), 0, -1):
        for number in range(size // part, 0, -1):
            for rest in _partitions(size - part * number, part - 1):
                yield ((part, number), *rest)


@lru_cache(maxsize=256)
def _wreath(valence: int, count: int) -> CycleIndex:
    """Permutations of `count` vertices and of the `valence` half-edges of each.

    With h_p the cycle index, p h_p = sum_r s_r h_(p-r), where s_r has every cycle of the half-edges r times as long.
    """
    if count == 0:
        return {0: 1}
    total: CycleIndex = {}
    for length in range(1, count + 1):
        stretched = {
            sum(_cycles(length * cycle, number) for cycle, number in _digits(cycles)): elements
            for cycles, elements in _symmetric(valence).items()
        }
        factor = factorial(valence) ** (length - 1) * factorial(count - 1) // factorial(count - length)
        for cycles, elements in _product(stretched, _wreath(valence, count - length)).items():
            total[cycles] = total.get(cycles, 0) + factor * elements
    return total


@lru_cache(maxsize=256)
def _vertices(valences: tuple[int, ...], counts: tuple[int, ...]) -> CycleIndex:
    if not valences:
        return {0: 1}
    return _product(_vertices(valences[:-1], counts[:-1]), _wreath(valences[-1], counts[-1]))


def _product(left: CycleIndex, right: CycleIndex) -> CycleIndex:
    result: CycleIndex = {}
    for cycles, elements in left.items():
        for others, more in right.items():
            result[cycles + others] = result.get(cycles + others, 0) + elements * more
    return result
