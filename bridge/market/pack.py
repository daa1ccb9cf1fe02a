"""Packing a folder: its ticks into `bridge.market.packed` files, one for each symbol, beside copies of all the rest.

The figures of the symbols are copied last: a folder without them is one that was interrupted, and is begun anew.
"""

import shutil
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bridge.errors import MarketError
from bridge.market import file_names, mt5_csv, packed, store
from bridge.market.bar_files import find_bars
from bridge.market.packed import PackedWriter
from bridge.market.spec_table import read_spec_table
from bridge.market.stored_ticks import StoredTicks, open_in_order
from bridge.market.tick_files import find_ticks

SPECS = "symbol_specs_*.csv"

Progress = Callable[[str, float], None]
"""Told a symbol and how much of it is packed, 0 to 1."""


class Packed(NamedTuple):
    """One symbol's file."""

    symbol: str
    path: Path
    ticks: int
    size: int
    """Bytes."""


class Result(NamedTuple):
    """What was packed, and what was left out and why."""

    files: list[Packed]
    notes: list[str]


def pack(folder: Path, out: Path, progress: Progress, *, force: bool = False) -> Result:
    """Pack every symbol of `folder` into `out`. Each file appears whole or not at all. Raises MarketError."""
    notes: list[str] = []
    _demand_source(folder)
    specs = read_spec_table(folder)
    found = find_ticks(folder, None, notes)
    old = _demand_room(folder, out, force=force)
    parts = file_names.parts([files.symbol for files in found], {})
    made = []
    for files in found:
        row = specs.get(files.symbol)
        digits = 0 if row is None else int(row.numbers["digits"])
        stored = open_in_order(files.paths)
        notes.extend(note for file in stored for note in file.notes)
        stem = out / f"ticks_{files.source}_{parts[files.symbol]}"
        made.append(_pack_symbol(files.symbol, stored, stem, digits, progress))
    for path in set(old) - {each.path for each in made}:
        path.unlink()
    _copy_rest(folder, out)
    return Result(made, notes)


def _demand_source(folder: Path) -> None:
    if not folder.is_dir():
        raise MarketError(f"{folder} is not a folder; name the one that holds the recorded ticks")
    if (folder / store.HEADER).is_file():
        raise MarketError(f"{folder} is a saved market, which is small already; replay it as it is")


def _demand_room(folder: Path, out: Path, *, force: bool) -> list[Path]:
    """Make `out` ready, and say which packed files of an earlier time it holds. A recording is never written over."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        if out.samefile(folder):
            raise MarketError(f"{out} is the recording itself; name another folder to pack it into")
    except OSError as fault:
        raise _cannot_write(out, fault) from fault
    ticks = sorted(out.glob("ticks_*.parquet"))
    for path in ticks:
        if not packed.is_packed(path):
            raise MarketError(f"{path} is a recording, not packed ticks; name another folder to pack into")
    if (out / store.HEADER).exists() or (mt5_csv.exports(out) and not ticks):
        raise MarketError(f"{out} holds a market of another kind; name another folder to pack into")
    specs = sorted(out.glob(SPECS))
    if specs and not force:
        raise MarketError(f"{out} is packed already; name another folder, or replace it with --force")
    for path in specs:
        path.unlink()
    return ticks


def _pack_symbol(symbol: str, stored: list[StoredTicks], stem: Path, digits: int, progress: Progress) -> Packed:
    """`stem`: the file's path without its dates."""
    ends = (stored[0].first.time_ms, stored[-1].last_ms)
    first, last = (datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y%m%d") for moment_ms in ends)
    path = stem.with_name(f"{stem.name}_{first}-{last}.parquet")
    total = sum(file.rows for file in stored)
    with PackedWriter(path, symbol, min(digits, packed.MOST_DECIMALS)) as writer:
        for file in stored:
            first_row = writer.rows
            for piece in file.pieces(0):
                ticks = packed.empty(piece.rows)
                piece.read(ticks)
                writer.write(ticks, file.path, writer.rows - first_row)
                progress(symbol, writer.rows / total)
    return Packed(symbol, path, total, path.stat().st_size)


def _copy_rest(folder: Path, out: Path) -> None:
    """Bars and the broker's clock of exported ones, then the figures."""
    bars = [file.path for file in find_bars(folder)]
    zone = [folder / mt5_csv.ZONE_FILE] if any(path.suffix.lower() == mt5_csv.SUFFIX for path in bars) else []
    for path in [*dict.fromkeys(bars), *zone, *sorted(folder.glob(SPECS))]:
        temporary = out / f".{path.name}-{uuid.uuid4().hex}.tmp"
        try:
            shutil.copyfile(path, temporary)
            temporary.replace(out / path.name)
        except OSError as fault:
            raise _cannot_write(out / path.name, fault) from fault
        finally:
            temporary.unlink(missing_ok=True)


def _cannot_write(path: Path, fault: OSError) -> MarketError:
    return MarketError(f"{path} cannot be written: {fault.strerror or fault}; free the disk or name another folder")
