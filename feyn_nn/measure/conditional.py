"""Correlators from kernels K_hat of networks, and from single neurons: the output layer is integrated out.

Given its last hidden layer a network's outputs are Gaussian with covariance K_hat, so that all correlators are sums over
pairings of moments, or of joint cumulants, of entries of K_hat (`feyn_nn.measure.estimators`). In one hidden layer K_hat is s
plus the mean of N independent, equal terms v = w phi phi, one for each neuron: its cumulant of order k is that of v over
N^{k-1}. Odd orders vanish.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import mul
from typing import TYPE_CHECKING, final

import numpy as np

from feyn_nn.arrays import sorted_rank
from feyn_nn.measure.pairing import gaussian, over_pairings, pair_count, tuple_rows
from feyn_nn.power_sums import MomentPolynomial, cumulant, moment, unbiased

if TYPE_CHECKING:
    from collections.abc import Mapping

    from feyn_nn.arrays import FloatArray, IntArray
    from feyn_nn.ensembles import Ensemble
    from feyn_nn.network import Architecture
    from feyn_nn.partitions import Block


@final
@dataclass(frozen=True, slots=True, eq=False)
class KernelSamples:
    """Independent samples of v with K_hat = `offset` + the mean of `width` of them.

    `means[k]`, k = 1, 2, 3: means of products of k entries, (experiments, products), over `sorted_tuples(pairs, k)`.
    """

    points: int
    means: Mapping[int, FloatArray]
    samples: IntArray
    width: int = 1
    offset: float = 0.0

    @classmethod
    def of_networks(cls, ensemble: Ensemble) -> KernelSamples:
        """A network is one sample of K_hat."""
        return cls(ensemble.points, ensemble.conditional, ensemble.samples)

    @classmethod
    def of_neurons(cls, ensemble: Ensemble, architecture: Architecture, width: int) -> KernelSamples:
        """A neuron is one sample of w phi phi, of which `width` make a network."""
        points = ensemble.points
        pairs = tuple_rows(points, 2)
        means = {}
        for k in (1, 2, 3):
            legs = np.sort(pairs[tuple_rows(len(pairs), k)].reshape(-1, 2 * k), axis=1)
            means[k] = architecture.weight_variance**k * ensemble.values[2 * k][:, sorted_rank(points, legs)]
        return cls(points, means, ensemble.samples, width, architecture.bias_variance)

    @property
    def two_point(self) -> FloatArray:
        """G^(2) = <K_hat>: (experiments, pairs)."""
        return self.offset + self.means[1]

    def products(self, target: MomentPolynomial, k: int) -> FloatArray:
        """A polynomial in moments of k entries, symmetric in them: (experiments, products of k entries)."""
        rows = tuple_rows(pair_count(self.points), k)

        def sums(block: Block) -> FloatArray:
            places = sorted_rank(pair_count(self.points), rows[:, block])
            values: FloatArray = self.means[len(block)][:, places] * self.samples[:, None]
            return values

        return unbiased(target, sums, self.samples)

    def sum_of(self, target: MomentPolynomial, n: int) -> FloatArray:
        """The sum over pairings of n legs of a polynomial in moments of n/2 entries: (experiments, tuples)."""
        return over_pairings(self.products(target, n // 2), self.points, n)

    def cumulants(self, k: int) -> MomentPolynomial:
        """The joint cumulant of k entries of K_hat, k > 1, as a polynomial in moments of v."""
        return Fraction(1, self.width ** (k - 1)) * cumulant(*range(k))

    def entry(self, leg: int) -> MomentPolynomial:
        """The mean of one entry of K_hat, as a polynomial in moments of v."""
        return moment(leg) + Fraction(self.offset) * moment()

    def connected(self, n: int) -> FloatArray:
        """kappa_n: (experiments, tuples); raises InputError for fewer than n/2 samples."""
        if n % 2:
            return self.zeros(n)
        return self.two_point if n == 2 else self.sum_of(self.cumulants(n // 2), n)

    def zeros(self, n: int) -> FloatArray:
        """What an odd order is: (experiments, tuples)."""
        return np.zeros((len(self.samples), len(tuple_rows(self.points, n))))

    def own_gaussian(self, n: int) -> FloatArray:
        """The sum over pairings of products of the measured two-point function, over distinct samples."""
        if n % 2:
            return self.zeros(n)
        return self.sum_of(reduce(mul, map(self.entry, range(n // 2))), n)


@final
@dataclass(frozen=True, slots=True, eq=False)
class KernelAverages:
    """CONDITIONAL, and CUMULANT with a kernel that is not the two-point function: averages of products of K_hat."""

    samples: KernelSamples
    kernel: FloatArray | None

    def full(self, n: int) -> FloatArray:
        """The sum over pairings of <K_hat .. K_hat>."""
        if n % 2:
            return self.samples.zeros(n)
        return over_pairings(self.samples.means[n // 2], self.samples.points, n)

    def connected(self, n: int) -> FloatArray:
        """Cumulants of K_hat by k-statistics."""
        return self.samples.connected(n)

    def gaussian(self, n: int) -> FloatArray:
        """The sum over pairings of K, or of the measured two-point function."""
        if self.kernel is None:
            return self.samples.own_gaussian(n)
        return gaussian(self.kernel, self.samples.points, n)

    def delta(self, n: int) -> FloatArray:
        """The difference of the two."""
        return self.full(n) - self.gaussian(n)


@final
@dataclass(frozen=True, slots=True, eq=False)
class KernelCumulants:
    """CUMULANT and NEURON: cumulants of K_hat by k-statistics, and K or the measured two-point function."""

    samples: KernelSamples
    kernel: FloatArray | None

    def full(self, n: int) -> FloatArray:
        """The measured two-point function; from n = 4 on G_GP^(n) + Delta G^(n)."""
        return self.samples.two_point if n == 2 else self.gaussian(n) + self.delta(n)

    def connected(self, n: int) -> FloatArray:
        """Cumulants of K_hat by k-statistics."""
        return self.samples.connected(n)

    def gaussian(self, n: int) -> FloatArray:
        """The sum over pairings of K, or of the measured two-point function."""
        if self.kernel is None:
            return self.samples.own_gaussian(n)
        return gaussian(self.kernel, self.samples.points, n)

    def delta(self, n: int) -> FloatArray:
        """kappa4, and for n = 6 kappa6 + sum_15 kappa4 K; for n = 2 the measured two-point function minus K."""
        samples = self.samples
        if n == 2:
            return samples.two_point - self.gaussian(2)
        if n < 6 or n % 2:
            return samples.connected(n)
        if self.kernel is None:
            mixed = (samples.entry(leg) * _covariance_of_others(samples, leg) for leg in range(3))
            return samples.sum_of(sum(mixed, samples.cumulants(3)), n)
        second = samples.products(samples.cumulants(2), 2)
        third = samples.products(samples.cumulants(3), 3)
        return over_pairings(third + with_spectator(second, self.kernel), samples.points, n)


def _covariance_of_others(samples: KernelSamples, leg: int) -> MomentPolynomial:
    a, b = (other for other in range(3) if other != leg)
    return Fraction(1, samples.width) * cumulant(a, b)


@final
@dataclass(frozen=True, slots=True, eq=False)
class CentredKernels:
    """CENTRED: central moments of K_hat about the exact K. The terms linear in K_hat - K average to zero, and are dropped."""

    samples: KernelSamples
    kernel: FloatArray

    def full(self, n: int) -> FloatArray:
        """The average of K_hat; from n = 4 on G_GP^(n) + Delta G^(n)."""
        return self.samples.two_point if n == 2 else self.gaussian(n) + self.delta(n)

    def connected(self, n: int) -> FloatArray:
        """kappa4 = sum_3 <D D> and kappa6 = sum_15 <D D D>, with D = K_hat - K."""
        if n == 4:
            return over_pairings(self._second(), self.samples.points, n)
        if n == 6:
            return over_pairings(self._third(self._second()), self.samples.points, n)
        return self.samples.connected(n)

    def gaussian(self, n: int) -> FloatArray:
        """The sum over pairings of K."""
        return gaussian(self.kernel, self.samples.points, n)

    def delta(self, n: int) -> FloatArray:
        """sum_3 <D D>, and for n = 6 sum_15 (<D D D> + K <D D> + 2 perms); for n = 2 the average of K_hat minus K."""
        if n == 2:
            return self.samples.two_point - self.kernel
        if n < 6:
            return self.connected(n)
        second = self._second()
        return over_pairings(self._third(second) + with_spectator(second, self.kernel), self.samples.points, n)

    def _second(self) -> FloatArray:
        """<D_a D_b> over sorted pairs of entries."""
        a, b = tuple_rows(len(self.kernel), 2).T
        first, second = self.samples.means[1], self.samples.means[2]
        values: FloatArray = (
            second - first[:, a] * self.kernel[b] - self.kernel[a] * first[:, b] + self.kernel[a] * self.kernel[b]
        )
        return values

    def _third(self, second: FloatArray) -> FloatArray:
        """<D_a D_b D_c> over sorted triples of entries."""
        a, b, c = tuple_rows(len(self.kernel), 3).T
        shift = self.samples.means[1] - self.kernel  # <D>, zero on average but not in the sample
        K = self.kernel
        linear = K[a] * K[b] * shift[:, c] + K[a] * K[c] * shift[:, b] + K[b] * K[c] * shift[:, a]
        values: FloatArray = self.samples.means[3] - K[a] * K[b] * K[c] - linear - with_spectator(second, K)
        return values


def with_spectator(second: FloatArray, kernel: FloatArray) -> FloatArray:
    """K_a X_bc + K_b X_ac + K_c X_ab over sorted triples of entries, from X over sorted pairs of entries."""
    rows = tuple_rows(len(kernel), 3)
    a, b, c = rows.T
    bc, ac, ab = (sorted_rank(len(kernel), rows[:, both]) for both in ((1, 2), (0, 2), (0, 1)))
    values: FloatArray = kernel[a] * second[:, bc] + kernel[b] * second[:, ac] + kernel[c] * second[:, ab]
    return values
