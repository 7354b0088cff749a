"""Philox4x32-10: a counter of four 32-bit words and a key of two give four random words, without a state.

Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11, section 3.3 and figure 2.
Words are carried in the lower halves of 64-bit lanes; the upper halves hold what the next multiplication ignores.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from feyn_nn.ensembles.fast.compiler import inlined

ROUNDS: Final = 10
MULTIPLIER_0: Final = np.uint64(0xD2511F53)
MULTIPLIER_1: Final = np.uint64(0xCD9E8D57)
WEYL_0: Final = np.uint64(0x9E3779B9)
WEYL_1: Final = np.uint64(0xBB67AE85)
_LOWER: Final = np.uint64(0xFFFFFFFF)
_HALF: Final = np.uint64(32)


@inlined
def philox4x32(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, key_0: np.uint64, key_1: np.uint64
) -> tuple[np.uint32, np.uint32, np.uint32, np.uint32]:
    """Four random words of the counter (c0, c1, c2, c3) and the key, all below 2^32."""
    for _ in range(ROUNDS):
        product_0 = MULTIPLIER_0 * (c0 & _LOWER)
        product_1 = MULTIPLIER_1 * (c2 & _LOWER)
        c0, c1 = (product_1 >> _HALF) ^ c1 ^ key_0, product_1
        c2, c3 = (product_0 >> _HALF) ^ c3 ^ key_1, product_0
        key_0 = (key_0 + WEYL_0) & _LOWER
        key_1 = (key_1 + WEYL_1) & _LOWER
    return np.uint32(c0), np.uint32(c1), np.uint32(c2), np.uint32(c3)
