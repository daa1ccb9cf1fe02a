"""Ranges, and the tail that is assumed where nothing was measured."""

import math
from itertools import pairwise

import numpy as np
import pytest

from sizing.policy import TailPolicy
from sizing.stats.atr import atr, true_range
from sizing.stats.tail import assumed_tail
from tests.sizing.builders import make_stats

# ATR ---------------------------------------------------------------------------------------------------------------

HIGH = np.array([10, 11, 12, 11.5, 13])
LOW = np.array([9, 9.5, 10.5, 10, 11])
CLOSE = np.array([9.5, 10.8, 11, 11.2, 12.5])


def test_true_range_takes_the_previous_close_in() -> None:
    assert true_range(HIGH, LOW, CLOSE)[1:] == pytest.approx([1.5, 1.5, 1.5, 2.0])
    gap = true_range(np.array([1.0, 5.0, 2.0]), np.array([1.0, 4.0, 1.0]), np.array([1.0, 4.5, 1.5]))
    assert gap[1:] == pytest.approx([4.0, 3.5])
    assert math.isnan(gap[0])


def test_the_atr_of_mt5_is_the_simple_mean() -> None:
    values = atr(HIGH, LOW, CLOSE, 3)
    assert values[-1] == pytest.approx(1.66667, abs=5e-6)
    assert values[3] == pytest.approx(1.5)
    assert np.isnan(values[:3]).all()


def test_wilders_atr_starts_from_the_simple_one_and_smooths() -> None:
    values = atr(HIGH, LOW, CLOSE, 3, "wilder")
    assert values[3] == pytest.approx(1.5)
    assert values[4] == pytest.approx((1.5 * 2 + 2.0) / 3)
    rng = np.random.default_rng(5)
    close = 100 + np.cumsum(rng.normal(size=200))
    high, low = close + rng.random(200), close - rng.random(200)
    values, ranges = atr(high, low, close, 14, "wilder"), true_range(high, low, close)
    expected = float(np.mean(ranges[1:15]))
    for index in range(15, 200):
        expected = (expected * 13 + ranges[index]) / 14
    assert values[-1] == pytest.approx(expected)


@pytest.mark.parametrize("method", ["simple", "wilder"])
@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_too_few_bars_have_no_atr(method: str, length: int) -> None:
    values = atr(HIGH[:length], LOW[:length], CLOSE[:length], 3, method)
    assert len(values) == length
    assert np.isnan(values).all()


def test_one_bar_more_than_the_period_has_its_first_atr() -> None:
    assert not np.isnan(atr(HIGH[:4], LOW[:4], CLOSE[:4], 3)[3])


def test_the_simple_atr_equals_the_naive_mean_at_every_bar() -> None:
    rng = np.random.default_rng(7)
    close = 40_000 + np.cumsum(rng.normal(size=400) * 50)
    high, low = close + rng.random(400) * 30, close - rng.random(400) * 30
    values, ranges = atr(high, low, close, 14), true_range(high, low, close)
    assert values[14:] == pytest.approx([float(np.mean(ranges[end - 13 : end + 1])) for end in range(14, 400)])


# Tail --------------------------------------------------------------------------------------------------------------


def test_the_assumed_tail_is_labelled_and_in_daily_atrs_where_there_is_one() -> None:
    policy = TailPolicy(gap_probability=0.02, gap_excess_atr=0.5, gap_excess_pct=1.0)
    with_atr = assumed_tail(policy, make_stats(atr_daily=0.01), 1.1)
    without = assumed_tail(policy, None, 1.1)
    assert (with_atr.gap_probability, with_atr.gap_excess) == pytest.approx((0.02, 0.005))
    assert (without.gap_probability, without.gap_excess) == pytest.approx((0.02, 0.011))
    assert assumed_tail(policy, make_stats(), 1.1) == without
    assert "ATR" in with_atr.source
    for tail in (with_atr, without):
        assert tail.source.startswith("assumed")


def test_the_assumed_tail_grows_with_the_market() -> None:
    excess = [
        assumed_tail(TailPolicy(), make_stats(atr_daily=atr_daily), 1.1).gap_excess for atr_daily in (0.005, 0.01, 0.02)
    ]
    assert all(low < high for low, high in pairwise(excess))
