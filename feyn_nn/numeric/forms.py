"""What integration makes use of in a kernel K(x, y): the form that its class is known to have.

Gauss-net's kernel is a constant plus a Gaussian in x - y, which factorises over coordinates. Erf-net's is analytic:
along a coordinate of y its nearest singularities have |Im y| >= `width` near the origin and lie, further out, outside a
cone of half-angle `angle` around the real line. ReLU-net's without a bias is, for any depth, homogeneous of degree one
in x and in y. Of every other kernel only its length scale is used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import atan2, sqrt
from typing import TYPE_CHECKING, TypeAlias, final

from feyn_nn.kernels import ErfKernel, GaussKernel, LayeredKernel, ReluKernel, WeightsPropagator
from feyn_nn.network import RELU

if TYPE_CHECKING:
    from feyn_nn.kernels import Kernel


@final
@dataclass(frozen=True, slots=True)
class GaussianForm:
    """K = constant + amplitude * exp(-|x - y|^2 / (2 scale^2))."""

    constant: float
    amplitude: float
    scale: float


@final
@dataclass(frozen=True, slots=True)
class AnalyticForm:
    """K is analytic in y where |Im y| < width near the origin, and in a cone of half-angle `angle` further out."""

    width: float
    angle: float


@final
@dataclass(frozen=True, slots=True)
class HomogeneousForm:
    """K(a x, b y) = a b K(x, y) for positive a and b."""


@final
@dataclass(frozen=True, slots=True)
class GeneralForm:
    """K varies over `scale` near the inputs, and may have kinks at coinciding points."""

    scale: float


Form: TypeAlias = GaussianForm | AnalyticForm | HomogeneousForm | GeneralForm


def form_of(kernel: Kernel) -> Form:
    """The form of a kernel.

    >>> form_of(WeightsPropagator(GaussKernel(sigma_w=2.0)))
    GaussianForm(constant=0.0, amplitude=4.0, scale=0.5)
    """
    match kernel:
        case WeightsPropagator(kernel=full):
            form = form_of(full)
            if isinstance(form, GaussianForm):
                return replace(form, constant=form.constant - full.bias_variance)
            return form
        case GaussKernel():
            return GaussianForm(kernel.bias_variance, kernel.sigma_w**2, kernel.length_scale)
        case ErfKernel():
            # (1 + 2 C(x,x)) (1 + 2 C(y,y)) = 4 C(x,y)^2, solved for y
            s = kernel.bias_variance
            width = sqrt(kernel.d_in * (1 + 4 * s) / (2 * (1 + 2 * s))) / kernel.sigma_w
            return AnalyticForm(width, atan2(sqrt(1 + 4 * s), 2 * s))
        case ReluKernel(sigma_b=0.0):
            return HomogeneousForm()
        case LayeredKernel(architecture=deep) if deep.activation == RELU and deep.sigma_b == 0:
            return HomogeneousForm()
        case _:
            return GeneralForm(kernel.length_scale)
