"""Operators and actions: what makes sense, and that the printed form is read back."""

from __future__ import annotations

import re
from itertools import pairwise
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feyn_nn.action import MAX_VALENCE, MIN_VALENCE, TALK_ACTION, VERTEX_LETTERS, Action, Operator, order_key
from feyn_nn.errors import InputError

RESERVED = ("f", "K", "K_W", "G", "I", "N", "Lambda", "d_in", "d_out", "x", "x1", "y", "y1", "z2", "u", "v10", "w3")

couplings = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,31}", fullmatch=True).filter(
    lambda name: not re.fullmatch(r"f|K|K_W|G|I|N|Lambda|d_in|d_out|[xyzuvw]\d*", name)
)
actions = st.lists(
    st.builds(Operator, st.integers(MIN_VALENCE, MAX_VALENCE), couplings),
    min_size=1,
    max_size=len(VERTEX_LETTERS),
    unique_by=lambda operator: operator.coupling,
).map(lambda operators: Action(tuple(operators)))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(actions)
def test_printed_action_is_read_back(action: Action) -> None:
    assert Action.parse(str(action)) == action
    assert Action.parse(str(action).replace(" f^", "*f**")) == action


def test_order_of_terms_is_kept_and_matters() -> None:
    swapped = Action.parse("kappa f^6 + lambda f^4")
    assert swapped.couplings == ("kappa", "lambda")
    assert TALK_ACTION.couplings == ("lambda", "kappa")
    assert swapped != TALK_ACTION
    assert sorted(swapped.operators) == list(TALK_ACTION.operators)


def test_couplings_may_share_a_valence() -> None:
    assert Action.parse("a f^4 + b f^4").couplings == ("a", "b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lambda f^2", "a quadratic term belongs in the kernel (position 1 of 'lambda f^2')"),
        ("lambda f^4 + mu f^1", f"mu f^1: expected a power from 3 to {MAX_VALENCE} (position 14 of"),
        ("lambda f^0", f"expected a power from 3 to {MAX_VALENCE}"),
        (f"lambda f^{MAX_VALENCE + 1}", f"expected a power from 3 to {MAX_VALENCE}"),
        ("lambda f^" + "9" * 40, f"expected a power from 3 to {MAX_VALENCE}"),
        ("lambda f^4 + lambda f^6", "coupling 'lambda' stands at two terms"),
        ("y1 f^4", "coupling 'y1': expected a name"),
        ("4 lambda f^4", "at position 1"),
        ("lambda f^4 +", "at position 13"),
        ("a f^3 + b f^4 + c f^5 + d f^6 + e f^7 + g f^8", "has 6 terms: at most 5"),
        ("", "the action is empty"),
    ],
)
def test_actions_that_make_no_sense(text: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Action.parse(text)


@pytest.mark.parametrize("name", RESERVED)
def test_symbols_of_the_theory_are_no_couplings(name: str) -> None:
    with pytest.raises(InputError, match="not one of the symbols"):
        Operator(4, name)
    assert Operator(4, name + "_g").coupling == name + "_g"


@pytest.mark.parametrize("name", ["", "1a", "_a", "a b", "a-b", "λ", "a\n", "a;b", "a" * 33, "__import__('os')"])
def test_operators_take_plain_names_only(name: str) -> None:
    with pytest.raises(InputError, match="expected a name of up to 32 letters"):
        Operator(4, name)


def test_an_action_without_terms_is_refused() -> None:
    with pytest.raises(InputError, match="has no terms"):
        Action(())


@pytest.mark.parametrize("text", ["lambda f^4", "lambda f^4 + kappa f^6", "a f^3 + b f^4 + c f^5"])
@pytest.mark.parametrize("maximum", range(5))
def test_orders_are_all_within_the_bound_sorted(text: str, maximum: int) -> None:
    action = Action.parse(text)
    orders = action.orders(maximum)
    count = len(action.operators)
    assert len(set(orders)) == len(orders) == comb(maximum + count, count)
    assert all(sum(order) <= maximum and min(order) >= 0 for order in orders)
    assert orders == sorted(orders, key=order_key)
    for one, following in pairwise(orders):
        # total first; at equal totals the action's first coupling has its higher power first
        assert sum(one) < sum(following) or (sum(one) == sum(following) and one > following)


def test_orders_within_are_a_box() -> None:
    action = Action.parse("a f^3 + b f^4 + c f^5")
    assert sorted(action.orders_within({"c": 1, "a": 2})) == [(i, 0, k) for i in range(3) for k in range(2)]
    assert action.orders_within({}) == [(0, 0, 0)]
    orders = action.orders_within({"a": 2, "b": 2, "c": 2})
    assert orders == sorted(orders, key=order_key)
    assert len(orders) == 27


def test_bad_orders_are_refused() -> None:
    with pytest.raises(InputError, match="order -1: expected zero or more"):
        TALK_ACTION.orders(-1)
    with pytest.raises(InputError, match="order lambda=-1: expected zero or more"):
        TALK_ACTION.orders_within({"lambda": -1})
    with pytest.raises(InputError, match="unknown coupling 'mu' in the order: the action has lambda, kappa"):
        TALK_ACTION.orders_within({"mu": 1})
