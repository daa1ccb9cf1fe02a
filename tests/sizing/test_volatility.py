"""Where volatility stands, and what kind of market it is."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizing.engine import size
from sizing.stats.volatility import (
    VOLATILITY_REGIMES,
    classify_regime,
    efficiency_ratios,
    percentile_rank,
    percentile_ranks,
    volatility_regime,
)
from tests.sizing.builders import factor_of, make_policy, make_signal, make_snapshot, make_stats, make_view
from tests.sizing.strategies import EXAMPLES

NONE = np.array([])
BANDS = make_policy().volatility.percentiles


# Percentile ----------------------------------------------------------------------------------------------------------


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


@EXAMPLES
@given(st.lists(st.integers(0, 9), min_size=2, max_size=60), st.integers(2, 20))
def test_the_ranks_of_a_row_are_those_of_each_of_its_ends(values: list[int], lookback: int) -> None:
    row = np.array(values, dtype=float)
    if len(row) < lookback:
        return
    ranks = percentile_ranks(row, lookback)
    assert ranks.tolist() == [percentile_rank(row[:end], lookback) for end in range(lookback, len(row) + 1)]
    for end, rank in zip(range(lookback, len(row) + 1), ranks, strict=True):
        window = row[end - lookback : end]
        below, ties = (window < window[-1]).sum(), (window == window[-1]).sum() - 1
        assert rank == pytest.approx(100 * (below + ties / 2) / (lookback - 1))


# The six regimes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("percentile", "name"),
    [
        (0.0, "very low"), (19.99, "very low"), (20.0, "low"), (39.99, "low"), (40.0, "normal"), (59.99, "normal"),
        (60.0, "elevated"), (79.99, "elevated"), (80.0, "high"), (94.99, "high"), (95.0, "extreme"),
        (100.0, "extreme"),
    ],
)  # fmt: skip
def test_each_band_of_the_percentile_has_its_name(percentile: float, name: str) -> None:
    # Source: the bands of DESIGN, step 6.
    assert volatility_regime(percentile, BANDS) == name
    stats = make_stats(atr_percentile=percentile)
    decision = size(make_signal(), make_snapshot(view=make_view(stats=stats)), make_policy())
    detail = factor_of(decision, "volatility").detail
    assert detail == f"{name}: daily ATR at percentile {percentile:.0f} of 252"


def test_there_are_six() -> None:
    assert len(VOLATILITY_REGIMES) == len(set(VOLATILITY_REGIMES)) == 6
    assert {volatility_regime(float(rank), BANDS) for rank in range(101)} == set(VOLATILITY_REGIMES)


def test_bands_of_another_number_have_no_names_and_leave_no_trace_of_one() -> None:
    policy = make_policy(volatility={"percentiles": (50.0,), "factors": (1.0, 0.5)})
    snapshot = make_snapshot(view=make_view(stats=make_stats(atr_percentile=70.0)))
    factor = factor_of(size(make_signal(), snapshot, policy), "volatility")
    assert factor.value == 0.5
    assert factor.detail == "daily ATR at percentile 70 of 252"


# Trending, ranging, volatile -----------------------------------------------------------------------------------------


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
    # All the while the percentile was the same, so that no regime stood before that would have to give way.
    percentiles = NONE if percentile is None else np.full(len(close), percentile)
    assert classify_regime(close, percentiles) == expected


def test_efficiency_is_kaufmans() -> None:
    # Kaufman (1995), "Smarter Trading": net change over the sum of all changes.
    close = 100 + np.cumsum(np.random.default_rng(1).standard_normal(120))
    expected = [
        abs(close[end] - close[end - 20]) / sum(abs(b - a) for a, b in pairwise(close[end - 20 : end + 1].tolist()))
        for end in range(20, 120)
    ]
    assert efficiency_ratios(close, 20) == pytest.approx(expected)
    assert efficiency_ratios(np.full(30, 5.0), 20).tolist() == [0.0] * 10


FLAT = np.full(400, 100.0)


@pytest.mark.parametrize(
    ("percentiles", "expected"),
    [
        ([79.0], "ranging"), ([80.0], "volatile"), ([85.0, 70.0], "volatile"), ([85.0, 69.9], "ranging"),
        ([85.0, 69.9, 79.9], "ranging"), ([85.0, 75.0, 79.0, 71.0], "volatile"), ([50.0, 75.0], "ranging"),
        ([85.0, float("nan")], "ranging"),
    ],
)  # fmt: skip
def test_a_volatile_market_calms_down_below_70(percentiles: list[float], expected: str) -> None:
    # The closes stand still: without volatility the market ranges.
    assert classify_regime(FLAT, np.array(percentiles)) == expected


def with_efficiency(*ratios: float) -> Any:
    """Closes whose efficiency over the newest 20 bars is, at each end of 20 more bars, the next ratio."""
    close = [100.0]
    for ratio in ratios:
        up = (1 + ratio) / 2
        for _ in range(10):
            close += [close[-1] + up, close[-1] + up - (1 - up)]
    return np.array(close)


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ((0.41,), "trending"), ((0.39,), "normal"), ((0.5, 0.31), "trending"), ((0.5, 0.29), "normal"),
        ((0.5, 0.29, 0.39), "normal"), ((0.19,), "ranging"), ((0.21,), "normal"), ((0.1, 0.24), "ranging"),
        ((0.1, 0.26), "normal"), ((0.1, 0.26, 0.21), "normal"), ((0.5, 0.1), "ranging"), ((0.1, 0.5), "trending"),
    ],
)  # fmt: skip
def test_a_regime_gives_way_only_beyond_its_margin(ratios: tuple[float, ...], expected: str) -> None:
    close = with_efficiency(*ratios)
    assert efficiency_ratios(close, 20)[-1] == pytest.approx(ratios[-1])
    assert classify_regime(close, NONE) == expected


def without_margin(ratio: float, rank: float) -> str:
    if rank >= 80:
        return "volatile"
    return "trending" if ratio >= 0.4 else "ranging" if ratio < 0.2 else "normal"


def changes(kinds: list[Any]) -> int:
    return sum(before != after for before, after in pairwise(kinds))


def test_noise_around_the_volatile_threshold_does_not_flicker() -> None:
    ranks = 79 + 4 * np.random.default_rng(1).standard_normal(400)
    close = np.full(430, 100.0)
    kinds = [classify_regime(close[: end + 30], ranks[:end]) for end in range(100, 401)]
    plain = [without_margin(0.0, rank) for rank in ranks[99:]]
    assert set(kinds) == {"volatile", "ranging"}
    assert changes(plain) > 100
    assert changes(kinds) < changes(plain) / 8


@pytest.mark.parametrize(
    ("middle", "noise", "seen"), [(0.38, 0.1, {"trending", "normal"}), (0.21, 0.05, {"ranging", "normal"})]
)
def test_noise_around_the_thresholds_of_efficiency_does_not_flicker(middle: float, noise: float, seen: Any) -> None:
    # Up and down in turn, so much farther up that the efficiency would hover around the threshold; and some noise.
    up_and_down = np.where(np.arange(900) % 2 == 0, (1 + middle) / 2, -(1 - middle) / 2)
    close = 100 + np.cumsum(up_and_down + np.random.default_rng(2).normal(0, noise, 900))
    kinds = [classify_regime(close[:end], NONE) for end in range(300, 901)]
    plain = [without_margin(ratio, 0.0) for ratio in efficiency_ratios(close, 20)[299 - 20 :]]
    assert set(kinds) == seen
    assert changes(plain) > 40
    assert changes(kinds) < changes(plain) / 5


def test_what_lies_far_back_no_longer_matters() -> None:
    rng = np.random.default_rng(3)
    close, ranks = 100 + np.cumsum(rng.standard_normal(900)), rng.uniform(0, 100, 900)
    kinds = [classify_regime(close[:end], ranks[:end]) for end in range(400, 901)]
    cut = [classify_regime(close[end - 300 : end], ranks[end - 300 : end]) for end in range(400, 901)]
    assert kinds == cut


def test_percentiles_belong_to_the_last_closes() -> None:
    close = np.full(100, 100.0)
    assert classify_regime(close, np.array([90.0])) == "volatile"
    assert classify_regime(close, np.append(np.full(500, 90.0), 10.0)) == "ranging"
    assert classify_regime(close, np.full(3, float("nan"))) == "ranging"
