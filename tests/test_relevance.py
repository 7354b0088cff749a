"""Which coupling is more irrelevant: an order of the couplings, checked on integrals and against the beta functions."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import combinations, permutations
from math import log
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from feyn_nn.action import MAX_VALENCE, MIN_VALENCE, TALK_ACTION, Action, Operator
from feyn_nn.cli import main
from feyn_nn.errors import InputError
from feyn_nn.kernels import ErfKernel, GaussKernel, Kernel, Propagator, ReluKernel, parse_kernel
from feyn_nn.symbolic.beta import beta_functions
from feyn_nn.symbolic.growth.relevance import (
    Comparison,
    Relation,
    Relevance,
    Running,
    compare,
    kernel_relevance,
    translation_invariant,
)
from feyn_nn.symbolic.kernels import SYMBOLS

oo = sympy.oo
LAMBDA, KAPPA = TALK_ACTION.operators
POWERS = range(MIN_VALENCE, MAX_VALENCE + 1)
DIMENSIONS = range(1, 40)


def operator(power: int) -> Operator:
    return Operator(power, f"c_{power}")


def rational(a: Fraction) -> Any:
    return sympy.Rational(a.numerator, a.denominator)


def fall(power: int, a: Fraction, d: int) -> Fraction:
    """How fast g_k falls, max(0, d + k a), in plain fractions."""
    return max(Fraction(0), d + power * a)


def relation_at(comparison: Comparison, d: int) -> Relation:
    """The relation of the one case that covers d."""
    cases = [case for case in comparison.cases if case.above < d <= case.up_to]
    assert len(cases) == 1
    return cases[0].relation


exponents = st.fractions(min_value=-4, max_value=4, max_denominator=12)
powers = st.sampled_from(POWERS)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(powers, powers, exponents)
def test_a_comparison_is_that_of_the_exponents_at_every_dimension(j: int, k: int, a: Fraction) -> None:
    comparison = compare(operator(j), operator(k), rational(a))
    for d in DIMENSIONS:
        one, other = fall(j, a, d), fall(k, a, d)
        found = relation_at(comparison, d)
        case = next(case for case in comparison.cases if case.above < d <= case.up_to)
        if one == other == 0:
            assert found is Relation.NEITHER_RUNS
        else:
            assert found is {1: Relation.MORE, -1: Relation.LESS, 0: Relation.TIE}[(one > other) - (one < other)]
        assert case.difference is not None
        assert case.difference.subs(SYMBOLS.d_in, d) == rational(other - one)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(powers, powers, exponents)
def test_a_comparison_is_antisymmetric(j: int, k: int, a: Fraction) -> None:
    one, other = (compare(operator(x), operator(y), rational(a)) for x, y in ((j, k), (k, j)))
    assert [case.condition for case in one.cases] == [case.condition for case in other.cases]
    for case, back in zip(one.cases, other.cases, strict=True):
        assert case.relation.reversed is back.relation
        assert case.relation is back.relation.reversed
        assert case.difference == -back.difference  # type: ignore[operator]  # SymPy has no types
    assert (one.relation is None) == (other.relation is None)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(powers, min_size=3, max_size=3, unique=True), exponents, st.integers(1, 12))
def test_more_irrelevant_is_transitive(triple: list[int], a: Fraction, d: int) -> None:
    def at_least(j: int, k: int) -> bool:
        return relation_at(compare(operator(j), operator(k), rational(a)), d) is not Relation.LESS

    for i, j, k in permutations(triple):
        assert not (at_least(i, j) and at_least(j, k)) or at_least(i, k)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(exponents)
def test_only_growing_kernels_make_higher_powers_more_irrelevant(a: Fraction) -> None:
    """The first stands at the lower power: LESS means that the higher one is the more irrelevant."""
    for j, k in combinations(POWERS, 2):
        comparison = compare(operator(j), operator(k), rational(a))
        assert any(case.relation is Relation.LESS for case in comparison.cases) == (a > 0)
        assert any(case.relation is Relation.MORE for case in comparison.cases) == (a < 0)
        assert (comparison.relation is Relation.TIE) == (a == 0)


def test_control_the_slides_rule_fails_without_growth() -> None:
    """'A higher power is more irrelevant' holds for the plain exponents of a growing kernel and of no other."""

    def slide(a: Fraction) -> bool:
        return all(fall(4, a, d) < fall(6, a, d) for d in DIMENSIONS)

    assert [slide(Fraction(a)) for a in (1, 0, -1)] == [True, False, False]


def test_infinite_exponents() -> None:
    decaying, growing = (compare(LAMBDA, KAPPA, a) for a in (-oo, oo))
    assert decaying.relation is Relation.NEITHER_RUNS
    assert growing.relation is Relation.NO_POWER_LAW
    assert growing.cases[0].difference is None
    assert "converge" in decaying.reason


def test_symbolic_exponents_of_known_sign() -> None:
    comparison = compare(LAMBDA, KAPPA, -2 * SYMBOLS.sigma_w)
    assert comparison.relation is None
    assert [case.condition for case in comparison.cases] == [
        "d_in <= 8*sigma_w",
        "8*sigma_w < d_in <= 12*sigma_w",
        "d_in > 12*sigma_w",
    ]
    assert compare(LAMBDA, KAPPA, SYMBOLS.sigma_w).relation is Relation.LESS
    with pytest.raises(InputError, match="growth exponent a = sigma_w - 1: its sign depends on sigma_w"):
        compare(LAMBDA, KAPPA, SYMBOLS.sigma_w - 1)


@pytest.mark.parametrize(
    ("a", "statement"),
    [
        (Fraction(1), "kappa is more irrelevant than lambda"),
        (Fraction(0), "lambda and kappa tie"),
        (Fraction(-1, 8), "lambda is more irrelevant than kappa"),
        (Fraction(-1, 5), "lambda is more irrelevant than kappa"),
        (
            Fraction(-1, 4),
            "neither lambda nor kappa runs for d_in = 1; lambda is more irrelevant than kappa for d_in >= 2",
        ),
        (
            Fraction(-2),
            "neither lambda nor kappa runs for d_in <= 8; lambda is more irrelevant than kappa for d_in >= 9",
        ),
    ],
)
def test_statements(a: Fraction, statement: str) -> None:
    assert compare(LAMBDA, KAPPA, rational(a)).statement == statement


def test_conditions_name_single_dimensions_and_ranges() -> None:
    """a = -1/2: f^3 runs from d_in = 2 on, f^4 from 3 on, f^6 from 4 on, f^12 from 7 on."""
    conditions = [
        [case.condition for case in compare(operator(j), operator(k), sympy.Rational(-1, 2)).cases]
        for j, k in ((3, 4), (4, 6), (3, 12))
    ]
    assert conditions == [
        ["d_in = 1", "d_in = 2", "d_in >= 3"],
        ["d_in <= 2", "d_in = 3", "d_in >= 4"],
        ["d_in = 1", "2 <= d_in <= 6", "d_in >= 7"],
    ]


def test_one_power_twice_is_a_tie() -> None:
    action = Action.parse("a_1 f^4 + a_2 f^4")
    comparison = compare(action.operators[0], action.operators[1], sympy.Integer(1))
    assert comparison.relation is Relation.TIE
    assert "only their sum" in comparison.reason
    assert compare(action.operators[0], action.operators[1], sympy.Integer(-1)).relation is None


# --- real kernels --------------------------------------------------------------------------------------------------

GENERAL = Action.parse("g f^3 + lambda f^4 + alpha f^5 + kappa f^6")
KERNELS: list[tuple[Kernel, Any]] = [
    (ReluKernel(1, 1.0, 0.0), 1),
    (ReluKernel(3, 1.0, 1.0), 1),
    (ErfKernel(1), 0),
    (ErfKernel(2), 0),
    (GaussKernel(1), 0),
    (GaussKernel(1, 1.0, 0.0), -oo),
    (Propagator.WEIGHTS.of(GaussKernel(2)), -oo),
    (parse_kernel("1/(1+rr)^(1/4)", 1), sympy.Rational(-1, 2)),
    (parse_kernel("(1+xy)^2", 2), 2),
    (parse_kernel("exp(xy)", 1), oo),
]
IDS = [f"{kernel.name}, d_in {kernel.d_in}" for kernel, _ in KERNELS]


def has_loop_note(result: Relevance) -> bool:
    return any("self-loops K(z,z) grow faster" in sentence for sentence in result.assumptions)


@pytest.mark.parametrize(("kernel", "a"), KERNELS, ids=IDS)
def test_real_kernels(kernel: Kernel, a: Any) -> None:
    """Each leg adds a to the exponent, d_in the volume; where the coupled flow differs a note says why."""
    result = kernel_relevance(GENERAL, kernel)
    assert result.growth.leg == a
    betas = beta_functions(GENERAL, kernel)
    differing = []
    for coupling in result.couplings:
        k = coupling.operator.valence
        for d in (1, 2, 5, 9):
            seen = coupling.exponent_at(d)
            assert seen == (None if a == oo else 0 if a == -oo else -max(0, d + k * a))
        assert coupling.exponent == betas[coupling.operator.coupling].alone
        if coupling.exponent != betas[coupling.operator.coupling].exponent:
            differing.append(coupling.operator.coupling)
        assert (coupling.running is Running.NO_POWER_LAW) == (a == oo)
        assert (coupling.running is Running.FIXED) == (a == -oo)
    assert has_loop_note(result) or not differing
    assert len(result.comparisons) == 6


def test_the_talks_networks() -> None:
    def pair(kernel: Kernel) -> Comparison:
        return kernel_relevance(TALK_ACTION, kernel).comparisons[0]

    relu = pair(ReluKernel(1, 1.0, 0.0))
    assert relu.relation is Relation.LESS
    assert "kappa falls faster by Lambda^-2" in relu.reason
    for tied in (ErfKernel(), GaussKernel()):
        assert pair(tied).relation is Relation.TIE
        assert "because of 1/N, not because of the flow" in pair(tied).reason
    assert pair(GaussKernel(1, 1.0, 0.0)).relation is Relation.NEITHER_RUNS
    assert any("sigma_b > 0" in text for text in kernel_relevance(TALK_ACTION, GaussKernel()).assumptions)


@pytest.mark.parametrize("a", [Fraction(1), Fraction(0), Fraction(-1, 8), Fraction(-1, 2), Fraction(-2)])
@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_exponents_are_slopes_of_integrals(a: Fraction, d: int) -> None:
    """K = (1 + r^2)^(a/2): d log/d log L of int^L r^(d-1) K^k, where no logarithm stands in the way."""

    def size(power: int, cutoff: float) -> float:
        value, _ = integrate.quad(
            lambda t: 2.718281828459045 ** (t * d) * (1 + 2.718281828459045 ** (2 * t)) ** (power * float(a) / 2),
            -30,
            log(cutoff),
            limit=400,
            epsrel=1e-12,
        )
        return float(value)

    kernel = parse_kernel(f"(1+rr)^({a / 2})", 1)
    result = kernel_relevance(GENERAL, kernel)
    for coupling in result.couplings:
        power = coupling.operator.valence
        if d + power * a == 0:
            continue
        slope = log(size(power, 1e9) / size(power, 1e8)) / log(10)
        found: Any = coupling.exponent_at(d)
        assert slope == pytest.approx(-float(found), abs=2e-3)
        if a > 0:
            assert slope != pytest.approx(d + (power - 1) * float(a), abs=0.1)  # one leg less would be seen


def test_a_logarithm_is_said_beside_a_tie() -> None:
    """K ~ log r: int K^6 grows faster than int K^4, by less than any power."""
    logarithmic = kernel_relevance(TALK_ACTION, parse_kernel("log(2+rr)", 1)).comparisons[0]
    assert logarithmic.relation is Relation.TIE
    assert "up to factors slower than any power" in logarithmic.reason
    assert "up to factors" not in kernel_relevance(TALK_ACTION, ErfKernel()).comparisons[0].reason


def test_other_dimensions_are_said() -> None:
    alike = kernel_relevance(TALK_ACTION, ErfKernel(1), ErfKernel(2))
    assert any("same growth" in sentence for sentence in alike.assumptions)
    other = kernel_relevance(TALK_ACTION, ErfKernel(1), ReluKernel(2))
    assert any("holds for d_in = 1 only: elsewhere a = 1, b = 2" in sentence for sentence in other.assumptions)
    assert any("elsewhere the exponent a may differ" in s for s in kernel_relevance(GENERAL, ErfKernel(2)).assumptions)


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        (GaussKernel(1), True),
        (GaussKernel(3), True),
        (Propagator.WEIGHTS.of(GaussKernel(2)), True),
        (ErfKernel(1), False),
        (ReluKernel(2), False),
        (parse_kernel("exp(-rr/2) + sigma_b^2", 2, 1.0, 1.0), True),
        (parse_kernel("abs(x - y)", 1), True),
        (parse_kernel("exp(-rr/2) + xy/1000000", 1), False),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_translation_invariance_of_kernels(kernel: Kernel, expected: bool) -> None:
    assert translation_invariant(kernel) is expected


# --- the command ---------------------------------------------------------------------------------------------------


def from_command(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["eft", *arguments, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    document: dict[str, Any] = json.loads(captured.out)
    return document


def test_keys_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    found = from_command(capsys, "relu")
    assert set(found) == {
        "action",
        "symmetries",
        "dimension",
        "d_out",
        "couplings",
        "operators",
        "excluded",
        "missing",
        "kernel",
        "translation_invariant_kernel",
        "growth",
        "power_counting",
        "comparisons",
        "assumptions",
    }
    assert found["growth"] == {"leg": "1", "loop": "2"}
    assert found["power_counting"] == [
        {"coupling": "lambda", "exponent": "-(d_in + 4)", "dimension": "-(d_in + 4)", "running": "irrelevant"},
        {"coupling": "kappa", "exponent": "-(d_in + 6)", "dimension": "-(d_in + 6)", "running": "irrelevant"},
    ]
    (comparison,) = found["comparisons"]
    assert set(comparison) == {"first", "second", "relation", "cases", "statement", "reason"}
    assert (comparison["first"], comparison["second"]) == ("lambda", "kappa")
    assert comparison["relation"] == "less irrelevant"
    assert comparison["cases"] == [{"d_in": "all", "relation": "less irrelevant", "difference": "2"}]
    assert any("same growth was derived" in sentence for sentence in found["assumptions"])


def test_what_does_not_exist_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    growing = from_command(capsys, "--kernel", "exp(xy)")
    assert growing["power_counting"][0] == {
        "coupling": "lambda",
        "exponent": None,
        "dimension": None,
        "running": "no power law",
    }
    assert growing["comparisons"][0]["cases"][0]["difference"] is None
    slow = from_command(capsys, "--kernel", "1/(1+rr)^(1/4)")
    assert slow["comparisons"][0]["relation"] is None
    assert [case["d_in"] for case in slow["comparisons"][0]["cases"]] == ["d_in <= 2", "d_in = 3", "d_in >= 4"]
    assert slow["power_counting"][0]["exponent"] == "-max(0, d_in - 2)"
    assert slow["power_counting"][0]["dimension"] == "-(d_in - 2)"
    fixed = from_command(capsys, "gauss", "--propagator", "weights")
    assert [entry["exponent"] for entry in fixed["power_counting"]] == ["0", "0"]


def test_text_has_the_table_the_comparisons_and_the_notes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eft", "gauss", "--symmetries", "translation", "--d-in", "2"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "coupling power exponent d_in = 2 at large Lambda" in out
    assert "kappa f^6 -d_in -2 irrelevant" in out
    assert "lambda and alpha tie" in out
    assert "K is invariant under translations" in out
    assert "sigma_b > 0" in out
    assert main(["eft", "erf"]) == 0
    assert "although translation is declared" in " ".join(capsys.readouterr().out.split())


def test_a_given_action_is_compared_too(capsys: pytest.CaptureFixture[str]) -> None:
    found = from_command(capsys, "relu", "--action", "nu f^8 + lambda f^4")
    assert found["comparisons"][0]["relation"] == "more irrelevant"
    assert [entry["exponent"] for entry in found["power_counting"]] == ["-(d_in + 8)", "-(d_in + 4)"]


def test_an_undecided_sign_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eft", "--kernel", "(1+rr)^(sigma_w-1)"]) == 2
    error = capsys.readouterr().err
    assert "its sign depends on sigma_w" in error
    assert error.count("\n") == 1
