"""The worked examples of DESIGN and of real account pages, to the cent."""

import dataclasses

import pytest

from sizing.decision import Decision
from sizing.engine import size
from sizing.policy import Policy
from sizing.snapshot import Conversion, Performance, Quote, Signal, Snapshot
from sizing.stats.tail import shortfall
from sizing.symbols import SymbolClass
from tests.builders import NOW_MS, make_account, make_spec
from tests.sizing.builders import (
    cap_lots,
    factor_of,
    ftmo,
    ftmo_state,
    make_exposure,
    make_policy,
    make_signal,
    make_snapshot,
    make_stats,
    make_view,
    state_of,
)

BALANCE = 180_791.0
# The budget must come out at 378 after the factors edge 1.0 * regime 1.2 * diversification 0.825 * performance 1.3
# = 1.287, so base_risk_pct = 378 / (180,791 * 1.287) * 100 = 0.16246 %.
BASE_RISK_PCT = 378 / (BALANCE * 1.0 * 1.2 * 0.825 * 1.3) * 100
# One lot must risk 15 over its stop and have a face value of 2,008.8: with a contract of 1,500 that is a stop 0.01
# away from a price of 1.3392, without spread, slippage, commission, swap or gap.
CONTRACT, ENTRY, STOP, TARGET = 1_500.0, 1.3392, 1.3292, 1.3692


def worked_example() -> tuple[Signal, Snapshot, Policy]:
    account = make_account(balance=BALANCE)
    view = make_view(
        spec=make_spec("EURUSD.sim", trade_contract_size=CONTRACT, trade_tick_value=CONTRACT * 0.00001),
        symbol_class=SymbolClass(patterns=("EURUSD*",), max_lots=10.0, max_notional_pct=20.0),
        stats=make_stats(),
    )
    snapshot = make_snapshot(
        account=account,
        view=view,
        quote=Quote(ENTRY, ENTRY, NOW_MS),
        conversion=Conversion(1.0, ENTRY),
        firm=ftmo_state(account),
        # One open position elsewhere, whose size does not matter for a correlation of 0.35 with it.
        exposures=(make_exposure("GBPUSD.sim", risk=1.0),),
        correlation={"EURUSD.sim": {"GBPUSD.sim": 0.35}, "GBPUSD.sim": {"EURUSD.sim": 0.35}},
        performance=Performance(10, 6),
    )
    signal = make_signal(symbol="EURUSD.sim", stop_loss=STOP, take_profit=TARGET, confidence=75.0, regime="trending")
    return signal, snapshot, make_policy(budget={"base_risk_pct": BASE_RISK_PCT})


@pytest.fixture(name="worked")
def _worked() -> Decision:
    return size(*worked_example())


def test_the_worked_example_answers_ten_lots_bound_by_the_symbol_cap(worked: Decision) -> None:
    assert worked.code is None
    assert worked.lots == 10.0
    assert (worked.binding, worked.runner_up) == ("symbol_max_lots", "notional")
    assert worked.risk_amount == pytest.approx(150.0, abs=1e-6)
    assert worked.risk_percent == pytest.approx(150 / BALANCE * 100)


def test_the_worked_example_budgets_378_and_wants_25_2_lots(worked: Decision) -> None:
    assert worked.risk_per_lot == pytest.approx(15.0)
    assert worked.notional_per_lot == pytest.approx(2_008.8)
    assert worked.budget == pytest.approx(378.0)
    assert worked.base_lots == pytest.approx(25.2)


def test_the_worked_example_shows_its_factors(worked: Decision) -> None:
    shown = {factor.name: factor.value for factor in worked.factors}
    expected = {"edge": 1.0, "regime": 1.2, "diversification": 0.825, "performance": 1.3}
    assert {name: value for name, value in shown.items() if value != 1.0} | {"edge": 1.0} == pytest.approx(expected)
    assert list(shown) == [
        "edge", "regime", "market_score", "diversification", "performance", "volatility", "drawdown", "heat",
        "dispersion",
    ]  # fmt: skip


def test_the_worked_example_shows_its_caps(worked: Decision) -> None:
    assert cap_lots(worked, "symbol_max_lots") == 10.0
    assert cap_lots(worked, "notional") == pytest.approx(18.0, abs=1e-3)
    assert cap_lots(worked, "daily_share") == pytest.approx(120.5, abs=0.05)
    assert cap_lots(worked, "total_share") == pytest.approx(120.5, abs=0.05)


def test_without_the_symbol_cap_the_runner_up_binds_the_worked_example() -> None:
    signal, snapshot, policy = worked_example()
    wide = dataclasses.replace(snapshot.symbol.symbol_class, max_lots=1_000.0)
    snapshot = dataclasses.replace(snapshot, symbol=dataclasses.replace(snapshot.symbol, symbol_class=wide))
    decision = size(signal, snapshot, policy)
    # 20 % of 180,791 is 36,158.20; at 2,008.8 a lot that is 17.9999 lots, and rounding only goes down.
    assert (decision.lots, decision.binding, decision.runner_up) == (17.99, "notional", "risk_budget")


def test_confidence_75_and_three_to_one_expect_1_75_r() -> None:
    decision = size(make_signal(), make_snapshot(), make_policy())
    edge = factor_of(decision, "edge")
    assert edge.value == 1.0
    assert edge.detail.startswith("1.75 R: 68.8 % to win 3.00 R") or edge.detail.startswith("1.75 R: 68.7 %")


def test_the_ftmo_page_gives_its_floors_and_headroom() -> None:
    account = make_account(balance=195_159.09, equity=195_159.09)
    state = state_of(ftmo(), account, 200_000.0, 194_494.96, NOW_MS)
    daily, total = state.rules
    assert account.equity - 194_494.96 == pytest.approx(664.13)
    assert daily.floor == pytest.approx(184_494.96)
    assert daily.headroom == pytest.approx(10_664.13)
    assert daily.start_distance == pytest.approx(10_000.0)
    assert daily.used_percent == 0.0
    assert total.floor == pytest.approx(180_000.0)
    assert total.headroom == pytest.approx(15_159.09)


def test_a_stop_at_50_with_a_one_percent_gap_of_30_has_a_shortfall_of_56() -> None:
    assert shortfall(50.0, 0.01, 30.0, 0.95) == pytest.approx(56.0)


def test_a_gap_rarer_than_the_tail_counts_by_its_share_and_a_frequent_one_in_full() -> None:
    assert shortfall(50.0, 0.0, 30.0, 0.95) == 50.0
    assert shortfall(50.0, 0.05, 30.0, 0.95) == pytest.approx(80.0)
    assert shortfall(50.0, 0.5, 30.0, 0.95) == 80.0


def test_the_larger_of_stop_loss_and_shortfall_sizes_the_trade_and_the_whole_gap_is_the_worst_case() -> None:
    # 1 lot over 50 pips loses 500; a 1 % gap of mean excess 30 pips adds a fifth of 300, or all of it at worst.
    stats = make_stats(tail=make_stats().tail._replace(gap_probability=0.01, gap_excess=0.003))  # type: ignore[union-attr]
    decision = size(make_signal(), make_snapshot(view=make_view(stats=stats)), make_policy())
    assert decision.stop_loss_per_lot == pytest.approx(500.0)
    assert decision.shortfall_per_lot == pytest.approx(560.0)
    assert decision.risk_per_lot == pytest.approx(560.0)
    assert decision.worst_per_lot == pytest.approx(800.0)
