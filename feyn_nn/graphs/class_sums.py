"""The exact sum of the weights over every class of diagrams that standard filters select.

A class without the condition "connected" is a set of admissible components, so its sum is the moment whose cumulants
are the sums over components with legs, times the exponential of that over vacuum components. The components come from
`zero_dimensional`, the theory with vertices f^k or, without self-loops, with normal-ordered ones, or from the
snail-free theory here.

Snails. At a vertex of a connected diagram with n >= 2 legs, some of its lines lead to parts that hang on it alone and
have no legs; those with m lines add up to the moment <f^m>, and what remains is free of snails. So with H_n the
sums over connected diagrams without snails, in independent couplings of every valence,

    kappa_n = Delta^(n/2) H_n(g_eff Delta^(k/2)),   g_eff,k = sum_m binom(k+m, m) g_(k+m) <f^m>,   Delta = 1 / (1 - 2 g_eff,2),

where vertices with two lines left are summed into the line Delta. A one-leg diagram without snails is a vertex whose k - 1
other lines enter one connected part without snails, and so is a vacuum diagram with a vertex marked, with k lines:

    t = sum_k k g_k H_(k-1),    g_k d/dg_k (vacuum) = g_k H_k.

All of these are irreducible, and tadpoles are gone; so irreducible ones and those without propagator corrections follow from
H_n as they do from cumulants with <f> = 0.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache, lru_cache
from math import comb, factorial, prod
from typing import TYPE_CHECKING, Protocol

from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs.filters import (
    AMPUTATED,
    CONNECTED,
    NO_PROPAGATOR_CORRECTIONS,
    NO_SELF_LOOPS,
    NO_SNAILS,
    NO_VACUUM,
    ONE_PI,
)
from feyn_nn.graphs.series import Reexpansion
from feyn_nn.graphs.zero_dimensional import (
    MAX_ORDERS,
    Vertex,
    amputate,
    effective_couplings,
    independent_theory,
    independent_valences,
    irreducible,
    theory_counts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from feyn_nn.action import Operator
    from feyn_nn.graphs.filters import Filter
    from feyn_nn.graphs.series import Counts, Order, Truncation


def exact_weight(legs: int, operators: Sequence[Operator], order: Sequence[int], chosen: Filter) -> Fraction | None:
    """Return the sum of C(D) over all labelled diagrams with `order[i]` vertices of `operators[i]` that `chosen` keeps.

    None if it is not known: for a filter that is not a conjunction of standard ones, or if it would need more than
    `zero_dimensional.MAX_ORDERS` multi-orders. Raises InputError for negative numbers.

    >>> from feyn_nn.action import TALK_ACTION
    >>> [str(exact_weight(4, TALK_ACTION.operators, (2, 0), each)) for each in (CONNECTED, ONE_PI, NO_VACUUM)]
    ['2016', '864', '4752']
    """
    if legs < 0 or any(power < 0 for power in order):
        raise InputError(f"{legs} legs and {tuple(order)} vertices: expected zero or more of each")
    parts = chosen.standard_parts
    if parts is None or prod(power + 1 for power in order) > MAX_ORDERS:
        return None
    used = [(operator.valence, power) for operator, power in zip(operators, order, strict=True) if power]
    valences = tuple(valence for valence, _ in used) or (4,)
    maxima = tuple(power for _, power in used) or (0,)
    try:
        return _class_sum(legs, valences, maxima, parts)
    except LimitError:
        return None


def exact_symmetry_sum(
    legs: int, operators: Sequence[Operator], order: Sequence[int], chosen: Filter
) -> Fraction | None:
    """Return the sum of 1/|Aut(D)| over the same diagrams: that of C(D) over prod_k (k!)^(p_k).

    >>> from feyn_nn.action import TALK_ACTION
    >>> exact_symmetry_sum(4, TALK_ACTION.operators, (2, 0), ONE_PI)
    Fraction(3, 2)
    """
    weight = exact_weight(legs, operators, order, chosen)
    factor = prod(factorial(operator.valence) ** power for operator, power in zip(operators, order, strict=True))
    return None if weight is None else Fraction(weight, factor)


class _Components(Protocol):
    """Sums over connected diagrams, by legs."""

    @property
    def truncation(self) -> Truncation: ...
    def connected(self, legs: int, /) -> Counts: ...
    def one_pi(self, legs: int, /) -> Counts: ...
    def amputated(self, legs: int, /) -> Counts: ...
    def skeleton(self, legs: int, /) -> Counts: ...
    def skeleton_one_pi(self, legs: int, /) -> Counts: ...


@lru_cache(maxsize=1024)
def _class_sum(legs: int, valences: tuple[int, ...], maxima: Order, parts: frozenset[Filter]) -> Fraction:
    vertex = Vertex.NORMAL_ORDERED if NO_SELF_LOOPS in parts else Vertex.MONOMIAL
    theory: _Components
    theory = _snail_free(valences, maxima, vertex) if NO_SNAILS in parts else theory_counts(valences, maxima, vertex)
    truncation = theory.truncation

    def component(n: int) -> Counts:
        if NO_PROPAGATOR_CORRECTIONS in parts:  # which leaves nothing to amputate
            return theory.skeleton_one_pi(n) if ONE_PI in parts else theory.skeleton(n)
        if ONE_PI in parts:
            return theory.one_pi(n)
        return theory.amputated(n) if AMPUTATED in parts else theory.connected(n)

    if ONE_PI in parts or CONNECTED in parts:
        counts = component(legs) if legs or NO_VACUUM not in parts else truncation.zero
    else:
        counts = truncation.moment(legs, component)
        if NO_VACUUM not in parts:
            counts = truncation.multiply(counts, truncation.exponential(component(0)))
    return truncation.series(counts).get(maxima, Fraction(0))


class _SnailFree:
    """Sums over connected diagrams without snails. With normal-ordered vertices, without self-loops in addition:
    that takes away only the tadpole of a vertex with three lines, two of them joined.
    """

    def __init__(self, valences: tuple[int, ...], maxima: Order, vertex: Vertex) -> None:
        self.valences = valences
        self.truncation = theory_counts(valences, maxima, vertex).truncation
        self.self_loop = self.truncation.one if vertex is Vertex.MONOMIAL else self.truncation.zero
        effective = effective_couplings(valences, self.truncation.zero, self.truncation)
        independent = _independent_snail_free(independent_valences(valences), self.truncation.degree)
        couplings = [effective[k] for k in independent.valences]
        variables = [self.truncation.variable(index) for index in range(len(valences))]
        self.with_legs = cache(lambda legs: independent.evaluate(legs, self.truncation, couplings))
        self.skeletons = Reexpansion(self.truncation, valences, self.with_legs, variables, self.with_legs(2))

    def connected(self, legs: int) -> Counts:
        """H_n, t for one leg, and the vacuum sum."""
        if legs == 0:
            return self._vacuum()
        return self._tadpole(self.with_legs) if legs == 1 else self.with_legs(legs)

    def one_pi(self, legs: int) -> Counts:
        """Irreducible ones."""
        return self.connected(legs) if legs < 2 else irreducible(self.truncation, legs, self.with_legs)

    def amputated(self, legs: int) -> Counts:
        """Those without corrections to external lines."""
        return self.connected(1) if legs == 1 else amputate(self.truncation, legs, self.connected)

    def skeleton(self, legs: int) -> Counts:
        """Those without propagator corrections; vacuum diagrams are not examined."""
        if legs == 0:
            return self.connected(0)
        return self._tadpole(self._skeleton) if legs == 1 else self._skeleton(legs)

    def skeleton_one_pi(self, legs: int) -> Counts:
        """Irreducible ones without propagator corrections; vacuum diagrams are not examined."""
        return self.skeleton(legs) if legs < 2 else irreducible(self.truncation, legs, self._skeleton)

    def _skeleton(self, legs: int) -> Counts:
        return self.truncation.one if legs == 2 else self.skeletons.coefficients(legs)

    def _tadpole(self, with_legs: Callable[[int], Counts]) -> Counts:
        truncation = self.truncation
        total = truncation.zero
        for index, valence in enumerate(self.valences):
            around = with_legs(valence - 1)
            if valence == 3:
                around = truncation.add(around, truncation.add(self.self_loop, truncation.one, -1))
            total = truncation.add(total, truncation.multiply(truncation.variable(index), around), valence)
        return total

    def _vacuum(self) -> Counts:
        """The counts at p are those of H_k at p without one vertex of valence k, whichever k."""
        result = []
        for order in self.truncation.orders:
            index = next((index for index, power in enumerate(order) if power), None)
            if index is None:
                result.append(0)
            else:
                lower = (*order[:index], order[index] - 1, *order[index + 1 :])
                result.append(self.with_legs(self.valences[index])[self.truncation.place[lower]])
        return result


@lru_cache(maxsize=64)
def _snail_free(valences: tuple[int, ...], maxima: Order, vertex: Vertex) -> _SnailFree:
    return _SnailFree(valences, maxima, vertex)


@lru_cache(maxsize=16)
def _independent_snail_free(valences: tuple[int, ...], vertices: int) -> Reexpansion:
    """H_n for independent couplings of `valences`, to a total number of vertices."""
    theory = independent_theory(valences, vertices)
    truncation = theory.truncation

    def effective(k: int) -> Counts:
        total = truncation.zero
        for index, valence in enumerate(valences):
            if valence >= k:
                hanging = truncation.multiply(truncation.variable(index), theory.normalised(valence - k))
                total = truncation.add(total, hanging, comb(valence, k))
        return total

    line = truncation.divide(truncation.one, truncation.add(truncation.one, effective(2), -2))
    return Reexpansion(truncation, valences, theory.connected, [effective(k) for k in valences], line)
