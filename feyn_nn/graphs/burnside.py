"""How many diagrams there are, exactly, without making any: Burnside's lemma for pairings of half-edges.

A diagram is an orbit of pairings of half-edges under the permutations of the half-edges of each vertex and of equal
vertices (and, for topologies, of legs). A permutation with c_l cycles of length l leaves

    prod_l f(l, c_l),   f(l, c) = (c - 1)!! l^(c/2) for odd l (0 for odd c),   sum_j binom(c, 2j) (2j - 1)!! l^j for even l

pairings fixed (Read, J. London Math. Soc. 34 (1959) 417), so the average over all cycle types is the number of orbits.
Connected topologies follow from all: a topology is a multiset of connected ones.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import comb, factorial
from typing import TYPE_CHECKING, TypeAlias

from feyn_nn.combinatorics import pairing_count

if TYPE_CHECKING:
    from collections.abc import Iterator

CycleType: TypeAlias = tuple[tuple[int, int], ...]
"""(length, number of cycles), sorted."""
CycleIndex: TypeAlias = dict[CycleType, Fraction]
"""The share of a group's elements that has each cycle type."""


def topology_count(legs: int, valences: tuple[int, ...], counts: tuple[int, ...]) -> int:
    """The number of topologies with `counts[i]` vertices of an operator of valence `valences[i]`, connected or not.

    >>> [topology_count(2, (4,), (order,)) for order in range(8)]
    [1, 2, 7, 21, 74, 269, 1115, 5071]
    """
    return _orbits(_product(_symmetric(legs), _vertices(valences, counts)))


def diagram_count(legs: int, valences: tuple[int, ...], counts: tuple[int, ...]) -> int:
    """The number of labelled diagrams, connected or not.

    >>> diagram_count(4, (4,), (1,)), diagram_count(6, (4, 6), (1, 1))
    (10, 927)
    """
    return _orbits(_product({((1, legs),) if legs else (): Fraction(1)}, _vertices(valences, counts)))


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
    total = Fraction(0)
    for cycles, share in index.items():
        fixed = 1
        for length, number in cycles:
            fixed *= _fixed(length, number)
            if not fixed:
                break
        total += share * fixed
    return int(total)


@lru_cache(maxsize=64)
def _symmetric(size: int) -> CycleIndex:
    """The cycle index of all permutations of `size` objects."""
    result: CycleIndex = {}
    for cycles in _partitions(size, size):
        order = 1
        for length, number in cycles:
            order *= length**number * factorial(number)
        result[tuple(sorted(cycles))] = Fraction(1, order)
    return result


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
    """Permutations of `count` vertices and of the `valence` half-edges of each: h_p = (1/p) sum_r s_r h_(p-r)."""
    if count == 0:
        return {(): Fraction(1)}
    total: CycleIndex = {}
    for length in range(1, count + 1):
        stretched = {
            tuple((length * cycle, number) for cycle, number in cycles): share
            for cycles, share in _symmetric(valence).items()
        }
        for cycles, share in _product(stretched, _wreath(valence, count - length)).items():
            total[cycles] = total.get(cycles, Fraction(0)) + share / count
    return total


@lru_cache(maxsize=256)
def _vertices(valences: tuple[int, ...], counts: tuple[int, ...]) -> CycleIndex:
    result: CycleIndex = {(): Fraction(1)}
    for valence, count in zip(valences, counts, strict=True):
        result = _product(result, _wreath(valence, count))
    return result


def _product(left: CycleIndex, right: CycleIndex) -> CycleIndex:
    result: CycleIndex = {}
    for cycles, share in left.items():
        for others, other_share in right.items():
            joined = Counter(dict(cycles))
            joined.update(dict(others))
            key = tuple(sorted(joined.items()))
            result[key] = result.get(key, Fraction(0)) + share * other_share
    return result
