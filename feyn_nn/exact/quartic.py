"""The quartic term of the action as a function of four points, exact at order 1/N, on a finite set of inputs.

On P inputs f is a vector with covariance K and, at width N, the connected four-point function kappa4. Its density is, to first
order in kappa4 (Edgeworth),

    p(f) ~ exp(-f K^-1 f/2) [1 + (1/4!) kappa^abcd H_abcd(f)],   kappa^abcd = K^-1 K^-1 K^-1 K^-1 kappa4,

H the Hermite polynomials of the Gaussian, so that S = f K^-1 f/2 + sum_abcd Lambda_abcd f_a f_b f_c f_d + quadratic terms, with

    Lambda_abcd = -kappa^abcd / 4!

in the convention of the local action, lambda f^4 with no 1/4!. The quadratic terms keep the two-point function at K. A local
coupling would have Lambda on the diagonal only; how much of kappa4 a constant local lambda explains is for `measure` to say.

K may be singular: repeated inputs, or more inputs than independent functions (ReLU-net without bias in d_in = 1 has one). Then
directions with eigenvalues below `cut` times the largest are left out, the spectrum is reported, and `left_out` says how much
of kappa4 lies there.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.arrays import sorted_rank
from feyn_nn.errors import InputError, LimitError

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.exact.correlators import ExactCorrelator

DEFAULT_CUT: Final = 1e-10
MAX_POINTS: Final = 30


@dataclass(frozen=True, slots=True, eq=False)
class QuarticCoupling:
    """Lambda_abcd on P inputs: `values` of shape (P, P, P, P), symmetric.

    `spectrum` has the eigenvalues of K from the largest down, of which the first `rank` are above `cut` times the largest;
    `left_out` is the norm of the part of kappa4 outside of these directions, relative to its own.
    """

    values: FloatArray
    spectrum: FloatArray
    rank: int
    cut: float
    left_out: float

    @property
    def diagonal_share(self) -> float:
        """The share of sum Lambda^2 on the diagonal a = b = c = d: 1 for a local coupling, 0 where Lambda vanishes."""
        total = float(np.sum(self.values**2))
        return float(np.sum(np.einsum("aaaa->a", self.values) ** 2)) / total if total > 0 else 0.0


def quartic_coupling(four_point: ExactCorrelator, width: float, cut: float = DEFAULT_CUT) -> QuarticCoupling:
    """The non-local quartic coupling of a network at width N, from its exact four-point function.

    Raises InputError for another number of legs, a width that `ExactCorrelator.at` refuses, or a cut outside (0, 1);
    LimitError for more than 30 inputs.

    >>> from feyn_nn.exact.correlators import exact_correlators
    >>> from feyn_nn.network import preset
    >>> erf = preset("erf")
    >>> four = exact_correlators(erf.architecture(), erf.points()[:2], 4)
    >>> quartic_coupling(four, 100).values.shape
    (2, 2, 2, 2)
    """
    if four_point.n != 4:
        raise InputError(f"a correlator with {four_point.n} legs: the quartic coupling comes from four")
    if not 0 < cut < 1:
        raise InputError(f"cut = {cut}: expected a fraction of the largest eigenvalue of K, between 0 and 1")
    points = len(four_point.inputs)
    if points > MAX_POINTS:
        raise LimitError(
            f"{points} inputs: the coupling has {points**4} entries; at most {MAX_POINTS} inputs are supported"
        )
    cumulant = _symmetric(np.asarray(four_point.connected.at(width), dtype=np.float64), points, 4)
    kernel = _symmetric(np.asarray(four_point.layer.connected(2).at(1), dtype=np.float64), points, 2)
    eigenvalues, vectors = np.linalg.eigh(kernel)
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
    kept = eigenvalues > cut * eigenvalues[0]
    basis = vectors[:, kept]
    inverse = (basis / eigenvalues[kept]) @ basis.T
    projector = basis @ basis.T
    amputated = _on_every_leg(cumulant, inverse)
    outside = np.linalg.norm(cumulant - _on_every_leg(cumulant, projector))
    size = np.linalg.norm(cumulant)
    return QuarticCoupling(
        -amputated / factorial(4), eigenvalues, int(kept.sum()), cut, float(outside / size) if size > 0 else 0.0
    )


def _on_every_leg(tensor: FloatArray, matrix: FloatArray) -> FloatArray:
    result: FloatArray = np.einsum("abcd,ai,bj,ck,dl->ijkl", tensor, matrix, matrix, matrix, matrix, optimize=True)
    return result


def _symmetric(values: FloatArray, points: int, legs: int) -> FloatArray:
    """The full symmetric tensor from its values at sorted tuples."""
    grid = np.indices((points,) * legs).reshape(legs, -1).T
    return values[sorted_rank(points, np.sort(grid, axis=1))].reshape((points,) * legs)
