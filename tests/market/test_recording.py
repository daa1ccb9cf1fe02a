"""Bars in memory: cut without copying, put together, joined; the ticks of each where they are known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.market.recording import (
    TIMEFRAME_MS,
    BarSeries,
    bars_from_ticks,
    group_bars,
    join_bars,
    with_tick_volume,
)
from tests.builders import NOW_MS, make_bars, make_ticks

M15, H1 = TIMEFRAME_MS["M15"], TIMEFRAME_MS["H1"]


def minutes(count: int, ticks: list[int] | None, end_ms: int = NOW_MS) -> BarSeries:
    return make_bars("M15", end_ms, [1.1 + i / 1e4 for i in range(count)], ticks)


def counts(bars: BarSeries) -> list[int] | None:
    return None if bars.tick_volume is None else bars.tick_volume.tolist()


@pytest.mark.parametrize("last", [None, 2])
def test_closed_bars_are_views_of_every_column(last: int | None) -> None:
    bars = minutes(5, [1, 2, 3, 4, 5])
    closed = bars.closed_before(NOW_MS - M15, last)
    assert counts(closed) == [1, 2, 3, 4][-(last or 4) :]
    for name in ("time_ms", "open", "high", "low", "close", "tick_volume"):
        assert np.shares_memory(getattr(closed, name), getattr(bars, name)), name
        assert len(getattr(closed, name)) == len(closed)


def test_without_counts_there_are_none_anywhere() -> None:
    bars = minutes(4, None)
    assert bars.closed_before(NOW_MS).tick_volume is None
    assert group_bars("H1", bars.time_ms - bars.time_ms % H1, bars).tick_volume is None
    assert join_bars(bars, minutes(4, None, NOW_MS + H1)).tick_volume is None


def test_grouped_bars_have_the_ticks_of_all_their_parts() -> None:
    bars = minutes(8, [1, 2, 3, 4, 10, 20, 30, 40])
    assert counts(group_bars("H1", bars.time_ms - bars.time_ms % H1, bars)) == [10, 100]


def test_a_grouped_bar_with_an_unknown_part_is_unknown_itself() -> None:
    """The sum of the others would pass for a quiet bar."""
    bars = minutes(8, [1, 2, 0, 4, 10, 20, 30, 40])
    assert counts(group_bars("H1", bars.time_ms - bars.time_ms % H1, bars)) == [0, 100]


@given(st.lists(st.integers(0, 5 * M15), min_size=1, max_size=200).map(sorted))
def test_bars_of_ticks_count_them(times: list[int]) -> None:
    bars = bars_from_ticks("M15", make_ticks([(time_ms, 1.1, 1.2) for time_ms in times]))
    counted = [sum(1 for time_ms in times if time_ms // M15 == opened // M15) for opened in bars.time_ms.tolist()]
    assert counts(bars) == counted
    assert bars.tick_volume is not None
    assert bars.tick_volume.dtype == np.int64


def test_joined_bars_keep_counts_that_both_have() -> None:
    early, late = minutes(3, [1, 2, 3]), minutes(4, [7, 8, 9, 10], NOW_MS + 2 * M15)
    assert counts(join_bars(early, late)) == [1, 2, 3, 9, 10]
    assert join_bars(early, replace(late, tick_volume=None)).tick_volume is None
    assert join_bars(replace(early, tick_volume=None), late).tick_volume is None


def test_counts_that_are_missing_are_made_unknown_and_others_left_alone() -> None:
    early, late = minutes(2, None), minutes(2, [8, 9], NOW_MS + 2 * M15)
    assert counts(join_bars(with_tick_volume(early), with_tick_volume(late))) == [0, 0, 8, 9]
    assert with_tick_volume(late) is late
