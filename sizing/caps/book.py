"""Ceilings on the whole book: concentration, tail loss and face value."""

from sizing.policy import CapPolicy
from sizing.rooms import NOTIONAL, RISK, WORST, Room
from sizing.snapshot import Exposure, Side, Snapshot

PORTFOLIO = "portfolio_shortfall"


def daily_risk_budget(snapshot: Snapshot, policy: CapPolicy) -> float:
    """A share of the day's starting distance to the tightest daily rule; a share of equity where there is none."""
    distances = [rule.start_distance for rule in snapshot.firm.rules if rule.scope == "daily"]
    if not distances:
        return snapshot.account.account.equity * policy.daily_budget_without_rule_pct / 100
    return min(distances) * policy.daily_budget_share_pct / 100


def concentration(
    snapshot: Snapshot, policy: CapPolicy, exposures: tuple[Exposure, ...], correlations: tuple[float, ...]
) -> Room:
    """Risk in this symbol and whatever moves with it, as a share of the daily risk budget."""
    threshold = policy.concentration_correlation
    pairs = zip(exposures, correlations, strict=True)
    together = sum(exposure.risk for exposure, correlation in pairs if correlation > threshold)
    room = daily_risk_budget(snapshot, policy) * policy.concentration_pct / 100
    return Room("concentration", RISK, room - together, f"{room:.2f} for one cluster less {together:.2f} in it")


def portfolio_shortfall(snapshot: Snapshot, policy: CapPolicy, exposures: tuple[Exposure, ...]) -> Room:
    """Tail loss of the whole book, with every tail at once.

    That overstates it: where this room is the smallest, the book's joint scenarios say how much (`caps.joint`).
    """
    room = portfolio_budget(snapshot, policy)
    at_risk = sum(exposure.worst for exposure in exposures)
    detail = f"{room:.2f} less {at_risk:.2f} open (every tail at once)"
    return Room(PORTFOLIO, WORST, room - at_risk, detail)


def portfolio_budget(snapshot: Snapshot, policy: CapPolicy) -> float:
    """Money that the whole book may lose in its tail."""
    return snapshot.account.account.equity * policy.portfolio_shortfall_pct / 100


def exposure(
    snapshot: Snapshot, side: Side, policy: CapPolicy, held: tuple[Exposure, ...], promised: tuple[Exposure, ...]
) -> tuple[Room, Room]:
    """Gross and net face value as multiples of equity. What is only promised on the other side nets nothing."""
    equity = snapshot.account.account.equity
    gross = sum(each.notional for each in held + promised)
    net = sum(each.notional if each.side == side else -each.notional for each in held)
    net += sum(each.notional for each in promised if each.side == side)
    return (
        Room(
            "gross_exposure",
            NOTIONAL,
            policy.gross_exposure * equity - gross,
            f"{policy.gross_exposure:g} x equity less {gross:.0f}",
        ),
        Room(
            "net_exposure",
            NOTIONAL,
            policy.net_exposure * equity - net,
            f"{policy.net_exposure:g} x equity less {net:.0f} net on this side",
        ),
    )
