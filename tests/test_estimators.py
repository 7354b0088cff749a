"""Estimators of correlators: against formulas written out, and against exact correlators at finite width.

Deviations are Student's t over experiments, turned into the standard deviations of a normal that are as unlikely ("sigma");
the threshold is 4 everywhere, at fixed seeds.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from feyn_nn.combinatorics import double_factorial, pairings, sorted_tuples
from feyn_nn.ensembles import Ensemble, Record, SimulationSettings, from_outputs, run
from feyn_nn.errors import InputError
from feyn_nn.exact.correlators import ExactCorrelator, exact_correlators
from feyn_nn.kernels import ErfKernel, FunctionKernel, GaussKernel, ReluKernel, kernel_of
from feyn_nn.measure import (
    ORDERS,
    Estimator,
    MeasuredCorrelators,
    Reference,
    available_estimators,
    best_estimator,
    measure_correlators,
)
from feyn_nn.measure.outputs import OutputAverages
from feyn_nn.measure.pairing import gaussian
from feyn_nn.network import ERF, GAUSS, PRESETS, RELU, Activation, Architecture, register_activation
from tests.oracles import averages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels import Kernel

SEED = 4711
SIGMAS = 4.0
NETWORKS = (Estimator.PLAIN, Estimator.CONDITIONAL, Estimator.CUMULANT, Estimator.CENTRED)
PAIRS = {pair: index for index, pair in enumerate(sorted_tuples(3, 2))}


def sigmas(samples: FloatArray, expected: FloatArray | float) -> FloatArray:
    """Deviations of means over experiments; 0 where samples agree with the expected value to rounding."""
    gap = np.abs(samples.mean(axis=0) - expected)
    error = samples.std(axis=0, ddof=1) / sqrt(len(samples))
    t = np.divide(gap, error, out=np.where(gap > 0, np.inf, 0.0), where=error > 0)
    t[gap <= 1e-12 * np.max(np.abs(expected), initial=0.0)] = 0.0
    found: FloatArray = stats.norm.isf(stats.t.sf(t, len(samples) - 1))
    return found


# Against formulas written out


def raw(seed: int) -> tuple[Ensemble, FloatArray, FloatArray]:
    """Arbitrary outputs (2, 40, 3) and K_hat (2, 40, 6), and their ensemble."""
    rng = np.random.default_rng(seed)
    outputs, k_hat = rng.normal(size=(2, 40, 3)) + 0.3, rng.normal(size=(2, 40, 6))
    return averages.of_networks(np.array([[0.1], [0.2], [0.3]]), outputs, k_hat), outputs, k_hat


def table_kernel(values: FloatArray) -> Kernel:
    """The kernel with these values on the sorted pairs of the three inputs."""
    matrix = np.array([[values[PAIRS[min(i, j), max(i, j)]] for j in range(3)] for i in range(3)])

    class Table:
        name, d_in, bias_variance, length_scale = "table", 1, 0.0, 1.0

        def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
            return matrix

        def diagonal(self, y: FloatArray) -> FloatArray:
            result: FloatArray = np.diagonal(matrix)
            return result

    return Table()


def slow_delta(
    estimator: Estimator, outputs: FloatArray, k_hat: FloatArray, kernel: FloatArray, row: Sequence[int]
) -> float:
    """One experiment, one tuple, network by network: `outputs` (nets, points), `k_hat` (nets, pairs)."""
    total = 0.0
    for f, k in zip(outputs, k_hat, strict=True):
        if estimator is Estimator.PLAIN:
            total += float(np.prod([f[i] for i in row]))
            total -= sum(float(np.prod([kernel[PAIRS[p]] for p in pairing])) for pairing in pairings(tuple(row)))
            continue
        for pairing in pairings(tuple(row)):
            pairs = [PAIRS[p] for p in pairing]
            total += float(np.prod(k[pairs]) - np.prod(kernel[pairs]))
            if estimator is Estimator.CENTRED and len(row) > 2:  # without the terms that are linear in K_hat - K
                for j in range(len(pairs)):
                    others = pairs[:j] + pairs[j + 1 :]
                    total -= float((k[pairs[j]] - kernel[pairs[j]]) * np.prod(kernel[others]))
    return total / len(outputs)


@pytest.mark.parametrize("estimator", [Estimator.PLAIN, Estimator.CONDITIONAL, Estimator.CENTRED])
def test_delta_agrees_with_sums_over_networks(estimator: Estimator) -> None:
    ensemble, outputs, k_hat = raw(SEED)
    kernel = np.random.default_rng(SEED + 1).uniform(0.5, 2.0, size=6)
    measured = measure_correlators(ensemble, estimator, table_kernel(kernel))
    for n in (2, 4, 6):
        found = measured.delta(n)
        for e in range(2):
            slow = [slow_delta(estimator, outputs[e], k_hat[e], kernel, row) for row in sorted_tuples(3, n)]
            np.testing.assert_allclose(found[e], slow, rtol=1e-9, atol=1e-11, err_msg=f"{estimator} {n}, seed {SEED}")
        if n > 2:
            np.testing.assert_allclose(measured.values(n) - measured.gaussian(n), found, rtol=1e-9, atol=1e-11)


def test_connected_outputs_are_k_statistics() -> None:
    """At one input SciPy has them to fourth order; for different inputs the covariance."""
    ensemble, outputs, _ = raw(SEED)
    measured = measure_correlators(ensemble, Estimator.PLAIN)
    for n in (1, 2, 3, 4):
        found = measured.connected(n)
        for e in range(2):
            for i in range(3):
                place = sorted_tuples(3, n).index((i,) * n)
                assert found[e, place] == pytest.approx(float(stats.kstat(outputs[e, :, i], n)), rel=1e-9)
            if n == 2:
                covariance = np.cov(outputs[e].T)
                np.testing.assert_allclose(found[e], [covariance[row] for row in sorted_tuples(3, 2)], rtol=1e-9)


def slow_kernel_cumulants(k_hat: FloatArray, row: Sequence[int]) -> float:
    """Sum over pairings of k-statistics of K_hat (nets, pairs): second and third central moments, corrected."""
    nets = len(k_hat)
    centred = k_hat - k_hat.mean(axis=0)
    factor = {2: 1 / (nets - 1), 3: nets / (nets - 1) / (nets - 2)}[len(row) // 2]
    rows = ([PAIRS[pair] for pair in pairing] for pairing in pairings(tuple(row)))
    return sum(factor * float(np.sum(np.prod(centred[:, pairs], axis=1))) for pairs in rows)


def test_connected_kernels_are_k_statistics() -> None:
    """Of K_hat over networks, whatever the estimator says of Delta; of w phi phi/N over neurons: s/w shifts nothing."""
    ensemble, _, k_hat = raw(SEED)
    architecture = Architecture(ERF, 1, 0.7, 0.4)
    width = 5
    phi = np.random.default_rng(SEED).normal(size=(2, 40, 3))
    stream = averages.of_neurons(ensemble.inputs, phi, architecture)
    neurons = measure_correlators(stream, Estimator.NEURON, width=width)
    one = np.stack([0.4**2 + 0.49 * phi[..., i] * phi[..., j] for i, j in PAIRS], axis=-1)
    for n in (4, 6):
        rows = sorted_tuples(3, n)
        slow = np.array([[slow_kernel_cumulants(k_hat[e], row) for row in rows] for e in range(2)])
        for estimator in (Estimator.CONDITIONAL, Estimator.CUMULANT):
            found = measure_correlators(ensemble, estimator).connected(n)
            np.testing.assert_allclose(found, slow, rtol=1e-9, atol=1e-11)
        slow = np.array([[slow_kernel_cumulants(one[e], row) for row in rows] for e in range(2)])
        np.testing.assert_allclose(neurons.connected(n), slow / width ** (n // 2 - 1), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(neurons.two_point, one.mean(axis=1), rtol=1e-12)


@pytest.mark.parametrize("n", [4, 6])
def test_delta_is_connected_parts_times_kernels(n: int) -> None:
    """Delta G4 = kappa4, Delta G6 = kappa6 + sum over the 15 pairs of legs of K kappa4, with the exact K."""
    ensemble, _, _ = raw(SEED)
    kernel = table_kernel(np.array([1.0, 0.2, 0.1, 0.9, 0.3, 1.1]))
    stream = averages.of_neurons(ensemble.inputs, np.random.default_rng(2).normal(size=(2, 40, 3)), Architecture(ERF))
    tilted = averages.of_tilted_neurons(
        ensemble.inputs, np.random.default_rng(3).normal(size=(2, 40, 3)), Architecture(GAUSS)
    )
    for measured in (
        measure_correlators(ensemble, Estimator.CUMULANT, kernel),
        measure_correlators(ensemble, Estimator.CENTRED, kernel),
        measure_correlators(stream, Estimator.NEURON, kernel, width=3),
        measure_correlators(tilted, Estimator.TILTED, kernel, width=3),
    ):
        expected = measured.connected(n)
        if n == 6:
            fours, K = sorted_tuples(3, 4), kernel(ensemble.inputs, ensemble.inputs)
            four = measured.connected(4)
            for place, row in enumerate(sorted_tuples(3, 6)):
                for i in range(6):
                    for j in range(i):
                        rest = tuple(row[k] for k in range(6) if k not in (i, j))
                        expected[:, place] += K[row[i], row[j]] * four[:, fours.index(rest)]
        np.testing.assert_allclose(measured.delta(n), expected, rtol=1e-9, atol=1e-11, err_msg=str(measured.estimator))


def test_without_a_kernel_cumulants_add_up_to_averages() -> None:
    """G_GP from the measured two-point function plus Delta is the plain average, an identity for each experiment."""
    ensemble, _, _ = raw(SEED)
    for estimator in (Estimator.PLAIN, Estimator.CONDITIONAL, Estimator.CUMULANT):
        measured = measure_correlators(ensemble, estimator)
        assert measured.reference is Reference.MEASURED
        np.testing.assert_allclose(measured.delta(2), np.zeros((2, 6)), atol=1e-12)
        averaged = OutputAverages(ensemble, None) if estimator is Estimator.PLAIN else None
        for n in (4, 6):
            full = measured.gaussian(n) + measured.delta(n)
            reference = averaged.full(n) if averaged else measure_correlators(ensemble, Estimator.CONDITIONAL).values(n)
            np.testing.assert_allclose(full, reference, rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(measured.values(n), reference, rtol=1e-10, atol=1e-12)


def test_several_outputs_are_multiplied_between_experiments() -> None:
    """kappa3 and Delta G4 of networks with two outputs: products over distinct experiments, their mean and jackknife."""
    rng = np.random.default_rng(SEED)
    experiments = 6
    outputs = rng.normal(size=(experiments, 8, 2, 2)) * rng.uniform(0.5, 1.5, size=(experiments, 8, 1, 1)) + 0.2
    inputs = np.array([0.1, 0.4])
    ensemble = from_outputs(outputs.reshape(-1, 2, 2), inputs, experiments)
    measured = measure_correlators(ensemble, Estimator.PLAIN)
    means = {n: np.stack([m.mean(axis=1) for m in _products(outputs, n)], axis=1) for n in (1, 2, 3, 4)}

    def distinct(chosen: Sequence[int], *factors: FloatArray) -> float:
        """The mean over ordered choices of distinct experiments of the product."""
        total, count = 0.0, 0
        for choice in np.ndindex(*(len(chosen) for _ in factors)):
            if len(set(choice)) == len(choice):
                count += 1
                total += prod(factor[chosen[e]] for factor, e in zip(factors, choice, strict=True))
        return total / count

    def kappa3(chosen: Sequence[int], i: int, j: int, k: int) -> float:
        one, two = means[1].T, {pair: means[2][:, p] for p, pair in enumerate(sorted_tuples(2, 2))}
        three = means[3][:, sorted_tuples(2, 3).index((i, j, k))]
        pairs = ((i, j, k), (i, k, j), (j, k, i))
        mixed = sum(distinct(chosen, two[min(a, b), max(a, b)], one[c]) for a, b, c in pairs)
        return distinct(chosen, three) - mixed + 2 * distinct(chosen, one[i], one[j], one[k])

    every = list(range(experiments))
    found = measured.connected(3)
    for place, row in enumerate(sorted_tuples(2, 3)):
        whole = kappa3(every, *row)
        without = np.array([kappa3([e for e in every if e != left], *row) for left in every])
        assert found[:, place].mean() == pytest.approx(whole, rel=1e-9)
        np.testing.assert_allclose(found[:, place], experiments * whole - (experiments - 1) * without, rtol=1e-8)
    delta = measured.delta(4)
    for place, row in enumerate(sorted_tuples(2, 4)):
        two = {pair: means[2][:, p] for p, pair in enumerate(sorted_tuples(2, 2))}
        free = sum(distinct(every, two[a], two[b]) for a, b in pairings(row))
        assert delta[:, place].mean() == pytest.approx(float(means[4][:, place].mean()) - free, rel=1e-9)
    with pytest.raises(InputError, match=r"6 experiments for products of 6 averages .* at least 7"):
        measured.connected(6)


def _products(outputs: FloatArray, n: int) -> list[FloatArray]:
    """Products of n equal outputs, averaged over outputs: each (experiments, networks)."""
    return [np.prod(outputs[:, :, list(row), :], axis=2).mean(axis=-1) for row in sorted_tuples(2, n)]


def test_gaussian_is_isserlis() -> None:
    """The moments of a normal vector: G^(n) of one input is (n-1)!! K^(n/2), odd ones vanish."""
    pairs = np.array([2.0, 0.3, 1.0])
    np.testing.assert_allclose(gaussian(pairs, 2, 2), pairs)
    expected = [3 * 4.0, 3 * 2.0 * 0.3, 2.0 + 2 * 0.09, 3 * 0.3, 3.0]
    np.testing.assert_allclose(gaussian(pairs, 2, 4), expected, rtol=1e-14)
    assert gaussian(pairs, 2, 6)[0] == pytest.approx(15 * 8.0)
    assert not gaussian(pairs, 2, 5).any()
    rows = np.stack([pairs, 2 * pairs])
    np.testing.assert_allclose(gaussian(rows, 2, 6)[1], 8 * gaussian(rows, 2, 6)[0], rtol=1e-14)


# Against exact correlators


LIGHT = Architecture(GAUSS, 1, 0.5, 0.2)
"""Gauss-net with tails that averages can bear."""
CASES: dict[str, tuple[Architecture, tuple[float, ...]]] = {
    "erf": (PRESETS["erf"].architecture(), (-1.0, 0.2, 0.6)),
    "relu": (PRESETS["relu"].architecture(sigma_b=0.5), (-0.4, 0.5, 1.2)),
    "light gauss": (LIGHT, (-0.4, 0.2, 0.3)),
}
NETS = {2: 8_000, 20: 4_000, 1000: 200}


def agrees(measured: MeasuredCorrelators, exact: dict[int, ExactCorrelator], width: int) -> dict[str, float]:
    """The largest deviation of each quantity, in sigma; odd ones from zero."""
    worst = {}
    for n in ORDERS:
        place = (measured.estimator.value, measured.reference.value, n)
        if n % 2:
            worst[f"{place} full"] = float(sigmas(measured.values(n), 0.0).max())
            worst[f"{place} connected"] = float(sigmas(measured.connected(n), 0.0).max())
            continue
        for name, samples, series in (
            ("full", measured.values(n), exact[n].full),
            ("connected", measured.connected(n), exact[n].connected),
            ("delta", measured.delta(n), exact[n].delta),
        ):
            worst[f"{place} {name}"] = float(sigmas(samples, series.at(width)).max())
    return worst


@pytest.mark.parametrize("width", sorted(NETS))
@pytest.mark.parametrize("name", CASES)
def test_every_estimator_is_exact(name: str, width: int) -> None:
    """40 experiments; with and without the kernel; all orders, odd ones vanish."""
    architecture, inputs = CASES[name]
    kernel, points = kernel_of(architecture), np.array(inputs)[:, None]
    exact = {n: exact_correlators(architecture, points, n) for n in (2, 4, 6)}
    networks = run(SimulationSettings.make(architecture, inputs, width, NETS[width], 40, SEED + width))
    neurons = run(SimulationSettings.make(architecture, inputs, None, 8_000, 40, SEED + width, record=Record.NEURONS))
    for ensemble, estimators in ((networks, NETWORKS), (neurons, (Estimator.NEURON,))):
        assert available_estimators(ensemble, known_kernel=True) == estimators
        at = None if ensemble is networks else width
        for estimator in estimators:
            for K in (kernel, None):
                if K is None and estimator.needs_kernel:
                    continue
                measured = measure_correlators(ensemble, estimator, K, width=at)
                if estimator is not Estimator.PLAIN:  # products of outputs need more networks for n = 6
                    assert not any(measured.refused(n) for n in ORDERS), (estimator, width)
                worst = agrees(measured, exact, width)
                assert max(worst.values()) < SIGMAS, (worst, f"seed {SEED + width}")
                if estimator in {Estimator.CENTRED, Estimator.NEURON}:  # the control: a width that is a tenth larger
                    wrong = exact[4].delta.at(round(1.1 * width) + 1)
                    assert sigmas(measured.delta(4), wrong).max() > SIGMAS


@pytest.mark.parametrize("width", [2, 20, 1000])
def test_tilted_neurons_are_exact_where_averages_are_hopeless(width: int) -> None:
    """Gauss-net at the talk's variances, whose moments are e^4, e^12: no refusal, and the exact values."""
    architecture, points = PRESETS["gauss"].architecture(), np.array([[-0.2], [0.1], [0.3]])
    kernel = kernel_of(architecture)
    stream = run(SimulationSettings.make(architecture, points, None, 20_000, 40, SEED, record=Record.TILTED))
    assert available_estimators(stream, known_kernel=True) == (Estimator.TILTED,)
    assert available_estimators(stream, known_kernel=False) == ()
    measured = measure_correlators(stream, Estimator.TILTED, kernel, width=width)
    exact = {n: exact_correlators(architecture, points, n) for n in (2, 4, 6)}
    worst = agrees(measured, exact, width)
    assert max(worst.values()) < SIGMAS, (worst, f"seed {SEED}")
    assert not any(measured.refused(n) for n in ORDERS)
    assert not measured.warnings
    error = measured.error(measured.connected(6), 6)
    assert error is not None
    assert np.all(error < 0.1 * np.abs(exact[6].connected.at(width)))


def test_an_activation_of_ones_own_without_a_kernel() -> None:
    """tanh: K is the measured two-point function; exact moments come from quadrature."""
    architecture = Architecture(register_activation("tests.tanh", np.tanh), 1, 1.2, 0.3)
    points = np.array([[0.3], [1.0]])
    stream = run(SimulationSettings.make(architecture, points, None, 20_000, 40, SEED, record=Record.NEURONS))
    exact = {n: exact_correlators(architecture, points, n) for n in (2, 4, 6)}
    measured = measure_correlators(stream, Estimator.NEURON, width=3)
    worst = agrees(measured, exact, 3)
    assert max(worst.values()) < SIGMAS, (worst, f"seed {SEED}")


@pytest.mark.parametrize("depth", [2, 3])
def test_deep_relu_is_exact(depth: int) -> None:
    """Without bias K_hat(x, x) is a product over layers of independent means of N terms w relu(g)^2, g normal."""
    width, x = 5, 0.8
    architecture = Architecture(RELU, 1, 1.1, 0.0, depth)
    ensemble = run(SimulationSettings.make(architecture, [x], width, 6_000, 40, SEED + depth))
    w = architecture.weight_variance
    # moments of one term, (2k-1)!!/2 w^k; of the mean of `width` of them through cumulants
    m1, m2, m3 = (w**k * double_factorial(2 * k - 1) / 2 for k in (1, 2, 3))
    c2, c3 = (m2 - m1**2) / width, (m3 - 3 * m1 * m2 + 2 * m1**3) / width**2
    layer = {1: m1, 2: c2 + m1**2, 3: c3 + 3 * c2 * m1 + m1**3}
    k1, k2, k3 = ((w * x * x) ** k * layer[k] ** depth for k in (1, 2, 3))
    cumulants = {2: k1, 4: 3 * (k2 - k1**2), 6: 15 * (k3 - 3 * k1 * k2 + 2 * k1**3)}
    full = {2: k1, 4: 3 * k2, 6: 15 * k3}
    limit = w * x * x * m1**depth
    kernel = FunctionKernel(lambda a, b: a @ b.T * w * m1**depth)  # at one input
    assert available_estimators(ensemble, known_kernel=True) == NETWORKS[:3]
    for estimator in NETWORKS[:3]:
        for K in (kernel, None):
            measured = measure_correlators(ensemble, estimator, K)
            assert measured.reference is (Reference.LIMIT if K else Reference.MEASURED)
            for n in (2, 4, 6):
                own = double_factorial(n - 1) * (limit if K else k1) ** (n // 2)
                for samples, expected in (
                    (measured.values(n), full[n]),
                    (measured.connected(n), cumulants[n]),
                    (measured.delta(n), full[n] - own),
                ):
                    assert sigmas(samples, expected).max() < SIGMAS, (estimator, K, n, f"seed {SEED}")
    assert sigmas(measured.connected(4), 1.5 * cumulants[4]).max() > SIGMAS  # the control
    for estimator, record in ((Estimator.CENTRED, "3"), (Estimator.NEURON, "neurons")):
        del record
        with pytest.raises(
            InputError, match=f"estimator {estimator.value}: holds for one hidden layer, this network has {depth}"
        ):
            measure_correlators(ensemble, estimator, kernel)


def test_less_noise_at_equal_cost() -> None:
    """Erf-net at width 100, as many neurons for each: variances of Delta G4 relative to plain averages.

    4e3, 1e7, 1e7 and 1.7e9 (physics notes, section 6, which count 3.7e3, 1e7 and 1.6e9); of Delta G6 6e3, 5e6, 5e6 and 1e9.
    """
    architecture, points = PRESETS["erf"].architecture(), PRESETS["erf"].points()
    networks = run(SimulationSettings.make(architecture, points, 100, 500, 20, 1))
    neurons = run(SimulationSettings.make(architecture, points, None, 50_000, 20, 1, record=Record.NEURONS))
    for n in (4, 6):
        variance = {}
        for ensemble, width in ((networks, None), (neurons, 100)):
            for estimator in available_estimators(ensemble, known_kernel=True):
                measured = measure_correlators(ensemble, estimator, ErfKernel(), width=width)
                variance[estimator] = float(
                    np.mean(measured.delta(n).var(axis=0, ddof=1) / measured.gaussian(n)[0] ** 2)
                )
        gains = {estimator: variance[Estimator.PLAIN] / each for estimator, each in variance.items()}
        assert gains[Estimator.CONDITIONAL] > 2e3, gains
        assert gains[Estimator.CUMULANT] > 2e6, gains
        assert gains[Estimator.CENTRED] == pytest.approx(gains[Estimator.CUMULANT], rel=0.2), gains
        assert gains[Estimator.NEURON] > 50 * gains[Estimator.CENTRED], gains
        order = [Estimator.PLAIN, Estimator.CONDITIONAL, Estimator.CUMULANT, Estimator.NEURON]
        assert all(gains[b] > 10 * gains[a] for a, b in pairwise(order)), gains


def test_one_stream_serves_every_width() -> None:
    """kappa4 N and kappa6 N^2 do not depend on the width, to rounding; the error falls with it."""
    architecture, points = PRESETS["relu"].architecture(), PRESETS["relu"].points()[:2]
    stream = run(SimulationSettings.make(architecture, points, None, 1_000, 3, SEED, record=Record.NEURONS))
    at = {N: measure_correlators(stream, Estimator.NEURON, ReluKernel(), width=N) for N in (1, 2, 1000)}
    for n, power in ((4, 1), (6, 2)):
        for N, measured in at.items():
            np.testing.assert_allclose(measured.connected(n) * N**power, at[1].connected(n), rtol=1e-12)
            assert measured.width == N


# Which apply


def test_the_best_estimator_of_a_simulation() -> None:
    assert best_estimator(PRESETS["gauss"].architecture()) is Estimator.TILTED
    assert best_estimator(PRESETS["relu"].architecture()) is Estimator.NEURON
    assert best_estimator(Architecture(RELU, depth=2)) is Estimator.CUMULANT
    for architecture in (Architecture(GAUSS), Architecture(ERF), Architecture(ERF, depth=2)):
        best = best_estimator(architecture)
        width = None if best.at_any_width else 2
        ensemble = run(SimulationSettings.make(architecture, [0.1], width, 50, 2, 1, record=best.record))
        assert available_estimators(ensemble, known_kernel=True)[-1] in {best, Estimator.CENTRED}


def test_what_each_record_supports() -> None:
    architecture, points = PRESETS["erf"].architecture(), [0.1]

    def found(record: Record, *, known_kernel: bool) -> tuple[Estimator, ...]:
        width = 3 if record.of_networks else None
        ensemble = run(SimulationSettings.make(architecture, points, width, 50, 2, 1, record=record))
        return available_estimators(ensemble, known_kernel=known_kernel)

    assert found(Record.OUTPUTS, known_kernel=True) == (Estimator.PLAIN,)
    assert found(Record.CONDITIONAL, known_kernel=True) == NETWORKS
    assert found(Record.CONDITIONAL, known_kernel=False) == NETWORKS[:3]
    assert found(Record.NEURONS, known_kernel=False) == (Estimator.NEURON,)


def test_every_estimator_says_what_it_assumes() -> None:
    assumptions = [estimator.assumption for estimator in Estimator]
    assert len(set(assumptions)) == len(Estimator)
    assert all(len(assumption) > 30 for assumption in assumptions)
    assert all(len(reference.statement) > 20 for reference in Reference)


def test_refusals() -> None:
    inputs = np.array([0.5, 1.0])
    rng = np.random.default_rng(1)
    imported = from_outputs(rng.normal(size=(100, 2)), inputs, 2)
    for estimator in (Estimator.CONDITIONAL, Estimator.CENTRED, Estimator.CUMULANT):
        with pytest.raises(InputError, match=f"estimator {estimator.value}: needs record conditional, .* use plain"):
            measure_correlators(imported, estimator, ReluKernel())
    settings = SimulationSettings.make(Architecture(RELU), inputs, 2, 50, 2, 1)
    networks = run(settings)
    with pytest.raises(InputError, match="estimator centred: needs the exact kernel"):
        measure_correlators(networks, Estimator.CENTRED)
    with pytest.raises(InputError, match="width = 3: these networks have width 2"):
        measure_correlators(networks, Estimator.PLAIN, width=3)
    one = run(SimulationSettings.make(Architecture(RELU), inputs, 2, 50, 1, 1))
    with pytest.raises(InputError, match="at least two independent experiments, got 1"):
        measure_correlators(one, Estimator.PLAIN, ReluKernel())
    neurons = run(SimulationSettings.make(Architecture(RELU), inputs, None, 50, 2, 1, record=Record.NEURONS))
    for width, message in ((None, "give the one to measure at"), (0, "width = 0: expected a positive")):
        with pytest.raises(InputError, match=message):
            measure_correlators(neurons, Estimator.NEURON, ReluKernel(), width=width)
    with pytest.raises(InputError, match="every output of the ensemble is zero"):
        measure_correlators(from_outputs(np.zeros((100, 2)), inputs, 2), Estimator.PLAIN)
    for n in (0, 7):
        with pytest.raises(InputError, match=f"n = {n}: expected 1 to 6"):
            measure_correlators(imported, Estimator.PLAIN).values(n)
    few = averages.of_outputs(inputs[:, None], rng.normal(size=(3, 5, 2)))
    with pytest.raises(InputError, match="from 5 samples: expected at least 6"):
        measure_correlators(few, Estimator.PLAIN).connected(6)


def test_activations_are_recognised_by_value() -> None:
    """TILTED belongs to the normalised exponential, under whatever name."""
    own = Activation("mine", GAUSS.apply, normalised=True)
    assert best_estimator(Architecture(own)) is Estimator.TILTED
    kernel = GaussKernel()
    stream = run(SimulationSettings.make(Architecture(own), [0.0, 0.1], None, 500, 3, 1, record=Record.TILTED))
    assert measure_correlators(stream, Estimator.TILTED, kernel, width=2).reference is Reference.EXACT
