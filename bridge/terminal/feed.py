"""A terminal that an EA feeds: the daemon's eyes where the MetaTrader5 Python package cannot run."""

from collections.abc import Collection
from dataclasses import fields, replace

from bridge.errors import LotbridgeError
from bridge.market.recording import BarSeries
from bridge.protocol.messages import AccountInfo, CheckInfo, OrderInfo, PositionInfo, SnapshotRequest, SymbolInfo
from bridge.terminal.base import AccountReport, Execution, SymbolReport
from bridge.terminal.feed_checks import FeedError, check_message
from bridge.terminal.feed_clock import BrokerClock
from bridge.terminal.feed_history import FeedBars, FeedDeals
from sizing.snapshot import Account, MoneyCheck, PendingOrder, Position, Quote, SymbolSpec

__all__ = ["FeedConflict", "FeedError", "FeedTerminal"]

HOLD_MS = 30_000
"""How long a session that has fallen silent still holds the account (PROTOCOL, `snapshot`)."""
SPEC_FIELDS = tuple(field.name for field in fields(SymbolSpec))
ACCOUNT_FIELDS = tuple(field.name for field in fields(Account))


class FeedConflict(LotbridgeError):  # noqa: N818 - named after its code on the wire, feed_conflict
    """Another session feeds this account."""


class FeedTerminal:
    """Evidence from `snapshot` messages, applied whole or not at all.

    `sequence` counts up by one within a session. After a gap the lists that must be complete (account, positions,
    orders, quotes) are dropped until a message brings account, positions and orders again; the reply asks for them.
    Broker times are kept as they came and converted with the offset of the moment.
    """

    source = "ea_feed"

    def __init__(self, login: int, *, silence_ms: int = HOLD_MS) -> None:
        self.login = login
        self.silence_ms = silence_ms
        self._session: str | None = None
        self._heard_ms = 0
        self._last: tuple[int, str] = (0, "")
        self._resync = False
        # One login is one broker: its clock is known whoever feeds.
        self._clock = BrokerClock()
        self._reset()

    # Terminal --------------------------------------------------------------------------------------------------------

    def poll(self, now_ms: int) -> None:
        """Nothing to do: the EA comes to the daemon."""

    def connected(self, now_ms: int) -> bool:
        """Whether the EA has fed within the silence allowed, and what it fed is whole."""
        return self._report is not None and now_ms - self._heard_ms <= self.silence_ms

    def account(self) -> AccountReport | None:
        """The account as last fed; None while the evidence has a gap."""
        return self._report

    def utc_offset_ms(self) -> int:
        """The broker's clock less UTC as measured; 0 while that is not known."""
        return self._clock.offset_ms or 0

    def symbol_names(self) -> Collection[str]:
        """Every symbol that was fed."""
        return self._symbols.keys()

    def symbol(self, name: str) -> SymbolReport | None:
        """A symbol's figures as last fed."""
        return self._symbols.get(name)

    def quote(self, name: str) -> Quote | None:
        """The latest quote in UTC; None while the broker's offset is unknown."""
        return self._quotes.get(name)

    def bars(self, name: str, timeframe: str) -> BarSeries | None:
        """The closed bars in UTC; None while the broker's offset is unknown."""
        return self._bars.get(name, timeframe)

    def executed(self, execution: Execution) -> None:
        """Nothing to do: the EA feeds its positions."""

    def closed(self, ticket: int, lots: float, price: float) -> None:
        """Nothing to do: the EA feeds what is left."""

    def modified(self, ticket: int, stop_loss: float | None, take_profit: float | None) -> None:
        """Nothing to do: the EA feeds its positions."""

    def cancelled(self, ticket: int) -> None:
        """Nothing to do: the EA feeds its orders."""

    # Feed ------------------------------------------------------------------------------------------------------------

    def apply(self, message: SnapshotRequest, now_ms: int) -> bool:
        """Take one message; whether the EA must start over with everything.

        Raises FeedConflict while another session holds the account, and FeedError for a message that cannot be true.
        """
        self._check_holder(message, now_ms)
        check_message(message, self.login, now_ms)
        known = message.session == self._session
        if known and (message.sequence, message.id) == self._last:
            return self._resync
        full = None not in (message.account_info, message.positions, message.orders)
        if not known and not full:
            return True
        if not known:
            self._session = message.session
            self._reset()
        restarts = not known or (self._resync and full)
        follows = restarts or (not self._resync and message.sequence == self._last[0] + 1)
        self._heard_ms, self._last = now_ms, (message.sequence, message.id)
        if follows:
            self._resync = False
        elif not self._resync:
            restarts = self._lose(message, full=full)
        if follows or full:
            self._take(message, now_ms, restarts=restarts)
        return self._resync

    def _check_holder(self, message: SnapshotRequest, now_ms: int) -> None:
        if self._session not in (None, message.session) and now_ms - self._heard_ms < HOLD_MS:
            raise FeedConflict(f"The session {self._session!r} feeds account {self.login} already.")

    def _lose(self, message: SnapshotRequest, *, full: bool) -> bool:
        """A gap: drop what must be complete. Whether this very message makes up for it.

        A message with account, positions and orders shows the account as it is, but only one with symbols and deals as
        well is a snapshot from the start; any other leaves deals and bars of the gap missing, so a resync is due.
        """
        self._drop()
        whole = full and message.symbols is not None and message.deals is not None
        self._resync = not whole
        return whole

    def _reset(self) -> None:
        self._symbols: dict[str, SymbolReport] = {}
        self._checks: dict[str, dict[str, MoneyCheck]] = {}
        self._bars = FeedBars(self._clock)
        self._deals = FeedDeals(self._clock)
        self._drop()

    def _drop(self) -> None:
        self._info: AccountInfo | None = None
        self._account_ms = 0
        self._positions: list[PositionInfo] = []
        self._orders: list[OrderInfo] = []
        self._raw_quotes: dict[str, Quote] = {}
        self._quotes: dict[str, Quote] = {}
        self._report: AccountReport | None = None
        self._deals.doubt()

    def _take(self, message: SnapshotRequest, now_ms: int, *, restarts: bool) -> None:
        """Apply a message that was checked."""
        ticks = [quote.time_msc for quote in message.quotes or ()]
        moved = self._clock.observe(message.time_trade_server, ticks, now_ms)
        if message.account_info is not None:
            self._info, self._account_ms = message.account_info, self._clock.sent_ms(message.time_trade_server, now_ms)
        self._positions = self._positions if message.positions is None else message.positions
        self._orders = self._orders if message.orders is None else message.orders
        self._deals.add(message.deals or ())
        claims = message.deals_since is not None and not self._resync
        if claims or (restarts and message.deals is not None):
            self._deals.begin(now_ms, message.deals_since)
        self._bars.add(message.bars or (), now_ms, message.time_trade_server)
        self._take_symbols(message.symbols or (), message.checks or (), now_ms)
        self._take_quotes(message, moved=moved)
        self._report = self._account_report()

    def _take_quotes(self, message: SnapshotRequest, *, moved: bool) -> None:
        fresh = {quote.symbol: Quote(quote.bid, quote.ask, quote.time_msc) for quote in message.quotes or ()}
        self._raw_quotes.update(fresh)
        if self._clock.offset_ms is None:
            self._quotes = {}
            return
        for name, raw in (self._raw_quotes if moved else fresh).items():
            quote = raw._replace(time_ms=self._clock.utc_of_tick(raw.time_ms))
            if quote != self._quotes.get(name):
                self._quotes[name] = quote

    def _take_symbols(self, symbols: Collection[SymbolInfo], checks: Collection[CheckInfo], now_ms: int) -> None:
        for info in symbols:
            spec, known = _spec(info), self._symbols.get(info.name)
            self._symbols[info.name] = SymbolReport(
                spec=spec if known is None or spec != known.spec else known.spec,
                received_ms=now_ms,
                checks=tuple(self._checks.get(info.name, {}).values()),
                session_open=info.session_open,
            )
        for check in checks:
            money = MoneyCheck(
                check.symbol, check.side, check.price_open, check.price_close, check.profit, check.margin
            )
            self._checks.setdefault(check.symbol, {})[check.side] = money
        for name in {check.symbol for check in checks} & self._symbols.keys():
            report, now = self._symbols[name], tuple(self._checks[name].values())
            if now != report.checks:
                self._symbols[name] = replace(report, checks=now)

    def _account_report(self) -> AccountReport | None:
        if self._info is None:
            return None
        before, clock = self._report, self._clock
        account = Account(**{name: getattr(self._info, name) for name in ACCOUNT_FIELDS})
        positions = tuple(_position(position, clock) for position in self._positions)
        orders = tuple(_order(order, clock) for order in self._orders)
        report = AccountReport(
            # Equal parts stay the very same objects: figures are derived anew only from those that changed.
            account=before.account if before is not None and account == before.account else account,
            received_ms=self._account_ms,
            positions=before.positions if before is not None and positions == before.positions else positions,
            orders=before.orders if before is not None and orders == before.orders else orders,
            deals=self._deals.all(),
            deals_since_ms=self._deals.known_since_ms(),
        )
        return before if report == before else report


def _spec(info: SymbolInfo) -> SymbolSpec:
    return SymbolSpec(**{name: getattr(info, name) for name in SPEC_FIELDS})


def _position(info: PositionInfo, clock: BrokerClock) -> Position:
    return Position(
        ticket=info.ticket,
        symbol=info.symbol,
        side="buy" if info.type == 0 else "sell",
        volume=info.volume,
        price_open=info.price_open,
        price_current=info.price_current,
        sl=info.sl or None,
        tp=info.tp or None,
        profit=info.profit,
        swap=info.swap,
        magic=info.magic,
        time_ms=clock.utc(info.time_msc),
    )


def _order(info: OrderInfo, clock: BrokerClock) -> PendingOrder:
    return PendingOrder(
        ticket=info.ticket,
        symbol=info.symbol,
        # ENUM_ORDER_TYPE alternates: even types buy, odd types sell.
        side="buy" if info.type % 2 == 0 else "sell",
        volume_current=info.volume_current,
        price_open=info.price_open,
        sl=info.sl or None,
        tp=info.tp or None,
        magic=info.magic,
        time_setup_ms=clock.utc(info.time_setup_msc),
    )
