"""Estimators of correlators: what each averages, what it assumes, and which ensembles support it.

All are unbiased for any number of samples. K_hat is the covariance of the outputs given the last hidden layer of width N,

    K_hat_ij = s + (w/N) sum_k phi_k(x_i) phi_k(x_j),    w = sigma_w^2, s = sigma_b^2,

and f is Gaussian given it, so that G^(n) is the sum over pairings of <prod K_hat>, and the connected functions are sums
over pairings of joint cumulants of K_hat over networks: kappa4 = sum_3 Cov(K_hat, K_hat), kappa6 = sum_15 kappa(K_hat, K_hat,
K_hat).

- PLAIN averages products of outputs, as in the talk; connected functions are k-statistics of the outputs.
- CONDITIONAL averages products of K_hat: the output layer is integrated out.
- CUMULANT estimates the joint cumulants of K_hat by k-statistics; Delta G^(4) = kappa4, Delta G^(6) = kappa6 + sum_15 kappa4 K.
- CENTRED does so with central moments about the exact kernel, K_hat = K + D: kappa4 = sum_3 <D D>, kappa6 = sum_15 <D D D>.
- NEURON: the terms of K_hat are independent and equal in one hidden layer, so that its cumulants are those of one neuron:
  kappa4 = (w^2/N) sum_3 Cov(phi phi, phi phi), kappa6 = (w^3/N^2) sum_15 kappa(phi phi, phi phi, phi phi), K = s + w <phi phi>.
- TILTED does so with neurons drawn from the law that dominates each moment, and <phi phi> = (K - s)/w exact.

(Physics notes, sections 3 and 6.) Products of averages are replaced by products over distinct samples (`feyn_nn.power_sums`).
Correlators of odd order vanish exactly wherever the output layer is integrated out, for its weights are symmetric.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from feyn_nn.ensembles import Record

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles import Ensemble
    from feyn_nn.network import Architecture

ORDERS: Final = (1, 2, 3, 4, 5, 6)


class Estimator(Enum):
    """A way to measure correlators, from the plainest to those with the least noise; each member states what it assumes."""

    PLAIN = "plain"
    CONDITIONAL = "conditional"
    CUMULANT = "cumulant"
    CENTRED = "centred"
    NEURON = "neuron"
    TILTED = "tilted"

    @property
    def assumption(self) -> str:
        """What the estimator rests on, in words."""
        return _ASSUMPTIONS[self]

    @property
    def record(self) -> Record:
        """What a simulation has to record for it; PLAIN takes any record of networks."""
        return _RECORDS.get(self, Record.CONDITIONAL)

    @property
    def needs_kernel(self) -> bool:
        """Whether it rests on the exact kernel; the others can do without."""
        return self in {Estimator.CENTRED, Estimator.TILTED}

    @property
    def one_layer_only(self) -> bool:
        """Whether it holds for one hidden layer only."""
        return self in {Estimator.CENTRED, Estimator.NEURON, Estimator.TILTED}

    @property
    def at_any_width(self) -> bool:
        """Whether its samples are single neurons, which serve every width."""
        return not self.record.of_networks


_ASSUMPTIONS: Final = {
    Estimator.PLAIN: "independent networks; products of outputs averaged",
    Estimator.CONDITIONAL: "outputs are Gaussian given the last hidden layer, whose kernel K_hat was recorded",
    Estimator.CUMULANT: "outputs are Gaussian given the last hidden layer; joint cumulants of its kernel K_hat over networks",
    Estimator.CENTRED: "one hidden layer; outputs are Gaussian given it, and K is the exact kernel of the ensemble",
    Estimator.NEURON: "one hidden layer of independent, equal neurons, a stream of which stands for every width",
    Estimator.TILTED: "one hidden layer of independent, equal neurons; each moment drawn from its own law of the bias and "
    "weighted, and K is the exact kernel of the ensemble",
}
_RECORDS: Final = {
    Estimator.PLAIN: Record.OUTPUTS,
    Estimator.NEURON: Record.NEURONS,
    Estimator.TILTED: Record.TILTED,
}


class Reference(Enum):
    """What stands for the two-point function in G_GP^(n) and Delta G^(n) = G^(n) - G_GP^(n)."""

    EXACT = "exact"
    LIMIT = "limit"
    MEASURED = "measured"

    @property
    def statement(self) -> str:
        """What that means, in words."""
        return {
            Reference.EXACT: "the exact kernel K, which is the two-point function at every width",
            Reference.LIMIT: "the kernel K of infinite width, from which the two-point function of a deep network differs by "
            "O(1/N): G^(2) is the measured one",
            Reference.MEASURED: "the measured two-point function",
        }[self]


class Correlators(Protocol):
    """What an estimator makes of an ensemble, experiment by experiment: arrays (experiments, tuples), n = 1 .. 6."""

    def full(self, n: int) -> FloatArray:
        """G^(n)."""

    def connected(self, n: int) -> FloatArray:
        """The connected n-point function: for n = 2 the covariance."""

    def gaussian(self, n: int) -> FloatArray:
        """G_GP^(n), the sum over pairings: shape (tuples,) where it is known."""

    def delta(self, n: int) -> FloatArray:
        """Delta G^(n)."""


def available_estimators(ensemble: Ensemble, *, known_kernel: bool) -> tuple[Estimator, ...]:
    """Estimators that apply to an ensemble, from the plainest to the best.

    The last one has the least noise. CENTRED and TILTED need the exact kernel; CENTRED also needs one hidden layer.
    """
    deep = ensemble.architecture is not None and ensemble.architecture.depth > 1
    return tuple(
        estimator
        for estimator in Estimator
        if (estimator.record is ensemble.record or (estimator is Estimator.PLAIN and ensemble.record.of_networks))
        and (known_kernel or not estimator.needs_kernel)
        and not (deep and estimator.one_layer_only)
    )


def best_estimator(architecture: Architecture) -> Estimator:
    """The estimator that needs the fewest samples for a network that can be simulated and whose kernel is known."""
    if architecture.depth > 1:
        return Estimator.CUMULANT
    return Estimator.TILTED if architecture.activation.normalised else Estimator.NEURON
