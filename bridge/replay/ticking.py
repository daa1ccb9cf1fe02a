"""The plain engine: tick by tick. Slow, and simple enough to check the fast one by."""

from collections.abc import Iterator
from itertools import count

import numpy as np
from numpy.typing import NDArray

from bridge.market.broker_types import levels_of
from bridge.market.recording import TickSeries
from bridge.replay.judge import Line
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
        bids, asks = self.prices()
        marks, levels, call = self.marks(), self._levels(), self.near_call()
        balance = self._ledger.balance
        row = _Row(self.sheet, self.judge.lines)
        for at, time_ms, number, bid, ask in self._ticks(until):
            name = self.order[number]
            bids[name], asks[name] = bid, ask
            near = levels.get(name)
            if near is not None and (bid <= near[0] or bid >= near[1] or ask <= near[2] or ask >= near[3]):
                row.write(balance)
                return at
            if not marks:
                continue
            equity, losing = balance, 0.0
            profits = [floating(each, bids, asks) for each in marks]
            for profit in profits:
                equity += profit
                losing += min(0.0, profit)
            rooms = self._rooms(balance, equity)
            if equity <= call or self._breaks(rooms, losing):
                row.write(balance)
                return at
            row.add(time_ms, balance, equity, rooms)
            self.highest = max(self.highest, equity)
            for each, profit in zip(marks, profits, strict=True):
                self.note(each.ticket, profit, profit)
        row.write(balance)
        return None

    def _rooms(self, balance: float, equity: float) -> list[float]:
        """Headroom to every floor, peaks raised first."""
        for line in self.judge.ticks:
            basis = line.basis(balance, equity)
            if basis > line.anchor:
                line.set(basis)
        return [line.measure(balance, equity) - line.floor for line in self.judge.lines]

    def _breaks(self, rooms: list[float], losing: float) -> bool:
        for line, room in zip(self.judge.lines, rooms, strict=True):
            if line.broken(room) and not line.spent:
                return True
        return self.judge.too_low(losing)

    def _levels(self) -> dict[str, tuple[float, float, float, float]]:
        """Prices at which something acts, by symbol: bid below, bid above, ask below, ask above."""
        ledger = self._ledger
        names = {held.symbol for held in ledger.holdings.values()} | {w.order.symbol for w in ledger.working.values()}
        found = {}
        for name in names:
            near = levels_of(ledger.of(name), ledger.waiting(name))
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


class _Row:
    """The row of the sheet that ticks are added to, one after the other."""

    def __init__(self, sheet: Sheet, lines: list[Line]) -> None:
        self._sheet = sheet
        self._lines = lines
        self._number = -1

    def add(self, time_ms: int, balance: float, equity: float, rooms: list[float]) -> None:
        number = time_ms // BUCKET_MS
        if number != self._number:
            self.write(balance)
            self._number, self._low, self._high, self._rooms = number, equity, equity, rooms
        self._time_ms, self._equity = time_ms, equity
        self._low, self._high = min(self._low, equity), max(self._high, equity)
        self._rooms = [min(each) for each in zip(rooms, self._rooms, strict=True)]
        self._floors = [line.floor for line in self._lines]

    def write(self, balance: float) -> None:
        """Put what was added into the sheet."""
        if self._number >= 0:
            extremes = self._low, self._high
            self._sheet.merge(self._time_ms, balance, self._equity, extremes, self._floors, self._rooms)
        self._number = -1
