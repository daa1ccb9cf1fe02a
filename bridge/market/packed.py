"""Packed ticks: one symbol in a Parquet file of small integers, 2 to 3 bytes a tick, in row groups that stand alone.

Columns, int32 and never null: `gap_ms` since the tick before, `step` of the bid since the tick before, `spread` of ask
over bid; prices in points. A group's first tick has gap and step 0: its moment and bid stand in the file's metadata
under `lotbridge.ticks`, together with the group's last moment and its decimals, one entry for each row group. A price
is its points divided by 10**decimals, which gives the very float back that was written.

The gaps are split into byte streams and the prices into dictionaries, then compressed by zstd; what else was measured
stands in docs/replay.md. Every page carries a checksum that is verified.
"""

import uuid
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market.arrow import arrow, reading
from bridge.market.checks import YEAR_1990_MS, YEAR_2200_MS, check_ticks, refuse
from bridge.market.recording import TickSeries

FORMAT = 1
KEY = b"lotbridge.ticks"
COLUMNS = ("gap_ms", "step", "spread")

ROWS = 131_072
"""Ticks of a row group, at most: what is decoded at a time."""
MOST_DECIMALS = 8
"""More would leave few points of room in an int32."""
LEVELS = {"gap_ms": -1, "step": 1, "spread": 1}
"""Of zstd. Higher ones are hardly smaller and slower to read, lower ones larger than 3 bytes on real ticks."""

_INT32 = 2**31 - 1
_EXACT = 2.0**53
"""Whole floats below it are exact."""


class Group(msgspec.Struct, frozen=True, array_like=True):
    """One row group: its ticks, the moments of the first and the last (UTC ms), the first bid in points, decimals."""

    rows: int
    first_ms: int
    last_ms: int
    first_bid: int
    digits: int


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What stands under `KEY`."""

    format: int
    symbol: str
    groups: list[Group]
    crc32: int
    """Of the groups as JSON: Parquet has checksums for its pages only."""


class PackedWriter:
    """Writes ticks as they come. The file appears under its name when `with` ends well, and not at all otherwise."""

    def __init__(self, path: Path, symbol: str, digits: int = 0) -> None:
        """`digits`: decimals that prices have at least; more are found where they have more."""
        self._path = path
        self._symbol = symbol
        self._digits = digits
        self._held: list[TickSeries] = []
        self._held_rows = 0
        self._written = 0
        self._last_ms: int | None = None
        self._groups: list[Group] = []
        self._temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}.tmp")
        self._file: Any = None

    def __enter__(self) -> Self:
        pa = arrow()
        schema = pa.schema([pa.field(name, pa.int32(), nullable=False) for name in COLUMNS])
        self._file = self._writing(
            lambda: pa.parquet.ParquetWriter(
                self._temporary,
                schema,
                compression=dict.fromkeys(COLUMNS, "zstd"),
                compression_level=LEVELS,
                use_dictionary=["step", "spread"],
                column_encoding={"gap_ms": "BYTE_STREAM_SPLIT"},
                write_statistics=False,
                write_page_checksum=True,
                store_schema=False,
            )
        )
        return self

    def write(self, ticks: TickSeries, origin: Path | None = None, first_row: int = 0) -> None:
        """The next ticks. Raises MarketError, which names the row of `origin` that the first of them was, if given."""
        if not len(ticks.time_ms):
            return
        path, row = (self._path, self.rows) if origin is None else (origin, first_row)
        check_ticks(path, ticks, row, self._last_ms)
        digits = _decimals(path, ticks, self._digits, row)
        if digits > self._digits:
            self._flush()
            self._digits = digits
        self._last_ms = int(ticks.time_ms[-1])
        self._held.append(ticks)
        self._held_rows += len(ticks.time_ms)
        while self._held_rows >= ROWS:
            self._write_group()

    @property
    def rows(self) -> int:
        """How many ticks it was given."""
        return self._written + self._held_rows

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
                crc32 = _checksum(self._groups)
                header = Header(format=FORMAT, symbol=self._symbol, groups=self._groups, crc32=crc32)
                self._file.add_key_value_metadata({KEY: msgspec.json.encode(header)})
            self._writing(self._file.close)
            if kind is None:
                self._writing(lambda: self._temporary.replace(self._path))
        finally:
            self._temporary.unlink(missing_ok=True)

    def _flush(self) -> None:
        while self._held_rows:
            self._write_group()

    def _write_group(self) -> None:
        held = joined(self._held)
        bid, ask = (np.rint(column[:ROWS] * 10.0**self._digits).astype(np.int64) for column in (held.bid, held.ask))
        count = _fitting(held.time_ms[:ROWS], bid, ask)
        time_ms, bid, ask = held.time_ms[:count], bid[:count], ask[:count]
        columns = (np.diff(time_ms, prepend=time_ms[0]), np.diff(bid, prepend=bid[0]), ask - bid)
        pa = arrow()
        table = pa.table([pa.array(column.astype(np.int32)) for column in columns], schema=self._file.schema)
        self._writing(lambda: self._file.write_table(table, row_group_size=count))
        self._groups.append(Group(count, int(time_ms[0]), int(time_ms[-1]), int(bid[0]), self._digits))
        self._held = [cut(held, count, self._held_rows)]
        self._held_rows -= count
        self._written += count

    def _writing(self, write: Any) -> Any:
        try:
            return write()
        except OSError as fault:
            raise MarketError(f"{self._path} cannot be written: {fault.strerror or fault}; free the disk") from fault


class PackedFile:
    """An open packed file. Use it in a `with`, or close it."""

    def __init__(self, path: Path) -> None:
        """Raises MarketError."""
        pa = arrow()
        self.path = path
        self._file = reading(
            path, lambda: pa.parquet.ParquetFile(path, pre_buffer=False, page_checksum_verification=True)
        )
        try:
            self.symbol, self.groups = _header(path, self._file)
        except MarketError:
            self.close()
            raise
        self.rows = sum(group.rows for group in self.groups)
        self._first_rows = np.cumsum([0, *(group.rows for group in self.groups)]).tolist()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back; nothing can be read after."""
        self._file.close()

    def group_at(self, moment_ms: int) -> int:
        """The first group that may hold a tick at or after a moment; the number of groups where none does."""
        return bisect_left(self.groups, moment_ms, key=lambda group: group.last_ms)

    def read_group(self, index: int, out: TickSeries | None = None) -> TickSeries:
        """The ticks of one row group, in `out` where it is given: columns of just as many rows. Raises MarketError."""
        group = self.groups[index]
        if out is None:
            out = empty(group.rows)
        gap, step, spread = self._columns(index)
        first_row = self._first_rows[index]
        self._check(gap, 0, "gap_ms is negative", first_row)
        self._check(spread, 0, "spread is negative", first_row)
        since = np.cumsum(gap, dtype=np.int32)
        if int(since.min()) < 0 or group.first_ms + int(since[-1]) != group.last_ms:
            raise MarketError(f"{self.path}, row {first_row}: {_DAMAGED.format('its times end where they must not')}")
        np.add(since, np.int64(group.first_ms), out=out.time_ms)
        above = np.cumsum(step, dtype=np.int32, out=since)
        self._check(above, 1 - group.first_bid, "bid is not a positive price", first_row)
        _prices(above, spread, group, out)
        return out

    def read(self) -> TickSeries:
        """All ticks. Raises MarketError."""
        whole = empty(self.rows)
        for index, (start, end) in enumerate(zip(self._first_rows, self._first_rows[1:], strict=False)):
            self.read_group(index, cut(whole, start, end))
        return whole

    def _columns(self, index: int) -> Iterator[NDArray[np.int32]]:
        table = reading(self.path, lambda: self._file.read_row_group(index, use_threads=False))
        return (np.asarray(table.column(name).chunk(0).to_numpy()) for name in COLUMNS)

    def _check(self, values: NDArray[np.int32], least: int, what: str, first_row: int) -> None:
        if int(values.min()) < least:
            refuse(self.path, values < least, lambda _: _DAMAGED.format(what), first_row)


_DAMAGED = "{}, the file is damaged; pack it again from the recording"


def is_packed(path: Path) -> bool:
    """Whether a Parquet file says so of itself. Raises MarketError for one that cannot be read."""
    pa = arrow()
    return KEY in (reading(path, lambda: pa.parquet.read_metadata(path)).metadata or {})


def read(path: Path) -> TickSeries:
    """All ticks of a packed file. Raises MarketError."""
    with PackedFile(path) as file:
        return file.read()


def empty(rows: int) -> TickSeries:
    """Columns to be filled."""
    return TickSeries(time_ms=np.empty(rows, np.int64), bid=np.empty(rows), ask=np.empty(rows))


def cut(ticks: TickSeries, start: int, end: int) -> TickSeries:
    """A view of some rows."""
    return TickSeries(time_ms=ticks.time_ms[start:end], bid=ticks.bid[start:end], ask=ticks.ask[start:end])


def joined(parts: list[TickSeries]) -> TickSeries:
    """At least one series after another."""
    if len(parts) == 1:
        return parts[0]
    return TickSeries(
        time_ms=np.concatenate([part.time_ms for part in parts]),
        bid=np.concatenate([part.bid for part in parts]),
        ask=np.concatenate([part.ask for part in parts]),
    )


def _prices(above: NDArray[np.int32], spread: NDArray[np.int32], group: Group, out: TickSeries) -> None:
    """Fill bid and ask from bids above the group's first one, in points; `above` is overwritten."""
    scale = 10.0**group.digits
    if group.first_bid + int(above.max()) + int(spread.max()) <= _INT32:
        above += np.int32(group.first_bid)
        np.divide(above, scale, out=out.bid)
        above += spread
        np.divide(above, scale, out=out.ask)
        return
    np.add(above, float(group.first_bid), out=out.bid)
    np.add(out.bid, spread, out=out.ask)
    np.divide(out.bid, scale, out=out.bid)
    np.divide(out.ask, scale, out=out.ask)


def _decimals(path: Path, ticks: TickSeries, least: int, first_row: int) -> int:
    """How many decimals give all prices back exactly, from `least` on; refuses a tick that none do."""
    for digits in range(least, MOST_DECIMALS + 1):
        scale = 10.0**digits
        off = np.zeros(len(ticks.bid), np.bool_)
        for prices in (ticks.bid, ticks.ask):
            points = np.rint(prices * scale)
            off |= (points / scale != prices) | (points >= _EXACT)
        if not off.any():
            break
    refuse(
        path,
        off,
        lambda row: (
            f"bid {ticks.bid[row]} or ask {ticks.ask[row]} has more than {MOST_DECIMALS} decimals, or more digits than "
            "a float holds; round the prices to the broker's digits"
        ),
        first_row,
    )
    refuse(
        path,
        np.rint(ticks.ask * scale) - np.rint(ticks.bid * scale) > _INT32,
        lambda row: f"ask {ticks.ask[row]} is too far above bid {ticks.bid[row]}; remove or repair the tick",
        first_row,
    )
    return digits


def _fitting(time_ms: NDArray[np.int64], bid: NDArray[np.int64], ask: NDArray[np.int64]) -> int:
    """How many of the ticks keep sums of gaps and steps since the first within an int32; at least one."""
    far = (time_ms - time_ms[0] > _INT32) | (np.abs(bid - bid[0]) > _INT32) | (ask - bid[0] > _INT32)
    far |= np.abs(np.diff(bid, prepend=bid[0])) > _INT32
    return int(np.argmax(far)) if far.any() else len(time_ms)


def _header(path: Path, file: Any) -> tuple[str, list[Group]]:
    """The symbol and the groups, which agree with the file's own."""
    metadata = file.metadata
    content = (metadata.metadata or {}).get(KEY)
    if content is None:
        raise MarketError(f"{path} holds no packed ticks; make it with `lotbridge pack`")
    try:
        header = msgspec.json.decode(content, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise MarketError(f"{path}: {_DAMAGED.format(f'its header cannot be read ({fault})')}") from fault
    if header.format != FORMAT:
        raise MarketError(f"{path} has format {header.format}, this version reads {FORMAT}; pack it again")
    if header.crc32 != _checksum(header.groups):
        raise MarketError(f"{path}: {_DAMAGED.format('its header is not the one that was written')}")
    rows = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
    groups = header.groups
    if (
        rows != [group.rows for group in groups]
        or tuple(file.schema_arrow.names) != COLUMNS
        or not all(rows)
        or not rows
    ):
        raise MarketError(f"{path}: {_DAMAGED.format('its header is of other columns or rows')}")
    order = [moment for group in groups for moment in (group.first_ms, group.last_ms)]
    if order != sorted(order) or order[0] < YEAR_1990_MS or order[-1] > YEAR_2200_MS:
        raise MarketError(f"{path}: {_DAMAGED.format('its row groups are not in order of time')}")
    if not all(0 <= group.digits <= MOST_DECIMALS and 0 < group.first_bid < _EXACT for group in groups):
        raise MarketError(f"{path}: {_DAMAGED.format('its header has prices that cannot be')}")
    return header.symbol, groups


def _checksum(groups: list[Group]) -> int:
    return zlib.crc32(msgspec.json.encode(groups))
