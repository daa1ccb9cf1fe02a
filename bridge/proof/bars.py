"""The bars that the proof draws its days from: daily ones of the sample market or of a file, and hourly where finer."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market.recording import TIMEFRAME_MS, BarSeries, group_bars
from bridge.market.store import sample_market
from bridge.proof.days import day_openings
from bridge.report.bars_csv import read_csv
from bridge.report.bars_file import SUFFIXES, read_bars
from bridge.report.bars_parquet import read_parquet
from sizing.snapshot import Floats

HOUR_MS, DAY_MS = TIMEFRAME_MS["H1"], TIMEFRAME_MS["D1"]
_UNNAMED = "EURUSD"


class SymbolBars(NamedTuple):
    """One symbol's history. `hourly` is None where only days are known."""

    daily: BarSeries
    hourly: BarSeries | None = None


def sample_bars() -> dict[str, SymbolBars]:
    """The sample market's daily bars."""
    return {name: SymbolBars(each.bars["D1"]) for name, each in sample_market().symbols.items()}


def file_bars(path: Path) -> dict[str, SymbolBars]:
    """Each symbol's bars, daily or finer; of a file that names no symbol its name's start. Raises MarketError."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return {name: SymbolBars(bars) for name, bars in read_bars(path, _UNNAMED).items()}
    columns = read_csv(path) if path.suffix.lower() == ".csv" else read_parquet(path)
    unnamed = path.stem.partition("_")[0] or _UNNAMED
    names = np.array(columns.symbols if columns.symbols is not None else [unnamed] * len(columns.time_ms))
    if not len(names) or _median_step(columns.time_ms, names) >= DAY_MS // 2:
        return {name: SymbolBars(bars) for name, bars in read_bars(path, unnamed).items()}
    return {
        str(name): _finer(
            path, str(name), columns.time_ms[names == name], [each[names == name] for each in columns.prices]
        )
        for name in dict.fromkeys(names.tolist())
    }


def _median_step(time_ms: NDArray[np.int64], names: NDArray[np.str_]) -> float:
    first = time_ms[names == names[0]]
    return float(np.median(np.diff(first))) if len(first) > 1 else float(DAY_MS)


def _finer(path: Path, name: str, time_ms: NDArray[np.int64], prices: list[Floats]) -> SymbolBars:
    """Bars finer than a day as hours, and as the broker's days: those that begin at 17:00 New York."""
    open_, high, low, close = prices
    whole = np.isfinite(prices).all() and (low > 0).all()
    if (
        not whole
        or (np.diff(time_ms) <= 0).any()
        or (high < np.maximum(open_, close)).any()
        or (low > np.minimum(open_, close)).any()
    ):
        raise MarketError(
            f"{path}: bars of {name} are not in order, or open and close are outside low..high; repair it"
        )
    rows = BarSeries(timeframe="M1", time_ms=time_ms, open=open_, high=high, low=low, close=close)
    hourly = group_bars("H1", time_ms - time_ms % HOUR_MS, rows)
    return SymbolBars(group_bars("D1", day_openings(hourly.time_ms), hourly), hourly)
