"""Whether measured numbers are the exact ones, and the power of the width with which they fall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import stats
from scipy.optimize import curve_fit

from feyn_nn.estimate import Estimate
from feyn_nn.reproduce.result import Finding, Statement, Subject, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CHANCE: Final = 1e-4
"""Below this chance a distance in standard errors counts as a contradiction."""
_FEWEST: Final = 3


def distance(measured: float | None, error: float | None, exact: float) -> float | None:
    """How many standard errors a measured number is away; None where its error is refused or zero."""
    if measured is None or not error:
        return None
    return abs(measured - exact) / error


def largest(distances: Iterable[float | None]) -> float | None:
    """The largest of those that are known."""
    return max((each for each in distances if each is not None), default=None)


def chance(sigmas: float, comparisons: int, experiments: int) -> float:
    """How often the largest of so many distances is at least this by chance, by Student's t; an upper bound."""
    return min(1.0, 2 * comparisons * float(stats.t.sf(sigmas, experiments - 1)))


def plausible(sigmas: float | None, comparisons: int, experiments: int) -> bool:
    """Whether the largest of so many distances may be chance."""
    return sigmas is None or chance(sigmas, comparisons, experiments) > CHANCE


def agreement(what: str, network: str, distances: Sequence[float | None], experiments: int) -> Finding:
    """The finding that measured numbers are the exact ones."""
    statement = Statement(f"{what} are the exact ones", Subject.MEASUREMENT)
    known = [each for each in distances if each is not None]
    worst = largest(known)
    if worst is None:
        return Finding(statement, network, Verdict.UNDECIDED, "No error bar is supported.")
    odds = chance(worst, len(known), experiments)
    return Finding(
        statement,
        network,
        Verdict.of(odds > CHANCE),
        f"The largest distance is {worst:.2g} standard errors, over {len(known)} comparisons with {experiments - 1} degrees of "
        f"freedom: chance alone {'does that often' if odds >= 1 else f'does that with probability {odds:.1g} or less'}.",
    )


def exact_power(widths: Sequence[float], values: Sequence[float]) -> float:
    """The slope of a straight line through log |values| over log widths."""
    return float(np.polyfit(np.log(widths), np.log(np.abs(values)), 1)[0])


def fitted_power(
    widths: Sequence[float], values: Sequence[float | None], errors: Sequence[float | None]
) -> Estimate | None:
    """The power of the width, by weighted least squares over all that have an error bar; None for fewer than three."""
    chosen = [
        (width, value, error)
        for width, value, error in zip(widths, values, errors, strict=True)
        if value is not None and error
    ]
    if len(chosen) < _FEWEST:
        return None
    x, y, sigma = (np.array(column, dtype=np.float64) for column in zip(*chosen, strict=True))
    sharpest = int(np.argmax(np.abs(y) / sigma))
    fitted, covariance = curve_fit(
        lambda width, size, power: size * (width / x[sharpest]) ** power,
        x,
        y / y[sharpest],
        p0=(1.0, -1.0),
        sigma=sigma / abs(y[sharpest]),
        absolute_sigma=True,
    )
    return Estimate(float(fitted[1]), float(np.sqrt(covariance[1, 1])), len(chosen))
