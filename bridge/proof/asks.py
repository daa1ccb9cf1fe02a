"""What the simulated EAs ask for, when, and in what state each account begins a day.

Everything is drawn beforehand, so that all sizers meet the same questions on the same paths.
"""

from typing import NamedTuple

import numpy as np

from sizing.prop.firm import Firm

_MOST = 8
"""Requests of a day."""
_TOGETHER = 0.35
"""Share of the requests that come at the very moment of another: it is sized while the other order is in flight."""
_ALIKE = 0.6
"""Share of those that ask for the same symbol and side as the request before: EAs that follow the same signal."""
_STOPS = (0.2, 3.0)
"""Stops, in daily ATRs."""
_REWARDS = (1.0, 4.0)
_WITHOUT_TARGET = 0.25
_HORIZONS = (120, 480, 1_440, 2_880)
"""Minutes after which an EA closes."""


class Ask(NamedTuple):
    """One request. `reward` is the target in multiples of the stop; 0: the order has none."""

    moment: int
    symbol: int
    sign: int
    atrs: float
    reward: float
    horizon_minutes: int
    confidence: float
    magic: int


class Start(NamedTuple):
    """An account somewhere in its life, in account currency: flat, and not breached."""

    peak: float
    """Highest balance so far."""
    day_balance: float
    """Balance when the firm's day began."""
    balance: float


def asks(count: int, steps: int, symbols: int, rng: np.random.Generator) -> list[list[Ask]]:
    """The requests of so many days, each day's in order of time."""
    shape = count, _MOST
    moments = np.sort(rng.integers(1, steps, shape), axis=1)
    together = rng.random(shape) < _TOGETHER
    for column in range(1, _MOST):
        moments[:, column] = np.where(together[:, column], moments[:, column - 1], moments[:, column])  # stays in order
    symbol, sign = rng.integers(0, symbols, shape), rng.choice((-1, 1), shape)
    alike = together & (rng.random(shape) < _ALIKE)
    for column in range(1, _MOST):
        same = alike[:, column] & (moments[:, column] == moments[:, column - 1])
        for each in (symbol, sign):
            each[:, column] = np.where(same, each[:, column - 1], each[:, column])
    number = rng.integers(1, _MOST + 1, count)
    first, last = np.log(_STOPS)
    rewards = np.where(rng.random(shape) < _WITHOUT_TARGET, 0.0, rng.uniform(*_REWARDS, shape))
    columns = (
        moments,
        symbol,
        sign,
        np.exp(rng.uniform(first, last, shape)),
        rewards,
        rng.choice(_HORIZONS, shape),
        rng.uniform(60.0, 95.0, shape),
        rng.integers(1, 5, shape),
    )
    rows = [each.tolist() for each in columns]
    return [[Ask(*(column[day][index] for column in rows)) for index in range(number[day])] for day in range(count)]


def starts(firm: Firm, initial: float, count: int, rng: np.random.Generator) -> list[Start]:
    """States in which accounts begin a day: one in three fresh, the others up, down, or in the red today already."""
    totals = [rule for rule in firm.rules if rule.scope == "total"]
    dailies = [rule for rule in firm.rules if rule.scope == "daily"]
    total = min((rule.amount(initial, initial) for rule in totals), default=initial * 0.1)
    daily = min((rule.amount(initial, initial) for rule in dailies), default=total)
    kind = rng.random(count)
    peak = initial * (1.0 + np.where(rng.random(count) < 0.5, 0.0, rng.uniform(0.0, 0.1, count)))
    # Below a floor that has locked an account may have more left than the amount.
    used = np.where(kind < 1 / 3, 0.0, rng.uniform(0.0, 0.97, count))
    balance = peak - used * total
    today = np.where(rng.random(count) < 0.5, 0.0, rng.uniform(-0.95, 0.5, count)) * daily
    before = balance - today
    peak = np.maximum(peak, np.maximum(before, balance))
    return [Start(*row) for row in np.round(np.stack((peak, before, balance), axis=1), 2).tolist()]
