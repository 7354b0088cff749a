"""The exact side of a cross-check: lambda, the prediction of G^(6) and their limits, from exact correlators without noise.

The same definitions as for a measurement (`measure.couplings`), with the exact Delta G^(4) and G^(6) of a network with one
hidden layer at its width in the place of measured ones. What can be said about validity is said from these numbers: how far
lambda_m varies over tuples, how large the second order is, how much of Delta G^(4) a constant coupling explains.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.errors import FeynError
from feyn_nn.exact.correlators import exact_correlators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray
    from feyn_nn.measure.couplings import TheoryCoefficients
    from feyn_nn.network import Architecture


@dataclass(frozen=True, slots=True, eq=False)
class ExactReference:
    """Exact values at one width, for the legs and the cutoff of the theory coefficients that were used.

    `over_tuples` is lambda_m, NaN where it is not determined. The ratios are means over sorted 6-tuples as in `SixPoint`;
    `distinct` has G6_GP/G6 and (G6_GP + lambda)/G6 at the first six inputs. `explained` is the share of
    sum (Delta G4)^2 over all ordered tuples that the best constant lambda accounts for, `best_constant` that lambda.
    `accuracy` is the relative accuracy of the correlators.
    """

    width: int
    over_tuples: FloatArray
    gp_over_g6: float
    eft_over_g6: float
    minimum: float
    maximum: float
    distinct: tuple[float, float] | None
    second_over_first: float | None
    explained: float
    best_constant: float
    accuracy: float

    @property
    def mean(self) -> float:
        """lambda: the mean of lambda_m over tuples."""
        return float(np.nanmean(self.over_tuples))

    @property
    def spread(self) -> float:
        """Standard deviation of lambda_m over tuples."""
        return float(np.nanstd(self.over_tuples))


def exact_reference(
    architecture: Architecture | None, width: int | None, inputs: FloatArray, theory: TheoryCoefficients
) -> ExactReference | None:
    """The exact side, None where it is not known: no architecture or width, deep networks, moments that cannot be had."""
    if architecture is None or width is None or architecture.depth > 1:
        return None
    with suppress(FeynError):  # an activation or inputs that the exact layer refuses: the measurement stands alone
        six = exact_correlators(architecture, inputs, 6)
        four, connected = six.layer.correlator(4), six.layer.connected(4)
        delta = np.asarray(four.beyond_gaussian.at(width), dtype=np.float64)
        known = theory.determined
        over_tuples = np.divide(delta, theory.first, out=np.full_like(delta, np.nan), where=known)
        mean = float(np.nanmean(over_tuples))
        full = np.asarray(six.at(width), dtype=np.float64)
        free = np.asarray(six.gaussian, dtype=np.float64)
        visible = full != 0
        gp = np.divide(free, full, out=np.full_like(full, np.nan), where=visible)
        eft = np.divide(free + mean * theory.sixth, full, out=np.full_like(full, np.nan), where=visible)
        place = sorted_tuples(len(inputs), 6).index(tuple(range(6))) if len(inputs) >= 6 else -1
        best, explained = constant_fit(delta, theory.first, len(inputs))
        return ExactReference(
            width,
            over_tuples,
            float(np.nanmean(gp)),
            float(np.nanmean(eft)),
            float(np.nanmin(eft)),
            float(np.nanmax(eft)),
            (float(gp[place]), float(eft[place])) if place >= 0 and visible[place] else None,
            theory.second_over_first(mean),
            explained,
            best,
            max(four.accuracy, connected.accuracy, six.accuracy),
        )
    return None


def constant_fit(delta: FloatArray, first: FloatArray, points: int) -> tuple[float, float]:
    """The constant lambda closest to Delta G^(4) = lambda A over all ordered 4-tuples, and the share it explains.

    `delta` and `first` (the coefficient A) are over sorted tuples, each of which counts as often as it has orders. The share
    is 1 - sum (Delta G4 - lambda A)^2 / sum (Delta G4)^2, 1 where Delta G4 vanishes.
    """
    weights = np.array([_orders(row) for row in sorted_tuples(points, 4)], dtype=np.float64)
    best = float(np.sum(weights * delta * first) / np.sum(weights * first**2))
    total = float(np.sum(weights * delta**2))
    rest = float(np.sum(weights * (delta - best * first) ** 2))
    return best, 1 - rest / total if total > 0 else 1.0


def _orders(row: Sequence[int]) -> int:
    """Number of distinct orders of a tuple."""
    result, left = 1, len(row)
    for value in set(row):
        number = row.count(value)
        result *= comb(left, number)
        left -= number
    return result
