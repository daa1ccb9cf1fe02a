"""The figures of the risk report, on bars that can be reckoned by hand and on real ones."""

import dataclasses
import math

import numpy as np
import pytest

from bridge.errors import MarketError
from bridge.market.recording import BarSeries
from bridge.report.bars_file import read_bars
from bridge.report.errors import ReportError
from bridge.report.risk import Wish, risk_of
from bridge.report.risk_report import RiskReport, SideRisk
from bridge.report.sources import Source
from bridge.statistics import market_stats
from sizing.engine import size
from sizing.policy import Policy
from sizing.snapshot import Side
from sizing.stats.windows import WARM_UP
from tests.builders import at
from tests.report.builders import ABSENT, DAY_MS, EJTRADER, START_MS, STEP, account, source, wander, zigzag
from tests.sizing.builders import make_signal, make_snapshot, make_view

GAPS = (101, 151, 201, 251)
DAYS = 330
PATHS = DAYS - WARM_UP - 1
CLOSE = 1.0
"""330 is even: the last bar falls back to where the first one began."""
UNIT = math.log(STEP) * CLOSE
FRIDAY_MS, MONDAY_MS = at("2026-03-06 19:00:00"), at("2026-03-02 10:00:00")


def report(wish: Wish, **bars: BarSeries) -> RiskReport:
    return risk_of(source(**bars), wish)[0]


def only(wish: Wish, **bars: BarSeries) -> SideRisk:
    (side,) = report(wish, **bars).sides
    return side


def test_the_tail_of_a_known_history() -> None:
    """Every second day ends at a stop of half a percent; four of them are gapped, which the tail of 14.95 holds whole.

    A gap of 4 % is scaled by the volatility then, ln 1.01, to the one of now: the same, so it loses 4 % of now's price.
    """
    side = only(Wish("X", "buy", stop=0.005), X=zigzag(DAYS, GAPS))
    sample = side.sample
    assert sample is not None
    assert sample.paths == PATHS
    assert sample.stopped_pct == pytest.approx(50, abs=0.5)
    assert sample.gapped_pct == pytest.approx(4 / PATHS * 100)
    assert sample.value_at_risk.price == pytest.approx(0.005)
    tail = 0.05 * PATHS
    assert sample.shortfall.price == pytest.approx((4 * 0.04 * CLOSE + (tail - 4) * 0.005) / tail)
    assert sample.shortfall.stops == pytest.approx(sample.shortfall.price / 0.005)
    assert sample.shortfall.percent == pytest.approx(sample.shortfall.price / CLOSE * 100)
    assert sample.mean_gap is not None
    assert sample.mean_gap.price == pytest.approx(0.04 - 0.005)
    assert sample.lower.price < sample.shortfall.price < sample.upper.price


def test_a_sell_knows_no_gap_downwards() -> None:
    side = only(Wish("X", "sell", stop=0.005), X=zigzag(DAYS, GAPS))
    assert side.sample is not None
    assert side.sample.gapped_pct == 0
    assert side.sample.mean_gap is None
    assert side.sample.shortfall.price == pytest.approx(0.005)


def test_the_worst_days_come_first_with_their_dates() -> None:
    bars = zigzag(DAYS, GAPS)
    side = only(Wish("X", "buy", stop=0.005), X=bars)
    assert [each.end for each in side.worst] == ["gap"] * 4 + ["stop"]
    assert {each.time_ms for each in side.worst[:4]} == {int(bars.time_ms[gap]) for gap in GAPS}
    assert side.worst[0].ran_pct == pytest.approx(4)
    assert side.worst[0].ran_volatilities == pytest.approx(0.04 / math.log(STEP))
    assert side.worst[0].loss.price == pytest.approx(0.04 * CLOSE)


def test_without_wishes_the_policy_decides_and_both_sides_are_shown() -> None:
    found = report(Wish("X"), X=zigzag(DAYS))
    policy = Policy()
    assert found.volatility.atr is not None
    assert [side.side for side in found.sides] == ["buy", "sell"]
    assert {side.stop.price for side in found.sides} == {policy.stop.atr_multiple * found.volatility.atr}
    assert (found.days, found.level, found.interval) == (1, 0.95, 0.9)
    assert found.volatility.per_day_pct == pytest.approx(math.log(STEP) * 100)


def test_more_days_are_more_bars_of_each_path() -> None:
    """Up and down in turn: after two days a trade is where it began, unless a stop of half a percent was met."""
    one, two = (only(Wish("X", "buy", stop=0.005, days=days), X=zigzag(DAYS)).sample for days in (1, 2))
    assert one is not None
    assert two is not None
    assert two.paths == one.paths - 1
    assert one.stopped_pct == pytest.approx(50, abs=0.5)
    assert two.stopped_pct == pytest.approx(50, abs=0.5)


def test_too_little_history_is_assumed_and_says_so() -> None:
    side = only(Wish("X", "buy"), X=zigzag(200))
    assert side.sample is None
    (counted,) = side.counted
    assert counted.assumed
    assert counted.source.startswith("assumed: 1.0% gaps of 0.5 daily ATR")
    # 1 % gaps of half an ATR, in a tail of 5 %, beyond a stop of two ATRs.
    assert counted.shortfall.stops == pytest.approx(1 + 0.01 / 0.05 * 0.5 / 2)


def test_without_any_volatility_there_is_nothing_to_scale() -> None:
    found = report(Wish("X", stop=0.01), X=zigzag(20))
    assert found.volatility.per_day_pct is None
    assert found.volatility.percentile is None
    assert found.sides[0].worst == []


def test_a_stop_must_be_one() -> None:
    with pytest.raises(ReportError, match="no daily ATR: its 10 bars are too few"):
        report(Wish("X"), X=zigzag(10))
    with pytest.raises(ReportError, match="--stop 50 is more than the price: X closed at 1"):
        report(Wish("X", stop=50.0), X=zigzag(DAYS))


def test_an_unknown_symbol_lists_what_is_there() -> None:
    with pytest.raises(MarketError, match="No bars of Z in made by hand; there are X, Y"):
        report(Wish("Z"), Y=zigzag(50), X=zigzag(50))


def test_missing_bars_are_counted() -> None:
    bars = zigzag(DAYS)
    time_ms = bars.time_ms.copy()
    time_ms[200:] += 9 * DAY_MS
    history = report(Wish("X"), X=dataclasses.replace(bars, time_ms=time_ms)).history
    assert (history.days, history.gaps) == (DAYS, 1)
    assert history.longest_gap_ms == (int(time_ms[199]), int(time_ms[200]))


def test_correlations_are_measured_shrunk_and_watched() -> None:
    first = wander(1)
    twin = wander(2, like=first)
    torn = dataclasses.replace(twin, close=np.concatenate((twin.close[:-60], twin.close[-60:][::-1])))
    pairs = {
        pair.symbol: pair
        for pair in report(Wish("EURUSD"), EURUSD=first, GBPUSD=twin, AUDNZD=wander(3), ZZZ=torn).correlations
    }
    twin_pair = pairs["GBPUSD"]
    assert twin_pair.measured == pytest.approx(math.sqrt(0.5), abs=0.1)
    assert twin_pair.observations == 252
    assert twin_pair.prior == 0.7
    assert twin_pair.used is not None
    assert min(twin_pair.measured, 0.7) <= twin_pair.used <= max(twin_pair.measured, 0.7)
    assert twin_pair.broken is None
    assert pairs["AUDNZD"].prior is None
    assert pairs["ZZZ"].broken is not None
    assert pairs["ZZZ"].broken[0] < pairs["ZZZ"].broken[1]


@pytest.mark.parametrize("days", [60, 240, 400])
@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize(("now_ms", "when"), [(FRIDAY_MS, "over a weekend"), (MONDAY_MS, "within the week")])
def test_what_sizing_takes_is_what_it_takes(*, days: int, side: Side, now_ms: int, when: str) -> None:
    """The very figure of a decision without spread and costs, whatever the history is worth."""
    bars, policy = weekdays(wander(4, days, start=1.1)), account().policy
    found = only(Wish("EURUSD", side, stop=0.004), EURUSD=bars)
    stats = market_stats(None, bars, policy)
    assert stats is not None
    view = make_view(stats=dataclasses.replace(stats, as_of_ms=now_ms))
    snapshot = make_snapshot(view=view, now_ms=now_ms, account_ms=now_ms, spec_ms=now_ms)
    snapshot = dataclasses.replace(snapshot, quote=snapshot.quote._replace(time_ms=now_ms))
    signal = make_signal(side=side, stop_loss=1.096 if side == "buy" else 1.104, take_profit=None)
    decision = size(signal, snapshot, policy)
    counted = next(each for each in found.counted if each.when in ("", when))
    assert decision.shortfall_per_lot / decision.money_per_price == pytest.approx(counted.shortfall.price, rel=1e-6)


def weekdays(bars: BarSeries) -> BarSeries:
    """The same bars on Mondays to Fridays only."""
    days = np.arange(len(bars) * 2)
    days = days[(START_MS // DAY_MS + days + 3) % 7 < 5]
    return dataclasses.replace(bars, time_ms=START_MS + days[: len(bars)] * DAY_MS)


@pytest.mark.skipif(not EJTRADER.is_file(), reason=ABSENT)
def test_every_real_symbol_has_a_report_that_holds_together() -> None:
    there = Source("real", read_bars(EJTRADER, "none"), account())
    for symbol in there.bars:
        found, series = risk_of(there, Wish(symbol))
        assert len(found.correlations) == 11
        assert found.volatility.regime is not None
        for side in found.sides:
            sample = side.sample
            assert sample is not None
            assert sample.value_at_risk.price <= sample.shortfall.price
            assert sample.lower.price <= sample.shortfall.price <= sample.upper.price
            assert all(each.shortfall.stops >= 1 for each in side.counted)
            assert len(series.losses[side.side]) == sample.paths
            assert [each.loss.price for each in side.worst] == sorted(each.loss.price for each in side.worst)[::-1]


@pytest.mark.skipif(not EJTRADER.is_file(), reason=ABSENT)
def test_the_franc_shock_is_the_worst_day_of_a_bought_eurchf() -> None:
    found, _ = risk_of(Source("real", read_bars(EJTRADER, "none"), account()), Wish("EURCHF", "buy"))
    worst = found.sides[0].worst[0]
    assert worst.time_ms == at("2015-01-19 00:00:00")  # the file lacks the days before
    assert worst.end == "gap"
    assert worst.ran_pct > 15
