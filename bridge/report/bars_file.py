"""Daily bars from one file of the user's, CSV or Parquet.

Columns: `time` (UTC; in CSV such as 2024-03-04 or MetaTrader's 2024.03.04), then bo, bh, bl, bc (bids) or open, high,
low, close, and `symbol` unless the file holds one symbol only. A CSV may also be what MetaTrader exports. Nothing is
repaired: a file that is wrong is a MarketError naming it, the place and the fix. Places are lines of a CSV, counted
from 1 with the header, and rows of Parquet, counted from 0.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market.checks import YEAR_1990_MS, YEAR_2200_MS
from bridge.market.recording import TIMEFRAME_MS, BarSeries
from bridge.report.bars_columns import Columns
from bridge.report.bars_csv import read_csv
from bridge.report.bars_parquet import read_parquet
from bridge.statistics import DAILY

SUFFIXES = (".csv", ".parquet")
_SHORTEST_MS, _LONGEST_MS = TIMEFRAME_MS[DAILY] // 2, 4 * TIMEFRAME_MS[DAILY]
"""Medians of the distance between daily bars lie well between, weekends and holidays or not."""


def read_bars(path: Path, unnamed: str) -> dict[str, BarSeries]:
    """Each symbol's daily bars; `unnamed` is the symbol of a file that names none. Raises MarketError."""
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise MarketError(f"{path} is neither .csv nor .parquet; save the bars as one of them")
    if not path.is_file():
        raise MarketError(f"{path} is not a file; name the one that holds the bars")
    columns = read_csv(path) if kind == ".csv" else read_parquet(path)
    if not len(columns.time_ms):
        raise MarketError(f"{path} has no rows; record or download it again")
    _check(path, columns)
    return _by_symbol(path, columns, unnamed)


def _by_symbol(path: Path, columns: Columns, unnamed: str) -> dict[str, BarSeries]:
    if columns.symbols is None:
        rows_of = {unnamed: np.arange(len(columns.time_ms))}
    else:
        names = np.array(columns.symbols)
        rows_of = {name: np.flatnonzero(names == name) for name in dict.fromkeys(columns.symbols)}
    return {name: _series(path, columns, name, rows) for name, rows in rows_of.items()}


def _series(path: Path, columns: Columns, name: str, rows: NDArray[np.intp]) -> BarSeries:
    time_ms = columns.time_ms[rows]
    steps = np.diff(time_ms)
    if (steps <= 0).any():
        place = columns.place(int(rows[int(np.argmax(steps <= 0)) + 1]))
        raise MarketError(f"{path}, {place}: {name} is not later than the bar before; sort by time, each bar once")
    if len(steps) and not _SHORTEST_MS <= float(np.median(steps)) <= _LONGEST_MS:
        hours = float(np.median(steps)) / TIMEFRAME_MS["H1"]
        raise MarketError(f"{path}: the bars of {name} are {hours:.4g} hours apart; give daily bars (D1)")
    open_, high, low, close = (column[rows] for column in columns.prices)
    return BarSeries(timeframe=DAILY, time_ms=time_ms, open=open_, high=high, low=low, close=close)


def _check(path: Path, columns: Columns) -> None:
    odd = (columns.time_ms < YEAR_1990_MS) | (columns.time_ms > YEAR_2200_MS)
    _refuse(path, columns, odd, "time is not between 1990 and 2200; repair the column")
    for name, prices in zip(columns.names, columns.prices, strict=True):
        bad = ~(np.isfinite(prices) & (prices > 0))
        _refuse(path, columns, bad, f"{name} is not a positive price; remove or repair the row")
    open_, high, low, close = columns.prices
    outside = (high < np.maximum(open_, close)) | (low > np.minimum(open_, close))
    _refuse(path, columns, outside, "open or close is outside low..high; remove or repair the bar")


def _refuse(path: Path, columns: Columns, bad: NDArray[np.bool_], sentence: str) -> None:
    """MarketError for the first row that is bad, if any."""
    if bad.any():
        raise MarketError(f"{path}, {columns.place(int(np.argmax(bad)))}: {sentence}")
