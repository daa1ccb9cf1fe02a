"""The fast engine: from one event to the next, and all ticks between them as arrays."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.market.broker_engine import Trip
from bridge.replay.judge import Stretch
from bridge.replay.marks import Book, Mark, floatings, symbols_of
from bridge.replay.paper import PaperAccount

Floats = NDArray[np.float64]


class Columns(NamedTuple):
    """Ticks of the symbols that matter in their order, (n,): times, and each symbol's book as of each tick.

    `source` numbers the symbol that each tick is of, among `symbols`; None where all are of the first.
    """

    symbols: list[str]
    time_ms: NDArray[np.int64]
    source: NDArray[np.int64] | None
    books: dict[str, Book]


class JumpingAccount(PaperAccount):
    """Finds the next stop, target, pending order, stop-out or breach by search over arrays."""

    def _run(self, until: int) -> None:
        while self.found is None:
            trip = self._next_trip(until)
            if self._ledger.holdings and not self._walk(trip, until):
                continue
            if trip is None:
                self._settle(until)
                return
            self.settle_at(*trip)
            self.act(trip.symbol)

    def _walk(self, trip: Trip | None, until: int) -> bool:
        """Everything up to the trip, or to `until`; False where something happened on the way, at the tick now read."""
        marks = self.marks()
        columns = self._columns(symbols_of(marks), trip, until)
        if not len(columns.time_ms):
            return True
        # A position whose symbol does not tick meanwhile has one profit for all of them.
        count = len(columns.time_ms)
        balance = self._ledger.balance
        profits = [_at_each(floatings(each, columns.books), count) for each in marks]
        equity = balance + profits[0]
        for profit in profits[1:]:
            equity += profit
        losing = None
        if self.judge.floating_limit is not None:
            losing = np.minimum(0.0, profits[0])
            for profit in profits[1:]:
                losing += np.minimum(0.0, profit)
        stretches = [self.judge.over(line, balance, equity) for line in self.judge.lines]
        at = self._first_event(balance, equity, stretches, losing)
        self._keep(columns, marks, profits, equity, stretches, len(equity) if at is None else at)
        if at is None:
            return True
        self._go_to(columns, at)
        self._enforce_margin()
        self.look()
        return False

    def _first_event(
        self, balance: float, equity: Floats, stretches: list[Stretch], losing: Floats | None
    ) -> int | None:
        """The first tick that breaches a rule or comes near the broker's call."""
        low, call = float(equity.min()), self.near_call()
        breach = self.judge.first_breach(balance, equity, low, stretches, losing)
        if low > call:
            return breach
        near = int((equity <= call).argmax())
        return near if breach is None else min(near, breach)

    def _keep(
        self,
        columns: Columns,
        marks: list[Mark],
        profits: list[Floats],
        equity: Floats,
        stretches: list[Stretch],
        count: int,
    ) -> None:
        """Note what the first `count` ticks showed."""
        if count == 0:
            return
        if count < len(equity):
            equity, profits = equity[:count], [each[:count] for each in profits]
            stretches = [_first_of(each, count) for each in stretches]
        for each, profit in zip(marks, profits, strict=True):
            self.note(each.ticket, float(profit.min()), float(profit.max()))
        self.highest = max(self.highest, float(equity.max()))
        self.judge.follow(self._ledger.balance, equity)
        self.sheet.stretch(columns.time_ms[:count], self._ledger.balance, equity, stretches)

    def _go_to(self, columns: Columns, at: int) -> None:
        """Read everything up to one of the ticks."""
        source = columns.source
        number = 0 if source is None else int(source[at])
        earlier = at if source is None else int((source[:at] == number).sum())
        symbol = columns.symbols[number]
        self.settle_at(int(columns.time_ms[at]), symbol, self._tapes[symbol].read + earlier)

    def _columns(self, symbols: list[str], trip: Trip | None, until: int) -> Columns:
        """The unread ticks before the trip, or up to `until`."""
        begins = [self._tapes[name].read for name in symbols]
        ends = [self._end(name, trip, until) for name in symbols]
        moved = [i for i, name in enumerate(symbols) if ends[i] > begins[i]]
        books = {name: self._book(name, begins[i], ends[i]) for i, name in enumerate(symbols)}
        if len(moved) <= 1:
            first = moved[0] if moved else 0
            times = self._tapes[symbols[first]].ticks.time_ms[begins[first] : ends[first]]
            return Columns([symbols[first]], times, None, books)
        names = [symbols[i] for i in moved]
        parts = [self._tapes[symbols[i]].ticks.time_ms[begins[i] : ends[i]] for i in moved]
        times = np.concatenate(parts)
        order = np.argsort(times, kind="stable")
        source = np.repeat(np.arange(len(parts)), [len(part) for part in parts])[order]
        for number, name in enumerate(names):
            quote = self._tapes[name].quote()
            if quote is None:  # pragma: no cover - whatever is valued has been quoted
                raise AssertionError(name)
            seen = np.cumsum(source == number)
            book = books[name]
            books[name] = Book(np.append(quote.bid, book.bid)[seen], np.append(quote.ask, book.ask)[seen])
        return Columns(names, times[order], source, books)

    def _end(self, name: str, trip: Trip | None, until: int) -> int:
        tape = self._tapes[name]
        if trip is None:
            return tape.count_until(until)
        if name == trip.symbol:
            return trip.at
        return tape.count_until(trip.time_ms if name < trip.symbol else trip.time_ms - 1)

    def _book(self, name: str, begin: int, end: int) -> Book:
        """A symbol's own ticks, or its last quote where it has none."""
        tape = self._tapes[name]
        if end > begin:
            return Book(tape.ticks.bid[begin:end], tape.ticks.ask[begin:end])
        quote = tape.quote()
        if quote is None:  # pragma: no cover - whatever is valued has been quoted
            raise AssertionError(name)
        return Book(np.float64(quote.bid), np.float64(quote.ask))  # type: ignore[arg-type]  # broadcasts


def _at_each(profit: Floats, count: int) -> Floats:
    """One value for each of the ticks."""
    return profit if profit.ndim else np.broadcast_to(profit, count)


def _first_of(stretch: Stretch, count: int) -> Stretch:
    floor, headroom = stretch
    return Stretch(floor if isinstance(floor, float) else floor[:count], None if headroom is None else headroom[:count])
