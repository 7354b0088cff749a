"""The grammar: what it reads, where it says a mistake is, and that hostile text does nothing."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feyn_nn.errors import InputError
from feyn_nn.parsing import (
    MAX_LENGTH,
    Call,
    Expression,
    Name,
    Number,
    Operation,
    constant_value,
    names_in,
    parse_expression,
    parse_monomials,
)

NAMES = {"x", "y", "rr"}
FUNCTIONS = {"exp": 1, "sqrt": 1, "pair": 2}


def parse(text: str) -> Expression:
    return parse_expression(text, NAMES, FUNCTIONS)


def value(text: str) -> Fraction:
    found = constant_value(parse(text))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lambda f^4", [("lambda", 4, 1)]),
        ("  lambda f^4", [("lambda", 4, 3)]),
        ("lambda*f^4", [("lambda", 4, 1)]),
        ("lambda * f ** 4\n+\tkappa f ^ 6  ", [("lambda", 4, 1), ("kappa", 6, 19)]),
        ("a_1 f^3+b f^4", [("a_1", 3, 1), ("b", 4, 9)]),
        ("a f^4 + a f^6", [("a", 4, 1), ("a", 6, 9)]),  # what makes sense is for Action to say
        ("a f^0", [("a", 0, 1)]),
    ],
)
def test_monomials(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert parse_monomials(text) == expected


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("lambda f^4 +", 13, "expected a coupling's name, found end of text"),
        ("4 lambda f^4", 1, "expected a coupling's name, found '4'"),
        ("+ lambda f^4", 1, "expected a coupling's name, found '+'"),
        ("f^4", 1, "expected a coupling before the field f"),
        ("lambda", 7, "expected the field f after the coupling 'lambda', found end of text"),
        ("lambda g^4", 8, "expected the field f after the coupling 'lambda', found 'g'"),
        ("lambda ** f^4", 8, "expected the field f"),
        ("lambda f", 9, "expected '^' and a power after f, found end of text"),
        ("lambda f*4", 9, "expected '^' and a power"),
        ("lambda f^", 10, "expected an integer power of f, found end of text"),
        ("lambda f^x", 10, "expected an integer power of f, found 'x'"),
        ("lambda f^4.0", 10, "expected an integer power"),
        ("lambda f^1e3", 10, "expected an integer power"),
        ("lambda f^-4", 10, "expected an integer power"),
        ("lambda f^4 - kappa f^6", 12, "expected '+' between terms, found '-'"),
        ("lambda f^4 kappa f^6", 12, "expected '+' between terms, found 'kappa'"),
        ("lambda f^4 + kappa; f^6", 19, "unexpected character ';'"),
        ("lambda f^4\x00", 11, r"unexpected character '\x00'"),
        ("λ f^4", 1, "unexpected character 'λ'"),
        ("lambda f^4 + __import__('os')", 14, "unexpected character '_'"),
    ],
)
def test_mistakes_in_an_action_are_located(text: str, position: int, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message) + f".* at position {position} of "):
        parse_monomials(text)


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_empty_text_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="action is empty"):
        parse_monomials(text)
    with pytest.raises(InputError, match="expression is empty"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("1 +", 4, "expected a number, a name or '(', found end of text"),
        ("(1 + x", 7, "expected ')' for '(' at position 1"),
        ("exp(x, y)", 1, "function 'exp' takes 1 argument(s), found 2"),
        ("pair(x)", 1, "function 'pair' takes 2 argument(s), found 1"),
        ("1 + exp x", 9, "expected '(' after the function 'exp'"),
        ("x + z", 5, "unknown name 'z' (known: exp, pair, rr, sqrt, x, y)"),
        ("x y", 3, "expected an operator or the end, found 'y'"),
        ("2x", 2, "expected an operator or the end, found 'x'"),
        ("x)", 2, "expected an operator or the end, found ')'"),
        ("1/0", 2, "division by zero"),
        ("1/(2 - 2)", 2, "division by zero"),
        ("0^-1", 2, "division by zero"),
        ("x + 9**9**9**9", 9, "too large"),
        ("9^101", 2, "exponent 101: expected at most 100"),
        ("x^(1/101)", 2, "exponent 1/101: expected at most 100"),
        ("1e999^99", 6, "too large"),
        ("x.real", 2, "unexpected character '.'"),
        ("x[0]", 2, "unexpected character '['"),
        ("x = 1", 3, "unexpected character '='"),
        ("'x'", 1, 'unexpected character "\'"'),
        ("__import__('os')", 1, "unexpected character '_'"),
        ("x\x00y", 2, r"unexpected character '\x00'"),
        ("x − y", 3, "unexpected character '−'"),
    ],
)
def test_mistakes_in_an_expression_are_located(text: str, position: int, message: str) -> None:
    if "9**9" in text:  # the innermost of the powers is read first
        with pytest.raises(InputError, match=r"exponent|too large"):
            parse(text)
        return
    with pytest.raises(InputError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert f" at position {position} of " in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "__import__('os').system('true') f^4",
        "9**9**9**9",
        "9^9^9^9",
        "(9^99)^99",
        "1/(9^(-99))^99",
        "lambda f^(9**9**9)",
        "import os",
        "lambda: 0",
        "x.__class__.__mro__",
        "(" * 5000,
        "(" * 300 + "x" + ")" * 300,
        "(" * 150 + "x" + ")" * 150,
        "-" * 390 + "x",
        "exp(" * 90 + "x" + ")" * 90,
        "^".join(["x"] * 150),
        "x" * 10240,
        "+ " * 5120,
        "1" * 10240,
        "1" * 1999,
        "1" * 1999 + "f",
        "x\u202ey",
        "\ud800",
        "\x00" * 10,
        "\x1b[2J",
        "x^" + "9" * 41,
        "x+" * 300 + "x",
        "1e9999",
    ],
)
def test_hostile_text_is_refused_and_shown_in_one_short_printable_line(text: str) -> None:
    for read in (parse, parse_monomials):
        with pytest.raises(InputError) as caught:
            read(text)
        message = str(caught.value)
        assert len(message) < 600
        assert "\n" not in message
        assert message.isprintable()


def test_limits_are_met_exactly() -> None:
    assert parse("x" + " " * (MAX_LENGTH - 1)) == Name("x")
    with pytest.raises(InputError, match=f"of {MAX_LENGTH + 1} characters: at most {MAX_LENGTH}"):
        parse("x" + " " * MAX_LENGTH)
    assert parse("(" * 40 + "x" + ")" * 40) == Name("x")
    with pytest.raises(InputError, match="nesting deeper than 40"):
        parse("(" * 41 + "x" + ")" * 41)
    assert value("1" * 40) == int("1" * 40)
    with pytest.raises(InputError, match="number of more than 40 characters"):
        parse("1" * 41)


def test_names_have_up_to_32_characters() -> None:
    good, bad = "a" * 32, "a" * 33
    assert parse_monomials(f"{good} f^4") == [(good, 4, 1)]
    assert parse_expression(good, {good}, {}) == Name(good)
    with pytest.raises(InputError, match="name of more than 32 characters at position 3 of"):
        parse_monomials(f"  {bad} f^4")
    with pytest.raises(InputError, match="name of more than 32 characters"):
        parse_expression(bad, {bad}, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2*3", "7"),
        ("(1 + 2)*3", "9"),
        ("10 - 4 - 3", "3"),
        ("24/4/3", "2"),
        ("2^3^2", "512"),
        ("-2^2", "-4"),
        ("(-2)^2", "4"),
        ("2^-2", "1/4"),
        ("--3", "3"),
        ("+-+3", "-3"),
        ("2*-3", "-6"),
        ("1/2^2", "1/4"),
        (".5 + 2.", "5/2"),
        ("1e-2", "1/100"),
        ("0.1 + 0.2", "3/10"),
        ("0^0", "1"),
    ],
)
def test_constants_are_exact_and_bind_as_in_mathematics(text: str, expected: str) -> None:
    assert value(text) == Fraction(expected)


def test_trees_of_names_and_functions() -> None:
    assert parse("pair(x, 2)*y") == Operation("*", Call("pair", (Name("x"), Number(Fraction(2)))), Name("y"))
    assert parse("x**2") == parse("x^2") == parse(" x ^ 2 ")
    assert sorted(names_in(parse("x*exp(x - pair(y, rr)) + 2"))) == ["rr", "x", "x", "y"]
    assert constant_value(parse("x - x")) is None
    assert constant_value(parse("exp(0)")) is None
    assert constant_value(parse("2^(1/2)")) is None


rationals = st.integers(0, 99).map(str) | st.tuples(st.integers(0, 99), st.integers(1, 99)).map(
    lambda pair: f"({pair[0]}/{pair[1]})"
)
arithmetic = st.recursive(
    rationals,
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=12,
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(arithmetic)
def test_arithmetic_agrees_with_python(text: str) -> None:
    exact = eval(re.sub(r"\d+", r"Fraction(\g<0>)", text), {"Fraction": Fraction})  # our own text
    assert value(text) == exact


pieces = st.sampled_from(
    [
        *"xyf0159.+-*/^(), \n_'\"",
        "**",
        "exp",
        "exp(",
        "rr",
        "pair(",
        "lambda",
        "f^",
        " f^4",
        "1e",
        "((",
        "))",
        "9^99",
        "\u0664",
    ]
)
anything = st.text(max_size=60) | st.lists(pieces, max_size=60).map("".join)


@settings(max_examples=800, derandomize=True, deadline=None)
@given(anything)
@example("9^9^9")
@example("1/(x-x)")
@example("f f^4")
def test_any_text_parses_or_raises_input_error(text: str) -> None:
    for read in (parse, parse_monomials):
        try:
            read(text)
        except InputError as problem:
            found = re.search(r" at position (\d+) of ", str(problem))
            assert found is None or 1 <= int(found[1]) <= len(text) + 1
