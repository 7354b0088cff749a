"""Contraction at its edges: tuples in any order, refusals, work in parts, kernels without a diagonal; `with_error`."""

from __future__ import annotations

from itertools import pairwise, permutations
from math import inf, nan, pi
from typing import TYPE_CHECKING

import numpy as np
import pytest

from feyn_nn.action import TALK_ACTION, Operator
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs import Diagram
from feyn_nn.kernels import ErfKernel, FunctionKernel, ReluKernel
from feyn_nn.numeric import (
    Component,
    Contraction,
    Grid,
    PointGrid,
    Region,
    Shape,
    Vertex,
    connected_components,
    grid_for,
    with_error,
)
from feyn_nn.numeric import contraction as contraction_module
from feyn_nn.numeric import networks as networks_module
from tests.oracles import integrals

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.numeric import PointFunction

SEED = 20240818
L4 = Operator(4, "lambda")
CONTACT = Diagram(4, (L4,), ((0, 4), (1, 4), (2, 4), (3, 4)))
TADPOLE = Diagram(2, (L4,), ((0, 2), (1, 2), (2, 2)))
BUBBLE = Diagram(4, (L4, L4), ((0, 4), (1, 4), (2, 5), (3, 5), (4, 5), (4, 5)))
TRIANGLE = Diagram(4, (L4, L4, L4), ((0, 4), (2, 4), (1, 5), (3, 6), (4, 5), (4, 6), (5, 6), (5, 6)))
INPUTS = np.array([[0.3], [-0.8], [1.1], [0.2], [0.7]])


def lopsided(x: FloatArray, y: FloatArray) -> FloatArray:
    """A symmetric smooth kernel that no permutation or reflection of the inputs leaves alone."""
    result: FloatArray = 0.4 + np.exp(-np.square(x - y.T)) + 0.3 * (x + y.T) + 0.2 * x @ y.T
    return result


def small_grid(size: int = 5) -> Grid:
    rng = np.random.default_rng(SEED)
    return PointGrid(rng.uniform(-2, 2, size=(size, 1)), rng.uniform(0.1, 1.0, size=size), 2.0)


@pytest.mark.parametrize("diagram", [CONTACT, BUBBLE, TRIANGLE], ids=["contact", "bubble", "triangle"])
def test_unsorted_tuples_agree_with_loops(diagram: Diagram) -> None:
    """Every order of four inputs; as many values as the topology has labellings, so the order does matter."""
    kernel = FunctionKernel(lopsided)
    grid = small_grid()
    rows = list(permutations((4, 0, 3, 1)))
    found = Contraction(INPUTS, grid, kernel, kernel).integrals(diagram, rows)

    def line(x: FloatArray, y: FloatArray) -> float:
        return float(lopsided(x[None, :], y[None, :])[0, 0])

    expected = [
        integrals.diagram_integral(diagram, [INPUTS[i] for i in row], grid.nodes, grid.weights, line, line)
        for row in rows
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-11, err_msg=f"seed {SEED}")
    assert len({round(float(value), 8) for value in found}) == diagram.topology.labellings


def test_coefficients_do_not_depend_on_the_order_of_a_tuple() -> None:
    kernel = FunctionKernel(lopsided)
    correlator = generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(2))
    rows = list(permutations((4, 0, 3, 1)))
    for order, values in Contraction(INPUTS, small_grid(), kernel, kernel).coefficients(correlator, rows).items():
        np.testing.assert_allclose(values, values[0], rtol=1e-11, err_msg=str(order))


@pytest.mark.parametrize("row", [(0, 1, 2, 5), (0, 1, 2, -1), (0, 1, 2), (0, 1, 2, 3, 4)])
def test_tuples_that_do_not_fit_are_refused(row: tuple[int, ...]) -> None:
    kernel = FunctionKernel(lopsided)
    contraction = Contraction(INPUTS, small_grid(), kernel, kernel)
    with pytest.raises(InputError, match=r"tuple \(.*\): expected 4 indices of inputs.* from 0 to 4"):
        contraction.integrals(CONTACT, [(0, 1, 2, 4), row])
    assert contraction.integrals(CONTACT, [(0, 1, 2, 4)]).shape == (1,)  # the control: the last input


@pytest.mark.parametrize("size", [1, 40, 700])
def test_parts_of_the_nodes_do_not_matter(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """First-order diagrams with and without self-loops, n = 4 and 6, all tuples, on parts of any size."""
    points = np.random.default_rng(SEED).uniform(-1, 1, size=(3, 2))
    kernel = ErfKernel(2)
    rng = np.random.default_rng(SEED)
    grid = PointGrid(rng.uniform(-2, 2, size=(111, 2)), rng.uniform(0.1, 1.0, size=111), 2.0)
    whole: list[FloatArray] = []
    parts: list[FloatArray] = []
    for results in (whole, parts):
        contraction = Contraction(points, grid, kernel, kernel)
        for n in (4, 6):
            correlator = generate_correlator(n, TALK_ACTION, [(1, 0), (0, 1)])
            results += list(contraction.coefficients(correlator, sorted_tuples(3, n)).values())
        monkeypatch.setattr(contraction_module, "_BLOCK_NUMBERS", size)
        monkeypatch.setattr(contraction_module, "_LEAST_NODES", 1)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12)


def test_six_legs_fit_where_all_products_at_once_would_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is held at one time counts: products of three legs at all nodes would exceed the limit."""
    contact = Diagram(6, (Operator(6, "kappa"),), tuple((leg, 6) for leg in range(6)))
    kernel = FunctionKernel(lopsided)
    grid = small_grid(60)
    expected = Contraction(INPUTS, grid, kernel, kernel).integrals(contact, sorted_tuples(5, 6))
    monkeypatch.setattr(networks_module, "MAX_NUMBERS", 1000)
    monkeypatch.setattr(contraction_module, "_LEAST_NODES", 1)
    monkeypatch.setattr(contraction_module, "_BLOCK_NUMBERS", 500)  # 35 products, 60 nodes
    found = Contraction(INPUTS, grid, kernel, kernel).integrals(contact, sorted_tuples(5, 6))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    monkeypatch.setattr(contraction_module, "_BLOCK_NUMBERS", 5000)
    with pytest.raises(LimitError, match="products of 3 legs"):  # the control
        Contraction(INPUTS, grid, kernel, kernel).integrals(contact, sorted_tuples(5, 6))


def test_lines_between_too_many_nodes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two vertices take nodes^2 kernel evaluations; the kernel must not be asked for them first."""
    asked = []

    def counted(x: FloatArray, y: FloatArray) -> FloatArray:
        asked.append(len(x) * len(y))
        return lopsided(x, y)

    kernel = FunctionKernel(counted)
    monkeypatch.setattr(contraction_module, "MAX_PAIRS", 400)
    assert Contraction(INPUTS, small_grid(20), kernel, kernel).integrals(BUBBLE, [(0, 1, 2, 3)]).shape == (1,)
    large = Contraction(INPUTS, small_grid(21), kernel, kernel)
    asked.clear()
    with pytest.raises(LimitError, match="a line between two vertices on 21 nodes would take 441 evaluations"):
        large.integrals(BUBBLE, [(0, 1, 2, 3)])
    assert asked == []
    assert large.integrals(CONTACT, [(0, 1, 2, 3)]).shape == (1,)


def test_parallel_lines_count_in_the_memory_of_three_vertices(monkeypatch: pytest.MonkeyPatch) -> None:
    """The triangle holds K and K^2 between all nodes: 2 * 11^2 numbers."""
    kernel = FunctionKernel(lopsided)
    contraction = Contraction(INPUTS[:2], small_grid(11), kernel, kernel)
    monkeypatch.setattr(networks_module, "MAX_NUMBERS", 200)
    with pytest.raises(LimitError, match=r"a line between two of 3 vertices .* would hold 242 numbers"):
        contraction.integrals(TRIANGLE, [(0, 0, 1, 1)])
    monkeypatch.setattr(networks_module, "MAX_NUMBERS", 2000)
    assert contraction.integrals(TRIANGLE, [(0, 0, 1, 1)]).shape == (1,)


def test_kernel_without_a_diagonal_serves_diagrams_without_self_loops() -> None:
    """K = 1/|x - y|, infinite at coinciding points: only a self-loop may ask for K(y, y)."""

    def coulomb(x: FloatArray, y: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            result: FloatArray = 1 / np.abs(x - y.T)
        return result

    singular, smooth = FunctionKernel(coulomb), FunctionKernel(lopsided)
    grid = small_grid()
    contraction = Contraction(INPUTS, grid, singular, smooth)
    expected = np.sum(grid.weights * np.prod(coulomb(INPUTS[:4], grid.nodes), axis=0))
    assert contraction.integrals(CONTACT, [(0, 1, 2, 3)])[0] == pytest.approx(expected, rel=1e-12)
    with pytest.raises(InputError, match="returned inf"):
        contraction.integrals(TADPOLE, [(0, 1)])


def relu_square(legs: FloatArray, cutoff: float) -> float:
    """I4 for ReLU, s = 0, d = 2: angular panels between kinks and corners, the radius analytic (R^6 / 6)."""
    ends = {k * pi / 4 for k in range(8)}
    ends |= {float(np.arctan2(y, x) + k * pi) % (2 * pi) for x, y in legs for k in (0, 1)}
    unit, weight = np.polynomial.legendre.leggauss(40)
    total = 0.0
    for low, high in pairwise([*sorted(ends), min(ends) + 2 * pi]):
        phi = (low + high) / 2 + (high - low) / 2 * unit
        direction = np.stack([np.cos(phi), np.sin(phi)], axis=1)
        radius = cutoff / np.max(np.abs(direction), axis=1)
        total += float((high - low) / 2 * weight @ (np.prod(ReluKernel(2)(legs, direction), axis=0) * radius**6 / 6))
    return total


def test_error_covers_the_truth_where_kinks_cross_panels() -> None:
    """ReLU's kernel in d = 2 as a user's, its form not known: the quoted error holds for all tuples, and is not empty."""
    points = np.array([[0.5, 1.0], [1.0, 0.5], [1.0, 1.0], [0.7, -0.4]])
    tuples = sorted_tuples(4, 4)
    kernel = FunctionKernel(ReluKernel(2), 2)

    def contact(grid: Grid) -> FloatArray:
        return Contraction(points, grid, kernel, kernel).integrals(CONTACT, tuples)

    for cutoff in (2.0, 10.0):
        exact = np.array([relu_square(points[list(row)], cutoff) for row in tuples])
        values, error = with_error(contact, kernel, points, cutoff)
        true = np.max(np.abs(values - exact)) / np.max(np.abs(exact))
        assert true <= error < 1e-3, cutoff
        assert true > 1e-13  # the control: there is an error to cover
        np.testing.assert_array_equal(values, contact(grid_for(kernel, points, cutoff, refined=True)))


def test_error_is_relative_to_the_largest_value() -> None:
    points = np.array([[0.5]])

    def plain_or_refined(rough: list[float], fine: list[float]) -> float:
        answers = iter([np.array(rough), np.array(fine)])
        return with_error(lambda _: next(answers), FunctionKernel(lopsided), points, 2.0)[1]

    assert plain_or_refined([9.0, 0.1], [10.0, 0.0]) == pytest.approx(0.1)
    assert plain_or_refined([-9.0, 0.1], [-10.0, 0.0]) == pytest.approx(0.1)
    assert plain_or_refined([0.0, 0.0], [0.0, 0.0]) == 0.0
    assert plain_or_refined([1.0, 0.0], [0.0, 0.0]) == inf
    # tuples without a finite value say nothing, unless one grid has it and the other has not
    assert plain_or_refined([9.0, nan], [10.0, nan]) == pytest.approx(0.1)
    assert plain_or_refined([9.0, nan], [10.0, 1.0]) == inf
    assert plain_or_refined([9.0, 1.0], [10.0, inf]) == inf
    assert plain_or_refined([nan, inf], [nan, inf]) == inf


def test_functions_of_points_that_are_refused() -> None:
    """What is not there, what is not one finite number for each point, and a place that a loose grid has not."""
    kernel = ErfKernel(2)
    points = np.array([[0.5, 0.2], [0.1, -0.3]])
    grid = grid_for(kernel, points, 2.0)
    functions: dict[str, PointFunction] = {
        "one": lambda y: np.ones(len(y)),
        "flat": lambda y: np.ones(1),
        "infinite": lambda y: np.full(len(y), inf),
    }
    contraction = Contraction(points, grid, kernel, kernel, functions)
    table = contraction.table([(0, 1)], 2)

    def single(name: str, place: Region = Region.CUBE) -> Component:
        return Component(Shape((Vertex(2, 0, (name,), place),)), ((0, 1),))

    with pytest.raises(InputError, match=r"the given function flat\(y\) returned shape .* finite numbers"):
        contraction.component(single("flat"), table)
    with pytest.raises(InputError, match=r"the given function infinite\(y\) is inf at y = \[.*\]: expected a finite"):
        contraction.component(single("infinite"), table)
    with pytest.raises(
        InputError, match=r"function two\(y\) of a point: no values for it, given are: flat, infinite, one"
    ):
        contraction.component(single("two"), table)
    for place in Region:
        assert contraction.component(single("one", place), table).shape == (1,)  # the control
    loose = Contraction(points, PointGrid(grid.nodes, grid.weights, 2.0), kernel, kernel, functions)
    with pytest.raises(InputError, match="without axes has no surface"):
        loose.component(single("one", Region.SURFACE), table)


def test_lines_to_the_surface_are_counted_by_their_own_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit on pairs sees nodes of the cube times nodes of the surface: far fewer than pairs in the cube."""
    kernel = ErfKernel()
    grid = grid_for(kernel, INPUTS, 2.0)
    contraction = Contraction(INPUTS, grid, kernel, kernel)
    monkeypatch.setattr(contraction_module, "MAX_PAIRS", 2 * grid.size)
    table = contraction.table([(0, 1, 2, 3)], 4)

    def bubble(place: Region) -> Component:
        return connected_components([[0, 1], [2, 3]], [(0, 1), (0, 1)], places=[place, Region.CUBE])[0]

    assert contraction.component(bubble(Region.SURFACE), table).shape == (1,)
    with pytest.raises(LimitError, match="a line between two vertices"):
        contraction.component(bubble(Region.CUBE), table)
