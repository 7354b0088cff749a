"""Imported outputs: direct averages, experiments by parts and by labels, files of any size, and every refusal."""

from __future__ import annotations

import argparse
import io
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feyn_nn.cli.imported import add_imported, imported
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.ensembles import OUTPUT_ORDERS, Ensemble, Source, from_outputs, read_outputs
from feyn_nn.ensembles import imported as module
from feyn_nn.errors import InputError, LimitError

if TYPE_CHECKING:
    from collections.abc import Callable

INPUTS = [0.1, 0.2, 0.3]


def bits(ensemble: Ensemble) -> bytes:
    """Everything that was measured."""
    tails = ensemble.tails[Source.OUTPUTS].values()
    arrays = [ensemble.samples, *ensemble.values.values(), *(tail.effective for tail in tails)]
    return b"".join(array.tobytes() for array in [*arrays, *(tail.largest_share for tail in tails)])


def normal(networks: int, *rest: int, seed: int = 0) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(networks, *(rest or (3,))))


def direct(outputs: npt.NDArray[Any], n: int) -> list[float]:
    """Means of products over networks, shape (networks, points)."""
    return [np.prod(outputs[:, list(t)], axis=1).mean() for t in sorted_tuples(outputs.shape[1], n)]


def test_equals_direct_averages_and_leaves_the_remainder_out() -> None:
    outputs = normal(103)
    ensemble = from_outputs(outputs, INPUTS, 10)
    assert (ensemble.nets, ensemble.experiments, ensemble.left_out, ensemble.d_out) == (10, 10, 3, 1)
    assert not ensemble.conditional
    assert ensemble.width is None
    for n in OUTPUT_ORDERS:
        expected = [direct(outputs[10 * e : 10 * e + 10], n) for e in range(10)]
        np.testing.assert_allclose(ensemble.values[n], expected, rtol=1e-11, atol=1e-13)


def test_several_outputs_are_averaged_within_their_experiment() -> None:
    outputs = normal(20, 3, 4, seed=1)
    ensemble = from_outputs(outputs, INPUTS, 2)
    single = [from_outputs(outputs[:, :, k], INPUTS, 2) for k in range(4)]
    assert (ensemble.nets, ensemble.d_out) == (10, 4)
    for n in OUTPUT_ORDERS:
        expected = np.mean([part.values[n] for part in single], axis=0)
        np.testing.assert_allclose(ensemble.values[n], expected, rtol=1e-12, atol=1e-14)
    # Copies of one output carry no further information: the effective number counts networks.
    copies = from_outputs(np.repeat(outputs[:, :, :1], 5, axis=2), INPUTS, 2).tails[Source.OUTPUTS]
    for n, tail in copies.items():
        np.testing.assert_allclose(tail.effective, single[0].tails[Source.OUTPUTS][n].effective)


def test_labels_may_have_unequal_numbers_of_networks_and_come_in_any_order() -> None:
    outputs = normal(60)
    sizes = {7: 6, -3: 40, 100: 14}
    labels = np.random.default_rng(3).permutation(np.repeat(list(sizes), list(sizes.values())))
    ensemble = from_outputs(outputs, INPUTS, labels)
    assert list(ensemble.samples) == [40, 6, 14]
    assert (ensemble.nets, ensemble.total_nets, ensemble.left_out) == (6, 60, 0)
    for n in OUTPUT_ORDERS:
        expected = [direct(outputs[labels == label], n) for label in sorted(sizes)]
        np.testing.assert_allclose(ensemble.values[n], expected, rtol=1e-11, atol=1e-13)


def test_labels_of_equal_parts_are_equal_parts_whatever_they_are_called() -> None:
    outputs = normal(5000, 2)
    parts = from_outputs(outputs, [0.0, 1.0], 5)
    numbers = np.arange(5000) // 1000
    columns: list[npt.ArrayLike] = [numbers, numbers.tolist(), numbers.astype("i1"), numbers.astype(">u4")]
    columns += [numbers + np.iinfo(np.int64).min, numbers.astype(np.uint64) + np.uint64(2**64 - 5)]
    for labels in columns:
        assert bits(from_outputs(outputs, [0.0, 1.0], labels)) == bits(parts)
    moved = numbers.copy()
    moved[0] = 1  # the control
    assert bits(from_outputs(outputs, [0.0, 1.0], moved)) != bits(parts)


@pytest.mark.parametrize("block", [1, 50, 1001, 10**6])
@pytest.mark.parametrize("waiting", [1, 2**19])
def test_sums_do_not_depend_on_how_experiments_are_interleaved_nor_on_blocks(
    monkeypatch: pytest.MonkeyPatch, block: int, waiting: int
) -> None:
    monkeypatch.setattr(module, "_WAITING_NUMBERS", waiting)
    outputs, labels = normal(1500, 2, 3), np.arange(1500) // 500
    expected = bits(from_outputs(outputs, [0.0, 1.0], 3))
    shuffled = np.random.default_rng(1).permutation(labels)
    places = np.argsort(np.argsort(shuffled, kind="stable"))  # networks of an experiment stay in order
    monkeypatch.setattr(module, "_BLOCK_NUMBERS", block)
    assert bits(from_outputs(outputs, [0.0, 1.0], 3)) == expected
    assert bits(from_outputs(outputs[places], [0.0, 1.0], shuffled)) == expected
    reversed_order = from_outputs(outputs[::-1], [0.0, 1.0], labels[::-1])  # networks in another order: rounding
    np.testing.assert_allclose(reversed_order.values[4], from_outputs(outputs, [0.0, 1.0], 3).values[4], rtol=1e-10)


def test_all_kinds_of_files_give_the_same_bits(tmp_path: Path) -> None:
    outputs, inputs = normal(4000, 3, 2).astype(np.float32), np.array(INPUTS)
    labels = np.random.default_rng(1).integers(0, 4, 4000)
    np.save(tmp_path / "x.npy", inputs)
    np.save(tmp_path / "labels.npy", labels)
    kinds = {
        "f4": outputs,
        "big": outputs.astype(">f4"),
        "f8": outputs.astype(float),
        "fortran": np.asfortranarray(outputs),
    }
    for name, array in kinds.items():
        np.save(tmp_path / f"{name}.npy", array)
    expected = {
        None: bits(from_outputs(outputs, INPUTS, 10)),
        7: bits(from_outputs(outputs, INPUTS, 7)),
        tmp_path / "labels.npy": bits(from_outputs(outputs, INPUTS, labels)),
    }
    for name in kinds:
        for experiments, wanted in expected.items():
            assert bits(read_outputs(tmp_path / f"{name}.npy", tmp_path / "x.npy", experiments)) == wanted
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "f.npz", outputs=outputs)
        for experiments, wanted in expected.items():
            assert bits(read_outputs(tmp_path / "f.npz", tmp_path / "x.npy", experiments)) == wanted
        save(tmp_path / "f.npz", outputs=outputs, inputs=inputs[:, None])
        assert bits(read_outputs(tmp_path / "f.npz", experiments=7)) == expected[7]
        save(tmp_path / "f.npz", outputs=outputs, inputs=inputs, experiment=labels)
        assert bits(read_outputs(tmp_path / "f.npz")) == expected[tmp_path / "labels.npy"]
        np.testing.assert_array_equal(read_outputs(tmp_path / "f.npz").inputs, inputs[:, None])
    assert len(set(expected.values())) == 3


def test_files_larger_than_what_is_held_are_read_in_blocks(tmp_path: Path) -> None:
    outputs = np.tile(normal(1000, 2), (4000, 1))  # 64 MB
    inputs, labels = np.array([1.0, 2.0]), np.arange(len(outputs)) % 4
    np.save(tmp_path / "f.npy", outputs)
    np.save(tmp_path / "x.npy", inputs)
    np.savez_compressed(tmp_path / "f.npz", outputs=outputs, inputs=inputs, experiment=labels)

    def peak(call: Callable[[], object]) -> int:
        tracemalloc.start()
        try:
            call()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(lambda: read_outputs(tmp_path / "f.npy", tmp_path / "x.npy", 4)) < 18e6
    assert peak(lambda: read_outputs(tmp_path / "f.npz")) < 18e6
    assert peak(lambda: np.load(tmp_path / "f.npy")) > 60e6  # the control
    read = read_outputs(tmp_path / "f.npz")
    np.testing.assert_allclose(read.values[2], [direct(outputs[e:1000:4], 2) for e in range(4)], rtol=1e-10)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("block", [7, 10**6])
def test_values_that_are_not_finite_are_counted_and_located(
    monkeypatch: pytest.MonkeyPatch, value: float, block: int
) -> None:
    monkeypatch.setattr(module, "_BLOCK_NUMBERS", block)
    outputs = np.zeros((53, 3, 2))
    outputs[37, 2, 1] = outputs[37, 2, 0] = outputs[40, 0, 0] = outputs[52] = value  # 52 is in no experiment
    with pytest.raises(InputError, match=rf"^f: 3 of 53 networks .* first network 37, input 2, output 0 is {value}; "):
        from_outputs(outputs, INPUTS, 5, place="f")
    with pytest.raises(InputError, match=rf"2 of 53 networks .* first network 40, input 0 is {value}; "):
        from_outputs(np.where(np.arange(53)[:, None] == 37, 0.0, outputs[:, :, 0]), INPUTS, 5)
    with pytest.raises(InputError, match="3 of 53"):
        from_outputs(outputs, INPUTS, np.arange(53) % 5)


def test_products_out_of_range_are_refused_with_their_experiment() -> None:
    outputs = np.ones((30, 3))
    outputs[17] = 1e60
    with pytest.raises(InputError, match=r"^f, experiment 1: a product of outputs exceeds the range"):
        from_outputs(outputs, INPUTS, 3, place="f")
    with pytest.raises(
        InputError, match=r"^outputs, the experiment with label 8: a product of outputs exceeds the range"
    ):
        from_outputs(outputs, INPUTS, np.repeat([5, 8, 6], 10))


@pytest.mark.parametrize(
    ("outputs", "experiments", "message"),
    [
        (np.zeros((60, 2)), 2, r"shape \(60, 2\) has 2 inputs where 3 points"),
        (np.zeros(60), 2, r"shape \(60,\); expected"),
        (np.zeros(()), 2, r"shape \(\); expected"),
        (np.zeros((60, 3, 0)), 2, r"shape \(60, 3, 0\); expected"),
        (np.zeros((60, 3, 1, 1)), 2, "expected"),
        (np.zeros((60, 3)), 1, "experiments = 1: an error bar needs two"),
        (np.zeros((60, 3)), np.int64(-4), "experiments = -4: an error bar needs two"),
        (np.zeros((60, 3)), 11, "60 networks do not fill 11 experiments of 6 or more"),
        (np.zeros((0, 3)), 2, "0 networks do not fill"),
        (np.zeros((60, 3), dtype=complex), 2, "dtype complex128; expected real"),
        (np.zeros((60, 3), dtype=object), 2, "dtype object; expected real"),
        (np.zeros((60, 3), dtype=bool), 2, "dtype bool; expected real"),
        ([[1.0, 2.0], [3.0]], 2, "outputs: expected an array of numbers"),
        (
            np.zeros((60, 3)),
            np.zeros(59, dtype=int),
            r"experiment: shape \(59,\); expected \(60,\), one label per network",
        ),
        (np.zeros((60, 3)), np.zeros((60, 1), dtype=int), r"experiment: shape \(60, 1\); expected \(60,\)"),
        (np.zeros((60, 3)), np.zeros(60), "experiment: dtype float64; expected integers"),
        (np.zeros((60, 3)), ["a"] * 60, "experiment: dtype <U1; expected integers"),
        (np.zeros((60, 3)), 2.0, "experiment: dtype float64; expected integers"),
        (np.zeros((60, 3)), np.zeros(60, dtype=int), "experiment has 1 different labels: an error bar needs two"),
        (np.zeros((0, 3)), np.zeros(0, dtype=int), "experiment has 0 different labels: an error bar needs two"),
        (np.zeros((60, 3)), np.arange(60), "experiment: label 0 has 1 networks; expected 6 or more"),
        (
            np.zeros((60, 3)),
            np.repeat([4, 9, -2], [5, 50, 5]),
            "experiment: label -2 has 5 networks; expected 6 or more",
        ),
    ],
)
def test_refusals(outputs: Any, experiments: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_outputs(outputs, INPUTS, experiments)


def test_inputs_are_refused_by_name() -> None:
    for inputs in ([0.1, np.nan, 0.3], [[[1.0]]], [[1.0], [2.0, 3.0]], "abc", []):
        with pytest.raises(InputError, match=r"^inputs: "):
            from_outputs(np.zeros((60, 3)), inputs, 2)
    assert from_outputs(normal(60), np.ones((3, 5)), 2).inputs.shape == (3, 5)


def test_too_many_experiments_are_refused_with_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = normal(200_000, 1)
    assert from_outputs(outputs, [1.0], np.arange(200_000) // 400).experiments == 500
    with pytest.raises(LimitError, match="40 points need"):
        from_outputs(np.zeros((60, 40)), np.arange(40.0), 2)
    monkeypatch.setattr(module, "_LIMIT_GB", 1e-3)
    with pytest.raises(
        LimitError, match=r"experiments = 20000: their sums take 0\.026 GB of memory, limit 0\.001; ask"
    ):
        from_outputs(outputs, [1.0], 20_000)
    with pytest.raises(LimitError, match=r"experiment: the sums of 20000 different labels or more take 0\.026 GB"):
        from_outputs(outputs, [1.0], np.arange(200_000) // 10)
    with pytest.raises(LimitError, match=r"experiments = 2: their sums take .* GB of memory"):
        from_outputs(normal(12, 1, 200_000), [1.0], 2)
    assert from_outputs(outputs, [1.0], 771).experiments == 771


def test_archives_say_which_arrays_are_missing_doubled_or_unknown(tmp_path: Path) -> None:
    path, outputs, inputs = tmp_path / "f.npz", normal(60), np.array(INPUTS)
    np.save(tmp_path / "x.npy", inputs)
    np.save(tmp_path / "e.npy", np.arange(60) % 3)
    np.savez(path, inputs=inputs)
    with pytest.raises(InputError, match=r"f\.npz holds no array 'outputs'"):
        read_outputs(path)
    np.savez(path, outputs=outputs)
    with pytest.raises(InputError, match=r"f\.npz: the inputs at which the outputs were taken are missing"):
        read_outputs(path)
    with pytest.raises(InputError, match=r"e\.npy: the inputs .* are missing"):
        read_outputs(tmp_path / "e.npy", None, 3)
    np.savez(path, outputs=outputs, inputs=inputs)
    with pytest.raises(InputError, match=r"f\.npz, inputs are the inputs, and so are those of .*x\.npy; leave one out"):
        read_outputs(path, tmp_path / "x.npy")
    np.savez(path, outputs=outputs, inputs=inputs, experiment=np.arange(60) % 3)
    for experiments in (3, tmp_path / "e.npy"):
        with pytest.raises(
            InputError, match=r"f\.npz, experiment says which networks .* and so does .*; leave one out"
        ):
            read_outputs(path, None, experiments)
    np.savez(path, outputs=outputs, inputs=inputs, experiments=np.arange(60) % 3)
    with pytest.raises(
        InputError, match=r"f\.npz holds 'experiments'; expected no arrays but outputs, inputs, experiment"
    ):
        read_outputs(path)
    np.savez(path, outputs)
    with pytest.raises(InputError, match="holds 'arr_0'"):
        read_outputs(path)
    np.savez(path, outputs=np.asfortranarray(outputs), inputs=inputs)
    with pytest.raises(InputError, match=r"f\.npz, outputs is in Fortran order, which cannot be read row by row"):
        read_outputs(path, experiments=2)
    np.savez(path, outputs=outputs, inputs=np.zeros((3, 1, 1)))
    with pytest.raises(InputError, match=r"f\.npz, inputs: shape"):
        read_outputs(path)


def test_refused_files_are_named(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.zeros((60, 2)))
    np.save(tmp_path / "x.npy", np.array([1.0, np.nan]))
    with pytest.raises(InputError, match=r"x.npy: point 1"):
        read_outputs(tmp_path / "f.npy", tmp_path / "x.npy", 2)
    np.save(tmp_path / "x.npy", np.array([1.0]))
    with pytest.raises(InputError, match=r"f.npy: shape"):
        read_outputs(tmp_path / "f.npy", tmp_path / "x.npy", 2)
    np.save(tmp_path / "x.npy", np.array([1.0, 2.0]))
    with pytest.raises(InputError, match=r"x\.npy: dtype float64; expected integers"):
        read_outputs(tmp_path / "f.npy", tmp_path / "x.npy", tmp_path / "x.npy")
    for name, content in {"empty": b"", "text": b"1.0, 2.0\n", "pickle": b"\x80\x04]\x94."}.items():
        for suffix in (".npy", ".npz", ".pkl"):
            path = tmp_path / f"{name}{suffix}"
            path.write_bytes(content)
            with pytest.raises(InputError, match=name + suffix):
                read_outputs(path, tmp_path / "x.npy", 2)
            with pytest.raises(InputError, match=name + suffix):
                read_outputs(tmp_path / "f.npy", path, 2)
            with pytest.raises(InputError, match=name + suffix):
                read_outputs(tmp_path / "f.npy", tmp_path / "x.npy", path)
    for missing in (tmp_path, tmp_path / "none.npy", tmp_path / "none.npz", tmp_path / "none"):
        with pytest.raises(InputError, match="cannot read"):
            read_outputs(missing, tmp_path / "x.npy", 2)


def test_damage_is_reported_before_what_was_read_is_judged(tmp_path: Path) -> None:
    outputs = normal(20_000, 2)
    outputs[3] = np.nan
    np.savez(tmp_path / "f.npz", outputs=outputs, inputs=np.array([1.0, 2.0]))
    data = bytearray((tmp_path / "f.npz").read_bytes())
    data[200_000] ^= 1
    (tmp_path / "g.npz").write_bytes(data)
    with pytest.raises(InputError, match=r"f\.npz, outputs: 1 of 20000 networks"):
        read_outputs(tmp_path / "f.npz")
    with pytest.raises(InputError, match=r"g\.npz, outputs is damaged \(Bad CRC-32"):
        read_outputs(tmp_path / "g.npz")


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.sampled_from(["npy", "npz"]), st.integers(0, 2000), st.binary(min_size=1, max_size=40))
def test_no_bytes_lead_to_anything_but_an_ensemble_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, place: int, noise: bytes
) -> None:
    path, inputs = tmp_path_factory.getbasetemp() / f"noise.{suffix}", tmp_path_factory.getbasetemp() / "x.npy"
    outputs, stream = normal(12), io.BytesIO()
    np.save(inputs, np.array(INPUTS))
    if suffix == "npy":
        np.save(stream, outputs)
    else:
        np.savez(stream, outputs=outputs, inputs=np.array(INPUTS), experiment=np.arange(12) % 2)
    whole = stream.getvalue()
    place %= len(whole)
    path.write_bytes(whole[:place] + noise + whole[place + len(noise) :])
    try:
        found = read_outputs(path, inputs, 2) if suffix == "npy" else read_outputs(path)
    except InputError as problem:
        message = str(problem)
    else:
        message = f"{found.experiments} experiments"
    assert "noise" in message or message == "2 experiments"
    assert "\n" not in message
    assert len(message) < 500


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs")
    parser.add_argument("--experiments", type=int)
    add_imported(parser)
    return parser.parse_args(arguments)


def test_the_options_name_files_and_say_what_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs, labels = normal(65), np.arange(65) % 3
    f, x, e, z = (str(tmp_path / name) for name in ("f.npy", "x.npy", "e.npy", "z.npz"))
    np.save(f, outputs)
    np.save(x, np.array(INPUTS))
    np.save(e, labels)
    np.savez(z, outputs=outputs, inputs=np.array(INPUTS), experiment=labels)
    given: dict[tuple[str, ...], int | npt.NDArray[np.int_]] = {
        ("--outputs", f, "--inputs", x, "--experiment-labels", e): labels,
        ("--outputs", z): labels,
        ("--outputs", f, "--inputs", x, "--experiments", "5"): 5,
    }
    for arguments, experiments in given.items():
        assert bits(imported(options(*arguments))) == bits(from_outputs(outputs, INPUTS, experiments))
        assert capsys.readouterr() == ("", "")
    assert imported(options("--outputs", f, "--inputs", x)).experiments == 10
    assert (
        capsys.readouterr().err == f"feyn-nn: the last 5 networks of {f} do not fill an experiment and are left out\n"
    )
    with pytest.raises(InputError, match=r"--experiments 3 and --experiment-labels .*e\.npy both say"):
        imported(options("--outputs", f, "--inputs", x, "--experiment-labels", e, "--experiments", "3"))
    with pytest.raises(InputError, match=r"--outputs .*f\.npy: give the inputs .* with --inputs FILE\.npy"):
        imported(options("--outputs", f))
    with pytest.raises(InputError, match=r"cannot read .*none\.npy"):
        imported(options("--outputs", str(tmp_path / "none.npy")))
