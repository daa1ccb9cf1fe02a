"""The broker's trading days, and when a firm resets or wants no positions within them. Times are UTC milliseconds.

A day is the usual broker's: it begins at 17:00 New York and lasts 24 hours, so a week has five of them.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from bridge.market.broker_money import swap_nights
from bridge.market.recording import TIMEFRAME_MS
from sizing.prop.calendar import break_bounds, day_bounds, resets_between, weekend_bounds
from sizing.prop.firm import Firm

DAY_MS = TIMEFRAME_MS["D1"]
_NEW_YORK = ZoneInfo("America/New_York")
_EPOCH = date(1970, 1, 1)
_LONGEST_BREAK = 5
"""Days between two trading days that are a weekend or holidays; longer ones are holes of the file."""


class TradingDay(NamedTuple):
    """One day on a grid of `steps` equal steps; moment number 0 is its opening, number `steps` its close."""

    start_ms: int
    offset_ms: int
    """The broker's clock less UTC."""
    resets: tuple[tuple[int, int], ...]
    """Moment and time of each reset of the firm after the opening, the close included."""
    resets_closed: tuple[int, ...]
    """Times of the resets between the close and the next opening."""
    flat: frozenset[int]
    """Moments at which EAs close everything, since the firm wants no positions soon after."""
    shut: frozenset[int]
    """Moments at which no EA asks."""
    nights: dict[int, int]
    """Nights charged at the close, by the symbol's day of the triple swap."""


def opening_ms(number: int) -> int:
    """When the trading day of a date opens; dates are counted from the epoch."""
    return _opening(number)


@cache
def _opening(number: int) -> int:
    before = _EPOCH + timedelta(days=number - 1)
    return int(datetime.combine(before, time(17), _NEW_YORK).astimezone(UTC).timestamp()) * 1000


def day_openings(time_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """The opening of the trading day that each moment falls in."""
    first, last = int(time_ms[0]) // DAY_MS, int(time_ms[-1]) // DAY_MS + 2
    opens = np.array([opening_ms(number) for number in range(first - 1, last + 1)], dtype=np.int64)
    return opens[np.searchsorted(opens, time_ms, side="right") - 1]


def date_numbers(time_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """The date of each daily bar, whether it opens at midnight or on the evening before."""
    return (time_ms + DAY_MS // 2) // DAY_MS


def bridged(dates: list[int]) -> list[int]:
    """The same dates one after the other, where a hole of the file becomes a break to the same weekday."""
    found = dates[:1]
    for before, after in pairwise(dates):
        step = after - before
        if step > _LONGEST_BREAK:
            step = step % 7 or 7
        found.append(found[-1] + step)
    return found


class Days:
    """The trading days of one firm, worked out once each."""

    def __init__(self, firm: Firm, steps: int) -> None:
        self._firm = firm
        self._step_ms = DAY_MS // steps
        self._steps = steps
        self._known: dict[tuple[int, int], TradingDay] = {}
        self._windows_of: dict[int, list[tuple[int, int]]] = {}

    def day(self, number: int, following: int) -> TradingDay:
        """The trading day of a date, and the date of the one that follows."""
        key = number, following
        if key not in self._known:
            self._known[key] = self._make(opening_ms(number), opening_ms(following), number)
        return self._known[key]

    def begun_ms(self, day: TradingDay) -> int:
        """The firm's last reset at the opening of a trading day."""
        return day_bounds(self._firm, day.start_ms, day.offset_ms)[0]

    def _make(self, start_ms: int, next_ms: int, number: int) -> TradingDay:
        end_ms, offset_ms = start_ms + DAY_MS, -start_ms % DAY_MS
        every = list(resets_between(self._firm, start_ms, next_ms, offset_ms))
        windows = self._windows(start_ms, end_ms, offset_ms)
        moments = [start_ms + each * self._step_ms for each in range(self._steps + 1)]
        # The last moment before a window is when whoever is to be flat in it closes.
        flat = {max(i for i, at in enumerate(moments) if at <= begin) for begin, _ in windows if begin >= start_ms}
        shut = {i for i, at in enumerate(moments) for begin, until in windows if begin <= at < until}
        weekday = (number + 4) % 7  # the epoch was a Thursday, 4 from Sunday
        return TradingDay(
            start_ms=start_ms,
            offset_ms=offset_ms,
            resets=tuple((-(-(at - start_ms) // self._step_ms), at) for at in every if at <= end_ms),
            resets_closed=tuple(at for at in every if at > end_ms),
            flat=frozenset(flat),
            shut=frozenset(shut | flat),
            nights={triple: swap_nights(weekday, triple) for triple in range(7)},
        )

    def _windows(self, start_ms: int, end_ms: int, offset_ms: int) -> list[tuple[int, int]]:
        return sorted(set(self._all_windows(start_ms, end_ms, offset_ms)))

    def _all_windows(self, start_ms: int, end_ms: int, offset_ms: int) -> Iterator[tuple[int, int]]:
        for bounds in (weekend_bounds, break_bounds):
            at_ms = start_ms
            while at_ms <= end_ms and (found := bounds(self._firm, at_ms, offset_ms)) is not None:
                if found[0] <= end_ms:
                    yield found
                at_ms = found[1]
