"""Other people's ensembles: outputs of networks that were made elsewhere.

Outputs have shape (networks, inputs) or (networks, inputs, d_out). Networks are split, in the order in which
they come, into contiguous experiments of equal size; the remainder at the end is left out and counted.
Several outputs of a network are averaged as further samples of the same law *within* its experiment: they
share a hidden layer, so they are not independent, and error bars come from the spread between experiments,
which stay independent. Hidden layers are unknown, so there is no conditional kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from feyn_nn import files
from feyn_nn.arrays import FloatArray, as_points
from feyn_nn.ensembles.ensemble import Ensemble, ensemble_from_sums
from feyn_nn.ensembles.statistics import Layout, Record, Sums
from feyn_nn.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

_BLOCK_NUMBERS: Final = 2**18


def from_outputs(
    outputs: npt.NDArray[Any], inputs: npt.ArrayLike, experiments: int, *, place: str = "outputs"
) -> Ensemble:
    """Build an ensemble from outputs (networks, inputs[, d_out]), possibly memory-mapped, read in blocks.

    `inputs` has shape (points, d_in), or (points,) for d_in = 1. Raises InputError, starting with `place`,
    for shapes that disagree, fewer than two experiments, fewer networks than experiments, or a value that is
    not finite; LimitError for too many points.
    """
    coordinates = np.asarray(inputs)
    points = as_points(coordinates, coordinates.shape[1] if coordinates.ndim == 2 else 1)
    if outputs.dtype.kind not in "fiu":
        raise InputError(f"{place}: dtype {outputs.dtype}; expected real numbers")
    if outputs.ndim not in (2, 3) or 0 in outputs.shape[1:]:
        raise InputError(f"{place}: shape {outputs.shape}; expected (networks, inputs) or (networks, inputs, d_out)")
    if outputs.shape[1] != len(points):
        raise InputError(
            f"{place}: shape {outputs.shape} has {outputs.shape[1]} inputs where {len(points)} points "
            "are given; expected (networks, inputs[, d_out]) at the same points"
        )
    if experiments < 2:
        raise InputError(f"experiments = {experiments}: an error bar needs two or more")
    if len(outputs) < experiments:
        raise InputError(
            f"{place}: {len(outputs)} networks do not fill {experiments} experiments; "
            "give more networks or ask for fewer experiments"
        )
    nets = len(outputs) // experiments
    d_out = outputs.shape[2] if outputs.ndim == 3 else 1
    layout = Layout(len(points), Record.OUTPUTS)
    with np.errstate(over="ignore", invalid="ignore"):  # a product out of range is refused with its experiment
        totals = np.array([_sums(outputs, e * nets, nets, d_out, layout, place) for e in range(experiments)])
        return ensemble_from_sums(totals, layout, points, d_out=d_out, left_out=len(outputs) - nets * experiments)


def read_outputs(outputs_path: Path, inputs_path: Path, experiments: int) -> Ensemble:
    """Read outputs from one `.npy` file, memory-mapped, and inputs from another; see `from_outputs`."""
    inputs = files.read_array(inputs_path)
    points = as_points(inputs, inputs.shape[1] if inputs.ndim == 2 else 1, str(inputs_path))
    return from_outputs(files.read_array(outputs_path, memory_map=True), points, experiments, place=str(outputs_path))


def _sums(outputs: npt.NDArray[Any], start: int, nets: int, d_out: int, layout: Layout, place: str) -> FloatArray:
    sums = Sums(layout)
    block = max(1, _BLOCK_NUMBERS // (layout.points * d_out))
    for first in range(start, start + nets, block):
        part = np.array(outputs[first : min(first + block, start + nets)], dtype=np.float64)
        if not np.all(np.isfinite(part)):
            where = np.argwhere(~np.isfinite(part))[0]
            value = part[tuple(where)]
            raise InputError(
                f"{place}: network {first + where[0]}, input {where[1]} is {value}; expected finite numbers, "
                "leave such networks out"
            )
        sums.add_networks(np.ascontiguousarray(part.reshape(len(part), layout.points, d_out).transpose(1, 0, 2)))
    return sums.vector()
