"""Products of propagators as canonical values: equal exactly where they differ in the names of internal points only.

A product is a multigraph. Internal points, which are integrated over the cube or over its surface, are nodes; a propagator
K(x1, y1) from a free point is part of the colour of its node, as are functions of that point alone and K(y1, y1). A
function of several internal points is a node, joined to its arguments. Where legs may be permuted they are nodes as well
(or merely counted, if nothing but one line tells them apart), and so are the classes of legs whose indices Kronecker deltas
set equal. Each connected part is brought into the form of `graphs.canonical`; the key of a product is the sorted tuple of
its parts. So a product of integrals and one integral over all their points have the same key.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import sympy

from feyn_nn.graphs.canonical import Piece, canonical_piece
from feyn_nn.graphs.connectivity import components, neighbour_masks
from feyn_nn.symbolic.integrals import CUTOFF, BoundaryIntegral, CubeIntegral, K

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Expr: TypeAlias = Any  # sympy.Expr; SymPy has no types

Key: TypeAlias = tuple[Piece, ...]
"""The parts of a product, sorted; `written` gives the product back."""
Internal: TypeAlias = tuple[int, ...]
"""An internal point by the numbers of its coordinates; one number where a point is one symbol."""
End: TypeAlias = Internal | str
"""A point: internal, or free and known by its name."""
Call: TypeAlias = tuple[str, tuple[End, ...]]
"""A function with its arguments; constants among them are written as free points are, by their names."""

PROPAGATOR: Final = "K"
_HOLE: Final = "#"
_NUMBER: Final = re.compile(r"-?\d+(/\d+)?")


class Kind(IntEnum):
    """What a node stands for."""

    INSIDE = 0
    """A point integrated over the cube."""
    SURFACE = 1
    """A point integrated over the surface of the cube."""
    LEG = 2
    """A free point that may be exchanged with the others."""
    FUNCTION = 3
    """A function that is not one of a single node: its colour has the name, its edges the number of the argument."""
    INDEX = 4
    """A class of legs whose indices are equal."""


class Node(NamedTuple):
    """The colour of a node.

    `loops`: power of K at this point twice; `lines`: (free point, power) for each K that joins it to one; `functions`:
    ((name, arguments...), power), with #1 for the node itself (of a function of several nodes #1, #2, ... for them);
    `legs`: how many interchangeable legs have their only line here.
    """

    kind: int
    loops: int = 0
    lines: tuple[tuple[str, int], ...] = ()
    functions: tuple[tuple[tuple[str, ...], int], ...] = ()
    legs: int = 0


@dataclass(slots=True)
class Product:
    """A product before it is brought into canonical form; powers are the counts.

    `deltas` are sets of leg indices that are set equal; they may overlap.
    """

    points: dict[Internal, Kind] = field(default_factory=dict)
    lines: Counter[tuple[End, End]] = field(default_factory=Counter)
    calls: Counter[Call] = field(default_factory=Counter)
    deltas: list[tuple[str, ...]] = field(default_factory=list)


def leg_of_index(index: str) -> str:
    """The leg that carries an index: x1 for i1."""
    return f"x{index[1:]}"


def index_of_leg(leg: str) -> str:
    """The index that a leg carries: i1 for x1."""
    return f"i{leg[1:]}"


def canonical_pieces(product: Product, permuted: frozenset[str] = frozenset()) -> list[Piece]:
    """The connected parts of a product, each canonical; the free points in `permuted` lose their names."""
    graph = _Graph(product, permuted)
    colours = graph.colours()
    bundles = [(i, j, code) for (i, j), code in graph.edges.items()]
    pieces = []
    for members in components(neighbour_masks(len(colours), bundles)):
        if len(members) == 1:
            pieces.append(Piece((colours[members[0]],), ()))
            continue
        place = {node: index for index, node in enumerate(members)}
        edges = sorted((place[i], place[j], code) for i, j, code in bundles if i in place)
        pieces.append(canonical_piece(Piece(tuple(colours[node] for node in members), tuple(edges))).piece)
    return pieces


def without_leg_names(key: Key, permuted: frozenset[str]) -> Key:
    """The key in which the legs `permuted` may be exchanged, from one in which they have names."""
    return tuple(sorted(canonical_pieces(_product_of(key, iter(())), permuted)))


class _Graph:
    """The nodes of a product, and codes of the edges: the power of K, or which argument of a function."""

    def __init__(self, product: Product, permuted: frozenset[str]) -> None:
        self.permuted = permuted
        self.kinds: list[Kind] = []
        self.loops: Counter[int] = Counter()
        self.legs: Counter[int] = Counter()
        self.lines: dict[int, Counter[str]] = {}
        self.functions: dict[int, Counter[tuple[str, ...]]] = {}
        self.edges: dict[tuple[int, int], int] = {}
        self.place: dict[End, int] = {}
        for point, kind in product.points.items():
            self.place[point] = self._new(kind)
        classes = _classes(product.deltas)
        counted = self._counted_legs(product, classes) if permuted else frozenset()
        for (a, b), power in product.lines.items():
            self._line(a, b, power, counted)
        for (name, arguments), power in product.calls.items():
            self._call(name, arguments, power)
        for members in classes:
            self._deltas(members)

    def colours(self) -> list[Node]:
        """The colour of every node."""
        return [
            Node(
                kind,
                self.loops[node],
                tuple(sorted(self.lines[node].items())) if node in self.lines else (),
                tuple(sorted(self.functions[node].items())) if node in self.functions else (),
                self.legs[node],
            )
            for node, kind in enumerate(self.kinds)
        ]

    def _new(self, kind: Kind) -> int:
        self.kinds.append(kind)
        return len(self.kinds) - 1

    def _node(self, end: End) -> int | None:
        """The node of a point; None for a free one that keeps its name."""
        if end in self.place:
            return self.place[end]
        if end in self.permuted:
            self.place[end] = self._new(Kind.LEG)
            return self.place[end]
        return None

    def _counted_legs(self, product: Product, classes: list[tuple[str, ...]]) -> frozenset[End]:
        """Legs that need no node: one line to an internal point and nothing else."""
        uses: Counter[End] = Counter()
        for (a, b), power in product.lines.items():
            uses[a] += power if isinstance(b, tuple) else 2
            uses[b] += power if isinstance(a, tuple) else 2
        indexed = {leg_of_index(index) for index in chain.from_iterable(classes)}
        called = {argument for _, arguments in product.calls for argument in arguments}
        return frozenset(leg for leg in self.permuted if uses[leg] == 1 and leg not in called and leg not in indexed)

    def _line(self, a: End, b: End, power: int, counted: frozenset[End]) -> None:
        if a in counted or b in counted:
            node = self._node(b if a in counted else a)
            assert node is not None
            self.legs[node] += 1
            return
        first, second = self._node(a), self._node(b)
        if first is None and second is None:
            low, high = sorted((str(a), str(b)))
            self._function((PROPAGATOR, low, high), power)
        elif first is None or second is None:
            node = second if first is None else first
            assert node is not None
            self.lines.setdefault(node, Counter())[str(a if first is None else b)] += power
        elif first == second:
            self.loops[first] += power
        else:
            edge = (min(first, second), max(first, second))
            self.edges[edge] = self.edges.get(edge, 0) + power

    def _call(self, name: str, arguments: Sequence[End], power: int) -> None:
        pattern, holes = [name], list[int]()
        for argument in arguments:
            node = self._node(argument)
            if node is None:
                pattern.append(str(argument))
                continue
            if node not in holes:
                holes.append(node)
            pattern.append(f"{_HOLE}{holes.index(node) + 1}")
        if len(holes) == 1:
            self.functions.setdefault(holes[0], Counter())[tuple(pattern)] += power
            return
        function = self._function(tuple(pattern), power)
        for number, node in enumerate(holes, start=1):
            self.edges[min(node, function), max(node, function)] = number

    def _function(self, pattern: tuple[str, ...], power: int) -> int:
        function = self._new(Kind.FUNCTION)
        self.functions[function] = Counter({pattern: power})
        return function

    def _deltas(self, members: tuple[str, ...]) -> None:
        node = self._new(Kind.INDEX)
        for index in members:
            leg = self._node(leg_of_index(index))
            if leg is None:
                self.lines.setdefault(node, Counter())[index] += 1
            else:
                self.edges[min(node, leg), max(node, leg)] = 1


def _classes(deltas: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Join the sets that overlap: deltas say that indices are equal."""
    classes: list[set[str]] = []
    for delta in deltas:
        joined = set(delta)
        apart = []
        for other in classes:
            if other & joined:
                joined |= other
            else:
                apart.append(other)
        classes = [*apart, joined]
    return [tuple(sorted(each)) for each in classes]


def _product_of(key: Key, names: Iterator[str]) -> Product:
    """A product with this key; legs without names take the next of `names`."""
    product = Product()
    first = 0
    for piece in key:
        ends = _ends(piece, first, names)
        first += len(piece.colours)
        joined: dict[int, dict[str, End]] = {}  # to each function its arguments, to each class of indices its legs
        for i, j, code in piece.edges:
            if i in ends and j in ends:
                product.lines[ends[i], ends[j]] += code
                continue
            node, other = (j, i) if i in ends else (i, j)
            holes = joined.setdefault(node, {})
            holes[f"{_HOLE}{code if piece.colours[node].kind == Kind.FUNCTION else len(holes)}"] = ends[other]
        for number, node in enumerate(piece.colours):
            if number in ends:
                _fill_point(product, node, ends[number], names)
            elif node.kind == Kind.INDEX:
                legs = [index_of_leg(str(leg)) for leg in joined.get(number, {}).values()]
                product.deltas.append((*legs, *(index for index, _ in node.lines)))
            else:
                _fill_functions(product, node, joined.get(number, {}))
    return product


def _ends(piece: Piece, first: int, names: Iterator[str]) -> dict[int, End]:
    """The nodes that are points, internal ones numbered from `first`."""
    ends: dict[int, End] = {}
    for number, node in enumerate(piece.colours):
        if node.kind in (Kind.INSIDE, Kind.SURFACE):
            ends[number] = (first + number,)
        elif node.kind == Kind.LEG:
            ends[number] = next(names)
    return ends


def _fill_point(product: Product, node: Node, end: End, names: Iterator[str]) -> None:
    if isinstance(end, tuple):
        product.points[end] = Kind(node.kind)
    for other, power in node.lines:
        product.lines[end, other] += power
    for _ in range(node.legs):
        product.lines[end, next(names)] += 1
    if node.loops:
        product.lines[end, end] += node.loops
    _fill_functions(product, node, {f"{_HOLE}1": end})


def _fill_functions(product: Product, node: Node, holes: dict[str, End]) -> None:
    """Functions, and propagators between free points, with their arguments put in."""
    for (name, *places), power in node.functions:
        arguments = tuple(holes.get(place, place) for place in places)
        if name == PROPAGATOR:
            product.lines[arguments[0], arguments[1]] += power
        else:
            product.calls[name, arguments] += power


def written(key: Key, legs: Sequence[str] = ()) -> Expr:
    """The product of a key in SymPy, internal points y1, y2, ...; legs without names take the next of `legs`, or x1, x2, ...

    >>> x1, y1 = sympy.symbols("x1 y1")
    >>> leaf = Piece((Node(Kind.INSIDE, 1, (("x1", 2),)),), ())
    >>> written((leaf,))
    CubeIntegral(K(x1, y1)**2*K(y1, y1), y1)
    """
    names = iter(chain(legs, (f"x{number}" for number in range(len(legs) + 1, 1_000_000))))
    taken = set(legs)
    for node in chain.from_iterable(piece.colours for piece in key):
        taken.update(name for name, _ in node.lines)
        taken.update(chain.from_iterable(pattern for pattern, _ in node.functions))
    internal = (name for number in range(1, 1_000_000) if (name := f"y{number}") not in taken)
    product = sympy.Integer(1)
    for piece in key:
        part = _product_of((piece,), names)
        symbols = {point: sympy.Symbol(next(internal)) for point in part.points}
        product *= _integral(part, symbols)
    return product


def _integral(part: Product, symbols: dict[Internal, Expr]) -> Expr:
    """One connected part; several points on the surface are integrated one after the other."""

    def symbol(end: End) -> Expr:
        return symbols[end] if isinstance(end, tuple) else _named(end)

    factors = [K(*sorted((symbol(a), symbol(b)), key=str)) ** power for (a, b), power in part.lines.items()]
    factors += [
        sympy.Function(name)(*(symbol(argument) for argument in arguments)) ** power
        for (name, arguments), power in part.calls.items()
    ]
    for first, *others in part.deltas:
        factors += [sympy.KroneckerDelta(sympy.Symbol(first), sympy.Symbol(other)) for other in others]
    integrand = sympy.Mul(*factors)
    inside = [symbols[point] for point, kind in part.points.items() if kind is Kind.INSIDE]
    surface = [symbols[point] for point, kind in part.points.items() if kind is Kind.SURFACE]
    if not surface:
        return CubeIntegral(integrand, *inside)
    integrand = BoundaryIntegral(integrand, surface[0], *inside)
    for point in surface[1:]:
        integrand = BoundaryIntegral(integrand, point)
    return integrand


def _named(name: str) -> Expr:
    """A free point or a constant: a number, the cutoff with its sign, or a symbol."""
    if _NUMBER.fullmatch(name):
        return sympy.Rational(Fraction(name))
    return -CUTOFF if name == f"-{CUTOFF}" else sympy.Symbol(name)
