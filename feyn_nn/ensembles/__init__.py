"""Ensembles of networks: simulated or imported, reduced to sufficient statistics, stored, resumed, loaded.

Nothing in this room knows a kernel K, a moment or a diagram: simulation and theory meet only in `measure`.
"""

from feyn_nn.ensembles.ensemble import Ensemble, Tail
from feyn_nn.ensembles.imported import from_outputs, read_outputs
from feyn_nn.ensembles.settings import Chunk, Engine, Run, SimulationSettings
from feyn_nn.ensembles.simulation import ChunkResult, simulate_chunk
from feyn_nn.ensembles.statistics import (
    CONDITIONAL_ORDERS,
    NEURON_ORDERS,
    OUTPUT_ORDERS,
    TAIL_ORDERS,
    Layout,
    Record,
    Source,
)
from feyn_nn.ensembles.storage import load, load_settings, run

__all__ = [
    "CONDITIONAL_ORDERS",
    "NEURON_ORDERS",
    "OUTPUT_ORDERS",
    "TAIL_ORDERS",
    "Chunk",
    "ChunkResult",
    "Engine",
    "Ensemble",
    "Layout",
    "Record",
    "Run",
    "SimulationSettings",
    "Source",
    "Tail",
    "from_outputs",
    "load",
    "load_settings",
    "read_outputs",
    "run",
    "simulate_chunk",
]
