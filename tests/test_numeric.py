"""Diagrams as numbers: against loops over the grid, closed forms, and laws of the integrals."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations, product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from feyn_nn.action import TALK_ACTION, Action, Operator
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.correlator import Correlator, generate_correlator
from feyn_nn.errors import LimitError
from feyn_nn.graphs import Diagram, diagrams_of, topologies
from feyn_nn.kernels import ErfKernel, FunctionKernel, GaussKernel, ReluKernel, WeightsPropagator
from feyn_nn.measure.couplings import theory_coefficients
from feyn_nn.network import PRESETS
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
)
from feyn_nn.numeric import contraction as contraction_module
from feyn_nn.numeric import networks as networks_module
from feyn_nn.numeric.shapes import diagram_components
from tests.oracles import integrals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels import Kernel

SEED = 20240817
QUARTIC = Action.parse("lambda f^4")
RELU_POINTS = PRESETS["relu"].points()
L4 = Operator(4, "lambda")
L6 = Operator(6, "kappa")


def smooth_function(seed: int, d_in: int) -> Callable[[FloatArray, FloatArray], FloatArray]:
    """Sum over random plane waves plus a constant: symmetric, smooth, without a symmetry of its own."""
    rng = np.random.default_rng(seed)
    waves = rng.normal(size=(d_in, 5))
    amplitudes = rng.uniform(0.2, 1.0, size=5)
    shifts = rng.uniform(0, 2 * np.pi, size=5)

    def smooth(x: FloatArray, y: FloatArray) -> FloatArray:
        result: FloatArray = 0.3 + (np.cos(x @ waves + shifts) * amplitudes) @ np.cos(y @ waves + shifts).T
        return result

    return smooth


def random_grid(seed: int, size: int, d_in: int) -> Grid:
    rng = np.random.default_rng(seed)
    return PointGrid(rng.uniform(-2, 2, size=(size, d_in)), rng.uniform(0.1, 1.0, size=size), 2.0)


def scalar(kernel: Kernel) -> Callable[[FloatArray, FloatArray], float]:
    return lambda x, y: float(kernel(x[None, :], y[None, :])[0, 0])


DIAGRAMS = {
    "free": Diagram(4, (), ((0, 2), (1, 3))),
    "tadpole": Diagram(2, (L4,), ((0, 2), (1, 2), (2, 2))),
    "contact": Diagram(4, (L4,), ((0, 4), (1, 4), (2, 4), (3, 4))),
    "contact with a loop": Diagram(4, (L6,), ((0, 4), (1, 4), (2, 4), (3, 4), (4, 4))),
    "free line and tadpole": Diagram(4, (L4,), ((0, 3), (1, 4), (2, 4), (4, 4))),
    "free line and vacuum": Diagram(2, (L4,), ((0, 1), (2, 2), (2, 2))),
    "bubble": Diagram(4, (L4, L4), ((0, 4), (1, 4), (2, 5), (3, 5), (4, 5), (4, 5))),
    "sunset": Diagram(2, (L4, L4), ((0, 2), (1, 3), (2, 3), (2, 3), (2, 3))),
    "exchange": Diagram(6, (L4, L4), ((0, 6), (2, 6), (4, 6), (1, 7), (3, 7), (5, 7), (6, 7))),
    "unequal vertices": Diagram(4, (L4, L6), ((0, 4), (1, 4), (2, 5), (3, 5), (4, 5), (4, 5), (5, 5))),
    "free line, tadpole and vacuum": Diagram(4, (L4, L4), ((0, 3), (1, 4), (2, 4), (4, 4), (5, 5), (5, 5))),
    "two tadpoles side by side": Diagram(4, (L4, L4), ((0, 4), (3, 4), (1, 5), (2, 5), (4, 4), (5, 5))),
    "vacuum bubble": Diagram(2, (L4, L4), ((0, 1), (2, 3), (2, 3), (2, 2), (3, 3))),
    "chain of three": Diagram(4, (L4, L4, L4), ((0, 4), (3, 4), (4, 5), (4, 5), (5, 6), (5, 6), (1, 6), (2, 6))),
    "triangle": Diagram(4, (L4, L4, L4), ((0, 4), (2, 4), (1, 5), (3, 6), (4, 5), (4, 6), (5, 6), (5, 6))),
    "three in a line with a loop": Diagram(2, (L4, L4, L4), ((0, 2), (2, 3), (2, 3), (3, 4), (3, 4), (1, 2), (4, 4))),
    "bubble and tadpole": Diagram(4, (L4, L4, L4), ((0, 4), (1, 4), (4, 4), (2, 5), (3, 6), (5, 6), (5, 6), (5, 6))),
}


@pytest.mark.parametrize("name", DIAGRAMS)
@pytest.mark.parametrize("d_in", [1, 2])
def test_contraction_agrees_with_loops(name: str, d_in: int) -> None:
    """One diagram, all its sorted tuples over three inputs (a sample of them), two different kernels for the lines."""
    diagram = DIAGRAMS[name]
    rng = np.random.default_rng(SEED)
    inputs = rng.uniform(-1.5, 1.5, size=(3, d_in))
    size = {0: 7, 1: 11, 2: 7, 3: 5}[len(diagram.vertices)]
    grid = random_grid(SEED + 1, size, d_in)
    propagator = FunctionKernel(smooth_function(SEED + 2, d_in), d_in)
    free = FunctionKernel(smooth_function(SEED + 3, d_in), d_in)
    tuples = sorted_tuples(3, diagram.legs)
    chosen = [tuples[k] for k in sorted(rng.choice(len(tuples), size=min(6, len(tuples)), replace=False))]
    found = Contraction(inputs, grid, propagator, free).integrals(diagram, chosen)
    expected = [
        integrals.diagram_integral(
            diagram, [inputs[i] for i in row], grid.nodes, grid.weights, scalar(propagator), scalar(free)
        )
        for row in chosen
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12, err_msg=f"{name}, seed {SEED}")


def test_oracle_tells_free_lines_from_lines_at_vertices() -> None:
    """The control: with both kernels exchanged the free line comes out otherwise, in both ways of computing it."""
    diagram = DIAGRAMS["free line and tadpole"]
    inputs = np.array([[0.3], [-0.8]])
    grid = random_grid(SEED, 6, 1)
    a, b = (FunctionKernel(smooth_function(SEED + k, 1)) for k in (1, 2))
    straight = Contraction(inputs, grid, a, b).integrals(diagram, [(0, 0, 1, 1)])[0]
    crossed = Contraction(inputs, grid, b, a).integrals(diagram, [(0, 0, 1, 1)])[0]
    slow = integrals.diagram_integral(
        diagram, [inputs[i] for i in (0, 0, 1, 1)], grid.nodes, grid.weights, scalar(b), scalar(a)
    )
    assert crossed == pytest.approx(slow, rel=1e-12)
    assert abs(straight / crossed - 1) > 1e-3


def test_every_generated_topology_agrees_with_loops() -> None:
    """All labelled diagrams of n = 4 with up to two vertices of f^4 and f^6, vacuum parts and corrections included."""
    inputs = np.array([[0.3], [-0.8], [1.1], [0.2]])
    grid = random_grid(SEED, 4, 1)
    kernel = FunctionKernel(smooth_function(SEED, 1))
    contraction = Contraction(inputs, grid, kernel, kernel)
    checked = 0
    for order in [(1, 0), (0, 1), (2, 0), (1, 1)]:
        for topology in topologies(4, TALK_ACTION.operators, order):
            diagram = diagrams_of(topology)[-1]
            found = contraction.integrals(diagram, [(0, 1, 2, 3)])[0]
            slow = integrals.diagram_integral(
                diagram, list(inputs), grid.nodes, grid.weights, scalar(kernel), scalar(kernel)
            )
            assert found == pytest.approx(slow, rel=1e-11), (diagram, SEED)
            checked += 1
    assert checked >= 30


def test_self_loops_use_the_diagonal_of_the_propagator() -> None:
    """Tadpole with K_W: K_W(y, y) at the loop, K_W at both legs, K only between legs."""
    kernel = ErfKernel(sigma_b=0.7)
    weights = WeightsPropagator(kernel)
    inputs = np.array([[0.4], [-0.9]])
    grid = grid_for(kernel, inputs, 3.0)
    (left, right) = inputs[:1], inputs[1:]
    y, w = grid.nodes, grid.weights
    value = Contraction(inputs, grid, weights, kernel).integrals(DIAGRAMS["free line and tadpole"], [(0, 0, 1, 1)])[0]
    s = 0.49
    loop = np.array([kernel(p[None, :], p[None, :])[0, 0] for p in y]) - s
    tadpole = float(np.sum(w * loop * (kernel(left, y)[0] - s) * (kernel(right, y)[0] - s)))
    assert value == pytest.approx(float(kernel(left, right)[0, 0]) * tadpole, rel=1e-12)


def summed(correlator: Correlator, contraction: Contraction, tuples: list[tuple[int, ...]]) -> FloatArray:
    ((_, values),) = contraction.coefficients(correlator, tuples).items()
    return values


@pytest.mark.parametrize("order", [(1, 0), (0, 1), (2, 0), (1, 1)])
def test_scaling_of_the_kernel(order: tuple[int, ...]) -> None:
    """K -> c K: c^(number of lines), (n + sum k p_k) / 2 of them in every diagram of the order."""
    inputs = np.array([[0.3], [-0.8]])
    grid = random_grid(SEED, 9, 1)
    base = smooth_function(SEED, 1)
    tuples = sorted_tuples(2, 4)
    correlator = generate_correlator(4, TALK_ACTION, [order], set())
    plain = FunctionKernel(base)
    scaled = FunctionKernel(lambda x, y: 1.7 * base(x, y))
    lines = (4 + 4 * order[0] + 6 * order[1]) // 2
    one = summed(correlator, Contraction(inputs, grid, plain, plain), tuples)
    other = summed(correlator, Contraction(inputs, grid, scaled, scaled), tuples)
    np.testing.assert_allclose(other, 1.7**lines * one, rtol=1e-11)


@pytest.mark.parametrize("order", [(1, 0), (0, 1), (2, 0)])
def test_summed_coefficient_does_not_depend_on_leg_labels(order: tuple[int, ...]) -> None:
    """Relabelling legs permutes diagrams; a single one does depend on them."""
    inputs = np.array([[0.3], [-0.8], [1.1], [0.2]])
    grid = random_grid(SEED, 6, 1)
    kernel = FunctionKernel(smooth_function(SEED, 1))
    correlator = generate_correlator(4, TALK_ACTION, [order])
    values = []
    for permutation in permutations(range(4)):
        contraction = Contraction(inputs[list(permutation)], grid, kernel, kernel)
        values.append(summed(correlator, contraction, [(0, 1, 2, 3)])[0])
    np.testing.assert_allclose(values, values[0], rtol=1e-11)
    if order == (2, 0):
        bubbles = [
            Contraction(inputs[list(p)], grid, kernel, kernel).integrals(DIAGRAMS["bubble"], [(0, 1, 2, 3)])[0]
            for p in permutations(range(4))
        ]
        assert len({round(float(value), 9) for value in bubbles}) == 3  # s, t and u


def test_coefficients_of_all_diagrams_are_wick_sums() -> None:
    """On a grid of one node with weight v and K = 1, order p of G^(n) is (-v)^p (n + 4 p - 1)!! / p!."""
    one = FunctionKernel(lambda x, y: np.ones((len(x), len(y))))
    grid = PointGrid(np.zeros((1, 1)), np.array([0.5]), 1.0)
    contraction = Contraction(np.array([[0.0]]), grid, one, one)
    correlator = generate_correlator(4, QUARTIC, [(1,), (2,), (3,)], set())
    values = contraction.coefficients(correlator, [(0, 0, 0, 0)])
    for p, factorial in ((1, 1), (2, 2), (3, 6)):
        expected = Fraction(int(np.prod(range(3 + 4 * p, 0, -2))), factorial) * Fraction(-1, 2) ** p
        assert values[p,][0] == pytest.approx(float(expected), rel=1e-12)


def test_correlator_without_terms_has_zero_coefficients() -> None:
    kernel = FunctionKernel(smooth_function(SEED, 1))
    contraction = Contraction(np.array([[0.3]]), random_grid(SEED, 3, 1), kernel, kernel)
    values = contraction.coefficients(generate_correlator(2, QUARTIC, [(1,)]), [(0, 0)])
    assert values[1,].tolist() == [0.0]


@pytest.mark.parametrize("cutoff", [1.2, 10.0, 1e4])
def test_relu_contact_closed_form(cutoff: float) -> None:
    """ReLU (1, 0), d = 1, positive inputs: K(x, y) = x y / 2 for y > 0 and 0 below, so -24 x1 x2 x3 x4 / 16 L^5 / 5."""
    kernel = ReluKernel()
    grid = grid_for(kernel, RELU_POINTS, cutoff)
    correlator = generate_correlator(4, QUARTIC, [(1,)])
    tuples = sorted_tuples(6, 4)
    assert len(tuples) == 126
    found = summed(correlator, Contraction(RELU_POINTS, grid, kernel, kernel), tuples)
    products = np.prod(RELU_POINTS[:, 0][np.array(tuples)], axis=1)
    np.testing.assert_allclose(found, -24 * products / 16 * cutoff**5 / 5, rtol=1e-11)


def test_relu_second_order_and_sixth() -> None:
    """With lambda = -25 / (2 N L^5): the lambda^2 over the lambda part of G^(4) is 22.5 / N, G^(6) has 15/N G_GP."""
    cutoff, width = 10.0, 20
    kernel = ReluKernel()
    theory = theory_coefficients(RELU_POINTS, cutoff, kernel, kernel)
    coupling = -25 / (2 * width * cutoff**5)
    assert theory.second is not None
    np.testing.assert_allclose(coupling * theory.second / theory.first, 22.5 / width, rtol=1e-9)
    gaussian = 15 * np.prod(RELU_POINTS[:, 0][np.array(sorted_tuples(6, 6))], axis=1) / 8
    np.testing.assert_allclose(coupling * theory.sixth / gaussian, 15 / width, rtol=1e-9)
    assert theory.error < 1e-9
    assert theory.second_error < 1e-9
    assert theory.determined.all()


def test_three_vertices_in_closed_form() -> None:
    """ReLU (1, 0): legs at positive inputs keep every vertex of the chain at y > 0: x1..x4 / 256 (L^5/5)^3."""
    kernel = ReluKernel()
    points = RELU_POINTS[[0, 5]]
    contraction = Contraction(points, grid_for(kernel, points, 10.0), kernel, kernel)
    found = contraction.integrals(DIAGRAMS["chain of three"], [(0, 0, 0, 0), (0, 0, 1, 1), (1, 1, 1, 1)])
    products = np.array([0.2**4, 0.2**2 * 1.2**2, 1.2**4])
    np.testing.assert_allclose(found, products / 256 * (10.0**5 / 5) ** 3, rtol=1e-10)


def test_limits_are_refused_before_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = FunctionKernel(smooth_function(SEED, 1))
    inputs = np.array([[0.3], [-0.8]])
    monkeypatch.setattr(networks_module, "MAX_NUMBERS", 100)
    small = Contraction(inputs, random_grid(SEED, 9, 1), kernel, kernel)
    large = Contraction(inputs, random_grid(SEED, 60, 1), kernel, kernel)
    assert small.integrals(DIAGRAMS["contact"], [(0, 0, 1, 1)]).shape == (1,)  # the control: 27 numbers
    with pytest.raises(LimitError, match="products of 2 legs on 60 nodes"):
        large.integrals(DIAGRAMS["contact"], [(0, 0, 1, 1)])
    with pytest.raises(LimitError, match="a line between two of 3 vertices"):
        Contraction(inputs, random_grid(SEED, 11, 1), kernel, kernel).integrals(
            DIAGRAMS["chain of three"], [(0, 0, 1, 1)]
        )


def test_blocks_of_rows_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = FunctionKernel(smooth_function(SEED, 1))
    inputs = np.array([[0.3], [-0.8]])
    grid = random_grid(SEED, 23, 1)
    tuples = sorted_tuples(2, 4)
    whole = Contraction(inputs, grid, kernel, kernel).integrals(DIAGRAMS["bubble"], tuples)
    for size in (1, 50, 100):
        monkeypatch.setattr(contraction_module, "_BLOCK_NUMBERS", size)
        monkeypatch.setattr(contraction_module, "_LEAST_NODES", 1)
        monkeypatch.setattr(contraction_module, "_KEPT_PAIRS", 0)
        pieces = Contraction(inputs, grid, kernel, kernel).integrals(DIAGRAMS["bubble"], tuples)
        np.testing.assert_allclose(pieces, whole, rtol=1e-12)


def test_tuples_find_their_places() -> None:
    """Every sorted tuple reads its own number off a contraction: one node, K(x_i, y) = p_i, so products of p."""
    primes = np.array([[2.0], [3.0], [5.0], [7.0], [11.0]])
    kernel = FunctionKernel(lambda x, y: x @ y.T)
    contraction = Contraction(primes, PointGrid(np.ones((1, 1)), np.ones(1), 1.0), kernel, kernel)
    for diagram, n in ((DIAGRAMS["contact"], 4), (DIAGRAMS["exchange"], 6), (DIAGRAMS["tadpole"], 2)):
        tuples = [row for row in product(range(5), repeat=n) if list(row) == sorted(row)]
        values = contraction.integrals(diagram, tuples)
        np.testing.assert_allclose(values, [np.prod(primes[list(row), 0]) for row in tuples], rtol=1e-12)


def wavy(points: FloatArray) -> FloatArray:
    """A function of points without symmetry."""
    result: FloatArray = 1.3 + np.sin(points @ np.arange(1.0, points.shape[1] + 1)) + 0.4 * points[:, 0]
    return result


@pytest.mark.parametrize("name", [name for name in DIAGRAMS if DIAGRAMS[name].vertices])
def test_functions_of_points_are_weights(name: str) -> None:
    """A function at every vertex is the same as a grid whose weights have it as a factor, here in loops over the grid."""
    diagram = DIAGRAMS[name]
    rng = np.random.default_rng(SEED)
    inputs = rng.uniform(-1.5, 1.5, size=(4, 2))
    grid = random_grid(SEED, 5, 2)
    kernel = FunctionKernel(smooth_function(SEED, 2), 2)
    contraction = Contraction(inputs, grid, kernel, kernel, {"wavy": wavy})
    row = tuple(leg % 4 for leg in range(diagram.legs))
    found = contraction.integrals(diagram, [row])[0]
    plain = found
    table = contraction.table([row], diagram.legs)
    for component in diagram_components(diagram):
        found /= contraction.component(component, table)[0]
        vertices = tuple(Vertex(v.legs, v.loops, ("wavy",)) for v in component.shape.vertices)
        coloured = Component(Shape(vertices, component.shape.lines), component.attached)
        found *= contraction.component(coloured, table)[0]
    weights = grid.weights * wavy(grid.nodes)
    legs = [inputs[i] for i in row]
    expected = integrals.diagram_integral(diagram, legs, grid.nodes, weights, scalar(kernel), scalar(kernel))
    assert found == pytest.approx(expected, rel=1e-11), (name, SEED)
    assert abs(plain / found - 1) > 1e-3  # the control: without the function it is another number


@pytest.mark.parametrize("seed", range(8))
def test_any_integral_agrees_with_loops_in_any_numbering(seed: int) -> None:
    """Random connected integrals with functions and a point on the surface: one shape for all numberings of the points."""
    rng = np.random.default_rng(seed)
    number = int(rng.integers(2, 5))
    attached = [[int(leg) for leg in rng.integers(0, 3, size=rng.integers(0, 3))] for _ in range(number)]
    lines = [(v, v + 1) for v in range(number - 1)]
    lines += [(int(a), int(b)) for a, b in rng.integers(0, number, size=(3, 2))]
    functions = [["wavy"] * int(rng.integers(0, 3)) for _ in range(number)]
    places = [Region.SURFACE, *[Region.CUBE] * (number - 1)]
    kernel = FunctionKernel(smooth_function(SEED, 1))
    inputs, rows = np.array([[0.3], [-0.8], [1.1]]), [(0, 1, 2), (2, 2, 0)]
    cube = random_grid(SEED, 4, 1)
    surface = PointGrid(np.array([[cube.cutoff], [-cube.cutoff]]), np.ones(2), cube.cutoff)
    expected = np.zeros(2)
    for nodes in product(range(2), *[range(4)] * (number - 1)):
        points = [(surface if v == 0 else cube).nodes[node] for v, node in enumerate(nodes)]
        value = np.prod([(surface if v == 0 else cube).weights[node] for v, node in enumerate(nodes)])
        value *= np.prod([scalar(kernel)(points[a], points[b]) for a, b in lines])
        value *= np.prod([wavy(points[v][None, :])[0] ** len(functions[v]) for v in range(number)])
        for k, row in enumerate(rows):
            legs = [scalar(kernel)(inputs[row[leg]], points[v]) for v in range(number) for leg in attached[v]]
            expected[k] += value * np.prod(legs)
    contraction = Contraction(inputs, cube, kernel, kernel, {"wavy": wavy})
    table = contraction.table(rows, 3)
    shapes = set()
    for order in permutations(range(number)):
        (component,) = connected_components(
            [attached[v] for v in order],
            [(order.index(a), order.index(b)) for a, b in lines],
            [functions[v] for v in order],
            [places[v] for v in order],
        )
        shapes.add(component.shape)
        np.testing.assert_allclose(
            contraction.component(component, table), expected, rtol=1e-11, err_msg=f"seed {seed}"
        )
    assert len(shapes) == 1, f"seed {seed}"


def test_integrals_that_factorise_are_split() -> None:
    components = connected_components([[0], [1, 1], [2]], [(0, 2), (1, 1)])
    assert components == [
        Component(Shape((Vertex(1), Vertex(1)), ((0, 1, 1),)), ((0,), (2,))),
        Component(Shape((Vertex(2, 1),)), ((1, 1),)),
    ]


# Derivatives with respect to the cutoff

SLOPES: list[tuple[str, Kernel, int]] = [
    ("erf", ErfKernel(), 20_000),
    ("erf without bias in K", WeightsPropagator(ErfKernel(sigma_b=0.7)), 20_000),
    ("gauss", GaussKernel(), 20_000),
    ("relu", ReluKernel(), 20_000),
    ("relu with bias", ReluKernel(sigma_b=0.6), 20_000),
    ("gauss, d = 2", GaussKernel(2), 2_000),
]


def difference_errors(
    kernel: Kernel, most: int, correlator: Correlator, cutoff: float
) -> dict[tuple[int, ...], tuple[float, float]]:
    """For each order: the largest relative errors of central differences in log Lambda with steps 0.04 and 0.02."""
    points = np.array([[0.3, 0.1], [-0.8, 0.5]])[:, : kernel.d_in]
    tuples = sorted_tuples(2, correlator.n)

    def contraction(logarithm: float) -> Contraction:
        here = cutoff * float(np.exp(logarithm))
        return Contraction(points, grid_for(kernel, points, here, most=most), kernel, kernel)

    slopes = contraction(0.0).cutoff_derivative(correlator, tuples)
    errors = []
    for step in (0.04, 0.02):
        up, down = (contraction(sign * step).coefficients(correlator, tuples) for sign in (1, -1))
        errors.append(
            {
                order: float(np.max(np.abs((up[order] - down[order]) / (2 * step) - slope)) / np.max(np.abs(slope)))
                for order, slope in slopes.items()
                if np.any(slope)
            }
        )
    return {order: (errors[0][order], errors[1][order]) for order in errors[0]}


@pytest.mark.parametrize(("name", "kernel", "most"), SLOPES, ids=[name for name, _, _ in SLOPES])
@pytest.mark.parametrize("pruned", [False, True], ids=["all diagrams", "pruned"])
def test_cutoff_derivative_is_the_limit_of_differences(name: str, kernel: Kernel, most: int, pruned: bool) -> None:
    """Central differences tend to it with the square of the step, at every order, disconnected diagrams included."""
    if pruned:
        correlator = generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(2))
    else:
        correlator = generate_correlator(2, QUARTIC, QUARTIC.orders(2), set())
    errors = difference_errors(kernel, most, correlator, 1.7)
    assert set(errors) == {check.order for check in correlator.checks if any(check.order)}
    for order, (wide, narrow) in errors.items():
        assert wide < 0.1, (name, order)
        assert 3.8 < wide / narrow < 4.2, (name, order, wide, narrow)


def test_cutoff_derivative_of_three_vertices() -> None:
    """The tensor network with one vertex on the surface; lambda^3 in G^(4)."""
    errors = difference_errors(ErfKernel(), 20_000, generate_correlator(4, QUARTIC, [(3,)]), 1.7)
    assert 3.8 < errors[3,][0] / errors[3,][1] < 4.2


def test_a_missing_surface_term_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with one of the two vertices on the surface only, differences do not tend to the second order."""
    correlator = generate_correlator(4, QUARTIC, [(1,), (2,)])
    whole = Component.on_surface

    def first_only(self: Component) -> Iterator[Component]:
        yield next(whole(self))

    monkeypatch.setattr(Component, "on_surface", first_only)
    errors = difference_errors(ErfKernel(), 20_000, correlator, 1.7)
    assert errors[1,][0] / errors[1,][1] == pytest.approx(4, rel=0.05)
    assert errors[2,][1] > 0.1


@pytest.mark.parametrize("cutoff", [1.2, 10.0, 1e4])
def test_relu_slope_in_closed_form(cutoff: float) -> None:
    """ReLU (1, 0), d = 1: a contact of n legs goes as L^(n+1), so that d log / d log L is 5 and, for two of them, 10."""
    kernel = ReluKernel()
    contraction = Contraction(RELU_POINTS, grid_for(kernel, RELU_POINTS, cutoff), kernel, kernel)
    tuples = sorted_tuples(6, 4)
    correlator = generate_correlator(4, QUARTIC, [(1,), (2,)])
    values, slopes = (way(correlator, tuples) for way in (contraction.coefficients, contraction.cutoff_derivative))
    np.testing.assert_allclose(slopes[1,], 5 * values[1,], rtol=1e-10)
    np.testing.assert_allclose(slopes[2,], 10 * values[2,], rtol=1e-10)
