"""A broker over a recording: it holds an account, and trades it on recorded ticks as MetaTrader 5 would."""

import math
from dataclasses import replace
from decimal import Decimal

from bridge.market.broker_checks import check_pending_price, check_quote, check_stops, check_symbol, check_volume
from bridge.market.broker_engine import BrokerEngine, Wish
from bridge.market.broker_types import DealOrRefusal, Holding, PendingKind, Refusal, Working, exact, other, sign
from bridge.market.recording import BarSeries, RecordedMarket
from sizing.snapshot import Account, Deal, MoneyCheck, PendingOrder, Position, Quote, Side, SymbolSpec

LOTS_DECIMALS = 8
"""More than any volume step has."""


class SimulatedBroker(BrokerEngine):
    """An account on a recording: `advance` lets time pass (see BrokerEngine), the rest shows it and trades."""

    def __init__(
        self,
        market: RecordedMarket,
        *,
        login: int,
        balance: float,
        currency: str = "USD",
        leverage: int = 100,
        hedging: bool = True,
        slippage_points: float = 0.0,
    ) -> None:
        super().__init__(market, currency=currency, leverage=leverage, hedging=hedging, slippage_points=slippage_points)
        self.login = login
        self._bars: dict[tuple[str, str], BarSeries] = {}
        self._seen: tuple[int, int] | None = None
        self._deals: tuple[Deal, ...] = ()
        self._positions: tuple[Position, ...] = ()
        self._account: Account | None = None
        self._ledger.credit(balance, self.now_ms)

    # What the terminal shows -----------------------------------------------------------------------------------------

    def account(self) -> Account:
        """The account at this moment; the same object while nothing in it has changed."""
        self._refresh()
        if self._account is None:  # pragma: no cover - _refresh sets it
            raise AssertionError
        return self._account

    def positions(self) -> tuple[Position, ...]:
        """The open positions, oldest first; the same object while nothing in it has changed."""
        self._refresh()
        return self._positions

    def working(self) -> tuple[Working, ...]:
        """The pending orders with what they wait for, oldest first."""
        return tuple(self._ledger.working.values())

    def orders(self) -> tuple[PendingOrder, ...]:
        """The pending orders, oldest first."""
        return tuple(item.order for item in self._ledger.working.values())

    def deals(self) -> tuple[Deal, ...]:
        """Everything ever dealt, oldest first, the opening balance included."""
        if len(self._deals) != len(self._ledger.deals):
            self._deals = tuple(self._ledger.deals)
        return self._deals

    def bars(self, symbol: str, timeframe: str) -> BarSeries | None:
        """The bars that have closed so far; the same object until another one closes. None without any."""
        recorded = self.market.symbols.get(symbol)
        series = None if recorded is None else recorded.bars.get(timeframe)
        if series is None:
            return None
        closed = series.closed_before(self.now_ms)
        known = self._bars.get((symbol, timeframe))
        if known is None or len(known) != len(closed):
            known = self._bars[symbol, timeframe] = closed
        return known if len(known) else None

    def order_calc_profit(
        self, side: Side, symbol: str, lots: float, price_open: float, price_close: float
    ) -> float | None:
        """MQL5's OrderCalcProfit: account currency at the quotes of the moment."""
        return self.money.profit(side, symbol, lots, price_open, price_close)

    def order_calc_margin(self, side: Side, symbol: str, lots: float, price: float) -> float | None:
        """MQL5's OrderCalcMargin: account currency at the quotes of the moment, without regard to other positions."""
        return self.money.margin(side, symbol, lots, price)

    def checks(self, symbol: str) -> tuple[MoneyCheck, ...]:
        """What a terminal reports for cross-checking: one lot from the touch price to 1 % away, on the losing side."""
        quote, spec = self.quote(symbol), self.specs.get(symbol)
        if quote is None or spec is None:
            return ()
        return tuple(self._check(side, spec, quote) for side in ("buy", "sell"))

    def _check(self, side: Side, spec: SymbolSpec, quote: Quote) -> MoneyCheck:
        price = quote.ask if side == "buy" else quote.bid
        worse = round(price * (1 - sign(side) * 0.01), spec.digits)
        profit = self.order_calc_profit(side, spec.name, 1.0, price, worse)
        return MoneyCheck(spec.name, side, price, worse, profit, self.order_calc_margin(side, spec.name, 1.0, price))

    def _refresh(self) -> None:
        ledger = self._ledger
        seen = (ledger.changes, sum([tape.passed + tape.read for tape in self._tapes.values()]))
        if seen == self._seen:
            return
        before, self._seen = self._seen, seen
        if not ledger.holdings and before is not None and before[0] == ledger.changes:
            return  # ticks change nothing where nothing is held
        quotes = self._quotes()
        floating = ledger.floating(quotes)
        positions = tuple(held.position(quotes[held.symbol], floating[t]) for t, held in ledger.holdings.items())
        if positions != self._positions:
            self._positions = positions
        equity = ledger.rounded(ledger.balance + sum(p.profit + p.swap for p in positions))
        margin = ledger.margin()
        account = Account(
            login=self.login,
            currency=self.money.currency,
            balance=ledger.balance,
            equity=equity,
            margin=margin,
            margin_free=ledger.rounded(equity - margin),
            leverage=self.leverage,
            margin_mode=2 if ledger.hedging else 0,
        )
        if account != self._account:
            self._account = account

    # What the trader does --------------------------------------------------------------------------------------------

    def market_order(
        self,
        symbol: str,
        side: Side,
        volume: float,
        *,
        sl: float | None = None,
        tp: float | None = None,
        magic: int = 0,
    ) -> DealOrRefusal:
        """Open at the touch price. The deal's `position_id` is the position's ticket."""
        found = self._tradable(symbol, side, volume)
        if isinstance(found, Refusal):
            return found
        spec, quote = found
        out = quote.bid if side == "buy" else quote.ask
        refusal = check_stops(spec, side, out, sl=sl, tp=tp)
        if refusal is not None:
            return refusal
        price = self._slipped(spec, side, quote.ask if side == "buy" else quote.bid)
        new = self._holding(Wish(symbol, side, exact(volume), sl, tp, magic), price)
        if isinstance(new, Refusal):
            return new
        return self._affordable(new) or self._ledger.enter(new)

    def pending_order(
        self,
        symbol: str,
        side: Side,
        kind: PendingKind,
        volume: float,
        *,
        price: float,
        sl: float | None = None,
        tp: float | None = None,
        magic: int = 0,
    ) -> PendingOrder | Refusal:
        """Wait for a better price (limit) or for a worse one (stop)."""
        found = self._tradable(symbol, side, volume)
        if isinstance(found, Refusal):
            return found
        spec, quote = found
        refusal = check_pending_price(spec, side, kind, price, quote) or check_stops(spec, side, price, sl=sl, tp=tp)
        if refusal is not None:
            return refusal
        order = PendingOrder(
            ticket=self._ledger.new_ticket(),
            symbol=symbol,
            side=side,
            volume_current=float(volume),
            price_open=price,
            sl=sl,
            tp=tp,
            magic=magic,
            time_setup_ms=self.now_ms,
        )
        self._ledger.known.add(order.ticket)
        self._ledger.working[order.ticket] = Working(order, kind)
        self._ledger.changes += 1
        return order

    def close(self, ticket: int, volume: float | None = None) -> DealOrRefusal:
        """Close a position, or so many lots of it, at the market."""
        held = self._ledger.holdings.get(ticket)
        if held is None:
            return Refusal("unknown_ticket", f"no open position {ticket}")
        spec, quote = self.specs[held.symbol], self.quote(held.symbol)
        refusal = check_quote(held.symbol, quote, self.now_ms)
        if quote is None or refusal is not None:
            return refusal or Refusal("market_closed", held.symbol)
        lots = held.volume if volume is None else exact(volume)
        refusal = self._part_refusal(held, lots)
        if refusal is not None:
            return refusal
        price = self._slipped(spec, other(held.side), held.exit_price(quote))
        return self._ledger.leave(held, lots, price, self.now_ms)

    def modify(self, ticket: int, sl: float | None, tp: float | None) -> Position | PendingOrder | Refusal:
        """Set stop and target of a position or a pending order; None removes them."""
        held, item = self._ledger.holdings.get(ticket), self._ledger.working.get(ticket)
        if held is not None:
            return self._modify_position(held, sl, tp)
        if item is None:
            return Refusal("unknown_ticket", f"no position or order {ticket}")
        order = item.order
        price = order.price_open
        refusal = check_stops(self.specs[order.symbol], order.side, price, sl=sl, tp=tp)
        if refusal is not None:
            return refusal
        changed = replace(order, sl=sl, tp=tp)
        self._ledger.working[ticket] = Working(changed, item.kind)
        self._ledger.changes += 1
        return changed

    def cancel(self, ticket: int) -> PendingOrder | Refusal:
        """Withdraw a pending order."""
        item = self._ledger.working.pop(ticket, None)
        if item is None:
            return Refusal("unknown_ticket", f"no pending order {ticket}")
        self._ledger.changes += 1
        return item.order

    def adopt(
        self,
        ticket: int,
        symbol: str,
        side: Side,
        volume: float,
        *,
        price: float,
        sl: float | None = None,
        tp: float | None = None,
        magic: int = 0,
    ) -> DealOrRefusal:
        """Book a fill that happened elsewhere, at its own price. A ticket that was ever known is refused.

        It is a fact that is reported, so neither margin nor the side of the stops is asked about.
        """
        spec = self.specs.get(symbol)
        if spec is None:
            return Refusal("unknown_symbol", f"{symbol} is not among the broker's symbols")
        if ticket in self._ledger.known:
            return Refusal("known_ticket", f"{ticket} was booked before")
        if self.quote(symbol) is None:
            return Refusal("market_closed", f"{symbol} has no quote yet")
        refusal = check_volume(spec, volume)
        if refusal is not None:
            return refusal
        new = self._holding(Wish(symbol, side, exact(volume), sl, tp, magic), price, ticket)
        return new if isinstance(new, Refusal) else self._ledger.enter(new)

    def adopt_close(self, ticket: int, volume: float, price: float) -> DealOrRefusal:
        """Book a close that happened elsewhere, of a whole position or of a part of it, at its own price."""
        held = self._ledger.holdings.get(ticket)
        if held is None:
            return Refusal("unknown_ticket", f"no open position {ticket}")
        if not _is_price(price):
            return Refusal("invalid_price", f"{price} is no price")
        # What came since an earlier report is a difference of floats.
        lots = exact(round(volume, LOTS_DECIMALS))
        return self._part_refusal(held, lots) or self._ledger.leave(held, lots, price, self.now_ms)

    def adopt_stops(self, ticket: int, sl: float | None, tp: float | None) -> Refusal | None:
        """Set a position's stop and target as they were set elsewhere; None removes them."""
        held = self._ledger.holdings.get(ticket)
        if held is None:
            return Refusal("unknown_ticket", f"no open position {ticket}")
        if not all(level is None or _is_price(level) for level in (sl, tp)):
            return Refusal("invalid_stops", f"{sl} or {tp} is no price")
        held.sl, held.tp = sl, tp
        self._ledger.changes += 1
        return None

    def _part_refusal(self, held: Holding, lots: Decimal) -> Refusal | None:
        """Whether so many lots can be taken off a position: the rest must be one that the broker could hold."""
        for part in (lots, held.volume - lots):
            refusal = None if part in (held.volume, 0) else check_volume(self.specs[held.symbol], float(part))
            if refusal is not None or not 0 < lots <= held.volume:
                return refusal or Refusal("invalid_volume", f"{lots} lots of {held.volume}")
        return None

    def _tradable(self, symbol: str, side: Side, volume: float) -> tuple[SymbolSpec, Quote] | Refusal:
        spec, quote = self.specs.get(symbol), self.quote(symbol)
        refusal = check_symbol(symbol, spec, side)
        if spec is None or refusal is not None:
            return refusal or Refusal("unknown_symbol", symbol)
        taken = self._ledger.taken(symbol, side)
        refusal = check_volume(spec, volume, taken) or check_quote(symbol, quote, self.now_ms)
        if quote is None or refusal is not None:
            return refusal or Refusal("market_closed", symbol)
        return spec, quote

    def _modify_position(self, held: Holding, sl: float | None, tp: float | None) -> Position | Refusal:
        quote = self.quote(held.symbol)
        refusal = check_quote(held.symbol, quote, self.now_ms)
        if quote is None or refusal is not None:
            return refusal or Refusal("market_closed", held.symbol)
        price = held.exit_price(quote)
        refusal = check_stops(self.specs[held.symbol], held.side, price, sl=sl, tp=tp)
        if refusal is not None:
            return refusal
        held.sl, held.tp = sl, tp
        self._ledger.changes += 1
        return held.position(quote, self._ledger.gain(held, price))


def _is_price(price: float) -> bool:
    return math.isfinite(price) and price > 0
