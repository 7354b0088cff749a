"""Gauss-net's correlators in closed form: against its log-normal neurons multiplied out, and against its kernel."""

from __future__ import annotations

from itertools import product
from math import exp, prod
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy

from feyn_nn.errors import InputError, LimitError
from feyn_nn.kernels import GaussKernel
from feyn_nn.symbolic.exact_gauss import (
    WIDTH,
    gauss_connected,
    gauss_correlator,
    gauss_delta,
    gauss_moment,
    leg_points,
)
from feyn_nn.symbolic.kernels import SYMBOLS, symbolic_kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

W, S = 0.49, 0.36
VALUES = {SYMBOLS.sigma_w: sympy.Rational(7, 10), SYMBOLS.sigma_b: sympy.Rational(3, 5)}
PLANE = [(0.5, -0.25), (1.0, 0.75), (-0.5, 0.125), (0.25, 0.25), (1.5, -1.0), (0.0, 0.5)]
LINE = [(0.5,), (-0.75,), (1.25,), (0.25,), (0.5,), (-1.0,)]


def number(expression: Any, points: Sequence[Sequence[float]], width: int = 1) -> float:
    """An expression in the coordinates of `leg_points` at numbers."""
    legs = leg_points(len(points), len(points[0]))
    symbols = [symbol for leg in legs for symbol in leg]
    values = {symbol: sympy.Rational(value) for symbol, value in zip(symbols, np.ravel(points), strict=True)}
    return float(expression.evalf(25, subs={**VALUES, **values, WIDTH: width}))


def log_normal(points: Sequence[Sequence[float]]) -> float:
    """E prod exp(z(x)) / exp(s + w |x|^2 / d), from the variance of the sum of the Gaussian z's."""
    x = np.array(points)
    covariance = S + W / x.shape[1] * x @ x.T
    return exp(covariance.sum() / 2 - sum(S + W / x.shape[1] * float(p @ p) for p in x))


def multiplied_out(points: Sequence[Sequence[float]], width: int) -> float:
    """E of the product of f = sum_i W_i phi_i + b: which term each leg takes, Gaussian weights, independent neurons."""

    def gaussian(power: int, variance: float) -> float:
        return variance ** (power // 2) * prod(range(power - 1, 0, -2)) if power % 2 == 0 else 0.0

    total = 0.0
    for terms in product(range(width + 1), repeat=len(points)):
        part = gaussian(terms.count(width), S)
        for neuron in set(terms) - {width}:
            at = [p for p, term in zip(points, terms, strict=True) if term == neuron]
            part *= gaussian(len(at), W / width) * log_normal(at)
        total += part
    return total


@pytest.mark.parametrize("points", [LINE, PLANE], ids=["d_in=1", "d_in=2"])
@pytest.mark.parametrize("n", [2, 4, 6])
def test_correlators_are_those_of_the_network_multiplied_out(n: int, points: Sequence[Sequence[float]]) -> None:
    legs = leg_points(n, len(points[0]))
    found = gauss_correlator(legs)
    for width in (1, 2, 3):
        assert number(found, points[:n], width) == pytest.approx(multiplied_out(points[:n], width), rel=1e-12)
    assert number(found, points[:n], 2) != pytest.approx(multiplied_out(points[:n], 3), rel=1e-6) or n == 2


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_moments_are_those_of_a_log_normal_neuron(n: int) -> None:
    for points in (LINE[:n], PLANE[:n]):
        moment = gauss_moment(leg_points(n, len(points[0])))
        assert number(moment, points) == pytest.approx(log_normal(points), rel=1e-13)


def test_the_two_point_function_is_the_kernel() -> None:
    for d_in in (1, 2, 3):
        x, y = leg_points(2, d_in)
        kernel = symbolic_kernel(GaussKernel(d_in)).between(x, y)
        assert sympy.expand(
            sympy.log(gauss_moment((x, y))) - sympy.log((kernel - SYMBOLS.sigma_b**2) / SYMBOLS.sigma_w**2)
        ).equals(0)
        points = PLANE if d_in == 2 else [p[:1] * d_in for p in LINE]
        assert number(gauss_connected((x, y)), points[:2]) == pytest.approx(number(kernel, points[:2]), rel=1e-14)


def test_at_one_point_for_any_parameters() -> None:
    """N kappa4 = 3 w^2 (e^{4s + 4w c^2/d} - 1), not invariant under translations though the kernel is."""
    c = sympy.Symbol("c", real=True)
    w, s = SYMBOLS.sigma_w**2, SYMBOLS.sigma_b**2
    assert sympy.expand(WIDTH * gauss_connected([c] * 4) - 3 * w**2 * (sympy.exp(4 * s + 4 * w * c**2) - 1)) == 0
    assert not gauss_connected([c] * 2).has(c)
    # kappa6: 15 M6 - 45 M4 M2 + 30 M2^3 with M_n = exp(n (n-2) (s + w c^2) / 2)
    u = s + w * c**2
    sixth = w**3 * (15 * sympy.exp(sympy.expand(12 * u)) - 45 * sympy.exp(sympy.expand(4 * u)) + 30)
    assert sympy.expand(WIDTH**2 * gauss_connected([c] * 6) - sixth) == 0


@pytest.mark.parametrize("n", [4, 6])
def test_powers_of_the_width(n: int) -> None:
    """G is a polynomial of degree n/2 - 1 in 1/N, and Delta G is G without its constant, the Gaussian process."""
    legs, points = leg_points(n), LINE[:n]
    full, delta = gauss_correlator(legs), gauss_delta(legs)
    widths = (1, 2, 5, 20)
    values = [number(full, points, width) for width in widths[: n // 2]]
    polynomial = np.polynomial.Polynomial(
        np.linalg.solve(np.vander([1 / width for width in widths[: n // 2]], increasing=True), values)
    )
    assert number(full, points, 20) == pytest.approx(polynomial(1 / 20), rel=1e-11)
    assert number(delta, points, 20) == pytest.approx(polynomial(1 / 20) - polynomial(0), rel=1e-9)
    lower = np.polynomial.Polynomial(polynomial.coef[:-1])
    assert number(full, points, 20) != pytest.approx(lower(1 / 20), rel=1e-6)
    assert gauss_delta(leg_points(2)) == 0


def test_odd_correlators_vanish_but_odd_moments_do_not() -> None:
    for n in (1, 3, 5):
        assert gauss_correlator(leg_points(n)) == gauss_connected(leg_points(n)) == gauss_delta(leg_points(n)) == 0
    assert gauss_moment(leg_points(3)) != 0


def test_what_is_refused() -> None:
    with pytest.raises(LimitError, match="9 points"):
        gauss_connected(leg_points(9))
    with pytest.raises(InputError, match="no points"):
        gauss_moment([])
    with pytest.raises(InputError, match="1, 2 coordinates"):
        gauss_correlator([(1,), (1, 2)])
    with pytest.raises(InputError, match="d_in = 0"):
        leg_points(2, 0)
    with pytest.raises(InputError, match="expected a number or a SymPy expression"):
        gauss_delta(["__import__('os')", "x2"])
