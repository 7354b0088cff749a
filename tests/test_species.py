"""Several outputs: tensors of diagrams against a brute-force sum over components, and the talk's formula."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise, product

import pytest

from feyn_nn.action import TALK_ACTION, Action, Operator
from feyn_nn.cli import main
from feyn_nn.combinatorics import double_factorial, pairings
from feyn_nn.correlator import generate_correlator, verify_species_tensors
from feyn_nn.errors import CompletenessError, InputError, LimitError
from feyn_nn.graphs import Diagram, diagrams_of, representative, species, species_tensor, topologies

LAMBDA, KAPPA = Operator(4, "lambda"), Operator(6, "kappa")


def by_components(diagram: Diagram, d_out: int, indices: tuple[int, ...]) -> Fraction:
    """Sum over all internal indices of the product of symmetrised vertices, legs having `indices`: the definition."""
    total = Fraction(0)
    ends: list[list[int]] = [[] for _ in diagram.vertices]  # positions, among the lines, that meet at each vertex
    fixed: dict[int, int] = {}
    for number, (a, b) in enumerate(diagram.edges):
        for node in (a, b):
            if node < diagram.legs:
                if number in fixed and fixed[number] != indices[node]:
                    return Fraction(0)
                fixed[number] = indices[node]
            else:
                ends[node - diagram.legs].append(number)
    for chosen in product(range(d_out), repeat=len(diagram.edges)):
        if any(chosen[number] != value for number, value in fixed.items()):
            continue
        value = Fraction(1)
        for lines in ends:
            ways = sum(all(chosen[a] == chosen[b] for a, b in pairing) for pairing in pairings(lines))
            value *= Fraction(ways, double_factorial(len(lines) - 1))
        total += value
    return total


@pytest.mark.parametrize(
    ("legs", "order"), [(0, (2, 0)), (2, (1, 0)), (2, (0, 1)), (4, (1, 0)), (2, (2, 0)), (2, (1, 1))]
)
def test_tensors_are_sums_over_components(legs: int, order: tuple[int, int]) -> None:
    for topology in topologies(legs, [LAMBDA, KAPPA], order):
        for diagram in diagrams_of(topology):
            tensor = species_tensor(diagram)
            for d_out in (1, 2):
                for indices in product(range(d_out), repeat=legs):
                    value = sum(
                        (
                            sum((c * d_out**power for power, c in enumerate(polynomial)), Fraction(0))
                            for pairing, polynomial in tensor.items()
                            if all(indices[a] == indices[b] for a, b in pairing)
                        ),
                        Fraction(0),
                    )
                    assert value == by_components(diagram, d_out, indices), (diagram, indices)


def test_formula_of_the_talk_at_second_order() -> None:
    """288 times the tensor of the bubble 12|34 is 32 [(d_out + 4) d12 d34 + 2 (d13 d24 + d14 d23)]."""
    (term,) = generate_correlator(4, TALK_ACTION, [(2, 0)]).terms
    scaled = {
        pairing: [term.coefficient * value for value in polynomial]
        for pairing, polynomial in species_tensor(representative(term.topology)).items()
    }
    assert scaled == {
        ((0, 1), (2, 3)): [32 * 4, 32],
        ((0, 2), (1, 3)): [64],
        ((0, 3), (1, 2)): [64],
    }
    (contact,) = generate_correlator(4, TALK_ACTION, [(1, 0)]).terms
    assert all(
        contact.coefficient * value[0] == 8 for value in species_tensor(representative(contact.topology)).values()
    )


def test_one_output_gives_back_the_coefficient_and_orders_add_up() -> None:
    """At d_out = 1 the polynomials add up to 1; all orders up to three vertices pass the exact moments of (f.f)."""
    for n in (0, 2, 4, 6):
        result = generate_correlator(n, TALK_ACTION, TALK_ACTION.orders(2))
        verify_species_tensors(result)
        for term in result.terms:
            tensor = species_tensor(representative(term.topology))
            assert sum((sum(polynomial) for polynomial in tensor.values()), Fraction(0)) == 1


def test_an_altered_tensor_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    result = generate_correlator(4, TALK_ACTION, TALK_ACTION.orders(1))
    real = species.species_tensor

    def altered(diagram: Diagram) -> species.Tensor:
        tensor = real(diagram)
        first = next(iter(tensor))
        return {**tensor, first: (*tensor[first][:-1], tensor[first][-1] + Fraction(1, 3))}

    monkeypatch.setattr(species, "species_tensor", altered)
    with pytest.raises(CompletenessError, match="species tensors"):
        verify_species_tensors(result)


def test_refusals() -> None:
    odd = Action.parse("g f^3")
    with pytest.raises(InputError, match="even powers"):
        verify_species_tensors(generate_correlator(2, odd, odd.orders(2)))
    with pytest.raises(LimitError, match="at most 8 legs"):
        verify_species_tensors(generate_correlator(10, TALK_ACTION, [(0, 0)]))


def test_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["correlator", "4", "--order", "lambda=2", "--species", "--format", "json"]) == 0
    terms = json.loads(capsys.readouterr().out)["terms"]
    (bubble,) = [term for term in terms if term["order"] == {"lambda": 2, "kappa": 0}]
    assert bubble["tensor"] == [
        {"deltas": [["x1", "x2"], ["x3", "x4"]], "polynomial": ["4/9", "1/9"]},
        {"deltas": [["x1", "x3"], ["x2", "x4"]], "polynomial": ["2/9"]},
        {"deltas": [["x1", "x4"], ["x2", "x3"]], "polynomial": ["2/9"]},
    ]
    assert main(["correlator", "4", "--order", "lambda=2", "--species"]) == 0
    assert "(4/9 + 1/9 d_out) delta(x1,x2) delta(x3,x4)" in capsys.readouterr().out
    assert main(["correlator", "4", "--species", "--action", "g f^3"]) == 2
    assert "species" in capsys.readouterr().err


def test_moments_of_an_even_vector() -> None:
    """<(f.f)^m> by integrating in polar coordinates: <r^(2m)> is a ratio of Gamma functions, one factor at a time."""
    for m in range(6):
        coefficients = species._even_moment(m)
        for d_out in range(1, 6):
            ratio = 1
            for lower, _ in pairwise(range(m + 1)):
                ratio *= d_out + 2 * lower
            assert sum(c * d_out**power for power, c in enumerate(coefficients)) == ratio
