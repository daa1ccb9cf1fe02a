"""Paths drawn from the past."""

import numpy as np
import pytest

from bridge.proof.asks import asks, starts
from bridge.proof.history import Era
from bridge.proof.paths import DAILY_STEPS, draw
from bridge.proof.source import firm_of
from sizing.snapshot import MarketStats
from sizing.stats.windows import JUMP
from tests.builders import NOW_MS
from tests.proof.builders import BIDS, make_past


def past_of(open_: float, high: float, low: float, close: float) -> object:
    """Ten days of the same moves in every symbol, one percent of volatility."""
    full = [np.full((10, 4), each) for each in (open_, high, low, close)]
    stats = tuple(MarketStats(as_of_ms=NOW_MS, bars=10, atr_daily=0.01) for _ in BIDS)
    era = Era(stats, np.full(4, 0.01), np.array(BIDS))
    return make_past(open=full[0], high=full[1], low=full[2], close=full[3], eras=[era])


def test_a_day_opens_and_closes_where_it_did_and_reaches_both_extremes_and_no_more() -> None:
    pairs = draw(past_of(0.1, 1.5, -2.0, 0.5), 20, np.random.default_rng(1))  # type: ignore[arg-type]
    for block in (pair.drawn for pair in pairs):
        before = np.array(BIDS)
        for bids in np.array(block.bids):
            moved = (bids / before - 1) * 100
            assert moved.shape == (DAILY_STEPS + 1, 4)
            assert moved[0] == pytest.approx(0.1)
            assert moved[-1] == pytest.approx(0.5)
            assert moved.max(axis=0) == pytest.approx(1.5)
            assert moved.min(axis=0) == pytest.approx(-2.0)
            before = bids[-1]


def test_only_the_opening_is_a_jump_unless_a_day_runs_too_far() -> None:
    calm = draw(past_of(0.1, 1.5, -2.0, 0.5), 5, np.random.default_rng(1))  # type: ignore[arg-type]
    assert all(set(day) == {0} for pair in calm for day in pair.drawn.jumps)
    wild = draw(past_of(0.0, 0.0, -8.0, -7.0), 5, np.random.default_rng(1))  # type: ignore[arg-type]
    for block in (pair.drawn for pair in wild):
        for bids, jumps in zip(np.array(block.bids), block.jumps, strict=True):
            for symbol in range(4):
                inside = [at for at, which in jumps.items() if at and symbol in which]
                moved = (bids[:, symbol] / bids[0, symbol] - 1) * 100
                assert len(inside) == 1
                # Before the jump nothing beyond the landing was traded, and behind it JUMP are still to be run.
                assert moved[: inside[0]].min() > -8.0 + JUMP
                assert moved[inside[0]] == pytest.approx(-8.0 + JUMP)
                assert moved.min() == pytest.approx(-8.0)


def test_crashes_come_in_some_days_and_leave_the_others_as_they_were() -> None:
    pairs = draw(past_of(0.0, 1.0, -1.0, 0.9), 100, np.random.default_rng(1))  # type: ignore[arg-type]
    same = [pair.drawn is pair.crashed for pair in pairs]
    assert 0.6 < np.mean(same) < 0.95
    assert all(pair.drawn.bids != pair.crashed.bids for pair, equal in zip(pairs, same, strict=True) if not equal)


def test_requests_are_in_order_and_some_come_together() -> None:
    days = asks(500, DAILY_STEPS, 4, np.random.default_rng(1))
    moments = [[ask.moment for ask in day] for day in days]
    assert all(day == sorted(day) for day in moments)
    assert {len(day) for day in days} == set(range(1, 9))
    assert any(len(set(day)) < len(day) for day in moments)


def test_accounts_begin_in_every_state() -> None:
    found = starts(firm_of("ftmo-2step", 100_000.0), 100_000.0, 2_000, np.random.default_rng(1))
    assert any(each.balance < 91_000 for each in found)
    assert any(each.balance > 105_000 for each in found)
    assert any(each.balance < each.day_balance - 4_000 for each in found)
    assert all(each.peak >= each.balance > 90_000 for each in found)
