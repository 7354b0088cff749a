"""The cross-check end to end: ensembles against the exact figures of the physics notes, section 4, items 7 and 8.

Tolerances are four of the result's own error bars, plus half a unit of the last digit where a figure is quoted with few.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from feyn_nn.ensembles import Record, SimulationSettings, from_outputs, read_outputs, run
from feyn_nn.errors import InputError
from feyn_nn.kernels import ErfKernel, GaussKernel, Propagator, ReluKernel, kernel_of
from feyn_nn.measure import (
    Code,
    CrossCheck,
    Estimator,
    Reference,
    available_estimators,
    crosscheck,
    measure_correlators,
)
from feyn_nn.measure.correlators import kernel_on_pairs
from feyn_nn.measure.couplings import theory_coefficients
from feyn_nn.measure.diagnosis import kernel_mismatch
from feyn_nn.network import ERF, PRESETS, Architecture

if TYPE_CHECKING:
    from pathlib import Path

    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles import Ensemble
    from feyn_nn.estimate import Estimate
    from feyn_nn.kernels import Kernel
    from feyn_nn.measure import ResultWarning

SEED = 271828
CUTOFF = 10.0
SIGMAS = 4.0


class Figure(NamedTuple):
    """A number of the text, and half a unit of its last digit."""

    value: float
    rounding: float = 0.0


def assert_agrees(estimate: Estimate, figure: Figure, what: str, sigmas: float = SIGMAS) -> None:
    assert estimate.error is not None, what
    # exact multiples (ReLU) have no scatter beyond that of one number: allow for rounding of doubles
    allowed = sigmas * estimate.error + figure.rounding + 1e-9 * abs(figure.value)
    assert abs(estimate.mean - figure.value) < allowed, (
        f"{what}: {estimate}, expected {figure.value} (+- {figure.rounding}), seed {SEED}"
    )


def simulated(name: str, width: int, nets: int, experiments: int = 10, seed: int = SEED) -> CrossCheck:
    preset = PRESETS[name]
    settings = SimulationSettings.make(preset.architecture(), preset.points(), width, nets, experiments, seed)
    return crosscheck(run(settings), kernel_of(preset.architecture()), CUTOFF)


@pytest.fixture(scope="module")
def relu() -> CrossCheck:
    return simulated("relu", 20, 20_000)


@pytest.fixture(scope="module")
def erf5() -> CrossCheck:
    return simulated("erf", 5, 20_000)


@pytest.fixture(scope="module")
def erf100() -> CrossCheck:
    return simulated("erf", 100, 4_000)


def relu_lambda(width: int, cutoff: float, w: float = 1.0) -> Figure:
    return Figure(-25 / (2 * width * w**4 * cutoff**5))


def assert_relative_error_below(estimate: Estimate, share: float) -> None:
    assert estimate.error is not None
    assert 0 < estimate.error < share * abs(estimate.mean), f"{estimate}, seed {SEED}"


def test_relu_lambda(relu: CrossCheck) -> None:
    """lambda = -25 / (2 N w^4 L^5), without spread over tuples."""
    estimate = relu.coupling.estimate
    assert_agrees(estimate, relu_lambda(20, CUTOFF), "lambda")
    assert_relative_error_below(estimate, 0.1)
    assert estimate.n == 10
    assert relu.estimator is Estimator.CENTRED
    assert relu.propagator is Propagator.FULL
    assert relu.coupling.spread < 1e-8 * abs(estimate.mean)
    assert relu.integral_error < 1e-9
    error = estimate.error
    assert error is not None
    with pytest.raises(AssertionError):  # the control: another width would be seen
        assert_agrees(estimate, relu_lambda(30, CUTOFF), "lambda")


def test_relu_lambda_scales_with_variance_and_cutoff() -> None:
    architecture = PRESETS["relu"].architecture(sigma_w=0.8)
    points = PRESETS["relu"].points()
    ensemble = run(SimulationSettings.make(architecture, points, 20, 10_000, 10, SEED))
    for cutoff in (2.0, 1e3):
        result = crosscheck(ensemble, kernel_of(architecture), cutoff)
        assert_agrees(result.coupling.estimate, relu_lambda(20, cutoff, 0.64), f"lambda at {cutoff}")


def test_relu_six_point(relu: CrossCheck) -> None:
    """Every 6-tuple is the same measurement, so all ratios equal those on the six distinct inputs."""
    six = relu.six_point
    assert six.distinct is not None
    for free, effective in (six.distinct, (six.gp_over_g6, six.eft_over_g6)):
        assert_agrees(free, Figure(0.538, 5e-4), "G_GP/G6")
        assert_agrees(effective, Figure(0.941, 5e-4), "prediction/G6")
        # exact: 1 / (1 + 15/N + 44/N^2) and (1 + 15/N) over the same
        assert_agrees(free, Figure(1 / (1 + 15 / 20 + 44 / 400)), "G_GP/G6")
        assert_agrees(effective, Figure((1 + 15 / 20) / (1 + 15 / 20 + 44 / 400)), "prediction/G6")
    assert six.minimum == pytest.approx(six.maximum, rel=1e-8)


def test_relu_second_order(relu: CrossCheck) -> None:
    """lambda * second / first = 22.5 / N at the exact lambda, so 22.5 / N times measured over exact lambda."""
    coupling = relu.coupling.estimate
    exact = relu_lambda(20, CUTOFF).value
    assert relu.second_over_first == pytest.approx(22.5 / 20 * coupling.mean / exact, rel=1e-8)
    found = {warning.code for warning in relu.warnings}
    assert found == {Code.ONE_MEASUREMENT, Code.PERTURBATION}


@pytest.mark.parametrize("width", [5, 100])
def test_erf_lambda(width: int, erf5: CrossCheck, erf100: CrossCheck) -> None:
    """N lambda = -3.66e-4 at L = 10, std/|mean| over tuples .46, second over first order .41/N."""
    result = {5: erf5, 100: erf100}[width]
    estimate = result.coupling.estimate
    assert_agrees(estimate, Figure(-3.66e-4 / width, 0.5e-6 / width), "lambda")
    assert_relative_error_below(estimate, 0.1)
    assert result.coupling.spread / abs(estimate.mean) == pytest.approx(0.46, rel=0.05)
    assert result.second_over_first == pytest.approx(0.41 / width, rel=0.05)
    assert {warning.code for warning in result.warnings} == {Code.CONSTANCY}
    with pytest.raises(AssertionError):  # the control
        assert_agrees(estimate, Figure(-3.3e-4 / width), "lambda")


def test_error_over_tuples_is_not_the_statistical_error(erf5: CrossCheck) -> None:
    """Erf's lambda varies over tuples far more than its mean varies over experiments, ReLU's the other way round."""
    assert erf5.coupling.estimate.error is not None
    assert erf5.coupling.spread > 10 * erf5.coupling.estimate.error


def test_erf_six_point(erf5: CrossCheck) -> None:
    six = erf5.six_point
    assert six.distinct is not None
    free, effective = six.distinct
    assert_agrees(free, Figure(0.965, 5e-4), "G_GP/G6 at distinct inputs")
    assert_agrees(effective, Figure(0.9967, 5e-5), "prediction/G6 at distinct inputs")
    # over all 462 tuples .988 to 1.028
    assert six.minimum == pytest.approx(0.988, abs=2e-3)
    assert six.maximum == pytest.approx(1.028, abs=2e-3)


def test_estimators_agree(erf5: CrossCheck) -> None:
    """CONDITIONAL with the same networks: lambda within four of its larger error bar of CENTRED's."""
    other = crosscheck(erf5.ensemble, ErfKernel(), CUTOFF, estimator=Estimator.CONDITIONAL).coupling.estimate
    centred = erf5.coupling.estimate
    assert other.error is not None
    assert centred.error is not None
    assert other.error > 3 * centred.error
    assert abs(other.mean - centred.mean) < SIGMAS * other.error, f"{other} and {centred}, seed {SEED}"


def stream(name: str, neurons: int, width: int, seed: int = SEED, record: Record = Record.NEURONS) -> CrossCheck:
    preset = PRESETS[name]
    settings = SimulationSettings.make(preset.architecture(), preset.points(), None, neurons, 10, seed, record=record)
    return crosscheck(run(settings), kernel_of(preset.architecture()), CUTOFF, width=width)


def test_gauss_lambda_from_tilted_neurons() -> None:
    """N lambda = -0.1404 at L = 10 with an honest error at every width, and ratios of G^(6) that fail below N = 1000."""
    for width, free, effective in ((10, 0.005, 0.024), (100, 0.291, 0.408), (1000, 0.943, 0.981)):
        result = stream("gauss", 20_000, width, record=Record.TILTED)
        assert result.estimator is Estimator.TILTED
        estimate = result.coupling.estimate
        assert_agrees(estimate, Figure(-0.1404 / width, 0.5e-4 / width), "lambda")
        assert_relative_error_below(estimate, 1e-3)
        assert result.exact is not None
        assert_agrees(estimate, Figure(result.exact.mean), "lambda")
        six = result.six_point
        assert six.distinct is not None
        for found, value in zip(six.distinct, (free, effective), strict=True):
            assert_agrees(found, Figure(value, 6e-4), f"ratio at width {width}")
        codes = {warning.code for warning in result.warnings}
        assert codes == ({Code.PERTURBATION} if width < 1000 else set())
        with pytest.raises(AssertionError):  # the control: a tenth of a per cent would be seen
            assert_agrees(estimate, Figure(1.001 * result.exact.mean), "lambda")


@pytest.mark.parametrize(("name", "width"), [("relu", 20), ("erf", 5), ("erf", 1000)])
def test_lambda_from_a_stream_of_neurons(name: str, width: int) -> None:
    result = stream(name, 50_000, width)
    assert result.estimator is Estimator.NEURON
    assert result.measured.width == width
    assert result.exact is not None
    assert result.exact.width == width
    assert_agrees(result.coupling.estimate, Figure(result.exact.mean), "lambda")
    assert_agrees(result.six_point.gp_over_g6, Figure(result.exact.gp_over_g6), "G_GP/G6")
    assert_agrees(result.six_point.eft_over_g6, Figure(result.exact.eft_over_g6), "prediction/G6")
    assert_relative_error_below(result.coupling.estimate, 0.02)
    with pytest.raises(AssertionError):  # the control
        assert_agrees(result.coupling.estimate, Figure(1.1 * result.exact.mean), "lambda")


@pytest.mark.parametrize("depth", [2, 3])
def test_deep_networks(depth: int) -> None:
    """K is a limit: the measured two-point function takes its place, no exact value is claimed, O(1/N) is no mismatch."""
    architecture = Architecture(ERF, 1, 2.0, 0.1, depth)
    points = np.array([[-1.0], [0.2], [0.6]])
    settings = SimulationSettings.make(architecture, points, 3, 20_000, 10, SEED)
    result = crosscheck(run(settings), kernel_of(architecture), CUTOFF)
    measured = result.measured
    assert (measured.reference, result.estimator) == (Reference.MEASURED, Estimator.CUMULANT)
    assert result.exact is None
    assert result.coupling.estimate.error is not None
    codes = {warning.code for warning in result.warnings}
    assert Code.KERNEL_MISMATCH not in codes
    pairs = kernel_of(architecture)(points, points)[np.triu_indices(3)]
    error = measured.two_point.std(axis=0, ddof=1) / sqrt(10)
    assert np.max(np.abs(measured.two_point.mean(axis=0) - pairs) / error) > 20  # though it is far from zero
    other = kernel_of(Architecture(ERF, 1, 2.0, 2.0, depth))
    assert Code.KERNEL_MISMATCH in {warning.code for warning in crosscheck(run(settings), other, CUTOFF).warnings}


def relu_by_numpy(nets: int, width: int, inputs: FloatArray) -> FloatArray:
    """Somebody else's script: outputs of shape (nets, inputs), weights ~ N(0, 1) and N(0, 1/width), no biases."""
    rng = np.random.default_rng(SEED)
    outputs = np.empty((nets, len(inputs)))
    for start in range(0, nets, 10_000):
        w0 = rng.normal(0.0, 1.0, (10_000, width, 1))
        w1 = rng.normal(0.0, 1 / sqrt(width), (10_000, 1, width))
        outputs[start : start + 10_000] = (w1 @ np.maximum(w0 * inputs, 0.0))[:, 0]
    return outputs


def test_imported_relu_outputs(tmp_path: Path) -> None:
    """Plain averages of products of outputs, through memory and through files."""
    inputs = PRESETS["relu"].points()
    outputs = relu_by_numpy(400_000, 20, inputs[:, 0])
    np.save(tmp_path / "outputs.npy", outputs)
    np.save(tmp_path / "inputs.npy", inputs)
    kernel = ReluKernel()
    imported = crosscheck(from_outputs(outputs, inputs, 10), kernel, CUTOFF)
    read = crosscheck(read_outputs(tmp_path / "outputs.npy", tmp_path / "inputs.npy", 10), kernel, CUTOFF)
    assert imported.estimator is Estimator.PLAIN
    assert imported.coupling.estimate == read.coupling.estimate
    assert imported.six_point == read.six_point
    assert not imported.ensemble.conditional
    estimate = imported.coupling.estimate
    assert_agrees(estimate, relu_lambda(20, CUTOFF), "lambda")
    assert_relative_error_below(estimate, 0.1)
    assert imported.six_point.distinct is not None
    free, effective = imported.six_point.distinct
    assert_agrees(free, Figure(0.538, 5e-4), "G_GP/G6")
    assert_agrees(effective, Figure(0.941, 5e-4), "prediction/G6")
    assert Code.ONE_MEASUREMENT in {warning.code for warning in imported.warnings}
    with pytest.raises(InputError, match="estimator centred"):
        crosscheck(imported.ensemble, kernel, CUTOFF, estimator=Estimator.CENTRED)


def test_gauss_at_width_ten_is_refused() -> None:
    """Log-normal neurons and 108/N: a mean, but no error bar, and two warnings that say why."""
    result = simulated("gauss", 10, 5_000)
    found = {warning.code for warning in result.warnings}
    assert {Code.HEAVY_TAIL, Code.PERTURBATION} <= found
    assert result.coupling.estimate.error is None
    assert result.coupling.estimate.mean < 0
    six = result.six_point
    assert six.distinct is not None
    for estimate in (six.gp_over_g6, six.eft_over_g6, *six.distinct):
        assert estimate.error is None
    # a sample misses rare neurons, so it finds less than the exact N lambda = -0.1404
    assert abs(result.coupling.estimate.mean) * 10 < 0.1404


def test_both_propagators_are_offered() -> None:
    """With sigma_b = 0 K_W is K: the same lambda to the last digits; with a bias they differ."""
    relu_points = PRESETS["relu"].points()
    relu_ensemble = run(SimulationSettings.make(PRESETS["relu"].architecture(), relu_points, 20, 500, 5, SEED))
    full, weights = (crosscheck(relu_ensemble, ReluKernel(), CUTOFF, propagator) for propagator in Propagator)
    assert full.coupling.estimate.mean == pytest.approx(weights.coupling.estimate.mean, rel=1e-12)
    gauss_points = PRESETS["gauss"].points()
    gauss_ensemble = run(SimulationSettings.make(PRESETS["gauss"].architecture(), gauss_points, 1000, 200, 5, SEED))
    full, weights = (crosscheck(gauss_ensemble, GaussKernel(), 100.0, propagator) for propagator in Propagator)
    # exact N lambda: -0.02942 with K at L = 100, -5.3457 with K_W and L -> infinity; the same samples stand for both
    ratio = weights.coupling.estimate.mean / full.coupling.estimate.mean
    assert ratio == pytest.approx(5.3457 / 0.02942, rel=1e-3)
    assert (full.propagator, weights.propagator) == (Propagator.FULL, Propagator.WEIGHTS)


def test_lambda_of_one_ensemble_at_many_cutoffs(relu: CrossCheck) -> None:
    """log |lambda| over log L has slope -5 at every cutoff for ReLU in d = 1 (physics notes, section 5)."""
    cutoffs = [7.0, 100.0, 1e5]
    values = [crosscheck(relu.ensemble, ReluKernel(), cutoff).coupling.estimate.mean for cutoff in cutoffs]
    slopes = np.diff(np.log(np.abs(values))) / np.diff(np.log(cutoffs))
    np.testing.assert_allclose(slopes, -5, rtol=1e-9)


@pytest.mark.parametrize("inputs", [[-1.0, 1.0], [0.0, 0.5, 1.0]])
def test_tuples_that_say_nothing_are_left_out(inputs: list[float]) -> None:
    """ReLU without bias vanishes on one side: where G4's integral or G6 is zero there is no ratio, and no NaN either."""
    settings = SimulationSettings.make(PRESETS["relu"].architecture(), np.array(inputs)[:, None], 20, 3000, 5, 1)
    result = crosscheck(run(settings), ReluKernel(), 10.0)
    expected = -25 / (2 * 20 * 10.0**5)
    assert np.isnan(result.coupling.over_tuples).any()
    assert result.coupling.estimate.error is not None
    assert abs(result.coupling.estimate.mean - expected) < 5 * result.coupling.estimate.error
    for number in (result.six_point.eft_over_g6.mean, result.six_point.minimum, result.six_point.maximum):
        assert np.isfinite(number)


def mismatch(ensemble: Ensemble, kernel: Kernel, width: int | None = None) -> ResultWarning | None:
    """The check of a cross-check alone, without its integrals, with the best estimator."""
    (*_, best) = available_estimators(ensemble, known_kernel=True)
    two_point = measure_correlators(ensemble, best, kernel, width=width).two_point
    return kernel_mismatch(two_point, kernel_on_pairs(kernel, ensemble.inputs))


def test_another_kernel_is_noticed_and_the_right_one_is_not() -> None:
    """ReLU's outputs passed off as Erf's, and ReLU's scaled by a tenth; forty honest ensembles stay quiet."""
    rng = np.random.default_rng(11)
    weights = rng.standard_normal((40_000, 20)) * np.maximum(rng.standard_normal((40_000, 20)), 0.0) / np.sqrt(20)
    outputs = weights.sum(axis=1)[:, None] * PRESETS["relu"].points()[:, 0]  # f(x) = x f(1) for positive inputs

    def codes(values: FloatArray, kernel: ErfKernel | ReluKernel) -> set[Code]:
        found = crosscheck(from_outputs(values, PRESETS["relu"].points(), 10), kernel, 10.0)
        return {warning.code for warning in found.warnings}

    two_sided = outputs  # W0 > 0 and W0 < 0 are both drawn; only the former speaks at positive inputs
    assert Code.KERNEL_MISMATCH in codes(two_sided, ErfKernel())
    assert Code.KERNEL_MISMATCH in codes(1.3 * two_sided, ReluKernel())
    assert Code.KERNEL_MISMATCH not in codes(two_sided, ReluKernel())
    for seed in range(40):
        settings = SimulationSettings.make(PRESETS["erf"].architecture(), PRESETS["erf"].points(), 5, 400, 10, seed)
        assert mismatch(run(settings), ErfKernel()) is None, seed


def test_another_kernel_is_noticed_in_a_stream_of_neurons() -> None:
    """s + w <phi phi> against K, for plain and tilted neurons; where Gauss-net has no variance, rounding is no mismatch."""
    cases = (("erf", Record.NEURONS, ErfKernel(1, 1.0, 1.1)), ("gauss", Record.TILTED, GaussKernel(1, 1.1, 1.0)))
    for name, record, wrong in cases:
        preset = PRESETS[name]
        right = kernel_of(preset.architecture())
        for seed in range(10):
            settings = SimulationSettings.make(
                preset.architecture(), preset.points(), None, 2_000, 10, seed, record=record
            )
            ensemble = run(settings)
            assert mismatch(ensemble, right, 5) is None, (name, seed)
        found = crosscheck(ensemble, wrong, CUTOFF, width=5)
        assert Code.KERNEL_MISMATCH in {warning.code for warning in found.warnings}, name


def test_second_order_grows_with_the_number_of_outputs() -> None:
    """(d_out + 8)/9 relative to one output, at the same lambda (talk, SO(d_out) symmetry)."""
    kernel, points = ReluKernel(), PRESETS["relu"].points()
    one, five = (theory_coefficients(points, 10.0, kernel, kernel, d_out) for d_out in (1, 5))
    assert one.second is not None
    assert five.second is not None
    np.testing.assert_allclose(five.first, one.first, rtol=1e-12)
    np.testing.assert_allclose(five.sixth, one.sixth, rtol=1e-12)
    np.testing.assert_allclose(five.second, one.second * 13 / 9, rtol=1e-12)


def test_outputs_that_are_all_zero_are_refused() -> None:
    with pytest.raises(InputError, match="every output of the ensemble is zero"):
        crosscheck(from_outputs(np.zeros((100, 6)), PRESETS["relu"].points(), 10), ReluKernel(), 10.0)
