"""Exact sums in zero dimensions against ways that share nothing with them.

Moments: the Schwinger-Dyson recursion, the integral itself by quadrature. Cumulants: set partitions. Classes of
diagrams: enumeration, filtered by the rules' definitions on edge lists.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import cache
from itertools import product
from math import exp, factorial, pi, sqrt
from typing import TYPE_CHECKING, Final

import pytest
from scipy import integrate

from feyn_nn.action import Action
from feyn_nn.errors import LimitError
from feyn_nn.graphs import representative
from feyn_nn.graphs.series import Truncation
from feyn_nn.graphs.zero_dimensional import Vertex, ZeroDimensionalTheory
from tests.oracles import brute_force
from tests.oracles.contraction import topologies

if TYPE_CHECKING:
    from collections.abc import Iterator

ACTIONS: Final = {"lambda f^4 + kappa f^6": (3, 1), "g f^3 + lambda f^4": (3, 2), "g f^3 + alpha f^5": (3, 1)}
ZERO: Final = Fraction(0)


def valences(text: str) -> tuple[int, ...]:
    return tuple(operator.valence for operator in Action.parse(text).operators)


def orders(maxima: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(product(*(range(maximum + 1) for maximum in maxima)))


@cache
def schwinger_dyson(powers: tuple[int, ...], n: int, order: tuple[int, ...]) -> Fraction:
    """<x^n> at `order` in the weight exp(-x^2/2 + sum g_k x^k): a total derivative integrates to zero."""
    if n == 0:
        return Fraction(int(not any(order)))
    total = (n - 1) * schwinger_dyson(powers, n - 2, order) if n >= 2 else ZERO
    for index, k in enumerate(powers):
        if order[index]:
            lower = (*order[:index], order[index] - 1, *order[index + 1 :])
            total += k * schwinger_dyson(powers, n + k - 2, lower)
    return total


@pytest.mark.parametrize("text", ACTIONS)
@pytest.mark.parametrize("n", range(7))
def test_normalised_moments_obey_schwinger_dyson(text: str, n: int) -> None:
    series = ZeroDimensionalTheory(valences(text), ACTIONS[text]).no_vacuum(n)
    for order in orders(ACTIONS[text]):
        assert series.get(order, ZERO) == schwinger_dyson(valences(text), n, order), order


@pytest.mark.parametrize("n", [0, 2, 4, 6])
def test_moments_are_the_expansion_of_the_integral(n: int) -> None:
    """int x^n exp(-x^2/2 - l x^4 - k x^6): what the truncated series misses is of the next order in l and k."""
    maximum = 3
    theory = ZeroDimensionalTheory((4, 6), (maximum, maximum))
    everything, normalised = theory.all_diagrams(n), theory.no_vacuum(n)

    def integral(power: int, size: float) -> float:
        def weight(x: float) -> float:
            return x**power * exp(-x * x / 2 - size * x**4 - size**2 * x**6) / sqrt(2 * pi)

        return float(integrate.quad(weight, -14.0, 14.0, epsabs=1e-15, epsrel=1e-13, limit=400)[0])

    def truncated(series: dict[tuple[int, ...], Fraction], size: float) -> float:
        signed = [((-size) ** p * (-(size**2)) ** q * float(c), p + 2 * q) for (p, q), c in series.items()]
        return sum(value for value, degree in signed if degree <= maximum)

    # kappa = size^2, so the error of both falls as size^(maximum + 1): 2^4 when the size is halved
    for normalise, series in ((False, everything), (True, normalised)):
        if normalise and n == 0:
            assert truncated(series, 0.1) == 1.0
            continue
        errors = []
        for size in (2e-4, 1e-4):
            exact = integral(n, size) / (integral(0, size) if normalise else 1.0)
            errors.append(abs(truncated(series, size) - exact))
        assert 14.0 < errors[0] / errors[1] < 17.0


def partitions(items: tuple[int, ...]) -> Iterator[list[int]]:
    """Sizes of the blocks of every set partition."""
    if not items:
        yield []
        return
    rest = items[1:]
    for mask in range(2 ** len(rest)):
        outside = tuple(item for bit, item in enumerate(rest) if not mask >> bit & 1)
        for blocks in partitions(outside):
            yield [len(items) - len(outside), *blocks]


def times(a: dict[tuple[int, ...], Fraction], b: dict[tuple[int, ...], Fraction]) -> dict[tuple[int, ...], Fraction]:
    result: dict[tuple[int, ...], Fraction] = {}
    for p, left in a.items():
        for q, right in b.items():
            order = tuple(i + j for i, j in zip(p, q, strict=True))
            result[order] = result.get(order, ZERO) + left * right
    return result


@pytest.mark.parametrize("text", ACTIONS)
@pytest.mark.parametrize("n", range(7))
def test_moments_are_sums_over_set_partitions_of_cumulants(text: str, n: int) -> None:
    theory = ZeroDimensionalTheory(valences(text), ACTIONS[text])
    one = {(0,) * len(valences(text)): Fraction(1)}
    for moments, cumulants in (
        (theory.no_vacuum(n), theory.connected),
        (theory.skeleton_moments(n), theory.skeleton_cumulants),
    ):
        total: dict[tuple[int, ...], Fraction] = {}
        for blocks, count in Counter(tuple(sorted(blocks)) for blocks in partitions(tuple(range(n)))).items():
            term = one
            for size in blocks:
                term = times(term, cumulants(size))
            for order, value in term.items():
                total[order] = total.get(order, ZERO) + count * value
        for order in orders(ACTIONS[text]):
            assert total.get(order, ZERO) == moments.get(order, ZERO), order


@pytest.mark.parametrize("text", ACTIONS)
@pytest.mark.parametrize("n", range(7))
def test_every_class_is_the_sum_over_its_diagrams(text: str, n: int) -> None:
    """Up to three vertices, each topology sorted into the classes by the definitions, on its edge list."""
    action = Action.parse(text)
    for order in action.orders(3):
        sums: Counter[str] = Counter()
        for topology, _ in topologies(n, action.operators, order):
            diagram = representative(topology)
            size = len(diagram.vertices)
            weight = topology.multiplicity
            vacuum = brute_force.vacuum_part(n, size, diagram.edges)
            insertion = brute_force.propagator_correction(n, size, diagram.edges)
            connected = n > 0 and brute_force.connected(n, size, diagram.edges)
            sums["all"] += weight  # type: ignore[assignment]
            sums["no vacuum"] += weight * (not vacuum)  # type: ignore[assignment]
            sums["connected"] += weight * connected  # type: ignore[assignment]
            sums["skeleton connected"] += weight * (connected and not insertion)  # type: ignore[assignment]
            sums["skeleton"] += weight * (not vacuum and not insertion)  # type: ignore[assignment]
            sums["skeleton with vacuum"] += weight * (not insertion)  # type: ignore[assignment]
        theory = ZeroDimensionalTheory(valences(text), order)
        expected = {
            "all": theory.all_diagrams(n),
            "no vacuum": theory.no_vacuum(n),
            "skeleton": theory.skeleton_moments(n),
            "skeleton with vacuum": theory.with_vacuum(theory.skeleton_moments(n)),
        }
        if n:
            expected["connected"] = theory.connected(n)
            expected["skeleton connected"] = theory.skeleton_cumulants(n)
        for name, series in expected.items():
            assert sums[name] == series.get(order, ZERO), (name, order)


def test_figures_of_the_physics_page() -> None:
    sums = ZeroDimensionalTheory((4, 6), (3, 1)).skeleton_cumulants(4)
    figures = {(1, 0): 24, (2, 0): 864, (3, 0): 51840, (0, 1): 360, (1, 1): 37440}
    assert {order: sums[order] for order in figures} == figures


@pytest.mark.parametrize("text", ACTIONS)
def test_the_exact_propagator_has_no_corrections_left(text: str) -> None:
    theory = ZeroDimensionalTheory(valences(text), ACTIONS[text])
    two_point = theory.skeleton_cumulants(2)
    assert {order: value for order, value in two_point.items() if value} == {(0, 0): 1}


def test_truncation_does_not_change_the_orders_below_it() -> None:
    small, large = ZeroDimensionalTheory((3, 4), (1, 1)), ZeroDimensionalTheory((3, 4), (3, 2))
    for n in range(1, 6):
        for of in ("all_diagrams", "no_vacuum", "connected", "skeleton_cumulants", "skeleton_moments"):
            a, b = getattr(small, of)(n), getattr(large, of)(n)
            assert all(a.get(order, ZERO) == b.get(order, ZERO) for order in orders((1, 1))), (n, of)


def test_answers_are_copies() -> None:
    theory = ZeroDimensionalTheory((4,), (1,))
    theory.no_vacuum(4)[(1,)] = ZERO
    theory.all_diagrams(4)[(1,)] = ZERO
    assert theory.no_vacuum(4)[(1,)] == 96
    assert theory.all_diagrams(4)[(1,)] == factorial(8) // (2**4 * factorial(4))


def test_an_endless_proof_is_refused() -> None:
    with pytest.raises(LimitError, match="more than 500"):
        ZeroDimensionalTheory((3, 20), (2, 2)).skeleton_cumulants(3)


@pytest.mark.parametrize("text", ACTIONS)
def test_log_z_is_the_integral_of_the_vertex_expectation(text: str) -> None:
    """g_k d(log Z)/dg_k = g_k <f^k>, and the empty diagram is not connected."""
    theory = ZeroDimensionalTheory(valences(text), ACTIONS[text])
    vacuum = theory.connected(0)
    assert vacuum.get((0,) * len(valences(text)), ZERO) == 0
    for index, k in enumerate(valences(text)):
        expectation = theory.no_vacuum(k)
        for order in orders(ACTIONS[text]):
            if order[index]:
                lower = (*order[:index], order[index] - 1, *order[index + 1 :])
                assert order[index] * vacuum.get(order, ZERO) == expectation.get(lower, ZERO), order


def test_log_z_in_the_literature() -> None:
    """Sums of 1/|Aut| over connected vacuum diagrams: 5/24, 5/16, 1105/1152 for f^3 (Airy), 1/8, 1/12, 11/96 for f^4."""
    cubic = ZeroDimensionalTheory((3,), (6,)).connected(0)
    assert [cubic[p,] / 6**p for p in (2, 4, 6)] == [Fraction(5, 24), Fraction(5, 16), Fraction(1105, 1152)]
    quartic = ZeroDimensionalTheory((4,), (3,)).connected(0)
    assert [quartic[p,] / 24**p for p in (1, 2, 3)] == [Fraction(1, 8), Fraction(1, 12), Fraction(11, 96)]


@pytest.mark.parametrize("text", ACTIONS)
@pytest.mark.parametrize("normal_ordered", [False, True])
def test_gamma_solves_the_schwinger_dyson_equation(text: str, normal_ordered: bool) -> None:
    """Gamma'(phi) = phi - sum_k g_k V_k'(phi + G d/dphi) 1 with G = 1/Gamma'', at phi = 0, where V_k = f^k or He_k.

    Gamma is rebuilt from the irreducible sums as a polynomial in phi; nothing of the transform is used.
    """
    powers, maxima = valences(text), tuple(min(2, maximum) for maximum in ACTIONS[text])
    theory = ZeroDimensionalTheory(powers, maxima)
    if normal_ordered:
        theory = theory.normal_ordered
    one = {(0,) * len(powers): Fraction(1)}
    degree = sum(maxima) * max(powers)
    irreducible = [theory.one_pi(n) for n in range(1, degree + 3)]
    # derivatives of Gamma at phi = 0: Gamma' = phi - sum_n irreducible_(n+1) phi^n / n!, without the free line
    first = [{order: -value / factorial(n) for order, value in irreducible[n].items()} for n in range(degree + 2)]
    first[1] = plus(plus(first[1], one), one)  # the free line is not part of Gamma
    second = [{order: (n + 1) * value for order, value in first[n + 1].items()} for n in range(degree + 1)]
    propagator = inverse(second, one, maxima)
    total: list[dict[tuple[int, ...], Fraction]] = [{} for _ in range(degree + 1)]
    total[1] = one
    for index, k in enumerate(powers):
        coupling = {tuple(int(i == index) for i in range(len(powers))): Fraction(1)}
        vertex = (Vertex.NORMAL_ORDERED if normal_ordered else Vertex.MONOMIAL).polynomial(k)
        applied: list[list[dict[tuple[int, ...], Fraction]]] = [[one]]
        for _ in range(k - 1):
            last = applied[-1]
            slope = [{order: n * value for order, value in last[n].items()} for n in range(1, len(last))]
            moved = polynomial_product(slope, propagator, degree)
            applied.append([plus(a, b) for a, b in padded([{}, *last], moved)])
        for power, coefficient in vertex.items():
            if power:
                for n, value in enumerate(applied[power - 1][: degree + 1]):
                    total[n] = plus(total[n], times(coupling, value), Fraction(-power * coefficient))
    for n in range(4):
        for order in orders(maxima):
            assert total[n].get(order, ZERO) == first[n].get(order, ZERO), (n, order)


Plain = dict[tuple[int, ...], Fraction]


def plus(a: Plain, b: Plain, factor: Fraction = Fraction(1)) -> Plain:
    result = dict(a)
    for order, value in b.items():
        result[order] = result.get(order, ZERO) + factor * value
    return result


def padded(a: list[Plain], b: list[Plain]) -> list[tuple[Plain, Plain]]:
    size = max(len(a), len(b))
    return list(zip(a + [{}] * (size - len(a)), b + [{}] * (size - len(b)), strict=True))


def polynomial_product(a: list[Plain], b: list[Plain], degree: int) -> list[Plain]:
    result: list[Plain] = [{} for _ in range(min(degree, len(a) + len(b)) + 1)]
    for i, left in enumerate(a):
        for j, right in enumerate(b):
            if i + j < len(result):
                result[i + j] = plus(result[i + j], times(left, right))
    return result


def inverse(a: list[Plain], one: Plain, maxima: tuple[int, ...]) -> list[Plain]:
    """1 / (1 - x) = sum of x^j for a polynomial 1 - x whose x starts at first order; exact up to `maxima`."""
    x = [{order: -value for order, value in term.items()} for term in a]
    x[0] = plus(x[0], one)
    result, power = [one], [one]
    for _ in range(sum(maxima)):
        power = [
            {order: value for order, value in term.items() if all(p <= m for p, m in zip(order, maxima, strict=True))}
            for term in polynomial_product(power, x, len(a))
        ]
        result = [plus(u, v) for u, v in padded(result, power)]
    return result


def test_irreducible_diagrams_are_expanded_at_zero_not_at_the_expectation_value() -> None:
    """With odd operators the two differ, and the transform of the cumulants as they are would give the other one."""
    theory = ZeroDimensionalTheory((3, 4), (2, 1))
    truncation = Truncation(orders((2, 1)))
    cumulants = {n: truncation.counts(theory.connected(n)) for n in (2, 3)}
    at_expectation = truncation.series(truncation.vertex_function(3, cumulants.__getitem__))
    assert {order: -value for order, value in at_expectation.items()} != theory.one_pi(3)
    even = ZeroDimensionalTheory((4,), (3,))
    truncation = Truncation(orders((3,)))
    cumulants = {n: truncation.counts(even.connected(n)) for n in (2, 3, 4)}
    gamma = truncation.series(truncation.vertex_function(4, cumulants.__getitem__))
    assert {order: -value for order, value in gamma.items()} == even.one_pi(4)


def test_self_energy_and_amputation() -> None:
    """kappa_2 (1 - Sigma) = 1 with Sigma the amputated two-point sum less the free line; legs dress the amputated ones."""
    for powers, maxima in (((4,), (4,)), ((3, 4), (3, 2))):
        theory = ZeroDimensionalTheory(powers, maxima)
        one = {(0,) * len(powers): Fraction(1)}
        two_point = theory.connected(2)
        self_energy = plus(theory.amputated(2), one, Fraction(-1))
        product_ = times(two_point, plus(one, self_energy, Fraction(-1)))
        assert {order: v for order, v in product_.items() if v and order in orders(maxima)} == one
        dressed = theory.amputated(3 + len(powers) % 2)
        for _ in range(3 + len(powers) % 2):
            dressed = times(dressed, two_point)
        connected = theory.connected(3 + len(powers) % 2)
        assert all(dressed.get(order, ZERO) == connected.get(order, ZERO) for order in orders(maxima))


def test_normal_ordering_takes_the_self_loops_away() -> None:
    """He_k is orthogonal to lower powers: at first order only the contact diagram is left."""
    for k in range(3, 9):
        theory = ZeroDimensionalTheory((k,), (1,)).normal_ordered
        for n in range(k + 1):
            assert theory.connected(n).get((1,), ZERO) == (factorial(k) if n == k else 0)
        assert theory.normal_ordered.connected(k) == theory.connected(k)
