"""Sums of 1/|Aut| over labelled diagrams from double factorials alone; shares nothing with the package.

In zero dimensions every propagator is 1, and with couplings divided by k! a class of n legs and p_k vertices of valence
k weighs (n + sum_k k p_k - 1)!! / prod_k (p_k! k!^p_k). Series in the couplings are dictionaries from multi-orders to
fractions, cut off where the vertices have more than `half_edges` half-edges.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product
from math import comb, factorial, prod
from typing import TYPE_CHECKING, TypeAlias, final

if TYPE_CHECKING:
    from collections.abc import Iterator

Orders: TypeAlias = tuple[int, ...]
Series: TypeAlias = dict[Orders, Fraction]


def pairings(size: int) -> int:
    """(size - 1)!!, the ways to join `size` things in pairs."""
    return 0 if size % 2 else prod(range(1, size, 2))


@final
class ZeroDimension:
    """Sums over all multi-orders of `valences` at once; every series is exact up to `half_edges`."""

    def __init__(self, valences: tuple[int, ...], half_edges: int) -> None:
        self.valences = valences
        self.half_edges = half_edges
        self.orders = tuple(
            order
            for order in product(*(range(half_edges // valence + 1) for valence in valences))
            if self.size(order) <= half_edges
        )
        self.all = cache(self._all)
        self.without_vacuum = cache(self._without_vacuum)
        self.connected = cache(self._connected)

    def size(self, order: Orders) -> int:
        """Half-edges of the vertices."""
        return sum(valence * power for valence, power in zip(self.valences, order, strict=True))

    def _all(self, legs: int) -> Series:
        return {
            order: Fraction(
                pairings(legs + self.size(order)),
                prod(
                    factorial(power) * factorial(valence) ** power
                    for valence, power in zip(self.valences, order, strict=True)
                ),
            )
            for order in self.orders
        }

    def _without_vacuum(self, legs: int) -> Series:
        """The quotient of the series for `legs` legs by that for none, order by order."""
        vacuum = self.all(0)
        result: Series = {}
        for order in sorted(self.orders, key=sum):
            known = sum((result[a] * vacuum[b] for a, b in self._splits(order) if any(b)), Fraction(0))
            result[order] = self.all(legs)[order] - known
        return result

    def _connected(self, legs: int) -> Series:
        """Cumulants: the component of the first leg has k - 1 of the others. Without legs, the logarithm."""
        if legs == 0:
            return self._logarithm()
        result = dict(self.without_vacuum(legs))
        for own in range(1, legs):
            first, rest = self.connected(own), self.without_vacuum(legs - own)
            for order in self.orders:
                both = sum((first[a] * rest[b] for a, b in self._splits(order)), Fraction(0))
                result[order] -= comb(legs - 1, own - 1) * both
        return result

    def _logarithm(self) -> Series:
        """L of exp(L) = Z, from |p| Z_p = sum over a of |a| L_a Z_(p-a)."""
        vacuum = self.all(0)
        result: Series = {}
        for order in sorted(self.orders, key=sum):
            total = sum(order)
            if total == 0:
                result[order] = Fraction(0)
                continue
            known = sum(
                (sum(a) * result[a] * vacuum[b] for a, b in self._splits(order) if any(b)), Fraction(0)
            )  # a = 0 adds nothing
            result[order] = vacuum[order] - known / total
        return result

    def _splits(self, order: Orders) -> Iterator[tuple[Orders, Orders]]:
        """Every a + b = order."""
        for first in product(*(range(power + 1) for power in order)):
            yield first, tuple([whole - part for whole, part in zip(order, first, strict=True)])
