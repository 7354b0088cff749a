"""Tensor networks: sums over the nodes of all vertices of products of legs at vertices and of lines between them.

    B[t_1, t_2, ...] = sum over y_1, y_2, ...  prod_v F_v[t_v, y_v]  prod_lines E_uv[y_u, y_v]

One vertex after the other is summed over, the cheapest next: all arrays that have its label but one are multiplied, and
the sum with the last one is a matrix product. The whole course is known, and its cost, before anything is multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import prod
from typing import TYPE_CHECKING, Final, TypeAlias, final

import numpy as np

from feyn_nn.errors import LimitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from feyn_nn.arrays import FloatArray

MAX_NUMBERS: Final = 125_000_000
"""Floats that the arrays of one step may hold together: 1 GB."""
MAX_OPERATIONS: Final = 1_000_000_000_000
"""Multiplications that a network may take: some minutes."""

Labels: TypeAlias = tuple[int, ...]
"""The label of every axis of an array: v for the nodes of vertex v, vertices + v for the tuples of its legs."""


def check_numbers(numbers: int, what: str) -> None:
    """Raise LimitError for arrays that would hold too many numbers."""
    if numbers > MAX_NUMBERS:
        raise LimitError(
            f"{what} would hold {numbers:.3g} numbers, more than {MAX_NUMBERS:.3g} (1 GB); use a coarser grid, fewer "
            "inputs or a lower order"
        )


def contract(factors: Sequence[FloatArray], lines: Mapping[tuple[int, int], FloatArray], held: int = 0) -> FloatArray:
    """Sum over the nodes: `factors[v]` has shape (tuples, nodes) and includes the weights, `lines[u, v]` (nodes, nodes).

    The result has one axis of tuples for each vertex. Raises LimitError, before it starts, if `held` numbers and the
    arrays of a step together are too many, or for too many multiplications.

    >>> contract([np.ones((1, 3)), np.ones((2, 4))], {(0, 1): np.ones((3, 4))}).tolist()
    [[12.0, 12.0]]
    """
    vertices = len(factors)
    arrays: list[FloatArray] = [*factors, *lines.values()]
    labels: list[Labels] = [*((vertices + v, v) for v in range(vertices)), *lines]
    sizes = {
        label: size
        for each, array in zip(labels, arrays, strict=True)
        for label, size in zip(each, array.shape, strict=True)
    }
    steps = _course(vertices, labels, sizes)
    check_numbers(
        held + max(step.numbers(sizes) for step in steps),
        f"the lines and the largest intermediate array of {vertices} vertices",
    )
    operations = sum(step.operations(sizes) for step in steps)
    if operations > MAX_OPERATIONS:
        raise LimitError(
            f"a network of {vertices} vertices on {max(sizes[v] for v in range(vertices))} nodes would take {operations:.3g} "
            f"multiplications, more than {MAX_OPERATIONS:.3g}; use a coarser grid, fewer inputs or a lower order"
        )
    tensors = list(zip(labels, arrays, strict=True))
    for step in steps:
        chosen = [tensor for tensor in tensors if step.vertex in tensor[0]]
        tensors = [tensor for tensor in tensors if step.vertex not in tensor[0]]
        tensors.append((step.result, _summed(step, chosen)))
    return _product(tensors, tuple(range(vertices, 2 * vertices)))


@final
@dataclass(frozen=True, slots=True)
class _Step:
    """The sum over one vertex: `left` are the labels of the arrays that are multiplied first, `right` those of the last one."""

    vertex: int
    left: Labels
    right: Labels
    result: Labels

    def numbers(self, sizes: Mapping[int, int]) -> int:
        return _size(self.left, sizes) + _size(self.result, sizes)

    def operations(self, sizes: Mapping[int, int]) -> int:
        return _size({*self.left, *self.right}, sizes)


def _course(vertices: int, labels: Sequence[Labels], sizes: Mapping[int, int]) -> list[_Step]:
    """The steps, the one with the fewest multiplications next."""
    remaining, steps = list(labels), []
    for _ in range(vertices):
        left_over = {label for each in remaining for label in each if label < vertices}
        step = min((_step(v, remaining, sizes) for v in sorted(left_over)), key=lambda each: each.operations(sizes))
        remaining = [each for each in remaining if step.vertex not in each]
        remaining.append(step.result)
        steps.append(step)
    return steps


def _step(vertex: int, labels: Iterable[Labels], sizes: Mapping[int, int]) -> _Step:
    involved = [each for each in labels if vertex in each]

    def others(last: int) -> Labels:
        return tuple(dict.fromkeys(label for k, each in enumerate(involved) if k != last for label in each))

    last = min(range(len(involved)), key=lambda k: (_size(others(k), sizes), k))
    left = others(last) or (vertex,)
    result = tuple(label for label in dict.fromkeys((*left, *involved[last])) if label != vertex)
    return _Step(vertex, left, involved[last], result)


def _summed(step: _Step, chosen: Sequence[tuple[Labels, FloatArray]]) -> FloatArray:
    """The matrix product of one step; labels that both sides have besides the vertex are kept, one product for each."""
    last = next(k for k in range(len(chosen)) if chosen[k][0] == step.right)
    rest = [tensor for k, tensor in enumerate(chosen) if k != last]
    right = chosen[last][1]
    if not rest:
        total: FloatArray = right.sum(axis=step.right.index(step.vertex))
        return total
    both = [label for label in step.left if label in step.right and label != step.vertex]
    first = [label for label in step.left if label not in step.right]
    second = [label for label in step.right if label not in step.left]
    one = _product(rest, (*both, *first, step.vertex))
    two = np.transpose(right, [step.right.index(label) for label in (*both, step.vertex, *second)])
    shape = one.shape[: len(both)], one.shape[len(both) : -1], two.shape[len(both) + 1 :]
    nodes = one.shape[-1]
    product = np.matmul(one.reshape(*shape[0], -1, nodes), two.reshape(*shape[0], nodes, -1))
    found = product.reshape(*shape[0], *shape[1], *shape[2])
    order = (*both, *first, *second)
    return np.transpose(found, [order.index(label) for label in step.result])


def _product(tensors: Sequence[tuple[Labels, FloatArray]], labels: Labels) -> FloatArray:
    """The product of arrays, as an array with these labels in order."""
    return reduce(np.multiply, [_aligned(own, array, labels) for own, array in tensors])


def _aligned(own: Labels, array: FloatArray, labels: Labels) -> FloatArray:
    """A view of an array with its axes in the order of `labels`, of length one where it does not have a label."""
    present = [label for label in labels if label in own]
    moved = np.transpose(array, [own.index(label) for label in present])
    return moved.reshape([moved.shape[present.index(label)] if label in own else 1 for label in labels])


def _size(labels: Iterable[int], sizes: Mapping[int, int]) -> int:
    return prod(sizes[label] for label in labels)
