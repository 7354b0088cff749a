"""Oracle: the ground-state energy of H = p^2/2 + x^2/2 + sum_k g_k x^k by Rayleigh-Schroedinger perturbation theory.

No diagrams: states are expanded in the oscillator's, order by order in the couplings, in exact Fractions. The basis is
|n) = (a^+)^n |0), not normalised, so that q = a + a^+ has integer matrix elements, q |n) = |n+1) + n |n-1); and
x^k = 2^(-k/2) q^k, where the odd powers of sqrt(2) always come in pairs. With E the energy above 1/2 and (0|psi) = 1,

    n psi_n[p] + (V psi)_n[p] = sum_r E[r] psi_n[p - r].
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

Order: TypeAlias = tuple[int, ...]
State: TypeAlias = dict[int, Fraction]


def times_q(state: State, power: int) -> State:
    """q^power applied to a state."""
    for _ in range(power):
        result: State = {}
        for n, amplitude in state.items():
            result[n + 1] = result.get(n + 1, Fraction(0)) + amplitude
            if n:
                result[n - 1] = result.get(n - 1, Fraction(0)) + n * amplitude
        state = result
    return state


def energy(valences: Sequence[int], order: Order) -> Fraction:
    """The coefficient of prod_k g_k^order[k] in the ground-state energy at m = 1."""
    powers = sum(valence * number for valence, number in zip(valences, order, strict=True))
    if powers % 2:
        return Fraction(0)

    def lower(whole: Order) -> list[Order]:
        return [part for part in product(*(range(number + 1) for number in whole)) if any(part) and part != whole]

    @cache
    def perturbed(whole: Order) -> State:
        """V psi at one order, in q instead of x."""
        total: State = {}
        for index, valence in enumerate(valences):
            if whole[index]:
                rest = (*whole[:index], whole[index] - 1, *whole[index + 1 :])
                for n, amplitude in times_q(solved(rest)[1], valence).items():
                    total[n] = total.get(n, Fraction(0)) + amplitude
        return total

    @cache
    def solved(whole: Order) -> tuple[Fraction, State]:
        """E and psi at one order."""
        if not any(whole):
            return Fraction(1, 2), {0: Fraction(1)}
        right = {n: -amplitude for n, amplitude in perturbed(whole).items()}
        for part in lower(whole):
            shift = solved(part)[0]
            rest = tuple(a - b for a, b in zip(whole, part, strict=True))
            for n, amplitude in solved(rest)[1].items():
                right[n] = right.get(n, Fraction(0)) + shift * amplitude
        return perturbed(whole).get(0, Fraction(0)), {n: value / n for n, value in right.items() if n}

    return solved(order)[0] * Fraction(1, 2 ** (powers // 2))


def lowest_eigenvalue(couplings: dict[int, float], size: int) -> float:
    """The lowest eigenvalue of H in the first `size` oscillator states, in floating point."""
    ladder = np.diag(np.sqrt(np.arange(1, size + 8)), 1)
    position = (ladder + ladder.T) / np.sqrt(2)
    hamiltonian = np.diag(np.arange(size + 8) + 0.5)
    for valence, coupling in couplings.items():
        hamiltonian += coupling * np.linalg.matrix_power(position, valence)
    return float(np.linalg.eigvalsh(hamiltonian[:size, :size])[0])
