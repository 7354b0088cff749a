"""Power series in several couplings with exact coefficients, truncated to a set of multi-orders."""

from __future__ import annotations

from fractions import Fraction
from math import comb
from typing import TypeAlias

Order: TypeAlias = tuple[int, ...]
Series: TypeAlias = dict[Order, Fraction]
"""Power series truncated to a set of multi-orders; a missing order is zero."""


class Truncation:
    """Arithmetic of power series that keeps the multi-orders in a downward closed set."""

    def __init__(self, orders: list[Order]) -> None:
        self.orders = sorted(orders)  # lexicographic: every smaller order comes before
        self.kept = frozenset(orders)
        self.zero: Order = (0,) * len(orders[0])
        self.one: Series = {self.zero: Fraction(1)}

    def add(self, a: Series, b: Series, factor: Fraction | int = 1) -> Series:
        """A + factor * b."""
        result = dict(a)
        for order, value in b.items():
            result[order] = result.get(order, Fraction(0)) + factor * value
        return result

    def multiply(self, a: Series, b: Series) -> Series:
        """A * b."""
        result: Series = {}
        for p, left in a.items():
            if left:
                for q, right in b.items():
                    order = tuple([i + j for i, j in zip(p, q, strict=True)])
                    if order in self.kept:
                        result[order] = result.get(order, Fraction(0)) + left * right
        return result

    def divide(self, a: Series, b: Series) -> Series:
        """A / b for a series b that starts with a non-zero constant."""
        quotient: Series = {}
        for order in self.orders:
            known = sum(
                (
                    value * b.get(tuple([i - j for i, j in zip(order, lower, strict=True)]), Fraction(0))
                    for lower, value in quotient.items()
                    if all(j <= i for i, j in zip(order, lower, strict=True))
                ),
                Fraction(0),
            )
            quotient[order] = (a.get(order, Fraction(0)) - known) / b[self.zero]
        return quotient

    def powers(self, base: Series, count: int) -> list[Series]:
        """base^0, ..., base^count."""
        result = [self.one]
        for _ in range(count):
            result.append(self.multiply(result[-1], base))
        return result

    def moment(self, legs: int, cumulants: list[Series]) -> Series:
        """The moment of order `legs` from the cumulants 0..legs (entry 0 is not used)."""
        moments = [self.one]
        for n in range(1, legs + 1):
            total: Series = {}
            for k in range(1, n + 1):
                total = self.add(total, self.multiply(cumulants[k], moments[n - k]), comb(n - 1, k - 1))
            moments.append(total)
        return moments[legs]

    def substitute(self, series: Series, couplings: list[Series]) -> Series:
        """Evaluate `series`, in any number of independent couplings, at `couplings`, themselves series here."""
        result: Series = {}
        for order, value in series.items():
            term = self.one
            for coupling, power in zip(couplings, order, strict=True):
                for _ in range(power):
                    term = self.multiply(term, coupling)
            result = self.add(result, term, value)
        return result

    def variable(self, index: int) -> Series:
        """The coupling number `index` as a series."""
        return {tuple(int(i == index) for i in range(len(self.zero))): Fraction(1)}
