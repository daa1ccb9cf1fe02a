"""Recording step by step. Each step leaves whole files, so that it can be interrupted anywhere and go on later."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market.broker_zone import BrokerZone, likely_zone
from bridge.market.recording import TIMEFRAME_MS, BarSeries, TickSeries
from bridge.record import files, parquet
from bridge.terminal.feed_clock import measured_offset_ms
from bridge.terminal.mt5.asks import (
    AskBars,
    AskDeals,
    AskOffset,
    AskProbe,
    AskSpecs,
    AskTicks,
    Columns,
    DealRow,
    Offset,
    Probe,
    SymbolProbe,
)
from bridge.terminal.mt5.dialogue import Dialogue

DAY_MS = 86_400_000
_OVERLAP_BARS = 3
_SAFE_MS = 3_600_000
"""A day is complete an hour after its end: late ticks have come by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to record: ticks of whole UTC days, bars from further back."""

    folder: Path
    symbols: tuple[str, ...]
    from_ms: int
    to_ms: int
    timeframes: tuple[str, ...]
    bars_days: int
    zone: BrokerZone | None = None
    """The broker's clock over the year; None: as measured now."""


Say = Callable[[str], None]


class Recorder:
    """Asks the terminal and writes files. `say` is told of every step."""

    def __init__(self, dialogue: Dialogue, wish: Wish, say: Say, watch_s: float) -> None:
        self._dialogue = dialogue
        self._wish = wish
        self._say = say
        self._watch_s = watch_s
        self._zone = wish.zone
        self._now_ms = 0

    def run(self) -> None:
        """Everything that is wished for and not there yet. Raises MarketError and DialogueError."""
        parquet.arrow()
        for symbol in self._wish.symbols:
            files.demand_plain(symbol)
        self._dialogue.attach()
        probe = self._dialogue.ask(AskProbe(), Probe)
        if probe.unknown:
            raise MarketError(f"The broker has no {', '.join(probe.unknown)}; use its own names, suffixes included")
        self._find_zone()
        self._specs(probe)
        days = list(self._days())
        for symbol in self._wish.symbols:
            for number, day_ms in enumerate(days, start=1):
                self._ticks(symbol, day_ms, f"{number} of {len(days)}")
            for timeframe in self._wish.timeframes:
                self._bars(symbol, timeframe)
        self._deals(probe.account.login)

    def _find_zone(self) -> None:
        offset = self._dialogue.ask(AskOffset(self._watch_s if self._zone is None else 0.0), Offset)
        self._now_ms = offset.now_ms
        if self._zone is not None:
            return
        if offset.broker_s is None:
            text = "No live tick came, so the broker's clock is not known: wait until the market opens, or say --zone"
            raise MarketError(text)
        self._zone = likely_zone(measured_offset_ms(offset.broker_s * 1000, offset.now_ms), offset.now_ms)
        self._say(f"The broker's clock is taken to be {self._zone.name}; --zone says otherwise.")

    def _specs(self, probe: Probe) -> None:
        found = self._dialogue.ask(AskSpecs(list(self._wish.symbols)), list[SymbolProbe])
        silent = [each.name for each in found if each.info is None or each.quote is None]
        if silent:
            raise MarketError(f"{', '.join(silent)}: no figures or no quote yet; open a chart of each once")
        path = files.write_specs(self._wish.folder, found, self._now_ms)
        self._say(f"{path.name}: figures of {len(found)} symbols")
        if probe.account.currency != "USD":
            self._say(f"The account is in {probe.account.currency}; a recording plays in USD.")

    def _days(self) -> Iterator[int]:
        day_ms = self._wish.from_ms // DAY_MS * DAY_MS
        while day_ms < min(self._wish.to_ms, self._now_ms):
            yield day_ms
            day_ms += DAY_MS

    def _ticks(self, symbol: str, day_ms: int, which: str) -> None:
        """One day, unless it is complete already. A day that still runs is read again as a whole next time."""
        path = files.ticks_path(self._wish.folder, symbol, day_ms)
        end_ms = day_ms + DAY_MS
        if parquet.complete_until(path) >= end_ms:
            self._say(f"{path.name}: complete ({which})")
            return
        question = AskTicks(symbol, self._wall_s(day_ms), self._wall_s(end_ms))
        columns = self._dialogue.ask(question, Columns)
        ticks = self._ticks_of(columns, day_ms, end_ms)
        if not len(ticks.time_ms):
            self._say(f"{path.name}: no ticks that day ({which})")
            return
        until_ms = end_ms if self._now_ms >= end_ms + _SAFE_MS else self._now_ms
        files.write_ticks(path, ticks, until_ms)
        self._say(f"{path.name}: {len(ticks.time_ms):,} ticks ({which})")

    def _ticks_of(self, columns: Columns, from_ms: int, to_ms: int) -> TickSeries:
        time_ms = self._utc_ms(_whole(columns.times))
        bid, ask = (_prices(column) for column in columns.prices)
        kept = (time_ms >= from_ms) & (time_ms < to_ms) & (bid > 0) & (bid <= ask)
        order = np.argsort(time_ms[kept], kind="stable")
        return TickSeries(time_ms=time_ms[kept][order], bid=bid[kept][order], ask=ask[kept][order])

    def _bars(self, symbol: str, timeframe: str) -> None:
        """Closed bars since the newest that is there, a few of those again."""
        path = files.bars_path(self._wish.folder, symbol, timeframe)
        newest_ms = files.newest_bar_ms(path)
        from_ms = self._wish.from_ms - self._wish.bars_days * DAY_MS
        if newest_ms is not None:
            from_ms = newest_ms - _OVERLAP_BARS * TIMEFRAME_MS[timeframe]
        question = AskBars(symbol, timeframe, self._wall_s(from_ms), self._wall_s(self._now_ms))
        columns = self._dialogue.ask(question, Columns)
        series = self._bars_of(timeframe, columns)
        if not len(series):
            self._say(f"{path.name}: no new bars")
            return
        self._say(f"{path.name}: {files.add_bars(path, symbol, series):,} bars")

    def _bars_of(self, timeframe: str, columns: Columns) -> BarSeries:
        time_ms = self._utc_ms(_whole(columns.times) * 1000)
        open_, high, low, close = (_prices(column) for column in columns.prices)
        kept = (low > 0) & (low <= np.minimum(open_, close)) & (high >= np.maximum(open_, close))
        # Where clocks go back an hour comes twice; of two bars of one time the later one stays.
        _, firsts = np.unique(time_ms[kept][::-1], return_index=True)
        at = np.flatnonzero(kept)[::-1][firsts]
        return BarSeries(
            timeframe=timeframe, time_ms=time_ms[at], open=open_[at], high=high[at], low=low[at], close=close[at]
        )

    def _deals(self, login: int) -> None:
        rows = self._dialogue.ask(AskDeals(self._wall_s(self._wish.from_ms)), list[DealRow])
        times = self._utc_ms(np.array([row.deal.time_msc for row in rows], dtype=np.int64))
        count = files.add_deals(self._wish.folder, login, rows, times)
        self._say(f"deals of {login}: {count:,}")

    def _utc_ms(self, wall_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._broker().utc_ms(wall_ms)

    def _wall_s(self, utc_ms: int) -> int:
        return self._broker().wall_ms(utc_ms) // 1000

    def _broker(self) -> BrokerZone:
        if self._zone is None:  # pragma: no cover - found before anything is asked
            raise AssertionError
        return self._zone


def _whole(column: bytes) -> NDArray[np.int64]:
    return np.frombuffer(column, dtype="<i8").astype(np.int64)


def _prices(column: bytes) -> NDArray[np.float64]:
    return np.frombuffer(column, dtype="<f8").astype(np.float64)


def day_ms(text: str) -> int:
    """A day such as 2026-03-04 at its midnight, UTC. Raises ValueError."""
    return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1000)
