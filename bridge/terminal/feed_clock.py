"""The broker's wall clock against UTC. MT5 writes broker time as if it were an epoch, so the offset is measured."""

QUARTER_MS = 900_000
"""Time zones differ by multiples of a quarter of an hour."""
MIN_OFFSET_MS, MAX_OFFSET_MS = -12 * 3_600_000, 14 * 3_600_000
MAX_TICK_LEAD_MS, MAX_TICK_AGE_MS = 5_000, 60_000
"""How far a tick may lie in the future, or be old, and still tell the offset."""


def measured_offset_ms(broker_ms: int, now_ms: int) -> int:
    """Broker clock less UTC, to the nearest quarter of an hour."""
    return (broker_ms - now_ms + QUARTER_MS // 2) // QUARTER_MS * QUARTER_MS


def in_range(offset_ms: int) -> bool:
    """Whether any time zone has this offset."""
    return MIN_OFFSET_MS <= offset_ms <= MAX_OFFSET_MS


class BrokerClock:
    """The offset as far as it is known, from the trade server's own time or, failing that, from live ticks."""

    def __init__(self) -> None:
        self.offset_ms: int | None = None
        self._from_server = False
        self._newest_tick = -1

    def observe(self, server_s: int | None, ticks_ms: list[int], now_ms: int) -> bool:
        """Measure again from one message; whether the offset changed. `ticks_ms` are its quotes' broker times."""
        before = self.offset_ms
        if server_s is not None:
            self.offset_ms = measured_offset_ms(server_s * 1000, now_ms)
            self._from_server = True
        elif not self._from_server:
            self._observe_tick(max(ticks_ms, default=-1), now_ms)
        return self.offset_ms != before

    def _observe_tick(self, newest: int, now_ms: int) -> None:
        # A tick seen before only grows older, and after a quarter of an hour would pass for one of another time zone.
        if newest <= self._newest_tick:
            return
        self._newest_tick = newest
        offset = measured_offset_ms(newest, now_ms)
        age = now_ms - (newest - offset)
        if in_range(offset) and -MAX_TICK_LEAD_MS <= age <= MAX_TICK_AGE_MS:
            self.offset_ms = offset

    def utc(self, broker_ms: int) -> int:
        """A broker time in UTC; 0, MT5's "no time", stays 0, and while the offset is unknown every time is."""
        return 0 if broker_ms == 0 or self.offset_ms is None else broker_ms - self.offset_ms
