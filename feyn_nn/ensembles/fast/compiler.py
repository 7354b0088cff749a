"""How this room is compiled, and the instructions that NumPy has no scalar name for.

IEEE semantics throughout: every fused multiply-add is written out and nothing is reassociated, so that a number
depends on its arguments alone, not on its place in a vector register or on how LLVM unrolls a loop.
Nothing is cached on disk: a cache would not notice a change in an inlined function of another module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import numpy as np
from numba import njit, typeof, types
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")
Real = TypeVar("Real", float, np.float32)


def compiled(function: F) -> F:
    """Compile on first call, for each combination of argument types; the interpreter lock is released."""
    return cast("F", njit(error_model="numpy", nogil=True)(function))


def inlined(function: F) -> F:
    """Compile into every caller, so that the caller's loop over lanes can become vector instructions."""
    return cast("F", njit(error_model="numpy", nogil=True, forceinline=True)(function))


def expanded(function: F) -> F:
    """Make the body part of its caller's, to be compiled there and only there."""
    return cast("F", njit(error_model="numpy", nogil=True, inline="always")(function))


def compiled_for(function: F, *arguments: types.Type) -> F:
    """Compile at once, for arguments of these types only."""
    return cast("F", njit(types.void(*arguments), error_model="numpy", nogil=True)(function))


type_of: Final[Callable[[object], types.Type]] = typeof
"""The type under which numba knows a value, a compiled function for example."""


# An intrinsic is a function of types; it returns a signature and what writes the instructions.


def _fma(_: object, a: types.Type, b: types.Type, c: types.Type) -> Any:
    if not (isinstance(a, types.Float) and a == b == c):
        return None

    def write(_: object, builder: Any, __: object, values: list[Any]) -> Any:
        return builder.fma(*values)

    return a(a, a, a), write


def _polynomial(_: object, x: types.Type, coefficients: types.Type) -> Any:
    if not (isinstance(coefficients, types.UniTuple) and coefficients.dtype == x):
        return None
    powers = range(coefficients.count)

    def write(_: object, builder: Any, __: object, values: list[Any]) -> Any:
        *lower, value = [builder.extract_value(values[1], power) for power in powers]
        for coefficient in reversed(lower):
            value = builder.fma(value, values[0], coefficient)
        return value

    return x(x, coefficients), write


def _reinterpretation(source: types.Type, result: types.Type) -> Callable[..., Any]:
    def reinterpret(_: object, x: types.Type) -> Any:
        if x != source:
            return None

        def write(context: Any, builder: Any, _: object, values: list[Any]) -> Any:
            return builder.bitcast(values[0], context.get_value_type(result))

        return result(source), write

    return cast("Callable[..., Any]", intrinsic(reinterpret))


fma = cast("Callable[[Real, Real, Real], Real]", intrinsic(_fma))
"""a b + c, rounded once."""
polynomial = cast("Callable[[Real, tuple[Real, ...]], Real]", intrinsic(_polynomial))
"""sum_k coefficients[k] x^k by Horner's rule in fused multiply-adds."""
single_bits: Final[Callable[[np.float32], np.int32]] = _reinterpretation(types.float32, types.int32)
"""The integer with the bits of a float32."""
single_from_bits: Final[Callable[[np.int32], np.float32]] = _reinterpretation(types.int32, types.float32)
"""The float32 with the bits of an integer."""
double_bits: Final[Callable[[float], np.int64]] = _reinterpretation(types.float64, types.int64)
"""The integer with the bits of a float64."""
double_from_bits: Final[Callable[[np.int64], float]] = _reinterpretation(types.int64, types.float64)
"""The float64 with the bits of an integer."""
