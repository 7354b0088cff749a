"""Odd operators: the recipe for even actions does not count their diagrams, the package's does."""

from __future__ import annotations

from fractions import Fraction

from feyn_nn.action import Action
from feyn_nn.combinatorics import pairing_count
from feyn_nn.correlator import generate_correlator
from feyn_nn.graphs import Topology, has_propagator_correction, topologies


def normalised_moments(legs: int, order: int) -> list[Fraction]:
    """<f^legs> of g f^3 in zero dimensions: coefficients of (-g)^0 .. (-g)^order, by dividing the series by hand."""
    factorial = 1
    top: list[Fraction] = []
    bottom: list[Fraction] = []
    result: list[Fraction] = []
    for p in range(order + 1):
        factorial *= max(p, 1)
        top.append(Fraction(pairing_count(legs + 3 * p), factorial))
        bottom.append(Fraction(pairing_count(3 * p), factorial))
        result.append(top[p] - sum((result[q] * bottom[p - q] for q in range(p)), Fraction(0)))
    return result


def two_point_cumulants(order: int) -> list[Fraction]:
    """<f f> - <f><f> of g f^3, likewise; only even orders occur."""
    mean = normalised_moments(1, order)
    return [
        moment - sum((mean[q] * mean[p - q] for q in range(p + 1)), Fraction(0))
        for p, moment in enumerate(normalised_moments(2, order))
    ]


def test_re_expansion_in_the_propagator_alone_is_wrong_for_tadpoles() -> None:
    """At g^3 every connected one-leg diagram has an insertion, so the sum over those without is 0.

    Re-expanding <f> in the exact two-point function G (g -> g G^(3/2), times G^(1/2)) gives 3 g G^2 + s_3 g^3 with
    s_3 = c_3 - 6 G_2, which is not 0: the leg, a vertex and two tadpoles is counted for both of its insertions.
    """
    action = Action.parse("g f^3")
    kept = generate_correlator(1, action, [(3,)]).terms
    connected = [t for t in topologies(1, action.operators, [3]) if len(t.pieces) == 1]
    assert connected
    assert all(has_propagator_correction(topology) for topology in connected)
    assert kept == ()
    mean, propagator = normalised_moments(1, 3), two_point_cumulants(2)
    assert sum((t.multiplicity for t in connected), Fraction(0)) == mean[3]
    assert mean[3] - 6 * propagator[2] != 0


def test_double_tadpole_has_two_overlapping_insertions() -> None:
    """The diagram that breaks the even recipe: cutting leg and either tadpole isolates a part."""
    action = Action.parse("g f^3")
    star: list[Topology] = [
        topology
        for topology in topologies(1, action.operators, [3])
        if len(topology.pieces) == 1 and sum(node.loops for node in topology.pieces[0].colours) == 2
    ]
    assert len(star) == 1
    assert has_propagator_correction(star[0])
