"""Unbiased estimators of cumulants and of products of moments, from power sums of independent samples.

Legs 0, 1, .. stand for variables X_0, X_1, .. (outputs at points, entries of K_hat, products of two neurons; two legs may
stand for one variable), and a target is a polynomial in their moments: a sum over partitions pi of legs of c_pi times the
product over the blocks of E[prod_{i in B} X_i]. Products of sample means are biased; products over distinct samples are not:

    U(pi) = 1/(n)_k sum over k distinct samples of the product over the k blocks of pi,   (n)_k = n (n-1) .. (n-k+1),
          = 1/(n)_k sum over sigma >= pi of prod over the blocks of sigma (-1)^{j-1} (j-1)!  *  prod over its blocks S_B,

with S_B = sum over samples of prod_{i in B} X_i and j the blocks of pi within one block of sigma (Moebius inversion over the
coarsenings of pi). So sum c_pi U(pi) is a polynomial in power sums whose expectation is the target, for every n not less than
the blocks of its longest term and every distribution that has the moments. For a cumulant it is the multivariate
k-statistic, for a product of cumulants the polykay (McCullagh, *Tensor Methods in Statistics*, chapter 4).

Coefficients are exact Fractions. In floats the sums enter as means m_B = S_B/n with coefficients n^|sigma| times as large,
which stay of order one as n grows. Rounding is then some 1e-16 times sum |coefficient| prod |m_B|: for six legs on a Gaussian
variable of mean zero and unit variance below 1e-13, while the statistical error is sqrt(720/n), 3e-5 even for n = 1e12. But
it grows as the sixth power of mean over standard deviation: shift a variable far from zero before its powers are summed, by
any number, as no estimate of a cumulant of two legs or more depends on it, not even sample by sample.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, reduce
from itertools import chain, product
from math import perm, prod
from operator import mul
from typing import TYPE_CHECKING, Final, final

import numpy as np

from feyn_nn.combinatorics import set_partitions
from feyn_nn.errors import InputError, LimitError
from feyn_nn.partitions import mobius

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from feyn_nn.arrays import FloatArray, IntArray
    from feyn_nn.partitions import Block, Partition

MAX_LEGS: Final = 8
"""A cumulant of 8 legs has 4140 partitions with 167,894 coarsenings; one of 9 legs has 21,147 with 1,606,137."""


@final
@dataclass(frozen=True)
class MomentPolynomial:
    """A sum of coefficients times products of moments, one for each block of a partition of legs; empty, it is zero.

    Made by `moment` and `cumulant` and by +, - and *, numbers on the left; equal polynomials are equal values. A product
    raises InputError if its factors share a leg and LimitError for more than 8 legs.

    >>> variance = moment(0, 1) - moment(0) * moment(1)
    >>> variance == cumulant(0, 1)
    True
    >>> (2 * variance + moment(0) * moment(1)).terms
    ((Fraction(-1, 1), ((0,), (1,))), (Fraction(2, 1), ((0, 1),)))
    """

    terms: tuple[tuple[Fraction, Partition], ...] = ()

    def __add__(self, other: MomentPolynomial) -> MomentPolynomial:
        return _collected(chain(self.terms, other.terms))

    def __sub__(self, other: MomentPolynomial) -> MomentPolynomial:
        return self + -1 * other

    def __rmul__(self, factor: int | Fraction) -> MomentPolynomial:
        return _collected((factor * coefficient, partition) for coefficient, partition in self.terms)

    def __mul__(self, other: MomentPolynomial) -> MomentPolynomial:
        return _collected((a * b, _checked((*p, *q))) for (a, p), (b, q) in product(self.terms, other.terms))

    @property
    def without_odd_moments(self) -> MomentPolynomial:
        """The same for variables whose odd moments vanish: only products of moments of even order are left.

        Its estimator needs sums of products of evenly many variables only, and fewer samples.

        >>> [len(target.terms) for target in (cumulant(0, 1, 2, 3), cumulant(0, 1, 2, 3).without_odd_moments)]
        [15, 4]
        """
        return MomentPolynomial(tuple(term for term in self.terms if not any(len(block) % 2 for block in term[1])))

    @property
    def samples_needed(self) -> int:
        """The least number of samples of an unbiased estimate: the blocks of the longest term."""
        return max((len(partition) for _, partition in self.terms), default=0)

    def coefficients(self, n: int) -> dict[Partition, Fraction]:
        """The unbiased estimator from n samples: the coefficient of every product of power sums S_B over blocks B.

        Raises InputError for fewer samples than it needs.

        >>> cumulant(0, 1).coefficients(10)
        {((0,), (1,)): Fraction(-1, 90), ((0, 1),): Fraction(1, 9)}
        """
        if n < self.samples_needed:
            needed = f"expected at least {self.samples_needed}, one for every moment in a product"
            raise InputError(f"an unbiased estimate from {n} samples: {needed}; draw more")
        return {
            partition: sum((number / perm(n, k) for k, number in by_samples.items()), Fraction())
            for partition, by_samples in self._collapsed.items()
        }

    @cached_property
    def _collapsed(self) -> dict[Partition, dict[int, Fraction]]:
        """Of every product of power sums, the sum of c_pi times its Moebius function over terms pi of k blocks, by k."""
        table: dict[Partition, dict[int, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        for coefficient, partition in self.terms:
            for number, coarser in _coarsenings(partition):
                table[coarser][len(partition)] += number * coefficient
        return {partition: dict(table[partition]) for partition in sorted(table)}


def moment(*legs: int) -> MomentPolynomial:
    """E[prod X_i] over the legs; without legs it is 1.

    Raises InputError for a negative or a repeated leg and LimitError for more than 8.
    """
    return MomentPolynomial(((Fraction(1), _checked((legs,) if legs else ())),))


def cumulant(*legs: int) -> MomentPolynomial:
    """The joint cumulant of the variables at the legs; raises as `moment`, and InputError without legs.

    >>> [(int(coefficient), len(partition)) for coefficient, partition in cumulant(0, 1, 2).terms]
    [(2, 3), (-1, 2), (-1, 2), (1, 1), (-1, 2)]
    """
    if not legs:
        raise InputError("a cumulant without legs: expected one or more")
    (whole,) = _checked((legs,))
    return _collected((Fraction(mobius(len(partition))), _sorted(partition)) for partition in set_partitions(whole))


def unbiased(target: MomentPolynomial, sums: Callable[[Block], FloatArray], samples: int | IntArray) -> FloatArray:
    """Unbiased estimates of `target`, for all experiments and all assignments of variables to its legs at once.

    `sums(block)` gives the power sums of a sorted block of legs, shape (experiments, tuples): the sum over the samples of an
    experiment of the product of the variables that stand at these legs in each tuple. `samples` counts the samples of every
    experiment, shape (experiments,), or is one number for sums of any shape. The estimates have the shape of the sums.

    Raises InputError for counts that are not integers, fewer samples than the target needs, and shapes that do not fit.

    >>> data = np.array([0.0, 2.0, 4.0, 6.0, 8.0])
    >>> float(unbiased(cumulant(0, 1), lambda block: np.sum(data ** len(block)), 5)), float(data.var(ddof=1))
    (10.0, 10.0)
    """
    counts = np.asarray(samples)
    if counts.dtype.kind not in "iu":
        raise InputError(f"numbers of samples of type {counts.dtype}: expected integers")
    distinct, place = np.unique(counts, return_inverse=True)
    exact = {int(n): target.coefficients(int(n)) for n in distinct}
    given = {block: np.asarray(sums(block), dtype=np.float64) for block in sorted(set(chain(*target._collapsed)))}
    shapes = {values.shape for values in given.values()} or {counts.shape}
    shape = min(shapes)
    if len(shapes) > 1 or shape[: counts.ndim] != counts.shape:
        expected = f"expected one shape that begins with {counts.shape}, that of the numbers of samples"
        raise InputError(f"power sums of shapes {sorted(shapes)}: {expected}")
    column = counts.shape + (1,) * (len(shape) - counts.ndim)
    means = {block: values / counts.reshape(column) for block, values in given.items()}
    total = np.zeros(shape)
    for partition in target._collapsed:
        weights = np.array([float(of[partition] * n ** len(partition)) for n, of in exact.items()])
        total += reduce(mul, (means[block] for block in partition), weights[place].reshape(column))
    return total


def _coarsenings(partition: Partition) -> Iterator[tuple[int, Partition]]:
    """Every coarser partition, the same included, with its Moebius function."""
    for groups in set_partitions(partition):
        yield prod(mobius(len(group)) for group in groups), _sorted(tuple(chain(*group)) for group in groups)


def _sorted(blocks: Iterable[Block]) -> Partition:
    return tuple(sorted(tuple(sorted(block)) for block in blocks))


def _checked(blocks: Iterable[Block]) -> Partition:
    partition = _sorted(blocks)
    legs = sorted(chain(*partition))
    if len(set(legs)) < len(legs) or min(legs, default=0) < 0:
        raise InputError(
            f"legs {legs}: expected different numbers, 0 or more; give every factor of a product its own legs"
        )
    if len(legs) > MAX_LEGS:
        raise LimitError(f"a product of moments of {len(legs)} legs: expected at most {MAX_LEGS}")
    return partition


def _collected(terms: Iterable[tuple[Fraction, Partition]]) -> MomentPolynomial:
    total: dict[Partition, Fraction] = defaultdict(Fraction)
    for coefficient, partition in terms:
        total[partition] += coefficient
    return MomentPolynomial(tuple((total[partition], partition) for partition in sorted(total) if total[partition]))
