"""Forecasts compared with what became of them, and the forecasts replayed over history."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizing.audit import DAY_MS, Forecast, Outcome, Path, Record, correction, deal_loss, judged, path_loss, verdict
from sizing.policy import AuditPolicy
from sizing.snapshot import Side
from sizing.stats.backtest import accepted_exceedances, kupiec
from sizing.stats.shortfall import expected_shortfall, value_at_risk
from sizing.stats.walk import walk_forward
from sizing.stats.windows import moves, stop_trade_losses
from tests.builders import make_deal
from tests.sizing.histories import wild
from tests.sizing.strategies import EXAMPLES


def make_forecast(**over: Any) -> Forecast:
    """Bought at 1.1, a spread of 0.0002 above the bid, with the stop at 1.095; 100,000 per price and 7 of costs."""
    values: dict[str, Any] = {
        "decision": "d1", "reservation": "r1", "symbol": "EURUSD", "side": "buy", "at_ms": 0, "entry": 1.1,
        "stop_loss": 1.095, "spread": 0.0002, "minutes": 1_440, "money": 100_000.0, "costs": 7.0,
        "value_at_risk": 507.0, "shortfall": 600.0,
    }  # fmt: skip
    return Forecast(**{**values, **over})


def make_path(*rows: tuple[float, float, float, float], complete: bool = True) -> Path:
    return Path(*np.array(rows, dtype=float).reshape(-1, 4).T, complete)


# What a trade lost ---------------------------------------------------------------------------------------------------

CALM = (1.1, 1.102, 1.097, 1.101)
TOUCHED = (1.099, 1.1, 1.0949, 1.0995)
GAPPED = (1.09, 1.1, 1.085, 1.098)


@pytest.mark.parametrize(
    ("rows", "complete", "price"),
    [
        ([CALM], True, 1.101), ([TOUCHED], True, 1.095), ([GAPPED], True, 1.09), ([CALM, GAPPED], True, 1.09),
        ([TOUCHED, GAPPED], True, 1.095), ([CALM], False, None), ([TOUCHED], False, 1.095), ([], True, None),
        ([], False, None),
    ],
)  # fmt: skip
def test_a_bought_trade_ends_at_its_stop_beyond_it_or_at_its_horizon(
    rows: Any, complete: bool, price: float | None
) -> None:
    expected = None if price is None else pytest.approx((1.1 - price) * 100_000 + 7)
    assert path_loss(make_forecast(), make_path(*rows, complete=complete)) == expected


@pytest.mark.parametrize(
    ("row", "price"),
    [
        ((1.1, 1.1047, 1.099, 1.1), 1.1002),  # bids that stay below 1.1048 leave the ask below the stop
        ((1.1, 1.1048, 1.099, 1.1), 1.105),
        ((1.107, 1.11, 1.099, 1.1), 1.1072),
    ],
)
def test_a_sold_trade_is_closed_at_the_ask(row: Any, price: float) -> None:
    forecast = make_forecast(side="sell", stop_loss=1.105)
    assert path_loss(forecast, make_path(row)) == pytest.approx((price - 1.1) * 100_000 + 7)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_every_window_loses_what_the_model_says_of_it(side: Side) -> None:
    # The same windows, in prices: without jumps inside a bar, which only the model knows.
    history = wild(3, 200, crashes=0.0)
    path = moves(history)
    assert path is not None
    sign, stop = (1 if side == "buy" else -1), 0.02
    for begin in range(0, 120, 7):
        bar = begin + 31
        entry = history.close[bar - 1]
        scale = path.unit / (path.volatility[begin] * entry)
        window = slice(bar, bar + 3)
        if np.abs(np.diff(np.log(history.close[bar - 1 : bar + 3]))).max() > 0.03:
            continue
        forecast = make_forecast(
            side=side, entry=entry, stop_loss=entry - sign * stop / scale, spread=0.0, money=1.0, costs=0.0
        )
        columns = history.open, history.high, history.low, history.close
        loss = path_loss(forecast, Path(*(column[window] for column in columns), complete=True))
        assert loss is not None
        assert loss * scale == pytest.approx(stop_trade_losses(path, side, stop, 3)[begin])


def test_what_was_really_lost_is_told_by_all_deals_of_all_positions() -> None:
    first = [
        make_deal(entry=0, volume=0.3, profit=0.0, commission=-2.0),
        make_deal(volume=0.1, profit=-30.0),
        make_deal(volume=0.2, profit=-50.0, swap=-1.0),
    ]
    second = [make_deal(entry=0, volume=0.1, profit=0.0), make_deal(volume=0.1, profit=13.0)]
    assert deal_loss([first]) == pytest.approx(83 / 0.3)
    assert deal_loss([first, second]) == pytest.approx(70 / 0.4)


def test_a_position_that_is_open_or_unknown_has_lost_nothing_yet() -> None:
    opening, part = make_deal(entry=0, volume=0.3), make_deal(volume=0.2)
    assert deal_loss([]) is None
    assert deal_loss([[]]) is None
    assert deal_loss([[opening]]) is None
    assert deal_loss([[opening, part]]) is None
    assert deal_loss([[part]]) is None
    assert deal_loss([[opening, make_deal(volume=0.3)], [opening]]) is None


# Judging -------------------------------------------------------------------------------------------------------------


def outcome(day: int, loss: float = 0.0, hour: int = 10, **over: Any) -> Outcome:
    values: dict[str, Any] = {
        "decision": f"d{day}", "symbol": "EURUSD", "at_ms": day * DAY_MS + hour * 3_600_000, "loss": loss,
        "value_at_risk": 100.0, "shortfall": 120.0,
    }  # fmt: skip
    return Outcome(**{**values, **over})


def test_only_the_first_forecast_of_a_day_counts_and_the_newest_days() -> None:
    rows = [outcome(3, 7.0, hour=12), outcome(1, 1.0), outcome(3, 8.0, hour=9), outcome(2, 2.0), outcome(1, 3.0, 23)]
    assert [each.loss for each in judged(rows, 10)] == [1.0, 2.0, 8.0]
    assert [each.loss for each in judged(rows, 2)] == [2.0, 8.0]
    assert judged([], 5) == []


@EXAMPLES
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 23), st.sampled_from([60, 1_440, 4_000])), max_size=40))
def test_a_record_keeps_along_what_is_judged_of_all(rows: list[tuple[int, int, int]]) -> None:
    record, told = Record(4), []
    for number, (day, hour, minutes) in enumerate(rows):
        before = record.judged
        told.append(outcome(day, float(number), hour=hour, minutes=minutes))
        changed = record.add(told[-1])
        assert record.judged == judged(told, 4)
        assert changed or record.judged == before


def test_more_than_the_value_at_risk_is_beyond_it() -> None:
    assert [outcome(1, loss).beyond for loss in (99.0, 100.0, 100.1)] == [False, False, True]


def losing(count: int, beyond: int, loss: float) -> list[Outcome]:
    """So many days, of which the first ones lose that much."""
    return [outcome(day, loss if day < beyond else 0.0) for day in range(count)]


def test_a_model_that_understates_is_corrected_by_what_was_realised_over_what_was_forecast() -> None:
    policy = AuditPolicy(min_forecasts=60, max_multiplier=3.0)
    # 10 of 100 days lose 140: 10 * 140 / 120 / 5 = 2.33; by the other statistic (100 + 10 * 40 / 5) / 120 = 1.5.
    found = correction(losing(100, 10, 140.0), policy, 0.95)
    assert found is not None
    assert found.multiplier == pytest.approx(7 / 3)
    assert "10 of 100 days" in found.detail
    assert "5.0 expected" in found.detail
    assert found.detail.startswith("x2.33 by the audit")


def test_the_correction_has_a_least_and_a_most() -> None:
    policy = AuditPolicy(min_forecasts=60, max_multiplier=2.0)
    most = correction(losing(100, 30, 500.0), policy, 0.95)
    assert most is not None
    assert most.multiplier == 2.0
    rows = losing(500, 40, 101.0)
    verdict_of = verdict(rows, 0.95)
    assert verdict_of.too_many
    least = correction([each._replace(shortfall=900.0) for each in rows], policy, 0.95)
    assert least is not None
    assert least.multiplier == 1.25


def test_a_right_model_or_too_few_days_or_a_policy_that_only_reports_correct_nothing() -> None:
    bad = losing(100, 10, 140.0)
    assert correction(losing(100, 5, 120.0), AuditPolicy(), 0.95) is None
    assert correction(losing(100, 0, 0.0), AuditPolicy(), 0.95) is None
    assert correction(bad, AuditPolicy(min_forecasts=101), 0.95) is None
    assert correction(bad, AuditPolicy(min_forecasts=100), 0.95) is not None
    assert correction(bad, AuditPolicy(max_multiplier=1.0), 0.95) is None
    assert correction([], AuditPolicy(), 0.95) is None


@EXAMPLES
@given(st.lists(st.floats(-500, 2_000, allow_nan=False), min_size=20, max_size=120), st.floats(1.0, 10.0))
def test_a_correction_never_makes_a_forecast_smaller(losses: list[float], most: float) -> None:
    found = correction(
        [outcome(day, loss) for day, loss in enumerate(losses)],
        AuditPolicy(min_forecasts=20, max_multiplier=most), 0.95,
    )  # fmt: skip
    assert found is None or 1.0 < found.multiplier <= most


# Walking forward -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [None, 1.5])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_each_day_is_forecast_from_the_days_before_it(side: Side, stop: float | None) -> None:
    path = moves(wild(2, 200))
    assert path is not None
    walk = walk_forward(path, side, 0.95, 100, stop)
    units = stop_trade_losses(path, side, 1e9 if stop is None else stop * path.unit) / path.unit
    assert walk.time_ms.tolist() == path.time_ms[100:].tolist()
    assert walk.losses == pytest.approx(units[100:])
    for index, day in enumerate(range(100, len(path))):
        assert walk.value_at_risk[index] == pytest.approx(value_at_risk(units[:day], 0.95))
        assert walk.shortfall[index] == pytest.approx(expected_shortfall(units[:day], 0.95))


def test_without_days_after_the_least_there_is_nothing_to_walk() -> None:
    path = moves(wild(2, 140))
    assert path is not None
    for least in (len(path), len(path) + 50):
        walk = walk_forward(path, "buy", 0.95, least)
        assert [len(column) for column in walk] == [0, 0, 0, 0]


def test_independent_days_are_exceeded_as_often_as_kupiec_accepts() -> None:
    accepted = 0
    for seed in range(10):
        path = moves(wild(seed, 700, gaps=0.0, crashes=0.0))
        assert path is not None
        walk = walk_forward(path, "buy", 0.95, 300)
        beyond = int((walk.losses > walk.value_at_risk).sum())
        least, most = accepted_exceedances(len(walk.losses), 0.95)
        accepted += least <= beyond <= most
        assert kupiec(len(walk.losses), beyond, 0.95) < 20
    assert accepted >= 7
