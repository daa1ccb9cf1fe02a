"""What is open already (DESIGN, steps 4 and 8)."""

from sizing.bands import band
from sizing.decision import Factor
from sizing.policy import DiversificationPolicy, HeatPolicy


def diversification(
    policy: DiversificationPolicy, books: tuple[float, ...], pairs: tuple[float, ...], hedged: float
) -> Factor:
    """Less for what moves with the book, more for what hedges it.

    `books` are the position's correlation with the open book as it is, and with each pending order or reservation added
    to it: the worst counts, so one more promise never raises a size. `pairs` are the correlations one by one. `hedged`
    is the open risk that the position offsets, as a share of this trade's base risk: the credit never exceeds it.
    """
    if not pairs:
        return Factor("diversification", 1.0, "nothing open")
    if policy.method == "tiers":
        largest = max(pairs)
        value = band(largest, policy.tier_limits, policy.tier_factors)
        return Factor("diversification", value, f"largest pair correlation {largest:.2f}")
    correlation = max(books)
    value = max(policy.floor, min(policy.ceiling, 1.0 - policy.weight * correlation, 1.0 + hedged))
    return Factor("diversification", value, f"correlation {correlation:.2f} with the open book")


def heat(policy: HeatPolicy, equity: float, open_risk: float, budget: float) -> Factor:
    """Less when open stop risk and this trade's budget together exceed the limit; the same share of what is left below.

    Below the limit a budget may take at most `factor` of the room: a smaller budget would otherwise be allowed a larger
    size than one that just exceeds the limit.
    """
    room = policy.limit_pct / 100 * equity - open_risk
    value = policy.factor
    if 0 < budget <= room:
        value = min(1.0, policy.factor * room / budget)
    percent = (open_risk + budget) / equity * 100
    return Factor("heat", value, f"{percent:.2f} % of equity at risk, limit {policy.limit_pct:g} %")
