"""What is open already (DESIGN, steps 4 and 8)."""

from sizing.bands import band
from sizing.decision import Factor
from sizing.policy import DiversificationPolicy, HeatPolicy


def diversification(
    policy: DiversificationPolicy, book: float, held: tuple[float, ...], promised: tuple[float, ...]
) -> Factor:
    """Less for what moves with the book, more for what hedges it.

    `book` is the position's correlation with the open book as a whole, `held` and `promised` with each open position
    and with each pending order and reservation. A promise counts by itself, as if it were all there is, and never as a
    hedge: so one more promise never raises a size.
    """
    if not held and not promised:
        return Factor("diversification", 1.0, "nothing open")
    if policy.method == "tiers":
        largest = max(held + promised)
        value = band(largest, policy.tier_limits, policy.tier_factors)
        return Factor("diversification", value, f"largest pair correlation {largest:.2f}")
    correlation = max((book, *promised))
    value = max(policy.floor, min(policy.ceiling, 1.0 - policy.weight * correlation))
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
