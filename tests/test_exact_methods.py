"""The methods behind the moments of a neuron: each against another one, against laws, and in the degenerate cases."""

from __future__ import annotations

from itertools import pairwise, product
from math import erfc, exp, pi, prod, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import integrate, special

from feyn_nn.combinatorics import pairings
from feyn_nn.errors import InputError, LimitError
from feyn_nn.exact.moments import neuron_moments
from feyn_nn.exact.relu import sphere_moments
from feyn_nn.exact.signs import sign_moments
from feyn_nn.exact.sphere import cones, sphere_rules
from feyn_nn.exact.stein import positive_part_moments
from feyn_nn.exact.tuples import TupleSums, error_of_finest, tuple_array
from feyn_nn.kernels import kernel_of
from feyn_nn.network import ERF, GAUSS, RELU, Activation, Architecture
from tests.oracles.neuron_moments import moment_by_quad

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray


def vectors_of(kind: str, points: int, dimension: int, seed: int = 7) -> FloatArray:
    """Vectors in general position, nearly parallel, with repeats and opposites, or three of them in one plane."""
    vectors = np.random.default_rng(seed).normal(size=(points, dimension))
    if kind == "near":
        vectors = np.eye(dimension)[0] + 0.01 * vectors
    if kind == "repeated":
        vectors[2], vectors[3] = 1.5 * vectors[1], -vectors[0]
    if kind == "plane":
        vectors[2] = 0.4 * vectors[0] + 0.6 * vectors[1]
    return np.asarray(vectors, dtype=np.float64)


KINDS = ("general", "near", "repeated", "plane")


@pytest.mark.parametrize("net", ["erf", "relu"])
@pytest.mark.parametrize("inputs", [(0.6,), (0.9, -0.4, 0.9), (0.9, -0.4, 0.2, 1.3), (1.1, 0.3, 0.3, -0.2, 0.7, 0.5)])
def test_moments_agree_with_nested_adaptive_quadrature(net: str, inputs: tuple[float, ...]) -> None:
    points, row = np.unique(inputs, return_inverse=True)
    n = len(inputs)
    architecture = Architecture(ERF if net == "erf" else RELU, 1, 0.8, 0.6)
    moments = neuron_moments(architecture, points[:, None], [n])
    found = moments.values[n][moments.tuples(n).index(tuple(sorted(row.tolist())))]
    expected = moment_by_quad(net, inputs, 0.8, 0.6)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
    if expected > 1e-9:
        assert found != pytest.approx(moment_by_quad(net, inputs, 0.801, 0.6), rel=1e-6), "control: another sigma_w"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_sphere_and_integration_by_parts_agree(dimension: int, kind: str) -> None:
    vectors = vectors_of(kind, 5, dimension)
    orders = (1, 2, 3, 4, 5, 6, 8)
    sphere = sphere_moments(vectors, orders)
    for n in orders:
        parts = positive_part_moments(vectors, n)
        assert np.all(np.abs(parts.values - sphere[n].values) <= parts.error + sphere[n].error), n
        known = sphere[n].values > 1e-6 * sphere[n].values.max()
        assert parts.values[known] == pytest.approx(sphere[n].values[known], rel=1e-7)
        scale = float(sphere[n].values.max())
        assert np.allclose(parts.values, sphere[n].values, rtol=0, atol=1e-12 * scale)
        other = positive_part_moments(vectors_of(kind, 5, dimension, seed=8), n)
        assert not np.allclose(other.values, sphere[n].values, rtol=0, atol=1e-4 * scale), "control"


@pytest.mark.parametrize("kind", ["general", "plane"])
def test_sphere_and_integration_by_parts_agree_in_four_dimensions(kind: str) -> None:
    vectors = vectors_of(kind, 5, 4)
    sphere = sphere_moments(vectors, (2, 4))
    for n in (2, 4):
        parts = positive_part_moments(vectors, n)
        assert parts.error.max() < 1e-10 * parts.values.max()
        assert np.all(np.abs(parts.values - sphere[n].values) <= parts.error + sphere[n].error), n
        assert np.max(sphere[n].error / sphere[n].values) < 1e-7


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dimension", [1, 2, 3, 4])
def test_cones_fill_space_and_no_plane_crosses_them(dimension: int, kind: str) -> None:
    vectors = vectors_of(kind, 6, dimension)
    rays = cones(vectors)
    heights = rays @ (vectors / np.linalg.norm(vectors, axis=1)[:, None]).T
    crossed = (heights.max(axis=1) > 1e-10) & (heights.min(axis=1) < -1e-10)
    assert not crossed.any()
    rules = list(sphere_rules(rays, 8, 1 << 14))
    weights = np.concatenate([weight for _, weight in rules])
    points = np.concatenate([point for point, _ in rules])
    assert weights.min() > 0
    assert np.allclose(np.sum(points**2, axis=1), 1)
    accuracy = 1e-6 if dimension == 4 else 1e-8
    assert weights.sum() == pytest.approx(1, rel=accuracy)
    # means over the sphere: y_1^2 -> 1/r, y_1^4 -> 3/(r(r+2))
    assert weights @ points[:, 0] ** 2 == pytest.approx(1 / dimension, rel=accuracy)
    assert weights @ points[:, 0] ** 4 == pytest.approx(3 / (dimension * (dimension + 2)), rel=10 * accuracy)


def test_the_sphere_rule_converges_geometrically() -> None:
    vectors = vectors_of("general", 5, 3)
    rays = cones(vectors)
    gaps = [abs(sum(float(w.sum()) for _, w in sphere_rules(rays, nodes, 1 << 14)) - 1) for nodes in (2, 4, 6, 8)]
    assert all(fine < 0.1 * coarse for coarse, fine in pairwise(gaps))


PATTERNS = ((4,), (1, 1, 1, 1), (1, 3), (1, 1, 2), (2, 2, 2), (1,) * 6, (6,), (1, 2, 3), (8,), (1, 1, 2, 4))


@pytest.mark.parametrize("multiplicities", PATTERNS)
@pytest.mark.parametrize("correlation", [0.1, 0.5, 0.9, 0.99])
def test_equally_correlated_signs(multiplicities: tuple[int, ...], correlation: float) -> None:
    """z_i = sqrt(rho) x + sqrt(1-rho) y_i: given x the signs are independent, which leaves one integral."""
    n, groups = sum(multiplicities), len(multiplicities)
    slope = sqrt(correlation / (2 * (1 - correlation)))
    expected = 2 * float(
        integrate.quad(
            lambda x: special.erf(slope * x) ** n * exp(-x * x / 2) / sqrt(2 * pi), 0, 12, epsabs=1e-14, epsrel=1e-13
        )[0]
    )
    values, error = sign_moments(np.full((groups, groups, 3), correlation), multiplicities)
    assert np.all(np.abs(values - expected) < error + 1e-13)
    assert error < 1e-9
    if correlation == 0.5:  # all n + 1 ranks of one Gaussian among the others are equally likely
        assert values == pytest.approx(1 / (n + 1), rel=1e-9)


def test_signs_factorise_change_sign_and_do_not_depend_on_their_order() -> None:
    rng = np.random.default_rng(5)
    factor = rng.normal(size=(6, 8))
    covariance = factor @ factor.T
    deviations = np.sqrt(np.diag(covariance))
    correlation = (covariance / np.outer(deviations, deviations))[:, :, None]
    value = sign_moments(correlation, (1,) * 6)[0][0]
    shuffled = rng.permutation(6)
    assert sign_moments(correlation[np.ix_(shuffled, shuffled)], (1,) * 6)[0][0] == pytest.approx(value, abs=1e-12)
    flipped = correlation.copy()
    flipped[2, :], flipped[:, 2] = -flipped[2, :], -flipped[:, 2]
    assert sign_moments(flipped, (1,) * 6)[0][0] == pytest.approx(-value, abs=1e-12)
    apart = correlation.copy()
    apart[:2, 2:], apart[2:, :2] = 0, 0
    two, four = sign_moments(apart[:2, :2], (1, 1))[0][0], sign_moments(apart[2:, 2:], (1,) * 4)[0][0]
    assert sign_moments(apart, (1,) * 6)[0][0] == pytest.approx(two * four, abs=1e-12)
    assert abs(value - two * four) > 1e-3, "control: the blocks are correlated"


@pytest.mark.parametrize("row", [(0, 1, 2, 3), (0, 0, 1, 2), (0, 0, 1, 2, 3, 3), (0, 1, 1, 2, 3)])
def test_relu_splits_into_gaussian_moments_in_many_dimensions(row: tuple[int, ...]) -> None:
    """relu(z) - relu(-z) = z, whose moments Isserlis' theorem gives; z and -z are opposite vectors in four dimensions."""
    n = len(row)
    x = np.random.default_rng(3).normal(size=(4, 4))
    moments = neuron_moments(Architecture(RELU, 4, 1.0, 0.0), np.concatenate([x, -x]), [n])
    assert "parts" in moments.methods[n]
    table = dict(zip(moments.tuples(n), moments.values[n], strict=True))
    total = sum(
        (-1) ** sum(signs) * table[tuple(sorted(k + 4 * sign for k, sign in zip(row, signs, strict=True)))]
        for signs in product((0, 1), repeat=n)
    )
    covariance = x @ x.T / 4
    expected = sum(prod(covariance[row[a], row[b]] for a, b in pairing) for pairing in pairings(range(n)))
    assert total == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("d_in", [1, 2, 3, 5])
def test_relu_keeps_digits_for_nearly_equal_and_nearly_opposite_inputs(d_in: int) -> None:
    x = np.random.default_rng(d_in).normal(size=(2, d_in)) + 1
    inputs = np.concatenate([x, x * (1 + 1e-6), -x * (1 + 1e-4)])
    architecture = Architecture(RELU, d_in, 1.0, 0.01)
    moments = neuron_moments(architecture, inputs, [2, 4])
    kernel = kernel_of(architecture)(inputs, inputs) - architecture.bias_variance
    expected = np.array([kernel[i, j] for i, j in moments.tuples(2)])
    gap = np.abs(moments.values[2] - expected)
    assert np.all(gap <= moments.error[2] + 1e-13 * np.max(expected))
    assert gap.max() < 1e-12


def test_relu_without_bias_is_linear_on_each_side() -> None:
    """One input: z = x W0, so that every tuple of one sign is the same measurement, and mixed signs give exactly zero."""
    inputs = np.array([0.2, 0.7, 1.5, -1.0])[:, None]
    unit = neuron_moments(Architecture(RELU, 1, 1.0, 0.0), np.ones((1, 1)), [3, 4])
    moments = neuron_moments(Architecture(RELU, 1, 1.0, 0.0), inputs, [3, 4])
    for n in (3, 4):
        for row, value in zip(moments.tuples(n), moments.values[n], strict=True):
            factors = inputs[list(row), 0]
            one_sided = np.all(factors > 0) or np.all(factors < 0)
            expected = abs(np.prod(factors)) * unit.values[n][0] if one_sided else 0.0
            assert value == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize("activation", [ERF, RELU, GAUSS], ids=["erf", "relu", "gauss"])
@pytest.mark.parametrize("d_in", [2, 4, 6])
def test_inputs_without_variance(activation: Activation, d_in: int) -> None:
    """The zero input without a bias: phi(0) is a constant factor."""
    inputs = np.concatenate([np.zeros((1, d_in)), np.random.default_rng(1).normal(size=(5, d_in))])
    moments = neuron_moments(Architecture(activation, d_in, 1.0, 0.0), inputs, [2, 4])
    for n in (2, 4):
        with_zero = np.any(tuple_array(6, n) == 0, axis=1)
        if activation is GAUSS:
            lower = neuron_moments(Architecture(activation, d_in, 1.0, 0.0), inputs, [n - 1]).values[n - 1]
            assert moments.values[n][: len(lower)] == pytest.approx(lower, rel=1e-13)
        else:
            assert np.all(moments.values[n][with_zero] == 0)
        assert np.count_nonzero(moments.values[n][~with_zero]) > 5, "control: the others do not vanish"
    alone = neuron_moments(Architecture(RELU, d_in, 1.0, 0.0), np.zeros((1, d_in)), [1, 2])
    assert alone.values[2] == pytest.approx([0.0])


def shifted_ramp(z: FloatArray) -> object:
    return np.maximum(z - 1, 0.0, out=z)


def test_the_error_of_quadrature_is_honest_for_a_kink_away_from_zero() -> None:
    """Neither rule meets the kink at z = 1; the exact moments are those of a truncated Gaussian."""
    inputs = np.array([[0.3, 0.2], [1.0, -2.0]])
    moments = neuron_moments(Architecture(Activation("ramp", shifted_ramp), 2, 1.1, 0.7), inputs, [1, 2])
    for k, x in enumerate(inputs):
        deviation = sqrt(0.49 + 1.21 / 2 * float(x @ x))
        above, density = erfc(1 / deviation / sqrt(2)) / 2, exp(-1 / (2 * deviation**2)) / sqrt(2 * pi)
        exact = {1: deviation * density - above, 2: (deviation**2 + 1) * above - deviation * density}
        for n, place in ((1, k), (2, moments.tuples(2).index((k, k)))):
            assert abs(moments.values[n][place] - exact[n]) <= moments.error[n][place] < 1e-6 * exact[n]


def test_a_step_and_a_smooth_activation_use_different_rules() -> None:
    inputs = np.array([[0.5], [-0.3], [1.2]])

    def step(z: FloatArray) -> object:
        return np.heaviside(z, 0.5, out=z)

    def tanh(z: FloatArray) -> object:
        return np.tanh(z, out=z)

    stepped = neuron_moments(Architecture(Activation("step", step), 1, 0.9, 0.8), inputs, [2, 3])
    assert stepped.methods[2].startswith("cells")
    covariance = 0.64 + 0.81 * inputs @ inputs.T
    sizes = np.sqrt(np.diag(covariance))
    orthant = 0.25 + np.arcsin(covariance / np.outer(sizes, sizes) * (1 - 1e-16)) / (2 * pi)  # Sheppard 1899
    assert stepped.values[2] == pytest.approx([orthant[i, j] for i, j in stepped.tuples(2)], rel=1e-8)
    smooth = neuron_moments(Architecture(Activation("tanh", tanh), 1, 0.9, 0.8), inputs, [2, 3])
    assert smooth.methods[2].startswith("lattice")
    assert np.all(np.abs(smooth.values[3]) <= smooth.error[3])


def test_many_dimensions_of_an_unknown_activation() -> None:
    """Few factors are found from sets of few inputs; more are refused with an estimate."""
    inputs = np.random.default_rng(2).normal(size=(6, 8))
    unknown = Architecture(Activation("stranger", ERF.apply), 8, 0.9, 0.4)
    known = neuron_moments(Architecture(ERF, 8, 0.9, 0.4), inputs, [2, 3])
    moments = neuron_moments(unknown, inputs, [2, 3])
    assert moments.values[2] == pytest.approx(known.values[2], rel=1e-10)
    assert moments.values[3] == pytest.approx(known.values[3], abs=1e-10)
    with pytest.raises(LimitError, match="span 6 dimensions"):
        neuron_moments(unknown, inputs, [6])


def test_an_activation_that_is_not_a_number_is_blamed() -> None:
    def logarithm(z: FloatArray) -> object:
        return np.log(z, out=z)

    with pytest.raises(InputError, match=r"activation 'log' returned .* at z = -"):
        neuron_moments(Architecture(Activation("log", logarithm), 1, 1.0, 1.0), np.ones((1, 1)), [2])


def test_methods_refuse_what_they_cannot_do() -> None:
    high = np.random.default_rng(2).normal(size=(6, 5))
    with pytest.raises(LimitError, match="order 10"):
        neuron_moments(Architecture(RELU, 5), high, [10])
    with pytest.raises(LimitError, match="order 10"):
        neuron_moments(Architecture(ERF, 5), high, [10])
    many = np.random.default_rng(2).normal(size=(25, 5))
    with pytest.raises(LimitError, match="more than 10000"):
        neuron_moments(Architecture(RELU, 5), many, [4])
    with pytest.raises(LimitError, match="arcsines"):
        neuron_moments(Architecture(ERF, 5), many[:14], [8])


def test_high_orders_of_erf_in_few_dimensions_go_on() -> None:
    """Order 10 by the lattice; at one point erf^10 is an integral over one Gaussian."""
    moments = neuron_moments(Architecture(ERF, 1, 1.0, 0.5), np.array([[0.4], [1.0]]), [8, 10])
    for place, x in ((0, 0.4), (-1, 1.0)):
        deviation = sqrt(0.25 + x * x)
        for n in (8, 10):
            expected = 2 * float(
                integrate.quad(
                    lambda g, n=n, size=deviation: special.erf(size * g) ** n * exp(-g * g / 2) / sqrt(2 * pi), 0, 12
                )[0]
            )
            assert moments.values[n][place] == pytest.approx(expected, rel=1e-9)


def test_sums_over_tuples_are_plain_sums() -> None:
    rng = np.random.default_rng(9)
    values, weights = rng.normal(size=(3, 5000)), rng.random(5000)
    sums = TupleSums(3, (1, 2, 3, 5))
    sums.add(values[:, :3000], weights[:3000])
    sums.add(values[:, 3000:], weights[3000:])
    for n in (1, 2, 3, 5):
        plain = [np.sum(weights * np.prod(values[list(row)], axis=0)) for row in tuple_array(3, n)]
        assert sums.moments(n) == pytest.approx(plain, rel=1e-11)


@pytest.mark.parametrize("falls", [0.01, 0.25, 0.5, 0.6])
def test_the_error_from_three_approximations(falls: float) -> None:
    """Exact for errors that fall geometrically, never below it; and a claim has a floor."""
    coarse, middle, fine = (np.array([1 + 1e-3 * falls**k]) for k in range(3))
    true = 1e-3 * falls**2
    claimed = error_of_finest(coarse, middle, fine, np.ones(1))
    assert true * (1 - 1e-9) <= claimed < 2.1 * true * max(1.0, 0.02 / falls)
    assert error_of_finest(coarse, fine + 1e-9, fine, np.ones(1)) == pytest.approx(2e-11, rel=1e-4)
