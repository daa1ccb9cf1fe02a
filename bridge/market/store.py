"""Recorded markets on disk: a folder with `market.json` and one `.npz` of delta-encoded integers per symbol.

Prices are stored as whole points and times as milliseconds, each column as its first value and its differences in the
smallest integer type that holds them; what does not fit (a price off the point grid) is stored as it is. Reading gives
the very floats back. Every file is written under a temporary name and moved into place, `market.json` last: it carries
the SHA-256 of the others, so a folder is either complete or recognised as damaged.
"""

import hashlib
import io
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import platformdirs
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market import sample
from bridge.market.recording import BarSeries, RecordedMarket, RecordedSymbol, TickSeries
from sizing.snapshot import SymbolSpec

FORMAT = 1
HEADER = "market.json"

Column = NDArray[Any]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolEntry:
    """One symbol in `market.json`."""

    file: str
    sha256: str
    spec: SymbolSpec
    commission_per_lot: float
    timeframes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """`market.json`. `seed` is null for a market that was recorded."""

    format: int
    name: str
    synthetic: bool
    seed: int | None
    notes: tuple[str, ...]
    symbols: dict[str, SymbolEntry]


def sample_market(cache: Path | None = None, seed: int = 7, progress: Progress | None = None) -> RecordedMarket:
    """The synthetic market, from the cache folder (by default the user's) or generated and kept there.

    A cache that cannot be read is replaced, one that cannot be written is done without: this never fails for the disk.
    """
    say = progress or (lambda _: None)
    root = platformdirs.user_cache_path("lotbridge") if cache is None else cache
    folder = root / f"sample-{sample.VERSION}.{FORMAT}-seed{seed}"
    try:
        if (folder / HEADER).is_file():
            return load(folder)
    except (MarketError, OSError) as error:
        say(f"The cached sample market cannot be used and is made anew: {error}")
    say("Generating the sample market (synthetic, once per machine)")
    market = sample.generate(seed)
    try:
        save(market, folder, seed=seed)
    except OSError as error:
        say(f"The sample market is kept in memory only, {folder} cannot be written: {error.strerror or error}")
    return market


def save(market: RecordedMarket, folder: Path, *, seed: int | None = None) -> None:
    """Write a market. Equal markets give equal files, so processes that write the same one at once cannot clash.

    Raises OSError where the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = {}
    for index, (name, symbol) in enumerate(market.symbols.items()):
        content = _npz(_columns(symbol))
        digest = hashlib.sha256(content).hexdigest()
        file = f"{index:03d}-{_plain(name)}-{digest[:12]}.npz"
        _write(folder / file, content)
        entries[name] = SymbolEntry(
            file=file,
            sha256=digest,
            spec=symbol.spec,
            commission_per_lot=symbol.commission_per_lot,
            timeframes=tuple(symbol.bars),
        )
    header = Header(
        format=FORMAT,
        name=market.name,
        synthetic=market.synthetic,
        seed=seed,
        notes=market.notes,
        symbols=entries,
    )
    _write(folder / HEADER, msgspec.json.format(msgspec.json.encode(header), indent=2))


def load(folder: Path) -> RecordedMarket:
    """Read what `save` wrote. Raises MarketError naming the file and what is wrong with it."""
    header = _header(folder / HEADER)
    return RecordedMarket(
        name=header.name,
        synthetic=header.synthetic,
        symbols={name: _symbol(folder, entry) for name, entry in header.symbols.items()},
        notes=header.notes,
    )


def _header(path: Path) -> Header:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MarketError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        header = msgspec.json.decode(content, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MarketError(f"{path} is damaged ({error}); delete its folder and record or generate it again") from error
    if header.format != FORMAT:
        raise MarketError(f"{path} has format {header.format}, this version reads {FORMAT}; save the market again")
    if not header.symbols:
        raise MarketError(f"{path} names no symbol; save a market with at least one")
    return header


def _symbol(folder: Path, entry: SymbolEntry) -> RecordedSymbol:
    path = folder / entry.file
    if Path(entry.file).name != entry.file:
        raise MarketError(f"{folder / HEADER}: '{entry.file}' leads out of the folder; name a file inside it")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MarketError(f"{path} cannot be read: {error.strerror or error}; save the market again") from error
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise MarketError(f"{path} is damaged: its SHA-256 is not the one in {HEADER}; save the market again")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return _decode(arrays, entry)
    except (KeyError, ValueError, ArithmeticError, EOFError, zipfile.BadZipFile) as error:
        raise MarketError(f"{path} does not hold what {HEADER} says ({error}); save the market again") from error


def _columns(symbol: RecordedSymbol) -> dict[str, Column]:
    """Every column under its stored name. Asks go as spreads, highs and lows as distances from the open: small."""
    digits = symbol.spec.digits
    out = _packed("ticks.time", symbol.ticks.time_ms)
    out |= _prices("ticks", {"bid": symbol.ticks.bid, "ask": symbol.ticks.ask}, digits)
    for timeframe, bars in symbol.bars.items():
        out |= _packed(f"{timeframe}.time", bars.time_ms)
        prices = {"open": bars.open, "high": bars.high, "low": bars.low, "close": bars.close}
        out |= _prices(timeframe, prices, digits)
        if bars.tick_volume is not None:
            out[f"{timeframe}.ticks"] = _smallest(bars.tick_volume)
    return out


def _decode(arrays: Any, entry: SymbolEntry) -> RecordedSymbol:
    digits = entry.spec.digits
    ticks = _restored("ticks", ("bid", "ask"), arrays, digits)
    return RecordedSymbol(
        spec=entry.spec,
        ticks=TickSeries(time_ms=_unpacked("ticks.time", arrays), bid=ticks["bid"], ask=ticks["ask"]),
        bars={
            timeframe: BarSeries(
                timeframe=timeframe,
                time_ms=_unpacked(f"{timeframe}.time", arrays),
                **_restored(timeframe, ("open", "high", "low", "close"), arrays, digits),
                tick_volume=_counts(f"{timeframe}.ticks", arrays),
            )
            for timeframe in entry.timeframes
        },
        commission_per_lot=entry.commission_per_lot,
    )


def _prices(group: str, prices: dict[str, NDArray[np.float64]], digits: int) -> dict[str, Column]:
    """The first column as differences along itself, the others as points above the first; or all as floats."""
    scale = 10.0**digits
    points = {name: np.rint(column * scale) for name, column in prices.items()}
    if not all(np.array_equal(points[name] / scale, column) for name, column in prices.items()):
        return {f"{group}.{name}": column for name, column in prices.items()}
    first, *others = prices
    base = points[first].astype(np.int64)
    out = _packed(f"{group}.{first}", base)
    for name in others:
        out[f"{group}.{name}.above"] = _smallest(points[name].astype(np.int64) - base)
    return out


def _restored(group: str, names: tuple[str, ...], arrays: Any, digits: int) -> dict[str, NDArray[np.float64]]:
    if f"{group}.{names[0]}" in arrays:
        return {name: np.asarray(arrays[f"{group}.{name}"], dtype=np.float64) for name in names}
    scale = 10.0**digits
    base = _unpacked(f"{group}.{names[0]}", arrays)
    above = {name: base + arrays[f"{group}.{name}.above"] for name in names[1:]}
    return {names[0]: base / scale} | {name: points / scale for name, points in above.items()}


def _counts(key: str, arrays: Any) -> NDArray[np.int64] | None:
    """None in a file that was written before ticks were counted."""
    return np.asarray(arrays[key], dtype=np.int64) if key in arrays else None


def _packed(key: str, values: NDArray[np.int64]) -> dict[str, Column]:
    return {f"{key}.first": values[:1], f"{key}.steps": _smallest(np.diff(values))}


def _unpacked(key: str, arrays: Any) -> NDArray[np.int64]:
    values = np.concatenate((arrays[f"{key}.first"], arrays[f"{key}.steps"]), dtype=np.int64)
    return np.cumsum(values, out=values)


def _smallest(values: NDArray[np.int64]) -> Column:
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    fitting = (
        kind for kind in (np.int8, np.int16, np.int32) if np.iinfo(kind).min <= low <= high <= np.iinfo(kind).max
    )
    return values.astype(next(fitting, np.int64))


def _npz(columns: dict[str, Column]) -> bytes:
    """What numpy.savez_compressed writes, but the same bytes every time: numpy stamps its entries with the clock."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, column in columns.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(column), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, content.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _plain(name: str) -> str:
    """A symbol's name as part of a file name on any system."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in ".-_") else "_" for letter in name)


def _write(path: Path, content: bytes) -> None:
    """Put a file in place in one step; a reader sees the old one or the new one, never a part."""
    if (
        path.is_file() and path.read_bytes() == content
    ):  # another process was first; Windows refuses to replace open files
        return
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
