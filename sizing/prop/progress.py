"""What each day of the firm earned, and how far that is from what the firm wants."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from sizing.prop.firm import Firm
from sizing.snapshot import Deal, Progress

_OPENS = (0, 2)
"""ENUM_DEAL_ENTRY: in, in and out."""


class DayResult(NamedTuple):
    """One day of the firm: what its closed trades earned after costs, in account currency, and positions opened."""

    day_ms: int
    """The reset that began it."""
    profit: float
    opened: int


class DaySums(NamedTuple):
    """What all days come to, in account currency."""

    counted: int
    best: float
    won: float
    """Sum of the days that won."""
    today: float
    since_ms: int | None


def day_results(
    known: Sequence[DayResult], deals: Sequence[Deal], since_ms: int, resets_ms: Sequence[int]
) -> tuple[DayResult, ...]:
    """The days so far, oldest first: those that the deals cover are counted anew, older ones are kept as they were.

    `resets_ms` are ascending and begin the days to be counted; all deals from `since_ms` on are known.
    """
    covered = [reset for reset in resets_ms if reset >= since_ms]
    if not covered:
        return tuple(known)
    trades: list[list[Deal]] = [[] for _ in covered]
    # In order of time, so the older ones need not be looked at.
    for deal in takewhile(lambda deal: deal.time_ms >= covered[0], reversed(deals)):
        if deal.symbol:
            trades[bisect_right(covered, deal.time_ms) - 1].append(deal)
    counted = (_day(start, each[::-1]) for start, each in zip(covered, trades, strict=True))
    kept = [day for day in known if day.day_ms < covered[0]]
    return (*kept, *(day for day in counted if day.opened or day.profit or day.day_ms == covered[-1]))


def day_sums(firm: Firm, initial_balance: float, days: Sequence[DayResult], day_ms: int) -> DaySums:
    """What the days come to; `day_ms` begins the one that holds now."""
    least = initial_balance * firm.min_day_profit_pct / 100
    profits = [day.profit for day in days]
    return DaySums(
        counted=sum([profit >= least for profit in profits] if least else [day.opened > 0 for day in days]),
        best=max(profits, default=0.0),
        won=sum([profit for profit in profits if profit > 0]),
        today=sum([day.profit for day in days if day.day_ms == day_ms]),
        since_ms=days[0].day_ms if days else None,
    )


def progress_of(
    firm: Firm, balance: float, initial_balance: float | None, days: Sequence[DayResult] | DaySums, day_ms: int
) -> Progress | None:
    """How far the account is; None where nothing is wanted of it."""
    rule = firm.consistency
    if initial_balance is None or (firm.target_pct is None and not firm.min_days and rule is None):
        return None
    target = None if firm.target_pct is None else initial_balance * firm.target_pct / 100
    sums = days if isinstance(days, DaySums) else day_sums(firm, initial_balance, days, day_ms)
    best, earned = sums.best, balance - initial_balance
    whole = _compared_with(firm, earned, target, sums.won)
    return Progress(
        earned=earned,
        target=target,
        days=sums.counted,
        min_days=firm.min_days,
        best_day=max(0.0, best),
        best_day_pct=best / whole * 100 if whole is not None and whole > 0 and best > 0 else None,
        best_day_limit=None if rule is None or whole is None or whole <= 0 else whole * rule.best_day_pct / 100,
        today=sums.today,
        since_ms=sums.since_ms,
    )


def pause_of(firm: Firm, progress: Progress | None) -> str | None:
    """Why the consistency rule wants no more trades today, if it does."""
    rule = firm.consistency
    if rule is None or rule.when_reached != "pause" or progress is None or progress.best_day_limit is None:
        return None
    if progress.today < progress.best_day_limit:
        return None
    return f"Today has earned {progress.today:.2f}; one day may be {progress.best_day_limit:.2f} at most."


def _compared_with(firm: Firm, earned: float, target: float | None, won: float) -> float | None:
    if firm.consistency is None:
        return None
    if firm.consistency.of == "target":
        return target
    return earned if firm.consistency.of == "profit" else won


def _day(day_ms: int, deals: Sequence[Deal]) -> DayResult:
    profit = round(sum([deal.net for deal in deals]), 2)
    return DayResult(day_ms, profit, len({deal.position_id for deal in deals if deal.entry in _OPENS}))
