"""Calendar files as CSV: a header and one event a row, separated by commas, semicolons or tabs.

    time,currency,impact,title
    2026-03-11T12:30:00Z,USD,high,CPI y/y
    2026-03-18T14:00:00-04:00,ALL,high,FOMC statement

`time` is ISO 8601 with its zone. `currency` is one code or several, or nothing or ALL for every symbol. `impact` is
low, medium or high (a holiday is low); no such column, or an empty cell, is high. `until` is the end of what lasts, and
optional. Columns come in any order, others are not read. An empty line is no row; every other row is an event or a
fault.

MT5's calendar gives times of the trade server without its zone, and ForexFactory's weekly CSV gives them without any:
they must be converted first. The other columns of both are read under their own names.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from bridge.calendar_event import (
    EVENTS_MAX,
    EXAMPLE_TIME,
    CalendarFault,
    Impact,
    NewsEvent,
    currencies_of,
    impact_of,
    make_event,
    refuse,
    utc_ms,
)

# Our name first. Of the others, at most one may be there.
_COLUMNS = {
    "time": ("datetime", "date"),
    "currency": ("currencies", "country"),  # ForexFactory's "country" holds currency codes; a real country is a fault
    "impact": ("importance",),
    "title": ("event", "name", "event_name"),
    "until": (),
}
_REQUIRED = ("time", "currency", "title")
_WORDS: dict[str, Impact] = {"none": "low", "holiday": "low", "non-economic": "low"}
_NUMBERS: dict[str, Impact] = {"0": "low", "1": "low", "2": "medium", "3": "high"}
"""MT5's ENUM_CALENDAR_EVENT_IMPORTANCE, where 0 is none. Only under its own name: elsewhere 1 may be the highest."""


def read_csv(path: Path, text: str) -> list[NewsEvent]:
    """The events in the file's order. Raises CalendarFault, which lists the wrong rows."""
    rows = _rows(path, text)
    _, header = next(rows, (0, ()))
    places = _places(path, [name.strip().lower() for name in header])
    words = _WORDS | _NUMBERS if header[places.get("impact", 0)].strip().lower() == "importance" else _WORDS
    events: list[NewsEvent] = []
    problems: list[str] = []
    for line, row in rows:
        try:
            _check_shape(row, header)
            events.append(_event({name: row[place].strip() for name, place in places.items()}, words))
        except ValueError as error:
            problems.append(f"line {line}: {error}")
        if len(events) + len(problems) > EVENTS_MAX:
            raise CalendarFault(f"{path} holds more than {EVENTS_MAX} events; keep the weeks that matter")
    refuse(path, problems)
    return events


def _rows(path: Path, text: str) -> Iterator[tuple[int, Sequence[str]]]:
    """Rows that hold anything, each with the number of its last line."""
    first = text.lstrip().partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        fix = "look for a quote that is not closed"
        raise CalendarFault(f"{path} is not a CSV file at line {reader.line_num}: {error}; {fix}") from error


def _places(path: Path, names: list[str]) -> dict[str, int]:
    """Where each of our columns stands in the header."""
    places: dict[str, int] = {}
    problems: list[str] = []
    for column, others in _COLUMNS.items():
        found = [name for name in names if name == column] or [name for name in names if name in others]
        if len(found) > 1:
            problems.append(f"its header has {' and '.join(found)} for the {column}; leave one")
        elif found:
            places[column] = names.index(found[0])
        elif column in _REQUIRED:
            problems.append(f"its header has no column {column}; begin the file with time,currency,impact,title")
    refuse(path, problems)
    return places


def _check_shape(row: Sequence[str], header: Sequence[str]) -> None:
    if len(row) != len(header):
        raise ValueError(f"it has {len(row)} cells and the header {len(header)}; quote a cell that holds the separator")
    if any("\n" in cell or "\r" in cell for cell in row):  # two stray quotes would swallow the rows between them
        raise ValueError("a cell holds more than one line; look for a quote that is not closed")


def _event(cells: Mapping[str, str], words: Mapping[str, Impact]) -> NewsEvent:
    at_ms = _time_ms(cells["time"])
    until_ms = _time_ms(cells["until"]) if cells.get("until") else at_ms
    text = cells.get("impact") or "high"
    impact = impact_of(text, words)
    if impact is None:
        raise ValueError(f"{text[:40]!r} is not an impact; write low, medium or high")
    return make_event(at_ms, until_ms, currencies_of(cells["currency"]), impact, cells["title"])


def _time_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a time; write it with its zone, such as {EXAMPLE_TIME}") from None
    return utc_ms(moment)
