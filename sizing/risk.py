"""Money per lot of one trade: the loss at its stop with costs, its tail, its face value and its margin."""

import math

from sizing import money
from sizing.gates import Refusal
from sizing.rooms import UNBOUNDED
from sizing.snapshot import MarketStats
from sizing.stats.tail import assumed_tail, careful_shortfall, crosses_weekend, days_of, measured_tail, shortfall
from sizing.swaps import nights
from sizing.trade import Trade


def price(trade: Trade) -> Refusal | None:
    """Fill in every figure per lot; refuse with money_mismatch where sources contradict each other or are missing."""
    view, snapshot, account = trade.snapshot.symbol, trade.snapshot, trade.account
    spec, conversion, entry = view.spec, snapshot.conversion, trade.entry
    if view.mismatch is not None:
        return "money_mismatch", f"Two sources disagree: {view.mismatch}."
    rate = money.rate_at(spec, account.currency, conversion, snapshot.quote.bid)
    by_formula, by_tick = money.formula_unit(spec, rate), money.tick_unit(spec)
    why = money.units_doubtful(spec, by_formula, by_tick, trade.policy.money.mismatch_pct, view.checked)
    if why is not None:
        return "money_mismatch", f"Money per lot is in doubt: {why}."
    unit_now = unit = max(by_formula or 0.0, by_tick or 0.0)
    at_stop = money.rate_at(spec, account.currency, conversion, trade.stop_loss)
    if at_stop != rate:
        unit = max(money.formula_unit(spec, at_stop) or 0.0, by_tick or 0.0)
    # A pending order far below the market must not look small: face value and margin are taken at the higher price.
    high = max(entry, snapshot.quote.ask)
    margin = money.margin_per_lot(spec, trade.signal.side, conversion, high, account.leverage)
    if unit <= 0 or margin is None or not math.isfinite(unit * high + margin):
        return "money_mismatch", f"Loss, face value or margin per lot of {spec.name} cannot be computed."
    trade.unit = unit
    costs = _costs(trade, unit)
    trade.loss_per_lot = abs(entry - trade.stop_loss) * unit + costs
    _tail(trade, trade.standing.stats, costs)
    trade.reach_per_lot = _reach(trade, unit)
    trade.notional_per_lot = high * unit_now
    trade.margin_per_lot = margin
    return None


def _reach(trade: Trade, unit: float) -> float:
    """What one lot may gain up to its target, at the rate there or at the stop's, whichever is more."""
    snapshot, target = trade.snapshot, trade.signal.take_profit
    if target is None:
        stops = trade.policy.caps.untargeted_reach_stops
        return stops * trade.distance * unit if stops else UNBOUNDED
    spec = snapshot.symbol.spec
    rate = money.rate_at(spec, trade.account.currency, snapshot.conversion, target)
    allowance = money.gain_allowance(spec, trade.account.currency)
    return abs(target - trade.entry) * max(unit, money.formula_unit(spec, rate) or 0.0) * allowance


def _tail(trade: Trade, stats: MarketStats | None, costs: float) -> None:
    """Expected shortfall and worst case of one lot: measured where there is history, else by the policy's gap."""
    policy, loss, unit = trade.policy.tail, trade.loss_per_lot, trade.unit
    # Where no history tells, the worst of twenty trades is taken to end at its stop.
    trade.value_at_risk_per_lot = loss
    assumed = None if stats is None else stats.tail
    if assumed is None:
        assumed = assumed_tail(policy, stats, trade.entry)
    gap = assumed.gap_excess
    if stats is None or stats.measured is None:
        tail, source = shortfall(loss, assumed.gap_probability, gap * unit, policy.level), assumed.source
    else:
        distance, near = trade.distance, trade.near
        minutes = trade.signal.horizon_minutes or trade.policy.cost.horizon_minutes
        # Nobody knows when a pending order will be filled.
        weekend = trade.signal.order == "pending" or crosses_weekend(trade.snapshot.now_ms, minutes)
        figures = measured_tail(stats.measured, trade.signal.side, distance - near, days_of(minutes), weekend=weekend)
        price, source = careful_shortfall(figures, assumed, distance, near, policy)
        tail = price * unit + costs
        gap = max(gap, figures.gap)
        if figures.value_at_risk is not None:
            trade.value_at_risk_per_lot = (figures.value_at_risk + near) * unit + costs
    audit = trade.snapshot.symbol.audit
    if audit is not None:
        tail, source = tail * audit.multiplier, f"{source}; {audit.detail}"
    trade.shortfall_per_lot = tail
    trade.risk_per_lot = max(loss, tail)
    trade.worst_per_lot = max(trade.risk_per_lot, loss + gap * unit)
    trade.tail_source = source


def _costs(trade: Trade, unit: float) -> float:
    """Spread allowance, slippage, round-trip commission and expected swaps of one lot."""
    view, quote, cost = trade.snapshot.symbol, trade.snapshot.quote, trade.policy.cost
    spread = cost.spread_allowance * (quote.ask - quote.bid) * unit
    slippage = view.symbol_class.slippage_points * view.spec.point * unit
    minutes = trade.signal.horizon_minutes or cost.horizon_minutes
    charged = nights(view.spec, trade.snapshot.now_ms, trade.snapshot.next_rollover_ms, minutes)
    swap = (
        money.swap_per_lot(view.spec, trade.signal.side, trade.snapshot.conversion, trade.entry) * charged
        if charged
        else 0.0
    )
    return spread + slippage + view.symbol_class.commission_per_lot + swap
