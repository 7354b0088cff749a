"""Sufficient statistics: sums over networks of products of outputs and of entries of the conditional kernel.

Given its hidden layer a network's outputs f_i = f(x_i) are jointly Gaussian with the conditional kernel

    K_hat_ij = sigma_b^2 + (sigma_w^2/N) sum_k phi_k(x_i) phi_k(x_j),

so E[f_i f_j] = E[K_hat_ij], E[f^4] = sum over the three pairings of E[K_hat K_hat], and so on (physics notes,
section 6). For P points this module adds up, over networks, the products of n = 1, 2, 4, 6 outputs, indexed
by `sorted_tuples(P, n)`, and the products of k = 1, 2, 3 entries of K_hat, indexed by `sorted_tuples(pairs,
k)` where `pairs` numbers `sorted_tuples(P, 2)`. It also adds up what shows a heavy tail: sum v, sum v^2 and
max v of one positive number v per network, and per neuron with v = (sum_i phi(x_i)^2)^(n/2): in a wide
network a heavy tail of single neurons hides in the average K_hat, but not in its fluctuations, which are the signal.
No kernel K is known here.

Sums become matrix products: with p the pair products, sum p p^T holds every product of four outputs. Each
product is done in tiles of 32 networks and at most 128 x 64 sums, small enough that a threaded BLAS keeps to
the calling thread: the result does not depend on its number of threads, and workers do not fight over cores.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from math import comb
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.errors import LimitError

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray, IntArray

OUTPUT_ORDERS: Final = (1, 2, 4, 6)
CONDITIONAL_ORDERS: Final = (1, 2, 3)
TAIL_ORDERS: Final = (2, 4, 6)
LIMIT: Final = 4_000_000

T = TypeVar("T")

_BATCH: Final = 32
_GROUP: Final = 8
_TILE: Final = (128, 64)
_BLOCK_NUMBERS: Final = 2**19


class Source(StrEnum):
    """Which samples a tail describes: networks by their outputs f or conditional kernels K_hat, or neurons."""

    OUTPUTS = "outputs"
    CONDITIONAL = "conditional"
    NEURONS = "neurons"


@dataclass(frozen=True)
class Layout:
    """Where each statistic stands in the flat float64 vector of one chunk.

    The vector holds the number of networks, the products of outputs, the products of K_hat (if
    `conditional`), then (sum v, sum v^2) per source and order, then max v per source and order. Everything is
    added over chunks except the maxima. Raises LimitError for a vector of more than 4 million numbers.
    """

    points: int
    conditional: bool = True

    def __post_init__(self) -> None:
        if self.size > LIMIT:
            raise LimitError(
                f"{self.points} points need {self.size} sums per experiment, limit {LIMIT}; use fewer points"
            )

    @property
    def pairs(self) -> int:
        """Number of entries of a symmetric matrix over the points."""
        return comb(self.points + 1, 2)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The samples that are there."""
        return tuple(Source) if self.conditional else (Source.OUTPUTS,)

    def output_tuples(self, n: int) -> int:
        """Return the number of sorted n-tuples of points."""
        return comb(self.points + n - 1, n)

    def conditional_tuples(self, k: int) -> int:
        """Return the number of sorted k-tuples of pairs."""
        return comb(self.pairs + k - 1, k)

    @cached_property
    def outputs(self) -> dict[int, slice]:
        """Slices of the sums of products of n outputs."""
        return _consecutive(1, {n: self.output_tuples(n) for n in OUTPUT_ORDERS})

    @cached_property
    def kernels(self) -> dict[int, slice]:
        """Slices of the sums of products of k entries of K_hat; empty without them."""
        sizes = {k: self.conditional_tuples(k) for k in CONDITIONAL_ORDERS} if self.conditional else {}
        return _consecutive(self.outputs[OUTPUT_ORDERS[-1]].stop, sizes)

    @cached_property
    def tails(self) -> dict[Source, slice]:
        """Slices of the sums of v and v^2: reshaped to (orders, 2)."""
        start = self.size - 3 * len(TAIL_ORDERS) * len(self.sources)
        return _consecutive(start, {source: 2 * len(TAIL_ORDERS) for source in self.sources})

    @cached_property
    def maxima(self) -> dict[Source, slice]:
        """Slices of max v, one per order."""
        start = self.size - len(TAIL_ORDERS) * len(self.sources)
        return _consecutive(start, {source: len(TAIL_ORDERS) for source in self.sources})

    @cached_property
    def size(self) -> int:
        """Length of the vector."""
        products = sum(map(self.output_tuples, OUTPUT_ORDERS))
        if self.conditional:
            products += sum(map(self.conditional_tuples, CONDITIONAL_ORDERS))
        return 1 + products + 3 * len(TAIL_ORDERS) * len(self.sources)

    @property
    def block(self) -> int:
        """Networks whose products are formed at once: a cache-sized multiple of the batch."""
        rows = self.conditional_tuples(2) if self.conditional else self.output_tuples(3)
        return _BATCH * max(1, min(128, _BLOCK_NUMBERS // rows // _BATCH))

    def combine(self, total: FloatArray, vector: FloatArray) -> None:
        """Add the statistics `vector` to `total`, in place."""
        first = self.size - len(TAIL_ORDERS) * len(self.sources)
        total[:first] += vector[:first]
        np.maximum(total[first:], vector[first:], out=total[first:])


class Sums:
    """Running sums over networks, kept as matrices; `vector` picks out the sorted tuples at the end."""

    def __init__(self, layout: Layout) -> None:
        points, pairs, block = layout.points, layout.pairs, layout.block
        self.layout = layout
        self._nets = 0
        self._tails = {source: np.zeros((len(TAIL_ORDERS), 2)) for source in layout.sources}
        self._maxima = {source: np.zeros(len(TAIL_ORDERS)) for source in layout.sources}
        # Sums, then room for one block of networks.
        self._sums = {
            1: np.zeros(points),
            2: np.zeros(pairs),
            4: np.zeros((pairs, pairs)),
            6: np.zeros((layout.output_tuples(3),) * 2),
        }
        self._f = np.empty((points, block))
        self._f2 = np.empty((pairs, block))
        self._f3 = np.empty((layout.output_tuples(3), block))
        squares = layout.conditional_tuples(2) if layout.conditional else 0
        entries = pairs if layout.conditional else 0
        self._kernel_sums = {1: np.zeros(entries), 2: np.zeros(squares), 3: np.zeros((squares, entries))}
        self._kernel = np.empty((entries, block))
        self._kernel2 = np.empty((squares, block))

    def add(self, outputs: FloatArray, conditional: FloatArray | None = None) -> None:
        """Add networks with `outputs` (points, nets, d_out) and, if the layout has it, K_hat (pairs, nets).

        Products are averaged over a network's outputs: they are samples of one law, and share its hidden
        layer.
        """
        nets, d_out = outputs.shape[1:]
        self._nets += nets
        samples = outputs.reshape(len(outputs), nets * d_out)
        for start in range(0, nets * d_out, self.layout.block):
            self._add_outputs(samples[:, start : start + self.layout.block], d_out)
        largest = np.maximum(outputs.max(axis=0), -outputs.min(axis=0))
        self._add_tails(Source.OUTPUTS, [(largest**n).mean(axis=1) for n in TAIL_ORDERS])
        if conditional is not None:
            for start in range(0, nets, self.layout.block):
                self._add_conditional(conditional[:, start : start + self.layout.block])
            largest = conditional[_diagonal(self.layout.points)].max(axis=0)
            self._add_tails(Source.CONDITIONAL, [largest ** (n // 2) for n in TAIL_ORDERS])

    def _add_outputs(self, samples: FloatArray, d_out: int) -> None:
        f = self._f
        points = self.layout.points
        f[:, : samples.shape[1]] = samples
        f[:, samples.shape[1] :] = 0.0  # networks that add nothing
        pair, triple = 0, 0
        for i in range(points):
            stop = pair + points - i
            np.multiply(f[i:], f[i], out=self._f2[pair:stop])
            pair = stop
        for i in range(points):
            rest = self._f2[_first_row(points, i) :]
            stop = triple + len(rest)
            np.multiply(rest, f[i], out=self._f3[triple:stop])
            triple = stop
        for n, value in (
            (1, f.sum(axis=1)),
            (2, self._f2.sum(axis=1)),
            (4, _outer(self._f2, self._f2)),
            (6, _outer(self._f3, self._f3)),
        ):
            self._sums[n] += value if d_out == 1 else value / d_out

    def _add_conditional(self, conditional: FloatArray) -> None:
        kernel, squares = self._kernel, self._kernel2
        entries = len(kernel)
        kernel[:, : conditional.shape[1]] = conditional
        kernel[:, conditional.shape[1] :] = 0.0
        for i in range(entries):
            start = _first_row(entries, i)
            np.multiply(kernel[i:], kernel[i], out=squares[start : start + entries - i])
        self._kernel_sums[1] += kernel.sum(axis=1)
        self._kernel_sums[2] += squares.sum(axis=1)
        # Only i <= j <= k is wanted: for a group of i, the rows (j, k) from the group's first i on.
        for i in range(0, entries, _GROUP):
            start = _first_row(entries, i)
            self._kernel_sums[3][start:, i : i + _GROUP] += _outer(squares[start:], kernel[i : i + _GROUP])

    def add_neuron_tails(self, sums: FloatArray, maxima: FloatArray) -> None:
        """Add sums of v and v^2, shape (orders, 2), and maxima of v, shape (orders,), over neurons."""
        self._tails[Source.NEURONS] += sums
        np.maximum(self._maxima[Source.NEURONS], maxima, out=self._maxima[Source.NEURONS])

    def _add_tails(self, source: Source, values: list[FloatArray]) -> None:
        for order, v in enumerate(values):
            self._tails[source][order] += v.sum(), (v * v).sum()
            self._maxima[source][order] = max(self._maxima[source][order], v.max())

    def vector(self) -> FloatArray:
        """Return the flat vector of all statistics."""
        layout = self.layout
        vector = np.empty(layout.size)
        vector[0] = self._nets
        for n in OUTPUT_ORDERS:
            picked = self._sums[n] if n <= 2 else self._sums[n][_halves(layout.points, n)]
            vector[layout.outputs[n]] = picked
        for k, place in layout.kernels.items():
            picked = self._kernel_sums[k] if k <= 2 else self._kernel_sums[k][_one_and_two(layout.pairs)]
            vector[place] = picked
        for source in layout.sources:
            vector[layout.tails[source]] = self._tails[source].ravel()
            vector[layout.maxima[source]] = self._maxima[source]
        return vector


def _consecutive(start: int, sizes: dict[T, int]) -> dict[T, slice]:
    slices = {}
    for key, size in sizes.items():
        slices[key] = slice(start, start + size)
        start += size
    return slices


def _outer(left: FloatArray, right: FloatArray) -> FloatArray:
    """Sum left[i] right[j] over networks, both (rows, block), in batches that BLAS does not thread."""
    batches = left.shape[1] // _BATCH
    a = left.reshape(len(left), batches, _BATCH).transpose(1, 0, 2)
    b = right.reshape(len(right), batches, _BATCH).transpose(1, 2, 0)
    total = np.empty((len(left), len(right)))
    rows, columns = _TILE
    for i in range(0, len(left), rows):
        for j in range(0, len(right), columns):
            np.matmul(a[:, i : i + rows], b[:, :, j : j + columns]).sum(
                axis=0, out=total[i : i + rows, j : j + columns]
            )
    return total


def _first_row(points: int, i: int) -> int:
    """Return the position of (i, i) among the sorted pairs of `points` indices."""
    return i * points - i * (i - 1) // 2


def _diagonal(points: int) -> list[int]:
    return [_first_row(points, i) for i in range(points)]


def _positions(points: int, n: int) -> IntArray:
    """Return an array of shape (points,)*n that numbers the sorted n-tuples; other entries are unused."""
    table = np.zeros((points,) * n, dtype=np.intp)
    tuples = np.array(sorted_tuples(points, n))
    table[tuple(tuples.T)] = np.arange(len(tuples))
    return table


@lru_cache(maxsize=8)
def _halves(points: int, n: int) -> tuple[IntArray, IntArray]:
    """Return rows and columns at which the sorted n-tuples stand in the outer product of two halves."""
    table = _positions(points, n // 2)
    tuples = np.array(sorted_tuples(points, n)).T
    return table[tuple(tuples[: n // 2])], table[tuple(tuples[n // 2 :])]


@lru_cache(maxsize=4)
def _one_and_two(entries: int) -> tuple[IntArray, IntArray]:
    """Return rows (j, k) and columns i at which the sorted triples (i, j, k) stand."""
    table = _positions(entries, 2)
    i, j, k = np.array(sorted_tuples(entries, 3)).T
    return table[j, k], i
