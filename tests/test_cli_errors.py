"""Bad input at the command line: one line on stderr, the right exit code, nothing on stdout and nothing written."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from feyn_nn.cli import main

if TYPE_CHECKING:
    from collections.abc import Sequence

SMALL = ["--nets", "20", "--experiments", "2"]


def exit_code(arguments: Sequence[str]) -> int:
    """What the process would exit with: argparse ends with SystemExit, everything else returns."""
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


def tree(directory: Path) -> dict[str, bytes]:
    """Every file below a directory with its content; directories count too."""
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else b"<directory>"
        for path in sorted(directory.rglob("*"))
    }


def refusal(arguments: Sequence[str], capsys: pytest.CaptureFixture[str], directory: Path, expected: int = 2) -> str:
    """Run a command that must be refused; return its message."""
    before = tree(directory)
    code = exit_code(arguments)
    captured = capsys.readouterr()
    assert code == expected, f"{arguments} ended with {code}: {captured.err}"
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1, f"{arguments} wrote {captured.err!r}"
    assert lines[0].startswith("feyn-nn")
    assert "Traceback" not in lines[0]
    assert tree(directory) == before
    return lines[0]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, so that a file written by accident is seen."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


USAGE = [
    ([], "COMMAND"),
    (["nothing"], "'nothing'"),
    (["--nothing"], ""),
    (["correlator"], "N"),
    (["correlator", "four"], "'four'"),
    (["correlator", "4", "--nothing"], "--nothing"),
    (["correlator", "4", "--for", "json"], "--for"),
    (["correlator", "4", "--format", "xml"], "'xml'"),
    (["correlator", "-1"], "-1"),
    (["correlator", "4", "--order", "mu=1"], "'mu'"),
    (["correlator", "4", "--order", "lambda=x"], "lambda=x"),
    (["correlator", "4", "--order", "lambda=-1"], "lambda=-1"),
    (["correlator", "4", "--order", "lambda"], "'lambda'"),
    (["correlator", "4", "--order", "1.5"], "'1.5'"),
    (["correlator", "4", "--order", "-1"], "-1"),
    (["correlator", "4", "--order", ""], "''"),
    (["correlator", "4", "--keep", "tadpoles"], "'tadpoles'"),
    (["correlator", "4", "--format", "sympy", "--d-in", "0"], "d_in = 0"),
    (["correlator", "4", "--action", ""], "lambda f^4"),
    (["correlator", "4", "--action", "lambda f^2"], "kernel"),
    (["correlator", "4", "--action", "lambda f^4 + lambda f^6"], "'lambda'"),
    (["correlator", "4", "--action", "K f^4"], "'K'"),
    (["beta"], "NET"),
    (["beta", "tanh"], "'tanh'"),
    (["beta", "relu", "--kernel", "exp(-rr)"], "exactly one"),
    (["beta", "erf", "--sigma-b", "-1"], "sigma_b = -1"),
    (["beta", "erf", "--sigma-w", "-0.5"], "sigma_w = -0.5"),
    (["beta", "erf", "--sigma-w", "0"], "sigma_w = 0"),
    (["beta", "erf", "--sigma-w", "nan"], "sigma_w = nan"),
    (["beta", "erf", "--d-in", "0"], "d_in = 0"),
    (["beta", "erf", "--d-in", "-2"], "d_in = -2"),
    (["beta", "erf", "--propagator", "half"], "'half'"),
    (["simulate", "relu"], "--out"),
    (["simulate", "tanh", "--out", "run"], "'tanh'"),
    (["simulate", "relu", "--width", "0", "--out", "run"], "width = 0"),
    (["simulate", "relu", "--width", "-1", "--out", "run"], "width = -1"),
    (["simulate", "relu", "--nets", "0", "--out", "run"], "nets = 0"),
    (["simulate", "relu", "--nets", "1e5", "--out", "run"], "'1e5'"),
    (["simulate", "relu", "--experiments", "0", "--out", "run"], "experiments = 0"),
    (["simulate", "relu", "--seed", "-1", "--out", "run"], "seed = -1"),
    (["simulate", "relu", "--workers", "0", "--out", "run"], "--workers 0"),
    (["simulate", "relu", "--sigma-b", "-1", "--out", "run"], "sigma_b = -1"),
    (["simulate", "relu", "--d-in", "2", "--out", "run"], "d_in = 2"),
    (["simulate", "relu", "--inputs", "1,2", "--d-in", "2", "--out", "run"], "d_in = 1"),
    (["simulate", "relu", "--inputs", "a,b", "--out", "run"], "'a,b'"),
    (["simulate", "relu", "--inputs", "1,,2", "--out", "run"], "'1,,2'"),
    (["simulate", "relu", "--inputs", "", "--out", "run"], "''"),
    (["simulate", "relu", "--inputs", "1,nan", "--out", "run"], "nan"),
    (["simulate", "relu", "--inputs", "none.npy", "--out", "run"], "none.npy"),
    (["measure"], "DIR"),
    (["measure", "none"], "none"),
    (["measure", "run", "--outputs", "f.npy", "--inputs", "x.npy"], "exactly one"),
    (["crosscheck"], "NET"),
    (["crosscheck", "relu", "--experiments", "1"], "--experiments 1"),
    (["crosscheck", "relu", "--width", "0"], "width = 0"),
    (["crosscheck", "relu", "--width", "-1"], "width = -1"),
    (["crosscheck", "relu", "--nets", "0"], "nets = 0"),
    (["crosscheck", "relu", "--d-in", "0", "--inputs", "1"], "d_in = 0"),
    (["crosscheck", "relu", "--inputs", "1;2"], "'1;2'"),
    (["crosscheck", "relu", "--inputs"], "--inputs"),
    (["crosscheck", "relu", "--workers", "0"], "--workers 0"),
    (["crosscheck", "relu", "--kernel", "exp(-rr)"], "exactly one"),
    (["crosscheck", "tanh"], "'tanh'"),
    (["crosscheck", "--kernel", "exp(-rr)"], "--outputs"),
    *((["crosscheck", "relu", "--cutoff", value, *SMALL], "cutoff") for value in ("0", "-1", "nan", "inf", "1.1")),
]


@pytest.mark.parametrize(("arguments", "named"), USAGE, ids=[" ".join(row[0]) or "none" for row in USAGE])
def test_bad_usage(arguments: list[str], named: str, capsys: pytest.CaptureFixture[str], place: Path) -> None:
    assert named in refusal(arguments, capsys, place)
    if arguments[:1] == ["crosscheck"]:
        assert named in refusal([*arguments, "--out", "new"], capsys, place)


@pytest.mark.parametrize(
    ("action", "position"), [("lambda g^4", 8), ("lambda f^4 +", 13), ("lambda f^4 + kappa f^x", 22), ("4 f^4", 1)]
)
def test_a_mistake_in_an_action_is_located(
    action: str, position: int, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    message = refusal(["correlator", "4", "--action", action], capsys, place)
    assert re.search(rf"\bposition {position}\b", message), message
    assert action in message


@pytest.mark.parametrize(
    "kernel",
    ["exp(", "exp(-rr))", "x ** ", "foo(xy)", "z + xy", "xy 2", "__import__('os')", "xy.real", "", "xy; 1", "x"],
)
@pytest.mark.parametrize("command", ["beta", "crosscheck"])
def test_a_mistake_in_a_kernel_is_refused(
    kernel: str, command: str, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    message = refusal([command, "--kernel", kernel], capsys, place)
    assert {"x": "not symmetric", "": "empty"}.get(kernel, "position") in message


@pytest.mark.parametrize(
    "arguments",
    [
        ["40", "--order", "8"],
        ["6", "--order", "12"],
        ["2", "--order", "lambda=30"],
        ["14", "--format", "latex"],
        ["1000"],
    ],
    ids=" ".join,
)
def test_an_explosion_is_refused_beforehand(
    arguments: list[str], capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    message = refusal(["correlator", *arguments], capsys, place, 3)
    assert re.search(r"\d{3,}|\de\+?\d", message)
    assert re.search("limit|at most", message)


OBJECTS = np.array([[1.0, "two"]] * 4, dtype=object)
GOOD = np.arange(120.0).reshape(60, 2) % 7


def _write(name: str, place: Path) -> None:
    """One broken file of outputs."""
    target = place / "f.npy"
    if name == "pickled":
        np.save(target, OBJECTS, allow_pickle=True)
    elif name == "not finite":
        broken = GOOD.copy()
        broken[7, 1] = np.inf
        np.save(target, broken)
    elif name == "nan":
        broken = GOOD.copy()
        broken[0, 0] = np.nan
        np.save(target, broken)
    elif name == "flat":
        np.save(target, GOOD.ravel())
    elif name == "four axes":
        np.save(target, GOOD.reshape(15, 2, 2, 2))
    elif name == "other inputs":
        np.save(target, np.hstack([GOOD, GOOD]))
    elif name == "no outputs":
        np.save(target, np.zeros((20, 2, 0)))
    elif name == "no networks":
        np.save(target, np.zeros((0, 2)))
    elif name == "few networks":
        np.save(target, GOOD[:3])
    elif name == "complex":
        np.save(target, GOOD + 1j)
    elif name == "text array":
        np.save(target, GOOD.astype(str))
    elif name == "text":
        target.write_text("1,2\n3,4\n")
    elif name == "empty":
        target.write_bytes(b"")
    elif name == "truncated":
        np.save(target, GOOD)
        target.write_bytes(target.read_bytes()[:-9])
    elif name == "truncated header":
        np.save(target, GOOD)
        target.write_bytes(target.read_bytes()[:30])
    elif name == "longer":
        np.save(target, GOOD)
        target.write_bytes(target.read_bytes() + b"12345678")
    elif name == "directory":
        target.mkdir()


BROKEN = [
    "missing",
    "pickled",
    "not finite",
    "nan",
    "flat",
    "four axes",
    "other inputs",
    "no outputs",
    "no networks",
    "few networks",
    "complex",
    "text array",
    "text",
    "empty",
    "truncated",
    "truncated header",
    "longer",
    "directory",
]


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("command", [["measure"], ["crosscheck", "erf", "--out", "new"]], ids=["measure", "crosscheck"])
def test_broken_outputs_are_refused(
    name: str, command: list[str], capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    np.save(place / "x.npy", np.array([[0.2], [0.5]]))
    _write(name, place)
    message = refusal([*command, "--outputs", "f.npy", "--inputs", "x.npy"], capsys, place)
    assert "f.npy" in message


@pytest.mark.parametrize("name", ["missing", "pickled", "nan", "four axes", "complex", "text", "empty", "truncated"])
def test_broken_inputs_are_refused(name: str, capsys: pytest.CaptureFixture[str], place: Path) -> None:
    _write(name, place)
    if name != "missing":
        (place / "f.npy").rename(place / "x.npy")
    np.save(place / "f.npy", GOOD)
    assert "x.npy" in refusal(["measure", "--outputs", "f.npy", "--inputs", "x.npy"], capsys, place)
    assert "x.npy" in refusal(["simulate", "erf", "--inputs", "x.npy", "--d-in", "2", "--out", "run"], capsys, place)


def test_imported_outputs_need_inputs_and_agree_with_them(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    np.save(place / "f.npy", GOOD)
    np.save(place / "x.npy", np.array([[0.2], [0.5]]))
    np.save(place / "two.npy", np.array([[0.2, 1.0], [0.5, 0.0]]))
    files = ["--outputs", "f.npy", "--inputs", "x.npy"]
    assert "--inputs" in refusal(["measure", "--outputs", "f.npy"], capsys, place)
    assert "--inputs" in refusal(["crosscheck", "erf", "--outputs", "f.npy"], capsys, place)
    assert "two" in refusal(["measure", *files, "--experiments", "1"], capsys, place)
    assert "two" in refusal(["crosscheck", "erf", *files, "--experiments", "1"], capsys, place)
    wrong = ["crosscheck", "erf", "--outputs", "f.npy", "--inputs", "two.npy"]
    assert "d_in" in refusal(wrong, capsys, place)
    assert "cutoff" in refusal(["crosscheck", "erf", *files, "--cutoff", "0.4"], capsys, place)


def test_directories_that_hold_no_finished_ensemble(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    assert "missing" in refusal(["measure", "missing"], capsys, place)
    (place / "empty").mkdir()
    assert "empty" in refusal(["measure", "empty"], capsys, place)
    (place / "other").mkdir()
    (place / "other" / "notes.txt").write_text("mine")
    assert "other" in refusal(["measure", "other"], capsys, place)
    file = place / "file"
    file.write_text("mine")
    assert "file" in refusal(["measure", "file"], capsys, place)
    for command in (["simulate", "erf", *SMALL], ["crosscheck", "erf", *SMALL]):
        for taken in ("file", "other"):
            assert taken in refusal([*command, "--out", taken], capsys, place)
    assert "other" in refusal(["simulate", "erf", *SMALL, "--out", "other", "--resume"], capsys, place)


def test_an_unfinished_or_damaged_ensemble_is_refused(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    assert main(["simulate", "erf", *SMALL, "--out", "run"]) == 0
    capsys.readouterr()
    chunks = sorted(path for path in (place / "run").rglob("*") if path.is_file() and path.name != "manifest.json")
    data = chunks[0].read_bytes()
    chunks[0].unlink()
    assert "--resume" in refusal(["measure", "run"], capsys, place)
    chunks[0].write_bytes(data[:-8])
    assert "run" in refusal(["measure", "run"], capsys, place)
    chunks[0].write_bytes(data)
    (place / "run" / "manifest.json").write_text("{")
    assert "manifest.json" in refusal(["measure", "run"], capsys, place)


def test_one_experiment_has_no_error_bar(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    assert main(["simulate", "erf", "--nets", "20", "--experiments", "1", "--out", "run"]) == 0
    capsys.readouterr()
    assert "two" in refusal(["measure", "run"], capsys, place)
    assert "two" in refusal(["measure", "run", "--json"], capsys, place)


def test_another_run_is_not_resumed(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    assert main(["simulate", "erf", *SMALL, "--out", "run"]) == 0
    capsys.readouterr()
    for change in (["--seed", "5"], ["--width", "7"], ["--sigma-b", "0.5"], ["--inputs", "0,1"]):
        refusal(["simulate", "erf", *SMALL, *change, "--out", "run", "--resume"], capsys, place)


def test_inputs_may_start_with_a_minus(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    for number, form in enumerate((["--inputs", "-1,-0.5,0.5,1"], ["--inputs=-1,-0.5,0.5,1"], ["--inputs", "-.5"])):
        assert main(["simulate", "erf", *SMALL, *form, "--out", f"run{number}"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""


def test_the_module_runs_and_hands_on_exit_codes(place: Path) -> None:
    for arguments, code in ((["correlator", "2"], 0), (["nothing"], 2), (["correlator", "40", "--order", "8"], 3)):
        finished = subprocess.run(
            [sys.executable, "-m", "feyn_nn", *arguments], capture_output=True, text=True, timeout=60, check=False
        )
        assert finished.returncode == code
        assert (finished.stderr == "") == (code == 0)
        assert (finished.stdout == "") == (code != 0)


def test_a_reader_that_goes_away_is_no_error(place: Path) -> None:
    """As in `feyn-nn ... | head -1`: no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    finished = subprocess.run(
        [sys.executable, "-m", "feyn_nn", "correlator", "4"],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert finished.returncode == 0
    assert finished.stderr == b""


def _measured(directory: str) -> bytes:
    code = (
        "import json, sys\nfrom feyn_nn.cli import main\nimport io, contextlib\nout = io.StringIO()\n"
        f"with contextlib.redirect_stdout(out):\n    assert main(['measure', {directory!r}, '--json']) == 0\n"
        "found = json.loads(out.getvalue()); found.pop('provenance'); print(json.dumps(found))"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True).stdout


def _heed_interrupts() -> None:
    """Shells let their background jobs ignore Ctrl-C, and that is inherited."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _interrupt(command: list[str], directory: Path) -> tuple[int, str, str]:
    """Run a simulation and press Ctrl-C once a chunk is stored; exit code, stdout, stderr."""
    running = subprocess.Popen(
        [*command, "--out", directory.name],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_interrupts,  # noqa: PLW1509  (no threads here)
    )
    for _ in range(3000):
        if _stored(directory) > 1 or running.poll() is not None:
            break
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    return running.returncode, out, err


def _stored(directory: Path) -> int:
    return sum(1 for path in directory.rglob("*") if path.is_file() and not path.name.endswith(".part"))


def test_an_interrupted_run_goes_on_where_it_stopped(place: Path) -> None:
    """Ctrl-C after the first chunk: exit 130, no traceback; --resume ends with the bits of an uninterrupted run."""
    python = [sys.executable, "-m", "feyn_nn"]
    code, first, command = 0, place, list[str]()
    for nets in ("140000", "700000", "3000000"):  # larger if a fast machine had finished before the signal came
        command = [*python, "simulate", "relu", "--width", "20", "--experiments", "3", "--seed", "3"]
        command += ["--workers", "1", "--nets", nets]
        first = place / f"run{nets}"
        code, out, err = _interrupt(command, first)
        if code != 0:
            break
    assert code == 130, err
    assert out == ""
    assert "--resume" in err
    assert all(line.startswith("feyn-nn:") for line in err.splitlines())
    before = _stored(first)
    assert before > 1
    for refused in ([*command, "--out", first.name], [*python, "measure", first.name]):
        assert subprocess.run(refused, capture_output=True, timeout=60, check=False).returncode == 2
    assert _stored(first) == before
    subprocess.run([*command, "--out", first.name, "--resume"], capture_output=True, timeout=120, check=True)
    assert _stored(first) > before
    subprocess.run([*command, "--out", "whole", "--workers", "2"], capture_output=True, timeout=120, check=True)
    assert _measured(first.name) == _measured("whole")


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (["correlator", "4", "--order", "99999"], 3, "multi-orders"),
        (["correlator", "4", "--order", "1000000000"], 3, "multi-orders"),
        (["correlator", "4", "--order", "lambda=1,lambda=2"], 2, "'lambda' stands twice"),
        (["crosscheck", "erf", "--nets", "10", "--inputs", "1e200,2", "--cutoff", "1e300"], 2, "at most 1e+30"),
        (["simulate", "erf", "--nets", "99999999999999999999", "--out", "new"], 3, "days on 2 cores"),
        (["simulate", "erf", "--width", "1000000000000", "--out", "new"], 3, "days on 2 cores"),
        (["simulate", "erf", "--out", ""], 2, "expected the name of a directory"),
        (["beta", "--kernel", "9^(exp(0)*10^9)+xy"], 2, "user's kernel"),
        (["beta", "--kernel", "rr+(1/9)^(9^(21/2))"], 2, "exponent"),
    ],
)
def test_jobs_without_end_are_refused_at_once(
    command: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    assert main(command) == code
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("feyn-nn")
    assert output.err.count("\n") == 1
    assert message in output.err
    assert list(place.iterdir()) == []


def test_neurons_that_all_underflow_have_no_error_bar(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    """With sigma_b = 30 every exp(z) / exp(900) that is drawn is zero: an error bar of zero would be a lie."""
    job = ["crosscheck", "gauss", "--sigma-b", "30", "--nets", "200", "--experiments", "5"]
    assert main([*job, "--estimator", "conditional", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["lambda"]["error"] is None
    assert "heavy-tail" in {warning["code"] for warning in record["warnings"]}
