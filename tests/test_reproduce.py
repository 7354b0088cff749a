"""The figures of the talk made anew: exact columns against the physics, measured ones against the exact, files, the page."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

from feyn_nn.cli import main
from feyn_nn.cli import reproduce as command
from feyn_nn.ensembles import Engine
from feyn_nn.errors import InputError
from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.network import PRESETS
from feyn_nn.render import plots
from feyn_nn.render.plots import Kind, Panel, Series, check_plots, plot_svg
from feyn_nn.reproduce import DEFAULT, FIGURES, FULL, Result, Size, Table, Verdict, Workshop, report_page
from feyn_nn.reproduce.agreement import agreement, exact_power, fitted_power
from feyn_nn.reproduce.sampling import PlainAverages
from feyn_nn.reproduce.talk import CUTOFFS
from tests import browser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

TINY: Final = Size("tiny", networks=800, neurons=20_000, widths=(2, 10, 100))
SIGMAS: Final = 4.5
"""Of Student's t with 9 degrees of freedom, over some hundred comparisons of a few independent ensembles; seeds are fixed."""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    made = Workshop(tmp_path_factory.mktemp("reproduction") / "made", TINY, 1)
    made.open()
    return made


@pytest.fixture(scope="module")
def results(workshop: Workshop) -> dict[str, Result]:
    made = {name: figure.make(workshop) for name, figure in FIGURES.items()}
    for result in made.values():
        result.write(workshop.directory)
    return made


def rows(result: Result, table: int = 0, **where: Any) -> list[dict[str, Any]]:
    """The rows of a table in which some columns have these values."""
    chosen = result.tables[table]
    named = [dict(zip(chosen.columns, row, strict=True)) for row in chosen.rows]
    return [row for row in named if all(row[key] == value for key, value in where.items())]


def row(result: Result, table: int = 0, **where: Any) -> dict[str, Any]:
    (found,) = rows(result, table, **where)
    return found


# --- exact columns


def test_exact_ratios_are_those_of_the_exact_correlators(results: dict[str, Result]) -> None:
    for name, preset in PRESETS.items():
        for n in (2, 4, 6):
            for width in TINY.widths:
                exact = exact_correlators(preset.architecture(), preset.points(), n)
                expected = np.nanmean(exact.at(width) / exact.gaussian - 1)
                found = row(results["falloff"], network=name, n=n, width=width)["exact"]
                assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
    for width in TINY.widths:  # ReLU-net: every tuple alike (physics notes, section 3)
        assert row(results["falloff"], network="relu", n=4, width=width)["exact"] == pytest.approx(5 / width)
        assert row(results["falloff"], network="relu", n=6, width=width)["exact"] == pytest.approx(
            15 / width + 44 / width**2
        )
        gauss = row(results["falloff"], network="gauss", n=6, width=width)["exact"]
        assert gauss == pytest.approx(40.20 / width + 20325 / width**2, rel=1e-3)


def test_couplings_are_those_of_the_physics_notes(results: dict[str, Result]) -> None:
    """Section 4, items 4, 5 and 7."""
    for name, product, second in (("gauss", -0.1404, 108), ("erf", -3.66e-4, 0.41), ("relu", -25 / 2e5, 22.5)):
        for each in rows(results["coupling"], network=name):
            assert each["width_times_exact"] == pytest.approx(product, rel=1e-3)
            assert each["exact"] * each["width"] == pytest.approx(each["width_times_exact"])
            assert each["second_over_first"] * each["width"] == pytest.approx(second, rel=5e-3)
    spread = {name: row(results["coupling"], 1, network=name, factor=1.0)["spread_over_mean"] for name in PRESETS}
    assert spread["gauss"] == pytest.approx(1.4e-4, rel=0.02)
    assert spread["erf"] == pytest.approx(0.46, rel=0.01)
    assert spread["relu"] < 1e-12
    for factor, expected in ((30.0, 0.13), (100.0, 3.1)):
        found = row(results["coupling"], 1, network="gauss", factor=factor)
        assert found["spread_over_mean"] == pytest.approx(expected, rel=0.03)


def test_six_legs_are_those_of_the_physics_notes(results: dict[str, Result]) -> None:
    """Section 4, item 8."""
    for name, width, eft, gp in (
        ("relu", 20, 0.941, 0.538),
        ("relu", 100, 0.9962, 0.8663),
        ("gauss", 100, 0.408, 0.291),
        ("gauss", 10, 0.024, 0.005),
        ("erf", 5, 0.9967, 0.965),
    ):
        found = row(results["effectiveness"], network=name, width=width, cutoff=10.0)
        assert found["eft_distinct"] == pytest.approx(eft, abs=6e-4)
        assert found["gp_distinct"] == pytest.approx(gp, abs=6e-4)
        assert found["closed"] == pytest.approx((eft - gp) / (1 - gp), abs=2e-3)
    erf = row(results["effectiveness"], network="erf", width=5, cutoff=10.0)
    assert (erf["eft_smallest"], erf["eft_largest"]) == pytest.approx((0.988, 1.028), abs=6e-4)


def test_slopes_are_those_of_the_physics_notes(results: dict[str, Result]) -> None:
    """Section 5."""
    for d_in in (1, 2, 3):
        relu = rows(results["rg"], network="relu", d_in=d_in)
        assert [each["cutoff"] for each in relu] == list(CUTOFFS)
        assert [each["slope"] for each in relu] == pytest.approx([-(d_in + 4)] * len(CUTOFFS), abs=1e-9)
        assert {each["limit"] for each in relu} == {-(d_in + 4)}
    for name, d_in, cutoff, slope in (
        ("gauss", 1, 10.0, -0.4193),
        ("gauss", 1, 100.0, -0.878),
        ("gauss", 1, 1000.0, -0.986),
        ("gauss", 2, 100.0, -1.995),
        ("gauss", 3, 100.0, -2.9998),
        ("erf", 1, 100.0, -0.902),
    ):
        found = rows(results["rg"], network=name, d_in=d_in, cutoff=cutoff)[0]
        assert found["slope"] == pytest.approx(slope, abs=6e-4)
        assert found["limit"] == -d_in
    for name, slope in (("gauss", -0.923), ("erf", -0.945)):
        line = row(results["rg"], 1, network=name, d_in=1)
        assert line["exact"] == pytest.approx(slope, abs=1e-3)
        assert abs(line["exact"] - line["limit"]) > 0.05  # a straight line is not the law
    smallest = min(rows(results["rg"], 2, network="gauss", d_in=1), key=lambda each: each["slope"] * -1)
    assert smallest["slope"] - smallest["power"] == pytest.approx(-0.19, abs=0.02)
    assert smallest["cutoff"] == pytest.approx(3, rel=0.3)


def test_several_outputs_are_those_of_the_physics_notes(results: dict[str, Result]) -> None:
    """Section 4, item 10."""
    for d_out, ratio in ((1, 0.841), (2, 0.828), (10, 0.748), (100, 0.451)):
        found = row(results["outputs"], network="relu", d_out=d_out, cutoff=10.0)
        assert found["ratio"] == pytest.approx(ratio, abs=6e-4)
    for each in rows(results["outputs"]):
        assert each["second_over_first"] == pytest.approx(each["law"], rel=1e-9)
        assert each["first"] == pytest.approx(row_of(results, each)["first"], rel=1e-12)
    scatter = {name: row(results["outputs"], 1, network=name)["scatter"] for name in PRESETS}
    assert scatter["relu"] < 1e-12 < scatter["gauss"] < 1e-5
    assert scatter["erf"] > 0.3


def row_of(results: dict[str, Result], each: dict[str, Any]) -> dict[str, Any]:
    """The row of one output beside one of several."""
    return row(results["outputs"], network=each["network"], cutoff=each["cutoff"], d_out=1)


@pytest.mark.parametrize(("name", "width"), [("erf", 3), ("gauss", 100), ("relu", 20)])
def test_networks_needed_are_those_of_exact_correlators(name: str, width: int) -> None:
    preset = PRESETS[name]
    point = preset.points()[-1:]
    four, eight = (exact_correlators(preset.architecture(), point, n) for n in (4, 8))
    variance = eight.at(width)[0] - four.at(width)[0] ** 2
    expected = variance / (0.01 * four.delta.at(width)[0]) ** 2
    found = PlainAverages(preset.architecture(), point, 6).networks_needed(4, width, 0.01)
    assert found == pytest.approx(expected, rel=1e-6)


def test_gauss_net_is_out_of_reach_of_plain_averages() -> None:
    """Section 4, item 1."""
    preset = PRESETS["gauss"]
    plain = PlainAverages(preset.architecture(), preset.points()[-1:], 6)
    assert plain.networks_needed(6, 2, 0.01) == pytest.approx(1e21, rel=0.1)
    assert plain.networks_needed(6, 1000, 0.01) == pytest.approx(2e17, rel=0.2)


def test_the_falloff_in_words(results: dict[str, Result]) -> None:
    """Section 3: coefficients of 1/N and 1/N^2, in the evidence."""
    said = {
        (finding.network, finding.statement.text[:5]): finding.evidence.split(" exactly")[0]
        for finding in results["falloff"].findings
        if "falls as" in finding.statement.text
    }
    assert said["gauss", "ΔG⁽⁴⁾"] == "m₄ = 13.399/N"
    assert said["relu", "ΔG⁽⁶⁾"] == "m₆ = 15/N + 44/N²"
    assert said["erf", "ΔG⁽⁶⁾"] == "m₆ = 0.16901/N + 0.0067073/N²"


# --- measured columns


def pairs(result: Result) -> Iterator[tuple[float, float, float]]:
    """Measured, error, exact of every measured number with an error bar."""
    partners = {
        "falloff": [("plain", "plain_error", "exact"), ("centred", "centred_error", "exact"),
                    ("stream", "stream_error", "exact")],
        "coupling": [("plain", "plain_error", "exact"), ("centred", "centred_error", "exact"),
                     ("stream", "stream_error", "exact")],
        "effectiveness": [(f"{key}_measured", f"{key}_error", key)
                          for key in ("gp_distinct", "eft_distinct", "gp_mean", "eft_mean")],
        "rg": [("measured", "error", "exact"), ("slope_measured", "slope_error", "slope")],
        "outputs": [("first_stream", "first_stream_error", "first"), ("first_plain", "first_plain_error", "first"),
                    ("ratio_stream", "ratio_stream_error", "ratio")],
    }  # fmt: skip
    for each in rows(result):
        for measured, error, exact in partners[result.name]:
            if each[measured] is not None and each[error] is not None:
                yield each[measured], each[error] + 1e-11 * abs(each[exact]), each[exact]


@pytest.mark.parametrize("name", FIGURES)
def test_measured_numbers_are_the_exact_ones(results: dict[str, Result], name: str) -> None:
    found = list(pairs(results[name]))
    assert len(found) > 15
    assert max(abs(measured - exact) / error for measured, error, exact in found) < SIGMAS
    # the control: the errors are not so large that anything would pass
    assert min(error / abs(exact) for _, error, exact in found if exact) < 0.01


def test_agreement_can_fail() -> None:
    assert agreement("Numbers", "erf", [0.5, None, 3.0], 10).verdict is Verdict.HOLDS
    assert agreement("Numbers", "erf", [0.5, 20.0], 10).verdict is Verdict.FAILS
    assert agreement("Numbers", "erf", [None], 10).verdict is Verdict.UNDECIDED


def test_fitted_powers() -> None:
    widths = [2.0, 10.0, 100.0, 1000.0]
    values = [3 * width**-1.5 for width in widths]
    fitted = fitted_power(widths, values, [0.01 * value for value in values])
    assert fitted is not None
    assert fitted.mean == pytest.approx(-1.5, abs=1e-6)
    assert exact_power(widths, values) == pytest.approx(-1.5)
    refused: list[float | None] = [0.01, None, None, 0.01]
    assert fitted_power(widths, values, refused) is None
    wide = fitted_power(widths, values, [0.1 * value for value in values])
    assert wide is not None
    assert fitted.error is not None
    assert wide.error == pytest.approx(10 * fitted.error, rel=1e-3)


def test_what_is_found(results: dict[str, Result]) -> None:
    """Verdicts that follow from exact numbers; each statement holds for one network and not for another, or by its limits."""
    holds, limited, fails = Verdict.HOLDS, Verdict.LIMITED, Verdict.FAILS
    expected = {  # gauss, erf, relu
        "The kernel is the exact two-point function at all widths": (holds, holds, holds),
        "ΔG⁽⁴⁾ falls as 1/N": (holds, holds, holds),
        "ΔG⁽⁶⁾ falls as 1/N": (limited, limited, limited),
        "The coupling is a constant": (limited, fails, holds),
        "The action with λ f⁴ alone is bounded below": (fails, fails, fails),
        "Perturbation theory holds at the talk's width": (fails, holds, fails),
        "(G⁽⁶⁾_GP + λ term)/G⁽⁶⁾ ≈ 1 at the talk's width": (fails, holds, limited),
        "The effective actions of all cutoffs make the same prediction": (holds, holds, holds),
        "β(λ) = −(d_in + 4) λ for ReLU-net, −d_in λ for Erf- and Gauss-net": (limited, limited, holds),
        "κ is more irrelevant than λ": (fails, fails, holds),
        "c = λ Λ^d_in has an ultraviolet fixed point": (holds, holds, limited),
        "c has an infrared fixed point": (holds, fails, holds),
        "At first order λ does not depend on d_out": (holds, holds, holds),
        "Second over first order grows with d_out as (d_out + 8)/9": (holds, holds, holds),
        "More outputs make the coupling smaller": (limited, limited, limited),
        "The three channels of G⁽⁴⁾ are equal, as λ (f·f)² at first order has them": (limited, fails, holds),
    }
    found: dict[str, dict[str, Verdict]] = {}
    for result in results.values():
        for finding in result.findings:
            found.setdefault(finding.statement.text, {})[finding.network] = finding.verdict
            assert finding.evidence.endswith(".")
            assert "nan" not in finding.evidence
    for statement, verdicts in expected.items():
        assert tuple(found[statement][name] for name in PRESETS) == verdicts, statement
    assert all(set(by_network) == set(PRESETS) for by_network in found.values())


# --- files


def contents(directory: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir()) if path.name.startswith(names)}


def interrupted(after: int) -> Callable[[str], AbstractContextManager[Callable[[int, int], None]]]:
    """Progress that stops the run, as Ctrl-C does, after so many chunks in all."""
    from contextlib import contextmanager

    seen = [0]

    @contextmanager
    def watch(_name: str) -> Iterator[Callable[[int, int], None]]:
        def move(_done: int, _total: int) -> None:
            seen[0] += 1
            if seen[0] == after:
                raise KeyboardInterrupt

        yield move

    return watch


def test_a_stopped_run_goes_on_and_a_finished_one_stays(
    workshop: Workshop, results: dict[str, Result], tmp_path: Path
) -> None:
    other = replace(workshop, directory=tmp_path / "stopped", workers=2)
    other.open()
    with pytest.raises(KeyboardInterrupt):
        FIGURES["coupling"].make(replace(other, progress=interrupted(17)))
    assert not list(other.directory.glob("coupling*"))
    FIGURES["coupling"].make(replace(other)).write(other.directory)
    once = contents(other.directory, ("coupling",))
    assert set(once) == {"coupling.csv", "coupling.json", "coupling.svg", "coupling-inputs.csv"}
    assert once == contents(workshop.directory, ("coupling",))  # of the run that was not stopped
    seed = replace(workshop, directory=tmp_path / "seed", seed=1)
    seed.open()
    FIGURES["coupling"].make(seed).write(seed.directory)
    assert contents(seed.directory, ("coupling.csv",)) != contents(workshop.directory, ("coupling.csv",))


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"size": replace(TINY, networks=500, neurons=500)}, {"engine": Engine.FAST64}],
    ids=["seed", "size", "engine"],
)
def test_other_settings_are_refused(workshop: Workshop, results: dict[str, Result], change: dict[str, Any]) -> None:
    other = replace(workshop, **change)
    other.open()
    for figure in FIGURES.values():
        with pytest.raises(
            InputError, match=r"was made with .*; resume with the settings of its manifest or name a new"
        ):
            figure.make(other)


def test_somebody_elses_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("do not touch")
    with pytest.raises(InputError, match="is not empty and holds no reproduction"):
        replace(Workshop(tmp_path, TINY, 1)).open()
    with pytest.raises(InputError, match="cannot create"):
        Workshop(tmp_path / "thesis.tex" / "below", TINY, 1).open()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_result_is_read_as_it_was_written(workshop: Workshop, results: dict[str, Result], tmp_path: Path) -> None:
    for name, result in results.items():
        assert Result.read(workshop.directory, name) == result
    shutil.copytree(workshop.directory, tmp_path / "copy", ignore=shutil.ignore_patterns("ensembles"))
    for damage in ("{}", '{"figure": "rg"', json.dumps({"title": "rg", "tables": [1]})):
        (tmp_path / "copy" / "rg.json").write_text(damage)
        with pytest.raises(InputError, match=r"rg\.json is not"):
            Result.read(tmp_path / "copy", "rg")


def test_tables(results: dict[str, Result]) -> None:
    for result in results.values():
        for table in result.tables:
            lines = table.csv_text().splitlines()
            assert len(lines) == len(table.rows) + 1
            assert lines[0].split(",") == list(table.columns)
            assert all(text for text in table.meaning.values())
            assert Table.from_document(table.name, json.loads(json.dumps(table.document()))) == table


def test_the_talks_own_size() -> None:
    assert (FULL.networks, FULL.experiments, len(FULL.widths)) == (10**6, 10, 10)
    assert DEFAULT.networks < FULL.networks


# --- the command


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "DEFAULT", Size("tiny", 60, 300, 2, (2, 5)))
    out = str(tmp_path / "out")
    assert main(["reproduce", "--figure", "coupling", "--out", out, "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "The quartic coupling against the width" in said
    assert "Erf-net: does not hold. λ_m varies over tuples by 0.46" in said
    assert main(["reproduce", "--figure", "falloff", "--out", out, "--json", "--workers", "1"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"falloff"}
    assert set(document["falloff"]["tables"]["falloff"]["rows"][0]) == set(
        document["falloff"]["tables"]["falloff"]["columns"]
    )
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "The quartic coupling against the width" in text  # made before, and still on the page
    assert "Falloff of the correlators" in text
    assert main(["reproduce", "--figure", "coupling", "--seed", "3", "--out", out]) == 2
    problem = capsys.readouterr().err
    assert "was made with" in problem
    assert problem.count("\n") == 1
    for wrong in (["--workers", "0"], ["--seed", "-1"], ["--figure", "none"], ["--out", " "]):
        try:
            code = main(["reproduce", *wrong])
        except SystemExit as stop:  # of argparse
            code = int(stop.code or 0)
        assert code == 2
        assert capsys.readouterr().err.count("\n") == 1


# --- the page


def test_the_page_tells_it_all(results: dict[str, Result]) -> None:
    text = report_page(list(results.values()), FIGURES)
    assert text == report_page(list(results.values()), FIGURES)
    assert "<script" not in text
    order = ["What the talk says", *(result.title for result in results.values()), "Provenance"]
    places = [text.index(f">{title}<") for title in order]
    assert places == sorted(places)
    for result in results.values():
        assert all(finding.statement.text in text for finding in result.findings)
    assert text.count("<math") >= 8
    assert text.count("<svg") >= len(results) + 8
    less = report_page([results["rg"]], FIGURES)
    assert results["outputs"].title not in less


@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium here; .ci/run installs it")
def test_a_browser_shows_the_page(results: dict[str, Result], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(report_page(list(results.values()), FIGURES), encoding="utf-8")
    visit = browser.visit(path, tmp_path, 390)
    layout = visit.layout
    assert visit.console == []
    assert layout["requests"] == []
    assert layout["scroll"] <= layout["client"]
    assert len(set(layout["ids"])) == len(layout["ids"])
    assert all(w > 40 and h > 12 for w, h in layout["formulas"])


# --- plots


def panel(*labels: str, group: str = "m_4", kind: Kind = Kind.MEASURED) -> Panel:
    x = np.array([1.0, 10.0, 100.0])
    error = np.array([0.1, np.nan, 0.01])
    return Panel("Erf-net", "N", "m", tuple(Series(label, group, kind, x, 1 / x, error) for label in labels))


def test_the_legend_names_everything_once() -> None:
    text = plot_svg([panel("plain", "neurons"), panel("plain", group="m_6"), panel("range", kind=Kind.RANGE)], "what")
    for name in ("plain", "neurons", "range", "m_4", "m_6"):
        assert text.count(f">{name}</text>") == 1
    assert "no legend" not in plot_svg([panel("no legend")], "one series needs none")


def test_refused_error_bars_are_hollow() -> None:
    sure = replace(panel("plain").series[0], error=np.array([0.1, 0.05, 0.01]))
    assert "fill: none" in plot_svg([panel("plain")], "what").split("PolyCollection")[-1]
    hollow, full = plot_svg([panel("plain")], ""), plot_svg([replace(panel("plain"), series=(sure,))], "")
    assert hollow.count("<use") == full.count("<use") - 2  # a bar with two caps less, a point as before


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    check_plots()
    monkeypatch.setattr(plots, "find_spec", lambda _name: None)
    assert main(["reproduce", "--out", "nowhere"]) == 2
    assert "pip install 'feyn-nn[plot]'" in capsys.readouterr().err
