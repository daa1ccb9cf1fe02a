"""The plain engine: tick by tick. Slow, and simple enough to check the fast one by."""

from collections.abc import Iterator
from itertools import count

import numpy as np
from numpy.typing import NDArray

from bridge.market.recording import TickSeries
from bridge.replay.marks import floating
from bridge.replay.paper import PaperAccount
from bridge.replay.sheet import BUCKET_MS, Sheet

_CHUNK = 50_000
"""Ticks turned into Python numbers at a time."""

_Tick = tuple[int, int, int, float, float]
"""Place in the order of all ticks, time, number of the symbol, bid, ask."""


class TickingAccount(PaperAccount):
    """Looks at every tick by itself."""

    _merged: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def go_on(self, ticks: dict[str, TickSeries], sheet: Sheet) -> None:
        """The next span; the last one has been run to its end."""
        super().go_on(ticks, sheet)
        self._merged = None

    def _run(self, until: int) -> None:
        while self.found is None:
            at = self._pass(until)
            if at is None:
                self._settle(until)
                return
            time_ms, symbol, index = self._place(at)
            self.settle_at(time_ms, symbol, index)
            self.act(symbol)

    def _pass(self, until: int) -> int | None:
        """Ticks up to `until`, or before the first at which something happens; the place of that one."""
        marks, levels, call = self.marks(), self._levels(), self.near_call()
        if not marks and not levels:
            return None  # nothing is held and nothing waits: the account stays as it is
        bids, asks = self.prices()
        seen = _Seen(self, self._ledger.balance)
        balance, order, quiet = self._ledger.balance, self.order, seen.quiet
        for at, time_ms, number, bid, ask in self._ticks(until):
            name = order[number]
            bids[name], asks[name] = bid, ask
            near = levels.get(name)
            if near is not None and (bid <= near[0] or bid >= near[1] or ask <= near[2] or ask >= near[3]):
                seen.write()
                return at
            if not marks:
                continue
            equity, losing = balance, 0.0
            profits = [floating(each, bids, asks) for each in marks]
            for profit in profits:
                equity += profit
                if profit < 0:
                    losing += profit
            if equity <= call or not quiet(time_ms, equity, losing, profits):
                seen.write()
                return at
        seen.write()
        return None

    def _levels(self) -> dict[str, tuple[float, float, float, float]]:
        """Prices at which something acts, by symbol: bid below, bid above, ask below, ask above."""
        found = {}
        for name, near in self.levels().items():
            found[name] = (
                -np.inf if near.bid_below is None else near.bid_below,
                np.inf if near.bid_above is None else near.bid_above,
                -np.inf if near.ask_below is None else near.ask_below,
                np.inf if near.ask_above is None else near.ask_above,
            )
        return found

    def _ticks(self, until: int) -> Iterator[_Tick]:
        """Unread ticks up to `until` in their order: by time, symbol, and place on the tape."""
        source, index = self._order_of_all()
        at = sum(tape.read for tape in self._tapes.values())
        end = sum(tape.count_until(until) for tape in self._tapes.values())
        tapes = [self._tapes[name].ticks for name in self.order]
        while at < end:
            stop = min(end, at + _CHUNK)
            numbers, places = source[at:stop], index[at:stop]
            times, bids, asks = np.empty(stop - at, np.int64), np.empty(stop - at), np.empty(stop - at)
            for number, ticks in enumerate(tapes):
                own = numbers == number
                of = places[own]
                times[own], bids[own], asks[own] = ticks.time_ms[of], ticks.bid[of], ticks.ask[of]
            yield from zip(count(at), times.tolist(), numbers.tolist(), bids.tolist(), asks.tolist(), strict=False)
            at = stop

    def _order_of_all(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Symbol and place on its tape of each tick of the span."""
        if self._merged is None:
            times = [self._tapes[name].ticks.time_ms for name in self.order]
            source = np.repeat(np.arange(len(times)), [len(each) for each in times])
            index = np.concatenate([np.arange(len(each)) for each in times])
            order = np.argsort(np.concatenate(times), kind="stable")
            self._merged = source[order], index[order]
        return self._merged

    def _place(self, at: int) -> tuple[int, str, int]:
        source, index = self._order_of_all()
        name, place = self.order[int(source[at])], int(index[at])
        return int(self._tapes[name].ticks.time_ms[place]), name, place


class _Seen:
    """What the ticks of one stretch at one balance showed, added up one by one, and told to the account in rows."""

    def __init__(self, account: PaperAccount, balance: float) -> None:
        self._account = account
        self._balance = balance
        self._judge = account.judge
        self._lines = account.judge.lines
        self._row_ends_ms = 0
        self._low = self._high = self._equity = balance
        self._rooms: list[float] = []
        self._floors: list[float] = []
        self._worst: list[float] = []
        self._best: list[float] = []

    def quiet(self, time_ms: int, equity: float, losing: float, profits: list[float]) -> bool:
        """Whether a tick breaches nothing; then peaks have followed it, and it is added."""
        if self._judge.too_low(losing):
            return False
        # Floors that stand still are nearest at the lowest equity: above it there is nothing new to see.
        if equity < self._low or time_ms >= self._row_ends_ms or self._judge.ticks:
            rooms = self._headrooms(equity)
            if rooms is None:
                return False
            self._look(time_ms, equity, rooms)
        self._time_ms, self._equity = time_ms, equity
        if equity < self._low:
            self._low = equity
        elif equity > self._high:
            self._high = equity
        if not self._worst:
            self._worst, self._best = profits[:], profits[:]
        for number, profit in enumerate(profits):
            if profit < self._worst[number]:
                self._worst[number] = profit
            elif profit > self._best[number]:
                self._best[number] = profit
        return True

    def _look(self, time_ms: int, equity: float, rooms: list[float]) -> None:
        """Keep the least headrooms of the row; a tick beyond its end begins the next one."""
        if time_ms >= self._row_ends_ms:
            self._write_row()
            self._row_ends_ms = (time_ms // BUCKET_MS + 1) * BUCKET_MS
            self._low = self._high = equity
            self._rooms = rooms
        else:
            self._rooms = [min(each) for each in zip(rooms, self._rooms, strict=True)]
        self._floors = [line.floor for line in self._lines]

    def _headrooms(self, equity: float) -> list[float] | None:
        """What each rule has left, peaks following the tick; None where one is breached."""
        balance = self._balance
        for line in self._judge.ticks:
            basis = line.basis(balance, equity)
            if basis > line.anchor:
                line.set(basis)
        rooms = [line.measure(balance, equity) - line.floor for line in self._lines]
        broken = any(line.broken(room) and not line.spent for line, room in zip(self._lines, rooms, strict=True))
        return None if broken else rooms

    def write(self) -> None:
        """Tell everything that was added."""
        self._write_row()
        account = self._account
        for each, worst, best in zip(account.marks(), self._worst, self._best, strict=False):
            account.note(each.ticket, worst, best)

    def _write_row(self) -> None:
        if self._row_ends_ms:
            extremes = self._low, self._high
            account = self._account
            account.highest = max(account.highest, self._high)
            account.sheet.merge(self._time_ms, self._balance, self._equity, extremes, self._floors, self._rooms)
