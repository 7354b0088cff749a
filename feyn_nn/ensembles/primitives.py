"""Normal random numbers and the error function, as passes of NumPy's vector operations over pieces of an array.

`Generator.standard_normal` and `scipy.special.erf` branch from number to number; where NumPy has vector instructions for
log, tan and exp (AVX-512), these take half and a quarter of the time. A piece is long enough that threads seldom wait for
the interpreter's lock between two passes, and short enough for a cache. Everything happens in place and in a workspace,
of which every thread needs its own.

Normals come in pairs (x, y) = r (cos 2a, sin 2a) (Box and Muller, Ann. Math. Stat. 29 (1958) 610):

    r = sqrt(-2 log u),  u = |k + 1/2| / 2^63,  k a signed word of 64 bits,
    a = pi (j + 1/2) / 2^32,  j a signed word of 32 bits,
    cos 2a = 2 / (1 + t^2) - 1,  sin 2a = 2 t / (1 + t^2),  t = tan a.

u has all the digits of a double down to 2^-64, so that the tails end at 9.4 standard deviations. 2^32 angles are enough: the
mean of a trigonometric polynomial of degree below n over n equidistant angles is the mean over the circle, so that
polynomials in x and y have the means that r gives them.

The error function is stepped from the nearest node z_0 of a grid, where SciPy has tabulated it. With h = z - z_0 and
m = (z + z_0) / 2 the mean of exp(-t^2) over the step is, by the first two cumulants of t^2,

    exp(-(m^2 + h^2 / 12) + m^2 h^2 / 6 + O(h^4)),  so that
    erf(z) = erf(z_0) + 2 h / sqrt(pi e) exp((h^2 / 6 - 1) (m^2 - 1/2)).

|h| <= 2^-11, and what is left out is at most 3e-19; around z_0 = 0 it is h^4 / 360 < 2e-16 of erf(z).
"""

from __future__ import annotations

from math import e, pi, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from feyn_nn.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from feyn_nn.arrays import FloatArray

PIECE: Final = 2**16
_NODES: Final = 2**14
_SPACING: Final = 2.0**-10
_ROUNDING: Final = 1.5 * 2.0**52 * _SPACING
"""z plus this holds z / spacing, rounded to an integer, in its lowest bits: modulo `_NODES` the place in the table."""
_SATURATION: Final = 6.0
"""Where erf is 1 to the precision of a double."""


def _tabulate() -> FloatArray:
    """Return erf at 0, 1, ..., and then at ..., -2, -1 spacings."""
    nodes = np.roll(np.arange(-_NODES // 2, _NODES // 2), _NODES // 2) * _SPACING
    table: FloatArray = special.erf(nodes)
    table.setflags(write=False)
    return table


_TABLE: Final = _tabulate()


def workspace() -> FloatArray:
    """Return the memory in which `normals` and `erf` work; nothing in it lives from one call to the next."""
    return np.empty((3, PIECE))


def normals(generator: np.random.Generator, out: FloatArray, work: FloatArray) -> None:
    """Fill `out`, contiguous and of any shape, with independent standard normals.

    They depend on the state of the generator and the size of `out` alone. The bit generator must yield words of 64 bits, as
    Philox, PCG64 and SFC64 do; a pair takes one and a half. Raises InputError for an array that is not contiguous.
    """
    bits = generator.bit_generator
    flat = _flat(out)
    for start in range(0, flat.size - 1, 2 * PIECE):
        pairs = min(PIECE, (flat.size - start) // 2)
        radii = bits.random_raw(pairs).view(np.int64)
        angles = bits.random_raw(-(-pairs // 2)).view(np.int32)[:pairs]
        box_muller(radii, angles, flat[start : start + 2 * pairs], work)
    if flat.size % 2:
        pair = np.empty(2)
        normals(generator, pair, work)
        flat[-1] = pair[0]


def box_muller(radii: npt.NDArray[np.int64], angles: npt.NDArray[np.int32], out: FloatArray, work: FloatArray) -> None:
    """Turn n words k and n words j, n <= PIECE, into `out` = (x_1, ..., x_n, y_1, ..., y_n), to 1e-15 r."""
    pairs = len(radii)
    x, y, factor = out[:pairs], out[pairs:], work[0, :pairs]
    np.copyto(x, radii)
    x += 0.5
    np.absolute(x, out=x)
    x *= 2.0**-63
    np.log(x, out=x)
    x *= -2.0
    np.sqrt(x, out=x)
    np.copyto(y, angles)
    y += 0.5
    y *= pi / 2**32
    np.tan(y, out=y)
    np.multiply(y, y, out=factor)
    factor += 1.0
    np.divide(x, factor, out=factor)
    factor *= 2.0
    y *= factor
    np.subtract(factor, x, out=x)


def erf(z: FloatArray, work: FloatArray) -> None:
    """Overwrite `z`, contiguous and of any shape, with its error function, to 4e-16 and to 6e-16 of its value.

    The result is exactly odd, +-1 at +-infinity, and NaN where z is. Raises InputError for an array that is not contiguous.
    """
    flat = _flat(z)
    for start in range(0, flat.size, PIECE):
        _erf(flat[start : start + PIECE], work)


def _erf(z: FloatArray, work: FloatArray) -> None:
    exponent, other, step = work[:, : z.size]
    place = other.view(np.int64)
    np.clip(z, -_SATURATION, _SATURATION, out=z)
    np.add(z, _ROUNDING, out=exponent)
    np.bitwise_and(exponent.view(np.int64), _NODES - 1, out=place)
    exponent -= _ROUNDING
    np.subtract(z, exponent, out=step)
    exponent += z
    np.take(_TABLE, place, out=z, mode="clip")  # the default mode would go through a buffer
    # exponent = 2 m: the exponent proper is (h^2 - 6) (4 m^2 - 2) / 24
    np.multiply(step, step, out=other)
    other -= 6.0
    exponent *= exponent
    exponent -= 2.0
    exponent *= other
    exponent *= 1 / 24
    np.exp(exponent, out=exponent)
    step *= 2 / sqrt(pi * e)
    step *= exponent
    z += step


def _flat(array: FloatArray) -> FloatArray:
    if not array.flags.c_contiguous:
        raise InputError(
            f"array of shape {array.shape} and strides {array.strides}: expected contiguous memory, which can be overwritten "
            "as one row of numbers; pass a contiguous array"
        )
    return array.reshape(-1)
