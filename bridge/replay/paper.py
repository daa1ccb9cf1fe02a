"""The replayed account: a broker over the ticks of one span after another, watched by the judge at every tick."""

from abc import abstractmethod
from typing import NamedTuple

import numpy as np

from bridge.market.broker import SimulatedBroker
from bridge.market.broker_engine import DAY_MS, STOP_OUT_LEVEL
from bridge.market.broker_types import Holding, other
from bridge.market.broker_zone import zone_of
from bridge.market.recording import RecordedMarket, TickSeries
from bridge.replay.account_state import AccountState
from bridge.replay.judge import Breach, Judge
from bridge.replay.marks import Mark, floating, mark
from bridge.replay.plan import BrokerWish
from bridge.replay.sheet import Sheet
from sizing.snapshot import Deal, Quote

NEAR_A_CALL = 1.0
"""Money above the stop-out level at which the broker's own, rounded, figures are asked."""
NO_TICKS = TickSeries(time_ms=np.empty(0, np.int64), bid=np.empty(0), ask=np.empty(0))


class Found(NamedTuple):
    """A breach, and when."""

    breach: Breach
    time_ms: int


class Closed(NamedTuple):
    """A position, or a part of it, that was closed; `worst` and `best` are the extremes of its floating profit."""

    held: Holding
    deal: Deal
    reason: str
    worst: float
    best: float


class PaperAccount(SimulatedBroker):
    """One account. `sheet` is that of the span at hand; how ticks are gone through is the engines' business."""

    def __init__(
        self,
        market: RecordedMarket,
        first_quotes: dict[str, Quote],
        judge: Judge,
        sheet: Sheet,
        wish: BrokerWish,
        *,
        login: int,
    ) -> None:
        self._first_quotes = first_quotes
        self._zone = None if wish.zone == "UTC" else zone_of(wish.zone)
        self._midnight = 0, 0
        self._call = -1, -np.inf
        super().__init__(
            market,
            login=login,
            balance=wish.balance,
            currency=wish.currency,
            leverage=wish.leverage,
            hedging=wish.hedging,
            slippage_points=wish.slippage_points,
        )
        self.judge = judge
        self.sheet = sheet
        self.highest = wish.balance
        """Highest equity at any tick since it was last set."""
        self.found: Found | None = None
        """A breach that nobody has dealt with yet; time stands still until it is taken."""
        self.closed: list[Closed] = []
        """Closes that nobody has taken yet."""
        self.why = "exit"
        """The reason of the closes that are ordered from now on."""
        self.order = sorted(self.specs)
        self._extremes: dict[int, list[float]] = {}
        self._marks: tuple[tuple[int, int], list[Mark]] = (-1, -1), []
        self._ledger.on_leave = self._left

    def go_on(self, ticks: dict[str, TickSeries], sheet: Sheet) -> None:
        """The next span; the last one has been run to its end."""
        self.sheet = sheet
        for name, tape in self._tapes.items():
            tape.go_on(ticks.get(name, NO_TICKS))

    def advance(self, to_ms: int, *, restate: bool = True) -> None:
        """As every broker, but it stops at a breach (`found`).

        Without `restate` tick values stay as they are: where only a span ends, nothing may change.
        """
        while self.found is None and (self.now_ms < to_ms or self._has_unread(to_ms)):
            midnight = self._next_midnight()
            self._run(min(to_ms, midnight - 1))
            if midnight <= to_ms and self.found is None:
                if self._ledger.holdings:
                    self._charge_swaps(midnight + self.offset_ms(midnight))
                    self.now_ms = midnight
                    self.look()
                if self.found is None:
                    self._run(midnight)
        if restate:
            self._restate_when_due()

    def _has_unread(self, until_ms: int) -> bool:
        """Whether a breach at the first of several ticks of one moment has left others."""
        tapes = self._tapes.values()
        return any(tape.read < len(tape.ticks.time_ms) and tape.ticks.time_ms[tape.read] <= until_ms for tape in tapes)

    def offset_ms(self, at_ms: int) -> int:
        """The broker's clock less UTC at a moment."""
        return 0 if self._zone is None else self._zone.wall_ms(at_ms) - at_ms

    def _next_midnight(self) -> int:
        """When the broker's day ends, UTC ms."""
        begin, end = self._midnight
        if not begin <= self.now_ms < end:
            day = (self.now_ms + self.offset_ms(self.now_ms)) // DAY_MS + 1
            end = day * DAY_MS - self.offset_ms(self.now_ms)
            # By the clock of that night, which may have changed by then.
            self._midnight = self.now_ms, day * DAY_MS - self.offset_ms(end)
        return self._midnight[1]

    @abstractmethod
    def _run(self, until: int) -> None:
        """Ticks up to `until`, within one day, or to a breach: everything in its turn."""

    def take(self) -> Found | None:
        """The breach that time stands still for."""
        found, self.found = self.found, None
        return found

    def marks(self) -> list[Mark]:
        """The open positions, ready to be valued."""
        key = self._ledger.changes, self._restated_ms
        if self._marks[0] != key:
            self._marks = key, [mark(held, self.money) for held in self._ledger.holdings.values()]
        return self._marks[1]

    def look(self, at_ms: int | None = None) -> None:
        """Show the account of this moment to judge and sheet."""
        marks = self.marks()
        bids, asks = self.prices() if marks else ({}, {})
        balance = self._ledger.balance
        equity, losing = balance, 0.0
        for each in marks:
            profit = floating(each, bids, asks)
            equity += profit
            losing += min(0.0, profit)
            self.note(each.ticket, profit, profit)
        self.highest = max(self.highest, equity)
        at_ms = self.now_ms if at_ms is None else at_ms
        breach = self.judge.at(balance, equity, losing)
        self.sheet.point(at_ms, balance, equity)
        if breach is not None:
            self.found = Found(breach, at_ms)

    def prices(self) -> tuple[dict[str, float], dict[str, float]]:
        """Bid and ask of every symbol that has been quoted."""
        quotes = {name: quote for name in self.order if (quote := self.quote(name)) is not None}
        return {n: quote.bid for n, quote in quotes.items()}, {n: quote.ask for n, quote in quotes.items()}

    def _first_quote(self, symbol: str) -> Quote | None:
        return self._first_quotes.get(symbol)

    def note(self, ticket: int, worst: float, best: float) -> None:
        """A position's floating profit was seen between these."""
        known = self._extremes.get(ticket)
        if known is None:
            known = self._extremes[ticket] = [0.0, 0.0]
        known[0] = min(known[0], worst)
        known[1] = max(known[1], best)

    @property
    def balance(self) -> float:
        """Account currency."""
        return self._ledger.balance

    @property
    def holds(self) -> bool:
        """Whether anything is open or waits."""
        return bool(self._ledger.holdings or self._ledger.working)

    @property
    def ticks_read(self) -> int:
        """Ticks of all symbols so far."""
        return sum(tape.passed + tape.read for tape in self._tapes.values())

    def raw_equity(self) -> float:
        """Equity of this moment, not rounded."""
        bids, asks = self.prices()
        equity = self._ledger.balance
        for each in self.marks():
            equity += floating(each, bids, asks)
        return equity

    def state(self) -> AccountState:
        """Everything of it, at the end of a span."""
        ledger = self._ledger
        return AccountState(
            now_ms=self.now_ms,
            restated_ms=self._restated_ms,
            balance=ledger.balance,
            next_ticket=ledger.next_number,
            changes=ledger.changes,
            known=sorted(ledger.known),
            deals=ledger.deals,
            holdings=list(ledger.holdings.values()),
            specs=self.specs,
            quotes={name: (tape.quote(), tape.passed + tape.read) for name, tape in self._tapes.items()},
            extremes={ticket: (low, high) for ticket, (low, high) in self._extremes.items()},
            highest=self.highest,
        )

    def restore(self, state: AccountState) -> None:
        """Stand where another account stood, before the first tick of the span at hand."""
        self.now_ms, self._restated_ms = state.now_ms, state.restated_ms
        self._ledger.restore(state.balance, state.deals, state.holdings, set(state.known), state.next_ticket)
        self._ledger.changes = state.changes
        self.specs.update(state.specs)
        for name, (quote, passed) in state.quotes.items():
            self._tapes[name].restore(quote, passed)
        self._extremes = {ticket: list(each) for ticket, each in state.extremes.items()}
        self.highest = state.highest

    def begin_day(self, at_ms: int) -> None:
        """The firm's day begins with the account as it stands, before any tick of that moment."""
        self.judge.reset(self._ledger.balance, self.raw_equity())
        self.look(at_ms)

    def next_tick_ms(self, symbol: str) -> int | None:
        """When a symbol ticks next, within the span; None after its last tick."""
        tape = self._tapes[symbol]
        return int(tape.ticks.time_ms[tape.read]) if tape.read < len(tape.ticks.time_ms) else None

    def close_all(self) -> None:
        """Close everything at the last quotes, however old, and drop what waits."""
        ledger = self._ledger
        ledger.working.clear()
        ledger.changes += 1
        self.why = "end"
        for held in list(ledger.holdings.values()):
            quote = self.quote(held.symbol)
            if quote is not None:
                price = self._slipped(self.specs[held.symbol], other(held.side), held.exit_price(quote))
                ledger.leave(held, held.volume, price, self.now_ms)
        self.why = "exit"
        self.look()

    def near_call(self) -> float:
        """The equity at and below which the broker may close something; minus infinity where nothing is held."""
        ledger = self._ledger
        if self._call[0] != ledger.changes:
            call = ledger.margin() * STOP_OUT_LEVEL + NEAR_A_CALL if ledger.holdings else -np.inf
            self._call = ledger.changes, call
        return self._call[1]

    def act(self, symbol: str) -> None:
        """The tick just read: what it reaches, the broker's call, and then the account is looked at."""
        self._fire(symbol)
        self._enforce_margin()
        self.look()

    def settle_at(self, time_ms: int, symbol: str, index: int) -> None:
        """Read everything before one tick and the tick itself; ticks of one moment go by symbol."""
        for name in self.order:
            tape = self._tapes[name]
            if name == symbol:
                tape.read = index + 1
            else:
                tape.settle(time_ms if name < symbol else time_ms - 1)
        self.now_ms = max(self.now_ms, time_ms)

    def _left(self, held: Holding, deal: Deal, reason: str) -> None:
        result = deal.profit + deal.swap
        self.note(held.ticket, result, result)
        worst, best = self._extremes[held.ticket]
        self.closed.append(Closed(held, deal, self.why if reason == "exit" else reason, worst, best))
        if held.ticket not in self._ledger.holdings:
            del self._extremes[held.ticket]
        self.judge.closed(self._ledger.balance)
