"""Diagrams and other integrals as numbers: quadrature over the cutoff's cube, contraction for all tuples at once."""

from feyn_nn.numeric.contraction import Contraction, PointFunction
from feyn_nn.numeric.quadrature import MAX_POINTS, Face, Grid, Place, Region, check_cutoff, grid_for, with_error
from feyn_nn.numeric.shapes import Component, Shape, Vertex, connected_components

__all__ = [
    "MAX_POINTS",
    "Component",
    "Contraction",
    "Face",
    "Grid",
    "Place",
    "PointFunction",
    "Region",
    "Shape",
    "Vertex",
    "check_cutoff",
    "connected_components",
    "grid_for",
    "with_error",
]
