"""The talk's settings that only its figures need; the networks, inputs and widths are in `feyn_nn.network`.

Inputs of the runs in d_in = 2 and 3 and the cutoffs are those of the authors' code (physics notes, section 6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.arrays import as_points
from feyn_nn.network import PRESETS

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

CUTOFFS: Final = (
    7.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 70.0, 100.0, 200.0, 500.0,
    1e3, 2e3, 5e3, 7e3, 1e4, 2e4, 4e4, 6e4, 8e4, 1e5,
)  # fmt: skip
"""Of the plots of lambda against Lambda."""
DIMENSIONS: Final = (1, 2, 3)
"""Numbers of input dimensions in those plots."""
RUNNING_WIDTHS: Final = {"gauss": (100, 1000), "erf": (5,), "relu": (20,)}
"""Widths in those plots; perturbation theory asks for a wider Gauss-net than the talk's."""
SHOWN_WIDTHS: Final = (2, 10, 100, 1000)
"""Of the talk's ten those whose numbers stand on the page."""
DISPLAY: Final = {"gauss": "Gauss-net", "erf": "Erf-net", "relu": "ReLU-net"}
"""The networks' names in words."""

_SQUARE: Final = ((-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0))
_TETRAHEDRON: Final = ((-1.0, -1.0, -1.0), (1.0, 1.0, -1.0), (-1.0, 1.0, 1.0), (1.0, -1.0, 1.0))
_GAUSS_SCALE: Final = 0.01
_SEVERAL_DIMENSIONS: Final = {
    ("relu", 2): ((0.5, 0.5), (0.5, 1.0), (1.0, 0.5), (1.0, 1.0)),
    ("relu", 3): ((0.2, 0.2, 0.2), (1.0, 1.0, 0.2), (0.2, 1.0, 1.0), (1.0, 0.2, 1.0)),
    ("erf", 2): _SQUARE,
    ("erf", 3): _TETRAHEDRON,
    ("gauss", 2): tuple(tuple(_GAUSS_SCALE * x for x in point) for point in _SQUARE),
    ("gauss", 3): tuple(tuple(_GAUSS_SCALE * x for x in point) for point in _TETRAHEDRON),
}


def points(network: str, d_in: int) -> FloatArray:
    """The talk's inputs of a network, shape (points, d_in), for 1, 2 or 3 dimensions."""
    if d_in == 1:
        return PRESETS[network].points()
    return as_points(np.array(_SEVERAL_DIMENSIONS[network, d_in]), d_in)
