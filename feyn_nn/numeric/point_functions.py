"""A coupling that is a function of its point, typed as text such as `0.1*exp(-yy/50)`.

The text goes through `parsing` and is evaluated by walking its tree; it is never compiled. Variables: yy = |y|^2, the
coordinates y1, y2, ..., and y for d_in = 1; the constant pi; the functions of the kernel grammar.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING, Any, final

import numpy as np

from feyn_nn.kernels.user import FUNCTIONS, evaluate_tree
from feyn_nn.parsing import Expression, parse_expression

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray


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
            return np.array(
                np.broadcast_to(evaluate_tree(self.tree, values, "function"), len(points)), dtype=np.float64
            )


def parse_point_function(text: str, d_in: int = 1) -> PointExpression:
    """Read a function of a point; raise InputError with the position of what is not understood.

    >>> parse_point_function("exp(-yy) + 1")(np.array([[0.0]])).tolist()
    [2.0]
    """
    names = {"yy", "pi", *(f"y{axis + 1}" for axis in range(d_in)), *(("y",) if d_in == 1 else ())}
    return PointExpression(text, parse_expression(text, names, FUNCTIONS), d_in)
