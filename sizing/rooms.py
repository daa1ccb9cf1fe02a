"""A cap before there is a trade: how much room a limit leaves, and the unit in which a lot uses it up."""

from typing import NamedTuple

LOTS, RISK, WORST, NOTIONAL, MARGIN = range(5)
"""Units: lots themselves, or per lot the money of risk, of worst case, of face value, of margin."""


class Room(NamedTuple):
    """What one limit leaves. In LOTS an amount of None does not limit; money at or below zero leaves nothing."""

    name: str
    unit: int
    amount: float | None
    detail: str


UNBOUNDED = 1e12
"""Money that has no bound; finite, so that it can be summed, rounded to cents and written down."""
