"""Normals and activations in float64, free of branches; the structure is that of `single`.

Coefficients are minimax fits, relative error below 2e-18 (logarithm, exponential, cosine, sine 4e-18) and 4e-17 (erf).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.ensembles.fast.compiler import compiled, double_bits, double_from_bits, fma, inlined, polynomial

if TYPE_CHECKING:
    import numpy.typing as npt

NORMALS_PER_CALL: Final = 2
"""Normals that one call of Philox gives."""

_MINUS_2_LOG: Final = (
    -2.0 * 2.0,
    -2.0 * 0.6666666666666765,
    -2.0 * 0.39999999999299257,
    -2.0 * 0.2857142876125812,
    -2.0 * 0.22222196997214713,
    -2.0 * 0.18183634643123017,
    -2.0 * 0.15312454910180068,
    -2.0 * 0.14810421547285058,
)
"""-2 log((1 + t)/(1 - t)) / t in powers of t^2, both sides of 1 up to a factor sqrt 2."""
_SINE: Final = (
    0.7853981633974483,
    -0.08074551218828054,
    0.002490394570188733,
    -3.657620415844542e-05,
    3.133616216456148e-07,
    -1.7571492809085849e-09,
    6.877097150253962e-12,
)
"""sin(pi v / 4) / v in powers of v^2, |v| < 1."""
_COSINE: Final = (
    1.0,
    -0.30842513753404244,
    0.01585434424381541,
    -0.0003259918869266873,
    3.5908604458852208e-06,
    -2.461136382564886e-08,
    1.150049697960108e-10,
    -3.857760917376725e-13,
)
"""cos(pi v / 4) in powers of v^2, |v| < 1."""
_EXP: Final = (
    1.0,
    1.0,
    0.5000000000000018,
    0.16666666666666163,
    0.04166666666649269,
    0.00833333333356123,
    0.0013888888951245758,
    0.0001984126942905012,
    2.4801486495877493e-05,
    2.7557625467855335e-06,
    2.763230334993529e-07,
    2.499344076222713e-08,
)
"""exp(r) for |r| < log(2) / 2."""
_ERF: Final = (
    1.1283791670955126,
    0.22014598762565546,
    0.0661167791291083,
    0.006888099987315163,
    0.00085552423133245,
    5.692695203417515e-05,
    3.899469981228363e-06,
    1.6941986629729846e-07,
    6.757958622393195e-09,
    1.719180065305526e-10,
    3.3362615223282573e-12,
    2.2274826740790323e-14,
    1.5721205012206813e-17,
)
_ERF_DENOMINATOR: Final = (
    1.0,
    0.5284326350975765,
    0.13473868158765345,
    0.021983573836114833,
    0.0025642781737253754,
    0.00022604442467508043,
    1.5494519585288895e-05,
    8.347723875712783e-07,
    3.514406128782965e-08,
    1.1242128621520234e-09,
    2.5487529192011813e-11,
    3.3195653243167365e-13,
    8.854564448391991e-16,
)
"""erf(z) / z is the quotient of the two in powers of z^2, |z| < 5.93."""
_ERF_RANGE: Final = 5.93  # beyond, erf rounds to 1

_ZERO: Final = 0.0
_MINUS_2_LOG_2: Final = -1.3862943611198906
_ROOT_HALF_BITS: Final = np.int64(0x3FE6A09E667F3BCD)
_FRACTION: Final = np.int64(0xFFFFFFFFFFFFF)
_FRACTION_BITS: Final = np.int64(52)
_LOG2_E: Final = 1.4426950408889634
_LOG_2_UPPER: Final = float.fromhex("0x1.62e42fee00000p-1")  # its product with an exponent is exact
_LOG_2_LOWER: Final = float.fromhex("0x1.a39ef35793c76p-33")
_EXP_RANGE: Final = (-746.0, 710.0)
_ROUNDING: Final = 1.5 * 2.0**52
_BIAS: Final = np.int64(1023)


@inlined
def normal_pair(a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32) -> tuple[float, float]:
    """Two independent normals r (cos, sin) of four random words (Box and Muller 1958).

    The radius is r = sqrt(-2 log u) with u = (2^32 a + b + 1/2) / 2^64, up to 9.4; the angle has the 64 bits of c and d, two of
    which choose the axis that it starts from.
    """
    u = fma(np.float64(a), 2.0**-32, fma(np.float64(b), 2.0**-64, 2.0**-65))
    shifted = double_bits(u) - _ROOT_HALF_BITS
    exponent = np.float64(shifted >> _FRACTION_BITS)
    m = double_from_bits((shifted & _FRACTION) + _ROOT_HALF_BITS)
    t = (m - 1.0) / (m + 1.0)
    radius = np.sqrt(fma(exponent, _MINUS_2_LOG_2, t * polynomial(t * t, _MINUS_2_LOG)))
    signed = double_from_bits(double_bits(radius) | (np.int64(c & np.uint32(0x80000000)) << np.int64(32)))
    v = fma(np.float64(np.int32(c << np.uint32(2))), 2.0**-31, fma(np.float64(d), 2.0**-61, 2.0**-62))
    square = v * v
    sine = v * polynomial(square, _SINE)
    cosine = polynomial(square, _COSINE)
    swapped = (c & np.uint32(0x40000000)) != np.uint32(0)
    return signed * (sine if swapped else cosine), signed * (cosine if swapped else sine)


@compiled
def fill_normals(words: npt.NDArray[np.uint32], normals: npt.NDArray[np.float64], row: int, size: int) -> None:
    """Turn words (4, lanes) into rows `row` and `row + 1` of `normals`, the first `size` lanes."""
    for lane in range(size):
        x, y = normal_pair(words[0, lane], words[1, lane], words[2, lane], words[3, lane])
        normals[row, lane] = x
        normals[row + 1, lane] = y


@inlined
def relu(z: float) -> float:
    """max(z, 0)."""
    return max(z, _ZERO)


@inlined
def exp(z: float) -> float:
    """e^z: 0 below and infinite above the range of float64, subnormal numbers included."""
    clipped = min(max(z, _EXP_RANGE[0]), _EXP_RANGE[1])
    rounded = fma(clipped, _LOG2_E, _ROUNDING)
    exponent = double_bits(rounded) - double_bits(_ROUNDING)
    integer = rounded - _ROUNDING
    rest = fma(integer, -_LOG_2_LOWER, fma(integer, -_LOG_2_UPPER, clipped))
    half = exponent >> np.int64(1)
    lower = double_from_bits((half + _BIAS) << _FRACTION_BITS)
    upper = double_from_bits((exponent - half + _BIAS) << _FRACTION_BITS)
    return polynomial(rest, _EXP) * lower * upper


@inlined
def erf(z: float) -> float:
    """The error function, by a quotient of polynomials with positive coefficients."""
    clipped = min(max(z, -_ERF_RANGE), _ERF_RANGE)
    square = clipped * clipped
    return clipped * polynomial(square, _ERF) / polynomial(square, _ERF_DENOMINATOR)
