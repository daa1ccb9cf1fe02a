"""Measured tails in a decision: risk per lot, horizon, audit, the book's worst case and the portfolio's room."""

import dataclasses
import math
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from sizing.book import Assessment, PricedSymbol, assess
from sizing.decision import Decision
from sizing.engine import size
from sizing.policy import Policy, TailPolicy
from sizing.snapshot import (
    Conversion,
    MarketStats,
    PendingOrder,
    Portfolio,
    Position,
    Quote,
    Side,
    Signal,
    Snapshot,
    TailAudit,
    TailModel,
)
from sizing.stats.joint import DayMoves, day_moves, joint_book, leg_losses, shortfall_of
from sizing.stats.shortfall import expected_shortfall
from sizing.stats.stop_tail import stop_tail
from sizing.stats.tail import measured_tail
from sizing.stats.windows import Moves, moves, stop_trade_losses
from sizing.symbols import SymbolClass
from tests.builders import NOW_MS, at, make_account, make_order, make_position, make_spec
from tests.sizing.builders import (
    NO_FIRM,
    cap_of,
    loose_policy,
    make_signal,
    make_snapshot,
    make_stats,
    make_view,
)
from tests.sizing.histories import wild

UNIT = 100_000.0
"""Account currency per lot of EURUSD and 1.0 of price."""
COSTLY = SymbolClass(patterns=("*",), max_lots=1e9, max_notional_pct=1e9, commission_per_lot=7.0, slippage_points=20.0)
SIDES: tuple[Side, ...] = ("buy", "sell")


@cache
def path_of(seed: int, week: int = 7) -> Moves:
    path = moves(wild(seed, 1_000 if week == 5 else 330, week=week, crashes=0.01))
    assert path is not None
    # As if the market stood at 1.1 now, and moved by 60 pips a day.
    return dataclasses.replace(path, unit=0.006)


@cache
def stats_of(seed: int, week: int = 7) -> MarketStats:
    table = stop_tail(path_of(seed, week), 0.008, TailPolicy())
    assert table is not None
    return make_stats(measured=table)


def asked(side: Side = "buy", pips: float = 50.0, **over: Any) -> Signal:
    """A trade at the market with its stop so many pips away and no target."""
    sign = 1 if side == "buy" else -1
    return make_signal(side=side, stop_loss=round(1.1 - sign * pips / 10_000, 7), take_profit=None, **over)


def decide(seed: int, side: Side = "buy", pips: float = 50.0, *, snapshot: Any = None, **over: Any) -> Decision:
    moment = make_snapshot(view=make_view(stats=stats_of(seed)), firm=NO_FIRM, **(snapshot or {}))
    return size(asked(side, pips, **over), moment, loose_policy())


# Risk per lot --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", SIDES)
def test_the_risk_per_lot_is_the_measured_shortfall_and_the_waterfall_says_so(side: Side) -> None:
    figures = measured_tail(stats_of(1).measured, side, 0.005, 1, weekend=False)  # type: ignore[arg-type]
    decision = decide(1, side)
    assert decision.stop_loss_per_lot == pytest.approx(500.0)
    assert decision.shortfall_per_lot == decision.risk_per_lot == pytest.approx(figures.shortfall * UNIT)
    assert decision.risk_per_lot > 510.0
    assert decision.value_at_risk_per_lot == pytest.approx(figures.value_at_risk * UNIT)  # type: ignore[operator]
    assert decision.lots == pytest.approx(math.floor(decision.budget / decision.risk_per_lot * 100) / 100)
    (budget, *_) = decision.caps
    assert f"shortfall {decision.shortfall_per_lot:.2f} ({len(path_of(1))} daily paths, 1 d)" in budget.detail


def test_measured_risk_gives_fewer_lots_than_the_stop_alone() -> None:
    unmeasured = size(asked(), make_snapshot(firm=NO_FIRM), loose_policy())
    assert decide(1).lots < unmeasured.lots


@pytest.mark.parametrize(
    ("minutes", "days", "label"),
    [(1, 1, "1 d"), (1440, 1, "1 d"), (1441, 2, "2 d"), (4000, 3, "5 d"), (20 * 1440, 20, "20 d"),
     (20 * 1440 + 1, 21, "until stopped")],
)  # fmt: skip
def test_the_horizon_of_a_request_chooses_the_row(minutes: int, days: int, label: str) -> None:
    for seed in range(3):
        for side in SIDES:
            figures = measured_tail(stats_of(seed).measured, side, 0.02, days, weekend=True)  # type: ignore[arg-type]
            decision = decide(seed, side, pips=200.0, horizon_minutes=minutes)
            # Where history seldom comes near a stop, the shortfall is that of the stop.
            assert decision.shortfall_per_lot == pytest.approx(max(figures.shortfall * UNIT, 2_000.0))
            assert f"daily paths, {label}" in decision.caps[0].detail


def test_a_horizon_changes_the_risk_of_a_wide_stop_and_so_the_lots() -> None:
    day, fortnight = decide(2, pips=300.0), decide(2, pips=300.0, horizon_minutes=14_400)
    assert fortnight.risk_per_lot > day.risk_per_lot
    assert fortnight.lots < day.lots


def test_without_a_horizon_the_policys_is_taken() -> None:
    snapshot = make_snapshot(view=make_view(stats=stats_of(2)), firm=NO_FIRM)
    decision = size(asked(pips=300.0), snapshot, loose_policy(cost={"horizon_minutes": 5 * 1440}))
    assert decision.risk_per_lot == decide(2, pips=300.0, horizon_minutes=5 * 1440).risk_per_lot
    assert "5 d)" in decision.caps[0].detail


@pytest.mark.parametrize(
    ("now", "minutes", "within"),
    [("2026-03-04 10:00:00", 60, True), ("2026-03-06 19:00:00", 30, True), ("2026-03-06 19:00:00", 240, False)],
)
def test_only_a_trade_that_may_stand_over_the_weekend_is_charged_with_its_gap(
    now: str, minutes: int, within: bool
) -> None:
    now_ms = at(now)
    stats = dataclasses.replace(stats_of(4, 5), as_of_ms=now_ms)
    snapshot = make_snapshot(
        view=make_view(stats=stats), firm=NO_FIRM, now_ms=now_ms, account_ms=now_ms, spec_ms=now_ms,
        quote=Quote(1.1, 1.1, now_ms),
    )  # fmt: skip
    decision = size(asked(horizon_minutes=minutes), snapshot, loose_policy())
    figures = measured_tail(stats.measured, "buy", 0.005, 1, weekend=not within)  # type: ignore[arg-type]
    assert decision.shortfall_per_lot == pytest.approx(figures.shortfall * UNIT)
    assert ("within the week" in decision.caps[0].detail) == within


def test_statistics_that_have_grown_old_measure_nothing() -> None:
    policy = loose_policy()
    old = dataclasses.replace(stats_of(1), as_of_ms=NOW_MS - policy.freshness.max_stats_age_ms - 1)
    decision = size(asked(), make_snapshot(view=make_view(stats=old), firm=NO_FIRM), policy)
    assert "assumed: 1.0% gaps" in decision.caps[0].detail
    assert "daily paths" not in decision.caps[0].detail
    assert decision.value_at_risk_per_lot == decision.stop_loss_per_lot


def test_a_history_without_a_gap_still_counts_some_of_the_assumed_one() -> None:
    # Nothing of 500 days has ever come near the stop: the measured shortfall is below the stop's own loss.
    calm = dataclasses.replace(path_of(1), unit=1e-6)
    table = stop_tail(calm, 0.008, TailPolicy())
    gap = TailModel(gap_probability=0.01, gap_excess=0.004, source="assumed: it")
    stats = make_stats(measured=table, tail=gap)
    decision = size(asked(), make_snapshot(view=make_view(stats=stats), firm=NO_FIRM), loose_policy())
    # A share of 250 / (250 + windows) of 1 % of a gap of 400, in the worst 5 %.
    share = 250 / (250 + len(calm))
    assert decision.shortfall_per_lot == pytest.approx(500 + share * 0.01 / 0.05 * 400)
    assert "a share of the assumed gap" in decision.caps[0].detail
    assert decision.worst_per_lot == pytest.approx(900.0)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("pips", [3.0, 20.0, 80.0, 400.0, 900.0])
def test_spread_widening_slippage_and_commission_are_never_understated(side: Side, pips: float) -> None:
    for seed in range(6):
        view = make_view(stats=stats_of(seed), symbol_class=COSTLY)
        ask = 1.1002
        entry = ask if side == "buy" else 1.1
        sign = 1 if side == "buy" else -1
        signal = make_signal(side=side, stop_loss=round(entry - sign * pips / 10_000, 7), take_profit=None)
        snapshot = make_snapshot(view=view, firm=NO_FIRM, quote=Quote(1.1, ask, NOW_MS))
        decision = size(signal, snapshot, loose_policy())
        assert decision.code in (None, "below_volume_min")
        losses = stop_trade_losses(
            path_of(seed), side, pips / 10_000, 1, spread=0.0002, widening=0.0002, slippage=0.0002
        )
        known = expected_shortfall(losses, 0.95) * UNIT + 7.0
        assert decision.shortfall_per_lot >= known * (1 - 1e-9)
        assert decision.risk_per_lot >= decision.stop_loss_per_lot


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("pips", [12.0, 40.0, 300.0])
def test_the_spread_brings_the_stop_nearer_and_is_paid(side: Side, pips: float) -> None:
    # Ten pips of spread and nothing else: a gap is filled at the bars' opening and the spread beyond it.
    entry, sign = (1.101, 1) if side == "buy" else (1.1, -1)
    signal = make_signal(side=side, stop_loss=round(entry - sign * pips / 10_000, 7), take_profit=None)
    policy = loose_policy(cost={"spread_allowance": 0.0})
    for seed in range(6):
        view = make_view(stats=stats_of(seed))
        snapshot = make_snapshot(view=view, firm=NO_FIRM, quote=Quote(1.1, 1.101, NOW_MS))
        decision = size(signal, snapshot, policy)
        losses = stop_trade_losses(path_of(seed), side, pips / 10_000, 1, spread=0.001)
        assert decision.shortfall_per_lot >= expected_shortfall(losses, 0.95) * UNIT * (1 - 1e-9)
        nearer = measured_tail(view.stats.measured, side, pips / 10_000 - 0.001, 1, weekend=False)  # type: ignore[union-attr, arg-type]
        assert decision.shortfall_per_lot == pytest.approx(max((nearer.shortfall + 0.001) * UNIT, pips * 10))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("pips", [5.0, 60.0, 500.0])
def test_the_worst_case_is_the_stop_and_its_measured_gap(side: Side, pips: float) -> None:
    gaps = []
    for seed in range(4):
        figures = measured_tail(stats_of(seed).measured, side, pips / 10_000, 1, weekend=False)  # type: ignore[arg-type]
        decision = decide(seed, side, pips)
        assert decision.worst_per_lot == pytest.approx(max(decision.risk_per_lot, pips * 10 + figures.gap * UNIT))
        gaps.append(decision.worst_per_lot > decision.risk_per_lot * (1 + 1e-9))
    assert any(gaps)


@pytest.mark.parametrize("side", SIDES)
def test_a_wider_stop_never_has_less_risk_per_lot(side: Side) -> None:
    for seed in range(4):
        decisions = [decide(seed, side, pips) for pips in np.geomspace(1.0, 990.0, 120).tolist()]
        assert all(low.risk_per_lot <= high.risk_per_lot * (1 + 1e-9) for low, high in pairwise(decisions))


@pytest.mark.parametrize("side", SIDES)
def test_a_wider_stop_never_has_a_smaller_worst_case_per_lot(side: Side) -> None:
    # The worst case is what the ledger reserves and what must fit the distance to the loss rules.
    for seed in range(4):
        decisions = [decide(seed, side, pips) for pips in np.geomspace(1.0, 990.0, 120).tolist()]
        assert all(low.worst_per_lot <= high.worst_per_lot * (1 + 1e-9) for low, high in pairwise(decisions))


@pytest.mark.parametrize("side", SIDES)
def test_figures_per_lot_stand_in_order(side: Side) -> None:
    for seed in range(4):
        for pips in (2.0, 40.0, 200.0, 800.0):
            for minutes in (60, 7_000, 50_000):
                found = decide(seed, side, pips, horizon_minutes=minutes)
                assert found.risk_per_lot == max(found.stop_loss_per_lot, found.shortfall_per_lot)
                assert found.worst_per_lot >= found.risk_per_lot
                assert found.value_at_risk_per_lot <= found.risk_per_lot * (1 + 1e-9)


# Audit ---------------------------------------------------------------------------------------------------------------


def audited(audit: TailAudit | None, stats: MarketStats | None) -> Decision:
    view = make_view(stats=stats, audit=audit)
    return size(asked(), make_snapshot(view=view, firm=NO_FIRM), loose_policy())


def test_a_rejected_model_has_its_shortfall_multiplied_and_says_so() -> None:
    plain = audited(None, stats_of(1))
    decision = audited(TailAudit(1.8, "x1.80 by the audit: 40 of 250"), stats_of(1))
    assert decision.shortfall_per_lot == pytest.approx(1.8 * plain.shortfall_per_lot)
    assert decision.risk_per_lot == decision.shortfall_per_lot
    assert decision.worst_per_lot >= decision.risk_per_lot
    assert decision.base_lots == pytest.approx(plain.base_lots / 1.8)
    assert decision.lots < plain.lots
    assert "1 d; x1.80 by the audit: 40 of 250)" in decision.caps[0].detail
    # What the stop costs is no forecast.
    assert decision.stop_loss_per_lot == plain.stop_loss_per_lot


def test_the_audit_corrects_an_assumed_tail_as_well() -> None:
    plain = audited(None, make_stats())
    decision = audited(TailAudit(2.0, "x2.00 by the audit"), make_stats())
    assert decision.shortfall_per_lot == pytest.approx(2 * plain.shortfall_per_lot)
    assert "x2.00 by the audit" in decision.caps[0].detail


# The book's worst case -----------------------------------------------------------------------------------------------


def held(
    *found: Position | PendingOrder, seeds: dict[str, int] | None = None, costs: SymbolClass | None = None
) -> Assessment:
    """The book of these, in symbols with the histories of these seeds."""
    names = {each.symbol for each in found}
    seeds = seeds or dict.fromkeys(names, 1)
    symbols = {
        name: PricedSymbol(
            spec=make_spec(name, currency_base=name[:3]), quote=Quote(1.1, 1.1, NOW_MS),
            conversion=Conversion(1.0, 1.1), stats=stats_of(seeds[name]), symbol_class=costs,
        )
        for name in names
    }  # fmt: skip
    positions = [each for each in found if isinstance(each, Position)]
    orders = [each for each in found if isinstance(each, PendingOrder)]
    return assess(make_account(), positions, orders, symbols, TailPolicy())


@pytest.mark.parametrize(("side", "sl"), [("buy", 1.095), ("sell", 1.105)])
def test_an_open_position_is_at_worst_its_measured_tail(side: Side, sl: float) -> None:
    for seed in range(4):
        figures = measured_tail(stats_of(seed).measured, side, 0.005, 1, weekend=True)  # type: ignore[arg-type]
        book, (leg,) = held(make_position(side=side, sl=sl, volume=2.0), seeds={"EURUSD": seed})
        (exposure,) = book.exposures
        assert exposure.risk == pytest.approx(1_000.0)
        expected = 2 * UNIT * max(0.005 + figures.gap, figures.shortfall)
        assert exposure.worst == pytest.approx(expected)
        assert leg.worst == exposure.worst
        # What it loses on the days themselves is not more, in the tail.
        losses = leg_losses(leg, day_moves(path_of(seed), 1_000).side(side))
        assert expected_shortfall(losses, 0.95) <= exposure.worst * (1 + 1e-9)


def test_each_position_and_order_is_a_leg_of_its_own() -> None:
    book, legs = held(
        make_position(tp=1.11, volume=0.5),
        make_position(ticket=3, side="sell", sl=1.102, price_current=1.1),
        make_order(side="sell", price_open=1.108, sl=1.113, tp=1.09, volume_current=3.0),
        costs=COSTLY,
    )
    buy, sell, order = legs
    assert (buy.symbol, buy.side, buy.lots, buy.promised) == ("EURUSD", "buy", 0.5, False)
    assert (buy.stop, buy.target, buy.near) == pytest.approx((0.005, 0.01, 0.0))
    assert (sell.side, sell.target) == ("sell", None)
    assert (order.lots, order.promised) == (3.0, True)
    assert (order.stop, order.target) == pytest.approx((0.005, 0.018))
    assert [leg.costs for leg in legs] == pytest.approx([27.0] * 3)
    assert [leg.money for leg in legs] == pytest.approx([UNIT] * 3)
    assert sum(leg.worst for leg in legs) == pytest.approx(sum(each.worst for each in book.exposures + book.pending))


def test_an_unpriceable_book_has_no_legs() -> None:
    assessment = held(make_position(), make_position(ticket=2, sl=None))
    assert assessment.book.unpriceable is not None
    assert assessment.legs == ()


def test_a_stop_that_has_locked_in_a_profit_still_has_its_gap() -> None:
    _, (leg,) = held(make_position(sl=1.1, price_current=1.1))
    assert leg.stop == 0.0
    losses = leg_losses(leg, day_moves(path_of(1), 1_000).buy)
    assert losses.max() > 0.0


# The portfolio -------------------------------------------------------------------------------------------------------

SEEDS = {"EURUSD": 1, "GBPUSD": 2, "NZDUSD": 3}


@cache
def days_of_all() -> dict[str, DayMoves]:
    return {name: day_moves(path_of(seed), 1_000) for name, seed in SEEDS.items()}


def portfolio(assessment: Assessment, side: Side) -> Portfolio:
    """What the book and the trade share."""
    book = joint_book(assessment.legs, days_of_all(), 250)
    losses = book.losses + book.whole
    return Portfolio(
        losses=losses, shortfall=shortfall_of(losses, 0.95), own=days_of_all()["EURUSD"].side(side),
        source="joint tail, 299 days",
    )  # fmt: skip


def moment(assessment: Assessment, side: Side, *, joint: bool = True, **view: Any) -> Snapshot:
    """An account with this book, and the book's joint scenarios or none."""
    return make_snapshot(
        exposures=assessment.book.exposures, pending=assessment.book.pending, firm=NO_FIRM,
        view=make_view(stats=stats_of(SEEDS["EURUSD"]), **view),
        portfolio=portfolio(assessment, side) if joint else None,
    )  # fmt: skip


def allowing(assessment: Assessment, share: float) -> tuple[Policy, float]:
    """A policy whose portfolio budget is a multiple of what the book loses in its tail, and that budget.

    One trade may risk a lot, so that it is the portfolio that matters.
    """
    budget = share * portfolio(assessment, "buy").shortfall
    return loose_policy(caps={"portfolio_shortfall_pct": budget / 1_000}, budget={"base_risk_pct": 5.0}), budget


def two_positions(lots: float = 1.0) -> Assessment:
    return held(
        make_position(symbol="GBPUSD", volume=lots),
        make_position(symbol="NZDUSD", ticket=2, side="sell", sl=1.106, volume=lots),
        seeds=SEEDS,
    )


def one_long(lots: float = 1.0) -> Assessment:
    return held(make_position(volume=lots), seeds=SEEDS)


def room(assessment: Assessment, share: float, signal: Signal, **over: Any) -> float | None:
    """The portfolio's room in lots."""
    decision = size(signal, moment(assessment, signal.side, **over), allowing(assessment, share)[0])
    return cap_of(decision, "portfolio_shortfall").lots


def own_losses(side: Side, pips: float) -> Any:
    """What one lot of the trade loses on the same days, by the reading of windows; it gains nothing."""
    return np.maximum(stop_trade_losses(path_of(SEEDS["EURUSD"]), side, pips / 10_000, 1) * UNIT, 0.0)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("pips", [30.0, 60.0, 150.0])
@pytest.mark.parametrize("share", [1.02, 1.2, 4.0])
def test_the_portfolio_is_solved_in_lots_and_keeps_its_budget(side: Side, pips: float, share: float) -> None:
    assessment, signal = two_positions(), asked(side, pips, confidence=100.0)
    policy, budget = allowing(assessment, share)
    before = size(signal, moment(assessment, side, joint=False), policy)
    assert before.binding == "portfolio_shortfall"
    assert "every tail at once" in cap_of(before, "portfolio_shortfall").detail
    after = size(signal, moment(assessment, side), policy)
    cap, losses, own = cap_of(after, "portfolio_shortfall"), portfolio(assessment, side).losses, own_losses(side, pips)
    assert "joint tail, 299 days" in cap.detail
    assert after.lots > before.lots
    assert expected_shortfall(losses + after.lots * own, 0.95) <= budget * (1 + 1e-9)
    if cap.lots is None:
        assert after.binding != "portfolio_shortfall"
        assert f"more with {after.base_lots:.4f} lots" in cap.detail
    else:
        assert after.binding == "portfolio_shortfall"
        assert after.lots == math.floor(cap.lots * 100) / 100
        assert expected_shortfall(losses + cap.lots * own, 0.95) == pytest.approx(budget)
        assert expected_shortfall(losses + (after.lots + 0.01) * own, 0.95) > budget


def test_the_portfolio_both_binds_and_does_not() -> None:
    # The test before this one looks at both.
    rooms = [room(two_positions(), share, asked(confidence=100.0)) for share in (1.02, 1.2, 4.0)]
    assert rooms[0] is not None
    assert rooms[-1] is None


@pytest.mark.parametrize("side", SIDES)
def test_joint_scenarios_never_leave_less_than_all_tails_at_once(side: Side) -> None:
    for make in (two_positions, one_long):
        assessment = make()
        whole = sum(each.worst for each in assessment.book.exposures) / portfolio(assessment, side).shortfall
        for share in (0.8, 1.0, 1.1, 1.5, whole * 0.99, whole * 1.05, whole * 1.2, whole * 2):
            policy, _ = allowing(assessment, share)
            for pips in (15.0, 60.0, 250.0):
                signal = asked(side, pips, confidence=100.0)
                before, after = (size(signal, moment(assessment, side, joint=joint), policy) for joint in (False, True))
                assert after.lots >= before.lots


def test_where_something_else_binds_the_joint_scenarios_are_not_looked_at() -> None:
    assessment, signal = two_positions(), asked(max_lots=0.05)
    before, after = (size(signal, moment(assessment, "buy", joint=joint), loose_policy()) for joint in (False, True))
    assert before.binding == "request_max_lots"
    assert after == before


def test_a_book_beyond_its_budget_leaves_nothing() -> None:
    assessment = two_positions()
    decision = size(asked(), moment(assessment, "buy"), allowing(assessment, 0.99)[0])
    assert (decision.code, decision.lots) == ("portfolio_shortfall", 0.0)
    assert cap_of(decision, "portfolio_shortfall").lots == 0.0


def test_a_hedge_of_the_book_has_more_room_than_its_double() -> None:
    double, hedge = (room(one_long(3.0), 1.05, asked(side, confidence=100.0)) for side in SIDES)
    assert double is not None
    assert hedge is None or hedge > double


@pytest.mark.parametrize("order", ["market", "pending"])
def test_a_trade_is_no_hedge_before_the_terminal_shows_it(order: Any) -> None:
    # Of 0.5 lots: half of what is open. Until it is filled nothing is gained, and the book must be within its budget.
    signal = dataclasses.replace(asked("sell", confidence=100.0), order=order, entry=1.1)
    assessment = one_long(4.0)
    policy, budget = allowing(assessment, 1.01)
    decision = size(signal, moment(assessment, "sell"), policy)
    lots = cap_of(decision, "portfolio_shortfall").lots
    assert lots is not None
    losses = portfolio(assessment, "sell").losses
    assert expected_shortfall(losses + lots * own_losses("sell", 50.0), 0.95) == pytest.approx(budget)


@pytest.mark.parametrize(("minutes", "joint"), [(1, True), (1_440, True), (1_441, False), (28_800, False)])
def test_scenarios_of_one_day_are_for_trades_of_one_day(minutes: int, joint: bool) -> None:
    signal, assessment = asked(confidence=100.0, horizon_minutes=minutes), two_positions()
    decision = size(signal, moment(assessment, "buy"), allowing(assessment, 1.02)[0])
    assert ("joint tail" in cap_of(decision, "portfolio_shortfall").detail) == joint


def test_the_audit_multiplies_what_the_trade_loses_on_each_day() -> None:
    assessment, signal = two_positions(), asked(confidence=100.0)
    policy, budget = allowing(assessment, 1.02)
    decision = size(signal, moment(assessment, "buy", audit=TailAudit(2.0, "x2.00 by the audit")), policy)
    own = own_losses("buy", 50.0)
    lots = cap_of(decision, "portfolio_shortfall").lots
    assert lots is not None
    doubled = portfolio(assessment, "buy").losses + lots * 2 * own
    assert expected_shortfall(doubled, 0.95) == pytest.approx(budget)
    assert decision.lots < size(signal, moment(assessment, "buy"), policy).lots


def test_what_nobody_knows_leaves_nothing() -> None:
    assessment = two_positions()
    snapshot = moment(assessment, "buy")
    assert snapshot.portfolio is not None
    own = snapshot.portfolio.own._replace(close=np.full(len(snapshot.portfolio.losses), float("nan")))
    broken = dataclasses.replace(snapshot, portfolio=dataclasses.replace(snapshot.portfolio, own=own))
    assert size(asked(confidence=100.0), broken, allowing(assessment, 1.05)[0]).lots == 0.0
