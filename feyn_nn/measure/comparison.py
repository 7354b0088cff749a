"""The cross-check of an ensemble against the theory: measure lambda, predict G^(6), say what is wrong.

Every number names its legs (K or K_W) and its cutoff through `settings`; errors come from independent experiments. Where the
network's correlators are known exactly they stand beside, and what they say about validity (perturbation theory, constancy,
change of sign) is said from them, without noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.kernels import Propagator
from feyn_nn.measure.correlators import available_estimators, measure_correlators
from feyn_nn.measure.couplings import (
    MeasuredCoupling,
    SixPoint,
    measure_lambda,
    predict_six_point,
    theory_coefficients,
)
from feyn_nn.measure.diagnosis import constancy, kernel_mismatch, one_measurement, perturbation, sign_change
from feyn_nn.measure.reference import ExactReference, exact_reference

if TYPE_CHECKING:
    from feyn_nn.ensembles import Ensemble
    from feyn_nn.kernels import Kernel
    from feyn_nn.measure.diagnosis import ResultWarning
    from feyn_nn.measure.estimators import Estimator
    from feyn_nn.network import Architecture


@dataclass(frozen=True)
class CrossCheck:
    """Results of a cross-check, with the ensemble's diagnostics."""

    ensemble: Ensemble
    kernel: Kernel
    cutoff: float
    propagator: Propagator
    estimator: Estimator
    coupling: MeasuredCoupling
    six_point: SixPoint
    second_over_first: float | None
    exact: ExactReference | None
    integral_error: float
    warnings: tuple[ResultWarning, ...]


def crosscheck(
    ensemble: Ensemble,
    kernel: Kernel,
    cutoff: float,
    propagator: Propagator = Propagator.FULL,
    estimator: Estimator | None = None,
    architecture: Architecture | None = None,
    width: int | None = None,
) -> CrossCheck:
    """Cross-check an ensemble whose exact two-point function is `kernel`, by default with the best estimator.

    `second_over_first` is the mean over tuples of the O(lambda^2) over the O(lambda) part of G^(4) at the measured
    lambda, None where the O(lambda^2) integrals are too large (d_in = 3). `architecture` and `width` say what network the
    outputs are of, where the ensemble does not: with them the exact values are known.

    Raises InputError for fewer than two experiments or a cutoff that does not contain the inputs.
    """
    chosen = estimator or available_estimators(ensemble, known_kernel=True)[-1]
    measured = measure_correlators(ensemble, chosen, kernel)
    theory = theory_coefficients(ensemble.inputs, cutoff, propagator.of(kernel), kernel, ensemble.d_out)
    coupling = measure_lambda(measured, theory)
    mean = coupling.estimate.mean
    known = theory.determined
    ratio = None
    if theory.second is not None:
        ratio = float(np.mean(mean * theory.second[known] / theory.first[known]))
    exact = exact_reference(architecture or ensemble.architecture, width or ensemble.width, ensemble.inputs, theory)
    mismatch = None if measured.refused(4) else kernel_mismatch(ensemble.values[2], measured.kernel)
    sure = exact if mismatch is None else None  # of another network the exact values say nothing
    size = ratio if sure is None else sure.second_over_first
    found = [
        *measured.warnings,
        mismatch,
        None if size is None else perturbation(size),
        constancy(mean, coupling.spread) if sure is None else constancy(sure.mean, sure.spread),
        one_measurement(measured.deltas[4]),
        sign_change(theory.first[known]),
    ]
    return CrossCheck(
        ensemble,
        kernel,
        cutoff,
        propagator,
        chosen,
        coupling,
        predict_six_point(measured, theory),
        ratio,
        exact,
        theory.error,
        tuple(warning for warning in found if warning is not None),
    )
