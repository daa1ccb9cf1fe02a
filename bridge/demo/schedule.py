"""When the demo's EA acts: at every close of a bar, for so many trading days."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from bridge.errors import MarketError
from bridge.market.recording import TIMEFRAME_MS, RecordedMarket

TIMEFRAME = "M15"
_NEW_YORK = ZoneInfo("America/New_York")
_DAY_STARTS = timedelta(hours=7)
"""A market's day begins at 17:00 New York, so a week has five of them."""


class Schedule(NamedTuple):
    """Closing times of bars in UTC milliseconds, ascending, and the trading days they belong to."""

    closes: tuple[int, ...]
    days: tuple[date, ...]


def schedule(market: RecordedMarket, days: int) -> Schedule:
    """The bar closes of the market's first trading days; of all it has, if those are fewer. Raises MarketError."""
    length = TIMEFRAME_MS[TIMEFRAME]
    ends = [series.time_ms + length for each in market.symbols.values() if (series := each.bars.get(TIMEFRAME))]
    every = np.unique(np.concatenate(ends)) if ends else np.empty(0, dtype=np.int64)
    closes = [int(end) for end in every if end > market.start_ms]
    if not closes:
        raise MarketError(f"{market.name} has no {TIMEFRAME} bars within its ticks, which the demo's EA trades on.")
    labels = [_trading_day(end - length) for end in closes]
    chosen = tuple(dict.fromkeys(labels))[:days]
    return Schedule(tuple(end for end, label in zip(closes, labels, strict=True) if label in chosen), chosen)


def _trading_day(moment_ms: int) -> date:
    return (datetime.fromtimestamp(moment_ms / 1000, UTC).astimezone(_NEW_YORK) + _DAY_STARTS).date()
