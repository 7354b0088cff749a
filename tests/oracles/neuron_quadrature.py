"""Oracle: K(x, y) = sigma_b^2 + sigma_w^2 E[phi phi] of one neuron, by quadrature over its weights and bias.

Slow and obvious: the activation's definition and no closed form. One input by adaptive quadrature split at
ReLU's kinks, several by a product rule, which has few digits for ReLU.
"""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np
from scipy import integrate, special

if TYPE_CHECKING:
    from collections.abc import Sequence


def neuron(net: str, x: Sequence[float], weights: Sequence[float], bias: float, w: float, s: float) -> float:
    """phi(W0.x + b0) at one input, with Gauss-net's normalisation; w = sigma_w^2, s = sigma_b^2."""
    z = sum(a * b for a, b in zip(weights, x, strict=True)) + bias
    if net == "erf":
        return float(special.erf(z))
    if net == "relu":
        return max(z, 0.0)
    return float(np.exp(z - s - w / len(x) * sum(a * a for a in x)))


def by_quad(net: str, x: float, y: float, sigma_w: float, sigma_b: float) -> float:
    """K for one input and sigma_b > 0, by nested adaptive quadrature over W0 and b0, split at the kinks."""
    w, s = sigma_w**2, sigma_b**2

    def density(u: float) -> float:
        return float(np.exp(-u * u / 2) / np.sqrt(2 * np.pi))

    def inner(u: float) -> float:
        edges = sorted({-12.0, 12.0, *(e for p in (x, y) if -12 < (e := -sigma_w * u * p / sigma_b) < 12)})

        def integrand(v: float) -> float:
            first = neuron(net, (x,), (sigma_w * u,), sigma_b * v, w, s)
            return first * neuron(net, (y,), (sigma_w * u,), sigma_b * v, w, s) * density(v)

        pieces = pairwise(edges)
        return sum(float(integrate.quad(integrand, a, b, epsabs=1e-10, epsrel=1e-9)[0]) for a, b in pieces)

    halves = ((-12, 0), (0, 12))
    total = sum(float(integrate.quad(lambda u: inner(u) * density(u), *h, epsabs=1e-9)[0]) for h in halves)
    return s + w * total


def by_gauss_hermite(
    net: str, x: Sequence[float], y: Sequence[float], sigma_w: float, sigma_b: float, nodes: int
) -> float:
    """K for any number of inputs by a product rule with `nodes` per weight."""
    roots, masses = np.polynomial.hermite_e.hermegauss(nodes)
    masses = masses / masses.sum()
    w, s, d = sigma_w**2, sigma_b**2, len(x)
    total = 0.0
    for index in product(range(nodes), repeat=d + 1):
        mass = float(np.prod(masses[list(index)]))
        if mass < 1e-18:
            continue
        weights = [sigma_w / np.sqrt(d) * float(roots[k]) for k in index[:-1]]
        bias = sigma_b * float(roots[index[-1]])
        total += mass * neuron(net, x, weights, bias, w, s) * neuron(net, y, weights, bias, w, s)
    return s + w * total
