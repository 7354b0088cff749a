"""Predictions of G^(6) and of the talk's delta' from measured couplings, on the inputs they were measured at or on others.

    G^(6)_lambda = G_GP^(6) + lambda A6,          G^(6)_kappa = G^(6)_lambda + kappa C6 + lambda^2 E6,
    delta' = G^(6) - G_GP^(6) - lambda A6 (four legs at y times a line, as in (3.19)), predicted as kappa C6 + lambda^2 E6.

lambda as measured from G^(4) holds the loops that kappa and lambda^2 put there, so that their 15 products with a line are not
added again (`measure.coefficients`); the talk's reading, kappa C6 + 15 kappa C4 K for delta', does add them and leaves the
exchange out. What is left of delta' beyond either is the variation of lambda_m over tuples.

Couplings are measured once and used anywhere: errors are jackknifed over the experiments of both sides, together where both
are inputs of the same source, else separately and added in squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.errors import InputError
from feyn_nn.estimate import Estimate
from feyn_nn.measure.coefficients import action_coefficients
from feyn_nn.measure.couplings import VANISHING
from feyn_nn.measure.fits import lambda_over_tuples, second_over_first
from feyn_nn.measure.kappa import exchange_of, kappa_over_tuples
from feyn_nn.measure.sources import same_experiments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from feyn_nn.arrays import BoolArray, FloatArray
    from feyn_nn.kernels import Kernel, Propagator
    from feyn_nn.measure.coefficients import ActionCoefficients, Legs
    from feyn_nn.measure.sources import CorrelatorSource


class Couplings(NamedTuple):
    """lambda and kappa at one choice of legs and cutoff; kappa is None where its exchange is too large an integral."""

    quartic: float
    sextic: float | None


@dataclass(frozen=True, slots=True, eq=False)
class CouplingReplicates:
    """Couplings from all experiments of a source, and again without each of them; none where they are exact."""

    source: CorrelatorSource
    legs: Legs
    pooled: Couplings
    without: tuple[Couplings, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SixPointPrediction:
    """Means over sorted 6-tuples of prediction over G^(6): no coupling, lambda, and lambda with kappa and the exchange.

    `minimum` and `maximum` are over tuples, of the prediction with lambda alone. `distinct` has the three for the first six
    inputs, None where there are fewer. Tuples with G^(6) = 0 are left out.
    """

    legs: Legs
    gp_over_g6: Estimate
    lambda_over_g6: Estimate
    kappa_over_g6: Estimate | None
    minimum: float
    maximum: float
    distinct: tuple[Estimate, Estimate, Estimate | None] | None


@dataclass(frozen=True, slots=True, eq=False)
class Deviation:
    """The talk's delta' over sorted 6-tuples, and how much of its mean the couplings explain.

    `measured` and `predicted`, kappa C6 + lambda^2 E6, have shape (tuples,); `explained` is the mean of the latter over that of
    the former. `without_exchange` is the same for the talk's kappa (C6 + 15 C4 K), and `kappa_of_deviation` the kappa that the
    talk's formula would give: the mean over tuples of delta' over that coefficient.
    """

    legs: Legs
    measured: FloatArray
    predicted: FloatArray
    explained: Estimate
    without_exchange: Estimate
    kappa_of_deviation: Estimate


class EffectivenessRow(NamedTuple):
    """(G6_GP + lambda term)/G6 and G6_GP/G6 at one width and cutoff, with the second over the first order of G^(4)."""

    width: int
    legs: Legs
    gp_over_g6: Estimate
    lambda_over_g6: Estimate
    distinct: tuple[Estimate, Estimate] | None
    second_over_first: Estimate | None


def coupling_replicates(source: CorrelatorSource, coefficients: ActionCoefficients) -> CouplingReplicates:
    """Measure lambda and kappa, with what the errors of anything made of them need.

    Raises InputError where the connected six-point function was not measured.
    """
    quartic = lambda_over_tuples(source, coefficients.quartic).mean(axis=1)
    known = coefficients.exchange is not None
    six = source.connected(6) if known else np.zeros((len(quartic), 0))

    def couplings(strength: float, connected: FloatArray) -> Couplings:
        if not known:
            return Couplings(strength, None)
        return Couplings(strength, float(np.mean(kappa_over_tuples(strength, connected, coefficients))))

    left = [couplings(float(g), connected) for g, connected in zip(*_without_each(quartic, six), strict=True)]
    return CouplingReplicates(
        source, coefficients.legs, couplings(float(quartic.mean()), six.mean(axis=0)), tuple(left)
    )


def predict_six_point(
    couplings: CouplingReplicates, source: CorrelatorSource, coefficients: ActionCoefficients
) -> SixPointPrediction:
    """Predict G^(6) of `source`, at whose inputs `coefficients` were integrated.

    Raises InputError for couplings of other legs or another cutoff.
    """
    _check_legs(couplings, coefficients)
    gaussian, values = source.gaussian(6), source.values(6)
    pooled = values.mean(axis=0)
    visible = np.abs(pooled) > VANISHING * np.abs(pooled).max()

    lambda_term = coefficients.quartic.sixth

    def gp(_: Couplings) -> FloatArray:
        return np.zeros(len(pooled))

    def first(found: Couplings) -> FloatArray:
        return found.quartic * lambda_term

    def second(found: Couplings) -> FloatArray:
        return found.quartic * lambda_term + _beyond(found, coefficients)

    def ratio(term: Callable[[Couplings], FloatArray], places: BoolArray) -> Estimate:
        def quantity(found: Couplings, free: FloatArray, full: FloatArray) -> float:
            return float(np.mean((free + term(found))[places] / full[places]))

        return _over_both(quantity, couplings, source, gaussian, values)

    def ratios(places: BoolArray) -> tuple[Estimate, Estimate, Estimate | None]:
        with_kappa = None if couplings.pooled.sextic is None else ratio(second, places)
        return ratio(gp, places), ratio(first, places), with_kappa

    over = (gaussian.mean(axis=0) + first(couplings.pooled))[visible] / pooled[visible]
    first_six = np.array([row == tuple(range(6)) for row in sorted_tuples(source.points, 6)])
    return SixPointPrediction(
        couplings.legs,
        *ratios(visible),
        float(over.min()),
        float(over.max()),
        ratios(first_six) if np.any(first_six & visible) else None,
    )


def predict_deviation(
    couplings: CouplingReplicates, source: CorrelatorSource, coefficients: ActionCoefficients
) -> Deviation:
    """Compare delta' of `source` with what the couplings predict.

    Raises InputError as `predict_six_point` does, and where kappa was not measured.
    """
    _check_legs(couplings, coefficients)
    exchange_of(coefficients)
    difference = source.delta(6)

    def measured(found: Couplings, beyond: FloatArray) -> FloatArray:
        result: FloatArray = beyond - found.quartic * coefficients.quartic.sixth
        return result

    def explained(found: Couplings, beyond: FloatArray) -> float:
        return float(np.mean(_beyond(found, coefficients)) / np.mean(measured(found, beyond)))

    def talk(found: Couplings, beyond: FloatArray) -> float:
        return _kappa(found) * float(np.mean(coefficients.sextic) / np.mean(measured(found, beyond)))

    def kappa(found: Couplings, beyond: FloatArray) -> float:
        known = coefficients.determined
        return float(np.mean(measured(found, beyond)[known] / coefficients.sextic[known]))

    return Deviation(
        couplings.legs,
        measured(couplings.pooled, difference.mean(axis=0)),
        _beyond(couplings.pooled, coefficients),
        _over_both(explained, couplings, source, difference),
        _over_both(talk, couplings, source, difference),
        _over_both(kappa, couplings, source, difference),
    )


def effectiveness(
    source_at: Callable[[int], CorrelatorSource],
    widths: Iterable[int],
    inputs: FloatArray,
    kernel: Kernel,
    cutoffs: Iterable[float],
    propagator: Propagator,
) -> tuple[EffectivenessRow, ...]:
    """How well lambda alone predicts G^(6), for every width and cutoff, widths varying fastest.

    `source_at` gives the correlators at a width: exact ones, or those of a stream of neurons, which serves every width. Raises
    InputError for a cutoff that does not contain the inputs.
    """
    sources = [(width, source_at(width)) for width in widths]
    rows = []
    for cutoff in cutoffs:
        coefficients = action_coefficients(inputs, kernel, cutoff, propagator)
        for width, source in sources:
            found = predict_six_point(coupling_replicates(source, coefficients), source, coefficients)
            rows.append(
                EffectivenessRow(
                    width,
                    coefficients.legs,
                    found.gp_over_g6,
                    found.lambda_over_g6,
                    None if found.distinct is None else (found.distinct[0], found.distinct[1]),
                    second_over_first(source, coefficients.quartic),
                )
            )
    return tuple(rows)


def _kappa(found: Couplings) -> float:
    if found.sextic is None:
        raise InputError("couplings without kappa: measure them where the lambda^2 exchange can be integrated")
    return found.sextic


def _beyond(found: Couplings, coefficients: ActionCoefficients) -> FloatArray:
    """The sum kappa C6 + lambda^2 E6."""
    result: FloatArray = _kappa(found) * coefficients.contact + found.quartic**2 * exchange_of(coefficients)
    return result


def _check_legs(couplings: CouplingReplicates, coefficients: ActionCoefficients) -> None:
    if couplings.legs != coefficients.legs:
        raise InputError(
            f"couplings with {couplings.legs}, coefficients with {coefficients.legs}: expected the same; integrate both alike"
        )


def _over_both(
    quantity: Callable[..., float], couplings: CouplingReplicates, source: CorrelatorSource, *samples: FloatArray
) -> Estimate:
    """`quantity` of couplings and of means over experiments of a source's `samples`, with the errors of both."""
    pooled = [sample.mean(axis=0) for sample in samples]
    value = quantity(couplings.pooled, *pooled)
    left = list(zip(*_without_each(*samples), strict=True))
    if left and same_experiments(couplings.source, source):
        parts = [[quantity(found, *means) for found, means in zip(couplings.without, left, strict=True)]]
    else:
        parts = [
            [quantity(found, *pooled) for found in couplings.without],
            [quantity(couplings.pooled, *means) for means in left],
        ]
    error = sqrt(sum(_jackknifed(part) for part in parts if part))
    refused = any(each.refused(n) for each in (couplings.source, source) for n in (4, 6)) or not isfinite(error)
    return Estimate(value, None if refused else error, max(1, *map(len, parts)))


def _without_each(*samples: FloatArray) -> tuple[list[FloatArray], ...]:
    """Means over experiments without each of them in turn; none of exact correlators, a single row."""
    rows = len(samples[0])
    if rows == 1:
        return tuple([] for _ in samples)
    return tuple([(sample.sum(axis=0) - sample[e]) / (rows - 1) for e in range(rows)] for sample in samples)


def _jackknifed(without: Sequence[float]) -> float:
    """Variance from estimates that leave out one experiment each."""
    values = np.array(without)
    return (len(values) - 1) / len(values) * float(np.sum((values - values.mean()) ** 2))
