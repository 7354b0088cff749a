"""A user's own kernel: an expression typed as text, or a Python callable.

The text goes through `parsing` and is evaluated by walking its tree with NumPy and SciPy functions; it is
never compiled. Variables: xx = |x|^2, xy = x.y, yy = |y|^2, rr = |x - y|^2, and for d_in = 1 the scalars x
and y; parameters d_in, sigma_w, sigma_b; the constant pi. Both kinds are checked: symmetry once, when the
kernel is made, on a fixed set of points; shape and finiteness at every call. Errors say that the kernel is
the user's.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, pi
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from scipy import special

from feyn_nn.errors import InputError
from feyn_nn.kernels.geometry import check_parameters, check_shape, squared_distances, squared_norms
from feyn_nn.parsing import Call, Expression, Name, Number, Operation, combine, parse_expression

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from feyn_nn.arrays import FloatArray

PARAMETERS: Final = ("d_in", "sigma_w", "sigma_b", "pi")
VARIABLES: Final = ("xx", "xy", "yy", "rr")
SCALARS: Final = ("x", "y")

_FUNCTIONS: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "exp": np.exp,
        "log": np.log,
        "sqrt": np.sqrt,
        "sin": np.sin,
        "cos": np.cos,
        "tan": np.tan,
        "arcsin": np.arcsin,
        "arccos": np.arccos,
        "arctan": np.arctan,
        "sinh": np.sinh,
        "cosh": np.cosh,
        "tanh": np.tanh,
        "erf": special.erf,
        "abs": np.abs,
    }
)
FUNCTIONS: Final = MappingProxyType(dict.fromkeys(_FUNCTIONS, 1))
"""The functions of the kernel grammar, with their numbers of arguments."""

_SYMMETRY_TOLERANCE: Final = 1e-9
_DIAGONAL_BLOCK: Final = 32


def _sample(d_in: int) -> tuple[FloatArray, FloatArray]:
    """Two fixed sets of four points without a common one, shapes (4, d_in), to check symmetry on."""
    golden = (5**0.5 - 1) / 2
    values = 3 * (np.arange(1, 8 * d_in + 1, dtype=np.float64) * golden % 1.0) - 1.5
    points: FloatArray = np.asarray(values.reshape(8, d_in), dtype=np.float64)
    return points[:4].copy(), points[4:].copy()


def _checked(values: object, x: FloatArray, y: FloatArray, whose: str) -> FloatArray:
    """Return the user's values as floats of shape (p, q), or raise an InputError that blames the kernel."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as problem:
        raise InputError(f"{whose} did not return real numbers ({problem}): correct the kernel") from None
    expected = (len(x), len(y))
    if array.shape != expected:
        raise InputError(
            f"{whose} returned shape {array.shape} for x of shape {x.shape} and y of shape {y.shape}: "
            f"expected (points of x, points of y) = {expected}; correct the kernel"
        )
    if not np.all(np.isfinite(array)):
        i, j = (int(k) for k in np.argwhere(~np.isfinite(array))[0])
        raise InputError(
            f"{whose} returned {array[i, j]} at x = {x[i].tolist()}, y = {y[j].tolist()}: "
            "expected a finite number; correct the kernel or keep to points where it is defined"
        )
    return array


def _check_symmetric(kernel: Callable[[FloatArray, FloatArray], FloatArray], d_in: int, whose: str) -> None:
    x, y = _sample(d_in)
    forth, back = kernel(x, y), kernel(y, x).T
    gap = np.abs(forth - back)
    if np.any(gap > _SYMMETRY_TOLERANCE * (np.abs(forth) + np.abs(back))):
        i, j = (int(k) for k in np.argwhere(gap == gap.max())[0])
        raise InputError(
            f"{whose} is not symmetric: K(x, y) = {forth[i, j]:.12g} but K(y, x) = {back[i, j]:.12g} at "
            f"x = {x[i].tolist()}, y = {y[j].tolist()}; "
            "a two-point function must not depend on the order of its points"
        )


def _check_numbers(whose: str, bias_variance: float, length_scale: float) -> None:
    if not (isfinite(bias_variance) and bias_variance >= 0):
        raise InputError(f"{whose}: bias_variance = {bias_variance}: expected a variance, zero or more")
    if not (isfinite(length_scale) and length_scale > 0):
        raise InputError(f"{whose}: length_scale = {length_scale}: expected a positive distance")


def evaluate_tree(tree: Expression, values: Mapping[str, Any], whose: str) -> Any:
    """Walk a parsed expression with arrays for its names; raise InputError, naming `whose` text, for a number too large."""
    match tree:
        case Number(value):
            try:
                return np.float64(float(value))
            except OverflowError:
                raise InputError(f"a number in the {whose}'s text exceeds 1.8e308: expected a smaller one") from None
        case Name(name):
            return values[name]
        case Call(function, arguments):
            return _FUNCTIONS[function](evaluate_tree(arguments[0], values, whose))
        case Operation(sign, left, right):
            a, b = evaluate_tree(left, values, whose), evaluate_tree(right, values, whose)
            return combine(sign, a, b, np.power)


@final
@dataclass(frozen=True, slots=True)
class ExpressionKernel:
    """A kernel given by a parsed expression; make one with `parse_kernel`."""

    text: str
    tree: Expression
    d_in: int = 1
    sigma_w: float = 1.0
    sigma_b: float = 1.0
    bias_variance: float = 0.0
    length_scale: float = 1.0

    def __post_init__(self) -> None:
        check_parameters(self.d_in, self.sigma_w, self.sigma_b)
        _check_numbers(self.name, self.bias_variance, self.length_scale)
        _check_symmetric(self, self.d_in, self.name)

    @property
    def name(self) -> str:
        """`user's kernel` with its text."""
        shown = self.text if len(self.text) <= 60 else self.text[:57] + "..."
        return f"user's kernel {shown!r}"

    def _parameters(self) -> dict[str, Any]:
        return {
            "d_in": np.float64(self.d_in),
            "sigma_w": np.float64(self.sigma_w),
            "sigma_b": np.float64(self.sigma_b),
            "pi": np.float64(pi),
        }

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """K between x of shape (p, d_in) and y of shape (q, d_in): shape (p, q).

        Raises InputError where K is not finite.
        """
        check_shape(x, self.d_in)
        check_shape(y, self.d_in)
        values = self._parameters()
        values["xx"], values["yy"] = squared_norms(x)[:, None], squared_norms(y)[None, :]
        values["xy"], values["rr"] = x @ y.T, squared_distances(x, y)
        values["x"], values["y"] = x[:, :1], y[:, :1].T
        with np.errstate(all="ignore"):
            result = np.broadcast_to(evaluate_tree(self.tree, values, "kernel"), (len(x), len(y)))
        return _checked(result, x, y, self.name)

    def diagonal(self, y: FloatArray) -> FloatArray:
        """K(y_i, y_i), shape (q,). Raises InputError where not finite."""
        check_shape(y, self.d_in)
        values = self._parameters()
        values["xx"] = values["xy"] = values["yy"] = squared_norms(y)
        values["rr"] = np.zeros(len(y))
        values["x"] = values["y"] = y[:, 0]
        with np.errstate(all="ignore"):
            result = np.broadcast_to(evaluate_tree(self.tree, values, "kernel"), (len(y),))
        for i in np.flatnonzero(~np.isfinite(result))[:1]:
            _checked(result[i : i + 1, None], y[i : i + 1], y[i : i + 1], self.name)
        return np.array(result, dtype=np.float64)


def parse_kernel(
    text: str,
    d_in: int = 1,
    sigma_w: float = 1.0,
    sigma_b: float = 1.0,
    bias_variance: float = 0.0,
    length_scale: float = 1.0,
) -> ExpressionKernel:
    """Read a kernel such as `exp(-rr/2)`; raise InputError with the position of what is not understood.

    >>> parse_kernel("1/(1 + rr)")(np.array([[0.0]]), np.array([[0.0], [1.0]]))
    array([[1. , 0.5]])
    """
    names = {*PARAMETERS, *VARIABLES, *(SCALARS if d_in == 1 else ())}
    tree = parse_expression(text, names, FUNCTIONS)
    return ExpressionKernel(text, tree, d_in, sigma_w, sigma_b, bias_variance, length_scale)


@final
@dataclass(frozen=True, slots=True)
class FunctionKernel:
    """A kernel given by a callable (x of shape (p, d_in), y of shape (q, d_in)) -> shape (p, q).

    If the callable has a method `sympy_expression(symbols)`, the symbolic side uses it.
    """

    function: Callable[[FloatArray, FloatArray], object]
    d_in: int = 1
    bias_variance: float = 0.0
    length_scale: float = 1.0

    def __post_init__(self) -> None:
        if self.d_in < 1:
            raise InputError(f"d_in = {self.d_in}: expected a positive integer")
        _check_numbers(self.name, self.bias_variance, self.length_scale)
        _check_symmetric(self, self.d_in, self.name)

    @property
    def name(self) -> str:
        """`user's kernel` with the callable's name."""
        return f"user's kernel {getattr(self.function, '__name__', type(self.function).__name__)!r}"

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """K between x of shape (p, d_in) and y of shape (q, d_in): shape (p, q).

        Raises InputError for a wrong shape or a value that is not finite.
        """
        check_shape(x, self.d_in)
        check_shape(y, self.d_in)
        return _checked(self.function(x, y), x, y, self.name)

    def diagonal(self, y: FloatArray) -> FloatArray:
        """K(y_i, y_i), shape (q,), from square blocks of the callable, so that memory stays small."""
        check_shape(y, self.d_in)
        blocks = [y[i : i + _DIAGONAL_BLOCK] for i in range(0, len(y), _DIAGONAL_BLOCK)]
        return np.concatenate([np.diagonal(self(block, block)) for block in blocks]) if blocks else np.zeros(0)
