"""What a recording's files are called and hold: what `bridge.market.files` reads, and the deals beside it."""

import csv
import io
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market import file_names
from bridge.market.recording import BarSeries, with_tick_volume
from bridge.record import parquet
from bridge.terminal.mt5.asks import DealRow, SymbolProbe
from sizing.snapshot import SymbolSpec

SOURCE = "mt5"
_PRICES = ("open", "high", "low", "close")
_TICKS = "tick_volume"
_SPEC = tuple(field.name for field in fields(SymbolSpec) if not field.name.startswith("margin_rate_"))
_SYMBOL_FILE = re.compile(
    rf"(?:ticks_{SOURCE}_(?P<ticks>.+)_\d{{4}}-\d\d-\d\d|bars_{SOURCE}_[A-Z]+\d+_(?P<bars>.+))\.parquet"
)


def symbol_parts(folder: Path, symbols: Iterable[str]) -> dict[str, str]:
    """What each symbol is called in this folder's file names: as it was before, or as `file_names` writes it."""
    matches = (_SYMBOL_FILE.fullmatch(path.name) for path in sorted(folder.glob(f"*_{SOURCE}_*.parquet")))
    taken = [match["ticks"] or match["bars"] for match in matches if match is not None]
    return file_names.parts(symbols, {file_names.decoded(part): part for part in taken})


def ticks_path(folder: Path, part: str, day_ms: int) -> Path:
    """One file for each UTC day."""
    return folder / f"ticks_{SOURCE}_{part}_{datetime.fromtimestamp(day_ms / 1000, UTC):%Y-%m-%d}.parquet"


def bars_path(folder: Path, part: str, timeframe: str) -> Path:
    """One file for each symbol and timeframe."""
    return folder / f"bars_{SOURCE}_{timeframe}_{part}.parquet"


class BarsFile(NamedTuple):
    """What a file of bars holds after an answer."""

    time_ms: NDArray[np.int64]
    """When its bars open (n,), sorted."""
    added: int


def add_bars(path: Path, symbol: str, new: BarSeries) -> BarsFile:
    """At least one bar beside those that the file holds; of two of one time the new one stays. Raises MarketError."""
    pa = parquet.arrow()
    known = parquet.read(path)
    before = 0
    counted = with_tick_volume(new)
    columns: dict[str, Any] = {"time": new.time_ms, **{name: getattr(counted, name) for name in (*_PRICES, _TICKS)}}
    if known is not None and set(known) >= {"time", *_PRICES}:
        old = {name: _numbers(pa, name, known[name]) for name in columns if name in known}
        # A file of before ticks were counted: 0 is "not known".
        old.setdefault(_TICKS, np.zeros(len(old["time"]), np.int64))
        before = len(old["time"])
        stays = ~np.isin(old["time"], new.time_ms)
        columns = {name: np.concatenate([old[name][stays], column]) for name, column in columns.items()}
    order = np.argsort(columns["time"], kind="stable")
    count = len(order)
    sorted_columns: dict[str, Any] = {name: column[order] for name, column in columns.items()}
    sorted_columns["time"] = pa.array(sorted_columns["time"], pa.int64()).cast(pa.timestamp("ms"))
    parquet.write(path, {"symbol": pa.array([symbol] * count, pa.string()), **sorted_columns})
    return BarsFile(np.asarray(columns["time"][order], dtype=np.int64), count - before)


def write_specs(folder: Path, symbols: Iterable[SymbolProbe], now_ms: int) -> Path:
    """Today's table, with the rows of the newest one for all other symbols: the newest alone is read."""
    older = sorted(folder.glob("symbol_specs_*.csv"))
    rows = _spec_rows(older[-1]) if older else {}
    for symbol in symbols:
        if symbol.info is not None and symbol.quote is not None:
            figures = {name: getattr(symbol.info, name) for name in _SPEC}
            rows[symbol.name] = {**figures, "bid": symbol.quote.bid, "ask": symbol.quote.ask}
    path = folder / f"symbol_specs_{datetime.fromtimestamp(now_ms / 1000, UTC):%Y-%m-%d}.csv"
    columns = list(dict.fromkeys([*_SPEC, "bid", "ask", *(name for row in rows.values() for name in row)]))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows.values())
    _replace(path, text.getvalue())
    return path


def add_deals(folder: Path, login: int, deals: Iterable[DealRow], times_ms: NDArray[np.int64]) -> int:
    """The account's deals, in UTC, beside those that the file holds. How many it holds then."""
    path = folder / f"deals_{SOURCE}_{login}.parquet"
    rows = {row["ticket"]: row for row in _deal_rows(path)}
    for deal, time_ms in zip(deals, times_ms.tolist(), strict=True):
        rows[deal.deal.ticket] = {
            **{name: getattr(deal.deal, name) for name in deal.deal.__struct_fields__ if name != "time_msc"},
            "time_msc": time_ms,
            "type": deal.type,
            "reason": deal.reason,
            "order": deal.order,
            "comment": deal.comment,
        }
    if rows:
        ordered = sorted(rows.values(), key=lambda row: (row["time_msc"], row["ticket"]))
        parquet.write(path, {name: [row[name] for row in ordered] for name in ordered[0]})
    return len(rows)


def _deal_rows(path: Path) -> list[dict[str, Any]]:
    known = parquet.read(path)
    if known is None:
        return []
    columns = {name: column.to_pylist() for name, column in known.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _spec_rows(path: Path) -> dict[str, Mapping[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return {row["name"]: row for row in csv.DictReader(file) if row.get("name")}
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise MarketError(f"{path} cannot be read ({fault}); move it away") from fault


def _numbers(pa: Any, name: str, column: Any) -> NDArray[Any]:
    if name == "time":
        column = column.cast(pa.timestamp("ms")).cast(pa.int64())
    return np.asarray(column.to_numpy())


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="")
        temporary.replace(path)
    except OSError as fault:
        raise MarketError(f"{path} cannot be written: {fault.strerror or fault}") from fault
    finally:
        temporary.unlink(missing_ok=True)
