"""Bars as an EA feeds them: written out row by row, or drawn with a seed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.market.recording import TIMEFRAME_MS, BarSeries
from tests.bridge.builders import Rig

HOUR = 3_600_000
DAY = 24 * HOUR
PIECE = 1_200
"""Bars of one message; a body takes some more."""

Row = tuple[float, float, float, float]
"""Open, high, low, close."""


def bars_info(bars: BarSeries, symbol: str = "EURUSD") -> dict[str, Any]:
    """Bars as they stand in a snapshot."""
    columns = zip(bars.time_ms, bars.open, bars.high, bars.low, bars.close, strict=True)
    rates = [
        {"time": int(t) // 1000, "open": float(o), "high": float(h), "low": float(low), "close": float(c)}
        for t, o, h, low, c in columns
    ]
    return {"symbol": symbol, "timeframe": bars.timeframe, "rates": rates}


def series(rows: Sequence[Row], times: Sequence[int] | NDArray[np.int64], timeframe: str = "D1") -> BarSeries:
    """Rows at these openings."""
    opened, high, low, close = np.array(rows, dtype=np.float64).T
    return BarSeries(
        timeframe=timeframe, time_ms=np.array(times, dtype=np.int64), open=opened, high=high, low=low, close=close
    )


def rows_info(rows: Sequence[Row], start_ms: int, symbol: str = "EURUSD", timeframe: str = "H1") -> dict[str, Any]:
    """Rows that follow each other from `start_ms` on, as they stand in a snapshot."""
    times = start_ms + np.arange(len(rows), dtype=np.int64) * TIMEFRAME_MS[timeframe]
    return bars_info(series(rows, times, timeframe), symbol)


def weekdays(count: int, before_ms: int) -> NDArray[np.int64]:
    """Midnights of the newest days from Monday to Friday that have ended by then, oldest first."""
    days = np.arange(before_ms // DAY - 2 * count - 7, before_ms // DAY)
    # The epoch's days began with a Thursday.
    return days[(days + 3) % 7 < 5][-count:] * DAY


def daily_bars(
    seed: int,
    days: int,
    before_ms: int,
    *,
    price: float = 1.1,
    step: float = 0.004,
    gap: float = 0.0,
    each: int = 1,
) -> BarSeries:
    """A random walk from Monday to Friday that ends at `price`, with steps of `step`.

    It opens where it closed, but on each so many-th Monday lower by the share `gap`. Weeks count from the epoch on, so
    that histories of different length gap on the same days.
    """
    rng = np.random.default_rng(seed)
    times = weekdays(days, before_ms)
    week, weekday = (times // DAY + 3) // 7, (times // DAY + 3) % 7
    jumps = np.where((weekday == 0) & (week % each == 0), np.log1p(-gap), 0.0)
    moves = rng.standard_t(5, days) * step
    close = np.exp(np.cumsum(jumps + moves))
    opened = close / np.exp(moves)
    reach = np.exp(np.abs(rng.standard_normal((2, days))) * step / 3)
    scale = price / close[-1]
    return BarSeries(
        timeframe="D1",
        time_ms=times,
        open=opened * scale,
        high=np.maximum(opened, close) * reach[0] * scale,
        low=np.minimum(opened, close) / reach[1] * scale,
        close=close * scale,
    )


def without(bars: BarSeries, rows: Sequence[int]) -> BarSeries:
    """Bars without some of them, by index."""
    keep = np.delete(np.arange(len(bars)), rows)
    return BarSeries(
        timeframe=bars.timeframe, time_ms=bars.time_ms[keep], open=bars.open[keep], high=bars.high[keep],
        low=bars.low[keep], close=bars.close[keep],
    )  # fmt: skip


def feed_bars(rig: Rig, symbol: str, bars: BarSeries, **parts: Any) -> None:
    """Feed bars in pieces, oldest first."""
    info = bars_info(bars, symbol)
    for start in range(0, len(bars), PIECE):
        piece = {**info, "rates": info["rates"][start : start + PIECE]}
        reply = rig.feed(**{"deals": None, **parts, "bars": [piece]})
        assert (reply["status"], reply["resync"]) == ("ok", False), reply
