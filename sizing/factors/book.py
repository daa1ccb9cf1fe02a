"""What is open already (DESIGN, steps 4 and 8)."""

from sizing.bands import band
from sizing.correlation import Table, with_book
from sizing.decision import Factor
from sizing.policy import DiversificationPolicy, HeatPolicy
from sizing.snapshot import Exposure


def diversification(
    policy: DiversificationPolicy, exposures: tuple[Exposure, ...], correlations: tuple[float, ...], table: Table
) -> Factor:
    """Less for what moves with the book, more for what hedges it."""
    if not exposures:
        return Factor("diversification", 1.0, "nothing open")
    if policy.method == "tiers":
        largest = max(correlations)
        value = band(largest, policy.tier_limits, policy.tier_factors)
        return Factor("diversification", value, f"largest pair correlation {largest:.2f}")
    correlation = with_book(table, exposures, correlations)
    value = max(policy.floor, min(policy.ceiling, 1.0 - policy.weight * correlation))
    return Factor("diversification", value, f"correlation {correlation:.2f} with the open book")


def heat(policy: HeatPolicy, equity: float, at_risk: float) -> Factor:
    """Less when open stop risk and this trade's budget together (`at_risk`) exceed the limit."""
    percent = at_risk / equity * 100
    value = policy.factor if percent > policy.limit_pct else 1.0
    return Factor("heat", value, f"{percent:.2f} % of equity at risk, limit {policy.limit_pct:g} %")
