"""Trades and paths as days of steps, by hand."""

import numpy as np
import pytest

from bridge.odds.days import Curve, Step, held_over, path_days, scaled, stopped, trade_days
from tests.odds.builders import INITIAL, START_MS, bounds, coins, no_curve, trades_of

HOUR_MS = 3_600_000


def curve(*rows: tuple[float, float, float, float, float]) -> Curve:
    """Buckets: hours since START_MS, then balance, equity, low and high above the initial balance, money."""
    hours, *money = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    return Curve((START_MS + hours * HOUR_MS).astype(np.int64), *(INITIAL + each for each in money))


def test_one_trade_after_the_other_is_a_step_each() -> None:
    trades = trades_of((1, 2, 500, -200, 600), (3, 4, -1_000, -1_000, 100))
    days = trade_days(trades, no_curve(), bounds(1), INITIAL)
    second = 100 / INITIAL * 100 * INITIAL / 100_500
    assert list(days.steps(0)) == [
        Step(0.6, -0.2, 0.5, 0.0, traded=True),
        pytest.approx((second, -1_000 / 100_500 * 100, -1_000 / 100_500 * 100, 0.0, True)),
    ]


def test_trades_that_are_open_together_stand_at_their_worst_together() -> None:
    trades = trades_of((1, 4, 500, -200, 600), (2, 3, -300, -400, 100))
    first, second = trade_days(trades, no_curve(), bounds(1), INITIAL).steps(0)
    assert first == pytest.approx((0.7, -0.6, -0.3, -0.2, True))
    assert second == pytest.approx((0.6, -0.2, 0.5, 0.0, True))


def test_a_trade_opened_as_another_is_closed_was_not_open_with_it() -> None:
    trades = trades_of((1, 2, 500, -200, 600), (2, 3, -300, -400, 100))
    first, _ = trade_days(trades, no_curve(), bounds(1), INITIAL).steps(0)
    assert first.down == pytest.approx(-0.2)


def test_a_trade_held_over_a_reset_counts_on_both_days_and_is_booked_on_the_last() -> None:
    path = curve((23, 0, 300, 0, 300), (25, 0, 100, 0, 300))
    trades = trades_of((20, 30, 500, -200, 600))
    days = trade_days(trades, path, bounds(2), INITIAL)
    assert list(days.steps(0)) == [pytest.approx((0.6, -0.2, 0.0, -0.2, True))]
    assert list(days.steps(1)) == [pytest.approx((0.6, -0.2, 0.5, 0.0, False))]
    assert days.opening.tolist() == pytest.approx([0.0, 0.3])
    assert days.sums().tolist() == pytest.approx([0.0, 0.5])


def test_a_day_of_at_most_so_many_positions_loses_the_later_ones() -> None:
    trades = trades_of((1, 2, 100, 0, 100), (3, 4, 200, 0, 200), (5, 6, 300, 0, 300), (25, 26, 400, 0, 400))
    days = trade_days(trades, no_curve(), bounds(2), INITIAL, most=2)
    assert np.diff(days.starts).tolist() == [2, 1]
    parts = trades._replace(ticket=np.array([1, 1, 2, 3]))
    assert np.diff(trade_days(parts, no_curve(), bounds(2), INITIAL, most=1).starts).tolist() == [2, 1]


def test_a_path_is_a_step_for_each_bucket_in_which_anything_moved() -> None:
    path = curve(
        (0, 0, 0, 0, 0), (1, 0, 300, -100, 400), (2, 500, 500, 200, 600), (3, 500, 500, 500, 500),
        (24, 500, 480, 450, 510), (25, 1_000, 1_000, 400, 1_000),
    )  # fmt: skip
    days = path_days(trades_of((1, 2, 500, -100, 600), (24, 25, 500, -100, 500)), path, bounds(2), INITIAL)
    assert list(days.steps(0)) == [
        pytest.approx((0.4, -0.1, 0.0, 0.3, True)),
        pytest.approx((0.6, 0.2, 0.5, 0.0, True)),
    ]
    base = 100_500 / 100
    assert list(days.steps(1)) == [
        pytest.approx((10 / base, -50 / base, 0.0, -20 / base, True)),
        pytest.approx((500 / base, -100 / base, 500 / base, 0.0, True)),
    ]
    assert days.opening.tolist() == [0.0, 0.0]


def test_a_path_says_what_floated_at_the_reset() -> None:
    path = curve((23, 0, 300, 0, 300), (24, 0, 100, 0, 300))
    assert path_days(trades_of((22, 30, 0, 0, 0)), path, bounds(2), INITIAL).opening.tolist() == pytest.approx([0, 0.3])


def test_scaled_days_are_so_many_times_as_large_in_everything() -> None:
    days = trade_days(trades_of((1, 4, 500, -200, 600), (2, 30, -300, -400, 100)), no_curve(), bounds(2), INITIAL)
    twice = scaled(days, 2.0)
    for name in ("up", "down", "net", "after", "opening"):
        assert getattr(twice, name).tolist() == (2 * getattr(days, name)).tolist()
    assert twice.traded.tolist() == days.traded.tolist()


def test_a_stopped_day_ends_at_the_close_that_lost_enough_with_what_is_open_closed_as_it_stands() -> None:
    days = coins((-1.0, -1.0, 5.0), (1.0, -1.9))
    assert [step.net for step in stopped(days, 2.0).steps(0)] == [-1.0, -1.0]
    assert [step.net for step in stopped(days, 2.0).steps(1)] == [1.0, -1.9]
    held = days._replace(after=np.array([0.0, -0.5, 0.0, 0.0, 0.0]))
    assert list(stopped(held, 2.0).steps(0))[-1] == Step(0.0, -1.0, -1.5, 0.0, traded=True)


def test_what_a_stopped_day_has_closed_is_no_part_of_the_days_that_follow() -> None:
    """The first loses 2 %; the second is held over two resets and is 1.5 % down at its worst; the third is later."""
    trades = trades_of((1, 2, -2_000, -2_000, 0), (1.5, 50, 2_940, -1_470, 2_940), (3, 26, 100, 0, 100))
    plain = trade_days(trades, no_curve(), bounds(3), INITIAL)
    assert plain.sums() == pytest.approx([-2.0, 100 / 980, 2_940 / 1_000])
    days = trade_days(trades, no_curve(), bounds(3), INITIAL, stop_pct=2.0)
    assert list(days.steps(0)) == [pytest.approx((2.94, -3.47, -3.47, 0.0, True))]
    assert days.sums().tolist() == pytest.approx([-3.47, 0.0, 0.0])
    assert (np.diff(days.starts).tolist(), days.opening.tolist()) == ([1, 0, 0], [0.0, 0.0, 0.0])


def test_a_day_that_is_not_stopped_is_what_it_was() -> None:
    trades = trades_of((1, 2, -2_000, -2_000, 0), (1.5, 50, 2_940, -1_470, 2_940), (3, 26, 100, 0, 100))
    plain, days = (trade_days(trades, no_curve(), bounds(3), INITIAL, stop_pct=each) for each in (None, 2.01))
    assert all(getattr(plain, name).tolist() == getattr(days, name).tolist() for name in plain._fields)


def test_trades_open_at_the_end_of_a_day_are_counted() -> None:
    trades = trades_of((1, 2, 0, 0, 0), (3, 23.9, 0, 0, 0), (3, 24, 0, 0, 0), (23, 49, 0, 0, 0), (24, 25, 0, 0, 0))
    assert held_over(trades, bounds(3)) == 2
