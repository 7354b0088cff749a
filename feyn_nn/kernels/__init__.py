"""Kernels, the propagators of the field theory, in NumPy form: one final class each, deep networks', and the user's own.

Nothing here imports SymPy; the symbolic forms are in `feyn_nn.symbolic.kernels`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from feyn_nn.kernels.base import Kernel
from feyn_nn.kernels.erf import ErfKernel
from feyn_nn.kernels.free import FreeFieldKernel
from feyn_nn.kernels.gauss import GaussKernel
from feyn_nn.kernels.layered import LayeredKernel
from feyn_nn.kernels.relu import ReluKernel
from feyn_nn.kernels.user import ExpressionKernel, FunctionKernel, parse_kernel
from feyn_nn.kernels.weights import Propagator, WeightsPropagator
from feyn_nn.network import ERF, GAUSS, RELU, Activation, Architecture

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ErfKernel",
    "ExpressionKernel",
    "FreeFieldKernel",
    "FunctionKernel",
    "GaussKernel",
    "Kernel",
    "LayeredKernel",
    "Propagator",
    "ReluKernel",
    "WeightsPropagator",
    "kernel_of",
    "parse_kernel",
]

_ONE_HIDDEN_LAYER: Final[dict[Activation, Callable[[int, float, float], Kernel]]] = {
    ERF: ErfKernel,
    GAUSS: GaussKernel,
    RELU: ReluKernel,
}


def kernel_of(architecture: Architecture) -> Kernel:
    """Return the kernel K of the outputs at infinite width, output bias included.

    For one hidden layer it is the exact two-point function at every width, for more up to terms of order 1/N.

    >>> from feyn_nn.network import preset
    >>> kernel_of(preset("relu").architecture()).name
    'ReLU-net kernel'
    >>> kernel_of(Architecture(ERF, depth=3)).name
    'erf kernel of 3 hidden layers'
    """
    closed = _ONE_HIDDEN_LAYER.get(architecture.activation) if architecture.depth == 1 else None
    if closed is None:
        return LayeredKernel(architecture)
    return closed(architecture.d_in, architecture.sigma_w, architecture.sigma_b)
