"""Correlators and diagrams as numbers: quadrature over the cutoff's cube, contraction for all tuples at once."""

from feyn_nn.numeric.contraction import Contraction
from feyn_nn.numeric.quadrature import Grid, check_cutoff, grid_for, with_error

__all__ = ["Contraction", "Grid", "check_cutoff", "grid_for", "with_error"]
