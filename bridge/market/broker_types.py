"""What the simulated broker keeps: open positions, waiting orders, and its refusals."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from bridge.market.tape import Levels
from sizing.snapshot import Deal, PendingOrder, Position, Quote, Side

PendingKind = Literal["limit", "stop"]
RefusalReason = Literal[
    "unknown_symbol",
    "trade_disabled",
    "market_closed",
    "invalid_volume",
    "volume_limit",
    "invalid_price",
    "invalid_stops",
    "no_money",
    "no_conversion",
    "unknown_ticket",
    "known_ticket",
]


class Refusal(NamedTuple):
    """Why the broker did not do it: a stable word, and a sentence for a person."""

    reason: RefusalReason
    message: str


DealOrRefusal = Deal | Refusal


def sign(side: Side) -> int:
    """+1 for a buy, -1 for a sell."""
    return 1 if side == "buy" else -1


def other(side: Side) -> Side:
    """The opposite side."""
    return "sell" if side == "buy" else "buy"


def exact(number: float) -> Decimal:
    """The decimal number that the float stands for when printed; lots are reckoned in these, never in floats."""
    return Decimal(repr(float(number)))


@dataclass(slots=True, kw_only=True)
class Holding:
    """An open position. In account currency: `swap`, accrued and not yet realised; `margin`, of the whole volume."""

    ticket: int
    symbol: str
    side: Side
    volume: Decimal
    price_open: float
    margin: float
    sl: float | None
    tp: float | None
    magic: int
    time_ms: int
    swap: float = 0.0

    def exit_price(self, quote: Quote) -> float:
        """The side of the book that closes it: a buy at bid, a sell at ask."""
        return quote.bid if self.side == "buy" else quote.ask

    def exit_reason(self, quote: Quote) -> Literal["sl", "tp"] | None:
        """Whether this quote reaches the stop (which comes first) or the target."""
        price, way = self.exit_price(quote), sign(self.side)
        if self.sl is not None and (price - self.sl) * way <= 0:
            return "sl"
        if self.tp is not None and (price - self.tp) * way >= 0:
            return "tp"
        return None

    def position(self, quote: Quote, profit: float) -> Position:
        """As the terminal shows it."""
        return Position(
            ticket=self.ticket,
            symbol=self.symbol,
            side=self.side,
            volume=float(self.volume),
            price_open=self.price_open,
            price_current=self.exit_price(quote),
            sl=self.sl,
            tp=self.tp,
            profit=profit,
            swap=self.swap,
            magic=self.magic,
            time_ms=self.time_ms,
        )


class Working(NamedTuple):
    """A pending order and what it waits for: a better price (limit) or a worse one (stop)."""

    order: PendingOrder
    kind: PendingKind

    @property
    def type(self) -> int:
        """ENUM_ORDER_TYPE: 2 buy limit, 3 sell limit, 4 buy stop, 5 sell stop."""
        return (2 if self.kind == "limit" else 4) + (0 if self.order.side == "buy" else 1)

    def reached(self, quote: Quote) -> bool:
        """Whether the order fills at this quote."""
        buying = self.order.side == "buy"
        price = quote.ask if buying else quote.bid
        falls = buying == (self.kind == "limit")
        return price <= self.order.price_open if falls else price >= self.order.price_open


def levels_of(holdings: Iterable[Holding], working: Iterable[Working]) -> Levels:
    """The nearest price on each side of one symbol's book at which a stop, a target or a pending order acts."""
    bid_below: list[float] = []
    bid_above: list[float] = []
    ask_below: list[float] = []
    ask_above: list[float] = []
    for held in holdings:
        falling, rising = (bid_below, bid_above) if held.side == "buy" else (ask_below, ask_above)
        below, above = (held.sl, held.tp) if held.side == "buy" else (held.tp, held.sl)
        falling.extend([] if below is None else [below])
        rising.extend([] if above is None else [above])
    for item in working:
        limit, price = item.kind == "limit", item.order.price_open
        if item.order.side == "buy":
            (ask_below if limit else ask_above).append(price)
        else:
            (bid_above if limit else bid_below).append(price)
    return Levels(
        max(bid_below, default=None),
        min(bid_above, default=None),
        max(ask_below, default=None),
        min(ask_above, default=None),
    )
