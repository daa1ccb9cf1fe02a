"""The book and a new trade over the same days: what all of them lose together, and how large the trade may be.

One scenario is one day of history on every symbol at once, each scaled to its own volatility of now. Where the truth is
not known, the careful side is taken: a position whose symbol has too little history loses its worst case on every day;
a pending order or a reservation may lose but never gains, for it may never be filled; a stop is met wherever the day
has reached it, and a target ends a gain.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sizing.snapshot import Side, SideMoves
from sizing.stats.windows import Moves, step

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

_ITERATIONS = 50
_TOLERANCE = 1e-12


class DayMoves(NamedTuple):
    """What the next day may do to a symbol: `time_ms` (n,) are the openings of the days it is taken from, ascending."""

    time_ms: Times
    buy: SideMoves
    sell: SideMoves

    def side(self, side: Side) -> SideMoves:
        """The moves as losses of one side."""
        return self.buy if side == "buy" else self.sell

    def at(self, rows: NDArray[np.intp]) -> "DayMoves":
        """Only some days."""
        buy, sell = (SideMoves(*(column[rows] for column in side)) for side in (self.buy, self.sell))
        return DayMoves(self.time_ms[rows], buy, sell)


class Leg(NamedTuple):
    """A position, pending order or reservation. Distances are in price from where it stands now."""

    symbol: str
    side: Side
    lots: float
    stop: float
    near: float
    """How much earlier than by its bids the symbol reaches stop or target: spread and its widening."""
    target: float | None
    money: float
    """Account currency per lot and 1.0 of price."""
    costs: float
    """Account currency per lot, whatever happens."""
    worst: float
    """Account currency for all lots, taken where there is no history."""
    promised: bool
    """Pending or reserved: it may never be filled."""
    played: bool = True
    """False where it has no stop that a day could be played through with: then its worst case stands for every day."""


def day_moves(path: Moves, count: int) -> DayMoves:
    """The newest `count` days as scenarios, in price."""
    newest = path.newest(count)
    sides = []
    for side in ("buy", "sell"):
        bar = step(newest, side, 0)
        sides.append(SideMoves(bar.landing * path.unit, bar.reached * path.unit, bar.close * path.unit))
    return DayMoves(newest.time_ms, *sides)


def leg_losses(leg: Leg, day: SideMoves) -> Floats:
    """Money that a leg loses on each day, (n,)."""
    trigger = max(0.0, leg.stop - leg.near)
    loss = np.where(day.reached >= trigger, np.maximum(day.landing, trigger), day.close)
    loss += leg.near
    if leg.target is not None:
        np.maximum(loss, -leg.target, out=loss)
    loss *= leg.money
    loss += leg.costs
    if leg.promised:
        np.maximum(loss, 0.0, out=loss)
    loss *= leg.lots
    return loss


class JointBook(NamedTuple):
    """What legs lose together: on the days that their symbols have in common, and beside that on every day alike."""

    time_ms: Times
    """Empty where no symbol has enough history."""
    losses: Floats
    whole: float
    """The worst case of the legs without a stop, or whose symbols have too little history."""
    without: tuple[str, ...]
    """Those symbols."""
    parts: tuple[tuple[str, Side], ...] = ()
    by_part: Floats = np.zeros((0, 0))
    """`losses` by symbol and side, (parts, n)."""


def joint_book(legs: Sequence[Leg], moves: Mapping[str, DayMoves], least: int) -> JointBook:
    """All legs over their common days. Symbols go without history rather than leave fewer than `least` common days."""
    played = [leg for leg in legs if leg.played]
    known = sorted({leg.symbol for leg in played if leg.symbol in moves})
    wanted = sorted(known, key=lambda name: -len(moves[name].time_ms))
    time_ms, used = np.empty(0, dtype=np.int64), set[str]()
    for name in wanted:
        both = common_days(time_ms, moves[name].time_ms) if used else moves[name].time_ms
        if len(both) >= least:
            time_ms, used = both, used | {name}
    parts = tuple(dict.fromkeys((leg.symbol, leg.side) for leg in played if leg.symbol in used))
    by_part = np.zeros((len(parts), len(time_ms)))
    for leg in played:
        if leg.symbol in used:
            day = on_days(moves[leg.symbol], time_ms).side(leg.side)
            by_part[parts.index((leg.symbol, leg.side))] += leg_losses(leg, day)
    outside = [leg for leg in legs if leg.symbol not in used or not leg.played]
    return JointBook(
        time_ms=time_ms,
        losses=by_part.sum(axis=0),
        whole=math.fsum(leg.worst for leg in outside),
        without=tuple(sorted({leg.symbol for leg in outside})),
        parts=parts,
        by_part=by_part,
    )


def add_leg(losses: Floats, leg: Leg, moves: DayMoves | None, time_ms: Times) -> None:
    """Add a leg's losses on these days in place; its worst case where its symbol lacks some of them."""
    if moves is None or len(common_days(moves.time_ms, time_ms)) < len(time_ms):
        losses += leg.worst
    else:
        losses += leg_losses(leg, on_days(moves, time_ms).side(leg.side))


def common_days(first: Times, second: Times) -> Times:
    """The days that both have, ascending; the very array where they are the same."""
    if first is second or np.array_equal(first, second):
        return first
    return np.intersect1d(first, second, assume_unique=True)


def on_days(moves: DayMoves, time_ms: Times) -> DayMoves:
    """The moves of some of their days; the very same object where that is all of them."""
    if len(moves.time_ms) == len(time_ms):
        return moves
    return moves.at(np.searchsorted(moves.time_ms, time_ms))


class Tail(NamedTuple):
    """The tail of n equally likely losses: so many scenarios, the smallest of which counts with a fraction."""

    wanted: float
    place: int
    """Where the smallest one stands in ascending order."""
    fraction: float


def tail_of(size: int, level: float) -> Tail:
    """The tail of `size` scenarios beyond `level`."""
    wanted = (1.0 - level) * size
    whole = min(int(wanted * (1 + _TOLERANCE)), size - 1)
    return Tail(wanted, size - 1 - whole, wanted - whole)


def shortfall_of(losses: Floats, level: float) -> float:
    """Expected shortfall of equally likely losses (n,)."""
    wanted, place, fraction = tail_of(len(losses), level)
    worst = np.partition(losses, place)[place:]
    return float((worst.sum() - (1.0 - fraction) * worst[0]) / wanted)


def largest(book: Floats, trade: Floats, budget: float, level: float, start: float) -> float | None:
    """The largest k up to `start` with ES(book + k * trade) <= budget; None where `start` itself is small enough.

    Book (n,) and trade (n,) are money lost in each scenario, trade per lot. The shortfall is convex and piecewise
    linear in k, so Newton's method from the right meets the root exactly, after finitely many pieces: each step solves
    the piece it stands on. The book alone must be within the budget; then every smaller k is, too.
    """
    wanted, place, fraction = tail_of(len(book), level)
    allowed, k = budget * wanted, start
    for _ in range(_ITERATIONS):
        worst = (book + k * trade).argpartition(place)[place:]
        losses, added = book.take(worst), trade.take(worst)
        held = float(losses.sum()) - (1.0 - fraction) * float(losses[0])
        slope = float(added.sum()) - (1.0 - fraction) * float(added[0])
        if held + k * slope <= allowed * (1 + _TOLERANCE):
            return None if k == start else k
        k = (allowed - held) / slope if slope > 0 else 0.0
        if k <= 0:
            return 0.0
    return 0.0


def incremental(book: Floats, trade: Floats, lots: float, level: float) -> float:
    """What so many lots of a trade add to the book's expected shortfall; both (n,), the trade's per lot."""
    return shortfall_of(book + lots * trade, level) - shortfall_of(book, level)


def euler_contributions(losses: Floats, level: float) -> Floats:
    """What each leg (rows of (legs, n)) adds to the shortfall of their sum: (legs,), summing up to it.

    Source: Tasche (1999), the mean of each leg over the scenarios of the whole's tail.
    """
    wanted, place, fraction = tail_of(losses.shape[-1], level)
    worst = losses.sum(axis=0).argpartition(place)[place:]
    counts = np.ones(len(worst))
    counts[0] = fraction
    return losses[:, worst] @ counts / wanted
