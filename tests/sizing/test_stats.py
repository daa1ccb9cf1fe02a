"""Measures against tables of known values."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from sizing.policy import TailPolicy
from sizing.snapshot import Performance
from sizing.stats.atr import atr, true_range
from sizing.stats.correlation import PRIOR_WEIGHT, blend, synchronous_correlation
from sizing.stats.performance import recent_performance
from sizing.stats.tail import assumed_tail
from sizing.stats.volatility import classify_regime, percentile_rank
from tests.builders import make_deal
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


# Percentile --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3, 4, 5], 100.0),
        ([5, 4, 3, 2, 1], 0.0),
        ([1, 2, 4, 5, 3], 50.0),
        ([1, 1, 1, 1, 1], 50.0),
        ([1, 2, 3, 3, 3], 75.0),
    ],
)
def test_the_percentile_is_the_rank_of_the_last_value_and_ties_count_half(values: list[float], expected: float) -> None:
    assert percentile_rank(np.array(values, dtype=float), 5) == pytest.approx(expected)


def test_the_percentile_looks_back_no_further_than_asked() -> None:
    assert percentile_rank(np.array([100.0, 100.0, 1.0, 2.0, 3.0]), 3) == 100.0


def test_unknown_values_do_not_count_as_history() -> None:
    nan = float("nan")
    assert percentile_rank(np.array([nan, nan, 1.0, 2.0]), 3) is None
    assert percentile_rank(np.array([nan, 3.0, 1.0, 2.0]), 3) == 50.0
    assert percentile_rank(np.array([]), 3) is None
    assert percentile_rank(np.array([1.0]), 1) is None


# Regime ------------------------------------------------------------------------------------------------------------


def zigzag(up: float, down: float, length: int = 41) -> Any:
    return 100 + np.cumsum([0.0, *([up, -down] * (length // 2))])


@pytest.mark.parametrize(
    ("close", "percentile", "expected"),
    [
        (np.arange(100.0, 141.0), None, "trending"),
        (np.arange(141.0, 100.0, -1), 50.0, "trending"),
        (zigzag(1.0, 1.0), 50.0, "ranging"),
        (np.full(41, 100.0), None, "ranging"),
        (zigzag(1.0, 0.5), 50.0, "normal"),  # efficiency 1/3
        (zigzag(7.0, 3.0), 50.0, "trending"),  # 0.4
        (zigzag(3.1, 2.0), 50.0, "normal"),  # 0.216
        (zigzag(2.9, 2.0), 50.0, "ranging"),  # 0.184
        (np.arange(100.0, 141.0), 80.0, "volatile"),
        (np.arange(100.0, 141.0), 79.9, "trending"),
        (np.arange(100.0, 120.0), 50.0, None),
        (np.arange(100.0, 120.0), 99.0, None),
        (np.arange(100.0, 121.0), 50.0, "trending"),
        (np.array([]), None, None),
    ],
)
def test_the_regime_follows_efficiency_and_volatility(
    close: Any, percentile: float | None, expected: str | None
) -> None:
    assert classify_regime(close, percentile) == expected


# Correlation -------------------------------------------------------------------------------------------------------


def random_walks(length: int = 300) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(11)
    common, own, other = rng.normal(size=(3, length)) * 0.01
    return (
        np.arange(length) * 86_400_000,
        1.1 * np.exp(np.cumsum(common + own)),
        40_000 * np.exp(np.cumsum(common - other)),
    )


def close_to(result: tuple[float, int] | None, value: float, observations: int) -> bool:
    return result is not None and result[0] == pytest.approx(value) and result[1] == observations


def test_correlation_is_numpys_over_log_returns() -> None:
    times, first, second = random_walks()
    expected = np.corrcoef(np.diff(np.log(first)), np.diff(np.log(second)))[0, 1]
    assert close_to(synchronous_correlation(times, first, times, second, 1_000), expected, 299)


def test_only_the_newest_window_counts() -> None:
    times, first, second = random_walks()
    expected = np.corrcoef(np.diff(np.log(first))[-252:], np.diff(np.log(second))[-252:])[0, 1]
    assert close_to(synchronous_correlation(times, first, times, second), expected, 252)


def test_only_bars_that_both_have_count() -> None:
    times, first, second = random_walks()
    some, others = np.flatnonzero(np.arange(300) % 3), np.flatnonzero(np.arange(300) % 5)
    both = np.intersect1d(some, others)
    expected = np.corrcoef(np.diff(np.log(first[both])), np.diff(np.log(second[both])))[0, 1]
    result = synchronous_correlation(times[some], first[some], times[others], second[others])
    assert close_to(result, expected, len(both) - 1)


def test_a_mirror_image_is_minus_one_and_itself_is_one() -> None:
    times, first, _ = random_walks()
    assert close_to(synchronous_correlation(times, first, times, 1 / first), -1.0, 252)
    assert close_to(synchronous_correlation(times, first, times, first * 3), 1.0, 252)


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_too_few_common_bars_have_no_correlation(length: int) -> None:
    times, first, second = random_walks(length)
    assert synchronous_correlation(times, first, times, second) is None


def test_series_that_do_not_meet_or_do_not_move_have_no_correlation() -> None:
    times, first, second = random_walks(50)
    assert synchronous_correlation(times, first, times + 1, second) is None
    assert synchronous_correlation(times, first, times, np.full(50, 5.0)) is None


@pytest.mark.parametrize(
    ("measured", "prior", "expected"),
    [
        (None, None, None), (None, 0.7, 0.7), ((0.5, 60), 0.7, 0.6), ((0.5, 60), None, 0.5),
        ((0.9, 59), None, None), ((0.5, 0), 0.7, 0.7),
        ((0.9, 540), 0.0, 0.81), ((-0.4, 180), 0.4, -0.2),
    ],
)  # fmt: skip
def test_thin_data_leans_on_the_prior(measured: Any, prior: float | None, expected: float | None) -> None:
    assert PRIOR_WEIGHT == 60
    assert blend(measured, prior) == (None if expected is None else pytest.approx(expected))


# Performance -------------------------------------------------------------------------------------------------------


def closed(position: int, profit: float, **over: Any) -> list[Any]:
    opening = make_deal(position_id=position, entry=0, profit=0.0)
    return [opening, make_deal(position_id=position, profit=profit, **over)]


def performance(*deals: Any, trades: int = 10) -> Performance:
    return recent_performance(deals, trades)


def test_wins_are_counted_after_costs() -> None:
    assert performance(*closed(1, 100.0), *closed(2, -50.0)) == Performance(2, 1)
    assert performance(*closed(1, 5.0, commission=-7.0)) == Performance(1, 0)
    assert performance(*closed(1, 5.0, swap=-3.0, fee=-1.0)) == Performance(1, 1)
    assert performance(*closed(1, 0.0)) == Performance(1, 0), "breaking even is no win"


def test_the_commission_of_the_opening_deal_counts() -> None:
    opening = make_deal(position_id=1, entry=0, profit=0.0, commission=-7.0)
    assert performance(opening, make_deal(position_id=1, profit=5.0)) == Performance(1, 0)


def test_only_the_last_trades_count() -> None:
    deals = [deal for position in range(1, 21) for deal in closed(position, 1.0 if position > 15 else -1.0)]
    assert performance(*deals) == Performance(10, 5)
    assert performance(*deals, trades=5) == Performance(5, 5)


def test_a_position_counts_when_all_of_it_is_out() -> None:
    opening = make_deal(position_id=1, entry=0, profit=0.0, volume=0.3)
    thirds = [make_deal(position_id=1, volume=0.1, profit=profit) for profit in (50.0, -20.0, -40.0)]
    assert performance(opening, *thirds[:2]) == Performance(0, 0)
    assert performance(opening, *thirds) == Performance(1, 0)


def test_a_position_whose_opening_is_not_in_the_history_counts_once() -> None:
    # A history that begins after the opening, and two partial closes since.
    halves = [make_deal(position_id=1, volume=0.5, profit=10.0) for _ in range(2)]
    assert performance(*halves) == Performance(1, 1)


def test_deposits_and_open_positions_do_not_count() -> None:
    deposit = make_deal(position_id=0, symbol="", entry=0, profit=5_000.0, volume=0.0)
    opening = make_deal(position_id=7, entry=0, profit=0.0)
    assert performance(deposit, opening) == Performance(0, 0)
    assert performance() == Performance(0, 0)


@pytest.mark.parametrize("entry", [1, 3])
def test_closing_by_another_position_closes(entry: int) -> None:
    assert performance(*closed(1, 10.0, entry=entry)) == Performance(1, 1)


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
