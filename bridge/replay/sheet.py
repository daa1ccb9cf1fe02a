"""What the account showed, per quarter of an hour: lowest and highest equity, and each rule's floor and headroom."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bridge.replay.judge import Judge, Stretch
from bridge.replay.run import Equity

BUCKET_MS = 900_000

Floats = NDArray[np.float64]


class Sheet:
    """The rows of one span of time. A row begins with what the one before it ended with."""

    def __init__(self, start_ms: int, end_ms: int, judge: Judge, before: "Last") -> None:
        count = -(-(end_ms - start_ms) // BUCKET_MS)
        self._start_ms = start_ms
        self.end_ms = end_ms
        """Where the span ends."""
        self._judge = judge
        self._before = before
        self.touched = np.zeros(count, dtype=np.bool_)
        self._balance, self._equity = (np.full(count, np.nan) for _ in range(2))
        self._low, self._high = np.full(count, np.inf), np.full(count, -np.inf)
        names = [line.rule.name for line in judge.lines]
        self._floors = {name: np.full(count, np.nan) for name in names}
        self._headrooms = {name: np.full(count, np.inf) for name in names}

    def ticked(self, time_ms: NDArray[np.int64]) -> None:
        """Ticks came at these times, ascending."""
        edges = self._start_ms + np.arange(len(self.touched) + 1) * BUCKET_MS
        self.touched |= np.diff(np.searchsorted(time_ms, edges)) > 0

    def point(self, at_ms: int, balance: float, equity: float) -> None:
        """The account at one moment, its rules as the judge has them."""
        at = (at_ms - self._start_ms) // BUCKET_MS
        self.touched[at] = True
        self._balance[at] = balance
        self._equity[at] = equity
        self._low[at] = min(self._low[at], equity)
        self._high[at] = max(self._high[at], equity)
        for line in self._judge.lines:
            name = line.rule.name
            headroom = line.measure(balance, equity) - line.floor
            self._floors[name][at] = line.floor
            self._headrooms[name][at] = min(self._headrooms[name][at], headroom)

    def merge(
        self,
        at_ms: int,
        balance: float,
        equity: float,
        extremes: tuple[float, float],
        floors: list[float],
        rooms: list[float],
    ) -> None:
        """Some ticks of one row, the last at `at_ms`: equity and floors then, extremes, each rule's least headroom."""
        at = (at_ms - self._start_ms) // BUCKET_MS
        self.touched[at] = True
        self._balance[at], self._equity[at] = balance, equity
        self._low[at], self._high[at] = min(self._low[at], extremes[0]), max(self._high[at], extremes[1])
        for line, floor, room in zip(self._judge.lines, floors, rooms, strict=True):
            name = line.rule.name
            self._floors[name][at] = floor
            self._headrooms[name][at] = min(self._headrooms[name][at], room)

    def stretch(self, time_ms: NDArray[np.int64], balance: float, equity: Floats, stretches: list[Stretch]) -> None:
        """Ticks at one balance, oldest first, (n,), n > 0; the stretches are those of the judge's lines."""
        first = (int(time_ms[0]) - self._start_ms) // BUCKET_MS
        last = (int(time_ms[-1]) - self._start_ms) // BUCKET_MS
        bounds = np.empty(last - first + 2, np.int64)
        bounds[0], bounds[-1] = 0, len(time_ms)
        bounds[1:-1] = time_ms.searchsorted(self._start_ms + np.arange(first + 1, last + 1) * BUCKET_MS)
        starts, ends = bounds[:-1], bounds[1:]
        rows: slice | NDArray[np.int64] = slice(first, last + 1)
        kept = ends > starts
        if not kept.all():
            rows, starts, ends = first + np.flatnonzero(kept), starts[kept], ends[kept]
        lows = np.minimum.reduceat(equity, starts)
        self.touched[rows] = True
        self._balance[rows] = balance
        self._equity[rows] = equity[ends - 1]
        self._low[rows] = np.minimum(self._low[rows], lows)
        self._high[rows] = np.maximum(self._high[rows], np.maximum.reduceat(equity, starts))
        for line, (floor, headroom) in zip(self._judge.lines, stretches, strict=True):
            name = line.rule.name
            self._floors[name][rows] = floor if isinstance(floor, float) else floor[ends - 1]
            if headroom is None:
                least = (lows if line.equity else np.minimum(balance, lows)) - floor
            else:
                least = np.minimum.reduceat(headroom, starts)
            self._headrooms[name][rows] = np.minimum(self._headrooms[name][rows], least)

    def rows(self, until_ms: int) -> tuple[Equity, "Last"]:
        """The rows in which something happened, up to a moment, and what the next span begins with."""
        count = min(len(self.touched), max(0, (until_ms - self._start_ms) // BUCKET_MS + 1))
        before, at = self._before, np.flatnonzero(self.touched[:count])
        balance = _carried(before.balance, self._balance[at])
        equity = _carried(before.equity, self._equity[at])
        entering = np.append(before.equity, equity)[:-1]
        floors, headrooms, last_floors, last_rooms = {}, {}, {}, {}
        for line in self._judge.lines:
            name = line.rule.name
            floors[name] = _carried(before.floors[name], self._floors[name][at])
            ends = np.array([line.measure(*each) for each in zip(balance, equity, strict=True)]) - floors[name]
            came = np.append(before.headrooms[name], ends)[:-1]
            headrooms[name] = np.minimum(came, self._headrooms[name][at])
            last_floors[name] = float(floors[name][-1]) if len(at) else before.floors[name]
            last_rooms[name] = float(ends[-1]) if len(at) else before.headrooms[name]
        found = Equity(
            time_ms=self._start_ms + at * BUCKET_MS,
            balance=balance,
            equity=equity,
            low=np.minimum(entering, self._low[at]),
            high=np.maximum(entering, self._high[at]),
            floors=floors,
            headrooms=headrooms,
        )
        if not len(at):
            return found, before
        return found, Last(float(balance[-1]), float(equity[-1]), last_floors, last_rooms)


@dataclass(frozen=True, slots=True)
class Last:
    """The end of a row, which the next one begins with."""

    balance: float
    equity: float
    floors: dict[str, float] = field(default_factory=dict)
    headrooms: dict[str, float] = field(default_factory=dict)

    @classmethod
    def beginning(cls, judge: Judge, balance: float) -> "Last":
        """A flat account."""
        floors = {line.rule.name: line.floor for line in judge.lines}
        return cls(balance, balance, floors, {name: balance - floor for name, floor in floors.items()})


def _carried(first: float, values: Floats) -> Floats:
    """Each missing value is the one before it."""
    known = np.append(first, values)
    at = np.where(np.isnan(known), 0, np.arange(len(known)))
    return known[np.maximum.accumulate(at)][1:]
