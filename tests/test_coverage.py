"""Unbiased estimates and honest error bars, by repetition: tiny experiments, and thousands of ensembles.

Thresholds are 4 standard deviations, of a mean over experiments or of a binomial count; seeds are fixed.
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats
from scipy.special import erf

from feyn_nn.ensembles import Ensemble, Record, SimulationSettings, run
from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.kernels import kernel_of
from feyn_nn.measure import Estimator, MeasuredCorrelators, measure_correlators
from feyn_nn.measure.couplings import TheoryCoefficients, measure_lambda, predict_six_point
from feyn_nn.measure.jackknife import jackknife
from feyn_nn.measure.pairing import gaussian, pair_count, tuple_rows
from feyn_nn.network import ERF, GAUSS, Architecture
from tests.oracles import averages

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

SEED = 20_080_160
SIGMAS = 4.0
INPUTS = np.array([[0.4], [1.0]])
WIDTH = 2
ARCHITECTURE = Architecture(ERF, 1, 1.3, 0.5)
KERNEL = kernel_of(ARCHITECTURE)
EXACT = {n: exact_correlators(ARCHITECTURE, INPUTS, n) for n in (2, 4, 6)}


# Bias: experiments of as few samples as an estimator can do with, very many of them


def networks(experiments: int, nets: int, seed: int) -> Ensemble:
    """Erf-nets of two neurons drawn here, with K_hat."""
    outputs, phi = draw(experiments, nets, seed)
    rows = tuple_rows(2, 2)
    products = (phi[..., rows[:, 0]] * phi[..., rows[:, 1]]).mean(axis=2)
    kernels = ARCHITECTURE.bias_variance + ARCHITECTURE.weight_variance * products
    return averages.of_networks(INPUTS, outputs, kernels, ARCHITECTURE)


def outputs_alone(experiments: int, nets: int, seed: int) -> Ensemble:
    """The same without K_hat, and products of two and four outputs only."""
    return averages.of_outputs(INPUTS, draw(experiments, nets, seed)[0], (2, 4))


def draw(experiments: int, nets: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Outputs (experiments, nets, points) and hidden layers (experiments, nets, neurons, points)."""
    rng = np.random.default_rng(seed)
    phi = neurons(rng, (experiments, nets, WIDTH))
    weights = rng.normal(0, ARCHITECTURE.sigma_w / sqrt(WIDTH), (experiments, nets, WIDTH, 1))
    bias = rng.normal(0, ARCHITECTURE.sigma_b, (experiments, nets, 1))
    return (weights * phi).sum(axis=2) + bias, phi


def neurons(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """phi(x_i) of Erf neurons, shape (*shape, points)."""
    w0 = rng.normal(0, ARCHITECTURE.sigma_w, (*shape, 1))
    b0 = rng.normal(0, ARCHITECTURE.sigma_b, (*shape, 1))
    values: FloatArray = erf(w0 * INPUTS[:, 0] + b0)
    return values


def deviation(samples: FloatArray, exact: FloatArray) -> float:
    """The largest deviation of means over experiments, in standard errors."""
    error = samples.std(axis=0, ddof=1) / sqrt(len(samples))
    moving = error > 1e-12 * np.abs(exact)
    np.testing.assert_allclose(samples.mean(axis=0)[~moving], exact[~moving], rtol=1e-11)
    return float(np.max(np.abs(samples.mean(axis=0) - exact)[moving] / error[moving], initial=0.0))


def assert_unbiased(measured: MeasuredCorrelators) -> None:
    for n in (2, 4, 6):
        for name, samples, exact in (
            ("full", measured.values(n), EXACT[n].full.at(WIDTH)),
            ("gaussian", measured.gaussian(n), EXACT[n].gaussian),
            ("delta", measured.delta(n), EXACT[n].delta.at(WIDTH)),
            ("connected", measured.connected(n), EXACT[n].connected.at(WIDTH)),
        ):
            sigmas = deviation(samples, exact)
            assert sigmas < SIGMAS, (measured.estimator, measured.reference, n, name, sigmas, f"seed {SEED}")


@pytest.mark.parametrize(
    "estimator", [Estimator.PLAIN, Estimator.CONDITIONAL, Estimator.CUMULANT, Estimator.CENTRED], ids=lambda e: e.value
)
def test_six_networks_are_enough_for_no_bias(estimator: Estimator) -> None:
    """20,000 experiments of six networks each, the least with which six outputs have a k-statistic."""
    ensemble = networks(20_000, 6, SEED)
    assert_unbiased(measure_correlators(ensemble, estimator, KERNEL))
    if not estimator.needs_kernel:
        assert_unbiased(measure_correlators(ensemble, estimator))


def test_three_neurons_are_enough_for_no_bias() -> None:
    rng = np.random.default_rng(SEED)
    ensemble = averages.of_neurons(INPUTS, neurons(rng, (40_000, 3)), ARCHITECTURE)
    for kernel in (KERNEL, None):
        assert_unbiased(measure_correlators(ensemble, Estimator.NEURON, kernel, width=WIDTH))


def test_one_tilted_neuron_is_enough_for_no_bias() -> None:
    """Linear in moments: one neuron of Gauss-net an experiment."""
    architecture = Architecture(GAUSS, 1, 0.8, 1.0)
    rng = np.random.default_rng(SEED)
    w0 = rng.normal(0, 0.8, (40_000, 1, 1))
    free = np.exp(w0 * INPUTS[:, 0] - architecture.log_normaliser(INPUTS))
    ensemble = averages.of_tilted_neurons(INPUTS, free, architecture)
    measured = measure_correlators(ensemble, Estimator.TILTED, kernel_of(architecture), width=5)
    for n in (2, 4):  # at these inputs a sixth power is too heavy for a normal law of the mean
        exact = exact_correlators(architecture, INPUTS, n)
        assert deviation(measured.values(n), exact.at(5)) < SIGMAS
        assert deviation(measured.connected(n), exact.connected.at(5)) < SIGMAS


def test_products_of_averages_are_biased() -> None:
    """The control: subtracting the experiment's own averages, or their cumulants, is off by far more than 4 sigma."""
    ensemble = networks(20_000, 6, SEED)
    exact = EXACT[4].delta.at(WIDTH)
    plain = ensemble.values[4] - gaussian(ensemble.values[2], 2, 4)
    assert deviation(plain, exact) > 10
    first, second = ensemble.conditional[1], ensemble.conditional[2]
    rows = tuple_rows(pair_count(2), 2)
    covariance = second - first[:, rows[:, 0]] * first[:, rows[:, 1]]
    variance = exact[:1] / 3  # kappa4 at one input is three variances of K_hat
    assert deviation(covariance[:, :1], variance) > 10
    assert deviation(covariance[:, :1] * 6 / 5, variance) < SIGMAS


# Coverage: how often an interval holds the exact value


SETS, EXPERIMENTS = 2_000, 10


def ensembles(whole: Ensemble) -> list[Ensemble]:
    """2,000 ensembles of ten experiments, from one of 20,000."""
    parts = [slice(k * EXPERIMENTS, (k + 1) * EXPERIMENTS) for k in range(SETS)]
    return [
        replace(
            whole,
            samples=whole.samples[part],
            values={n: values[part] for n, values in whole.values.items()},
            conditional={k: values[part] for k, values in whole.conditional.items()},
        )
        for part in parts
    ]


def assert_covers(pulls: FloatArray, expected_to_fail: bool = False) -> None:
    """Intervals of 68.27 and 95 % of Student's t with 9 degrees of freedom, against binomial counts at 4 sigma."""
    for level in (0.6827, 0.95):
        factor = float(stats.t.ppf(0.5 + level / 2, EXPERIMENTS - 1))
        covered = float(np.mean(np.abs(pulls) < factor))
        sigma = sqrt(level * (1 - level) / len(pulls))
        assert abs(covered - level) < SIGMAS * sigma, (level, covered, sigma, f"seed {SEED}")
    if not expected_to_fail:  # the control: an error bar three quarters as large
        with pytest.raises(AssertionError):
            assert_covers(pulls / 0.75, expected_to_fail=True)


@pytest.fixture(scope="module")
def many_networks() -> list[Ensemble]:
    return ensembles(networks(SETS * EXPERIMENTS, 60, SEED))


@pytest.fixture(scope="module")
def many_neurons() -> list[Ensemble]:
    rng = np.random.default_rng(SEED)
    return ensembles(averages.of_neurons(INPUTS, neurons(rng, (SETS * EXPERIMENTS, 60)), ARCHITECTURE))


def pull_of_delta(measured: MeasuredCorrelators, n: int) -> float:
    """(mean - exact)/error of Delta G^(n) at the tuple 0 .. 0 1, by the error that is reported."""
    values = measured.delta(n)
    error = measured.error(values, n)
    assert error is not None
    exact = EXACT[n].delta.at(WIDTH)
    return float((values.mean(axis=0)[1] - exact[1]) / error[1])


@pytest.mark.parametrize(
    ("estimator", "known"),
    [
        (Estimator.CUMULANT, True),
        (Estimator.CUMULANT, False),
        (Estimator.CENTRED, True),
        (Estimator.NEURON, True),
        (Estimator.NEURON, False),
    ],
)
def test_intervals_of_delta_cover(
    estimator: Estimator, known: bool, many_networks: list[Ensemble], many_neurons: list[Ensemble]
) -> None:
    chosen, width = (many_neurons, WIDTH) if estimator.at_any_width else (many_networks, None)
    kernel = KERNEL if known else None
    pulls = [pull_of_delta(measure_correlators(each, estimator, kernel, width=width), 4) for each in chosen]
    assert_covers(np.array(pulls))


@pytest.mark.parametrize(("nets", "honest"), [(600, True), (50, False)])
def test_intervals_of_plain_averages_cover_where_they_are_not_refused(nets: int, honest: bool) -> None:
    """f^4 of a nearly Gaussian output needs some 600 networks in each experiment (`measure.tails`); 50 are too few."""
    blocks = [outputs_alone(SETS, nets, SEED + k) for k in range(EXPERIMENTS)]
    for kernel in (KERNEL, None):
        values = np.array([measure_correlators(each, Estimator.PLAIN, kernel).delta(4)[:, 1] for each in blocks])
        error = values.std(axis=0, ddof=1) / sqrt(EXPERIMENTS)
        pulls = (values.mean(axis=0) - EXACT[4].delta.at(WIDTH)[1]) / error
        if honest:
            assert_covers(pulls)
        else:
            with pytest.raises(AssertionError):
                assert_covers(pulls)


def test_intervals_of_jackknifed_ratios_cover(many_networks: list[Ensemble], many_neurons: list[Ensemble]) -> None:
    """m_4 relative to the measured two-point function: a ratio of two unbiased estimates."""
    exact = float(np.mean(EXACT[4].delta.at(WIDTH) / EXACT[4].gaussian))
    for chosen, estimator, width in (
        (many_networks, Estimator.CUMULANT, None),
        (many_neurons, Estimator.NEURON, WIDTH),
    ):
        pulls = []
        for each in chosen:
            estimate = measure_correlators(each, estimator, width=width).ratio(4)
            assert estimate is not None
            assert estimate.error is not None
            pulls.append((estimate.mean - exact) / estimate.error)
        assert_covers(np.array(pulls))


def test_intervals_of_couplings_and_predictions_cover(many_neurons: list[Ensemble]) -> None:
    """lambda, linear, and (G6_GP + lambda A6)/G6, a ratio: with coefficients that stand for integrals."""
    four, six = (len(tuple_rows(2, n)) for n in (4, 6))
    theory = TheoryCoefficients(np.linspace(-24, -30, four), None, np.linspace(-360, -300, six), 0.0, 0.0)
    coupling = float(np.mean(EXACT[4].delta.at(WIDTH) / theory.first))
    ratio = float(np.mean((EXACT[6].gaussian + coupling * theory.sixth) / EXACT[6].at(WIDTH)))
    free = float(np.mean(EXACT[6].gaussian / EXACT[6].at(WIDTH)))
    pulls: list[list[float]] = [[], [], []]
    for each in many_neurons:
        measured = measure_correlators(each, Estimator.NEURON, KERNEL, width=WIDTH)
        prediction = predict_six_point(measured, theory)
        found = (measure_lambda(measured, theory).estimate, prediction.eft_over_g6, prediction.gp_over_g6)
        for estimate, exact, column in zip(found, (coupling, ratio, free), pulls, strict=True):
            assert estimate.error is not None
            column.append((estimate.mean - exact) / estimate.error)
    for column in pulls:
        assert_covers(np.array(column))


def test_tuples_are_no_statistics(many_neurons: list[Ensemble]) -> None:
    """The control that the talk's error bar fails: the spread over tuples, over sqrt(tuples), covers nothing like 68 %."""
    exact = float(np.mean(EXACT[4].delta.at(WIDTH)))
    pulls = []
    for each in many_neurons[:500]:
        values = measure_correlators(each, Estimator.NEURON, KERNEL, width=WIDTH).delta(4).mean(axis=0)
        pulls.append((values.mean() - exact) / (values.std(ddof=1) / sqrt(len(values))))
    covered = float(np.mean(np.abs(pulls) < 1))
    assert abs(covered - 0.68) > 4 * sqrt(0.68 * 0.32 / 500), covered


def test_jackknife_of_a_strong_non_linearity() -> None:
    """exp(mean) of ten normal experiments: covered as Student's t says; the naive mean of exp is biased."""
    rng = np.random.default_rng(SEED)
    data = rng.normal(0.3, 0.5, size=(SETS, EXPERIMENTS))
    pulls = []
    for row in data:
        found = jackknife(lambda x: float(np.exp(x)), row)
        assert found.error is not None
        pulls.append((found.mean - np.exp(0.3)) / found.error)
    assert_covers(np.array(pulls))
    naive = (np.exp(data).mean(axis=1) - np.exp(0.3)) / (np.exp(data).std(axis=1, ddof=1) / sqrt(EXPERIMENTS))
    with pytest.raises(AssertionError):
        assert_covers(naive)


def test_simulated_streams_cover_too() -> None:
    """The library's own neurons, 400 ensembles of ten experiments: m_6 with the exact kernel."""
    settings = SimulationSettings.make(ARCHITECTURE, INPUTS, None, 300, 4_000, SEED, record=Record.NEURONS)
    whole = run(settings)
    measured = measure_correlators(whole, Estimator.NEURON, KERNEL, width=WIDTH)
    values = measured.ratios(6).mean(axis=1).reshape(400, EXPERIMENTS)
    exact = float(np.mean(EXACT[6].delta.at(WIDTH) / EXACT[6].gaussian))
    pulls = (values.mean(axis=1) - exact) / (values.std(axis=1, ddof=1) / sqrt(EXPERIMENTS))
    assert_covers(pulls)
