"""Reservations against what the terminal shows: which fills the book counts by now, and what became of the rest.

Two questions, in this order. Has the terminal shown a reported fill? Then the book counts it, and the ledger no longer
does. And once a reservation's time is over: which positions, orders and deals that nobody reported are its own? Those
make it open; a rest for which nothing is found lapses.

In doubt money is held on: a fill until a report made two seconds later, a promise until its time is over. So a wrong
match then frees nothing that would have been held otherwise; it only decides what the reservation is called, and which
tickets are its own. Nothing here depends on the order of what is handed in.
"""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from sizing.ledger import Reservation, end, found, seen
from sizing.shown import SETTLED_MS, Evidence, Piece, Shown, strategy


def reconcile(
    reservations: Iterable[Reservation], ended: Callable[[], Iterable[Reservation]], shown: Shown, now_ms: int
) -> list[Reservation]:
    """The reservations that the terminal's report or the passing of time has changed, oldest first, in their new state.

    `reservations` are those that hold money. `ended` gives the others that are remembered, and is asked only when their
    tickets matter. `now_ms` may be earlier than it was: then things only take longer.
    """
    before = sorted(reservations, key=lambda each: (each.created_ms, each.id))
    # A report from the future was made before the clock was set back: it may be older than anything since.
    told_ms = shown.at_ms if shown.at_ms <= now_ms else 0
    evidence = Evidence(shown, lambda: (*ended(), *before))
    settled = [_without_shown(each, evidence, told_ms) for each in before]
    waiting = [each for each in settled if each.rest_lots > 0]
    matches = _recognised(waiting, evidence, told_ms)
    others = [each for each in waiting if each.id not in matches]
    over = [each for each in others if each.expires_ms + SETTLED_MS <= told_ms]
    if over:
        taken = {piece.ticket for pieces in matches.values() for piece in pieces}
        strategies = {strategy(each) for each in over}
        rivals = [each for each in others if strategy(each) in strategies]
        assigned = _assigned(rivals, [each for each in evidence.pieces(rivals) if each.ticket not in taken])
        matches |= {each.id: own for each in over if _is_certain(each, own := assigned.get(each.id, []), told_ms)}
    after = [_over(each, matches[each.id], shown.at_ms) if each.id in matches else each for each in settled]
    return [each for each, old in zip(after, before, strict=True) if each is not old]


def _without_shown(reservation: Reservation, evidence: Evidence, told_ms: int) -> Reservation:
    """The reservation without the fills that the book counts, or that are gone again."""
    for each in reservation.unseen:
        # Whatever the clocks say, the report that was current when the fill was told is not a later one.
        later = told_ms >= each.at_ms + SETTLED_MS and evidence.shown.at_ms != each.report_ms
        if later or evidence.shows(reservation, each):
            reservation = seen(reservation, each.ticket)
    return reservation


def _recognised(waiting: Sequence[Reservation], evidence: Evidence, told_ms: int) -> dict[str, list[Piece]]:
    """Reservations of pending orders whose very order the terminal shows: the book counts it, so they need not wait.

    Before a reservation's time is over only the volume and the stop that were answered prove it, and only once order
    and answer are two seconds old: an EA that gave an answer back and asked again may have left an order of the first
    one behind. By then the terminal shows both.
    """
    matches: dict[str, list[Piece]] = {}
    placed = [each for each in waiting if each.order == "pending" and each.created_ms + SETTLED_MS <= told_ms]
    for order in evidence.new_orders() if placed else ():
        likely = [each for each in placed if each.id not in matches and _is_exactly(order, each)]
        if likely and order.made_ms + SETTLED_MS <= told_ms:
            nearest = min(likely, key=lambda each: (abs(order.made_ms - each.created_ms), each.created_ms, each.id))
            matches[nearest.id] = [order]
    return matches


def _is_exactly(order: Piece, reservation: Reservation) -> bool:
    return (
        order.may_be(reservation)
        and order.lots == reservation.rest_lots == reservation.lots
        and order.stop is not None
        and math.isclose(order.stop, reservation.stop_loss)
    )


def _assigned(waiting: Sequence[Reservation], pieces: Sequence[Piece]) -> dict[str, list[Piece]]:
    """Which pieces make up which reservation, best fits first: exact, then the nearest not larger, then larger ones.

    Reservations whose time is not over take part, so that nobody else is given what fits them better.
    """
    places: dict[tuple[str, int], list[int]] = {}
    for index, piece in enumerate(pieces):
        places.setdefault((piece.symbol, piece.magic), []).append(index)
    rests = [each.rest_lots for each in waiting]
    taken: set[int] = set()

    def fits(who: int) -> Iterator[tuple[int, float, int, int, int, float]]:
        of, rest = waiting[who], rests[who]
        for index in places.get((of.symbol, of.magic), ()):
            piece = pieces[index]
            if index not in taken and piece.may_be(of):
                over = round(piece.lots - rest, 8)
                kind = 1 + (over > 0) if over else 0
                yield kind, abs(over), abs(piece.made_ms - of.created_ms), who, index, rest

    best = [each for who in range(len(waiting)) for each in fits(who)]
    heapq.heapify(best)
    matches: dict[str, list[Piece]] = {}
    while best:
        *_, who, index, rest = heapq.heappop(best)
        if index in taken or rest != rests[who]:
            continue
        taken.add(index)
        matches.setdefault(waiting[who].id, []).append(pieces[index])
        rests[who] = max(0.0, round(rest - pieces[index].lots, 8))
        if rests[who] > 0:
            for each in fits(who):
                heapq.heappush(best, each)
    return matches


def _is_certain(reservation: Reservation, pieces: Sequence[Piece], told_ms: int) -> bool:
    """Whether the book counts the pieces. Where a position may be on its way, the next report tells: it is awaited."""
    return told_ms >= reservation.expires_ms + 2 * SETTLED_MS or not any(piece.missing for piece in pieces)


def _over(reservation: Reservation, pieces: Sequence[Piece], at_ms: int) -> Reservation:
    """The reservation after its time: the pieces are its own, and the book counts them; the rest lapses."""
    for piece in pieces:
        reservation = found(reservation, piece.ticket, piece.lots, at_ms)
    return end(reservation, "lapsed")
