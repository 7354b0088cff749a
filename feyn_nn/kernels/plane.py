"""E[phi(z_x) phi(z_y)] of a neuron for single pairs, by quadrature over the plane: for kinks and steps, up to correlation +-1.

With the angle psi between two pre-activations of standard deviations a and b (z_y mirrored for psi > pi/2, so that C > S >= 0),

    z_x = a (C t + S h) - c_x,   z_y = b (C t - S h) - c_y,   C = cos(psi/2),   S = sin(psi/2),

t and h independent standard Gaussians. For fixed h the places where phi has a kink are points on the line of t: the inner integral
is cut there. As a function of h it is smooth but where a kink in z_x meets one in z_y: the outer integral is cut there.

First with few nodes: between the outer cuts Gauss rules for pieces of a Gaussian, and of the inner edges where phi is smooth those
of the larger deviation alone, for the others are near them where psi is small. Pairs for which last coefficients do not
say that this is enough are done again with all edges, and outer panels that are halved until they are resolved.
"""

from __future__ import annotations

from math import ceil, pi, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.errors import LimitError
from feyn_nn.kernels.half_lines import REACH, half_line_rules
from feyn_nn.kernels.legendre import legendre_rule
from feyn_nn.kernels.neuron import Bounded, in_deviations

if TYPE_CHECKING:
    from feyn_nn.arrays import BoolArray, FloatArray, IntArray
    from feyn_nn.kernels.legendre import LegendreRule
    from feyn_nn.kernels.neuron import Neuron

GOAL: Final = 1e-11
"""Error of a piece of the outer integral, relative to sqrt(E[phi(z_x)^2] E[phi(z_y)^2])."""
_INNER: Final = legendre_rule(20)
_MIDDLE: Final = legendre_rule(20)
_OUTER: Final = legendre_rule(24)
_PANEL: Final = 8.5
"""Standard deviations: a Gaussian's half on 20 nodes leaves 1e-14."""
_LEFT: Final = 1e-11
_ROUNDING: Final = 2e-12
"""What the ends of the window and rounding leave, relative to the same."""
_HALVINGS: Final = 40
_MOST_KINKS: Final = 4
"""With more, the places where two of them meet are left to the halving of panels."""
_MOST_WORK: Final = 2e9
_PAIRS: Final = 1 << 10
_BLOCK: Final = 1 << 15


def plane_work(neuron: Neuron, x: FloatArray, y: FloatArray, angle: FloatArray) -> float:
    """About how many values of phi the integrals for pairs of variances and their angles, of shape (pairs,), take at least."""
    variance = np.concatenate([x, y])
    panels = neuron.panels(variance, neuron.window(variance, left=_LEFT))
    outer = np.where(_parallel(angle), 1, len(_OUTER.nodes))
    return float(np.sum(outer)) * 2 * len(panels.edges) * len(_INNER.nodes)


def plane_moments(neuron: Neuron, x: FloatArray, y: FloatArray, angle: FloatArray, size: FloatArray) -> Bounded:
    """E[phi(z_x) phi(z_y)] for pairs with variances x and y and an angle psi from 0 to pi, all of shape (pairs,).

    `size` is sqrt(E[phi(z_x)^2] E[phi(z_y)^2]). Raises as `Neuron.window`, and LimitError if it would take minutes.
    """
    work = plane_work(neuron, x, y, angle)
    if work > _MOST_WORK:
        raise LimitError(
            f"activation {neuron.activation.name!r}: {len(x)} pairs of points with nearly parallel pre-activations would take "
            f"about {work:.1e} values of it, more than {_MOST_WORK:.0e}; use fewer points or a coarser grid, or give the "
            "kernel as an expression"
        )
    window = neuron.window(np.concatenate([x, y]), left=_LEFT)
    value, error = np.empty((2, len(x)))
    for start in range(0, len(x), _PAIRS):
        rows = np.arange(start, min(start + _PAIRS, len(x)))
        for few in (True, False):
            if few and window > REACH:
                continue
            pairs = _Pairs(neuron, window, x[rows], y[rows], angle[rows], few=few)
            found = pairs.by_gauss_rules() if few else pairs.by_halving(GOAL * size[rows])
            value[rows], error[rows] = found.value, found.error + _ROUNDING * size[rows]
            rows = rows[found.error > GOAL * size[rows]]
            if not len(rows):
                break
    return Bounded(value, error)


def _parallel(angle: FloatArray) -> BoolArray:
    """Pairs of exactly parallel or opposite pre-activations."""
    result: BoolArray = (angle == 0) | (angle == pi)
    return result


class _Pairs:
    """Some pairs; `_lines` are the inner edges, as C t + S h in z_x and C t - S h in z_y, infinite where there is none."""

    def __init__(
        self, neuron: Neuron, window: float, x: FloatArray, y: FloatArray, angle: FloatArray, *, few: bool
    ) -> None:
        self._neuron = neuron
        self._window = window
        mirrored = angle > pi / 2
        self._parallel = _parallel(angle)
        half = np.where(mirrored, pi - angle, angle)[:, None] / 2
        self._cosine, self._sine = np.cos(half), np.sin(half)
        self._sign = np.where(mirrored, -1.0, 1.0)[:, None]
        self._mean = neuron.mean(x)[:, None], neuron.mean(y)[:, None]
        self._deviation = np.sqrt(x)[:, None], self._sign * np.sqrt(y)[:, None]
        panels = neuron.panels(np.concatenate([x, y]), window)
        kinks = panels.breaks
        smooth = np.setdiff1d(panels.edges[1:-1], kinks)
        groups = [self._lines_of(kinks, 0), self._lines_of(kinks, 1)]
        slopes = [-np.ones((len(x), len(kinks))), np.ones((len(x), len(kinks)))]
        first, second = self._lines_of(smooth, 0), self._lines_of(smooth, 1)
        if few:
            larger = (x >= y)[:, None]
            groups.append(np.where(larger, first, second))
            slopes.append(np.where(larger, -1.0, 1.0) * np.ones((1, len(smooth))))
        else:
            groups += [first, second]
            slopes += [-np.ones((len(x), len(smooth))), np.ones((len(x), len(smooth)))]
        lines, slope = np.hstack(groups), np.hstack(slopes)
        seen = np.any(np.abs(lines) < sqrt(2) * window, axis=0)
        self._lines, self._slopes = lines[:, seen], slope[:, seen]
        self._kinks = kinks if len(kinks) <= _MOST_KINKS else kinks[:0]
        self._even = np.linspace(-window, window, 2 * ceil(window / _PANEL) + 1)

    def _lines_of(self, z: FloatArray, place: int) -> FloatArray:
        """Places z of one of the pre-activations, shape (pairs, places)."""
        sign = self._sign if place else 1.0
        return sign * in_deviations(z, self._mean[place], np.abs(self._deviation[place]))

    def _meetings(self) -> FloatArray:
        """Where a kink in z_x meets one in z_y, as h, ascending and within the window, shape (pairs, meetings)."""
        first, second = self._lines_of(self._kinks, 0), self._lines_of(self._kinks, 1)
        apart = (first[:, :, None] - second[:, None, :]).reshape(len(first), -1)
        meetings = np.divide(apart, 2 * self._sine, out=np.full_like(apart, np.inf), where=self._sine > 0)
        return np.sort(np.clip(meetings, -self._window, self._window), axis=1)

    def by_gauss_rules(self) -> Bounded:
        """The integral over h and t with a few nodes between the meetings, shape (pairs,)."""
        value, error = self._on_lines()
        meetings = self._meetings()
        inside = (np.abs(meetings) < self._window) & ~self._parallel[:, None]
        lowest = np.min(meetings, axis=1, where=inside, initial=REACH)
        highest = np.max(meetings, axis=1, where=inside, initial=-REACH)
        highest[~np.any(inside, axis=1)] = REACH
        slanted = np.flatnonzero(~self._parallel)
        beyond = slanted[highest[slanted] < REACH]
        for pair, sign, cuts in ((slanted, -1.0, -lowest), (beyond, 1.0, highest)):
            rules = half_line_rules(cuts[pair])
            values, bounds = self._inner(pair, sign * rules.nodes)
            value[pair] += np.sum(rules.weights * values, axis=1)
            error[pair] += np.sum(rules.weights * bounds, axis=1) + rules.error(values)
        between = inside[:, :-1] & inside[:, 1:] & (np.diff(meetings, axis=1) > 0)
        pair, panel = np.nonzero(between)
        sums = self._panels(pair, meetings[pair, panel], meetings[pair, panel + 1], _MIDDLE)
        np.add.at(value, pair, sums[0])
        np.add.at(error, pair, sums[1] + sums[2])
        return Bounded(value, error)

    def by_halving(self, goal: FloatArray) -> Bounded:
        """The integral over h and t with panels that are halved until the error of each is below a goal, shape (pairs,)."""
        value, error = self._on_lines()
        even = np.broadcast_to(self._even, (len(value), len(self._even)))
        cuts = np.sort(np.hstack([self._meetings(), even]), axis=1)
        pair, panel = np.nonzero((np.diff(cuts, axis=1) > 0) & ~self._parallel[:, None])
        left, right = cuts[pair, panel], cuts[pair, panel + 1]
        for halving in range(_HALVINGS + 1):
            sums, bounds, inner = self._panels(pair, left, right, _OUTER)
            done = (bounds <= goal[pair]) | (halving == _HALVINGS)
            np.add.at(value, pair[done], sums[done])
            np.add.at(error, pair[done], bounds[done] + inner[done])
            pair, left, right = pair[~done], left[~done], right[~done]
            if not len(pair):
                break
            middle = (left + right) / 2
            pair, left, right = np.tile(pair, 2), np.concatenate([left, middle]), np.concatenate([middle, right])
        return Bounded(value, error)

    def _on_lines(self) -> tuple[FloatArray, FloatArray]:
        """Values and errors of the parallel pairs, where there is no h, and zeros for all others."""
        value, error = np.zeros((2, len(self._parallel)))
        pair = np.flatnonzero(self._parallel)
        found = self._inner(pair, np.zeros((len(pair), 1)))
        value[pair], error[pair] = found.value[:, 0], found.error[:, 0]
        return value, error

    def _panels(
        self, pair: IntArray, left: FloatArray, right: FloatArray, rule: LegendreRule
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The integral over panels of h, its error, and what inner errors add to that, each of shape (panels,)."""
        length = right - left
        h = left[:, None] + length[:, None] * rule.nodes
        density = np.exp(h**2 / -2) / sqrt(2 * pi)
        inner = self._inner(pair, h)
        values = inner.value * density
        return (
            length * (values @ rule.weights),
            length * rule.error(values),
            length * ((inner.error * density) @ rule.weights),
        )

    def _inner(self, pair: IntArray, h: FloatArray) -> Bounded:
        """The integral over t for rows of pairs, at each of several h, shape (rows, nodes)."""
        value, error = np.empty((2, h.size))
        shape, pair, h = h.shape, np.repeat(pair, h.shape[1]), h.reshape(-1, 1)
        panels = self._slopes.shape[1] + len(self._even) - 1
        step = max(1, _BLOCK // (len(_INNER.nodes) * panels))
        for start in range(0, len(pair), step):
            part = slice(start, start + step)
            rows = pair[part]
            shift = self._sine[rows] * h[part]
            cuts = (self._lines[rows] + self._slopes[rows] * shift) / self._cosine[rows]
            cuts = np.hstack([cuts, np.broadcast_to(self._even, (len(rows), len(self._even)))])
            cuts = np.sort(np.clip(cuts, -self._window, self._window), axis=1)
            length = np.diff(cuts, axis=1)
            t = cuts[:, :-1, None] + length[:, :, None] * _INNER.nodes
            density = np.exp(t**2 / -2) / sqrt(2 * pi)
            t *= self._cosine[rows, :, None]
            shift = shift[:, :, None]
            product = np.ones_like(t)
            for mean, deviation, displaced in zip(self._mean, self._deviation, (t + shift, t - shift), strict=True):
                product *= self._neuron.values(mean[rows, :, None] + deviation[rows, :, None] * displaced)
            error[part] = np.einsum("rp,rp,rp->r", length, np.max(density, axis=2), _INNER.error(product))
            product *= density
            value[part] = np.einsum("rp,rp->r", length, product @ _INNER.weights)
        return Bounded(value.reshape(shape), error.reshape(shape))
