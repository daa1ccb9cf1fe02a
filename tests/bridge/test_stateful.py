"""Whatever the EAs ask, in whatever order: sizing leads no account below a floor of its firm.

Hypothesis plays random sequences of signals, fills, rejects, price moves, closes, resets, restarts, lost and repeated
messages against the real service with a journal (`model.Model`), once for each firm. The short run takes about a
minute, and is always the same.

`LOTBRIDGE_STATEFUL=long` plays sequences that are longer and others every time, for about a quarter of an hour;
`LOTBRIDGE_STATEFUL_EXAMPLES=1000` sets how many of them for each firm.
"""

import os
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.bridge.model import Model
from tests.bridge.model_broker import SYMBOLS, MarginMode, Side
from tests.bridge.model_rules import FIRMS
from tests.bridge.model_world import Grant

LONG = os.environ.get("LOTBRIDGE_STATEFUL") == "long"
PROFILE = settings(
    max_examples=int(os.environ.get("LOTBRIDGE_STATEFUL_EXAMPLES", "400" if LONG else "60")),
    stateful_step_count=80 if LONG else 40,
    derandomize=not LONG,
    deadline=None,
    database=None,
    print_blob=LONG,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
STARTS = (
    "2026-03-04 10:00:00",
    "2026-03-09 20:30:00",
    "2026-03-27 14:00:00",
    "2026-03-30 21:30:00",
    "2026-10-26 20:40:00",
    "2026-11-02 14:00:00",
    "2026-11-04 22:55:00",
)
"""Days around the clock changes of New York and Prague, which lie weeks apart; some are evenings before a reset."""


class Signal(NamedTuple):
    """What an EA wants: stop in pips, target in stops."""

    symbol: str
    side: Side
    stop: float
    reward: float | None
    most: float | None


symbols = st.sampled_from(SYMBOLS)
sides: st.SearchStrategy[Side] = st.sampled_from(["buy", "sell"])
magics = st.sampled_from([1, 2, 3])
signals = st.builds(
    Signal,
    symbols,
    sides,
    st.sampled_from([15.0, 40.0, 90.0]),
    st.sampled_from([1.0, 2.5, None]),
    st.sampled_from([0.7, 1.5, None]),
)
shares = st.sampled_from([0.25, 0.5, 1.0])
some = st.integers(0, 1_000)


class Account(RuleBasedStateMachine):
    """One account of one firm, from its first deposit on."""

    firm = "ftmo-2step"
    mode: MarginMode = 2
    model: Model

    @initialize(start=st.sampled_from(STARTS), whole=st.booleans())
    def begin(self, start: str, whole: bool) -> None:
        """The account was opened three days ago, and nothing has been traded."""
        self.folder = TemporaryDirectory()
        self.model = Model(Path(self.folder.name), self.firm, self.mode, start, whole_history=whole)

    # EAs -------------------------------------------------------------------------------------------------------------

    @rule(signal=signals, magic=magics, fresh=st.sampled_from([True, True, False]))
    def ask(self, signal: Signal, magic: int, fresh: bool) -> None:
        """A signal for a market order; not always on fresh evidence."""
        if fresh:
            self.model.feed()
        self._ask(signal, magic)

    @rule(signal=signals, magic=magics, away=st.sampled_from([-60.0, -25.0, 25.0, 60.0]), told=st.booleans())
    def ask_pending(self, signal: Signal, magic: int, away: float, told: bool) -> None:
        """A signal for a pending order, which is placed."""
        self.model.feed()
        if (grant := self._ask(signal, magic, away_pips=away)) is not None:
            self.model.place(grant)
        if told:
            self.model.feed()

    @rule(signal=signals, magic=magics, told=st.booleans())
    def trade(self, signal: Signal, magic: int, told: bool) -> None:
        """Everything goes well: asked, filled, reported, told."""
        self.model.feed()
        if (grant := self._ask(signal, magic)) is not None:
            ticket = self.model.fill(grant, grant.lots)
            if ticket is not None:
                self.model.report(grant, ticket)
        if told:
            self.model.feed()

    @rule(several=st.lists(st.tuples(signals, magics), min_size=2, max_size=5))
    def burst(self, several: list[tuple[Signal, int]]) -> None:
        """Several EAs ask at the same moment, on the same evidence."""
        self.model.feed()
        for signal, magic in several:
            self._ask(signal, magic)

    @rule(signal=signals, magic=magics, then=st.lists(signals, min_size=1, max_size=3), bank=st.booleans())
    def ride(self, signal: Signal, magic: int, then: list[Signal], bank: bool) -> None:
        """A trade wins, is closed or stays open, and others are asked for."""
        model = self.model
        self.trade(signal, magic, told=True)
        for _ in range(2):
            model.move(signal.symbol, 20.0 if signal.side == "buy" else -20.0, jump=False)
            model.check()
        own = [each for each in model.broker.positions.values() if each.magic == magic]
        if bank and own:
            model.close_by_hand(own[-1], 1.0)
        model.feed()
        for each in then:
            self._ask(each, magic)

    @precondition(lambda self: self._usable())
    @rule(
        which=some,
        share=shares,
        report=st.sampled_from(["no", "once", "twice"]),
        onto=st.booleans(),
        back=st.booleans(),
    )
    def fill(self, which: int, share: float, report: str, onto: bool, back: bool) -> None:
        """An answer is executed, wholly or partly, in one ticket or several; or refused, and then given back."""
        grant = self._pick(self._usable(), which)
        ticket = self.model.fill(grant, grant.lots * share, onto=max(grant.opened, default=None) if onto else None)
        if ticket is not None and report != "no":
            self.model.report(grant, ticket, again=report == "twice")
        if ticket is None or back:
            self.model.give_back(grant)

    @precondition(lambda self: self._usable())
    @rule(which=some, share=shares)
    def fill_at_last(self, which: int, share: float) -> None:
        """An order is executed just before its answer lapses, and nobody says so for a while."""
        model = self.model
        grant = self._pick(self._usable(), which)
        model.wait(max(0.0, (grant.expires_ms - model.now_ms) / 1000 - 1.5))
        model.feed()
        model.wait(1)
        model.fill(grant, grant.lots * share)
        for seconds in (0.5, 2, 2):
            model.wait(seconds)
            model.check()

    @precondition(lambda self: self._unreported())
    @rule(which=some, again=st.booleans())
    def report_late(self, which: int, again: bool) -> None:
        """What was forgotten is reported after all, even after the reservation has lapsed."""
        grant, ticket = self._pick(self._unreported(), which)
        self.model.report(grant, ticket, again=again)

    @precondition(lambda self: self._usable())
    @rule(which=some)
    def give_back(self, which: int) -> None:
        """The rest of an answer is not wanted."""
        self.model.give_back(self._pick(self._usable(), which))

    @precondition(lambda self: self.model.broker.orders)
    @rule(which=some)
    def cancel(self, which: int) -> None:
        """A pending order is cancelled."""
        del self.model.broker.orders[self._pick(list(self.model.broker.orders), which)]

    # Market and trader -----------------------------------------------------------------------------------------------

    @rule(
        symbol=symbols,
        pips=st.integers(-70, 70),
        jump=st.booleans(),
        then=st.sampled_from(["feed", "quotes", "lost", ""]),
    )
    def move(self, symbol: str, pips: int, jump: bool, then: str) -> None:
        """Prices move within what is modelled."""
        self.model.move(symbol, max(-50, min(50, pips)) if jump else pips, jump=jump)
        self._tell(then)

    @precondition(lambda self: self.model.broker.positions)
    @rule(which=some, good=st.booleans(), told=st.booleans())
    def run(self, which: int, good: bool, told: bool) -> None:
        """The market runs for one position to its target, or to its stop, in steps."""
        held = self._pick(list(self.model.broker.positions.values()), which)
        up = good == (held.side == "buy")
        for _ in range(6):
            self.model.move(held.symbol, 25.0 if up else -25.0, jump=False)
            self.model.check()
            if told:
                self.model.feed()

    @precondition(lambda self: self.model.broker.positions)
    @rule(which=some, share=shares)
    def close(self, which: int, share: float) -> None:
        """Somebody closes something."""
        self.model.close_by_hand(self._pick(list(self.model.broker.positions.values()), which), share)

    @rule(symbol=symbols, side=sides, lots=st.sampled_from([0.1, 1.0, 3.0]), stop=st.sampled_from([30.0, 80.0]))
    def by_hand(self, symbol: str, side: Any, lots: float, stop: float) -> None:
        """The trader opens something."""
        self.model.trade_by_hand(symbol, side, lots, stop)

    @rule(
        what=st.sampled_from(
            [*["shock", "windfall", "withdraw", "halt", "new session"] * 2, "stopless", "halt for a day"]
        ),
        symbol=symbols,
    )
    def disturb(self, what: str, symbol: str) -> None:
        """Things that no size can help; some of them stop trading."""
        model = self.model
        if what == "shock":
            model.move(symbol, -300, jump=True)
            model.feed()
        elif what == "windfall":
            model.trade_by_hand(symbol, "buy", 3.0, 80.0)
            model.move(symbol, 140.0, jump=False)
            for held in [each for each in model.broker.positions.values() if not each.magic]:
                model.close_by_hand(held, 1.0)
            model.feed()
        elif what == "stopless":
            model.trade_by_hand(symbol, "buy", 0.5, None)
        elif what == "withdraw" and model.broker.balance > 100_500:
            model.withdraw(800.0)
        elif what == "new session":
            model.daemon.new_session()
            model.wait(31)
        elif what == "halt":
            model.halt(minutes=1)
        elif what == "halt for a day":
            model.halt(until_reset=True)

    @rule()
    def recover(self) -> None:
        """The trader puts things in order: closes what has no stop, lifts halts, says what the firm counts from."""
        model = self.model
        for held in [each for each in model.broker.positions.values() if not each.sl]:
            model.close_by_hand(held, 1.0)
        model.feed()
        if model.connected:
            model.set_anchors()
        model.resume()

    # Time ------------------------------------------------------------------------------------------------------------

    @rule(
        seconds=st.sampled_from([0.3, 1.0, 3.0, 12.0, 33.0]),
        times=st.integers(1, 4),
        then=st.sampled_from(["feed", "lost", ""]),
    )
    def wait(self, seconds: float, times: int, then: str) -> None:
        """A while passes, watched or not."""
        for _ in range(times):
            self.model.wait(seconds)
            self._tell(then)

    @rule(watched=st.booleans(), after=st.sampled_from([2.0, 20.0, 4_000.0]))
    def past_the_reset(self, watched: bool, after: float) -> None:
        """The firm's next day begins, with the feed on or off."""
        model = self.model
        left = (model.rules.firm.next_reset(model.now_ms) - model.now_ms) / 1000
        if watched and left > 20:
            model.wait(left - 20)
            model.feed()
            model.wait(19)
            model.feed()
            left = 1
        model.wait(left + after)
        if watched:
            model.feed()

    # The daemon ------------------------------------------------------------------------------------------------------

    @rule(full=st.booleans())
    def feed(self, full: bool) -> None:
        """The terminal is reported; the daemon's figures are the model's."""
        self.model.feed(full=full)
        if self.model.connected:
            self.model.check_told()

    @rule(clean=st.booleans(), seconds=st.sampled_from([None, 0.0, 2.0, 50.0, 4_000.0]))
    def restart(self, clean: bool, seconds: float | None) -> None:
        """The daemon stops or dies, is down for a while, and starts; without a while nothing may have changed."""
        if seconds is None:
            self.model.check_restart(clean=clean)
        else:
            self.model.connected = False
            self.model.wait(seconds)
            self.model.daemon.restart(clean=clean)

    @rule(which=some)
    def repeat(self, which: int) -> None:
        """An old message comes again."""
        self.model.repeat(which)

    # What must hold --------------------------------------------------------------------------------------------------

    @invariant()
    def holds(self) -> None:
        """Ledger, cover and worst case, after every step."""
        self.model.check()

    def teardown(self) -> None:
        """Every decision comes out the same again."""
        if hasattr(self, "model"):
            self.model.finish()
            self.folder.cleanup()

    def _ask(self, signal: Signal, magic: int, **over: Any) -> Grant | None:
        model = self.model
        reply = model.ask(signal.symbol, signal.side, signal.stop, signal.reward, magic, most=signal.most, **over)
        return model.grants[reply["reservation"]] if reply["lots"] else None

    def _tell(self, how: str) -> None:
        if how == "feed":
            self.model.feed()
        elif how == "quotes":
            self.model.daemon.quotes()
        elif how == "lost":
            self.model.daemon.lose()

    def _usable(self) -> list[Grant]:
        model = self.model
        return [each for each in model.grants.values() if not each.pending and each.rest(model.now_ms) > 0]

    def _unreported(self) -> list[tuple[Grant, int]]:
        orders = self.model.broker.orders
        return [
            (grant, ticket)
            for grant in self.model.grants.values()
            for ticket in grant.unreported()
            if ticket not in orders
        ]

    @staticmethod
    def _pick(options: Any, which: int) -> Any:
        return options[which % len(options)]


CASES = [*((firm, 2) for firm in FIRMS), ("ftmo-2step", 0), ("fundingpips-zero", 0)]


@pytest.mark.timeout(0 if LONG else 600)
@pytest.mark.parametrize(("firm", "mode"), CASES, ids=lambda case: {0: "netting", 2: "hedging"}.get(case, case))
def test_no_sequence_breaks_a_rule_through_sizing(firm: str, mode: MarginMode) -> None:
    """Each firm on a hedging account, two of them on netting accounts too."""
    machine = type(f"Account of {firm}", (Account,), {"firm": firm, "mode": mode})
    if not LONG:
        machine = seed(zlib.crc32(f"{firm} {mode}".encode()))(machine)
    run_state_machine_as_test(machine, settings=PROFILE)
