"""Price histories for the tail's tests: wild ones from a seed, and moves written out bar by bar."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizing.snapshot import Side, SideMoves
from sizing.stats.joint import DayMoves, Leg
from sizing.stats.windows import Moves

Floats = NDArray[np.float64]

DAY_MS = 86_400_000
MONDAY = 4
"""Of the epoch's days, which began with a Thursday."""
VOLATILITY = 0.01
"""Of every bar that `make_moves` makes."""


@dataclass(frozen=True, kw_only=True)
class History:
    """Daily bars of bid prices."""

    time_ms: NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats

    def __len__(self) -> int:
        return len(self.time_ms)

    @property
    def atr(self) -> float:
        """Mean range of the newest fortnight, in price."""
        return float(np.mean(self.high[-14:] - self.low[-14:]))


def wild(
    seed: int, days: int = 340, *, gaps: float = 0.03, crashes: float = 0.005, drift: float = 0.0, week: int = 7
) -> History:
    """Bars with fat tails, volatility that clusters, opening gaps and crashes; `drift` in volatilities per day.

    A market of five days a `week` is closed on Saturday and Sunday; one of seven never closes.
    """
    rng = np.random.default_rng(seed)
    variance, last, rows = 1e-4, 1.1, []
    for _ in range(days):
        volatility = math.sqrt(variance)
        jump = rng.standard_t(3) * 1.5 * volatility * (rng.random() < gaps)
        if rng.random() < crashes:
            jump += rng.choice([-1, 1]) * rng.exponential() * 15 * volatility
        path = last * np.exp(jump + np.append(0.0, np.cumsum(rng.standard_t(4, 8) / 4 + drift / 8)) * volatility)
        rows.append((path[0], path.max(), path.min(), path[-1]))
        variance = 0.05e-4 + 0.85 * variance + 0.10 * min(math.log(path[-1] / last) ** 2, 25e-4)
        last = path[-1]
    columns = np.array(rows).T
    return History(time_ms=calendar(days, week), open=columns[0], high=columns[1], low=columns[2], close=columns[3])


def calendar(days: int, week: int = 7) -> NDArray[np.int64]:
    """Openings of so many days, the first a Monday, of a market that opens on the first days of each week."""
    number = np.arange(days)
    return (MONDAY + number // week * 7 + number % week) * DAY_MS


def make_moves(
    rows: Sequence[tuple[float, float, float, float]], unit: float = 1.0, weekend: Sequence[bool] | None = None
) -> Moves:
    """Moves from (open, high, low, close) of each bar, in volatilities from the close before; all equally volatile.

    `weekend` says which bars have one before them; none, if it is not said.
    """
    columns = np.array(rows, dtype=np.float64).T
    before = 100.0 * np.cumprod(np.append(1.0, 1.0 + VOLATILITY * columns[3, :-1]))
    size = len(rows)
    return Moves(
        time_ms=np.arange(size) * DAY_MS, open=columns[0], high=columns[1], low=columns[2], close=columns[3],
        close_before=before, volatility=np.full(size, VOLATILITY), unit=unit, price=1e9,
        weekend=np.zeros(size, dtype=bool) if weekend is None else np.array(weekend, dtype=bool),
        hole=np.zeros(size, dtype=bool),
    )  # fmt: skip


def day(close: float = 0.0, *, low: float | None = None, high: float | None = None, opening: float = 0.0) -> Any:
    """One row of `make_moves`, no wider than it must be unless it is said."""
    return (opening, max(opening, close, high or 0.0), min(opening, close, low or 0.0), close)


def mirrored(path: Moves) -> Moves:
    """What buying lost, selling loses: every move with its sign changed. Only sensible for windows of one bar."""
    return dataclasses.replace(path, open=-path.open, high=-path.low, low=-path.high, close=-path.close)


def shifted(days: DayMoves, first: int, count: int) -> DayMoves:
    """Some consecutive days of them."""
    return days.at(np.arange(first, first + count))


def still_days(count: int, first: int = 0) -> DayMoves:
    """Days on which nothing happens."""
    nothing = SideMoves(*(np.zeros(count) for _ in range(3)))
    return DayMoves((np.arange(count) + first) * DAY_MS, nothing, nothing)


def make_leg(symbol: str = "EURUSD", side: Side = "buy", **over: Any) -> Leg:
    """One lot with its stop 0.005 away, 100,000 of money per 1.0 of price, without costs or target."""
    values: dict[str, Any] = {
        "symbol": symbol, "side": side, "lots": 1.0, "stop": 0.005, "near": 0.0, "target": None, "money": 100_000.0,
        "costs": 0.0, "worst": 1_000.0, "promised": False,
    }  # fmt: skip
    return Leg(**{**values, **over})
