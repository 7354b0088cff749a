"""Moments of positive parts, E[(z_1)_+^{a_1} ... (z_k)_+^{a_k}], in any dimension: Stein's lemma down to orthant probabilities.

With z_i = u_i.g and (z)_+^0 the step function, integration by parts in one factor z_i gives

    E[z_i f(z)] = sum over j of u_i.u_j E[df/dz_j],

where the derivative of a step is a delta function: the density 1/sqrt(2 pi) times the expectation of the rest given z_j = 0,
which is a moment of the same kind of the u projected on the plane orthogonal to u_j (`_Flat.given`). So exponents fall to zero,
and what is left is the probability that some z are all positive, in the space or on a flat of the arrangement; that of k
Gaussians is 2^{-k} times the sum of the moments of the signs of all even subsets (`feyn_nn.exact.signs`).

Unit vectors are kept, not covariances: a projection keeps its digits where the covariance is singular. Parallel vectors are
one class, opposite ones make a moment vanish. Each vector carries the rounding that projections have left in it. Moments of
signs are needed in thousands; a first walk through the recursion only collects them, and they are evaluated together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from math import gamma, pi, sqrt
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from feyn_nn.errors import LimitError
from feyn_nn.exact.signs import sign_moments
from feyn_nn.exact.sphere import cones, sphere_rules
from feyn_nn.exact.tuples import OrderMoments, tuple_array

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

Powers: TypeAlias = tuple[tuple[int, int], ...]
"""Classes with their exponents, classes ascending."""
Bounded: TypeAlias = tuple[float, float]
"""A value and a bound on its absolute error."""

MAX_ORDER: Final = 8
MAX_TUPLES: Final = 10_000
"""Some seconds for six inputs and n = 6 (462 tuples); the number of flats grows with the tuples."""
_EPSILON: Final = 2.3e-16
_SAME_DIRECTION: Final = 1e-9
_SPHERE_NODES: Final = {1: 1, 2: 17, 3: 16}


@dataclass(slots=True, eq=False)
class _Flat:
    """Classes of unit vectors in the space that conditions z_j = 0 have left, shape (classes, dimension of the whole)."""

    units: FloatArray
    rounding: FloatArray
    dimension: int
    inner: FloatArray = field(init=False)
    children: dict[int, tuple[_Flat, list[int], FloatArray]] = field(default_factory=dict)
    moments: dict[Powers, Bounded] = field(default_factory=dict)
    signs: dict[tuple[int, ...], Bounded | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.inner = np.clip(self.units @ self.units.T, -1.0, 1.0)

    def given(self, zero: int) -> tuple[_Flat, list[int], FloatArray]:
        """The flat on which z of class `zero` vanishes, the new class of every class, and the lengths of the projections.

        A class that vanishes there has length 0 and no meaningful class.
        """
        if zero not in self.children:
            projected = self.units - self.inner[:, zero, None] * self.units[zero]
            projected -= (projected @ self.units[zero])[:, None] * self.units[zero]
            lengths = np.linalg.norm(projected, axis=1)
            lengths[lengths < _SAME_DIRECTION] = 0.0
            rounding = np.divide(
                self.rounding + self.rounding[zero] + _EPSILON, lengths, out=np.zeros_like(lengths), where=lengths > 0
            )
            flat, classes = _merged(projected, lengths, rounding, self.dimension - 1)
            self.children[zero] = flat, classes, lengths
        return self.children[zero]


def _merged(vectors: FloatArray, lengths: FloatArray, rounding: FloatArray, dimension: int) -> tuple[_Flat, list[int]]:
    """One class for parallel vectors; those of length 0 go to class 0."""
    units: list[FloatArray] = []
    errors: list[float] = []
    classes = []
    for vector, length, error in zip(vectors, lengths, rounding, strict=True):
        unit = vector / length if length else vector
        known = (k for k, other in enumerate(units) if np.linalg.norm(unit - other) < _SAME_DIRECTION)
        k = next(known, len(units)) if length else 0
        if length and k == len(units):
            units.append(unit)
            errors.append(float(error))
        classes.append(k)
    shape = (len(units), vectors.shape[1])
    return _Flat(np.array(units).reshape(shape), np.array(errors, dtype=np.float64), dimension), classes


def positive_part_moments(vectors: FloatArray, n: int) -> OrderMoments:
    """E[prod (u_i.g)_+] over the sorted n-tuples of the vectors u, shape (points, r), for n from 1 to 8.

    Raises LimitError for n > 8 or more than 10,000 tuples.
    """
    points, dimension = vectors.shape
    if n > MAX_ORDER:
        raise LimitError(f"ReLU-net's moment of order {n} in {dimension} dimensions: expected at most {MAX_ORDER}")
    tuples = tuple_array(points, n)
    if len(tuples) > MAX_TUPLES:
        raise LimitError(
            f"ReLU-net's moments of order {n} at {points} inputs that span {dimension} dimensions: {len(tuples)} tuples, more "
            f"than {MAX_TUPLES}; ask for fewer inputs or a lower order"
        )
    lengths = np.linalg.norm(vectors, axis=1)
    space, classes = _merged(vectors, lengths, np.full(points, _EPSILON), dimension)
    factors = np.prod(lengths[tuples], axis=1)
    powers = [_counted([(classes[k], 1) for k in entries]) for entries in tuples.tolist()]
    wanted = [power for power, factor in zip(powers, factors, strict=True) if factor > 0]
    _evaluate_signs(space, wanted)
    found = [_moment(space, power) if factor > 0 else (0.0, 0.0) for power, factor in zip(powers, factors, strict=True)]
    values, error = np.array(found, dtype=np.float64).T
    error = factors * error + n * _EPSILON * factors * np.abs(values)
    return OrderMoments(factors * values, error, "integration by parts to orthant probabilities")


def _counted(powers: list[tuple[int, int]]) -> Powers:
    total: dict[int, int] = {}
    for k, power in powers:
        total[k] = total.get(k, 0) + power
    return tuple(sorted(total.items()))


def _evaluate_signs(space: _Flat, wanted: list[Powers]) -> None:
    """Walk once to collect the moments of signs that are needed, evaluate them, and forget the walk's results."""
    for powers in wanted:
        _moment(space, powers)
    missing: dict[int, list[tuple[_Flat, tuple[int, ...]]]] = {}
    flats = [space]
    for flat in flats:
        flats.extend(child for child, _, _ in flat.children.values())
        flat.moments.clear()
        for subset, value in flat.signs.items():
            if value is None:
                missing.setdefault(len(subset), []).append((flat, subset))
    for size, places in missing.items():
        matrices = np.array([flat.inner[np.ix_(subset, subset)] for flat, subset in places])
        values, error = sign_moments(np.moveaxis(matrices, 0, -1), (1,) * size)
        for (flat, subset), value in zip(places, values, strict=True):
            flat.signs[subset] = float(value), error


def _moment(flat: _Flat, powers: Powers) -> Bounded:
    """E[prod z_c^a over the classes and exponents of `powers`] for positive z."""
    if powers in flat.moments:
        return flat.moments[powers]
    flat.moments[powers] = result = _reduced(flat, powers)
    return result


def _reduced(flat: _Flat, powers: Powers) -> Bounded:
    members = [k for k, _ in powers]
    if any(flat.inner[a, b] < -0.5 and _opposite(flat, a, b) for a, b in combinations(members, 2)):
        return 0.0, 0.0
    if len(powers) == 1:
        power = powers[0][1]
        value = 2 ** (power / 2 - 1) * gamma((power + 1) / 2) / sqrt(pi)
        return value, _EPSILON * value
    if not any(power for _, power in powers):
        return _probability(flat, members)
    chosen = max(powers, key=lambda pair: pair[1])[0]
    lowered = [(k, power - (k == chosen)) for k, power in powers]
    total = error = 0.0
    for j, power in lowered:
        weight = float(flat.inner[chosen, j])
        if power:
            value, bound = _moment(flat, tuple((k, p - (k == j)) for k, p in lowered))
            weight *= power
        else:
            value, bound = _on_plane(flat, lowered, j)
            weight /= sqrt(2 * pi)
        total += weight * value
        error += abs(weight) * bound + (_EPSILON * abs(weight) + float(flat.rounding[j])) * abs(value)
    return total, error


def _on_plane(flat: _Flat, powers: list[tuple[int, int]], zero: int) -> Bounded:
    """The moment of the other classes given that z of class `zero` vanishes."""
    child, classes, lengths = flat.given(zero)
    factor, relative = 1.0, 0.0
    left = []
    for k, power in powers:
        if k == zero:
            continue
        if lengths[k] == 0.0:
            return 0.0, 0.0
        factor *= float(lengths[k]) ** power
        relative += power * float(child.rounding[classes[k]])
        left.append((classes[k], power))
    value, error = _moment(child, _counted(left))
    return factor * value, factor * (error + relative * abs(value))


def _opposite(flat: _Flat, a: int, b: int) -> bool:
    return float(np.linalg.norm(flat.units[a] + flat.units[b])) < _SAME_DIRECTION


def _probability(flat: _Flat, members: list[int]) -> Bounded:
    """That all z of the classes are positive."""
    if len(members) > flat.dimension and flat.dimension in _SPHERE_NODES:
        return _cell_measure(flat, members)
    total, error = 1.0, sum(float(flat.rounding[k]) for k in members)
    for size in range(2, len(members) + 1, 2):
        for subset in combinations(members, size):
            value, bound = _signs(flat, subset)
            total += value
            error += bound
    scale = 2.0 ** -len(members)
    return scale * total, scale * error


def _signs(flat: _Flat, subset: tuple[int, ...]) -> Bounded:
    """The moment of the signs of an even number of classes; of more than two, 0 while they are being collected."""
    if len(subset) == 2:
        u, v = flat.units[list(subset)]
        angle = 2 * float(np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v)))
        return 1 - 2 / pi * angle, _EPSILON
    return flat.signs.setdefault(subset, None) or (0.0, 0.0)


def _cell_measure(flat: _Flat, members: list[int]) -> Bounded:
    """The part of the sphere on which all z are positive: more vectors than dimensions, no simplex."""
    vectors = flat.units[members]
    frame = np.linalg.svd(vectors)[2][: flat.dimension]
    inside = vectors @ frame.T
    total = 0.0
    for points, weights in sphere_rules(cones(inside), _SPHERE_NODES[flat.dimension], 1 << 16):
        total += float(np.sum(weights[np.all(points @ inside.T > 0, axis=1)]))
    return total, 1e-14 + float(np.sum(flat.rounding[members]))
