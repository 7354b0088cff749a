"""Tensor networks: sums over the nodes of all vertices of products of legs at vertices and of lines between them.

    B[t_1, t_2, ...] = sum over y_1, y_2, ...  prod_v F_v[t_v, y_v]  prod_lines E_uv[y_u, y_v]
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from feyn_nn.errors import LimitError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from feyn_nn.arrays import FloatArray

MAX_NUMBERS: Final = 125_000_000
"""Floats that the arrays of one step may hold together: 1 GB."""
MAX_OPERATIONS: Final = 1_000_000_000_000
"""Multiplications that a network may take: some minutes."""


def check_numbers(numbers: int, what: str) -> None:
    """Raise LimitError for arrays that would hold too many numbers."""
    if numbers > MAX_NUMBERS:
        raise LimitError(
            f"{what} would hold {numbers:.3g} numbers, more than {MAX_NUMBERS:.3g} (1 GB); use a coarser grid, fewer inputs or a "
            "lower order"
        )


def contract(
    factors: Sequence[FloatArray], lines: Mapping[tuple[int, int], FloatArray], held: int = 0
) -> FloatArray:
    """Sum over the nodes: `factors[v]` has shape (tuples, nodes) and includes the weights, `lines[u, v]` (nodes, nodes).

    The result has one axis of tuples for each vertex. Raises LimitError, before it starts, if `held` numbers and the largest
    intermediate array together are too many.
    """
    if len(factors) == 1:
        total: FloatArray = factors[0].sum(axis=1)
        return total
    if len(factors) == 2:
        first, second = factors
        if not lines:
            return np.multiply.outer(first.sum(axis=1), second.sum(axis=1))
        result: FloatArray = first @ (lines[0, 1] @ second.T)
        return result
    vertices = len(factors)
    sizes = {v: factor.shape[1] for v, factor in enumerate(factors)}
    sizes |= {vertices + v: factor.shape[0] for v, factor in enumerate(factors)}
    operands: list[Any] = []  # arrays and their labels in turn; NumPy's types do not know this form
    for v, factor in enumerate(factors):
        operands += [factor, [vertices + v, v]]
    for pair, line in lines.items():
        operands += [line, list(pair)]
    output = [vertices + v for v in range(vertices)]
    path, _ = np.einsum_path(*operands, output, optimize="greedy")
    subsets = [operands[k] for k in range(1, len(operands), 2)]
    largest, operations = _costs(path[1:], subsets, output, sizes)
    check_numbers(held + largest, f"the lines and the largest intermediate array of {vertices} vertices")
    if operations > MAX_OPERATIONS:
        raise LimitError(
            f"a network of {vertices} vertices on {max(sizes[v] for v in range(vertices))} nodes would take {operations:.3g} "
            f"multiplications, more than {MAX_OPERATIONS:.3g}; use a coarser grid, fewer inputs or a lower order"
        )
    summed: FloatArray = np.einsum(*operands, output, optimize=path)
    return summed


def _costs(
    path: Sequence[tuple[int, ...]], subsets: Sequence[list[int]], output: list[int], sizes: dict[int, int]
) -> tuple[int, int]:
    """Size of the largest array that a contraction path makes, and the multiplications of all its steps."""
    remaining = [set(subset) for subset in subsets]
    largest = operations = 0
    for step in path:
        chosen = [remaining[k] for k in step]
        remaining = [labels for k, labels in enumerate(remaining) if k not in step]
        kept = set(output).union(*remaining) if remaining else set(output)
        together = set().union(*chosen)
        largest = max(largest, prod(sizes[label] for label in together & kept))
        operations += prod(sizes[label] for label in together)
        remaining.append(together & kept)
    return largest, operations
