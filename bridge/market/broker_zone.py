"""A broker's wall clock over the year, so that its past can be put into UTC: the offset of today is not that of March.

Most forex brokers keep their midnight at 17:00 in New York, whatever daylight saving does there ("new-york-close").
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

NEW_YORK_CLOSE = "new-york-close"
_NEW_YORK_SHIFT = timedelta(hours=7)
_QUARTER_MS = 900_000
"""Clocks change at a quarter of an hour."""
_OFFSET = re.compile(r"([+-])(\d{1,2}):?([0-5]\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class BrokerZone:
    """A time zone, and how far the broker's clock is ahead of it."""

    name: str
    zone: tzinfo
    shift: timedelta = timedelta(0)

    def utc_ms(self, wall_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Broker times (n,) in UTC. Where clocks go back, a time that comes twice is taken for the first."""
        return self._utc_ms(wall_ms, fold=0)

    def outlasts(self, wall_ms: NDArray[np.int64], length_ms: int) -> NDArray[np.bool_]:
        """Which spans that begin at these broker times (n,) may last longer than they do by the broker's clock.

        It goes back within them, or at a time that comes twice they may be either, or both.
        """
        last_ms = self._utc_ms(wall_ms + (length_ms - 1), fold=1)
        return np.asarray(last_ms - self.utc_ms(wall_ms) >= length_ms)

    def wall_ms(self, utc_ms: int) -> int:
        """A moment by the broker's clock."""
        aware = (_EPOCH + timedelta(milliseconds=utc_ms)).astimezone(self.zone)
        return utc_ms + _ms((aware.utcoffset() or timedelta(0)) + self.shift)

    def _utc_ms(self, wall_ms: NDArray[np.int64], fold: int) -> NDArray[np.int64]:
        quarters, places = np.unique(wall_ms // _QUARTER_MS, return_inverse=True)
        offsets = np.array([self._offset_of_wall_ms(int(each), fold) for each in quarters], dtype=np.int64)
        return wall_ms - offsets[places] if len(wall_ms) else wall_ms

    def _offset_of_wall_ms(self, quarter: int, fold: int) -> int:
        local = (_EPOCH + timedelta(milliseconds=quarter * _QUARTER_MS)).replace(tzinfo=None) - self.shift
        return _ms((local.replace(tzinfo=self.zone, fold=fold).utcoffset() or timedelta(0)) + self.shift)


def zone_of(text: str) -> BrokerZone:
    """From "new-york-close", "UTC", an offset such as "+02:00", or an IANA name. Raises ValueError."""
    name = text.strip()
    if name == NEW_YORK_CLOSE:
        return BrokerZone(name, ZoneInfo("America/New_York"), _NEW_YORK_SHIFT)
    if name == "UTC":
        return BrokerZone(name, UTC)
    match = _OFFSET.fullmatch(name)
    if match is not None and int(match[2]) <= 14:
        size = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return BrokerZone(name, timezone(size if match[1] == "+" else -size))
    try:
        return BrokerZone(name, ZoneInfo(name))
    except (KeyError, OSError, ValueError):
        wanted = '"new-york-close", "UTC", an offset such as "+02:00" or an IANA name such as "Europe/Athens"'
        raise ValueError(f"{name!r} is no broker's time zone; write {wanted}") from None


def usual_zone(offset_ms: int, now_ms: int) -> BrokerZone | None:
    """New York's close, where an offset measured now fits it; None: nothing usual fits, and the user has to say."""
    close = zone_of(NEW_YORK_CLOSE)
    return close if close.wall_ms(now_ms) - now_ms == offset_ms else None


def _ms(offset: timedelta) -> int:
    return int(offset.total_seconds()) * 1000
