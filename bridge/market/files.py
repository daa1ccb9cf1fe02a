"""Recorded markets from files: a folder that `store.save` wrote, or one of Parquet ticks and bars.

A Parquet folder holds

- `ticks_<source>_<SYMBOL>_<dates>.parquet`: time_msc (UTC), bid, ask; sorted, several files of a symbol in name order;
- `bars_<source>_<TIMEFRAME>_<anything>.parquet` (optional): symbol, time (naive UTC) and bo, bh, bl, bc or open, high,
  low, close;
- `symbol_specs_<date>.csv`: the broker's figures under MT5's names, with a bid and ask of that date;
- ticks and bars as MetaTrader 5 exports them (`bridge.market.mt5_csv`), beside Parquet files or instead of them.

Nothing is repaired: a file that is wrong is a MarketError naming it, the row (counted from 0) and the fix. What is
right but cannot be used together is left out, and `RecordedMarket.notes` says so.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market import mt5_csv, store
from bridge.market.recording import (
    TIMEFRAME_MS,
    BarSeries,
    RecordedMarket,
    RecordedSymbol,
    TickSeries,
    bars_from_ticks,
    group_bars,
    join_bars,
)
from bridge.market.spec_table import SpecRow, UnknownRateError, read_spec_table, spec_at

TICKS_FILE = re.compile(r"ticks_(?P<source>[^_]+)_(?P<symbol>.+)_(?P<dates>[\d-]+)\.parquet")
BARS_FILE = re.compile(r"bars_(?P<source>[^_]+)_(?P<timeframe>[A-Z]+\d+)_.+\.parquet")
TIMEFRAMES = ("D1", "H1", "M15")
BID_COLUMNS = (("bo", "bh", "bl", "bc"), ("open", "high", "low", "close"))

YEAR_1990_MS = 631_152_000_000
YEAR_2200_MS = 7_258_118_400_000


class _BarsFile(NamedTuple):
    source: str
    timeframe: str
    path: Path
    symbol: str | None = None
    """The one symbol of an exported file."""


@dataclass(frozen=True, slots=True)
class _Feed:
    """The ticks of one symbol from one source."""

    symbol: str
    source: str
    ticks: TickSeries

    @property
    def first_ms(self) -> int:
        return int(self.ticks.time_ms[0])

    @property
    def last_ms(self) -> int:
        return int(self.ticks.time_ms[-1])

    @property
    def period(self) -> str:
        first, last = (datetime.fromtimestamp(ms / 1000, UTC).date() for ms in (self.first_ms, self.last_ms))
        return f"{first}..{last}"


def read_folder(folder: Path, symbols: Sequence[str] | None = None) -> RecordedMarket:
    """The market recorded in a folder; with `symbols`, only those. Raises MarketError."""
    if not folder.is_dir():
        raise MarketError(f"{folder} is not a folder; name the one that holds the recorded ticks")
    if (folder / store.HEADER).is_file():
        return _selected(store.load(folder), folder, symbols)
    return _read_parquet(folder, symbols)


def _selected(market: RecordedMarket, folder: Path, symbols: Sequence[str] | None) -> RecordedMarket:
    if symbols is None:
        return market
    kept = {name: symbol for name, symbol in market.symbols.items() if name in symbols}
    if not kept:
        raise MarketError(f"{folder} records none of {', '.join(symbols)}; it has {', '.join(market.symbols)}")
    missing = tuple(f"{name}: left out, not recorded in {folder}" for name in symbols if name not in kept)
    return replace(market, symbols=kept, notes=market.notes + missing)


def _read_parquet(folder: Path, symbols: Sequence[str] | None) -> RecordedMarket:
    notes: list[str] = []
    table = read_spec_table(folder)
    feeds = _with_specs(_read_feeds(folder, symbols, notes), table, notes)
    group = _largest_overlap(feeds, notes)
    quotes = {feed.symbol: (float(feed.ticks.bid[0]), float(feed.ticks.ask[0])) for feed in group}
    bars_files = _bars_files(folder)
    recorded: dict[str, RecordedSymbol] = {}
    for feed in group:
        try:
            spec = spec_at(table, feed.symbol, quotes)
        except UnknownRateError as error:
            notes.append(f"{feed.symbol}: left out, {error}")
            continue
        bars = {timeframe: _bars(feed, timeframe, bars_files, notes) for timeframe in TIMEFRAMES}
        recorded[feed.symbol] = RecordedSymbol(spec=spec, ticks=feed.ticks, bars=bars)
    if not recorded:
        raise MarketError(f"{folder} has no symbol that can be replayed: {'; '.join(notes)}")
    return RecordedMarket(name=f"recording {folder.name}", synthetic=False, symbols=recorded, notes=tuple(notes))


def _read_feeds(folder: Path, symbols: Sequence[str] | None, notes: list[str]) -> list[_Feed]:
    """Ticks by symbol. Of two sources of one symbol the first by name is read."""
    found: dict[str, dict[str, list[Path]]] = {}
    for path in sorted(folder.glob("ticks_*.parquet")):
        match = TICKS_FILE.fullmatch(path.name)
        if match is None:
            raise MarketError(f"{path}: the name is not ticks_<source>_<SYMBOL>_<dates>.parquet; rename the file")
        found.setdefault(match["symbol"], {}).setdefault(match["source"], []).append(path)
    for export in mt5_csv.exports(folder):
        if export.timeframe is None:
            found.setdefault(export.symbol, {}).setdefault(mt5_csv.SOURCE, []).append(export.path)
    if not found:
        raise MarketError(
            f"{folder} has no ticks_<source>_<SYMBOL>_<dates>.parquet, no exported ticks and no {store.HEADER}; "
            "name another"
        )
    wanted = list(found) if symbols is None else list(dict.fromkeys(symbols))
    notes.extend(f"{name}: left out, no tick file in {folder}" for name in wanted if name not in found)
    feeds = []
    for name in wanted:
        for index, (source, paths) in enumerate(found.get(name, {}).items()):
            if index == 0:
                feeds.append(_Feed(name, source, _read_ticks(paths)))
            else:
                notes.append(f"{name}: ticks of {source} left out, one source per symbol is read")
    return feeds


def _with_specs(feeds: list[_Feed], table: dict[str, SpecRow], notes: list[str]) -> list[_Feed]:
    notes.extend(f"{feed.symbol}: left out, no row in symbol_specs" for feed in feeds if feed.symbol not in table)
    return [feed for feed in feeds if feed.symbol in table]


def _largest_overlap(feeds: list[_Feed], notes: list[str]) -> list[_Feed]:
    """The most symbols that share a moment; of equal groups the one with the most ticks.

    Intervals that all overlap in pairs share a point, and that point can be the start of one of them.
    """
    groups = [[feed for feed in feeds if feed.first_ms <= start.first_ms <= feed.last_ms] for start in feeds]
    if not groups:
        return []
    best = max(groups, key=lambda group: (len(group), sum(len(feed.ticks.time_ms) for feed in group)))
    kept = [feed.symbol for feed in best]
    others = f"those of {', '.join(kept)} ({best[0].period})"
    notes.extend(
        f"{feed.symbol}: left out, its ticks ({feed.period}) are of another time than {others}"
        for feed in feeds
        if feed.symbol not in kept
    )
    return best


def _read_ticks(paths: list[Path]) -> TickSeries:
    parts = [_read_tick_file(path) for path in paths]
    for path, before, after in zip(paths[1:], parts, parts[1:], strict=False):
        if after.time_ms[0] < before.time_ms[-1]:
            raise MarketError(f"{path}, row 0: earlier than the end of the file before; split the files by time")
    return TickSeries(
        time_ms=np.concatenate([part.time_ms for part in parts]),
        bid=np.concatenate([part.bid for part in parts]),
        ask=np.concatenate([part.ask for part in parts]),
    )


def _tick_columns(path: Path) -> TickSeries:
    if path.suffix == ".csv":
        return mt5_csv.read_ticks(path)
    _require(path, ("time_msc", "bid", "ask"))
    table = _read_table(path, ("time_msc", "bid", "ask"))
    bid, ask = (_numbers(path, table, name, np.float64) for name in ("bid", "ask"))
    return TickSeries(time_ms=_numbers(path, table, "time_msc", np.int64), bid=bid, ask=ask)


def _read_tick_file(path: Path) -> TickSeries:
    ticks = _tick_columns(path)
    time_ms, bid, ask = ticks.time_ms, ticks.bid, ticks.ask
    if not len(time_ms):
        raise MarketError(f"{path} has no rows; delete the file or record it again")
    _check_time(path, "time_msc", time_ms)
    for name, prices in (("bid", bid), ("ask", ask)):
        _check_price(path, name, prices)
    _refuse(path, bid > ask, lambda row: f"bid {bid[row]} is above ask {ask[row]}; remove or repair the tick")
    return ticks


def _bars_files(folder: Path) -> list[_BarsFile]:
    matches = ((BARS_FILE.fullmatch(path.name), path) for path in sorted(folder.glob("bars_*.parquet")))
    recorded = [
        _BarsFile(match["source"], match["timeframe"], path)
        for match, path in matches
        if match is not None and match["timeframe"] in TIMEFRAME_MS
    ]
    return recorded + [
        _BarsFile(mt5_csv.SOURCE, export.timeframe, export.path, export.symbol)
        for export in mt5_csv.exports(folder)
        if export.timeframe is not None
    ]


def _bars(feed: _Feed, timeframe: str, files: list[_BarsFile], notes: list[str]) -> BarSeries:
    """Recorded bars of the ticks' own source, else finer ones of it put together, else the ticks'.

    Another source's bars are never mixed in: its days may begin at another hour, and nothing in the file says so.
    """
    built = bars_from_ticks(timeframe, feed.ticks)
    length = TIMEFRAME_MS[timeframe]
    own = [file for file in files if file.source == feed.source and file.symbol in (None, feed.symbol)]
    usable = [file for file in own if length % TIMEFRAME_MS[file.timeframe] == 0]
    for name in sorted({file.timeframe for file in usable}, key=lambda name: -TIMEFRAME_MS[name]):
        recorded = _read_bars([file for file in usable if file.timeframe == name], feed)
        if recorded is None or recorded.time_ms[0] > built.time_ms[0]:
            continue
        whole = group_bars(timeframe, recorded.time_ms - recorded.time_ms % length, recorded)
        return join_bars(whole, built)
    notes.append(
        f"{feed.symbol}: no {timeframe} bars of {feed.source} reach its ticks; {len(built)} built from the ticks"
    )
    return built


def _read_bars(files: Iterable[_BarsFile], feed: _Feed) -> BarSeries | None:
    """The symbol's bars that open by its last tick, from all files of one timeframe; None without any."""
    out: BarSeries | None = None
    for file in files:
        part = _read_bar_file(file, feed)
        if len(part):
            out = part if out is None else join_bars(out, part)
    return out


def _bar_columns(file: _BarsFile, feed: _Feed) -> tuple[BarSeries, tuple[str, ...]]:
    """The symbol's bars, and what their prices are called in the file."""
    path = file.path
    if file.symbol is not None:
        return mt5_csv.read_bars(path, file.timeframe), BID_COLUMNS[1]
    names = _require(path, ("symbol", "time"))
    prices = next((columns for columns in BID_COLUMNS if names.issuperset(columns)), None)
    if prices is None:
        raise MarketError(f"{path} has neither the columns bo, bh, bl, bc nor open, high, low, close; add them")
    table = _read_table(path, ("time", *prices), [("symbol", "==", feed.symbol)])
    time_ms = _milliseconds(path, table)
    open_, high, low, close = (_numbers(path, table, name, np.float64) for name in prices)
    whole = BarSeries(timeframe=file.timeframe, time_ms=time_ms, open=open_, high=high, low=low, close=close)
    return whole, prices


def _read_bar_file(file: _BarsFile, feed: _Feed) -> BarSeries:
    path = file.path
    whole, prices = _bar_columns(file, feed)
    time_ms, open_, high, low, close = whole.time_ms, whole.open, whole.high, whole.low, whole.close
    if len(time_ms):
        _check_time(path, "time", time_ms)
    for name, column in zip(prices, (open_, high, low, close), strict=True):
        _check_price(path, name, column)
    outside = (high < np.maximum(open_, close)) | (low > np.minimum(open_, close))
    _refuse(path, outside, lambda _: f"open or close of {feed.symbol} is outside low..high; remove or repair the bar")
    end = int(np.searchsorted(time_ms, feed.last_ms, side="right"))
    return BarSeries(
        timeframe=file.timeframe,
        time_ms=time_ms[:end],
        open=open_[:end],
        high=high[:end],
        low=low[:end],
        close=close[:end],
    )


def _check_time(path: Path, name: str, time_ms: NDArray[np.int64]) -> None:
    odd = (time_ms < YEAR_1990_MS) | (time_ms > YEAR_2200_MS)
    _refuse(path, odd, lambda row: f"{name} {time_ms[row]} is not in milliseconds since 1970; convert the column")
    _refuse(
        path,
        np.diff(time_ms, prepend=time_ms[0]) < 0,
        lambda row: f"{name} {time_ms[row]} is earlier than the row before; sort the file by {name}",
    )


def _check_price(path: Path, name: str, prices: NDArray[np.float64]) -> None:
    bad = ~(np.isfinite(prices) & (prices > 0))
    _refuse(path, bad, lambda row: f"{name} is {prices[row]}, not a positive price; remove or repair the row")


def _refuse(path: Path, bad: NDArray[np.bool_], sentence: Callable[[int], str]) -> None:
    """MarketError for the first row that is bad, if any."""
    if bad.any():
        row = int(np.argmax(bad))
        raise MarketError(f"{path}, row {row}: {sentence(row)}")


def _arrow() -> Any:
    """pyarrow with its Parquet reader, which only the extra `data` installs."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional, and 40 MB that nothing else needs
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise MarketError('Parquet recordings need pyarrow: pip install "lotbridge[data]"') from error
    return pa


def _require(path: Path, columns: tuple[str, ...]) -> set[str]:
    """All column names of a file, which must include those asked for."""
    pa = _arrow()
    names = set(_reading(path, lambda: pa.parquet.read_schema(path).names))
    missing = [name for name in columns if name not in names]
    if missing:
        raise MarketError(
            f"{path} lacks the column {', '.join(missing)}; it has {', '.join(sorted(names))}: rename or add"
        )
    return names


def _read_table(path: Path, columns: tuple[str, ...], filters: list[tuple[str, str, str]] | None = None) -> Any:
    pa = _arrow()
    return _reading(path, lambda: pa.parquet.read_table(path, columns=list(columns), filters=filters))


def _reading(path: Path, read: Callable[[], Any]) -> Any:
    pa = _arrow()
    try:
        return read()
    except (pa.ArrowException, OSError) as error:
        raise MarketError(f"{path} is not a readable Parquet file ({error}); record or download it again") from error


def _numbers(path: Path, table: Any, name: str, kind: type[np.generic]) -> NDArray[Any]:
    """One column as numpy; a missing price reads as NaN, a missing time is refused."""
    pa = _arrow()
    column = table.column(name)
    if kind is np.int64 and column.null_count:
        missing = np.asarray(column.is_null().to_numpy(), dtype=np.bool_)
        _refuse(path, missing, lambda _: f"{name} is missing; remove the row")
    try:
        return np.asarray(column.cast(pa.int64() if kind is np.int64 else pa.float64()).to_numpy(), dtype=kind)
    except pa.ArrowException as error:
        raise MarketError(f"{path}: the column {name} is {column.type}, not numbers ({error}); convert it") from error


def _milliseconds(path: Path, table: Any) -> NDArray[np.int64]:
    """The `time` column of bars. A zone in its type is fine: Arrow stores such times as UTC."""
    pa = _arrow()
    column = table.column("time")
    if not pa.types.is_timestamp(column.type):
        raise MarketError(f"{path}: the column time is {column.type}, not a timestamp; convert it to naive UTC")
    return _numbers(path, table.set_column(0, "time", column.cast(pa.timestamp("ms"), safe=False)), "time", np.int64)
