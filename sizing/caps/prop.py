"""The firm's loss rules: a share of the distance per trade, and the distance net of everything at risk already."""

from sizing.caps.ratio import money_cap
from sizing.decision import Cap
from sizing.trade import Trade


def loss_rules(trade: Trade) -> list[Cap]:
    """Two ceilings for each rule.

    The share looks at the distance from equity to the floor now. The headroom looks at the nearer of the floors now
    and after the next reset, less the worst case of every open position, pending order and reservation.
    """
    policy, caps = trade.policy.caps, []
    for rule in trade.snapshot.firm.rules:
        share = policy.daily_distance_share_pct if rule.scope == "daily" else policy.total_distance_share_pct
        room = rule.headroom * share / 100
        detail = f"{share:g} % of the distance {rule.headroom:.2f}"
        caps.append(money_cap(trade, f"{rule.name}_share", room, trade.risk_per_lot, detail))
        after = rule.headroom_after_reset < rule.headroom
        nearest = rule.headroom_after_reset if after else rule.headroom
        when = " after the reset" if after else ""
        detail = f"headroom {nearest:.2f}{when} less {trade.open_worst:.2f} at risk"
        caps.append(money_cap(trade, f"{rule.name}_headroom", nearest - trade.open_worst, trade.worst_per_lot, detail))
    return caps
