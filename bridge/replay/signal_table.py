"""A file of signals as rows of cells, whatever its format. An empty cell is None.

Places are for people: lines of a CSV, counted from 1 with the header, and rows of Parquet, the first being row 1.
"""

import codecs
import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from bridge.errors import ReplayError
from bridge.report.errors import how_to_install

SUFFIXES = (".csv", ".parquet")
_DELIMITERS = "\t;,"
"""Of a header that holds several the first."""


class Table(NamedTuple):
    """Cells by row: text in CSV; in Parquet text, numbers, and timestamps as UTC milliseconds.

    `ragged` are places of rows with more or fewer cells than there are columns; they are not among the rows.
    """

    path: Path
    header: list[str]
    rows: list[list[Any]]
    places: list[str]
    ragged: list[str]


def read_table(path: Path) -> Table:
    """Raises ReplayError."""
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise ReplayError(f"{path} is neither .csv nor .parquet; save the signals as one of them")
    if not path.is_file():
        raise ReplayError(f"{path} is not a file; name the one that holds the signals")
    return _csv(path) if kind == ".csv" else _parquet(path)


def _csv(path: Path) -> Table:
    try:
        content = path.read_bytes()
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if wide else "utf-8-sig")
        first = text.lstrip().partition("\n")[0]
        delimiter = next((each for each in _DELIMITERS if each in first), ",")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
        found = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (OSError, csv.Error, UnicodeDecodeError) as fault:
        raise ReplayError(f"{path} is not a readable CSV file ({fault}); save it as UTF-8 with commas") from fault
    header = found[0][1] if found else []
    table = Table(path, header, [], [], [])
    for line, row in found[1:]:
        if len(row) != len(header):
            table.ragged.append(f"line {line}: {len(row)} values under {len(header)} columns; repair the line")
            continue
        table.rows.append([cell.strip() or None for cell in row])
        table.places.append(f"line {line}")
    return table


def _parquet(path: Path) -> Table:
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional, and 40 MB that nothing else needs
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise ReplayError(f'{path}: Parquet needs the extra "data": {how_to_install("data")}') from error
    try:
        table = pa.parquet.read_table(path)
    except (pa.ArrowException, OSError) as fault:
        told = str(fault).splitlines()[0]
        raise ReplayError(f"{path} is not a readable Parquet file ({told}); write it again") from fault
    columns = [_cells(column, pa) for column in table.columns]
    rows = [list(cells) for cells in zip(*columns, strict=True)]
    return Table(path, list(table.column_names), rows, [f"row {number}" for number in range(1, len(rows) + 1)], [])


def _cells(column: Any, pa: Any) -> list[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        up = _UP[column.type.unit]
        return [None if ticks is None else up(ticks) for ticks in column.cast(pa.int64()).to_pylist()]
    return [_cell(value) for value in column.to_pylist()]


def _cell(value: Any) -> Any:
    return value.strip() or None if isinstance(value, str) else value


_UP: dict[str, Callable[[int], int]] = {
    "s": lambda ticks: ticks * 1000,
    "ms": lambda ticks: ticks,
    "us": lambda ticks: -(-ticks // 1000),
    "ns": lambda ticks: -(-ticks // 1_000_000),
}
"""To milliseconds, never earlier than told: a signal does not see the tick before it."""
