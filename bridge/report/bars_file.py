"""Daily bars from one file of the user's, CSV or Parquet.

Columns: `time` (UTC; in CSV such as 2024-03-04 or MetaTrader's 2024.03.04), then bo, bh, bl, bc (bids) or open, high,
low, close, and `symbol` unless the file holds one symbol only. Nothing is repaired: a file that is wrong is a
MarketError naming it, the place and the fix. Places are lines of a CSV, counted from 1 with the header, and rows of
Parquet, counted from 0.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market.files import BID_COLUMNS, YEAR_1990_MS, YEAR_2200_MS
from bridge.market.recording import TIMEFRAME_MS, BarSeries
from bridge.statistics import DAILY

SUFFIXES = (".csv", ".parquet")
_SHORTEST_MS, _LONGEST_MS = TIMEFRAME_MS[DAILY] // 2, 4 * TIMEFRAME_MS[DAILY]
"""Medians of the distance between daily bars lie well between, weekends and holidays or not."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """The whole file as read: one entry per row. `names` are the price columns', `place` says where a row stands."""

    symbols: list[str] | None
    time_ms: NDArray[np.int64]
    prices: tuple[NDArray[np.float64], ...]
    names: tuple[str, ...]
    place: Callable[[int], str]


def read_bars(path: Path, unnamed: str) -> dict[str, BarSeries]:
    """Each symbol's daily bars; `unnamed` is the symbol of a file that names none. Raises MarketError."""
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise MarketError(f"{path} is neither .csv nor .parquet; save the bars as one of them")
    if not path.is_file():
        raise MarketError(f"{path} is not a file; name the one that holds the bars")
    columns = _read_csv(path) if kind == ".csv" else _read_parquet(path)
    if not len(columns.time_ms):
        raise MarketError(f"{path} has no rows; record or download it again")
    _check(path, columns)
    return _by_symbol(path, columns, unnamed)


def _by_symbol(path: Path, columns: _Columns, unnamed: str) -> dict[str, BarSeries]:
    if columns.symbols is None:
        rows_of = {unnamed: np.arange(len(columns.time_ms))}
    else:
        names = np.array(columns.symbols)
        rows_of = {name: np.flatnonzero(names == name) for name in dict.fromkeys(columns.symbols)}
    return {name: _series(path, columns, name, rows) for name, rows in rows_of.items()}


def _series(path: Path, columns: _Columns, name: str, rows: NDArray[np.intp]) -> BarSeries:
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


def _check(path: Path, columns: _Columns) -> None:
    odd = (columns.time_ms < YEAR_1990_MS) | (columns.time_ms > YEAR_2200_MS)
    _refuse(path, columns, odd, "time is not between 1990 and 2200; repair the column")
    for name, prices in zip(columns.names, columns.prices, strict=True):
        bad = ~(np.isfinite(prices) & (prices > 0))
        _refuse(path, columns, bad, f"{name} is not a positive price; remove or repair the row")
    open_, high, low, close = columns.prices
    outside = (high < np.maximum(open_, close)) | (low > np.minimum(open_, close))
    _refuse(path, columns, outside, "open or close is outside low..high; remove or repair the bar")


def _refuse(path: Path, columns: _Columns, bad: NDArray[np.bool_], sentence: str) -> None:
    """MarketError for the first row that is bad, if any."""
    if bad.any():
        raise MarketError(f"{path}, {columns.place(int(np.argmax(bad)))}: {sentence}")


def _price_columns(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """The file's price columns. Raises MarketError for one without them, or without time."""
    has = f"it has {', '.join(names) or 'none'}"
    if "time" not in names:
        raise MarketError(f"{path} lacks the column time; {has}: rename or add")
    found = next((columns for columns in BID_COLUMNS if set(columns) <= set(names)), None)
    if found is None:
        wanted = " nor ".join(", ".join(columns) for columns in BID_COLUMNS)
        raise MarketError(f"{path} has neither the columns {wanted}; {has}: rename or add")
    return found


# CSV -----------------------------------------------------------------------------------------------------------------


def _read_csv(path: Path) -> _Columns:
    lines, rows = _csv_rows(path)
    header = [name.strip() for name in rows[0]] if rows else []
    prices = _price_columns(path, header)
    lines, rows = lines[1:], rows[1:]
    for line, row in zip(lines, rows, strict=True):
        if len(row) != len(header):
            raise MarketError(f"{path}, line {line}: {len(row)} values under {len(header)} columns; repair the line")

    def column(name: str, read: Callable[[str], Any], what: str) -> list[Any]:
        place = header.index(name)
        return [_value(path, line, name, row[place], read, what) for line, row in zip(lines, rows, strict=True)]

    return _Columns(
        symbols=column("symbol", _name, "a symbol") if "symbol" in header else None,
        time_ms=np.array(column("time", _moment_ms, "a date such as 2024-03-04"), dtype=np.int64),
        prices=tuple(np.array(column(name, float, "a number"), dtype=np.float64) for name in prices),
        names=prices,
        place=lambda row: f"line {lines[row]}",
    )


def _csv_rows(path: Path) -> tuple[list[int], list[list[str]]]:
    """Every line that is not blank, with its number."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            found = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (OSError, csv.Error, UnicodeDecodeError) as fault:
        raise MarketError(f"{path} is not a readable CSV file ({fault}); save it as UTF-8 with commas") from fault
    return [line for line, _ in found], [row for _, row in found]


def _value(path: Path, line: int, name: str, text: str, read: Callable[[str], Any], what: str) -> Any:
    try:
        return read(text.strip())
    except (ValueError, OverflowError):
        raise MarketError(f"{path}, line {line}: {name} is {text!r}, not {what}; repair it") from None


def _name(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _moment_ms(text: str) -> int:
    moment = datetime.fromisoformat(text.replace(".", "-", 2) if text[4:5] == "." else text)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


# Parquet -------------------------------------------------------------------------------------------------------------


def _read_parquet(path: Path) -> _Columns:
    pa, table = _arrow_table(path)
    prices = _price_columns(path, table.column_names)
    time = table.column("time")
    if not pa.types.is_timestamp(time.type):
        raise MarketError(f"{path}: the column time is {time.type}, not a timestamp; convert it to naive UTC")
    named = "symbol" in table.column_names
    return _Columns(
        symbols=_cast(path, table, "symbol", pa, pa.string()).to_pylist() if named else None,
        time_ms=np.asarray(_cast(path, table, "time", pa, pa.timestamp("ms")).cast(pa.int64()).to_numpy()),
        prices=tuple(np.asarray(_cast(path, table, name, pa, pa.float64()).to_numpy()) for name in prices),
        names=prices,
        place=lambda row: f"row {row}",
    )


def _arrow_table(path: Path) -> tuple[Any, Any]:
    """pyarrow, which only the extra `data` installs, and the file as its table."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional, and 40 MB that nothing else needs
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise MarketError(f'{path}: Parquet needs the extra "data": pip install "lotbridge[data]"') from error
    try:
        return pa, pa.parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise MarketError(f"{path} is not a readable Parquet file ({error}); record or download it again") from error


def _cast(path: Path, table: Any, name: str, pa: Any, kind: Any) -> Any:
    """One column as an Arrow type, nothing missing."""
    column = table.column(name)
    try:
        values = column.cast(kind, safe=False)
    except pa.ArrowException as error:
        raise MarketError(f"{path}: the column {name} is {column.type}, not {kind}; convert it") from error
    if values.null_count:
        row = int(np.argmax(np.asarray(values.is_null().to_numpy())))
        raise MarketError(f"{path}, row {row}: {name} is missing; remove or repair the row")
    return values
