"""Power counting: how each coupling scales with the cutoff, and which of two is the more irrelevant (talk, RG slides).

At first order f^k with k legs is int d^d y K(x1,y) ... K(xk,y) over [-Lambda, Lambda]^d_in. With K(x, r n) ~ r^a
(`growth`) it grows as Lambda^max(0, d_in + k a), as log Lambda where d_in + k a = 0, and G^(k) does not depend on
Lambda, so that with the other couplings dropped

    g_k ~ Lambda^-max(0, d_in + k a),      c_k = g_k Lambda^(d_in + k a) dimensionless.

A coupling that falls is irrelevant at large Lambda, one whose integral converges does not run. Of f^j and f^k, j < k,

    a > 0     f^k is the more irrelevant, by Lambda^-((k - j) a);
    a = 0     they tie: both fall as Lambda^-d_in. The talk's "kappa more irrelevant than lambda" does not follow;
    a < 0     f^j is the more irrelevant where d_in > -j a, and neither runs below that.

Diagrams with self-loops are no part of this: f^k with a self-loop is a term K(z,z) f^(k-2), which shifts the coupling of
f^(k-2). These exponents are the eigenvalues of the coupled flow (`beta`); where self-loops grow faster than two legs
(b > 2a) a higher coupling may drag a lower one along, and a note says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeAlias

import sympy

from feyn_nn.errors import InputError
from feyn_nn.symbolic.growth.exponents import growth
from feyn_nn.symbolic.kernels import SYMBOLS, symbolic_kernel

if TYPE_CHECKING:
    from feyn_nn.action import Action, Operator
    from feyn_nn.kernels import Kernel
    from feyn_nn.symbolic.growth.exponents import Growth

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types


class Running(Enum):
    """What a coupling does at large Lambda, all correlators fixed."""

    IRRELEVANT = "irrelevant"
    FIXED = "does not run"
    DEPENDS = "depends on d_in"
    NO_POWER_LAW = "no power law"


class Relation(Enum):
    """How the first coupling of a pair compares with the second."""

    MORE = "more irrelevant"
    LESS = "less irrelevant"
    TIE = "tie"
    NEITHER_RUNS = "neither runs"
    NO_POWER_LAW = "no power law"

    @property
    def reversed(self) -> Relation:
        """The relation of the second coupling with the first."""
        return {Relation.MORE: Relation.LESS, Relation.LESS: Relation.MORE}.get(self, self)


@dataclass(frozen=True, slots=True)
class CouplingScaling:
    """One coupling: g ~ Lambda^exponent at large Lambda, and g Lambda^-dimension is dimensionless.

    `exponent` is -max(0, d_in + k a) as an expression in d_in, None for a kernel that grows faster than any power;
    `dimension` is -(d_in + k a), None where a is infinite.
    """

    operator: Operator
    exponent: Expr | None
    dimension: Expr | None
    running: Running

    def exponent_at(self, d_in: int) -> Expr | None:
        """The exponent for one number of input dimensions."""
        return None if self.exponent is None else self.exponent.subs(SYMBOLS.d_in, d_in)


@dataclass(frozen=True, slots=True)
class Case:
    """The relation for above < d_in <= up_to; the ratio first/second of the couplings goes as Lambda^difference."""

    above: Expr
    up_to: Expr
    relation: Relation
    difference: Expr | None

    @property
    def condition(self) -> str:
        """The numbers of input dimensions as text, empty for all of them."""
        return _condition(self.above, self.up_to)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which of two couplings is the more irrelevant: cases that cover every d_in >= 1 once, in rising order."""

    first: Operator
    second: Operator
    cases: tuple[Case, ...]
    reason: str

    @property
    def relation(self) -> Relation | None:
        """How the first compares with the second; None where it depends on d_in."""
        relations = {case.relation for case in self.cases}
        return relations.pop() if len(relations) == 1 else None

    @property
    def statement(self) -> str:
        """The result as a sentence without the reason."""
        first, second = self.first.coupling, self.second.coupling
        parts: dict[str, list[Case]] = {}
        for case in self.cases:
            parts.setdefault(_RELATION_TEXTS[case.relation].format(first=first, second=second), []).append(case)
        written = []
        for text, cases in parts.items():
            condition = _condition(cases[0].above, cases[-1].up_to)
            written.append(f"{text} for {condition}" if condition else text)
        return "; ".join(written)


_RELATION_TEXTS = {
    Relation.MORE: "{first} is more irrelevant than {second}",
    Relation.LESS: "{second} is more irrelevant than {first}",
    Relation.TIE: "{first} and {second} tie",
    Relation.NEITHER_RUNS: "neither {first} nor {second} runs",
    Relation.NO_POWER_LAW: "{first} and {second} follow no power law",
}


@dataclass(frozen=True, slots=True)
class Relevance:
    """Power counting of all couplings of an action, every pair compared, and what that rests on."""

    growth: Growth
    couplings: tuple[CouplingScaling, ...]
    comparisons: tuple[Comparison, ...]
    assumptions: tuple[str, ...]


def relevance(action: Action, behaviour: Growth) -> Relevance:
    """Count powers for the couplings of `action` and a kernel's growth.

    Raises InputError if the sign of the growth's exponent depends on a parameter.

    >>> from feyn_nn.action import TALK_ACTION
    >>> from feyn_nn.kernels import ErfKernel, ReluKernel
    >>> for kernel in (ReluKernel(), ErfKernel()):
    ...     result = relevance(TALK_ACTION, growth(symbolic_kernel(kernel)))
    ...     print([coupling.exponent for coupling in result.couplings], result.comparisons[0].statement)
    [-d_in - 4, -d_in - 6] kappa is more irrelevant than lambda
    [-d_in, -d_in] lambda and kappa tie
    """
    a = behaviour.leg
    _check_sign(a)
    couplings = tuple(_scaling(operator, a) for operator in action.operators)
    pure = all(way.coefficient is not None for way in behaviour.directions if way.exponent == a)
    comparisons = tuple(compare(first, second, a, pure=pure) for first, second in combinations(action.operators, 2))
    assumptions = (
        f"K(x, r n) ~ r^a with a = {a}, K(z, z) ~ r^b with b = {behaviour.loop} as r -> infinity",
        "first order, the diagram with k legs at one vertex f^k; couplings are constants integrated over "
        "[-Lambda, Lambda]^d_in, the others dropped; logarithms of Lambda are not counted",
        *behaviour.assumptions,
        *_loop_note(action, behaviour),
    )
    return Relevance(behaviour, couplings, comparisons, assumptions)


def kernel_relevance(action: Action, kernel: Kernel, other_dimension: Kernel | None = None) -> Relevance:
    """Count powers for the propagator `kernel`, deriving its growth.

    With `other_dimension`, the same kernel for another number of inputs (1 against 2 or more), the growth is derived
    there too, and the assumptions say whether the result holds for every d_in. Raises InputError if a growth cannot be
    determined or its sign depends on a parameter.
    """
    behaviour = growth(symbolic_kernel(kernel))
    result = relevance(action, behaviour)
    here = "d_in = 1" if kernel.d_in == 1 else "every d_in >= 2"
    if other_dimension is None:
        note = f"the growth was derived for {here}: elsewhere the exponent a may differ"
    else:
        there = growth(symbolic_kernel(other_dimension))
        same = (there.leg, there.loop) == (behaviour.leg, behaviour.loop)
        note = (
            "the same growth was derived for d_in = 1 and for every d_in >= 2"
            if same
            else f"the growth holds for {here} only: elsewhere a = {there.leg}, b = {there.loop}"
        )
    legs = f"legs are {kernel.name}"
    return Relevance(behaviour, result.couplings, result.comparisons, (legs, *result.assumptions, note))


def compare(first: Operator, second: Operator, a: Expr, *, pure: bool = True) -> Comparison:
    """Compare two couplings for K(x, r n) ~ r^a; `pure` says that no slower factor, such as a logarithm, is left.

    Raises InputError if the sign of `a` depends on a parameter.

    >>> from feyn_nn.action import TALK_ACTION
    >>> print(compare(*TALK_ACTION.operators, sympy.Rational(-1, 2)).statement)
    neither lambda nor kappa runs for d_in <= 2; lambda is more irrelevant than kappa for d_in >= 3
    """
    a = sympy.sympify(a)
    _check_sign(a)
    if first.valence > second.valence:
        turned = compare(second, first, a, pure=pure)
        cases = tuple(
            Case(
                case.above,
                case.up_to,
                case.relation.reversed,
                None if case.difference is None else -case.difference,
            )
            for case in turned.cases
        )
        return Comparison(first, second, cases, turned.reason)
    cases = tuple(case for case in _cases(first.valence, second.valence, a) if not _is_empty(case))
    return Comparison(first, second, cases, _reason(first, second, a, pure=pure))


def translation_invariant(kernel: Kernel) -> bool:
    """Whether K(x + c, y + c) = K(x, y), tried at rational points and shifts.

    Raises InputError for a kernel without a symbolic form.

    >>> from feyn_nn.kernels import GaussKernel, ReluKernel
    >>> translation_invariant(GaussKernel()), translation_invariant(ReluKernel())
    (True, False)
    """
    symbolic = symbolic_kernel(kernel)
    for trial in range(1, 4):
        x, y, c = (
            [sympy.Rational(numerator + 3 * axis + trial, 7 + 2 * axis) for axis in range(symbolic.dimension)]
            for numerator in (2, -5, 9)
        )
        shifted = symbolic.between(
            [s + t for s, t in zip(x, c, strict=True)], [s + t for s, t in zip(y, c, strict=True)]
        )
        values = dict(symbolic.values)
        difference = (shifted - symbolic.between(x, y)).subs(values)
        if abs(sympy.N(difference, 30)) > sympy.Float("1e-20"):
            return False
    return True


def _check_sign(a: Expr) -> None:
    if not (a.is_zero or a.is_extended_positive or a.is_extended_negative):
        raise InputError(
            f"growth exponent a = {a}: its sign depends on {', '.join(sorted(map(str, a.free_symbols)))}, so no coupling "
            "can be called more irrelevant; write numbers into the kernel instead"
        )


def _scaling(operator: Operator, a: Expr) -> CouplingScaling:
    d_in, power = SYMBOLS.d_in, operator.valence
    if a == sympy.oo:
        return CouplingScaling(operator, None, None, Running.NO_POWER_LAW)
    if a == -sympy.oo:
        return CouplingScaling(operator, sympy.Integer(0), None, Running.FIXED)
    size = d_in + power * a
    # d_in is at least 1, so that the size is positive for every d_in exactly if power * a > -1.
    if (power * a + 1).is_positive:
        return CouplingScaling(operator, -size, -size, Running.IRRELEVANT)
    return CouplingScaling(operator, -sympy.Max(0, size), -size, Running.DEPENDS)


def _cases(low: int, high: int, a: Expr) -> list[Case]:
    """The cases of f^low against f^high, low <= high."""
    zero, oo, d_in = sympy.Integer(0), sympy.oo, SYMBOLS.d_in
    if a == oo:
        return [Case(zero, oo, Relation.NO_POWER_LAW, None)]
    if a == -oo:
        return [Case(zero, oo, Relation.NEITHER_RUNS, zero)]
    if a.is_zero or (low == high and a.is_positive):
        return [Case(zero, oo, Relation.TIE, zero)]
    if a.is_positive:
        return [Case(zero, oo, Relation.LESS, (high - low) * a)]
    if low == high:
        return [Case(zero, -low * a, Relation.NEITHER_RUNS, zero), Case(-low * a, oo, Relation.TIE, zero)]
    return [
        Case(zero, -low * a, Relation.NEITHER_RUNS, zero),
        Case(-low * a, -high * a, Relation.MORE, -(d_in + low * a)),
        Case(-high * a, oo, Relation.MORE, (high - low) * a),
    ]


def _is_empty(case: Case) -> bool:
    """Whether no integer d_in lies in the range; where the bounds are symbols that is not known."""
    if not (case.above.is_number and case.up_to.is_number):
        return False
    return bool(sympy.floor(case.up_to) <= sympy.floor(case.above))


def _condition(above: Expr, up_to: Expr) -> str:
    least = None if above == 0 else f"d_in >= {sympy.floor(above) + 1}" if above.is_number else f"d_in > {above}"
    if up_to == sympy.oo:
        return "" if least is None or least == "d_in >= 1" else least
    most = str(sympy.floor(up_to)) if up_to.is_number else str(up_to)
    if above.is_number and up_to.is_number and sympy.floor(above) + 1 == sympy.floor(up_to):
        return f"d_in = {most}"
    if least is None or least == "d_in >= 1":
        return f"d_in <= {most}"
    start = f"{sympy.floor(above) + 1} <=" if above.is_number else f"{above} <"
    return f"{start} d_in <= {most}"


def _reason(low: Operator, high: Operator, a: Expr, *, pure: bool) -> str:
    """Why, for low.valence <= high.valence."""
    first, second = low.coupling, high.coupling
    j, k = low.valence, high.valence
    up_to_factors = "" if pure else ", up to factors slower than any power"
    if low.valence == high.valence:
        return f"{first} and {second} stand at the same power of f: only their sum is determined"
    if a == sympy.oo:
        return "K grows faster than any power of the distance, and so does every integral with Lambda"
    if a == -sympy.oo:
        return "K decays faster than any power, so that the integrals of all powers converge"
    if a.is_zero:
        slide = " (the talk's slide has kappa more irrelevant than lambda)" if (j, k) == (4, 6) else ""
        return (
            f"a = 0: K neither grows nor decays, so that int K^{j} and int K^{k} both grow as the volume "
            f"Lambda^d_in{up_to_factors}; {second} is not more irrelevant than {first}, and if it is small, that is because "
            f"of 1/N, not because of the flow{slide}"
        )
    extra = (k - j) * a
    if a.is_positive:
        return (
            f"a = {a} > 0: the {k - j} more legs of f^{k} make its integral grow faster by Lambda^{_exponent(extra)}, so that "
            f"{second} falls faster by Lambda^{_exponent(-extra)}{up_to_factors}"
        )
    return (
        f"a = {a} < 0: every leg makes the integral grow more slowly; {first} falls as Lambda^-max(0, d_in - {-j * a}), "
        f"{second} as Lambda^-max(0, d_in - {-k * a}){up_to_factors}, and as 1/log Lambda where d_in equals that number"
    )


def _exponent(value: Expr) -> str:
    """An exponent behind a hat, in brackets where it is more than one sign and digits."""
    return str(value) if value.is_Integer else f"({value})"


def _loop_note(action: Action, behaviour: Growth) -> list[str]:
    """Say where a self-loop grows faster than two legs, so that the coupled system moves a lower coupling."""
    a, b = behaviour.leg, behaviour.loop
    finite = abs(a) != sympy.oo and abs(b) != sympy.oo
    if not ((finite and (b - 2 * a).is_positive) or (b == sympy.oo and a != sympy.oo)):
        return []
    pairs = combinations(sorted(operator.valence for operator in action.operators), 2)
    if not any(low < high and (high - low) % 2 == 0 for low, high in pairs):
        return []
    return [
        f"self-loops K(z,z) grow faster than two legs (b = {b} > 2a = {2 * a}): f^k with a self-loop acts as K(z,z) f^(k-2) "
        "and shifts that coupling, so that in the coupled system (feyn-nn beta) a higher coupling may drag a lower one along"
    ]
