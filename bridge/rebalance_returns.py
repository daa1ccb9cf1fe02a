"""Daily returns of several symbols side by side: from a CSV file, or from daily bars.

The CSV has a header of `date` and one column for each symbol, and one row a day; 0.01 is one percent:

    date,EURUSD,US500
    2026-03-02,0.0012,-0.0041
"""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from functools import reduce
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.errors import ConfigError
from bridge.market.recording import BarSeries

_DAY_MS = 86_400_000
_MAX_BYTES = 20_000_000
_SHOWN = 20
"""Problems of one file that are told."""
_LARGEST = 10.0
"""Nothing grows tenfold in a day: that is a price, or a percentage."""


class Returns(NamedTuple):
    """`values` has the shape (days, symbols), the oldest day first."""

    symbols: tuple[str, ...]
    values: NDArray[np.float64]


def returns_of(bars: Mapping[str, BarSeries], days: int | None = None) -> Returns:
    """From close to close over the days that all symbols have, the newest `days` of them.

    Prices count in their own currency: what the account's currency does beside them is not in it. Raises ConfigError.
    """
    if not bars:
        raise ConfigError("no symbols to compute weights of")
    opened = {name: series.time_ms // _DAY_MS for name, series in bars.items()}
    common = reduce(np.intersect1d, opened.values())
    closes = [series.close[np.isin(opened[name], common)] for name, series in bars.items()]
    if any(len(column) != len(common) for column in closes):
        raise ConfigError("two bars of one symbol begin on the same day; give daily bars")
    prices = np.column_stack(closes)
    with np.errstate(divide="ignore", invalid="ignore"):  # a price of 0 makes a gap, which the optimizer refuses
        values = prices[1:] / prices[:-1] - 1.0
    return Returns(tuple(bars), values if days is None else values[-days:])


def read_returns(path: Path, days: int | None = None) -> Returns:
    """The returns of a file, the newest `days` of them. Raises ConfigError that lists what is wrong, line by line."""
    rows, problems = _rows(path)
    symbols = [name.strip() for name in rows[0][1][1:]] if rows else []
    if not problems:
        problems = _header_faults([cell.strip() for cell in rows[0][1]] if rows else [])
    table: list[list[float]] = []
    before = None
    for line, row in rows[1:] if not problems else []:
        found, problem = _day(row, symbols)
        if found is not None and before is not None and found[0] <= before:
            problem = f"{found[0]} is not later than the day before; sort by date, each day once"
        if found is None or problem:
            problems.append(f"line {line}: {problem}")
            continue
        before = found[0]
        table.append(found[1])
    if problems:
        more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        count = f"{len(problems)} problem{'s' * (len(problems) > 1)} in {path}:"
        raise ConfigError("\n  ".join([count, *problems[:_SHOWN], *more]))
    values = np.array(table, dtype=np.float64).reshape(len(table), len(symbols))
    return Returns(tuple(symbols), values if days is None else values[-days:])


def _rows(path: Path) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """The rows that are not empty, each with its line, or why there are none."""
    try:
        raw = path.read_bytes()
        if len(raw) > _MAX_BYTES:
            return [], [f"is larger than {_MAX_BYTES} bytes"]
        reader = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True)
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)], []
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        return [], [f"cannot be read: {fault}"]


def _header_faults(header: Sequence[str]) -> list[str]:
    if len(header) < 3 or header[0].lower() != "date":
        return ["line 1: must be `date` and at least two symbols, such as date,EURUSD,US500"]
    problems = [f"line 1: column {place} names no symbol" for place, name in enumerate(header, start=1) if not name]
    twice = sorted({name for name in header if name and header.count(name) > 1})
    return problems + [f"line 1: {name} stands there twice" for name in twice]


def _day(row: Sequence[str], symbols: Sequence[str]) -> tuple[tuple[date, list[float]] | None, str]:
    """One row as its day and returns; or what is wrong with it."""
    if len(row) != len(symbols) + 1:
        return None, f"has {len(row)} cells, the header {len(symbols) + 1}"
    try:
        day = date.fromisoformat(row[0].strip())
    except ValueError:
        return None, f"date is {row[0].strip()!r}, not a day such as 2026-03-02"
    values = []
    for symbol, cell in zip(symbols, row[1:], strict=True):
        try:
            value = float(cell)
        except ValueError:
            return None, f"{symbol} is {cell.strip()!r}, not a number with a point such as 0.0012"
        if not -1.0 < value < _LARGEST:
            return (
                None,
                f"{symbol} is {cell.strip()}: a return is above -1 and below {_LARGEST:g} (0.01 is one percent)",
            )
        values.append(value)
    return (day, values), ""
