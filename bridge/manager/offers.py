"""Which of the instructions that rules ask for may be given now: never two at once for the same thing. Pure."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from bridge.kept import Failure, Kept, Source
from bridge.manager import lifecycle
from sizing.positions.instruction import Instruction, Skipped

CLOSING = ("close", "close_partial")
ENTERING = "an entry is on its way that the terminal does not show yet"


class Offer(NamedTuple):
    """An instruction with the rules that it comes from."""

    source: Source
    instruction: Instruction


class Asked(NamedTuple):
    """What an EA looks after; None: everything."""

    symbols: Collection[str] | None = None
    magics: Collection[int] | None = None

    def covers(self, each: Instruction) -> bool:
        """Whether an instruction is for it."""
        return self.names(each.symbol) and (self.magics is None or each.magic in self.magics)

    def names(self, symbol: str) -> bool:
        """Whether a symbol is among its own."""
        return self.symbols is None or symbol in self.symbols


class Blocked(NamedTuple):
    """What stands in the way of new instructions."""

    planned: Collection[str]
    """Symbols of the rebalancing plan that runs."""
    entering: Collection[str]
    """Symbols in which an entry was promised that the terminal does not show yet."""
    closing: Collection[int] = ()
    """Tickets of positions that the plan closes whole with this very answer."""


def choose(
    offers: Sequence[Offer], kept: Kept, blocked: Blocked, asked: Asked, now_ms: int
) -> tuple[list[Offer], list[Skipped]]:
    """What is given now, closes first; and what has to wait, with the reason.

    Of several closes of one position the largest goes first. A position that is closed whole gets no new stop.
    """
    chosen: list[Offer] = []
    skipped: list[Skipped] = []
    taken: set[tuple[str, object]] = set()
    closed: set[int] = set()
    for offer in sorted(offers, key=_rank):
        each = offer.instruction
        if not asked.covers(each):
            continue
        why = _obstacle(offer, kept, blocked, now_ms)
        if why is None and each.kind == "modify_stop" and (each.ticket in closed or each.ticket in blocked.closing):
            why = "the position is being closed"
        ahead = each.kind == "open" and any(other.instruction.symbol == each.symbol for other in chosen)
        if why is None and (ahead or _place(each) in taken):
            why = "another instruction goes first"
        if why is not None:
            skipped.append(Skipped(each.rule, each.symbol, why))
            continue
        taken.add(_place(each))
        if each.kind == "close":
            closed.add(each.ticket)
        chosen.append(offer)
    return chosen, skipped


def _rank(offer: Offer) -> tuple[int, float, int]:
    """Closes by lots, then what changes stops or cancels, then what opens; each by priority."""
    each = offer.instruction
    if each.kind in CLOSING:
        return 0, -each.lots, -each.priority
    return (2 if each.kind == "open" else 1), 0.0, -each.priority


def _place(each: Instruction) -> tuple[str, object]:
    """What only one instruction at a time may be about."""
    if each.kind == "open":
        return "open", each.symbol
    return ("close" if each.kind in CLOSING else each.kind), each.ticket


def _obstacle(offer: Offer, kept: Kept, blocked: Blocked, now_ms: int) -> str | None:
    each = offer.instruction
    failure: Failure | None = kept.failures.get(each.key)
    if failure is not None and (why := lifecycle.waits(failure, now_ms)) is not None:
        return why
    if each.symbol in blocked.planned and each.kind != "modify_stop":
        return "a rebalancing plan is at work in the symbol"
    if each.kind == "open" and each.symbol in blocked.entering:
        return ENTERING
    return _in_play(each, kept)


def _in_play(each: Instruction, kept: Kept) -> str | None:
    """An `open` waits for everything in its symbol, the others for what is about the same position."""
    for other in kept.issued.values():
        if each.kind == "open" and other.symbol == each.symbol:
            return f"{other.id} is in play in the symbol"
        if each.kind != "open" and other.ticket == each.ticket and _same(each.kind, other.kind):
            return f"{other.id} is in play for it"
    return None


def _same(kind: str, other: str) -> bool:
    return kind == other or (kind in CLOSING and other in CLOSING) or (kind == "modify_stop" and other == "close")


def entering(symbols: Iterable[str], kept: Kept) -> set[str]:
    """Symbols with promised entries that are no instruction's own: those are known to be in play."""
    return set(symbols) - {each.symbol for each in kept.issued.values() if each.kind == "open"}
