"""Quadrature over the cutoff's cube: against SciPy, closed forms and polar coordinates; its error estimate; refusals."""

from __future__ import annotations

from itertools import pairwise, product
from math import erf, exp, hypot, inf, nan, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import integrate

from feyn_nn.errors import InputError, LimitError
from feyn_nn.kernels import ErfKernel, FunctionKernel, GaussKernel, ReluKernel, WeightsPropagator
from feyn_nn.network import PRESETS
from feyn_nn.numeric import Face, PointGrid, Region, check_cutoff, grid_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels import Kernel
    from feyn_nn.numeric import Grid

TUPLES = [(0, 0, 0, 0), (0, 1, 4, 5), (0, 0, 5, 5), (2, 3, 3, 5), (5, 5, 5, 5)]


def four_legs(kernel: Kernel, legs: FloatArray, grid: Grid) -> float:
    """I4 on a grid: the sum over nodes of w prod_i K(x_i, y), `legs` of shape (4, d)."""
    return float(grid.weights @ np.prod(kernel(legs, grid.nodes), axis=0))


def gauss_closed_form(legs: FloatArray, cutoff: float, w: float, s: float) -> float:
    """I4 for Gauss: subsets of legs that give the Gaussian factor, the others s; a product of error functions.

    With m legs, mean c and spread v = sum |x - c|^2, prod exp(-w |x_i - y|^2 / 2d) = exp(-w v / 2d - m w |y - c|^2 / 2d).
    """
    dimension = legs.shape[1]
    total = 0.0
    for chosen in product((False, True), repeat=len(legs)):
        part = legs[list(chosen)]
        m = len(part)
        value = s ** (len(legs) - m) * w**m
        if m == 0:
            value *= (2 * cutoff) ** dimension
        else:
            centre = part.mean(axis=0)
            value *= exp(-w / (2 * dimension) * float(np.sum((part - centre) ** 2)))
            rate = sqrt(m * w / (2 * dimension))
            for c in centre:
                value *= sqrt(pi) / (2 * rate) * (erf(rate * (cutoff - c)) + erf(rate * (cutoff + c)))
        total += value
    return total


@pytest.mark.parametrize(
    ("name", "kernel", "cutoffs"),
    [("erf", ErfKernel(), (1.0, 10.0, 1000.0)), ("gauss", GaussKernel(), (0.01, 10.0, 100.0))],
)
def test_four_legs_agree_with_adaptive_quadrature(name: str, kernel: Kernel, cutoffs: Sequence[float]) -> None:
    points = PRESETS[name].points()
    for cutoff in cutoffs:
        grid = grid_for(kernel, points, cutoff)
        breaks = sorted(
            {-cutoff, cutoff, *(e for e in (-100.0, -10.0, -3.0, 0.0, 3.0, 10.0, 100.0) if abs(e) < cutoff)}
        )
        for row in TUPLES:
            legs = points[list(row)]

            def integrand(y: float, legs: FloatArray = legs) -> float:
                return float(np.prod(kernel(legs, np.array([[y]]))))

            expected = sum(
                integrate.quad(integrand, low, high, epsabs=0, epsrel=1e-11, limit=200)[0]
                for low, high in pairwise(breaks)
            )
            found = four_legs(kernel, legs, grid)
            assert found == pytest.approx(expected, rel=1e-9), (name, cutoff, row, found, expected)


@pytest.mark.parametrize(("dimension", "cutoff"), [(1, 5.0), (1, 1e5), (2, 5.0), (2, 100.0), (3, 5.0)])
def test_gauss_closed_form(dimension: int, cutoff: float) -> None:
    rng = np.random.default_rng(5)
    kernel = GaussKernel(dimension, sigma_w=1.2, sigma_b=0.8)
    points = rng.uniform(-1, 1, size=(4, dimension))
    tolerance = {1: 1e-13, 2: 1e-10, 3: 1e-7}[dimension]
    coarse, fine = (grid_for(kernel, points, cutoff, refined=refined) for refined in (False, True))
    for row in [(0, 1, 2, 3), (0, 0, 0, 0), (1, 1, 2, 2)]:
        legs = points[list(row)]
        exact = gauss_closed_form(legs, cutoff, 1.2**2, 0.8**2)
        rough, better = four_legs(kernel, legs, coarse), four_legs(kernel, legs, fine)
        assert rough == pytest.approx(exact, rel=tolerance), (dimension, cutoff, row, "seed 5")
        assert abs(better - exact) <= abs(better - rough) + 1e-13 * exact  # the quoted error covers the true one


def test_closed_form_tells_a_wrong_bias() -> None:
    """The control: with sigma_b off by 1e-6 the closed form differs by more than the tolerance in d = 1."""
    points = np.array([[0.3], [-0.2], [0.9], [0.0]])
    grid = grid_for(GaussKernel(), points, 5.0)
    found = four_legs(GaussKernel(), points, grid)
    assert found == pytest.approx(gauss_closed_form(points, 5.0, 1.0, 1.0), rel=1e-12)
    assert abs(found / gauss_closed_form(points, 5.0, 1.0, 1 + 1e-6) - 1) > 1e-7


@pytest.mark.parametrize("cutoff", [2.0, 20.0])
def test_erf_in_two_dimensions_agrees_with_nested_quadrature(cutoff: float) -> None:
    kernel = ErfKernel(2)
    points = np.array([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    grid = grid_for(kernel, points, cutoff)
    legs = points[[0, 0, 1, 2]]
    breaks = [-cutoff, *(e for e in (-5.0, 0.0, 5.0) if abs(e) < cutoff), cutoff]

    def inner(y: float, low: float, high: float) -> float:
        def column(values: FloatArray) -> FloatArray:
            nodes = np.stack([np.full_like(values, y), values], axis=1)
            result: FloatArray = np.prod(kernel(legs, nodes), axis=0)
            return result

        return float(integrate.fixed_quad(column, low, high, n=80)[0])

    expected = sum(
        float(integrate.quad(lambda y, at=column: inner(y, *at), *row, epsrel=1e-9, epsabs=0)[0])
        for row in pairwise(breaks)
        for column in pairwise(breaks)
    )
    assert four_legs(kernel, legs, grid) == pytest.approx(expected, rel=1e-7)


def relu_polar(legs: FloatArray, cutoff: float) -> float:
    """I4 for ReLU, s = 0, d = 2, over the square in polar coordinates: K is |y| times a function of its angle.

    The radius runs to the square's edge, R(phi), and int r^4 r dr = R^6/6; panels of the angle end at the corners and
    where an angle between y and a leg is pi, at which K has its kink.
    """
    kernel = ReluKernel(2)
    angles = [np.arctan2(y, x) for x, y in legs]
    ends = sorted(
        {k * pi / 4 % (2 * pi) for k in range(8)} | {float((a + k * pi) % (2 * pi)) for a in angles for k in (0, 1)}
    )
    unit, weight = np.polynomial.legendre.leggauss(40)
    total = 0.0
    for low, high in pairwise([*ends, ends[0] + 2 * pi]):
        phi = (low + high) / 2 + (high - low) / 2 * unit
        direction = np.stack([np.cos(phi), np.sin(phi)], axis=1)
        radius = cutoff / np.max(np.abs(direction), axis=1)
        value = np.prod(kernel(legs, direction), axis=0) * radius**6 / 6
        total += float((high - low) / 2 * weight @ value)
    return total


def test_relu_error_estimate_covers_the_true_error() -> None:
    """Kinks across panels: the difference to the refined grid is the error that is quoted, so it must not be too small."""
    kernel = FunctionKernel(ReluKernel(2), 2)
    points = np.array([[0.5, 1.0], [1.0, 0.5], [1.0, 1.0], [0.5, 0.5], [0.7, -0.4]])
    for cutoff in (2.0, 10.0, 100.0):
        coarse, fine = (grid_for(kernel, points, cutoff, refined=refined) for refined in (False, True))
        for row in [(0, 0, 0, 0), (0, 1, 2, 3), (0, 1, 1, 4), (2, 2, 4, 4)]:
            legs = points[list(row)]
            exact = relu_polar(legs, cutoff)
            rough, better = four_legs(kernel, legs, coarse), four_legs(kernel, legs, fine)
            assert abs(better - exact) <= abs(better - rough) + 1e-12 * exact, (cutoff, row)
            assert better == pytest.approx(exact, rel=1e-4), (cutoff, row)


def test_polar_oracle_against_one_input() -> None:
    """One direction, along the first axis: K = (|x| r / 2 pi)(sin t + (pi - t) cos t) / 2, by nested quadrature."""
    legs = np.array([[0.5, 0.0]] * 4)

    def integrand(v: float, u: float) -> float:
        r = hypot(u, v)
        t = float(np.arctan2(abs(v), u))
        return float((0.5 * r / 2 / (2 * pi) * (np.sin(t) + (pi - t) * np.cos(t))) ** 4)

    upper = sum(
        integrate.dblquad(integrand, *box, 0.0, 2.0, epsabs=1e-12, epsrel=1e-9)[0] for box in ((-2.0, 0.0), (0.0, 2.0))
    )
    assert relu_polar(legs, 2.0) == pytest.approx(2 * upper, rel=1e-7)


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("cutoff", [1.0, 7.0, 1e5])
def test_weights_add_up_to_the_volume(dimension: int, cutoff: float) -> None:
    """Inside the cube, and exact for polynomials: int y1^2 = (2 L)^d L^2 / 3, odd moments vanish."""
    points = np.vstack([np.full(dimension, -1.0), np.full(dimension, 0.35)])
    for refined in (False, True):
        grid = grid_for(GaussKernel(dimension), points, cutoff, refined=refined)
        assert grid.size == len(grid.nodes)
        assert grid.cutoff == cutoff
        assert np.all(np.abs(grid.nodes) < cutoff)
        volume = (2 * cutoff) ** dimension
        assert grid.weights.sum() == pytest.approx(volume, rel=1e-12)
        assert grid.weights @ grid.nodes[:, 0] ** 2 == pytest.approx(volume * cutoff**2 / 3, rel=1e-12)
        assert abs(grid.weights @ grid.nodes[:, -1]) < 1e-12 * volume * cutoff


def test_refinement_halves_panels_and_most_bounds_the_grid() -> None:
    points = PRESETS["erf"].points()
    kernel = ReluKernel(sigma_b=1.0)
    coarse, fine = grid_for(kernel, points, 10.0), grid_for(kernel, points, 10.0, refined=True)
    assert fine.size == 2 * coarse.size
    for most in (coarse.size - 1, coarse.size // 2, coarse.size // 8):
        small = grid_for(kernel, points, 10.0, most=most)
        assert 0 < small.size <= most
        assert small.weights.sum() == pytest.approx(20.0, rel=1e-12)
    with pytest.raises(LimitError, match=r"quadrature points for 6 inputs in d_in = 1 at cutoff 10, more than 10"):
        grid_for(kernel, points, 10.0, most=10)


@pytest.mark.parametrize(
    "points", [[[0.5], [0.5 + 1e-12], [0.5]], [[10.0], [-10.0]], [[0.0]], [[10.0 - 1e-10], [1e-13]], [[1e-8]]]
)
def test_coinciding_inputs_and_inputs_on_the_edge(points: list[list[float]]) -> None:
    """No empty or inverted panel: weights are positive, and the volume and a Gauss integral come out.

    An input closer to the edge than 1e-9 of the cutoff stands for it: that sliver is the only part that may be missing.
    """
    inputs = np.array(points)
    grid = grid_for(GaussKernel(), inputs, 10.0)
    assert np.all(grid.weights > 0), points
    assert np.all(np.diff(np.sort(grid.nodes[:, 0])) > 0), points
    assert grid.weights.sum() == pytest.approx(20.0, rel=1e-9)
    legs = np.repeat(inputs[:1], 4, axis=0)
    assert four_legs(GaussKernel(), legs, grid) == pytest.approx(gauss_closed_form(legs, 10.0, 1.0, 1.0), rel=1e-9)


@pytest.mark.parametrize(
    ("cutoff", "shown"), [(0.0, "0"), (-1.0, "-1"), (inf, "inf"), (-inf, "-inf"), (nan, "nan"), (0.99, "0.99")]
)
def test_cutoffs_that_are_refused(cutoff: float, shown: str) -> None:
    points = np.array([[0.4], [-1.0]])
    for refused in (lambda: check_cutoff(cutoff, points), lambda: grid_for(ErfKernel(), points, cutoff)):
        with pytest.raises(InputError, match=rf"cutoff {shown}: expected a positive number, at least 1 and"):
            refused()


def test_cutoffs_that_are_accepted() -> None:
    """The control: the cutoff may equal the largest coordinate."""
    points = np.array([[0.4, 0.2], [-1.0, 0.0]])
    for cutoff in (1.0, 1.01, 1e5):
        check_cutoff(cutoff, points)
    with pytest.raises(InputError, match="cutoff 0: expected"):
        check_cutoff(0.0, np.zeros((2, 1)))


def test_refined_grid_keeps_the_order_where_points_are_short() -> None:
    """Near the limit of points the coarse grid gives way, so that refined minus coarse still is an error."""
    kernel = WeightsPropagator(GaussKernel(3))
    legs = np.random.default_rng(0).uniform(-1, 1, (6, 3))
    cutoff = 1e5
    exact = gauss_closed_form(legs[:4], cutoff, 1.0, 0.0)
    coarse, refined = (
        four_legs(kernel, legs[:4], grid_for(kernel, legs, cutoff, refined=flag, most=500_000))
        for flag in (False, True)
    )
    assert abs(refined - exact) <= abs(refined - coarse)
    assert abs(refined - exact) < 5e-2 * exact


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("cutoff", [1.0, 7.0, 1e4])
def test_surface_integrals_are_derivatives_of_volumes(dimension: int, cutoff: float) -> None:
    """d/dL of int 1 = (2L)^d, int y1^2 = (2L)^d L^2/3 and int y1 = 0, on all faces at once and face by face."""
    points = np.vstack([np.full(dimension, -1.0), np.full(dimension, 0.35)])
    grid = grid_for(GaussKernel(dimension), points, cutoff)
    surface = grid.at(Region.SURFACE)
    faces = [grid.at(Face(axis, side)) for axis in range(dimension) for side in (1, -1)]
    np.testing.assert_array_equal(grid.at(Region.CUBE).nodes, grid.nodes)
    assert np.all(np.max(np.abs(surface.nodes), axis=1) == cutoff)
    area = 2 * dimension * (2 * cutoff) ** (dimension - 1)
    slope = (dimension + 2) * 2**dimension * cutoff ** (dimension + 1) / 3
    for parts in ([surface], faces):
        assert sum(part.weights.sum() for part in parts) == pytest.approx(area, rel=1e-12)
        assert sum(part.weights @ part.nodes[:, 0] ** 2 for part in parts) == pytest.approx(slope, rel=1e-12)
        assert abs(float(sum(part.weights @ part.nodes[:, 0] for part in parts))) < 1e-12 * area * cutoff
    for index, face in enumerate(faces):
        assert np.all(face.nodes[:, index // 2] == (cutoff if index % 2 == 0 else -cutoff))


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_surface_integral_against_the_closed_form(dimension: int) -> None:
    """Four legs of Gauss on the surface: differences of the closed form over the cube tend to it as the step squared."""
    kernel = GaussKernel(dimension, sigma_w=1.2, sigma_b=0.8)
    legs = np.random.default_rng(5).uniform(-1, 1, size=(4, dimension))
    found = four_legs(kernel, legs, grid_for(kernel, legs, 2.0).at(Region.SURFACE))
    errors = []
    for step in (0.02, 0.01):
        up, down = (gauss_closed_form(legs, 2.0 + h, 1.2**2, 0.8**2) for h in (step, -step))
        errors.append((up - down) / (2 * step) - found)
    assert abs(errors[1]) < 1e-3 * found, "seed 5"
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.02), "seed 5"


def test_places_that_a_grid_does_not_have() -> None:
    grid = grid_for(GaussKernel(2), np.zeros((1, 2)), 1.0)
    for face in (Face(2, 1), Face(-1, 1), Face(0, 0), Face(1, 2)):
        with pytest.raises(InputError, match=r"expected an axis from 0 to 1 and a side of 1 or -1 in d_in = 2"):
            grid.at(face)
    loose = PointGrid(grid.nodes, grid.weights, 1.0)
    with pytest.raises(InputError, match="without axes has no surface; make it with grid_for"):
        loose.at(Region.SURFACE)
    line = PointGrid(np.zeros((3, 1)), np.ones(3), 1.5)  # the control: in one dimension the surface needs no axes
    assert line.at(Region.SURFACE).nodes.tolist() == [[1.5], [-1.5]]
