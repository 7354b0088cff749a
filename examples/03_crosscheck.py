"""The main job: from an action to a cross-checked ensemble, for the talk's three networks.

Prints the pruned G^(4), the beta functions, and lambda and G^(6) of simulated ensembles beside the prediction.
"""

from feyn_nn import Action, SimulationSettings, beta_functions, crosscheck, generate_correlator, kernel_of, preset
from feyn_nn.cli.wording import warning_lines
from feyn_nn.ensembles import run
from feyn_nn.measure import best_estimator
from feyn_nn.symbolic.formats.text import correlator_text

NETWORKS = (("relu", 20), ("erf", 5), ("erf", 100), ("gauss", 100), ("gauss", 1000))  # and their widths
NEURONS = 500_000  # in each of ten experiments: one stream serves every width
CUTOFF = 10.0
SEED = 0

action = Action.parse("lambda f^4 + kappa f^6")
print("1. Diagrams, pruned: K is the exact two-point function, vacuum parts divide out\n")
print(correlator_text(generate_correlator(4, action, action.orders(1))))

print("2. Beta functions, derived from the generated correlators and the growth of each kernel\n")
for name in ("relu", "erf", "gauss"):
    result = beta_functions(action, kernel_of(preset(name).architecture()))
    print(f"  {name:<6} {result['lambda'].law};  {result['kappa'].law}")

print(f"\n3. Simulation against theory: 10 experiments each, K legs, Lambda = {CUTOFF:g}, seed {SEED}\n")
print(
    "  network width  lambda measured     lambda exact  spread/|lambda|  (G6_GP+lambda)/G6  exact     G6_GP/G6  O(2)/O(1)"
)
notes = []
for name, width in NETWORKS:
    architecture, points = preset(name).architecture(), preset(name).points()
    record = best_estimator(architecture).record  # single neurons, with a tilted bias for Gauss-net
    settings = SimulationSettings.make(architecture, points, None, NEURONS, 10, SEED, record=record)
    check = crosscheck(run(settings, workers=2), kernel_of(architecture), CUTOFF, width=width)
    coupling, six, exact = check.coupling, check.six_point, check.exact
    assert exact is not None
    spread = coupling.spread / abs(coupling.estimate.mean)
    print(
        f"  {name:<7} {width:>5}  {coupling.estimate!s:<19} {exact.mean:<13.5g} "
        f"{'0 (rounding)' if spread < 1e-9 else f'{spread:.2g}':<16} {six.eft_over_g6!s:<18} {exact.eft_over_g6:<9.5g} "
        f"{exact.gp_over_g6:<9.4g} {check.second_over_first or float('nan'):.3g}"
    )
    notes += warning_lines(check.warnings, f"{name} {width}")

print("\n  lambda: mean of lambda_m over 126 tuples of inputs, error over experiments; spread: standard deviation over")
print("  tuples. G6 ratios: means over 462 tuples. Exact: the correlators of that width, without sampling.\n")
print("Warnings\n")
print("\n".join(notes))
