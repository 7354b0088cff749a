"""Oracle: E[phi(z_1) ... phi(z_n)] of one neuron with one input and a bias, by nested adaptive quadrature.

Slow and obvious: the activation's definition, the Gaussian density of W0 and b0, nothing else. The inner integral over the bias
is split where a pre-activation changes sign, so that ReLU's kinks cost no digits; the outer one at zero weight, where the order
of those places changes.
"""

from __future__ import annotations

from itertools import pairwise
from math import exp, pi, sqrt
from typing import TYPE_CHECKING

from scipy import integrate

from tests.oracles.neuron_quadrature import neuron

if TYPE_CHECKING:
    from collections.abc import Sequence


def moment_by_quad(net: str, inputs: Sequence[float], sigma_w: float, sigma_b: float) -> float:
    """The moment at the n inputs, sigma_b > 0, to about nine digits."""
    w, s = sigma_w**2, sigma_b**2

    def density(u: float) -> float:
        return exp(-u * u / 2) / sqrt(2 * pi)

    def over_bias(u: float) -> float:
        edges = sorted({-12.0, 12.0, *(e for x in inputs if -12 < (e := -sigma_w * u * x / sigma_b) < 12)})

        def integrand(v: float) -> float:
            product = density(v)
            for x in inputs:
                product *= neuron(net, (x,), (sigma_w * u,), sigma_b * v, w, s)
            return product

        return sum(float(integrate.quad(integrand, a, b, epsabs=1e-13, epsrel=1e-10)[0]) for a, b in pairwise(edges))

    halves = ((-12.0, 0.0), (0.0, 12.0))
    return sum(
        float(integrate.quad(lambda u: over_bias(u) * density(u), *half, epsabs=1e-12, epsrel=1e-10)[0])
        for half in halves
    )
