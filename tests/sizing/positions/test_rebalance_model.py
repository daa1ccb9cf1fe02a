"""Kills, partial fills, rejects, lost reports, late positions and manual closes: never too many lots, never twice."""

import random
from dataclasses import replace

import msgspec
import pytest

from sizing.positions.instruction import Instruction
from sizing.positions.rebalance import Plan, Report, Stepped, begin, step
from sizing.positions.rebalance.plan import Status
from sizing.positions.rebalance.rules import ExecutionRules
from sizing.positions.state import State
from tests.builders import NOW_MS
from tests.sizing.positions.rebalance_scene import GIVEN, Broker, make_rules, targets

RULES = make_rules(execution=ExecutionRules(retry_s=0))
_LOTS = (-4.0, -1.0, 0.0, 2.0, 6.0)
_LATE_S = 5
"""The terminal's positions may be so old; `settle_s` is twice that."""
_UNCERTAIN = 10012


class World:
    """A daemon that may die at any point, an EA that may or may not report, a broker, and a trader who interferes."""

    def __init__(self, seed: int, hedging: bool) -> None:
        self.dice = random.Random(seed)  # noqa: S311  # a test's dice
        self.interferes = self.dice.random() < 0.3
        held, wanted = (self.dice.choices(_LOTS, k=3) for _ in range(2))
        self.broker = Broker(hedging=hedging)
        for symbol, lots in zip("ABC", held, strict=True):
            if lots:
                self.broker.put(symbol, lots)
        self.at_start = {symbol: self.broker.net(symbol) for symbol in "ABC"}
        self.goal = dict(zip("ABC", wanted, strict=True))
        self.by_hand = dict.fromkeys("ABC", 0.0)
        self.aside: set[str] = set()
        self.sent: set[str] = set()
        self.at_ea: list[Instruction] = []
        self.filled: dict[str, float] = {}
        self.reports: list[Report] = []
        self.shown: list[tuple[int, State]] = [(NOW_MS, self.broker.state())]
        self.seen_ms = NOW_MS
        plan = begin("p1", targets(**{symbol: lots / 100 for symbol, lots in self.goal.items()}), NOW_MS)
        self.stored = msgspec.json.encode(plan)

    # The daemon

    def _step(self, late: bool) -> Stepped:
        """One cycle on the stored plan, with positions of now or of a while ago; what was shown once is not unseen."""
        self.seen_ms = max(self.seen_ms, self.broker.now_ms - (_LATE_S * 1000 if late else 0))
        state = replace([state for at, state in self.shown if at <= self.seen_ms][-1], now_ms=self.broker.now_ms)
        plan = msgspec.json.decode(self.stored, type=Plan)
        return step(plan, RULES, state, tuple(self.reports), GIVEN)

    def _store(self, done: Stepped) -> None:
        self.stored = msgspec.json.encode(done.plan)
        self.aside |= {line.symbol for line in done.plan.lines if line.aside}

    def cycle(self) -> None:
        late = self.dice.random() < 0.4
        dies = self.dice.choice(["", "", "", "before it stores the plan", "before it sends"])
        before = set(self.aside)
        done = self._step(late)
        if dies == "before it stores the plan":
            return
        self._store(done)
        if dies == "before it sends":
            return
        for each in done.advice.instructions:
            assert each.key not in self.sent, "the same instruction twice"
            assert each.kind != "open" or each.symbol not in before, "added to what somebody else has changed"
            self.sent.add(each.key)
            self.at_ea.append(each)
        again = self._step(late)
        assert (again.advice.instructions, again.plan) == ((), done.plan)

    # The EA and the broker

    def time_passes(self) -> None:
        self.broker.now_ms += self.dice.choice([1, 4, 10, 20, 40]) * 1000

    def ea_carries_out(self) -> None:
        if not self.at_ea:
            return
        order = self.at_ea.pop(self.dice.randrange(len(self.at_ea)))
        quarters = self.dice.choice([0, 2, 4, 4])
        word = self.dice.choice(["done", "done", "partial", "timeout", "silent"])
        assert order.expires_ms is not None
        if self.broker.now_ms >= order.expires_ms:
            return
        if word == "timeout":
            # The EA does not know what becomes of it: it may still be filled.
            self._tell(order, "failed", _UNCERTAIN)
            self.at_ea.append(order)
            return
        there = next((each.volume for each in self.broker.held if each.ticket == order.ticket), 0.0)
        before = self.filled.get(order.key, 0.0)
        left = order.lots - before
        lots = round((left if order.kind == "open" else min(left, there)) * quarters / 4, 2)
        if lots > 0:
            self.broker.carry_out(order, lots)
            self.filled[order.key] = round(before + lots, 8)
            self._look()
        if word == "partial" and 0 < self.filled.get(order.key, 0.0) < order.lots:
            self._tell(order, "partial")
            self.at_ea.append(order)
        elif word != "silent":
            self._tell(order, "done" if self.filled.get(order.key) else "failed")

    def _tell(self, order: Instruction, status: Status, retcode: int = 0) -> None:
        lots = self.filled.get(order.key, 0.0)
        report = Report(key=order.key, status=status, time_ms=self.broker.now_ms, lots=lots, retcode=retcode)
        self.reports.append(report)

    # The trader

    def trader_closes(self) -> None:
        if not self.interferes or not self.broker.held:
            return
        held = self.dice.choice(self.broker.held)
        lots = round(held.volume * self.dice.randint(1, 4) / 4, 2)
        self.by_hand[held.symbol] += lots
        self.broker.change(held.ticket, -lots)
        self._look()

    def _look(self) -> None:
        self.shown.append((self.broker.now_ms, self.broker.state()))

    # What must hold

    def positions_stay_between_the_start_and_the_goal(self) -> None:
        for symbol, goal in self.goal.items():
            ends = [self.at_start[symbol], goal] + ([0.0] if self.by_hand[symbol] else [])
            assert min(ends) <= self.broker.net(symbol) <= max(ends), symbol

    def no_more_is_opened_than_was_missing(self) -> None:
        for symbol, goal in self.goal.items():
            start = self.at_start[symbol]
            missing = abs(goal) if start * goal <= 0 else max(0.0, abs(goal) - abs(start))
            assert self.broker.opened.get(symbol, 0.0) <= missing + self.by_hand[symbol] + 1e-9

    def live(self, events: int) -> None:
        """So many things happen, in any order."""
        things = [self.cycle, self.time_passes, self.ea_carries_out, self.trader_closes]
        for each in self.dice.choices(things, weights=[10, 8, 6, 2], k=events):
            each()
            self.positions_stay_between_the_start_and_the_goal()
            self.no_more_is_opened_than_was_missing()

    def left_alone(self) -> None:
        """The plan ends; a symbol that nobody interfered with and that was not given up is on target."""
        self.reports.clear()
        self.at_ea.clear()
        self.broker.now_ms += 100_000
        for _ in range(40):
            done = self._step(late=False)
            self._store(done)
            if done.plan.ended:
                break
            for each in done.advice.instructions:
                self.broker.carry_out(each, each.lots)
            self._look()
            self.broker.now_ms += 100_000
        plan = msgspec.json.decode(self.stored, type=Plan)
        assert plan.ended
        assert plan.orders == ()
        self.positions_stay_between_the_start_and_the_goal()
        for line in plan.lines:
            if not line.aside and not self.by_hand[line.symbol] and not self._gave_up(plan, line.symbol):
                # What is missing is worth less than `min_change_pct`.
                assert abs(self.broker.net(line.symbol) - self.goal[line.symbol]) < 0.1

    def _gave_up(self, plan: Plan, symbol: str) -> bool:
        past = [order.filled for order in plan.past if order.symbol == symbol]
        return any(not any(past[place : place + 3]) for place in range(len(past) - 2))


@pytest.mark.parametrize("hedging", [True, False], ids=["hedging", "netting"])
@pytest.mark.parametrize("block", range(4))
def test_a_plan_survives_kills_partial_fills_rejects_and_manual_closes(block: int, hedging: bool) -> None:
    for seed in range(block * 150, (block + 1) * 150):
        world = World(seed, hedging)
        try:
            world.live(events=60)
            world.left_alone()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
