"""Simulation of one chunk, a pure function of the settings: samples drawn in cache-sized blocks, reduced to sums.

A chunk has its own generator, Philox(SeedSequence(seed, spawn_key=(experiment, chunk))), whatever draws it: NumPy
(`networks`) or the compiled kernels of the `fast` extra (`compiled`).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from feyn_nn.arrays import FloatArray
from feyn_nn.ensembles.networks import NetworkSampler, NeuronSampler
from feyn_nn.ensembles.settings import Engine, SimulationSettings
from feyn_nn.ensembles.statistics import NEURON_ORDERS, Record, Source, Sums
from feyn_nn.errors import InputError

if TYPE_CHECKING:
    from feyn_nn.ensembles.statistics import Tails

_BLOCK: Final = {Record.OUTPUTS: 4096, Record.CONDITIONAL: 2048, Record.NEURONS: 4096, Record.TILTED: 4096}
"""Samples whose products are formed at once."""


@dataclass(frozen=True, slots=True, eq=False)
class ChunkResult:
    """The statistics of one chunk, a vector of `settings.layout`, and its outputs (networks, points, d_out) if asked for."""

    vector: FloatArray
    outputs: FloatArray | None = None


class Networks(Protocol):
    """Draws networks, one block after another."""

    def draw_networks(self, outputs: FloatArray, conditional: FloatArray | None, neurons: Tails | None) -> None:
        """Fill `outputs` (points, nets, d_out), `conditional` K_hat (pairs, nets), and add the tails of the neurons."""


class Neurons(Protocol):
    """Draws single neurons, one block after another."""

    def draw_neurons(self, values: FloatArray) -> None:
        """Fill `values` with phi(x_i), shape (points, neurons); for TILTED without the bias."""


def simulate_chunk(
    settings: SimulationSettings, experiment: int, chunk: int, *, keep_outputs: bool = False
) -> ChunkResult:
    """Draw the samples of one chunk and return their statistics, and with `keep_outputs` every output.

    Memory is bounded by a block, and by the outputs if they are kept. Raises InputError for a chunk that is not in the
    plan, for outputs of single neurons, which have none, and where the `fast` extra is needed and missing.
    """
    stream = settings.stream(experiment)
    samples = settings.chunk_samples(chunk)
    sums = Sums(settings.layout)
    sequence = np.random.SeedSequence(stream.seed, spawn_key=(stream.experiments, chunk))
    with np.errstate(all="ignore"):  # what is not finite is counted, and refused where an experiment is complete
        if settings.record.of_networks:
            kept = _add_networks(settings, sequence, samples, sums, keep_outputs=keep_outputs)
        elif keep_outputs:
            raise InputError(f"record {settings.record.value}: single neurons have no outputs to keep")
        else:
            kept = None
            _add_neurons(settings, sequence, samples, sums)
        return ChunkResult(sums.vector(), kept)


def _add_networks(
    settings: SimulationSettings, sequence: np.random.SeedSequence, nets: int, sums: Sums, *, keep_outputs: bool
) -> FloatArray | None:
    layout, d_out = settings.layout, settings.architecture.d_out
    block = min(_BLOCK[settings.record], nets)
    outputs = np.empty((layout.points, block, d_out))
    conditional = np.empty((layout.pairs, block)) if settings.record is Record.CONDITIONAL else None
    neurons = sums.tails.get(Source.NEURONS)
    kept = np.empty((nets, layout.points, d_out)) if keep_outputs else None
    sampler = network_sampler(settings, sequence)
    for start in range(0, nets, block):
        size = min(block, nets - start)
        some, kernels = outputs[:, :size], None if conditional is None else conditional[:, :size]
        sampler.draw_networks(some, kernels, neurons)
        sums.add_networks(some, kernels)
        if kept is not None:
            kept[start : start + size] = some.transpose(1, 0, 2)
    return kept


def _add_neurons(settings: SimulationSettings, sequence: np.random.SeedSequence, neurons: int, sums: Sums) -> None:
    block = min(_BLOCK[settings.record], neurons)
    values = np.empty((settings.layout.points, block))
    sampler = neuron_sampler(settings, sequence)
    half = settings.architecture.bias_variance / 2
    for start in range(0, neurons, block):
        some = values[:, : min(block, neurons - start)]
        sampler.draw_neurons(some)
        if settings.record is Record.TILTED:
            sums.add_tilted({n: np.exp(n * half) * some for n in NEURON_ORDERS})
        else:
            sums.add_neurons(some)


def network_sampler(settings: SimulationSettings, sequence: np.random.SeedSequence) -> Networks:
    """What draws the networks of a chunk; raises InputError where the `fast` extra is needed and missing."""
    if settings.engine is Engine.NUMPY:
        return NetworkSampler(settings, sequence)
    sampler: Networks = _compiled(settings, sequence)
    return sampler


def neuron_sampler(settings: SimulationSettings, sequence: np.random.SeedSequence) -> Neurons:
    """What draws the neurons of a chunk; raises as `network_sampler`."""
    if settings.engine is Engine.NUMPY:
        return NeuronSampler(settings, sequence)
    sampler: Neurons = _compiled(settings, sequence)
    return sampler


def _compiled(settings: SimulationSettings, sequence: np.random.SeedSequence) -> Any:
    try:
        return import_module("feyn_nn.ensembles.compiled").CompiledSampler(settings, sequence)  # loads numba
    except ImportError as problem:
        raise InputError(
            f"engine {settings.engine.value}: needs numba ({problem}); install it with pip install 'feyn-nn[fast]', or use "
            f"engine {Engine.NUMPY.value}"
        ) from None
