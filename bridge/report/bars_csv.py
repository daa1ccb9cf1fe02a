"""Bars from a CSV file, with commas, semicolons or tabs, or as MetaTrader exports them.

MetaTrader's own columns are <DATE>, <TIME> (not in daily files), <OPEN>, <HIGH>, <LOW>, <CLOSE> and some more; a day is
the broker's, and is taken as it is written.
"""

import codecs
import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bridge.errors import MarketError
from bridge.report.bars_columns import Columns, price_columns

_DELIMITERS = "\t;,"
"""Of a header that holds several the first."""


class _Table(NamedTuple):
    """Names of the columns, and the rows below them, each with the number of its line."""

    path: Path
    header: list[str]
    lines: list[int]
    rows: list[list[str]]

    def column(self, name: str, read: Callable[[str], Any], what: str) -> list[Any]:
        """One column, read cell by cell."""
        place = self.header.index(name)
        cells = zip(self.lines, self.rows, strict=True)
        return [_value(self.path, line, name, row[place], read, what) for line, row in cells]


def read_csv(path: Path) -> Columns:
    """The file's columns. Raises MarketError."""
    table = _plain(_table(path))
    prices = price_columns(path, table.header)
    return Columns(
        symbols=table.column("symbol", _name, "a symbol") if "symbol" in table.header else None,
        time_ms=np.array(table.column("time", _moment_ms, "a date such as 2024-03-04"), dtype=np.int64),
        prices=tuple(np.array(table.column(name, float, "a number"), dtype=np.float64) for name in prices),
        names=prices,
        place=lambda row: f"line {table.lines[row]}",
    )


def _table(path: Path) -> _Table:
    try:
        text = _text(path)
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=_delimiter(text))
        found = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (OSError, csv.Error, UnicodeDecodeError) as fault:
        raise MarketError(f"{path} is not a readable CSV file ({fault}); save it as UTF-8 with commas") from fault
    header = [name.strip() for name in found[0][1]] if found else []
    for line, row in found:
        if len(row) != len(header):
            raise MarketError(f"{path}, line {line}: {len(row)} values under {len(header)} columns; repair the line")
    return _Table(path, header, [line for line, _ in found[1:]], [row for _, row in found[1:]])


def _text(path: Path) -> str:
    """UTF-8, or the UTF-16 that Windows programs mark as such."""
    content = path.read_bytes()
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8-sig")


def _delimiter(text: str) -> str:
    header = text.lstrip().partition("\n")[0]
    return next((each for each in _DELIMITERS if each in header), ",")


def _plain(table: _Table) -> _Table:
    """MetaTrader's table with the names of any other: date and time become one column."""
    if not all(name.startswith("<") and name.endswith(">") for name in table.header):
        return table
    header = [name[1:-1].lower() for name in table.header]
    if "date" not in header:
        return table._replace(header=header)
    day, hour = header.index("date"), header.index("time") if "time" in header else None
    rows = [[row[day] if hour is None else f"{row[day]} {row[hour]}", *row] for row in table.rows]
    return table._replace(header=["time", *("" if name == "time" else name for name in header)], rows=rows)


def _value(path: Path, line: int, name: str, text: str, read: Callable[[str], Any], what: str) -> Any:
    try:
        return read(text.strip())
    except (ValueError, OverflowError):
        comma = " with a point" if what == "a number" and "," in text else ""
        raise MarketError(f"{path}, line {line}: {name} is {text!r}, not {what}{comma}; repair it") from None


def _name(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _moment_ms(text: str) -> int:
    moment = datetime.fromisoformat(text.replace(".", "-", 2) if text[4:5] == "." else text)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
