"""What holds for share rules in every state, and through partial fills, rejects, manual closes and restarts."""

import math
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sizing.positions.instruction import Done, Instruction
from sizing.positions.rulesets import DECREASE, INCREASE, RuleSet, ShareRule, ShareRules
from sizing.positions.share import evaluate
from sizing.positions.state import Opinion, State
from sizing.snapshot import PendingOrder, Quote
from tests.builders import NOW_MS
from tests.sizing.positions.share_scene import Desk, done, down, held, market, rules, shipped, state, up

SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY")
CONDITIONS = (
    "drawdown >= 0", "instrument_account_share > 3", "instrument_account_share < 6", "confidence >= 60",
    "profit_loss_percent > 0", "days_opened > 1", "bullish", "bearish", "has_position", "has_no_position", "highrisk",
    "lowrisk == false", "regime == trending", "volatility_percentile > 50", "drawdown < 5", "headroom > 20",
    "headroom(daily) > 20",
)  # fmt: skip

sane = st.sampled_from([100_000.0, 0.0, 0.7, 3.0, 55.5, 70.0, 900.0, 20_000.0, 777_777.77])
anything = st.one_of(sane, st.sampled_from([0.01, 1.0, -1.0, 1e300, 1e-300, math.nan, math.inf]), st.floats())
volumes = st.integers(1, 40).map(lambda steps: float(Decimal(steps) / 100))


@st.composite
def share_rules(draw: st.DrawFn) -> ShareRules:
    """A file with up to four rules in each set."""
    names = iter(draw(st.permutations([f"r{number}" for number in range(8)])))

    def one() -> ShareRule:
        action = draw(st.sampled_from([INCREASE, DECREASE]))
        return ShareRule(
            name=next(names), action=action, priority=draw(st.integers(0, 2)),
            target_percent=draw(st.sampled_from([5.0, 2.5, 1.0, 9.0, 14.0] + [0.0] * (action == DECREASE))),
            all=tuple(draw(st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=2))),
            any=tuple(draw(st.sampled_from([(), (), ("drawdown >= 0",), ("bullish", "bearish"), ("highrisk",)]))),
        )  # fmt: skip

    def rule_set() -> RuleSet:
        return RuleSet(
            measure=draw(st.sampled_from(["notional", "margin", "stop_risk"])),
            match=draw(st.sampled_from(["first", "all"])), stop_atr=2.0,
            rules=tuple(one() for _ in range(draw(st.integers(1, 4)))),
        )  # fmt: skip

    return ShareRules(
        name="any", title="Any", enter_market=rule_set(), open_positions=rule_set(),
        reduce_first=draw(st.sampled_from(["oldest", "largest"])), magic=draw(st.sampled_from([None, 7])),
    )  # fmt: skip


@st.composite
def states(draw: st.DrawFn, figure: st.SearchStrategy[float] = sane) -> State:
    """A state; with `anything` for figures one that no terminal reports."""
    wild = figure is anything
    lots = figure if wild else volumes
    sides = st.sampled_from(["buy", "sell"])
    maybe = st.one_of(st.none(), figure) if wild else st.one_of(st.sampled_from([70.0, 40.0]), st.none(), figure)
    mostly = st.sampled_from([True, True, True, False])

    def position(ticket: int) -> Any:
        volume = draw(lots)
        worth = {} if not wild else {"notional": draw(figure), "margin": draw(figure)}
        return held(
            ticket, volume, draw(st.sampled_from(SYMBOLS)), side=draw(sides), magic=draw(st.sampled_from([0, 7])),
            profit=draw(figure), opened_ms=NOW_MS - draw(st.integers(-10, 10**10)),
            sl=draw(maybe if wild else st.sampled_from([None, 0.99, 1.01])),
            stop_risk=draw(maybe if wild else st.sampled_from([50.0, 900.0, None])), **worth,
        )  # fmt: skip

    def priced() -> Any:
        spec = {} if not wild else {name: draw(figure) for name in ("volume_min", "volume_max", "volume_step",
                                                                     "trade_tick_size")}  # fmt: skip
        per_lot = {"notional_per_lot": draw(figure), "margin_per_lot": draw(figure), "money_per_price": draw(figure)}
        return market(
            spec=spec, fresh=draw(mostly), atr=draw(maybe), volatility_percentile=draw(maybe),
            regime=draw(st.sampled_from(["trending", "normal", None])),
            **({**per_lot, "quote": Quote(draw(figure), draw(figure), NOW_MS)} if wild else {}),
        )  # fmt: skip

    opinions = st.builds(
        Opinion, direction=st.sampled_from(["bullish", "bearish", None]), confidence=maybe,
        risk_grade=st.sampled_from([None, "high", "low"]),
    )  # fmt: skip
    waiting = st.builds(
        PendingOrder, ticket=st.just(99), symbol=st.sampled_from(SYMBOLS), side=sides, volume_current=lots,
        price_open=figure,
    )  # fmt: skip
    return state(
        *(position(ticket) for ticket in range(1, draw(st.integers(1, 6)))),
        balance=draw(figure if wild else st.sampled_from([100_000.0, 20_000.0, 0.0, 300_000.0])),
        margin_free=draw(figure), drawdown_pct=draw(figure), hedging=draw(st.booleans()),
        markets={name: priced() for name in SYMBOLS if draw(mostly)},
        opinions={name: draw(opinions) for name in SYMBOLS if draw(mostly)},
        headroom_pct={name: draw(figure) for name in ("daily", "total") if draw(mostly)},
        orders=tuple(draw(st.lists(waiting, max_size=2))),
        entries_halted=draw(st.sampled_from([None, None, "halted"])),
    )  # fmt: skip


LOTS = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@given(share_rules(), states(anything))
@LOTS
def test_any_state_gives_instructions_or_none(book: ShareRules, scene: State) -> None:
    for each in evaluate(book, scene, {}).instructions:
        assert math.isfinite(each.lots)
        assert (each.lots > 0) == (each.kind != "cancel")


@given(share_rules(), states())
@LOTS
def test_evaluating_again_says_the_same_and_nothing_new_once_it_is_done(book: ShareRules, scene: State) -> None:
    advice = evaluate(book, scene, {})

    assert evaluate(book, scene, {}) == advice
    assert len({each.key for each in advice.instructions}) == len(advice.instructions)
    assert evaluate(book, scene, done(advice)).instructions == ()
    half = dict(list(done(advice).items())[::2])
    assert set(evaluate(book, scene, half).instructions) == {e for e in advice.instructions if e.key not in half}


@given(share_rules(), states(), st.randoms(use_true_random=False))
@LOTS
def test_the_order_that_rules_and_positions_stand_in_does_not_matter(book: ShareRules, scene: State, dice: Any) -> None:
    def shuffled(values: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(dice.sample(list(values), len(list(values))))

    other = replace(
        book,
        enter_market=replace(book.enter_market, rules=shuffled(book.enter_market.rules)),
        open_positions=replace(book.open_positions, rules=shuffled(book.open_positions.rules)),
    )
    mixed = replace(
        scene,
        held=shuffled(scene.held),
        markets=dict(shuffled(scene.markets.items())),
        opinions=dict(shuffled(scene.opinions.items())),
    )

    assert evaluate(other, mixed, {}) == evaluate(book, scene, {})


@given(share_rules(), states())
@LOTS
def test_lots_are_on_the_lattice_and_reductions_neither_flip_nor_leave_a_crumb(book: ShareRules, scene: State) -> None:
    positions = {each.ticket: each for each in scene.held}
    seen: set[int] = set()
    for each in evaluate(book, scene, {}).instructions:
        if each.kind == "open":
            spec = scene.markets[each.symbol].spec
            assert Decimal(repr(each.lots)) % Decimal(repr(spec.volume_step)) == 0
            assert spec.volume_min <= each.lots <= spec.volume_max
            continue
        if each.kind == "cancel":
            assert each.ticket in {order.ticket for order in scene.orders if order.symbol == each.symbol}
            continue
        position = positions[each.ticket]
        assert each.ticket not in seen
        seen.add(each.ticket)
        assert (each.symbol, each.side) == (position.symbol, position.side)
        if each.kind == "close":
            assert each.lots == position.volume
        else:
            spec = scene.markets[each.symbol].spec
            rest = Decimal(repr(position.volume)) - Decimal(repr(each.lots))
            assert Decimal(repr(each.lots)) % Decimal(repr(spec.volume_step)) == 0
            assert rest >= Decimal(repr(spec.volume_min))


def _shares(scene: State) -> dict[str, float]:
    return {name: sum(each.notional for each in scene.of(name)) / scene.balance * 100 for name in SYMBOLS}


@given(share_rules(), states().filter(lambda scene: scene.balance > 1), st.booleans())
@LOTS
def test_increases_stay_within_cap_margin_and_halts(book: ShareRules, scene: State, halted: bool) -> None:
    book = replace(
        book, magic=None, enter_market=replace(book.enter_market, measure="notional"),
        open_positions=replace(book.open_positions, measure="notional"),
    )  # fmt: skip
    advice = evaluate(book, replace(scene, entries_halted="halted") if halted else scene, {})
    opened = [each for each in advice.instructions if each.raises_risk]

    assert not (halted and opened)
    assert sum(each.lots * 1_000 for each in opened) <= scene.margin_free + 1e-3
    for name in {each.symbol for each in opened}:
        added = sum(each.lots for each in opened if each.symbol == name) * 100_000 / scene.balance * 100
        assert _shares(scene)[name] + added <= 10 + 1e-6


@given(volumes, st.sampled_from([0.5, 1.0, 5.0, 20.0]), st.lists(volumes, max_size=4), st.booleans())
@LOTS
def test_a_reduction_ends_within_a_step_of_its_target_and_never_below_it(
    first: float, target: float, more: list[float], largest: bool
) -> None:
    desk = Desk(rules(down(target), reduce_first="largest" if largest else "oldest"))
    desk.state = state(*(held(ticket, volume) for ticket, volume in enumerate([first, *more], start=1)))
    before = desk.share()

    desk.cycle()

    assert desk.share() >= min(before, target) - 1e-6
    assert desk.share() <= max(target, 1.0 * len(desk.state.held)) + 1.0 + 1e-6
    assert desk.share() > 0


@given(st.lists(st.tuples(st.floats(-3, 5), st.floats(0, 100), st.sampled_from(["low", "high"])), max_size=12))
@settings(deadline=None, max_examples=60)
def test_shipped_rules_never_exceed_their_cap_whatever_happens(path: list[tuple[float, float, Any]]) -> None:
    for name in ("share-gradual", "share-confidence", "share-risk-grades", "share-profit-ladder"):
        desk = Desk(shipped(name))
        for percent, confidence, grade in path:
            desk.moved(percent).says(confidence=confidence, risk_grade=grade).cycle()
            assert 0 <= desk.share() <= 10


class Trading(RuleBasedStateMachine):
    """One symbol under a rule that builds to 6 % and one that cuts beyond 8 %, and everything that goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(
            rules(
                down(6, "instrument_account_share > 8", cooldown_minutes=10),
                up(6, "instrument_account_share < 6", cooldown_minutes=10),
                enter=[up(3, "has_no_position", cooldown_minutes=10)],
            )
        )
        self.offered: tuple[Instruction, ...] = ()

    def _ask(self) -> None:
        self.offered = evaluate(self.desk.rules, self.desk.state, self.desk.memory).instructions

    def _report(self, each: Instruction, part: float) -> None:
        self.desk.fill(each, part)
        self.desk.memory[each.key] = Done(1, self.desk.state.now_ms)

    @rule(minutes=st.integers(1, 15))
    def time_goes_by(self, minutes: int) -> None:
        self.desk.knows(now_ms=self.desk.state.now_ms + minutes * 60_000)

    @rule()
    def filled(self) -> None:
        self._ask()
        for each in self.offered:
            self._report(each, 1.0)
        again = evaluate(self.desk.rules, self.desk.state, self.desk.memory)
        assert not {each.key for each in again.instructions} & {each.key for each in self.offered}

    @rule()
    def filled_in_part(self) -> None:
        self._ask()
        for each in self.offered:
            if each.lots >= 0.02:
                self._report(each, 0.5)

    @rule()
    def rejected(self) -> None:
        self._ask()
        first = self.offered
        self._ask()
        assert self.offered == first  # nothing was done: it is said again

    @precondition(lambda self: self.desk.state.held)
    @rule()
    def closed_by_hand(self) -> None:
        self.desk.knows(held=self.desk.state.held[1:])

    @rule(volume=st.integers(1, 12))
    def opened_by_hand(self, volume: int) -> None:
        self.desk._ticket += 1
        mine = held(self.desk._ticket, volume / 100, opened_ms=self.desk.state.now_ms)
        self.desk.knows(held=(*self.desk.state.held, mine))

    @rule()
    def restarted(self) -> None:
        self.desk.memory = dict(self.desk.memory)
        self.desk.rules = replace(self.desk.rules)

    @invariant()
    def what_is_offered_ends_at_the_target(self) -> None:
        share = self.desk.share()
        for each in evaluate(self.desk.rules, self.desk.state, self.desk.memory).instructions:
            if each.raises_risk:
                assert share < 6
                assert share + each.lots * 100 <= 6 + 1e-6
            else:
                assert share > 8 - 1e-6


TestTrading = Trading.TestCase
TestTrading.settings = settings(deadline=None, max_examples=40, stateful_step_count=25)
