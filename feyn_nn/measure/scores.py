"""Tests and fits over many tuples from few experiments: Hotelling's T^2 where the covariance is singular.

Y holds E independent experiments (rows) of T numbers whose expectation is zero if the hypothesis holds. With E <= T the sample
covariance cannot be inverted. Instead Y is projected onto the q leading principal axes of its *second moments about zero*,

    Y = U diag(s) V^T,   scores = first q columns of U,   q <= (E-1)/2.

Axes that depend on the data through Y^T Y alone leave the scores left-spherical, so that for Gaussian experiments of any
covariance and for every E, T and q

    T^2 = (E-1) R^2/(1-R^2),   (E-q)/q R^2/(1-R^2) ~ F(q, E-q),   R^2 = |U^T 1|^2 / E

holds exactly (Lauter, Glimm, Kropf, Ann. Statist. 26 (1998) 1972); axes of the covariance about the mean would not do. No
correction of a biased inverse (Hartlap et al., Astron. Astrophys. 464 (2007) 399) is needed, the F distribution contains it.
The limit on q leaves as many degrees of freedom for the covariance as for the hypothesis.

Least squares with that covariance: if u has expectation lambda and the scores have zero, the estimate of lambda with the least
variance is the intercept of the regression of u on the scores, with Student's t for E-1-q degrees of freedom (Rao, Proc.
5th Berkeley Symp. 1 (1967) 355). The error accounts for the covariance being estimated.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from feyn_nn.errors import InputError
from feyn_nn.estimate import Estimate

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

FEWEST_EXPERIMENTS: Final = 4
"""Three leave no degree of freedom for a regression on one score."""
_CERTAIN: Final = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Orthonormal scores of shape (experiments, q), and the spectrum they were cut from.

    `spectrum` has the eigenvalues of the second moments about zero, Y^T Y / E, in descending order; the first q of them are
    kept, those at or below `noise` never.
    """

    values: FloatArray
    spectrum: FloatArray
    noise: float

    @property
    def experiments(self) -> int:
        """Number of experiments E."""
        return len(self.values)

    @property
    def kept(self) -> int:
        """Number of scores q."""
        return int(self.values.shape[1])

    @property
    def aligned(self) -> float:
        """R^2: the share of the vector of ones in the span of the scores, from 0 to 1."""
        return min(1.0, float(np.sum(self.values.sum(axis=0) ** 2)) / self.experiments)

    def test(self) -> Hotelling:
        """Hotelling's T^2 test that the expectation is zero."""
        E, q, share = self.experiments, self.kept, self.aligned
        if not q:
            return Hotelling(0.0, 0, E, None)
        odds = share / (1 - share) if share < 1 - _CERTAIN else inf
        return Hotelling((E - 1) * odds, q, E, float(special.fdtrc(q, E - q, (E - q) / q * odds)))

    def intercept(self, values: FloatArray) -> Estimate:
        """The coupling from u = `values` of shape (experiments,), by regression on the scores.

        Raises InputError where the scores do not fluctuate about zero but stand apart from it: no constant fits.
        """
        ones = self._beside(np.ones(self.experiments))
        size = float(ones @ ones)
        if size <= _CERTAIN * self.experiments:
            raise InputError(
                "the tuples differ from a constant by far more than they fluctuate: the data exclude one constant, and there "
                "is nothing to fit"
            )
        beside = self._beside(values)
        constant = float(ones @ beside) / size
        rest = beside - constant * ones
        freedom = self.experiments - 1 - self.kept
        return Estimate(constant, sqrt(float(rest @ rest) / freedom / size), self.experiments)

    def _beside(self, values: FloatArray) -> FloatArray:
        """The part of a vector over experiments that is orthogonal to the scores."""
        result: FloatArray = values - self.values @ (self.values.T @ values)
        return result


@dataclass(frozen=True, slots=True)
class Hotelling:
    """T^2 with q degrees of freedom, a chi^2 whose covariance is estimated from E experiments; `p_value` from F(q, E-q).

    With q = 0 nothing could be tested and the p-value is None.
    """

    statistic: float
    freedom: int
    experiments: int
    p_value: float | None

    def __str__(self) -> str:
        if self.p_value is None:
            return "nothing to test"
        return (
            f"T^2 = {self.statistic:.4g} with {self.freedom} degrees of freedom from {self.experiments} experiments, "
            f"p = {self.p_value:.3g}"
        )


def leading_scores(deviations: FloatArray, noise: float = 0.0) -> Scores:
    """Scores of deviations from a hypothesis, shape (experiments, T), zero in expectation if it holds.

    Kept are the leading axes, at most (experiments - 1)/2, with a mean square above `noise`^2. Raises InputError for
    fewer than four experiments, which support no covariance.
    """
    experiments = len(deviations)
    if experiments < FEWEST_EXPERIMENTS:
        raise InputError(
            f"{experiments} experiments cannot support a covariance between tuples: expected {FEWEST_EXPERIMENTS} or more; "
            "simulate or split into more"
        )
    axes, sizes, _ = np.linalg.svd(deviations, full_matrices=False)
    spectrum = sizes**2 / experiments
    kept = min((experiments - 1) // 2, int(np.sum(spectrum > noise**2)))
    return Scores(axes[:, :kept], spectrum, noise)
