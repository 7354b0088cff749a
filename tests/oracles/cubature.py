"""Oracle: the integral of one diagram over a cube by SciPy's adaptive cubature, one tuple of inputs, all vertices at once.

The integrand is the product of the kernel over the diagram's lines, evaluated point by point from the formula that is given: no
grids that adapt to the kernel, no factors, no tensor networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import integrate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from feyn_nn.arrays import FloatArray
    from feyn_nn.graphs import Diagram


def integrand(
    diagram: Diagram, legs: Sequence[FloatArray], line: Callable[[FloatArray, FloatArray], FloatArray]
) -> Callable[[FloatArray], FloatArray]:
    """A function of all vertices' coordinates, shape (points, vertices * d), with `line` from pairs (p, d), (p, d) to (p,)."""
    number, d = diagram.legs, len(legs[0])

    def values(coordinates: FloatArray) -> FloatArray:
        vertices = coordinates.reshape(len(coordinates), -1, d)
        places = [np.broadcast_to(leg, (len(coordinates), d)) for leg in legs]
        places += [vertices[:, v] for v in range(vertices.shape[1])]
        result = np.ones(len(coordinates))
        for a, b in diagram.edges:
            result *= line(places[a], places[b])
        return result

    assert len(legs) == number
    return values


def diagram_cubature(
    diagram: Diagram,
    legs: Sequence[FloatArray],
    cutoff: float,
    line: Callable[[FloatArray, FloatArray], FloatArray],
    accuracy: float,
) -> tuple[float, float]:
    """The integral and SciPy's estimate of its error; raises AssertionError where the accuracy is not reached."""
    dimension = len(diagram.vertices) * len(legs[0])
    ends = np.full(dimension, cutoff)
    result = integrate.cubature(
        integrand(diagram, legs, line),
        -ends,
        ends,
        rule="gk21" if dimension < 3 else "genz-malik",
        rtol=accuracy,
        atol=0.0,
        max_subdivisions=20_000,
    )
    assert result.status == "converged"
    return float(result.estimate), float(result.error)
