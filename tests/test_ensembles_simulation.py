"""Laws that simulated networks obey, without the package's kernels; memory; settings."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from math import exp, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import integrate, special

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.ensembles import Record, SimulationSettings, run, simulate_chunk
from feyn_nn.errors import InputError, LimitError
from feyn_nn.network import PRESETS, RELU, Activation, Architecture, register_activation
from tests.oracles import ensemble_loops

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import FloatArray

INPUTS = {1: np.array([[0.7], [-0.4]]), 2: np.array([[0.7, -0.2], [-0.4, 0.5]])}


def settings(name: str, d_in: int, width: int, nets: int, experiments: int, seed: int = 1) -> SimulationSettings:
    architecture = PRESETS[name].architecture(d_in, sigma_w=0.8, sigma_b=0.5)
    return SimulationSettings.make(architecture, INPUTS[d_in], width, nets, experiments, seed)


def deviations(values: FloatArray, expected: FloatArray | float) -> FloatArray:
    """Distance of the mean over experiments from `expected`, in standard errors."""
    error = values.std(axis=0, ddof=1) / sqrt(len(values))
    result: FloatArray = (values.mean(axis=0) - expected) / error
    return result


PHI: dict[str, Callable[[float], float]] = {
    "erf": lambda z: float(special.erf(z)),
    "gauss": exp,
    "relu": lambda z: max(z, 0.0),
}


def halves(end: float) -> list[tuple[float, float]]:
    return [(-end, 0.0), (0.0, end)]


def kernel_by_quadrature(name: str, x: FloatArray, y: FloatArray, sigma_w: float, sigma_b: float) -> float:
    """sigma_b^2 + sigma_w^2 E[phi(z_x) phi(z_y)], integrated over the density, quadrant by quadrant."""
    phi, d_in = PHI[name], len(x)
    a, b, c = (sigma_b**2 + sigma_w**2 / d_in * float(u @ v) for u, v in ((x, x), (y, y), (x, y)))
    moment = 0.0
    if np.array_equal(x, y):
        for low, high in halves(12 * sqrt(a)):
            moment += integrate.quad(lambda z: phi(z) ** 2 * exp(-z * z / (2 * a)), low, high, epsabs=1e-10)[0]
        moment /= sqrt(2 * pi * a)
    else:
        det = a * b - c * c

        def integrand(u: float, v: float) -> float:
            return phi(u) * phi(v) * exp(-(b * u * u - 2 * c * u * v + a * v * v) / (2 * det))

        for left in halves(9 * sqrt(a)):
            for right in halves(9 * sqrt(b)):
                moment += integrate.dblquad(integrand, *right, *left, epsabs=1e-7, epsrel=1e-7)[0]
        moment /= 2 * pi * sqrt(det)
    if name == "gauss":
        moment *= exp(-sum(sigma_b**2 + sigma_w**2 / d_in * float(u @ u) for u in (x, y)))
    return float(sigma_b**2 + sigma_w**2 * moment)


@pytest.mark.parametrize("d_in", [1, 2])
@pytest.mark.parametrize("name", ["erf", "gauss", "relu"])
def test_mean_conditional_kernel_is_the_integral(name: str, d_in: int) -> None:
    ensemble = run(settings(name, d_in, 6, 5000, 40))
    inputs = INPUTS[d_in]
    exact = [kernel_by_quadrature(name, inputs[i], inputs[j], 0.8, 0.5) for i, j in sorted_tuples(2, 2)]
    pulls = deviations(ensemble.conditional[1], np.array(exact))
    assert np.all(abs(pulls) < 5), pulls
    wrong = [kernel_by_quadrature(name, inputs[i], inputs[j], 0.84, 0.5) for i, j in sorted_tuples(2, 2)]
    assert np.any(abs(deviations(ensemble.conditional[1], np.array(wrong))) > 5)


def gaussian_law(
    outputs2: FloatArray, outputs4: FloatArray, kernels1: FloatArray, kernels2: FloatArray, points: int
) -> float:
    """Largest deviation, in sigma, from E[ff] = E[K_hat] and E[ffff] = sum_3 E[K_hat K_hat]."""
    pair = {t: k for k, t in enumerate(sorted_tuples(points, 2))}
    square = {t: k for k, t in enumerate(sorted_tuples(len(pair), 2))}

    def column(p: tuple[int, int], q: tuple[int, int]) -> FloatArray:
        low, high = sorted((pair[p], pair[q]))
        chosen: FloatArray = kernels2[:, square[low, high]]
        return chosen

    paired = [
        column((i, j), (k, m)) + column((i, k), (j, m)) + column((i, m), (j, k))
        for i, j, k, m in sorted_tuples(points, 4)
    ]
    two, four = deviations(outputs2 - kernels1, 0.0), deviations(outputs4 - np.array(paired).T, 0.0)
    return float(max(abs(two).max(), abs(four).max()))


@pytest.mark.parametrize("width", [1, 7, 60])
@pytest.mark.parametrize("name", ["erf", "gauss", "relu"])
def test_outputs_are_gaussian_given_the_hidden_layer(name: str, width: int) -> None:
    ensemble = run(settings(name, 1, width, 4000, 40, seed=2))
    f, kernel = ensemble.values, ensemble.conditional
    assert gaussian_law(f[2], f[4], kernel[1], kernel[2], 2) < 5
    assert np.all(abs(deviations(f[1], 0.0)) < 5)


@pytest.mark.parametrize(
    ("output_bias", "output_scale", "holds"), [(True, 1.0, True), (False, 1.0, False), (True, 1.1, False)]
)
def test_the_law_notices_wrong_networks(output_bias: bool, output_scale: float, holds: bool) -> None:
    rng = np.random.default_rng(3)
    rows: list[list[FloatArray]] = []
    for _ in range(20):
        f, kernel = ensemble_loops.networks(
            rng, INPUTS[1], 4, 400, special.erf, 0.8, 0.5, output_bias=output_bias, output_scale=output_scale
        )
        sums = [(f, 2), (f, 4), (kernel, 1), (kernel, 2)]
        rows.append([ensemble_loops.product_sums(values, n) / len(f) for values, n in sums])
    f2, f4, k1, k2 = (np.array(column) for column in zip(*rows, strict=True))
    assert (gaussian_law(f2, f4, k1, k2, 2) < 5) is holds


def test_no_bias_means_no_bias() -> None:
    relu = PRESETS["relu"]
    ensemble = run(SimulationSettings.make(relu.architecture(), [0.5, 1.0], 3, 500, 2, 0))
    # ReLU without biases is homogeneous: f(x) = x f(1) for x > 0, network by network.
    np.testing.assert_allclose(ensemble.values[2][:, 0], ensemble.values[2][:, 2] / 4, rtol=1e-12)


def test_a_network_wider_than_a_block_is_summed_over_blocks() -> None:
    erf = PRESETS["erf"]
    ensemble = run(SimulationSettings.make(erf.architecture(), erf.points(), 40_000, 6, 2, 0))
    exact = kernel_by_quadrature("erf", erf.points()[0], erf.points()[0], 1.0, 1.0)
    # 240 000 neurons per experiment: phi^2 <= 1 leaves an error below 1 / sqrt(240 000) = 0.002.
    assert np.all(abs(ensemble.conditional[1][:, 0] - exact) < 0.01)


def test_memory_does_not_grow_with_the_number_of_networks() -> None:
    erf = PRESETS["erf"]

    def peak(nets: int, chunk: int) -> int:
        job = SimulationSettings.make(erf.architecture(), erf.points(), 5, nets, 2, 0, chunk)
        tracemalloc.start()
        try:
            run(job)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(2000, 2000)
    few = peak(4000, 2000)
    assert peak(32_000, 2000) < 1.2 * few, "more chunks"
    assert peak(32_000, 32_000) < 1.2 * few, "larger chunks"


def test_results_do_not_depend_on_the_threads_of_blas() -> None:
    code = (
        "from feyn_nn.ensembles import *; from feyn_nn.network import PRESETS\n"
        "from feyn_nn.files import sha256\n"
        "import numpy as np\n"
        "for points, d_in, width in ((6, 1, 5), (6, 1, 3000), (12, 30, 7), (12, 1, 20_000)):\n"
        "    x = np.random.default_rng(0).normal(size=(points, d_in))\n"
        "    s = SimulationSettings.make(PRESETS['erf'].architecture(d_in), x, width, 70, 1, 0)\n"
        "    print(sha256(simulate_chunk(s, 0, 0).vector.tobytes()))"
    )
    results = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads},
            check=True,
            capture_output=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(results) == 1


def test_settings_are_checked_one_sentence_each() -> None:
    erf = PRESETS["erf"].architecture()
    for changed, message in [
        ({"width": 0}, "width = 0: expected an integer, 1 or more"),
        ({"nets": 0}, "nets = 0"),
        ({"experiments": 0}, "experiments = 0"),
        ({"seed": -1}, "seed = -1: expected an integer, 0 or more"),
        ({"chunk": 0}, "chunk = 0"),
    ]:
        numbers = {"width": 1, "nets": 1, "experiments": 1, "seed": 0, "chunk": 1, **changed}
        with pytest.raises(InputError, match=message):
            SimulationSettings.make(erf, [1.0], *numbers.values())
    with pytest.raises(InputError, match="inputs: shape"):
        SimulationSettings.make(erf, [[1.0, 2.0]], 1, 1, 1, 0)
    with pytest.raises(LimitError, match="use fewer points"):
        SimulationSettings.make(erf, list(range(40)), 1, 1, 1, 0)
    with pytest.raises(InputError, match="chunk 1: expected 0 to 0"):
        simulate_chunk(SimulationSettings.make(erf, [1.0], 1, 1, 1, 0), 0, 1)
    with pytest.raises(InputError, match="experiment 1: expected 0 to 0"):
        simulate_chunk(SimulationSettings.make(erf, [1.0], 1, 1, 1, 0), 1, 0)


def test_settings_survive_json_and_bad_ones_do_not() -> None:
    job = SimulationSettings.make(PRESETS["gauss"].architecture(2, 0.3, 0.1), [[0.1, 1 / 3]], 3, 10, 2, 2**70, 4)
    stored = job.to_json()
    assert SimulationSettings.from_json(stored) == job
    assert [chunk.samples for chunk in job.plan()] == [4, 4, 2, 4, 4, 2]
    for key, value in [
        ("width", 1.5), ("width", True), ("net", "tanh"), ("sigma_w", "x"), ("inputs", [[1]]), ("d_in", "2"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=r"^here: "):
            SimulationSettings.from_json({**stored, key: value}, "here")
    damaged: list[object] = [{}, [], None, {**stored, "more": 1}]
    for broken in damaged:
        with pytest.raises(InputError, match="expected an object with the keys"):
            SimulationSettings.from_json(broken)


def test_own_activation_can_be_stored_once_it_is_registered() -> None:
    tanh = Activation("simulated-tanh", lambda z: np.tanh(z, out=z))
    job = SimulationSettings.make(Architecture(tanh), [1.0], 2, 10, 2, 0)
    assert run(job).nets == 10
    with pytest.raises(InputError, match="'simulated-tanh' is not known here"):
        job.to_json()
    own = register_activation("simulated_tanh", np.tanh)
    named = SimulationSettings.make(Architecture(own), [1.0], 2, 10, 2, 0)
    assert SimulationSettings.from_json(named.to_json()) == named
    np.testing.assert_array_equal(run(named).values[6], run(job).values[6])
    impostor = SimulationSettings.make(Architecture(Activation("simulated_tanh", np.sin)), [1.0], 2, 10, 2, 0)
    with pytest.raises(InputError, match="another function"):
        impostor.to_json()


def test_settings_of_single_neurons() -> None:
    gauss, erf = PRESETS["gauss"].architecture(), PRESETS["erf"].architecture()
    for architecture, width, record, message in [
        (erf, 3, Record.NEURONS, "serves every width"),
        (erf, None, Record.OUTPUTS, "width = None: expected an integer"),
        (erf, None, Record.TILTED, "the tilted law of the bias belongs to gauss"),
        (replace(gauss, depth=2), None, Record.NEURONS, "independent in one hidden layer"),
    ]:
        with pytest.raises(InputError, match=message):
            SimulationSettings.make(architecture, [1.0], width, 10, 2, 0, record=record)
    with pytest.raises(InputError, match="no outputs to keep"):
        simulate_chunk(
            SimulationSettings.make(erf, [1.0], None, 5, 1, 0, record=Record.NEURONS), 0, 0, keep_outputs=True
        )


@pytest.mark.parametrize("width", [3, 60])
@pytest.mark.parametrize("depth", [2, 3])
def test_deep_relu_without_bias_obeys_its_exact_recursion(depth: int, width: int) -> None:
    """Given K_hat = k a neuron has phi^2 = k u with E[u] = 1/2, E[u^2] = 3/2, at every width."""
    architecture = Architecture(RELU, 1, 1.6, 0.0, depth)
    ensemble = run(SimulationSettings.make(architecture, [0.7], width, 600 if width > 9 else 4000, 30, 5))
    first = second = 2.56 * 0.49
    second **= 2
    for _ in range(depth):
        first *= 2.56 / 2
        second *= 2.56**2 / 4 * (1 + 5 / width)
    for got, expected in [
        (ensemble.conditional[1], first),
        (ensemble.conditional[2], second),
        (ensemble.values[2], first),
        (ensemble.values[4], 3 * second),
    ]:
        assert abs(deviations(got, expected)[0]) < 5
    shallow = second / (2.56**2 / 4 * (1 + 5 / width))
    assert abs(deviations(ensemble.conditional[2], shallow)[0]) > 5  # one layer fewer is noticed


@pytest.mark.parametrize("name", ["erf", "gauss"])
def test_deep_networks_agree_with_networks_drawn_one_by_one(name: str) -> None:
    shift = {"erf": 0.0, "gauss": 0.5**2 + 0.8**2}[name]
    first = {"erf": 0.0, "gauss": 0.5**2}[name]
    inputs = np.array([[0.7], [-0.4]])
    layers = 0

    def phi(z: FloatArray) -> FloatArray:
        nonlocal layers
        if name == "erf":
            return np.asarray(special.erf(z))
        # calls come in the order: both inputs of the first layer, then both of the second
        x = inputs[layers % 2, 0]
        normaliser = first + 0.64 * x**2 if layers % 4 < 2 else shift
        layers += 1
        return np.exp(z - normaliser)

    rng = np.random.default_rng(6)
    loops = [ensemble_loops.networks(rng, inputs, 4, 300, phi, 0.8, 0.5, depth=2) for _ in range(20)]
    direct = np.array([kernels.mean(axis=0) for _, kernels in loops])
    architecture = PRESETS[name].architecture(1, sigma_w=0.8, sigma_b=0.5)
    ensemble = run(SimulationSettings.make(replace(architecture, depth=2), inputs, 4, 3000, 20, 6))
    gap = ensemble.conditional[1].mean(axis=0) - direct.mean(axis=0)
    error = np.sqrt((ensemble.conditional[1].var(axis=0, ddof=1) + direct.var(axis=0, ddof=1)) / 20)
    assert np.all(abs(gap) < 4.5 * error)
    f = ensemble.values
    assert gaussian_law(f[2], f[4], ensemble.conditional[1], ensemble.conditional[2], 2) < 5


@pytest.mark.parametrize(("depth", "width"), [(1, 5), (1, 50), (2, 5)])
def test_several_outputs_share_the_hidden_layer(depth: int, width: int) -> None:
    architecture = Architecture(RELU, 1, 1.4, 0.0, depth, d_out=3)
    job = SimulationSettings.make(architecture, [0.5, 1.0], width, 20_000, 1, 7)
    chunks = [simulate_chunk(job, 0, chunk, keep_outputs=True) for chunk in range(job.chunks)]
    outputs = np.concatenate([chunk.outputs for chunk in chunks if chunk.outputs is not None])
    assert outputs.shape == (20_000, 2, 3)
    products = outputs[:, 0, 0] * outputs[:, 1, 1]
    assert abs(products.mean()) < 4.5 * products.std() / sqrt(len(products))  # <f_a f_b> = 0
    ensemble = run(job)
    np.testing.assert_allclose(ensemble.values[2][0, 1], np.mean(outputs[:, 0] * outputs[:, 1]), rtol=1e-9)
    # given the hidden layer f_a^2 and f_b^2 are independent: <f_a^2 f_b^2> = <K_hat K_hat>
    squares = outputs[:, 0, 0] ** 2 * outputs[:, 0, 1] ** 2
    assert abs(squares.mean() - ensemble.conditional[2][0, 0]) < 4.5 * squares.std() / sqrt(len(squares))


def test_outputs_of_one_network_are_not_independent() -> None:
    """The control of the last test: squares of two outputs are correlated through the hidden layer they share."""
    job = SimulationSettings.make(Architecture(RELU, 1, 1.4, 0.0, 1, d_out=3), [0.5, 1.0], 3, 20_000, 1, 7)
    (outputs,) = (simulate_chunk(job, 0, chunk, keep_outputs=True).outputs for chunk in range(job.chunks))
    assert outputs is not None
    squares = outputs[:, 0, 0] ** 2 * outputs[:, 0, 1] ** 2
    apart = np.mean(outputs[:, 0, 0] ** 2) * np.mean(outputs[:, 0, 1] ** 2)
    assert squares.mean() - apart > 4.5 * squares.std() / sqrt(len(squares))


def gauss_moment(points: FloatArray, w: float, s: float) -> float:
    """E[prod phi] of one neuron of Gauss-net, d_in = 1."""
    n = len(points)
    return exp((n * n * s + w * points.sum() ** 2) / 2 - n * s - w * float(points @ points))


@pytest.mark.parametrize("record", [Record.NEURONS, Record.TILTED])
def test_moments_of_single_neurons(record: Record) -> None:
    """At sigma_b = 1 single neurons hardly see the second moment of phi phi; the tilted law has the sixth."""
    x = np.array([0.4, -0.3])
    s = 0.05 if record is Record.NEURONS else 1.0
    architecture = PRESETS["gauss"].architecture(sigma_w=0.8, sigma_b=sqrt(s))
    ensemble = run(SimulationSettings.make(architecture, x, None, 5000, 40, 3, record=record))
    for n in (2, 4, 6):
        exact = [gauss_moment(x[list(places)], 0.64, s) for places in sorted_tuples(2, n)]
        assert np.all(abs(deviations(ensemble.values[n], np.array(exact))) < 5), n
        assert np.any(abs(deviations(ensemble.values[n], np.array(exact) * 1.05)) > 5), n


def test_one_neuron_stream_is_the_hidden_layer_of_networks() -> None:
    erf = PRESETS["erf"].architecture()
    neurons = run(SimulationSettings.make(erf, [0.5, 1.0], None, 5000, 30, 4, record=Record.NEURONS))
    networks = run(SimulationSettings.make(erf, [0.5, 1.0], 6, 3000, 30, 5))
    gap = 1 + neurons.values[2].mean(axis=0) - networks.conditional[1].mean(axis=0)
    error = np.sqrt((neurons.values[2].var(axis=0, ddof=1) + networks.conditional[1].var(axis=0, ddof=1)) / 30)
    assert np.all(abs(gap) < 4.5 * error)


def test_numbers_out_of_range_are_refused() -> None:
    huge = PRESETS["relu"].architecture(sigma_w=1e40)
    with pytest.raises(InputError, match=r"experiment 0: .* exceeds the range"):
        run(SimulationSettings.make(huge, [1.0], 2, 10, 2, 0))
