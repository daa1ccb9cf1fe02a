"""The portfolio over joint scenarios: the open book is played through once, and kept until it changes."""

from collections.abc import Mapping, Sequence

import numpy as np

from sizing.policy import TailPolicy
from sizing.snapshot import Portfolio, Side, SideMoves
from sizing.stats.joint import (
    DayMoves,
    Floats,
    JointBook,
    Leg,
    Times,
    add_leg,
    common_days,
    euler_contributions,
    joint_book,
    on_days,
    shortfall_of,
)


class JointEvidence:
    """One account's book on the days of history. Figures are the same objects until what they rest on changes."""

    def __init__(self, policy: TailPolicy) -> None:
        self._policy = policy
        self._held: tuple[tuple[Leg, ...], list[DayMoves], JointBook] | None = None
        self._legs: dict[Leg, tuple[Times, DayMoves | None, Floats]] = {}
        self._days: dict[tuple[str, Side], tuple[DayMoves, Times, Times, SideMoves]] = {}

    def held(self, legs: tuple[Leg, ...], moves: Mapping[str, DayMoves]) -> JointBook:
        """Open positions and pending orders together."""
        rests_on = [moves[name] for name in sorted({leg.symbol for leg in legs}) if name in moves]
        known = self._held
        if known is not None and known[0] is legs and [*map(id, known[1])] == [*map(id, rests_on)]:
            return known[2]
        book = joint_book(legs, moves, self._policy.min_history)
        self._held = legs, rests_on, book
        return book

    def portfolio(
        self,
        symbol: str,
        side: Side,
        legs: tuple[Leg, ...],
        reserved: Sequence[Leg],
        moves: Mapping[str, DayMoves],
    ) -> Portfolio | None:
        """Everything at risk on the days that it shares with a symbol; None where those are too few."""
        book, mine = self.held(legs, moves), moves.get(symbol)
        if mine is None:
            return None
        days, own = self._own(symbol, side, mine, book.time_ms)
        if len(days) < self._policy.min_history:
            return None
        losses = np.full(len(days), book.whole)
        if len(book.time_ms):
            losses += (
                book.losses if len(days) == len(book.time_ms) else book.losses[np.searchsorted(book.time_ms, days)]
            )
        losses += self._promised(reserved, moves, days)
        source = f"joint tail of {len(days)} common days{_most(book, self._policy.level)}"
        if book.without:
            source += f"; {', '.join(book.without)} at worst: without history or stop"
        return Portfolio(losses=losses, shortfall=shortfall_of(losses, self._policy.level), own=own, source=source)

    def _promised(self, reserved: Sequence[Leg], moves: Mapping[str, DayMoves], days: Times) -> Floats | float:
        """What reservations lose together; each is played through once, as long as it holds the same lots."""
        kept = {
            leg: known
            for leg in reserved
            if (known := self._legs.get(leg)) is not None and known[0] is days and known[1] is moves.get(leg.symbol)
        }
        for leg in reserved:
            if leg not in kept:
                losses = np.zeros(len(days))
                add_leg(losses, leg, moves.get(leg.symbol), days)
                kept[leg] = days, moves.get(leg.symbol), losses
        self._legs = kept
        return np.sum([kept[leg][2] for leg in reserved], axis=0) if reserved else 0.0

    def _own(self, symbol: str, side: Side, mine: DayMoves, book_days: Times) -> tuple[Times, SideMoves]:
        """The days in common with the book, and the symbol's moves on them."""
        known = self._days.get((symbol, side))
        if known is not None and known[0] is mine and np.array_equal(known[1], book_days):
            return known[2], known[3]
        days = common_days(book_days, mine.time_ms) if len(book_days) else mine.time_ms
        own = on_days(mine, days).side(side)
        self._days[symbol, side] = mine, book_days, days, own
        return days, own


def _most(book: JointBook, level: float) -> str:
    """The symbol and side that what is open loses most with in its tail."""
    if len(book.parts) < 2:
        return ""
    contributions = euler_contributions(book.by_part, level)
    index = int(contributions.argmax())
    symbol, side = book.parts[index]
    return f", {contributions[index]:.2f} of it {symbol} {side}"
