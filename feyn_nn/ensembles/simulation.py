"""Simulation of one chunk of networks with one hidden layer.

    f(x) = sum_k W1_k phi(W0_k . x + b0_k) + b1,   W0 ~ N(0, sigma_w^2/d_in), b0 ~ N(0, sigma_b^2),
    W1 ~ N(0, sigma_w^2/N), b1 ~ N(0, sigma_b^2), all independent (physics notes, notation),

with the pre-activation of Gauss-net shifted by its log-normaliser. A chunk has its own generator,
Philox(SeedSequence(seed, spawn_key=(experiment, chunk))), and is a pure function of the settings. Inside it,
networks are drawn in cache-sized blocks; a network wider than a block is summed over blocks of neurons.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.ensembles.settings import SimulationSettings, scaled_inputs
from feyn_nn.ensembles.statistics import TAIL_ORDERS, Sums
from feyn_nn.errors import InputError

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

_BLOCK_NUMBERS: Final = 2**17
_BLAS_ONE_THREAD: Final = 2**18
"""Multiplications up to which OpenBLAS keeps a product on the calling thread; see `statistics`."""
_WIDE: Final = 48
"""Width from which a matrix product per network beats a vector operation over networks."""


def simulate_chunk(settings: SimulationSettings, experiment: int, chunk: int) -> FloatArray:
    """Draw the networks of one chunk and return their statistics, a vector of `settings.layout`.

    Memory is bounded by a block, not by the chunk. Raises InputError for a chunk that is not in the plan.
    """
    if not 0 <= experiment < settings.experiments:
        raise InputError(f"experiment {experiment}: expected 0 to {settings.experiments - 1}")
    nets = settings.chunk_nets(chunk)
    sampler = _Sampler(settings, experiment, chunk)
    sums = Sums(settings.layout)
    block = settings.layout.block
    outputs = np.empty((len(settings.inputs), block))
    conditional = np.empty((settings.layout.pairs, block))
    with np.errstate(over="ignore", invalid="ignore"):  # refused where the sums of an experiment are complete
        for start in range(0, nets, block):
            size = min(block, nets - start)
            for first in range(0, size, sampler.nets):
                part = slice(first, min(first + sampler.nets, size))
                sampler.draw(outputs[:, part], conditional[:, part])
            sums.add(outputs[:, :size, None], conditional[:, :size])
        sums.add_neuron_tails(sampler.tail_sums, sampler.tail_maxima)
        return sums.vector()


class _Sampler:
    """Draws networks, at most `nets` at a time, into arrays of outputs and conditional kernels."""

    def __init__(self, settings: SimulationSettings, experiment: int, chunk: int) -> None:
        architecture = settings.architecture
        points = settings.points()
        self.rng = np.random.Generator(
            np.random.Philox(np.random.SeedSequence(settings.seed, spawn_key=(experiment, chunk)))
        )
        self.width = settings.width
        self.sigma_b = architecture.sigma_b
        self.sigma_1 = architecture.sigma_w / sqrt(settings.width)
        self.apply = architecture.activation.apply
        # Rows of W0, and of b0 unless it vanishes, times these columns give the pre-activations.
        columns = [scaled_inputs(architecture, points)]
        if self.sigma_b > 0:
            columns.append(np.full((len(points), 1), self.sigma_b))
        self.coefficients = np.hstack(columns)
        self.shift = architecture.log_normaliser(points)[:, None]
        self.shifted = bool(np.any(self.shift))
        count, draws = self.coefficients.shape
        neurons = min(_BLOCK_NUMBERS // (count + draws + 2), _BLAS_ONE_THREAD // (count * draws))
        neurons = max(64, neurons)
        self.neurons = max(1, min(neurons, self.width, _BLAS_ONE_THREAD // (count + 1) ** 2))
        self.nets = max(1, neurons // self.neurons)
        size = self.neurons * self.nets
        self.normals = np.empty(draws * size)
        self.hidden = np.empty((count + 1) * size)
        self.tail_sums = np.zeros((len(TAIL_ORDERS), 2))
        self.tail_maxima = np.zeros(len(TAIL_ORDERS))

    def draw(self, outputs: FloatArray, conditional: FloatArray) -> None:
        """Fill `outputs` (points, nets) and `conditional` (pairs, nets)."""
        outputs[:] = 0.0
        conditional[:] = 0.0
        for start in range(0, self.width, self.neurons):
            self._add_neurons(min(self.neurons, self.width - start), outputs, conditional)
        outputs *= self.sigma_1
        conditional *= self.sigma_1**2
        if self.sigma_b > 0:
            outputs += self.sigma_b * self.rng.standard_normal(outputs.shape[1])
            conditional += self.sigma_b**2

    def _add_neurons(self, neurons: int, outputs: FloatArray, conditional: FloatArray) -> None:
        count, nets = outputs.shape
        draws = self.coefficients.shape[1]
        size = neurons * nets
        normals = self.normals[: draws * size].reshape(draws, size)
        # The output weights stand below the hidden layer: one product gives f and K_hat.
        layer = self.hidden[: (count + 1) * size].reshape(count + 1, size)
        hidden, weights = layer[:count], layer[count]
        self.rng.standard_normal(out=normals)
        self.rng.standard_normal(out=weights)
        np.matmul(self.coefficients, normals, out=hidden)
        if self.shifted:
            hidden -= self.shift
        self.apply(hidden)
        self._add_tails(hidden)
        if self.width < _WIDE:
            _add_narrow(hidden.reshape(count, neurons, nets), weights.reshape(neurons, nets), outputs, conditional)
        else:
            _add_wide(layer.reshape(count + 1, nets, neurons), outputs, conditional)

    def _add_tails(self, hidden: FloatArray) -> None:
        """Add powers n/2 = 1, 2, 3 of q = sum_i phi(x_i)^2 over neurons; hidden has shape (points, neurons)."""
        q = np.einsum("pk,pk->k", hidden, hidden)
        power = np.ones_like(q)
        largest = q.max()
        for index, n in enumerate(TAIL_ORDERS):
            power *= q
            self.tail_sums[index] += power.sum(), np.einsum("k,k->", power, power)
            self.tail_maxima[index] = max(self.tail_maxima[index], largest ** (n // 2))


def _add_narrow(hidden: FloatArray, weights: FloatArray, outputs: FloatArray, conditional: FloatArray) -> None:
    """Add the sums over neurons of hidden (points, neurons, nets), networks being the fast axis."""
    pair = 0
    for i, left in enumerate(hidden):
        outputs[i] += np.einsum("kn,kn->n", left, weights)
        for right in hidden[i:]:
            conditional[pair] += np.einsum("kn,kn->n", left, right)
            pair += 1


def _add_wide(layer: FloatArray, outputs: FloatArray, conditional: FloatArray) -> None:
    """Add the sums over neurons of layer (points + 1, nets, neurons), a small matrix product per network."""
    by_network = layer.transpose(1, 0, 2)
    products = np.matmul(by_network, by_network.transpose(0, 2, 1))
    count = len(outputs)
    outputs += products[:, count, :count].T
    rows, columns = np.triu_indices(count)
    conditional += products[:, rows, columns].T
