"""Vacuum diagrams of a scalar field on a line as exact rationals: the energy of the anharmonic oscillator.

With the propagator K = exp(-m |t|)/(2m) of `FreeFieldKernel` the action
(1/2) int [(d phi)^2 + m^2 phi^2] + sum_k g_k int phi^k, no 1/k!, is the path integral of

    H = p^2/2 + m^2 x^2/2 + sum_k g_k x^k,

and its connected vacuum diagrams per unit length of t add up to the ground-state energy,

    E = m/2 - sum over diagrams of  prod_k (-g_k)^(p_k) C(D) I(D),    C as in `graphs.topology`,

with I(D) = int prod K over all times but one. Odd operators included: then diagrams with tadpoles belong to the sum.

Time-ordered integrals. For one order of the p vertices' times every line decays over the gaps that it crosses, so a gap that c
lines cross gives 1/(m c), and every line 1/(2m), a self-loop nothing else:

    I(D) = (2m)^-lines  sum over the p! orders  prod over the p - 1 gaps of 1/(m c).

The sum runs over sets of first vertices, 2^p of them, not over orders. Everything is an exact Fraction at m = 1; a term of
`mass_power` q goes with m^q. No SymPy here. The series of the quartic oscillator: C. M. Bender, T. T. Wu, Phys. Rev. 184
(1969) 1231.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs import CONNECTED, Diagram, DiagramClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from feyn_nn.action import Action

MAX_VERTICES: Final = 16
"""Vertices of one diagram."""
MAX_STEPS: Final = 50_000_000
"""Additions of Fractions at one order, about a microsecond each."""


@dataclass(frozen=True, slots=True)
class VacuumDiagram:
    """A connected vacuum diagram with its weight C and its integral per unit length at m = 1."""

    diagram: Diagram
    weight: Fraction
    integral: Fraction

    @property
    def contribution(self) -> Fraction:
        """What it adds to the coefficient of its couplings in the ground-state energy: (-1)^(p+1) C I."""
        sign = 1 if len(self.diagram.vertices) % 2 else -1
        return sign * self.weight * self.integral


@dataclass(frozen=True, slots=True)
class EnergyTerm:
    """`coefficient` * m^mass_power * prod_k g_k^order[k] of the ground-state energy, and its number of diagrams."""

    order: tuple[int, ...]
    coefficient: Fraction
    mass_power: int
    diagrams: int


def time_ordered_integral(diagram: Diagram) -> Fraction:
    """The integral of prod exp(-|t|)/2 over all vertices' times but one, for m = 1.

    In general it goes with m^-(lines + vertices - 1). Raises InputError unless the diagram is connected, without legs and
    with a vertex; LimitError above `MAX_VERTICES` vertices.

    >>> from feyn_nn.action import Operator
    >>> quartic = Operator(4, "lambda")
    >>> time_ordered_integral(Diagram(0, [quartic] * 2, [(0, 1)] * 4))
    Fraction(1, 32)
    """
    topology = diagram.topology
    if topology.legs or len(topology.pieces) != 1:
        raise InputError(
            f"{diagram}: {topology.legs} legs and {len(topology.pieces)} components with vertices; expected a connected "
            "vacuum diagram, whose integral per unit length is finite"
        )
    (piece,) = topology.pieces
    vertices = len(piece.colours)
    if vertices > MAX_VERTICES:
        raise LimitError(
            f"a diagram with {vertices} vertices: its {2**vertices} sets of first vertices are too many; at most "
            f"{MAX_VERTICES} vertices are supported"
        )
    loops = sum(node.loops for node in piece.colours)
    lines = [[0] * vertices for _ in range(vertices)]
    for i, j, number in piece.edges:
        lines[i][j] = lines[j][i] = number
    joining = sum(number for _, _, number in piece.edges)
    return _sum_over_orders(lines) * Fraction(1, 2 ** (loops + joining))


def vacuum_diagrams(action: Action, order: tuple[int, ...]) -> Iterator[VacuumDiagram]:
    """Yield the connected vacuum diagrams with `order[i]` vertices of the action's i-th operator, with their integrals.

    Complete: the generator compares the sum of the weights with the zero-dimensional theory at the end. Raises InputError
    for an order that does not fit; LimitError, before it starts, if the integrals take more than `MAX_STEPS` steps.
    """
    every = DiagramClass(0, action.operators, order, CONNECTED)
    vertices = sum(order)
    steps = 2**vertices * vertices
    count = every.estimate()
    if count * steps > MAX_STEPS:
        raise LimitError(
            f"order {order} of {action}: {count} diagrams of {steps} steps are too many (at most {MAX_STEPS} steps in all); "
            "lower the order"
        )
    every.refuse_explosion()
    return (VacuumDiagram(found, found.coefficient, time_ordered_integral(found)) for found in every.diagrams())


def ground_state_energy(action: Action, orders: Iterable[tuple[int, ...]]) -> tuple[EnergyTerm, ...]:
    """The coefficients of the ground-state energy at the multi-orders `orders` (see `Action.orders`).

    Raises as `vacuum_diagrams` does.

    >>> from feyn_nn.action import Action
    >>> quartic = Action.parse("lambda f^4")
    >>> [str(term.coefficient) for term in ground_state_energy(quartic, quartic.orders(3))]
    ['1/2', '3/4', '-21/8', '333/16']
    """
    return tuple(_term(action, order) for order in orders)


def _term(action: Action, order: tuple[int, ...]) -> EnergyTerm:
    half_edges = DiagramClass(0, action.operators, order).half_edges
    mass_power = 1 - sum(order) - half_edges // 2
    if not any(order):
        return EnergyTerm(order, Fraction(1, 2), 1, 0)
    if half_edges % 2:
        return EnergyTerm(order, Fraction(0), mass_power, 0)
    contributions = [found.contribution for found in vacuum_diagrams(action, order)]
    return EnergyTerm(order, sum(contributions, Fraction(0)), mass_power, len(contributions))


def _sum_over_orders(lines: list[list[int]]) -> Fraction:
    """The sum over all orders of the vertices of prod 1/(lines between the first k and the rest), k = 1 .. p - 1.

    `partial[S]` is the sum over the orders of the set S of vertices (bits), gaps up to the one behind S included.
    """
    vertices = len(lines)
    everything = (1 << vertices) - 1
    partial = [Fraction(1)] + [Fraction(0)] * everything
    cut = [0] * (everything + 1)
    for first in range(1, everything + 1):
        lowest = (first & -first).bit_length() - 1
        rest = first & (first - 1)
        # Adding a vertex cuts its lines to the outside and joins those to the inside.
        cut[first] = (
            cut[rest]
            + sum(lines[lowest])
            - 2 * sum(number for other, number in enumerate(lines[lowest]) if rest >> other & 1)
        )
        total = sum((partial[first ^ (1 << last)] for last in range(vertices) if first >> last & 1), Fraction(0))
        partial[first] = total if first == everything else total / cut[first]
    return partial[everything]
