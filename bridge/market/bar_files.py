"""Recorded bars of a folder: those of the ticks' own source, as they are or put together from finer ones.

A bar keeps the time at which it opened, wherever its broker's day begins, and has closed a timeframe later: filed under
the even UTC time before, it would show its close before it happened.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market import mt5_csv
from bridge.market.arrow import arrow, numbers, reading, require
from bridge.market.checks import check_price, check_time, refuse
from bridge.market.recording import TIMEFRAME_MS, BarSeries, group_bars, join_bars, with_tick_volume

BARS_FILE = re.compile(r"bars_(?P<source>[^_]+)_(?P<timeframe>[A-Z]+\d+)_.+\.parquet")
BID_COLUMNS = (("bo", "bh", "bl", "bc"), ("open", "high", "low", "close"))
TICKS = "tick_volume"
"""A column that may be missing: how many ticks each bar has; 0: not known."""
EXACT = 2.0**53
"""Whole floats up to it are exact."""


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


def recorded_bars(ticks: Ticks, timeframe: str, files: list[BarsFile], notes: list[str]) -> BarSeries | None:
    """Bars of the ticks' source that reach back to the first tick and open by the last; None without any.

    Those of the timeframe itself are kept as they are. Finer ones are put together where each lies within one of UTC's
    (from midnight on). Another source's bars are never mixed in: its days may begin at another hour, and nothing in the
    file says so. `notes` gets what was done with bars that open at other times than UTC's, and what was left out.
    """
    length = TIMEFRAME_MS[timeframe]
    own = [file for file in files if file.source == ticks.source and file.symbol in (None, ticks.symbol)]
    usable = [file for file in own if length % TIMEFRAME_MS[file.timeframe] == 0]
    for name in sorted({file.timeframe for file in usable}, key=lambda name: -TIMEFRAME_MS[name]):
        recorded = _read_all([file for file in usable if file.timeframe == name], ticks, notes)
        if recorded is None:
            continue
        whose = f"{ticks.symbol}: {name} bars of {ticks.source}"
        if name == timeframe:
            if recorded.time_ms[0] <= ticks.first_ms:
                _tell_openings(recorded, whose, notes)
                return recorded
        elif recorded.time_ms[0] <= ticks.first_ms - ticks.first_ms % length:
            if (recorded.time_ms % length <= length - TIMEFRAME_MS[name]).all():
                return group_bars(timeframe, recorded.time_ms - recorded.time_ms % length, recorded)
            _tell(notes, f"{whose} were not put together into {timeframe}: some reach over the end of UTC's")
    return None


def _tell_openings(bars: BarSeries, whose: str, notes: list[str]) -> None:
    odd = bars.time_ms[bars.time_ms % TIMEFRAME_MS[bars.timeframe] != 0]
    if len(odd):
        newest = datetime.fromtimestamp(int(odd[-1]) / 1000, UTC)
        text = f"open at other times than UTC's, such as {newest:%Y-%m-%d %H:%M}: each is kept as it is"
        _tell(notes, f"{whose} {text}, and has closed one {bars.timeframe} later")


def _tell(notes: list[str], text: str) -> None:
    """Once: a file may be read for several timeframes."""
    if text not in notes:
        notes.append(text)


def _read_all(files: Iterable[BarsFile], ticks: Ticks, notes: list[str]) -> BarSeries | None:
    """The symbol's bars that open by its last tick, from all files of one timeframe; None without any."""
    out: BarSeries | None = None
    for file in files:
        part = _read(file, ticks, notes)
        if len(part):
            out = part if out is None else _joined(out, part)
    return out


def _joined(earlier: BarSeries, later: BarSeries) -> BarSeries:
    """An older file may hold no ticks of bars where a newer one does."""
    if (earlier.tick_volume is None) != (later.tick_volume is None):
        earlier, later = with_tick_volume(earlier), with_tick_volume(later)
    return join_bars(earlier, later)


def _read(file: BarsFile, ticks: Ticks, notes: list[str]) -> BarSeries:
    path = file.path
    whole, prices = _columns(file, ticks.symbol, notes)
    time_ms, open_, high, low, close = whole.time_ms, whole.open, whole.high, whole.low, whole.close
    if len(time_ms):
        check_time(path, "time", time_ms)
    for name, column in zip(prices, (open_, high, low, close), strict=True):
        check_price(path, name, column)
    outside = (high < np.maximum(open_, close)) | (low > np.minimum(open_, close))
    refuse(path, outside, lambda _: f"open or close of {ticks.symbol} is outside low..high; remove or repair the bar")
    return whole.rows(slice(int(np.searchsorted(time_ms, ticks.last_ms, side="right"))))


def _columns(file: BarsFile, symbol: str, notes: list[str]) -> tuple[BarSeries, tuple[str, ...]]:
    """The symbol's bars, and what their prices are called in the file."""
    path = file.path
    if file.symbol is not None:
        bars, left_out = mt5_csv.read_bars(path, file.timeframe)
        if left_out:
            _tell(notes, f"{path.name}: {left_out} bars left out, the broker's clock went back while they were open")
        return bars, BID_COLUMNS[1]
    names = require(path, ("symbol", "time"))
    prices = next((columns for columns in BID_COLUMNS if names.issuperset(columns)), None)
    if prices is None:
        raise MarketError(f"{path} has neither the columns bo, bh, bl, bc nor open, high, low, close; add them")
    pa = arrow()
    filters = [("symbol", "==", symbol)]
    wanted = ["time", *prices, *names.intersection((TICKS,))]
    table = reading(path, lambda: pa.parquet.read_table(path, columns=wanted, filters=filters))
    open_, high, low, close = (numbers(path, table, name, np.float64) for name in prices)
    bars = BarSeries(
        timeframe=file.timeframe,
        time_ms=_milliseconds(path, table),
        open=open_,
        high=high,
        low=low,
        close=close,
        tick_volume=_counts(path, table) if TICKS in names else None,
    )
    return bars, prices


def _counts(path: Path, table: Any) -> NDArray[np.int64]:
    """Ticks of each bar; of an empty cell they are not known."""
    told: NDArray[np.float64] = numbers(path, table, TICKS, np.float64)
    told = np.nan_to_num(told, nan=0.0, posinf=-1.0, neginf=-1.0)
    bad = (told < 0) | (told > EXACT) | (told != np.floor(told))
    refuse(path, bad, lambda row: f"{TICKS} is no number of ticks ({told[row]}); repair the row, or drop the column")
    return told.astype(np.int64)


def _milliseconds(path: Path, table: Any) -> NDArray[np.int64]:
    """The `time` column of bars. A zone in its type is fine: Arrow stores such times as UTC."""
    pa = arrow()
    column = table.column("time")
    if not pa.types.is_timestamp(column.type):
        raise MarketError(f"{path}: the column time is {column.type}, not a timestamp; convert it to naive UTC")
    return numbers(path, table.set_column(0, "time", column.cast(pa.timestamp("ms"), safe=False)), "time", np.int64)
