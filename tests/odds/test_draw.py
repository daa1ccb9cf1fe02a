"""Blocks of days: what is drawn, and how long they should be."""

import numpy as np
import pytest

from bridge.odds.draw import block_length, draw_days


def test_days_are_drawn_in_whole_blocks_that_wrap_around_the_end() -> None:
    drawn = draw_days(np.random.default_rng(1), days=10, block=4, rows=500, length=10)
    assert drawn.shape == (500, 10)
    inside = np.diff(drawn, axis=1) % 10 == 1
    assert inside[:, [0, 1, 2, 4, 5, 6, 8]].all()
    assert not inside[:, [3, 7]].all()
    assert set(np.unique(drawn)) == set(range(10))


def test_every_day_is_drawn_as_often_as_any_other() -> None:
    drawn = draw_days(np.random.default_rng(2), days=20, block=3, rows=20_000, length=6)
    counts = np.bincount(drawn.ravel(), minlength=20)
    assert abs(counts / counts.mean() - 1).max() < 0.05


def test_days_that_do_not_hang_together_are_drawn_one_by_one() -> None:
    lengths = [block_length(np.random.default_rng(seed).normal(size=250)) for seed in range(40)]
    assert np.median(lengths) <= 2


@pytest.mark.parametrize(("memory", "low", "high"), [(0.5, 3, 20), (0.8, 8, 48)])
def test_days_that_follow_each_other_are_kept_together(memory: float, low: int, high: int) -> None:
    lengths = []
    for seed in range(20):
        shocks = np.random.default_rng(seed).normal(size=250)
        values = [0.0]
        for shock in shocks:
            values.append(memory * values[-1] + shock)
        lengths.append(block_length(np.array(values)))
    assert low <= np.median(lengths) <= high


def test_quiet_and_wild_times_are_kept_together_too() -> None:
    lengths = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        size = np.repeat(rng.choice([0.2, 2.0], 13), 20)[:250]
        lengths.append(block_length(rng.normal(size=250) * size))
    assert np.median(lengths) >= 5


@pytest.mark.parametrize("values", [np.zeros(100), np.full(100, 0.1), np.ones(3), np.empty(0)])
def test_nothing_to_tell_from_gives_single_days(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> None:
    assert block_length(values) == 1
