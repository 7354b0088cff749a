"""Diagrams and other integrals as numbers: quadrature over the cutoff's cube, contraction for all tuples at once."""

from feyn_nn.numeric.contraction import Contraction, PointFunction
from feyn_nn.numeric.grids import MAX_POINTS, Face, Grid, Place, PointGrid, Region
from feyn_nn.numeric.integrals import DiagramIntegrals
from feyn_nn.numeric.quadrature import check_cutoff, grid_for, with_error
from feyn_nn.numeric.results import CorrelatorIntegrals, TermIntegrals, integrate_correlator
from feyn_nn.numeric.shapes import Component, Shape, Vertex, connected_components
from feyn_nn.numeric.values import Values

__all__ = [
    "MAX_POINTS",
    "Component",
    "Contraction",
    "CorrelatorIntegrals",
    "DiagramIntegrals",
    "Face",
    "Grid",
    "Place",
    "PointFunction",
    "PointGrid",
    "Region",
    "Shape",
    "TermIntegrals",
    "Values",
    "Vertex",
    "check_cutoff",
    "connected_components",
    "grid_for",
    "integrate_correlator",
    "with_error",
]
