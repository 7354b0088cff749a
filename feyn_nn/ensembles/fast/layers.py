"""The stages of a block of networks, each a loop over lanes (networks, or single neurons) that LLVM vectorises.

Arrays have the lanes on the fast axis; the first `size` of them are in use. Lanes never meet, so that a lane's
numbers do not depend on its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import numpy as np

from feyn_nn.ensembles.fast.compiler import compiled, fma
from feyn_nn.ensembles.fast.philox import philox4x32

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from feyn_nn.arrays import FloatArray

    Words: TypeAlias = npt.NDArray[np.uint32]

Real = TypeVar("Real", np.float32, np.float64)

GROUP: Final = 4
"""Neurons whose normals are made together, and that are added before their sum joins the others in float64."""


@compiled
def fill_words(stream: tuple[int, int, int], call: int, first: int, words: Words, size: int) -> None:
    """Fill words (4, lanes) with Philox of the counters (call, purpose, lower and upper half of first + lane).

    `stream` is the two words of the key and the purpose.
    """
    key_0, key_1, purpose = np.uint64(stream[0]), np.uint64(stream[1]), np.uint64(stream[2])
    counter, origin = np.uint64(call), np.uint64(first)
    for lane in range(size):
        number = origin + np.uint64(lane)
        a, b, c, d = philox4x32(counter, purpose, number & np.uint64(0xFFFFFFFF), number >> np.uint64(32), key_0, key_1)
        words[0, lane] = a
        words[1, lane] = b
        words[2, lane] = c
        words[3, lane] = d


@compiled
def fill_rows(
    fill_normals: Callable[[Words, npt.NDArray[Real], int, int], None],
    normals_per_call: int,
    stream: tuple[int, int, int],
    start: int,
    count: int,
    first: int,
    words: Words,
    normals: npt.NDArray[Real],
    size: int,
) -> None:
    """Fill `count` rows of `normals`, rounded up to whole calls, with every lane's normals number `start` and so on.

    `start` is a multiple of `normals_per_call`; `words` is room for (4, lanes).
    """
    for row in range(0, count, normals_per_call):
        fill_words(stream, (start + row) // normals_per_call, first, words, size)
        fill_normals(words, normals, row, size)


@compiled
def fill_hidden(
    phi: Callable[[Real], Real],
    coefficients: npt.NDArray[Real],
    shift: npt.NDArray[Real],
    normals: npt.NDArray[Real],
    row: int,
    hidden: npt.NDArray[Real],
    size: int,
) -> None:
    """Fill hidden (points, lanes) with phi(sum_d coefficients[i, d] normals[row + d] - shift[i])."""
    points, draws = coefficients.shape
    for i in range(points):
        start, last = -shift[i], coefficients[i, draws - 1]
        if draws == 1:
            for lane in range(size):
                hidden[i, lane] = phi(fma(normals[row, lane], last, start))
        elif draws == 2:
            first = coefficients[i, 0]
            for lane in range(size):
                hidden[i, lane] = phi(fma(normals[row + 1, lane], last, fma(normals[row, lane], first, start)))
        else:
            hidden[i, :size] = start
            for d in range(draws - 1):
                coefficient = coefficients[i, d]
                for lane in range(size):
                    hidden[i, lane] = fma(normals[row + d, lane], coefficient, hidden[i, lane])
            for lane in range(size):
                hidden[i, lane] = phi(fma(normals[row + draws - 1, lane], last, hidden[i, lane]))


@compiled
def add_outputs(
    hidden: npt.NDArray[Real], normals: npt.NDArray[Real], row: int, step: int, d_out: int, sums: FloatArray, size: int
) -> None:
    """Add W1 phi of a group of neurons, hidden (4, points, lanes), to sums (d_out * points, lanes).

    W1 of neuron k of the group stands in the rows row + k step + a of `normals`, a = 0 .. d_out - 1.
    """
    points = hidden.shape[1]
    for a in range(d_out):
        w = row + a
        for i in range(points):
            for lane in range(size):
                value = normals[w, lane] * hidden[0, i, lane]
                value = fma(normals[w + step, lane], hidden[1, i, lane], value)
                value = fma(normals[w + 2 * step, lane], hidden[2, i, lane], value)
                value = fma(normals[w + 3 * step, lane], hidden[3, i, lane], value)
                sums[a * points + i, lane] += np.float64(value)


@compiled
def add_pairs(hidden: npt.NDArray[Real], sums: FloatArray, size: int) -> None:
    """Add phi_i phi_j, i <= j, of a group of neurons, hidden (4, points, lanes), to sums (pairs, lanes)."""
    points = hidden.shape[1]
    pair = 0
    for i in range(points):
        for j in range(i, points):
            for lane in range(size):
                value = hidden[0, i, lane] * hidden[0, j, lane]
                value = fma(hidden[1, i, lane], hidden[1, j, lane], value)
                value = fma(hidden[2, i, lane], hidden[2, j, lane], value)
                value = fma(hidden[3, i, lane], hidden[3, j, lane], value)
                sums[pair, lane] += np.float64(value)
            pair += 1


@compiled
def add_tails(hidden: npt.NDArray[Real], squares: npt.NDArray[Real], tails: FloatArray, size: int) -> None:
    """Add q, q^2, q^3, q^4, q^6 of q = sum_i phi_i^2 to the first rows of tails (6, lanes); the last is max q.

    hidden (points, lanes) is one neuron per lane; `squares` is room for (lanes,).
    """
    squares[:size] = 0
    for i in range(len(hidden)):
        for lane in range(size):
            squares[lane] = fma(hidden[i, lane], hidden[i, lane], squares[lane])
    for lane in range(size):
        q = np.float64(squares[lane])
        square = q * q
        cube = square * q
        tails[0, lane] += q
        tails[1, lane] += square
        tails[2, lane] += cube
        tails[3, lane] += square * square
        tails[4, lane] += cube * cube
        tails[5, lane] = max(tails[5, lane], q)
