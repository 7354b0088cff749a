"""Kernels, the propagators of the field theory, in NumPy form: one final class each, and the user's own.

Nothing here imports SymPy; the symbolic forms are in `feyn_nn.symbolic.kernels`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from feyn_nn.errors import InputError
from feyn_nn.kernels.base import Kernel
from feyn_nn.kernels.erf import ErfKernel
from feyn_nn.kernels.free import FreeFieldKernel
from feyn_nn.kernels.gauss import GaussKernel
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
    "Propagator",
    "ReluKernel",
    "WeightsPropagator",
    "kernel_of",
    "parse_kernel",
]

_KERNELS: dict[Activation, Callable[[int, float, float], Kernel]] = {
    ERF: ErfKernel,
    GAUSS: GaussKernel,
    RELU: ReluKernel,
}


def kernel_of(architecture: Architecture) -> Kernel:
    """Return the kernel K, output bias included; raise InputError if its form is not known.

    >>> from feyn_nn.network import preset
    >>> kernel_of(preset("relu").architecture()).name
    'ReLU-net kernel'
    """
    kernel = _KERNELS.get(architecture.activation)
    if kernel is None:
        raise InputError(
            f"activation {architecture.activation.name!r}: no kernel in closed form is known "
            "(known: erf, gauss, relu); give the kernel as an expression or a FunctionKernel"
        )
    return kernel(architecture.d_in, architecture.sigma_w, architecture.sigma_b)
