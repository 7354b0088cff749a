"""Gauss-Legendre rules, and how well a function is resolved by the nodes of one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

_GROUP: Final = 3
_GEOMETRIC: Final = 1 / 30


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
        """Error of the sum of values, shape (..., nodes), over nodes and weights: shape (...)."""
        middle = np.max(np.abs(values @ self._to_middle), axis=-1)
        return error_from_coefficients(self.last_coefficients(values), middle)

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


def error_from_coefficients(last: FloatArray, middle: FloatArray) -> FloatArray:
    """Error of a Gauss rule for a function, from its last coefficients that the rule knows and those of half their degree.

    The first coefficient that the rule gets wrong is of twice the degree of the last one. Those of an analytic function fall by
    the same factor from half the degree to the last as from there to one and a half times as far: only this is claimed, and
    nothing where they fall by less than 30, like powers of the degree as at a kink.
    """
    fall = np.divide(last, middle, out=np.ones_like(last), where=middle > last)
    result: FloatArray = last * np.where(fall < _GEOMETRIC, fall, 1.0)
    return result
