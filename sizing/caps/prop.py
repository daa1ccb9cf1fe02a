"""The firm's loss rules: a share of the distance per trade, and the distance net of everything at risk already."""

from sizing.policy import CapPolicy
from sizing.rooms import RISK, WORST, Room
from sizing.snapshot import Exposure, Snapshot


def loss_rules(snapshot: Snapshot, policy: CapPolicy, exposures: tuple[Exposure, ...]) -> list[Room]:
    """Two ceilings for each rule.

    The share looks at the distance from equity to the floor now. The headroom looks at the nearer of the floors now
    and after the next reset, less the worst case of every open position, pending order and reservation.
    """
    rooms: list[Room] = []
    at_risk = sum(exposure.worst for exposure in exposures)
    for rule in snapshot.firm.rules:
        share = policy.daily_distance_share_pct if rule.scope == "daily" else policy.total_distance_share_pct
        detail = f"{share:g} % of the distance {rule.headroom:.2f}"
        rooms.append(Room(f"{rule.name}_share", RISK, rule.headroom * share / 100, detail))
        after = rule.headroom_after_reset < rule.headroom
        nearest = rule.headroom_after_reset if after else rule.headroom
        detail = f"{nearest:.2f}{' after the reset' if after else ''} less {at_risk:.2f} at risk"
        rooms.append(Room(f"{rule.name}_headroom", WORST, nearest - at_risk, detail))
    return rooms
