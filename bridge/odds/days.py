"""What is drawn from: the days of a replay, each a row of steps in percent of the balance the day began with.

A step says how far equity may have stood above (`up`) and below (`down`) the balance, what was then booked (`net`), and
how far equity stood from the balance after that (`after`). Where the order of highs and lows is not known the high is
taken to come first: a floor that follows it has risen before the low is measured against it.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_NOTHING = 1e-9
"""Percent that floats may err by."""


class Trades(NamedTuple):
    """Closed trades by opening, columns of one length. `net`, `worst` (<= 0) and `best` (>= 0) are money."""

    ticket: Ints
    opened_ms: Ints
    closed_ms: Ints
    net: Floats
    worst: Floats
    best: Floats

    def at(self, places: Ints) -> "Trades":
        """Some of them."""
        return Trades(
            self.ticket[places], self.opened_ms[places], self.closed_ms[places], self.net[places], self.worst[places],
            self.best[places],
        )  # fmt: skip


class Curve(NamedTuple):
    """The account per bucket of time, money: `balance` and `equity` at its end, the extremes of equity within it."""

    time_ms: Ints
    balance: Floats
    equity: Floats
    low: Floats
    high: Floats


class Step(NamedTuple):
    """One step of a day, percent of the balance the day began with. `traded`: a position was opened that day by now."""

    up: float
    down: float
    net: float
    after: float
    traded: bool


class Days(NamedTuple):
    """Days in order. The steps of day i are those from `starts[i]` to `starts[i + 1]`; the columns are `Step`'s.

    `opening` is by how much equity stood above the balance when the day began.
    """

    starts: Ints
    up: Floats
    down: Floats
    net: Floats
    after: Floats
    traded: Bools
    opening: Floats

    @property
    def size(self) -> int:
        """How many days."""
        return len(self.opening)

    def steps(self, day: int) -> Iterator[Step]:
        """The steps of one day."""
        for at in range(int(self.starts[day]), int(self.starts[day + 1])):
            yield Step(
                float(self.up[at]), float(self.down[at]), float(self.net[at]), float(self.after[at]),
                bool(self.traded[at]),
            )  # fmt: skip

    def sums(self) -> Floats:
        """What each day booked, percent."""
        total = np.concatenate([[0.0], np.cumsum(self.net)])
        found: Floats = total[self.starts[1:]] - total[self.starts[:-1]]
        return found


def days_of(rows: Sequence[Sequence[Step]], opening: Sequence[float]) -> Days:
    """Days from the steps of each."""
    flat = [step for row in rows for step in row]
    columns = [np.array([step[place] for step in flat], dtype=float) for place in range(4)]
    return Days(
        np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)]),
        columns[0],
        columns[1],
        columns[2],
        columns[3],
        np.array([step.traded for step in flat], dtype=bool),
        np.array(opening, dtype=float),
    )


def trade_days(
    trades: Trades,
    curve: Curve,
    bounds: Ints,
    initial: float,
    most: int | None = None,
    stop_pct: float | None = None,
) -> Days:
    """The days between `bounds`, from trades: a step for each that closes, another at the end for what stays open.

    Of trades that are open together only each one's own extremes are known: all of them are taken to have stood at
    their best at once, and then at their worst at once. A trade is booked on the day it was closed, and its extremes
    count on every day it was open. With `most`, later openings of a day are left out.

    With `stop_pct`, a day ends with the close at which it has lost so much: what is open is closed at its worst and is
    no part of the days that follow, and what would have been opened later that day is not.
    """
    kept = _first(trades, bounds, most)
    decided = _decided_on(trades, initial)[kept]
    own = trades.at(kept)
    net, worst, best = (column / decided * 100 for column in (own.net, own.worst, own.best))
    rows, opening, carried = [], [], list[int]()
    first = np.searchsorted(own.opened_ms, bounds).tolist()
    for day, (begin_ms, end_ms) in enumerate(pairwise(bounds.tolist())):
        opening.append(_carried_in(curve, begin_ms, float(worst[carried].sum()), float(best[carried].sum())))
        alive = [*carried, *range(first[day], first[day + 1])]
        closing = sorted((each for each in alive if own.closed_ms[each] < end_ms), key=lambda i: int(own.closed_ms[i]))
        steps, left, booked = list[Step](), set(alive), 0.0
        for each in closing:
            moment = own.closed_ms[each]
            there = [i for i in sorted(left) if own.opened_ms[i] < moment or i == each]
            left.discard(each)
            steps.append(
                Step(
                    float(best[there].sum()),
                    float(worst[there].sum()),
                    float(net[each]),
                    float(worst[[i for i in there if i != each]].sum()),
                    bool(own.opened_ms[first[day] : first[day + 1]].min(initial=moment + 1) <= moment),
                )
            )
            booked += steps[-1].net
            if stop_pct is not None and booked <= -stop_pct + _NOTHING:
                steps[-1] = _closed_out(steps[-1])
                left.clear()
                break
        carried = sorted(left)
        if carried:
            low = float(worst[carried].sum())
            steps.append(Step(float(best[carried].sum()), low, 0.0, low, first[day] < first[day + 1]))
        rows.append(steps)
    return days_of(rows, opening)


def path_days(trades: Trades, curve: Curve, bounds: Ints, initial: float) -> Days:
    """The days between `bounds`, from the account's own path: a step for each bucket in which anything moved."""
    rows, opening = [], []
    marks = np.searchsorted(curve.time_ms, bounds).tolist()
    openings = np.searchsorted(trades.opened_ms, bounds).tolist()
    for day, (begin, end) in enumerate(pairwise(marks)):
        base = initial if begin == 0 else float(curve.balance[begin - 1])
        opening.append(0.0 if begin == 0 else (float(curve.equity[begin - 1]) - base) / base * 100)
        balance = curve.balance[begin:end]
        before = np.concatenate([[base], balance[:-1]])[: len(balance)]
        moved = (
            curve.high[begin:end] - before,
            curve.low[begin:end] - before,
            balance - before,
            curve.equity[begin:end] - balance,
        )
        first_ms = trades.opened_ms[openings[day]] if openings[day] < openings[day + 1] else None
        last_ms = np.append(curve.time_ms[begin + 1 : end], bounds[day + 1])[: len(balance)]
        traded = np.zeros(len(balance), bool) if first_ms is None else last_ms > first_ms
        rows.append(_steps(moved, traded, base))
    return days_of(rows, opening)


def scaled(days: Days, factor: float) -> Days:
    """The same days with everything so many times as large."""
    return days._replace(
        up=days.up * factor,
        down=days.down * factor,
        net=days.net * factor,
        after=days.after * factor,
        opening=days.opening * factor,
    )


def stopped(days: Days, limit_pct: float) -> Days:
    """The same days, each ended by the step at which it had lost so much; what is open is closed as it stands.

    It must have been closed on the same day: else the next day goes on with it.
    """
    rows = []
    for day in range(days.size):
        steps, booked = list[Step](), 0.0
        for step in days.steps(day):
            booked += step.net
            if booked <= -limit_pct + _NOTHING:
                steps.append(_closed_out(step))
                break
            steps.append(step)
        rows.append(steps)
    return days_of(rows, days.opening.tolist())


def held_over(trades: Trades, bounds: Ints) -> int:
    """How many of the trades were open at one of these moments."""
    opened, closed = (np.searchsorted(bounds, each, side="right") for each in (trades.opened_ms, trades.closed_ms))
    return int(np.count_nonzero(opened != closed))


def _closed_out(step: Step) -> Step:
    return step._replace(net=step.net + step.after, after=0.0)


def _steps(moved: tuple[Floats, ...], traded: Bools, base: float) -> list[Step]:
    """Rows in which nothing was open and nothing was booked say nothing, but that something was traded."""
    up, down, net, after = (column / base * 100 for column in moved)
    said = (up != 0) | (down != 0) | (net != 0) | (after != 0) | (np.diff(traded, prepend=False))
    columns = (column[said].tolist() for column in (up, down, net, after, traded))
    return [Step(*values) for values in zip(*columns, strict=True)]


def _first(trades: Trades, bounds: Ints, most: int | None) -> Ints:
    """Places of the trades that stay: within the bounds, and of each day the first positions to be opened."""
    inside = np.flatnonzero((trades.opened_ms >= bounds[0]) & (trades.opened_ms < bounds[-1]))
    if most is None:
        return inside
    day = np.searchsorted(bounds, trades.opened_ms[inside], side="right")
    seen: dict[int, set[int]] = {}
    kept = []
    for place, its_day, ticket in zip(inside.tolist(), day.tolist(), trades.ticket[inside].tolist(), strict=True):
        opened = seen.setdefault(its_day, set())
        if ticket in opened or len(opened) < most:
            opened.add(ticket)
            kept.append(place)
    return np.array(kept, dtype=np.int64)


def _decided_on(trades: Trades, initial: float) -> Floats:
    """The balance when each trade was opened: what had been booked before."""
    order = np.argsort(trades.closed_ms, kind="stable")
    booked = np.concatenate([[0.0], np.cumsum(trades.net[order])])
    found: Floats = initial + booked[np.searchsorted(trades.closed_ms[order], trades.opened_ms, side="right")]
    return found


def _carried_in(curve: Curve, begin_ms: int, worst: float, best: float) -> float:
    """What floats at a reset, percent: as the account's path says, within what the trades that are open allow."""
    at = int(np.searchsorted(curve.time_ms, begin_ms)) - 1
    if at < 0 or (worst == 0 and best == 0):
        return 0.0
    floating = (float(curve.equity[at]) - float(curve.balance[at])) / float(curve.balance[at]) * 100
    return min(max(floating, worst), best)
