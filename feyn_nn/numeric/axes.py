"""Rules for one coordinate on [-Lambda, Lambda].

Panels of Gauss-Legendre: edges at the inputs' coordinates and at zero, widths of at most the kernel's length scale between
them, growing geometrically outside, so that cutoffs of 1e5 cost a few dozen panels. Kinks at the inputs lie on edges.

For analytic kernels y = width sinh(t), with Gauss-Legendre in t: singularities at a distance of `width`, or along a
cone, stay at a fixed distance from the real t axis, and the rule converges exponentially without any panels.
"""

from __future__ import annotations

from itertools import pairwise
from math import asinh, ceil, log
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.errors import LimitError
from feyn_nn.numeric.grids import MAX_POINTS, Axis
from feyn_nn.numeric.segments import Segments

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.numeric.forms import AnalyticForm

_SAME_EDGE: Final = 1e-9
_DIGITS: Final = 11.0
"""Digits that the sinh rule is laid out for, by the distance of the singularities alone."""
_SHARE: Final = {1: 0.8, 2: 0.65, 3: 0.55}
"""Fewer nodes do, as integrands of several coordinates are less singular: found by trial."""
_RESOLVED: Final = 40.0
"""Length scales over which a Gaussian in x - y between two vertices is resolved everywhere."""
_GAUSSIAN_WIDTH: Final = 2.0
_GAUSSIAN_GROWTH: Final = 1.5


def analytic_axis(form: AnalyticForm, cutoff: float, nodes: int) -> Axis:
    """The sinh rule with so many nodes."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    reach = asinh(cutoff / form.width)
    return Axis(form.width * np.sinh(reach * places), reach * form.width * np.cosh(reach * places) * weights)


def analytic_nodes(form: AnalyticForm, cutoff: float, dimension: int) -> int:
    """How many nodes of the sinh rule are enough for legs at inputs of about the size of `width`."""
    reach = asinh(cutoff / form.width)
    return ceil(_SHARE[dimension] * _DIGITS * log(10) / 2 / asinh(form.angle / reach)) + 2


def panel_axis(edges: FloatArray, order: int) -> Axis:
    """`order` Gauss-Legendre nodes on every panel between edges."""
    segments = Segments(edges[:-1, None], edges[1:, None], order)
    return Axis(segments.nodes().ravel(), segments.weights(), segments)


def halved(edges: FloatArray, times: int) -> FloatArray:
    """The edges with every panel halved so many times."""
    for _ in range(times):
        edges = np.sort(np.concatenate([edges, (edges[1:] + edges[:-1]) / 2]))
    return edges


def panel_edges(coordinates: FloatArray, cutoff: float, scale: float, growth: float) -> FloatArray:
    """Edges at the coordinates and at zero, `scale` or less apart between them, growing outside.

    Raises LimitError where the coordinates are too many length scales apart.
    """
    fixed = np.unique(np.concatenate([coordinates, [0.0]]))
    keep = np.concatenate([[True], np.diff(fixed) > _SAME_EDGE * scale])
    fixed = fixed[keep]
    edges = [float(fixed[0])]
    for left, right in pairwise(fixed.tolist()):
        number = _panels_between(left, right, scale)
        edges += np.linspace(left, right, number + 1)[1:].tolist()
    return _extended(edges, cutoff, scale, growth)


def gaussian_edges(coordinates: FloatArray, cutoff: float, scale: float) -> FloatArray:
    """Edges for Gaussians in differences of coordinates: of equal width up to 40 length scales beyond the inputs.

    Raises LimitError where the coordinates are too many length scales apart.
    """
    low, high = (
        float(np.clip(end, -cutoff, cutoff))
        for end in (np.min(coordinates) - _RESOLVED * scale, np.max(coordinates) + _RESOLVED * scale)
    )
    number = _panels_between(low, high, _GAUSSIAN_WIDTH * scale)
    return _extended(np.linspace(low, high, number + 1).tolist(), cutoff, _GAUSSIAN_WIDTH * scale, _GAUSSIAN_GROWTH)


def _panels_between(left: float, right: float, width: float) -> int:
    number = max(1, ceil((right - left) / width))
    if number > MAX_POINTS:
        raise LimitError(
            f"inputs {left:g} and {right:g} are {number:.3g} length scales of the kernel apart: too many panels; "
            "bring the inputs closer"
        )
    return number


def _extended(edges: list[float], cutoff: float, scale: float, growth: float) -> FloatArray:
    """The edges continued to the cutoff on both sides, widths growing."""
    first, last = edges[0], edges[-1]
    for side in (-1.0, 1.0):
        position, width = first if side < 0 else last, scale
        while side * position < cutoff * (1 - _SAME_EDGE):
            rest = cutoff - side * position
            # A last panel that would leave a sliver takes it along.
            position = side * cutoff if rest < 1.5 * width else position + side * width
            edges.append(position)
            width *= growth
    inner = [edge for edge in edges if abs(edge) < cutoff * (1 - _SAME_EDGE)]
    return np.unique(np.array([-cutoff, *inner, cutoff]))
