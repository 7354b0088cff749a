"""Exact sums of diagram weights from the theory in zero dimensions.

With every K = 1 the field theory is an ordinary integral, so for n legs and p_k vertices of valence k the sum of
C(D) = prod_k (k!)^(p_k) / |Aut(D)| over a class of diagrams is known exactly:

- all diagrams: (n + sum_k k p_k - 1)!! / prod_k p_k!, the moments of a Gaussian with the couplings expanded;
- without vacuum parts: that series divided by its own n = 0 member;
- connected: the cumulants kappa_n of those moments, and W(0) = log Z for n = 0;
- one-particle irreducible: n! [phi^n] of phi^2/2 - Gamma(phi), Gamma = J phi - W(J) the Legendre transform, expanded at
  phi = 0 (not at <f>, which odd operators make differ); that is at the source J0 with W'(J0) = 0;
- amputated: kappa_n / kappa_2^n for n >= 3, the self-energy 1 - 1/kappa_2 for n = 2, the irreducible tadpole for n = 1;
- connected, without propagator corrections: see below.

The free line belongs to the connected, irreducible and amputated two-point diagrams, at order zero. With vertices
g_k He_k(f) in place of g_k f^k (Hermite polynomials: normal ordering) every sum is that over diagrams without self-loops.

Series are in the couplings -g_k, so that all weights are positive. Everything is an exact Fraction.

Propagator corrections, even operators: the cumulants re-expanded in the exact two-point function G, which is
g_k -> g_k G^(k/2) and division by G^(n/2). With odd operators that is not enough, because a tadpole (a part
joined to the rest by one line) has no unique skeleton: two insertions can overlap in it. There the tadpoles are
summed first. With tau the one-point function, vertices with j tadpoles act as g_k -> sum_j binom(k+j, j) g_(k+j) tau^j,
and for n >= 3 the cumulants are

    kappa_n = G^(n/2) F_n(g_eff G^(k/2)),

which determines F_n, the connected diagrams without tadpoles and insertions, as a series in independent couplings
of every valence. A one-leg diagram is free of insertions exactly if no proper part of it is a tadpole, so its sum is
t = sum_k k g_k M_(k-1) with M_j the moments whose cumulants are (0, 1, F_3, F_4, ...); and n-leg diagrams without
insertions add up to F_n(g_eff) with tau replaced by t. The irreducible ones among them are t, the free line, and for
n >= 3 the Legendre transform of the cumulants (0, 1, F_3, F_4, ...). Self-loops: a vertex of F_n with k + 2j lines, j of them
self-loops, acts as one with k, so F_n without self-loops is F_n with f^k replaced by He_k, powers below three dropped;
in M_j they are left out by the cumulants (0, 0, F_3, ...).
"""

from __future__ import annotations

from collections import Counter
from enum import Enum
from functools import cache, cached_property, lru_cache
from itertools import combinations_with_replacement, product
from math import comb
from typing import TYPE_CHECKING, TypeAlias

from feyn_nn.combinatorics import pairing_count
from feyn_nn.errors import LimitError
from feyn_nn.graphs.series import Counts, Order, Reexpansion, Series, Truncation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_ORDERS = 500
"""Multi-orders of independent couplings that a sum without propagator corrections or snails may need."""


Polynomial: TypeAlias = dict[int, int]
"""Coefficient of each power of f."""


class Vertex(Enum):
    """What stands at a vertex of valence k: f^k, or the normal-ordered He_k(f), which forbids self-loops."""

    MONOMIAL = "monomial"
    NORMAL_ORDERED = "normal-ordered"

    def polynomial(self, valence: int) -> Polynomial:
        """The polynomial in f.

        >>> Vertex.NORMAL_ORDERED.polynomial(4)
        {4: 1, 2: -6, 0: 3}
        """
        if self is Vertex.MONOMIAL:
            return {valence: 1}
        return {
            valence - 2 * j: (-1) ** j * comb(valence, 2 * j) * pairing_count(2 * j) for j in range(valence // 2 + 1)
        }


class ZeroDimensionalTheory:
    """The zero-dimensional theory with vertices of `valences`, truncated at the multi-order `maxima`.

    >>> theory = ZeroDimensionalTheory((4, 6), (3, 1))
    >>> [str(theory.skeleton_cumulants(4)[order]) for order in ((1, 0), (2, 0), (3, 0), (0, 1), (1, 1))]
    ['24', '864', '51840', '360', '37440']
    """

    def __init__(self, valences: tuple[int, ...], maxima: Order, vertex: Vertex = Vertex.MONOMIAL) -> None:
        self.valences = valences
        self.maxima = maxima
        self._counts = theory_counts(valences, maxima, vertex)
        self._series = self._counts.truncation.series

    @property
    def normal_ordered(self) -> ZeroDimensionalTheory:
        """The theory with normal-ordered vertices: its sums are those over diagrams without self-loops.

        >>> theory = ZeroDimensionalTheory((4,), (2,)).normal_ordered
        >>> theory.all_diagrams(2)
        {(0,): Fraction(1, 1), (2,): Fraction(108, 1)}
        >>> theory.connected(2)
        {(0,): Fraction(1, 1), (2,): Fraction(96, 1)}
        """
        return ZeroDimensionalTheory(self.valences, self.maxima, Vertex.NORMAL_ORDERED)

    def all_diagrams(self, legs: int) -> Series:
        """Sum of C over all diagrams with `legs` legs, vacuum parts included."""
        return self._series(self._counts.everything(legs))

    def no_vacuum(self, legs: int) -> Series:
        """Sum of C over the diagrams in which every component has a leg: the normalised moments."""
        return self._series(self._counts.normalised(legs))

    def connected(self, legs: int) -> Series:
        """Sum of C over the connected diagrams: the cumulants; for no legs log Z, zero at order zero."""
        return self._series(self._counts.connected(legs))

    def one_pi(self, legs: int) -> Series:
        """Sum of C over the one-particle irreducible diagrams, the free line among those with two legs."""
        return self._series(self._counts.one_pi(legs))

    def amputated(self, legs: int) -> Series:
        """Sum of C over the connected diagrams in which no line between vertices cuts off exactly one leg."""
        return self._series(self._counts.amputated(legs))

    def skeleton_cumulants(self, legs: int) -> Series:
        """Sum of C over connected diagrams without propagator corrections; vacuum diagrams are not examined."""
        return self._series(self._counts.skeleton(legs))

    def skeleton_moments(self, legs: int) -> Series:
        """Sum of C over diagrams without vacuum parts and without propagator corrections."""
        return self._series(self._counts.truncation.moment(legs, self._counts.skeleton))

    def skeleton_one_pi(self, legs: int) -> Series:
        """Sum of C over irreducible diagrams without propagator corrections; vacuum diagrams are not examined."""
        return self._series(self._counts.skeleton_one_pi(legs))

    def with_vacuum(self, series: Series) -> Series:
        """Multiply a class without vacuum parts by every vacuum part."""
        truncation = self._counts.truncation
        return truncation.series(truncation.multiply(truncation.counts(series), self._counts.everything(0)))


class TheoryCounts:
    """The sums of one theory as counts (see `series`), remembered."""

    def __init__(self, valences: tuple[int, ...], orders: Sequence[Order], vertex: Vertex) -> None:
        self.valences = valences
        self.truncation = Truncation(orders)
        self.vertex = vertex
        self._interactions: dict[Order, Polynomial] = {self.truncation.orders[0]: {0: 1}}
        for order in self.truncation.orders[1:]:
            last = next(index for index, power in enumerate(order) if power)
            lower = (*order[:last], order[last] - 1, *order[last + 1 :])
            self._interactions[order] = _times(self._interactions[lower], vertex.polynomial(valences[last]))
        # remembered by the theory itself: a cache on the class would keep every theory alive
        for name in ("everything", "normalised", "connected", "tadpole_free", "skeleton", "_source_powers"):
            setattr(self, name, cache(getattr(self, name)))

    def everything(self, legs: int) -> Counts:
        """All diagrams."""
        return [
            sum(coefficient * pairing_count(legs + power) for power, coefficient in self._interactions[order].items())
            for order in self.truncation.orders
        ]

    def normalised(self, legs: int) -> Counts:
        """Diagrams without vacuum parts."""
        return self.truncation.divide(self.everything(legs), self.everything(0))

    def connected(self, legs: int) -> Counts:
        """Cumulants, from m_n = sum_k binom(n-1, k-1) kappa_k m_(n-k); log Z for no legs."""
        if legs == 0:
            return self.truncation.logarithm(self.everything(0))
        result = self.normalised(legs)
        for k in range(1, legs):
            lower = self.truncation.multiply(self.connected(k), self.normalised(legs - k))
            result = self.truncation.add(result, lower, -comb(legs - 1, k - 1))
        return result

    def _source_powers(self) -> list[Counts]:
        """J0^j / j! for the source at which <f> vanishes, solved order by order in the number of vertices."""
        truncation = self.truncation
        powers = truncation.divided_powers(truncation.zero, truncation.degree)
        if any(self.connected(1)):
            for _ in range(truncation.degree):
                slope = self.connected(1)
                for j, power in enumerate(powers[2:], start=2):
                    slope = truncation.add(slope, truncation.multiply(self.connected(j + 1), power))
                source = truncation.divide(truncation.add(truncation.zero, slope, -1), self.connected(2))
                powers = truncation.divided_powers(source, truncation.degree)
        return powers

    def tadpole_free(self, legs: int) -> Counts:
        """Derivative number `legs` of W at the source J0: cumulants in which <f> is cancelled."""
        result = self.connected(legs)
        for j, power in enumerate(self._source_powers()[1:], start=1):
            if any(power):
                result = self.truncation.add(result, self.truncation.multiply(self.connected(legs + j), power))
        return result

    def one_pi(self, legs: int) -> Counts:
        """One-particle irreducible diagrams."""
        if legs == 0:
            return self.tadpole_free(0)
        if legs == 1:
            return self.truncation.add(self.truncation.zero, self._source(), -1)
        return irreducible(self.truncation, legs, self.tadpole_free)

    def _source(self) -> Counts:
        return self._source_powers()[1] if self.truncation.degree else self.truncation.zero

    def amputated(self, legs: int) -> Counts:
        """Connected diagrams without corrections to external lines."""
        if legs == 1:
            return self.one_pi(1)
        return amputate(self.truncation, legs, self.connected)

    def skeleton(self, legs: int) -> Counts:
        """Connected diagrams without propagator corrections; vacuum diagrams are not examined."""
        if legs == 0:
            return self.connected(0)
        if legs == 1:
            return self._skeleton_tadpole()
        if legs == 2:
            return self.truncation.one
        if self.is_even and self.vertex is Vertex.MONOMIAL:
            return self._reexpanded.coefficients(legs)
        return self._tadpole_free_skeleton(legs, self._skeleton_tadpole())

    def skeleton_one_pi(self, legs: int) -> Counts:
        """Irreducible diagrams without propagator corrections; vacuum diagrams are not examined."""
        if legs == 0:
            return self.one_pi(0)
        if legs == 1:
            return self._skeleton_tadpole()
        return irreducible(self.truncation, legs, self._bare_skeleton)

    @property
    def is_even(self) -> bool:
        """Whether all operators are even."""
        return all(valence % 2 == 0 for valence in self.valences)

    @cached_property
    def _reexpanded(self) -> Reexpansion:
        variables = [self.truncation.variable(index) for index in range(len(self.valences))]
        return Reexpansion(self.truncation, self.valences, self.connected, variables, self.connected(2))

    def _bare_skeleton(self, legs: int) -> Counts:
        """Connected diagrams without tadpoles and insertions, two legs or more."""
        if legs == 2:
            return self.truncation.one
        if self.is_even:
            return self.skeleton(legs)
        return self._tadpole_free_skeleton(legs, self.truncation.zero)

    def _tadpole_free_skeleton(self, legs: int, tadpole: Counts) -> Counts:
        """F_n at the couplings that vertices with any number of `tadpole` have."""
        skeletons = independent_skeletons(independent_valences(self.valences), self.truncation.degree)
        couplings = effective_couplings(self.valences, tadpole, self.truncation)
        if self.vertex is Vertex.NORMAL_ORDERED:
            bare = couplings
            couplings = dict.fromkeys(bare, self.truncation.zero)
            for valence, coupling in bare.items():
                for power, coefficient in self.vertex.polynomial(valence).items():
                    if power in couplings:
                        couplings[power] = self.truncation.add(couplings[power], coupling, coefficient)
        return skeletons.evaluate(legs, self.truncation, [couplings[k] for k in skeletons.valences])

    def _skeleton_tadpole(self) -> Counts:
        """One-leg diagrams without insertions."""
        truncation = self.truncation
        if self.is_even:
            return truncation.zero
        line = truncation.one if self.vertex is Vertex.MONOMIAL else truncation.zero
        total = truncation.zero
        for index, valence in enumerate(self.valences):
            around = truncation.moment(
                valence - 1, lambda n: (truncation.zero, line)[n - 1] if n < 3 else self._bare_skeleton(n)
            )
            total = truncation.add(total, truncation.multiply(truncation.variable(index), around), valence)
        return total


def irreducible(truncation: Truncation, legs: int, cumulant: Callable[[int], Counts]) -> Counts:
    """Irreducible diagrams with two legs or more, from connected ones in which <f> is zero."""
    gamma = truncation.vertex_function(legs, cumulant)
    return truncation.add([2 * x for x in truncation.one] if legs == 2 else truncation.zero, gamma, -1)


def amputate(truncation: Truncation, legs: int, cumulant: Callable[[int], Counts]) -> Counts:
    """Connected diagrams with n != 1 legs without corrections to external lines, from all connected ones."""
    if legs == 0:
        return cumulant(0)
    if legs == 2:
        return truncation.add([2 * x for x in truncation.one], truncation.divide(truncation.one, cumulant(2)), -1)
    result = cumulant(legs)
    for _ in range(legs):
        result = truncation.divide(result, cumulant(2))
    return result


def effective_couplings(valences: Sequence[int], tadpole: Counts, truncation: Truncation) -> dict[int, Counts]:
    """sum_j binom(k+j, j) g_(k+j) tadpole^j for k = 3, ..., the largest of `valences`."""
    powers = truncation.powers(tadpole, max(valences) - 3)
    result = {}
    for k in range(3, max(valences) + 1):
        total = truncation.zero
        for index, valence in enumerate(valences):
            if valence >= k:
                term = truncation.multiply(truncation.variable(index), powers[valence - k])
                total = truncation.add(total, term, comb(valence, k))
        result[k] = total
    return result


def independent_valences(valences: Sequence[int]) -> tuple[int, ...]:
    """The valences, from three on, that the given vertices have left when other parts take lines away from them."""
    step = 2 if all(valence % 2 == 0 for valence in valences) else 1
    return tuple(range(3 + step // 2, max(valences) + 1, step))


@lru_cache(maxsize=16)
def independent_theory(valences: tuple[int, ...], vertices: int) -> TheoryCounts:
    """The theory with independent couplings of `valences`, to a total number of vertices.

    Raises LimitError if it needs more than MAX_ORDERS multi-orders.
    """
    count = comb(len(valences) + vertices, vertices)
    if count > MAX_ORDERS:
        raise LimitError(
            f"operators up to f^{max(valences)} with {vertices} vertices: the proof of completeness would need "
            f"{count} multi-orders, more than {MAX_ORDERS}; lower the order, or keep propagator corrections"
        )
    orders = [
        tuple(chosen.count(valence) for valence in valences)
        for total in range(vertices + 1)
        for chosen in combinations_with_replacement(valences, total)
    ]
    return TheoryCounts(valences, orders, Vertex.MONOMIAL)


@lru_cache(maxsize=16)
def independent_skeletons(valences: tuple[int, ...], vertices: int) -> Reexpansion:
    """F_n for independent couplings of `valences`, to a total number of vertices."""
    theory = independent_theory(valences, vertices)
    couplings = effective_couplings(valences, theory.connected(1), theory.truncation)
    ordered = [couplings[k] for k in valences]
    return Reexpansion(theory.truncation, valences, theory.connected, ordered, theory.connected(2))


@lru_cache(maxsize=64)
def theory_counts(valences: tuple[int, ...], maxima: Order, vertex: Vertex) -> TheoryCounts:
    """The sums of the theory with vertices of `valences`, truncated at the multi-order `maxima`, shared."""
    return TheoryCounts(valences, list(product(*(range(maximum + 1) for maximum in maxima))), vertex)


def _times(a: Polynomial, b: Polynomial) -> Polynomial:
    result: Counter[int] = Counter()
    for p, left in a.items():
        for q, right in b.items():
            result[p + q] += left * right
    return result
