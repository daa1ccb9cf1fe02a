"""Entry, stop and target of a trade, and the reasons why they cannot be."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from sizing.gates import Refusal
from sizing.trade import Trade


def resolve(trade: Trade) -> Refusal | None:
    """Fill in `entry`, `stop_loss` and `reward_risk`; refuse a stop or target that makes no sense.

    A market order is sized at the worse of the price the EA names and the price it will get now.
    """
    signal, quote, sign = trade.signal, trade.snapshot.quote, trade.sign
    touch = quote.ask if sign > 0 else quote.bid
    entry = touch if signal.entry is None else signal.entry
    if signal.order == "market" and (touch - entry) * sign > 0:
        entry = touch
    trade.entry = entry
    if signal.stop_loss is not None:
        trade.stop_loss = signal.stop_loss
    elif (stop := _atr_stop(trade)) is not None:
        trade.stop_loss = stop
    else:
        return "stop_required", f"The request has no stop, and there is no fresh ATR of {signal.symbol} to derive one."
    return _check_stop(trade) or _check_target(trade)


def _atr_stop(trade: Trade) -> float | None:
    policy, stats = trade.policy.stop, trade.standing.stats
    if not policy.atr_stop or stats is None or not stats.atr:
        return None
    tick = Decimal(repr(trade.snapshot.symbol.spec.trade_tick_size))
    raw = Decimal(repr(trade.entry - trade.sign * policy.atr_multiple * stats.atr))
    # Away from the entry, so that the stop on the tick grid is never nearer than the policy asks.
    stop = float((raw / tick).to_integral_value(ROUND_FLOOR if trade.sign > 0 else ROUND_CEILING) * tick)
    return stop if stop > 0 else None


def _check_stop(trade: Trade) -> Refusal | None:
    signal, quote, spec = trade.signal, trade.snapshot.quote, trade.snapshot.symbol.spec
    distance = (trade.entry - trade.stop_loss) * trade.sign
    if distance <= 0:
        return "stop_wrong_side", f"A {signal.side} at {trade.entry:g} cannot have its stop at {trade.stop_loss:g}."
    # A stop is triggered by the other side of the book than the one the position was opened on.
    trigger = quote.bid if trade.sign > 0 else quote.ask
    room = distance if signal.order == "pending" else (trigger - trade.stop_loss) * trade.sign
    # The broker counts in points; half of one is less than any price can differ, and more than floats err by.
    least = spec.trade_stops_level * spec.point
    if room <= 0 or room < least - spec.point / 2 or distance <= quote.ask - quote.bid:
        return "stop_too_close", (
            f"The stop at {trade.stop_loss:g} is {distance:g} from the entry; the spread is "
            f"{quote.ask - quote.bid:g} and the broker's least distance {least:g}."
        )
    return None


def _check_target(trade: Trade) -> Refusal | None:
    target = trade.signal.take_profit
    if target is None:
        trade.reward_risk = trade.policy.edge.default_reward_risk
        return None
    reward = (target - trade.entry) * trade.sign
    if reward <= 0:
        return "target_wrong_side", f"A {trade.signal.side} at {trade.entry:g} cannot have its target at {target:g}."
    trade.reward_risk = reward / abs(trade.entry - trade.stop_loss)
    return None if math.isfinite(trade.reward_risk) else ("stop_too_close", "The stop is at the entry.")
