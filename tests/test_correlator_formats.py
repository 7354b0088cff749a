"""`correlator --format form` and `--format mathematica`: the SymPy expression term by term, and real FORM where it is.

Both texts are read back by a small parser written here. FORM itself sums them with every propagator set to one, which
must give the exact zero-dimensional values that prove completeness.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from fractions import Fraction
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any

import pytest
import sympy

from feyn_nn.action import TALK_ACTION, Action
from feyn_nn.cli import main
from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs.interchange.form import form_symbol
from feyn_nn.graphs.interchange.mathematica import mathematica_symbol
from feyn_nn.symbolic.expressions import expression
from feyn_nn.symbolic.formats.form import correlator_form
from feyn_nn.symbolic.formats.layout import labelled_products
from feyn_nn.symbolic.formats.mathematica import correlator_mathematica

if TYPE_CHECKING:
    from pathlib import Path

    from feyn_nn.correlator import Correlator

FORM = shutil.which("form") or shutil.which("tform")
ACTIONS = ["lambda f^4 + kappa f^6", "g_ f^3 + lambda_4 f^4", "int f^5 + E f^3", "a_1 f^4 + a1 f^4 + A f^3"]

Key = tuple[tuple[tuple[str, int], ...], tuple[tuple[tuple[str, str], int], ...], tuple[str, ...]]
"""Couplings with powers, propagators with powers, internal points."""


@cache
def correlators() -> tuple[Correlator, ...]:
    """None, one and many terms; odd vertices; vacuum parts; no legs; two couplings of the same valence."""
    result = [generate_correlator(n, TALK_ACTION, TALK_ACTION.orders(2)) for n in (0, 1, 2, 3, 4)]
    for text in ACTIONS:
        action = Action.parse(text)
        result += [generate_correlator(n, action, action.orders(2), set()) for n in (0, 1, 2, 3)]
    return (*result, generate_correlator(6, TALK_ACTION, TALK_ACTION.orders(1)))


def by_name(correlator: Correlator) -> str:
    return f"{correlator.n} of {correlator.action}"


EVERY = pytest.mark.parametrize("correlator", correlators(), ids=by_name)


def key(couplings: Counter[str], lines: Counter[tuple[str, str]], points: list[str]) -> Key:
    return tuple(sorted(couplings.items())), tuple(sorted(lines.items())), tuple(sorted(points))


def expected(correlator: Correlator) -> dict[Key, Fraction]:
    """The signed coefficient of every product, from the terms and their labellings."""
    result: dict[Key, Fraction] = defaultdict(Fraction)
    for term in correlator.terms:
        couplings = Counter(
            {form_symbol(g, "G"): p for g, p in zip(correlator.action.couplings, term.order, strict=True) if p}
        )
        for product in labelled_products(term, correlator.action):
            lines = Counter((min(a, b), max(a, b)) for a, b in product.lines)
            result[key(couplings, lines, list(product.points))] += term.sign * term.coefficient
    return result


def read_form_sum(text: str) -> dict[Key, Fraction]:
    """The products of a FORM expression: those written here, or those that FORM prints."""
    compact = re.sub(r"\s+", "", text)
    result: dict[Key, Fraction] = defaultdict(Fraction)
    for summand in re.findall(r"[+-]?(?:[^+\-(]|\([^)]*\))+", "" if compact in ("0", "+0") else compact):
        coefficient = Fraction(-1 if summand[0] == "-" else 1)
        couplings: Counter[str] = Counter()
        lines: Counter[tuple[str, str]] = Counter()
        points = []
        for factor in summand.lstrip("+-").split("*"):
            base, _, power = factor.partition("^")
            if found := re.fullmatch(r"K\((\w+),(\w+)\)", base):
                lines[min(found.groups()), max(found.groups())] += int(power or 1)
            elif found := re.fullmatch(r"int\((\w+),-Lambda,Lambda\)", base):
                points.append(found[1])
            elif base[0].isdigit():
                coefficient *= Fraction(base)
            else:
                couplings[base] += int(power or 1)
        result[key(couplings, lines, points)] += coefficient
    return result


def body(program: str) -> str:
    found = re.search(r"Local G =\n(.*?);\n", program, re.DOTALL)
    assert found is not None
    return found[1]


def run_form(program: str, folder: Path) -> str:
    source = folder / "program.frm"
    source.write_text(program)
    done = subprocess.run([FORM or "", "-q", str(source)], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    found = re.search(r"\bG =(.*?);", done.stdout, re.DOTALL)
    assert found is not None
    return found[1]


@EVERY
def test_form_has_the_terms_of_the_correlator(correlator: Correlator) -> None:
    program = correlator_form(correlator)
    assert read_form_sum(body(program)) == expected(correlator)
    assert program.endswith("\nPrint +s;\n.end\n")
    assert max(map(len, re.findall(r"Symbols ([^;]*);", program) or [""])) < 1000


@EVERY
@pytest.mark.skipif(FORM is None, reason="FORM is not installed")
def test_form_itself_prints_the_same_terms(correlator: Correlator, tmp_path: Path) -> None:
    assert read_form_sum(run_form(correlator_form(correlator), tmp_path)) == expected(correlator)


@EVERY
@pytest.mark.skipif(FORM is None, reason="FORM is not installed")
def test_form_sums_to_the_theory_in_zero_dimensions(correlator: Correlator, tmp_path: Path) -> None:
    program = f"Symbols a, b;\n{correlator_form(correlator)}"
    ones = program.replace("\nPrint", "\nid K(a?,b?) = 1;\nid int(?c) = 1;\nPrint")
    exact: dict[Key, Fraction] = defaultdict(Fraction)
    for check in correlator.checks:
        names = [form_symbol(name, "G") for name in correlator.action.couplings]
        couplings = Counter({name: power for name, power in zip(names, check.order, strict=True) if power})
        if check.kept:
            exact[key(couplings, Counter(), [])] = (-1) ** sum(check.order) * check.kept
    assert read_form_sum(run_form(ones, tmp_path)) == exact


@pytest.mark.skipif(FORM is None, reason="FORM is not installed")
def test_form_takes_thousands_of_terms(tmp_path: Path) -> None:
    large = generate_correlator(10, TALK_ACTION, TALK_ACTION.orders(1))
    assert sum(term.labellings for term in large.terms) > 5000
    assert read_form_sum(run_form(correlator_form(large), tmp_path)) == expected(large)


def read_mathematica(text: str, couplings: dict[str, str]) -> Any:
    """A SymPy expression from the grammar that is written: sums, products, powers, K[...], Inactive[Integrate][...]."""
    tokens = re.findall(r"[A-Za-z$`][\w$`]*|\d+|[^\s]", re.sub(r"\(\*.*?\*\)", "", text))
    position = 0

    def accept(*wanted: str) -> bool:
        nonlocal position
        if tuple(tokens[position : position + len(wanted)]) == wanted:
            position += len(wanted)
            return True
        return False

    def expect(*wanted: str) -> None:
        assert accept(*wanted), tokens[position : position + 8]

    def sequence(end: str) -> list[Any]:
        items: list[Any] = []
        while not accept(end):
            if items:
                expect(",")
            items.append(total())
        return items

    def total() -> Any:
        result = product()
        while accept("+"):
            result += product()
        return result

    def product() -> Any:
        result = -power() if accept("-") else power()
        while True:
            if accept("*"):
                result *= power()
            elif accept("/"):
                result /= power()
            else:
                return result

    def power() -> Any:
        base = atom()
        return base ** atom() if accept("^") else base

    def atom() -> Any:
        nonlocal position
        if accept("("):
            inner = total()
            expect(")")
            return inner
        if accept("{"):
            return tuple(sequence("}"))
        if accept("Plus", "["):
            return sympy.Add(*sequence("]"))
        if accept("K", "["):
            points = sequence("]")
            return sympy.Function("K")(
                *(c for point in points for c in (point if isinstance(point, tuple) else (point,)))
            )
        if accept("Inactive", "[", "Integrate", "]", "["):
            return sympy.Integral(*sequence("]"))
        name = tokens[position]
        position += 1
        if name.isdigit():
            return sympy.Integer(name)
        assert re.fullmatch(r"[A-Za-z$`][\w$`]*", name), name
        if accept("["):
            (axis,) = sequence("]")
            return sympy.Symbol(f"{name}_{axis}")
        return sympy.Symbol(couplings.get(name, name))

    result = total()
    assert position == len(tokens)
    return result


@pytest.mark.parametrize("d_in", [1, 2])
@EVERY
def test_mathematica_is_the_expression_of_sympy(correlator: Correlator, d_in: int) -> None:
    text = correlator_mathematica(correlator, d_in)
    names = {mathematica_symbol(coupling): coupling for coupling in correlator.action.couplings}
    assert len(names) == len(correlator.action.couplings)
    assert read_mathematica(text, names) == expression(correlator, d_in)
    without_comments = re.sub(r"\(\*.*?\*\)", "", text)
    assert "_" not in without_comments
    for opening, closing in ("[]", "{}", "()"):
        assert without_comments.count(opening) == without_comments.count(closing)
    for coupling in correlator.action.couplings:
        if mathematica_symbol(coupling) != coupling:
            assert f"(* {mathematica_symbol(coupling)} is the coupling {coupling}: " in text


def test_a_wrong_factor_would_be_seen() -> None:
    """Control: one digit or one sign changed in either text."""
    correlator = generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(1))
    program, text = correlator_form(correlator), correlator_mathematica(correlator)
    for old, new in (("24", "25"), ("- 24", "+ 24"), ("K(x1,x2)", "K(x1,x3)")):
        assert read_form_sum(body(program.replace(old, new))) != expected(correlator)
    for old, new in (("24", "25"), ("-24", "24"), ("K[x1, x2]", "K[x1, x3]")):
        assert read_mathematica(text.replace(old, new), {}) != expression(correlator)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["correlator", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["4"], ["4", "--order", "lambda=2"], ["2", "--keep", "vacuum,propagator"]])
def test_the_commands_print_what_json_says(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """For every topology: as many products as labellings, each with its coefficient, the representative among them."""
    entries = json.loads(printed(capsys, *arguments, "--format", "json"))["terms"]
    products = read_form_sum(body(printed(capsys, *arguments, "--format", "form")))
    assert len(products) == sum(int(entry["labellings"]) for entry in entries)
    total: dict[Key, Fraction] = defaultdict(Fraction)
    for entry in entries:
        couplings = Counter({name: power for name, power in entry["order"].items() if power})
        lines = Counter((min(a, b), max(a, b)) for a, b in entry["edges"])
        points = list({point for line in lines for point in line if point[0] != "x"})
        sign = (-1) ** sum(couplings.values())
        assert products[key(couplings, lines, points)] == sign * Fraction(entry["coefficient"])
        total[key(couplings, Counter(), [])] += sign * Fraction(entry["multiplicity"])
    found: dict[Key, Fraction] = defaultdict(Fraction)
    for (powers, _, _), value in products.items():
        found[key(Counter(dict(powers)), Counter(), [])] += value
    assert found == total
    read = read_mathematica(printed(capsys, *arguments, "--format", "mathematica"), {})
    ones = read.replace(sympy.Integral, lambda inner, *_: inner).replace(sympy.Function("K"), lambda *_: 1)
    symbols = {entry: prod(sympy.Symbol(name) ** power for name, power in entry[0]) for entry in total}
    assert sympy.expand(ones - sum(sympy.Rational(str(v)) * symbols[entry] for entry, v in total.items())) == 0


@pytest.mark.parametrize("form", ["form", "mathematica"])
def test_limits_and_wrong_options(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["correlator", "14", "--format", form]) == 3
    assert "labelled diagrams to write out" in capsys.readouterr().err
    assert main(["correlator", "4", "--named-integrals", "--format", form]) == 2
    assert f"not used by --format {form}" in capsys.readouterr().err


def test_dimensions_of_mathematica() -> None:
    correlator = generate_correlator(2, TALK_ACTION, TALK_ACTION.orders(0))
    assert "K[{x1[1], x1[2], x1[3]}, {x2[1], x2[2], x2[3]}]" in correlator_mathematica(correlator, 3)
    with pytest.raises(InputError, match="d_in = 0"):
        correlator_mathematica(correlator, 0)
    with pytest.raises(LimitError, match="d_in = 1000000000"):
        correlator_mathematica(correlator, 10**9)


@pytest.mark.parametrize("form", ["form", "mathematica"])
def test_neither_format_loads_sympy(form: str) -> None:
    code = (
        "import sys\nfrom feyn_nn.cli import main\n"
        f"assert main(['correlator', '4', '--format', '{form}']) == 0\nassert 'sympy' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
