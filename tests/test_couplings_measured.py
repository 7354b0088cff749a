"""Couplings from correlators: exact values at finite width, calibrated errors and tests, predictions, naturalness; controls."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import special, stats

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.ensembles import Record, SimulationSettings, from_outputs, run, simulate_chunk
from feyn_nn.errors import InputError
from feyn_nn.graphs import CONNECTED_RULES
from feyn_nn.kernels import Propagator, kernel_of
from feyn_nn.measure import Estimator, measure_correlators
from feyn_nn.measure.coefficients import ActionCoefficients, action_coefficients, coefficient
from feyn_nn.measure.couplings import measure_lambda, theory_coefficients
from feyn_nn.measure.fits import (
    lambda_over_tuples,
    measure_constant_lambda,
    second_order_lambda,
    second_order_root,
    weighted_fit,
    weighted_lambda,
)
from feyn_nn.measure.kappa import measure_kappa
from feyn_nn.measure.naturalness import examine_naturalness, translate
from feyn_nn.measure.odd import bound_odd_couplings, check_odd
from feyn_nn.measure.predictions import (
    coupling_replicates,
    effectiveness,
    predict_deviation,
    predict_six_point,
)
from feyn_nn.measure.scores import leading_scores
from feyn_nn.measure.several_outputs import lambda_by_outputs, lambda_by_pairing
from feyn_nn.measure.sources import ChosenInputs, GivenCorrelators, exact_source
from feyn_nn.network import PRESETS, Architecture

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import FloatArray
    from feyn_nn.measure import MeasuredCorrelators

SEED = 20240
NETS = ("gauss", "erf", "relu")
SIX = (0, 1, 2, 3, 4, 5)


def setting(name: str) -> tuple[Architecture, FloatArray]:
    preset = PRESETS[name]
    return preset.architecture(), preset.points()


@lru_cache(maxsize=16)
def exact(name: str, width: int) -> GivenCorrelators:
    return exact_source(*setting(name), width)


@lru_cache(maxsize=16)
def coefficients(name: str, propagator: Propagator = Propagator.FULL, cutoff: float = 10.0) -> ActionCoefficients:
    architecture, inputs = setting(name)
    return action_coefficients(inputs, kernel_of(architecture), cutoff, propagator)


@lru_cache(maxsize=8)
def stream(name: str, record: Record, nets: int, experiments: int) -> Callable[[int], MeasuredCorrelators]:
    """A stream of single neurons of a preset, measured at any width."""
    architecture, inputs = setting(name)
    ensemble = run(SimulationSettings.make(architecture, inputs, None, nets, experiments, SEED, record=record))
    estimator = Estimator.TILTED if record is Record.TILTED else Estimator.NEURON
    return lambda width: measure_correlators(ensemble, estimator, kernel_of(architecture), width=width)


@lru_cache(maxsize=16)
def skew_axes(tuples: int, condition: float) -> FloatArray:
    """Random axes, the shortest shorter by `condition` than the longest."""
    turned: FloatArray = np.linalg.qr(np.random.default_rng(SEED).normal(size=(tuples, tuples)))[0]
    return turned * np.geomspace(1.0, 1 / condition, tuples)


def gaussian_experiments(
    rng: np.random.Generator, experiments: int, tuples: int, mean: FloatArray | float, condition: float = 1e3
) -> FloatArray:
    """Experiments that scatter with a covariance of condition number `condition`^2 along random axes."""
    result: FloatArray = mean + rng.normal(size=(experiments, tuples)) @ skew_axes(tuples, condition).T
    return result


# The law of the test and of the fit


def centred_p_value(deviations: FloatArray, kept: int) -> float:
    """The control: axes of the covariance about the mean, Hotelling's formula as if they were fixed beforehand."""
    experiments = len(deviations)
    _, _, axes = np.linalg.svd(deviations - deviations.mean(axis=0), full_matrices=False)
    scores = deviations @ axes[:kept].T
    inverse = np.linalg.inv(np.cov(scores, rowvar=False).reshape(kept, kept))
    t_squared = experiments * scores.mean(axis=0) @ inverse @ scores.mean(axis=0)
    return float(special.fdtrc(kept, experiments - kept, (experiments - kept) / (kept * (experiments - 1)) * t_squared))


@pytest.mark.parametrize(("experiments", "tuples"), [(4, 126), (10, 126), (10, 6), (31, 126), (200, 21)])
def test_p_values_are_uniform_and_errors_cover(experiments: int, tuples: int) -> None:
    """Constant lambda: p-values uniform (Kolmogorov-Smirnov above 1e-3), |pull| of the weighted fit is Student's t."""
    rng = np.random.default_rng([SEED, experiments, tuples])
    chances, pulls = [], []
    for _ in range(1000 if experiments < 30 else 300):
        fit = weighted_fit(gaussian_experiments(rng, experiments, tuples, -3.0), 0.0)
        assert fit.test.freedom == min((experiments - 1) // 2, tuples - 1)
        assert fit.test.p_value is not None
        assert fit.coupling.error is not None
        chances.append(fit.test.p_value)
        pulls.append((fit.coupling.mean + 3.0) / fit.coupling.error)
    freedom = experiments - 1 - fit.test.freedom
    assert stats.kstest(chances, "uniform").pvalue > 1e-3, f"seed {SEED}"
    assert stats.kstest(pulls, stats.t(freedom).cdf).pvalue > 1e-3, f"seed {SEED}"


def test_axes_about_the_mean_are_not_calibrated() -> None:
    """Control: with axes of the covariance about the mean the same test is far from uniform."""
    rng = np.random.default_rng(SEED)
    chances = []
    for _ in range(400):
        found = gaussian_experiments(rng, 10, 126, 0.0, condition=3.0)
        chances.append(centred_p_value(found - found.mean(axis=1, keepdims=True), 4))
    assert stats.kstest(chances, "uniform").pvalue < 1e-10


@pytest.mark.parametrize("experiments", [10, 40])
def test_a_varying_coupling_is_found(experiments: int) -> None:
    """Power: a variation of three standard errors at most tuples is excluded at 1e-2 nine times of ten, with 126 tuples."""
    rng = np.random.default_rng(SEED)
    variation = rng.normal(size=126) * 3 / sqrt(experiments)
    found = [
        weighted_fit(rng.normal(size=(experiments, 126)) - 100.0 + variation, 0.0).test.p_value for _ in range(100)
    ]
    assert sum(chance is not None and chance < 0.01 for chance in found) >= 90


def test_fit_is_generalised_least_squares() -> None:
    """With more experiments than tuples: the textbook's lambda and chi^2 with the inverse sample covariance."""
    rng = np.random.default_rng(SEED)
    delta = gaussian_experiments(rng, 40, 5, 0.2, condition=10.0) - 2.0
    first = rng.uniform(1.0, 2.0, size=5)
    samples = delta / first
    fit = weighted_fit(samples, 0.0)
    inverse, mean = np.linalg.inv(np.cov(delta, rowvar=False)), delta.mean(axis=0)
    best = first @ inverse @ mean / (first @ inverse @ first)
    rest = mean - best * first
    assert fit.coupling.mean == pytest.approx(best, rel=1e-9)
    assert fit.test.statistic == pytest.approx(40 * rest @ inverse @ rest, rel=1e-9)
    ratio = (40 - 4) / (4 * 39) * fit.test.statistic
    assert fit.test.p_value == pytest.approx(stats.f.sf(ratio, 4, 36), rel=1e-6, abs=0)
    naive = 1 / sqrt(40 * first @ inverse @ first)
    inflated = naive * sqrt((40 - 1) / (40 - 1 - 4) * (1 + fit.test.statistic / (40 - 1)))
    assert fit.coupling.error == pytest.approx(inflated, rel=1e-9)


def test_what_supports_no_covariance_is_refused() -> None:
    rng = np.random.default_rng(SEED)
    with pytest.raises(InputError, match="3 experiments cannot support a covariance"):
        weighted_fit(rng.normal(size=(3, 126)), 0.0)
    with pytest.raises(InputError, match="exact correlators have no covariance"):
        weighted_lambda(exact("erf", 5), coefficients("erf").quartic)
    with pytest.raises(InputError, match="heavy tail"):
        weighted_fit(rng.normal(size=(10, 126)), 0.0, refused=True)
    standing = np.linspace(1.0, 2.0, 6) + np.linspace(0.0, 1e-3, 10)[:, None]
    with pytest.raises(InputError, match="exclude one constant"):
        weighted_fit(standing, 0.0)
    same = weighted_fit(np.full((10, 126), 0.5) * rng.uniform(1, 2, size=(10, 1)), 0.0)
    assert same.test.p_value is None
    assert str(same.test) == "nothing to test"


def test_spectrum_is_that_of_the_contrasts() -> None:
    rng = np.random.default_rng(SEED)
    samples = gaussian_experiments(rng, 12, 30, 1.0)
    contrasts = samples - samples.mean(axis=1, keepdims=True)
    fit = weighted_fit(samples, 0.0)
    expected = np.linalg.eigvalsh(contrasts.T @ contrasts / 12)[::-1][:12]
    np.testing.assert_allclose(fit.spectrum, expected, rtol=1e-8, atol=1e-15)
    assert leading_scores(contrasts, noise=sqrt(expected[2] * 0.999)).kept == 3


# lambda from exact correlators


def test_lambda_has_its_exact_values() -> None:
    """N lambda with K legs: ReLU -25/(2 L^5) without spread, Gauss and Erf; Gauss with K_W legs and a wide cutoff."""
    for cutoff in (10.0, 50.0):
        relu = measure_constant_lambda(exact("relu", 20), coefficients("relu", cutoff=cutoff))
        assert 20 * relu.mean.mean == pytest.approx(-25 / (2 * cutoff**5), rel=1e-10)
        assert relu.relative_spread < 1e-10
        assert str(relu.legs) == f"K on lines at vertices, cutoff {cutoff:g}"
    assert 7 * measure_constant_lambda(exact("gauss", 7), coefficients("gauss")).mean.mean == pytest.approx(
        -0.1404, abs=5e-5
    )
    erf = measure_constant_lambda(exact("erf", 5), coefficients("erf"))
    assert 5 * erf.mean.mean == pytest.approx(-3.66e-4, abs=5e-7)
    assert erf.relative_spread == pytest.approx(0.46, abs=5e-3)
    assert "not a constant on these inputs" in erf.constancy_verdict
    assert erf.weighted is None
    weights = measure_constant_lambda(exact("gauss", 7), coefficients("gauss", Propagator.WEIGHTS))
    assert 7 * weights.mean.mean == pytest.approx(-5.3457, abs=5e-5)
    assert str(weights.legs) == "K_W on lines at vertices, cutoff 10"


@pytest.mark.parametrize(("name", "size"), [("gauss", 108), ("relu", 22.5), ("erf", 0.41)])
def test_second_over_first_decides_about_perturbation_theory(name: str, size: float) -> None:
    """Second over first order is size/N; the verdict turns at 0.3."""
    narrow, wide = max(1, int(size / 0.35)), int(size / 0.25) + 1
    for width, holds in ((narrow, False), (wide, True)):
        found = measure_constant_lambda(exact(name, width), coefficients(name))
        assert found.second_over_first is not None
        assert width * found.second_over_first.mean == pytest.approx(size, rel=6e-3)
        assert found.perturbative is holds
        assert ("perturbation theory holds" in found.perturbation_verdict) is holds


def test_second_order_root_solves_its_equation() -> None:
    """Both orders together give Delta G^(4) back; the branch tends to first order; below -1/4 there is none."""
    theory = coefficients("erf").quartic
    assert theory.second is not None
    found = measure_constant_lambda(exact("erf", 5), coefficients("erf")).second_order
    assert found is not None
    assert found.coupling is not None
    roots = found.over_tuples
    np.testing.assert_allclose(roots * theory.first + roots**2 * theory.second, exact("erf", 5).delta(4)[0], atol=1e-13)
    np.testing.assert_allclose(second_order_root(np.array([-1.0]), np.array([1e-9])), -1.0, rtol=1e-8)
    assert np.isnan(second_order_root(np.array([1.0]), np.array([-0.26])))[0]
    flipped = GivenCorrelators(6, exact("relu", 20).kernel, {4: -exact("relu", 20).connected(4)[0]})
    none = measure_constant_lambda(flipped, coefficients("relu")).second_order
    assert none is not None
    assert none.coupling is None
    assert none.without_root == 126


# kappa


@pytest.mark.parametrize(("name", "share"), [("relu", 2250 / 660), ("erf", 1.90), ("gauss", 0.066)])
def test_exchange_competes_with_kappa(name: str, share: float) -> None:
    """exchange / connected G^(6) at the six distinct inputs, L = 10; for ReLU and Erf it decides the sign of kappa."""
    width = 50
    found = measure_kappa(exact(name, width), coefficients(name))
    assert found.share_at(SIX) == pytest.approx(share, rel=1e-10 if name == "relu" else 1e-2)
    assert found.share_at(SIX) == pytest.approx(
        measure_kappa(exact(name, 7), coefficients(name)).share_at(SIX), rel=1e-9
    )
    assert found.without_exchange.mean < 0
    assert ("wrong sign" in found.verdict) is (name != "gauss")
    assert (found.with_exchange.mean > 0) is (name != "gauss")


@pytest.mark.parametrize("propagator", list(Propagator))
def test_kappa_gives_the_connected_function_back(propagator: Propagator) -> None:
    """lambda^2 exchange + kappa_m contact is connected G^(6), for both legs; with K_W, too, the legs are stated."""
    theory, source = coefficients("gauss", propagator), exact("gauss", 100)
    found = measure_kappa(source, theory)
    assert theory.exchange is not None
    strength = measure_constant_lambda(source, theory).mean.mean
    back = strength**2 * theory.exchange + found.over_tuples * theory.contact
    np.testing.assert_allclose(back, source.connected(6)[0], rtol=1e-10)
    assert f"({propagator.symbol} on lines at vertices" in found.verdict
    assert found.spread < 1e-3 * abs(found.with_exchange.mean)
    architecture, inputs = setting("gauss")
    own = action_coefficients(inputs, propagator.of(kernel_of(architecture)), 10.0)  # the legs as a kernel of their own
    assert own.exchange is not None
    np.testing.assert_allclose(theory.contact, own.contact, rtol=1e-9)
    np.testing.assert_allclose(theory.exchange, own.exchange, rtol=1e-9)
    np.testing.assert_allclose(theory.loop, own.loop, rtol=1e-9)


def test_coefficients_are_those_of_zero_dimensions() -> None:
    """With K = 1 everywhere and volume V: contact -720 V, loop -360 V, exchange 5760 V^2, 720 V + 15 x 360 V for kappa."""
    inputs = np.array([[0.0], [0.1]])

    class Constant:
        name, d_in, bias_variance, length_scale = "one", 1, 0.0, 1.0

        def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
            return np.ones((len(x), len(y)))

        def diagonal(self, y: FloatArray) -> FloatArray:
            return np.ones(len(y))

    found = action_coefficients(inputs, Constant(), 2.0)
    volume = 4.0
    np.testing.assert_allclose(found.contact, -720 * volume, rtol=1e-12)
    np.testing.assert_allclose(found.loop, -360 * volume, rtol=1e-12)
    np.testing.assert_allclose(found.sextic, -(720 + 5400) * volume, rtol=1e-12)
    assert found.exchange is not None
    np.testing.assert_allclose(found.exchange, 5760 * volume**2, rtol=1e-12)


def test_without_exchange_there_is_lambda_alone() -> None:
    """Where integrals over two vertices are too large lambda and its prediction remain, kappa is refused."""
    full = coefficients("relu")
    theory = replace(full, exchange=None, quartic=replace(full.quartic, second=None))
    source = exact("relu", 20)
    found = measure_constant_lambda(source, theory)
    assert found.mean == measure_constant_lambda(source, full).mean
    assert found.second_order is None
    assert found.perturbative is None
    assert "not known" in found.perturbation_verdict
    couplings = coupling_replicates(source, theory)
    six = predict_six_point(couplings, source, theory)
    assert six.kappa_over_g6 is None
    assert six.lambda_over_g6.mean == pytest.approx(0.941, abs=5e-4)
    with pytest.raises(InputError, match="too large"):
        measure_kappa(source, theory)
    with pytest.raises(InputError, match="too large"):
        second_order_lambda(source, theory.quartic)
    with pytest.raises(InputError, match="too large"):
        predict_deviation(couplings, source, theory)
    with pytest.raises(InputError, match="couplings without kappa"):
        predict_deviation(couplings, source, full)


# Measured


@pytest.mark.parametrize(
    ("name", "record", "width"),
    [("erf", Record.NEURONS, 5), ("relu", Record.NEURONS, 20), ("gauss", Record.TILTED, 1000)],
)
def test_measured_couplings_agree_with_exact_ones(name: str, record: Record, width: int) -> None:
    """Within five standard errors of 20 experiments, every coupling and prediction; all errors positive."""
    measured, known, theory = stream(name, record, 20_000, 20)(width), exact(name, width), coefficients(name)
    here, there = (measure_constant_lambda(source, theory) for source in (measured, known))
    assert here.second_order is not None
    assert there.second_order is not None
    kappas = [measure_kappa(source, theory) for source in (measured, known)]
    couplings = [coupling_replicates(source, theory) for source in (measured, known)]
    six = [predict_six_point(found, found.source, theory) for found in couplings]
    pairs = [
        (here.mean, there.mean),
        (here.second_over_first, there.second_over_first),
        (here.second_order.coupling, there.second_order.coupling),
        (kappas[0].with_exchange, kappas[1].with_exchange),
        (kappas[0].without_exchange, kappas[1].without_exchange),
        (six[0].gp_over_g6, six[1].gp_over_g6),
        (six[0].lambda_over_g6, six[1].lambda_over_g6),
    ]
    for found, expected in pairs:
        assert found is not None
        assert expected is not None
        assert found.error is not None
        assert found.error > 0
        assert abs(found.mean - expected.mean) < 5 * found.error, f"seed {SEED}: {found} against {expected.mean}"
    usual = measure_lambda(measured, theory.quartic).estimate
    assert (here.mean.mean, here.mean.error) == pytest.approx((usual.mean, usual.error), rel=1e-9)


def test_constancy_is_three_statements() -> None:
    """Erf's lambda_m varies beyond noise; ReLU's tuples are one measurement, so that nothing is left to test."""
    erf = measure_constant_lambda(stream("erf", Record.NEURONS, 20_000, 20)(5), coefficients("erf"))
    assert erf.weighted is not None
    assert erf.weighted.test.p_value is not None
    assert erf.weighted.test.p_value < 1e-9
    assert erf.weighted.test.freedom == 9
    assert "noise does not explain the differences" in erf.constancy_verdict
    assert erf.errors is not None
    assert np.nanmax(erf.errors) < erf.spread
    relu = measure_constant_lambda(stream("relu", Record.NEURONS, 20_000, 20)(20), coefficients("relu"))
    assert relu.weighted is not None
    assert relu.weighted.test.p_value is None
    assert relu.weighted.coupling.mean == pytest.approx(relu.mean.mean, rel=1e-10)
    assert relu.weighted.coupling.error == pytest.approx(relu.mean.error, rel=1e-6)


def test_heavy_tails_have_no_errors() -> None:
    """Plain neurons of Gauss-net: numbers without error bars, no weighted fit, no p-value."""
    measured = stream("gauss", Record.NEURONS, 1000, 10)(1000)
    found = measure_constant_lambda(measured, coefficients("gauss"))
    assert measured.refused(4)
    assert found.mean.error is None
    assert found.errors is None
    assert found.weighted is None
    assert "heavy tail" in found.constancy_verdict
    assert measure_kappa(measured, coefficients("gauss")).with_exchange.error is None
    couplings = coupling_replicates(measured, coefficients("gauss"))
    assert predict_six_point(couplings, measured, coefficients("gauss")).lambda_over_g6.error is None


def test_given_correlators_are_checked() -> None:
    relu = exact("relu", 20)
    with pytest.raises(InputError, match="expected 126 values"):
        GivenCorrelators(6, relu.kernel, {4: np.ones(100)})
    with pytest.raises(InputError, match="expected the same number for every n"):
        GivenCorrelators(6, relu.kernel, {4: np.ones((2, 126)), 6: np.ones((3, 462))})
    with pytest.raises(InputError, match="not finite"):
        GivenCorrelators(6, relu.kernel, {4: np.full(126, np.nan)})
    with pytest.raises(InputError, match="expected n = 4 and 6"):
        GivenCorrelators(6, relu.kernel, {5: np.ones(252)})
    with pytest.raises(InputError, match="connected 6-point function was not given"):
        measure_kappa(GivenCorrelators(6, relu.kernel, {4: relu.connected(4)[0]}), coefficients("relu"))
    with pytest.raises(InputError, match="ascending"):
        ChosenInputs(relu, (2, 1))
    with pytest.raises(InputError, match="from 0 to 5"):
        ChosenInputs(relu, (2, 6))


# Predictions


@pytest.mark.parametrize(
    ("name", "width", "eft", "gp", "digit"),
    [
        ("relu", 20, 0.941, 0.538, 5e-4),
        ("relu", 100, 0.9962, 0.8663, 5e-5),
        ("gauss", 1000, 0.981, 0.943, 5e-4),
        ("gauss", 100, 0.408, 0.291, 5e-4),
        ("gauss", 10, 0.024, 0.005, 5e-4),
        ("erf", 5, 0.9967, 0.965, 5e-4),
    ],
)
def test_effectiveness_has_its_exact_values(name: str, width: int, eft: float, gp: float, digit: float) -> None:
    """(G6_GP + lambda term)/G6 and G6_GP/G6 on the six distinct inputs, L = 10."""
    source = exact(name, width)
    found = predict_six_point(coupling_replicates(source, coefficients(name)), source, coefficients(name))
    assert found.distinct is not None
    free, with_lambda, with_kappa = found.distinct
    assert with_lambda.mean == pytest.approx(eft, abs=digit)
    assert free.mean == pytest.approx(gp, abs=5e-4)
    if name == "erf":
        assert (found.minimum, found.maximum) == pytest.approx((0.988, 1.028), abs=5e-4)
    else:  # with the variation of lambda_m small, kappa and the exchange account for the rest
        assert with_kappa is not None
        assert with_kappa.mean == pytest.approx(1.0, abs=1e-3)


def test_effectiveness_over_widths_and_cutoffs() -> None:
    """The table from one neuron stream agrees with the exact one at every width and cutoff within five sigma."""
    architecture, inputs = setting("erf")
    widths, cutoffs = (5, 20, 100), (10.0, 100.0)
    sources = (partial(exact_source, architecture, inputs), stream("erf", Record.NEURONS, 20_000, 20))
    known, measured = (
        effectiveness(source, widths, inputs, kernel_of(architecture), cutoffs, Propagator.FULL) for source in sources
    )
    assert [(row.width, row.legs.cutoff) for row in known] == [(w, c) for c in cutoffs for w in widths]
    for a, b in zip(known, measured, strict=True):
        assert b.lambda_over_g6.error is not None
        assert abs(a.lambda_over_g6.mean - b.lambda_over_g6.mean) < 5 * b.lambda_over_g6.error, f"seed {SEED}"
        assert abs(a.lambda_over_g6.mean - 1) < abs(a.gp_over_g6.mean - 1)
    assert abs(known[2].lambda_over_g6.mean - 1) < abs(known[0].lambda_over_g6.mean - 1)


def test_couplings_predict_other_inputs() -> None:
    """Couplings of inputs 0, 2, 4 predict G^(6) at 1, 3, 5, from the same experiments or from others.

    For ReLU and Gauss with kappa exactly; the error with shared experiments is the jackknife of the whole; control: kappa of
    another width misses.
    """
    for name, width in (("relu", 20), ("gauss", 1000)):
        architecture, inputs = setting(name)
        fit, test = (
            action_coefficients(inputs[list(chosen)], kernel_of(architecture), 10.0)
            for chosen in ((0, 2, 4), (1, 3, 5))
        )
        known = exact(name, width)
        couplings = coupling_replicates(ChosenInputs(known, (0, 2, 4)), fit)
        found = predict_six_point(couplings, ChosenInputs(known, (1, 3, 5)), test)
        assert found.kappa_over_g6 is not None
        assert found.kappa_over_g6.mean == pytest.approx(1.0, abs=1e-5)
        assert found.distinct is None
        wrong = coupling_replicates(ChosenInputs(exact(name, 2 * width), (0, 2, 4)), fit)
        missed = predict_six_point(wrong, ChosenInputs(known, (1, 3, 5)), test).kappa_over_g6
        assert missed is not None
        assert abs(missed.mean - 1) > 1e-2
    with pytest.raises(InputError, match="expected the same"):
        predict_six_point(couplings, known, coefficients("gauss", Propagator.WEIGHTS))


def test_errors_of_predictions_are_those_of_both_sides() -> None:
    """Scatter of the prediction over repetitions against its error, from shared and from independent experiments.

    Control: with shared experiments the error without their correlation is far off.
    """
    architecture, inputs = setting("relu")
    theory = coefficients("relu")
    at_fit, at_test = (
        action_coefficients(inputs[list(chosen)], kernel_of(architecture), 10.0) for chosen in ((0, 2, 4), (1, 3, 5))
    )
    known = exact("relu", 20)
    rng = np.random.default_rng(SEED)

    def repetition() -> GivenCorrelators:
        """All tuples of ReLU-net move together."""
        size = 1 + 0.05 * rng.normal(size=(12, 1))
        return GivenCorrelators(6, known.kernel, {4: size * known.connected(4), 6: size * known.connected(6)})

    shared, separate, errors = [], [], {"shared": 0.0, "separate": 0.0}
    for _ in range(60):
        a, b = repetition(), repetition()
        couplings = coupling_replicates(ChosenInputs(a, (0, 2, 4)), at_fit)
        one = predict_six_point(couplings, ChosenInputs(a, (1, 3, 5)), at_test).lambda_over_g6
        two = predict_six_point(couplings, ChosenInputs(b, (1, 3, 5)), at_test).lambda_over_g6
        assert one.error is not None
        assert two.error is not None
        shared.append(one.mean)
        separate.append(two.mean)
        errors["shared"] += one.error / 60
        errors["separate"] += two.error / 60
    # a standard deviation of 60 repetitions is known to 9 %: four sigma
    assert np.std(shared, ddof=1) == pytest.approx(errors["shared"], rel=0.36)
    assert np.std(separate, ddof=1) == pytest.approx(errors["separate"], rel=0.36)
    assert errors["separate"] > 3 * errors["shared"]
    assert theory.legs == at_fit.legs


def test_deviation_of_the_talk() -> None:
    """delta' is explained by kappa and the exchange where lambda_m is constant, and not where it varies.

    Without variation delta' is the connected G^(6); the talk's formula, loops and no exchange, misses it.
    """
    for name in ("relu", "gauss"):
        source = exact(name, 100)
        found = predict_deviation(coupling_replicates(source, coefficients(name)), source, coefficients(name))
        assert found.explained.mean == pytest.approx(1.0, abs=1e-4)
        np.testing.assert_allclose(found.measured, source.connected(6)[0], rtol=1e-2)
        assert abs(found.without_exchange.mean - 1) > 1
    erf = predict_deviation(
        coupling_replicates(exact("erf", 5), coefficients("erf")), exact("erf", 5), coefficients("erf")
    )
    assert abs(erf.explained.mean - 1) > 0.5
    # four legs at y times a line, (3.19): lambda's part of delta' is the generated 15 terms
    theory, source = coefficients("erf"), exact("erf", 5)
    kernel = source.kernel
    pairs, fours = sorted_tuples(6, 2), sorted_tuples(6, 4)
    strength = measure_constant_lambda(source, theory).mean.mean
    row = (0, 1, 1, 3, 4, 5)
    terms = sum(
        strength
        * theory.quartic.first[fours.index(tuple(row[k] for k in range(6) if k not in (i, j)))]
        * kernel[pairs.index((row[i], row[j]))]
        for i in range(6)
        for j in range(i + 1, 6)
    )
    place = sorted_tuples(6, 6).index(row)
    assert source.delta(6)[0, place] - terms == pytest.approx(erf.measured[place], rel=1e-9)


# Several outputs


def test_corrections_in_the_number_of_outputs() -> None:
    """lambda2/lambda1 of ReLU-net, N = 100; the second order grows as (d_out + 8)/9, the first stays."""
    architecture, inputs = setting("relu")
    rows = lambda_by_outputs(exact("relu", 100), inputs, kernel_of(architecture), 10.0, (1, 2, 10, 100))
    for row, expected in zip(rows, (0.841, 0.828, 0.748, 0.451), strict=True):
        assert row.ratio is not None
        assert row.second is not None
        assert row.second_over_first is not None
        assert rows[0].second_over_first is not None
        assert row.ratio.mean == pytest.approx(expected, abs=5e-4)
        assert row.first.mean == pytest.approx(rows[0].first.mean, rel=1e-12)
        growth = row.second_over_first.mean / rows[0].second_over_first.mean
        assert growth == pytest.approx((row.d_out + 8) / 9, rel=1e-10)
        assert row.second.mean == pytest.approx(row.first.mean * row.ratio.mean, rel=1e-10)
    with pytest.raises(InputError, match="d_out = 0"):
        lambda_by_outputs(exact("relu", 100), inputs, kernel_of(architecture), 10.0, (0,))


@pytest.mark.parametrize("name", NETS)
def test_pairings_of_outputs_add_up(name: str) -> None:
    """The mean over pairings is lambda_m; they are alike for ReLU only at all tuples, and at four equal inputs for all."""
    architecture, inputs = setting(name)
    theory = coefficients(name).quartic
    by_pairing = lambda_by_pairing(architecture, inputs, 20, theory)
    np.testing.assert_allclose(by_pairing.mean(axis=1), lambda_over_tuples(exact(name, 20), theory)[0], rtol=1e-9)
    apart = by_pairing.std(axis=1) / abs(by_pairing.mean())
    equal = [len(set(row)) == 1 for row in sorted_tuples(6, 4)]
    assert np.max(apart[equal]) < 1e-10
    assert bool(np.max(apart) < 1e-10) is (name == "relu")


# Naturalness


def test_gauss_net_contradicts_naturalness() -> None:
    """The kernel is invariant under a shift, Delta G^(4) is not; std/|mean| 1.4e-4, .13, 3.1 at 1, 30, 100 times the inputs."""
    architecture, inputs = setting("gauss")
    source = partial(exact_source, architecture, width=100)
    found = examine_naturalness(
        lambda points: source(inputs=points), kernel_of(architecture), inputs, 10.0, (1, 30, 100), np.array([0.5])
    )
    assert [row.relative_spread for row in found.extents] == pytest.approx([1.4e-4, 0.13, 3.1], rel=4e-2)
    assert found.translation.kernel_invariant
    assert not found.translation.four_point_invariant
    assert "the naturalness conjecture fails from inputs within 0.3 on" in found.verdict
    narrow = examine_naturalness(
        lambda points: source(inputs=points), kernel_of(architecture), inputs, 10.0, (1,), np.array([0.5])
    )
    assert "is not contradicted" in narrow.verdict
    with pytest.raises(InputError, match="contains the inputs"):
        examine_naturalness(
            lambda points: source(inputs=points), kernel_of(architecture), inputs, 10.0, (2000,), np.array([0.5])
        )


def test_shift_of_one_point_is_known_exactly() -> None:
    """N kappa4 = 3 w^2 (e^{4s + 4w c^2} - 1) at one point x = c; for a kernel that varies the conjecture says nothing."""
    architecture, _ = setting("gauss")
    for c in (0.3, 1.0):
        found = translate(
            lambda points: exact_source(architecture, points, 9),
            kernel_of(architecture),
            np.zeros((1, 1)),
            np.array([c]),
        )
        expected = np.expm1(4 + 4 * c**2) / np.expm1(4) - 1
        assert found.four_point_change.mean == pytest.approx(expected, rel=1e-10)
    architecture, inputs = setting("erf")
    erf = translate(
        lambda points: exact_source(architecture, points, 9), kernel_of(architecture), inputs, np.array([0.5])
    )
    assert not erf.kernel_invariant
    assert "the conjecture says nothing" in erf.verdict


def test_shift_of_measured_correlators() -> None:
    """Tilted neurons see Delta G^(4) change under a shift; control: with no shift, independent ensembles agree."""
    architecture, inputs = setting("gauss")
    kernel = kernel_of(architecture)
    seeds = iter(range(SEED, SEED + 4))

    def measured(points: FloatArray) -> MeasuredCorrelators:
        settings = SimulationSettings.make(architecture, points, None, 20_000, 10, next(seeds), record=Record.TILTED)
        return measure_correlators(run(settings), Estimator.TILTED, kernel, width=100)

    moved = translate(measured, kernel, inputs, np.array([0.5]))
    assert not moved.four_point_invariant
    assert moved.four_point_change.error is not None
    known = translate(lambda points: exact_source(architecture, points, 100), kernel, inputs, np.array([0.5]))
    assert abs(moved.four_point_change.mean - known.four_point_change.mean) < 5 * moved.four_point_change.error
    assert translate(measured, kernel, inputs, np.array([0.0])).four_point_invariant


# Odd correlators


def outputs_of(name: str, width: int, nets: int, shift: float = 0.0) -> MeasuredCorrelators:
    """Outputs of networks as someone else would import them, f + shift (f^2 - K(x, x)) having odd correlators."""
    architecture, inputs = setting(name)
    settings = SimulationSettings.make(architecture, inputs, width, nets, 1, SEED, chunk=nets, record=Record.OUTPUTS)
    outputs = simulate_chunk(settings, 0, 0, keep_outputs=True).outputs
    assert outputs is not None
    kernel = kernel_of(architecture)
    fields = outputs[:, :, 0]
    fields = fields + shift * (fields**2 - kernel.diagonal(inputs))
    return measure_correlators(from_outputs(fields, inputs, 20), Estimator.PLAIN, kernel)


def test_odd_correlators_vanish_or_not() -> None:
    """Compatible with zero for Erf-net; control: a small even part in the outputs is found, in G^(3), G^(5) and in g."""
    architecture, inputs = setting("erf")
    kernel = kernel_of(architecture)
    even, odd = outputs_of("erf", 20, 60_000), outputs_of("erf", 20, 60_000, shift=0.02)
    none, some = check_odd(even), check_odd(odd)
    assert none.p_value is not None
    assert none.p_value > 0.01, f"seed {SEED}"
    assert "compatible with zero" in none.verdict
    assert some.p_value is not None
    assert some.p_value < 1e-6
    assert "do not vanish" in some.verdict
    zero, found = (bound_odd_couplings(source, inputs, kernel, 10.0) for source in (even, odd))
    for coupling in (zero.cubic, zero.cubic_alone, zero.quintic):
        assert coupling.error is not None
        assert abs(coupling.mean) < 4 * coupling.error, f"seed {SEED}"
    assert found.cubic_alone.error is not None
    assert abs(found.cubic_alone.mean) > 5 * found.cubic_alone.error
    assert "K on lines at vertices, cutoff 10" in zero.verdict


def test_cubic_coupling_is_recovered() -> None:
    """Connected G^(3) = g A3 + alpha B3, G^(5) = alpha B5 at chosen couplings give these back; alpha = 0 misreads g."""
    architecture, inputs = setting("erf")
    kernel = kernel_of(architecture)

    class Odd:
        """A source whose odd connected functions are those of g and alpha at first order."""

        points = 6

        def __init__(self, g: float, alpha: float) -> None:
            def of(n: int, term: str) -> FloatArray:
                return coefficient(n, term, 1, inputs, kernel, 10.0, Propagator.FULL, CONNECTED_RULES)[0]

            self.three = g * of(3, "g f^3") + alpha * of(3, "alpha f^5")
            self.five = alpha * of(5, "alpha f^5")

        def connected(self, n: int) -> FloatArray:
            return np.atleast_2d(self.three if n == 3 else self.five)

        def values(self, n: int) -> FloatArray:
            return self.connected(n)

        def gaussian(self, n: int) -> FloatArray:
            return 0 * self.connected(n)

        def delta(self, n: int) -> FloatArray:
            return self.connected(n)

        def refused(self, n: int) -> bool:
            return False

    found = bound_odd_couplings(Odd(1e-3, 2e-4), inputs, kernel, 10.0)
    assert found.cubic.mean == pytest.approx(1e-3, rel=1e-9)
    assert found.quintic.mean == pytest.approx(2e-4, rel=1e-9)
    assert abs(found.cubic_alone.mean - 1e-3) > 1e-4
    with pytest.raises(InputError, match="nothing to test"):
        check_odd(exact("erf", 5))


def test_odd_correlators_that_vanish_by_construction_are_not_tested() -> None:
    found = check_odd(stream("erf", Record.NEURONS, 20_000, 20)(5))
    assert found.p_value is None
    assert "by construction" in found.verdict


def test_lambda_of_theory_coefficients_is_shared() -> None:
    """`action_coefficients` holds what `theory_coefficients` gives: one definition of lambda."""
    architecture, inputs = setting("erf")
    kernel = kernel_of(architecture)
    own = theory_coefficients(inputs, 10.0, kernel, kernel)
    np.testing.assert_array_equal(coefficients("erf").quartic.first, own.first)
    np.testing.assert_array_equal(coefficients("erf").quartic.sixth, own.sixth)
