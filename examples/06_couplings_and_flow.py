"""Couplings from correlators, and how they run: the talk's formulas derived, then used on numbers.

lambda is solved for from the generated G^(4), at first order and, with the perturbative root, at second. The coupled equations
dG^(n)/dlog Lambda = 0 are solved, and their flow is integrated from one cutoff to another.
"""

import numpy as np

from feyn_nn import Action, generate_correlator, kernel_of, preset, running_system, solve_coupling
from feyn_nn.evaluation import evaluate
from feyn_nn.numeric.flow import FlowEquations, coupling_flow

phi4 = Action.parse("lambda f^4")
first = solve_coupling(generate_correlator(4, phi4, phi4.orders(1)), "lambda")
second = solve_coupling(generate_correlator(4, phi4, phi4.orders(2)), "lambda")
print("first order:  lambda =", first.expression)
print("second order: lambda =", second.short, " with")
for symbol, value in second.auxiliary:
    print(f"  {symbol} = {value}")
print("lambda", first.note)

# Numbers: Erf-net, four of the talk's inputs. A four-point function 1 % above the Gaussian one is put in.
net = preset("erf")
kernel, inputs = kernel_of(net.architecture()), net.points()
row, cutoff = [(0, 2, 3, 5)], 10.0
gaussian = sum(
    np.prod([kernel(inputs[[row[0][a]]], inputs[[row[0][b]]])[0, 0] for a, b in pairs])
    for pairs in (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))
)
measured = {"G4": [1.01 * gaussian]}  # one number for each row
values = [
    evaluate(each.written_out(), inputs, row, kernel, kernel, cutoff, leg_functions=measured)[0]
    for each in (first, second)
]
print(f"\nErf-net, Lambda = 10, K legs: lambda = {values[0]:.6e} at first order, {values[1]:.6e} at second")

system = running_system(phi4)
print("\nbeta(lambda) =", system.written_out(system.solve()["lambda"]))
flow = coupling_flow(FlowEquations(phi4, kernel, inputs, tuples={4: row[0]}), {"lambda": values[0]}, [10, 100, 1000])
for place, coupling, beta in zip(flow.cutoffs, flow.values[:, 0], flow.betas[:, 0], strict=True):
    print(f"  Lambda = {place:6g}: lambda = {coupling:.6e}, beta(lambda)/lambda = {beta / coupling:.4f}")
