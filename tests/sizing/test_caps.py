"""Every cap of DESIGN's step 12 by hand, in lots."""

import dataclasses
import math
from typing import Any

import pytest

from sizing.decision import Decision
from sizing.engine import size
from sizing.snapshot import Exposure, Snapshot
from sizing.symbols import SymbolClass
from tests.builders import make_account, make_spec
from tests.sizing.builders import (
    NO_FIRM,
    cap_lots,
    cap_of,
    ftmo_state,
    loose_policy,
    make_exposure,
    make_policy,
    make_signal,
    make_snapshot,
    make_view,
)

# One lot of the good question risks 500 (50 pips, no costs, no gap), is worth 110,000 and ties up 1,100.


def decide(*exposures: Exposure, policy: Any = None, signal: Any = None, **over: Any) -> Decision:
    snapshot: Snapshot = make_snapshot(exposures=exposures, **over)
    return size(signal or make_signal(), snapshot, policy or make_policy())


def test_every_cap_is_evaluated_and_reported_in_order() -> None:
    decision = decide(signal=make_signal(max_lots=3.0, max_risk_pct=1.0), spec=make_spec(volume_limit=20.0))
    assert [cap.name for cap in decision.caps] == [
        "risk_budget", "request_max_lots", "request_max_risk", "symbol_max_lots", "notional", "daily_share",
        "daily_headroom", "total_share", "total_headroom", "concentration", "portfolio_shortfall", "margin",
        "gross_exposure", "net_exposure", "positions", "symbol_positions", "volume_max", "volume_limit",
    ]  # fmt: skip
    assert all(cap.detail for cap in decision.caps)


def test_the_requests_own_ceilings() -> None:
    decision = decide(signal=make_signal(max_lots=0.37, max_risk_pct=0.5))
    assert cap_lots(decision, "request_max_lots") == 0.37
    assert cap_lots(decision, "request_max_risk") == pytest.approx(1.0)  # 0.5 % of 100,000 at 500 a lot
    assert decision.lots == 0.37
    assert decision.binding == "request_max_lots"


def test_the_class_limits_lots_and_notional() -> None:
    limits = SymbolClass(patterns=("*",), max_lots=0.75, max_notional_pct=55.5)
    decision = decide(view=make_view(symbol_class=limits))
    assert cap_lots(decision, "symbol_max_lots") == 0.75
    assert cap_lots(decision, "notional") == pytest.approx(55_500 / 110_000)
    assert (decision.lots, decision.binding, decision.runner_up) == (0.5, "notional", "symbol_max_lots")


def test_each_loss_rule_gives_a_share_per_trade_and_its_net_distance() -> None:
    # Equity 99,000 over floors of 95,000 and 90,000; open positions may lose 600 elsewhere.
    account = make_account(balance=99_000.0)
    decision = decide(
        make_exposure("XAUUSD", risk=400.0, worst=600.0), correlation={"EURUSD": {"XAUUSD": 0.0}}, account=account,
        firm=ftmo_state(account, 100_000.0, 100_000.0),
    )  # fmt: skip
    assert cap_lots(decision, "daily_share") == pytest.approx(4_000 * 0.2 / 500)
    assert cap_lots(decision, "daily_headroom") == pytest.approx((4_000 - 600) / 500)
    assert cap_lots(decision, "total_share") == pytest.approx(9_000 * 0.1 / 500)
    assert cap_lots(decision, "total_headroom") == pytest.approx((9_000 - 600) / 500)


def test_the_net_distance_looks_past_the_next_reset() -> None:
    # 104,000 of balance make tomorrow's floor 99,000; equity of 101,000 has 6,000 now and 2,000 then.
    account = make_account(balance=104_000.0, equity=101_000.0)
    decision = decide(account=account, firm=ftmo_state(account, 100_000.0, 100_000.0), peak_equity=101_000.0)
    assert cap_lots(decision, "daily_share") == pytest.approx(6_000 * 0.2 / 500)
    assert cap_lots(decision, "daily_headroom") == pytest.approx(2_000 / 500)
    assert "after the reset" in cap_of(decision, "daily_headroom").detail


def test_reservations_take_headroom_as_positions_do() -> None:
    reserved = (make_exposure("XAUUSD", risk=1_000.0, worst=4_000.0),)
    decision = decide(reserved=reserved, correlation={"EURUSD": {"XAUUSD": 0.0}})
    assert cap_lots(decision, "daily_headroom") == pytest.approx(1_000 / 500)
    assert cap_lots(decision, "total_headroom") == pytest.approx(6_000 / 500)


def test_two_equal_answers_in_flight_do_not_both_get_headroom_for_one() -> None:
    # 707 are left to the daily floor; the worst case of one lot is 500.
    account = make_account(balance=95_707.0)
    firm = ftmo_state(account, 100_000.0, 100_000.0)
    policy = loose_policy(budget={"model": "fixed", "base_risk_pct": 10.0})
    first = decide(account=account, firm=firm, policy=policy)
    assert first.lots == 1.41
    promised = make_exposure("EURUSD", risk=first.risk_amount, worst=first.worst_case)
    second = decide(account=account, firm=firm, policy=policy, reserved=(promised,))
    assert (second.lots, second.code) == (0.0, "daily_loss_headroom")


def test_concentration_counts_the_symbol_and_what_moves_with_it() -> None:
    # Daily budget 2,500, of which 30 % is 750; 100 + 40 + 30 of it are in the cluster.
    table = {"EURUSD": {"GBPUSD": 0.71, "AUDUSD": 0.7, "USDCHF": -0.9, "NZDUSD": 0.9}}
    decision = decide(
        make_exposure("EURUSD", risk=100.0),
        make_exposure("GBPUSD", risk=40.0),
        make_exposure("AUDUSD", risk=5_000.0),  # 0.7 is not above 0.7
        make_exposure("USDCHF", "sell", risk=30.0),  # sold against it moves with it
        make_exposure("USDCHF", risk=5_000.0),
        make_exposure("NZDUSD", "sell", risk=5_000.0),
        correlation=table,
    )
    assert cap_lots(decision, "concentration") == pytest.approx((750 - 170) / 500)


def test_concentration_without_a_daily_rule_is_a_share_of_equity() -> None:
    assert cap_lots(decide(firm=NO_FIRM), "concentration") == pytest.approx(100_000 * 0.03 * 0.3 / 500)


def test_concentration_takes_the_tightest_daily_rule() -> None:
    state = ftmo_state(make_account())
    tight = state.rules[0]._replace(name="pause", start_distance=2_000.0)
    decision = decide(firm=dataclasses.replace(state, rules=(*state.rules, tight)))
    assert cap_lots(decision, "concentration") == pytest.approx(2_000 * 0.5 * 0.3 / 500)


def test_portfolio_shortfall_adds_every_tail() -> None:
    decision = decide(
        make_exposure("XAUUSD", risk=100.0, worst=1_500.0), reserved=(make_exposure("US30", risk=1.0, worst=2_000.0),),
        correlation={"EURUSD": {"XAUUSD": 0.0, "US30": 0.0}},
    )  # fmt: skip
    assert cap_lots(decision, "portfolio_shortfall") == pytest.approx((6_000 - 3_500) / 500)


def test_margin_is_a_share_of_the_free_margin_less_what_is_promised() -> None:
    decision = decide(
        account=make_account(margin_free=5_000.0), reserved=(make_exposure("XAUUSD", margin=700.0),),
    )  # fmt: skip
    assert cap_lots(decision, "margin") == pytest.approx((5_000 * 0.8 - 700) / 1_100)


def test_bitcoin_is_sized_by_the_margin_that_carries_it() -> None:
    # A CFD without leverage: a risk of 1 % would buy more than the account can pay for.
    spec = make_spec(
        trade_calc_mode=2, trade_contract_size=1.0, trade_tick_size=0.01, trade_tick_value=0.01, digits=2, point=0.01,
        currency_base="BTC", currency_margin="USD",
    )  # fmt: skip
    snapshot = make_snapshot(spec=spec, firm=NO_FIRM)
    snapshot = dataclasses.replace(
        snapshot,
        quote=snapshot.quote._replace(bid=97_000.0, ask=97_000.0),
        conversion=snapshot.conversion._replace(margin=1.0),
    )
    decision = size(make_signal(stop_loss=96_900.0, take_profit=97_300.0), snapshot, loose_policy())
    assert decision.base_lots == pytest.approx(11.0)
    assert (decision.lots, decision.binding) == (1.03, "margin")


def test_gross_and_net_exposure_in_face_value() -> None:
    decision = decide(
        make_exposure("XAUUSD", "sell", risk=1.0, notional=60_000.0),
        make_exposure("US30", "buy", risk=1.0, notional=90_000.0),
        correlation={"EURUSD": {"XAUUSD": 0.0, "US30": 0.0}},
    )
    assert cap_lots(decision, "gross_exposure") == pytest.approx((200_000 - 150_000) / 110_000)
    assert cap_lots(decision, "net_exposure") == pytest.approx((100_000 - 30_000) / 110_000)


def test_net_exposure_of_a_sell_counts_the_other_way_round() -> None:
    decision = decide(
        make_exposure("US30", "buy", risk=1.0, notional=30_000.0), correlation={"EURUSD": {"US30": 0.0}},
        signal=make_signal(side="sell", stop_loss=1.105, take_profit=1.085),
    )  # fmt: skip
    assert cap_lots(decision, "net_exposure") == pytest.approx((100_000 + 30_000) / 110_000)


def test_pending_orders_take_room_as_positions_do_but_net_nothing() -> None:
    pending = (
        make_exposure("EURUSD", "sell", risk=0.0, worst=900.0, notional=50_000.0, margin=500.0, positions=2),
        make_exposure("EURUSD", "buy", risk=50.0, worst=100.0, notional=10_000.0, margin=100.0, lots=0.5),
    )
    decision = decide(pending=pending, spec=make_spec(volume_limit=5.0))
    assert cap_lots(decision, "daily_headroom") == pytest.approx((5_000 - 1_000) / 500)
    assert cap_lots(decision, "portfolio_shortfall") == pytest.approx((6_000 - 1_000) / 500)
    assert cap_lots(decision, "concentration") == pytest.approx((750 - 50) / 500)
    assert cap_lots(decision, "margin") == pytest.approx((80_000 - 600) / 1_100)
    assert cap_lots(decision, "gross_exposure") == pytest.approx((200_000 - 60_000) / 110_000)
    assert cap_lots(decision, "net_exposure") == pytest.approx((100_000 - 10_000) / 110_000)
    assert cap_lots(decision, "volume_limit") == pytest.approx(4.5)
    assert cap_of(decision, "symbol_positions").lots == 0.0


def test_positions_do_not_limit_below_the_count_and_leave_nothing_at_it() -> None:
    for count, expected in ((9, None), (10, 0.0), (11, 0.0)):
        decision = decide(make_exposure("XAUUSD", risk=0.0, positions=count), correlation={"EURUSD": {"XAUUSD": 0.0}})
        assert cap_of(decision, "positions").lots == expected
        assert cap_of(decision, "symbol_positions").lots is None


def test_positions_add_up_over_both_sides_pendings_and_reservations() -> None:
    decision = decide(
        make_exposure("EURUSD", "sell", risk=0.0, positions=1),
        make_exposure("EURUSD", "buy", risk=0.0, positions=1),
        reserved=(make_exposure("EURUSD", "buy", risk=0.0, positions=1),),
    )
    assert cap_of(decision, "symbol_positions").lots == 0.0


def test_volume_limit_is_per_side_and_counts_what_is_pending_and_reserved() -> None:
    decision = decide(
        make_exposure("EURUSD", "buy", risk=0.0, lots=2.5),
        make_exposure("EURUSD", "sell", risk=0.0, lots=4.0),
        reserved=(make_exposure("EURUSD", "buy", risk=0.0, lots=1.0),),
        spec=make_spec(volume_limit=5.0),
    )
    assert cap_lots(decision, "volume_limit") == pytest.approx(1.5)


def test_without_a_volume_limit_none_is_shown() -> None:
    assert "volume_limit" not in [cap.name for cap in decide().caps]


def test_volume_max_off_the_lattice_gives_the_step_below_it() -> None:
    decision = decide(spec=make_spec(volume_max=0.99, volume_min=0.1, volume_step=0.1), policy=loose_policy())
    assert cap_lots(decision, "volume_max") == 0.99
    assert (decision.lots, decision.binding) == (0.9, "volume_max")


def test_a_volume_max_below_the_volume_min_gives_nothing() -> None:
    decision = decide(spec=make_spec(volume_max=0.05, volume_min=0.1, volume_step=0.01))
    assert (decision.lots, decision.code) == (0.0, "below_volume_min")


def test_below_the_smallest_volume_nothing_is_rounded_up() -> None:
    # 1,125 at 500 a lot are 2.25 lots.
    policy = loose_policy(budget={"base_risk_pct": 1.125})
    assert decide(spec=make_spec(volume_min=2.2, volume_step=0.1), policy=policy).lots == 2.2
    refused = decide(spec=make_spec(volume_min=2.3, volume_step=0.1), policy=policy)
    assert (refused.lots, refused.code, refused.binding) == (0.0, "below_volume_min", "risk_budget")
    assert refused.base_lots == pytest.approx(2.25)


def test_of_equal_ceilings_the_one_named_first_binds() -> None:
    limits = SymbolClass(patterns=("*",), max_lots=0.5, max_notional_pct=1_000.0)
    view = make_view(symbol_class=limits, spec=make_spec(volume_max=0.5))
    decision = decide(view=view, signal=make_signal(max_lots=0.5))
    assert (decision.lots, decision.binding, decision.runner_up) == (0.5, "request_max_lots", "symbol_max_lots")


@pytest.mark.parametrize("hundredths", range(1, 100))
def test_a_ceiling_on_the_lattice_is_reached_exactly(hundredths: int) -> None:
    lots = hundredths / 100
    assert decide(signal=make_signal(max_lots=lots), policy=loose_policy(), firm=NO_FIRM).lots == lots


def test_a_quotient_that_floats_round_up_costs_a_step_and_not_the_limit() -> None:
    # Free margin one float below what so many lots tie up: divided by the margin of a lot it may give those lots again.
    policy = loose_policy(budget={"base_risk_pct": 10.0})
    one = decide(policy=policy).margin_per_lot
    tempting = 0
    for hundredths in range(1, 1_000):
        lots = hundredths / 100
        free = math.nextafter(lots * one, 0.0)
        tempting += free * 100 / 100 / one >= lots
        decision = decide(account=make_account(margin_free=free), policy=policy, firm=NO_FIRM)
        assert decision.lots * one <= free
        assert decision.lots == round(lots - 0.01, 2)
    assert tempting > 10, "no case in which the quotient alone would have been wrong"


@pytest.mark.parametrize("order", ["market", "pending"])
def test_a_buy_limit_far_below_the_market_does_not_look_small(order: str) -> None:
    # Face value and margin are those of the higher price: the order may be moved, and the account's limits are of now.
    signal = make_signal(order=order, entry=0.55, stop_loss=0.5475, take_profit=0.56)
    if order == "market":
        signal = make_signal()
    decision = decide(signal=signal, firm=NO_FIRM)
    assert decision.notional_per_lot == pytest.approx(110_000)
    assert decision.margin_per_lot == pytest.approx(1_100)
