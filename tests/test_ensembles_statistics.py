"""Statistics of a chunk against loops; their layout, limits and tails."""

from __future__ import annotations

import numpy as np
import pytest

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.ensembles import CONDITIONAL_ORDERS, OUTPUT_ORDERS, TAIL_ORDERS, Layout, Source, from_outputs
from feyn_nn.ensembles.statistics import Sums
from feyn_nn.errors import LimitError
from tests.oracles import ensemble_loops


@pytest.mark.parametrize(("points", "nets"), [(1, 1), (2, 33), (3, 70), (4, 5)])
def test_sums_equal_loops(points: int, nets: int) -> None:
    rng = np.random.default_rng(points)
    layout = Layout(points)
    f, kernel = rng.normal(size=(points, nets)), rng.normal(size=(layout.pairs, nets))
    diagonal = [pair for pair, (i, j) in enumerate(sorted_tuples(points, 2)) if i == j]
    kernel[diagonal] = abs(kernel[diagonal])
    sums = Sums(layout)
    cut = nets // 3
    if cut:
        sums.add(f[:, :cut, None], kernel[:, :cut])
    sums.add(f[:, cut:, None], kernel[:, cut:])
    vector = sums.vector()
    assert vector[0] == nets
    for n in OUTPUT_ORDERS:
        np.testing.assert_allclose(
            vector[layout.outputs[n]], ensemble_loops.product_sums(f.T, n), rtol=1e-11, atol=1e-11
        )
    for k in CONDITIONAL_ORDERS:
        np.testing.assert_allclose(
            vector[layout.kernels[k]], ensemble_loops.product_sums(kernel.T, k), rtol=1e-11, atol=1e-11
        )
    largest = {Source.OUTPUTS: abs(f).max(axis=0) ** 2, Source.CONDITIONAL: kernel[diagonal].max(axis=0)}
    for source, v in largest.items():
        got = np.c_[vector[layout.tails[source]].reshape(-1, 2), vector[layout.maxima[source]]]
        expected = [ensemble_loops.tail_sums(v ** (n // 2)) for n in TAIL_ORDERS]
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_every_number_has_one_place() -> None:
    for layout in (Layout(3), Layout(3, conditional=False), Layout(6)):
        places = [slice(0, 1), *layout.outputs.values(), *layout.kernels.values()]
        places += [*layout.tails.values(), *layout.maxima.values()]
        covered = np.concatenate([np.arange(layout.size)[place] for place in places])
        assert sorted(covered) == list(range(layout.size))
    sizes = {k: place.stop - place.start for k, place in Layout(6).kernels.items()}
    assert sizes == {1: 21, 2: 231, 3: 1771}


def test_too_many_points_are_refused_with_the_number() -> None:
    with pytest.raises(LimitError, match=f"40 points need {comb_size(40)} "):
        Layout(40)


def comb_size(points: int) -> int:
    from math import comb

    pairs = points * (points + 1) // 2
    return (
        1
        + sum(comb(points + n - 1, n) for n in OUTPUT_ORDERS)
        + sum(comb(pairs + k - 1, k) for k in CONDITIONAL_ORDERS)
        + 3 * len(TAIL_ORDERS) * 3
    )


def test_one_giant_network_is_seen_and_a_flat_sample_is_not() -> None:
    outputs = np.random.default_rng(5).choice([-1.0, 1.0], size=(2000, 2))
    flat = from_outputs(outputs, [0.0, 1.0], 2).tails[Source.OUTPUTS][6]
    np.testing.assert_allclose(flat.effective, 1000)
    np.testing.assert_allclose(flat.largest_share, 1e-3)
    outputs[1500] = 100.0
    giant = from_outputs(outputs, [0.0, 1.0], 2).tails[Source.OUTPUTS][6]
    assert giant.largest_share[0] == pytest.approx(1e-3)
    assert giant.largest_share[1] == pytest.approx(1.0, abs=1e-8)
    assert giant.effective[1] == pytest.approx(1.0, abs=1e-8)


def test_networks_that_vanish_have_no_heavy_tail() -> None:
    tail = from_outputs(np.zeros((10, 1)), [1.0], 2).tails[Source.OUTPUTS][4]
    assert list(tail.effective) == [5, 5]
    assert list(tail.largest_share) == [0, 0]
