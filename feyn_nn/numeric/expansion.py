"""A correlator written out for integration: one summand for each labelled diagram, with its connected integrals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from feyn_nn.graphs import diagrams_of, representative, species_tensor
from feyn_nn.numeric.shapes import diagram_components, free_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from feyn_nn.correlator import Correlator, Term
    from feyn_nn.numeric.shapes import Component


@final
@dataclass(frozen=True, slots=True)
class Summand:
    """`factor`, sign and C(D) included, times the lines between two legs, times the connected integrals."""

    term: Term
    factor: float
    free: tuple[tuple[int, int], ...]
    components: tuple[Component, ...]


def summands(correlator: Correlator, d_out: int = 1, functions: Collection[str] = ()) -> Iterator[Summand]:
    """Yield the summand of every labelled diagram, term by term.

    Couplings named in `functions` stand under the integral at their vertices. With `d_out` outputs all legs are of the
    same one, so that every delta of the species tensor is 1.
    """
    for term in correlator.terms:
        factor = term.sign * float(term.coefficient)
        if d_out > 1:
            tensor = species_tensor(representative(term.topology))
            factor *= float(sum(c * d_out**power for p in tensor.values() for power, c in enumerate(p)))
        for diagram in diagrams_of(term.topology):
            yield Summand(term, factor, free_lines(diagram), tuple(diagram_components(diagram, functions)))
