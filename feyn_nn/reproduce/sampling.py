"""How many networks plain averages would need, exactly: the variance of f^n at one input and width.

Given its hidden layer f is Gaussian with variance K_hat = s + (1/N) sum_k v_k, v = w phi^2, so that E f^(2m) = (2m-1)!! E
K_hat^m; the cumulants of K_hat are those of v over N^(k-1), and those come from the moments of one neuron (physics notes,
section 3). An average of f^n over M networks has the variance (E f^(2n) - (E f^n)^2)/M.
"""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING

from feyn_nn.combinatorics import double_factorial
from feyn_nn.exact.moments import neuron_moments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray
    from feyn_nn.network import Architecture


class PlainAverages:
    """Plain averages of f^n of a network with one hidden layer at one input, shape (1, d_in), for n up to `highest`."""

    def __init__(self, architecture: Architecture, point: FloatArray, highest: int) -> None:
        orders = tuple(range(2, 2 * highest + 1, 2))
        moments = neuron_moments(architecture, point, orders).values
        weight = architecture.weight_variance
        self._cumulants = _cumulants([float(moments[order][0]) * weight ** (order // 2) for order in orders])
        self._offset = architecture.bias_variance

    def networks_needed(self, n: int, width: int, accuracy: float) -> float:
        """Networks after which the average of f^n gives Delta G^(n), n > 2 even, to a relative accuracy."""
        kernel = [value / float(width) ** k for k, value in enumerate(self._cumulants)]
        kernel[0] += self._offset
        powers = _moments(kernel)
        full = [double_factorial(2 * m + 1) * power for m, power in enumerate(powers)]
        mean, square = full[n // 2 - 1], full[n - 1]
        free = double_factorial(n - 1) * kernel[0] ** (n // 2)
        return float((square - mean**2) / (accuracy * (mean - free)) ** 2)


def _cumulants(moments: Sequence[float]) -> list[float]:
    """Cumulants from the moments of order 1, 2, ..."""
    found: list[float] = []
    for n, moment in enumerate(moments):
        found.append(moment - sum(comb(n, k) * found[k] * moments[n - k - 1] for k in range(n)))
    return found


def _moments(cumulants: Sequence[float]) -> list[float]:
    """Moments of order 1, 2, ... from the cumulants."""
    found: list[float] = []
    for n, cumulant in enumerate(cumulants):
        found.append(cumulant + sum(comb(n, k) * cumulants[k] * found[n - k - 1] for k in range(n)))
    return found
