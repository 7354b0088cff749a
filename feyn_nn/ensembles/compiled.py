"""Networks and neurons drawn by the compiled kernels of `fast`: the law of `networks`, other random numbers.

The stream of a chunk is the counter-based generator's key, drawn from the chunk's seed sequence, and the number of the
network in the chunk its counter.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.ensembles.fast import FastProblem, Nonlinearity, Precision, draw_networks, draw_neurons
from feyn_nn.ensembles.networks import pre_activation
from feyn_nn.ensembles.settings import Engine
from feyn_nn.errors import InputError
from feyn_nn.network import ERF, GAUSS, RELU

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles.settings import SimulationSettings
    from feyn_nn.ensembles.statistics import Tails

_NONLINEARITIES: Final = {ERF: Nonlinearity.ERF, GAUSS: Nonlinearity.EXP, RELU: Nonlinearity.RELU}
_PRECISIONS: Final = {Engine.FAST32: Precision.FLOAT32, Engine.FAST64: Precision.FLOAT64}


class CompiledSampler:
    """Draws networks, or single neurons, of one chunk in order.

    Raises InputError for a deep network or an activation that is not compiled.
    """

    def __init__(self, settings: SimulationSettings, sequence: np.random.SeedSequence) -> None:
        architecture = settings.architecture
        nonlinearity = _NONLINEARITIES.get(architecture.activation)
        if nonlinearity is None or architecture.depth > 1:
            raise InputError(
                f"engine {settings.engine.value}: {architecture.activation.name!r} with depth {architecture.depth} is not "
                f"compiled; expected {', '.join(known.name for known in _NONLINEARITIES)} with one hidden layer, or engine "
                f"{Engine.NUMPY.value}"
            )
        coefficients, shift = pre_activation(settings)
        width = settings.width or 1
        self._problem = FastProblem(
            nonlinearity,
            coefficients,
            shift,
            architecture.sigma_w / sqrt(width),
            architecture.sigma_b,
            width,
            architecture.d_out,
            _PRECISIONS[settings.engine],
        )
        first, second = sequence.generate_state(2).tolist()
        self._key = (int(first), int(second))
        self._next = 0

    def draw_networks(self, outputs: FloatArray, conditional: FloatArray | None, neurons: Tails | None) -> None:
        """Fill `outputs` (points, nets, d_out), `conditional` K_hat (pairs, nets), and add the tails of the neurons."""
        tails = draw_networks(self._problem, self._key, self._next, outputs, conditional)
        self._next += outputs.shape[1]
        if neurons is not None and tails is not None:
            neurons.merge(tails.sums, tails.maxima)

    def draw_neurons(self, values: FloatArray) -> None:
        """Fill `values` (points, neurons) with phi(x_i)."""
        draw_neurons(self._problem, self._key, self._next, values)
        self._next += values.shape[1]
