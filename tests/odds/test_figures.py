"""What is told of the counts: shares, both intervals, days needed and money."""

import dataclasses

import numpy as np
import pytest

from bridge.odds.batches import Deal, Plan, run_task, tasks_of
from bridge.odds.days import Days
from bridge.odds.figures import Policy, Row, rows_of
from bridge.odds.odds import without_target
from bridge.odds.speed import measure
from bridge.proof.source import firm_of
from sizing.prop.firm import Firm
from tests.odds.builders import INITIAL, coins
from tests.sizing.builders import ftmo, loss_rule, total_rule

ALWAYS = Policy(1.0, None, None)


def row_of(days: Days, firm: Firm, *, length: int = 5, challenges: int = 2_000, groups: int = 0, **plan: object) -> Row:
    """The figures of one policy."""
    made = Plan(firm, INITIAL, (days,), length, 1, 1, challenges, groups, **plan)  # type: ignore[arg-type]
    tasks = tasks_of(made)
    return rows_of(made, [ALWAYS], tasks, [run_task(made, task) for task in tasks])[0]


def test_a_sure_thing_passes_on_its_day() -> None:
    row = row_of(coins((2.1,)), ftmo(target_pct=10.0, min_days=0))
    assert row.passed is not None
    assert row.days_needed is not None
    assert (row.passed.value, row.passed.high, row.breached.value, row.out_of_days.value) == (1.0, 1.0, 0.0, 0.0)
    assert row.passed_by == [0.0, 0.0, 0.0, 0.0, 1.0]
    assert (row.days_needed.mean, row.days_needed.mean_low, row.days_needed.median) == (5.0, 5.0, 5)
    assert row.profit.value == pytest.approx((1.021**5 - 1) * INITIAL)
    assert row.value is None


def test_outcomes_are_told_by_rule_and_add_up() -> None:
    days = coins((4.0,), (-4.0,), (-6.0,), (0.0,))
    firm = ftmo(rules=(loss_rule(amount_pct=5.0), total_rule(amount_pct=8.0)), target_pct=8.0, min_days=0)
    row = row_of(days, firm)
    assert row.passed is not None
    assert list(row.breaches) == ["daily", "total"]
    shares = [row.passed.value, row.out_of_days.value, *(each.value for each in row.breaches.values())]
    assert sum(shares) == pytest.approx(1.0)
    assert min(shares) > 0.01
    assert row.breached.value == pytest.approx(sum(each.value for each in row.breaches.values()))


def test_a_rule_that_pauses_ends_no_challenge_and_has_no_row() -> None:
    firm = ftmo(rules=(loss_rule(amount_pct=1.0, breach="pauses"), total_rule(amount_pct=50.0)))
    row = row_of(coins((-2.0,)), firm)
    assert list(row.breaches) == ["total"]
    assert row.breached.value == 0.0


def test_without_a_target_there_is_no_passing_but_standing() -> None:
    row = row_of(coins((1.0,)), ftmo(target_pct=None, min_days=0))
    assert row.passed is None
    assert row.days_needed is None
    assert row.out_of_days.value == 1.0


@pytest.mark.parametrize("refund", [0.0, 500.0])
def test_the_value_is_the_paid_share_of_a_funded_accounts_profit_less_the_fee(refund: float) -> None:
    firm = ftmo(target_pct=10.0, min_days=0)
    deal = Deal(500.0, refund, 0.8, without_target(firm), 3)
    row = row_of(coins((5.1,)), firm, deal=deal)
    assert row.value is not None
    assert row.value.value == pytest.approx(0.8 * (1.051**3 - 1) * INITIAL + refund - 500.0)


def test_a_funded_account_that_breaches_pays_nothing() -> None:
    firm = ftmo(target_pct=5.0, min_days=0)
    cruel = dataclasses.replace(without_target(firm), rules=(total_rule(amount_pct=2.0),))
    days = coins((6.0,), (-3.0,))
    kind = Deal(100.0, 0.0, 1.0, without_target(firm), 1)
    row, worse = (row_of(days, firm, deal=each, challenges=20_000) for each in (kind, kind._replace(firm=cruel)))
    assert row.value is not None
    assert worse.value is not None
    assert row.passed is not None
    # One funded day: it wins 6 % half the time; the loss of 3 % pays nothing under either rules.
    assert row.value.low - 200 < row.passed.value * 3_000 - 100 < row.value.high + 200
    assert worse.value.value == pytest.approx(row.value.value)
    longer = [
        row_of(days, firm, deal=each._replace(days=4), challenges=20_000) for each in (kind, kind._replace(firm=cruel))
    ]
    assert longer[0].value is not None
    assert longer[1].value is not None
    assert longer[1].value.high < longer[0].value.low


def test_without_a_target_the_profit_itself_is_paid() -> None:
    firm = ftmo(target_pct=None, min_days=0)
    row = row_of(coins((1.0,)), firm, deal=Deal(100.0, 0.0, 0.5, firm, 30))
    assert row.value is not None
    assert row.value.value == pytest.approx(0.5 * (1.01**5 - 1) * INITIAL - 100)


def test_no_value_is_taken_to_be_less_than_the_fee_lost() -> None:
    firm = ftmo(target_pct=20.0, min_days=0)
    rng = np.random.default_rng(1)
    days = coins(*((float(each),) for each in rng.normal(0.5, 2, 30)))
    row = row_of(days, firm, groups=50, length=20, deal=Deal(500.0, 0.0, 0.8, without_target(firm), 20))
    assert row.value is not None
    assert row.value.source_low is not None
    assert row.value.source_low >= -500.0


def test_the_sources_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    firm = ftmo(rules=(total_rule(amount_pct=10.0),), target_pct=5.0, min_days=0)

    def world(seed: int, days: int) -> Days:
        rng = np.random.default_rng(seed)
        return coins(*((float(each),) for each in rng.normal(0.1, 1.0, days)))

    truth = row_of(world(99, 40_000), firm, length=20, challenges=20_000).passed
    assert truth is not None
    held, simulated = 0, 0
    for seed in range(60):
        found = row_of(world(seed, 120), firm, length=20, groups=100).passed
        assert found is not None
        assert found.source_low is not None
        assert found.source_high is not None
        held += found.source_low <= truth.value <= found.source_high
        simulated += found.low <= truth.value <= found.high
    assert held >= 50
    assert simulated < 35  # the simulation's own interval knows nothing of the source


def test_a_source_without_chance_has_no_width() -> None:
    row = row_of(coins((2.1,)), ftmo(target_pct=10.0, min_days=0), groups=25)
    assert row.passed is not None
    assert (row.passed.source_low, row.passed.source_high) == (1.0, 1.0)


def test_the_measure_of_speed_simulates_what_it_says() -> None:
    one, four = measure(firm_of("ftmo-2step", INITIAL), INITIAL)
    assert 0 < one < four


def test_what_hardly_ever_happens_has_an_interval_around_it() -> None:
    rng = np.random.default_rng(4)
    days = coins(*((float(each),) for each in rng.normal(0.2, 1, 60)))
    row = row_of(days, ftmo(target_pct=14.0, min_days=0), length=15, groups=200)
    for figure in (row.passed, row.breached, row.out_of_days, row.profit):
        assert figure is not None
        assert figure.source_low is not None
        assert figure.source_high is not None
        assert figure.source_low <= figure.value <= figure.source_high
