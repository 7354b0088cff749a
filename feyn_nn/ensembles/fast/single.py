"""Normals and activations in float32, free of branches: polynomials on reduced arguments.

Coefficients are minimax fits (relative error below 4e-9 for sine, 6e-11 for cosine, 3e-8 for the logarithm, 2e-9 for the
exponential, 2e-8 for erf), so that rounding to 24 bits is what remains.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.ensembles.fast.compiler import compiled, fma, inlined, polynomial, single_bits, single_from_bits

if TYPE_CHECKING:
    import numpy.typing as npt

NORMALS_PER_CALL: Final = 4
"""Normals that one call of Philox gives."""


def _constants(*values: float) -> tuple[np.float32, ...]:
    return tuple(np.float32(value) for value in values)


_MINUS_2_LOG: Final = _constants(
    *(
        -2 * c
        for c in (
            0.9999999741889697,
            -0.4999998807951225,
            0.3333418585701299,
            -0.250020640370673,
            0.19956816317424408,
            -0.16562608688862393,
            0.149526609840948,
            -0.1436550640064645,
            0.08719631470272543,
        )
    )
)
"""-2 log(1 + f) / f for 1/sqrt 2 < 1 + f < sqrt 2."""
_SINE: Final = _constants(0.7853981608504249, -0.08074543251232613, 0.0024900009849147964, -3.5950428229074576e-05)
"""sin(pi v / 4) / v in powers of v^2, |v| < 1."""
_COSINE: Final = _constants(
    0.9999999999438466, -0.3084251348905546, 0.015854323910486374, -0.00032593649788538833, 3.528760260945051e-06
)
"""cos(pi v / 4) in powers of v^2, |v| < 1."""
_EXP: Final = _constants(
    1.0000000005584184,
    1.0000000363521222,
    0.4999999200237688,
    0.1666642005333165,
    0.041668242783570585,
    0.008374824927106629,
    0.0013835919711442364,
)
"""exp(r) for |r| < log(2) / 2."""
_ERF: Final = _constants(
    1.128379225730896,
    0.19023500382900238,
    0.05272557586431503,
    0.003758255857974291,
    0.00028471442055888474,
    2.0512775336101186e-06,
)
_ERF_DENOMINATOR: Final = _constants(
    1.0,
    0.5019242167472839,
    0.11403785645961761,
    0.014954318292438984,
    0.001160755637101829,
    3.8095469790278e-05,
)
"""erf(z) / z is the quotient of the two in powers of z^2, |z| < 3.92."""
_ERF_RANGE: Final = np.float32(3.92)  # beyond, erf rounds to 1

_ZERO, _ONE = _constants(0, 1)
_2_POW_M32, _2_POW_M40, _2_POW_M41 = _constants(2**-32, 2**-40, 2**-41)
_2_POW_M21, _2_POW_M22 = _constants(2**-21, 2**-22)
_MINUS_2_LOG_2: Final = np.float32(-2 * log(2))
_ROOT_HALF_BITS: Final = np.int32(0x3F3504F3)
_FRACTION: Final = np.int32(0x7FFFFF)
_FRACTION_BITS: Final = np.int32(23)
_LOG2_E: Final = np.float32(1 / log(2))
_LOG_2_UPPER: Final = np.float32(0.693359375)  # few bits: its product with an exponent is exact
_LOG_2_LOWER: Final = np.float32(log(2) - 0.693359375)
_EXP_RANGE: Final = _constants(-104.0, 89.0)
_ROUNDING: Final = np.float32(1.5 * 2**23)
_BIAS: Final = np.int32(127)


@inlined
def normal_pair(a: np.uint32, b: np.uint32) -> tuple[np.float32, np.float32]:
    """Two independent normals r (cos, sin) of two random words (Box and Muller 1958).

    The radius is r = sqrt(-2 log u) with u = (2^8 a + the lowest 8 bits of b + 1/2) / 2^40, up to 7.5; u is
    rounded to 24 bits, and a small radius has a relative error of 2^-26 / r^2. The angle has the other 24 bits of b, two of
    which choose the axis that it starts from.
    """
    u = fma(np.float32(a), _2_POW_M32, fma(np.float32(np.int32(b & np.uint32(0xFF))), _2_POW_M40, _2_POW_M41))
    shifted = np.int32(single_bits(u) - _ROOT_HALF_BITS)
    exponent = np.float32(np.int32(shifted >> _FRACTION_BITS))
    f = single_from_bits(np.int32((shifted & _FRACTION) + _ROOT_HALF_BITS)) - _ONE
    radius = np.sqrt(fma(exponent, _MINUS_2_LOG_2, f * polynomial(f, _MINUS_2_LOG)))
    signed = single_from_bits(np.int32(single_bits(radius) | np.int32(b & np.uint32(0x80000000))))
    v = fma(np.float32(np.int32(np.int32(b << np.uint32(2)) >> np.int32(10))), _2_POW_M21, _2_POW_M22)
    square = v * v
    sine = v * polynomial(square, _SINE)
    cosine = polynomial(square, _COSINE)
    swapped = (b & np.uint32(0x40000000)) != np.uint32(0)
    return signed * (sine if swapped else cosine), signed * (cosine if swapped else sine)


@compiled
def fill_normals(words: npt.NDArray[np.uint32], normals: npt.NDArray[np.float32], row: int, size: int) -> None:
    """Turn words (4, lanes) into rows `row` to `row + 3` of `normals`, the first `size` lanes."""
    for pair in range(2):
        for lane in range(size):
            x, y = normal_pair(words[2 * pair, lane], words[2 * pair + 1, lane])
            normals[row + 2 * pair, lane] = x
            normals[row + 2 * pair + 1, lane] = y


@inlined
def relu(z: np.float32) -> np.float32:
    """max(z, 0)."""
    return max(z, _ZERO)


@inlined
def exp(z: np.float32) -> np.float32:
    """e^z: 0 below and infinite above the range of float32, subnormal numbers included."""
    clipped = min(max(z, _EXP_RANGE[0]), _EXP_RANGE[1])
    rounded = fma(clipped, _LOG2_E, _ROUNDING)
    exponent = np.int32(single_bits(rounded) - single_bits(_ROUNDING))
    integer = rounded - _ROUNDING
    rest = fma(integer, -_LOG_2_LOWER, fma(integer, -_LOG_2_UPPER, clipped))
    half = np.int32(exponent >> np.int32(1))
    lower = single_from_bits(np.int32((half + _BIAS) << _FRACTION_BITS))
    upper = single_from_bits(np.int32((exponent - half + _BIAS) << _FRACTION_BITS))
    return polynomial(rest, _EXP) * lower * upper


@inlined
def erf(z: np.float32) -> np.float32:
    """The error function, by a quotient of polynomials with positive coefficients."""
    clipped = min(max(z, -_ERF_RANGE), _ERF_RANGE)
    square = clipped * clipped
    return clipped * polynomial(square, _ERF) / polynomial(square, _ERF_DENOMINATOR)
