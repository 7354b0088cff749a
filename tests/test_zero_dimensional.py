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
from feyn_nn.graphs import ZeroDimensionalTheory, representative, topologies
from tests.oracles import brute_force

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
