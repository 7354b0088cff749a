"""`measure` and `crosscheck` on the command line: records, widths, estimators, damaged files, keys."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from feyn_nn.cli import main
from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.network import PRESETS, Architecture, import_activation

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ("--experiments", "10", "--seed", "5")
ORDERS = ("one_point", "two_point", "three_point", "four_point", "five_point", "six_point")


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(output(capsys, *arguments, "--json"))
    return loaded


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def simulate(capsys: pytest.CaptureFixture[str], directory: Path, *arguments: str) -> str:
    output(capsys, "simulate", *arguments, *SMALL, "--out", str(directory))
    return str(directory)


def test_a_stream_of_tilted_neurons_is_measured_at_any_width(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The talk's Gauss-net to sixth order, at widths 2 and 1000 from one file: exact within 4 sigma, nothing refused."""
    directory = simulate(capsys, tmp_path / "run", "gauss", "--record", "tilted", "--nets", "20000")
    both = document(capsys, "measure", directory, "--width", "2,1000")
    assert list(both["widths"]) == ["2", "1000"]
    preset = PRESETS["gauss"]
    for width, found in both["widths"].items():
        assert (found["width"], found["record"], found["estimator"]) == (int(width), "tilted", "tilted")
        assert found["kernel"] == "exact"
        assert found["unreliable"] == []
        assert found["warnings"] == []
        for n, name in ((4, "four_point"), (6, "six_point")):
            exact = exact_correlators(preset.architecture(), preset.points(), n).at(int(width))
            gap = np.abs(np.array(found[name]["value"]) - exact)
            # seven errors of ten experiments are as unlikely as four standard deviations (Student's t)
            assert np.all(gap < 7 * np.array(found[name]["error"]) + 1e-12 * exact), (width, n)
    one = document(capsys, "measure", directory, "--width", "2")
    assert {**one, "provenance": None} == {**both["widths"]["2"], "provenance": None}
    text = output(capsys, "measure", directory, "--width", "2,1000")
    assert "measured at width 2;" in text
    assert "measured at width 1000;" in text


def test_all_orders_and_their_connected_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = simulate(capsys, tmp_path / "run", "erf", "--width", "3", "--nets", "4000", "--inputs", "-1,0.5")
    found = document(capsys, "measure", directory)
    assert list(found["estimators"]) == ["plain", "conditional", "cumulant", "centred"]
    assert found["estimator"] == "centred"
    for name, each in found["estimators"].items():
        assert each["estimator"] == name
        for n, order in enumerate(ORDERS, start=1):
            keys = {"tuples", "value", "error", "connected", "connected_error"} | (
                {"delta", "delta_error"} if n > 2 else set()
            )
            assert set(each[order]) == keys
            sizes = {len(each[order][key]) for key in keys}
            assert sizes == {n + 1}, (name, order)
        if name != "plain":
            assert not any(each["five_point"]["value"])
        assert set(each["m_error"]) == {"2", "4", "6"}
    alone = document(capsys, "measure", directory, "--estimator", "plain")
    assert alone["two_point"] == found["estimators"]["plain"]["two_point"]
    assert list(alone["estimators"]) == ["plain"]


def test_too_few_networks_for_a_cumulant_are_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = simulate(
        capsys, tmp_path / "run", "erf", "--width", "3", "--nets", "4", "--record", "outputs", "--inputs", "0.5"
    )
    found = document(capsys, "measure", directory)
    assert found["six_point"]["connected"] is None
    assert found["four_point"]["connected"] is not None
    assert found["unreliable"] == [1, 2, 3, 4, 5, 6]
    assert found["four_point"]["error"] is None
    single = simulate(capsys, tmp_path / "single", "erf", "--width", "3", "--nets", "1", "--inputs", "0.5")
    estimators = document(capsys, "measure", single)["estimators"]
    assert estimators["cumulant"]["six_point"]["delta"] is None
    assert estimators["cumulant"]["m"] == {"2": pytest.approx(estimators["centred"]["m"]["2"]), "4": None, "6": None}
    assert estimators["centred"]["four_point"]["delta"] is not None
    assert "centred" in output(capsys, "measure", single)
    outputs = np.random.default_rng(1).normal(size=(60, 1, 2))  # two outputs: products between experiments
    np.save(tmp_path / "f.npy", outputs)
    np.save(tmp_path / "x.npy", np.array([0.1]))
    files = ("--outputs", str(tmp_path / "f.npy"), "--inputs", str(tmp_path / "x.npy"), "--experiments", "3")
    found = document(capsys, "measure", *files)
    assert found["six_point"]["delta"] is None
    assert found["four_point"]["delta"] is not None


def test_plain_gauss_net_is_refused_in_both_forms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At the talk's largest width: null, a code, words, and the better way."""
    directory = simulate(capsys, tmp_path / "run", "gauss", "--width", "1000", "--nets", "300", "--record", "outputs")
    found = document(capsys, "measure", directory)
    assert found["six_point"]["error"] is None
    assert found["background"]["6"] is None
    assert found["m_error"]["6"] is None
    assert 6 in found["unreliable"]
    (message,) = [w["message"] for w in found["warnings"] if w["code"] == "heavy-tail" and "f^6" in w["message"]]
    assert "--record tilted" in message
    text = output(capsys, "measure", directory)
    assert "refused" in text
    assert "heavy-tail" in text


def test_an_activation_of_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named again where the ensemble is read, for a file of data never runs code."""
    name = "own_activation_of_this_test"
    (tmp_path / f"{name}.py").write_text("import numpy\n\n\ndef bend(z):\n    return z / (1 + numpy.abs(z))\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    text = f"{name}:bend"
    directory = simulate(capsys, tmp_path / "run", text, "--record", "neurons", "--nets", "500", "--inputs", "-0.5,1")
    monkeypatch.setattr("feyn_nn.network._OWN", {})  # as in a new process
    assert "is not known here" in refusal(capsys, "measure", directory, "--width", "3")
    found = document(capsys, "measure", directory, "--width", "3", "--activation", text)
    assert found["unreliable"] == []
    exact = exact_correlators(Architecture(import_activation(text)), np.array([[-0.5], [1.0]]), 4).at(3)
    gap = np.abs(np.array(found["four_point"]["value"]) - exact)
    assert np.all(gap < 7 * np.array(found["four_point"]["error"]))


def test_damaged_files_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = simulate(capsys, tmp_path / "run", "erf", "--nets", "50")
    assert document(capsys, "measure", directory, "--verify")["n_nets"] == 500
    victim = sorted((tmp_path / "run").rglob("*.npy"))[0]
    data = bytearray(victim.read_bytes())
    data[-3] ^= 1
    victim.write_bytes(bytes(data))
    assert main(["measure", directory, "--verify"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert victim.name in captured.err


def test_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    networks = simulate(capsys, tmp_path / "networks", "erf", "--nets", "50")
    neurons = simulate(capsys, tmp_path / "neurons", "erf", "--nets", "50", "--record", "neurons")
    assert "give --width" in refusal(capsys, "measure", neurons)
    assert "positive integers" in refusal(capsys, "measure", neurons, "--width", "2,x")
    assert "stands twice" in refusal(capsys, "measure", neurons, "--width", "2,2")
    assert "width = 0" in refusal(capsys, "measure", neurons, "--width", "0")
    assert "only a stream of single neurons" in refusal(capsys, "measure", networks, "--width", "2")
    assert "estimator neuron" in refusal(capsys, "measure", networks, "--estimator", "neuron")
    assert "--verify" in refusal(capsys, "measure", "--outputs", "f.npy", "--verify")
    with pytest.raises(SystemExit):
        main(["measure", networks, "--estimator", "best"])
    assert "--estimator" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "record", "estimator"),
    [
        (["gauss"], "tilted", "tilted"),
        (["erf"], "neurons", "neuron"),
        (["gauss", "--estimator", "neuron"], "neurons", "neuron"),
        (["relu", "--estimator", "plain"], "outputs", "plain"),
        (["relu", "--estimator", "cumulant"], "conditional", "cumulant"),
        (["relu", "--estimator", "centred", "--width", "3"], "conditional", "centred"),
        (["erf", "--depth", "2", "--width", "4"], "conditional", "cumulant"),
    ],
)
def test_the_estimator_decides_what_is_simulated(
    arguments: list[str], record: str, estimator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = document(capsys, "crosscheck", *arguments, "--nets", "300", "--experiments", "3", "--inputs", "-0.1,0.1")
    settings = found["settings"]
    assert (settings["record"], settings["estimator"], settings["nets"]) == (record, estimator, 300)
    width = int(arguments[arguments.index("--width") + 1]) if "--width" in arguments else None
    assert settings["width"] == (width or PRESETS[arguments[0]].effective_width)
    deep = "--depth" in arguments
    assert settings["depth"] == (2 if deep else 1)
    assert (found["exact"] is None) == deep


def test_lambda_of_gauss_net_has_an_honest_error(capsys: pytest.CaptureFixture[str]) -> None:
    """N lambda = -0.1404 at L = 10: measured beside the exact value, within four errors; the perturbation warning stays."""
    arguments = ("crosscheck", "gauss", "--nets", "20000")
    found = document(capsys, *arguments)
    assert found["settings"]["width"] == 100
    assert found["lambda"]["error"] is not None
    assert abs(found["exact"]["lambda"]["sigmas"]) < 4
    assert found["lambda"]["mean"] * 100 == pytest.approx(-0.1404, abs=1e-4)
    assert {warning["code"] for warning in found["warnings"]} == {"perturbation"}
    refused = document(capsys, *arguments[:2], "--nets", "300", "--estimator", "conditional")
    assert refused["lambda"]["error"] is None
    assert "heavy-tail" in {warning["code"] for warning in refused["warnings"]}
    assert "single neurons at 6 inputs, measured at width 100" in " ".join(output(capsys, *arguments).split())


def test_crosscheck_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert "width = 0" in refusal(capsys, "crosscheck", "relu", "--width", "0", "--nets", "50")
    message = refusal(
        capsys, "crosscheck", "gauss", "--depth", "2", "--estimator", "tilted", "--nets", "50", "--width", "3"
    )
    assert "depth 2" in message
    assert "tilted" in refusal(capsys, "crosscheck", "relu", "--estimator", "tilted", "--nets", "50")
