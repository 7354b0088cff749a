"""Every formula of the talk, as it stands on the slides, against one call of the package; docs/talk.md lists the calls.

The expected side is typed in here from the talk, in its own notation: K12 is K(x1, x2), `int y` the integral over the cube of
everything to its right. Where the talk's text is garbled the corrected form is used, and the comment says so.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sympy

from feyn_nn.action import TALK_ACTION, TRANSLATION, Z2, Action, allowed_action
from feyn_nn.correlator import generate_correlator
from feyn_nn.graphs import Rule
from feyn_nn.kernels import ErfKernel, GaussKernel, ReluKernel
from feyn_nn.symbolic.comparison import UpTo, same
from feyn_nn.symbolic.couplings import remainder, solve_coupling
from feyn_nn.symbolic.expressions import D_OUT, expression
from feyn_nn.symbolic.formats.layout import CouplingForm, Layout, Outputs
from feyn_nn.symbolic.integrals import CUTOFF, CubeIntegral, K
from feyn_nn.symbolic.kernels import SYMBOLS, symbolic_kernel
from feyn_nn.symbolic.running import running_system

if TYPE_CHECKING:
    from collections.abc import Callable

PHI4 = Action.parse("lambda f^4")
GENERAL = Action.parse("g f^3 + lambda f^4 + alpha f^5 + kappa f^6")
VACUUM_ONLY = {Rule.VACUUM}
_TOKEN = re.compile(r"\s*(K\w\w|int|lambda_bar|lambda|kappa|delta\(\w\)|d_out|d\w\w|\d+|[-+*()\[\]]|[yz]\b|x\b)")

# (2.31) and its smaller companions: Gaussian correlators
GAUSSIAN_2 = "K12"
GAUSSIAN_4 = "K12 K34 + K13 K24 + K14 K23"
GAUSSIAN_6 = """K12 K34 K56 + K12 K35 K46 + K12 K36 K45 + K13 K24 K56 + K13 K25 K46 + K13 K26 K45
    + K14 K23 K56 + K14 K25 K36 + K14 K26 K35 + K15 K23 K46 + K15 K24 K36 + K15 K26 K34
    + K16 K23 K45 + K16 K24 K35 + K16 K25 K34"""

# (3.17): the talk has 12 and 90 exchanged in places; 12 goes with lambda, 90 with kappa. Both diagrams are then thrown away.
TWO_POINT = "K12 - 12 int y lambda K1y K2y Kyy - 90 int z kappa K1z K2z Kzz Kzz"

# (3.18): first with the corrections of lines, 72 = 6 * 12 and 540 = 6 * 90, then without
FOUR_POINT = f"""{GAUSSIAN_4} - 24 int y lambda K1y K2y K3y K4y - 360 int z kappa K1z K2z K3z K4z Kzz"""
FOUR_POINT_CORRECTIONS = """
    - 12 K12 int y lambda K3y K4y Kyy - 12 K13 int y lambda K2y K4y Kyy - 12 K14 int y lambda K2y K3y Kyy
    - 12 K23 int y lambda K1y K4y Kyy - 12 K24 int y lambda K1y K3y Kyy - 12 K34 int y lambda K1y K2y Kyy
    - 90 K12 int z kappa K3z K4z Kzz Kzz - 90 K13 int z kappa K2z K4z Kzz Kzz - 90 K14 int z kappa K2z K3z Kzz Kzz
    - 90 K23 int z kappa K1z K4z Kzz Kzz - 90 K24 int z kappa K1z K3z Kzz Kzz - 90 K34 int z kappa K1z K2z Kzz Kzz"""

# (3.19), as on the slide
QUARTIC_6 = """24 int y lambda [K1y K2y K3y K4y K56 + K1y K2y K3y K5y K46 + K1y K2y K4y K5y K36
    + K1y K3y K4y K5y K26 + K2y K3y K4y K5y K16 + K1y K2y K3y K6y K45 + K1y K2y K4y K6y K35
    + K1y K3y K4y K6y K25 + K2y K3y K4y K6y K15 + K1y K2y K5y K6y K34 + K1y K3y K5y K6y K24
    + K2y K3y K5y K6y K14 + K1y K4y K5y K6y K23 + K2y K4y K5y K6y K13 + K3y K4y K5y K6y K12]"""
SEXTIC_6 = """720 int z kappa K1z K2z K3z K4z K5z K6z + 360 int z kappa [Kzz K1z K2z K3z K4z K56
    + Kzz K1z K2z K3z K5z K46 + Kzz K1z K2z K4z K5z K36 + Kzz K1z K3z K4z K5z K26
    + Kzz K2z K3z K4z K5z K16 + Kzz K1z K2z K3z K6z K45 + Kzz K1z K2z K4z K6z K35
    + Kzz K1z K3z K4z K6z K25 + Kzz K2z K3z K4z K6z K15 + Kzz K1z K2z K5z K6z K34
    + Kzz K1z K3z K5z K6z K24 + Kzz K2z K3z K5z K6z K14 + Kzz K1z K4z K5z K6z K23
    + Kzz K2z K4z K5z K6z K13 + Kzz K3z K4z K5z K6z K12]"""
SIX_POINT = f"{GAUSSIAN_6} - [{QUARTIC_6}] - [{SEXTIC_6}]"

# G_ijkl at O(lambda^2): the talk's lambda^2/2 with "+ x <-> y" is lambda^2 with each channel once
SPECIES_4 = """K12 K34 dij dkl + K13 K24 dik djl + K14 K23 dil djk
    - 8 int y lambda K1y K2y K3y K4y (dij dkl + dik djl + dil djk)
    + 16 int y int z lambda lambda Kyz Kyz [
        (K1y K2y K3z K4z + K1z K2z K3y K4y) ((d_out + 4) dij dkl + 2 (dik djl + dil djk))
      + (K1y K3y K2z K4z + K1z K3z K2y K4y) ((d_out + 4) dik djl + 2 (dij dkl + dil djk))
      + (K1y K4y K2z K3z + K1z K4z K2y K3y) ((d_out + 4) dil djk + 2 (dij dkl + dik djl))]"""


def point(name: str) -> Any:
    return sympy.Symbol(f"x{name}") if name.isdigit() else sympy.Symbol(f"{name}1")


def read(text: str) -> Any:
    """The talk's notation as a SymPy expression."""
    tokens = _TOKEN.findall(text)
    assert "".join(tokens) == re.sub(r"\s+", "", text), "a piece of the formula was not understood"
    position = 0

    def peek() -> str:
        return tokens[position] if position < len(tokens) else ""

    def take() -> str:
        nonlocal position
        position += 1
        return str(tokens[position - 1])

    def total() -> Any:
        result: Any = 0
        sign = 1
        while peek() in ("+", "-"):
            sign = 1 if take() == "+" else -1
        result += sign * product()
        while peek() in ("+", "-"):
            sign = 1 if take() == "+" else -1
            result += sign * product()
        return result

    def product() -> Any:
        factors: list[Any] = []
        while peek() and peek() not in "+-)]":
            if peek() == "int":
                take()
                variable = point(take())
                inside = product()
                summands = sympy.Add.make_args(sympy.expand(inside))
                return sympy.Mul(*factors) * sympy.Add(*(CubeIntegral(summand, variable) for summand in summands))
            factors.append(atom())
        return sympy.Mul(*factors)

    def atom() -> Any:
        token = take()
        if token in "([":
            inner = total()
            assert take() in ")]"
            return inner
        if token.isdigit():
            return sympy.Integer(int(token))
        if token == "d_out":
            return D_OUT
        if token.startswith("delta("):
            return sympy.Function("delta_lambda")(point(token[6]))
        if token in ("lambda", "kappa", "lambda_bar"):
            return sympy.Symbol(token)
        if token[0] == "d":
            index = {letter: sympy.Symbol(f"i{number + 1}") for number, letter in enumerate("ijkl")}
            return sympy.KroneckerDelta(index[token[1]], index[token[2]])
        return K(point(token[1]), point(token[2]))

    result = total()
    assert position == len(tokens)
    return result


def correlator(n: int, order: int, rules: set[Rule] | None = None, action: Action = TALK_ACTION) -> Any:
    orders = action.orders(order)
    return generate_correlator(n, action, orders) if rules is None else generate_correlator(n, action, orders, rules)


def written(n: int, order: int, rules: set[Rule] | None = None) -> Any:
    return expression(correlator(n, order, rules), None)


FORMULAS: list[tuple[str, Callable[[], Any], str]] = [
    ("G_GP^(2)", lambda: written(2, 0), GAUSSIAN_2),
    ("G_GP^(4)", lambda: written(4, 0), GAUSSIAN_4),
    ("(2.31)", lambda: written(6, 0), GAUSSIAN_6),
    ("(3.17), first line", lambda: written(2, 1, VACUUM_ONLY), TWO_POINT),
    ("(3.17), last line", lambda: written(2, 1), GAUSSIAN_2),
    ("(3.18), first line", lambda: written(4, 1, VACUUM_ONLY), FOUR_POINT + FOUR_POINT_CORRECTIONS),
    ("(3.18), last line", lambda: written(4, 1), FOUR_POINT),
    ("(3.19)", lambda: written(6, 1), SIX_POINT),
    (
        "lambda(x) = lambda_bar + delta lambda(x)",
        lambda: expression(correlator(4, 1, action=PHI4), None, Layout(couplings=CouplingForm.SPLIT)),
        f"{GAUSSIAN_4} - 24 int y lambda_bar K1y K2y K3y K4y - 24 int y delta(y) K1y K2y K3y K4y",
    ),
    (
        "G_ijkl at O(lambda^2)",
        lambda: expression(correlator(4, 2, action=PHI4), None, Layout(outputs=Outputs.SPECIES)),
        SPECIES_4,
    ),
    (
        "delta'(x1, ..., x6), measured side",  # four legs at y and a line, as in (3.19); the slide has six legs at y
        lambda: remainder(correlator(6, 1), "kappa")[0].written_out() - sympy.Function("G6")(*sympy.symbols("x1:7")),
        f"- [{GAUSSIAN_6}] + {QUARTIC_6}",
    ),
    (
        "delta'(x1, ..., x6), value",
        lambda: remainder(correlator(6, 1), "kappa")[1].written_out(None),
        f"- [{SEXTIC_6}]",
    ),
]


@pytest.mark.parametrize(("name", "make", "expected"), FORMULAS, ids=[row[0] for row in FORMULAS])
def test_correlators(name: str, make: Callable[[], Any], expected: str) -> None:
    """Up to names of integration variables only: legs keep their labels."""
    found, value = make(), read(expected)
    assert same(found, value, up_to=UpTo.VARIABLES)
    # Controls: a number that is wrong, and a leg at the wrong vertex.
    assert not same(found, value + read("K12"), up_to=UpTo.VARIABLES)
    assert not same(2 * found, value, up_to=UpTo.VARIABLES)


def test_dividing_by_z_takes_the_vacuum_parts_away() -> None:
    """G^(n) = <f...f (1 - int g_k f^k)>/<1 - int g_k f^k>: at first order numerator - free * denominator."""
    for n in (2, 4, 6):
        everything = written(n, 1, set())
        vacuum = written(0, 1, set())
        free = written(n, 0)
        first = sympy.expand(everything - free) - sympy.expand(free * (vacuum - 1))
        assert same(first + free, written(n, 1, VACUUM_ONLY), up_to=UpTo.VARIABLES)


def test_the_effective_action() -> None:
    """Delta S = g f^3 + lambda f^4 + alpha f^5 + kappa f^6, and lambda f^4 + kappa f^6 where odd functions vanish."""
    assert allowed_action([TRANSLATION], 6).action == GENERAL
    assert allowed_action([Z2, TRANSLATION], 6).action == TALK_ACTION


def test_lambda_and_lambda_bar() -> None:
    """lambda_m = (K12 K34 + K13 K24 + K14 K23 - G4)/(24 int Delta_1234y), lambda_bar = that - int delta Delta/int Delta."""
    four = generate_correlator(4, PHI4, PHI4.orders(1))
    G4 = sympy.Function("G4")(*sympy.symbols("x1:5"))
    integral, varying = read("int y K1y K2y K3y K4y"), read("int y delta(y) K1y K2y K3y K4y")
    lambda_m = (read(GAUSSIAN_4) - G4) / (24 * integral)
    assert solve_coupling(four, "lambda").written_out() == lambda_m
    split = solve_coupling(four, "lambda", Layout(couplings=CouplingForm.SPLIT))
    assert split.written_out() == lambda_m - varying / integral


def test_running() -> None:
    """(4.13) and (4.14): gamma + rho are the integrands of (3.18) and (3.19), one coupling at a time."""
    system = running_system(TALK_ACTION)
    symbols = {"lambda": sympy.Symbol("lambda"), "kappa": sympy.Symbol("kappa")}
    for n, equation, sides in (
        (4, system.equations[0], {"lambda": "24 int y K1y K2y K3y K4y", "kappa": "360 int z K1z K2z K3z K4z Kzz"}),
        (6, system.equations[1], {"lambda": QUARTIC_6.replace("lambda ", ""), "kappa": SEXTIC_6.replace("kappa ", "")}),
    ):
        expected: Any = 0
        for name, text in sides.items():
            integral = read(text)
            beta = sympy.Symbol(f"beta_{name}")
            expected -= beta * integral + symbols[name] * CUTOFF * sympy.diff(integral, CUTOFF)
        found = system.written_out(equation)
        assert same(found, expected, up_to=UpTo.VARIABLES), n
        assert not same(found, expected.subs(symbols["kappa"], 2 * symbols["kappa"]), up_to=UpTo.VARIABLES)


def test_kernels() -> None:
    """The slide of the three kernels, at two points of two coordinates."""
    w, s, d = SYMBOLS.sigma_w**2, SYMBOLS.sigma_b**2, 2
    x = (sympy.Rational(3, 10), sympy.Rational(-1, 2))
    y = (sympy.Rational(7, 5), sympy.Rational(1, 5))
    dot = {
        "xx": sum(a * a for a in x),
        "xy": sum(a * b for a, b in zip(x, y, strict=True)),
        "yy": sum(b * b for b in y),
    }
    c = {name: s + w / d * value for name, value in dot.items()}
    distance = sum((a - b) ** 2 for a, b in zip(x, y, strict=True))
    theta = sympy.acos(c["xy"] / sympy.sqrt(c["xx"] * c["yy"]))
    formulas = {
        ErfKernel: s + w * 2 / sympy.pi * sympy.asin(2 * c["xy"] / sympy.sqrt((1 + 2 * c["xx"]) * (1 + 2 * c["yy"]))),
        GaussKernel: s + w * sympy.exp(-w * distance / (2 * d)),
        ReluKernel: s
        + w
        / (2 * sympy.pi)
        * sympy.sqrt(c["xx"] * c["yy"])
        * (sympy.sin(theta) + (sympy.pi - theta) * sympy.cos(theta)),
    }
    values = {SYMBOLS.sigma_w: sympy.Rational(9, 7), SYMBOLS.sigma_b: sympy.Rational(4, 5)}
    for kind, expected in formulas.items():
        found = symbolic_kernel(kind(2, 1.2, 0.7)).between(x, y)
        assert abs(sympy.N((found - expected).subs(values), 40)) < 1e-35
        assert abs(sympy.N((found - 2 * expected).subs(values), 40)) > 1e-3


def test_the_list_of_calls_names_what_is_tested() -> None:
    """docs/talk.md: every number of an equation that is compared here stands there."""
    text = (Path(__file__).parent.parent / "docs" / "talk.md").read_text(encoding="utf-8")
    for number in (
        "(2.31)",
        "(3.17)",
        "(3.18)",
        "(3.19)",
        "(4.13)",
        "(4.14)",
        "G_ijkl",
        "delta'",
        "lambda_bar",
        "lambda_m",
    ):
        assert number in text
