"""The report page: well formed, escaped, self-contained, and laid out by a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import fromstring, tostring

import numpy as np
import pytest

from feyn_nn.action import Action
from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import InputError
from feyn_nn.render import diagram_svg
from feyn_nn.render.plots import Kind, Panel, Series, plot_svg
from feyn_nn.report import Caution, Facts, Formula, Gallery, Numbers, Paragraph, Picture, Section, page
from feyn_nn.report.mathml import correlator_formula, formula, number, operator, over, sub, symbol
from tests import browser

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE: Final = '"><script>window.touched=1</script><img src=x onerror="window.touched=1">&amp;\x00'
ACTION: Final = Action.parse("lambda f^4 + kappa f^6")


def plot(label: str = "m_4") -> str:
    x = np.array([2.0, 10.0, 100.0])
    series = (
        Series(f"{label} measured", label, Kind.MEASURED, x, 1 / x, np.array([0.01, np.nan, 0.001])),
        Series(f"{label} exact", label, Kind.EXACT, x, 1 / x),
    )
    return plot_svg(
        [Panel("Erf-net", "width N", "m_n", series), Panel("ReLU-net", "width N", "m_n", series)], "falloff"
    )


def full_page(hostile: str = HOSTILE) -> str:
    four = generate_correlator(4, ACTION, [(0, 0), (1, 0), (0, 1)])
    diagrams = tuple(
        Picture(diagram_svg(term.representative(ACTION), hostile), f"{hostile} {term.multiplicity}")
        for term in four.terms
    )
    blocks = (
        Paragraph(hostile),
        Caution(hostile, hostile),
        Formula(correlator_formula(four), hostile),
        Formula(formula(symbol("lambda_m"), operator("="), over(symbol(hostile), number("24")))),
        Gallery(diagrams),
        Picture(plot("m_4"), hostile, wide=True),
        Picture(plot("m_4"), "the same again", wide=True),
        Numbers((hostile, "value"), ((hostile, -0.25), ("b", None), ("c", float("nan"))), hostile),
        Facts({hostile: hostile}),
    )
    return page(hostile, [hostile], [Section(hostile, blocks)])


def test_names_from_outside_are_text() -> None:
    text = full_page()
    for opening in ("<script", "<img", "\x00"):
        assert opening not in text
    assert "&lt;script&gt;window.touched=1" in text
    # the control: a page that does not escape is seen by this test's eyes
    assert "<script" in text.replace("&lt;", "<")


def test_formulas_are_well_formed_and_say_what_the_correlator_says() -> None:
    math = correlator_formula(generate_correlator(6, ACTION, [(0, 0), (1, 0), (0, 1)]))
    again = fromstring(tostring(math))
    text = "".join(again.itertext())
    for piece in ("24λ", "720κ", "360κ", "perms", "K12K34K56"):
        assert piece in text
    assert "−24λ" in text
    fraction = fromstring(tostring(formula(sub(symbol("K"), symbol("W")), operator("="), number("1/2"))))
    assert "".join(fraction.itertext()) == "KW=1/2"


def test_pictures_are_pictures() -> None:
    for broken in ("<svg", "<p>no picture</p>", ""):
        with pytest.raises(InputError, match="a picture"):
            page("t", [], [Section("s", (Picture(broken, "c"),))])
    hostile = (
        '<svg xmlns="http://www.w3.org/2000/svg" onload="a()"><script>b()</script><style>*{}</style><g id="g1"/></svg>'
    )
    text = page("t", [], [Section("s", (Picture(hostile, "c"),))])
    assert "onload" not in text
    assert "<script" not in text
    assert text.count("<style") == 1
    assert 'id="p1-g1"' in text


def test_the_same_numbers_give_the_same_plot() -> None:
    assert plot() == plot()
    assert plot("m_4") != plot("m_6")
    assert "m_4 measured" in plot()  # text stays text
    with pytest.raises(InputError, match="without panels"):
        plot_svg([], "nothing")


@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium here; .ci/run installs it")
@pytest.mark.parametrize("width", [1100, 390])
def test_a_browser_shows_it(tmp_path: Path, width: int) -> None:
    path = tmp_path / "report.html"
    path.write_text(full_page(), encoding="utf-8")
    visit = browser.visit(path, tmp_path, width)
    assert visit.console == []
    assert visit.layout["requests"] == []
    layout = visit.layout
    assert layout["touched"] is None
    assert layout["scripts"] == layout["handlers"] == 0
    assert all(link.startswith(("data:", "#")) for link in layout["links"])
    assert len(set(layout["ids"])) == len(layout["ids"])
    assert layout["scroll"] <= layout["client"], "the page itself must not scroll sideways"
    assert all(w > 40 and h > 12 for w, h in layout["formulas"])
    assert all(w > 60 and h > 20 for w, h in layout["pictures"])
    assert "window.touched" in layout["text"]  # shown as text


@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium here; .ci/run installs it")
def test_the_browser_notices_what_must_not_be(tmp_path: Path) -> None:
    """The control: a page with a script, a missing file and a wide table is caught on every count."""
    path = tmp_path / "bad.html"
    path.write_text(
        "<!DOCTYPE html><body><script>window.touched=1; console.error('no')</script><math><mi>x</mi></math>"
        "<div style='width:3000px'>wide</div><img src='http://feyn-nn.invalid/x.png'>",
        encoding="utf-8",
    )
    visit = browser.visit(path, tmp_path, 390)
    assert visit.console
    assert any("feyn-nn.invalid" in address for address in visit.layout["requests"])
    assert visit.layout["touched"] == 1
    assert visit.layout["scripts"] == 1
    assert visit.layout["scroll"] > visit.layout["client"]


@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium here; .ci/run installs it")
def test_it_prints(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(full_page("plain"), encoding="utf-8")
    pdf = browser.printed(path, tmp_path)
    assert pdf.startswith(b"%PDF")
    assert 1 <= pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") <= 6
