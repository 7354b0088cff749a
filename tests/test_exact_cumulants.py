"""Correlators from the moments of one neuron: brute force over the states of toy neurons in exact arithmetic, and laws."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import combinations, product
from math import comb, factorial, inf, prod
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import special

from feyn_nn.arrays import sorted_rank
from feyn_nn.errors import InputError, LimitError
from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.exact.cumulants import LayerCumulants, WidthSeries, component, leg_pairings
from feyn_nn.kernels import kernel_of
from feyn_nn.network import ERF, Activation, Architecture, preset
from feyn_nn.partitions import even_partitions, mobius, neuron_cumulant_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# A toy neuron at two points: three equally likely states, the values of phi at both points in each.
STATES = ((Fraction(1), Fraction(-2)), (Fraction(1, 2), Fraction(3)), (Fraction(-1), Fraction(1, 3)))
WEIGHT, BIAS = Fraction(3, 2), Fraction(2, 5)
POINTS = 2


def tuples_of(points: int, n: int) -> list[tuple[int, ...]]:
    return [t for t in product(range(points), repeat=n) if list(t) == sorted(t)]


def toy_average(legs: Sequence[int]) -> Fraction:
    """E prod phi at the legs' points."""
    total = Fraction(0)
    for state in STATES:
        total += prod((state[x] for x in legs), start=Fraction(1))
    return total / 3


def toy_moments(n: int) -> np.ndarray[Any, np.dtype[Any]]:
    rows = [toy_average(t) for t in tuples_of(POINTS, n)]
    return np.array(rows, dtype=object)


def toy_layer(top: int = 8) -> LayerCumulants:
    return LayerCumulants(POINTS, {n: toy_moments(n) for n in range(2, top + 1, 2)}, WEIGHT, BIAS)


def sum_over_pairings(kernel: Callable[[int, int], Fraction], legs: Sequence[int], outputs: Sequence[int]) -> Fraction:
    """Wick's theorem for a Gaussian with covariance delta_ab kernel(x, y): the first leg's partner, then the rest."""
    if not legs:
        return Fraction(1)
    total = Fraction(0)
    for k in range(1, len(legs)):
        if outputs[0] == outputs[k]:
            rest = [i for i in range(1, len(legs)) if i != k]
            total += kernel(legs[0], legs[k]) * sum_over_pairings(
                kernel, [legs[i] for i in rest], [outputs[i] for i in rest]
            )
    return total


@cache
def brute_correlator(legs: tuple[int, ...], width: int, outputs: tuple[int, ...] | None = None) -> Fraction:
    """G^(n) of the toy network: the average over all joint states of its neurons of the Gaussian correlator given them."""
    total = Fraction(0)
    for hidden in product(STATES, repeat=width):

        def kernel(x: int, y: int, hidden: Sequence[tuple[Fraction, Fraction]] = hidden) -> Fraction:
            return BIAS + WEIGHT / width * sum(state[x] * state[y] for state in hidden)

        total += sum_over_pairings(kernel, legs, outputs or (0,) * len(legs))
    return total / Fraction(len(STATES) ** width)


@cache
def brute_connected(legs: tuple[int, ...], width: int, outputs: tuple[int, ...] | None = None) -> Fraction:
    """The cumulant: G minus, over the connected parts that contain the first leg but not all, cumulant times the rest's G."""
    outputs = outputs or (0,) * len(legs)
    total = brute_correlator(legs, width, outputs)
    others = range(1, len(legs))
    for size in range(len(legs) - 1):
        for chosen in combinations(others, size):
            inside = (0, *chosen)
            outside = [k for k in others if k not in chosen]
            part = brute_connected(tuple(legs[k] for k in inside), width, tuple(outputs[k] for k in inside))
            rest = brute_correlator(tuple(legs[k] for k in outside), width, tuple(outputs[k] for k in outside))
            total -= part * rest
    return total


@pytest.mark.parametrize(("n", "widths"), [(2, (1, 2, 3)), (4, (1, 2, 3)), (6, (1, 2, 3)), (8, (1, 2))])
def test_correlators_are_those_of_all_joint_states_exactly(n: int, widths: Sequence[int]) -> None:
    """For n = 2, 4, 6 there are as many widths as powers of 1/N, so every coefficient is fixed."""
    series = toy_layer().correlator(n)
    assert series.coefficients.shape == (comb(POINTS + n - 1, n), n // 2)
    for width in widths:
        expected = [brute_correlator(t, width) for t in tuples_of(POINTS, n)]
        assert series.at(width).tolist() == expected
    assert not np.any(series.error)


@pytest.mark.parametrize("n", [2, 4, 6])
def test_connected_parts_are_those_of_all_joint_states_exactly(n: int) -> None:
    series = toy_layer().connected(n)
    for width in (1, 2):
        assert series.at(width).tolist() == [brute_connected(t, width) for t in tuples_of(POINTS, n)]
    assert not np.any(series.coefficients[:, : n // 2 - 1])


@pytest.mark.parametrize("wrong", [2, 4, 6])
def test_a_wrong_moment_is_noticed(wrong: int) -> None:
    """Control: the comparison fails when one moment of one tuple is off by one part in a million."""
    moments = {n: toy_moments(n) for n in (2, 4, 6)}
    moments[wrong][1] *= Fraction(1_000_001, 1_000_000)
    series = LayerCumulants(POINTS, moments, WEIGHT, BIAS).correlator(6)
    assert series.at(2).tolist() != [brute_correlator(t, 2) for t in tuples_of(POINTS, 6)]


def test_without_wicks_theorem_either() -> None:
    """E of a product of f = sum_i W_i phi_i + b, multiplied out over which term each leg takes."""
    width, n = 2, 4

    def gaussian(power: int, variance: Fraction) -> Fraction:
        if power % 2:
            return Fraction(0)
        return prod([variance] * (power // 2), start=Fraction(1)) * prod(range(power - 1, 0, -2))

    for legs, value in zip(tuples_of(POINTS, n), toy_layer().correlator(n).at(width), strict=True):
        total = Fraction(0)
        for terms in product(range(width + 1), repeat=n):
            part = gaussian(terms.count(width), BIAS)
            for neuron in range(width):
                at = [leg for leg, term in zip(legs, terms, strict=True) if term == neuron]
                part *= gaussian(len(at), WEIGHT / width) * toy_average(at)
            total += part
        assert value == total


OUTPUTS = [(0, 0, 1, 1), (0, 1, 0, 1), (0, 1, 1, 0), (0, 0, 0, 0), (0, 1, 2, 2)]


@pytest.mark.parametrize("outputs", [*OUTPUTS, (0, 0, 1, 1, 2, 2), (0, 1, 0, 1, 1, 1)])
def test_components_with_several_outputs_are_those_of_all_joint_states(outputs: tuple[int, ...]) -> None:
    n = len(outputs)
    layer, width = toy_layer(), 2
    every = tuples_of(POINTS, n)
    full = component(layer.correlator_by_pairing(n), outputs).at(width)
    assert full.tolist() == [brute_correlator(t, width, outputs) for t in every]
    connected = component(layer.connected_by_pairing(n), outputs).at(width)
    assert connected.tolist() == [brute_connected(t, width, outputs) for t in every]
    limit = component(layer.correlator_by_pairing(n), outputs).at(inf)
    assert (full - limit).tolist() == component(layer.delta_by_pairing(n), outputs).at(width).tolist()


def test_the_four_point_component_is_a_covariance() -> None:
    """kappa4 with outputs a, a, b, b is (w^2/N) Cov(phi_1 phi_2, phi_3 phi_4)."""
    series = component(toy_layer().connected_by_pairing(4), (0, 0, 1, 1))
    for t, value in zip(tuples_of(POINTS, 4), series.coefficients[:, 1], strict=True):
        left, right = ([state[a] * state[b] for state in STATES] for a, b in (t[:2], t[2:]))
        mean = sum(x * y for x, y in zip(left, right, strict=True)) / 3
        assert value == WEIGHT**2 * (mean - sum(left) / 3 * (sum(right) / 3))


@pytest.mark.parametrize("n", [2, 4, 6, 8])
def test_one_output_is_the_sum_over_pairings(n: int) -> None:
    """Two algorithms: partitions of the legs into even blocks, and partitions of each pairing's pairs."""
    layer = toy_layer()
    assert len(leg_pairings(n)) == prod(range(n - 1, 0, -2))
    for single, several in (
        (layer.correlator(n), layer.correlator_by_pairing(n)),
        (layer.connected(n), layer.connected_by_pairing(n)),
        (layer.delta(n), layer.delta_by_pairing(n)),
    ):
        assert several.coefficients.sum(axis=1).tolist() == single.coefficients.tolist()


@pytest.mark.parametrize("n", [4, 6, 8])
def test_cumulants_of_independent_sums_add(n: int) -> None:
    """N neurons of weight variance w/N have N times the cumulant of one, and the bias none beyond the second."""
    moments = {k: toy_moments(k) for k in range(2, n + 1, 2)}
    series = LayerCumulants(POINTS, moments, WEIGHT, BIAS).connected(n)
    for width in (1, 3, 7):
        one = LayerCumulants(POINTS, moments, WEIGHT / width, Fraction(0)).connected(n).at(1)
        assert series.at(width).tolist() == (width * one).tolist()
    larger = LayerCumulants(POINTS, moments, WEIGHT, BIAS + 1)
    assert larger.connected(n).coefficients.tolist() == series.coefficients.tolist()
    assert larger.connected(2).at(1).tolist() == [k + 1 for k in toy_layer().connected(2).at(1)]
    # Delta G4 is kappa4; the others multiply K
    assert (larger.delta(n).coefficients.tolist() == toy_layer().delta(n).coefficients.tolist()) == (n == 4)


def test_a_neuron_of_constant_size_gives_a_gaussian_process() -> None:
    """phi = +-1: K_hat does not fluctuate at one point, so that nothing depends on N; with two values it does."""
    one = np.array([Fraction(1)], dtype=object)
    layer = LayerCumulants(1, dict.fromkeys((2, 4, 6, 8, 10), one), WEIGHT, BIAS)
    for n in (4, 6, 8, 10):
        assert not np.any(layer.delta(n).coefficients)
        assert layer.correlator(n).at(inf) == [prod(range(n - 1, 0, -2)) * (BIAS + WEIGHT) ** (n // 2)]
    varied = LayerCumulants(1, {2: one, 4: 2 * one}, WEIGHT, BIAS)
    assert np.any(varied.delta(4).coefficients)


@pytest.mark.parametrize("n", [1, 3, 5, 7])
def test_odd_correlators_vanish(n: int) -> None:
    layer = toy_layer()
    for series in (layer.correlator(n), layer.connected(n), layer.delta(n)):
        assert series.coefficients.shape == (comb(POINTS + n - 1, n), max(1, n // 2))
        assert not np.any(series.coefficients)
    assert layer.correlator_by_pairing(n).coefficients.shape[1] == 0
    assert [brute_correlator((0,) * n, 2)] == [0]


def test_partitions_into_even_blocks_are_counted_by_the_exponential_of_cosh() -> None:
    """The exponential generating function exp(cosh x - 1), by its recursion."""
    counts = {0: 1}
    for n in range(2, 11, 2):
        counts[n] = sum(comb(n - 1, k - 1) * counts[n - k] for k in range(2, n + 1, 2))
        found = even_partitions(n)
        assert len(found) == len({frozenset(map(frozenset, partition)) for partition in found}) == counts[n]
        for partition in found:
            assert sorted(leg for block in partition for leg in block) == list(range(n))
            assert all(len(block) % 2 == 0 and list(block) == sorted(block) for block in partition)
    assert even_partitions(0) == ((),)
    assert not even_partitions(5)


def test_coefficients_of_the_sixth_cumulant() -> None:
    """15 M6 - 3 sum_15 M4 M2 + 2 sum_15 M2 M2 M2."""
    found: dict[tuple[int, ...], list[int]] = {}
    for number, partition in neuron_cumulant_terms(6):
        found.setdefault(tuple(sorted(map(len, partition))), []).append(number)
    assert found == {(6,): [15], (2, 4): [-3] * 15, (2, 2, 2): [2] * 15}


@pytest.mark.parametrize("n", [4, 6, 8, 10])
def test_a_gaussian_has_no_higher_cumulants(n: int) -> None:
    """With M_n = 1 the neuron W phi is a standard Gaussian; with M_n = n + 1 it is not."""
    assert sum(number for number, _ in neuron_cumulant_terms(n)) == 0
    assert (
        sum(number * prod(len(block) + 1 for block in partition) for number, partition in neuron_cumulant_terms(n)) != 0
    )


def test_mobius_function_inverts_the_sum_over_partitions() -> None:
    """Over all partitions of n > 1 elements the coefficients add to zero: Stirling numbers times (-1)^{r-1} (r-1)!."""
    for n in range(2, 8):
        stirling = [
            sum((-1) ** (r - k) * comb(r, k) * k**n for k in range(r + 1)) // factorial(r) for r in range(1, n + 1)
        ]
        assert sum(number * mobius(r) for r, number in enumerate(stirling, 1)) == 0


@pytest.mark.parametrize(("points", "n"), [(1, 4), (2, 8), (6, 4), (6, 6), (4, 1)])
def test_rank_is_the_place_in_the_list(points: int, n: int) -> None:
    every = np.array(tuples_of(points, n), dtype=np.intp)
    assert sorted_rank(points, every).tolist() == list(range(len(every)))


def float_layer(seed: int, states: int, error: float = 0.0) -> tuple[LayerCumulants, LayerCumulants]:
    """A random toy neuron in floats, and the same in Fractions; `error` shifts the float moments relatively."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(states, 3))
    exact: dict[int, Any] = {}
    for n in (2, 4, 6):
        rows = [sum(prod(Fraction(float(v[x])) for x in t) for v in values) / states for t in tuples_of(3, n)]
        exact[n] = np.array(rows, dtype=object)
    shifted = {n: np.array([float(m) * (1 + error * rng.uniform(-1, 1)) for m in rows]) for n, rows in exact.items()}
    errors = {n: error * np.abs(rows) * (1 + error) for n, rows in shifted.items()}
    weight, bias = Fraction(1.3), Fraction(0.7)
    return LayerCumulants(3, shifted, 1.3, 0.7, errors), LayerCumulants(3, exact, weight, bias)


@pytest.mark.parametrize("error", [0.0, 1e-9, 1e-5])
@pytest.mark.parametrize("n", [2, 4, 6])
def test_error_bounds_hold_and_are_not_vacuous(n: int, error: float) -> None:
    layer, exact = float_layer(5, 40, error)
    pairs: list[tuple[WidthSeries, WidthSeries]] = [
        (layer.correlator(n), exact.correlator(n)),
        (layer.connected(n), exact.connected(n)),
        (layer.delta_by_pairing(n), exact.delta_by_pairing(n)),
    ]
    for approximate, reference in pairs:
        gap = np.abs(approximate.coefficients - reference.coefficients.astype(np.float64))
        assert np.all(gap <= approximate.error * (1 + 10 * error))
        if error and np.any(gap):
            assert gap.max() > 0.01 * approximate.error.max()
    width = layer.correlator(n)
    assert np.all(width.error_at(2) >= width.error_at(4))
    assert width.accuracy < 1e-10 + 100 * error


def test_an_error_that_is_left_out_is_noticed() -> None:
    """Control: with shifted moments and no word of it, the bounds do not hold."""
    layer, exact = float_layer(5, 40, 1e-6)
    silent = LayerCumulants(3, layer.moments, 1.3, 0.7).correlator(4)
    gap = np.abs(silent.coefficients - exact.correlator(4).coefficients.astype(np.float64))
    assert np.any(gap > silent.error)


def quadrature_moments(net: str, orders: Sequence[int]) -> Mapping[int, np.ndarray[Any, np.dtype[np.float64]]]:
    """Moments of one neuron at the talk's inputs without the package's closed forms.

    Gauss: exp of a Gaussian sum by its variance. Erf: product rule over weight and bias. ReLU, positive inputs, no bias:
    half of a Gaussian moment.
    """
    x = np.array(preset(net).inputs)
    if net == "relu":
        return {
            n: np.array([np.prod(x[list(t)]) * prod(range(n - 1, 0, -2)) / 2 for t in tuples_of(6, n)]) for n in orders
        }
    if net == "gauss":
        covariance = 1 + np.outer(x, x)
        return {
            n: np.array(
                [np.exp(covariance[np.ix_(t, t)].sum() / 2 - sum(covariance[i, i] for i in t)) for t in tuples_of(6, n)]
            )
            for n in orders
        }
    # the trapezoidal rule, geometrically exact for an analytic integrand that decays
    roots = np.arange(-60, 61) * 0.15
    masses = np.exp(-(roots**2) / 2)
    masses /= masses.sum()
    phi = special.erf(x[:, None, None] * roots[:, None] + roots)
    weight = masses[:, None] * masses
    return {n: np.array([np.sum(np.prod(phi[list(t)], axis=0) * weight) for t in tuples_of(6, n)]) for n in orders}


# Physics notes, section 3: means over sorted tuples of Delta G / G_GP, coefficients of 1/N and 1/N^2.
RATIOS = {
    "gauss": (13.40, 40.20, 20325.0),
    "erf": (0.0563, 0.169, 0.0067),
    "relu": (5.0, 15.0, 44.0),
}


@pytest.mark.parametrize("net", list(RATIOS))
def test_ratios_at_the_talks_inputs(net: str) -> None:
    architecture = preset(net).architecture()
    layer = LayerCumulants(
        6, quadrature_moments(net, (2, 4, 6)), architecture.weight_variance, architecture.bias_variance
    )
    ratios = {n: layer.delta(n).coefficients / layer.correlator(n).coefficients[:, :1] for n in (2, 4, 6)}
    assert not np.any(ratios[2])
    found = (ratios[4].mean(0)[1], *ratios[6].mean(0)[1:])
    assert found == pytest.approx(RATIOS[net], rel=6e-3)
    if net == "erf":
        assert ratios[4][:, 1].min() == pytest.approx(0.0, abs=5e-4)
        assert ratios[4][:, 1].max() == pytest.approx(0.154, abs=5e-4)
    if net == "relu":
        assert np.allclose(ratios[4][:, 1], 5, rtol=1e-12)
        assert np.allclose(ratios[6][:, 1:], [15, 44], rtol=1e-12)


@pytest.mark.parametrize("net", list(RATIOS))
def test_correlators_of_an_architecture(net: str) -> None:
    """The same from the package's own moments, with errors and the kernel of `feyn_nn.kernels`."""
    chosen = preset(net)
    architecture, points = chosen.architecture(), chosen.points()
    moments = quadrature_moments(net, (2, 4, 6))
    layer = LayerCumulants(6, moments, architecture.weight_variance, architecture.bias_variance)
    kernel = kernel_of(architecture)(points, points)
    for n in (2, 4, 6):
        exact = exact_correlators(architecture, points, n)
        assert exact.tuples == tuples_of(6, n)
        assert exact.coefficients == pytest.approx(layer.correlator(n).coefficients, rel=1e-9, abs=1e-11)
        # kappa6 cancels to a small part of its terms, and the product rule for Erf is good to 1e-12 of those
        assert exact.connected.coefficients == pytest.approx(layer.connected(n).coefficients, rel=1e-9, abs=1e-11)
        assert exact.at(10) == pytest.approx(exact.gaussian + exact.delta.at(10), rel=1e-12)
        assert exact.at(inf) == pytest.approx(exact.gaussian)
        assert exact.accuracy < 1e-6
        if n == 2:
            assert exact.at(3) == pytest.approx([kernel[i, j] for i, j in exact.tuples], rel=1e-11)
        else:
            assert exact.ratios[:, 1:].mean(0) == pytest.approx(RATIOS[net][n // 2 - 2 :][: n // 2 - 1], rel=6e-3)


def test_correlators_of_an_activation_of_ones_own() -> None:
    """The cosine: cos a cos b = (cos(a + b) + cos(a - b)) / 2 and E cos z = exp(-Var z / 2) give every moment."""
    architecture = Architecture(Activation("cosine", lambda z: np.cos(z, out=z)), 1, 1.2, 0.4)
    points = np.array([[0.5], [-0.3], [1.1]])
    C = 0.16 + 1.44 * points @ points.T
    moments = {}
    for n in (2, 4):
        signs = np.array(list(product((1, -1), repeat=n)))
        rows = [np.einsum("si,ij,sj->s", signs, C[np.ix_(t, t)], signs) for t in tuples_of(3, n)]
        moments[n] = np.array([np.mean(np.exp(-row / 2)) for row in rows])
    layer = LayerCumulants(3, moments, 1.44, 0.16)
    for n in (2, 4):
        exact = exact_correlators(architecture, points, n)
        assert exact.coefficients == pytest.approx(layer.correlator(n).coefficients, rel=1e-9)
        assert exact.connected.coefficients == pytest.approx(layer.connected(n).coefficients, rel=1e-7, abs=1e-10)


def test_components_of_an_architecture() -> None:
    chosen = preset("erf")
    exact = exact_correlators(chosen.architecture(), chosen.points()[:3], 4)
    same = exact.component((1, 1, 1, 1))
    assert same.coefficients == pytest.approx(exact.coefficients, rel=1e-12)
    channels = [exact.component(o) for o in ((0, 0, 1, 1), (0, 1, 0, 1), (0, 1, 1, 0))]
    total = sum(channel.connected.coefficients for channel in channels)
    assert total == pytest.approx(exact.connected.coefficients, rel=1e-9, abs=1e-15)
    assert not np.any(exact.component((0, 1, 2, 3)).coefficients)
    assert channels[0].outputs == (0, 0, 1, 1)


def test_odd_correlators_of_an_architecture_vanish() -> None:
    exact = exact_correlators(preset("relu").architecture(), preset("relu").points(), 3)
    assert exact.coefficients.shape == (56, 1)
    assert not np.any(exact.coefficients)
    assert exact.accuracy == 0
    assert np.all(np.isnan(exact.ratios))


def test_what_is_refused() -> None:
    layer = toy_layer(4)
    with pytest.raises(InputError, match="order 6 are missing"):
        layer.correlator(6)
    with pytest.raises(InputError, match="0 legs"):
        layer.connected(0)
    with pytest.raises(LimitError, match="14 legs"):
        layer.delta(14)
    with pytest.raises(LimitError, match="12 legs of several outputs"):
        toy_layer(12).connected_by_pairing(12)
    with pytest.raises(InputError, match=r"shape \(3,\), expected \(5,\)"):
        LayerCumulants(2, {4: np.zeros(3)}, 1, 1)
    for width in (0, 1.5, -inf, float("nan")):
        with pytest.raises(InputError, match="expected a positive integer"):
            layer.correlator(4).at(width)
    with pytest.raises(InputError, match="expected a result by pairing"):
        component(layer.correlator(4), (0, 0, 1, 1))
    with pytest.raises(InputError, match="expected zero or more"):
        even_partitions(-2)
    with pytest.raises(LimitError, match="at most 12"):
        even_partitions(14)
    with pytest.raises(InputError, match="expected one or more"):
        neuron_cumulant_terms(0)
    with pytest.raises(InputError, match="0 blocks"):
        mobius(0)


def test_what_correlators_of_an_architecture_refuse() -> None:
    points = np.array([[0.1], [0.2]])
    architecture = Architecture(ERF)
    with pytest.raises(InputError, match="0 legs"):
        exact_correlators(architecture, points, 0)
    with pytest.raises(LimitError, match="14 legs"):
        exact_correlators(architecture, points, 14)
    with pytest.raises(InputError, match="does not fit d_in"):
        exact_correlators(architecture, np.zeros((2, 3)), 4)
    with pytest.raises(InputError, match="one for each leg"):
        exact_correlators(architecture, points, 4).component((0, 1))
