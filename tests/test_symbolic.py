"""Correlators as SymPy: equal to (3.17)-(3.19) written out here independently; the K = 1 law; d_in > 1."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING, Any

import pytest
import sympy

from feyn_nn.action import TALK_ACTION, Action
from feyn_nn.combinatorics import double_factorial
from feyn_nn.correlator import Correlator, generate_correlator
from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs import TALK_RULES, Rule
from feyn_nn.symbolic.expressions import expression, term_expressions
from feyn_nn.symbolic.formats.layout import Labelling, Layout, check_size

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

K = sympy.Function("K")
LAMBDA, KAPPA, CUTOFF = sympy.symbols("lambda kappa Lambda")
Expr = Any


def pairings(points: tuple[int, ...]) -> Iterator[tuple[tuple[int, int], ...]]:
    """Every way to pair up the points; (n - 1)!! of them."""
    if not points:
        yield ()
        return
    first, *others = points
    for partner in others:
        rest = tuple(point for point in others if point != partner)
        for pairing in pairings(rest):
            yield ((first, partner), *pairing)


def line(a: int, b: int) -> Expr:
    return K(sympy.Symbol(f"x{a}"), sympy.Symbol(f"x{b}"))


def free(legs: tuple[int, ...]) -> Expr:
    """The Gaussian correlator of these legs."""
    return sympy.Add(*(sympy.prod([line(a, b) for a, b in pairing]) for pairing in pairings(legs)))


def star(legs: tuple[int, ...], letter: str, loops: int) -> Expr:
    """The integral with every leg at one vertex, which has `loops` self-loops."""
    y = sympy.Symbol(f"{letter}1")
    integrand = sympy.prod([K(sympy.Symbol(f"x{leg}"), y) for leg in legs]) * K(y, y) ** loops
    return sympy.Integral(integrand, (y, -CUTOFF, CUTOFF))


def with_lines(n: int, at_vertex: int, letter: str, loops: int) -> Expr:
    """Sum over the choices of the legs at the vertex, the others paired in every way."""
    legs = tuple(range(1, n + 1))
    return sympy.Add(
        *(
            free(tuple(leg for leg in legs if leg not in chosen)) * star(chosen, letter, loops)
            for chosen in combinations(legs, at_vertex)
        )
    )


def first_order(n: int) -> Expr:
    """G^(n) of the talk, both rules applied: (3.17) with no correction left, (3.18), (3.19)."""
    expected = free(tuple(range(1, n + 1)))
    if n >= 4:
        expected -= 24 * LAMBDA * with_lines(n, 4, "y", 0) + 360 * KAPPA * with_lines(n, 4, "z", 1)
    if n >= 6:
        expected -= 720 * KAPPA * with_lines(n, 6, "z", 0)
    return sympy.expand(expected)


def propagator_corrections(n: int) -> Expr:
    """What rule 4.5 drops: 12 with lambda and 90 with kappa (the talk's (3.17) exchanges them)."""
    return -12 * LAMBDA * with_lines(n, 2, "y", 1) - 90 * KAPPA * with_lines(n, 2, "z", 2)


def vacuum(n: int) -> Expr:
    return -3 * LAMBDA * with_lines(n, 0, "y", 2) - 15 * KAPPA * with_lines(n, 0, "z", 3)


def talk(n: int, maximum: int = 1, rules: Collection[Rule] = TALK_RULES) -> Correlator:
    return generate_correlator(n, TALK_ACTION, TALK_ACTION.orders(maximum), rules)


def with_ones(value: Expr) -> Expr:
    """K = 1 and every integral 1: the zero-dimensional theory."""
    ones = value.replace(sympy.Integral, lambda integrand, *_: integrand)
    return sympy.expand(ones.replace(K, lambda *_: sympy.Integer(1)))


@pytest.mark.parametrize("n", [2, 4, 6])
def test_first_order_is_that_of_the_talk(n: int) -> None:
    assert sympy.expand(expression(talk(n))) == first_order(n)


@pytest.mark.parametrize("n", [2, 4, 6])
def test_rules_switched_off_restore_what_they_drop(n: int) -> None:
    pruned, dropped = first_order(n), propagator_corrections(n)
    assert sympy.expand(expression(talk(n, 1, {Rule.VACUUM})) - pruned - dropped) == 0
    assert sympy.expand(expression(talk(n, 1, set())) - pruned - dropped - vacuum(n)) == 0


def test_comparison_sees_a_wrong_factor() -> None:
    """Mutation control: 12 and 90 exchanged, as in the talk's (3.17), is not equal."""
    wrong = first_order(2) - 90 * LAMBDA * with_lines(2, 2, "y", 1) - 12 * KAPPA * with_lines(2, 2, "z", 2)
    assert sympy.expand(expression(talk(2, 1, {Rule.VACUUM})) - wrong) != 0


@pytest.mark.parametrize("n", [2, 4, 6, 8])
def test_every_diagram_counts_every_contraction_when_k_is_one(n: int) -> None:
    """The coefficient of lambda^p kappa^q is (-1)^(p+q) (n + 4p + 6q - 1)!! / (p! q!), to third order."""
    value = sympy.Poly(with_ones(expression(talk(n, 3, set()), layout=Layout(Labelling.REPRESENTATIVE))), LAMBDA, KAPPA)
    for p, q in TALK_ACTION.orders(3):
        expected = Fraction((-1) ** (p + q) * double_factorial(n + 4 * p + 6 * q - 1), factorial(p) * factorial(q))
        assert value.coeff_monomial(LAMBDA**p * KAPPA**q) == sympy.Rational(expected.numerator, expected.denominator)


@pytest.mark.parametrize("rules", [set(), {Rule.VACUUM}, TALK_RULES], ids=["none", "vacuum", "both"])
@pytest.mark.parametrize("n", [2, 4, 6])
def test_written_out_labellings_have_the_weight_of_the_kept_diagrams(n: int, rules: Collection[Rule]) -> None:
    correlator = talk(n, 2 if n < 6 else 1, rules)
    expected = sum(
        sympy.Rational(check.kept.numerator, check.kept.denominator)
        * (-1) ** sum(check.order)
        * LAMBDA ** check.order[0]
        * KAPPA ** check.order[1]
        for check in correlator.checks
    )
    assert sympy.expand(with_ones(expression(correlator)) - expected) == 0


@pytest.mark.parametrize("n", [2, 4, 6])
def test_dropping_labels_makes_representatives_equal_to_the_full_sum(n: int) -> None:
    """With all legs at one place every labelling of a topology is the same integral."""
    correlator = talk(n, 1, set())
    x = sympy.Symbol("x")
    one_place = {sympy.Symbol(f"x{leg}"): x for leg in range(1, n + 1)}
    symmetric = sympy.Function("S", commutative=True)

    def ordered(*points: Expr) -> Expr:
        return symmetric(*sorted(points, key=str))

    full, short = (
        expression(correlator, layout=Layout(labelling)).subs(one_place).replace(K, ordered) for labelling in Labelling
    )
    assert sympy.expand(full - short) == 0


def test_terms_add_up_and_carry_their_sign_and_couplings() -> None:
    correlator = talk(4, 2)
    written = term_expressions(correlator)
    assert [entry.term for entry in written] == list(correlator.terms)
    assert sympy.Add(*(entry.expression for entry in written)) == expression(correlator)
    for entry in written:
        value = with_ones(entry.expression)
        p, q = entry.term.order
        assert value == entry.term.sign * int(entry.term.multiplicity) * LAMBDA**p * KAPPA**q


@pytest.mark.parametrize("d_in", [2, 3])
def test_every_internal_point_has_d_in_limits(d_in: int) -> None:
    value = expression(talk(4, 2), d_in)
    names = {str(symbol) for symbol in value.free_symbols}
    assert {f"x{leg}_{axis}" for leg in range(1, 5) for axis in range(1, d_in + 1)} <= names
    integrals = value.atoms(sympy.Integral)
    assert integrals
    for integral in integrals:
        points = {str(limit[0]).rsplit("_", 1)[0] for limit in integral.limits}
        assert {str(limit[0]) for limit in integral.limits} == {
            f"{point}_{axis}" for point in points for axis in range(1, d_in + 1)
        }
        assert len(integral.limits) == d_in * len(points)
        assert all(limit[1:] == (-CUTOFF, CUTOFF) for limit in integral.limits)
        assert not {str(symbol) for symbol in integral.free_symbols} & {str(limit[0]) for limit in integral.limits}
    assert all(len(call.args) == 2 * d_in for call in value.atoms(K))


def test_dimensions_do_not_change_the_weights() -> None:
    correlator = talk(4, 2)
    assert with_ones(expression(correlator, 2)) == with_ones(expression(correlator))


def test_internal_points_take_their_letters_by_coupling_in_the_order_of_the_action() -> None:
    swapped = Action.parse("kappa f^6 + lambda f^4")
    exchanged = expression(generate_correlator(4, swapped, swapped.orders(1)))
    y, z, spare = sympy.symbols("y1 z1 spare")
    renamed = exchanged.replace(y, spare).replace(z, y).replace(spare, z)
    assert renamed == expression(talk(4))


def test_a_concrete_kernel_gives_a_number() -> None:
    """K = 1 + x y in d_in = 1: the integrals by hand."""
    value = expression(talk(4)).subs({sympy.Symbol(f"x{leg}"): 0 for leg in range(1, 5)})
    concrete = value.replace(K, lambda a, b: 1 + a * b).doit()
    loop = 2 * CUTOFF + sympy.Rational(2, 3) * CUTOFF**3
    assert sympy.expand(concrete - (3 - 24 * LAMBDA * 2 * CUTOFF - 360 * KAPPA * loop)) == 0


def test_nothing_left_is_zero_and_no_legs_is_one() -> None:
    action = Action.parse("lambda f^4")
    assert expression(generate_correlator(3, action, action.orders(1))) == 0
    assert expression(generate_correlator(0, action, action.orders(1))) == 1


def test_refusals() -> None:
    with pytest.raises(InputError, match="d_in = 0"):
        expression(talk(2), 0)
    many = talk(6, 1, set())
    check_size(many.terms)
    with pytest.raises(LimitError, match="more than the limit"):
        check_size(many.terms * 500)
