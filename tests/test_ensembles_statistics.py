"""Statistics of a chunk against loops; their layout, limits and tails."""

from __future__ import annotations

import numpy as np
import pytest

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.ensembles import (
    CONDITIONAL_ORDERS,
    NEURON_ORDERS,
    OUTPUT_ORDERS,
    TAIL_ORDERS,
    Layout,
    Record,
    Source,
    from_outputs,
)
from feyn_nn.ensembles.ensemble import ensemble_from_sums
from feyn_nn.ensembles.products import BATCH, ProductSums
from feyn_nn.ensembles.statistics import Sums
from feyn_nn.errors import InputError, LimitError
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
        sums.add_networks(f[:, :cut, None], kernel[:, :cut])
    sums.add_networks(f[:, cut:, None], kernel[:, cut:])
    vector = sums.vector()
    assert list(vector[:2]) == [nets, 0]
    for n in OUTPUT_ORDERS:
        np.testing.assert_allclose(
            vector[layout.values[n]], ensemble_loops.product_sums(f.T, n), rtol=1e-11, atol=1e-11
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


@pytest.mark.parametrize("samples", [1, BATCH, 3 * BATCH + 5])
@pytest.mark.parametrize("variables", [1, 2, 5])
def test_products_of_every_order_equal_loops(variables: int, samples: int) -> None:
    values = np.random.default_rng(variables).normal(size=(variables, samples))
    for orders in (OUTPUT_ORDERS, (4,), (1,), (2, 5)):
        sums = ProductSums(variables, orders)
        sums.add(values[:, : samples // 2])
        sums.add(values[:, samples // 2 :], 0.25)
        for n in orders:
            expected = ensemble_loops.product_sums(values[:, : samples // 2].T, n)
            expected = expected + 0.25 * ensemble_loops.product_sums(values[:, samples // 2 :].T, n)
            np.testing.assert_allclose(sums.sums(n), expected, rtol=1e-11, atol=1e-11)


def test_more_variables_than_a_tile_has_rows() -> None:
    values = np.random.default_rng(9).integers(-3, 4, size=(13, 40)).astype(float)
    sums = ProductSums(13, (3, 4, 5, 6))
    sums.add(values)
    for n in (3, 4, 5, 6):  # integers: every sum is exact
        tuples = np.array(sorted_tuples(13, n))
        np.testing.assert_array_equal(sums.sums(n), values[tuples].prod(axis=1).sum(axis=1))


@pytest.mark.parametrize("record", [Record.NEURONS, Record.TILTED])
def test_neurons_equal_loops(record: Record) -> None:
    rng = np.random.default_rng(4)
    layout = Layout(3, record)
    values = {n: np.exp(rng.normal(size=(3, 50))) for n in NEURON_ORDERS}
    sums = Sums(layout)
    if record is Record.NEURONS:
        values = dict.fromkeys(NEURON_ORDERS, values[2])
        sums.add_neurons(values[2])
    else:
        sums.add_tilted(values)
    vector = sums.vector()
    for n in NEURON_ORDERS:
        np.testing.assert_allclose(vector[layout.values[n]], ensemble_loops.product_sums(values[n].T, n), rtol=1e-11)
    got = np.c_[vector[layout.tails[Source.NEURONS]].reshape(-1, 2), vector[layout.maxima[Source.NEURONS]]]
    size = {n: (v**2).sum(axis=0) ** (n / 2) for n, v in values.items()}
    if record is Record.TILTED:
        size = {n: v.max(axis=0) ** n for n, v in values.items()}
    np.testing.assert_allclose(got, [ensemble_loops.tail_sums(size[n]) for n in TAIL_ORDERS], rtol=1e-12)


def test_samples_that_are_not_finite_are_counted_and_left_out() -> None:
    f = np.random.default_rng(8).normal(size=(2, 20))
    f[0, 3], f[1, 7], f[1, 8] = np.nan, np.inf, -np.inf
    layout = Layout(2, Record.OUTPUTS)
    sums = Sums(layout)
    sums.add_networks(f[:, :, None])
    vector = sums.vector()
    assert list(vector[:2]) == [20, 3]
    rest = np.delete(f, [3, 7, 8], axis=1)
    np.testing.assert_allclose(vector[layout.values[4]], ensemble_loops.product_sums(rest.T, 4), rtol=1e-12)
    with pytest.raises(InputError, match=r"3 of 40 samples are not finite numbers \(experiments 1\)"):
        ensemble_from_sums(
            np.array([np.where(np.arange(len(vector)) == 1, 0, vector), vector]), layout, np.zeros((2, 1))
        )


def test_every_number_has_one_place() -> None:
    for layout in (Layout(3), Layout(6), *(Layout(3, record) for record in Record)):
        places = [slice(0, 2), *layout.values.values(), *layout.kernels.values()]
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
        2
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
    tail = from_outputs(np.zeros((20, 1)), [1.0], 2).tails[Source.OUTPUTS][4]
    assert list(tail.effective) == [10, 10]
    assert list(tail.largest_share) == [0, 0]
