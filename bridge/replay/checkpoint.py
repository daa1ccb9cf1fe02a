"""Where an interrupted run stands, at the end of a span: a file in its folder from which it goes on as it would have.

It is written last, after all files of the run, each in one step; what those hold beyond it is played again.
"""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bridge.errors import ReplayError
from bridge.market.recording import BarSeries
from bridge.replay.account_state import AccountState
from bridge.replay.agenda import Item, Kind
from bridge.replay.columns import replace_file
from bridge.replay.managing import Carry, ManagerState
from bridge.replay.run import CHECKPOINT_FILE, Counts
from bridge.replay.sheet import Last
from bridge.replay.strategy import Entry
from bridge.replay.trader import Ask, Close, Opened, Place

_FORMAT = 3
_COLUMNS = ("open", "high", "low", "close")


class StoredItem(msgspec.Struct, omit_defaults=True):
    """One item of the agenda; of an order one of the four."""

    time_ms: int
    kind: Kind
    ask: Entry | None = None
    place: Place | None = None
    close: Close | None = None
    carry: Carry | None = None


class StoredBars(msgspec.Struct):
    """One series; the columns as bytes of int64 (times and ticks) and float64."""

    symbol: str
    timeframe: str
    time_ms: bytes
    prices: tuple[bytes, bytes, bytes, bytes]
    tick_volume: bytes | None


class Checkpoint(msgspec.Struct, kw_only=True):
    """Everything that the rest of a run depends on."""

    format: int = _FORMAT
    plan: dict[str, Any]
    """What the run was asked for; it must be the same to go on."""
    until_ms: int
    owed: bool
    target_ms: int | None
    days: dict[int, tuple[float, int]]
    days_of: int
    account: AccountState
    lines: list[tuple[float, bool]]
    """Anchor of each rule, and whether its pause has been told today."""
    told: bool
    last: Last
    agenda: list[StoredItem]
    opened: dict[int, Opened]
    granted: int
    manager: ManagerState | None
    bars: list[StoredBars]
    journal: tuple[int, int]
    """The next numbers of entry and part."""
    rows: Counts
    seconds: float


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Put it in its place in one step. Raises ReplayError."""
    body = msgspec.msgpack.encode(checkpoint)
    replace_file(folder / CHECKPOINT_FILE, lambda path: path.write_bytes(body))


def read_checkpoint(folder: Path) -> Checkpoint:
    """Where the run of a folder stands. Raises ReplayError."""
    path = folder / CHECKPOINT_FILE
    try:
        found = msgspec.msgpack.decode(path.read_bytes(), type=Checkpoint)
    except FileNotFoundError as fault:
        raise ReplayError(
            f"{folder} cannot be continued: it has no {CHECKPOINT_FILE}. Either it is complete, or it was stopped "
            "before its first days were done: replay into a new folder"
        ) from fault
    except (OSError, msgspec.MsgspecError) as fault:
        raise ReplayError(f"{path} cannot be read ({fault}): replay into a new folder") from fault
    if found.format != _FORMAT:
        raise ReplayError(f"{path} has format {found.format}, this lotbridge reads {_FORMAT}: replay into a new folder")
    return found


def stored(item: Item) -> StoredItem:
    """An item as it is kept."""
    what = item.what
    if isinstance(what, Ask):
        return StoredItem(item.time_ms, item.kind, ask=what.entry)
    if isinstance(what, Place):
        return StoredItem(item.time_ms, item.kind, place=what)
    if isinstance(what, Carry):
        return StoredItem(item.time_ms, item.kind, carry=what)
    return StoredItem(item.time_ms, item.kind, close=what)


def restored(item: StoredItem) -> Item:
    """The item that was kept."""
    what = item.place or item.close or item.carry
    return Item(item.time_ms, item.kind, what if item.ask is None else Ask(item.ask))


def stored_bars(symbol: str, series: BarSeries) -> StoredBars:
    """A series as it is kept."""
    prices = tuple(np.ascontiguousarray(getattr(series, name)).tobytes() for name in _COLUMNS)
    ticks = None if series.tick_volume is None else series.tick_volume.tobytes()
    return StoredBars(symbol, series.timeframe, series.time_ms.tobytes(), prices, ticks)  # type: ignore[arg-type]  # four


def restored_bars(kept: StoredBars) -> BarSeries:
    """The series that was kept."""
    prices = {name: np.frombuffer(body) for name, body in zip(_COLUMNS, kept.prices, strict=True)}
    ticks = None if kept.tick_volume is None else np.frombuffer(kept.tick_volume, np.int64)
    time_ms = np.frombuffer(kept.time_ms, np.int64)
    return BarSeries(timeframe=kept.timeframe, time_ms=time_ms, tick_volume=ticks, **prices)
