"""Ceilings that come from the firm: trailing floors, open risk, floating loss, counts, lots."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizing.book import PricedSymbol, assess
from sizing.caps.prop import Trail, trail_room
from sizing.decision import Decision
from sizing.engine import size
from sizing.policy import TailPolicy
from sizing.prop.anchors import RuleState
from sizing.prop.calendar import day_bounds
from sizing.prop.evaluate import Kept, firm_state
from sizing.prop.rules import LossRule
from sizing.rooms import UNBOUNDED
from sizing.snapshot import Conversion, FirmState, OpenLimits, RuleStatus
from tests.builders import NOW_MS, make_account, make_position, make_quote, make_spec
from tests.sizing.builders import (
    cap_lots,
    ftmo,
    loose_policy,
    loss_rule,
    make_exposure,
    make_signal,
    make_snapshot,
)

TRAILING: dict[str, Any] = {
    "name": "trailing", "scope": "total", "amount_pct": 4.0, "anchor": "equity", "sampled": "tick", "ratchet": True,
    "strict": False,
}  # fmt: skip
NO_GAP_NO_STRESS = TailPolicy(gap_probability=0.0, gap_excess_atr=0.0, gap_excess_pct=0.0)


def trailing(**over: Any) -> LossRule:
    """Apex's: 4 % below the highest equity ever seen, touching it breaches."""
    return loss_rule(**{**TRAILING, **over})


def ruled(rule: LossRule, peak: float, balance: float = 100_000.0, equity: float | None = None) -> FirmState:
    """An account that began with 100,000, with this anchor."""
    account = make_account(balance=balance, equity=balance if equity is None else equity)
    state = RuleState(rule.name, rule.kind, peak, day_bounds(ftmo(), NOW_MS)[0], NOW_MS)
    return firm_state(ftmo(rules=(rule,)), account, 100_000.0, Kept({rule.name: state}), NOW_MS)


def decide(
    firm: FirmState, take_profit: float | None = 1.115, untargeted_reach_stops: float = 0.0, **over: Any
) -> Decision:
    """50 pips to the stop, 150 to the target; a policy in which only the firm limits."""
    policy = loose_policy(
        budget={"base_risk_pct": 10.0},
        caps={
            "daily_distance_share_pct": 100.0,
            "total_distance_share_pct": 100.0,
            "portfolio_shortfall_pct": 100.0,
            "untargeted_reach_stops": untargeted_reach_stops,
        },
    )
    return size(make_signal(take_profit=take_profit), make_snapshot(firm=firm, **over), policy)


def test_a_trailing_floor_leaves_room_for_winning_first_and_losing_it_all() -> None:
    decision = decide(ruled(trailing(), peak=100_000.0))
    # A lot may gain 1,500 and then lose 500 below its entry: 2,000 from the peak, of 3,999.99 that may be lost.
    assert decision.binding == "trailing_trail"
    assert decision.reach_per_lot == pytest.approx(1_500.0)
    assert decision.worst_per_lot == pytest.approx(500.0)
    assert decision.lots == 1.99


def test_without_a_target_nothing_is_given_under_a_floor_that_follows() -> None:
    decision = decide(ruled(trailing(), peak=100_000.0), take_profit=None)
    assert (decision.lots, decision.code) == (0.0, "total_loss_headroom")
    assert "send take_profit" in (decision.message or "")


def test_without_a_target_as_many_stops_as_the_policy_says() -> None:
    decision = decide(ruled(trailing(), peak=100_000.0), take_profit=None, untargeted_reach_stops=2.0)
    assert decision.reach_per_lot == pytest.approx(2.0 * 500.0)
    assert decision.lots == 2.66  # 3,999.99 by 1,500


def test_without_a_target_the_lock_bounds_what_the_floor_can_rise() -> None:
    decision = decide(ruled(trailing(lock_pct=96.2), peak=100_000.0), take_profit=None)
    assert decision.lots == 7.59  # 3,799.99 by 500


def test_something_open_without_a_target_blocks_a_floor_that_follows() -> None:
    held = make_exposure(symbol="XAUUSD", risk=500.0, worst=500.0, reach=UNBOUNDED)
    decision = decide(ruled(trailing(), peak=100_000.0), exposures=(held,), correlation={"EURUSD": {"XAUUSD": 0.0}})
    assert (decision.lots, decision.binding) == (0.0, "trailing_trail")


def test_the_balance_is_compared_too_where_the_rule_says_so() -> None:
    """Losers may be closed while winners stay open: their floating loss then comes out of the balance."""
    rule = loss_rule(amount_pct=3.0, measured_on="balance")
    account = make_account(balance=98_000.0, equity=99_100.0)
    state = RuleState(rule.name, rule.kind, 100_000.0, day_bounds(ftmo(), NOW_MS)[0], NOW_MS)
    firm = firm_state(ftmo(rules=(rule,)), account, 100_000.0, Kept({rule.name: state}), NOW_MS, winning=2_000.0)
    loser = make_exposure(symbol="XAUUSD", risk=365.0, worst=365.0, deficit=1_265.0)
    apart = {"EURUSD": {"XAUUSD": 0.0}}
    decision = decide(firm, account=account, exposures=(loser,), correlation=apart)
    # 1,000 of balance are left above 97,000, and the loser may cost it 1,265.
    assert (decision.lots, decision.code) == (0.0, "daily_loss_headroom")
    winners_only = decide(firm, account=account)
    assert cap_lots(winners_only, "daily_headroom") == pytest.approx(2.0)  # 1,000 by 500


def test_near_its_lock_the_floor_can_rise_no_further_than_that() -> None:
    firm = ruled(trailing(lock_pct=96.2), peak=100_000.0)  # the floor is 96,000 and may still rise by 200
    decision = decide(firm)
    assert firm.rules[0].rise == pytest.approx(200.0)
    assert decision.lots == 7.59  # 3,799.99 by 500


def test_a_locked_floor_is_a_static_one() -> None:
    firm = ruled(trailing(lock_pct=100.0), peak=105_000.0, balance=105_000.0)
    assert (firm.rules[0].floor, firm.rules[0].rise) == (100_000.0, 0.0)


def test_what_is_open_may_gain_first_too() -> None:
    held = make_exposure(symbol="XAUUSD", risk=500.0, worst=500.0, reach=1_000.0)
    decision = decide(ruled(trailing(), peak=100_000.0), exposures=(held,), correlation={"EURUSD": {"XAUUSD": 0.0}})
    assert decision.lots == 1.24  # 3,999.99 - 500 - 1,000 by 2,000


@settings(max_examples=300, deadline=None)
@given(
    room=st.floats(1.0, 1e5), reach=st.floats(0.0, 1e5), rise=st.none() | st.floats(0.0, 1e5),
    worst=st.floats(1.0, 1e4), gain=st.floats(0.0, 1e5), part=st.floats(0.0, 1.0),
)  # fmt: skip
def test_however_far_everything_runs_before_it_loses_the_floor_holds(
    room: float, reach: float, rise: float | None, worst: float, gain: float, part: float
) -> None:
    """The floor follows what is gained up to its lock; then all of it and the worst case are lost."""
    lots = trail_room(Trail("rule", room, reach, rise), worst, gain).amount
    assert lots is not None
    if lots == 0:
        return
    gained = part * (reach + lots * gain)
    risen = gained if rise is None else min(gained, rise)
    assert risen + lots * worst <= room * (1 + 1e-9)


@pytest.mark.parametrize(
    ("limits", "cap", "lots"),
    [
        (OpenLimits(open_risk=1_001.0), "firm_open_risk", 2.002),
        (OpenLimits(floating_loss=1_001.01), "firm_floating_loss", 2.002),
        (OpenLimits(max_lots_per_order=1.5), "firm_max_lots", 1.5),
        (OpenLimits(max_lots_open=1.25), "firm_open_lots", 1.25),
    ],
)
def test_limits_beside_the_loss_rules(limits: OpenLimits, cap: str, lots: float) -> None:
    decision = decide(FirmState(name="x", limits=limits))
    assert cap_lots(decision, cap) == pytest.approx(lots)
    assert (decision.binding, decision.lots) == (cap, round(lots, 2))


def test_what_is_open_uses_the_limits_up() -> None:
    held = make_exposure(symbol="XAUUSD", risk=400.0, worst=500.0, deficit=600.0, lots=0.5)
    limits = OpenLimits(open_risk=1_000.0, floating_loss=1_000.01, max_lots_open=1.25, max_positions=1)
    decision = decide(FirmState(name="x", limits=limits), exposures=(held,))
    found = {name: cap_lots(decision, name) for name in ("firm_open_risk", "firm_floating_loss", "firm_open_lots")}
    assert found == pytest.approx({"firm_open_risk": 1.2, "firm_floating_loss": 0.8, "firm_open_lots": 0.75})
    assert (decision.code, decision.binding) == ("firm_limit", "firm_positions")


def book_of(*positions: Any, bid: float = 1.1) -> Any:
    symbol = PricedSymbol(spec=make_spec(), quote=make_quote(bid=bid, ask=bid), conversion=Conversion(1.0, 1.1))
    found = assess(make_account(), positions, (), {"EURUSD": symbol}, NO_GAP_NO_STRESS)
    return found.book


def test_a_winner_beyond_its_stop_shows_no_floating_loss_and_could_be_closed() -> None:
    winner = make_position(price_open=1.09, price_current=1.1, sl=1.095, tp=1.12, profit=1_000.0)
    book = book_of(winner)
    (held,) = book.exposures
    assert held.worst == pytest.approx(500.0)
    assert held.deficit == 0.0  # it would still win 500
    assert held.reach == pytest.approx(2_000.0)
    assert book.winning == pytest.approx(1_000.0)


def test_winners_do_not_offset_losers() -> None:
    winner = make_position(ticket=1, price_open=1.09, price_current=1.1, sl=1.095, profit=1_000.0)
    loser = make_position(ticket=2, price_open=1.102, price_current=1.1, sl=1.095, profit=-200.0)
    book = book_of(winner, loser)
    (held,) = book.exposures
    assert held.deficit == pytest.approx(700.0)
    assert book.winning == pytest.approx(1_000.0)


def test_a_winner_that_may_be_closed_before_the_reset_lifts_the_floor_after_it() -> None:
    """Balance 100,000 with +3,000 and -3,000 floating: closing the winner makes the day's anchor 103,000."""
    account = make_account(balance=100_000.0, equity=100_000.0)
    rule = loss_rule()
    state = RuleState(rule.name, rule.kind, 100_000.0, day_bounds(ftmo(), NOW_MS)[0], NOW_MS)
    firm = firm_state(ftmo(rules=(rule,)), account, 100_000.0, Kept({rule.name: state}), NOW_MS, winning=3_000.0)
    status: RuleStatus = firm.rules[0]
    assert (status.floor, status.headroom) == (95_000.0, 5_000.0)
    assert (status.floor_after_reset, status.headroom_after_reset) == (98_000.0, 2_000.0)


def test_swaps_of_open_positions_are_an_allowance() -> None:
    spec = make_spec(swap_mode=1, swap_long=-10.0)
    symbol = PricedSymbol(spec=spec, quote=make_quote(bid=1.1, ask=1.1), conversion=Conversion(1.0, 1.1), nights=3)
    book = assess(make_account(), [make_position()], (), {"EURUSD": symbol}, NO_GAP_NO_STRESS).book
    # 10 points of 1 USD a lot and night.
    assert book.exposures[0].risk == pytest.approx(500.0 + 3 * 10.0)
