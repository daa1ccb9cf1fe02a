"""Caps that are an amount of money divided by money per lot."""

from sizing.decision import Cap
from sizing.trade import Trade


def money_cap(trade: Trade, name: str, room: float, per_lot: float, detail: str) -> Cap:
    """`room / per_lot` lots, none where there is no room; the engine proves the product again after rounding."""
    if room <= 0:
        return Cap(name, 0.0, detail)
    trade.rooms.append((room, per_lot))
    return Cap(name, room / per_lot, detail)
