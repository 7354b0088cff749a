"""Printed form and arithmetic of a measured number."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feyn_nn.errors import InputError
from feyn_nn.estimate import Estimate

PRINTED = re.compile(r"(-?\d+)(?:\.(\d+))?\((\d+)\)(?:e([+-]\d+))?")


@pytest.mark.parametrize(
    ("mean", "error", "text"),
    [
        (0.31502, 0.0072, "0.3150(72)"),
        (-0.31502, 0.0072, "-0.3150(72)"),
        (1.0, 0.0995, "1.00(10)"),  # rounds up into one digit more
        (1.0, 0.0994, "1.000(99)"),
        (10.0, 0.996, "10.0(10)"),
        (1234.0, 560.0, "1230(560)"),
        (1234.0, 56.0, "1234(56)"),
        (1234.0, 5.6, "1234.0(56)"),
        (0.001, 0.5, "0.00(50)"),  # the error is larger than the mean
        (0.0, 0.5, "0.00(50)"),
        (-1.25e-7, 3e-10, "-1.2500(30)e-07"),
        (2.5e12, 1e10, "2.500(10)e+12"),
        (0.25, 0.0, "0.25(0)"),
        (0.0, 0.0, "0(0)"),
        (0.3, None, "0.3(no error bar)"),
        (0.3, math.inf, "0.3(no error bar)"),
        (0.3, math.nan, "0.3(no error bar)"),
        (math.nan, 0.1, "nan(no error bar)"),
    ],
)
def test_printed_form(mean: float, error: float | None, text: str) -> None:
    assert str(Estimate(mean, error, 10)) == text


@settings(max_examples=500, derandomize=True, deadline=None)
@given(
    st.floats(-1e30, 1e30, allow_nan=False),
    st.floats(1.0, 10.0),
    st.integers(-25, 25),
    st.sampled_from([1.0, -1.0, 0.0]),
    st.integers(-8, 8),
)
def test_printed_form_gives_back_the_value_and_two_digits_of_the_error(
    noise: float, mantissa: float, exponent: int, sign: float, ratio: int
) -> None:
    error = mantissa * 10.0**exponent
    mean = sign * error * 10.0**ratio * (1.0 + abs(noise) / 1e31)
    text = str(Estimate(mean, error, 10))
    match = PRINTED.fullmatch(text)
    assert match, text
    whole, decimals, digits, power = match.groups()
    scale = Fraction(10) ** int(power or 0)
    shown = Fraction(f"{whole}.{decimals or 0}") * scale
    shown_error = int(digits) * scale / 10 ** len(decimals or "")
    unit = Fraction(10) ** (math.floor(math.log10(error)) - 1)
    half = unit * (5 if Fraction(error) / unit >= Fraction(994999, 10000) else Fraction(1, 2))  # 5: 99.5 becomes 100
    half *= 1 + Fraction(1, 10**6)
    assert abs(shown_error - Fraction(error)) <= half, text
    assert abs(shown - Fraction(mean)) <= half + abs(Fraction(mean)) / 10**15, text
    assert len(digits.rstrip("0")) <= 2, text


@pytest.mark.parametrize("n", [2, 3, 10, 57])
def test_from_experiments_agrees_with_numpy(n: int) -> None:
    values = np.random.default_rng(n).normal(3.0, 2.0, size=n)
    estimate = Estimate.from_experiments([float(value) for value in values])
    assert estimate.error is not None
    assert estimate.n == n
    assert estimate.mean == pytest.approx(np.mean(values), rel=1e-14)
    assert estimate.error == pytest.approx(np.std(values, ddof=1) / math.sqrt(n), rel=1e-13)


def test_error_bar_is_equivariant_and_unbiased() -> None:
    values = [float(value) for value in np.random.default_rng(5).normal(size=12)]
    plain = Estimate.from_experiments(values)
    moved = Estimate.from_experiments([8.0 - 4.0 * value for value in values])
    assert plain.error is not None
    assert moved.error is not None
    assert moved.mean == pytest.approx(8.0 - 4.0 * plain.mean)
    assert moved.error == pytest.approx(4.0 * plain.error)
    # All samples of two from {0, 1}: the mean of error^2 is the variance of the mean, 1/8, exactly.
    squares = [Estimate.from_experiments([a, b]).error for a in (0.0, 1.0) for b in (0.0, 1.0)]
    assert sum((error or 0.0) ** 2 for error in squares) / 4 == pytest.approx(1 / 8)


@pytest.mark.parametrize("values", [[], [1.0]])
def test_fewer_than_two_experiments_have_no_error_bar(values: list[float]) -> None:
    with pytest.raises(InputError, match=f"at least two independent experiments, got {len(values)}"):
        Estimate.from_experiments(values)
