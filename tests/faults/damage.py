"""Bits flipped and bytes cut off anywhere in any file: an error, or the right numbers; never others."""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING

from feyn_nn.ensembles import load, run, stored_outputs, verify
from feyn_nn.errors import FeynError
from tests.faults.jobs import TINY, bits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def damage(count: int, seed: int, place: Path) -> list[str]:
    """Damage one file of a finished ensemble, `count` times, and return where a wrong number came out."""
    rng = random.Random(seed)
    whole = place / "whole"
    expected = bits(run(TINY, whole, keep_outputs=True))
    outputs = _outputs(whole)
    names = sorted(str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file())
    problems = []
    for number in range(count):
        name = names[number % len(names)]
        directory = place / "damaged"
        shutil.copytree(whole, directory)
        what = _damage(directory / name, rng)
        loaded, raw = _result(_statistics, directory), _result(_outputs, directory)
        found = verify(directory)
        resumed = _result(_resumed, directory)
        after = verify(directory)
        where = f"{name}, {what}, seed {seed}"
        if loaded not in {None, expected}:
            problems.append(f"{where}: other statistics were loaded")
        if raw not in {None, outputs}:
            problems.append(f"{where}: other outputs were read")
        if resumed not in {None, expected}:
            problems.append(f"{where}: --resume gave other statistics")
        if resumed is not None and after:
            problems.append(f"{where}: after --resume there is still {after}")
        if not found and (directory / name).read_bytes() != (whole / name).read_bytes():
            problems.append(f"{where}: was not found")
        shutil.rmtree(directory)
    return problems


def _damage(path: Path, rng: random.Random) -> str:
    data = bytearray(path.read_bytes())
    if rng.random() < 0.2:
        size = rng.randrange(len(data))
        path.write_bytes(data[:size])
        return f"cut to {size} bytes"
    byte, bit = rng.randrange(len(data)), rng.randrange(8)
    data[byte] ^= 1 << bit
    path.write_bytes(data)
    return f"bit {bit} of byte {byte} flipped"


def _statistics(directory: Path) -> bytes:
    return bits(load(directory))


def _resumed(directory: Path) -> bytes:
    return bits(run(TINY, directory, resume=True, keep_outputs=True))


def _outputs(directory: Path) -> bytes:
    return b"".join(array.tobytes() for _, array in stored_outputs(directory))


def _result(task: Callable[[Path], bytes], directory: Path) -> bytes | None:
    """What a task gives, None where it refuses."""
    try:
        return task(directory)
    except FeynError as problem:
        if "\n" in str(problem):
            raise AssertionError("a refusal is one sentence") from problem
        return None
