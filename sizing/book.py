"""The open book, priced: what every position and pending order could still lose, by symbol and side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sizing import money
from sizing.policy import TailPolicy
from sizing.rooms import UNBOUNDED
from sizing.snapshot import (
    Account,
    Book,
    Conversion,
    Exposure,
    MarketStats,
    PendingOrder,
    Position,
    Quote,
    Side,
    SymbolSpec,
    TailAudit,
)
from sizing.stats.joint import Leg
from sizing.stats.tail import assumed_tail, measured_tail
from sizing.symbols import SymbolClass


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedSymbol:
    """What it takes to price a position in one symbol; costs are left out where its class is unknown."""

    spec: SymbolSpec
    quote: Quote
    conversion: Conversion
    stats: MarketStats | None = None
    symbol_class: SymbolClass | None = None
    mismatch: str | None = None
    """Why its money figures are contradicted, if they are."""
    weekend: bool = True
    """Whether the market may be closed for a weekend before the next day has ended."""
    audit: TailAudit | None = None
    """Set where the forecasts of its tail were found to understate."""
    nights: int = 0
    """Nights that a position will be charged for within the policy's horizon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A position or pending order in the same terms: `start` is the price its loss counts from.

    `opened` and `profit` are a position's own: its opening price, and what the terminal says it has made so far.
    """

    name: str
    symbol: str
    side: Side
    lots: float
    start: float
    sl: float | None
    tp: float | None
    pending: bool
    opened: float | None = None
    profit: float = 0.0


class Assessment(NamedTuple):
    """The book by symbol and side, and each position and order by itself; no legs where the book is unpriceable."""

    book: Book
    legs: tuple[Leg, ...]


class _Priced(NamedTuple):
    exposure: Exposure
    leg: Leg
    winning: float
    """Floating profit, if it wins."""


def assess(
    account: Account,
    positions: Sequence[Position],
    orders: Sequence[PendingOrder],
    symbols: Mapping[str, PricedSymbol],
    tail: TailPolicy,
    untargeted_reach: float = 0.0,
) -> Assessment:
    """Price every position from its current price to its stop, and every pending order as if it were filled.

    Equity already holds what a position has lost so far, so risk counts from here. One without a target is taken to
    gain `untargeted_reach` times the distance to its stop; 0: without end. Money is in account currency.
    """
    exposures: dict[tuple[str, Side], Exposure] = {}
    pending: dict[tuple[str, Side], Exposure] = {}
    legs = []
    winning = 0.0
    for found in _found(positions, orders, symbols):
        priced = symbols.get(found.symbol)
        price = (
            "its symbol has no figures or no quote"
            if priced is None
            else _price(account, found, priced, tail, untargeted_reach)
        )
        if isinstance(price, str):
            return Assessment(Book(unpriceable=f"{found.name} in {found.symbol}: {price}."), ())
        legs.append(price.leg)
        winning += price.winning
        sums, key = pending if found.pending else exposures, (found.symbol, found.side)
        sums[key] = merge(sums[key], price.exposure) if key in sums else price.exposure
    book = Book(exposures=tuple(exposures.values()), pending=tuple(pending.values()), winning=winning)
    return Assessment(book, tuple(legs))


def merge(first: Exposure, second: Exposure) -> Exposure:
    """Two exposures of one symbol and side as one."""
    return Exposure(
        symbol=first.symbol,
        side=first.side,
        positions=first.positions + second.positions,
        lots=first.lots + second.lots,
        risk=first.risk + second.risk,
        worst=first.worst + second.worst,
        notional=first.notional + second.notional,
        margin=first.margin + second.margin,
        reach=first.reach + second.reach,
        deficit=first.deficit + second.deficit,
    )


def _found(
    positions: Sequence[Position], orders: Sequence[PendingOrder], symbols: Mapping[str, PricedSymbol]
) -> list[_Found]:
    found = []
    for position in positions:
        priced = symbols.get(position.symbol)
        start = position.price_current
        if priced is not None:
            # The quote may be newer than the position's report, or older: the one with more left to lose counts.
            start = max(start, priced.quote.bid) if position.side == "buy" else min(start, priced.quote.ask)
        found.append(
            _Found(
                name=f"position {position.ticket}", symbol=position.symbol, side=position.side, lots=position.volume,
                start=start, sl=position.sl, tp=position.tp, pending=False, opened=position.price_open,
                profit=position.profit + position.swap,
            )
        )  # fmt: skip
    for order in orders:
        priced = symbols.get(order.symbol)
        start = order.price_open
        if start <= 0 and priced is not None:
            # A market order in flight shows no price yet: it gets the quote's.
            start = priced.quote.ask if order.side == "buy" else priced.quote.bid
        found.append(
            _Found(
                name=f"order {order.ticket}", symbol=order.symbol, side=order.side, lots=order.volume_current,
                start=start, sl=order.sl, tp=order.tp, pending=True,
            )
        )  # fmt: skip
    return found


def _price(
    account: Account, leg: _Found, priced: PricedSymbol, tail: TailPolicy, untargeted_reach: float
) -> _Priced | str:
    spec, stats, conversion = priced.spec, priced.stats, priced.conversion
    sign = 1 if leg.side == "buy" else -1
    if priced.mismatch is not None:
        return priced.mismatch
    stop = leg.sl
    if stop is None:
        if tail.no_stop_stress_atr == 0 or stats is None or not stats.atr_daily:
            return "no stop loss"
        stop = max(leg.start - sign * tail.no_stop_stress_atr * stats.atr_daily, spec.trade_tick_size)
    unit = money.loss_per_lot(spec, account.currency, conversion, stop + 1.0, stop)
    notional = money.notional_per_lot(spec, conversion, leg.start)
    margin = money.margin_per_lot(spec, leg.side, conversion, leg.start, account.leverage)
    if unit is None or notional is None or margin is None:
        return "its money per lot cannot be computed"
    unit *= _grown(account, leg, spec)
    distance = max(0.0, (leg.start - stop) * sign)
    costs = _costs(priced, unit) + money.swap_per_lot(spec, leg.side, conversion, leg.start) * priced.nights
    per_lot = distance * unit + costs
    worst = leg.lots * (_worst_distance(leg, distance, priced, tail) * unit + costs)
    # The terminal's profit and the one computed from prices may be of different moments: the worse one counts.
    computed = 0.0 if leg.opened is None else (leg.start - leg.opened) * sign * unit * leg.lots
    exposure = Exposure(
        leg.symbol,
        leg.side,
        positions=1,
        lots=leg.lots,
        risk=leg.lots * per_lot,
        worst=worst,
        notional=leg.lots * notional,
        margin=leg.lots * margin if leg.pending else 0.0,
        reach=leg.lots * _reach(account, leg, priced, unit, _untargeted(leg, stop, untargeted_reach)),
        deficit=max(0.0, worst - min(leg.profit, computed)),
    )
    made = Leg(
        symbol=leg.symbol,
        side=leg.side,
        lots=leg.lots,
        stop=distance,
        near=min(distance, priced.quote.ask - priced.quote.bid) if leg.pending else 0.0,
        target=None if leg.tp is None else max(0.0, (leg.tp - leg.start) * sign),
        money=unit,
        costs=costs,
        worst=worst,
        promised=leg.pending,
        played=leg.sl is not None,
    )
    return _Priced(exposure, made, max(0.0, leg.profit, computed))


def _grown(account: Account, leg: _Found, spec: SymbolSpec) -> float:
    """How much more than at the stop's rate a position loses from here, floating profit included.

    Where the pair's base is the account's currency, profit is converted at the closing price: from C to the stop S a
    position opened at O loses `O / C` times what `C - S` is worth at S.
    """
    own = spec.currency_base == account.currency != spec.currency_profit
    return max(1.0, leg.opened / leg.start) if own and leg.opened is not None and leg.start > 0 else 1.0


def _reach(account: Account, leg: _Found, priced: PricedSymbol, unit: float, untargeted: float) -> float:
    """What one lot may gain up to its target, at the rate there or at the stop's, whichever is more.

    Without a target it gains so much in price; 0: without end.
    """
    if leg.tp is None:
        return untargeted * unit if untargeted else UNBOUNDED
    at_target = money.loss_per_lot(priced.spec, account.currency, priced.conversion, leg.tp + 1.0, leg.tp) or 0.0
    gain = max(0.0, (leg.tp - leg.start) * (1 if leg.side == "buy" else -1)) * max(unit, at_target)
    return gain * money.gain_allowance(priced.spec, account.currency)


def _untargeted(leg: _Found, stop: float, stops: float) -> float:
    """How far the price may still go where there is no target: so many stops from the opening, or from here."""
    opened = leg.start if leg.opened is None else leg.opened
    lost = (opened - leg.start) * (1 if leg.side == "buy" else -1)
    return max(lost + stops * abs(opened - stop), stops * abs(leg.start - stop)) if stops else 0.0


def _worst_distance(leg: _Found, distance: float, priced: PricedSymbol, policy: TailPolicy) -> float:
    """The stop with what lies beyond it: the larger of the assumed gap, the measured one and the measured shortfall."""
    stats = priced.stats
    model = stats.tail if stats is not None and stats.tail is not None else assumed_tail(policy, stats, leg.start)
    gap, shortfall = model.gap_excess, 0.0
    if stats is not None and stats.measured is not None:
        figures = measured_tail(stats.measured, leg.side, distance, 1, weekend=leg.pending or priced.weekend)
        gap, shortfall = max(gap, figures.gap), figures.shortfall
        if priced.audit is not None:
            shortfall *= priced.audit.multiplier
    return max(distance + gap, shortfall)


def _costs(priced: PricedSymbol, unit: float) -> float:
    if priced.symbol_class is None:
        return 0.0
    return priced.symbol_class.slippage_points * priced.spec.point * unit + priced.symbol_class.commission_per_lot
