"""From the moments of one neuron to correlators at width N: exact polynomials in 1/N, for any number of legs.

One hidden layer, f_a(x) = sum_i W1_ai phi(z_i(x)) + b1_a with W1 ~ N(0, w/N), b1 ~ N(0, s) and N independent, equal neurons
(`feyn_nn.network`; w = sigma_w^2, s = sigma_b^2). Given the hidden layer f is Gaussian with covariance delta_ab K_hat,

    K_hat(x, y) = s + (w/N) sum_i phi(z_i(x)) phi(z_i(y)),

a sum of independent terms, so that the joint cumulants of K_hat are those of phi phi times w^k / N^{k-1}. With
M_n = E[phi ... phi]:

    connected:  kappa_2 = K = s + w M2,   kappa_n = w^{n/2} / N^{n/2-1} * (n-th cumulant of one neuron, `feyn_nn.partitions`),
    full:       G^(n) = sum over partitions into even blocks of prod kappa_|B|,
    difference: Delta G^(n) = G^(n) - sum over pairings of prod K.

With several outputs every pairing of the legs has its own coefficient of prod delta_ab (`by_pairing`), e.g.
kappa4_abcd = (w^2/N) [delta_ab delta_cd Cov(phi_1 phi_2, phi_3 phi_4) + 2 more]; setting all deltas to 1 gives one output.
Odd n vanish: W1 and b1 are symmetric.

Arrays run over the sorted n-tuples of the points, repeats allowed, in lexicographic order (`combinatorics.sorted_tuples`).
Numbers may be floats or objects (Fractions stay exact). Physics notes, section 3; for n = 4 also Yaida, arXiv:1910.00019.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from math import comb, isinf
from operator import add, mul
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from feyn_nn.arrays import sorted_rank
from feyn_nn.combinatorics import pairings, set_partitions, sorted_tuples
from feyn_nn.errors import InputError, LimitError
from feyn_nn.partitions import MAX_ELEMENTS, even_partitions, mobius, neuron_cumulant_terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from feyn_nn.arrays import FloatArray, IntArray
    from feyn_nn.partitions import Block

Values: TypeAlias = npt.NDArray[Any]
"""Floats, or objects such as Fractions."""

Pairing: TypeAlias = tuple[tuple[int, int], ...]

MAX_PAIRED_LEGS: Final = 10
"""945 pairings, each with the 52 partitions of its five pairs."""
_ROUNDING: Final = 4 * np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True)
class WidthSeries:
    """Polynomials in 1/N: `coefficients[..., k]` of 1/N^k, `error` a bound on the absolute error of each, of equal shape."""

    coefficients: Values
    error: FloatArray

    def at(self, width: float) -> Values:
        """The sums at a width N, shape without the last axis; `math.inf` gives the Gaussian process.

        Raises InputError unless the width is a positive integer or infinite.
        """
        return _horner(self.coefficients, width)

    def error_at(self, width: float) -> FloatArray:
        """Bound on the absolute error of `at(width)`; raises as it does."""
        return _horner(self.error, width)

    @property
    def accuracy(self) -> float:
        """The largest relative error of a coefficient that is not zero within its own bound; 0 if there is none."""
        return relative_accuracy(_size(self.coefficients), self.error)

    @property
    def beyond_gaussian(self) -> WidthSeries:
        """The same without the limit of infinite width: its column is zero."""
        coefficients, error = self.coefficients.copy(), self.error.copy()
        coefficients[..., 0], error[..., 0] = 0, 0.0
        return WidthSeries(coefficients, error)


def relative_accuracy(size: FloatArray, error: FloatArray) -> float:
    """The largest of error/size among numbers that are not zero within their own bound; 0 if there is none."""
    known = size > error
    return float(np.max(error[known] / size[known], initial=0.0))


def _horner(coefficients: Values, width: float) -> Values:
    if not width >= 1 or not (isinf(width) or int(width) == width):
        raise InputError(f"width {width}: expected a positive integer, or infinity for the Gaussian process")
    if isinf(width):
        first: Values = coefficients[..., 0].copy()
        return first
    total = coefficients[..., -1]
    for k in range(coefficients.shape[-1] - 2, -1, -1):
        total = coefficients[..., k] + total / width
    return np.asarray(total)


@dataclass(frozen=True, slots=True)
class _Bounded:
    """Numbers with a bound on their errors, to first order in the errors and in rounding."""

    value: Any
    error: Any

    def __mul__(self, other: _Bounded) -> _Bounded:
        return _Bounded(
            self.value * other.value,
            _size(self.value) * other.error + _size(other.value) * self.error + self.error * other.error,
        )

    def __add__(self, other: _Bounded) -> _Bounded:
        return _Bounded(self.value + other.value, self.error + other.error)

    def scaled(self, factor: Any) -> _Bounded:
        return _Bounded(factor * self.value, abs(float(factor)) * self.error)

    def __getitem__(self, index: IntArray) -> _Bounded:
        return _Bounded(self.value[index], self.error[index])


def _size(values: Values) -> FloatArray:
    return np.abs(values).astype(np.float64)


@dataclass(frozen=True)
class LayerCumulants:
    """Correlators of a network with one hidden layer from the moments of one of its neurons.

    `moments[k]` is M_k over the sorted k-tuples of `points` points, for k = 2, 4, ... as far as they are asked for, and
    `errors[k]` a bound on its absolute error (a number or an array), zero where it is missing; rounding is added for floats.
    Raises InputError for moments of a wrong shape; methods raise it for n < 1 and for missing moments, LimitError for
    n > 12 (by pairing n > 10).
    """

    points: int
    moments: Mapping[int, Values]
    weight_variance: Any
    bias_variance: Any
    errors: Mapping[int, npt.ArrayLike] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for k, values in self.moments.items():
            expected = (comb(self.points + k - 1, k),)
            if np.shape(values) != expected:
                raise InputError(
                    f"moments of order {k}: shape {np.shape(values)}, expected {expected}, one for every sorted {k}-tuple "
                    f"of {self.points} points"
                )

    def connected(self, n: int) -> WidthSeries:
        """kappa_n, coefficients of shape (tuples, max(1, n/2)): only the power n/2 - 1 of 1/N occurs."""
        series = self._empty(n)
        if n % 2 == 0:
            _add(series, n // 2 - 1, self._connected(n))
        return series

    def correlator(self, n: int) -> WidthSeries:
        """G^(n), coefficients of shape (tuples, max(1, n/2)); the first column is the Gaussian process."""
        series = self._empty(n)
        if n % 2:
            return series
        at_legs = _AtLegs(self.points, n, {k: self._connected(k) for k in range(2, n + 1, 2)})
        for partition in even_partitions(n):
            _add(series, n // 2 - len(partition), at_legs.product(partition))
        return series

    def delta(self, n: int) -> WidthSeries:
        """Delta G^(n) = G^(n) - G_GP^(n), coefficients of shape (tuples, max(1, n/2)); the first column is zero."""
        return self.correlator(n).beyond_gaussian

    def connected_by_pairing(self, n: int) -> WidthSeries:
        """kappa_n for several outputs: the coefficient of prod delta of each pairing, shape (tuples, (n-1)!!, max(1, n/2)).

        The pairings are those of `leg_pairings`.
        """
        return self._by_pairing(n, connected=True)

    def correlator_by_pairing(self, n: int) -> WidthSeries:
        """G^(n) for several outputs: the coefficient of prod delta of each pairing, shape (tuples, (n-1)!!, max(1, n/2))."""
        return self._by_pairing(n, connected=False)

    def delta_by_pairing(self, n: int) -> WidthSeries:
        """Delta G^(n) for several outputs; as `correlator_by_pairing` without the Gaussian process, the first column."""
        return self.correlator_by_pairing(n).beyond_gaussian

    def _empty(self, n: int) -> WidthSeries:
        """Zeros for the tuples of n legs, in the number type of the moments; checks n."""
        if n < 1:
            raise InputError(f"a correlator with {n} legs: expected one or more")
        if n > MAX_ELEMENTS:
            raise LimitError(f"a correlator with {n} legs: expected at most {MAX_ELEMENTS}")
        missing = [k for k in range(2, n + 1, 2) if k not in self.moments] if n % 2 == 0 else []
        if missing:
            raise InputError(
                f"moments of order {', '.join(map(str, missing))} are missing: a correlator with {n} legs needs "
                f"every even order up to {n}"
            )
        shape = (comb(self.points + n - 1, n), max(1, n // 2))
        dtype = np.result_type(*self.moments.values(), np.float64) if self.moments else np.float64
        return WidthSeries(np.zeros(shape, dtype), np.zeros(shape))

    def _moment(self, k: int) -> _Bounded:
        values = np.asarray(self.moments[k])
        error = np.broadcast_to(np.asarray(self.errors.get(k, 0.0), dtype=np.float64), values.shape)
        rounding = 0.0 if values.dtype == np.object_ else _ROUNDING
        return _Bounded(values, error + rounding * _size(values))

    def _connected(self, n: int) -> _Bounded:
        """The coefficient of 1/N^{n/2 - 1} in kappa_n over the sorted n-tuples."""
        at_legs = _AtLegs(self.points, n, self._moments(n))
        terms = (at_legs.product(partition).scaled(number) for number, partition in neuron_cumulant_terms(n))
        return self._dressed(reduce(add, terms), n // 2)

    def _moments(self, n: int) -> dict[int, _Bounded]:
        return {k: self._moment(k) for k in range(2, n + 1, 2)}

    def _dressed(self, cumulant: _Bounded, pairs: int) -> _Bounded:
        """A joint cumulant of `pairs` entries of K_hat, without its power of 1/N, from that of as many products phi phi."""
        total = cumulant.scaled(self.weight_variance**pairs)
        if pairs == 1:
            return _Bounded(total.value + self.bias_variance, total.error)
        return total

    def _by_pairing(self, n: int, *, connected: bool) -> WidthSeries:
        single = self._empty(n)
        if n > MAX_PAIRED_LEGS:
            raise LimitError(f"a correlator with {n} legs of several outputs: expected at most {MAX_PAIRED_LEGS}")
        every = leg_pairings(n)
        shape = (len(single.coefficients), len(every), single.coefficients.shape[-1])
        series = WidthSeries(np.zeros(shape, single.coefficients.dtype), np.zeros(shape))
        joint = _JointCumulants(self, n)
        for index, pairing in enumerate(every):
            row = WidthSeries(series.coefficients[:, index], series.error[:, index])
            if connected:
                _add(row, n // 2 - 1, joint.of(pairing))
                continue
            for partition in set_partitions(pairing):
                _add(row, n // 2 - len(partition), reduce(mul, map(joint.of, partition)))
        return series


class _AtLegs:
    """Values over the sorted k-tuples of the points, looked up at some of the legs of every sorted n-tuple."""

    def __init__(self, points: int, n: int, values: Mapping[int, _Bounded]) -> None:
        self._points = points
        self._tuples = np.array(sorted_tuples(points, n), dtype=np.intp).reshape(-1, n)
        self._values = values
        self._known: dict[Block, _Bounded] = {}

    def product(self, partition: Iterable[Block]) -> _Bounded:
        """The product over blocks of legs, each a sorted tuple."""
        return reduce(mul, map(self._of, partition))

    def _of(self, block: Block) -> _Bounded:
        if block not in self._known:
            rank = sorted_rank(self._points, self._tuples[:, block])
            self._known[block] = self._values[len(block)][rank]
        return self._known[block]


class _JointCumulants:
    """Joint cumulants of entries of K_hat at the legs of all sorted tuples, without their power of 1/N."""

    def __init__(self, layer: LayerCumulants, n: int) -> None:
        self._layer = layer
        self._at_legs = _AtLegs(layer.points, n, layer._moments(n))
        self._known: dict[Pairing, _Bounded] = {}

    def of(self, pairs: Pairing) -> _Bounded:
        """That of the entries at `pairs`."""
        if pairs not in self._known:
            terms = (self._term(partition) for partition in set_partitions(pairs))
            self._known[pairs] = self._layer._dressed(reduce(add, terms), len(pairs))
        return self._known[pairs]

    def _term(self, partition: Sequence[Pairing]) -> _Bounded:
        blocks = [tuple(sorted(leg for pair in block for leg in pair)) for block in partition]
        return self._at_legs.product(blocks).scaled(mobius(len(partition)))


def leg_pairings(n: int) -> tuple[Pairing, ...]:
    """The pairings of legs 0 .. n-1 that the results by pairing run over, in lexicographic order; none if n is odd."""
    return tuple(pairings(range(n)))


def component(series: WidthSeries, outputs: Sequence[int]) -> WidthSeries:
    """The component of a result by pairing in which leg k of every sorted tuple is output `outputs[k]`.

    Sums the pairings that only pair equal outputs: shape (tuples, powers of 1/N). Raises InputError if the number of
    outputs is not that of the legs.
    """
    every = leg_pairings(len(outputs))
    if series.coefficients.ndim != 3 or series.coefficients.shape[1] != len(every):
        raise InputError(
            f"{len(outputs)} outputs for coefficients of shape {series.coefficients.shape}: expected a result by pairing, "
            "(tuples, (n-1)!!, powers of 1/N), and one output for each of its n legs"
        )
    kept = [k for k, pairing in enumerate(every) if all(outputs[a] == outputs[b] for a, b in pairing)]
    return WidthSeries(series.coefficients[:, kept].sum(axis=1), series.error[:, kept].sum(axis=1))


def _add(series: WidthSeries, power: int, term: _Bounded) -> None:
    series.coefficients[..., power] += term.value
    series.error[..., power] += term.error
