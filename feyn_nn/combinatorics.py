"""Pairings, set partitions, sorted tuples and double factorials: exact integers, nothing else."""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import prod
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")


def double_factorial(n: int) -> int:
    """Return n!! = n (n-2) (n-4) ..., with (-1)!! = 0!! = 1.

    (n-1)!! is the number of pairings of n objects, n even.

    >>> [double_factorial(n) for n in (-1, 0, 5, 9, 11)]
    [1, 1, 15, 945, 10395]
    """
    if n < -1:
        raise ValueError(f"double factorial of {n}: expected -1 or more")
    return prod(range(n, 0, -2))


def pairing_count(n: int) -> int:
    """Return the number of perfect pairings of n objects: (n-1)!! for n even, else 0.

    >>> [pairing_count(n) for n in range(7)]
    [1, 0, 1, 0, 3, 0, 15]
    """
    return double_factorial(n - 1) if n % 2 == 0 else 0


def pairings(items: Sequence[T]) -> Iterator[tuple[tuple[T, T], ...]]:
    """Yield every perfect pairing of `items`, in lexicographic order; none if their number is odd.

    >>> list(pairings("abcd"))
    [(('a', 'b'), ('c', 'd')), (('a', 'c'), ('b', 'd')), (('a', 'd'), ('b', 'c'))]
    """
    if not items:
        yield ()
        return
    if len(items) % 2:
        return
    first, rest = items[0], items[1:]
    for k, partner in enumerate(rest):
        for tail in pairings([*rest[:k], *rest[k + 1 :]]):
            yield ((first, partner), *tail)


def set_partitions(items: Sequence[T]) -> Iterator[tuple[tuple[T, ...], ...]]:
    """Yield every partition of `items` into non-empty blocks (Bell number many).

    >>> [len(list(set_partitions(range(n)))) for n in range(6)]
    [1, 1, 2, 5, 15, 52]
    """
    if not items:
        yield ()
        return
    first, rest = items[0], items[1:]
    for partition in set_partitions(rest):
        yield ((first,), *partition)
        for k, block in enumerate(partition):
            yield (*partition[:k], (first, *block), *partition[k + 1 :])


def sorted_tuples(points: int, n: int) -> list[tuple[int, ...]]:
    """Return the non-decreasing n-tuples of 0-based indices below `points`, in lexicographic order.

    >>> sorted_tuples(3, 2)
    [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    >>> [len(sorted_tuples(6, n)) for n in (2, 4, 6)]
    [21, 126, 462]
    """
    return list(combinations_with_replacement(range(points), n))
