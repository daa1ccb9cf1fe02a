"""Whatever EAs, hands and networks do: nothing is done twice, and no instruction leads an account below a floor.

Hypothesis plays random sequences against the real service with a journal (`model.Managed`), for each kind of rules
alone and for all of them together. The short run is always the same, and leaves a failing sequence as it is.

`LOTBRIDGE_STATEFUL=long` plays sequences that are longer and others every time; `LOTBRIDGE_STATEFUL_EXAMPLES=1000` sets
how many of them for each case, and the shortest failing sequence is looked for.
"""

import os
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

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

from tests.bridge.model_broker import MarginMode, Side
from tests.manager.model import Managed
from tests.manager.model_ea import LEAST, Letter, Outcome, Task

LONG = os.environ.get("LOTBRIDGE_STATEFUL") == "long"
PROFILE = settings(
    max_examples=int(os.environ.get("LOTBRIDGE_STATEFUL_EXAMPLES", "200" if LONG else "40")),
    stateful_step_count=60 if LONG else 40,
    derandomize=not LONG,
    deadline=None,
    database=None,
    print_blob=LONG,
    phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
    suppress_health_check=list(HealthCheck),
)

symbols = st.sampled_from(["EURUSD", "EURUSD", "USDJPY"])
sides: st.SearchStrategy[Side] = st.sampled_from(["buy", "sell"])
filters = st.sampled_from([None, None, None, ["EURUSD"], ["USDJPY"]])
outcomes: st.SearchStrategy[Outcome] = st.sampled_from(["whole", "whole", "part", "reject", "requote", "unsure"])
shares = st.sampled_from([0.1, 0.5, 0.9])
weights = st.sampled_from([-2.0, -0.5, 0.0, 0.7, 2.5])
some = st.integers(0, 1_000)
signals = st.lists(
    st.fixed_dictionaries(
        {
            "symbol": st.sampled_from(["EURUSD", "USDJPY"]),
            "direction": st.sampled_from(["bullish", "bullish", "bearish"]),
            "confidence": st.sampled_from([80, 80, 5]),
        }
    ),
    max_size=2,
    unique_by=lambda each: each["symbol"],
)
mails = st.sampled_from(["now", "now", "later", "never", "twice"])


class Account(RuleBasedStateMachine):
    """One account with rules about its positions."""

    kinds: tuple[str, ...] = ("active",)
    mode: MarginMode = 2
    model: Managed

    @initialize(start=st.sampled_from(["2026-03-04 10:00:00", "2026-03-09 20:30:00"]))
    def begin(self, start: str) -> None:
        """The account was opened three days ago, and nothing has been traded."""
        self.folder = TemporaryDirectory()
        self.model = Managed(Path(self.folder.name), self.kinds, self.mode, start)

    # EAs -------------------------------------------------------------------------------------------------------------

    @rule(only=filters, said=signals, lost=st.sampled_from([False, False, False, True]), fresh=st.booleans())
    def manage(self, only: Any, said: Any, lost: bool, fresh: bool) -> None:
        """An EA asks, and does nothing yet."""
        if fresh:
            self.model.feed()
        self.model.manage(only, said, lost=lost)

    @rule(only=filters, said=signals, outcome=outcomes, share=shares, mail=mails, told=st.booleans())
    def work(self, only: Any, said: Any, outcome: Outcome, share: float, mail: str, told: bool) -> None:
        """An EA asks, and carries out at once what it is told."""
        self.model.feed()
        self._ask_and_do(only, said, outcome, share, mail)
        if told:
            self.model.feed()

    @rule(said=signals, seconds=st.sampled_from([1.0, 8.0]), times=st.integers(2, 6))
    def go_on(self, said: Any, seconds: float, times: int) -> None:
        """Everything goes well for a while."""
        for _ in range(times):
            self.model.feed()
            for task in self.model.manage(None, said):
                self._carry_out(task, "whole", 1.0, "now")
            self.model.wait(seconds)
            self.model.check()

    @rule(
        symbol=symbols,
        side=sides,
        lots=st.sampled_from([0.05, 0.3, 1.0]),
        moves=st.lists(st.sampled_from([8.0, 15.0, 25.0, 50.0, -10.0]), min_size=1, max_size=4),
        outcome=outcomes,
        mail=mails,
        hours=st.sampled_from([0, 0, 0, 3]),
        blind=st.booleans(),
        near=st.sampled_from([False, False, True]),
    )
    def ride(
        self, symbol: str, side: Side, lots: float, moves: Any, outcome: Outcome, mail: str, hours: int,
        blind: bool, near: bool,
    ) -> None:  # fmt: skip
        """A position is there, or is opened by hand, and the market runs for it; EAs do what they are told.

        `blind`: every other time only prices are fed, so that the daemon does not see what was done. `near`: somebody
        keeps the stop close behind the price.
        """
        model = self.model
        there = [each for each in model.broker.positions.values() if each.symbol == symbol]
        if there:
            side = there[0].side
        else:
            self.open_by_hand(symbol, side, lots, 40.0)
        for number, pips in enumerate(moves):
            model.move(symbol, pips if side == "buy" else -pips, jump=False)
            model.wait(1 + 3_600 * hours)
            model.check()
            for held in model.broker.positions.values():
                if near and held.symbol == symbol:
                    model.move_stop_by_hand(held, 6.0)
            if number % 2 and blind:
                model.quotes()
                self._ask_and_do(None, [], outcome, 0.4, mail)
            else:
                self.work(None, [], outcome, 0.4, mail, told=not blind)
            model.check()

    @precondition(lambda self: "share" in self.kinds)
    @rule(said=signals, outcome=outcomes, share=shares, mail=mails, hand=st.booleans(), symbol=symbols)
    def trade(self, said: Any, outcome: Outcome, share: float, mail: str, hand: bool, symbol: str) -> None:
        """Signals lead to entries, and too much of it is cut."""
        model = self.model
        self.work(None, [each | {"confidence": 80} for each in said], outcome, share, mail, told=True)
        there = [each for each in model.broker.positions.values() if each.symbol == symbol]
        if hand and there:
            self.open_by_hand(symbol, there[0].side, 3.0, 40.0)
            model.check()
            self.work(None, [], outcome, share, mail, told=False)

    @precondition(lambda self: self._fetched())
    @rule(which=some, outcome=outcomes, share=shares, mail=mails)
    def carry_out(self, which: int, outcome: Outcome, share: float, mail: str) -> None:
        """An EA does what it was told before, if that is not too late."""
        self._carry_out(self._pick(self._fetched(), which), outcome, share, mail)

    @precondition(lambda self: self._fetched())
    @rule(which=some, mail=mails, left=st.sampled_from([0.2, 1.0]))
    def carry_out_at_last(self, which: int, mail: str, left: float) -> None:
        """An EA does what it was told in the last moment."""
        model, task = self.model, self._pick(self._fetched(), which)
        seconds = (task.deadline_ms - model.now_ms) / 1000 - left
        if 0 < seconds < 60:
            while seconds > 8:
                model.wait(8)
                model.feed()
                seconds -= 8
            model.wait(seconds)
            self._carry_out(task, "whole", 1.0, mail)
            for wait in (left, 1.0, 1.0):
                model.wait(wait)
                model.feed()
                model.manage()
                model.check()

    @precondition(lambda self: self._fetched())
    @rule(which=some, mail=mails)
    def give_up(self, which: int, mail: str) -> None:
        """An EA leaves the rest of what it was told."""
        self._post(self.model.give_up(self._pick(self._fetched(), which)), mail)

    @precondition(lambda self: self.model.desk.letters)
    @rule(which=some, again=st.booleans())
    def deliver(self, which: int, again: bool) -> None:
        """A report arrives late, in any order."""
        letter = self._pick(self.model.desk.letters, which)
        self.model.deliver(letter)
        if not again:
            self.model.desk.letters.remove(letter)

    @precondition(lambda self: self.model.lost)
    @rule(which=some)
    def ask_again(self, which: int) -> None:
        """A question whose answer was lost is repeated."""
        self.model.ask_again(which)

    @rule()
    def die(self) -> None:
        """All EAs die: nothing that they had is carried out or reported."""
        model = self.model
        model.desk.letters.clear()
        model.lost.clear()
        for task in model.desk.open_tasks():
            model.give_up(task)

    @precondition(lambda self: "rebalance" in self.kinds)
    @rule(
        euro=weights, yen=weights, one=st.booleans(), then=st.lists(st.tuples(outcomes, shares, mails), max_size=5),
        seconds=st.sampled_from([0.5, 3.0, 7.0]),
    )  # fmt: skip
    def rebalance(self, euro: float, yen: float, one: bool, then: Any, seconds: float) -> None:
        """A plan begins, in the place of the one before, and is gone on with."""
        self.model.feed()
        self.model.rebalance({"EURUSD": euro} if one else {"EURUSD": euro, "USDJPY": yen})
        for outcome, share, mail in then:
            self.work(None, [], outcome, share, mail, told=False)
            self.model.wait(seconds)
            self.model.check()

    @precondition(lambda self: self.model.aim)
    @rule()
    def cancel_plan(self) -> None:
        """The plan is given up."""
        self.model.cancel_plan()

    @rule(symbol=symbols, side=sides, share=shares, report=st.booleans(), said=signals)
    def size(self, symbol: str, side: Side, share: float, report: bool, said: Any) -> None:
        """An EA of another kind asks for a size, and opens some of it; then the others ask what is to be done."""
        model = self.model
        model.feed()
        if self.mode == 0 and any(each.symbol == symbol for each in model.broker.positions.values()):
            return
        reply = model.ask(symbol, side, 40.0, 2.0, 5, most=0.5)
        if reply["lots"]:
            grant = model.grants[reply["reservation"]]
            ticket = model.fill(grant, max(LEAST, round(grant.lots * share, 2)))
            if ticket is not None and report:
                model.report(grant, ticket)
        model.manage(None, [each | {"confidence": 80} for each in said])

    # Market and trader -----------------------------------------------------------------------------------------------

    @rule(
        symbol=symbols, pips=st.integers(-50, 60), then=st.sampled_from(["feed", "feed", "quotes", "slow", "lost", ""])
    )
    def move(self, symbol: str, pips: int, then: str) -> None:
        """Prices move."""
        self.model.move(symbol, pips, jump=False)
        self._tell(then)

    @precondition(lambda self: self.model.broker.positions)
    @rule(which=some, pips=st.sampled_from([10.0, 20.0, 50.0, -30.0]), told=st.booleans())
    def run(self, which: int, pips: float, told: bool) -> None:
        """The market runs for one position, or against it."""
        held = self._pick(list(self.model.broker.positions.values()), which)
        self.model.move(held.symbol, pips if held.side == "buy" else -pips, jump=False)
        if told:
            self.model.feed()

    @rule(
        symbol=symbols,
        side=sides,
        lots=st.sampled_from([0.05, 0.3, 1.0, 3.0]),
        stop=st.sampled_from([None, *[40.0] * 9]),
    )
    def open_by_hand(self, symbol: str, side: Side, lots: float, stop: float | None) -> None:
        """Somebody opens something; on a netting account never against what is there."""
        there = [each for each in self.model.broker.positions.values() if each.symbol == symbol]
        if self.mode == 0 and any(each.side != side for each in there):
            return
        self.model.trade_by_hand(symbol, side, lots, stop)
        self.model.feed()

    @precondition(lambda self: self.model.broker.positions)
    @rule(which=some, share=shares, whole=st.booleans())
    def close_by_hand(self, which: int, share: float, whole: bool) -> None:
        """Somebody closes something, and keeps what the broker demands."""
        held = self._pick(list(self.model.broker.positions.values()), which)
        lots = round(held.lots * share, 2)
        if whole or lots < LEAST or held.lots - lots < LEAST:
            share = 1.0
        self.model.close_by_hand(held, share)

    @precondition(lambda self: self.model.broker.positions)
    @rule(which=some, pips=st.sampled_from([0.0, 5.0, 20.0, 60.0]))
    def move_stop_by_hand(self, which: int, pips: float) -> None:
        """Somebody sets another stop."""
        self.model.move_stop_by_hand(self._pick(list(self.model.broker.positions.values()), which), pips)

    @rule(symbol=symbols, side=sides)
    def place_by_hand(self, symbol: str, side: Side) -> None:
        """Somebody places a pending order."""
        self.model.place_by_hand(symbol, side)

    @rule(on=st.booleans())
    def halt(self, on: bool) -> None:
        """Entries are halted, or go on again."""
        if on:
            self.model.halt()
        else:
            self.model.feed()
            self.model.resume()

    # Time and the daemon ---------------------------------------------------------------------------------------------

    @rule(
        seconds=st.sampled_from([0.3, 1.0, 4.0, 9.0, 33.0, 3_600.0]),
        times=st.integers(1, 5),
        then=st.sampled_from(["feed", "feed", "quotes", "slow", "lost", ""]),
    )
    def wait(self, seconds: float, times: int, then: str) -> None:
        """A while passes, watched or not."""
        for _ in range(times):
            self.model.wait(seconds)
            self._tell(then)
            self.model.daemon.settle()

    @rule(what=st.sampled_from(["feed", "slow", "repeat", "positions", "new session"]), which=some)
    def small(self, what: str, which: int) -> None:
        """The terminal is reported, or an old message comes again, or somebody looks, or the feeding EA starts anew."""
        model = self.model
        if what == "repeat":
            model.repeat(which)
        elif what == "positions":
            model.positions()
        elif what == "new session":
            model.underway = None
            model.daemon.new_session()
            model.wait(31)  # so long the daemon listens to the one before
        else:
            self._tell(what)

    @rule(clean=st.booleans())
    def restart(self, clean: bool) -> None:
        """The daemon stops or dies, and starts."""
        self.model.restart(clean=clean)

    # What must hold --------------------------------------------------------------------------------------------------

    @invariant()
    def holds(self) -> None:
        """Ledger, cover and worst case, after every step."""
        self.model.check()

    def teardown(self) -> None:
        """Every decision comes out the same again."""
        if hasattr(self, "model"):
            self.model.positions()
            self.model.finish()
            self.folder.cleanup()

    def _ask_and_do(self, only: Any, said: Any, outcome: Outcome, share: float, mail: str) -> None:
        for task in self.model.manage(only, said):
            self._carry_out(task, outcome, share, mail)

    def _carry_out(self, task: Task, outcome: Outcome, share: float, mail: str) -> None:
        letter = self.model.carry_out(task, outcome, share)
        if letter is not None:
            self._post(letter, mail)

    def _post(self, letter: Letter, mail: str) -> None:
        if mail in ("now", "twice"):
            self.model.deliver(letter)
        if mail in ("later", "twice"):
            self.model.desk.letters.append(letter)

    def _tell(self, how: str) -> None:
        if how == "feed":
            self.model.feed()
        elif how == "quotes":
            self.model.quotes()
        elif how == "slow":
            self.model.send_slowly()
        elif how == "lost":
            self.model.arrive()
            self.model.daemon.lose()

    def _fetched(self) -> list[Task]:
        return [each for each in self.model.desk.open_tasks() if each.seen]

    @staticmethod
    def _pick(options: Any, which: int) -> Any:
        return options[which % len(options)]


CASES: list[tuple[tuple[str, ...], MarginMode]] = [
    (("active",), 2), (("active",), 0), (("share",), 2), (("share",), 0), (("rebalance",), 2), (("rebalance",), 0),
    (("active", "share", "rebalance"), 2), (("active", "share", "rebalance"), 0),
]  # fmt: skip


@pytest.mark.timeout(0 if LONG else 600)
@pytest.mark.parametrize(
    ("kinds", "mode"), CASES, ids=lambda case: {0: "netting", 2: "hedging"}.get(case) or "+".join(case)
)
def test_no_sequence_does_anything_twice(kinds: tuple[str, ...], mode: MarginMode) -> None:
    """Each kind of rules alone, and all of them together."""
    machine = type(f"Account of {'+'.join(kinds)}", (Account,), {"kinds": kinds, "mode": mode})
    if not LONG:
        machine = seed(zlib.crc32(f"{kinds} {mode}".encode()))(machine)
    run_state_machine_as_test(machine, settings=PROFILE)


def test_a_position_that_the_plan_closes_gets_no_new_stop_with_the_same_answer(tmp_path: Path) -> None:
    model = Managed(tmp_path, ("active", "rebalance"), 2, "2026-03-04 10:00:00")
    model.trade_by_hand("EURUSD", "buy", 0.3, 40.0)
    model.wait(1)
    model.move("EURUSD", 15.0, jump=False)
    model.feed()
    model.rebalance({"EURUSD": 0.0})
    assert [each.kind for each in model.manage()] == ["close"]
    model.finish()


def test_an_entry_of_another_ea_on_its_way_is_waited_for(tmp_path: Path) -> None:
    model = Managed(tmp_path, ("share",), 2, "2026-03-04 10:00:00")
    assert model.ask("EURUSD", "buy", 40.0, 2.0, 5, most=0.5)["lots"] == 0.5
    bullish = [{"symbol": "EURUSD", "direction": "bullish", "confidence": 80}]
    assert model.manage(None, bullish) == []
    model.wait(8)
    model.feed()
    assert model.manage(None, bullish) == []
    for _ in range(5):
        model.wait(8)
        model.feed()
    assert [each.kind for each in model.manage(None, bullish)] == ["open"]
    model.finish()
