"""lambda against the cutoff: what one set of correlators says of the coupling at many cutoffs, and how it runs.

G^(4) does not know the cutoff, so that with A4(Lambda) the first-order coefficient of lambda in G^(4) and kappa dropped

    lambda_m(Lambda) = Delta G^(4) / A4(Lambda),   lambda = mean over tuples,
    d lambda / d log Lambda = - mean over tuples of Delta G^(4) A4' / A4^2,   A4' = d A4 / d log Lambda,

the second line exact at every cutoff, A4' being an integral over the cube's surface; for one tuple it is the talk's beta
function before its limit, beta(lambda) = - lambda d log I4 / d log Lambda. `slope` is d log|lambda| / d log Lambda, the
local power law; a straight line through log|lambda| over all cutoffs, as the talk drew it, is an average of those. Errors
are jackknifed over experiments; nothing is fitted but that line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import InputError
from feyn_nn.estimate import Estimate
from feyn_nn.measure.couplings import QUARTIC, determined
from feyn_nn.measure.jackknife import jackknife
from feyn_nn.numeric import Contraction, check_cutoff, grid_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from feyn_nn.arrays import FloatArray, IntArray
    from feyn_nn.kernels import Kernel


@dataclass(frozen=True, slots=True, eq=False)
class CutoffCoefficients:
    """A4 and its derivative in log Lambda at every cutoff, shape (cutoffs, tuples), for the legs of `propagator`.

    A tuple whose coefficient vanishes at some cutoff says nothing about lambda there; `determined` marks those that say
    something at all of them.
    """

    propagator: str
    cutoffs: FloatArray
    first: FloatArray
    derivative: FloatArray

    @property
    def determined(self) -> IntArray:
        """The tuples from which lambda can be measured at every cutoff: their indices."""
        return np.flatnonzero(np.all([determined(row, 0.0) for row in self.first], axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class Running:
    """lambda at each cutoff, its local slope d log|lambda| / d log Lambda, and the slope of the straight line through all.

    For a sample with errors from experiments; for exact correlators with error zero.
    """

    coefficients: CutoffCoefficients
    coupling: tuple[Estimate, ...]
    slope: tuple[Estimate, ...]
    straight_line: Estimate


def cutoff_coefficients(
    inputs: FloatArray, cutoffs: Sequence[float], propagator: Kernel, free: Kernel
) -> CutoffCoefficients:
    """Integrate the generated first-order diagram of G^(4) at every cutoff, with its derivative.

    Lines at vertices are `propagator` (K or K_W). Raises InputError for fewer than two cutoffs, for one that does not
    contain the inputs, and where every tuple's integral vanishes at some cutoff.
    """
    values = np.unique(np.asarray(cutoffs, dtype=np.float64))
    if len(values) < 2:
        raise InputError(f"cutoffs {list(cutoffs)}: expected two or more different ones to see lambda run")
    check_cutoff(float(values[0]), inputs)
    four, correlator = sorted_tuples(len(inputs), 4), generate_correlator(4, QUARTIC, [(1,)])
    (order,) = (check.order for check in correlator.checks)
    first, derivative = [], []
    for cutoff in values.tolist():
        contraction = Contraction(inputs, grid_for(propagator, inputs, cutoff, refined=True), propagator, free)
        first.append(contraction.coefficients(correlator, four)[order])
        derivative.append(contraction.cutoff_derivative(correlator, four)[order])
    result = CutoffCoefficients(propagator.name, values, np.array(first), np.array(derivative))
    if not len(result.determined):
        raise InputError(
            f"the integral of four legs vanishes for every tuple at some cutoff between {values[0]:g} and {values[-1]:g}: "
            "lambda cannot be followed; use other inputs or other cutoffs"
        )
    return result


def lambda_running(delta: FloatArray, coefficients: CutoffCoefficients, *, refused: bool = False) -> Running:
    """How lambda runs, from Delta G^(4) of shape (experiments, tuples): one row is exact, two or more are independent.

    With `refused` a heavy tail forbids error bars, and they are None.
    """

    def estimate(quantity: Callable[[FloatArray, CutoffCoefficients, int], float], place: int) -> Estimate:
        if len(delta) == 1:
            return Estimate(quantity(delta[0], coefficients, place), 0.0, 1)
        found = jackknife(lambda sample: quantity(sample, coefficients, place), delta)
        return Estimate(found.mean, None, found.n) if refused else found

    places = range(len(coefficients.cutoffs))
    return Running(
        coefficients,
        tuple(estimate(_coupling, place) for place in places),
        tuple(estimate(_slope, place) for place in places),
        estimate(_straight_line, 0),
    )


def _coupling(delta: FloatArray, coefficients: CutoffCoefficients, place: int) -> float:
    known = coefficients.determined
    return float(np.mean(delta[known] / coefficients.first[place, known]))


def _slope(delta: FloatArray, coefficients: CutoffCoefficients, place: int) -> float:
    known = coefficients.determined
    first, derivative = coefficients.first[place, known], coefficients.derivative[place, known]
    return float(np.mean(-delta[known] * derivative / first**2)) / _coupling(delta, coefficients, place)


def _straight_line(delta: FloatArray, coefficients: CutoffCoefficients, _place: int) -> float:
    couplings = [_coupling(delta, coefficients, place) for place in range(len(coefficients.cutoffs))]
    return float(np.polyfit(np.log(coefficients.cutoffs), np.log(np.abs(couplings)), 1)[0])
