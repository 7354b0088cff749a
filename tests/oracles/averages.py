"""Ensembles by hand: means of products, one product after another, from arrays of outputs, kernels or neurons."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np

from feyn_nn.ensembles import Ensemble, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray
    from feyn_nn.network import Architecture


def mean_products(values: FloatArray, n: int) -> FloatArray:
    """Means over samples of products of n columns of (experiments, samples, columns): (experiments, tuples)."""
    rows = combinations_with_replacement(range(values.shape[-1]), n)
    return np.stack([np.prod(values[..., list(row)], axis=-1).mean(axis=1) for row in rows], axis=1)


def _ensemble(
    inputs: FloatArray, record: Record, values: FloatArray, orders: Sequence[int], architecture: Architecture | None
) -> Ensemble:
    return Ensemble(
        inputs=inputs,
        record=record,
        samples=np.full(len(values), values.shape[1], dtype=np.intp),
        values={n: mean_products(values, n) for n in orders},
        tails={},
        architecture=architecture,
    )


def of_outputs(inputs: FloatArray, outputs: FloatArray, orders: Sequence[int] = range(1, 7)) -> Ensemble:
    """From outputs (experiments, networks, points); `orders` of the products that are kept."""
    return _ensemble(inputs, Record.OUTPUTS, outputs, orders, None)


def of_networks(
    inputs: FloatArray, outputs: FloatArray, kernels: FloatArray, architecture: Architecture | None = None
) -> Ensemble:
    """From outputs (experiments, networks, points) and K_hat (experiments, networks, pairs)."""
    plain = _ensemble(inputs, Record.CONDITIONAL, outputs, range(1, 7), architecture)
    conditional = {k: mean_products(kernels, k) for k in (1, 2, 3)}
    return Ensemble(inputs, plain.record, plain.samples, plain.values, {}, conditional, None, architecture)


def of_neurons(inputs: FloatArray, neurons: FloatArray, architecture: Architecture) -> Ensemble:
    """From values phi(x_i) of single neurons, (experiments, neurons, points)."""
    return _ensemble(inputs, Record.NEURONS, neurons, (2, 4, 6), architecture)


def of_tilted_neurons(inputs: FloatArray, neurons: FloatArray, architecture: Architecture) -> Ensemble:
    """From values of Gauss-net's neurons without a bias, (experiments, neurons, points): exp(n b) averages to exp(n^2 s/2)."""
    half = architecture.bias_variance / 2
    values = {n: np.exp(n * n * half) * mean_products(neurons, n) for n in (2, 4, 6)}
    samples = np.full(len(neurons), neurons.shape[1], dtype=np.intp)
    return Ensemble(inputs, Record.TILTED, samples, values, {}, architecture=architecture)
