"""Heavy tails: whether the samples of an ensemble can support an error bar at all.

The mean of v, one positive number for each sample, rests effectively on M <v>^2/<v^2> of M samples. An estimator of order n
averages v = f^n, K_hat^(n/2) or phi^n, and its error needs <v^2>. From the exact moments of one neuron that number is known
before anything is drawn; beside it stands what the sample itself shows, (sum v)^2 / sum v^2, which a sample that has not seen
its rare members overrates. An error bar is refused

- if fewer than 50 samples of an experiment are expected to carry the mean (exact moments at the worst input), or
- if fewer than 20 do in the sample, or
- where the exact moments are not known, if the share of the samples that do is below what light tails give.

With ten experiments and 50 effective samples in each, intervals of 95 % hold the truth in 95 % of cases for powers of a
Gaussian, and in 93, 90 and 89 % for v = exp(a Z), Z normal, with a = 2, 3 and 4. For Gauss-net at sigma_b = 1 <v>^2/<v^2> is
e^-16 and e^-36 for n = 4 and 6: a = 4 and 6.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.arrays import as_points
from feyn_nn.combinatorics import double_factorial
from feyn_nn.ensembles import Record, Source
from feyn_nn.errors import FeynError
from feyn_nn.exact.single_input import single_input_correlators, single_input_moments
from feyn_nn.measure.estimators import Estimator

if TYPE_CHECKING:
    from feyn_nn.ensembles import Ensemble
    from feyn_nn.network import Architecture

EXPECTED_EFFECTIVE: Final = 50.0
MIN_EFFECTIVE: Final = 20.0
MIN_SHARE: Final = {
    (Source.NEURONS, 2): 2e-2,
    (Source.NEURONS, 4): 5e-3,
    (Source.NEURONS, 6): 1.5e-3,
    (Source.CONDITIONAL, 2): 2e-2,
    (Source.CONDITIONAL, 4): 5e-3,
    (Source.CONDITIONAL, 6): 1.5e-3,
    (Source.OUTPUTS, 2): 1e-2,
    (Source.OUTPUTS, 4): 3e-3,
    (Source.OUTPUTS, 6): 3e-4,
}
"""Shares of samples that must carry the mean where no exact moment is known.

<v>^2/<v^2> is .17, .043 and .011 for ReLU neurons at n = 2, 4 and 6 (Gaussian integrals), .33, .086 and .02 for a Gaussian
output, and .056, .0037, .00023 for ReLU-net at width 1, a product of the two.
"""
_WHAT: Final = {
    Source.OUTPUTS: ("networks", "f^{n}"),
    Source.CONDITIONAL: ("networks", "K_hat^{half}"),
    Source.NEURONS: ("neurons", "phi^{n}"),
}


@dataclass(frozen=True, slots=True)
class HeavyTail:
    """Samples of an experiment that carry the mean which order n rests on: too few of them.

    `effective` of `samples`; `needed` of them would do, None where the exact moments are not known. `largest_share` is that of
    the largest v in its sum.
    """

    source: Source
    n: int
    samples: int
    effective: float
    needed: float | None
    largest_share: float

    @property
    def sentence(self) -> str:
        """What was found, for the reader."""
        what, power = (text.format(n=self.n, half=self.n // 2) for text in _WHAT[self.source])
        if self.needed is None:
            known = f"only about {self.effective:.3g} carry the mean of {power}"
        else:
            known = (
                f"only about {self.effective:.3g} are expected to carry the mean of {power} (exact moments; {self.needed:.2g} "
                f"{what} would be needed)"
            )
        return (
            f"of {self.samples} {what} in an experiment {known}, the largest has {100 * self.largest_share:.2g} % of it: rare "
            f"{what} that a sample of this size has hardly seen decide G^({self.n}), so its value may be far off and its error "
            "bar is refused"
        )


def find_heavy_tail(ensemble: Ensemble, estimator: Estimator, n: int, width: int | None) -> HeavyTail | None:
    """The first tail that forbids an error bar on order n, if there is one; an odd order is judged by the next even one.

    Odd orders vanish identically where the output layer is integrated out, and need no error bar.
    """
    if n % 2 and estimator is not Estimator.PLAIN:
        return None
    even = n + n % 2
    tails = (_tail(ensemble, source, even, width) for source in _sources(estimator) if source in ensemble.tails)
    return next((tail for tail in tails if tail is not None), None)


def _sources(estimator: Estimator) -> tuple[Source, ...]:
    """Whose tails an estimator rests on: K_hat averages neurons, and its fluctuations show their tails most."""
    if estimator is Estimator.PLAIN:
        return (Source.OUTPUTS,)
    return (Source.NEURONS,) if estimator.at_any_width else (Source.NEURONS, Source.CONDITIONAL)


def _tail(ensemble: Ensemble, source: Source, n: int, width: int | None) -> HeavyTail | None:
    tail = ensemble.tails[source][n]
    each = width or 1 if source is Source.NEURONS and ensemble.record.of_networks else 1
    largest = float(np.max(tail.largest_share))
    seen = float(np.min(tail.effective))
    normalised = ensemble.architecture is not None and ensemble.architecture.activation.normalised
    if normalised and not np.all(tail.largest_share):  # exp(z) has underflowed in every sample drawn
        seen = 0.0
    samples = ensemble.nets * each
    share = _expected_share(ensemble, source, n, width)
    if share is not None:
        needed = EXPECTED_EFFECTIVE / share if share > 0 else float("inf")
        if samples < needed:
            return HeavyTail(source, n, samples, share * samples, needed, largest)
    light = share is not None or float(np.min(tail.effective / (ensemble.samples * each))) >= MIN_SHARE[source, n]
    if seen >= MIN_EFFECTIVE and light:
        return None
    return HeavyTail(source, n, samples, seen, None, largest)


def _expected_share(ensemble: Ensemble, source: Source, n: int, width: int | None) -> float | None:
    """<v>^2/<v^2> at the worst input, None where the exact moments are not known."""
    architecture = ensemble.architecture
    if architecture is None or architecture.depth > 1:
        return None
    if ensemble.record is Record.TILTED:
        architecture = replace(architecture, sigma_b=0.0)
    points = tuple(map(tuple, ensemble.inputs.tolist()))
    return _share(architecture, points, source, n, None if source is Source.NEURONS else width)


@lru_cache(maxsize=128)
def _share(
    architecture: Architecture, points: tuple[tuple[float, ...], ...], source: Source, n: int, width: int | None
) -> float | None:
    inputs = as_points(points, architecture.d_in)
    with suppress(FeynError):  # no exact moment for this activation, or beyond floating-point numbers
        if width is None:
            found = single_input_moments(architecture, inputs, (n, 2 * n))
            first, second = found[n], found[2 * n]
        else:
            found = single_input_correlators(architecture, inputs, width, (n, 2 * n))
            first, second = found[n], found[2 * n]
            if source is Source.CONDITIONAL:  # <f^n> = (n-1)!! <K_hat^(n/2)>
                first, second = first / double_factorial(n - 1), second / double_factorial(2 * n - 1)
        live = second > 0
        return float(np.min(first[live] ** 2 / second[live], initial=1.0))
    return None
