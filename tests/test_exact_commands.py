"""`feyn-nn exact`, the exact column of the cross-check, and the quartic coupling as a function of four inputs."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from feyn_nn.cli import main
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.ensembles import SimulationSettings, run
from feyn_nn.errors import InputError, LimitError
from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.exact.quartic import quartic_coupling
from feyn_nn.kernels import kernel_of
from feyn_nn.measure import crosscheck
from feyn_nn.measure.couplings import theory_coefficients
from feyn_nn.measure.reference import constant_fit, exact_reference
from feyn_nn.network import preset

if TYPE_CHECKING:
    from pathlib import Path

    from feyn_nn.arrays import FloatArray

NETS = ("gauss", "erf", "relu")


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    captured = capsys.readouterr()
    document: dict[str, Any] = json.loads(captured.out)
    return document


@pytest.mark.parametrize("n", [2, 4, 6, 8])
@pytest.mark.parametrize("net", NETS)
def test_the_coefficients_add_up_to_the_value(net: str, n: int, capsys: pytest.CaptureFixture[str]) -> None:
    points = 6 if n < 8 else 3
    arguments = ["--inputs", "0.1,0.4,0.9"] if n == 8 else []
    found = output(capsys, "exact", net, "--width", "50", "--points", str(n), *arguments)
    assert [tuple(row) for row in found["tuples"]] == sorted_tuples(points, n)
    coefficients = np.array(found["coefficients"])
    assert coefficients.shape == (max(1, n // 2), len(found["tuples"]))
    powers = 50.0 ** -np.arange(len(coefficients))
    assert np.array(found["value"]) == pytest.approx(powers @ coefficients, rel=1e-12)
    assert found["relative_accuracy"] < 1e-6
    if n == 2:
        kernel = kernel_of(preset(net).architecture())
        inputs = preset(net).points()
        expected = [kernel(inputs[[i]], inputs[[j]])[0, 0] for i, j in found["tuples"]]
        assert coefficients[0] == pytest.approx(expected, rel=1e-12)


# Physics notes, section 3: Delta G/G_GP, mean over the sorted tuples of the talk's six inputs.
TABLE: dict[str, dict[int, tuple[float, ...]]] = {
    "gauss": {4: (13.40,), 6: (40.20, 20325)},
    "erf": {4: (0.0563,), 6: (0.169, 0.0067)},
    "relu": {4: (5,), 6: (15, 44)},
}


@pytest.mark.parametrize("n", [4, 6])
@pytest.mark.parametrize("net", NETS)
def test_the_table_of_ratios(net: str, n: int, capsys: pytest.CaptureFixture[str]) -> None:
    coefficients = np.array(output(capsys, "exact", net, "--width", "7", "--points", str(n))["coefficients"])
    ratios = (coefficients[1:] / coefficients[0]).mean(axis=1)
    assert ratios == pytest.approx(TABLE[net][n], rel=6e-3)
    assert main(["exact", net, "--width", "7", "--points", str(n)]) == 0
    shown = capsys.readouterr().out
    assert f"{ratios[0]:.6g}/N" in shown
    assert "more (--json has them all)" in shown


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["erf", "--width", "5", "--points", "3"], "expected 2, 4, 6 or 8"),
        (["erf", "--width", "0"], "expected a positive number of neurons"),
        (["erf", "--width", "5", "--points", "6", "--quartic"], "comes from the four-point function"),
        (["erf", "--width", "5", "--cut", "0.1"], "only used with --quartic"),
        (["erf", "--width", "5", "--quartic", "--cut", "2"], "expected a fraction"),
        (["erf", "--width", "5", "--inputs", "0.1,nan"], "nan"),
    ],
)
def test_wrong_options_are_one_sentence(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exact", *arguments]) == 2
    captured = capsys.readouterr()
    assert reason in captured.err
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1


# Physics notes, section 4, items 7 and 8: N lambda with K legs at L = 10; the prediction at the six distinct inputs.
LAMBDA = {"gauss": -0.1404, "erf": -3.66e-4, "relu": -12.5e-5}
SIX = [("relu", 20, 0.941, 0.538), ("relu", 100, 0.9962, 0.8663), ("gauss", 1000, 0.981, 0.943)]
SIX += [("gauss", 100, 0.408, 0.291), ("gauss", 10, 0.024, 0.005), ("erf", 5, 0.9967, 0.965)]


@pytest.mark.parametrize(("net", "width", "effective", "free"), SIX)
def test_the_exact_column_has_the_known_figures(
    net: str, width: int, effective: float, free: float, capsys: pytest.CaptureFixture[str]
) -> None:
    found = output(capsys, "crosscheck", net, "--width", str(width), "--nets", "300")["exact"]
    assert width * found["lambda"]["mean"] == pytest.approx(LAMBDA[net], rel=2e-3)
    assert found["six_point"]["distinct"]["eft_over_g6"] == pytest.approx(effective, abs=6e-4)
    assert found["six_point"]["distinct"]["gp_over_g6"] == pytest.approx(free, abs=6e-4)
    assert found["relative_accuracy"] < 1e-6


def test_the_variation_of_lambda_over_tuples_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    """Items 4 and 5: std/|mean| .46 for Erf and 1.4e-4 for Gauss at L = 10, none for ReLU; second over first."""
    for net, width, spread, second in (("erf", 5, 0.46, 0.41), ("gauss", 100, 1.4e-4, 108), ("relu", 20, 0.0, 22.5)):
        found = output(capsys, "crosscheck", net, "--width", str(width), "--nets", "300")
        exact = found["exact"]
        assert exact["lambda"]["spread"] / abs(exact["lambda"]["mean"]) == pytest.approx(spread, rel=2e-2, abs=1e-10)
        assert width * exact["second_over_first"] == pytest.approx(second, rel=1e-2)
        codes = {warning["code"] for warning in found["warnings"]}
        assert ("constancy" in codes) == (net == "erf")
        assert ("perturbation" in codes) == (net != "erf")


def test_measured_and_exact_agree_within_four_sigma() -> None:
    for net, width, seed in (("relu", 20, 3), ("erf", 5, 4), ("erf", 100, 5)):
        talk = preset(net)
        settings = SimulationSettings.make(talk.architecture(), talk.points(), width, 5_000, 40, seed)
        check = crosscheck(run(settings), kernel_of(talk.architecture()), 10.0)
        assert check.exact is not None
        error = check.coupling.estimate.error
        assert error is not None
        assert abs(check.coupling.estimate.mean - check.exact.mean) < 4 * error, (net, seed)
        other = exact_reference(
            talk.architecture(),
            2 * width,
            talk.points(),
            theory_coefficients(talk.points(), 10.0, check.kernel, check.kernel),
        )
        assert other is not None
        assert abs(check.coupling.estimate.mean - other.mean) > 20 * error  # control: another width is told apart


def test_imported_outputs_have_an_exact_column_if_the_network_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(8)
    x = np.linspace(0.2, 1.2, 6)
    first, second = rng.normal(size=(4000, 20)), rng.normal(size=(4000, 20)) / np.sqrt(20)
    np.save(tmp_path / "f.npy", np.einsum("mn,mnp->mp", second, np.maximum(first[:, :, None] * x, 0)))
    np.save(tmp_path / "x.npy", x)
    arguments = ["crosscheck", "relu", "--outputs", str(tmp_path / "f.npy"), "--inputs", str(tmp_path / "x.npy")]
    assert output(capsys, *arguments)["exact"] is None
    found = output(capsys, *arguments, "--width", "20")["exact"]
    assert found["lambda"]["mean"] == pytest.approx(-6.25e-6, rel=1e-6)
    assert abs(found["lambda"]["sigmas"]) < 4


def test_a_local_coupling_is_explained_by_a_constant_and_noise_is_not() -> None:
    rng = np.random.default_rng(2)
    first = -rng.uniform(1, 2, size=len(sorted_tuples(4, 4)))
    best, explained = constant_fit(-0.3 * first, first, 4)
    assert (best, explained) == pytest.approx((-0.3, 1.0))
    noise = rng.normal(size=len(first))
    weights = np.array([len(set(_orders(row))) for row in sorted_tuples(4, 4)], dtype=float)
    noise -= first * np.sum(weights * noise * first) / np.sum(weights * first**2)
    assert constant_fit(noise, first, 4) == pytest.approx((0.0, 0.0), abs=1e-12)


def _orders(row: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Every ordered tuple over four points that has these entries."""
    return [order for order in product(range(4), repeat=4) if tuple(sorted(order)) == row]


def hermite(points: int, nodes: int = 12) -> tuple[FloatArray, FloatArray]:
    """Nodes (q, points) and weights of a standard Gaussian in `points` dimensions."""
    line, weight = np.polynomial.hermite_e.hermegauss(nodes)
    weight = weight / weight.sum()
    mesh = np.stack(np.meshgrid(*[line] * points, indexing="ij"), axis=-1).reshape(-1, points)
    weights = np.prod(np.stack(np.meshgrid(*[weight] * points, indexing="ij"), axis=-1), axis=-1).ravel()
    return mesh, weights


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("points", [1, 2, 3])
def test_the_density_with_this_quartic_term_has_the_exact_four_point_function(net: str, points: int) -> None:
    """p ~ Gaussian (1 - q), q the quartic form made orthogonal to all polynomials below it: <f f f f> moves by kappa4.

    Integrated by Gauss-Hermite quadrature in as many dimensions as there are inputs.
    """
    architecture = preset(net).architecture(sigma_b=0.5)
    inputs = np.array([[-0.4], [0.3], [1.1]])[:points]
    four = exact_correlators(architecture, inputs, 4)
    coupling = quartic_coupling(four, 30)
    kernel = kernel_of(architecture)(inputs, inputs)
    standard, weights = hermite(points)
    f = standard @ np.linalg.cholesky(kernel).T
    quartic = np.einsum("abcd,qa,qb,qc,qd->q", coupling.values, f, f, f, f)
    powers = [row for degree in range(4) for row in sorted_tuples(points, degree)]
    lower = np.stack([np.prod(f[:, list(row)], axis=1) for row in powers], axis=1)
    root = np.sqrt(weights)[:, None]
    projection = np.linalg.lstsq(root * lower, root[:, 0] * quartic, rcond=None)[0]
    correction = -(quartic - lower @ projection)
    moved = [float(np.sum(weights * np.prod(f[:, list(row)], axis=1) * correction)) for row in four.tuples]
    expected = np.asarray(four.connected.at(30), dtype=float)
    assert moved == pytest.approx(expected, rel=1e-8, abs=1e-10 * np.abs(expected).max())
    assert coupling.left_out < 1e-8
    assert coupling.rank == points


def test_the_quartic_coupling_scales_as_one_over_the_width() -> None:
    erf = preset("erf")
    four = exact_correlators(erf.architecture(), erf.points()[:3], 4)
    near, far = (quartic_coupling(four, width).values for width in (10, 1000))
    assert near == pytest.approx(100 * far, rel=1e-9)


def test_singular_kernels_are_cut_and_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    """ReLU without bias, positive inputs: one independent function, so rank 1; a repeated input lowers the rank by one."""
    relu = output(capsys, "exact", "relu", "--width", "20", "--quartic")["quartic"]
    assert relu["rank"] == 1
    assert relu["left_out"] < 1e-9
    assert len(relu["spectrum"]) == 6
    erf = preset("erf")
    repeated = np.array([[-0.5], [0.2], [0.2]])
    coupling = quartic_coupling(exact_correlators(erf.architecture(), repeated, 4), 10)
    assert coupling.rank == 2
    assert coupling.left_out < 1e-9
    coarse = quartic_coupling(exact_correlators(erf.architecture(), erf.points(), 4), 10, cut=0.1)
    assert coarse.rank < 6
    assert coarse.left_out > 1e-4  # what the cut costs is said


def test_refusals_of_the_quartic_coupling() -> None:
    erf = preset("erf")
    with pytest.raises(InputError, match="6 legs"):
        quartic_coupling(exact_correlators(erf.architecture(), erf.points()[:1], 6), 5)
    with pytest.raises(LimitError, match="31 inputs"):
        quartic_coupling(exact_correlators(preset("relu").architecture(), np.linspace(0.1, 1, 31)[:, None], 4), 5)
