"""Exact sums of diagram weights from the theory in zero dimensions.

With every K = 1 the field theory is an ordinary integral, so for n legs and p_k vertices of valence k the sum of
C(D) = prod_k (k!)^(p_k) / |Aut(D)| over a class of diagrams is known exactly:

- all diagrams: (n + sum_k k p_k - 1)!! / prod_k p_k!, the moments of a Gaussian with the couplings expanded;
- without vacuum parts: that series divided by its own n = 0 member;
- connected: the cumulants of those moments;
- connected, without propagator corrections: see `skeleton_cumulants`.

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
insertions add up to F_n(g_eff) with tau replaced by t.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache, lru_cache
from itertools import combinations_with_replacement, product
from math import comb, factorial, prod

from feyn_nn.combinatorics import pairing_count
from feyn_nn.errors import LimitError
from feyn_nn.graphs.series import Order, Series, Truncation

MAX_ORDERS = 500
"""Multi-orders of independent couplings that the proof for a theory with odd operators may need."""


class ZeroDimensionalTheory:
    """The zero-dimensional theory with vertices of `valences`, truncated at the multi-order `maxima`.

    >>> theory = ZeroDimensionalTheory((4, 6), (3, 1))
    >>> [str(theory.skeleton_cumulants(4)[order]) for order in ((1, 0), (2, 0), (3, 0), (0, 1), (1, 1))]
    ['24', '864', '51840', '360', '37440']
    """

    def __init__(self, valences: tuple[int, ...], maxima: Order) -> None:
        self.valences = valences
        self._moments = _moments(valences, tuple(product(*(range(maximum + 1) for maximum in maxima))))
        self._truncation = self._moments.truncation

    def all_diagrams(self, legs: int) -> Series:
        """Sum of C over all diagrams with `legs` legs, vacuum parts included."""
        return dict(self._moments.everything(legs))

    def no_vacuum(self, legs: int) -> Series:
        """Sum of C over the diagrams in which every component has a leg: the normalised moments."""
        return dict(self._moments.normalised(legs))

    def connected(self, legs: int) -> Series:
        """Sum of C over the connected diagrams with one leg or more: the cumulants."""
        return dict(self._moments.cumulant(legs))

    def skeleton_cumulants(self, legs: int) -> Series:
        """Sum of C over connected diagrams with one leg or more and no propagator corrections."""
        if legs == 2:
            return dict(self._truncation.one)
        if all(valence % 2 == 0 for valence in self.valences):
            return dict(self._moments.reexpanded(legs))
        tadpole = self._tadpole()
        if legs == 1:
            return tadpole
        couplings = _effective_couplings(self.valences, tadpole, self._truncation)
        return self._truncation.substitute(self._skeletons.get(legs), couplings)

    def skeleton_moments(self, legs: int) -> Series:
        """Sum of C over diagrams without vacuum parts and without propagator corrections."""
        cumulants: list[Series] = [{}, *(self.skeleton_cumulants(k) for k in range(1, legs + 1))]
        return self._truncation.moment(legs, cumulants)

    def with_vacuum(self, series: Series) -> Series:
        """Multiply a class without vacuum parts by every vacuum part."""
        return self._truncation.multiply(series, self.all_diagrams(0))

    @property
    def _skeletons(self) -> _TadpoleFree:
        return _tadpole_free(max(self.valences), sum(self._truncation.orders[-1]))

    def _tadpole(self) -> Series:
        """Sum over one-leg diagrams without insertions."""
        truncation = self._truncation
        bare = _effective_couplings(self.valences, {}, truncation)
        cumulants: list[Series] = [{}, {}, truncation.one]
        cumulants += [truncation.substitute(self._skeletons.get(legs), bare) for legs in range(3, max(self.valences))]
        total: Series = {}
        for index, valence in enumerate(self.valences):
            rest = truncation.moment(valence - 1, cumulants)
            total = truncation.add(total, truncation.multiply(truncation.variable(index), rest), valence)
        return total


def _effective_couplings(valences: tuple[int, ...], tadpole: Series, truncation: Truncation) -> list[Series]:
    """sum_j binom(k+j, j) g_(k+j) tadpole^j for k = 3, ..., the largest of `valences`."""
    powers = truncation.powers(tadpole, max(valences) - 3)
    result = []
    for k in range(3, max(valences) + 1):
        total: Series = {}
        for index, valence in enumerate(valences):
            if valence >= k:
                term = truncation.multiply(truncation.variable(index), powers[valence - k])
                total = truncation.add(total, term, comb(valence, k))
        result.append(total)
    return result


class _Moments:
    """Moments and cumulants of one theory, remembered."""

    def __init__(self, valences: tuple[int, ...], truncation: Truncation) -> None:
        self.valences = valences
        self.truncation = truncation
        self.everything = cache(self._everything)
        self.normalised = cache(self._normalised)
        self.cumulant = cache(self._cumulant)
        self.power_of_propagator = cache(self._power_of_propagator)
        self.reexpanded = cache(self._reexpanded)

    def half_edges(self, order: Order) -> int:
        return sum(k * p for k, p in zip(self.valences, order, strict=True))

    def _everything(self, legs: int) -> Series:
        return {
            order: Fraction(pairing_count(legs + self.half_edges(order)), prod(factorial(p) for p in order))
            for order in self.truncation.orders
        }

    def _normalised(self, legs: int) -> Series:
        return self.truncation.divide(self.everything(legs), self.everything(0))

    def _cumulant(self, legs: int) -> Series:
        """From m_n = sum_k binom(n-1, k-1) kappa_k m_(n-k)."""
        result = self.normalised(legs)
        for k in range(1, legs):
            lower = self.truncation.multiply(self.cumulant(k), self.normalised(legs - k))
            result = self.truncation.add(result, lower, -comb(legs - 1, k - 1))
        return result

    def _power_of_propagator(self, power: int) -> Series:
        if power == 0:
            return self.truncation.one
        return self.truncation.multiply(self.power_of_propagator(power - 1), self.cumulant(2))

    def _reexpanded(self, legs: int) -> Series:
        """Solve kappa_n = sum_p s_p g^p G^((n + sum k p)/2) for s, order by order in the number of vertices."""
        rest = dict(self.cumulant(legs))
        result: Series = {}
        for order in sorted(self.truncation.orders, key=sum):
            value = rest.get(order, Fraction(0))
            if value:
                result[order] = value
                power = self.power_of_propagator((legs + self.half_edges(order)) // 2)
                rest = self.truncation.add(rest, self.truncation.multiply({order: value}, power), -1)
        return result


@lru_cache(maxsize=64)
def _moments(valences: tuple[int, ...], orders: tuple[Order, ...]) -> _Moments:
    return _Moments(valences, Truncation(list(orders)))


class _TadpoleFree:
    """F_n for independent couplings of every valence 3..largest, to a total number of vertices."""

    def __init__(self, largest: int, vertices: int) -> None:
        self.valences = tuple(range(3, largest + 1))
        count = comb(len(self.valences) + vertices, vertices)
        if count > MAX_ORDERS:
            raise LimitError(
                f"odd operators up to f^{largest} with {vertices} vertices: the proof of completeness would need "
                f"{count} multi-orders, more than {MAX_ORDERS}; lower the order, or keep propagator corrections"
            )
        places = range(len(self.valences))
        orders = tuple(
            tuple(chosen.count(place) for place in places)
            for total in range(vertices + 1)
            for chosen in combinations_with_replacement(places, total)
        )
        self.moments = _moments(self.valences, orders)
        self.couplings = _effective_couplings(self.valences, self.moments.cumulant(1), self.moments.truncation)
        self.get = cache(self._get)

    def _get(self, legs: int) -> Series:
        """Solve kappa_n = sum_q f_q g_eff^q G^((n + sum k q)/2) for f, order by order."""
        truncation = self.moments.truncation
        rest = dict(self.moments.cumulant(legs))
        result: Series = {}
        for order in sorted(truncation.orders, key=sum):
            value = rest.get(order, Fraction(0))
            if value:
                result[order] = value
                power = self.moments.power_of_propagator((legs + self.moments.half_edges(order)) // 2)
                term = truncation.multiply(truncation.substitute({order: value}, self.couplings), power)
                rest = truncation.add(rest, term, -1)
        return result


@lru_cache(maxsize=16)
def _tadpole_free(largest: int, vertices: int) -> _TadpoleFree:
    return _TadpoleFree(largest, vertices)
