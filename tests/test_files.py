"""Files: a reader sees the old content or the new one, and nothing that is not a plain array of numbers is read."""

from __future__ import annotations

import hashlib
import json
import math
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feyn_nn import files
from feyn_nn.errors import InputError


def fail(*args: object, **kwargs: object) -> None:
    raise OSError(28, "No space left on device")


def interrupt(*args: object, **kwargs: object) -> None:
    raise KeyboardInterrupt


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_written_bytes_come_back_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "data.bin"
    for data in (b"", b"first", bytes(range(256)) * 100):
        files.write_bytes(target, data)
        assert target.read_bytes() == data
        assert names(tmp_path) == ["data.bin"]
    assert files.sha256(data) == hashlib.sha256(target.read_bytes()).hexdigest()


def test_text_is_utf8(tmp_path: Path) -> None:
    files.write_text(tmp_path / "text", "λ ≠ κ\n")
    assert (tmp_path / "text").read_bytes() == "λ ≠ κ\n".encode()


@pytest.mark.parametrize("call", ["fsync", "fdopen"])
def test_failure_in_the_middle_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    target = tmp_path / "data.bin"
    files.write_bytes(target, b"old")
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space left"):
        files.write_bytes(target, b"new content")
    monkeypatch.undo()
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["data.bin"]


def test_failure_at_the_last_step_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "data.bin"
    files.write_bytes(target, b"old")
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        files.write_bytes(target, b"new content")
    monkeypatch.undo()
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["data.bin"]


def test_an_interrupt_leaves_no_file_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files.write_bytes(tmp_path / "data.bin", b"new")
    assert names(tmp_path) == []


def test_the_file_takes_its_name_only_when_it_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "data.bin"
    files.write_bytes(target, b"old")
    seen: list[bytes] = []
    true_fsync = os.fsync

    def watch(handle: int) -> None:
        seen.append(target.read_bytes())
        true_fsync(handle)

    monkeypatch.setattr(os, "fsync", watch)
    files.write_bytes(target, b"new")
    assert seen == [b"old"]
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, "λ"], "b": {}}, [], "text", 3])
def test_json_comes_back(tmp_path: Path, value: object) -> None:
    files.write_json(tmp_path / "value.json", value)
    assert files.read_json(tmp_path / "value.json") == value
    assert (tmp_path / "value.json").read_text(encoding="utf-8") == files.json_text(value)
    assert files.json_text(value).endswith("\n")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_has_no_infinities_and_refuses_before_it_writes(tmp_path: Path, value: float) -> None:
    files.write_json(tmp_path / "value.json", {"old": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_json(tmp_path / "value.json", {"new": value})
    assert files.read_json(tmp_path / "value.json") == {"old": 1}


@pytest.mark.parametrize("data", [b"", b"{", b"{'a': 1}", b"\xff\xfe", b"[1, 2"])
def test_what_is_not_json_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"bad\.json is not valid JSON"):
        files.read_json(path)


def test_missing_files_and_directories_are_refused(tmp_path: Path) -> None:
    for reader in (files.read_json, files.read_array):
        with pytest.raises(InputError, match=r"cannot read .*none"):
            reader(tmp_path / "none")
        with pytest.raises(InputError, match="cannot read"):
            reader(tmp_path)


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "f4", "f2", "i8", "u1", "longdouble"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 4)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_real_numbers_come_back_as_float64(
    tmp_path: Path, dtype: str, shape: tuple[int, ...], order: str
) -> None:
    array = np.asarray(np.arange(math.prod(shape)).reshape(shape), dtype=dtype, order="F" if order == "F" else "C")
    np.save(tmp_path / "a.npy", array)
    for memory_map in (False, True):
        found = files.read_array(tmp_path / "a.npy", memory_map=memory_map)
        assert found.shape == shape
        assert np.array_equal(found, array)
    assert files.read_array(tmp_path / "a.npy").dtype == np.float64


def test_array_bytes_are_the_npy_format(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(4, 3))
    files.write_bytes(tmp_path / "a.npy", files.array_bytes(array))
    assert np.array_equal(files.read_array(tmp_path / "a.npy"), array)
    assert np.array_equal(np.load(tmp_path / "a.npy", allow_pickle=False), array)


def test_a_memory_map_is_read_only(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(4.0))
    mapped = files.read_array(tmp_path / "a.npy", memory_map=True)
    assert isinstance(mapped, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        mapped[0] = 1.0


@pytest.mark.parametrize(
    "array",
    [
        np.array([1j, 2.0]),
        np.array(["a", "b"]),
        np.array([True, False]),
        np.array(["2024-01-01"], dtype="datetime64[D]"),
        np.zeros(2, dtype=[("x", "f8"), ("y", "f8")]),
        np.zeros(3, dtype="V8"),
    ],
    ids=lambda array: str(array.dtype.kind),
)
def test_other_dtypes_are_refused(tmp_path: Path, array: npt.NDArray[Any]) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match="expected real numbers"):
        files.read_array(tmp_path / "a.npy")


TRACES: list[str] = []


def explode() -> None:
    TRACES.append("code of a pickle was run")


class Bomb:
    """Unpickling this leaves a trace."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (explode, ())


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    array = np.empty(1, dtype=object)
    array[0] = Bomb()
    np.save(tmp_path / "object.npy", array, allow_pickle=True)
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(Bomb()))
    for memory_map in (False, True):
        with pytest.raises(InputError, match="pickled Python objects, which are never loaded"):
            files.read_array(tmp_path / "object.npy", memory_map=memory_map)
        with pytest.raises(InputError, match=r"is not a \.npy file"):
            files.read_array(tmp_path / "pickle.npy", memory_map=memory_map)
    assert not TRACES
    pickle.loads(pickle.dumps(Bomb()))
    assert TRACES  # the control: this is what was never done
    TRACES.clear()


@pytest.mark.parametrize("data", [b"", b"1.0 2.0 3.0\n", b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff{", b"PK\x03\x04"])
def test_other_formats_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(InputError, match=r"is not a \.npy file .*; save it with numpy\.save"):
        files.read_array(tmp_path / "a.npy")


def test_unknown_versions_of_the_format_are_refused(tmp_path: Path) -> None:
    data = bytearray(files.array_bytes(np.arange(3.0)))
    data[6] = 3
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(InputError, match=r"format \(3, 0\) is not supported"):
        files.read_array(tmp_path / "a.npy")


def test_every_truncation_and_every_extension_is_refused(tmp_path: Path) -> None:
    whole = files.array_bytes(np.arange(5.0))
    for length in range(len(whole)):
        (tmp_path / "a.npy").write_bytes(whole[:length])
        with pytest.raises(InputError):
            files.read_array(tmp_path / "a.npy")
    (tmp_path / "a.npy").write_bytes(whole + b"\0")
    with pytest.raises(InputError, match="truncated or damaged"):
        files.read_array(tmp_path / "a.npy")


def test_a_huge_promised_shape_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (4000000000, 4000000000), }\n"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(InputError, match="promises 128000000000000000"):
        files.read_array(tmp_path / "a.npy")


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_after_the_magic_are_refused_with_the_path(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "arbitrary.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + data)
    with pytest.raises(InputError, match=r"arbitrary\.npy"):
        files.read_array(path)


def test_claim_directory_makes_new_ones_and_takes_empty_ones(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b"
    files.claim_directory(target)
    files.claim_directory(target)
    assert target.is_dir()
    assert names(target) == []


@pytest.mark.parametrize("name", ["result", ".hidden"])
def test_claim_directory_refuses_one_with_something_in_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match="is not empty; nothing was overwritten"):
        files.claim_directory(tmp_path)
    assert (tmp_path / name).read_text() == "mine"


def test_claim_directory_refuses_a_file_and_a_path_through_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is not a directory"):
        files.claim_directory(tmp_path / "file")
    with pytest.raises(InputError):
        files.claim_directory(tmp_path / "file" / "below")
    assert json.loads(json.dumps((tmp_path / "file").read_text())) == "mine"
