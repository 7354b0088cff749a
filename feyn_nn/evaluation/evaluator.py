"""A SymPy expression's value for every tuple of inputs, by walking its tree with NumPy.

The leg x1 of an expression is the first input of a tuple, x2 the second. K(x1, x2) between two legs is the kernel `free`,
lines at internal points are `propagator` (K or K_W), as in `Contraction`, which evaluates the integrals and remembers
them. Lambda is the cutoff and d_in the inputs' number of coordinates; every other symbol and function has to be given.
An expression that is not a real number for some tuple (the root of a negative number, a division by a vanishing integral)
is NaN or infinite there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import sympy
from scipy import special
from sympy.core.function import AppliedUndef

from feyn_nn.arrays import FloatArray, IntArray, as_points
from feyn_nn.errors import InputError
from feyn_nn.evaluation.reading import INTEGRALS, leg_coordinate, legs_of, read_call, read_integral, shown
from feyn_nn.numeric import MAX_POINTS, Contraction, grid_for, with_error
from feyn_nn.symbolic.integrals import CUTOFF, K

if TYPE_CHECKING:
    from feyn_nn.evaluation.reading import Summand
    from feyn_nn.kernels import Kernel
    from feyn_nn.numeric import Grid, PointFunction

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types
LegFunction: TypeAlias = npt.ArrayLike | Callable[[IntArray], FloatArray]
"""A measured function of legs: values of shape (tuples,) with the legs in order, or a callable from the indices of the
inputs at its legs, shape (tuples, legs), to shape (tuples,)."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

_FUNCTIONS: Final[Mapping[Any, Callable[..., Any]]] = MappingProxyType(
    {
        sympy.exp: np.exp,
        sympy.log: np.log,
        sympy.erf: special.erf,
        sympy.Abs: np.abs,
        sympy.sign: np.sign,
        sympy.sin: np.sin,
        sympy.cos: np.cos,
        sympy.tan: np.tan,
        sympy.asin: np.arcsin,
        sympy.acos: np.arccos,
        sympy.atan: np.arctan,
        sympy.sinh: np.sinh,
        sympy.cosh: np.cosh,
        sympy.tanh: np.tanh,
    }
)
_EXTREMES: Final[Mapping[Any, Any]] = MappingProxyType({sympy.Max: np.maximum, sympy.Min: np.minimum})


class Evaluator:
    """Evaluates expressions at one cutoff for the same tuples; remembers integrals and repeated parts.

    `values` has the numbers that symbols stand for, each for all tuples or of shape (tuples,); `leg_functions` the
    functions of legs such as G4; `outputs` the output index of every leg, of shape (legs,) or (tuples, legs), for
    KroneckerDelta(i1, i2). Functions of internal points are the contraction's. Raises InputError for tuples of different
    lengths or that do not fit the inputs, for none at all, and for values of another shape.
    """

    def __init__(
        self,
        contraction: Contraction,
        tuples: Sequence[tuple[int, ...]],
        values: Mapping[str, npt.ArrayLike] = _NOTHING,
        leg_functions: Mapping[str, LegFunction] = _NOTHING,
        outputs: npt.ArrayLike | None = None,
    ) -> None:
        if not len(tuples):
            raise InputError("no tuples of inputs: expected at least one, with an index for each leg of the expression")
        self._contraction = contraction
        self._legs = len(tuples[0])
        self._table = contraction.table(tuples, self._legs)
        self._dimension = contraction.inputs.shape[1]
        self._values: dict[str, Any] = {
            name: self._per_tuple(value, f"value of {name}") for name, value in values.items()
        }
        for name, meaning in (("Lambda", "the cutoff"), ("d_in", "the inputs' number of coordinates")):
            if name in self._values:
                raise InputError(f"value of {name}: it is {meaning} and must not be given once more")
        self._values |= {"Lambda": np.float64(contraction.grid.cutoff), "d_in": np.float64(self._dimension)}
        self._leg_functions = leg_functions
        self._outputs = None if outputs is None else self._output_table(outputs)
        self._known: dict[Expr, Any] = {}

    def __call__(self, expression: Expr) -> FloatArray:
        """Value of an expression for every tuple, shape (tuples,).

        Raises InputError, naming it, for a symbol, function or leg without a value and for whatever cannot be evaluated;
        LimitError where the grid is too large for an integral.
        """
        if not isinstance(expression, sympy.Expr):
            raise InputError(f"{shown(expression)}: expected a SymPy expression, not a {type(expression).__name__}")
        with np.errstate(all="ignore"):
            value = self._value(expression)
        return np.array(np.broadcast_to(value, (len(self._table),)), dtype=np.float64)

    def _value(self, expression: Expr) -> Any:
        """A float or an array of shape (tuples,)."""
        if expression.is_Symbol:
            return self._symbol(expression)
        if expression.is_number and not expression.args:
            return _number(expression)
        if expression.is_Mul:  # not remembered: a correlator has many, each once
            product: Any = np.float64(1.0)
            for factor in expression.args:
                product = product * self._value(factor)
            return product
        if expression not in self._known:
            self._known[expression] = self._compound(expression)
        return self._known[expression]

    def _compound(self, expression: Expr) -> Any:
        if expression.is_Add:
            total: Any = np.float64(0.0)
            for term in expression.args:
                total = total + self._value(term)
            return total
        if expression.is_Pow:
            return np.power(self._value(expression.base), self._value(expression.exp))
        if isinstance(expression, INTEGRALS):
            summands = read_integral(expression, self._dimension)
            return sum((self._summand(summand) for summand in summands), np.float64(0.0))
        if isinstance(expression, AppliedUndef):
            return self._call(expression)
        if isinstance(expression, sympy.Derivative):
            return self._derivative(expression)
        if isinstance(expression, sympy.KroneckerDelta):
            first, second = (self._output(argument, expression) for argument in expression.args)
            return np.equal(first, second).astype(np.float64)
        if expression.func in _FUNCTIONS and len(expression.args) == 1:
            return _FUNCTIONS[expression.func](self._value(expression.args[0]))
        if expression.func in _EXTREMES:
            first, *others = (self._value(argument) for argument in expression.args)
            for other in others:
                first = _EXTREMES[expression.func](first, other)
            return first
        raise InputError(
            f"{shown(expression)}: a {type(expression).__name__} cannot be evaluated; expected sums, products, powers, "
            "elementary functions, propagators K and integrals over the cube or its surface"
        )

    def _symbol(self, symbol: Expr) -> Any:
        if symbol.name in self._values:
            return self._values[symbol.name]
        coordinate = leg_coordinate(symbol, self._dimension)
        if coordinate is None:
            raise InputError(
                f"symbol {symbol}: no value for it, given are: {', '.join(sorted(self._values))}; add it to values"
            )
        self._check_legs([coordinate[0]], symbol)
        return self._contraction.inputs[self._table[:, coordinate[0]], coordinate[1]]

    def _summand(self, summand: Summand) -> Any:
        value: Any = np.float64(1.0)
        for factor in summand.factors:
            value = value * self._value(factor)
        for first, second in summand.between_legs:
            self._check_legs([first, second], K)
            value = value * self._contraction.free[self._table[:, first], self._table[:, second]]
        for component in summand.components:
            for legs in component.attached:
                self._check_legs(legs, K)
            value = value * self._contraction.component(component, self._table)
        return value

    def _call(self, call: Expr) -> Any:
        name = call.func.__name__
        if call.func == K:
            return self._summand(read_call(call, self._dimension))
        arguments = call.args[:-1] if len(call.args) > 1 and call.args[-1] == CUTOFF else call.args
        legs = legs_of(arguments, self._dimension)
        if name in self._leg_functions:
            if legs is None:
                raise InputError(f"{shown(call)}: expected legs x1, x2, ... as arguments of the given function {name}")
            self._check_legs(legs, call)
            return self._leg_function(name, legs)
        if legs is not None and len(legs) == 1 and name in self._contraction.functions:
            self._check_legs(legs, call)
            values = self._contraction.function_values(name, self._contraction.inputs)
            return values[self._table[:, legs[0]]]
        if legs is None and name in self._contraction.functions:
            return self._summand(read_call(call, self._dimension))
        raise InputError(
            f"function {shown(call)}: no values for {name}; add it to leg_functions (of legs) or functions (of a point), or "
            "write named integrals and coefficients out first"
        )

    def _leg_function(self, name: str, legs: tuple[int, ...]) -> FloatArray:
        given = self._leg_functions[name]
        if callable(given):
            return self._per_tuple(given(self._table[:, list(legs)]), f"value of {name}", each=True)
        if legs != tuple(range(self._legs)):
            raise InputError(
                f"{name}({', '.join(f'x{leg + 1}' for leg in legs)}): its values are given for the legs x1 to x{self._legs} in "
                "order; give a callable from the indices of inputs, shape (tuples, legs), to values"
            )
        return self._per_tuple(given, f"value of {name}", each=True)

    def _derivative(self, derivative: Expr) -> Any:
        done = sympy.diff(derivative.expr, *derivative.variables)
        if isinstance(done, sympy.Derivative):
            raise InputError(f"{shown(derivative)}: its function has to be written out before it can be differentiated")
        return self._value(done)

    def _output(self, index: Expr, where: Expr) -> Any:
        """The output that i1, i2, ... or a number stands for, of shape (tuples,) or one number."""
        if index.is_Integer:
            return int(index)
        number = index.name[1:] if index.is_Symbol and index.name[:1] == "i" else ""
        if not (number.isascii() and number.isdigit() and 1 <= int(number) <= self._legs):
            raise InputError(f"{shown(where)}: expected an index i1 to i{self._legs} of the outputs, or a number")
        if self._outputs is None:
            raise InputError(f"{shown(where)}: no outputs are given; add the output index of every leg as outputs")
        return self._outputs[:, int(number) - 1]

    def _output_table(self, outputs: npt.ArrayLike) -> IntArray:
        table = np.asarray(outputs)
        expected = (len(self._table), self._legs)
        if table.shape not in (expected, expected[1:]) or not np.issubdtype(table.dtype, np.integer):
            raise InputError(f"outputs of shape {table.shape}: expected integers of shape {expected[1:]} or {expected}")
        return np.broadcast_to(table.astype(np.intp), expected)

    def _check_legs(self, legs: Sequence[int], where: Expr) -> None:
        for leg in legs:
            if leg >= self._legs:
                raise InputError(
                    f"leg x{leg + 1} of {shown(where)}: the tuples have {self._legs} inputs; give longer tuples"
                )

    def _per_tuple(self, value: npt.ArrayLike, what: str, *, each: bool = False) -> FloatArray:
        """Numbers of shape (tuples,), or one number unless there has to be one for `each`."""
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError) as problem:
            raise InputError(f"{what}: expected real numbers ({problem})") from None
        if array.shape != (len(self._table),) and (each or array.shape != ()):
            raise InputError(
                f"{what} of shape {array.shape}: expected one number for each of {len(self._table)} tuples"
            )
        return array


def evaluate(
    expression: Expr,
    inputs: npt.ArrayLike,
    tuples: Sequence[tuple[int, ...]],
    propagator: Kernel,
    free: Kernel,
    cutoff: float,
    *,
    values: Mapping[str, npt.ArrayLike] = _NOTHING,
    functions: Mapping[str, PointFunction] = _NOTHING,
    leg_functions: Mapping[str, LegFunction] = _NOTHING,
    outputs: npt.ArrayLike | None = None,
    most: int = MAX_POINTS,
) -> FloatArray:
    """Value of an expression of the symbolic layer for each tuple of input indices, shape (tuples,).

    `inputs` has shape (points, d_in); lines between legs are `free`, those at internal points `propagator`. `functions` are
    the functions of a point, such as a coupling lambda(y), from shape (q, d_in) to shape (q,); the other keywords are the
    `Evaluator`'s. The grid has at most `most` points. Where an expression has no real value, as the root of a quadratic for a
    coupling once perturbation theory has broken down, the result is NaN. Raises InputError for what does not fit, LimitError
    for a grid that is too large.

    >>> from feyn_nn.action import Action
    >>> from feyn_nn.correlator import generate_correlator
    >>> from feyn_nn.kernels import ReluKernel
    >>> from feyn_nn.symbolic.expressions import expression
    >>> phi4 = Action.parse("lambda f^4")
    >>> contact = expression(generate_correlator(4, phi4, [(1,)]))
    >>> relu = ReluKernel()
    >>> evaluate(contact, [1.0], [(0, 0, 0, 0)], relu, relu, 2.0, values={"lambda": 0.5}).round(9)  # -12 int_0^2 (y/2)^4
    array([-4.8])
    """
    points = as_points(inputs, propagator.d_in)
    contraction = Contraction(points, grid_for(propagator, points, cutoff, most=most), propagator, free, functions)
    return Evaluator(contraction, tuples, values, leg_functions, outputs)(expression)


def evaluate_with_error(
    expression: Expr,
    inputs: npt.ArrayLike,
    tuples: Sequence[tuple[int, ...]],
    propagator: Kernel,
    free: Kernel,
    cutoff: float,
    *,
    values: Mapping[str, npt.ArrayLike] = _NOTHING,
    functions: Mapping[str, PointFunction] = _NOTHING,
    leg_functions: Mapping[str, LegFunction] = _NOTHING,
    outputs: npt.ArrayLike | None = None,
    most: int = MAX_POINTS,
) -> tuple[FloatArray, float]:
    """`evaluate` on the refined grid, with the error that the plain grid shows: see `numeric.with_error`.

    The error is the largest difference relative to the largest value, infinite if a tuple has a finite value on one of the
    grids only. Raises as `evaluate` does.
    """
    points = as_points(inputs, propagator.d_in)

    def on_grid(grid: Grid) -> FloatArray:
        return Evaluator(
            Contraction(points, grid, propagator, free, functions), tuples, values, leg_functions, outputs
        )(expression)

    return with_error(on_grid, propagator, points, cutoff, most=most)


def _number(expression: Expr) -> np.float64:
    """A constant without arguments as a float."""
    try:
        return np.float64(float(expression))
    except (TypeError, OverflowError):
        raise InputError(f"{shown(expression)}: expected a real number of at most 1.8e308") from None
