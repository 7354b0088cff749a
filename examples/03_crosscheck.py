"""The main job: from an action to a cross-checked ensemble, for the talk's three networks.

Prints the pruned G^(4), the beta functions, and lambda and G^(6) of simulated ensembles beside the prediction.
"""

from feyn_nn import Action, SimulationSettings, beta_functions, crosscheck, generate_correlator, kernel_of, preset
from feyn_nn.cli.wording import warning_lines
from feyn_nn.ensembles import run
from feyn_nn.symbolic.formats.text import correlator_text

ENSEMBLES = (  # network, width, networks in each of ten experiments
    ("relu", 20, 200_000),
    ("erf", 5, 400_000),
    ("erf", 100, 50_000),
    ("gauss", 100, 50_000),
)
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
print("  network width  Lambda  lambda            spread/|lambda|  G6_GP/G6      (G6_GP+lambda)/G6  O(2)/O(1)")
notes = []
for name, width, nets in ENSEMBLES:
    talk = preset(name)
    settings = SimulationSettings.make(talk.architecture(), talk.points(), width, nets, 10, SEED)
    check = crosscheck(run(settings, workers=2), kernel_of(talk.architecture()), CUTOFF)
    coupling, six = check.coupling, check.six_point
    shown = [
        f"{estimate.mean:.2g} (refused)" if estimate.error is None else str(estimate)
        for estimate in (coupling.estimate, six.gp_over_g6, six.eft_over_g6)
    ]
    spread = coupling.spread / abs(coupling.estimate.mean)
    print(
        f"  {name:<7} {width:>5}  {CUTOFF:>6g}  {shown[0]:<17} {'0 (rounding)' if spread < 1e-9 else f'{spread:.2g}':<16} "
        f"{shown[1]:<13} {shown[2]:<18} {check.second_over_first or float('nan'):.3g}"
    )
    notes += warning_lines(check.warnings, f"{name} {width}")

print("\n  lambda: mean of lambda_m over 126 tuples of inputs, error over experiments; spread: standard deviation over")
print("  tuples; refused: the sample cannot support an error bar. G6 ratios: means over 462 tuples.\n")
print("Warnings\n")
print("\n".join(notes))
