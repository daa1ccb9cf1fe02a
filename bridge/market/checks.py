"""What recorded rows must be. The first that is not is a MarketError naming file, row (counted from 0) and fix."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market.recording import TickSeries

YEAR_1990_MS = 631_152_000_000
YEAR_2200_MS = 7_258_118_400_000


def check_ticks(path: Path, ticks: TickSeries, first_row: int = 0, before_ms: int | None = None) -> None:
    """At least one tick, which is row `first_row` of the file; the row before it was at `before_ms`."""
    check_time(path, "time_msc", ticks.time_ms, first_row, before_ms)
    check_price(path, "bid", ticks.bid, first_row)
    check_price(path, "ask", ticks.ask, first_row)
    refuse(
        path,
        ticks.bid > ticks.ask,
        lambda row: f"bid {ticks.bid[row]} is above ask {ticks.ask[row]}; remove or repair the tick",
        first_row,
    )


def check_time(
    path: Path, name: str, time_ms: NDArray[np.int64], first_row: int = 0, before_ms: int | None = None
) -> None:
    """At least one time; all of them milliseconds of our years, and none earlier than the one before."""
    odd = (time_ms < YEAR_1990_MS) | (time_ms > YEAR_2200_MS)
    refuse(
        path,
        odd,
        lambda row: f"{name} {time_ms[row]} is not in milliseconds since 1970; convert the column",
        first_row,
    )
    refuse(
        path,
        np.diff(time_ms, prepend=time_ms[0] if before_ms is None else before_ms) < 0,
        lambda row: f"{name} {time_ms[row]} is earlier than the row before; sort the file by {name}",
        first_row,
    )


def check_price(path: Path, name: str, prices: NDArray[np.float64], first_row: int = 0) -> None:
    """Finite and above zero."""
    bad = ~(np.isfinite(prices) & (prices > 0))
    refuse(path, bad, lambda row: f"{name} is {prices[row]}, not a positive price; remove or repair the row", first_row)


def refuse(path: Path, bad: NDArray[np.bool_], sentence: Callable[[int], str], first_row: int = 0) -> None:
    """MarketError for the first row that is bad, if any. `sentence` gets its place in `bad`."""
    if bad.any():
        row = int(np.argmax(bad))
        raise MarketError(f"{path}, row {first_row + row}: {sentence(row)}")
