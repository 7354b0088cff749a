"""The two compiled loops over blocks of lanes: whole networks, and neurons alone.

The normals of a lane are numbered: those of neuron 0 (`draws` of W0 and b0, then `d_out` of W1), those of neuron 1, and so
on, and at last b1. Call number j / (normals per call) of Philox gives normal j.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numba import float32, float64, int64, types

from feyn_nn.ensembles.fast import double, single
from feyn_nn.ensembles.fast.compiler import compiled_for, expanded, type_of
from feyn_nn.ensembles.fast.layers import GROUP, add_outputs, add_pairs, add_tails, fill_hidden, fill_rows
from feyn_nn.ensembles.fast.problem import Nonlinearity, Precision

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from feyn_nn.arrays import FloatArray


class Arithmetic(NamedTuple):
    """What depends on the precision."""

    dtype: type[np.float32 | np.float64]
    number: types.Float
    normals_per_call: int
    fill_normals: Callable[[Any, Any, int, int], None]
    phi: dict[Nonlinearity, Callable[[Any], Any]]


ARITHMETIC: Final = {
    Precision.FLOAT32: Arithmetic(
        np.float32,
        float32,
        single.NORMALS_PER_CALL,
        single.fill_normals,
        {Nonlinearity.ERF: single.erf, Nonlinearity.EXP: single.exp, Nonlinearity.RELU: single.relu},
    ),
    Precision.FLOAT64: Arithmetic(
        np.float64,
        float64,
        double.NORMALS_PER_CALL,
        double.fill_normals,
        {Nonlinearity.ERF: double.erf, Nonlinearity.EXP: double.exp, Nonlinearity.RELU: double.relu},
    ),
}

_STREAM: Final = type_of((0, 0, 0))
_SCALES: Final = type_of((0.0, 0.0))


# A function as an argument costs more than a short call, so each kernel has its own bound ones. Arrays of any layout can
# be filled: a slice of the caller's arrays compiles nothing new.


@cache
def networks_kernel(nonlinearity: Nonlinearity, precision: Precision) -> Callable[..., None]:
    """Compile `_networks`; the result takes its arguments from `stream` on."""
    _, number, normals_per_call, fill_normals, phis = ARITHMETIC[precision]
    phi = phis[nonlinearity]

    def networks(
        stream: tuple[int, int, int],
        first: int,
        width: int,
        coefficients: npt.NDArray[Any],
        shift: npt.NDArray[Any],
        scales: tuple[float, float],
        outputs: FloatArray,
        conditional: FloatArray,
        tails: FloatArray,
        lanes: int,
    ) -> None:
        _networks(
            fill_normals,
            phi,
            normals_per_call,
            stream,
            first,
            width,
            coefficients,
            shift,
            scales,
            outputs,
            conditional,
            tails,
            lanes,
        )

    problem = (int64, number[:, ::1], number[::1], _SCALES)
    to_fill = (float64[:, :, :], float64[:, :], float64[::1])
    return compiled_for(networks, _STREAM, int64, *problem, *to_fill, int64)


@cache
def neurons_kernel(nonlinearity: Nonlinearity, precision: Precision) -> Callable[..., None]:
    """Compile `_neurons`; the result takes its arguments from `stream` on."""
    _, number, normals_per_call, fill_normals, phis = ARITHMETIC[precision]
    phi = phis[nonlinearity]

    def neurons(
        stream: tuple[int, int, int],
        first: int,
        coefficients: npt.NDArray[Any],
        shift: npt.NDArray[Any],
        values: FloatArray,
        lanes: int,
    ) -> None:
        _neurons(fill_normals, phi, normals_per_call, stream, first, coefficients, shift, values, lanes)

    return compiled_for(neurons, _STREAM, int64, number[:, ::1], number[::1], float64[:, :], int64)


@expanded
def _networks(
    fill_normals: Callable[[Any, Any, int, int], None],
    phi: Callable[[Any], Any],
    normals_per_call: int,
    stream: tuple[int, int, int],
    first: int,
    width: int,
    coefficients: npt.NDArray[Any],
    shift: npt.NDArray[Any],
    scales: tuple[float, float],
    outputs: FloatArray,
    conditional: FloatArray,
    tails: FloatArray,
    lanes: int,
) -> None:
    """Fill outputs (points, nets, d_out), conditional (pairs or 0, nets) and tails, the six numbers of `add_tails`."""
    points, nets, d_out = outputs.shape
    pairs = len(conditional)
    draws = coefficients.shape[1]
    sigma_1, sigma_b = scales
    step = draws + d_out
    biases = d_out if sigma_b > 0 else 0
    words = np.empty((4, lanes), np.uint32)
    normals = np.zeros((GROUP * step + biases + normals_per_call - 1, lanes), coefficients.dtype)
    hidden = np.empty((GROUP, points, lanes), coefficients.dtype)
    squares = np.empty(lanes, coefficients.dtype)
    output_sums = np.empty((d_out * points, lanes))
    pair_sums = np.empty((pairs, lanes))
    tail_sums = np.zeros((6, lanes))
    for begin in range(0, nets, lanes):
        size = min(lanes, nets - begin)
        output_sums[:] = 0.0
        pair_sums[:] = 0.0
        neurons = 0
        for group in range(0, width, GROUP):
            neurons = min(GROUP, width - group)
            count = neurons * step + (biases if group + neurons == width else 0)
            fill_rows(fill_normals, normals_per_call, stream, group * step, count, first + begin, words, normals, size)
            for k in range(neurons):
                fill_hidden(phi, coefficients, shift, normals, k * step, hidden[k], size)
                if pairs:
                    add_tails(hidden[k], squares, tail_sums, size)
            hidden[neurons:] = 0  # so that the rest of the last group adds nothing
            add_outputs(hidden, normals, draws, step, d_out, output_sums, size)
            if pairs:
                add_pairs(hidden, pair_sums, size)
        bias_row = neurons * step
        for a in range(d_out):
            for i in range(points):
                for lane in range(size):
                    outputs[i, begin + lane, a] = sigma_1 * output_sums[a * points + i, lane]
                if biases:
                    for lane in range(size):
                        outputs[i, begin + lane, a] += sigma_b * np.float64(normals[bias_row + a, lane])
        for pair in range(pairs):
            for lane in range(size):
                conditional[pair, begin + lane] = sigma_b**2 + sigma_1**2 * pair_sums[pair, lane]
    for power in range(5):
        tails[power] = tail_sums[power].sum()
    tails[5] = tail_sums[5].max()


@expanded
def _neurons(
    fill_normals: Callable[[Any, Any, int, int], None],
    phi: Callable[[Any], Any],
    normals_per_call: int,
    stream: tuple[int, int, int],
    first: int,
    coefficients: npt.NDArray[Any],
    shift: npt.NDArray[Any],
    values: FloatArray,
    lanes: int,
) -> None:
    """Fill values (points, neurons)."""
    points, neurons = values.shape
    draws = coefficients.shape[1]
    words = np.empty((4, lanes), np.uint32)
    normals = np.empty((draws + normals_per_call - 1, lanes), coefficients.dtype)
    hidden = np.empty((points, lanes), coefficients.dtype)
    for begin in range(0, neurons, lanes):
        size = min(lanes, neurons - begin)
        fill_rows(fill_normals, normals_per_call, stream, 0, draws, first + begin, words, normals, size)
        fill_hidden(phi, coefficients, shift, normals, 0, hidden, size)
        for i in range(points):
            for lane in range(size):
                values[i, begin + lane] = hidden[i, lane]
