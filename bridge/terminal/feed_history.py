"""What adds up over a feed: deals and bars. Both are kept in the broker's clock and shown in UTC."""

from collections import deque
from collections.abc import Iterable
from operator import attrgetter

from bridge.market.recording import TIMEFRAME_MS, BarSeries
from bridge.protocol.messages import BarsInfo, DealInfo
from bridge.terminal.columns import merged, series_of, shifted
from bridge.terminal.feed_clock import BrokerClock
from sizing.snapshot import Deal

MAX_DEALS = 10_000
MAX_BARS = 6_000
MAX_WAITING = 5_000
"""Pieces of history held while the offset is unknown."""
HISTORY_MS = 48 * 3_600_000
"""How far back the deals of a full snapshot reach at least, where it does not say."""
MAX_CLOCK_LEAD_MS = 60_000
"""How far the trade server's clock may run ahead of the daemon's and still be believed about a bar's end."""


class FeedDeals:
    """Deals by ticket, and from when on they are all there are."""

    def __init__(self, clock: BrokerClock) -> None:
        self._since_ms: int | None = None
        self._told_since: int | None = None
        """The same by the broker's clock, as the feed has told it."""
        self._clock = clock
        self._by_ticket: dict[int, DealInfo] = {}
        self._shown: tuple[Deal, ...] = ()
        self._shown_for: tuple[int, int | None] = (0, None)
        self._changes = 0
        self._trimmed = False

    def doubt(self) -> None:
        """Some may be missing: a message was lost, or another session begins."""
        self._since_ms = self._told_since = None

    def begin(self, now_ms: int, told_since: int | None) -> None:
        """The deals kept are all since a moment of the broker's clock; of a full snapshot without one, of 48 hours."""
        self._told_since = told_since
        self._since_ms = now_ms - HISTORY_MS if told_since is None else None

    def add(self, deals: Iterable[DealInfo]) -> None:
        """Take deals in."""
        for deal in deals:
            if self._by_ticket.get(deal.ticket) != deal:
                self._by_ticket[deal.ticket] = deal
                self._changes += 1
        if len(self._by_ticket) > MAX_DEALS:
            newest = sorted(self._by_ticket.values(), key=attrgetter("time_msc", "ticket"))[-MAX_DEALS:]
            self._by_ticket = {deal.ticket: deal for deal in newest}
            self._trimmed = True

    def known_since_ms(self) -> int | None:
        """Where the complete history begins: no earlier than the oldest deal kept, once older ones had to go."""
        deals = self.all()
        if self._clock.offset_ms is None:
            return None
        since_ms = self._since_ms if self._told_since is None else self._clock.utc(self._told_since)
        if since_ms is None:
            return None
        return max(since_ms, deals[0].time_ms) if self._trimmed and deals else since_ms

    def all(self) -> tuple[Deal, ...]:
        """Every deal in UTC, oldest first; none while the offset is unknown. The same object until one changes."""
        state = (self._changes, self._clock.offset_ms)
        if state != self._shown_for:
            self._shown_for = state
            ordered = sorted(self._by_ticket.values(), key=attrgetter("time_msc", "ticket"))
            self._shown = () if state[1] is None else tuple(_deal(deal, self._clock) for deal in ordered)
        return self._shown


class FeedBars:
    """Bars by symbol and timeframe; an overlap replaces. A bar is taken in only once it has closed."""

    def __init__(self, clock: BrokerClock) -> None:
        self._clock = clock
        self._raw: dict[tuple[str, str], BarSeries] = {}
        self._shown: dict[tuple[str, str], tuple[int, BarSeries, BarSeries]] = {}
        self._waiting: deque[tuple[int, BarsInfo]] = deque(maxlen=MAX_WAITING)

    def add(self, bars: Iterable[BarsInfo], now_ms: int, server_s: int | None) -> None:
        """Take bars in, or let them wait until the offset tells which of them have closed."""
        offset = self._clock.offset_ms
        if offset is not None and server_s is not None:
            # A bar that closed a moment ago by the broker's clock must not be lost because the daemon's is behind.
            now_ms = max(now_ms, min(server_s * 1000 - offset, now_ms + MAX_CLOCK_LEAD_MS))
        self._waiting.extend((now_ms, piece) for piece in bars)
        if offset is None:
            return
        while self._waiting:
            seen_ms, piece = self._waiting.popleft()
            self._merge(piece, seen_ms + offset)

    def _merge(self, piece: BarsInfo, broker_now_ms: int) -> None:
        closed = series_of(piece.timeframe, piece.rates).closed_before(broker_now_ms)
        if not len(closed):
            return
        key = (piece.symbol, piece.timeframe)
        known = self._raw.get(key)
        self._raw[key] = (
            closed.closed_before(broker_now_ms, MAX_BARS) if known is None else merged(known, closed, MAX_BARS)
        )

    def get(self, symbol: str, timeframe: str) -> BarSeries | None:
        """The closed bars in UTC, the same object until one changes; None without any or without the offset."""
        raw, offset = self._raw.get((symbol, timeframe)), self._clock.offset_ms
        if raw is None or offset is None or timeframe not in TIMEFRAME_MS:
            return None
        shown = self._shown.get((symbol, timeframe))
        if shown is None or shown[0] != offset or shown[1] is not raw:
            shown = self._shown[symbol, timeframe] = (offset, raw, shifted(raw, -offset))
        return shown[2]


def _deal(info: DealInfo, clock: BrokerClock) -> Deal:
    return Deal(
        ticket=info.ticket,
        position_id=info.position_id,
        symbol=info.symbol,
        entry=info.entry,
        volume=info.volume,
        price=info.price,
        profit=info.profit,
        time_ms=clock.utc(info.time_msc),
        swap=info.swap,
        commission=info.commission,
        fee=info.fee,
        magic=info.magic,
    )
