"""Deep networks: kernels layer by layer, and the connected four-point function at leading order in 1/N.

A network of `depth` hidden layers, each of width N, with the same phi, w = sigma_w^2 and s = sigma_b^2 in every layer:

    z^1 = W^0 x + b^0,   z^{l+1} = W^l phi(z^l) + b^l,   f = z^{depth+1},   W^0 ~ N(0, w/d_in), W^l ~ N(0, w/N), b^l ~ N(0, s).

Given layer l, z^{l+1} is Gaussian with covariance K_hat^{l+1}(x, y) = s + (w/N) sum_i phi(z^l_i(x)) phi(z^l_i(y)). For
N -> infinity it is the kernel K^{l+1} = s + w E[phi phi] with covariance K^l, K^1 = s + w x.y / d_in. Let

    V^l_{ab,cd} = lim N Cov(K_hat^l(x_a, x_b), K_hat^l(x_c, x_d)),   V^1 = 0.

Given K_hat^l the neurons of layer l are independent, so the law of total covariance gives the new layer's own term and what
it passes on of the fluctuations before it:

    V^{l+1}_{ab,cd} = w^2 (E[phi_a phi_b phi_c phi_d] - E[phi_a phi_b] E[phi_c phi_d])
                    + sum over pairs p, q of (dK^{l+1}_ab / dK^l_p) V^l_{p,q} (dK^{l+1}_cd / dK^l_q),

expectations with covariance K^l. The output is Gaussian given the last layer, hence with several outputs i, j, k, m

    kappa4 = (1/N) (d_ij d_km V_{12,34} + d_ik d_jm V_{13,24} + d_im d_jk V_{14,23}) + O(1/N^2),   V = V^{depth+1},

without corrections for depth 1 (`feyn_nn.exact.cumulants`). Yaida, arXiv:1910.00019; Roberts, Yaida, Hanin, *The Principles
of Deep Learning Theory*, chapter 4 (there with a rank-four vertex V and the same recursion). For Erf-, ReLU- and Gauss-net, in
closed form but for the four-neuron moments (`moments.moments_at`). Gauss-net's normalisers do not fluctuate: they are the
variances of the infinitely wide network.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.arrays import FloatArray, as_points, sorted_rank
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.errors import InputError, LimitError
from feyn_nn.exact.cumulants import leg_pairings
from feyn_nn.exact.moments import moments_at
from feyn_nn.kernels.closed_forms import gauss_second_moment
from feyn_nn.kernels.layered import hidden_neurons, layer_covariances
from feyn_nn.kernels.second_moments import second_moments
from feyn_nn.network import ERF, GAUSS, RELU, Activation, Architecture

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import IntArray
    from feyn_nn.kernels.covariances import Covariances
    from feyn_nn.kernels.neuron import Neuron

MAX_POINTS: Final = 10
"""715 sorted 4-tuples."""
_NO_EIGENVALUE: Final = 1e-14


@dataclass(frozen=True)
class _Response:
    """Derivatives of E[phi_x phi_y] with respect to the covariances K, each of shape (points, points).

    As a function of three separate variables (K_xx, K_yy, K_xy): `cross[x, y]` with respect to K_xy, `own[x, y]` to K_xx.
    """

    cross: FloatArray
    own: FloatArray


def _erf_response(K: Covariances) -> _Response:
    root = np.sqrt(1 + 2 * K.xx[:, None] + 2 * K.yy + 4 * K.determinant)
    return _Response(4 / pi / root, -4 / pi * K.xy / ((1 + 2 * K.xx[:, None]) * root))


def _relu_response(K: Covariances) -> _Response:
    root = np.sqrt(K.determinant)
    np.fill_diagonal(root, 0.0)
    opposite = pi - np.arctan2(root, K.xy)  # pi - theta
    # sin(theta) sqrt(K_xx K_yy) = root; where K_xx = 0 the neuron is dead at x and K_hat_xx does not fluctuate
    positive = np.where(K.xx > 0, K.xx, 1.0)
    return _Response(opposite / (2 * pi), root / positive[:, None] / (4 * pi))


def _gauss_response(K: Covariances) -> _Response:
    moment = gauss_second_moment(K)
    return _Response(moment, moment / 2)


_RESPONSES: Final[dict[Activation, Callable[[Covariances], _Response]]] = {
    ERF: _erf_response,
    GAUSS: _gauss_response,
    RELU: _relu_response,
}


@dataclass(frozen=True)
class DeepFourPoint:
    """The connected four-point function of a deep network at leading order in 1/N, over the sorted 4-tuples of `inputs`.

    `kernel` is the infinite-width kernel of the outputs, shape (points, points); `covariance` is N times the covariance of
    the entries of K_hat at leading order, shape (pairs, pairs) over the sorted pairs.
    """

    architecture: Architecture
    inputs: FloatArray
    kernel: FloatArray
    covariance: FloatArray

    @property
    def tuples(self) -> list[tuple[int, ...]]:
        """0-based indices into `inputs`, one tuple for every row."""
        return sorted_tuples(len(self.inputs), 4)

    @property
    def by_pairing(self) -> FloatArray:
        """N kappa4 for several outputs: the coefficients of the three products of deltas, shape (tuples, 3).

        In the order of `cumulants.leg_pairings(4)`: legs 12|34, 13|24, 14|23.
        """
        points = len(self.inputs)
        legs = np.array(self.tuples, dtype=np.intp)
        columns = []
        for pairing in leg_pairings(4):
            a, b = (sorted_rank(points, legs[:, pair]) for pair in pairing)
            columns.append(self.covariance[a, b])
        return np.stack(columns, axis=1)

    @property
    def leading(self) -> FloatArray:
        """N kappa4 of one output, shape (tuples,)."""
        total: FloatArray = self.by_pairing.sum(axis=1)
        return total

    def at(self, width: int) -> FloatArray:
        """Return kappa4 at width N to order 1/N, shape (tuples,); raise InputError for a width below 1."""
        if not width >= 1:
            raise InputError(f"width {width}: expected a positive integer")
        return self.leading / width


def layer_kernels(architecture: Architecture, inputs: FloatArray) -> tuple[FloatArray, ...]:
    """K^1 .. K^{depth+1} at the inputs, each of shape (points, points): the last is the infinite-width kernel of the output.

    Raises InputError for inputs of another shape, and as `kernels.LayeredKernel` for activations without a closed form.

    >>> relu = Architecture(RELU, sigma_b=0.0, depth=3)  # each layer halves K(x, x): a neuron is dead half the time
    >>> [round(float(K[0, 0]), 12) for K in layer_kernels(relu, np.ones((1, 1)))]
    [1.0, 0.5, 0.25, 0.125]
    """
    points = as_points(inputs, architecture.d_in)
    return tuple(layer.xy for layer in layer_covariances(architecture, points, points))


def deep_four_point(architecture: Architecture, inputs: FloatArray) -> DeepFourPoint:
    """Return kappa4 of a network of any depth, with hidden layers of width N, at leading order in 1/N.

    Raises InputError for inputs of another shape and activations other than erf, gauss and relu, LimitError for more than ten
    inputs and for moments beyond floating-point numbers.

    >>> relu = Architecture(RELU, sigma_b=0.0, depth=4)  # kappa4 / K^2 = 3 * 5 depth / N at one input without bias
    >>> deep = deep_four_point(relu, np.ones((1, 1)))
    >>> round(float(deep.leading[0] / deep.kernel[0, 0] ** 2), 10)
    60.0
    """
    activation = architecture.activation
    if activation not in _RESPONSES:
        raise InputError(
            f"activation {activation.name!r}: what a layer passes on of fluctuations is known for erf, gauss and relu; use one "
            "of them"
        )
    points = as_points(inputs, architecture.d_in)
    if len(points) > MAX_POINTS:
        raise LimitError(
            f"{len(points)} inputs: expected at most {MAX_POINTS} for a deep network's four-point function"
        )
    w = architecture.weight_variance
    layers = layer_covariances(architecture, points, points)
    pairs = np.array(sorted_tuples(len(points), 2), dtype=np.intp)
    covariance = np.zeros((len(pairs), len(pairs)))
    for neuron, K in zip(hidden_neurons(architecture), layers, strict=False):
        propagate = w * _pair_derivatives(_RESPONSES[activation](K), pairs)
        second = second_moments(neuron, K).value[pairs[:, 0], pairs[:, 1]]
        own = _four_moments(neuron, K, pairs) - np.outer(second, second)
        covariance = w**2 * own + propagate @ covariance @ propagate.T
    return DeepFourPoint(architecture, points, layers[-1].xy, covariance)


def _pair_derivatives(layer: _Response, pairs: IntArray) -> FloatArray:
    """The derivatives dE[phi_a phi_b] / dK_p over sorted pairs: shape (pairs, pairs)."""
    points = len(layer.cross)
    matrix = np.zeros((len(pairs), len(pairs)))
    diagonal = sorted_rank(points, np.stack([np.arange(points)] * 2, axis=1))
    for row, (a, b) in enumerate(pairs.tolist()):
        # where a = b all three variables are K_aa and their derivatives add up
        matrix[row, row] += layer.cross[a, b]
        matrix[row, diagonal[a]] += layer.own[a, b]
        matrix[row, diagonal[b]] += layer.own[b, a]
    return matrix


def _four_moments(neuron: Neuron, K: Covariances, pairs: IntArray) -> FloatArray:
    """E[phi_a phi_b phi_c phi_d] for all sorted pairs ab and cd: shape (pairs, pairs)."""
    moments = moments_at(neuron, _vectors(K), (4,))[4].values
    both = np.concatenate(np.broadcast_arrays(pairs[:, None, :], pairs[None, :, :]), axis=-1)
    return moments[sorted_rank(len(K.xx), np.sort(both, axis=-1))]


def _vectors(K: Covariances) -> FloatArray:
    """Vectors whose inner products are the covariances, shape (points, m): the points that they come from if there are any.

    From the correlations, so that points of very different variance keep their digits; eigenvalues that are rounding are
    left out, so that points that coincide have one vector.
    """
    if K.points is not None:
        return K.points[0]
    deviations = np.sqrt(K.xx)
    inverse = np.divide(1.0, deviations, out=np.zeros_like(deviations), where=deviations > 0)
    values, vectors = np.linalg.eigh(K.xy * np.outer(inverse, inverse))
    kept = values > _NO_EIGENVALUE * values[-1]
    result: FloatArray = deviations[:, None] * vectors[:, kept] * np.sqrt(values[kept])
    return result
