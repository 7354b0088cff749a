"""Networks and single neurons drawn with NumPy, in float64.

    z^1 = W^0 x + b^0,   z^{l+1} = W^l phi(z^l) + b^l,   f = z^{depth+1},   W^0 ~ N(0, sigma_w^2/d_in),
    W^l ~ N(0, sigma_w^2/N) for l > 0, b^l ~ N(0, sigma_b^2), all independent (physics notes, notation),

with the pre-activations of Gauss-net shifted by their log-normaliser. Work is done in arrays that stay in a cache; a
network wider than such an array is summed over blocks of neurons of its last hidden layer.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.ensembles.primitives import erf, normals, workspace
from feyn_nn.ensembles.settings import SimulationSettings, scaled_inputs
from feyn_nn.ensembles.statistics import Record
from feyn_nn.network import ERF

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles.statistics import Tails

_BLOCK_NUMBERS: Final = 2**19
_BLAS_ONE_THREAD: Final = 2**18
"""Multiplications up to which OpenBLAS keeps a product on the calling thread; see `products`."""
_WIDE: Final = 48
"""Width from which a matrix product per network beats a vector operation over networks."""


def pre_activation(settings: SimulationSettings) -> tuple[FloatArray, FloatArray]:
    """Coefficients (points, draws) and shift (points,) with z(x_i) = coefficients[i] . normals - shift[i] in the first layer.

    A row of normals for each coordinate, and one for the bias unless it vanishes or is tilted.
    """
    architecture, points = settings.architecture, settings.points()
    columns = [scaled_inputs(architecture, points)]
    if architecture.sigma_b > 0 and settings.record is not Record.TILTED:
        columns.append(np.full((len(points), 1), architecture.sigma_b))
    return np.hstack(columns), architecture.log_normaliser(points)


class NeuronSampler:
    """Draws neurons of the first hidden layer: phi(z(x_i))."""

    def __init__(self, settings: SimulationSettings, sequence: np.random.SeedSequence) -> None:
        self.rng = np.random.Generator(np.random.Philox(sequence))
        self.work = workspace()
        self._activation = settings.architecture.activation
        self._coefficients, shift = pre_activation(settings)
        self._shift = shift[:, None] if np.any(shift) else None
        count, draws = self._coefficients.shape
        self._product = max(1, _BLAS_ONE_THREAD // (count * draws))
        self.most = max(64, _BLOCK_NUMBERS // (count + draws + 2))
        """Neurons that one array holds."""
        self._normals = np.empty(draws * self.most)

    def draw_neurons(self, values: FloatArray) -> None:
        """Fill `values` (points, neurons) with phi(x_i)."""
        for start in range(0, values.shape[1], self.most):
            self.fill(values[:, start : start + self.most])

    def fill(self, values: FloatArray) -> None:
        """Fill `values` (points, neurons) with `most` neurons or fewer."""
        draws, size = self._coefficients.shape[1], values.shape[1]
        drawn = self._normals[: draws * size].reshape(draws, size)
        normals(self.rng, drawn, self.work)
        if draws == 1:
            np.multiply(self._coefficients, drawn, out=values)
        else:
            for start in range(0, size, self._product):
                part = slice(start, start + self._product)
                np.matmul(self._coefficients, drawn[:, part], out=values[:, part])
        if self._shift is not None:
            values -= self._shift
        self.activate(values)

    def activate(self, z: FloatArray) -> None:
        """Overwrite pre-activations with phi."""
        if self._activation == ERF and z.flags.c_contiguous:
            erf(z, self.work)
        else:
            self._activation.apply(z)


class NetworkSampler:
    """Draws networks: outputs and conditional kernels."""

    def __init__(self, settings: SimulationSettings, sequence: np.random.SeedSequence) -> None:
        architecture = settings.architecture
        if settings.width is None:
            raise AssertionError("settings of networks have a width")
        self._first = NeuronSampler(settings, sequence)
        self._rng = self._first.rng
        self._architecture = architecture
        self._width = settings.width
        self._sigma_b = architecture.sigma_b
        self._sigma_1 = architecture.sigma_w / sqrt(settings.width)
        count = len(settings.inputs)
        self._neurons = max(
            1, min(self._first.most, self._width, _BLAS_ONE_THREAD // (count + architecture.d_out) ** 2)
        )
        """Neurons of a network that are taken at once."""
        self._nets = max(1, self._first.most // self._neurons)
        if architecture.depth > 1:
            columns = min(_BLOCK_NUMBERS, _BLAS_ONE_THREAD // count) // self._width
            self._neurons = max(1, min(self._neurons, columns))
            self._nets = max(1, _BLOCK_NUMBERS // (self._width * max(self._neurons, 2 * count)))
        size = self._neurons * self._nets
        self._hidden = np.empty((count + architecture.d_out) * size)

    def draw_networks(self, outputs: FloatArray, conditional: FloatArray | None, neurons: Tails | None) -> None:
        """Fill `outputs` (points, nets, d_out) and `conditional` (pairs, nets), and add the tails of the neurons."""
        nets = outputs.shape[1]
        for start in range(0, nets, self._nets):
            part = slice(start, min(start + self._nets, nets))
            self._fill(outputs[:, part], None if conditional is None else conditional[:, part], neurons)

    def _fill(self, outputs: FloatArray, conditional: FloatArray | None, neurons: Tails | None) -> None:
        count, nets, d_out = outputs.shape
        below = self._layers_below(count, nets)
        outputs[:] = 0.0
        if conditional is not None:
            conditional[:] = 0.0
        narrow = self._width < _WIDE and below is None
        for start in range(0, self._width, self._neurons):
            size = min(self._neurons, self._width - start)
            # The output weights stand below the hidden layer: one product gives f and K_hat.
            layer = self._hidden[: (count + d_out) * size * nets].reshape(count + d_out, size * nets)
            hidden, weights = layer[:count], layer[count:]
            if below is None:
                self._first.fill(hidden)
            else:
                self._next_layer(below, hidden.reshape(count, nets, size))
            normals(self._rng, weights, self._first.work)
            if neurons is not None:
                neurons.add_neurons(hidden)
            if narrow:
                _add_narrow(hidden.reshape(count, size, nets), weights.reshape(d_out, size, nets), outputs, conditional)
            else:
                _add_wide(layer.reshape(count + d_out, nets, size), outputs, conditional)
        outputs *= self._sigma_1
        if conditional is not None:
            conditional *= self._sigma_1**2
            conditional += self._sigma_b**2
        if self._sigma_b > 0:
            outputs += self._sigma_b * self._rng.standard_normal(outputs.shape[1:])

    def _layers_below(self, count: int, nets: int) -> FloatArray | None:
        """Values phi of the last hidden layer but one, (nets, points, width); None for a single layer."""
        below: FloatArray | None = None
        for _ in range(self._architecture.depth - 1):
            layer = np.empty((count, nets, self._width))
            if below is None:
                self._first.draw_neurons(layer.reshape(count, nets * self._width))
            else:
                for start in range(0, self._width, self._neurons):
                    columns = layer[:, :, start : start + self._neurons]
                    self._next_layer(below, columns)
            below = np.ascontiguousarray(layer.transpose(1, 0, 2))
        return below

    def _next_layer(self, below: FloatArray, layer: FloatArray) -> None:
        """Fill `layer` (points, nets, neurons) with phi of neurons above the layer `below` (nets, points, width)."""
        nets, neurons = layer.shape[1:]
        weights = np.empty((nets, self._width, neurons))
        normals(self._rng, weights, self._first.work)
        z = np.matmul(below, weights)
        z *= self._sigma_1
        if self._sigma_b > 0:
            z += self._sigma_b * self._rng.standard_normal((nets, 1, neurons))
        if shift := self._architecture.deep_log_normaliser:
            z -= shift
        self._first.activate(z)
        layer[:] = z.transpose(1, 0, 2)


def _add_narrow(hidden: FloatArray, weights: FloatArray, outputs: FloatArray, conditional: FloatArray | None) -> None:
    """Add the sums over neurons of hidden (points, neurons, nets), networks being the fast axis."""
    pair = 0
    for i, left in enumerate(hidden):
        for output, column in enumerate(weights):
            outputs[i, :, output] += np.einsum("kn,kn->n", left, column)
        if conditional is not None:
            for right in hidden[i:]:
                conditional[pair] += np.einsum("kn,kn->n", left, right)
                pair += 1


def _add_wide(layer: FloatArray, outputs: FloatArray, conditional: FloatArray | None) -> None:
    """Add the sums over neurons of layer (points + d_out, nets, neurons), a small matrix product per network."""
    count = len(outputs)
    by_network = layer.transpose(1, 0, 2)
    hidden = by_network[:, :count]
    if conditional is None:
        outputs += np.matmul(hidden, by_network[:, count:].transpose(0, 2, 1)).transpose(1, 0, 2)
        return
    products = np.matmul(hidden, by_network.transpose(0, 2, 1))
    outputs += products[:, :, count:].transpose(1, 0, 2)
    rows, columns = np.triu_indices(count)
    conditional += products[:, rows, columns].T
