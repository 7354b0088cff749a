"""Partitions into blocks of even size, and the coefficients that turn moments of one neuron into cumulants.

A network's output is a sum of N independent neurons, each times an independent output weight that is Gaussian and so has no
odd moments. With Y = W phi(z), W ~ N(0, 1), one neuron has the joint moments

    E[Y(x_1) ... Y(x_n)] = (n-1)!! M_n(x_1 .. x_n),   M_n = E[phi(z_1) ... phi(z_n)],   n even,

and none for n odd, so that only partitions of {1..n} into even blocks occur:

    cumulant = sum over partitions (-1)^{r-1} (r-1)! prod over the r blocks (|B|-1)!! M_|B|,
    moment   = sum over partitions prod over the blocks of cumulants

(the moments and cumulants of any distribution, e.g. McCullagh, *Tensor Methods in Statistics*, chapter 2). For n = 4 the
first line is 3 M4 - sum_3 M2 M2, for n = 6 it is 15 M6 - 3 sum_15 M4 M2 + 2 sum_15 M2 M2 M2. Exact integers, nothing else.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from math import factorial, prod
from typing import TYPE_CHECKING, Final, TypeAlias

from feyn_nn.combinatorics import double_factorial
from feyn_nn.errors import InputError, LimitError

if TYPE_CHECKING:
    from collections.abc import Iterator

Block: TypeAlias = tuple[int, ...]
Partition: TypeAlias = tuple[Block, ...]

MAX_ELEMENTS: Final = 12
"""150,349 partitions; for 14 there would be 4,373,461."""


@lru_cache(maxsize=16)
def even_partitions(n: int) -> tuple[Partition, ...]:
    """Every partition of 0 .. n-1 into blocks of even size, blocks sorted by their first element; none if n is odd.

    Raises InputError for n < 0 and LimitError for n > 12.

    >>> even_partitions(4)
    (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)), ((0, 1, 2, 3),))
    >>> [len(even_partitions(n)) for n in (0, 2, 4, 6, 8, 9)]
    [1, 1, 4, 31, 379, 0]
    """
    if n < 0:
        raise InputError(f"partitions of {n} elements: expected zero or more")
    if n > MAX_ELEMENTS:
        raise LimitError(f"partitions of {n} elements into even blocks: expected at most {MAX_ELEMENTS} elements")
    return tuple(_even_partitions(tuple(range(n)))) if n % 2 == 0 else ()


def _even_partitions(items: Block) -> Iterator[Partition]:
    if not items:
        yield ()
        return
    first, rest = items[0], items[1:]
    for size in range(1, len(items), 2):
        for others in combinations(rest, size):
            left = tuple(item for item in rest if item not in others)
            for tail in _even_partitions(left):
                yield ((first, *others), *tail)


def mobius(blocks: int) -> int:
    """(-1)^{r-1} (r-1)! of a partition into r blocks: its coefficient in a cumulant.

    >>> [mobius(r) for r in (1, 2, 3, 4)]
    [1, -1, 2, -6]
    """
    if blocks < 1:
        raise InputError(f"a partition into {blocks} blocks: expected one or more")
    size = factorial(blocks - 1)
    return size if blocks % 2 else -size


@lru_cache(maxsize=16)
def neuron_cumulant_terms(n: int) -> tuple[tuple[int, Partition], ...]:
    """The n-th cumulant of W phi(z) as terms (coefficient, partition), to be summed with prod over blocks of M_|B|.

    None if n is odd. Raises as `even_partitions`, and InputError for n < 1.

    >>> neuron_cumulant_terms(4)
    ((-1, ((0, 1), (2, 3))), (-1, ((0, 2), (1, 3))), (-1, ((0, 3), (1, 2))), (3, ((0, 1, 2, 3),)))
    """
    if n < 1:
        raise InputError(f"cumulant of order {n}: expected one or more")
    return tuple(
        (mobius(len(partition)) * prod(double_factorial(len(block) - 1) for block in partition), partition)
        for partition in even_partitions(n)
    )
