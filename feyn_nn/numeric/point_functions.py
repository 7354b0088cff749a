"""A coupling that is a function of its point, typed as text such as `0.1*exp(-yy/50)`.

The text goes through `parsing` and is evaluated by walking its tree; it is never compiled. Variables: yy = |y|^2, the
coordinates y1, y2, ..., and y for d_in = 1; the constant pi; the functions of the kernel grammar.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from scipy import special

from feyn_nn.errors import InputError
from feyn_nn.kernels.user import FUNCTIONS
from feyn_nn.parsing import Call, Expression, Name, Number, Operation, combine, parse_expression

if TYPE_CHECKING:
    from collections.abc import Mapping

    from feyn_nn.arrays import FloatArray

_FUNCTIONS: Final[Mapping[str, Any]] = MappingProxyType(
    {name: special.erf if name == "erf" else getattr(np, name) for name in FUNCTIONS}
)


@final
@dataclass(frozen=True, slots=True)
class PointExpression:
    """A function of points given by a parsed expression; make one with `parse_point_function`."""

    text: str
    tree: Expression
    d_in: int = 1

    def __call__(self, points: FloatArray) -> FloatArray:
        """Values at points of shape (q, d_in): shape (q,), not finite where the expression is not."""
        values: dict[str, Any] = {f"y{axis + 1}": points[:, axis] for axis in range(self.d_in)}
        values |= {"y": points[:, 0], "yy": np.square(points).sum(axis=1), "pi": np.float64(pi)}
        with np.errstate(all="ignore"):
            return np.array(np.broadcast_to(_evaluate(self.tree, values), len(points)), dtype=np.float64)


def parse_point_function(text: str, d_in: int = 1) -> PointExpression:
    """Read a function of a point; raise InputError with the position of what is not understood.

    >>> parse_point_function("exp(-yy) + 1")(np.array([[0.0]])).tolist()
    [2.0]
    """
    names = {"yy", "pi", *(f"y{axis + 1}" for axis in range(d_in)), *(("y",) if d_in == 1 else ())}
    return PointExpression(text, parse_expression(text, names, FUNCTIONS), d_in)


def _evaluate(tree: Expression, values: Mapping[str, Any]) -> Any:
    match tree:
        case Number(value):
            try:
                return np.float64(float(value))
            except OverflowError:
                raise InputError("a number in the function's text exceeds 1.8e308: expected a smaller one") from None
        case Name(name):
            return values[name]
        case Call(function, arguments):
            return _FUNCTIONS[function](_evaluate(arguments[0], values))
        case Operation(sign, left, right):
            return combine(sign, _evaluate(left, values), _evaluate(right, values), np.power)
