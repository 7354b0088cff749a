"""Moments of one neuron and correlators of the output at single inputs, against those of many inputs and against integrals."""

from __future__ import annotations

from itertools import pairwise, product
from math import exp, factorial, inf, pi, prod, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from scipy import integrate, special

from feyn_nn.combinatorics import double_factorial
from feyn_nn.errors import InputError, LimitError
from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.exact.moments import neuron_moments
from feyn_nn.exact.single_input import single_input_correlators, single_input_moments
from feyn_nn.kernels import kernel_of
from feyn_nn.network import ERF, GAUSS, RELU, Activation, Architecture

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

POINTS: Final = np.array([[0.3], [-1.1], [0.0], [2.0]])


def _tanh(z: FloatArray) -> object:
    return np.tanh(z, out=z)


def _hard(z: FloatArray) -> object:
    return np.clip(z, -0.7, 1.2, out=z)


def _user_relu(z: FloatArray) -> object:
    return np.maximum(z, 0.0, out=z)


def _user_exp(z: FloatArray) -> object:
    return np.exp(z, out=z)


TANH, HARD = Activation("tanh", _tanh), Activation("hard", _hard)


@pytest.mark.parametrize("activation", [ERF, GAUSS, RELU, TANH], ids=lambda activation: str(activation.name))
@pytest.mark.parametrize("sigma_b", [0.0, 0.4])
def test_moments_are_those_of_many_inputs(activation: Activation, sigma_b: float) -> None:
    architecture = Architecture(activation, 1, 0.9, sigma_b)
    orders = (1, 2, 3, 4, 6)
    found = single_input_moments(architecture, POINTS, orders)
    assert list(found) == list(orders)
    for k, point in enumerate(POINTS):
        many = neuron_moments(architecture, point[None], orders)
        for order in orders:
            assert found[order][k] == pytest.approx(many.values[order][0], rel=1e-10, abs=1e-12)


@pytest.mark.parametrize(
    ("activation", "kinks"), [(ERF, ()), (TANH, ()), (HARD, (-0.7, 1.2))], ids=["erf", "tanh", "hard"]
)
def test_high_moments_are_integrals_in_one_dimension(activation: Activation, kinks: tuple[float, ...]) -> None:
    architecture = Architecture(activation, 2, 1.5, 0.6)
    point = np.array([[0.8, -1.3]])
    variance = 0.36 + 2.25 / 2 * float(np.sum(point**2))

    def phi(z: float) -> float:
        value = np.array([z])
        activation.apply(value)
        return float(value[0])

    edges = [-12.0, *(kink / sqrt(variance) for kink in kinks), 12.0]
    for order in (2, 5, 8, 12, 24):
        expected = sum(
            integrate.quad(
                lambda g, order=order: phi(sqrt(variance) * g) ** order * exp(-g * g / 2) / sqrt(2 * pi),
                *piece,
                epsabs=1e-14,
                epsrel=1e-12,
                limit=200,
            )[0]
            for piece in pairwise(edges)
        )
        found = single_input_moments(architecture, point, (order,))[order][0]
        assert found == pytest.approx(expected, rel=1e-10, abs=1e-13)
        other = single_input_moments(Architecture(activation, 2, 1.5, 0.61), point, (order,))[order][0]
        assert order == 5 or other != pytest.approx(expected, rel=1e-5), "control"


def test_closed_forms_in_disguise() -> None:
    relu = Activation("user's relu", _user_relu)
    orders = (1, 2, 7, 12, 20)
    known = single_input_moments(Architecture(RELU, 1, 1.4, 0.3), POINTS, orders)
    found = single_input_moments(Architecture(relu, 1, 1.4, 0.3), POINTS, orders)
    for order in orders:
        assert found[order] == pytest.approx(known[order], rel=1e-11)
    gauss = Activation("user's exp", _user_exp, normalised=True)
    known = single_input_moments(Architecture(GAUSS, 1, 0.7, 0.5), POINTS, orders[:4])
    found = single_input_moments(Architecture(gauss, 1, 0.7, 0.5), POINTS, orders[:4])
    for order in orders[:4]:
        assert found[order] == pytest.approx(known[order], rel=1e-10)


@pytest.mark.parametrize(
    ("activation", "top"), [(GAUSS, 8), (RELU, 8), (ERF, 6), (TANH, 8)], ids=["gauss", "relu", "erf", "tanh"]
)
@pytest.mark.parametrize("width", [1, 3, 50])
def test_correlators_are_those_of_one_point(activation: Activation, top: int, width: int) -> None:
    architecture = Architecture(activation, 1, 0.8, 0.3)
    orders = (1, 2, 4, top)
    found = single_input_correlators(architecture, POINTS[:2], width, orders)
    for order in orders:
        expected = [exact_correlators(architecture, point[None], order).at(width)[0] for point in POINTS[:2]]
        assert found[order] == pytest.approx(expected, rel=1e-9)
    wider = single_input_correlators(architecture, POINTS[:2], width + 1, (top,))[top]
    assert np.all(np.abs(wider / found[top] - 1) > 1e-6), "control: a neuron more is seen"


@pytest.mark.parametrize("activation", [GAUSS, RELU, ERF], ids=lambda activation: str(activation.name))
def test_order_twelve_is_three_neurons_multiplied_out(activation: Activation) -> None:
    """G^(12) = 11!! E[(s + w/3 (q_1 + q_2 + q_3))^6] with q = phi^2, term by term."""
    architecture = Architecture(activation, 1, 0.8, 0.3)
    moments = {0: np.ones(4), **single_input_moments(architecture, POINTS, range(2, 13, 2))}
    w, s = architecture.weight_variance / 3, architecture.bias_variance
    expected = np.zeros(4)
    for powers in product(range(7), repeat=3):
        if (left := 6 - sum(powers)) >= 0:
            ways = factorial(6) // (factorial(left) * prod(factorial(power) for power in powers))
            neurons = np.prod([w**power * moments[2 * power] for power in powers], axis=0)
            expected += ways * s**left * neurons
    found = single_input_correlators(architecture, POINTS, 3, (12,))[12]
    assert found == pytest.approx(double_factorial(11) * expected, rel=1e-12)


def test_limits_and_any_number_of_inputs() -> None:
    points = np.random.default_rng(5).normal(size=(4, 60))
    for activation in (ERF, RELU, HARD):
        architecture = Architecture(activation, 60, 1.1, 0.4)
        K = kernel_of(architecture).diagonal(points)
        free = single_input_correlators(architecture, points, inf, (2, 6, 9, 24))
        for n in (2, 6, 24):
            assert free[n] == pytest.approx(double_factorial(n - 1) * K ** (n // 2), rel=1e-11)
        assert not free[9].any()
        wide = single_input_correlators(architecture, points, 10**9, (6,))[6]
        assert wide == pytest.approx(free[6], rel=1e-6)
        assert np.all(wide != free[6])


def test_what_is_refused() -> None:
    gauss = Architecture(GAUSS)
    with pytest.raises(InputError, match="order 0"):
        single_input_moments(gauss, POINTS, (0,))
    with pytest.raises(LimitError, match="order 25"):
        single_input_correlators(gauss, POINTS, 3, (25,))
    with pytest.raises(InputError, match=r"width 2\.5"):
        single_input_correlators(gauss, POINTS, 2.5, (2,))
    with pytest.raises(InputError, match="width 0"):
        single_input_correlators(gauss, POINTS, 0, (2,))
    with pytest.raises(LimitError, match=r"order 24 .* gauss exceeds the range"):
        single_input_moments(gauss, POINTS, (24,))
    with pytest.raises(InputError, match="does not fit d_in"):
        single_input_moments(gauss, np.ones((2, 3)), (2,))
    assert special.erf(0.0) == single_input_moments(Architecture(ERF, sigma_b=0.0), POINTS[2:3], (2,))[2][0]
