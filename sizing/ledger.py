"""Risk promised by answers in flight, so that no two answers spend the same headroom.

A reservation is made with the answer, moves to open when the EA reports its fill, and leaves the ledger when the
terminal shows the position (from then on the book counts it), when it is released, or when it lapses. Transitions are
pure: each returns a new ledger and leaves the old one as it was.

Money is kept in whole cents, rounded up, so that the sum of the parts is exact however often parts come and go.
"""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from sizing.snapshot import Exposure, OrderKind, Side

State = Literal["reserved", "open", "released", "lapsed"]


class LedgerError(Exception):
    """A transition that makes no sense; the message is one sentence for the EA's author."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What one answer may still cost. Cents are hundredths of the account's currency, for `lots`."""

    id: str
    symbol: str
    side: Side
    lots: float
    risk_cents: int
    worst_cents: int
    notional_cents: int
    margin_cents: int
    created_ms: int
    expires_ms: int
    stop_loss: float
    take_profit: float | None = None
    order: OrderKind = "market"
    magic: int = 0
    state: State = "reserved"
    filled_lots: float = 0.0
    tickets: tuple[int, ...] = ()
    filled_ms: int = 0

    @property
    def holds(self) -> bool:
        """Whether its money still counts against the limits."""
        return self.state in ("reserved", "open")


@dataclass(frozen=True, slots=True)
class Ledger:
    """All reservations of one account that still hold money, oldest first; others are in the journal."""

    reservations: dict[str, Reservation] = field(default_factory=dict)

    def get(self, reservation: str) -> Reservation | None:
        """A reservation that still holds money."""
        return self.reservations.get(reservation)

    def reserve(self, reservation: Reservation) -> "Ledger":
        """Add a reservation. Raises LedgerError if its id is taken."""
        if reservation.id in self.reservations:
            raise LedgerError(f"reservation {reservation.id} exists already")
        return Ledger({**self.reservations, reservation.id: reservation})

    def replace(self, reservation: Reservation) -> "Ledger":
        """Put a reservation's next state in; one that holds no money any more leaves."""
        rest = {key: value for key, value in self.reservations.items() if key != reservation.id}
        if reservation.holds:
            rest[reservation.id] = reservation
        return Ledger(rest)

    def exposures(self) -> tuple[Exposure, ...]:
        """What is promised, by symbol and side, in account currency."""
        return tuple(_sum(items) for items in _by_side(self.reservations.values()))

    def worst_cents(self) -> int:
        """Worst-case money of all reservations."""
        return sum(each.worst_cents for each in self.reservations.values())


def cents(money: float) -> int:
    """Money as whole cents, rounded up: what is promised is never understated."""
    return math.ceil(money * 100 - 1e-9)


def fill(reservation: Reservation, ticket: int, lots: float, now_ms: int) -> Reservation:
    """The reservation after one more fill. The same ticket again changes nothing.

    Volumes may exceed what was reserved (an EA that ignored the answer): then the money grows in proportion, because
    the position exists.
    """
    if ticket in reservation.tickets:
        return reservation
    filled = reservation.filled_lots + lots
    grown = _scaled(reservation, filled) if filled > reservation.lots else reservation
    return dataclasses.replace(
        grown, state="open", filled_lots=filled, tickets=(*reservation.tickets, ticket), filled_ms=now_ms
    )


def release(reservation: Reservation) -> Reservation:
    """The reservation after the EA gave it back; what is filled stays until the terminal shows it."""
    if reservation.state != "reserved":
        return _keep_filled(reservation)
    return dataclasses.replace(reservation, state="released")


def lapse(reservation: Reservation) -> Reservation:
    """The reservation after its time ran out; what is filled stays until the terminal shows it."""
    if reservation.state != "reserved":
        return _keep_filled(reservation)
    return dataclasses.replace(reservation, state="lapsed")


def _keep_filled(reservation: Reservation) -> Reservation:
    if reservation.state != "open" or reservation.filled_lots >= reservation.lots:
        return reservation
    return _scaled(reservation, reservation.filled_lots)


def _scaled(reservation: Reservation, lots: float) -> Reservation:
    share = lots / reservation.lots
    return dataclasses.replace(
        reservation,
        lots=lots,
        risk_cents=math.ceil(reservation.risk_cents * share),
        worst_cents=math.ceil(reservation.worst_cents * share),
        notional_cents=math.ceil(reservation.notional_cents * share),
        margin_cents=math.ceil(reservation.margin_cents * share),
    )


def _by_side(reservations: Iterable[Reservation]) -> list[list[Reservation]]:
    groups: dict[tuple[str, str], list[Reservation]] = {}
    for each in reservations:
        groups.setdefault((each.symbol, each.side), []).append(each)
    return list(groups.values())


def _sum(items: list[Reservation]) -> Exposure:
    return Exposure(
        symbol=items[0].symbol,
        side=items[0].side,
        count=len(items),
        lots=math.fsum(each.lots for each in items),
        risk=sum(each.risk_cents for each in items) / 100,
        worst=sum(each.worst_cents for each in items) / 100,
        notional=sum(each.notional_cents for each in items) / 100,
        margin=sum(each.margin_cents for each in items) / 100,
    )
