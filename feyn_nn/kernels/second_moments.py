"""E[phi(z_x) phi(z_y)] of one neuron for any activation, with a bound on its error: the step of the recursion over layers.

In closed form where there is one (`closed_forms`). For all other activations from their values alone: the series in the
correlation (`hermite`) for all pairs at once, and quadrature over the plane (`plane`) for the pairs for which the series is not
done, which are those of a rough phi with a correlation near +-1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.kernels.closed_forms import SECOND_MOMENTS, SQUARES
from feyn_nn.kernels.hermite import HermiteColumns, hermite_pairs, hermite_series
from feyn_nn.kernels.neuron import Bounded
from feyn_nn.kernels.plane import GOAL, plane_moments, plane_work

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels.covariances import Covariances
    from feyn_nn.kernels.neuron import Neuron

_CLOSED_FORM: Final = 1e-15
_BLOCK: Final = 1 << 16
_ROWS: Final = 1 << 12
_TERMS: Final = 512
_MANY_TERMS: Final = 2048
_LONG_SERIES: Final = 2e7
"""Values of phi that quadrature over the plane would take, above which a series of many terms is tried first."""


def second_moments(neuron: Neuron, covariances: Covariances) -> Bounded:
    """E[phi(z_x) phi(z_y)], shape (p, q).

    Raises InputError where phi is not a finite number, LimitError where it is too rough or grows too fast, and where the pairs
    with a correlation near +-1 are so many that it would take minutes.
    """
    closed = SECOND_MOMENTS.get(neuron.activation)
    if closed is not None:
        value = closed(covariances)
        sizes = np.outer(*(np.sqrt(squares(neuron, v).value) for v in (covariances.xx, covariances.yy)))
        return Bounded(value, _CLOSED_FORM * sizes)
    x, y, angle = covariances.xx, covariances.yy, covariances.angle
    found, size = Bounded(np.empty(angle.shape), np.empty(angle.shape)), np.empty(angle.shape)
    columns = HermiteColumns(neuron, _TERMS)
    step = max(1, min(_BLOCK // max(1, len(y)), _ROWS))
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        (found.value[rows], found.error[rows]), size[rows] = hermite_series(columns, x[rows], y, np.cos(angle[rows]))
    slow = np.nonzero(found.error > GOAL * size)
    if len(slow[0]):
        found.value[slow], found.error[slow] = _single_pairs(neuron, x[slow[0]], y[slow[1]], angle[slow], size[slow])
    return found


def _single_pairs(neuron: Neuron, x: FloatArray, y: FloatArray, angle: FloatArray, size: FloatArray) -> Bounded:
    """The same for pairs of variances and their angles, of shape (pairs,), by a longer series and quadrature."""
    found = Bounded(np.zeros(len(x)), np.full(len(x), np.inf))
    if plane_work(neuron, x, y, angle) > _LONG_SERIES:
        columns = HermiteColumns(neuron, _MANY_TERMS)
        for start in range(0, len(x), _ROWS):
            rows = slice(start, start + _ROWS)
            series = hermite_pairs(columns, x[rows], y[rows], np.cos(angle[rows]), GOAL)
            found.value[rows], found.error[rows] = series
    left = found.error > GOAL * size
    if np.any(left):
        found.value[left], found.error[left] = plane_moments(neuron, x[left], y[left], angle[left], size[left])
    return found


def squares(neuron: Neuron, variance: FloatArray) -> Bounded:
    """E[phi(z)^2], shape (n,) of the variances; raises as `second_moments`."""
    closed = SQUARES.get(neuron.activation)
    if closed is None:
        return neuron.moments(variance, (2,))[0]
    value = closed(variance)
    return Bounded(value, _CLOSED_FORM * value)
