"""A block bootstrap without a random number generator: the same blocks for the same number of them, everywhere."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLOCK = 20
"""Windows of a block: a month of days, long enough to keep what follows each other together."""
REPLICATES = 200


def block_sums(values: Floats, block: int = BLOCK) -> Floats:
    """Sums over consecutive blocks of each row of values (m, n): (m, blocks); the last block may be shorter."""
    starts = np.arange(0, values.shape[-1], block)
    return np.add.reduceat(values, starts, axis=-1)


@lru_cache(maxsize=8)
def block_counts(blocks: int) -> Floats:
    """How often each block was drawn in each replicate: (blocks, REPLICATES), every column sums to `blocks`.

    Draws are independent and with replacement. Source: Carlstein (1986) for blocks that do not overlap; the drawn
    numbers are SplitMix64's (Steele, Lea and Flood, 2014).
    """
    drawn = (_mixed(blocks * REPLICATES) >> np.uint64(32)) * np.uint64(blocks) >> np.uint64(32)
    replicate = np.repeat(np.arange(REPLICATES), blocks)
    flat = np.bincount(drawn.astype(np.int64) * REPLICATES + replicate, minlength=blocks * REPLICATES)
    return flat.reshape(blocks, REPLICATES).astype(np.float64)


def _mixed(count: int) -> NDArray[np.uint64]:
    """The first numbers of SplitMix64 from seed 0."""
    state = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
