"""Somebody else's networks with a kernel of their own: beta function, lambda and prediction.

f(x) = sum_k W_k sqrt(2) cos(w_k x + b_k) with w_k ~ N(0, 1), b_k uniform and W_k ~ N(0, 1/N): random Fourier features. Their
kernel is exp(-(x - y)^2/2), and not only the kernel but every correlator is translation invariant.
"""

import numpy as np
import sympy

from feyn_nn import Action, beta_functions, crosscheck
from feyn_nn.arrays import FloatArray
from feyn_nn.ensembles import from_outputs
from feyn_nn.symbolic.beta import exponent_text
from feyn_nn.symbolic.kernels import KernelSymbols


class FourierKernel:
    """exp(-|x - y|^2/2), in NumPy for the integrals and in SymPy for the limits."""

    name = "Fourier-net kernel"
    d_in = 1
    bias_variance = 0.0
    length_scale = 1.0

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return K for points of shape (p, 1) and (q, 1): shape (p, q)."""
        kernel: FloatArray = np.exp(-((x - y.T) ** 2) / 2)
        return kernel

    def diagonal(self, y: FloatArray) -> FloatArray:
        """Return K(y, y): shape (q,)."""
        return np.ones(len(y))

    def sympy_expression(self, symbols: KernelSymbols) -> object:
        """Return K in the inner products of its points."""
        return sympy.exp(-symbols.rr / 2)


WIDTH, NETS, EXPERIMENTS, SEED = 3, 200_000, 10, 7
rng = np.random.default_rng(SEED)
inputs = np.array([-0.9, -0.4, 0.1, 0.5, 0.8])
frequencies, phases, weights = (
    rng.standard_normal((NETS * EXPERIMENTS, WIDTH)),
    rng.uniform(0, 2 * np.pi, (NETS * EXPERIMENTS, WIDTH)),
    rng.standard_normal((NETS * EXPERIMENTS, WIDTH)) / np.sqrt(WIDTH),
)
outputs = np.stack([np.sum(weights * np.sqrt(2) * np.cos(frequencies * x + phases), axis=1) for x in inputs], axis=1)

kernel = FourierKernel()
betas = beta_functions(Action.parse("lambda f^4 + kappa f^6"), kernel)
print("beta(lambda)/lambda ->", exponent_text(betas["lambda"].exponent), "for", betas.kernel)

check = crosscheck(from_outputs(outputs, inputs, EXPERIMENTS), kernel, cutoff=10.0)
print(f"{EXPERIMENTS} experiments of {NETS} networks of width {WIDTH}, seed {SEED}, estimator {check.estimator.value}")
print(f"lambda (K legs, Lambda = 10) = {check.coupling.estimate}, spread over tuples {check.coupling.spread:.2g}")
print(f"G6_GP/G6 = {check.six_point.gp_over_g6}, (G6_GP + lambda)/G6 = {check.six_point.eft_over_g6}")
for warning in check.warnings:
    print(f"warning: {warning.code.value}: {warning.message}")
