"""Generated ticks to measure with: one symbol like EURUSD, made once and kept in the user's cache folder.

Nothing here is recorded. What matters is that it costs what real ticks cost: bursts and silences over a day's hours,
steps of a few points, a spread that is mostly the same and wide around the change of the day.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market.packed import FORMAT, PackedFile, PackedWriter
from bridge.market.recording import TickSeries
from bridge.market.tick_files import GENERATED

VERSION = 1
"""Raise it when the same seed gives other ticks, so that caches are not mistaken for them."""

SYMBOL, DIGITS = "EURUSD", 5
START = datetime(2024, 1, 7, 22, tzinfo=UTC)
"""A Sunday. From here the market is open for five whole days, then closed for two."""

_FIRST_BID, _LEAST_BID = 110_000, 10_000
"""Points."""
_DAY_MS = 86_400_000
_SLOTS_PER_HOUR = 12
# Ticks by the hour, from 22:00 UTC: the change of the day, Asia, London, New York.
_HOURS = (
    *(0.15, 0.35, 0.45, 0.55, 0.55, 0.50, 0.45, 0.45, 0.55, 1.10, 1.80, 1.70),
    *(1.40, 1.20, 1.30, 1.80, 2.20, 2.10, 1.70, 1.20, 0.80, 0.60, 0.45, 0.30),
)
_SPREADS = (28,) + (9,) * 23
"""By the hour, in points."""
_SPECS = f"""\
name,currency_base,currency_profit,currency_margin,digits,point,trade_tick_size,trade_tick_value,\
trade_contract_size,volume_min,volume_max,volume_step,bid,ask,swap_long,swap_short
{SYMBOL},EUR,USD,EUR,{DIGITS},0.00001,0.00001,1,100000,0.01,100,0.01,1.1,1.10009,-6.9,3.1
"""
# How many of 256 ticks move the bid by so many points, and have a spread so far from the hour's.
_UP = {1: 47, 2: 33, 3: 13, 4: 3, 5: 2, 9: 1}
_STEPS = {0: 58, **_UP, **{-points: of for points, of in _UP.items()}}
_SPREAD_STEPS = {-2: 22, -1: 46, 0: 96, 1: 52, 2: 24, 3: 10, 5: 4, 9: 2}


def cached(count: int = 10_000_000, days: int = 100, seed: int = 7, cache: Path | None = None) -> Path:
    """The folder that holds what `generate` gives, packed and playable; made if it is not there. Raises MarketError."""
    root = platformdirs.user_cache_path("lotbridge") if cache is None else cache
    folder = root / f"generated-{VERSION}.{FORMAT}-{count}-ticks-{days}-days-seed{seed}"
    path = folder / f"ticks_{GENERATED}_{SYMBOL}_{START:%Y%m%d}.parquet"
    if _whole(path, count):
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "symbol_specs_2024-01-07.csv").write_text(_SPECS, encoding="ascii", newline="\n")
    except OSError as fault:
        raise MarketError(f"{folder} cannot be written: {fault.strerror or fault}; free the disk") from fault
    with PackedWriter(path, SYMBOL, DIGITS) as writer:
        for part in generate_days(count, days, seed):
            writer.write(part)
    return folder


def _whole(path: Path, count: int) -> bool:
    if not path.is_file():
        return False
    try:
        with PackedFile(path) as file:
            return file.rows == count
    except MarketError:
        return False


def generate(count: int = 10_000_000, days: int = 100, seed: int = 7) -> TickSeries:
    """So many ticks over so many days of trading, five to a week. The same arguments give the same ticks."""
    parts = list(generate_days(count, days, seed))
    return TickSeries(
        time_ms=np.concatenate([part.time_ms for part in parts]),
        bid=np.concatenate([part.bid for part in parts]),
        ask=np.concatenate([part.ask for part in parts]),
    )


def generate_days(count: int, days: int, seed: int) -> Iterator[TickSeries]:
    """What `generate` gives, day of trading by day: never more than a day of it is held."""
    rng = np.random.default_rng(seed)
    activity = np.exp(rng.normal(0.0, 0.25, days))
    ends = np.rint(np.cumsum(activity) / activity.sum() * count).astype(np.int64)
    first = int(START.timestamp() * 1000)
    bid = _FIRST_BID
    for day, size in enumerate(np.diff(ends, prepend=0).tolist()):
        within = _times(rng, size)
        bids = np.maximum(bid + np.cumsum(_drawn(rng, _STEPS, size)), _LEAST_BID)
        bid = int(bids[-1]) if size else bid
        usual = np.repeat(_SPREADS, np.diff(np.searchsorted(within, np.arange(25) * 3_600_000)))
        asks = bids + usual + _drawn(rng, _SPREAD_STEPS, size)
        yield TickSeries(
            time_ms=within + (first + (day + day // 5 * 2) * _DAY_MS), bid=bids / 10.0**DIGITS, ask=asks / 10.0**DIGITS
        )


def _times(rng: np.random.Generator, size: int) -> NDArray[np.int64]:
    """Sorted milliseconds of a day. Squares of normals as gaps: many ticks together, then silence."""
    slots = np.repeat(_HOURS, _SLOTS_PER_HOUR)
    busy = np.cumsum(slots * np.exp(rng.normal(0.0, 0.5, len(slots))))
    passed = np.cumsum(np.square(rng.standard_normal(size + 1, dtype=np.float32)), dtype=np.float64)
    share = passed[:-1] * (busy[-1] / passed[-1])
    edges = np.arange(len(slots) + 1) * (_DAY_MS / len(slots))
    moments: NDArray[np.int64] = np.interp(share, np.append(0.0, busy), edges).astype(np.int64)
    moments[moments >= _DAY_MS] = _DAY_MS - 1
    return moments


def _drawn(rng: np.random.Generator, of_256: dict[int, int], size: int) -> NDArray[np.int64]:
    table = np.repeat(np.array(list(of_256), dtype=np.int64), list(of_256.values()))
    return table[rng.integers(0, len(table), size, dtype=np.uint8)]
