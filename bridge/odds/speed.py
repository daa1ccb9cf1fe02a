"""How long odds take on one core: 10,000 challenges of 30 days, drawn from 500 trades."""

import time
from typing import NamedTuple

import numpy as np

from bridge.odds.batches import Plan, run_task, tasks_of
from bridge.odds.days import Days, Step, days_of, scaled
from sizing.prop.firm import Firm

TARGET_S = 2.0
_CHALLENGES, _LENGTH, _DAYS, _PER_DAY = 10_000, 30, 100, 5
_FACTORS = (0.5, 1.0, 1.5, 2.0)


class OddsSpeed(NamedTuple):
    """Seconds: for one base risk, and for four of them with the source's interval from 200 draws."""

    one: float
    four: float


def measure(firm: Firm, initial: float) -> OddsSpeed:
    """Time it, in this process alone."""
    days = _days()
    one = Plan(firm, initial, (days,), _LENGTH, 1, 1, _CHALLENGES, 0)
    four = one._replace(variants=tuple(scaled(days, factor) for factor in _FACTORS), groups=200)
    _seconds(one)  # warm
    return OddsSpeed(_seconds(one), _seconds(four))


def _seconds(plan: Plan) -> float:
    begun = time.perf_counter()
    for task in tasks_of(plan):
        run_task(plan, task)
    return time.perf_counter() - begun


def _days() -> Days:
    """Trades that lose 0.5 % or win 0.75 %, with a small edge."""
    rng = np.random.default_rng(1)
    rows = []
    for _ in range(_DAYS):
        won = rng.random(_PER_DAY) < 0.44
        rows.append(
            [Step(0.75 if each else 0.3, -0.2 if each else -0.5, 0.75 if each else -0.5, 0.0, True) for each in won]
        )
    return days_of(rows, [0.0] * _DAYS)
