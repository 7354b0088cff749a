"""Moments of a ReLU-net neuron for any number of pre-activations.

The pre-activations z_i = u_i.g, g a standard Gaussian vector, depend on g through the space that the vectors u_i span, of
dimension r. In the first layer u_i = (sigma_b, sigma_w x_i / sqrt(d_in)), and r is at most d_in + 1 and the number of inputs.
(z)_+ is homogeneous, so that the length of g separates from its direction y,

    M_n = E[chi_r^n] * mean over the unit sphere of prod (u_i.y)_+,   E[chi_r^n] = 2^{n/2} Gamma((r+n)/2) / Gamma(r/2).

For r <= 3 the sphere is divided where a pre-activation changes sign (`feyn_nn.exact.sphere`): two points for r = 1, arcs for
r = 2, spherical triangles for r = 3. Covariances may be singular, inputs may repeat, and no digits are lost. For r > 3 the
moments are reduced to orthant probabilities (`feyn_nn.exact.stein`), which is faster by far than the sphere.
"""

from __future__ import annotations

from math import gamma
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.errors import LimitError
from feyn_nn.exact.sphere import cones, spanned, sphere_rules
from feyn_nn.exact.stein import positive_part_moments
from feyn_nn.exact.tuples import OrderMoments, TupleSums, error_of_finest, tuple_array, work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.arrays import FloatArray

_NODES: Final = {1: (1, 1, 1), 2: (10, 13, 17), 3: (9, 12, 16), 4: (6, 8, 10)}
_WORDS: Final = {
    0: "all pre-activations vanish",
    1: "closed form",
    2: "integral over arcs",
    3: "integral over spherical triangles",
    4: "integral over spherical tetrahedra",
}
_MOST_WORK: Final = 1e12
MAX_DIMENSION: Final = 3
"""Above, integration by parts."""


def relu_moments(vectors: FloatArray, orders: Sequence[int]) -> dict[int, OrderMoments]:
    """M_n over the sorted n-tuples of pre-activations with the vectors u, shape (points, m), for every n of `orders`.

    Raises LimitError where the inputs are so many that it would take minutes, and for n > 8 in more than three dimensions.
    """
    vectors = spanned(vectors)
    if vectors.shape[1] > MAX_DIMENSION:
        return {n: positive_part_moments(vectors, n) for n in orders}
    return sphere_moments(vectors, orders)


def sphere_moments(vectors: FloatArray, orders: Sequence[int]) -> dict[int, OrderMoments]:
    """E[prod (u_i.g)_+] over the sorted tuples of the vectors u, shape (points, r), r <= 4, by integrals over the sphere.

    To about 1e-14 for r <= 3 and 1e-9 for r = 4. Raises LimitError where that would take minutes.
    """
    points, dimension = vectors.shape
    if dimension == 0:
        zeros = {n: np.zeros(len(tuple_array(points, n))) for n in orders}
        return {n: OrderMoments(zero, zero.copy(), _WORDS[0]) for n, zero in zeros.items()}
    rays = cones(vectors)
    cost = len(rays) * sum(nodes ** (dimension - 1) for nodes in _NODES[dimension]) * work(points, orders)
    if cost > _MOST_WORK:
        raise LimitError(
            f"ReLU-net's moments of order {max(orders)} at {points} inputs that span {dimension} dimensions: about {cost:.1e} "
            f"multiplications, more than {_MOST_WORK:.0e}; ask for fewer inputs or a lower order"
        )
    sums = [_sphere_sums(vectors, rays, nodes, orders) for nodes in _NODES[dimension]]
    found = {}
    for n in orders:
        length = 2 ** (n / 2) * gamma((dimension + n) / 2) / gamma(dimension / 2)
        coarse, middle, fine = (each.moments(n) for each in sums)
        relative = error_of_finest(coarse, middle, fine, fine)
        found[n] = OrderMoments(length * fine, relative * length * fine, _WORDS[dimension])
    return found


def _sphere_sums(vectors: FloatArray, rays: FloatArray, nodes: int, orders: Sequence[int]) -> TupleSums:
    sums = TupleSums(len(vectors), orders)
    for points, weights in sphere_rules(rays, nodes, sums.block):
        values = np.maximum(vectors @ points.T, 0.0)
        alive = np.any(values > 0, axis=0)
        sums.add(values[:, alive], weights[alive])
    return sums
