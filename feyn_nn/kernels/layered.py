"""The kernel of a network of any depth and activation, by the recursion over its layers.

With w = sigma_w^2 and s = sigma_b^2 the pre-activations of the infinitely wide network have the covariances (`feyn_nn.network`)

    K^1(x, y) = s + w x.y / d_in,   K^{l+1}(x, y) = s + w E[phi(z_x) phi(z_y)] with covariance K^l,

and K^{depth+1} is the two-point function of its outputs: exact at every width for one hidden layer, up to terms of order 1/N
for more (Neal 1996; Lee et al., arXiv:1711.00165). E[phi phi] is in closed form for Erf-, ReLU- and Gauss-net, and by
quadrature for any other activation (`second_moments`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Final, final

import numpy as np

from feyn_nn.kernels.covariances import Covariances, first_layer
from feyn_nn.kernels.erf import ErfKernel
from feyn_nn.kernels.gauss import GaussKernel
from feyn_nn.kernels.geometry import augmented, squared_norms
from feyn_nn.kernels.neuron import Neuron
from feyn_nn.kernels.relu import ReluKernel
from feyn_nn.kernels.second_moments import second_moments, squares
from feyn_nn.network import GAUSS, RELU, Activation, Architecture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feyn_nn.arrays import FloatArray

_NEAR: Final = 1e-2
_ONE_LAYER: Final[dict[Activation, type[ErfKernel | GaussKernel | ReluKernel]]] = {GAUSS: GaussKernel, RELU: ReluKernel}


@final
@dataclass(frozen=True, slots=True)
class LayeredKernel:
    """Two-point function of the output of an infinitely wide network, the same for each of several outputs."""

    architecture: Architecture

    @property
    def name(self) -> str:
        """Such as `erf kernel of 3 hidden layers`."""
        depth = self.architecture.depth
        return f"{self.architecture.activation.name} kernel of {depth} hidden layer{'s' if depth > 1 else ''}"

    @property
    def d_in(self) -> int:
        """Number of coordinates of a point."""
        return self.architecture.d_in

    @property
    def bias_variance(self) -> float:
        """sigma_b^2."""
        return self.architecture.bias_variance

    @property
    def length_scale(self) -> float:
        """That of one hidden layer, divided by how far the layers after it draw near points apart.

        One hidden layer: for Gauss- and ReLU-net that of their kernels in closed form, for others that of Erf-net.
        """
        architecture = self.architecture
        one_layer = _ONE_LAYER.get(architecture.activation, ErfKernel)
        scale = one_layer(architecture.d_in, architecture.sigma_w, architecture.sigma_b).length_scale
        x = np.full((1, self.d_in), scale / sqrt(self.d_in))
        _, shallow, *deeper = layer_covariances(architecture, x, (1 + _NEAR) * x)
        if not deeper or shallow.distance[0, 0] == 0:
            return scale
        squared = [float((layer.distance / layer.xx)[0, 0]) for layer in (shallow, deeper[-1])]
        return scale / max(1.0, sqrt(squared[1] / squared[0]))

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """K between x of shape (p, d_in) and y of shape (q, d_in): shape (p, q).

        For activations without a closed form it raises as `second_moments.second_moments`.
        """
        return _last_layer(self.architecture, x, y).xy

    def diagonal(self, y: FloatArray) -> FloatArray:
        """K(y_i, y_i), shape (q,); raises as a call."""
        architecture = self.architecture
        variance = squared_norms(augmented(y, self.d_in, architecture.sigma_w, architecture.sigma_b))
        for neuron in hidden_neurons(architecture):
            square = squares(neuron, variance).value
            variance = architecture.bias_variance + architecture.weight_variance * square
        return variance

    def error(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Estimate of the absolute error of K(x, y), shape (p, q).

        The difference to a recursion with the second moments of all layers displaced by their errors, variances upwards and
        covariances downwards, so that it contains what layers pass on. Raises as a call.
        """
        displaced = _last_layer(self.architecture, x, y, displacement=1.0)
        return np.abs(displaced.xy - self(x, y))


def layer_covariances(architecture: Architecture, x: FloatArray, y: FloatArray) -> tuple[Covariances, ...]:
    """K^1 .. K^{depth+1} between x of shape (p, d_in) and y of shape (q, d_in); raises as a call of the kernel.

    >>> from feyn_nn.network import RELU
    >>> deep = Architecture(RELU, sigma_b=0.0, depth=3)  # each layer halves K(x, x): a neuron is dead half the time
    >>> [round(float(layer.xx[0]), 12) for layer in layer_covariances(deep, np.ones((1, 1)), np.ones((1, 1)))]
    [1.0, 0.5, 0.25, 0.125]
    """
    return tuple(_layers(architecture, x, y, 0.0))


def _last_layer(architecture: Architecture, x: FloatArray, y: FloatArray, displacement: float = 0.0) -> Covariances:
    (last,) = deque(_layers(architecture, x, y, displacement), maxlen=1)
    return last


def _layers(architecture: Architecture, x: FloatArray, y: FloatArray, displacement: float) -> Iterator[Covariances]:
    """Yield the covariances layer by layer, with second moments displaced by a multiple of their errors."""
    w, s = architecture.weight_variance, architecture.bias_variance
    layer = first_layer(x, y, architecture.d_in, architecture.sigma_w, architecture.sigma_b)
    same = np.nonzero(layer.distance == 0)
    yield layer
    for neuron in hidden_neurons(architecture):
        xx, yy = (
            square.value + displacement * square.error
            for square in (squares(neuron, layer.xx), squares(neuron, layer.yy))
        )
        cross = second_moments(neuron, layer)
        xy = s + w * (cross.value - displacement * cross.error)
        layer = Covariances(s + w * xx, s + w * yy, xy)
        xy[same] = layer.xx[same[0]]  # one point stays one point
        yield layer


def hidden_neurons(architecture: Architecture) -> Iterator[Neuron]:
    """Yield the neuron of every hidden layer, the first one first."""
    for layer in range(architecture.depth):
        if layer == 0 and architecture.activation.normalised:
            yield Neuron(architecture.activation, None)
        else:
            yield Neuron(architecture.activation, architecture.deep_log_normaliser)
