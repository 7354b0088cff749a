"""Integrals in SymPy read as sums of products of the numeric layer's components.

Read are `CubeIntegral` and `BoundaryIntegral` over points (any d_in), and SymPy's Integral over coordinates between -Lambda
and Lambda, as `explicit` writes it for a given d_in: there a point is the symbol x1 for d_in = 1, the symbols x1_1, x1_2,
... above, and one with a coordinate +-Lambda lies on a face of the cube. An integrand is multiplied out into products of
propagators K(a, b) and functions of one internal point, integrals inside it included (differentiating SymPy's integrals
nests them); factors without internal points are handed back as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import product
from math import prod
from typing import Any, Final, TypeAlias

import sympy
from sympy.core.function import AppliedUndef

from feyn_nn.errors import InputError, LimitError
from feyn_nn.numeric import Component, Face, Place, Region, connected_components
from feyn_nn.symbolic.integrals import CUTOFF, BoundaryIntegral, CubeIntegral, K

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types

MAX_PRODUCTS: Final = 20_000
MAX_POWER: Final = 100
INTEGRALS: Final = (CubeIntegral, BoundaryIntegral, sympy.Integral)

_LEG: Final = re.compile(r"x([1-9][0-9]*)")
_COORDINATE: Final = re.compile(r"(.+)_([1-9][0-9]*)")
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Summand:
    """A product: expressions without internal points, lines between legs, connected integrals."""

    factors: tuple[Expr, ...]
    between_legs: tuple[tuple[int, int], ...]
    components: tuple[Component, ...]


@dataclass(frozen=True, slots=True)
class _Product:
    """A product under integrals: factors without internal points, functions of such points, the integrals around them."""

    outside: tuple[Expr, ...] = ()
    inside: tuple[Expr, ...] = ()
    integrals: tuple[Expr, ...] = ()

    def times(self, other: _Product) -> _Product:
        return _Product(self.outside + other.outside, self.inside + other.inside, self.integrals + other.integrals)


@dataclass(slots=True)
class _Points:
    """The internal points of one product while it is read: where they run and what stands at them."""

    places: dict[str, Place | None]
    legs: dict[str, list[int]] = field(default_factory=dict)
    functions: dict[str, list[str]] = field(default_factory=dict)
    lines: list[tuple[str, str]] = field(default_factory=list)
    between_legs: list[tuple[int, int]] = field(default_factory=list)


def shown(expression: Expr) -> str:
    """An expression for an error message, cut short."""
    text = str(expression)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def leg_number(symbol: Expr) -> int | None:
    """0 for the symbol x1, 1 for x2, ...; None for anything else."""
    found = _LEG.fullmatch(symbol.name) if symbol.is_Symbol else None
    return int(found[1]) - 1 if found else None


def leg_coordinate(symbol: Expr, dimension: int) -> tuple[int, int] | None:
    """(leg, axis) of a symbol that is a coordinate: x1 for one input, x1_1, x1_2, ... above; else None."""
    coordinate = _coordinate(symbol, dimension)
    leg = None if coordinate is None else leg_number(sympy.Symbol(coordinate[0]))
    return None if coordinate is None or leg is None else (leg, coordinate[1])


def legs_of(arguments: Sequence[Expr], dimension: int) -> tuple[int, ...] | None:
    """The legs that a function is called with, as points or as coordinates; None if something else is among them."""
    legs = [_leg(chunk) for chunk in _chunks(arguments, dimension)]
    known = tuple(leg for leg in legs if leg is not None)
    return known if len(known) == len(legs) else None


def read_integral(integral: Expr, dimension: int) -> list[Summand]:
    """Write an integral as a sum of products, in `dimension` inputs.

    Raises InputError, naming it, for anything that is not a polynomial in propagators and functions of internal points,
    for other limits than -Lambda and Lambda and coordinates for another d_in; LimitError above 20,000 products and above
    100th powers.
    """
    return [_summand(each, dimension) for each in _opened(integral, frozenset())]


def read_call(call: Expr, dimension: int) -> Summand:
    """A propagator or function of a point that stands outside integrals: between legs, or with +-Lambda for d_in = 1."""
    points = _Points({})
    _add_call(points, call, dimension)
    return _finished((), points)


def _places(integrals: Sequence[Expr], dimension: int) -> dict[str, Place | None]:
    """Where each internal point runs; None where one coordinate is not integrated over."""
    result: dict[str, Place | None] = {}
    axes: dict[str, set[int]] = {}
    for integral in integrals:
        if isinstance(integral, sympy.Integral):
            for limit in integral.limits:
                name, axis = _limit(limit, dimension, integral)
                axes.setdefault(name, set()).add(axis)
            continue
        result |= dict.fromkeys((point.name for point in integral.points), Region.CUBE)
        if isinstance(integral, BoundaryIntegral):
            result[integral.surface_point.name] = Region.SURFACE
    for name, found in axes.items():
        if len(found) < dimension - 1:
            raise InputError(
                f"{shown(integrals[0])}: {len(found)} coordinates of {name} are integrated over, expected {dimension}, or one "
                "less and a last one at +-Lambda"
            )
        result[name] = Region.CUBE if len(found) == dimension else None
    return result


def _limit(limit: Expr, dimension: int, integral: Expr) -> tuple[str, int]:
    """(point, axis) of the coordinate in a limit."""
    if len(limit) != 3 or limit[1] != -CUTOFF or limit[2] != CUTOFF:
        raise InputError(f"limits {limit} of an integral: expected (y, -Lambda, Lambda) for every coordinate y")
    coordinate = _coordinate(limit[0], dimension)
    if coordinate is None:
        raise InputError(
            f"coordinate {limit[0]} in {shown(integral)}: the inputs have d_in = {dimension}, so that expected are y1_1 "
            f"to y1_{dimension}; write the expression for this d_in, or in points"
        )
    return coordinate


def _coordinate(symbol: Expr, dimension: int) -> tuple[str, int] | None:
    """(point, axis) that a symbol is a coordinate of: (y1, 0) for y1 and one input, for y1_1 above; else None."""
    if not symbol.is_Symbol:
        return None
    if dimension == 1:
        return symbol.name, 0
    found = _COORDINATE.fullmatch(symbol.name)
    return (found[1], int(found[2]) - 1) if found and int(found[2]) <= dimension else None


def _opened(integral: Expr, bound: frozenset[Expr]) -> list[_Product]:
    """The products under an integral that stands under others over `bound`."""
    own = frozenset(integral.bound_symbols)
    if own & bound:
        raise InputError(f"{shown(integral)} stands under another integral over the same points; give them other names")
    return [
        replace(each, integrals=(integral, *each.integrals)) for each in _multiplied_out(integral.args[0], bound | own)
    ]


def _multiplied_out(expression: Expr, bound: frozenset[Expr]) -> list[_Product]:
    """The products of which an integrand is the sum; factors without bound symbols stay whole."""
    if not expression.free_symbols & bound:
        return [_Product(outside=(expression,))]
    if isinstance(expression, AppliedUndef):
        return [_Product(inside=(expression,))]
    if isinstance(expression, INTEGRALS):
        return _opened(expression, bound)
    if expression.is_Add:
        return [each for part in expression.args for each in _multiplied_out(part, bound)]
    if expression.is_Mul:
        parts = [_multiplied_out(part, bound) for part in expression.args]
    elif expression.is_Pow and expression.exp.is_Integer and expression.exp > 0:
        if expression.exp > MAX_POWER:
            raise LimitError(f"power {expression.exp} under an integral, more than the limit of {MAX_POWER}")
        parts = [_multiplied_out(expression.base, bound)] * int(expression.exp)
    else:
        raise InputError(
            f"{shown(expression)} under an integral: expected sums and products of propagators K(a, b) and functions of one "
            "internal point; give it as a function of the point"
        )
    number = prod(map(len, parts))
    if number > MAX_PRODUCTS:
        raise LimitError(f"{number} products under an integral, more than the limit of {MAX_PRODUCTS}")
    return [reduce(_Product.times, choice, _Product()) for choice in product(*parts)]


def _summand(each: _Product, dimension: int) -> Summand:
    names = [symbol for integral in each.integrals for symbol in integral.bound_symbols]
    if len(set(names)) < len(names):
        raise InputError(
            f"{shown(each.integrals[0])}: two of the integrals in it are over the same points; give them other names"
        )
    points = _Points(_places(each.integrals, dimension))
    for call in each.inside:
        _add_call(points, call, dimension)
    return _finished(each.outside, points)


def _finished(outside: tuple[Expr, ...], points: _Points) -> Summand:
    names = list(points.places)
    places: list[Place] = []
    for name, place in points.places.items():
        if place is None:
            raise InputError(
                f"an integral over all but one coordinate of {name}: nothing under it says on which face of the cube it lies"
            )
        places.append(place)
    components = connected_components(
        [points.legs.get(name, []) for name in names],
        [(names.index(a), names.index(b)) for a, b in points.lines],
        [points.functions.get(name, []) for name in names],
        places,
    )
    return Summand(outside, tuple(points.between_legs), tuple(components))


def _add_call(points: _Points, call: Expr, dimension: int) -> None:
    """Note a propagator or a function of one internal point."""
    ends = [
        _point(points, chunk, dimension, call) for chunk in _chunks(call.args, dimension, 2 if call.func == K else 1)
    ]
    if call.func != K:
        (end,) = ends if len(ends) == 1 else (None,)
        if not isinstance(end, str):
            raise InputError(f"{shown(call)} under an integral: expected a function of one internal point")
        points.functions.setdefault(end, []).append(call.func.__name__)
        return
    if len(ends) != 2:
        raise InputError(f"{shown(call)}: expected two points, or 2 x {dimension} coordinates for these inputs")
    first, second = ends
    if isinstance(first, int) and isinstance(second, int):
        points.between_legs.append((first, second))
    elif isinstance(first, str) and isinstance(second, str):
        points.lines.append((first, second))
    elif isinstance(first, str):
        assert isinstance(second, int)
        points.legs.setdefault(first, []).append(second)
    else:
        assert isinstance(second, str)
        points.legs.setdefault(second, []).append(first)


def _chunks(arguments: Sequence[Expr], dimension: int, points: int | None = None) -> list[tuple[Expr, ...]]:
    """Arguments point by point: single symbols, or `dimension` coordinates each.

    With `points`, the number of points that are expected, that decides; otherwise the first argument's name does.
    """
    if points is None:
        first = arguments[0] if arguments else None
        spread = first is not None and first.is_Symbol and leg_number(first) is None
    else:
        spread = len(arguments) != points
    step = dimension if spread else 1
    if len(arguments) % step:
        return [tuple(arguments)]
    return [tuple(arguments[start : start + step]) for start in range(0, len(arguments), step)]


def _leg(chunk: tuple[Expr, ...]) -> int | None:
    """The leg that a point's symbol or all its coordinates belong to."""
    if len(chunk) == 1:
        return leg_number(chunk[0])
    found = [leg_coordinate(symbol, len(chunk)) for symbol in chunk]
    first = found[0]
    return first[0] if first is not None and found == [(first[0], axis) for axis in range(len(chunk))] else None


def _point(points: _Points, chunk: tuple[Expr, ...], dimension: int, where: Expr) -> int | str:
    """A leg's number or an internal point's name; notes a face."""
    if len(chunk) == 1 and chunk[0].is_Symbol and chunk[0].name in points.places:
        return str(chunk[0].name)
    leg = _leg(chunk)
    if leg is not None:
        return leg
    faces = [Face(axis, 1 if value == CUTOFF else -1) for axis, value in enumerate(chunk) if value in (CUTOFF, -CUTOFF)]
    if len(chunk) == dimension == len(faces) == 1:
        points.places[str(chunk[0])] = faces[0]
        return str(chunk[0])
    running = [_coordinate(value, dimension) for value in chunk if value not in (CUTOFF, -CUTOFF)]
    first = running[0] if running else None
    if len(chunk) == dimension and len(faces) <= 1 and first is not None and first[0] in points.places:
        axes = [axis for axis in range(dimension) if not faces or axis != faces[0].axis]
        if running == [(first[0], axis) for axis in axes]:
            _set_face(points, first[0], faces, where)
            return first[0]
    what = ", ".join(map(str, chunk))
    raise InputError(
        f"{shown(where)}: ({what}) is neither a leg x1, x2, ... nor a point that is integrated over in d_in = {dimension}"
    )


def _set_face(points: _Points, name: str, faces: list[Face], where: Expr) -> None:
    """Note on which face a point lies; every call must say the same."""
    if not faces:
        if points.places[name] is not Region.CUBE:
            raise InputError(f"{shown(where)}: one coordinate of {name} is neither integrated over nor +-Lambda")
        return
    if points.places[name] not in (None, faces[0]):
        raise InputError(f"{shown(where)}: {name} is on another face of the cube elsewhere in the same product")
    points.places[name] = faces[0]
