"""Flows between cutoffs: closed solutions, conserved correlators, order of convergence, the talk's slopes."""

from __future__ import annotations

from itertools import pairwise
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy

from feyn_nn.action import TALK_ACTION, Action
from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import InputError
from feyn_nn.graphs import CONNECTED_RULES, TALK_RULES
from feyn_nn.kernels import ErfKernel, GaussKernel, Propagator, ReluKernel, parse_kernel
from feyn_nn.numeric import Contraction, grid_for
from feyn_nn.numeric.flow import FlowEquations, coupling_flow
from feyn_nn.symbolic.running import running_system

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels import Kernel

PHI4 = Action.parse("lambda f^4")
INPUTS = np.array([[0.2], [0.4], [0.6], [0.8], [1.0], [1.2]])
CUTOFFS = [7.0, 20.0, 200.0]
KERNELS: list[Kernel] = [ReluKernel(), ErfKernel(), GaussKernel(), parse_kernel("1/(1+rr)^(1/16)")]
EVERY = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)


def matrix(kernel: Kernel, cutoff: float) -> FloatArray:
    """A in G = G_GP + A g at first order, straight from the contraction."""
    contraction = Contraction(INPUTS, grid_for(kernel, INPUTS, cutoff), kernel, kernel)
    rows = []
    for n in (4, 6):
        table = contraction.coefficients(generate_correlator(n, TALK_ACTION, [(1, 0), (0, 1)]), [tuple(range(n))])
        rows.append([table[order][0] for order in ((1, 0), (0, 1))])
    return np.array(rows)


@EVERY
def test_first_order_flows_are_linear_algebra(kernel: Kernel) -> None:
    """A(Lambda) g(Lambda) does not depend on Lambda; the ODE knows only beta. Also upstream."""
    start = {"lambda": -3e-4, "kappa": 1.1e-5}
    flow = coupling_flow(FlowEquations(TALK_ACTION, kernel, INPUTS), start, CUTOFFS)
    constant = matrix(kernel, CUTOFFS[0]) @ np.array(list(start.values()))
    for cutoff, row in zip(CUTOFFS, flow.values, strict=True):
        expected = np.linalg.solve(matrix(kernel, cutoff), constant)
        assert row == pytest.approx(expected, rel=1e-7)
    assert flow.error < 1e-7
    back = coupling_flow(
        FlowEquations(TALK_ACTION, kernel, INPUTS),
        dict(zip(flow.couplings, flow.values[-1], strict=True)),
        [CUTOFFS[-1], 60.0],
    )
    constant = matrix(kernel, CUTOFFS[-1]) @ flow.values[-1]
    assert back.values[-1] == pytest.approx(np.linalg.solve(matrix(kernel, 60.0), constant), rel=1e-6)


@EVERY
def test_beta_is_the_slope_of_the_flow(kernel: Kernel) -> None:
    """Central differences in log Lambda converge with order two."""
    equations = FlowEquations(TALK_ACTION, kernel, INPUTS)
    gaps = []
    for step in (0.08, 0.04):
        places = [30.0, 30.0 * np.exp(step), 30.0 * np.exp(-step)]
        flow = coupling_flow(equations, {"lambda": -1e-4, "kappa": 1e-6}, places, tolerance=1e-12)
        slope = (flow.values[1] - flow.values[2]) / (2 * step)
        gaps.append(np.abs(slope / flow.betas[0] - 1).max())
    assert gaps[0] > 1e-6
    assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("vertices", [1, 2])
def test_the_conserved_correlators_are_the_error(vertices: int) -> None:
    """With a sloppier integrator the correlators change more: the error is measured, not promised."""
    equations = FlowEquations(PHI4, ErfKernel(), INPUTS, vertices=vertices)
    errors = [coupling_flow(equations, {"lambda": -2e-4}, [3, 1e3], tolerance=t).error for t in (3e-2, 1e-5, 1e-9)]
    assert errors[0] > 3 * errors[1] > 9 * errors[2]
    assert errors[2] < 1e-8


def test_second_order_solves_the_quadratic_at_every_cutoff() -> None:
    """lambda A + lambda^2 B = constant, from the contraction: the ODE follows the perturbative root."""
    kernel = ErfKernel()
    flow = coupling_flow(FlowEquations(PHI4, kernel, INPUTS, vertices=2), {"lambda": -4e-4}, [10.0, 30.0, 100.0])
    four = generate_correlator(4, PHI4, [(1,), (2,)])
    totals = []
    for cutoff, (value,) in zip(flow.cutoffs, flow.values, strict=True):
        contraction = Contraction(INPUTS, grid_for(kernel, INPUTS, float(cutoff)), kernel, kernel)
        table = contraction.coefficients(four, [(0, 1, 2, 3)])
        totals.append(value * table[1,][0] + value**2 * table[2,][0])
    assert totals == pytest.approx([totals[0]] * 3, rel=1e-8)
    first = coupling_flow(FlowEquations(PHI4, kernel, INPUTS), {"lambda": -4e-4}, [10.0, 100.0])
    assert abs(first.values[-1, 0] / flow.values[-1, 0] - 1) > 1e-3  # control: the second order is seen


@pytest.mark.parametrize("rules", [TALK_RULES, CONNECTED_RULES], ids=["full", "connected"])
def test_numbers_are_those_of_the_symbolic_system(rules: frozenset[Any]) -> None:
    """With K = 1 + x y every integral of the symbolic solution is done by SymPy; betas agree with the grids."""
    kernel = parse_kernel("1 + xy", 1, 1.0, 0.0)
    equations = FlowEquations(TALK_ACTION, kernel, INPUTS, rules=rules)
    couplings, cutoff = np.array([-0.3, 0.02]), 5.0
    seen = equations.at(cutoff).beta(couplings)
    system = running_system(TALK_ACTION, 1, rules)
    places = {f"x{leg + 1}": sympy.Rational(leg + 1, 5) for leg in range(6)}
    for name, found in zip(equations.couplings, seen, strict=True):
        written = system.written_out(system.solve()[name])
        value = _done(written, places).subs({"lambda": couplings[0], "kappa": couplings[1], "Lambda": cutoff})
        assert found == pytest.approx(float(value), rel=1e-10)


def _done(expression: Any, places: dict[str, Any]) -> Any:
    from feyn_nn.symbolic.integrals import K, explicit

    written = explicit(expression, 1).subs(places).replace(K, lambda a, b: 1 + a * b)
    return written.replace(sympy.Integral, lambda f, *limits: sympy.integrate(sympy.expand(f), *limits))


def test_relu_flows_as_a_pure_power() -> None:
    flow = coupling_flow(FlowEquations(PHI4, ReluKernel(), INPUTS), {"lambda": -6e-6}, [10.0, 1e2, 1e3])
    slopes = [log(b / a) / log(10) for a, b in pairwise(flow.values[:, 0])]
    assert slopes == pytest.approx([-5, -5], rel=1e-9)
    assert flow.betas[:, 0] == pytest.approx(-5 * flow.values[:, 0], rel=1e-12)


@pytest.mark.parametrize(
    ("inputs", "d_in", "cutoff", "expected", "digits"),
    [
        ([-0.01, -0.006, -0.002, 0.002, 0.006, 0.01], 1, 10.0, -0.42, 5e-3),
        ([-0.01, -0.006, -0.002, 0.002, 0.006, 0.01], 1, 100.0, -0.878, 5e-4),
        ([-0.01, -0.006, -0.002, 0.002, 0.006, 0.01], 1, 1000.0, -0.986, 5e-4),
        ([[-0.01, -0.01], [-0.01, 0.01], [0.01, -0.01], [0.01, 0.01]], 2, 100.0, -1.995, 5e-4),
    ],
)
def test_local_slopes_of_gauss_are_the_known_ones(
    inputs: list[Any], d_in: int, cutoff: float, expected: float, digits: float
) -> None:
    """Physics notes, section 5: d log lambda/dlog Lambda at the talk's inputs."""
    points = np.array(inputs, dtype=float).reshape(-1, d_in)
    equations = FlowEquations(PHI4, GaussKernel(d_in), points)
    assert equations.at(cutoff).beta(np.array([1.0]))[0] == pytest.approx(expected, abs=digits)


def test_the_propagator_without_the_bias_does_not_run() -> None:
    kernel = Propagator.WEIGHTS.of(GaussKernel())
    flow = coupling_flow(FlowEquations(PHI4, kernel, INPUTS, free=GaussKernel()), {"lambda": -1.0}, [10.0, 1e4])
    assert flow.values[-1, 0] == pytest.approx(-1.0, rel=1e-9)
    assert "without the output bias" in flow.kernel


def test_a_coupling_that_is_zero_stays_zero() -> None:
    """Connected, kappa = 0: the equation for kappa is homogeneous."""
    equations = FlowEquations(TALK_ACTION, ErfKernel(), INPUTS, rules=CONNECTED_RULES)
    flow = coupling_flow(equations, {"lambda": -1e-4, "kappa": 0.0}, [10.0, 100.0])
    assert flow.values[:, 1].tolist() == [0.0, 0.0]


def test_refusals() -> None:
    equations = FlowEquations(PHI4, ReluKernel(), INPUTS)
    with pytest.raises(InputError, match="couplings kappa given: expected lambda"):
        coupling_flow(equations, {"kappa": 1.0}, [10, 20])
    with pytest.raises(InputError, match="1 cutoffs"):
        coupling_flow(equations, {"lambda": 1.0}, [10])
    with pytest.raises(InputError, match=r"at least 1\.2"):
        coupling_flow(equations, {"lambda": 1.0}, [10, 1])
    with pytest.raises(InputError, match="finite"):
        coupling_flow(equations, {"lambda": float("nan")}, [10, 20])
    with pytest.raises(InputError, match="two couplings at one power"):
        FlowEquations(Action.parse("lambda f^4 + rho f^4"), ReluKernel(), INPUTS)
    with pytest.raises(InputError, match=r"G\^\(4\) at the inputs"):
        FlowEquations(PHI4, ReluKernel(), INPUTS[:3])
    with pytest.raises(InputError, match="do not determine"):
        FlowEquations(PHI4, ReluKernel(), -INPUTS * np.array([[1], [-1], [1], [1], [1], [1]])).at(10.0).beta(np.ones(1))
