"""Correlators of Gauss-net from neurons of the tilted law, linear in the measured moments.

With the exact M2 = (K - s)/w and M4, M6 measured, each from the law of the bias that dominates it,

    kappa4 = (w^2/N) [3 M4 - sum_3 M2 M2],   kappa6 = (w^3/N^2) [15 M6 - 3 sum_15 M4 M2 + 2 sum_15 M2 M2 M2]

(physics notes, section 3; `feyn_nn.partitions`). The measured M2 enters G^(2) = s + w M2 alone, where it can be held against K.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING, final

import numpy as np

from feyn_nn.arrays import sorted_rank
from feyn_nn.measure.pairing import gaussian, tuple_rows
from feyn_nn.partitions import neuron_cumulant_terms

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles import Ensemble
    from feyn_nn.network import Architecture
    from feyn_nn.partitions import Block


@final
@dataclass(frozen=True, slots=True, eq=False)
class TiltedNeurons:
    """TILTED: correlators at `width` of the network that the neurons are of; `kernel` is the exact K on the sorted pairs."""

    ensemble: Ensemble
    architecture: Architecture
    kernel: FloatArray
    width: int

    def full(self, n: int) -> FloatArray:
        """For n = 2 s + w M2, measured; from n = 4 on G_GP^(n) + Delta G^(n)."""
        if n == 2:
            return self.architecture.bias_variance + self.architecture.weight_variance * self.ensemble.values[2]
        return self.gaussian(n) + self.delta(n)

    def connected(self, n: int) -> FloatArray:
        """kappa_n; zero for odd n."""
        points, half = self.ensemble.points, n // 2
        rows = tuple_rows(points, n)
        if n % 2:
            return np.zeros((self.ensemble.experiments, len(rows)))
        if n == 2:
            return self.full(2)
        total: FloatArray = np.zeros((self.ensemble.experiments, len(rows)))
        for coefficient, partition in neuron_cumulant_terms(n):
            total += coefficient * prod(self._moment(block, n) for block in partition)
        total *= self.architecture.weight_variance**half / self.width ** (half - 1)
        return total

    def gaussian(self, n: int) -> FloatArray:
        """The sum over pairings of K."""
        return gaussian(self.kernel, self.ensemble.points, n)

    def delta(self, n: int) -> FloatArray:
        """kappa4, and for n = 6 kappa6 + sum_15 kappa4 K; for n = 2 the measured two-point function minus K."""
        if n == 2:
            return self.full(2) - self.kernel
        if n < 6:
            return self.connected(n)
        points = self.ensemble.points
        rows = tuple_rows(points, n)
        four, total = self.connected(4), self.connected(6)
        for pair in combinations(range(n), 2):
            rest = [leg for leg in range(n) if leg not in pair]
            total += self.kernel[sorted_rank(points, rows[:, pair])] * four[:, sorted_rank(points, rows[:, rest])]
        return total

    def _moment(self, block: Block, n: int) -> FloatArray:
        """M_|B| at the legs of every sorted n-tuple: exact for two legs, else measured."""
        points = self.ensemble.points
        rank = sorted_rank(points, tuple_rows(points, n)[:, block])
        if len(block) == 2:
            exact = (self.kernel - self.architecture.bias_variance) / self.architecture.weight_variance
            return exact[rank]
        values: FloatArray = self.ensemble.values[len(block)][:, rank]
        return values
