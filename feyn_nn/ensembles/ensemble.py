"""An ensemble as the measuring side sees it: means of products per experiment, and how heavy the tails are.

Experiments are independent, so that the spread over experiments gives the error bars. Products are indexed by sorted
tuples as in `statistics`. No kernel K is known here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.ensembles.statistics import TAIL_ORDERS, Layout, Record, Source
from feyn_nn.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from feyn_nn.arrays import FloatArray, IntArray
    from feyn_nn.ensembles.settings import SimulationSettings
    from feyn_nn.network import Architecture


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """How many samples carry the mean of v, one positive number per sample; one entry per experiment.

    Samples are networks, or neurons. `effective` = (sum v)^2 / sum v^2 lies between 1 and the number of samples,
    `largest_share` = max v / sum v between 1 / samples and 1. Where all v vanish, `effective` is the number of
    samples and the share is 0.
    """

    effective: FloatArray
    largest_share: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """Means over samples, experiment by experiment.

    `record` says what a sample is: a network of that `width`, or a single neuron (then the width is None). `samples` counts
    them, shape (experiments,). `values[n]` are means of products of n outputs (n = 1 .. 6) or of n values phi(x_i) of a neuron
    (n = 2, 4, 6), shape (experiments, tuples), tuples being `sorted_tuples(points, n)`. `conditional[k]`, k = 1, 2, 3: means of
    products of k entries of K_hat, tuples being `sorted_tuples(pairs, k)` over the numbers of `sorted_tuples(points, 2)`; empty
    where K_hat was not recorded. `tails[source][n]`, n = 2, 4, 6: v = max_i |f_i|^n or max_i K_hat_ii^(n/2) per network,
    or (sum_i phi(x_i)^2)^(n/2) per neuron, with its weight where the law is tilted. `left_out` counts the networks of an import
    that did not fill another experiment. Width and architecture are None where unknown.
    """

    inputs: FloatArray
    record: Record
    samples: IntArray
    values: Mapping[int, FloatArray]
    tails: Mapping[Source, Mapping[int, Tail]]
    conditional: Mapping[int, FloatArray] = field(default_factory=lambda: MappingProxyType({}))
    width: int | None = None
    architecture: Architecture | None = None
    d_out: int = 1
    left_out: int = 0

    @property
    def points(self) -> int:
        """Number of inputs."""
        return len(self.inputs)

    @property
    def experiments(self) -> int:
        """Number of independent experiments."""
        return len(self.samples)

    @property
    def nets(self) -> int:
        """Samples in the smallest experiment; all are equal but in some imports."""
        return int(self.samples.min())

    @property
    def total_nets(self) -> int:
        """Number of samples in all experiments."""
        return int(self.samples.sum())


def ensemble_from_settings(settings: SimulationSettings, totals: FloatArray) -> Ensemble:
    """Build the ensemble of a simulation from its sums over samples, shape (experiments, layout.size)."""
    return ensemble_from_sums(
        totals,
        settings.layout,
        settings.points(),
        width=settings.width,
        architecture=settings.architecture,
        d_out=settings.architecture.d_out,
    )


def ensemble_from_sums(
    totals: FloatArray,
    layout: Layout,
    inputs: FloatArray,
    *,
    width: int | None = None,
    architecture: Architecture | None = None,
    d_out: int = 1,
    left_out: int = 0,
) -> Ensemble:
    """Build an ensemble from sums over samples, shape (experiments, layout.size).

    Raises InputError if samples were not finite, with their number, or if a sum is not: the numbers are too large for
    sixth powers and their squares.
    """
    if np.any(totals[:, 1]):
        lost, total = (int(totals[:, k].sum()) for k in (1, 0))
        raise InputError(
            f"{lost} of {total} samples are not finite numbers (experiments "
            f"{', '.join(str(e) for e in np.flatnonzero(totals[:, 1])[:5])}{', ...' if np.sum(totals[:, 1] > 0) > 5 else ''}): "
            "averages without them would be of another law; use smaller variances and inputs, or mend the activation"
        )
    if not np.all(np.isfinite(totals)):
        experiment = int(np.argwhere(~np.isfinite(totals))[0, 0])
        raise InputError(
            f"experiment {experiment}: a product of outputs exceeds the range of a double (about 1e308); "
            "rescale the outputs or use smaller variances and inputs"
        )
    counts = totals[:, :1]
    samples = totals[:, 0].astype(np.intp)
    samples.setflags(write=False)
    return Ensemble(
        inputs=inputs,
        record=layout.record,
        samples=samples,
        values={n: _frozen(totals[:, place] / counts) for n, place in layout.values.items()},
        tails={source: _tails(totals, layout, source, width) for source in layout.sources},
        conditional={k: _frozen(totals[:, place] / counts) for k, place in layout.kernels.items()},
        width=width,
        architecture=architecture,
        d_out=d_out,
        left_out=left_out,
    )


def _tails(totals: FloatArray, layout: Layout, source: Source, width: int | None) -> dict[int, Tail]:
    sums = totals[:, layout.tails[source]].reshape(len(totals), len(TAIL_ORDERS), 2)
    largest = totals[:, layout.maxima[source]]
    each = (width or 1) if source is Source.NEURONS else 1
    tails = {}
    for order, n in enumerate(TAIL_ORDERS):
        first, second = sums[:, order].T
        effective = each * totals[:, 0]  # all v equal to zero, or so small that v^2 is
        np.copyto(effective, first * (first / np.where(second > 0, second, 1.0)), where=second > 0)
        share = np.divide(largest[:, order], first, out=np.zeros(len(totals)), where=first > 0)
        tails[n] = Tail(_frozen(effective), _frozen(share))
    return tails


def _frozen(array: FloatArray) -> FloatArray:
    array.setflags(write=False)
    return array
