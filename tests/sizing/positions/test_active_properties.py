"""What holds of active management in any state, however absurd."""

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sizing.lots import lattice
from sizing.positions.active import evaluate
from sizing.positions.active_rules import ActiveRules
from sizing.positions.instruction import Instruction
from sizing.positions.state import Held, State
from sizing.prop.formats import FieldsError
from sizing.snapshot import Quote
from tests.builders import NOW_MS
from tests.sizing.positions.active_builders import SYMBOL, done_with, gold, make_held, make_market, make_state

UNITS = st.sampled_from(["percent", "r", "atr"])
WILD = st.one_of(
    st.floats(width=64), st.sampled_from([0.0, -0.0, 1e-9, 0.01, 1.0, 100.0, 1e11, 1e300, math.nan, math.inf, -1.0])
)
MAYBE = st.one_of(st.none(), WILD)


def percents(low: float, high: float) -> st.SearchStrategy[float]:
    return st.integers(0, 4).flatmap(lambda n: st.just(0.0) if n == 4 else st.floats(low, high))


@st.composite
def rule_sets(draw: st.DrawFn) -> ActiveRules:
    """Any rules that do not contradict each other, low enough to fire often."""
    partial = draw(percents(0.1, 5))
    breakeven = draw(percents(0.1, 5))
    share = draw(st.floats(1, 100))
    return ActiveRules(
        unit=draw(UNITS),
        volatility_unit=draw(st.none() | UNITS),
        time_unit=draw(st.none() | UNITS),
        rest=draw(st.sampled_from(["close", "leave"])),
        partial_profit_threshold=partial,
        partial_profit_age_minutes=draw(st.floats(0, 60)),
        partial_profit_share=draw(st.floats(0.1, 100)),
        aggressive_profit_threshold=draw(st.sampled_from([0.0, partial + 1])),
        aggressive_profit_share=draw(st.floats(0.1, 100)),
        scaling_profit_threshold=draw(percents(0.1, 3)),
        scaling_momentum_threshold=draw(st.floats(0, 2)),
        scaling_volume_threshold=draw(st.floats(0, 2)),
        scaling_max_age_minutes=draw(st.floats(0, 600)),
        scaling_share=share,
        scaling_max_share=share + draw(st.floats(0, 100)),
        breakeven_threshold=breakeven,
        breakeven_buffer=breakeven / 2,
        volatility_threshold=draw(percents(0.1, 5)),
        volatility_tightening=draw(st.floats(0.05, 3)),
        time_based_tightening=draw(percents(0.001, 3)),
        time_tightening_age_hours=draw(st.floats(0, 5)),
    )


@st.composite
def sane_states(draw: st.DrawFn) -> State:
    """One to four positions in a market whose figures make sense, levels and grids of all kinds."""
    spec = gold(
        trade_tick_size=draw(st.sampled_from([0.01, 0.05, 0.25])),
        volume_min=draw(st.sampled_from([0.01, 0.1, 0.3])),
        volume_step=draw(st.sampled_from([0.01, 0.1])),
        volume_max=draw(st.sampled_from([0.5, 50.0])),
        trade_stops_level=draw(st.integers(0, 300)),
        trade_freeze_level=draw(st.integers(0, 100)),
    )
    bid = draw(st.integers(9_000, 13_000)) / 100
    quote = Quote(bid, round(bid + draw(st.integers(0, 20)) / 100, 2), NOW_MS)
    market = make_market(
        bid,
        spec,
        quote=quote,
        atr=draw(st.sampled_from([None, 0.5, 1.0, 2.0])),
        volatility_pct=draw(st.none() | st.floats(0, 8)),
        momentum_pct=draw(st.sampled_from([None, -3.0, 3.0])),
        volume_ratio=draw(st.sampled_from([None, 1.0, 3.0])),
    )
    held = [draw(positions(4711 + n, quote)) for n in range(draw(st.integers(1, 4)))]
    return make_state(
        *held, market=market, hedging=draw(st.booleans()), entries_halted=draw(st.sampled_from([None, None, "halted"]))
    )


@st.composite
def positions(draw: st.DrawFn, ticket: int, quote: Quote) -> Held:
    side = draw(st.sampled_from(["buy", "sell"]))
    sign = 1 if side == "buy" else -1
    price = quote.bid if sign > 0 else quote.ask
    sl = round(price - sign * draw(st.integers(1, 2000)) / 100, 2)
    volume = draw(st.integers(1, 300)) / 100
    return make_held(
        price,
        ticket=ticket,
        side=side,
        minutes=draw(st.integers(0, 60) | st.integers(0, 1500)),
        volume=volume,
        initial_volume=draw(st.sampled_from([volume, 1.0, 2.0])),
        price_open=round(price * (1 - sign * draw(st.integers(-30, 100)) / 1000), 2),
        sl=draw(st.sampled_from([sl, sl, None])),
        tp=draw(st.sampled_from([None, round(price + sign * 1.0, 2)])),
        initial_sl=draw(st.sampled_from([None, sl, sl, sl])),
        added_to=draw(st.sampled_from([0, 0, 4711])) if ticket != 4711 else 0,
    )


@st.composite
def absurd_states(draw: st.DrawFn) -> State:
    """Sane states with a few figures spoilt: zeros, infinities, tickets that stand twice, symbols nobody knows."""
    state = draw(sane_states())
    market = state.markets[SYMBOL]
    quote, spec = market.quote, market.spec
    spoilt = {name: draw(WILD) for name in draw(names("volume_min", "volume_max", "volume_step", "point"))}
    spoilt |= {name: draw(WILD) for name in draw(names("trade_tick_size", "trade_contract_size"))}
    levels = {name: draw(st.integers(-5, 10**6)) for name in draw(names("trade_stops_level", "trade_freeze_level"))}
    quote = quote._replace(**{name: draw(WILD) for name in draw(names("bid", "ask"))})
    measured = {name: draw(MAYBE) for name in draw(names("atr", "volatility_pct", "momentum_pct", "volume_ratio"))}
    market = replace(market, spec=replace(spec, **spoilt, **levels), quote=quote, **measured)
    held = [
        replace(
            each,
            **{name: draw(WILD) for name in draw(names("volume", "price_open", "price", "initial_volume"))},
            **{name: draw(MAYBE) for name in draw(names("sl", "tp", "initial_sl", "initial_price"))},
            **{name: draw(st.integers(0, 4713)) for name in draw(names("ticket", "added_to"))},
            **{name: draw(st.sampled_from(["", "LOST"])) for name in draw(names("symbol"))},
            **{name: draw(st.integers(-(2**62), 2**62)) for name in draw(names("opened_ms"))},
        )
        for each in state.held
    ]
    return replace(state, held=(*held, *held[:1]), markets={SYMBOL: market})


def names(*of: str) -> st.SearchStrategy[list[str]]:
    """Mostly none of them, sometimes some."""
    return st.one_of(st.just([]), st.just([]), st.just([]), st.lists(st.sampled_from(of), unique=True))


def loss_at_stop(held: Held) -> float:
    """What a position loses at its stop, in price times lots; without a stop there is no end to it."""
    if held.sl is None:
        return math.inf
    return (held.price_open - held.sl) * held.volume * (1 if held.side == "buy" else -1)


def after(state: State, orders: tuple[Instruction, ...]) -> State:
    """The state once closes and stops are executed as ordered."""
    held = {each.ticket: each for each in state.held}
    for order in orders:
        each = held.get(order.ticket)
        if order.kind == "close":
            del held[order.ticket]
        elif each is not None and order.kind == "close_partial":
            held[order.ticket] = replace(each, volume=round(each.volume - order.lots, 8))
        elif each is not None and order.kind == "modify_stop":
            held[order.ticket] = replace(each, sl=order.stop_loss)
    return replace(state, held=tuple(held.values()))


@settings(max_examples=200)
@given(rule_sets(), absurd_states())
def test_any_state_gives_instructions_or_none_but_never_an_exception(rules: ActiveRules, state: State) -> None:
    advice = evaluate(rules, state, {})

    for each in advice.instructions:
        assert all(map(math.isfinite, (each.lots, each.stop_loss or 0.0, each.take_profit or 0.0)))
        assert each.lots >= 0
    assert evaluate(rules, state, done_with(advice.instructions)).instructions == ()


@settings(max_examples=200)
@given(rule_sets(), sane_states())
def test_closes_are_on_the_lattice_and_never_flip_a_position(rules: ActiveRules, state: State) -> None:
    held = {each.ticket: each for each in state.held}
    spec = state.markets[SYMBOL].spec
    grid = lattice(spec.volume_min, spec.volume_max, spec.volume_step)

    for each in evaluate(rules, state, {}).instructions:
        if each.kind == "close":
            assert each.lots == held[each.ticket].volume
        elif each.kind in ("close_partial", "open"):
            steps = Decimal(repr(each.lots)) / grid.step
            assert steps == int(steps)
            assert grid.min_steps <= steps <= grid.max_steps
        if each.kind == "close_partial":
            assert Decimal(repr(held[each.ticket].volume)) - Decimal(repr(each.lots)) >= grid.step * grid.min_steps
        if each.ticket:
            assert each.side == held[each.ticket].side


@settings(max_examples=200)
@given(rule_sets(), sane_states())
def test_a_stop_moves_towards_profit_only_on_the_grid_and_never_too_near(rules: ActiveRules, state: State) -> None:
    held = {each.ticket: each for each in state.held}
    market = state.markets[SYMBOL]
    least = max(market.spec.trade_stops_level, market.spec.trade_freeze_level) * Decimal("0.01")

    for each in evaluate(rules, state, {}).instructions:
        if each.stop_loss is None:
            continue
        sign = 1 if each.side == "buy" else -1
        stop = Decimal(repr(each.stop_loss))
        price = Decimal(repr(market.quote.bid if sign > 0 else market.quote.ask))
        assert (price - stop) * sign >= max(least, Decimal("0.01"))
        if each.kind == "modify_stop":
            before = held[each.ticket]
            assert stop % Decimal(repr(market.spec.trade_tick_size)) == 0
            assert before.sl is None or (stop - Decimal(repr(before.sl))) * sign > 0
            assert each.take_profit == before.tp, "the terminal sets both"


@settings(max_examples=200)
@given(rule_sets(), sane_states())
def test_only_an_open_raises_what_can_be_lost(rules: ActiveRules, state: State) -> None:
    orders = evaluate(rules, state, {}).instructions

    assert all(each.raises_risk is (each.kind == "open") for each in orders)
    assert not (state.entries_halted and any(each.raises_risk for each in orders))
    before = {each.ticket: each for each in state.held}
    for each in after(state, orders).held:
        now, then = loss_at_stop(each), loss_at_stop(before[each.ticket])
        # A smaller part of a position whose stop is in profit locks in less; it never loses more.
        assert max(now, 0.0) <= max(then, 0.0) + 1e-9


@settings(max_examples=200)
@given(rule_sets(), sane_states(), st.randoms(use_true_random=False))
def test_advice_is_the_same_in_any_order_and_nothing_new_once_done(
    rules: ActiveRules, state: State, random: Any
) -> None:
    shuffled = list(state.held)
    random.shuffle(shuffled)

    advice = evaluate(rules, state, {})

    assert evaluate(rules, replace(state, held=tuple(shuffled)), {}) == advice
    keys = [key for each in advice.instructions for key in (each.key, *each.covers)]
    assert len(set(keys)) == len(keys)
    assert evaluate(rules, state, done_with(advice.instructions)).instructions == ()


@settings(max_examples=150)
@given(rule_sets(), sane_states())
def test_followed_until_nothing_is_left_no_key_comes_twice(rules: ActiveRules, state: State) -> None:
    memory: dict[str, Any] = {}
    for _ in range(100):
        orders = evaluate(rules, state, memory).instructions
        if not orders:
            return
        new = done_with(orders, state.now_ms)
        assert not new.keys() & memory.keys()
        memory |= new
        state = replace(after(state, orders), now_ms=state.now_ms + 1)
    raise AssertionError("it never came to rest")


@given(st.floats(0.01, 20), st.floats(0, 25))
def test_a_buffer_is_below_its_threshold_or_the_rules_are_refused(threshold: float, buffer: float) -> None:
    try:
        rules = ActiveRules(breakeven_threshold=threshold, breakeven_buffer=buffer)
    except FieldsError:
        assert buffer >= threshold
    else:
        assert rules.breakeven_buffer < threshold
