"""Couplings carried from one cutoff to another, all correlators fixed: the renormalization-group flow as numbers.

dG^(n)/dlog Lambda = 0 for each coupling's own correlator (see `symbolic.running`) is a linear system for the beta
functions. Its matrix and its right side are made of the coefficients of G^(n) and of their derivatives, which are
integrals over the cube's surface; SciPy integrates d g/dlog Lambda = beta(g, Lambda). What the flow has to conserve, the
correlators themselves, is evaluated again at every cutoff: its largest relative change is the flow's own error.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import log, prod
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from scipy.integrate import solve_ivp

from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import InputError
from feyn_nn.graphs import TALK_RULES
from feyn_nn.numeric.contraction import Contraction
from feyn_nn.numeric.expansion import summands
from feyn_nn.numeric.quadrature import check_cutoff, grid_for

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from feyn_nn.action import Action
    from feyn_nn.arrays import FloatArray
    from feyn_nn.correlator import Correlator
    from feyn_nn.graphs import Rule
    from feyn_nn.kernels import Kernel
    from feyn_nn.numeric.shapes import Component

Table: TypeAlias = dict[tuple[int, ...], float]
"""A number for each multi-order of the couplings."""

_ABSOLUTE: Final = 1e-6
"""A coupling is followed to the relative tolerance until it has fallen so far below its first power law."""
_STEEPEST: Final = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Couplings at each cutoff: `values` of shape (cutoffs, couplings), `betas` their dg/dlog Lambda there.

    `error` is the largest change of a correlator along the flow, relative to the sum of its terms' sizes. `kernel`
    names the lines at vertices: the couplings belong to them and to the cutoff in their row.
    """

    couplings: tuple[str, ...]
    kernel: str
    cutoffs: FloatArray
    values: FloatArray
    betas: FloatArray
    error: float


class FlowEquations:
    """The linear system for the beta functions at given cutoffs, for one tuple of inputs in each correlator.

    `tuples` maps n to the indices of the n inputs at which G^(n) is kept fixed; the first n inputs where it has none.
    Raises InputError for an action with two couplings at one power of f, or inputs that do not suffice.
    """

    def __init__(
        self,
        action: Action,
        kernel: Kernel,
        inputs: FloatArray,
        *,
        free: Kernel | None = None,
        tuples: Mapping[int, Sequence[int]] | None = None,
        vertices: int = 1,
        rules: Collection[Rule] = TALK_RULES,
    ) -> None:
        valences = [operator.valence for operator in action.operators]
        if len(set(valences)) < len(valences):
            raise InputError(
                f"{action}: two couplings at one power of f fix each other's sum only; give every power once"
            )
        self.couplings = action.couplings
        self.kernel = kernel
        self.free = kernel if free is None else free
        self.inputs = inputs
        self.correlators = [generate_correlator(n, action, action.orders(vertices), rules) for n in valences]
        self.tuples = [tuple((tuples or {}).get(n, range(n))) for n in valences]
        for n, row in zip(valences, self.tuples, strict=True):
            if len(row) != n or any(not 0 <= index < len(inputs) for index in row):
                raise InputError(
                    f"G^({n}) at the inputs {row}: expected {n} indices from 0 to {len(inputs) - 1}; name the inputs, repeated "
                    "ones allowed"
                )

        between = self.free(inputs, inputs)
        self._summands = [
            list(_summands(correlator, row, between))
            for correlator, row in zip(self.correlators, self.tuples, strict=True)
        ]

    def at(self, cutoff: float) -> CutoffCoefficients:
        """The coefficients of every correlator and their derivatives at one cutoff."""
        contraction = Contraction(self.inputs, grid_for(self.kernel, self.inputs, cutoff), self.kernel, self.free)
        values: list[Table] = []
        slopes: list[Table] = []
        for parts, row in zip(self._summands, self.tuples, strict=True):
            table = contraction.table([row], len(row))
            known: dict[Component, tuple[float, float]] = {}
            value: Table = {}
            slope: Table = {}
            for order, factor, components in parts:
                total, change = factor, 0.0
                for component in components:
                    if component not in known:
                        moved = sum(float(contraction.component(each, table)[0]) for each in component.on_surface())
                        known[component] = float(contraction.component(component, table)[0]), cutoff * moved
                    integral, surface = known[component]
                    total, change = total * integral, change * integral + total * surface
                value[order] = value.get(order, 0.0) + total
                slope[order] = slope.get(order, 0.0) + change
            values.append(value)
            slopes.append(slope)
        return CutoffCoefficients(tuple(values), tuple(slopes))


def _summands(
    correlator: Correlator, row: tuple[int, ...], between: FloatArray
) -> Iterator[tuple[tuple[int, ...], float, tuple[Component, ...]]]:
    """(order, everything that does not know the cutoff, connected integrals) of each labelled diagram with vertices."""
    for each in summands(correlator):
        if any(each.term.order):
            lines = prod(float(between[row[a], row[b]]) for a, b in each.free)
            yield each.term.order, each.factor * lines, each.components


@dataclass(frozen=True, slots=True)
class CutoffCoefficients:
    """Coefficients of prod g^p in each correlator, without the Gaussian part, and their derivatives in log Lambda."""

    values: tuple[Table, ...]
    slopes: tuple[Table, ...]

    def correlators(self, couplings: FloatArray) -> FloatArray:
        """What every correlator has beyond the Gaussian part, shape (correlators,)."""
        return np.array([_polynomial(row, couplings) for row in self.values])

    def sizes(self, couplings: FloatArray) -> FloatArray:
        """The same with every order's term counted positive: what a change is to be compared with."""
        return np.array([_polynomial(row, couplings, positive=True) for row in self.values])

    def natural_size(self, couplings: FloatArray) -> FloatArray:
        """For each coupling the value whose own term would be as large as all terms of its correlator, 1 if there are none."""
        own = np.array([abs(_slope(row, 0 * couplings, place)) for place, row in enumerate(self.values)])
        sizes = self.sizes(couplings)
        return np.where((own > 0) & (sizes > 0), sizes / np.where(own > 0, own, 1.0), 1.0)

    def beta(self, couplings: FloatArray) -> FloatArray:
        """Dg/dlog Lambda of every coupling; raises InputError where the system is singular."""
        size = len(couplings)
        matrix = np.array([[_slope(row, couplings, place) for place in range(size)] for row in self.values])
        drift = np.array([_polynomial(row, couplings) for row in self.slopes])
        scale = np.abs(matrix).max(axis=1)
        if np.all(scale > 0):
            try:
                result: FloatArray = -np.linalg.solve(matrix / scale[:, None], drift / scale)
            except np.linalg.LinAlgError:
                pass
            else:
                if np.all(np.isfinite(result)):
                    return result
        raise InputError(
            f"couplings {couplings.tolist()}: the correlators do not determine how they run there; perturbation theory has "
            "broken down, or an integral vanishes at these inputs"
        )


def _polynomial(table: Table, couplings: FloatArray, *, positive: bool = False) -> float:
    terms = [float(value * np.prod(couplings ** np.array(order))) for order, value in table.items()]
    return sum(map(abs, terms)) if positive else sum(terms)


def _slope(table: Table, couplings: FloatArray, place: int) -> float:
    total = 0.0
    for order, value in table.items():
        if order[place]:
            lowered = np.array(order)
            lowered[place] -= 1
            total += value * order[place] * float(np.prod(couplings**lowered))
    return total


def coupling_flow(
    equations: FlowEquations, start: Mapping[str, float], cutoffs: Sequence[float], *, tolerance: float = 1e-9
) -> Flow:
    """Integrate the flow from `start`, given at the first of `cutoffs`, to the others, in the order given.

    `tolerance` is SciPy's relative one. Raises InputError for missing or unknown couplings, fewer than two cutoffs, cutoffs
    that do not contain the inputs, or a flow that cannot be continued.
    """
    names = equations.couplings
    if set(start) != set(names):
        raise InputError(f"couplings {', '.join(sorted(start)) or 'none'} given: expected {', '.join(names)}")
    first = np.array([float(start[name]) for name in names])
    places = [float(cutoff) for cutoff in cutoffs]
    if len(places) < 2:
        raise InputError(f"{len(places)} cutoffs: expected the one that the couplings belong to, and others")
    for cutoff in places:
        check_cutoff(cutoff, equations.inputs)
    if not np.all(np.isfinite(first)):
        raise InputError(f"couplings {first.tolist()}: expected finite numbers")
    rows = [first]
    for here, there in pairwise(places):
        rows.append(_carried(equations, rows[-1], here, there, tolerance) if here != there else rows[-1])
    tables = [equations.at(cutoff) for cutoff in places]
    fixed = np.array([table.correlators(row) for table, row in zip(tables, rows, strict=True)])
    sizes = tables[0].sizes(rows[0])
    size = np.where(sizes == 0, 1.0, sizes)
    return Flow(
        names,
        equations.kernel.name,
        np.array(places),
        np.array(rows),
        np.array([table.beta(row) for table, row in zip(tables, rows, strict=True)]),
        float(np.max(np.abs(fixed - fixed[0]) / size)),
    )


def _carried(equations: FlowEquations, start: FloatArray, here: float, there: float, tolerance: float) -> FloatArray:
    """The couplings at the cutoff `there`.

    A coupling may fall by many orders of magnitude, so c = g (Lambda/here)^e is integrated instead, with e = -beta(g)/g at
    the start: c hardly moves where g follows a power law. A coupling that starts at zero is measured by what would make
    its correlator as large as the others do.
    """
    first = equations.at(here)
    zero = start == 0
    scale = np.where(zero, first.natural_size(start), np.abs(start))
    powers = np.where(zero, 0.0, -first.beta(start) / np.where(zero, 1.0, start))
    powers = np.clip(powers, -_STEEPEST, _STEEPEST)

    def slope(position: float, scaled: FloatArray) -> FloatArray:
        weight = scale * np.exp(-powers * position)
        beta = equations.at(here * float(np.exp(position))).beta(scaled * weight)
        result: FloatArray = beta / weight + powers * scaled
        return result

    end = log(there / here)
    absolute = np.where(zero, tolerance, _ABSOLUTE * tolerance)
    solution = solve_ivp(slope, (0.0, end), start / scale, method="DOP853", rtol=tolerance, atol=absolute)
    if not solution.success:
        raise InputError(f"the flow stops between Lambda = {here:g} and {there:g}: {solution.message}")
    result: FloatArray = solution.y[:, -1] * scale * np.exp(-powers * end)
    return result
