"""One symbol's ticks of one UTC day, as a file that only ever grows, and that is complete once that is proved.

The terminal may answer with a part of a day while it still loads the rest, and nothing in the answer says so. So a day
is complete when it is past and two answers of one run, some time apart, were the same. Until then it is in progress,
and asked for again.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bridge.market.recording import TickSeries
from bridge.record import parquet

COMPLETE = b"lotbridge.complete"
"""Metadata of a tick file: 1 if its day is proved to be whole, else 0."""
SINCE = b"lotbridge.since_ms"
"""Metadata of a tick file: when the terminal first answered just what it holds (UTC, milliseconds)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the terminal has of a day now, and what that can prove."""

    ticks: TickSeries
    now_ms: int
    past: bool
    """The day had ended long enough ago, the terminal was connected, and this run had asked for it before."""
    apart_ms: int
    """How long two equal answers must be apart to prove the day."""


class Outcome(NamedTuple):
    """What a file holds after an answer."""

    rows: int
    added: int
    unconfirmed: int
    """Ticks that the file holds and the answer lacked."""
    complete: bool


def is_complete(path: Path) -> bool:
    """Whether a day needs to be asked for no more. Raises MarketError."""
    return parquet.metadata(path).get(COMPLETE) == b"1"


def take(path: Path, answer: Answer) -> Outcome:
    """Put an answer into a day's file. Nothing that it held is lost. Raises MarketError."""
    old, new = _read(path), answer.ticks
    if old is None:
        if len(new.time_ms):
            _write(path, new, answer.now_ms, complete=False)
        return Outcome(len(new.time_ms), len(new.time_ms), 0, complete=False)
    whole = merged(old, new)
    same = _equal(old, new)
    since_ms = _since_ms(path) if same else answer.now_ms
    complete = same and answer.past and answer.now_ms - since_ms >= answer.apart_ms
    if complete or not same:
        _write(path, whole, since_ms, complete=complete)
    rows = len(whole.time_ms)
    return Outcome(rows, rows - len(old.time_ms), rows - len(new.time_ms), complete)


def merged(old: TickSeries, new: TickSeries) -> TickSeries:
    """Of each millisecond the ticks of the series that has more of them; of equally many the new ones."""
    both = np.concatenate([old.time_ms, new.time_ms])
    times, places = np.unique(both, return_inverse=True)
    old_places, new_places = places[: len(old.time_ms)], places[len(old.time_ms) :]
    counts = [np.bincount(each, minlength=len(times)) for each in (old_places, new_places)]
    newer = counts[1] >= counts[0]
    stays = np.flatnonzero(np.concatenate([~newer[old_places], newer[new_places]]))
    order = stays[np.argsort(both[stays], kind="stable")]
    return TickSeries(
        time_ms=both[order],
        bid=np.concatenate([old.bid, new.bid])[order],
        ask=np.concatenate([old.ask, new.ask])[order],
    )


def _read(path: Path) -> TickSeries | None:
    columns = parquet.read(path)
    if columns is None:
        return None
    time_ms, bid, ask = (np.asarray(columns[name].to_numpy()) for name in ("time_msc", "bid", "ask"))
    return TickSeries(time_ms=time_ms, bid=bid, ask=ask)


def _write(path: Path, ticks: TickSeries, since_ms: int, *, complete: bool) -> None:
    columns = {"time_msc": ticks.time_ms, "bid": ticks.bid, "ask": ticks.ask}
    parquet.write(path, columns, {COMPLETE: b"1" if complete else b"0", SINCE: str(since_ms).encode()})


def _since_ms(path: Path) -> int:
    return int(parquet.metadata(path).get(SINCE, b"0"))


def _equal(one: TickSeries, other: TickSeries) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("time_ms", "bid", "ask"))
