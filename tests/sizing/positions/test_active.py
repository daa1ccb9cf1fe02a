"""Active management of one position: the figures of the issue, by hand."""

from dataclasses import replace

import pytest

from sizing.positions.active import evaluate
from sizing.positions.instruction import Done
from sizing.positions.levels import HOUR_MS
from sizing.snapshot import Quote
from tests.builders import NOW_MS
from tests.sizing.positions.active_builders import (
    SYMBOL,
    at,
    done,
    done_with,
    gold,
    make_held,
    make_market,
    make_rules,
    make_state,
    only,
)

PARTIAL, AGGRESSIVE = "partial_profit_threshold", "aggressive_profit_threshold"
SCALING, BREAKEVEN = "scaling_profit_threshold", "breakeven_threshold"
VOLATILITY, TIME = "volatility_threshold", "time_based_tightening"
LIVELY = {"momentum_pct": 2.1, "volume_ratio": 1.6}
SHORT = {"side": "sell", "sl": 105.0, "initial_sl": 105.0, "tp": 50.0}


# Taking profit


@pytest.mark.parametrize(("price", "held"), [(115.0, {}), (85.0, SHORT)], ids=["buy", "sell"])
def test_15_percent_after_30_minutes_closes_half(price: float, held: dict[str, object]) -> None:
    order = only(at(price, PARTIAL, minutes=30, **held), "close_partial")

    assert (order.lots, order.ticket, order.key) == (0.5, 4711, "active/partial_profit/1/4711")
    assert order.side == held.get("side", "buy"), "the side is the position's"
    assert "15 %" in order.reason
    assert "30 minutes" in order.reason


@pytest.mark.parametrize(("price", "minutes"), [(114.99, 30.0), (115.0, 29.99), (115.0, 0.0), (85.0, 30.0)])
def test_less_profit_or_age_closes_nothing(price: float, minutes: float) -> None:
    assert at(price, PARTIAL, minutes=minutes) == ((), ())


def test_25_percent_closes_three_quarters_at_any_age() -> None:
    order = only(at(125.0, AGGRESSIVE, minutes=0), "close_partial")

    assert order.lots == 0.75
    assert at(124.99, AGGRESSIVE).instructions == ()


def test_both_levels_at_once_close_once_and_the_lower_one_is_done() -> None:
    order = only(at(125.0, PARTIAL, AGGRESSIVE, minutes=45), "close_partial")

    assert (order.rule, order.lots) == ("aggressive_profit", 0.75)
    after = at(125.0, PARTIAL, AGGRESSIVE, minutes=45, volume=0.25, memory=done_with([order]))
    assert after.instructions == ()


def test_the_higher_level_takes_its_share_of_what_the_lower_one_left() -> None:
    half = done("active/partial_profit/1/4711")

    assert only(at(126.0, PARTIAL, AGGRESSIVE, minutes=45, volume=0.5, memory=half), "close_partial").lots == 0.37


def test_percent_is_of_the_price_and_not_of_margin_or_balance() -> None:
    # 1 % of the price is 100 % of the margin here, and the profit in money is whatever the terminal says.
    rich = at(101.0, PARTIAL, AGGRESSIVE, minutes=60, margin=100.0, profit=1e6)

    assert rich.instructions == ()
    assert only(at(115.0, PARTIAL, minutes=60, margin=1e9, profit=-50.0), "close_partial").lots == 0.5


def test_the_worse_of_the_positions_price_and_the_quote_counts() -> None:
    state = make_state(make_held(116.0, minutes=60), market=make_market(114.0))

    assert evaluate(make_rules(PARTIAL), state, {}).instructions == ()


@pytest.mark.parametrize("rule", ["partial_profit", "aggressive_profit"])
def test_a_level_that_was_taken_is_not_taken_again(rule: str) -> None:
    assert at(125.0, f"{rule}_threshold", minutes=300, memory=done(f"active/{rule}/1/4711")) == ((), ())


# Too small to be split


@pytest.mark.parametrize(
    ("volume", "share", "lots"),
    [(1.0, 50.0, 0.5), (0.03, 50.0, 0.01), (0.02, 75.0, 0.01), (0.29, 100.0 / 3, 0.09), (0.07, 75.0, 0.05)],
)
def test_lots_are_rounded_down_onto_the_lattice(volume: float, share: float, lots: float) -> None:
    for rest in ("close", "leave"):
        keys = {"partial_profit_share": share, "rest": rest}
        assert only(at(115.0, PARTIAL, minutes=30, volume=volume, keys=keys), "close_partial").lots == lots


@pytest.mark.parametrize(
    ("volume", "share", "least"),
    [(0.01, 50.0, 0.01), (0.01, 75.0, 0.01), (0.15, 50.0, 0.1), (0.18, 75.0, 0.1), (0.015, 75.0, 0.01)],
)
def test_what_cannot_be_split_is_closed_or_left_whole_as_configured(volume: float, share: float, least: float) -> None:
    def closes(rest: str) -> object:
        keys = {"partial_profit_share": share, "rest": rest}
        return at(115.0, PARTIAL, minutes=30, volume=volume, keys=keys, market={"spec": gold(volume_min=least)})

    assert only(closes("close"), "close").lots == volume
    left = closes("leave")
    assert left.instructions == ()
    assert "left whole" in left.skipped[0].reason


def test_a_share_below_the_least_order_with_enough_rest_is_not_rounded_up() -> None:
    advice = at(115.0, PARTIAL, minutes=30, volume=0.25, keys={"partial_profit_share": 25.0, "rest": "close"},
                market={"spec": gold(volume_min=0.1)})  # fmt: skip

    assert advice.instructions == ()
    assert "below the least order of 0.1" in advice.skipped[0].reason


def test_all_of_it_is_a_close() -> None:
    assert only(at(115.0, PARTIAL, minutes=30, keys={"partial_profit_share": 100.0}), "close").lots == 1.0


def test_no_order_is_larger_than_the_broker_takes() -> None:
    advice = at(125.0, AGGRESSIVE, volume=100.0, market={"spec": gold(volume_max=50.0)})

    assert only(advice, "close_partial").lots == 50.0


# Scaling in


def test_a_young_winner_with_momentum_and_volume_gets_a_quarter_more() -> None:
    order = only(at(105.0, SCALING, minutes=14, market=LIVELY), "open")

    assert (order.lots, order.side, order.ticket, order.magic) == (0.25, "buy", 0, 7)
    assert (order.stop_loss, order.take_profit) == (95.0, 150.0)
    # 1 lot at 100 and 0.25 at 105 are 1.25 at 101.
    assert "average price goes from 100 to 101" in order.reason


@pytest.mark.parametrize(("original", "share", "lots"), [(1.16, 25.0, 0.29), (0.3, 30.0, 0.09), (0.99, 25.0, 0.24)])
def test_an_addition_is_rounded_down_onto_the_lattice(original: float, share: float, lots: float) -> None:
    order = at(105.0, SCALING, market=LIVELY, initial_volume=original, keys={"scaling_share": share})

    assert only(order, "open").lots == lots


def test_a_short_needs_momentum_downwards() -> None:
    assert at(95.0, SCALING, market=LIVELY, **SHORT).instructions == ()
    order = only(at(95.0, SCALING, market={**LIVELY, "momentum_pct": -2.1}, **SHORT), "open")
    assert (order.side, order.stop_loss) == ("sell", 105.0)


@pytest.mark.parametrize(
    ("price", "minutes", "market"),
    [
        (104.99, 1, LIVELY),
        (105.0, 15, LIVELY),
        (105.0, 1, {**LIVELY, "momentum_pct": 2.0}),
        (105.0, 1, {**LIVELY, "volume_ratio": 1.5}),
        (105.0, -1, LIVELY),
    ],
    ids=["profit", "age", "momentum", "volume", "opened in the future"],
)
def test_each_condition_of_scaling_in_is_needed(price: float, minutes: float, market: dict[str, float]) -> None:
    assert at(price, SCALING, minutes=minutes, market=market) == ((), ())


def test_the_second_addition_needs_twice_the_profit_from_the_new_average() -> None:
    first = done("active/scaling_profit/1/4711")

    def second(price: float) -> object:
        # Netting: the terminal has moved the opening price to the average.
        held = make_held(price, volume=1.25, price_open=101.0, initial_price=100.0)
        state = make_state(held, market=make_market(price, **LIVELY), hedging=False)
        return evaluate(make_rules(SCALING), state, first)

    assert second(111.09).instructions == ()
    order = only(second(111.1), "open")
    assert (order.lots, order.key) == (0.25, "active/scaling_profit/2/4711")


def test_all_additions_together_stay_within_the_maximum() -> None:
    memory = done("active/scaling_profit/1/4711", "active/scaling_profit/2/4711")

    assert at(200.0, SCALING, market=LIVELY, memory=memory, volume=1.5).instructions == ()
    more = at(200.0, SCALING, market=LIVELY, memory=memory, volume=1.5, keys={"scaling_max_share": 60.0})
    assert only(more, "open").lots == 0.1, "what is left of the maximum"


def test_the_second_addition_waits_until_the_first_is_seen() -> None:
    first = "active/scaling_profit/1/4711"

    assert at(200.0, SCALING, market=LIVELY, memory=done(first)).instructions == ()
    now = {first: Done(1, NOW_MS)}
    assert at(200.0, SCALING, market=LIVELY, memory=now, volume=1.25).instructions == ()
    assert only(at(200.0, SCALING, market=LIVELY, memory=done(first), volume=1.25), "open").lots == 0.25


def test_what_was_scaled_in_is_not_scaled_itself() -> None:
    root = make_held(111.0, volume=1.0)
    added = make_held(111.0, ticket=4800, added_to=4711, volume=0.25, initial_volume=0.25, price_open=105.0)
    state = make_state(root, added, market=make_market(111.1, **LIVELY))
    state = replace(state, held=tuple(replace(each, price=111.1) for each in state.held))

    advice = evaluate(make_rules(SCALING), state, done("active/scaling_profit/1/4711"))

    # The average is 101, 10 % above it is 111.1: the second addition, to the first position alone.
    assert [each.key for each in advice.instructions] == ["active/scaling_profit/2/4711"]


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"market": {**LIVELY, "momentum_pct": None}}, "momentum is not known"),
        ({"market": {**LIVELY, "volume_ratio": None}}, "volume is not known"),
        ({"sl": None, "market": LIVELY}, "no stop"),
        ({"initial_volume": 0.03, "market": LIVELY}, "below the least order"),
        ({"initial_volume": float("nan"), "market": LIVELY}, "opened with is not known"),
        ({"sl": 104.99, "market": {**LIVELY, "spec": gold(trade_stops_level=2)}}, "nearer to the price"),
    ],
)
def test_what_stands_against_scaling_in_is_said(over: dict[str, object], reason: str) -> None:
    advice = at(105.0, SCALING, **over)  # type: ignore[arg-type]

    assert advice.instructions == ()
    assert [reason in each.reason for each in advice.skipped] == [True]


def test_nothing_is_added_while_entries_are_halted_and_decreases_go_on() -> None:
    state = make_state(
        make_held(125.0), market=make_market(125.0, **LIVELY), entries_halted="the firm's weekend is near"
    )

    added = evaluate(make_rules(SCALING), state, {})
    assert added.instructions == ()
    assert "the firm's weekend is near" in added.skipped[0].reason
    kinds = [each.kind for each in evaluate(make_rules(), state, {}).instructions]
    assert kinds == ["close_partial", "modify_stop"]


@pytest.mark.parametrize("taken", ["partial_profit", "aggressive_profit"])
def test_nothing_is_added_once_profit_was_taken(taken: str) -> None:
    assert at(105.0, SCALING, market=LIVELY, memory=done(f"active/{taken}/1/4711")) == ((), ())


def test_profit_is_not_taken_and_added_to_at_once() -> None:
    assert only(at(125.0, SCALING, AGGRESSIVE, market=LIVELY), "close_partial").rule == "aggressive_profit"


def test_an_addition_has_the_stop_that_is_just_ordered() -> None:
    advice = at(110.0, SCALING, BREAKEVEN, market=LIVELY)

    assert [(each.kind, each.stop_loss) for each in advice.instructions] == [("modify_stop", 102.0), ("open", 102.0)]


# Stops


@pytest.mark.parametrize(("price", "stop", "held"), [(110.0, 102.0, {}), (90.0, 98.0, SHORT)], ids=["buy", "sell"])
def test_10_percent_lifts_the_stop_to_break_even_plus_2(price: float, stop: float, held: dict[str, object]) -> None:
    order = only(at(price, BREAKEVEN, **held), "modify_stop")

    assert (order.stop_loss, order.take_profit) == (stop, held.get("tp", 150.0))
    assert order.key == "active/breakeven/1/4711"


def test_break_even_sets_the_first_stop_of_a_position_without() -> None:
    assert only(at(110.0, BREAKEVEN, sl=None, tp=None), "modify_stop").stop_loss == 102.0
    assert only(at(110.0, BREAKEVEN, sl=0.0, tp=0.0), "modify_stop").take_profit is None
    assert at(109.99, BREAKEVEN, sl=None) == ((), ())


def test_break_even_after_scaling_in_is_that_of_the_average() -> None:
    root = make_held(112.0)
    added = make_held(112.0, ticket=4800, added_to=4711, volume=0.25, price_open=105.0, sl=96.0, initial_sl=96.0)

    advice = evaluate(make_rules(BREAKEVEN), make_state(added, root), {})

    # 101 and 2 % of it, for both tickets.
    assert [(each.ticket, each.stop_loss) for each in advice.instructions] == [(4711, 103.02), (4800, 103.02)]


def test_volatility_over_3_percent_tightens_once_by_half_a_percent() -> None:
    order = only(at(100.0, VOLATILITY, market={"volatility_pct": 3.01}), "modify_stop")

    assert order.stop_loss == 95.5
    assert at(100.0, VOLATILITY, market={"volatility_pct": 3.0}) == ((), ())
    assert at(100.0, VOLATILITY, market={"volatility_pct": 9.0}, sl=95.5, memory=done_with([order])) == ((), ())


@pytest.mark.parametrize(
    ("hours", "stop"), [(2.0, None), (2.99, None), (3.0, 95.2), (4.0, 95.4), (7.5, 96.0)]
)  # fmt: skip
def test_each_hour_in_profit_beyond_two_tightens_by_a_fifth_of_a_percent(hours: float, stop: float | None) -> None:
    advice = at(101.0, TIME, minutes=60 * hours)

    assert (only(advice, "modify_stop").stop_loss if stop else advice) == (stop or ((), ()))
    assert at(100.0, TIME, minutes=60 * hours) == ((), ()), "not in profit"


def test_hours_are_counted_on_from_the_last_one_done_and_end_at_the_maximum() -> None:
    third = done("active/time/3/4711")

    assert at(101.0, TIME, minutes=5 * 60, memory=third) == ((), ())
    order = only(at(101.0, TIME, minutes=7 * 60, sl=95.6, memory=third), "modify_stop")
    assert (order.stop_loss, order.key) == (96.0, "active/time/5/4711")
    keys = {"time_tightening_max_hours": 3}
    assert at(101.0, TIME, minutes=9 * 60, memory=third, keys=keys) == ((), ())


def test_hours_without_room_wait_until_there_is() -> None:
    # Ten hours ask for 2.0; there is room for 0.5 less the tick that a stop keeps from the price: two hours.
    order = only(at(101.0, TIME, minutes=12 * 60, sl=100.5), "modify_stop")
    assert (order.stop_loss, order.key) == (100.9, "active/time/2/4711")

    later = at(110.0, TIME, minutes=12 * 60, sl=100.9, memory=done(order.key))
    assert only(later, "modify_stop").stop_loss == 102.5


def test_the_tightest_stop_wins_says_which_and_the_others_are_done_with_it() -> None:
    rules = (BREAKEVEN, VOLATILITY, TIME)
    wild = {"volatility_pct": 4.0}

    order = only(at(112.0, *rules, minutes=300, market=wild), "modify_stop")
    assert (order.rule, order.stop_loss) == ("breakeven", 102.0)
    assert "volatility would have been content with 95.5" in order.reason
    assert "time would have been content with 95.6" in order.reason
    after = at(112.0, *rules, minutes=300, market=wild, sl=102.0, memory=done_with([order]))
    assert after == ((), ())

    order = only(at(112.0, *rules, minutes=300, market=wild, sl=101.7), "modify_stop")
    assert (order.rule, order.stop_loss) == ("time", 102.3)
    assert order.covers == ("active/breakeven/1/4711", "active/volatility/1/4711")


def test_the_tightest_that_is_not_valid_gives_way_and_stays_open() -> None:
    far = {"spec": gold(trade_stops_level=900), "volatility_pct": 4.0}

    advice = at(110.5, BREAKEVEN, VOLATILITY, market=far)

    assert only(advice, "modify_stop").rule == "volatility"
    assert advice.instructions[0].covers == ()
    assert "nearer to the price" in advice.skipped[0].reason


def test_a_stop_never_moves_away_from_profit() -> None:
    advice = at(112.0, BREAKEVEN, sl=103.0)

    assert advice.instructions == ()
    assert "its stop is at 103 already" in advice.skipped[0].reason


@pytest.mark.parametrize(("points", "moves"), [(0, True), (800, True), (801, False)])
@pytest.mark.parametrize("level", ["trade_stops_level", "trade_freeze_level"])
def test_stops_and_freeze_level_hold_to_the_point(level: str, points: int, moves: bool) -> None:
    advice = at(110.0, BREAKEVEN, market={"spec": gold(**{level: points})})

    assert [each.stop_loss for each in advice.instructions] == ([102.0] if moves else [])


@pytest.mark.parametrize("over", [{"sl": 124.5}, {"tp": 125.5}])
def test_within_the_freeze_level_nothing_is_ordered(over: dict[str, float]) -> None:
    advice = at(
        125.0, AGGRESSIVE, VOLATILITY, market={"spec": gold(trade_freeze_level=50), "volatility_pct": 4.0}, **over
    )

    assert advice.instructions == ()
    assert [each.rule for each in advice.skipped] == ["aggressive_profit", "volatility"]
    assert all("freeze level" in each.reason for each in advice.skipped)


@pytest.mark.parametrize(("side", "stop"), [("buy", 102.0), ("sell", 98.0)])
def test_a_stop_lies_on_the_tick_grid_away_from_the_price(side: str, stop: float) -> None:
    price, held = (112.0, {}) if side == "buy" else (88.0, SHORT)
    market = {"spec": gold(trade_tick_size=0.25)}

    order = only(at(price, BREAKEVEN, market=market, keys={"breakeven_buffer": 2.1}, **held), "modify_stop")

    assert order.stop_loss == stop


@pytest.mark.parametrize("rule", [VOLATILITY, TIME])
def test_what_has_no_stop_cannot_be_tightened(rule: str) -> None:
    advice = at(101.0, rule, minutes=300, sl=None, market={"volatility_pct": 5.0})

    assert advice.instructions == ()
    assert "no stop to tighten" in advice.skipped[0].reason


# Units


def test_in_r_everything_counts_the_distance_to_the_first_stop() -> None:
    keys = {"unit": "r", PARTIAL: 1.0, BREAKEVEN: 1.0, "breakeven_buffer": 0.1}
    rules = (PARTIAL, BREAKEVEN)

    assert at(104.99, *rules, minutes=30, keys=keys).instructions == ()
    # The stop has moved since; 1 R stays 5.
    close, move = at(105.0, *rules, minutes=30, keys=keys, sl=97.0).instructions
    assert (close.lots, move.stop_loss) == (0.5, 100.5)


def test_r_is_counted_from_the_first_entry_where_additions_moved_the_opening_price() -> None:
    keys = {"unit": "r", PARTIAL: 2.0}
    held = {"price_open": 101.0, "initial_price": 100.0, "volume": 1.25, "minutes": 30}

    assert at(110.99, PARTIAL, keys=keys, **held).instructions == ()  # type: ignore[arg-type]
    assert only(at(111.0, PARTIAL, keys=keys, **held), "close_partial").lots == 0.62  # type: ignore[arg-type]


def test_in_atr_everything_counts_the_atr_now() -> None:
    keys = {"unit": "atr", BREAKEVEN: 3.0, "breakeven_buffer": 0.5}

    assert only(at(106.0, BREAKEVEN, keys=keys, market={"atr": 2.0}), "modify_stop").stop_loss == 101.0
    assert at(105.99, BREAKEVEN, keys=keys, market={"atr": 2.0}).instructions == ()


def test_a_rule_may_have_its_own_unit() -> None:
    keys = {"unit": "r", "volatility_unit": "percent", BREAKEVEN: 1.0, "breakeven_buffer": 0.1}

    advice = at(100.0, BREAKEVEN, VOLATILITY, keys=keys, initial_sl=None, market={"volatility_pct": 4.0})

    assert only(advice, "modify_stop").stop_loss == 95.5
    assert "what 1 R is for it is not known" in advice.skipped[0].reason


@pytest.mark.parametrize(
    ("unit", "over"),
    [("r", {"initial_sl": None}), ("r", {"initial_sl": 100.0}), ("r", {"initial_sl": 101.0}), ("atr", {})],
)
def test_an_unknown_r_or_atr_does_nothing_and_is_said(unit: str, over: dict[str, float | None]) -> None:
    advice = at(199.0, minutes=300, keys={"unit": unit}, market={**LIVELY, "volatility_pct": 5.0}, **over)

    assert advice.instructions == ()
    named = {each.rule for each in advice.skipped}
    assert named == {"aggressive_profit", "partial_profit", "breakeven", "volatility", "time"}
    young = at(199.0, SCALING, minutes=1, keys={"unit": unit}, market=LIVELY, **over)
    assert "is not known" in young.skipped[0].reason


# What cannot be judged, and the whole


@pytest.mark.parametrize(
    ("market", "held"),
    [
        ({"fresh": False}, {}),
        ({"quote": Quote(0.0, 0.0, NOW_MS)}, {}),
        ({"quote": Quote(float("nan"), 1.0, NOW_MS)}, {}),
        ({"spec": gold(trade_tick_size=0.0)}, {}),
        ({"spec": gold(volume_step=0.0)}, {}),
        ({}, {"price_open": 0.0}),
        ({}, {"volume": 0.0}),
        ({}, {"volume": float("inf")}),
        ({}, {"sl": float("nan")}),
        ({}, {"tp": -3.0}),
        ({}, {"sl": 1e300}),
        ({}, {"price_open": 1e300}),
        ({"spec": gold(volume_min=1e300)}, {}),
        ({"spec": gold(volume_step=1e-300)}, {}),
        ({"spec": gold(trade_tick_size=1e-300)}, {}),
    ],
)
def test_a_position_that_cannot_be_judged_is_skipped_with_the_reason(
    market: dict[str, object], held: dict[str, object]
) -> None:
    advice = at(125.0, minutes=60, market=market, **held)  # type: ignore[arg-type]

    assert advice.instructions == ()
    assert [each.rule for each in advice.skipped] == ["active"]
    assert "4711" in advice.skipped[0].reason


def test_an_unknown_symbol_does_not_keep_others_from_being_managed() -> None:
    lost = make_held(125.0, ticket=1, symbol="LOST")

    advice = evaluate(make_rules(AGGRESSIVE), make_state(make_held(125.0), lost), {})

    assert [each.ticket for each in advice.instructions] == [4711]
    assert [each.symbol for each in advice.skipped] == ["LOST"]


def test_unknown_volatility_is_said() -> None:
    assert "volatility is not known" in at(100.0, VOLATILITY, market={"volatility_pct": None}).skipped[0].reason


def test_switched_off_it_says_nothing() -> None:
    assert at(125.0, minutes=300, keys={"enable_active_management": False}) == ((), ())


def test_a_close_of_the_whole_leaves_no_other_order_for_the_position() -> None:
    advice = at(125.0, minutes=300, volume=0.01, keys={"rest": "close"}, market={**LIVELY, "volatility_pct": 4.0})

    assert only(advice, "close").lots == 0.01


def test_closes_come_first_then_stops_then_additions() -> None:
    winner = make_held(126.0, ticket=9, minutes=1)
    young = make_held(126.0, ticket=1, price_open=119.0, initial_sl=114.0, sl=114.0, minutes=1)
    state = make_state(winner, young, market=make_market(126.0, volatility_pct=4.0, **LIVELY))

    advice = evaluate(make_rules(), state, {})

    assert [(each.kind, each.ticket) for each in advice.instructions] == [
        ("close_partial", 9), ("modify_stop", 1), ("modify_stop", 9), ("open", 0),
    ]  # fmt: skip


def test_age_is_that_of_the_first_entry() -> None:
    root = make_held(115.0, minutes=40)
    added = make_held(115.0, ticket=4800, added_to=4711, price_open=100.0, minutes=20)

    advice = evaluate(make_rules(PARTIAL), make_state(root, added), {})

    assert [each.ticket for each in advice.instructions] == [4711, 4800]


def test_a_state_at_another_time_is_another_age() -> None:
    held = make_held(101.0)
    state = make_state(held)

    assert evaluate(make_rules(TIME), state, {}).instructions == ()
    later = replace(state, now_ms=state.now_ms + 3 * HOUR_MS)
    assert evaluate(make_rules(TIME), later, {}).instructions[0].symbol == SYMBOL
