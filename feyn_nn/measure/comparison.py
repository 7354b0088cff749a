"""The cross-check of an ensemble against the theory: measure lambda, predict G^(6), say what is wrong.

Every number names its legs (K or K_W) and its cutoff through `settings`; errors come from independent experiments. Where the
network's correlators are known exactly they stand beside, and what they say about validity (perturbation theory, constancy,
change of sign) is said from them, without noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.kernels import Propagator
from feyn_nn.measure.correlators import kernel_on_pairs, measure_correlators
from feyn_nn.measure.couplings import (
    MeasuredCoupling,
    SixPoint,
    measure_lambda,
    predict_six_point,
    theory_coefficients,
)
from feyn_nn.measure.diagnosis import constancy, kernel_mismatch, one_measurement, perturbation, sign_change
from feyn_nn.measure.estimators import available_estimators
from feyn_nn.measure.reference import ExactReference, exact_reference

if TYPE_CHECKING:
    from feyn_nn.ensembles import Ensemble
    from feyn_nn.kernels import Kernel
    from feyn_nn.measure.correlators import MeasuredCorrelators
    from feyn_nn.measure.couplings import TheoryCoefficients
    from feyn_nn.measure.diagnosis import ResultWarning
    from feyn_nn.measure.estimators import Estimator
    from feyn_nn.network import Architecture


@dataclass(frozen=True)
class CrossCheck:
    """Results of a cross-check, with what was measured and its diagnostics."""

    measured: MeasuredCorrelators
    kernel: Kernel
    cutoff: float
    propagator: Propagator
    coupling: MeasuredCoupling
    six_point: SixPoint
    second_over_first: float | None
    exact: ExactReference | None
    theory: TheoryCoefficients
    warnings: tuple[ResultWarning, ...]

    @property
    def ensemble(self) -> Ensemble:
        """The ensemble."""
        return self.measured.ensemble

    @property
    def integral_error(self) -> float:
        """Largest relative error of the first-order integrals."""
        return self.theory.error

    @property
    def estimator(self) -> Estimator:
        """How it was measured."""
        return self.measured.estimator


def crosscheck(
    ensemble: Ensemble,
    kernel: Kernel,
    cutoff: float,
    propagator: Propagator = Propagator.FULL,
    estimator: Estimator | None = None,
    architecture: Architecture | None = None,
    width: int | None = None,
) -> CrossCheck:
    """Cross-check an ensemble whose kernel is `kernel`, by default with the best estimator.

    With one hidden layer K is the exact two-point function. That of a deep network differs from K by O(1/N): its lambda comes
    from the measured connected function, and G_GP^(6) from the measured two-point function, while the integrals take K.
    `second_over_first` is the mean over tuples of the O(lambda^2) over the O(lambda) part of G^(4) at the measured
    lambda, None where the O(lambda^2) integrals are too large. `architecture` and `width` say what network imported
    outputs are of, and `width` at which a stream of single neurons is to be measured: with both the exact values are known.

    Raises InputError for fewer than two experiments, a cutoff that does not contain the inputs, and as `measure_correlators`.
    """
    network = ensemble.architecture or architecture
    known = None if network is not None and network.depth > 1 else kernel
    chosen = estimator or available_estimators(ensemble, known_kernel=known is not None)[-1]
    measured = measure_correlators(ensemble, chosen, known, width=width)
    theory = theory_coefficients(ensemble.inputs, cutoff, propagator.of(kernel), kernel, ensemble.d_out)
    coupling = measure_lambda(measured, theory)
    mean = coupling.estimate.mean
    ratio = theory.second_over_first(mean)
    exact = exact_reference(network, measured.width, ensemble.inputs, theory)
    mismatch = _mismatch(measured, kernel)
    sure = exact if mismatch is None else None  # of another network the exact values say nothing
    size = ratio if sure is None else sure.second_over_first
    found = [
        *measured.warnings,
        mismatch,
        None if size is None else perturbation(size),
        constancy(mean, coupling.spread) if sure is None else constancy(sure.mean, sure.spread),
        one_measurement(measured.delta(4)),
        sign_change(theory.first[theory.determined]),
    ]
    return CrossCheck(
        measured,
        kernel,
        cutoff,
        propagator,
        coupling,
        predict_six_point(measured, theory),
        ratio,
        exact,
        theory,
        tuple(warning for warning in found if warning is not None),
    )


def _mismatch(measured: MeasuredCorrelators, kernel: Kernel) -> ResultWarning | None:
    """Whether the measured two-point function contradicts the kernel; of a deep network, by more than O(1/N).

    How large 1/N corrections are the network itself says: kappa4/K^2 at one input is one of them.
    """
    if measured.refused(2):
        return None
    expected = kernel_on_pairs(kernel, measured.ensemble.inputs)
    if measured.kernel is not None:
        return kernel_mismatch(measured.two_point, expected)
    equal = [len(set(row)) == 1 for row in sorted_tuples(measured.points, 4)]
    diagonal = [i == j for i, j in sorted_tuples(measured.points, 2)]
    fourth, second = measured.delta(4).mean(axis=0)[equal], measured.two_point.mean(axis=0)[diagonal]
    return kernel_mismatch(measured.two_point, expected, float(np.max(np.abs(fourth) / second**2)))
