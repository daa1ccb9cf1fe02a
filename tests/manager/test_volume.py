"""Momentum and volume of closed bars, and None wherever either is not known."""

from dataclasses import replace

import numpy as np
import pytest

from bridge.manager.volume import momentum_pct, volume_ratio
from bridge.market.recording import BarSeries
from tests.builders import NOW_MS, make_bars


def counted(*ticks: int) -> BarSeries:
    """Bars with so many ticks each."""
    return replace(make_bars("M15", NOW_MS, [1.1] * len(ticks)), tick_volume=np.array(ticks, dtype=np.int64))


@pytest.mark.parametrize(
    ("bid", "count", "expected"),
    [(104.0, 3, 4.0), (104.0, 1, 0.0), (98.0, 3, -2.0), (100.0, 4, 100.0), (104.0, 2, 100 / 51)],
)
def test_momentum_is_the_move_since_the_close_so_many_bars_back(bid: float, count: int, expected: float) -> None:
    bars = make_bars("M15", NOW_MS, [50.0, 100.0, 102.0, 104.0])
    assert momentum_pct(bars, bid, count) == pytest.approx(expected)


def test_momentum_reaches_three_bars_back_unless_told() -> None:
    bars = make_bars("M15", NOW_MS, [50.0, 100.0, 102.0, 104.0])
    assert momentum_pct(bars, 104.0) == momentum_pct(bars, 104.0, 3)


@pytest.mark.parametrize(("bars", "count"), [(2, 3), (0, 1), (3, 0), (3, -1)])
def test_momentum_of_too_few_bars_is_unknown(bars: int, count: int) -> None:
    assert momentum_pct(make_bars("M15", NOW_MS, [1.1] * bars), 1.1, count) is None


def test_volume_is_that_of_the_last_bar_over_the_mean_of_those_before() -> None:
    assert volume_ratio(counted(10, 20, 30, 50), 3) == pytest.approx(2.5)
    assert volume_ratio(counted(999, 20, 30, 50), 2) == pytest.approx(2.0)
    assert volume_ratio(counted(*[100] * 20, 150)) == pytest.approx(1.5)


@pytest.mark.parametrize("ticks", [(10, 20, 30), (), (10, 20, 0, 50), (10, 20, 30, 0), (0, 0, 0, 50)])
def test_volume_of_too_few_bars_or_of_any_unknown_one_is_unknown(ticks: tuple[int, ...]) -> None:
    assert volume_ratio(counted(*ticks), 3) is None


def test_an_unknown_bar_from_before_the_usual_ones_does_not_matter() -> None:
    assert volume_ratio(counted(0, 10, 10, 10, 20), 3) == pytest.approx(2.0)


@pytest.mark.parametrize("usual", [0, -1])
def test_volume_against_no_bars_is_unknown(usual: int) -> None:
    assert volume_ratio(counted(10, 20), usual) is None


def test_volume_without_any_counts_is_unknown() -> None:
    assert volume_ratio(make_bars("M15", NOW_MS, [1.1] * 30)) is None
