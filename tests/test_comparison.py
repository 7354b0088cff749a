"""Comparison of correlators up to names, order, integrals and legs.

Oracle: points are a few places, an integral is the sum over them, K and all functions are tables of random numbers. Two
products are the same exactly if they have the same value there, and the same up to legs if the sums over all permutations
of the legs have.
"""

from __future__ import annotations

import random
from collections import defaultdict
from fractions import Fraction
from functools import cache
from itertools import pairwise, permutations, product
from math import prod
from typing import TYPE_CHECKING, Any

import pytest
import sympy
from sympy.core.function import AppliedUndef

from feyn_nn.action import TALK_ACTION, Action
from feyn_nn.correlator import Correlator, generate_correlator
from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs import TALK_RULES, Rule
from feyn_nn.symbolic.comparison import UpTo, canonical_terms, difference, polynomial, same
from feyn_nn.symbolic.comparison.products import written
from feyn_nn.symbolic.expressions import D_OUT, expression, fold, term_expressions
from feyn_nn.symbolic.formats.layout import PLAIN, CouplingForm, Labelling, Layout, Outputs
from feyn_nn.symbolic.integrals import CUTOFF, BoundaryIntegral, CubeIntegral, K, explicit
from feyn_nn.symbolic.running import running_system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ODD = Action.parse("g f^3 + alpha f^5")
SPECIES = Layout(outputs=Outputs.SPECIES)
LEGS = UpTo.VARIABLES_AND_LEGS
X = sympy.symbols("x1:7")
Y1, Y2, Y3 = sympy.symbols("y1:4")
LAMBDA, KAPPA = sympy.symbols("lambda kappa")
FUNCTION = sympy.Function("f")
PAIR = sympy.Function("h")
CORRELATORS = [
    generate_correlator(2, TALK_ACTION, TALK_ACTION.orders(2), ()),
    generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(2), ()),
    generate_correlator(6, TALK_ACTION, TALK_ACTION.orders(2)),
    generate_correlator(3, ODD, ODD.orders(2), {Rule.VACUUM}),
    generate_correlator(2, ODD, ODD.orders(2), ()),
]
EVERY = pytest.mark.parametrize("correlator", CORRELATORS, ids=lambda c: f"{c.n} of {c.action}")
LAYOUTS = [PLAIN, Layout(couplings=CouplingForm.FUNCTION), Layout(couplings=CouplingForm.SPLIT), SPECIES]


# Rewriting that must not matter


def rewritten(value: Any, rng: random.Random) -> Any:
    """New names, integrals in another order and nested, factors in another order, K turned round, constants inside."""
    if isinstance(value, CubeIntegral):
        return _renamed(value.integrand, value.points, rng, lambda inner, symbols: _nested(inner, symbols, rng))
    if isinstance(value, BoundaryIntegral):
        inside = value.points[1:]
        return _renamed(
            value.integrand,
            (value.surface_point, *inside),
            rng,
            lambda inner, symbols: BoundaryIntegral(inner, symbols[0], *_shuffled(symbols[1:], rng)),
        )
    if isinstance(value, sympy.Integral):
        symbols = [limit[0] for limit in value.limits]
        return _renamed(value.function, symbols, rng, lambda inner, new: sympy.Integral(inner, *_limits(new, rng)))
    if isinstance(value, AppliedUndef) and value.func == K and rng.random() < 0.5:
        half = len(value.args) // 2
        return K(*value.args[half:], *value.args[:half])
    if value.is_Mul:
        factors = [rewritten(factor, rng) for factor in value.args]
        integrals = [factor for factor in factors if isinstance(factor, CubeIntegral | sympy.Integral)]
        if integrals and rng.random() < 0.5:  # everything goes under the first integral
            rest = list(factors)
            rest.remove(integrals[0])
            inner, *others = integrals[0].args
            return integrals[0].func(sympy.Mul(*_shuffled([inner, *rest], rng), evaluate=False), *others)
        return sympy.Mul(*_shuffled(factors, rng), evaluate=False)
    if value.is_Pow and value.exp == 2 and rng.random() < 0.5:
        return sympy.Mul(rewritten(value.base, rng), rewritten(value.base, rng), evaluate=False)
    if value.is_Add:
        return sympy.Add(*_shuffled([rewritten(term, rng) for term in value.args], rng), evaluate=False)
    if not value.args or isinstance(value, AppliedUndef):
        return value
    return value.func(*(rewritten(argument, rng) for argument in value.args))


def _renamed(integrand: Any, symbols: Sequence[Any], rng: random.Random, build: Callable[[Any, list[Any]], Any]) -> Any:
    new = [sympy.Symbol(f"{rng.choice('abuvwyz')}{rng.randrange(10**6)}") for _ in symbols]
    moved = integrand.xreplace(dict(zip(symbols, new, strict=True)))
    return build(rewritten(moved, rng), new)


def _nested(inner: Any, symbols: list[Any], rng: random.Random) -> Any:
    symbols = _shuffled(symbols, rng)
    cut = rng.randrange(len(symbols))
    return CubeIntegral(CubeIntegral(inner, *symbols[:cut]), *symbols[cut:])


def _limits(symbols: list[Any], rng: random.Random) -> list[Any]:
    return [(symbol, -CUTOFF, CUTOFF) for symbol in _shuffled(symbols, rng)]


def _shuffled(items: Sequence[Any], rng: random.Random) -> list[Any]:
    return rng.sample(list(items), len(items))


def moved_legs(value: Any, order: Sequence[int], d_in: int | None = None) -> Any:
    """x1, i1 -> those of number order[0] + 1, and so on."""
    names = [""] if d_in in (None, 1) else [f"_{axis + 1}" for axis in range(d_in or 1)]
    mapping = {
        sympy.Symbol(f"{letter}{old + 1}{rest}"): sympy.Symbol(f"{letter}{new + 1}{rest}")
        for old, new in enumerate(order)
        for letter, rest in [("i", ""), *(("x", name) for name in names)]
    }
    return value.xreplace(mapping)


# The oracle


@cache
def number(*key: Any) -> int:
    """A random number for whatever it is asked for."""
    return random.Random(repr(key)).randrange(2, 10**6)


def evaluated(value: Any, at: dict[Any, int]) -> int:
    """The value with points at places 0, 1, 2, and functions from tables; all numbers are integers."""
    if value.is_Integer:
        return int(value)
    if value.is_Symbol:
        return number("symbol", value.name)
    if isinstance(value, CubeIntegral | BoundaryIntegral | sympy.Integral):
        symbols = [limit[0] for limit in value.limits] if isinstance(value, sympy.Integral) else list(value.points)
        inner = value.function if isinstance(value, sympy.Integral) else value.integrand
        total = 0
        for places in product(range(3), repeat=len(symbols)):
            weight = number("surface", places[0]) if isinstance(value, BoundaryIntegral) else 1
            total += weight * evaluated(inner, at | dict(zip(symbols, places, strict=True)))
        return total
    if isinstance(value, AppliedUndef):
        arguments = tuple(str(at.get(argument, argument)) for argument in value.args)
        name = value.func.__name__
        return number(name, *(sorted(arguments) if name == "K" else arguments))
    if isinstance(value, sympy.KroneckerDelta):
        return int(at[value.args[0]] == at[value.args[1]])
    if value.is_Pow:
        return prod([evaluated(value.base, at)] * int(value.exp))
    parts = [evaluated(argument, at) for argument in value.args]
    assert value.is_Add or value.is_Mul
    return sum(parts) if value.is_Add else prod(parts)


def values(value: Any, legs: int, up_to: UpTo, species: int = 1) -> tuple[int, ...]:
    """One number for each way to give the legs one of `species` indices, symmetrised if asked for; leg k is at 10 + k."""
    orders = list(permutations(range(legs))) if up_to is LEGS else [tuple(range(legs))]
    result = []
    for index in product(range(species), repeat=legs):
        total = 0
        for order in orders:
            at = {sympy.Symbol(f"x{leg + 1}"): 10 + place for leg, place in enumerate(order)}
            at |= {sympy.Symbol(f"i{leg + 1}"): index[place] for leg, place in enumerate(order)}
            total += evaluated(value, at)
        result.append(total)
    return tuple(result)


def single_products(correlator: Correlator) -> Iterator[Any]:
    """Every labelled diagram by itself, without its coefficient."""
    for entry in term_expressions(correlator, None):
        for term in sympy.Add.make_args(sympy.expand(entry.expression)):
            yield term / term.as_coeff_Mul()[0]


@pytest.mark.parametrize("up_to", list(UpTo))
@pytest.mark.parametrize("correlator", [c for c in CORRELATORS if c.n <= 4], ids=lambda c: f"{c.n} of {c.action}")
def test_products_are_the_same_exactly_if_their_values_are(correlator: Correlator, up_to: UpTo) -> None:
    """Every diagram, and a rewriting of it with other legs: the keys part them as the oracle does."""
    rng = random.Random(7)
    by_key, by_value = defaultdict(set), defaultdict(set)
    for index, single in enumerate(single_products(correlator)):
        moved = moved_legs(single, rng.sample(range(correlator.n), correlator.n))
        for copy, each in enumerate((single, rewritten(moved, rng))):
            ((key, coefficient),) = canonical_terms(each, up_to).items()
            by_key[key, coefficient].add((index, copy))
            by_value[values(each, correlator.n, up_to)].add((index, copy))
    assert sorted(map(sorted, by_key.values())) == sorted(map(sorted, by_value.values()))
    topologies = len(correlator.terms)
    assert len(by_key) == (topologies if up_to is LEGS else sum(term.labellings for term in correlator.terms))


def random_product(rng: random.Random) -> Any:
    """A few lines, functions, deltas and integrals between up to three internal points and three legs."""
    inside = rng.sample((Y1, Y2, Y3), rng.randrange(4))
    ends = [*inside, *X[: rng.randrange(1, 4)]]
    value = sympy.Integer(rng.randrange(1, 3))
    for _ in range(rng.randrange(5)):
        value *= K(rng.choice(ends), rng.choice(ends))
    if rng.random() < 0.3:
        value *= FUNCTION(rng.choice(ends))
    if rng.random() < 0.3:
        value *= PAIR(rng.choice(ends), rng.choice(ends), CUTOFF)
    if rng.random() < 0.2:
        value *= K(rng.choice(ends), 0)
    if rng.random() < 0.4:
        for _ in range(rng.randrange(1, 3)):
            value *= sympy.KroneckerDelta(*sympy.symbols(f"i{rng.randrange(1, 4)} i{rng.randrange(1, 4)}"))
    if inside and rng.random() < 0.3:
        return BoundaryIntegral(value, *inside)
    return CubeIntegral(value, *inside)


@pytest.mark.parametrize("up_to", list(UpTo))
def test_random_products_are_the_same_exactly_if_their_values_are(up_to: UpTo) -> None:
    rng = random.Random(11)
    found = {True: 0, False: 0}
    by_values: dict[tuple[int, ...], Any] = {}
    by_key: dict[Any, Any] = {}
    for _ in range(300):
        value = random_product(rng)
        other = rewritten(moved_legs(value, rng.sample(range(3), 3)) if rng.random() < 0.5 else value, rng)
        number_of = values(value, 3, up_to, 2)
        equal = number_of == values(other, 3, up_to, 2)
        assert same(value, other, up_to) is equal, (value, other)
        found[equal] += 1
        ((key, coefficient),) = canonical_terms(value, up_to).items()
        assert by_values.setdefault(number_of, (key, coefficient)) == (key, coefficient), value
        assert by_key.setdefault((key, coefficient), number_of) == number_of, value
        assert values(coefficient * written(key), 3, up_to, 2) == number_of, value
        assert canonical_terms(written(key), up_to) == {key: 1}
    assert found[True] > 80
    assert (found[False] > 40) is (up_to is UpTo.VARIABLES)
    assert len(by_key) < 295  # some met by chance


# Laws of correlators


@pytest.mark.parametrize("d_in", [None, 1, 2])
@EVERY
def test_a_rewritten_correlator_is_the_same(correlator: Correlator, d_in: int | None) -> None:
    rng = random.Random(3)
    value = expression(correlator, d_in)
    other = rewritten(value, rng)
    assert other != value
    assert same(value, other)
    assert difference(value, other) == 0
    assert same(value, other, LEGS)
    # a correlator is symmetric in its legs; a part of it that is not must be told apart
    order = rng.sample(range(correlator.n), correlator.n)
    assert same(value, moved_legs(other, order, d_in))


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@EVERY
def test_one_labelling_times_the_multiplicity_is_the_sum_up_to_legs(correlator: Correlator, layout: Layout) -> None:
    if layout == SPECIES and correlator.action == ODD:
        return
    value = expression(correlator, None, layout)
    short = expression(correlator, 1, Layout(Labelling.REPRESENTATIVE, layout.couplings, layout.outputs))
    assert canonical_terms(value, LEGS) == canonical_terms(short, LEGS)
    assert same(value, short) is all(term.labellings == 1 for term in correlator.terms)
    assert not same(short, 2 * short, LEGS)


@EVERY
def test_there_are_as_many_terms_as_diagrams_with_their_coefficients(correlator: Correlator) -> None:
    value = expression(correlator, None)
    monomials = {
        order: sympy.prod([sympy.Symbol(g) ** p for g, p in zip(correlator.action.couplings, order, strict=True)])
        for order in {term.order for term in correlator.terms}
    }

    def expected(weights: list[tuple[Any, Fraction, int]]) -> list[str]:
        return sorted(str(monomials[order] * sympy.Rational(w)) for order, w, count in weights for _ in range(count))

    labelled = [(term.order, term.sign * term.coefficient, term.labellings) for term in correlator.terms]
    orbits = [(term.order, term.sign * term.multiplicity, 1) for term in correlator.terms]
    assert sorted(map(str, canonical_terms(value).values())) == expected(labelled)
    assert sorted(map(str, canonical_terms(value, LEGS).values())) == expected(orbits)


@pytest.mark.parametrize("up_to", list(UpTo))
@pytest.mark.parametrize("d_in", [None, 2])
def test_one_change_is_seen(d_in: int | None, up_to: UpTo) -> None:
    """Controls: a coefficient, a line, a colour, a missing labelling; each in one place of G^(4) to second order."""
    correlator = generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(2), {Rule.VACUUM})
    value = expression(correlator, d_in, Layout(couplings=CouplingForm.FUNCTION))
    rng = random.Random(5)
    terms = list(sympy.expand(value).args)
    copies = [rewritten(term, rng) for term in terms]
    assert same(value, sympy.Add(*copies), up_to)
    seen = 0
    for index in rng.sample(range(len(terms)), 4):
        term = terms[index]
        calls = sorted(term.atoms(AppliedUndef), key=str)
        line = rng.choice([call for call in calls if call.func == K])
        half = len(line.args) // 2
        changes = [2 * term, term.xreplace({line: line**2}), term.xreplace({line: K(*line.args[:half] * 2)}), 0 * term]
        changes += [term.xreplace({call: PAIR(*call.args)}) for call in calls if call.func != K]
        for change in changes:
            if change != term:  # a line from a point to itself is one already
                altered = sympy.Add(*copies[:index], rewritten(change, rng), *copies[index + 1 :])
                assert difference(value, altered, up_to) != 0, (term, change)
                seen += 1
    assert seen > 16


def test_all_of_the_six_point_function_to_second_order() -> None:
    """2180 products with nothing pruned; every coefficient against the generator's, in both ways."""
    correlator = generate_correlator(6, TALK_ACTION, TALK_ACTION.orders(2), ())
    value = expression(correlator, None)
    assert len(canonical_terms(value)) == sum(term.labellings for term in correlator.terms) == 2180
    orbits = canonical_terms(value, LEGS)
    at_one = sympy.Add(*orbits.values()).subs({LAMBDA: -1, KAPPA: -1})
    assert len(orbits) == len(correlator.terms)
    assert at_one == sum(check.everything for check in correlator.checks)


@EVERY
def test_every_form_of_an_expression_is_the_same(correlator: Correlator) -> None:
    """Points, coordinates, named integrals written out, an expanded sum, and one integral over all points."""
    value = expression(correlator, None)
    for d_in in (1, 3):
        assert same(value, expression(correlator, d_in))
    assert same(value, fold(correlator).written_out())
    assert same(value, sympy.expand(value))
    assert same(value + value, 2 * value)
    names = canonical_terms(value)
    assert canonical_terms(sympy.Add(*(coefficient * written(key) for key, coefficient in names.items()))) == names


# Parts


def test_products_of_integrals_are_one_integral() -> None:
    one = CubeIntegral(K(X[0], Y1) * K(Y1, Y1), Y1)
    both = CubeIntegral(K(X[0], Y2) * K(Y1, X[0]) * K(Y1, Y1) * K(Y2, Y2), Y1, Y2)
    assert same(one**2, both)
    assert same(sympy.Mul(one, one, evaluate=False), both)
    inside = CubeIntegral(CubeIntegral(PAIR(Y1, Y2), Y2) ** 2 * K(X[0], Y1), Y1)
    assert same(inside, CubeIntegral(PAIR(Y1, Y2) * PAIR(Y1, Y3) * K(X[0], Y1), Y1, Y2, Y3))
    assert not same(inside, CubeIntegral(PAIR(Y1, Y2) ** 2 * K(X[0], Y1), Y1, Y2))
    assert same((1 + one) ** 3, 1 + 3 * one + 3 * one * one + CubeIntegral(one**2 * K(X[0], Y1) * K(Y1, Y1), Y1))


def test_names_inside_do_not_meet_names_outside() -> None:
    """The points of an integral are its own, even with the name of a leg or of another integral's point."""
    assert same(CubeIntegral(K(X[0], X[1]), X[0]), CubeIntegral(K(Y1, X[1]), Y1))
    shadow = CubeIntegral(K(Y1, X[0]) * CubeIntegral(K(Y1, X[1]), Y1), Y1)
    assert same(shadow, CubeIntegral(K(Y1, X[0]), Y1) * CubeIntegral(K(Y1, X[1]), Y1))
    assert not same(K(Y1, X[0]) * CubeIntegral(K(Y1, X[1]), Y1), CubeIntegral(K(Y1, X[0]) * K(Y1, X[1]), Y1))
    dummies = sympy.Dummy("y"), sympy.Dummy("y")
    pair = CubeIntegral(PAIR(*dummies) * K(dummies[0], X[0]), *dummies)
    assert same(pair, CubeIntegral(PAIR(Y2, Y1) * K(X[0], Y2), Y1, Y2))
    assert not same(pair, CubeIntegral(PAIR(Y1, Y2) * K(X[0], Y2), Y1, Y2))


def test_points_of_any_valence() -> None:
    """No line, one, two and forty; a chain of twenty points; sixteen points in a ring, which are all alike."""
    assert same(CubeIntegral(sympy.Integer(3), Y1, Y2), 3 * CubeIntegral(sympy.Integer(1), Y3) ** 2)
    assert not same(CubeIntegral(sympy.Integer(3), Y1, Y2), CubeIntegral(sympy.Integer(3), Y1))
    volume = CubeIntegral(K(X[0], Y1), Y1, Y2)
    assert same(volume, explicit(volume, 2))
    assert not same(volume, explicit(CubeIntegral(volume.integrand, Y1), 2))
    assert same(CubeIntegral(K(X[0], Y1) ** 40, Y1), CubeIntegral(K(Y2, X[0]) ** 40, Y2))
    many = sympy.symbols("x1:15")
    star = CubeIntegral(sympy.prod([K(leg, Y1) for leg in many]), Y1)
    assert same(star, rewritten(star, random.Random(1)))
    assert list(canonical_terms(star, LEGS).values()) == [1]
    rng = random.Random(2)
    for closed in (False, True):
        points = sympy.symbols("y1:17")
        ring = sympy.prod([K(a, b) for a, b in pairwise(points)])
        if closed:
            ring *= K(points[0], points[-1])
        value = CubeIntegral(ring, *points)
        assert same(value, rewritten(value, rng))
        assert not same(value, CubeIntegral(ring * K(points[0], points[8]), *points))


def test_functions_keep_the_order_of_their_arguments() -> None:
    G4 = sympy.Function("G4")
    x1, x2, x3, x4 = X[:4]
    assert not same(G4(x1, x2, x3, x4), G4(x2, x1, x3, x4))
    assert same(G4(x1, x2, x3, x4), G4(x2, x1, x3, x4), LEGS)
    joined = G4(x1, x2, x3, x4) * K(x1, x2)
    assert same(joined, G4(x4, x2, x1, x3) * K(x4, x2), LEGS)
    assert not same(joined, G4(x4, x2, x1, x3) * K(x1, x2), LEGS)
    assert same(PAIR(x1, CUTOFF) * 2, PAIR(x2, CUTOFF) * 2, LEGS)
    assert not same(PAIR(x1, CUTOFF), PAIR(CUTOFF, x1), LEGS)
    assert not same(PAIR(x1, 1), PAIR(x1, 2))
    bubble = CubeIntegral(K(x1, Y1) * K(x2, Y1) * K(Y1, Y2) ** 2 * K(Y2, x3) * K(Y2, x4), Y1, Y2)
    assert same(bubble * FUNCTION(x1) * FUNCTION(x2), bubble * FUNCTION(x4) * FUNCTION(x3), LEGS)
    assert not same(bubble * FUNCTION(x1) * FUNCTION(x2), bubble * FUNCTION(x1) * FUNCTION(x3), LEGS)


def test_named_integrals_are_compared_by_name() -> None:
    folded = fold(generate_correlator(6, TALK_ACTION, TALK_ACTION.orders(2)))
    value = folded.expression
    assert same(value, rewritten(value, random.Random(9)), LEGS)
    short = fold(
        generate_correlator(6, TALK_ACTION, TALK_ACTION.orders(2)), Layout(Labelling.REPRESENTATIVE)
    ).expression
    assert same(value, short, LEGS)
    assert not same(value, short)
    assert not same(value, folded.written_out(), LEGS)


def test_equations_of_the_running_couplings_are_read() -> None:
    """Derivatives of named functions with respect to the cutoff are functions of the same points."""
    system = running_system(TALK_ACTION)
    for equation in system.equations:
        assert same(equation, sympy.expand(equation))
        assert equation.has(sympy.Derivative)
        assert not same(equation, equation.subs(sympy.Symbol("beta_lambda"), 0))
        assert difference(equation.doit(), equation) == 0
    call = PAIR(X[0], CUTOFF)
    assert not same(sympy.Derivative(call, CUTOFF), call)
    assert not same(sympy.Derivative(call, CUTOFF, CUTOFF), sympy.Derivative(call, CUTOFF))


def test_the_surface_is_a_colour() -> None:
    """d/dLambda of the bubble: both points are alike, so that it is twice one of them; the tadpole's are not."""
    x1, x2, x3, x4 = X[:4]
    bubble = CubeIntegral(K(x1, Y1) * K(x2, Y1) * K(Y1, Y2) ** 2 * K(Y2, x3) * K(Y2, x4), Y1, Y2)
    derivative = sympy.diff(bubble, CUTOFF)
    one = BoundaryIntegral(bubble.integrand, Y1, Y2)
    other = BoundaryIntegral(bubble.integrand, Y2, Y1)
    assert same(derivative, one + other)
    assert not same(derivative, 2 * one)
    assert same(derivative, 2 * one, LEGS)
    assert not same(one, bubble, LEGS)
    assert same(one, BoundaryIntegral(bubble.integrand.subs({Y1: Y2, Y2: Y1}, simultaneous=True), Y2, Y1))
    tadpole = CubeIntegral(K(x1, Y1) * K(x2, Y1) * K(Y1, Y2) ** 2 * K(Y2, Y2), Y1, Y2)
    points = [BoundaryIntegral(tadpole.integrand, *order) for order in ((Y1, Y2), (Y2, Y1))]
    assert same(sympy.diff(tadpole, CUTOFF), sum(points))
    assert not same(points[0], points[1], LEGS)
    both = BoundaryIntegral(BoundaryIntegral(tadpole.integrand, Y2), Y1)
    assert not same(both, points[0])
    ((key, _),) = canonical_terms(both).items()
    assert canonical_terms(written(key)) == {key: 1}
    face = K(x1, CUTOFF) * K(x2, CUTOFF) + K(x1, -CUTOFF) * K(x2, -CUTOFF)
    assert same(explicit(BoundaryIntegral(K(x1, Y1) * K(x2, Y1), Y1), 1), face)
    assert not same(face, 2 * K(x1, CUTOFF) * K(x2, CUTOFF))


def test_indices_go_with_their_legs() -> None:
    i1, i2, i3, i4 = sympy.symbols("i1:5")
    delta = sympy.KroneckerDelta
    lines = K(X[0], X[1]) * K(X[2], X[3])
    parallel, crossed = delta(i1, i2) * delta(i3, i4) * lines, delta(i1, i3) * delta(i2, i4) * lines
    assert not same(parallel, crossed, LEGS)
    assert same(crossed, delta(i1, i4) * delta(i2, i3) * lines, LEGS)
    assert not same(crossed, delta(i1, i4) * delta(i2, i3) * lines)
    bubble = CubeIntegral(K(X[0], Y1) * K(X[1], Y1) * K(Y1, Y2) ** 2 * K(Y2, X[2]) * K(Y2, X[3]), Y1, Y2)
    assert same(delta(i1, i3) * delta(i2, i4) * bubble, delta(i1, i4) * delta(i2, i3) * bubble, LEGS)
    assert not same(delta(i1, i3) * delta(i2, i4) * bubble, delta(i1, i2) * delta(i3, i4) * bubble, LEGS)
    assert same(delta(i1, i2) * delta(i2, i3), delta(i2, i1) * delta(i1, i3))
    assert same(delta(i1, i2) * delta(i2, i3), delta(i2, i4) * delta(i1, i4), LEGS)
    assert same(delta(i1, i2) ** 2 * K(X[0], X[1]), K(X[0], X[1]) * delta(i1, i2))
    correlator = generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(2))
    value = expression(correlator, None, SPECIES)
    assert same(value, moved_legs(value, (2, 0, 3, 1)))
    legs_only = value.subs(dict(zip(X[:4], (X[2], X[0], X[3], X[1]), strict=True)), simultaneous=True)
    assert not same(value, legs_only)
    assert not same(value, legs_only, LEGS)
    plain = sympy.Symbol("d_out")
    assert same(value, value.subs(D_OUT, plain))  # by name, whatever is assumed
    assert not same(value, value.subs(D_OUT, plain + 1), LEGS)


def test_coefficients_are_exact_polynomials_in_constants() -> None:
    line = K(X[0], X[1])
    a, b = sympy.symbols("a b")
    ((_, value),) = canonical_terms((a + b) ** 2 * line - a**2 * line).items()
    assert value == 2 * a * b + b**2
    assert same(line / (2 * a + 4) + line / (a - 2), (3 * a + 2) * line / (2 * (a**2 - 4)))
    assert same(sympy.sqrt(2) * (sympy.sqrt(2) * line + 1), 2 * line + sympy.sqrt(2))
    power = CUTOFF**a
    assert same(power * (line / power + 1), line + power)
    assert same(sympy.exp(a) * line, line * sympy.exp(a - b) * sympy.exp(b))
    assert not same(line * FUNCTION(CUTOFF), line)
    assert canonical_terms(line - K(X[1], X[0])) == {}
    assert same(sympy.Pow(2 * line, 2, evaluate=False), 4 * line**2)
    assert same(0, line - line)
    assert same(Fraction(1, 2), sympy.Rational(1, 2))
    assert not same(1, 2)


def test_only_some_legs_may_be_exchanged() -> None:
    one, other = K(X[0], X[1]) * K(X[2], X[3]), K(X[0], X[2]) * K(X[1], X[3])
    assert same(one, other, LEGS, X[:3])
    assert not same(one, other, LEGS, X[:2])
    assert same(one, other, LEGS, ["x2", "x3"])
    named = sympy.symbols("p q")
    assert same(FUNCTION(named[0]), FUNCTION(named[1]), LEGS, named)
    assert not same(FUNCTION(named[0]), FUNCTION(named[1]), LEGS)


def test_a_difference_can_be_read() -> None:
    contact = CubeIntegral(K(X[0], Y2) * K(X[1], Y2) * FUNCTION(Y2) * K(Y2, Y2), Y2)
    assert str(difference(LAMBDA * contact - K(X[1], X[0]), 0)) == (
        "lambda*CubeIntegral(K(x1, y1)*K(x2, y1)*K(y1, y1)*f(y1), y1) - K(x1, x2)"
    )
    value = expression(generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(1)), None)
    lost = K(X[0], X[3]) * K(X[1], X[2])
    assert difference(value, value - lost) == lost
    assert difference(value - lost, value) == -lost
    assert difference(value, value - lost, LEGS) == K(X[0], X[1]) * K(X[2], X[3])
    assert difference(value, value - lost, LEGS, X[2:4]) == K(X[0], X[2]) * K(X[1], X[3])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("K(x1, x2)", "is a str: expected a SymPy expression"),
        (1 / CubeIntegral(K(X[0], Y1), Y1), "in the denominator"),
        (1 / (LAMBDA + K(X[0], X[1])), r"K\(x1, x2\) in lambda \+ K\(x1, x2\) stands in the denominator"),
        (sympy.sqrt(K(X[0], X[1])), "is neither a propagator"),
        (K(X[0], X[1]) ** sympy.Symbol("a"), "is neither a propagator"),
        (sympy.exp(CubeIntegral(K(X[0], Y1), Y1)), "is neither a propagator"),
        (X[0] * K(X[0], X[1]), "x1 is neither"),
        (CubeIntegral(Y1**2 * K(X[0], Y1), Y1), "y1 is neither"),
        (CubeIntegral(sympy.exp(-(Y1**2)), Y1), r"y1 in exp\(-y1\*\*2\)"),
        (0.5 * K(X[0], X[1]), "expected exact finite numbers"),
        (sympy.oo * LAMBDA, "expected exact finite numbers"),
        (sympy.Integral(K(X[0], Y1), (Y1, 0, CUTOFF)), r"\(0, Lambda\); expected \(-Lambda, Lambda\)"),
        (sympy.Integral(K(X[0], Y1), Y1), "expected \\(-Lambda, Lambda\\)"),
        (CubeIntegral(K(X[0], Y1), Y1, Y1), "expected distinct symbols"),
        (K(X[0], X[1]) + K(*X[:4]), "different numbers of arguments"),
        (K(*X[:3]), "even number"),
        (K(*X[:4]), "is no point; expected coordinates such as x1_1, x1_2"),
        (explicit(K(X[0], Y1), 2) + CubeIntegral(FUNCTION(Y1), Y1), "write all alike"),
        (explicit(K(X[0], X[1]), 2) * FUNCTION(sympy.Symbol("x1_1")), "expected 2 coordinates"),
        (K(X[0] + X[1], X[2]), r"x1 \+ x2 is no point"),
        (FUNCTION(X[0] ** 2), r"x1\*\*2 is no point"),
        (sympy.KroneckerDelta(sympy.Symbol("i1"), 2), "two indices that are symbols"),
        (sympy.Derivative(FUNCTION(X[0]), X[0]), "derivatives of named integrals"),
        (sympy.Derivative(CubeIntegral(K(X[0], Y1), Y1) * CUTOFF, CUTOFF), "is neither a propagator"),
        (sympy.Sum(K(X[0], X[1]), (sympy.Symbol("k"), 1, 3)), "is neither a propagator"),
    ],
    ids=str,
)
def test_refusals(value: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        canonical_terms(value)


def test_refusals_of_legs_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    stray = sympy.KroneckerDelta(*sympy.symbols("m n")) * K(X[0], X[1])
    assert same(stray, stray)
    with pytest.raises(InputError, match="index m belongs to no leg"):
        same(stray, stray, LEGS)
    with pytest.raises(InputError, match="index i1 belongs to no leg"):
        same(sympy.KroneckerDelta(*sympy.symbols("i1 i2")), 1, LEGS, sympy.symbols("p q"))
    monkeypatch.setattr(polynomial, "MAX_PRODUCTS", 100)
    with pytest.raises(LimitError, match="more than 100 products"):
        canonical_terms((1 + K(X[0], X[1]) + K(X[0], X[2]) + K(X[1], X[2])) ** 12)


def test_connected_correlators_differ_by_what_is_disconnected() -> None:
    """The connected diagrams are what is left when those with lines apart are taken away; nothing is lost twice."""
    everything = expression(generate_correlator(6, TALK_ACTION, TALK_ACTION.orders(2)), None)
    rules = TALK_RULES | {Rule.DISCONNECTED}
    connected = expression(generate_correlator(6, TALK_ACTION, TALK_ACTION.orders(2), rules), 2)
    rest = difference(everything, connected)
    assert all(any(call.args[1] in X for call in term.atoms(K)) for term in rest.args)
    assert same(everything, connected + explicit(rest, 2))
