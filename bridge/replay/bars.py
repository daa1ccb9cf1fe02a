"""Bars of the ticks so far, built span by span and joined to recorded ones; nobody sees one before it has closed."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.market.broker_zone import BrokerZone, zone_of
from bridge.market.recording import (
    TIMEFRAME_MS,
    BarSeries,
    TickSeries,
    group_bars,
    join_bars,
    with_tick_volume,
)

_HOUR_MS = TIMEFRAME_MS["H1"]
_DAY_MS = TIMEFRAME_MS["D1"]
_NEVER_MS = np.iinfo(np.int64).max

Ints = NDArray[np.int64]


class _Timed(NamedTuple):
    """A series, and when each of its bars closes, (n,), UTC ms: a day of the broker's may have 23 hours, or 25."""

    bars: BarSeries
    closing: Ints


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
        self._recorded = {
            (name, label): _Timed(with_tick_volume(bars), self._recorded_closing(bars))
            for name, own in recorded.items()
            for label, bars in own.items()
        }
        self._series = dict(self._recorded)
        self._built: dict[tuple[str, str], _Timed] = {}
        self._shown: dict[tuple[str, str], _Shown] = {}
        self._from_ms = self._until_ms = -_NEVER_MS
        """The span at hand: all ticks of the days up to its end are there."""

    def add(self, ticks: Mapping[str, TickSeries]) -> None:
        """A span of whole days, later than all before it. A bar that the last one began is gone on with."""
        for name, own in ticks.items():
            if not len(own.time_ms):
                continue
            finest = tick_bars(self._finest, own)
            for label in self._timeframes:
                bars = group_bars(label, self._opening(finest.time_ms, TIMEFRAME_MS[label]), finest)
                self._grow((name, label), bars)
            self._reach(finest)

    def _grow(self, key: tuple[str, str], bars: BarSeries) -> None:
        later = _Timed(bars, self._closing(bars))
        built = self._built[key] = _grown(self._built[key], later) if key in self._built else later
        self._series[key] = _joined(self._recorded[key], built) if key in self._recorded else built

    def _reach(self, finest: BarSeries) -> None:
        last_ms = int(finest.time_ms[-1])
        self._until_ms = max(self._until_ms, last_ms - last_ms % _DAY_MS + _DAY_MS)

    def _opening(self, time_ms: Ints, length: int) -> Ints:
        """When the bar of such a length begins that holds each of these, (n,), UTC ms."""
        if self._zone is None or length <= _HOUR_MS:
            return time_ms - time_ms % length
        wall_ms = _walls(self._zone, time_ms)
        # Back by the clock of the opening, which may have changed since.
        return self._zone.utc_ms(wall_ms - wall_ms % length)

    def _closing(self, bars: BarSeries) -> Ints:
        """When bars of the ticks close: where the next ones may begin by the broker's clock."""
        length = TIMEFRAME_MS[bars.timeframe]
        if self._zone is None or length <= _HOUR_MS:
            return bars.time_ms + length
        wall_ms = _walls(self._zone, bars.time_ms)
        return self._zone.utc_ms(wall_ms - wall_ms % length + length)

    def _recorded_closing(self, bars: BarSeries) -> Ints:
        """When bars from elsewhere close. By whose clock they were made is not known: the later one counts."""
        length = TIMEFRAME_MS[bars.timeframe]
        after_ms = bars.time_ms + length
        if self._zone is None or length <= _HOUR_MS:
            return after_ms
        return np.maximum(after_ms, self._zone.utc_ms(_walls(self._zone, bars.time_ms) + length))

    def closes(self, timeframe: str) -> Ints:
        """When bars of the ticks have closed by the end of the span at hand and not before it, of all symbols together.

        UTC ms, ascending. A bar that goes on into the next span is not among them.
        """
        found = [np.empty(0, np.int64)]
        for (_, label), (_, closing) in self._built.items():
            if label == timeframe:
                start, end = np.searchsorted(closing, (self._from_ms, self._until_ms), side="right").tolist()
                found.append(closing[start:end])
        return np.unique(np.concatenate(found))

    def next_span(self) -> None:
        """What has closed by now is told of no more."""
        self._from_ms = self._until_ms

    def closed(self, symbol: str, timeframe: str, now_ms: int) -> BarSeries | None:
        """The bars that have closed so far; the same object until another one closes. None without any."""
        key = symbol, timeframe
        series, known = self._series.get(key), self._shown.get(key)
        if series is None:
            return None
        if known is None or known.of is not series.bars or not known.since_ms <= now_ms < known.until_ms:
            known = self._shown[key] = _shown(series, now_ms, None if known is None else known.bars)
        return known.bars if len(known.bars) else None

    def everything(self) -> dict[tuple[str, str], BarSeries]:
        """Every series that the ticks have made, by symbol and timeframe."""
        return {key: built.bars for key, built in self._built.items()}

    def restore(self, series: Mapping[tuple[str, str], BarSeries]) -> None:
        """Go on from these, at the end of a span."""
        for key, bars in series.items():
            self._grow(key, bars)
            if key[1] == self._finest:
                self._reach(bars)
        self.next_span()

    def all(self, timeframe: str) -> dict[str, BarSeries]:
        """Every bar there is of a timeframe, by symbol."""
        return {name: series.bars for (name, label), series in self._series.items() if label == timeframe}


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
        tick_volume=np.asarray(ends - starts, dtype=np.int64),
    )


def _walls(zone: BrokerZone, time_ms: Ints) -> Ints:
    """Moments (n,) by the broker's clock."""
    hours, places = np.unique(time_ms // _HOUR_MS, return_inverse=True)
    ahead = np.array([zone.wall_ms(int(hour) * _HOUR_MS) for hour in hours], dtype=np.int64) - hours * _HOUR_MS
    return time_ms + ahead[places]


def _grown(earlier: _Timed, later: _Timed) -> _Timed:
    """Bars of earlier ticks and of later ones, neither without any; the last and the first may be one."""
    before, after = earlier.bars, later.bars
    if before.time_ms[-1] != after.time_ms[0]:
        return _Timed(join_bars(before, after), np.concatenate((earlier.closing, later.closing)))
    high, low = after.high.copy(), after.low.copy()
    high[0], low[0] = max(high[0], before.high[-1]), min(low[0], before.low[-1])
    bars = BarSeries(
        timeframe=before.timeframe,
        time_ms=np.concatenate((before.time_ms, after.time_ms[1:])),
        open=np.concatenate((before.open, after.open[1:])),
        high=np.concatenate((before.high[:-1], high)),
        low=np.concatenate((before.low[:-1], low)),
        close=np.concatenate((before.close[:-1], after.close)),
        tick_volume=_grown_ticks(before.tick_volume, after.tick_volume),
    )
    return _Timed(bars, np.concatenate((earlier.closing, later.closing[1:])))


def _grown_ticks(before: Ints | None, after: Ints | None) -> Ints | None:
    """The same of how many ticks they have."""
    if before is None or after is None:
        return None
    return np.concatenate((before[:-1], [before[-1] + after[0]], after[1:]), dtype=np.int64)


def _joined(recorded: _Timed, built: _Timed) -> _Timed:
    """Bars from elsewhere, then those of the ticks that open after them."""
    bars = join_bars(recorded.bars, built.bars)
    closing = np.concatenate((recorded.closing, built.closing[len(built.bars) + len(recorded.bars) - len(bars) :]))
    # The two may be by different clocks.
    return _Timed(bars, np.maximum.accumulate(closing))


def _shown(series: _Timed, now_ms: int, before: BarSeries | None) -> _Shown:
    """What has closed by now: the same object as before where no bar has closed since."""
    bars, closing = series
    count = int(closing.searchsorted(now_ms, side="right"))
    shown = before if before is not None and len(before) == count else _first(bars, count)
    since_ms = int(closing[count - 1]) if count else -_NEVER_MS
    until_ms = int(closing[count]) if count < len(bars) else _NEVER_MS
    return _Shown(bars, shown, since_ms, until_ms)


def _first(bars: BarSeries, count: int) -> BarSeries:
    shown = bars.rows(slice(count))
    for column in (shown.time_ms, shown.open, shown.high, shown.low, shown.close, shown.tick_volume):
        # A strategy sees the very bars that the sizer sees: it must not change them.
        if column is not None:
            column.flags.writeable = False
    return shown
