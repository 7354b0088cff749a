"""What is written of a correlator, and how: names of points, lines as pairs of names, who is integrated.

Legs are x1..xn, internal points take the letters y, z, u, v, w by coupling in the action's order, numbered. A `Layout` says
which of the equal ways of writing G^(n) is wanted; `written_terms` prepares it for text, LaTeX, SymPy, FORM and
Mathematica alike, so that all of them print the same sum in the same order. No SymPy here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import TYPE_CHECKING, Final

from feyn_nn.action import VERTEX_LETTERS
from feyn_nn.errors import InputError, LimitError
from feyn_nn.graphs import check_even, diagrams_of, species_tensor
from feyn_nn.graphs.interchange.naming import point_names
from feyn_nn.graphs.species import MAX_SPECIES_LEGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from fractions import Fraction

    from feyn_nn.action import Action, Operator
    from feyn_nn.correlator import Correlator, Term
    from feyn_nn.graphs.species import Tensor

MAX_WRITTEN_DIAGRAMS = 20_000

Line = tuple[str, str]


class Labelling(Enum):
    """Which of a topology's leg labellings are written."""

    ALL = "all"
    REPRESENTATIVE = "representative"
    """One labelling times the multiplicity: equal to the sum when symmetrised over the legs."""


class CouplingForm(Enum):
    """What a coupling is: a constant in front, a function lambda(y) inside, or lambda_bar + delta_lambda(y)."""

    CONSTANT = "constant"
    FUNCTION = "function"
    SPLIT = "split"


class Outputs(Enum):
    """One output, or d_out of them: vertices (f.f)^k, propagators K delta_ij, the leg x1 carrying the index i1."""

    ONE = "one"
    SPECIES = "species"


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to write a correlator."""

    labelling: Labelling = Labelling.ALL
    couplings: CouplingForm = CouplingForm.CONSTANT
    outputs: Outputs = Outputs.ONE


PLAIN: Final = Layout()


@dataclass(frozen=True, slots=True)
class Product:
    """One labelled diagram as a product of propagators: lines between legs, lines at vertices, internal points.

    `functions` are the coupling functions that stand under the integral, as (name, point).
    """

    outer: tuple[Line, ...]
    inner: tuple[Line, ...]
    points: tuple[str, ...]
    functions: tuple[tuple[str, str], ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines, those between legs first."""
        return self.outer + self.inner

    def components(self) -> list[Product]:
        """The connected parts that have internal points, without the lines between legs."""
        group = {point: {point} for point in self.points}
        for a, b in self.inner:
            if a in group and b in group and group[a] is not group[b]:
                group[a] |= group[b]
                for point in group[a]:
                    group[point] = group[a]
        parts = []
        for first in self.points:
            members = group[first]
            points = tuple(point for point in self.points if point in members)
            if points[0] != first:
                continue
            inner = tuple(line for line in self.inner if line[1] in members or line[0] in members)
            parts.append(Product((), inner, points, tuple(pair for pair in self.functions if pair[1] in members)))
        return parts


@dataclass(frozen=True, slots=True)
class Part:
    """number * constants * sum of products, each times its tensor if there are several outputs.

    `number` has the sign; `constants` are (name, power) in front of the integrals; `tensors` has one entry for each
    product or is empty.
    """

    number: Fraction
    constants: tuple[tuple[str, int], ...]
    products: tuple[Product, ...]
    tensors: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class WrittenTerm:
    """A term of the correlator as a sum of parts: one, or several where couplings are split."""

    term: Term
    parts: tuple[Part, ...]


def written_terms(correlator: Correlator, layout: Layout = PLAIN) -> list[WrittenTerm]:
    """Every kept term, written as `layout` says.

    Raises LimitError for more than 20,000 products, InputError where names of split couplings are taken or an odd
    operator is given several outputs.
    """
    check_layout(correlator, layout)
    return [WrittenTerm(term, tuple(_parts(term, correlator, layout))) for term in correlator.terms]


def check_layout(correlator: Correlator, layout: Layout) -> None:
    """Raise as `written_terms` would, before anything is written."""
    couplings = correlator.action.couplings
    if layout.couplings is CouplingForm.SPLIT:
        for name in couplings:
            for taken in (bar_name(name), delta_name(name)):
                if taken in couplings:
                    raise InputError(
                        f"coupling {taken!r}: the name is needed for a part of {name}(y) = {bar_name(name)} + "
                        f"{delta_name(name)}(y); rename it"
                    )
    if layout.outputs is Outputs.SPECIES:
        check_even(correlator.action.operators)
        if correlator.n > MAX_SPECIES_LEGS:
            raise LimitError(f"tensors of several outputs for {correlator.n} legs: at most {MAX_SPECIES_LEGS}")
    check_size(correlator.terms, layout)


def bar_name(coupling: str) -> str:
    """The constant part of a split coupling."""
    return f"{coupling}_bar"


def delta_name(coupling: str) -> str:
    """The part of a split coupling that varies."""
    return f"delta_{coupling}"


def check_size(terms: Iterable[Term], layout: Layout = PLAIN) -> None:
    """Raise LimitError if more than 20,000 products would be written."""
    split = 2 if layout.couplings is CouplingForm.SPLIT else 1
    every = layout.labelling is Labelling.ALL
    number = sum((term.labellings if every else 1) * split ** sum(term.order) for term in terms)
    if number > MAX_WRITTEN_DIAGRAMS:
        raise LimitError(
            f"{number} labelled diagrams to write out, more than the limit of {MAX_WRITTEN_DIAGRAMS}; "
            "ask for json or text, which show one representative of each topology, or lower the order"
        )


def labelled_products(term: Term, action: Action) -> list[Product]:
    """Every leg labelling of a term, in the order of their edge lists."""
    return [_product(each.legs, each.vertices, each.edges, action) for each in diagrams_of(term.topology)]


def representative_product(term: Term, action: Action) -> Product:
    """The labelling with the smallest edge list."""
    edges, vertices = term.smallest_edges(action)
    return _product(term.topology.legs, vertices, edges, action)


def couplings_of(term: Term, correlator: Correlator) -> list[tuple[str, int]]:
    """(coupling, power) for each coupling that the term has."""
    return [(name, power) for name, power in zip(correlator.action.couplings, term.order, strict=True) if power]


def tensor_summands(tensor: Tensor, outputs: str, delta: str) -> list[str]:
    """A tensor for FORM or Mathematica: a polynomial in `outputs` times deltas, of which `delta` is the pattern.

    >>> from fractions import Fraction
    >>> tensor_summands({((0, 1),): (Fraction(4, 9), Fraction(1, 9))}, "d", "d_(i{},i{})")
    ['(4/9 + 1/9*d^1)*d_(i1,i2)']
    """
    summands = []
    for pairing, polynomial in tensor.items():
        powers = [
            f"{value}*{outputs}^{power}" if power else f"{value}" for power, value in enumerate(polynomial) if value
        ]
        factors = [] if powers == ["1"] and pairing else [f"({' + '.join(powers)})" if len(powers) > 1 else powers[0]]
        summands.append("*".join([*factors, *(delta.format(a + 1, b + 1) for a, b in pairing)]))
    return summands


def _parts(term: Term, correlator: Correlator, layout: Layout) -> Iterator[Part]:
    action = correlator.action
    if layout.labelling is Labelling.ALL:
        number, diagrams, products = term.coefficient, diagrams_of(term.topology), labelled_products(term, action)
    else:
        number, diagrams, products = (
            term.multiplicity,
            [term.representative(action)],
            [representative_product(term, action)],
        )
    tensors: tuple[Tensor, ...] = ()
    if layout.outputs is Outputs.SPECIES:
        tensors = tuple(species_tensor(diagram) for diagram in diagrams)
    number *= term.sign
    if layout.couplings is CouplingForm.CONSTANT:
        yield Part(number, tuple(couplings_of(term, correlator)), tuple(products), tensors)
        return
    points = products[0].points
    couplings = {point: action.couplings[VERTEX_LETTERS.index(point[0])] for point in points}
    if layout.couplings is CouplingForm.FUNCTION:
        functions = tuple(couplings.items())
        yield Part(number, (), tuple(_under(each, [(g, y) for y, g in functions]) for each in products), tensors)
        return
    for choice in product((False, True), repeat=len(points)):
        varying = [point for point, chosen in zip(points, choice, strict=True) if chosen]
        bars = Counter(bar_name(couplings[point]) for point in points if point not in varying)
        deltas = [(delta_name(couplings[point]), point) for point in varying]
        yield Part(number, tuple(bars.items()), tuple(_under(each, deltas) for each in products), tensors)


def _under(written: Product, functions: Sequence[tuple[str, str]]) -> Product:
    return Product(written.outer, written.inner, written.points, tuple(functions))


def _product(legs: int, vertices: Sequence[Operator], edges: Iterable[tuple[int, int]], action: Action) -> Product:
    names = point_names(legs, vertices, action.operators)
    lines = list(edges)
    return Product(
        tuple((names[a], names[b]) for a, b in lines if b < legs),
        tuple((names[a], names[b]) for a, b in lines if b >= legs),
        tuple(sorted(names[legs:], key=lambda name: (VERTEX_LETTERS.index(name[0]), int(name[1:])))),
    )
