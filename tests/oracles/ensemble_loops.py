"""Slow, obvious versions of what `feyn_nn.ensembles` computes: loops over networks, points and neurons."""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import FloatArray


def product_sums(values: FloatArray, n: int) -> FloatArray:
    """Sums over rows of `values` (samples, columns) of the products over sorted n-tuples of columns."""
    tuples = combinations_with_replacement(range(values.shape[1]), n)
    return np.array([sum(prod(row[i] for i in places) for row in values) for places in tuples])


def tail_sums(v: FloatArray) -> tuple[float, float, float]:
    """Sum v, sum v^2 and max v."""
    return sum(v), sum(x * x for x in v), max(v)


def networks(
    rng: np.random.Generator,
    inputs: FloatArray,
    width: int,
    nets: int,
    phi: Callable[[FloatArray], FloatArray],
    sigma_w: float,
    sigma_b: float,
    *,
    depth: int = 1,
    output_bias: bool = True,
    output_scale: float = 1.0,
) -> tuple[FloatArray, FloatArray]:
    """Outputs (nets, points) and conditional kernels (nets, pairs) of networks drawn one by one.

    `output_bias=False` and `output_scale != 1` are wrong networks, for tests that must notice.
    """
    points, d_in = inputs.shape
    pairs = list(combinations_with_replacement(range(points), 2))
    outputs, kernels = np.empty((nets, points)), np.empty((nets, len(pairs)))
    for net in range(nets):
        w0 = rng.normal(0, sigma_w / d_in**0.5, (width, d_in))
        b0 = rng.normal(0, sigma_b, width)
        hidden = [phi(w0 @ x + b0) for x in inputs]
        for _ in range(depth - 1):
            weights = rng.normal(0, sigma_w / width**0.5, (width, width))
            bias = rng.normal(0, sigma_b, width)
            hidden = [phi(weights @ h + bias) for h in hidden]
        w1 = rng.normal(0, output_scale * sigma_w / width**0.5, width)
        b1 = rng.normal(0, sigma_b) if output_bias else 0.0
        outputs[net] = [w1 @ h + b1 for h in hidden]
        kernels[net] = [sigma_b**2 + sigma_w**2 / width * (hidden[i] @ hidden[j]) for i, j in pairs]
    return outputs, kernels
