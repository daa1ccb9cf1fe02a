"""Ceilings on the whole book: concentration, tail loss and face value."""

from sizing.caps.ratio import money_cap
from sizing.decision import Cap
from sizing.trade import Trade


def daily_risk_budget(trade: Trade) -> float:
    """A share of the day's starting distance to the tightest daily rule; a share of equity where there is none."""
    policy = trade.policy.caps
    distances = [rule.start_distance for rule in trade.snapshot.firm.rules if rule.scope == "daily"]
    if not distances:
        return trade.account.equity * policy.daily_budget_without_rule_pct / 100
    return min(distances) * policy.daily_budget_share_pct / 100


def concentration(trade: Trade) -> tuple[Cap, ...]:
    """Risk in this symbol and whatever moves with it, as a share of the daily risk budget."""
    policy = trade.policy.caps
    threshold = policy.concentration_correlation
    together = 0.0
    for exposure, correlation in zip(trade.exposures, trade.correlations, strict=True):
        if correlation > threshold:
            together += exposure.risk
    room = daily_risk_budget(trade) * policy.concentration_pct / 100
    detail = f"{room:.2f} for one cluster less {together:.2f} in it"
    return (money_cap(trade, "concentration", room - together, trade.risk_per_lot, detail),)


def portfolio_shortfall(trade: Trade) -> tuple[Cap, ...]:
    """Tail loss of the whole book. Without joint scenarios every tail is taken to come at once, which overstates it."""
    room = trade.account.equity * trade.policy.caps.portfolio_shortfall_pct / 100
    detail = f"{room:.2f} less {trade.open_worst:.2f} open (assumed: all tails at once)"
    return (money_cap(trade, "portfolio_shortfall", room - trade.open_worst, trade.worst_per_lot, detail),)


def exposure(trade: Trade) -> tuple[Cap, ...]:
    """Gross and net face value as multiples of equity."""
    policy, equity = trade.policy.caps, trade.account.equity
    gross = net = 0.0
    for each in trade.exposures:
        gross += each.notional
        net += each.notional if each.side == "buy" else -each.notional
    one = trade.notional_per_lot
    detail = f"{policy.gross_exposure:g} x equity less {gross:.0f}"
    net_room = policy.net_exposure * equity - net * trade.sign
    return (
        money_cap(trade, "gross_exposure", policy.gross_exposure * equity - gross, one, detail),
        money_cap(trade, "net_exposure", net_room, one, f"{policy.net_exposure:g} x equity, net {net:.0f} open"),
    )
