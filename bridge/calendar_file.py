"""The economic calendar that a firm's news windows come from: a .csv or .ics file that somebody keeps up to date.

`read_calendar` reads one; `CalendarWatch` follows one while the daemon runs. The formats stand in `calendar_csv` and
`calendar_ics`. A calendar fails closed: whatever is wrong with it is a reason not to trade, until it is put right.
"""

import stat
from bisect import bisect_right
from pathlib import Path
from typing import Protocol

from bridge.calendar_csv import read_csv
from bridge.calendar_event import IMPACTS, CalendarFault, NewsEvent, utc_text
from bridge.calendar_ics import read_ics
from sizing.snapshot import NewsWindow

__all__ = ["CalendarFault", "CalendarRule", "CalendarWatch", "NewsEvent", "read_calendar"]

BYTES_MAX = 20_000_000
LOOK_MS = 30_000
_MINUTE_MS = 60_000
_DAY_MS = 86_400_000
_READERS = {".csv": read_csv, ".ics": read_ics}

_Stamp = tuple[int, int]
"""Time of the last change (ns) and size (bytes)."""


class CalendarRule(Protocol):
    """What of a calendar counts, and for how long around it."""

    @property
    def minutes_before(self) -> float: ...
    @property
    def minutes_after(self) -> float: ...
    @property
    def max_gap_days(self) -> float:
        """Within so many days some event must come, of whatever impact; else the calendar has come to its end."""

    @property
    def impact(self) -> str:
        """The least impact that counts: low, medium or high."""


def read_calendar(path: Path) -> tuple[NewsEvent, ...]:
    """The events of a calendar file, sorted by time. Raises CalendarFault."""
    _stamp(path)
    return _parse(path, _read(path))


class CalendarWatch:
    """One calendar file, read again whenever it changes."""

    def __init__(self, path: Path, rule: CalendarRule) -> None:
        self.windows: tuple[NewsWindow, ...] = ()
        """What counts by the rule, sorted by time. The same object until something changes."""
        self._path = path
        self._before_ms = round(rule.minutes_before * _MINUTE_MS)
        self._after_ms = round(rule.minutes_after * _MINUTE_MS)
        self._impacts = IMPACTS[IMPACTS.index(rule.impact) :]
        self._fault: str | None = f"{path} has not been read yet; ask again"
        self._gap_ms = rule.max_gap_days * _DAY_MS
        self._at_ms: list[int] = []
        self._stamp: _Stamp | None = None
        self._looked_ms: int | None = None

    def poll(self, now_ms: int) -> None:
        """Look at the file, unless that was done in the last 30 s. What is wrong is kept for `missing`."""
        if self._looked_ms is not None and 0 <= now_ms - self._looked_ms < LOOK_MS:
            return
        self._looked_ms = now_ms
        try:
            self._refresh()
        except CalendarFault as fault:
            self._fault = str(fault)

    def missing(self, now_ms: int) -> str | None:
        """Why the calendar cannot be trusted now, with the remedy; None if it can.

        An event of any impact that is still to come, and soon, shows that the calendar goes on. Windows of a file that
        has gone bad stay, so that what was known to come is still told as news.
        """
        if self._fault is not None:
            return self._fault
        remedy = "replace it with a calendar that has events to come"
        if not self._at_ms:
            return f"{self._path} holds no event; {remedy}"
        coming = bisect_right(self._at_ms, now_ms)
        if coming == len(self._at_ms):
            return f"{self._path} covers only until {utc_text(self._at_ms[-1])}; {remedy}"
        if self._at_ms[coming] > now_ms + self._gap_ms:
            next_at = utc_text(self._at_ms[coming])
            return f"{self._path} has nothing until {next_at}, which is longer than max_gap_days; {remedy}"
        return None

    def _refresh(self) -> None:
        known, self._stamp = self._stamp, None  # a file that cannot be opened is tried again at every look
        stamp = _stamp(self._path)
        if stamp != known:
            data = _read(self._path)
            self._stamp = stamp
            self._take(_parse(self._path, data))
        self._stamp = stamp

    def _take(self, events: tuple[NewsEvent, ...]) -> None:
        windows = tuple(self._window(event) for event in events if event.impact in self._impacts)
        if windows != self.windows:
            self.windows = windows
        self._at_ms = [event.at_ms for event in events]
        self._fault = None

    def _window(self, event: NewsEvent) -> NewsWindow:
        start_ms, end_ms = event.at_ms - self._before_ms, event.until_ms + self._after_ms
        return NewsWindow(start_ms, end_ms, event.currencies, event.title)


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except FileNotFoundError:
        raise CalendarFault(f"{path} does not exist; put the calendar there") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise CalendarFault(f"{path} is not a file; put the calendar there")
    return found.st_mtime_ns, found.st_size


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(data) > BYTES_MAX:
        raise CalendarFault(f"{path} is larger than {BYTES_MAX // 1_000_000} MB; keep the weeks that matter")
    return data


def _unreadable(path: Path, error: Exception) -> CalendarFault:
    return CalendarFault(f"{path} cannot be read ({error}); let the daemon's user read it")


def _parse(path: Path, data: bytes) -> tuple[NewsEvent, ...]:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise CalendarFault(f"{path} is neither .csv nor .ics; name it by what it holds")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CalendarFault(f"{path} is not UTF-8 text at byte {error.start}; save it as UTF-8") from None
    return tuple(sorted(reader(path, text)))
