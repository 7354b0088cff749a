"""The proof of completeness catches defects: mutated diagrams, lost and doubled rows, collisions of fingerprints."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from feyn_nn.action import Operator
from feyn_nn.errors import CompletenessError
from feyn_nn.graphs import colouring, connected, rows
from feyn_nn.graphs.connected import ConnectedPieces
from feyn_nn.graphs.filters import ALL, CONNECTED, NO_VACUUM, STANDARD_FILTERS, Filter, parse_filters
from feyn_nn.graphs.generation import DiagramClass, no_watch
from feyn_nn.graphs.rows import Merger, Rows, joined
from feyn_nn.graphs.topology import Topology

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from feyn_nn.graphs.canonical import Piece
    from feyn_nn.graphs.colouring import Colours, Counts
    from feyn_nn.graphs.connected import Watch
    from feyn_nn.graphs.topology import Symmetry

    Mutation = Callable[[list[Topology], random.Random], list[Topology]]

G, H, LAMBDA, MU, ALPHA, KAPPA = (
    Operator(valence, name)
    for valence, name in ((3, "g"), (3, "h"), (4, "lambda"), (4, "mu"), (5, "alpha"), (6, "kappa"))
)


@pytest.fixture(autouse=True)
def fresh_rows() -> Iterator[None]:
    """Nothing grown before a test, nothing wrong left after it."""
    connected._ROWS.clear()
    yield
    connected._ROWS.clear()


# --- whole classes -----------------------------------------------------------------------------------------------

CLASSES = [
    (4, (LAMBDA,), (2,)),
    (2, (LAMBDA,), (3,)),
    (0, (LAMBDA,), (4,)),
    (4, (LAMBDA, KAPPA), (1, 1)),
    (2, (LAMBDA, MU), (2, 1)),
    (3, (G,), (3,)),
    (2, (G, LAMBDA), (2, 1)),
    (1, (G, LAMBDA), (3, 1)),
    (4, (G, H), (1, 1)),
    (2, (G, ALPHA), (1, 1)),
    (4, (ALPHA,), (2,)),
    (6, (KAPPA,), (1,)),
]
FILTERS: list[Filter] = [
    ALL,
    *STANDARD_FILTERS.values(),
    parse_filters("no-vacuum,no-snails"),
    parse_filters("no-vacuum,amputated"),
    parse_filters("no-vacuum,no-propagator-corrections"),
    parse_filters("connected,no-self-loops"),
]
SIZE = 240


def dropped(found: list[Topology], rng: random.Random) -> list[Topology]:
    place = rng.randrange(len(found))
    return found[:place] + found[place + 1 :]


def doubled(found: list[Topology], rng: random.Random) -> list[Topology]:
    place, again = rng.randrange(len(found)), rng.randrange(len(found) + 1)
    return [*found[:again], found[place], *found[again:]]


def replaced(found: list[Topology], rng: random.Random) -> list[Topology]:
    """One is lost and another stands there twice, with the same |Aut| or not; dropped if there is no other."""
    place = rng.randrange(len(found))
    others = found[:place] + found[place + 1 :]
    return [*found[:place], *(rng.choice(others) for _ in range(bool(others))), *found[place + 1 :]]


def wrong_group(found: list[Topology], rng: random.Random) -> list[Topology]:
    """The order of one group is wrong by a factor; dropped if there is nothing to have a group."""
    place = rng.randrange(len(found))
    chosen = found[place]
    if not chosen.symmetries:
        return dropped(found, rng)
    first, *rest = chosen.symmetries
    part = rng.choice(("lines", "legs", "vertices"))
    changed = first._replace(**{part: getattr(first, part) * rng.choice((2, 3))})
    return [*found[:place], replace(chosen, _symmetries=(changed, *rest)), *found[place + 1 :]]


MUTATIONS: tuple[Mutation, ...] = (dropped, doubled, replaced, wrong_group)


def mutants() -> list[tuple[DiagramClass, list[Topology], str]]:
    """Mutated sets, spread over classes, filters with a known sum, and ways to go wrong."""
    result: list[tuple[DiagramClass, list[Topology], str]] = []
    seed = 0
    while len(result) < SIZE:
        rng = random.Random(seed)
        seed += 1
        chosen = DiagramClass(*rng.choice(CLASSES), rng.choice(FILTERS))
        found = list(chosen.topologies())
        if chosen.exact_weight() is None or not found:
            continue
        mutation = MUTATIONS[len(result) % len(MUTATIONS)]
        result.append((chosen, mutation(found, rng), f"{mutation.__name__}, seed {seed - 1}: {chosen}"))
    return result


def serve(monkeypatch: pytest.MonkeyPatch, step: str, found: Iterable[Topology]) -> None:
    """Let a step of generation yield these."""
    monkeypatch.setattr(DiagramClass, step, lambda self, watch: iter(list(found)))


def complaint(work: Iterable[object]) -> str:
    """The message of the CompletenessError that `work` ends with; empty if there is none."""
    try:
        for _ in work:
            pass
    except CompletenessError as problem:
        return str(problem)
    return ""


@pytest.mark.parametrize("step", ["_assembled", "_filtered"])
def test_every_mutated_set_is_caught(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = mutants()
    assert len(made) == SIZE >= 200
    assert len({chosen for chosen, _, _ in made}) > 60
    assert len({chosen.where for chosen, _, _ in made}) == len(FILTERS)
    for chosen, found, name in made:
        serve(monkeypatch, step, found)
        assert "report it" in complaint(chosen.topologies()), name


@pytest.mark.parametrize("where", FILTERS, ids=repr)
def test_control_unmutated_sets_pass_in_any_order(where: Filter, monkeypatch: pytest.MonkeyPatch) -> None:
    for case in CLASSES:
        chosen = DiagramClass(*case, where)
        found = list(chosen.topologies())
        random.Random(1).shuffle(found)
        with monkeypatch.context() as patched:
            serve(patched, "_filtered", found)
            assert list(chosen.topologies()) == found
            count = chosen.count()
        assert count == chosen.count()
        assert count.weight == count.exact


def test_every_single_loss_in_a_class_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a sample: each topology of each class, lost or twice."""
    for case in CLASSES:
        chosen = DiagramClass(*case)
        with monkeypatch.context() as patched:
            found = list(chosen.topologies())
            for place in range(len(found)):
                for times in (0, 2):
                    serve(
                        patched, "_filtered", [*found[:place], *found[place : place + 1] * times, *found[place + 1 :]]
                    )
                    with pytest.raises(CompletenessError):
                        chosen.count()


def test_every_exchange_for_one_of_the_same_group_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum of the weights does not see these; that one comes twice does."""
    tried = 0
    for case in CLASSES:
        chosen = DiagramClass(*case)
        found = list(chosen.topologies())
        for place, lost in enumerate(found):
            for other in found:
                if other != lost and other.automorphisms == lost.automorphisms:
                    with monkeypatch.context() as patched:
                        serve(patched, "_filtered", [*found[:place], other, *found[place + 1 :]])
                        assert "more than once" in complaint(chosen.topologies()), (chosen, lost, other)
                    tried += 1
    assert tried > 100


def test_labelled_diagrams_and_counts_are_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = DiagramClass(4, (LAMBDA,), (2,))
    found = list(chosen.topologies())
    serve(monkeypatch, "_filtered", found[:-1])
    with pytest.raises(CompletenessError):
        chosen.count()
    stream = chosen.diagrams()
    for each in found[:-1]:  # the error comes at the end, after all there is
        for _ in range(each.labellings):
            assert next(stream).topology == each
    with pytest.raises(CompletenessError, match="zero-dimensional theory gives"):
        next(stream)


def test_a_lax_filter_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters that let everything pass do not give the sums of what they should keep."""
    chosen = [DiagramClass(4, (LAMBDA,), (2,), where) for where in FILTERS[1:]]
    every = list(DiagramClass(4, (LAMBDA,), (2,)).topologies())
    serve(monkeypatch, "_filtered", every)
    for each in chosen:
        with pytest.raises(CompletenessError):
            each.count()


def test_where_no_sum_is_known_nothing_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: a user's filter has no known sum, so at this level a loss passes."""
    chosen = DiagramClass(4, (LAMBDA,), (2,), Filter.of("few", lambda topology: len(topology.pieces) < 2))
    found = list(chosen.topologies())
    serve(monkeypatch, "_filtered", found[1:])
    assert chosen.count().exact is None
    assert list(chosen.topologies()) == found[1:]


# --- connected pieces --------------------------------------------------------------------------------------------

PARTS = [
    (4, (2,), (4,)),
    (2, (3,), (4,)),
    (0, (4,), (4,)),
    (6, (3,), (4,)),
    (3, (3,), (3,)),
    (2, (4,), (3,)),
    (0, (6,), (3,)),
    (1, (3, 1), (3, 4)),
    (4, (1, 1), (4, 6)),
    (2, (1, 1), (3, 5)),
    (2, (2, 1), (4, 4)),
    (2, (0, 2), (3, 4)),
    (0, (2, 2), (3, 4)),
    (4, (2,), (5,)),
]
Part = tuple[int, tuple[int, ...], tuple[int, ...]]


def pieces(part: Part) -> list[tuple[Piece, Symmetry]]:
    legs, counts, palette = part
    return list(ConnectedPieces(legs, counts, palette, no_watch))


def target(part: Part) -> tuple[int, tuple[int, ...]]:
    legs, counts, palette = part
    return legs, tuple(valence for valence, count in zip(palette, counts, strict=True) for _ in range(count))


def without(found: Rows, place: int) -> Rows:
    return found.take(np.delete(np.arange(len(found)), place))


def twice(found: Rows, place: int) -> Rows:
    return found.take(np.append(np.arange(len(found)), place))


Change = Any  # Callable[[Rows, int], Rows]


def alter(
    monkeypatch: pytest.MonkeyPatch, part: Part, change: Change, place: int, stages: tuple[bool, ...]
) -> Counter[bool]:
    """Change what was grown for a class, at the stages (exact or not) given; counts calls for it by stage."""
    true = connected.connected_rows
    calls: Counter[bool] = Counter()

    def altered(legs: int, valences: tuple[int, ...], *, exact: bool, watch: Watch) -> Rows:
        found = true(legs, valences, exact=exact, watch=watch)
        if (legs, valences) != target(part):
            return found
        calls[exact] += 1
        changed: Rows = change(found, place) if exact in stages else found
        return changed

    monkeypatch.setattr(connected, "connected_rows", altered)
    return calls


@pytest.mark.parametrize(
    ("part", "change"),
    # operators of equal valence are put on afterwards, and equal rows merged then
    [(part, change) for part in PARTS for change in (without, twice) if change is without or part[2] != (4, 4)],
    ids=str,
)
def test_every_lost_or_doubled_row_is_caught(part: Part, change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pieces(part)
    number = len(connected._ROWS[(*target(part), False)])
    places = range(number) if number < 40 else random.Random(number).sample(range(number), 40)
    for place in places:
        with monkeypatch.context() as patched:
            alter(patched, part, change, place, (False, True))
            with pytest.raises(CompletenessError, match=r"misses the exact value by -?\d"):
                pieces(part)
        with monkeypatch.context() as patched:  # the first stage only: grown again, and complete
            calls = alter(patched, part, change, place, (False,))
            assert sorted(pieces(part)) == sorted(whole)
            assert calls == {False: 1, True: 1}
        with monkeypatch.context() as patched:  # control: the second stage only, which is not reached
            calls = alter(patched, part, change, place, (True,))
            assert pieces(part) == whole
            assert calls == {False: 1}


def test_mergers_that_lose_rows_are_caught_or_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Merger that forgets one row in every class: an error or, where others led there too, the full result."""
    caught = 0
    for part in PARTS:
        connected._ROWS.clear()
        whole = sorted(pieces(part))
        for place in range(4):
            connected._ROWS.clear()

            class Forgetful(Merger):
                def rows(self, place: int = place) -> Rows:
                    found = super().rows()
                    return without(found, place % len(found)) if len(found) > 1 else found

            with monkeypatch.context() as patched:
                patched.setattr(connected, "Merger", Forgetful)
                try:
                    assert sorted(pieces(part)) == whole
                except CompletenessError:
                    caught += 1
    assert caught > 40


@pytest.mark.parametrize("factor", [2, 3])
def test_a_wrong_group_of_vertices_is_caught(factor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    true = rows.canonical_rows

    def canonical(found: Rows) -> tuple[Rows, list[tuple[int, int]]]:
        result, groups = true(found)
        return result, [(whole * factor if not index else whole, inner) for index, (whole, inner) in enumerate(groups)]

    monkeypatch.setattr(connected, "canonical_rows", canonical)
    for part in PARTS:
        with pytest.raises(CompletenessError):
            pieces(part)


# --- collisions --------------------------------------------------------------------------------------------------


def collide(monkeypatch: pytest.MonkeyPatch, marks: int) -> None:
    """Let fingerprints be one of so many numbers."""
    true = colouring.fingerprints

    def few(colours: Colours, codes: Counts) -> Colours:
        result: Colours = true(colours, codes) % np.uint64(marks)
        return result

    monkeypatch.setattr(rows, "fingerprints", few)


def stages(monkeypatch: pytest.MonkeyPatch) -> Counter[bool]:
    """Count mergers by whether they are exact."""
    seen: Counter[bool] = Counter()

    class Counting(Merger):
        def __init__(self, vertices: int, *, exact: bool) -> None:
            seen[exact] += 1
            super().__init__(vertices, exact=exact)

    monkeypatch.setattr(connected, "Merger", Counting)
    return seen


@pytest.mark.parametrize("marks", [1, 2, 5, 17])
def test_collisions_are_survived(marks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {part: sorted(pieces(part)) for part in PARTS}
    again = 0
    for part in PARTS:
        connected._ROWS.clear()
        with monkeypatch.context() as patched:
            collide(patched, marks)
            seen = stages(patched)
            assert sorted(pieces(part)) == whole[part]
            again += bool(seen[True])
            if len(whole[part]) > marks and len(set(part[2])) == len(part[2]):
                assert seen[True]  # more pieces than marks: the first stage cannot have had them all
        # what the first stage left behind is still wrong, and still noticed
        assert sorted(pieces(part)) == whole[part]
    assert again >= 8


def test_without_collisions_the_second_stage_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = stages(monkeypatch)
    for part in PARTS:
        pieces(part)
    assert seen[False] > len(PARTS)
    assert not seen[True]


@pytest.mark.parametrize("where", [ALL, CONNECTED, NO_VACUUM], ids=repr)
def test_whole_classes_survive_collisions(where: Filter, monkeypatch: pytest.MonkeyPatch) -> None:
    for case in CLASSES:
        chosen = DiagramClass(*case, where)
        normal = list(chosen.topologies())
        count = chosen.count()
        connected._ROWS.clear()
        with monkeypatch.context() as patched:
            collide(patched, 3)
            again = list(chosen.topologies())
            assert chosen.count() == count
        assert len(again) == len(normal)
        assert set(again) == set(normal)
        connected._ROWS.clear()


@pytest.mark.parametrize("kind", ["lost", "merged"])
def test_a_broken_canonical_stage_after_collisions_is_an_error(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Merger):
        def rows(self) -> Rows:
            found = super().rows()
            if not self.exact or len(found) < 2:
                return found
            return found.take(slice(1, None)) if kind == "lost" else joined([found.take(slice(0, 1))], self.vertices)

    whole = {part: sorted(pieces(part)) for part in PARTS}
    collide(monkeypatch, 2)
    monkeypatch.setattr(connected, "Merger", Broken)
    failed = 0
    for part in PARTS:
        connected._ROWS.clear()
        said = complaint(piece for each in (part,) for piece in pieces(each))
        failed += bool(said)
        if said:
            assert f"{part[0]} legs and {part[1]} vertices of valences {part[2]}" in said
        else:  # few pieces, or others led to those lost: then nothing may be missing
            assert sorted(pieces(part)) == whole[part]
    assert failed >= 8


def test_an_error_inside_a_class_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    part: Part = (2, (2,), (4,))
    alter(monkeypatch, part, without, 0, (False, True))
    with pytest.raises(CompletenessError, match="connected diagrams with 2 legs"):
        list(DiagramClass(4, (LAMBDA,), (2,)).topologies())
    with pytest.raises(CompletenessError):
        DiagramClass(4, (LAMBDA,), (2,), Filter.of("all", lambda topology: True)).count()
    assert DiagramClass(4, (LAMBDA,), (2,), CONNECTED).count().topologies > 0  # does not use that part
