"""What statistics cost when a bar closes, the joint solution inside a request, and how much memory a symbol keeps."""

import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bridge.joint import JointEvidence
from bridge.market.recording import TIMEFRAME_MS, BarSeries
from bridge.statistics import HISTORY, DailyFigures, daily_figures, market_stats
from sizing.policy import Policy
from sizing.snapshot import MarketStats, Side
from sizing.stats.joint import DayMoves, Leg, largest, leg_losses
from sizing.stats.windows import WARM_UP

_POSITIONS, _DAYS = 20, 2_000
_BUDGETS = (1.02, 1.2, 2.0, 5.0)
"""Budgets of the solve, in multiples of what the book alone takes: from hardly any room to plenty."""


class Figures(NamedTuple):
    """Medians."""

    statistics_ms: float
    solve_us: float
    memory_kib: float


def figures(rounds: int) -> Figures:
    """Measure on seeded random walks with fat tails and gaps."""
    policy = Policy()
    daily = walk(1, HISTORY + WARM_UP + 1)
    taken = [_seconds(lambda: daily_figures(daily, policy)) for _ in range(rounds + 1)][1:]
    return Figures(statistics.median(taken) * 1e3, _solve_us(policy, rounds * 100), _memory_kib(daily, policy))


def walk(seed: int, bars: int) -> BarSeries:
    """Daily bars of a currency, five in a week, the first of each a little away from the close before."""
    rng = np.random.default_rng(seed)
    close = np.exp(np.cumsum(rng.standard_t(4, bars) * 0.004))
    days = np.arange(bars) // 5 * 7 + np.arange(bars) % 5 + 4
    opened = np.concatenate((close[:1], close[:-1])) * np.exp(rng.standard_t(3, bars) * 0.0003)
    reach = np.exp(np.abs(rng.standard_normal((2, bars))) * 0.003)
    return BarSeries(
        timeframe="D1",
        time_ms=days * TIMEFRAME_MS["D1"],
        open=opened,
        high=np.maximum(opened, close) * reach[0],
        low=np.minimum(opened, close) / reach[1],
        close=close,
    )


def _solve_us(policy: Policy, rounds: int) -> float:
    """The trade's losses by scenario and the largest lots, with a book that has been played through before."""
    moves = _moves(policy)
    legs = tuple(_leg(name, "buy" if index % 3 else "sell") for index, name in enumerate(sorted(moves)))
    trade = _leg("S0", "buy")
    portfolio = JointEvidence(policy.tail).portfolio("S0", "buy", legs, (), moves)
    assert portfolio is not None  # noqa: S101 - twenty symbols with all their days in common
    assert len(portfolio.losses) == _DAYS  # noqa: S101
    book, own, level = portfolio.losses, portfolio.own, policy.tail.level

    def solve(budget: float) -> None:
        largest(book, leg_losses(trade, own), budget, level, 50.0)

    taken = [
        _seconds(lambda budget=budget: solve(budget))  # type: ignore[misc]
        for _ in range(rounds)
        for budget in (portfolio.shortfall * multiple for multiple in _BUDGETS)
    ]
    return statistics.median(taken) * 1e6


def _moves(policy: Policy) -> dict[str, DayMoves]:
    """The newest days within the week of each of twenty symbols."""
    found = {}
    for index in range(_POSITIONS):
        week = daily_figures(walk(index, _DAYS * 5 // 4 + 2 * WARM_UP), policy).week
        assert week is not None  # noqa: S101
        found[f"S{index}"] = week
    return found


def _leg(symbol: str, side: Side) -> Leg:
    return Leg(
        symbol=symbol, side=side, lots=1.0, stop=0.01, near=0.0001, target=0.02, money=100_000.0, costs=10.0,
        worst=2_000.0, promised=False,
    )  # fmt: skip


def _memory_kib(daily: BarSeries, policy: Policy) -> float:
    """What the figures of one symbol keep allocated."""
    _kept(daily, policy)  # what symbols share is not counted
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = _kept(daily, policy)
        after, _ = tracemalloc.get_traced_memory()
        del kept
    finally:
        tracemalloc.stop()
    return (after - before) / 1024


def _kept(daily: BarSeries, policy: Policy) -> tuple[DailyFigures, MarketStats | None]:
    found = daily_figures(daily, policy)
    return found, market_stats(None, daily, policy, found)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - begun) / 1e9
