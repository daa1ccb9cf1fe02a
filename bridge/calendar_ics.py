"""Calendar files as iCalendar (RFC 5545), parsed by the `icalendar` library.

Of each VEVENT: DTSTART in UTC or with TZID; DTEND or DURATION if it lasts; SUMMARY, its title. An event of whole days
(VALUE=DATE) covers those days in UTC. A floating time is a fault. Times that a zone has twice are the first of the two,
times that it skips are counted on from before the gap (RFC 5545, 3.3.5). DURATION is exact time: P1D is 24 hours.

Currencies are the codes in CATEGORIES and at the start of SUMMARY ("USD: CPI y/y", "[EUR USD] talks"); none is every
symbol. The impact is the higher of PRIORITY (1-4 high, 5 medium, 6-9 low) and a word in CATEGORIES; without both, high.

Zones are those of the IANA database, or Windows' names for them. What a file defines itself (VTIMEZONE) is not read, so
that no file can redefine a zone. Repeating events (RRULE, RDATE) are a fault: they are not unrolled.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from icalendar import Calendar

from bridge.calendar_event import (
    CURRENCIES,
    ICS_EVENTS_MAX,
    IMPACTS,
    CalendarFault,
    Impact,
    NewsEvent,
    currencies_of,
    impact_of,
    make_event,
    refuse,
    utc_ms,
)

_TIMES = {"DTSTART", "DTEND"}
_READ = _TIMES | {"DURATION", "SUMMARY", "CATEGORIES", "PRIORITY", "RRULE", "RDATE"}
_LINE = re.compile(r"""([A-Za-z0-9-]+)((?:;[^":]*(?:"[^"]*"[^":]*)*)?):(.*)""", re.DOTALL)
"""Name, parameters, value (RFC 5545, 3.1)."""
_ZONE = re.compile(r';TZID="?([^";:]*)', re.IGNORECASE)
_CODES_FIRST = re.compile(r"\s*(?:\[([^\]]*)\]|([^:]*):)")
_EVENT = ["VCALENDAR", "VEVENT"]
_DAY = timedelta(days=1)
_MS = timedelta(milliseconds=1)


def read_ics(path: Path, text: str) -> list[NewsEvent]:
    """The events in the file's order. Raises CalendarFault, which lists the wrong events."""
    lines = list(_event_lines(path, text))
    try:
        calendars = Calendar.from_ical("\r\n".join(lines).encode(), multiple=True)
    except Exception as error:  # the library means ValueError, but damaged text finds other ways out of it
        raise CalendarFault(f"{path} is not a calendar that can be read: {error}; export it anew") from error
    events: list[NewsEvent] = []
    problems: list[str] = []
    components = [component for calendar in calendars for component in calendar.subcomponents]
    for number, component in enumerate(components, 1):
        try:
            events.append(_event(component))
        except ValueError as error:
            problems.append(f"event {number} ({str(component.get('SUMMARY', 'no title'))[:40]!r}): {error}")
    refuse(path, problems)
    return events


def _event_lines(path: Path, text: str) -> Iterator[str]:
    """The lines that are read, in full and without what the library would repair, guess or drop in silence."""
    inside: list[str] = []
    count = 0
    for line in re.split(r"\r?\n", re.sub(r"\r?\n[ \t]", "", text)):
        name, _, value = line.rstrip().upper().partition(":")
        if name == "BEGIN":
            inside.append(value)
            count += value == "VEVENT"
        if (name and inside[:1] != ["VCALENDAR"]) or (name == "BEGIN" and value == "VEVENT" and inside != _EVENT):
            raise CalendarFault(f"{path} is not an iCalendar file at {line[:40]!r}; export it anew")
        if name in {"BEGIN", "END"}:
            if inside in (_EVENT, _EVENT[:1]):
                yield f"{name}:{value}"
            if name == "END" and inside.pop() != value:
                raise CalendarFault(f"{path} has {line[:40]!r} without its beginning; export it anew")
        elif name and inside == _EVENT:
            yield from _property(path, line.rstrip())
    if inside or not text.strip():
        raise CalendarFault(f"{path} ends within a calendar or has none; it was cut off, export it anew")
    if count > ICS_EVENTS_MAX:
        raise CalendarFault(f"{path} holds more than {ICS_EVENTS_MAX} events; keep the weeks that matter")


def _property(path: Path, line: str) -> Iterator[str]:
    """An event's line, if it is one that is read, without parameters but TZID.

    Times must be written in full: the library takes "+1" for two digits, and beside a TZID it overlooks a Z.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        raise CalendarFault(f"{path} has an event with the damaged line {line[:60]!r}; export it anew")
    name, parameters, value = match[1].upper(), match[2], match[3]
    zone = _ZONE.search(parameters) if name in _TIMES else None
    if name in _TIMES:
        wanted = r"[0-9]{8}(T[0-9]{6}Z?)?" if zone is None else r"[0-9]{8}T[0-9]{6}"
        if not re.fullmatch(wanted, value) or (zone is not None and zone[1].startswith("/")):
            fix = "write UTC with Z, or a local time without Z and TZID with a name such as America/New_York"
            raise CalendarFault(f"{path} has an event with {line[:80]!r}; {fix}")
    if name in _READ:
        yield f"{name}:{value}" if zone is None else f'{name};TZID="{zone[1]}":{value}'


def _event(component: Any) -> NewsEvent:
    for name, problem in component.errors:
        raise ValueError(f"{name or 'a line'} cannot be read ({problem}); correct it")
    if "RRULE" in component or "RDATE" in component:
        raise ValueError("repeating events are not read; export each occurrence as an event of its own")
    summary = str(_single(component, "SUMMARY") or "")
    categories = _categories(component)
    at_ms, until_ms = _times(component)
    return make_event(at_ms, until_ms, _currencies(summary, categories), _impact(component, categories), summary)


def _single(component: Any, name: str) -> Any:
    values = component.get(name)
    if not isinstance(values, list):
        return values
    raise ValueError(f"it has {name} more than once; leave one")


def _categories(component: Any) -> list[str]:
    """Each entry of CATEGORIES, which may stand in several lines."""
    found = component.get("CATEGORIES", [])
    return [str(entry) for each in (found if isinstance(found, list) else [found]) for entry in each.cats]


def _times(component: Any) -> tuple[int, int]:
    start, end, duration = (_single(component, name) for name in ("DTSTART", "DTEND", "DURATION"))
    if start is None:
        raise ValueError("it has no DTSTART; give it one")
    if end is not None and duration is not None:
        raise ValueError("it has DTEND and DURATION; leave one")
    at_ms, least_ms = _moment_ms(start)
    if end is not None:
        until_ms, _ = _moment_ms(end)
    else:
        until_ms = at_ms + (0 if duration is None else _length_ms(duration))
    if until_ms == at_ms:
        until_ms += least_ms
    return at_ms, until_ms


def _length_ms(value: Any) -> int:
    if isinstance(value.dt, timedelta):
        return value.dt // _MS
    raise ValueError("its DURATION is not a length; write one such as PT30M")


def _moment_ms(value: Any) -> tuple[int, int]:
    """A DTSTART or DTEND, and how long it lasts by itself: a day if it is a date, else nothing."""
    moment: datetime | date = value.dt
    if not isinstance(moment, datetime):
        return utc_ms(datetime.combine(moment, time(), UTC)), _DAY // _MS
    zone = value.params.get("TZID")
    if moment.tzinfo is None and zone is not None:
        raise ValueError(f"zone {str(zone)[:40]!r} is unknown; write an IANA name such as America/New_York")
    return utc_ms(moment), 0


def _currencies(summary: str, categories: list[str]) -> tuple[str, ...]:
    """Codes as they are written in capitals; "CPI:" or "Fed" are none, and an event without any counts everywhere."""
    first = _CODES_FIRST.match(summary)
    texts = [*categories, *([first[1] or first[2] or ""] if first else [])]
    words = [re.split(r"[\s,|/]+", text.strip()) for text in texts]
    codes = [code for group in words if all(word == "ALL" or word in CURRENCIES for word in group) for code in group]
    return currencies_of(" ".join(codes))


def _impact(component: Any, categories: list[str]) -> Impact:
    found = [impact for entry in categories if (impact := impact_of(entry)) is not None]
    priority = int(_single(component, "PRIORITY") or 0)
    if not 0 <= priority <= 9:
        raise ValueError(f"PRIORITY {priority} is not one of 0 to 9; correct it")
    if priority:
        found.append("high" if priority < 5 else "medium" if priority == 5 else "low")
    return max(found, key=IMPACTS.index, default="high")
