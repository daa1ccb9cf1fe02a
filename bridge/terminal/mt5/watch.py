"""The watching child: round after round it looks at account, book and quotes, and at the rest when that is due."""

import time
from collections.abc import Callable
from typing import Any

from bridge.protocol.messages import (
    AccountInfo,
    CheckInfo,
    DealInfo,
    OrderInfo,
    PositionInfo,
    QuoteInfo,
    SymbolInfo,
)
from bridge.terminal.mt5.attach import attached, initialize, select_symbols, verify
from bridge.terminal.mt5.bars import Bars
from bridge.terminal.mt5.calls import Calls, UnsettledError
from bridge.terminal.mt5.deals import Deals
from bridge.terminal.mt5.live import LiveTicks
from bridge.terminal.mt5.margin_shape import see_margin
from bridge.terminal.mt5.records import (
    account_of,
    check_of,
    check_prices,
    orders_of,
    positions_of,
    quote_of,
    symbol_of,
)
from bridge.terminal.mt5.wire import SILENCE_S, Beat, Config, Evidence, FromChild, MarginSeen
from sizing.snapshot import Side

SPEC_EVERY_S, REPEAT_SPEC_S, CHECKS_EVERY_S = 15.0, 600.0, 60.0
SYMBOLS_PER_ROUND, CHECKS_PER_ROUND = 20, 5
CLOSED_MS = 30 * 60_000
"""A symbol without a tick for so long, while time went on for others, is taken to be closed."""
_READS_OF_BOOK = 4

Book = tuple[AccountInfo, list[PositionInfo], list[OrderInfo]]


class Watch:
    """One account's terminal, read for ever. `send` takes each message as it comes."""

    def __init__(self, calls: Calls, config: Config, send: Callable[[FromChild], None]) -> None:
        self._calls = calls
        self._config = config
        self._say = send
        self._live = LiveTicks(config.proof_s, config.proof_ticks)
        self._deals = Deals(calls, self._pause)
        self._bars = Bars(calls, config.timeframes)
        self._symbols: list[str] = []
        self._quotes: dict[str, QuoteInfo] = {}
        self._unsent: dict[str, QuoteInfo] = {}
        self._specs: dict[str, tuple[SymbolInfo, float]] = {}
        self._spec_read_s: dict[str, float] = {}
        self._checked_s: dict[str, float] = {}
        self._unit = 0.01
        self._book: Book | None = None
        self._moving_s: float | None = None
        """Since when no look at the book has agreed with the one before."""
        self._whole = False
        self._rounds = 0
        self._newest: tuple[int, float] = (0, 0.0)

    def run(self) -> None:
        """Attach, then watch until something fails, which raises."""
        initialize(self._calls, self._config)
        self._symbols, unknown = select_symbols(self._calls, self._config)
        self._send(attached(self._calls, self._symbols, unknown))
        while True:
            begun_s = time.monotonic()
            self.round()
            time.sleep(max(0.0, self._config.round_ms / 1000 - (time.monotonic() - begun_s)))

    def round(self) -> None:
        """One look at everything that is due. Nothing is told while the terminal has lost its broker: it is old."""
        terminal = self._calls.must("terminal_info")
        self._rounds += 1
        if terminal.connected:
            self._look(terminal)
        self._send(Beat(silence_s=SILENCE_S, rounds=self._rounds, online=bool(terminal.connected)))

    def _look(self, terminal: Any) -> None:
        begun_s = time.monotonic()
        book = self._read_book(terminal)
        self._note_settled(book is not None, begun_s)
        if book is not None:
            self._select_those_of(book)
        server_s = self._read_quotes()
        if book is not None:
            self._send_book(book, begun_s)
        if not self._whole:
            return
        self._send_quotes(server_s)
        self._send_symbols()
        for piece in self._bars.closed({name: self._tick_s(name) for name in self._symbols}):
            self._send(Evidence(bars=piece))

    # The book --------------------------------------------------------------------------------------------------------

    def _read_book(self, terminal: Any) -> Book | None:
        """Account, positions and orders that belong together; None where something moved between all of the calls."""
        known = self._book
        for _ in range(_READS_OF_BOOK):
            book = self._read_book_once(terminal)
            if known is not None and _held(known) == _held(book):
                return book
            known = book
        return None

    def _note_settled(self, settled: bool, now_s: float) -> None:
        """A book that keeps moving is not told; the one before stands for a while, and then none."""
        if settled:
            self._moving_s = None
            return
        self._moving_s = now_s if self._moving_s is None else self._moving_s
        if now_s - self._moving_s >= self._config.settle_s:
            raise UnsettledError(self._config.settle_s)

    def _read_book_once(self, terminal: Any) -> Book:
        info = self._verified()
        self._unit = 10.0**-info.currency_digits
        orders, positions = self._calls.must("orders_get"), self._calls.must("positions_get")
        return account_of(info, terminal), positions_of(positions), orders_of(orders)

    def _verified(self) -> Any:
        """The account that the terminal shows now, which is the configured one; raises WrongAccountError."""
        info = self._calls.must("account_info")
        verify(info, self._config)
        return info

    def _select_those_of(self, book: Book) -> None:
        """Whatever is open must be priced, configured or not."""
        held = [each.symbol for each in book[1]] + [each.symbol for each in book[2]]
        for name in dict.fromkeys(held):
            if name not in self._symbols and self._calls.maybe("symbol_select", name, True):
                self._symbols.append(name)

    def _send_book(self, book: Book, begun_s: float) -> None:
        """Everything at first, then what has changed; the account is looked at again after the last call for it."""
        deals = self._send_changes(book, begun_s) if self._whole else self._send_whole(book, begun_s)
        if deals is None:
            return
        self._deals.sent(deals)
        self._book, self._whole = book, True

    def _send_whole(self, book: Book, begun_s: float) -> list[DealInfo] | None:
        """Everything, and what it told of deals; None where history was not to be had, and nothing was sent."""
        history = self._deals.whole(book[0].balance, self._newest[0] // 1000)
        if history is None:
            return None
        deals, since_ms = history
        symbols = [info for name in self._symbols if (info := self._read_spec(name)) is not None]
        self._verified()
        self._send(
            Evidence(
                account_info=book[0], positions=book[1], orders=book[2], deals=deals, deals_since=since_ms,
                symbols=symbols, took_s=int(time.monotonic() - begun_s),
            )
        )  # fmt: skip
        return deals

    def _send_changes(self, book: Book, begun_s: float) -> list[DealInfo]:
        known = self._book
        changed = known is None or _held(known) != _held(book) or known[0].balance != book[0].balance
        deals = self._deals.news() if self._deals.due(changed=changed) else []
        self._verified()
        self._send(
            Evidence(
                account_info=book[0],
                positions=None if known is not None and known[1] == book[1] else book[1],
                orders=None if known is not None and known[2] == book[2] else book[2],
                deals=deals or None,
                took_s=int(time.monotonic() - begun_s),
            )
        )
        return deals

    # Symbols ---------------------------------------------------------------------------------------------------------

    def _read_quotes(self) -> int | None:
        """Note quotes that are new; the trade server's time if one of them has just come."""
        fresh = []
        for name in self._symbols:
            quote = quote_of(name, self._calls.maybe("symbol_info_tick", name))
            if quote is not None and quote != self._quotes.get(name):
                self._quotes[name] = self._unsent[name] = quote
                fresh.append(quote.time_msc)
        now_s = time.monotonic()
        newest_ms = max(fresh, default=0)
        if newest_ms > self._newest[0]:
            self._newest = newest_ms, now_s
        return self._live.observe(fresh, now_s)

    def _send_quotes(self, server_s: int | None) -> None:
        if self._unsent or server_s is not None:
            self._send(Evidence(quotes=list(self._unsent.values()) or None, time_trade_server=server_s))
            self._unsent.clear()

    def _tick_s(self, name: str) -> int:
        quote = self._quotes.get(name)
        return 0 if quote is None else quote.time_msc // 1000

    def _read_spec(self, name: str) -> SymbolInfo | None:
        self._spec_read_s[name] = time.monotonic()
        info = self._calls.maybe("symbol_info", name)
        found = None if info is None else symbol_of(info, session_open=self._open(name, info))
        if found is not None:
            self._specs[name] = found, time.monotonic()
        return found

    def _open(self, name: str, info: Any) -> bool:
        """Whether the symbol trades now, as far as the package can tell: it knows no session table."""
        quote = self._quotes.get(name)
        if info.trade_mode == 0 or quote is None:
            return bool(info.trade_mode)
        now_s = time.monotonic()
        now_ms = self._live.broker_ms(now_s)
        if now_ms is None:
            now_ms = self._newest[0] + int((now_s - self._newest[1]) * 1000)
        return now_ms - quote.time_msc < CLOSED_MS

    def _send_symbols(self) -> None:
        """Some symbols' figures where they changed, and the terminal's own money for one lot."""
        now = time.monotonic()
        symbols: list[SymbolInfo] = []
        checks: list[CheckInfo] = []
        margins: list[MarginSeen] = []
        for name in self._due(self._spec_read_s, SPEC_EVERY_S, now)[:SYMBOLS_PER_ROUND]:
            before = self._specs.get(name)
            found = self._read_spec(name)
            if found is not None and (before is None or found != before[0] or now - before[1] >= REPEAT_SPEC_S):
                symbols.append(found)
            elif before is not None:
                self._specs[name] = before
        priced = [name for name in self._due(self._checked_s, CHECKS_EVERY_S, now) if name in self._quotes]
        for name in [name for name in priced if name in self._specs][:CHECKS_PER_ROUND]:
            self._checked_s[name] = time.monotonic()
            read, seen = checks_of(self._calls, self._quotes[name], self._specs[name][0], self._unit)
            checks += read
            margins += seen
        if symbols or checks:
            self._send(Evidence(symbols=symbols or None, checks=checks or None, margins=margins or None))

    def _due(self, last_s: dict[str, float], every_s: float, now: float) -> list[str]:
        return [name for name in self._symbols if now - last_s.get(name, -every_s) >= every_s]

    # Out -------------------------------------------------------------------------------------------------------------

    def _send(self, message: FromChild) -> None:
        self._say(message)
        self._calls.told()

    def _pause(self, seconds: float) -> None:
        self._send(Beat(silence_s=SILENCE_S + seconds))
        time.sleep(seconds)


def checks_of(
    calls: Calls, quote: QuoteInfo, info: SymbolInfo, unit: float
) -> tuple[list[CheckInfo], list[MarginSeen]]:
    """What the terminal itself computes for one lot of a symbol, on both sides. `unit`: see `see_margin`.

    A check's margin is the one per lot that is farthest from that of one lot: where the two differ, it contradicts.
    """
    checks: list[CheckInfo] = []
    margins: list[MarginSeen] = []
    sides: tuple[Side, ...] = ("buy", "sell")
    for action, side in enumerate(sides):
        prices = check_prices(side, quote, info.digits)
        profit = calls.maybe("order_calc_profit", action, quote.symbol, 1.0, *prices)
        seen = see_margin(calls, info, side, prices[0], unit)
        checks.append(check_of(quote.symbol, side, prices, profit, None if seen is None else seen.worst))
        if seen is not None:
            margins.append(seen)
    return checks, margins


def _held(book: Book) -> object:
    """What tells that a position or an order has come, gone or changed."""
    positions = [(each.ticket, each.volume, each.sl, each.tp) for each in book[1]]
    orders = [(each.ticket, each.volume_current, each.price_open, each.sl, each.tp) for each in book[2]]
    return positions, orders
