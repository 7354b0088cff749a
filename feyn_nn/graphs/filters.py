"""Filters: composable predicates on topologies, and the standard ones of diagram generators.

A `Filter` is a conjunction of conditions. A condition on pieces is decided for each connected component with vertices on
its own (and may ask for the whole diagram to be one component), so a generator can apply it to components before it
combines them: `Filter.piecewise`. Any other condition, a user's function, `|` or `~`, needs the whole topology:
`Filter.rest`. `a & b` keeps what both keep, `a | b` what either keeps, `~a` what a drops.

The standard filters, with the option of QGRAF (P. Nogueira, J. Comput. Phys. 105 (1993) 279) that drops the same
connected diagrams. QGRAF's diagrams have no vacuum components; ours may, and then every component must pass.

| constant | name | QGRAF |
|---|---|---|
| CONNECTED | connected | always |
| ONE_PI | one-pi | onepi |
| NO_VACUUM | no-vacuum | always |
| NO_SELF_LOOPS | no-self-loops | noselfloop (from version 4) |
| NO_SNAILS | no-snails | nosnail, for two legs or more |
| NO_PROPAGATOR_CORRECTIONS | no-propagator-corrections | nosigma, for three legs or more |
| AMPUTATED | amputated | onshell |
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias, final

from feyn_nn.errors import InputError
from feyn_nn.graphs.connectivity import has_bridge_to_one_leg, has_insertion, has_snail, is_bridgeless
from feyn_nn.graphs.topology import Topology, piece_legs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from feyn_nn.graphs.canonical import Piece

    PieceTest: TypeAlias = Callable[[Piece], bool]
    TopologyTest: TypeAlias = Callable[[Topology], bool]


@final
@dataclass(frozen=True, slots=True)
class PieceCondition:
    """What every component with vertices must satisfy; `connected` asks for exactly one component in all."""

    name: str
    meaning: str
    piece: PieceTest
    connected: bool = False


@final
@dataclass(frozen=True, slots=True)
class TopologyCondition:
    """What the topology as a whole must satisfy."""

    name: str
    meaning: str
    holds: TopologyTest


@final
@dataclass(frozen=True, slots=True)
class PieceFilter:
    """The piecewise part of a filter: called with a piece, it says whether that component passes.

    If `connected`, the diagram must consist of one component, a piece or a line between two legs.
    """

    tests: tuple[PieceTest, ...]
    connected: bool

    def __call__(self, piece: Piece) -> bool:
        """Whether a component passes; `connected` is not looked at."""
        return all(test(piece) for test in self.tests)

    def accepts(self, topology: Topology) -> bool:
        """Whether the diagram is connected, if it must be, and all its pieces pass."""
        if self.connected and topology.lines + len(topology.pieces) != 1:
            return False
        return all(self(piece) for piece in topology.pieces)


@final
@dataclass(frozen=True, slots=True, repr=False)
class Filter:
    """A predicate on topologies: a conjunction of conditions, sorted by name, none twice. No condition: all pass.

    >>> skeletons = CONNECTED & NO_PROPAGATOR_CORRECTIONS
    >>> skeletons.name, skeletons == NO_PROPAGATOR_CORRECTIONS & CONNECTED & CONNECTED
    ('connected & no-propagator-corrections', True)
    >>> few = Filter.of("few components", lambda topology: len(topology.pieces) < 3)
    >>> (skeletons & few).rest, (~few).name
    ((Filter('few components': Python function <lambda>),), '~few components')
    """

    conditions: tuple[PieceCondition | TopologyCondition, ...]

    @classmethod
    def of(cls, name: str, function: TopologyTest) -> Filter:
        """Make a filter of a function of a Topology that returns True (keep) or False.

        When called, the filter raises InputError, naming the function, if that raises or returns anything else.
        """
        blamed = getattr(function, "__qualname__", repr(function))

        def holds(topology: Topology) -> bool:
            try:
                answer: object = function(topology)
            except Exception as problem:
                raise InputError(
                    f"filter {name!r}: your function {blamed} raised {type(problem).__name__} ({problem}) for {topology}; "
                    "it must return True or False for every topology"
                ) from problem
            if not isinstance(answer, bool):
                raise InputError(
                    f"filter {name!r}: your function {blamed} returned {answer!r} for {topology}: expected True or False"
                )
            return answer

        short = blamed.rpartition(".")[2]
        return cls((TopologyCondition(name, f"Python function {short}", holds),))

    @property
    def name(self) -> str:
        """The names of all conditions, joined by `&`; "all" if there is none."""
        return " & ".join(condition.name for condition in self.conditions) or "all"

    @property
    def piecewise(self) -> PieceFilter:
        """The conditions that can be decided component by component."""
        found = [condition for condition in self.conditions if isinstance(condition, PieceCondition)]
        tests = tuple(condition.piece for condition in found if condition.piece is not _any_piece)
        return PieceFilter(tests, any(condition.connected for condition in found))

    @property
    def rest(self) -> tuple[Filter, ...]:
        """A filter for each condition that needs the whole topology."""
        return tuple(Filter((condition,)) for condition in self.conditions if isinstance(condition, TopologyCondition))

    @property
    def standard_parts(self) -> frozenset[Filter] | None:
        """The standard filters whose conjunction this is, or None if it is not one of standard filters only."""
        parts = frozenset(Filter((condition,)) for condition in self.conditions)
        return parts if parts <= _STANDARD else None

    def __call__(self, topology: Topology) -> bool:
        """Whether all conditions hold."""
        return self.piecewise.accepts(topology) and all(
            condition.holds(topology) for condition in self.conditions if isinstance(condition, TopologyCondition)
        )

    def __and__(self, other: Filter) -> Filter:
        both = dict.fromkeys((*self.conditions, *other.conditions))
        return Filter(tuple(sorted(both, key=lambda condition: condition.name)))

    def __or__(self, other: Filter) -> Filter:
        name = f"({self.name} | {other.name})"
        return Filter((TopologyCondition(name, "either", lambda topology: self(topology) or other(topology)),))

    def __invert__(self) -> Filter:
        name = f"~({self.name})" if len(self.conditions) > 1 else f"~{self.name}"
        return Filter((TopologyCondition(name, "the opposite", lambda topology: not self(topology)),))

    def __repr__(self) -> str:
        meaning = "; ".join(condition.meaning for condition in self.conditions) or "every diagram"
        return f"Filter({self.name!r}: {meaning})"


def _any_piece(_: Piece) -> bool:
    return True


def _touches_a_leg(piece: Piece) -> bool:
    return piece_legs(piece) > 0


def _has_no_self_loop(piece: Piece) -> bool:
    return not any(node.loops for node in piece.colours)


def _has_no_snail(piece: Piece) -> bool:
    return not has_snail(piece)


def _has_no_insertion(piece: Piece) -> bool:
    return not (_touches_a_leg(piece) and has_insertion(piece))


def _is_amputated(piece: Piece) -> bool:
    return not has_bridge_to_one_leg(piece)


def _standard(name: str, meaning: str, piece: PieceTest, *, connected: bool = False) -> Filter:
    return Filter((PieceCondition(name, meaning, piece, connected),))


ALL: Final = Filter(())
"""Every diagram: the neutral element of `&`."""

CONNECTED: Final = _standard("connected", "one component", _any_piece, connected=True)
"""One component: a connected piece, or the free line between two legs. The empty diagram has none."""

ONE_PI: Final = _standard(
    "one-pi", "connected, and no line between two vertices disconnects when cut", is_bridgeless, connected=True
)
"""One-particle irreducible. The lines of legs do not count, so the free line passes. QGRAF: `onepi`."""

NO_VACUUM: Final = _standard("no-vacuum", "every component touches a leg", _touches_a_leg)
"""No vacuum component (the talk's rule 7). QGRAF's diagrams, being connected, have none for one leg or more."""

NO_SELF_LOOPS: Final = _standard("no-self-loops", "no line joins a vertex to itself", _has_no_self_loop)
"""What normal ordering of the vertices removes. QGRAF, from version 4: `noselfloop`."""

NO_SNAILS: Final = _standard("no-snails", "no part without legs hangs on the rest at a single vertex", _has_no_snail)
"""No tadpole, with a neck (a line) or without (a snail): no part without legs, be it a self-loop, is joined to the
rest of its component at a single vertex.

QGRAF: `nosnail`, for two legs or more. A component with one leg is itself a part without legs that hangs on the leg's
vertex; it is kept if nothing hangs on it in turn (QGRAF keeps the one-loop tadpole alone). In a vacuum component every
part is without legs; it is kept if no vertex separates it in two, self-loops included (QGRAF drops it).
"""

NO_PROPAGATOR_CORRECTIONS: Final = _standard(
    "no-propagator-corrections",
    "no connected set of vertices is joined to the rest by exactly two lines",
    _has_no_insertion,
)
"""No self-energy insertion (the talk's rule 4.5); lines of legs count among the two, vacuum components are not examined.

QGRAF: `nosigma`, for three legs or more. Of the connected two-point diagrams only the free line is left.
"""

AMPUTATED: Final = _standard("amputated", "no line between two vertices cuts off exactly one leg", _is_amputated)
"""No self-energy insertion on an external line: no internal line whose cut leaves a part with exactly one leg.

QGRAF: `onshell`. With one leg in the component, no internal line at all may disconnect it. Components without legs pass.
"""

STANDARD_FILTERS: Final[Mapping[str, Filter]] = MappingProxyType(
    {
        each.name: each
        for each in (
            CONNECTED,
            ONE_PI,
            NO_VACUUM,
            NO_SELF_LOOPS,
            NO_SNAILS,
            NO_PROPAGATOR_CORRECTIONS,
            AMPUTATED,
        )
    }
)
"""The standard filters by their names on the command line."""

_STANDARD: Final = frozenset(STANDARD_FILTERS.values())


def parse_filters(text: str) -> Filter:
    """Read a comma list of standard filters' names as their conjunction.

    Raises InputError for an unknown name, with its position and the known names.

    >>> parse_filters("connected,no-snails").name
    'connected & no-snails'
    """
    result = ALL
    position = 0
    for item in text.split(","):
        name = item.strip()
        if name not in STANDARD_FILTERS:
            near = get_close_matches(name.lower().replace("_", "-"), STANDARD_FILTERS, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            start = position + len(item) - len(item.lstrip())
            raise InputError(
                f"filter {name!r} at position {start} of {text!r} is not known: {hint}expected a comma list of "
                f"{', '.join(STANDARD_FILTERS)}"
            )
        result &= STANDARD_FILTERS[name]
        position += len(item) + 1
    return result
