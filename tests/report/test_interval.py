"""The interval of an expected shortfall."""

import math

import numpy as np
import pytest

from bridge.report.interval import shortfall_interval
from sizing.stats.resampling import BLOCK, REPLICATES, block_counts
from sizing.stats.shortfall import expected_shortfall


def losses(size: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.random.default_rng(7).standard_t(4, size)


def test_losses_that_are_all_the_same_leave_no_doubt() -> None:
    assert shortfall_interval(np.full(300, 2.5), 0.95, 0.9) == pytest.approx((2.5, 2.5))


@pytest.mark.parametrize("size", [200, 290, 1001])
def test_it_is_what_drawing_the_blocks_one_by_one_gives(size: int) -> None:
    """Every replicate put together and measured with the estimator itself."""
    sample, counts = losses(size), block_counts(math.ceil(size / BLOCK))
    drawn = []
    for replicate in range(REPLICATES):
        parts = [
            sample[BLOCK * block : BLOCK * (block + 1)]
            for block, count in enumerate(counts[:, replicate].astype(int))
            for _ in range(count)
        ]
        drawn.append(expected_shortfall(np.concatenate(parts), 0.95))
    drawn.sort()
    assert shortfall_interval(sample, 0.95, 0.9) == pytest.approx(
        (drawn[REPLICATES // 20], drawn[-REPLICATES // 20 - 1])
    )


def test_it_holds_the_estimate_and_widens_with_confidence() -> None:
    sample = losses(2000)
    narrow, wide = (shortfall_interval(sample, 0.95, confidence) for confidence in (0.5, 0.99))
    assert wide[0] < narrow[0] < expected_shortfall(sample, 0.95) < narrow[1] < wide[1]
