"""Gauss-Legendre rules, and how well a function is resolved by the nodes of one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

_GROUP: Final = 3
_LEAST_GAIN: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class LegendreRule:
    """Nodes in [0, 1] and weights that add up to 1, both of shape (nodes,)."""

    nodes: FloatArray
    weights: FloatArray
    _to_last: FloatArray
    _to_middle: FloatArray

    def last_coefficients(self, values: FloatArray) -> FloatArray:
        """The largest of the last three Legendre coefficients of values at the nodes, shape (..., nodes): shape (...)."""
        result: FloatArray = np.max(np.abs(values @ self._to_last), axis=-1)
        return result

    def error(self, values: FloatArray) -> FloatArray:
        """Error of the sum of values, shape (..., nodes), over nodes and weights: shape (...).

        The first coefficient that the rule gets wrong is of twice the degree of the last that it knows. Coefficients fall by
        the same factor from half of the known degrees to the last as from there to one and a half times as many; kinks show
        by hardly falling at all. More than a factor 10^6 beyond the last one is not claimed.
        """
        last = self.last_coefficients(values)
        middle = np.max(np.abs(values @ self._to_middle), axis=-1)
        fall = np.divide(last, middle, out=np.ones_like(last), where=middle > last)
        result: FloatArray = last * np.maximum(fall**2, _LEAST_GAIN)
        return result

    def composite(self, cuts: FloatArray, pieces: int = 1) -> tuple[FloatArray, FloatArray]:
        """Nodes and weights, shape (n, nodes), on all panels between ascending `cuts`, shape (n, cuts), each in `pieces`."""
        parts = ((np.arange(pieces)[:, None] + self.nodes) / pieces).ravel()
        length = np.diff(cuts, axis=1)[:, :, None]
        nodes = cuts[:, :-1, None] + length * parts
        weights = length * np.tile(self.weights / pieces, pieces)
        return nodes.reshape(len(cuts), -1), weights.reshape(len(cuts), -1)


@lru_cache(maxsize=8)
def legendre_rule(nodes: int) -> LegendreRule:
    """The rule with so many nodes."""
    x, weights = np.polynomial.legendre.leggauss(nodes)
    polynomials = np.polynomial.legendre.legvander(x, nodes - 1) * weights[:, None] * (np.arange(nodes) + 0.5)
    middle = nodes // 2
    return LegendreRule((1 + x) / 2, weights / 2, polynomials[:, -_GROUP:], polynomials[:, middle - _GROUP : middle])
