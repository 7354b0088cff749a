"""Where correlators come from, for everything that measures couplings: an ensemble, arrays of one's own, exact values.

Arrays have shape (experiments, tuples) over sorted tuples. Exact correlators are one row: their statistical error is stated
as zero, from one experiment. `MeasuredCorrelators` is a source as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol, final

import numpy as np

from feyn_nn.arrays import sorted_rank
from feyn_nn.errors import InputError
from feyn_nn.estimate import Estimate
from feyn_nn.exact.correlators import exact_correlators
from feyn_nn.measure.jackknife import jackknife
from feyn_nn.measure.pairing import gaussian, pair_count, tuple_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from feyn_nn.arrays import FloatArray, IntArray
    from feyn_nn.network import Architecture

_EVEN: Final = (4, 6)


class CorrelatorSource(Protocol):
    """Correlators per experiment, shape (experiments, tuples); exact ones are a single row."""

    @property
    def points(self) -> int:
        """Number of inputs."""

    def values(self, n: int) -> FloatArray:
        """G^(n)."""

    def connected(self, n: int) -> FloatArray:
        """The connected n-point function."""

    def gaussian(self, n: int) -> FloatArray:
        """G_GP^(n), the sum over pairings of K."""

    def delta(self, n: int) -> FloatArray:
        """Delta G^(n) = G^(n) - G_GP^(n)."""

    def refused(self, n: int) -> bool:
        """Whether a heavy tail forbids an error bar on G^(n)."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class GivenCorrelators:
    """Even correlators from the connected functions, given as arrays: exact, or independent experiments.

    `kernel` is the two-point function on the sorted pairs, shape (pairs,); `cumulants[4]` and `cumulants[6]` are the connected
    functions, shape (tuples,) where they are exact or (experiments, tuples) with two experiments or more. Odd correlators are
    zero. Raises InputError for other shapes and for numbers that are not finite.
    """

    points: int
    kernel: FloatArray
    cumulants: Mapping[int, FloatArray] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        rows = {n: len(np.atleast_2d(values)) for n, values in self.cumulants.items()}
        if len(set(rows.values())) > 1:
            raise InputError(f"connected functions of {rows} experiments: expected the same number for every n")
        _check(self.kernel[None], self.points, 2)
        for n, values in self.cumulants.items():
            if n not in _EVEN:
                raise InputError(f"connected function of n = {n}: expected n = 4 and 6")
            _check(np.atleast_2d(values), self.points, n)

    @property
    def experiments(self) -> int:
        """Number of rows: 1 where the values are exact."""
        return max((len(np.atleast_2d(values)) for values in self.cumulants.values()), default=1)

    def values(self, n: int) -> FloatArray:
        """G_GP^(n) + Delta G^(n)."""
        return self.gaussian(n) + self.delta(n)

    def connected(self, n: int) -> FloatArray:
        """As given; raises InputError where it was not."""
        if n == 2:
            return self.gaussian(2)
        if n % 2:
            return self._zeros(n)
        if n not in self.cumulants:
            raise InputError(f"the connected {n}-point function was not given: it is needed here")
        return np.atleast_2d(self.cumulants[n])

    def gaussian(self, n: int) -> FloatArray:
        """The sum over pairings of the kernel."""
        return np.broadcast_to(gaussian(self.kernel, self.points, n), self._zeros(n).shape)

    def delta(self, n: int) -> FloatArray:
        """kappa4, and for n = 6 kappa6 + sum_15 kappa4 K."""
        if n == 2 or n % 2:
            return self._zeros(n)
        connected = self.connected(n)
        return connected if n == 4 else connected + self._beside_lines(self.connected(4))

    def refused(self, n: int) -> bool:  # noqa: ARG002
        """Never: nothing is known of samples."""
        return False

    def _zeros(self, n: int) -> FloatArray:
        return np.zeros((self.experiments, len(tuple_rows(self.points, n))))

    def _beside_lines(self, four: FloatArray) -> FloatArray:
        """sum_15 kappa4 K."""
        rows = tuple_rows(self.points, 6)
        total = np.zeros((len(four), len(rows)))
        for pair in combinations(range(6), 2):
            rest = [leg for leg in range(6) if leg not in pair]
            line = self.kernel[sorted_rank(self.points, rows[:, pair])]
            total += line * four[:, sorted_rank(self.points, rows[:, rest])]
        return total


def exact_source(architecture: Architecture, inputs: FloatArray, width: int) -> GivenCorrelators:
    """Exact correlators of a network with one hidden layer of that width; raises as `exact_correlators` does."""
    six = exact_correlators(architecture, inputs, 6)
    kernel = np.asarray(six.layer.connected(2).at(width), dtype=np.float64)
    cumulants = {n: np.asarray(six.layer.connected(n).at(width), dtype=np.float64) for n in _EVEN}
    return GivenCorrelators(len(six.inputs), kernel, cumulants)


@final
@dataclass(frozen=True, slots=True, eq=False)
class ChosenInputs:
    """The correlators of a source at some of its inputs, `chosen` by number, in ascending order.

    What is measured at some inputs and tested at others comes from the same experiments, and its errors are found so. Raises
    InputError for numbers that are not ascending or are not of inputs.
    """

    source: CorrelatorSource
    chosen: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.chosen or list(self.chosen) != sorted(set(self.chosen)):
            raise InputError(f"inputs {self.chosen}: expected different numbers in ascending order")
        if self.chosen[0] < 0 or self.chosen[-1] >= self.source.points:
            raise InputError(f"inputs {self.chosen}: expected numbers from 0 to {self.source.points - 1}")

    @property
    def points(self) -> int:
        """How many are chosen."""
        return len(self.chosen)

    def values(self, n: int) -> FloatArray:
        """G^(n)."""
        return self.source.values(n)[:, self._places(n)]

    def connected(self, n: int) -> FloatArray:
        """The connected n-point function."""
        return self.source.connected(n)[:, self._places(n)]

    def gaussian(self, n: int) -> FloatArray:
        """G_GP^(n)."""
        return self.source.gaussian(n)[:, self._places(n)]

    def delta(self, n: int) -> FloatArray:
        """Delta G^(n)."""
        return self.source.delta(n)[:, self._places(n)]

    def refused(self, n: int) -> bool:
        """As the source."""
        return self.source.refused(n)

    def _places(self, n: int) -> IntArray:
        rows = np.array(self.chosen, dtype=np.intp)[tuple_rows(self.points, n)]
        return sorted_rank(self.source.points, rows)


def same_experiments(a: CorrelatorSource, b: CorrelatorSource) -> bool:
    """Whether two sources are at inputs of one and the same source, and so fluctuate together."""
    return _origin(a) is _origin(b)


def _origin(source: CorrelatorSource) -> CorrelatorSource:
    return _origin(source.source) if isinstance(source, ChosenInputs) else source


def estimate(
    quantity: Callable[..., float], source: CorrelatorSource, orders: Iterable[int], *samples: FloatArray
) -> Estimate:
    """Evaluate `quantity` on means over experiments of samples made of G^(n) of a source, n = `orders`, by jackknife.

    The error is zero for exact correlators, and None where a heavy tail forbids it or it is not a number.
    """
    if len(samples[0]) == 1:
        return Estimate(quantity(*(sample[0] for sample in samples)), 0.0, 1)
    found = jackknife(quantity, *samples)
    supported = found.error is not None and isfinite(found.error) and not any(source.refused(n) for n in orders)
    return found if supported else Estimate(found.mean, None, found.n)


def _check(values: FloatArray, points: int, n: int) -> None:
    expected = pair_count(points) if n == 2 else len(tuple_rows(points, n))
    if values.ndim != 2 or values.shape[1] != expected:
        raise InputError(
            f"{n}-point function of shape {values.shape}: expected {expected} values, one for every sorted {n}-tuple of "
            f"{points} inputs"
        )
    if not np.all(np.isfinite(values)):
        raise InputError(
            f"{n}-point function with {int(np.sum(~np.isfinite(values)))} values that are not finite numbers"
        )
