"""A broker with exact books, on a hedging or a netting account: what the stateful tests compare the daemon with.

Money is in USD, the account's currency; a lot is 100,000 units; times are UTC milliseconds. Nothing here is shared with
the code under test.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Side = Literal["buy", "sell"]
MarginMode = Literal[0, 2]

PIP = {"EURUSD": 0.0001, "USDJPY": 0.01, "EURJPY": 0.01}
DIGITS = {"EURUSD": 5, "USDJPY": 3, "EURJPY": 3}
START = {"EURUSD": 1.1, "USDJPY": 150.0, "EURJPY": 165.0}
SYMBOLS = tuple(PIP)
LOT = 100_000.0
GAP = 0.005
"""What the policy assumes that the market jumps beyond a stop, as a share of the price."""
COMMISSION = 3.5
"""Per lot, when a position is opened and again when it is closed."""
SWAP = {"buy": -6.0, "sell": -2.0}
"""Per lot and night, in account currency (swap mode 4); three times on Wednesdays."""
DAY_MS = 86_400_000
OFFSET_MS = 7_200_000
"""The broker's clock runs two hours ahead of UTC."""
_SIGN = {"buy": 1, "sell": -1}


@dataclass
class Held:
    """An open position."""

    ticket: int
    symbol: str
    side: Side
    lots: float
    opened: float
    sl: float
    tp: float
    magic: int
    time_ms: int
    swap: float = 0.0


@dataclass
class Waiting:
    """A pending order. `limit` ones wait for a better price, others for a worse one."""

    ticket: int
    symbol: str
    side: Side
    lots: float
    price: float
    sl: float
    tp: float
    magic: int
    time_ms: int
    limit: bool


@dataclass(frozen=True)
class Booked:
    """A deal, and the balance after it."""

    ticket: int
    time_ms: int
    position: int
    symbol: str
    entry: int
    lots: float
    price: float
    profit: float
    swap: float
    commission: float
    magic: int
    balance: float


@dataclass(frozen=True)
class Statement:
    """The account as it stood at one moment."""

    at_ms: int
    balance: float
    equity: float
    positions: tuple[Held, ...]
    orders: tuple[Waiting, ...]
    bids: dict[str, float]
    deals: int
    """How many had been booked."""

    @property
    def flat(self) -> bool:
        """Nothing is open."""
        return not self.positions


@dataclass
class Broker:
    """`now_ms` is set from outside; `moved` collects orders that were triggered, as (order, position's ticket)."""

    now_ms: int
    mode: MarginMode
    bids: dict[str, float] = field(default_factory=lambda: dict(START))
    balance: float = 0.0
    positions: dict[int, Held] = field(default_factory=dict)
    orders: dict[int, Waiting] = field(default_factory=dict)
    deals: list[Booked] = field(default_factory=list)
    triggered: list[tuple[int, int]] = field(default_factory=list)
    _next_ticket: int = 1000

    # Prices and money ------------------------------------------------------------------------------------------------

    def ask(self, symbol: str) -> float:
        """The bid and one pip."""
        return round(self.bids[symbol] + PIP[symbol], DIGITS[symbol])

    def opening_price(self, symbol: str, side: Side) -> float:
        """Where a market order opens."""
        return self.ask(symbol) if side == "buy" else self.bids[symbol]

    def closing_price(self, symbol: str, side: Side) -> float:
        """Where a position of this side closes."""
        return self.bids[symbol] if side == "buy" else self.ask(symbol)

    @property
    def equity(self) -> float:
        """Balance and what floats."""
        floating = sum(self.profit(each) + each.swap for each in self.positions.values())
        return round(self.balance + floating, 2)

    def profit(self, held: Held) -> float:
        """Floating profit at the present price, without swaps."""
        return profit_at(held.symbol, held.side, held.lots, held.opened, self._exit(held), self.bids)

    def statement(self) -> Statement:
        """A copy of everything as it is now."""
        return Statement(
            self.now_ms,
            self.balance,
            self.equity,
            tuple(replace(each) for each in self.positions.values()),
            tuple(replace(each) for each in self.orders.values()),
            dict(self.bids),
            len(self.deals),
        )

    # Trades ----------------------------------------------------------------------------------------------------------

    def pay(self, money: float) -> None:
        """A deposit, or a withdrawal where it is negative."""
        self._book(0, "", 0, 0.0, 0.0, money)

    def open(
        self,
        symbol: str,
        side: Side,
        lots: float,
        sl: float,
        tp: float,
        magic: int,
        price: float | None = None,
        ticket: int | None = None,
    ) -> int:
        """Fill an order at the market or at a price; the position's ticket. A netting account merges."""
        price = self.opening_price(symbol, side) if price is None else price
        there = next((each for each in self.positions.values() if each.symbol == symbol), None)
        if self.mode == 0 and there is not None:
            return self._net(there, side, lots, price, sl, tp, magic)
        held = Held(ticket or self._ticket(), symbol, side, lots, price, sl, tp, magic, self.now_ms)
        self.positions[held.ticket] = held
        self._book(held.ticket, symbol, 0, lots, price, 0.0, magic=magic)
        return held.ticket

    def grow(self, ticket: int, lots: float) -> None:
        """One more deal of the same order into its position, at the position's own price."""
        held = self.positions[ticket]
        held.lots = _volume(held.lots + lots)
        self._book(ticket, held.symbol, 0, lots, held.opened, 0.0, magic=held.magic)

    def close(self, ticket: int, lots: float | None = None, price: float | None = None) -> None:
        """Close a position, or so many lots of it, at the market or at a price."""
        held = self.positions[ticket]
        part = held.lots if lots is None else min(lots, held.lots)
        price = self._exit(held) if price is None else price
        profit = profit_at(held.symbol, held.side, part, held.opened, price, self.bids)
        swap = round(held.swap * part / held.lots, 2)
        held.swap = round(held.swap - swap, 2)
        held.lots = _volume(held.lots - part)
        if held.lots == 0:
            del self.positions[ticket]
        self._book(ticket, held.symbol, 1, part, price, profit, swap, held.magic)

    def place(self, symbol: str, side: Side, lots: float, price: float, sl: float, tp: float, magic: int) -> int:
        """Place a pending order; its ticket."""
        limit = (price - self.opening_price(symbol, side)) * _SIGN[side] <= 0
        order = Waiting(self._ticket(), symbol, side, lots, price, sl, tp, magic, self.now_ms, limit)
        self.orders[order.ticket] = order
        return order.ticket

    # Time and market -------------------------------------------------------------------------------------------------

    def move(self, symbol: str, pips: float, *, jump: bool) -> None:
        """Bring the bid to another price, in one jump or through all prices between; stops and orders are executed."""
        aim = round(self.bids[symbol] + pips * PIP[symbol], DIGITS[symbol])
        self.bids[symbol] = aim
        for order in [each for each in self.orders.values() if each.symbol == symbol]:
            reached = (self.opening_price(symbol, order.side) - order.price) * _SIGN[order.side]
            if (reached <= 0) if order.limit else (reached >= 0):
                del self.orders[order.ticket]
                price = self.opening_price(symbol, order.side) if jump else order.price
                args = symbol, order.side, order.lots, order.sl, order.tp, order.magic
                self.triggered.append((order.ticket, self.open(*args, price=price, ticket=order.ticket)))
        for held in [each for each in self.positions.values() if each.symbol == symbol]:
            now, sign = self._exit(held), _SIGN[held.side]
            if held.sl and (now - held.sl) * sign <= 0:
                self.close(held.ticket, price=now if jump else held.sl)
            elif held.tp and (now - held.tp) * sign >= 0:
                self.close(held.ticket, price=held.tp)

    def advance(self, to_ms: int) -> bool:
        """Let time pass; whether swaps were charged, at the broker's midnight."""
        charged = False
        while (night := next_midnight(self.now_ms)) <= to_ms:
            self.now_ms = night
            nights = 3 if ((night - DAY_MS // 2) // DAY_MS + 4) % 7 == 3 else 1
            for held in self.positions.values():
                held.swap = round(held.swap + nights * SWAP[held.side] * held.lots, 2)
                charged = True
        self.now_ms = to_ms
        return charged

    # Inside ----------------------------------------------------------------------------------------------------------

    def _net(self, there: Held, side: Side, lots: float, price: float, sl: float, tp: float, magic: int) -> int:
        if there.side == side:
            whole = there.lots + lots
            there.opened = (there.opened * there.lots + price * lots) / whole
            there.lots, there.sl, there.tp = _volume(whole), sl, tp
            self._book(there.ticket, there.symbol, 0, lots, price, 0.0, magic=magic)
        elif lots <= there.lots:
            self.close(there.ticket, lots, price)
        else:
            profit = profit_at(there.symbol, there.side, there.lots, there.opened, price, self.bids)
            swap, there.swap = there.swap, 0.0
            there.side, there.lots, there.opened = side, _volume(lots - there.lots), price
            there.sl, there.tp = sl, tp
            self._book(there.ticket, there.symbol, 2, lots, price, profit, swap, magic)
        return there.ticket

    def _exit(self, held: Held) -> float:
        return self.closing_price(held.symbol, held.side)

    def _ticket(self) -> int:
        self._next_ticket += 1
        return self._next_ticket

    def _book(
        self, position: int, symbol: str, entry: int, lots: float, price: float, profit: float, swap: float = 0.0,
        magic: int = 0,
    ) -> None:  # fmt: skip
        profit, commission = round(profit, 2), round(-COMMISSION * lots, 2)
        self.balance = round(self.balance + profit + swap + commission, 2)
        self.deals.append(
            Booked(
                self._ticket(), self.now_ms, position, symbol, entry, lots, price, profit, swap, commission, magic,
                self.balance,
            )
        )  # fmt: skip


def profit_at(symbol: str, side: Side, lots: float, opened: float, closed: float, bids: dict[str, float]) -> float:
    """What a position earns between two prices; yen are converted where that hurts."""
    made = (closed - opened) * _SIGN[side] * lots * LOT
    if symbol == "USDJPY":
        return made / closed
    if symbol == "EURJPY":
        return made / (bids["USDJPY"] if made < 0 else bids["USDJPY"] + PIP["USDJPY"])
    return made


def stopped(
    symbol: str, side: Side, lots: float, opened: float, sl: float, start: float, bids: dict[str, float]
) -> float:
    """What a position earns when the market jumps from `start` through its stop by the modelled gap."""
    return profit_at(symbol, side, lots, opened, sl - _SIGN[side] * GAP * start, bids) - COMMISSION * lots


def next_midnight(now_ms: int) -> int:
    """When the broker's next day begins."""
    return (now_ms + OFFSET_MS) // DAY_MS * DAY_MS + DAY_MS - OFFSET_MS


def position_fields(broker: Broker, positions: Iterable[Held]) -> list[dict[str, Any]]:
    """Open positions as MT5 shows them."""
    return [
        {
            "ticket": each.ticket, "symbol": each.symbol, "type": int(each.side == "sell"), "volume": each.lots,
            "price_open": each.opened, "price_current": broker.closing_price(each.symbol, each.side), "sl": each.sl,
            "tp": each.tp, "profit": round(broker.profit(each), 2), "swap": each.swap, "magic": each.magic,
            "time_msc": each.time_ms + OFFSET_MS,
        }
        for each in positions
    ]  # fmt: skip


def order_fields(orders: Iterable[Waiting]) -> list[dict[str, Any]]:
    """Pending orders as MT5 shows them."""
    return [
        {
            "ticket": each.ticket, "symbol": each.symbol, "type": (2 if each.limit else 4) + (each.side == "sell"),
            "volume_current": each.lots, "price_open": each.price, "sl": each.sl, "tp": each.tp, "magic": each.magic,
            "time_setup_msc": each.time_ms + OFFSET_MS,
        }
        for each in orders
    ]  # fmt: skip


def deal_fields(deals: Iterable[Booked]) -> list[dict[str, Any]]:
    """Deals as MT5 shows them."""
    return [
        {
            "ticket": each.ticket, "time_msc": each.time_ms + OFFSET_MS, "profit": each.profit, "entry": each.entry,
            "position_id": each.position, "symbol": each.symbol, "volume": each.lots, "price": each.price,
            "swap": each.swap, "commission": each.commission, "magic": each.magic,
        }
        for each in deals
    ]  # fmt: skip


def _volume(lots: float) -> float:
    return round(lots, 2)
