"""One instruction from being given to its end: what an EA reports of it, and what the terminal shows. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bridge.kept import Failure, Issued, Standing
from bridge.protocol.messages import ReportRequest
from sizing.ledger import Reservation
from sizing.snapshot import Deal, Position

LATE_MS = 2_000
"""Clocks of daemon and terminal may differ by so much."""
SETTLE_MS = 5_000
"""How long the terminal's report may lag behind what an EA did."""
_GIVE_UP = 5
_FIRST_WAIT_MS = 15_000
_LONGEST_WAIT_MS = 3_600_000
_HAIR = 5e-9
"""Lots: no symbol's volume_step is smaller."""
_SAME_PRICE = 5e-8
_ANY_ZONE_MS = 26 * 3_600_000
"""No two time zones are farther apart."""
_OUT = (1, 2, 3)
"""ENUM_DEAL_ENTRY: out, in and out, out by."""


class Seen(NamedTuple):
    """What the terminal last showed, and when."""

    positions: Mapping[int, Position]
    orders: frozenset[int]
    deals: Sequence[Deal]
    """Oldest first."""
    received_ms: int


def told(issued: Issued, report: ReportRequest, now_ms: int) -> Issued:
    """The instruction after a report. The first final word stands; only more lots than known change it after that."""
    lots = max(report.lots, issued.filled)
    more = lots > issued.filled + _HAIR
    # What was found to have come to nothing may yet be reported as done; anything else is no news by then.
    old = issued.final or ((issued.settled or issued.standing == "done") and report.status != "done")
    if old and not more:
        return issued
    standing: Standing = report.status
    if old:
        standing = "done"
    return issued._replace(
        standing=standing,
        filled=lots,
        fill_ticket=report.ticket or issued.fill_ticket,
        fill_price=report.price if report.price is not None else issued.fill_price,
        retcode=report.retcode,
        heard_ms=now_ms,
    )


def happened(issued: Issued) -> bool:
    """Whether something was done of it, so that it must not be done again."""
    return issued.standing == "done" or issued.filled > _HAIR


def settle(issued: Issued, seen: Seen, reservation: Reservation | None, now_ms: int) -> Issued:
    """The instruction out of play, if the terminal shows its end; else as it was.

    Until then the EA may still carry it out, or what it did may not be in the positions yet.
    """
    issued = _by_this_clock(issued, now_ms)
    if seen.received_ms > now_ms:
        return issued  # made before the clock was set back, it may be older than anything since
    if issued.final:
        fresh = seen.received_ms > issued.heard_ms
        late = seen.received_ms > issued.heard_ms + SETTLE_MS
        if late or (fresh and _shows(issued, seen, reservation)):
            return issued._replace(settled=True)
        return issued
    over_ms = issued.expires_ms + LATE_MS + SETTLE_MS
    if now_ms < over_ms or seen.received_ms < over_ms:
        return issued
    if issued.kind == "open":
        return _ended_open(issued, reservation)
    lots = _closed(issued, seen)
    done = lots > _HAIR if issued.kind in ("close", "close_partial") else _shows(issued, seen, reservation)
    issued = issued._replace(settled=True, filled=max(issued.filled, lots))
    return issued._replace(standing="done" if done or happened(issued) else "expired")


def _by_this_clock(issued: Issued, now_ms: int) -> Issued:
    """The instruction as if it were new, where the clock was set back since: it must not stay in play until then."""
    if issued.given_ms > now_ms + LATE_MS:
        issued = issued._replace(given_ms=now_ms, expires_ms=now_ms + issued.expires_ms - issued.given_ms)
    return issued._replace(heard_ms=now_ms) if issued.heard_ms > now_ms + LATE_MS else issued


def _ended_open(issued: Issued, reservation: Reservation | None) -> Issued:
    """An `open` of which nothing final was heard: its reservation knows what the terminal has shown."""
    if reservation is not None and reservation.rest_lots > 0:
        return issued  # it has not lapsed yet
    fills = () if reservation is None else reservation.fills
    lots = max(issued.filled, sum(each.lots for each in fills))
    ticket = issued.fill_ticket or (fills[-1].ticket if fills else 0)
    issued = issued._replace(settled=True, filled=lots, fill_ticket=ticket)
    return issued._replace(standing="done" if happened(issued) else "expired")


def _shows(issued: Issued, seen: Seen, reservation: Reservation | None) -> bool:
    """Whether the terminal shows what was reported, or asked for."""
    if issued.standing == "failed" and issued.filled <= _HAIR:
        return True
    if issued.kind == "open":
        return reservation is None or not reservation.unseen
    if issued.kind == "cancel":
        return issued.ticket not in seen.orders
    position = seen.positions.get(issued.ticket)
    if position is None:
        return True
    if issued.kind == "modify_stop":
        return _stop_moved(issued, position)
    wanted = issued.filled if issued.heard_ms else issued.lots
    return _closed(issued, seen) >= wanted - _HAIR


def _closed(issued: Issued, seen: Seen) -> float:
    """Lots that are gone of the position since the instruction was given, whoever closed them.

    On a netting account additions may hide in the volume what the deals show.
    """
    if issued.kind not in ("close", "close_partial"):
        return 0.0
    position = seen.positions.get(issued.ticket)
    missing = issued.before - (0.0 if position is None else position.volume)
    return max(0.0, round(missing, 8), _dealt(issued, seen.deals))


def _dealt(issued: Issued, deals: Sequence[Deal]) -> float:
    """Lots of the position that deals have closed since then.

    Tickets only grow, whatever a broker's clock is taken for; times tell where no deal was known yet.
    """
    lots = 0.0
    for deal in reversed(deals):
        if deal.time_ms < issued.given_ms - _ANY_ZONE_MS:
            break
        new = deal.ticket > issued.deals_until if issued.deals_until else deal.time_ms >= issued.given_ms - LATE_MS
        if new and deal.position_id == issued.ticket and deal.entry in _OUT:
            lots += deal.volume
    return round(lots, 8)


def _stop_moved(issued: Issued, position: Position) -> bool:
    if issued.stop_loss is None or position.sl is None:
        return issued.stop_loss == position.sl
    sign = 1 if issued.side == "buy" else -1
    return (position.sl - issued.stop_loss) * sign >= -_SAME_PRICE * issued.stop_loss


def failed(before: Failure | None, issued: Issued, now_ms: int) -> Failure:
    """One more attempt that came to nothing."""
    times = 1 if before is None else before.times + 1
    text = f"the terminal's answer was {issued.retcode}" if issued.retcode else "the EA refused it"
    return Failure(issued.key, times, now_ms, text)


def gave_up(failure: Failure) -> bool:
    """Whether it has failed so often in a row that somebody should look."""
    return failure.times == _GIVE_UP


def waits(failure: Failure, now_ms: int) -> str | None:
    """Why it is not tried again yet; None if it is."""
    wait_ms = min(_FIRST_WAIT_MS * 2 ** (failure.times - 1), _LONGEST_WAIT_MS)
    if failure.times >= _GIVE_UP:
        wait_ms = _LONGEST_WAIT_MS
    left_ms = failure.last_ms + wait_ms - now_ms
    if not 0 < left_ms <= wait_ms + LATE_MS:  # or the clock was set back since
        return None
    return f"it failed {failure.times} times in a row ({failure.reason}): again in {-(-left_ms // 1000)} s"
