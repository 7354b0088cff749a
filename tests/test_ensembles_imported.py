"""Imported outputs: direct averages, splitting, several outputs, memory, and every refusal."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.ensembles import OUTPUT_ORDERS, Source, from_outputs, read_outputs
from feyn_nn.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = [0.1, 0.2, 0.3]


def test_equals_direct_averages_and_leaves_the_remainder_out() -> None:
    outputs = np.random.default_rng(0).normal(size=(103, 3))
    ensemble = from_outputs(outputs, INPUTS, 10)
    assert (ensemble.nets, ensemble.experiments, ensemble.left_out, ensemble.d_out) == (10, 10, 3, 1)
    assert ensemble.conditional is None
    assert ensemble.width is None
    for n in OUTPUT_ORDERS:
        direct = [
            [np.prod(outputs[10 * e : 10 * e + 10][:, list(t)], axis=1).mean() for t in sorted_tuples(3, n)]
            for e in range(10)
        ]
        np.testing.assert_allclose(ensemble.outputs[n], direct, rtol=1e-11, atol=1e-13)


def test_several_outputs_are_averaged_within_their_experiment() -> None:
    outputs = np.random.default_rng(1).normal(size=(20, 3, 4))
    ensemble = from_outputs(outputs, INPUTS, 2)
    single = [from_outputs(outputs[:, :, k], INPUTS, 2) for k in range(4)]
    assert (ensemble.nets, ensemble.d_out) == (10, 4)
    for n in OUTPUT_ORDERS:
        np.testing.assert_allclose(
            ensemble.outputs[n], np.mean([part.outputs[n] for part in single], axis=0), rtol=1e-12, atol=1e-14
        )
    # Copies of one output carry no further information: the effective number counts networks.
    copies = from_outputs(np.repeat(outputs[:, :, :1], 5, axis=2), INPUTS, 2).tails[Source.OUTPUTS]
    for n, tail in copies.items():
        np.testing.assert_allclose(tail.effective, single[0].tails[Source.OUTPUTS][n].effective)


def test_files_are_read_in_blocks_whatever_their_dtype(tmp_path: Path) -> None:
    outputs = np.random.default_rng(2).normal(size=(600_000, 2)).astype(np.float32)
    np.save(tmp_path / "f.npy", outputs)
    np.save(tmp_path / "x.npy", np.array([1.0, 2.0]))
    tracemalloc.start()
    try:
        ensemble = read_outputs(tmp_path / "f.npy", tmp_path / "x.npy", 3)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # A block of 2^18 numbers and what is made of it; the whole file would be 9.6 MB as float64.
    assert peak < 2**18 * 8 * 6 + 2**20
    direct = (outputs.astype(np.float64) ** 2).reshape(3, 200_000, 2).mean(axis=1)
    np.testing.assert_allclose(ensemble.outputs[2][:, [0, 2]], direct, rtol=1e-11)
    np.save(tmp_path / "x.npy", np.ones((2, 5)))
    assert read_outputs(tmp_path / "f.npy", tmp_path / "x.npy", 2).inputs.shape == (2, 5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_located(value: float) -> None:
    outputs = np.zeros((50, 3))
    outputs[37, 2] = value
    with pytest.raises(InputError, match=f"outputs: network 37, input 2 is {value}"):
        from_outputs(outputs, INPUTS, 5)


@pytest.mark.parametrize(
    ("outputs", "experiments", "message"),
    [
        (np.zeros((10, 2)), 2, r"shape \(10, 2\) has 2 inputs where 3 points"),
        (np.zeros(10), 2, r"shape \(10,\); expected"),
        (np.zeros((10, 3, 0)), 2, r"shape \(10, 3, 0\); expected"),
        (np.zeros((10, 3, 1, 1)), 2, "expected"),
        (np.zeros((10, 3)), 1, "experiments = 1: an error bar needs two"),
        (np.zeros((10, 3)), 11, "10 networks do not fill 11 experiments"),
        (np.zeros((0, 3)), 2, "0 networks do not fill"),
        (np.zeros((10, 3), dtype=complex), 2, "dtype complex128; expected real"),
        (np.full((10, 3), 1e60), 2, "experiment 0: .* exceeds the range"),
    ],
)
def test_refusals(outputs: Any, experiments: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_outputs(outputs, INPUTS, experiments)


def test_refused_files_are_named(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.zeros((10, 2)))
    np.save(tmp_path / "x.npy", np.array([1.0, np.nan]))
    with pytest.raises(InputError, match=r"x.npy: point 1"):
        read_outputs(tmp_path / "f.npy", tmp_path / "x.npy", 2)
    np.save(tmp_path / "x.npy", np.array([1.0]))
    with pytest.raises(InputError, match=r"f.npy: shape"):
        read_outputs(tmp_path / "f.npy", tmp_path / "x.npy", 2)
    with pytest.raises(InputError, match="cannot read"):
        read_outputs(tmp_path / "g.npy", tmp_path / "x.npy", 2)
