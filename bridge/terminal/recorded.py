"""A terminal over a recording: what a live one would show, at the market's own time."""

from collections.abc import Collection

from bridge.market.broker import SimulatedBroker
from bridge.market.recording import BarSeries
from bridge.terminal.base import AccountReport, Execution, SymbolReport
from sizing.snapshot import Quote

REFRESH_MS = 60_000
"""How long a symbol's figures and money checks serve, in market time."""


class RecordedTerminal:
    """The `Terminal` of replay and demo. Reports are as of the last poll, which only ever moves forward.

    An account report carries a new `received_ms` with every poll; its account, positions, orders and deals are the very
    same objects while they have not changed.
    """

    source = "recorded"

    def __init__(self, broker: SimulatedBroker) -> None:
        self.login = broker.login
        self.broker = broker
        self._end_ms = broker.market.end_ms
        self._account: AccountReport | None = None
        self._symbols: dict[str, SymbolReport] = {}

    def poll(self, now_ms: int) -> None:
        """Let the broker reach `now_ms` and read everything again."""
        if self._account is not None and now_ms < self._account.received_ms:
            return
        self.broker.advance(now_ms)
        report = AccountReport(
            account=self.broker.account(),
            received_ms=now_ms,
            positions=self.broker.positions(),
            orders=self.broker.orders(),
            deals=self.broker.deals(),
            deals_since_ms=self.broker.market.start_ms,
        )
        if report != self._account:
            self._account = report
        for name in self.broker.specs:
            self._read_symbol(name, now_ms)

    def connected(self, now_ms: int) -> bool:
        """Until the recording has ended."""
        return now_ms <= self._end_ms

    def account(self) -> AccountReport | None:
        """The account as of the last poll; None before the first."""
        return self._account

    def utc_offset_ms(self) -> int:
        """Recordings are in UTC, and so is their broker's midnight."""
        return 0

    def symbol_names(self) -> Collection[str]:
        """Every symbol of the recording."""
        return self.broker.specs.keys()

    def symbol(self, name: str) -> SymbolReport | None:
        """A symbol's figures, at most a minute of market time old."""
        return self._symbols.get(name)

    def quote(self, name: str) -> Quote | None:
        """The last tick, with its own time."""
        return self.broker.quote(name)

    def bars(self, name: str, timeframe: str) -> BarSeries | None:
        """The bars that have closed so far."""
        return self.broker.bars(name, timeframe)

    def executed(self, execution: Execution) -> None:
        """Open the reported fill on paper. A ticket that is known already, or a volume that cannot be, is ignored."""
        self.broker.adopt(
            execution.ticket,
            execution.symbol,
            execution.side,
            execution.lots,
            price=execution.price,
            sl=execution.stop_loss,
            tp=execution.take_profit,
            magic=execution.magic,
        )

    def closed(self, ticket: int, lots: float, price: float) -> None:
        """Close so much of the position on paper. An unknown ticket, or a volume that cannot be, is ignored."""
        self.broker.adopt_close(ticket, lots, price)

    def modified(self, ticket: int, stop_loss: float | None, take_profit: float | None) -> None:
        """Set stop and target on paper. An unknown ticket, or a price that is none, is ignored."""
        self.broker.adopt_stops(ticket, stop_loss, take_profit)

    def cancelled(self, ticket: int) -> None:
        """Withdraw the order on paper. An unknown ticket is ignored."""
        self.broker.cancel(ticket)

    def _read_symbol(self, name: str, now_ms: int) -> None:
        known = self._symbols.get(name)
        if known is not None and known.checks and now_ms - known.received_ms < REFRESH_MS:
            return
        checks = self.broker.checks(name)
        if known is None or checks != known.checks or now_ms - known.received_ms >= REFRESH_MS:
            self._symbols[name] = SymbolReport(spec=self.broker.specs[name], received_ms=now_ms, checks=checks)
