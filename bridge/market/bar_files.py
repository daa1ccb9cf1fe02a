"""Recorded bars of a folder: those of the ticks' own source, as they are or put together from finer ones."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market import mt5_csv
from bridge.market.arrow import arrow, numbers, reading, require
from bridge.market.checks import check_price, check_time, refuse
from bridge.market.recording import TIMEFRAME_MS, BarSeries, group_bars, join_bars

BARS_FILE = re.compile(r"bars_(?P<source>[^_]+)_(?P<timeframe>[A-Z]+\d+)_.+\.parquet")
BID_COLUMNS = (("bo", "bh", "bl", "bc"), ("open", "high", "low", "close"))


class BarsFile(NamedTuple):
    """A file of bars."""

    source: str
    timeframe: str
    path: Path
    symbol: str | None = None
    """The one symbol of an exported file."""


class Ticks(NamedTuple):
    """Whose bars are wanted: a symbol's ticks and where they came from."""

    symbol: str
    source: str
    first_ms: int
    last_ms: int


def find_bars(folder: Path) -> list[BarsFile]:
    """Every file of bars in a folder."""
    matches = ((BARS_FILE.fullmatch(path.name), path) for path in sorted(folder.glob("bars_*.parquet")))
    recorded = [
        BarsFile(match["source"], match["timeframe"], path)
        for match, path in matches
        if match is not None and match["timeframe"] in TIMEFRAME_MS
    ]
    return recorded + [
        BarsFile(mt5_csv.SOURCE, export.timeframe, export.path, export.symbol)
        for export in mt5_csv.exports(folder)
        if export.timeframe is not None
    ]


def recorded_bars(ticks: Ticks, timeframe: str, files: list[BarsFile]) -> BarSeries | None:
    """Bars of the ticks' source that reach back to the first tick and open by the last; None without any.

    Another source's bars are never mixed in: its days may begin at another hour, and nothing in the file says so.
    """
    length = TIMEFRAME_MS[timeframe]
    own = [file for file in files if file.source == ticks.source and file.symbol in (None, ticks.symbol)]
    usable = [file for file in own if length % TIMEFRAME_MS[file.timeframe] == 0]
    for name in sorted({file.timeframe for file in usable}, key=lambda name: -TIMEFRAME_MS[name]):
        recorded = _read_all([file for file in usable if file.timeframe == name], ticks)
        if recorded is not None and recorded.time_ms[0] <= ticks.first_ms - ticks.first_ms % length:
            return group_bars(timeframe, recorded.time_ms - recorded.time_ms % length, recorded)
    return None


def _read_all(files: Iterable[BarsFile], ticks: Ticks) -> BarSeries | None:
    """The symbol's bars that open by its last tick, from all files of one timeframe; None without any."""
    out: BarSeries | None = None
    for file in files:
        part = _read(file, ticks)
        if len(part):
            out = part if out is None else join_bars(out, part)
    return out


def _read(file: BarsFile, ticks: Ticks) -> BarSeries:
    path = file.path
    whole, prices = _columns(file, ticks.symbol)
    time_ms, open_, high, low, close = whole.time_ms, whole.open, whole.high, whole.low, whole.close
    if len(time_ms):
        check_time(path, "time", time_ms)
    for name, column in zip(prices, (open_, high, low, close), strict=True):
        check_price(path, name, column)
    outside = (high < np.maximum(open_, close)) | (low > np.minimum(open_, close))
    refuse(path, outside, lambda _: f"open or close of {ticks.symbol} is outside low..high; remove or repair the bar")
    end = int(np.searchsorted(time_ms, ticks.last_ms, side="right"))
    return BarSeries(
        timeframe=file.timeframe,
        time_ms=time_ms[:end],
        open=open_[:end],
        high=high[:end],
        low=low[:end],
        close=close[:end],
    )


def _columns(file: BarsFile, symbol: str) -> tuple[BarSeries, tuple[str, ...]]:
    """The symbol's bars, and what their prices are called in the file."""
    path = file.path
    if file.symbol is not None:
        return mt5_csv.read_bars(path, file.timeframe), BID_COLUMNS[1]
    names = require(path, ("symbol", "time"))
    prices = next((columns for columns in BID_COLUMNS if names.issuperset(columns)), None)
    if prices is None:
        raise MarketError(f"{path} has neither the columns bo, bh, bl, bc nor open, high, low, close; add them")
    pa = arrow()
    filters = [("symbol", "==", symbol)]
    table = reading(path, lambda: pa.parquet.read_table(path, columns=["time", *prices], filters=filters))
    open_, high, low, close = (numbers(path, table, name, np.float64) for name in prices)
    time_ms = _milliseconds(path, table)
    return BarSeries(timeframe=file.timeframe, time_ms=time_ms, open=open_, high=high, low=low, close=close), prices


def _milliseconds(path: Path, table: Any) -> NDArray[np.int64]:
    """The `time` column of bars. A zone in its type is fine: Arrow stores such times as UTC."""
    pa = arrow()
    column = table.column("time")
    if not pa.types.is_timestamp(column.type):
        raise MarketError(f"{path}: the column time is {column.type}, not a timestamp; convert it to naive UTC")
    return numbers(path, table.set_column(0, "time", column.cast(pa.timestamp("ms"), safe=False)), "time", np.int64)
