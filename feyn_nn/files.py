"""Atomic writing, and checked reading of `.npy` and JSON files.

Writing in place loses data when a process is killed: everything goes to a temporary file in the same
directory, is flushed to disk, and takes its name by `os.replace`. Reading never unpickles, and looks at the
header of an array before it touches the data.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import tokenize
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from feyn_nn.arrays import FloatArray
from feyn_nn.errors import InputError

_HEADER_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old file or the whole new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def write_text(path: Path, text: str) -> None:
    """Write `text` atomically as UTF-8."""
    write_bytes(path, text.encode())


def json_text(value: Any) -> str:
    """Return `value` as JSON text with a final newline; NaN and infinities are refused by json itself."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write `value` atomically as JSON."""
    write_text(path, json_text(value))


def read_json(path: Path) -> Any:
    """Read a JSON file; raise InputError if it is missing or not JSON (NaN and infinities are not)."""

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not a JSON number")

    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except OSError as problem:
        raise InputError(f"cannot read {path}: {problem.strerror}") from None
    except (ValueError, RecursionError) as problem:
        raise InputError(f"{path} is not valid JSON ({problem})") from None


def sha256(data: bytes) -> str:
    """Return the hexadecimal SHA-256 digest."""
    return hashlib.sha256(data).hexdigest()


def array_bytes(array: FloatArray) -> bytes:
    """Return `array` in `.npy` format."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def read_array(path: Path, *, memory_map: bool = False) -> FloatArray:
    """Read a `.npy` file of real numbers as float64 (memory-mapped on request, then of its own dtype).

    Raises InputError for a file that is missing, pickled, truncated or not real-valued. Whether the values
    are finite is for the caller to check: a memory map is not read here.
    """
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers written by Python 2 are read all the same
            version = np.lib.format.read_magic(stream)
            shape, _, dtype = _HEADER_READERS[version](stream)
            offset = stream.tell()
    except OSError as problem:
        raise InputError(f"cannot read {path}: {problem.strerror}") from None
    except KeyError as problem:
        raise InputError(f"{path}: .npy format {problem} is not supported; save it with numpy.save") from None
    except (ValueError, SyntaxError, tokenize.TokenError, RecursionError) as problem:
        raise InputError(f"{path} is not a .npy file ({problem}); save it with numpy.save") from None
    if dtype.hasobject:
        raise InputError(f"{path} holds pickled Python objects, which are never loaded; save an array of floats")
    if dtype.kind not in "fiu":
        raise InputError(f"{path} has dtype {dtype}; expected real numbers")
    expected = offset + int(np.prod(shape, dtype=object)) * dtype.itemsize
    if path.stat().st_size != expected:
        raise InputError(
            f"{path} has {path.stat().st_size} bytes where its header, shape {shape}, promises {expected}; "
            "the file is truncated or damaged"
        )
    if memory_map and all(shape):
        mapped: FloatArray = np.load(path, mmap_mode="r", allow_pickle=False)
        return mapped
    return np.load(path, allow_pickle=False).astype(np.float64)  # type: ignore[no-any-return]


def claim_directory(path: Path) -> None:
    """Create `path` for new results; refuse one that exists with something in it."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} exists and is not a directory; name a new one")
    if path.is_dir() and any(path.iterdir()):
        raise InputError(f"{path} exists and is not empty; nothing was overwritten, name a new directory")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f"cannot create {path}: {problem.strerror}") from None
