"""Bars of the ticks so far, built span by span and joined to recorded ones; nobody sees one before it has closed."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.market.broker_zone import zone_of
from bridge.market.recording import TIMEFRAME_MS, BarSeries, TickSeries, group_bars, join_bars

_HOUR_MS = TIMEFRAME_MS["H1"]
_NEVER_MS = np.iinfo(np.int64).max


class _Shown(NamedTuple):
    """The bars of a series that have closed, from one moment until another."""

    of: BarSeries
    bars: BarSeries
    since_ms: int
    until_ms: int


class BarStore:
    """Every timeframe from the finest wanted on, by symbol. Days begin at the broker's midnight.

    `recorded` holds bars from elsewhere by symbol and timeframe; where they reach into the ticks they are used.
    """

    def __init__(
        self, recorded: Mapping[str, Mapping[str, BarSeries]], wanted: Iterable[str], zone: str = "UTC"
    ) -> None:
        self._zone = None if zone == "UTC" else zone_of(zone)
        self._finest = min(wanted, key=TIMEFRAME_MS.__getitem__)
        length = TIMEFRAME_MS[self._finest]
        self._timeframes = [name for name in TIMEFRAME_MS if TIMEFRAME_MS[name] % length == 0]
        self._series = {(name, label): bars for name, own in recorded.items() for label, bars in own.items()}
        self._built: dict[tuple[str, str], BarSeries] = {}
        self._shown: dict[tuple[str, str], _Shown] = {}

    def add(self, ticks: Mapping[str, TickSeries]) -> None:
        """A span of whole days, later than all before it."""
        for name, own in ticks.items():
            if not len(own.time_ms):
                continue
            finest = tick_bars(self._finest, own)
            for label in self._timeframes:
                key, length = (name, label), TIMEFRAME_MS[label]
                bars = group_bars(label, self._opening(finest.time_ms, length), finest)
                self._built[key] = bars
                self._series[key] = join_bars(self._series[key], bars) if key in self._series else bars

    def _opening(self, time_ms: NDArray[np.int64], length: int) -> NDArray[np.int64]:
        """When the bar of such a length begins that holds each of these, (n,), UTC ms."""
        if self._zone is None or length <= _HOUR_MS:
            return time_ms - time_ms % length
        hours, places = np.unique(time_ms // _HOUR_MS, return_inverse=True)
        walls = np.array([self._zone.wall_ms(int(hour) * _HOUR_MS) for hour in hours]) - hours * _HOUR_MS
        wall_ms = time_ms + walls[places]
        # Back by the clock of the opening, which may have changed since.
        return self._zone.utc_ms(wall_ms - wall_ms % length)

    def closes(self, timeframe: str) -> NDArray[np.int64]:
        """When the bars of the span at hand close, UTC ms, ascending, of all symbols together."""
        length = TIMEFRAME_MS[timeframe]
        found = [bars.time_ms + length for (_, label), bars in self._built.items() if label == timeframe]
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)

    def next_span(self) -> None:
        """Forget which bars are of the span at hand."""
        self._built.clear()

    def closed(self, symbol: str, timeframe: str, now_ms: int) -> BarSeries | None:
        """The bars that have closed so far; the same object until another one closes. None without any."""
        key = symbol, timeframe
        series, known = self._series.get(key), self._shown.get(key)
        if series is None:
            return None
        if known is None or known.of is not series or not known.since_ms <= now_ms < known.until_ms:
            known = self._shown[key] = _shown(series, now_ms, None if known is None else known.bars)
        return known.bars if len(known.bars) else None

    def everything(self) -> dict[tuple[str, str], BarSeries]:
        """Every series, by symbol and timeframe."""
        return dict(self._series)

    def restore(self, series: Mapping[tuple[str, str], BarSeries]) -> None:
        """Go on from these."""
        self._series = dict(series)

    def all(self, timeframe: str) -> dict[str, BarSeries]:
        """Every bar there is of a timeframe, by symbol."""
        return {name: bars for (name, label), bars in self._series.items() if label == timeframe}


def tick_bars(timeframe: str, ticks: TickSeries) -> BarSeries:
    """Bars of the bids; those of `bars_from_ticks`, found by searching for their edges among the sorted times."""
    length = TIMEFRAME_MS[timeframe]
    first, last = int(ticks.time_ms[0]) // length, int(ticks.time_ms[-1]) // length
    opening = np.arange(first, last + 1) * length
    edges = np.append(np.searchsorted(ticks.time_ms, opening), len(ticks.time_ms))
    kept = edges[1:] > edges[:-1]
    starts, ends = edges[:-1][kept], edges[1:][kept]
    bid = ticks.bid
    return BarSeries(
        timeframe=timeframe,
        time_ms=opening[kept],
        open=bid[starts],
        high=np.maximum.reduceat(bid, starts),
        low=np.minimum.reduceat(bid, starts),
        close=bid[ends - 1],
    )


def _shown(series: BarSeries, now_ms: int, before: BarSeries | None) -> _Shown:
    """What has closed by now: the same object as before where no bar has closed since."""
    length = TIMEFRAME_MS[series.timeframe]
    count = int(series.time_ms.searchsorted(now_ms - length, side="right"))
    bars = before if before is not None and len(before) == count else series.closed_before(now_ms)
    since_ms = int(series.time_ms[count - 1]) + length if count else -_NEVER_MS
    until_ms = int(series.time_ms[count]) + length if count < len(series) else _NEVER_MS
    return _Shown(series, bars, since_ms, until_ms)
