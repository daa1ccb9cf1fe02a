"""How the last trades went: what they earned, counted and by the strategy that opened them."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from sizing.decision import Factor
from sizing.engine import size
from sizing.snapshot import NO_TRADES, Deal, Performance
from sizing.stats.performance import performance_by_magic, recent_performance
from tests.builders import make_deal
from tests.sizing.builders import factor_of, make_policy, make_signal, make_snapshot


def closed(position: int, profit: float, *, magic: int = 0, **over: Any) -> list[Deal]:
    opening = make_deal(position_id=position, entry=0, profit=0.0, magic=magic)
    return [opening, make_deal(position_id=position, profit=profit, magic=magic, **over)]


def results(*profits: float, magic: int = 0, first: int = 1) -> list[Deal]:
    return [deal for index, profit in enumerate(profits) for deal in closed(first + index, profit, magic=magic)]


def performance(*deals: Deal, trades: int = 10) -> Performance:
    return recent_performance(deals, trades)


def counted(*deals: Deal, trades: int = 10) -> tuple[int, int]:
    return performance(*deals, trades=trades)[:2]


# Counting ------------------------------------------------------------------------------------------------------------


def test_wins_are_counted_after_costs() -> None:
    assert counted(*closed(1, 100.0), *closed(2, -50.0)) == (2, 1)
    assert counted(*closed(1, 5.0, commission=-7.0)) == (1, 0)
    assert counted(*closed(1, 5.0, swap=-3.0, fee=-1.0)) == (1, 1)
    assert counted(*closed(1, 0.0)) == (1, 0), "breaking even is no win"


def test_the_commission_of_the_opening_deal_counts() -> None:
    opening = make_deal(position_id=1, entry=0, profit=0.0, commission=-7.0)
    assert performance(opening, make_deal(position_id=1, profit=5.0)) == Performance(1, 0, -2.0, None, 0.0)


def test_only_the_last_trades_count() -> None:
    deals = results(*[1.0 if position > 15 else -1.0 for position in range(1, 21)])
    assert counted(*deals) == (10, 5)
    assert counted(*deals, trades=5) == (5, 5)


def test_a_position_counts_when_all_of_it_is_out() -> None:
    opening = make_deal(position_id=1, entry=0, profit=0.0, volume=0.3)
    thirds = [make_deal(position_id=1, volume=0.1, profit=profit) for profit in (50.0, -20.0, -40.0)]
    assert performance(opening, *thirds[:2]) == NO_TRADES
    assert performance(opening, *thirds) == Performance(1, 0, pytest.approx(-10.0), None, 0.0)


def test_a_position_whose_opening_is_not_in_the_history_counts_once() -> None:
    # A history that begins after the opening, and two partial closes since.
    halves = [make_deal(position_id=1, volume=0.5, profit=10.0) for _ in range(2)]
    assert counted(*halves) == (1, 1)


def test_deposits_and_open_positions_do_not_count() -> None:
    deposit = make_deal(position_id=0, symbol="", entry=0, profit=5_000.0, volume=0.0)
    opening = make_deal(position_id=7, entry=0, profit=0.0)
    assert performance(deposit, opening) == NO_TRADES
    assert performance() == NO_TRADES


@pytest.mark.parametrize("entry", [1, 3])
def test_closing_by_another_position_closes(entry: int) -> None:
    assert counted(*closed(1, 10.0, entry=entry)) == (1, 1)


# Measuring -----------------------------------------------------------------------------------------------------------


def test_mean_sharpe_and_profit_factor_by_hand() -> None:
    # 100, -50, 30, -20: mean 15; squares of the distances 7225 + 4225 + 225 + 1225 = 12900, over 3; 130 won, 70 lost.
    result = performance(*results(100.0, -50.0, 30.0, -20.0))
    assert (result.trades, result.wins) == (4, 2)
    assert result.mean == pytest.approx(15.0)
    assert result.sharpe == pytest.approx(15 / math.sqrt(4_300))
    assert result.profit_factor == pytest.approx(130 / 70)


def test_the_figures_are_numpys() -> None:
    profits = np.round(np.random.default_rng(1).normal(5.0, 40.0, 60), 2)
    result = performance(*results(*profits.tolist()), trades=50)
    last = profits[-50:]
    assert result.mean == pytest.approx(last.mean())
    assert result.sharpe == pytest.approx(last.mean() / last.std(ddof=1))
    assert result.profit_factor == pytest.approx(last[last > 0].sum() / -last[last < 0].sum())


def test_where_nothing_was_lost_there_is_no_profit_factor() -> None:
    assert performance(*results(10.0, 20.0)).profit_factor is None
    assert performance(*results(-10.0, -20.0)).profit_factor == 0.0


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10])
@pytest.mark.parametrize("profit", [0.1, -7.3, 12.34, 100.0])
def test_trades_that_all_went_alike_have_no_sharpe(profit: float, count: int) -> None:
    result = performance(*results(*[profit] * count))
    assert result.mean == pytest.approx(profit)
    assert result.sharpe is None


# By strategy ---------------------------------------------------------------------------------------------------------


def test_each_magic_number_has_its_own_trades() -> None:
    deals = results(10.0, -5.0, magic=7) + results(-1.0, -2.0, -3.0, magic=3, first=11) + results(8.0, first=21)
    found = dict(performance_by_magic(deals, 10))
    assert list(found) == [0, 3, 7]
    assert {magic: tuple(each[:2]) for magic, each in found.items()} == {0: (1, 1), 3: (3, 0), 7: (2, 1)}
    assert found[7].profit_factor == pytest.approx(2.0)
    assert performance_by_magic([], 10) == ()


def test_a_position_closed_by_hand_belongs_to_who_opened_it() -> None:
    opening = make_deal(position_id=1, entry=0, profit=0.0, magic=7)
    by_hand = make_deal(position_id=1, profit=10.0, magic=0)
    assert [(magic, each.trades) for magic, each in performance_by_magic([opening, by_hand], 10)] == [(7, 1)]


def test_each_strategy_looks_back_at_as_many_trades() -> None:
    mixed = [deal for index in range(24) for deal in closed(index + 1, -1.0 if index % 2 else 1.0, magic=1 + index % 2)]
    found = dict(performance_by_magic(mixed, 5))
    assert [tuple(found[magic][:2]) for magic in (1, 2)] == [(5, 5), (5, 0)]


def test_deposits_belong_to_no_strategy() -> None:
    deposit = make_deal(position_id=0, symbol="", entry=0, profit=5_000.0, volume=0.0, magic=9)
    assert performance_by_magic([deposit], 10) == ()


# In a decision -------------------------------------------------------------------------------------------------------


def decided(magic: int, *, per_strategy: bool) -> Factor:
    snapshot = make_snapshot(performance=Performance(10, 6, 5.0, 0.1, 1.234))
    view = dataclasses.replace(snapshot.account, strategies=((7, Performance(10, 4, -1.0, -0.1, 0.9)),))
    policy = make_policy(performance={"per_strategy": per_strategy})
    decision = size(make_signal(magic=magic), dataclasses.replace(snapshot, account=view), policy)
    return factor_of(decision, "performance")


def test_all_trades_count_for_every_strategy_unless_the_policy_says_otherwise() -> None:
    for magic in (0, 7):
        factor = decided(magic, per_strategy=False)
        assert factor.value == pytest.approx(1.3)
        assert factor.detail == "6 of the last 10 trades won, profit factor 1.23"


def test_a_strategy_is_judged_by_its_own_trades_where_the_policy_says_so() -> None:
    factor = decided(7, per_strategy=True)
    assert factor.value == pytest.approx(0.7)
    assert factor.detail == "4 of the last 10 trades of magic 7 won, profit factor 0.90"


def test_a_strategy_without_trades_is_neither_rewarded_nor_punished() -> None:
    factor = decided(8, per_strategy=True)
    assert factor.value == 1.0
    assert factor.detail == "0 closed trades of magic 8, 5 needed"
