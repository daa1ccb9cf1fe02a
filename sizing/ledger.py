"""Risk promised by answers in flight, so that no two answers spend the same headroom.

A reservation is made with the answer, moves to open when the EA reports its fill, and leaves the ledger when the
terminal shows the position (from then on the book counts it), when it is released, or when it lapses. Transitions are
pure: each returns a new ledger and leaves the old one as it was.

Money is kept in whole cents, rounded up, so that the sum of the parts is exact however often parts come and go.
"""

import math
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from sizing.snapshot import Exposure, OrderKind, Side
from sizing.stats.joint import Leg

State = Literal["reserved", "partly_open", "open", "released", "lapsed"]


class Fill(NamedTuple):
    """What an EA has reported of one ticket: its volume so far, and how much of it the terminal has shown."""

    ticket: int
    lots: float
    at_ms: int
    shown: float = 0.0
    report_ms: int = 0
    """Time of the terminal's report that was current then: whatever the clocks say, that one does not show the fill."""


class Reservation(NamedTuple):
    """What one answer may still cost. Cents are hundredths of the account's currency, for all `lots` of the answer."""

    id: str
    symbol: str
    side: Side
    lots: float
    rest_lots: float
    """Not filled yet, and still promised."""
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
    fills: tuple[Fill, ...] = ()
    entry: float = 0.0
    money_per_price: float = 0.0
    """Account currency per lot and 1.0 of price; 0 where it was not kept."""
    reach_cents: int = 0
    """What may be gained first, before it is lost."""

    @property
    def tickets(self) -> tuple[int, ...]:
        """Every ticket that an EA has reported, or that matched in the end."""
        return tuple(each.ticket for each in self.fills)

    @property
    def unseen(self) -> tuple[Fill, ...]:
        """Fills that the terminal has not shown yet."""
        return tuple(each for each in self.fills if each.shown < each.lots)

    @property
    def held_lots(self) -> float:
        """Lots whose money still counts here: promised, or filled but not shown by the terminal yet."""
        unseen = [each.lots - each.shown for each in self.fills if each.shown < each.lots]
        if not unseen:
            return self.rest_lots if not self.fills else round(self.rest_lots, 8)
        return round(self.rest_lots + math.fsum(unseen), 8)

    def held_cents(self, cents_of_all: int) -> int:
        """The part of a money figure that still counts, rounded up."""
        return _part(cents_of_all, self.held_lots, self.lots)


class _Sum(NamedTuple):
    """One side of one symbol in whole numbers: lots in hundred-millionths, money in cents."""

    positions: int
    lots_e8: int
    risk_cents: int
    worst_cents: int
    notional_cents: int
    margin_cents: int
    reach_cents: int


_NOTHING = _Sum(0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Ledger:
    """All reservations of one account that still hold money, oldest first; others are in the journal.

    The sums per symbol and side go along with every transition, in whole numbers, so that they are always exactly
    those of the parts, and asking for them costs nothing however many parts there are.
    """

    reservations: dict[str, Reservation] = field(default_factory=dict)
    sums: dict[tuple[str, Side], _Sum] = field(default_factory=dict)

    def get(self, reservation: str) -> Reservation | None:
        """A reservation that still holds money."""
        return self.reservations.get(reservation)

    def replace(self, reservation: Reservation) -> "Ledger":
        """Put a reservation, or its next state, in; one that holds no money any more leaves."""
        reservations, sums = self.reservations.copy(), self.sums.copy()
        before = reservations.get(reservation.id)
        if before is not None:
            _add(sums, before, before.held_lots, -1)
        held = reservation.held_lots
        if held > 0:
            reservations[reservation.id] = reservation
            _add(sums, reservation, held, 1)
        elif before is not None:
            del reservations[reservation.id]
        return Ledger(reservations, sums)

    def exposures(self) -> tuple[Exposure, ...]:
        """What is promised, by symbol and side, in account currency."""
        return tuple(
            Exposure(
                symbol,
                side,
                each.positions,
                each.lots_e8 / 1e8,
                each.risk_cents / 100,
                each.worst_cents / 100,
                each.notional_cents / 100,
                each.margin_cents / 100,
                each.reach_cents / 100,
                deficit=each.worst_cents / 100,
            )
            for (symbol, side), each in self.sums.items()
        )

    def worst_cents(self) -> int:
        """Worst-case money of all reservations."""
        return sum(each.worst_cents for each in self.sums.values())


def _part(cents_of_all: int, held: float, lots: float) -> int:
    return cents_of_all if held == lots else math.ceil(cents_of_all * held / lots)


def _add(sums: dict[tuple[str, Side], _Sum], reservation: Reservation, held: float, sign: int) -> None:
    key, lots = (reservation.symbol, reservation.side), reservation.lots
    old = sums.get(key, _NOTHING)
    new = _Sum(
        old.positions + sign,
        old.lots_e8 + sign * round(held * 1e8),
        old.risk_cents + sign * _part(reservation.risk_cents, held, lots),
        old.worst_cents + sign * _part(reservation.worst_cents, held, lots),
        old.notional_cents + sign * _part(reservation.notional_cents, held, lots),
        old.margin_cents + sign * _part(reservation.margin_cents, held, lots),
        old.reach_cents + sign * _part(reservation.reach_cents, held, lots),
    )
    if new.positions:
        sums[key] = new
    else:
        del sums[key]


def leg_of(reservation: Reservation) -> Leg:
    """What a reservation still holds, as a part of the book. It may never be filled, so it can only lose."""
    stop, money = abs(reservation.entry - reservation.stop_loss), reservation.money_per_price
    per_lot = reservation.risk_cents / 100 / reservation.lots
    return Leg(
        symbol=reservation.symbol if money > 0 else "",
        side=reservation.side,
        lots=reservation.held_lots,
        stop=stop,
        near=0.0,
        target=None,
        money=money,
        # Whatever the size was computed with beyond the stop counts as a cost: it is the larger figure.
        costs=max(0.0, per_lot - stop * money),
        worst=reservation.held_cents(reservation.worst_cents) / 100,
        promised=True,
    )


def cents(money: float) -> int:
    """Money as whole cents, rounded up: what is promised is never understated."""
    return math.ceil(money * 100 - 1e-9)


def fill(reservation: Reservation, ticket: int, lots: float, now_ms: int, report_ms: int = 0) -> Reservation:
    """The reservation after a report that `ticket` holds `lots` so far. A report that says nothing new changes nothing.

    Fills may exceed what was reserved, and may come after a release or a lapse: the position exists all the same, so
    its money is held until the terminal shows it.
    """
    before = next((each for each in reservation.fills if each.ticket == ticket), None)
    known = before.lots if before is not None else 0.0
    if lots <= known:
        return reservation
    rest = max(0.0, round(reservation.rest_lots - (lots - known), 8))
    others = tuple(each for each in reservation.fills if each.ticket != ticket)
    shown = before.shown if before is not None else 0.0
    return reservation._replace(
        state="partly_open" if rest > 0 else "open",
        rest_lots=rest,
        fills=(*others, Fill(ticket, lots, now_ms, shown, report_ms)),
    )


def end(reservation: Reservation, how: Literal["released", "lapsed"]) -> Reservation:
    """The reservation after the EA gave it back or its time ran out; what is filled stays open."""
    if reservation.state in ("released", "lapsed", "open"):
        return reservation
    state: State = how if reservation.state == "reserved" else "open"
    return reservation._replace(state=state, rest_lots=0.0)


def seen(reservation: Reservation, ticket: int) -> Reservation:
    """The reservation after the terminal has shown a fill's position, or has shown that it is gone again."""
    return reservation._replace(
        fills=tuple([_shown(each) if each.ticket == ticket else each for each in reservation.fills])
    )


def _shown(fill: Fill) -> Fill:
    return Fill(fill.ticket, fill.lots, fill.at_ms, fill.lots, fill.report_ms)


def found(reservation: Reservation, ticket: int, lots: float, at_ms: int) -> Reservation:
    """The reservation after the terminal's report of `at_ms` shows `lots` more of `ticket` that no EA has reported."""
    before = next((each for each in reservation.fills if each.ticket == ticket), Fill(ticket, 0.0, at_ms))
    grown = fill(reservation, ticket, round(before.lots + lots, 8), at_ms)
    after = before._replace(lots=round(before.lots + lots, 8), shown=round(before.shown + lots, 8))
    return grown._replace(fills=tuple(after if each.ticket == ticket else each for each in grown.fills))
