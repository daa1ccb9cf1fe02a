"""What the broker's margin, counts and volume figures allow."""

from sizing.policy import CapPolicy
from sizing.rooms import LOTS, MARGIN, Room
from sizing.snapshot import Exposure, Side, Snapshot

_HEDGING = 2
"""ENUM_ACCOUNT_MARGIN_MODE: positions of one symbol stand side by side; in the others they net."""


def margin(snapshot: Snapshot, policy: CapPolicy, exposures: tuple[Exposure, ...]) -> Room:
    """A share of the free margin, less what pending orders and reservations will take of it."""
    share, free = policy.margin_use_pct, snapshot.account.account.margin_free
    taken = sum(each.margin for each in exposures)
    detail = f"{share:g} % of {free:.2f} free less {taken:.2f} promised"
    return Room("margin", MARGIN, free * share / 100 - taken, detail)


def positions(snapshot: Snapshot, policy: CapPolicy, exposures: tuple[Exposure, ...]) -> tuple[Room, Room]:
    """How many positions may be open, pending or reserved: no limit below the count, 0 lots at it."""
    name = snapshot.symbol.spec.name
    total = sum(each.positions for each in exposures)
    here = sum(each.positions for each in exposures if each.symbol == name)
    most, most_here = policy.max_positions, policy.max_positions_per_symbol
    if snapshot.account.account.margin_mode != _HEDGING:
        # Where positions net, an addition would move the stop of all the volume: until that is priced, one at a time.
        most_here = 1
    return (
        Room("positions", LOTS, 0.0 if total >= most else None, f"{total} of {most}"),
        Room("symbol_positions", LOTS, 0.0 if here >= most_here else None, f"{here} of {most_here}"),
    )


def volumes(snapshot: Snapshot, side: Side, exposures: tuple[Exposure, ...]) -> tuple[Room, ...]:
    """The broker's largest volume per order, and per side of the symbol with pendings counted."""
    spec = snapshot.symbol.spec
    largest = Room("volume_max", LOTS, spec.volume_max, "broker's largest order")
    if spec.volume_limit <= 0:
        return (largest,)
    used = sum(each.lots for each in exposures if each.symbol == spec.name and each.side == side)
    room = max(0.0, spec.volume_limit - used)
    return largest, Room("volume_limit", LOTS, room, f"{spec.volume_limit:g} per side less {used:g}")
