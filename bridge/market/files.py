"""Recorded markets from files: a folder that `store.save` wrote, or one of Parquet ticks and bars.

A Parquet folder holds

- `ticks_<source>_<SYMBOL>_<dates>.parquet`: time_msc (UTC), bid, ask; sorted, several files of a symbol in name order;
  what cannot stand in a file's name is %XX (`bridge.market.file_names`); or the same in fewer bytes, under the same
  name (`bridge.market.packed`);
- `bars_<source>_<TIMEFRAME>_<anything>.parquet` (optional): symbol, time of opening (naive UTC) and bo, bh, bl, bc or
  open, high, low, close; days may begin at any hour;
- `symbol_specs_<date>.csv`: the broker's figures under MT5's names, with a bid and ask of that date;
- ticks and bars as MetaTrader 5 exports them (`bridge.market.mt5_csv`), beside Parquet files or instead of them.

Nothing is repaired: a file that is wrong is a MarketError naming it, the row (counted from 0) and the fix. What is
right but cannot be used together is left out, and `RecordedMarket.notes` says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bridge.errors import MarketError
from bridge.market import store
from bridge.market.bar_files import BarsFile, Ticks, find_bars, recorded_bars
from bridge.market.recording import (
    TIMEFRAME_MS,
    BarSeries,
    RecordedMarket,
    RecordedSymbol,
    TickSeries,
    bars_from_ticks,
    join_bars,
    with_tick_volume,
)
from bridge.market.spec_table import UnknownRateError, read_spec_table, spec_at
from bridge.market.stored_ticks import joined_ticks, open_in_order
from bridge.market.tick_files import find_ticks, largest_overlap

TIMEFRAMES = ("D1", "H1", "M15")


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
    def count(self) -> int:
        return len(self.ticks.time_ms)


def read_folder(folder: Path, symbols: Sequence[str] | None = None) -> RecordedMarket:
    """The market recorded in a folder; with `symbols`, only those. Raises MarketError."""
    if not folder.is_dir():
        raise MarketError(f"{folder} is not a folder; name the one that holds the recorded ticks")
    if (folder / store.HEADER).is_file():
        return selected(store.load(folder), folder, symbols)
    return _read_parquet(folder, symbols)


def selected(market: RecordedMarket, folder: Path, symbols: Sequence[str] | None) -> RecordedMarket:
    """A saved market, narrowed to some symbols. Raises MarketError where none remains."""
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
    feeds = [_feed(*found, notes) for found in find_ticks(folder, symbols, notes)]
    notes.extend(f"{feed.symbol}: left out, no row in symbol_specs" for feed in feeds if feed.symbol not in table)
    group = largest_overlap([feed for feed in feeds if feed.symbol in table], notes)
    quotes = {feed.symbol: (float(feed.ticks.bid[0]), float(feed.ticks.ask[0])) for feed in group}
    bars_files = find_bars(folder)
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


def _feed(symbol: str, source: str, paths: tuple[Path, ...], notes: list[str]) -> _Feed:
    files = open_in_order(paths)
    notes.extend(note for file in files for note in file.notes)
    return _Feed(symbol, source, joined_ticks(files))


def _bars(feed: _Feed, timeframe: str, files: list[BarsFile], notes: list[str]) -> BarSeries:
    """Recorded bars of the ticks' own source, continued by the ticks', else the ticks'."""
    recorded = recorded_bars(Ticks(feed.symbol, feed.source, feed.first_ms, feed.last_ms), timeframe, files, notes)
    if recorded is not None:
        # Days go on from the hour at which the recorded ones begin.
        since_ms = feed.ticks.time_ms - recorded.time_ms[-1]
        opening_ms = feed.ticks.time_ms - since_ms % TIMEFRAME_MS[timeframe]
        return join_bars(with_tick_volume(recorded), bars_from_ticks(timeframe, feed.ticks, opening_ms))
    built = bars_from_ticks(timeframe, feed.ticks)
    notes.append(
        f"{feed.symbol}: no {timeframe} bars of {feed.source} reach its ticks; {len(built)} built from the ticks"
    )
    return built
