"""Technical naturalness: is lambda constant because the kernel is translation invariant?

The talk conjectures that couplings are constants, or nearly so, if the kernel of the infinitely wide network is translation
invariant ('t Hooft's naturalness: a varying coupling would break a symmetry that the free theory has). That takes a
Delta G^(4) which shares the symmetry. Two numerical tests, for exact or measured correlators:

- shift all inputs by c: does K(x, y) change, does Delta G^(4) change?
- spread the inputs wider: does the standard deviation of lambda_m over tuples stay small against its mean?

Gauss-net answers no to the second halves: N kappa4(x, x, x, x) = 3 w^2 (e^{4s + 4w|x|^2/d} - 1), so that its lambda_m is
constant only while the inputs keep close to zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from feyn_nn.kernels import Propagator
from feyn_nn.measure.coefficients import Legs
from feyn_nn.measure.couplings import theory_coefficients
from feyn_nn.measure.diagnosis import CONSTANCY
from feyn_nn.measure.fits import lambda_over_tuples
from feyn_nn.measure.sources import estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from feyn_nn.arrays import FloatArray
    from feyn_nn.estimate import Estimate
    from feyn_nn.kernels import Kernel
    from feyn_nn.measure.sources import CorrelatorSource

INVARIANT: Final = 1e-10
"""Largest relative change of a kernel that rounding explains."""
SIGMAS: Final = 5.0
"""Standard errors by which a measured change of Delta G^(4) has to stand apart from zero."""


@dataclass(frozen=True, slots=True)
class Translation:
    """What a shift of all inputs does: relative changes of K (the largest over pairs) and of the mean of Delta G^(4).

    The kernel's is relative to its largest value, that of Delta G^(4) to the mean before the shift, with its error.
    """

    shift: tuple[float, ...]
    kernel_change: float
    four_point_change: Estimate

    @property
    def kernel_invariant(self) -> bool:
        """Whether the kernel stays the same but for rounding."""
        return self.kernel_change <= INVARIANT

    @property
    def four_point_invariant(self) -> bool:
        """Whether Delta G^(4) stays the same but for rounding, or within five standard errors where it was measured."""
        noise = SIGMAS * (self.four_point_change.error or 0.0)
        return abs(self.four_point_change.mean) <= INVARIANT + noise

    @property
    def verdict(self) -> str:
        """What the shift shows, in a sentence."""
        change = f"Delta G^(4) changes by {self.four_point_change} of its mean"
        if not self.kernel_invariant:
            size = f"changes by {self.kernel_change:.2g} of its size"
            return f"the kernel is not translation invariant ({size}): the conjecture says nothing"
        if self.four_point_invariant:
            return f"the kernel is translation invariant, and so is Delta G^(4) ({change})"
        return f"the kernel is translation invariant, Delta G^(4) is not: {change}"


class Extent(NamedTuple):
    """lambda on inputs `factor` times as wide: their largest coordinate, the mean of lambda_m, std/|mean| over tuples."""

    factor: float
    largest: float
    mean: Estimate
    relative_spread: float


@dataclass(frozen=True, slots=True)
class Naturalness:
    """The conjecture for one network: what a shift does, and how constant lambda_m stays as the inputs spread."""

    legs: Legs
    translation: Translation
    extents: tuple[Extent, ...]

    @property
    def verdict(self) -> str:
        """Whether the conjecture holds on these inputs, in a sentence or two."""
        constant = [row for row in self.extents if row.relative_spread <= CONSTANCY]
        varying = [row for row in self.extents if row.relative_spread > CONSTANCY]
        spreads = ", ".join(f"{row.relative_spread:.2g} (inputs within {row.largest:g})" for row in self.extents)
        found = f"std/|mean| of lambda_m is {spreads} ({self.legs})"
        if not self.translation.kernel_invariant:
            return f"{self.translation.verdict}; {found}"
        if not varying:
            return f"{self.translation.verdict}; {found}: on these inputs the conjecture is not contradicted"
        where = f"from inputs within {min(row.largest for row in varying):g} on"
        why = ", and narrower inputs leave Delta G^(4) no room to vary" if constant else ""
        return f"{self.translation.verdict}; {found}: the naturalness conjecture fails {where}{why}"


def translate(
    source_at: Callable[[FloatArray], CorrelatorSource], kernel: Kernel, inputs: FloatArray, shift: FloatArray
) -> Translation:
    """Shift all inputs by `shift`, shape (d_in,), and compare kernel and Delta G^(4).

    `source_at` gives the correlators at inputs: exact ones, or measured ones from independent experiments.
    """
    moved = inputs + shift
    before, after = kernel(inputs, inputs), kernel(moved, moved)
    first, second = source_at(inputs), source_at(moved)
    here, there = (source.delta(4).mean(axis=1) for source in (first, second))
    scale = float(here.mean())
    change = estimate(lambda value: float(value) / scale - 1, second, (4,), there)
    if len(here) > 1:
        own = estimate(lambda value: float(value) / scale, first, (4,), here)
        change = _added(change, own, float(there.mean()) / scale)
    return Translation(
        tuple(float(c) for c in np.atleast_1d(shift)),
        float(np.abs(after - before).max() / np.abs(before).max()),
        change,
    )


def examine_naturalness(
    source_at: Callable[[FloatArray], CorrelatorSource],
    kernel: Kernel,
    inputs: FloatArray,
    cutoff: float,
    factors: Iterable[float],
    shift: FloatArray,
    propagator: Propagator = Propagator.FULL,
) -> Naturalness:
    """Test the conjecture on inputs scaled by each of `factors`, at one cutoff and choice of legs, and under a shift.

    Raises InputError for a cutoff that does not contain the widest inputs.
    """
    extents = []
    for factor in factors:
        points = factor * inputs
        theory = theory_coefficients(points, cutoff, propagator.of(kernel), kernel)
        source = source_at(points)
        per_experiment = lambda_over_tuples(source, theory)
        mean = estimate(lambda found: float(np.mean(found)), source, (4,), per_experiment)
        spread = float(per_experiment.mean(axis=0).std())
        extents.append(Extent(factor, float(np.abs(points).max()), mean, spread / abs(mean.mean)))
    return Naturalness(Legs(propagator, cutoff), translate(source_at, kernel, inputs, shift), tuple(extents))


def _added(change: Estimate, own: Estimate, ratio: float) -> Estimate:
    """The change with the error of the mean that it is relative to, independent of its own, added in squares."""
    if change.error is None or own.error is None:
        return type(change)(change.mean, None, change.n)
    return type(change)(change.mean, float(np.hypot(change.error, ratio * own.error)), change.n)
