"""The ticks of one symbol with a reading head that only moves forward."""

from typing import NamedTuple

from bridge.market.recording import TickSeries
from sizing.snapshot import Quote

FIRST_WINDOW = 1024
"""Ticks looked at first; the window doubles from there: a near event and a long quiet stretch are both cheap."""


class Levels(NamedTuple):
    """Prices at which something happens: inclusive, in the symbol's price; None where nothing waits on that side."""

    bid_below: float | None = None
    bid_above: float | None = None
    ask_below: float | None = None
    ask_above: float | None = None


class Extremes(NamedTuple):
    """The least bid and the highest ask of a stretch of ticks."""

    bid: float
    ask: float


class Tape:
    """Columns of ticks and `read`, the number of ticks already read."""

    def __init__(self, ticks: TickSeries) -> None:
        self.ticks = ticks
        self.read = 0
        self.passed = 0
        """Ticks of the stretches before this one."""
        self._quote: Quote | None = None
        self._quoted = 0

    def go_on(self, ticks: TickSeries) -> None:
        """The next stretch of a recording that is not held in memory whole; the last one has been read to its end."""
        self.passed += self.read
        self._quote = self.quote()
        self.ticks, self.read, self._quoted = ticks, 0, 0

    def restore(self, quote: Quote | None, passed: int) -> None:
        """Stand before the first tick of this stretch, after `passed` ticks of which `quote` was the last."""
        self.read, self.passed, self._quote, self._quoted = 0, passed, quote, 0

    def count_until(self, ms: int) -> int:
        """How many ticks have a time of at most `ms`."""
        return int(self.ticks.time_ms.searchsorted(ms, side="right"))

    def settle(self, ms: int) -> None:
        """Read every tick up to `ms`; never backwards."""
        times = self.ticks.time_ms
        # Most steps are short: looking at the next tick alone saves the search.
        if self.read < len(times) and times[self.read] <= ms:
            self.read = self.count_until(ms)

    def quote(self) -> Quote | None:
        """The last tick read, the same object until another one is; None before the first."""
        if self._quoted != self.read:
            at = self.read - 1
            ticks = self.ticks
            self._quote = Quote(float(ticks.bid[at]), float(ticks.ask[at]), int(ticks.time_ms[at]))
            self._quoted = self.read
        return self._quote

    def extremes(self, end: int) -> Extremes | None:
        """The worst prices among unread ticks below index `end` and the last one read; None without any."""
        last = self.quote()
        if self.read >= end:
            return None if last is None else Extremes(last.bid, last.ask)
        bid, ask = float(self.ticks.bid[self.read : end].min()), float(self.ticks.ask[self.read : end].max())
        return Extremes(bid, ask) if last is None else Extremes(min(bid, last.bid), max(ask, last.ask))

    def first_trip(self, levels: Levels, end: int) -> int | None:
        """Index of the first unread tick below `end` at which one of the levels is reached."""
        start, size = self.read, FIRST_WINDOW
        while start < end:
            stop = min(end, start + size)
            hit = self._reached(levels, start, stop)
            if hit is not None:
                return hit
            start, size = stop, size * 2
        return None

    def _reached(self, levels: Levels, start: int, stop: int) -> int | None:
        bid, ask = self.ticks.bid[start:stop], self.ticks.ask[start:stop]
        hits = []
        if levels.bid_below is not None:
            hits.append(bid <= levels.bid_below)
        if levels.bid_above is not None:
            hits.append(bid >= levels.bid_above)
        if levels.ask_below is not None:
            hits.append(ask <= levels.ask_below)
        if levels.ask_above is not None:
            hits.append(ask >= levels.ask_above)
        places = [(int(hit.argmax()), hit) for hit in hits]
        return min((start + at for at, hit in places if hit[at]), default=None)
