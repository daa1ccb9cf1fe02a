"""The broker's wall clock against UTC. MT5 writes broker time as if it were an epoch, so the offset is measured."""

QUARTER_MS = 900_000
"""Time zones differ by multiples of a quarter of an hour."""
MIN_OFFSET_MS, MAX_OFFSET_MS = -12 * 3_600_000, 14 * 3_600_000
MAX_TICK_LEAD_MS, MAX_TICK_AGE_MS = 5_000, 60_000
"""How far a tick may lie in the future, or be old, and still tell the offset."""

RESOLUTION_MS = 5_000
"""TimeTradeServer counts whole seconds, and a message takes some time to arrive."""
SILENCE_MS = 10_000
"""After so long without a message, what is then measured does not continue what was measured before."""
LASTING_MS = 60_000
"""How long a smaller offset must be measured before it is one, and not a row of late messages."""


def measured_offset_ms(broker_ms: int, now_ms: int) -> int:
    """Broker clock less UTC, to the nearest quarter of an hour."""
    return (broker_ms - now_ms + QUARTER_MS // 2) // QUARTER_MS * QUARTER_MS


def in_range(offset_ms: int) -> bool:
    """Whether any time zone has this offset."""
    return MIN_OFFSET_MS <= offset_ms <= MAX_OFFSET_MS


class BrokerClock:
    """The offset as far as it is known, from the trade server's own time or, failing that, from live ticks.

    A message that is read late makes the server look behind. So a larger offset is believed at once, a smaller one (a
    change from daylight saving) only when it has lasted; until then the message is taken to be late.
    """

    def __init__(self) -> None:
        self.offset_ms: int | None = None
        self._lead_ms = 0
        self._from_server = False
        self._newest_tick = -1
        self._smaller: tuple[int, int] | None = None
        self._observed_ms = 0
        self._behind: tuple[int, int] | None = None
        """Since when smaller leads are measured, and the largest of them."""

    @property
    def lead_ms(self) -> int:
        """How far the broker's clock runs ahead of the offset in the least late messages; 0 within its resolution."""
        return self._lead_ms if abs(self._lead_ms) >= RESOLUTION_MS else 0

    def observe(self, server_s: int | None, ticks_ms: list[int], now_ms: int) -> bool:
        """Measure again from one message; whether the offset changed. `ticks_ms` are its quotes' broker times."""
        before = self.offset_ms, self.lead_ms
        if server_s is not None:
            self._observe_server(server_s * 1000, now_ms)
        elif not self._from_server:
            self._observe_tick(max(ticks_ms, default=-1), now_ms)
        return (self.offset_ms, self.lead_ms) != before

    def sent_ms(self, server_s: int | None, now_ms: int) -> int:
        """When a message was made, in UTC: its own server time; now, where it has none."""
        if server_s is None or self.offset_ms is None:
            return now_ms
        return min(now_ms, server_s * 1000 - self.offset_ms - self._lead_ms)

    def _observe_server(self, server_ms: int, now_ms: int) -> None:
        offset = measured_offset_ms(server_ms, now_ms)
        known = self.offset_ms if self._from_server else None
        if known is None or offset > known or self._has_lasted(offset, known, now_ms):
            self.offset_ms, self._from_server, self._smaller = offset, True, None
            self._lead_ms = server_ms - now_ms - offset
            self._behind = None
        elif offset == known:
            self._smaller = None
            self._follow_lead(server_ms - now_ms - known, now_ms)
        self._observed_ms = now_ms

    def _follow_lead(self, lead_ms: int, now_ms: int) -> None:
        """A larger lead is that of a less late message; a smaller one is believed when no other came for a while."""
        if lead_ms >= self._lead_ms:
            self._lead_ms, self._behind = lead_ms, None
            return
        if self._behind is None or now_ms - self._observed_ms > SILENCE_MS:
            self._behind = now_ms, lead_ms
        since_ms, largest_ms = self._behind[0], max(self._behind[1], lead_ms)
        self._behind = since_ms, largest_ms
        if now_ms - since_ms >= LASTING_MS:
            self._lead_ms, self._behind = largest_ms, None

    def _has_lasted(self, offset: int, known: int, now_ms: int) -> bool:
        if offset >= known:
            return False
        silent = now_ms - self._observed_ms > SILENCE_MS
        if self._smaller is None or self._smaller[0] != offset or silent:
            self._smaller = offset, now_ms
        return now_ms - self._smaller[1] >= LASTING_MS

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

    def utc_of_tick(self, broker_ms: int) -> int:
        """The same for a tick, whose age counts in seconds: the broker's clock being off is taken out too."""
        return self.utc(broker_ms) - self.lead_ms
