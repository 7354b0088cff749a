"""Rules that make use of a kernel's form, one by one: factors of coordinates, cones, kinks on segments, random grids, sinh."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from feyn_nn.action import TALK_ACTION, Operator
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs import Diagram
from feyn_nn.kernels import ErfKernel, FreeFieldKernel, FunctionKernel, GaussKernel, ReluKernel, WeightsPropagator
from feyn_nn.numeric import (
    Component,
    Contraction,
    DiagramIntegrals,
    Face,
    PointGrid,
    Region,
    Shape,
    Vertex,
    grid_for,
    with_error,
)
from feyn_nn.numeric import ladder as ladder_module
from feyn_nn.numeric.axes import analytic_axis, panel_axis
from feyn_nn.numeric.cone import ConeGrid, cone_grid
from feyn_nn.numeric.forms import AnalyticForm, GaussianForm, GeneralForm, form_of
from feyn_nn.numeric.grids import FactorisedGrid, ProductGrid
from feyn_nn.numeric.networks import contract
from feyn_nn.numeric.quadrature import SCRAMBLINGS, Spread, grid_at, random_grid
from feyn_nn.numeric.segments import Segments, correct_lines
from tests.test_numeric import DIAGRAMS

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels import Kernel
    from feyn_nn.numeric import Grid

SEED = 20240905
L4 = Operator(4, "lambda")
CONTACT = Diagram(4, (L4,), ((0, 4), (1, 4), (2, 4), (3, 4)))
BUBBLE = Diagram(4, (L4, L4), ((0, 4), (1, 4), (2, 5), (3, 5), (4, 5), (4, 5)))


# Factors of coordinates


def factorised(d: int, order: int, cutoff: float) -> FactorisedGrid:
    """A coarse grid of unequal axes, as factors and as their product."""
    edges = [np.array([-cutoff, 0.3 * cutoff * (axis + 1) / d, cutoff]) for axis in range(d)]
    axes = tuple(panel_axis(each, order) for each in edges)
    return FactorisedGrid(axes, ProductGrid(axes, cutoff))


@pytest.mark.parametrize("name", [name for name in DIAGRAMS if DIAGRAMS[name].vertices])
@pytest.mark.parametrize("weights", [False, True], ids=["K", "K_W"])
def test_factors_are_the_sum_over_the_product_grid(name: str, weights: bool) -> None:
    """Every diagram in d = 2, values and derivatives: the same numbers as on all nodes of the product of axes."""
    diagram = DIAGRAMS[name]
    full = GaussKernel(2, 1.1, 0.7)
    kernel: Kernel = WeightsPropagator(full) if weights else full
    inputs = np.random.default_rng(SEED).uniform(-1, 1, size=(3, 2))
    grid = factorised(2, 3, 1.5)
    rows = [tuple(leg % 3 for leg in range(diagram.legs)), tuple(min(leg, 2) for leg in range(diagram.legs))]
    factors, product = (Contraction(inputs, each, kernel, full) for each in (grid, grid.joint))
    for method in ("integrals", "integral_derivatives"):
        one, other = (getattr(contraction, method)(diagram, rows) for contraction in (factors, product))
        np.testing.assert_allclose(one, other, rtol=1e-11, err_msg=f"{name}, {method}, seed {SEED}")


def test_factors_in_three_dimensions_and_on_faces() -> None:
    kernel = GaussKernel(3, 1.1, 0.7)
    inputs = np.random.default_rng(SEED).uniform(-1, 1, size=(2, 3))
    grid = factorised(3, 2, 1.5)
    correlator = generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(2))
    one, other = (
        Contraction(inputs, each, kernel, kernel).coefficients(correlator, sorted_tuples(2, 4))
        for each in (grid, grid.joint)
    )
    for order, values in one.items():
        np.testing.assert_allclose(values, other[order], rtol=1e-11, err_msg=str(order))
    for place in (Region.SURFACE, Face(1, -1)):
        np.testing.assert_array_equal(grid.at(place).nodes, grid.joint.at(place).nodes)


def test_factors_do_not_stand_for_another_kernel() -> None:
    """The control: a kernel that does not factorise is summed over all nodes, although the grid has axes."""
    inputs = np.array([[0.2, 0.4], [-0.3, 0.8]])
    grid = factorised(2, 4, 1.5)
    erf = ErfKernel(2)
    for kernel in (erf, FunctionKernel(GaussKernel(2), 2)):
        one, other = (Contraction(inputs, each, kernel, kernel) for each in (grid, grid.joint))
        np.testing.assert_array_equal(one.integrals(CONTACT, [(0, 0, 1, 1)]), other.integrals(CONTACT, [(0, 0, 1, 1)]))


def test_too_many_terms_are_refused() -> None:
    kernel = GaussKernel(2)
    inputs = np.random.default_rng(SEED).uniform(-1, 1, size=(60, 2))
    with pytest.raises(LimitError, match="the terms that the kernel's constant gives rise to would hold"):
        Contraction(inputs, grid_for(kernel, inputs, 2.0), kernel, kernel).integrals(CONTACT, [(0, 1, 2, 59)])


def test_error_of_functions_where_the_kernel_factorises() -> None:
    """Gauss with |y1 - 0.37| under the integral: a kink across panels, and an error that covers it."""
    kernel = GaussKernel(2)
    inputs = np.array([[0.2, 0.4], [-0.3, 0.8]])
    shape = Component(Shape((Vertex(4, 0, ("kink",)),)), ((0, 1, 2, 3),))

    def value(grid: Grid) -> FloatArray:
        contraction = Contraction(inputs, grid, kernel, kernel, {"kink": lambda y: np.abs(y[:, 0] - 0.37)})
        return contraction.component(shape, contraction.table([(0, 0, 1, 1)], 4))

    fine = (panel_axis(np.array([-3, -1.5, 0.37, 1.5, 3]), 24), panel_axis(np.array([-3, 0, 3.0]), 30))
    exact = value(ProductGrid(fine, 3.0))
    found, error = with_error(value, kernel, inputs, 3.0)
    assert 1e-9 < abs(found[0] / exact[0] - 1) <= error < 1e-2


# Cones


@pytest.mark.parametrize("d", [1, 2, 3])
def test_cone_integrates_homogeneous_functions(d: int) -> None:
    """|y1 y2 y3|^p by the radial integral in closed form, and any other function by the cone's nodes."""
    inputs = np.random.default_rng(SEED).uniform(0.1, 1.0, size=(3, d))
    grid = cone_grid(inputs, 1.7, 12)
    for p in (2, 4):
        value = grid.radial(p * d) * (grid.rays.weights @ np.prod(np.abs(grid.rays.nodes) ** p, axis=1))
        assert value == pytest.approx((2 * 1.7 ** (p + 1) / (p + 1)) ** d, rel=1e-12)
    smooth = np.exp(-np.sum(grid.nodes**2, axis=1)) + grid.nodes[:, 0]
    line = np.linspace(-1.7, 1.7, 20001)
    assert grid.weights @ smooth == pytest.approx(np.trapezoid(np.exp(-(line**2)), line) ** d, rel=1e-7)
    assert grid.at(Region.SURFACE).weights.sum() == pytest.approx(2 * d * 3.4 ** (d - 1), rel=1e-12)
    face = grid.at(Face(0, -1))
    assert face.weights.sum() == pytest.approx(3.4 ** (d - 1), rel=1e-12)
    assert np.all(face.nodes[:, 0] == -1.7)
    with pytest.raises(InputError, match=f"expected an axis from 0 to {d - 1}"):
        grid.at(Face(d, 1))


@pytest.mark.parametrize("d", [2, 3])
def test_cone_derivatives(d: int) -> None:
    """Homogeneous integrands: d/d log Lambda is (d + 4) times the contact and 2 (d + 4) times the bubble."""
    kernel = ReluKernel(d)
    inputs = np.random.default_rng(SEED).uniform(0.1, 1.0, size=(2, d))
    grid = cone_grid(inputs, 1.7, 6 if d == 2 else 2)
    contraction = Contraction(inputs, grid, kernel, kernel)
    rows = sorted_tuples(2, 4)
    for diagram, power in ((CONTACT, d + 4), (BUBBLE, 2 * (d + 4))):
        value, slope = contraction.integrals(diagram, rows), contraction.integral_derivatives(diagram, rows)
        np.testing.assert_allclose(slope, power * value, rtol=1e-11)


def test_cone_converges_exponentially_where_corners_lie_on_the_inputs() -> None:
    """d = 3: with triangles at the inputs' directions every two nodes more gain a digit; with others elsewhere they do not."""
    kernel = ReluKernel(3)
    inputs = np.random.default_rng(SEED).uniform(-1.0, 1.0, size=(3, 3))

    def errors(corners: FloatArray) -> list[float]:
        values = [
            Contraction(inputs, cone_grid(corners, 1.0, order), kernel, kernel).integrals(CONTACT, [(0, 1, 2, 2)])[0]
            for order in (3, 5, 7, 9, 14)
        ]
        return [abs(value / values[-1] - 1) for value in values[:-1]]

    good, bad = errors(inputs), errors(inputs[:, ::-1] + 0.37)
    assert all(later < earlier / 10 for earlier, later in pairwise(good)), (good, SEED)
    assert bad[-1] > 100 * good[-1], (good, bad, SEED)


def test_cone_with_inputs_on_edges_corners_and_at_zero() -> None:
    """Directions through corners and edges, repeated ones and the origin: areas are right and nothing degenerates."""
    for points in (
        [[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [-2.0, -2.0, -2.0]],
        [[1.0, 1.0, 0.2], [1.0, 1.0, 0.2 + 1e-13], [0.5, -0.5, 0.1]],
    ):
        grid = cone_grid(np.array(points), 2.0, 4)
        assert np.all(grid.rays.weights > 0)
        assert grid.rays.weights.sum() == pytest.approx(6 * 16.0, rel=1e-12)
    assert isinstance(grid_for(ReluKernel(2), np.array([[0.0, 0.0]]), 1.0), ConeGrid)
    assert isinstance(form_of(ReluKernel(sigma_b=0.5)), GeneralForm)


# Kinks on segments


def test_product_integration_is_exact_for_polynomials() -> None:
    """int |y - z|^3 z^k dz on one segment, to all orders that interpolation takes; the plain matrix is not exact."""
    segments = Segments(np.array([[-1.0], [0.5]]), np.array([[0.5], [2.0]]), 8)
    kernel = FunctionKernel(lambda x, y: np.abs(x - y.T) ** 3)
    nodes, weights = segments.nodes(), segments.weights()
    plain = kernel(nodes, nodes)
    line = plain.copy()
    correct_lines(line, kernel, 1, segments, segments, nodes)
    for k in range(8):
        z = nodes[:, 0]
        # int_a^b |y - z|^3 z^k by expansion of (z - y)^3 on both sides of y
        exact = np.zeros(len(z))
        for a, b in ((-1.0, 0.5), (0.5, 2.0)):
            for low, high, sign in ((a, np.clip(z, a, b), -1), (np.clip(z, a, b), b, 1)):
                for j, c in enumerate((-(z**3), 3 * z**2, -3 * z, np.ones(len(z)))):
                    exact += sign * c * (np.power(high, k + j + 1) - np.power(low, k + j + 1)) / (k + j + 1)
        np.testing.assert_allclose(line @ (weights * z**k), exact, rtol=1e-12, atol=1e-12)
        assert np.max(np.abs(plain @ (weights * z**k) - exact)) > 1e-7


def test_mirrored_segments_are_found_in_either_direction() -> None:
    """Opposite points on the square's surface: K smooth but for y = -z, a kink of the angle between two directions."""
    kernel = ReluKernel(2)
    inputs = np.array([[0.5, 1.0], [1.0, 0.2]])
    errors = []
    for corrected in (True, False):
        values = []
        for order in (4, 8, 12, 20):
            rays = cone_grid(inputs, 1.0, order).rays
            line = kernel(rays.nodes, rays.nodes) ** 2
            assert rays.segments is not None
            assert set(rays.segments.signs) == {1, -1}
            if corrected:
                correct_lines(line, kernel, 2, rays.segments, rays.segments, rays.nodes)
            left = kernel(inputs, rays.nodes) * rays.weights
            values.append(left @ line @ left.T)
        errors.append([float(np.max(np.abs(value / values[-1] - 1))) for value in values[:-1]])
    assert errors[0][2] < 1e-12
    assert errors[1][2] > 1e-8  # the control: without the correction


def test_bubbles_with_kinks_converge_like_smooth_ones() -> None:
    """e^-|x-y| on half as many panels again: the error falls at least like the 20th power, not like the second."""
    kernel = FreeFieldKernel()
    inputs = np.array([[0.0]])
    exact = 3 / 512
    errors = []
    for number in (4, 8):
        edges = np.unique(np.concatenate([np.linspace(-16, 16, 2 * number + 1), [0.0]]))
        axis = panel_axis(edges, 10)
        grid = PointGrid(axis.nodes[:, None], axis.weights, 16.0, axis.segments)
        found = Contraction(inputs, grid, kernel, kernel).integrals(BUBBLE, [(0, 0, 0, 0)])[0]
        errors.append(abs(found / exact - 1))
    assert errors[1] < errors[0] / 2**15
    assert errors[1] < 1e-9


# Analytic kernels


@pytest.mark.parametrize("cutoff", [10.0, 1e4])
def test_sinh_rule_converges_exponentially(cutoff: float) -> None:
    """Eight nodes more gain a fixed factor, and zero bias, with its wider cone, a larger one."""
    rates = []
    for s in (1.0, 0.0):
        kernel = ErfKernel(1, 1.0, s)
        form = form_of(kernel)
        assert isinstance(form, AnalyticForm)
        legs = np.array([[-0.8], [0.3], [0.5], [1.0]])

        def value(nodes: int, kernel: ErfKernel = kernel, form: AnalyticForm = form, legs: FloatArray = legs) -> float:
            axis = analytic_axis(form, cutoff, nodes)
            return float(np.prod(kernel(legs, axis.nodes[:, None]), axis=0) @ axis.weights)

        exact = value(160)
        errors = [abs(value(nodes) - exact) for nodes in (16, 40)]
        rates.append((errors[0] / errors[1]) ** (1 / 24))
    assert rates[0] > (1.4 if cutoff == 10.0 else 1.1)
    assert rates[1] > (rates[0] if cutoff == 10.0 else 1.1)


def test_width_and_angle_are_where_the_kernel_is_singular() -> None:
    """At y = i width and, far out, at r e^(i angle): (1 + 2 C_xx)(1 + 2 C_yy) = 4 C_xy^2 for x = 0, and for x and y large."""
    for w, s, d in ((1.0, 1.0, 1), (1.44, 0.3, 1), (0.5, 2.0, 3)):
        form = form_of(WeightsPropagator(ErfKernel(d, w**0.5, s**0.5)))
        assert isinstance(form, AnalyticForm)
        y = 1j * form.width
        assert (1 + 2 * s) * (1 + 2 * (s + w * y**2 / d)) == pytest.approx(4 * s**2, rel=1e-12)
        x = 1e4
        ratio = (2 * s + 1j * (1 + 4 * s) ** 0.5) / (1 + 2 * s)  # root of the quadratic in y/x for large x
        y = x * ratio
        left = (1 + 2 * (s + w * x**2 / d)) * (1 + 2 * (s + w * y**2 / d))
        assert abs(left - 4 * (s + w * x * y / d) ** 2) < 1e-6 * w * x**2 / d
        assert np.angle(ratio) == pytest.approx(form.angle, rel=1e-12)


def test_forms_of_wrapped_kernels() -> None:
    assert form_of(WeightsPropagator(GaussKernel(2, 1.5, 0.4))) == GaussianForm(
        0.0, 2.25, GaussKernel(2, 1.5).length_scale
    )
    assert form_of(GaussKernel(2, 1.5, 0.5)) == GaussianForm(0.25, 2.25, GaussKernel(2, 1.5).length_scale)
    assert form_of(FunctionKernel(ErfKernel(), 1)) == GeneralForm(1.0)
    assert form_of(WeightsPropagator(ReluKernel(3))) == form_of(ReluKernel(2))


# Networks


@pytest.mark.parametrize("seed", range(10))
def test_networks_are_einsums(seed: int) -> None:
    """Random graphs of up to five vertices, isolated ones and multiple neighbours included, against one explicit sum."""
    rng = np.random.default_rng(seed)
    vertices = int(rng.integers(1, 6))
    nodes, tuples = rng.integers(1, 5, size=vertices), rng.integers(1, 4, size=vertices)
    factors = [rng.normal(size=(tuples[v], nodes[v])) for v in range(vertices)]
    lines = {
        (u, v): rng.normal(size=(nodes[u], nodes[v]))
        for u in range(vertices)
        for v in range(u + 1, vertices)
        if rng.random() < 0.7
    }
    letters, others = "abcde", "ABCDE"
    terms = [f"{others[v]}{letters[v]}" for v in range(vertices)] + [letters[u] + letters[v] for u, v in lines]
    expected = np.einsum(f"{','.join(terms)}->{others[:vertices]}", *factors, *lines.values())
    np.testing.assert_allclose(contract(factors, lines), expected, rtol=1e-11, atol=1e-12, err_msg=f"seed {seed}")


# Random grids


@pytest.mark.parametrize("spread", list(Spread))
@pytest.mark.parametrize("d", [2, 4])
def test_random_grids_cover_the_cube(d: int, spread: Spread) -> None:
    """The volume and a quadratic moment within five standard errors of independent scramblings, with errors below 1 %."""
    inputs = np.random.default_rng(SEED).uniform(-1, 1, size=(3, d))
    for form in (GeneralForm(1.3), form_of(ReluKernel(d))):
        rows = []
        for scrambling in range(SCRAMBLINGS):
            grid = random_grid(form, inputs, 2.0, 10, scrambling, spread)
            assert np.max(np.abs(grid.nodes)) <= 2.0
            rows.append([grid.weights.sum(), grid.weights @ grid.nodes[:, 0] ** 2])
        mean, error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / SCRAMBLINGS**0.5
        exact = np.array([4.0**d, 4.0**d * 4 / 3])
        assert np.all(np.abs(mean - exact) <= 5 * error + 1e-12 * exact), (d, form, mean, exact, error)
        assert np.all(error < 0.01 * exact), (d, form)


def test_scramblings_and_copies_are_reproducible_and_independent() -> None:
    inputs = np.zeros((1, 4))
    form = GeneralForm(1.0)
    first, again, other = (random_grid(form, inputs, 2.0, 6, scrambling) for scrambling in (0, 0, 1))
    np.testing.assert_array_equal(first.nodes, again.nodes)
    assert not np.any(np.isin(first.nodes, other.nodes))
    assert not np.any(np.isin(first.nodes, first.copy(1).nodes))
    assert first.copy(1) is first.copy(1)
    assert first.dimension == 4
    assert first.size == 64
    assert first.at(Region.CUBE).size == 64
    with pytest.raises(InputError, match="without axes has no surface"):
        first.at(Region.SURFACE)
    plain = grid_for(GaussKernel(3), inputs[:, :3], 1.0)
    assert plain.copy(3) is plain.copy(0)


def test_errors_of_random_grids_are_honest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gauss as a user's kernel in d = 4, contact and bubble of 35 tuples: (value - exact) / error is of order one.

    Tuples are correlated, so that their spread is no chi-square: no deviation may exceed 5, their mean square is 0.1 to 4.
    """
    monkeypatch.setattr(ladder_module, "_FIRST_EXPONENT", 9)
    monkeypatch.setattr(ladder_module, "_LAST_EXPONENT", {1: 13, 2: 9})
    exact_kernel = GaussKernel(4)
    kernel = FunctionKernel(exact_kernel, 4, exact_kernel.bias_variance, exact_kernel.length_scale)
    inputs = np.random.default_rng(SEED).uniform(-1, 1, size=(3, 4))
    tuples = sorted_tuples(3, 4)
    for diagram, largest in ((CONTACT, 3e-4), (BUBBLE, 3e-2)):
        exact = DiagramIntegrals(inputs, 3.0, exact_kernel, exact_kernel).diagram(diagram, tuples)
        found = DiagramIntegrals(inputs, 3.0, kernel, kernel).diagram(diagram, tuples)
        deviations = (found.value - exact.value) / found.error
        assert exact.relative_error < 1e-8
        assert found.relative_error < largest
        assert np.max(np.abs(deviations)) < 5, (diagram, SEED)
        assert 0.1 < np.mean(deviations**2) < 4, (diagram, SEED)


def test_two_vertices_on_the_same_random_points_would_be_biased() -> None:
    """A narrow kernel sees y = z too often if both vertices have the same points; independent copies do not."""
    kernel = FunctionKernel(lambda x, y: 1 + 30 * np.exp(-40 * np.square(x[:, None] - y).sum(axis=2)), 2)
    inputs = np.zeros((1, 2))
    bubble = Diagram(0, (L4, L4), ((0, 1), (0, 1), (0, 1), (0, 1)))
    # int int K^4 over the square, by powers of the Gaussian: (int int e^(-40 j (u-v)^2))^2 with u, v in [-1, 1]
    gap = np.linspace(0, 2, 4001)
    exact = sum(
        c * 30.0**j * (2 * np.trapezoid((2 - gap) * np.exp(-40 * j * gap**2), gap)) ** 2
        for j, c in enumerate((1, 4, 6, 4, 1))
    )
    grids = [random_grid(GeneralForm(10.0), inputs, 1.0, 8, scrambling) for scrambling in range(SCRAMBLINGS)]
    independent, shared = (
        np.array([Contraction(inputs, grid, kernel, kernel).integrals(bubble, [()])[0] for grid in chosen])
        for chosen in (grids, [grid.copy(0) for grid in grids])
    )
    error = independent.std(ddof=1) / SCRAMBLINGS**0.5
    assert abs(independent.mean() - exact) < 5 * error, SEED
    assert shared.mean() - exact > 20 * error, SEED  # the control


def test_with_error_in_many_dimensions() -> None:
    """Gauss keeps its factors, others are sampled: means and standard errors over scramblings."""
    inputs = np.random.default_rng(SEED).uniform(-1, 1, size=(2, 4))
    rows = sorted_tuples(2, 4)
    gauss = GaussKernel(4)
    own = FunctionKernel(gauss, 4, gauss.bias_variance, gauss.length_scale)
    exact, small = with_error(
        lambda grid: Contraction(inputs, grid, gauss, gauss).integrals(CONTACT, rows), gauss, inputs, 3.0
    )
    found, error = with_error(
        lambda grid: Contraction(inputs, grid, own, own).integrals(CONTACT, rows), own, inputs, 3.0, most=20_000
    )
    assert small < 1e-9
    assert 1e-8 < error < 1e-2
    assert np.max(np.abs(found - exact)) < 5 * error * np.max(exact)
    nothing, infinite = with_error(lambda grid: np.array([np.nan]), own, inputs, 3.0, most=100)
    assert np.isnan(nothing[0])
    assert infinite == np.inf


def test_levels_differ_and_stay_below_the_limit() -> None:
    """Each level has more nodes than the one before, the first two never more than `most`."""
    for kernel in (ErfKernel(1), ErfKernel(3), ReluKernel(2), ReluKernel(3), GaussKernel(1), ReluKernel(2, 1.0, 1.0)):
        inputs = np.full((2, kernel.d_in), 0.4)
        form = form_of(kernel)
        levels = (0, 1) if isinstance(form, GeneralForm) else (-2, -1, 0, 1)
        for most in (300, 12_000, 4_000_000):
            try:
                grids = [grid_at(form, inputs, 5.0, level, most) for level in (levels if most > 300 else levels[-2:])]
            except LimitError:
                assert most == 300, kernel
                continue
            sizes = [grid.rays.size if isinstance(grid, ConeGrid) else grid.size for grid in grids]
            assert sizes == sorted(set(sizes)), (kernel, most, sizes)
            assert sizes[-1] <= most, (kernel, most, sizes)
