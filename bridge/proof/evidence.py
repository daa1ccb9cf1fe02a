"""Snapshots of simulated accounts, put together as the daemon does it, from what a terminal would report."""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

from bridge.proof.account import Account, Holding, Terms
from bridge.proof.asks import Ask
from bridge.proof.days import TradingDay
from bridge.proof.floors import Floors
from bridge.proof.history import Era
from bridge.proof.instruments import CURRENCY, own_tick_value, pairs_of, restated
from bridge.protocol import messages as wire
from sizing import snapshot as shot
from sizing.book import Assessment, PricedSymbol, assess
from sizing.currency import convert, find_route
from sizing.policy import Policy
from sizing.prop.anchors import RuleState
from sizing.prop.evaluate import Frame, Kept, firm_state, frame_of
from sizing.prop.firm import Firm
from sizing.stats.tail import crosses_weekend
from sizing.swaps import DAY_MS, nights

LEVERAGE = 100
_LOGIN = 1_000_001
_DAY_MINUTES = 1_440


class Moment(NamedTuple):
    """One moment of the market."""

    now_ms: int
    bids: list[float]
    day: TradingDay
    era: Era

    @property
    def rollover_ms(self) -> int:
        """When the broker next charges swaps."""
        offset = self.day.offset_ms
        return (self.now_ms + offset) // DAY_MS * DAY_MS + DAY_MS - offset


class Evidence:
    """What the daemon knows of symbols and rules, for one firm and policy."""

    def __init__(self, terms: Terms, firm: Firm, initial: float, policy: Policy) -> None:
        self.terms, self.firm, self.initial, self.policy = terms, firm, initial, policy
        instruments = terms.past.instruments
        self._index = {each.spec.name: index for index, each in enumerate(instruments)}
        pairs = pairs_of(instruments)
        self._routes = [
            tuple(find_route(currency, CURRENCY, pairs) for currency in (spec.currency_profit, spec.currency_margin))
            for spec in (each.spec for each in instruments)
        ]
        self._fresh: tuple[tuple[int, int], dict[int, shot.MarketStats]] = ((0, 0), {})
        self._frame: Frame | None = None
        self._specs: dict[int, tuple[float, float, shot.SymbolSpec]] = {}
        self._own = [own_tick_value(each.spec) for each in instruments]

    def request(self, ask: Ask, moment: Moment, *, name: str) -> tuple[wire.SizeRequest, float]:
        """The request, and the price at which the EA takes its gain.

        Without a target that is where the policy takes gains to end, and where it does not say, there is no such price.
        """
        spread, bid = self.terms.spreads[ask.symbol], moment.bids[ask.symbol]
        entry = bid + spread if ask.sign > 0 else bid
        # A stop nearer than two spreads would be refused by every broker.
        distance = max(ask.atrs * (moment.era.stats[ask.symbol].atr_daily or 0.0), 3.0 * spread)
        reward = ask.reward or self.policy.caps.untargeted_reach_stops or math.inf
        target = entry + ask.sign * reward * distance
        request = wire.SizeRequest(
            v=wire.PROTOCOL_VERSION,
            id=name,
            account=_LOGIN,
            symbol=self.terms.past.instruments[ask.symbol].spec.name,
            side="buy" if ask.sign > 0 else "sell",
            stop_loss=entry - ask.sign * distance,
            take_profit=target if ask.reward else None,
            confidence=ask.confidence,
            horizon_minutes=ask.horizon_minutes,
            magic=ask.magic,
        )
        return request, target

    def quote(self, symbol: int, moment: Moment) -> shot.Quote:
        """Bid and ask now."""
        bid = moment.bids[symbol]
        return shot.Quote(bid, bid + self.terms.spreads[symbol], moment.now_ms)

    def account(self, account: Account, moment: Moment) -> shot.Account:
        """As the terminal shows it."""
        equity, margin = account.equity(moment.bids), account.margin()
        return shot.Account(
            login=_LOGIN,
            currency=CURRENCY,
            balance=account.balance,
            equity=equity,
            margin=margin,
            margin_free=equity - margin,
            leverage=LEVERAGE,
        )

    def book(self, account: Account, reported: shot.Account, moment: Moment) -> Assessment:
        """The open positions, priced as the daemon does."""
        symbols = {each.symbol for each in account.holdings}
        priced = {self.terms.past.instruments[index].spec.name: self._priced(index, moment) for index in symbols}
        positions = [self._position(each, account, moment) for each in account.holdings]
        stops = self.policy.caps.untargeted_reach_stops
        return assess(reported, positions, (), priced, self.policy.tail, stops)

    def snapshot(
        self,
        symbol: int,
        account: shot.AccountView,
        firm: shot.FirmState,
        reserved: tuple[shot.Exposure, ...],
        moment: Moment,
    ) -> shot.Snapshot:
        """The whole moment."""
        instrument = self.terms.past.instruments[symbol]
        view = shot.SymbolView(
            spec=self._spec(symbol, moment),
            class_name=instrument.class_name,
            symbol_class=instrument.symbol_class,
            stats=self._stats(symbol, moment),
            checked=True,
        )
        return shot.Snapshot(
            now_ms=moment.now_ms,
            account=account,
            account_ms=moment.now_ms,
            symbol=view,
            spec_ms=moment.now_ms,
            quote=self.quote(symbol, moment),
            conversion=self._conversion(symbol, moment),
            firm=firm,
            correlation={},
            reserved=reserved,
            next_rollover_ms=moment.rollover_ms,
        )

    def firm_state(self, floors: Floors, account: shot.Account, winning: float, moment: Moment) -> shot.FirmState:
        """The firm's rules now, by the engine's own evaluation of the anchors."""
        states = {
            rule.name: RuleState(rule.name, rule.kind, anchor, floors.day_ms, moment.now_ms)
            for rule, anchor in floors.anchors()
        }
        offset_ms = moment.day.offset_ms
        if self._frame is None or not self._frame.holds(moment.now_ms):
            self._frame = frame_of(self.firm, moment.now_ms, offset_ms)
        return firm_state(
            self.firm, account, self.initial, Kept(states, opened_today=0), moment.now_ms,
            winning=winning, broker_offset_ms=offset_ms, frame=self._frame,
        )  # fmt: skip

    def _position(self, holding: Holding, account: Account, moment: Moment) -> shot.Position:
        bid = moment.bids[holding.symbol]
        return shot.Position(
            ticket=holding.ticket,
            symbol=self.terms.past.instruments[holding.symbol].spec.name,
            side=holding.side,
            volume=holding.lots,
            price_open=holding.opened,
            price_current=bid if holding.sign > 0 else bid + self.terms.spreads[holding.symbol],
            sl=holding.sl,
            tp=holding.tp,
            profit=account.floating(holding, moment.bids) - holding.swap,
            swap=holding.swap,
            time_ms=holding.opened_ms,
        )

    def _priced(self, symbol: int, moment: Moment) -> PricedSymbol:
        spec = self._spec(symbol, moment)
        return PricedSymbol(
            spec=spec,
            quote=self.quote(symbol, moment),
            conversion=self._conversion(symbol, moment),
            stats=self._stats(symbol, moment),
            symbol_class=self.terms.past.instruments[symbol].symbol_class,
            weekend=crosses_weekend(moment.now_ms, _DAY_MINUTES),
            nights=nights(spec, moment.now_ms, moment.rollover_ms, self.policy.cost.horizon_minutes),
        )

    def _stats(self, symbol: int, moment: Moment) -> shot.MarketStats:
        """The era's, as if its last day had just closed."""
        key = moment.day.start_ms, id(moment.era)
        if self._fresh[0] != key:
            self._fresh = key, {}
        known = self._fresh[1]
        if symbol not in known:
            known[symbol] = dataclasses.replace(moment.era.stats[symbol], as_of_ms=moment.day.start_ms)
        return known[symbol]

    def _spec(self, symbol: int, moment: Moment) -> shot.SymbolSpec:
        rate, spreads = self.terms.past.rates[symbol], self.terms.spreads
        gain, loss = (rate.at(moment.bids, spreads, owed=owed) for owed in (False, True))
        known = self._specs.get(symbol)
        if known is None or known[:2] != (gain, loss):
            spec = restated(self.terms.past.instruments[symbol].spec, self._own[symbol], gain, loss)
            known = self._specs[symbol] = gain, loss, spec
        return known[2]

    def _conversion(self, symbol: int, moment: Moment) -> shot.Conversion:
        profit, margin = self._routes[symbol]
        return shot.Conversion(
            *(convert(route, lambda name: self.quote(self._index[name], moment)) for route in (profit, margin))
        )


def unpriced(account: shot.Account) -> shot.AccountView:
    """The account as somebody sees it who looks at each trade alone."""
    return shot.AccountView(account=account, peak_equity=max(account.equity, account.balance))


def priced(account: shot.Account, assessment: Assessment) -> shot.AccountView:
    """The account with its book."""
    return shot.AccountView(account=account, peak_equity=max(account.equity, account.balance), book=assessment.book)


def legs_of(account: Account, assessment: Assessment) -> Sequence[tuple[Holding, float]]:
    """Each position with the worst that the engine now takes it to lose from here."""
    return [(holding, leg.worst) for holding, leg in zip(account.holdings, assessment.legs, strict=True)]
