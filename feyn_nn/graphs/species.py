"""Several outputs: the tensor that a diagram carries when f has d_out components.

The vertex g (f.f)^k with propagator K delta_ij: every way to join the 2k half-edges of a vertex in index pairs is equally
likely, (2k - 1)!! of them (the symmetrised vertex). Index lines then run from leg to leg, a delta each, or close on
themselves, a factor d_out each. So a diagram's coefficient C is multiplied by

    sum over pairings P of the legs of  polynomial_P(d_out) * prod of deltas in P,

and at d_out = 1 the polynomials add up to 1. The bubble 12|34 has (d_out + 4)/9 on d_12 d_34 and 2/9 on the other two
(talk, "SO(d_out) Symmetry": 288 * these = 32 (d_out + 4), 64, 64).

Half-edges of one vertex are interchangeable, so that partial contractions merge: an end of an index line is known by
its leg or its vertex alone.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Final, TypeAlias

from feyn_nn.combinatorics import double_factorial, pairing_count, pairings
from feyn_nn.errors import CompletenessError, InputError, LimitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from feyn_nn.action import Operator
    from feyn_nn.graphs.diagram import Diagram

Pairing: TypeAlias = tuple[tuple[int, int], ...]
Polynomial: TypeAlias = tuple[Fraction, ...]
"""Coefficients of d_out^0, d_out^1, ...; no trailing zeros."""
Tensor: TypeAlias = dict[Pairing, Polynomial]
"""Polynomial on each pairing of the legs (0-based, sorted) that occurs."""

MAX_SPECIES_LEGS: Final = 8

_Lines: TypeAlias = tuple[tuple[int, int], ...]


def species_tensor(diagram: Diagram) -> Tensor:
    """The tensor of a labelled diagram, normalised so that the polynomials at d_out = 1 add up to 1.

    Raises InputError for a vertex of odd valence, which has no index structure of this kind.
    """
    check_even(diagram.vertices)
    states: dict[_Lines, Counter[int]] = {tuple(sorted(diagram.edges)): Counter({0: 1})}  # powers of d_out
    for vertex in range(diagram.legs, diagram.legs + len(diagram.vertices)):
        states = _join_vertex(states, vertex)
    ways = prod(double_factorial(vertex.valence - 1) for vertex in diagram.vertices)
    return {
        pairing: tuple(Fraction(powers[power], ways) for power in range(max(powers) + 1))
        for pairing, powers in sorted(states.items())
    }


def check_even(operators: Iterable[Operator]) -> None:
    """Raise InputError for an operator of odd valence."""
    for operator in operators:
        if operator.valence % 2:
            raise InputError(
                f"{operator}: several outputs need even powers, (f.f)^k; leave --species out or change the action"
            )


def _join_vertex(states: dict[_Lines, Counter[int]], vertex: int) -> dict[_Lines, Counter[int]]:
    """Join the half-edges of one vertex in index pairs, one after the other, in all ways."""
    while any(vertex in line for lines in states for line in lines):
        grown: dict[_Lines, Counter[int]] = {}
        for lines, powers in states.items():
            for following, ways, closed in _join_one(lines, vertex):
                target = grown.setdefault(following, Counter())
                for power, number in powers.items():
                    target[power + closed] += ways * number
        states = grown
    return states


def _join_one(lines: _Lines, vertex: int) -> list[tuple[_Lines, int, int]]:
    """Join the first half-edge of `vertex` to each other one: (new lines, ways, loops closed)."""
    index = next(k for k, line in enumerate(lines) if vertex in line)
    first = lines[index]
    rest = lines[:index] + lines[index + 1 :]
    other = first[0] if first[1] == vertex else first[1]  # the far end; the vertex itself for a self-loop
    result = [(rest, 1, 1)] if first == (vertex, vertex) else []
    for line, number in Counter(rest).items():
        if vertex not in line:
            continue
        ends = 2 if line == (vertex, vertex) else 1
        far = line[0] if line[1] == vertex else line[1]
        place = rest.index(line)
        joined = (min(other, far), max(other, far))
        result.append((tuple(sorted((*rest[:place], *rest[place + 1 :], joined))), number * ends, 0))
    return result


def verify_species(
    n: int, order: Sequence[int], valences: Sequence[int], terms: Iterable[tuple[Diagram, Fraction]]
) -> None:
    """Check all diagrams of one order against the exact moments of (f.f); raise CompletenessError if they differ,
    LimitError for more than eight legs.

    `terms` holds a labelled diagram of every topology with the topology's multiplicity. In zero dimensions
    <(f.f)^m> = d_out (d_out + 2) ... (d_out + 2m - 2). Contracting the legs' indices in pairs, the diagrams must add up to
    that with m half the number of half-edges, over prod p!. Averaged over the ways to contract the legs, a
    topology's labellings all give the same.
    """
    if n > MAX_SPECIES_LEGS:
        raise LimitError(
            f"species tensors of {n} legs have up to {pairing_count(n)} parts: at most {MAX_SPECIES_LEGS} legs"
        )
    half_edges = n + sum(k * p for k, p in zip(valences, order, strict=True))
    ends = list(pairings(range(n)))
    found: dict[int, Fraction] = {}
    for diagram, multiplicity in terms:
        for pairing, polynomial in species_tensor(diagram).items():
            for closing in ends:
                cycles = _cycles(pairing, closing)
                for power, value in enumerate(polynomial):
                    total = found.get(power + cycles, Fraction(0))
                    found[power + cycles] = total + multiplicity * value
    expected = _even_moment(half_edges // 2) if half_edges % 2 == 0 else [0]
    identical = prod(prod(range(1, p + 1)) for p in order)
    for power in range(max([*found, len(expected) - 1], default=0) + 1):
        exact = Fraction(expected[power] if power < len(expected) else 0, identical) * pairing_count(n)
        if found.get(power, Fraction(0)) != exact:
            raise CompletenessError(
                f"G^({n}) at order {tuple(order)}: the species tensors add up to {found.get(power, 0)} at d_out^{power}, "
                f"the exact moment gives {exact}; this is a defect, please report it"
            )


def _even_moment(m: int) -> list[int]:
    """Coefficients of d (d + 2) ... (d + 2m - 2) in powers of d."""
    result = [1]
    for j in range(m):
        shifted = [0, *result]
        result = [a + 2 * j * b for a, b in zip(shifted, [*result, 0], strict=True)]
    return result


def _cycles(left: Pairing, right: Pairing) -> int:
    """Number of closed loops when two pairings of the same points are laid on each other."""
    partner = {a: b for pair in left for a, b in (pair, pair[::-1])}
    across = {a: b for pair in right for a, b in (pair, pair[::-1])}
    unseen, loops = set(partner), 0
    while unseen:
        point = start = min(unseen)
        loops += 1
        while True:
            unseen -= {point, partner[point]}
            point = across[partner[point]]
            if point == start:
                break
    return loops
