"""Runs and days that are made up, with known or seeded figures."""

from pathlib import Path

import numpy as np

from bridge.odds.days import Curve, Days, Ints, Step, Trades, days_of
from bridge.replay.run import Equity, RunWriter, TradeRow
from tests.replay.runs import make_trade
from tests.replay.runs import write_run as store

INITIAL = 100_000.0
DAY_MS = 86_400_000
BUCKET_MS = 900_000
START_MS = 1_767_571_200_000
"""Monday 2026-01-05, midnight UTC."""


def random_days(rng: np.random.Generator, days: int = 20, size: float = 1.0) -> Days:
    """Days of 0 to 6 steps, some with positions that stay open; percent of the balance."""
    rows = []
    for _ in range(days):
        steps = []
        for _ in range(int(rng.integers(0, 7))):
            up, down = float(rng.exponential(size)), -float(rng.exponential(size))
            # Where something else floats, a balance may go beyond what equity shows, to either side.
            net = float(rng.uniform(1.5 * down, 1.5 * up)) if rng.random() < 0.9 else 0.0
            after = 0.0 if rng.random() < 0.6 else float(rng.normal(0, size))
            steps.append(Step(up, down, net, after, bool(steps) or rng.random() < 0.8))
        traded = False
        for place, step in enumerate(steps):
            traded |= step.traded
            steps[place] = step._replace(traded=traded)
        rows.append(steps)
    return days_of(rows, rng.normal(0, size / 2, days).tolist())


def coins(*steps: tuple[float, ...]) -> Days:
    """A day for each tuple of results, percent: one trade after the other, none of which floats beyond its result."""
    return days_of(
        [[Step(max(each, 0.0), min(each, 0.0), each, 0.0, traded=True) for each in row] for row in steps],
        [0.0] * len(steps),
    )


def trades_of(*rows: tuple[float, float, float, float, float]) -> Trades:
    """Trades by opening: opened and closed in hours since START_MS, net, worst, best in money."""
    opened, closed, net, worst, best = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    return Trades(
        np.arange(1, len(rows) + 1), _moments(opened), _moments(closed), net, worst, best,
    )  # fmt: skip


def no_curve() -> Curve:
    """Nothing is known of the account's path."""
    nothing = np.empty(0)
    return Curve(np.empty(0, np.int64), nothing, nothing, nothing, nothing)


def bounds(days: int) -> Ints:
    """So many days of 24 hours, and the end of the last."""
    return START_MS + DAY_MS * np.arange(days + 1, dtype=np.int64)


def write_run(
    folder: Path, *, days: int = 100, per_day: int = 5, edge: float = 0.1, seed: int = 1, firm: str = "ftmo-2step"
) -> Path:
    """A run of trades that lose 0.5 % or win 0.75 %, one after the other, an hour each, and its equity.

    `edge` is the mean result in multiples of the loss.
    """
    rng = np.random.default_rng(seed)
    rows, balance = list[TradeRow](), INITIAL
    chance = (1 + edge) / 2.5
    for number in range(days * per_day):
        day, slot = divmod(number, per_day)
        opened = START_MS + (day // 5 * 7 + day % 5) * DAY_MS + (7 + slot) * 4 * BUCKET_MS
        risk = balance * 0.005
        won = rng.random() < chance
        net = round(1.5 * risk if won else -risk, 2)
        worst = round(-risk * (rng.uniform(0, 0.95) if won else 1.0), 2)
        best = round(risk * (1.5 if won else rng.uniform(0, 1.4)), 2)
        rows.append(
            make_trade(
                net, ticket=number + 1, opened_ms=opened, closed_ms=opened + 3 * BUCKET_MS, worst=worst, best=best,
                risk_amount=risk,
            )
        )  # fmt: skip
        balance += net
    writer = RunWriter(folder, trades=rows, equity=[_equity(rows, rows[-1].closed_ms)])
    return store(writer, name="made up", strategy="coins", start_ms=START_MS, firm=firm, rules=(), days_traded=days)


def _equity(rows: list[TradeRow], last_ms: int) -> Equity:
    """The path of trades that never overlap: the whole extremes in the middle of each."""
    times = np.arange(START_MS, last_ms + BUCKET_MS, BUCKET_MS, dtype=np.int64)
    weekday = (times - START_MS) // DAY_MS % 7
    times = times[weekday < 5]
    closed = np.array([row.closed_ms for row in rows])
    booked = INITIAL + np.concatenate([[0.0], np.cumsum([row.net for row in rows])])
    balance = booked[np.searchsorted(closed, times + BUCKET_MS - 1, side="right")]
    before = np.concatenate([[INITIAL], balance[:-1]])
    low, high = np.minimum(before, balance), np.maximum(before, balance)
    for row in rows:
        at = int(np.searchsorted(times, row.opened_ms)) + 1
        low[at], high[at] = balance[at] + row.worst, balance[at] + row.best
    return Equity(time_ms=times, balance=balance, equity=balance.copy(), low=low, high=high, floors={}, headrooms={})


def _moments(hours: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> Ints:
    found: Ints = (START_MS + hours * 3_600_000).astype(np.int64)
    return found
