"""The account that the simulated broker keeps: what is open, what was dealt, and the money of both."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal

from bridge.errors import MarketError
from bridge.market.broker_money import TerminalMoney
from bridge.market.broker_types import Holding, Working, exact
from bridge.market.recording import RecordedMarket
from sizing.snapshot import Deal, Quote, Side

FIRST_TICKET = 1_000_001
ENTRY_IN, ENTRY_OUT, ENTRY_INOUT = 0, 1, 2
WITHOUT_CENTS = frozenset({"JPY", "KRW", "CLP"})


class Ledger:
    """Holdings, working orders and deals. Every change passes through here and counts up `changes`.

    Money is rounded to the currency's digits when it is booked, as a broker does, so the balance is always the sum of
    the deals.
    """

    def __init__(self, market: RecordedMarket, money: TerminalMoney, *, hedging: bool) -> None:
        self.money = money
        self.hedging = hedging
        self.holdings: dict[int, Holding] = {}
        self.working: dict[int, Working] = {}
        self.deals: list[Deal] = []
        self.balance = 0.0
        self.changes = 0
        self.known: set[int] = set()
        """Every position and order there ever was, so that no fill is booked twice."""
        self.on_leave: Callable[[Holding, Deal, str], None] | None = None
        """Hears of every close: the position, the deal, and why ("sl", "tp", "stop_out", "reverse", "exit")."""
        self._margin: tuple[int, float] = -1, 0.0
        self._market = market
        self._digits = 0 if money.currency in WITHOUT_CENTS else 2
        self._next = FIRST_TICKET

    def new_ticket(self) -> int:
        """A number nobody has had."""
        while self._next in self.known:
            self._next += 1
        self._next += 1
        return self._next - 1

    def rounded(self, amount: float) -> float:
        """Money in the currency's digits."""
        return round(amount, self._digits)

    def credit(self, amount: float, now_ms: int) -> Deal:
        """A balance operation, as MT5 records a deposit: a deal without symbol."""
        ticket = self.new_ticket()
        return self._book(
            Deal(
                ticket=ticket,
                position_id=0,
                symbol="",
                entry=ENTRY_IN,
                volume=0.0,
                price=0.0,
                profit=self.rounded(amount),
                time_ms=now_ms,
            )
        )

    @property
    def next_number(self) -> int:
        """Where the search for the next number begins."""
        return self._next

    def restore(self, balance: float, deals: list[Deal], holdings: list[Holding], known: set[int], number: int) -> None:
        """Stand where another ledger stood, with nothing waiting."""
        self.balance, self.deals, self.known, self._next = balance, deals, known, number
        self.holdings = {held.ticket: held for held in holdings}
        self.working = {}
        self._margin = -1, 0.0

    def of(self, symbol: str) -> list[Holding]:
        """The open positions in a symbol, oldest first."""
        return [held for held in self.holdings.values() if held.symbol == symbol]

    def waiting(self, symbol: str) -> list[Working]:
        """The pending orders in a symbol, oldest first."""
        return [item for item in self.working.values() if item.order.symbol == symbol]

    def taken(self, symbol: str, side: Side) -> Decimal:
        """Lots open and pending on one side, which volume_limit counts."""
        held = sum((h.volume for h in self.of(symbol) if h.side == side), Decimal(0))
        orders = [item.order for item in self.waiting(symbol) if item.order.side == side]
        return held + sum((exact(order.volume_current) for order in orders), Decimal(0))

    def gain(self, held: Holding, price: float, lots: Decimal | None = None) -> float:
        """Profit of a position, or of a part of it, closed at a price; without swap and commission."""
        volume = float(held.volume if lots is None else lots)
        amount = self.money.profit(held.side, held.symbol, volume, held.price_open, price)
        if amount is None:
            # Entries that do not convert are refused, and a quote once seen stays: this is a fault of the recording.
            raise MarketError(f"{held.symbol}: no quote converts its profit into {self.money.currency}")
        return self.rounded(amount)

    def margin(self) -> float:
        """Margin in use: of a hedged symbol only the uncovered volume of the larger side, at its average."""
        if self._margin[0] != self.changes:
            symbols = dict.fromkeys(held.symbol for held in self.holdings.values())
            margin = self.rounded(sum(uncovered_margin(self.of(symbol)) for symbol in symbols))
            self._margin = self.changes, margin
        return self._margin[1]

    def margin_for(self, new: Holding) -> float:
        """What the margin in use would grow by; negative where the position covers others."""
        before = self.of(new.symbol)
        return self.rounded(uncovered_margin([*before, new]) - uncovered_margin(before))

    def enter(self, new: Holding) -> Deal:
        """Book a fill: a position of its own where hedging, else into the symbol's one position."""
        self.known.add(new.ticket)
        current = None if self.hedging else next(iter(self.of(new.symbol)), None)
        if current is None:
            self.holdings[new.ticket] = new
            return self._deal(new, ENTRY_IN, new.volume, new.price_open, profit=0.0, swap=0.0, now_ms=new.time_ms)
        if current.side == new.side:
            return self._add(current, new)
        if new.volume <= current.volume:
            return self.leave(current, new.volume, new.price_open, new.time_ms, "reverse")
        return self._flip(current, new)

    def leave(self, held: Holding, lots: Decimal, price: float, now_ms: int, reason: str = "exit") -> Deal:
        """Close a position or a part of it; swap and margin go with it in proportion."""
        share = float(lots / held.volume)
        profit = self.gain(held, price, lots)
        whole = lots == held.volume
        swap = held.swap if whole else self.rounded(held.swap * share)
        if whole:
            del self.holdings[held.ticket]
        else:
            held.volume -= lots
            held.swap = self.rounded(held.swap - swap)
            held.margin *= 1 - share
        deal = self._deal(held, ENTRY_OUT, lots, price, profit=profit, swap=swap, now_ms=now_ms)
        if self.on_leave is not None:
            self.on_leave(held, deal, reason)
        return deal

    def _add(self, current: Holding, new: Holding) -> Deal:
        """Netting: more on the same side averages the price; stops that come with it replace the old ones."""
        total = current.volume + new.volume
        weight = float(new.volume / total)
        current.price_open += (new.price_open - current.price_open) * weight
        current.volume = total
        current.margin += new.margin
        current.sl = current.sl if new.sl is None else new.sl
        current.tp = current.tp if new.tp is None else new.tp
        return self._deal(current, ENTRY_IN, new.volume, new.price_open, profit=0.0, swap=0.0, now_ms=new.time_ms)

    def _flip(self, current: Holding, new: Holding) -> Deal:
        """Netting: an opposite order larger than the position turns it round, in one deal (DEAL_ENTRY_INOUT)."""
        profit, swap = self.gain(current, new.price_open), current.swap
        dealt, left = new.volume, new.volume - current.volume
        new.margin *= float(left / new.volume)
        new.volume, new.ticket = left, current.ticket
        self.holdings[current.ticket] = new
        deal = self._deal(new, ENTRY_INOUT, dealt, new.price_open, profit=profit, swap=swap, now_ms=new.time_ms)
        if self.on_leave is not None:
            paid = self.rounded(deal.commission * float(current.volume / dealt))
            closed = replace(deal, entry=ENTRY_OUT, volume=float(current.volume), commission=paid)
            self.on_leave(current, closed, "reverse")
        return deal

    def _deal(
        self, held: Holding, entry: int, lots: Decimal, price: float, *, profit: float, swap: float, now_ms: int
    ) -> Deal:
        per_lot = self._market.symbols[held.symbol].commission_per_lot
        return self._book(
            Deal(
                ticket=self.new_ticket(),
                position_id=held.ticket,
                symbol=held.symbol,
                entry=entry,
                volume=float(lots),
                price=price,
                profit=profit,
                time_ms=now_ms,
                swap=swap,
                # Half of the round trip when a lot is opened, half when it is closed.
                commission=0.0 - self.rounded(per_lot / 2 * float(lots)),
                magic=held.magic,
            )
        )

    def _book(self, deal: Deal) -> Deal:
        self.known.add(deal.ticket)
        self.deals.append(deal)
        self.balance = self.rounded(self.balance + deal.net)
        self.changes += 1
        return deal

    def floating(self, quotes: dict[str, Quote]) -> dict[int, float]:
        """Profit of every open position at these quotes, by ticket; without swap."""
        return {t: self.gain(held, held.exit_price(quotes[held.symbol])) for t, held in self.holdings.items()}


def uncovered_margin(holdings: Iterable[Holding]) -> float:
    """Margin of one symbol's positions: the larger side's average, for the volume that the other does not cover."""
    lots = {"buy": Decimal(0), "sell": Decimal(0)}
    money = {"buy": 0.0, "sell": 0.0}
    for held in holdings:
        lots[held.side] += held.volume
        money[held.side] += held.margin
    larger: Side = "buy" if lots["buy"] >= lots["sell"] else "sell"
    if lots[larger] == 0:
        return 0.0
    return money[larger] * float(abs(lots["buy"] - lots["sell"]) / lots[larger])
