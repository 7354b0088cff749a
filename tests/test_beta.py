"""Beta functions: the talk's laws from the command, the exact form against integrals done by hand, and numbers."""

from __future__ import annotations

import json
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy
from scipy.integrate import quad

from feyn_nn.action import TALK_ACTION, Action
from feyn_nn.cli import main
from feyn_nn.correlator import generate_correlator
from feyn_nn.errors import InputError
from feyn_nn.kernels import ErfKernel, FunctionKernel, GaussKernel, Propagator, ReluKernel, parse_kernel
from feyn_nn.numeric import Contraction, grid_for
from feyn_nn.symbolic.beta import beta_functions, exponent_text
from feyn_nn.symbolic.growth import Limit
from feyn_nn.symbolic.kernels import SYMBOLS, symbolic_kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import FloatArray
    from feyn_nn.kernels import Kernel

K = sympy.Function("K")
CUTOFF = sympy.Symbol("Lambda")
DIMENSION = SYMBOLS.d_in
INPUTS = np.array([[0.2], [0.4], [0.6], [0.8], [1.0], [1.2]])


def from_command(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["beta", *arguments, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    document: dict[str, Any] = json.loads(captured.out)
    return document


# beta(g)/g = -max(0, d + 4a) and, for kappa, -max(0, d + 6a) or with the loop b: the larger exponent wins
# (physics notes, section 5). ReLU: a = 1, b = 2. Erf, Gauss: a = b = 0. Gauss without a constant: a = -oo.
# For a < 0 < b - 2a the loop of kappa drags lambda along, see `test_coupled_exponents_are_slopes_of_the_exact_flow`.
LAWS = [
    (["relu"], "-(d_in + 4)", "-(d_in + 6)"),
    (["erf"], "-d_in", "-d_in"),
    (["gauss"], "-d_in", "-d_in"),
    (["gauss", "--sigma-b", "0"], "0", "0"),
    (["gauss", "--propagator", "weights"], "0", "0"),
    (["relu", "--sigma-b", "1"], "-(d_in + 4)", "-(d_in + 6)"),
    (["relu", "--d-in", "3"], "-(d_in + 4)", "-(d_in + 6)"),
    (["erf", "--d-in", "2"], "-d_in", "-d_in"),
    (["--kernel", "1/(1+rr)^(1/16)"], "-(d_in - 3/4)", "-(d_in - 3/4)"),
    (["--kernel", "exp(-rr/2)"], "0", "0"),
    (["--kernel", "(1+xy)^2", "--d-in", "2"], "-(d_in + 8)", "-(d_in + 12)"),
]


@pytest.mark.parametrize(("arguments", "quartic", "sextic"), LAWS, ids=[" ".join(row[0]) for row in LAWS])
def test_exponents(capsys: pytest.CaptureFixture[str], arguments: list[str], quartic: str, sextic: str) -> None:
    found = from_command(capsys, *arguments)
    assert {"lambda", "kappa", "assumptions"} <= set(found)
    for name, expected in (("lambda", quartic), ("kappa", sextic)):
        assert set(found[name]) >= {"exponent", "law", "exact"}
        exponent = sympy.sympify(found[name]["exponent"], locals={"max": sympy.Max, "d_in": DIMENSION})
        if arguments[0] == "--kernel":
            assert sympy.simplify(exponent - sympy.sympify(expected, locals={"d_in": DIMENSION})) == 0
        else:
            assert found[name]["exponent"] == expected
        assert name in found[name]["law"]
    assert all(isinstance(sentence, str) for sentence in found["assumptions"])


def test_a_kernel_that_decays_slowly_stops_the_running_in_few_dimensions(capsys: pytest.CaptureFixture[str]) -> None:
    """K ~ r^(-1/2): alone lambda would fall as d - 2 from d = 3 on, kappa as d - 3; coupled, lambda follows kappa."""
    found = from_command(capsys, "--kernel", "1/(1+rr)^(1/4)")
    for key, expected in (("exponent", {"lambda": 3, "kappa": 3}), ("alone", {"lambda": 2, "kappa": 3})):
        for name, last in expected.items():
            law = sympy.sympify(found[name][key], locals={"max": sympy.Max, "d_in": DIMENSION})
            assert [law.subs(DIMENSION, d) for d in range(1, 7)] == [-max(0, d - last) for d in range(1, 7)]
    assert any("drags it along" in sentence for sentence in found["assumptions"])


COUPLED = ["1/(1+rr)^(1/16)", "1/(1+rr)^(1/32)", "(1+xx)^(1/8)*(1+yy)^(1/8)", "1+exp(-rr)", "(1+xy)^2"]


@pytest.mark.parametrize("text", COUPLED)
def test_coupled_exponents_are_slopes_of_the_exact_flow(text: str) -> None:
    """A(Lambda) g(Lambda) = (Delta G4, Delta G6) is solved for g far out, with one tuple and the full G6 as in (4.14)."""
    kernel = parse_kernel(text, 1, 1.0, 0.0)
    correlators = [generate_correlator(n, TALK_ACTION, [(1, 0), (0, 1)]) for n in (4, 6)]
    constant = np.array([-0.31, 0.17])
    flows = []
    for cutoff in (1e10, 1e11, 1e12):
        contraction = Contraction(INPUTS, grid_for(kernel, INPUTS, cutoff), kernel, kernel)
        tables = [contraction.coefficients(each, [tuple(range(each.n))]) for each in correlators]
        matrix = np.array([[table[order][0] for order in ((1, 0), (0, 1))] for table in tables])
        scale = np.abs(matrix).max(axis=1)
        flows.append(np.linalg.solve(matrix / scale[:, None], constant / scale))
    result = beta_functions(TALK_ACTION, kernel)
    for index, name in enumerate(("lambda", "kappa")):
        exponent: Any = result[name].exponent
        near, far = (log(abs(b[index] / a[index])) / log(10) for a, b in pairwise(flows))
        expected = float(exponent.subs(DIMENSION, 1))
        assert far == pytest.approx(expected, abs=0.02), name
        assert abs(far - expected) <= abs(near - expected) + 1e-6


def test_no_power_law_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    found = from_command(capsys, "--kernel", "exp(xy)")
    assert found["lambda"]["exponent"] is None
    assert found["kappa"]["exponent"] is None
    assert "no power law" in found["lambda"]["law"]


def test_assumptions_name_what_the_law_rests_on(capsys: pytest.CaptureFixture[str]) -> None:
    gauss = from_command(capsys, "gauss")["assumptions"]
    assert any("sigma_b" in sentence for sentence in gauss)
    assert any("not more irrelevant" in sentence for sentence in gauss)
    relu = from_command(capsys, "relu")["assumptions"]
    assert any("kappa is more irrelevant than lambda" in sentence for sentence in relu)
    assert any(
        "without the output bias" in text
        for text in from_command(capsys, "gauss", "--propagator", "weights")["assumptions"]
    )


def test_text_names_the_laws_and_the_assumptions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["beta", "relu"]) == 0
    out = capsys.readouterr().out
    assert "beta(lambda) -> -(d_in + 4) lambda" in out
    assert "beta(kappa) -> -(d_in + 6) kappa" in out
    assert "Assumptions:" in out


@pytest.mark.parametrize("text", ["lambda f^4", "g f^3 + rho f^5", "kappa f^6 + lambda f^4", "nu f^8"])
def test_relu_exponents_of_any_monomial(text: str) -> None:
    """With a = 1, b = 2 every kept diagram of f^k grows at most as Lambda^(d + k): contact, or loops in its place."""
    action = Action.parse(text)
    result = beta_functions(action, ReluKernel(1, 1.0, 0.0))
    for operator in action.operators:
        assert sympy.simplify(result[operator.coupling].exponent + DIMENSION + operator.valence) == 0
    with pytest.raises(InputError, match="no coupling"):
        result["nothing"]


def test_exponent_text_is_read_back() -> None:
    for exponent in (-DIMENSION - 4, -DIMENSION, DIMENSION * 0, -DIMENSION + sympy.Rational(1, 2)):
        assert sympy.simplify(sympy.sympify(exponent_text(exponent), locals={"d_in": DIMENSION}) - exponent) == 0


def concrete(kernel: Any, expression: Any) -> Any:
    """Put a function of two symbols in the place of K and do the integrals and the derivative."""
    return sympy.simplify(expression.replace(K, kernel).doit())


KERNELS: dict[str, Callable[[Any, Any], Any]] = {
    "constant": lambda a, b: sympy.Integer(3),
    "bilinear": lambda a, b: 1 + a * b,
    "even": lambda a, b: a**2 * b**2 + 1,
}


@pytest.mark.parametrize("name", KERNELS)
def test_exact_form_is_the_logarithmic_derivative(name: str) -> None:
    """beta(g) = -g Lambda I'/I, with I4 = 24 int KKKK and I6 = 720 int K^6 + 360 sum_15 K int K^4 K(z,z)."""
    function = KERNELS[name]
    x = [sympy.Rational(1, k + 2) for k in range(6)]
    values = {sympy.Symbol(f"x{k + 1}"): value for k, value in enumerate(x)}
    y = sympy.Symbol("y")

    def star(legs: list[int], loops: int) -> Any:
        integrand = sympy.prod([function(x[leg], y) for leg in legs]) * function(y, y) ** loops
        return sympy.integrate(sympy.expand(integrand), (y, -CUTOFF, CUTOFF))

    quartic = 24 * star([0, 1, 2, 3], 0)
    sextic = 720 * star(list(range(6)), 0)
    for i in range(6):
        for j in range(i):
            sextic += 360 * function(x[i], x[j]) * star([k for k in range(6) if k not in (i, j)], 1)
    result = beta_functions(TALK_ACTION, ReluKernel(1, 1.0, 0.0))
    for coupling, integral in (("lambda", quartic), ("kappa", sextic)):
        g = sympy.Symbol(coupling)
        expected = -g * CUTOFF * sympy.diff(integral, CUTOFF) / integral
        found = concrete(function, result[coupling].expression(1).subs(values))
        assert sympy.simplify(found - expected) == 0
        assert "dlog Lambda" in result[coupling].exact


def test_exact_form_tends_to_the_exponent() -> None:
    """K = 1 + x y grows as r^1, loops as r^2, as ReLU's: the limit is -(1 + 4), -(1 + 6)."""
    result = beta_functions(TALK_ACTION, ReluKernel(1, 1.0, 0.0))
    values = {sympy.Symbol(f"x{k + 1}"): sympy.Integer(k + 1) for k in range(6)}
    for coupling in ("lambda", "kappa"):
        beta = result[coupling]
        exponent: Any = beta.exponent
        ratio = concrete(KERNELS["bilinear"], beta.expression(1).subs(values)) / sympy.Symbol(coupling)
        assert sympy.limit(sympy.simplify(ratio), CUTOFF, sympy.oo) == exponent.subs(DIMENSION, 1)


def integral(kernel: Kernel, inputs: FloatArray, cutoff: float, coupling: int, n: int) -> float:
    """Coefficient of one coupling in G^(n) at the inputs, mean over nothing: the first n inputs as one tuple."""
    order = tuple(int(k == coupling) for k in range(2))
    correlator = generate_correlator(n, TALK_ACTION, [order])
    contraction = Contraction(inputs, grid_for(kernel, inputs, cutoff), kernel, kernel)
    return float(contraction.coefficients(correlator, [tuple(range(n))])[order][0])


def slope(kernel: Kernel, inputs: FloatArray, cutoff: float, coupling: int, n: int, ratio: float = 1.1) -> float:
    upper, lower = (integral(kernel, inputs, cutoff * factor, coupling, n) for factor in (ratio, 1 / ratio))
    return log(upper / lower) / (2 * log(ratio))


@pytest.mark.parametrize("cutoff", [10.0, 1e3])
def test_relu_runs_as_a_pure_power(cutoff: float) -> None:
    """d = 1, sigma_b = 0, positive inputs: K(x, y) = x y/2 for y > 0, else 0, so that I ~ L^5 and L^7 exactly."""
    kernel = ReluKernel(1, 1.0, 0.0)
    assert slope(kernel, INPUTS, cutoff, 0, 4) == pytest.approx(5, rel=1e-10)
    assert slope(kernel, INPUTS, cutoff, 1, 6) == pytest.approx(7, rel=1e-10)


CUTOFFS = (1e3, 1e4, 1e5)


def gaps(kernel: Kernel) -> list[float]:
    """d log I4/d log L - 1 at three cutoffs, a decade apart."""
    return [slope(kernel, INPUTS - 0.7, cutoff, 0, 4, 1.01) - 1 for cutoff in CUTOFFS]


def test_gauss_approaches_its_law_as_one_over_the_cutoff() -> None:
    """K = s + a Gaussian: I4 ~ L + b up to exp(-L^2), so that the gap is -b/(L + b), with one b at every cutoff."""
    kernel = GaussKernel(1, 1.0, 1.0)
    first, second, third = (-gap * cutoff / (1 + gap) for gap, cutoff in zip(gaps(kernel), CUTOFFS, strict=True))
    assert 0 < first < 20
    assert second == pytest.approx(first, rel=1e-3)
    assert third == pytest.approx(first, rel=1e-3)
    assert _law(kernel) == -1


def test_erf_approaches_its_law_with_a_logarithm() -> None:
    """K(x, y) = c(x, sign y) + O(1/|y|): I4 = a L + b log L + c, so that L times the gap is linear in log L."""
    kernel = ErfKernel(1, 1.0, 1.0)
    first, second, third = (gap * cutoff for gap, cutoff in zip(gaps(kernel), CUTOFFS, strict=True))
    assert abs(first) / CUTOFFS[0] < 0.05
    assert (third - second) / (second - first) == pytest.approx(1, rel=0.05)
    assert _law(kernel) == -1


def _law(kernel: Kernel) -> float:
    """beta(lambda)/lambda in the limit of a large cutoff, d_in = 1."""
    exponent: Any = beta_functions(TALK_ACTION, kernel)["lambda"].exponent
    return float(exponent.subs(DIMENSION, 1))


@pytest.mark.parametrize("form", ["weights", "no bias"])
def test_gauss_without_its_constant_does_not_run(form: str) -> None:
    kernel = Propagator.WEIGHTS.of(GaussKernel(1, 1.0, 1.0)) if form == "weights" else GaussKernel(1, 1.0, 0.0)
    assert slope(kernel, INPUTS, 1e3, 0, 4) == pytest.approx(0, abs=1e-12)


def test_slope_of_a_users_power_law() -> None:
    """K ~ r^(-1/8): I4 ~ L^(1 - 1/2); two cutoffs a decade apart come closer to it."""
    kernel = parse_kernel("1/(1+rr)^(1/16)", 1, 1.0, 0.0)
    alone: Any = beta_functions(TALK_ACTION, kernel)["lambda"].alone
    assert alone.subs(DIMENSION, 1) == sympy.Rational(-1, 2)
    near, far = (abs(slope(kernel, INPUTS, cutoff, 0, 4) - 0.5) for cutoff in (1e2, 1e4))
    assert far < near / 5
    assert far < 0.01


@pytest.mark.parametrize(
    "kernel", [ErfKernel(1, 1.1, 0.8), GaussKernel(1, 0.9, 0.7), ReluKernel(1, 1.2, 0.0)], ids=repr
)
@pytest.mark.parametrize(("limit", "cutoff"), [(Limit.LARGE, 1e7), (Limit.SMALL, 1e-7)])
def test_the_dimensionless_coupling_tends_to_its_fixed_value(kernel: Kernel, limit: Limit, cutoff: float) -> None:
    """c = lambda Lambda^E with lambda = -Gc4/(24 I4), I4 by SciPy, both far out and near zero."""
    legs = [0.2, 0.4, 0.7, 1.1]
    beta = beta_functions(Action.parse("lambda f^4"), kernel)["lambda"]
    value: Any = beta.fixed_value(limit)
    law: Any = beta.large if limit is Limit.LARGE else beta.small
    places = {f"rho{leg + 1}": position for leg, position in enumerate(legs)}
    numbers = dict(symbolic_kernel(kernel).values)
    expected = value.replace(sympy.Function("Gc4"), lambda *_: sympy.Float(0.37)).subs(numbers)
    expected = float(expected.subs({symbol: places[symbol.name] for symbol in expected.free_symbols}))

    def integrand(y: float) -> float:
        return float(np.prod(kernel(np.array(legs)[:, None], np.array([[y]]))))

    edges = sorted({-cutoff, *(side * e for side in (-1, 1) for e in np.geomspace(1e-3, cutoff, 40)), 0.0, cutoff})
    pieces = pairwise(edges) if cutoff > 1 else [(-cutoff, 0.0), (0.0, cutoff)]
    total = sum(quad(integrand, a, b, epsabs=0, epsrel=1e-10)[0] for a, b in pieces)
    seen = -0.37 / (24 * total) * cutoff ** float(law.exponent.subs(DIMENSION, 1))
    assert seen == pytest.approx(expected, rel=1e-4)


class Octic:
    """A kernel that the package does not know: (1 + x.y)^4, which grows as r^4, loops as r^8."""

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        return np.asarray((1 + x @ y.T) ** 4)

    def sympy_expression(self, symbols: Any) -> Any:
        return (1 + symbols.xy) ** 4


@pytest.mark.parametrize("d_in", [1, 2, 3])
def test_a_python_object_has_its_exponents(d_in: int) -> None:
    result = beta_functions(TALK_ACTION, FunctionKernel(Octic(), d_in))
    for name, legs in (("lambda", 4), ("kappa", 6)):
        assert sympy.simplify(result[name].exponent + DIMENSION + 4 * legs) == 0
    with pytest.raises(InputError, match="no symbolic form"):
        beta_functions(TALK_ACTION, FunctionKernel(lambda x, y: np.asarray((1 + x @ y.T) ** 4), d_in))


CONSISTENT = [(kind, bias) for kind in (ErfKernel, GaussKernel, ReluKernel) for bias in (0.0, 0.6)]


@pytest.mark.parametrize(("kind", "bias"), CONSISTENT)
def test_exponents_of_the_three_networks_with_and_without_bias(kind: Any, bias: float) -> None:
    """For d_in = 1 and for the symbol d_in from 2 on alike: a = 1 (ReLU), 0, and -oo for Gauss without its constant."""
    for d_in in (1, 2, 3):
        result = beta_functions(TALK_ACTION, kind(d_in, 0.9, bias))
        a = 1 if kind is ReluKernel else 0
        for name, legs in (("lambda", 4), ("kappa", 6)):
            exponent: Any = result[name].exponent
            expected = 0 if kind is GaussKernel and not bias else -(DIMENSION + legs * a)
            assert sympy.simplify(exponent - expected) == 0


def test_options_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    found = from_command(
        capsys, "relu", "--system", "--closed-form", "--flow", "lambda=-1e-5,kappa=0", "--cutoffs", "10,20"
    )
    assert [line.startswith("0 = ") for line in found["system"]["equations"]] == [True, True]
    assert set(found["system"]["solution"]) == {"lambda", "kappa"}
    assert found["lambda"]["closed_form"] == "-5*lambda"
    assert found["flow"]["couplings"]["kappa"] == [0.0, 0.0] or found["flow"]["error"] < 1e-6
    assert found["lambda"]["small_cutoff"]["exponent"] == "-(d_in + 4)"
    assert from_command(capsys, "erf", "--closed-form")["lambda"]["closed_form"] is None
    connected = from_command(capsys, "erf", "--system", "--connected", "--vertices", "2")
    assert any(name.startswith("Ac4[lambda^2]") for name in connected["system"]["coefficients"])
    assert main(["beta", "relu", "--system"]) == 0
    assert "Coupled system, exact for every Lambda:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["relu", "--vertices", "2"], "give one of these too"),
        (["relu", "--flow", "lambda=1"], "belong together"),
        (["relu", "--cutoffs", "10,20"], "belong together"),
        (["relu", "--flow", "lambda=1,kappa=0", "--cutoffs", "10,ten"], "'ten' is not a number"),
        (["relu", "--flow", "lambda=1", "--cutoffs", "10,20"], "expected lambda, kappa"),
        (["relu", "--flow", "lambda=1,kappa=0", "--cutoffs", "10,1"], "at least 1.2"),
        (["--kernel", "exp(-rr)", "--flow", "lambda=1,kappa=0", "--cutoffs", "10,20"], "give the legs' inputs"),
        (["--kernel", "cos(rr)"], "cannot determine the growth"),
        (["relu", "--action", "lambda f^4 + rho f^4", "--system"], "give every power of f once"),
    ],
)
def test_wrong_options_are_one_sentence(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["beta", *arguments]) == 2
    captured = capsys.readouterr()
    assert reason in captured.err
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
