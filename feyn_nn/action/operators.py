"""The interaction part of an action: Delta S = sum_k g_k int d^d y f(y)^k, with no 1/k! (talk, "Effective Field Theory").

A term is an `Operator` (its coupling's name and its valence k), an action an ordered tuple of them. The order in
which the terms are written fixes the order of couplings in every table and the letters of the internal points.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from math import comb, prod
from typing import Final

from feyn_nn.errors import InputError, LimitError
from feyn_nn.parsing import NAME_PATTERN, parse_monomials

MIN_VALENCE: Final = 3
MAX_VALENCE: Final = 12
MAX_ORDERS: Final = 10_000
VERTEX_LETTERS: Final = ("y", "z", "u", "v", "w")
"""Letters of internal points, one for each coupling in the action's order."""

_RESERVED = re.compile(r"f|K|K_W|G|I|kernel|assumptions|Lambda|d_in|d_out|N|[xyzuvw]\d*")


@dataclass(frozen=True, slots=True, order=True)
class Operator:
    """The monomial `coupling` * f^valence; ordered by valence, then by name."""

    valence: int
    coupling: str

    def __post_init__(self) -> None:
        if not NAME_PATTERN.fullmatch(self.coupling) or _RESERVED.fullmatch(self.coupling):
            raise InputError(
                f"coupling {self.coupling!r}: expected a name of up to 32 letters, digits and underscores that "
                "starts with a letter and is not one of the symbols f, K, G, I, N, "
                "Lambda, d_in, d_out, the words kernel, assumptions, or a point x1, y1, ..."
            )
        if not MIN_VALENCE <= self.valence <= MAX_VALENCE:
            hint = "; a quadratic term belongs in the kernel" if self.valence == 2 else ""
            raise InputError(
                f"term {self.coupling} f^{self.valence}: expected a power from {MIN_VALENCE} to {MAX_VALENCE}{hint}"
            )

    def __str__(self) -> str:
        return f"{self.coupling} f^{self.valence}"


@dataclass(frozen=True, slots=True)
class Action:
    """An ordered set of operators with distinct couplings.

    >>> print(Action.parse("lambda f^4 + kappa f^6"))
    lambda f^4 + kappa f^6
    """

    operators: tuple[Operator, ...]

    def __post_init__(self) -> None:
        if not self.operators:
            raise InputError("the action has no terms: expected for example 'lambda f^4'")
        if len(self.operators) > len(VERTEX_LETTERS):
            raise InputError(f"the action has {len(self.operators)} terms: at most {len(VERTEX_LETTERS)} are supported")
        for name in self.couplings:
            if self.couplings.count(name) > 1:
                raise InputError(f"coupling {name!r} stands at two terms of the action: give each term its own name")

    @classmethod
    def parse(cls, text: str) -> Action:
        """Read an action such as `lambda f^4 + kappa f^6`; raise InputError with the position of a mistake."""
        operators = []
        for coupling, valence, position in parse_monomials(text):
            try:
                operators.append(Operator(valence, coupling))
            except InputError as problem:
                raise InputError(f"{problem} (position {position} of {text!r})") from None
        return cls(tuple(operators))

    @property
    def couplings(self) -> tuple[str, ...]:
        """The couplings' names in the action's order."""
        return tuple(operator.coupling for operator in self.operators)

    def __str__(self) -> str:
        return " + ".join(str(operator) for operator in self.operators)

    def orders(self, maximum: int) -> list[tuple[int, ...]]:
        """All multi-orders with at most `maximum` vertices in total, sorted as in every table.

        >>> Action.parse("lambda f^4 + kappa f^6").orders(2)
        [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
        """
        if maximum < 0:
            raise InputError(f"order {maximum}: expected zero or more vertices")
        _refuse_many(comb(maximum + len(self.operators), len(self.operators)))
        every = product(range(maximum + 1), repeat=len(self.operators))
        return sorted((order for order in every if sum(order) <= maximum), key=order_key)

    def orders_within(self, maxima: dict[str, int]) -> list[tuple[int, ...]]:
        """All multi-orders with at most `maxima[coupling]` vertices of each coupling (0 where not named)."""
        for name, maximum in maxima.items():
            if name not in self.couplings:
                raise InputError(f"unknown coupling {name!r} in the order: the action has {', '.join(self.couplings)}")
            if maximum < 0:
                raise InputError(f"order {name}={maximum}: expected zero or more vertices")
        _refuse_many(prod(maximum + 1 for maximum in maxima.values()))
        return sorted(product(*(range(maxima.get(name, 0) + 1) for name in self.couplings)), key=order_key)


def _refuse_many(orders: int) -> None:
    if orders > MAX_ORDERS:
        raise LimitError(f"{orders} multi-orders of the couplings: at most {MAX_ORDERS} are supported; lower the order")


def order_key(order: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Sort key of multi-orders: total number of vertices, then the action's order of couplings."""
    return sum(order), tuple(-power for power in order)


TALK_ACTION: Final = Action.parse("lambda f^4 + kappa f^6")
"""The talk's action after the odd couplings vanish."""
