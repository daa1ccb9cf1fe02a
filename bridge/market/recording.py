"""A market held in memory: ticks, bars and symbol figures, as numpy columns."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from sizing.snapshot import SymbolSpec

TIMEFRAME_MS = {
    "M1": 60_000,
    "M5": 300_000,
    "M15": 900_000,
    "M30": 1_800_000,
    "H1": 3_600_000,
    "H4": 14_400_000,
    "D1": 86_400_000,
}
"""Length of a bar by MT5's name of the timeframe, in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSeries:
    """Ticks of one symbol, oldest first. Three columns of one length n: UTC milliseconds, bid and ask."""

    time_ms: NDArray[np.int64]
    bid: NDArray[np.float64]
    ask: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSeries:
    """Closed bars of bid prices, oldest first. Columns of one length n; `time_ms` is each bar's opening, UTC."""

    timeframe: str
    time_ms: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    tick_volume: NDArray[np.int64] | None = None
    """Ticks in each bar, 0 for a bar of which that is not known; None where it is known of none."""

    def __len__(self) -> int:
        return len(self.time_ms)

    def rows(self, which: slice) -> "BarSeries":
        """Some of the bars, without copying them."""
        return BarSeries(
            timeframe=self.timeframe,
            time_ms=self.time_ms[which],
            open=self.open[which],
            high=self.high[which],
            low=self.low[which],
            close=self.close[which],
            tick_volume=None if self.tick_volume is None else self.tick_volume[which],
        )

    def closed_before(self, now_ms: int, last: int | None = None) -> "BarSeries":
        """The bars that have ended by `now_ms`; with `last`, only so many of the newest."""
        length = TIMEFRAME_MS[self.timeframe]
        end = int(np.searchsorted(self.time_ms, now_ms - length, side="right"))
        start = 0 if last is None else max(0, end - last)
        return self.rows(slice(start, end))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSymbol:
    """One symbol of a recording. Bars are keyed by timeframe and reach back before the first tick."""

    spec: SymbolSpec
    ticks: TickSeries
    bars: dict[str, BarSeries] = field(default_factory=dict)
    commission_per_lot: float = 0.0
    """What this market's broker charges per lot, round trip, in account currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedMarket:
    """Several symbols over one period. `synthetic` is shown wherever the market is."""

    name: str
    synthetic: bool
    symbols: dict[str, RecordedSymbol]
    notes: tuple[str, ...] = ()
    """What was left out or built from something else when the market was read, and why: one sentence each."""

    @property
    def start_ms(self) -> int:
        """Time of the first tick of any symbol."""
        return min(int(symbol.ticks.time_ms[0]) for symbol in self.symbols.values() if len(symbol.ticks.time_ms))

    @property
    def end_ms(self) -> int:
        """Time of the last tick of any symbol."""
        return max(int(symbol.ticks.time_ms[-1]) for symbol in self.symbols.values() if len(symbol.ticks.time_ms))


def group_bars(timeframe: str, opening_ms: NDArray[np.int64], rows: BarSeries) -> BarSeries:
    """Finer bars that share an opening time become one bar; `opening_ms` (n,) is non-decreasing, n = len(rows).

    The ticks of a bar are known where those of all its finer ones are.
    """
    if not len(rows):
        return rows
    starts = np.flatnonzero(np.diff(opening_ms, prepend=opening_ms[0] - 1))
    return BarSeries(
        timeframe=timeframe,
        time_ms=opening_ms[starts],
        open=rows.open[starts],
        high=np.maximum.reduceat(rows.high, starts),
        low=np.minimum.reduceat(rows.low, starts),
        close=rows.close[np.append(starts[1:], len(rows)) - 1],
        tick_volume=None if rows.tick_volume is None else _summed(rows.tick_volume, starts),
    )


def _summed(ticks: NDArray[np.int64], starts: NDArray[np.intp]) -> NDArray[np.int64]:
    known = np.minimum.reduceat(ticks, starts) > 0
    return np.asarray(np.where(known, np.add.reduceat(ticks, starts), 0), dtype=np.int64)


def bars_from_ticks(timeframe: str, ticks: TickSeries, opening_ms: NDArray[np.int64] | None = None) -> BarSeries:
    """Bars of the ticks' bids. Without `opening_ms` they open on multiples of the timeframe: days at midnight UTC."""
    if opening_ms is None:
        opening_ms = ticks.time_ms - ticks.time_ms % TIMEFRAME_MS[timeframe]
    bid = ticks.bid
    one = np.broadcast_to(np.int64(1), len(bid))  # so many times the same number in memory, not a column of them
    each = BarSeries(
        timeframe=timeframe, time_ms=ticks.time_ms, open=bid, high=bid, low=bid, close=bid, tick_volume=one
    )
    return group_bars(timeframe, opening_ms, each)


def join_bars(earlier: BarSeries, later: BarSeries) -> BarSeries:
    """One series: all of `earlier`, then the bars of `later` that open after its last.

    Ticks of bars are kept where both know them; `with_tick_volume` makes one that does not fit for it.
    """
    start = int(np.searchsorted(later.time_ms, earlier.time_ms[-1], side="right")) if len(earlier) else 0
    return BarSeries(
        timeframe=earlier.timeframe,
        time_ms=np.concatenate((earlier.time_ms, later.time_ms[start:])),
        open=np.concatenate((earlier.open, later.open[start:])),
        high=np.concatenate((earlier.high, later.high[start:])),
        low=np.concatenate((earlier.low, later.low[start:])),
        close=np.concatenate((earlier.close, later.close[start:])),
        tick_volume=None
        if earlier.tick_volume is None or later.tick_volume is None
        else np.concatenate((earlier.tick_volume, later.tick_volume[start:])),
    )


def with_tick_volume(bars: BarSeries) -> BarSeries:
    """The same bars with the column of ticks: as it is, or 0 (not known) in each."""
    return bars if bars.tick_volume is not None else replace(bars, tick_volume=np.zeros(len(bars), np.int64))
