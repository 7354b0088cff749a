"""Coefficients of lambda and kappa in the correlators, generated and integrated, for one kind of legs and one cutoff.

To the orders at which they matter (lambda ~ 1/N, kappa ~ 1/N^2; K_W or K on lines at vertices, K between two legs):

    Delta G^(4)    = lambda A4 + lambda^2 B4 + kappa C4,     A4 = -24 int KKKK,        C4 = -360 int KKKK K(z,z),
    connected G^(6) = lambda^2 E6 + kappa C6,                 C6 = -720 int KKKKKK,
    G^(6) - G_GP^(6) = lambda A6 + kappa (C6 + 15 C4 K) + ...,   A6 = 15 terms A4 K.

E6 is the tree exchange, two contacts joined by one line (5760 = 10 x 576), of the same order in 1/N as kappa. B4 and E6
are integrals over two vertices, and None where these need too many nodes.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feyn_nn.action import Action
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import LimitError
from feyn_nn.graphs import CONNECTED_RULES, TALK_RULES
from feyn_nn.kernels import Propagator
from feyn_nn.measure.couplings import TWO_VERTEX_NODES, determined, theory_coefficients
from feyn_nn.numeric import Contraction, with_error
from feyn_nn.numeric.grids import MAX_POINTS

if TYPE_CHECKING:
    from collections.abc import Collection

    from feyn_nn.arrays import BoolArray, FloatArray
    from feyn_nn.graphs import Rule
    from feyn_nn.kernels import Kernel
    from feyn_nn.measure.couplings import TheoryCoefficients
    from feyn_nn.numeric import Grid


@dataclass(frozen=True, slots=True)
class Legs:
    """What a coupling depends on beside the network: the lines at vertices, and the cutoff."""

    propagator: Propagator
    cutoff: float

    def __str__(self) -> str:
        return f"{self.propagator.symbol} on lines at vertices, cutoff {self.cutoff:g}"


@dataclass(frozen=True, slots=True, eq=False)
class ActionCoefficients:
    """Coefficients of lambda f^4 + kappa f^6 over sorted tuples of `inputs`, with all legs of one output.

    `quartic` has A4, B4 and A6. `contact` is C6, `exchange` E6 (None where it is too large), `loop` C4, `sextic` the
    whole coefficient of kappa in G^(6). `error` is the largest relative error of those with one vertex, `exchange_error` that
    of E6.
    """

    inputs: FloatArray
    legs: Legs
    quartic: TheoryCoefficients
    contact: FloatArray
    exchange: FloatArray | None
    loop: FloatArray
    sextic: FloatArray
    error: float
    exchange_error: float

    @property
    def determined(self) -> BoolArray:
        """The 6-tuples from which kappa can be measured, shape (tuples,)."""
        return determined(self.contact, self.error)


def action_coefficients(
    inputs: FloatArray,
    kernel: Kernel,
    cutoff: float,
    propagator: Propagator = Propagator.FULL,
    d_out: int = 1,
    quartic: TheoryCoefficients | None = None,
) -> ActionCoefficients:
    """Generate and integrate the coefficients at `inputs`, shape (points, d_in); `kernel` is K.

    `quartic` are those of lambda where they are at hand, for the same arguments. With `d_out` outputs the vertices are
    lambda (f.f)^2 and kappa (f.f)^3, and all legs of one output. Raises InputError for a cutoff that does not contain the
    inputs, or at which no tuple determines lambda.
    """
    if quartic is None:
        quartic = theory_coefficients(inputs, cutoff, propagator.of(kernel), kernel, d_out)
    contact, first_error = coefficient(6, "kappa f^6", 1, inputs, kernel, cutoff, propagator, CONNECTED_RULES, d_out)
    loop, loop_error = coefficient(4, "kappa f^6", 1, inputs, kernel, cutoff, propagator, d_out=d_out)
    sextic, sextic_error = coefficient(6, "kappa f^6", 1, inputs, kernel, cutoff, propagator, d_out=d_out)
    exchange: FloatArray | None = None
    exchange_error = 0.0
    with suppress(LimitError):
        exchange, exchange_error = coefficient(
            6, "lambda f^4", 2, inputs, kernel, cutoff, propagator, CONNECTED_RULES, d_out
        )
    return ActionCoefficients(
        inputs,
        Legs(propagator, cutoff),
        quartic,
        contact,
        exchange,
        loop,
        sextic,
        max(quartic.error, first_error, loop_error, sextic_error),
        exchange_error,
    )


def coefficient(
    n: int,
    term: str,
    power: int,
    inputs: FloatArray,
    kernel: Kernel,
    cutoff: float,
    propagator: Propagator,
    rules: Collection[Rule] = TALK_RULES,
    d_out: int = 1,
) -> tuple[FloatArray, float]:
    """Coefficient of one coupling's power in G^(n) over sorted tuples, and its relative error; `term` such as `kappa f^6`.

    Raises LimitError where two vertices take more pairs of nodes than there is time for.
    """
    correlator = generate_correlator(n, Action.parse(term), [(power,)], rules)
    legs, tuples = propagator.of(kernel), sorted_tuples(len(inputs), n)

    def on(grid: Grid) -> FloatArray:
        return Contraction(inputs, grid, legs, kernel).coefficients(correlator, tuples, d_out)[(power,)]

    return with_error(on, legs, inputs, cutoff, most=MAX_POINTS if power == 1 else TWO_VERTEX_NODES)
