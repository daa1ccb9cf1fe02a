"""Statistics of one symbol from its closed bars, computed when a bar closes."""

import dataclasses
from typing import NamedTuple

import numpy as np

from bridge.market.recording import TIMEFRAME_MS, BarSeries
from sizing.policy import Policy
from sizing.snapshot import MarketStats, StopTail
from sizing.stats.atr import atr
from sizing.stats.joint import DayMoves, day_moves
from sizing.stats.stop_tail import LEAST_WEEKENDS, stop_tail
from sizing.stats.tail import assumed_tail
from sizing.stats.volatility import Kind, classify_regime, percentile_rank, percentile_ranks
from sizing.stats.windows import WARM_UP, Moves, moves

DAILY = "D1"
HISTORY = 5_000
"""Daily bars that are looked at: twenty years."""
JOINT_DAYS = 2_000
"""Of them, the newest that the portfolio is played through."""


class DailyFigures(NamedTuple):
    """What a symbol's daily bars say; None where there are too few."""

    end_ms: int
    atr: float | None
    percentile: float | None
    regime: Kind | None
    tail: StopTail | None
    week: DayMoves | None
    """What a day within the week may do,"""
    weekend: DayMoves | None
    """and one after a weekend."""


def daily_figures(daily: BarSeries, policy: Policy) -> DailyFigures:
    """Work out everything that rests on daily bars (at least one): the expensive part, once a day."""
    daily = _newest(daily, HISTORY + WARM_UP + 1)
    ranges = atr(daily.high, daily.low, daily.close, policy.stop.atr_period, policy.stop.atr_method)
    known = ranges[policy.stop.atr_period :]
    lookback = policy.volatility.lookback
    ranks = percentile_ranks(known[-(lookback + HISTORY // 10) :], lookback) if len(known) >= lookback else known[:0]
    last = float(ranges[-1])
    path = moves(daily)
    week, weekend = (None, None) if path is None else _scenarios(path, policy.tail.min_history)
    return DailyFigures(
        end_ms=_end_ms(daily),
        atr=last if last > 0 else None,
        percentile=percentile_rank(known, lookback),
        regime=classify_regime(daily.close, ranks),
        tail=None if path is None or not last > 0 else stop_tail(path, last, policy.tail),
        week=week,
        weekend=weekend,
    )


def _scenarios(path: Moves, least: int) -> tuple[DayMoves | None, DayMoves | None]:
    """Days within the week, and days after a weekend; all days stand for either where there are too few of them."""
    if len(path) < least:
        return None, None
    week, weekend = ~path.weekend | path.hole, path.weekend
    if np.count_nonzero(weekend) < LEAST_WEEKENDS or np.count_nonzero(week) < least:
        every = day_moves(path, JOINT_DAYS)
        return every, every
    return day_moves(path.only(week), JOINT_DAYS), day_moves(path.only(weekend), JOINT_DAYS)


def market_stats(
    intraday: BarSeries | None, daily: BarSeries | None, policy: Policy, figures: DailyFigures | None = None
) -> MarketStats | None:
    """Everything a request needs to know of a symbol's history; None where there is none at all.

    `intraday` are bars of the stop policy's timeframe, `daily` are D1 bars; `figures` are theirs, if they are known.
    """
    known = [bars for bars in (intraday, daily) if bars is not None and len(bars)]
    if not known:
        return None
    as_of_ms = max(_end_ms(bars) for bars in known)
    # Each series must be fresh by itself: old bars of one must not pass for new because the other goes on. Daily bars
    # may be as old as statistics may be, or their reductions would be gone after every long holiday.
    limit_ms = policy.freshness.max_stats_age_ms
    intraday = _no_older(intraday, as_of_ms - limit_ms // 2)
    daily = _no_older(daily, as_of_ms - limit_ms)
    if daily is None:
        figures = None
    elif figures is None:
        figures = daily_figures(daily, policy)
    stats = MarketStats(
        as_of_ms=as_of_ms,
        bars=max(len(bars) for bars in known),
        atr=_last_atr(intraday, policy),
        atr_daily=None if figures is None else figures.atr,
        atr_percentile=None if figures is None else figures.percentile,
        regime=None if figures is None else figures.regime,
        measured=None if figures is None else figures.tail,
    )
    # The policy's assumed tail is a figure of the symbol, not of the request: it is worked out here, once per bar.
    tail = assumed_tail(policy.tail, stats, float(known[0].close[-1]))
    return dataclasses.replace(stats, tail=tail)


def _newest(bars: BarSeries, count: int) -> BarSeries:
    if len(bars) <= count:
        return bars
    cut = slice(-count, None)
    return BarSeries(
        timeframe=bars.timeframe,
        time_ms=bars.time_ms[cut],
        open=bars.open[cut],
        high=bars.high[cut],
        low=bars.low[cut],
        close=bars.close[cut],
    )


def _no_older(bars: BarSeries | None, oldest_ms: int) -> BarSeries | None:
    return bars if bars is not None and len(bars) and _end_ms(bars) >= oldest_ms else None


def _end_ms(bars: BarSeries) -> int:
    return int(bars.time_ms[-1]) + TIMEFRAME_MS[bars.timeframe]


def _last_atr(bars: BarSeries | None, policy: Policy) -> float | None:
    if bars is None or len(bars) <= policy.stop.atr_period:
        return None
    recent = slice(-10 * policy.stop.atr_period, None)
    values = atr(
        bars.high[recent], bars.low[recent], bars.close[recent], policy.stop.atr_period, policy.stop.atr_method
    )
    return float(values[-1]) if values[-1] > 0 else None
