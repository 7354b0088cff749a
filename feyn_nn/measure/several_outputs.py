"""lambda of networks with several outputs: independent of d_out at first order, 1/d_out corrections at second.

With d_out outputs the vertex is lambda (f.f)^2. All legs being of one output, its coefficients in G^(4) are (talk, the
SO(d_out) formula)

    A4 as for one output,   B4(d_out) = B4(1) (d_out + 8)/9,

while Delta G^(4) of one output does not know how many there are. So lambda1 = Delta G^(4)/A4 is the same for every d_out,
and lambda2, the root of Delta G^(4) = lambda A4 + lambda^2 B4 (`measure.fits`), falls with d_out:

    lambda2/lambda1 = 2 / (1 + sqrt(1 + 4 r)),   r = lambda1 B4/A4, which grows as (d_out + 8)/9.

The components of Delta G^(4) between different outputs say more: lambda_m by pairing, from the coefficient of
delta_ab delta_cd alone, which is -8 lambda int KKKK, equals lambda_m only if the three pairings are alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from feyn_nn.errors import InputError
from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.kernels import Propagator
from feyn_nn.measure.coefficients import Legs
from feyn_nn.measure.couplings import theory_coefficients
from feyn_nn.measure.fits import mean_lambda, second_order_lambda, second_order_share, second_over_first

if TYPE_CHECKING:
    from collections.abc import Iterable

    from feyn_nn.arrays import FloatArray
    from feyn_nn.estimate import Estimate
    from feyn_nn.kernels import Kernel
    from feyn_nn.measure.couplings import TheoryCoefficients
    from feyn_nn.measure.sources import CorrelatorSource
    from feyn_nn.network import Architecture


class OutputsRow(NamedTuple):
    """lambda at first and second order for one number of outputs; None where a tuple has no real root."""

    d_out: int
    legs: Legs
    first: Estimate
    second: Estimate | None
    ratio: Estimate | None
    second_over_first: Estimate | None


def lambda_by_outputs(
    source: CorrelatorSource,
    inputs: FloatArray,
    kernel: Kernel,
    cutoff: float,
    numbers: Iterable[int],
    propagator: Propagator = Propagator.FULL,
) -> tuple[OutputsRow, ...]:
    """Measure lambda from Delta G^(4) of one output, for each of `numbers` of outputs that the network may have.

    Raises InputError for a number below 1, for a cutoff that does not contain the inputs, and where the O(lambda^2)
    integrals are too large.
    """
    rows = []
    for d_out in numbers:
        if d_out < 1:
            raise InputError(f"d_out = {d_out}: expected a positive number of outputs")
        theory = theory_coefficients(inputs, cutoff, propagator.of(kernel), kernel, d_out)
        second, size = second_order_lambda(source, theory), second_over_first(source, theory)
        rows.append(
            OutputsRow(
                d_out,
                Legs(propagator, cutoff),
                mean_lambda(source, theory),
                second.coupling,
                None if second.coupling is None else second_order_share(source, theory),
                size,
            )
        )
    return tuple(rows)


def lambda_by_pairing(
    architecture: Architecture, inputs: FloatArray, width: int, theory: TheoryCoefficients
) -> FloatArray:
    """The lambda_m of each coefficient of delta_ab delta_cd in the exact Delta G^(4): shape (tuples, 3), NaN if undetermined.

    The mean over the three pairings is lambda_m of one output. Raises as `exact_correlators` does.
    """
    layer = exact_correlators(architecture, inputs, 4).layer
    coefficients = np.asarray(layer.connected_by_pairing(4).at(width), dtype=np.float64)
    third = np.where(theory.determined, theory.first / 3, np.nan)
    result: FloatArray = coefficients / third[:, None]
    return result
