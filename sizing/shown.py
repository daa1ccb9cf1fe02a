"""What a terminal shows, beside what EAs have reported: fills that the book counts, and pieces that nobody reported."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from sizing.ledger import Fill, Reservation
from sizing.snapshot import Deal, PendingOrder, Position, Side

SETTLED_MS = 2_000
"""A report this much later than an event shows it. A position may seem older than its reservation by as much."""
_IN, _IN_OUT = 0, 2
"""ENUM_DEAL_ENTRY: a deal that opens or adds, and one that turns a netting position round."""
_OTHER: dict[Side, Side] = {"buy": "sell", "sell": "buy"}


class Shown(NamedTuple):
    """What the terminal showed of the account at `at_ms`, milliseconds UTC by the daemon's clock."""

    positions: tuple[Position, ...]
    orders: tuple[PendingOrder, ...]
    deals: tuple[Deal, ...]
    at_ms: int
    netting: bool
    """One position for each symbol, into which all orders go (ENUM_ACCOUNT_MARGIN_MODE 0 and 1)."""


class Piece(NamedTuple):
    """Something that the terminal shows and nobody has reported: one reservation's as a whole, or nobody's."""

    made_ms: int
    ticket: int
    key: int
    """The deal's own ticket, where several deals go into one position."""
    symbol: str
    magic: int
    side: Side | None
    """None where only the deals of a closed position are left: they do not tell."""
    lots: float
    stop: float | None = None
    missing: bool = False
    """Its deals leave more open than the positions show: they may have been read a moment later than those."""
    owners: frozenset[str] = frozenset()
    """Where the ticket is known already, and has grown: the reservations that have it."""

    def may_be(self, of: Reservation) -> bool:
        """Whether it may be a reservation's by symbol, side, magic, time, and ticket where that is known."""
        return (
            (self.symbol, self.magic) == (of.symbol, of.magic)
            and self.side in (None, of.side)
            and self.made_ms >= of.created_ms - SETTLED_MS
            and (not self.owners or of.id in self.owners)
        )


class Evidence:
    """What the terminal shows, beside what EAs have reported; each view of it is worked out when it is first needed."""

    def __init__(self, shown: Shown, known: Callable[[], Iterable[Reservation]]) -> None:
        self.shown = shown
        self._known = known

    def shows(self, of: Reservation, fill: Fill) -> bool:
        """Whether the terminal certainly shows a fill: as part of a position, or of one that is closed again."""
        position = self._positions.get(fill.ticket)
        if position is None:
            deals = self._deals_of(fill.ticket)
            parts = deals if self.shown.netting else [each for each in deals if each.entry == _IN]
            return bool(deals) and _standing(deals) == 0 and _total(parts) >= self._reported[fill.ticket]
        if self.shown.netting:
            return position.symbol == of.symbol and self._shows_netted(of)
        if (position.symbol, position.side) != (of.symbol, of.side):
            return False
        told = self._reported[fill.ticket]
        return position.volume >= told or self._lots_through(position) >= told

    def _shows_netted(self, of: Reservation) -> bool:
        """Whether the deals account for the position, and the fills that were reported for the deals.

        The position's volume says nothing by itself: it may be that of before, or another's.
        """
        alike = [each for each in self._reservations if strategy(each) == strategy(of)]
        if any(each.rest_lots > 0 and each.id != of.id for each in alike):
            return False  # A deal that is shown may be the other's, and the fill's own may be missing.
        since = min(each.created_ms for each in alike if each.unseen) - SETTLED_MS
        fills = (fill for each in alike for fill in each.fills)
        told = (fill.lots for fill in fills if fill.shown < fill.lots or fill.at_ms >= since)
        made = [
            deal
            for deal, side in self._sides.get(of.symbol, ())
            if (deal.magic, side) == (of.magic, of.side) and deal.time_ms >= since
        ]
        return _total(made) == round(math.fsum(told), 8)

    def new_orders(self) -> list[Piece]:
        """Pending orders whose ticket nobody has reported."""
        return sorted(
            (_order_piece(each) for each in self.shown.orders if each.ticket not in self._reported),
            key=_place,
        )

    def pieces(self, waiting: Sequence[Reservation]) -> list[Piece]:
        """Everything that may belong to one of the reservations, without what was reported, oldest first."""
        since = min(each.created_ms for each in waiting) - SETTLED_MS
        every = self._netted_pieces(since) if self.shown.netting else self._ticket_pieces(since)
        return sorted((each for each in every if each.made_ms >= since), key=_place)

    def _ticket_pieces(self, since_ms: int) -> Iterator[Piece]:
        """Where every position has its own order: what is new of each ticket, open, waiting or closed again."""
        owners: dict[int, set[str]] = {}
        for reservation, fill in self._told:
            owners.setdefault(fill.ticket, set()).add(reservation.id)
        opened = {each.position_id for each in self.shown.deals if each.entry == _IN and each.time_ms >= since_ms}
        for ticket in {*self._positions, *self._orders, *(opened - {0})}:
            position, order = self._positions.get(ticket), self._orders.get(ticket)
            deals = [each for each in self._deals_of(ticket) if each.entry == _IN]
            there = position or order
            volume = position.volume if position else 0.0
            lots = max(volume, _total(deals)) + (order.volume_current if order else 0.0)
            lots = round(lots - self._reported.get(ticket, 0.0), 8)
            if lots > 0:
                yield Piece(
                    made_ms=min(_made_ms(each) for each in (position, order, *deals) if each is not None),
                    ticket=ticket,
                    key=ticket,
                    symbol=(there or deals[0]).symbol,
                    magic=(there or deals[0]).magic,
                    side=there.side if there else None,
                    lots=lots,
                    missing=_standing(self._deals_of(ticket)) > volume,
                    owners=frozenset(owners.get(ticket, ())),
                )

    def _netted_pieces(self, since_ms: int) -> Iterator[Piece]:
        """Where all orders of a symbol share one position: orders, and the deals that no reported fill accounts for."""
        yield from self.new_orders()
        for position in self.shown.positions:
            lots = round(position.volume - self._reported.get(position.ticket, 0.0), 8)
            if position.symbol not in self._chains and lots > 0:
                yield Piece(position.time_ms, position.ticket, 0, position.symbol, position.magic, position.side, lots)
        sides = {deal.ticket: side for pairs in self._sides.values() for deal, side in pairs}
        deals = [
            (each, sides.get(each.ticket))
            for each in _in_time(deal for deal in self.shown.deals if deal.time_ms >= since_ms)
            if each.entry in (_IN, _IN_OUT) and each.position_id
        ]
        left = self._unreported(deals, since_ms)
        volumes = {each.symbol: each.volume for each in self.shown.positions}
        for deal, side in deals:
            if left[deal.ticket] > 0:
                yield Piece(
                    made_ms=deal.time_ms,
                    ticket=deal.position_id,
                    key=deal.ticket,
                    symbol=deal.symbol,
                    magic=deal.magic,
                    side=side,
                    lots=left[deal.ticket],
                    missing=_standing(self._chains[deal.symbol]) != volumes.get(deal.symbol, 0.0),
                )

    def _unreported(self, deals: Sequence[tuple[Deal, Side | None]], since_ms: int) -> dict[int, float]:
        """By deal, the lots that no reported fill accounts for: each takes equal ones first, then the oldest."""
        left = {deal.ticket: deal.volume for deal, _ in deals}
        for of, fill in self._told:
            order = self._orders.get(fill.ticket)
            need = round(fill.lots - (order.volume_current if order else 0.0), 8) if fill.at_ms >= since_ms else 0.0
            own = [
                deal.ticket
                for deal, side in deals
                if (deal.symbol, deal.magic) == (of.symbol, of.magic)
                and side in (None, of.side)
                and deal.time_ms >= of.created_ms - SETTLED_MS
            ]
            for ticket in sorted(own, key=lambda each: left[each] != need):
                used = min(left[ticket], max(0.0, need))
                left[ticket], need = round(left[ticket] - used, 8), round(need - used, 8)
        return left

    def _lots_through(self, position: Position) -> float:
        """Lots that went into a position, which was closed in part since; 0 where the deals don't account for it."""
        deals = self._deals_of(position.ticket)
        return _total(each for each in deals if each.entry == _IN) if _standing(deals) == position.volume else 0.0

    def _deals_of(self, position_id: int) -> list[Deal]:
        return _in_time(self._deals.get(position_id, ()))

    @cached_property
    def _reservations(self) -> list[Reservation]:
        """All that are known, those that have ended too."""
        return sorted({each.id: each for each in self._known()}.values(), key=lambda each: (each.created_ms, each.id))

    @cached_property
    def _told(self) -> list[tuple[Reservation, Fill]]:
        return [(each, fill) for each in self._reservations for fill in sorted(each.fills)]

    @cached_property
    def _reported(self) -> dict[int, float]:
        """Lots by ticket, of all reservations together."""
        lots: dict[int, list[float]] = {}
        for _, fill in self._told:
            lots.setdefault(fill.ticket, []).append(fill.lots)
        return {ticket: round(math.fsum(parts), 8) for ticket, parts in lots.items()}

    @cached_property
    def _positions(self) -> dict[int, Position]:
        return {each.ticket: each for each in self.shown.positions}

    @cached_property
    def _orders(self) -> dict[int, PendingOrder]:
        return {each.ticket: each for each in self.shown.orders}

    @cached_property
    def _deals(self) -> dict[int, list[Deal]]:
        """By position."""
        deals: dict[int, list[Deal]] = {}
        for each in self.shown.deals:
            if each.position_id:
                deals.setdefault(each.position_id, []).append(each)
        return deals

    @cached_property
    def _chains(self) -> dict[str, list[Deal]]:
        """By symbol, the deals of its last position: a netting account has one at a time."""
        last: dict[str, Deal] = {}
        for each in self.shown.deals:
            before = last.get(each.symbol, each)
            if each.position_id:
                last[each.symbol] = max(before, each, key=_order)
        return {symbol: self._deals_of(each.position_id) for symbol, each in last.items()}

    @cached_property
    def _sides(self) -> dict[str, list[tuple[Deal, Side]]]:
        """By symbol, the deals of a netting position and their sides, where they account for its volume exactly."""
        sides: dict[str, list[tuple[Deal, Side]]] = {}
        for position in self.shown.positions:
            deals = self._chains.get(position.symbol, [])
            if _standing(deals) != position.volume:
                continue
            side, pairs = position.side, []
            for deal in reversed(deals):
                pairs.append((deal, side if deal.entry in (_IN, _IN_OUT) else _OTHER[side]))
                side = _OTHER[side] if deal.entry == _IN_OUT else side
            sides[position.symbol] = pairs
        return sides


def strategy(of: Reservation) -> tuple[str, int, Side]:
    """What reservations have in common whose deals cannot be told apart."""
    return of.symbol, of.magic, of.side


def _place(piece: Piece) -> tuple[int, int, int]:
    return piece.made_ms, piece.ticket, piece.key


def _order_piece(order: PendingOrder) -> Piece:
    return Piece(
        made_ms=order.time_setup_ms,
        ticket=order.ticket,
        key=order.ticket,
        symbol=order.symbol,
        magic=order.magic,
        side=order.side,
        lots=order.volume_current,
        stop=order.sl,
    )


def _made_ms(each: Position | PendingOrder | Deal) -> int:
    return each.time_setup_ms if isinstance(each, PendingOrder) else each.time_ms


def _in_time(deals: Iterable[Deal]) -> list[Deal]:
    return sorted(deals, key=_order)


def _order(deal: Deal) -> tuple[int, int]:
    return deal.time_ms, deal.ticket


def _standing(deals: Iterable[Deal]) -> float:
    """Lots that are left of a position after its deals, oldest first."""
    lots = 0.0
    for each in deals:
        if each.entry == _IN:
            lots += each.volume
        else:
            lots = each.volume - lots if each.entry == _IN_OUT else lots - each.volume
    return round(lots, 8)


def _total(deals: Iterable[Deal]) -> float:
    return round(math.fsum(each.volume for each in deals), 8)
