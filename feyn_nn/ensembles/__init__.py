"""Ensembles of networks: simulated or imported, reduced to sufficient statistics, stored, resumed, loaded.

Nothing in this room knows a kernel K, a moment or a diagram: simulation and theory meet only in `measure`.
"""

from feyn_nn.ensembles.cluster import DaskExecutor, local_cluster, remote_cluster
from feyn_nn.ensembles.ensemble import Ensemble, Tail
from feyn_nn.ensembles.executors import ExecutorFactory, Workers, processes, threads
from feyn_nn.ensembles.imported import from_outputs, read_outputs
from feyn_nn.ensembles.manifest import Part
from feyn_nn.ensembles.merging import Merged, merge
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
from feyn_nn.ensembles.storage import load, load_settings, resume, run, run_part, stored_outputs, verify

__all__ = [
    "CONDITIONAL_ORDERS",
    "NEURON_ORDERS",
    "OUTPUT_ORDERS",
    "TAIL_ORDERS",
    "Chunk",
    "ChunkResult",
    "DaskExecutor",
    "Engine",
    "Ensemble",
    "ExecutorFactory",
    "Layout",
    "Merged",
    "Part",
    "Record",
    "Run",
    "SimulationSettings",
    "Source",
    "Tail",
    "Workers",
    "from_outputs",
    "load",
    "load_settings",
    "local_cluster",
    "merge",
    "processes",
    "read_outputs",
    "remote_cluster",
    "resume",
    "run",
    "run_part",
    "simulate_chunk",
    "stored_outputs",
    "threads",
    "verify",
]
