"""The talk's rules 4.5 and 7 as predicates on topologies, and the restriction to connected diagrams.

Rule 7, vacuum: a component that touches no leg. Dropping those divides by Z, exactly.
Rule 4.5, propagator corrections: K is the exact two-point function, so every self-energy insertion goes: a
connected set of vertices (no legs) joined to the rest by exactly two lines, legs' lines included. QGRAF's
`nosigma` is the same for three legs or more. Vacuum components are not examined by rule 4.5.

The third rule is not the talk's: it drops what is not connected, so that the connected correlator (the cumulant) is left.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from feyn_nn.graphs.filters import ALL, CONNECTED, NO_PROPAGATOR_CORRECTIONS, NO_VACUUM

if TYPE_CHECKING:
    from collections.abc import Iterable

    from feyn_nn.graphs.filters import Filter
    from feyn_nn.graphs.topology import Topology


class Rule(Enum):
    """A pruning rule; where several apply to a diagram, the reason is the first of them in this order."""

    VACUUM = "vacuum"
    PROPAGATOR = "propagator"
    DISCONNECTED = "disconnected"

    @property
    def filter(self) -> Filter:
        """The filter that keeps what this rule keeps."""
        return _FILTERS[self]

    def applies(self, topology: Topology) -> bool:
        """Whether this rule drops diagrams of `topology`."""
        return not self.filter(topology)


_FILTERS: Final = {
    Rule.VACUUM: NO_VACUUM,
    Rule.PROPAGATOR: NO_PROPAGATOR_CORRECTIONS,
    Rule.DISCONNECTED: CONNECTED,
}
TALK_RULES: Final = frozenset({Rule.VACUUM, Rule.PROPAGATOR})
"""What the talk prunes: rules 7 and 4.5."""
CONNECTED_RULES: Final = TALK_RULES | {Rule.DISCONNECTED}
"""The same for the connected correlator."""


def kept_by(rules: Iterable[Rule]) -> Filter:
    """The filter that keeps what all of `rules` keep."""
    result = ALL
    for rule in rules:
        result &= rule.filter
    return result


def has_vacuum_part(topology: Topology) -> bool:
    """Whether some component touches no leg."""
    return Rule.VACUUM.applies(topology)


def has_propagator_correction(topology: Topology) -> bool:
    """Whether some component with legs contains a self-energy insertion."""
    return Rule.PROPAGATOR.applies(topology)
