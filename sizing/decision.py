"""The answer and its waterfall."""

from typing import NamedTuple

from sizing.rooms import Room


class Factor(NamedTuple):
    """One multiplier on the risk budget."""

    name: str
    value: float
    detail: str


class Cap(NamedTuple):
    """One ceiling in lots; None where it does not limit."""

    name: str
    lots: float | None
    detail: str


class Decision(NamedTuple):
    """How many lots, and every step that led there. Refused when `code` is set; then `lots` is 0.

    Money is in account currency. `risk_per_lot` is what the size was computed with: the larger of the loss at the stop
    and its expected shortfall; `value_at_risk_per_lot` is what that shortfall lies beyond. `risk_amount` (and
    `risk_percent` of equity) is the loss of all lots at the stop, with costs. `worst_per_lot` adds the whole gap
    allowance, and `worst_case` is what the ledger reserves.
    """

    code: str | None = None
    message: str | None = None
    lots: float = 0.0
    entry: float | None = None
    stop_loss: float | None = None
    take_profit: float | None = None
    stop_loss_per_lot: float = 0.0
    shortfall_per_lot: float = 0.0
    value_at_risk_per_lot: float = 0.0
    risk_per_lot: float = 0.0
    worst_per_lot: float = 0.0
    notional_per_lot: float = 0.0
    margin_per_lot: float = 0.0
    reach_per_lot: float = 0.0
    money_per_price: float = 0.0
    """Account currency per lot and 1.0 of price."""
    budget: float = 0.0
    risk_amount: float = 0.0
    worst_case: float = 0.0
    risk_percent: float = 0.0
    base_lots: float = 0.0
    binding: str | None = None
    runner_up: str | None = None
    factors: tuple[Factor, ...] = ()
    rooms: tuple[Room, ...] = ()
    """What each limit leaves, the risk budget first."""
    ceilings: tuple[float | None, ...] = ()
    """The same in lots, one for each room; None where it does not limit."""

    @property
    def caps(self) -> tuple[Cap, ...]:
        """Every limit as a ceiling in lots, for reading; most callers never ask."""
        pairs = zip(self.rooms, self.ceilings, strict=True)
        return tuple(Cap(room.name, lots, room.detail) for room, lots in pairs)
