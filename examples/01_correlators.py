"""Diagrams and correlators: factors of the talk, a theory with odd operators, one diagram as a graph."""

from feyn_nn import Action, Rule, correlator_latex, diagrams_of, expression, generate_correlator

action = Action.parse("lambda f^4 + kappa f^6")
for n in (2, 4, 6):
    g = generate_correlator(n, action, action.orders(1))
    kept = ", ".join(f"{'-' if term.sign < 0 else ''}{term.multiplicity}" for term in g.terms)
    lost = ", ".join(f"{entry.term.multiplicity} ({entry.reason.value})" for entry in g.discarded)
    print(f"G^({n}) at first order: kept {kept}; dropped {lost}")

g4 = generate_correlator(4, action, action.orders(1))
print("\nG^(4) as SymPy:\n ", expression(g4))
print("\nG^(4) as LaTeX:\n" + correlator_latex(g4))

bubbles = generate_correlator(4, action, [(2, 0)])
(bubble,) = bubbles.terms
print(f"O(lambda^2), n = 4: {bubble.labellings} bubbles of coefficient {bubble.coefficient}")
graph = diagrams_of(bubble.topology)[0].graph
print("lines of one bubble:", [(graph.nodes[a]["label"], graph.nodes[b]["label"]) for a, b in graph.edges()])

mixed = Action.parse("g f^3 + lambda f^4")
g1 = generate_correlator(1, mixed, mixed.orders(3), {Rule.VACUUM})
print(f"\n<f> with {mixed}, to three vertices, vacuum parts dropped:")
for check in g1.checks:
    powers = " ".join(f"{name}^{power}" for name, power in zip(mixed.couplings, check.order, strict=True) if power)
    if check.everything:
        print(
            f"  {powers:<14} weights add up to {check.kept}, as in zero dimensions (all diagrams: {check.everything})"
        )
