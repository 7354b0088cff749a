"""The talk's rules for an effective action, against invariant polynomials counted by linear algebra."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import combinations_with_replacement
from math import factorial, prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feyn_nn.action import (
    MAX_VALENCE,
    MIN_VALENCE,
    SHIFT,
    TALK_ACTION,
    TRANSLATION,
    VERTEX_LETTERS,
    Z2,
    Action,
    Operator,
    Symmetry,
    SymmetryKind,
    allowed_action,
    allowed_powers,
    check_allowed,
    excluded_powers,
    monomial,
    parse_symmetries,
)
from feyn_nn.arrays import FloatArray
from feyn_nn.cli import main
from feyn_nn.errors import InputError, LimitError


def so(outputs: int) -> Symmetry:
    return Symmetry(SymmetryKind.SO, outputs)


def o(outputs: int) -> Symmetry:
    return Symmetry(SymmetryKind.O, outputs)


# --- invariant polynomials, counted without the code under test ---------------------------------------------------

Transformation = Callable[[FloatArray], FloatArray]


def monomials(points: FloatArray, power: int) -> FloatArray:
    """All monomials of one degree at points of shape (p, n), so normalised that rotations act orthogonally."""
    columns = []
    for indices in combinations_with_replacement(range(points.shape[1]), power):
        repeats = prod(factorial(indices.count(index)) for index in set(indices))
        columns.append(np.prod(points[:, indices], axis=1) * np.sqrt(factorial(power) / repeats))
    return np.stack(columns, axis=1)


def invariants(power: int, outputs: int, transformations: list[Transformation]) -> int:
    """Number of independent homogeneous polynomials of this degree that no transformation changes."""
    source = np.random.default_rng(11)
    count = monomials(np.zeros((1, outputs)), power).shape[1]
    points = source.normal(size=(3 * count + 5, outputs))
    before = monomials(points, power)
    changes = np.concatenate([monomials(move(points), power) - before for move in transformations])
    scale = np.linalg.svd(before, compute_uv=False)[0]
    values = np.linalg.svd(changes, compute_uv=False)
    return int(count - np.sum(values > 1e-10 * scale))


def rotations(outputs: int, number: int, determinants: tuple[int, ...]) -> list[Transformation]:
    source = np.random.default_rng(7)
    moves: list[Transformation] = []
    for index in range(number):
        matrix, _ = np.linalg.qr(source.normal(size=(outputs, outputs)))
        if round(np.linalg.det(matrix)) != determinants[index % len(determinants)]:
            matrix[:, 0] *= -1
        moves.append(lambda f, matrix=matrix: f @ matrix)  # type: ignore[misc]
    return moves


def flip(f: FloatArray) -> FloatArray:
    return -f


def shift(f: FloatArray) -> FloatArray:
    return f + 0.7


CASES: list[tuple[tuple[Symmetry, ...], int, list[Transformation]]] = [
    ((), 1, rotations(1, 1, (1,))),
    ((Z2,), 1, [flip]),
    ((o(1),), 1, rotations(1, 4, (1, -1))),
    ((so(1),), 1, rotations(1, 4, (1,))),
    ((SHIFT,), 1, [shift]),
    ((Z2, SHIFT), 1, [flip, shift]),
    ((so(2),), 2, rotations(2, 4, (1,))),
    ((o(2),), 2, rotations(2, 4, (1, -1))),
    ((so(3),), 3, rotations(3, 4, (1,))),
    ((o(3), Z2), 3, [flip, *rotations(3, 4, (1, -1))]),
    ((so(4),), 4, rotations(4, 4, (1,))),
    ((so(3), SHIFT), 3, [shift, *rotations(3, 4, (1,))]),
]
NAMES = [", ".join(map(str, symmetries)) or "none" for symmetries, _, _ in CASES]


@pytest.mark.parametrize(("symmetries", "outputs", "transformations"), CASES, ids=NAMES)
def test_allowed_powers_have_one_invariant_and_the_others_none(
    symmetries: tuple[Symmetry, ...], outputs: int, transformations: list[Transformation]
) -> None:
    bound = 8
    allowed = allowed_powers(symmetries, bound, outputs)
    counted = {k: invariants(k, outputs, transformations) for k in range(MIN_VALENCE, bound + 1)}
    assert counted == {k: int(k in allowed) for k in counted}


def test_control_the_count_tells_groups_apart() -> None:
    """Without rotations, several outputs have many monomials of one degree, which is why they are refused."""
    assert [invariants(k, 2, [flip]) for k in (3, 4)] == [0, 5]
    assert invariants(3, 1, [flip]) != invariants(3, 1, rotations(1, 2, (1,)))
    assert invariants(2, 2, rotations(2, 3, (1,))) == 1
    assert invariants(2, 2, [*rotations(2, 3, (1,)), shift]) == 0


# --- the talk's actions --------------------------------------------------------------------------------------------


def test_the_talks_actions() -> None:
    general = allowed_action([TRANSLATION], 6)
    assert general.action == Action.parse("g f^3 + lambda f^4 + alpha f^5 + kappa f^6")
    assert general.excluded == ()
    even = allowed_action([Z2, TRANSLATION], 6)
    assert even.action == TALK_ACTION
    assert [(entry.power, entry.symmetries) for entry in even.excluded] == [(3, (Z2,)), (5, (Z2,))]
    assert str(even) == "lambda f^4 + kappa f^6"


symmetry_sets = st.lists(st.sampled_from([Z2, TRANSLATION, so(1), o(1)]), unique=True).map(tuple) | st.sampled_from(
    [(so(n), *rest) for n in (2, 3, 10) for rest in ((), (Z2,), (TRANSLATION,), (o(n),))]
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(symmetry_sets, st.integers(4, MAX_VALENCE))
def test_every_power_is_allowed_or_excluded_and_the_action_passes_its_own_check(
    symmetries: tuple[Symmetry, ...], dimension: int
) -> None:
    d_out = next((s.outputs for s in symmetries if s.outputs is not None), 1)
    allowed = allowed_powers(symmetries, dimension, d_out)
    excluded = excluded_powers(symmetries, dimension, d_out)
    assert sorted([*allowed, *(entry.power for entry in excluded)]) == list(range(MIN_VALENCE, dimension + 1))
    for power in range(MIN_VALENCE, dimension + 1):
        operator = Action((Operator(power, "c"),))
        if power in allowed:
            check_allowed(operator, symmetries, dimension, d_out)
        else:
            with pytest.raises(InputError, match=rf"^term c f\^{power}: the declared symmetry "):
                check_allowed(operator, symmetries, dimension, d_out)
    if len(allowed) > len(VERTEX_LETTERS):
        with pytest.raises(LimitError, match=f"at most {len(VERTEX_LETTERS)} couplings .* lower the bound to 7"):
            allowed_action(symmetries, dimension, d_out)
        return
    result = allowed_action(symmetries, dimension, d_out)
    assert tuple(operator.valence for operator in result.action.operators) == allowed
    assert result.excluded == excluded
    assert result.constant_couplings == (TRANSLATION in symmetries)
    check_allowed(result.action, symmetries, dimension, d_out)
    assert Action.parse(str(result.action)) == result.action


@settings(max_examples=100, derandomize=True, deadline=None)
@given(symmetry_sets, symmetry_sets, st.integers(3, MAX_VALENCE))
def test_more_symmetries_never_allow_more(
    one: tuple[Symmetry, ...], other: tuple[Symmetry, ...], dimension: int
) -> None:
    outputs = {s.outputs for s in (*one, *other) if s.outputs is not None} | {1}
    if len(outputs) > 1:
        return
    both = set(allowed_powers((*one, *other), dimension))
    assert both == set(allowed_powers(one, dimension)) & set(allowed_powers(other, dimension))


def test_names_of_the_couplings_go_on_after_the_talks() -> None:
    assert str(allowed_action([Z2], 12).action) == "lambda f^4 + kappa f^6 + g_8 f^8 + g_10 f^10 + g_12 f^12"
    assert str(allowed_action([], 7).action) == "g f^3 + lambda f^4 + alpha f^5 + kappa f^6 + g_7 f^7"


def test_several_outputs_are_written_with_their_square() -> None:
    assert str(allowed_action([so(3)], 8, 3)) == "lambda (f.f)^2 + kappa (f.f)^3 + g_8 (f.f)^4"
    assert (monomial(2, 3), monomial(3, 3), monomial(6, 1)) == ("f.f", "f^3", "f^6")


def test_reasons_name_every_symmetry() -> None:
    entry = excluded_powers([Z2, TRANSLATION, so(2)], 3, 2)[0]
    assert entry.symmetries == (Z2, so(2))
    assert str(entry) == "f^3: forbidden by Z2: an odd power changes sign under f -> -f, also by SO(2)"
    assert "f.f" in so(2).why
    assert all(symmetry.why for symmetry in (SHIFT, TRANSLATION, o(1), so(1), o(4)))


def test_couplings_are_functions_without_translation() -> None:
    assert allowed_action([Z2, TRANSLATION], 6).constant_couplings
    assert not allowed_action([Z2], 6).constant_couplings


# --- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symmetries", "dimension", "d_out", "message"),
    [
        ([SHIFT], 6, 1, "no operator is allowed from f^3 to f^6 (shift: .*); leave shift out"),
        ([Z2], 3, 1, "no operator is allowed from f^3 to f^3 (Z2: .*); raise the bound, or leave out Z2"),
        ([Z2], 2, 1, "dimension 2: expected a bound of at least 3, since f^2 is in the kernel"),
        ([so(3)], 6, 2, "symmetry SO(3) with d_out = 2: it rotates 3 outputs; give d_out = 3, or SO(2)"),
        ([o(2)], 6, 1, "symmetry O(2) with d_out = 1: it rotates 2 outputs"),
        ([so(3), o(2)], 6, 3, "symmetry O(2) with d_out = 3"),
        ([Z2], 6, 2, "d_out = 2 without SO(2) or O(2): every monomial of the outputs would have its own coupling"),
        ([Z2], 6, 0, "d_out = 0: expected a positive number of outputs"),
    ],
)
def test_contradictions_are_refused(symmetries: list[Symmetry], dimension: int, d_out: int, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message).replace(r"\.\*", ".*")):
        allowed_action(symmetries, dimension, d_out)


def test_limits_are_refused() -> None:
    with pytest.raises(LimitError, match=f"operators up to f\\^{MAX_VALENCE} are supported"):
        allowed_action([Z2], MAX_VALENCE + 1)
    with pytest.raises(LimitError, match=r"6 operators are allowed up to dimension 8: at most 5 .* the bound to 7"):
        allowed_action([TRANSLATION], 8)
    assert len(allowed_action([TRANSLATION], 7).action.operators) == 5


@pytest.mark.parametrize(
    ("text", "symmetries", "dimension", "d_out", "message"),
    [
        ("lambda f^4 + g f^3", [Z2], None, 1, "term g f^3: the declared symmetry Z2 forbids it"),
        (
            "lambda f^4 + nu f^8",
            [Z2],
            6,
            1,
            "term nu f^8: its dimension 8, in units of the field, is above the bound 6",
        ),
        ("alpha f^5", [so(3)], None, 3, "term alpha f^5: the declared symmetry SO(3) forbids it"),
        ("lambda f^4", [SHIFT], None, 1, "term lambda f^4: the declared symmetry shift forbids it"),
        ("lambda f^4", [Z2], 2, 1, "dimension 2: expected a bound"),
        ("lambda f^4", [so(2)], None, 1, "symmetry SO(2) with d_out = 1"),
    ],
)
def test_an_action_that_is_not_allowed(
    text: str, symmetries: list[Symmetry], dimension: int | None, d_out: int, message: str
) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        check_allowed(Action.parse(text), symmetries, dimension, d_out)


def test_actions_that_are_allowed() -> None:
    check_allowed(Action.parse("nu f^8 + lambda f^4"), [Z2])
    check_allowed(Action.parse("g f^3"), [TRANSLATION, so(1)], 3)
    check_allowed(Action.parse("kappa f^6"), [so(3), Z2], 6, 3)


# --- text ----------------------------------------------------------------------------------------------------------


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    st.lists(
        st.sampled_from([Z2, TRANSLATION, SHIFT])
        | st.builds(so, st.integers(1, 999999))
        | st.builds(o, st.integers(1, 99)),
        min_size=1,
        max_size=5,
        unique=True,
    )
)
def test_printed_symmetries_are_read_back(symmetries: list[Symmetry]) -> None:
    text = ", ".join(map(str, symmetries))
    for written in (text, text.upper(), text.lower().replace(" ", ""), text.replace("(", " ( ")):
        assert parse_symmetries(written) == tuple(symmetries)


def test_no_symmetry_has_a_name() -> None:
    assert parse_symmetries("none") == parse_symmetries(" None ") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not one of z2, translation, shift, so(n), o(n)"),
        ("z2,", "'' is not one of"),
        ("z3", "'z3' is not one of"),
        ("z2,none", "'none' is not one of"),
        ("so", "'so' is not one of"),
        ("so(-1)", "'so(-1)' is not one of"),
        ("so(3", "'so(3' is not one of"),
        ("so(３)", "is not one of"),
        ("so(9999999)", "is not one of"),
        ("su(3)", "'su(3)' is not one of"),
        ("so(0)", "symmetry SO(0): expected a positive number of outputs"),
        ("z2,translation,Z2", "Z2 stands twice"),
        ("__import__('os')", "is not one of"),
    ],
)
def test_unknown_names_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        parse_symmetries(text)


def test_symmetries_that_make_no_sense() -> None:
    with pytest.raises(InputError, match=r"SO\(None\): expected a positive number"):
        Symmetry(SymmetryKind.SO)
    with pytest.raises(InputError, match="only SO and O have outputs"):
        Symmetry(SymmetryKind.Z2, 2)


# --- the command ---------------------------------------------------------------------------------------------------


def from_command(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["eft", *arguments, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    document: dict[str, Any] = json.loads(captured.out)
    return document


def test_the_command_gives_the_talks_action(capsys: pytest.CaptureFixture[str]) -> None:
    found = from_command(capsys)
    assert found["action"] == "lambda f^4 + kappa f^6"
    assert found["symmetries"] == ["Z2", "translation"]
    assert (found["dimension"], found["d_out"], found["couplings"]) == (6, 1, "constants")
    assert found["operators"] == [
        {"coupling": "lambda", "power": 4, "monomial": "f^4"},
        {"coupling": "kappa", "power": 6, "monomial": "f^6"},
    ]
    assert [(entry["power"], entry["forbidden_by"]) for entry in found["excluded"]] == [(3, ["Z2"]), (5, ["Z2"])]
    for absent in ("missing", "kernel", "growth", "power_counting", "comparisons", "assumptions"):
        assert found[absent] is None


def test_the_command_without_z2_and_translation(capsys: pytest.CaptureFixture[str]) -> None:
    found = from_command(capsys, "--symmetries", "none")
    assert found["action"] == "g f^3 + lambda f^4 + alpha f^5 + kappa f^6"
    assert (found["couplings"], found["excluded"], found["symmetries"]) == ("functions", [], [])
    assert main(["eft", "--symmetries", "none"]) == 0
    assert "g(x) = g_bar + delta g(x)" in capsys.readouterr().out


def test_the_command_takes_the_outputs_from_the_symmetry(capsys: pytest.CaptureFixture[str]) -> None:
    implied = from_command(capsys, "--symmetries", "SO(3),translation")
    assert implied == from_command(capsys, "--symmetries", "SO(3),translation", "--d-out", "3")
    assert implied["d_out"] == 3
    assert [entry["monomial"] for entry in implied["operators"]] == ["(f.f)^2", "(f.f)^3"]


def test_the_command_checks_an_action(capsys: pytest.CaptureFixture[str]) -> None:
    free = from_command(capsys, "--action", "nu f^8")
    assert (free["action"], free["dimension"], free["excluded"], free["missing"]) == ("nu f^8", None, None, None)
    bounded = from_command(capsys, "--action", "nu f^8", "--dimension", "8")
    assert bounded["missing"] == [4, 6]
    assert from_command(capsys, "--action", str(TALK_ACTION), "--dimension", "6")["missing"] == []
    assert main(["eft", "--action", "nu f^8", "--dimension", "8"]) == 0
    assert "also allow f^4, f^6" in capsys.readouterr().out


def test_the_text_names_what_is_excluded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eft"]) == 0
    out = capsys.readouterr().out
    assert "Delta S = int d^d_in y [lambda f^4 + kappa f^6]" in out
    assert "f^5: forbidden by Z2" in out
    assert "Couplings are constants" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--action", "g f^3"], 2, "term g f^3: the declared symmetry Z2"),
        (["--action", "nu f^8", "--dimension", "6"], 2, "above the bound 6"),
        (["--symmetries", "shift"], 2, "no operator is allowed"),
        (["--symmetries", "so(3)", "--d-out", "2"], 2, "symmetry SO(3) with d_out = 2"),
        (["--symmetries", "so(3),o(2)"], 2, "symmetry O(2) with d_out = 3"),
        (["--d-out", "2"], 2, "d_out = 2 without SO(2)"),
        (["--symmetries", "z3"], 2, "'z3' is not one of"),
        (["--symmetries", "none", "--dimension", "8"], 3, "at most 5 couplings"),
        (["--dimension", "13"], 3, "lower the bound"),
        (["--sigma-b", "1"], 2, "--sigma-b: only the power counting"),
        (["--d-in", "2"], 2, "--d-in: only the power counting"),
        (["--propagator", "weights"], 2, "--propagator: only the power counting"),
        (["relu", "--kernel", "xy"], 2, "exactly one of NET"),
        (["tanh"], 2, "unknown network 'tanh'"),
    ],
)
def test_errors_of_the_command_are_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert main(["eft", *arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1
