"""The book and a trade on the same days: what they lose together, and how large the trade may be."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizing.ledger import Reservation, fill, leg_of
from sizing.snapshot import Side, SideMoves
from sizing.stats.joint import (
    DayMoves,
    Leg,
    add_leg,
    common_days,
    day_moves,
    euler_contributions,
    incremental,
    joint_book,
    largest,
    leg_losses,
    on_days,
    shortfall_of,
    tail_of,
)
from sizing.stats.shortfall import expected_shortfall
from sizing.stats.windows import Moves, moves, stop_trade_losses
from tests.sizing.histories import DAY_MS, make_leg, shifted, still_days, wild
from tests.sizing.strategies import EXAMPLES, numbers, pick

LEVELS = st.sampled_from((0.5, 0.8, 0.9, 0.95, 0.975, 0.99))
SEEDS = st.integers(0, 2**32 - 1)


def path_of(seed: int, days: int = 340) -> Moves:
    path = moves(wild(seed, days, gaps=0.1, crashes=0.02))
    assert path is not None
    return path


PATHS = [path_of(seed) for seed in range(6)]
DAYS = [day_moves(path, 300) for path in PATHS]


# The largest trade ---------------------------------------------------------------------------------------------------


def by_bisection(book: Any, trade: Any, budget: float, level: float, start: float) -> float | None:
    """The same answer by halving an interval, with a shortfall of its own."""
    if expected_shortfall(book + start * trade, level) <= budget:
        return None
    low, high = 0.0, start
    for _ in range(200):
        middle = (low + high) / 2
        if expected_shortfall(book + middle * trade, level) <= budget:
            low = middle
        else:
            high = middle
    return low


def drawn(seed: int) -> tuple[Any, Any, float]:
    """A book, a trade per lot and a budget that the book alone keeps."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(20, 400))
    book = rng.standard_t(3, size) * 10.0 ** rng.integers(0, 4)
    trade = rng.standard_t(3, size) * 10.0 ** rng.integers(0, 4) + rng.choice([0.0, -0.9, 0.9]) * book
    if seed % 3 == 0:  # stops: many days lose the same
        trade = np.clip(trade, -np.inf, np.quantile(trade, 0.8))
    return book, trade, float(rng.exponential())


@EXAMPLES
@given(SEEDS, LEVELS, numbers(1e-3, 1e3))
def test_the_largest_trade_keeps_the_budget_and_a_little_more_breaks_it(seed: int, level: float, start: float) -> None:
    book, trade, share = drawn(seed)
    alone = expected_shortfall(book, level)
    budget = alone + abs(alone) * share
    if budget <= 0:
        return
    lots = largest(book, trade, budget, level, start)
    expected = by_bisection(book, trade, budget, level, start)
    assert (lots is None) == (expected is None)
    if lots is None or expected is None:
        return
    assert 0.0 <= lots < start
    assert lots == pytest.approx(expected, rel=1e-9, abs=1e-9 * start)
    assert expected_shortfall(book + lots * trade, level) <= budget * (1 + 1e-9)
    more = lots * (1 + 1e-6) + 1e-9 * start
    assert expected_shortfall(book + more * trade, level) > budget


def test_the_next_step_of_the_broker_breaks_the_budget() -> None:
    for seed in range(50):
        book, trade, share = drawn(seed)
        budget = expected_shortfall(book, 0.95) * (1 + share)
        if budget <= 0:
            continue
        lots = largest(book, trade, budget, 0.95, 1e4)
        if lots is None:
            continue
        steps = math.floor(lots * 100)
        assert expected_shortfall(book + steps / 100 * trade, 0.95) <= budget * (1 + 1e-12)
        assert expected_shortfall(book + (steps + 1) / 100 * trade, 0.95) > budget


def test_twenty_positions_on_2000_days_are_solved_exactly() -> None:
    rng = np.random.default_rng(1)
    book, trade = rng.standard_t(3, (20, 2_000)).sum(axis=0) * 100, rng.standard_t(3, 2_000) * 500
    budget = 1.5 * expected_shortfall(book, 0.95)
    lots = largest(book, trade, budget, 0.95, 1_000.0)
    assert lots is not None
    assert expected_shortfall(book + lots * trade, 0.95) == pytest.approx(budget, rel=1e-12)


def test_a_trade_that_hedges_the_book_may_be_as_large_as_anything_else_allows() -> None:
    book = np.random.default_rng(2).standard_t(3, 300) * 100
    budget = shortfall_of(book, 0.95)
    assert largest(book, -0.5 * book, budget, 0.95, 1.0) is None
    # Far past the hedge the book has turned round, and the trade itself is the risk.
    lots = largest(book, -book, budget, 0.95, 100.0)
    assert lots is not None
    assert lots > 1.0


def test_a_trade_that_cannot_lose_is_not_limited() -> None:
    book = np.random.default_rng(3).standard_t(3, 300)
    assert largest(book, np.zeros(300), shortfall_of(book, 0.95), 0.95, 1e6) is None
    assert largest(book, np.full(300, -1.0), shortfall_of(book, 0.95), 0.95, 1e6) is None


def test_a_book_at_its_budget_leaves_nothing_for_what_adds_to_it() -> None:
    book = np.random.default_rng(4).standard_t(3, 300)
    lots = largest(book, np.abs(book), shortfall_of(book, 0.95), 0.95, 10.0)
    assert lots == pytest.approx(0.0, abs=1e-9)


def test_unknown_figures_leave_nothing() -> None:
    book, trade = np.zeros(100), np.ones(100)
    trade[7] = float("nan")
    assert largest(book, trade, 1.0, 0.95, 10.0) == 0.0


@EXAMPLES
@given(SEEDS, LEVELS)
def test_the_tail_of_equal_chances_is_the_fractional_shortfall(seed: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    losses = np.round(rng.standard_t(2, int(rng.integers(1, 300))), int(rng.integers(0, 12)))
    assert shortfall_of(losses, level) == pytest.approx(expected_shortfall(losses, level), abs=1e-9)
    tail = tail_of(len(losses), level)
    assert 0 <= tail.place < len(losses)
    assert tail.wanted == pytest.approx(len(losses) * (1 - level))
    assert len(losses) - 1 - tail.place + tail.fraction == pytest.approx(tail.wanted)


# Contributions -------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(SEEDS, LEVELS)
def test_contributions_add_up_and_are_slopes(seed: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    losses = rng.standard_t(3, (int(rng.integers(1, 6)), int(rng.integers(40, 300))))
    parts, together = euler_contributions(losses, level), shortfall_of(losses.sum(axis=0), level)
    assert parts.sum() == pytest.approx(together)
    for leg, part in zip(losses, parts, strict=True):
        # Tasche (1999): the derivative by the leg's size, where no two days lose the same.
        slope = (shortfall_of(losses.sum(axis=0) + 1e-7 * leg, level) - together) / 1e-7
        assert part == pytest.approx(slope, abs=1e-4 * (1 + abs(part)))
        # No leg adds more than it would lose alone: expected shortfall is subadditive.
        assert part <= shortfall_of(leg, level) + 1e-9


@EXAMPLES
@given(SEEDS, LEVELS, numbers(0.0, 10.0))
def test_what_a_trade_adds_is_at_most_what_it_loses_alone(seed: int, level: float, lots: float) -> None:
    book, trade, _ = drawn(seed)
    added = incremental(book, trade, lots, level)
    assert added <= lots * shortfall_of(trade, level) + 1e-6
    assert added == pytest.approx(shortfall_of(book + lots * trade, level) - shortfall_of(book, level))


# One leg -------------------------------------------------------------------------------------------------------------


def one_day(leg: Leg, landing: float, reached: float, close: float) -> float:
    """What the docstrings say a leg loses on one day, in steps."""
    trigger = max(0.0, leg.stop - leg.near)
    price = close if reached < trigger else max(trigger, landing)
    loss = price + leg.near
    if leg.target is not None and loss < -leg.target:
        loss = -leg.target
    money = loss * leg.money + leg.costs
    if leg.promised and money < 0:
        money = 0.0
    return money * leg.lots


@EXAMPLES
@given(
    st.integers(0, 5), pick("buy", "sell"), numbers(0.0, 0.1), numbers(0.0, 0.01), st.none() | numbers(0.0, 0.05),
    numbers(0.0, 50.0), numbers(0.01, 20.0), st.booleans(),
)  # fmt: skip
def test_every_day_of_a_leg_is_what_its_parts_say(
    index: int, side: Side, stop: float, near: float, target: float | None, costs: float, lots: float, promised: bool
) -> None:
    leg = make_leg(side=side, stop=stop, near=near, target=target, costs=costs, lots=lots, promised=promised)
    day = DAYS[index].side(side)
    expected = [one_day(leg, *row) for row in zip(*(column.tolist() for column in day), strict=True)]
    before = [column.copy() for column in day]
    assert leg_losses(leg, day).tolist() == pytest.approx(expected)
    assert all((now == then).all() for now, then in zip(day, before, strict=True)), "the cached days were written to"
    assert not promised or min(expected) >= 0.0


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_leg_loses_what_a_stop_trade_of_one_day_does(side: Side) -> None:
    for path, days in zip(PATHS, DAYS, strict=True):
        for stop in (0.001, 0.01, 0.05):
            for target in (None, 0.004):
                leg = make_leg(side=side, stop=stop, target=target, lots=2.0)
                single = stop_trade_losses(path.newest(300), side, stop, 1, target=target)
                losses = leg_losses(leg, days.side(side))
                # A day's target ends its gain, wherever the day has ended.
                assert (losses >= 200_000 * single - 1e-6).all()
                if target is None:
                    assert losses == pytest.approx(200_000 * single)


def test_gaps_stops_and_closes_of_a_position() -> None:
    day = SideMoves(
        landing=np.array([0.008, 0.001, 0.0, 0.0]),
        reached=np.array([0.009, 0.006, 0.004, 0.0]),
        close=np.array([0.002, -0.003, 0.003, -0.010]),
    )
    leg = make_leg(stop=0.005)
    assert leg_losses(leg, day) == pytest.approx([800.0, 500.0, 300.0, -1_000.0])
    assert leg_losses(leg._replace(target=0.002), day) == pytest.approx([800.0, 500.0, 300.0, -200.0])
    assert leg_losses(leg._replace(costs=7.0, lots=0.5), day) == pytest.approx([403.5, 253.5, 153.5, -496.5])
    # Nothing that may never be filled makes the day any better.
    assert leg_losses(leg._replace(promised=True, costs=7.0), day) == pytest.approx([807.0, 507.0, 307.0, 0.0])
    # A spread of 0.001 is paid, and brings the stop that much nearer.
    assert leg_losses(leg._replace(near=0.001), day) == pytest.approx([900.0, 500.0, 500.0, -900.0])


def test_a_stop_that_the_market_stands_at_loses_the_gap_only() -> None:
    day = SideMoves(np.array([0.003, -0.002]), np.array([0.004, 0.0]), np.array([0.001, -0.01]))
    assert leg_losses(make_leg(stop=0.0), day) == pytest.approx([300.0, 0.0])


def test_day_moves_are_prices_of_the_newest_days() -> None:
    path = PATHS[0]
    days = day_moves(path, 100)
    assert days.time_ms.tolist() == path.time_ms[-100:].tolist()
    assert days.buy.close == pytest.approx(-path.close[-100:] * path.unit)
    assert days.sell.reached == pytest.approx(np.maximum(path.high, path.open)[-100:] * path.unit)
    assert days.side("buy") is days.buy
    assert days.side("sell") is days.sell


# The book ------------------------------------------------------------------------------------------------------------


def test_legs_are_added_up_day_by_day() -> None:
    legs = [make_leg("A"), make_leg("B", "sell", lots=2.0), make_leg("A", "sell", stop=0.02), make_leg("A", lots=0.1)]
    book = joint_book(legs, {"A": DAYS[0], "B": DAYS[1]}, 250)
    expected = sum(leg_losses(leg, DAYS["AB".index(leg.symbol)].side(leg.side)) for leg in legs)
    assert book.losses == pytest.approx(expected)
    assert book.time_ms.tolist() == DAYS[0].time_ms.tolist()
    assert (book.whole, book.without) == (0.0, ())
    assert book.parts == (("A", "buy"), ("B", "sell"), ("A", "sell"))
    assert book.by_part.sum(axis=0) == pytest.approx(book.losses)
    assert book.by_part[0] == pytest.approx(1.1 * leg_losses(make_leg("A"), DAYS[0].buy))


def test_symbols_without_history_count_whole() -> None:
    legs = [make_leg("A"), make_leg("X", worst=300.0), make_leg("X", "sell", worst=50.5), make_leg("Y", worst=1.25)]
    book = joint_book(legs, {"A": DAYS[0]}, 250)
    assert book.whole == pytest.approx(351.75)
    assert book.without == ("X", "Y")
    assert book.losses == pytest.approx(leg_losses(legs[0], DAYS[0].buy))
    nothing = joint_book(legs[1:], {"A": DAYS[0]}, 250)
    assert (len(nothing.time_ms), len(nothing.losses), nothing.whole) == (0, 0, pytest.approx(351.75))


def test_an_empty_book_loses_nothing() -> None:
    book = joint_book([], {"A": DAYS[0]}, 250)
    assert (len(book.time_ms), len(book.losses), book.whole, book.without, book.parts) == (0, 0, 0.0, (), ())


def test_only_days_that_all_have_count() -> None:
    early, late = shifted(DAYS[0], 0, 280), shifted(DAYS[1], 20, 280)
    legs = [make_leg("A"), make_leg("B")]
    book = joint_book(legs, {"A": early, "B": late}, 250)
    assert book.time_ms.tolist() == DAYS[0].time_ms[20:280].tolist()
    expected = leg_losses(legs[0], shifted(DAYS[0], 20, 260).buy) + leg_losses(legs[1], shifted(DAYS[1], 20, 260).buy)
    assert book.losses == pytest.approx(expected)


def test_holidays_of_one_market_are_left_out_of_the_other() -> None:
    some, others = np.flatnonzero(np.arange(300) % 10), np.flatnonzero(np.arange(300) % 14)
    both = np.intersect1d(some, others)
    legs = [make_leg("A", "sell"), make_leg("B")]
    book = joint_book(legs, {"A": DAYS[0].at(some), "B": DAYS[1].at(others)}, 100)
    expected = leg_losses(legs[0], DAYS[0].at(both).sell) + leg_losses(legs[1], DAYS[1].at(both).buy)
    assert book.time_ms.tolist() == DAYS[0].time_ms[both].tolist()
    assert book.losses == pytest.approx(expected)


def test_a_symbol_with_too_few_common_days_counts_whole() -> None:
    legs = [make_leg("A", worst=10.0), make_leg("B", worst=20.0), make_leg("C", worst=40.0)]
    apart = still_days(290, first=10_000)
    book = joint_book(legs, {"A": DAYS[0], "B": apart, "C": shifted(DAYS[2], 30, 270)}, 250)
    assert (book.without, book.whole) == (("B",), 20.0)
    assert len(book.time_ms) == 270


def test_history_shorter_than_the_least_counts_whole() -> None:
    legs = [make_leg("A", worst=10.0), make_leg("B", worst=20.0)]
    book = joint_book(legs, {"A": shifted(DAYS[0], 0, 249), "B": shifted(DAYS[1], 0, 249)}, 250)
    assert (book.without, book.whole, len(book.losses)) == (("A", "B"), 30.0, 0)


def test_a_reservation_is_added_in_place_or_counts_whole() -> None:
    leg = make_leg("A", promised=True, worst=123.0)
    losses = np.ones(300)
    add_leg(losses, leg, DAYS[0], DAYS[0].time_ms)
    assert losses == pytest.approx(1 + leg_losses(leg, DAYS[0].buy))
    for moves_of in (None, shifted(DAYS[0], 1, 299)):  # no history, or one day too few
        losses = np.ones(300)
        add_leg(losses, leg, moves_of, DAYS[0].time_ms)
        assert losses.tolist() == [124.0] * 300
    losses = np.ones(200)
    add_leg(losses, leg, DAYS[0], DAYS[0].time_ms[50:250])
    assert losses == pytest.approx(1 + leg_losses(leg, shifted(DAYS[0], 50, 200).buy))


def test_days_in_common_are_the_same_array_where_nothing_is_missing() -> None:
    times = np.arange(5) * DAY_MS
    assert common_days(times, times.copy()) is times
    assert common_days(times, times[1:]).tolist() == times[1:].tolist()
    assert common_days(times[:2], times[3:]).tolist() == []
    days = DAYS[0]
    assert on_days(days, days.time_ms) is days
    part = on_days(days, days.time_ms[7:9])
    assert isinstance(part, DayMoves)
    assert part.sell.landing.tolist() == days.sell.landing[7:9].tolist()


# Reservations --------------------------------------------------------------------------------------------------------


def make_reservation(**over: Any) -> Reservation:
    """Two lots of EURUSD bought at 1.1 with the stop at 1.095: 500 a lot there, sized with 520."""
    values: dict[str, Any] = {
        "id": "r1", "symbol": "EURUSD", "side": "buy", "lots": 2.0, "rest_lots": 2.0, "risk_cents": 104_000,
        "worst_cents": 130_000, "notional_cents": 0, "margin_cents": 0, "created_ms": 0, "expires_ms": 1,
        "stop_loss": 1.095, "entry": 1.1, "money_per_price": 100_000.0,
    }  # fmt: skip
    return Reservation(**{**values, **over})


def test_a_reservation_loses_what_it_was_sized_with_and_never_gains() -> None:
    leg = leg_of(make_reservation())
    day = SideMoves(np.array([0.008, 0.0, 0.0]), np.array([0.008, 0.006, 0.001]), np.array([0.0, 0.0, -0.02]))
    assert leg.promised
    assert leg_losses(leg, day) == pytest.approx([2 * 820.0, 1_040.0, 0.0])
    assert (leg.symbol, leg.side, leg.lots, leg.worst) == ("EURUSD", "buy", 2.0, 1_300.0)


def test_a_reservation_in_part_filled_and_shown_loses_its_rest() -> None:
    half = fill(make_reservation(), 7, 1.0, 0)
    shown = half._replace(fills=(half.fills[0]._replace(shown=1.0),))
    assert leg_of(half).lots == 2.0
    assert (leg_of(shown).lots, leg_of(shown).worst) == (1.0, 650.0)
    assert leg_of(shown).costs == pytest.approx(leg_of(half).costs) == pytest.approx(20.0)


def test_a_reservation_whose_money_was_not_kept_counts_at_worst() -> None:
    leg = leg_of(make_reservation(money_per_price=0.0))
    book = joint_book([leg], {"EURUSD": DAYS[0]}, 250)
    assert (book.whole, len(book.losses)) == (1_300.0, 0)
    losses = np.zeros(300)
    add_leg(losses, leg, {"EURUSD": DAYS[0]}.get(leg.symbol), DAYS[0].time_ms)
    assert losses.tolist() == [1_300.0] * 300


def test_the_days_of_a_symbol_are_not_changed_by_playing_the_book() -> None:
    before = dataclasses.astuple(PATHS[3])
    joint_book([make_leg("A"), make_leg("A", "sell", promised=True)], {"A": DAYS[3]}, 250)
    assert all(np.array_equal(then, now) for then, now in zip(before, dataclasses.astuple(PATHS[3]), strict=True))
    assert day_moves(PATHS[3], 300).buy.close.tolist() == DAYS[3].buy.close.tolist()
