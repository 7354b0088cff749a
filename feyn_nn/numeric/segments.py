"""Nodes on straight segments, and lines between two points that are not smooth where the points meet.

Many kernels are smooth but for coinciding points: e^(-m|x-y|), or |x-y|^3 in ReLU-net's with a bias; without a bias the
angle between two points is what counts, so that opposite directions matter too. Legs do no harm, for segments end at
the inputs. Between two vertices the kernel is integrated over the far segment in two parts that end at the near node,

    int dz K(y_i, z)^m g(z) = sum over j  w_j E_ij g(z_j),

with g interpolated from its values at the segment's nodes (product integration). E replaces K^m between nodes of the same
segment, which restores the convergence of smooth integrands.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels import Kernel


@lru_cache(maxsize=64)
def unit_rule(nodes: int) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre nodes and weights on [0, 1]."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    return (1 + places) / 2, weights / 2


@final
@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Segments from `starts` to `ends`, both of shape (segments, d), with `order` Gauss-Legendre nodes on each.

    `signs` says where lines are rough: 1 where two points coincide, -1 where one is opposite to the other.
    """

    starts: FloatArray
    ends: FloatArray
    order: int
    signs: tuple[int, ...] = (1,)

    def nodes(self) -> FloatArray:
        """All nodes, one segment after the other, shape (segments * order, d)."""
        places, _ = unit_rule(self.order)
        nodes = self.starts[:, None, :] + places[:, None] * (self.ends - self.starts)[:, None, :]
        result: FloatArray = nodes.reshape(-1, self.starts.shape[1])
        return result

    def weights(self) -> FloatArray:
        """The weights of the nodes, for the integral over length."""
        _, weights = unit_rule(self.order)
        lengths = np.linalg.norm(self.ends - self.starts, axis=1)
        result: FloatArray = np.outer(lengths, weights).ravel()
        return result


def correct_lines(
    matrix: FloatArray, kernel: Kernel, power: int, near: Segments, far: Segments, nodes: FloatArray
) -> None:
    """Overwrite the entries of a matrix of K^power that belong to rough pairs of segments; `nodes` are the near ones."""
    if near.order != far.order:
        return
    order = near.order
    inner, rows = _split_rules(order)
    _, weights = unit_rule(order)
    for first, second, reverse in _pairs(near, far):
        here = nodes[first * order : (first + 1) * order]
        chosen = rows[::-1] if reverse else rows
        places = (inner[::-1] if reverse else inner)[:, :, None]
        points = far.starts[second] + places * (far.ends[second] - far.starts[second])
        own = np.concatenate([kernel(here[i : i + 1], points[i]) for i in range(order)]) ** power
        block = np.einsum("ik,ikj->ij", own, chosen) / weights
        matrix[first * order : (first + 1) * order, second * order : (second + 1) * order] = block


def _pairs(near: Segments, far: Segments) -> Iterator[tuple[int, int, bool]]:
    """(near segment, far segment, whether they run in opposite directions) wherever one is the other or its mirror image."""
    for sign in set(near.signs) & set(far.signs):
        for first in range(len(near.starts)):
            start, end = sign * near.starts[first], sign * near.ends[first]
            size = 1e-9 * float(np.abs(end - start).max())
            for reverse, (a, b) in ((False, (start, end)), (True, (end, start))):
                same = np.abs(far.starts - a).max(axis=1) + np.abs(far.ends - b).max(axis=1) <= size
                for second in np.flatnonzero(same)[:1]:
                    yield first, int(second), reverse


@lru_cache(maxsize=32)
def _split_rules(order: int) -> tuple[FloatArray, FloatArray]:
    """For every node t_i of [0, 1] the nodes of [0, t_i] and [t_i, 1], shape (order, 2 order), and from values at them,
    weights included, to those at the nodes of [0, 1]: shape (order, 2 order, order).
    """
    places, weights = unit_rule(order)
    inner = np.concatenate([places[:, None] * places, places[:, None] + (1 - places[:, None]) * places], axis=1)
    mass = np.concatenate([places[:, None] * weights, (1 - places[:, None]) * weights], axis=1)
    nodes = 2 * places - 1
    back = np.linalg.inv(np.polynomial.legendre.legvander(nodes, order - 1))
    rows = np.polynomial.legendre.legvander(2 * inner - 1, order - 1) @ back
    return inner, rows * mass[:, :, None]
