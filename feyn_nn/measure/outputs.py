"""Correlators from averages of products of outputs.

Moments are means over networks, connected functions multivariate k-statistics, and where K is not known G_GP^(n) is the sum
over pairings of products of two-point functions over distinct networks: nothing is biased for any number of networks.

A network with several outputs counts as one sample of the mean over its outputs. They share its hidden layers, so that
products over distinct networks cannot be formed from these means; products over distinct experiments can, and are as
good, for of all pairs of networks few are in one experiment. What is returned are then jackknife pseudo-values: their mean is
the unbiased estimate, their scatter its error (Arvesen, Ann. Math. Statist. 40 (1969) 2076).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add, mul
from typing import TYPE_CHECKING, final

import numpy as np

from feyn_nn.arrays import sorted_rank
from feyn_nn.combinatorics import pairings
from feyn_nn.errors import InputError
from feyn_nn.measure.pairing import gaussian, tuple_rows
from feyn_nn.power_sums import MomentPolynomial, cumulant, moment, unbiased

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles import Ensemble
    from feyn_nn.partitions import Block


@final
@dataclass(frozen=True, slots=True, eq=False)
class OutputAverages:
    """PLAIN: the correlators of an ensemble of networks; `kernel` is K on the sorted pairs where it is known."""

    ensemble: Ensemble
    kernel: FloatArray | None

    def full(self, n: int) -> FloatArray:
        """<f .. f>."""
        return self.ensemble.values[n]

    def connected(self, n: int) -> FloatArray:
        """The k-statistic; raises InputError for fewer samples than it has factors."""
        return self._unbiased(cumulant(*range(n)), n)

    def gaussian(self, n: int) -> FloatArray:
        """The sum over pairings of products of K, or of two-point functions over distinct samples."""
        if self.kernel is not None or n % 2:
            kernel = np.zeros(len(tuple_rows(self.ensemble.points, 2))) if self.kernel is None else self.kernel
            return gaussian(kernel, self.ensemble.points, n)
        return self._unbiased(_pairs(n), n)

    def delta(self, n: int) -> FloatArray:
        """<f .. f> - G_GP^(n)."""
        if self.kernel is not None or n == 2 or n % 2:
            return self.full(n) - self.gaussian(n)
        return self._unbiased(moment(*range(n)) - _pairs(n), n)

    def _unbiased(self, target: MomentPolynomial, n: int) -> FloatArray:
        ensemble = self.ensemble
        rows = tuple_rows(ensemble.points, n)

        def means(block: Block) -> FloatArray:
            values: FloatArray = ensemble.values[len(block)][:, sorted_rank(ensemble.points, rows[:, block])]
            return values

        if ensemble.d_out > 1:
            return _between(target, {block: means(block) for _, partition in target.terms for block in partition})
        return unbiased(target, lambda block: means(block) * ensemble.samples[:, None], ensemble.samples)


def _pairs(n: int) -> MomentPolynomial:
    """The sum over pairings of products of two-point functions."""
    return reduce(add, (reduce(mul, (moment(*pair) for pair in pairing)) for pairing in pairings(range(n))))


def _between(target: MomentPolynomial, means: dict[Block, FloatArray]) -> FloatArray:
    """Pseudo-values of the target from products of `means` (experiments, tuples) over distinct experiments."""
    experiments = len(next(iter(means.values())))
    needed = target.samples_needed
    if experiments <= needed:
        raise InputError(
            f"{experiments} experiments for products of {needed} averages over networks with several outputs: expected at "
            f"least {needed + 1}; split the networks into more"
        )
    whole = _distinct(target, means)
    without = [
        _distinct(target, {block: np.delete(values, e, axis=0) for block, values in means.items()})
        for e in range(experiments)
    ]
    return experiments * whole - (experiments - 1) * np.array(without)


def _distinct(target: MomentPolynomial, means: dict[Block, FloatArray]) -> FloatArray:
    """The target from products over distinct experiments, shape (tuples,): an experiment is one sample of all means."""
    total: FloatArray = np.zeros(next(iter(means.values())).shape[1])
    for coefficient, partition in target.terms:
        factors = [means[block] for block in partition]

        def sums(block: Block, factors: list[FloatArray] = factors) -> FloatArray:
            values: FloatArray = reduce(mul, (factors[leg] for leg in block)).sum(axis=0)
            return values

        product = reduce(mul, map(moment, range(len(factors))))
        total += float(coefficient) * unbiased(product, sums, len(factors[0]))
    return total
