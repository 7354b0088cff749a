"""A small ensemble, and what makes two of them the same to the last bit."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from feyn_nn.ensembles import Ensemble, SimulationSettings
from feyn_nn.network import PRESETS

if TYPE_CHECKING:
    from pathlib import Path

    from feyn_nn.arrays import FloatArray

ERF: Final = PRESETS["erf"]
JOB: Final = SimulationSettings.make(ERF.architecture(), ERF.points()[:3], 4, 1050, 3, 7, chunk=100)
CHUNKS: Final = 33
TINY: Final = SimulationSettings.make(ERF.architecture(), [0.3], 2, 25, 2, 5, chunk=10)

COMMAND: Final = [
    "simulate",
    "erf",
    *("--inputs=-1,-0.6,-0.2", "--width", "4", "--nets", "1050", "--experiments", "3", "--seed", "7", "--chunk", "100"),
    *("--workers", "2"),
]
"""The arguments of feyn-nn that make `JOB`."""


def bits(ensemble: Ensemble) -> bytes:
    """All numbers of an ensemble."""
    parts = [*ensemble.values.values(), *ensemble.conditional.values()]
    for tails in ensemble.tails.values():
        for tail in tails.values():
            parts += [tail.effective, tail.largest_share]
    return b"".join(part.tobytes() for part in parts)


def content(directory: Path) -> dict[str, bytes]:
    """Every file of a directory by name."""
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()
    }


def rewrite_manifest(directory: Path, **change: Any) -> None:
    """Change entries of a manifest and give it the checksum that belongs to them."""
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text()) | change
    del manifest["checksum"]
    manifest["checksum"] = hashlib.sha256((json.dumps(manifest, indent=2) + "\n").encode()).hexdigest()
    path.write_text(json.dumps(manifest))


def slow_tanh(z: FloatArray) -> FloatArray:
    """An activation that takes its time without using the processor: a chunk lasts as long as the tests need."""
    time.sleep(0.02)
    return np.tanh(z)


def fatal(z: FloatArray) -> FloatArray:
    """An activation that kills the process that computes it."""
    os._exit(1)
