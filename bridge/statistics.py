"""Statistics of one symbol from its closed bars, computed when a bar closes."""

import dataclasses

from bridge.market.recording import TIMEFRAME_MS, BarSeries
from sizing.policy import Policy
from sizing.snapshot import MarketStats
from sizing.stats.atr import atr
from sizing.stats.tail import assumed_tail
from sizing.stats.volatility import classify_regime, percentile_rank

DAILY = "D1"


def market_stats(intraday: BarSeries | None, daily: BarSeries | None, policy: Policy) -> MarketStats | None:
    """Everything a request needs to know of a symbol's history; None where there is none at all.

    `intraday` are bars of the stop policy's timeframe, `daily` are D1 bars.
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
    stop_atr = _last_atr(intraday, policy)
    daily_atr = _last_atr(daily, policy)
    percentile = regime = None
    if daily is not None:
        ranges = atr(daily.high, daily.low, daily.close, policy.stop.atr_period, policy.stop.atr_method)
        percentile = percentile_rank(ranges, policy.volatility.lookback)
        regime = classify_regime(daily.close, percentile)
    stats = MarketStats(
        as_of_ms=as_of_ms,
        bars=max(len(bars) for bars in known),
        atr=stop_atr,
        atr_daily=daily_atr,
        atr_percentile=percentile,
        regime=regime,
    )
    # The policy's assumed tail is a figure of the symbol, not of the request: it is worked out here, once per bar.
    tail = assumed_tail(policy.tail, stats, float(known[0].close[-1]))
    return dataclasses.replace(stats, tail=tail)


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
