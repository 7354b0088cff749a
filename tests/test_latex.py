"""LaTeX of correlators: the talk's factors and numbers of products, balance, and that it compiles where TeX is."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from feyn_nn.action import TALK_ACTION, Action
from feyn_nn.correlator import generate_correlator
from feyn_nn.symbolic.formats.latex import correlator_latex, coupling_latex
from tests.tex import assert_compiles_and_fits

if TYPE_CHECKING:
    from pathlib import Path

    from feyn_nn.correlator import Correlator

ACTIONS = ["lambda f^4 + kappa f^6", "g f^3 + lambda_4 f^4", "strength f^4 + rho2 f^8"]


def talk(n: int, maximum: int = 1) -> Correlator:
    return generate_correlator(n, TALK_ACTION, TALK_ACTION.orders(maximum))


def correlators() -> list[Correlator]:
    """A range of sizes: none, one and many terms, odd vertices, two vertices of a kind, ten legs and more."""
    result = [talk(n, 2) for n in (0, 1, 2, 3, 4)] + [talk(6)]
    for text in ACTIONS:
        action = Action.parse(text)
        result += [generate_correlator(n, action, action.orders(2), set()) for n in (0, 2, 3)]
    return [*result, generate_correlator(10, TALK_ACTION, [(0, 0)])]


def normalised(latex: str) -> str:
    """One line, without what breaks lines."""
    return re.sub(r"\s+", " ", latex.replace("\\\\", " ").replace("&{}", " ").replace("\\quad", " ").replace("&=", "="))


def sums(latex: str) -> dict[str, list[str]]:
    """What stands in front of each bracket or lone product -> the products."""
    body = normalised(latex).split("= ", 1)[1].split("\\end", 1)[0]
    result: dict[str, list[str]] = {}
    for part in re.split(r"(?=- \d+ \\int)", body):
        found = re.match(r"- (\d+) \\int (d\^\S+) (\\\w+) (.*)$", part.strip())
        if found is None:
            result["free"] = part.strip().split(" + ")
        else:
            inside = found[4].replace("\\bigl[", "").replace("\\bigr]", "")
            result[f"{found[1]} {found[3]}"] = [product.strip() for product in inside.split(" + ")]
    return result


def legs_of(product: str) -> Counter[str]:
    return Counter(digit for index in re.findall(r"K_\{(.*?)\}", product) for digit in index if digit.isdigit())


def test_six_point_function_has_the_factors_and_the_products_of_the_talk() -> None:
    found = sums(correlator_latex(talk(6)))
    assert {key: len(products) for key, products in found.items()} == {
        "free": 15,
        r"24 \lambda": 15,
        r"720 \kappa": 1,
        r"360 \kappa": 15,
    }
    for products in found.values():
        assert len(set(products)) == len(products)
        assert all(legs_of(product) == Counter("123456") for product in products)
    assert all(product.count("K_{zz}") == 1 for product in found[r"360 \kappa"])
    assert all(product.count("y") == 4 for product in found[r"24 \lambda"])
    assert found[r"720 \kappa"] == ["K_{1z} K_{2z} K_{3z} K_{4z} K_{5z} K_{6z}"]


def test_four_point_function_has_the_factors_of_the_talk() -> None:
    found = sums(correlator_latex(talk(4)))
    assert {key: len(products) for key, products in found.items()} == {"free": 3, r"24 \lambda": 1, r"360 \kappa": 1}


@pytest.mark.parametrize("correlator", correlators(), ids=lambda correlator: f"{correlator.n} of {correlator.action}")
def test_structure(correlator: Correlator) -> None:
    latex = correlator_latex(correlator)
    assert latex.startswith("\\begin{align*}\n")
    assert latex.endswith("\\end{align*}\n")
    depth = 0
    for sign in re.findall(r"(?<!\\)[{}]", latex):
        depth += 1 if sign == "{" else -1
        assert depth >= 0
    assert depth == 0
    brackets = re.findall(r"\\big[lr][\[\]]", latex)
    assert brackets == ["\\bigl[", "\\bigr]"] * (len(brackets) // 2)
    rows = latex.splitlines()[2:-1]  # without the environment and the left-hand side
    assert all(row.endswith(" \\\\") for row in rows[:-1])
    assert not rows[-1].endswith("\\\\")
    assert all(row.count("&") == 1 for row in rows)
    assert sum(row.startswith("  &= ") for row in rows) == 1
    assert "+ -" not in latex
    assert not re.search(r"\+\s*(\\\\|\\bigr\])", latex)
    for term in correlator.terms:
        if term.coefficient != 1:
            size = term.coefficient
            assert f"{size.numerator}" in latex
    # A subscript or an exponent may not follow another one: TeX stops at K_{12}_{3} and at x^{2}^{3}.
    assert not re.search(r"\}_\{[^{}]*\}_", latex)
    assert not re.search(r"\^\{[^{}]*\}\^", latex)


def test_legs_from_ten_on_are_told_apart() -> None:
    """K_{1 12} must not look like K_{11 2}."""
    latex = correlator_latex(generate_correlator(12, Action.parse("lambda f^4"), [(0,)]))
    indices = set(re.findall(r"K_\{((?:[^{}]|\{[^{}]*\})*)\}", latex))
    assert len(indices) == 12 * 11 // 2


def test_points_are_numbered_where_there_are_two() -> None:
    second = correlator_latex(generate_correlator(4, TALK_ACTION, [(2, 0)]))
    assert {"y_{1}", "y_{2}"} <= set(re.findall(r"y_\{\d\}", second))
    assert "\\lambda^{2}" in second
    assert not re.search(r"y(?!_)", second)
    mixed = correlator_latex(generate_correlator(4, TALK_ACTION, [(1, 1)]))
    assert "y_" not in mixed
    assert "z_" not in mixed


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("lambda", r"\lambda"),
        ("kappa", r"\kappa"),
        ("g", "g"),
        ("lambda_4", r"\lambda_{4}"),
        ("kappa3", r"\kappa_{3}"),
        ("g_a_b", "g_{a,b}"),
        ("g12", "g_{12}"),
        ("strength", r"\mathit{strength}"),
        ("strength_2", r"\mathit{strength}_{2}"),
        ("lambdas", r"\mathit{lambdas}"),
        ("g_", "g"),
    ],
)
def test_coupling_names(name: str, latex: str) -> None:
    assert coupling_latex(name) == latex


def test_greek_letters_are_commands_of_tex() -> None:
    """omicron has no command; whatever is written with a backslash must exist in plain LaTeX."""
    known = re.findall(
        r"\w+",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
        "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega",
    )
    for name in (*known, "omicron", "Alpha", "foo"):
        written = coupling_latex(name)
        if written.startswith("\\") and not written.startswith("\\mathit"):
            assert written.lstrip("\\") in known


def test_documents_compile_where_tex_is_installed(tmp_path: Path) -> None:
    formulas = [correlator_latex(correlator) for correlator in correlators()]
    formulas.append("\\[" + " ".join(coupling_latex(name) for name in ("lambda_4", "g_a_b", "strength_2")) + "\\]\n")
    assert_compiles_and_fits(formulas, tmp_path)
