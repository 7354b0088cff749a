"""Which operators an effective action contains (talk, "Wilsonian EFT Rules for NGPs").

(1) Determine the symmetries, (2) fix an upper bound on the dimension of any operator, (3) Delta S contains all operators
up to the bound that respect the symmetries.

Operators are the monomials f^k without derivatives, k >= 3: f^2 is in the kernel, f in the mean. For d_out outputs that
rotate into each other f^k stands for (f.f)^(k/2). The dimension is counted in units of the field, [f^k] = k, as in the
talk. That is a bound on the power of f; how a coupling scales with the cutoff depends on the kernel as well: with
K(x, r n) ~ r^a it scales with d_in + k a (`feyn_nn.symbolic.growth.relevance`), so that for a <= 0 a high power is not more
irrelevant than a low one.

What each symmetry does to the operators:

- Z2, f -> -f: forbids odd powers.
- SO(n) or O(n) of n >= 2 outputs: the invariants of one vector at one point are the powers of f.f (the totally
  antisymmetric tensor, contracted with copies of one vector, vanishes), so odd powers are forbidden with or without Z2.
  SO(1) is trivial, O(1) is Z2.
- shift, f -> f + c: forbids every operator without derivatives.
- translation, x -> x + c: forbids none, but the couplings are constants; without it each is a function
  g(x) = g_bar + delta g(x) of the input.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from feyn_nn.action.operators import MAX_VALENCE, MIN_VALENCE, VERTEX_LETTERS, Action, Operator
from feyn_nn.errors import InputError, LimitError

_TALK_NAMES: Final = {3: "g", 4: "lambda", 5: "alpha", 6: "kappa"}
_ROTATION: Final = re.compile(r"(so|o)\(([0-9]{1,6})\)")
_NO_SYMMETRY: Final = "none"


class SymmetryKind(Enum):
    """The kinds of symmetries; the value is the name on the command line."""

    Z2 = "z2"
    TRANSLATION = "translation"
    SHIFT = "shift"
    SO = "so"
    O = "o"  # noqa: E741 (the group's name)


_ROTATIONS: Final = frozenset({SymmetryKind.SO, SymmetryKind.O})


@dataclass(frozen=True, slots=True)
class Symmetry:
    """A symmetry of the action; `outputs` is the n of SO(n) and O(n), None for the others.

    Raises InputError for a rotation without a positive number of outputs, or another symmetry with one.
    """

    kind: SymmetryKind
    outputs: int | None = None

    def __post_init__(self) -> None:
        if self.kind in _ROTATIONS:
            if self.outputs is None or self.outputs < 1:
                raise InputError(
                    f"symmetry {self.kind.name}({self.outputs}): expected a positive number of outputs, as in SO(3)"
                )
        elif self.outputs is not None:
            raise InputError(f"symmetry {self.kind.value} with {self.outputs} outputs: only SO and O have outputs")

    def allows(self, power: int) -> bool:
        """Whether f^power, or for several outputs (f.f)^(power/2), is invariant.

        >>> [Symmetry(SymmetryKind.SO, 3).allows(k) for k in (3, 4)], Symmetry(SymmetryKind.SO, 1).allows(3)
        ([False, True], True)
        """
        match self.kind:
            case SymmetryKind.TRANSLATION:
                return True
            case SymmetryKind.SHIFT:
                return power == 0
            case SymmetryKind.SO:
                return power % 2 == 0 or self.outputs == 1
            case SymmetryKind.Z2 | SymmetryKind.O:
                return power % 2 == 0

    @property
    def why(self) -> str:
        """Why it forbids what it forbids."""
        match self.kind:
            case SymmetryKind.TRANSLATION:
                return "x -> x + c forbids no operator, it makes the couplings constants"
            case SymmetryKind.SHIFT:
                return "f -> f + c leaves no operator without derivatives invariant"
            case SymmetryKind.Z2:
                return "an odd power changes sign under f -> -f"
            case SymmetryKind.SO | SymmetryKind.O if self.outputs != 1:
                return "the only invariants of one vector f at one point are the powers of f.f"
            case SymmetryKind.O:
                return "O(1) is f -> -f, under which an odd power changes sign"
            case SymmetryKind.SO:
                return "SO(1) is trivial"

    def __str__(self) -> str:
        if self.outputs is not None:
            return f"{self.kind.name}({self.outputs})"
        return "Z2" if self.kind is SymmetryKind.Z2 else self.kind.value


Z2: Final = Symmetry(SymmetryKind.Z2)
TRANSLATION: Final = Symmetry(SymmetryKind.TRANSLATION)
SHIFT: Final = Symmetry(SymmetryKind.SHIFT)


@dataclass(frozen=True, slots=True)
class Excluded:
    """A monomial up to the bound that is left out, and every declared symmetry that forbids it."""

    power: int
    symmetries: tuple[Symmetry, ...]

    def __str__(self) -> str:
        forbidding = self.symmetries[0]
        others = "".join(f", also by {symmetry}" for symmetry in self.symmetries[1:])
        return f"f^{self.power}: forbidden by {forbidding}: {forbidding.why}{others}"


@dataclass(frozen=True, slots=True)
class EffectiveAction:
    """All operators up to a bound that respect the symmetries, and what they exclude.

    `dimension` is the bound on the power of f, `d_out` the number of outputs, `excluded` the monomials from f^3 to the
    bound that are left out.
    """

    action: Action
    symmetries: tuple[Symmetry, ...]
    dimension: int
    d_out: int
    excluded: tuple[Excluded, ...]

    @property
    def constant_couplings(self) -> bool:
        """Whether the couplings are constants; else each is a function of the input."""
        return TRANSLATION in self.symmetries

    def __str__(self) -> str:
        terms = (f"{operator.coupling} {monomial(operator.valence, self.d_out)}" for operator in self.action.operators)
        return " + ".join(terms)


def monomial(power: int, d_out: int = 1) -> str:
    """The operator of this power as text.

    >>> monomial(4), monomial(4, d_out=3), monomial(2, d_out=3)
    ('f^4', '(f.f)^2', 'f.f')
    """
    if d_out == 1 or power % 2:
        return f"f^{power}"
    return "f.f" if power == 2 else f"(f.f)^{power // 2}"


def allowed_powers(symmetries: Iterable[Symmetry], dimension: int, d_out: int = 1) -> tuple[int, ...]:
    """The powers from 3 to the bound that every symmetry allows; none may be left.

    Raises InputError for a bound below 3, contradicting symmetries, or several outputs that no SO or O rotates, and
    LimitError for a bound above the largest power of an operator.

    >>> allowed_powers([Z2, TRANSLATION], 7)
    (4, 6)
    """
    declared = _consistent(symmetries, d_out)
    _check_bound(dimension)
    powers = range(MIN_VALENCE, dimension + 1)
    return tuple(power for power in powers if all(symmetry.allows(power) for symmetry in declared))


def excluded_powers(symmetries: Iterable[Symmetry], dimension: int, d_out: int = 1) -> tuple[Excluded, ...]:
    """The powers from 3 to the bound that some symmetry forbids, each with every symmetry that does.

    Raises as `allowed_powers` does.

    >>> [str(entry) for entry in excluded_powers([Z2, TRANSLATION], 4)]
    ['f^3: forbidden by Z2: an odd power changes sign under f -> -f']
    """
    declared = _consistent(symmetries, d_out)
    _check_bound(dimension)
    every = (
        Excluded(power, tuple(symmetry for symmetry in declared if not symmetry.allows(power)))
        for power in range(MIN_VALENCE, dimension + 1)
    )
    return tuple(entry for entry in every if entry.symmetries)


def allowed_action(symmetries: Iterable[Symmetry], dimension: int, d_out: int = 1) -> EffectiveAction:
    """The action with all operators of at most `dimension` that respect the symmetries (the talk's three rules).

    The couplings have the talk's names g, lambda, alpha, kappa, then g_7, g_8, ... Raises InputError if no operator is
    allowed and where `allowed_powers` does, LimitError for more couplings than an action may have.

    >>> print(allowed_action([TRANSLATION], 6))
    g f^3 + lambda f^4 + alpha f^5 + kappa f^6
    >>> print(allowed_action([Z2, TRANSLATION], 6))
    lambda f^4 + kappa f^6
    """
    declared = _consistent(symmetries, d_out)
    powers = allowed_powers(declared, dimension, d_out)
    if not powers:
        reasons = "; ".join(f"{symmetry}: {symmetry.why}" for symmetry in declared if not symmetry.allows(dimension))
        remedy = (
            f"leave {SHIFT} out"
            if SHIFT in declared
            else f"raise the bound, or leave out {' and '.join(str(s) for s in declared if not s.allows(dimension))}"
        )
        raise InputError(f"no operator is allowed from f^{MIN_VALENCE} to f^{dimension} ({reasons}); {remedy}")
    if len(powers) > len(VERTEX_LETTERS):
        fits = powers[len(VERTEX_LETTERS)] - 1
        raise LimitError(
            f"{len(powers)} operators are allowed up to dimension {dimension}: at most {len(VERTEX_LETTERS)} couplings "
            f"are supported; lower the bound to {fits}, or declare a symmetry that forbids some of them"
        )
    action = Action(tuple(Operator(power, _TALK_NAMES.get(power, f"g_{power}")) for power in powers))
    excluded = excluded_powers(declared, dimension, d_out)
    return EffectiveAction(action, declared, dimension, d_out, excluded)


def check_allowed(action: Action, symmetries: Iterable[Symmetry], dimension: int | None = None, d_out: int = 1) -> None:
    """Raise InputError for the first operator of `action` that a symmetry forbids or that is above the bound.

    Without `dimension` there is no bound. Raises what `allowed_powers` raises for bounds and symmetries that make no
    sense.

    >>> check_allowed(Action.parse("lambda f^4"), [Z2], 6)
    """
    declared = _consistent(symmetries, d_out)
    if dimension is not None:
        _check_bound(dimension)
    for operator in action.operators:
        for symmetry in declared:
            if not symmetry.allows(operator.valence):
                raise InputError(
                    f"term {operator}: the declared symmetry {symmetry} forbids it ({symmetry.why}); leave the term "
                    "out, or do not declare the symmetry"
                )
        if dimension is not None and operator.valence > dimension:
            raise InputError(
                f"term {operator}: its dimension {operator.valence}, in units of the field, is above the bound "
                f"{dimension}; leave the term out, or raise the bound"
            )


def parse_symmetries(text: str) -> tuple[Symmetry, ...]:
    """Read names separated by commas, in upper or lower case: z2, translation, shift, so(3), o(2), or none.

    Raises InputError for an unknown or repeated name and for SO or O of no outputs.

    >>> [str(symmetry) for symmetry in parse_symmetries("Z2, translation, so(3)")]
    ['Z2', 'translation', 'SO(3)']
    """
    if text.strip().lower() == _NO_SYMMETRY:
        return ()
    found: list[Symmetry] = []
    for part in text.split(","):
        symmetry = _parse_symmetry(part.strip(), text)
        if symmetry in found:
            raise InputError(f"symmetries {text!r}: {symmetry} stands twice; name it once")
        found.append(symmetry)
    return tuple(found)


def _parse_symmetry(part: str, text: str) -> Symmetry:
    name = "".join(part.lower().split())
    for symmetry in (Z2, TRANSLATION, SHIFT):
        if name == symmetry.kind.value:
            return symmetry
    rotation = _ROTATION.fullmatch(name)
    if rotation is None:
        raise InputError(
            f"symmetries {text!r}: {part!r} is not one of z2, translation, shift, so(n), o(n); separate several by "
            f"commas, and write {_NO_SYMMETRY} alone for no symmetry"
        )
    return Symmetry(SymmetryKind(rotation[1]), int(rotation[2]))


def _consistent(symmetries: Iterable[Symmetry], d_out: int) -> tuple[Symmetry, ...]:
    """The symmetries in their order, each once; raise InputError where they contradict the outputs or each other."""
    declared = tuple(dict.fromkeys(symmetries))
    if d_out < 1:
        raise InputError(f"d_out = {d_out}: expected a positive number of outputs")
    rotations = [symmetry for symmetry in declared if symmetry.kind in _ROTATIONS]
    for symmetry in rotations:
        if symmetry.outputs != d_out:
            raise InputError(
                f"symmetry {symmetry} with d_out = {d_out}: it rotates {symmetry.outputs} outputs; give d_out = "
                f"{symmetry.outputs}, or {symmetry.kind.name}({d_out})"
            )
    if d_out > 1 and not rotations:
        raise InputError(
            f"d_out = {d_out} without SO({d_out}) or O({d_out}): every monomial of the outputs would have its own "
            f"coupling; declare so({d_out}), or take one output"
        )
    return declared


def _check_bound(dimension: int) -> None:
    if dimension < MIN_VALENCE:
        raise InputError(
            f"dimension {dimension}: expected a bound of at least {MIN_VALENCE}, since f^2 is in the kernel and f in "
            f"the mean; give {MIN_VALENCE} to {MAX_VALENCE}"
        )
    if dimension > MAX_VALENCE:
        raise LimitError(f"dimension {dimension}: operators up to f^{MAX_VALENCE} are supported; lower the bound")
