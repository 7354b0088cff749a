"""Unbiased estimators from power sums: exact expectations over every sample of finite laws, brute force, and rounding."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, combinations_with_replacement, permutations
from math import comb, factorial, perm, prod, sqrt
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import kstat

from feyn_nn.combinatorics import set_partitions
from feyn_nn.errors import InputError, LimitError
from feyn_nn.partitions import even_partitions, mobius
from feyn_nn.power_sums import MomentPolynomial, cumulant, moment, unbiased

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from feyn_nn.arrays import FloatArray
    from feyn_nn.partitions import Block, Partition

ObjectArray: TypeAlias = npt.NDArray[np.object_]
"""Python's integers, which do not overflow."""

LEGS = tuple(range(6))

TARGETS: dict[str, MomentPolynomial] = {
    "mean": cumulant(0),
    "kappa2": cumulant(0, 1),
    "kappa3": cumulant(0, 1, 2),
    "kappa4": cumulant(0, 1, 2, 3),
    "kappa5": cumulant(0, 1, 2, 3, 4),
    "kappa6": cumulant(*LEGS),
    "kappa2 kappa2": cumulant(0, 3) * cumulant(1, 2),
    "kappa3 kappa3": cumulant(0, 1, 5) * cumulant(2, 3, 4),
    "kappa2 kappa2 kappa2": cumulant(0, 1) * cumulant(2, 3) * cumulant(4, 5),
    "moments": moment(0, 2) * moment(1) * moment(3, 4, 5),
    "mixed": cumulant(0, 1, 4) * moment(2, 3),
    "connected": moment(0, 1, 2, 3)
    - moment(0, 1) * moment(2, 3)
    - moment(0, 2) * moment(1, 3)
    - moment(0, 3) * moment(1, 2),
    "with a number": 2 * moment(0, 1) - Fraction(1, 3) * cumulant(2) * cumulant(3, 4) + 7 * moment(),
}


@dataclass(frozen=True)
class FiniteLaw:
    """A vector of variables that takes the columns of `values`, one row for each leg, with the given probabilities."""

    values: tuple[tuple[Fraction, ...], ...]
    probabilities: tuple[Fraction, ...]

    def product(self, block: Block, state: int) -> Fraction:
        return prod((self.values[leg][state] for leg in block), start=Fraction(1))

    def moment(self, block: Block) -> Fraction:
        return sum((p * self.product(block, k) for k, p in enumerate(self.probabilities)), Fraction())

    def cumulant(self, block: Block) -> Fraction:
        """By recursion on the block of the first leg: no sum over partitions, no Moebius function."""
        first, rest = block[0], block[1:]
        parts = [part for size in range(len(rest)) for part in combinations(rest, size)]
        below = (self.cumulant((first, *part)) * self.moment(tuple(k for k in rest if k not in part)) for part in parts)
        return self.moment(block) - sum(below, Fraction())

    def value(self, target: MomentPolynomial) -> Fraction:
        return evaluated({partition: coefficient for coefficient, partition in target.terms}, self.moment)

    def expectation(self, coefficients: Mapping[Partition, Fraction], n: int) -> Fraction:
        """Exact average of a polynomial in power sums over every sample of size n, samples in any order taken together."""
        total = Fraction()
        for sample in combinations_with_replacement(range(len(self.probabilities)), n):
            times = Counter(sample)
            weight = factorial(n) * prod(self.probabilities[k] ** m / factorial(m) for k, m in times.items())

            @lru_cache(None)
            def power_sum(block: Block, times: Counter[int] = times) -> Fraction:
                return sum((m * self.product(block, k) for k, m in times.items()), Fraction())

            total += weight * evaluated(coefficients, power_sum)
        return total


def evaluated(coefficients: Mapping[Partition, Fraction], value: Callable[[Block], Fraction]) -> Fraction:
    terms = (number * prod(map(value, partition), start=Fraction(1)) for partition, number in coefficients.items())
    return sum(terms, Fraction())


def law(states: int) -> FiniteLaw:
    generator = np.random.default_rng(states)
    values = tuple(tuple(Fraction(int(v), 2) for v in row) for row in generator.integers(-5, 8, (len(LEGS), states)))
    return FiniteLaw(values, tuple(Fraction(k + 1, comb(states + 1, 2)) for k in range(states)))


COIN, DIE = law(2), law(3)
SYMMETRIC = FiniteLaw(
    tuple((Fraction(-v), Fraction(0), Fraction(v)) for v in (1, 2, -1, 3, 1, 5)),
    (Fraction(1, 5), Fraction(3, 5), Fraction(1, 5)),
)


def plug_in(target: MomentPolynomial, n: int) -> dict[Partition, Fraction]:
    """Sample means in place of the moments."""
    return {partition: coefficient / n ** len(partition) for coefficient, partition in target.terms}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize(("states", "n"), [(2, 6), (2, 7), (3, 6)])
def test_expectation_over_every_sample_is_the_target(name: str, states: int, n: int) -> None:
    target, of = TARGETS[name], law(states)
    assert of.expectation(target.coefficients(n), n) == of.value(target)


@pytest.mark.parametrize("r", range(1, 7))
def test_cumulants_are_those_of_the_recursion(r: int) -> None:
    assert DIE.value(cumulant(*range(r))) == DIE.cumulant(LEGS[:r])
    assert DIE.value(cumulant(*range(r)) * moment()) == DIE.cumulant(LEGS[:r])


def test_products_of_cumulants_are_products() -> None:
    target = TARGETS["kappa3 kappa3"]
    assert DIE.value(target) == DIE.cumulant((0, 1, 5)) * DIE.cumulant((2, 3, 4))
    assert DIE.value(TARGETS["mixed"]) == DIE.cumulant((0, 1, 4)) * DIE.moment((2, 3))


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.samples_needed > 1])
def test_control_means_in_place_of_moments_are_biased(name: str) -> None:
    target, n = TARGETS[name], 6
    assert DIE.expectation(plug_in(target, n), n) != DIE.value(target)


def test_control_a_coefficient_of_another_sample_size_is_seen() -> None:
    target = TARGETS["kappa6"]
    wrong = target.coefficients(6)
    wrong[((0, 1, 2), (3, 4, 5))] = target.coefficients(7)[((0, 1, 2), (3, 4, 5))]
    assert COIN.expectation(wrong, 6) != COIN.value(target)


@pytest.mark.parametrize("target", [TARGETS["kappa4"], TARGETS["kappa6"], TARGETS["kappa3 kappa3"]])
def test_even_moments_suffice_for_a_symmetric_law(target: MomentPolynomial) -> None:
    even = target.without_odd_moments
    n = even.samples_needed
    assert n < target.samples_needed
    coefficients = even.coefficients(n)
    assert all(len(block) % 2 == 0 for partition in coefficients for block in partition)
    assert SYMMETRIC.expectation(coefficients, n) == SYMMETRIC.value(target) == SYMMETRIC.value(even)
    assert DIE.value(even) != DIE.value(target)  # control: odd moments there


def test_even_terms_are_those_of_the_even_partitions() -> None:
    terms = cumulant(*LEGS).without_odd_moments.terms
    assert {partition: number for number, partition in terms} == {p: mobius(len(p)) for p in even_partitions(6)}


@pytest.mark.parametrize(("r", "n"), [(1, 1), (2, 2), (2, 6), (3, 5), (4, 4), (4, 6), (5, 5), (6, 6)])
def test_products_of_moments_are_averages_over_distinct_samples(r: int, n: int) -> None:
    data = np.random.default_rng(r + 10 * n).integers(-9, 10, (r, n)).tolist()

    def along(block: Block) -> list[int]:
        return [prod(data[leg][k] for leg in block) for k in range(n)]

    def power_sum(block: Block) -> Fraction:
        return Fraction(sum(along(block)))

    for partition in sorted_partitions(r)[:: max(1, r - 3)]:
        columns = [along(block) for block in partition]
        distinct = sum(
            prod(column[k] for column, k in zip(columns, chosen, strict=True))
            for chosen in permutations(range(n), len(partition))
        )
        target = prod((moment(*block) for block in partition), start=moment())
        assert target.terms == ((Fraction(1), partition),)
        assert evaluated(target.coefficients(n), power_sum) == Fraction(distinct, perm(n, len(partition)))


@pytest.mark.parametrize("r", range(1, 8))
def test_coefficients_of_a_cumulant_depend_on_the_sizes_of_blocks_alone(r: int) -> None:
    """In closed form: Stirling numbers count the refinements of every block, by their number of parts."""
    n = 10
    coefficients = cumulant(*range(r)).coefficients(n)
    assert set(coefficients) == set(sorted_partitions(r))
    for partition, coefficient in coefficients.items():
        refinements = {0: 1}
        for block in partition:
            refinements = {
                parts: sum(
                    refinements.get(parts - k, 0) * stirling(len(block), k) * mobius(k)
                    for k in range(1, len(block) + 1)
                )
                for parts in range(r + 1)
            }
        assert coefficient == sum(Fraction(mobius(k) * refinements[k], perm(n, k)) for k in range(1, r + 1))


@pytest.mark.parametrize("r", range(2, 7))
def test_shifts_of_the_variables_change_no_estimate_of_a_cumulant(r: int) -> None:
    n = 8
    shifts = [Fraction(number) for number in ("100", "-7", "1/3", "0", "5", "12")]
    data = [[Fraction(int(v)) for v in row] for row in np.random.default_rng(r).integers(-9, 10, (r, n))]
    shifted = [[v + shift for v in row] for row, shift in zip(data, shifts, strict=False)]
    target = cumulant(*range(r))
    assert estimate(target, data) == estimate(target, shifted)
    assert estimate(moment(*range(r)), data) != estimate(moment(*range(r)), shifted)  # control


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("n", [4, 5, 30, 1000])
def test_one_variable_gives_the_k_statistics(order: Literal[1, 2, 3, 4], n: int) -> None:
    data = np.random.default_rng(n).gamma(2.0, size=n)
    found = unbiased(cumulant(*range(order)), lambda block: np.asarray(np.sum(data ** len(block))), n)
    assert float(found) == pytest.approx(float(kstat(data, order)), rel=1e-10)


def test_all_experiments_and_tuples_at_once_are_each_by_itself() -> None:
    counts = np.array([7, 30, 7, 1000])
    tuples = [(0, 0, 0, 0), (0, 1, 1, 2), (2, 0, 1, 1)]
    data = [np.random.default_rng(n).normal(size=(3, n)) for n in counts]
    target = cumulant(0, 1, 2, 3) - 2 * cumulant(0, 2) * moment(1) * moment(3)

    def sums(block: Block) -> FloatArray:
        return np.array([[power_sums(samples, legs)(block) for legs in tuples] for samples in data])

    together = unbiased(target, sums, counts)
    assert together.shape == (4, 3)
    for row, samples, n in zip(together, data, counts, strict=True):
        for value, legs in zip(row, tuples, strict=True):
            single = unbiased(target, power_sums(samples, legs), int(n))
            assert single.shape == ()
            assert float(single) == pytest.approx(float(value), rel=1e-13)
    assert np.array_equal(unbiased(target, lambda block: sums(block)[1], 30), together[1])


@pytest.mark.parametrize("target", [cumulant(*LEGS), cumulant(*LEGS).without_odd_moments])
@pytest.mark.parametrize("on_x", [3, 6])
@pytest.mark.parametrize("repeated", [1, 10**6])
def test_rounding_is_far_below_the_statistical_error(target: MomentPolynomial, on_x: int, repeated: int) -> None:
    """Nearly Gaussian variables, n = 10^6 and 10^12; integers, so that the reference is exact."""
    exact, rounded, n = exact_and_rounded(target, on_x, repeated=repeated)
    assert abs(rounded - exact) < 1e-13
    assert abs(rounded - exact) < 1e-8 * statistical_error(on_x, n)


def test_control_a_variable_far_from_zero_drowns_in_rounding() -> None:
    target = cumulant(*LEGS)
    exact, rounded, n = exact_and_rounded(target, 6, shift=1000)
    assert abs(rounded - exact) > statistical_error(6, n)
    assert exact == pytest.approx(exact_and_rounded(target, 6)[0], rel=1e-12)


def statistical_error(on_x: int, n: int) -> float:
    """Of the sixth cumulant of independent Gaussian variables of unit variance, `on_x` legs on x and the others on y."""
    return sqrt(factorial(on_x) * factorial(6 - on_x) / n)


@lru_cache(None)
def histogram() -> tuple[int, tuple[ObjectArray, ObjectArray, ObjectArray]]:
    """Of 10^6 pairs of Gaussian numbers rounded to multiples of 1/16: 16, then values times 16 and how often they occur."""
    scale, reach = 16, 128
    x, y = np.rint(np.random.default_rng(7).normal(scale=scale, size=(2, 10**6))).astype(np.int64)
    times = np.bincount((x + reach) * 2 * reach + y + reach)
    cells = np.flatnonzero(times)
    columns = cells // (2 * reach) - reach, cells % (2 * reach) - reach, times[cells]
    a, b, c = (column.astype(object) for column in columns)
    return scale, (a, b, c)


def exact_and_rounded(
    target: MomentPolynomial, on_x: int, *, shift: int = 0, repeated: int = 1
) -> tuple[float, float, int]:
    """One estimate from exact sums in Fractions and from sums in floats, and n; the first `on_x` legs are x, the others y.

    x and y are moved by `shift` standard deviations, and every sample counts `repeated` times.
    """
    scale, (x, y, times) = histogram()
    xs, ys, weights = x + shift * scale, y + shift * scale, times * repeated
    n = 10**6 * repeated

    @lru_cache(None)
    def exact_sum(block: Block) -> Fraction:
        left = sum(leg < on_x for leg in block)
        return Fraction(int((weights * xs**left * ys ** (len(block) - left)).sum()), scale ** len(block))

    exact = evaluated(target.coefficients(n), exact_sum)
    rounded = unbiased(target, lambda block: np.array(float(exact_sum(block))), n)
    return float(exact), float(rounded), n


@pytest.mark.parametrize("name", TARGETS)
def test_too_few_samples_are_refused(name: str) -> None:
    target = TARGETS[name]
    needed = target.samples_needed
    assert needed == max(len(partition) for _, partition in target.terms)
    target.coefficients(needed)
    with pytest.raises(InputError, match=f"from {needed - 1} samples: expected at least {needed}"):
        target.coefficients(needed - 1)


def test_what_does_not_fit_is_refused() -> None:
    ones = np.ones((3, 2))
    with pytest.raises(InputError, match="from 1 samples"):
        unbiased(cumulant(0, 1), lambda block: ones, np.array([5, 1, 5]))
    with pytest.raises(InputError, match="begins with"):
        unbiased(cumulant(0, 1), lambda block: ones, np.array([5, 5]))
    with pytest.raises(InputError, match="begins with"):
        unbiased(cumulant(0, 1), lambda block: ones[: len(block)], 5)
    with pytest.raises(InputError, match="expected integers"):
        unbiased(cumulant(0, 1), lambda block: ones, np.array([5.0, 5.0, 5.5]))
    with pytest.raises(InputError, match="different numbers"):
        moment(0, 0)
    with pytest.raises(InputError, match="different numbers"):
        cumulant(0, 1) * moment(1)
    with pytest.raises(InputError, match="0 or more"):
        cumulant(-1, 1)
    with pytest.raises(InputError, match="without legs"):
        cumulant()
    with pytest.raises(LimitError, match="at most 8"):
        cumulant(*range(9))
    with pytest.raises(LimitError, match="at most 8"):
        cumulant(*range(6)) * moment(6, 7, 8)


def test_polynomials_are_a_commutative_ring() -> None:
    a, b, c = cumulant(0, 3), cumulant(1, 4) - 3 * moment(4), moment(2) + moment(5)
    assert a * b == b * a
    assert (a + b) * c == a * c + b * c
    assert a - a == MomentPolynomial() == 0 * b
    assert a * moment() == a
    assert sum([a, b, c], MomentPolynomial()) == c + b + a
    assert hash(a + b) == hash(b + a)
    assert moment(1, 0) == moment(0, 1) != moment(0, 2)


def test_a_number_needs_no_sums() -> None:
    def none(block: Block) -> FloatArray:
        raise AssertionError(block)

    assert unbiased(3 * moment(), none, np.array([1, 2])).tolist() == [3.0, 3.0]
    assert unbiased(MomentPolynomial(), none, 5).tolist() == 0.0


def estimate(target: MomentPolynomial, data: list[list[Fraction]]) -> Fraction:
    """From exact sums; leg i is row i."""

    def power_sum(block: Block) -> Fraction:
        return sum((prod((data[leg][k] for leg in block), start=Fraction(1)) for k in range(len(data[0]))), Fraction())

    return evaluated(target.coefficients(len(data[0])), power_sum)


def power_sums(samples: FloatArray, legs: tuple[int, ...]) -> Callable[[Block], FloatArray]:
    """Of samples, shape (variables, n), with the variables `legs` at legs 0, 1, .."""
    return lambda block: np.asarray(np.sum(np.prod(samples[[legs[leg] for leg in block]], axis=0)))


def sorted_partitions(r: int) -> list[Partition]:
    return [tuple(sorted(partition)) for partition in set_partitions(range(r))]


def stirling(n: int, k: int) -> int:
    """Partitions of n elements into k blocks."""
    if k in {0, n}:
        return int(n == k)
    return k * stirling(n - 1, k) + stirling(n - 1, k - 1) if k < n else 0
