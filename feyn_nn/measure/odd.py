"""Odd correlators: do they vanish, and what does that say of the couplings g f^3 and alpha f^5?

Networks whose output weights are symmetric have no odd correlators, and the talk leaves odd couplings out for that reason. For
outputs that were averaged as they are this is a measurement:

- n = 1, 3, 5: T^2 over all sorted tuples, against G^(n) = 0, with the covariance between them (`measure.scores`);
- alpha from the connected five-point function, alpha_m = G^(5)/B5, B5 = -120 int KKKKK;
- g from the connected three-point function, with and without alpha's loop: g_m = (G^(3) - alpha B3)/A3, A3 = -6 int KKK,
  B3 = -60 int KKK K(z,z). The products of lower correlators in the full ones drop out.

First order throughout; K_W or K on lines at vertices. Where the output layer was integrated out, odd correlators are zero by
construction, and nothing is learnt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.errors import InputError
from feyn_nn.estimate import Estimate
from feyn_nn.graphs import CONNECTED_RULES
from feyn_nn.kernels import Propagator
from feyn_nn.measure.coefficients import Legs, coefficient
from feyn_nn.measure.couplings import determined
from feyn_nn.measure.fits import SIGNIFICANT
from feyn_nn.measure.scores import leading_scores
from feyn_nn.measure.sources import estimate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels import Kernel
    from feyn_nn.measure.scores import Hotelling
    from feyn_nn.measure.sources import CorrelatorSource

ODD: Final = (1, 3, 5)


@dataclass(frozen=True, slots=True)
class OddTest:
    """Whether G^(1), G^(3), G^(5) vanish: a test for each, and the chance of the least likely one, three being tried.

    With symmetric outputs p-values are uniform. `p_value` is None where nothing was tested; `refused` are orders that a heavy
    tail leaves without a covariance.
    """

    tests: Mapping[int, Hotelling]
    refused: tuple[int, ...]

    @property
    def p_value(self) -> float | None:
        """Three times the smallest p-value (Bonferroni), at most 1."""
        found = [test.p_value for test in self.tests.values() if test.p_value is not None]
        return min(1.0, len(found) * min(found)) if found else None

    @property
    def verdict(self) -> str:
        """What was found, in a sentence."""
        if self.refused == ODD:
            return "heavy tails forbid a test of odd correlators; use more networks"
        if self.p_value is None:
            return "odd correlators vanish by construction here: nothing was tested; measure outputs, estimator plain"
        if self.p_value < SIGNIFICANT:
            return f"odd correlators do not vanish (p = {self.p_value:.2g}): an action of even operators does not apply"
        return f"odd correlators are compatible with zero (p = {self.p_value:.2g})"


@dataclass(frozen=True, slots=True)
class OddCouplings:
    """g and alpha at one choice of legs and cutoff, zero within errors where odd correlators vanish.

    `cubic` has alpha's loop taken off, `cubic_alone` has alpha = 0.
    """

    legs: Legs
    cubic: Estimate
    cubic_alone: Estimate
    quintic: Estimate

    @property
    def verdict(self) -> str:
        """The couplings with their errors, in a sentence."""
        both = f"g = {self.cubic}, alpha = {self.quintic}"
        return f"{both}, and g = {self.cubic_alone} if alpha = 0 ({self.legs}; errors are one standard error)"


def check_odd(source: CorrelatorSource) -> OddTest:
    """Test G^(1), G^(3) and G^(5) against zero; raises InputError for fewer than four experiments, or exact correlators."""
    if len(source.values(1)) == 1:
        raise InputError("exact correlators of odd order are zero: there is nothing to test")
    refused = tuple(n for n in ODD if source.refused(n))
    return OddTest({n: leading_scores(source.values(n)).test() for n in ODD if n not in refused}, refused)


def bound_odd_couplings(
    source: CorrelatorSource,
    inputs: FloatArray,
    kernel: Kernel,
    cutoff: float,
    propagator: Propagator = Propagator.FULL,
) -> OddCouplings:
    """Measure g and alpha from the connected three- and five-point functions, with errors from experiments.

    Raises InputError for a cutoff that does not contain the inputs, and as `MeasuredCorrelators.connected` does.
    """
    cubic, cubic_error = coefficient(3, "g f^3", 1, inputs, kernel, cutoff, propagator, CONNECTED_RULES)
    loop, _ = coefficient(3, "alpha f^5", 1, inputs, kernel, cutoff, propagator, CONNECTED_RULES)
    quintic, quintic_error = coefficient(5, "alpha f^5", 1, inputs, kernel, cutoff, propagator, CONNECTED_RULES)
    three, five = source.connected(3), source.connected(5)
    at_three, at_five = determined(cubic, cubic_error), determined(quintic, quintic_error)

    def alpha(connected: FloatArray) -> float:
        return float(np.mean((connected / quintic)[at_five]))

    def g(connected: FloatArray, strength: float) -> float:
        return float(np.mean(((connected - strength * loop) / cubic)[at_three]))

    return OddCouplings(
        Legs(propagator, cutoff),
        estimate(lambda c3, c5: g(c3, alpha(c5)), source, (3, 5), three, five),
        estimate(lambda c3: g(c3, 0.0), source, (3,), three),
        estimate(alpha, source, (5,), five),
    )
