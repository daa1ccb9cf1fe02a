"""From an account's desk to the `State` that the rules about open positions see."""

import math
from collections.abc import Iterable, Mapping, Sequence

from bridge.desk import Desk
from bridge.kept import Origin
from bridge.manager.volume import momentum_pct, volume_ratio
from bridge.terminal.base import AccountReport
from sizing import gates, money
from sizing.positions.state import Held, Market, Opinion, State
from sizing.snapshot import AccountView, FirmState, Position, Quote, SymbolView
from sizing.stats.joint import Leg

_HEDGING = 2


def blind(desk: Desk, now_ms: int) -> gates.Refusal | None:
    """Why nothing can be said about what is open now."""
    report = desk.terminal.account()
    if not desk.terminal.connected(now_ms):
        return "terminal_unavailable", f"The terminal of account {desk.login} ({desk.terminal.source}) does not answer."
    if report is None:
        return "stale_account", f"Account {desk.login} has not been reported yet."
    age_ms = abs(now_ms - report.received_ms)
    if age_ms > desk.settings.policy.freshness.max_account_age_ms:
        return "stale_account", f"The account was last reported {age_ms} ms ago."
    return None


def state_of(
    desk: Desk,
    report: AccountReport,
    origins: Mapping[int, Origin],
    now_ms: int,
    opinions: Mapping[str, Opinion] | None = None,
    symbols: Iterable[str] = (),
) -> State:
    """The account as of now. `symbols` are looked at though nothing is held in them."""
    desk.evidence.now_ms = now_ms
    view = desk.account_view(report)
    firm = desk.firm_state(view, now_ms)
    opinions = opinions or {}
    names = {each.symbol for each in report.positions} | {each.symbol for each in report.orders}
    markets: dict[str, Market] = {}
    for name in sorted(names.union(opinions, symbols)):
        market = _market(desk, name, now_ms)
        if market is not None:
            markets[name] = market
    account = report.account
    return State(
        now_ms=now_ms,
        balance=account.balance,
        equity=account.equity,
        margin_free=account.margin_free,
        leverage=account.leverage,
        hedging=account.margin_mode == _HEDGING,
        drawdown_pct=gates.drawdown_pct(view.peak_equity, account.equity),
        held=_held(desk, report, origins, markets),
        orders=report.orders,
        markets=markets,
        opinions=opinions,
        headroom_pct={rule.name: max(0.0, 100.0 - rule.used_percent) for rule in firm.rules},
        entries_halted=_halted(desk, report, view, firm, now_ms),
    )


def _halted(desk: Desk, report: AccountReport, view: AccountView, firm: FirmState, now_ms: int) -> str | None:
    policy = desk.settings.policy
    refusal = gates.age_refusal(firm, report.received_ms, now_ms, policy.freshness) or gates.account_refusal(
        view, firm, now_ms, policy
    )
    return None if refusal is None else refusal[1]


def _market(desk: Desk, name: str, now_ms: int) -> Market | None:
    """One symbol as of now; None without figures or a quote. Money that two sources disagree on is not known."""
    view, quote, account = desk.evidence.symbol_view(name), desk.terminal.quote(name), desk.terminal.account()
    if isinstance(view, str) or quote is None or account is None:
        return None
    spec, stats = view.spec, view.stats
    conversion = desk.evidence.conversion(spec, fresh=True)
    price, leverage = quote.ask, account.account.leverage
    unit = money.loss_per_lot(spec, account.account.currency, conversion, quote.bid + 1.0, quote.bid)
    margins = [money.margin_per_lot(spec, side, conversion, price, leverage) for side in ("buy", "sell")]
    bars = desk.terminal.bars(name, desk.settings.policy.stop.atr_timeframe)
    daily = None if stats is None else stats.atr_daily
    doubtful = view.mismatch is not None
    return Market(
        spec=spec,
        quote=quote,
        money_per_price=_figure(None if doubtful else unit),
        notional_per_lot=_figure(None if doubtful else money.notional_per_lot(spec, conversion, price)),
        margin_per_lot=_figure(None if doubtful or None in margins else max(each or 0.0 for each in margins)),
        fresh=_fresh(desk, view, quote, now_ms),
        atr=None if stats is None else stats.atr,
        volatility_pct=None if daily is None else daily / quote.bid * 100,
        volatility_percentile=None if stats is None else stats.atr_percentile,
        regime=None if stats is None else stats.regime,
        momentum_pct=None if bars is None else momentum_pct(bars, quote.bid),
        volume_ratio=None if bars is None else volume_ratio(bars),
        asset_class=view.class_name,
    )


def _fresh(desk: Desk, view: SymbolView, quote: Quote, now_ms: int) -> bool:
    age_ms = abs(now_ms - quote.time_ms)
    return view.session_open and quote.bid <= quote.ask and age_ms <= desk.settings.policy.freshness.max_quote_age_ms


def _held(
    desk: Desk, report: AccountReport, origins: Mapping[int, Origin], markets: Mapping[str, Market]
) -> tuple[Held, ...]:
    legs: Sequence[Leg | None] = desk.evidence.legs
    if len(legs) != len(report.positions) + len(report.orders):
        legs = desk.evidence.legs_apart(report)
    return tuple(
        _position(each, origins.get(each.ticket), markets.get(each.symbol), legs[place])
        for place, each in enumerate(report.positions)
    )


def _position(position: Position, origin: Origin | None, market: Market | None, leg: Leg | None) -> Held:
    price = position.price_current
    if market is not None:
        price = market.quote.bid if position.side == "buy" else market.quote.ask
    volume = position.volume
    return Held(
        ticket=position.ticket,
        symbol=position.symbol,
        side=position.side,
        volume=volume,
        price_open=position.price_open,
        price=price,
        sl=position.sl,
        tp=position.tp,
        profit=position.profit + position.swap,
        magic=position.magic,
        opened_ms=position.time_ms,
        initial_volume=volume if origin is None else origin.volume,
        initial_sl=position.sl if origin is None else origin.sl,
        notional=math.nan if market is None else volume * market.notional_per_lot,
        margin=math.nan if market is None else volume * market.margin_per_lot,
        stop_risk=None if leg is None or position.sl is None else leg.lots * (leg.stop * leg.money + leg.costs),
        initial_price=None if origin is None else origin.price,
        added_to=0 if origin is None else origin.added_to,
    )


def _figure(value: float | None) -> float:
    """What is not known is no number: the rules that rest on it do nothing, and say so."""
    return math.nan if value is None else value
