"""All diagrams of a class, one after the other: topologies (legs forgotten) and labelled diagrams.

A class is given by legs, vertices and a filter (`DiagramClass`). A topology is a multiset of connected pieces and of
lines between two legs, so connected pieces are generated (`connected`) and combined: no disconnected diagram is
ever built and searched for. Filters that speak about pieces are applied to pieces. Legs are labelled last
(`labelling`). What is held are the connected pieces of the class and of smaller ones, as arrays; never all diagrams.

At its end an iteration compares the sum of the weights with the exact one (`class_sums`), where the filter has one, and
raises CompletenessError if they differ. The connected pieces are proven complete one by one in any case.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import combinations_with_replacement, product
from math import comb, factorial, prod
from typing import TYPE_CHECKING, Final, TypeAlias, final

from feyn_nn.action import Operator
from feyn_nn.combinatorics import pairing_count
from feyn_nn.errors import CompletenessError, InputError, LimitError
from feyn_nn.graphs.burnside import connected_topology_count, is_quick, topology_count
from feyn_nn.graphs.class_sums import exact_symmetry_sum
from feyn_nn.graphs.connected import ConnectedPieces, inverse_sum
from feyn_nn.graphs.diagram import Diagram, labelled_diagrams
from feyn_nn.graphs.filters import ALL, CONNECTED, NO_VACUUM, Filter
from feyn_nn.graphs.topology import Topology

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from feyn_nn.graphs.canonical import Piece
    from feyn_nn.graphs.connected import Watch
    from feyn_nn.graphs.topology import Symmetry

MAX_LEGS: Final = 100
MAX_HALF_EDGES: Final = 48
"""Half-edges at vertices."""
MAX_TOPOLOGIES: Final = 500_000
"""Above this a class is refused unless the caller sets a limit of his own."""

Part: TypeAlias = tuple[int, tuple[int, ...]]
"""Legs, and vertices of each operator, of a connected piece."""


def no_watch(found: int) -> None:
    """Watches nothing."""
    del found


@final
@dataclass(frozen=True, slots=True)
class DiagramClass:
    """The diagrams with `legs` labelled legs and `order[i]` vertices of `operators[i]` that pass the filter `where`.

    Raises InputError for negative numbers or operators that repeat, LimitError above `MAX_LEGS` legs or `MAX_HALF_EDGES`
    half-edges at vertices.

    >>> from feyn_nn.action import TALK_ACTION
    >>> from feyn_nn.graphs.filters import ONE_PI
    >>> bubbles = DiagramClass(4, TALK_ACTION.operators, (2, 0), ONE_PI)
    >>> [diagram.edges for diagram in bubbles.diagrams()][0]
    ((0, 4), (1, 4), (2, 5), (3, 5), (4, 5), (4, 5))
    >>> bubbles.count()
    ClassCount(diagrams=3, topologies=1, weight=Fraction(3, 2), exact=Fraction(3, 2))
    """

    legs: int
    operators: tuple[Operator, ...]
    order: tuple[int, ...]
    where: Filter = ALL

    def __post_init__(self) -> None:
        if self.legs < 0:
            raise InputError(f"{self.legs} legs: expected zero or more")
        if len(self.order) != len(self.operators) or any(power < 0 for power in self.order):
            raise InputError(
                f"order {self.order}: expected {len(self.operators)} numbers of vertices, zero or more, one for each operator"
            )
        if len(set(self.operators)) < len(self.operators):
            raise InputError(f"operators {', '.join(map(str, self.operators))}: each must stand there once")
        if self.legs > MAX_LEGS:
            raise LimitError(f"{self.legs} legs: at most {MAX_LEGS} are supported")
        if self.half_edges - self.legs > MAX_HALF_EDGES:
            raise LimitError(
                f"{self.half_edges - self.legs} half-edges at the vertices: at most {MAX_HALF_EDGES} are supported"
                f"{self._scale()}; lower the order"
            )

    @property
    def half_edges(self) -> int:
        """Half-edges of all legs and vertices; an odd number cannot be paired, and there are no diagrams."""
        return self.legs + sum(op.valence * power for op, power in zip(self.operators, self.order, strict=True))

    @property
    def vertices(self) -> tuple[tuple[Operator, int], ...]:
        """The operators that occur, sorted, with their numbers."""
        return tuple(sorted((op, power) for op, power in zip(self.operators, self.order, strict=True) if power))

    def exact_weight(self) -> Fraction | None:
        """The sum of 1/|Aut| over all labelled diagrams of the class from the zero-dimensional theory; None if unknown."""
        if self.half_edges % 2:
            return Fraction(0)
        return exact_symmetry_sum(self.legs, self.operators, self.order, self.where)

    def estimate(self) -> int:
        """How many topologies generation goes through, before filters other than "connected": by Burnside's lemma, exact.

        If the exact number would take long (above `MAX_TOPOLOGIES`, or with many legs), a lower bound.
        """
        if self.half_edges % 2 or (self._connected and self.legs > most_legs(*self._sizes)):
            return 0
        bound = self._lower_bound()
        if bound > MAX_TOPOLOGIES or not self._is_quick:
            return int(bound)
        count = connected_topology_count if self._connected else topology_count
        return count(self.legs, *self._sizes)

    @property
    def _sizes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Valences and numbers of the vertices."""
        return tuple(operator.valence for operator, _ in self.vertices), tuple(power for _, power in self.vertices)

    @property
    def _is_quick(self) -> bool:
        return is_quick(self.legs, *self._sizes)

    def _scale(self) -> str:
        """In words, how large a class is that is refused; nothing if even that would take long."""
        if self.half_edges > _MAX_BOUNDED:
            return ""
        return f" (here {_rounded(int(self._bound_on_all()))} topologies at least)"

    def refuse_explosion(self, limit: int = MAX_TOPOLOGIES) -> None:
        """Raise LimitError, before anything is generated, if the class has more than `limit` topologies."""
        bound = self._lower_bound()
        if bound * _MOST_ABOVE_BOUND < limit:
            return
        estimate = self.estimate()
        if estimate > limit or (estimate and not self._is_quick and bound * _FAR_ABOVE_BOUND > limit):
            vertices = ", ".join(f"{power} of {operator}" for operator, power in self.vertices)
            number = f"{_rounded(estimate)} topologies are more than the limit of {limit}"
            if estimate <= limit:
                number = (
                    f"at least {_rounded(estimate)} topologies, perhaps {_FAR_ABOVE_BOUND} times more, are too many for the "
                    f"limit of {limit}"
                )
            raise LimitError(f"{self.legs} legs with {vertices}: {number}; lower the order or the number of legs")

    @property
    def _connected(self) -> bool:
        return self.where.piecewise.connected

    def _lower_bound(self) -> Fraction:
        """The sum of 1/|Aut| over topologies: of connected ones, or of those without lines between legs.

        It approaches the number of topologies as those without symmetry come to dominate.
        """
        if self._connected:
            total = exact_symmetry_sum(self.legs, self.operators, self.order, CONNECTED)
            if total is not None:
                return total / factorial(self.legs)
        return self._bound_on_all()

    def _bound_on_all(self) -> Fraction:
        half_edges = self.half_edges - self.legs
        ways = sum(
            comb(half_edges, attached) * pairing_count(half_edges - attached)
            for attached in range(self.legs % 2, min(self.legs, half_edges) + 1, 2)
        )
        identical = prod(factorial(operator.valence) ** power * factorial(power) for operator, power in self.vertices)
        return Fraction(ways, identical)

    def topologies(self, watch: Watch = no_watch, limit: int = MAX_TOPOLOGIES) -> Iterator[Topology]:
        """Yield every topology once, in a fixed order, and check the sum of the weights at the end.

        `watch` is called now and then, and may raise to stop. Raises LimitError, before it starts, if there are more than
        `limit` topologies (see `estimate`), CompletenessError if the weights do not add up.
        """
        self.refuse_explosion(limit)
        return self._checked(watch, Counter())

    def diagrams(self, watch: Watch = no_watch, limit: int = MAX_TOPOLOGIES) -> Iterator[Diagram]:
        """Yield every labelled diagram once, in a fixed order; all of a topology stand together. As `topologies`."""
        topologies = self.topologies(watch, limit)
        return (diagram for topology in topologies for diagram in labelled_diagrams(topology))

    def count(self, watch: Watch = no_watch, limit: int = MAX_TOPOLOGIES) -> ClassCount:
        """Count labelled diagrams and topologies and add up the weights, without labelling any leg."""
        self.refuse_explosion(limit)
        groups: Counter[int] = Counter()
        diagrams = sum(topology.labellings for topology in self._checked(watch, groups))
        return ClassCount(diagrams, groups.total(), factorial(self.legs) * inverse_sum(groups), self.exact_weight())

    def _checked(self, watch: Watch, groups: Counter[int]) -> Iterator[Topology]:
        """Everything that passes, and at the end the comparison of the weights; nothing may come twice.

        `groups` is filled with the number of topologies of each |Aut|.
        """
        seen: set[int] = set()
        repeated: set[int] = set()
        for topology in self._filtered(watch):
            groups[topology.automorphisms] += 1
            mark = hash((topology.lines, topology.pieces))
            (repeated if mark in seen else seen).add(mark)
            yield topology
        exact = self.exact_weight()
        weight = factorial(self.legs) * inverse_sum(groups)
        if exact is not None and weight != exact:
            raise CompletenessError(
                f"{self}: the sum of 1/|Aut| over labelled diagrams is {weight}, the zero-dimensional "
                f"theory gives {exact}; this is a defect of the generator, please report it"
            )
        if repeated:
            self._compare_repeated(repeated, watch)

    def _compare_repeated(self, marks: set[int], watch: Watch) -> None:
        """Raise CompletenessError if topologies with equal hashes are equal; only these are made once more and held."""
        found = [each for each in self._filtered(watch) if hash((each.lines, each.pieces)) in marks]
        twice = [topology for topology, number in Counter(found).items() if number > 1]
        if twice:
            raise CompletenessError(
                f"{self}: {len(twice)} topologies came more than once, so others are missing: {twice[0]}; "
                "this is a defect of the generator, please report it"
            )

    def _filtered(self, watch: Watch) -> Iterator[Topology]:
        rest = self.where.rest
        for number, topology in enumerate(self._assembled(watch)):
            if number % 256 == 0:
                watch(number)
            if all(keep(topology) for keep in rest):
                yield topology

    def _assembled(self, watch: Watch) -> Iterator[Topology]:
        """Every topology whose pieces pass the filter."""
        operators = tuple(operator for operator, _ in self.vertices)
        _, counts = self._sizes
        if self.half_edges % 2:
            return
        stock = _Stock(operators, self.where, watch)
        if self._connected:
            if (self.legs, any(counts)) == (2, False):
                yield Topology((), 1, ())
            elif any(counts):
                for piece, symmetry in stock.stream((self.legs, counts)):
                    yield Topology(operators, 0, (piece,), (symmetry,))
            return
        for lines in range(self.legs // 2, -1, -1):
            whole = (self.legs - 2 * lines, counts)
            for parts in _partitions(whole, whole, stock):
                yield from _combined(operators, lines, parts, stock)


_MOST_ABOVE_BOUND: Final = 1000
"""There are never more topologies than this for each unit of the lower bound, in classes that come near a limit."""
_FAR_ABOVE_BOUND: Final = 100
"""What is assumed where the number cannot be had quickly."""
_MAX_BOUNDED: Final = 600
"""Half-edges up to which even a bound is worked out."""


@final
@dataclass(frozen=True, slots=True)
class ClassCount:
    """How many diagrams a class has: labelled ones, topologies, and the sum of 1/|Aut| over labelled diagrams.

    `exact` is the exact value of `weight`, to which it has been found equal, or None where none is known.
    """

    diagrams: int
    topologies: int
    weight: Fraction
    exact: Fraction | None


def topologies(
    legs: int, operators: Sequence[Operator], order: Sequence[int], where: Filter = ALL
) -> Iterator[Topology]:
    """Yield every topology with `legs` legs and `order[i]` vertices of `operators[i]` that passes `where`.

    Lazy, in a fixed order; checked at the end (see `DiagramClass`).
    """
    return DiagramClass(legs, tuple(operators), tuple(order), where).topologies()


def diagrams(legs: int, operators: Sequence[Operator], order: Sequence[int], where: Filter = ALL) -> Iterator[Diagram]:
    """Yield every labelled diagram with `legs` legs and `order[i]` vertices of `operators[i]` that passes `where`.

    Lazy, in a fixed order; checked at the end (see `DiagramClass`).

    >>> sum(1 for _ in diagrams(4, [Operator(4, "lambda")], [1]))
    10
    """
    return DiagramClass(legs, tuple(operators), tuple(order), where).diagrams()


def most_legs(valences: Sequence[int], counts: Sequence[int]) -> int:
    """The most legs that a connected diagram with these vertices can have: those of a tree."""
    return sum((valence - 2) * count for valence, count in zip(valences, counts, strict=True)) + 2


def _rounded(number: int) -> str:
    digits = str(number)
    return digits if len(digits) < 7 else f"some {digits[0]}.{digits[1]}e{len(digits) - 1}"


class _Stock:
    """The connected pieces of each class that pass the filter, made when first asked for."""

    def __init__(self, operators: tuple[Operator, ...], where: Filter, watch: Watch) -> None:
        self.operators = operators
        self.palette = tuple(operator.valence for operator in operators)
        self.passes = where.piecewise
        self.no_vacuum = set(NO_VACUUM.conditions) <= set(where.conditions)
        self.watch = watch
        self.made: dict[Part, list[tuple[Piece, Symmetry]]] = {}

    def stream(self, part: Part) -> Iterator[tuple[Piece, Symmetry]]:
        """The pieces of one class, one after the other."""
        legs, counts = part
        if self.no_vacuum and not legs:
            return
        found = iter(ConnectedPieces(legs, counts, self.palette, self.watch))
        if not self.passes.tests:
            yield from found
            return
        for piece, symmetry in found:
            if self.passes(piece):
                yield piece, symmetry

    def pieces(self, part: Part) -> list[tuple[Piece, Symmetry]]:
        """The pieces of one class, remembered."""
        if part not in self.made:
            self.made[part] = list(self.stream(part))
        return self.made[part]


def _partitions(whole: Part, largest: Part, stock: _Stock) -> Iterator[tuple[tuple[Part, int], ...]]:
    """Every way to write `whole` as a multiset of classes that have pieces, none after `largest`: (class, how often)."""
    legs, counts = whole
    if not any(counts):
        if not legs:
            yield ()
        return
    ranges = [range(count, -1, -1) for count in counts]
    for smaller in product(*ranges):
        if not any(smaller):
            continue
        for own in range(legs, -1, -1):
            part = (own, smaller)
            if (smaller, own) > (largest[1], largest[0]) or (stock.no_vacuum and not own):
                continue
            if _is_impossible(part, stock) or not stock.pieces(part):
                continue
            often = 1
            while often * own <= legs and all(often * n <= count for n, count in zip(smaller, counts, strict=True)):
                rest = (legs - often * own, tuple(c - often * n for n, c in zip(smaller, counts, strict=True)))
                for tail in _partitions(rest, _before(part), stock):
                    yield ((part, often), *tail)
                often += 1


def _before(part: Part) -> Part:
    return (part[0] - 1, part[1])


def _is_impossible(part: Part, stock: _Stock) -> bool:
    """Whether a connected piece cannot exist: odd, or more legs than a tree has."""
    legs, counts = part
    most = most_legs(stock.palette, counts)  # adding a loop takes two
    return legs > most or (most - legs) % 2 == 1


def _combined(
    operators: tuple[Operator, ...], lines: int, parts: tuple[tuple[Part, int], ...], stock: _Stock
) -> Iterator[Topology]:
    if len(parts) == 1 and parts[0][1] == 1:
        for piece, symmetry in stock.pieces(parts[0][0]):
            yield Topology(operators, lines, (piece,), (symmetry,))
        return
    choices: list[Callable[[], Iterator[tuple[tuple[Piece, Symmetry], ...]]]] = [
        partial(combinations_with_replacement, stock.pieces(part), often) for part, often in parts
    ]
    for chosen in _lazy_product(choices):
        pieces = sorted(chosen)
        yield Topology(operators, lines, tuple([p for p, _ in pieces]), tuple([s for _, s in pieces]))


def _lazy_product(
    choices: Sequence[Callable[[], Iterator[tuple[tuple[Piece, Symmetry], ...]]]],
) -> Iterator[list[tuple[Piece, Symmetry]]]:
    """The product of several iterations, each started anew when needed, none of them stored."""
    if not choices:
        yield []
        return
    for first in choices[0]():
        for rest in _lazy_product(choices[1:]):
            yield [*first, *rest]
