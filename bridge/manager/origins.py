"""How each open position began: lots, price and first stop, from the history of deals where there is one."""

from collections.abc import Iterable
from dataclasses import replace

from bridge.kept import Issued, Kept, Origin
from bridge.terminal.base import AccountReport
from sizing.ledger import Reservation
from sizing.positions.instruction import Done, Memory
from sizing.snapshot import Deal, Position

_HEDGING = 2
_KEPT_MS = 24 * 3_600_000
"""How long a position that is not shown any more is remembered: a report may be incomplete, also the first one after a
weekend without the daemon."""
_IN, _IN_OUT = 0, 2
"""ENUM_DEAL_ENTRY."""


def follow(kept: Kept, report: AccountReport, reservations: Iterable[Reservation], now_ms: int) -> Kept:
    """The state with an origin for each position of the report; what has been gone for a day is forgotten."""
    known = kept.origins
    new = [each for each in report.positions if each.ticket not in known]
    stopped = [
        each
        for each in report.positions
        if each.sl is not None and each.ticket in known and known[each.ticket].sl is None
    ]
    held = {each.ticket for each in report.positions}
    turned = [origin for ticket, origin in known.items() if (ticket in held) != (origin.missed_ms == 0)]
    gone = {ticket for ticket, origin in known.items() if origin.missed_ms and now_ms - origin.missed_ms > _KEPT_MS}
    gone -= held
    hedging = report.account.margin_mode == _HEDGING
    # An order may be filled piece by piece: on a hedging account nothing else makes a position grow.
    grown = [
        each
        for each in report.positions
        if hedging and each.ticket in known and each.volume > known[each.ticket].volume
    ]
    if not (new or stopped or grown or turned or gone):
        return kept
    origins = {ticket: origin for ticket, origin in known.items() if ticket not in gone}
    origins.update({each.ticket: each._replace(missed_ms=0 if each.missed_ms else now_ms) for each in turned})
    if new:
        stops = _first_stops(reservations)
        added = _added(kept)
        entries = _entries(report.deals, {each.ticket for each in new})
        for each in new:
            volume, price = _began(each, entries.get(each.ticket, []), hedging=hedging)
            stop = stops.get(each.ticket, each.sl)
            origins[each.ticket] = Origin(each.ticket, volume, price, stop, added.get(each.ticket, 0))
    origins.update({each.ticket: origins[each.ticket]._replace(sl=each.sl) for each in stopped})
    origins.update({each.ticket: origins[each.ticket]._replace(volume=each.volume) for each in grown})
    failures = {key: each for key, each in kept.failures.items() if now_ms - each.last_ms < _KEPT_MS}
    return replace(kept, origins=origins, memory=_remembered(kept.memory, gone), failures=failures)


def _entries(deals: Iterable[Deal], tickets: set[int]) -> dict[int, list[Deal]]:
    """What opened these positions, oldest first."""
    found: dict[int, list[Deal]] = {}
    for deal in deals:
        if deal.position_id in tickets and deal.entry in (_IN, _IN_OUT):
            found.setdefault(deal.position_id, []).append(deal)
    return found


def _began(position: Position, entries: list[Deal], *, hedging: bool) -> tuple[float, float]:
    """Lots and price of the beginning. On a netting account later deals are additions: only the first one counts."""
    if not entries:
        return position.volume, position.price_open
    if hedging:
        return max(position.volume, round(sum(deal.volume for deal in entries), 8)), position.price_open
    return entries[0].volume, entries[0].price


def _first_stops(reservations: Iterable[Reservation]) -> dict[int, float]:
    """By ticket, the stop that lotbridge sized the position with: an EA may have moved it since."""
    newest_first = sorted(reservations, key=lambda each: -each.created_ms)
    return {ticket: each.stop_loss for each in newest_first for ticket in each.tickets if each.stop_loss > 0}


def _added(kept: Kept) -> dict[int, int]:
    """By ticket, the position that an instruction has scaled it into."""
    every = (*kept.ended.values(), *kept.issued.values())
    return {each.fill_ticket: each.adds_to for each in every if _adds(each)}


def _adds(issued: Issued) -> bool:
    # On a netting account the addition is in the very position.
    return issued.adds_to > 0 and issued.fill_ticket not in (0, issued.adds_to)


def link(kept: Kept, issued: Issued) -> Kept:
    """The state after an addition became known by its ticket."""
    origin = kept.origins.get(issued.fill_ticket) if _adds(issued) else None
    if origin is None or origin.added_to == issued.adds_to:
        return kept
    return replace(kept, origins={**kept.origins, origin.ticket: origin._replace(added_to=issued.adds_to)})


def remember(kept: Kept, issued: Issued, now_ms: int) -> Kept:
    """The state after an instruction was carried out, if only in part: its levels are not asked for again."""
    if issued.source == "rebalance":
        return kept  # the plan remembers by itself
    memory = dict(kept.memory)
    for key in (issued.key, *issued.covers):
        known = memory.get(key)
        memory[key] = Done(1 if known is None else known.times + 1, now_ms)
    failures = {key: each for key, each in kept.failures.items() if key != issued.key}
    return replace(kept, memory=memory, failures=failures)


def _remembered(memory: Memory, gone: set[int]) -> Memory:
    """The memory without what was done to positions that are gone; keys end with their ticket."""
    if not gone:
        return memory
    ends = {str(ticket) for ticket in gone if ticket}
    return {key: done for key, done in memory.items() if key.rpartition("/")[2] not in ends}
