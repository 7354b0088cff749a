"""The SymPy form of every kernel is the same function as the NumPy form."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy

from feyn_nn.errors import InputError
from feyn_nn.kernels import (
    ErfKernel,
    FunctionKernel,
    GaussKernel,
    Kernel,
    ReluKernel,
    WeightsPropagator,
    parse_kernel,
)
from feyn_nn.symbolic.kernels import SYMBOLS, KernelSymbols, symbolic_kernel

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray

SEED = 20240


def rational(value: float) -> Any:
    return sympy.Rational(*float(value).as_integer_ratio())


def evaluate(kernel: Kernel, x: FloatArray, y: FloatArray) -> float:
    """The symbolic form at one pair of points, to 30 digits."""
    form = symbolic_kernel(kernel)
    a, b = (tuple(rational(float(v)) for v in p) for p in (x, y))
    return float(form.between(a, b).subs(dict(form.values)).evalf(30))


def worst(kernel: Kernel, other: Kernel, count: int = 6) -> float:
    x = np.random.default_rng(SEED).normal(size=(count, 2, kernel.d_in))
    gaps = []
    for p, q in x:
        exact = evaluate(other, p, q)
        gaps.append(abs(float(kernel(p[None], q[None])[0, 0]) - exact) / abs(exact))
    return max(gaps)


BUILT_IN = [
    kind(d_in, sigma_w, sigma_b)
    for kind in (ErfKernel, GaussKernel, ReluKernel)
    for d_in, sigma_w, sigma_b in [(1, 1.3, 0.4), (2, 0.7, 1.1), (3, 1.9, 0.2), (2, 1.1, 0.0), (3, 0.9, 0.0)]
]
TEXTS = ["exp(-rr/2) + xy^2", "sqrt(1+rr)/(1+sigma_w*xx*yy)", "arctan(xy)+tanh(xy)+erf(xy)*sin(xy)+cosh(rr)"]


@pytest.mark.parametrize("kernel", BUILT_IN, ids=repr)
def test_numpy_and_sympy_agree(kernel: Kernel) -> None:
    assert worst(kernel, kernel) < 2e-12
    assert worst(WeightsPropagator(kernel), WeightsPropagator(kernel)) < 2e-10
    if kernel.bias_variance > 0:
        assert worst(kernel, WeightsPropagator(kernel)) > 1e-3, "control: leaving out the bias must be seen"


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("d_in", [1, 2, 3])
def test_typed_kernels_agree(text: str, d_in: int) -> None:
    assert worst(parse_kernel(text, d_in, 1.2, 0.7), parse_kernel(text, d_in, 1.2, 0.7)) < 1e-12


def test_scalars_and_inner_products_are_the_same_function() -> None:
    x, y = sympy.symbols("x y", real=True)
    signed = symbolic_kernel(parse_kernel("x*y + (x-y)^2 + abs(x*y)"))
    products = symbolic_kernel(parse_kernel("xy + rr + abs(xy)"))
    assert signed.scalars
    assert not products.scalars
    assert sympy.expand(signed.between(x, y) - products.between(x, y)) == 0
    assert signed.between(-2, 3) == 25 - 6 + 6
    # swapping the points' own symbols must not chain substitutions
    assert symbolic_kernel(parse_kernel("xx + yy + x + y")).between(y, x).expand() == x**2 + y**2 + x + y


def test_zero_bias_is_exactly_zero() -> None:
    for kind in (ErfKernel, GaussKernel, ReluKernel):
        assert not symbolic_kernel(kind(2, 1.0, 0.0)).expression.has(SYMBOLS.sigma_b)
        assert symbolic_kernel(kind(2, 1.0, 0.5)).expression.has(SYMBOLS.sigma_b)
    gauss = symbolic_kernel(WeightsPropagator(GaussKernel()))
    assert gauss.expression == SYMBOLS.sigma_w**2 * sympy.exp(-(SYMBOLS.sigma_w**2) * SYMBOLS.rr / (2 * SYMBOLS.d_in))
    assert gauss.bias_variance == 0


def test_constant_of_a_typed_kernel() -> None:
    kernel = parse_kernel("sigma_b^2 + exp(-rr)", sigma_b=0.5, bias_variance=0.25)
    assert symbolic_kernel(WeightsPropagator(kernel)).expression == sympy.exp(-SYMBOLS.rr)
    kernel = parse_kernel("1/4 + exp(-rr)", bias_variance=0.25)
    assert symbolic_kernel(WeightsPropagator(kernel)).expression == sympy.exp(-SYMBOLS.rr)


@dataclass(frozen=True)
class Cauchy:
    """A user's class with its own symbolic form."""

    power: int = 1
    extra: bool = False

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        return np.asarray(1 / (1 + np.sum((x[:, None] - y[None]) ** 2, axis=2)) ** self.power, dtype=np.float64)

    def sympy_expression(self, symbols: KernelSymbols) -> Any:
        return (1 + symbols.rr) ** (-self.power) + (sympy.Symbol("mass") if self.extra else 0)


def test_a_user_object_gives_its_own_form() -> None:
    kernel = FunctionKernel(Cauchy(2), d_in=2)
    assert worst(kernel, kernel) < 1e-13
    with pytest.raises(InputError, match="contains mass"):
        symbolic_kernel(FunctionKernel(Cauchy(1, extra=True), d_in=2))
    with pytest.raises(InputError, match="add a method sympy_expression"):
        symbolic_kernel(FunctionKernel(lambda x, y: x * y.T))


def test_coordinates_are_counted_and_never_text() -> None:
    form = symbolic_kernel(GaussKernel(2))
    with pytest.raises(InputError, match="expected 2 each"):
        form.between((1, 2, 3), (1, 2))
    with pytest.raises(InputError, match="expected a number or a SymPy expression"):
        symbolic_kernel(GaussKernel(1)).between("x", 1)


HOSTILE = r"""
import sys
import sympy
import numpy as np
from feyn_nn.errors import FeynError
from feyn_nn.kernels import GaussKernel, parse_kernel
from feyn_nn.symbolic.growth import growth
from feyn_nn.symbolic.kernels import symbolic_kernel
for text in ("x*y + x + y", "1/(2+rr)", "exp(-2*rr)+xy^2", "sqrt(xx*yy)"):
    growth(symbolic_kernel(parse_kernel(text)))  # everything lazy is loaded by now
events = []
sys.addaudithook(lambda event, args: events.append((event, str(args)[:80]))
                 if event in ("compile", "exec", "os.system", "subprocess.Popen", "import") else None)
if "CONTROL" in sys.argv:
    sympy.sympify("x + y")
refused = accepted = 0
for text in ["__import__('os').system('true')", "exp(-rr).__class__", "x if y else 1", "lambda: 0", "eval(x)",
             "9**9**9", "xx; import os", "(" * 3000, "[].append(1)", "exp(x)(y)", "E*I*Q*S", "gamma(x)",
             "x*y", "1/(1+rr)", "exp(-rr)+xy^2", "x\n+y", "sqrt(xx)*sqrt(yy)"]:
    try:
        kernel = parse_kernel(text)
        kernel(np.ones((2, 1)), np.ones((3, 1)))
        growth(symbolic_kernel(kernel))
        accepted += 1
    except FeynError:
        refused += 1
print(refused, accepted, len(events), events[:3])
"""


@pytest.mark.parametrize("control", [False, True])
def test_no_text_is_ever_executed(control: bool) -> None:
    command = [sys.executable, "-c", HOSTILE, *(["CONTROL"] if control else [])]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    refused, accepted, events = (int(word) for word in output.split()[:3])
    assert (refused, accepted) == (12, 5), output
    assert (events > 0) is control, output
