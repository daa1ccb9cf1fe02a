"""A plan from weights to orders: known values by hand."""

import math
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from sizing.positions.rebalance import Given, Guard, Plan, Report, Target, begin, cancel, emergency_plan, step
from sizing.positions.rebalance.construction import fit, spread
from sizing.positions.rebalance.execution import cuts
from sizing.positions.rebalance.exposure import Weight, net_lots, sign
from sizing.positions.rebalance.rules import ClassLimits, ExecutionRules, Limits, ValidationRules
from sizing.positions.rebalance.targets import sane_weights
from sizing.snapshot import Side
from tests.builders import NOW_MS
from tests.sizing.positions.rebalance_scene import (
    FREE,
    GIVEN,
    WIDE,
    Broker,
    make_held,
    make_market,
    make_rules,
    make_state,
    new_plan,
    run,
    targets,
    unrelated,
)


def kinds(events: tuple[object, ...]) -> list[str]:
    return [event.kind for event in events]  # type: ignore[attr-defined]


# Validation


@pytest.mark.parametrize(("total", "kind"), [(1.1, None), (1.11, "weights_large"), (1.5, "weights_large")])
def test_weights_that_add_up_to_more_than_1_1_are_warned_about(total: float, kind: str | None) -> None:
    sane = sane_weights(targets(A=total / 2, B=-total / 2), ValidationRules())
    assert sane.targets == targets(A=total / 2, B=-total / 2)
    assert kinds(sane.events) == ([kind] if kind else [])


def test_weights_that_add_up_to_more_than_1_5_are_scaled_to_0_95() -> None:
    sane = sane_weights(targets(A=1.2, B=-0.4), ValidationRules())
    assert [each.weight for each in sane.targets] == pytest.approx([0.7125, -0.2375])
    assert kinds(sane.events) == ["weights_scaled"]


@pytest.mark.parametrize(
    "wanted", [(Target("A", math.nan),), (Target("A", 0.1, math.inf),), (Target("A", 0.1), Target("A", 0.2))]
)
def test_weights_that_make_no_sense_end_the_plan(wanted: tuple[Target, ...]) -> None:
    done = step(begin("p1", wanted, NOW_MS), make_rules(), make_state(), (), GIVEN)
    assert (done.plan.phase, done.advice.instructions) == ("failed", ())


@pytest.mark.parametrize("equity", [0.0, -5.0, math.nan, math.inf])
def test_an_account_without_equity_fails_without_an_order(equity: float) -> None:
    done = step(begin("p1", targets(A=0.1), NOW_MS), make_rules(), make_state(equity=equity), (), GIVEN)
    assert (done.plan.phase, done.plan.why) == ("failed", "the account has no equity")


def test_stale_prices_are_waited_for_and_then_left_out() -> None:
    rules, plan = make_rules(), begin("p1", targets(A=0.02, B=0.02), NOW_MS)
    markets = {"A": make_market("A", fresh=False), "B": make_market("B")}
    waiting = step(plan, rules, make_state(markets=markets), (), GIVEN)
    assert waiting.plan.phase == "validation"
    assert [each.symbol for each in waiting.advice.skipped] == ["A"]

    later = step(waiting.plan, rules, make_state(markets=markets, now_ms=NOW_MS + 300_000), (), GIVEN)
    assert [each.symbol for each in later.advice.instructions] == ["B"]
    assert ("left_out", "A") in [(event.kind, event.symbol) for event in later.events]


def test_what_the_terminal_shows_otherwise_than_the_plan_before_believed_is_reported_as_drift() -> None:
    broker = Broker()
    first, _ = run(new_plan(broker, targets(A=0.03)), broker)
    broker.change(broker.held[0].ticket, -1.0)
    second = step(begin("p2", targets(A=0.03), broker.now_ms, previous=first), make_rules(), broker.state(), (), GIVEN)
    drift = [event for event in second.events if event.kind == "drift"]
    assert [event.detail for event in drift] == ["the terminal shows 2 lots net, the plan believes 3"]
    assert [(each.kind, each.lots) for each in second.advice.instructions] == [("open", 1.0)]


# Construction


def test_room_goes_to_the_highest_alpha_first_and_in_proportion_among_equals() -> None:
    assert spread({"A": 3.0, "B": 2.0, "C": 2.0}, {"A": 1.0}, 5.0) == {"A": 3.0, "B": 1.0, "C": 1.0}
    assert spread({"A": 3.0}, {}, -1.0) == {"A": 0.0}
    assert spread({"A": 3.0}, {}, math.nan) == {"A": 0.0}


def fitted(wanted: dict[str, float], limits: Limits, **given: object) -> dict[str, float]:
    held = given.pop("fixed", {})
    rules = make_rules(limits=limits, **{key: given.pop(key) for key in ("classes", "sectors") if key in given})
    figures = replace(GIVEN, **given)  # type: ignore[arg-type]
    return fit(wanted, held, {}, rules, make_state(), figures).weights  # type: ignore[arg-type]


def test_each_limit_cuts_what_is_beyond_it() -> None:
    def only(**limit: float) -> Limits:
        return replace(WIDE, **limit)  # type: ignore[arg-type]

    assert fitted({"A": 0.08, "B": -0.09}, only(position_pct=5.0)) == pytest.approx({"A": 0.05, "B": -0.05})
    assert fitted({"A": 0.2, "B": -0.2}, only(sector_pct=20.0)) == pytest.approx({"A": 0.1, "B": -0.1})
    split = {"sectors": {"x": ("A",), "y": ("B",)}}
    assert fitted({"A": 0.2, "B": 0.2}, only(sector_pct=20.0), **split) == pytest.approx({"A": 0.2, "B": 0.2})
    twins = {**unrelated(), "A": {"B": -0.7, "C": 0.0, "D": 0.0}}
    cut = fitted({"A": 0.3, "B": 0.3, "C": 0.3}, only(cluster_pct=30.0), correlations=twins)
    assert cut == pytest.approx({"A": 0.15, "B": 0.15, "C": 0.3})
    assert fitted({"A": 0.2, "B": 0.2}, only(cluster_pct=30.0), correlations={}) == pytest.approx(
        {"A": 0.15, "B": 0.15}
    )
    assert fitted({"A": 3.0, "B": -1.0}, only(gross=2.0)) == pytest.approx({"A": 1.5, "B": -0.5})
    assert fitted({"A": 3.0, "B": -1.0}, only(net=1.0)) == pytest.approx({"A": 2.0, "B": -1.0})
    lever = {"stocks": ClassLimits(max_leverage=0.5, margin_pct=100.0)}
    assert fitted({"A": 1.0}, WIDE, classes=lever) == pytest.approx({"A": 0.5})
    margin = {"stocks": ClassLimits(max_leverage=100.0, margin_pct=20.0)}
    assert fitted({"A": 4.0}, WIDE, classes=margin) == pytest.approx({"A": 2.0})
    beside = {"fixed": {"B": Weight(1.5, 0.0)}}
    assert fitted({"A": 1.0}, only(gross=2.0), **beside) == pytest.approx({"A": 0.5})


def test_limits_are_smaller_after_a_halt() -> None:
    resumed = Guard("limited", "", NOW_MS, NOW_MS + 1, 0.5)
    limits = replace(WIDE, position_pct=5.0)
    assert fitted({"A": 0.05}, limits, guard=resumed) == pytest.approx({"A": 0.025})
    assert fitted({"A": 0.05}, limits, guard=resumed._replace(until_ms=NOW_MS)) == pytest.approx({"A": 0.05})


_weight = st.floats(-3.0, 3.0)


@for_all(
    st.dictionaries(st.sampled_from("ABCD"), _weight, min_size=1),
    st.dictionaries(st.sampled_from("ABCD"), st.integers(0, 2).map(float)),
    st.dictionaries(st.sampled_from("ABCDE"), st.floats(0, 0.5).map(lambda size: Weight(size, 0.0))),
)
def test_a_fitted_weight_only_shrinks_and_keeps_every_limit_that_can_be_kept(
    wanted: dict[str, float], alphas: dict[str, float], held: dict[str, Weight]
) -> None:
    rules = make_rules(limits=Limits(), sectors={"x": ("A", "B"), "y": ("C", "D", "E")})
    found = fit(wanted, held, alphas, rules, make_state(symbols="ABCDE"), GIVEN).weights
    for symbol, weight in wanted.items():
        assert abs(found[symbol]) <= abs(weight)
        assert found[symbol] * weight >= 0
        assert abs(found[symbol]) <= max(0.0, 0.05 - held.get(symbol, Weight()).gross) + 1e-9
    for sector in ("AB", "CDE"):
        used = sum(held.get(each, Weight()).gross for each in sector)
        added = sum(abs(found.get(each, 0.0)) for each in sector)
        assert added <= max(0.0, 0.2 - used) + 1e-9
    backwards = fit(
        dict(reversed(wanted.items())), dict(reversed(held.items())), alphas, rules, make_state(symbols="EDCBA"), GIVEN
    )
    assert backwards.weights == found


def test_turnover_counts_reductions_and_cuts_additions_of_the_lowest_alpha() -> None:
    broker = Broker()
    broker.put("A", 30.0)
    wanted = (Target("A", 0.0), Target("B", 0.15, 2.0), Target("C", 0.15, 1.0))
    rules = make_rules(limits=replace(WIDE, turnover_pct=50.0))
    plan, _ = run(new_plan(broker, wanted), broker, rules)
    assert (broker.net("A"), broker.net("B"), broker.net("C")) == (0.0, 15.0, 5.0)
    assert plan.outcome is not None
    assert plan.outcome.turnover_pct == pytest.approx(50.0)

    # The same day: nothing is left for additions; reductions go on.
    again, _ = run(begin("p2", targets(B=0.05, D=0.1), broker.now_ms, previous=plan), broker, rules)
    assert (broker.net("B"), broker.net("D")) == (5.0, 0.0)
    broker.now_ms += 86_400_000
    run(begin("p3", targets(D=0.1), broker.now_ms, previous=again), broker, rules)
    assert broker.net("D") == 10.0


def test_what_is_held_but_no_target_is_left_alone_and_said() -> None:
    broker = Broker()
    broker.put("D", 2.0)
    plan, steps = run(new_plan(broker, targets(A=0.02)), broker)
    assert (broker.net("A"), broker.net("D"), plan.phase) == (2.0, 2.0, "done")
    assert ("untargeted", "D") in [(event.kind, event.symbol) for event in steps[0].events]


# Execution


def test_reductions_come_first_and_the_largest_margin_relief_leads() -> None:
    broker = Broker()
    for symbol, lots in (("A", 3.0), ("B", 9.0), ("C", -6.0)):
        broker.put(symbol, lots)
    plan, steps = run(new_plan(broker, targets(A=0.01, B=0.02, C=0.04, D=0.05)), broker)
    first = steps[0].advice.instructions
    assert [(each.symbol, each.kind, each.side, each.lots) for each in first] == [
        ("B", "close_partial", "buy", 7.0),
        ("C", "close", "sell", 6.0),
        ("A", "close_partial", "buy", 2.0),
    ]
    second = steps[1].advice.instructions
    assert {(each.symbol, each.kind, each.side, each.lots) for each in second} == {
        ("C", "open", "buy", 4.0),
        ("D", "open", "buy", 5.0),
    }
    assert [broker.net(symbol) for symbol in "ABCD"] == [1.0, 2.0, 4.0, 5.0]
    assert plan.outcome is not None
    assert plan.outcome.untracked_pct == pytest.approx(0.0, abs=1e-9)
    assert plan.outcome.tracking_error_pct == pytest.approx(0.0, abs=1e-9)


def test_additions_are_scaled_together_to_the_free_margin_and_ordered_by_alpha() -> None:
    plan = begin("p1", (Target("A", 0.2), Target("B", 0.1, 5.0)), NOW_MS)
    # 30 lots need 3,000; 80 % of 1,875 are 1,500.
    done = step(plan, make_rules(), make_state(margin_free=1_875.0), (), GIVEN)
    assert [(each.symbol, each.lots) for each in done.advice.instructions] == [("B", 5.0), ("A", 10.0)]


@pytest.mark.parametrize("free", [0.0, -100.0, math.nan])
def test_nothing_is_added_without_free_margin(free: float) -> None:
    done = step(begin("p1", targets(A=0.2), NOW_MS), make_rules(), make_state(margin_free=free), (), GIVEN)
    assert done.advice.instructions == ()


def test_a_reduction_that_was_not_possible_takes_room_from_the_additions() -> None:
    broker = Broker()
    broker.put("A", 4.0)
    rules = make_rules(limits=replace(WIDE, gross=0.05), execution=ExecutionRules(attempts=1))
    done = step(new_plan(broker, targets(A=0.0, B=0.05)), rules, broker.state(), (), GIVEN)
    failed = Report(key=done.advice.instructions[0].key, status="failed", time_ms=broker.now_ms, retcode=10018)
    after = step(done.plan, rules, broker.state(), (failed,), GIVEN)
    assert [(each.symbol, each.lots) for each in after.advice.instructions] == [("B", 1.0)]
    assert "given_up" in kinds(after.events)


def test_what_lowers_risk_goes_on_while_entries_are_halted() -> None:
    broker = Broker()
    broker.put("A", 3.0)
    rules, plan = make_rules(), new_plan(broker, targets(A=0.01, B=0.02))
    done = step(plan, rules, broker.state(entries_halted="news"), (), GIVEN)
    assert [(each.kind, each.lots) for each in done.advice.instructions] == [("close_partial", 2.0)]
    broker.carry_out(done.advice.instructions[0], 2.0)
    report = Report(key=done.advice.instructions[0].key, status="done", time_ms=NOW_MS, lots=2.0)
    after = step(done.plan, rules, broker.state(entries_halted="news"), (report,), GIVEN)
    assert after.advice.instructions == ()
    assert [(each.symbol, each.reason) for each in after.advice.skipped] == [("B", "news")]
    lifted = step(after.plan, rules, broker.state(), (), GIVEN)
    assert [each.kind for each in lifted.advice.instructions] == ["open"]


@pytest.mark.parametrize(
    "given",
    [replace(GIVEN, guard=Guard("halted", "gross")), replace(GIVEN, day_start_equity=120_000.0)],
    ids=["halted", "the day has lost 16.7 %"],
)
def test_a_halt_and_a_daily_drawdown_stop_additions(given: Given) -> None:
    done = step(begin("p1", targets(A=0.02), NOW_MS), make_rules(), make_state(), (), given)
    assert done.advice.instructions == ()
    assert len(done.advice.skipped) == 1


def test_a_drawdown_below_the_peak_stands_in_for_the_days_where_that_is_not_known() -> None:
    given = replace(GIVEN, day_start_equity=None)
    done = step(begin("p1", targets(A=0.02), NOW_MS), make_rules(), make_state(drawdown_pct=11.0), (), given)
    assert done.advice.instructions == ()


@pytest.mark.parametrize(("rest", "order"), [("leave", ("close_partial", 2, 0.02)), ("close", ("close", 1, 0.03))])
def test_a_rest_below_volume_min_is_left_or_closed_whole(rest: str, order: tuple[str, int, float]) -> None:
    # 0.08 lots are held, 0.06 wanted: 0.02 off the older position of 0.03 would leave 0.01.
    spec = replace(make_market().spec, volume_min=0.02)
    markets = {"A": make_market("A", spec=spec, notional_per_lot=100_000.0)}
    held = [
        make_held("A", 0.03, ticket=1, opened_ms=1, notional=3_000.0),
        make_held("A", 0.05, ticket=2, opened_ms=2, notional=5_000.0),
    ]
    rules = make_rules(execution=ExecutionRules(small_rest=rest))
    done = step(begin("p1", targets(A=0.06), NOW_MS), rules, make_state(*held, markets=markets), (), GIVEN)
    assert [(each.kind, each.ticket, each.lots) for each in done.advice.instructions] == [order]


def test_a_part_that_no_order_can_take_is_left_and_said() -> None:
    spec = replace(make_market().spec, volume_min=0.02)
    markets = {"A": make_market("A", spec=spec, notional_per_lot=100_000.0)}
    held = make_held("A", 0.03, notional=3_000.0)
    done = step(begin("p1", targets(A=0.02), NOW_MS), make_rules(), make_state(held, markets=markets), (), GIVEN)
    assert (done.plan.phase, done.advice.instructions) == ("done", ())
    assert [each.reason for each in done.advice.skipped] == ["0.01 of 0.03 lots cannot be closed in part"]


def test_a_change_that_is_too_small_is_not_traded() -> None:
    broker = Broker()
    broker.put("A", 1.05)
    plan, _ = run(new_plan(broker, targets(A=0.01, B=0.0005)), broker)
    assert (broker.net("A"), broker.net("B"), plan.phase) == (1.05, 0.0, "done")


def test_positions_that_lock_each_other_stay_unless_the_target_is_0() -> None:
    broker = Broker()
    broker.put("A", 3.0)
    broker.put("A", -1.0)
    plan, _ = run(new_plan(broker, targets(A=0.01)), broker)
    assert [(each.side, each.volume) for each in broker.held] == [("buy", 2.0), ("sell", 1.0)]
    run(begin("p2", targets(A=0.0), broker.now_ms, previous=plan), broker)
    assert broker.held == []


def test_only_positions_of_the_named_eas_are_moved_and_the_others_take_room() -> None:
    held = [make_held("A", 2.0, ticket=1, magic=7), make_held("A", 2.0, ticket=2, magic=8)]
    rules = make_rules(limits=replace(WIDE, position_pct=5.0))
    plan = begin("p1", targets(A=0.05), NOW_MS, magic=7, magics=(7,))
    done = step(plan, rules, make_state(*held), (), GIVEN)
    assert [(each.kind, each.lots, each.magic) for each in done.advice.instructions] == [("open", 1.0, 7)]


_volumes = st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(2, 400)), max_size=4)


@for_all(_volumes, st.integers(-400, 400).filter(lambda steps: abs(steps) != 1), st.sampled_from(["leave", "close"]))
def test_cuts_lead_towards_the_target_never_past_it_or_to_the_other_side(
    volumes: list[tuple[Side, int]], steps: int, rest: str
) -> None:
    market = make_market("A", spec=replace(make_market().spec, volume_min=0.02))
    held = tuple(make_held("A", size / 100, side, ticket=ticket) for ticket, (side, size) in enumerate(volumes))
    target = steps / 100
    before = net_lots(held)
    after = before
    for cut in cuts(held, target, market, ExecutionRules(small_rest=rest)).cuts:
        left = round(cut.held.volume - cut.lots, 8)
        assert cut.whole or (cut.lots >= 0.02 and left >= 0.02)
        assert round(cut.lots * 100, 6) == round(cut.lots * 100)
        after = round(after - sign(cut.held) * cut.lots, 8)
    if target == 0:
        assert after == 0
        return
    # A rest closed whole may miss the target by less than volume_min.
    slack = 0.0199 if rest == "close" and before * target > 0 else 0.0
    assert min(before, max(target, 0.0) - slack) <= after <= max(before, min(target, 0.0) + slack)
    assert after * before >= 0


# Reports and the terminal


def offered(lots: float = 2.0) -> tuple[Plan, str]:
    done = step(begin("p1", targets(A=lots / 100), NOW_MS), make_rules(), make_state(), (), GIVEN)
    (only,) = done.advice.instructions
    assert only.expires_ms == NOW_MS + 60_000
    return done.plan, only.key


def test_an_instruction_is_given_once_and_again_only_after_it_has_expired() -> None:
    plan, key = offered()
    for seconds in (0, 30, 60, 71):
        again = step(plan, make_rules(), make_state(now_ms=NOW_MS + seconds * 1000), (), GIVEN)
        assert again.advice.instructions == ()
        plan = again.plan
    expired = step(plan, make_rules(), make_state(now_ms=NOW_MS + 72_000), (), GIVEN)
    assert expired.advice.instructions == ()  # tried just now
    later = step(expired.plan, make_rules(), make_state(now_ms=NOW_MS + 87_000), (), GIVEN)
    (second,) = later.advice.instructions
    assert (second.lots, second.key == key) == (2.0, False)


def test_an_unreported_fill_is_seen_and_only_the_rest_is_ordered() -> None:
    plan, _ = offered()
    shown = make_state(make_held("A", 0.5), now_ms=NOW_MS + 72_000)
    done = step(plan, make_rules(), shown, (), GIVEN)
    assert [each.lots for each in done.advice.instructions] == [1.5]
    assert [each.filled for each in done.plan.past] == [0.5]


def test_a_report_is_believed_until_the_terminal_had_time_to_show_it() -> None:
    plan, key = offered()
    report = Report(key=key, status="done", time_ms=NOW_MS, lots=2.0)
    told = step(plan, make_rules(), make_state(), (report, report), GIVEN)
    assert (told.advice.instructions, kinds(told.events)) == ((), [])
    shown = step(told.plan, make_rules(), make_state(make_held("A", 2.0), now_ms=NOW_MS + 5_000), (report,), GIVEN)
    assert shown.plan.phase == "done"
    never = step(told.plan, make_rules(), make_state(now_ms=NOW_MS + 10_000), (), GIVEN)
    assert kinds(never.events)[0] == "drift"
    assert (never.plan.phase, never.advice.instructions) == ("done", ())


def test_an_uncertain_failure_is_waited_out() -> None:
    plan, key = offered()
    timeout = Report(key=key, status="failed", time_ms=NOW_MS, retcode=10012)
    told = step(plan, make_rules(), make_state(now_ms=NOW_MS + 20_000), (timeout,), GIVEN)
    assert told.advice.instructions == ()
    filled = step(told.plan, make_rules(), make_state(make_held("A", 2.0), now_ms=NOW_MS + 72_000), (), GIVEN)
    assert (filled.plan.phase, filled.advice.instructions) == ("done", ())


def test_a_failure_is_tried_three_times_and_then_given_up() -> None:
    rules, now = make_rules(), NOW_MS
    plan = begin("p1", targets(A=0.02), NOW_MS)
    given_up: list[str] = []
    tried = 0
    for _ in range(12):
        done = step(plan, rules, make_state(now_ms=now), (), GIVEN)
        keys = [each.key for each in done.advice.instructions]
        tried += len(keys)
        reports = tuple(Report(key=key, status="failed", time_ms=now, retcode=10006) for key in keys)
        told = step(done.plan, rules, make_state(now_ms=now), reports, GIVEN)
        given_up += [event.kind for event in told.events if event.kind == "given_up"]
        plan, now = told.plan, now + 15_000
    assert (tried, given_up, plan.phase) == (3, ["given_up"], "done")
    assert plan.outcome is not None
    assert plan.outcome.untracked_pct == pytest.approx(2.0)
    assert plan.outcome.tracking_error_pct == pytest.approx(0.02)


def test_fewer_lots_than_wanted_are_the_sizers_word() -> None:
    plan, key = offered()
    report = Report(key=key, status="done", time_ms=NOW_MS, lots=1.2)
    done = step(plan, make_rules(), make_state(make_held("A", 1.2)), (report,), GIVEN)
    (rest,) = done.advice.instructions
    assert rest.lots == 0.8


def test_a_symbol_that_somebody_else_closes_gets_nothing_more() -> None:
    broker = Broker()
    broker.put("A", 1.0)
    done = step(new_plan(broker, targets(A=0.03)), make_rules(), broker.state(), (), GIVEN)
    broker.held.clear()
    broker.now_ms += 80_000
    after = step(done.plan, make_rules(), broker.state(), (), GIVEN)
    assert kinds(after.events)[0] == "drift"
    assert (after.advice.instructions, after.plan.phase) == ((), "done")


def test_an_old_plan_orders_nothing() -> None:
    plan, _ = offered()
    done = step(plan, make_rules(), make_state(now_ms=NOW_MS + 240 * 60_000), (), GIVEN)
    assert (done.plan.phase, done.advice.instructions) == ("done", ())


def test_a_cancelled_plan_still_learns_what_became_of_its_orders() -> None:
    plan, key = offered()
    report = Report(key=key, status="done", time_ms=NOW_MS + 1, lots=2.0, price=10.0)
    done = step(cancel(plan, "no more"), make_rules(), make_state(make_held("A", 2.0)), (report,), GIVEN)
    assert (done.plan.phase, done.advice.instructions) == ("cancelled", ())
    assert [each.filled for each in done.plan.past] == [2.0]


def test_a_new_plan_waits_for_what_the_old_one_has_in_play() -> None:
    plan, _ = offered()
    new = begin("p2", targets(A=0.05, B=0.01), NOW_MS + 1_000, previous=plan)
    done = step(new, make_rules(), make_state(now_ms=NOW_MS + 1_000), (), GIVEN)
    assert done.advice.instructions == ()
    filled = make_state(make_held("A", 2.0), now_ms=NOW_MS + 72_000)
    after = step(done.plan, make_rules(), filled, (), GIVEN)
    assert {(each.symbol, each.lots) for each in after.advice.instructions} == {("A", 3.0), ("B", 1.0)}


# Emergency


@pytest.mark.parametrize(("wants", "left"), [("reduce", (1.5, -2.0)), ("close", (0.0, 0.0))])
def test_an_emergency_plan_halves_or_closes_everything_and_adds_nothing(wants: str, left: tuple[float, ...]) -> None:
    broker = Broker()
    broker.put("A", 3.0)
    broker.put("B", -4.0)
    plan = emergency_plan("e1", make_rules(), broker.state(), wants)  # type: ignore[arg-type]
    done, _ = run(plan, broker, given=replace(GIVEN, guard=Guard("halted", "x")))
    assert (broker.net("A"), broker.net("B")) == left
    assert (done.phase, broker.opened) == ("done", {})


def test_a_symbol_without_figures_can_be_closed_but_not_reduced() -> None:
    state = make_state(make_held("X", 3.0), markets={})
    closing = step(emergency_plan("e1", make_rules(), state, "close"), make_rules(), state, (), GIVEN)
    assert [(each.kind, each.lots) for each in closing.advice.instructions] == [("close", 3.0)]
    reducing = step(emergency_plan("e2", make_rules(), state, "reduce"), make_rules(), state, (), GIVEN)
    assert reducing.advice.instructions == ()


# One plain value


def test_a_plan_survives_being_written_and_read() -> None:
    plan, key = offered()
    report = Report(key=key, status="partial", time_ms=NOW_MS, lots=0.5, price=10.01, cost=1.0)
    plan = step(plan, make_rules(), make_state(make_held("A", 0.5)), (report,), GIVEN).plan
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(plan), type=Plan) == plan


_odd = st.sampled_from([0.0, -1.0, 0.01, 1.0, 7.77, 1e300, math.inf, -math.inf, math.nan])


@for_all(st.data())
def test_no_state_raises_and_the_same_state_again_gives_nothing_new(data: st.DataObject) -> None:
    markets = {
        name: make_market(
            name,
            notional_per_lot=data.draw(_odd),
            margin_per_lot=data.draw(_odd),
            money_per_price=data.draw(_odd),
            volatility_pct=data.draw(st.none() | _odd),
            fresh=data.draw(st.booleans()),
            spec=replace(make_market(name).spec, volume_min=data.draw(_odd), volume_step=data.draw(_odd)),
        )
        for name in data.draw(st.sets(st.sampled_from("ABX")))
    }
    held = [
        make_held(
            data.draw(st.sampled_from("ABX")),
            data.draw(_odd),
            data.draw(st.sampled_from(["buy", "sell"])),
            ticket=ticket,
            notional=data.draw(_odd),
            margin=data.draw(_odd),
        )
        for ticket in range(data.draw(st.integers(0, 3)))
    ]
    state = make_state(
        *held, markets=markets, equity=data.draw(_odd), margin_free=data.draw(_odd), drawdown_pct=data.draw(_odd)
    )
    given = Given(volatility_pct={"A": data.draw(_odd)}, day_start_equity=data.draw(st.none() | _odd))
    wanted = (Target("A", data.draw(_odd), data.draw(_odd)), Target("B", 0.02))
    later = replace(state, now_ms=NOW_MS + 400_000)
    for rules in (make_rules(), make_rules(limits=Limits(), classes=FREE)):
        first = step(begin("p1", wanted, NOW_MS), rules, later, (), given)
        again = step(first.plan, rules, later, (), given)
        assert (again.plan, again.advice.instructions) == (first.plan, ())
        report = Report(key="x", status="done", time_ms=0, lots=data.draw(_odd))
        step(first.plan, rules, later, (report,), given)
        emergency = emergency_plan("e1", rules, later, data.draw(st.sampled_from(["reduce", "close"])), first.plan)
        step(emergency, rules, later, (), given)
