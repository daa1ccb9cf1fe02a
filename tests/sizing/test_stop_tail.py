"""The table of a stop trade's tail: never below the windows it was made from, and read at any stop and horizon."""

import dataclasses
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizing.policy import TailPolicy
from sizing.snapshot import Side, StopTail
from sizing.stats.resampling import BLOCK, REPLICATES, block_counts, block_sums
from sizing.stats.shortfall import expected_shortfall, value_at_risk
from sizing.stats.stop_tail import HORIZONS, stop_tail
from sizing.stats.tail import crosses_weekend, days_of, horizon_end, measured_tail, shortfall
from sizing.stats.windows import Moves, moves, stop_trade_losses
from tests.builders import at
from tests.sizing.histories import day, make_moves, wild
from tests.sizing.strategies import EXAMPLES, numbers, pick

MIDDLE = TailPolicy(interval=0.0)
"""Takes the middle of the interval: the least margin above the sample's own figure that there is."""
WIDEST = 8.0
"""Daily ATRs of the widest stop in the table; the nearest one has 0.05."""
SIDES: tuple[Side, ...] = ("buy", "sell")
FEWER = settings(max_examples=40, deadline=None, print_blob=True)


@cache
def known(seed: int, days: int = 340, week: int = 7, crashes: float = 0.005) -> tuple[Moves, float]:
    """A wild history's moves and its ATR."""
    history = wild(seed, days, week=week, crashes=crashes, drift=(0.0, 0.1, -0.1)[seed % 3])
    path = moves(history)
    assert path is not None
    return path, history.atr


@cache
def table_of(seed: int, policy: TailPolicy = MIDDLE, **over: Any) -> StopTail:
    path, atr = known(seed, **over)
    table = stop_tail(path, atr, policy)
    assert table is not None
    return table


def exact(path: Moves, side: Side, stop: float, days: int, level: float = 0.95) -> float:
    """What the windows themselves say."""
    return expected_shortfall(stop_trade_losses(path, side, stop, days), level)


def read(table: StopTail, side: Side, stop: float, days: int, *, weekend: bool = True) -> float:
    return measured_tail(table, side, stop, days, weekend=weekend).shortfall


# Never below the windows ---------------------------------------------------------------------------------------------


@FEWER
@given(st.integers(0, 15), pick(*SIDES), pick(*HORIZONS), st.floats(0.0, WIDEST))
def test_inside_the_table_no_stop_is_understated(seed: int, side: Side, days: int, stop: float) -> None:
    path, atr = known(seed)
    # The nearest stops have the narrowest brackets: look at them as often as at the wide ones.
    for distance in (stop * atr, stop * 0.05 * atr, stop * 0.3 * atr):
        figure = read(table_of(seed), side, distance, days)
        assert figure >= exact(path, side, distance, days) * (1 - 1e-9)


@pytest.mark.parametrize("level", [0.9, 0.975, 0.99])
@pytest.mark.parametrize("side", SIDES)
def test_no_stop_is_understated_at_any_level(level: float, side: Side) -> None:
    for seed in range(4):
        path, atr = known(seed)
        table = table_of(seed, dataclasses.replace(MIDDLE, level=level))
        for stop in np.geomspace(0.01, WIDEST, 23) * atr:
            for days in HORIZONS:
                assert read(table, side, stop, days) >= exact(path, side, stop, days, level) * (1 - 1e-9)


@pytest.mark.parametrize("side", SIDES)
def test_a_stop_beyond_the_widest_is_not_understated_on_one_day(side: Side) -> None:
    for seed in range(16):
        path, atr = known(seed)
        for stop in np.array([8.001, 9.0, 12.0, 20.0, 50.0]) * atr:
            assert read(table_of(seed), side, stop, 1) >= exact(path, side, stop, 1) * (1 - 1e-9)


def falling_through(depth: float) -> Moves:
    """Calm days, and ten crashes of two days: down to 10 volatilities on the first, a gap to `depth` on the second."""
    calm = [day(0.3, low=-0.5, high=0.5), day(-0.3, low=-0.5, high=0.5)] * 15
    crash = [day(-10.0, opening=-9.0), day(-depth, opening=-depth), day(20.0)]
    return make_moves((calm + crash) * 10)


@pytest.mark.parametrize("days", [2, 5])
def test_a_stop_beyond_the_widest_is_not_understated_where_a_crash_goes_on(days: int) -> None:
    # An ATR of 1: the widest stop of the table, 8, is filled on the first day at 9. A stop at 12 is met on the second,
    # beyond 80: the loss of one window may grow much faster than its stop.
    path = falling_through(80.0)
    table = stop_tail(path, 1.0, MIDDLE)
    assert table is not None
    assert read(table, "buy", 12.0, days) >= exact(path, "buy", 12.0, days) * (1 - 1e-9)


@pytest.mark.parametrize("days", [3, 4, 7, 15])
def test_a_horizon_between_two_of_the_table_is_not_understated(days: int) -> None:
    for seed in range(16):
        path, atr = known(seed, crashes=0.0)
        table = table_of(seed, TailPolicy(), crashes=0.0)
        for side in SIDES:
            for stop in np.geomspace(0.03, WIDEST, 12) * atr:
                assert read(table, side, stop, days) >= exact(path, side, stop, days) * (1 - 1e-9)


@pytest.mark.parametrize("side", SIDES)
def test_a_horizon_beyond_the_longest_is_no_safer_than_the_longest(side: Side) -> None:
    for seed in range(16):
        table = table_of(seed, TailPolicy())
        for stop in np.geomspace(0.03, 12.0, 12) * known(seed)[1]:
            longest = read(table, side, stop, HORIZONS[-1])
            assert read(table, side, stop, HORIZONS[-1] + 1) >= longest * (1 - 1e-9)


@pytest.mark.parametrize("days", [21, 30, 40])
def test_a_horizon_beyond_the_longest_is_not_understated(days: int) -> None:
    for seed in range(6):
        path, atr = known(seed, days=900, crashes=0.002)
        table = table_of(seed, TailPolicy(), days=900, crashes=0.002)
        for side in SIDES:
            for stop in np.geomspace(0.03, WIDEST, 12) * atr:
                assert read(table, side, stop, days) >= exact(path, side, stop, days) * (1 - 1e-9)


def test_the_table_is_of_the_windows_size_not_of_another() -> None:
    # What never understates could be anything: on histories without crashes the middle of the interval stays near.
    ratios = []
    for seed in range(12):
        path, atr = known(seed, crashes=0.0)
        for side in SIDES:
            for stop in np.geomspace(0.2, 3.0, 7) * atr:
                ratios.append(read(table_of(seed, crashes=0.0), side, stop, 1) / exact(path, side, stop, 1))
    assert max(ratios) < 1.5
    assert np.median(ratios) < 1.15


@EXAMPLES
@given(st.integers(0, 15), pick(*SIDES), st.integers(1, 40), numbers(0.0, 12.0), numbers(1.0, 2.0))
def test_a_wider_stop_never_loses_less(seed: int, side: Side, days: int, stop: float, factor: float) -> None:
    atr = known(seed)[1]
    table = table_of(seed, TailPolicy())
    assert read(table, side, stop * factor * atr, days) >= read(table, side, stop * atr, days)


@EXAMPLES
@given(st.integers(0, 15), pick(*SIDES), st.integers(1, 40), numbers(0.0, 12.0))
def test_the_shortfall_is_neither_below_its_stop_on_the_way_nor_below_its_value_at_risk(
    seed: int, side: Side, days: int, stop: float
) -> None:
    figures = measured_tail(table_of(seed, TailPolicy()), side, stop * known(seed)[1], days, weekend=True)
    assert figures.gap >= 0.0
    assert (figures.value_at_risk is None) == (days > HORIZONS[-1])
    assert figures.value_at_risk is None or figures.value_at_risk <= figures.shortfall * (1 + 1e-12)


@pytest.mark.parametrize("side", SIDES)
def test_the_value_at_risk_is_the_stop_where_stops_fill_the_tail_and_else_not_below_the_windows(side: Side) -> None:
    for seed in range(8):
        path, _ = known(seed)
        table = table_of(seed)
        for stop in table.stops:
            losses = stop_trade_losses(path, side, stop)
            figure = measured_tail(table, side, stop, 1, weekend=True).value_at_risk
            assert figure is not None
            sample = value_at_risk(losses, 0.95)
            assert sample * (1 - 1e-9) <= figure <= max(stop, sample) * (1 + 1e-9)
            if sample == stop:
                assert figure == pytest.approx(stop)


def test_a_stop_at_the_market_reads_the_first_value_of_the_table() -> None:
    table = table_of(1)
    assert read(table, "buy", 0.0, 1) == table.buy.rows[0].shortfall[0]
    assert read(table, "buy", 0.0, 1) >= exact(known(1)[0], "buy", 0.0, 1) * (1 - 1e-9)


def test_the_price_of_the_symbol_changes_the_figures_in_proportion() -> None:
    path, atr = known(2)
    other = stop_tail(dataclasses.replace(path, unit=path.unit * 100), atr * 100, MIDDLE)
    assert other is not None
    for stop in (0.02, 0.7, 5.0, 11.0):
        for days in (1, 5, 30):
            expected = 100 * read(table_of(2), "sell", stop * atr, days)
            assert read(other, "sell", stop * atr * 100, days) == pytest.approx(expected)


# Worse history -------------------------------------------------------------------------------------------------------


def worsened(path: Moves, seed: int, count: int) -> Moves:
    """Some bars open lower, and fall as low; nothing else changes."""
    rng = np.random.default_rng(1_000 + seed)
    rows = rng.choice(len(path), count, replace=False)
    opening = path.open.copy()
    opening[rows] = np.minimum(opening[rows], path.low[rows]) - rng.exponential((0.5, 3.0)[seed % 2], count)
    low = np.minimum(path.low, opening)
    return dataclasses.replace(path, open=opening, low=low, close=np.maximum(path.close, low))


@pytest.mark.parametrize("policy", [MIDDLE, TailPolicy()], ids=["middle", "upper end"])
def test_worse_gaps_never_lower_the_shortfall_of_a_day(policy: TailPolicy) -> None:
    # Fewer than 50 of them: a fitted Pareto tail may well fall when one more excess joins the others.
    for seed in range(60):
        path, atr = known(seed, days=310, crashes=0.002)
        before = table_of(seed, policy, days=310, crashes=0.002)
        after = stop_tail(worsened(path, seed, 1 + seed % 6), atr, policy)
        assert after is not None
        for stop in np.geomspace(0.03, 12.0, 30) * atr:
            assert read(after, "buy", stop, 1) >= read(before, "buy", stop, 1) * (1 - 1e-9)


def gapped(path: Moves, rows: Any, sizes: Any) -> Moves:
    """The same days, some of which open so much below their low; nobody's close is below that."""
    opening = path.open.copy()
    opening[rows] = np.minimum(opening[rows], path.low[rows]) - sizes
    low = np.minimum(path.low, opening)
    return dataclasses.replace(path, open=opening, low=low, close=np.maximum(path.close, low))


@pytest.mark.parametrize("policy", [MIDDLE, TailPolicy()], ids=["middle", "upper end"])
def test_one_more_gap_never_lowers_the_shortfall_where_gaps_are_about_to_fill_the_tail(policy: TailPolicy) -> None:
    # Of 279 days the worst 5 % are 14: from 10 gaps to 18.
    for seed in range(12):
        path, atr = known(seed, days=310, crashes=0.0)
        rng = np.random.default_rng(seed)
        rows, sizes = rng.permutation(len(path)), rng.exponential(1.0, len(path))
        figures = []
        for count in range(10, 19, 2):
            table = stop_tail(gapped(path, rows[:count], sizes[:count]), atr, policy)
            assert table is not None
            figures.append([read(table, "buy", stop, 1) for stop in np.geomspace(0.03, 4.0, 12) * atr])
        for before, after in pairwise(figures):
            assert all(low <= high * (1 + 1e-9) for low, high in zip(before, after, strict=True))


def test_worse_gaps_raise_the_shortfall() -> None:
    path, atr = known(3)
    after = stop_tail(worsened(path, 3, 6), atr, MIDDLE)
    assert after is not None
    assert read(after, "buy", atr, 1) > read(table_of(3), "buy", atr, 1)


def test_fifty_gaps_are_continued_by_a_pareto_tail() -> None:
    # 60 of 1,000 days open beyond the stop, by heavy-tailed excesses. The windows' own shortfall is topped by that of
    # the fitted tail; of 49 gaps none is fitted.
    excess = np.sort(2.0 / 0.6 * (np.random.default_rng(5).random(60) ** -0.6 - 1))

    def figure(gaps: int) -> tuple[float, float]:
        rows = [day(-1.0 - each, opening=-1.0 - each) for each in excess[:gaps].tolist()]
        path = make_moves(rows + [day(0.2, low=-0.2)] * (1000 - gaps))
        table = stop_tail(path, 20.0, MIDDLE)  # its nearest stop is 1.0
        assert table is not None
        return read(table, "buy", 1.0, 1), exact(path, "buy", 1.0, 1)

    few, few_exact = figure(49)
    many, many_exact = figure(60)
    assert few < 1.1 * few_exact
    assert many > 1.1 * many_exact


# Too little ----------------------------------------------------------------------------------------------------------


def test_too_little_history_has_no_table() -> None:
    path, atr = known(1)
    assert stop_tail(path.newest(250), atr, TailPolicy()) is not None
    assert stop_tail(path.newest(249), atr, TailPolicy()) is None
    assert stop_tail(path.newest(249), atr, TailPolicy(min_history=249)) is not None


@pytest.mark.parametrize("atr", [0.0, -1.0, float("nan")])
def test_without_an_atr_there_is_no_table(atr: float) -> None:
    assert stop_tail(known(1)[0], atr, TailPolicy()) is None


def test_the_least_history_and_the_highest_level_still_give_a_table() -> None:
    path, atr = known(4)
    table = stop_tail(path.newest(100), atr, TailPolicy(min_history=100, level=0.999, interval=0.99))
    assert table is not None
    for days in (1, 20):
        worst = stop_trade_losses(path.newest(100), "buy", atr, days).max()
        assert read(table, "buy", atr, days) >= worst * (1 - 1e-9)


# The interval --------------------------------------------------------------------------------------------------------


def test_a_wider_interval_never_gives_less() -> None:
    for seed in range(6):
        atr = known(seed)[1]
        tables = [table_of(seed, TailPolicy(interval=width)) for width in (0.0, 0.5, 0.9, 0.99)]
        for stop in np.geomspace(0.03, WIDEST, 12) * atr:
            figures = [read(table, "buy", stop, 2) for table in tables]
            assert all(low <= high * (1 + 1e-12) for low, high in pairwise(figures))
            assert figures[0] < figures[-1]


def test_a_short_history_has_the_wider_margin() -> None:
    # The same days, once and ten times over: the interval is about the root of ten narrower.
    rows = [day(-3.0, opening=-3.0) if index % 61 == 0 else day(0.2, low=-1.5) for index in range(305)]
    margins = []
    for times in (1, 10):
        path = make_moves(rows * times)
        table = stop_tail(path, 20.0, TailPolicy())
        assert table is not None
        margins.append(read(table, "buy", 1.0, 1) - exact(path, "buy", 1.0, 1))
    assert margins[0] > 2 * margins[1] > 0


@pytest.mark.parametrize("blocks", [1, 2, 13, 250])
def test_every_replicate_draws_as_many_blocks_as_there_are(blocks: int) -> None:
    counts = block_counts(blocks)
    assert counts.shape == (blocks, REPLICATES)
    assert (counts.sum(axis=0) == blocks).all()
    assert (counts >= 0).all()
    # Each block is drawn once per replicate on average; four standard errors of the mean of independent draws.
    error = ((1 - 1 / blocks) / REPLICATES) ** 0.5
    assert (abs(counts.mean(axis=1) - 1) <= 4.5 * error).all()
    assert block_counts(blocks).tolist() == counts.tolist()


def test_the_draws_are_splitmix64s() -> None:
    # Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators". The first number of seed 0 is
    # 0xE220A8397B1DCDAF in every implementation's test vectors.
    mask, state, numbers_drawn = 2**64 - 1, 0, []
    for _ in range(3 * REPLICATES):
        state = (state + 0x9E3779B97F4A7C15) & mask
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
        numbers_drawn.append(mixed ^ (mixed >> 31))
    assert numbers_drawn[0] == 0xE220A8397B1DCDAF
    expected = np.zeros((3, REPLICATES))
    for index, number in enumerate(numbers_drawn):
        expected[((number >> 32) * 3) >> 32, index // 3] += 1
    assert block_counts(3).tolist() == expected.tolist()


def test_blocks_are_consecutive_and_the_last_may_be_short() -> None:
    values = np.arange(2.0 * (2 * BLOCK + 3)).reshape(2, -1)
    sums = block_sums(values)
    assert sums.shape == (2, 3)
    assert sums[1].tolist() == [values[1, :BLOCK].sum(), values[1, BLOCK : 2 * BLOCK].sum(), values[1, -3:].sum()]


# Weekends ------------------------------------------------------------------------------------------------------------


def weekly(weeks: int = 300) -> Moves:
    """Five days a week; every fourth Monday opens 6 volatilities lower, other days do next to nothing."""
    monday = [day(-6.0, opening=-6.0), *[day(0.2, low=-1.2)] * 3]
    rows = [row for week in range(weeks) for row in (monday[week % 4], *[day(0.3, low=-1.2)] * 4)]
    return make_moves(rows, weekend=[True, False, False, False, False] * weeks)


def test_a_trade_that_ends_within_the_week_is_not_charged_with_mondays_gaps() -> None:
    path = weekly()
    table = stop_tail(path, 20.0, MIDDLE)
    assert table is not None
    within, over = (measured_tail(table, "buy", 1.0, 1, weekend=weekend) for weekend in (False, True))
    # Stop 1: of the days within the week none opens beyond it; of the Mondays a quarter opens at 6.
    assert within.shortfall == pytest.approx(1.0)
    assert over.shortfall >= 6.0
    assert (within.gap, over.gap) == pytest.approx((0.0, 5.0))
    assert within.source != over.source
    assert "week" in within.source
    for figures in (within, over):
        assert figures.source.startswith(f"{300 if figures is over else 1200} daily paths, 1 d")


@pytest.mark.parametrize("days", [1, 2])
def test_windows_are_told_apart_by_the_weekend_they_go_over(days: int) -> None:
    path, atr = known(6, days=480, week=5)
    table = table_of(6, days=480, week=5)
    over = np.lib.stride_tricks.sliding_window_view(path.weekend, days).any(axis=1)
    for side in SIDES:
        for stop in np.geomspace(0.03, WIDEST, 15) * atr:
            losses = stop_trade_losses(path, side, stop, days)
            for weekend in (True, False):
                sample = losses[over] if weekend else losses[~over]
                figures = measured_tail(table, side, stop, days, weekend=weekend)
                assert figures.windows == len(sample)
                assert figures.shortfall >= expected_shortfall(sample, 0.95) * (1 - 1e-9)


def test_five_days_go_over_a_weekend_whatever_the_calendar_says() -> None:
    table, atr = table_of(6, days=480, week=5), known(6, days=480, week=5)[1]
    for days in (5, 21):
        assert read(table, "buy", atr, days, weekend=False) == read(table, "buy", atr, days, weekend=True)


def test_a_hole_in_the_history_counts_as_a_weekend_and_as_none() -> None:
    # Of 400 days every fifth follows a weekend; one of them follows a hole of which nobody knows what it was.
    path = dataclasses.replace(
        make_moves([day(0.3, low=-1.2)] * 400, weekend=[number % 5 == 0 for number in range(400)]),
        hole=np.arange(400) == 200,
    )
    table = stop_tail(path, 20.0, MIDDLE)
    assert table is not None
    over, within = (measured_tail(table, "buy", 1.0, 1, weekend=weekend).windows for weekend in (True, False))
    assert (over, within) == (80, 321)


def test_with_few_weekends_all_days_stand_for_both() -> None:
    path = weekly(60).newest(260)
    table = stop_tail(path, 20.0, MIDDLE)
    assert table is not None
    for stop in (0.5, 1.0, 4.0):
        figure = read(table, "buy", stop, 1, weekend=False)
        assert figure == read(table, "buy", stop, 1, weekend=True) >= exact(path, "buy", stop, 1) * (1 - 1e-9)


def test_a_market_that_never_closes_has_one_kind_of_day() -> None:
    assert table_of(1).buy.week == table_of(1).sell.week == ()


@pytest.mark.parametrize(
    ("now", "minutes", "expected"),
    [
        # 2026-03-04 was a Wednesday.
        ("2026-03-04 10:00:00", 1440, False), ("2026-03-04 10:00:00", 3 * 1440, True),
        ("2026-03-05 19:59:00", 1440, False), ("2026-03-05 20:00:00", 1440, True),
        ("2026-03-06 19:00:00", 59, False), ("2026-03-06 19:00:00", 60, True), ("2026-03-06 20:00:00", 1, True),
        ("2026-03-07 12:00:00", 1, True), ("2026-03-08 20:59:00", 1, True), ("2026-03-08 21:00:00", 1, False),
        ("2026-03-08 21:00:00", 4 * 1440, False), ("2026-03-09 00:00:00", 7 * 1440, True),
        ("2026-03-01 21:00:00", 60 * 24 * 30, True),
    ],
)  # fmt: skip
def test_a_weekend_lasts_from_friday_20_to_sunday_21_utc(now: str, minutes: int, expected: bool) -> None:
    assert crosses_weekend(at(now), minutes) == expected


@pytest.mark.parametrize(
    ("now", "minutes", "end"),
    [
        ("2026-03-04 10:00:00", 1440, "2026-03-05 10:00:00"), ("2026-03-06 10:00:00", 60, "2026-03-06 11:00:00"),
        ("2026-03-06 10:00:00", 1440, "2026-03-09 10:00:00"), ("2026-03-04 10:00:00", 3 * 1440, "2026-03-09 10:00:00"),
        ("2026-03-04 10:00:00", 10 * 1440, "2026-03-18 10:00:00"), ("2026-03-07 12:00:00", 60, "2026-03-09 13:00:00"),
    ],
)  # fmt: skip
def test_a_horizon_leaves_weekends_out(now: str, minutes: int, end: str) -> None:
    assert horizon_end(at(now), minutes) == at(end)


# Reading -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "days"), [(1, 1), (1439, 1), (1440, 1), (1441, 2), (2880, 2), (2881, 3), (14_400, 10)]
)
def test_a_horizon_is_rounded_up_to_days(minutes: int, days: int) -> None:
    assert days_of(minutes) == days


def test_the_source_names_the_horizon_that_was_read() -> None:
    for days in range(1, HORIZONS[-1] + 2):
        label = next((f"{horizon} d" for horizon in HORIZONS if horizon >= days), "until stopped")
        figures = measured_tail(table_of(1), "buy", 0.01, days, weekend=True)
        assert figures.source == f"{figures.windows} daily paths, {label}"


def test_a_gapped_stop_at_50_gives_56() -> None:
    # Source: DESIGN, "Expected shortfall of a stop trade": a 1 % gap of mean excess 30 beyond a stop at 50.
    assert shortfall(50.0, 0.01, 30.0, 0.95) == pytest.approx(56.0)
    assert [shortfall(50.0, chance, 30.0, 0.95) for chance in (0.0, 0.05, 0.5)] == pytest.approx([50.0, 80.0, 80.0])
    # The same from paths: of 1,000 days ten open 15 to 45 beyond, 90 touch the stop, the others stay away.
    gaps = [day(-(50 + each) / 20, opening=-(50 + each) / 20) for each in np.linspace(15.0, 45.0, 10).tolist()]
    rows = gaps + [day(0.0, low=-2.6)] * 90 + [day(0.2, low=-0.2)] * 900
    path = make_moves(np.random.default_rng(1).permutation(np.array(rows)).tolist(), unit=20.0)
    table = stop_tail(path, 1_000.0, MIDDLE)
    assert table is not None
    assert table.stops[0] == 50.0
    assert exact(path, "buy", 50.0, 1) == pytest.approx(56.0)
    assert 56.0 <= read(table, "buy", 50.0, 1) < 57.0
    figures = measured_tail(table, "buy", 50.0, 1, weekend=True)
    assert figures.gap == pytest.approx(30.0)
    assert figures.value_at_risk == 50.0


@pytest.mark.parametrize("side", SIDES)
def test_the_gap_never_falls_faster_than_the_stop_widens(side: Side) -> None:
    # Stop and mean gap together are what a gapped trade loses: a wider stop must not make that look smaller.
    for seed in range(8):
        table = table_of(seed)
        stops = np.geomspace(0.03, 12.0, 200) * known(seed)[1]
        reach = [stop + measured_tail(table, side, stop, 1, weekend=True).gap for stop in stops.tolist()]
        assert all(low <= high * (1 + 1e-9) for low, high in pairwise(reach))
