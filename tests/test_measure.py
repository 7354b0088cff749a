"""Estimators, errors and warnings: against direct formulas, closed forms at finite width, coverage, controls."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import exp, inf, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from feyn_nn.combinatorics import pairings, sorted_tuples
from feyn_nn.ensembles import Ensemble, SimulationSettings, from_outputs, run
from feyn_nn.errors import InputError
from feyn_nn.estimate import Estimate
from feyn_nn.kernels import ErfKernel, FunctionKernel, GaussKernel, Propagator, ReluKernel, kernel_of
from feyn_nn.measure import Code, Estimator, available_estimators, crosscheck, measure_correlators
from feyn_nn.measure.couplings import MeasuredCoupling, measure_lambda, predict_six_point, theory_coefficients
from feyn_nn.measure.diagnosis import constancy, few_experiments, heavy_tail, one_measurement, perturbation, sign_change
from feyn_nn.measure.estimators import delta, gaussian
from feyn_nn.measure.jackknife import jackknife
from feyn_nn.network import GAUSS, PRESETS, Architecture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray

SEED = 4711


def simulated(name: str, width: int, nets: int, experiments: int, seed: int = SEED) -> Ensemble:
    preset = PRESETS[name]
    return run(SimulationSettings.make(preset.architecture(), preset.points(), width, nets, experiments, seed))


def codes(ensemble: Ensemble) -> set[Code]:
    """Codes of a cross-check with the kernel of the ensemble's own preset."""
    assert ensemble.architecture is not None
    return {warning.code for warning in crosscheck(ensemble, kernel_of(ensemble.architecture), 10.0).warnings}


@pytest.fixture(scope="module")
def relu20() -> Ensemble:
    return simulated("relu", 20, 20_000, 10)


@pytest.fixture(scope="module")
def erf100() -> Ensemble:
    return simulated("erf", 100, 2_000, 10)


# Estimators against direct formulas


def raw_ensemble(seed: int) -> tuple[Ensemble, FloatArray, FloatArray]:
    """Arbitrary outputs (2, 40, 3) and K_hat (2, 40, 6), with their ensemble of plain averages."""
    rng = np.random.default_rng(seed)
    outputs = rng.normal(size=(2, 40, 3)) + 0.3
    k_hat = rng.normal(size=(2, 40, 6))
    return (
        Ensemble(
            inputs=np.array([[0.1], [0.2], [0.3]]),
            width=7,
            architecture=None,
            nets=40,
            experiments=2,
            outputs={
                n: np.stack([np.prod(outputs[..., list(t)], axis=-1).mean(axis=1) for t in sorted_tuples(3, n)], axis=1)
                for n in (1, 2, 4, 6)
            },
            conditional={
                k: np.stack([np.prod(k_hat[..., list(t)], axis=-1).mean(axis=1) for t in sorted_tuples(6, k)], axis=1)
                for k in (1, 2, 3)
            },
            tails={},
        ),
        outputs,
        k_hat,
    )


def slow_delta(
    estimator: Estimator, outputs: FloatArray, k_hat: FloatArray, kernel: FloatArray, row: Sequence[int]
) -> float:
    """One experiment, one tuple, network by network: `outputs` (nets, points), `k_hat` (nets, pairs)."""
    number = {pair: index for index, pair in enumerate(sorted_tuples(3, 2))}
    if len(row) == 2 and estimator is Estimator.CENTRED:
        return 0.0
    total = 0.0
    for f, k in zip(outputs, k_hat, strict=True):
        if estimator is Estimator.PLAIN:
            total += float(np.prod([f[i] for i in row]))
            total -= sum(float(np.prod([kernel[number[p]] for p in pairing])) for pairing in pairings(tuple(row)))
            continue
        for pairing in pairings(tuple(row)):
            pairs = [number[p] for p in pairing]
            total += float(np.prod(k[pairs]) - np.prod(kernel[pairs]))
            if estimator is Estimator.CENTRED:  # without the terms that are linear in K_hat - K
                for j in range(len(pairs)):
                    others = pairs[:j] + pairs[j + 1 :]
                    total -= float((k[pairs[j]] - kernel[pairs[j]]) * np.prod(kernel[others]))
    return total / len(outputs)


@pytest.mark.parametrize("estimator", list(Estimator))
@pytest.mark.parametrize("n", [2, 4, 6])
def test_delta_agrees_with_sums_over_networks(estimator: Estimator, n: int) -> None:
    ensemble, outputs, k_hat = raw_ensemble(SEED)
    kernel = np.random.default_rng(SEED + 1).uniform(0.5, 2.0, size=6)
    found = delta(ensemble, kernel, estimator, n)
    for e in range(2):
        slow = [slow_delta(estimator, outputs[e], k_hat[e], kernel, row) for row in sorted_tuples(3, n)]
        np.testing.assert_allclose(found[e], slow, rtol=1e-9, atol=1e-11, err_msg=f"{estimator}, seed {SEED}")


def test_gaussian_is_isserlis() -> None:
    """Control by another road: the moments of a normal vector, G^(n) of one input are (n-1)!! K^(n/2)."""
    matrix = np.array([[2.0, 0.3], [0.3, 1.0]])
    pairs = np.array([2.0, 0.3, 1.0])
    np.testing.assert_allclose(gaussian(pairs, 2, 2), pairs)
    expected = [3 * 4.0, 3 * 2.0 * 0.3, 2.0 + 2 * 0.09, 3 * 0.3, 3.0]
    np.testing.assert_allclose(gaussian(pairs, 2, 4), expected, rtol=1e-14)
    assert gaussian(pairs, 2, 6)[0] == pytest.approx(15 * 8.0)
    rows = np.stack([pairs, 2 * pairs])
    np.testing.assert_allclose(gaussian(rows, 2, 6)[1], 8 * gaussian(rows, 2, 6)[0], rtol=1e-14)
    assert matrix[0, 1] == pairs[1]


# Estimators against exact values at finite width


def t_sigmas(samples: FloatArray, expected: FloatArray | float) -> FloatArray:
    result: FloatArray = (samples.mean(axis=0) - expected) / (samples.std(axis=0, ddof=1) / sqrt(len(samples)))
    return result


@pytest.mark.parametrize("estimator", list(Estimator))
def test_relu_ratios_are_exact(relu20: Ensemble, estimator: Estimator) -> None:
    """Delta G4 = 5/N G_GP and Delta G6 = (15/N + 44/N^2) G_GP for every tuple; all tuples are one measurement."""
    measured = measure_correlators(relu20, estimator, ReluKernel())
    for n, exact in ((4, 5 / 20), (6, 15 / 20 + 44 / 400)):
        ratios = measured.ratios(n)
        np.testing.assert_allclose(ratios, np.broadcast_to(ratios[:, :1], ratios.shape), rtol=1e-8)
        sigmas = float(t_sigmas(ratios[:, 0], exact))
        assert abs(sigmas) < 5, (estimator, n, sigmas, f"seed {SEED}")
        assert measured.error(measured.deltas[n], n) is not None
        assert measured.mean_ratio(n) == pytest.approx(float(ratios[:, 0].mean()), rel=1e-9)
    centred = measured.estimator is Estimator.CENTRED
    assert abs(float(t_sigmas(measured.ratios(4)[:, 0], 1.1 * 5 / 20))) > 5 or not centred  # the control: 10 % off


def gauss_moment(points: FloatArray, row: tuple[int, ...], w: float, s: float) -> float:
    """E prod phi over one Gauss neuron (physics notes, section 3)."""
    x = points[list(row)]
    n, d = x.shape
    linear = float(np.sum(x.sum(axis=0) ** 2))
    return exp((n * n * s + w / d * linear) / 2 - n * s - w / d * float(np.sum(x**2)))


def gauss_exact(points: FloatArray, row: tuple[int, ...], width: int, w: float, s: float) -> float:
    """G^(n) at finite width: sum over partitions of legs among neurons, times Wick's sum over W1, plus the bias.

    With f = sum_k W1_k phi_k + b1: every pairing of legs gives each pair w/N sum_k phi phi + s, and neurons that
    coincide between pairs multiply their moments.
    """
    total = 0.0
    for pairing in pairings(row):
        for biased in range(2 ** len(pairing)):
            chosen: list[tuple[int, ...]] = [pair for k, pair in enumerate(pairing) if not biased >> k & 1]
            weight = s ** (len(pairing) - len(chosen)) * (w / width) ** len(chosen)
            total += weight * _same_neurons(points, chosen, width, w, s)
    return total


def _same_neurons(points: FloatArray, chosen: list[tuple[int, ...]], width: int, w: float, s: float) -> float:
    """Sum over assignments of neurons to pairs, grouped by which coincide."""
    total = 0.0
    for grouping in _groupings(list(range(len(chosen)))):
        value = 1.0
        for k, group in enumerate(grouping):
            value *= width - k
            value *= gauss_moment(points, tuple(i for g in group for i in chosen[g]), w, s)
        total += value
    return total


def _groupings(items: list[int]) -> list[list[list[int]]]:
    """All set partitions."""
    if not items:
        return [[]]
    first, result = items[0], []
    for tail in _groupings(items[1:]):
        result.append([[first], *tail])
        result += [[*tail[:k], [first, *tail[k]], *tail[k + 1 :]] for k in range(len(tail))]
    return result


@pytest.mark.parametrize("estimator", list(Estimator))
def test_light_gauss_net_in_two_dimensions_is_exact(estimator: Estimator) -> None:
    """Gauss-net with small variances has light tails: G4 and G6 over all tuples, bias included, within 5 sigma (t, 19)."""
    points = np.array([[0.4, -0.2], [-0.2, 0.3], [0.5, 0.5]])
    w, s = 0.25, 0.04
    architecture = Architecture(GAUSS, 2, 0.5, 0.2)
    ensemble = run(SimulationSettings.make(architecture, points, 5, 30_000, 20, SEED))
    kernel = GaussKernel(2, 0.5, 0.2)
    assert float(kernel(points[:1], points[1:2])[0, 0]) == pytest.approx(s + w * gauss_moment(points, (0, 1), w, s))
    measured = measure_correlators(ensemble, estimator, kernel)
    for n in (2, 4, 6):
        exact = np.array([gauss_exact(points, row, 5, w, s) for row in sorted_tuples(3, n)])
        if n == 2:
            np.testing.assert_allclose(measured.gaussians[2], exact, rtol=1e-12)
        sigmas = t_sigmas(measured.values(n), exact)
        assert not measured.refused(n)
        assert np.max(np.abs(sigmas)) < 5, (estimator, n, sigmas, f"seed {SEED}")
    if estimator is Estimator.CENTRED:  # the control: without the connected part it would be seen
        assert np.max(np.abs(t_sigmas(measured.values(4), measured.gaussians[4]))) > 5


def test_centred_has_far_smaller_spread(erf100: Ensemble) -> None:
    spreads = {}
    for estimator in Estimator:
        measured = measure_correlators(erf100, estimator, ErfKernel())
        spreads[estimator] = float(measured.deltas[4].std(axis=0, ddof=1).mean())
    for before, after in pairwise(Estimator):
        assert spreads[after] < spreads[before] / 10, (spreads, f"seed {SEED}")
    assert spreads[Estimator.CENTRED] < spreads[Estimator.PLAIN] / 500


def test_two_point_function(erf100: Ensemble) -> None:
    for estimator in (Estimator.PLAIN, Estimator.CONDITIONAL):
        measured = measure_correlators(erf100, estimator, ErfKernel())
        assert np.max(np.abs(t_sigmas(measured.two_point, measured.gaussians[2]))) < 5.5, (estimator, f"seed {SEED}")
        np.testing.assert_allclose(measured.ratios(2), measured.two_point / measured.gaussians[2] - 1, atol=1e-13)
    centred = measure_correlators(erf100, Estimator.CENTRED, ErfKernel())
    assert not np.any(centred.deltas[2])
    np.testing.assert_array_equal(centred.two_point, measured.two_point)


def test_background_is_the_spread_across_experiments(erf100: Ensemble) -> None:
    measured = measure_correlators(erf100, Estimator.PLAIN, ErfKernel())
    ratios = measured.deltas[4] / measured.gaussians[4]
    by_hand = [float(np.std(ratios[:, t], ddof=1)) for t in range(ratios.shape[1])]
    assert measured.background(4) == pytest.approx(sum(by_hand) / len(by_hand), rel=1e-12)
    error = measured.error(measured.deltas[4], 4)
    assert error is not None
    np.testing.assert_allclose(error, measured.deltas[4].std(axis=0, ddof=1) / sqrt(10), rtol=1e-12)


def test_tuples_without_gaussian_part_are_left_out() -> None:
    """ReLU at inputs of both signs: K(1, -1) = 0, so odd tuples have no ratio and are not counted."""
    architecture = PRESETS["relu"].architecture()
    ensemble = run(SimulationSettings.make(architecture, [-1.0, 1.0], 20, 2_000, 5, SEED))
    measured = measure_correlators(ensemble, Estimator.CENTRED, ReluKernel())
    undefined = np.isnan(measured.ratios(4))
    rows = sorted_tuples(2, 4)
    assert [bool(x) for x in undefined[0]] == [row.count(0) % 2 == 1 for row in rows]
    assert np.isfinite(measured.mean_ratio(4))
    assert np.isfinite(measured.background(4))


# A kernel that is not known


def relu_outputs(rng: np.random.Generator, nets: int, width: int, inputs: FloatArray) -> FloatArray:
    w0 = rng.normal(size=(nets, width))
    w1 = rng.normal(size=(nets, width)) / sqrt(width)
    return np.stack([(w1 * np.maximum(w0 * x, 0)).sum(axis=1) for x in inputs], axis=1)


def test_measured_kernel() -> None:
    """Imported outputs, no kernel: each experiment is compared with its own two-point function."""
    inputs = np.array([0.5, 1.0])
    ensemble = from_outputs(relu_outputs(np.random.default_rng(SEED), 100_000, 5, inputs), inputs, 10)
    assert available_estimators(ensemble, known_kernel=False) == (Estimator.PLAIN,)
    assert available_estimators(ensemble, known_kernel=True) == (Estimator.PLAIN,)
    measured = measure_correlators(ensemble, Estimator.PLAIN)
    assert measured.kernel is None
    assert not np.any(measured.ratios(2))
    for n in (4, 6):
        own = np.array([gaussian(row, 2, n) for row in ensemble.outputs[2]])
        np.testing.assert_allclose(measured.deltas[n], ensemble.outputs[n] - own, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(measured.values(n), ensemble.outputs[n], rtol=1e-12)
    sigmas = float(t_sigmas(measured.ratios(4)[:, 0], 5 / 5))
    assert abs(sigmas) < 5, (sigmas, f"seed {SEED}")
    wrong = FunctionKernel(lambda x, y: 0.9 * ReluKernel()(x, y))  # the control: a wrong kernel is seen
    assert abs(float(t_sigmas(measure_correlators(ensemble, Estimator.PLAIN, wrong).ratios(4)[:, 0], 1.0))) > 5


def test_measured_kernel_of_a_simulation(relu20: Ensemble) -> None:
    assert available_estimators(relu20, known_kernel=False) == (Estimator.PLAIN, Estimator.CONDITIONAL)
    assert available_estimators(relu20, known_kernel=True) == tuple(Estimator)
    measured = measure_correlators(relu20, Estimator.CONDITIONAL)
    assert relu20.conditional is not None
    np.testing.assert_array_equal(measured.two_point, relu20.conditional[1])
    assert abs(float(t_sigmas(measured.ratios(4)[:, 0], 5 / 20))) < 5
    with pytest.raises(InputError, match="estimator centred: needs the exact kernel"):
        measure_correlators(relu20, Estimator.CENTRED)


def test_refusals() -> None:
    inputs = np.array([0.5, 1.0])
    imported = from_outputs(relu_outputs(np.random.default_rng(1), 100, 5, inputs), inputs, 2)
    for estimator in (Estimator.CONDITIONAL, Estimator.CENTRED):
        with pytest.raises(InputError, match=f"estimator {estimator.value}: needs the record of K_hat"):
            measure_correlators(imported, estimator, ReluKernel())
        with pytest.raises(InputError, match=f"estimator {estimator.value}: imported outputs"):
            delta(imported, np.ones(3), estimator, 4)
    with pytest.raises(InputError, match="at least two independent experiments, got 1"):
        measure_correlators(simulated("relu", 2, 50, 1), Estimator.PLAIN, ReluKernel())
    with pytest.raises(InputError, match=r"cutoff 1: expected a positive number, at least 1\.2"):
        theory_coefficients(PRESETS["relu"].points(), 1.0, ReluKernel(), ReluKernel())


# Jackknife


def test_jackknife_of_a_linear_quantity_is_the_standard_error() -> None:
    rng = np.random.default_rng(SEED)
    for size in (2, 3, 10):
        a, b = rng.normal(size=(size, 4)), rng.normal(size=size)
        found = jackknife(lambda x, y: float(2 * x[1] - x[3] + 3 * y), a, b)
        combined = Estimate.from_experiments((2 * a[:, 1] - a[:, 3] + 3 * b).tolist())
        assert found.mean == pytest.approx(combined.mean, rel=1e-12)
        assert found.error == pytest.approx(combined.error, rel=1e-12), (size, f"seed {SEED}")
        assert found.n == size
    with pytest.raises(InputError, match="at least two independent experiments, got 1"):
        jackknife(float, np.array([1.0]))


def test_jackknife_covers_the_truth() -> None:
    """400 ratios of means from 10 experiments: one sigma covers as Student's t with 9 degrees of freedom says, .656.

    That is .027 below a normal's .683: an interval of 68 % needs the factor t_9 = 1.06.
    """
    rng = np.random.default_rng(SEED)
    sets, experiments, truth = 400, 10, 2.0 / 5.0
    pulls = []
    for _ in range(sets):
        shared = rng.normal(size=experiments)
        top = 2.0 + 0.2 * shared + 0.1 * rng.normal(size=experiments)
        bottom = 5.0 - 0.3 * shared + 0.2 * rng.normal(size=experiments)
        found = jackknife(lambda a, b: float(a / b), top, bottom)
        assert found.error is not None
        pulls.append(abs(found.mean - truth) / found.error)
    expected = float(stats.t.cdf(1, experiments - 1) - stats.t.cdf(-1, experiments - 1))
    assert expected == pytest.approx(0.656, abs=1e-3)
    sigma = sqrt(expected * (1 - expected) / sets)
    coverage = float(np.mean(np.array(pulls) < 1))
    assert abs(coverage - expected) < 4 * sigma, (coverage, expected, sigma, f"seed {SEED}")
    halved = float(np.mean(np.array(pulls) < 0.5))  # the control: an error bar half as large
    assert abs(halved - expected) > 4 * sigma


# Warnings, each with a control


@pytest.mark.parametrize(("width", "nets"), [(10, 300), (10, 3_000), (10, 30_000), (1000, 300), (1000, 2_000)])
@pytest.mark.parametrize("seed", [1, 2])
def test_gauss_net_has_a_heavy_tail(width: int, nets: int, seed: int) -> None:
    """A log-normal neuron: the plain count of networks does not help, and no error bar is given."""
    ensemble = simulated("gauss", width, nets, 5, seed)
    for estimator in (Estimator.CONDITIONAL, Estimator.CENTRED):
        measured = measure_correlators(ensemble, estimator, GaussKernel())
        found = [warning.code for warning in measured.warnings]
        assert found.count(Code.HEAVY_TAIL) == 2, (width, nets, estimator, f"seed {seed}")
        for n in (4, 6):
            assert measured.refused(n)
            assert measured.error(measured.deltas[n], n) is None
        assert not measured.refused(2)
        assert measured.error(measured.two_point, 2) is not None


@pytest.mark.parametrize(
    ("name", "width", "nets"),
    [("erf", 5, 300), ("erf", 5, 3_000), ("erf", 100, 300), ("relu", 2, 30_000), ("relu", 20, 3_000)],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_light_tails_pass(name: str, width: int, nets: int, seed: int) -> None:
    """ReLU's phi^12 needs some ten thousand neurons: about 1.1 % of them carry the mean of phi^6."""
    ensemble = simulated(name, width, nets, 5, seed)
    for estimator in (Estimator.CONDITIONAL, Estimator.CENTRED):
        for n in (4, 6):
            warning = heavy_tail(ensemble, estimator, n)
            assert warning is None, (name, width, nets, estimator, n, warning, f"seed {seed}")


def test_heavy_tail_of_plain_averages() -> None:
    """Outputs of Gauss-net at width 10 are heavy for n = 6, Gaussian outputs are not."""
    gauss = simulated("gauss", 10, 10_000, 5)
    assert heavy_tail(gauss, Estimator.PLAIN, 6) is not None
    normal = from_outputs(np.random.default_rng(SEED).normal(size=(50_000, 2)), np.array([0.1, 0.2]), 5)
    for n in (4, 6):
        assert heavy_tail(normal, Estimator.PLAIN, n) is None, f"seed {SEED}"
    cauchy = from_outputs(np.random.default_rng(SEED).standard_cauchy(size=(50_000, 2)), np.array([0.1, 0.2]), 5)
    for n in (4, 6):
        assert heavy_tail(cauchy, Estimator.PLAIN, n) is not None, f"seed {SEED}"


def test_refused_error_bars_are_none() -> None:
    """lambda, its prediction and the six-point ratios; Erf is the control."""
    for name, kernel in (("gauss", GaussKernel()), ("erf", ErfKernel())):
        result = crosscheck(simulated(name, 10, 1_000, 5), kernel, 10.0)
        six = result.six_point
        assert six.distinct is not None
        errors = [result.coupling.estimate, six.gp_over_g6, six.eft_over_g6, *six.distinct]
        assert [estimate.error is None for estimate in errors] == [name == "gauss"] * 5
        assert np.isfinite([estimate.mean for estimate in errors]).all()


def test_one_measurement(relu20: Ensemble, erf100: Ensemble) -> None:
    assert Code.ONE_MEASUREMENT in codes(relu20)
    assert Code.ONE_MEASUREMENT not in codes(erf100)
    rng = np.random.default_rng(SEED)
    common = rng.normal(size=(10, 1)) * rng.uniform(1, 5, size=7)
    assert one_measurement(common) is not None
    assert one_measurement(common + 0.5 * rng.normal(size=(10, 7))) is None
    assert one_measurement(common[:2]) is None  # two experiments: any data look like one measurement
    assert one_measurement(np.ones((5, 3))) is None  # nothing moves


def test_constancy(relu20: Ensemble, erf100: Ensemble) -> None:
    assert Code.CONSTANCY in codes(erf100)
    assert Code.CONSTANCY not in codes(relu20)
    assert constancy(-2.0, 0.21) is not None
    assert constancy(-2.0, 0.19) is None
    assert constancy(0.0, 0.1) is not None


def test_perturbation(relu20: Ensemble, erf100: Ensemble) -> None:
    """Second over first order is 22.5/N for ReLU and .41/N for Erf."""
    assert Code.PERTURBATION in codes(relu20)
    assert Code.PERTURBATION not in codes(erf100)
    assert perturbation(-0.31) is not None
    assert perturbation(0.31) is not None
    assert perturbation(-0.29) is None


def test_few_experiments() -> None:
    for experiments in (2, 3, 4, 5, 10):
        ensemble = simulated("erf", 5, 200, experiments)
        found = {warning.code for warning in measure_correlators(ensemble, Estimator.CENTRED, ErfKernel()).warnings}
        assert (Code.FEW_EXPERIMENTS in found) == (experiments < 5), experiments
    warning = few_experiments(3)
    assert warning is not None
    assert "about 50 %" in warning.message


def test_non_zero_mean() -> None:
    """Outputs plus a constant of 15 standard errors at one of two inputs; without it nothing."""
    rng = np.random.default_rng(SEED)
    inputs = np.array([0.5, 1.0])
    outputs = relu_outputs(rng, 20_000, 10, inputs)
    error = outputs[:, 1].std() / sqrt(len(outputs))
    for shift, expected in ((0.0, False), (3 * error, None), (15 * error, True)):
        ensemble = from_outputs(outputs + np.array([0.0, shift]), inputs, 5)
        found = {warning.code: warning for warning in measure_correlators(ensemble, Estimator.PLAIN).warnings}
        if expected is not None:
            assert (Code.NON_ZERO_MEAN in found) == expected, f"seed {SEED}"
        if expected:
            assert "at input 1" in found[Code.NON_ZERO_MEAN].message
    constant = from_outputs(np.full((20, 2), 0.7), inputs, 2)  # no spread at all
    assert Code.NON_ZERO_MEAN in {warning.code for warning in measure_correlators(constant, Estimator.PLAIN).warnings}
    zero = np.zeros((20, 2))
    zero[:, 1] = [1, -1] * 10
    balanced = from_outputs(zero, inputs, 2)
    assert Code.NON_ZERO_MEAN not in {
        warning.code for warning in measure_correlators(balanced, Estimator.PLAIN).warnings
    }


def test_false_alarms_of_non_zero_mean_are_rare() -> None:
    """A law on the null hypothesis: 200 ensembles without mean, six inputs, threshold 5.5 sigma: none."""
    inputs = np.arange(1, 7) / 10
    rng = np.random.default_rng(SEED)
    found = Counter(
        warning.code
        for _ in range(200)
        for warning in measure_correlators(from_outputs(rng.normal(size=(200, 6)), inputs, 5), Estimator.PLAIN).warnings
    )
    assert found[Code.NON_ZERO_MEAN] == 0, f"seed {SEED}"


@pytest.mark.parametrize(("cutoff", "negative"), [(3.0, 12), (100.0, 56)])
def test_sign_change(erf100: Ensemble, cutoff: float, negative: int) -> None:
    """With K_W legs Erf's I4 changes sign over tuples; with K legs it does not."""
    kernel = ErfKernel()
    theory = theory_coefficients(erf100.inputs, cutoff, Propagator.WEIGHTS.of(kernel), kernel)
    assert int(np.sum(-theory.first < 0)) == negative  # first = -24 I4
    result = crosscheck(erf100, kernel, cutoff, Propagator.WEIGHTS)
    (warning,) = [warning for warning in result.warnings if warning.code is Code.SIGN_CHANGE]
    assert f"for {negative} of 126 tuples" in warning.message
    control = crosscheck(erf100, kernel, cutoff, Propagator.FULL)
    assert Code.SIGN_CHANGE not in {warning.code for warning in control.warnings}
    assert sign_change(np.array([1.0, -1e-12])) is not None
    assert sign_change(np.array([-1.0, -2.0])) is None


# Couplings from a measurement


def test_lambda_is_delta_over_first_coefficient(erf100: Ensemble) -> None:
    kernel = ErfKernel()
    measured = measure_correlators(erf100, Estimator.CENTRED, kernel)
    theory = theory_coefficients(erf100.inputs, 10.0, kernel, kernel)
    found = measure_lambda(measured, theory)
    per_tuple = measured.deltas[4] / theory.first
    np.testing.assert_allclose(found.over_tuples, per_tuple.mean(axis=0), rtol=1e-12)
    by_experiment = Estimate.from_experiments(per_tuple.mean(axis=1).tolist())
    assert found.estimate.mean == pytest.approx(by_experiment.mean, rel=1e-12)
    assert found.estimate.error == pytest.approx(by_experiment.error, rel=1e-12)
    assert found.spread == pytest.approx(float(per_tuple.mean(axis=0).std()), rel=1e-12)
    assert isinstance(found, MeasuredCoupling)


def test_prediction_of_the_six_point_function(erf100: Ensemble) -> None:
    """(G_GP + lambda A6) / G6, mean over tuples and experiments, with the mean lambda."""
    kernel = ErfKernel()
    measured = measure_correlators(erf100, Estimator.CENTRED, kernel)
    theory = theory_coefficients(erf100.inputs, 10.0, kernel, kernel)
    found = predict_six_point(measured, theory)
    coupling = measure_lambda(measured, theory).estimate.mean
    sixth = measured.values(6).mean(axis=0)
    ratios = (measured.gaussians[6] + coupling * theory.sixth) / sixth
    assert found.eft_over_g6.mean == pytest.approx(float(ratios.mean()), rel=1e-12)
    assert found.gp_over_g6.mean == pytest.approx(float((measured.gaussians[6] / sixth).mean()), rel=1e-12)
    assert (found.minimum, found.maximum) == pytest.approx((float(ratios.min()), float(ratios.max())), rel=1e-12)
    place = sorted_tuples(6, 6).index((0, 1, 2, 3, 4, 5))
    assert found.distinct is not None
    assert found.distinct[1].mean == pytest.approx(float(ratios[place]), rel=1e-12)


def test_fewer_than_six_inputs_have_no_distinct_tuple() -> None:
    architecture = PRESETS["erf"].architecture()
    ensemble = run(SimulationSettings.make(architecture, [-0.5, 0.5], 5, 500, 5, SEED))
    result = crosscheck(ensemble, ErfKernel(), 10.0)
    assert result.six_point.distinct is None
    assert result.estimator is Estimator.CENTRED
    assert result.coupling.estimate.error is not None
    assert result.coupling.estimate.error < inf
