"""Normals and error function of the simulation: exact maps of words, laws of the numbers, accuracy against mpmath."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import factorial, log, pi, sqrt
from typing import TYPE_CHECKING

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from numpy.polynomial import hermite_e
from scipy import special, stats

from feyn_nn.combinatorics import double_factorial
from feyn_nn.ensembles.primitives import PIECE, box_muller, erf, normals, workspace
from feyn_nn.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from feyn_nn.arrays import FloatArray

    Words = npt.NDArray[np.int64]
    HalfWords = npt.NDArray[np.int32]

LARGEST, LARGEST_HALF = 2**63 - 1, 2**31 - 1
SIGMAS = 5.0
COUNT = 2**21


def philox(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def drawn(seed: int, count: int) -> FloatArray:
    out = np.full(count, np.nan)
    normals(philox(seed), out, workspace())
    return out


def pairs_of(radii: Words, angles: HalfWords) -> tuple[FloatArray, FloatArray]:
    out = np.empty(2 * len(radii))
    box_muller(radii, angles, out, workspace())
    return out[: len(radii)], out[len(radii) :]


# Normals: the map from words to pairs


def test_pairs_are_those_of_box_and_muller_at_forty_digits() -> None:
    rng = np.random.default_rng(1)
    radii = np.concatenate(
        [[0, -1, 1, 2, LARGEST, -LARGEST - 1, 2**62], 2 ** np.arange(62), rng.integers(-(2**63), 2**63, 1000)]
    ).astype(np.int64)
    angles = rng.integers(-(2**31), 2**31, len(radii)).astype(np.int32)
    angles[:7] = [0, -1, LARGEST_HALF, -LARGEST_HALF - 1, 2**30, -(2**30), 1]
    worst = 0.0
    with mpmath.workdps(40):
        for k, j, x, y in zip(radii, angles, *pairs_of(radii, angles), strict=True):
            u = mpmath.mpf(abs(float(k) + 0.5)) / 2**63  # as a double holds it
            r = mpmath.sqrt(-2 * mpmath.log(u))
            angle = 2 * mpmath.pi * (mpmath.mpf(int(j)) + 0.5) / 2**32
            distance = max(abs(x - r * mpmath.cos(angle)), abs(y - r * mpmath.sin(angle)))
            worst = max(worst, float(distance / r) if r else float(distance))
    assert worst < 1e-15


def tail_deviation(radii: Words, shares: FloatArray) -> float:
    """Largest relative distance of P(R > r) = exp(-r^2/2) from the share of words with a larger radius than these."""
    x, y = pairs_of(radii, np.full(len(radii), 2**29, np.int32))
    return float(np.max(np.abs(np.exp(-(x**2 + y**2) / 2) / shares - 1)))


def test_tails_have_the_share_of_words_that_a_gaussian_gives_them() -> None:
    radii = 2 ** np.arange(63)
    shares = np.array([(2.0**bit + 0.5) / 2.0**63 for bit in range(63)])
    assert tail_deviation(radii, shares) < 1e-13
    assert tail_deviation(-1 - radii, shares) < 1e-13
    ends = pairs_of(np.array([0, -1]), np.zeros(2, np.int32))[0]
    np.testing.assert_allclose(ends, sqrt(128 * log(2)), rtol=1e-15)
    # Control: uniforms of 24 bits, which end at 5.8.
    assert tail_deviation(((radii >> 39) + 1) << 39, shares) > 1e3


def circle_mean(p: int, q: int) -> float:
    """Mean of cos^p sin^q over the circle."""
    if p % 2 or q % 2:
        return 0.0
    return double_factorial(p - 1) * double_factorial(q - 1) / double_factorial(p + q)


def test_equidistant_angles_have_the_means_of_the_circle() -> None:
    angles = np.arange(-(2**31), 2**31, 2**26).astype(np.int32)  # 64 angles: degrees up to 63
    radii = np.full(len(angles), 2**62, dtype=np.int64)
    x, y = (axis / sqrt(2 * log(2)) for axis in pairs_of(radii, angles))
    for p in range(16):
        for q in range(16):
            assert np.mean(x**p * y**q) == pytest.approx(circle_mean(p, q), rel=1e-13, abs=1e-15)
    # Control: a degree that so few angles cannot carry.
    assert abs(np.mean(np.cos(64 * np.arctan2(y, x)))) > 0.9


# Normals: laws of the numbers drawn


def moment_deviations(numbers: FloatArray) -> list[float]:
    """Distances of the means of x, ..., x^8 from the Gaussian ones, in standard errors."""
    moments = [0.0 if n % 2 else float(double_factorial(n - 1)) for n in range(17)]
    return [
        float((np.mean(numbers**n) - moments[n]) / sqrt((moments[2 * n] - moments[n] ** 2) / len(numbers)))
        for n in range(1, 9)
    ]


def test_moments_to_the_eighth() -> None:
    numbers = drawn(2, COUNT)
    assert max(map(abs, moment_deviations(numbers))) < SIGMAS
    # Controls: half a percent too wide; the sum of twelve uniforms.
    assert max(map(abs, moment_deviations(1.005 * numbers))) > SIGMAS
    twelve = np.random.default_rng(3).random((12, COUNT // 4)).sum(axis=0) - 6
    assert max(map(abs, moment_deviations(twelve))) > SIGMAS


def test_distribution_is_normal() -> None:
    numbers = drawn(4, COUNT)
    assert stats.kstest(numbers, "norm").pvalue > 1e-4
    assert stats.kstest(numbers + 0.005, "norm").pvalue < 1e-4  # control
    for threshold in (2.0, 3.0, 4.0, 4.5):
        for side in (numbers, -numbers):
            expected = COUNT * stats.norm.sf(threshold)
            assert abs(np.count_nonzero(side > threshold) - expected) < SIGMAS * sqrt(expected)


def hermite_deviations(x: FloatArray, y: FloatArray) -> FloatArray:
    """Means of He_a(x) He_b(y), a and b from 1 to 4, in standard errors: zero if x and y are independent normals."""
    left, right = (
        [hermite_e.hermeval(axis, np.eye(5)[n]) / sqrt(factorial(n)) for n in range(1, 5)] for axis in (x, y)
    )
    return np.array([[np.mean(a * b) for b in right] for a in left]) * sqrt(len(x))


def cell_probability(x: FloatArray, y: FloatArray) -> float:
    """p-value of equal shares of 32 x 32 cells of the unit square of (Phi(x), Phi(y))."""
    cells = np.histogram2d(special.ndtr(x), special.ndtr(y), bins=32, range=[(0, 1), (0, 1)])[0]
    return float(stats.chisquare(cells.ravel()).pvalue)


def test_two_of_a_pair_and_neighbours_are_independent() -> None:
    x, y = drawn(5, 2 * PIECE).reshape(2, PIECE)
    for left, right in ((x, y), (x[1:], x[:-1]), (x[1:], y[:-1]), (y[1:], x[:-1]), (x[: PIECE // 2], x[PIECE // 2 :])):
        assert np.max(np.abs(hermite_deviations(left, right))) < SIGMAS
        assert cell_probability(left, right) > 1e-4
    # Controls: signs that agree a little too often; one number and the radius.
    agreeing = np.where(np.arange(PIECE) % 20 == 0, np.copysign(y, x), y)
    assert np.max(np.abs(hermite_deviations(x, agreeing))) > SIGMAS
    assert cell_probability(x, np.copysign(np.hypot(x, y), y)) < 1e-4


@pytest.mark.parametrize("size", [0, 1, 2, 3, 6, 7, 1000, 2 * PIECE - 1, 2 * PIECE, 2 * PIECE + 1, 2 * PIECE + 6])
def test_numbers_are_those_of_the_words_and_nothing_is_left_out(size: int) -> None:
    numbers = drawn(6, size)
    assert np.all(np.isfinite(numbers))
    np.testing.assert_array_equal(numbers, drawn(6, size))
    bits = np.random.Philox(6)
    expected = np.empty(0)
    while len(expected) < size:
        left = size - len(expected)
        pairs = min(PIECE, left // 2) or 1  # an odd number is the first of a pair of its own
        words = bits.random_raw(pairs).view(np.int64)
        halves = bits.random_raw((pairs + 1) // 2).view(np.int32)[:pairs]
        expected = np.concatenate([expected, *pairs_of(words, halves)])
    np.testing.assert_array_equal(numbers, expected[:size])


def test_shape_does_not_matter_and_memory_must_be_contiguous() -> None:
    block = np.empty((3, 5, 7))
    normals(philox(7), block, workspace())
    np.testing.assert_array_equal(block.ravel(), drawn(7, 105))
    with pytest.raises(InputError, match="contiguous"):
        normals(philox(7), block[:, :, 1:], workspace())
    with pytest.raises(InputError, match="contiguous"):
        erf(block[:, :, 1:], workspace())


def test_threads_with_their_own_generators_and_workspaces_do_not_disturb_each_other() -> None:
    def work(seed: int) -> FloatArray:
        numbers = drawn(seed, 3 * PIECE)
        erf(numbers, workspace())
        return numbers

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(work, range(8)))
    for seed, numbers in enumerate(together):
        np.testing.assert_array_equal(numbers, work(seed))


# Error function


def erf_of(z: npt.ArrayLike) -> FloatArray:
    values = np.array(z, dtype=np.float64)
    erf(values, workspace())
    return values


def exact_erf(z: FloatArray) -> list[mpmath.mpf]:
    with mpmath.workdps(30):
        return [mpmath.erf(mpmath.mpf(float(value))) for value in z]


HARD = np.concatenate(
    [
        np.random.default_rng(8).normal(0, 1.5, 6000),
        (np.arange(6144) + 0.5) / 1024,  # half way between two nodes of the table
        np.linspace(0, 1 / 1024, 1000)[1:],
        np.geomspace(1e-300, 1e-3, 1000),
        np.linspace(5.5, 6.5, 500),
    ]
)


def worst_errors(values: FloatArray, exact: list[mpmath.mpf]) -> tuple[float, float]:
    """Largest absolute and largest relative error."""
    errors = [abs(mpmath.mpf(float(value)) - truth) for value, truth in zip(values, exact, strict=True)]
    return float(max(errors)), float(max(error / abs(truth) for error, truth in zip(errors, exact, strict=True)))


def test_erf_at_thirty_digits() -> None:
    exact = exact_erf(HARD)
    absolute, relative = worst_errors(erf_of(HARD), exact)
    assert absolute < 4e-16
    assert relative < 6e-16
    # Control: without the second cumulant, at the same nodes.
    nodes = np.rint(HARD * 1024) / 1024
    step, middle = HARD - nodes, (HARD + nodes) / 2
    coarse = special.erf(nodes) + 2 * step / sqrt(pi) * np.exp(-(middle**2) - step**2 / 12)
    assert worst_errors(coarse, exact)[0] > 1e-13


def test_erf_on_a_dense_grid() -> None:
    grid = np.linspace(-7, 7, 2_000_001)
    np.testing.assert_allclose(erf_of(grid), special.erf(grid), rtol=8e-16, atol=1e-300)


def test_erf_is_exactly_odd_and_equal_to_the_table_at_its_nodes() -> None:
    np.testing.assert_array_equal(erf_of(-HARD), -erf_of(HARD))
    nodes = np.arange(-8000, 8001) / 1024
    np.testing.assert_array_equal(erf_of(nodes), special.erf(nodes))


def test_erf_at_the_ends_of_the_doubles() -> None:
    z = np.array([np.inf, -np.inf, np.nan, 1e308, -1e308, 6.0, -6.0, 0.0])
    np.testing.assert_array_equal(erf_of(z), [1, -1, np.nan, 1, -1, 1, -1, 0])
    subnormal = np.array([5e-324, 1e-310, -1e-310])
    np.testing.assert_allclose(erf_of(subnormal), subnormal * 2 / sqrt(pi), rtol=1e-12, atol=5e-324)


def test_erf_of_an_array_of_any_shape_and_size() -> None:
    block = np.random.default_rng(9).normal(size=(3, 50_001))
    np.testing.assert_array_equal(erf_of(block).ravel(), np.concatenate([erf_of(row) for row in block]))
    assert erf_of(np.empty((0, 3))).shape == (0, 3)


def test_mean_of_erf_over_normals() -> None:
    """E erf(z)^2 = (2/pi) arcsin(2/3) for z ~ N(0, 1)."""
    squared = erf_of(drawn(10, COUNT)) ** 2
    error = squared.std() / sqrt(COUNT)
    assert abs(squared.mean() - 2 / pi * np.arcsin(2 / 3)) < SIGMAS * error
    assert abs(squared.mean() - 2 / pi * np.arcsin(2 / 3) * 1.01) > SIGMAS * error  # control
