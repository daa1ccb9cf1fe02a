"""The watching child: round after round it looks at account, book and quotes, and at the rest when that is due."""

import time
from collections.abc import Callable
from typing import Any

from bridge.protocol.messages import AccountInfo, CheckInfo, OrderInfo, PositionInfo, QuoteInfo, SymbolInfo
from bridge.terminal.mt5.attach import attached, initialize, select_symbols, verify
from bridge.terminal.mt5.bars import Bars
from bridge.terminal.mt5.calls import Calls
from bridge.terminal.mt5.deals import Deals
from bridge.terminal.mt5.live import LiveTicks
from bridge.terminal.mt5.records import (
    account_of,
    check_of,
    check_prices,
    orders_of,
    positions_of,
    quote_of,
    symbol_of,
)
from bridge.terminal.mt5.wire import SILENCE_S, Beat, Config, Evidence, FromChild

SPEC_EVERY_S, REPEAT_SPEC_S, CHECKS_EVERY_S = 15.0, 600.0, 60.0
SYMBOLS_PER_ROUND = 20
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
        self._live = LiveTicks(config.proof_s)
        self._deals = Deals(calls, self._pause)
        self._bars = Bars(calls, config.timeframes)
        self._symbols: list[str] = []
        self._quotes: dict[str, QuoteInfo] = {}
        self._specs: dict[str, tuple[SymbolInfo, float]] = {}
        self._spec_read_s: dict[str, float] = {}
        self._checked_s: dict[str, float] = {}
        self._book: Book | None = None
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
        self._select_those_of(book)
        quotes, newest_s = self._read_quotes()
        if not self._whole:
            self._send_whole(book, begun_s)
        else:
            self._send_changes(book, begun_s)
        self._book = book
        if quotes or newest_s is not None:
            self._send(Evidence(quotes=quotes, time_trade_server=newest_s))
        self._send_symbols()
        for piece in self._bars.closed({name: self._tick_s(name) for name in self._symbols}):
            self._send(Evidence(bars=piece))

    # The book --------------------------------------------------------------------------------------------------------

    def _read_book(self, terminal: Any) -> Book:
        """Account, positions and orders that belong together: read again while something moves between the calls."""
        book = self._read_book_once(terminal)
        known = self._book
        for _ in range(_READS_OF_BOOK):
            if known is not None and _held(known) == _held(book):
                break
            known, book = book, self._read_book_once(terminal)
        return book

    def _read_book_once(self, terminal: Any) -> Book:
        info = self._calls.must("account_info")
        verify(info, self._config)
        orders, positions = self._calls.must("orders_get"), self._calls.must("positions_get")
        return account_of(info, terminal), positions_of(positions), orders_of(orders)

    def _select_those_of(self, book: Book) -> None:
        """Whatever is open must be priced, configured or not."""
        held = [each.symbol for each in book[1]] + [each.symbol for each in book[2]]
        for name in dict.fromkeys(held):
            if name not in self._symbols and self._calls.maybe("symbol_select", name, True):
                self._symbols.append(name)

    def _send_whole(self, book: Book, begun_s: float) -> None:
        deals, since_ms = self._deals.whole(book[0].balance, self._newest[0] // 1000)
        symbols = [info for name in self._symbols if (info := self._read_spec(name)) is not None]
        self._send(
            Evidence(
                account_info=book[0], positions=book[1], orders=book[2], deals=deals, deals_since=since_ms,
                symbols=symbols, took_s=int(time.monotonic() - begun_s),
            )
        )  # fmt: skip
        self._whole = True

    def _send_changes(self, book: Book, begun_s: float) -> None:
        known = self._book
        changed = known is None or _held(known) != _held(book) or known[0].balance != book[0].balance
        deals = self._deals.news() if self._deals.due(changed=changed) else []
        self._send(
            Evidence(
                account_info=book[0],
                positions=None if known is not None and known[1] == book[1] else book[1],
                orders=None if known is not None and known[2] == book[2] else book[2],
                deals=deals or None,
                took_s=int(time.monotonic() - begun_s),
            )
        )

    # Symbols ---------------------------------------------------------------------------------------------------------

    def _read_quotes(self) -> tuple[list[QuoteInfo] | None, int | None]:
        """Quotes that are new, and the trade server's time if one of them has just come."""
        fresh = []
        for name in self._symbols:
            quote = quote_of(name, self._calls.maybe("symbol_info_tick", name))
            if quote is not None and quote != self._quotes.get(name):
                self._quotes[name] = quote
                fresh.append(quote)
        now_s = time.monotonic()
        newest_ms = max((quote.time_msc for quote in fresh), default=0)
        if newest_ms > self._newest[0]:
            self._newest = newest_ms, now_s
        return fresh or None, self._live.observe(newest_ms, now_s)

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
        now_ms = self._newest[0] + int((time.monotonic() - self._newest[1]) * 1000)
        return now_ms - quote.time_msc < CLOSED_MS

    def _send_symbols(self) -> None:
        """Some symbols' figures where they changed, and the terminal's own money for one lot."""
        now = time.monotonic()
        symbols: list[SymbolInfo] = []
        checks: list[CheckInfo] = []
        for name in self._due(self._spec_read_s, SPEC_EVERY_S, now):
            before = self._specs.get(name)
            found = self._read_spec(name)
            if found is not None and (before is None or found != before[0] or now - before[1] >= REPEAT_SPEC_S):
                symbols.append(found)
            elif before is not None:
                self._specs[name] = before
        for name in self._due(self._checked_s, CHECKS_EVERY_S, now):
            checks += self._read_checks(name)
        if symbols or checks:
            self._send(Evidence(symbols=symbols or None, checks=checks or None))

    def _due(self, last_s: dict[str, float], every_s: float, now: float) -> list[str]:
        due = [name for name in self._symbols if now - last_s.get(name, -every_s) >= every_s]
        return due[:SYMBOLS_PER_ROUND]

    def _read_checks(self, name: str) -> list[CheckInfo]:
        quote, spec = self._quotes.get(name), self._specs.get(name)
        if quote is None or spec is None:
            return []
        self._checked_s[name] = time.monotonic()
        return checks_of(self._calls, quote, spec[0].digits)

    # Out -------------------------------------------------------------------------------------------------------------

    def _send(self, message: FromChild) -> None:
        self._say(message)
        self._calls.told()

    def _pause(self, seconds: float) -> None:
        self._send(Beat(silence_s=SILENCE_S + seconds))
        time.sleep(seconds)


def checks_of(calls: Calls, quote: QuoteInfo, digits: int) -> list[CheckInfo]:
    """What the terminal itself computes for one lot of a symbol, on both sides."""
    found = []
    for action, side in ((0, "buy"), (1, "sell")):
        prices = check_prices("buy" if side == "buy" else "sell", quote, digits)
        profit = calls.maybe("order_calc_profit", action, quote.symbol, 1.0, *prices)
        margin = calls.maybe("order_calc_margin", action, quote.symbol, 1.0, prices[0])
        found.append(check_of(quote.symbol, "buy" if side == "buy" else "sell", prices, profit, margin))
    return found


def _held(book: Book) -> object:
    """What tells that a position or an order has come, gone or changed."""
    positions = [(each.ticket, each.volume, each.sl, each.tp) for each in book[1]]
    orders = [(each.ticket, each.volume_current, each.price_open, each.sl, each.tp) for each in book[2]]
    return positions, orders
