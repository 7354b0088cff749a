"""`feyn-nn integrate`: its JSON, its text, what it refuses and how."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from feyn_nn.action import TALK_ACTION
from feyn_nn.cli import main
from feyn_nn.cli.correlator import document as correlator_document
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.correlator import generate_correlator
from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.network import preset
from feyn_nn.numeric import results as results_module

if TYPE_CHECKING:
    from pathlib import Path


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["integrate", *arguments, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    document: dict[str, Any] = json.loads(captured.out)
    return document


def error(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    assert main(["integrate", *arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("feyn-nn: error: ")
    return captured.err


def test_json_is_the_correlators_with_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """The same terms in the same order and with the same keys as `correlator`, and sums that add up."""
    found = output(capsys, "erf", "4", "--order", "2")
    generated = correlator_document(generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(2)))
    numbers = {"integral", "integral_error", "contribution", "contribution_error"}
    assert [{key: term[key] for key in term.keys() - numbers} for term in found["terms"]] == generated["terms"]
    assert [tuple(row) for row in found["tuples"]] == sorted_tuples(6, 4)
    assert (found["n"], found["cutoff"], found["propagator"], found["d_in"]) == (4, 10.0, "full", 1)
    assert found["action"] == str(TALK_ACTION)
    assert [each["order"] for each in found["orders"]] == [check["order"] for check in generated["checks"]]
    for each in found["orders"]:
        parts = [np.array(term["contribution"]) for term in found["terms"] if term["order"] == each["order"]]
        np.testing.assert_allclose(each["coefficient"], np.sum(parts, axis=0), rtol=1e-13)
        assert len(each["error"]) == 126
        assert max(each["error"]) < 1e-8 * max(map(abs, each["coefficient"]))
    contact = next(term for term in found["terms"] if term["order"] == {"lambda": 1, "kappa": 0})
    np.testing.assert_allclose(contact["contribution"], -24 * np.array(contact["integral"]), rtol=1e-14)


def test_lambda_of_the_talk_from_two_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """N lambda for ReLU is -25 / (2 L^5): kappa4 from `exact`, the coefficient of lambda from `integrate`."""
    found = output(capsys, "relu", "4", "--cutoff", "3")
    coefficient = np.array(next(each for each in found["orders"] if each["order"]["lambda"] == 1)["coefficient"])
    connected = exact_correlators(preset("relu").architecture(), preset("relu").points(), 4).connected.coefficients[
        :, 1
    ]
    np.testing.assert_allclose(connected / coefficient, -25 / (2 * 3.0**5), rtol=1e-11)


def test_inputs_propagator_and_no_cutoff(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    points = np.array([[0.1, 0.2], [-0.3, 0.4]])
    np.save(tmp_path / "x.npy", points)
    shared = ["4", "--order", "lambda=1", "--cutoff", "inf"]
    gauss = output(
        capsys, "gauss", *shared, "--d-in", "2", "--inputs", str(tmp_path / "x.npy"), "--propagator", "weights"
    )
    own = output(capsys, *shared, "--d-in", "2", "--inputs", str(tmp_path / "x.npy"), "--kernel", "exp(-rr/4)")
    assert gauss["cutoff"] is None
    assert gauss["propagator"] == "weights"
    assert gauss["inputs"] == points.tolist()
    np.testing.assert_allclose(gauss["terms"][1]["integral"], own["terms"][1]["integral"], rtol=1e-9)
    assert gauss["terms"][0]["integral"] != own["terms"][0]["integral"]  # lines between legs keep the bias


def test_what_to_keep_and_functions(capsys: pytest.CaptureFixture[str]) -> None:
    kept = output(capsys, "erf", "2", "--keep", "propagator")
    assert [term["multiplicity"] for term in kept["terms"]] == ["1", "12", "90"]
    plain = output(capsys, "erf", "4")
    function = output(capsys, "erf", "4", "--coupling", "kappa=2", "--coupling", "lambda = y^2/y^2")
    np.testing.assert_allclose(function["terms"][1]["integral"], plain["terms"][1]["integral"], rtol=1e-12)
    np.testing.assert_allclose(
        function["terms"][2]["integral"], 2 * np.array(plain["terms"][2]["integral"]), rtol=1e-12
    )


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["integrate", "gauss", "4"]) == 0
    short = capsys.readouterr().out
    assert "Diagrams of G^(4) integrated over [-10, 10]^1, K on lines at vertices, Gauss-net kernel" in short
    assert "126 sorted tuples of 6 inputs" in short
    assert "  x1-y1 x2-y1 x3-y1 x4-y1   [24 = 1 x 24]" in short
    assert len(short.splitlines()) < 25
    assert main(["integrate", "gauss", "4", "--all", "--coupling", "lambda=1"]) == 0
    every = capsys.readouterr().out
    assert every.count("+-") == 6 + 6 * 126
    assert "under the integrals: lambda(y)" in every
    assert main(["integrate", "4", "--kernel", "exp(-rr)", "--inputs", "0.5", "--cutoff", "inf"]) == 0
    single = capsys.readouterr().out
    assert "integrated over all of space" in single
    assert "0.88622692545" in single  # int e^(-4 y^2) dy


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gauss", "4", "--cutoff", "0.001"], "cutoff 0.001: expected a positive number, at least 0.01"),
        (["gauss", "4", "--cutoff", "nan"], "cutoff nan: expected a positive number"),
        (["relu", "4", "--cutoff", "inf"], "without a cutoff: it still changes by"),
        (["4", "--kernel", "1-rr", "--inputs", "0.1"], "is not positive semidefinite"),
        (["4", "--kernel", "1/rr", "--inputs", "0.1"], "returned inf at x = [0.1], y = [0.1]"),
        (["4", "--kernel", "exp(-rr)"], "the talk has no inputs for it; give the legs' inputs with --inputs"),
        (["4"], "name exactly one of NET (gauss, erf, relu) and --kernel EXPR"),
        (["erf", "4", "--coupling", "mu=1"], "expected NAME=EXPR with NAME one of lambda, kappa, each once"),
        (["erf", "4", "--coupling", "lambda=y", "--coupling", "lambda=1"], "each once"),
        (["erf", "4", "--coupling", "lambda=log(y)"], "the given function lambda(y) is nan at y = "),
        (["erf", "4", "--coupling", "lambda=x"], "x"),
        (["erf", "4", "--keep", "everything"], "expected vacuum, propagator, or vacuum,propagator"),
        (["erf", "4", "--d-in", "2"], "the talk's six inputs have d_in = 1"),
        (["erf", "-2"], "expected zero or more"),
        (["erf", "4", "--accuracy", "0"], "accuracy 0: expected a relative error between 0 and 1"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in error(capsys, 2, *arguments)


def test_limits_are_refused_beforehand(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "half-edges at the vertices" in error(capsys, 3, "erf", "6", "--order", "9")
    monkeypatch.setattr(results_module, "MAX_VALUES", 100)
    assert "at 126 tuples of inputs" in error(capsys, 3, "erf", "4")
