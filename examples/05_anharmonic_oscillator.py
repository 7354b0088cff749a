"""The anharmonic oscillator H = p^2/2 + x^2/2 + lambda x^4 from its vacuum diagrams: no networks, exact rationals.

The free field on a line has the propagator exp(-|t|)/2 at mass 1. Its connected vacuum diagrams with quartic vertices add up
to minus the shift of the ground-state energy. Generator, weights and integrals are checked at once.
"""

from fractions import Fraction

from feyn_nn import Action
from feyn_nn.symbolic.free_field import ground_state_energy, vacuum_diagrams

BENDER_WU = [Fraction(3, 4), Fraction(-21, 8), Fraction(333, 16)]  # Phys. Rev. 184 (1969) 1231, in this normalisation

quartic = Action.parse("lambda f^4")
print("order  lines between vertices            weight C  integral I  (-1)^(p+1) C I")
for order in (1, 2, 3):
    contributions = []
    for each in vacuum_diagrams(quartic, (order,)):
        lines = " ".join(f"{a + 1}-{b + 1}" for a, b in each.diagram.edges)
        print(f"{order:<6} {lines:<33} {each.weight!s:>8}  {each.integral!s:>10}  {each.contribution!s:>14}")
        contributions.append(each.contribution)
    total, known = sum(contributions), BENDER_WU[order - 1]
    print(f"       sum {total}, Bender and Wu {known}{'' if total == known else ': they differ'}\n")

mixed = Action.parse("g f^3 + lambda f^4")
print("H = p^2/2 + m^2 x^2/2 + g x^3 + lambda x^4 to three vertices, diagrams with tadpoles included: E =")
for term in ground_state_energy(mixed, mixed.orders(3)):
    powers = {"m": term.mass_power, **dict(zip(mixed.couplings, term.order, strict=True))}
    written = " ".join(name if power == 1 else f"{name}^{power}" for name, power in powers.items() if power)
    if term.coefficient:
        print(
            f"  {'+' if term.coefficient > 0 else '-'} {abs(term.coefficient)!s:<6} {written:<20} {term.diagrams} diagrams"
        )
