"""What is open already (DESIGN, steps 4 and 8)."""

from sizing.bands import band
from sizing.correlation import with_book
from sizing.decision import Factor
from sizing.trade import Trade


def diversification(trade: Trade) -> Factor:
    """Less for what moves with the book, more for what hedges it."""
    policy = trade.policy.diversification
    if not trade.exposures:
        return Factor("diversification", 1.0, "nothing open")
    if policy.method == "tiers":
        largest = max(trade.correlations)
        value = band(largest, policy.tier_limits, policy.tier_factors)
        return Factor("diversification", value, f"largest pair correlation {largest:.2f}")
    correlation = with_book(trade)
    value = max(policy.floor, min(policy.ceiling, 1.0 - policy.weight * correlation))
    return Factor("diversification", value, f"correlation {correlation:.2f} with the open book")


def heat(trade: Trade, budget: float) -> Factor:
    """Less when open stop risk and this trade's budget together exceed the limit."""
    policy = trade.policy.heat
    at_risk = (trade.open_risk + budget) / trade.account.equity * 100
    value = policy.factor if at_risk > policy.limit_pct else 1.0
    return Factor("heat", value, f"{at_risk:.2f} % of equity at risk, limit {policy.limit_pct:g} %")
