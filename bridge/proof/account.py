"""One simulated account: what it holds, how prices move it, and when it first stands on the wrong side of a floor."""

from typing import NamedTuple

from bridge.proof.floors import Floors
from bridge.proof.history import Past
from sizing.money import CFDINDEX
from sizing.snapshot import Side


class Holding:
    """An open position. `target` is where it is closed with a gain, `tp` that of the order, if it had one.

    `least` is the profit that the engine takes it to end with at worst: the highest of all its figures so far.
    """

    __slots__ = ("close_ms", "least", "lots", "margin", "opened", "opened_ms", "sign", "sl", "swap", "symbol",
                 "target", "ticket", "tp")  # fmt: skip

    def __init__(self, ticket: int, order: "Order", opened: float, opened_ms: int) -> None:
        self.ticket = ticket
        self.symbol, self.sign, self.lots = order.symbol, order.sign, order.lots
        self.opened, self.opened_ms = opened, opened_ms
        self.sl, self.target, self.tp = order.sl, order.target, order.tp
        self.close_ms, self.margin, self.least = order.close_ms, order.margin, -order.worst
        self.swap = 0.0

    @property
    def side(self) -> Side:
        """Buy or sell."""
        return "buy" if self.sign > 0 else "sell"


class Order(NamedTuple):
    """A granted order. `worst` is what all its lots may lose within the modelled allowance, in account currency."""

    symbol: int
    sign: int
    lots: float
    sl: float
    target: float
    tp: float | None
    close_ms: int
    worst: float
    margin: float


class Costs(NamedTuple):
    """Per symbol: half the round trip's commission of a lot, and the slippage in price."""

    half_commission: list[float]
    slippage: list[float]


class Terms(NamedTuple):
    """What turns prices of the symbols into money."""

    past: Past
    spreads: list[float]
    costs: Costs
    units: list[float]
    """Profit currency per lot and 1.0 of price."""
    inverse: list[bool]
    """The account's currency is the pair's base: a trade converts at its own closing price."""


def terms_of(past: Past) -> Terms:
    """The terms of all symbols of a past."""
    specs = [each.spec for each in past.instruments]
    classes = [each.symbol_class for each in past.instruments]
    return Terms(
        past,
        [each.spread for each in past.instruments],
        Costs(
            [each.commission_per_lot / 2 for each in classes],
            [each.slippage_points * spec.point for each, spec in zip(classes, specs, strict=True)],
        ),
        [
            spec.trade_tick_value / spec.trade_tick_size
            if spec.trade_calc_mode == CFDINDEX
            else spec.trade_contract_size
            for spec in specs
        ],
        [spec.currency_base == "USD" and spec.currency_profit != "USD" for spec in specs],
    )


class Account:
    """Moves through prices. `breach` is the first rule that was breached; nothing happens after that."""

    def __init__(self, terms: Terms, floors: Floors, shadow: Floors, balance: float, *, cut: bool) -> None:
        """With `cut`, no position that is jumped over its stop loses more than the engine's figure for it.

        `shadow` are the same floors as somebody keeps them who begins the day at the broker's midnight.
        """
        self.terms, self.floors, self.shadow, self.balance = terms, floors, shadow, balance
        self.holdings: list[Holding] = []
        self.breach: str | None = None
        self.gaps = self.cuts = 0
        """Stops that were jumped over, and those of them that lost less than the jump wanted."""
        self.exposed = False
        """Whether at some moment everything open, had it lost its worst case at once, would have breached a rule."""
        self._cut = cut
        self._ticket = 0
        self._borne: tuple[int, float, int] | None = None

    def open(self, order: Order, bids: list[float], now_ms: int) -> None:
        """Fill a market order at the price of the moment, with slippage; half the commission is booked at once."""
        terms, symbol = self.terms, order.symbol
        price = bids[symbol] + (terms.spreads[symbol] if order.sign > 0 else 0.0)
        self._ticket += 1
        holding = Holding(self._ticket, order, price + order.sign * terms.costs.slippage[symbol], now_ms)
        self.holdings.append(holding)
        self.balance -= order.lots * terms.costs.half_commission[symbol]
        holding.least += order.lots * terms.costs.half_commission[symbol]
        self.look(bids)

    def profit(self, holding: Holding, price: float, bids: list[float]) -> float:
        """What closing at a price makes, before commission and swap; other currencies convert on the worse side."""
        terms, symbol = self.terms, holding.symbol
        made = (price - holding.opened) * holding.sign * terms.units[symbol] * holding.lots
        if terms.inverse[symbol]:
            return made / price
        rate = terms.past.rates[symbol]
        return made if rate.pair is None else made * rate.at(bids, terms.spreads, owed=made < 0)

    def floating(self, holding: Holding, bids: list[float]) -> float:
        """Profit at the prices of the moment, swap included."""
        symbol = holding.symbol
        price = bids[symbol] + (0.0 if holding.sign > 0 else self.terms.spreads[symbol])
        return self.profit(holding, price, bids) + holding.swap

    def equity(self, bids: list[float]) -> float:
        """Balance and everything that floats."""
        return self.balance + sum(self.floating(each, bids) for each in self.holdings)

    def margin(self) -> float:
        """Margin in use."""
        return sum(each.margin for each in self.holdings)

    def look(self, bids: list[float]) -> None:
        """Compare with every floor."""
        if self.breach is None:
            equity, floats = self.balance, []
            for each in self.holdings:
                floats.append(made := self.floating(each, bids))
                equity += made
            self.breach = self.floors.seen(self.balance, equity)
            self.shadow.follow(self.balance, equity)
            if self._cut and not self.exposed and self.holdings:
                self._bear()
            if self.floors.floating_limit is not None and self.breach is None:
                self.breach = self.floors.floating(-sum(each for each in floats if each < 0))

    def _bear(self) -> None:
        """Compare the worst case of everything with every floor, where something in it has changed."""
        key = self.floors.moves, self.balance, len(self.holdings)
        if key != self._borne:
            self._borne = key
            least = [each.least for each in self.holdings]
            losing = -sum(each for each in least if each < 0)
            self.exposed = not self.floors.bear(self.balance + sum(least)) or bool(self.floors.floating(losing))

    def move(self, before: list[float], after: list[float], jumping: frozenset[int] | None, *, all_jump: bool) -> None:
        """Let prices run from one moment to the next; stops and targets are filled on the way, each at its price."""
        if not self.holdings:
            return
        if all_jump:
            self._jumped(after, jumping, all_jump=True)
            return
        now = before
        if jumping:
            now = [after[i] if i in jumping else each for i, each in enumerate(before)]
            self._jumped(now, jumping, all_jump=False)
        self._run(now, after)

    def _jumped(self, bids: list[float], jumping: frozenset[int] | None, *, all_jump: bool) -> None:
        """Whatever the jump has reached is filled where the price has landed."""
        results: list[tuple[Holding, float]] = []
        for holding in self.holdings:
            symbol = holding.symbol
            if not all_jump and (jumping is None or symbol not in jumping):
                continue
            price = bids[symbol] + (0.0 if holding.sign > 0 else self.terms.spreads[symbol])
            if (price - holding.sl) * holding.sign <= 0:
                results.append((holding, self._gapped(holding, price, bids)))
            elif (price - holding.target) * holding.sign >= 0:
                results.append((holding, self.profit(holding, price, bids)))
        if self.floors.floating_limit is not None and self.breach is None:
            told = {holding.ticket: made + holding.swap for holding, made in results}
            losing = (
                told.get(each.ticket, 0.0) if each.ticket in told else self.floating(each, bids)
                for each in self.holdings
            )
            self.breach = self.floors.floating(-sum(each for each in losing if each < 0))
        for holding, made in sorted(results, key=lambda result: -result[1]):
            self._book(holding, made)
        self.look(bids)

    def _gapped(self, holding: Holding, price: float, bids: list[float]) -> float:
        """The profit of a stop that was jumped over: at the landing with slippage, or at the allowance's end."""
        self.gaps += 1
        slipped = holding.sign * self.terms.costs.slippage[holding.symbol]
        made = self.profit(holding, price - slipped, bids)
        if not self._cut:
            return made
        charged = holding.lots * self.terms.costs.half_commission[holding.symbol]
        at_stop = self.profit(holding, holding.sl - slipped, bids)
        allowed = min(at_stop, max(made, holding.least + charged - holding.swap))
        self.cuts += allowed > made
        return allowed

    def _run(self, before: list[float], after: list[float]) -> None:
        """Straight lines from one moment to the next: stops and targets in the order in which they are met."""
        met: list[tuple[float, int, float]] = []
        for index, holding in enumerate(self.holdings):
            shift = 0.0 if holding.sign > 0 else self.terms.spreads[holding.symbol]
            start, end = before[holding.symbol] + shift, after[holding.symbol] + shift
            if (end - holding.sl) * holding.sign <= 0:
                level, loses = holding.sl, 1.0
            elif (end - holding.target) * holding.sign >= 0:
                level, loses = holding.target, 0.0
            else:
                continue
            met.append(((level - start) / (end - start) if end != start else 0.0, index, loses))
        if met:
            fills = [(part, self.holdings[index], loses) for part, index, loses in sorted(met)]
            for part, holding, loses in fills:
                bids = [low + (high - low) * part for low, high in zip(before, after, strict=True)]
                self.look(bids)
                price = (
                    holding.sl - holding.sign * self.terms.costs.slippage[holding.symbol] if loses else holding.target
                )
                self._book(holding, self.profit(holding, price, bids))
                self.look(bids)
        self.look(after)

    def close(self, holding: Holding, bids: list[float]) -> None:
        """Close at the market, with slippage."""
        symbol = holding.symbol
        price = bids[symbol] + (0.0 if holding.sign > 0 else self.terms.spreads[symbol])
        self._book(holding, self.profit(holding, price - holding.sign * self.terms.costs.slippage[symbol], bids))
        self.look(bids)

    def charge(self, bids: list[float], nights: dict[int, int]) -> None:
        """The broker's rollover: swaps in points."""
        for holding in self.holdings:
            spec = self.terms.past.instruments[holding.symbol].spec
            points = spec.swap_long if holding.sign > 0 else spec.swap_short
            amount = points * spec.point * nights[spec.swap_rollover3days] * self.terms.units[holding.symbol]
            if self.terms.inverse[holding.symbol]:
                amount /= bids[holding.symbol]
            else:
                amount *= self.terms.past.rates[holding.symbol].at(bids, self.terms.spreads, owed=amount < 0)
            holding.swap += amount * holding.lots
        self.look(bids)

    def _book(self, holding: Holding, made: float) -> None:
        self.holdings.remove(holding)
        self.balance += made + holding.swap - holding.lots * self.terms.costs.half_commission[holding.symbol]
        self.floors.closed(self.balance)
        self.shadow.closed(self.balance)
