"""The compiled sampler: its counter-based generator, its normals, its functions, and the law of its networks."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from math import exp, sqrt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from scipy import special

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.errors import InputError, LimitError
from feyn_nn.kernels import kernel_of
from feyn_nn.network import ERF, GAUSS, RELU, Activation, Architecture

pytest.importorskip("numba")

from feyn_nn.ensembles.fast import (
    FastProblem,
    NeuronTails,
    Nonlinearity,
    Precision,
    double,
    draw_networks,
    draw_neurons,
    drawing,
    philox,
    single,
)
from feyn_nn.ensembles.fast.compiler import compiled
from feyn_nn.ensembles.fast.layers import fill_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import FloatArray

Words: TypeAlias = npt.NDArray[np.uint32]

SIGMA = 4.5
"""Greatest deviation of a sample mean, in standard errors, that passes."""
KEY = (0x243F6A88, 0x85A308D3)
ACTIVATIONS = {Nonlinearity.ERF: ERF, Nonlinearity.EXP: GAUSS, Nonlinearity.RELU: RELU}
PHI: dict[Nonlinearity, Callable[[FloatArray], FloatArray]] = {
    Nonlinearity.ERF: lambda z: np.asarray(special.erf(z)),
    Nonlinearity.EXP: np.exp,
    Nonlinearity.RELU: lambda z: np.maximum(z, 0.0),
}
MODULES = {Precision.FLOAT32: single, Precision.FLOAT64: double}


def problem_of(
    activation: Activation,
    points: FloatArray,
    width: int,
    sigma_w: float,
    sigma_b: float,
    d_out: int = 1,
    precision: Precision = Precision.FLOAT32,
    bias_mean: float = 0.0,
) -> FastProblem:
    """The problem of an architecture; b0 has the mean `bias_mean`."""
    d_in = points.shape[1]
    architecture = Architecture(activation, d_in, sigma_w, sigma_b, d_out=d_out)
    columns = [points * sigma_w / sqrt(d_in)]
    if sigma_b > 0:
        columns.append(np.full((len(points), 1), sigma_b))
    nonlinearity = next(key for key, value in ACTIVATIONS.items() if value is activation)
    return FastProblem(
        nonlinearity,
        np.hstack(columns),
        architecture.log_normaliser(points) - bias_mean,
        sigma_w / sqrt(width),
        sigma_b,
        width,
        d_out,
        precision,
    )


def draw(problem: FastProblem, nets: int, key: tuple[int, int] = KEY) -> tuple[FloatArray, FloatArray, NeuronTails]:
    outputs = np.empty((problem.points, nets, problem.d_out))
    conditional = np.empty((problem.pairs, nets))
    tails = draw_networks(problem, key, 0, outputs, conditional)
    assert tails is not None
    return outputs, conditional, tails


# Philox


def words_of(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    """Philox as Python computes it."""
    function: Callable[..., tuple[np.uint32, ...]] = philox.philox4x32.py_func  # type: ignore[attr-defined]
    return tuple(int(word) for word in function(*map(np.uint64, (*counter, *key))))


ONES = 0xFFFFFFFF
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def wrong_answers() -> int:
    return sum(words_of(counter, key) != expected for counter, key, expected in KNOWN)


def test_philox_gives_the_known_answers_of_random123() -> None:
    assert wrong_answers() == 0


@pytest.mark.parametrize(
    ("constant", "value"),
    [("ROUNDS", 9), ("MULTIPLIER_0", np.uint64(0xD2511F57)), ("WEYL_1", np.uint64(0x9E3779B9))],
)
def test_known_answers_notice_a_wrong_constant(constant: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(philox, constant, value)
    assert wrong_answers() > 0


def test_compiled_words_are_those_of_the_counter() -> None:
    lanes, first = 70, 2**32 - 20  # lane numbers pass into the fourth counter word
    words = np.zeros((4, lanes), np.uint32)
    fill_words((*KEY, 1), 123, first, words, lanes)
    for lane in range(lanes):
        number = first + lane
        assert tuple(map(int, words[:, lane])) == words_of((123, 1, number % 2**32, number >> 32), KEY), lane


# Functions


@compiled
def apply(phi: Callable[[float], float], z: FloatArray, values: FloatArray) -> None:
    for i in range(len(z)):
        values[i] = phi(z[i])


def evaluated(phi: Callable[..., object], z: FloatArray, precision: Precision) -> FloatArray:
    """phi at z rounded to the precision, as float64."""
    rounded = z.astype(precision.value)
    values = np.empty_like(rounded)
    apply(phi, rounded, values)  # type: ignore[arg-type]
    return values.astype(np.float64)


GRIDS = {Precision.FLOAT32: (2.0**-23, 1e-37), Precision.FLOAT64: (2.0**-52, 1e-300)}


@pytest.mark.parametrize("precision", Precision)
def test_erf_is_right_to_the_last_digits(precision: Precision) -> None:
    epsilon, smallest = GRIDS[precision]
    z = np.concatenate([np.linspace(-7, 7, 400_001), np.geomspace(smallest, 7, 20_001), [-1e9, 1e9, -0.0]])
    z = z.astype(precision.value).astype(np.float64)
    values, expected = evaluated(MODULES[precision].erf, z, precision), np.asarray(special.erf(z))
    assert np.max(np.abs(values - expected) / np.where(z == 0, 1.0, np.abs(expected))) < 5 * epsilon
    assert np.array_equal(values, -evaluated(MODULES[precision].erf, -z, precision))


@pytest.mark.parametrize("precision", Precision)
def test_exp_is_right_from_the_smallest_to_the_largest_number(precision: Precision) -> None:
    kind = np.finfo(precision.value)
    low, high = np.log(float(kind.smallest_subnormal)), np.log(float(kind.max))
    z = np.linspace(low - 2, high + 2, 400_001).astype(kind.dtype).astype(np.float64)
    values = evaluated(MODULES[precision].exp, z, precision)
    with np.errstate(over="ignore", under="ignore"):
        expected = np.exp(z).astype(kind.dtype).astype(np.float64)
    normal = (expected >= float(kind.tiny)) & (expected < np.inf)
    assert np.max(np.abs(values[normal] / expected[normal] - 1)) < 2 * float(kind.eps)
    subnormal = expected < float(kind.tiny)
    assert np.max(np.abs(values[subnormal] - expected[subnormal])) <= float(kind.smallest_subnormal)
    assert np.array_equal(np.isinf(values), np.isinf(expected))
    assert values[0] == 0
    assert np.count_nonzero((values > 0) & (values < float(kind.tiny))) > 1000


# Normals


def normals_of(words: Words, precision: Precision) -> FloatArray:
    """All normals of words (4, lanes): shape (4 or 2, lanes)."""
    module = MODULES[precision]
    normals = np.empty((module.NORMALS_PER_CALL, words.shape[1]), precision.value)
    module.fill_normals(words, normals, 0, words.shape[1])
    widened: FloatArray = normals.astype(np.float64)
    return widened


def random_words(lanes: int, key: tuple[int, int] = KEY, call: int = 0) -> Words:
    words = np.empty((4, lanes), np.uint32)
    fill_words((*key, 0), call, 0, words, lanes)
    return words


def box_muller(k: FloatArray, power: int, axis: npt.NDArray[np.uint32], v: FloatArray) -> FloatArray:
    """The pair r (cos, sin) with u = k / 2^power and the angle v pi / 4, turned by the two uppermost bits of `axis`."""
    r = np.sqrt(-2 * np.log(k * 2.0**-power)) * np.where(axis >> np.uint32(31), -1.0, 1.0)
    cosine, sine = np.cos(np.pi / 4 * v), np.sin(np.pi / 4 * v)
    swapped = (axis >> np.uint32(30)) & np.uint32(1) == 1
    pair: FloatArray = r * np.where(swapped, np.stack([sine, cosine]), np.stack([cosine, sine]))
    return pair


def signed(words: Words) -> FloatArray:
    """30 bits below the two uppermost ones as a signed fraction in [-1, 1)."""
    return (words << np.uint32(2)).view(np.int32).astype(np.float64) * 2.0**-31


def test_normals_are_box_and_mullers_map_of_the_words() -> None:
    words = random_words(300_000)
    words[0, :100_000] >>= (np.arange(100_000) % 32).astype(np.uint32)  # as many small radii as large ones
    a, b, c, d = words
    k32 = (2.0 * (256.0 * a + (b & 0xFF))) + 1
    v32 = np.floor(signed(b) * 2**21) / 2**21 + 2.0**-22
    expected = box_muller(k32, 41, b, v32)
    radius = np.hypot(*expected)
    error = np.abs(normals_of(words, Precision.FLOAT32)[:2] - expected)
    assert np.max((error / radius)[:, radius > 1]) < 2.0**-21
    assert np.max(error) < 2.0**-10  # where u is rounded to a number next to 1
    expected = box_muller(2.0 * (2.0**32 * a + b) + 1, 65, c, signed(c) + (2.0 * d + 1) * 2.0**-62)
    radius = np.hypot(*expected)
    error = np.abs(normals_of(words, Precision.FLOAT64) - expected)
    assert np.max((error / radius)[:, radius > 1]) < 2.0**-50


def radius_of_bits(k: int, precision: Precision) -> float:
    """Radius of the uniform number (k + 1/2) / 2^40."""
    words = np.zeros((4, 1), np.uint32)
    if precision is Precision.FLOAT32:
        words[0], words[1] = k >> 8, k & 0xFF
        return float(np.hypot(*normals_of(words, precision)[:2, 0]))
    words[0], words[1] = k >> 8, (k & 0xFF) << 24
    return float(np.hypot(*normals_of(words, precision)[:, 0]))


def radius_of_24_bits(k: int) -> float:
    """What a uniform number of 24 bits makes of it."""
    return sqrt(-2 * np.log(((k >> 16) + 0.5) / 2**24))


def wrong_tails(radius: Callable[[int], float]) -> list[float]:
    """Radii t that are not exceeded by the share exp(-t^2/2) of the uniform numbers, to two of 2^40 of them."""
    exact = {t: 2**40 * exp(-(t**2) / 2) for t in (1.0, 3.0, 5.0, 5.5, 6.0, 6.5, 7.0)}
    slack = {t: 2 + 2**-20 * k for t, k in exact.items()}
    return [t for t, k in exact.items() if not radius(int(k - slack[t])) > t > radius(int(k + slack[t]))]


@pytest.mark.parametrize("precision", Precision)
def test_tails_are_full_up_to_seven_sigma(precision: Precision) -> None:
    assert wrong_tails(lambda k: radius_of_bits(k, precision)) == []
    assert radius_of_bits(0, precision) > 7.5
    assert 0 <= radius_of_bits(2**40 - 1, precision) < 1e-3


def test_uniform_numbers_of_24_bits_fail_the_tail_test() -> None:
    assert {6.0, 6.5, 7.0} <= set(wrong_tails(radius_of_24_bits))


def deviation(samples: FloatArray, expected: float) -> float:
    """Distance of the mean of independent samples from `expected`, in standard errors."""
    return float((samples.mean() - expected) / (samples.std() / sqrt(samples.size)))


def kolmogorov_probability(samples: FloatArray) -> float:
    """Of a greater distance between the samples' distribution and the normal one."""
    distribution = special.ndtr(np.sort(samples))
    steps = np.arange(samples.size + 1) / samples.size
    distance = max(np.max(distribution - steps[:-1]), np.max(steps[1:] - distribution))
    return float(special.kolmogorov(sqrt(samples.size) * distance))


@pytest.mark.parametrize("precision", Precision)
def test_moments_and_distribution_of_normals(precision: Precision) -> None:
    normals = normals_of(random_words(400_000), precision)
    for row in normals:
        for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3), (6, 15)):
            assert abs(deviation(row**power, moment)) < SIGMA
    assert kolmogorov_probability(normals.ravel()[::4]) > 2 * special.ndtr(-SIGMA)
    assert kolmogorov_probability(1.01 * normals.ravel()) < 2 * special.ndtr(-SIGMA)


def greatest_correlation(x: FloatArray, y: FloatArray) -> float:
    """Of x and y and of their squares, in standard errors."""
    return max(abs(deviation(x * y, 0)), abs(deviation((x**2 - 1) * (y**2 - 1), 0)))


def test_neighbouring_normals_lanes_calls_and_keys_are_independent() -> None:
    lanes = 300_000
    x = normals_of(random_words(lanes), Precision.FLOAT32)
    others = {
        "call": normals_of(random_words(lanes, call=1), Precision.FLOAT32)[0],
        "key": normals_of(random_words(lanes, (KEY[0] + 1, KEY[1])), Precision.FLOAT32)[0],
        "second key": normals_of(random_words(lanes, (KEY[0], KEY[1] ^ 1)), Precision.FLOAT32)[0],
        "lane": np.roll(x[0], 1),
        "sine": x[1],
        "second pair": x[2],
    }
    for name, y in others.items():
        assert greatest_correlation(x[0], y) < SIGMA, name
    assert greatest_correlation(x[0], x[0] * np.sign(x[2])) > 100  # a common radius is seen


# Networks


def normals_in_order(problem: FastProblem, nets: int, purpose: int = 0) -> FloatArray:
    """Normals of each network in the order of the module's convention, shape (normals, nets)."""
    per_call = MODULES[problem.precision].NORMALS_PER_CALL
    rows = []
    for call in range(-(-problem.normals // per_call)):
        words = np.empty((4, nets), np.uint32)
        fill_words((*KEY, purpose), call, 0, words, nets)
        rows.append(normals_of(words, problem.precision))
    return np.concatenate(rows)[: problem.normals]


def networks_by_numpy(problem: FastProblem, nets: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Outputs, conditional kernels and phi (points, width, nets) of the documented convention, in float64."""
    normals = normals_in_order(problem, nets)
    step = problem.draws + problem.d_out
    neurons = normals[: problem.width * step].reshape(problem.width, step, nets)
    z = np.einsum("id,kdn->ikn", problem.coefficients, neurons[:, : problem.draws])
    phi = PHI[problem.nonlinearity](z - problem.shift[:, None, None])
    outputs = problem.sigma_1 * np.einsum("kan,ikn->ina", neurons[:, problem.draws :], phi)
    if problem.sigma_b > 0:
        outputs += problem.sigma_b * normals[problem.width * step :].T
    pairs = sorted_tuples(problem.points, 2)
    products = np.array([np.einsum("kn,kn->n", phi[i], phi[j]) for i, j in pairs])
    return outputs, problem.sigma_b**2 + problem.sigma_1**2 * products, phi


ONE_DIMENSION = np.array([[-1.0], [-0.4], [0.3], [0.9]])
THREE_DIMENSIONS = np.random.default_rng(3).standard_normal((3, 3))
CASES = [
    (ERF, ONE_DIMENSION, 2, 1.0, 1.0, 1, Precision.FLOAT32),
    (ERF, THREE_DIMENSIONS, 7, 0.8, 0.6, 3, Precision.FLOAT32),
    (ERF, ONE_DIMENSION, 1000, 1.0, 1.0, 1, Precision.FLOAT32),
    (GAUSS, ONE_DIMENSION, 1000, 1.0, 1.0, 1, Precision.FLOAT32),
    (GAUSS, THREE_DIMENSIONS, 5, 0.7, 0.0, 2, Precision.FLOAT32),
    (RELU, ONE_DIMENSION, 9, 1.0, 0.0, 1, Precision.FLOAT32),
    (ERF, THREE_DIMENSIONS, 7, 0.8, 0.6, 3, Precision.FLOAT64),
    (ERF, ONE_DIMENSION, 1000, 1.0, 1.0, 1, Precision.FLOAT64),
]


@pytest.mark.parametrize(("activation", "points", "width", "sigma_w", "sigma_b", "d_out", "precision"), CASES)
def test_networks_are_what_their_normals_say(
    activation: Activation,
    points: FloatArray,
    width: int,
    sigma_w: float,
    sigma_b: float,
    d_out: int,
    precision: Precision,
) -> None:
    problem = problem_of(activation, points, width, sigma_w, sigma_b, d_out, precision)
    nets = 400 if width < 100 else 70
    outputs, conditional, tails = draw(problem, nets)
    expected_outputs, expected_conditional, phi = networks_by_numpy(problem, nets)
    tolerance = 1e-6 if precision is Precision.FLOAT32 else 1e-14
    # Relative to the outputs' typical size: an output near zero is a difference of larger numbers.
    variance = expected_conditional.max(axis=0)
    assert np.max(np.abs(outputs - expected_outputs) / np.sqrt(variance)[:, None]) < tolerance
    assert np.max(np.abs(conditional - expected_conditional) / variance) < tolerance
    q = np.einsum("ikn,ikn->kn", phi, phi)
    for power in (1, 2, 3):
        sums = np.sum(q**power), np.sum(q ** (2 * power))
        assert np.allclose(tails.sums[power - 1], sums, rtol=10 * tolerance, atol=0)
        assert np.isclose(tails.maxima[power - 1], q.max() ** power, rtol=10 * tolerance, atol=0)


@pytest.mark.parametrize(
    ("activation", "width", "precision"),
    [(ERF, 6, Precision.FLOAT32), (RELU, 3, Precision.FLOAT32), (ERF, 5, Precision.FLOAT64)],
)
def test_blocks_are_not_seen(
    activation: Activation, width: int, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = problem_of(activation, ONE_DIMENSION, width, 1.0, 0.3, 2, precision)
    nets = 1500
    outputs, conditional, tails = draw(problem, nets)
    alone = np.empty_like(outputs)
    assert draw_networks(problem, KEY, 0, alone) is None
    assert np.array_equal(alone, outputs)
    parts, kernels = np.empty((2, nets, problem.points)).T, np.empty((nets, problem.pairs)).T  # other layouts
    sums, maxima = np.zeros((3, 2)), np.zeros(3)
    edges = [0, 1, 3, 322, 642, 643, 700, 1499, nets]
    for number, (start, stop) in enumerate(pairwise(edges)):
        monkeypatch.setattr(drawing, "_LANES", (320, 37, 64)[number % 3])
        part = draw_networks(problem, KEY, start, parts[:, start:stop], kernels[:, start:stop])
        assert part is not None
        sums += part.sums
        maxima = np.maximum(maxima, part.maxima)
    assert np.array_equal(parts, outputs)
    assert np.array_equal(kernels, conditional)
    assert np.array_equal(maxima, tails.maxima)
    assert np.allclose(sums, tails.sums, rtol=1e-12, atol=0)


def test_threads_do_not_disturb_each_other() -> None:
    problem = problem_of(ERF, ONE_DIMENSION, 20, 1.0, 1.0)
    keys = [(1, 2), (3, 4), (5, 6), (7, 8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda key: draw(problem, 3000, key)[0], keys))
    for outputs, key in zip(together, keys, strict=True):
        assert np.array_equal(outputs, draw(problem, 3000, key)[0])
    assert not np.array_equal(together[0], together[1])


def test_a_key_may_come_from_a_seed_sequence() -> None:
    problem = problem_of(ERF, ONE_DIMENSION, 3, 1.0, 1.0)
    first, second = np.random.SeedSequence(5, spawn_key=(0, 7)).generate_state(2)
    outputs, plain = np.empty((4, 9, 1)), np.empty((4, 9, 1))
    draw_networks(problem, (first, second), 2, outputs)
    draw_networks(problem, (int(first), int(second)), 2, plain)
    assert np.array_equal(outputs, plain)


def greatest_deviation(samples: FloatArray, expected: FloatArray) -> float:
    """Of the means of samples (quantities, nets), in standard errors."""
    errors = samples.std(axis=1) / sqrt(samples.shape[1])
    return float(np.max(np.abs(samples.mean(axis=1) - expected) / errors))


@pytest.mark.parametrize("activation", [ERF, GAUSS, RELU])
@pytest.mark.parametrize("width", [2, 30])
def test_law_of_networks_is_that_of_the_kernel(activation: Activation, width: int) -> None:
    sigma_w, sigma_b = (0.8, 0.5) if activation is not RELU else (1.0, 0.0)
    points = np.array([[-0.7, 0.2], [0.4, 0.9], [1.0, -0.3]])
    architecture = Architecture(activation, 2, sigma_w, sigma_b)
    problem = problem_of(activation, points, width, sigma_w, sigma_b, 2)
    pairs = np.array(sorted_tuples(3, 2))

    expected = kernel_of(architecture)(points, points)[pairs[:, 0], pairs[:, 1]]
    f, conditional, _ = draw(problem, 400_000 // width)
    products = f[pairs[:, 0]] * f[pairs[:, 1]]
    assert greatest_deviation(conditional, expected) < SIGMA
    for a in range(2):
        assert greatest_deviation(f[:, :, a], np.zeros(3)) < SIGMA
        assert greatest_deviation(products[:, :, a], expected) < SIGMA
    assert greatest_deviation(f[:, :, 0] * f[::-1, :, 1], np.zeros(3)) < SIGMA
    # E f^4 = 3 E K_hat^2: the outputs are Gaussian given the hidden layer.
    diagonal = conditional[[0, 3, 5]]
    assert greatest_deviation(f[:, :, 0] ** 4 - 3 * diagonal**2, np.zeros(3)) < SIGMA
    assert greatest_deviation(conditional, 1.05 * expected) > 2 * SIGMA
    assert greatest_deviation(f[:, :, 0] * f[::-1, :, 0], np.zeros(3)) > 2 * SIGMA


# Neurons


def test_neurons_are_a_stream_of_their_own() -> None:
    problem = problem_of(GAUSS, ONE_DIMENSION, 1, 1.0, 1.0)
    values = np.empty((4, 1000))
    draw_neurons(problem, KEY, 0, values)

    def by_numpy(purpose: int) -> FloatArray:
        normals = normals_in_order(problem, 1000, purpose)[: problem.draws]
        return np.asarray(np.exp(problem.coefficients @ normals - problem.shift[:, None]))

    assert np.max(np.abs(values / by_numpy(1) - 1)) < 1e-6
    assert abs(np.corrcoef(np.log(values[0]), np.log(by_numpy(0)[0]))[0, 1]) < SIGMA / sqrt(1000)
    parts = np.empty((1000, 4)).T
    for start, stop in pairwise((0, 1, 400, 1000)):
        draw_neurons(problem, KEY, start, parts[:, start:stop])
    assert np.array_equal(parts, values)


def test_a_shift_holds_a_tilted_bias() -> None:
    # With b0 ~ N(m, s) each neuron counts exp(-(m b0 - m^2/2)/s). For m = n s nothing of the variance of Gauss-net's
    # E phi(0)^n = exp(n^2 s/2 - n s) is left; the mean over untilted neurons misses it.
    n, s = 6, 1.0
    exact = exp(n**2 * s / 2 - n * s)
    x = np.zeros((1, 1))
    values = np.empty((1, 4000))
    draw_neurons(problem_of(GAUSS, x, 1, 1.0, sqrt(s), bias_mean=n * s), KEY, 0, values)
    b0 = np.log(values) + s
    assert abs(deviation(b0, n * s)) < SIGMA
    assert np.max(np.abs(values**n * np.exp(-n * b0 + n**2 * s / 2) / exact - 1)) < 1e-12
    draw_neurons(problem_of(GAUSS, x, 1, 1.0, sqrt(s)), KEY, 0, values)
    assert np.mean(values**n) < exact / 2


# Errors and imports


def test_numbers_that_do_not_fit_are_refused() -> None:
    problem = problem_of(ERF, ONE_DIMENSION, 3, 1.0, 1.0)
    outputs = np.empty((4, 10, 1))
    for array in (np.empty((4, 10)), np.empty((3, 10, 1)), np.empty((4, 10, 2)), np.empty((4, 10, 1), np.float32)):
        with pytest.raises(InputError, match=r"outputs of shape .*: expected \(4, "):
            draw_networks(problem, KEY, 0, array)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="conditional of shape"):
        draw_networks(problem, KEY, 0, outputs, np.empty((10, 9)))
    with pytest.raises(InputError, match="values of shape"):
        draw_neurons(problem, KEY, 0, outputs)
    for key in ((-1, 0), (0, 2**32)):
        with pytest.raises(InputError, match="two words"):
            draw_networks(problem, key, 0, outputs)
    with pytest.raises(InputError, match="first = -1"):
        draw_networks(problem, KEY, -1, outputs)
    read_only = np.empty((4, 10, 1))
    read_only.flags.writeable = False
    with pytest.raises(InputError, match="writeable"):
        draw_networks(problem, KEY, 0, read_only)


def test_problems_that_make_no_sense_are_refused() -> None:
    one, zero = np.ones((2, 1)), np.zeros(2)
    for coefficients, shift in ((np.ones(2), zero), (one, np.zeros(3)), (np.ones((2, 0)), zero)):
        with pytest.raises(InputError, match="expected \\(points, draws\\)"):
            FastProblem(Nonlinearity.ERF, coefficients, shift, 1.0, 1.0, 1)
    with pytest.raises(InputError, match="finite"):
        FastProblem(Nonlinearity.ERF, one * np.nan, zero, 1.0, 1.0, 1)
    with pytest.raises(InputError, match="width = 0"):
        FastProblem(Nonlinearity.ERF, one, zero, 1.0, 1.0, 0)
    with pytest.raises(InputError, match="sigma_b = -1"):
        FastProblem(Nonlinearity.ERF, one, zero, 1.0, -1.0, 1)
    with pytest.raises(LimitError, match="normals"):
        FastProblem(Nonlinearity.ERF, one, zero, 1.0, 1.0, 2**32)
    for size in (1e-20, 1e20):
        with pytest.raises(InputError, match="use float64"):
            FastProblem(Nonlinearity.RELU, one * size, zero, 1.0, 0.0, 1)
        FastProblem(Nonlinearity.RELU, one * size, zero, 1.0, 0.0, 1, precision=Precision.FLOAT64)


def test_nothing_else_imports_numba() -> None:
    code = "import sys, feyn_nn, feyn_nn.ensembles; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
