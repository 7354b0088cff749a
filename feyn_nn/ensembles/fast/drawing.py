"""Draw networks, or single neurons, of a `FastProblem`.

Randomness has no state: the normals of network number n are Philox4x32-10 of n, of their place in the network and of a
key (see `kernel`), turned into normals by Box and Muller's map. How networks are blocked, here or by the caller, is
not seen in the result. Normals and neurons have the precision of the problem, neurons are added by fours in it and in
float64 beyond. In float32 a pre-activation z is rounded to 24 bits, and exp(z) has a relative error of some |z| 2^-24.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from feyn_nn.ensembles.fast.kernel import ARITHMETIC, networks_kernel, neurons_kernel
from feyn_nn.ensembles.fast.layers import GROUP
from feyn_nn.errors import InputError

if TYPE_CHECKING:
    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles.fast.problem import FastProblem

_COMPILING: Final = Lock()  # threads that start together wait for one compilation
_NETWORKS: Final = 0
_NEURONS: Final = 1
_WORD: Final = 2**32
_LANES: Final = 320  # not a power of two: rows that start 2^12 bytes apart meet in one set of the first cache
_LEAST_LANES: Final = 64
_BLOCK_NUMBERS: Final = 2**16


class NeuronTails(NamedTuple):
    """Powers m = 1, 2, 3 of q = sum_i phi(x_i)^2 over neurons."""

    sums: FloatArray
    """sum q^m and sum q^2m, shape (3, 2)."""
    maxima: FloatArray
    """max q^m, shape (3,)."""


def draw_networks(
    problem: FastProblem,
    key: tuple[int, int],
    first: int,
    outputs: FloatArray,
    conditional: FloatArray | None = None,
) -> NeuronTails | None:
    """Fill `outputs` (points, nets, d_out) with networks number `first`, `first + 1`, ... of the stream `key`.

    With `conditional` (pairs, nets), pairs i <= j in lexicographic order, fill in
    sigma_b^2 + sigma_1^2 sum_k phi_k(x_i) phi_k(x_j) of the same networks and return the tails of their neurons.
    The two words of the key are below 2^32: `SeedSequence.generate_state(2)`, for example. Several threads may draw at
    once; the first call for a nonlinearity and precision compiles, for some seconds. Raises InputError for arrays or
    numbers that do not fit.
    """
    nets = outputs.shape[1] if outputs.ndim == 3 else 0
    _check_array("outputs", outputs, (problem.points, nets, problem.d_out))
    _check_stream(key, first, nets)
    if conditional is not None:
        _check_array("conditional", conditional, (problem.pairs, nets))
    pairs = 0 if conditional is None else problem.pairs
    tails = np.zeros(6)
    with _COMPILING:
        fill_networks = networks_kernel(problem.nonlinearity, problem.precision)
    fill_networks(
        (int(key[0]), int(key[1]), _NETWORKS),
        first,
        problem.width,
        *_numbers(problem),
        (float(problem.sigma_1), float(problem.sigma_b)),
        outputs,
        np.empty((0, nets)) if conditional is None else conditional,
        tails,
        _lanes(problem, pairs),
    )
    if conditional is None:
        return None
    q, square, cube, fourth, sixth, largest = tails
    return NeuronTails(np.array([(q, square), (square, fourth), (cube, sixth)]), largest ** np.arange(1, 4))


def draw_neurons(problem: FastProblem, key: tuple[int, int], first: int, values: FloatArray) -> None:
    """Fill `values` (points, neurons) with phi(z(x_i)) of neurons number `first`, `first + 1`, ... of the stream `key`.

    They are independent of each other and of every network under that key; `width` and the output layer of the
    problem play no part. Raises InputError for arrays or numbers that do not fit.
    """
    neurons = values.shape[1] if values.ndim == 2 else 0
    _check_array("values", values, (problem.points, neurons))
    _check_stream(key, first, neurons)
    with _COMPILING:
        fill_neurons = neurons_kernel(problem.nonlinearity, problem.precision)
    fill_neurons((int(key[0]), int(key[1]), _NEURONS), first, *_numbers(problem), values, _lanes(problem, 0))


def _check_array(name: str, array: FloatArray, shape: tuple[int, ...]) -> None:
    if array.shape != shape or array.dtype != np.float64 or not array.flags.writeable:
        raise InputError(f"{name} of shape {array.shape}, {array.dtype}: expected {shape}, float64, writeable")


def _check_stream(key: tuple[int, int], first: int, count: int) -> None:
    if len(key) != 2 or not all(0 <= word < _WORD for word in key):
        raise InputError(f"key {key}: expected two words from 0 to 2^32 - 1")
    if not 0 <= first < 2**63 - count:
        raise InputError(f"first = {first}: expected the number of a network, 0 or more and below 2^63")


def _numbers(problem: FastProblem) -> tuple[FloatArray, FloatArray]:
    dtype = ARITHMETIC[problem.precision].dtype
    return np.ascontiguousarray(problem.coefficients, dtype), np.ascontiguousarray(problem.shift, dtype)


def _lanes(problem: FastProblem, pairs: int) -> int:
    """Lanes of a block that stays in the second cache, and in the first where it can."""
    sums = problem.points * problem.d_out + pairs
    rows = GROUP * (problem.draws + problem.d_out + problem.points) + 2 * sums
    return min(_LANES, max(_LEAST_LANES, _BLOCK_NUMBERS // rows))
