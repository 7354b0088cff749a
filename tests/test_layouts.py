"""The ways to write a correlator: all of them are the same sum, in SymPy, FORM, Mathematica, LaTeX and text."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
import sympy

from feyn_nn.action import TALK_ACTION, Action
from feyn_nn.cli import main
from feyn_nn.correlator import Correlator, generate_correlator
from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs import CONNECTED_RULES, Rule
from feyn_nn.symbolic.expressions import D_OUT, expression, fold, term_expressions
from feyn_nn.symbolic.formats.folding import IntegralTable
from feyn_nn.symbolic.formats.form import correlator_form
from feyn_nn.symbolic.formats.latex import correlator_latex
from feyn_nn.symbolic.formats.layout import PLAIN, CouplingForm, Labelling, Layout, Outputs
from feyn_nn.symbolic.formats.mathematica import correlator_mathematica
from feyn_nn.symbolic.formats.text import correlator_text
from feyn_nn.symbolic.integrals import CUTOFF, BoundaryIntegral, CubeIntegral, K, explicit
from tests.test_correlator_formats import read_mathematica
from tests.tex import assert_compiles_and_fits

if TYPE_CHECKING:
    from pathlib import Path

FORM = shutil.which("form") or shutil.which("tform")
ODD = Action.parse("g f^3 + alpha f^5")
FUNCTIONS = Layout(couplings=CouplingForm.FUNCTION)
SPLIT = Layout(couplings=CouplingForm.SPLIT)
SPECIES = Layout(outputs=Outputs.SPECIES)


def talk(n: int, maximum: int = 1) -> Correlator:
    return generate_correlator(n, TALK_ACTION, TALK_ACTION.orders(maximum))


CORRELATORS = [
    talk(2),
    talk(4, 2),
    talk(6),
    generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(1), ()),
    generate_correlator(3, ODD, ODD.orders(2), {Rule.VACUUM}),
    generate_correlator(2, TALK_ACTION, TALK_ACTION.orders(2), ()),
]
EVERY = pytest.mark.parametrize("correlator", CORRELATORS, ids=lambda c: f"{c.n} of {c.action}")


def on_points(value: Any, number: int, kernel: Any) -> Any:
    """Every integral as the sum over `number` places, K from a table of exact numbers: exact, and blind to names."""
    if isinstance(value, CubeIntegral):
        total = value.integrand
        for point in value.points:
            total = sympy.Add(*(total.subs(point, sympy.Integer(place)) for place in range(number)))
        value = total
    elif isinstance(value, sympy.Integral):
        total = value.function
        for limit in value.limits:
            total = sympy.Add(*(total.subs(limit[0], sympy.Integer(place)) for place in range(number)))
        value = total
    elif value.args and value.has(CubeIntegral, sympy.Integral):
        return value.func(*(on_points(argument, number, kernel) for argument in value.args))
    legs = {
        symbol: sympy.Integer(int(symbol.name[1:]) % number) for symbol in value.free_symbols if symbol.name[0] == "x"
    }
    return value.subs(legs).replace(K, kernel)


def table(a: Any, b: Any) -> Any:
    """A symmetric kernel on places 0, 1, 2 without any accidental equality."""
    return 2 + a + b + a * b * 3 + a**2 * b**2


def numbers(value: Any) -> Any:
    return sympy.expand(on_points(value, 3, table))


@EVERY
def test_folded_is_written_out(correlator: Correlator) -> None:
    """On points, where an integral is a finite sum; a product of integrals is one integral over all points."""
    folded = fold(correlator)
    assert folded.expression.free_symbols >= {sympy.Symbol(f"x{leg + 1}") for leg in range(correlator.n)}
    if correlator.n <= 4:
        assert numbers(folded.written_out()) == numbers(expression(correlator, None))
    assert not folded.expression.has(CubeIntegral, sympy.Integral)
    assert [entry.term for entry in folded.terms] == list(correlator.terms)
    for function, (legs, integral) in folded.definitions.items():
        assert integral.free_symbols == {*legs, CUTOFF}
        assert folded.expression.has(function)


def test_one_table_gives_one_name_to_one_integral() -> None:
    shared = IntegralTable()
    four, six = fold(talk(4), table=shared), fold(talk(6), table=shared)
    assert [str(function) for function in six.definitions] == ["I1", "I2", "I3"]
    assert {str(call.func) for call in four.expression.atoms(sympy.core.function.AppliedUndef)} == {"K", "I1", "I2"}
    assert {str(call.func) for call in six.expression.atoms(sympy.core.function.AppliedUndef)} == {
        "K",
        "I1",
        "I2",
        "I3",
    }


def test_interchangeable_legs_of_a_named_integral_are_sorted() -> None:
    """The three bubbles: legs 12|34, 13|24, 14|23; the tree exchange has ten, its two vertices being equal."""
    bubbles = fold(generate_correlator(4, TALK_ACTION, [(2, 0)]))
    calls = {call.args[:-1] for call in bubbles.expression.atoms(sympy.core.function.AppliedUndef)}
    x1, x2, x3, x4 = sympy.symbols("x1:5")
    assert calls == {(x1, x2, x3, x4), (x1, x3, x2, x4), (x1, x4, x2, x3)}
    exchange = generate_correlator(6, TALK_ACTION, [(2, 0)], CONNECTED_RULES)
    assert len(fold(exchange).expression.atoms(sympy.core.function.AppliedUndef)) == 10


@EVERY
def test_every_leg_labelling_is_the_representative_symmetrised(correlator: Correlator) -> None:
    """Summed over all n! relabellings of the legs both layouts agree, with K from a table; small ones suffice."""
    if correlator.n > 4 or len(correlator.terms) > 10:
        return
    legs = sympy.symbols(f"x1:{correlator.n + 1}")
    full = numbers(expression(correlator, None))
    short = expression(correlator, None, Layout(Labelling.REPRESENTATIVE))
    total = sum(
        numbers(short.subs(dict(zip(legs, moved, strict=True)), simultaneous=True)) for moved in permutations(legs)
    )
    symmetric = sum(
        numbers(expression(correlator, None).subs(dict(zip(legs, moved, strict=True)), simultaneous=True))
        for moved in permutations(legs)
    )
    assert sympy.expand(total - symmetric) == 0
    assert full != 0


@EVERY
def test_coupling_functions_that_are_constant_are_the_couplings(correlator: Correlator) -> None:
    couplings = {name: sympy.Symbol(name) for name in correlator.action.couplings}
    plain = expression(correlator)
    functions = expression(correlator, 1, FUNCTIONS)
    for name, symbol in couplings.items():
        assert functions.has(sympy.Function(name)) or not plain.has(symbol)
        functions = functions.replace(sympy.Function(name), lambda *_, value=symbol: value)
    assert _constants_outside(functions) == sympy.expand(plain)
    split = expression(correlator, 1, SPLIT)
    for name, symbol in couplings.items():
        split = split.replace(sympy.Function(f"delta_{name}"), lambda *_, value=symbol: value / 3)
        split = split.subs(sympy.Symbol(f"{name}_bar"), symbol * sympy.Rational(2, 3))
    assert _constants_outside(split) == sympy.expand(plain)


def _constants_outside(value: Any) -> Any:
    """Move what does not depend on the internal points out of every integral."""

    def moved(function: Any, *limits: Any) -> Any:
        inside: list[Any] = []
        outside: list[Any] = []
        variables = {limit[0] for limit in limits}
        for factor in sympy.Mul.make_args(function):
            (inside if factor.free_symbols & variables else outside).append(factor)
        return sympy.Mul(*outside) * sympy.Integral(sympy.Mul(*inside), *limits)

    return sympy.expand(value.replace(sympy.Integral, moved))


def test_first_order_with_a_coupling_function_is_that_of_the_talk() -> None:
    """lambda(y) = lambda_bar + delta lambda(y): one integral of each, 24 in front."""
    only = Action.parse("lambda f^4")
    value = expression(generate_correlator(4, only, [(1,)]), None, SPLIT)
    y = sympy.Symbol("y1")
    star = sympy.prod([K(sympy.Symbol(f"x{leg}"), y) for leg in range(1, 5)])
    bar, delta = sympy.Symbol("lambda_bar"), sympy.Function("delta_lambda")
    assert sympy.expand(value + 24 * bar * CubeIntegral(star, y) + 24 * CubeIntegral(delta(y) * star, y)) == 0


def test_species_are_those_of_the_talk() -> None:
    """G_ijkl at O(lambda^2): 8, and 32 [(d_out + 4) dd + 2 (dd + dd)] for each channel, both vertices of the talk's 1/2."""
    only = Action.parse("lambda f^4")
    value = expression(generate_correlator(4, only, only.orders(2)), None, SPECIES)
    x = sympy.symbols("x1:5")
    i = sympy.symbols("i1:5")
    y1, y2 = sympy.symbols("y1 y2")
    coupling = sympy.Symbol("lambda")
    pairs = [((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))]

    def deltas(k: int) -> Any:
        return sympy.prod([sympy.KroneckerDelta(i[a], i[b]) for a, b in pairs[k]])

    expected = sympy.Add(*(deltas(k) * sympy.prod([K(x[a], x[b]) for a, b in pairs[k]]) for k in range(3)))
    contact = CubeIntegral(sympy.prod([K(leg, y1) for leg in x]), y1)
    expected -= 8 * coupling * contact * sum(deltas(k) for k in range(3))
    for k, ((a, b), (c, d)) in enumerate(pairs):
        bubble = CubeIntegral(K(x[a], y1) * K(x[b], y1) * K(x[c], y2) * K(x[d], y2) * K(y1, y2) ** 2, y1, y2)
        others = sum(deltas(other) for other in range(3) if other != k)
        expected += 32 * coupling**2 * bubble * ((D_OUT + 4) * deltas(k) + 2 * others)
    assert sympy.expand(value - expected) == 0


@EVERY
def test_one_output_of_one_is_no_species(correlator: Correlator) -> None:
    if correlator.action == ODD:
        with pytest.raises(InputError, match="several outputs need even powers"):
            expression(correlator, 1, SPECIES)
        return
    value = expression(correlator, 1, SPECIES).subs(D_OUT, 1).replace(sympy.KroneckerDelta, lambda *_: sympy.Integer(1))
    assert sympy.expand(value - expression(correlator)) == 0


@EVERY
def test_any_dimension_is_made_explicit(correlator: Correlator) -> None:
    for d_in in (1, 2):
        assert explicit(expression(correlator, None), d_in) == expression(correlator, d_in)


def bilinear(*coordinates: Any) -> Any:
    """K = 1 + x.y, from the coordinates of both points."""
    half = len(coordinates) // 2
    return 1 + sum(a * b for a, b in zip(coordinates[:half], coordinates[half:], strict=True))


def integrated(value: Any, d_in: int) -> Any:
    """The legs at fixed places, K bilinear, every integral done by SymPy: a polynomial in Lambda."""
    places = {sympy.Symbol(f"x{leg}"): sympy.Rational(leg, 7) for leg in range(1, 5)}
    places |= {sympy.Symbol(f"x{leg}_{axis}"): sympy.Rational(leg, 3 + axis) for leg in range(1, 5) for axis in (1, 2)}
    written = explicit(value, d_in).subs(places).replace(K, bilinear)
    return sympy.expand(written.replace(sympy.Integral, lambda f, *limits: sympy.integrate(sympy.expand(f), *limits)))


@pytest.mark.parametrize(("d_in", "vertices"), [(1, 1), (1, 2), (2, 1)])
def test_the_derivative_by_the_cutoff_is_the_surface(d_in: int, vertices: int) -> None:
    """The surface form against the derivative of the integral that is done first; with two points as well."""
    phi4 = Action.parse("lambda f^4")
    folded = fold(generate_correlator(4, phi4, [(vertices,)]))
    surface = folded.written_out(sympy.Derivative(folded.expression, CUTOFF))
    assert surface.has(BoundaryIntegral)
    assert not surface.has(CubeIntegral)
    slope = integrated(surface, d_in)
    assert slope != 0
    assert sympy.expand(slope - sympy.diff(integrated(folded.written_out(), d_in), CUTOFF)) == 0


@pytest.mark.parametrize("layout", [PLAIN, FUNCTIONS, SPLIT, SPECIES, Layout(Labelling.REPRESENTATIVE)], ids=str)
@EVERY
def test_mathematica_is_the_expression_of_sympy(correlator: Correlator, layout: Layout) -> None:
    if layout == SPECIES and correlator.action == ODD:
        return
    text = correlator_mathematica(correlator, 1, layout)
    for name in ("KroneckerDelta", *(f"{d}{g}" for g in correlator.action.couplings for d in ("", "delta$"))):
        text = re.sub(rf"(?<![\w$]){re.escape(name)}\[(\w+)(?:, (\w+))?\]", rf"{name}_\1_\2", text)
    read = read_mathematica(text.replace("$", "Dollar"), {})
    assert sympy.expand(_flat(expression(correlator, 1, layout)) - _moved_to_names(read)) == 0


def _flat(value: Any) -> Any:
    """Functions of one point and deltas as symbols, so that two readings can be compared."""
    for function in value.atoms(sympy.core.function.AppliedUndef):
        if function.func != K:
            value = value.xreplace({function: sympy.Symbol(f"{function.func}_{function.args[0]}_")})
    return value.replace(sympy.KroneckerDelta, lambda a, b: sympy.Symbol(f"KroneckerDelta_{a}_{b}")).subs(
        D_OUT, sympy.Symbol("d_out")
    )


def _moved_to_names(value: Any) -> Any:
    return value.subs({symbol: sympy.Symbol(symbol.name.replace("Dollar", "_")) for symbol in value.free_symbols})


@pytest.mark.skipif(FORM is None, reason="FORM is not installed")
@pytest.mark.parametrize("layout", [FUNCTIONS, SPLIT, SPECIES], ids=str)
@EVERY
def test_form_sums_every_layout_to_the_same_number(correlator: Correlator, layout: Layout, tmp_path: Path) -> None:
    """K = 1, couplings 1 (a half and a half where they are split), one output: the sum of signed multiplicities."""
    if layout == SPECIES and correlator.action == ODD:
        return
    program = correlator_form(correlator, layout)
    rules = ["id K(a?,b?) = 1;", "id int(?a) = 1;"]
    for name in correlator.action.couplings:
        rules += {
            FUNCTIONS: [f"id {name}(?a) = 1;"],
            SPLIT: [f"id [{name}_bar]^n? = 1/2^n;", f"id [delta_{name}](?a) = 1/2;"],
            SPECIES: [f"id {name}^n? = 1;"],
        }[layout]
    if layout == SPECIES:
        rules += ["id [d_out]^n? = 1;", *(f"id d_(i{a},i{b}) = 1;" for a in range(1, 9) for b in range(1, a))]
    if layout == SPLIT:  # every name has to be declared for the rules
        present = set(re.findall(r"\[[a-z_]+\]", program))
        rules = [rule for rule in rules if all(name in present for name in re.findall(r"\[[a-z_]+\]", rule))]
    if layout == FUNCTIONS:
        rules = [
            rule for rule in rules if (found := re.match(r"id (\w+)\(", rule)) is None or f"{found[1]}(" in program
        ]
    if layout == SPECIES:
        legs = {f"i{leg + 1}" for leg in range(correlator.n)}
        rules = [rule for rule in rules if set(re.findall(r"\bi\d\b", rule)) <= legs]
    summed = "Symbols n, a, b;\n" + program.replace("\nPrint", "\n" + "\n".join(rules) + "\nPrint")
    source = tmp_path / "program.frm"
    source.write_text(summed)
    done = subprocess.run([FORM or "", "-q", str(source)], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout[-1500:]
    found = re.search(r"\bG =(.*?);", done.stdout, re.DOTALL)
    assert found is not None
    expected = sum((-1) ** sum(check.order) * check.kept for check in correlator.checks)
    assert re.sub(r"\s+", "", found[1]).lstrip("+") == str(expected)


@pytest.mark.parametrize("layout", [PLAIN, FUNCTIONS, SPLIT, SPECIES, Layout(Labelling.REPRESENTATIVE)], ids=str)
def test_latex_of_every_layout_fits_the_page(layout: Layout, tmp_path: Path) -> None:
    """Balanced, and, where TeX is installed, compiled without an overfull line."""
    documents = []
    for correlator in (*CORRELATORS, generate_correlator(6, TALK_ACTION, TALK_ACTION.orders(2))):
        if layout == SPECIES and correlator.action == ODD:
            continue
        documents += [correlator_latex(correlator, layout, names) for names in (None, IntegralTable())]
    assert_compiles_and_fits(documents, tmp_path)


def test_text_of_every_layout() -> None:
    text = correlator_text(talk(4), Layout(couplings=CouplingForm.SPLIT))
    assert "- 24     (1 x 24)  lambda_bar int dy1 K(x1,y1) K(x2,y1) K(x3,y1) K(x4,y1)" in text
    assert "- 24     (1 x 24)  int dy1 delta_lambda(y1) K(x1,y1) K(x2,y1) K(x3,y1) K(x4,y1)" in text
    named = correlator_text(talk(6), PLAIN, IntegralTable())
    assert "- 360    (15 x 24)  lambda K(x1,x2) I1(x3, x4, x5, x6)" in named
    assert "I1(x1, x2, x3, x4) = int dy1 K(x1,y1) K(x2,y1) K(x3,y1) K(x4,y1), over [-Lambda, Lambda]^d_in" in named
    connected = correlator_text(generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(1), CONNECTED_RULES))
    assert connected.startswith("G_c^(4)")
    assert "[disconnected]" in connected


def test_connected_correlators_are_the_cumulants() -> None:
    """G = G_c + products of connected two-point functions, which are K: n = 4, 6 at first order."""
    for n in (4, 6):
        connected = generate_correlator(n, TALK_ACTION, TALK_ACTION.orders(1), CONNECTED_RULES)
        full = term_expressions(talk(n))
        assert {entry.term for entry in full} >= set(connected.terms)
        for entry in full:
            lines_between_legs = any(
                all(str(argument).startswith("x") for argument in call.args) for call in entry.expression.atoms(K)
            )
            assert (entry.term in connected.terms) is not lines_between_legs


def test_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    clash = Action.parse("lambda f^4 + lambda_bar f^6")
    with pytest.raises(InputError, match="lambda_bar"):
        expression(generate_correlator(4, clash, clash.orders(1)), 1, SPLIT)
    with pytest.raises(LimitError, match="at most 8"):
        expression(generate_correlator(10, TALK_ACTION, TALK_ACTION.orders(0)), 1, SPECIES)
    for arguments, reason in (
        (["--format", "json", "--couplings", "split"], "--couplings: not used by --format json"),
        (["--format", "form", "--d-in", "2"], "--d-in: not used"),
        (["--format", "mathematica", "--d-in", "any"], "expected a number"),
        (["--format", "sympy", "--d-in", "two"], "expected a number"),
        (["--format", "sympy", "--d-in", "2", "--named-integrals"], "leave --d-in out"),
        (["--keep", "disconnected"], "expected vacuum, propagator"),
    ):
        assert main(["correlator", "4", *arguments]) == 2
        captured = capsys.readouterr()
        assert reason in captured.err
        assert captured.out == ""
