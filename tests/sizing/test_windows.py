"""Paths of history as scenarios: volatility, moves, and what a stop trade loses on each window."""

import dataclasses
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizing.snapshot import Side
from sizing.stats.shortfall import expected_shortfall
from sizing.stats.windows import DECAY, JUMP, WARM_UP, Moves, moves, step, stop_trade_losses, volatilities
from tests.sizing.histories import DAY_MS, MONDAY, VOLATILITY, History, calendar, day, make_moves, mirrored, wild
from tests.sizing.strategies import pick

FEWER = settings(max_examples=60, deadline=None, print_blob=True)


# Volatility ----------------------------------------------------------------------------------------------------------


def test_volatility_is_riskmetrics_recursion_from_the_mean_of_thirty_squares() -> None:
    # RiskMetrics (1996), equation 5.3: variance = 0.94 * variance + 0.06 * return^2.
    close = wild(1, 80).close
    returns = [math.log(after / before) for before, after in pairwise(close.tolist())]
    variance = sum(value**2 for value in returns[:WARM_UP]) / WARM_UP
    expected = [variance**0.5]
    for value in returns[WARM_UP:]:
        variance = DECAY * variance + (1 - DECAY) * value**2
        expected.append(variance**0.5)
    result = volatilities(close)
    assert np.isnan(result[:WARM_UP]).all()
    assert result[WARM_UP:].tolist() == pytest.approx(expected)
    assert len(result) == len(close)


def test_volatility_knows_nothing_of_what_comes_later() -> None:
    close = wild(2, 80).close
    assert volatilities(close[:60])[WARM_UP:].tolist() == volatilities(close)[WARM_UP:60].tolist()


@pytest.mark.parametrize("days", [0, 1, 30])
def test_too_few_closes_have_no_volatility(days: int) -> None:
    result = volatilities(wild(1, 40).close[:days])
    assert len(result) == days
    assert np.isnan(result).all()


# Moves ---------------------------------------------------------------------------------------------------------------


def first(history: History, days: int) -> History:
    columns = {field.name: getattr(history, field.name)[:days] for field in dataclasses.fields(history)}
    return History(**columns)


def test_moves_are_bars_less_the_close_before_in_volatilities_of_that_moment() -> None:
    history = wild(3, 90)
    path, known = moves(history), volatilities(history.close)
    assert path is not None
    assert len(path) == 90 - WARM_UP - 1
    assert path.unit == pytest.approx(known[-1] * history.close[-1])
    for index in (0, 17, len(path) - 1):
        bar = index + WARM_UP + 1
        before = history.close[bar - 1]
        scale = before * known[bar - 1]
        assert path.time_ms[index] == history.time_ms[bar]
        for name in ("open", "high", "low", "close"):
            assert getattr(path, name)[index] == pytest.approx((getattr(history, name)[bar] - before) / scale)


def test_a_market_ten_times_as_high_moves_alike() -> None:
    history = wild(4, 90)
    high = dataclasses.replace(
        history, open=history.open * 10, high=history.high * 10, low=history.low * 10, close=history.close * 10
    )
    path, other = moves(history), moves(high)
    assert path is not None
    assert other is not None
    assert other.low == pytest.approx(path.low)
    assert other.unit == pytest.approx(10 * path.unit)


def test_what_happened_in_calm_times_is_scaled_to_the_volatility_of_now() -> None:
    # One bar of history loses 3 %, when the volatility was 1 %; now it is 2 %: a scenario of 6 %.
    path = make_moves([day(-3.0), *[day()] * 9], unit=0.02 * 100)
    assert stop_trade_losses(path, "buy", 1_000.0)[0] == pytest.approx(6.0)


@pytest.mark.parametrize(("days", "count"), [(0, None), (1, None), (31, None), (32, 1), (33, 2)])
def test_moves_need_bars_behind_the_warm_up(days: int, count: int | None) -> None:
    path = moves(first(wild(5, 40), days))
    assert (None if path is None else len(path)) == count


def test_a_market_that_has_never_moved_has_no_moves() -> None:
    still = np.full(100, 1.1)
    assert moves(History(time_ms=np.arange(100), open=still, high=still, low=still, close=still)) is None


def test_bars_behind_a_close_without_any_volatility_are_left_out() -> None:
    # 40 bars at one price, then a market: the bar that first moves follows a close of volatility 0.
    history = wild(6, 100)
    columns = {name: np.append(np.full(40, history.open[0]), getattr(history, name)) for name in
               ("open", "high", "low", "close")}  # fmt: skip
    path = moves(History(time_ms=np.arange(140), **columns))
    assert path is not None
    assert np.isfinite(path.close).all()
    assert path.volatility.min() > 0
    assert len(path) == 99


def test_the_newest_moves_are_the_last_ones() -> None:
    path = moves(wild(7, 90))
    assert path is not None
    newest = path.newest(10)
    assert (len(newest), newest.unit) == (10, path.unit)
    for field in dataclasses.fields(Moves):
        if field.name not in ("unit", "price"):
            assert getattr(newest, field.name).tolist() == getattr(path, field.name)[-10:].tolist()
    assert len(path.newest(1_000)) == len(path)


# Weekends ------------------------------------------------------------------------------------------------------------


def test_a_market_that_closes_has_a_weekend_before_its_mondays() -> None:
    path = moves(wild(1, 150, week=5))
    assert path is not None
    mondays = (path.time_ms // DAY_MS - MONDAY) % 7 == 0
    assert path.weekend.tolist() == mondays.tolist()
    assert 20 < path.weekend.sum() < 25


def test_a_market_that_never_closes_has_no_weekend() -> None:
    path = moves(wild(1, 150))
    assert path is not None
    assert not path.weekend.any()


@pytest.mark.parametrize("hours", [-3, -2, 0, 2, 3])
def test_the_brokers_midnight_does_not_matter(hours: int) -> None:
    history = wild(1, 150, week=5)
    path, other = moves(history), moves(dataclasses.replace(history, time_ms=history.time_ms + hours * 3_600_000))
    assert path is not None
    assert other is not None
    assert other.weekend.tolist() == path.weekend.tolist()
    assert other.low.tolist() == path.low.tolist()


def without(history: History, *rows: int) -> History:
    keep = np.delete(np.arange(len(history)), rows)
    return History(**{field.name: getattr(history, field.name)[keep] for field in dataclasses.fields(history)})


def test_a_holiday_on_monday_leaves_the_weekend_before_tuesday() -> None:
    path = moves(without(wild(1, 150, week=5), 100))  # the 21st Monday
    assert path is not None
    tuesday = path.time_ms.tolist().index(calendar(150, 5)[101])
    assert path.weekend[tuesday]
    assert not path.weekend[tuesday + 1]


@pytest.mark.parametrize(("missing", "hole"), [(0, False), (2, False), (3, True), (20, True)])
def test_a_break_longer_than_easters_is_a_hole(missing: int, hole: bool) -> None:
    # From the 100th bar on, a Friday: Thursday to Tuesday is five days, to Wednesday nobody knows what it was.
    rows = range(99, 99 + missing)
    path = moves(without(wild(1, 150, week=5), *rows))
    assert path is not None
    after = path.time_ms.tolist().index(calendar(150, 5)[99 + missing])
    assert path.hole[after] == hole
    assert path.hole.sum() == hole
    assert path.weekend[after] == (missing > 0)


def with_sundays(history: History) -> History:
    """Each Monday cut in two: the first part, up to a third of its range, on a bar of Sunday."""
    parts: list[list[float]] = []
    for time, opening, high, low, close in zip(
        history.time_ms, history.open, history.high, history.low, history.close, strict=True
    ):
        if (time // DAY_MS - MONDAY) % 7 == 0:
            middle = low + (high - low) / 3
            parts.append([time - DAY_MS, opening, max(opening, middle), min(opening, low), middle])
            parts.append([time, middle, max(high, middle), min(middle, close), close])
        else:
            parts.append([time, opening, high, low, close])
    columns = np.array(parts).T
    return History(
        time_ms=columns[0].astype(np.int64), open=columns[1], high=columns[2], low=columns[3], close=columns[4]
    )


def test_a_sundays_few_hours_belong_to_monday() -> None:
    history = wild(2, 150, week=5)
    path, other = moves(history), moves(with_sundays(history))
    assert path is not None
    assert other is not None
    for name in ("open", "high", "low", "close", "volatility", "close_before"):
        assert getattr(other, name) == pytest.approx(getattr(path, name)), name
    assert other.weekend.tolist() == path.weekend.tolist()
    assert other.unit == pytest.approx(path.unit)


def test_a_market_with_bars_of_sundays_shares_its_mondays_with_one_without() -> None:
    # The portfolio plays both through on the days that they have in common: Mondays are those of the weekend's gaps.
    history = wild(2, 150, week=5)
    path, other = moves(history), moves(with_sundays(history))
    assert path is not None
    assert other is not None
    assert np.intersect1d(path.time_ms, other.time_ms).tolist() == path.time_ms.tolist()


def test_a_sunday_that_has_only_begun_says_nothing_yet() -> None:
    history = with_sundays(wild(2, 150, week=5))
    sunday = int(np.flatnonzero((history.time_ms // DAY_MS - MONDAY) % 7 == 6)[-1])
    path, before = moves(first(history, sunday + 1)), moves(first(history, sunday))
    assert path is not None
    assert before is not None
    assert (len(path), path.unit) == (len(before), before.unit)


@pytest.mark.parametrize("days", [1, 2])
def test_a_market_that_began_on_a_sunday_has_no_moves_yet(days: int) -> None:
    flat = np.full(days, 1.1)
    times = (MONDAY - days + np.arange(days)) * DAY_MS
    assert moves(History(time_ms=times, open=flat, high=flat, low=flat, close=flat)) is None


# One window at a time ------------------------------------------------------------------------------------------------


def loss(*rows: Any, side: Side = "buy", stop: float = 2.0, **over: Any) -> float:
    """What the window of all these bars loses; volatilities are prices."""
    (result,) = stop_trade_losses(make_moves(rows), side, stop, len(rows), **over)
    return float(result)


def test_a_window_that_never_meets_its_stop_ends_at_its_close() -> None:
    assert loss(day(-1.0)) == pytest.approx(1.0)
    assert loss(day(1.5)) == pytest.approx(-1.5)
    assert loss(day(-1.0), side="sell") == pytest.approx(-1.0)


def test_a_touched_stop_is_filled_at_its_price_and_slips() -> None:
    assert loss(day(1.0, low=-2.0)) == 2.0
    assert loss(day(1.0, low=-1.999)) == pytest.approx(-1.0)
    assert loss(day(1.0, low=-2.5), slippage=0.3) == pytest.approx(2.3)
    assert loss(day(-1.0, high=2.0), side="sell", slippage=0.3) == pytest.approx(2.3)


def test_a_bar_that_opens_beyond_the_stop_fills_it_there() -> None:
    assert loss(day(-4.0, opening=-3.0)) == pytest.approx(3.0)
    assert loss(day(5.0, opening=-3.0)) == pytest.approx(3.0)
    assert loss(day(4.0, opening=3.0), side="sell") == pytest.approx(3.0)
    assert loss(day(4.0, opening=-1.0)) == pytest.approx(-4.0)


def test_a_bar_that_runs_too_far_has_jumped_over_the_stop() -> None:
    # 30 volatilities in one day (the franc on 2015-01-15): nobody is filled before all but JUMP of them are run.
    assert loss(day(-20.0, low=-30.0)) == pytest.approx(30.0 - JUMP)
    assert loss(day(20.0, high=30.0), side="sell") == pytest.approx(30.0 - JUMP)
    assert loss(day(-20.0, low=-30.0), stop=28.0) == 28.0
    assert loss(day(0.0, low=-JUMP), stop=1.0) == 1.0


def test_a_jump_is_counted_from_the_close_before_it() -> None:
    # Down 4, and 4 more the next day: no bar has run farther than 5, however far the two have led.
    assert loss(day(-4.0), day(-4.0), stop=6.0) == 6.0
    # The second day's moves are of a price 4 % lower.
    assert loss(day(-4.0), day(-10.0), stop=6.0) == pytest.approx(4.0 + 10.0 * (1 - 4 * VOLATILITY) - JUMP)


def test_the_first_bar_that_decides_counts() -> None:
    assert loss(day(-1.0, low=-2.0), day(10.0)) == 2.0
    assert loss(day(1.0), day(-1.0, opening=-9.0)) == pytest.approx(9.0 * (1 + VOLATILITY) - 1.0)
    # A stop that was met on the first day does not meet the gap of the second.
    assert loss(day(0.0, low=-2.0), day(-30.0, opening=-30.0)) == 2.0


def test_a_target_ends_the_gain_and_the_stop_comes_first() -> None:
    assert loss(day(5.0), target=3.0) == -3.0
    assert loss(day(5.0, opening=4.0), target=3.0) == -3.0
    assert loss(day(1.0, low=-2.0, high=3.5), target=3.0) == 2.0
    assert loss(day(1.0, high=3.0), day(-30.0, opening=-30.0), target=3.0) == -3.0
    assert loss(day(-5.0), side="sell", target=3.0) == -3.0
    assert loss(day(1.0, high=2.999), target=3.0) == pytest.approx(-1.0)


def test_the_spread_is_paid_and_brings_the_stop_nearer_and_the_target_farther() -> None:
    assert loss(day(-1.0), spread=0.2) == pytest.approx(1.2)
    assert loss(day(0.0, low=-1.8), spread=0.2) == 2.0
    assert loss(day(0.0, low=-1.79), spread=0.2) == pytest.approx(0.2)
    assert loss(day(0.0, low=-1.5), spread=0.2, widening=0.3) >= 2.0
    assert loss(day(0.0, low=-1.49), spread=0.2, widening=0.3) == pytest.approx(0.2)
    assert loss(day(0.0, high=3.1), spread=0.2, target=3.0) == pytest.approx(0.2)
    assert loss(day(0.0, high=3.2), spread=0.2, target=3.0) == -3.0
    assert loss(day(-4.0, opening=-3.0), spread=0.2) == pytest.approx(3.2)


def test_windows_overlap_and_the_last_ones_are_cut_off() -> None:
    path = make_moves([day(-1.0), day(0.5), day(0.0), day(-2.0), day(1.0)])
    assert [len(stop_trade_losses(path, "buy", 9.0, bars)) for bars in range(1, 6)] == [5, 4, 3, 2, 1]
    assert stop_trade_losses(path, "buy", 9.0, 2)[:2] == pytest.approx([1.0 - 0.5 * 0.99, -0.5])


# Against a reading of its own ----------------------------------------------------------------------------------------


def replayed(
    path: Moves, side: Side, stop: float, bars: int, target: float | None, spread: float
) -> tuple[list[float], list[bool]]:
    """Each window traded in prices, one bar after the other, as the docstring says; and whether it met its stop."""
    both = [traded(path, begin, side, stop, bars, target, spread) for begin in range(len(path) + 1 - bars)]
    return [money for money, _ in both], [met for _, met in both]


def bid(path: Moves, begin: int, index: int, move: float) -> float:
    """A price of history as one of now: 0 where the window begins, and its volatility there is that of now."""
    price = path.close_before[index] * (1.0 + move * path.volatility[index])
    start = path.close_before[begin]
    return float((price - start) / (path.volatility[begin] * start) * path.unit)


def traded(
    path: Moves, begin: int, side: Side, stop: float, bars: int, target: float | None, spread: float
) -> tuple[float, bool]:
    sign = 1 if side == "buy" else -1
    # Bought at the ask and closed at the bid, or sold at the bid and closed at the ask: either way, in bids, the
    # position begins with the spread as its loss.
    paid = sign * spread
    stop_bid = paid - sign * stop
    target_bid = None if target is None else paid + sign * target
    for index in range(begin, begin + bars):
        opening, start = bid(path, begin, index, path.open[index]), bid(path, begin, index, 0.0)
        low, high = bid(path, begin, index, path.low[index]), bid(path, begin, index, path.high[index])
        adverse, fair = (low, high) if side == "buy" else (high, low)
        fills = [opening]
        if (start - adverse) * sign > JUMP * path.unit:
            fills.append(adverse + sign * JUMP * path.unit)
        fill = max((paid - each) * sign for each in fills)
        if fill >= stop:
            return fill, True
        if (adverse - stop_bid) * sign <= 0:
            return stop, True
        if target is not None and target_bid is not None and (fair - target_bid) * sign >= 0:
            return -target, False
    return (paid - bid(path, begin, begin + bars - 1, path.close[begin + bars - 1])) * sign, False


PATHS = {seed: moves(wild(seed, 110, gaps=0.15, crashes=0.03)) for seed in range(8)}


def path_of(seed: int) -> Moves:
    path = PATHS[seed]
    assert path is not None
    return path


UNITS = st.floats(0.0, 12.0)


@FEWER
@given(st.integers(0, 7), pick("buy", "sell"), UNITS, st.integers(1, 12), st.none() | UNITS, st.floats(0.0, 1.0))
def test_every_window_loses_what_trading_it_bar_by_bar_does(
    seed: int, side: Side, stop: float, bars: int, target: float | None, spread: float
) -> None:
    path = path_of(seed)
    stop, spread = (stop + spread) * path.unit, spread * path.unit  # a stop nearer than the spread would be met at once
    target = None if target is None else target * path.unit
    expected, _ = replayed(path, side, stop, bars, target, spread)
    result = stop_trade_losses(path, side, stop, bars, target=target, spread=spread)
    assert result.tolist() == pytest.approx(expected, abs=1e-9 * path.unit)


@FEWER
@given(
    st.integers(0, 7), pick("buy", "sell"), UNITS, st.integers(1, 5), st.floats(0.0, 1.0), st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
)  # fmt: skip
def test_slippage_and_widening_cost_no_less_than_the_stop_they_bring_nearer(
    seed: int, side: Side, stop: float, bars: int, spread: float, widening: float, slippage: float
) -> None:
    path = path_of(seed)
    unit = path.unit
    stop, spread, widening, slippage = (stop + spread) * unit, spread * unit, widening * unit, slippage * unit
    result = stop_trade_losses(path, side, stop, bars, spread=spread, widening=widening, slippage=slippage)
    # Somebody whose stop triggers by the bids as early as this, at worst pays all of it on top of what those bids say.
    near = max(0.0, stop - spread - widening)
    bids, met = replayed(path, side, near, bars, None, 0.0)
    for each, bid, stopped in zip(result.tolist(), bids, met, strict=True):
        if stopped:
            least, most = max(stop + slippage, bid + spread), max(stop, bid + spread) + slippage + widening
            assert least - 1e-9 * unit <= each <= most + 1e-9 * unit
        else:
            assert each == pytest.approx(bid + spread, abs=1e-9 * unit)


@FEWER
@given(st.integers(0, 7), UNITS)
def test_selling_the_mirror_image_loses_what_buying_does(seed: int, stop: float) -> None:
    path = path_of(seed)
    assert stop_trade_losses(mirrored(path), "sell", stop * path.unit).tolist() == pytest.approx(
        stop_trade_losses(path, "buy", stop * path.unit).tolist()
    )


@FEWER
@given(st.integers(0, 7), pick("buy", "sell"), UNITS, st.integers(1, 20))
def test_no_window_gains_by_a_cost(seed: int, side: Side, stop: float, bars: int) -> None:
    path = path_of(seed)
    stop = (stop + 0.2) * path.unit
    plain = stop_trade_losses(path, side, stop, bars)
    dear = stop_trade_losses(path, side, stop, bars, slippage=0.1 * path.unit)
    assert (dear >= plain).all()
    assert ((dear > plain) == (plain == stop)).all() or (dear[plain > stop] >= plain[plain > stop]).all()


def test_the_steps_of_a_window_follow_its_prices() -> None:
    path = path_of(0)
    for side, sign in (("buy", -1.0), ("sell", 1.0)):
        bar = step(path, side, 3)
        for begin in (0, 10, len(path) - 4):
            later = begin + 3
            price = path.close_before[later] * (1 + path.volatility[later] * path.close[later])
            scale = path.volatility[begin] * path.close_before[begin]
            assert bar.close[begin] == pytest.approx(sign * (price - path.close_before[begin]) / scale)
        assert (bar.reached >= bar.close - 1e-9).all()
        assert (bar.best <= bar.close + 1e-9).all()
        assert (bar.landing <= bar.reached + 1e-9).all()
        assert len(bar.close) == len(path) - 3


# A known value -------------------------------------------------------------------------------------------------------


def test_a_stop_at_50_with_one_percent_gaps_of_mean_excess_30_has_a_shortfall_of_56() -> None:
    # Source: DESIGN, "Expected shortfall of a stop trade". Ten of a thousand days open 15 to 45 beyond the stop, 90
    # more touch it: the worst 5 % are the ten gaps and forty stops, 50 + 10 * 30 / 50.
    excess = np.linspace(15.0, 45.0, 10)
    gaps = [day(-(50 + each) / 20, opening=-(50 + each) / 20) for each in excess.tolist()]
    touches = [day(0.0, low=-50 / 20 - 0.1)] * 90
    calm = [day(1.0, low=-1.0), day(-0.5)] * 450
    path = make_moves(gaps + touches + calm, unit=20.0)
    assert expected_shortfall(stop_trade_losses(path, "buy", 50.0), 0.95) == pytest.approx(56.0)
