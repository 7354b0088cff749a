"""Ratios, the background, errors and warnings, each warning with a control; couplings from a measurement."""

from __future__ import annotations

from collections import Counter
from math import inf, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.ensembles import Ensemble, SimulationSettings, from_outputs, run
from feyn_nn.errors import InputError
from feyn_nn.estimate import Estimate
from feyn_nn.kernels import ErfKernel, FunctionKernel, GaussKernel, Propagator, ReluKernel, kernel_of
from feyn_nn.measure import Code, Estimator, Reference, available_estimators, crosscheck, measure_correlators
from feyn_nn.measure.couplings import MeasuredCoupling, measure_lambda, predict_six_point, theory_coefficients
from feyn_nn.measure.diagnosis import constancy, few_experiments, one_measurement, perturbation, sign_change
from feyn_nn.measure.jackknife import jackknife
from feyn_nn.network import PRESETS

if TYPE_CHECKING:
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


# Ratios and the background


def t_sigmas(samples: FloatArray, expected: FloatArray | float) -> FloatArray:
    result: FloatArray = (samples.mean(axis=0) - expected) / (samples.std(axis=0, ddof=1) / sqrt(len(samples)))
    return result


NETWORKS = (Estimator.PLAIN, Estimator.CONDITIONAL, Estimator.CUMULANT, Estimator.CENTRED)


@pytest.mark.parametrize("estimator", NETWORKS)
def test_relu_ratios_are_exact(relu20: Ensemble, estimator: Estimator) -> None:
    """Delta G4 = 5/N G_GP and Delta G6 = (15/N + 44/N^2) G_GP for every tuple; all tuples are one measurement."""
    measured = measure_correlators(relu20, estimator, ReluKernel())
    for n, exact in ((4, 5 / 20), (6, 15 / 20 + 44 / 400)):
        ratios = measured.ratios(n)
        np.testing.assert_allclose(ratios, np.broadcast_to(ratios[:, :1], ratios.shape), rtol=1e-8)
        sigmas = float(t_sigmas(ratios[:, 0], exact))
        assert abs(sigmas) < 5, (estimator, n, sigmas, f"seed {SEED}")
        assert measured.error(measured.delta(n), n) is not None
        assert measured.mean_ratio(n) == pytest.approx(float(ratios[:, 0].mean()), rel=1e-9)
        estimate = measured.ratio(n)
        assert estimate is not None
        assert estimate.error == pytest.approx(float(ratios[:, 0].std(ddof=1)) / sqrt(10), rel=1e-9)
    centred = measured.estimator is Estimator.CENTRED
    assert abs(float(t_sigmas(measured.ratios(4)[:, 0], 1.1 * 5 / 20))) > 5 or not centred  # the control: 10 % off


def test_two_point_function(erf100: Ensemble) -> None:
    """Measured whatever the estimator: where it averages over K_hat, the average of K_hat."""
    for estimator in NETWORKS:
        measured = measure_correlators(erf100, estimator, ErfKernel())
        assert np.max(np.abs(t_sigmas(measured.two_point, measured.gaussian(2)[0]))) < 5.5, (estimator, f"seed {SEED}")
        np.testing.assert_allclose(measured.ratios(2), measured.two_point / measured.gaussian(2) - 1, atol=1e-13)
        source = erf100.values[2] if estimator is Estimator.PLAIN else erf100.conditional[1]
        np.testing.assert_array_equal(measured.two_point, source)


def test_background_is_the_spread_across_experiments(erf100: Ensemble) -> None:
    measured = measure_correlators(erf100, Estimator.PLAIN, ErfKernel())
    ratios = measured.delta(4) / measured.gaussian(4)
    by_hand = [float(np.std(ratios[:, t], ddof=1)) for t in range(ratios.shape[1])]
    assert measured.background(4) == pytest.approx(sum(by_hand) / len(by_hand), rel=1e-12)
    error = measured.error(measured.delta(4), 4)
    assert error is not None
    np.testing.assert_allclose(error, measured.delta(4).std(axis=0, ddof=1) / sqrt(10), rtol=1e-12)


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
    """Imported outputs, no kernel: the measured two-point function stands for it, and is not measured against itself."""
    inputs = np.array([0.5, 1.0])
    ensemble = from_outputs(relu_outputs(np.random.default_rng(SEED), 100_000, 5, inputs), inputs, 10)
    for known_kernel in (True, False):
        assert available_estimators(ensemble, known_kernel=known_kernel) == (Estimator.PLAIN,)
    measured = measure_correlators(ensemble, Estimator.PLAIN)
    assert measured.reference is Reference.MEASURED
    assert measured.kernel is None
    assert measured.ratio(2) is None
    assert np.isnan([measured.mean_ratio(2), measured.background(2), measured.mean_ratio(3)]).all()
    for n in (4, 6):
        np.testing.assert_array_equal(measured.values(n), ensemble.values[n])
    estimate = measured.ratio(4)
    assert estimate is not None
    assert estimate.error is not None
    assert abs(estimate.mean - 1) < 5 * estimate.error, (estimate, f"seed {SEED}")
    wrong = FunctionKernel(lambda x, y: 0.9 * ReluKernel()(x, y))  # the control: a wrong kernel is seen
    assert abs(float(t_sigmas(measure_correlators(ensemble, Estimator.PLAIN, wrong).ratios(4)[:, 0], 1.0))) > 5


def test_cutoff_that_does_not_contain_the_inputs() -> None:
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


# Warnings, each with a control


def test_refused_error_bars_are_none() -> None:
    """lambda, its prediction and the six-point ratios; Erf is the control."""
    for name, kernel in (("gauss", GaussKernel()), ("erf", ErfKernel())):
        result = crosscheck(simulated(name, 10, 1_000, 5), kernel, 10.0)
        six = result.six_point
        assert six.distinct is not None
        errors = [result.coupling.estimate, six.gp_over_g6, six.eft_over_g6, *six.distinct]
        assert [estimate.error is None for estimate in errors] == [name == "gauss"] * 5
        assert np.isfinite([estimate.mean for estimate in errors]).all()
        ratio = result.measured.ratio(4)
        assert ratio is not None
        assert (ratio.error is None) == (name == "gauss")
        assert np.isnan(result.measured.background(4)) == (name == "gauss")


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
    per_tuple = measured.delta(4) / theory.first
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
    ratios = (measured.gaussian(6)[0] + coupling * theory.sixth) / sixth
    assert found.eft_over_g6.mean == pytest.approx(float(ratios.mean()), rel=1e-12)
    assert found.gp_over_g6.mean == pytest.approx(float((measured.gaussian(6)[0] / sixth).mean()), rel=1e-12)
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
