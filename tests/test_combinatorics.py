"""Counts and members of pairings, partitions and tuples: closed forms against enumeration."""

from __future__ import annotations

from itertools import product
from math import comb, factorial

import pytest

from feyn_nn.combinatorics import double_factorial, pairing_count, pairings, set_partitions, sorted_tuples


@pytest.mark.parametrize("n", range(12))
def test_double_factorial_of_odd_and_even_numbers(n: int) -> None:
    assert double_factorial(2 * n) == 2**n * factorial(n)
    assert double_factorial(2 * n - 1) == factorial(2 * n) // (2**n * factorial(n))


def test_double_factorial_refuses_numbers_below_minus_one() -> None:
    with pytest.raises(ValueError, match="-2"):
        double_factorial(-2)


@pytest.mark.parametrize("n", range(10))
def test_pairings_are_all_pairings_each_once(n: int) -> None:
    found = list(pairings(range(n)))
    assert len(found) == len(set(found)) == pairing_count(n)
    assert found == sorted(found)
    for pairing in found:
        assert sorted(item for pair in pairing for item in pair) == list(range(n))
        assert all(a < b for a, b in pairing)
        assert list(pairing) == sorted(pairing)


def test_pairings_keep_equal_items_apart() -> None:
    assert len(list(pairings("aaaaaa"))) == pairing_count(6)


@pytest.mark.parametrize("n", range(8))
def test_set_partitions_obey_the_recursion_of_bell_and_are_distinct(n: int) -> None:
    bell = [1]
    for k in range(n):
        bell.append(sum(comb(k, j) * bell[j] for j in range(k + 1)))
    found = [frozenset(map(frozenset, partition)) for partition in set_partitions(range(n))]
    assert len(found) == len(set(found)) == bell[n]
    for partition in set_partitions(range(n)):
        assert all(partition)
        assert sorted(item for block in partition for item in block) == list(range(n))


@pytest.mark.parametrize(("points", "n"), [(0, 0), (0, 2), (1, 4), (3, 0), (3, 3), (6, 4)])
def test_sorted_tuples_are_the_sorted_ones_among_all(points: int, n: int) -> None:
    every = product(range(points), repeat=n)
    assert sorted_tuples(points, n) == [t for t in every if list(t) == sorted(t)]
    assert len(sorted_tuples(points, n)) == (comb(points + n - 1, n) if points else int(n == 0))
