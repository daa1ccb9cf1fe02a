"""Recording step by step. Each step leaves whole files, so that it can be interrupted anywhere and go on later.

The terminal may answer with a part of its history while it loads the rest. So everything that is new is asked for a
second time, and a day of ticks is complete only when both answers were the same (`bridge.record.day`).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MarketError
from bridge.market.broker_zone import BrokerZone, zone_of
from bridge.market.recording import TIMEFRAME_MS, BarSeries, TickSeries
from bridge.record import about, day, files, parquet
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
_SAFE_MS = 3_600_000
"""A day is past an hour after its end: late ticks have come by then."""
_CLOSED_MS = 5 * DAY_MS
"""No market is closed for longer: where bars lack more, not all that was wished for is there."""


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
    """The broker's clock over the year; None: as the folder says, or as measured now."""


Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to watch for live ticks, and how long two answers must be apart to prove a day; seconds."""

    watch_s: float
    apart_s: float


class Recorder:
    """Asks the terminal and writes files. `say` is told of every step."""

    def __init__(self, dialogue: Dialogue, wish: Wish, say: Say, patience: Patience) -> None:
        self._dialogue = dialogue
        self._wish = wish
        self._say = say
        self._patience = patience
        self._zone = wish.zone
        self._now_ms = 0
        self._connected = False
        self._parts: dict[str, str] = {}

    def run(self) -> None:
        """Everything that is wished for and not there yet. Raises MarketError and DialogueError."""
        parquet.arrow()
        kept = about.read(self._wish.folder)
        self._parts = files.symbol_parts(self._wish.folder, self._wish.symbols)
        self._say("Attaching to the terminal ...")
        self._dialogue.attach()
        probe = self._dialogue.ask(AskProbe(), Probe)
        if probe.unknown:
            raise MarketError(f"The broker has no {', '.join(probe.unknown)}; use its own names, suffixes included")
        self._connected = probe.connected
        self._find_zone(kept, probe.server)
        self._specs(probe)
        days = list(self._days())
        open_days: list[tuple[str, int]] = []
        new_bars: list[tuple[str, str]] = []
        for symbol in self._wish.symbols:
            for number, day_ms in enumerate(days, start=1):
                if not self._ticks(symbol, day_ms, f"{number} of {len(days)}"):
                    open_days.append((symbol, day_ms))
            new_bars += [(symbol, timeframe) for timeframe in self._wish.timeframes if self._bars(symbol, timeframe)]
        self._again(open_days, new_bars)
        self._deals(probe.account.login)

    def _find_zone(self, kept: about.About | None, server: str) -> None:
        self._say(f"Watching for live ticks, {self._patience.watch_s:g} s at most: they tell the broker's clock ...")
        offset = self._dialogue.ask(AskOffset(self._patience.watch_s), Offset)
        self._now_ms = now_ms = offset.now_ms
        measured = None if offset.broker_s is None else measured_offset_ms(offset.broker_s * 1000, now_ms)
        found = about.settled(kept, server, self._wish.zone, measured, now_ms, self._say)
        if found != kept:
            about.write(self._wish.folder, found)
        self._zone = zone_of(found.zone)

    def _again(self, open_days: list[tuple[str, int]], new_bars: list[tuple[str, str]]) -> None:
        """A second answer for all that is not proved, some time after the first."""
        past = [each for each in open_days if self._is_past(each[1])]
        proved = self._second_answers(past, new_bars) if past or new_bars else 0
        if left := len(open_days) - proved:
            self._say(f"{left} days hold no ticks or are in progress: the next run asks for them again.")

    def _second_answers(self, past: list[tuple[str, int]], new_bars: list[tuple[str, str]]) -> int:
        """How many days they prove."""
        self._say(f"All that is new once more in {self._patience.apart_s:g} s: the terminal may still be loading.")
        time.sleep(self._patience.apart_s)
        self._connected = self._dialogue.ask(AskProbe(), Probe).connected
        if not self._connected:
            self._say("The terminal is not connected to its broker: what it has proves nothing.")
            return 0
        for symbol, timeframe in new_bars:
            if self._bars(symbol, timeframe):
                self._say("  more than a moment ago: the terminal is still loading; run this again")
        return sum(self._ticks(symbol, day_ms, "once more", again=True) for symbol, day_ms in past)

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

    def _ticks(self, symbol: str, day_ms: int, which: str, *, again: bool = False) -> bool:
        """One day, unless it is complete already. Whether it is complete.

        A run's first answer proves nothing, whatever an earlier run was told: both may be the same part that the
        terminal had kept, and had yet to complete when each run began.
        """
        path = files.ticks_path(self._wish.folder, self._parts[symbol], day_ms)
        if day.is_complete(path):
            self._say(f"{path.name}: complete ({which})")
            return True
        end_ms = day_ms + DAY_MS
        columns = self._dialogue.ask(AskTicks(symbol, self._wall_s(day_ms), self._wall_s(end_ms)), Columns)
        answer = day.Answer(
            ticks=self._ticks_of(columns, day_ms, end_ms),
            now_ms=_time_ms(),
            past=again and self._connected and self._is_past(day_ms),
            apart_ms=round(self._patience.apart_s * 1000),
        )
        outcome = day.take(path, answer)
        self._tell(path, outcome, which)
        return outcome.complete

    def _is_past(self, day_ms: int) -> bool:
        return _time_ms() >= day_ms + DAY_MS + _SAFE_MS

    def _tell(self, path: Path, outcome: day.Outcome, which: str) -> None:
        if not outcome.rows:
            self._say(f"{path.name}: no ticks that day ({which})")
            return
        state = "complete" if outcome.complete else "in progress"
        self._say(f"{path.name}: {outcome.rows:,} ticks, {outcome.added:,} new, {state} ({which})")
        if outcome.unconfirmed:
            self._say(
                f"  {outcome.unconfirmed:,} of them the terminal no longer has, and they are kept; "
                "delete the file to take only what it has now"
            )

    def _ticks_of(self, columns: Columns, from_ms: int, to_ms: int) -> TickSeries:
        time_ms = self._utc_ms(_whole(columns.times))
        bid, ask = (_prices(column) for column in columns.prices)
        kept = (time_ms >= from_ms) & (time_ms < to_ms) & (bid > 0) & (bid <= ask)
        order = np.argsort(time_ms[kept], kind="stable")
        return TickSeries(time_ms=time_ms[kept][order], bid=bid[kept][order], ask=ask[kept][order])

    def _bars(self, symbol: str, timeframe: str) -> bool:
        """All closed bars of the span each time, so that older ones and holes come too. Whether the file has more."""
        path = files.bars_path(self._wish.folder, self._parts[symbol], timeframe)
        from_ms = self._wish.from_ms - self._wish.bars_days * DAY_MS
        question = AskBars(symbol, timeframe, self._wall_s(from_ms), self._wall_s(self._now_ms))
        series = self._bars_of(timeframe, self._dialogue.ask(question, Columns))
        if not len(series):
            self._say(f"{path.name}: the terminal has no bars")
            return False
        held = files.add_bars(path, symbol, series)
        self._say(f"{path.name}: {len(held.time_ms):,} bars, {held.added:,} new")
        if len(holes := np.flatnonzero(np.diff(held.time_ms) > _CLOSED_MS)):
            self._say(f"  {len(holes)} holes of more than five days, the first after {_day(held.time_ms[holes[0]])}")
        if held.time_ms[0] > from_ms + _CLOSED_MS:
            wanted = f"{_day(held.time_ms[0])}, not {_day(from_ms)}"
            self._say(f"  they begin on {wanted}: see Tools > Options > Charts > Max bars in chart")
        return held.added > 0

    def _bars_of(self, timeframe: str, columns: Columns) -> BarSeries:
        """Bars during which the broker's clock went back are left out: they would count as closed before they are."""
        wall_ms = _whole(columns.times) * 1000
        time_ms = self._utc_ms(wall_ms)
        open_, high, low, close = (_prices(column) for column in columns.prices)
        kept = (low > 0) & (low <= np.minimum(open_, close)) & (high >= np.maximum(open_, close))
        kept &= ~self._broker().outlasts(wall_ms, TIMEFRAME_MS[timeframe])
        # Of two bars of one time the later one stays.
        _, firsts = np.unique(time_ms[kept][::-1], return_index=True)
        at = np.flatnonzero(kept)[::-1][firsts]
        return BarSeries(
            timeframe=timeframe,
            time_ms=time_ms[at],
            open=open_[at],
            high=high[at],
            low=low[at],
            close=close[at],
            tick_volume=np.maximum(_whole(columns.ticks), 0)[at],
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


def _time_ms() -> int:
    return time.time_ns() // 1_000_000


def _day(utc_ms: int) -> str:
    return f"{datetime.fromtimestamp(utc_ms / 1000, UTC):%Y-%m-%d}"


def _whole(column: bytes) -> NDArray[np.int64]:
    return np.frombuffer(column, dtype="<i8").astype(np.int64)


def _prices(column: bytes) -> NDArray[np.float64]:
    return np.frombuffer(column, dtype="<f8").astype(np.float64)


def day_ms(text: str) -> int:
    """A day such as 2026-03-04 at its midnight, UTC. Raises ValueError."""
    return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1000)
