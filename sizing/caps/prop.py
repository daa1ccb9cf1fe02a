"""The firm's loss rules: a share of the distance per trade, and the distance net of everything at risk already."""

from typing import NamedTuple

from sizing.policy import CapPolicy
from sizing.prop.evaluate import CENT
from sizing.rooms import LOTS, RISK, UNBOUNDED, WORST, Room
from sizing.snapshot import Account, Exposure, RuleStatus, Snapshot


class Trail(NamedTuple):
    """A rule whose floor rises with floating profit: what its headroom leaves before a trade is known."""

    rule: str
    room: float
    """Headroom less the worst case of everything."""
    reach: float
    """Money that everything may gain before it loses."""
    rise: float | None
    """How far the floor can still rise; None without end."""


def loss_rules(snapshot: Snapshot, policy: CapPolicy, exposures: tuple[Exposure, ...]) -> list[Room]:
    """Two ceilings for each rule.

    The share looks at the distance from equity to the floor now. The headroom looks at the nearer of the floors now
    and after the next reset, less the worst case of every open position, pending order and reservation.
    """
    rooms: list[Room] = []
    at_risk, deficit = sum(each.worst for each in exposures), sum(each.deficit for each in exposures)
    account = snapshot.account.account
    for rule in snapshot.firm.rules:
        share = policy.daily_distance_share_pct if rule.scope == "daily" else policy.total_distance_share_pct
        detail = f"{share:g} % of the distance {rule.headroom:.2f}"
        rooms.append(Room(f"{rule.name}_share", RISK, rule.headroom * share / 100, detail))
        room = _headroom(rule, at_risk)
        if rule.on_balance:
            room = min(_headroom(_on_equity(rule, account), at_risk), _balance_room(rule, account, deficit))
        rooms.append(Room(f"{rule.name}_headroom", WORST, *room))
    return rooms


def _headroom(rule: RuleStatus, at_risk: float) -> tuple[float, str]:
    after = rule.headroom_after_reset < rule.headroom
    nearest = rule.headroom_after_reset if after else rule.headroom
    return nearest - at_risk, f"{nearest:.2f}{' after the reset' if after else ''} less {at_risk:.2f} at risk"


def _on_equity(rule: RuleStatus, account: Account) -> RuleStatus:
    """The same rule, as if equity alone were compared with the floor."""
    more = account.equity - rule.measured
    return rule._replace(headroom=rule.headroom + more, headroom_after_reset=rule.headroom_after_reset + more)


def _balance_room(rule: RuleStatus, account: Account, deficit: float) -> tuple[float, str]:
    """What the balance leaves when whatever can lose is closed at its worst, and what wins stays open."""
    headroom = rule.headroom + account.balance - rule.measured
    return headroom - deficit, f"{headroom:.2f} of balance less {deficit:.2f} that losing positions may cost it"


def trails(snapshot: Snapshot, exposures: tuple[Exposure, ...]) -> tuple[Trail, ...]:
    """Every rule whose floor follows floating profit, net of all that is open, pending and reserved."""
    if not any(rule.trails for rule in snapshot.firm.rules):
        return ()
    worst, reach = sum(each.worst for each in exposures), sum(each.reach for each in exposures)
    return tuple(
        Trail(rule.name, min(rule.headroom, rule.headroom_after_reset) - worst, reach, rule.rise)
        for rule in snapshot.firm.rules
        if rule.trails
    )


def trail_room(trail: Trail, worst_per_lot: float, reach_per_lot: float) -> Room:
    """The lots with which everything may first gain up to its targets, the floor behind it, and then lose it all.

    The floor rises by what is gained, but never beyond its lock: of the two bounds the one that leaves more holds.
    """
    lots = max(0.0, trail.room - trail.reach) / (worst_per_lot + reach_per_lot)
    detail = f"{trail.room:.2f} less {trail.reach:.2f} that may be gained and lost again"
    if trail.reach >= UNBOUNDED:
        lots, detail = 0.0, "something open or promised has no target: it may gain without end and lose it again"
    elif reach_per_lot >= UNBOUNDED:
        lots, detail = 0.0, "the trade has no target, so it may gain without end and lose it again: send take_profit"
    if trail.rise is not None and (locked := max(0.0, trail.room - trail.rise) / worst_per_lot) > lots:
        lots, detail = locked, f"{trail.room:.2f} less {trail.rise:.2f} that the floor may rise"
    return Room(f"{trail.rule}_trail", LOTS, lots, detail)


def firm_limits(snapshot: Snapshot, exposures: tuple[Exposure, ...]) -> list[Room]:
    """What the firm allows beside losses; nothing where it has no such limit."""
    limits, firm = snapshot.firm.limits, snapshot.firm
    rooms: list[Room] = []
    if limits.open_risk is not None:
        risk = sum(each.risk for each in exposures)
        rooms.append(
            Room("firm_open_risk", RISK, limits.open_risk - risk, f"{limits.open_risk:.2f} less {risk:.2f} open")
        )
    if limits.floating_loss is not None:
        deficit = sum(each.deficit for each in exposures)
        detail = f"{limits.floating_loss:.2f} less {deficit:.2f} that may float"
        rooms.append(Room("firm_floating_loss", WORST, limits.floating_loss - CENT - deficit, detail))
    if limits.max_positions is not None:
        held = sum(each.positions for each in exposures)
        rooms.append(_count("firm_positions", held, limits.max_positions))
    if limits.max_positions_per_day is not None:
        coming = sum(each.positions for each in snapshot.account.book.pending + snapshot.reserved)
        opened = None if firm.opened_today is None else firm.opened_today + coming
        rooms.append(_count("firm_positions_today", opened, limits.max_positions_per_day))
    if limits.max_lots_per_order is not None:
        rooms.append(Room("firm_max_lots", LOTS, limits.max_lots_per_order, "lots of one order"))
    if limits.max_lots_open is not None:
        lots = sum(each.lots for each in exposures)
        detail = f"{limits.max_lots_open:g} lots less {lots:g}"
        rooms.append(Room("firm_open_lots", LOTS, max(0.0, limits.max_lots_open - lots), detail))
    return rooms


def _count(name: str, held: int | None, most: int) -> Room:
    if held is None:
        return Room(
            name, LOTS, None, f"at most {most}; how many there were is not known: feed the deals since the reset"
        )
    return Room(name, LOTS, 0.0 if held >= most else None, f"{held} of {most}")
