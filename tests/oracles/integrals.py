"""Oracle: the integral of one diagram for one tuple of inputs, by explicit loops over the nodes of a grid.

Slow and obvious: every vertex runs over every node, the integrand is the product over the lines of `diagram.graph`
of the kernel between the points at their ends. No halves, blocks or tensor networks, and nothing is remembered.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from feyn_nn.arrays import FloatArray
    from feyn_nn.graphs import Diagram


def diagram_integral(
    diagram: Diagram,
    points: Sequence[FloatArray],
    nodes: FloatArray,
    weights: FloatArray,
    line: Callable[[FloatArray, FloatArray], float],
    free: Callable[[FloatArray, FloatArray], float],
) -> float:
    """Integral of prod K with leg i at points[i]; `free` joins two legs, `line` everything that touches a vertex."""
    graph = diagram.graph
    legs = [node for node, data in graph.nodes(data=True) if data["kind"] == "leg"]
    vertices = [node for node, data in graph.nodes(data=True) if data["kind"] == "vertex"]
    place = dict(zip(legs, points, strict=True))
    total = 0.0
    for chosen in product(range(len(weights)), repeat=len(vertices)):
        at = place | {vertex: nodes[index] for vertex, index in zip(vertices, chosen, strict=True)}
        value = float(np.prod([weights[index] for index in chosen]))
        for a, b in graph.edges():  # a parallel line appears as often as it is there
            both_legs = a in place and b in place
            value *= (free if both_legs else line)(at[a], at[b])
        total += value
    return total
