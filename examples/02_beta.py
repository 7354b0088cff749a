"""Beta functions of the three networks, and of a kernel that the package does not know."""

from feyn_nn import Action, beta_functions, kernel_of, parse_kernel, preset
from feyn_nn.symbolic.beta import exponent_text

action = Action.parse("lambda f^4 + kappa f^6")
kernels = {
    "ReLU-net": kernel_of(preset("relu").architecture()),
    "Erf-net": kernel_of(preset("erf").architecture()),
    "Gauss-net": kernel_of(preset("gauss").architecture()),
    "Gauss-net without bias": kernel_of(preset("gauss").architecture(sigma_b=0.0)),
    "(1 + |x-y|^2)^(-1/8)": parse_kernel("1/(1+rr)^(1/8)"),
}
print(f"{'kernel':<23} {'a':>5} {'b':>2}  {'beta(lambda)/lambda':<20} {'kappa dropped':<17} beta(kappa)/kappa")
for name, kernel in kernels.items():
    result = beta_functions(action, kernel)
    quartic, sextic = result.betas
    exponents = [exponent_text(value) for value in (quartic.exponent, quartic.alone, sextic.exponent)]
    print(
        f"{name:<23} {result.growth.leg!s:>5} {result.growth.loop!s:>2}  {exponents[0]:<20} {exponents[1]:<17} {exponents[2]}"
    )

print("\nexact at every cutoff:", result["lambda"].exact)
print("\nthe last kernel:")
for sentence in result.assumptions[-2:]:
    print(" ", sentence)
