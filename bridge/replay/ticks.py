"""Recorded ticks of several symbols as a stream of whole days, with no more in memory than a span needs.

`open_source` reads the folders that `bridge.market.files` reads, by its rules, and those of `lotbridge pack`. What is
held at a time: the span that was given out, and of each symbol the ticks of the next days as far as they are read, in
all about twice `SPAN_TICKS`; exported text, and markets that the sample's format stores, are held whole.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from bridge.errors import MarketError
from bridge.market import mt5_csv, store
from bridge.market.bar_files import BarsFile, Ticks, find_bars, recorded_bars
from bridge.market.files import TIMEFRAMES, selected
from bridge.market.packed import ROWS, cut, empty
from bridge.market.recording import BarSeries, RecordedMarket, TickSeries
from bridge.market.spec_table import UnknownRateError, read_spec_table, spec_at
from bridge.market.stored_ticks import HeldTicks, Piece, StoredTicks, open_in_order
from bridge.market.tick_files import GENERATED, find_ticks, largest_overlap
from sizing.snapshot import Quote, SymbolSpec

SPAN_TICKS = 1_000_000
"""Ticks of a span, of all symbols together; a single day may have more."""
DAY_MS = 86_400_000


class Span(NamedTuple):
    """All ticks of some whole UTC days, [start_ms, end_ms). A symbol without ticks in them is absent."""

    start_ms: int
    end_ms: int
    ticks: dict[str, TickSeries]


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolHistory:
    """What is known of a symbol beside its ticks."""

    spec: SymbolSpec
    commission_per_lot: float
    bars: dict[str, BarSeries]
    """Recorded ones by timeframe, up to the last tick; those that only ticks can give are missing."""
    first_quote: Quote


class TickSource(Protocol):
    """A recording that can be played from any day on, as often as wanted."""

    @property
    def name(self) -> str: ...

    @property
    def synthetic(self) -> bool: ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, and why: one sentence each."""

    @property
    def symbols(self) -> dict[str, SymbolHistory]: ...

    @property
    def start_ms(self) -> int:
        """The first tick of any symbol, UTC ms."""

    @property
    def end_ms(self) -> int:
        """The last tick of any symbol, UTC ms."""

    @property
    def count(self) -> int:
        """Ticks of all symbols."""

    def spans(self, from_ms: int = 0) -> Iterator[Span]:
        """Spans one after another, days without any tick left out; the first begins with the day of `from_ms`.

        Ticks of a symbol are in the order of its file. Raises MarketError where a row is reached that is wrong.
        """


def open_source(folder: Path, symbols: Sequence[str] | None = None) -> TickSource:
    """A folder of recorded or packed ticks, or one that `store.save` wrote; with `symbols`, only those.

    Raises MarketError naming the file, the row and the fix.
    """
    if not folder.is_dir():
        raise MarketError(f"{folder} is not a folder; name the one that holds the recorded ticks")
    if (folder / store.HEADER).is_file():
        return source_of(selected(store.load(folder), folder, symbols))
    return _open_files(folder, symbols)


def source_of(market: RecordedMarket) -> TickSource:
    """A market that is held in memory."""
    feeds = {name: _Feed(name, "", [HeldTicks(Path(name), symbol.ticks)]) for name, symbol in market.symbols.items()}
    histories = {
        name: SymbolHistory(
            spec=symbol.spec,
            commission_per_lot=symbol.commission_per_lot,
            bars=symbol.bars,
            first_quote=feeds[name].first,
        )
        for name, symbol in market.symbols.items()
    }
    return _Source(
        name=market.name, synthetic=market.synthetic, notes=market.notes, symbols=histories, feeds=tuple(feeds.values())
    )


@dataclass(frozen=True, slots=True)
class _Feed:
    """The ticks of one symbol, in files that follow each other."""

    symbol: str
    source: str
    files: list[StoredTicks]

    @property
    def first(self) -> Quote:
        return self.files[0].first

    @property
    def first_ms(self) -> int:
        return self.first.time_ms

    @property
    def last_ms(self) -> int:
        return self.files[-1].last_ms

    @property
    def count(self) -> int:
        return sum(file.rows for file in self.files)

    def pieces(self, from_ms: int) -> Generator[Piece, None, None]:
        for file in self.files:
            if file.last_ms >= from_ms:
                yield from file.pieces(from_ms)


def _open_files(folder: Path, symbols: Sequence[str] | None) -> TickSource:
    notes: list[str] = []
    table = read_spec_table(folder)
    found = find_ticks(folder, symbols, notes)
    feeds = [_Feed(files.symbol, files.source, open_in_order(files.paths)) for files in found if files.symbol in table]
    notes.extend(note for feed in feeds for file in feed.files for note in file.notes)
    notes.extend(f"{files.symbol}: left out, no row in symbol_specs" for files in found if files.symbol not in table)
    group = largest_overlap(feeds, notes)
    quotes = {feed.symbol: (feed.first.bid, feed.first.ask) for feed in group}
    bars_files = find_bars(folder)
    kept: list[_Feed] = []
    histories: dict[str, SymbolHistory] = {}
    for feed in group:
        try:
            spec = spec_at(table, feed.symbol, quotes)
        except UnknownRateError as error:
            notes.append(f"{feed.symbol}: left out, {error}")
            continue
        bars = _bars(feed, bars_files, notes)
        kept.append(feed)
        histories[feed.symbol] = SymbolHistory(spec=spec, commission_per_lot=0.0, bars=bars, first_quote=feed.first)
        if feed.source == mt5_csv.SOURCE and isinstance(feed.files[0], HeldTicks):
            notes.append(f"{feed.symbol}: its exported text is held in memory whole; `lotbridge pack` makes it stream")
    if not kept:
        raise MarketError(f"{folder} has no symbol that can be replayed: {'; '.join(notes)}")
    return _Source(
        name=f"recording {folder.name}",
        synthetic=any(feed.source == GENERATED for feed in kept),
        notes=tuple(notes),
        symbols=histories,
        feeds=tuple(kept),
    )


def _bars(feed: _Feed, files: list[BarsFile], notes: list[str]) -> dict[str, BarSeries]:
    ticks = Ticks(feed.symbol, feed.source, feed.first_ms, feed.last_ms)
    bars = {}
    for timeframe in TIMEFRAMES:
        recorded = recorded_bars(ticks, timeframe, files, notes)
        if recorded is None:
            notes.append(f"{feed.symbol}: no {timeframe} bars of {feed.source} reach its ticks; built from the ticks")
        else:
            bars[timeframe] = recorded
    return bars


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    name: str
    synthetic: bool
    notes: tuple[str, ...]
    symbols: dict[str, SymbolHistory]
    feeds: tuple[_Feed, ...]

    @property
    def start_ms(self) -> int:
        return min(feed.first_ms for feed in self.feeds)

    @property
    def end_ms(self) -> int:
        return max(feed.last_ms for feed in self.feeds)

    @property
    def count(self) -> int:
        return sum(feed.count for feed in self.feeds)

    def spans(self, from_ms: int = 0) -> Iterator[Span]:
        start_ms = _day(max(from_ms, self.start_ms))
        with ExitStack() as stack:
            share = SPAN_TICKS // len(self.feeds) + 2 * ROWS
            shelves = [
                _Shelf(feed.symbol, stack.enter_context(closing(feed.pieces(start_ms))), share) for feed in self.feeds
            ]
            while (end_ms := _fill(shelves, start_ms)) is not None:
                taken = {shelf.symbol: shelf.take(end_ms) for shelf in shelves}
                ticks = {name: series for name, series in taken.items() if len(series.time_ms)}
                if ticks:
                    yield Span(start_ms, end_ms, ticks)
                start_ms = end_ms


class _Shelf:
    """The ticks of one symbol that were read and not yet given out."""

    def __init__(self, symbol: str, pieces: Iterator[Piece], size: int) -> None:
        """`size`: ticks to make room for at once."""
        self.symbol = symbol
        self._size = size
        self.ended = False
        self.held = 0
        self._pieces = pieces
        self._columns = empty(0)

    @property
    def first_ms(self) -> int:
        """With at least one tick held."""
        return int(self._columns.time_ms[0])

    @property
    def last_ms(self) -> int:
        """-1 before the first tick."""
        return int(self._columns.time_ms[self.held - 1]) if self.held else -1

    def pull(self) -> None:
        """Read the next piece, or find that there is none."""
        piece = next(self._pieces, None)
        if piece is None:
            self.ended = True
            return
        end = self.held + piece.rows
        if end > len(self._columns.time_ms):
            self._columns = _copied(cut(self._columns, 0, self.held), max(self._size, end + self.held))
        piece.read(cut(self._columns, self.held, end))
        self.held = end

    def take(self, end_ms: int) -> TickSeries:
        """The ticks before `end_ms`. The columns given out are never written again."""
        end = int(np.searchsorted(self._columns.time_ms[: self.held], end_ms))
        taken = cut(self._columns, 0, end)
        # A copy of what is left: a view would keep the whole columns in memory after the span is done with.
        self._columns = _copied(cut(self._columns, end, self.held), self.held - end)
        self.held -= end
        return taken


def _copied(ticks: TickSeries, size: int) -> TickSeries:
    """The ticks at the head of new columns."""
    larger = empty(size)
    for name in ("time_ms", "bid", "ask"):
        column = getattr(ticks, name)
        getattr(larger, name)[: len(column)] = column
    return larger


def _fill(shelves: list[_Shelf], start_ms: int) -> int | None:
    """Read until there is a span, and where it ends; None where no tick is left.

    Every symbol is complete up to the day of the last tick that was read of it, so the one that lags is read on.
    What was read from before the start counts for nothing: spans end where they would have without stopping there.
    """
    while True:
        for shelf in shelves:
            if shelf.held and shelf.first_ms < start_ms:
                shelf.take(start_ms)
        reading = [shelf for shelf in shelves if not shelf.ended]
        filled = [shelf for shelf in shelves if shelf.held]
        if not reading:
            return _day(max(shelf.last_ms for shelf in filled)) + DAY_MS if filled else None
        lagging = min(reading, key=lambda shelf: shelf.last_ms)
        end_ms = _day(lagging.last_ms)
        if (
            sum(shelf.held for shelf in filled) >= SPAN_TICKS - ROWS
            and end_ms > start_ms
            and min(shelf.first_ms for shelf in filled) < end_ms
        ):
            return end_ms
        lagging.pull()


def _day(moment_ms: int) -> int:
    return moment_ms - moment_ms % DAY_MS
