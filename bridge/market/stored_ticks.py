"""Ticks of one symbol as they lie in a file, piece by piece: packed, plain Parquet columns, or an exported text.

Opening reads what a file says of itself and its first ticks. The rows are checked as they are read, so a bad row far
into a file is found when it is its turn: a MarketError naming file, row (counted from 0) and fix.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from bridge.errors import MarketError
from bridge.market import mt5_csv, packed
from bridge.market.arrow import arrow, demand, numbers, reading
from bridge.market.checks import check_ticks
from bridge.market.packed import PackedFile, cut
from bridge.market.recording import TickSeries
from sizing.snapshot import Quote

COLUMNS = ("time_msc", "bid", "ask")
_BUFFER = 1 << 20


class Piece(NamedTuple):
    """Some ticks that follow each other, at most `packed.ROWS`: `read` puts them into columns of so many rows."""

    rows: int
    read: Callable[[TickSeries], object]


class StoredTicks(Protocol):
    """A file of at least one tick. Where it is unsorted, `last_ms` may be too early; reading it says so."""

    @property
    def path(self) -> Path: ...

    @property
    def rows(self) -> int: ...

    @property
    def first(self) -> Quote: ...

    @property
    def last_ms(self) -> int: ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out of the file, and why: one sentence each."""
        ...

    def pieces(self, from_ms: int) -> Generator[Piece, None, None]:
        """All ticks from a moment on, with as many before it as come along; read each before the next. MarketError."""


def open_ticks(path: Path) -> StoredTicks:
    """A file of ticks by what it holds. Raises MarketError."""
    if path.suffix.lower() == mt5_csv.SUFFIX:
        ticks, notes = mt5_csv.read_ticks(path)
        if not len(ticks.time_ms):
            raise _no_rows(path)
        check_ticks(path, ticks)
        return HeldTicks(path, ticks, notes)
    with _parquet_file(path) as file:
        return _open_packed(path) if packed.KEY in (file.metadata.metadata or {}) else _open_plain(path, file)


def joined_ticks(files: list[StoredTicks]) -> TickSeries:
    """The ticks of one symbol from files that follow each other. Raises MarketError."""
    # What a file says of its length is no reason to take so much memory before its rows are seen.
    parts = []
    for file in files:
        for piece in file.pieces(0):
            parts.append(packed.empty(piece.rows))
            piece.read(parts[-1])
    return packed.joined(parts)


def open_in_order(paths: tuple[Path, ...]) -> list[StoredTicks]:
    """Files of one symbol, none of which begins before the one before it ends. Raises MarketError."""
    files = [open_ticks(path) for path in paths]
    for before, after in pairwise(files):
        if after.first.time_ms < before.last_ms:
            text = f"row 0: earlier than the end of the file before, which is {before.path.name}"
            raise MarketError(f"{after.path}, {text}; delete one of the two, or export one again without that time")
    return files


@dataclass(frozen=True, slots=True)
class HeldTicks:
    """Ticks in memory, checked already."""

    path: Path
    ticks: TickSeries
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return len(self.ticks.time_ms)

    @property
    def first(self) -> Quote:
        return _quote(self.ticks)

    @property
    def last_ms(self) -> int:
        return int(self.ticks.time_ms[-1])

    def pieces(self, from_ms: int) -> Generator[Piece, None, None]:
        start = int(np.searchsorted(self.ticks.time_ms, from_ms))
        # Cut in the same places from wherever it begins.
        start -= start % packed.ROWS
        for at in range(start, self.rows, packed.ROWS):
            yield _piece(cut(self.ticks, at, at + packed.ROWS))


@dataclass(frozen=True, slots=True)
class _PackedTicks:
    path: Path
    rows: int
    first: Quote
    last_ms: int
    notes: tuple[str, ...] = ()

    def pieces(self, from_ms: int) -> Generator[Piece, None, None]:
        with PackedFile(self.path) as file:
            for index in range(file.group_at(from_ms), len(file.groups)):
                yield Piece(file.groups[index].rows, partial(file.read_group, index))


def _open_packed(path: Path) -> StoredTicks:
    with PackedFile(path) as file:
        return _PackedTicks(path, file.rows, _quote(file.read_group(0)), file.groups[-1].last_ms)


@dataclass(frozen=True, slots=True)
class _PlainTicks:
    path: Path
    rows: int
    first: Quote
    last_ms: int
    notes: tuple[str, ...] = ()

    def pieces(self, from_ms: int) -> Generator[Piece, None, None]:
        with _parquet_file(self.path) as file:
            first_row, before_ms = 0, None
            # Only at the head: a group that is early further on is out of order, which its rows shall say.
            skipping = True
            for index in range(file.metadata.num_row_groups):
                last_ms = _group_last_ms(file, index) if skipping else None
                skipping = last_ms is not None and last_ms < from_ms
                if skipping:
                    first_row, before_ms = first_row + file.metadata.row_group(index).num_rows, last_ms
                    continue
                for batch in _batches(self.path, file, index):
                    ticks = _ticks(self.path, batch, first_row, before_ms)
                    first_row, before_ms = first_row + len(ticks.time_ms), int(ticks.time_ms[-1])
                    yield _piece(ticks)


def _open_plain(path: Path, file: Any) -> StoredTicks:
    demand(path, set(file.schema_arrow.names), COLUMNS)
    rows = file.metadata.num_rows
    groups = [index for index in range(file.metadata.num_row_groups) if file.metadata.row_group(index).num_rows]
    if not groups:
        raise _no_rows(path)
    ticks = _ticks(path, next(_batches(path, file, groups[0], rows=1)), 0)
    last_ms = _group_last_ms(file, groups[-1])
    if last_ms is None:
        last_ms = _read_last_ms(path, file, groups[-1])
    found = _PlainTicks(path, rows, _quote(ticks), last_ms)
    if last_ms < found.first.time_ms:
        deque(found.pieces(0), maxlen=0)  # the row that is earlier names itself
    return found


def _parquet_file(path: Path) -> Any:
    pa = arrow()
    # With a buffer, a row group that is the whole file is not read at once.
    return reading(path, lambda: pa.parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER))


def _batches(
    path: Path, file: Any, group: int, columns: tuple[str, ...] = COLUMNS, rows: int | None = None
) -> Iterator[Any]:
    """One row group in batches of at most `rows`, or `packed.ROWS`; none of them is empty."""
    batches = file.iter_batches(rows or packed.ROWS, row_groups=[group], columns=list(columns), use_threads=False)
    while (batch := reading(path, lambda: next(batches, None))) is not None:
        if batch.num_rows:
            yield batch


def _ticks(path: Path, batch: Any, first_row: int, before_ms: int | None = None) -> TickSeries:
    time_ms = numbers(path, batch, "time_msc", np.int64, first_row)
    bid, ask = (numbers(path, batch, name, np.float64) for name in ("bid", "ask"))
    ticks = TickSeries(time_ms=time_ms, bid=bid, ask=ask)
    check_ticks(path, ticks, first_row, before_ms)
    return ticks


def _group_last_ms(file: Any, group: int) -> int | None:
    """The latest time of a row group, where the file has written it down as a number."""
    metadata = file.metadata.row_group(group)
    columns = (metadata.column(index) for index in range(metadata.num_columns))
    found = next(column.statistics for column in columns if column.path_in_schema == "time_msc")
    return int(found.max) if found is not None and found.has_min_max and isinstance(found.max, int) else None


def _read_last_ms(path: Path, file: Any, group: int) -> int:
    last_ms = 0
    for batch in _batches(path, file, group, ("time_msc",)):
        last_ms = int(numbers(path, batch, "time_msc", np.int64)[-1])
    return last_ms


def _piece(ticks: TickSeries) -> Piece:
    def copy(out: TickSeries) -> None:
        out.time_ms[:], out.bid[:], out.ask[:] = ticks.time_ms, ticks.bid, ticks.ask

    return Piece(len(ticks.time_ms), copy)


def _quote(ticks: TickSeries) -> Quote:
    return Quote(float(ticks.bid[0]), float(ticks.ask[0]), int(ticks.time_ms[0]))


def _no_rows(path: Path) -> MarketError:
    return MarketError(f"{path} has no rows; delete the file or record it again")
