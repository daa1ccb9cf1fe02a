"""Ceilings of the request itself and of the symbol's class."""

from sizing.rooms import LOTS, NOTIONAL, RISK, Room
from sizing.snapshot import Signal, Snapshot


def request(signal: Signal, equity: float) -> list[Room]:
    """The EA's own ceilings; they only ever lower."""
    rooms: list[Room] = []
    if signal.max_lots is not None:
        rooms.append(Room("request_max_lots", LOTS, signal.max_lots, "asked for by the request"))
    if signal.max_risk_pct is not None:
        room = equity * signal.max_risk_pct / 100
        rooms.append(Room("request_max_risk", RISK, room, f"{signal.max_risk_pct:g} % of equity is {room:.2f}"))
    return rooms


def symbol(snapshot: Snapshot) -> tuple[Room, ...]:
    """Lots and notional per position, by class."""
    view = snapshot.symbol
    limits = view.symbol_class
    room = snapshot.account.account.equity * limits.max_notional_pct / 100
    return (
        Room("symbol_max_lots", LOTS, limits.max_lots, f"class {view.class_name}"),
        Room("notional", NOTIONAL, room, f"{limits.max_notional_pct:g} % of equity is {room:.0f}"),
    )
