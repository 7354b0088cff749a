"""Sufficient statistics: sums over samples of products of outputs, of conditional kernels, or of single neurons.

What a chunk records is one of `Record`:

- OUTPUTS: products of n = 1 .. 6 outputs f_i = f(x_i) of networks, indexed by `sorted_tuples(P, n)` for P points.
- CONDITIONAL: these, and products of k = 1, 2, 3 entries of the conditional kernel, indexed by `sorted_tuples(pairs, k)` where
  `pairs` numbers `sorted_tuples(P, 2)`. Given its last hidden layer a network's outputs are jointly Gaussian with

      K_hat_ij = sigma_b^2 + (sigma_w^2/N) sum_k phi_k(x_i) phi_k(x_j),

  so E[f_i f_j] = E[K_hat_ij], E[f^4] = sum over the three pairings of E[K_hat K_hat], and so on (physics notes, section 6).
- NEURONS: products of n = 2, 4, 6 values phi(x_i) of one neuron: one stream serves every width.
- TILTED: the same for Gauss-net with, for each n, the bias drawn from the law N(n s, s) in place of N(0, s), s = sigma_b^2, and
  weighted by the ratio of the two. There exp(n b) times the weight is the constant exp(n^2 s/2): b need not be drawn.

Beside them stands what shows a heavy tail: sum v, sum v^2 and max v of one positive number v per sample and order; with
CONDITIONAL also per neuron, v = (sum_i phi(x_i)^2)^(n/2): in a wide network a heavy tail of single neurons hides in the
average K_hat, but not in its fluctuations, which are the signal. Samples with a value that is not finite are counted
and left out of all sums; an ensemble with any of them is refused. No kernel K is known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from math import comb
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from feyn_nn.ensembles.products import MAX_ORDER, ProductSums
from feyn_nn.errors import LimitError

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

OUTPUT_ORDERS: Final = tuple(range(1, MAX_ORDER + 1))
NEURON_ORDERS: Final = (2, 4, 6)
CONDITIONAL_ORDERS: Final = (1, 2, 3)
TAIL_ORDERS: Final = (2, 4, 6)
LIMIT: Final = 4_000_000

T = TypeVar("T")


class Record(StrEnum):
    """What is sampled, and of which products sums are kept."""

    OUTPUTS = "outputs"
    CONDITIONAL = "conditional"
    NEURONS = "neurons"
    TILTED = "tilted"

    @property
    def of_networks(self) -> bool:
        """Whether a sample is a whole network, with a width; else it is one neuron."""
        return self in {Record.OUTPUTS, Record.CONDITIONAL}


class Source(StrEnum):
    """Which samples a tail describes: networks by their outputs f or conditional kernels K_hat, or neurons."""

    OUTPUTS = "outputs"
    CONDITIONAL = "conditional"
    NEURONS = "neurons"


@dataclass(frozen=True)
class Layout:
    """Where each statistic stands in the flat float64 vector of one chunk.

    The vector holds the number of samples, how many of them were not finite, the products of values (outputs, or
    neurons), the products of K_hat (CONDITIONAL), then (sum v, sum v^2) per source and order, then max v per source and order.
    Everything is added over chunks except the maxima. Raises LimitError for a vector of more than 4 million numbers.
    """

    points: int
    record: Record = Record.CONDITIONAL

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
    def orders(self) -> tuple[int, ...]:
        """Orders n of the products of values."""
        return OUTPUT_ORDERS if self.record.of_networks else NEURON_ORDERS

    @property
    def kernel_orders(self) -> tuple[int, ...]:
        """Orders k of the products of K_hat."""
        return CONDITIONAL_ORDERS if self.record is Record.CONDITIONAL else ()

    @property
    def sources(self) -> tuple[Source, ...]:
        """The samples whose tails are looked at."""
        if self.record is Record.CONDITIONAL:
            return tuple(Source)
        return (Source.OUTPUTS,) if self.record is Record.OUTPUTS else (Source.NEURONS,)

    @cached_property
    def values(self) -> dict[int, slice]:
        """Slices of the sums of products of n values."""
        return _consecutive(2, {n: comb(self.points + n - 1, n) for n in self.orders})

    @cached_property
    def kernels(self) -> dict[int, slice]:
        """Slices of the sums of products of k entries of K_hat; empty without them."""
        sizes = {k: comb(self.pairs + k - 1, k) for k in self.kernel_orders}
        return _consecutive(self.values[self.orders[-1]].stop, sizes)

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
        products = sum(comb(self.points + n - 1, n) for n in self.orders)
        products += sum(comb(self.pairs + k - 1, k) for k in self.kernel_orders)
        return 2 + products + 3 * len(TAIL_ORDERS) * len(self.sources)

    def combine(self, total: FloatArray, vector: FloatArray) -> None:
        """Add the statistics `vector` to `total`, in place."""
        first = self.size - len(TAIL_ORDERS) * len(self.sources)
        total[:first] += vector[:first]
        np.maximum(total[first:], vector[first:], out=total[first:])


class Tails:
    """Sums of v and v^2 and the maximum of v over samples, for each order: arrays of shape (orders, 2) and (orders,)."""

    def __init__(self) -> None:
        self.sums = np.zeros((len(TAIL_ORDERS), 2))
        self.maxima = np.zeros(len(TAIL_ORDERS))

    def add(self, order: int, v: FloatArray) -> None:
        """Take samples of the order with that number among `TAIL_ORDERS`."""
        self.sums[order] += v.sum(), np.einsum("k,k->", v, v)
        self.maxima[order] = max(self.maxima[order], v.max())

    def add_neurons(self, hidden: FloatArray) -> None:
        """Take neurons, `hidden` = phi of shape (points, neurons): v = (sum_i phi(x_i)^2)^(n/2)."""
        q = np.einsum("pk,pk->k", hidden, hidden)
        v = q
        for order in range(len(TAIL_ORDERS)):
            if order:
                v = v * q
            self.add(order, v)

    def merge(self, sums: FloatArray, maxima: FloatArray) -> None:
        """Add tails that were taken elsewhere."""
        self.sums += sums
        np.maximum(self.maxima, maxima, out=self.maxima)


class Sums:
    """Running sums over samples; `vector` is the flat vector of all statistics."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.tails = {source: Tails() for source in layout.sources}
        self._samples = 0
        self._not_finite = 0
        if layout.record is Record.TILTED:  # every order has values of its own
            self._values = {n: ProductSums(layout.points, (n,)) for n in layout.orders}
        else:
            together = ProductSums(layout.points, layout.orders)
            self._values = dict.fromkeys(layout.orders, together)
        self._kernels = ProductSums(layout.pairs, layout.kernel_orders) if layout.kernel_orders else None

    def add_networks(self, outputs: FloatArray, conditional: FloatArray | None = None) -> None:
        """Add networks with `outputs` (points, nets, d_out) and, if the layout has it, K_hat (pairs, nets).

        Products are averaged over a network's outputs: they are samples of one law, and share its hidden layers.
        """
        points, nets, d_out = outputs.shape
        self._samples += nets
        finite = np.ones(nets, dtype=np.bool_)
        finite &= np.isfinite(outputs).all(axis=(0, 2))
        if conditional is not None:
            finite &= np.isfinite(conditional).all(axis=0)
        if not finite.all():
            self._not_finite += nets - int(np.sum(finite))
            outputs = np.where(finite[:, None], outputs, 0.0)
            conditional = None if conditional is None else np.where(finite, conditional, 0.0)
        self._values[1].add(outputs.reshape(points, nets * d_out), 1 / d_out)
        largest = np.maximum(outputs.max(axis=0), -outputs.min(axis=0))
        for order, n in enumerate(TAIL_ORDERS):
            self.tails[Source.OUTPUTS].add(order, (largest**n).mean(axis=1))
        if conditional is not None and self._kernels is not None:
            self._kernels.add(conditional)
            largest = conditional[_diagonal(points)].max(axis=0)
            for order, n in enumerate(TAIL_ORDERS):
                self.tails[Source.CONDITIONAL].add(order, largest ** (n // 2))

    def add_neurons(self, values: FloatArray) -> None:
        """Add neurons with `values` phi(x_i), shape (points, neurons)."""
        (values,) = self._finite([values])
        self._values[2].add(values)
        self.tails[Source.NEURONS].add_neurons(values)

    def add_tilted(self, values: dict[int, FloatArray]) -> None:
        """Add neurons for each order n, shape (points, neurons): the n-th root of the weight is in every value."""
        for order, (n, tilted) in enumerate(zip(values, self._finite(list(values.values())), strict=True)):
            self._values[n].add(tilted)
            self.tails[Source.NEURONS].add(order, np.abs(tilted).max(axis=0) ** n)

    def _finite(self, arrays: list[FloatArray]) -> list[FloatArray]:
        """Count samples, and put zeros for those that are not finite in all `arrays`, each (points, samples)."""
        finite = np.ones(arrays[0].shape[1], dtype=np.bool_)
        for array in arrays:
            finite &= np.isfinite(array).all(axis=0)
        self._samples += len(finite)
        if finite.all():
            return arrays
        self._not_finite += len(finite) - int(np.sum(finite))
        return [np.where(finite, array, 0.0) for array in arrays]

    def vector(self) -> FloatArray:
        """Return the flat vector of all statistics."""
        layout = self.layout
        vector = np.empty(layout.size)
        vector[0], vector[1] = self._samples, self._not_finite
        for n, place in layout.values.items():
            vector[place] = self._values[n].sums(n)
        if self._kernels is not None:
            for k, place in layout.kernels.items():
                vector[place] = self._kernels.sums(k)
        for source, tails in self.tails.items():
            vector[layout.tails[source]] = tails.sums.ravel()
            vector[layout.maxima[source]] = tails.maxima
        return vector


def _consecutive(start: int, sizes: dict[T, int]) -> dict[T, slice]:
    slices = {}
    for key, size in sizes.items():
        slices[key] = slice(start, start + size)
        start += size
    return slices


def _diagonal(points: int) -> list[int]:
    """The positions of (i, i) among the sorted pairs."""
    return [i * points - i * (i - 1) // 2 for i in range(points)]
