"""Share rules on states whose figures can be followed by hand: 0.01 lots are 1 % of the account's 100,000."""

from dataclasses import replace

import pytest

from sizing.positions.instruction import Done
from sizing.positions.rulesets import RuleSet
from sizing.positions.share import evaluate
from sizing.positions.state import Opinion
from sizing.snapshot import PendingOrder, Quote
from tests.builders import NOW_MS
from tests.sizing.positions.share_scene import (
    MINUTE_MS,
    Desk,
    done,
    down,
    held,
    lots_of,
    market,
    reasons,
    rules,
    state,
    up,
)


def test_fifteen_percent_are_reduced_to_five() -> None:
    advice = evaluate(rules(down(5, "instrument_account_share > 10")), state(held(volume=0.15)), {})

    assert lots_of(advice) == [("close_partial", 1, 0.10)]
    assert advice.instructions[0].side == "buy"
    assert "15.00 % is to be 5 %" in advice.instructions[0].reason
    assert "instrument_account_share > 10 (it is 15.00)" in advice.instructions[0].reason


def test_a_short_position_counts_by_its_absolute_quantity() -> None:
    advice = evaluate(rules(down(5)), state(held(volume=0.15, side="sell", notional=-15_000.0)), {})

    assert lots_of(advice) == [("close_partial", 1, 0.10)]
    assert advice.instructions[0].side == "sell"


def test_zero_to_twelve_percent_in_steps_stops_at_the_ten_that_are_the_default() -> None:
    steps = rules(
        *(up(target, f"instrument_account_share < {target}", name=f"to_{target}", priority=-target)
          for target in (3, 6, 9, 12)),
        enter=[up(3, "has_no_position")],
    )  # fmt: skip
    desk = Desk(steps)

    shares = []
    for _ in range(6):
        advice = desk.cycle(60)
        shares.append(desk.share())

    assert shares == [3, 6, 9, 10, 10, 10]
    assert "at or above the target of 10 % (capped from 12 % by max_virtual_equity_per_instrument_percent)" in reasons(
        advice
    )


def test_zero_to_twelve_percent_is_reached_where_the_file_allows_it() -> None:
    desk = Desk(
        rules(up(12, "instrument_account_share < 12"), enter=[up(4, "has_no_position")],
              max_virtual_equity_per_instrument_percent=15.0)
    )  # fmt: skip

    assert [(desk.cycle(60), desk.share())[1] for _ in range(3)] == [4, 12, 12]


def test_an_increase_that_is_capped_says_so() -> None:
    (only,) = evaluate(rules(up(12)), state(held(volume=0.05)), {}).instructions

    assert (only.kind, only.side, only.lots, only.ticket) == ("open", "buy", 0.05, 0)
    assert "capped from 12 % by max_virtual_equity_per_instrument_percent" in only.reason


@pytest.mark.parametrize("volume", [0.05, 0.06])
def test_an_increase_at_or_above_its_target_is_skipped(volume: float) -> None:
    advice = evaluate(rules(up(5)), state(held(volume=volume)), {})

    assert not advice.instructions
    assert f"{volume * 100:.2f} % is at or above the target of 5 %" in reasons(advice)


@pytest.mark.parametrize("volume", [0.05, 0.04])
def test_a_decrease_at_or_below_its_target_is_skipped(volume: float) -> None:
    advice = evaluate(rules(down(5)), state(held(volume=volume)), {})

    assert not advice.instructions
    assert f"{volume * 100:.2f} % is at or below the target of 5 %" in reasons(advice)


def test_a_decrease_to_zero_closes_everything_even_without_a_market() -> None:
    advice = evaluate(rules(down(0)), state(held(1), held(2, side="sell"), markets={}, balance=0.0), {})

    assert lots_of(advice) == [("close", 1, 0.05), ("close", 2, 0.05)]


def test_a_decrease_keeps_the_smallest_volume_while_its_target_is_above_zero() -> None:
    coarse = {"EURUSD": market(spec={"volume_min": 0.05})}

    assert lots_of(evaluate(rules(down(1)), state(held(volume=0.15), markets=coarse), {})) == [
        ("close_partial", 1, 0.10)
    ]
    kept = evaluate(rules(down(1)), state(held(volume=0.05), markets=coarse), {})
    assert not kept.instructions
    assert "0.05 lots are kept" in reasons(kept)


def test_a_decrease_closes_no_more_than_lies_above_its_target() -> None:
    # 5.5 % of 100,000 against steps of 1 %: the half step stays.
    advice = evaluate(rules(down(4)), state(held(volume=0.06, notional=5_500.0)), {})

    assert lots_of(advice) == [("close_partial", 1, 0.01)]


def test_the_oldest_position_is_reduced_first_and_whole_ones_before_parts() -> None:
    positions = (held(3, 0.03), held(1, 0.04), held(2, 0.08))

    assert lots_of(evaluate(rules(down(6)), state(*positions), {})) == [
        ("close", 1, 0.04),
        ("close_partial", 2, 0.05),
    ]


def test_the_largest_position_is_reduced_first_where_the_file_says_so() -> None:
    positions = (held(3, 0.03), held(1, 0.04), held(2, 0.08))

    assert lots_of(evaluate(rules(down(6), reduce_first="largest"), state(*positions), {})) == [
        ("close", 2, 0.08),
        ("close_partial", 1, 0.01),
    ]


def test_several_instruments_are_each_judged_by_their_own_share() -> None:
    scene = state(
        held(1, 0.15), held(2, 0.03, "GBPUSD"), held(3, 0.08, "USDJPY", side="sell"),
        markets={name: market() for name in ("EURUSD", "GBPUSD", "USDJPY")},
    )  # fmt: skip
    both = rules(down(8, "instrument_account_share > 8"), up(5, "instrument_account_share < 5"))

    advice = evaluate(both, scene, {})

    assert [(each.symbol, each.kind, each.lots) for each in advice.instructions] == [
        ("EURUSD", "close_partial", 0.07),
        ("GBPUSD", "open", 0.02),
    ]


def test_rules_are_for_the_symbols_and_the_number_of_the_file() -> None:
    scene = state(
        held(1, 0.15, "EURUSD.x", magic=7), held(2, 0.15, "EURUSD.x", magic=8), held(3, 0.15, "GBPUSD", magic=7),
        markets={"EURUSD.x": market(), "GBPUSD": market()},
    )  # fmt: skip

    advice = evaluate(rules(down(5), symbols=("EURUSD*",), magic=7), scene, {})

    assert lots_of(advice) == [("close_partial", 1, 0.10)]


def test_what_is_opened_has_the_number_of_the_file_or_of_what_it_adds_to() -> None:
    scene = state(held(1, 0.02, magic=9))

    assert evaluate(rules(up(5)), scene, {}).instructions[0].magic == 9
    assert evaluate(rules(enter=[up(5)], magic=7), scene, {}).instructions[0].magic == 7


def test_virtual_equity_is_the_strategys_part_of_the_balance() -> None:
    advice = evaluate(rules(down(5), virtual_equity_pct=50.0), state(held(volume=0.05)), {})

    assert "10.00 % is to be 5 %" in advice.instructions[0].reason
    assert lots_of(advice) == [("close_partial", 1, 0.02)]  # 0.025 and no half steps


@pytest.mark.parametrize(("measure", "lots"), [("notional", 0.05), ("margin", 5.0), ("stop_risk", 5.0)])
def test_the_measure_says_what_a_position_is_worth(measure: str, lots: float) -> None:
    scene = state(held(volume=10.0), margin_free=1e9)
    book = rules(down(5), in_set={"measure": measure, "stop_atr": 2.0})

    (only,) = evaluate(book, scene, {}).instructions

    assert 10.0 - only.lots == pytest.approx(lots)


def test_stop_risk_without_a_stop_does_nothing_and_says_so() -> None:
    book = rules(down(5), down(0, "instrument_account_share > 1"), in_set={"measure": "stop_risk", "stop_atr": 2.0})

    advice = evaluate(book, state(held(volume=10.0, stop_risk=None)), {})

    assert not advice.instructions
    assert "not known: instrument_account_share > 1" in reasons(advice)


def test_an_entry_by_stop_risk_brings_the_stop_that_it_is_sized_by() -> None:
    scene = state(markets={"EURUSD": market(quote=Quote(1.0, 1.0002, NOW_MS))})
    book = rules(enter=[up(1)], in_set={"measure": "stop_risk", "stop_atr": 2.0})

    (only,) = evaluate(book, scene, {}).instructions

    # 1.0002 less two ATRs of 0.005; a lot loses 1,000 there, and 1 % are 1,000.
    assert only.stop_loss == pytest.approx(0.9902)
    assert only.lots == 1.0


def test_an_addition_takes_the_stop_of_the_position_that_is_nearest_to_the_price() -> None:
    longs = state(held(1, 0.01, sl=0.98), held(2, 0.01, sl=0.99))
    shorts = replace(
        state(held(1, 0.01, sl=1.02, side="sell"), held(2, 0.01, sl=1.01, side="sell")),
        opinions={"EURUSD": Opinion(direction="bearish")},
    )

    assert evaluate(rules(up(5)), longs, {}).instructions[0].stop_loss == 0.99
    assert evaluate(rules(up(5)), shorts, {}).instructions[0].stop_loss == 1.01


def test_no_balance_opens_nothing_and_reduces_to_no_share() -> None:
    for balance in (0.0, -5.0, float("nan")):
        advice = evaluate(rules(down(5), enter=[up(5)]), state(held(), balance=balance), {})

        assert not advice.instructions
        assert reasons(advice).count("virtual equity must be greater than 0") == 2


def test_increases_wait_while_entries_are_halted_and_decreases_do_not() -> None:
    scene = state(
        held(1, 0.02), held(2, 0.15, "GBPUSD"), markets={"EURUSD": market(), "GBPUSD": market()},
        entries_halted="daily loss",
    )  # fmt: skip
    both = rules(up(5, "instrument_account_share < 5"), down(5, "instrument_account_share > 5"))

    advice = evaluate(both, scene, {})

    assert lots_of(advice) == [("close_partial", 2, 0.10)]
    assert "entries are halted: daily loss" in reasons(advice)


def test_increases_share_the_free_margin_by_priority() -> None:
    names = ("AUDUSD", "EURUSD", "GBPUSD")
    scene = state(
        margin_free=70.0,  # 0.07 lots
        markets={name: market() for name in names},
        opinions={name: Opinion(direction="bullish", confidence=50.0 + 10 * at) for at, name in enumerate(names)},
    )
    book = rules(enter=[up(5, "confidence >= 70", name="sure", priority=5), up(5, name="rest")])

    advice = evaluate(book, scene, {})

    assert [(each.symbol, each.lots) for each in advice.instructions] == [("GBPUSD", 0.05), ("AUDUSD", 0.02)]
    assert "EURUSD test/rest: the free margin allows 0.0000 lots" in reasons(advice)


def test_orders_that_wait_count_towards_the_target() -> None:
    waiting = PendingOrder(ticket=9, symbol="EURUSD", side="buy", volume_current=0.02, price_open=0.99)

    advice = evaluate(rules(up(5)), state(held(volume=0.02), orders=(waiting,)), {})

    assert lots_of(advice) == [("open", 0, 0.01)]


def test_an_increase_follows_the_side_that_is_held_and_never_works_against_it() -> None:
    against = {"EURUSD": Opinion(direction="bearish")}

    assert evaluate(rules(up(5)), state(held(volume=0.02, side="sell"), opinions={}), {}).instructions[0].side == "sell"
    for scene, why in (
        (state(held(volume=0.02), opinions=against), "an increase would work against it"),
        (state(held(1, 0.02), held(2, 0.01, side="sell")), "positions are held both ways"),
        (state(opinions={"EURUSD": Opinion(confidence=90.0)}), "neither a position nor a direction"),
    ):
        advice = evaluate(rules(up(5, name="a"), enter=[up(5, name="b")]), scene, {})
        assert not advice.instructions
        assert why in reasons(advice)


def test_in_a_netting_account_nobodys_position_is_worked_against() -> None:
    scene = state(held(1, 0.02, side="sell", magic=1), hedging=False)

    advice = evaluate(rules(enter=[up(5)], magic=2), scene, {})

    assert not advice.instructions
    assert "the position a sell" in reasons(advice)
    assert evaluate(rules(enter=[up(5)], magic=2), replace(scene, hedging=True), {}).instructions


def test_a_quote_that_is_not_fresh_moves_nothing_but_whole_positions() -> None:
    scene = state(held(volume=0.08), markets={"EURUSD": market(fresh=False)})

    assert not evaluate(rules(up(9)), scene, {}).instructions
    assert not evaluate(rules(down(5)), scene, {}).instructions
    assert lots_of(evaluate(rules(down(0)), scene, {})) == [("close", 1, 0.08)]


def test_first_match_lets_one_rule_act_even_if_it_has_nothing_to_do() -> None:
    book = rules(up(5, priority=2), down(1, priority=1))

    advice = evaluate(book, state(held(volume=0.06)), {})

    assert not advice.instructions
    assert [each.rule for each in advice.skipped] == ["test/i5"]


def test_of_all_that_hold_the_reduction_that_closes_most_is_ordered_once() -> None:
    book = rules(down(8, priority=5), down(3), down(6, priority=9), up(9, priority=10), in_set={"match": "all"})

    advice = evaluate(book, state(held(volume=0.15)), {})

    assert lots_of(advice) == [("close_partial", 1, 0.12)]
    assert reasons(advice).count("test/d3 holds, too, and its target is as low, or lower") == 2
    assert "at or above the target of 3 % (cut from 9 % by test/d3)" in reasons(advice)


def test_reductions_by_two_measures_are_not_added_up() -> None:
    # By notional 0.10 lots lie above 5 %; by margin 0.01 lots above 0.14 %, since a lot is 1 % there.
    book = replace(
        rules(down(5, name="value")),
        enter_market=RuleSet(measure="margin", rules=(down(0.14, name="margin", priority=5), up(9, name="more"))),
    )

    advice = evaluate(book, state(held(volume=0.15)), {})

    assert lots_of(advice) == [("close_partial", 1, 0.10)]
    assert "test/margin: test/value closes as much, or more" in reasons(advice)


def test_an_increase_waits_for_a_reduction_by_another_measure() -> None:
    book = replace(
        rules(up(9), in_set={"match": "all"}), enter_market=RuleSet(measure="margin", rules=(down(5, name="cut"),))
    )

    advice = evaluate(book, state(held(volume=0.05)), {})

    assert not advice.instructions
    assert "test/i9: test/cut holds for the same symbol and measures another thing" in reasons(advice)


def test_two_increases_that_hold_open_the_greater_target_not_the_sum() -> None:
    book = rules(up(5, priority=5), up(8), in_set={"match": "all"})

    advice = evaluate(book, state(held(volume=0.02)), {})

    assert lots_of(advice) == [("open", 0, 0.03), ("open", 0, 0.03)]


def test_both_rule_sets_together_open_no_more_than_the_greater_target() -> None:
    book = rules(up(5, name="more"), enter=[up(6, name="first")])

    advice = evaluate(book, state(held(volume=0.02)), {})

    assert sum(each.lots for each in advice.instructions) == pytest.approx(0.04)


def test_an_increase_waits_for_a_rule_before_it_that_cannot_be_judged() -> None:
    book = rules(down(2, "regime == volatile", priority=9), up(8), down(4, "drawdown > 5", priority=-1))

    advice = evaluate(book, state(held(volume=0.05)), {})
    assert not advice.instructions
    assert "test/d2: not known: regime == volatile" in reasons(advice)
    assert "test/i8: test/d2 comes before it and cannot be judged" in reasons(advice)

    calm = state(held(volume=0.05), markets={"EURUSD": market(regime="trending")})
    assert lots_of(evaluate(book, calm, {})) == [("open", 0, 0.03)]


def test_a_reduction_does_not_wait_for_a_rule_that_cannot_be_judged() -> None:
    book = rules(up(8, "regime == trending", priority=9), down(2))

    assert lots_of(evaluate(book, state(held(volume=0.05)), {})) == [("close_partial", 1, 0.03)]


def test_what_was_done_is_not_ordered_again_until_its_cool_down_is_over() -> None:
    book = rules(down(5, cooldown_minutes=30), enter=[up(5, "has_no_position", cooldown_minutes=30)])
    for scene in (state(held(volume=0.15)), state(held(1, 0.08), held(2, 0.08)), state()):
        advice = evaluate(book, scene, {})
        memory = done(advice)

        again = evaluate(book, scene, memory)
        later = evaluate(book, replace(scene, now_ms=NOW_MS + 30 * MINUTE_MS), memory)

        assert advice.instructions
        assert not again.instructions
        assert "it was done less than 30 minutes ago" in reasons(again)
        assert lots_of(later) == lots_of(advice)


def test_a_reduction_over_two_positions_is_finished_when_only_one_of_them_was_done() -> None:
    book, scene = rules(down(5)), state(held(1, 0.04), held(2, 0.08))
    first, second = evaluate(book, scene, {}).instructions

    stale = evaluate(book, scene, {first.key: Done(1, NOW_MS)})
    seen = evaluate(book, replace(scene, held=scene.held[1:]), {first.key: Done(1, NOW_MS)})

    assert stale.instructions == (second,)
    assert lots_of(seen) == lots_of(stale)


def test_what_is_on_its_way_is_counted_by_the_rules_that_come_after() -> None:
    book = rules(up(5, priority=5), up(8), in_set={"match": "all"})
    scene = state(held(volume=0.02))
    first, second = evaluate(book, scene, {}).instructions

    assert evaluate(book, scene, {first.key: Done(1, NOW_MS)}).instructions == (second,)


def test_instructions_come_by_priority() -> None:
    scene = state(held(1, 0.15), held(2, 0.02, "GBPUSD"), markets={"EURUSD": market(), "GBPUSD": market()})
    book = rules(up(5, "instrument_account_share < 5", priority=9), down(5, priority=1))

    assert [each.priority for each in evaluate(book, scene, {}).instructions] == [9, 1]
