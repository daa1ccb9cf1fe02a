"""A stand-in for the EA that feeds the daemon: a simulated broker's state as `snapshot` messages."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Literal, TypedDict, TypeVar, cast

from bridge.market.broker import SimulatedBroker
from bridge.market.broker_types import Working
from bridge.market.recording import BarSeries
from bridge.protocol.messages import (
    AccountInfo,
    BarsInfo,
    CheckInfo,
    DealInfo,
    OrderInfo,
    PositionInfo,
    QuoteInfo,
    RateInfo,
    SnapshotRequest,
    SymbolInfo,
)
from sizing.snapshot import Account, Deal, Position, Quote, SymbolSpec

Timeframe = Literal["M1", "M5", "M15", "M30", "H1", "H4", "D1"]
T = TypeVar("T")

CHECKS_EVERY_MS = 60_000
SYMBOLS_EVERY_MS = 6 * 3_600_000
"""Figures of symbols are sent when they change, and repeated well within the day that they count as fresh."""
RATES_PER_MESSAGE, DEALS_PER_MESSAGE, SYMBOLS_PER_MESSAGE, CHECKS_PER_MESSAGE = 1_200, 500, 120, 500
"""Each fills a body to less than 200 KB, of the 256 KB that are allowed."""


class Parts(TypedDict, total=False):
    """The optional parts of one message."""

    account_info: AccountInfo
    symbols: list[SymbolInfo]
    positions: list[PositionInfo]
    orders: list[OrderInfo]
    quotes: list[QuoteInfo]
    bars: list[BarsInfo]
    deals: list[DealInfo]
    checks: list[CheckInfo]


class FeedWriter:
    """First a full snapshot in pieces, then what has changed. `broker_offset_ms` is the broker's clock less UTC.

    One message at least comes of every call: the account is repeated even where nothing changed, as a sign of life.
    """

    def __init__(
        self, broker: SimulatedBroker, session: str, *, broker_offset_ms: int = 0, bars_per_series: int = 1_500
    ) -> None:
        self.broker = broker
        self.session = session
        self.broker_offset_ms = broker_offset_ms
        self.bars_per_series = bars_per_series
        self.sequence = 0
        self._started = False
        self.resync()

    def resync(self) -> None:
        """Start over with everything: the daemon missed a message. The sequence goes on."""
        self._full = True
        self._sent_bars: dict[tuple[str, str], int] = {}
        self._sent_deals = 0
        self._sent_quotes: dict[str, Quote] = {}
        self._sent_specs: dict[str, SymbolSpec] = {}
        self._sent_positions: tuple[Position, ...] | None = None
        self._sent_orders: tuple[Working, ...] | None = None
        self._checks_ms = self._symbols_ms = -SYMBOLS_EVERY_MS

    def messages(self, account: int) -> list[SnapshotRequest]:
        """What has not been said yet, in order."""
        return [self._message(account, parts) for parts in self._parts()]

    def _message(self, account: int, parts: Parts) -> SnapshotRequest:
        if self._started:
            self.sequence += 1
        self._started = True
        return SnapshotRequest(
            v=1,
            id=f"{self.session[:50]}-{self.sequence}",
            account=account,
            session=self.session,
            sequence=self.sequence,
            time_trade_server=(self.broker.now_ms + self.broker_offset_ms) // 1000,
            **parts,
        )

    def _parts(self) -> list[Parts]:
        symbols, deals, checks = self._symbols(), self._deals(), self._checks()
        first = self._book()
        if self._full or deals:
            # The newest first: the daemon takes a full snapshot's first deals for the whole of the last two days.
            first["deals"] = deals[-DEALS_PER_MESSAGE:]
        if self._full or symbols:
            first["symbols"] = symbols[:SYMBOLS_PER_MESSAGE]
        self._full = False
        quotes = self._quotes()
        parts = [first]
        parts += [Parts(symbols=piece) for piece in _pieces(symbols[SYMBOLS_PER_MESSAGE:], SYMBOLS_PER_MESSAGE)]
        parts += [Parts(deals=piece) for piece in _pieces(deals[:-DEALS_PER_MESSAGE], DEALS_PER_MESSAGE)]
        parts += [Parts(quotes=piece) for piece in _pieces(quotes, CHECKS_PER_MESSAGE)]
        parts += [Parts(checks=piece) for piece in _pieces(checks, CHECKS_PER_MESSAGE)]
        parts += [Parts(bars=piece) for piece in _packed(self._bars())]
        return _joined(parts)

    def _book(self) -> Parts:
        """The account, and positions and orders where they changed."""
        parts = Parts(account_info=_account_info(self.broker.account()))
        positions, working = self.broker.positions(), self.broker.working()
        if self._full or positions != self._sent_positions:
            parts["positions"] = [self._position_info(position) for position in positions]
        if self._full or working != self._sent_orders:
            parts["orders"] = [self._order_info(item) for item in working]
        self._sent_positions, self._sent_orders = positions, working
        return parts

    def _symbols(self) -> list[SymbolInfo]:
        """Figures that have changed, as tick values do with the rates; all of them every few hours."""
        if self.broker.now_ms - self._symbols_ms >= SYMBOLS_EVERY_MS:
            self._symbols_ms = self.broker.now_ms
            self._sent_specs.clear()
        changed = {name: spec for name, spec in self.broker.specs.items() if self._sent_specs.get(name) is not spec}
        self._sent_specs.update(changed)
        return [_symbol_info(spec) for spec in changed.values()]

    def _checks(self) -> list[CheckInfo]:
        if self.broker.now_ms - self._checks_ms < CHECKS_EVERY_MS:
            return []
        self._checks_ms = self.broker.now_ms
        checks = [check for name in self.broker.specs for check in self.broker.checks(name)]
        return [CheckInfo(**check._asdict()) for check in checks]

    def _quotes(self) -> list[QuoteInfo]:
        infos = []
        for name in self.broker.specs:
            quote = self.broker.quote(name)
            if quote is not None and quote is not self._sent_quotes.get(name):
                self._sent_quotes[name] = quote
                infos.append(QuoteInfo(symbol=name, time_msc=self._clock(quote.time_ms), bid=quote.bid, ask=quote.ask))
        return infos

    def _deals(self) -> list[DealInfo]:
        deals = self.broker.deals()[self._sent_deals :]
        self._sent_deals += len(deals)
        return [self._deal_info(deal) for deal in deals]

    def _bars(self) -> list[BarsInfo]:
        infos = []
        for name, recorded in self.broker.market.symbols.items():
            for timeframe in recorded.bars:
                series = self.broker.bars(name, timeframe)
                if series is not None:
                    infos.append(self._bars_info(name, series))
        return [info for info in infos if info.rates]

    def _bars_info(self, name: str, series: BarSeries) -> BarsInfo:
        key = (name, series.timeframe)
        sent = self._sent_bars.get(key, -1)
        start = max(int(series.time_ms.searchsorted(sent, side="right")), len(series) - self.bars_per_series)
        self._sent_bars[key] = int(series.time_ms[-1])
        rates = [
            RateInfo(
                time=self._clock(int(series.time_ms[i])) // 1000,
                open=float(series.open[i]),
                high=float(series.high[i]),
                low=float(series.low[i]),
                close=float(series.close[i]),
                tick_volume=count,
            )
            for i, count in enumerate(_counts(series, start), start)
        ]
        return BarsInfo(symbol=name, timeframe=cast("Timeframe", series.timeframe), rates=rates)

    def _clock(self, utc_ms: int) -> int:
        return utc_ms + self.broker_offset_ms

    def _position_info(self, position: Position) -> PositionInfo:
        return PositionInfo(
            ticket=position.ticket,
            symbol=position.symbol,
            type=0 if position.side == "buy" else 1,
            volume=position.volume,
            price_open=position.price_open,
            price_current=position.price_current,
            sl=position.sl or 0.0,
            tp=position.tp or 0.0,
            profit=position.profit,
            swap=position.swap,
            magic=position.magic,
            time_msc=self._clock(position.time_ms),
        )

    def _order_info(self, item: Working) -> OrderInfo:
        order = item.order
        return OrderInfo(
            ticket=order.ticket,
            symbol=order.symbol,
            type=item.type,
            volume_current=order.volume_current,
            price_open=order.price_open,
            sl=order.sl or 0.0,
            tp=order.tp or 0.0,
            magic=order.magic,
            time_setup_msc=self._clock(order.time_setup_ms),
        )

    def _deal_info(self, deal: Deal) -> DealInfo:
        values = {field.name: getattr(deal, field.name) for field in fields(deal) if field.name != "time_ms"}
        return DealInfo(**values, time_msc=self._clock(deal.time_ms))


def _account_info(account: Account) -> AccountInfo:
    return AccountInfo(**{field.name: getattr(account, field.name) for field in fields(account)})


def _symbol_info(spec: SymbolSpec) -> SymbolInfo:
    return SymbolInfo(**{field.name: getattr(spec, field.name) for field in fields(spec)})


def _counts(series: BarSeries, start: int) -> list[int]:
    """Ticks of the bars from one on; 0 where they are not known."""
    ticks = series.tick_volume
    return [0] * (len(series) - start) if ticks is None else ticks[start:].tolist()


def _pieces(items: Sequence[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def _packed(bars: Sequence[BarsInfo]) -> Iterator[list[BarsInfo]]:
    """Series cut and put together so that each list holds at most RATES_PER_MESSAGE bars."""
    packed: list[BarsInfo] = []
    room = RATES_PER_MESSAGE
    for info in bars:
        rest = info.rates
        while rest:
            packed.append(BarsInfo(symbol=info.symbol, timeframe=info.timeframe, rates=rest[:room]))
            rest, room = rest[room:], room - len(rest[:room])
            if room == 0:
                yield packed
                packed, room = [], RATES_PER_MESSAGE
    if packed:
        yield packed


def _joined(parts: list[Parts]) -> list[Parts]:
    """Small increments travel in one message; a full snapshot goes piece by piece."""
    keys = [key for piece in parts for key in piece]
    small = all(_weight(piece) <= 50 for piece in parts) and len(keys) == len(set(keys))
    if not small:
        return parts
    joined = Parts()
    for piece in parts:
        joined.update(piece)
    return [joined]


def _weight(piece: Parts) -> int:
    lists = [value for value in piece.values() if isinstance(value, list)]
    bars = sum(len(info.rates) for info in piece.get("bars", []))
    return max([bars, *(len(items) for items in lists)])
