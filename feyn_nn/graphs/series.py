"""Power series in several couplings with exact coefficients, truncated to a set of multi-orders.

Inside, a series a is kept as its *counts*, the integers prod_k p_k! a_p: where a is a sum of the weights C(D) over a class
of diagrams these are numbers of Wick contractions. Products carry binomials, quotients by series that start with one,
divided powers a^j / j! of series that start with zero, logarithms and exponentials keep the counts integers.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product
from math import comb, factorial, prod
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Order: TypeAlias = tuple[int, ...]
Series: TypeAlias = dict[Order, Fraction]
"""Power series truncated to a set of multi-orders; a missing order is zero."""
Counts: TypeAlias = list[int]
"""prod_k p_k! times the coefficient at each multi-order of a truncation, in its order."""


class Truncation:
    """Arithmetic of power series that keeps the multi-orders in a downward closed set."""

    def __init__(self, orders: Sequence[Order]) -> None:
        self.orders = sorted(orders)  # lexicographic: every smaller order comes before
        self.place = {order: index for index, order in enumerate(self.orders)}
        self.degree = max(map(sum, self.orders))
        self.factorials = [prod(map(factorial, order)) for order in self.orders]
        self.one: Counts = [1] + [0] * (len(self.orders) - 1)
        self.zero: Counts = [0] * len(self.orders)
        self._terms: list[list[tuple[int, int, int]]] = []
        for order in self.orders:  # every way to write it as a sum of two, with the binomials
            self._terms.append([])
            for lower in product(*(range(power + 1) for power in order)):
                upper = tuple([a - b for a, b in zip(order, lower, strict=True)])
                ways = prod(map(comb, order, lower))
                self._terms[-1].append((self.place[lower], self.place[upper], ways))

    def series(self, counts: Counts) -> Series:
        """The series of these counts, zeros left out."""
        parts = zip(self.orders, counts, self.factorials, strict=True)
        return {order: Fraction(count, symmetry) for order, count, symmetry in parts if count}

    def counts(self, series: Series) -> Counts:
        """The counts of a series, which must be integers."""
        scaled = [
            series.get(order, Fraction(0)) * symmetry
            for order, symmetry in zip(self.orders, self.factorials, strict=True)
        ]
        if any(value.denominator != 1 for value in scaled):
            raise ValueError(f"{series}: expected integer numbers of contractions")
        return [int(value) for value in scaled]

    def add(self, a: Counts, b: Counts, factor: int = 1) -> Counts:
        """A + factor * b."""
        return [x + factor * y for x, y in zip(a, b, strict=True)]

    def multiply(self, a: Counts, b: Counts) -> Counts:
        """A * b."""
        return [sum([ways * a[i] * b[j] for i, j, ways in terms]) for terms in self._terms]

    def divide(self, a: Counts, b: Counts) -> Counts:
        """A / b for a series b that starts with one."""
        quotient = list(self.zero)
        for index, terms in enumerate(self._terms):
            known = sum([ways * quotient[i] * b[j] for i, j, ways in terms if i != index])
            quotient[index] = a[index] - known
        return quotient

    def powers(self, base: Counts, count: int) -> list[Counts]:
        """base^0, ..., base^count."""
        result = [self.one]
        for _ in range(count):
            result.append(self.multiply(result[-1], base))
        return result

    def divided_powers(self, base: Counts, count: int) -> list[Counts]:
        """base^j / j! for j = 0..count, of a series that starts with zero."""
        result = [self.one]
        for j in range(1, count + 1):
            result.append([value // j for value in self.multiply(result[-1], base)])
        return result

    def logarithm(self, a: Counts) -> Counts:
        """Log a of a series that starts with one."""
        result = self.zero
        for j, power in enumerate(self.divided_powers(self.add(a, self.one, -1), self.degree)[1:], start=1):
            result = self.add(result, power, (-1) ** (j - 1) * factorial(j - 1))
        return result

    def exponential(self, a: Counts) -> Counts:
        """Exp a of a series that starts with zero."""
        return [sum(values) for values in zip(*self.divided_powers(a, self.degree), strict=True)]

    def moment(self, legs: int, cumulant: Callable[[int], Counts]) -> Counts:
        """The moment of order `legs` from the cumulants 1..legs."""
        moments = [self.one]
        for n in range(1, legs + 1):
            total = self.zero
            for k in range(1, n + 1):
                total = self.add(total, self.multiply(cumulant(k), moments[n - k]), comb(n - 1, k - 1))
            moments.append(total)
        return moments[legs]

    def vertex_function(self, legs: int, cumulant: Callable[[int], Counts]) -> Counts:
        """Derivative number `legs`, two or more, of the Legendre transform Gamma(phi) at phi = 0, of cumulants with <f> = 0.

        The source J(phi) = Gamma' is the inverse of phi(J) = sum_m kappa_(m+1) J^m / m!, so with partial Bell polynomials B
        of the kappa_(m+1), Gamma_(N+1) kappa_2^N = - sum_(m < N) Gamma_(m+1) B_(N,m) for N >= 2, and Gamma_2 = 1 / kappa_2.
        """
        size = legs - 1
        bell = [[self.zero] * (size + 1) for _ in range(size + 1)]
        bell[0][0] = self.one
        found = [self.zero]
        for n in range(1, size + 1):
            for m in range(1, n + 1):
                for k in range(1, n - m + 2):
                    term = self.multiply(cumulant(k + 1), bell[n - k][m - 1])
                    bell[n][m] = self.add(bell[n][m], term, comb(n - 1, k - 1))
            total = self.one if n == 1 else self.zero
            for m in range(1, n):
                total = self.add(total, self.multiply(found[m], bell[n][m]), -1)
            found.append(self.divide(total, bell[n][n]))
        return found[size]

    def variable(self, index: int) -> Counts:
        """The coupling number `index` as a series."""
        unit = tuple(int(i == index) for i in range(len(self.orders[0])))
        return [int(order == unit) for order in self.orders]


class Reexpansion:
    """The coefficients f in  cumulant_n = sum_q f_q prod_k couplings_k^(q_k) G^((n + sum_k k q_k)/2),  for n >= 3.

    G starts with one, the couplings with independent variables g_k: at first order they may add couplings of larger
    valence, which come later in `valences`. So f is found order by order in the number of vertices, smaller valences first.
    """

    def __init__(
        self,
        truncation: Truncation,
        valences: Sequence[int],
        cumulant: Callable[[int], Counts],
        couplings: Sequence[Counts],
        propagator: Counts,
    ) -> None:
        self.truncation = truncation
        self.valences = valences
        self._cumulant = cumulant
        self._couplings = couplings
        self._propagator = propagator
        self._propagators = [truncation.one]
        self._monomials: dict[Order, Counts] = {truncation.orders[0]: truncation.one}
        self.coefficients = cache(self._coefficients)

    def evaluate(self, legs: int, truncation: Truncation, couplings: Sequence[Counts]) -> Counts:
        """sum_q f_q prod_k couplings_k^(q_k) for series of another truncation."""
        result = truncation.zero
        monomials: dict[Order, Counts] = {self.truncation.orders[0]: truncation.one}
        for order, value in zip(self.truncation.orders, self.coefficients(legs), strict=True):
            if value:
                term = _monomial(truncation, monomials, couplings, order)
                result = truncation.add(result, term, value)
        return result

    def _coefficients(self, legs: int) -> Counts:
        truncation = self.truncation
        rest = self._cumulant(legs)
        result = list(truncation.zero)
        for order in sorted(truncation.orders, key=lambda order: (sum(order), [-power for power in order])):
            index = truncation.place[order]
            value = result[index] = rest[index]
            if value:
                lines = (legs + sum(k * power for k, power in zip(self.valences, order, strict=True))) // 2
                while len(self._propagators) <= lines:
                    self._propagators.append(truncation.multiply(self._propagators[-1], self._propagator))
                vertices = _monomial(truncation, self._monomials, self._couplings, order)
                rest = truncation.add(rest, truncation.multiply(vertices, self._propagators[lines]), -value)
        return result


def _monomial(truncation: Truncation, known: dict[Order, Counts], couplings: Sequence[Counts], order: Order) -> Counts:
    """prod_k couplings_k^(q_k) / q_k!, remembered."""
    if order not in known:
        last = next(index for index, power in enumerate(order) if power)
        lower = (*order[:last], order[last] - 1, *order[last + 1 :])
        product_ = truncation.multiply(_monomial(truncation, known, couplings, lower), couplings[last])
        known[order] = [value // order[last] for value in product_]
    return known[order]
