"""Bars as columns: from the wire's rows, merged, and moved from one clock to another."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.market.recording import BarSeries, with_tick_volume
from bridge.protocol.messages import RateInfo


def series_of(timeframe: str, rates: Sequence[RateInfo]) -> BarSeries:
    """Rows of MqlRates as columns of one length; `time_ms` in the clock of the rates, milliseconds."""
    ticks = np.array([rate.tick_volume for rate in rates], dtype=np.int64)
    return BarSeries(
        timeframe=timeframe,
        time_ms=np.array([rate.time * 1000 for rate in rates], dtype=np.int64),
        open=np.array([rate.open for rate in rates], dtype=np.float64),
        high=np.array([rate.high for rate in rates], dtype=np.float64),
        low=np.array([rate.low for rate in rates], dtype=np.float64),
        close=np.array([rate.close for rate in rates], dtype=np.float64),
        tick_volume=ticks if ticks.any() else None,
    )


def merged(old: BarSeries, new: BarSeries, keep: int) -> BarSeries:
    """Both series in order of time, bars of `new` in place of those of `old` with the same time, the newest `keep`.

    The very object `old` where `new` changes nothing.
    """
    known = old
    if (old.tick_volume is None) != (new.tick_volume is None):
        # A feed may know the ticks of some bars only, or learn to tell them.
        old, new = with_tick_volume(old), with_tick_volume(new)
    if _contains(old, new):
        return known
    stays = ~np.isin(old.time_ms, new.time_ms)
    time_ms = np.concatenate([old.time_ms[stays], new.time_ms])
    order = np.argsort(time_ms, kind="stable")[-keep:]
    return BarSeries(
        timeframe=old.timeframe,
        time_ms=time_ms[order],
        open=np.concatenate([old.open[stays], new.open])[order],
        high=np.concatenate([old.high[stays], new.high])[order],
        low=np.concatenate([old.low[stays], new.low])[order],
        close=np.concatenate([old.close[stays], new.close])[order],
        tick_volume=None
        if old.tick_volume is None or new.tick_volume is None
        else np.concatenate([old.tick_volume[stays], new.tick_volume])[order],
    )


def shifted(series: BarSeries, by_ms: int) -> BarSeries:
    """The same bars with `by_ms` added to their times."""
    return replace(series, time_ms=series.time_ms + by_ms)


def _contains(old: BarSeries, new: BarSeries) -> bool:
    at = np.searchsorted(old.time_ms, new.time_ms)
    if len(at) and (not len(old) or int(at.max()) >= len(old)):
        return False
    columns = ((old.time_ms, new.time_ms), (old.open, new.open), (old.high, new.high))
    rest = ((old.low, new.low), (old.close, new.close), (old.tick_volume, new.tick_volume))
    return all(_same_at(at, ours, theirs) for ours, theirs in columns + rest)


def _same_at(at: NDArray[np.intp], ours: NDArray[Any] | None, theirs: NDArray[Any] | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return bool(np.array_equal(ours[at], theirs))
