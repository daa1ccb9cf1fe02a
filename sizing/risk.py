"""Money per lot of one trade: the loss at its stop with costs, its tail, its face value and its margin."""

import math

from sizing import money
from sizing.gates import Refusal
from sizing.prices import stats_are_fresh
from sizing.stats.tail import assumed_tail, shortfall
from sizing.trade import Trade

DAY_MS = 86_400_000


def price(trade: Trade) -> Refusal | None:
    """Fill in every figure per lot; refuse with money_mismatch where sources contradict each other or are missing."""
    view, snapshot, account = trade.snapshot.symbol, trade.snapshot, trade.account
    spec, conversion = view.spec, snapshot.conversion
    if view.mismatch is not None:
        return "money_mismatch", f"Two sources disagree: {view.mismatch}."
    rate = money.rate_at(spec, account.currency, conversion, trade.entry)
    if (why := money.units_disagree(spec, rate, trade.policy.money.mismatch_pct, view.checked)) is not None:
        return "money_mismatch", f"Money per lot is in doubt: {why}."
    at_stop = money.loss_per_lot(spec, account.currency, conversion, trade.entry, trade.stop_loss)
    notional = money.notional_per_lot(spec, conversion if rate is None else conversion._replace(profit=rate), trade.entry)
    margin = money.margin_per_lot(spec, trade.signal.side, conversion, trade.entry, account.leverage)
    if not at_stop or not notional or margin is None or not math.isfinite(at_stop + notional + margin):
        return "money_mismatch", f"Loss, face value or margin per lot of {spec.name} cannot be computed."
    unit = at_stop / abs(trade.entry - trade.stop_loss)
    trade.loss_per_lot = at_stop + _costs(trade, unit)
    tail = view.stats.tail if view.stats is not None and stats_are_fresh(trade) else None
    if tail is None:
        tail = assumed_tail(trade.policy.tail, view.stats if stats_are_fresh(trade) else None, trade.entry)
    trade.shortfall_per_lot = shortfall(trade.loss_per_lot, tail.gap_probability, tail.gap_excess * unit, trade.policy.tail.level)
    trade.risk_per_lot = max(trade.loss_per_lot, trade.shortfall_per_lot)
    trade.worst_per_lot = max(trade.risk_per_lot, trade.loss_per_lot + tail.gap_excess * unit)
    trade.notional_per_lot = notional
    trade.margin_per_lot = margin
    return None


def _costs(trade: Trade, unit: float) -> float:
    """Spread allowance, slippage, round-trip commission and expected swaps of one lot."""
    view, quote, cost = trade.snapshot.symbol, trade.snapshot.quote, trade.policy.cost
    spread = cost.spread_allowance * (quote.ask - quote.bid) * unit
    slippage = view.symbol_class.slippage_points * view.spec.point * unit
    nights = _nights(trade)
    swap = money.swap_per_lot(view.spec, trade.signal.side, trade.snapshot.conversion, trade.entry) * nights if nights else 0.0
    return spread + slippage + view.symbol_class.commission_per_lot + swap


def _nights(trade: Trade) -> int:
    """Nights a trade is expected to be charged for, two more when it lives long enough to meet a triple swap."""
    rollover = trade.snapshot.next_rollover_ms
    if rollover is None:
        return 0
    minutes = trade.signal.horizon_minutes or trade.policy.cost.horizon_minutes
    end = trade.snapshot.now_ms + minutes * 60_000
    if end < rollover:
        return 0
    nights = 1 + (end - rollover) // DAY_MS
    # The epoch began on a Thursday, day 4 of a week that starts on Sunday; the day charged is the one that ends.
    first_day = ((rollover - 1) // DAY_MS + 4) % 7
    meets_triple = (trade.snapshot.symbol.spec.swap_rollover3days - first_day) % 7 < nights
    return int(nights + 2 * meets_triple)
