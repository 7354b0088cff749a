"""A network's architecture, and the talk's settings as presets.

One hidden layer: f(x) = W1 phi(W0 x + b0) + b1 with W0 ~ N(0, sigma_w^2/d_in), b0 ~ N(0, sigma_b^2),
W1 ~ N(0, sigma_w^2/N), b1 ~ N(0, sigma_b^2), all independent (talk, "Infinite Width Single-Layer Feedforward
Network", with zero means). With `depth` hidden layers, each of width N and with the same phi and variances,

    z^1 = W^0 x + b^0,   z^{l+1} = W^l phi(z^l) + b^l,   f = z^{depth+1},   W^l ~ N(0, sigma_w^2/N) for l > 0.

`d_out` outputs share all hidden layers. `sigma_w` and `sigma_b` are standard deviations. Nothing here knows a moment
or a kernel: simulation and theory both start from this page and meet again only in `measure`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
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
    exp(z) / exp(Var z), the variance being that of the infinitely wide network: sigma_b^2 + sigma_w^2 |x|^2 / d_in in the
    first layer; there E[phi(x)^2] = 1, so that it is sigma_b^2 + sigma_w^2 in all others.
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
    """Hidden layers of identical neurons; the width is an argument of whoever needs it."""

    activation: Activation
    d_in: int = 1
    sigma_w: float = 1.0
    sigma_b: float = 1.0
    depth: int = 1
    d_out: int = 1

    def __post_init__(self) -> None:
        for name in ("d_in", "depth", "d_out"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise InputError(f"{name} = {value!r}: expected a positive integer")
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
        """What is subtracted from the first layer's pre-activation at inputs (points, d_in): shape (points,)."""
        if not self.activation.normalised:
            return np.zeros(len(inputs))
        squared: FloatArray = np.sum(inputs**2, axis=1)
        return self.bias_variance + self.weight_variance / self.d_in * squared

    @property
    def deep_log_normaliser(self) -> float:
        """What is subtracted from the pre-activations of every layer after the first."""
        return self.bias_variance + self.weight_variance if self.activation.normalised else 0.0


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

TALK_WIDTHS: Final = (2, 3, 4, 5, 10, 20, 50, 100, 500, 1000)
TALK_NETS: Final = 10**6
TALK_EXPERIMENTS: Final = 10
TALK_CUTOFF: Final = 10.0


def preset(name: str) -> Preset:
    """Return the talk's preset of the network `name`; raise InputError if there is none."""
    try:
        return PRESETS[name]
    except KeyError:
        raise InputError(f"unknown network {name!r}: expected one of {', '.join(PRESETS)}") from None


@dataclass(frozen=True, slots=True)
class _Elementwise:
    """Turns a function of an array that returns an array into one that overwrites its argument."""

    function: Callable[[FloatArray], FloatArray]

    def __call__(self, z: FloatArray) -> object:
        values = np.asarray(self.function(z), dtype=np.float64)
        if values.shape != z.shape:
            raise InputError(
                f"the activation gave shape {values.shape} for arguments of shape {z.shape}; expected the same"
            )
        z[...] = values
        return z


_OWN: Final[dict[str, Activation]] = {}
_OWN_NAME: Final = re.compile(r"[A-Za-z_][\w.]{0,99}(:[A-Za-z_]\w{0,99})?")


def register_activation(name: str, function: Callable[[FloatArray], FloatArray]) -> Activation:
    """Make a user's own phi known by name, so that ensembles of it can be stored and read again.

    `function` takes an array of any shape and returns phi of each element, such as `np.tanh`. Raises InputError for a
    name that is taken or is not a plain word or `module:function`.

    >>> register_activation("tanh", np.tanh).name
    'tanh'
    """
    if not _OWN_NAME.fullmatch(name):
        raise InputError(f"activation name {name!r}: expected a word, or module:function")
    activation = Activation(name, _Elementwise(function))
    if name in PRESETS or _OWN.setdefault(name, activation) != activation:
        raise InputError(f"activation name {name!r} is taken by another function; choose another name")
    return activation


def import_activation(text: str) -> Activation:
    """Import a user's phi from `module:function` and register it; raise InputError if that cannot be done.

    This runs the module's code: give it text from the user alone, never from a file of data.

    >>> import_activation("numpy:tanh").name
    'numpy:tanh'
    """
    module, _, name = text.partition(":")
    if not _OWN_NAME.fullmatch(text) or not name:
        raise InputError(
            f"unknown network {text!r}: expected {', '.join(PRESETS)}, or module:function for your own activation"
        )
    try:
        function = getattr(import_module(module), name)
    except (ImportError, AttributeError) as problem:
        raise InputError(f"activation {text!r} cannot be imported ({problem}); expected module:function") from None
    if not callable(function):
        raise InputError(f"activation {text!r} is a {type(function).__name__}; expected a function of an array")
    return register_activation(text, function)


def known_activation(name: str) -> Activation:
    """The activation of a preset, or one that was registered in this process; raise InputError for another name."""
    if name in PRESETS:
        return PRESETS[name].activation
    try:
        return _OWN[name]
    except KeyError:
        raise InputError(
            f"activation {name!r} is not known here: expected {', '.join(PRESETS)}, or one that was registered before "
            "(feyn_nn.network.register_activation)"
        ) from None
