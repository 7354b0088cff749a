"""Heavy tails: what is refused, from exact moments before anything is seen, and from the sample itself."""

from __future__ import annotations

from dataclasses import replace
from math import exp
from typing import TYPE_CHECKING

import numpy as np
import pytest

from feyn_nn.ensembles import Ensemble, Record, SimulationSettings, Source, Tail, from_outputs, run
from feyn_nn.kernels import GaussKernel, kernel_of
from feyn_nn.measure import Code, Estimator, available_estimators, measure_correlators
from feyn_nn.measure.tails import EXPECTED_EFFECTIVE, find_heavy_tail
from feyn_nn.network import ERF, GAUSS, PRESETS, RELU, Architecture, register_activation

if TYPE_CHECKING:
    from feyn_nn.measure.tails import HeavyTail

SEED = 99
CONDITIONAL = (Estimator.CONDITIONAL, Estimator.CUMULANT, Estimator.CENTRED)


def simulated(
    name: str, width: int | None, nets: int, record: Record = Record.CONDITIONAL, seed: int = SEED
) -> Ensemble:
    preset = PRESETS[name]
    return run(SimulationSettings.make(preset.architecture(), preset.points(), width, nets, 5, seed, record=record))


def tail_of(ensemble: Ensemble, estimator: Estimator, n: int, width: int | None = None) -> HeavyTail | None:
    return find_heavy_tail(ensemble, estimator, n, ensemble.width if width is None else width)


def with_samples(ensemble: Ensemble, nets: int) -> Ensemble:
    """The same averages, claimed to be of `nets` samples in each experiment, all of which seem to carry them."""
    each = np.full(ensemble.experiments, float(nets))
    tails = {source: {n: Tail(each, 1 / each) for n in orders} for source, orders in ensemble.tails.items()}
    return replace(ensemble, samples=np.full(ensemble.experiments, nets, dtype=np.intp), tails=tails)


# The standing example: Gauss-net at sigma_b = 1, sixth order, plain averages


@pytest.mark.parametrize("width", [2, 10, 100, 1000])
@pytest.mark.parametrize("nets", [300, 10**6, 10**9, 10**12])
def test_gauss_net_is_refused_for_any_sample_that_can_be_drawn(width: int, nets: int) -> None:
    """f^6 of Gauss-net: a perfect-looking sample of 5e12 networks is refused at every width of the talk."""
    ensemble = with_samples(simulated("gauss", width, 50, Record.OUTPUTS), nets)
    measured = measure_correlators(ensemble, Estimator.PLAIN, GaussKernel())
    assert measured.refused(6)
    assert measured.refused(5)
    assert measured.error(measured.delta(6), 6) is None
    (warning,) = [warning for warning in measured.warnings if "f^6" in warning.message]
    assert warning.code is Code.HEAVY_TAIL
    assert "--record tilted" in warning.message
    assert "would be needed" in warning.message


@pytest.mark.parametrize("estimator", CONDITIONAL)
def test_so_are_its_kernels(estimator: Estimator) -> None:
    """<phi^6>^2/<phi^12> is e^-36: 1e17 neurons would be needed, whatever averages over them."""
    ensemble = with_samples(simulated("gauss", 1000, 50), 10**9)
    assert tail_of(ensemble, estimator, 6) is not None
    stream = with_samples(simulated("gauss", None, 50, Record.NEURONS), 10**12)
    assert tail_of(stream, Estimator.NEURON, 6, 1000) is not None


def test_tilted_neurons_pass() -> None:
    """Without the bias the tail is light at the talk's inputs, and heavy again at inputs of order one: e^{n^2 w x^2}."""
    stream = simulated("gauss", None, 500, Record.TILTED)
    for n in range(1, 7):
        assert tail_of(stream, Estimator.TILTED, n, 2) is None
    far = run(SimulationSettings.make(Architecture(GAUSS), [1.0, -1.0], None, 5_000, 5, SEED, record=Record.TILTED))
    found = tail_of(far, Estimator.TILTED, 6, 2)
    assert found is not None
    assert found.needed == pytest.approx(EXPECTED_EFFECTIVE * exp(36), rel=1e-6)
    assert tail_of(far, Estimator.TILTED, 2, 2) is None


def test_a_large_network_of_gauss_neurons_supports_the_second_and_fourth_order() -> None:
    """At width 1000 f is nearly normal: f^2 and f^4 pass, f^6 does not."""
    ensemble = simulated("gauss", 1000, 2_000, Record.OUTPUTS)
    refused = [n for n in range(1, 7) if tail_of(ensemble, Estimator.PLAIN, n) is not None]
    assert refused == [5, 6]


# Light tails pass


@pytest.mark.parametrize(
    ("name", "width", "nets"),
    [("erf", 5, 300), ("erf", 5, 3_000), ("erf", 100, 300), ("relu", 2, 30_000), ("relu", 20, 3_000)],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_light_tails_pass(name: str, width: int, nets: int, seed: int) -> None:
    """ReLU's phi^12 needs some ten thousand neurons: about 1.1 % of them carry the mean of phi^6."""
    ensemble = simulated(name, width, nets, seed=seed)
    for estimator in CONDITIONAL:
        for n in range(1, 7):
            found = tail_of(ensemble, estimator, n)
            assert found is None, (name, width, nets, estimator, n, found, f"seed {seed}")


@pytest.mark.parametrize(("name", "nets"), [("erf", 200), ("relu", 5_000)])
def test_light_neurons_pass(name: str, nets: int) -> None:
    stream = simulated(name, None, nets, Record.NEURONS)
    assert [n for n in range(1, 7) if tail_of(stream, Estimator.NEURON, n, 3)] == []


@pytest.mark.parametrize(("name", "width", "nets"), [("erf", 5, 2_600), ("relu", 100, 4_000), ("relu", 1000, 2_500)])
def test_plain_averages_of_light_networks_pass(name: str, width: int, nets: int) -> None:
    """A normal f needs 50/.0217 = 2310 networks for f^6; a narrow ReLU-net far more."""
    ensemble = simulated(name, width, nets, Record.OUTPUTS)
    assert [n for n in range(1, 7) if tail_of(ensemble, Estimator.PLAIN, n)] == []
    assert tail_of(simulated(name, width, 200, Record.OUTPUTS), Estimator.PLAIN, 6) is not None  # the control


# What is expected is what is found


def test_expected_share_is_the_sample_s_own() -> None:
    """<v>^2/<v^2> from exact moments against (sum v)^2/(M sum v^2) of a large sample at one input, within 10 %."""
    for architecture, x in ((Architecture(ERF, 1, 1.0, 1.0), 0.7), (Architecture(RELU, 1, 1.0, 0.3), 0.5)):
        networks = run(SimulationSettings.make(architecture, [x], 4, 100_000, 4, SEED))
        stream = run(SimulationSettings.make(architecture, [x], None, 400_000, 4, SEED, record=Record.NEURONS))
        for ensemble, source, estimator, n in (
            (networks, Source.OUTPUTS, Estimator.PLAIN, 2),
            (networks, Source.OUTPUTS, Estimator.PLAIN, 4),
            (networks, Source.CONDITIONAL, Estimator.CUMULANT, 4),
            (stream, Source.NEURONS, Estimator.NEURON, 4),
            (stream, Source.NEURONS, Estimator.NEURON, 6),
        ):
            tiny = replace(ensemble, samples=np.full(4, 2, dtype=np.intp), tails={source: ensemble.tails[source]})
            found = tail_of(tiny, estimator, n, 4)
            assert found is not None
            assert found.needed is not None
            share = float(np.mean(ensemble.tails[source][n].effective / ensemble.samples))
            assert found.effective / found.samples == pytest.approx(share, rel=0.1), (architecture, source, n)
            assert found.needed == pytest.approx(EXPECTED_EFFECTIVE / share, rel=0.1)


# Where no exact moment is known the sample has to say


def test_tails_of_imported_outputs() -> None:
    """Normal outputs pass, Cauchy outputs do not, nor the products of Gauss-net."""
    rng = np.random.default_rng(SEED)
    inputs = np.array([0.1, 0.2])
    normal, cauchy = (from_outputs(draw(size=(50_000, 2)), inputs, 5) for draw in (rng.normal, rng.standard_cauchy))
    for n in range(1, 7):
        assert tail_of(normal, Estimator.PLAIN, n) is None, f"seed {SEED}"
        assert tail_of(cauchy, Estimator.PLAIN, n) is not None, f"seed {SEED}"
    gauss = replace(simulated("gauss", 10, 10_000), architecture=None)
    for estimator in (Estimator.PLAIN, *CONDITIONAL):
        found = tail_of(gauss, estimator, 6)
        assert found is not None
        assert found.needed is None
    (warning,) = (w for w in measure_correlators(gauss, Estimator.PLAIN).warnings if "f^6" in w.message)
    assert "carry the mean of f^6" in warning.message


def test_deep_networks_and_own_activations_are_judged_by_the_sample() -> None:
    exponential = Architecture(register_activation("tests.heavy", lambda z: np.exp(2 * np.abs(z))))
    for architecture, heavy in (
        (Architecture(ERF, depth=2), False),
        (Architecture(GAUSS, depth=2), True),
        (exponential, True),
    ):
        ensemble = run(SimulationSettings.make(architecture, [0.3, 0.8], 5, 3_000, 5, SEED))
        for estimator in available_estimators(ensemble, known_kernel=False):
            assert (tail_of(ensemble, estimator, 6) is not None) == heavy, (architecture, estimator)


def test_samples_that_underflow_are_no_samples() -> None:
    """Gauss-net far away: exp(z)/exp(Var z) is zero in every neuron drawn, and nothing is known."""
    ensemble = run(SimulationSettings.make(Architecture(GAUSS), [30.0], 2, 200, 2, SEED))
    for estimator in CONDITIONAL:
        assert tail_of(ensemble, estimator, 2) is not None


# Odd orders


def test_odd_orders_need_no_error_bar_where_they_vanish() -> None:
    """K_hat and neurons give zero exactly; plain averages of f^3 are judged as those of f^4, f^5 as f^6."""
    ensemble = simulated("gauss", 10, 500)
    for estimator in CONDITIONAL:
        assert not any(tail_of(ensemble, estimator, n) for n in (1, 3, 5))
        measured = measure_correlators(ensemble, estimator, GaussKernel())
        error = measured.error(measured.values(5), 5)
        assert error is not None
        assert not error.any()
    for n in (1, 3, 5):
        assert tail_of(ensemble, Estimator.PLAIN, n) == tail_of(ensemble, Estimator.PLAIN, n + 1)


# The warning names what is better


@pytest.mark.parametrize(
    ("ensemble", "estimator", "advice"),
    [
        (("gauss", 10, 300, Record.OUTPUTS), Estimator.PLAIN, "--record tilted"),
        (("gauss", None, 300, Record.NEURONS), Estimator.NEURON, "--record tilted"),
        (("relu", 2, 100, Record.OUTPUTS), Estimator.PLAIN, "--record neurons"),
        (("relu", None, 100, Record.NEURONS), Estimator.NEURON, "more neurons"),
    ],
)
def test_advice(ensemble: tuple[str, int | None, int, Record], estimator: Estimator, advice: str) -> None:
    name, width, nets, record = ensemble
    sample = simulated(name, width, nets, record)
    kernel = kernel_of(PRESETS[name].architecture())
    measured = measure_correlators(sample, estimator, kernel, width=3 if width is None else None)
    found = [warning for warning in measured.warnings if warning.code is Code.HEAVY_TAIL]
    assert found
    assert all(advice in warning.message for warning in found)


def test_the_sentence_counts_what_it_speaks_of() -> None:
    """Networks for f and K_hat, single neurons for phi, the powers that are averaged."""
    ensemble = simulated("gauss", 10, 300)
    found = tail_of(ensemble, Estimator.CENTRED, 6)
    assert found is not None
    assert found.samples == 3000
    assert "of 3000 neurons" in found.sentence
    assert "phi^6" in found.sentence
    plain = tail_of(ensemble, Estimator.PLAIN, 4)
    assert plain is not None
    assert "of 300 networks" in plain.sentence
