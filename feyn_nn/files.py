"""Atomic writing, and checked reading of `.npy`, `.npz` and JSON files.

Writing in place loses data when a process is killed: everything goes to a temporary file in the same
directory, is flushed to disk, and takes its name by `os.replace`. Reading never unpickles, and compares what the
header of an array promises with the size of its file before it touches the data. Arrays larger than memory are
read in blocks (`ArrayReader`): a `.npy` file is mapped into memory; an array of an `.npz` archive, stored or deflated,
is streamed, and its CRC-32 is verified with the last block.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import warnings
import zipfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal, Protocol, final

import numpy as np
import numpy.typing as npt

from feyn_nn.arrays import FloatArray
from feyn_nn.errors import InputError, LimitError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_HEADER_READERS: Final = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_HEADER_BYTES: Final = 12 + 10_000
"""The longest header that NumPy consents to parse."""
_DEFLATE_RATIO: Final = 1032
"""A deflated byte stands for at most 1032: a repetition of 258 bytes takes two bits or more (RFC 1951)."""
_NOT_NPY: Final = "is not a .npy file"
_STREAM_BYTES: Final = 2**17
_WHOLE_BYTES: Final = 2**30


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


@final
@dataclass(frozen=True, slots=True)
class _Header:
    """What an array in `.npy` format says of itself before its numbers begin, `offset` bytes from the start."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int

    @classmethod
    def read(cls, stream: IO[bytes], name: str) -> _Header:
        """Parse the beginning of `stream`; raise InputError or ValueError unless it announces real numbers."""
        start = stream.read(_HEADER_BYTES)
        if not start:
            raise ValueError("it is empty")
        if start[:1] == b"\x80" and start[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"}:
            raise ValueError("it looks like a pickle, which is never loaded, since that would run what it contains")
        text = io.BytesIO(start)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers written by Python 2 are read all the same
            version = np.lib.format.read_magic(text)
            if version not in _HEADER_READERS:
                raise InputError(f"{name}: .npy format {version} is not supported; save it with numpy.save")
            shape, fortran, dtype = _HEADER_READERS[version](text)
        if dtype.hasobject:
            raise InputError(f"{name} holds pickled Python objects, which are never loaded; save an array of floats")
        if dtype.kind not in "fiu":
            raise InputError(f"{name} has dtype {dtype}; expected real numbers")
        if any(length < 0 for length in shape):
            raise ValueError(f"shape {shape} is not one")
        return cls(tuple(int(length) for length in shape), fortran, dtype, text.tell())

    @property
    def order(self) -> Literal["C", "F"]:
        """NumPy's name of the order of the numbers."""
        return "F" if self.fortran else "C"

    @property
    def nbytes(self) -> int:
        """Bytes of all numbers."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def size(self) -> int:
        """Bytes of header and numbers."""
        return self.offset + self.nbytes

    def check_size(self, size: int, name: str) -> None:
        """Raise InputError if there are not as many bytes as promised."""
        if size != self.size:
            raise InputError(
                f"{name} has {size} bytes where its header, shape {self.shape}, promises {self.size}; "
                "the file is truncated or damaged"
            )


@contextmanager
def _reading(name: str, verdict: str, advice: str) -> Iterator[None]:
    """Raise InputError for whatever the parsers of NumPy and zipfile stumble over in a stranger's file."""
    try:
        yield
    except (InputError, LimitError):
        raise
    except OSError as problem:
        raise InputError(f"cannot read {name}: {problem.strerror or problem}") from None
    except Exception as problem:  # literal_eval, dtype, zipfile and zlib raise a dozen kinds on alien bytes
        reason = " ".join(str(problem).split()) or type(problem).__name__
        raise InputError(f"{name} {verdict} ({reason[:160]}); {advice}") from None


class ArrayReader(Protocol):
    """An array of real numbers of any size, read in blocks; `name` says in messages where it stands."""

    @property
    def name(self) -> str:
        """The file, and the array in it."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the whole array."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of every block."""
        ...

    def blocks(self, rows: int) -> Iterator[npt.NDArray[Any]]:
        """Yield the array in order, `rows` of its first axis at a time, the last block with what is left."""
        ...


@final
@dataclass(frozen=True, slots=True, eq=False)
class MappedArray:
    """An array in memory, or mapped into it."""

    name: str
    array: npt.NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the array."""
        return self.array.dtype

    def blocks(self, rows: int) -> Iterator[npt.NDArray[Any]]:
        """Yield views of `rows` rows."""
        for start in range(0, len(self.array), rows):
            yield self.array[start : start + rows]


@final
@dataclass(frozen=True, slots=True, eq=False)
class ArchivedArray:
    """An array of an `.npz` archive, made by `open_archive`; the archive is open only while a block is awaited."""

    name: str
    path: Path
    member: str
    header: _Header

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that the header promises."""
        return self.header.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype that the header promises."""
        return self.header.dtype

    def blocks(self, rows: int) -> Iterator[npt.NDArray[Any]]:
        """Yield blocks of `rows` rows, no more than one of them in memory.

        Raises InputError for Fortran order, in which a stream holds the first row only when it is nearly over; for one that
        is damaged or ends early; with the last block, for a wrong CRC-32.
        """
        if self.header.fortran:
            raise InputError(
                f"{self.name} is in Fortran order, which cannot be read row by row from an archive; save "
                "numpy.ascontiguousarray of it, or an .npy file"
            )
        numbers = prod(self.shape[1:])
        with self._stream() as stream:
            for start in range(0, self.shape[0], rows):
                count = min(rows, self.shape[0] - start)
                yield self._numbers(stream, count * numbers).reshape(count, *self.shape[1:])

    def whole(self) -> FloatArray:
        """Read a small array at once, in either order, as float64; raise LimitError for more than 1 GiB of it."""
        if self.header.nbytes > _WHOLE_BYTES:
            raise LimitError(
                f"{self.name}: shape {self.shape} takes {self.header.nbytes / 2**30:.3g} GiB, limit 1; save fewer numbers"
            )
        with self._stream() as stream, np.errstate(over="ignore", invalid="ignore"):
            numbers = self._numbers(stream, prod(self.shape)).astype(np.float64)
            return numbers.reshape(self.shape, order=self.header.order)

    @contextmanager
    def _stream(self) -> Iterator[IO[bytes]]:
        """The member, open where its numbers begin."""
        with (
            _reading(self.name, "is damaged", "make the archive again"),
            zipfile.ZipFile(self.path) as archive,
            archive.open(self.member) as stream,
        ):
            self._bytes(stream, self.header.offset)
            yield stream

    def _numbers(self, stream: IO[bytes], count: int) -> npt.NDArray[Any]:
        return np.ndarray((count,), self.dtype, self._bytes(stream, count * self.dtype.itemsize))

    def _bytes(self, stream: IO[bytes], count: int) -> bytearray:
        """Read so many bytes in small pieces: zipfile keeps several copies of what is asked for at once."""
        data = bytearray(count)
        place = memoryview(data)
        while place:
            piece = stream.read(min(len(place), _STREAM_BYTES))
            if not piece:
                raise InputError(
                    f"{self.name} ends {len(place)} bytes or more before its header says; make the archive again"
                )
            place[: len(piece)] = piece
            place = place[len(piece) :]
        return data


def open_array(path: Path) -> MappedArray:
    """Map a `.npy` file of real numbers, of any size and in either order, into memory, read-only.

    Raises InputError as `read_array` does.
    """
    with _reading(str(path), _NOT_NPY, "save it with numpy.save"):
        with path.open("rb") as stream:
            header = _Header.read(stream, str(path))
            header.check_size(os.fstat(stream.fileno()).st_size, str(path))
        if 0 in header.shape:  # nothing to map
            return MappedArray(str(path), np.empty(header.shape, header.dtype))
        array: npt.NDArray[Any] = np.memmap(path, header.dtype, "r", header.offset, header.shape, header.order)
        return MappedArray(str(path), array)


def read_array(path: Path, *, memory_map: bool = False) -> FloatArray:
    """Read a `.npy` file of real numbers as float64 (memory-mapped on request, then of its own dtype).

    Raises InputError for a file that is missing, pickled, truncated or not real-valued. Whether the values
    are finite is for the caller to check: a memory map is not read here.
    """
    array = open_array(path).array
    if memory_map:
        return array
    with np.errstate(over="ignore", invalid="ignore"):  # of long doubles out of range
        return np.array(array, dtype=np.float64)


def is_archive(path: Path) -> bool:
    """Whether `path` is to be read as an `.npz` archive: by its name, or its first bytes; raise InputError if unreadable."""
    if path.suffix == ".npz":
        return True
    with _reading(str(path), _NOT_NPY, "save it with numpy.save"), path.open("rb") as stream:
        return stream.read(2) == b"PK"


def open_archive(path: Path, names: Collection[str]) -> dict[str, ArchivedArray]:
    """Open the arrays of an `.npz` archive; their headers and sizes are checked, their numbers not read.

    Raises InputError for an array that is not among `names` (its name may be misspelt), twice there, pickled, not
    real-valued, encrypted, compressed otherwise than by numpy.savez_compressed, or of another size than its header says.
    """
    arrays: dict[str, ArchivedArray] = {}
    with _reading(str(path), "is not an .npz file", "save it with numpy.savez"), zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name not in names or name == member.filename:
                raise InputError(
                    f"{path} holds {name[:40]!r}; expected no arrays but {', '.join(names)}: rename it or leave it out"
                )
            if name in arrays:
                raise InputError(f"{path} holds {name!r} twice; save it with numpy.savez")
            arrays[name] = _open_member(archive, member, path, f"{path}, {name}")
    return arrays


def _open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, name: str) -> ArchivedArray:
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise InputError(
            f"{name} is compressed by method {member.compress_type}; expected numpy.savez or numpy.savez_compressed"
        )
    most = member.compress_size * (_DEFLATE_RATIO if member.compress_type == zipfile.ZIP_DEFLATED else 1)
    if member.file_size > most or member.compress_size > path.stat().st_size:
        raise InputError(
            f"{name} cannot have the {member.file_size} bytes that the archive promises in {member.compress_size} of its "
            f"{path.stat().st_size}; the file is truncated or damaged"
        )
    with (
        _reading(name, "is damaged, or not in .npy format", "make the archive again with numpy.savez"),
        archive.open(member) as stream,
    ):
        header = _Header.read(stream, name)
    header.check_size(member.file_size, name)
    return ArchivedArray(name, path, member.filename, header)


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
