"""A network's architecture, and the talk's settings as presets.

One hidden layer: f(x) = W1 phi(W0 x + b0) + b1 with W0 ~ N(0, sigma_w^2/d_in), b0 ~ N(0, sigma_b^2),
W1 ~ N(0, sigma_w^2/N), b1 ~ N(0, sigma_b^2), all independent (talk, "Infinite Width Single-Layer Feedforward
Network", with zero means). `sigma_w` and `sigma_b` are standard deviations. Nothing here knows a moment or a
kernel: simulation and theory both start from this page and meet again only in `measure`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from feyn_nn.arrays import FloatArray, as_points
from feyn_nn.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Activation:
    """A non-linearity phi(z), with an optional shift of the pre-activation that depends on the input.

    `apply(z)` overwrites z with phi(z) element by element. `normalised` is True for Gauss-net, whose neuron is
    exp(z) / exp(sigma_b^2 + sigma_w^2 |x|^2 / d_in).
    """

    name: str
    apply: Callable[[FloatArray], object]
    normalised: bool = False


def _erf(z: FloatArray) -> object:
    return special.erf(z, out=z)


def _exp(z: FloatArray) -> object:
    return np.exp(z, out=z)


def _relu(z: FloatArray) -> object:
    return np.maximum(z, 0.0, out=z)


ERF: Final = Activation("erf", _erf)
GAUSS: Final = Activation("gauss", _exp, normalised=True)
RELU: Final = Activation("relu", _relu)


@dataclass(frozen=True, slots=True)
class Architecture:
    """One hidden layer of identical neurons; the width is an argument of whoever needs it."""

    activation: Activation
    d_in: int = 1
    sigma_w: float = 1.0
    sigma_b: float = 1.0

    def __post_init__(self) -> None:
        if self.d_in < 1:
            raise InputError(f"d_in = {self.d_in}: expected a positive integer")
        if not (isfinite(self.sigma_w) and self.sigma_w > 0):
            raise InputError(f"sigma_w = {self.sigma_w}: expected a positive standard deviation")
        if not (isfinite(self.sigma_b) and self.sigma_b >= 0):
            raise InputError(f"sigma_b = {self.sigma_b}: expected a standard deviation, zero or more")

    @property
    def weight_variance(self) -> float:
        """sigma_w^2."""
        return self.sigma_w**2

    @property
    def bias_variance(self) -> float:
        """sigma_b^2."""
        return self.sigma_b**2

    def log_normaliser(self, inputs: FloatArray) -> FloatArray:
        """What is subtracted from the pre-activation at inputs of shape (points, d_in): shape (points,)."""
        if not self.activation.normalised:
            return np.zeros(len(inputs))
        squared: FloatArray = np.sum(inputs**2, axis=1)
        return self.bias_variance + self.weight_variance / self.d_in * squared


@dataclass(frozen=True, slots=True)
class Preset:
    """The talk's experiment for one network (slide "Experiments with Single-Layer Networks")."""

    activation: Activation
    inputs: tuple[float, ...]
    sigma_w: float
    sigma_b: float
    effective_width: int
    """Width at which the talk's authors measured lambda and predicted G^(6)."""

    def architecture(self, d_in: int = 1, sigma_w: float | None = None, sigma_b: float | None = None) -> Architecture:
        """The architecture with the talk's variances where none are given."""
        return Architecture(
            self.activation,
            d_in,
            self.sigma_w if sigma_w is None else sigma_w,
            self.sigma_b if sigma_b is None else sigma_b,
        )

    def points(self) -> FloatArray:
        """The talk's six inputs, shape (6, 1)."""
        return as_points(self.inputs, 1)


PRESETS: Final = {
    "gauss": Preset(GAUSS, (-0.01, -0.006, -0.002, 0.002, 0.006, 0.01), 1.0, 1.0, 100),
    "erf": Preset(ERF, (-1.0, -0.6, -0.2, 0.2, 0.6, 1.0), 1.0, 1.0, 5),
    "relu": Preset(RELU, (0.2, 0.4, 0.6, 0.8, 1.0, 1.2), 1.0, 0.0, 20),
}

TALK_EXPERIMENTS: Final = 10
TALK_CUTOFF: Final = 10.0


def preset(name: str) -> Preset:
    """Return the talk's preset of the network `name`; raise InputError if there is none."""
    try:
        return PRESETS[name]
    except KeyError:
        raise InputError(f"unknown network {name!r}: expected one of {', '.join(PRESETS)}") from None
