"""kappa from the connected six-point function, with and without the exchange of a line between two lambda vertices.

With lambda ~ 1/N from G^(4) both stand at order 1/N^2 (`measure.coefficients`):

    connected G^(6) = lambda^2 E6 + kappa C6,   kappa_m = (connected G^(6) - lambda^2 E6)/C6,   kappa = mean over tuples.

The connected function is measured as such, so that the 15 terms kappa4 K drop out tuple by tuple, whether or not lambda is
constant. The talk's delta' = G^(6) - G_GP^(6) - lambda A6 contains what is left of them unless lambda_m is constant, and
its formula has no exchange.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.errors import InputError
from feyn_nn.measure.couplings import VANISHING
from feyn_nn.measure.fits import lambda_over_tuples, scattered
from feyn_nn.measure.sources import estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray
    from feyn_nn.estimate import Estimate
    from feyn_nn.measure.coefficients import ActionCoefficients, Legs
    from feyn_nn.measure.sources import CorrelatorSource


@dataclass(frozen=True, slots=True, eq=False)
class KappaMeasurement:
    """kappa at one choice of legs and cutoff, with the exchange and without it.

    `over_tuples` (with the exchange) and `exchange_share`, lambda^2 E6 over the connected G^(6), are per sorted 6-tuple, NaN
    where C6 or the connected function vanishes.
    """

    legs: Legs
    points: int
    with_exchange: Estimate
    without_exchange: Estimate
    over_tuples: FloatArray
    exchange_share: FloatArray

    @property
    def spread(self) -> float:
        """Standard deviation of kappa_m over tuples."""
        return float(np.nanstd(self.over_tuples))

    def share_at(self, row: Sequence[int]) -> float:
        """The exchange over the connected G^(6) at one sorted tuple."""
        return float(self.exchange_share[sorted_tuples(self.points, 6).index(tuple(row))])

    @property
    def verdict(self) -> str:
        """What the exchange does to kappa, in a sentence."""
        with_it, without = self.with_exchange.mean, self.without_exchange.mean
        found = f"kappa = {self.with_exchange} with the lambda^2 exchange and {self.without_exchange} without it ({self.legs})"
        if with_it * without < 0:
            return f"{found}: leaving the exchange out gives the wrong sign"
        return f"{found}: the exchange changes it by {abs(with_it - without) / abs(without):.2g} of its size"


def kappa_over_tuples(coupling: float, connected: FloatArray, coefficients: ActionCoefficients) -> FloatArray:
    """kappa_m from a connected six-point function of shape (tuples,) at one lambda, at the tuples that determine it.

    lambda = 0 leaves the exchange out. Raises InputError where the exchange is too large an integral.
    """
    rest = connected - coupling**2 * exchange_of(coefficients) if coupling else connected
    result: FloatArray = (rest / coefficients.contact)[coefficients.determined]
    return result


def exchange_of(coefficients: ActionCoefficients) -> FloatArray:
    """E6; raises InputError where it is too large an integral."""
    if coefficients.exchange is None:
        raise InputError(
            "the lambda^2 exchange is too large an integral here, and kappa without it has no meaning: use a smaller cutoff "
            "or fewer inputs"
        )
    return coefficients.exchange


def measure_kappa(source: CorrelatorSource, coefficients: ActionCoefficients) -> KappaMeasurement:
    """Measure kappa from the connected six-point function at the mean lambda of the four-point function.

    lambda^2 is the square of the measured mean, with a relative bias of the square of its relative error. Raises InputError
    where the exchange is too large an integral or the connected function was not measured.
    """
    exchange = exchange_of(coefficients)
    couplings = lambda_over_tuples(source, coefficients.quartic).mean(axis=1)
    six = source.connected(6)

    def kappa(coupling: float, connected: FloatArray) -> float:
        return float(np.mean(kappa_over_tuples(coupling, connected, coefficients)))

    strength, pooled = float(couplings.mean()), six.mean(axis=0)
    visible = np.abs(pooled) > VANISHING * np.abs(pooled).max()
    return KappaMeasurement(
        coefficients.legs,
        source.points,
        estimate(kappa, source, (4, 6), couplings, six),
        estimate(lambda connected: kappa(0.0, connected), source, (6,), six),
        scattered(kappa_over_tuples(strength, pooled, coefficients), coefficients.determined),
        np.divide(strength**2 * exchange, pooled, out=np.full_like(pooled, np.nan), where=visible),
    )
