"""What the kernel draws: networks with one hidden layer at fixed inputs, in the form in which they are computed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import isfinite
from typing import TYPE_CHECKING, Final

import numpy as np

from feyn_nn.errors import InputError, LimitError

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

_SINGLE_RANGE: Final = (1e-15, 1e15)
_NORMALS_LIMIT: Final = 2**32


class Nonlinearity(Enum):
    """The functions phi that are compiled."""

    ERF = "erf"
    EXP = "exp"
    RELU = "relu"


class Precision(Enum):
    """In which normals and neurons are computed; outputs are added up and returned in float64 by either."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"


@dataclass(frozen=True, slots=True, eq=False)
class FastProblem:
    """Networks f_a(x_i) = sigma_1 sum_k W1_ak phi(z_k(x_i)) + sigma_b b1_a with

        z_k(x_i) = sum_d coefficients[i, d] n_kd - shift[i],   a = 1 .. d_out, k = 1 .. width,

    all of W1, n and b1 independent N(0, 1). `coefficients` has shape (points, draws): scaled inputs and, for a hidden
    layer with biases, a column sigma_b; `shift` has shape (points,) and holds whatever is subtracted, Gauss-net's
    log-normaliser less the mean of a tilted bias. `sigma_1` is sigma_w / sqrt(width). Raises InputError for numbers that
    do not fit together, or that float32 cannot square, and LimitError for more normals than a network has counters.
    """

    nonlinearity: Nonlinearity
    coefficients: FloatArray
    shift: FloatArray
    sigma_1: float
    sigma_b: float
    width: int
    d_out: int = 1
    precision: Precision = Precision.FLOAT32

    def __post_init__(self) -> None:
        for name in ("width", "d_out"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} = {getattr(self, name)}: expected a positive integer")
        for name in ("sigma_1", "sigma_b"):
            value = getattr(self, name)
            if not (isfinite(value) and value >= 0):
                raise InputError(f"{name} = {value}: expected a standard deviation, zero or more")
        shape = self.coefficients.shape
        if len(shape) != 2 or 0 in shape or self.shift.shape != shape[:1]:
            raise InputError(
                f"coefficients of shape {shape} with a shift of shape {self.shift.shape}: "
                "expected (points, draws) and (points,), none of them zero"
            )
        if not (np.all(np.isfinite(self.coefficients)) and np.all(np.isfinite(self.shift))):
            raise InputError("coefficients and shift: expected finite numbers")
        if self.precision is Precision.FLOAT32:
            _check_single(self.coefficients)
        if self.normals >= _NORMALS_LIMIT:
            raise LimitError(f"a network of {self.normals} normals, limit {_NORMALS_LIMIT}; use a smaller width")

    @property
    def points(self) -> int:
        """Number of inputs."""
        return len(self.coefficients)

    @property
    def draws(self) -> int:
        """Normals behind one pre-activation."""
        return len(self.coefficients[0])

    @property
    def pairs(self) -> int:
        """Number of entries of a symmetric matrix over the points."""
        return self.points * (self.points + 1) // 2

    @property
    def normals(self) -> int:
        """Normals behind one network: per neuron `draws` and `d_out`, and at last the output biases."""
        return self.width * (self.draws + self.d_out) + (self.d_out if self.sigma_b > 0 else 0)


def _check_single(coefficients: FloatArray) -> None:
    sizes = np.abs(coefficients[coefficients != 0])
    low, high = _SINGLE_RANGE
    outside = sizes[(sizes < low) | (sizes > high)]
    if len(outside):
        raise InputError(
            f"a coefficient of size {outside[0]:.3g} in float32: expected {low:g} to {high:g}; "
            "use float64 or other units of the inputs"
        )
