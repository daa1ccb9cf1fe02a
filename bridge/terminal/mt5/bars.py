"""Bars at their close. Bar 0 is unfinished: it tells that the one before has closed, and is thrown away."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from bridge.market.recording import TIMEFRAME_MS
from bridge.protocol.messages import BarsInfo, RateInfo
from bridge.terminal.mt5.calls import HISTORY_SILENCE_S, Calls
from bridge.terminal.mt5.records import rates_of

Timeframe = Literal["M1", "M5", "M15", "M30", "H1", "H4", "D1"]
FIRST = 1_500
"""Bars that are asked for at first; the terminal may have fewer, or not have loaded them yet."""
PIECE = 500
PIECES_PER_ROUND = 4
"""What one round sends at most: the daemon has other accounts to look after."""
_LAST = 3
"""Bars that are looked at again with each new one: the one before may have been mended."""
BUDGET_S = 0.25
"""When this much of a round has gone into history, the other series wait for the next round: quotes must not."""
_CONFIRM_S = 10.0
_RETRY_S = (0.3, 1.0, 2.0, 5.0, 15.0, 60.0)
_BEHIND_S = 5.0
"""The longest wait for a bar whose first tick has come already."""
_PARTIAL_TRIES = 5
_NEVER = float("inf")


@dataclass(slots=True)
class _Series:
    """How far one symbol's bars of one timeframe are known. Bars' times are broker seconds."""

    opened_s: int = 0
    """When the unfinished bar opened, as last seen."""
    known: dict[int, RateInfo] = field(default_factory=dict)
    """What was queued, by its time, oldest first."""
    partial: int = 0
    """How often to ask again for a history that came short."""
    failures: int = 0
    again_s: float = 0.0
    """When to look again though no bar has closed, by the computer's clock."""
    waiting: list[RateInfo] = field(default_factory=list)

    def take(self, bars: list[RateInfo]) -> None:
        """Queue what is new or has changed, wherever in the series it stands: history is loaded in any order."""
        fresh = [bar for bar in bars if self.known.get(bar.time) != bar]
        self.waiting += fresh
        self.known.update((bar.time, bar) for bar in fresh)
        if len(self.known) > 2 * FIRST:
            newest = sorted(self.known)[-FIRST:]
            self.known = {time_s: self.known[time_s] for time_s in newest}


class Bars:
    """Decides when to ask for which bars. `now` is a monotonic clock."""

    def __init__(self, calls: Calls, timeframes: Iterable[str], now: Callable[[], float] = time.monotonic) -> None:
        self._calls = calls
        self._timeframes = tuple(timeframes)
        self._now = now
        self._series: dict[tuple[str, str], _Series] = {}
        self._turn = 0

    def closed(self, ticks_s: Mapping[str, int]) -> list[list[BarsInfo]]:
        """Bars that have closed, in pieces. `ticks_s` is the time of each watched symbol's last tick, 0 without one.

        A bar opens with its first tick, so a tick beyond the end of the unfinished bar is when to ask. A round that has
        spent its time or its pieces ends, and the next one goes on with the series that it came to.
        """
        keys = [(symbol, timeframe) for timeframe in self._timeframes for symbol in ticks_s]
        until_s = self._now() + BUDGET_S
        pieces: list[list[BarsInfo]] = []
        for turn in range(self._turn, self._turn + len(keys)):
            symbol, timeframe = keys[turn % len(keys)]
            series = self._series.setdefault((symbol, timeframe), _Series())
            if not series.waiting and self._due(series, ticks_s[symbol], TIMEFRAME_MS[timeframe] // 1000):
                if self._now() >= until_s:
                    self._turn = turn % len(keys)
                    break
                self._ask(series, symbol, timeframe, ticks_s[symbol])
            while series.waiting:
                if len(pieces) == PIECES_PER_ROUND:
                    self._turn = turn % len(keys)
                    return pieces
                taken, series.waiting = series.waiting[:PIECE], series.waiting[PIECE:]
                pieces.append([BarsInfo(symbol=symbol, timeframe=cast("Timeframe", timeframe), rates=taken)])
        return pieces

    def _due(self, series: _Series, tick_s: int, length_s: int) -> bool:
        closed = series.opened_s != 0 and tick_s >= series.opened_s + length_s
        return self._now() >= series.again_s or (closed and not series.failures)

    def _ask(self, series: _Series, symbol: str, timeframe: str, tick_s: int) -> None:
        length_s = TIMEFRAME_MS[timeframe] // 1000
        whole = series.opened_s == 0 or series.partial > 0
        missing = max(0, tick_s - series.opened_s) // length_s
        count = FIRST if whole else min(FIRST, missing + _LAST)
        constant = getattr(self._calls.package, f"TIMEFRAME_{timeframe}")
        rows = self._calls.maybe("copy_rates_from_pos", symbol, constant, 0, count + 1, silence_s=HISTORY_SILENCE_S)
        if rows is None or not len(rows):
            self._later(series, _NEVER)
            return
        found: list[Any] = rows.tolist()
        torn = bool(series.known) and int(found[0][0]) > max(series.known)
        series.take(rates_of(found[:-1]))
        if whole:
            self._note_partial(series, short=len(found) <= count)
        elif torn:  # so many bars should have reached back to the last one known: the terminal has yet to load some
            series.partial = _PARTIAL_TRIES
        self._plan(series, int(found[-1][0]), behind=int(found[-1][0]) + length_s <= tick_s)

    @staticmethod
    def _note_partial(series: _Series, *, short: bool) -> None:
        if not short:
            series.partial = 0
        else:
            series.partial = _PARTIAL_TRIES if series.opened_s == 0 else series.partial - 1

    def _plan(self, series: _Series, opened_s: int, *, behind: bool) -> None:
        """When to look again: soon while the terminal is behind or still loads; once more to confirm a new bar."""
        confirm = series.opened_s != opened_s
        series.opened_s = opened_s
        if behind:
            self._later(series, _BEHIND_S)
            return
        series.failures = 0
        wait_s = _CONFIRM_S if confirm else _NEVER
        if series.partial:
            wait_s = _RETRY_S[_PARTIAL_TRIES - series.partial]
        series.again_s = self._now() + wait_s

    def _later(self, series: _Series, at_most_s: float) -> None:
        wait_s = min(_RETRY_S[min(series.failures, len(_RETRY_S) - 1)], at_most_s)
        series.again_s = self._now() + wait_s
        series.failures += 1
