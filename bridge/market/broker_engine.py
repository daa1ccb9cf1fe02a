"""Time and fills of the simulated broker: ticks in order, and everything that acts by itself on the way."""

import math
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

import numpy as np

from bridge.market.broker_ledger import Ledger
from bridge.market.broker_money import TerminalMoney, swap_nights
from bridge.market.broker_types import Holding, Refusal, Working, exact, levels_of, other, sign
from bridge.market.recording import RecordedMarket
from bridge.market.tape import Levels, Tape
from sizing.snapshot import Quote, Side, SymbolSpec

DAY_MS = 86_400_000
STOP_OUT_LEVEL = 0.5
"""Equity over margin at which the broker closes the largest loser."""
RESTATE_MS = 60_000
"""How often the symbols' tick values follow the rates, in market time."""
BOUND_SLACK = 0.1
"""Share by which exchange rates may move within a day before the quick stop-out test could be wrong."""


class Trip(NamedTuple):
    """The next tick that reaches a stop, a target or a pending order, `at` on its tape. Ties go by symbol."""

    time_ms: int
    symbol: str
    at: int


class Wish(NamedTuple):
    """What an order asks for, before it has a price."""

    symbol: str
    side: Side
    volume: Decimal
    sl: float | None
    tp: float | None
    magic: int


class BrokerEngine:
    """Moves an account through a recording.

    Stops, targets and pending orders act tick by tick and fill at the tick that reaches them, so a gap fills beyond the
    stop; swaps are charged at midnight UTC; at a margin level of 50 % the largest loser is closed.

    `slippage_points` is lost on every fill that takes the market as it comes: market orders, closes and stops.
    """

    def __init__(
        self,
        market: RecordedMarket,
        *,
        currency: str,
        leverage: int,
        hedging: bool,
        slippage_points: float,
    ) -> None:
        self.market = market
        self.leverage = leverage
        self.slippage_points = slippage_points
        self.specs = {name: recorded.spec for name, recorded in market.symbols.items()}
        self.now_ms = market.start_ms
        self.money = TerminalMoney(self.specs, currency, leverage, self.quote)
        self._tapes = {name: Tape(recorded.ticks) for name, recorded in market.symbols.items()}
        self._first_money = TerminalMoney(self.specs, currency, leverage, self._first_quote)
        self._restated_ms = self.now_ms
        self._acting: tuple[int, dict[str, Levels]] = -1, {}
        self._ledger = Ledger(market, self.money, hedging=hedging)
        self._settle(self.now_ms)

    def quote(self, symbol: str) -> Quote | None:
        """The last tick so far, or None before the first and for an unknown symbol."""
        tape = self._tapes.get(symbol)
        return None if tape is None else tape.quote()

    def equity(self) -> float:
        """Balance, floating profit and accrued swap at the quotes of the moment."""
        ledger = self._ledger
        swaps = sum(held.swap for held in ledger.holdings.values())
        return ledger.rounded(ledger.balance + sum(ledger.floating(self._quotes()).values()) + swaps)

    def margin_free(self) -> float:
        """Equity less the margin in use."""
        return self._ledger.rounded(self.equity() - self._ledger.margin())

    def _quotes(self) -> dict[str, Quote]:
        """Quotes of the symbols that hold positions. A position is only ever opened on a quote, so each has one."""
        held = {holding.symbol for holding in self._ledger.holdings.values()}
        return {name: quote for name in held if (quote := self.quote(name)) is not None}

    def _holding(self, wish: Wish, price: float, ticket: int | None = None) -> Holding | Refusal:
        symbol, side, volume = wish.symbol, wish.side, wish.volume
        margin = self.money.margin(side, symbol, float(volume), price)
        if margin is None or self.money.profit(side, symbol, float(volume), price, price * 0.99) is None:
            return Refusal("no_conversion", f"no quote converts the money of {symbol} into {self.money.currency}")
        number = self._ledger.new_ticket() if ticket is None else ticket
        return Holding(
            ticket=number,
            symbol=symbol,
            side=side,
            volume=volume,
            price_open=price,
            margin=margin,
            sl=wish.sl,
            tp=wish.tp,
            magic=wish.magic,
            time_ms=self.now_ms,
        )

    def _affordable(self, new: Holding) -> Refusal | None:
        needed, free = self._ledger.margin_for(new), self.margin_free()
        if needed > max(free, 0.0):
            return Refusal("no_money", f"margin of {needed:.2f} needed, {free:.2f} free")
        return None

    def _slipped(self, spec: SymbolSpec, side: Side, price: float) -> float:
        """The price of a fill that takes the market as it comes: the slippage against the trader, on the price grid."""
        return max(spec.point, round(price + sign(side) * self.slippage_points * spec.point, spec.digits))

    # How time passes -------------------------------------------------------------------------------------------------

    def advance(self, to_ms: int) -> None:
        """Let the market run until `to_ms`, every tick of it included. An earlier time changes nothing."""
        while self.now_ms < to_ms:
            if not self._ledger.holdings and not self._ledger.working:
                self._settle(to_ms)
                break
            midnight = (self.now_ms // DAY_MS + 1) * DAY_MS
            self._run(min(to_ms, midnight - 1))
            if midnight <= to_ms:
                self._charge_swaps(midnight)
                self._run(midnight)
        self._restate_when_due()

    def _restate_when_due(self) -> None:
        if self.now_ms - self._restated_ms >= RESTATE_MS:
            self._restated_ms = self.now_ms
            self._restate()

    def _restate(self) -> None:
        """Bring tick values to the rates of the moment, as a terminal shows them; a recording has those of its start.

        A spec whose values stay the same stays the same object.
        """
        for name, recorded in self.market.symbols.items():
            spec, currency = recorded.spec, recorded.spec.currency_profit
            gain, loss = self.money.convert(1.0, currency), self.money.convert(-1.0, currency)
            gain_then, loss_then = self._first_rates[currency]
            if not (gain and gain_then and loss and loss_then):
                continue
            value = round(spec.trade_tick_value * gain / gain_then, 8)
            profit = round(spec.trade_tick_value_profit * gain / gain_then, 8)
            lost = round(spec.trade_tick_value_loss * loss / loss_then, 8)
            now = self.specs[name]
            if (value, profit, lost) != (now.trade_tick_value, now.trade_tick_value_profit, now.trade_tick_value_loss):
                self.specs[name] = replace(
                    spec, trade_tick_value=value, trade_tick_value_profit=profit, trade_tick_value_loss=lost
                )

    @cached_property
    def _first_rates(self) -> dict[str, tuple[float | None, float | None]]:
        """What gaining and losing one of each currency was worth when the recording began."""
        money = self._first_money
        currencies = {spec.currency_profit for spec in self.specs.values()}
        return {each: (money.convert(1.0, each), money.convert(-1.0, each)) for each in currencies}

    def _first_quote(self, symbol: str) -> Quote | None:
        recorded = self.market.symbols.get(symbol)
        if recorded is None:
            return None
        ticks = recorded.ticks
        return Quote(float(ticks.bid[0]), float(ticks.ask[0]), int(ticks.time_ms[0]))

    def _settle(self, ms: int) -> None:
        """Read every tape up to `ms`, where nothing happens on the way."""
        for tape in self._tapes.values():
            tape.settle(ms)
        self.now_ms = max(self.now_ms, ms)

    def _run(self, until: int) -> None:
        """Ticks up to `until`, within one day: each stop, target, pending order and stop-out in its turn."""
        while True:
            trip = self._next_trip(until)
            if self._run_to_stop_out(until if trip is None else trip.time_ms - 1):
                continue
            if trip is None:
                self._settle(until)
                return
            self._settle(trip.time_ms - 1)
            self.now_ms = max(self.now_ms, trip.time_ms)
            self._tapes[trip.symbol].read = trip.at + 1
            self._fire(trip.symbol)
            self._enforce_margin()

    def levels(self) -> dict[str, Levels]:
        """By symbol that holds a position or an order, the prices at which one of them acts."""
        ledger = self._ledger
        if self._acting[0] != ledger.changes:
            held, waiting = ledger.holdings.values(), ledger.working.values()
            names = {each.symbol for each in held} | {item.order.symbol for item in waiting}
            self._acting = (
                ledger.changes,
                {name: levels_of(ledger.of(name), ledger.waiting(name)) for name in names},
            )
        return self._acting[1]

    def _next_trip(self, until: int) -> Trip | None:
        trips = []
        for name, levels in self.levels().items():
            tape = self._tapes[name]
            end = tape.count_until(until)
            if end > tape.read:
                index = tape.first_trip(levels, end)
                if index is not None:
                    trips.append(Trip(int(tape.ticks.time_ms[index]), name, index))
        return min(trips, default=None)

    def _fire(self, symbol: str) -> None:
        """Whatever the tick just read reaches: positions first, in order of their age, then pending orders."""
        quote = self.quote(symbol)
        if quote is None:  # pragma: no cover - a trip is a tick that was read
            return
        spec, ledger = self.specs[symbol], self._ledger
        for held in ledger.of(symbol):
            reason = held.exit_reason(quote)
            if reason is not None:
                price = held.exit_price(quote)
                price = self._slipped(spec, other(held.side), price) if reason == "sl" else price
                ledger.leave(held, held.volume, price, self.now_ms, reason)
        for item in ledger.waiting(symbol):
            if item.reached(quote):
                self._fill(item, quote)

    def _fill(self, item: Working, quote: Quote) -> None:
        """A pending order becomes a position, or is withdrawn for want of margin."""
        order = item.order
        del self._ledger.working[order.ticket]
        self._ledger.changes += 1
        price = quote.ask if order.side == "buy" else quote.bid
        if item.kind == "stop":
            price = self._slipped(self.specs[order.symbol], order.side, price)
        wish = Wish(order.symbol, order.side, exact(order.volume_current), order.sl, order.tp, order.magic)
        new = self._holding(wish, price, order.ticket)
        if not isinstance(new, Refusal) and self._affordable(new) is None:
            self._ledger.enter(new)

    def _charge_swaps(self, midnight: int) -> None:
        # 1 January 1970 was a Thursday: day 4 of MT5's week, which begins on Sunday.
        day = (midnight // DAY_MS - 1 + 4) % 7
        for held in self._ledger.holdings.values():
            nights = swap_nights(day, self.specs[held.symbol].swap_rollover3days)
            night = self.money.swap(held.side, held.symbol, float(held.volume), held.price_open)
            held.swap = self._ledger.rounded(held.swap + nights * night)
        self._ledger.changes += 1
        self._enforce_margin()

    # Stop-out --------------------------------------------------------------------------------------------------------

    def _run_to_stop_out(self, until: int) -> bool:
        """Move to the first tick up to `until` at which the margin level calls, and act on it; False if there is none.

        Whole stretches are ruled out by their worst prices; only near a call does the search go down to single ticks.
        """
        if not self._ledger.holdings or self._out_of_danger(until):
            return False
        held = {holding.symbol for holding in self._ledger.holdings.values()}
        columns = [self._tapes[s].ticks.time_ms[self._tapes[s].read : self._tapes[s].count_until(until)] for s in held]
        times = np.unique(np.concatenate(columns))
        at = 0
        while at < len(times):
            end = len(times)
            while end - at > 1 and not self._out_of_danger(int(times[end - 1])):
                end = at + (end - at) // 2
            self._settle(int(times[end - 1]))
            if end - at == 1 and self._enforce_margin():
                return True
            at = end
        return False

    def _out_of_danger(self, until: int) -> bool:
        """Whether no mixture of the prices up to `until` could bring the margin level down to a call."""
        ledger, equity = self._ledger, self._ledger.balance
        for held in ledger.holdings.values():
            tape = self._tapes[held.symbol]
            worst = tape.extremes(tape.count_until(until))
            if worst is None:
                return False
            gain = ledger.gain(held, worst.bid if held.side == "buy" else worst.ask)
            equity += gain - BOUND_SLACK * abs(gain) + held.swap
        margin = ledger.margin()
        return equity > margin * STOP_OUT_LEVEL and equity > 0

    def _enforce_margin(self) -> bool:
        """Close the largest loser until the margin level is above the stop-out level; whether anything was closed."""
        acted = False
        while self._ledger.holdings:
            equity, margin = self.equity(), self._ledger.margin()
            level = equity / margin if margin > 0 else math.copysign(math.inf, equity)
            if level > STOP_OUT_LEVEL:
                break
            quotes = self._quotes()
            floating = self._ledger.floating(quotes)
            held = min(self._ledger.holdings.values(), key=lambda h: floating[h.ticket] + h.swap)
            price = self._slipped(self.specs[held.symbol], other(held.side), held.exit_price(quotes[held.symbol]))
            self._ledger.leave(held, held.volume, price, self.now_ms, "stop_out")
            acted = True
        return acted
