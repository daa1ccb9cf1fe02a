"""Bars whose figures can be worked out by hand, and files and journals made of them."""

import sqlite3
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec
import numpy as np

from bridge.journal.records import Changes, Entry
from bridge.journal.store import Journal
from bridge.market.recording import BarSeries
from bridge.report.sources import Source
from bridge.settings import AccountSettings, defaults_folder, load
from sizing.audit import Forecast, Outcome

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
EJTRADER = DATA / "bars_ejtrader_D1_2012-2022.parquet"
ABSENT = f"the recorded data is not at {DATA}"

DAY_MS = 86_400_000
STEP = 1.01
"""What each close is to the one before, up and down in turn: the volatility is its logarithm, always."""
GAP_PCT = 4.0
START_MS = 1_577_923_200_000
"""2020-01-02, a Thursday."""


def zigzag(days: int = 330, gaps: Collection[int] = (), start: float = 1.0) -> BarSeries:
    """Bars that close 1 % higher and 1 % lower in turn, every day of the week.

    They open at the close before, but on the days `gaps` (odd numbers: falling ones) 4 % below it.
    """
    close = start * STEP ** ((np.arange(days) + 1) % 2)
    before = np.concatenate(([start], close[:-1]))
    open_ = before.copy()
    open_[list(gaps)] *= 1 - GAP_PCT / 100
    return BarSeries(
        timeframe="D1",
        time_ms=START_MS + np.arange(days) * DAY_MS,
        open=open_,
        high=np.maximum(before, close),
        low=np.minimum(np.minimum(open_, close), before),
        close=close,
    )


def wander(seed: int, days: int = 400, start: float = 1.0, like: BarSeries | None = None) -> BarSeries:
    """Bars of a random walk of 1 % a day; `like` another one, half its steps are that one's."""
    rng = np.random.default_rng(seed)
    steps = 0.01 * rng.standard_normal(days)
    if like is not None:
        steps = (steps + np.diff(np.log(like.close), prepend=np.log(like.open[0]))) / 2
    close = start * np.exp(np.cumsum(steps))
    open_ = np.concatenate(([start], close[:-1]))
    return BarSeries(
        timeframe="D1",
        time_ms=START_MS + np.arange(days) * DAY_MS,
        open=open_,
        high=np.maximum(open_, close) * 1.002,
        low=np.minimum(open_, close) * 0.998,
        close=close,
    )


def account() -> AccountSettings:
    """What `lotbridge init` writes."""
    return load(defaults_folder()).accounts[0]


def source(**bars: BarSeries) -> Source:
    """Bars by symbol, from a file that was never written."""
    return Source("made by hand", bars, account())


def write_csv(path: Path, **bars: BarSeries) -> Path:
    """The bars as a CSV, to the digit."""
    lines = ["symbol,time,open,high,low,close"]
    for name, series in bars.items():
        days = series.time_ms.astype("datetime64[ms]").astype("datetime64[D]")
        prices = zip(*(getattr(series, column).tolist() for column in ("open", "high", "low", "close")), strict=True)
        lines += [f"{name},{day},{','.join(map(repr, row))}" for day, row in zip(days, prices, strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def outcome(day: int, loss: float, symbol: str = "EURUSD", number: int = 0, shortfall: float = 110.0) -> Outcome:
    """What became of a forecast of 100 at risk."""
    return Outcome(f"d{number or day}", symbol, START_MS + day * DAY_MS, loss, 100.0, shortfall)


def forecast(number: int, symbol: str = "EURUSD") -> Forecast:
    """A forecast under the name of a decision."""
    return Forecast(
        f"d{number}",
        f"r{number}",
        symbol,
        "buy",
        START_MS,
        1_440,
        1.1,
        1.09,
        0.0,
        1e5,
        0.0,
        100.0,
        110.0,
    )


def write_journal(path: Path, *changes: tuple[int, Changes], unfolded: Sequence[tuple[int, Changes]] = ()) -> Path:
    """A journal that its daemon has folded but for the newest entries, as one that was killed leaves it."""
    journal = Journal(path)
    for fold, part in ((True, changes), (False, unfolded)):
        for login, change in part:
            body = msgspec.msgpack.encode(change)
            journal.append(
                Entry(seq=journal.next_seq, account=login, id=None, type="event", at_ms=START_MS, changes=body)
            )
        if fold:
            journal.fold()
    tail = path.with_name(path.name + "-tail").read_bytes()
    journal.close()
    if unfolded:
        _unfold(path, len(unfolded), tail)
    return path


def _unfold(path: Path, count: int, tail: bytes) -> None:
    """Take what closing the journal has folded out of the database again, and put its tail back."""
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM entries WHERE seq > (SELECT max(seq) FROM entries) - ?", (count,))
    db.close()
    path.with_name(path.name + "-tail").write_bytes(tail)
