"""Active management against a small broker: random prices, partial fills, rejects, manual closes, restarts."""

import json
from dataclasses import replace
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sizing.positions.active import evaluate
from sizing.positions.active_rules import ActiveRules
from sizing.positions.instruction import Done, Instruction
from sizing.positions.levels import MINUTE_MS, average_price
from sizing.positions.state import Held, State
from sizing.snapshot import Quote
from tests.builders import NOW_MS
from tests.sizing.positions.active_builders import gold, make_held, make_market, make_state

PRESETS = {
    "percent": ActiveRules(partial_profit_age_minutes=5, rest="close"),
    "percent, often": ActiveRules(
        partial_profit_threshold=3, aggressive_profit_threshold=8, breakeven_threshold=2, breakeven_buffer=0.5,
        scaling_profit_threshold=1, scaling_momentum_threshold=0.5, scaling_max_age_minutes=600, scaling_share=30,
        scaling_max_share=75, time_tightening_age_hours=0,
    ),
    "growing": ActiveRules(
        partial_profit_threshold=0, aggressive_profit_threshold=40, scaling_profit_threshold=0.4,
        scaling_max_age_minutes=6000, scaling_share=20, scaling_max_share=90,
    ),
    "r": ActiveRules(
        unit="r", partial_profit_threshold=1, aggressive_profit_threshold=2.5, scaling_profit_threshold=0.5,
        breakeven_threshold=0.8, breakeven_buffer=0.1, scaling_max_age_minutes=600, time_based_tightening=0.1,
    ),
}  # fmt: skip
OUTCOMES = st.sampled_from(["done", "done", "done", "part", "reject"])
LEAST = 0.01


class ActiveBroker(RuleBasedStateMachine):
    """Positions at a broker, the rules' memory, and everything that was ever executed."""

    @initialize(preset=st.sampled_from(sorted(PRESETS)), hedging=st.booleans(), buy=st.booleans())
    def start(self, preset: str, hedging: bool, buy: bool) -> None:
        self.rules = PRESETS[preset]
        self.hedging = hedging
        self.now_ms = NOW_MS
        self.price = 100.0
        self.lively = self.up = True
        self.held: dict[int, Held] = {}
        self.memory: dict[str, Done] = {}
        self.executed: list[str] = []
        self.added: dict[int, Decimal] = {}
        self.original: dict[int, Decimal] = {}
        self.next_ticket = 1
        self.enter(buy, 100, 400)

    # The market and the trader

    @precondition(lambda self: self.hedging or not self.held)
    @rule(buy=st.booleans(), steps=st.integers(1, 200), stop=st.sampled_from([None, 100, 400, 900]))
    def enter(self, buy: bool, steps: int, stop: int | None) -> None:
        sign = 1 if buy else -1
        sl = None if stop is None else round(self.price - sign * stop / 100, 2)
        self._open(sign, steps / 100, sl, added_to=0)

    @rule(
        percents=st.lists(st.sampled_from([1.0, 2.0, 4.0, 9.0, 0.5, -1.0, -6.0]), min_size=1, max_size=8),
        minutes=st.sampled_from([1, 0, 7, 90]),
        lively=st.sampled_from([True, True, False]),
        outcomes=st.lists(OUTCOMES, min_size=1, max_size=6),
        halted=st.sampled_from([False, False, True]),
    )
    def trade(self, percents: list[float], minutes: int, lively: bool, outcomes: list[str], halted: bool) -> None:
        """A path of prices, mostly the first position's way, with the engine asked after each move."""
        for percent in percents:
            first = next(iter(self.held.values()), None)
            self._move(-percent if first is not None and first.side == "sell" else percent, minutes, lively)
            self._manage(outcomes, halted)

    def _move(self, percent: float, minutes: int, lively: bool) -> None:
        self.up = percent > 0
        self.price = max(1.0, round(self.price * (1 + percent / 100), 2))
        self.now_ms += minutes * MINUTE_MS + 1
        self.lively = lively
        for each in list(self.held.values()):
            sign = 1 if each.side == "buy" else -1
            if each.sl is not None and (self.price - each.sl) * sign <= 0:
                del self.held[each.ticket]

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def close_by_hand(self, data: st.DataObject) -> None:
        held = self.held[data.draw(st.sampled_from(sorted(self.held)))]
        steps = data.draw(st.integers(1, round(held.volume * 100)))
        self._reduce(held, steps / 100)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), distance=st.integers(5, 500))
    def trail_by_hand(self, data: st.DataObject, distance: int) -> None:
        held = self.held[data.draw(st.sampled_from(sorted(self.held)))]
        sign = 1 if held.side == "buy" else -1
        stop = round(self.price - sign * distance / 100, 2)
        if stop > 0 and (held.sl is None or (stop - held.sl) * sign > 0):
            self.held[held.ticket] = replace(held, sl=stop)

    @rule()
    def restart(self) -> None:
        """Nothing but the memory survives, through a file."""
        text = json.dumps(self.memory)
        self.memory = {key: Done(*value) for key, value in json.loads(text).items()}
        self.rules = replace(self.rules)

    # The engine and the EA

    def _manage(self, outcomes: list[str], halted: bool) -> None:
        advice = evaluate(self.rules, self._state(halted), self.memory)
        assert not (halted and any(each.kind == "open" for each in advice.instructions))
        for place, order in enumerate(advice.instructions):
            self._execute(order, outcomes[place % len(outcomes)])
        self.now_ms += 1

    @rule()
    def follow_to_the_end(self) -> None:
        """Without a move of the market a few rounds are enough, and then there is nothing more to do."""
        for _ in range(40):
            advice = evaluate(self.rules, self._state(False), self.memory)
            if not advice.instructions:
                return
            for order in advice.instructions:
                self._execute(order, "done")
            self.now_ms += 1
        raise AssertionError("instructions without end")

    def _execute(self, order: Instruction, outcome: str) -> None:
        assert order.key not in self.memory, "offered again after it was done"
        if outcome == "reject":
            return
        if order.kind == "open":
            self._add(order, outcome)
        elif order.kind == "modify_stop":
            held = self.held[order.ticket]
            sign = 1 if held.side == "buy" else -1
            assert order.stop_loss is not None
            assert (self.price - order.stop_loss) * sign > 0
            assert held.sl is None or (order.stop_loss - held.sl) * sign > 0
            self.held[order.ticket] = replace(held, sl=order.stop_loss)
        else:
            held = self.held[order.ticket]
            assert order.lots == held.volume if order.kind == "close" else order.lots < held.volume
            lots = order.lots if outcome == "done" else max(LEAST, round(order.lots / 2, 2))
            self._reduce(held, min(lots, order.lots))
        self.executed.append(order.key)
        for key in (order.key, *order.covers):
            self.memory[key] = Done(1, self.now_ms)

    def _add(self, order: Instruction, outcome: str) -> None:
        held = self.held[int(order.key.rpartition("/")[2])]
        root = held.added_to or held.ticket
        assert (order.side, order.stop_loss is not None) == (held.side, True)
        lots = order.lots if outcome == "done" else max(LEAST, round(order.lots / 2, 2))
        self.added[root] = self.added.get(root, Decimal()) + Decimal(repr(lots))
        if self.hedging:
            self._open(1 if held.side == "buy" else -1, lots, order.stop_loss, added_to=root)
            return
        average = float(average_price([(held.volume, held.price_open), (lots, self.price)]))
        volume = round(held.volume + lots, 2)
        start = held.price_open if held.initial_price is None else held.initial_price
        self.held[held.ticket] = replace(
            held, volume=volume, price_open=average, initial_price=start, sl=order.stop_loss
        )

    def _open(self, sign: int, lots: float, sl: float | None, added_to: int) -> None:
        ticket, self.next_ticket = self.next_ticket, self.next_ticket + 1
        self.original[ticket] = Decimal(repr(lots))
        self.held[ticket] = make_held(
            self.price,
            ticket=ticket,
            side="buy" if sign > 0 else "sell",
            volume=lots,
            initial_volume=lots,
            price_open=self.price,
            sl=sl,
            initial_sl=sl,
            tp=None,
            opened_ms=self.now_ms,
            added_to=added_to,
        )

    def _reduce(self, held: Held, lots: float) -> None:
        left = round(held.volume - lots, 2)
        assert left >= 0, "a decrease flipped the position"
        if left:
            self.held[held.ticket] = replace(held, volume=left)
        else:
            del self.held[held.ticket]

    def _state(self, halted: bool) -> State:
        market = make_market(
            self.price,
            gold(trade_stops_level=20, trade_freeze_level=5),
            quote=Quote(self.price, self.price, self.now_ms),
            volatility_pct=4.0 if self.lively else 1.0,
            momentum_pct=(3.0 if self.up else -3.0) if self.lively else 0.0,
            volume_ratio=2.0,
        )
        held = [replace(each, price=self.price) for each in self.held.values()]
        return make_state(
            *held,
            market=market,
            now_ms=self.now_ms,
            hedging=self.hedging,
            entries_halted="by hand" if halted else None,
        )

    # What holds at any moment

    @invariant()
    def each_level_was_executed_at_most_once(self) -> None:
        executed = getattr(self, "executed", [])
        assert len(set(executed)) == len(executed)

    @invariant()
    def additions_stay_within_their_maximum(self) -> None:
        for root, lots in getattr(self, "added", {}).items():
            assert lots <= self.original[root] * Decimal(repr(self.rules.scaling_max_share)) / 100


ActiveBroker.TestCase.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)
TestActiveBroker = ActiveBroker.TestCase
