"""Which files of a folder hold whose ticks, and which symbols can be played together."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from bridge.errors import MarketError
from bridge.market import file_names, mt5_csv, store

TICKS_FILE = re.compile(r"ticks_(?P<source>[^_]+)_(?P<symbol>.+)_(?P<dates>[\d-]+)\.parquet")

GENERATED = "generated"
"""The source of ticks that no market made."""


class TickFiles(NamedTuple):
    """The ticks of one symbol from one source, in the order of their files' names."""

    symbol: str
    source: str
    paths: tuple[Path, ...]


class Feed(Protocol):
    """Ticks of one symbol: when, and how many."""

    @property
    def symbol(self) -> str: ...

    @property
    def first_ms(self) -> int: ...

    @property
    def last_ms(self) -> int: ...

    @property
    def count(self) -> int: ...


AnyFeed = TypeVar("AnyFeed", bound=Feed)


def find_ticks(folder: Path, symbols: Sequence[str] | None, notes: list[str]) -> list[TickFiles]:
    """Tick files by symbol; with `symbols`, of those. Of two sources of one symbol the first by name is taken.

    `notes` gets what is left out and why. Raises MarketError.
    """
    found = _by_symbol(folder)
    wanted = list(found) if symbols is None else list(dict.fromkeys(symbols))
    notes.extend(f"{name}: left out, no tick file in {folder}" for name in wanted if name not in found)
    taken = []
    for name in wanted:
        for index, (source, paths) in enumerate(found.get(name, {}).items()):
            if index == 0:
                taken.append(TickFiles(name, source, tuple(paths)))
            else:
                notes.append(f"{name}: ticks of {source} left out, one source per symbol is read")
    return taken


def _by_symbol(folder: Path) -> dict[str, dict[str, list[Path]]]:
    found: dict[str, dict[str, list[Path]]] = {}
    for path in sorted(folder.glob("ticks_*.parquet")):
        match = TICKS_FILE.fullmatch(path.name)
        if match is None:
            raise MarketError(f"{path}: the name is not ticks_<source>_<SYMBOL>_<dates>.parquet; rename the file")
        symbol = file_names.decoded(match["symbol"])
        found.setdefault(symbol, {}).setdefault(match["source"], []).append(path)
    for export in mt5_csv.exports(folder):
        if export.timeframe is None:
            found.setdefault(export.symbol, {}).setdefault(mt5_csv.SOURCE, []).append(export.path)
    if not found:
        raise MarketError(
            f"{folder} has no ticks_<source>_<SYMBOL>_<dates>.parquet, no exported ticks and no {store.HEADER}; "
            "name another"
        )
    return found


def largest_overlap(feeds: list[AnyFeed], notes: list[str]) -> list[AnyFeed]:
    """The most symbols that share a moment; of equal groups the one with the most ticks.

    Intervals that all overlap in pairs share a point, and that point can be the start of one of them.
    """
    groups = [[feed for feed in feeds if feed.first_ms <= start.first_ms <= feed.last_ms] for start in feeds]
    if not groups:
        return []
    best = max(groups, key=lambda group: (len(group), sum(feed.count for feed in group)))
    kept = [feed.symbol for feed in best]
    others = f"those of {', '.join(kept)} ({_period(best[0])})"
    notes.extend(
        f"{feed.symbol}: left out, its ticks ({_period(feed)}) are of another time than {others}"
        for feed in feeds
        if feed.symbol not in kept
    )
    return best


def _period(feed: Feed) -> str:
    first, last = (datetime.fromtimestamp(ms / 1000, UTC).date() for ms in (feed.first_ms, feed.last_ms))
    return f"{first}..{last}"
