"""Diagrams: canonical values, their generation by Wick contraction, pruning, and the proof of completeness."""

from feyn_nn.graphs.diagram import Diagram, diagrams_of, representative, smallest_edges
from feyn_nn.graphs.generation import estimate_topologies, refuse_explosion, topologies
from feyn_nn.graphs.pruning import Rule, has_propagator_correction, has_vacuum_part
from feyn_nn.graphs.species import check_even, species_tensor, verify_species
from feyn_nn.graphs.topology import Topology
from feyn_nn.graphs.zero_dimensional import ZeroDimensionalTheory

__all__ = [
    "Diagram",
    "Rule",
    "Topology",
    "ZeroDimensionalTheory",
    "check_even",
    "diagrams_of",
    "estimate_topologies",
    "has_propagator_correction",
    "has_vacuum_part",
    "refuse_explosion",
    "representative",
    "smallest_edges",
    "species_tensor",
    "topologies",
    "verify_species",
]
